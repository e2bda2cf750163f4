/*
 * Relations as symlinks: see relation.h. References back are referrers.c's.
 */
#include "relation.h"
#include <stdio.h>
#include <storefs/field.h>
#include <storefs/relation.h>
#include "class_name.h"
#include "name.h"
#include "path.h"
#include "refusal.h"
#include "scratch.h"

/** Cookie of scratch files in a directory of targets. */
#define COOKIE_SCRATCH ((uint64_t)1 << 61)

static const struct fs_view_ops targets_ops;

/* --- what the class declares --- */

/** A relation, copied. */
struct declared {
	struct sfs_span name;     /* what is looked for; NULL: any */
	uint32_t number, wanted;  /* of the relation in the definition */
	bool found, many, object; /* object: it leads to objects, not to raws */
	uint32_t class_id;
	char target[SFS_CLASS_NAME_MAX + 1];
	struct sfs_buf copy; /* of the name */
};

static int compare(void *arg, const struct sfs_relation_info *info)
{
	struct declared *declared = arg;
	bool same = declared->name.data ? sfs_span_equal(info->name, declared->name)
					: declared->number == declared->wanted;
	declared->number++;
	if (!same)
		return 0;
	size_t len = info->target.len < SFS_CLASS_NAME_MAX ? info->target.len : SFS_CLASS_NAME_MAX;
	declared->found = sfs_buf_append(&declared->copy, info->name.data, info->name.len) == 0;
	declared->many = info->many;
	declared->object = info->kind != SFS_CLASS_RAW;
	declared->class_id = info->target_class_id;
	memcpy(declared->target, info->target.data, len);
	declared->target[len] = '\0';
	return 1;
}

/** Look a relation up by name. End it with sfs_buf_fini(&ret->copy). */
static bool find_declared(struct fs *fs, uint32_t class_id, struct sfs_span name,
			  struct declared *ret)
{
	struct sfs_class_info info;
	*ret = (struct declared){ .name = name };
	int err = sfs_relation_list(fs->store, class_id, compare, ret);
	/* Links lead through the name that the class has now. */
	if (err == SFS_ERR_CANCELLED && ret->class_id &&
	    sfs_class_get(fs->store, ret->class_id, &info) == 0)
		memcpy(ret->target, info.name, sizeof info.name);
	return ret->found;
}

/** The same by number. */
static bool nth_declared(struct fs *fs, uint32_t class_id, uint32_t number, struct declared *ret)
{
	struct declared nth = { .wanted = number };
	bool found = sfs_relation_list(fs->store, class_id, compare, &nth) == SFS_ERR_CANCELLED &&
		     nth.found && find_declared(fs, class_id, sfs_buf_span(&nth.copy), ret);
	sfs_buf_fini(&nth.copy);
	return found;
}

bool fs_relation_is(struct fs *fs, const struct fs_view *object, struct sfs_span property)
{
	struct declared declared;
	bool found = find_declared(fs, object->class_id, property, &declared);
	sfs_buf_fini(&declared.copy);
	return found;
}

static int count_dirs(void *arg, const struct sfs_relation_info *info)
{
	*(uint32_t *)arg += info->many;
	return 0;
}

uint32_t fs_relation_dirs(struct fs *fs, const struct fs_view *object)
{
	uint32_t count = 0;
	int err = sfs_relation_list(fs->store, object->class_id, count_dirs, &count);
	return err < 0 ? 0 : count;
}

/** A relation of an object. */
static struct sfs_relation relation_of(const struct fs_view *object, struct sfs_span property)
{
	return (struct sfs_relation){ object->class_id, object->id, property };
}

/* --- symlinks --- */

