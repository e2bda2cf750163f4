/*
 * Shared by the tests of documents: hexadecimal, conversions with every step asserted, corpora, and
 * a source of values that are the same for the same seed.
 */
#ifndef DOCUMENT_CHECK_H
#define DOCUMENT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <storefs/store.h>
#include "document/json.h"
#include "document/msgpack.h"
#include "document/utf8.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof *(a))

/* Bytes of "c0 ff", NUL-free text in, owned buffer out. */
static inline struct sfs_buf from_hex(const char *hex)
{
	struct sfs_buf buf = SFS_BUF_INIT;
	unsigned byte;
	int used;
	while (sscanf(hex, " %2x%n", &byte, &used) == 1) {
		char c = (char)byte;
		assert_int_equal(sfs_buf_append(&buf, &c, 1), 0);
		hex += used;
	}
	return buf;
}

/* "c0ff"; the caller frees it. */
static inline char *to_hex(struct sfs_span bytes)
{
	char *text = malloc(bytes.len * 2 + 1);
	assert_non_null(text);
	for (size_t i = 0; i < bytes.len; i++)
		snprintf(text + 2 * i, 3, "%02x", ((const uint8_t *)bytes.data)[i]);
	text[bytes.len * 2] = 0;
	return text;
}

static inline void assert_span_equal(struct sfs_span found, struct sfs_span expected)
{
	if (sfs_span_equal(found, expected))
		return;
	print_error("found    %zu bytes: %.*s\nexpected %zu bytes: %.*s\n", found.len,
		    (int)(found.len < 400 ? found.len : 400), (const char *)found.data,
		    expected.len, (int)(expected.len < 400 ? expected.len : 400),
		    (const char *)expected.data);
	fail();
}

static inline int json_to_msgpack(struct sfs_span text, struct sfs_buf *ret, struct sfs_diag *diag)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	return sfsi_json_read(text, &writer.sink, diag);
}

static inline int msgpack_to_msgpack(struct sfs_span bytes, struct sfs_buf *ret,
				     struct sfs_diag *diag)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	return sfsi_msgpack_read(bytes, &writer.sink, NULL, diag);
}

static inline int msgpack_to_json(struct sfs_span bytes, enum sfsi_json_style style,
				  struct sfs_buf *ret)
{
	struct sfsi_json_writer *writer;
	assert_int_equal(sfsi_json_writer_new(&writer), 0);
	int err = sfsi_msgpack_read(bytes, sfsi_json_writer_sink(writer), NULL, NULL);
	if (err == 0)
		err = sfsi_json_writer_finish(writer, style, ret);
	sfsi_json_writer_free(writer);
	return err;
}

/* A refusal says where and what, in one clean line. */
static inline void assert_diag_good(const struct sfs_diag *diag, int err)
{
	struct sfs_span text = sfs_span_str(diag->text);
	assert_int_equal(diag->err, err);
	assert_true(text.len > 0);
	assert_true(sfsi_utf8_valid(text));
	for (size_t i = 0; i < text.len; i++)
		assert_false((uint8_t)diag->text[i] < 0x20 || diag->text[i] == 0x7f);
}

static inline struct sfs_buf read_whole(const char *path)
{
	struct sfs_buf buf = SFS_BUF_INIT;
	char block[65536];
	size_t got;
	FILE *file = fopen(path, "rb");
	if (!file) {
		fail_msg("%s can not be read", path);
		return buf;
	}
	do {
		got = fread(block, 1, sizeof block, file);
		assert_int_equal(sfs_buf_append(&buf, block, got), 0);
	} while (got == sizeof block);
	assert_int_equal(fclose(file), 0);
	return buf;
}

typedef void corpus_fn(const char *name, struct sfs_span bytes);

/* Call fn for every file of TEST_DATA/folder whose name starts so; returns how many. */
static inline unsigned each_file(const char *folder, const char *start, corpus_fn *fn)
{
	char path[4096];
	unsigned count = 0;
	snprintf(path, sizeof path, "%s/%s", TEST_DATA, folder);
	DIR *dir = opendir(path);
	if (!dir) {
		fail_msg("%s can not be read", path);
		return 0;
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (strncmp(entry->d_name, start, strlen(start)) != 0)
			continue;
		snprintf(path, sizeof path, "%s/%s/%s", TEST_DATA, folder, entry->d_name);
		struct sfs_buf bytes = read_whole(path);
		/* A copy of exactly this size, so that a sanitizer sees one byte too many. */
		char *copy = malloc(bytes.len ? bytes.len : 1);
		assert_non_null(copy);
		if (bytes.len)
			memcpy(copy, bytes.data, bytes.len);
		fn(entry->d_name, (struct sfs_span){ copy, bytes.len });
		free(copy);
		sfs_buf_fini(&bytes);
		count++;
	}
	closedir(dir);
	return count;
}

