/*
 * Paths inside the mount: see path.h. A walk keeps the directories that it came through, so that ".."
 * is the way back, and puts what a symlink says in the place of its name.
 */
#include "path.h"
#include <stdio.h>
#include <stdlib.h>
#include "class_name.h"
#include "place.h"

#define DEPTH_MAX 64
#define LINKS_MAX 40
#define PATH_SIZE 8192

struct step {
	uint64_t node;
	char name[SFS_NAME_MAX + 1];
};

struct walk {
	struct fs *fs;
	struct step steps[DEPTH_MAX]; /* [depth], the first is the root */
	size_t depth;
	unsigned links;
	char rest[PATH_SIZE]; /* what is still to be walked */
	struct sfs_diag *diag;
};

static int refuse(struct walk *walk, const char *why)
{
	return sfs_diag_set(walk->diag, SFS_ERR_INVALID, "%s", why);
}

static int push(struct walk *walk, uint64_t node, const char *name)
{
	if (walk->depth == DEPTH_MAX)
		return refuse(walk, "the path is too deep");
	struct step *step = &walk->steps[walk->depth++];
	step->node = node;
	snprintf(step->name, sizeof step->name, "%s", name);
	return 0;
}

static void pop(struct walk *walk)
{
	if (walk->depth > 1)
		fs_view_forget(walk->fs, walk->steps[walk->depth - 1].node, 1);
	walk->depth -= walk->depth > 1;
}

/** The directories above a view, and itself. Each is counted, as what is walked through is. */
static int begin(struct walk *walk, const struct fs_view *dir)
{
	struct sfs_class_info info;
	char name[SFS_NAME_MAX + 1];
	const struct fs_view *views[DEPTH_MAX];
	size_t count = 0;
	int err = sfs_class_get(walk->fs->store, dir->class_id, &info);
	for (const struct fs_view *at = dir; at && count < DEPTH_MAX; at = at->parent)
		views[count++] = at;
	if (!err)
		err = push(walk, SFS_INO_ROOT, "");
	if (!err)
		fs_class_name(info.name, name);
	if (!err)
		err = push(walk, info.attr.ino, name);
	while (count > 0 && !err) {
		const struct fs_view *view = views[--count];
		err = push(walk, view->node, view->name);
		struct fs_view *counted = err ? NULL : fs_view_get(walk->fs, view->node);
		if (counted)
			fs_view_looked_up(walk->fs, counted);
		fs_view_unref(walk->fs, counted);
	}
	return err;
}

/** Put a text before what is still to be walked; an absolute one begins at the root. */
static int prepend(struct walk *walk, const char *text)
{
	char rest[PATH_SIZE];
	const char *top = walk->fs->options->mountpoint;
	size_t len = strlen(top);
	if (text[0] == '/') {
		bool inside = strncmp(text, top, len) == 0 && (text[len] == '/' || !text[len]);
		if (!inside)
			return refuse(walk,
				      "the link leads out of the mount, expected an object in it");
		text += len;
		while (walk->depth > 1)
			pop(walk);
	}
	int size = snprintf(rest, sizeof rest, "%s%s%s", text, walk->rest[0] ? "/" : "",
			    walk->rest);
	if (size < 0 || (size_t)size >= sizeof rest)
		return refuse(walk, "the path is too long");
	memcpy(walk->rest, rest, (size_t)size + 1);
	return 0;
}

/** Cut the next name off what is to be walked. False at the end. */
static bool next_name(struct walk *walk, char ret[SFS_NAME_MAX + 1], bool *ret_long)
{
	const char *start = walk->rest + strspn(walk->rest, "/");
	size_t len = strcspn(start, "/");
	if (len == 0)
		return false;
	*ret_long = len > SFS_NAME_MAX;
	memcpy(ret, start, *ret_long ? SFS_NAME_MAX : len);
	ret[*ret_long ? SFS_NAME_MAX : len] = '\0';
	memmove(walk->rest, start + len, strlen(start + len) + 1);
	return true;
}

static bool at_end(const struct walk *walk)
{
	return walk->rest[strspn(walk->rest, "/")] == '\0';
}

/** Look a name up as the kernel does. The node is counted. */
static int look(struct walk *walk, const struct fs_place *place, struct fs_found *ret)
{
	struct fs *fs = walk->fs;
	int err = fs_place_find(fs, place, 0, ret);
	if (err == SFS_ERR_NOT_FOUND)
		err = fs_view_root(fs, place->dir, place->name, 0, ret);
	return err;
}

