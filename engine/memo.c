/*
 * Rows in memory: see memo.h. A hash table and a list by age, one mutex, as in cache.c.
 */
#include "memo.h"
#include <pthread.h>
#include <stdlib.h>
#include "base/age.h"
#include "hash.h"
#include "store_private.h"

#define STRIPES 256
/* A row takes at most this part of the room. */
#define SHARE 64
/* A larger one is only learned from who wants to change it: what is new may never be looked at again. */
#define LARGE 4096
/* So it is with what a commit of more rows writes: an import would push out all that is in use. */
#define MANY 64
#define MANY_LARGE 512

struct row {
	struct sfsi_age age; /* must be first */
	struct row *chain;   /* next in the bucket */
	uint64_t hash;
	uint32_t partition;
	bool missing;  /* the backend has none */
	uint32_t room; /* bytes */
	size_t key_len, val_len;
	char bytes[]; /* key, value */
};

/* Rooms are multiples of this: the next value of a key is about as long as the last. */
#define ROOM 64
/* For each row of so many bytes one bucket. */
#define ROW_BYTES 128

struct sfsi_memo {
	pthread_mutex_t lock; /* protects all below */
	size_t max, bytes;
	struct row **buckets;
	size_t buckets_len; /* a power of two */
	struct sfsi_ages ages;
	bool doubt;                /* nothing is learned */
	uint64_t writes;           /* counts rows written; also the clock of marks */
	uint64_t written[STRIPES]; /* value of writes at the last one of a stripe */
};

int sfsi_memo_new(size_t max_bytes, struct sfsi_memo **ret)
{
	struct sfsi_memo *rows = calloc(1, sizeof *rows);
	if (!rows)
		return SFS_ERR_NO_MEMORY;
	rows->max = max_bytes;
	rows->buckets_len = 256;
	while (rows->buckets_len < max_bytes / ROW_BYTES)
		rows->buckets_len *= 2;
	rows->buckets = calloc(rows->buckets_len, sizeof *rows->buckets);
	if (!rows->buckets) {
		free(rows);
		return SFS_ERR_NO_MEMORY;
	}
	pthread_mutex_init(&rows->lock, NULL);
	*ret = rows;
	return 0;
}

/* --- the table --- */

static size_t weight(const struct row *row)
{
	return sizeof *row + row->room;
}

static struct row **place(struct sfsi_memo *rows, uint64_t hash, uint32_t partition,
			  struct sfs_span key)
{
	struct row **at = &rows->buckets[hash & (rows->buckets_len - 1)];
	while (*at && !((*at)->hash == hash && (*at)->partition == partition &&
			sfs_span_equal((struct sfs_span){ (*at)->bytes, (*at)->key_len }, key)))
		at = &(*at)->chain;
	return at;
}

static void remove_at(struct sfsi_memo *rows, struct row **at)
{
	struct row *row = *at;
	*at = row->chain;
	sfsi_age_unlink(&rows->ages, &row->age);
	rows->bytes -= weight(row);
	free(row);
}

static void remove_oldest(struct sfsi_memo *rows)
{
	const struct row *oldest = (const struct row *)rows->ages.oldest;
	struct row **at = &rows->buckets[oldest->hash & (rows->buckets_len - 1)];
	while (*at != oldest)
		at = &(*at)->chain;
	remove_at(rows, at);
}

void sfsi_memo_free(struct sfsi_memo *rows)
{
	if (!rows)
		return;
	while (rows->ages.oldest)
		remove_oldest(rows);
	pthread_mutex_destroy(&rows->lock);
	free(rows->buckets);
	free(rows);
}

/** A row with room for these sizes in the place of the one at, if there is one, or NULL: no memory. */
static struct row *make_at(struct sfsi_memo *rows, struct row **at, size_t key_len, size_t val_len)
{
	struct row *row = *at;
	size_t len = key_len + val_len;
	if (row && len <= row->room && len > row->room / 2) {
		sfsi_age_unlink(&rows->ages, &row->age);
	} else {
		size_t room = (len + ROOM - 1) / ROOM * ROOM;
		if (row)
			remove_at(rows, at);
		row = malloc(sizeof *row + room);
		if (!row)
			return NULL;
		row->room = (uint32_t)room;
		row->chain = *at;
		*at = row;
		rows->bytes += weight(row);
	}
	sfsi_age_push(&rows->ages, &row->age);
	return row;
}

/** @val  NULL: there is none. Without memory, or when it is too large, it is not known. */
static void set_locked(struct sfsi_memo *rows, uint64_t hash, uint32_t partition,
		       struct sfs_span key, const struct sfs_span *val)
{
	struct row **at = place(rows, hash, partition, key);
	size_t val_len = val ? val->len : 0;
	if (key.len + val_len > rows->max / SHARE || val_len > UINT32_MAX / 2) {
		if (*at)
			remove_at(rows, at);
		return;
	}
	struct row *row = make_at(rows, at, key.len, val_len);
	if (!row)
		return;
	row->hash = hash;
	row->partition = partition;
	row->missing = !val;
	row->key_len = key.len;
	row->val_len = val_len;
	memcpy(row->bytes, key.data, key.len);
	if (val_len)
		memcpy(row->bytes + key.len, val->data, val_len);
	while (rows->bytes > rows->max && rows->ages.oldest != &row->age)
		remove_oldest(rows);
}

