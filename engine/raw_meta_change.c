/*
 * Changes of metadata: one key, or all of it as a document. Each is one commit, with the entries of
 * indexes that follow from it.
 */
#include "document/document.h"
#include "mirror/mirror.h"
#include "object.h"
#include "raw_index.h"
#include "raw_meta.h"
#include "raw_name.h"

/** A map in the making. */
struct pairs {
	struct sfs_buf bytes;
	uint32_t count;
};

static int add_pair(struct pairs *pairs, struct sfs_span key, struct sfs_span value)
{
	pairs->count++;
	return sfsi_meta_pair(&pairs->bytes, key, value);
}

static int end_pairs(const struct pairs *pairs, struct sfs_buf *ret)
{
	int err = sfsi_msgpack_map_header(ret, pairs->count);
	return err < 0 ? err : sfs_buf_append(ret, pairs->bytes.data, pairs->bytes.len);
}

/** An inode before and after a change. */
struct edit {
	struct sfsi_txn txn;
	uint64_t ino;
	struct sfs_buf old;      /* as it is stored */
	struct sfsi_meta before; /* points into old */
	struct pairs pairs;      /* what it becomes */
};

static int edit_begin(struct edit *edit, struct sfs_store *store, uint64_t ino)
{
	edit->ino = ino;
	int err = sfsi_txn_begin(store, &edit->txn);
	if (err < 0)
		return err;
	/* Only this thread writes while the commit lock is held. */
	err = sfsi_meta_load(store, ino, &edit->old, &edit->before);
	return err < 0 ? sfsi_txn_end(&edit->txn, err) : 0;
}

/** Write the record of an inode, and its entries in indexes. */
static int store_meta(struct sfsi_txn *txn, uint64_t ino, const struct sfsi_meta *before,
		      const struct sfsi_meta *after)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_key key;
	sfsi_key_serial(&key, 'X', sfsi_ino_serial(ino));
	int err = sfsi_meta_encode(after, &value);
	if (!err)
		err = sfsi_txn_put(txn, sfs_ino_class(ino), sfsi_key_span(&key),
				   sfs_buf_span(&value));
	bool same = sfs_span_equal(before->map, after->map);
	if (!err && !same)
		err = sfsi_mirror_note_raw(txn, ino, (struct sfs_span){ "", 0 });
	return err < 0 || same ? err : sfsi_raw_index_change(txn, ino, before, after);
}

/** Store what the pairs say. @text  of the document; empty: it is canonical. */
static int edit_store(struct edit *edit, struct sfs_span text)
{
	SFSI_AUTO_BUF struct sfs_buf map = SFS_BUF_INIT;
	struct sfsi_txn *txn = &edit->txn;
	int err = end_pairs(&edit->pairs, &map);
	struct sfsi_meta after = {
		.updated_ns = txn->now_ns,
		.saved_ns = txn->now_ns,
		.map = sfs_buf_span(&map),
		.text = text,
	};
	bool same = sfs_span_equal(after.map, edit->before.map);
	if (!err && same && sfs_span_equal(text, edit->before.text))
		return 0;
	if (same)
		after.updated_ns = edit->before.updated_ns;
	else if (after.updated_ns <= edit->before.updated_ns)
		after.updated_ns = edit->before.updated_ns + 1;
	if (!err)
		err = sfsi_inode_touch(txn, edit->ino);
	return err < 0 ? err : store_meta(txn, edit->ino, &edit->before, &after);
}

static int edit_end(struct edit *edit, int err)
{
	err = sfsi_txn_end(&edit->txn, err);
	sfs_buf_fini(&edit->old);
	sfs_buf_fini(&edit->pairs.bytes);
	return err;
}

int sfsi_meta_set_time(struct sfs_store *store, uint64_t ino, int64_t time_ns)
{
	struct edit edit = { .ino = ino };
	int err = edit_begin(&edit, store, ino);
	if (err < 0)
		return err;
	struct sfsi_meta after = edit.before;
	after.updated_ns = time_ns;
	if (after.updated_ns != edit.before.updated_ns) {
		err = sfsi_inode_touch(&edit.txn, ino);
		if (!err)
			err = store_meta(&edit.txn, ino, &edit.before, &after);
	}
	return edit_end(&edit, err);
}

