/*
 * Names of objects: see name.h. Pure functions, no state; used by listing, lookup and the notifier.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "name.h"

#define HASH_DIGITS 16
#define HASH_PART (1 + HASH_DIGITS) /* "~" and the digits */
#define ENCODED_MAX (3 * SFS_OID_MAX)
/* A prefix is cut before a split character (3 bytes) or escape (2 bytes). */
#define HASHED_MIN (SFS_NAME_MAX - 5)

static const char *const extensions[] = {
	[SFS_FORMAT_JSON] = ".json",
	[SFS_FORMAT_MSGPACK] = ".msgpack",
};

uint64_t fs_name_hash(struct sfs_span bytes, uint64_t seed)
{
	return XXH3_64bits_withSeed(bytes.len ? bytes.data : "", bytes.len, seed);
}

/** Length of the valid UTF-8 character at the start of text; 0 when there is none. */
static size_t utf8_length(const unsigned char *text, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t want = text[0] < 0x80   ? 1
		      : text[0] < 0xc2 ? 0
		      : text[0] < 0xe0 ? 2
		      : text[0] < 0xf0 ? 3
		      : text[0] < 0xf5 ? 4
				       : 0;
	if (want <= 1 || want > len)
		return want <= 1 ? want : 0;
	uint32_t code = text[0] & (0xff >> (want + 1));
	for (size_t i = 1; i < want; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < least[want] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return want;
}

/** Length of the good character at a place; 0 when its first byte must be escaped. */
static size_t good_length(struct sfs_span text, size_t at)
{
	const unsigned char *bytes = text.data;
	unsigned char c = bytes[at];
	if (c == '/' || c < 0x20 || c == 0x7f || (at == 0 && (c == '.' || c == '#')))
		return 0;
	return utf8_length(bytes + at, text.len - at);
}

static bool is_good(struct sfs_span oid)
{
	for (size_t at = 0, step; at < oid.len; at += step) {
		step = good_length(oid, at);
		if (!step)
			return false;
	}
	return true;
}

/** Escape all that must be and every '%'. Returns the length. */
static size_t encode_full(struct sfs_span oid, char ret[ENCODED_MAX])
{
	static const char digits[] = "0123456789ABCDEF";
	const unsigned char *bytes = oid.data;
	size_t len = 0;
	for (size_t at = 0; at < oid.len;) {
		size_t step = bytes[at] == '%' ? 0 : good_length(oid, at);
		if (step) {
			memcpy(ret + len, bytes + at, step);
			len += step;
			at += step;
			continue;
		}
		ret[len++] = '%';
		ret[len++] = digits[bytes[at] >> 4];
		ret[len++] = digits[bytes[at] & 15];
		at++;
	}
	return len;
}

static int hex_value(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/** Undo every %XX. ret has room for name.len bytes. */
static size_t full_decode(struct sfs_span name, unsigned char *ret)
{
	const unsigned char *bytes = name.data;
	size_t len = 0;
	for (size_t at = 0; at < name.len;) {
		int high = -1, low = -1;
		if (bytes[at] == '%' && name.len - at >= 3) {
			high = hex_value(bytes[at + 1]);
			low = hex_value(bytes[at + 2]);
		}
		if (high >= 0 && low >= 0) {
			ret[len++] = (unsigned char)(high << 4 | low);
			at += 3;
		} else {
			ret[len++] = bytes[at++];
		}
	}
	return len;
}

/** The oid that a name without extension means. ret has room for name.len bytes. */
static size_t decode(struct sfs_span name, unsigned char *ret)
{
	char again[ENCODED_MAX];
	size_t len = full_decode(name, ret);
	size_t again_len = encode_full((struct sfs_span){ ret, len }, again);
	if (sfs_span_equal((struct sfs_span){ again, again_len }, name))
		return len;
	memcpy(ret, name.data, name.len);
	return name.len;
}

static size_t encode(struct sfs_span oid, char ret[ENCODED_MAX])
{
	unsigned char back[SFS_OID_MAX];
	if (is_good(oid)) {
		size_t len = decode(oid, back);
		if (sfs_span_equal((struct sfs_span){ back, len }, oid)) {
			memcpy(ret, oid.data, oid.len);
			return oid.len;
		}
	}
	return encode_full(oid, ret);
}

/** The longest prefix of at most max bytes that splits no character and no escape. */
static size_t cut(const char *name, size_t max)
{
	while (max > 0 && ((unsigned char)name[max] & 0xc0) == 0x80)
		max--;
	if (max >= 1 && name[max - 1] == '%')
		return max - 1;
	if (max >= 2 && name[max - 2] == '%')
		return max - 2;
	return max;
}

/** @hash  NULL: of the oid; else that of what the oid is the beginning of. */
static size_t make_hashed(struct sfs_span oid, const uint64_t *hash, const char *extension,
			  char ret[SFS_NAME_MAX + 1])
{
	size_t extension_len = strlen(extension);
	char encoded[ENCODED_MAX];
	/* Only properties are longer than an oid: of these the beginning is enough. */
	bool whole = oid.len <= SFS_OID_MAX && !hash;
	size_t known = oid.len < SFS_OID_MAX ? oid.len : SFS_OID_MAX;
	size_t len = encode((struct sfs_span){ oid.data, known }, encoded);
	if (!whole || len + extension_len > SFS_NAME_MAX) {
		size_t room = SFS_NAME_MAX - extension_len - HASH_PART;
		if (len > room)
			len = cut(encoded, room);
		memcpy(ret, encoded, len);
		char digits[HASH_PART + 1];
		snprintf(digits, sizeof digits, "~%016llx",
			 (unsigned long long)(hash ? *hash : XXH3_64bits(oid.data, oid.len)));
		memcpy(ret + len, digits, HASH_PART);
		len += HASH_PART;
	} else {
		memcpy(ret, encoded, len);
	}
	memcpy(ret + len, extension, extension_len + 1);
	return len + extension_len;
}

static size_t make(struct sfs_span oid, const char *extension, char ret[SFS_NAME_MAX + 1])
{
	return make_hashed(oid, NULL, extension, ret);
}

size_t fs_name_make_key(struct sfs_span text, uint64_t hash, bool cut, char ret[SFS_NAME_MAX + 1])
{
	return make_hashed(text, cut ? &hash : NULL, "", ret);
}

size_t fs_name_make(struct sfs_span oid, enum sfs_format format, char ret[SFS_NAME_MAX + 1])
{
	return make(oid, extensions[format], ret);
}

size_t fs_name_make_error(struct sfs_span oid, enum sfs_format format, char ret[SFS_NAME_MAX + 1])
{
	return make(oid,
		    format == SFS_FORMAT_MSGPACK ? ".msgpack" FS_NAME_ERROR : ".json" FS_NAME_ERROR,
		    ret);
}

size_t fs_name_make_removed(struct sfs_span oid, char ret[SFS_NAME_MAX + 1])
{
	return make(oid, ".json" FS_NAME_REMOVED, ret);
}

size_t fs_name_make_stem(struct sfs_span oid, char ret[SFS_NAME_MAX + 1])
{
	size_t len = make(oid, extensions[SFS_FORMAT_JSON], ret) -
		     strlen(extensions[SFS_FORMAT_JSON]);
	ret[len] = '\0';
	return len;
}

size_t fs_name_make_field(struct sfs_span name, char ret[SFS_NAME_MAX + 1])
{
	return make(name, "", ret);
}

size_t fs_name_make_class(struct sfs_span name, char ret[SFS_NAME_MAX + 1])
{
	static const char longest[] = ".schema.json";
	size_t len = make(name, longest, ret) - (sizeof longest - 1);
	ret[len] = '\0';
	return len;
}

size_t fs_name_decode(struct sfs_span name, unsigned char *ret)
{
	return full_decode(name, ret);
}

static bool has_extension(struct sfs_span name, const char *extension, size_t *ret_stem)
{
	size_t len = strlen(extension);
	if (name.len <= len ||
	    memcmp((const char *)name.data + name.len - len, extension, len) != 0)
		return false;
	*ret_stem = name.len - len;
	return true;
}

/** Does a stem end in "~" and 16 lower-case hex digits? */
static bool has_hash(struct sfs_span stem)
{
	const char *bytes = stem.data;
	if (stem.len <= HASH_PART || bytes[stem.len - HASH_PART] != '~')
		return false;
	for (size_t i = stem.len - HASH_DIGITS; i < stem.len; i++) {
		if (!((bytes[i] >= '0' && bytes[i] <= '9') || (bytes[i] >= 'a' && bytes[i] <= 'f')))
			return false;
	}
	return true;
}

bool fs_name_parse_field(struct sfs_span name, unsigned char ret[SFS_NAME_MAX], size_t *ret_len)
{
	const char *bytes = name.data;
	if (name.len == 0 || name.len > SFS_NAME_MAX || bytes[0] == '.' || bytes[0] == '#')
		return false;
	*ret_len = decode(name, ret);
	return true;
}

bool fs_name_is_hashed(struct sfs_span name)
{
	return name.len >= HASHED_MIN && has_hash(name);
}

void fs_name_parse(struct sfs_span name, struct fs_name *ret)
{
	const char *bytes = name.data;
	size_t stem_len = 0;
	ret->object = false;
	if (name.len == 0 || name.len > SFS_NAME_MAX || bytes[0] == '.' || bytes[0] == '#')
		return;
	if (has_extension(name, extensions[SFS_FORMAT_JSON], &stem_len))
		ret->format = SFS_FORMAT_JSON;
	else if (has_extension(name, extensions[SFS_FORMAT_MSGPACK], &stem_len))
		ret->format = SFS_FORMAT_MSGPACK;
	else
		return;
	struct sfs_span stem = { bytes, stem_len };
	ret->object = true;
	ret->oid_len = decode(stem, ret->oid);
	ret->hashed = name.len >= HASHED_MIN && has_hash(stem);
	char again[SFS_NAME_MAX + 1];
	size_t len = fs_name_make((struct sfs_span){ ret->oid, ret->oid_len }, ret->format, again);
	ret->canonical = sfs_span_equal((struct sfs_span){ again, len }, name);
}

bool fs_name_stays_below(struct sfs_span path)
{
	const char *at = path.data, *end = at + path.len;
	while (at < end) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		const char *stop = slash ? slash : end;
		size_t len = (size_t)(stop - at);
		if ((len == 2 && memcmp(at, "..", 2) == 0) || memchr(at, '\0', len))
			return false;
		at = slash ? slash + 1 : end;
	}
	return true;
}

size_t fs_name_prefix(struct sfs_span name, unsigned number, unsigned char ret[SFS_NAME_MAX])
{
	size_t stem_len = 0;
	if (!has_extension(name, extensions[SFS_FORMAT_JSON], &stem_len) &&
	    !has_extension(name, extensions[SFS_FORMAT_MSGPACK], &stem_len))
		return 0;
	if (!has_hash((struct sfs_span){ name.data, stem_len }))
		return 0;
	struct sfs_span prefix = { name.data, stem_len - HASH_PART };
	if (number == 1) {
		size_t len = full_decode(prefix, ret);
		return len == prefix.len ? 0 : len; /* the same as number 0 */
	}
	memcpy(ret, prefix.data, prefix.len);
	return prefix.len;
}
