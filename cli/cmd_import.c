/* storefs import: many objects or raws into a class. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include "import.h"
#include "json.h"
#include "target.h"
#include "verbs.h"

/* What is imported: opened before the class is made. */
struct source {
	int fd;
	bool owned, folder;
};

static int open_source(struct cli_ctx *ctx, const char *name, struct source *ret)
{
	struct stat st;
	*ret = (struct source){ .fd = ctx->in_fd };
	if (strcmp(name, "-") == 0)
		return 0;
	ret->fd = openat(ctx->cwd_fd, name, O_RDONLY | O_CLOEXEC);
	if (ret->fd < 0)
		return cli_fail_errno(ctx, errno, name);
	ret->owned = true;
	if (fstat(ret->fd, &st) < 0)
		return cli_fail_errno(ctx, errno, name);
	ret->folder = S_ISDIR(st.st_mode);
	return 0;
}

static bool split_mode(struct cli_ctx *ctx, const char *source, enum cli_split *ret)
{
	const char *format = cli_option(ctx, "format");
	size_t len = strlen(source);
	bool lines = (len > 6 && strcmp(source + len - 6, ".jsonl") == 0) ||
		     (len > 7 && strcmp(source + len - 7, ".ndjson") == 0);
	if (!format || strcmp(format, "auto") == 0)
		*ret = lines ? CLI_SPLIT_LINES : CLI_SPLIT_AUTO;
	else if (strcmp(format, "json") == 0)
		*ret = CLI_SPLIT_ARRAY;
	else if (strcmp(format, "jsonl") == 0)
		*ret = CLI_SPLIT_LINES;
	else {
		cli_usage(ctx, "--format: '%s' is none of json, jsonl and auto", format);
		return false;
	}
	return true;
}

/* The kind that the class gets when it is made, or must have. */
static int need_kind(struct cli_ctx *ctx, const struct source *source, enum sfs_class_kind *kind)
{
	struct sfs_class_info class;
	bool documents;
	bool there = sfs_class_find(ctx->store, sfs_span_str(ctx->argv[0]), &class) == 0;
	if (!source->folder) {
		/* Only who says that it is records: any file may be meant to be a raw. */
		bool records = cli_option(ctx, "format");
		if (*kind == SFS_CLASS_RAW && !records)
			return cli_usage(ctx,
					 "a raw class is imported from a folder, or with "
					 "--format from records ('storefs put' saves one raw)");
		bool raw = *kind == SFS_CLASS_RAW ||
			   (records && there && class.kind == SFS_CLASS_RAW);
		*kind = raw ? SFS_CLASS_RAW : SFS_CLASS_OBJECT;
		return 0;
	}
	if (*kind)
		return 0;
	if (there) {
		*kind = class.kind;
		return 0;
	}
	int err = cli_import_is_documents(source->fd, &documents);
	*kind = documents ? SFS_CLASS_OBJECT : SFS_CLASS_RAW;
	return err < 0 ? cli_fail(ctx, err, ctx->argv[1], NULL) : 0;
}

static void put_json(struct cli_import *import, uint64_t created, double seconds)
{
	struct cli_json json;
	cli_json_init(&json, import->ctx->out);
	cli_json_open(&json, NULL, '{');
	cli_json_string(&json, "class", import->class.name);
	cli_json_string(&json, "kind", cli_kind_text(import->class.kind));
	cli_json_number(&json, "saved", import->saved);
	cli_json_number(&json, "created", created);
	cli_json_number(&json, "unchanged", import->unchanged);
	cli_json_number(&json, "kept", import->kept);
	cli_json_number(&json, "bad", import->bad);
	cli_json_number(&json, "skipped", import->skipped);
	cli_json_number(&json, "bytes", import->bytes);
	cli_json_real(&json, "seconds", seconds);
	cli_json_real(&json, "per_second", (double)import->saved / seconds);
	cli_json_bool(&json, "complete",
		      !import->fatal && !import->broken && cli_import_goes_on(import));
	cli_json_open(&json, "errors", '[');
	fflush(import->errors);
	fwrite(import->errors_text, 1, import->errors_len, import->ctx->out);
	cli_json_close(&json, ']');
	cli_json_close(&json, '}');
	cli_json_end(&json);
}

static void put_count(FILE *out, uint64_t count, const char *what)
{
	if (count > 0)
		fprintf(out, ", %" PRIu64 " %s", count, what);
}

