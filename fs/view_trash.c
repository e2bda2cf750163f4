/*
 * .storefs/trash/CLASS/2026-11-22T010203Z/42.json: what was removed, a directory for each second in which
 * something was. Everything there can only be read, and moved back into its class. Knows no FUSE.
 *
 * An object is called as its document, a raw by its path, escaped as an oid. Of several removals of one name in
 * one second all but the first have a '~' and the number that they had behind it.
 */
#include "view_trash.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <storefs/trash.h>
#include "class_name.h"
#include "view_table.h"

#define COOKIE_FIRST 3
#define NS_PER_S INT64_C(1000000000)
#define TIME_FORMAT "%Y-%m-%dT%H%M%SZ"
#define TIME_SIZE 32

/* --- seconds --- */

static void second_name(int64_t second, char ret[TIME_SIZE])
{
	time_t time = (time_t)second;
	struct tm tm = { 0 };
	gmtime_r(&time, &tm);
	if (strftime(ret, TIME_SIZE, TIME_FORMAT, &tm) == 0)
		ret[0] = '\0';
}

/** False: it is not just what second_name() gives. */
static bool second_of(struct sfs_span name, int64_t *ret)
{
	char text[TIME_SIZE], same[TIME_SIZE];
	struct tm tm = { 0 };
	if (name.len >= sizeof text)
		return false;
	snprintf(text, sizeof text, "%.*s", (int)name.len, (const char *)name.data);
	const char *end = strptime(text, TIME_FORMAT, &tm);
	if (!end || *end)
		return false;
	*ret = (int64_t)timegm(&tm);
	second_name(*ret, same);
	return *ret >= 0 && strcmp(same, text) == 0;
}

static int64_t second_in(const struct fs_view *view)
{
	int64_t second = 0;
	if (view->id.len == sizeof second)
		memcpy(&second, view->id.data, sizeof second);
	return second;
}

/* --- names --- */

static void name_of(const struct sfs_trashed *trashed, char ret[SFS_NAME_MAX + 1])
{
	if (trashed->attr.type == SFS_NODE_OBJECT)
		fs_name_make(trashed->name, SFS_FORMAT_JSON, ret);
	else
		fs_name_make_field(trashed->name, ret);
}

/** Put a number into a name, before the extension of an object's. */
static void number_name(const struct sfs_trashed *trashed, char name[SFS_NAME_MAX + 1])
{
	char number[24];
	size_t len = strlen(name), end = trashed->attr.type == SFS_NODE_OBJECT ? 5 : 0;
	int add = snprintf(number, sizeof number, "~%" PRIx64, trashed->ino);
	/* Too long for it: it has the name of the first one, and is reached when that is gone. */
	if (add < 0 || len < end || len + (size_t)add > SFS_NAME_MAX)
		return;
	memmove(name + len - end + add, name + len - end, end + 1);
	memcpy(name + len - end, number, (size_t)add);
}

/** A search among those of one second. */
struct search {
	struct sfs_span name; /* of a file */
	uint64_t found;
};

static int take_first(void *arg, const struct sfs_trashed *trashed)
{
	struct search *search = arg;
	search->found = trashed->ino;
	return 1;
}

static int take_numbered(void *arg, const struct sfs_trashed *trashed)
{
	struct search *search = arg;
	char name[SFS_NAME_MAX + 1];
	name_of(trashed, name);
	number_name(trashed, name);
	if (sfs_span_equal(sfs_span_str(name), search->name))
		search->found = trashed->ino;
	return search->found != 0;
}

static int take_named(void *arg, const struct sfs_trashed *trashed)
{
	struct search *search = arg;
	char name[SFS_NAME_MAX + 1];
	name_of(trashed, name);
	return sfs_span_equal(sfs_span_str(name), search->name) ? take_first(arg, trashed) : 0;
}

/** The oid or path that a file name stands for. False: for none, as it stands. */
static bool parse(struct fs *fs, uint32_t class_id, struct sfs_span name,
		  unsigned char ret[SFS_NAME_MAX], size_t *ret_len)
{
	struct sfs_class_info info;
	struct fs_name parsed;
	if (sfs_class_get(fs->store, class_id, &info) < 0 || name.len > SFS_NAME_MAX)
		return false;
	if (info.kind == SFS_CLASS_RAW)
		return fs_name_parse_field(name, ret, ret_len);
	fs_name_parse(name, &parsed);
	if (!parsed.object || parsed.format != SFS_FORMAT_JSON)
		return false;
	memcpy(ret, parsed.oid, parsed.oid_len);
	*ret_len = parsed.oid_len;
	return true;
}

