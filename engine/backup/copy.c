/*
 * Copying one file into or out of a backup.
 *
 * Its hash is taken from the bytes that are written, in the same pass. The page cache is left as it
 * was: a backup reads everything once.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include "backup/backup.h"
#include "base/errno.h"
#include "base/file.h"
#include "hash.h"
#include "store_private.h"

#define CHUNK ((size_t)1 << 20)
#define HOLE ((size_t)64 << 10)
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
	copying->bytes += bytes;
	keep_to_rate(copying);
	const struct sfs_backup_config *config = copying->config;
	bool stop = config->progress &&
		    config->progress(config->arg, copying->files, copying->bytes);
	return stop ? SFS_ERR_CANCELLED : 0;
}

static bool is_zero(const char *bytes, size_t len)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

/** Write a chunk; whole blocks of zeros stay holes. */
static int put_sparse(int to, const char *bytes, size_t len, uint64_t off)
{
	for (size_t at = 0; at < len;) {
		size_t piece = len - at < HOLE ? len - at : HOLE;
		int err = is_zero(bytes + at, piece)
				  ? 0
				  : sfsi_pwrite_all(to, bytes + at, piece, off + at);
		if (err < 0)
			return err;
		at += piece;
	}
	return 0;
}

static ssize_t get(int from, char *bytes, size_t len, uint64_t off)
{
	ssize_t got;
	do
		got = pread(from, bytes, len, (off_t)off);
	while (got < 0 && errno == EINTR);
	return got;
}

/** Read all of a file; to -1: only for its hash. */
static int pass(struct sfsi_copying *copying, int from, int to, uint64_t *ret_size,
		char ret_hash[SFS_HASH_SIZE])
{
	SFSI_AUTO_FREE char *chunk = malloc(CHUNK);
	struct sfsi_hash_stream stream;
	unsigned char hash[SFS_HASH_LEN];
	uint64_t off = 0;
	ssize_t got;
	if (!chunk)
		return SFS_ERR_NO_MEMORY;
	sfsi_hash_stream_init(&stream);
	while ((got = get(from, chunk, CHUNK, off)) > 0) {
		sfsi_hash_stream_add(&stream, (struct sfs_span){ chunk, (size_t)got });
		int err = to < 0 ? 0 : put_sparse(to, chunk, (size_t)got, off);
		if (!err)
			err = tell(copying, (size_t)got);
		if (err < 0)
			return err;
		off += (uint64_t)got;
	}
	if (got < 0)
		return sfsi_err_from_errno(errno);
	sfsi_hash_stream_end(&stream, hash);
	sfs_hash_text(hash, ret_hash);
	*ret_size = off;
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

int sfsi_copy_bytes(struct sfsi_copying *copying, int from, int to, bool share, uint64_t *ret_size,
		    char ret_hash[SFS_HASH_SIZE])
{
	struct stat stat;
	if (fstat(from, &stat) < 0)
		return sfsi_err_from_errno(errno);
	bool shared = share && ioctl(to, FICLONE, from) == 0;
	int err = shared ? 0 : check_room(copying, (uint64_t)stat.st_blocks * 512);
	/* What is shared is read from the copy: it does not change any more. */
	if (!err)
		err = shared ? pass(copying, to, -1, ret_size, ret_hash)
			     : pass(copying, from, to, ret_size, ret_hash);
	if (!err)
		err = set_attributes(to, &stat, *ret_size);
	posix_fadvise(from, 0, 0, POSIX_FADV_NOREUSE);
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
		   char ret_hash[SFS_HASH_SIZE])
{
	int err = pass(copying, from, -1, ret_size, ret_hash);
	copying->files++;
	return err;
}
