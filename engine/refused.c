/*
 * Refused texts: see storefs/refused.h. Three keys each, so that stat and listings never read the
 * text: an entry in cookie order, the text, and the way from the inode number to the oid; two more for
 * the text of an object that was removed before. The class's state counts them: without any, nothing is
 * looked up.
 */
#include <storefs/refused.h>
#include "departed.h"
#include "object.h"
#include "memo.h"

static uint64_t count_of(struct sfs_store *store, const struct sfsi_class *class)
{
	struct sfsi_state state;
	sfsi_class_state(store, class, &state);
	return state.refused;
}

static void entry_key(const struct sfs_store *store, struct sfs_span oid, struct sfsi_key *ret)
{
	sfsi_key_refused(ret, sfsi_cookie(store, oid), oid);
}

/* --- reading --- */

static void show(uint32_t class_id, const struct sfsi_refused *refused, struct sfs_refused *ret)
{
	*ret = (struct sfs_refused){
		.ino = sfs_ino_make(class_id, refused->serial),
		.format = refused->format,
		.size = refused->size,
		.time_ns = refused->time_ns,
		.removed_ino = refused->removed ? sfs_ino_make(class_id, refused->removed) : 0,
		.removed_size = refused->removed_size,
		.diag = { .line = refused->line,
			  .column = refused->column,
			  .offset = refused->offset },
	};
	sfs_diag_set(&ret->diag, SFS_ERR_BAD_DOCUMENT, "%.*s", (int)refused->sentence.len,
		     (const char *)refused->sentence.data);
}

int sfs_refused_find(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		     struct sfs_refused *ret)
{
	struct sfsi_class *class;
	struct sfsi_refused refused;
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	if (sfsi_object_class(store, class_id, &class) < 0 || count_of(store, class) == 0 ||
	    sfsi_oid_check(oid) < 0)
		return SFS_ERR_NOT_FOUND;
	entry_key(store, oid, &key);
	int err = sfsi_memo_get(store, class_id, sfsi_key_span(&key), &value);
	if (!err)
		err = sfsi_refused_decode(sfs_buf_span(&value), sfsi_key_span(&key), &refused);
	if (!err)
		show(class_id, &refused, ret);
	return err;
}

/** What is stored for an inode number: its text or its oid, appended. */
static int read_part(struct sfs_store *store, uint64_t ino, char part, struct sfs_buf *ret)
{
	struct sfsi_class *class;
	struct sfsi_key key;
	struct sfs_span content;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	if (sfsi_object_class(store, sfs_ino_class(ino), &class) < 0)
		return SFS_ERR_NOT_FOUND;
	sfsi_key_refused_part(&key, part, sfsi_ino_serial(ino));
	int err = sfsi_memo_peek(store, class->id, sfsi_key_span(&key), &value);
	if (!err)
		err = sfsi_sealed_decode(sfs_buf_span(&value), sfsi_key_span(&key), &content);
	return err < 0 ? err : sfs_buf_append(ret, content.data, content.len);
}

int sfs_refused_stat(struct sfs_store *store, uint64_t ino, struct sfs_refused *ret,
		     struct sfs_buf *ret_oid)
{
	struct sfs_refused refused;
	SFSI_AUTO_BUF struct sfs_buf oid = SFS_BUF_INIT;
	int err = read_part(store, ino, 'N', &oid);
	if (!err)
		err = sfs_refused_find(store, sfs_ino_class(ino), sfs_buf_span(&oid), &refused);
	/* Removed, and another one was kept, between the two reads. */
	if (!err && refused.ino != ino && refused.removed_ino != ino)
		err = SFS_ERR_NOT_FOUND;
	if (!err && ret_oid)
		err = sfs_buf_append(ret_oid, oid.data, oid.len);
	if (!err)
		*ret = refused;
	return err;
}

int sfs_refused_get(struct sfs_store *store, uint64_t ino, struct sfs_buf *ret)
{
	return read_part(store, ino, 'T', ret);
}

struct list {
	uint32_t class_id;
	size_t limit, count;
	uint64_t last; /* cookie of the last entry delivered */
	sfs_refused_list_fn *fn;
	void *arg;
	int err; /* 0 at the end of a page */
};

