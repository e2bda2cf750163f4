/*
 * Scratch files of directories of fields: see scratch.h. One list, newest first: there are few.
 */
#include <stdlib.h>
#include "scratch.h"

#define KEEP_NS ((int64_t)600 * 1000000000)
#define COUNT_MAX 1024
#define BYTES_MAX ((size_t)64 << 20) /* of all of them */

struct scratch {
	struct scratch *next;
	uint64_t serial;
	uint64_t dir_number; /* st_ino of the directory */
	struct sfs_buf text;
	bool link; /* text is where it leads */
	uint32_t mode, uid, gid;
	int64_t mtime_ns, ctime_ns, used_ns;
	char name[SFS_NAME_MAX + 1];
	char was[SFS_NAME_MAX +
		 1]; /* its name before it was renamed; who has it open knows this one */
};

struct fs_scratch {
	pthread_mutex_t lock; /* protects all below; held for moments */
	struct scratch *first;
	uint64_t last_serial;
	size_t count, bytes;
};

static void scratch_free(struct scratch *scratch)
{
	sfs_buf_fini(&scratch->text);
	free(scratch);
}

int fs_scratch_start(struct fs *fs)
{
	fs->scratch = calloc(1, sizeof *fs->scratch);
	if (!fs->scratch)
		return SFS_ERR_NO_MEMORY;
	pthread_mutex_init(&fs->scratch->lock, NULL);
	return 0;
}

void fs_scratch_stop(struct fs *fs)
{
	struct fs_scratch *all = fs->scratch;
	if (!all)
		return;
	while (all->first) {
		struct scratch *scratch = all->first;
		all->first = scratch->next;
		scratch_free(scratch);
	}
	pthread_mutex_destroy(&all->lock);
	free(all);
	fs->scratch = NULL;
}

/* --- names --- */

/** What mkstemp makes for sed, Python, perl, and ln for links. */
static bool is_made_up(struct sfs_span name)
{
	static const struct {
		const char *start;
		size_t rest;
	} forms[] = { { "sed", 6 }, { "tmp", 8 }, { "XX", 6 }, { "Cu", 6 } };
	const char *bytes = name.data;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		size_t start = strlen(forms[i].start), at = start;
		if (name.len != start + forms[i].rest || memcmp(bytes, forms[i].start, start) != 0)
			continue;
		while (at < name.len &&
		       (bytes[at] == '_' || (bytes[at] >= '0' && bytes[at] <= '9') ||
			(bytes[at] >= 'a' && bytes[at] <= 'z') ||
			(bytes[at] >= 'A' && bytes[at] <= 'Z')))
			at++;
		if (at == name.len)
			return true;
	}
	return false;
}

bool fs_scratch_is(const struct fs_view_make *make, bool declared)
{
	const char *bytes = make->name.data;
	if (bytes[0] == '.' || bytes[0] == '#' || bytes[make->name.len - 1] == '~')
		return true;
	if (make->target.len)
		return is_made_up(make->name);
	/* For nobody else to read, and not there before: nobody makes a property like that. */
	return !declared && make->exclusive && !(make->mode & 077) && is_made_up(make->name);
}

/* --- the list --- */

static bool is_in(const struct scratch *scratch, const struct fs_view *dir)
{
	return scratch->dir_number == dir->number;
}

/** Where the pointer to it is; *result NULL: it is not there. */
static struct scratch **find_locked(struct fs_scratch *all, const struct fs_view *dir,
				    struct sfs_span name)
{
	struct scratch **at = &all->first;
	while (*at && !(is_in(*at, dir) && sfs_span_equal(sfs_span_str((*at)->name), name)))
		at = &(*at)->next;
	if (*at)
		(*at)->used_ns = fs_now_ns();
	return at;
}

static void remove_locked(struct fs_scratch *all, struct scratch **at)
{
	struct scratch *scratch = *at;
	*at = scratch->next;
	all->count--;
	all->bytes -= scratch->text.len;
	scratch_free(scratch);
}