int fs_relation_link(struct fs *fs, const char *class_name, bool object, struct sfs_span oid,
		     struct sfs_span key, unsigned depth, struct fs_view_spec *ret)
{
	char file[SFS_NAME_MAX + 1], class_file[SFS_NAME_MAX + 1];
	int err = sfs_buf_append(&ret->id, key.data, key.len);
	if (!err)
		err = sfs_buf_append(&ret->id, "", 1);
	for (unsigned i = 0; i < depth && !err; i++)
		err = sfs_buf_append(&ret->id, "../", 3);
	fs_class_name(class_name, class_file);
	if (!err)
		err = sfs_buf_printf(&ret->id, "%s/", class_file);
	/* A document may say anything: what leads out of the class is no path, but a strange name. */
	bool path = !object && fs_name_stays_below(oid);
	if (object)
		fs_name_make(oid, fs->options->format, file);
	else if (!path)
		fs_name_make_field(oid, file);
	if (!err)
		err = path ? sfs_buf_append(&ret->id, oid.data, oid.len)
			   : sfs_buf_printf(&ret->id, "%s", file);
	ret->ops = &fs_relation_link_ops;
	return err;
}

/** The two parts of a symlink's id. */
static void split_id(struct sfs_span id, struct sfs_span *ret_key, struct sfs_span *ret_text)
{
	const char *bytes = id.data, *end = memrchr(bytes, '\0', id.len);
	size_t len = end ? (size_t)(end - bytes) : 0;
	*ret_key = (struct sfs_span){ bytes, len };
	*ret_text = (struct sfs_span){ bytes + len + 1, id.len - len - 1 };
}

/**
 * Mode, owner and times of the object; times of the relation where there are some.
 * @many  NULL, or the directory of the relation, which is asked for each of its links: it keeps the time.
 */
int fs_relation_holder(struct fs *fs, const struct fs_view *object, struct sfs_attr *ret)
{
	struct sfs_class_info info;
	int err = sfs_class_get(fs->store, object->class_id, &info);
	if (err < 0)
		return err;
	return info.kind == SFS_CLASS_RAW ? sfs_raw_find_path(fs->store, info.id, object->id, ret)
					  : sfs_object_find(fs->store, info.id, object->id, ret);
}

static int object_attr(struct fs *fs, const struct fs_view *object, struct sfs_span property,
		       const struct fs_view *many, struct sfs_attr *ret)
{
	struct sfs_attr attr;
	const struct sfs_field_of of = { object->class_id, object->id, property };
	int64_t updated_ns;
	int err = fs_relation_holder(fs, object, &attr);
	if (err < 0)
		return err;
	ret->mode = attr.mode;
	ret->uid = attr.uid;
	ret->gid = attr.gid;
	ret->ctime_ns = attr.ctime_ns;
	ret->atime_ns = ret->mtime_ns = attr.mtime_ns;
	if (property.len == 0)
		return 0;
	if (!many || !fs_view_noted(fs, many, attr.revision, &updated_ns)) {
		err = sfs_object_updated(fs->store, &of, &updated_ns);
		if (err == SFS_ERR_NOT_FOUND)
			updated_ns = attr.mtime_ns;
		if (many && (!err || err == SFS_ERR_NOT_FOUND))
			fs_view_note(fs, many, attr.revision, updated_ns);
	}
	ret->atime_ns = ret->mtime_ns = err ? attr.mtime_ns : updated_ns;
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

static int link_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_span key, text, property = { "", 0 };
	const struct fs_view *object = view->parent, *many = NULL;
	split_id(view->id, &key, &text);
	if (object->ops->is_object) {
		property = key;
	} else if (object->ops == &targets_ops) {
		many = object;
		property = object->id;
	}
	while (!object->ops->is_object)
		object = object->parent;
	int err = object_attr(fs, object, property, many, ret);
	ret->mode = 0777;
	ret->size = text.len;
	return err;
}

static int link_text(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret)
{
	struct sfs_span key, text;
	(void)fs;
	split_id(view->id, &key, &text);
	return sfs_buf_append(ret, text.data, text.len);
}

/** Links have no attributes of their own; what programs set on one that they made is no error. */
static int link_set(struct fs *fs, const struct fs_view *view, const struct sfs_setattr *set)
{
	(void)fs;
	(void)view;
	return set->mask & (SFS_SET_MODE | SFS_SET_SIZE) ? SFS_ERR_READ_ONLY : 0;
}

