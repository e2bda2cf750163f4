/*
 * Views: what handlers ask, on top of the table (view_table.c) and of the functions of each kind.
 */
#include "refusal.h"
#include "stream.h"
#include "view_table.h"

/** The view of a node that is a directory. */
static int get_dir(struct fs *fs, uint64_t node, struct fs_view **ret)
{
	struct fs_view *view = fs_view_get(fs, node);
	if (!view)
		return SFS_ERR_NOT_FOUND;
	if (!S_ISDIR(view->ops->type)) {
		fs_view_unref(fs, view);
		return SFS_ERR_NOT_DIR;
	}
	*ret = view;
	return 0;
}

/** The same, to change something in it: names that begin views are no names to be changed. */
static int get_changing(struct fs *fs, uint64_t node, struct fs_view **ret)
{
	return fs_node_kind(node) == FS_NODE_VIEW ? get_dir(fs, node, ret) : SFS_ERR_READ_ONLY;
}

/* --- attributes --- */

/** What a writer sees of its own text, and anybody of a file that was not saved yet. */
static int overlay(struct fs *fs, const struct fs_view *view, const struct fs_handle *handle,
		   pid_t pid, int err, struct sfs_attr *attr)
{
	uint64_t size;
	if (handle && handle->kind == FS_HANDLE_TEXT) {
		attr->size = handle->text.len;
		return err;
	}
	if (handle && handle->stream)
		return err;
	if (err == SFS_ERR_NOT_FOUND && view->ops->newborn &&
	    fs_view_draft_size(fs, view, 0, &size)) {
		err = view->ops->newborn(fs, view, attr);
		attr->size = size;
	}
	if (!err && handle && handle->kind == FS_HANDLE_VIEW)
		attr->size = fs_draft_size(&handle->draft);
	else if (!err && pid && fs_view_draft_size(fs, view, pid, &size))
		attr->size = size;
	return err;
}

static int load(struct fs *fs, const struct fs_view *view, const struct fs_handle *handle,
		pid_t pid, struct fs_found *ret)
{
	struct sfs_attr attr = { .nlink = 1 };
	int err = overlay(fs, view, handle, pid, view->ops->attr(fs, view, &attr), &attr);
	if (err < 0)
		return err;
	attr.ino = view->node;
	attr.blocks = (attr.size + 511) / 512;
	fs_node_stat(view->node, &attr, &ret->stat);
	ret->stat.st_ino = view->number;
	ret->stat.st_mode = view->ops->type | (attr.mode & 07777);
	ret->stat.st_size = (off_t)attr.size;
	ret->node = view->node;
	ret->keep_attr = ret->keep_entry = false;
	return 0;
}

int fs_view_attr(struct fs *fs, uint64_t node, const struct fs_handle *handle, pid_t pid,
		 struct fs_found *ret)
{
	struct fs_view *view = fs_view_get(fs, node);
	if (!view)
		return SFS_ERR_NOT_FOUND;
	int err = load(fs, view, handle, pid, ret);
	fs_view_unref(fs, view);
	return err;
}

/** Is somebody writing the file? Then times wait for what is saved. */
static bool has_writer(struct fs *fs, const struct fs_view *view)
{
	uint64_t size;
	return fs_view_draft_size(fs, view, 0, &size);
}

int fs_view_set(struct fs *fs, uint64_t node, struct fs_handle *handle,
		const struct sfs_setattr *set)
{
	struct fs_view *view = fs_view_get(fs, node);
	struct sfs_setattr rest = *set;
	int err = 0;
	if (!view)
		return SFS_ERR_NOT_FOUND;
	if ((rest.mask & SFS_SET_SIZE) && handle && handle->kind == FS_HANDLE_VIEW) {
		err = fs_draft_resize(&handle->draft, rest.size);
		rest.mask &= ~(unsigned)SFS_SET_SIZE;
	}
	if (has_writer(fs, view))
		rest.mask &= ~(unsigned)(SFS_SET_ATIME | SFS_SET_MTIME);
	if (!err && rest.mask)
		err = view->ops->set ? view->ops->set(fs, view, &rest) : SFS_ERR_READ_ONLY;
	fs_view_unref(fs, view);
	return err;
}

int fs_view_xattr(struct fs *fs, uint64_t node, const char *name, struct sfs_buf *ret)
{
	struct fs_view *view = fs_view_get(fs, node);
	int err = SFS_ERR_NOT_FOUND;
	if (view && view->ops->xattr)
		err = view->ops->xattr(fs, view, name, ret);
	fs_view_unref(fs, view);
	return err;
}

