/*
 * The thread that builds, drops and divides tables while the store is in use, and makes references back
 * right that could not be when the catalogue was changed. It is started with the
 * first thing that is to be done, and stopped when the store is closed; what is not done then goes on
 * at the next open. A program that waits for an index takes steps itself, in turn with the thread.
 */
#include "backref.h"
#include "index/table.h"

#define RETRY_S 1
/** A step gives way to saves: for some of the time that it took, for all of it when there are any. */
#define NAP_SHARE 16
#define NAP_LEAST_NS 50000
#define NAP_MOST_NS 10000000

struct sfsi_indexer {
	pthread_mutex_t step; /* held for one step; comes before commit_lock */
	uint64_t commit;      /* of the store after the last step; protected by step */
	pthread_mutex_t lock; /* protects all below; innermost */
	pthread_cond_t cond;
	pthread_t thread;
	bool started, stop, work;
	bool settle; /* references back are late */
};

int sfsi_indexer_new(struct sfs_store *store)
{
	struct sfsi_indexer *indexer = calloc(1, sizeof *indexer);
	if (!indexer)
		return SFS_ERR_NO_MEMORY;
	pthread_condattr_t clock;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_mutex_init(&indexer->step, NULL);
	pthread_mutex_init(&indexer->lock, NULL);
	pthread_cond_init(&indexer->cond, &clock);
	pthread_condattr_destroy(&clock);
	store->indexer = indexer;
	return 0;
}

static bool is_stopped(struct sfsi_indexer *indexer)
{
	SFSI_LOCK_SCOPE(&indexer->lock);
	return indexer->stop;
}

/** What can not be done in this process: it does not get better by trying again. */
static bool is_final(int err)
{
	return err == SFS_ERR_UNSUPPORTED || err == SFS_ERR_CORRUPT || err == SFS_ERR_VERSION;
}

/** Is there something to do for a table? @again  also what failed for good before. */
static bool has_work(struct sfs_store *store, const struct sfsi_index_table *table, bool again)
{
	pthread_rwlock_rdlock(&store->index_lock);
	bool work = (table->state != SFSI_INDEX_READY && !table->gone) ||
		    (table->waiting && table->state != SFSI_INDEX_DROPPING);
	bool failed = is_final(table->error);
	pthread_rwlock_unlock(&store->index_lock);
	return work && (again || !failed);
}

static int64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/**
 * The lock of commits is not fair: who comes back to it at once may have it again before one who has
 * been waiting wakes up.
 */
static void give_way(int64_t took_ns, bool saves)
{
	int64_t nap = saves ? took_ns : took_ns / NAP_SHARE;
	nap = nap < NAP_LEAST_NS ? NAP_LEAST_NS : nap > NAP_MOST_NS ? NAP_MOST_NS : nap;
	struct timespec time = { .tv_nsec = nap };
	nanosleep(&time, NULL);
}

static int step(struct sfs_store *store, struct sfsi_index_table *table)
{
	struct sfsi_indexer *indexer = store->indexer;
	int64_t start = clock_ns();
	pthread_mutex_lock(&indexer->step);
	bool saves = atomic_load(&store->commit) != indexer->commit;
	int err = sfsi_index_step(store, table);
	indexer->commit = atomic_load(&store->commit);
	pthread_mutex_unlock(&indexer->step);
	if (err == 0)
		give_way(clock_ns() - start, saves);
	pthread_rwlock_wrlock(&store->index_lock);
	table->error = err == SFS_ERR_NOT_FOUND ? 0 : err;
	pthread_rwlock_unlock(&store->index_lock);
	return err;
}