const struct fs_view_ops fs_relation_link_ops = {
	.kind = "link",
	.type = S_IFLNK,
	.attr = link_attr,
	.set = link_set,
	.text = link_text,
};

/* --- where a link leads --- */

static const char wrong_class[] = "the relation leads to class %s, and this is none of its %s";

/** The target that a symlink means. ret->oid is the caller's. */
static int follow(struct fs *fs, const struct fs_view *dir, const struct declared *declared,
		  struct sfs_span text, struct fs_path_end *ret)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = fs_path_follow(fs, dir, text, ret, &diag);
	if (!err && (ret->class_id != declared->class_id || ret->object != declared->object))
		err = sfs_diag_set(&diag, SFS_ERR_INVALID, wrong_class, declared->target,
				   declared->object ? "objects" : "raws");
	if (diag.text[0])
		fs_refusal_diag(&diag);
	return err;
}

/** How a change of a relation ended. */
static int told(int err, const struct sfs_diag *diag)
{
	if (err < 0 && err != SFS_ERR_NOT_FOUND && err != SFS_ERR_EXISTS)
		fs_refusal_diag(diag);
	return err;
}

/* --- in the directory of the object --- */

static int find_single(struct fs *fs, const struct fs_view *object, const struct declared *declared,
		       struct fs_view_spec *ret)
{
	struct sfs_buf oid = SFS_BUF_INIT;
	struct sfs_span property = sfs_buf_span(&declared->copy);
	const struct sfs_relation relation = relation_of(object, property);
	int err = sfs_relation_one(fs->store, &relation, 0, &oid);
	ret->id.len = 0;
	if (!err)
		err = fs_relation_link(fs, declared->target, declared->object, sfs_buf_span(&oid),
				       property, 2, ret);
	sfs_buf_fini(&oid);
	return err;
}

int fs_relation_find(struct fs *fs, const struct fs_view *object, struct sfs_span property,
		     struct fs_view_spec *ret)
{
	struct declared declared;
	struct sfs_attr attr;
	int err = SFS_ERR_NOT_FOUND;
	if (find_declared(fs, object->class_id, property, &declared))
		err = declared.many
			      ? sfs_object_find(fs->store, object->class_id, object->id, &attr)
			      : find_single(fs, object, &declared, ret);
	if (!err && declared.many) {
		ret->ops = &targets_ops;
		ret->id.len = 0;
		err = sfs_buf_append(&ret->id, declared.copy.data, declared.copy.len);
	}
	sfs_buf_fini(&declared.copy);
	return err;
}

int fs_relation_list(struct fs *fs, const struct fs_view *object, uint64_t after, uint64_t base,
		     fs_view_list_fn *fn, void *arg)
{
	struct declared declared;
	uint32_t number = after > base ? (uint32_t)(after - base) : 0;
	int err = 0;
	for (; !err && nth_declared(fs, object->class_id, number, &declared); number++) {
		struct fs_view_spec spec = { .id = SFS_BUF_INIT };
		char file[SFS_NAME_MAX + 1];
		fs_name_make_field(sfs_buf_span(&declared.copy), file);
		err = fs_relation_find(fs, object, sfs_buf_span(&declared.copy), &spec);
		if (!err && fn(arg, file, spec.ops->type,
			       fs_view_number(object->number, spec.ops, sfs_buf_span(&spec.id)),
			       base + number + 1))
			err = SFS_ERR_CANCELLED;
		/* It leads to nothing. */
		if (err == SFS_ERR_NOT_FOUND)
			err = 0;
		sfs_buf_fini(&spec.id);
		sfs_buf_fini(&declared.copy);
	}
	return err;
}

