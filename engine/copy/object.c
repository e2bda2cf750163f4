/*
 * Copying the objects of a class, a page at a time: first what they say, with update times and attributes,
 * many in a commit; then the texts of those that were not saved in canonical form.
 */
#include <storefs/export.h>
#include "base/array.h"
#include "copy/copy.h"
#include "document/msgpack.h"
#include "object.h"

#define PAGE 64

/* --- pages --- */

static int take_oid(void *arg, struct sfs_span oid, struct sfs_span doc)
{
	struct sfsi_copy_page *page = arg;
	(void)doc;
	page->err = sfs_buf_append(&page->oids, oid.data, oid.len);
	if (page->err < 0)
		return 1;
	page->ends[page->count++] = page->oids.len;
	return 0;
}

int sfsi_copy_page(struct sfs_store *store, uint32_t class_id, const struct sfs_buf *after,
		   struct sfsi_copy_page *ret)
{
	const struct sfs_span all = { NULL, 0 };
	ret->count = ret->oids.len = 0;
	int err = sfs_object_scan(store, class_id, all, sfs_buf_span(after), PAGE,
				  SFS_FORMAT_MSGPACK, take_oid, ret, NULL);
	return err == SFS_ERR_CANCELLED ? ret->err : err;
}

struct sfs_span sfsi_copy_page_oid(const struct sfsi_copy_page *page, size_t number)
{
	size_t start = number ? page->ends[number - 1] : 0;
	return (struct sfs_span){ (const char *)page->oids.data + start,
				  page->ends[number] - start };
}

int sfsi_copy_page_end(const struct sfsi_copy_page *page, struct sfs_buf *ret_after)
{
	ret_after->len = 0;
	if (!page->count)
		return 0;
	struct sfs_span last = sfsi_copy_page_oid(page, page->count - 1);
	return sfs_buf_append(ret_after, last.data, last.len);
}

/* --- members --- */

struct members {
	struct sfs_span *items; /* key and value of each */
	size_t count, cap;
};

static int by_bytes(const void *a, const void *b)
{
	const struct sfs_span *left = a, *right = b;
	size_t least = left->len < right->len ? left->len : right->len;
	int order = memcmp(left->data, right->data, least);
	return order ? order : (left->len > right->len) - (left->len < right->len);
}

static int take_members(struct sfs_span bytes, struct members *ret)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_map_init(&map, bytes);
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0) {
		err = sfsi_array_grow(&ret->items, ret->count, &ret->cap, sizeof *ret->items);
		if (!err)
			ret->items[ret->count++] =
				(struct sfs_span){ pair.key.data, pair.key.len + pair.value.len };
	}
	if (err >= 0 && ret->count)
		qsort(ret->items, ret->count, sizeof *ret->items, by_bytes);
	return err < 0 ? err : 0;
}

int sfsi_copy_same(struct sfs_span a, struct sfs_span b)
{
	struct members left = { .items = NULL }, right = { .items = NULL };
	if (sfs_span_equal(a, b))
		return 0;
	int err = take_members(a, &left);
	if (!err)
		err = take_members(b, &right);
	if (!err && left.count != right.count)
		err = SFS_ERR_NOT_FOUND;
	for (size_t i = 0; i < left.count && !err; i++)
		if (!sfs_span_equal(left.items[i], right.items[i]))
			err = SFS_ERR_NOT_FOUND;
	free(left.items);
	free(right.items);
	return err;
}

/* --- update times --- */

int sfsi_copy_updates(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		      struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	const struct sfs_export how = { .format = SFS_FORMAT_MSGPACK };
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	int err = sfs_export(store, class_id, oid, &how, &text, NULL, NULL);
	if (!err)
		err = sfsi_msgpack_map_init(&map, sfs_buf_span(&text));
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0)
		if (sfs_span_equal(pair.name, sfs_span_str("updates")))
			return sfs_buf_append(ret, pair.value.data, pair.value.len);
	return err < 0 ? err : SFS_ERR_CORRUPT;
}

