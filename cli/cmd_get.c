/* storefs get: one object's document, one raw's bytes, or its metadata. */
#include <errno.h>
#include <storefs/export.h>
#include <storefs/field.h>
#include "json.h"
#include "raws.h"
#include "target.h"
#include "text.h"
#include "verbs.h"

static int get_object(struct cli_ctx *ctx, const struct cli_target *target, enum sfs_format format)
{
	struct sfs_doc *doc = NULL;
	int err = sfs_object_get(ctx->store, target->attr.ino, format, &doc);
	if (err < 0)
		return cli_fail(ctx, err, target->text, NULL);
	/* A document is a copy of its own: nothing of the store is held here. */
	fwrite(doc->bytes.data, 1, doc->bytes.len, ctx->out);
	sfs_doc_unref(doc);
	return 0;
}

static int get_raw(struct cli_ctx *ctx, const struct cli_target *target)
{
	int error;
	if (target->attr.type == SFS_NODE_DIR) {
		cli_error(ctx, target->text, "is a directory (see storefs export)");
		return CLI_FAILED;
	}
	if (target->attr.type != SFS_NODE_FILE) {
		cli_error(ctx, target->text, "is no file");
		return CLI_FAILED;
	}
	int err = cli_raw_send(ctx, target->attr.ino, ctx->out_stream.fd, &error);
	if (!error)
		return err < 0 ? cli_fail(ctx, err, target->text, NULL) : 0;
	ctx->out_stream.error = error;
	return CLI_FAILED;
}

static int get_meta(struct cli_ctx *ctx, const struct cli_target *target)
{
	struct sfs_buf text = SFS_BUF_INIT, line = SFS_BUF_INIT;
	if (target->class.kind != SFS_CLASS_RAW)
		return cli_usage(ctx, "--meta is for raws, and %s is a class of objects",
				 target->class.name);
	int err = sfs_raw_meta_document(ctx->store, target->attr.ino, SFS_FORMAT_JSON, &text);
	if (err == 0)
		err = cli_text_compact(&line, sfs_buf_span(&text));
	if (err == 0)
		fprintf(ctx->out, "%.*s\n", (int)line.len, (const char *)line.data);
	sfs_buf_fini(&text);
	sfs_buf_fini(&line);
	return err < 0 ? cli_fail(ctx, err, target->text, NULL) : 0;
}

static int get_export(struct cli_ctx *ctx, const struct cli_target *target, enum sfs_format format,
		      int depth)
{
	struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_export how = {
		.depth = (unsigned)depth,
		.format = format,
		.flags = cli_option(ctx, "data") ? SFS_EXPORT_DATA : 0,
		.limit = SFS_BUF_MAX / 4,
	};
	int err = sfs_export(ctx->store, target->class.id, target->rest, &how, &text, NULL, &diag);
	if (err == 0)
		fwrite(text.data, 1, text.len, ctx->out);
	sfs_buf_fini(&text);
	return err < 0 ? cli_fail(ctx, err, target->text, &diag) : 0;
}

static int put_update(void *arg, struct sfs_span name, const struct sfs_field *field,
		      uint64_t cookie)
{
	struct cli_json *json = arg;
	char stamp[SFS_STAMP_SIZE];
	(void)cookie;
	cli_json_pair(json, name, sfs_span_str(sfs_stamp_text(field->updated_ns, stamp)));
	return 0;
}

static int get_raw_updates(struct cli_ctx *ctx, const struct cli_target *target)
{
	struct cli_json json;
	struct sfs_raw_updates updates;
	char stamp[SFS_STAMP_SIZE];
	int err = sfs_raw_updated(ctx->store, target->attr.ino, &updates);
	if (err < 0)
		return cli_fail(ctx, err, target->text, NULL);
	cli_json_init(&json, ctx->out);
	cli_json_open(&json, NULL, '{');
	cli_json_string(&json, "oid", sfs_stamp_text(updates.oid_ns, stamp));
	cli_json_string(&json, "data", sfs_stamp_text(updates.data_ns, stamp));
	if (updates.meta_ns)
		cli_json_string(&json, "meta", sfs_stamp_text(updates.meta_ns, stamp));
	cli_json_close(&json, '}');
	cli_json_end(&json);
	return 0;
}

