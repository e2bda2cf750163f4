/* Names, signatures and objects of index files: see file.h. */
#include <stdio.h>
#include "document/msgpack.h"
#include "index/file.h"
#include "index/python.h"
#include "object.h"

#define PAGE 256

static int set_name(char *ret, size_t size, const struct sfsi_index_filing *filing,
		    const char *direction)
{
	struct sfs_span prefix = filing->files->prefix, type = filing->files->type;
	if (type.len == 0)
		type = sfs_span_str(filing->names.type);
	int len = snprintf(ret, size, "%.*s%.*s.%s-%s.dbm", (int)prefix.len,
			   prefix.len ? (const char *)prefix.data : "", (int)type.len,
			   (const char *)type.data, filing->table->name, direction);
	if (len < 0 || (size_t)len >= size)
		return sfs_diag_set(filing->diag, SFS_ERR_LIMIT,
				    "the name of the index file is too long: at most %zu bytes",
				    size - 1);
	if (strchr(ret, '/'))
		return sfs_diag_set(filing->diag, SFS_ERR_NAME,
				    "'%s' can not be the name of an index file: it has a '/'", ret);
	return 0;
}

int sfsi_index_filing_init(struct sfsi_index_filing *ret, struct sfs_store *store,
			   uint32_t class_id, struct sfs_span index,
			   const struct sfs_index_files *files, struct sfs_diag *diag)
{
	*ret = (struct sfsi_index_filing){ .store = store, .files = files, .diag = diag };
	int err = sfsi_object_class(store, class_id, &ret->class);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	err = sfsi_index_open(store, ret->class, index, &ret->table, diag);
	if (err < 0)
		return err;
	if (files->prefix.len > 256 || files->type.len > SFS_CLASS_NAME_MAX)
		return sfs_diag_set(diag, SFS_ERR_LIMIT, "prefix or type is too long");
	sfsi_index_names(store, ret->class, &ret->names);
	ret->collection = files->collection.len ? files->collection : sfs_span_str(ret->names.name);
	err = set_name(ret->forward, sizeof ret->forward, ret, "fwd");
	return err < 0 ? err : set_name(ret->backward, sizeof ret->backward, ret, "bwd");
}

int sfsi_index_file_quote(struct sfs_span text, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, &value);
	int err = writer.sink.ops->string(&writer.sink, text);
	return err < 0 ? err : sfsi_python_text(sfs_buf_span(&value), SFSI_PYTHON_JSON, ret);
}

int sfsi_index_file_signature(const struct sfsi_index_filing *filing, struct sfs_span oid,
			      struct sfs_buf *ret)
{
	int err = sfs_buf_append(ret, filing->collection.data, filing->collection.len);
	if (!err)
		err = sfs_buf_append(ret, ".", 1);
	return err < 0 ? err : sfs_buf_append(ret, oid.data, oid.len);
}

int sfsi_index_file_keys(const struct sfsi_index_filing *filing, struct sfs_span oid,
			 struct sfsi_index_keys *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	int err = sfsi_object_read(filing->store, filing->class->id, oid, &buf, &record);
	if (err < 0)
		return err;
	return sfsi_index_keys_had(filing->table, &filing->names, oid, &record, ret);
}

/* --- objects, page by page --- */

struct page {
	struct sfs_buf oids;
	size_t lens[PAGE];
	size_t count;
	uint64_t cookie; /* of the last one */
	int err;
};

static int take_oid(void *arg, struct sfs_span oid, const struct sfs_attr *attr, uint64_t cookie)
{
	struct page *page = arg;
	(void)attr;
	/* Those that share a cookie are not divided, so it may be more than were asked for. */
	page->err = page->count == PAGE ? SFS_ERR_LIMIT
					: sfs_buf_append(&page->oids, oid.data, oid.len);
	if (page->err < 0)
		return 1;
	page->lens[page->count++] = oid.len;
	page->cookie = cookie;
	return 0;
}

static int give_page(const struct page *page, sfsi_index_file_fn *fn, void *arg)
{
	size_t at = 0;
	int err = 0;
	for (size_t i = 0; i < page->count && !err; i++) {
		err = fn(arg,
			 (struct sfs_span){ (const char *)page->oids.data + at, page->lens[i] });
		at += page->lens[i];
	}
	return err;
}

int sfsi_index_file_objects(const struct sfsi_index_filing *filing, sfsi_index_file_fn *fn,
			    void *arg)
{
	struct page page = { .cookie = 0 };
	int err = 0;
	do {
		page.count = page.oids.len = 0;
		err = sfs_object_list(filing->store, filing->class->id, page.cookie, PAGE / 2,
				      take_oid, &page);
		if (err == SFS_ERR_CANCELLED)
			err = page.err;
		if (!err)
			err = give_page(&page, fn, arg);
	} while (!err && page.count >= PAGE / 2);
	sfs_buf_fini(&page.oids);
	return err;
}