/** A step for each table of a class that needs one. Returns how many were taken, or an error. */
static int class_round(struct sfs_store *store, struct sfsi_class *class, bool again,
		       int *ret_taken)
{
	struct sfsi_index_table *table;
	int failed = 0;
	for (size_t i = 0; (table = sfsi_index_at(store, class, i)); i++) {
		if (is_stopped(store->indexer))
			break;
		if (!has_work(store, table, again))
			continue;
		int err = step(store, table);
		*ret_taken += err == 0;
		if (err < 0 && err != SFS_ERR_NOT_FOUND)
			failed = err;
	}
	return failed;
}

/** Until nothing is left to do, or only what fails. Returns the last failure that may pass. */
static int work(struct sfs_store *store, bool settle)
{
	int taken, failed, late = settle ? sfsi_backrefs_settle(store) : 0;
	if (late < 0)
		sfsi_indexer_settle(store);
	do {
		struct sfs_class_info info = { 0 };
		taken = failed = 0;
		for (uint32_t id = 0; sfs_class_next(store, id, &info) == 0; id = info.id) {
			struct sfsi_class *class = sfsi_class_ref(store, info.id);
			int err = class ? class_round(store, class, false, &taken) : 0;
			if (err < 0 && !is_final(err))
				failed = err;
		}
	} while (taken && !is_stopped(store->indexer));
	return late < 0 ? late : failed;
}

static void *worker_main(void *arg)
{
	struct sfs_store *store = arg;
	struct sfsi_indexer *indexer = store->indexer;
	pthread_mutex_lock(&indexer->lock);
	while (!indexer->stop) {
		if (!indexer->work) {
			pthread_cond_wait(&indexer->cond, &indexer->lock);
			continue;
		}
		bool settle = indexer->settle;
		indexer->work = indexer->settle = false;
		pthread_mutex_unlock(&indexer->lock);
		int failed = work(store, settle);
		pthread_mutex_lock(&indexer->lock);
		if (failed && !indexer->stop) {
			/* A full disk, say: it may have room again. */
			struct timespec until;
			clock_gettime(CLOCK_MONOTONIC, &until);
			until.tv_sec += RETRY_S;
			pthread_cond_timedwait(&indexer->cond, &indexer->lock, &until);
			indexer->work = true;
		}
	}
	pthread_mutex_unlock(&indexer->lock);
	return NULL;
}

static void wake(struct sfs_store *store, bool settle)
{
	struct sfsi_indexer *indexer = store->indexer;
	if (!indexer || store->read_only)
		return;
	SFSI_LOCK_SCOPE(&indexer->lock);
	indexer->settle |= settle;
	indexer->work = true;
	/* Without a thread now, one is tried for the next time. */
	if (!indexer->started && !indexer->stop)
		indexer->started = pthread_create(&indexer->thread, NULL, worker_main, store) == 0;
	pthread_cond_signal(&indexer->cond);
}

void sfsi_indexer_wake(struct sfs_store *store)
{
	wake(store, false);
}

void sfsi_indexer_settle(struct sfs_store *store)
{
	wake(store, true);
}

void sfsi_indexer_free(struct sfs_store *store)
{
	struct sfsi_indexer *indexer = store->indexer;
	if (!indexer)
		return;
	pthread_mutex_lock(&indexer->lock);
	indexer->stop = true;
	bool started = indexer->started;
	pthread_cond_signal(&indexer->cond);
	pthread_mutex_unlock(&indexer->lock);
	if (started)
		pthread_join(indexer->thread, NULL);
	pthread_mutex_destroy(&indexer->step);
	pthread_mutex_destroy(&indexer->lock);
	pthread_cond_destroy(&indexer->cond);
	store->indexer = NULL;
	free(indexer);
}

int sfsi_indexer_finish(struct sfs_store *store, struct sfsi_class *class, size_t rounds)
{
	int err = 0, taken = 1;
	for (size_t i = 0; i < rounds && taken && !err; i++) {
		taken = 0;
		err = class_round(store, class, true, &taken);
	}
	return err;
}

int sfsi_indexer_step(struct sfs_store *store, struct sfsi_index_table *table)
{
	return step(store, table);
}