/** @dir  the directory that the link is made in: it says what a relative path means. */
static int set_target(struct fs *fs, const struct fs_view *object, const struct fs_view *dir,
		      const struct declared *declared, struct sfs_span text, bool replace,
		      struct fs_path_end *end)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	const struct sfs_relation relation = relation_of(object, sfs_buf_span(&declared->copy));
	int err = follow(fs, dir, declared, text, end);
	if (err < 0)
		return err;
	const struct sfs_target target = { end->class_id, sfs_buf_span(&end->oid) };
	err = replace ? sfs_relation_set(fs->store, &relation, &target, 1, &diag)
		      : sfs_relation_add(fs->store, &relation, &target, &diag);
	return told(err, &diag);
}

int fs_relation_set(struct fs *fs, const struct fs_view *object, struct sfs_span property,
		    struct sfs_span target, bool replace)
{
	struct declared declared;
	struct fs_path_end end = { .oid = SFS_BUF_INIT };
	int err = SFS_ERR_NOT_FOUND;
	if (find_declared(fs, object->class_id, property, &declared))
		err = declared.many
			      ? SFS_ERR_IS_DIR
			      : set_target(fs, object, object, &declared, target, replace, &end);
	sfs_buf_fini(&end.oid);
	sfs_buf_fini(&declared.copy);
	return err;
}

int fs_relation_unlink(struct fs *fs, const struct fs_view *object, struct sfs_span property)
{
	struct declared declared;
	struct sfs_diag diag = SFS_DIAG_INIT;
	const struct sfs_relation relation = relation_of(object, property);
	int err = SFS_ERR_NOT_FOUND;
	bool found = find_declared(fs, object->class_id, property, &declared);
	if (found)
		err = declared.many ? SFS_ERR_IS_DIR
				    : sfs_relation_clear(fs->store, &relation, &diag);
	sfs_buf_fini(&declared.copy);
	return told(err, &diag);
}

/* --- the directory of a relation to many --- */

/** Name of a target's link; of a raw its path, escaped. */
static size_t name_target(struct fs *fs, const struct declared *declared, struct sfs_span oid,
			  char ret[SFS_NAME_MAX + 1])
{
	return declared->object ? fs_name_make(oid, fs->options->format, ret)
				: fs_name_make_field(oid, ret);
}

struct target_search {
	struct fs *fs;
	const struct declared *declared;
	struct sfs_span name;
	struct sfs_buf oid;
};

static int compare_target(void *arg, uint64_t index, struct sfs_span oid)
{
	struct target_search *search = arg;
	char name[SFS_NAME_MAX + 1];
	(void)index;
	size_t len = name_target(search->fs, search->declared, oid, name);
	if (!sfs_span_equal((struct sfs_span){ name, len }, search->name))
		return 0;
	return sfs_buf_append(&search->oid, oid.data, oid.len) == 0;
}

/** What a name means as it stands, whether or not it is a target. False: nothing. */
static bool parse_target(const struct declared *declared, struct sfs_span name, struct sfs_buf *ret)
{
	struct fs_name parsed;
	unsigned char path[SFS_NAME_MAX];
	size_t len;
	if (!declared->object)
		return fs_name_parse_field(name, path, &len) && sfs_buf_append(ret, path, len) == 0;
	fs_name_parse(name, &parsed);
	return parsed.object && sfs_buf_append(ret, parsed.oid, parsed.oid_len) == 0;
}

static int is_there(void *arg, const struct sfs_referrer *referrer)
{
	uint64_t *ino = arg;
	if (referrer->ino == *ino)
		*ino = 0;
	return 1;
}

/** Is it a target? References back know without looking at all the others. */
static int has_target(struct fs *fs, const struct fs_view *dir, const struct declared *declared,
		      struct sfs_span oid)
{
	struct sfs_attr attr;
	int err = sfs_object_find(fs->store, dir->class_id, dir->parent->id, &attr);
	uint64_t ino = err ? 0 : attr.ino;
	if (!err && declared->class_id)
		err = sfs_referrers_of(fs->store, declared->class_id, oid, dir->class_id, dir->id,
				       attr.ino - 1, 1, is_there, &ino);
	if (err < 0 && err != SFS_ERR_CANCELLED)
		return err;
	if (ino == 0)
		return 0;
	const struct sfs_relation relation = relation_of(dir->parent, dir->id);
	const struct sfs_target target = { 0, oid };
	return sfs_relation_has(fs->store, &relation, &target);
}

