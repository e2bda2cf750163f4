/*
 * Reading objects: by oid, by inode number, as documents, as listings.
 * Listing and stat use the entry table; only documents need the records.
 */
#include <stddef.h>
#include "cache.h"
#include "database/database.h"
#include "document/document.h"
#include "hash.h"
#include "memo.h"
#include "mirror/mirror.h"
#include "object.h"
#include "raw.h"
#include "rows.h"

uint64_t sfsi_cookie(const struct sfs_store *store, struct sfs_span name)
{
	uint64_t hash = sfsi_hash(name, store->hash_seed) >> 2;
	return hash < 16 ? hash + 16 : hash;
}

uint64_t sfsi_oid_hash(const struct sfs_store *store, struct sfs_span oid)
{
	return sfsi_hash(oid, store->hash_seed);
}

int sfsi_object_class(struct sfs_store *store, uint32_t class_id, struct sfsi_class **ret)
{
	struct sfsi_class *class = class_id ? sfsi_class_ref(store, class_id) : NULL;
	if (!class)
		return SFS_ERR_NOT_FOUND;
	if (class->kind != SFS_CLASS_OBJECT)
		return SFS_ERR_WRONG_KIND;
	if (class->database && sfsi_database_fault(class->database))
		return sfsi_database_fault(class->database);
	*ret = class;
	return 0;
}

void sfsi_object_entry(const struct sfs_store *store, const struct sfsi_class *class,
		       struct sfs_span oid, uint64_t number, struct sfsi_key *ret)
{
	/* Cookies begin at 16. */
	uint64_t cookie = class && class->database ? number + 16 : sfsi_cookie(store, oid);
	sfsi_key_entry(ret, SFSI_DIR_OBJECTS, cookie, oid);
}

int sfsi_oid_check(struct sfs_span oid)
{
	if (oid.len == 0)
		return SFS_ERR_NAME;
	return oid.len > SFS_OID_MAX ? SFS_ERR_LIMIT : 0;
}

/** Of a database the entry can not be found by the oid. */
static int read_record_attr(struct sfs_store *store, const struct sfsi_class *class,
			    struct sfs_span oid, struct sfs_attr *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	int err = sfsi_database_fault(class->database);
	if (!err)
		err = sfsi_object_read_stored(store, class->id, oid, &buf, &record);
	if (!err)
		sfsi_object_attr(class->id, &record.object, ret);
	return err;
}

static int read_entry(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		      struct sfs_attr *ret)
{
	const struct sfsi_class *class = sfsi_class_ref(store, class_id);
	if (class && class->database)
		return read_record_attr(store, class, oid, ret);
	struct sfsi_key key;
	sfsi_key_entry(&key, SFSI_DIR_OBJECTS, sfsi_cookie(store, oid), oid);
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	int err = sfsi_memo_get(store, class_id, sfsi_key_span(&key), &value);
	struct sfsi_object object;
	if (!err)
		err = sfsi_entry_decode(sfs_buf_span(&value), &object);
	if (!err)
		sfsi_object_attr(class_id, &object, ret);
	return err;
}

int sfs_object_find(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		    struct sfs_attr *ret)
{
	if (oid.len == 0 || oid.len > SFS_OID_MAX)
		return SFS_ERR_NOT_FOUND;
	uint64_t mark = sfsi_cache_mark(store->cache);
	struct sfs_attr attr;
	int err = read_entry(store, class_id, oid, &attr);
	if (err == SFS_ERR_NOT_FOUND && store->mirror)
		err = sfsi_mirror_missing(store, class_id, oid);
	if (err < 0)
		return err;
	sfsi_cache_insert(store->cache, mark, &attr, oid, NULL);
	*ret = attr;
	return 0;
}

/** The oid of an inode number, from the inode table. */
static int read_oid(struct sfs_store *store, uint64_t ino, struct sfs_buf *ret)
{
	struct sfsi_key key;
	uint64_t serial = sfsi_ino_serial(ino);
	sfsi_key_serial(&key, 'N', serial);
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	int err = sfsi_memo_get(store, sfs_ino_class(ino), sfsi_key_span(&key), &value);
	struct sfsi_inode inode;
	if (!err)
		err = sfsi_inode_decode(sfs_buf_span(&value), serial, &inode);
	if (!err && inode.type != SFS_NODE_OBJECT)
		err = SFS_ERR_NOT_FOUND;
	if (!err)
		err = sfs_buf_append(ret, inode.text.data, inode.text.len);
	return err;
}

int sfs_object_stat(struct sfs_store *store, uint64_t ino, struct sfs_attr *ret,
		    struct sfs_buf *ret_oid)
{
	int err = sfsi_cache_stat(store->cache, ino, ret, ret_oid);
	if (err != SFS_ERR_NOT_FOUND)
		return err;
	SFSI_AUTO_BUF struct sfs_buf oid = SFS_BUF_INIT;
	struct sfs_attr attr;
	err = read_oid(store, ino, &oid);
	if (!err)
		err = sfs_object_find(store, sfs_ino_class(ino), sfs_buf_span(&oid), &attr);
	/* The name may have been given to another object between the two reads. */
	if (!err && attr.ino != ino)
		err = SFS_ERR_NOT_FOUND;
	if (err < 0)
		return err;
	*ret = attr;
	if (ret_oid)
		*ret_oid = sfs_buf_take(&oid);
	return 0;
}

