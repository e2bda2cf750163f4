/*
 * Class definitions as JSON: the file .storefs/schema/CLASS.json.
 */
#include <stdio.h>
#include "config.h"
#include "document/json.h"
#include "store_private.h"

int sfs_class_schema(struct sfs_store *store, uint32_t id, struct sfs_buf *ret)
{
	struct sfs_class_info info;
	int err = sfs_class_get(store, id, &info);
	if (err < 0)
		return err;
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	err = sfs_buf_printf(&text, "{\n  \"kind\": \"%s\",\n  \"type\": ",
			     info.kind == SFS_CLASS_RAW ? "raw" : "object");
	if (!err)
		err = sfsi_json_quote(&text, sfs_span_str(info.type));
	if (!err)
		err = sfs_buf_printf(&text, ",\n  \"backend\": \"%s\"\n}\n",
				     store->backend->ops->name);
	if (!err)
		err = sfs_buf_append(ret, text.data, text.len);
	return err;
}

struct definition {
	struct sfs_store *store;
	struct sfs_span json;
	struct sfs_diag *diag;
	enum sfs_class_kind kind;
	char type[SFS_CLASS_NAME_MAX + 1];
};

/** Say what is wrong with a member, and where it stands in the text. */
static int refuse(const struct definition *def, const char *member, const char *expected)
{
	char quoted[140];
	int len = snprintf(quoted, sizeof quoted, "\"%s\"", member);
	const char *text = def->json.data;
	const char *at = memmem(text, def->json.len, quoted, (size_t)len);
	if (at && def->diag) {
		def->diag->line = 1;
		const char *line = text;
		for (const char *c = text; c < at; c++) {
			if (*c == '\n') {
				def->diag->line++;
				line = c + 1;
			}
		}
		def->diag->column = (uint32_t)(at - line) + 1;
		def->diag->offset = (uint64_t)(at - text);
	}
	return sfs_diag_set(def->diag, SFS_ERR_BAD_DOCUMENT, "member \"%s\": %s", member, expected);
}

static int on_member(void *arg, const struct sfsi_config_member *member)
{
	struct definition *def = arg;
	struct sfs_span text = member->text;
	if (strcmp(member->name, "kind") == 0) {
		bool raw = sfs_span_equal(text, sfs_span_str("raw"));
		if (!raw && !sfs_span_equal(text, sfs_span_str("object")))
			return refuse(def, "kind", "expected \"object\" or \"raw\"");
		def->kind = raw ? SFS_CLASS_RAW : SFS_CLASS_OBJECT;
		return 0;
	}
	if (strcmp(member->name, "type") == 0) {
		if (text.len == 0 || text.len > SFS_CLASS_NAME_MAX)
			return refuse(def, "type", "expected a text of 1 to 128 bytes");
		memcpy(def->type, text.data, text.len);
		def->type[text.len] = '\0';
		return 0;
	}
	if (strcmp(member->name, "backend") == 0) {
		if (!sfs_span_equal(text, sfs_span_str(def->store->backend->ops->name)))
			return refuse(def, "backend", "expected the backend of this store");
		return 0;
	}
	return refuse(def, member->name,
		      "not known; a definition has the members kind, type and backend");
}

int sfs_class_define(struct sfs_store *store, const struct sfs_class_make *make,
		     struct sfs_span json, struct sfs_diag *diag)
{
	struct definition def = {
		.store = store,
		.json = json,
		.diag = diag,
		.kind = SFS_CLASS_OBJECT,
	};
	int err = sfsi_config_read(json, on_member, &def, diag);
	if (err < 0)
		return err;
	struct sfs_class_make wanted = *make;
	wanted.kind = def.kind;
	wanted.type = sfs_span_str(def.type);
	err = sfs_class_create(store, &wanted, NULL, diag);
	if (err != SFS_ERR_EXISTS)
		return err;
	err = sfsi_class_change(store, make->name, def.kind, sfs_span_str(def.type));
	if (err == SFS_ERR_NOT_EMPTY)
		return sfs_diag_set(diag, err,
				    "member \"kind\": a class that is not empty keeps its kind");
	return err < 0 ? sfs_diag_set(diag, err, "%s", sfs_err_text(err)) : 0;
}
