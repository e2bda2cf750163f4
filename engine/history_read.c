/*
 * Earlier versions of objects, as others see them. Nothing here changes anything: a version that is too old
 * is passed over, and waits for a save or for history_expire.c.
 */
#include <stdio.h>
#include "document/document.h"
#include "history.h"
#include "memo.h"
#include "object.h"
#include "trash.h"

/** A head and a row are read one after the other; a save may come between the two. */
#define READS_MAX 8

static int check(struct sfs_store *store, uint32_t class_id, struct sfs_span oid)
{
	struct sfsi_class *class;
	int err = sfsi_object_class(store, class_id, &class);
	if (!err && (oid.len == 0 || oid.len > SFS_OID_MAX))
		err = SFS_ERR_NOT_FOUND;
	return err;
}

/** The head of an object, as it is stored. */
static int read_all(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		    struct sfsi_history *ret)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_key key;
	sfsi_history_key(&key, oid);
	int err = sfsi_memo_peek(store, class_id, sfsi_key_span(&key), &val);
	ret->count = 0;
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	return err < 0 ? err : sfsi_history_decode(sfs_buf_span(&val), sfsi_key_span(&key), ret);
}

/** …without the versions that do not count any more. */
static int read_head(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		     struct sfsi_history *ret)
{
	const struct sfs_settings settings = sfsi_settings_now(store);
	int err = read_all(store, class_id, oid, ret);
	if (err < 0)
		return err;
	size_t spent = sfsi_history_spent(ret, &settings, sfsi_now_ns(), 0);
	ret->count -= spent;
	memmove(ret->items, ret->items + spent, ret->count * sizeof *ret->items);
	return 0;
}

/** SFS_ERR_NOT_FOUND: the slot has another version by now, or none. */
static int read_row(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		    const struct sfsi_version *item, struct sfs_buf *buf,
		    struct sfsi_version_row *ret)
{
	struct sfsi_key key;
	sfsi_history_slot_key(&key, item->slot, oid);
	int err = sfsi_memo_peek(store, class_id, sfsi_key_span(&key), buf);
	if (!err)
		err = sfsi_version_decode(sfs_buf_span(buf), sfsi_key_span(&key), ret);
	return !err && ret->time_ns != item->time_ns ? SFS_ERR_NOT_FOUND : err;
}

void sfsi_version_fill(struct sfsi_version_row *row, const struct sfsi_record *record)
{
	/* A text says all that the body says; one that is msgpack is not shown. */
	row->text = record->has_text && record->text_format == SFS_FORMAT_JSON;
	row->size = row->text ? record->text.len : record->object.size;
	row->bytes = row->text ? record->text : record->body;
}

/** The same with its bytes, wherever they are. */
static int read_whole(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		      const struct sfsi_version *item, struct sfs_buf *buf,
		      struct sfsi_version_row *ret)
{
	struct sfsi_record record;
	int err = SFS_ERR_NOT_FOUND;
	/* What leaves the trash between the two reads is in the row then. */
	for (int i = 0; i < READS_MAX && err == SFS_ERR_NOT_FOUND; i++) {
		buf->len = 0;
		err = read_row(store, class_id, oid, item, buf, ret);
		if (err < 0 || !ret->trash)
			return err;
		buf->len = 0;
		err = sfsi_trash_record(store, class_id, ret->trash, buf, &record);
	}
	if (!err)
		sfsi_version_fill(ret, &record);
	return err;
}

void sfs_version_name(int64_t time_ns, char ret[SFS_VERSION_NAME_SIZE])
{
	struct tm tm;
	int64_t us = (time_ns / 1000 % 1000000 + 1000000) % 1000000;
	time_t seconds = (time_t)((time_ns - us * 1000) / 1000000000);
	gmtime_r(&seconds, &tm);
	/* All years that nanoseconds can say have four digits. */
	size_t len = strftime(ret, SFS_VERSION_NAME_SIZE, "%Y-%m-%dT%H%M%S", &tm);
	snprintf(ret + len, SFS_VERSION_NAME_SIZE - len, ".%06uZ", (unsigned)us % 1000000);
}

static struct sfs_version version_of(const struct sfsi_version *item,
				     const struct sfsi_version_row *row)
{
	return (struct sfs_version){
		.time_ns = item->time_ns,
		.until_ns = item->until_ns,
		.gone = item->gone,
		.mode = row->mode,
		.uid = row->uid,
		.gid = row->gid,
		.size = row->size,
	};
}

int sfs_history_each(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		     sfs_version_fn *fn, void *arg)
{
	struct sfsi_history history;
	int err = check(store, class_id, oid);
	if (!err)
		err = read_head(store, class_id, oid, &history);
	for (size_t i = 0; !err && i < history.count; i++) {
		SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
		struct sfsi_version_row row;
		int got = read_row(store, class_id, oid, &history.items[i], &buf, &row);
		if (got == SFS_ERR_NOT_FOUND || got == SFS_ERR_CORRUPT)
			continue;
		struct sfs_version version = { .size = 0 };
		if (!got)
			version = version_of(&history.items[i], &row);
		err = got < 0 ? got : fn(arg, &version) ? SFS_ERR_CANCELLED : 0;
	}
	return err;
}

