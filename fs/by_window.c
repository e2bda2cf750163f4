/*
 * Is an object in a part of results (limit/, offset/)? That is known only when all before it are read, and
 * ls -l asks it of each name of a listing. So the members of the part that was asked about last are kept,
 * as hashes of their oids, until the next commit whatever it is. Knows no FUSE.
 */
#include <pthread.h>
#include <stdlib.h>
#include "by.h"
#include "name.h"

/* Results of a part that is kept; of a larger one each question is answered by reading it. */
#define MEMBERS_MAX 65536

struct fs_windows {
	pthread_mutex_t lock; /* protects all below */
	uint64_t node;        /* directory of the part; 0: none */
	uint64_t heard;       /* the last commit before it was read */
	uint64_t *members;    /* [count], in order */
	size_t count;
};

int fs_windows_start(struct fs *fs)
{
	fs->windows = calloc(1, sizeof *fs->windows);
	if (!fs->windows)
		return SFS_ERR_NO_MEMORY;
	pthread_mutex_init(&fs->windows->lock, NULL);
	return 0;
}

void fs_windows_stop(struct fs *fs)
{
	if (!fs->windows)
		return;
	pthread_mutex_destroy(&fs->windows->lock);
	free(fs->windows->members);
	free(fs->windows);
	fs->windows = NULL;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/** Read all of a part. Returns 0, or 1: it is too large. */
static int read_members(struct sfs_query *query, uint64_t **ret, size_t *ret_count,
			struct sfs_diag *diag)
{
	struct sfs_query_hit hit;
	uint64_t *members = NULL;
	size_t count = 0, cap = 0;
	int err;
	while ((err = sfs_query_next(query, &hit, diag)) == 0 && count < MEMBERS_MAX) {
		if (count == cap) {
			size_t wanted = cap ? cap * 2 : 64;
			uint64_t *grown = realloc(members, wanted * sizeof *grown);
			err = grown ? 0 : SFS_ERR_NO_MEMORY;
			if (err < 0)
				break;
			members = grown;
			cap = wanted;
		}
		members[count++] = fs_name_hash(hit.oid, 0);
	}
	if (err != 1) {
		free(members);
		return err < 0 ? err : 1;
	}
	if (count)
		qsort(members, count, sizeof *members, compare);
	*ret = members;
	*ret_count = count;
	return 0;
}

static bool is_member(const uint64_t *members, size_t count, struct sfs_span oid)
{
	uint64_t hash = fs_name_hash(oid, 0);
	return count && bsearch(&hash, members, count, sizeof hash, compare);
}

/** What is kept, if it is of this directory and this moment. */
static bool known(struct fs *fs, const struct fs_view *dir, struct sfs_span oid, bool *ret)
{
	struct fs_windows *windows = fs->windows;
	pthread_mutex_lock(&windows->lock);
	bool is = windows->node == dir->node && windows->heard == atomic_load(&fs->heard);
	if (is)
		*ret = is_member(windows->members, windows->count, oid);
	pthread_mutex_unlock(&windows->lock);
	return is;
}

static bool has_window(const struct fs_view *view)
{
	for (; view; view = view->parent) {
		char step = view->ops == &fs_by_result_ops ? *(const char *)view->id.data : '\0';
		if (step == FS_BY_LIMIT || step == FS_BY_OFFSET)
			return true;
	}
	return false;
}

int fs_by_has(struct fs *fs, const struct fs_view *dir, struct sfs_query *query,
	      struct sfs_span oid, bool *ret, struct sfs_diag *diag)
{
	struct fs_windows *windows = fs->windows;
	uint64_t heard = atomic_load(&fs->heard), *members;
	size_t count;
	if (!has_window(dir))
		return sfs_query_has(query, oid, ret, diag);
	if (known(fs, dir, oid, ret))
		return 0;
	int err = read_members(query, &members, &count, diag);
	/* Read from the start again: whether it is there is all that is asked. */
	if (err == 1)
		return sfs_query_has(query, oid, ret, diag);
	if (err < 0)
		return err;
	*ret = is_member(members, count, oid);
	pthread_mutex_lock(&windows->lock);
	free(windows->members);
	windows->members = members;
	windows->count = count;
	windows->node = dir->node;
	windows->heard = heard;
	pthread_mutex_unlock(&windows->lock);
	return 0;
}
