/*
 * Reading a backup whole: is every file what it was when it was copied, and is what they hold a store
 * that lacks nothing?
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <storefs/check.h>
#include "backup/backup.h"
#include "base/errno.h"
#include "store_private.h"

/* --- as a store --- */

struct finding {
	struct sfs_diag *diag;
	bool damaged;
};

static int on_problem(void *arg, const struct sfs_check_problem *problem)
{
	struct finding *finding = arg;
	/* What a class does not want of its objects was so in the store; nothing is missing. */
	if (problem->severity != SFS_CHECK_DAMAGE || problem->kind == SFS_CHECK_SCHEMA)
		return 0;
	finding->damaged = true;
	sfs_diag_set(finding->diag, SFS_ERR_CORRUPT, "%s%s%.*s: %s", problem->class_name,
		     problem->oid.len ? "/" : "", (int)problem->oid.len,
		     problem->oid.len ? (const char *)problem->oid.data : "", problem->text);
	return 1;
}

static int read_records(struct sfs_store *store, const struct sfs_backup *backup,
			struct sfs_diag *diag)
{
	struct sfs_diag why = SFS_DIAG_INIT;
	struct finding finding = { .diag = &why };
	struct sfs_check check = {
		.flags = SFS_CHECK_QUICK,
		.problem = on_problem,
		.arg = &finding,
	};
	struct sfs_check_result result = { 0 };
	int err = sfs_store_check(store, &check, &result, diag);
	/* What was found says more than that the check was stopped then. */
	if (finding.damaged)
		return sfs_diag_set(diag, SFS_ERR_CORRUPT, "%s", why.text);
	if (err < 0)
		return err;
	if (result.objects != backup->objects)
		return sfs_diag_set(diag, SFS_ERR_CORRUPT,
				    "it has %" PRIu64 " objects, the store had %" PRIu64,
				    result.objects, backup->objects);
	return 0;
}

int sfsi_backup_check_class(struct sfs_store *store, uint32_t class_id, struct sfs_diag *diag)
{
	struct sfs_diag why = SFS_DIAG_INIT;
	struct finding finding = { .diag = &why };
	struct sfs_check check = {
		.flags = SFS_CHECK_QUICK,
		.classes = &class_id,
		.class_count = 1,
		.problem = on_problem,
		.arg = &finding,
	};
	struct sfs_check_result result = { 0 };
	int err = sfs_store_check(store, &check, &result, diag);
	return finding.damaged ? sfs_diag_set(diag, SFS_ERR_CORRUPT, "%s", why.text) : err;
}

int sfsi_backup_read_store(const char *path, bool read_only, const struct sfs_backup *backup,
			   struct sfs_diag *diag)
{
	const struct sfs_store_config config = {
		.path = path,
		.flags = read_only ? SFS_STORE_READ_ONLY : 0u,
	};
	struct sfs_store *store;
	int err = sfs_store_open(&config, &store, diag);
	if (err < 0)
		return err;
	err = read_records(store, backup, diag);
	int closed = sfs_store_close(store);
	return err < 0 ? err : closed;
}

int sfsi_backup_set_valid(int dir_fd, bool valid)
{
	if (!valid) {
		bool gone = unlinkat(dir_fd, SFSI_BACKUP_VALID, 0) == 0 || errno == ENOENT;
		return gone ? 0 : sfsi_err_from_errno(errno);
	}
	SFSI_AUTO_FD int fd = openat(dir_fd, SFSI_BACKUP_VALID,
				     O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fsync(fd) < 0 || fsync(dir_fd) < 0)
		return sfsi_err_from_errno(errno);
	return 0;
}

/* --- as files --- */

struct reading {
	struct sfsi_copying copying;
	int dir_fd, pool_fd;
	int found; /* what the first damaged file said in diag */
	struct sfs_diag *diag;
};

