/*
 * The trash: what a removal keeps, and reading it. See storefs/trash.h and trash.h; coming back is in
 * trash_restore.c, the end in trash_empty.c.
 */
#include "trash.h"
#include <sys/stat.h>
#include "history.h"
#include "memo.h"
#include "object.h"
#include "raw_refs.h"
#include "settings.h"

/* --- counting --- */

static int load_count(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_key *key,
		      struct sfs_trash_stat *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	*ret = (struct sfs_trash_stat){ .entries = 0 };
	int err = sfsi_txn_get(txn, class_id, sfsi_key_span(key), &buf);
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	return err < 0 ? err : sfsi_trash_count_decode(sfs_buf_span(&buf), sfsi_key_span(key), ret);
}

/** @sign  1: this one more, -1: less. */
static int count(struct sfsi_txn *txn, uint32_t class_id, uint64_t bytes, int sign)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfs_trash_stat stat;
	struct sfsi_key key;
	sfsi_trash_count_key(&key);
	int err = load_count(txn, class_id, &key, &stat);
	if (err < 0)
		return err;
	stat.entries += sign < 0 ? -UINT64_C(1) : 1;
	stat.bytes += sign < 0 ? -bytes : bytes;
	if (!stat.entries)
		return sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
	err = sfsi_trash_count_encode(&stat, sfsi_key_span(&key), &value);
	return err < 0 ? err
		       : sfsi_txn_put(txn, class_id, sfsi_key_span(&key), sfs_buf_span(&value));
}

/* --- keeping --- */

/** Does the store keep what is removed now? A disk that is nearly full needs the room. */
static bool is_on(struct sfs_store *store)
{
	return sfsi_settings_now(store).trash_for_s && !sfsi_bytes_low(store);
}

/** Write the three rows. */
static int keep(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_trash *trash,
		struct sfsi_trash_entry *entry)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_key key;
	sfsi_trash_what_key(&key, trash->serial);
	int err = sfsi_trash_encode(trash, sfsi_key_span(&key), &value);
	if (!err)
		err = sfsi_txn_put(txn, class_id, sfsi_key_span(&key), sfs_buf_span(&value));
	if (err < 0)
		return err;
	entry->serial = trash->serial;
	entry->type = trash->type;
	entry->removed_ns = trash->removed_ns;
	entry->revision = txn->commit;
	entry->bytes = trash->bytes;
	entry->name = trash->name;
	value.len = 0;
	sfsi_trash_entry_key(&key, sfsi_trash_second(trash->removed_ns),
			     sfsi_cookie(txn->store, trash->name), trash->serial);
	err = sfsi_trash_entry_encode(entry, sfsi_key_span(&key), &value);
	if (!err)
		err = sfsi_txn_put(txn, class_id, sfsi_key_span(&key), sfs_buf_span(&value));
	return err < 0 ? err : count(txn, class_id, trash->bytes, 1);
}

int sfsi_trash_object(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
		      const struct sfsi_record *record)
{
	SFSI_AUTO_BUF struct sfs_buf encoded = SFS_BUF_INIT;
	struct sfsi_record whole = *record;
	const struct sfsi_object *object = &record->object;
	struct sfsi_key key;
	if (!is_on(txn->store))
		return 0;
	/* The body has all targets; rows of relations go with the object. */
	memset(&whole.rows, 0, sizeof whole.rows);
	sfsi_trash_what_key(&key, object->serial);
	int err = sfsi_record_encode(&whole, sfsi_key_span(&key), &encoded);
	struct sfsi_trash trash = {
		.serial = object->serial,
		.type = SFS_NODE_OBJECT,
		.removed_ns = txn->now_ns,
		.bytes = encoded.len,
		.name = oid,
		.what = sfs_buf_span(&encoded),
	};
	struct sfsi_trash_entry entry = {
		.mtime_ns = object->mtime_ns,
		.size = object->size,
		.size_msgpack = object->size_msgpack,
		.mode = object->mode,
		.uid = object->uid,
		.gid = object->gid,
	};
	return err < 0 ? err : keep(txn, class_id, &trash, &entry);
}

/** Temporary files of programs: so are called what nobody misses. */
static bool is_temporary(struct sfs_span name)
{
	const char *text = name.data;
	return !name.len || text[0] == '.' || text[0] == '#' || text[name.len - 1] == '~';
}