/* xorshift: values that are the same on every machine. */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline struct sfs_span random_text(uint64_t *state, char *dst, size_t size)
{
	static const char *const pieces[] = { "a",    "Z",    "0",    " ",     "\"", "\\",
					      "/",    "\n",   "\x01", "é",     "€",  "😀",
					      "\x7f", "$bin", "xyz",  "\u2028" };
	size_t len = 0;
	for (uint64_t left = next_random(state) % 12; left > 0; left--) {
		struct sfs_span piece = sfs_span_str(
			pieces[next_random(state) % ARRAY_SIZE(pieces)]);
		if (len + piece.len < size) {
			memcpy(dst + len, piece.data, piece.len);
			len += piece.len;
		}
	}
	return (struct sfs_span){ dst, len };
}

static inline double random_real(uint64_t *state)
{
	static const double special[] = { 0.0,      -0.0,      1.0,    0.1,
					  1e21,     1e-7,      5e-324, 1.7976931348623157e308,
					  INFINITY, -INFINITY, NAN,    123456789012345680.0 };
	uint64_t bits = next_random(state);
	double value;
	if (bits % 3 == 0)
		return special[bits / 3 % ARRAY_SIZE(special)];
	memcpy(&value, &bits, sizeof value);
	return value;
}

static inline int emit_bigint(uint64_t *state, struct sfsi_sink *sink)
{
	char digits[64];
	int len = snprintf(digits, sizeof digits, "%s%llu%020llu",
			   next_random(state) % 2 ? "-" : "",
			   (unsigned long long)(next_random(state) | 1),
			   (unsigned long long)next_random(state));
	return sink->ops->bigint(sink, (struct sfs_span){ digits, (size_t)len });
}

static inline int emit_scalar(uint64_t *state, struct sfsi_sink *sink)
{
	char text[64];
	uint64_t value = next_random(state) >> (next_random(state) % 64);
	switch (next_random(state) % 9) {
	case 0: return sink->ops->null(sink);
	case 1: return sink->ops->boolean(sink, value & 1);
	case 2: return sink->ops->integer(sink, (int64_t)(value >> 1));
	case 3: return sink->ops->integer(sink, -(int64_t)(value >> 1) - 1);
	case 4: return sink->ops->natural(sink, value | (uint64_t)1 << 63);
	case 5: return emit_bigint(state, sink);
	case 6: return sink->ops->real(sink, random_real(state));
	case 7: return sink->ops->binary(sink, random_text(state, text, sizeof text));
	default: return sink->ops->string(sink, random_text(state, text, sizeof text));
	}
}

static inline int emit_value(uint64_t *state, struct sfsi_sink *sink, unsigned depth);

/* Keys differ by their number. */
static inline int emit_key(uint64_t *state, struct sfsi_sink *sink, uint32_t number, unsigned depth)
{
	char text[32];
	int err = 0;
	snprintf(text, sizeof text, "é%x", number);
	switch (depth ? next_random(state) % 12 : 0) {
	case 9: return sink->ops->integer(sink, (int64_t)number - 3);
	case 10: return sink->ops->binary(sink, sfs_span_str(text));
	case 11:
		err = sink->ops->array_begin(sink, 2);
		if (err == 0)
			err = sink->ops->integer(sink, number);
		if (err == 0)
			err = emit_value(state, sink, depth - 1);
		return err < 0 ? err : sink->ops->array_end(sink);
	default: return sink->ops->string(sink, sfs_span_str(text));
	}
}

static inline int emit_map(uint64_t *state, struct sfsi_sink *sink, unsigned depth)
{
	static const char *const words[] = { "$bin", "$ext", "$map", "$float" };
	uint32_t count = (uint32_t)(next_random(state) % (depth > 3 ? 20 : 5));
	int err = sink->ops->map_begin(sink, count);
	if (count == 1 && next_random(state) % 2) {
		err = sink->ops->string(sink, sfs_span_str(words[next_random(state) % 4]));
		return err < 0 || (err = emit_value(state, sink, depth - 1)) < 0
			       ? err
			       : sink->ops->map_end(sink);
	}
	for (uint32_t i = 0; err == 0 && i < count; i++) {
		err = emit_key(state, sink, i, depth);
		if (err == 0)
			err = emit_value(state, sink, depth - 1);
	}
	return err < 0 ? err : sink->ops->map_end(sink);
}

static inline int emit_array(uint64_t *state, struct sfsi_sink *sink, unsigned depth)
{
	uint32_t count = (uint32_t)(next_random(state) % 6);
	int err = sink->ops->array_begin(sink, count);
	for (uint32_t i = 0; err == 0 && i < count; i++)
		err = emit_value(state, sink, depth - 1);
	return err < 0 ? err : sink->ops->array_end(sink);
}

/* Emit one value of at most depth levels. */
static inline int emit_value(uint64_t *state, struct sfsi_sink *sink, unsigned depth)
{
	char bytes[64];
	uint64_t kind = depth ? next_random(state) % 8 : 0;
	if (kind >= 5)
		return emit_map(state, sink, depth);
	if (kind >= 3)
		return emit_array(state, sink, depth);
	if (next_random(state) % 16 == 0)
		return sink->ops->ext(sink, (int8_t)(next_random(state) % 70),
				      random_text(state, bytes, sizeof bytes));
	return emit_scalar(state, sink);
}

#endif