/* --- directories --- */

/** Make a view of a spec and count it. @parent  the directory as a view, or NULL. */
static int enter(struct fs *fs, uint64_t dir, struct fs_view *parent, struct sfs_span name,
		 struct fs_view_spec *spec, struct fs_view **ret)
{
	if (name.len > SFS_NAME_MAX)
		return SFS_ERR_LIMIT;
	if (!spec->name[0]) {
		memcpy(spec->name, name.data, name.len);
		spec->name[name.len] = '\0';
	}
	if (!spec->class_id)
		spec->class_id = parent ? parent->class_id : sfs_ino_class(fs_node_ino(dir));
	*ret = fs_view_enter(fs, dir, parent, spec);
	return *ret ? 0 : SFS_ERR_NO_MEMORY;
}

/** What a view gives out that is no view: the kernel asks for it anew each time all the same. */
static int give_raw(struct fs *fs, uint64_t ino, struct fs_found *ret)
{
	struct sfs_attr attr;
	uint64_t sequence = fs_sequence(fs, ino);
	int err = sfs_raw_stat(fs->store, ino, &attr);
	if (err < 0)
		return err;
	fs_attr_thing(fs, &attr, sequence, ret);
	ret->keep_attr = ret->keep_entry = false;
	return 0;
}

int fs_view_give(struct fs *fs, uint64_t dir, struct fs_view *parent, struct sfs_span name,
		 struct fs_view_spec *spec, pid_t pid, struct fs_found *ret)
{
	struct fs_view *view;
	if (!spec->ops)
		return give_raw(fs, spec->raw, ret);
	int err = enter(fs, dir, parent, name, spec, &view);
	if (err < 0)
		return err;
	err = load(fs, view, NULL, pid, ret);
	if (!err)
		fs_view_looked_up(fs, view);
	fs_view_unref(fs, view);
	return err;
}

int fs_view_find(struct fs *fs, uint64_t dir, struct sfs_span name, pid_t pid, struct fs_found *ret)
{
	struct fs_view *view;
	struct fs_view_spec spec = { .id = SFS_BUF_INIT };
	int err = get_dir(fs, dir, &view);
	if (err < 0)
		return err;
	err = view->ops->find ? view->ops->find(fs, view, name, &spec) : SFS_ERR_NOT_FOUND;
	if (!err)
		err = fs_view_give(fs, dir, view, name, &spec, pid, ret);
	sfs_buf_fini(&spec.id);
	fs_view_unref(fs, view);
	return err;
}

int fs_view_parent(struct fs *fs, uint64_t node, uint64_t *ret_number, uint64_t *ret_parent)
{
	struct fs_view *view = fs_view_get(fs, node);
	if (!view)
		return SFS_ERR_NOT_FOUND;
	*ret_number = view->number;
	*ret_parent = view->parent ? view->parent->number : view->dir;
	fs_view_unref(fs, view);
	return 0;
}

/** A handle with a stream. Takes over the reference to the view on success. */
static int open_stream(struct fs *fs, struct fs_view *view, pid_t pid, enum fs_handle_kind kind,
		       struct fs_handle **ret)
{
	struct fs_handle *handle = fs_handle_new(kind, view->node, pid);
	if (!handle)
		return SFS_ERR_NO_MEMORY;
	int err = fs_stream_new(fs, view, kind == FS_HANDLE_TAKER, &handle->stream);
	if (err < 0) {
		fs_handle_free(fs, handle);
		return err;
	}
	fs_handle_attach(fs, handle, NULL);
	handle->view = view;
	*ret = handle;
	return 0;
}

/** A handle that keeps a listing. Takes over the reference likewise. */
static int open_copy(struct fs *fs, struct fs_view *view, pid_t pid, struct fs_handle **ret)
{
	struct fs_handle *handle = fs_handle_new(FS_HANDLE_TEXT, view->node, pid);
	if (!handle)
		return SFS_ERR_NO_MEMORY;
	fs_handle_attach(fs, handle, NULL);
	handle->view = view;
	*ret = handle;
	return 0;
}