/* --- one key --- */

/** Copy all pairs but one; *ret_found tells whether that one was there. */
static int copy_without(struct edit *edit, struct sfs_span key, bool *ret_found)
{
	struct sfsi_msgpack_map map;
	struct sfs_span at, value;
	*ret_found = false;
	int err = sfsi_msgpack_map_init(&map, edit->before.map);
	while (!err && (err = sfsi_meta_next(&map, &at, &value)) == 0) {
		if (sfs_span_equal(at, key)) {
			*ret_found = true;
			continue;
		}
		err = add_pair(&edit->pairs, at, value);
	}
	return err == 1 ? 0 : err;
}

/** @value  msgpack; NULL: remove. */
static int change_in(struct edit *edit, struct sfs_span key, const struct sfs_buf *value,
		     unsigned flags)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	bool found = false;
	int err = sfsi_inode_load(&edit->txn, edit->ino, &buf, &inode);
	if (!err)
		err = copy_without(edit, key, &found);
	if (!err && found && (flags & SFS_META_CREATE))
		err = SFS_ERR_EXISTS;
	if (!err && !found && (!value || (flags & SFS_META_REPLACE)))
		err = SFS_ERR_NOT_FOUND;
	if (!err && value)
		err = add_pair(&edit->pairs, key, sfs_buf_span(value));
	return err < 0 ? err : edit_store(edit, (struct sfs_span){ "", 0 });
}

static int change(struct sfs_store *store, uint64_t ino, struct sfs_span key,
		  const struct sfs_buf *value, unsigned flags)
{
	struct edit edit = { .ino = ino };
	int err = edit_begin(&edit, store, ino);
	return err < 0 ? err : edit_end(&edit, change_in(&edit, key, value, flags));
}

int sfs_raw_meta_set(struct sfs_store *store, uint64_t ino, struct sfs_span key,
		     struct sfs_span value, unsigned flags, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf stored = SFS_BUF_INIT;
	int err = sfsi_meta_key_check(key, diag);
	if (!err && value.len > SFSI_META_VALUE_MAX)
		err = sfs_diag_set(diag, SFS_ERR_LIMIT, "a value of metadata has at most %zu bytes",
				   SFSI_META_VALUE_MAX);
	if (!err)
		err = sfsi_meta_value(store, sfs_ino_class(ino), key, value, &stored, diag);
	return err < 0 ? err : change(store, ino, key, &stored, flags);
}

int sfs_raw_meta_remove(struct sfs_store *store, uint64_t ino, struct sfs_span key)
{
	return change(store, ino, key, NULL, 0);
}

/* --- a document --- */

/** The value of a key in a map; false: it has none. */
static bool find_pair(struct sfs_span map, struct sfs_span wanted, struct sfs_span *ret)
{
	struct sfsi_msgpack_map walk;
	struct sfs_span key;
	if (sfsi_msgpack_map_init(&walk, map) < 0)
		return false;
	while (sfsi_meta_next(&walk, &key, ret) == 0)
		if (sfs_span_equal(key, wanted))
			return true;
	return false;
}

/** Add the pairs of a map: those that another has too with its value, or not at all. */
static int add_pairs(struct pairs *pairs, struct sfs_span map, struct sfs_span other, bool replace)
{
	struct sfsi_msgpack_map walk;
	struct sfs_span key, value, instead;
	int err = sfsi_msgpack_map_init(&walk, map);
	while (!err && (err = sfsi_meta_next(&walk, &key, &value)) == 0) {
		bool in_both = find_pair(other, key, &instead);
		if (in_both && !replace)
			continue;
		err = add_pair(pairs, key, in_both ? instead : value);
	}
	return err == 1 ? 0 : err;
}

/** Keys that are there stay in their places, others come behind them. */
static int merge(struct pairs *pairs, struct sfs_span old, struct sfs_span new)
{
	int err = add_pairs(pairs, old, new, true);
	return err < 0 ? err : add_pairs(pairs, new, old, false);
}

