/*
 * storefs rel: what the relations of an object lead to. One verb with several forms; the first word
 * says which.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <storefs/relation.h>
#include "json.h"
#include "target.h"
#include "verbs.h"

#define PAGE 256

/* --- the object and its relation --- */

/** CLASS/OID RELATION of the arguments. Returns 0, or an exit code after saying why. */
static int find(struct cli_ctx *ctx, struct sfs_relation *ret)
{
	struct cli_target target;
	int code = cli_target_find(ctx, ctx->argv[0], &target);
	if (code == 0 && !target.has_rest)
		return cli_usage(ctx, "'%s': expected CLASS/OID", ctx->argv[0]);
	*ret = (struct sfs_relation){
		.class_id = target.class.id,
		.oid = target.rest,
		.name = ctx->argc > 1 ? sfs_span_str(ctx->argv[1]) : (struct sfs_span){ "", 0 },
	};
	return code;
}

/** Say what went wrong with a relation. */
static int fail(struct cli_ctx *ctx, int err, const struct sfs_diag *diag)
{
	char what[256];
	if (err == SFS_ERR_NOT_FOUND && !diag) {
		snprintf(what, sizeof what, "%.120s: %.120s", ctx->argv[0], ctx->argv[1]);
		cli_error(ctx, what, "no such relation");
		return CLI_NOT_FOUND;
	}
	int code = cli_fail(ctx, err, ctx->argv[0], diag);
	return err == SFS_ERR_INVALID || err == SFS_ERR_EXISTS || err == SFS_ERR_NAME ? CLI_REFUSED
										      : code;
}

/* --- list --- */

struct listing {
	struct cli_ctx *ctx;
	struct cli_json json;
	bool as_json;
	int err;
};

static int list_one(void *arg, const struct sfs_relation_info *info)
{
	struct listing *listing = arg;
	FILE *out = listing->ctx->out;
	if (!listing->as_json) {
		cli_put_name(listing->ctx, info->name);
		fprintf(out, "\t%s\t%.*s%s\n", info->many ? "many" : "one", (int)info->target.len,
			(const char *)info->target.data,
			info->target_class_id ? "" : " (no such class)");
		return 0;
	}
	cli_json_open(&listing->json, NULL, '{');
	cli_json_bytes(&listing->json, "relation", info->name);
	cli_json_bool(&listing->json, "many", info->many);
	cli_json_bytes(&listing->json, "class", info->target);
	cli_json_bool(&listing->json, "exists", info->target_class_id != 0);
	cli_json_close(&listing->json, '}');
	return 0;
}

static int list(struct cli_ctx *ctx)
{
	struct listing listing = { .ctx = ctx, .as_json = cli_option(ctx, "json") };
	struct cli_target target;
	int code = cli_target_class(ctx, ctx->argv[0], &target);
	if (code == 0 && target.has_rest)
		return cli_usage(ctx, "'%s': expected the name of a class", ctx->argv[0]);
	if (code != 0)
		return code;
	cli_json_init(&listing.json, ctx->out);
	if (listing.as_json)
		cli_json_open(&listing.json, NULL, '[');
	int err = sfs_relation_list(ctx->store, target.class.id, list_one, &listing);
	if (listing.as_json) {
		cli_json_close(&listing.json, ']');
		cli_json_end(&listing.json);
	}
	return err < 0 ? cli_fail(ctx, err, target.text, NULL) : CLI_OK;
}

/* --- get, one, has, count --- */

/** The relation of an object that is there, and how many targets it has. */
static int find_counted(struct cli_ctx *ctx, struct sfs_relation *ret, uint64_t *ret_count)
{
	int code = find(ctx, ret);
	int err = code == 0 ? sfs_relation_count(ctx->store, ret, ret_count) : 0;
	return err < 0 ? fail(ctx, err, NULL) : code;
}

/** A page of targets, copied: a length and the bytes of each. */
struct page {
	struct sfs_buf bytes;
	size_t count;
};

static int keep(void *arg, uint64_t index, struct sfs_span oid)
{
	struct page *page = arg;
	int err = sfs_buf_append(&page->bytes, &oid.len, sizeof oid.len);
	(void)index;
	if (!err)
		err = sfs_buf_append(&page->bytes, oid.data, oid.len);
	page->count += !err;
	return err < 0;
}

