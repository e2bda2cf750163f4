/*
 * Values of metadata and their types: a value is the bytes that were set, or where the definition of the
 * class gives its key a type, what the text means.
 */
#include <stdio.h>
#include "document/json.h"
#include "document/utf8.h"
#include "object.h"
#include "raw_meta.h"

int sfsi_meta_binary(struct sfs_buf *ret, struct sfs_span bytes)
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
		return sfsi_meta_binary(ret, text);
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

int sfsi_meta_value(struct sfs_store *store, uint32_t class_id, struct sfs_span key,
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
			  ? sfsi_meta_binary(ret, text)
			  : typed_value(&fit, &fit.schema->properties[number].type, key, text, ret,
					diag);
	sfsi_object_fit_end(&fit);
	return err;
}

int sfsi_meta_key_check(struct sfs_span key, struct sfs_diag *diag)
{
	static const char *const reserved[] = { "oid", "type", "updates" };
	static const char own[] = "storefs.";
	if (key.len == 0 || key.len > SFSI_META_KEY_MAX)
		return sfs_diag_set(diag, SFS_ERR_LIMIT, "a key of metadata has 1 to %d bytes",
				    SFSI_META_KEY_MAX);
	bool taken = key.len >= sizeof own - 1 && memcmp(key.data, own, sizeof own - 1) == 0;
	for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
		taken = taken || sfs_span_equal(key, sfs_span_str(reserved[i]));
	return taken ? sfs_diag_set(diag, SFS_ERR_INVALID, "%.*s is reserved, expected another key",
				    (int)(key.len < 200 ? key.len : 200), (const char *)key.data)
		     : 0;
}

/* --- documents --- */

int sfsi_meta_body(struct sfs_span map, struct sfs_buf *ret)
{
	struct sfsi_msgpack_map walk;
	struct sfsi_head head;
	struct sfs_span key, value;
	int err = sfsi_msgpack_map_init(&walk, map);
	if (!err)
		err = sfsi_msgpack_map_header(ret, walk.left);
	while (!err && (err = sfsi_meta_next(&walk, &key, &value)) == 0) {
		bool good = sfsi_head_read(value, &head) == SFSI_HEAD_GOOD;
		bool text = good && head.kind == SFSI_HEAD_BINARY && sfsi_utf8_valid(head.body);
		err = !good                  ? SFS_ERR_CORRUPT
		      : sfsi_utf8_valid(key) ? sfsi_literal_string(ret, key)
					     : sfsi_meta_binary(ret, key);
		if (!err)
			err = text ? sfsi_literal_string(ret, head.body)
				   : sfs_buf_append(ret, value.data, value.len);
	}
	return err == 1 ? 0 : err;
}

static int map_pair(const struct sfsi_object_fit *fit, const struct sfsi_msgpack_pair *pair,
		    struct sfs_buf *ret, struct sfs_diag *diag)
{
	struct sfsi_head key, value;
	if (sfsi_head_read(pair->key, &key) != SFSI_HEAD_GOOD ||
	    sfsi_head_read(pair->value, &value) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	int err = sfsi_meta_key_check(key.body, diag);
	if (!err && pair->value.len > SFSI_META_VALUE_MAX)
		err = sfs_diag_set(
			diag, SFS_ERR_LIMIT, "%.*s: a value of metadata has at most %zu bytes",
			(int)key.body.len, (const char *)key.body.data, SFSI_META_VALUE_MAX);
	if (!err)
		err = sfsi_meta_binary(ret, key.body);
	bool typed = fit->schema && fit->schema->kind == SFS_CLASS_RAW &&
		     sfsi_schema_find(fit->schema, key.body) != SFSI_SCHEMA_NONE;
	if (!err && value.kind == SFSI_HEAD_STRING && !typed)
		return sfsi_meta_binary(ret, value.body);
	return err < 0 ? err : sfs_buf_append(ret, pair->value.data, pair->value.len);
}

int sfsi_meta_map(struct sfs_store *store, uint32_t class_id, struct sfs_span body,
		  struct sfs_buf *ret, struct sfs_diag *diag)
{
	const struct sfsi_class *class = sfsi_class_ref(store, class_id);
	struct sfsi_object_fit fit;
	struct sfsi_msgpack_map walk;
	struct sfsi_msgpack_pair pair;
	if (!class)
		return SFS_ERR_NOT_FOUND;
	int err = sfsi_msgpack_map_init(&walk, body);
	(void)sfsi_object_fit_begin(store, class, &fit);
	if (!err)
		err = sfsi_msgpack_map_header(ret, walk.left);
	while (!err && (err = sfsi_msgpack_map_next(&walk, &pair)) == 0)
		err = map_pair(&fit, &pair, ret, diag);
	sfsi_object_fit_end(&fit);
	return err == 1 ? 0 : err;
}
