/* Reading a gdbm file: header, directory, each bucket once, each pair where its bucket says. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/errno.h"
#include "base/file.h"
#include "bytes.h"
#include "gdbm/gdbm.h"
#include "gdbm/layout.h"

#define DIR_PIECE 512 /* places of the directory that are read at once */
/** Largest bucket: gdbm's own is one block of the file system. */
#define BUCKET_MAX (1u << 24)

/** A file being read. */
struct reading {
	int fd;                /* -1: it is in memory */
	struct sfs_span image; /* then these bytes */
	uint64_t size;
	uint64_t dir;
	uint32_t dir_bits, bucket_size, elements;
	uint64_t left; /* bytes that pairs may still have */
	sfsi_gdbm_fn *fn;
	void *arg;
	struct sfs_diag *diag;
	struct sfs_buf bucket, pair;
};

/** Read exactly these bytes, which lie inside the file. */
static int read_at(const struct reading *reading, uint64_t off, size_t len, void *ret)
{
	if (len == 0)
		return 0;
	if (reading->fd < 0 && !reading->image.data)
		return SFS_ERR_CORRUPT;
	if (reading->fd < 0) {
		memcpy(ret, (const char *)reading->image.data + off, len);
		return 0;
	}
	size_t got = 0;
	int err = sfsi_pread_all(reading->fd, ret, len, off, &got);
	if (!err && got < len)
		err = sfs_diag_set(reading->diag, SFS_ERR_CORRUPT,
				   "the file became shorter while it was read");
	return err;
}

static bool inside(const struct reading *reading, uint64_t off, uint64_t len)
{
	return off <= reading->size && len <= reading->size - off;
}

static int read_into(const struct reading *reading, uint64_t off, size_t len, struct sfs_buf *ret)
{
	ret->len = 0;
	int err = sfs_buf_resize(ret, len);
	return err < 0 ? err : read_at(reading, off, len, ret->data);
}

/* --- header --- */

static int check_magic(struct reading *reading, uint32_t magic)
{
	switch (magic) {
	case SFSI_GDBM_MAGIC:
	case SFSI_GDBM_MAGIC_OLD: return 0;
	case SFSI_GDBM_MAGIC_32:
	case SFSI_GDBM_MAGIC_SYNC_32:
	case SFSI_GDBM_MAGIC_SYNC:
		return sfs_diag_set(reading->diag, SFS_ERR_UNSUPPORTED,
				    "a gdbm file of another form (magic %08" PRIx32
				    "): expected %08x",
				    magic, SFSI_GDBM_MAGIC);
	default:
		return sfs_diag_set(reading->diag, SFS_ERR_UNSUPPORTED,
				    "no gdbm file: it begins with %08" PRIx32 ", expected %08x",
				    magic, SFSI_GDBM_MAGIC);
	}
}

static int bad_header(struct reading *reading, const char *what, uint64_t found)
{
	return sfs_diag_set(reading->diag, SFS_ERR_CORRUPT,
			    "the header of the gdbm file has an impossible %s: %" PRIu64, what,
			    found);
}

static int read_header(struct reading *reading)
{
	uint8_t bytes[SFSI_GDBM_HEADER];
	if (!inside(reading, 0, sizeof bytes))
		return sfs_diag_set(reading->diag, SFS_ERR_UNSUPPORTED,
				    "no gdbm file: it has %" PRIu64 " bytes", reading->size);
	int err = read_at(reading, 0, sizeof bytes, bytes);
	if (err < 0)
		return err;
	struct sfsi_reader r = sfsi_reader((struct sfs_span){ bytes, sizeof bytes });
	err = check_magic(reading, sfsi_read_u32(&r));
	if (err < 0)
		return err;
	(void)sfsi_read_u32(&r); /* size of a block: nothing that is read depends on it */
	reading->dir = sfsi_read_u64(&r);
	uint32_t dir_size = sfsi_read_u32(&r);
	reading->dir_bits = sfsi_read_u32(&r);
	reading->bucket_size = sfsi_read_u32(&r);
	reading->elements = sfsi_read_u32(&r);
	if (reading->dir_bits > SFSI_GDBM_HASH_BITS - 3)
		return bad_header(reading, "number of bits", reading->dir_bits);
	if (dir_size != (uint64_t)8 << reading->dir_bits)
		return bad_header(reading, "size of its directory", dir_size);
	if (!inside(reading, reading->dir, dir_size))
		return bad_header(reading, "place of its directory", reading->dir);
	if (reading->bucket_size < 136 || reading->bucket_size > BUCKET_MAX)
		return bad_header(reading, "size of buckets", reading->bucket_size);
	if (reading->elements != sfsi_gdbm_elements(reading->bucket_size))
		return bad_header(reading, "number of elements", reading->elements);
	return 0;
}

/* --- buckets --- */

/** A bucket: where it is, and the places of the directory that lead to it. */
struct bucket {
	uint64_t off, first, count;
};

static int bad_bucket(const struct reading *reading, const struct bucket *bucket, const char *what)
{
	return sfs_diag_set(reading->diag, SFS_ERR_CORRUPT, "the bucket at byte %" PRIu64 " %s",
			    bucket->off, what);
}