static void show_target(struct listing *listing, struct sfs_span oid)
{
	if (listing->as_json) {
		cli_json_open(&listing->json, NULL, '{');
		cli_json_bytes(&listing->json, "oid", oid);
		cli_json_close(&listing->json, '}');
		return;
	}
	cli_put_name(listing->ctx, oid);
	fputc('\n', listing->ctx->out);
}

static void show_page(struct listing *listing, const struct page *page)
{
	const char *at = page->bytes.data;
	for (size_t i = 0; i < page->count; i++) {
		size_t len;
		memcpy(&len, at, sizeof len);
		at += sizeof len;
		show_target(listing, (struct sfs_span){ at, len });
		at += len;
	}
}

static int get_pages(struct listing *listing, const struct sfs_relation *relation, uint64_t start,
		     uint64_t limit)
{
	struct page page = { .bytes = SFS_BUF_INIT };
	uint64_t shown = 0;
	int err = 0;
	do {
		uint64_t left = limit ? limit - shown : PAGE;
		page.bytes.len = page.count = 0;
		err = sfs_relation_get(listing->ctx->store, relation, start + shown,
				       left < PAGE ? (size_t)left : PAGE, keep, &page);
		if (err == SFS_ERR_CANCELLED)
			err = SFS_ERR_NO_MEMORY;
		if (!err)
			show_page(listing, &page);
		shown += page.count;
	} while (!err && page.count && !cli_stopped(listing->ctx) && (!limit || shown < limit));
	sfs_buf_fini(&page.bytes);
	return err;
}

static int get(struct cli_ctx *ctx)
{
	struct listing listing = { .ctx = ctx, .as_json = cli_option(ctx, "json") };
	struct sfs_relation relation;
	uint64_t start, limit, count;
	if (!cli_option_number(ctx, "start", 0, &start) ||
	    !cli_option_number(ctx, "limit", 0, &limit))
		return CLI_USAGE;
	int err, code = find_counted(ctx, &relation, &count);
	if (code != 0)
		return code;
	cli_json_init(&listing.json, ctx->out);
	if (listing.as_json)
		cli_json_open(&listing.json, NULL, '[');
	err = get_pages(&listing, &relation, start, limit);
	if (listing.as_json) {
		cli_json_close(&listing.json, ']');
		cli_json_end(&listing.json);
	}
	if (err < 0)
		return fail(ctx, err, NULL);
	return cli_stopped(ctx) ? CLI_FAILED : CLI_OK;
}

/** --index: 0 when absent. False: it is no number, and that was said. */
static bool option_index(struct cli_ctx *ctx, int64_t *ret)
{
	const char *text = cli_option(ctx, "index");
	char *end;
	*ret = 0;
	if (!text)
		return true;
	errno = 0;
	*ret = strtoll(text, &end, 10);
	if (*text && !*end && errno == 0)
		return true;
	cli_usage(ctx, "--index: '%s' is no number", text);
	return false;
}

static int one(struct cli_ctx *ctx)
{
	struct listing listing = { .ctx = ctx, .as_json = cli_option(ctx, "json") };
	struct sfs_buf oid = SFS_BUF_INIT;
	struct sfs_relation relation;
	uint64_t count;
	int64_t index;
	if (!option_index(ctx, &index))
		return CLI_USAGE;
	int err, code = find_counted(ctx, &relation, &count);
	if (code != 0)
		return code;
	err = sfs_relation_one(ctx->store, &relation, index, &oid);
	cli_json_init(&listing.json, ctx->out);
	if (!err)
		show_target(&listing, sfs_buf_span(&oid));
	if (!err && listing.as_json)
		cli_json_end(&listing.json);
	sfs_buf_fini(&oid);
	/* That there is none is an answer, as of a search that finds nothing. */
	if (err == SFS_ERR_NOT_FOUND)
		return CLI_NOT_FOUND;
	return err < 0 ? fail(ctx, err, NULL) : CLI_OK;
}

