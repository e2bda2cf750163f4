/*
 * Dumping a store: of each class its definition, then parts of lines, each followed by the bytes of the files
 * that it names. docs/dump.md describes the lines. A part is put together in memory, so that what it says
 * of itself, its size and hash, is known when it is written. The lines of objects and trees are put.c's.
 */
#include "dump/write.h"
#include <stdlib.h>
#include "copy/copy.h"
#include "document/msgpack.h"
#include "document/msgpack_head.h"

#define PART_BYTES ((size_t)4 << 20) /* a part ends when it has so many */

int sfsi_dump_step(struct sfsi_dumping *d, uint64_t *count)
{
	++*count;
	return d->how->progress && *count % 64 == 0 &&
			       d->how->progress(d->how->arg, &d->done, d->expected)
		       ? SFS_ERR_CANCELLED
		       : 0;
}

int sfsi_dump_fail(struct sfsi_dumping *d, int err, struct sfs_span what)
{
	if (err == SFS_ERR_CANCELLED || (d->diag && d->diag->text[0]))
		return err;
	return sfs_diag_set(d->diag, err, "%s%s%.*s: %s", d->class.name, what.len ? "/" : "",
			    (int)(what.len < 100 ? what.len : 100),
			    what.len ? (const char *)what.data : "", sfs_err_text(err));
}

/* --- members --- */

static int put_member(struct sfsi_dumping *d, const char *path, struct sfs_span bytes)
{
	const struct sfsi_dump_member member = { .path = path, .size = bytes.len, .mode = 0600 };
	int err = d->out->ops->begin(d->out, &member, d->diag);
	if (!err)
		err = d->out->ops->write(d->out, bytes, d->diag);
	return err < 0 ? err : d->out->ops->end(d->out, d->diag);
}

struct streaming {
	struct sfsi_dumping *d;
	struct sfsi_hash_stream hash;
	uint64_t left; /* of the size that was promised */
	int err;
};

static int write_piece(struct streaming *streaming, struct sfs_span bytes)
{
	struct sfsi_dumping *d = streaming->d;
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

static int put_file(struct sfsi_dumping *d, struct sfsi_dump_file *file)
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
	return err < 0 ? sfsi_dump_fail(d, err, sfs_span_str(file->path)) : 0;
}

/* --- parts --- */

int sfsi_dump_end_line(struct sfsi_dumping *d)
{
	d->lines++;
	return sfsi_line_end(&d->line, &d->part);
}

/** What was the bytes' hash: in the part behind them. */
static int tell_hashes(struct sfsi_dumping *d)
{
	int err = 0;
	for (size_t i = 0; i < d->file_count && !err; i++) {
		struct sfsi_dump_file *file = &d->files[i];
		err = sfsi_line_text(&d->line, "bytes", sfs_span_str(file->path));
		if (!err)
			err = sfsi_line_hash(&d->line, file->hash);
		if (!err)
			err = sfsi_dump_end_line(d);
	}
	for (size_t i = 0; i < d->file_count; i++)
		free(d->files[i].path);
	d->file_count = 0;
	return err;
}

/** The last line of a part: what it is, and a hash of all lines before. */
static int seal(struct sfsi_dumping *d)
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
static int flush(struct sfsi_dumping *d)
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

int sfsi_dump_flush(struct sfsi_dumping *d)
{
	return d->part.len >= PART_BYTES || d->file_count == SFSI_DUMP_PART_FILES ? flush(d) : 0;
}

/* --- classes --- */

static int put_definition(struct sfsi_dumping *d)
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
	return err < 0 ? err : sfsi_dump_end_line(d);
}

static int put_class_end(struct sfsi_dumping *d)
{
	const struct sfs_dumped *done = &d->done, *before = &d->before;
	int err = sfsi_line_text(&d->line, "end", sfs_span_str(d->class.name));
	if (!err)
		err = sfsi_line_number(&d->line, "objects",
				       (int64_t)(done->objects - before->objects));
	if (!err)
		err = sfsi_line_number(&d->line, "raws", (int64_t)(done->raws - before->raws));
	return err < 0 ? err : sfsi_dump_end_line(d);
}

static int put_class(struct sfsi_dumping *d)
{
	sfsi_dump_class_folder(d->class.name, d->done.classes + 1, d->folder);
	d->before = d->done;
	d->part_number = 1;
	int err = put_definition(d);
	if (!err && d->class.kind == SFS_CLASS_OBJECT)
		err = sfsi_dump_objects(d);
	if (!err)
		err = sfsi_dump_tree(d);
	/* Hashes of the last files come before the end. */
	if (!err && d->file_count)
		err = flush(d);
	if (!err)
		err = put_class_end(d);
	if (!err)
		err = flush(d);
	d->done.classes += !err;
	return err < 0 ? sfsi_dump_fail(d, err, (struct sfs_span){ "", 0 }) : 0;
}

/* --- the whole --- */

/** Names of the classes, in the order in which they follow, as an array in msgpack. */
static int list_classes(struct sfsi_dumping *d, struct sfs_buf *ret)
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

static int put_head(struct sfsi_dumping *d, struct sfs_buf *classes)
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

static int put_manifest(struct sfsi_dumping *d)
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
static int put_classes(struct sfsi_dumping *d, struct sfs_span names)
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

static int dump_all(struct sfsi_dumping *d)
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
	struct sfsi_dumping *d = calloc(1, sizeof *d);
	if (!d)
		return SFS_ERR_NO_MEMORY;
	*d = (struct sfsi_dumping){ .store = store, .how = dump, .diag = diag };
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
