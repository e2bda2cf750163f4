/*
 * What a dump says of the objects of a class and of its tree, a line each. docs/dump.md describes them.
 */
#include <stdio.h>
#include <stdlib.h>
#include "base/array.h"
#include "bytes.h"
#include "copy/copy.h"
#include "document/document.h"
#include "dump/write.h"

#define LARGE ((size_t)1 << 20) /* what has lines of its own in a part */
#define TEXT_PIECE ((size_t)4 << 20)

/* --- objects --- */

/** Pieces of a long text, a line each, cut between characters. */
static int put_long_text(struct sfsi_dumping *d, struct sfs_span text)
{
	const unsigned char *at = text.data;
	int err = 0;
	while (text.len && !err) {
		size_t len = text.len < TEXT_PIECE ? text.len : TEXT_PIECE;
		while (len < text.len && len > TEXT_PIECE - 4 && (at[len] & 0xc0) == 0x80)
			len--;
		err = sfsi_line_put_text(&d->part, (struct sfs_span){ at, len });
		d->lines++;
		at += len;
		text = (struct sfs_span){ at, text.len - len };
	}
	return err;
}

static int put_object_head(struct sfsi_dumping *d, const struct sfsi_copy_object *object,
			   bool below)
{
	struct sfsi_line *line = &d->line;
	bool has_text = object->text.data, long_text = has_text && object->text.len > LARGE;
	int err = sfsi_line_text(line, "oid", object->oid);
	if (!err && !below)
		err = sfsi_line_value(line, "document", object->body);
	if (!err)
		err = sfsi_line_value(line, "updates", sfs_buf_span(&object->updates));
	if (!err)
		err = sfsi_line_attributes(line, &object->attr);
	if (!err && has_text && object->text_format == SFS_FORMAT_MSGPACK)
		err = sfsi_line_text(line, "text_format", sfs_span_str("msgpack"));
	if (!err && has_text && !long_text)
		err = sfsi_line_text(line, "text", object->text);
	if (!err && long_text)
		err = sfsi_line_number(line, "text_bytes", (int64_t)object->text.len);
	if (!err && below)
		err = sfsi_line_number(line, "below", 1);
	return err < 0 ? err : sfsi_line_end(line, &d->part);
}

static int put_object_lines(struct sfsi_dumping *d, const struct sfsi_copy_object *object)
{
	bool below = object->body.len > LARGE;
	int err = put_object_head(d, object, below);
	if (err == SFS_ERR_LIMIT && !below) {
		/* One level more would be too deep. */
		below = true;
		err = put_object_head(d, object, below);
	}
	d->lines++;
	if (!err && below) {
		err = sfsi_value_json(object->body, &d->part);
		if (!err)
			err = sfs_buf_append(&d->part, "\n", 1);
		d->lines++;
	}
	if (!err && object->text.data && object->text.len > LARGE)
		err = put_long_text(d, object->text);
	return err < 0 ? err : sfsi_dump_flush(d);
}

static int put_object(struct sfsi_dumping *d, struct sfs_span oid, struct sfsi_copy_object *object)
{
	int err = sfsi_copy_object_get(d->store, d->class.id, oid, object);
	if (err == SFS_ERR_NOT_FOUND)
		return 0; /* removed meanwhile */
	if (!err)
		err = put_object_lines(d, object);
	return err < 0 ? sfsi_dump_fail(d, err, oid) : sfsi_dump_step(d, &d->done.objects);
}

int sfsi_dump_objects(struct sfsi_dumping *d)
{
	SFSI_AUTO_BUF struct sfs_buf after = SFS_BUF_INIT;
	struct sfsi_copy_object object = { .bytes = SFS_BUF_INIT, .updates = SFS_BUF_INIT };
	struct sfsi_copy_page page = { .count = 0 };
	int err = 0;
	do {
		err = sfsi_copy_page(d->store, d->class.id, &after, &page);
		for (size_t i = 0; i < page.count && !err; i++)
			err = put_object(d, sfsi_copy_page_oid(&page, i), &object);
		if (!err)
			err = sfsi_copy_page_end(&page, &after);
	} while (!err && page.count);
	sfs_buf_fini(&page.oids);
	sfsi_copy_object_fini(&object);
	return err;
}

