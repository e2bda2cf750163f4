/*
 * Writing a whole gdbm file: pairs go to the disk as they come, of each one 24 bytes stay in memory
 * until the buckets are made. Nothing is free in it, no bucket is ever split on the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/array.h"
#include "base/cleanup.h"
#include "base/errno.h"
#include "base/file.h"
#include "bytes.h"
#include "gdbm/gdbm.h"
#include "gdbm/layout.h"

#define BLOCK 4096u
#define ELEMENTS 166u
#define AVAIL 252u      /* pieces of free space that a header has room for */
#define DIR_BITS_MIN 9u /* a block of it */
#define DIR_BITS_MAX 24u
#define FLUSH ((size_t)1 << 18)
#define NAME_SIZE 4096

/** A pair that is on the disk. */
struct element {
	uint64_t off;
	uint32_t hash, key_len, value_len;
	uint8_t prefix[SFSI_GDBM_PREFIX];
};

/** A bucket: elements whose hashes begin with the same bits. */
struct run {
	size_t first, count;
	uint32_t bits;
};

struct sfsi_gdbm_writer {
	int dir_fd, fd, old_fd; /* old_fd: the file that is replaced, locked; -1: none */
	const char *name;
	char temporary[NAME_SIZE];
	bool owned;         /* temporary is this writer's, and goes with it */
	struct sfs_buf out; /* what is not written yet */
	uint64_t written;
	struct element *elements;
	size_t count, cap;
	struct run *runs; /* in the order of hashes */
	size_t runs_count, runs_cap;
};

static int fail(struct sfs_diag *diag, const char *name, int error)
{
	int err = sfsi_err_from_errno(error);
	return sfs_diag_set(diag, err, "%s: %s", name, sfs_err_text(err));
}

/* --- beginning --- */

static int lock(int fd, const char *name, struct sfs_diag *diag)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return sfs_diag_set(
		diag, errno == EWOULDBLOCK ? SFS_ERR_BUSY : SFS_ERR_IO,
		"%s: another program has it open, as a Python process with indexes does", name);
}

/**
 * Lock the file that is there: whoever has it open must not lose what he writes. The new one gets its mode
 * and owner; where there is none, the owner of the folder.
 */