static int list_entry(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct list *list = arg;
	struct sfsi_refused refused;
	struct sfs_refused shown;
	if (key.len <= SFSI_REFUSED_NAME) {
		list->err = SFS_ERR_CORRUPT;
		return 1;
	}
	uint64_t cookie = sfsi_get_be64((const uint8_t *)key.data + 2);
	if (list->limit && list->count >= list->limit && cookie != list->last)
		return 1;
	struct sfs_span oid = { (const char *)key.data + SFSI_REFUSED_NAME,
				key.len - SFSI_REFUSED_NAME };
	list->err = sfsi_refused_decode(val, key, &refused);
	if (list->err < 0)
		return 1;
	show(list->class_id, &refused, &shown);
	if (list->fn(list->arg, oid, &shown, cookie)) {
		list->err = SFS_ERR_CANCELLED;
		return 1;
	}
	list->count++;
	list->last = cookie;
	return 0;
}

int sfs_refused_list(struct sfs_store *store, uint32_t class_id, uint64_t after, size_t limit,
		     sfs_refused_list_fn *fn, void *arg)
{
	struct sfsi_class *class;
	struct sfsi_key from;
	int err = sfsi_object_class(store, class_id, &class);
	if (err < 0)
		return err;
	if (after >= INT64_MAX || count_of(store, class) == 0)
		return 0;
	sfsi_key_refused(&from, after + 1, (struct sfs_span){ "", 0 });
	struct sfsi_scan scan = {
		.partition = class_id,
		.prefix = sfs_span_str("RE"),
		.after = sfsi_key_span(&from),
	};
	struct list list = { .class_id = class_id, .limit = limit, .fn = fn, .arg = arg };
	err = sfsi_backend_scan(store->backend, &scan, list_entry, &list);
	return err == SFS_ERR_CANCELLED ? list.err : err;
}

/* --- changing --- */

/** The set of a class changed by so many. */
static int count_change(struct sfsi_txn *txn, uint32_t class_id, int change)
{
	struct sfsi_txn_class *class;
	int err = sfsi_txn_class(txn, class_id, &class);
	if (err < 0)
		return err;
	class->state.refused = (uint64_t)((int64_t)class->state.refused + change);
	class->state.refused_ns = txn->now_ns;
	return 0;
}

static int load(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid, struct sfs_buf *buf,
		struct sfsi_refused *ret)
{
	struct sfsi_key key;
	entry_key(txn->store, oid, &key);
	int err = sfsi_txn_get(txn, class_id, sfsi_key_span(&key), buf);
	return err < 0 ? err : sfsi_refused_decode(sfs_buf_span(buf), sfsi_key_span(&key), ret);
}

static int put_sealed(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_key *key,
		      struct sfs_span content)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	int err = sfsi_sealed_encode(content, sfsi_key_span(key), &value);
	if (!err)
		err = sfsi_txn_put(txn, class_id, sfsi_key_span(key), sfs_buf_span(&value));
	return err;
}

/** A text, and whose it is, under a number. */
static int put_text(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial, struct sfs_span text,
		    struct sfs_span oid)
{
	struct sfsi_key key;
	sfsi_key_refused_part(&key, 'T', serial);
	int err = put_sealed(txn, class_id, &key, text);
	sfsi_key_refused_part(&key, 'N', serial);
	return err < 0 ? err : put_sealed(txn, class_id, &key, oid);
}

static int store_all(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
		     const struct sfsi_refused *refused, struct sfs_span text)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	int err = put_text(txn, class_id, refused->serial, text, oid);
	entry_key(txn->store, oid, &key);
	if (!err)
		err = sfsi_refused_encode(refused, sfsi_key_span(&key), &value);
	if (!err)
		err = sfsi_txn_put(txn, class_id, sfsi_key_span(&key), sfs_buf_span(&value));
	return err;
}

/** Is there an object? */
static int exists(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	sfsi_key_object(&key, oid);
	return sfsi_txn_get(txn, class_id, sfsi_key_span(&key), &value);
}

/** If the object was removed a moment ago, and not made again: keep its text. */
static int put_removed(struct sfsi_txn *txn, struct sfsi_class *class, struct sfs_span oid,
		       struct sfsi_refused *refused)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	struct sfsi_record record;
	int err = sfsi_departed_get(txn->store->removed, sfsi_departed_clock(), class->id, oid,
				    &buf, &record);
	if (err)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	err = exists(txn, class->id, oid);
	if (err != SFS_ERR_NOT_FOUND)
		return err;
	uint64_t serial = sfsi_class_serial(class);
	err = serial ? sfsi_object_render(&record, SFS_FORMAT_JSON, &text) : SFS_ERR_LIMIT;
	if (err < 0)
		return err;
	refused->removed = serial;
	refused->removed_size = text.len;
	return put_text(txn, class->id, serial, sfs_buf_span(&text), oid);
}

