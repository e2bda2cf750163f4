/* storefs index: what indexes there are, and their keys. */
#include <inttypes.h>
#include <storefs/index.h>
#include "index_files.h"
#include "json.h"
#include "target.h"
#include "verbs.h"

static const char *state_text(enum sfs_index_state state)
{
	switch (state) {
	case SFS_INDEX_BUILDING: return "building";
	case SFS_INDEX_READY: return "ready";
	case SFS_INDEX_FAILED: return "failed";
	}
	return "?";
}

static void put_json(struct cli_json *json, const char *class, const struct sfs_index_info *index)
{
	cli_json_open(json, NULL, '{');
	cli_json_string(json, "class", class);
	cli_json_bytes(json, "index", (struct sfs_span){ index->name, index->name_len });
	cli_json_string(json, "state", state_text(index->state));
	cli_json_number(json, "keys", index->keys);
	cli_json_number(json, "entries", index->entries);
	cli_json_number(json, "missing", index->missing);
	cli_json_number(json, "generation", index->generation);
	if (index->state != SFS_INDEX_READY) {
		cli_json_number(json, "built", index->built);
		cli_json_number(json, "expected", index->expected);
	}
	cli_json_close(json, '}');
}

static void put_text(FILE *out, const char *class, const struct sfs_index_info *index)
{
	fprintf(out, "%-8s %10" PRIu64 " keys %12" PRIu64 " entries  %s.%.*s",
		state_text(index->state), index->keys, index->entries, class, (int)index->name_len,
		index->name);
	if (index->state != SFS_INDEX_READY)
		fprintf(out, "  (%" PRIu64 " of %" PRIu64 " objects)", index->built,
			index->expected);
	fputc('\n', out);
}

static void list_class(struct cli_ctx *ctx, struct cli_json *json,
		       const struct sfs_class_info *class)
{
	struct sfs_index_info index = { .id = 0 };
	while (!cli_stopped(ctx) && sfs_index_next(ctx->store, class->id, index.id, &index) == 0) {
		if (cli_option(ctx, "json"))
			put_json(json, class->name, &index);
		else
			put_text(ctx->out, class->name, &index);
	}
}

static int list(struct cli_ctx *ctx)
{
	struct sfs_class_info class = { .id = 0 };
	struct cli_target target;
	struct cli_json json;
	int code = ctx->argc ? cli_target_class(ctx, ctx->argv[0], &target) : 0;
	if (code != 0)
		return code;
	cli_json_init(&json, ctx->out);
	if (cli_option(ctx, "json"))
		cli_json_open(&json, NULL, '[');
	if (ctx->argc)
		list_class(ctx, &json, &target.class);
	while (!ctx->argc && sfs_class_next(ctx->store, class.id, &class) == 0)
		list_class(ctx, &json, &class);
	if (cli_option(ctx, "json")) {
		cli_json_close(&json, ']');
		cli_json_end(&json);
	}
	return cli_stopped(ctx) ? CLI_FAILED : CLI_OK;
}

/* --- keys --- */

struct keys {
	struct cli_ctx *ctx;
	struct cli_json json;
};

static int put_key(void *arg, struct sfs_span key, uint64_t count)
{
	struct keys *keys = arg;
	if (cli_option(keys->ctx, "json")) {
		cli_json_open(&keys->json, NULL, '{');
		cli_json_bytes(&keys->json, "key", key);
		cli_json_number(&keys->json, "count", count);
		cli_json_close(&keys->json, '}');
	} else {
		cli_put_key(keys->ctx, key, count);
	}
	return cli_stopped(keys->ctx);
}

static bool window_of(struct cli_ctx *ctx, struct sfs_index_window *ret)
{
	bool down = cli_option(ctx, "reverse"), json = cli_option(ctx, "json-order");
	ret->order = json   ? down ? SFS_ORDER_JSON_DOWN : SFS_ORDER_JSON_UP
		     : down ? SFS_ORDER_DOWN
			    : SFS_ORDER_UP;
	return cli_option_number(ctx, "offset", 0, &ret->start) &&
	       cli_option_number(ctx, "limit", UINT64_MAX, &ret->limit);
}

