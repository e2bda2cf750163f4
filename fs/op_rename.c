/*
 * Rename, which is four different things in an object class: an object gets another oid, a scratch
 * file is saved into an object, an object becomes a scratch file, a scratch file is renamed. The
 * kernel moves its own name in every case; where that is not what happened, it is told to forget
 * it.
 */
#include <linux/fs.h>
#include "class_name.h"
#include "new.h"
#include "newborn.h"
#include "op.h"
#include "save.h"
#include "view_trash.h"

/** A rename in the making. */
struct renaming {
	struct fs *fs;
	struct fs_place from, to;
	unsigned flags; /* enum sfs_rename_flags */
	pid_t pid;      /* who renames */
	uid_t uid;
	bool forget_from, forget_to; /* what the kernel believes of these names is wrong */
};

static bool has(const struct renaming *renaming, unsigned flag)
{
	return renaming->flags & flag;
}

/** A newborn at the target is replaced: its handles save no more. */
static int drop_newborn(struct fs *fs, const struct fs_place *place)
{
	struct fs_open *open = fs_newborn_get(fs, place->class_id, fs_place_oid(place));
	if (!open)
		return 0;
	pthread_mutex_lock(&open->save);
	fs_newborn_end(fs, open, true);
	pthread_mutex_unlock(&open->save);
	fs_open_unref(fs, open);
	return 0;
}

static bool is_newborn(struct fs *fs, const struct fs_place *place)
{
	struct sfs_attr attr;
	return fs_newborn_find(fs, place->class_id, fs_place_oid(place), &attr) == 0;
}

/* --- object to object --- */

/** open->save is held. */
static int newborn_to_object(struct renaming *renaming, struct fs_open *open)
{
	struct fs *fs = renaming->fs;
	struct sfs_span oid = fs_place_oid(&renaming->to);
	struct sfs_attr attr;
	if (sfs_object_find(fs->store, renaming->to.class_id, oid, &attr) == 0) {
		renaming->forget_to = true;
		return fs_save_newborn_as(fs, open, oid, renaming->from.format);
	}
	drop_newborn(fs, &renaming->to);
	int err = fs_newborn_rename(fs, open, oid);
	if (!err)
		open->name_known = renaming->to.keep;
	return err;
}

/** Rename the source if it is a newborn. Returns 1 when it is none. */
static int rename_newborn(struct renaming *renaming,
			  int (*rename)(struct renaming *renaming, struct fs_open *open))
{
	struct fs *fs = renaming->fs;
	struct fs_open *open = fs_newborn_get(fs, renaming->from.class_id,
					      fs_place_oid(&renaming->from));
	int err = 1;
	if (!open)
		return err;
	pthread_mutex_lock(&open->save);
	if (open->newborn)
		err = rename(renaming, open);
	pthread_mutex_unlock(&open->save);
	fs_open_unref(fs, open);
	return err;
}

static int object_to_object(struct renaming *renaming)
{
	struct fs *fs = renaming->fs;
	const struct fs_place *from = &renaming->from, *to = &renaming->to;
	struct fs_found target;
	bool same = sfs_span_equal(fs_place_oid(from), fs_place_oid(to));
	renaming->forget_from = renaming->forget_to = same || has(renaming, SFS_RENAME_EXCHANGE);
	if (has(renaming, SFS_RENAME_NOREPLACE) && fs_place_find(fs, to, 0, &target) == 0)
		return SFS_ERR_EXISTS;
	if (same)
		return 0; /* one object seen twice */
	if (has(renaming, SFS_RENAME_EXCHANGE) && (is_newborn(fs, from) || is_newborn(fs, to)))
		return SFS_ERR_INVALID;
	int err = rename_newborn(renaming, newborn_to_object);
	if (err <= 0)
		return err;
	bool newborn = is_newborn(fs, to);
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_attr before, after;
	err = sfs_object_find(fs->store, from->class_id, fs_place_oid(from), &before);
	if (!err)
		err = sfs_object_rename(fs->store, from->class_id, fs_place_oid(from),
					fs_place_oid(to), renaming->flags, &diag);
	if (!err && newborn)
		drop_newborn(fs, to);
	if (err == SFS_ERR_BAD_DOCUMENT)
		fs_refusal_diag(&diag);
	/* An object that was there keeps its identity, so the kernel now has the wrong one. */
	renaming->forget_to =
		renaming->forget_to || from->format != to->format ||
		(!err && (sfs_object_find(fs->store, to->class_id, fs_place_oid(to), &after) < 0 ||
			  after.ino != before.ino));
	return err;
}