static void put_text(struct cli_import *import, double seconds)
{
	FILE *out = import->ctx->out;
	bool raw = import->class.kind == SFS_CLASS_RAW;
	fprintf(out,
		"imported %" PRIu64 " %s%s into %s in %.2f s (%.0f per second), %" PRIu64 " bad",
		import->saved, raw ? "raw" : "object", import->saved == 1 ? "" : "s",
		import->class.name, seconds, (double)import->saved / seconds, import->bad);
	put_count(out, import->unchanged, "unchanged");
	put_count(out, import->kept, "kept");
	put_count(out, import->skipped, "skipped");
	if (import->kept > 0 && !cli_option(import->ctx, "keep"))
		fputs(" (--update and --replace change them)", out);
	fputs(import->fatal || cli_stopped(import->ctx) ? ", stopped early\n" : "\n", out);
}

/* Counters of the class; raws have no cheap count of names, so files stand for them. */
static uint64_t class_count(struct cli_import *import)
{
	struct sfs_class_info class;
	if (sfs_class_get(import->ctx->store, import->class.id, &class) < 0)
		return import->before;
	return class.kind == SFS_CLASS_OBJECT ? class.objects : class.files;
}

static void summary(struct cli_import *import)
{
	double seconds = cli_progress_seconds(&import->progress);
	uint64_t after = class_count(import);
	uint64_t created = after > import->before ? after - import->before : 0;
	created += import->linked;
	if (created > import->saved)
		created = import->saved;
	cli_progress_clear(&import->progress);
	if (import->errors)
		put_json(import, created, seconds);
	else
		put_text(import, seconds);
	if (import->fatal || cli_stopped(import->ctx))
		cli_error(import->ctx, import->class.name,
			  "stopped early: %s; the %" PRIu64 " that were imported are safe",
			  import->fatal ? sfs_err_text(import->fatal) : "cancelled", import->saved);
}

static int result(const struct cli_import *import)
{
	if (import->fatal || cli_stopped(import->ctx))
		return CLI_FAILED;
	if (import->atomic && (import->bad > 0 || import->broken))
		return CLI_REFUSED;
	if (import->broken && import->saved + import->kept + import->unchanged == 0)
		return CLI_REFUSED;
	return import->bad > 0 ? CLI_PARTLY : CLI_OK;
}

static int work(struct cli_import *import, const struct source *source, enum cli_split mode)
{
	struct cli_ctx *ctx = import->ctx;
	bool raw = import->class.kind == SFS_CLASS_RAW;
	cli_progress_init(&import->progress, ctx, "importing",
			  !source->folder ? "records"
			  : raw           ? "raws"
					  : "files");
	import->progress.quiet = cli_option(ctx, "quiet");
	import->before = class_count(import);
	if (!source->folder)
		cli_import_records(import, source->fd, mode, cli_option(ctx, "at"));
	else if (raw)
		cli_import_tree(import, source->fd);
	else
		cli_import_documents(import, source->fd);
	summary(import);
	return result(import);
}

static int into_class(struct cli_import *import, const struct source *source, enum cli_split mode,
		      enum sfs_class_kind kind)
{
	struct cli_ctx *ctx = import->ctx;
	bool made;
	if (import->atomic && kind == SFS_CLASS_RAW)
		return cli_usage(ctx, "--atomic is for documents, not for raws");
	/* A tree is brought up to date: what is there with another size or time is replaced. */
	if (kind == SFS_CLASS_RAW)
		import->keep = cli_option(ctx, "keep");
	int code = cli_class_need(ctx, sfs_span_str(ctx->argv[0]), kind, &import->class, &made);
	if (code != 0)
		return code;
	code = work(import, source, mode);
	/* An import that failed from the start leaves no class behind; one that is in use stays. */
	if (made && code != CLI_OK && import->saved == 0) {
		int err = sfs_class_remove(ctx->store, sfs_span_str(import->class.name));
		(void)err;
	}
	return code;
}

static int check(struct cli_ctx *ctx)
{
	enum cli_split mode;
	enum sfs_class_kind kind;
	if (!!cli_option(ctx, "keep") + !!cli_option(ctx, "update") + !!cli_option(ctx, "replace") >
	    1)
		return cli_usage(ctx, "--keep, --update and --replace exclude each other");
	return cli_option_kind(ctx, &kind) && split_mode(ctx, ctx->argv[1], &mode) ? 0 : CLI_USAGE;
}

