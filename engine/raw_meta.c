/*
 * Metadata of raws: one small record per inode, a canonical msgpack map in the order of setting. A value is
 * the bytes that were set, or where the definition of the class gives it a type, what the text
 * means. Outside values are text; as a document they are what they are (docs/classes.md).
 */
#include <stdio.h>
#include <storefs/export.h>
#include "document/document.h"
#include "document/json.h"
#include "document/msgpack.h"
#include "document/utf8.h"
#include "mirror/mirror.h"
#include "object.h"
#include "raw.h"
#include "memo.h"

#define VALUE_MAX ((size_t)64 << 10)
#define META_MAX ((size_t)1 << 20)

static int load(struct sfs_store *store, uint64_t ino, struct sfs_buf *ret)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'X', sfsi_ino_serial(ino));
	int err = sfsi_memo_get(store, sfs_ino_class(ino), sfsi_key_span(&key), ret);
	if (err == SFS_ERR_NOT_FOUND)
		err = sfsi_msgpack_map_header(ret, 0);
	return err;
}

/** Next key, and value as msgpack: 0 pair, 1 end, <0 error. */
static int next(struct sfsi_msgpack_map *map, struct sfs_span *key, struct sfs_span *value)
{
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_map_next(map, &pair);
	if (err == 1)
		return 1;
	struct sfsi_head head;
	if (err < 0 || sfsi_head_read(pair.key, &head) != SFSI_HEAD_GOOD ||
	    head.kind != SFSI_HEAD_BINARY)
		return SFS_ERR_CORRUPT;
	*key = head.body;
	*value = pair.value;
	return 0;
}

/** @value  msgpack. */
static int append_pair(struct sfs_buf *to, struct sfs_span key, struct sfs_span value)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, to);
	int err = writer.sink.ops->binary(&writer.sink, key);
	return err < 0 ? err : sfs_buf_append(to, value.data, value.len);
}

/** The text of a value: bytes and strings are themselves, the rest is JSON. */
static int value_text(struct sfs_span value, struct sfs_buf *ret)
{
	struct sfsi_head head;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	if (head.kind == SFSI_HEAD_BINARY || head.kind == SFSI_HEAD_STRING)
		return sfs_buf_append(ret, head.body.data, head.body.len);
	int err = sfsi_value_json(value, ret);
	return err == SFS_ERR_BAD_DOCUMENT ? SFS_ERR_CORRUPT : err;
}

/* --- types --- */

static int put_binary(struct sfs_buf *ret, struct sfs_span bytes)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	return writer.sink.ops->binary(&writer.sink, bytes);
}

/** Keep the sentence of the first misfit. */
static int say_misfit(void *arg, const struct sfsi_misfit *misfit)
{
	struct sfsi_object_fit *fit = arg;
	char path[SFSI_PATH_SIZE];
	snprintf(fit->sentence, sizeof fit->sentence, "%s: expected %.200s, found %s",
		 sfsi_path_text(path, misfit->path), misfit->expected, misfit->found);
	return 1;
}

/** Does a value fit the type of its key? ret: appended to, the value in canonical form. */
static int fit_value(struct sfsi_object_fit *fit, struct sfs_span key, struct sfs_span value,
		     struct sfs_buf *ret, bool *ret_fits)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	struct sfsi_fitted fitted = { .misfits = 0 };
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_map_header(&body, 1);
	if (!err)
		err = sfsi_literal_string(&body, key);
	if (!err)
		err = sfs_buf_append(&body, value.data, value.len);
	if (!err)
		err = sfsi_object_fit(fit, sfs_buf_span(&body), say_misfit, &fitted);
	*ret_fits = !fitted.misfits;
	struct sfs_span made = fitted.body.len ? sfs_buf_span(&fitted.body) : sfs_buf_span(&body);
	if (!err && *ret_fits)
		err = sfsi_msgpack_map_init(&map, made);
	if (!err && *ret_fits)
		err = sfsi_msgpack_map_next(&map, &pair);
	if (!err && *ret_fits)
		err = sfs_buf_append(ret, pair.value.data, pair.value.len);
	sfs_buf_fini(&fitted.body);
	return err;
}