/** Can a raw that is called so be kept? Then its inode, and the size of its bytes. */
static int load_going(struct sfsi_txn *txn, uint64_t ino, struct sfs_buf *buf,
		      struct sfsi_inode *ret, struct sfs_attr *ret_attr)
{
	int err = sfsi_inode_load(txn, ino, buf, ret);
	if (!err &&
	    ((ret->type != SFS_NODE_FILE && ret->type != SFS_NODE_SYMLINK) || ret->nlink > 1))
		err = SFS_ERR_NOT_FOUND;
	return err < 0 ? err : sfsi_inode_attr(txn->store, sfs_ino_class(ino), ret, ret_attr);
}

static int keep_raw(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span path,
		    struct sfsi_inode *inode, const struct sfs_attr *attr)
{
	SFSI_AUTO_BUF struct sfs_buf encoded = SFS_BUF_INIT;
	inode->name = (struct sfs_span){ "", 0 };
	inode->parent = 0;
	inode->revision = txn->commit;
	int err = sfsi_inode_encode(inode, &encoded);
	struct sfsi_trash trash = {
		.serial = inode->serial,
		.type = inode->type,
		.removed_ns = txn->now_ns,
		.bytes = attr->size,
		.name = path,
		.what = sfs_buf_span(&encoded),
	};
	struct sfsi_trash_entry entry = {
		.mtime_ns = attr->mtime_ns,
		.size = attr->size,
		.mode = attr->mode,
		.uid = attr->uid,
		.gid = attr->gid,
	};
	return err < 0 ? err : keep(txn, class_id, &trash, &entry);
}

int sfsi_trash_raw(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name, uint64_t serial,
		   bool *ret_kept)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT, path = SFS_BUF_INIT;
	const struct sfsi_class *class = sfsi_class_ref(txn->store, sfs_ino_class(dir));
	struct sfsi_inode inode;
	struct sfs_attr attr;
	*ret_kept = false;
	if (!class || class->kind != SFS_CLASS_RAW || is_temporary(name) || !is_on(txn->store))
		return 0;
	int err = load_going(txn, sfs_ino_make(class->id, serial), &buf, &inode, &attr);
	if (!err)
		err = sfsi_raw_path(txn, dir, name, &path);
	/* What has other names, or no bytes, or is nowhere, can be removed as before. */
	if (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_CORRUPT || path.len > UINT16_MAX)
		return 0;
	if (!err)
		err = keep_raw(txn, class->id, sfs_buf_span(&path), &inode, &attr);
	*ret_kept = !err;
	return err;
}

int sfsi_trash_load(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial, struct sfs_buf *buf,
		    struct sfsi_trash *ret)
{
	struct sfsi_key key;
	sfsi_trash_what_key(&key, serial);
	int err = sfsi_txn_get(txn, class_id, sfsi_key_span(&key), buf);
	return err < 0 ? err : sfsi_trash_decode(sfs_buf_span(buf), sfsi_key_span(&key), ret);
}

static void item_key(const struct sfs_trashed *item, struct sfsi_key *ret)
{
	sfsi_trash_entry_key(ret, sfsi_trash_second(item->removed_ns), item->cookie,
			     sfsi_ino_serial(item->ino));
}

int sfsi_trash_listed(struct sfsi_txn *txn, uint32_t class_id, const struct sfs_trashed *item)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_key key;
	item_key(item, &key);
	return sfsi_txn_get(txn, class_id, sfsi_key_span(&key), &value);
}

/** A version of the object may have its bytes here. */
static int leave_history(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_trash *trash)
{
	struct sfsi_record record;
	if (!trash || trash->type != SFS_NODE_OBJECT ||
	    sfsi_trash_record_decode(trash, &record) < 0)
		return 0;
	return sfsi_history_leave(txn, class_id, trash->name, trash->removed_ns, &record);
}

int sfsi_trash_drop(struct sfsi_txn *txn, uint32_t class_id, const struct sfs_trashed *item,
		    const struct sfsi_trash *trash)
{
	struct sfsi_key key;
	int err = leave_history(txn, class_id, trash);
	sfsi_trash_what_key(&key, sfsi_ino_serial(item->ino));
	if (!err)
		err = sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
	item_key(item, &key);
	if (!err)
		err = sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
	return err < 0 ? err : count(txn, class_id, item->bytes, -1);
}

/* --- reading --- */

/** ret points into buf, which is empty before. */
static int read_what(struct sfs_store *store, uint64_t ino, struct sfs_buf *buf,
		     struct sfsi_trash *ret)
{
	struct sfsi_key key;
	if (!sfs_ino_class(ino) || !sfsi_class_ref(store, sfs_ino_class(ino)))
		return SFS_ERR_NOT_FOUND;
	sfsi_trash_what_key(&key, sfsi_ino_serial(ino));
	int err = sfsi_memo_peek(store, sfs_ino_class(ino), sfsi_key_span(&key), buf);
	return err < 0 ? err : sfsi_trash_decode(sfs_buf_span(buf), sfsi_key_span(&key), ret);
}

