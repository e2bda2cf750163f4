/*
 * Results as files: .count and .explain, which are short, and .oids, .jsonl and .csv, which are streams; the
 * .jsonl of a class also takes lines and saves each as an object. Knows no FUSE.
 *
 * Sizes: up to SIZE_MAX_KNOWN bytes a stream is made to say how long it is. Of a longer one the size is 0, as
 * in /proc: nobody knows it without making all of it. It is never said to be longer than it is.
 */
#include <stdlib.h>
#include <storefs/export.h>
#include <storefs/lines.h>
#include "by.h"
#include "fs_errno.h"
#include "refusal.h"

#define SIZE_MAX_KNOWN ((size_t)1 << 20)
#define PIECE ((size_t)64 << 10)

static const struct fs_view_ops count_ops, explain_ops, stream_ops, door_ops;

/* Ids of streams are the number of their form. */
static const struct {
	const char *name;
	const struct fs_view_ops *ops;
	enum sfs_lines_form form;
	bool not_in_class;
} files[] = {
	{ ".count", &count_ops, SFS_LINES_OIDS, false },
	{ ".explain", &explain_ops, SFS_LINES_OIDS, true },
	{ ".oids", &stream_ops, SFS_LINES_OIDS, false },
	{ ".jsonl", &stream_ops, SFS_LINES_JSONL, false },
	{ ".csv", &stream_ops, SFS_LINES_CSV, false },
};

int fs_by_file_find(struct sfs_span name, bool in_class, struct fs_view_spec *ret)
{
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		const char form = (char)files[i].form;
		if (!sfs_span_equal(name, sfs_span_str(files[i].name)) ||
		    (in_class && files[i].not_in_class))
			continue;
		ret->ops = files[i].ops;
		if (in_class && files[i].form == SFS_LINES_JSONL)
			ret->ops = &door_ops;
		return sfs_buf_append(&ret->id, &form, 1);
	}
	return SFS_ERR_NOT_FOUND;
}

static int query_of(struct fs *fs, const struct fs_view *view, struct sfs_query **ret)
{
	return fs_by_query(fs, view->parent, view->class_id, ret);
}

/* --- short texts --- */

static int count_text(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret)
{
	struct sfs_query *query;
	struct sfs_diag diag = SFS_DIAG_INIT;
	uint64_t count;
	int err = query_of(fs, view, &query);
	if (err < 0)
		return err;
	err = sfs_query_count(query, &count, &diag);
	sfs_query_free(query);
	return err < 0 ? fs_by_wrong(&diag, err)
		       : sfs_buf_printf(ret, "%llu\n", (unsigned long long)count);
}

static int explain_text(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret)
{
	struct sfs_query *query;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = query_of(fs, view, &query);
	if (err < 0)
		return err;
	err = sfs_query_explain(query, ret, &diag);
	sfs_query_free(query);
	return err < 0 ? fs_by_wrong(&diag, err) : 0;
}

static int text_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_buf text = SFS_BUF_INIT;
	int err = fs_by_attr(fs, view->class_id, ret);
	if (!err)
		err = view->ops->text(fs, view, &text);
	ret->mode &= 0444;
	ret->nlink = 1;
	ret->size = ret->size_msgpack = text.len;
	sfs_buf_fini(&text);
	return err;
}

static const struct fs_view_ops count_ops = {
	.kind = "by count",
	.type = S_IFREG,
	.attr = text_attr,
	.text = count_text,
};

static const struct fs_view_ops explain_ops = {
	.kind = "by explain",
	.type = S_IFREG,
	.attr = text_attr,
	.text = explain_text,
};

/* --- lines of results --- */

struct results {
	struct sfs_query *query;
	struct sfs_lines *lines;
};

static void lines_close(void *cursor, bool write)
{
	struct results *results = cursor;
	(void)write;
	sfs_query_free(results->query);
	sfs_lines_free(results->lines);
	free(results);
}

