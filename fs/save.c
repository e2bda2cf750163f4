/*
 * Saving drafts: see save.h. One save of an object at a time (open->save); the engine decides
 * whether a text is a document.
 */
#include "name.h"
#include "newborn.h"
#include "notify.h"
#include "refusal.h"
#include "save.h"
#include <storefs/refused.h>
#include "table.h"

/* --- what a save needs, and what it leaves --- */

/** The oid of an object that is open, as it is now. open->save is held. */
static int load_oid(struct fs *fs, struct fs_open *open)
{
	struct sfs_attr attr;
	struct sfs_buf oid = SFS_BUF_INIT;
	int err = sfs_object_stat(fs->store, open->object_ino, &attr, &oid);
	if (err < 0) {
		sfs_buf_fini(&oid);
		return err;
	}
	sfs_buf_fini(&open->oid);
	open->oid = oid;
	return 0;
}

static void log_refused(struct fs *fs, const struct fs_open *open, const struct sfs_diag *diag)
{
	struct sfs_class_info info;
	char name[SFS_NAME_MAX + 1];
	fs_name_make(sfs_buf_span(&open->oid), fs->options->format, name);
	const char *class_name = sfs_class_get(fs->store, open->class_id, &info) ? "?" : info.name;
	fs_log(LOG_INFO, "%s/%s: refused: line %u, column %u: %s", class_name, name, diag->line,
	       diag->column, diag->text);
}

/** Keep what a successful save means for the open object. */
static void saved(struct fs *fs, struct fs_open *open, const struct sfs_attr *attr)
{
	pthread_mutex_lock(&fs->table->lock);
	if (open->newborn)
		fs_newborn_set_locked(fs->table, open, false);
	open->object_ino = attr->ino;
	open->attr = *attr;
	open->pending.mask = 0;
	open->refused = false;
	pthread_mutex_unlock(&fs->table->lock);
	atomic_fetch_add(&fs->saves, 1);
}

/** Is this error about the text, so that the same text need not be tried again? */
static bool is_verdict(int err)
{
	return err == 0 || err == SFS_ERR_BAD_DOCUMENT || err == SFS_ERR_LIMIT;
}

/** Is a text that failed with this worth keeping? Not when the object is gone, or nothing can be kept. */
static bool is_kept(int err)
{
	return err != SFS_ERR_NOT_FOUND && err != SFS_ERR_CONFLICT && err != SFS_ERR_READ_ONLY &&
	       err != SFS_ERR_EXISTS;
}

void fs_save_keep(struct fs *fs, const struct sfs_put *what, int err, const struct sfs_diag *diag)
{
	struct sfs_diag why = *diag;
	if (!why.text[0])
		sfs_diag_set(&why, err, "%s", sfs_err_text(err));
	fs_refusal_object(what->class_id, what->oid, what->format);
	fs_refusal_diag(&why);
	if (what->text.len == 0 || !is_kept(err))
		return;
	err = sfs_refused_put(fs->store, what->class_id, what->oid, what->format, what->text, &why);
	if (err < 0)
		fs_log(LOG_ERR, "a refused text could not be kept: %s", sfs_err_text(err));
}

/** @text  what was to be saved; empty: nothing that somebody wrote. */
static void failed(struct fs *fs, struct fs_open *open, int err, const struct sfs_put *what,
		   const struct sfs_diag *diag)
{
	open->refused = true;
	fs_save_keep(fs, what, err, diag);
	if (!is_verdict(err)) {
		fs_log(LOG_ERR, "save of node %#llx: %s", (unsigned long long)open->ino,
		       diag->text[0] ? diag->text : sfs_err_text(err));
		return;
	}
	atomic_fetch_add(&fs->refused, 1);
	log_refused(fs, open, diag);
}

/* --- the save itself; open->save is held --- */