static const struct sfsi_version *find(const struct sfsi_history *history, int64_t time_ns)
{
	for (size_t i = 0; i < history->count; i++)
		if (history->items[i].time_ns == time_ns)
			return &history->items[i];
	return NULL;
}

static int put_json(const struct sfsi_version_row *row, struct sfs_buf *ret)
{
	return row->text ? sfs_buf_append(ret, row->bytes.data, row->bytes.len)
			 : sfsi_document_render(SFS_FORMAT_JSON, row->bytes, ret);
}

int sfs_history_get(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		    int64_t time_ns, struct sfs_version *ret, struct sfs_buf *ret_json)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_history history;
	struct sfsi_version_row row;
	int err = check(store, class_id, oid);
	if (!err)
		err = read_head(store, class_id, oid, &history);
	const struct sfsi_version *item = err ? NULL : find(&history, time_ns);
	if (!err)
		err = item ? read_whole(store, class_id, oid, item, &buf, &row) : SFS_ERR_NOT_FOUND;
	if (!err && ret_json)
		err = put_json(&row, ret_json);
	if (!err && ret)
		*ret = version_of(item, &row);
	return err;
}

/** What is known of an object at one moment: its versions, and since when it is what it is now. */
static int read_moment(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		       struct sfsi_history *ret, bool *ret_present, int64_t *ret_since)
{
	int err = 0;
	bool same = false;
	for (int i = 0; i < READS_MAX && !err && !same; i++) {
		SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
		struct sfsi_record record;
		uint64_t commit = atomic_load(&store->commit);
		err = read_head(store, class_id, oid, ret);
		if (err < 0)
			return err;
		err = sfsi_object_read_stored(store, class_id, oid, &buf, &record);
		*ret_present = !err;
		if (!err)
			*ret_since = sfsi_history_since(ret, &record) / 1000 * 1000;
		if (err == SFS_ERR_NOT_FOUND)
			err = 0;
		same = commit == atomic_load(&store->commit);
	}
	return err;
}

int sfs_history_at(struct sfs_store *store, uint32_t class_id, struct sfs_span oid, int64_t time_ns,
		   enum sfs_history_state *ret_state, struct sfs_version *ret)
{
	struct sfsi_history history;
	bool present = false;
	int64_t since_ns = 0;
	int err = check(store, class_id, oid);
	if (!err)
		err = read_moment(store, class_id, oid, &history, &present, &since_ns);
	if (err < 0)
		return err;
	if (present && since_ns <= time_ns) {
		*ret_state = SFS_HISTORY_PRESENT;
		*ret = (struct sfs_version){ .time_ns = since_ns };
		return 0;
	}
	size_t i = history.count;
	while (i > 0 && history.items[i - 1].time_ns > time_ns)
		i--;
	if (i == 0)
		return SFS_ERR_NOT_FOUND;
	const struct sfsi_version *item = &history.items[i - 1];
	err = sfs_history_get(store, class_id, oid, item->time_ns, ret, NULL);
	if (err < 0)
		return err;
	if (time_ns < item->until_ns)
		*ret_state = SFS_HISTORY_VERSION;
	else
		*ret_state = item->gone ? SFS_HISTORY_GONE : SFS_HISTORY_BEFORE;
	return 0;
}

/* --- how much there is --- */

struct counting {
	struct sfs_settings settings;
	int64_t now_ns;
	struct sfs_history_stat stat;
	int err;
};

static int count_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct counting *counting = arg;
	struct sfsi_history history;
	counting->stat.bytes += key.len + val.len;
	if (((const char *)key.data)[1] != 'H')
		return 0;
	counting->err = sfsi_history_decode(val, key, &history);
	if (counting->err < 0)
		return 1;
	counting->stat.objects++;
	counting->stat.versions += history.count - sfsi_history_spent(&history, &counting->settings,
								      counting->now_ns, 0);
	return 0;
}

int sfs_history_stat(struct sfs_store *store, uint32_t class_id, struct sfs_history_stat *ret)
{
	struct sfsi_class *class;
	struct counting counting = { .settings = sfsi_settings_now(store),
				     .now_ns = sfsi_now_ns() };
	const struct sfsi_scan scan = {
		.partition = class_id,
		.prefix = sfs_span_str("V"),
		.once = true,
	};
	int err = sfsi_object_class(store, class_id, &class);
	if (!err)
		err = sfsi_backend_scan(store->backend, &scan, count_row, &counting);
	if (counting.err < 0)
		err = counting.err;
	if (!err)
		*ret = counting.stat;
	return err;
}
