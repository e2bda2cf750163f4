/*
 * Backups by themselves: how often, where, and which are kept is in the file "schedule" of the store's
 * folder; a thread of whoever asked for it takes them, and removes old versions of objects meanwhile.
 *
 * When the next one is due follows from the newest backup that is not of the future, so it survives restarts;
 * between two attempts at least the interval passes by a clock that can not be set.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <storefs/errors.h>
#include <storefs/history.h>
#include "backup/backup.h"
#include "base/file.h"
#include "config.h"
#include "document/json.h"
#include "store_private.h"

#define SCHEDULE_FILE "schedule"
#define SCHEDULE_MAX ((size_t)8192)
/** After an attempt that failed, when the interval is longer. */
#define RETRY_S 600
/** So often what is too old is looked for (history.h). */
#define EXPIRE_S 1800

struct sfsi_scheduler {
	struct sfs_store *store;
	pthread_t thread;
	pthread_mutex_t lock; /* protects all below */
	pthread_cond_t wake;
	bool stop, changed;
};

/* --- the file --- */

struct member {
	const char *name;
	size_t off;
};

static const struct member numbers[] = {
	{ "every_s", offsetof(struct sfs_backup_schedule, every_s) },
	{ "keep", offsetof(struct sfs_backup_schedule, keep.newest) },
	{ "hourly", offsetof(struct sfs_backup_schedule, keep.hourly) },
	{ "daily", offsetof(struct sfs_backup_schedule, keep.daily) },
	{ "weekly", offsetof(struct sfs_backup_schedule, keep.weekly) },
	{ "monthly", offsetof(struct sfs_backup_schedule, keep.monthly) },
};

static int on_member(void *arg, const struct sfsi_config_member *member)
{
	struct sfs_backup_schedule *schedule = arg;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (strcmp(numbers[i].name, member->name) != 0)
			continue;
		if (!member->is_integer || member->integer < 0 || member->integer > UINT32_MAX)
			return SFS_ERR_CORRUPT;
		const uint32_t number = (uint32_t)member->integer;
		memcpy((char *)schedule + numbers[i].off, &number, sizeof number);
		return 0;
	}
	if (strcmp(member->name, "folder") != 0)
		return 0;
	if (!member->text.data || member->text.len >= sizeof schedule->folder ||
	    memchr(member->text.data, 0, member->text.len))
		return SFS_ERR_CORRUPT;
	memcpy(schedule->folder, member->text.data, member->text.len);
	schedule->folder[member->text.len] = '\0';
	return 0;
}

int sfsi_backup_schedule_read(int dir_fd, const char *path, struct sfs_backup_schedule *ret,
			      struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_backup_schedule schedule = { 0 };
	struct sfs_diag inner = SFS_DIAG_INIT;
	int err = dir_fd < 0 ? SFS_ERR_NOT_FOUND
			     : sfsi_file_load(dir_fd, SCHEDULE_FILE, SCHEDULE_MAX, &text);
	if (!err)
		err = sfsi_config_read(sfs_buf_span(&text), on_member, &schedule, &inner);
	if (err == SFS_ERR_NOT_FOUND)
		err = 0;
	if (err < 0)
		return sfs_diag_set(diag, err, "%s/" SCHEDULE_FILE ": %s", path,
				    inner.text[0] ? inner.text : sfs_err_text(err));
	*ret = schedule;
	return 0;
}

int sfs_backup_schedule_get(struct sfs_store *store, struct sfs_backup_schedule *ret,
			    struct sfs_diag *diag)
{
	return sfsi_backup_schedule_read(store->dir_fd, store->path, ret, diag);
}