static int lock_old(struct sfsi_gdbm_writer *writer, struct stat *ret, struct sfs_diag *diag)
{
	writer->old_fd = openat(writer->dir_fd, writer->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (writer->old_fd < 0 && errno != ENOENT)
		return fail(diag, writer->name, errno);
	if (fstat(writer->old_fd < 0 ? writer->dir_fd : writer->old_fd, ret) < 0)
		return fail(diag, writer->name, errno);
	if (writer->old_fd < 0)
		return 0;
	if (!S_ISREG(ret->st_mode))
		return sfs_diag_set(diag, SFS_ERR_INVALID, "%s is no regular file", writer->name);
	return lock(writer->old_fd, writer->name, diag);
}

/** The file is still the one of its name: another writer may have been faster. */
static bool is_named(const struct sfsi_gdbm_writer *writer)
{
	struct stat mine, named;
	return fstat(writer->fd, &mine) == 0 &&
	       fstatat(writer->dir_fd, writer->temporary, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
}

/** The new file, beside the old one, under a name that nobody takes for an index. */
static int make_new(struct sfsi_gdbm_writer *writer, unsigned mode, const struct stat *like,
		    struct sfs_diag *diag)
{
	int len = snprintf(writer->temporary, sizeof writer->temporary, "%s.new", writer->name);
	if (len < 0 || (size_t)len >= sizeof writer->temporary)
		return sfs_diag_set(diag, SFS_ERR_LIMIT, "the name is too long");
	writer->fd = openat(writer->dir_fd, writer->temporary,
			    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
	if (writer->fd < 0)
		return fail(diag, writer->temporary, errno);
	int err = lock(writer->fd, writer->temporary, diag);
	if (err < 0)
		return err;
	if (!is_named(writer))
		return sfs_diag_set(diag, SFS_ERR_BUSY, "%s: another program writes it",
				    writer->name);
	writer->owned = true;
	if (ftruncate(writer->fd, 0) < 0 ||
	    (writer->old_fd >= 0 && fchmod(writer->fd, like->st_mode & 07777) < 0))
		return fail(diag, writer->temporary, errno);
	/* Who may not give files away keeps his own: that is how a new file is made, too. */
	(void)!fchown(writer->fd, like->st_uid, like->st_gid);
	/* Room for the header, which is known last. */
	return sfs_buf_resize(&writer->out, BLOCK);
}

int sfsi_gdbm_writer_new(int dir_fd, const char *name, unsigned mode, struct sfsi_gdbm_writer **ret,
			 struct sfs_diag *diag)
{
	struct sfsi_gdbm_writer *writer = calloc(1, sizeof *writer);
	if (!writer)
		return SFS_ERR_NO_MEMORY;
	*writer =
		(struct sfsi_gdbm_writer){ .dir_fd = dir_fd, .fd = -1, .old_fd = -1, .name = name };
	struct stat like;
	int err = lock_old(writer, &like, diag);
	if (!err)
		err = make_new(writer, mode, &like, diag);
	if (err < 0) {
		sfsi_gdbm_writer_free(writer);
		return err;
	}
	*ret = writer;
	return 0;
}

void sfsi_gdbm_writer_free(struct sfsi_gdbm_writer *writer)
{
	if (!writer)
		return;
	if (writer->owned)
		unlinkat(writer->dir_fd, writer->temporary, 0);
	if (writer->fd >= 0)
		close(writer->fd);
	if (writer->old_fd >= 0)
		close(writer->old_fd);
	sfs_buf_fini(&writer->out);
	free(writer->elements);
	free(writer->runs);
	free(writer);
}

/* --- bytes --- */

static int flush(struct sfsi_gdbm_writer *writer)
{
	int err = sfsi_pwrite_all(writer->fd, writer->out.data, writer->out.len, writer->written);
	if (err < 0)
		return err;
	writer->written += writer->out.len;
	writer->out.len = 0;
	return 0;
}

/** Where the next byte goes. */
static uint64_t end_of(const struct sfsi_gdbm_writer *writer)
{
	return writer->written + writer->out.len;
}

static int put(struct sfsi_gdbm_writer *writer, const void *data, size_t len)
{
	int err = sfs_buf_append(&writer->out, data, len);
	return err < 0 || writer->out.len < FLUSH ? err : flush(writer);
}

/** Zeros up to a whole block. */
static int put_padding(struct sfsi_gdbm_writer *writer)
{
	static const uint8_t zeros[BLOCK];
	size_t over = end_of(writer) % BLOCK;
	return over ? put(writer, zeros, BLOCK - over) : 0;
}

int sfsi_gdbm_writer_add(struct sfsi_gdbm_writer *writer, struct sfs_span key,
			 struct sfs_span value)
{
	if (key.len > SFSI_GDBM_ITEM_MAX || value.len > SFSI_GDBM_ITEM_MAX - key.len)
		return SFS_ERR_LIMIT;
	int err = sfsi_array_grow(&writer->elements, writer->count, &writer->cap,
				  sizeof *writer->elements);
	if (err < 0)
		return err;
	struct element *element = &writer->elements[writer->count];
	*element = (struct element){
		.off = end_of(writer),
		.hash = sfsi_gdbm_hash(key),
		.key_len = (uint32_t)key.len,
		.value_len = (uint32_t)value.len,
	};
	memcpy(element->prefix, key.len ? key.data : "",
	       key.len < SFSI_GDBM_PREFIX ? key.len : SFSI_GDBM_PREFIX);
	err = put(writer, key.data, key.len);
	if (!err)
		err = put(writer, value.data, value.len);
	writer->count += !err;
	return err;
}

/* --- buckets --- */

static int by_hash(const void *a, const void *b)
{
	const struct element *left = a, *right = b;
	if (left->hash != right->hash)
		return left->hash < right->hash ? -1 : 1;
	return left->off < right->off ? -1 : left->off > right->off;
}

static uint8_t *put_element(uint8_t *at, const struct element *element)
{
	at = sfsi_put_u32(at, element->hash);
	memcpy(at, element->prefix, SFSI_GDBM_PREFIX);
	at = sfsi_put_u64(at + SFSI_GDBM_PREFIX, element->off);
	at = sfsi_put_u32(at, element->key_len);
	return sfsi_put_u32(at, element->value_len);
}

static int put_bucket(struct sfsi_gdbm_writer *writer, const struct run *run)
{
	uint8_t bytes[BLOCK] = { 0 };
	uint8_t *table = bytes + SFSI_GDBM_BUCKET_TABLE;
	bool taken[ELEMENTS] = { false };
	sfsi_put_u32(bytes + SFSI_GDBM_BUCKET_BITS, run->bits);
	sfsi_put_u32(bytes + SFSI_GDBM_BUCKET_COUNT, (uint32_t)run->count);
	for (size_t i = 0; i < ELEMENTS; i++)
		sfsi_put_u32(table + i * SFSI_GDBM_ELEMENT, SFSI_GDBM_FREE);
	for (size_t i = run->first; i < run->first + run->count; i++) {
		uint32_t slot = writer->elements[i].hash % ELEMENTS;
		while (taken[slot])
			slot = (slot + 1) % ELEMENTS;
		taken[slot] = true;
		put_element(table + (size_t)slot * SFSI_GDBM_ELEMENT, &writer->elements[i]);
	}
	return put(writer, bytes, sizeof bytes);
}

/** How many of the elements have a hash without a bit: those with it come behind them. */
static size_t count_without(const struct element *elements, size_t count, uint32_t bit)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (elements[middle].hash >> bit & 1)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/** Elements whose hashes begin with the same bits: one bucket, or the two halves. Depth: 24 at most. */
static int divide(struct sfsi_gdbm_writer *writer, size_t first, size_t count, uint32_t bits)
{
	if (count > ELEMENTS && bits == DIR_BITS_MAX)
		return SFS_ERR_LIMIT;
	if (count > ELEMENTS) {
		size_t half = count_without(writer->elements + first, count,
					    SFSI_GDBM_HASH_BITS - 1 - bits);
		int err = divide(writer, first, half, bits + 1);
		return err < 0 ? err : divide(writer, first + half, count - half, bits + 1);
	}
	int err = sfsi_array_grow(&writer->runs, writer->runs_count, &writer->runs_cap,
				  sizeof *writer->runs);
	if (!err)
		writer->runs[writer->runs_count++] = (struct run){ first, count, bits };
	return err;
}

static uint32_t most_bits(const struct sfsi_gdbm_writer *writer)
{
	uint32_t most = DIR_BITS_MIN;
	for (size_t i = 0; i < writer->runs_count; i++)
		if (writer->runs[i].bits > most)
			most = writer->runs[i].bits;
	return most;
}

/** The buckets stand behind it, a block each: gdbm wants the directory not to be the last thing. */
static int put_directory(struct sfsi_gdbm_writer *writer, uint32_t bits)
{
	uint64_t buckets = end_of(writer) + ((uint64_t)8 << bits);
	int err = 0;
	for (size_t i = 0; i < writer->runs_count && !err; i++) {
		uint8_t place[8];
		sfsi_put_u64(place, buckets + (uint64_t)i * BLOCK);
		for (uint64_t n = (uint64_t)1 << (bits - writer->runs[i].bits); n && !err; n--)
			err = put(writer, place, sizeof place);
	}
	return err;
}

static int write_header(struct sfsi_gdbm_writer *writer, uint64_t dir, uint32_t bits)
{
	uint8_t bytes[64] = { 0 };
	uint8_t *at = sfsi_put_u32(bytes, SFSI_GDBM_MAGIC);
	at = sfsi_put_u32(at, BLOCK);
	at = sfsi_put_u64(at, dir);
	at = sfsi_put_u32(at, 8u << bits);
	at = sfsi_put_u32(at, bits);
	at = sfsi_put_u32(at, BLOCK);
	at = sfsi_put_u32(at, ELEMENTS);
	at = sfsi_put_u64(at, writer->written);
	sfsi_put_u32(at, AVAIL);
	return sfsi_pwrite_all(writer->fd, bytes, sizeof bytes, 0);
}

static int complete(struct sfsi_gdbm_writer *writer)
{
	if (writer->count)
		qsort(writer->elements, writer->count, sizeof *writer->elements, by_hash);
	int err = divide(writer, 0, writer->count, 0);
	if (!err)
		err = put_padding(writer);
	if (err < 0)
		return err;
	uint32_t bits = most_bits(writer);
	uint64_t dir = end_of(writer);
	err = put_directory(writer, bits);
	for (size_t i = 0; i < writer->runs_count && !err; i++)
		err = put_bucket(writer, &writer->runs[i]);
	if (!err)
		err = flush(writer);
	return err < 0 ? err : write_header(writer, dir, bits);
}

/* --- the end --- */

int sfsi_gdbm_writer_commit(struct sfsi_gdbm_writer *writer, struct sfs_diag *diag)
{
	int err = complete(writer);
	if (err == SFS_ERR_LIMIT)
		return sfs_diag_set(diag, err, "%s: too many keys have hashes that begin alike",
				    writer->name);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s: %s", writer->name, sfs_err_text(err));
	if (fsync(writer->fd) < 0 ||
	    renameat(writer->dir_fd, writer->temporary, writer->dir_fd, writer->name) < 0)
		return fail(diag, writer->name, errno);
	writer->owned = false;
	SFSI_AUTO_FD int folder = openat(writer->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder < 0 || fsync(folder) < 0 ? fail(diag, writer->name, errno) : 0;
}
