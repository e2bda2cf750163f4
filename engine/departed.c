/*
 * Departed objects: see departed.h. A list from oldest to newest: it holds what was renamed away in
 * the last minute, which is few, and is looked at only when an object is made or renamed away.
 */
#include "departed.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct departure {
	struct departure *next;
	int64_t left_ns;
	uint32_t class_id;
	struct sfsi_record record; /* spans point into bytes */
	size_t oid_len, len;
	uint8_t bytes[]; /* [len] oid, body, updates */
};

struct sfsi_departed {
	pthread_mutex_t lock;
	struct departure *oldest, **end; /* protected by lock, as all of it */
	size_t bytes;
};

int sfsi_departed_new(struct sfsi_departed **ret)
{
	struct sfsi_departed *departed = calloc(1, sizeof *departed);
	if (!departed)
		return SFS_ERR_NO_MEMORY;
	pthread_mutex_init(&departed->lock, NULL);
	departed->end = &departed->oldest;
	*ret = departed;
	return 0;
}

static size_t weight(const struct departure *departure)
{
	return sizeof *departure + departure->len;
}

static void remove_locked(struct sfsi_departed *departed, struct departure **at)
{
	struct departure *gone = *at;
	*at = gone->next;
	if (departed->end == &gone->next)
		departed->end = at;
	departed->bytes -= weight(gone);
	free(gone);
}

void sfsi_departed_free(struct sfsi_departed *departed)
{
	if (!departed)
		return;
	while (departed->oldest)
		remove_locked(departed, &departed->oldest);
	pthread_mutex_destroy(&departed->lock);
	free(departed);
}

int64_t sfsi_departed_clock(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct departure **find_locked(struct sfsi_departed *departed, uint32_t class_id,
				      struct sfs_span oid)
{
	struct departure **at = &departed->oldest;
	while (*at && !((*at)->class_id == class_id &&
			sfs_span_equal((struct sfs_span){ (*at)->bytes, (*at)->oid_len }, oid)))
		at = &(*at)->next;
	return at;
}

static void drop_locked(struct sfsi_departed *departed, uint32_t class_id, struct sfs_span oid)
{
	struct departure **at = find_locked(departed, class_id, oid);
	if (*at)
		remove_locked(departed, at);
}

static void expire_locked(struct sfsi_departed *departed, int64_t now_ns)
{
	while (departed->oldest && now_ns - departed->oldest->left_ns > SFSI_DEPARTED_NS)
		remove_locked(departed, &departed->oldest);
}

static struct sfs_span keep_bytes(struct departure *departure, struct sfs_span from)
{
	struct sfs_span kept = { departure->bytes + departure->len, from.len };
	if (from.len)
		memcpy(departure->bytes + departure->len, from.data, from.len);
	departure->len += from.len;
	return kept;
}

static struct departure *departure_new(struct sfs_span oid, const struct sfsi_record *record)
{
	size_t len = oid.len + record->body.len + record->updates.len;
	struct departure *departure = malloc(sizeof *departure + len);
	if (!departure)
		return NULL;
	*departure = (struct departure){ .record = *record, .oid_len = oid.len };
	keep_bytes(departure, oid);
	departure->record.body = keep_bytes(departure, record->body);
	departure->record.updates = keep_bytes(departure, record->updates);
	departure->record.has_text = false;
	departure->record.text = (struct sfs_span){ "", 0 };
	return departure;
}

void sfsi_departed_add(struct sfsi_departed *departed, int64_t now_ns, uint32_t class_id,
		       struct sfs_span oid, const struct sfsi_record *record)
{
	struct departure *departure = departure_new(oid, record);
	pthread_mutex_lock(&departed->lock);
	drop_locked(departed, class_id, oid);
	expire_locked(departed, now_ns);
	if (departure) {
		departure->left_ns = now_ns;
		departure->class_id = class_id;
		*departed->end = departure;
		departed->end = &departure->next;
		departed->bytes += weight(departure);
		while (departed->bytes > SFSI_DEPARTED_BYTES && departed->oldest != departure)
			remove_locked(departed, &departed->oldest);
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
	const struct departure *departure = *find_locked(departed, class_id, oid);
	if (departure)
		err = sfs_buf_append(buf, departure->bytes, departure->len);
	if (departure && !err) {
		const uint8_t *bytes = buf->data;
		*ret = departure->record;
		ret->body.data = bytes + departure->oid_len;
		ret->updates.data = bytes + departure->oid_len + ret->body.len;
	}
	pthread_mutex_unlock(&departed->lock);
	return err;
}

uint64_t sfsi_departed_number(struct sfsi_departed *departed, int64_t now_ns, uint32_t class_id,
			      struct sfs_span oid)
{
	pthread_mutex_lock(&departed->lock);
	expire_locked(departed, now_ns);
	const struct departure *departure = *find_locked(departed, class_id, oid);
	uint64_t number = departure ? departure->record.object.number : 0;
	pthread_mutex_unlock(&departed->lock);
	return number;
}
