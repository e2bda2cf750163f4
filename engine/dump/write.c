/*
 * Dumping a store: of each class its definition, then parts of lines, each followed by the bytes of the files
 * that it names. docs/dump.md describes the lines. A part is put together in memory, so that what it says
 * of itself, its size and hash, is known when it is written.
 */
#include <stdio.h>
#include <stdlib.h>
#include "base/array.h"
#include "base/map.h"
#include "bytes.h"
#include "copy/copy.h"
#include "document/document.h"
#include "document/msgpack.h"
#include "document/msgpack_head.h"
#include "dump/dump.h"
#include "hash.h"

#define PART_BYTES ((size_t)4 << 20) /* a part ends when it has so many */
#define PART_FILES 512               /* … or names so many files */
#define LARGE ((size_t)1 << 20)      /* what has lines of its own in a part */
#define TEXT_PIECE ((size_t)4 << 20)

/** A file of the part at hand, whose bytes follow it. */
struct file {
	char *path; /* in the class */
	struct sfs_attr attr;
	unsigned char hash[SFS_HASH_LEN];
};

/** A directory that was named: its times are told when all that is in it was. */
struct dir {
	uint64_t ino;
	char *path; /* with a '/' behind it; "" for the root */
};

struct dumping {
	struct sfs_store *store;
	const struct sfs_dump *how;
	struct sfsi_dump_out *out;
	struct sfs_diag *diag;
	struct sfs_dumped done;
	uint64_t expected, parts;
	struct sfsi_hash_stream all; /* over the hashes of all parts */
	struct sfsi_line line;
	/* The class at hand. */
	struct sfs_class_info class;
	struct sfs_dumped before; /* done when it began */
	char folder[SFSI_DUMP_FOLDER_SIZE];
	struct sfsi_map links; /* number of a file with several names to the first path */
	struct dir *dirs;
	size_t dir_count, dir_cap;
	/* The part at hand. */
	struct sfs_buf part, path;
	uint64_t part_number, lines;
	struct file files[PART_FILES];
	size_t file_count;
};

static int step(struct dumping *d, uint64_t *count)
{
	++*count;
	return d->how->progress && *count % 64 == 0 &&
			       d->how->progress(d->how->arg, &d->done, d->expected)
		       ? SFS_ERR_CANCELLED
		       : 0;
}

static int fail(struct dumping *d, int err, struct sfs_span what)
{
	if (err == SFS_ERR_CANCELLED || (d->diag && d->diag->text[0]))
		return err;
	return sfs_diag_set(d->diag, err, "%s%s%.*s: %s", d->class.name, what.len ? "/" : "",
			    (int)(what.len < 100 ? what.len : 100),
			    what.len ? (const char *)what.data : "", sfs_err_text(err));
}

/* --- members --- */

static int put_member(struct dumping *d, const char *path, struct sfs_span bytes)
{
	const struct sfsi_dump_member member = { .path = path, .size = bytes.len, .mode = 0600 };
	int err = d->out->ops->begin(d->out, &member, d->diag);
	if (!err)
		err = d->out->ops->write(d->out, bytes, d->diag);
	return err < 0 ? err : d->out->ops->end(d->out, d->diag);
}

struct streaming {
	struct dumping *d;
	struct sfsi_hash_stream hash;
	uint64_t left; /* of the size that was promised */
	int err;
};

static int write_piece(struct streaming *streaming, struct sfs_span bytes)
{
	struct dumping *d = streaming->d;
	streaming->left -= bytes.len;
	d->done.bytes += bytes.len;
	sfsi_hash_stream_add(&streaming->hash, bytes);
	streaming->err = d->out->ops->write(d->out, bytes, d->diag);
	if (!streaming->err && d->how->progress &&
	    d->how->progress(d->how->arg, &d->done, d->expected))
		streaming->err = SFS_ERR_CANCELLED;
	return streaming->err;
}