/**
 * What a text means as a value of a type: as JSON, if that is no string and fits, else the text itself.
 * ("1920" is a number for int and a text for string.)
 */
static int typed_value(struct sfsi_object_fit *fit, const struct sfsi_type *type,
		       struct sfs_span key, struct sfs_span text, struct sfs_buf *ret,
		       struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf json = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf plain = SFS_BUF_INIT;
	struct sfsi_msgpack_writer writer;
	struct sfsi_head head;
	bool fits = false;
	if (type->kind == SFSI_TYPE_BIN)
		return put_binary(ret, text);
	sfsi_msgpack_writer_init(&writer, &json);
	int err = sfsi_json_read(text, &writer.sink, NULL);
	bool other = !err && sfsi_head_read(sfs_buf_span(&json), &head) == SFSI_HEAD_GOOD &&
		     head.kind != SFSI_HEAD_STRING;
	err = err == SFS_ERR_NO_MEMORY ? err : 0;
	if (!err && other)
		err = fit_value(fit, key, sfs_buf_span(&json), ret, &fits);
	if (err < 0 || fits)
		return err;
	if (!sfsi_utf8_valid(text))
		return sfs_diag_set(diag, SFS_ERR_INVALID,
				    "%.*s: the value is no UTF-8, and the type is not bin",
				    (int)(key.len < 200 ? key.len : 200), (const char *)key.data);
	err = sfsi_literal_string(&plain, text);
	if (!err)
		err = fit_value(fit, key, sfs_buf_span(&plain), ret, &fits);
	return err < 0 || fits ? err : sfs_diag_set(diag, SFS_ERR_INVALID, "%s", fit->sentence);
}

/** A text as it is stored: typed where the definition of the class says so, else bytes. */
static int encode_value(struct sfs_store *store, uint32_t class_id, struct sfs_span key,
			struct sfs_span text, struct sfs_buf *ret, struct sfs_diag *diag)
{
	const struct sfsi_class *class = sfsi_class_ref(store, class_id);
	struct sfsi_object_fit fit;
	if (!class)
		return SFS_ERR_NOT_FOUND;
	int rules = sfsi_object_fit_begin(store, class, &fit);
	uint32_t number = rules && class->kind == SFS_CLASS_RAW ? sfsi_schema_find(fit.schema, key)
								: SFSI_SCHEMA_NONE;
	int err = number == SFSI_SCHEMA_NONE
			  ? put_binary(ret, text)
			  : typed_value(&fit, &fit.schema->properties[number].type, key, text, ret,
					diag);
	sfsi_object_fit_end(&fit);
	return err;
}

int sfs_raw_meta_get(struct sfs_store *store, uint64_t ino, struct sfs_span key,
		     struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf meta = SFS_BUF_INIT;
	struct sfsi_msgpack_map map;
	int err = load(store, ino, &meta);
	if (!err)
		err = sfsi_msgpack_map_init(&map, sfs_buf_span(&meta));
	struct sfs_span at, value;
	while (!err && (err = next(&map, &at, &value)) == 0) {
		if (sfs_span_equal(at, key))
			return value_text(value, ret);
	}
	return err == 1 ? SFS_ERR_NOT_FOUND : err;
}

int sfs_raw_meta_list(struct sfs_store *store, uint64_t ino, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf meta = SFS_BUF_INIT;
	struct sfsi_msgpack_map map;
	int err = load(store, ino, &meta);
	if (!err)
		err = sfsi_msgpack_map_init(&map, sfs_buf_span(&meta));
	struct sfs_span key, value;
	while (!err && (err = next(&map, &key, &value)) == 0) {
		err = sfs_buf_append(ret, key.data, key.len);
		if (!err)
			err = sfs_buf_append(ret, "", 1);
	}
	return err == 1 ? 0 : err;
}