int sfsi_trash_record_decode(const struct sfsi_trash *trash, struct sfsi_record *ret)
{
	struct sfsi_key key;
	sfsi_trash_what_key(&key, trash->serial);
	return sfsi_record_decode(trash->what, sfsi_key_span(&key), ret);
}

int sfsi_trash_record(struct sfs_store *store, uint32_t class_id, uint64_t serial,
		      struct sfs_buf *buf, struct sfsi_record *ret)
{
	struct sfsi_trash trash;
	int err = read_what(store, sfs_ino_make(class_id, serial), buf, &trash);
	if (!err && trash.type != SFS_NODE_OBJECT)
		err = SFS_ERR_CORRUPT;
	return err < 0 ? err : sfsi_trash_record_decode(&trash, ret);
}

int sfsi_trash_inode(struct sfs_store *store, uint64_t ino, struct sfs_buf *buf,
		     struct sfsi_inode *ret)
{
	struct sfsi_trash trash;
	buf->len = 0;
	int err = read_what(store, ino, buf, &trash);
	if (!err && trash.type == SFS_NODE_OBJECT)
		err = SFS_ERR_NOT_FOUND;
	return err < 0 ? err : sfsi_inode_decode(trash.what, trash.serial, ret);
}

bool sfsi_trash_has(struct sfs_store *store, uint32_t class_id, uint64_t serial)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_key key;
	sfsi_trash_what_key(&key, serial);
	return sfsi_backend_get(store->backend, class_id, sfsi_key_span(&key), &value) !=
	       SFS_ERR_NOT_FOUND;
}

static void show(uint32_t class_id, const struct sfsi_trash_entry *entry, struct sfs_trashed *ret)
{
	uint64_t ino = sfs_ino_make(class_id, entry->serial);
	*ret = (struct sfs_trashed){
		.ino = ino,
		.removed_ns = entry->removed_ns,
		.name = entry->name,
		.cookie = entry->cookie,
		.bytes = entry->bytes,
		.attr = {
			.ino = ino,
			.number = ino,
			.type = entry->type,
			.mode = entry->mode,
			.uid = entry->uid,
			.gid = entry->gid,
			.nlink = 1,
			.size = entry->size,
			.size_msgpack = entry->size_msgpack,
			.blocks = (entry->size + 511) / 512,
			.atime_ns = entry->mtime_ns,
			.mtime_ns = entry->mtime_ns,
			.ctime_ns = entry->removed_ns,
			.revision = entry->revision,
		},
	};
}

struct list {
	uint32_t class_id;
	sfs_trash_fn *fn;
	void *arg;
	int err;
};

static int list_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct list *list = arg;
	struct sfsi_trash_entry entry;
	struct sfs_trashed trashed;
	list->err = sfsi_trash_entry_decode(val, key, &entry);
	if (list->err < 0)
		return 1;
	show(list->class_id, &entry, &trashed);
	if (list->fn(list->arg, &trashed))
		list->err = SFS_ERR_CANCELLED;
	return list->err < 0;
}

int sfs_trash_list(struct sfs_store *store, uint32_t class_id, const struct sfs_trash_from *from,
		   size_t limit, sfs_trash_fn *fn, void *arg)
{
	struct list list = { .class_id = class_id, .fn = fn, .arg = arg };
	struct sfsi_key after;
	struct sfsi_scan scan = {
		.partition = class_id,
		.prefix = sfs_span_str(SFSI_TRASH_ENTRIES),
		.limit = limit,
		.once = true,
	};
	if (!class_id || !sfsi_class_ref(store, class_id))
		return SFS_ERR_NOT_FOUND;
	if (from) {
		sfsi_trash_entry_key(&after, from->second < 0 ? 0 : (uint64_t)from->second,
				     from->cookie, sfsi_ino_serial(from->ino));
		scan.after = sfsi_key_span(&after);
	}
	int err = sfsi_backend_scan(store->backend, &scan, list_row, &list);
	return err == SFS_ERR_CANCELLED ? list.err : err;
}

struct same {
	int64_t second;
	uint64_t cookie;
	struct sfs_span name;
	sfs_trash_fn *fn;
	void *arg;
	int err;
};

static int give_same(void *arg, const struct sfs_trashed *trashed)
{
	struct same *same = arg;
	if (trashed->cookie != same->cookie ||
	    sfsi_trash_second(trashed->removed_ns) != (uint64_t)same->second)
		return 1;
	if (sfs_span_equal(trashed->name, same->name) && same->fn(same->arg, trashed))
		same->err = SFS_ERR_CANCELLED;
	return same->err < 0;
}

