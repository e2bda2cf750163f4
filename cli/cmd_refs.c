/*
 * storefs refs: who refers to an object or raw. In pages, so that nothing of the store is held while
 * they are written.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <storefs/relation.h>
#include "json.h"
#include "target.h"
#include "text.h"
#include "verbs.h"

#define PAGE 256

struct listing {
	struct cli_ctx *ctx;
	struct cli_json json;
	bool as_json;
	uint64_t shown, limit; /* limit 0: all */
	struct sfs_referrer last;
	char relation[SFS_RELATION_NAME_MAX]; /* of last */
	struct sfs_buf page;                  /* of struct entry, each with its bytes behind it */
	size_t page_count;
};

/** One referrer, copied. */
struct entry {
	uint32_t class_id;
	uint64_t ino;
	size_t relation_len, oid_len;
};

static int keep(void *arg, const struct sfs_referrer *referrer)
{
	struct listing *listing = arg;
	struct entry entry = { referrer->class_id, referrer->ino, referrer->relation.len,
			       referrer->oid.len };
	int err = sfs_buf_append(&listing->page, &entry, sizeof entry);
	if (!err)
		err = sfs_buf_append(&listing->page, referrer->relation.data, entry.relation_len);
	if (!err)
		err = sfs_buf_append(&listing->page, referrer->oid.data, entry.oid_len);
	listing->page_count += !err;
	return err < 0;
}

static void show_json(struct listing *listing, const char *class_name,
		      const struct sfs_referrer *referrer)
{
	cli_json_open(&listing->json, NULL, '{');
	cli_json_string(&listing->json, "class", class_name);
	cli_json_bytes(&listing->json, "oid", referrer->oid);
	cli_json_bytes(&listing->json, "relation", referrer->relation);
	cli_json_number(&listing->json, "ino", referrer->ino);
	cli_json_close(&listing->json, '}');
}

static void show(struct listing *listing, const struct sfs_referrer *referrer)
{
	struct sfs_class_info info;
	struct cli_ctx *ctx = listing->ctx;
	if (sfs_class_get(ctx->store, referrer->class_id, &info) < 0)
		return;
	if (listing->as_json) {
		show_json(listing, info.name, referrer);
		return;
	}
	fprintf(ctx->out, "%s/", info.name);
	cli_put_name(ctx, referrer->oid);
	fputc('\t', ctx->out);
	cli_put_name(ctx, referrer->relation);
	fputc('\n', ctx->out);
}

/** Show a page that was copied, and remember its last one. */
static void show_page(struct listing *listing)
{
	const char *at = listing->page.data;
	for (size_t i = 0; i < listing->page_count; i++) {
		struct entry entry;
		memcpy(&entry, at, sizeof entry);
		at += sizeof entry;
		struct sfs_referrer referrer = {
			.class_id = entry.class_id,
			.ino = entry.ino,
			.relation = { at, entry.relation_len },
			.oid = { at + entry.relation_len, entry.oid_len },
		};
		at += entry.relation_len + entry.oid_len;
		show(listing, &referrer);
		listing->shown++;
		listing->last = referrer;
	}
	memcpy(listing->relation, listing->last.relation.data, listing->last.relation.len);
	listing->last.relation.data = listing->relation;
	listing->last.oid = (struct sfs_span){ "", 0 };
}

static int list(struct listing *listing, const struct cli_target *target)
{
	int err = 0;
	do {
		uint64_t left = listing->limit ? listing->limit - listing->shown : PAGE;
		listing->page.len = listing->page_count = 0;
		err = sfs_referrers_list(listing->ctx->store, target->class.id, target->rest,
					 listing->shown ? &listing->last : NULL,
					 left < PAGE ? (size_t)left : PAGE, keep, listing);
		if (err == SFS_ERR_CANCELLED)
			err = SFS_ERR_NO_MEMORY;
		if (!err && listing->page_count)
			show_page(listing);
	} while (!err && listing->page_count && !cli_stopped(listing->ctx) &&
		 (!listing->limit || listing->shown < listing->limit));
	sfs_buf_fini(&listing->page);
	return err;
}

static int run(struct cli_ctx *ctx)
{
	struct cli_target target;
	struct listing listing = { .ctx = ctx, .as_json = cli_option(ctx, "json") };
	if (!cli_option_number(ctx, "limit", 0, &listing.limit))
		return CLI_USAGE;
	int code = cli_target_class(ctx, ctx->argv[0], &target);
	if (code == 0 && !target.has_rest)
		return cli_usage(ctx, "'%s': expected CLASS/OID", ctx->argv[0]);
	if (code != 0)
		return code;
	cli_json_init(&listing.json, ctx->out);
	if (listing.as_json)
		cli_json_open(&listing.json, NULL, '[');
	int err = list(&listing, &target);
	if (listing.as_json) {
		cli_json_close(&listing.json, ']');
		cli_json_end(&listing.json);
	}
	if (err < 0)
		return cli_fail(ctx, err, target.text, NULL);
	return cli_stopped(ctx) ? CLI_FAILED : CLI_OK;
}

static const struct cli_option options[] = {
	{ "limit", 'n', "N", "at most so many" },
	{ "json", 'j', NULL, "an array of objects" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_refs = {
	.name = "refs",
	.synopsis = "[OPTION]... STORE CLASS/OID",
	.summary = "who refers to an object or raw",
	.details =
		"A line for each object that refers to it, and for each of its relations that does:\n"
		"CLASS/OID, a tab, the relation. What is referred to need not exist.",
	.options = options,
	.examples = "storefs refs /srv/blog Account/7\n"
		    "storefs refs --json /srv/blog Image/holiday/a.jpg | jq -r '.[].oid'",
	.flags = CLI_OPENS | CLI_READS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
