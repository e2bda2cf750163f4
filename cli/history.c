/* Earlier versions of one object. See history.h. */
#include "history.h"

int cli_history_target(struct cli_ctx *ctx, const char *text, struct cli_target *ret)
{
	int code = cli_target_class(ctx, text, ret);
	if (code != 0)
		return code;
	if (!ret->has_rest)
		return cli_usage(ctx, "'%s' is no CLASS/OID", text);
	if (ret->class.kind != SFS_CLASS_OBJECT) {
		cli_error(ctx, text, "raws have no versions; backups have them");
		return CLI_FAILED;
	}
	return 0;
}

int cli_history_present(struct sfs_store *store, const struct cli_target *target,
			struct sfs_buf *ret)
{
	struct sfs_attr attr;
	struct sfs_doc *doc = NULL;
	int err = sfs_object_find(store, target->class.id, target->rest, &attr);
	if (!err)
		err = sfs_object_get(store, attr.ino, SFS_FORMAT_JSON, &doc);
	if (!err && doc)
		err = sfs_buf_append(ret, doc->bytes.data, doc->bytes.len);
	sfs_doc_unref(doc);
	return err;
}
