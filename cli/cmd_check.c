/*
 * storefs check: does a store hold what it should?
 *
 * Findings are written as they come, so that memory does not grow with them: a line each, with --jsonl too, or an
 * element of the one array of --json. The figures follow behind them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <storefs/check.h>
#include "backups.h"
#include "differ.h"
#include "json.h"
#include "mounts.h"
#include "progress.h"
#include "rate.h"
#include "target.h"
#include "text.h"
#include "verbs.h"

struct checking {
	struct cli_ctx *ctx;
	struct cli_progress progress;
	struct cli_json json;
	bool as_json, as_lines, data; /* as_lines: each finding is a text of its own */
	uint64_t raws;                /* whose bytes are to be read */
};

/* --- one finding --- */

/* "problem: Article/42: entry-missing: the object has no entry". */
static void put_line(FILE *out, const struct sfs_check_problem *problem)
{
	fputs(problem->severity == SFS_CHECK_NOTE ? "note: " : "problem: ", out);
	if (problem->class_name[0])
		fputs(problem->class_name, out);
	else if (problem->class_id)
		fprintf(out, "class %" PRIu32, problem->class_id);
	else
		fputs("store", out);
	if (problem->oid.len) {
		fputc('/', out);
		cli_put_bytes(out, problem->oid);
	} else if (problem->name.len) {
		if (problem->dir && problem->dir != sfs_ino_make(problem->class_id, 1))
			fprintf(out, "/(directory %" PRIu64 ")", problem->dir);
		fputc('/', out);
		cli_put_bytes(out, problem->name);
	} else if (problem->ino) {
		fprintf(out, " inode %" PRIu64, problem->ino);
	}
	fprintf(out, ": %s: %s\n", sfs_check_kind_text(problem->kind), problem->text);
}

static void put_element(struct cli_json *json, const struct sfs_check_problem *problem)
{
	cli_json_open(json, NULL, '{');
	cli_json_string(json, "severity", problem->severity == SFS_CHECK_NOTE ? "note" : "problem");
	cli_json_string(json, "kind", sfs_check_kind_text(problem->kind));
	if (problem->class_id)
		cli_json_number(json, "class_id", problem->class_id);
	if (problem->class_name[0])
		cli_json_string(json, "class", problem->class_name);
	if (problem->oid.len)
		cli_json_bytes(json, "oid", problem->oid);
	if (problem->name.len)
		cli_json_bytes(json, "name", problem->name);
	if (problem->dir)
		cli_json_number(json, "dir", problem->dir);
	if (problem->ino)
		cli_json_number(json, "ino", problem->ino);
	cli_json_string(json, "text", problem->text);
	cli_json_close(json, '}');
}

/* The figures: with --json the findings are among them, with --jsonl they stand before them. */
static void open_json(struct checking *checking)
{
	const char *store = sfs_store_path(checking->ctx->store);
	cli_json_open(&checking->json, NULL, '{');
	cli_json_bytes(&checking->json, "store", sfs_span_str(store));
	if (!checking->as_lines)
		cli_json_open(&checking->json, "problems", '[');
}

static int tell_problem(void *arg, const struct sfs_check_problem *problem)
{
	struct checking *checking = arg;
	cli_progress_clear(&checking->progress);
	if (checking->as_json)
		put_element(&checking->json, problem);
	else
		put_line(checking->ctx->out, problem);
	if (checking->as_lines)
		cli_json_end(&checking->json);
	return cli_stopped(checking->ctx);
}

static int tell_progress(void *arg, const struct sfs_check_result *so_far)
{
	struct checking *checking = arg;
	struct cli_progress *progress = &checking->progress;
	progress->count = progress->done = so_far->objects + so_far->files;
	progress->total = so_far->expected;
	/* Reading bytes takes the most time: each raw counts once more when it was read. */
	if (checking->data) {
		progress->done += so_far->data_files + so_far->data_busy;
		progress->total += checking->raws;
	}
	cli_progress_tick(&checking->progress);
	return cli_stopped(checking->ctx);
}

/* --- the end --- */

static void put_figures(struct cli_json *json, const struct sfs_check_result *result, bool data,
			double seconds)
{
	cli_json_number(json, "classes", result->classes);
	cli_json_number(json, "objects", result->objects);
	cli_json_number(json, "entries", result->entries);
	cli_json_number(json, "files", result->files);
	cli_json_number(json, "bytes", result->bytes);
	cli_json_number(json, "found", result->problems);
	cli_json_number(json, "notes", result->notes);
	if (data) {
		cli_json_number(json, "data_files", result->data_files);
		cli_json_number(json, "data_new", result->data_new);
		cli_json_number(json, "data_busy", result->data_busy);
		cli_json_number(json, "data_bytes", result->data_bytes);
	}
	cli_json_real(json, "seconds", seconds);
	cli_json_bool(json, "complete", result->complete);
}

