/* Counts of keys in memory: see count.h. A hash table, and two lists by age. */
#include "index/count.h"
#include "hash.h"
#include "index/table.h"

/** So many counts that do not lag are remembered for a table. */
#define RIGHT_MAX 8192

void sfsi_index_lag_push(struct sfsi_index_lags *list, struct sfsi_index_lag *lag)
{
	lag->newer = NULL;
	lag->older = list->newest;
	*(list->newest ? &list->newest->newer : &list->oldest) = lag;
	list->newest = lag;
}

void sfsi_index_lag_unlink(struct sfsi_index_lags *list, struct sfsi_index_lag *lag)
{
	*(lag->newer ? &lag->newer->older : &list->newest) = lag->older;
	*(lag->older ? &lag->older->newer : &list->oldest) = lag->newer;
}

/* --- the table --- */

static struct sfsi_index_count **place(const struct sfsi_index_counts *counts, uint64_t hash,
				       struct sfs_span key)
{
	struct sfsi_index_count **at = &counts->buckets[hash & (counts->buckets_len - 1)];
	while (*at && !((*at)->hash == hash &&
			sfs_span_equal((struct sfs_span){ (*at)->key, (*at)->len }, key)))
		at = &(*at)->chain;
	return at;
}

static struct sfsi_index_count *find(const struct sfsi_index_counts *counts, uint64_t hash,
				     struct sfs_span key)
{
	return counts->buckets_len ? *place(counts, hash, key) : NULL;
}

static int grow_locked(struct sfsi_index_counts *counts)
{
	if (counts->len < counts->buckets_len)
		return 0;
	size_t len = counts->buckets_len ? counts->buckets_len * 2 : 64;
	struct sfsi_index_count **buckets = calloc(len, sizeof(struct sfsi_index_count *));
	if (!buckets)
		return SFS_ERR_NO_MEMORY;
	for (size_t i = 0; i < counts->buckets_len; i++) {
		for (struct sfsi_index_count *count = counts->buckets[i], *next; count;
		     count = next) {
			next = count->chain;
			count->chain = buckets[count->hash & (len - 1)];
			buckets[count->hash & (len - 1)] = count;
		}
	}
	free(counts->buckets);
	counts->buckets = buckets;
	counts->buckets_len = len;
	return 0;
}

static int add_locked(struct sfsi_index_counts *counts, struct sfsi_index_count *count)
{
	int err = grow_locked(counts);
	if (err < 0)
		return err;
	struct sfsi_index_count **at = &counts->buckets[count->hash & (counts->buckets_len - 1)];
	count->chain = *at;
	*at = count;
	counts->len++;
	sfsi_index_lag_push(&counts->right, &count->lag);
	counts->right_len++;
	return 0;
}

static void forget_locked(struct sfsi_index_counts *counts, struct sfsi_index_count *count)
{
	struct sfs_span key = { count->key, count->len };
	*place(counts, count->hash, key) = count->chain;
	sfsi_index_lag_unlink(&counts->right, &count->lag);
	counts->len--;
	counts->right_len--;
	if (count->lag.written > counts->forgotten)
		counts->forgotten = count->lag.written;
	free(count);
}

/* --- reading --- */

/** What the row of a key says; 0 entries when there is none. */
static int read_row(struct sfs_store *store, const struct sfsi_index_table *table,
		    struct sfsi_index_count *count)
{
	struct sfsi_index_row row;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	sfsi_index_row(&row, table->id, 'K', (struct sfs_span){ count->key, count->len });
	/* No change has written it so far: counts are written when all else is done. */
	int err = sfsi_backend_get(store->backend, table->class->id, sfsi_index_row_span(&row),
				   &value);
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	return err < 0 ? err
		       : sfsi_index_count_decode(sfs_buf_span(&value), &count->entries,
						 &count->lag.written);
}

static int load(struct sfs_store *store, struct sfsi_index_table *table, struct sfs_span key,
		uint64_t hash, struct sfsi_index_count **ret)
{
	struct sfsi_index_count *count = calloc(1, sizeof *count + key.len);
	if (!count)
		return SFS_ERR_NO_MEMORY;
	count->hash = hash;
	count->len = key.len;
	memcpy(count->key, key.data, key.len);
	int err = read_row(store, table, count);
	if (!err) {
		pthread_rwlock_wrlock(&store->index_lock);
		err = add_locked(&table->counts, count);
		pthread_rwlock_unlock(&store->index_lock);
	}
	if (err < 0)
		free(count);
	else
		*ret = count;
	return err;
}

int sfsi_index_count_get(struct sfs_store *store, struct sfsi_index_table *table,
			 struct sfs_span key, struct sfsi_index_count **ret)
{
	uint64_t hash = sfsi_hash(key, store->hash_seed);
	*ret = find(&table->counts, hash, key);
	return *ret ? 0 : load(store, table, key, hash, ret);
}

bool sfsi_index_count_known(const struct sfs_store *store, const struct sfsi_index_table *table,
			    struct sfs_span key, uint64_t *ret)
{
	const struct sfsi_index_count *count = find(&table->counts,
						    sfsi_hash(key, store->hash_seed), key);
	if (count)
		*ret = count->entries;
	return count;
}

/* --- changing --- */

void sfsi_index_count_lags_locked(struct sfsi_index_table *table, struct sfsi_index_count *count,
				  uint64_t since)
{
	if (count->lag.since)
		return;
	sfsi_index_lag_unlink(&table->counts.right, &count->lag);
	table->counts.right_len--;
	count->lag.since = since;
	sfsi_index_lag_push(&table->counts.lagging, &count->lag);
}

void sfsi_index_count_right_locked(struct sfsi_index_table *table, struct sfsi_index_count *count,
				   uint64_t written)
{
	sfsi_index_lag_unlink(count->lag.since ? &table->counts.lagging : &table->counts.right,
			      &count->lag);
	table->counts.right_len += count->lag.since ? 1 : 0;
	count->lag.since = 0;
	count->lag.written = written;
	sfsi_index_lag_push(&table->counts.right, &count->lag);
}

void sfsi_index_count_put(struct sfs_store *store, struct sfsi_index_table *table,
			  struct sfsi_index_count *count)
{
	struct sfsi_index_counts *counts = &table->counts;
	if (count->lag.since || count->lag.written)
		return;
	pthread_rwlock_wrlock(&store->index_lock);
	forget_locked(counts, count);
	pthread_rwlock_unlock(&store->index_lock);
}

void sfsi_index_counts_trim(struct sfs_store *store, struct sfsi_index_table *table)
{
	struct sfsi_index_counts *counts = &table->counts;
	if (counts->right_len <= RIGHT_MAX)
		return;
	pthread_rwlock_wrlock(&store->index_lock);
	while (counts->right_len > RIGHT_MAX)
		forget_locked(counts, (struct sfsi_index_count *)counts->right.oldest);
	pthread_rwlock_unlock(&store->index_lock);
}

void sfsi_index_counts_free_locked(struct sfsi_index_table *table)
{
	struct sfsi_index_counts *counts = &table->counts;
	for (size_t i = 0; i < counts->buckets_len; i++) {
		for (struct sfsi_index_count *count = counts->buckets[i], *next; count;
		     count = next) {
			next = count->chain;
			free(count);
		}
	}
	free(counts->buckets);
	*counts = (struct sfsi_index_counts){ .len = 0 };
}