/** The path of a raw in its class: the names below that. */
static int put_raw(const struct walk *walk, const char *name, struct sfs_buf *ret)
{
	int err = 0;
	for (size_t i = 2; i < walk->depth && !err; i++)
		err = sfs_buf_printf(ret, "%s/", walk->steps[i].name);
	return err < 0 ? err : sfs_buf_append(ret, name, strlen(name));
}

/** The last name: an object, or a raw of a class of raws. */
static int finish(struct walk *walk, const struct fs_place *place, const char *name,
		  struct fs_path_end *ret)
{
	struct sfs_class_info info;
	int err = sfs_class_get(walk->fs->store, place->class_id, &info);
	if (place->kind == FS_PLACE_OBJECT && !err) {
		ret->object = true;
		ret->class_id = info.id;
		return sfs_buf_append(&ret->oid, place->oid, place->oid_len);
	}
	if (place->kind != FS_PLACE_RAW || err || info.kind != SFS_CLASS_RAW)
		return refuse(walk, "a relation leads to an object or a raw, and this is neither");
	ret->object = false;
	ret->class_id = info.id;
	return put_raw(walk, name, &ret->oid);
}

static int follow_link(struct walk *walk, const struct fs_found *found)
{
	struct sfs_buf text = SFS_BUF_INIT;
	struct fs *fs = walk->fs;
	if (++walk->links > LINKS_MAX)
		return refuse(walk, "there are too many links on the way");
	int err = fs_node_kind(found->node) == FS_NODE_VIEW
			  ? fs_view_readlink(fs, found->node, &text)
			  : sfs_raw_readlink(fs->store, fs_node_ino(found->node), &text);
	if (!err)
		err = sfs_buf_append(&text, "", 1);
	if (!err)
		err = prepend(walk, text.data);
	sfs_buf_fini(&text);
	return err;
}

/** One step. Returns 1 when ret is what the path leads to. */
static int step(struct walk *walk, const char *name, struct fs_path_end *ret)
{
	struct fs_place place;
	struct fs_found found;
	uint64_t dir = walk->steps[walk->depth - 1].node;
	int err = fs_place_resolve(walk->fs, dir, name, &place);
	if (err < 0)
		return refuse(walk, "the path leads to nothing");
	bool last = at_end(walk);
	err = look(walk, &place, &found);
	if (err == SFS_ERR_NOT_FOUND && last) {
		err = finish(walk, &place, name, ret);
		return err < 0 ? err : 1;
	}
	if (err == SFS_ERR_NOT_FOUND)
		return refuse(walk, "the path leads to nothing");
	if (err < 0)
		return err;
	if (S_ISDIR(found.stat.st_mode)) {
		err = push(walk, found.node, name);
		if (err < 0)
			fs_view_forget(walk->fs, found.node, 1);
		return err;
	}
	if (S_ISLNK(found.stat.st_mode))
		err = follow_link(walk, &found);
	else
		err = last ? finish(walk, &place, name, ret)
			   : refuse(walk, "the path goes through a file");
	bool done = !err && !S_ISLNK(found.stat.st_mode);
	fs_view_forget(walk->fs, found.node, 1);
	return err < 0 ? err : done;
}

static int go(struct walk *walk, struct fs_path_end *ret)
{
	char name[SFS_NAME_MAX + 1];
	bool too_long;
	while (next_name(walk, name, &too_long)) {
		int err = 0;
		if (too_long)
			return refuse(walk, "the path leads to nothing");
		if (strcmp(name, "..") == 0 && walk->depth == 1)
			return refuse(walk,
				      "the link leads out of the mount, expected an object in it");
		if (strcmp(name, "..") == 0)
			pop(walk);
		else if (strcmp(name, ".") != 0)
			err = step(walk, name, ret);
		if (err)
			return err < 0 ? err : 0;
	}
	return refuse(walk, "a relation leads to an object or a raw, and this is a directory");
}

int fs_path_follow(struct fs *fs, const struct fs_view *dir, struct sfs_span text,
		   struct fs_path_end *ret, struct sfs_diag *diag)
{
	struct walk *walk = calloc(1, sizeof *walk);
	char path[PATH_SIZE];
	if (!walk)
		return SFS_ERR_NO_MEMORY;
	walk->fs = fs;
	walk->diag = diag;
	int err = text.len < sizeof path ? begin(walk, dir) : refuse(walk, "the path is too long");
	if (!err) {
		memcpy(path, text.data, text.len);
		path[text.len] = '\0';
		err = prepend(walk, path);
	}
	if (!err)
		err = go(walk, ret);
	while (walk->depth > 1)
		pop(walk);
	free(walk);
	return err;
}