/** The name without the number that follows a '~', which is before an object's extension. */
static bool strip(struct sfs_span name, char ret[SFS_NAME_MAX + 1])
{
	snprintf(ret, SFS_NAME_MAX + 1, "%.*s", (int)name.len, (const char *)name.data);
	char *tilde = strrchr(ret, '~');
	if (!tilde)
		return false;
	size_t digits = strspn(tilde + 1, "0123456789abcdef");
	memmove(tilde, tilde + 1 + digits, strlen(tilde + 1 + digits) + 1);
	return digits > 0;
}

static int search_by(struct fs *fs, const struct fs_view *dir, struct sfs_span file,
		     sfs_trash_fn *fn, struct search *search)
{
	unsigned char name[SFS_NAME_MAX];
	size_t len = 0;
	if (!parse(fs, dir->class_id, file, name, &len))
		return 0;
	int err = sfs_trash_list_name(fs->store, dir->class_id, second_in(dir),
				      (struct sfs_span){ name, len }, fn, search);
	return err == SFS_ERR_CANCELLED ? 0 : err;
}

/** What has a name that is shortened: all of the second are looked at. */
static int search_long(struct fs *fs, const struct fs_view *dir, struct search *search)
{
	const struct sfs_trash_from from = { .second = second_in(dir) };
	if (!fs_name_is_hashed(search->name))
		return 0;
	int err = sfs_trash_list(fs->store, dir->class_id, &from, 0, take_named, search);
	return err == SFS_ERR_CANCELLED ? 0 : err;
}

/** The number of what a file name in a second means. SFS_ERR_NOT_FOUND. */
static int find_ino(struct fs *fs, const struct fs_view *dir, struct sfs_span name, uint64_t *ret)
{
	struct search search = { .name = name };
	char stem[SFS_NAME_MAX + 1];
	int err = search_by(fs, dir, name, take_first, &search);
	if (!err && !search.found && name.len <= SFS_NAME_MAX && strip(name, stem))
		err = search_by(fs, dir, sfs_span_str(stem), take_numbered, &search);
	if (!err && !search.found)
		err = search_long(fs, dir, &search);
	if (!err && !search.found)
		err = SFS_ERR_NOT_FOUND;
	if (!err)
		*ret = search.found;
	return err;
}

/* --- directories --- */

static const struct fs_view_ops second_ops;

static int dir_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	int err = sfs_raw_stat(
		fs->store, view->class_id ? sfs_ino_make(view->class_id, 1) : SFS_INO_ROOT, ret);
	ret->type = SFS_NODE_DIR;
	ret->nlink = 2;
	/* What is in a second can be moved out of it, by those who may change the class. */
	if (view->ops != &second_ops)
		ret->mode &= 0555;
	return err;
}

/* --- documents --- */

static uint64_t ino_in(const struct fs_view *view)
{
	uint64_t ino = 0;
	if (view->id.len == sizeof ino)
		memcpy(&ino, view->id.data, sizeof ino);
	return ino;
}

static int document_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_buf name = SFS_BUF_INIT;
	struct sfs_trashed trashed;
	int err = sfs_trash_find(fs->store, ino_in(view), &trashed, &name);
	sfs_buf_fini(&name);
	if (err < 0)
		return err;
	*ret = trashed.attr;
	ret->type = SFS_NODE_FILE;
	ret->mode &= 0444;
	return 0;
}

static int document_text(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret)
{
	return sfs_trash_document(fs->store, ino_in(view), SFS_FORMAT_JSON, ret);
}

static const struct fs_view_ops document_ops = {
	.kind = "removed object",
	.type = S_IFREG,
	.attr = document_attr,
	.text = document_text,
};

/* --- what was removed in one second --- */

static int second_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		       struct fs_view_spec *ret)
{
	struct sfs_class_info info;
	uint64_t ino = 0;
	int err = find_ino(fs, dir, name, &ino);
	if (!err)
		err = sfs_class_get(fs->store, dir->class_id, &info);
	if (!err && info.kind == SFS_CLASS_RAW) {
		ret->raw = ino;
		atomic_store(&fs->trashed[ino % FS_TRASHED], ino);
		return 0;
	}
	ret->ops = &document_ops;
	return err < 0 ? err : sfs_buf_append(&ret->id, &ino, sizeof ino);
}