static int each_of(struct sfs_span meta, sfsi_meta_fn *fn, void *arg)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	struct sfsi_msgpack_map map;
	struct sfsi_head head;
	struct sfs_span key, value;
	int err = sfsi_msgpack_map_init(&map, meta);
	while (!err && (err = next(&map, &key, &value)) == 0) {
		bool good = sfsi_head_read(value, &head) == SFSI_HEAD_GOOD;
		/* Bytes that are text are text to everybody. */
		if (good && head.kind == SFSI_HEAD_BINARY && sfsi_utf8_valid(head.body)) {
			text.len = 0;
			err = sfsi_literal_string(&text, head.body);
			value = sfs_buf_span(&text);
		}
		if (!err)
			err = good ? fn(arg, key, value) : SFS_ERR_CORRUPT;
	}
	return err == 1 ? 0 : err;
}

int sfsi_meta_each(struct sfs_store *store, uint64_t ino, sfsi_meta_fn *fn, void *arg)
{
	SFSI_AUTO_BUF struct sfs_buf meta = SFS_BUF_INIT;
	int err = load(store, ino, &meta);
	return err < 0 ? err : each_of(sfs_buf_span(&meta), fn, arg);
}

int sfsi_meta_each_in(struct sfsi_txn *txn, uint64_t ino, sfsi_meta_fn *fn, void *arg)
{
	SFSI_AUTO_BUF struct sfs_buf meta = SFS_BUF_INIT;
	struct sfsi_key key;
	sfsi_key_serial(&key, 'X', sfsi_ino_serial(ino));
	int err = sfsi_txn_get(txn, sfs_ino_class(ino), sfsi_key_span(&key), &meta);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	return each_of(sfs_buf_span(&meta), fn, arg);
}

struct document {
	struct sfs_buf pairs;
	uint32_t count;
};

static int add_pair(void *arg, struct sfs_span key, struct sfs_span value)
{
	struct document *document = arg;
	int err = sfsi_utf8_valid(key) ? sfsi_literal_string(&document->pairs, key)
				       : put_binary(&document->pairs, key);
	document->count++;
	return err < 0 ? err : sfs_buf_append(&document->pairs, value.data, value.len);
}

int sfs_raw_meta_document(struct sfs_store *store, uint64_t ino, enum sfs_format format,
			  struct sfs_buf *ret)
{
	struct document document = { .count = 0 };
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	int err = sfsi_meta_each(store, ino, add_pair, &document);
	if (!err)
		err = sfsi_msgpack_map_header(&body, document.count);
	if (!err)
		err = sfs_buf_append(&body, document.pairs.data, document.pairs.len);
	sfs_buf_fini(&document.pairs);
	return err < 0 ? err : sfsi_document_render(format, sfs_buf_span(&body), ret);
}

int sfsi_meta_check(struct sfs_span meta)
{
	struct sfsi_msgpack_map map;
	struct sfs_span key, value;
	int err = meta.len > META_MAX ? SFS_ERR_CORRUPT : sfsi_msgpack_map_init(&map, meta);
	/* A raw without metadata has no record. */
	if (!err && map.left == 0)
		return SFS_ERR_CORRUPT;
	while (!err && (err = next(&map, &key, &value)) == 0)
		if (key.len == 0 || key.len > 255 || value.len > VALUE_MAX + 5)
			err = SFS_ERR_CORRUPT;
	return err == 1 && map.rest.len == 0 ? 0 : SFS_ERR_CORRUPT;
}