/** A file that grew meanwhile is cut. */
static int take_piece(void *arg, struct sfs_span bytes, uint64_t off)
{
	struct streaming *streaming = arg;
	(void)off;
	if (bytes.len > streaming->left)
		bytes.len = (size_t)streaming->left;
	return bytes.len == 0 || write_piece(streaming, bytes) < 0;
}

/** One that shrank ends in zeros. */
static int pad(struct streaming *streaming)
{
	static const char zeros[4096];
	int err = 0;
	while (streaming->left && !err) {
		size_t len = streaming->left < sizeof zeros ? (size_t)streaming->left
							    : sizeof zeros;
		err = write_piece(streaming, (struct sfs_span){ zeros, len });
	}
	return err;
}

static int put_file(struct dumping *d, struct file *file)
{
	struct streaming streaming = { .d = d, .left = file->attr.size };
	int err = sfsi_dump_file_path(&d->path, d->folder, sfs_span_str(file->path));
	const struct sfsi_dump_member member = {
		.path = d->path.data,
		.size = file->attr.size,
		.mode = file->attr.mode & 0777,
		.mtime_ns = file->attr.mtime_ns,
	};
	sfsi_hash_stream_init(&streaming.hash);
	if (!err)
		err = d->out->ops->begin(d->out, &member, d->diag);
	if (!err)
		err = sfs_raw_stream(d->store, file->attr.ino, (size_t)1 << 18, take_piece,
				     &streaming);
	if (err == SFS_ERR_CANCELLED)
		err = streaming.err;
	/* Removed meanwhile: its line is there already. */
	if (err == SFS_ERR_NOT_FOUND)
		err = 0;
	if (!err)
		err = pad(&streaming);
	if (!err)
		err = d->out->ops->end(d->out, d->diag);
	sfsi_hash_stream_end(&streaming.hash, file->hash);
	return err < 0 ? fail(d, err, sfs_span_str(file->path)) : 0;
}

/* --- parts --- */

static int end_line(struct dumping *d)
{
	d->lines++;
	return sfsi_line_end(&d->line, &d->part);
}

/** What was the bytes' hash: in the part behind them. */
static int tell_hashes(struct dumping *d)
{
	int err = 0;
	for (size_t i = 0; i < d->file_count && !err; i++) {
		struct file *file = &d->files[i];
		err = sfsi_line_text(&d->line, "bytes", sfs_span_str(file->path));
		if (!err)
			err = sfsi_line_hash(&d->line, file->hash);
		if (!err)
			err = end_line(d);
	}
	for (size_t i = 0; i < d->file_count; i++)
		free(d->files[i].path);
	d->file_count = 0;
	return err;
}

/** The last line of a part: what it is, and a hash of all lines before. */
static int seal(struct dumping *d)
{
	struct sfsi_hash_stream stream;
	unsigned char hash[SFS_HASH_LEN];
	sfsi_hash_stream_init(&stream);
	sfsi_hash_stream_add(&stream, sfs_buf_span(&d->part));
	sfsi_hash_stream_end(&stream, hash);
	sfsi_hash_stream_add(&d->all, (struct sfs_span){ hash, sizeof hash });
	int err = sfsi_line_number(&d->line, "part", (int64_t)d->part_number);
	if (!err)
		err = sfsi_line_number(&d->line, "lines", (int64_t)d->lines);
	if (!err)
		err = sfsi_line_hash(&d->line, hash);
	return err < 0 ? err : sfsi_line_end(&d->line, &d->part);
}

/** Write the part and the files that it names; begin the next one. */
static int flush(struct dumping *d)
{
	int err = seal(d);
	if (!err)
		err = sfsi_dump_part_path(&d->path, d->folder, d->part_number);
	if (!err)
		err = put_member(d, d->path.data, sfs_buf_span(&d->part));
	for (size_t i = 0; i < d->file_count && !err; i++)
		err = put_file(d, &d->files[i]);
	d->part.len = 0;
	d->lines = 0;
	d->parts++;
	d->part_number++;
	return err < 0 ? err : tell_hashes(d);
}

static int flush_when_full(struct dumping *d)
{
	return d->part.len >= PART_BYTES || d->file_count == PART_FILES ? flush(d) : 0;
}

