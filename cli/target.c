/* What CLASS, CLASS/OID and CLASS/PATH mean. See target.h. */
#include <storefs/errors.h>
#include <unistd.h>
#include "class_name.h"
#include "fs_errno.h"
#include "name.h"
#include "target.h"

void cli_target_split(const char *text, struct cli_target *ret)
{
	*ret = (struct cli_target){ .text = text };
	const char *slash = strchr(text, '/');
	if (!slash) {
		ret->class_name = sfs_span_str(text);
		return;
	}
	ret->class_name = (struct sfs_span){ text, (size_t)(slash - text) };
	ret->rest = sfs_span_str(slash + 1);
	ret->has_rest = ret->rest.len > 0;
}

static int class_fail(struct cli_ctx *ctx, int err, struct sfs_span name)
{
	char what[SFS_CLASS_NAME_MAX + 32];
	snprintf(what, sizeof what, "%.*s",
		 name.len < sizeof what ? (int)name.len : (int)sizeof what - 1,
		 (const char *)name.data);
	if (err == SFS_ERR_NOT_FOUND)
		cli_error(ctx, what, "no such class");
	else if (err == SFS_ERR_NAME)
		cli_error(ctx, what,
			  "not a name for a class, expected letters, digits, '_' and '-', not "
			  "beginning with a digit or '-', at most %d bytes",
			  SFS_CLASS_NAME_MAX);
	else
		return cli_fail(ctx, err, what, NULL);
	return cli_exit_code(err);
}

int cli_target_class(struct cli_ctx *ctx, const char *text, struct cli_target *ret)
{
	cli_target_split(text, ret);
	int err = sfs_class_find(ctx->store, ret->class_name, &ret->class);
	/* As a mount spells it, too: then a class of any name can be said. */
	if (err == SFS_ERR_NOT_FOUND)
		err = fs_class_find(ctx->store, ret->class_name, &ret->class);
	if (err < 0)
		return class_fail(ctx, err, ret->class_name);
	ret->attr = ret->class.attr;
	return 0;
}

int cli_target_find(struct cli_ctx *ctx, const char *text, struct cli_target *ret)
{
	int code = cli_target_class(ctx, text, ret);
	if (code != 0 || !ret->has_rest)
		return code;
	bool object = ret->class.kind == SFS_CLASS_OBJECT;
	int err;
	if (object)
		err = sfs_object_find(ctx->store, ret->class.id, ret->rest, &ret->attr);
	else
		err = sfs_raw_find_path(ctx->store, ret->class.id, ret->rest, &ret->attr);
	if (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_NOT_DIR) {
		cli_error(ctx, text, "no such %s", object ? "object" : "raw");
		return CLI_NOT_FOUND;
	}
	return err < 0 ? cli_fail(ctx, err, text, NULL) : 0;
}

int cli_class_need(struct cli_ctx *ctx, struct sfs_span name, enum sfs_class_kind kind,
		   struct sfs_class_info *ret, bool *ret_made)
{
	*ret_made = false;
	int err = sfs_class_find(ctx->store, name, ret);
	if (err == 0 && kind && ret->kind != kind) {
		cli_error(ctx, ret->name, "is a class of kind %s, expected %s",
			  cli_kind_text(ret->kind), cli_kind_text(kind));
		return CLI_FAILED;
	}
	if (err != SFS_ERR_NOT_FOUND || !kind)
		return err < 0 ? class_fail(ctx, err, name) : 0;
	struct sfs_class_make make = {
		.name = name,
		.kind = kind,
		.mode = 0755,
		.uid = geteuid(),
		.gid = getegid(),
	};
	struct sfs_diag diag = SFS_DIAG_INIT;
	err = sfs_class_create(ctx->store, &make, ret, &diag);
	if (err == SFS_ERR_EXISTS)
		err = sfs_class_find(ctx->store, name, ret);
	else
		*ret_made = err == 0;
	return err < 0 ? class_fail(ctx, err, name) : 0;
}

bool cli_option_kind(struct cli_ctx *ctx, enum sfs_class_kind *ret)
{
	const char *kind = cli_option(ctx, "kind");
	*ret = 0;
	if (!kind)
		return true;
	if (strcmp(kind, "object") == 0)
		*ret = SFS_CLASS_OBJECT;
	else if (strcmp(kind, "raw") == 0)
		*ret = SFS_CLASS_RAW;
	else
		cli_usage(ctx, "--kind: '%s' is neither object nor raw", kind);
	return *ret != 0;
}

bool cli_option_format(struct cli_ctx *ctx, enum sfs_format fallback, enum sfs_format *ret)
{
	const char *name = cli_option(ctx, "format");
	*ret = fallback;
	if (!name)
		return true;
	*ret = strcmp(name, "msgpack") == 0 ? SFS_FORMAT_MSGPACK : SFS_FORMAT_JSON;
	if (*ret == SFS_FORMAT_JSON && strcmp(name, "json") != 0) {
		cli_usage(ctx, "--format: '%s' is neither json nor msgpack", name);
		return false;
	}
	return true;
}

bool cli_option_depth(struct cli_ctx *ctx, int *ret)
{
	const char *text = cli_option(ctx, "depth");
	*ret = -1;
	if (!text)
		return true;
	if (text[0] < '0' || text[0] > '2' || text[1]) {
		cli_usage(ctx, "--depth: '%s' is none of 0, 1 and 2", text);
		return false;
	}
	*ret = text[0] - '0';
	return true;
}

void cli_refused(struct cli_ctx *ctx, const char *operation, const struct sfs_put *put, int err,
		 const struct sfs_diag *diag)
{
	struct sfs_class_info class = { .id = 0 };
	char name[SFS_NAME_MAX + 1] = "";
	const char *errno_name = strerrorname_np(fs_errno(err));
	if (sfs_class_get(ctx->store, put->class_id, &class) < 0)
		return;
	if (put->oid.len > 0 && put->oid.len <= SFS_OID_MAX)
		fs_name_make(put->oid, put->format, name);
	struct sfs_error error = {
		.class_name = sfs_span_str(class.name),
		.name = sfs_span_str(name),
		.oid = put->oid,
		.operation = sfs_span_str(operation),
		.errno_name = sfs_span_str(errno_name ? errno_name : ""),
		.line = diag->line,
		.column = diag->column,
		.message = sfs_span_str(diag->text[0] ? diag->text : sfs_err_text(err)),
	};
	sfs_errors_add(ctx->store, &error);
}

const char *cli_kind_text(enum sfs_class_kind kind)
{
	return kind == SFS_CLASS_RAW ? "raw" : "object";
}

bool cli_format_of(const char *name, enum sfs_format *ret)
{
	size_t len = strlen(name);
	if (len > 5 && strcmp(name + len - 5, ".json") == 0)
		*ret = SFS_FORMAT_JSON;
	else if (len > 8 && strcmp(name + len - 8, ".msgpack") == 0)
		*ret = SFS_FORMAT_MSGPACK;
	else
		return false;
	return true;
}
