/*
 * storefs class: classes and their definitions. One verb with several forms; the first word says which.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <storefs/index.h>
#include <unistd.h>
#include "json.h"
#include "progress.h"
#include "target.h"
#include "verbs.h"

#define CLASS_MODE 0755
#define DEFINITION_MAX ((size_t)1 << 20)
#define SAMPLE 1000

/* --- list --- */

static void put_info(struct cli_json *json, const struct sfs_class_info *info)
{
	cli_json_string(json, "class", info->name);
	cli_json_string(json, "kind", cli_kind_text(info->kind));
	cli_json_string(json, "type", info->type);
	cli_json_number(json, "objects", info->objects);
	cli_json_number(json, "files", info->files);
	cli_json_time(json, "changed", info->attr.ctime_ns);
}

static int list(struct cli_ctx *ctx)
{
	bool as_json = cli_option(ctx, "json");
	struct sfs_class_info info = { .id = 0 };
	struct cli_json json;
	cli_json_init(&json, ctx->out);
	if (as_json)
		cli_json_open(&json, NULL, '[');
	while (!cli_stopped(ctx) && sfs_class_next(ctx->store, info.id, &info) == 0) {
		if (as_json) {
			cli_json_open(&json, NULL, '{');
			put_info(&json, &info);
			cli_json_close(&json, '}');
		} else {
			fprintf(ctx->out, "%-6s %10" PRIu64 "  %s\n", cli_kind_text(info.kind),
				info.kind == SFS_CLASS_OBJECT ? info.objects : info.files,
				info.name);
		}
	}
	if (as_json) {
		cli_json_close(&json, ']');
		cli_json_end(&json);
	}
	return cli_stopped(ctx) ? CLI_FAILED : CLI_OK;
}

/* --- one class --- */

static int find(struct cli_ctx *ctx, struct cli_target *ret)
{
	int code = cli_target_class(ctx, ctx->argv[0], ret);
	if (code == 0 && ret->has_rest)
		return cli_usage(ctx, "'%s': expected the name of a class", ctx->argv[0]);
	return code;
}

/* A text that was made about a class: as it is, or in JSON with what is known of the class. */
static int put_text(struct cli_ctx *ctx, const struct sfs_class_info *info, const char *name,
		    const struct sfs_buf *text)
{
	struct cli_json json;
	if (!cli_option(ctx, "json")) {
		fwrite(text->data, 1, text->len, ctx->out);
		return CLI_OK;
	}
	cli_json_init(&json, ctx->out);
	cli_json_open(&json, NULL, '{');
	put_info(&json, info);
	cli_json_bytes(&json, name, sfs_buf_span(text));
	cli_json_close(&json, '}');
	cli_json_end(&json);
	return CLI_OK;
}

static int show(struct cli_ctx *ctx)
{
	struct cli_target target;
	struct sfs_buf text = SFS_BUF_INIT;
	int code = find(ctx, &target);
	if (code != 0)
		return code;
	bool schema = cli_option(ctx, "json-schema");
	int err = schema ? sfs_class_json_schema(ctx->store, target.class.id, &text)
			 : sfs_class_schema(ctx->store, target.class.id, &text);
	if (err < 0)
		code = cli_fail(ctx, err, target.text, NULL);
	else
		code = put_text(ctx, &target.class, schema ? "json_schema" : "definition", &text);
	sfs_buf_fini(&text);
	return code;
}

static int infer(struct cli_ctx *ctx)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_buf text = SFS_BUF_INIT;
	struct cli_target target;
	uint64_t sample;
	if (!cli_option_number(ctx, "sample", SAMPLE, &sample))
		return CLI_USAGE;
	int code = find(ctx, &target);
	if (code != 0)
		return code;
	int err = sfs_class_infer(ctx->store, target.class.id, (size_t)sample, &text, &diag);
	if (err < 0)
		code = cli_fail(ctx, err, target.text, &diag);
	else
		code = put_text(ctx, &target.class, "definition", &text);
	sfs_buf_fini(&text);
	return code;
}

/* --- define --- */

static int read_definition(struct cli_ctx *ctx, const char **ret_name, struct sfs_buf *ret)
{
	const char *name = ctx->argc > 1 ? ctx->argv[1] : "-";
	int fd = ctx->in_fd;
	bool owned = strcmp(name, "-") != 0;
	if (owned)
		fd = openat(ctx->cwd_fd, name, O_RDONLY | O_CLOEXEC);
	*ret_name = owned ? name : "standard input";
	if (fd < 0)
		return cli_fail_errno(ctx, errno, name);
	int err = cli_read_all(ctx, fd, DEFINITION_MAX, ret);
	if (owned)
		close(fd);
	if (err == SFS_ERR_LIMIT) {
		cli_error(ctx, *ret_name, "longer than %zu bytes, the longest definition",
			  DEFINITION_MAX);
		return CLI_REFUSED;
	}
	return err < 0 ? cli_fail(ctx, err, *ret_name, NULL) : 0;
}

static int refused(struct cli_ctx *ctx, const char *source, int err, const struct sfs_diag *diag)
{
	char what[512];
	snprintf(what, sizeof what, "%s:%" PRIu32 ":%" PRIu32, source, diag->line, diag->column);
	return cli_fail(ctx, err, diag->line ? what : source, diag);
}