/** A body with a member "updates" at its end. */
static int add_updates(struct sfs_span body, struct sfs_span updates, struct sfs_buf *ret)
{
	static const char key[] = "\xa7updates";
	struct sfsi_msgpack_map map;
	int err = sfsi_msgpack_map_init(&map, body);
	if (!err)
		err = sfsi_msgpack_map_header(ret, map.left + 1);
	if (!err)
		err = sfs_buf_append(ret, map.rest.data, map.rest.len);
	if (!err)
		err = sfs_buf_append(ret, key, sizeof key - 1);
	return err < 0 ? err : sfs_buf_append(ret, updates.data, updates.len);
}

/* --- what objects say --- */

/** All but its update times. */
static int get_record(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		      struct sfsi_copy_object *ret)
{
	struct sfsi_record record;
	ret->bytes.len = ret->updates.len = 0;
	int err = sfs_object_find(store, class_id, oid, &ret->attr);
	if (!err)
		err = sfsi_object_read(store, class_id, oid, &ret->bytes, &record);
	if (err < 0)
		return err;
	ret->oid = oid;
	ret->body = record.body;
	ret->text = record.has_text ? record.text : (struct sfs_span){ NULL, 0 };
	ret->text_format = record.text_format;
	return 0;
}

int sfsi_copy_object_get(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
			 struct sfsi_copy_object *ret)
{
	int err = get_record(store, class_id, oid, ret);
	return err < 0 ? err : sfsi_copy_updates(store, class_id, oid, &ret->updates);
}

void sfsi_copy_object_fini(struct sfsi_copy_object *object)
{
	sfs_buf_fini(&object->bytes);
	sfs_buf_fini(&object->updates);
}

int sfsi_copy_object_add(struct sfs_batch *batch, uint32_t class_id,
			 const struct sfsi_copy_object *object, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	const struct sfs_setattr set = sfsi_copy_attributes(&object->attr);
	int err = add_updates(object->body, sfs_buf_span(&object->updates), &text);
	const struct sfs_put put = {
		.class_id = class_id,
		.oid = object->oid,
		.format = SFS_FORMAT_MSGPACK,
		.text = sfs_buf_span(&text),
		.flags = SFS_PUT_CREATE | SFS_PUT_IMPORT,
		.attr = &set,
	};
	return err < 0 ? err : sfs_batch_put(batch, &put, diag);
}

static int add_object(struct sfsi_copying *copying, struct sfs_batch *batch, struct sfs_span oid)
{
	struct sfsi_copy_object object = { .bytes = SFS_BUF_INIT, .updates = SFS_BUF_INIT };
	int err = sfsi_copy_object_get(copying->from, copying->source.id, oid, &object);
	if (!err)
		err = sfsi_copy_object_add(batch, copying->target.id, &object, copying->diag);
	sfsi_copy_object_fini(&object);
	return err;
}

/** A batch is full, or the page is in it. */
static int commit(struct sfsi_copying *copying, struct sfs_batch **batch)
{
	struct sfs_batch *full = *batch;
	*batch = NULL;
	int err = sfs_batch_commit(full, NULL);
	return err < 0 ? err : sfs_batch_begin(copying->to, batch);
}

/** Some object of a page can not be there, for which the target has its reasons: say which. */
static int blame(struct sfsi_copying *copying, const struct sfsi_copy_page *page, int why)
{
	for (size_t i = 0; i < page->count; i++) {
		struct sfs_span oid = sfsi_copy_page_oid(page, i);
		struct sfs_batch *batch = NULL;
		int err = sfs_batch_begin(copying->to, &batch);
		if (!err)
			err = add_object(copying, batch, oid);
		if (!err)
			err = sfs_batch_commit(batch, NULL);
		else if (batch)
			sfs_batch_abort(batch);
		if (err < 0)
			return sfsi_copy_fail(copying, err, oid);
	}
	return why;
}

