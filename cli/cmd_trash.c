/* storefs trash: what was removed and is kept; bringing it back, removing it for ever. */
#include <inttypes.h>
#include <stdlib.h>
#include <storefs/trash.h>
#include "json.h"
#include "target.h"
#include "verbs.h"

/** Copied in a page, so that nothing is written while the store is read. */
#define PAGE 256

struct listing {
	struct cli_ctx *ctx;
	struct cli_json json;
	bool as_json;
	struct sfs_class_info class;
	struct sfs_span name; /* only these; empty: all */
	struct sfs_trashed page[PAGE];
	size_t count;
	struct sfs_buf names; /* of the page, one behind the other */
	int err;
};

static const char *type_text(enum sfs_node_type type)
{
	if (type == SFS_NODE_OBJECT)
		return "object";
	return type == SFS_NODE_SYMLINK ? "symlink" : "raw";
}

static int keep(void *arg, const struct sfs_trashed *trashed)
{
	struct listing *listing = arg;
	listing->err = sfs_buf_append(&listing->names, trashed->name.data, trashed->name.len);
	listing->page[listing->count++] = *trashed;
	return listing->err < 0;
}

static void show(struct listing *listing, const struct sfs_trashed *trashed, struct sfs_span name)
{
	struct cli_ctx *ctx = listing->ctx;
	char time[48];
	if (listing->as_json) {
		cli_json_open(&listing->json, NULL, '{');
		cli_json_string(&listing->json, "class", listing->class.name);
		cli_json_bytes(&listing->json, "oid", name);
		cli_json_time(&listing->json, "removed", trashed->removed_ns);
		cli_json_number(&listing->json, "bytes", trashed->bytes);
		cli_json_string(&listing->json, "type", type_text(trashed->attr.type));
		cli_json_number(&listing->json, "ino", trashed->ino);
		cli_json_close(&listing->json, '}');
		return;
	}
	cli_time_text(trashed->removed_ns, time);
	fprintf(ctx->out, "%s\t%" PRIu64 "\t%s/", time, trashed->bytes, listing->class.name);
	cli_put_name(ctx, name);
	fputc('\n', ctx->out);
}

static void show_page(struct listing *listing)
{
	const char *at = listing->names.data;
	for (size_t i = 0; i < listing->count; i++) {
		struct sfs_span name = { at, listing->page[i].name.len };
		if (!listing->name.len || sfs_span_equal(name, listing->name))
			show(listing, &listing->page[i], name);
		at += name.len;
	}
}

static int list_class(struct listing *listing)
{
	struct sfs_trash_from from = { .second = 0 };
	int err = 0;
	do {
		listing->names.len = listing->count = 0;
		err = sfs_trash_list(listing->ctx->store, listing->class.id, &from, PAGE, keep,
				     listing);
		err = err == SFS_ERR_CANCELLED ? listing->err : err;
		if (err < 0 || !listing->count)
			break;
		const struct sfs_trashed *last = &listing->page[listing->count - 1];
		from = (struct sfs_trash_from){ last->removed_ns / 1000000000, last->cookie,
						last->ino };
		show_page(listing);
	} while (!cli_stopped(listing->ctx));
	return err;
}

static int list_all(struct listing *listing)
{
	struct cli_ctx *ctx = listing->ctx;
	struct cli_target target;
	int err = 0;
	if (ctx->argc) {
		int code = cli_target_class(ctx, ctx->argv[0], &target);
		if (code != 0)
			return code;
		listing->class = target.class;
		listing->name = target.rest;
		err = list_class(listing);
	}
	while (!ctx->argc && !err &&
	       sfs_class_next(ctx->store, listing->class.id, &listing->class) == 0)
		err = list_class(listing);
	return err < 0 ? cli_fail(ctx, err, listing->class.name, NULL) : CLI_OK;
}

static int list(struct cli_ctx *ctx)
{
	struct listing *listing = calloc(1, sizeof *listing);
	if (!listing)
		return cli_fail(ctx, SFS_ERR_NO_MEMORY, NULL, NULL);
	listing->ctx = ctx;
	listing->as_json = cli_option(ctx, "json");
	cli_json_init(&listing->json, ctx->out);
	if (listing->as_json)
		cli_json_open(&listing->json, NULL, '[');
	int code = list_all(listing);
	if (listing->as_json) {
		cli_json_close(&listing->json, ']');
		cli_json_end(&listing->json);
	}
	sfs_buf_fini(&listing->names);
	free(listing);
	return code == CLI_OK && cli_stopped(ctx) ? CLI_FAILED : code;
}

/* --- restore --- */

struct restoring {
	struct cli_ctx *ctx;
	struct cli_json json;
	bool as_json;
	int64_t until_ns;
	struct sfs_span as; /* empty: its own name */
};

static void tell_restored(struct restoring *restoring, const struct cli_target *target,
			  struct sfs_span name)
{
	struct cli_ctx *ctx = restoring->ctx;
	if (restoring->as_json) {
		cli_json_open(&restoring->json, NULL, '{');
		cli_json_string(&restoring->json, "class", target->class.name);
		cli_json_bytes(&restoring->json, "oid", name);
		cli_json_close(&restoring->json, '}');
		return;
	}
	fprintf(ctx->out, "%s/", target->class.name);
	cli_put_name(ctx, name);
	fputc('\n', ctx->out);
}