static int lines_open(struct fs *fs, const struct fs_view *view, bool write, void **ret)
{
	enum sfs_lines_form form = (enum sfs_lines_form) * (const unsigned char *)view->id.data;
	struct results *results = calloc(1, sizeof *results);
	(void)write;
	if (!results)
		return SFS_ERR_NO_MEMORY;
	int err = query_of(fs, view, &results->query);
	if (!err)
		err = sfs_lines_new(fs->store, view->class_id, form, &results->lines);
	if (err < 0)
		lines_close(results, false);
	else
		*ret = results;
	return err;
}

static int lines_read(void *cursor, struct sfs_buf *ret)
{
	struct results *results = cursor;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_query_hit hit;
	size_t enough = ret->len + PIECE;
	int err = 0;
	while (!err && ret->len < enough) {
		err = sfs_query_next(results->query, &hit, &diag);
		if (err < 0)
			return fs_by_wrong(&diag, err);
		if (!err)
			err = sfs_lines_put(results->lines, hit.oid, ret);
		/* Removed since it was found. */
		if (err == SFS_ERR_NOT_FOUND)
			err = 0;
	}
	int end = err == 1 ? sfs_lines_end(results->lines, ret) : 0;
	return end < 0 ? end : err;
}

/** How long it is, if it is short. */
static int measure(struct fs *fs, const struct fs_view *view, uint64_t *ret)
{
	struct sfs_buf text = SFS_BUF_INIT;
	void *cursor;
	int err = lines_open(fs, view, false, &cursor);
	if (err < 0)
		return err;
	while (!err && text.len <= SIZE_MAX_KNOWN)
		err = lines_read(cursor, &text);
	lines_close(cursor, false);
	*ret = text.len <= SIZE_MAX_KNOWN ? text.len : 0;
	sfs_buf_fini(&text);
	return err < 0 ? err : 0;
}

/**
 * Lines hold what objects hold, also those that only their owners may read: where there are other users,
 * they are for whoever mounted the store.
 */
static void keep_private(const struct fs *fs, const struct fs_view *view, struct sfs_attr *attr)
{
	bool oids = *(const unsigned char *)view->id.data == SFS_LINES_OIDS;
	attr->mode &= 0444;
	if (!fs->options->allow_other || oids)
		return;
	attr->mode = 0400;
	attr->uid = fs->uid;
	attr->gid = fs->gid;
}

static int lines_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	int err = fs_by_attr(fs, view->class_id, ret);
	keep_private(fs, view, ret);
	ret->nlink = 1;
	if (!err)
		err = measure(fs, view, &ret->size);
	ret->size_msgpack = ret->size;
	return err;
}

static const struct fs_view_ops stream_ops = {
	.kind = "by lines",
	.type = S_IFREG,
	.attr = lines_attr,
	.open = lines_open,
	.close = lines_close,
	.read = lines_read,
};

/* --- the door: CLASS/.jsonl --- */

/** Lines on their way in. */
struct door {
	struct fs *fs;
	uint32_t class_id;
	struct sfs_buf line; /* what came of the line that is not complete */
	uint32_t number;     /* of that line */
	bool too_long;
	int verdict; /* of the first line that was refused */
};

static int door_open(struct fs *fs, const struct fs_view *view, bool write, void **ret)
{
	if (!write)
		return lines_open(fs, view, false, ret);
	struct door *door = calloc(1, sizeof *door);
	if (!door)
		return SFS_ERR_NO_MEMORY;
	door->fs = fs;
	door->class_id = view->class_id;
	door->number = 1;
	*ret = door;
	return 0;
}

static void door_close(void *cursor, bool write)
{
	struct door *door = cursor;
	if (!write) {
		lines_close(cursor, false);
		return;
	}
	sfs_buf_fini(&door->line);
	free(door);
}

static bool is_blank(struct sfs_span line)
{
	const char *at = line.data;
	for (size_t i = 0; i < line.len; i++) {
		if (at[i] != ' ' && at[i] != '\t' && at[i] != '\r')
			return false;
	}
	return true;
}

