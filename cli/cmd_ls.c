/*
 * storefs ls: classes, objects, raws.
 *
 * Everything is written page by page. Directories of raws come from the store in no order; they are
 * sorted by going over them as often as needed and keeping the next names in order each time, so
 * that the memory stays bounded there too.
 */
#include <inttypes.h>
#include <stdlib.h>
#include "json.h"
#include "page.h"
#include "target.h"
#include "verbs.h"

#define SORT_MAX 65536

/* One listing. */
struct list {
	struct cli_ctx *ctx;
	struct cli_json json;
	bool as_json, details, sorted;
	bool counting; /* only how many */
	bool since;    /* only objects that changed after since_ns */
	int64_t since_ns;
	uint64_t start; /* so many are passed over first */
	uint64_t limit, shown;
	struct sfs_span prefix;
};

static bool is_full(const struct list *list)
{
	return list->shown == list->limit || cli_stopped(list->ctx);
}

static const char *type_text(enum sfs_node_type type)
{
	static const char *const texts[] = {
		[SFS_NODE_OBJECT] = "object", [SFS_NODE_FILE] = "file",
		[SFS_NODE_DIR] = "dir",       [SFS_NODE_SYMLINK] = "symlink",
		[SFS_NODE_FIFO] = "fifo",     [SFS_NODE_SOCKET] = "socket",
	};
	return (size_t)type < sizeof texts / sizeof *texts && texts[type] ? texts[type] : "?";
}

static void put_attr_json(struct list *list, const struct sfs_attr *attr)
{
	char mode[8];
	snprintf(mode, sizeof mode, "%04o", attr->mode & 07777);
	cli_json_string(&list->json, "mode", mode);
	cli_json_number(&list->json, "uid", attr->uid);
	cli_json_number(&list->json, "gid", attr->gid);
	cli_json_number(&list->json, "size", attr->size);
	cli_json_time(&list->json, "mtime", attr->mtime_ns);
	cli_json_number(&list->json, "ino", attr->ino);
	cli_json_number(&list->json, "revision", attr->revision);
}

static void put_attr_text(struct list *list, const struct sfs_attr *attr)
{
	static const char types[] = "?--dlps";
	char time[48], mode[11] = "----------";
	mode[0] = (size_t)attr->type < sizeof types - 1 ? types[attr->type] : '?';
	for (int i = 0; i < 9; i++)
		if (attr->mode >> (8 - i) & 1)
			mode[i + 1] = "rwxrwxrwx"[i];
	cli_time_text(attr->mtime_ns, time);
	fprintf(list->ctx->out, "%s %5u %5u %12" PRIu64 " %.19sZ ", mode, attr->uid, attr->gid,
		attr->size, time);
}

/* attr: complete with details, else ino and type. */
static void put_entry(struct list *list, const char *key, struct sfs_span name,
		      const struct sfs_attr *attr)
{
	list->shown++;
	if (list->counting)
		return;
	if (list->as_json) {
		fputs(list->shown > 1 ? ",\n" : "", list->ctx->out);
		list->json.comma = false;
		cli_json_open(&list->json, NULL, '{');
		cli_json_bytes(&list->json, key, name);
		if (attr->type != SFS_NODE_OBJECT)
			cli_json_string(&list->json, "type", type_text(attr->type));
		if (list->details)
			put_attr_json(list, attr);
		cli_json_close(&list->json, '}');
		return;
	}
	if (list->details)
		put_attr_text(list, attr);
	cli_put_name(list->ctx, name);
	fputs(attr->type == SFS_NODE_DIR ? "/\n" : "\n", list->ctx->out);
}

static bool has_prefix(const struct list *list, struct sfs_span name)
{
	return list->prefix.len <= name.len &&
	       (list->prefix.len == 0 ||
		memcmp(list->prefix.data, name.data, list->prefix.len) == 0);
}

/* Raws have no counters: those before --start are passed over one by one. */
static bool is_before(struct list *list)
{
	bool before = list->start > 0;
	list->start -= before;
	return before;
}

static void put_class(struct list *list, const struct sfs_class_info *class)
{
	list->shown++;
	if (list->as_json) {
		cli_json_open(&list->json, NULL, '{');
		cli_json_string(&list->json, "class", class->name);
		cli_json_string(&list->json, "kind", cli_kind_text(class->kind));
		cli_json_number(&list->json, "objects", class->objects);
		cli_json_number(&list->json, "files", class->files);
		if (list->details)
			put_attr_json(list, &class->attr);
		cli_json_close(&list->json, '}');
		return;
	}
	if (list->details)
		fprintf(list->ctx->out, "%-6s %12" PRIu64 " ", cli_kind_text(class->kind),
			class->kind == SFS_CLASS_OBJECT ? class->objects : class->files);
	fprintf(list->ctx->out, "%s\n", class->name);
}

