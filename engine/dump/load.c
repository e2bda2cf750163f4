/*
 * What the lines of a dump mean: classes, objects (many in a commit), names in trees, and the bytes of files, which
 * come behind the part that names them. Paths are looked at before anything is made of them.
 */
#include <stdlib.h>
#include "base/array.h"
#include "dump/load.h"

#define BATCH_BYTES ((size_t)8 << 20)
#define PIECE ((size_t)256 << 10)

/* --- classes --- */

static bool get_kind(const struct sfsi_line_read *line, enum sfs_class_kind *ret)
{
	struct sfs_span kind;
	if (!sfsi_line_get_text(line, "kind", &kind))
		return false;
	bool raw = sfs_span_equal(kind, sfs_span_str("raw"));
	*ret = raw ? SFS_CLASS_RAW : SFS_CLASS_OBJECT;
	return raw || sfs_span_equal(kind, sfs_span_str("object"));
}

static bool get_name(char ret[SFS_CLASS_NAME_MAX + 1], struct sfs_span name)
{
	if (name.len == 0 || name.len > SFS_CLASS_NAME_MAX)
		return false;
	memcpy(ret, name.data, name.len);
	ret[name.len] = 0;
	return true;
}

static int begin_class(struct sfsi_loading *l, struct sfs_span name)
{
	struct sfs_class_info *class = &l->copying.source;
	unsigned char hash[SFS_HASH_LEN];
	struct sfs_span type;
	*class = (struct sfs_class_info){ .id = 0 };
	if (l->begun || !sfs_span_equal(name, l->class_name))
		return sfsi_load_fail(l, SFS_ERR_BAD_DOCUMENT, "another class was expected");
	if (!get_kind(&l->line, &class->kind) || !get_name(class->name, name) ||
	    !sfsi_line_get_text(&l->line, "type", &type) || !get_name(class->type, type) ||
	    !sfsi_line_get_attributes(&l->line, &class->attr) ||
	    !sfsi_line_get_hash(&l->line, hash))
		return sfsi_load_fail(l, SFS_ERR_BAD_DOCUMENT,
				      "kind, type, mode, owner, times and hash were expected");
	if (!sfsi_load_definition_is(l, hash))
		return sfsi_load_fail(l, SFS_ERR_CORRUPT,
				      "definition.json does not have the hash that is said here");
	l->begun = true;
	int err = sfsi_copy_class_begin(&l->copying, sfs_buf_span(&l->definition), &l->defined);
	if (err < 0 && l->diag) {
		const struct sfs_diag why = *l->diag;
		return sfsi_load_fail_with(l, err, &why);
	}
	return err;
}

static bool is_count(const struct sfsi_line_read *line, const char *key, uint64_t count)
{
	int64_t said;
	return sfsi_line_get_number(line, key, &said) && said >= 0 && (uint64_t)said == count;
}

static int end_class(struct sfsi_loading *l)
{
	int err = sfsi_load_commit(l);
	if (err < 0)
		return err;
	if (l->told != l->last.count || l->now.count ||
	    !is_count(&l->line, "objects", l->done.objects - l->before.objects) ||
	    !is_count(&l->line, "raws", l->done.raws - l->before.raws))
		return sfsi_load_fail(l, SFS_ERR_CORRUPT,
				      "the class does not have as much as is said here");
	l->ended = true;
	err = sfsi_copy_class_end(&l->copying, sfs_buf_span(&l->definition), l->defined);
	return err < 0 ? sfsi_load_fail(l, err, "%s", sfs_err_text(err)) : 0;
}

/* --- objects --- */

static void free_object(struct sfsi_load_object *object)
{
	sfs_buf_fini(&object->line.value);
	sfs_buf_fini(&object->below.value);
	sfs_buf_fini(&object->text);
	sfsi_copy_object_fini(&object->object);
	*object = (struct sfsi_load_object){ .line_number = 0 };
}

static int complete(struct sfsi_loading *l)
{
	int err = 0;
	for (size_t i = 0; i < l->object_count && !err; i++) {
		const struct sfsi_load_object *object = &l->objects[i];
		struct sfs_diag diag = SFS_DIAG_INIT;
		err = sfsi_copy_object_complete(l->store, l->copying.target.id, &object->object,
						&diag);
		l->line_number = object->line_number;
		if (err < 0)
			err = sfsi_load_fail_with(l, err, &diag);
		else
			err = sfsi_load_step(l, &l->done.objects);
	}
	return err;
}