static int list_keys(struct cli_ctx *ctx)
{
	struct keys keys = { .ctx = ctx };
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_index_window window;
	struct cli_target target;
	int code = cli_target_class(ctx, ctx->argv[0], &target);
	if (code != 0 || !window_of(ctx, &window))
		return code ? code : CLI_USAGE;
	cli_json_init(&keys.json, ctx->out);
	if (cli_option(ctx, "json"))
		cli_json_open(&keys.json, NULL, '[');
	int err = sfs_index_keys(ctx->store, target.class.id, sfs_span_str(ctx->argv[1]), &window,
				 put_key, &keys, &diag);
	if (cli_option(ctx, "json")) {
		cli_json_close(&keys.json, ']');
		cli_json_end(&keys.json);
	}
	return err < 0 ? cli_fail(ctx, err, target.text, &diag) : CLI_OK;
}

static bool is_of_files(const struct cli_action *action)
{
	return action->run == cli_index_export || action->run == cli_index_import;
}

static int check(struct cli_ctx *ctx)
{
	struct sfs_index_window window;
	static const char *const of_keys[] = { "reverse", "json-order", "offset", "limit" };
	static const char *const of_files[] = { "prefix", "type", "collection" };
	for (size_t i = 0; i < sizeof of_keys / sizeof *of_keys; i++)
		if (cli_option(ctx, of_keys[i]) && strcmp(ctx->action->name, "keys") != 0)
			return cli_usage(ctx, "--%s is for keys", of_keys[i]);
	for (size_t i = 0; i < sizeof of_files / sizeof *of_files; i++)
		if (cli_option(ctx, of_files[i]) && !is_of_files(ctx->action))
			return cli_usage(ctx, "--%s is for export-dbm and import-dbm", of_files[i]);
	return window_of(ctx, &window) ? 0 : CLI_USAGE;
}

static const struct cli_action actions[] = {
	{ "list", true, 0, 1, list },
	{ "keys", true, 2, 2, list_keys },
	{ "export-dbm", true, 1, 2, cli_index_export },
	{ "import-dbm", true, 1, 2, cli_index_import },
	{ "import", true, 1, 2, cli_index_import },
	{ NULL, false, 0, 0, NULL },
};

static const struct cli_option options[] = {
	{ "json", 'j', NULL, "as JSON" },
	{ "reverse", 'r', NULL, "keys: downwards" },
	{ "json-order", 'J', NULL, "keys: in the order of their JSON texts" },
	{ "limit", 'n', "N", "keys: at most so many" },
	{ "offset", 'o', "N", "keys: leave out so many from the start" },
	{ "prefix", 'p', "TEXT", "files: before their names" },
	{ "type", 't', "TYPE", "files: in their names, not the type of the class" },
	{ "collection", 'c', "NAME", "files: before oids, not the name of the class" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_index = {
	.name = "index",
	.synopsis = "list [--json] STORE [CLASS]\n"
		    "keys [OPTION]... STORE CLASS INDEX\n"
		    "export-dbm [OPTION]... STORE CLASS[.INDEX] [DIR]\n"
		    "import-dbm [OPTION]... STORE CLASS[.INDEX] [DIR]",
	.summary = "list indexes and their keys; index files of Python",
	.details =
		"list: the indexes of a class or of all, how many keys and entries they have, and how\n"
		"far one is that is being built.\n"
		"keys: each key of an index and how many objects have it. Strings that read like JSON\n"
		"are in quotation marks: 10 is a number, \"10\" a string; so are those with control\n"
		"characters.\n"
		"export-dbm: write an index, or all of a class, as the gdbm files that the Python\n"
		"module storage opens: TYPE.INDEX-fwd.dbm and TYPE.INDEX-bwd.dbm, in DIR or in the\n"
		"folder of the store. What is there is replaced, unless a program has it open.\n"
		"import-dbm: compare such files with the index. Nothing is taken from them: indexes\n"
		"are made of the objects. Files of other dbm libraries are recognised, and not read.",
	.options = options,
	.examples = "storefs index list /srv/blog\n"
		    "storefs index keys /srv/blog Article status\n"
		    "storefs index keys --reverse --limit 3 /srv/blog Article date\n"
		    "storefs index export-dbm /srv/blog Article Data",
	.flags = CLI_OPENS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE | 1u << CLI_DAMAGED,
	.actions = actions,
	.check = check,
};