/**
 * A daemon builds indexes in the background; a command that has the store to itself builds them before
 * it ends. When it is stopped, they are built when the store is opened the next time.
 */
static int build_indexes(struct cli_ctx *ctx, const struct sfs_class_info *info)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct cli_progress progress;
	if (ctx->served)
		return CLI_OK;
	cli_progress_init(&progress, ctx, "indexing", "objects");
	int err = sfs_index_wait(ctx->store, info->id, cli_progress_built, &progress, &diag);
	cli_progress_clear(&progress);
	return err < 0 ? cli_fail(ctx, err, info->name, &diag) : CLI_OK;
}

static int define_text(struct cli_ctx *ctx, const char *source, struct sfs_span text)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_class_info info;
	struct sfs_class_make make = {
		.name = sfs_span_str(ctx->argv[0]),
		.mode = CLASS_MODE,
		.uid = geteuid(),
		.gid = getegid(),
	};
	bool created = sfs_class_find(ctx->store, make.name, &info) < 0;
	int err = sfs_class_define(ctx->store, &make, text, &diag);
	if (!err)
		err = sfs_class_find(ctx->store, make.name, &info);
	if (err < 0)
		return refused(ctx, source, err, &diag);
	if (diag.text[0])
		cli_error(ctx, ctx->argv[0], "defined; note: %s", diag.text);
	if (cli_option(ctx, "json")) {
		struct cli_json json;
		cli_json_init(&json, ctx->out);
		cli_json_open(&json, NULL, '{');
		put_info(&json, &info);
		cli_json_bool(&json, "created", created);
		if (diag.text[0])
			cli_json_string(&json, "note", diag.text);
		cli_json_close(&json, '}');
		cli_json_end(&json);
	}
	return build_indexes(ctx, &info);
}

static int define(struct cli_ctx *ctx)
{
	struct sfs_buf text = SFS_BUF_INIT;
	const char *source;
	int code = read_definition(ctx, &source, &text);
	if (code == 0)
		code = define_text(ctx, source, sfs_buf_span(&text));
	sfs_buf_fini(&text);
	return code;
}

static int remove_class(struct cli_ctx *ctx)
{
	struct cli_target target;
	int code = find(ctx, &target);
	if (code != 0)
		return code;
	int err = sfs_class_remove(ctx->store, target.class_name);
	if (err == SFS_ERR_NOT_EMPTY) {
		cli_error(ctx, target.text, "not empty; 'storefs rm' removes what is in it");
		return CLI_FAILED;
	}
	if (err < 0)
		return cli_fail(ctx, err, target.text, NULL);
	if (cli_option(ctx, "json")) {
		struct cli_json json;
		cli_json_init(&json, ctx->out);
		cli_json_open(&json, NULL, '{');
		cli_json_string(&json, "class", target.class.name);
		cli_json_bool(&json, "removed", true);
		cli_json_close(&json, '}');
		cli_json_end(&json);
	}
	return CLI_OK;
}

static int check(struct cli_ctx *ctx)
{
	uint64_t sample;
	if (cli_option(ctx, "json-schema") && strcmp(ctx->action->name, "show") != 0)
		return cli_usage(ctx, "--json-schema is for show");
	if (cli_option(ctx, "sample") && strcmp(ctx->action->name, "infer") != 0)
		return cli_usage(ctx, "--sample is for infer");
	return cli_option_number(ctx, "sample", SAMPLE, &sample) ? 0 : CLI_USAGE;
}

static const struct cli_action actions[] = {
	{ "list", true, 0, 0, list },
	{ "show", true, 1, 1, show },
	{ "define", false, 1, 2, define },
	{ "infer", true, 1, 1, infer },
	{ "remove", false, 1, 1, remove_class },
	{ NULL, false, 0, 0, NULL },
};

static const struct cli_option options[] = {
	{ "json", 'j', NULL, "as JSON" },
	{ "json-schema", 's', NULL, "show: the documents of the class as JSON Schema" },
	{ "sample", 'n', "N", "infer: look at so many objects (default: 1000; 0: all)" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_class = {
	.name = "class",
	.synopsis = "list [--json] STORE\n"
		    "show [--json] [--json-schema] STORE CLASS\n"
		    "define [--json] STORE CLASS [FILE]\n"
		    "infer [--json] [--sample N] STORE CLASS\n"
		    "remove [--json] STORE CLASS",
	.summary = "list, show, define and remove classes",
	.details =
		"A definition says which properties and relations the objects of a class have,\n"
		"and what is done with documents that do not fit (docs/classes.md).\n\n"
		"show prints it as it was written. define reads it from FILE or standard input,\n"
		"and makes the class when it is missing; a definition that is not right is\n"
		"refused with line and column, and changes nothing. Objects that are there stay,\n"
		"also when they do not fit: 'storefs check' lists them. infer proposes a\n"
		"definition that the existing objects fit. remove removes an empty class.",
	.options = options,
	.examples = "storefs class list /srv/blog\n"
		    "storefs class infer /srv/blog Article >article.json\n"
		    "storefs class define /srv/blog Article article.json\n"
		    "storefs class show --json-schema /srv/blog Article",
	.flags = CLI_OPENS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_REFUSED | 1u << CLI_NOT_STORE,
	.actions = actions,
	.check = check,
};
