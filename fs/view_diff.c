/*
 * .storefs/diff/A..B/{added,removed,changed}/CLASS/42.json: what differs between two backups, or between one and
 * the live store ("now"), as links to the later state of each thing, or to the earlier one of what was removed.
 *
 * A directory of a class is compared while it is listed: objects a page at a time, raws at once, by their
 * paths, escaped to be one name as in queries. Backups are opened as those that are looked into (backups.h).
 * Where links lead changes when a backup is another one, so it is their identity.
 */
#include <stdio.h>
#include <stdlib.h>
#include <storefs/diff.h>
#include <storefs/time.h>
#include "backups.h"
#include "loop.h"
#include "name.h"
#include "refusal.h"
#include "view_table.h"

#define NOW "now"
#define COOKIE_FIRST 3
#define PAGE 256

/* --- the two sides --- */

/** What two states a directory compares: names of backups, or NOW. */
struct pair {
	struct sfs_span before, after;
};

struct side {
	struct fs_backup *backup; /* NULL: the live store */
	struct sfs_store *store;
};

static const char *find_dots(struct sfs_span text)
{
	return memmem(text.data, text.len, "..", 2);
}

static struct pair pair_of(struct sfs_span id)
{
	const char *dots = find_dots(id);
	size_t len = dots ? (size_t)(dots - (const char *)id.data) : id.len;
	return (struct pair){ { id.data, len },
			      { dots ? dots + 2 : "", dots ? id.len - len - 2 : 0 } };
}

static bool is_now(struct sfs_span name)
{
	return sfs_span_equal(name, sfs_span_str(NOW));
}

/** The backup is one that is looked into: its directory is looked up for a moment. */
static int enter(struct fs *fs, struct sfs_span name, struct fs_backup **ret)
{
	struct fs_found folder, door;
	int err = fs_view_root(fs, FS_META_DIR, sfs_span_str("backups"), 0, &folder);
	if (err < 0)
		return err;
	err = fs_view_find(fs, folder.node, name, 0, &door);
	if (!err) {
		uint64_t node = door.node;
		err = fs_backups_enter(fs, &node, ret);
		fs_view_forget(fs, door.node, 1);
	}
	fs_view_forget(fs, folder.node, 1);
	return err;
}

static void leave(struct side *side)
{
	if (side->backup)
		fs_backups_leave(side->backup);
	*side = (struct side){ .backup = NULL };
}

static int open_side(struct fs *fs, struct sfs_span name, struct side *ret)
{
	*ret = (struct side){ .store = fs->store };
	if (is_now(name))
		return 0;
	int err = enter(fs, name, &ret->backup);
	if (!err)
		ret->store = fs_backup_fs(ret->backup)->store;
	else
		ret->backup = NULL;
	return err;
}

static const struct fs_view_ops pair_ops;

/** @dir  any directory below that of the pair. */
static struct pair pair_above(const struct fs_view *dir)
{
	while (dir->parent && dir->ops != &pair_ops)
		dir = dir->parent;
	return pair_of(dir->id);
}

static int open_sides(struct fs *fs, const struct pair *pair, struct side sides[2])
{
	int err = open_side(fs, pair->before, &sides[0]);
	if (err < 0)
		return err;
	err = open_side(fs, pair->after, &sides[1]);
	if (err < 0)
		leave(&sides[0]);
	return err;
}

static void leave_sides(struct side sides[2])
{
	leave(&sides[0]);
	leave(&sides[1]);
}

/** A class of either side. */
static int find_class(const struct side sides[2], const char *name, struct sfs_class_info *ret)
{
	int err = sfs_class_find(sides[1].store, sfs_span_str(name), ret);
	return err == SFS_ERR_NOT_FOUND ? sfs_class_find(sides[0].store, sfs_span_str(name), ret)
					: err;
}

/* --- a link: the id is where it leads --- */

static int link_text(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret)
{
	(void)fs;
	return sfs_buf_append(ret, view->id.data, view->id.len);
}

