/*
 * storefs rm: remove objects, raws, directories, classes.
 *
 * What is removed with --recursive is listed page by page, each page is removed before the next
 * one is read. Directories wait in one list, in the order in which they were found, and go from its end.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <storefs/relation.h>
#include "json.h"
#include "page.h"
#include "progress.h"
#include "raws.h"
#include "target.h"
#include "verbs.h"

struct removal {
	struct cli_ctx *ctx;
	struct cli_progress progress;
	bool recursive, force;
	uint64_t removed, failed;
	int code; /* of the first failure */
};

/* A directory that goes when it is empty. */
struct folder {
	uint64_t ino, parent;
	struct sfs_span name; /* malloc'ed */
};

struct folders {
	struct folder *items;
	size_t count, cap;
};

static int folders_add(struct folders *folders, uint64_t ino, uint64_t parent, struct sfs_span name)
{
	if (folders->count == folders->cap) {
		size_t cap = folders->cap ? 2 * folders->cap : 64;
		struct folder *items = reallocarray(folders->items, cap, sizeof *items);
		if (!items)
			return SFS_ERR_NO_MEMORY;
		folders->items = items;
		folders->cap = cap;
	}
	char *copy = malloc(name.len + 1);
	if (!copy)
		return SFS_ERR_NO_MEMORY;
	if (name.len > 0)
		memcpy(copy, name.data, name.len);
	folders->items[folders->count++] = (struct folder){ ino, parent, { copy, name.len } };
	return 0;
}

static void folders_fini(struct folders *folders)
{
	for (size_t i = 0; i < folders->count; i++)
		free((void *)(uintptr_t)folders->items[i].name.data);
	free(folders->items);
}

static void count(struct removal *removal)
{
	removal->removed++;
	removal->progress.count++;
	cli_progress_tick(&removal->progress);
}

/* What is gone already is as good as removed. */
static int settle(struct removal *removal, int err)
{
	if (err == 0)
		count(removal);
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

static int remove_objects(struct removal *removal, uint32_t class_id)
{
	struct cli_page page = { 0 };
	int err = 0;
	while (err == 0) {
		err = cli_page_list(removal->ctx, &page, class_id);
		size_t found = err == 0 ? cli_page_count(&page) : 0;
		if (found == 0)
			break;
		for (size_t i = 0; err == 0 && i < found; i++) {
			if (cli_stopped(removal->ctx))
				err = SFS_ERR_CANCELLED;
			else
				err = settle(removal,
					     sfs_object_remove(removal->ctx->store, class_id,
							       cli_page_name(&page, i), 0));
		}
	}
	cli_page_fini(&page);
	return err;
}

/* Remove the files of one directory; its directories join the list. */
static int empty_folder(struct removal *removal, struct folders *folders, uint64_t dir)
{
	struct cli_page page = { 0 };
	struct sfs_store *store = removal->ctx->store;
	int err = 0;
	while (err == 0) {
		err = cli_page_dir(removal->ctx, &page, dir);
		size_t found = err == 0 ? cli_page_count(&page) : 0;
		if (found == 0)
			break;
		for (size_t i = 0; err == 0 && i < found; i++) {
			const struct sfs_attr *attr = &cli_page_entry(&page, i)->attr;
			struct sfs_span name = cli_page_name(&page, i);
			if (cli_stopped(removal->ctx))
				err = SFS_ERR_CANCELLED;
			else if (attr->type == SFS_NODE_DIR)
				err = folders_add(folders, attr->ino, dir, name);
			else
				err = settle(removal, sfs_raw_unlink(store, dir, name));
		}
	}
	cli_page_fini(&page);
	return err;
}

/* Remove what is below a directory, and all directories in the list that have a parent. */
static int remove_folders(struct removal *removal, struct folders *folders)
{
	int err = 0;
	for (size_t i = 0; err == 0 && i < folders->count; i++)
		err = empty_folder(removal, folders, folders->items[i].ino);
	for (size_t i = folders->count; err == 0 && i-- > 0;) {
		struct folder *folder = &folders->items[i];
		if (folder->parent)
			err = settle(removal, sfs_raw_rmdir(removal->ctx->store, folder->parent,
							    folder->name));
	}
	return err;
}

static int remove_tree(struct removal *removal, uint64_t ino, uint64_t parent, struct sfs_span name)
{
	struct folders folders = { NULL, 0, 0 };
	int err = folders_add(&folders, ino, parent, name);
	if (err == 0)
		err = remove_folders(removal, &folders);
	folders_fini(&folders);
	return err;
}

static int remove_class(struct removal *removal, const struct cli_target *target)
{
	int err = 0;
	if (target->class.kind == SFS_CLASS_OBJECT)
		err = remove_objects(removal, target->class.id);
	if (err == 0)
		err = remove_tree(removal, target->attr.ino, 0, (struct sfs_span){ NULL, 0 });
	return err < 0 ? err : sfs_class_remove(removal->ctx->store, target->class_name);
}

static int remove_raw(struct removal *removal, const struct cli_target *target)
{
	struct cli_ctx *ctx = removal->ctx;
	uint64_t dir;
	struct sfs_span name;
	int err = cli_raw_parent(ctx, target->class.id, target->rest, false, &dir, &name);
	if (err < 0)
		return err;
	if (target->attr.type == SFS_NODE_DIR)
		return remove_tree(removal, target->attr.ino, dir, name);
	err = sfs_raw_unlink(ctx->store, dir, name);
	if (err == 0)
		count(removal);
	return err;
}

static int remove_target(struct removal *removal, const struct cli_target *target)
{
	if (!target->has_rest)
		return remove_class(removal, target);
	if (target->class.kind == SFS_CLASS_RAW)
		return remove_raw(removal, target);
	int err = sfs_object_remove(removal->ctx->store, target->class.id, target->rest, 0);
	if (err == 0)
		count(removal);
	return err;
}

static bool exists(struct removal *removal, const char *text)
{
	struct cli_target target;
	struct sfs_attr attr;
	struct sfs_store *store = removal->ctx->store;
	cli_target_split(text, &target);
	if (sfs_class_find(store, target.class_name, &target.class) < 0)
		return false;
	if (!target.has_rest)
		return true;
	if (target.class.kind == SFS_CLASS_OBJECT)
		return sfs_object_find(store, target.class.id, target.rest, &attr) == 0;
	return sfs_raw_find_path(store, target.class.id, target.rest, &attr) == 0;
}

/** Why it could not be removed: of a class that refuses, who refers. */
static int fail(struct cli_ctx *ctx, int err, const struct cli_target *target)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (err == SFS_ERR_BUSY && target->has_rest)
		(void)sfs_referrers_explain(ctx->store, target->class.id, target->rest, &diag);
	int code = cli_fail(ctx, err, target->text, &diag);
	return err == SFS_ERR_BUSY ? CLI_REFUSED : code;
}