static void list_classes(struct list *list)
{
	struct sfs_class_info class = { 0 };
	while (!is_full(list) && sfs_class_next(list->ctx->store, class.id, &class) == 0)
		if (has_prefix(list, sfs_span_str(class.name)))
			put_class(list, &class);
}

/* Complete the attributes. False: it was removed since it was listed. */
static bool complete(struct list *list, uint32_t class_id, struct sfs_span oid,
		     struct sfs_attr *attr, int *err)
{
	if (!list->details)
		return true;
	if (attr->type == SFS_NODE_OBJECT)
		*err = sfs_object_find(list->ctx->store, class_id, oid, attr);
	else
		*err = sfs_raw_stat(list->ctx->store, attr->ino, attr);
	if (*err != SFS_ERR_NOT_FOUND)
		return *err == 0;
	*err = 0;
	return false;
}

/* first: the page that begins at --start. */
static int next_page(struct list *list, uint32_t class_id, struct cli_page *page, bool first,
		     struct sfs_diag *diag)
{
	if (list->since)
		return cli_page_since(list->ctx, page, class_id, list->since_ns, diag);
	if (first)
		return cli_page_window(list->ctx, page, class_id, list->prefix, list->start, diag);
	return cli_page_scan(list->ctx, page, class_id, list->prefix, NULL, diag);
}

static int list_scan(struct list *list, uint32_t class_id, struct cli_page *page,
		     struct sfs_diag *diag)
{
	int err = 0;
	bool first = list->start > 0;
	while (err == 0 && !is_full(list)) {
		page->limit = list->limit - list->shown < SIZE_MAX
				      ? (size_t)(list->limit - list->shown)
				      : SIZE_MAX;
		err = next_page(list, class_id, page, first, diag);
		first = false;
		size_t count = err == 0 ? cli_page_count(page) : 0;
		if (count == 0)
			break;
		for (size_t i = 0; err == 0 && i < count && !is_full(list); i++) {
			struct sfs_attr attr = { .type = SFS_NODE_OBJECT };
			struct sfs_span oid = cli_page_name(page, i);
			if (complete(list, class_id, oid, &attr, &err))
				put_entry(list, "oid", oid, &attr);
		}
	}
	return err;
}

static int list_unsorted(struct list *list, uint32_t class_id, struct cli_page *page)
{
	int err = 0;
	while (err == 0 && !is_full(list)) {
		err = cli_page_list(list->ctx, page, class_id);
		size_t count = err == 0 ? cli_page_count(page) : 0;
		if (count == 0)
			break;
		for (size_t i = 0; i < count && !is_full(list); i++)
			if (has_prefix(list, cli_page_name(page, i)))
				put_entry(list, "oid", cli_page_name(page, i),
					  &cli_page_entry(page, i)->attr);
	}
	return err;
}

/* How many there are, from the counters. */
static int count_objects(struct list *list, uint32_t class_id)
{
	uint64_t count;
	int err = sfs_object_count(list->ctx->store, class_id, list->prefix, &count);
	if (err < 0)
		return err;
	count = count > list->start ? count - list->start : 0;
	list->shown = count < list->limit ? count : list->limit;
	return 0;
}