/** Mode and owner of a newborn, and the times that wait. */
static struct sfs_setattr attr_of(struct fs *fs, const struct fs_open *open)
{
	pthread_mutex_lock(&fs->table->lock);
	struct sfs_setattr set = open->pending;
	if (open->newborn) {
		set.mask |= SFS_SET_MODE | SFS_SET_UID | SFS_SET_GID;
		set.mode = open->attr.mode;
		set.uid = open->attr.uid;
		set.gid = open->attr.gid;
	}
	pthread_mutex_unlock(&fs->table->lock);
	return set;
}

void fs_save_remark(struct fs *fs, const struct sfs_put *what, const struct sfs_diag *diag)
{
	if (!diag->text[0])
		return;
	fs_refusal_operation("save");
	fs_refusal_object(what->class_id, what->oid, what->format);
	fs_refusal_diag(diag);
	fs_refusal_add(fs, 0);
}

/** @node  that the kernel wrote to. */
static int put(struct fs *fs, struct fs_open *open, uint64_t node, struct sfs_put *what,
	       struct sfs_diag *diag)
{
	struct sfs_setattr set = attr_of(fs, open);
	struct sfs_attr attr;
	what->class_id = open->class_id;
	what->oid = sfs_buf_span(&open->oid);
	/* Another door made the object meanwhile: it keeps its mode and owner. */
	if (!(what->flags & SFS_PUT_CREATE))
		set.mask &= SFS_SET_ATIME | SFS_SET_MTIME;
	what->attr = set.mask ? &set : NULL;
	struct fs_mark mark = {
		.nodes = { node },
		.name_known = open->name_known,
	};
	fs_mark_begin(&mark);
	int err = sfs_object_put(fs->store, what, &attr, diag);
	fs_mark_end();
	what->attr = NULL;
	if (!err) {
		saved(fs, open, &attr);
		fs_save_remark(fs, what, diag);
	}
	return err;
}

/** A new object; when another door was faster, it is a save into that one. */
static int put_newborn(struct fs *fs, struct fs_open *open, uint64_t node, struct sfs_put *what,
		       struct sfs_diag *diag)
{
	unsigned flags = what->flags;
	what->flags = flags | SFS_PUT_CREATE;
	what->ino = open->object_ino;
	int err = put(fs, open, node, what, diag);
	if (err != SFS_ERR_EXISTS)
		return err;
	what->flags = flags;
	what->ino = 0;
	return put(fs, open, node, what, diag);
}

/** An object that exists; one that was removed meanwhile is not made again. */
static int put_existing(struct fs *fs, struct fs_open *open, uint64_t node, struct sfs_put *what,
			struct sfs_diag *diag)
{
	int err = SFS_ERR_NOT_FOUND;
	what->flags |= SFS_PUT_UPDATE;
	what->ino = open->object_ino;
	if (open->oid.len)
		err = put(fs, open, node, what, diag);
	if (err != SFS_ERR_NOT_FOUND && err != SFS_ERR_CONFLICT)
		return err;
	/* Not opened for writing before, or renamed: ask for its oid. */
	err = load_oid(fs, open);
	if (!err)
		err = put(fs, open, node, what, diag);
	if (err != SFS_ERR_NOT_FOUND && err != SFS_ERR_CONFLICT)
		return err;
	fs_newborn_end(fs, open, true);
	return 0;
}

/** The text goes into the scratch file that the object became. */
static int put_raw(struct fs *fs, const struct fs_open *open, struct sfs_span text)
{
	struct sfs_raw_file *file;
	int err = sfs_raw_open(fs->store, open->raw_ino, true, &file);
	if (err < 0)
		return err;
	size_t done = 0;
	struct sfs_setattr set = { .mask = SFS_SET_SIZE, .size = text.len };
	err = sfs_raw_write(file, 0, text.data, text.len, &done);
	if (!err)
		err = sfs_raw_setattr(fs->store, open->raw_ino, &set, NULL);
	if (!err)
		err = sfs_raw_flush(file);
	sfs_raw_close(file);
	return err;
}