/* --- objects --- */

/** Pieces of a long text, a line each, cut between characters. */
static int put_long_text(struct dumping *d, struct sfs_span text)
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

static int put_object_head(struct dumping *d, const struct sfsi_copy_object *object, bool below)
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

static int put_object_lines(struct dumping *d, const struct sfsi_copy_object *object)
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
	return err < 0 ? err : flush_when_full(d);
}

static int put_object(struct dumping *d, struct sfs_span oid, struct sfsi_copy_object *object)
{
	int err = sfsi_copy_object_get(d->store, d->class.id, oid, object);
	if (err == SFS_ERR_NOT_FOUND)
		return 0; /* removed meanwhile */
	if (!err)
		err = put_object_lines(d, object);
	return err < 0 ? fail(d, err, oid) : step(d, &d->done.objects);
}

static int put_objects(struct dumping *d)
{
	SFSI_AUTO_BUF struct sfs_buf after = SFS_BUF_INIT;
	struct sfsi_copy_object object = { .bytes = SFS_BUF_INIT, .updates = SFS_BUF_INIT };
	struct sfsi_copy_page page = { .count = 0 };
	int err = 0;
	do {
		err = sfsi_copy_page(d->store, d->class.id, &after, &page);
		for (size_t i = 0; i < page.count && !err; i++)
			err = put_object(d, sfsi_copy_page_oid(&page, i), &object);
		after.len = 0;
		if (!err && page.count) {
			struct sfs_span last = sfsi_copy_page_oid(&page, page.count - 1);
			err = sfs_buf_append(&after, last.data, last.len);
		}
	} while (!err && page.count);
	sfs_buf_fini(&page.oids);
	sfsi_copy_object_fini(&object);
	return err;
}

/* --- trees --- */

static int push(struct dumping *d, uint64_t ino, struct sfs_span path)
{
	int err = sfsi_array_grow(&d->dirs, d->dir_count, &d->dir_cap, sizeof *d->dirs);
	char *copy = err < 0 ? NULL : calloc(1, path.len + 2);
	if (!copy)
		return SFS_ERR_NO_MEMORY;
	if (path.len) {
		memcpy(copy, path.data, path.len);
		copy[path.len] = '/';
	}
	d->dirs[d->dir_count++] = (struct dir){ ino, copy };
	return 0;
}

/** The first path of a file with several names. False: this is it, and it is noted. */
static int find_link(struct dumping *d, uint64_t ino, struct sfs_span path, struct sfs_span *ret)
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
static int add_meta(struct dumping *d, const struct sfs_attr *attr)
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

static int add_target(struct dumping *d, const struct sfs_attr *attr)
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

static int note_file(struct dumping *d, struct sfs_span path, const struct sfs_attr *attr)
{
	struct file *file = &d->files[d->file_count];
	*file = (struct file){ .path = strndup(path.data, path.len), .attr = *attr };
	if (!file->path)
		return SFS_ERR_NO_MEMORY;
	d->file_count++;
	return 0;
}

static int put_node(struct dumping *d, struct sfs_span path, const struct sfs_attr *attr)
{
	struct sfs_span link = { NULL, 0 };
	bool is_dir = attr->type == SFS_NODE_DIR;
	int err = sfsi_line_text(&d->line, "path", path);
	if (!err && attr->nlink > 1 && !is_dir)
		err = find_link(d, attr->ino, path, &link);
	if (err < 0 || link.data) {
		err = err < 0 ? err : sfsi_line_text(&d->line, "link", link);
		return err < 0 ? err : end_line(d);
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
		err = end_line(d);
	if (!err && attr->type == SFS_NODE_FILE)
		err = note_file(d, path, attr);
	return err < 0 || !is_dir ? err : push(d, attr->ino, path);
}

static int put_entry(struct dumping *d, const char *dir, const struct sfsi_copy_entry *entry)
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
		err = flush_when_full(d);
	return err < 0 ? fail(d, err, sfs_buf_span(&path)) : step(d, &d->done.raws);
}

