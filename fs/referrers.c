/*
 * .referrers of an object, or of a raw (view_meta.c): a directory for each CLASS.RELATION through which others refer to it, and in
 * it a symlink to each of them. They are read only: a reference belongs to who refers.
 */
#include <stdlib.h>
#include <storefs/relation.h>
#include "name.h"
#include "relation.h"

/* Ids of directories: the class's id, then the name of the relation. Names: "Comment.parent". */
#define CLASS_LEN sizeof(uint32_t)
/** Serials of inode numbers; cookies in a directory of referrers are these and three. */
#define SERIAL_MASK (((uint64_t)1 << 36) - 1)

static const struct fs_view_ops group_ops;

static uint32_t class_of(const struct fs_view *group)
{
	uint32_t class_id = 0;
	memcpy(&class_id, group->id.data, CLASS_LEN);
	return class_id;
}

static struct sfs_span relation_of(const struct fs_view *group)
{
	return (struct sfs_span){ (const char *)group->id.data + CLASS_LEN,
				  group->id.len - CLASS_LEN };
}

static int put_id(uint32_t class_id, struct sfs_span relation, struct sfs_buf *ret)
{
	int err = sfs_buf_append(ret, &class_id, CLASS_LEN);
	return err < 0 ? err : sfs_buf_append(ret, relation.data, relation.len);
}

/** Directories from one of referrers up to the mount point: the views, and where they begin. */
static unsigned depth_of(const struct fs_view *group)
{
	unsigned depth = 1;
	for (; group; group = group->parent)
		depth++;
	return depth;
}

/** @object  whose id is the oid of an object or raw. */
static int dir_attr(struct fs *fs, const struct fs_view *object, struct sfs_attr *ret)
{
	struct sfs_attr attr;
	int err = fs_relation_holder(fs, object, &attr);
	if (err < 0)
		return err;
	ret->mode = 0555;
	ret->uid = attr.uid;
	ret->gid = attr.gid;
	ret->nlink = 2;
	ret->atime_ns = ret->mtime_ns = attr.mtime_ns;
	ret->ctime_ns = attr.ctime_ns;
	return 0;
}

/* --- .referrers --- */

/** A class and a relation that refer, in the order in which they are listed. */
struct group {
	uint64_t cookie;
	uint32_t class_id;
	struct sfs_buf relation;
};

struct groups {
	struct group *list; /* [count] */
	size_t count;
	int err;
};

static int take_group(void *arg, const struct sfs_referrer *referrer)
{
	struct groups *groups = arg;
	struct group *list = realloc(groups->list, (groups->count + 1) * sizeof *list);
	if (!list) {
		groups->err = SFS_ERR_NO_MEMORY;
		return 1;
	}
	groups->list = list;
	struct group *group = &list[groups->count];
	*group = (struct group){ .class_id = referrer->class_id, .relation = SFS_BUF_INIT };
	groups->err = sfs_buf_append(&group->relation, referrer->relation.data,
				     referrer->relation.len);
	uint64_t hash = fs_name_hash(referrer->relation, referrer->class_id);
	group->cookie = 3 + (hash >> 3);
	groups->count += !groups->err;
	return 1;
}

/** All of them: from each only the first referrer is asked for. */
static int collect(struct fs *fs, const struct fs_view *object, struct groups *ret)
{
	int err;
	do {
		struct sfs_referrer after = { .ino = UINT64_MAX };
		size_t before = ret->count;
		if (before) {
			after.class_id = ret->list[before - 1].class_id;
			after.relation = sfs_buf_span(&ret->list[before - 1].relation);
		}
		err = sfs_referrers_list(fs->store, object->class_id, object->id,
					 before ? &after : NULL, 1, take_group, ret);
		if (err == SFS_ERR_CANCELLED)
			err = ret->err;
		if (ret->count == before)
			break;
	} while (!err);
	return err;
}

static void groups_fini(struct groups *groups)
{
	for (size_t i = 0; i < groups->count; i++)
		sfs_buf_fini(&groups->list[i].relation);
	free(groups->list);
}

static int compare_groups(const void *a, const void *b)
{
	const struct group *one = a, *other = b;
	return (one->cookie > other->cookie) - (one->cookie < other->cookie);
}

/** "Comment.parent", escaped. */
static int name_group(struct fs *fs, const struct group *group, char ret[SFS_NAME_MAX + 1])
{
	struct sfs_class_info info;
	struct sfs_buf text = SFS_BUF_INIT;
	int err = sfs_class_get(fs->store, group->class_id, &info);
	if (!err)
		err = sfs_buf_printf(&text, "%s.", info.name);
	if (!err)
		err = sfs_buf_append(&text, group->relation.data, group->relation.len);
	if (!err)
		fs_name_make_field(sfs_buf_span(&text), ret);
	sfs_buf_fini(&text);
	return err;
}

static int referrers_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct groups groups = { .count = 0 };
	int err = dir_attr(fs, view->parent, ret);
	if (!err)
		err = collect(fs, view->parent, &groups);
	ret->nlink += (uint32_t)groups.count;
	groups_fini(&groups);
	return err;
}