/** The oid of the target that a name stands for. SFS_ERR_NOT_FOUND. */
static int find_target(struct fs *fs, const struct fs_view *dir, const struct declared *declared,
		       struct sfs_span name, struct sfs_buf *ret)
{
	struct target_search search = { fs, declared, name, SFS_BUF_INIT };
	int err = SFS_ERR_NOT_FOUND;
	if (parse_target(declared, name, ret))
		err = has_target(fs, dir, declared, sfs_buf_span(ret));
	if (err != SFS_ERR_NOT_FOUND || name.len < SFS_NAME_MAX - 32)
		return err;
	/* A shortened name. */
	const struct sfs_relation relation = relation_of(dir->parent, dir->id);
	err = sfs_relation_get(fs->store, &relation, 0, 0, compare_target, &search);
	sfs_buf_fini(ret);
	*ret = sfs_buf_take(&search.oid);
	return err == SFS_ERR_CANCELLED ? 0 : err ? err : SFS_ERR_NOT_FOUND;
}

static int targets_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
			struct fs_view_spec *ret)
{
	struct declared declared;
	struct sfs_buf oid = SFS_BUF_INIT;
	int err = SFS_ERR_NOT_FOUND;
	if (find_declared(fs, dir->class_id, dir->id, &declared))
		err = find_target(fs, dir, &declared, name, &oid);
	if (!err)
		err = fs_relation_link(fs, declared.target, declared.object, sfs_buf_span(&oid),
				       sfs_buf_span(&oid), 3, ret);
	sfs_buf_fini(&oid);
	sfs_buf_fini(&declared.copy);
	return err == SFS_ERR_NOT_FOUND ? fs_scratch_find(fs, dir, name, ret) : err;
}

struct targets_listing {
	struct fs *fs;
	const struct fs_view *dir;
	const struct declared *declared;
	fs_view_list_fn *fn;
	void *arg;
	int err;
};

static int list_target(void *arg, uint64_t index, struct sfs_span oid)
{
	struct targets_listing *listing = arg;
	struct fs_view_spec spec = { .id = SFS_BUF_INIT };
	char name[SFS_NAME_MAX + 1];
	name_target(listing->fs, listing->declared, oid, name);
	listing->err = fs_relation_link(listing->fs, listing->declared->target,
					listing->declared->object, oid, oid, 3, &spec);
	uint64_t number = fs_view_number(listing->dir->number, &fs_relation_link_ops,
					 sfs_buf_span(&spec.id));
	int stop = listing->err || listing->fn(listing->arg, name, S_IFLNK, number, index + 3);
	sfs_buf_fini(&spec.id);
	return stop;
}

/** In the order of the relation; collected at once by who lists, as places move when others go. */
static int targets_list(struct fs *fs, const struct fs_view *dir, uint64_t after,
			fs_view_list_fn *fn, void *arg)
{
	struct declared declared;
	struct targets_listing listing = { fs, dir, &declared, fn, arg, 0 };
	const struct sfs_relation relation = relation_of(dir->parent, dir->id);
	int err = 0;
	if (find_declared(fs, dir->class_id, dir->id, &declared) && after < COOKIE_SCRATCH)
		err = sfs_relation_get(fs->store, &relation, after > 2 ? after - 2 : 0, 0,
				       list_target, &listing);
	sfs_buf_fini(&declared.copy);
	if (listing.err < 0)
		err = listing.err;
	if (!err)
		err = fs_scratch_list(fs, dir, after, COOKIE_SCRATCH, fn, arg);
	return err == SFS_ERR_CANCELLED ? 0 : err;
}

static int targets_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	int err = object_attr(fs, view->parent, view->id, view, ret);
	if (!err && !fs_relation_is(fs, view->parent, view->id))
		err = SFS_ERR_NOT_FOUND;
	ret->mode = (ret->mode & 0777) | (ret->mode & 0444) >> 2;
	ret->nlink = 2;
	return err;
}

