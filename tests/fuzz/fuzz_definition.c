/*
 * Any bytes as a definition, a NUL, and a document: refused with a good sentence, or a schema whose
 * JSON Schema is JSON, and which makes a canonical form that is its own canonical form.
 */
#include "fuzz_document.h"
#include "schema/json_schema.h"
#include "schema/schema.h"

static int look(void *arg, const struct sfsi_misfit *misfit)
{
	char path[SFSI_PATH_SIZE];
	struct sfs_diag diag = SFS_DIAG_INIT;
	sfsi_path_text(path, misfit->path);
	require(sfsi_utf8_valid(sfs_span_str(path)), "a path is UTF-8");
	require(sfsi_utf8_valid(sfs_span_str(misfit->found)), "what was found is UTF-8");
	sfsi_path_locate(misfit->path, misfit->key, *(const struct sfs_span *)arg, &diag);
	require(diag.line > 0, "what does not fit is found in the text");
	return 0;
}

static void check_fit(struct sfsi_schema *schema, struct sfs_span text)
{
	struct sfsi_document_rules rules = { .any_type = true };
	struct sfs_buf body = SFS_BUF_INIT;
	struct sfsi_fitted fitted, again;
	bool same = false;
	if (sfsi_document_parse(SFS_FORMAT_JSON, text, &rules, &body, NULL) == 0) {
		struct sfsi_fit fit = {
			.schema = schema,
			.body = sfs_buf_span(&body),
			.class_name = sfs_span_str("Article"),
			.misfit = look,
			.arg = &text,
		};
		require(sfsi_schema_fit(&fit, &fitted) == 0, "a body can be compared");
		if (fitted.body.len)
			fit.body = sfs_buf_span(&fitted.body);
		require(fitted.dropped ||
				(sfsi_schema_same(fit.body, sfs_buf_span(&body), &same) == 0 &&
				 same),
			"the canonical form says the same");
		fit.misfit = NULL;
		require(sfsi_schema_fit(&fit, &again) == 0, "so can its canonical form");
		require(again.body.len == 0 || sfs_span_equal(sfs_buf_span(&again.body), fit.body),
			"which is its own canonical form");
		sfs_buf_fini(&again.body);
		sfs_buf_fini(&fitted.body);
	}
	sfs_buf_fini(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\0', size) : NULL;
	struct sfs_span text = { data, end ? (size_t)(end - data) : size };
	struct sfsi_schema *schema;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_buf json = SFS_BUF_INIT, packed = SFS_BUF_INIT;
	if (sfsi_schema_parse(text, "kv", &schema, &diag) < 0) {
		require(diag.text[0] && sfsi_utf8_valid(sfs_span_str(diag.text)),
			"a sentence says why");
		return 0;
	}
	require(sfsi_schema_json(schema, sfs_span_str("Article"), sfs_span_str("Article"), &json) ==
			0,
		"there is a JSON Schema");
	require(to_msgpack(SFS_FORMAT_JSON, sfs_buf_span(&json), &packed, NULL) == 0, "it is JSON");
	if (end)
		check_fit(schema, (struct sfs_span){ end + 1, size - text.len - 1 });
	sfs_buf_fini(&json);
	sfs_buf_fini(&packed);
	sfsi_schema_unref(schema);
	return 0;
}