static int list_objects(struct list *list, const struct cli_target *target, struct sfs_span after)
{
	struct cli_page page = { 0 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err;
	if (list->counting && !list->since && after.len == 0) {
		err = count_objects(list, target->class.id);
	} else if (list->sorted) {
		err = sfs_buf_append(&page.after, after.data, after.len);
		if (err == 0)
			err = list_scan(list, target->class.id, &page, &diag);
	} else
		err = list_unsorted(list, target->class.id, &page);
	cli_page_fini(&page);
	return err < 0 ? cli_fail(list->ctx, err, target->text, &diag) : 0;
}

/* A name that waits to be shown in order. */
struct name {
	struct sfs_attr attr; /* ino and type */
	size_t len;
	char *bytes;
};

struct names {
	struct name *items; /* [2 * max] */
	size_t count, max;
	struct sfs_buf last; /* shown already: up to this name */
	bool more;           /* names were dropped: another round is needed */
};

static int compare_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
	size_t least = a_len < b_len ? a_len : b_len;
	int order = least ? memcmp(a, b, least) : 0;
	return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_names(const void *a, const void *b)
{
	const struct name *one = a, *two = b;
	return compare_bytes(one->bytes, one->len, two->bytes, two->len);
}

/* Keep the first max in order. */
static void names_cut(struct names *names)
{
	qsort(names->items, names->count, sizeof *names->items, compare_names);
	while (names->count > names->max) {
		free(names->items[--names->count].bytes);
		names->more = true;
	}
}

static int names_add(struct names *names, struct sfs_span name, const struct sfs_attr *attr)
{
	if (compare_bytes(name.data, name.len, names->last.data, names->last.len) <= 0)
		return 0;
	char *bytes = malloc(name.len);
	if (!bytes)
		return SFS_ERR_NO_MEMORY;
	memcpy(bytes, name.data, name.len);
	names->items[names->count++] = (struct name){ *attr, name.len, bytes };
	if (names->count == 2 * names->max)
		names_cut(names);
	return 0;
}

/* One round over the directory: fills names with the next ones in order. */
static int names_round(struct list *list, struct names *names, uint64_t dir)
{
	struct cli_page page = { 0 };
	int err = 0;
	names->more = false;
	while (err == 0 && !cli_stopped(list->ctx)) {
		err = cli_page_dir(list->ctx, &page, dir);
		size_t count = err == 0 ? cli_page_count(&page) : 0;
		if (count == 0)
			break;
		for (size_t i = 0; err == 0 && i < count; i++)
			if (has_prefix(list, cli_page_name(&page, i)))
				err = names_add(names, cli_page_name(&page, i),
						&cli_page_entry(&page, i)->attr);
	}
	cli_page_fini(&page);
	names_cut(names);
	return err;
}

static int names_show(struct list *list, struct names *names)
{
	int err = 0;
	for (size_t i = 0; i < names->count; i++) {
		struct name *item = &names->items[i];
		struct sfs_span name = { item->bytes, item->len };
		if (err == 0 && !is_full(list) && !is_before(list) &&
		    complete(list, 0, name, &item->attr, &err))
			put_entry(list, "name", name, &item->attr);
		if (err == 0 && i + 1 == names->count) {
			names->last.len = 0;
			err = sfs_buf_append(&names->last, name.data, name.len);
		}
		free(item->bytes);
	}
	names->count = 0;
	return err;
}

static int list_sorted(struct list *list, uint64_t dir, struct sfs_span after)
{
	uint64_t wanted = list->start < SORT_MAX ? list->start : SORT_MAX;
	wanted += list->limit < SORT_MAX ? list->limit : SORT_MAX;
	struct names names = { .max = wanted < SORT_MAX ? (size_t)wanted : SORT_MAX };
	if (names.max == 0)
		return 0;
	names.items = calloc(2 * names.max, sizeof *names.items);
	int err = names.items ? sfs_buf_append(&names.last, after.data, after.len)
			      : SFS_ERR_NO_MEMORY;
	do {
		if (err == 0)
			err = names_round(list, &names, dir);
		int shown = names_show(list, &names);
		if (err == 0)
			err = shown;
	} while (err == 0 && names.more && !is_full(list));
	sfs_buf_fini(&names.last);
	free(names.items);
	return err;
}

static int list_as_it_comes(struct list *list, uint64_t dir)
{
	struct cli_page page = { 0 };
	int err = 0;
	while (err == 0 && !is_full(list)) {
		err = cli_page_dir(list->ctx, &page, dir);
		size_t count = err == 0 ? cli_page_count(&page) : 0;
		if (count == 0)
			break;
		for (size_t i = 0; err == 0 && i < count && !is_full(list); i++) {
			struct sfs_attr attr = cli_page_entry(&page, i)->attr;
			struct sfs_span name = cli_page_name(&page, i);
			if (has_prefix(list, name) && !is_before(list) &&
			    complete(list, 0, name, &attr, &err))
				put_entry(list, "name", name, &attr);
		}
	}
	cli_page_fini(&page);
	return err;
}

static int list_target(struct list *list, const char *text, struct sfs_span after)
{
	struct cli_target target;
	int code = cli_target_find(list->ctx, text, &target), err;
	if (code != 0)
		return code;
	bool object = target.class.kind == SFS_CLASS_OBJECT;
	if (!object && list->since)
		return cli_usage(list->ctx, "--since is for objects, and %s is a class of raws",
				 target.class.name);
	if (object && !target.has_rest)
		return list_objects(list, &target, after);
	if (target.attr.type != SFS_NODE_DIR) {
		put_entry(list, object ? "oid" : "name", target.rest, &target.attr);
		return 0;
	}
	if (list->sorted)
		err = list_sorted(list, target.attr.ino, after);
	else
		err = list_as_it_comes(list, target.attr.ino);
	return err < 0 ? cli_fail(list->ctx, err, text, NULL) : 0;
}

static int check(struct cli_ctx *ctx)
{
	static const char *const in_class[] = { "after", "start", "end", "count", "since", NULL };
	int64_t moment;
	uint64_t limit;
	if (cli_option(ctx, "after") && cli_option(ctx, "unsorted"))
		return cli_usage(ctx, "--after needs an order, and --unsorted has none");
	for (const char *const *name = in_class; *name; name++)
		if (cli_option(ctx, *name) && ctx->argc == 0)
			return cli_usage(ctx, "--%s is for the names in a class", *name);
	if ((cli_option(ctx, "start") || cli_option(ctx, "end")) && cli_option(ctx, "unsorted"))
		return cli_usage(ctx, "positions need an order, and --unsorted has none");
	if ((cli_option(ctx, "start") || cli_option(ctx, "end")) &&
	    (cli_option(ctx, "after") || cli_option(ctx, "since")))
		return cli_usage(ctx,
				 "--start and --end count from the first of all names: without "
				 "--after and --since");
	if (cli_option(ctx, "since") && (cli_option(ctx, "prefix") || cli_option(ctx, "unsorted")))
		return cli_usage(ctx, "--since goes without --prefix and --unsorted");
	if (!cli_option_time(ctx, "since", &moment))
		return CLI_USAGE;
	return cli_option_number(ctx, "limit", 0, &limit) &&
			       cli_option_number(ctx, "start", 0, &limit) &&
			       cli_option_number(ctx, "end", 0, &limit)
		       ? 0
		       : CLI_USAGE;
}

/* The options that cut the list. False: one is wrong, and that was said. */
static bool take_window(struct list *list)
{
	uint64_t end;
	list->since = cli_option(list->ctx, "since");
	if (!cli_option_time(list->ctx, "since", &list->since_ns) ||
	    !cli_option_number(list->ctx, "limit", UINT64_MAX, &list->limit) ||
	    !cli_option_number(list->ctx, "start", 0, &list->start) ||
	    !cli_option_number(list->ctx, "end", UINT64_MAX, &end))
		return false;
	uint64_t len = end > list->start ? end - list->start : 0;
	if (list->limit > len)
		list->limit = len;
	return true;
}

static int run(struct cli_ctx *ctx)
{
	const char *prefix = cli_option(ctx, "prefix"), *after = cli_option(ctx, "after");
	struct list list = {
		.ctx = ctx,
		.as_json = cli_option(ctx, "json"),
		.details = cli_option(ctx, "long"),
		.sorted = !cli_option(ctx, "unsorted"),
		.counting = cli_option(ctx, "count"),
		.prefix = sfs_span_str(prefix ? prefix : ""),
	};
	if (!take_window(&list))
		return CLI_USAGE;
	list.details = list.details && !list.counting;
	struct sfs_span from = sfs_span_str(after ? after : "");
	cli_json_init(&list.json, ctx->out);
	if (list.as_json && !list.counting)
		fputc('[', ctx->out);
	int code = 0;
	if (ctx->argc > 0)
		code = list_target(&list, ctx->argv[0], from);
	else
		list_classes(&list);
	if (list.counting && code == 0)
		fprintf(ctx->out, "%" PRIu64 "\n", list.shown);
	else if (list.as_json && !list.counting)
		fputs("]\n", ctx->out);
	return code == 0 && cli_stopped(ctx) ? CLI_FAILED : code;
}

static const struct cli_option options[] = {
	{ "long", 'l', NULL, "mode, owner, size and time too; of classes: kind and count" },
	{ "prefix", 'p', "TEXT", "only names that start with it" },
	{ "limit", 'n', "N", "at most so many" },
	{ "after", 'A', "OID", "only what comes after it in order" },
	{ "start", 'b', "N", "only from position N on; the first is 0" },
	{ "end", 'e', "N", "only before position N" },
	{ "since", 's', "TIME",
	  "only objects that changed after it: 2026-11-22,\n"
	  "2026-11-22T01:02:03Z, -2h, yesterday" },
	{ "count", 'c', NULL, "only how many" },
	{ "unsorted", 'f', NULL, "in the order of the store: faster, with -l by far" },
	{ "json", 'j', NULL, "an array of objects" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_ls = {
	.name = "ls",
	.synopsis = "[OPTION]... STORE\n[OPTION]... STORE CLASS[/DIR]",
	.summary = "list classes, objects or raws",
	.details =
		"Lists the classes of the store, the oids of a class of objects in byte order, or a\n"
		"directory of a raw class. A million objects need no more memory than ten.\n"
		"Oids and names are printed as they are, a line each; a terminal gets '?' for\n"
		"control characters. --json gives every name exactly: one that is no UTF-8 comes\n"
		"in base64 as well.",
	.options = options,
	.examples = "storefs ls -l /srv/blog\n"
		    "storefs ls --prefix 2026- --limit 20 /srv/blog Article\n"
		    "storefs ls --start 900000 --limit 20 /srv/blog Article\n"
		    "storefs ls --count --since 2026-11-22 /srv/blog Article\n"
		    "storefs ls -l /srv/blog Image/holiday\n"
		    "storefs ls --json /srv/blog Article | jq -r .[].oid",
	.flags = CLI_OPENS | CLI_READS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 0,
	.max_args = 1,
	.check = check,
	.run = run,
};