static int has(struct cli_ctx *ctx)
{
	struct sfs_relation relation;
	struct sfs_target target = { 0, sfs_span_str(ctx->argv[2]) };
	uint64_t count;
	int err, code = find_counted(ctx, &relation, &count);
	if (code != 0)
		return code;
	err = sfs_relation_has(ctx->store, &relation, &target);
	if (err < 0 && err != SFS_ERR_NOT_FOUND)
		return fail(ctx, err, NULL);
	if (cli_option(ctx, "json")) {
		struct cli_json json;
		cli_json_init(&json, ctx->out);
		cli_json_open(&json, NULL, '{');
		cli_json_bool(&json, "has", err == 0);
		cli_json_close(&json, '}');
		cli_json_end(&json);
	}
	return err < 0 ? CLI_NOT_FOUND : CLI_OK;
}

static int show_count(struct cli_ctx *ctx, uint64_t count)
{
	struct cli_json json;
	if (!cli_option(ctx, "json")) {
		fprintf(ctx->out, "%" PRIu64 "\n", count);
		return CLI_OK;
	}
	cli_json_init(&json, ctx->out);
	cli_json_open(&json, NULL, '{');
	cli_json_number(&json, "count", count);
	cli_json_close(&json, '}');
	cli_json_end(&json);
	return CLI_OK;
}

static int count(struct cli_ctx *ctx)
{
	struct sfs_relation relation;
	uint64_t found;
	int code = find_counted(ctx, &relation, &found);
	return code == 0 ? show_count(ctx, found) : code;
}

/* --- set, add, remove, clear --- */

/** The class that --class says; 0: none. False: there is no such class, and that was said. */
static bool option_class(struct cli_ctx *ctx, uint32_t *ret)
{
	struct cli_target target;
	const char *name = cli_option(ctx, "class");
	*ret = 0;
	if (!name)
		return true;
	if (cli_target_class(ctx, name, &target) != 0)
		return false;
	*ret = target.class.id;
	return true;
}

/** One target, or all that there are to be. */
static int change_one(struct cli_ctx *ctx, const struct sfs_relation *relation,
		      const struct sfs_target *targets, size_t count)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	const char *word = ctx->action->name;
	int err;
	if (strcmp(word, "set") == 0)
		err = sfs_relation_set(ctx->store, relation, targets, count, &diag);
	else if (strcmp(word, "add") == 0)
		err = sfs_relation_add(ctx->store, relation, targets, &diag);
	else
		err = sfs_relation_remove(ctx->store, relation, targets, &diag);
	return err < 0 ? fail(ctx, err, &diag) : CLI_OK;
}

/** Several targets in one commit. */
static int change_many(struct cli_ctx *ctx, const struct sfs_relation *relation,
		       const struct sfs_target *targets, size_t count)
{
	struct sfs_batch *batch;
	size_t failed = SIZE_MAX;
	bool adds = strcmp(ctx->action->name, "add") == 0;
	int err = sfs_batch_begin(ctx->store, &batch);
	if (err < 0)
		return fail(ctx, err, NULL);
	for (size_t i = 0; i < count && !err; i++)
		err = adds ? sfs_batch_relation_add(batch, relation, &targets[i])
			   : sfs_batch_relation_remove(batch, relation, &targets[i]);
	if (err < 0)
		sfs_batch_abort(batch);
	else
		err = sfs_batch_commit(batch, &failed);
	if (err < 0 && failed < count)
		return cli_fail(ctx, err, ctx->argv[2 + failed], NULL);
	return err < 0 ? cli_fail(ctx, err, ctx->argv[0], NULL) : CLI_OK;
}

static int change(struct cli_ctx *ctx)
{
	struct sfs_relation relation;
	uint32_t class_id;
	size_t given = (size_t)ctx->argc - 2;
	int code = find(ctx, &relation);
	if (code != 0)
		return code;
	if (!option_class(ctx, &class_id))
		return CLI_NOT_FOUND;
	struct sfs_target *targets = calloc(given + 1, sizeof *targets);
	if (!targets)
		return fail(ctx, SFS_ERR_NO_MEMORY, NULL);
	for (size_t i = 0; i < given; i++)
		targets[i] = (struct sfs_target){ class_id, sfs_span_str(ctx->argv[2 + i]) };
	bool one = given <= 1 || strcmp(ctx->action->name, "set") == 0;
	code = one ? change_one(ctx, &relation, targets, given)
		   : change_many(ctx, &relation, targets, given);
	free(targets);
	return code;
}

