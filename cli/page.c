/* Pages of a listing. See page.h. The callbacks only copy: they run inside the store. */
#include "page.h"

#define COUNT_MAX 1024
#define BYTES_MAX ((size_t)4 << 20)

void cli_page_fini(struct cli_page *page)
{
	sfs_buf_fini(&page->bytes);
	sfs_buf_fini(&page->entries);
	sfs_buf_fini(&page->after);
}

static void empty(struct cli_page *page)
{
	page->bytes.len = 0;
	page->entries.len = 0;
	page->err = 0;
}

static int add(struct cli_page *page, struct cli_entry *entry, struct sfs_span name,
	       struct sfs_span doc)
{
	entry->name = page->bytes.len;
	entry->name_len = name.len;
	entry->doc = page->bytes.len + name.len;
	entry->doc_len = doc.len;
	page->err = sfs_buf_append(&page->bytes, name.data, name.len);
	if (page->err == 0)
		page->err = sfs_buf_append(&page->bytes, doc.data, doc.len);
	if (page->err == 0)
		page->err = sfs_buf_append(&page->entries, entry, sizeof *entry);
	return page->err < 0;
}

static int take_scan(void *arg, struct sfs_span oid, struct sfs_span doc)
{
	struct cli_page *page = arg;
	struct cli_entry entry = { 0 };
	if (!page->with_docs)
		doc = (struct sfs_span){ NULL, 0 };
	if (page->entries.len > 0 && page->bytes.len + oid.len + doc.len > BYTES_MAX)
		return 1;
	return add(page, &entry, oid, doc);
}

static size_t limit_of(const struct cli_page *page)
{
	return page->limit && page->limit < COUNT_MAX ? page->limit : COUNT_MAX;
}

/* The page is there: go on behind its last oid. */
static int scan_end(struct cli_page *page, int err)
{
	if (err == SFS_ERR_CANCELLED)
		err = page->err;
	size_t count = cli_page_count(page);
	if (err < 0 || count == 0)
		return err;
	struct sfs_span last = cli_page_name(page, count - 1);
	page->after.len = 0;
	return sfs_buf_append(&page->after, last.data, last.len);
}

int cli_page_scan(struct cli_ctx *ctx, struct cli_page *page, uint32_t class_id,
		  struct sfs_span prefix, const enum sfs_format *doc, struct sfs_diag *diag)
{
	empty(page);
	page->with_docs = doc;
	/* msgpack is what records are made of: the cheapest where no document is wanted. */
	int err = sfs_object_scan(ctx->store, class_id, prefix, sfs_buf_span(&page->after),
				  limit_of(page), doc ? *doc : SFS_FORMAT_MSGPACK, take_scan, page,
				  diag);
	return scan_end(page, err);
}

int cli_page_window(struct cli_ctx *ctx, struct cli_page *page, uint32_t class_id,
		    struct sfs_span prefix, uint64_t start, struct sfs_diag *diag)
{
	struct sfs_window window = { .count = (int64_t)limit_of(page), .end = -1 };
	window.start = start < INT64_MAX ? (int64_t)start : INT64_MAX;
	empty(page);
	page->with_docs = false;
	int err = sfs_object_window(ctx->store, class_id, prefix, &window, SFS_FORMAT_MSGPACK,
				    take_scan, page, diag);
	return scan_end(page, err);
}

int cli_page_since(struct cli_ctx *ctx, struct cli_page *page, uint32_t class_id, int64_t since_ns,
		   struct sfs_diag *diag)
{
	empty(page);
	page->with_docs = false;
	int err = sfs_object_since(ctx->store, class_id, since_ns, sfs_buf_span(&page->after),
				   limit_of(page), SFS_FORMAT_MSGPACK, take_scan, page, diag);
	return scan_end(page, err);
}

static int take_list(void *arg, struct sfs_span oid, const struct sfs_attr *attr, uint64_t cookie)
{
	struct cli_page *page = arg;
	struct cli_entry entry = { .attr = *attr };
	page->cookie = cookie;
	return add(page, &entry, oid, (struct sfs_span){ NULL, 0 });
}

int cli_page_list(struct cli_ctx *ctx, struct cli_page *page, uint32_t class_id)
{
	empty(page);
	int err = sfs_object_list(ctx->store, class_id, page->cookie, COUNT_MAX, take_list, page);
	return err == SFS_ERR_CANCELLED ? page->err : err;
}

static int take_dir(void *arg, struct sfs_span name, uint64_t ino, enum sfs_node_type type,
		    uint64_t cookie)
{
	struct cli_page *page = arg;
	struct cli_entry entry = { .attr = { .ino = ino, .type = type } };
	page->cookie = cookie;
	return add(page, &entry, name, (struct sfs_span){ NULL, 0 });
}

int cli_page_dir(struct cli_ctx *ctx, struct cli_page *page, uint64_t dir)
{
	empty(page);
	int err = sfs_raw_list(ctx->store, dir, page->cookie, COUNT_MAX, take_dir, page);
	return err == SFS_ERR_CANCELLED ? page->err : err;
}

size_t cli_page_count(const struct cli_page *page)
{
	return page->entries.len / sizeof(struct cli_entry);
}

const struct cli_entry *cli_page_entry(const struct cli_page *page, size_t index)
{
	return (const struct cli_entry *)page->entries.data + index;
}

struct sfs_span cli_page_name(const struct cli_page *page, size_t index)
{
	const struct cli_entry *entry = cli_page_entry(page, index);
	return (struct sfs_span){ (const char *)page->bytes.data + entry->name, entry->name_len };
}

struct sfs_span cli_page_doc(const struct cli_page *page, size_t index)
{
	const struct cli_entry *entry = cli_page_entry(page, index);
	return (struct sfs_span){ (const char *)page->bytes.data + entry->doc, entry->doc_len };
}
