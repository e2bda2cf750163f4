/*
 * Group commit: one thread syncs for all who wait, and at least every sync_ms when
 * something is unsynced, which bounds what a power cut can take.
 *
 * Plain files named by commits of the tail are synced before the log, so that a record
 * that survives a power cut finds its bytes.
 */
#include <string.h>
#include "base/array.h"
#include "bytes.h"
#include "mirror/mirror.h"
#include "open.h"
#include "store_private.h"
#include "twin.h"

/*
 * So many plain files are synced with their whole file system: one by one each costs a flush of the disk, and 50 µs
 * of CPU. That may take longer, when others write much there; who waits meets it later.
 */
#define FILES_MANY 64
#define FILES_MANY_WAITED 1024

struct sfsi_syncer {
	pthread_t thread;
	pthread_mutex_t lock; /* protects all below */
	pthread_cond_t work;  /* for the thread */
	pthread_cond_t done;  /* for those who wait */
	unsigned sync_ms;
	bool stop;
	bool dirty; /* commits since the last sync began */
	uint64_t rounds_begun, rounds_done;
	uint64_t rounds_wanted; /* a round of this number is waited for */
	int result;             /* of the last round */
	uint64_t synced;        /* commit number */
	uint64_t syncs;
	uint64_t *files; /* [files_len] inode numbers */
	size_t files_len, files_cap;
	bool all_files; /* the list is too long, or there was no memory for it */
};

/* The note for the backend: a version byte and the number of the last synced commit. */
static int mark(struct sfs_store *store)
{
	uint8_t note[9];
	sfsi_put_u64(sfsi_put_u8(note, 1), store->syncer->synced);
	int err = sfsi_backend_mark(store->backend, (struct sfs_span){ note, sizeof note });
	return err == SFS_ERR_UNSUPPORTED ? 0 : err;
}

int sfsi_mark_decode(struct sfs_span note, uint64_t *ret)
{
	struct sfsi_reader r = sfsi_reader(note);
	uint8_t version = sfsi_read_u8(&r);
	uint64_t commit = sfsi_read_u64(&r);
	if (r.bad || r.left || version != 1)
		return SFS_ERR_CORRUPT;
	*ret = commit;
	return 0;
}

/** Are they all synced at once? A store that keeps files twice, or keeps those of others, looks at each. */
static bool is_many(const struct sfs_store *store, size_t len, bool waited)
{
	return len >= (waited ? FILES_MANY_WAITED : FILES_MANY) && !store->twin && !store->mirror;
}

static int sync_files(struct sfs_store *store, uint64_t *files, size_t len, bool all)
{
	if (all) {
		sfsi_twin_files(store);
		return syncfs(store->raw_fd) < 0 ? SFS_ERR_IO : 0;
	}
	return sfsi_bytes_sync_all(store, files, len);
}

/** One round; called without the lock. */
static int sync_round(struct sfs_store *store, uint64_t *files, size_t len, bool all)
{
	int err = sync_files(store, files, len, all);
	if (!err)
		err = sfsi_mirror_sync(store);
	if (!err)
		err = sfsi_backend_sync(store->backend);
	return err == SFS_ERR_UNSUPPORTED ? 0 : err;
}

/** Give the files of a round that failed back to the list. */
static void files_restore(struct sfsi_syncer *s, uint64_t *files, size_t len, bool all)
{
	s->all_files |= all || s->files_len > 0;
	if (s->files_len == 0) {
		free(s->files);
		s->files = files;
		s->files_len = s->files_cap = len;
	} else {
		free(files);
	}
}

/** Does somebody wait for a round that has not been done? */
static bool wanted(const struct sfsi_syncer *s)
{
	return s->rounds_wanted > s->rounds_done;
}

/** Called with the lock held, which it drops meanwhile. */
static void round_locked(struct sfs_store *store)
{
	struct sfsi_syncer *s = store->syncer;
	uint64_t *files = s->files;
	size_t files_len = s->files_len;
	bool all = s->all_files || is_many(store, files_len, wanted(s));
	/* Read with the list: the files of every commit up to this one are in it, or done. */
	uint64_t commit = atomic_load(&store->commit);
	s->files = NULL;
	s->files_len = s->files_cap = 0;
	s->all_files = false;
	s->dirty = false;
	s->rounds_begun++;
	pthread_mutex_unlock(&s->lock);

	int err = sync_round(store, files, files_len, all);

	pthread_mutex_lock(&s->lock);
	if (err < 0) {
		s->dirty = true;
		files_restore(s, files, files_len, all);
	} else {
		free(files);
		s->synced = commit;
	}
	s->result = err;
	s->syncs++;
	s->rounds_done = s->rounds_begun;
	pthread_cond_broadcast(&s->done);
}

static void deadline(struct timespec *ret, unsigned ms)
{
	clock_gettime(CLOCK_MONOTONIC, ret);
	ret->tv_sec += ms / 1000;
	ret->tv_nsec += (long)(ms % 1000) * 1000000;
	if (ret->tv_nsec >= 1000000000) {
		ret->tv_sec++;
		ret->tv_nsec -= 1000000000;
	}
}

static bool is_past(const struct timespec *time)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > time->tv_sec ||
	       (now.tv_sec == time->tv_sec && now.tv_nsec >= time->tv_nsec);
}

