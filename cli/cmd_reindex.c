/* storefs reindex: build indexes anew, while the store is in use. */
#include <inttypes.h>
#include <storefs/index.h>
#include "json.h"
#include "progress.h"
#include "target.h"
#include "verbs.h"

struct reindexing {
	struct cli_ctx *ctx;
	struct cli_progress progress;
	struct cli_json json;
	bool as_json;
};

static void put_result(struct reindexing *r, const struct sfs_class_info *class,
		       const struct sfs_index_info *index, uint64_t objects)
{
	double seconds = cli_progress_seconds(&r->progress);
	if (!r->as_json) {
		fprintf(r->ctx->out,
			"%s.%s: %" PRIu64 " objects, %" PRIu64 " keys, %" PRIu64
			" entries in %.1f s\n",
			class->name, index->name, objects, index->keys, index->entries, seconds);
		return;
	}
	cli_json_open(&r->json, NULL, '{');
	cli_json_string(&r->json, "class", class->name);
	cli_json_bytes(&r->json, "index", (struct sfs_span){ index->name, index->name_len });
	cli_json_number(&r->json, "objects", objects);
	cli_json_number(&r->json, "keys", index->keys);
	cli_json_number(&r->json, "entries", index->entries);
	cli_json_real(&r->json, "seconds", seconds);
	cli_json_close(&r->json, '}');
}

static int rebuild(struct reindexing *r, const struct sfs_class_info *class, struct sfs_span name)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_index_info info;
	uint64_t objects = 0;
	cli_progress_init(&r->progress, r->ctx, "indexing", "objects");
	int err = sfs_index_rebuild(r->ctx->store, class->id, name, cli_progress_built,
				    &r->progress, &objects, &diag);
	cli_progress_clear(&r->progress);
	if (err == 0)
		err = sfs_index_find(r->ctx->store, class->id, name, &info);
	if (err < 0)
		return cli_fail(r->ctx, err, class->name, &diag);
	put_result(r, class, &info, objects);
	return cli_stopped(r->ctx) ? CLI_FAILED : 0;
}

/** The names of a class's indexes are taken before one is built: building gives new ids. */
static int rebuild_class(struct reindexing *r, const struct sfs_class_info *class)
{
	struct sfs_index_info index = { .id = 0 };
	uint32_t last = 0;
	int code = 0;
	while (sfs_index_next(r->ctx->store, class->id, last, &index) == 0)
		last = index.id;
	index.id = 0;
	while (code == 0 && index.id < last &&
	       sfs_index_next(r->ctx->store, class->id, index.id, &index) == 0 && index.id <= last)
		code = rebuild(r, class, (struct sfs_span){ index.name, index.name_len });
	return code;
}

static int rebuild_all(struct reindexing *r)
{
	struct sfs_class_info class = { 0 };
	int code = 0;
	while (code == 0 && sfs_class_next(r->ctx->store, class.id, &class) == 0)
		code = rebuild_class(r, &class);
	return code;
}

/** CLASS or CLASS.INDEX: no name of a class has a dot in it. @ret_index  NULL: all of the class. */
static int find_target(struct reindexing *r, const char *text, struct sfs_class_info *ret,
		       const char **ret_index)
{
	struct sfs_index_info index;
	const char *dot = strchr(text, '.');
	struct sfs_span name = { text, dot ? (size_t)(dot - text) : strlen(text) };
	*ret_index = dot ? dot + 1 : NULL;
	if (sfs_class_find(r->ctx->store, name, ret) < 0) {
		cli_error(r->ctx, text, "there is no class %.*s", (int)name.len, text);
		return CLI_NOT_FOUND;
	}
	if (!dot || sfs_index_find(r->ctx->store, ret->id, sfs_span_str(dot + 1), &index) == 0)
		return 0;
	cli_error(r->ctx, ret->name, "there is no index %s", dot + 1);
	return CLI_NOT_FOUND;
}

static int rebuild_target(struct reindexing *r, const char *text)
{
	struct sfs_class_info class;
	const char *index;
	int code = find_target(r, text, &class, &index);
	if (code != 0)
		return code;
	return index ? rebuild(r, &class, sfs_span_str(index)) : rebuild_class(r, &class);
}

/** Nothing is begun before all names are known. */
static int check_targets(struct reindexing *r)
{
	struct sfs_class_info class;
	const char *index;
	int code = 0;
	for (int i = 0; i < r->ctx->argc && code == 0; i++)
		code = find_target(r, r->ctx->argv[i], &class, &index);
	return code;
}

static int run(struct cli_ctx *ctx)
{
	struct reindexing r = { .ctx = ctx, .as_json = cli_option(ctx, "json") };
	int code = check_targets(&r);
	if (code != 0)
		return code;
	cli_json_init(&r.json, ctx->out);
	if (r.as_json)
		cli_json_open(&r.json, NULL, '[');
	if (ctx->argc == 0)
		code = rebuild_all(&r);
	for (int i = 0; i < ctx->argc && code == 0; i++)
		code = rebuild_target(&r, ctx->argv[i]);
	if (r.as_json) {
		cli_json_close(&r.json, ']');
		cli_json_end(&r.json);
	}
	return code;
}

static const struct cli_option options[] = {
	{ "json", 'j', NULL, "as JSON" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_reindex = {
	.name = "reindex",
	.synopsis = "[--json] STORE [CLASS[.INDEX]]...",
	.summary = "build indexes anew",
	.details =
		"All indexes of the store, those of a class, or one. The store stays in use: the old\n"
		"index serves until the new one is complete, and takes part in every save meanwhile.\n"
		"Progress goes to standard error. What is interrupted goes on in the background, and\n"
		"after a crash at the next open.",
	.options = options,
	.examples = "storefs reindex /srv/blog\n"
		    "storefs reindex /srv/blog Article.keywords",
	.flags = CLI_OPENS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 0,
	.max_args = -1,
	.run = run,
};
