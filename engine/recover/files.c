/*
 * The new rows opened as the store that they will be: what follows from objects is made, everything is checked
 * once more, and the plain files of raws are compared with the inodes.
 *
 * Nothing in raw/ changes here. A plain file that is missing is copied from the backup into the folder of
 * the new rows; one that belongs to nothing gets a line in "strays". Both come to their places when
 * the new rows are the store's (place.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <storefs/check.h>
#include "backref.h"
#include "backup/backup.h"
#include "base/errno.h"
#include "index/table.h"
#include "open.h"
#include "recover/recover.h"

/** Steps of building an index: until it is built. */
#define ROUNDS ((size_t)1 << 40)

struct looking {
	struct sfsi_recovery *rec;
	struct sfs_store *store;
	int err;
};

/* --- what follows from objects --- */

static int derive_class(struct sfs_store *store, uint32_t id)
{
	struct sfsi_class *class = sfsi_class_ref(store, id);
	if (!class)
		return 0;
	sfsi_positions_tidy(store, id);
	int err = sfsi_indexer_finish(store, class, ROUNDS);
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

static int derive_all(struct sfs_store *store)
{
	struct sfs_class_info info = { 0 };
	int err = sfsi_backrefs_mark_all(store);
	if (!err)
		err = sfsi_backrefs_settle(store);
	for (uint32_t id = 0; !err && sfs_class_next(store, id, &info) == 0; id = info.id)
		err = derive_class(store, info.id);
	return err;
}

/* --- plain files --- */

static int open_folder(int at, const char *name)
{
	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return -1;
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/** Names of plain files to be brought are paths with a '-' for each '/'. */
static void flat(char *path)
{
	for (char *at = path; *at; at++)
		if (*at == '/')
			*at = '-';
}

/** SFS_ERR_NOT_FOUND: the backup has it neither. SFS_ERR_CORRUPT: it has other bytes than were copied. */
static int bring(struct sfsi_recovery *rec, const char *path)
{
	char name[SFSI_BYTES_PATH];
	if (!rec->backup_path)
		return SFS_ERR_NOT_FOUND;
	if (!rec->bringing.backup)
		sfsi_bringing_init(&rec->bringing, rec->backup_path, rec->dir_fd);
	snprintf(name, sizeof name, "%s", path);
	flat(name);
	SFSI_AUTO_FD int folder = open_folder(rec->new_fd, "bring");
	SFSI_AUTO_FD int to = openat(folder, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (to < 0)
		return sfsi_err_from_errno(errno);
	int err = sfsi_bring(&rec->bringing, path, to);
	if (err < 0)
		(void)!unlinkat(folder, name, 0);
	return err;
}

static int tell_raw(struct looking *looking, enum sfs_recover_kind kind,
		    const struct sfs_check_problem *problem, const char *text)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	const struct sfs_recover_item item = {
		.kind = kind,
		.class_name = problem->class_name,
		.oid = sfs_raw_path(looking->store, problem->ino, &path) == 0
			       ? sfs_buf_span(&path)
			       : (struct sfs_span){ "", 0 },
		.ino = problem->ino,
		.text = text,
	};
	return sfsi_recover_tell(looking->rec, &item);
}

static int on_missing(struct looking *looking, const struct sfs_check_problem *problem)
{
	char path[SFSI_BYTES_PATH], text[160];
	sfsi_bytes_path(problem->ino, path);
	int err = bring(looking->rec, path);
	if (err && err != SFS_ERR_NOT_FOUND && err != SFS_ERR_CORRUPT)
		return err;
	if (err == SFS_ERR_CORRUPT)
		return tell_raw(looking, SFS_RECOVER_LOST, problem,
				"its plain file is gone, and the one in the backup is damaged");
	if (err)
		return tell_raw(
			looking, SFS_RECOVER_LOST, problem,
			looking->rec->config->flags & SFS_RECOVER_NO_BACKUP
				? "its plain file is gone; storefs recover looks for it in backups"
				: "its plain file is gone, and no backup has it");
	snprintf(text, sizeof text, "its bytes are those of backup %s",
		 looking->rec->result.backup);
	return tell_raw(looking, SFS_RECOVER_OLDER, problem, text);
}

static int on_stray(struct looking *looking, const struct sfs_check_problem *problem)
{
	struct sfsi_recovery *rec = looking->rec;
	char path[SFSI_BYTES_PATH], text[200];
	struct stat st = { .st_size = 0 };
	/* What has no name of ours is not ours. */
	if (!problem->ino)
		return 0;
	sfsi_bytes_path(problem->ino, path);
	if (fstatat(looking->store->raw_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	fprintf(rec->strays, "%s\n", path);
	snprintf(text, sizeof text,
		 "raw/%s, %" PRIu64 " bytes of %" PRIu64 ", belongs to nothing that is left", path,
		 (uint64_t)st.st_size, (uint64_t)st.st_mtim.tv_sec);
	const struct sfs_recover_item item = {
		.kind = SFS_RECOVER_ASIDE,
		.class_name = problem->class_name,
		.oid = { "", 0 },
		.ino = problem->ino,
		.text = text,
	};
	return sfsi_recover_tell(rec, &item);
}

static int on_left(struct looking *looking, const struct sfs_check_problem *problem)
{
	char text[300];
	if (problem->severity == SFS_CHECK_NOTE)
		return 0;
	/* What a class does not want of its objects was so before. */
	if (problem->kind == SFS_CHECK_SCHEMA)
		return 0;
	looking->rec->result.left++;
	snprintf(text, sizeof text, "a check still finds: %s: %s",
		 sfs_check_kind_text(problem->kind), problem->text);
	const struct sfs_recover_item item = {
		.kind = SFS_RECOVER_NOTE,
		.class_name = problem->class_name,
		.oid = problem->oid.len ? problem->oid : problem->name,
		.ino = problem->ino,
		.text = text,
	};
	return sfsi_recover_tell(looking->rec, &item);
}

static int on_problem(void *arg, const struct sfs_check_problem *problem)
{
	struct looking *looking = arg;
	if (problem->kind == SFS_CHECK_FILE_MISSING)
		looking->err = on_missing(looking, problem);
	else if (problem->kind == SFS_CHECK_FILE_STRAY)
		looking->err = on_stray(looking, problem);
	else
		looking->err = on_left(looking, problem);
	return looking->err < 0;
}

static int look(struct looking *looking)
{
	const struct sfs_check check = {
		.flags = SFS_CHECK_QUICK,
		.problem = on_problem,
		.arg = looking,
	};
	struct sfs_check_result result;
	int err = sfs_store_check(looking->store, &check, &result, looking->rec->diag);
	return looking->err < 0 ? looking->err : err;
}

int sfsi_recover_finish_rows(struct sfsi_recovery *rec)
{
	struct looking looking = { .rec = rec };
	if (mkdirat(rec->dir_fd, "raw", 0700) < 0 && errno != EEXIST)
		return sfsi_err_from_errno(errno);
	int err = sfsi_store_open_aside(rec->path, SFSI_RECOVER_NEW, &rec->file, &looking.store,
					rec->diag);
	if (err < 0)
		return err;
	err = derive_all(looking.store);
	if (!err)
		err = look(&looking);
	int closed = sfs_store_close(looking.store);
	return err < 0 ? err : closed;
}