static int schedule_text(const struct sfs_backup_schedule *schedule, struct sfs_buf *ret)
{
	int err = sfs_buf_printf(ret, "{ \"folder\": ");
	if (!err)
		err = sfsi_json_quote(ret, sfs_span_str(schedule->folder));
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !err; i++) {
		uint32_t number;
		memcpy(&number, (const char *)schedule + numbers[i].off, sizeof number);
		err = sfs_buf_printf(ret, ", \"%s\": %" PRIu32, numbers[i].name, number);
	}
	return err < 0 ? err : sfs_buf_append(ret, " }\n", 3);
}

static void tell_scheduler(struct sfs_store *store)
{
	struct sfsi_scheduler *scheduler = store->scheduler;
	if (!scheduler)
		return;
	SFSI_LOCK_SCOPE(&scheduler->lock);
	scheduler->changed = true;
	pthread_cond_signal(&scheduler->wake);
}

int sfs_backup_schedule_set(struct sfs_store *store, const struct sfs_backup_schedule *schedule,
			    struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	if (store->dir_fd < 0)
		return sfs_diag_set(diag, SFS_ERR_UNSUPPORTED, "a memory store has no backups");
	if (store->read_only)
		return sfs_diag_set(diag, SFS_ERR_READ_ONLY, "%s is open read-only", store->path);
	if (schedule->folder[0] && schedule->folder[0] != '/')
		return sfs_diag_set(diag, SFS_ERR_INVALID, "'%s' is no absolute path",
				    schedule->folder);
	int err = schedule_text(schedule, &text);
	if (!err)
		err = sfsi_file_replace(store->dir_fd, SCHEDULE_FILE, sfs_buf_span(&text));
	if (err < 0)
		return sfs_diag_set(diag, err, "%s/" SCHEDULE_FILE ": %s", store->path,
				    sfs_err_text(err));
	tell_scheduler(store);
	return 0;
}

/* --- when --- */

struct newest {
	int64_t now_ns, time_ns; /* 0: none */
};

static int look_at(void *arg, const struct sfs_backup *backup)
{
	struct newest *newest = arg;
	if (backup->time_ns <= newest->now_ns && backup->time_ns > newest->time_ns)
		newest->time_ns = backup->time_ns;
	return 0;
}

/** Seconds until the next one is due; 0: now. */
static int64_t seconds_left(struct sfs_store *store, const struct sfs_backup_schedule *schedule)
{
	SFSI_AUTO_BUF struct sfs_buf folder = SFS_BUF_INIT;
	struct newest newest = { .now_ns = sfsi_now_ns() };
	int err = schedule->folder[0]
			  ? sfs_buf_append(&folder, schedule->folder, strlen(schedule->folder) + 1)
			  : sfs_buf_printf(&folder, "%s/" SFS_BACKUP_FOLDER "%c", store->home, 0);
	if (!err)
		err = sfs_backup_each(folder.data, look_at, &newest);
	if (err < 0 || !newest.time_ns)
		return 0;
	int64_t passed = (newest.now_ns - newest.time_ns) / 1000000000;
	return passed >= schedule->every_s ? 0 : schedule->every_s - passed;
}

/* --- the thread --- */

static bool is_stopping(struct sfsi_scheduler *scheduler)
{
	SFSI_LOCK_SCOPE(&scheduler->lock);
	return scheduler->stop;
}

static int on_progress(void *arg, uint64_t files, uint64_t bytes)
{
	(void)files;
	(void)bytes;
	return is_stopping(arg);
}

static int take(struct sfsi_scheduler *scheduler, const struct sfs_backup_schedule *schedule)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_backup backup;
	struct sfs_backup_config config = {
		.folder = schedule->folder[0] ? schedule->folder : NULL,
		.keep = schedule->keep,
		.progress = on_progress,
		.arg = scheduler,
	};
	int err = sfs_backup_take(scheduler->store, &config, &backup, &diag);
	if (!err || err == SFS_ERR_CANCELLED)
		return err;
	struct sfs_error error = {
		.operation = sfs_span_str("backup"),
		.errno_name = sfs_span_str("EIO"),
		.message = sfs_span_str(diag.text[0] ? diag.text : sfs_err_text(err)),
	};
	sfs_errors_add(scheduler->store, &error);
	return err;
}