int sfsi_backup_compare(struct sfsi_copying *copying, int dir_fd,
			const struct sfsi_backup_file *file, uint32_t *ret_sum,
			struct sfs_diag *diag)
{
	char hash[SFS_HASH_SIZE];
	uint64_t size = 0;
	SFSI_AUTO_FD int fd = openat(dir_fd, file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return sfs_diag_set(diag, SFS_ERR_CORRUPT, "%s is missing", file->path);
	int err = fd < 0 ? sfsi_err_from_errno(errno)
			 : sfsi_copy_hash(copying, fd, &size, hash, ret_sum);
	if (err == SFS_ERR_CANCELLED)
		return err;
	if (err < 0)
		return sfs_diag_set(diag, err, "%s: %s", file->path, sfs_err_text(err));
	if (size != file->size)
		return sfs_diag_set(diag, SFS_ERR_CORRUPT,
				    "%s has %" PRIu64 " bytes, %" PRIu64 " were written",
				    file->path, size, file->size);
	if (strcmp(hash, file->hash) != 0)
		return sfs_diag_set(diag, SFS_ERR_CORRUPT,
				    "the bytes of %s are not those that were written", file->path);
	return 0;
}

static int on_file(void *arg, const struct sfsi_backup_file *file)
{
	struct reading *reading = arg;
	int err = sfsi_backup_compare(&reading->copying, reading->dir_fd, file, NULL,
				      reading->found ? NULL : reading->diag);
	if (err != SFS_ERR_CORRUPT && err != SFS_ERR_IO)
		return err;
	reading->found = reading->found ? reading->found : err;
	/* The next backup copies it anew. */
	if (file->pool[0] && reading->pool_fd >= 0)
		(void)!unlinkat(reading->pool_fd, file->pool, 0);
	return 0;
}

struct dropping {
	const struct sfsi_backup_place *place;
	struct sfsi_copying *copying;
	int dir_fd;
	uint64_t count;
};

static int drop_if_damaged(void *arg, const struct sfsi_backup_file *file)
{
	struct dropping *dropping = arg;
	int err = file->pool[0] ? sfsi_backup_compare(dropping->copying, dropping->dir_fd, file,
						      NULL, NULL)
				: 0;
	if (err != SFS_ERR_CORRUPT && err != SFS_ERR_IO)
		return err;
	if (unlinkat(dropping->place->pool_fd, file->pool, 0) == 0)
		dropping->count++;
	return 0;
}

int sfsi_backup_drop_damaged(const struct sfsi_backup_place *place, int dir_fd,
			     struct sfsi_copying *copying, uint64_t *ret_count)
{
	struct dropping dropping = { .place = place, .copying = copying, .dir_fd = dir_fd };
	struct sfs_backup figures;
	int err = sfsi_backup_read(dir_fd, drop_if_damaged, &dropping, &figures, NULL);
	if (!err)
		*ret_count = dropping.count;
	return err;
}

static int verify_in(const struct sfs_backup_config *config, int dir_fd, const char *path,
		     struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf pool = SFS_BUF_INIT;
	int err = sfs_buf_printf(&pool, "%s/" SFSI_BACKUP_POOL "%c", config->folder, 0);
	if (err < 0)
		return err;
	SFSI_AUTO_FD int pool_fd = open(pool.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct reading reading = { .dir_fd = dir_fd, .pool_fd = pool_fd, .diag = diag };
	struct sfs_backup figures;
	sfsi_copying_init(&reading.copying, config, -1);
	err = sfsi_backup_read(dir_fd, on_file, &reading, &figures, diag);
	err = err < 0 ? err : reading.found;
	return err < 0 ? err : sfsi_backup_read_store(path, true, &figures, diag);
}

int sfs_backup_verify(const struct sfs_backup_config *config, const char *name,
		      struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	int64_t time_ns;
	int err = sfs_buf_printf(&path, "%s/%s", config->folder, name);
	if (!err)
		err = sfs_buf_append(&path, "", 1);
	if (err < 0)
		return err;
	SFSI_AUTO_FD int fd = open(path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!sfsi_backup_time(name, &time_ns) || fd < 0)
		return sfs_diag_set(diag, SFS_ERR_NOT_FOUND, "%s has no backup %s", config->folder,
				    name);
	err = verify_in(config, fd, path.data, diag);
	if (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_NOT_STORE)
		err = SFS_ERR_CORRUPT;
	if (err && err != SFS_ERR_CORRUPT)
		return err;
	/* A disk that takes no writes changes nothing about what was found. */
	int noted = sfsi_backup_set_valid(fd, !err);
	return err || noted == SFS_ERR_READ_ONLY || noted == SFS_ERR_PERMISSION ? err : noted;
}