/* --- object to scratch --- */

/** Make room for a new scratch file. */
static int clear_raw(struct renaming *renaming)
{
	struct fs *fs = renaming->fs;
	const struct fs_place *to = &renaming->to;
	struct sfs_attr attr;
	int err = sfs_raw_find(fs->store, fs_node_ino(to->dir), to->name, &attr);
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	if (!err && has(renaming, SFS_RENAME_NOREPLACE))
		return SFS_ERR_EXISTS;
	if (!err)
		err = sfs_raw_unlink(fs->store, fs_node_ino(to->dir), to->name);
	return err;
}

/** open->save is held. */
static int newborn_to_raw(struct renaming *renaming, struct fs_open *open)
{
	struct fs *fs = renaming->fs;
	const struct fs_place *to = &renaming->to;
	struct sfs_raw_make make = {
		.type = SFS_NODE_FILE,
		.mode = open->attr.mode,
		.uid = open->attr.uid,
		.gid = open->attr.gid,
	};
	struct sfs_attr attr;
	int err = clear_raw(renaming);
	if (!err)
		err = sfs_raw_make(fs->store, fs_node_ino(to->dir), to->name, &make, &attr);
	if (!err)
		err = fs_save_to_raw(fs, open, attr.ino);
	return err;
}

static int object_to_raw(struct renaming *renaming)
{
	struct fs *fs = renaming->fs;
	const struct fs_place *from = &renaming->from, *to = &renaming->to;
	struct sfs_attr attr, scratch;
	renaming->forget_from = renaming->forget_to = true;
	if (has(renaming, SFS_RENAME_EXCHANGE))
		return SFS_ERR_INVALID;
	int err = rename_newborn(renaming, newborn_to_raw);
	if (err <= 0)
		return err;
	err = sfs_object_find(fs->store, from->class_id, fs_place_oid(from), &attr);
	if (!err && has(renaming, SFS_RENAME_NOREPLACE) &&
	    sfs_raw_find(fs->store, fs_node_ino(to->dir), to->name, &scratch) == 0)
		err = SFS_ERR_EXISTS;
	if (err < 0)
		return err;
	struct fs_open *open = fs_open_find(fs, attr.ino);
	if (open)
		pthread_mutex_lock(&open->save);
	err = sfs_object_to_raw(fs->store, from->class_id, fs_place_oid(from), from->format,
				fs_node_ino(to->dir), to->name, &scratch);
	if (open) {
		if (!err)
			err = fs_save_to_raw(fs, open, scratch.ino);
		pthread_mutex_unlock(&open->save);
		fs_open_unref(fs, open);
	}
	return err;
}

/* --- scratch to object: a save --- */

/** The text that was refused: the scratch file stays, and the text is kept as after any save. */
static void keep_refused(struct renaming *renaming, struct sfs_put *put, uint64_t ino,
			 const struct sfs_diag *diag)
{
	struct fs *fs = renaming->fs;
	struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_attr attr;
	struct sfs_raw_file *file;
	int err = sfs_raw_stat(fs->store, ino, &attr);
	if (!err && attr.size <= SFS_DOCUMENT_MAX &&
	    sfs_raw_open(fs->store, ino, false, &file) == 0) {
		size_t len = 0;
		err = sfs_buf_resize(&text, (size_t)attr.size);
		if (!err)
			err = sfs_raw_read(file, 0, text.data, text.len, &len);
		text.len = err ? 0 : len;
		sfs_raw_close(file);
	}
	put->text = sfs_buf_span(&text);
	fs_save_keep(fs, put, SFS_ERR_BAD_DOCUMENT, diag);
	sfs_buf_fini(&text);
}