/* --- reading --- */

/** Is it known? Then *ret_err is the answer; else *ret_mark is for what the backend will say. */
static bool find(struct sfsi_memo *rows, uint64_t hash, uint32_t partition, struct sfs_span key,
		 struct sfs_buf *ret, int *ret_err, uint64_t *ret_mark)
{
	SFSI_LOCK_SCOPE(&rows->lock);
	struct row *row = *place(rows, hash, partition, key);
	*ret_mark = rows->writes;
	if (!row)
		return false;
	sfsi_age_unlink(&rows->ages, &row->age);
	sfsi_age_push(&rows->ages, &row->age);
	*ret_err = row->missing ? SFS_ERR_NOT_FOUND
				: sfs_buf_append(ret, row->bytes + row->key_len, row->val_len);
	return true;
}

static void learn(struct sfsi_memo *rows, uint64_t mark, uint64_t hash, uint32_t partition,
		  struct sfs_span key, const struct sfs_span *val)
{
	SFSI_LOCK_SCOPE(&rows->lock);
	if (!rows->doubt && rows->written[hash % STRIPES] <= mark)
		set_locked(rows, hash, partition, key, val);
}

int sfsi_memo_peek(struct sfs_store *store, uint32_t partition, struct sfs_span key,
		   struct sfs_buf *ret)
{
	uint64_t mark;
	int err;
	if (find(store->memo, sfsi_hash(key, partition), partition, key, ret, &err, &mark))
		return err;
	return sfsi_backend_get(store->backend, partition, key, ret);
}

int sfsi_memo_get(struct sfs_store *store, uint32_t partition, struct sfs_span key,
		  struct sfs_buf *ret)
{
	uint64_t mark, hash = sfsi_hash(key, partition);
	size_t start = ret->len;
	int err;
	if (find(store->memo, hash, partition, key, ret, &err, &mark))
		return err;
	err = sfsi_backend_get(store->backend, partition, key, ret);
	if (err == SFS_ERR_NOT_FOUND) {
		learn(store->memo, mark, hash, partition, key, NULL);
	} else if (!err) {
		struct sfs_span val = { (const char *)ret->data + start, ret->len - start };
		learn(store->memo, mark, hash, partition, key, &val);
	}
	return err;
}

void sfsi_memo_learn_lack(struct sfsi_memo *rows, uint32_t partition, struct sfs_span key)
{
	SFSI_LOCK_SCOPE(&rows->lock);
	if (!rows->doubt)
		set_locked(rows, sfsi_hash(key, partition), partition, key, NULL);
}

bool sfsi_memo_lack(struct sfsi_memo *rows, uint32_t partition, struct sfs_span key)
{
	SFSI_LOCK_SCOPE(&rows->lock);
	const struct row *row = *place(rows, sfsi_hash(key, partition), partition, key);
	return row && row->missing;
}

/* --- writing --- */

/**
 * Is this worth learning from a commit? Names are looked at again, also when they are gone; numbers, which
 * are never given again, only while they lead somewhere. Of a large row only if it was looked at. What
 * was saved is what is saved next: each save looks at the record that it replaces.
 */
static bool is_worth(const struct sfsi_op *op, const struct row *old, size_t large)
{
	char table = *(const char *)op->key.data;
	if (op->remove)
		return table == 'D' || table == 'O';
	bool asked = old && !old->missing;
	return asked || (op->val.len < large && (table == 'D' || table == 'O' || table == 'N'));
}

static void wrote_locked(struct sfsi_memo *rows, const struct sfsi_op *op, size_t large)
{
	uint64_t hash = sfsi_hash(op->key, op->partition);
	rows->written[hash % STRIPES] = ++rows->writes;
	struct row **at = place(rows, hash, op->partition, op->key);
	if (is_worth(op, *at, large))
		set_locked(rows, hash, op->partition, op->key, op->remove ? NULL : &op->val);
	else if (*at)
		remove_at(rows, at);
}

/** What is being read now may be what the backend does not have any more: it is not learned. */
static void distrust_locked(struct sfsi_memo *rows)
{
	rows->writes++;
	for (size_t i = 0; i < STRIPES; i++)
		rows->written[i] = rows->writes;
}

void sfsi_memo_wrote(struct sfsi_memo *rows, const struct sfsi_op *ops, size_t count)
{
	SFSI_LOCK_SCOPE(&rows->lock);
	/* Reads that began in doubt. Nothing was learned since. */
	if (rows->doubt)
		distrust_locked(rows);
	rows->doubt = false;
	for (size_t i = 0; i < count; i++)
		wrote_locked(rows, &ops[i], count > MANY ? MANY_LARGE : LARGE);
}

void sfsi_memo_doubt(struct sfsi_memo *rows)
{
	SFSI_LOCK_SCOPE(&rows->lock);
	while (rows->ages.oldest)
		remove_oldest(rows);
	rows->doubt = true;
	distrust_locked(rows);
}
