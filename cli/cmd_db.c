/* storefs db: databases, as the Storify program has them. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include <storefs/database.h>
#include "target.h"
#include "verbs.h"

/** The database of an argument. Returns 0, or an exit code after saying why. */
static int find(struct cli_ctx *ctx, struct sfs_database_info *ret)
{
	struct sfs_class_info class;
	const char *name = ctx->argv[0];
	if (sfs_class_find(ctx->store, sfs_span_str(name), &class) < 0) {
		cli_error(ctx, name, "no such database");
		return CLI_NOT_FOUND;
	}
	if (sfs_database_get(ctx->store, class.id, ret) < 0) {
		cli_error(ctx, name, "the class is no database");
		return CLI_FAILED;
	}
	return 0;
}

/** The same, and one that can be loaded. */
static int find_good(struct cli_ctx *ctx, struct sfs_database_info *ret)
{
	int code = find(ctx, ret);
	if (code == 0 && ret->fault) {
		cli_error(ctx, NULL, "%s", ret->why);
		code = CLI_FAILED;
	}
	return code;
}

static const char *root_text(enum sfs_database_root root)
{
	return root == SFS_DATABASE_MAP ? "map" : root == SFS_DATABASE_LIST ? "list" : "scalar";
}

/* --- list --- */

static void put_database(struct cli_ctx *ctx, const struct sfs_class_info *class,
			 const struct sfs_database_info *info)
{
	cli_put_name(ctx, sfs_span_str(class->name));
	fprintf(ctx->out, "\t%s\t%" PRIu64 "%s%s\n", root_text(info->root), class->objects,
		info->changed ? "\tchanged" : "", info->fault ? "\tdamaged" : "");
}

static int list_all(struct cli_ctx *ctx)
{
	struct sfs_class_info class = { .id = 0 };
	struct sfs_database_info info;
	while (!cli_stopped(ctx) && sfs_class_next(ctx->store, class.id, &class) == 0)
		if (sfs_database_get(ctx->store, class.id, &info) == 0)
			put_database(ctx, &class, &info);
	return CLI_OK;
}

struct listing {
	struct sfs_buf names;
	uint64_t cookie;
	size_t count;
};

static int take_key(void *arg, struct sfs_span oid, const struct sfs_attr *attr, uint64_t cookie)
{
	struct listing *listing = arg;
	(void)attr;
	listing->cookie = cookie;
	listing->count++;
	return sfs_buf_append(&listing->names, oid.data, oid.len) < 0 ||
	       sfs_buf_append(&listing->names, "\n", 1) < 0;
}

#define PAGE_KEYS 1000

static int list(struct cli_ctx *ctx)
{
	struct sfs_database_info info;
	struct listing listing = { .cookie = 0 };
	int code = ctx->argc ? find_good(ctx, &info) : list_all(ctx);
	if (code != 0 || !ctx->argc)
		return code;
	do {
		listing.names.len = listing.count = 0;
		int err = sfs_object_list(ctx->store, info.class_id, listing.cookie, PAGE_KEYS,
					  take_key, &listing);
		if (err < 0)
			code = cli_fail(ctx, err, ctx->argv[0], NULL);
		fwrite(listing.names.data, 1, listing.names.len, ctx->out);
	} while (code == 0 && listing.count >= PAGE_KEYS && !cli_stopped(ctx));
	sfs_buf_fini(&listing.names);
	return code;
}

/* --- values --- */

static int get(struct cli_ctx *ctx)
{
	struct sfs_database_info info;
	struct sfs_attr attr;
	struct sfs_doc *doc = NULL;
	enum sfs_format format;
	if (!cli_option_format(ctx, SFS_FORMAT_JSON, &format))
		return CLI_USAGE;
	int code = find_good(ctx, &info);
	if (code != 0)
		return code;
	int err = sfs_object_find(ctx->store, info.class_id, sfs_span_str(ctx->argv[1]), &attr);
	const char *fallback = cli_option(ctx, "default");
	if (err == SFS_ERR_NOT_FOUND && fallback) {
		fprintf(ctx->out, "%s\n", fallback);
		return CLI_OK;
	}
	if (!err)
		err = sfs_object_get(ctx->store, attr.ino, format, &doc);
	if (err < 0 || !doc)
		return cli_fail(ctx, err, ctx->argv[1], NULL);
	fwrite(doc->bytes.data, 1, doc->bytes.len, ctx->out);
	sfs_doc_unref(doc);
	return CLI_OK;
}