/** Is it open for writing? */
static bool is_written(struct fs *fs, const struct scratch *scratch)
{
	uint64_t number = fs_view_number(scratch->dir_number, &fs_scratch_view_ops,
					 sfs_span_str(scratch->name)),
		 size;
	struct fs_view *view = fs_view_get(fs, FS_NODE_VIEW_BIT | number);
	bool written = view && fs_view_draft_size(fs, view, 0, &size);
	fs_view_unref(fs, view);
	return written;
}

/** What nobody used for long goes. */
static void sweep_locked(struct fs *fs)
{
	int64_t now = fs_now_ns();
	struct scratch **at = &fs->scratch->first;
	while (*at) {
		if (now - (*at)->used_ns > KEEP_NS && !is_written(fs, *at))
			remove_locked(fs->scratch, at);
		else
			at = &(*at)->next;
	}
}

static int add_locked(struct fs *fs, const struct fs_view *dir, const struct fs_view_make *make,
		      struct scratch **ret)
{
	struct fs_scratch *all = fs->scratch;
	sweep_locked(fs);
	if (all->count >= COUNT_MAX)
		return SFS_ERR_NO_SPACE;
	struct scratch *scratch = calloc(1, sizeof *scratch);
	if (!scratch)
		return SFS_ERR_NO_MEMORY;
	int err = sfs_buf_append(&scratch->text, make->target.data, make->target.len);
	if (err < 0) {
		free(scratch);
		return err;
	}
	scratch->link = make->target.len > 0;
	all->bytes += scratch->text.len;
	scratch->serial = ++all->last_serial;
	scratch->dir_number = dir->number;
	scratch->mode = make->mode;
	scratch->uid = make->uid;
	scratch->gid = make->gid;
	scratch->mtime_ns = scratch->ctime_ns = scratch->used_ns = fs_now_ns();
	memcpy(scratch->name, make->name.data, make->name.len);
	scratch->next = all->first;
	all->first = scratch;
	all->count++;
	*ret = scratch;
	return 0;
}

int fs_scratch_create(struct fs *fs, const struct fs_view *dir, const struct fs_view_make *make)
{
	struct fs_scratch *all = fs->scratch;
	struct scratch *made;
	int err = make->name.len > SFS_NAME_MAX ? SFS_ERR_LIMIT : 0;
	pthread_mutex_lock(&all->lock);
	if (!err && *find_locked(all, dir, make->name))
		err = SFS_ERR_EXISTS;
	if (!err)
		err = add_locked(fs, dir, make, &made);
	pthread_mutex_unlock(&all->lock);
	return err;
}

int fs_scratch_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		    struct fs_view_spec *ret)
{
	struct fs_scratch *all = fs->scratch;
	int err = 0;
	pthread_mutex_lock(&all->lock);
	const struct scratch *scratch = *find_locked(all, dir, name);
	if (!scratch)
		err = SFS_ERR_NOT_FOUND;
	if (scratch && ret) {
		ret->ops = scratch->link ? &fs_scratch_link_ops : &fs_scratch_view_ops;
		ret->id.len = 0;
		err = sfs_buf_append(&ret->id, name.data, name.len);
		/* The kernel keeps what it read of a symlink: where it leads is part of what it is. */
		if (!err && scratch->link)
			err = sfs_buf_append(&ret->id, "", 1);
		if (!err && scratch->link)
			err = sfs_buf_append(&ret->id, scratch->text.data, scratch->text.len);
	}
	pthread_mutex_unlock(&all->lock);
	return err;
}

int fs_scratch_get(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		   struct sfs_buf *ret)
{
	struct fs_scratch *all = fs->scratch;
	pthread_mutex_lock(&all->lock);
	const struct scratch *scratch = *find_locked(all, dir, name);
	int err = scratch ? sfs_buf_append(ret, scratch->text.data, scratch->text.len)
			  : SFS_ERR_NOT_FOUND;
	pthread_mutex_unlock(&all->lock);
	return err;
}

int fs_scratch_latest(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		      struct sfs_buf *ret)
{
	int err = fs_view_unsaved_of(fs, dir, &fs_scratch_view_ops, name, ret);
	return err == SFS_ERR_NOT_FOUND ? fs_scratch_get(fs, dir, name, ret) : err;
}

