/*
 * Copying one file into or out of a backup.
 *
 * Its hash is taken from the bytes that are written, in the same pass, while a thread reads on. Large files are written
 * around the page cache: it stays as it was, nothing has to wait until so much is written out, and what is read afterwards comes from the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include "backup/backup.h"
#include "base/ahead.h"
#include "base/crc32c.h"
#include "base/errno.h"
#include "base/file.h"
#include "base/quiet.h"
#include "hash.h"
#include "store_private.h"

#define HOLE ((size_t)64 << 10)
#define HASH_AT_ONCE ((size_t)64 << 10)
/** So much stays free on a disk. */
#define RESERVE ((uint64_t)64 << 20)

void sfsi_copying_init(struct sfsi_copying *copying, const struct sfs_backup_config *config,
		       int reserve_fd)
{
	*copying = (struct sfsi_copying){
		.config = config,
		.start_ns = sfsi_now_ns(),
		.reserve_fd = reserve_fd,
	};
}

static int check_room(const struct sfsi_copying *copying, uint64_t size)
{
	struct statvfs st;
	if (copying->reserve_fd < 0 || fstatvfs(copying->reserve_fd, &st) < 0)
		return 0;
	uint64_t needs = (size + RESERVE) / st.f_frsize + 1;
	return st.f_bavail < needs ? SFS_ERR_NO_SPACE : 0;
}

static void keep_to_rate(const struct sfsi_copying *copying)
{
	uint64_t rate = copying->config->bytes_per_second;
	if (!rate)
		return;
	double due = (double)copying->bytes / (double)rate;
	double passed = (double)(sfsi_now_ns() - copying->start_ns) / 1e9;
	double ahead = due - passed;
	/* A clock that was set back must not make it sleep for ever. */
	if (ahead > 2.0)
		ahead = 2.0;
	if (ahead > 0.001)
		usleep((useconds_t)(ahead * 1e6));
}

static int tell(struct sfsi_copying *copying, size_t bytes)
{
	if (!copying->reading) {
		copying->bytes += bytes;
		keep_to_rate(copying);
	}
	const struct sfs_backup_config *config = copying->config;
	bool stop = config->progress &&
		    config->progress(config->arg, copying->files, copying->bytes);
	return stop ? SFS_ERR_CANCELLED : 0;
}

static bool is_zero(const char *bytes, size_t len)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

static int put_parts(int to, const char *bytes, size_t len, uint64_t off)
{
	int err = 0;
	for (size_t at = 0; at < len && !err; at += SFSI_FILE_AT_ONCE) {
		size_t part = len - at < SFSI_FILE_AT_ONCE ? len - at : SFSI_FILE_AT_ONCE;
		err = sfsi_pwrite_all(to, bytes + at, part, off + at);
		sfsi_quiet_pause();
	}
	return err;
}

/** Around the page cache as long as that can be; zeros behind the bytes are there for that, and are cut off in the end. */
static int put_piece(int to, const char *bytes, size_t len, uint64_t off)
{
	size_t whole = (len + SFSI_DIRECT_ALIGN - 1) / SFSI_DIRECT_ALIGN * SFSI_DIRECT_ALIGN;
	bool direct = fcntl(to, F_GETFL) & O_DIRECT;
	if (!direct)
		return put_parts(to, bytes, len, off);
	int err = put_parts(to, bytes, whole, off);
	return err < 0 && sfsi_file_direct(to, false) ? put_parts(to, bytes, len, off) : err;
}

static size_t hole_at(const char *bytes, size_t len)
{
	size_t piece = len < HOLE ? len : HOLE;
	return is_zero(bytes, piece) ? piece : 0;
}

/** Write a piece; whole blocks of zeros stay holes. */
static int put_sparse(int to, const char *bytes, size_t len, uint64_t off)
{
	int err = 0;
	for (size_t at = 0; at < len && !err;) {
		size_t end = at, hole = 0;
		while (end < len && !(hole = hole_at(bytes + end, len - end)))
			end += len - end < HOLE ? len - end : HOLE;
		if (end > at)
			err = put_piece(to, bytes + at, end - at, off + at);
		at = end + hole;
	}
	return err;
}

/** What one pass over a file is for. */
struct pass {
	struct sfsi_copying *copying;
	int to; /* -1: it is only read */
	struct sfsi_ahead *ahead;
	uint64_t size;
	struct sfs_span piece; /* the last one */
	struct sfsi_hash_stream hash;
	uint32_t *sum; /* NULL: nobody asks */
};