struct listing {
	const struct fs_view *dir;
	fs_view_list_fn *fn;
	void *arg;
	uint64_t cookie;
	struct sfs_buf last; /* name of the one before */
	int64_t second;
	int err;
};

static int list_entry(void *arg, const struct sfs_trashed *trashed)
{
	struct listing *listing = arg;
	char name[SFS_NAME_MAX + 1];
	uint64_t number = trashed->ino;
	if (trashed->removed_ns / NS_PER_S != listing->second)
		return 1;
	name_of(trashed, name);
	if (sfs_span_equal(sfs_buf_span(&listing->last), trashed->name))
		number_name(trashed, name);
	listing->last.len = 0;
	listing->err = sfs_buf_append(&listing->last, trashed->name.data, trashed->name.len);
	const struct sfs_span id = { &trashed->ino, sizeof trashed->ino };
	if (trashed->attr.type == SFS_NODE_OBJECT)
		number = fs_view_number(listing->dir->number, &document_ops, id);
	return listing->err < 0 ||
	       listing->fn(listing->arg, name,
			   trashed->attr.type == SFS_NODE_SYMLINK ? S_IFLNK : S_IFREG, number,
			   listing->cookie++);
}

static int second_list(struct fs *fs, const struct fs_view *dir, uint64_t after,
		       fs_view_list_fn *fn, void *arg)
{
	struct listing listing = { .dir = dir,
				   .fn = fn,
				   .arg = arg,
				   .cookie = COOKIE_FIRST,
				   .last = SFS_BUF_INIT,
				   .second = second_in(dir) };
	const struct sfs_trash_from from = { .second = listing.second };
	(void)after;
	int err = sfs_trash_list(fs->store, dir->class_id, &from, 0, list_entry, &listing);
	sfs_buf_fini(&listing.last);
	return err == SFS_ERR_CANCELLED ? listing.err : err;
}

static int second_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	int err = dir_attr(fs, view, ret);
	ret->atime_ns = ret->mtime_ns = ret->ctime_ns = second_in(view) * NS_PER_S;
	return err;
}

static const struct fs_view_ops second_ops = {
	.kind = "removed in a second",
	.type = S_IFDIR,
	.whole = true,
	.attr = second_attr,
	.find = second_find,
	.list = second_list,
};

/* --- of one class --- */

static int take_second(void *arg, const struct sfs_trashed *trashed)
{
	int64_t *second = arg;
	*second = trashed->removed_ns / NS_PER_S;
	return 1;
}

/** The first second from one on in which something was removed. SFS_ERR_NOT_FOUND. */
static int next_second(struct fs *fs, uint32_t class_id, int64_t from_second, int64_t *ret)
{
	const struct sfs_trash_from from = { .second = from_second };
	int err = sfs_trash_list(fs->store, class_id, &from, 1, take_second, ret);
	return err == SFS_ERR_CANCELLED ? 0 : err < 0 ? err : SFS_ERR_NOT_FOUND;
}

static int class_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		      struct fs_view_spec *ret)
{
	int64_t second, found = 0;
	if (!second_of(name, &second))
		return SFS_ERR_NOT_FOUND;
	int err = next_second(fs, dir->class_id, second, &found);
	if (!err && found != second)
		err = SFS_ERR_NOT_FOUND;
	ret->ops = &second_ops;
	return err < 0 ? err : sfs_buf_append(&ret->id, &second, sizeof second);
}

static int class_list(struct fs *fs, const struct fs_view *dir, uint64_t after, fs_view_list_fn *fn,
		      void *arg)
{
	int64_t second = after < COOKIE_FIRST ? 0 : (int64_t)(after - COOKIE_FIRST) + 1;
	int err = 0;
	for (; !err; second++) {
		char name[TIME_SIZE];
		err = next_second(fs, dir->class_id, second, &second);
		if (err < 0)
			break;
		const struct sfs_span id = { &second, sizeof second };
		second_name(second, name);
		if (fn(arg, name, S_IFDIR, fs_view_number(dir->number, &second_ops, id),
		       (uint64_t)second + COOKIE_FIRST))
			break;
	}
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

static const struct fs_view_ops class_ops = {
	.kind = "removed of a class",
	.type = S_IFDIR,
	.attr = dir_attr,
	.find = class_find,
	.list = class_list,
};

/* --- all of it --- */

static int put_id(uint32_t class_id, struct sfs_buf *ret)
{
	ret->len = 0;
	return sfs_buf_append(ret, &class_id, sizeof class_id);
}

static int trash_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		      struct fs_view_spec *ret)
{
	struct sfs_class_info info;
	(void)dir;
	int err = fs_class_find(fs->store, name, &info);
	if (err < 0)
		return err;
	ret->ops = &class_ops;
	ret->class_id = info.id;
	return put_id(info.id, &ret->id);
}