static int put_page(struct sfsi_copying *copying, const struct sfsi_copy_page *page)
{
	struct sfs_batch *batch = NULL;
	int err = sfs_batch_begin(copying->to, &batch);
	for (size_t i = 0; i < page->count && !err; i++) {
		struct sfs_span oid = sfsi_copy_page_oid(page, i);
		err = add_object(copying, batch, oid);
		if (err == SFS_ERR_LIMIT && sfs_batch_count(batch)) {
			err = commit(copying, &batch);
			if (!err)
				err = add_object(copying, batch, oid);
		}
		if (err < 0)
			err = sfsi_copy_fail(copying, err, oid);
	}
	if (!err) {
		err = sfs_batch_commit(batch, NULL);
		return err == SFS_ERR_NAME || err == SFS_ERR_LIMIT ? blame(copying, page, err)
								   : err;
	}
	sfs_batch_abort(batch);
	return err;
}

/* --- how they are written --- */

bool sfsi_copy_refuses_text(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
			    enum sfs_format format, struct sfs_span text)
{
	const struct sfs_put put = {
		.class_id = class_id,
		.oid = oid,
		.format = format,
		.text = text,
		.flags = SFS_PUT_KEEP_TEXT,
	};
	return sfs_object_check(store, &put, NULL) == SFS_ERR_BAD_DOCUMENT;
}

/** The text that was saved, where it is not the canonical form. */
static int put_text(struct sfs_store *store, uint32_t class_id,
		    const struct sfsi_copy_object *object, struct sfs_diag *diag)
{
	const struct sfs_setattr set = sfsi_copy_attributes(&object->attr);
	if (!object->text.data ||
	    sfsi_copy_refuses_text(store, class_id, object->oid, object->text_format, object->text))
		return 0;
	const struct sfs_put put = {
		.class_id = class_id,
		.oid = object->oid,
		.format = object->text_format,
		.text = object->text,
		.flags = SFS_PUT_UPDATE | SFS_PUT_KEEP_TEXT,
		.attr = &set,
	};
	return sfs_object_put(store, &put, NULL, diag);
}

/** Times of an object: those that a save gave it are of now. */
static int put_times(struct sfs_store *store, uint32_t class_id,
		     const struct sfsi_copy_object *object)
{
	struct sfs_attr to;
	const struct sfs_setattr set = sfsi_copy_attributes(&object->attr);
	int err = sfs_object_find(store, class_id, object->oid, &to);
	if (!err && (to.mtime_ns != object->attr.mtime_ns || to.atime_ns != object->attr.atime_ns))
		err = sfs_object_setattr(store, to.ino, &set, NULL);
	return err;
}

int sfsi_copy_object_complete(struct sfs_store *store, uint32_t class_id,
			      const struct sfsi_copy_object *object, struct sfs_diag *diag)
{
	int err = put_text(store, class_id, object, diag);
	return err < 0 ? err : put_times(store, class_id, object);
}

static int complete_page(struct sfsi_copying *copying, const struct sfsi_copy_page *page)
{
	struct sfsi_copy_object object = { .bytes = SFS_BUF_INIT, .updates = SFS_BUF_INIT };
	int err = 0;
	for (size_t i = 0; i < page->count && !err; i++) {
		struct sfs_span oid = sfsi_copy_page_oid(page, i);
		err = get_record(copying->from, copying->source.id, oid, &object);
		if (!err)
			err = sfsi_copy_object_complete(copying->to, copying->target.id, &object,
							copying->diag);
		if (err < 0)
			err = sfsi_copy_fail(copying, err, oid);
		else
			err = sfsi_copy_step(copying, &copying->done.objects);
	}
	sfsi_copy_object_fini(&object);
	return err;
}

int sfsi_copy_objects(struct sfsi_copying *copying)
{
	SFSI_AUTO_BUF struct sfs_buf after = SFS_BUF_INIT;
	struct sfsi_copy_page page = { .count = 0 };
	int err = 0;
	do {
		err = sfsi_copy_page(copying->from, copying->source.id, &after, &page);
		if (!err)
			err = put_page(copying, &page);
		if (!err)
			err = complete_page(copying, &page);
		if (!err)
			err = sfsi_copy_page_end(&page, &after);
	} while (!err && page.count);
	sfs_buf_fini(&page.oids);
	return err;
}
