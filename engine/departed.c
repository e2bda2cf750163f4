/*
 * Departed objects: see departed.h. A list from oldest to newest, and a table to find them by oid: who
 * removes a class object by object makes many.
 */
#include "departed.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/age.h"
#include "hash.h"

#define BUCKETS 1024

struct departure {
	struct sfsi_age age;     /* must be first */
	struct departure *chain; /* of its bucket */
	int64_t left_ns;
	uint32_t class_id;
	struct sfsi_record record; /* spans point into bytes */
	size_t oid_len, len;
	uint8_t bytes[]; /* [len] oid, body, updates, text */
};

struct sfsi_departed {
	size_t max_bytes;
	bool texts;
	pthread_mutex_t lock;
	struct sfsi_ages ages; /* protected by lock, as all below */
	size_t bytes;
	struct departure *buckets[BUCKETS];
};

int sfsi_departed_new(size_t max_bytes, bool texts, struct sfsi_departed **ret)
{
	struct sfsi_departed *departed = calloc(1, sizeof *departed);
	if (!departed)
		return SFS_ERR_NO_MEMORY;
	pthread_mutex_init(&departed->lock, NULL);
	departed->max_bytes = max_bytes;
	departed->texts = texts;
	*ret = departed;
	return 0;
}

static size_t weight(const struct departure *departure)
{
	return sizeof *departure + departure->len;
}

/** Where the departure of an oid hangs in its bucket, or would. */
static struct departure **place_locked(struct sfsi_departed *departed, uint32_t class_id,
				       struct sfs_span oid)
{
	struct departure **at = &departed->buckets[sfsi_hash(oid, class_id) % BUCKETS];
	while (*at && !((*at)->class_id == class_id &&
			sfs_span_equal((struct sfs_span){ (*at)->bytes, (*at)->oid_len }, oid)))
		at = &(*at)->chain;
	return at;
}

static void remove_locked(struct sfsi_departed *departed, struct departure **place)
{
	struct departure *gone = *place;
	*place = gone->chain;
	sfsi_age_unlink(&departed->ages, &gone->age);
	departed->bytes -= weight(gone);
	free(gone);
}

static const struct departure *oldest_locked(const struct sfsi_departed *departed)
{
	return (const struct departure *)departed->ages.oldest;
}

static void remove_oldest_locked(struct sfsi_departed *departed)
{
	const struct departure *oldest = oldest_locked(departed);
	struct sfs_span oid = { oldest->bytes, oldest->oid_len };
	remove_locked(departed, place_locked(departed, oldest->class_id, oid));
}

static void insert_locked(struct sfsi_departed *departed, struct departure **place,
			  struct departure *departure)
{
	departure->chain = *place;
	*place = departure;
	sfsi_age_push(&departed->ages, &departure->age);
	departed->bytes += weight(departure);
	while (departed->bytes > departed->max_bytes && oldest_locked(departed) != departure)
		remove_oldest_locked(departed);
}

void sfsi_departed_free(struct sfsi_departed *departed)
{
	if (!departed)
		return;
	while (departed->ages.oldest)
		remove_oldest_locked(departed);
	pthread_mutex_destroy(&departed->lock);
	free(departed);
}

int64_t sfsi_departed_clock(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void drop_locked(struct sfsi_departed *departed, uint32_t class_id, struct sfs_span oid)
{
	struct departure **place = place_locked(departed, class_id, oid);
	if (*place)
		remove_locked(departed, place);
}

static void expire_locked(struct sfsi_departed *departed, int64_t now_ns)
{
	while (departed->ages.oldest &&
	       now_ns - oldest_locked(departed)->left_ns > SFSI_DEPARTED_NS)
		remove_oldest_locked(departed);
}

static struct sfs_span keep_bytes(struct departure *departure, struct sfs_span from)
{
	struct sfs_span kept = { departure->bytes + departure->len, from.len };
	if (from.len)
		memcpy(departure->bytes + departure->len, from.data, from.len);
	departure->len += from.len;
	return kept;
}

static struct departure *departure_new(struct sfs_span oid, const struct sfsi_record *record,
				       bool texts)
{
	bool has_text = texts && record->has_text;
	struct sfs_span text = has_text ? record->text : (struct sfs_span){ "", 0 };
	size_t len = oid.len + record->body.len + record->updates.len + text.len;
	struct departure *departure = malloc(sizeof *departure + len);
	if (!departure)
		return NULL;
	*departure = (struct departure){ .record = *record, .oid_len = oid.len };
	keep_bytes(departure, oid);
	departure->record.body = keep_bytes(departure, record->body);
	departure->record.updates = keep_bytes(departure, record->updates);
	/* The body is whole, and the list of rows is not kept. */
	memset(&departure->record.rows, 0, sizeof departure->record.rows);
	departure->record.has_text = has_text;
	departure->record.text = keep_bytes(departure, text);
	return departure;
}

void sfsi_departed_add(struct sfsi_departed *departed, int64_t now_ns, uint32_t class_id,
		       struct sfs_span oid, const struct sfsi_record *record)
{
	struct departure *departure = departure_new(oid, record, departed->texts);
	pthread_mutex_lock(&departed->lock);
	drop_locked(departed, class_id, oid);
	expire_locked(departed, now_ns);
	if (departure) {
		departure->left_ns = now_ns;
		departure->class_id = class_id;
		insert_locked(departed, place_locked(departed, class_id, oid), departure);
	}
	pthread_mutex_unlock(&departed->lock);
}

void sfsi_departed_drop(struct sfsi_departed *departed, uint32_t class_id, struct sfs_span oid)
{
	pthread_mutex_lock(&departed->lock);
	drop_locked(departed, class_id, oid);
	pthread_mutex_unlock(&departed->lock);
}

int sfsi_departed_get(struct sfsi_departed *departed, int64_t now_ns, uint32_t class_id,
		      struct sfs_span oid, struct sfs_buf *buf, struct sfsi_record *ret)
{
	int err = SFS_ERR_NOT_FOUND;
	pthread_mutex_lock(&departed->lock);
	expire_locked(departed, now_ns);
	const struct departure *departure = *place_locked(departed, class_id, oid);
	if (departure)
		err = sfs_buf_append(buf, departure->bytes, departure->len);
	if (departure && !err) {
		const uint8_t *bytes = buf->data;
		*ret = departure->record;
		ret->body.data = bytes + departure->oid_len;
		ret->updates.data = bytes + departure->oid_len + ret->body.len;
		ret->text.data = bytes + departure->len - ret->text.len;
	}
	pthread_mutex_unlock(&departed->lock);
	return err;
}

uint64_t sfsi_departed_number(struct sfsi_departed *departed, int64_t now_ns, uint32_t class_id,
			      struct sfs_span oid)
{
	pthread_mutex_lock(&departed->lock);
	expire_locked(departed, now_ns);
	const struct departure *departure = *place_locked(departed, class_id, oid);
	uint64_t number = departure ? departure->record.object.number : 0;
	pthread_mutex_unlock(&departed->lock);
	return number;
}
