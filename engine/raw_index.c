/* Raws in the indexes of their class: see raw_index.h. */
#include "raw_index.h"
#include <stdio.h>
#include "index/table.h"
#include "memo.h"
#include "raw_name.h"

struct sfs_span sfsi_raw_id(uint64_t serial, struct sfsi_raw_id *ret)
{
	snprintf(ret->text, sizeof ret->text, "%09llx", (unsigned long long)serial);
	return (struct sfs_span){ ret->text, SFSI_RAW_ID_LEN };
}

bool sfsi_raw_id_read(struct sfs_span id, uint64_t *ret)
{
	static const char digits[] = "0123456789abcdef";
	const char *text = id.data;
	uint64_t serial = 0;
	for (size_t i = 0; i < id.len && i < SFSI_RAW_ID_LEN; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
		if (!digit)
			return false;
		serial = serial << 4 | (uint64_t)(digit - digits);
	}
	*ret = serial;
	return id.len == SFSI_RAW_ID_LEN;
}

int sfsi_raw_record_of(const struct sfsi_meta *meta, uint64_t serial, struct sfs_buf *buf,
		       struct sfsi_record *ret)
{
	int err = sfsi_meta_body(meta->map, buf);
	*ret = (struct sfsi_record){
		.object = { .serial = serial, .number = serial },
		.updated_ns = meta->updated_ns,
		.body = sfs_buf_span(buf),
	};
	return err;
}

int sfsi_raw_record_read(struct sfs_store *store, uint32_t class_id, struct sfs_span id,
			 struct sfs_buf *buf, struct sfsi_record *ret)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_key key;
	struct sfsi_inode inode;
	struct sfsi_meta meta;
	uint64_t serial;
	if (!sfsi_raw_id_read(id, &serial))
		return SFS_ERR_NOT_FOUND;
	sfsi_key_serial(&key, 'N', serial);
	int err = sfsi_memo_get(store, class_id, sfsi_key_span(&key), &value);
	if (!err)
		err = sfsi_inode_decode(sfs_buf_span(&value), serial, &inode);
	if (!err && inode.type == SFS_NODE_DIR)
		err = SFS_ERR_NOT_FOUND;
	value.len = 0;
	if (!err)
		err = sfsi_meta_load(store, sfs_ino_make(class_id, serial), &value, &meta);
	return err < 0 ? err : sfsi_raw_record_of(&meta, serial, buf, ret);
}

/* --- changes --- */

/** The class, if it is one of raws with indexes. The commit lock is held. */
static struct sfsi_class *indexed(struct sfsi_txn *txn, uint32_t class_id)
{
	struct sfsi_class *class = sfsi_class_ref(txn->store, class_id);
	return class && class->kind == SFS_CLASS_RAW && class->tables.len ? class : NULL;
}

/** @before, @after  NULL: it is not there. */
static int change(struct sfsi_txn *txn, struct sfsi_class *class, uint64_t serial,
		  const struct sfsi_meta *before, const struct sfsi_meta *after)
{
	SFSI_AUTO_BUF struct sfs_buf old = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf new = SFS_BUF_INIT;
	struct sfsi_raw_id id;
	struct sfsi_record was, is;
	const struct sfs_span oid = sfsi_raw_id(serial, &id);
	int err = before ? sfsi_raw_record_of(before, serial, &old, &was) : 0;
	if (!err && after)
		err = sfsi_raw_record_of(after, serial, &new, &is);
	const struct sfsi_derive_side from = { oid, before ? &was : NULL };
	const struct sfsi_derive_side to = { oid, after ? &is : NULL };
	return err < 0 ? err : sfsi_index_change(txn, class, &from, &to);
}

int sfsi_raw_index_new(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial)
{
	struct sfsi_class *class = indexed(txn, class_id);
	const struct sfsi_meta none = { .map = { "\x80", 1 }, .text = { "", 0 } };
	return class ? change(txn, class, serial, NULL, &none) : 0;
}

int sfsi_raw_index_change(struct sfsi_txn *txn, uint64_t ino, const struct sfsi_meta *before,
			  const struct sfsi_meta *after)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_class *class = indexed(txn, sfs_ino_class(ino));
	struct sfsi_inode inode;
	int err = class ? sfsi_inode_load(txn, ino, &buf, &inode) : 0;
	if (err < 0 || !class || inode.type == SFS_NODE_DIR)
		return err;
	return change(txn, class, inode.serial, before, after);
}

/** A raw comes into the indexes with all its metadata, or goes with it. */
static int change_whole(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial, bool goes)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_class *class = indexed(txn, class_id);
	struct sfsi_meta meta;
	if (!class)
		return 0;
	int err = sfsi_meta_load(txn->store, sfs_ino_make(class_id, serial), &buf, &meta);
	return err < 0 ? err : change(txn, class, serial, goes ? &meta : NULL, goes ? NULL : &meta);
}

int sfsi_raw_index_again(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial)
{
	return change_whole(txn, class_id, serial, false);
}

int sfsi_raw_unindex(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial)
{
	return change_whole(txn, class_id, serial, true);
}

int sfsi_indexed_class(struct sfs_store *store, uint32_t class_id, struct sfsi_class **ret)
{
	*ret = class_id ? sfsi_class_ref(store, class_id) : NULL;
	return *ret ? 0 : SFS_ERR_NOT_FOUND;
}

uint64_t sfsi_class_things(const struct sfsi_class *class, const struct sfsi_state *state)
{
	return class->kind == SFS_CLASS_RAW ? state->files : state->objects;
}

/* --- names --- */

int sfsi_thing_id(struct sfs_store *store, const struct sfsi_class *class, struct sfs_span oid,
		  struct sfsi_raw_id *buf, struct sfs_span *ret, uint64_t *ret_ino)
{
	struct sfs_attr attr;
	bool raw = class->kind == SFS_CLASS_RAW;
	int err = raw ? sfs_raw_find_path(store, class->id, oid, &attr)
		      : sfs_object_find(store, class->id, oid, &attr);
	if (err == SFS_ERR_NOT_DIR || (!err && raw && attr.type == SFS_NODE_DIR))
		err = SFS_ERR_NOT_FOUND;
	if (err < 0)
		return err;
	*ret = raw ? sfsi_raw_id(sfsi_ino_serial(attr.ino), buf) : oid;
	if (ret_ino)
		*ret_ino = attr.ino;
	return 0;
}

int sfsi_thing_oid(struct sfs_store *store, const struct sfsi_class *class, struct sfs_span id,
		   struct sfs_buf *buf, struct sfs_span *ret)
{
	uint64_t serial;
	*ret = id;
	if (class->kind != SFS_CLASS_RAW)
		return 0;
	buf->len = 0;
	int err = sfsi_raw_id_read(id, &serial) ? sfsi_raw_path_of(store, class->id, serial, buf)
						: SFS_ERR_NOT_FOUND;
	*ret = sfs_buf_span(buf);
	return err;
}