/* --- trees --- */

static int push(struct sfsi_dumping *d, uint64_t ino, struct sfs_span path)
{
	int err = sfsi_array_grow(&d->dirs, d->dir_count, &d->dir_cap, sizeof *d->dirs);
	char *copy = err < 0 ? NULL : sfsi_dump_path_copy(path);
	if (!copy)
		return SFS_ERR_NO_MEMORY;
	if (path.len)
		copy[path.len] = '/';
	d->dirs[d->dir_count++] = (struct sfsi_dump_dir){ ino, copy };
	return 0;
}

/** The first path of a file with several names. False: this is it, and it is noted. */
static int find_link(struct sfsi_dumping *d, uint64_t ino, struct sfs_span path,
		     struct sfs_span *ret)
{
	uint8_t bytes[8];
	const struct sfs_span key = { bytes, sizeof bytes };
	sfsi_put_be64(bytes, ino);
	const struct sfsi_map_entry *found = sfsi_map_seek(&d->links, key);
	*ret = (struct sfs_span){ NULL, 0 };
	if (found && sfs_span_equal(sfsi_map_key(found), key)) {
		*ret = sfsi_map_value(found);
		return 0;
	}
	struct sfsi_map_entry *entry = sfsi_map_entry_new(&d->links, key, path);
	if (!entry)
		return SFS_ERR_NO_MEMORY;
	sfsi_map_entry_free(sfsi_map_put(&d->links, entry));
	return 0;
}

/** Metadata, and the text of its document where that is not how it is shown. */
static int add_meta(struct sfsi_dumping *d, const struct sfs_attr *attr)
{
	SFSI_AUTO_BUF struct sfs_buf keys = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf plain = SFS_BUF_INIT;
	if (d->class.kind != SFS_CLASS_RAW || attr->type == SFS_NODE_DIR)
		return 0;
	int err = sfs_raw_meta_list(d->store, attr->ino, &keys);
	if (err < 0 || keys.len == 0)
		return err;
	err = sfs_raw_meta_document(d->store, attr->ino, SFS_FORMAT_MSGPACK, &body);
	if (!err)
		err = sfs_raw_meta_document(d->store, attr->ino, SFS_FORMAT_JSON, &text);
	if (!err)
		err = sfsi_document_render(SFS_FORMAT_JSON, sfs_buf_span(&body), &plain);
	if (!err)
		err = sfsi_line_value(&d->line, "meta", sfs_buf_span(&body));
	if (!err && !sfs_span_equal(sfs_buf_span(&plain), sfs_buf_span(&text)))
		err = sfsi_line_text(&d->line, "meta_text", sfs_buf_span(&text));
	return err;
}

static int add_target(struct sfsi_dumping *d, const struct sfs_attr *attr)
{
	SFSI_AUTO_BUF struct sfs_buf target = SFS_BUF_INIT;
	if (attr->type != SFS_NODE_SYMLINK)
		return 0;
	int err = sfs_raw_readlink(d->store, attr->ino, &target);
	return err < 0 ? err : sfsi_line_text(&d->line, "target", sfs_buf_span(&target));
}

static const char *type_word(enum sfs_node_type type)
{
	static const char *const words[] = {
		[SFS_NODE_FILE] = "file",       [SFS_NODE_DIR] = "directory",
		[SFS_NODE_SYMLINK] = "symlink", [SFS_NODE_FIFO] = "pipe",
		[SFS_NODE_SOCKET] = "socket",
	};
	return type <= SFS_NODE_SOCKET && words[type] ? words[type] : "";
}

static int note_file(struct sfsi_dumping *d, struct sfs_span path, const struct sfs_attr *attr)
{
	struct sfsi_dump_file *file = &d->files[d->file_count];
	*file = (struct sfsi_dump_file){ .path = sfsi_dump_path_copy(path), .attr = *attr };
	if (!file->path)
		return SFS_ERR_NO_MEMORY;
	d->file_count++;
	return 0;
}