static int restore_one(struct restoring *restoring, const char *text)
{
	struct cli_ctx *ctx = restoring->ctx;
	struct sfs_buf name = SFS_BUF_INIT;
	struct sfs_trashed trashed;
	struct cli_target target;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int code = cli_target_class(ctx, text, &target);
	if (code != 0)
		return code;
	int err = sfs_trash_find_name(ctx->store, target.class.id, target.rest, restoring->until_ns,
				      &trashed, &name);
	sfs_buf_fini(&name);
	if (err == SFS_ERR_NOT_FOUND)
		(void)sfs_diag_set(&diag, err, "it is not in the trash");
	const struct sfs_trash_restore how = {
		.ino = err ? 0 : trashed.ino,
		.name = restoring->as,
		.replace = cli_option(ctx, "replace"),
	};
	if (!err)
		err = sfs_trash_restore(ctx->store, &how, NULL, &diag);
	if (err < 0)
		return cli_fail(ctx, err, text, &diag);
	tell_restored(restoring, &target, how.name.len ? how.name : target.rest);
	return CLI_OK;
}

static int restore(struct cli_ctx *ctx)
{
	struct restoring restoring = {
		.ctx = ctx,
		.as_json = cli_option(ctx, "json"),
		.until_ns = INT64_MAX,
		.as = { "", 0 },
	};
	const char *as = cli_option(ctx, "as");
	int code = CLI_OK, failed = 0;
	if (!cli_option_time(ctx, "at", &restoring.until_ns))
		return CLI_USAGE;
	if (as)
		restoring.as = sfs_span_str(as);
	cli_json_init(&restoring.json, ctx->out);
	if (restoring.as_json)
		cli_json_open(&restoring.json, NULL, '[');
	for (int i = 0; i < ctx->argc && !cli_stopped(ctx); i++) {
		int one = restore_one(&restoring, ctx->argv[i]);
		failed += one != CLI_OK;
		code = one != CLI_OK ? one : code;
	}
	if (restoring.as_json) {
		cli_json_close(&restoring.json, ']');
		cli_json_end(&restoring.json);
	}
	return failed && failed < ctx->argc ? CLI_PARTLY : code;
}

/* --- empty --- */

static int empty(struct cli_ctx *ctx)
{
	struct sfs_trash_stat went = { .entries = 0 };
	struct cli_target target = { .text = NULL };
	int64_t before_ns = INT64_MAX;
	if (!cli_option_time(ctx, "before", &before_ns))
		return CLI_USAGE;
	int code = ctx->argc ? cli_target_class(ctx, ctx->argv[0], &target) : CLI_OK;
	if (code != CLI_OK)
		return code;
	int err = sfs_trash_empty(ctx->store, target.class.id, before_ns, &went);
	if (err < 0)
		return cli_fail(ctx, err, target.text, NULL);
	if (!cli_option(ctx, "json")) {
		fprintf(ctx->out, "%" PRIu64 " removed for ever (%" PRIu64 " bytes)\n",
			went.entries, went.bytes);
		return CLI_OK;
	}
	struct cli_json json;
	cli_json_init(&json, ctx->out);
	cli_json_open(&json, NULL, '{');
	cli_json_number(&json, "removed", went.entries);
	cli_json_number(&json, "bytes", went.bytes);
	cli_json_close(&json, '}');
	cli_json_end(&json);
	return CLI_OK;
}

static int check(struct cli_ctx *ctx)
{
	static const char *const only[][2] = { { "at", "restore" },
					       { "as", "restore" },
					       { "replace", "restore" },
					       { "before", "empty" } };
	for (size_t i = 0; i < sizeof only / sizeof *only; i++)
		if (cli_option(ctx, only[i][0]) && strcmp(ctx->action->name, only[i][1]) != 0)
			return cli_usage(ctx, "--%s is for %s", only[i][0], only[i][1]);
	if (cli_option(ctx, "as") && ctx->argc > 1)
		return cli_usage(ctx, "--as is for one name");
	for (int i = 0; i < ctx->argc && strcmp(ctx->action->name, "restore") == 0; i++) {
		struct cli_target target;
		cli_target_split(ctx->argv[i], &target);
		if (!target.rest.len)
			return cli_usage(ctx, "'%s': expected CLASS/NAME", ctx->argv[i]);
	}
	return 0;
}

static const struct cli_action actions[] = {
	{ "list", true, 0, 1, list },
	{ "restore", false, 1, -1, restore },
	{ "empty", false, 0, 1, empty },
	{ NULL, false, 0, 0, NULL },
};

static const struct cli_option options[] = {
	{ "at", 't', "TIME", "restore: what was removed last, but not after TIME" },
	{ "as", 'a', "NAME", "restore: under another oid or path" },
	{ "replace", 'r', NULL, "restore: what has the name now goes into the trash" },
	{ "before", 'b', "TIME", "empty: only what was removed before TIME" },
	{ "json", 'j', NULL, "as JSON" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_trash = {
	.name = "trash",
	.synopsis = "list [--json] STORE [CLASS[/NAME]]\n"
		    "restore [OPTION]... STORE CLASS/NAME...\n"
		    "empty [--before TIME] [--json] STORE [CLASS]",
	.summary = "what was removed: list it, bring it back, remove it for ever",
	.details =
		"What is removed is kept for a while ('storefs config STORE trash_for=30d'), with\n"
		"everything that it had (docs/trash.md).\n\n"
		"list gives a line for each removal: time, bytes, CLASS/OID; of a raw its path.\n"
		"restore brings objects and raws back: of several of one name what was removed\n"
		"last. Where something has that name now, it is refused. empty removes for ever.",
	.options = options,
	.examples = "storefs trash list /srv/blog Article\n"
		    "storefs trash restore /srv/blog Article/42 Image/holiday/a.jpg\n"
		    "storefs trash empty --before -2d /srv/blog",
	.flags = CLI_OPENS,
	.exits = 1u << CLI_PARTLY | 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.actions = actions,
	.check = check,
};