/** Names of one directory, a page at a time. */
static int put_directory(struct dumping *d, size_t number)
{
	const struct dir dir = d->dirs[number];
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
static int put_directory_times(struct dumping *d)
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
			err = end_line(d);
		if (!err)
			err = flush_when_full(d);
	}
	return err;
}

static int put_tree(struct dumping *d)
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

/* --- classes --- */

static int put_definition(struct dumping *d)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	struct sfsi_hash_stream stream;
	unsigned char hash[SFS_HASH_LEN];
	int err = sfs_class_schema(d->store, d->class.id, &text);
	sfsi_hash_stream_init(&stream);
	sfsi_hash_stream_add(&stream, sfs_buf_span(&text));
	sfsi_hash_stream_end(&stream, hash);
	d->path.len = 0;
	if (!err)
		err = sfs_buf_printf(&d->path, "%s/definition.json", d->folder);
	if (!err)
		err = put_member(d, d->path.data, sfs_buf_span(&text));
	if (!err)
		err = sfsi_line_text(&d->line, "class", sfs_span_str(d->class.name));
	if (!err)
		err = sfsi_line_text(
			&d->line, "kind",
			sfs_span_str(d->class.kind == SFS_CLASS_RAW ? "raw" : "object"));
	if (!err)
		err = sfsi_line_text(&d->line, "type", sfs_span_str(d->class.type));
	if (!err)
		err = sfsi_line_attributes(&d->line, &d->class.attr);
	if (!err)
		err = sfsi_line_hash(&d->line, hash);
	return err < 0 ? err : end_line(d);
}

static int put_class_end(struct dumping *d)
{
	const struct sfs_dumped *done = &d->done, *before = &d->before;
	int err = sfsi_line_text(&d->line, "end", sfs_span_str(d->class.name));
	if (!err)
		err = sfsi_line_number(&d->line, "objects",
				       (int64_t)(done->objects - before->objects));
	if (!err)
		err = sfsi_line_number(&d->line, "raws", (int64_t)(done->raws - before->raws));
	return err < 0 ? err : end_line(d);
}

static int put_class(struct dumping *d)
{
	sfsi_dump_class_folder(d->class.name, d->done.classes + 1, d->folder);
	d->before = d->done;
	d->part_number = 1;
	int err = put_definition(d);
	if (!err && d->class.kind == SFS_CLASS_OBJECT)
		err = put_objects(d);
	if (!err)
		err = put_tree(d);
	/* Hashes of the last files come before the end. */
	if (!err && d->file_count)
		err = flush(d);
	if (!err)
		err = put_class_end(d);
	if (!err)
		err = flush(d);
	d->done.classes += !err;
	return err < 0 ? fail(d, err, (struct sfs_span){ "", 0 }) : 0;
}

/* --- the whole --- */

/** Names of the classes, in the order in which they follow, as an array in msgpack. */
static int list_classes(struct dumping *d, struct sfs_buf *ret)
{
	struct sfs_class_info info = { .id = 0 };
	uint32_t count = 0;
	while (sfs_class_next(d->store, info.id, &info) == 0)
		count++;
	int err = sfsi_msgpack_list_header(ret, count);
	info.id = 0;
	for (uint32_t i = 0; i < count && !err; i++) {
		err = sfs_class_next(d->store, info.id, &info);
		if (!err)
			err = sfsi_line_encode_text(ret, sfs_span_str(info.name));
	}
	return err;
}

