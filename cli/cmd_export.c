/* storefs export: objects as records, or anything as files in a folder. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "export.h"
#include "json.h"
#include "verbs.h"

/* Make a folder if it is missing, and open it. Returns 0 or an exit code. */
static int open_folder(struct cli_export *export, int at_fd, const char *name, int flags, int *ret)
{
	if (mkdirat(at_fd, name, 0777) < 0 && errno != EEXIST)
		return cli_fail_errno(export->ctx, errno, name);
	*ret = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
	return *ret < 0 ? cli_fail_errno(export->ctx, errno, name) : 0;
}

/* A class or a part of it into a folder. */
static int target_to_folder(struct cli_export *export, const struct cli_target *target, int dir_fd)
{
	struct cli_ctx *ctx = export->ctx;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_doc *doc = NULL;
	int err = 0;
	if (target->class.kind == SFS_CLASS_OBJECT && !target->has_rest) {
		err = cli_export_documents(export, &target->class, dir_fd, &diag);
	} else if (target->class.kind == SFS_CLASS_OBJECT) {
		err = sfs_object_get(ctx->store, target->attr.ino, export->format, &doc);
		if (err == 0)
			err = cli_export_document(export, dir_fd, target->rest, doc->bytes,
						  &doc->attr);
		sfs_doc_unref(doc);
	} else if (target->attr.type == SFS_NODE_DIR) {
		err = cli_export_tree(export, target->attr.ino, dir_fd);
	} else {
		const char *slash = strrchr(target->text, '/');
		err = cli_export_raw(export, dir_fd, slash + 1, &target->attr);
	}
	cli_progress_clear(&export->progress);
	if (err < 0 && err != SFS_ERR_CANCELLED)
		return cli_fail(ctx, err, target->text, &diag);
	return 0;
}

static uint64_t class_total(const struct sfs_class_info *class)
{
	return class->kind == SFS_CLASS_OBJECT ? class->objects : class->files;
}

static int all_to_folder(struct cli_export *export, int dir_fd)
{
	struct cli_target target = { 0 };
	struct sfs_class_info *class = &target.class;
	int code = 0;
	while (sfs_class_next(export->ctx->store, class->id, class) == 0)
		export->progress.total += class_total(class);
	*class = (struct sfs_class_info){ 0 };
	while (code == 0 && !cli_stopped(export->ctx) &&
	       sfs_class_next(export->ctx->store, class->id, class) == 0) {
		int fd = -1;
		target.text = class->name;
		target.attr = class->attr;
		code = open_folder(export, dir_fd, class->name, O_NOFOLLOW, &fd);
		if (code == 0)
			code = target_to_folder(export, &target, fd);
		if (fd >= 0)
			close(fd);
	}
	return code;
}

static void summary(struct cli_export *export, const char *to)
{
	FILE *out = export->ctx->out;
	double seconds = cli_progress_seconds(&export->progress);
	uint64_t done = export->objects + export->raws;
	if (cli_option(export->ctx, "json")) {
		struct cli_json json;
		cli_json_init(&json, out);
		cli_json_open(&json, NULL, '{');
		cli_json_bytes(&json, "to", sfs_span_str(to));
		cli_json_number(&json, "objects", export->objects);
		cli_json_number(&json, "raws", export->raws);
		cli_json_number(&json, "bytes", export->bytes);
		cli_json_number(&json, "failed", export->failed);
		cli_json_real(&json, "seconds", seconds);
		cli_json_real(&json, "per_second", (double)done / seconds);
		cli_json_bool(&json, "complete", export->failed == 0 && !cli_stopped(export->ctx));
		cli_json_close(&json, '}');
		cli_json_end(&json);
		return;
	}
	fprintf(out,
		"exported %" PRIu64 " objects and %" PRIu64
		" raws to %s in %.2f s (%.0f per second), %" PRIu64 " failed\n",
		export->objects, export->raws, to, seconds, (double)done / seconds, export->failed);
}

static int to_folder(struct cli_export *export, const char *to)
{
	struct cli_ctx *ctx = export->ctx;
	struct cli_target target = { .text = "" };
	int fd = -1, code = 0;
	if (ctx->argc > 0)
		code = cli_target_find(ctx, ctx->argv[0], &target);
	if (code == 0)
		code = open_folder(export, ctx->cwd_fd, to, 0, &fd);
	if (code == 0 && ctx->argc > 0) {
		export->progress.total = target.has_rest ? 0 : class_total(&target.class);
		code = target_to_folder(export, &target, fd);
	} else if (code == 0) {
		code = all_to_folder(export, fd);
	}
	if (fd >= 0) {
		close(fd);
		summary(export, to);
	}
	return code;
}

static int one_record(struct cli_export *export, const struct cli_target *target)
{
	struct sfs_doc *doc = NULL;
	struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	FILE *out = export->ctx->out;
	int err;
	if (export->depth >= 0) {
		err = cli_export_at_depth(export, target->class.id, target->rest, &text, &diag);
	} else {
		err = sfs_object_get(export->ctx->store, target->attr.ino, SFS_FORMAT_JSON, &doc);
		if (err == 0)
			err = cli_export_record(&text, target->rest, doc->bytes);
		sfs_doc_unref(doc);
	}
	if (err == 0) {
		fputs(export->array ? "[" : "", out);
		fwrite(text.data, 1, text.len, out);
		fputs(export->array ? "]\n" : "\n", out);
	}
	sfs_buf_fini(&text);
	return err < 0 ? cli_fail(export->ctx, err, target->text, &diag) : 0;
}