static int save_text(struct fs *fs, struct fs_open *open, uint64_t node, struct sfs_span text)
{
	if (open->removed)
		return 0;
	if (open->raw_ino)
		return put_raw(fs, open, text);
	struct sfs_put what = {
		.format = fs_node_format(node),
		.text = text,
		.flags = SFS_PUT_KEEP_TEXT,
	};
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = open->newborn ? put_newborn(fs, open, node, &what, &diag)
				: put_existing(fs, open, node, &what, &diag);
	/* Not too large, so too deep: a bad document rather than a big file. */
	if (err == SFS_ERR_LIMIT && text.len <= SFS_DOCUMENT_MAX)
		err = SFS_ERR_BAD_DOCUMENT;
	if (err < 0) {
		what.class_id = open->class_id;
		what.oid = sfs_buf_span(&open->oid);
		failed(fs, open, err, &what, &diag);
	}
	return err;
}

int fs_save_flush(struct fs *fs, struct fs_handle *handle)
{
	struct fs_draft *draft = &handle->draft;
	struct fs_open *open = handle->open;
	pthread_mutex_lock(&draft->lock);
	int err = atomic_load(&draft->dirty) ? 0 : atomic_load(&draft->verdict);
	if (err < 0)
		fs_refusal_repeats();
	struct sfs_span text = fs_draft_span_locked(draft);
	if (atomic_load(&draft->dirty) && text.len) {
		pthread_mutex_lock(&open->save);
		err = save_text(fs, open, handle->node, text);
		pthread_mutex_unlock(&open->save);
		atomic_store(&draft->verdict, err);
		atomic_store(&draft->dirty, !is_verdict(err));
	}
	pthread_mutex_unlock(&draft->lock);
	return err;
}

void fs_save_close(struct fs *fs, struct fs_handle *handle)
{
	struct fs_open *open = handle->open;
	struct sfs_buf oid = SFS_BUF_INIT;
	struct sfs_attr attr;
	if (handle->kind != FS_HANDLE_WRITER || fs_draft_size(&handle->draft) > 0)
		return;
	pthread_mutex_lock(&open->save);
	bool was_there = !open->newborn && !open->removed && !open->raw_ino && !open->refused &&
			 sfs_object_stat(fs->store, open->object_ino, &attr, &oid) == 0;
	pthread_mutex_unlock(&open->save);
	if (was_there) {
		fs_refusal_operation("save");
		fs_refusal_object(open->class_id, sfs_buf_span(&oid), fs_node_format(handle->node));
		fs_refusal_because("it was closed while it was empty, which is no document: the "
				   "object stayed as it was (rm removes it)");
		fs_refusal_add(fs, 0);
	}
	sfs_buf_fini(&oid);
}

/* --- writing and cutting --- */

/** Can a document begin like this? A top level is a map; in JSON after white space. */
static bool can_begin(enum sfs_format format, struct sfs_span data)
{
	const unsigned char *bytes = data.data;
	size_t at = 0;
	if (format == SFS_FORMAT_MSGPACK)
		return data.len == 0 || (bytes[0] & 0xf0) == 0x80 || bytes[0] == 0xde ||
		       bytes[0] == 0xdf;
	while (at < data.len && strchr(" \t\r\n", bytes[at]) && bytes[at])
		at++;
	return at == data.len || bytes[at] == '{';
}

/** What the engine says of a text that can not begin a document, if it can tell. */
static void why_exactly(struct fs *fs, const struct sfs_put *what, struct sfs_diag *diag)
{
	struct sfs_diag exact = SFS_DIAG_INIT;
	if (what->text.len <= SFS_DOCUMENT_MAX &&
	    sfs_object_check(fs->store, what, &exact) == SFS_ERR_BAD_DOCUMENT && exact.text[0])
		*diag = exact;
}