/** The value of the last argument, or of standard input. */
static int read_value(struct cli_ctx *ctx, int at, struct sfs_buf *ret)
{
	bool given = ctx->argc > at && strcmp(ctx->argv[at], "-") != 0;
	int err = given ? sfs_buf_append(ret, ctx->argv[at], strlen(ctx->argv[at]))
			: cli_read_all(ctx, ctx->in_fd, SFS_BUF_MAX, ret);
	return err < 0 ? cli_fail(ctx, err, "value", NULL) : 0;
}

static int refuse(struct cli_ctx *ctx, int err, const struct sfs_diag *diag)
{
	return cli_fail(ctx, err, ctx->argv[0], diag);
}

static int set(struct cli_ctx *ctx)
{
	struct sfs_database_info info;
	struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	enum sfs_format format;
	if (!cli_option_format(ctx, SFS_FORMAT_JSON, &format))
		return CLI_USAGE;
	int code = find_good(ctx, &info);
	if (code == 0)
		code = read_value(ctx, 2, &text);
	struct sfs_put put = {
		.class_id = info.class_id,
		.oid = sfs_span_str(ctx->argv[1]),
		.format = format,
		.text = sfs_buf_span(&text),
	};
	int err = code == 0 ? sfs_object_put(ctx->store, &put, NULL, &diag) : 0;
	if (err < 0) {
		cli_refused(ctx, "db set", &put, err, &diag);
		code = refuse(ctx, err, &diag);
	}
	sfs_buf_fini(&text);
	return code;
}

static int del(struct cli_ctx *ctx)
{
	struct sfs_database_info info;
	int code = find_good(ctx, &info);
	if (code != 0)
		return code;
	int err = sfs_object_remove(ctx->store, info.class_id, sfs_span_str(ctx->argv[1]), 0);
	return err < 0 ? cli_fail(ctx, err, ctx->argv[1], NULL) : CLI_OK;
}

static int append(struct cli_ctx *ctx)
{
	struct sfs_database_info info;
	struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	enum sfs_format format;
	if (!cli_option_format(ctx, SFS_FORMAT_JSON, &format))
		return CLI_USAGE;
	bool remove = strcmp(ctx->action->name, "remove-value") == 0;
	int code = find_good(ctx, &info);
	if (code == 0)
		code = read_value(ctx, 1, &text);
	int err = 0;
	if (code == 0)
		err = remove ? sfs_database_remove(ctx->store, info.class_id, format,
						   sfs_buf_span(&text), &diag)
			     : sfs_database_append(ctx->store, info.class_id, format,
						   sfs_buf_span(&text), &diag);
	sfs_buf_fini(&text);
	return err < 0 ? refuse(ctx, err, &diag) : code;
}

static int pop(struct cli_ctx *ctx)
{
	struct sfs_database_info info;
	struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	enum sfs_format format;
	char *end = NULL;
	long long index = ctx->argc > 1 ? strtoll(ctx->argv[1], &end, 10) : -1;
	if (!cli_option_format(ctx, SFS_FORMAT_JSON, &format) || (end && *end))
		return cli_usage(ctx, "expected the number of an item");
	int code = find_good(ctx, &info);
	if (code != 0)
		return code;
	int err = sfs_database_pop(ctx->store, info.class_id, index, format, &text, &diag);
	if (!err)
		fwrite(text.data, 1, text.len, ctx->out);
	sfs_buf_fini(&text);
	return err < 0 ? refuse(ctx, err, &diag) : CLI_OK;
}

/* --- the file --- */