static int put_head(struct dumping *d, struct sfs_buf *classes)
{
	struct sfs_store_stat stat;
	int err = sfs_store_stat(d->store, &stat);
	if (!err)
		err = list_classes(d, classes);
	if (!err)
		err = sfsi_line_number(&d->line, "storefs_dump", SFS_DUMP_FORMAT);
	if (!err)
		err = sfsi_line_text(&d->line, "version", sfs_span_str(sfs_version()));
	if (!err)
		err = sfsi_line_text(&d->line, "uuid", sfs_span_str(stat.uuid));
	if (!err)
		err = sfsi_line_text(&d->line, "backend", sfs_span_str(stat.backend));
	if (!err)
		err = sfsi_line_value(&d->line, "classes", sfs_buf_span(classes));
	if (!err)
		err = sfsi_line_end(&d->line, &d->part);
	if (!err)
		err = put_member(d, SFSI_DUMP_HEAD, sfs_buf_span(&d->part));
	sfsi_hash_stream_add(&d->all, sfs_buf_span(&d->part));
	d->part.len = 0;
	return err;
}

static int put_manifest(struct dumping *d)
{
	unsigned char hash[SFS_HASH_LEN];
	sfsi_hash_stream_end(&d->all, hash);
	int err = sfsi_line_number(&d->line, "classes", (int64_t)d->done.classes);
	if (!err)
		err = sfsi_line_number(&d->line, "objects", (int64_t)d->done.objects);
	if (!err)
		err = sfsi_line_number(&d->line, "raws", (int64_t)d->done.raws);
	if (!err)
		err = sfsi_line_number(&d->line, "bytes", (int64_t)d->done.bytes);
	if (!err)
		err = sfsi_line_number(&d->line, "parts", (int64_t)d->parts);
	if (!err)
		err = sfsi_line_hash(&d->line, hash);
	if (!err)
		err = sfsi_line_end(&d->line, &d->part);
	return err < 0 ? err : put_member(d, SFSI_DUMP_MANIFEST, sfs_buf_span(&d->part));
}

/** Classes that the head names; one that is made meanwhile is left out, one that goes makes it fail. */
static int put_classes(struct dumping *d, struct sfs_span names)
{
	struct sfsi_head head;
	int err = sfsi_head_read(names, &head) == SFSI_HEAD_GOOD ? 0 : SFS_ERR_CORRUPT;
	uint32_t count = err < 0 ? 0 : head.count;
	for (uint32_t i = 0; i < count && !err; i++) {
		names = (struct sfs_span){ (const char *)names.data + head.len,
					   names.len - head.len };
		if (sfsi_head_read(names, &head) != SFSI_HEAD_GOOD)
			return SFS_ERR_CORRUPT;
		if (!sfsi_line_value_text(names, &head.body))
			return SFS_ERR_CORRUPT;
		err = sfs_class_find(d->store, head.body, &d->class);
		if (!err)
			err = put_class(d);
	}
	return err;
}

static int dump_all(struct dumping *d)
{
	SFSI_AUTO_BUF struct sfs_buf classes = SFS_BUF_INIT;
	int err = put_head(d, &classes);
	if (!err)
		err = put_classes(d, sfs_buf_span(&classes));
	if (!err)
		err = put_manifest(d);
	return err < 0 ? err : d->out->ops->finish(d->out, d->diag);
}

int sfs_store_dump(struct sfs_store *store, const struct sfs_dump *dump, struct sfs_dumped *ret,
		   struct sfs_diag *diag)
{
	struct dumping *d = calloc(1, sizeof *d);
	if (!d)
		return SFS_ERR_NO_MEMORY;
	*d = (struct dumping){ .store = store, .how = dump, .diag = diag };
	d->expected = sfsi_copy_expected(store);
	sfsi_hash_stream_init(&d->all);
	int err = dump->folder ? sfsi_dump_folder_out(dump->folder, &d->out, diag)
			       : sfsi_dump_tar_out(dump, &d->out, diag);
	if (!err)
		err = dump_all(d);
	if (err < 0 && err != SFS_ERR_CANCELLED && diag && !diag->text[0])
		sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	if (!err && ret)
		*ret = d->done;
	if (d->out)
		d->out->ops->free(d->out);
	while (d->file_count)
		free(d->files[--d->file_count].path);
	while (d->dir_count)
		free(d->dirs[--d->dir_count].path);
	free(d->dirs);
	sfs_buf_fini(&d->part);
	sfs_buf_fini(&d->path);
	sfsi_line_fini(&d->line);
	free(d);
	return err;
}