static int raw_to_object(struct renaming *renaming)
{
	struct fs *fs = renaming->fs;
	const struct fs_place *from = &renaming->from, *to = &renaming->to;
	if (has(renaming, SFS_RENAME_EXCHANGE))
		return SFS_ERR_INVALID;
	bool newborn = is_newborn(fs, to);
	if (newborn && has(renaming, SFS_RENAME_NOREPLACE))
		return SFS_ERR_EXISTS;
	struct sfs_put put = {
		.class_id = to->class_id,
		.oid = fs_place_oid(to),
		.format = to->format,
		.flags = SFS_PUT_KEEP_TEXT |
			 (has(renaming, SFS_RENAME_NOREPLACE) ? SFS_PUT_CREATE : 0),
	};
	struct sfs_attr attr;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfs_object_put_raw(fs->store, &put, fs_node_ino(from->dir), from->name, &attr,
				     &diag);
	if (!err && newborn)
		drop_newborn(fs, to);
	if (err == SFS_ERR_IS_DIR)
		return SFS_ERR_WRONG_KIND;
	struct sfs_attr scratch = { .size = 0 };
	bool there = err &&
		     sfs_raw_find(fs->store, fs_node_ino(from->dir), from->name, &scratch) == 0;
	/* Not too large, so too deep: a bad document rather than a big file. */
	if (err == SFS_ERR_LIMIT && there && scratch.size <= SFS_DOCUMENT_MAX)
		err = SFS_ERR_BAD_DOCUMENT;
	if (!err) {
		atomic_fetch_add(&fs->saves, 1);
		fs_save_remark(fs, &put, &diag);
	}
	if (err != SFS_ERR_BAD_DOCUMENT && err != SFS_ERR_LIMIT)
		return err;
	fs_refusal_diag(&diag);
	if (err == SFS_ERR_BAD_DOCUMENT && there)
		keep_refused(renaming, &put, scratch.ino, &diag);
	atomic_fetch_add(&fs->refused, 1);
	fs_log(LOG_INFO, "%.*s: refused: line %u, column %u: %s", (int)to->name.len,
	       (const char *)to->name.data, diag.line, diag.column, diag.text);
	return err;
}

/** The same under a new oid. */
static int raw_to_new(struct renaming *renaming)
{
	struct fs *fs = renaming->fs;
	struct fs_place *to = &renaming->to;
	char oid[SFS_OID_MADE_SIZE];
	/* The name leads to .new as before, not to what was renamed. */
	renaming->forget_to = true;
	if (renaming->from.class_id != to->class_id)
		return SFS_ERR_CROSS;
	if (renaming->from.kind != FS_PLACE_RAW || has(renaming, SFS_RENAME_NOREPLACE))
		return SFS_ERR_EXISTS;
	int err = sfs_oid_make(fs->store, to->class_id, oid);
	if (err < 0)
		return err;
	to->format = SFS_FORMAT_JSON;
	to->oid_len = strlen(oid);
	memcpy(to->oid, oid, to->oid_len);
	err = raw_to_object(renaming);
	if (!err)
		fs_new_made(fs, to->class_id, oid, renaming->pid, renaming->uid);
	return err;
}

/* --- out of the trash --- */

static int from_trash(struct renaming *renaming)
{
	const struct fs_place *to = &renaming->to;
	if (has(renaming, SFS_RENAME_EXCHANGE))
		return SFS_ERR_INVALID;
	/* What the kernel has under either name is none of what is there now. */
	renaming->forget_from = renaming->forget_to = true;
	if (to->kind == FS_PLACE_OBJECT && is_newborn(renaming->fs, to)) {
		if (has(renaming, SFS_RENAME_NOREPLACE))
			return SFS_ERR_EXISTS;
		drop_newborn(renaming->fs, to);
	}
	return fs_view_trash_restore(renaming->fs, renaming->from.dir, renaming->from.name, to,
				     !has(renaming, SFS_RENAME_NOREPLACE));
}

/* --- all kinds --- */

static int rename_class(const struct renaming *renaming)
{
	struct sfs_class_info from, to;
	if (has(renaming, SFS_RENAME_EXCHANGE))
		return SFS_ERR_INVALID;
	if (renaming->to.name.len > SFS_CLASS_NAME_MAX)
		return SFS_ERR_LIMIT;
	if (fs_class_find(renaming->fs->store, renaming->to.name, &to) == 0)
		return SFS_ERR_EXISTS;
	int err = fs_class_find(renaming->fs->store, renaming->from.name, &from);
	return err < 0 ? err
		       : sfs_class_rename(renaming->fs->store, sfs_span_str(from.name),
					  renaming->to.name);
}