static int flush(struct cli_ctx *ctx)
{
	struct sfs_database_info info = { .class_id = 0 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	int code = ctx->argc ? find(ctx, &info) : 0;
	int err = code == 0 ? sfs_database_flush(ctx->store, info.class_id, &diag) : 0;
	return err < 0 ? cli_fail(ctx, err, NULL, &diag) : code;
}

static int end(struct cli_ctx *ctx)
{
	struct sfs_database_info info;
	struct sfs_diag diag = SFS_DIAG_INIT;
	bool destroy = strcmp(ctx->action->name, "destroy") == 0;
	int code = find(ctx, &info);
	if (code != 0)
		return code;
	int err = sfs_database_end(ctx->store, info.class_id,
				   destroy ? SFS_DATABASE_DESTROY : SFS_DATABASE_REMOVE, &diag);
	return err < 0 ? refuse(ctx, err, &diag) : CLI_OK;
}

static int rename_to(struct cli_ctx *ctx)
{
	struct sfs_database_info info;
	struct sfs_class_info other;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_span name = sfs_span_str(ctx->argv[1]);
	int code = find(ctx, &info);
	if (code != 0)
		return code;
	int err = 0;
	if (cli_option(ctx, "replace") && sfs_class_find(ctx->store, name, &other) == 0)
		err = sfs_database_end(ctx->store, other.id, SFS_DATABASE_DESTROY, &diag);
	if (!err)
		err = sfs_class_rename(ctx->store, sfs_span_str(ctx->argv[0]), name);
	return err < 0 ? cli_fail(ctx, err, ctx->argv[1], &diag) : CLI_OK;
}

static int exists(struct cli_ctx *ctx)
{
	struct sfs_database_info info;
	struct sfs_class_info class;
	bool there = sfs_class_find(ctx->store, sfs_span_str(ctx->argv[0]), &class) == 0 &&
		     sfs_database_get(ctx->store, class.id, &info) == 0 && info.exists;
	return there ? CLI_OK : CLI_NOT_FOUND;
}

static int create(struct cli_ctx *ctx)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_class_make make = {
		.name = sfs_span_str(ctx->argv[0]),
		.kind = SFS_CLASS_OBJECT,
		.mode = 0755,
		.uid = geteuid(),
		.gid = getegid(),
	};
	uint32_t id;
	int err = sfs_database_create(ctx->store, &make,
				      sfs_span_str(ctx->argc > 1 ? ctx->argv[1] : ""), &id, &diag);
	return err < 0 ? refuse(ctx, err, &diag) : CLI_OK;
}

static int path(struct cli_ctx *ctx)
{
	struct sfs_database_info info;
	struct sfs_buf text = SFS_BUF_INIT;
	int code = find(ctx, &info);
	int err = code == 0 ? sfs_database_path(ctx->store, info.class_id, &text) : 0;
	if (code == 0 && !err)
		fprintf(ctx->out, "%.*s\n", (int)text.len, (const char *)text.data);
	sfs_buf_fini(&text);
	return err < 0 ? cli_fail(ctx, err, ctx->argv[0], NULL) : code;
}

/* --- backups --- */

static int put_backup(void *arg, const char *name, uint64_t size, int64_t mtime_ns)
{
	struct cli_ctx *ctx = arg;
	(void)mtime_ns;
	fprintf(ctx->out, "%s\t%" PRIu64 "\n", name, size);
	return cli_stopped(ctx);
}

static int backups(struct cli_ctx *ctx)
{
	struct sfs_database_info info;
	int code = find(ctx, &info);
	if (code != 0)
		return code;
	int err = sfs_database_backups(ctx->store, info.class_id, put_backup, ctx);
	return err < 0 ? cli_fail(ctx, err, ctx->argv[0], NULL) : CLI_OK;
}

static int restore(struct cli_ctx *ctx)
{
	struct sfs_database_info info;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int code = find(ctx, &info);
	if (code != 0)
		return code;
	int err = sfs_database_restore(ctx->store, info.class_id,
				       ctx->argc > 1 ? ctx->argv[1] : NULL, &diag);
	return err < 0 ? refuse(ctx, err, &diag) : CLI_OK;
}

static int load(struct cli_ctx *ctx)
{
	struct sfs_database_info info;
	struct sfs_buf image = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int code = find(ctx, &info);
	int err = code == 0 ? cli_read_all(ctx, ctx->in_fd, SFS_BUF_MAX, &image) : 0;
	if (code == 0 && !err)
		err = sfs_database_load(ctx->store, info.class_id, sfs_buf_span(&image), &diag);
	sfs_buf_fini(&image);
	return err < 0 ? refuse(ctx, err, &diag) : code;
}

