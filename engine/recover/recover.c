/*
 * Recovering a store: the order of things. See storefs/recover.h and recover.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include "backup/backup.h"
#include "base/errno.h"
#include "hash.h"
#include "recover/recover.h"

/* --- the folder --- */

/** Without storefs.json: is it what is left of a store? */
static bool looks_like_store(int dir_fd)
{
	struct stat st;
	return (fstatat(dir_fd, "db/STATE", &st, AT_SYMLINK_NOFOLLOW) == 0 ||
		fstatat(dir_fd, "db/db", &st, AT_SYMLINK_NOFOLLOW) == 0) &&
	       fstatat(dir_fd, "raw", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool sfsi_recover_lost_file(const char *path)
{
	struct stat st;
	SFSI_AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && !sfs_backup_is(path) &&
	       fstatat(fd, SFSI_STORE_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0 && looks_like_store(fd);
}

bool sfs_store_can_recover(const char *path, int err)
{
	struct stat st;
	if (sfs_backup_is(path))
		return false;
	SFSI_AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool store = fd >= 0 && fstatat(fd, SFSI_STORE_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!store)
		return (fd >= 0 && looks_like_store(fd)) || sfsi_recover_can_sidecar(path, err);
	return err == SFS_ERR_CORRUPT ||
	       fstatat(fd, SFS_RECOVER_NOTE_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/** What the store is; one that does not say is what its backup is, or a new one. */
static int read_store_file(struct sfsi_recovery *rec)
{
	int err = sfsi_store_file_read(rec->dir_fd, SFSI_STORE_FILE, rec->path, &rec->file,
				       rec->diag);
	if (err != SFS_ERR_CORRUPT && err != SFS_ERR_NOT_STORE)
		return err;
	if (err == SFS_ERR_NOT_STORE && !looks_like_store(rec->dir_fd))
		return err;
	rec->file_lost = true;
	rec->file = (struct sfsi_store_file){ .format = SFS_STORE_FORMAT, .backend = "kv" };
	return sfsi_uuid_make(rec->file.uuid);
}

static int open_store(struct sfsi_recovery *rec)
{
	const struct sfs_store_config config = {
		.path = rec->path,
		.owner_note = rec->config->owner_note ? rec->config->owner_note : "recovering",
	};
	rec->dir_fd = open(rec->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rec->dir_fd < 0)
		return sfs_diag_set(rec->diag, sfsi_err_from_errno(errno), "%s: %s", rec->path,
				    strerror(errno));
	struct stat st;
	/* Before a lock is made in what is no store. */
	if (fstatat(rec->dir_fd, SFSI_STORE_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	    !looks_like_store(rec->dir_fd))
		return sfs_diag_set(rec->diag, SFS_ERR_NOT_STORE, "%s is not a storefs store",
				    rec->path);
	int err = sfsi_store_lock(rec->dir_fd, &config, &rec->lock_fd, rec->diag);
	if (!err)
		err = sfsi_recover_settle(rec->dir_fd);
	if (!err)
		err = read_store_file(rec);
	if (err < 0)
		return err;
	if (strcmp(rec->file.backend, "kv") != 0)
		return sfs_diag_set(rec->diag, SFS_ERR_UNSUPPORTED,
				    "%s has backend %s, expected kv", rec->path, rec->file.backend);
	err = mkdirat(rec->dir_fd, SFSI_RECOVER_NEW, 0700) < 0 ? sfsi_err_from_errno(errno) : 0;
	if (!err) {
		rec->new_fd = openat(rec->dir_fd, SFSI_RECOVER_NEW,
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = rec->new_fd < 0 ? sfsi_err_from_errno(errno) : 0;
	}
	return err < 0 ? sfs_diag_set(rec->diag, err, "%s/" SFSI_RECOVER_NEW ": %s", rec->path,
				      sfs_err_text(err))
		       : 0;
}

/* --- the new rows --- */

static int open_new(struct sfsi_recovery *rec)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	int err = sfs_buf_printf(&path, "%s/" SFSI_RECOVER_NEW, rec->path);
	if (!err)
		err = sfs_buf_append(&path, "", 1);
	const struct sfsi_backend_config config = { .path = path.data, .create = true };
	return err < 0 ? err : sfsi_backend_open(&sfsi_backend_kv, &config, &rec->to, rec->diag);
}

static int make_classes(struct sfsi_recovery *rec)
{
	int err = 0;
	for (size_t i = 0; i < rec->classes_len && !err; i++) {
		if (!rec->classes[i].id || !rec->classes[i].there)
			continue;
		err = sfsi_recover_objects(rec, &rec->classes[i]);
		if (!err)
			err = sfsi_recover_tree(rec, &rec->classes[i]);
		if (!err)
			err = sfsi_recover_past(rec, &rec->classes[i]);
	}
	return err;
}

static int make_rows(struct sfsi_recovery *rec)
{
	int err = open_new(rec);
	if (!err)
		err = sfsi_recover_merge(rec);
	if (!err)
		err = sfsi_recover_missing(rec);
	if (!err)
		err = make_classes(rec);
	if (!err)
		err = sfsi_recover_states(rec);
	if (!err)
		err = sfsi_backend_sync(rec->to);
	sfsi_backend_close(rec->to);
	rec->to = NULL;
	return err;
}

/** Of an older format: references back are made anyway, the rest is the same. */
static int write_store_file(struct sfsi_recovery *rec)
{
	bool older = rec->file.format < SFS_STORE_FORMAT;
	rec->file.format = SFS_STORE_FORMAT;
	return rec->file_lost || older ? sfsi_store_file_write(rec->new_fd, SFSI_STORE_FILE,
							       rec->path, &rec->file, rec->diag)
				       : 0;
}

static int tell_head(struct sfsi_recovery *rec)
{
	const struct sfs_recover_result *result = &rec->result;
	fprintf(rec->text, "%s, %s\nwhat was wrong: %s\nbackup: %s\n\n", rec->path, rec->started,
		result->why[0] ? result->why : "nothing, it opens",
		result->backup[0] ? result->backup : "none");
	return ferror(rec->text) ? SFS_ERR_IO : 0;
}

static void tell_end(struct sfsi_recovery *rec)
{
	const struct sfs_recover_result *result = &rec->result;
	fprintf(rec->text,
		"\n%" PRIu64 " objects and %" PRIu64 " files are there now; %" PRIu64
		" lost, %" PRIu64 " older than they were, %" PRIu64 " perhaps so, %" PRIu64
		" found, %" PRIu64 " plain files set aside\n",
		result->objects, result->files, result->lost, result->older, result->unsure,
		result->found, result->aside);
}

static int build(struct sfsi_recovery *rec)
{
	int err = sfsi_recover_report_open(rec);
	if (!err)
		err = sfsi_recover_sources(rec);
	rec->hash_seed = sfsi_hash(sfs_span_str(rec->file.uuid), 0);
	if (!err)
		err = tell_head(rec);
	if (!err)
		err = make_rows(rec);
	if (!err)
		err = sfsi_recover_finish_rows(rec);
	if (!err)
		err = write_store_file(rec);
	if (!err)
		tell_end(rec);
	int closed = sfsi_recover_report_close(rec);
	return err < 0 ? err : closed;
}

static void close_sources(struct sfsi_recovery *rec)
{
	sfsi_salvage_close(rec->damaged);
	sfsi_salvage_close(rec->backup);
	rec->damaged = rec->backup = NULL;
}

static void fini(struct sfsi_recovery *rec, bool keep)
{
	close_sources(rec);
	(void)!sfsi_recover_report_close(rec);
	sfsi_map_fini(&rec->named);
	sfsi_bringing_fini(&rec->bringing);
	for (size_t i = 0; i < rec->names_len; i++)
		sfs_buf_fini(&rec->names[i].name);
	sfs_buf_fini(&rec->bytes);
	free(rec->rows);
	free(rec->classes);
	free(rec->backup_path);
	sfsi_close_fd(&rec->new_fd);
	/* The store stays as it was. Of a sidecar lock_fd is closed long ago. */
	if (rec->lock_fd >= 0 && !keep)
		sfsi_remove_tree(rec->dir_fd, SFSI_RECOVER_NEW);
	if (rec->lock_fd >= 0)
		(void)!ftruncate(rec->lock_fd, 0);
	sfsi_close_fd(&rec->lock_fd);
	sfsi_close_fd(&rec->dir_fd);
	free(rec->path);
}

int sfs_store_recover(const struct sfs_recover_config *config, struct sfs_recover_result *ret,
		      struct sfs_diag *diag)
{
	char *path = realpath(config->path, NULL);
	if (!path)
		return sfs_diag_set(diag, sfsi_err_from_errno(errno), "%s: %s", config->path,
				    strerror(errno));
	struct sfsi_recovery rec = {
		.config = config,
		.diag = diag,
		.dir_fd = -1,
		.lock_fd = -1,
		.new_fd = -1,
		.path = path,
	};
	struct sfs_diag inner = SFS_DIAG_INIT;
	rec.diag = &inner;
	sfsi_map_init(&rec.named);
	sfsi_backup_name(sfsi_now_ns(), rec.started);
	rec.sidecar = sfsi_recover_is_sidecar(path);
	bool swap = !(config->flags & SFS_RECOVER_DRY_RUN) && !rec.sidecar;
	int err = rec.sidecar ? sfsi_recover_sidecar(&rec) : open_store(&rec);
	if (!err && !rec.sidecar)
		err = build(&rec);
	close_sources(&rec);
	if (!err && swap)
		err = sfsi_recover_swap(&rec);
	*ret = rec.result;
	/* A swap that was begun is finished by whoever opens the store next. */
	fini(&rec, !err && swap);
	return err < 0 ? sfs_diag_set(diag, err, "%s",
				      inner.err == err && inner.text[0] ? inner.text
									: sfs_err_text(err))
		       : 0;
}