/** A commit of the objects from one on, or as many as fit into it. *first: those that are left. */
static int commit_some(struct sfsi_loading *l, size_t *first)
{
	struct sfs_batch *batch = NULL;
	struct sfs_diag diag = SFS_DIAG_INIT;
	size_t at = *first, wrong = SIZE_MAX;
	int err = sfs_batch_begin(l->store, &batch);
	while (!err && at < l->object_count) {
		l->line_number = l->objects[at].line_number;
		err = sfsi_copy_object_add(batch, l->copying.target.id, &l->objects[at].object,
					   &diag);
		at += !err;
	}
	if (err == SFS_ERR_LIMIT && at > *first)
		err = 0;
	if (err < 0) {
		sfs_batch_abort(batch);
		return sfsi_load_fail_with(l, err, &diag);
	}
	err = sfs_batch_commit(batch, &wrong);
	if (err < 0 && wrong < at - *first)
		l->line_number = l->objects[*first + wrong].line_number;
	*first = at;
	return err < 0 ? sfsi_load_fail(l, err, "%s", sfs_err_text(err)) : 0;
}

int sfsi_load_commit(struct sfsi_loading *l)
{
	uint64_t line_number = l->line_number;
	size_t done = 0;
	int err = 0;
	while (!err && done < l->object_count)
		err = commit_some(l, &done);
	if (!err)
		err = complete(l);
	if (err < 0)
		return err;
	while (l->object_count)
		free_object(&l->objects[--l->object_count]);
	l->object_bytes = 0;
	l->line_number = line_number;
	return 0;
}

/** A text in pieces, a line each. */
static int take_long_text(struct sfsi_loading *l, struct sfsi_load_object *object, int64_t bytes)
{
	int err = 0;
	while (!err && object->text.len < (uint64_t)bytes) {
		struct sfs_span piece;
		err = sfsi_load_next(l, &object->below);
		if (!err && (!sfsi_line_value_text(sfs_buf_span(&object->below.value), &piece) ||
			     piece.len == 0 || piece.len > (uint64_t)bytes - object->text.len))
			err = sfsi_load_fail(l, SFS_ERR_BAD_DOCUMENT,
					     "a piece of the text was expected");
		if (!err)
			err = sfs_buf_append(&object->text, piece.data, piece.len);
	}
	object->object.text = sfs_buf_span(&object->text);
	return err;
}

static int take_text(struct sfsi_loading *l, struct sfsi_load_object *object)
{
	struct sfs_span format;
	int64_t bytes;
	if (sfsi_line_get_text(&object->line, "text_format", &format))
		object->object.text_format = sfs_span_equal(format, sfs_span_str("msgpack"))
						     ? SFS_FORMAT_MSGPACK
						     : SFS_FORMAT_JSON;
	if (!sfsi_line_get_number(&object->line, "text_bytes", &bytes)) {
		(void)sfsi_line_get_text(&object->line, "text", &object->object.text);
		return 0;
	}
	struct sfsi_load_object pieces = { .line_number = 0 };
	int err = bytes > 0 && bytes <= (int64_t)SFS_DOCUMENT_MAX
			  ? take_long_text(l, &pieces, bytes)
			  : sfsi_load_fail(l, SFS_ERR_BAD_DOCUMENT, "no text has that many bytes");
	object->text = sfs_buf_take(&pieces.text);
	object->object.text = sfs_buf_span(&object->text);
	free_object(&pieces);
	return err;
}

static int take_document(struct sfsi_loading *l, struct sfsi_load_object *object)
{
	int64_t below;
	if (sfsi_line_get_number(&object->line, "below", &below)) {
		int err = sfsi_load_next(l, &object->below);
		object->object.body = sfs_buf_span(&object->below.value);
		return err;
	}
	if (!sfsi_line_get(&object->line, "document", &object->object.body))
		return sfsi_load_fail(l, SFS_ERR_BAD_DOCUMENT, "\"document\" was expected");
	return 0;
}

static int take_object(struct sfsi_loading *l)
{
	struct sfsi_load_object *object = &l->objects[l->object_count++];
	struct sfs_span updates;
	*object = (struct sfsi_load_object){ .line_number = l->line_number };
	object->line.value = sfs_buf_take(&l->line.value);
	if (l->copying.source.kind != SFS_CLASS_OBJECT)
		return sfsi_load_fail(l, SFS_ERR_BAD_DOCUMENT, "an object in a class of raws");
	if (!sfsi_line_get_text(&object->line, "oid", &object->object.oid) ||
	    object->object.oid.len == 0 || object->object.oid.len > SFS_OID_MAX ||
	    !sfsi_line_get(&object->line, "updates", &updates) ||
	    !sfsi_line_get_attributes(&object->line, &object->object.attr))
		return sfsi_load_fail(l, SFS_ERR_BAD_DOCUMENT,
				      "oid, updates, mode, owner and times were expected");
	int err = sfs_buf_append(&object->object.updates, updates.data, updates.len);
	if (!err)
		err = take_document(l, object);
	if (!err)
		err = take_text(l, object);
	l->object_bytes += object->object.body.len + object->object.text.len;
	if (!err && (l->object_count == SFSI_LOAD_OBJECTS || l->object_bytes >= BATCH_BYTES))
		err = sfsi_load_commit(l);
	return err;
}