static int link_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	int err = fs_view_dir_attr(fs, SFS_INO_ROOT, ret);
	ret->mode = 0777;
	ret->nlink = 1;
	ret->size = view->id.len;
	return err;
}

static const struct fs_view_ops link_ops = {
	.kind = "diff link",
	.type = S_IFLNK,
	.attr = link_attr,
	.text = link_text,
};

/* --- what became of the things of a class: the id is its name --- */

static enum sfs_diff_change change_of(struct sfs_span word)
{
	if (sfs_span_equal(word, sfs_span_str("added")))
		return SFS_DIFF_ADDED;
	return sfs_span_equal(word, sfs_span_str("removed")) ? SFS_DIFF_REMOVED : SFS_DIFF_CHANGED;
}

/** What a listing, or a lookup, is about. */
struct subject {
	struct fs *fs;
	struct pair pair;
	struct side sides[2];
	struct sfs_class_info class;
	enum sfs_diff_change change;
};

static int open_subject(struct fs *fs, const struct fs_view *dir, struct subject *ret)
{
	char name[SFS_CLASS_NAME_MAX + 1];
	*ret = (struct subject){ .fs = fs, .pair = pair_above(dir) };
	ret->change = change_of(dir->parent->id);
	if (dir->id.len > SFS_CLASS_NAME_MAX)
		return SFS_ERR_NOT_FOUND;
	memcpy(name, dir->id.data, dir->id.len);
	name[dir->id.len] = 0;
	int err = open_sides(fs, &ret->pair, ret->sides);
	if (err < 0)
		return err;
	err = find_class(ret->sides, name, &ret->class);
	if (err < 0)
		leave_sides(ret->sides);
	return err;
}

static bool has_raws(const struct subject *subject)
{
	return subject->class.kind == SFS_CLASS_RAW;
}

/** The name of a thing here, and where its link leads. */
static int name_thing(const struct subject *subject, struct sfs_span thing,
		      char ret_name[SFS_NAME_MAX + 1], struct sfs_buf *ret_target)
{
	char class[SFS_NAME_MAX + 1];
	bool removed = subject->change == SFS_DIFF_REMOVED;
	struct sfs_span side = removed ? subject->pair.before : subject->pair.after;
	fs_name_make_class(sfs_span_str(subject->class.name), class);
	if (has_raws(subject))
		fs_name_make_field(thing, ret_name);
	else
		fs_name_make(thing, SFS_FORMAT_JSON, ret_name);
	int err = is_now(side) ? sfs_buf_printf(ret_target, "../../../../../%s/", class)
			       : sfs_buf_printf(ret_target, "../../../../backups/%.*s/%s/",
						(int)side.len, (const char *)side.data, class);
	if (err < 0)
		return err;
	return has_raws(subject) ? sfs_buf_append(ret_target, thing.data, thing.len)
				 : sfs_buf_append(ret_target, ret_name, strlen(ret_name));
}

static struct sfs_diff how_of(const struct subject *subject, const char *const *class)
{
	return (struct sfs_diff){
		.flags = has_raws(subject) ? SFS_DIFF_NO_OBJECTS : SFS_DIFF_NO_TREES,
		.classes = class,
		.class_count = 1,
	};
}

/** Directories are shown by what is in them, the class by its directory. */
static bool is_shown(const struct subject *subject, const struct sfs_difference *difference)
{
	const struct sfs_attr *attr = difference->change == SFS_DIFF_REMOVED ? &difference->before
									     : &difference->after;
	return difference->thing != SFS_DIFF_CLASS && difference->change == subject->change &&
	       attr->type != SFS_NODE_DIR;
}

static int compare(const struct subject *subject, const struct sfs_diff *how)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	fs_loop_block_begin(subject->fs->loop);
	int err = sfs_store_diff(subject->sides[0].store, subject->sides[1].store, how, NULL,
				 &diag);
	fs_loop_block_end(subject->fs->loop);
	if (err < 0 && err != SFS_ERR_CANCELLED)
		fs_refusal_diag(&diag);
	return err;
}