/** Read a pair and give it away. */
static int give_pair(struct reading *reading, const struct bucket *bucket, const uint8_t *element)
{
	struct sfsi_reader r = sfsi_reader((struct sfs_span){ element, SFSI_GDBM_ELEMENT });
	uint32_t hash = sfsi_read_u32(&r);
	const uint8_t *prefix = sfsi_read_bytes(&r, SFSI_GDBM_PREFIX);
	uint64_t off = sfsi_read_u64(&r);
	uint64_t key_len = sfsi_read_u32(&r), len = key_len + sfsi_read_u32(&r);
	if (!inside(reading, off, len) || len > reading->left)
		return bad_bucket(reading, bucket, "has a pair that is not inside the file");
	if (key_len > SFSI_GDBM_ITEM_MAX || len > SFSI_GDBM_ITEM_MAX)
		return sfs_diag_set(reading->diag, SFS_ERR_LIMIT,
				    "a pair of %" PRIu64 " bytes, at most %zu are read", len,
				    SFSI_GDBM_ITEM_MAX);
	reading->left -= len;
	int err = read_into(reading, off, (size_t)len, &reading->pair);
	if (err < 0)
		return err;
	const char *bytes = len ? reading->pair.data : "";
	struct sfs_span key = { bytes, (size_t)key_len };
	size_t shown = key_len < SFSI_GDBM_PREFIX ? (size_t)key_len : SFSI_GDBM_PREFIX;
	if (sfsi_gdbm_hash(key) != hash || memcmp(prefix, bytes, shown) != 0)
		return bad_bucket(reading, bucket, "has a pair with another key");
	uint64_t place = hash >> (SFSI_GDBM_HASH_BITS - reading->dir_bits);
	if (place < bucket->first || place >= bucket->first + bucket->count)
		return bad_bucket(reading, bucket, "has a pair of another bucket");
	struct sfs_span value = { bytes + key_len, (size_t)(len - key_len) };
	return reading->fn(reading->arg, key, value) ? SFS_ERR_CANCELLED : 0;
}

/** A bucket has the part of the directory that its bits say. */
static int check_bucket(const struct reading *reading, const struct bucket *bucket, uint32_t bits,
			uint32_t count)
{
	if (bits > reading->dir_bits)
		return bad_bucket(reading, bucket, "has more bits than the directory");
	uint64_t run = (uint64_t)1 << (reading->dir_bits - bits);
	if (bucket->count != run || (bucket->first & (run - 1)))
		return bad_bucket(reading, bucket, "is not where the directory should have it");
	if (count > reading->elements)
		return bad_bucket(reading, bucket, "has more pairs than there is room for");
	return 0;
}

static int read_bucket(struct reading *reading, const struct bucket *bucket)
{
	if (!inside(reading, bucket->off, reading->bucket_size))
		return bad_bucket(reading, bucket, "is not inside the file");
	int err = read_into(reading, bucket->off, reading->bucket_size, &reading->bucket);
	if (err < 0)
		return err;
	const uint8_t *bytes = reading->bucket.data;
	struct sfsi_reader r = sfsi_reader((struct sfs_span){ bytes + SFSI_GDBM_BUCKET_BITS, 8 });
	uint32_t bits = sfsi_read_u32(&r), count = sfsi_read_u32(&r), found = 0;
	err = check_bucket(reading, bucket, bits, count);
	for (uint32_t i = 0; i < reading->elements && !err; i++) {
		const uint8_t *element = bytes + SFSI_GDBM_BUCKET_TABLE +
					 (size_t)i * SFSI_GDBM_ELEMENT;
		r = sfsi_reader((struct sfs_span){ element, 4 });
		if (sfsi_read_u32(&r) == SFSI_GDBM_FREE)
			continue;
		found++;
		err = give_pair(reading, bucket, element);
	}
	if (!err && found != count)
		err = bad_bucket(reading, bucket, "has another number of pairs than it says");
	return err;
}

/** The directory, in which a bucket is at one place after the other. */
static int read_directory(struct reading *reading)
{
	uint8_t piece[DIR_PIECE * 8];
	uint64_t places = (uint64_t)1 << reading->dir_bits;
	struct bucket bucket = { 0 };
	int err = 0;
	for (uint64_t i = 0; i < places && !err; i++) {
		if (i % DIR_PIECE == 0) {
			uint64_t left = (places - i) * 8;
			size_t len = left < sizeof piece ? (size_t)left : sizeof piece;
			err = read_at(reading, reading->dir + i * 8, len, piece);
			if (err < 0)
				break;
		}
		struct sfsi_reader r = sfsi_reader(
			(struct sfs_span){ piece + i % DIR_PIECE * 8, 8 });
		uint64_t off = sfsi_read_u64(&r);
		if (bucket.count && off == bucket.off) {
			bucket.count++;
			continue;
		}
		if (bucket.count)
			err = read_bucket(reading, &bucket);
		bucket = (struct bucket){ off, i, 1 };
	}
	return err < 0 ? err : read_bucket(reading, &bucket);
}

static int read_all(struct reading *reading)
{
	reading->left = reading->size;
	int err = read_header(reading);
	if (!err)
		err = read_directory(reading);
	sfs_buf_fini(&reading->bucket);
	sfs_buf_fini(&reading->pair);
	return err;
}

int sfsi_gdbm_read_bytes(struct sfs_span image, sfsi_gdbm_fn *fn, void *arg, struct sfs_diag *diag)
{
	struct reading reading = {
		.fd = -1,
		.image = image,
		.size = image.len,
		.fn = fn,
		.arg = arg,
		.diag = diag,
	};
	return read_all(&reading);
}

int sfsi_gdbm_read(int fd, sfsi_gdbm_fn *fn, void *arg, struct sfs_diag *diag)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return sfsi_err_from_errno(errno);
	if (!S_ISREG(st.st_mode))
		return sfs_diag_set(diag, SFS_ERR_UNSUPPORTED, "no regular file");
	struct reading reading = {
		.fd = fd,
		.size = (uint64_t)st.st_size,
		.fn = fn,
		.arg = arg,
		.diag = diag,
	};
	return read_all(&reading);
}