static void put_summary(FILE *out, const struct sfs_check_result *result, const char *how,
			double seconds)
{
	fprintf(out,
		"%s %" PRIu64 " classes, %" PRIu64 " objects, %" PRIu64 " files, %" PRIu64
		" entries, %.1f MiB in %.2f s: ",
		how, result->classes, result->objects, result->files, result->entries,
		(double)result->bytes / (1 << 20), seconds);
	if (result->problems)
		fprintf(out, "%" PRIu64 " problem%s", result->problems,
			result->problems == 1 ? "" : "s");
	else
		fputs("no problem", out);
	if (result->notes)
		fprintf(out, ", %" PRIu64 " note%s", result->notes, result->notes == 1 ? "" : "s");
	fputc('\n', out);
}

/* "read 12 raws (3.4 MiB): 2 hashed for the first time, 1 being written". */
static void put_data(FILE *out, const struct sfs_check_result *result)
{
	fprintf(out, "read %" PRIu64 " raws (%.1f MiB): %" PRIu64 " hashed for the first time",
		result->data_files, (double)result->data_bytes / (1 << 20), result->data_new);
	if (result->data_busy)
		fprintf(out, ", %" PRIu64 " not judged, as they are being written",
			result->data_busy);
	fputc('\n', out);
}

static int end(struct checking *checking, int err, const struct sfs_check_result *result,
	       const struct sfs_diag *diag)
{
	struct cli_ctx *ctx = checking->ctx;
	double seconds = cli_progress_seconds(&checking->progress);
	cli_progress_clear(&checking->progress);
	if (checking->as_json) {
		if (checking->as_lines)
			open_json(checking);
		else
			cli_json_close(&checking->json, ']');
		put_figures(&checking->json, result, checking->data, seconds);
		cli_json_close(&checking->json, '}');
		cli_json_end(&checking->json);
	} else {
		if (checking->data)
			put_data(ctx->out, result);
		const char *how = err < 0 ? "stopped after" : "checked what can be read of";
		put_summary(ctx->out, result, result->complete ? "checked" : how, seconds);
	}
	if (err < 0 && err != SFS_ERR_CANCELLED)
		return cli_fail(ctx, err, sfs_store_path(ctx->store), diag);
	if (result->problems)
		return CLI_DAMAGED;
	return err < 0 ? CLI_FAILED : CLI_OK;
}

/* Ids of the classes that were named. Returns 0, or an exit code after saying why. */
static int class_ids(struct cli_ctx *ctx, uint32_t *ids)
{
	for (int i = 0; i < ctx->argc; i++) {
		struct cli_target target;
		int code = cli_target_class(ctx, ctx->argv[i], &target);
		if (code != 0)
			return code;
		if (target.has_rest)
			return cli_usage(ctx, "'%s': a class is checked as a whole", ctx->argv[i]);
		ids[i] = target.class.id;
	}
	return 0;
}

/* Raws and scratch files of the classes that are checked. */
static void count_raws(struct checking *checking, const uint32_t *ids)
{
	const struct cli_ctx *ctx = checking->ctx;
	struct sfs_class_info info = { 0 };
	while (sfs_class_next(ctx->store, info.id, &info) == 0) {
		bool wanted = ctx->argc == 0;
		for (int i = 0; i < ctx->argc; i++)
			wanted = wanted || ids[i] == info.id;
		checking->raws += wanted ? info.files : 0;
	}
}