int sfsi_meta_parse(struct sfs_store *store, const struct sfs_put *put, struct sfs_buf *ret_map,
		    bool *ret_keep, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf json = SFS_BUF_INIT;
	struct sfsi_prepared prepared = { .size = 0 };
	struct sfs_class_info info;
	const struct sfsi_class *class = sfsi_class_ref(store, put->class_id);
	int err = class ? sfs_class_get(store, class->id, &info) : SFS_ERR_NOT_FOUND;
	if (err < 0)
		return err;
	struct sfsi_document_rules rules = {
		.oid = put->oid,
		.type = sfs_span_str(info.type),
		.class_name = sfs_span_str(info.name),
	};
	err = sfsi_document_parse(put->format, put->text, &rules, &body, diag);
	if (!err && info.kind == SFS_CLASS_RAW)
		err = sfsi_object_fit_body(store, class, put, &body, &prepared, diag);
	if (!err)
		err = sfsi_meta_map(store, class->id, sfs_buf_span(&body), ret_map, diag);
	if (!err)
		err = sfsi_document_render(SFS_FORMAT_JSON, sfs_buf_span(&body), &json);
	*ret_keep = !prepared.dropped && !sfs_span_equal(put->text, sfs_buf_span(&json));
	return err == SFS_ERR_INVALID || err == SFS_ERR_NAME ? SFS_ERR_BAD_DOCUMENT : err;
}

static int put_in(struct edit *edit, const struct sfs_put *put, struct sfs_span map, bool keep)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	int err = sfsi_inode_load(&edit->txn, edit->ino, &buf, &inode);
	if (!err)
		err = put->flags & SFS_PUT_MERGE
			      ? merge(&edit->pairs, edit->before.map, map)
			      : merge(&edit->pairs, (struct sfs_span){ "\x80", 1 }, map);
	return err < 0 ? err : edit_store(edit, keep ? put->text : (struct sfs_span){ "", 0 });
}

int sfs_raw_meta_put(struct sfs_store *store, uint64_t ino, const struct sfs_raw_meta_put *how,
		     struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf oid = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf map = SFS_BUF_INIT;
	struct edit edit = { .ino = ino };
	bool other_text = false;
	struct sfs_put put = {
		.class_id = sfs_ino_class(ino),
		.format = how->format,
		.text = how->text,
		.flags = how->flags,
	};
	int err = sfsi_raw_path_of(store, put.class_id, sfsi_ino_serial(ino), &oid);
	put.oid = sfs_buf_span(&oid);
	if (!err)
		err = sfsi_meta_parse(store, &put, &map, &other_text, diag);
	if (!err)
		err = edit_begin(&edit, store, ino);
	if (err < 0)
		return err;
	bool keep = (how->flags & SFS_PUT_KEEP_TEXT) && how->format == SFS_FORMAT_JSON &&
		    !(how->flags & SFS_PUT_MERGE) && other_text;
	return edit_end(&edit, put_in(&edit, &put, sfs_buf_span(&map), keep));
}

int sfsi_meta_adopt(struct sfsi_txn *txn, uint64_t ino, const struct sfsi_meta *old,
		    struct sfs_span map)
{
	SFSI_AUTO_BUF struct sfs_buf whole = SFS_BUF_INIT;
	const struct sfs_span empty = { "\x80", 1 };
	const struct sfsi_meta none = { .map = empty };
	struct pairs pairs = { .count = 0 };
	int err = merge(&pairs, old ? old->map : empty, map);
	if (!err)
		err = end_pairs(&pairs, &whole);
	sfs_buf_fini(&pairs.bytes);
	bool same = old && sfs_span_equal(sfs_buf_span(&whole), old->map);
	const struct sfsi_meta after = {
		.updated_ns = same ? old->updated_ns : txn->now_ns,
		.saved_ns = same ? old->saved_ns : txn->now_ns,
		.map = sfs_buf_span(&whole),
		.text = same ? old->text : (struct sfs_span){ "", 0 },
	};
	/* Nothing to say. */
	if (err < 0 || (!after.updated_ns && sfs_span_equal(after.map, empty)) ||
	    (!old && sfs_span_equal(after.map, empty)))
		return err;
	return store_meta(txn, ino, &none, &after);
}