static int put_locked(struct fs_scratch *all, struct scratch *scratch, struct sfs_span text)
{
	struct sfs_buf copy = SFS_BUF_INIT;
	if (all->bytes - scratch->text.len + text.len > BYTES_MAX)
		return SFS_ERR_NO_SPACE;
	int err = sfs_buf_append(&copy, text.data, text.len);
	if (err < 0)
		return err;
	all->bytes = all->bytes - scratch->text.len + copy.len;
	sfs_buf_fini(&scratch->text);
	scratch->text = copy;
	scratch->mtime_ns = scratch->ctime_ns = scratch->used_ns;
	return 0;
}

int fs_scratch_put(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		   struct sfs_span text)
{
	struct fs_scratch *all = fs->scratch;
	const struct fs_view_make make = {
		.name = name,
		.mode = 0600,
		.uid = fs->uid,
		.gid = fs->gid,
	};
	int err = name.len > SFS_NAME_MAX ? SFS_ERR_LIMIT : 0;
	pthread_mutex_lock(&all->lock);
	struct scratch *scratch = *find_locked(all, dir, name);
	if (!err && !scratch)
		err = add_locked(fs, dir, &make, &scratch);
	if (!err)
		err = put_locked(all, scratch, text);
	pthread_mutex_unlock(&all->lock);
	return err;
}

int fs_scratch_remove(struct fs *fs, const struct fs_view *dir, struct sfs_span name)
{
	struct fs_scratch *all = fs->scratch;
	pthread_mutex_lock(&all->lock);
	struct scratch **at = find_locked(all, dir, name);
	int err = *at ? 0 : SFS_ERR_NOT_FOUND;
	if (!err)
		remove_locked(all, at);
	pthread_mutex_unlock(&all->lock);
	return err;
}

int fs_scratch_rename(struct fs *fs, const struct fs_view *dir, struct sfs_span from,
		      struct sfs_span to, unsigned flags)
{
	struct fs_scratch *all = fs->scratch;
	int err = 0;
	if (to.len > SFS_NAME_MAX)
		return SFS_ERR_LIMIT;
	if (sfs_span_equal(from, to))
		return 0;
	pthread_mutex_lock(&all->lock);
	struct scratch **target = find_locked(all, dir, to);
	if (!*find_locked(all, dir, from))
		err = SFS_ERR_NOT_FOUND;
	else if (*target && (flags & SFS_RENAME_NOREPLACE))
		err = SFS_ERR_EXISTS;
	if (!err && *target)
		remove_locked(all, target);
	if (!err) {
		struct scratch *scratch = *find_locked(all, dir, from);
		memcpy(scratch->was, scratch->name, sizeof scratch->was);
		memcpy(scratch->name, to.data, to.len);
		scratch->name[to.len] = '\0';
	}
	pthread_mutex_unlock(&all->lock);
	return err;
}

/** The next one in order of serials; copies what a listing needs. */
static bool next(struct fs_scratch *all, const struct fs_view *dir, uint64_t after,
		 uint64_t *serial, char name[SFS_NAME_MAX + 1], bool *ret_link)
{
	const struct scratch *found = NULL;
	pthread_mutex_lock(&all->lock);
	for (const struct scratch *at = all->first; at; at = at->next) {
		if (at->serial > after && is_in(at, dir))
			found = at;
	}
	if (found) {
		*serial = found->serial;
		*ret_link = found->link;
		memcpy(name, found->name, sizeof found->name);
	}
	pthread_mutex_unlock(&all->lock);
	return found != NULL;
}

int fs_scratch_list(struct fs *fs, const struct fs_view *dir, uint64_t after, uint64_t base,
		    fs_view_list_fn *fn, void *arg)
{
	char name[SFS_NAME_MAX + 1];
	uint64_t serial = after > base ? after - base : 0;
	bool link;
	int err = 0;
	while (!err && next(fs->scratch, dir, serial, &serial, name, &link)) {
		struct fs_view_spec spec = { .id = SFS_BUF_INIT };
		err = fs_scratch_find(fs, dir, sfs_span_str(name), &spec);
		if (!err && fn(arg, name, link ? S_IFLNK : S_IFREG,
			       fs_view_number(dir->number, spec.ops, sfs_buf_span(&spec.id)),
			       base + serial))
			err = SFS_ERR_CANCELLED;
		sfs_buf_fini(&spec.id);
		/* It went meanwhile. */
		if (err == SFS_ERR_NOT_FOUND)
			err = 0;
	}
	return err;
}