/** Copy all pairs but one; *ret_found tells whether that one was there. */
static int copy_without(struct sfs_span meta, struct sfs_span key, struct sfs_buf *pairs,
			uint32_t *ret_count, bool *ret_found)
{
	struct sfsi_msgpack_map map;
	struct sfs_span at, value;
	*ret_count = 0;
	*ret_found = false;
	int err = sfsi_msgpack_map_init(&map, meta);
	while (!err && (err = next(&map, &at, &value)) == 0) {
		if (sfs_span_equal(at, key)) {
			*ret_found = true;
			continue;
		}
		err = append_pair(pairs, at, value);
		++*ret_count;
	}
	return err == 1 ? 0 : err;
}

static int store_meta(struct sfsi_txn *txn, uint64_t ino, uint32_t count, struct sfs_span pairs)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'X', sfsi_ino_serial(ino));
	if (!count)
		return sfsi_txn_remove(txn, sfs_ino_class(ino), sfsi_key_span(&key));
	SFSI_AUTO_BUF struct sfs_buf whole = SFS_BUF_INIT;
	int err = sfsi_msgpack_map_header(&whole, count);
	if (!err)
		err = sfs_buf_append(&whole, pairs.data, pairs.len);
	if (!err && whole.len > META_MAX)
		err = SFS_ERR_LIMIT;
	if (!err)
		err = sfsi_txn_put(txn, sfs_ino_class(ino), sfsi_key_span(&key),
				   sfs_buf_span(&whole));
	return err;
}

/** The raw's ctime: its metadata changed. */
static int touch(struct sfsi_txn *txn, uint64_t ino)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	struct sfsi_txn_class *class;
	int err = sfsi_inode_load(txn, ino, &buf, &inode);
	if (err < 0)
		return err;
	inode.ctime_ns = txn->now_ns;
	inode.revision = txn->commit;
	err = sfsi_inode_store(txn, sfs_ino_class(ino), &inode);
	if (!err)
		err = sfsi_txn_class(txn, sfs_ino_class(ino), &class);
	if (!err)
		err = sfsi_txn_note(txn, SFS_CHANGE_NODE, ino, 0, false,
				    (struct sfs_span){ "", 0 });
	return err;
}

/** text NULL: remove. */
static int change(struct sfs_store *store, uint64_t ino, struct sfs_span key,
		  const struct sfs_span *text, unsigned flags, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf meta = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf pairs = SFS_BUF_INIT;
	uint32_t count = 0;
	bool found = false;
	struct sfsi_txn txn;
	int err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	/* Only this thread writes while the commit lock is held. */
	err = touch(&txn, ino);
	if (!err)
		err = load(store, ino, &meta);
	if (!err)
		err = copy_without(sfs_buf_span(&meta), key, &pairs, &count, &found);
	if (!err && found && (flags & SFS_META_CREATE))
		err = SFS_ERR_EXISTS;
	if (!err && !found && (!text || (flags & SFS_META_REPLACE)))
		err = SFS_ERR_NOT_FOUND;
	if (!err && text)
		err = encode_value(store, sfs_ino_class(ino), key, *text, &value, diag);
	if (!err && text) {
		err = append_pair(&pairs, key, sfs_buf_span(&value));
		count++;
	}
	if (!err)
		err = store_meta(&txn, ino, count, sfs_buf_span(&pairs));
	if (!err)
		err = sfsi_mirror_note_raw(&txn, ino, (struct sfs_span){ "", 0 });
	return sfsi_txn_end(&txn, err);
}

int sfs_raw_meta_set(struct sfs_store *store, uint64_t ino, struct sfs_span key,
		     struct sfs_span value, unsigned flags, struct sfs_diag *diag)
{
	if (key.len == 0 || key.len > 255 || value.len > VALUE_MAX)
		return sfs_diag_set(diag, SFS_ERR_LIMIT,
				    "a key has 1 to 255 bytes, a value at most %zu", VALUE_MAX);
	return change(store, ino, key, &value, flags, diag);
}

int sfs_raw_meta_remove(struct sfs_store *store, uint64_t ino, struct sfs_span key)
{
	return change(store, ino, key, NULL, 0, NULL);
}