static int clear(struct cli_ctx *ctx)
{
	struct sfs_relation relation;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int code = find(ctx, &relation);
	if (code != 0)
		return code;
	int err = sfs_relation_clear(ctx->store, &relation, &diag);
	return err < 0 ? fail(ctx, err, &diag) : CLI_OK;
}

/** Options and arguments of the word. */
static int check(struct cli_ctx *ctx)
{
	static const struct {
		const char *option, *words;
	} rules[] = {
		{ "start", " get " },
		{ "limit", " get " },
		{ "index", " one " },
		{ "class", " set add remove " },
	};
	char word[16];
	uint64_t number;
	int64_t index;
	snprintf(word, sizeof word, " %s ", ctx->action->name);
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (cli_option(ctx, rules[i].option) && !strstr(rules[i].words, word))
			return cli_usage(ctx, "--%s is for%s", rules[i].option, rules[i].words);
	if (!cli_option_number(ctx, "start", 0, &number) ||
	    !cli_option_number(ctx, "limit", 0, &number) || !option_index(ctx, &index))
		return CLI_USAGE;
	return 0;
}

static const struct cli_action actions[] = {
	{ "list", true, 1, 1, list },    { "get", true, 2, 2, get },
	{ "one", true, 2, 2, one },      { "has", true, 3, 3, has },
	{ "count", true, 2, 2, count },  { "set", false, 2, -1, change },
	{ "add", false, 3, -1, change }, { "remove", false, 3, -1, change },
	{ "clear", false, 2, 2, clear }, { NULL, false, 0, 0, NULL },
};

static const struct cli_option options[] = {
	{ "start", 'b', "N", "get: from position N on; the first is 0" },
	{ "limit", 'n', "N", "get: at most so many" },
	{ "index", 'i', "N", "one: which; the first is 0, the last is -1" },
	{ "class", 'c', "CLASS",
	  "set, add, remove: the class of TARGET; another one than\n"
	  "that of the relation is refused" },
	{ "json", 'j', NULL, "as JSON" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_rel = {
	.name = "rel",
	.synopsis = "list [--json] STORE CLASS\n"
		    "get [--start N] [--limit N] [--json] STORE CLASS/OID RELATION\n"
		    "one [--index N] [--json] STORE CLASS/OID RELATION\n"
		    "has [--json] STORE CLASS/OID RELATION TARGET\n"
		    "count [--json] STORE CLASS/OID RELATION\n"
		    "set [--class CLASS] STORE CLASS/OID RELATION [TARGET]...\n"
		    "add [--class CLASS] STORE CLASS/OID RELATION TARGET...\n"
		    "remove [--class CLASS] STORE CLASS/OID RELATION TARGET...\n"
		    "clear STORE CLASS/OID RELATION",
	.summary = "what the relations of an object lead to",
	.details =
		"list says which relations a class has. The others are about one relation of one\n"
		"object; TARGET is an oid of the class that it leads to, or the path of a raw, as\n"
		"it is.\n\n"
		"get prints its targets in order, one a single one, count how many there are. has\n"
		"says by its exit code, 0 or 10, whether TARGET is among them. set replaces them\n"
		"all, add puts targets at the end (what is there already stays where it is), remove\n"
		"takes them out, clear all of them. All targets of a command are one commit.",
	.options = options,
	.examples = "storefs rel set /srv/blog Article/42 author 7\n"
		    "storefs rel add /srv/blog Article/42 attachments holiday/a.jpg holiday/b.jpg\n"
		    "storefs rel get --start 1000 --limit 10 /srv/blog Article/42 replies\n"
		    "storefs rel has /srv/blog Article/42 author 7 && echo yes",
	.flags = CLI_OPENS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_REFUSED | 1u << CLI_NOT_STORE,
	.actions = actions,
	.check = check,
};