static int put_node(struct sfsi_dumping *d, struct sfs_span path, const struct sfs_attr *attr)
{
	struct sfs_span link = { NULL, 0 };
	bool is_dir = attr->type == SFS_NODE_DIR;
	int err = sfsi_line_text(&d->line, "path", path);
	if (!err && attr->nlink > 1 && !is_dir)
		err = find_link(d, attr->ino, path, &link);
	if (err < 0 || link.data) {
		err = err < 0 ? err : sfsi_line_text(&d->line, "link", link);
		return err < 0 ? err : sfsi_dump_end_line(d);
	}
	err = sfsi_line_text(&d->line, "type", sfs_span_str(type_word(attr->type)));
	if (!err && attr->type == SFS_NODE_FILE)
		err = sfsi_line_number(&d->line, "size", (int64_t)attr->size);
	if (!err)
		err = add_target(d, attr);
	if (!err)
		err = sfsi_line_attributes(&d->line, attr);
	if (!err)
		err = add_meta(d, attr);
	if (!err)
		err = sfsi_dump_end_line(d);
	if (!err && attr->type == SFS_NODE_FILE)
		err = note_file(d, path, attr);
	return err < 0 || !is_dir ? err : push(d, attr->ino, path);
}

static int put_entry(struct sfsi_dumping *d, const char *dir, const struct sfsi_copy_entry *entry)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	struct sfs_attr attr;
	int err = sfs_raw_stat(d->store, entry->ino, &attr);
	if (err == SFS_ERR_NOT_FOUND)
		return 0; /* removed meanwhile */
	if (!err)
		err = sfs_buf_append(&path, dir, strlen(dir));
	if (!err)
		err = sfs_buf_append(&path, entry->name, entry->len);
	if (!err && path.len > SFSI_DUMP_PATH_MAX)
		err = SFS_ERR_LIMIT;
	if (!err)
		err = put_node(d, sfs_buf_span(&path), &attr);
	if (!err)
		err = sfsi_dump_flush(d);
	return err < 0 ? sfsi_dump_fail(d, err, sfs_buf_span(&path))
		       : sfsi_dump_step(d, &d->done.raws);
}

/** Names of one directory, a page at a time. */
static int put_directory(struct sfsi_dumping *d, size_t number)
{
	const struct sfsi_dump_dir dir = d->dirs[number];
	struct sfsi_copy_entries page = { .last = 0 };
	bool more = true;
	int err = 0;
	while (more && !err) {
		err = sfsi_copy_list(d->store, dir.ino, page.last, 1024, &page);
		for (size_t i = 0; i < page.count && !err; i++)
			err = put_entry(d, dir.path, &page.items[i]);
		more = page.count >= 1024;
		free(page.items);
	}
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

/** What is put into a directory changes its times: they are set when all of it is there. */
static int put_directory_times(struct sfsi_dumping *d)
{
	int err = 0;
	for (size_t i = 1; i < d->dir_count && !err; i++) {
		struct sfs_attr attr;
		struct sfs_span path = sfs_span_str(d->dirs[i].path);
		path.len--;
		err = sfs_raw_stat(d->store, d->dirs[i].ino, &attr);
		if (err == SFS_ERR_NOT_FOUND) {
			err = 0;
			continue;
		}
		if (!err)
			err = sfsi_line_text(&d->line, "filled", path);
		if (!err)
			err = sfsi_line_attributes(&d->line, &attr);
		if (!err)
			err = sfsi_dump_end_line(d);
		if (!err)
			err = sfsi_dump_flush(d);
	}
	return err;
}

int sfsi_dump_tree(struct sfsi_dumping *d)
{
	int err = push(d, sfs_ino_make(d->class.id, 1), (struct sfs_span){ "", 0 });
	sfsi_map_init(&d->links);
	for (size_t i = 0; i < d->dir_count && !err; i++)
		err = put_directory(d, i);
	if (!err)
		err = put_directory_times(d);
	while (d->dir_count)
		free(d->dirs[--d->dir_count].path);
	sfsi_map_fini(&d->links);
	return err;
}