/** As cli_target_find(); a raw whose bytes are missing, so that it has no attributes, is found too. */
static int find(struct removal *removal, const char *text, struct cli_target *ret)
{
	struct cli_ctx *ctx = removal->ctx;
	struct sfs_attr attr;
	int code = cli_target_class(ctx, text, ret);
	if (code != 0)
		return code;
	if (!ret->has_rest || ret->class.kind != SFS_CLASS_RAW ||
	    sfs_raw_find_path(ctx->store, ret->class.id, ret->rest, &attr) != SFS_ERR_CORRUPT)
		return cli_target_find(ctx, text, ret);
	ret->attr = (struct sfs_attr){ .type = SFS_NODE_FILE };
	return 0;
}

static void remove_text(struct removal *removal, const char *text)
{
	struct cli_target target;
	struct cli_ctx *ctx = removal->ctx;
	if (removal->force && !exists(removal, text))
		return;
	int code = find(removal, text, &target);
	bool many = code == 0 && (!target.has_rest || target.attr.type == SFS_NODE_DIR);
	if (many && !removal->recursive) {
		cli_error(ctx, text, "is a %s, and --recursive was not given",
			  target.has_rest ? "directory" : "class");
		code = CLI_FAILED;
	} else if (code == 0) {
		int err = remove_target(removal, &target);
		cli_progress_clear(&removal->progress);
		if (err < 0)
			code = fail(ctx, err, &target);
	}
	if (code != 0) {
		removal->failed++;
		removal->code = removal->code ? removal->code : code;
	}
}

static int run(struct cli_ctx *ctx)
{
	struct removal removal = {
		.ctx = ctx,
		.recursive = cli_option(ctx, "recursive"),
		.force = cli_option(ctx, "force"),
	};
	cli_progress_init(&removal.progress, ctx, "removing", "done");
	for (int i = 0; i < ctx->argc && !cli_stopped(ctx); i++)
		remove_text(&removal, ctx->argv[i]);
	if (cli_option(ctx, "json")) {
		struct cli_json json;
		cli_json_init(&json, ctx->out);
		cli_json_open(&json, NULL, '{');
		cli_json_number(&json, "removed", removal.removed);
		cli_json_number(&json, "failed", removal.failed);
		cli_json_close(&json, '}');
		cli_json_end(&json);
	}
	if (cli_stopped(ctx))
		return CLI_FAILED;
	return removal.failed > 0 && removal.removed > 0 ? CLI_PARTLY : removal.code;
}

static const struct cli_option options[] = {
	{ "recursive", 'r', NULL, "also a class or a directory, with all that is in it" },
	{ "force", 'f', NULL, "what does not exist is no failure" },
	{ "json", 'j', NULL, "how many were removed, as JSON" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_rm = {
	.name = "rm",
	.synopsis = "[OPTION]... STORE CLASS/OID...\n--recursive [OPTION]... STORE CLASS...",
	.summary = "remove objects, raws or classes",
	.details =
		"What stands after the first '/' is the oid, or the path of a raw, as it is, without\n"
		"any escaping. With several names each is tried; when some could be removed and\n"
		"others not, the exit code is 3.",
	.options = options,
	.examples = "storefs rm /srv/blog Article/42 Article/43\n"
		    "storefs rm --recursive /srv/blog Image/holiday\n"
		    "storefs rm --recursive --force /srv/blog Draft",
	.flags = CLI_OPENS,
	.exits = 1u << CLI_PARTLY | 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_REFUSED |
		 1u << CLI_NOT_STORE,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