static int to_stream(struct cli_export *export)
{
	struct cli_ctx *ctx = export->ctx;
	struct cli_target target;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int code = cli_target_find(ctx, ctx->argv[0], &target);
	if (code != 0)
		return code;
	if (target.class.kind == SFS_CLASS_RAW && (export->depth < 0 || !target.has_rest))
		return cli_usage(ctx, "raws are exported with --to DIR, one of them with --depth");
	if (target.has_rest)
		return one_record(export, &target);
	int err = cli_export_records(export, &target.class, &diag);
	cli_progress_clear(&export->progress);
	if (err < 0 && err != SFS_ERR_CANCELLED)
		return cli_fail(ctx, err, target.text, &diag);
	return 0;
}

static bool take_format(struct cli_export *export, bool to)
{
	const char *name = cli_option(export->ctx, "format");
	if (!name)
		return true;
	if (strcmp(name, "json") == 0) {
		export->array = true;
	} else if (strcmp(name, "msgpack") == 0 && to) {
		export->format = SFS_FORMAT_MSGPACK;
	} else if (strcmp(name, "msgpack") == 0) {
		cli_usage(export->ctx, "msgpack is one file for each object: --to DIR is missing");
		return false;
	} else if (strcmp(name, "jsonl") != 0 || to) {
		cli_usage(export->ctx, "--format: '%s' is none of %s", name,
			  to ? "json and msgpack" : "json and jsonl");
		return false;
	}
	return true;
}

static int check(struct cli_ctx *ctx)
{
	struct cli_export export = { .ctx = ctx };
	bool to = cli_option(ctx, "to");
	if (!cli_option_depth(ctx, &export.depth))
		return CLI_USAGE;
	if (to && (export.depth >= 0 || cli_option(ctx, "data")))
		return cli_usage(ctx, "--depth and --data are for records, without --to");
	if (cli_option(ctx, "data") && export.depth < 1)
		return cli_usage(ctx, "--data needs --depth 1 or 2");
	if (!take_format(&export, to))
		return CLI_USAGE;
	if (!to && (cli_option(ctx, "force") || cli_option(ctx, "json")))
		return cli_usage(ctx, "--force and --json belong to --to");
	if (!to && ctx->argc == 0)
		return cli_usage(ctx, "the whole store is exported with --to DIR");
	return 0;
}

static int run(struct cli_ctx *ctx)
{
	const char *to = cli_option(ctx, "to");
	struct cli_export export = { .ctx = ctx, .force = cli_option(ctx, "force") };
	export.data = cli_option(ctx, "data");
	if (!take_format(&export, to) || !cli_option_depth(ctx, &export.depth))
		return CLI_USAGE;
	cli_progress_init(&export.progress, ctx, "exporting", "done");
	/* Records on a terminal are their own progress. */
	export.progress.quiet = cli_option(ctx, "quiet") || (!to && ctx->out_is_tty);
	int code = to ? to_folder(&export, to) : to_stream(&export);
	if (code != 0)
		return code;
	if (cli_stopped(ctx))
		return CLI_FAILED;
	return export.failed > 0 ? CLI_PARTLY : CLI_OK;
}

static const struct cli_option options[] = {
	{ "to", 't', "DIR", "write files into this folder" },
	{ "format", 'F', "FORMAT",
	  "records: jsonl (one a line, the default) or json\n"
	  "(one array); files: json (the default) or msgpack" },
	{ "depth", 'd', "N",
	  "records for other programs: 0 oid, type and update\n"
	  "times; 1 properties and relations too; 2 with what\n"
	  "the relations lead to" },
	{ "data", 'D', NULL, "with --depth: the bytes of raws in base64" },
	{ "force", 'f', NULL, "replace files that are in DIR already" },
	{ "quiet", 'q', NULL, "no progress" },
	{ "json", 'j', NULL, "with --to: the summary as JSON" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_export = {
	.name = "export",
	.synopsis = "[OPTION]... STORE CLASS[/OID]\n--to DIR [OPTION]... STORE [CLASS[/OID|/PATH]]",
	.summary = "write out objects and raws",
	.details =
		"Without --to, the objects of a class go to standard output as JSON lines in order\n"
		"of their oids; each record begins with its oid, so that 'storefs import' takes it\n"
		"back as it is.\n"
		"\n"
		"With --to, each object becomes the file that the mount shows, byte for byte, with\n"
		"its mode and time, and raws become a tree with modes, times, links and user.*\n"
		"attributes. Without CLASS the whole store is written, one folder for each class.\n"
		"Scratch files stay behind. A file that is there already is not replaced: it is\n"
		"reported, and the exit code is 3.",
	.options = options,
	.examples = "storefs export /srv/blog Article >articles.jsonl\n"
		    "storefs export /srv/blog Article | jq -c 'select(.status == \"draft\")'\n"
		    "storefs export --depth 2 /srv/blog Article/42\n"
		    "storefs export --to /backup/blog /srv/blog\n"
		    "storefs export --to pictures /srv/blog Image/holiday",
	.flags = CLI_OPENS | CLI_READS,
	.exits = 1u << CLI_PARTLY | 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 0,
	.max_args = 1,
	.check = check,
	.run = run,
};