struct looking {
	const struct subject *subject;
	bool found;
};

static int note_found(void *arg, const struct sfs_difference *difference)
{
	struct looking *looking = arg;
	looking->found = looking->found || is_shown(looking->subject, difference);
	return 0;
}

static int find_thing(const struct subject *subject, struct sfs_span name, struct fs_view_spec *ret)
{
	struct looking looking = { .subject = subject };
	const char *const class[] = { subject->class.name };
	struct sfs_diff how = how_of(subject, class);
	char shown[SFS_NAME_MAX + 1];
	unsigned char thing[SFS_NAME_MAX];
	struct fs_name parsed;
	size_t len = 0;
	if (has_raws(subject)) {
		if (!fs_name_parse_field(name, thing, &len))
			return SFS_ERR_NOT_FOUND;
		how.only = (struct sfs_span){ thing, len };
	} else {
		fs_name_parse(name, &parsed);
		if (!parsed.object || parsed.format != SFS_FORMAT_JSON)
			return SFS_ERR_NOT_FOUND;
		how.only = (struct sfs_span){ parsed.oid, parsed.oid_len };
	}
	how.differs = note_found;
	how.arg = &looking;
	int err = compare(subject, &how);
	if (err < 0 || !looking.found)
		return err < 0 ? err : SFS_ERR_NOT_FOUND;
	ret->ops = &link_ops;
	return name_thing(subject, how.only, shown, &ret->id);
}

static int class_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		      struct fs_view_spec *ret)
{
	struct subject subject;
	int err = open_subject(fs, dir, &subject);
	if (err < 0)
		return err;
	err = find_thing(&subject, name, ret);
	leave_sides(subject.sides);
	return err;
}

/** A listing: things of a page, each with its length before it. */
struct listing {
	struct subject subject;
	uint64_t number; /* st_ino of the directory */
	struct sfs_buf things, last, target;
	size_t at, count;
	int err;
	bool ended;
};

static int put_thing(struct listing *listing, struct sfs_span thing)
{
	int err = sfs_buf_append(&listing->things, &thing.len, sizeof thing.len);
	return err < 0 ? err : sfs_buf_append(&listing->things, thing.data, thing.len);
}

static int note_thing(void *arg, const struct sfs_difference *difference)
{
	struct listing *listing = arg;
	if (difference->thing == SFS_DIFF_CLASS)
		return 0;
	listing->last.len = 0;
	listing->err = sfs_buf_append(&listing->last, difference->name.data, difference->name.len);
	if (!listing->err && is_shown(&listing->subject, difference)) {
		listing->err = put_thing(listing, difference->name);
		listing->count++;
	}
	/* A tree has no order in which it could go on. */
	return listing->err < 0 || (listing->count == PAGE && !has_raws(&listing->subject));
}

static int next_page(struct listing *listing)
{
	const char *const class[] = { listing->subject.class.name };
	struct sfs_diff how = how_of(&listing->subject, class);
	/* What is found takes its place. */
	struct sfs_buf after = sfs_buf_take(&listing->last);
	how.after = sfs_buf_span(&after);
	how.differs = note_thing;
	how.arg = listing;
	listing->things.len = listing->at = listing->count = 0;
	int err = compare(&listing->subject, &how);
	sfs_buf_fini(&after);
	listing->ended = err != SFS_ERR_CANCELLED;
	return err == SFS_ERR_CANCELLED ? listing->err : err;
}

static int class_open(struct fs *fs, const struct fs_view *view, bool write, void **ret)
{
	(void)write;
	struct listing *listing = calloc(1, sizeof *listing);
	if (!listing)
		return SFS_ERR_NO_MEMORY;
	listing->number = view->number;
	int err = open_subject(fs, view, &listing->subject);
	if (err < 0)
		free(listing);
	else
		*ret = listing;
	return err;
}