/** The save would be refused: a newborn that is closed now is gone. */
static void refuse_early(struct fs *fs, struct fs_open *open, uint64_t node, struct sfs_span text)
{
	enum sfs_format format = fs_node_format(node);
	struct sfs_diag diag = SFS_DIAG_INIT;
	diag.line = diag.column = format == SFS_FORMAT_JSON;
	sfs_diag_set(&diag, SFS_ERR_BAD_DOCUMENT, "a document can not begin like this, expected %s",
		     format == SFS_FORMAT_JSON ? "'{'" : "a map");
	pthread_mutex_lock(&open->save);
	open->refused = true;
	if (!open->removed && !open->raw_ino && (open->oid.len || load_oid(fs, open) == 0)) {
		struct sfs_put what = {
			.class_id = open->class_id,
			.oid = sfs_buf_span(&open->oid),
			.format = format,
			.text = text,
		};
		why_exactly(fs, &what, &diag);
		fs_save_keep(fs, &what, SFS_ERR_BAD_DOCUMENT, &diag);
	}
	pthread_mutex_unlock(&open->save);
	atomic_fetch_add(&fs->refused, 1);
}

/** In a database a document is any value, which can begin with anything. */
static bool holds_values(struct fs *fs, uint32_t class_id)
{
	struct sfs_class_info info;
	return sfs_class_get(fs->store, class_id, &info) == 0 && info.database;
}

int fs_save_write(struct fs *fs, struct fs_handle *handle, uint64_t off, struct sfs_span data,
		  bool at_end)
{
	struct fs_open *open = handle->open;
	bool at_start = off == 0 && (!at_end || fs_draft_size(&handle->draft) == 0);
	if (open && at_start && !can_begin(fs_node_format(handle->node), data) &&
	    !holds_values(fs, open->class_id)) {
		refuse_early(fs, open, handle->node, data);
		return SFS_ERR_BAD_DOCUMENT;
	}
	if (open) {
		pthread_mutex_lock(&fs->table->lock);
		open->pending.mask &= ~(unsigned)SFS_SET_MTIME;
		pthread_mutex_unlock(&fs->table->lock);
	}
	return fs_draft_write(&handle->draft, off, data, at_end);
}

/** The draft of a newborn that truncate(2) by name means, with the table locked. */
static struct fs_handle *newborn_writer_locked(const struct fs_open *open)
{
	struct fs_handle *handle = open->newborn ? open->handles : NULL;
	while (handle && handle->kind != FS_HANDLE_WRITER)
		handle = handle->sibling;
	return handle;
}

static int resize_newborn(struct fs *fs, struct fs_open *open, uint64_t size)
{
	int err = SFS_ERR_BUSY;
	pthread_mutex_lock(&fs->table->lock);
	struct fs_handle *handle = newborn_writer_locked(open);
	if (handle)
		err = fs_draft_try_resize(&handle->draft, size);
	else if (size == 0)
		err = 0;
	pthread_mutex_unlock(&fs->table->lock);
	return err;
}

/** truncate(2) by name: read, cut, save. open->save is held. */
static int resize_saved(struct fs *fs, struct fs_open *open, uint64_t node, uint64_t size)
{
	struct sfs_doc *doc;
	int err = sfs_object_get(fs->store, open->object_ino, fs_node_format(node), &doc);
	if (err < 0)
		return err;
	struct sfs_buf text = SFS_BUF_INIT;
	if (size != doc->bytes.len) {
		err = size > SFS_DOCUMENT_MAX
			      ? SFS_ERR_LIMIT
			      : sfs_buf_append(&text, doc->bytes.data,
					       size < doc->bytes.len ? (size_t)size
								     : doc->bytes.len);
		if (!err)
			err = sfs_buf_resize(&text, (size_t)size);
		if (!err)
			err = save_text(fs, open, node, sfs_buf_span(&text));
	}
	sfs_buf_fini(&text);
	sfs_doc_unref(doc);
	return err;
}