int fs_view_opendir(struct fs *fs, uint64_t node, pid_t pid, struct fs_handle **ret)
{
	struct fs_view *view;
	*ret = NULL;
	int err = get_dir(fs, node, &view);
	if (err < 0)
		return err;
	if (view->ops->next)
		err = open_stream(fs, view, pid, FS_HANDLE_STREAM, ret);
	else if (view->ops->whole)
		err = open_copy(fs, view, pid, ret);
	if (!*ret)
		fs_view_unref(fs, view);
	return err;
}

bool fs_view_is_fixed(struct fs *fs, uint64_t dir)
{
	struct fs_view *view = fs_view_get(fs, dir);
	bool fixed = !view || !(view->ops->create || view->ops->symlink);
	fs_view_unref(fs, view);
	return fixed;
}

int fs_view_list(struct fs *fs, uint64_t dir, uint64_t after, fs_view_list_fn *fn, void *arg)
{
	struct fs_view *view;
	int err = get_dir(fs, dir, &view);
	if (err < 0)
		return err;
	if (view->ops->list)
		err = view->ops->list(fs, view, after, fn, arg);
	fs_view_unref(fs, view);
	return err;
}

int fs_view_symlink(struct fs *fs, uint64_t dir, const struct fs_view_make *make)
{
	struct fs_view *view;
	int err = get_changing(fs, dir, &view);
	if (err < 0)
		return err;
	err = view->ops->symlink ? view->ops->symlink(fs, view, make) : SFS_ERR_READ_ONLY;
	fs_view_unref(fs, view);
	return err;
}

int fs_view_unlink(struct fs *fs, uint64_t dir, struct sfs_span name)
{
	struct fs_view *view;
	int err = get_changing(fs, dir, &view);
	if (err < 0)
		return err;
	err = view->ops->unlink ? view->ops->unlink(fs, view, name) : SFS_ERR_READ_ONLY;
	fs_view_unref(fs, view);
	return err;
}

int fs_view_rename(struct fs *fs, uint64_t dir, struct sfs_span from, struct sfs_span to,
		   unsigned flags)
{
	struct fs_view *view;
	int err = get_changing(fs, dir, &view);
	if (err < 0)
		return err;
	err = view->ops->rename ? view->ops->rename(fs, view, from, to, flags) : SFS_ERR_READ_ONLY;
	fs_view_unref(fs, view);
	return err;
}

/* --- files and symlinks --- */

int fs_view_readlink(struct fs *fs, uint64_t node, struct sfs_buf *ret)
{
	struct fs_view *view = fs_view_get(fs, node);
	int err = SFS_ERR_NOT_FOUND;
	if (view)
		err = S_ISLNK(view->ops->type) ? view->ops->text(fs, view, ret) : SFS_ERR_INVALID;
	fs_view_unref(fs, view);
	return err;
}

/** A handle of a view, with the text that it starts from. Takes over the reference on success. */
static int open_view(struct fs *fs, struct fs_view *view, pid_t pid, unsigned how,
		     struct fs_handle **ret)
{
	struct sfs_buf text = SFS_BUF_INIT;
	bool write = how & FS_VIEW_WRITE;
	struct fs_handle *handle = fs_handle_new(write ? FS_HANDLE_VIEW : FS_HANDLE_TEXT,
						 view->node, pid);
	int err = handle ? 0 : SFS_ERR_NO_MEMORY;
	if (!err && !(how & FS_VIEW_TRUNCATE))
		err = view->ops->text(fs, view, &text);
	if (!err && !write)
		handle->text = sfs_buf_take(&text);
	else if (!err && text.len)
		err = fs_draft_write(&handle->draft, 0, sfs_buf_span(&text), false);
	sfs_buf_fini(&text);
	if (err < 0) {
		fs_handle_free(fs, handle);
		return err;
	}
	/* What was cut off is a change, what was loaded is none. */
	if (write)
		atomic_store(&handle->draft.dirty, (how & FS_VIEW_TRUNCATE) != 0);
	fs_handle_attach(fs, handle, NULL);
	if (write)
		fs_view_attach(fs, view, handle);
	handle->view = view;
	*ret = handle;
	return 0;
}