static int referrers_list(struct fs *fs, const struct fs_view *dir, uint64_t after,
			  fs_view_list_fn *fn, void *arg)
{
	struct groups groups = { .count = 0 };
	int err = collect(fs, dir->parent, &groups);
	bool stop = err < 0;
	if (groups.count)
		qsort(groups.list, groups.count, sizeof *groups.list, compare_groups);
	for (size_t i = 0; i < groups.count && !stop; i++) {
		const struct group *group = &groups.list[i];
		struct sfs_buf id = SFS_BUF_INIT;
		char name[SFS_NAME_MAX + 1];
		if (group->cookie > after && name_group(fs, group, name) == 0 &&
		    put_id(group->class_id, sfs_buf_span(&group->relation), &id) == 0)
			stop = fn(arg, name, S_IFDIR,
				  fs_view_number(dir->number, &group_ops, sfs_buf_span(&id)),
				  group->cookie);
		sfs_buf_fini(&id);
	}
	groups_fini(&groups);
	return err;
}

struct declared {
	struct sfs_span name;
	bool found;
};

static int compare_relation(void *arg, const struct sfs_relation_info *info)
{
	struct declared *declared = arg;
	declared->found = sfs_span_equal(info->name, declared->name);
	return declared->found;
}

/** "CLASS.RELATION" divided at a dot. Both may have others. */
static int find_group(struct fs *fs, struct sfs_span class_name, struct sfs_span relation,
		      struct fs_view_spec *ret)
{
	struct declared declared = { .name = relation };
	struct sfs_class_info info;
	if (sfs_class_find(fs->store, class_name, &info) < 0)
		return SFS_ERR_NOT_FOUND;
	int err = sfs_relation_list(fs->store, info.id, compare_relation, &declared);
	if (!declared.found)
		return err == SFS_ERR_CANCELLED || !err ? SFS_ERR_NOT_FOUND : err;
	ret->ops = &group_ops;
	return put_id(info.id, declared.name, &ret->id);
}

/** A class and one of its relations, whether or not somebody refers through it. */
static int referrers_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
			  struct fs_view_spec *ret)
{
	unsigned char text[SFS_NAME_MAX];
	size_t len;
	int err = SFS_ERR_NOT_FOUND;
	(void)dir;
	if (!fs_name_parse_field(name, text, &len))
		return SFS_ERR_NOT_FOUND;
	for (size_t i = 0; i < len && err == SFS_ERR_NOT_FOUND; i++)
		if (text[i] == '.')
			err = find_group(fs, (struct sfs_span){ text, i },
					 (struct sfs_span){ text + i + 1, len - i - 1 }, ret);
	return err;
}

const struct fs_view_ops fs_referrers_ops = {
	.kind = "referrers",
	.type = S_IFDIR,
	.attr = referrers_attr,
	.find = referrers_find,
	.list = referrers_list,
};

/* --- .referrers/Comment.parent --- */

static int group_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_class_info info;
	int err = sfs_class_get(fs->store, class_of(view), &info);
	return err < 0 ? err : dir_attr(fs, view->parent->parent, ret);
}

static int group_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		      struct fs_view_spec *ret)
{
	struct fs_name parsed;
	struct sfs_class_info info;
	const struct fs_view *object = dir->parent->parent;
	fs_name_parse(name, &parsed);
	if (!parsed.object || sfs_class_get(fs->store, class_of(dir), &info) < 0)
		return SFS_ERR_NOT_FOUND;
	const struct sfs_span oid = { parsed.oid, parsed.oid_len };
	const struct sfs_relation relation = { info.id, oid, relation_of(dir) };
	const struct sfs_target target = { object->class_id, object->id };
	int err = sfs_relation_has(fs->store, &relation, &target);
	if (err == SFS_ERR_INVALID)
		err = SFS_ERR_NOT_FOUND;
	return err < 0 ? err : fs_relation_link(fs, info.name, true, oid, oid, depth_of(dir), ret);
}

struct listing {
	struct fs *fs;
	const struct fs_view *dir;
	struct sfs_class_info info;
	fs_view_list_fn *fn;
	void *arg;
	int err;
};

static int list_referrer(void *arg, const struct sfs_referrer *referrer)
{
	struct listing *listing = arg;
	struct fs_view_spec spec = { .id = SFS_BUF_INIT };
	char name[SFS_NAME_MAX + 1];
	fs_name_make(referrer->oid, listing->fs->options->format, name);
	listing->err = fs_relation_link(listing->fs, listing->info.name, true, referrer->oid,
					referrer->oid, depth_of(listing->dir), &spec);
	uint64_t number = fs_view_number(listing->dir->number, &fs_relation_link_ops,
					 sfs_buf_span(&spec.id));
	int stop = listing->err || listing->fn(listing->arg, name, S_IFLNK, number,
					       (referrer->ino & SERIAL_MASK) + 3);
	sfs_buf_fini(&spec.id);
	return stop;
}

static int group_list(struct fs *fs, const struct fs_view *dir, uint64_t after, fs_view_list_fn *fn,
		      void *arg)
{
	struct listing listing = { .fs = fs, .dir = dir, .fn = fn, .arg = arg };
	const struct fs_view *object = dir->parent->parent;
	uint32_t class_id = class_of(dir);
	int err = sfs_class_get(fs->store, class_id, &listing.info);
	if (!err)
		err = sfs_referrers_of(fs->store, object->class_id, object->id, class_id,
				       relation_of(dir),
				       after > 3 ? sfs_ino_make(class_id, after - 3) : 0, 0,
				       list_referrer, &listing);
	if (err == SFS_ERR_CANCELLED)
		err = listing.err;
	return err;
}

static const struct fs_view_ops group_ops = {
	.kind = "referrers of a relation",
	.type = S_IFDIR,
	.attr = group_attr,
	.find = group_find,
	.list = group_list,
};