int sfs_trash_list_name(struct sfs_store *store, uint32_t class_id, int64_t second,
			struct sfs_span name, sfs_trash_fn *fn, void *arg)
{
	struct same same = { second, sfsi_cookie(store, name), name, fn, arg, 0 };
	const struct sfs_trash_from from = { second, same.cookie, 0 };
	int err = second < 0 ? 0 : sfs_trash_list(store, class_id, &from, 0, give_same, &same);
	return err == SFS_ERR_CANCELLED ? same.err : err;
}

/** The entry of a row. The name is copied. */
static int find_entry(struct sfs_store *store, uint64_t ino, const struct sfsi_trash *trash,
		      struct sfs_trashed *ret, struct sfs_buf *ret_name)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_key key;
	struct sfsi_trash_entry entry;
	sfsi_trash_entry_key(&key, sfsi_trash_second(trash->removed_ns),
			     sfsi_cookie(store, trash->name), trash->serial);
	int err = sfsi_backend_get(store->backend, sfs_ino_class(ino), sfsi_key_span(&key), &value);
	if (!err)
		err = sfsi_trash_entry_decode(sfs_buf_span(&value), sfsi_key_span(&key), &entry);
	if (!err)
		err = sfs_buf_append(ret_name, entry.name.data, entry.name.len);
	if (err < 0)
		return err;
	show(sfs_ino_class(ino), &entry, ret);
	ret->name = sfs_buf_span(ret_name);
	return 0;
}

int sfs_trash_find(struct sfs_store *store, uint64_t ino, struct sfs_trashed *ret,
		   struct sfs_buf *ret_name)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_trash trash;
	int err = read_what(store, ino, &buf, &trash);
	return err < 0 ? err : find_entry(store, ino, &trash, ret, ret_name);
}

struct search {
	struct sfs_span name;
	int64_t until_ns;
	uint64_t ino;
	int64_t removed_ns;
};

static int compare(void *arg, const struct sfs_trashed *trashed)
{
	struct search *search = arg;
	if (sfs_span_equal(trashed->name, search->name) &&
	    trashed->removed_ns <= search->until_ns &&
	    (!search->ino || trashed->removed_ns >= search->removed_ns)) {
		search->ino = trashed->ino;
		search->removed_ns = trashed->removed_ns;
	}
	return 0;
}

int sfs_trash_find_name(struct sfs_store *store, uint32_t class_id, struct sfs_span name,
			int64_t until_ns, struct sfs_trashed *ret, struct sfs_buf *ret_name)
{
	struct search search = { .name = name, .until_ns = until_ns };
	int err = sfs_trash_list(store, class_id, NULL, 0, compare, &search);
	if (!err && !search.ino)
		err = SFS_ERR_NOT_FOUND;
	return err < 0 ? err : sfs_trash_find(store, search.ino, ret, ret_name);
}

int sfs_trash_document(struct sfs_store *store, uint64_t ino, enum sfs_format format,
		       struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_trash trash;
	struct sfsi_record record;
	int err = read_what(store, ino, &buf, &trash);
	if (!err && trash.type != SFS_NODE_OBJECT)
		err = SFS_ERR_WRONG_KIND;
	if (!err)
		err = sfsi_trash_record_decode(&trash, &record);
	return err < 0 ? err : sfsi_object_render(&record, format, ret);
}

/* --- figures --- */

static int add_count(struct sfs_store *store, uint32_t class_id, struct sfs_trash_stat *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfs_trash_stat stat;
	struct sfsi_key key;
	sfsi_trash_count_key(&key);
	int err = sfsi_memo_get(store, class_id, sfsi_key_span(&key), &buf);
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	if (!err)
		err = sfsi_trash_count_decode(sfs_buf_span(&buf), sfsi_key_span(&key), &stat);
	if (err < 0)
		return err;
	ret->entries += stat.entries;
	ret->bytes += stat.bytes;
	return 0;
}

int sfs_trash_stat(struct sfs_store *store, uint32_t class_id, struct sfs_trash_stat *ret)
{
	struct sfs_class_info info = { .id = 0 };
	struct sfs_trash_stat stat = { .entries = 0 };
	int err = 0;
	if (class_id && !sfsi_class_ref(store, class_id))
		return SFS_ERR_NOT_FOUND;
	if (class_id)
		err = add_count(store, class_id, &stat);
	while (!class_id && !err && sfs_class_next(store, info.id, &info) == 0)
		err = add_count(store, info.id, &stat);
	if (!err)
		*ret = stat;
	return err;
}