/** Classes that have something in it. */
static int trash_list(struct fs *fs, const struct fs_view *dir, uint64_t after, fs_view_list_fn *fn,
		      void *arg)
{
	struct sfs_class_info info = { .id = after < COOKIE_FIRST
						     ? 0
						     : (uint32_t)(after - COOKIE_FIRST) };
	struct sfs_buf id = SFS_BUF_INIT;
	char name[SFS_NAME_MAX + 1];
	int err = 0;
	while (!err && sfs_class_next(fs->store, info.id, &info) == 0) {
		struct sfs_trash_stat stat = { .entries = 0 };
		err = sfs_trash_stat(fs->store, info.id, &stat);
		if (err == SFS_ERR_NOT_FOUND || (!err && !stat.entries)) {
			err = 0;
			continue;
		}
		if (!err)
			err = put_id(info.id, &id);
		fs_class_name(info.name, name);
		if (!err && fn(arg, name, S_IFDIR,
			       fs_view_number(dir->number, &class_ops, sfs_buf_span(&id)),
			       (uint64_t)info.id + COOKIE_FIRST))
			break;
	}
	sfs_buf_fini(&id);
	return err;
}

const struct fs_view_ops fs_view_trash_ops = {
	.kind = "trash",
	.type = S_IFDIR,
	.attr = dir_attr,
	.find = trash_find,
	.list = trash_list,
};

/* --- raws in it that are asked for by their number --- */

bool fs_view_trash_has(struct fs *fs, uint64_t node)
{
	struct sfs_buf name = SFS_BUF_INIT;
	struct sfs_trashed trashed;
	if (fs_node_kind(node) != FS_NODE_THING || node != fs_node_ino(node))
		return false;
	int err = sfs_trash_find(fs->store, node, &trashed, &name);
	sfs_buf_fini(&name);
	return !err && trashed.attr.type != SFS_NODE_OBJECT;
}

bool fs_view_trash_is_stale(struct fs *fs, uint64_t node)
{
	return atomic_load(&fs->trashed[node % FS_TRASHED]) != node && fs_view_trash_has(fs, node);
}

/* --- back --- */

bool fs_view_is_trash(struct fs *fs, uint64_t dir)
{
	struct fs_view *view = fs_view_get(fs, dir);
	bool is = view && view->ops == &second_ops;
	fs_view_unref(fs, view);
	return is;
}

static int restore(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		   const struct fs_place *to, bool replace)
{
	bool object = to->kind == FS_PLACE_OBJECT;
	struct sfs_trash_restore how = { .name = { "", 0 }, .replace = replace };
	struct sfs_class_info info;
	int err = sfs_class_get(fs->store, dir->class_id, &info);
	if (!err && (to->class_id != dir->class_id || object != (info.kind == SFS_CLASS_OBJECT)))
		err = SFS_ERR_CROSS;
	if (!err)
		err = find_ino(fs, dir, name, &how.ino);
	/* The very name that it has here, as mv gives it: then it gets its own back. */
	bool own = sfs_span_equal(name, to->name) &&
		   (object || fs_node_ino(to->dir) == sfs_ino_make(dir->class_id, 1));
	if (!own) {
		how.name = object ? fs_place_oid(to) : to->name;
		how.dir = object ? 0 : fs_node_ino(to->dir);
	}
	return err < 0 ? err : sfs_trash_restore(fs->store, &how, NULL, NULL);
}

int fs_view_trash_restore(struct fs *fs, uint64_t dir, struct sfs_span name,
			  const struct fs_place *to, bool replace)
{
	struct fs_view *view = fs_view_get(fs, dir);
	int err = view ? restore(fs, view, name, to, replace) : SFS_ERR_NOT_FOUND;
	fs_view_unref(fs, view);
	return err;
}
