/*
 * Which backup is meant: by its name, as the latest one, by a time. A store has them in a folder of its own and,
 * when its schedule says so, in another one; both are read without opening the store, which may be damaged.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <storefs/time.h>
#include "backup/backup.h"
#include "base/cleanup.h"
#include "base/errno.h"

#define LATEST "latest"

/* --- the folders --- */

/** That of the schedule, with a NUL; nothing when it has none, or the same one. */
static int scheduled_folder(const struct sfs_buf *own, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf home = SFS_BUF_INIT;
	struct sfs_backup_schedule schedule;
	const char *slash = strrchr(own->data, '/');
	int err = sfs_buf_append(&home, own->data, (size_t)(slash - (const char *)own->data));
	if (!err)
		err = sfs_buf_append(&home, "", 1);
	if (err < 0)
		return err;
	SFSI_AUTO_FD int fd = open(home.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	err = sfsi_backup_schedule_read(fd, home.data, &schedule, NULL);
	if (err < 0 || !schedule.folder[0] || strcmp(schedule.folder, own->data) == 0)
		return err;
	return sfs_buf_append(ret, schedule.folder, strlen(schedule.folder) + 1);
}

struct visit {
	const char *folder;
	sfs_backup_of_fn *fn;
	void *arg;
};

static int visit_one(void *arg, const struct sfs_backup *backup)
{
	const struct visit *visit = arg;
	return visit->fn(visit->arg, visit->folder, backup);
}

/** A folder that is not there has none. */
static int visit_folder(const char *folder, sfs_backup_of_fn *fn, void *arg)
{
	struct visit visit = { folder, fn, arg };
	int err = sfs_backup_each(folder, visit_one, &visit);
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

int sfs_backup_each_of(const char *store, const char *folder, sfs_backup_of_fn *fn, void *arg)
{
	SFSI_AUTO_BUF struct sfs_buf own = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf other = SFS_BUF_INIT;
	struct visit given = { folder, fn, arg };
	if (folder)
		return sfs_backup_each(folder, visit_one, &given);
	int err = sfs_backup_folder(store, &own);
	if (err < 0)
		return err;
	/* One that can not be read does not hide what is in the other. */
	int failed = scheduled_folder(&own, &other);
	err = visit_folder(own.data, fn, arg);
	if (err != SFS_ERR_CANCELLED && other.len) {
		failed = err < 0 ? err : failed;
		err = visit_folder(other.data, fn, arg);
	}
	return err < 0 ? err : failed;
}

/* --- one of them --- */

struct search {
	const char *word;
	bool latest;
	int64_t until_ns;    /* of a time; INT64_MIN: it is none */
	struct sfs_buf path; /* of the one that fits best so far, with a NUL */
	int64_t best_ns;
	char folder[4096]; /* that it is in */
	int err;
};

static int take(struct search *search, const char *folder, const struct sfs_backup *backup)
{
	search->path.len = 0;
	search->err = sfs_buf_printf(&search->path, "%s/%s%c", folder, backup->name, 0);
	search->best_ns = backup->time_ns;
	snprintf(search->folder, sizeof search->folder, "%s", folder);
	return search->err < 0;
}

static int consider(void *arg, const char *folder, const struct sfs_backup *backup)
{
	struct search *search = arg;
	bool first = !search->path.len;
	if (strcmp(backup->name, search->word) == 0) {
		(void)take(search, folder, backup);
		return 1;
	}
	if (!backup->valid)
		return 0;
	/* In one folder the last one was taken last, whatever clocks said. */
	if (search->latest)
		return first || strcmp(search->folder, folder) == 0 ||
				       backup->time_ns > search->best_ns
			       ? take(search, folder, backup)
			       : 0;
	if (backup->time_ns > search->until_ns || (!first && backup->time_ns < search->best_ns))
		return 0;
	return take(search, folder, backup);
}

static int result(struct search *search, const char *store, int err, struct sfs_buf *ret,
		  struct sfs_diag *diag)
{
	if (search->err < 0)
		return sfs_diag_set(diag, search->err, "%s", sfs_err_text(search->err));
	if (!search->path.len && err < 0 && err != SFS_ERR_NOT_FOUND)
		return sfs_diag_set(diag, err, "backups of %s can not be read: %s", store,
				    sfs_err_text(err));
	if (!search->path.len)
		return sfs_diag_set(diag, SFS_ERR_NOT_FOUND, "%s has no valid backup %s%s", store,
				    search->latest ? "" : "that is, or is as old as, ",
				    search->latest ? "" : search->word);
	*ret = sfs_buf_take(&search->path);
	return 0;
}

int sfs_backup_find(const char *store, const char *folder, const char *word, int64_t now_ns,
		    struct sfs_buf *ret, struct sfs_diag *diag)
{
	struct search search = {
		.word = word,
		.latest = strcmp(word, LATEST) == 0,
		.until_ns = INT64_MIN,
	};
	struct sfs_diag why = SFS_DIAG_INIT;
	if (!search.latest &&
	    sfs_time_parse(sfs_span_str(word), now_ns, &search.until_ns, &why) < 0)
		return sfs_diag_set(diag, SFS_ERR_INVALID,
				    "'%s' is neither the name of a backup, nor latest, nor a time "
				    "(%.200s)",
				    word, why.text);
	int err = sfs_backup_each_of(store, folder, consider, &search);
	err = result(&search, folder ? folder : store, err, ret, diag);
	sfs_buf_fini(&search.path);
	return err;
}