int fs_view_open(struct fs *fs, uint64_t node, pid_t pid, unsigned how, struct fs_handle **ret)
{
	struct fs_view *view = fs_view_get(fs, node);
	int err = 0;
	if (!view)
		return SFS_ERR_NOT_FOUND;
	bool write = how & FS_VIEW_WRITE;
	if (!S_ISREG(view->ops->type))
		err = SFS_ERR_IS_DIR;
	else if (write && ((!view->ops->save && !view->ops->take) || fs->options->read_only))
		err = SFS_ERR_READ_ONLY;
	if (!err && view->ops->read)
		err = open_stream(fs, view, pid, write ? FS_HANDLE_TAKER : FS_HANDLE_STREAM, ret);
	else if (!err)
		err = open_view(fs, view, pid, how, ret);
	if (err < 0)
		fs_view_unref(fs, view);
	return err;
}

int fs_view_create(struct fs *fs, uint64_t dir, const struct fs_view_make *make, pid_t pid,
		   struct fs_handle **ret)
{
	struct fs_view *parent, *view = NULL;
	struct fs_view_spec spec = { .id = SFS_BUF_INIT };
	int err = get_changing(fs, dir, &parent);
	if (err < 0)
		return err;
	if (!parent->ops->create || fs->options->read_only)
		err = SFS_ERR_READ_ONLY;
	if (!err)
		err = parent->ops->create(fs, parent, make, &spec);
	if (!err)
		err = enter(fs, dir, parent, make->name, &spec, &view);
	if (!err)
		err = open_view(fs, view, pid, FS_VIEW_WRITE | FS_VIEW_TRUNCATE, ret);
	if (!err)
		(*ret)->created = true;
	else
		fs_view_unref(fs, view);
	sfs_buf_fini(&spec.id);
	fs_view_unref(fs, parent);
	return err;
}

/* --- saving --- */

static int save(struct fs *fs, struct fs_handle *handle, bool closing)
{
	struct fs_draft *draft = &handle->draft;
	pthread_mutex_lock(&draft->lock);
	/* What could not be saved when it was closed is not tried again later. */
	int err = atomic_load(&draft->verdict);
	bool dirty = atomic_load(&draft->dirty) && !(closing && err < 0);
	if (dirty)
		err = 0;
	if (err < 0)
		fs_refusal_repeats();
	struct fs_view_save save = {
		.text = fs_draft_span_locked(draft),
		.closing = closing,
		.created = handle->created,
	};
	/* Shells close a copy of what they have just opened: nothing was written then. */
	if (dirty && (save.text.len || closing)) {
		err = handle->view->ops->save(fs, handle->view, &save);
		bool verdict = err == 0 || err == SFS_ERR_BAD_DOCUMENT || err == SFS_ERR_LIMIT;
		handle->created = handle->created && err < 0;
		atomic_store(&draft->verdict, err);
		atomic_store(&draft->dirty, !verdict);
		atomic_fetch_add(err == SFS_ERR_BAD_DOCUMENT ? &fs->refused : &fs->saves, 1);
	}
	pthread_mutex_unlock(&draft->lock);
	return err;
}

int fs_view_flush(struct fs *fs, struct fs_handle *handle)
{
	return save(fs, handle, false);
}

int fs_view_close(struct fs *fs, struct fs_handle *handle)
{
	return save(fs, handle, true);
}

int fs_view_owner(const struct sfs_setattr *set, const struct sfs_attr *now, const char *sentence)
{
	if ((!(set->mask & SFS_SET_MODE) || (set->mode & 0777) == (now->mode & 0777)) &&
	    (!(set->mask & SFS_SET_UID) || set->uid == now->uid) &&
	    (!(set->mask & SFS_SET_GID) || set->gid == now->gid))
		return 0;
	fs_refusal_because(sentence);
	return SFS_ERR_WRONG_KIND;
}

/* --- naming --- */

int fs_view_describe(struct fs *fs, uint64_t node, uint32_t *ret_class, struct sfs_buf *path,
		     struct sfs_buf *oid)
{
	const struct fs_view *steps[32];
	size_t depth = 0;
	struct fs_view *view = fs_view_get(fs, node);
	int err = view ? 0 : SFS_ERR_NOT_FOUND;
	for (const struct fs_view *at = view; at && depth < 32; at = at->parent) {
		steps[depth++] = at;
		if (at->ops->is_object && oid->len == 0)
			err = sfs_buf_append(oid, at->id.data, at->id.len);
	}
	if (view)
		*ret_class = view->class_id;
	while (depth > 0 && !err) {
		const struct fs_view *step = steps[--depth];
		err = sfs_buf_printf(path, "%s%s", path->len ? "/" : "", step->name);
	}
	fs_view_unref(fs, view);
	return err;
}