/** A link is called as its target. @end  what it leads to. */
static int check_name(struct fs *fs, const struct declared *declared, struct sfs_span name,
		      const struct fs_path_end *end)
{
	char wanted[SFS_NAME_MAX + 1], why[SFS_NAME_MAX + 64];
	struct sfs_buf oid = SFS_BUF_INIT;
	size_t len = name_target(fs, declared, sfs_buf_span(&end->oid), wanted);
	bool same = sfs_span_equal((struct sfs_span){ wanted, len }, name) ||
		    (parse_target(declared, name, &oid) &&
		     sfs_span_equal(sfs_buf_span(&oid), sfs_buf_span(&end->oid)));
	sfs_buf_fini(&oid);
	if (same)
		return 0;
	snprintf(why, sizeof why, "the link must be called as its target: %s", wanted);
	fs_refusal_because(why);
	return SFS_ERR_INVALID;
}

static int add_target(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		      struct sfs_span text)
{
	struct declared declared;
	struct fs_path_end end = { .oid = SFS_BUF_INIT };
	int err = SFS_ERR_NOT_FOUND;
	if (find_declared(fs, dir->class_id, dir->id, &declared)) {
		err = follow(fs, dir, &declared, text, &end);
		if (!err)
			err = check_name(fs, &declared, name, &end);
		end.oid.len = 0;
		if (!err)
			err = set_target(fs, dir->parent, dir, &declared, text, false, &end);
	}
	sfs_buf_fini(&end.oid);
	sfs_buf_fini(&declared.copy);
	return err;
}

static int targets_symlink(struct fs *fs, const struct fs_view *dir,
			   const struct fs_view_make *make)
{
	struct fs_view_spec spec = { .id = SFS_BUF_INIT };
	int err = targets_find(fs, dir, make->name, &spec);
	sfs_buf_fini(&spec.id);
	if (!err)
		return SFS_ERR_EXISTS;
	if (fs_scratch_is(make, false))
		return fs_scratch_create(fs, dir, make);
	return add_target(fs, dir, make->name, make->target);
}

static int targets_unlink(struct fs *fs, const struct fs_view *dir, struct sfs_span name)
{
	struct declared declared;
	struct sfs_buf oid = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	const struct sfs_relation relation = relation_of(dir->parent, dir->id);
	int err = SFS_ERR_NOT_FOUND;
	if (find_declared(fs, dir->class_id, dir->id, &declared))
		err = find_target(fs, dir, &declared, name, &oid);
	if (!err) {
		const struct sfs_target target = { 0, sfs_buf_span(&oid) };
		err = sfs_relation_remove(fs->store, &relation, &target, &diag);
		told(err, &diag);
	}
	sfs_buf_fini(&oid);
	sfs_buf_fini(&declared.copy);
	return err == SFS_ERR_NOT_FOUND ? fs_scratch_remove(fs, dir, name) : err;
}

/** ln -f makes a link under another name and renames it. */
static int targets_rename(struct fs *fs, const struct fs_view *dir, struct sfs_span from,
			  struct sfs_span to, unsigned flags)
{
	struct sfs_buf text = SFS_BUF_INIT;
	int err = flags & SFS_RENAME_EXCHANGE ? SFS_ERR_INVALID
					      : fs_scratch_get(fs, dir, from, &text);
	if (err == SFS_ERR_NOT_FOUND) {
		fs_refusal_because("a link is called as its target");
		err = SFS_ERR_WRONG_KIND;
	}
	if (!err)
		err = add_target(fs, dir, to, sfs_buf_span(&text));
	if (!err)
		err = fs_scratch_remove(fs, dir, from);
	sfs_buf_fini(&text);
	return err;
}

static const struct fs_view_ops targets_ops = {
	.kind = "relation",
	.type = S_IFDIR,
	.whole = true,
	.attr = targets_attr,
	.find = targets_find,
	.list = targets_list,
	.symlink = targets_symlink,
	.unlink = targets_unlink,
	.rename = targets_rename,
};