static int run(struct cli_ctx *ctx)
{
	struct source source;
	enum cli_split mode;
	enum sfs_class_kind kind;
	struct cli_import import = {
		.ctx = ctx,
		.source = strcmp(ctx->argv[1], "-") ? ctx->argv[1] : "standard input",
		.oid_member = cli_option(ctx, "oid"),
		.keep = !cli_option(ctx, "update") && !cli_option(ctx, "replace"),
		.merge = cli_option(ctx, "update"),
		.atomic = cli_option(ctx, "atomic"),
		.stop = cli_option(ctx, "stop"),
	};
	if (!cli_option_kind(ctx, &kind) || !split_mode(ctx, ctx->argv[1], &mode))
		return CLI_USAGE;
	int code = open_source(ctx, ctx->argv[1], &source);
	if (code == 0)
		code = need_kind(ctx, &source, &kind);
	if (cli_option(ctx, "json"))
		import.errors = open_memstream(&import.errors_text, &import.errors_len);
	if (code == 0)
		code = into_class(&import, &source, mode, kind);
	if (import.errors)
		fclose(import.errors);
	free(import.errors_text);
	if (source.owned)
		close(source.fd);
	return code;
}

static const struct cli_option options[] = {
	{ "oid", 'i', "MEMBER",
	  "the member of a record that is its oid\n"
	  "(default: \"oid\", else \"id\"); a string or an integer" },
	{ "kind", 'k', "KIND", "of a new class: object or raw" },
	{ "format", 'F', "FORMAT", "json (one array), jsonl (one record a line) or auto" },
	{ "at", 'a', "MEMBER",
	  "the source is one object, and the array is its\n"
	  "member of this name (as written in the source)" },
	{ "stop", 's', NULL, "stop at the first bad record" },
	{ "keep", 'K', NULL,
	  "leave alone what is there already (the default for\n"
	  "documents)" },
	{ "update", 'u', NULL, "of an object that is there, set what the record has" },
	{ "replace", 'r', NULL,
	  "replace what is there already (the default for raws\n"
	  "that have another size or time)" },
	{ "atomic", 'A', NULL, "documents: all of them in one commit, or nothing" },
	{ "quiet", 'q', NULL, "no progress" },
	{ "json", 'j', NULL, "the summary as JSON, with the bad records" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_import = {
	.name = "import",
	.synopsis = "[OPTION]... STORE CLASS SOURCE",
	.summary = "bring in many objects or raws",
	.details =
		"SOURCE is a file (or - for standard input) with a JSON array of objects or with\n"
		"JSON lines, or a folder. It is read as a stream: its size does not matter.\n"
		"\n"
		"A folder into a class of objects: each ID.json and ID.msgpack is an object; other\n"
		"files and sub-folders are reported as skipped. A folder into a raw class: the\n"
		"whole tree, with modes, times, links and user.* attributes (which become\n"
		"metadata); a file that is there with the same size and time is not copied again.\n"
		"CLASS is made when it is missing: of the kind asked for, else a class of objects\n"
		"when the source is JSON or all files of the folder are documents, else raw.\n"
		"\n"
		"A record that is refused is reported on standard error with line, column and byte,\n"
		"and the others go on; the exit code is then 3. Text that is broken between the\n"
		"records ends the import at that place. What was saved stays saved. The same\n"
		"import again changes nothing.\n"
		"\n"
		"A record may be what 'storefs export --depth 1' or a Python system wrote: its type\n"
		"must be that of the class, its update times are taken over, and what is embedded\n"
		"in a reference is left out.",
	.options = options,
	.examples = "storefs import /srv/blog Article articles.json\n"
		    "storefs import --oid alpha_2 --at 3166-1 /srv/geo Country iso_3166-1.json\n"
		    "zcat log.jsonl.gz | storefs import --json /srv/blog Event -\n"
		    "storefs import --kind raw /srv/blog Image ~/Pictures",
	.flags = CLI_OPENS,
	.exits = 1u << CLI_PARTLY | 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_REFUSED |
		 1u << CLI_NOT_STORE,
	.min_args = 2,
	.max_args = 2,
	.check = check,
	.run = run,
};