/* --- names in trees --- */

/** A path inside of a class: components that are names, and nothing that leads out. */
static bool is_inside(struct sfs_span path)
{
	const char *at = path.data, *end = at + path.len;
	if (path.len == 0 || path.len > SFSI_DUMP_PATH_MAX || memchr(at, 0, path.len))
		return false;
	while (at <= end) {
		const char *slash = at < end ? memchr(at, '/', (size_t)(end - at)) : NULL;
		size_t len = (size_t)((slash ? slash : end) - at);
		if (len == 0 || len > SFS_NAME_MAX || (len == 1 && at[0] == '.') ||
		    (len == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		at += len + 1;
	}
	return true;
}

static int refuse_path(struct sfsi_loading *l)
{
	return sfsi_load_fail(l, SFS_ERR_BAD_DOCUMENT, "a path leads out of the class");
}

/** The directory that a path is in, which must be there, and the name. */
static int find_place(struct sfsi_loading *l, struct sfs_span path, uint64_t *ret_dir,
		      struct sfs_span *ret_name)
{
	const char *slash = memrchr(path.data, '/', path.len);
	size_t parent = slash ? (size_t)(slash - (const char *)path.data) : 0;
	struct sfs_attr attr;
	int err = sfs_raw_find_path(l->store, l->copying.target.id,
				    (struct sfs_span){ path.data, parent }, &attr);
	if (err < 0)
		return sfsi_load_fail(l, err == SFS_ERR_NOT_FOUND ? SFS_ERR_BAD_DOCUMENT : err,
				      "the directory of the path: %s", sfs_err_text(err));
	*ret_dir = attr.ino;
	*ret_name = slash ? (struct sfs_span){ slash + 1, path.len - parent - 1 } : path;
	return 0;
}

static bool get_type(const struct sfsi_line_read *line, enum sfs_node_type *ret)
{
	static const struct {
		const char *word;
		enum sfs_node_type type;
	} types[] = { { "file", SFS_NODE_FILE },
		      { "directory", SFS_NODE_DIR },
		      { "symlink", SFS_NODE_SYMLINK },
		      { "pipe", SFS_NODE_FIFO },
		      { "socket", SFS_NODE_SOCKET } };
	struct sfs_span word;
	if (!sfsi_line_get_text(line, "type", &word))
		return false;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (sfs_span_equal(word, sfs_span_str(types[i].word))) {
			*ret = types[i].type;
			return true;
		}
	return false;
}

static int make_link(struct sfsi_loading *l, struct sfs_span first, uint64_t dir,
		     struct sfs_span name)
{
	struct sfs_attr attr;
	if (!is_inside(first))
		return refuse_path(l);
	int err = sfs_raw_find_path(l->store, l->copying.target.id, first, &attr);
	if (!err)
		err = sfs_raw_link(l->store, attr.ino, dir, name, NULL);
	/* What a line leads to is a matter of the dump. */
	return err == SFS_ERR_NOT_FOUND ? SFS_ERR_BAD_DOCUMENT : err;
}

static int put_meta(struct sfsi_loading *l, uint64_t ino, struct sfs_diag *diag)
{
	struct sfs_raw_meta_put put = { .format = SFS_FORMAT_MSGPACK };
	if (sfsi_line_get_text(&l->line, "meta_text", &put.text)) {
		put.format = SFS_FORMAT_JSON;
		put.flags = SFS_PUT_KEEP_TEXT;
	} else if (!sfsi_line_get(&l->line, "meta", &put.text)) {
		return 0;
	}
	return sfs_raw_meta_put(l->store, ino, &put, diag);
}

static int note_file(struct sfsi_loading *l, struct sfs_span path, const struct sfs_attr *attr)
{
	struct sfsi_load_files *files = &l->now;
	int err = sfsi_array_grow(&files->items, files->count, &files->cap, sizeof *files->items);
	char *copy = err < 0 ? NULL : sfsi_dump_path_copy(path);
	if (!copy)
		return SFS_ERR_NO_MEMORY;
	files->items[files->count++] = (struct sfsi_load_file){
		.path = copy,
		.ino = attr->ino,
		.attr = *attr,
	};
	return 0;
}

/** @attr  as the line says it; ino becomes that of what is made. */
static int make_node(struct sfsi_loading *l, struct sfs_span path, struct sfs_attr *attr)
{
	struct sfs_raw_make make = {
		.type = attr->type,
		.mode = attr->mode,
		.uid = attr->uid,
		.gid = attr->gid,
	};
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_span name;
	struct sfs_attr made;
	uint64_t dir;
	(void)sfsi_line_get_text(&l->line, "target", &make.target);
	int err = find_place(l, path, &dir, &name);
	if (err < 0)
		return err;
	err = sfs_raw_make(l->store, dir, name, &make, &made);
	attr->ino = made.ino;
	if (!err && l->copying.source.kind == SFS_CLASS_RAW)
		err = put_meta(l, attr->ino, &diag);
	const struct sfs_setattr set = sfsi_copy_attributes(attr);
	if (!err && attr->type != SFS_NODE_DIR)
		err = sfs_raw_setattr(l->store, attr->ino, &set, NULL);
	if (!err && attr->type == SFS_NODE_FILE)
		err = note_file(l, path, attr);
	return err < 0 ? sfsi_load_fail_with(l, err, &diag) : 0;
}

static int take_node(struct sfsi_loading *l, struct sfs_span path)
{
	struct sfs_attr attr = { .ino = 0 };
	struct sfs_span first, name;
	int64_t size = 0;
	uint64_t dir;
	if (!is_inside(path))
		return refuse_path(l);
	if (sfsi_line_get_text(&l->line, "link", &first)) {
		int err = find_place(l, path, &dir, &name);
		if (err < 0)
			return err;
		err = make_link(l, first, dir, name);
		return err < 0 ? sfsi_load_fail(l, err, "a link: %s", sfs_err_text(err))
			       : sfsi_load_step(l, &l->done.raws);
	}
	if (!get_type(&l->line, &attr.type) || !sfsi_line_get_attributes(&l->line, &attr) ||
	    (attr.type == SFS_NODE_FILE &&
	     (!sfsi_line_get_number(&l->line, "size", &size) || size < 0)))
		return sfsi_load_fail(l, SFS_ERR_BAD_DOCUMENT,
				      "type, mode, owner and times were expected");
	attr.size = (uint64_t)size;
	int err = make_node(l, path, &attr);
	return err < 0 ? err : sfsi_load_step(l, &l->done.raws);
}

/** All that is in a directory is there: its own times. */
static int fill_directory(struct sfsi_loading *l, struct sfs_span path)
{
	struct sfs_attr attr, found;
	if (!is_inside(path))
		return refuse_path(l);
	if (!sfsi_line_get_attributes(&l->line, &attr))
		return sfsi_load_fail(l, SFS_ERR_BAD_DOCUMENT,
				      "mode, owner and times were expected");
	const struct sfs_setattr set = sfsi_copy_attributes(&attr);
	int err = sfs_raw_find_path(l->store, l->copying.target.id, path, &found);
	if (!err)
		err = sfs_raw_setattr(l->store, found.ino, &set, NULL);
	if (err == SFS_ERR_NOT_FOUND)
		err = SFS_ERR_BAD_DOCUMENT;
	return err < 0 ? sfsi_load_fail(l, err, "%s", sfs_err_text(err)) : 0;
}

/* --- bytes of files --- */

/** The hash that the bytes of a file had when they were dumped. */
static int check_bytes(struct sfsi_loading *l, struct sfs_span path)
{
	const struct sfsi_load_file *file = &l->last.items[l->told];
	unsigned char hash[SFS_HASH_LEN];
	if (l->told == l->last.count || !sfsi_line_get_hash(&l->line, hash) ||
	    !sfs_span_equal(path, sfs_span_str(file->path)))
		return sfsi_load_fail(l, SFS_ERR_BAD_DOCUMENT,
				      "the hash of another file was expected");
	if (memcmp(hash, file->hash, sizeof hash) != 0)
		return sfsi_load_fail(l, SFS_ERR_CORRUPT,
				      "files/%.100s does not have the hash that is said here",
				      file->path);
	l->told++;
	return 0;
}

static int read_bytes(struct sfsi_loading *l, struct sfsi_load_file *file, struct sfs_raw_file *raw,
		      char *piece)
{
	struct sfsi_hash_stream stream;
	uint64_t done = 0;
	size_t got = PIECE;
	int err = 0;
	sfsi_hash_stream_init(&stream);
	while (!err && done < file->attr.size && got) {
		uint64_t left = file->attr.size - done;
		err = l->in->ops->read(l->in, piece, left < PIECE ? (size_t)left : PIECE, &got,
				       l->diag);
		const struct sfs_span bytes = { piece, got };
		if (!err) {
			sfsi_hash_stream_add(&stream, bytes);
			err = sfsi_copy_fill(raw, bytes, done);
			done += got;
			l->done.bytes += got;
		}
		if (!err && l->how->progress && l->how->progress(l->how->arg, &l->done, 0))
			err = SFS_ERR_CANCELLED;
	}
	sfsi_hash_stream_end(&stream, file->hash);
	return err;
}

static int fill_file(struct sfsi_loading *l, struct sfsi_load_file *file, char *piece)
{
	struct sfs_raw_file *raw = NULL;
	const struct sfs_setattr size = { .mask = SFS_SET_SIZE, .size = file->attr.size };
	const struct sfs_setattr set = sfsi_copy_attributes(&file->attr);
	int err = sfs_raw_open(l->store, file->ino, true, &raw);
	if (!err)
		err = read_bytes(l, file, raw, piece);
	if (!err)
		err = sfs_raw_flush(raw);
	sfs_raw_close(raw);
	if (!err)
		err = sfs_raw_setattr(l->store, file->ino, &size, NULL);
	return err < 0 ? err : sfs_raw_setattr(l->store, file->ino, &set, NULL);
}

static int read_file(struct sfsi_loading *l, struct sfsi_load_file *file, char *piece)
{
	uint64_t size;
	int err = sfsi_dump_file_path(&l->path, l->folder, sfs_span_str(file->path));
	if (!err)
		err = l->in->ops->open(l->in, l->path.data, &size, l->diag);
	if (err < 0)
		return err;
	if (size != file->attr.size)
		return sfs_diag_set(l->diag, SFS_ERR_CORRUPT,
				    "%.300s has %llu bytes, %llu were expected",
				    (const char *)l->path.data, (unsigned long long)size,
				    (unsigned long long)file->attr.size);
	err = fill_file(l, file, piece);
	if (err < 0 && err != SFS_ERR_CANCELLED && l->diag && !l->diag->text[0])
		sfs_diag_set(l->diag, err, "%.300s: %s", (const char *)l->path.data,
			     sfs_err_text(err));
	return err;
}

static void free_files(struct sfsi_load_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->items[i].path);
	free(files->items);
	*files = (struct sfsi_load_files){ .items = NULL };
}

int sfsi_load_files(struct sfsi_loading *l)
{
	SFSI_AUTO_FREE char *piece = l->now.count ? malloc(PIECE) : NULL;
	int err = 0;
	if (l->told != l->last.count)
		return sfsi_load_fail(l, SFS_ERR_CORRUPT, "hashes of files before are missing");
	if (l->now.count && !piece)
		return SFS_ERR_NO_MEMORY;
	for (size_t i = 0; i < l->now.count && !err; i++)
		err = read_file(l, &l->now.items[i], piece);
	free_files(&l->last);
	l->last = l->now;
	l->now = (struct sfsi_load_files){ .items = NULL };
	l->told = 0;
	return err;
}

void sfsi_load_forget(struct sfsi_loading *l)
{
	while (l->object_count)
		free_object(&l->objects[--l->object_count]);
	free_files(&l->now);
	free_files(&l->last);
}

/* --- lines --- */

int sfsi_load_line(struct sfsi_loading *l)
{
	struct sfs_span name;
	if (sfsi_line_get_text(&l->line, "class", &name))
		return begin_class(l, name);
	if (!l->begun || l->ended)
		return sfsi_load_fail(l, SFS_ERR_BAD_DOCUMENT, "a line outside of a class");
	if (sfsi_line_get_text(&l->line, "oid", &name))
		return take_object(l);
	if (sfsi_line_get_text(&l->line, "path", &name))
		return take_node(l, name);
	if (sfsi_line_get_text(&l->line, "bytes", &name))
		return check_bytes(l, name);
	if (sfsi_line_get_text(&l->line, "filled", &name))
		return fill_directory(l, name);
	if (sfsi_line_get_text(&l->line, "end", &name))
		return end_class(l);
	return sfsi_load_fail(l, SFS_ERR_BAD_DOCUMENT, "a line that says nothing that is known");
}
