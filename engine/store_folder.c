/*
 * The folder of a store besides its records: storefs.json (what it is), lock (who
 * owns it).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include "base/errno.h"
#include "base/file.h"
#include "config.h"
#include "document/json.h"
#include "hash.h"
#include "mirror/sidecar.h"

#define LOCK_FILE "lock"
/** Of storefs.json, and of the lock. */
#define FILE_MAX ((size_t)65536)

int sfsi_uuid_make(char ret[37])
{
	unsigned char b[16];
	if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
		return SFS_ERR_IO;
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(ret, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		 b[13], b[14], b[15]);
	return 0;
}

static int store_member(void *arg, const struct sfsi_config_member *member)
{
	struct sfsi_store_file *file = arg;
	if (strcmp(member->name, "format") == 0 && member->is_integer && member->integer > 0)
		file->format = member->integer > UINT32_MAX ? UINT32_MAX
							    : (uint32_t)member->integer;
	else if (strcmp(member->name, "uuid") == 0 && member->text.len == 36)
		memcpy(file->uuid, member->text.data, 36);
	else if (strcmp(member->name, "sum") == 0 && member->text.len == 16)
		memcpy(file->sum, member->text.data, 16);
	else if (strcmp(member->name, "backend") == 0 && member->text.len &&
		 member->text.len < sizeof file->backend)
		memcpy(file->backend, member->text.data, member->text.len);
	return 0;
}

/** Over what it says: another uuid than the store's would hide every name in it. */
static void sum_of(const struct sfsi_store_file *file, char ret[17])
{
	char text[80];
	int len = snprintf(text, sizeof text, "%s %s", file->uuid, file->backend);
	snprintf(ret, 17, "%016llx",
		 (unsigned long long)sfsi_hash((struct sfs_span){ text, (size_t)len }, 0));
}

int sfsi_store_file_read(int dir_fd, const char *name, const char *path,
			 struct sfsi_store_file *ret, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	int err = sfsi_file_load(dir_fd, name, FILE_MAX, &text);
	if (err == SFS_ERR_NOT_FOUND)
		return sfs_diag_set(diag, SFS_ERR_NOT_STORE,
				    "%s is not a storefs store: it has no %s", path, name);
	if (err < 0 && sfsi_file_is_other(dir_fd, name))
		return sfs_diag_set(diag, SFS_ERR_CORRUPT, "%s/%s is no file", path, name);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s/%s: %s", path, name, sfs_err_text(err));
	struct sfsi_store_file file = { 0 };
	struct sfs_diag inner = SFS_DIAG_INIT;
	err = sfsi_config_read(sfs_buf_span(&text), store_member, &file, &inner);
	if (err < 0)
		return sfs_diag_set(diag, SFS_ERR_CORRUPT, "%s/%s: line %u: %s", path, name,
				    inner.line, inner.text);
	/* Before anything else: what a newer storefs wrote is not damage. */
	if (file.format > SFS_STORE_FORMAT)
		return sfs_diag_set(
			diag, SFS_ERR_VERSION,
			"%s has store format %u, this storefs knows up to %d: use a newer storefs",
			path, file.format, SFS_STORE_FORMAT);
	/* Files of older versions have none, and what newer ones sum up nobody knows. */
	char sum[17];
	sum_of(&file, sum);
	if (file.sum[0] && strcmp(file.sum, sum) != 0)
		return sfs_diag_set(diag, SFS_ERR_CORRUPT,
				    "%s/%s is damaged: it has the sum %s, expected %s", path, name,
				    file.sum, sum);
	if (!file.format || !file.uuid[0] || !file.backend[0])
		return sfs_diag_set(diag, SFS_ERR_CORRUPT,
				    "%s/%s must have the members format, uuid and backend", path,
				    name);
	*ret = file;
	return 0;
}

int sfsi_store_file_write(int dir_fd, const char *name, const char *path,
			  const struct sfsi_store_file *file, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	char sum[17];
	sum_of(file, sum);
	int err = sfs_buf_printf(
		&text,
		"{\n  \"format\": %u,\n  \"uuid\": \"%s\",\n  \"backend\": \"%s\",\n"
		"  \"sum\": \"%s\"\n}\n",
		file->format, file->uuid, file->backend, sum);
	if (err < 0)
		return err;
	err = sfsi_file_replace(dir_fd, name, sfs_buf_span(&text));
	if (err < 0)
		return sfs_diag_set(diag, err, "write %s/%s: %s", path, name, sfs_err_text(err));
	return 0;
}

/* --- the lock --- */