static void class_close(void *cursor, bool write)
{
	struct listing *listing = cursor;
	(void)write;
	leave_sides(listing->subject.sides);
	sfs_buf_fini(&listing->things);
	sfs_buf_fini(&listing->last);
	sfs_buf_fini(&listing->target);
	free(listing);
}

static int class_next(void *cursor, struct fs_view_entry *ret)
{
	struct listing *listing = cursor;
	size_t len;
	int err = 0;
	while (!err && listing->at == listing->things.len && !listing->ended)
		err = next_page(listing);
	if (err < 0 || listing->at == listing->things.len)
		return err < 0 ? err : 1;
	const char *thing = (const char *)listing->things.data + listing->at;
	memcpy(&len, thing, sizeof len);
	listing->at += sizeof len + len;
	listing->target.len = 0;
	err = name_thing(&listing->subject, (struct sfs_span){ thing + sizeof len, len }, ret->name,
			 &listing->target);
	ret->type = S_IFLNK;
	ret->number = fs_view_number(listing->number, &link_ops, sfs_buf_span(&listing->target));
	return err;
}

/** Who may not read the class may not read what became of it; of one that is gone its owner may. */
static int class_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_class_info info;
	int err = fs_view_dir_attr(fs, SFS_INO_ROOT, ret);
	if (err < 0)
		return err;
	ret->mode = 0500;
	if (sfs_class_find(fs->store, view->id, &info) == 0) {
		ret->mode = info.attr.mode & 0555;
		ret->uid = info.attr.uid;
		ret->gid = info.attr.gid;
	}
	return 0;
}

static const struct fs_view_ops class_ops = {
	.kind = "diff class",
	.type = S_IFDIR,
	.attr = class_attr,
	.find = class_find,
	.open = class_open,
	.close = class_close,
	.next = class_next,
};

/* --- the classes of a change: the id is its word --- */

/** Called for each class of either side. Nonzero stops. */
typedef int class_fn(void *arg, const char *name);

static int each_class(struct fs *fs, const struct fs_view *dir, class_fn *fn, void *arg)
{
	const struct pair pair = pair_above(dir);
	struct side sides[2];
	struct sfs_class_info info = { .id = 0 }, other;
	int err = open_sides(fs, &pair, sides), stop = 0;
	if (err < 0)
		return err;
	while (!stop && sfs_class_next(sides[0].store, info.id, &info) == 0)
		stop = fn(arg, info.name);
	info.id = 0;
	while (!stop && sfs_class_next(sides[1].store, info.id, &info) == 0)
		if (sfs_class_find(sides[0].store, sfs_span_str(info.name), &other) < 0)
			stop = fn(arg, info.name);
	leave_sides(sides);
	return 0;
}

struct class_search {
	struct sfs_span name;
	struct sfs_buf *id;
	int err;
};

static int compare_class(void *arg, const char *name)
{
	struct class_search *search = arg;
	char file[SFS_NAME_MAX + 1];
	fs_name_make_class(sfs_span_str(name), file);
	if (!sfs_span_equal(search->name, sfs_span_str(file)))
		return 0;
	search->err = sfs_buf_append(search->id, name, strlen(name));
	return 1;
}

static int change_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		       struct fs_view_spec *ret)
{
	struct class_search search = { name, &ret->id, SFS_ERR_NOT_FOUND };
	int err = each_class(fs, dir, compare_class, &search);
	ret->ops = &class_ops;
	return err < 0 ? err : search.err;
}

struct class_listing {
	uint64_t number, cookie;
	fs_view_list_fn *fn;
	void *arg;
};

static int list_class(void *arg, const char *name)
{
	struct class_listing *listing = arg;
	char file[SFS_NAME_MAX + 1];
	fs_name_make_class(sfs_span_str(name), file);
	return listing->fn(listing->arg, file, S_IFDIR,
			   fs_view_number(listing->number, &class_ops, sfs_span_str(name)),
			   listing->cookie++);
}