int sfsi_object_render(const struct sfsi_record *record, enum sfs_format format,
		       struct sfs_buf *ret)
{
	if (record->has_text && record->text_format == format)
		return sfs_buf_append(ret, record->text.data, record->text.len);
	return sfsi_document_render(format, record->body, ret);
}

static int doc_make(struct sfs_span bytes, const struct sfs_attr *attr, enum sfs_format format,
		    struct sfs_doc **ret)
{
	struct sfs_doc *doc = malloc(sizeof *doc + bytes.len);
	if (!doc)
		return SFS_ERR_NO_MEMORY;
	if (bytes.len)
		memcpy(doc + 1, bytes.data, bytes.len);
	*doc = (struct sfs_doc){
		.bytes = { doc + 1, bytes.len },
		.attr = *attr,
		.format = format,
		.refs = 1,
	};
	*ret = doc;
	return 0;
}

int sfsi_object_read_stored(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
			    struct sfs_buf *buf, struct sfsi_record *ret)
{
	struct sfsi_key key;
	sfsi_key_object(&key, oid);
	int err = sfsi_memo_peek(store, class_id, sfsi_key_span(&key), buf);
	return err < 0 ? err : sfsi_record_decode(sfs_buf_span(buf), sfsi_key_span(&key), ret);
}

static int scan_rows(void *arg, const struct sfsi_scan *scan, sfsi_scan_fn *fn, void *fn_arg)
{
	return sfsi_backend_scan(arg, scan, fn, fn_arg);
}

/** A record and its rows. @ret_same  no commit changed the object between the two. */
static int read_whole(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		      struct sfs_buf *buf, struct sfsi_record *ret, bool *ret_same)
{
	SFSI_AUTO_BUF struct sfs_buf again = SFS_BUF_INIT;
	struct sfsi_record now;
	*ret_same = true;
	buf->len = 0;
	int err = sfsi_object_read_stored(store, class_id, oid, buf, ret);
	if (err < 0 || !sfsi_rows_valid(ret))
		return err;
	uint64_t revision = ret->object.revision;
	err = sfsi_rows_assemble(class_id, scan_rows, store->backend, buf, ret);
	int gone = sfsi_object_read_stored(store, class_id, oid, &again, &now);
	*ret_same = !gone && now.object.revision == revision;
	return err;
}

/** So often without the lock: then somebody changes the object all the time. */
#define READS_MAX 4

int sfsi_object_read(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		     struct sfs_buf *buf, struct sfsi_record *ret)
{
	bool same = false;
	int err = 0;
	for (int i = 0; i < READS_MAX && !same; i++)
		err = read_whole(store, class_id, oid, buf, ret, &same);
	if (same)
		return err;
	pthread_mutex_lock(&store->commit_lock);
	err = read_whole(store, class_id, oid, buf, ret, &same);
	pthread_mutex_unlock(&store->commit_lock);
	return err;
}

/** Read the record of an object whose oid is known. */
static int read_doc(struct sfs_store *store, uint64_t ino, struct sfs_span oid,
		    enum sfs_format format, struct sfs_doc **ret)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	struct sfsi_record record;
	int err = sfsi_object_read(store, sfs_ino_class(ino), oid, &value, &record);
	if (!err && record.object.serial != sfsi_ino_serial(ino))
		err = SFS_ERR_NOT_FOUND;
	if (!err)
		err = sfsi_object_render(&record, format, &text);
	if (err < 0)
		return err;
	struct sfs_attr attr;
	sfsi_object_attr(sfs_ino_class(ino), &record.object, &attr);
	return doc_make(sfs_buf_span(&text), &attr, format, ret);
}

int sfs_object_get(struct sfs_store *store, uint64_t ino, enum sfs_format format,
		   struct sfs_doc **ret)
{
	struct sfs_doc *doc = sfsi_cache_doc(store->cache, ino, format);
	if (doc) {
		*ret = doc;
		return 0;
	}
	uint64_t mark = sfsi_cache_mark(store->cache);
	SFSI_AUTO_BUF struct sfs_buf oid = SFS_BUF_INIT;
	struct sfs_attr attr;
	int err = sfsi_cache_stat(store->cache, ino, &attr, &oid);
	if (err == SFS_ERR_NOT_FOUND)
		err = read_oid(store, ino, &oid);
	if (!err)
		err = read_doc(store, ino, sfs_buf_span(&oid), format, &doc);
	if (err < 0)
		return err;
	sfsi_cache_insert(store->cache, mark, &doc->attr, sfs_buf_span(&oid), doc);
	*ret = doc;
	return 0;
}

/* --- listing --- */

struct list {
	uint32_t class_id;
	sfs_object_list_fn *fn;
	void *arg;
};

static int list_object(void *arg, struct sfs_span oid, struct sfs_span val, uint64_t cookie)
{
	const struct list *list = arg;
	struct sfsi_object object;
	struct sfs_attr attr;
	int err = sfsi_entry_decode(val, &object);
	if (err < 0)
		return err;
	sfsi_object_attr(list->class_id, &object, &attr);
	return list->fn(list->arg, oid, &attr, cookie) ? SFS_ERR_CANCELLED : 0;
}

int sfs_object_list(struct sfs_store *store, uint32_t class_id, uint64_t after, size_t limit,
		    sfs_object_list_fn *fn, void *arg)
{
	struct list list = { class_id, fn, arg };
	struct sfsi_class *class;
	int err = sfsi_object_class(store, class_id, &class);
	return err < 0 ? err
		       : sfsi_entries_list(store, sfs_ino_make(class_id, SFSI_DIR_OBJECTS), after,
					   limit, list_object, &list);
}