int fs_save_resize(struct fs *fs, uint64_t node, struct fs_handle *handle, uint64_t size)
{
	if (handle && handle->kind == FS_HANDLE_WRITER)
		return fs_draft_resize(&handle->draft, size);
	struct sfs_attr attr;
	uint64_t ino = fs_node_ino(node);
	int err = sfs_object_stat(fs->store, ino, &attr, NULL);
	if (err == SFS_ERR_NOT_FOUND)
		err = fs_open_attr(fs, ino, &attr);
	struct fs_open *open = NULL;
	if (!err)
		err = fs_open_get(fs, &attr, &open);
	if (err)
		return err;
	pthread_mutex_lock(&open->save);
	err = open->newborn ? resize_newborn(fs, open, size) : resize_saved(fs, open, node, size);
	pthread_mutex_unlock(&open->save);
	fs_open_unref(fs, open);
	return err;
}

/* --- newborns that end otherwise than by a save --- */

int fs_save_settle(struct fs *fs, struct fs_open *open)
{
	if (!open)
		return 0;
	int err = 0;
	pthread_mutex_lock(&open->save);
	pthread_mutex_lock(&fs->table->lock);
	bool settle = open->newborn && !open->handles;
	pthread_mutex_unlock(&fs->table->lock);
	if (settle && !open->refused) {
		struct sfs_put what = { .format = SFS_FORMAT_JSON, .text = sfs_span_str("{}") };
		struct sfs_diag diag = SFS_DIAG_INIT;
		err = put_newborn(fs, open, fs_primary_node(fs, open->ino), &what, &diag);
		/* Nobody wrote this text: it is not worth keeping. */
		what.text = (struct sfs_span){ "", 0 };
		if (err < 0)
			failed(fs, open, err, &what, &diag);
	}
	if (settle && open->newborn)
		fs_newborn_end(fs, open, true);
	pthread_mutex_unlock(&open->save);
	return err;
}

/** A copy of what the writer of a newborn wrote so far. */
static int newborn_text(struct fs *fs, const struct fs_open *open, struct sfs_buf *ret)
{
	int err = 0;
	pthread_mutex_lock(&fs->table->lock);
	struct fs_handle *handle = open->handles;
	while (handle && handle->kind != FS_HANDLE_WRITER)
		handle = handle->sibling;
	/* Tried only: a draft that is locked is being written or waits for open->save. */
	if (handle && pthread_mutex_trylock(&handle->draft.lock) == 0) {
		struct sfs_span text = fs_draft_span_locked(&handle->draft);
		err = sfs_buf_append(ret, text.data, text.len);
		pthread_mutex_unlock(&handle->draft.lock);
	} else if (handle) {
		err = SFS_ERR_BUSY;
	}
	pthread_mutex_unlock(&fs->table->lock);
	return err;
}

int fs_save_newborn_as(struct fs *fs, struct fs_open *open, struct sfs_span oid,
		       enum sfs_format format)
{
	struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_setattr set = attr_of(fs, open);
	struct sfs_attr attr;
	int err = newborn_text(fs, open, &text);
	struct sfs_put what = {
		.class_id = open->class_id,
		.oid = oid,
		.format = format,
		.text = sfs_buf_span(&text),
		.flags = SFS_PUT_KEEP_TEXT,
		.attr = &set,
	};
	if (!err)
		err = sfs_object_put(fs->store, &what, &attr, &diag);
	if (err < 0)
		failed(fs, open, err, &what, &diag);
	sfs_buf_fini(&text);
	if (err < 0)
		return err;
	fs_save_remark(fs, &what, &diag);
	err = fs_newborn_rename(fs, open, oid);
	if (!err)
		saved(fs, open, &attr);
	return err;
}

int fs_save_to_raw(struct fs *fs, struct fs_open *open, uint64_t raw_ino)
{
	struct sfs_buf text = SFS_BUF_INIT;
	int err = 0;
	bool newborn = open->newborn;
	pthread_mutex_lock(&fs->table->lock);
	if (newborn)
		fs_newborn_set_locked(fs->table, open, false);
	open->raw_ino = raw_ino;
	pthread_mutex_unlock(&fs->table->lock);
	if (newborn)
		err = newborn_text(fs, open, &text);
	if (!err && text.len)
		err = put_raw(fs, open, sfs_buf_span(&text));
	sfs_buf_fini(&text);
	return err;
}