static int rename_at(struct renaming *renaming)
{
	const struct fs_place *from = &renaming->from, *to = &renaming->to;
	bool virtual = from->kind == FS_PLACE_META || from->kind == FS_PLACE_SCHEMA ||
		       to->kind == FS_PLACE_META || to->kind == FS_PLACE_SCHEMA ||
		       from->kind == FS_PLACE_NEW;
	if (from->kind == FS_PLACE_REJECTED || to->kind == FS_PLACE_REJECTED)
		return SFS_ERR_READ_ONLY;
	if (from->kind == FS_PLACE_VIEW && from->dir == to->dir)
		return fs_view_rename(renaming->fs, from->dir, from->name, to->name,
				      renaming->flags);
	if (from->kind == FS_PLACE_VIEW &&
	    (to->kind == FS_PLACE_OBJECT || to->kind == FS_PLACE_RAW) &&
	    fs_view_is_trash(renaming->fs, from->dir))
		return from_trash(renaming);
	if ((from->kind == FS_PLACE_VIEW && fs_view_is_fixed(renaming->fs, from->dir)) ||
	    (to->kind == FS_PLACE_VIEW && fs_view_is_fixed(renaming->fs, to->dir)))
		return SFS_ERR_READ_ONLY;
	if (from->kind == FS_PLACE_VIEW || to->kind == FS_PLACE_VIEW)
		return SFS_ERR_CROSS;
	if (virtual)
		return SFS_ERR_WRONG_KIND;
	if (to->kind == FS_PLACE_NEW)
		return raw_to_new(renaming);
	if (from->kind == FS_PLACE_CLASS && to->kind == FS_PLACE_CLASS)
		return rename_class(renaming);
	if (from->class_id != to->class_id)
		return SFS_ERR_CROSS;
	if (from->kind == FS_PLACE_OBJECT)
		return to->kind == FS_PLACE_OBJECT ? object_to_object(renaming)
						   : object_to_raw(renaming);
	if (to->kind == FS_PLACE_OBJECT)
		return raw_to_object(renaming);
	return sfs_raw_rename(renaming->fs->store, fs_node_ino(from->dir), from->name,
			      fs_node_ino(to->dir), to->name, renaming->flags);
}

static int resolve(struct renaming *renaming, uint64_t parent, const char *name,
		   uint64_t new_parent, const char *new_name, unsigned flags)
{
	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return SFS_ERR_INVALID;
	if (flags & RENAME_NOREPLACE)
		renaming->flags |= SFS_RENAME_NOREPLACE;
	if (flags & RENAME_EXCHANGE)
		renaming->flags |= SFS_RENAME_EXCHANGE;
	int err = fs_place_resolve(renaming->fs, parent, name, &renaming->from);
	if (!err)
		err = fs_place_resolve(renaming->fs, new_parent, new_name, &renaming->to);
	return err;
}

void fs_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		  const char *new_name, unsigned flags)
{
	struct fs *fs = fs_begin_name(req, FS_REQUEST_RENAME, new_parent, new_name);
	struct renaming renaming = { .fs = fs, .pid = fs_pid(req), .uid = fuse_req_ctx(req)->uid };
	const struct fs_place *from = &renaming.from, *to = &renaming.to;
	int err = resolve(&renaming, parent, name, new_parent, new_name, flags);
	if (!err) {
		struct fs_mark mark = {
			.names = { { .dir = from->dir, .name = from->name },
				   { .dir = to->dir, .name = to->name } },
			.tells = true,
		};
		fs_loop_block_begin(fs->loop);
		fs_notify_hold(fs);
		fs_mark_begin(&mark);
		err = rename_at(&renaming);
		fs_mark_end();
		fs_mark_tell(fs);
		fs_notify_release(fs);
		fs_loop_block_end(fs->loop);
	}
	/*
	 * Before the reply: the kernel holds both directories until it has moved the name, and the
	 * notification waits for that. After the reply a reader could be faster.
	 */
	if (!err && renaming.forget_from)
		fs_notify_entry(fs, parent, sfs_span_str(name));
	if (!err && renaming.forget_to)
		fs_notify_entry(fs, new_parent, sfs_span_str(new_name));
	fs_reply_name(req, err);
}