/** When the object and each of its properties and relations last changed. */
static int get_updates(struct cli_ctx *ctx, const struct cli_target *target)
{
	struct cli_json json;
	char stamp[SFS_STAMP_SIZE];
	int64_t updated_ns;
	const struct sfs_field_of of = { target->class.id, target->rest, sfs_span_str("oid") };
	if (target->class.kind != SFS_CLASS_OBJECT)
		return get_raw_updates(ctx, target);
	int err = sfs_object_updated(ctx->store, &of, &updated_ns);
	if (err < 0)
		return cli_fail(ctx, err, target->text, NULL);
	cli_json_init(&json, ctx->out);
	cli_json_open(&json, NULL, '{');
	cli_json_pair(&json, of.name, sfs_span_str(sfs_stamp_text(updated_ns, stamp)));
	err = sfs_field_list(ctx->store, of.class_id, of.oid, 0, put_update, &json);
	cli_json_close(&json, '}');
	cli_json_end(&json);
	return err < 0 ? cli_fail(ctx, err, target->text, NULL) : 0;
}

static int check(struct cli_ctx *ctx)
{
	enum sfs_format format;
	int depth;
	if (!cli_option_depth(ctx, &depth))
		return CLI_USAGE;
	if (cli_option(ctx, "meta") && depth >= 0)
		return cli_usage(ctx, "--meta and --depth exclude each other");
	if (cli_option(ctx, "data") && depth < 1)
		return cli_usage(ctx, "--data needs --depth 1 or 2");
	if (!strchr(ctx->argv[0], '/'))
		return cli_usage(ctx, "'%s' is a class, expected CLASS/OID", ctx->argv[0]);
	return cli_option_format(ctx, SFS_FORMAT_JSON, &format) ? 0 : CLI_USAGE;
}

static int run(struct cli_ctx *ctx)
{
	struct cli_target target;
	enum sfs_format format;
	int depth;
	if (!cli_option_format(ctx, SFS_FORMAT_JSON, &format) || !cli_option_depth(ctx, &depth))
		return CLI_USAGE;
	int code = cli_target_find(ctx, ctx->argv[0], &target);
	if (code != 0)
		return code;
	if (!target.has_rest)
		return cli_usage(ctx, "'%s' is a class, expected CLASS/OID", target.text);
	if (cli_option(ctx, "meta"))
		return get_meta(ctx, &target);
	if (depth >= 0)
		return get_export(ctx, &target, format, depth);
	if (cli_option(ctx, "updates"))
		return get_updates(ctx, &target);
	if (target.class.kind == SFS_CLASS_OBJECT)
		return get_object(ctx, &target, format);
	return get_raw(ctx, &target);
}

static const struct cli_option options[] = {
	{ "format", 'F', "FORMAT", "of an object: json (default) or msgpack" },
	{ "meta", 'm', NULL, "the metadata of a raw, as JSON" },
	{ "depth", 'd', "N",
	  "an export: 0 oid, type and update times; 1 properties\n"
	  "and relations too; 2 with what the relations lead to" },
	{ "data", 'D', NULL, "with --depth: the bytes of raws in base64" },
	{ "updates", 'u', NULL,
	  "when an object (\"oid\") and each of its properties and relations\n"
	  "last changed, as JSON: YYYYMMDDhhmmssuuuuuu in UTC; of a raw\n"
	  "its bytes (\"data\") and metadata (\"meta\")" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_get = {
	.name = "get",
	.synopsis = "[OPTION]... STORE CLASS/OID",
	.summary = "write one object or raw to standard output",
	.details =
		"An object comes as its document, byte for byte as the mount shows it; a raw as its\n"
		"bytes. What stands after the first '/' is the oid as it is, without any escaping:\n"
		"unlike a file name in the mount it has no '.json' at its end. The oid of a raw is\n"
		"its path.",
	.options = options,
	.examples = "storefs get /srv/blog Article/42 | jq .title\n"
		    "storefs get --format msgpack /srv/blog Article/42 >42.msgpack\n"
		    "storefs get /srv/blog Image/holiday/a.jpg >a.jpg\n"
		    "storefs get --meta /srv/blog Image/holiday/a.jpg\n"
		    "storefs get --updates /srv/blog Article/42",
	.flags = CLI_OPENS | CLI_READS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 1,
	.max_args = 1,
	.check = check,
	.run = run,
};
