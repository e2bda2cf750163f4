/* Comparing two stores, and printing what differs. See differ.h. */
#include <inttypes.h>
#include <stdlib.h>
#include "differ.h"
#include "json.h"
#include "progress.h"

#define SHOWN 200 /* bytes of a value on a line for a person */

struct differing {
	struct cli_ctx *ctx;
	struct cli_progress progress;
	struct cli_json json;
	bool as_json;
};

static const char *change_text(enum sfs_diff_change change)
{
	static const char *const words[] = { "", "added", "removed", "changed" };
	return words[change];
}

static const char *thing_text(enum sfs_diff_thing thing)
{
	static const char *const words[] = { "", "class", "object", "raw" };
	return words[thing];
}

/* --- lines for a person --- */

/** At most SHOWN bytes, cut before a character. */
static void put_value(struct differing *differing, struct sfs_span value)
{
	size_t len = value.len;
	const unsigned char *at = value.data;
	if (!at) {
		fputs("(none)", differing->ctx->out);
		return;
	}
	if (len > SHOWN)
		for (len = SHOWN; len && (at[len] & 0xc0) == 0x80;)
			len--;
	cli_put_name(differing->ctx, (struct sfs_span){ value.data, len });
	if (len < value.len)
		fprintf(differing->ctx->out, "… (%zu bytes)", value.len);
}

/** A property by its name alone; "mode: …", "meta width: …", "updated title: …". */
static void put_member(struct differing *differing, const struct sfs_diff_member *member)
{
	FILE *out = differing->ctx->out;
	bool plain = member->aspect == SFS_DIFF_PROPERTY && member->name.len;
	fprintf(out, "  %s", plain ? "" : sfs_diff_aspect_text(member->aspect));
	if (member->name.len && !plain)
		fputc(' ', out);
	cli_put_name(differing->ctx, member->name);
	fputs(": ", out);
	put_value(differing, member->before);
	fputs(" -> ", out);
	put_value(differing, member->after);
	fputc('\n', out);
}

static void put_lines(struct differing *differing, const struct sfs_difference *difference)
{
	FILE *out = differing->ctx->out;
	fprintf(out, "%-7s  %s", change_text(difference->change), difference->class_name);
	if (difference->name.len)
		fputc('/', out);
	cli_put_name(differing->ctx, difference->name);
	fputc('\n', out);
	for (size_t i = 0; i < difference->count; i++)
		put_member(differing, &difference->members[i]);
}

/* --- JSON --- */

static void put_element(struct cli_json *json, const struct sfs_diff_member *member)
{
	cli_json_open(json, NULL, '{');
	cli_json_string(json, "what", sfs_diff_aspect_text(member->aspect));
	if (member->name.len)
		cli_json_bytes(json, "name", member->name);
	if (member->before.data)
		cli_json_value(json, "before", member->before);
	if (member->after.data)
		cli_json_value(json, "after", member->after);
	cli_json_close(json, '}');
}

static void put_object(struct differing *differing, const struct sfs_difference *difference)
{
	struct cli_json *json = &differing->json;
	cli_json_open(json, NULL, '{');
	cli_json_string(json, "change", change_text(difference->change));
	cli_json_string(json, "thing", thing_text(difference->thing));
	cli_json_string(json, "class", difference->class_name);
	if (difference->thing != SFS_DIFF_CLASS)
		cli_json_bytes(json, difference->thing == SFS_DIFF_OBJECT ? "oid" : "path",
			       difference->name);
	if (difference->count) {
		cli_json_open(json, "members", '[');
		for (size_t i = 0; i < difference->count; i++)
			put_element(json, &difference->members[i]);
		cli_json_close(json, ']');
	}
	cli_json_close(json, '}');
	cli_json_end(json);
}

static int differs(void *arg, const struct sfs_difference *difference)
{
	struct differing *differing = arg;
	cli_progress_clear(&differing->progress);
	if (differing->as_json)
		put_object(differing, difference);
	else
		put_lines(differing, difference);
	return cli_stopped(differing->ctx);
}

static int tell(void *arg, const struct sfs_diff_result *so_far, uint64_t expected)
{
	struct differing *differing = arg;
	uint64_t count = so_far->objects + so_far->raws;
	return cli_progress_at(&differing->progress, count, count, expected);
}

/* --- the two stores --- */

/** The command's own store, or one that is opened for a moment. */
static int open_side(struct cli_ctx *ctx, const char *path, struct sfs_store **ret)
{
	const struct sfs_store_config config = {
		.path = path,
		.flags = SFS_STORE_READ_ONLY,
		.owner_note = "a storefs command",
	};
	struct sfs_diag diag = SFS_DIAG_INIT;
	*ret = ctx->store;
	if (strcmp(path, sfs_store_path(ctx->store)) == 0)
		return 0;
	int err = sfs_store_open(&config, ret, &diag);
	return err < 0 ? cli_fail(ctx, err, path, &diag) : 0;
}

static void close_side(const struct cli_ctx *ctx, struct sfs_store *store)
{
	if (store != ctx->store)
		(void)sfs_store_close(store); /* only read */
}

static int compare(struct differing *differing, const struct cli_differ *differ,
		   struct sfs_store *before, struct sfs_store *after)
{
	struct cli_ctx *ctx = differing->ctx;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_diff_result result;
	const struct sfs_diff diff = {
		.flags = differ->flags,
		.classes = differ->classes,
		.class_count = differ->class_count,
		.differs = differs,
		.progress = tell,
		.arg = differing,
	};
	cli_progress_init(&differing->progress, ctx, "comparing", "objects and raws");
	int err = sfs_store_diff(before, after, &diff, &result, &diag);
	cli_progress_clear(&differing->progress);
	if (err == SFS_ERR_CANCELLED)
		return CLI_FAILED;
	if (err < 0)
		return cli_fail(ctx, err, NULL, &diag);
	uint64_t found = result.added + result.removed + result.changed;
	if (!differing->as_json && found)
		fprintf(ctx->out, "%" PRIu64 " added, %" PRIu64 " removed, %" PRIu64 " changed\n",
			result.added, result.removed, result.changed);
	return found ? CLI_DAMAGED : CLI_OK;
}

int cli_differ(struct cli_ctx *ctx, const struct cli_differ *differ)
{
	bool as_json = cli_option(ctx, "json") || cli_option(ctx, "jsonl");
	struct differing differing = { .ctx = ctx, .as_json = as_json };
	struct sfs_store *before = ctx->store, *after = ctx->store;
	cli_json_init(&differing.json, ctx->out);
	int code = open_side(ctx, differ->before, &before);
	if (code == 0)
		code = open_side(ctx, differ->after, &after);
	if (code == 0)
		code = compare(&differing, differ, before, after);
	close_side(ctx, before);
	close_side(ctx, after);
	return code;
}

const char **cli_option_all(const struct cli_ctx *ctx, const char *name, size_t *ret_count)
{
	const char **ret = calloc(CLI_GIVEN_MAX + 1, sizeof *ret);
	*ret_count = 0;
	for (int i = 0; i < ctx->given_count && ret; i++)
		if (strcmp(ctx->given[i].option->name, name) == 0)
			ret[(*ret_count)++] = ctx->given[i].value;
	return ret;
}