static void *syncer_main(void *arg)
{
	struct sfs_store *store = arg;
	struct sfsi_syncer *s = store->syncer;
	/* A round that somebody waited for was not marked: that is done when nobody waits, or it is time. */
	bool unmarked = false;
	struct timespec mark_until;
	deadline(&mark_until, s->sync_ms);
	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		if (!wanted(s) && !s->dirty && !unmarked) {
			pthread_cond_wait(&s->work, &s->lock);
			continue;
		}
		/* Dirty, nobody waits: let sync_ms pass first. */
		struct timespec until;
		deadline(&until, s->sync_ms);
		int late = 0;
		while (!s->stop && !wanted(s) && !late)
			late = pthread_cond_timedwait(&s->work, &s->lock, &until);
		bool background = !wanted(s);
		if (s->stop)
			break;
		if (wanted(s) || s->dirty)
			round_locked(store);
		bool good = s->result == 0;
		uint64_t synced = s->synced;
		pthread_mutex_unlock(&s->lock);
		bool due = background || is_past(&mark_until);
		unmarked = !due && good;
		if (due && good) {
			int err = mark(store);
			(void)err; /* the next mark comes; an old one is never wrong */
			deadline(&mark_until, s->sync_ms);
		}
		sfsi_bytes_reap(store, synced);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int sfsi_syncer_start(struct sfs_store *store, unsigned sync_ms)
{
	struct sfsi_syncer *s = calloc(1, sizeof *s);
	if (!s)
		return SFS_ERR_NO_MEMORY;
	pthread_condattr_t clock;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, &clock);
	pthread_cond_init(&s->done, NULL);
	pthread_condattr_destroy(&clock);
	s->sync_ms = sync_ms;
	/* After a kill -9 the tail may only be in the page cache. */
	s->synced = store->marked;
	s->dirty = !store->read_only && atomic_load(&store->commit) > store->marked;
	store->syncer = s;
	if (pthread_create(&s->thread, NULL, syncer_main, store) != 0) {
		free(s);
		store->syncer = NULL;
		return SFS_ERR_NO_MEMORY;
	}
	return 0;
}

int sfsi_syncer_stop(struct sfs_store *store)
{
	struct sfsi_syncer *s = store->syncer;
	if (!s)
		return 0;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_mutex_lock(&s->lock);
	int err = 0;
	if (s->dirty && !store->read_only) {
		round_locked(store);
		err = s->result;
	}
	pthread_mutex_unlock(&s->lock);
	if (!err && !store->read_only && s->synced > store->marked)
		err = mark(store);
	sfsi_bytes_reap(store, s->synced);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->done);
	pthread_mutex_destroy(&s->lock);
	free(s->files);
	free(s);
	store->syncer = NULL;
	return err;
}

void sfsi_syncer_dirty(struct sfs_store *store)
{
	struct sfsi_syncer *s = store->syncer;
	if (!s)
		return; /* the first commit of a new store: synced once it runs */
	SFSI_LOCK_SCOPE(&s->lock);
	if (!s->dirty) {
		s->dirty = true;
		pthread_cond_signal(&s->work);
	}
}

void sfsi_syncer_file(struct sfs_store *store, uint64_t ino)
{
	struct sfsi_syncer *s = store->syncer;
	SFSI_LOCK_SCOPE(&s->lock);
	if (s->all_files || s->files_len >= 65536) {
		s->all_files = true;
		return;
	}
	if (sfsi_array_grow(&s->files, s->files_len, &s->files_cap, sizeof *s->files) < 0)
		s->all_files = true;
	else
		s->files[s->files_len++] = ino;
}

int sfs_store_sync(struct sfs_store *store)
{
	if (store->read_only)
		return 0;
	struct sfsi_syncer *s = store->syncer;
	SFSI_LOCK_SCOPE(&s->lock);
	if (s->synced >= atomic_load(&store->commit) && !s->files_len && !s->all_files)
		return 0;
	/* A round that began before now may have missed our commit: the next one counts. */
	uint64_t want = s->rounds_begun + 1;
	if (s->rounds_wanted < want)
		s->rounds_wanted = want;
	pthread_cond_signal(&s->work);
	while (s->rounds_done < want)
		pthread_cond_wait(&s->done, &s->lock);
	return s->result;
}

uint64_t sfsi_syncer_synced(struct sfs_store *store)
{
	struct sfsi_syncer *s = store->syncer;
	/* What can not survive anyway needs no sync. */
	if (!s || !(store->backend->ops->caps & SFSI_CAP_DURABLE))
		return UINT64_MAX;
	SFSI_LOCK_SCOPE(&s->lock);
	return s->synced;
}

void sfsi_syncer_ask(struct sfs_store *store)
{
	struct sfsi_syncer *s = store->syncer;
	if (!s)
		return;
	SFSI_LOCK_SCOPE(&s->lock);
	if (s->rounds_wanted <= s->rounds_begun)
		s->rounds_wanted = s->rounds_begun + 1;
	pthread_cond_signal(&s->work);
}

void sfsi_syncer_stat(struct sfs_store *store, struct sfsi_sync_stat *ret)
{
	struct sfsi_syncer *s = store->syncer;
	SFSI_LOCK_SCOPE(&s->lock);
	*ret = (struct sfsi_sync_stat){ s->synced, s->syncs };
}
