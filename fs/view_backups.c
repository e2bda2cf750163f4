/*
 * Views that lead to backups: .storefs/backups lists the valid ones, latest is a link to the last one, and
 * CLASS/.at/TIME is a link to the class in the one that was in force at a time. What is below a backup's name is
 * not a view: backups.h.
 *
 * Where links lead changes, and the kernel keeps what it read of a link: so it is part of their identity, and
 * another target is another node.
 */
#include <storefs/time.h>
#include <stdio.h>
#include "backups.h"
#include "loop.h"
#include "refusal.h"
#include "view_table.h"

#define LATEST_NAME "latest"
#define COOKIE_FIRST 3

static void set_times(struct sfs_attr *ret, int64_t ns)
{
	ret->atime_ns = ret->mtime_ns = ret->ctime_ns = ns;
}

static void own(struct fs *fs, uint32_t mode, uint32_t nlink, struct sfs_attr *ret)
{
	ret->mode = mode;
	ret->uid = fs->uid;
	ret->gid = fs->gid;
	ret->nlink = nlink;
}

/** The time that the name of a backup says, which an id begins with. */
static int64_t time_of(struct sfs_span id)
{
	int64_t ns = 0;
	struct sfs_span name = { id.data, SFS_BACKUP_NAME_SIZE - 1 };
	return sfs_time_parse(name, 0, &ns, NULL) == 0 ? ns : 0;
}

/* --- a backup --- */

static int backup_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	own(fs, 0555, 2, ret);
	set_times(ret, time_of(view->id));
	return 0;
}

static const struct fs_view_ops backup_ops = {
	.kind = "backup",
	.type = S_IFDIR,
	.is_door = true,
	.attr = backup_attr,
};

bool fs_view_is_backup(const struct fs_view *view)
{
	return view->ops == &backup_ops;
}

/* --- links: the id is the name of the backup, and in .at the class, too --- */

static int link_text(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret)
{
	(void)fs;
	return sfs_buf_printf(ret, "%s%.*s",
			      view->class_id ? "../../.storefs/" FS_BACKUPS_NAME "/" : "",
			      (int)view->id.len, (const char *)view->id.data);
}

static int link_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_buf target = SFS_BUF_INIT;
	int err = link_text(fs, view, &target);
	own(fs, 0777, 1, ret);
	set_times(ret, time_of(view->id));
	ret->size = target.len;
	sfs_buf_fini(&target);
	return err;
}

static const struct fs_view_ops link_ops = {
	.kind = "backup link",
	.type = S_IFLNK,
	.attr = link_attr,
	.text = link_text,
};

/* --- all of them --- */

/** It is as old as what was made in it last. */
static int backups_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct fs_backup_entry latest;
	struct sfs_attr root;
	(void)view;
	int err = sfs_raw_stat(fs->store, SFS_INO_ROOT, &root);
	own(fs, 0555, 2, ret);
	set_times(ret, root.atime_ns);
	if (!err && fs_backups_latest(fs, &latest) == 0)
		set_times(ret, latest.time_ns);
	return err;
}

static int find_backup(struct fs *fs, struct sfs_span name, struct fs_view_spec *ret)
{
	struct fs_backup_entry entry;
	bool invalid;
	int err = fs_backups_find(fs, name, &entry, &invalid);
	if (invalid && err == SFS_ERR_NOT_FOUND)
		fs_refusal_because(
			"this backup is not valid (storefs backup --list, --verify): it is "
			"not shown");
	if (err < 0)
		return err;
	ret->ops = &backup_ops;
	return sfs_buf_append(&ret->id, entry.name, strlen(entry.name));
}

static int backups_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
			struct fs_view_spec *ret)
{
	struct fs_backup_entry latest;
	(void)dir;
	fs_loop_block_begin(fs->loop);
	bool last = sfs_span_equal(name, sfs_span_str(LATEST_NAME));
	int err = last ? fs_backups_latest(fs, &latest) : find_backup(fs, name, ret);
	fs_loop_block_end(fs->loop);
	if (err < 0 || !last)
		return err;
	ret->ops = &link_ops;
	return sfs_buf_append(&ret->id, latest.name, strlen(latest.name));
}