/* --- as views --- */

static int scratch_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct fs_scratch *all = fs->scratch;
	pthread_mutex_lock(&all->lock);
	const struct scratch *scratch = *find_locked(all, view->parent, sfs_span_str(view->name));
	if (scratch) {
		ret->mode = scratch->link ? 0777 : scratch->mode;
		ret->uid = scratch->uid;
		ret->gid = scratch->gid;
		ret->size = scratch->text.len;
		ret->atime_ns = ret->mtime_ns = scratch->mtime_ns;
		ret->ctime_ns = scratch->ctime_ns;
	}
	pthread_mutex_unlock(&all->lock);
	return scratch ? 0 : SFS_ERR_NOT_FOUND;
}

static int scratch_set(struct fs *fs, const struct fs_view *view, const struct sfs_setattr *set)
{
	struct fs_scratch *all = fs->scratch;
	int err = 0;
	if ((set->mask & SFS_SET_SIZE) && set->size > SFS_DOCUMENT_MAX)
		return SFS_ERR_LIMIT;
	pthread_mutex_lock(&all->lock);
	struct scratch *scratch = *find_locked(all, view->parent, sfs_span_str(view->name));
	if (scratch && (set->mask & SFS_SET_SIZE)) {
		size_t before = scratch->text.len;
		if (set->size > before && all->bytes + (set->size - before) > BYTES_MAX)
			err = SFS_ERR_NO_SPACE;
		else
			err = sfs_buf_resize(&scratch->text, (size_t)set->size);
		all->bytes = all->bytes - before + scratch->text.len;
	}
	if (scratch && !err) {
		if (set->mask & SFS_SET_MODE)
			scratch->mode = set->mode & 07777;
		if (set->mask & SFS_SET_UID)
			scratch->uid = set->uid;
		if (set->mask & SFS_SET_GID)
			scratch->gid = set->gid;
		if (set->mask & SFS_SET_MTIME)
			scratch->mtime_ns = set->mtime_ns;
		scratch->ctime_ns = fs_now_ns();
	}
	pthread_mutex_unlock(&all->lock);
	return scratch ? err : SFS_ERR_NOT_FOUND;
}

static int scratch_text(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret)
{
	return fs_scratch_get(fs, view->parent, sfs_span_str(view->name), ret);
}

/** The file that an open one is now, after a rename. */
static struct scratch *find_open_locked(struct fs_scratch *all, const struct fs_view *view)
{
	struct scratch *at = *find_locked(all, view->parent, sfs_span_str(view->name));
	if (at)
		return at;
	for (at = all->first; at; at = at->next) {
		if (is_in(at, view->parent) && strcmp(at->was, view->name) == 0)
			break;
	}
	return at;
}

/** A file that was removed, or renamed onto a field, takes no more. */
static int scratch_save(struct fs *fs, const struct fs_view *view, const struct fs_view_save *save)
{
	struct fs_scratch *all = fs->scratch;
	pthread_mutex_lock(&all->lock);
	struct scratch *scratch = find_open_locked(all, view);
	if (scratch)
		scratch->used_ns = fs_now_ns();
	int err = scratch ? put_locked(all, scratch, save->text) : 0;
	pthread_mutex_unlock(&all->lock);
	return err;
}

/** Removed while it is open. */
static int scratch_newborn(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	(void)view;
	*ret = (struct sfs_attr){ .mode = 0600, .uid = fs->uid, .gid = fs->gid, .nlink = 0 };
	ret->atime_ns = ret->mtime_ns = ret->ctime_ns = fs->started_ns;
	return 0;
}

const struct fs_view_ops fs_scratch_view_ops = {
	.kind = "scratch",
	.type = S_IFREG,
	.attr = scratch_attr,
	.set = scratch_set,
	.text = scratch_text,
	.save = scratch_save,
	.newborn = scratch_newborn,
};

const struct fs_view_ops fs_scratch_link_ops = {
	.kind = "scratch link",
	.type = S_IFLNK,
	.attr = scratch_attr,
	.set = scratch_set,
	.text = scratch_text,
};