static int change_list(struct fs *fs, const struct fs_view *dir, uint64_t after,
		       fs_view_list_fn *fn, void *arg)
{
	struct class_listing listing = { dir->number, COOKIE_FIRST, fn, arg };
	(void)after;
	return each_class(fs, dir, list_class, &listing);
}

static const struct fs_view_ops change_ops = {
	.kind = "diff change",
	.type = S_IFDIR,
	.whole = true,
	.attr = fs_view_root_attr,
	.find = change_find,
	.list = change_list,
};

/* --- two states: the id is their names, resolved --- */

static const char *const changes[] = { "added", "removed", "changed" };

static int pair_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		     struct fs_view_spec *ret)
{
	(void)fs, (void)dir;
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
		if (sfs_span_equal(name, sfs_span_str(changes[i]))) {
			ret->ops = &change_ops;
			return sfs_buf_append(&ret->id, name.data, name.len);
		}
	return SFS_ERR_NOT_FOUND;
}

static int pair_list(struct fs *fs, const struct fs_view *dir, uint64_t after, fs_view_list_fn *fn,
		     void *arg)
{
	(void)fs;
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		struct sfs_span id = sfs_span_str(changes[i]);
		if (COOKIE_FIRST + i > after &&
		    fn(arg, changes[i], S_IFDIR, fs_view_number(dir->number, &change_ops, id),
		       COOKIE_FIRST + i))
			break;
	}
	return 0;
}

static const struct fs_view_ops pair_ops = {
	.kind = "diff pair",
	.type = S_IFDIR,
	.attr = fs_view_root_attr,
	.find = pair_find,
	.list = pair_list,
};

/* --- any two --- */

static int no_state(struct sfs_span name, const struct sfs_diag *why)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	sfs_diag_set(
		&diag, SFS_ERR_NOT_FOUND,
		"'%.*s' is no valid backup, no time of one, and neither latest nor now%s%.200s",
		(int)(name.len < 60 ? name.len : 60), (const char *)name.data,
		why->text[0] ? ": " : "", why->text);
	fs_refusal_diag(&diag);
	return SFS_ERR_NOT_FOUND;
}

/** Append the name of the backup that a word means, or NOW. */
static int resolve(struct fs *fs, struct sfs_span word, struct sfs_buf *ret)
{
	struct fs_backup_entry entry, first;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int64_t time_ns;
	bool invalid;
	if (is_now(word))
		return sfs_buf_append(ret, word.data, word.len);
	int err = sfs_span_equal(word, sfs_span_str("latest"))
			  ? fs_backups_latest(fs, &entry)
			  : fs_backups_find(fs, word, &entry, &invalid);
	if (err == SFS_ERR_NOT_FOUND && sfs_time_parse(word, fs_now_ns(), &time_ns, &diag) == 0)
		err = fs_backups_at(fs, time_ns, &entry, &first);
	if (err == SFS_ERR_NOT_FOUND)
		return no_state(word, &diag);
	return err < 0 ? err : sfs_buf_append(ret, entry.name, strlen(entry.name));
}

static int diff_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		     struct fs_view_spec *ret)
{
	const struct pair pair = pair_of(name);
	(void)dir;
	if (!pair.before.len || !pair.after.len)
		return SFS_ERR_NOT_FOUND;
	ret->ops = &pair_ops;
	fs_loop_block_begin(fs->loop);
	int err = resolve(fs, pair.before, &ret->id);
	if (!err)
		err = sfs_buf_append(&ret->id, "..", 2);
	if (!err)
		err = resolve(fs, pair.after, &ret->id);
	fs_loop_block_end(fs->loop);
	return err;
}

/** Any two can be compared: none is listed. */
static int diff_list(struct fs *fs, const struct fs_view *dir, uint64_t after, fs_view_list_fn *fn,
		     void *arg)
{
	(void)fs, (void)dir, (void)after, (void)fn, (void)arg;
	return 0;
}

const struct fs_view_ops fs_view_diff_ops = {
	.kind = "diff",
	.type = S_IFDIR,
	.attr = fs_view_root_attr,
	.find = diff_find,
	.list = diff_list,
};