struct listing {
	uint64_t number; /* st_ino of the directory */
	uint64_t cookie;
	fs_view_list_fn *fn;
	void *arg;
	bool full;
};

static int list_entry(struct listing *listing, const char *name, const struct fs_view_ops *ops,
		      struct sfs_span id)
{
	uint64_t number = fs_view_number(listing->number, ops, id);
	listing->full = listing->fn(listing->arg, name, ops->type, number, listing->cookie++) != 0;
	return listing->full;
}

static int list_backup(void *arg, const struct fs_backup_entry *entry)
{
	return list_entry(arg, entry->name, &backup_ops, sfs_span_str(entry->name));
}

static int backups_list(struct fs *fs, const struct fs_view *dir, uint64_t after,
			fs_view_list_fn *fn, void *arg)
{
	struct listing listing = { dir->number, COOKIE_FIRST, fn, arg, false };
	struct fs_backup_entry latest;
	(void)after;
	int err = fs_backups_each(fs, list_backup, &listing);
	/* What a disk that is gone does not have does not hide the others. */
	if (listing.cookie > COOKIE_FIRST)
		err = 0;
	if (!err && !listing.full && fs_backups_latest(fs, &latest) == 0)
		list_entry(&listing, LATEST_NAME, &link_ops, sfs_span_str(latest.name));
	return err;
}

const struct fs_view_ops fs_view_backups_ops = {
	.kind = "backups",
	.type = S_IFDIR,
	.is_door = true,
	.whole = true,
	.attr = backups_attr,
	.find = backups_find,
	.list = backups_list,
};

/* --- CLASS/.at --- */

static int at_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_attr root;
	int err = sfs_raw_stat(fs->store, sfs_ino_make(view->class_id, 1), &root);
	own(fs, 0555, 2, ret);
	set_times(ret, root.mtime_ns);
	return err;
}

static int none_before(int64_t time_ns, const struct fs_backup_entry *first)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	char text[32] = "";
	time_t seconds = time_ns / 1000000000;
	struct tm tm;
	if (gmtime_r(&seconds, &tm))
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (first->name[0])
		sfs_diag_set(&diag, SFS_ERR_NOT_FOUND,
			     "no valid backup is so old as %s: the oldest one is %s", text,
			     first->name);
	else
		sfs_diag_set(&diag, SFS_ERR_NOT_FOUND,
			     "the store has no valid backup: storefs backup takes one");
	fs_refusal_diag(&diag);
	return SFS_ERR_NOT_FOUND;
}

static int at_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		   struct fs_view_spec *ret)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct fs_backup_entry entry, first;
	struct sfs_class_info info;
	const char *text = name.data;
	int64_t time_ns;
	/* What programs look for everywhere is no time. */
	if (name.len && text[0] == '.')
		return SFS_ERR_NOT_FOUND;
	bool last = sfs_span_equal(name, sfs_span_str(LATEST_NAME));
	time_ns = fs_now_ns();
	int err = last ? 0 : sfs_time_parse(name, time_ns, &time_ns, &diag);
	if (err < 0) {
		fs_refusal_diag(&diag);
		return err;
	}
	err = sfs_class_get(fs->store, dir->class_id, &info);
	if (err < 0)
		return err;
	first.name[0] = '\0';
	fs_loop_block_begin(fs->loop);
	err = last ? fs_backups_latest(fs, &entry) : fs_backups_at(fs, time_ns, &entry, &first);
	fs_loop_block_end(fs->loop);
	if (err == SFS_ERR_NOT_FOUND)
		return none_before(time_ns, &first);
	ret->ops = &link_ops;
	return err < 0 ? err : sfs_buf_printf(&ret->id, "%s/%s", entry.name, info.name);
}

/** Any number of names mean something: none is listed. */
static int at_list(struct fs *fs, const struct fs_view *dir, uint64_t after, fs_view_list_fn *fn,
		   void *arg)
{
	(void)fs, (void)dir, (void)after, (void)fn, (void)arg;
	return 0;
}

const struct fs_view_ops fs_view_at_ops = {
	.kind = "at",
	.type = S_IFDIR,
	.attr = at_attr,
	.find = at_find,
	.list = at_list,
};