static int put_in(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
		  struct sfsi_refused *refused, struct sfs_span text)
{
	struct sfsi_class *class;
	struct sfsi_refused old = { .serial = 0 };
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	int err = sfsi_object_class(txn->store, class_id, &class);
	if (!err)
		err = load(txn, class_id, oid, &buf, &old);
	bool is_new = err == SFS_ERR_NOT_FOUND, is_damaged = err == SFS_ERR_CORRUPT;
	if (err && !is_new && !is_damaged)
		return err;
	refused->time_ns = txn->now_ns;
	refused->serial = err ? sfsi_class_serial(class) : old.serial;
	refused->removed = old.removed;
	refused->removed_size = old.removed_size;
	if (!refused->serial)
		return SFS_ERR_LIMIT;
	err = old.removed ? 0 : put_removed(txn, class, oid, refused);
	if (!err)
		err = store_all(txn, class_id, oid, refused, text);
	return err < 0 ? err : count_change(txn, class_id, is_new ? 1 : 0);
}

int sfsi_refused_keep(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
		      enum sfs_format format, struct sfs_span text, const struct sfs_diag *diag)
{
	struct sfsi_refused refused = {
		.format = format,
		.size = text.len,
		.line = diag->line,
		.column = diag->column,
		.offset = diag->offset,
		.sentence = sfs_span_str(diag->text[0] ? diag->text : sfs_err_text(diag->err)),
	};
	return put_in(txn, class_id, oid, &refused, text);
}

int sfs_refused_put(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		    enum sfs_format format, struct sfs_span text, const struct sfs_diag *diag)
{
	struct sfsi_class *class;
	struct sfsi_txn txn;
	int err = sfsi_object_class(store, class_id, &class);
	if (!err)
		err = sfsi_oid_check(oid);
	if (!err && text.len == 0)
		err = SFS_ERR_INVALID;
	if (!err && text.len > SFS_DOCUMENT_MAX)
		err = SFS_ERR_LIMIT;
	if (!err)
		err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	return sfsi_txn_end(&txn, sfsi_refused_keep(&txn, class_id, oid, format, text, diag));
}

static int erase_text(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial)
{
	struct sfsi_key key;
	sfsi_key_refused_part(&key, 'T', serial);
	int err = sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
	sfsi_key_refused_part(&key, 'N', serial);
	return err < 0 ? err : sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
}

static int remove_in(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid)
{
	struct sfsi_key key;
	struct sfsi_refused old = { .serial = 0 };
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	int err = load(txn, class_id, oid, &buf, &old);
	/* A damaged entry, whose numbers are not known, must not be in the way of a good save. */
	if (err && err != SFS_ERR_CORRUPT)
		return err;
	entry_key(txn->store, oid, &key);
	err = sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
	if (!err && old.serial)
		err = erase_text(txn, class_id, old.serial);
	if (!err && old.removed)
		err = erase_text(txn, class_id, old.removed);
	return err < 0 ? err : count_change(txn, class_id, -1);
}

int sfsi_refused_drop(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid)
{
	struct sfsi_class *class = sfsi_class_ref(txn->store, class_id);
	/* This change itself adds none, so what was committed last is enough to know. */
	if (!class || count_of(txn->store, class) == 0)
		return 0;
	int err = remove_in(txn, class_id, oid);
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

int sfs_refused_remove(struct sfs_store *store, uint32_t class_id, struct sfs_span oid)
{
	struct sfsi_class *class;
	struct sfsi_txn txn;
	if (sfsi_object_class(store, class_id, &class) < 0 || sfsi_oid_check(oid) < 0 ||
	    count_of(store, class) == 0)
		return SFS_ERR_NOT_FOUND;
	int err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	return sfsi_txn_end(&txn, remove_in(&txn, class_id, oid));
}

int sfsi_refused_drop_all(struct sfsi_txn *txn, const struct sfsi_class *class)
{
	if (count_of(txn->store, class) == 0)
		return 0;
	int err = sfsi_txn_remove_all(txn, class->id, sfs_span_str("R"), 0, NULL);
	if (err < 0)
		return err;
	/* The state goes with the class when that is removed: then there is none to write. */
	for (size_t i = 0; i < txn->classes_len; i++) {
		if (txn->classes[i].class == class)
			txn->classes[i].state.refused = 0;
	}
	return 0;
}