enum wake { WAKE_STOP, WAKE_CHANGED, WAKE_TIME };

/** Until something changed, at most so many seconds. */
static enum wake wait_for(struct sfsi_scheduler *scheduler, int64_t seconds)
{
	SFSI_LOCK_SCOPE(&scheduler->lock);
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	int error = 0;
	while (!scheduler->stop && !scheduler->changed && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&scheduler->wake, &scheduler->lock, &until);
	bool changed = scheduler->changed;
	scheduler->changed = false;
	if (scheduler->stop)
		return WAKE_STOP;
	return changed ? WAKE_CHANGED : WAKE_TIME;
}

static bool should_stop(void *arg)
{
	return is_stopping(arg);
}

/**
 * Until a backup is due in so many seconds (0: never), or something changed. False: the end. Meanwhile what is too old
 * goes; what fails is tried again the next time.
 */
static bool wait_long(struct sfsi_scheduler *scheduler, int64_t seconds)
{
	enum wake wake = WAKE_TIME;
	bool ever = seconds == 0;
	while (wake == WAKE_TIME && (ever || seconds > 0)) {
		int64_t some = ever || seconds > EXPIRE_S ? EXPIRE_S : seconds;
		wake = wait_for(scheduler, some);
		seconds -= some;
		if (wake == WAKE_TIME && some == EXPIRE_S)
			(void)!sfs_history_expire(scheduler->store, should_stop, scheduler, NULL);
	}
	return wake != WAKE_STOP;
}

static void *run(void *arg)
{
	struct sfsi_scheduler *scheduler = arg;
	struct sfs_backup_schedule schedule;
	int64_t seconds = 0;
	do {
		bool some = sfs_backup_schedule_get(scheduler->store, &schedule, NULL) == 0 &&
			    schedule.every_s;
		seconds = some ? seconds_left(scheduler->store, &schedule) : 0;
		if (!some || seconds)
			continue;
		int err = take(scheduler, &schedule);
		seconds = err && schedule.every_s > RETRY_S ? RETRY_S : schedule.every_s;
	} while (wait_long(scheduler, seconds));
	return NULL;
}

static struct sfsi_scheduler *scheduler_new(struct sfs_store *store)
{
	struct sfsi_scheduler *scheduler = calloc(1, sizeof *scheduler);
	if (!scheduler)
		return NULL;
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&scheduler->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&scheduler->lock, NULL);
	scheduler->store = store;
	return scheduler;
}

static void scheduler_free(struct sfsi_scheduler *scheduler)
{
	pthread_cond_destroy(&scheduler->wake);
	pthread_mutex_destroy(&scheduler->lock);
	free(scheduler);
}

int sfs_backup_schedule_run(struct sfs_store *store)
{
	if (store->dir_fd < 0 || store->read_only || store->scheduler)
		return 0;
	struct sfsi_scheduler *scheduler = scheduler_new(store);
	if (!scheduler)
		return SFS_ERR_NO_MEMORY;
	store->scheduler = scheduler;
	if (pthread_create(&scheduler->thread, NULL, run, scheduler) == 0)
		return 0;
	store->scheduler = NULL;
	scheduler_free(scheduler);
	return SFS_ERR_NO_MEMORY;
}

void sfsi_backup_schedule_stop(struct sfs_store *store)
{
	struct sfsi_scheduler *scheduler = store->scheduler;
	if (!scheduler)
		return;
	pthread_mutex_lock(&scheduler->lock);
	scheduler->stop = true;
	pthread_cond_signal(&scheduler->wake);
	pthread_mutex_unlock(&scheduler->lock);
	pthread_join(scheduler->thread, NULL);
	store->scheduler = NULL;
	scheduler_free(scheduler);
}