static int check_ids(struct cli_ctx *ctx, const uint32_t *ids)
{
	struct checking checking = {
		.ctx = ctx,
		.as_json = cli_option(ctx, "json") || cli_option(ctx, "jsonl"),
		.as_lines = cli_option(ctx, "jsonl"),
		.data = cli_option(ctx, "data"),
	};
	struct sfs_check_result result = { 0 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_check check = {
		.flags = (cli_option(ctx, "quick") ? SFS_CHECK_QUICK : 0u) |
			 (checking.data ? SFS_CHECK_DATA : 0u),
		.classes = ids,
		.class_count = (size_t)ctx->argc,
		.problem = tell_problem,
		.progress = tell_progress,
		.arg = &checking,
	};
	int code = cli_rate(ctx, &check.rate);
	if (code != 0)
		return code;
	count_raws(&checking, ids);
	cli_progress_init(&checking.progress, ctx, "checking", "objects");
	cli_json_init(&checking.json, ctx->out);
	if (checking.as_json && !checking.as_lines)
		open_json(&checking);
	int err = sfs_store_check(ctx->store, &check, &result, &diag);
	return end(&checking, err, &result, &diag);
}

/** With --against: is the other store the same? */
static int compare(struct cli_ctx *ctx)
{
	const struct cli_differ differ = {
		.before = sfs_store_path(ctx->store),
		.after = cli_option(ctx, "against"),
		.flags = SFS_DIFF_EXACT,
		.classes = (const char *const *)ctx->argv,
		.class_count = (size_t)ctx->argc,
	};
	return cli_differ(ctx, &differ);
}

/** The store that is compared is a path of this process, or a backup of the one that is checked. */
static int locate(struct cli_ctx *ctx)
{
	char *path = NULL, *store = NULL;
	const char *other = cli_option(ctx, "against");
	struct sfs_diag why = SFS_DIAG_INIT;
	int code = cli_backups_locate(ctx);
	if (code != 0 || !other)
		return code != 0 ? code : -1;
	if (!cli_is_store(other)) {
		code = cli_backups_store(ctx, &store);
		if (code == 0)
			code = cli_backups_find(ctx, store, other, &path, &why);
		free(store);
		if (code > 0)
			return code;
	}
	int err = path ? 0 : cli_locate(other, &path);
	if (err < 0)
		return cli_fail(ctx, err, other, NULL);
	for (int i = 0; i < ctx->given_count; i++)
		if (strcmp(ctx->given[i].option->name, "against") == 0)
			ctx->given[i].value = path;
	cli_own(ctx, path);
	return -1;
}

static int check_options(struct cli_ctx *ctx)
{
	bool more = cli_option(ctx, "data") || cli_option(ctx, "quick");
	if (cli_option(ctx, "against") && more)
		return cli_usage(ctx, "--against excludes --data and --quick");
	return 0;
}

static int run(struct cli_ctx *ctx)
{
	if (cli_option(ctx, "against"))
		return compare(ctx);
	uint32_t *ids = calloc((size_t)ctx->argc + 1, sizeof *ids);
	if (!ids)
		return cli_fail(ctx, SFS_ERR_NO_MEMORY, NULL, NULL);
	int code = class_ids(ctx, ids);
	if (code == 0)
		code = check_ids(ctx, ids);
	free(ids);
	return code;
}

static const struct cli_option options[] = {
	{ "against", 'a', "STORE2",
	  "only compare with another store, or a backup of STORE by its\n"
	  "name or time: are they the same?" },
	CLI_BACKUPS_OPTION,
	{ "data", 'd', NULL, "read the bytes of raws, and compare them with their hashes" },
	{ "json", 'j', NULL, "as JSON" },
	{ "jsonl", 'J', NULL, "a line of JSON for each finding, and one with the figures" },
	{ "rate", 'r', "BYTES", "with --data: read at most so many bytes a second (500K, 20M)" },
	{ "quick", 'q', NULL, "do not parse and render documents" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_check = {
	.name = "check",
	.synopsis = "[--data [--rate BYTES]] [--json|--jsonl] [--quick] STORE [CLASS...]\n"
		    "--against STORE2 [--jsonl] STORE [CLASS...]",
	.summary = "verify that a store is whole",
	.details =
		"Reads every record, entry, inode and counter, and verifies that each is whole and\n"
		"that they agree with each other and with the plain files of raws. Changes nothing,\n"
		"and may run while the store is in use. With classes: only those.\n"
		"Each problem is one line; a note is worth a look, but is no damage.\n"
		"With --data all bytes of raws are read and compared with the XXH3-128 that was kept\n"
		"of them: bytes that differ though size and times of the plain file are the same have\n"
		"changed by themselves. Raws that have no hash of what they hold now get one.\n"
		"With --against nothing of this is done: all that a copy of a store has is compared,\n"
		"records, texts, attributes, update times, metadata, bytes; what differs is printed as\n"
		"'storefs diff' prints it, and is exit code 14.",
	.options = options,
	.examples = "storefs check /srv/blog\n"
		    "storefs check --data --rate 50M /srv/blog\n"
		    "storefs check --json /mnt/blog Article | jq '.problems[]'\n"
		    "storefs check --jsonl /mnt/blog | jq -r 'select(.kind).text'",
	.flags = CLI_OPENS | CLI_READS,
	.writes = "data", /* hashes are kept */
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE | 1u << CLI_DAMAGED,
	.min_args = 0,
	.max_args = -1,
	.locate = locate,
	.check = check_options,
	.run = run,
};