static int owner_member(void *arg, const struct sfsi_config_member *member)
{
	struct sfs_store_owner *owner = arg;
	if (strcmp(member->name, "pid") == 0 && member->is_integer)
		owner->pid = member->integer;
	else if (strcmp(member->name, "since_ns") == 0 && member->is_integer)
		owner->since_ns = member->integer;
	else if (strcmp(member->name, "note") == 0 && member->text.data) {
		size_t len = member->text.len < sizeof owner->note - 1 ? member->text.len
								       : sizeof owner->note - 1;
		memcpy(owner->note, member->text.data, len);
		owner->note[len] = '\0';
	}
	return 0;
}

/** What the owner wrote; empty members when that can not be read. */
static void read_owner(int dir_fd, struct sfs_store_owner *ret)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_store_owner owner = { 0 };
	if (sfsi_file_load(dir_fd, LOCK_FILE, FILE_MAX, &text) == 0 && text.len)
		(void)!sfsi_config_read(sfs_buf_span(&text), owner_member, &owner, NULL);
	*ret = owner;
}

static int write_owner(int fd, const struct sfs_store_config *config)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	int err = sfs_buf_printf(&text, "{ \"pid\": %lld, \"since_ns\": %lld, \"note\": ",
				 (long long)getpid(), (long long)sfsi_now_ns());
	if (!err)
		err = sfsi_json_quote(&text,
				      sfs_span_str(config->owner_note ? config->owner_note : ""));
	if (!err)
		err = sfs_buf_append(&text, " }\n", 3);
	if (!err && ftruncate(fd, 0) < 0)
		err = sfsi_err_from_errno(errno);
	return err < 0 ? err : sfsi_write_all(fd, sfs_buf_span(&text));
}

int sfsi_store_lock(int dir_fd, const struct sfs_store_config *config, int *ret_fd,
		    struct sfs_diag *diag)
{
	bool read_only = config->flags & SFS_STORE_READ_ONLY;
	int flags = read_only ? O_RDONLY : O_RDWR | O_CREAT;
	SFSI_AUTO_FD int fd = openat(dir_fd, LOCK_FILE, flags | O_CLOEXEC | O_NOFOLLOW, 0644);
	/* A copy without a lock file, on a disk that takes no writes: nobody can own it. */
	if (fd < 0 && errno == ENOENT && read_only)
		return 0;
	if (fd < 0) {
		int err = sfsi_err_from_errno(errno);
		return sfs_diag_set(
			diag, err, "%s/" LOCK_FILE ": %s%s", config->path, sfs_err_text(err),
			err == SFS_ERR_READ_ONLY ? ": the disk takes no writes; open it read-only"
						 : "");
	}
	if (flock(fd, (read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return sfs_diag_set(diag, SFS_ERR_IO, "lock %s: %s", config->path,
					    sfs_err_text(SFS_ERR_IO));
		struct sfs_store_owner owner;
		read_owner(dir_fd, &owner);
		return sfs_diag_set(diag, SFS_ERR_BUSY, "%s is owned by process %lld%s%s",
				    config->path, (long long)owner.pid, owner.note[0] ? ", " : "",
				    owner.note);
	}
	/* A note that can not be written (a full disk) does not matter: the lock counts. */
	if (!read_only)
		(void)!write_owner(fd, config);
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int sfsi_folder_check(int dir_fd, const char *path, struct sfs_diag *diag)
{
	struct stat then, now;
	if (fstat(dir_fd, &then) == 0 && stat(path, &now) == 0 && then.st_dev == now.st_dev &&
	    then.st_ino == now.st_ino)
		return 0;
	return sfs_diag_set(diag, SFS_ERR_BUSY, "%s is another folder now than a moment ago", path);
}

int sfs_store_owner(const char *path, struct sfs_store_owner *ret, struct sfs_diag *diag)
{
	SFSI_AUTO_FD int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* A file may be a store too. */
	if (dir_fd < 0 && errno != ENOTDIR) {
		int err = sfsi_err_from_errno(errno);
		return sfs_diag_set(diag, err, "%s: %s", path, sfs_err_text(err));
	}
	struct sfsi_store_file file;
	struct sfs_store_owner owner = { 0 };
	int err = dir_fd < 0 ? SFS_ERR_NOT_STORE
			     : sfsi_store_file_read(dir_fd, SFSI_STORE_FILE, path, &file, diag);
	if (err == SFS_ERR_NOT_STORE) {
		int sidecar_fd = -1;
		err = sfsi_sidecar_peek(path, &sidecar_fd, diag);
		if (dir_fd >= 0)
			close(dir_fd);
		dir_fd = sidecar_fd;
	}
	if (err < 0)
		return err;
	SFSI_AUTO_FD int fd = dir_fd < 0 ? -1
					 : openat(dir_fd, LOCK_FILE,
						  O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		read_owner(dir_fd, &owner);
		/* Readers share the store and leave no note. */
		if (!owner.pid)
			owner.pid = -1;
	}
	*ret = owner;
	return 0;
}