static void add_sums(struct pass *pass)
{
	const char *bytes = pass->piece.data;
	for (size_t at = 0; at < pass->piece.len; at += HASH_AT_ONCE) {
		size_t rest = pass->piece.len - at;
		struct sfs_span part = { bytes + at, rest < HASH_AT_ONCE ? rest : HASH_AT_ONCE };
		sfsi_hash_stream_add(&pass->hash, part);
		if (pass->sum)
			*pass->sum = sfsi_crc32c(part, *pass->sum);
		sfsi_quiet_pause();
	}
}

/** Returns 0, 1 (the end), or an error. */
static int read_piece(void *arg)
{
	struct pass *pass = arg;
	int err = sfsi_ahead_next(pass->ahead, &pass->piece);
	if (err)
		return err;
	add_sums(pass);
	return 0;
}

/** Not a quiet step: who writes holds locks of the file system, which nobody shall wait for. */
static int take_piece(struct pass *pass)
{
	struct sfs_span piece = pass->piece;
	int err = pass->to < 0 ? 0 : put_sparse(pass->to, piece.data, piece.len, pass->size);
	pass->size += piece.len;
	return err < 0 ? err : tell(pass->copying, piece.len);
}

/** @size  of the file, about. */
static int read_all(struct pass *pass, int from, uint64_t size, char ret_hash[SFS_HASH_SIZE])
{
	unsigned char hash[SFS_HASH_LEN];
	int err = sfsi_ahead_begin(from, size, &pass->ahead);
	if (err < 0)
		return err;
	sfsi_hash_stream_init(&pass->hash);
	while (!err && (err = sfsi_quiet_step(read_piece, pass)) == 0)
		err = take_piece(pass);
	sfsi_ahead_end(pass->ahead);
	if (err < 0)
		return err;
	sfsi_hash_stream_end(&pass->hash, hash);
	sfs_hash_text(hash, ret_hash);
	return 0;
}

static int set_attributes(int to, const struct stat *from, uint64_t size)
{
	const struct timespec times[2] = { from->st_atim, from->st_mtim };
	/* Who may not give files away keeps them. */
	if (geteuid() == 0)
		(void)!fchown(to, from->st_uid, from->st_gid);
	if (ftruncate(to, (off_t)size) < 0 || fchmod(to, from->st_mode & 0777) < 0 ||
	    futimens(to, times) < 0)
		return sfsi_err_from_errno(errno);
	return 0;
}

int sfsi_copy_bytes(struct sfsi_copying *copying, int from, int to, unsigned flags,
		    uint64_t *ret_size, char ret_hash[SFS_HASH_SIZE])
{
	struct stat stat;
	if (fstat(from, &stat) < 0)
		return sfsi_err_from_errno(errno);
	uint64_t size = (uint64_t)stat.st_size;
	bool shared = (flags & SFSI_COPY_SHARE) && ioctl(to, FICLONE, from) == 0;
	int err = shared ? 0 : check_room(copying, (uint64_t)stat.st_blocks * 512);
	struct pass pass = { .copying = copying, .to = shared ? -1 : to };
	if (err < 0)
		return err;
	posix_fadvise(from, 0, 0, POSIX_FADV_NOREUSE);
	if (!shared && size >= SFSI_DIRECT_MIN) {
		(void)!sfsi_file_direct(to, !(flags & SFSI_COPY_KEEP));
		(void)!sfsi_file_direct(from, flags & SFSI_COPY_COLD);
	}
	/* What is shared is read from the copy: it does not change any more. */
	err = read_all(&pass, shared ? to : from, size, ret_hash);
	if (!err)
		err = set_attributes(to, &stat, pass.size);
	if (!err)
		*ret_size = pass.size;
	copying->files++;
	return err;
}

int sfsi_backup_make_folders(int at, const char *path, unsigned mode)
{
	char folder[SFSI_FROZEN_PATH];
	if (strlen(path) >= sizeof folder)
		return SFS_ERR_LIMIT;
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
		if (mkdirat(at, folder, mode) < 0 && errno != EEXIST)
			return sfsi_err_from_errno(errno);
	}
	return 0;
}

int sfsi_copy_hash(struct sfsi_copying *copying, int from, uint64_t *ret_size,
		   char ret_hash[SFS_HASH_SIZE], uint32_t *ret_sum)
{
	struct pass pass = { .copying = copying, .to = -1, .sum = ret_sum };
	struct stat stat;
	if (fstat(from, &stat) < 0)
		return sfsi_err_from_errno(errno);
	if (ret_sum)
		*ret_sum = 0;
	if ((uint64_t)stat.st_size >= SFSI_DIRECT_MIN)
		(void)!sfsi_file_direct(from, true);
	int err = read_all(&pass, from, (uint64_t)stat.st_size, ret_hash);
	if (!err)
		*ret_size = pass.size;
	copying->files += !copying->reading;
	return err;
}
