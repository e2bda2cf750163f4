/*
 * Index files from and to the command line. An import takes nothing: indexes derive from objects. It
 * says whether the files agree with them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>
#include <storefs/index_file.h>
#include "index_files.h"
#include "json.h"
#include "progress.h"
#include "target.h"

#define SENTENCES 20 /* differences of an index that are shown */

struct filing {
	struct cli_ctx *ctx;
	struct sfs_class_info class;
	struct sfs_index_files files;
	struct cli_json json;
	bool as_json;
	uint64_t shown; /* differences of the index at hand */
	int code;       /* the worst so far */
};

/** One index of the class: export or import. Returns 0 to go on, or an exit code. */
typedef int filing_fn(struct filing *filing, struct sfs_span index);

static struct sfs_span option(struct cli_ctx *ctx, const char *name)
{
	const char *value = cli_option(ctx, name);
	return sfs_span_str(value ? value : "");
}

static const char *label(const struct filing *filing, struct sfs_span index, char ret[512])
{
	snprintf(ret, 512, "%s.%.*s", filing->class.name, (int)index.len, (const char *)index.data);
	return ret;
}

static void put_json(struct filing *filing, struct sfs_span index, const char *last,
		     const struct sfs_index_filed *filed)
{
	struct cli_json *json = &filing->json;
	cli_json_open(json, NULL, '{');
	cli_json_string(json, "class", filing->class.name);
	cli_json_bytes(json, "index", index);
	cli_json_number(json, "objects", filed->objects);
	cli_json_number(json, "keys", filed->keys);
	cli_json_number(json, "entries", filed->entries);
	cli_json_number(json, last, filed->missing);
	cli_json_close(json, '}');
}

static void put_text(struct filing *filing, struct sfs_span index,
		     const struct sfs_index_filed *filed)
{
	char text[512];
	fprintf(filing->ctx->out, "%s: %" PRIu64 " objects, %" PRIu64 " keys, %" PRIu64 " entries",
		label(filing, index, text), filed->objects, filed->keys, filed->entries);
}

/* --- export --- */

static int export_index(struct filing *filing, struct sfs_span index)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_index_filed filed;
	struct cli_progress progress;
	char text[512];
	cli_progress_init(&progress, filing->ctx, "exporting", "entries");
	int err = sfs_index_file_export(filing->ctx->store, filing->class.id, index, &filing->files,
					cli_progress_built, &progress, &filed, &diag);
	cli_progress_clear(&progress);
	if (err < 0)
		return cli_fail(filing->ctx, err, label(filing, index, text), &diag);
	if (filing->as_json) {
		put_json(filing, index, "left_out", &filed);
		return 0;
	}
	put_text(filing, index, &filed);
	if (filed.missing)
		fprintf(filing->ctx->out,
			"; %" PRIu64 " keys are too long and left out: Python builds it anew",
			filed.missing);
	fputc('\n', filing->ctx->out);
	return 0;
}

/* --- import --- */

static int differs(void *arg, const char *sentence)
{
	struct filing *filing = arg;
	if (filing->shown++ < SENTENCES)
		cli_error(filing->ctx, NULL, "%s", sentence);
	return cli_stopped(filing->ctx);
}

static int import_index(struct filing *filing, struct sfs_span index)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_index_filed filed;
	char text[512];
	filing->shown = 0;
	int err = sfs_index_file_compare(filing->ctx->store, filing->class.id, index,
					 &filing->files, differs, filing, &filed, &diag);
	/* Files of another library: there is nothing to take from them. */
	if (err == SFS_ERR_UNSUPPORTED) {
		cli_error(filing->ctx, label(filing, index, text), "%s", diag.text);
		return 0;
	}
	if (err < 0)
		return cli_fail(filing->ctx, err, label(filing, index, text), &diag);
	if (filed.missing)
		filing->code = CLI_DAMAGED;
	if (filing->as_json) {
		put_json(filing, index, "differences", &filed);
		return 0;
	}
	put_text(filing, index, &filed);
	if (filed.missing)
		fprintf(filing->ctx->out, "; %" PRIu64 " difference%s\n", filed.missing,
			filed.missing == 1 ? "" : "s");
	else
		fputs("; the files agree\n", filing->ctx->out);
	return 0;
}

/* --- which --- */

/** CLASS or CLASS.INDEX; a class that a Python system named may have dots in its name. */
static int find_class(struct filing *filing, const char *text, struct sfs_span *ret_index)
{
	struct cli_ctx *ctx = filing->ctx;
	const char *dot = strrchr(text, '.');
	*ret_index = (struct sfs_span){ NULL, 0 };
	int err = sfs_class_find(ctx->store, sfs_span_str(text), &filing->class);
	if (err < 0 && dot) {
		struct sfs_span name = { text, (size_t)(dot - text) };
		err = sfs_class_find(ctx->store, name, &filing->class);
		*ret_index = sfs_span_str(dot + 1);
	}
	if (err < 0) {
		cli_error(ctx, text, "there is no such class");
		return CLI_NOT_FOUND;
	}
	if (filing->class.kind != SFS_CLASS_OBJECT)
		return cli_usage(ctx, "%s is a class of raws: it has no indexes",
				 filing->class.name);
	return 0;
}

static int each_index(struct filing *filing, struct sfs_span index, filing_fn *fn)
{
	struct sfs_index_info info = { .id = 0 };
	int code = 0;
	if (index.len)
		return fn(filing, index);
	while (code == 0 && !cli_stopped(filing->ctx) &&
	       sfs_index_next(filing->ctx->store, filing->class.id, info.id, &info) == 0)
		code = fn(filing, (struct sfs_span){ info.name, info.name_len });
	return code;
}

/** The folder of the files: DIR, or that of the store. */
static int open_folder(struct cli_ctx *ctx, int *ret)
{
	const char *path = ctx->argc > 1 ? ctx->argv[1] : sfs_store_path(ctx->store);
	*ret = openat(ctx->cwd_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? cli_fail_errno(ctx, errno, path) : 0;
}

static int run(struct cli_ctx *ctx, filing_fn *fn)
{
	struct filing filing = {
		.ctx = ctx,
		.as_json = cli_option(ctx, "json"),
		.files = { .prefix = option(ctx, "prefix"),
			   .type = option(ctx, "type"),
			   .collection = option(ctx, "collection") },
	};
	struct sfs_span index;
	int code = find_class(&filing, ctx->argv[0], &index);
	if (code == 0)
		code = open_folder(ctx, &filing.files.dir_fd);
	if (code != 0)
		return code;
	cli_json_init(&filing.json, ctx->out);
	if (filing.as_json)
		cli_json_open(&filing.json, NULL, '[');
	code = each_index(&filing, index, fn);
	if (filing.as_json) {
		cli_json_close(&filing.json, ']');
		cli_json_end(&filing.json);
	}
	close(filing.files.dir_fd);
	return code ? code : filing.code;
}

int cli_index_export(struct cli_ctx *ctx)
{
	return run(ctx, export_index);
}

int cli_index_import(struct cli_ctx *ctx)
{
	return run(ctx, import_index);
}
