/* Shared by the tests of index functions: a rule as definitions say it, and the keys that it makes. */
#ifndef INDEX_CHECK_H
#define INDEX_CHECK_H

#include "document_check.h"
#include "index/extract.h"
#include "index/key.h"
#include "schema/schema.h"

static inline struct sfs_buf msgpack_of(struct sfs_span json)
{
	struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_msgpack_writer writer;
	struct sfs_diag diag = SFS_DIAG_INIT;
	sfsi_msgpack_writer_init(&writer, &value);
	if (sfsi_json_read(json, &writer.sink, &diag) < 0)
		fail_msg("%.*s: %s", (int)json.len, (const char *)json.data, diag.text);
	return value;
}

/* A class with one index "i", as a definition says it: "normalize", {"extract": …}. */
static inline struct sfsi_schema *schema_of(const char *rule)
{
	struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfsi_schema *schema = NULL;
	assert_int_equal(sfs_buf_printf(&text, "{\"indexes\":{\"i\":%s}}", rule), 0);
	if (sfsi_schema_parse(sfs_buf_span(&text), "memory", &schema, &diag) < 0)
		fail_msg("%s: %s", rule, diag.text);
	sfs_buf_fini(&text);
	return schema;
}

/* Keys of an object, as they are shown, each in brackets. */
static inline struct sfs_buf shown_keys(const struct sfsi_index_rule *rule, struct sfs_span body)
{
	struct sfsi_index_input input = {
		.body = body,
		.class_name = sfs_span_str("Article"),
		.type = sfs_span_str("blog.Article"),
		.oid = sfs_span_str("42"),
		.updated_ns = INT64_C(1735787045678901234),
	};
	struct sfsi_index_keys keys = { .count = 0 };
	struct sfs_buf text = SFS_BUF_INIT;
	int err = sfsi_index_keys_get(rule, &input, &keys);
	if (err < 0)
		assert_int_equal(sfs_buf_printf(&text, "%s", sfs_err_text(err)), 0);
	for (size_t i = 0; i < keys.count; i++) {
		assert_int_equal(sfs_buf_append(&text, "<", 1), 0);
		assert_int_equal(sfsi_index_key_show(sfsi_index_keys_at(&keys, i), &text), 0);
		assert_int_equal(sfs_buf_append(&text, ">", 1), 0);
	}
	sfsi_index_keys_fini(&keys);
	return text;
}

static inline void assert_keys(const char *rule, const char *body, const char *expected)
{
	struct sfsi_schema *schema = schema_of(rule);
	struct sfs_buf value = msgpack_of(sfs_span_str(body));
	struct sfs_buf text = shown_keys(&schema->indexes[0], sfs_buf_span(&value));
	if (!sfs_span_equal(sfs_buf_span(&text), sfs_span_str(expected)))
		fail_msg("%s of %s: %.*s, expected %s", rule, body, (int)text.len,
			 (const char *)text.data, expected);
	sfs_buf_fini(&text);
	sfs_buf_fini(&value);
	sfsi_schema_unref(schema);
}

#endif