static int reset(struct cli_ctx *ctx)
{
	struct sfs_database_info info;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int code = find(ctx, &info);
	if (code != 0)
		return code;
	int err = sfs_database_reset(ctx->store, info.class_id, &diag);
	return err < 0 ? refuse(ctx, err, &diag) : CLI_OK;
}

static const struct cli_action actions[] = {
	{ "list", true, 0, 1, list },         { "get", true, 2, 2, get },
	{ "set", false, 2, 3, set },          { "del", false, 2, 2, del },
	{ "append", false, 1, 2, append },    { "remove-value", false, 1, 2, append },
	{ "pop", false, 1, 2, pop },          { "create", false, 1, 2, create },
	{ "flush", false, 0, 1, flush },      { "close", false, 1, 1, flush },
	{ "destroy", false, 1, 1, end },      { "remove", false, 1, 1, end },
	{ "rename", false, 2, 2, rename_to }, { "exists", true, 1, 1, exists },
	{ "backups", true, 1, 1, backups },   { "restore", false, 1, 2, restore },
	{ "load", false, 1, 1, load },        { "reset", false, 1, 1, reset },
	{ "path", true, 1, 1, path },         { NULL, false, 0, 0, NULL },
};

static const struct cli_option options[] = {
	{ "format", 'F', "FORMAT", "of values: json (default) or msgpack" },
	{ "default", 'd', "TEXT", "get: what to print when there is no such key" },
	{ "replace", 'r', NULL, "rename: destroy a database that has the new name" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_db = {
	.name = "db",
	.synopsis = "list STORE [NAME]\n"
		    "get [--default TEXT] STORE NAME KEY\n"
		    "set STORE NAME KEY [VALUE]\n"
		    "del STORE NAME KEY\n"
		    "append|remove-value STORE NAME [VALUE]\n"
		    "pop STORE NAME [NUMBER]\n"
		    "create STORE NAME [ROOT]\n"
		    "flush STORE [NAME]\n"
		    "close|destroy|remove|exists|path STORE NAME\n"
		    "rename [--replace] STORE NAME NEW\n"
		    "backups|reset STORE NAME\n"
		    "restore STORE NAME [BACKUP]\n"
		    "load STORE NAME <FILE",
	.summary = "work with databases, the .mpack files of Storify",
	.details =
		"list: the databases, or the keys of one in the order of its file. get, set, del: one\n"
		"key; a VALUE is JSON, from standard input when it is - or left out.\n"
		"append, remove-value, pop: items of a database that is a list; NUMBER may be below\n"
		"0, from the end, and is -1 when it is left out.\n"
		"flush: write the file now, if that changes it; the old one becomes a backup. close is\n"
		"the same: a database is never closed for others. Without a daemon every command\n"
		"flushes when it ends.\n"
		"destroy: remove database and file, its last state becomes a backup. remove: without\n"
		"that. Backups stay. rename takes the backups along.\n"
		"restore: a backup, the newest if none is named, becomes the database; load: an image\n"
		"from standard input does. reset: begin anew with an empty one; a damaged file is\n"
		"kept as NAME.mpack.corrupt. exists says by its exit code whether there is a file.",
	.options = options,
	.examples = "storefs db list ~/todo_app_data\n"
		    "storefs db set ~/todo_app_data todo t1 '{\"done\": true}'\n"
		    "storefs db restore ~/todo_app_data todo 20261122010203000000",
	.flags = CLI_OPENS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_REFUSED | 1u << CLI_NOT_STORE,
	.actions = actions,
};

static const struct cli_option no_options[] = { { NULL, 0, NULL, NULL } };

const struct cli_cmd cli_cmd_flush = {
	.name = "flush",
	.synopsis = "STORE [NAME]",
	.summary = "write databases that changed to their files",
	.details =
		"The same as 'storefs db flush': all databases, or one. Every save is safe before that;\n"
		"this is for the programs that read the files.",
	.options = no_options,
	.examples = "storefs flush ~/todo_app_data",
	.flags = CLI_OPENS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 0,
	.max_args = 1,
	.run = flush,
};