/** One line of errors.ndjson for one that was refused; the others go on. */
static void refuse_line(struct door *door, int err, const struct sfs_diag *why)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	sfs_diag_set(&diag, err, "line %u: %s", door->number,
		     why->text[0] ? why->text : sfs_err_text(err));
	diag.line = door->number;
	diag.column = why->column;
	fs_refusal_diag(&diag);
	fs_refusal_operation("import");
	fs_refusal_add(door->fs, fs_errno(err));
	if (!door->verdict)
		door->verdict = err;
}

static int import(struct door *door, struct sfs_span line, struct sfs_diag *diag)
{
	return sfs_import(door->fs->store, door->class_id, SFS_FORMAT_JSON, line,
			  SFS_IMPORT_REPLACE, NULL, diag);
}

static int take_line(struct door *door, struct sfs_span line)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = 0;
	if (door->too_long) {
		err = sfs_diag_set(&diag, SFS_ERR_LIMIT, "a document has at most %zu bytes",
				   (size_t)SFS_DOCUMENT_MAX);
	} else if (!is_blank(line)) {
		err = import(door, line, &diag);
	}
	door->too_long = false;
	bool fault = err <= SFS_ERR_IO && err != SFS_ERR_CORRUPT;
	if (err < 0)
		refuse_line(door, err, &diag);
	door->number++;
	/* A full disk is the same for every line: whoever writes shall stop. */
	return fault || err == SFS_ERR_READ_ONLY ? err : 0;
}

static int add_part(struct door *door, struct sfs_span part)
{
	if (door->too_long)
		return 0;
	if (part.len > SFS_DOCUMENT_MAX - door->line.len) {
		door->too_long = true;
		door->line.len = 0;
		return 0;
	}
	return sfs_buf_append(&door->line, part.data, part.len);
}

static int door_take(void *cursor, struct sfs_span data)
{
	struct door *door = cursor;
	int err = 0;
	while (!err && data.len) {
		const char *at = data.data, *newline = memchr(at, '\n', data.len);
		size_t len = newline ? (size_t)(newline - at) : data.len;
		err = add_part(door, (struct sfs_span){ at, len });
		if (!err && newline) {
			err = take_line(door, sfs_buf_span(&door->line));
			door->line.len = 0;
		}
		len += newline != NULL;
		data = (struct sfs_span){ at + len, data.len - len };
	}
	return err;
}

/** A whole document without a newline is a line, too. What is none may be going on. */
static int try_line(struct door *door)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (is_blank(sfs_buf_span(&door->line)))
		return 0;
	int err = import(door, sfs_buf_span(&door->line), &diag);
	if (!err)
		door->line.len = 0;
	return err;
}

static int door_verdict(void *cursor, bool closing)
{
	struct door *door = cursor;
	int err = 0;
	if (closing && (door->line.len || door->too_long)) {
		err = take_line(door, sfs_buf_span(&door->line));
		door->line.len = 0;
	} else if (!closing) {
		err = try_line(door);
	}
	return err < 0 ? err : door->verdict;
}

static int door_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_attr class;
	int err = sfs_raw_stat(fs->store, sfs_ino_make(view->class_id, 1), &class);
	if (!err)
		err = lines_attr(fs, view, ret);
	if (err < 0)
		return err;
	/*
	 * Who may write into the class may load it, but where each has his own files (the sticky bit)
	 * only its owner: lines replace what is there. To read it is another matter.
	 */
	ret->mode = class.mode & 0666;
	if (fs->options->allow_other)
		ret->mode = (class.mode & (class.mode & S_ISVTX ? 0200 : 0222)) |
			    (class.uid == fs->uid ? 0400 : 0);
	ret->uid = class.uid;
	ret->gid = class.gid;
	return 0;
}

static const struct fs_view_ops door_ops = {
	.kind = "by door",
	.type = S_IFREG,
	.attr = door_attr,
	.open = door_open,
	.close = door_close,
	.read = lines_read,
	.take = door_take,
	.verdict = door_verdict,
};
