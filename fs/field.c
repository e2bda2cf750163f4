/*
 * Fields: CLASS/42/ and the files in it. See field.h; what a text that is saved means is the engine's
 * business (storefs/field.h).
 */
#include "field.h"
#include <stdio.h>
#include "fs_errno.h"
#include "name.h"
#include "object_xattr.h"
#include "place.h"
#include "refusal.h"
#include "relation.h"
#include "scratch.h"

/*
 * Cookies: properties (that of the engine / 2), then relations (2^61 and a number), then scratch files
 * (2^61, 2^60 and a serial).
 */
#define COOKIE_RELATIONS ((uint64_t)1 << 61)
#define COOKIE_SCRATCH (COOKIE_RELATIONS | (uint64_t)1 << 60)

/* --- where they begin --- */

int fs_field_begin(struct fs *fs, uint64_t dir, struct sfs_span name, struct fs_view_spec *ret)
{
	struct fs_place place;
	struct sfs_class_info info;
	struct sfs_attr attr;
	char file[SFS_NAME_MAX + 1];
	int len = snprintf(file, sizeof file, "%.*s.json", (int)name.len, (const char *)name.data);
	if (len < 0 || (size_t)len >= sizeof file)
		return SFS_ERR_NOT_FOUND;
	int err = sfs_class_get(fs->store, sfs_ino_class(fs_node_ino(dir)), &info);
	if (err < 0 || info.kind != SFS_CLASS_OBJECT)
		return SFS_ERR_NOT_FOUND;
	err = fs_place_resolve(fs, dir, file, &place);
	if (!err && place.kind != FS_PLACE_OBJECT)
		err = SFS_ERR_NOT_FOUND;
	if (!err)
		err = sfs_object_find(fs->store, info.id, fs_place_oid(&place), &attr);
	if (err < 0)
		return err;
	ret->ops = &fs_object_view_ops;
	ret->class_id = info.id;
	fs_name_make_stem(fs_place_oid(&place), ret->name);
	return sfs_buf_append(&ret->id, place.oid, place.oid_len);
}

/* --- attributes --- */

/** Who may read may also go in. */
static uint32_t dir_mode(uint32_t mode)
{
	return (mode & 0777) | (mode & 0444) >> 2;
}

static void take_object(const struct sfs_attr *object, struct sfs_attr *ret)
{
	ret->mode = object->mode & 0666;
	ret->uid = object->uid;
	ret->gid = object->gid;
	ret->atime_ns = ret->mtime_ns = object->mtime_ns;
	ret->ctime_ns = object->ctime_ns;
}

static int object_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_attr attr;
	int err = sfs_object_find(fs->store, view->class_id, view->id, &attr);
	if (err < 0)
		return err;
	take_object(&attr, ret);
	ret->mode = dir_mode(attr.mode);
	ret->nlink = 2 + fs_relation_dirs(fs, view);
	return 0;
}

static int field_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	const struct sfs_field_of of = fs_field_of(view);
	struct sfs_field field;
	int err = sfs_field_stat(fs->store, &of, &field);
	if (err < 0)
		return err;
	take_object(&field.attr, ret);
	ret->size = field.size;
	ret->atime_ns = ret->mtime_ns = field.updated_ns;
	return 0;
}

/** A property that was not saved yet: as old as its object. */
static int field_newborn(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_attr attr;
	int err = sfs_object_find(fs->store, view->class_id, view->parent->id, &attr);
	if (!err)
		take_object(&attr, ret);
	return err;
}

/** Mode and owner are the object's, times are when something changed. */
static int check_set(const struct sfs_setattr *set, const struct sfs_attr *now)
{
	return fs_view_owner(set, now,
			     "a field has the mode and the owner of its object: change those of "
			     "the document");
}

static int object_set(struct fs *fs, const struct fs_view *view, const struct sfs_setattr *set)
{
	struct sfs_attr now = { .mode = 0 };
	int err = object_attr(fs, view, &now);
	return err < 0 ? err : check_set(set, &now);
}

static int object_xattr(struct fs *fs, const struct fs_view *view, const char *name,
			struct sfs_buf *ret)
{
	return fs_object_xattr(fs, view->class_id, view->id, name, ret);
}

static int field_xattr(struct fs *fs, const struct fs_view *view, const char *name,
		       struct sfs_buf *ret)
{
	const struct sfs_field_of of = fs_field_of(view);
	char stamp[SFS_STAMP_SIZE];
	int64_t updated_ns;
	if (strcmp(name, "user.storefs.updated") != 0)
		return SFS_ERR_NOT_FOUND;
	int err = sfs_object_updated(fs->store, &of, &updated_ns);
	return err < 0 ? err : sfs_buf_printf(ret, "%s", sfs_stamp_text(updated_ns, stamp));
}

/* --- names --- */

struct search {
	struct sfs_span name;
	struct fs_view_spec *ret;
	int err;
};

static int compare(void *arg, struct sfs_span name, const struct sfs_field *field, uint64_t cookie)
{
	struct search *search = arg;
	char file[SFS_NAME_MAX + 1];
	(void)field;
	(void)cookie;
	size_t len = fs_name_make_field(name, file);
	if (!sfs_span_equal((struct sfs_span){ file, len }, search->name))
		return 0;
	search->err = sfs_buf_append(&search->ret->id, name.data, name.len);
	return 1;
}

/** The property that a shortened name stands for. */
static int find_long(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		     struct fs_view_spec *ret)
{
	struct search search = { .name = name, .ret = ret };
	int err = sfs_field_list(fs->store, dir->class_id, dir->id, 0, compare, &search);
	if (err == SFS_ERR_CANCELLED)
		return search.err;
	return err < 0 ? err : SFS_ERR_NOT_FOUND;
}

/** Fill in the property that a file name means, whether or not there is one. */
int fs_field_name(struct sfs_span name, struct fs_view_spec *ret)
{
	unsigned char property[SFS_NAME_MAX];
	size_t len;
	if (!fs_name_parse_field(name, property, &len))
		return SFS_ERR_NOT_FOUND;
	return sfs_buf_append(&ret->id, property, len);
}

/** The property or relation of a name. */
int fs_field_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		  struct fs_view_spec *ret)
{
	struct sfs_field field;
	struct sfs_buf property = SFS_BUF_INIT;
	int err = fs_field_name(name, ret);
	if (err < 0)
		return err;
	if (fs_relation_is(fs, dir, sfs_buf_span(&ret->id))) {
		property = sfs_buf_take(&ret->id);
		err = fs_relation_find(fs, dir, sfs_buf_span(&property), ret);
		sfs_buf_fini(&property);
		return err;
	}
	const struct sfs_field_of of = { dir->class_id, dir->id, sfs_buf_span(&ret->id) };
	err = sfs_field_stat(fs->store, &of, &field);
	if (err == SFS_ERR_NOT_FOUND && fs_name_is_hashed(name)) {
		ret->id.len = 0;
		err = find_long(fs, dir, name, ret);
	}
	if (!err)
		ret->ops = &fs_field_view_ops;
	return err;
}

static int object_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		       struct fs_view_spec *ret)
{
	if (sfs_span_equal(name, sfs_span_str(FS_REFERRERS_NAME))) {
		ret->ops = &fs_referrers_ops;
		return 0;
	}
	int err = fs_field_find(fs, dir, name, ret);
	return err == SFS_ERR_NOT_FOUND ? fs_scratch_find(fs, dir, name, ret) : err;
}

struct listing {
	const struct fs_view *dir;
	fs_view_list_fn *fn;
	void *arg;
};

static int list_field(void *arg, struct sfs_span name, const struct sfs_field *field,
		      uint64_t cookie)
{
	const struct listing *listing = arg;
	char file[SFS_NAME_MAX + 1];
	/* A property without a name has no file; relations are listed by themselves. */
	if (field->relation || fs_name_make_field(name, file) == 0)
		return 0;
	uint64_t number = fs_view_number(listing->dir->number, &fs_field_view_ops, name);
	return listing->fn(listing->arg, file, S_IFREG, number, cookie >> 1);
}

static int object_list(struct fs *fs, const struct fs_view *dir, uint64_t after,
		       fs_view_list_fn *fn, void *arg)
{
	struct listing listing = { dir, fn, arg };
	int err = 0;
	if (after < COOKIE_RELATIONS)
		err = sfs_field_list(fs->store, dir->class_id, dir->id,
				     after <= 2 ? 0 : after << 1 | 1, list_field, &listing);
	if (!err && after < COOKIE_SCRATCH)
		err = fs_relation_list(fs, dir, after, COOKIE_RELATIONS, fn, arg);
	if (!err)
		err = fs_scratch_list(fs, dir, after, COOKIE_SCRATCH, fn, arg);
	return err == SFS_ERR_CANCELLED ? 0 : err;
}

/* --- saving --- */

/** Where a refused text is kept: a scratch file beside the field. */
static bool rejected_name(const struct fs_view *view, char ret[SFS_NAME_MAX + 1])
{
	int len = snprintf(ret, SFS_NAME_MAX + 1, ".%s.rejected", view->name);
	return len > 0 && len <= SFS_NAME_MAX;
}

static void keep_text(struct fs *fs, const struct fs_view *dir, const char *file,
		      struct sfs_span text)
{
	if (text.len && fs_scratch_put(fs, dir, sfs_span_str(file), text) < 0)
		fs_log(LOG_ERR, "a refused text of a field could not be kept");
}

/** One save, whatever led to it. @dir  the object. */
int fs_field_put(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		 struct sfs_span text, unsigned flags)
{
	const struct sfs_field_put put = {
		.of = { dir->class_id, dir->id, name },
		.text = text,
		.flags = flags,
	};
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfs_field_put(fs->store, &put, NULL, &diag);
	if (diag.text[0])
		fs_refusal_diag(&diag);
	/* Saved with a remark: the line says so, and nothing failed. */
	if (!err && diag.text[0])
		fs_refusal_add(fs, 0);
	return err;
}

static bool is_refused(int err)
{
	return err == SFS_ERR_BAD_DOCUMENT || err == SFS_ERR_LIMIT || err == SFS_ERR_NO_SPACE ||
	       err == SFS_ERR_IO;
}

/** An empty text that is none: the property stays as it was, or is not made. */
static int emptied(struct fs *fs, const struct fs_view_save *save)
{
	if (save->created)
		return SFS_ERR_BAD_DOCUMENT;
	fs_refusal_because("it was closed while it was empty, which is no value of its type: the "
			   "property stayed as it was (rm removes it)");
	fs_refusal_add(fs, 0);
	return 0;
}

static int field_save(struct fs *fs, const struct fs_view *view, const struct fs_view_save *save)
{
	char rejected[SFS_NAME_MAX + 1];
	bool named = rejected_name(view, rejected);
	int err = fs_field_put(fs, view->parent, view->id, save->text,
			       save->created ? 0 : SFS_PUT_UPDATE);
	/* It was removed while it was open. */
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	if (err == SFS_ERR_BAD_DOCUMENT && save->text.len == 0)
		return emptied(fs, save);
	if (!err && named)
		fs_scratch_remove(fs, view->parent, sfs_span_str(rejected));
	else if (named && is_refused(err))
		keep_text(fs, view->parent, rejected, save->text);
	return err;
}

static int field_text(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret)
{
	const struct sfs_field_of of = fs_field_of(view);
	return sfs_field_get(fs->store, &of, SFS_FIELD_TEXT, ret);
}

/** truncate(2) by name: read, cut, save. */
static int resize(struct fs *fs, const struct fs_view *view, uint64_t size)
{
	struct sfs_buf text = SFS_BUF_INIT;
	int err = size > SFS_DOCUMENT_MAX ? SFS_ERR_LIMIT : field_text(fs, view, &text);
	if (!err && text.len != size) {
		err = sfs_buf_resize(&text, (size_t)size);
		if (!err)
			err = fs_field_put(fs, view->parent, view->id, sfs_buf_span(&text),
					   SFS_PUT_UPDATE);
	}
	sfs_buf_fini(&text);
	return err;
}

static int field_set(struct fs *fs, const struct fs_view *view, const struct sfs_setattr *set)
{
	struct sfs_attr now = { .mode = 0 };
	uint64_t size;
	int err = field_attr(fs, view, &now);
	/* Open for writing and not saved yet. */
	if (err == SFS_ERR_NOT_FOUND)
		err = field_newborn(fs, view, &now);
	/* Who saves a file sets its mode and owner meanwhile: they are part of that. */
	if (!err && !fs_view_draft_size(fs, view, 0, &size))
		err = check_set(set, &now);
	if (!err && (set->mask & SFS_SET_SIZE))
		err = resize(fs, view, set->size);
	return err;
}

/* --- making, removing, renaming --- */

static int create_scratch(struct fs *fs, const struct fs_view *dir, const struct fs_view_make *make,
			  struct fs_view_spec *ret)
{
	int err = fs_scratch_create(fs, dir, make);
	ret->ops = &fs_scratch_view_ops;
	ret->id.len = 0;
	return err < 0 ? err : sfs_buf_append(&ret->id, make->name.data, make->name.len);
}

static int object_create(struct fs *fs, const struct fs_view *dir, const struct fs_view_make *make,
			 struct fs_view_spec *ret)
{
	struct sfs_attr attr;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = object_find(fs, dir, make->name, ret);
	ret->id.len = 0;
	if (!err)
		return SFS_ERR_EXISTS;
	if (err != SFS_ERR_NOT_FOUND)
		return err;
	/* vim asks like this whether it may rename files here; it shall write them in place. */
	if (make->exclusive && sfs_span_equal(make->name, sfs_span_str("4913")))
		return SFS_ERR_UNSUPPORTED;
	err = sfs_object_find(fs->store, dir->class_id, dir->id, &attr);
	if (err < 0)
		return err;
	err = fs_field_name(make->name, ret);
	bool declared = !err &&
			sfs_field_is_declared(fs->store, dir->class_id, sfs_buf_span(&ret->id));
	if (fs_scratch_is(make, declared))
		return create_scratch(fs, dir, make, ret);
	ret->ops = &fs_field_view_ops;
	if (!err && fs_relation_is(fs, dir, sfs_buf_span(&ret->id))) {
		fs_refusal_because("this is a relation: ln -s makes it lead to an object");
		return SFS_ERR_WRONG_KIND;
	}
	if (!err)
		err = sfs_field_name_check(sfs_buf_span(&ret->id), &diag);
	if (diag.text[0])
		fs_refusal_diag(&diag);
	return err;
}

/** The relation that a file name means, if the class declares one. False: it does not. */
bool fs_field_name_relation(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
			    struct fs_view_spec *ret)
{
	return fs_field_name(name, ret) == 0 && fs_relation_is(fs, dir, sfs_buf_span(&ret->id));
}

/** A symlink: a relation to one gets its target. */
static int object_symlink(struct fs *fs, const struct fs_view *dir, const struct fs_view_make *make)
{
	struct fs_view_spec spec = { .id = SFS_BUF_INIT };
	int err = SFS_ERR_READ_ONLY;
	bool relation = fs_field_name_relation(fs, dir, make->name, &spec);
	if (relation)
		err = fs_relation_set(fs, dir, sfs_buf_span(&spec.id), make->target, false);
	sfs_buf_fini(&spec.id);
	if (relation)
		return err == SFS_ERR_IS_DIR ? SFS_ERR_EXISTS : err;
	if (fs_scratch_is(make, false))
		return fs_scratch_create(fs, dir, make);
	fs_refusal_because(
		"the class declares no relation of this name, and a property is no link");
	return SFS_ERR_READ_ONLY;
}

static int object_unlink(struct fs *fs, const struct fs_view *dir, struct sfs_span name)
{
	struct fs_view_spec spec = { .id = SFS_BUF_INIT };
	if (fs_field_name_relation(fs, dir, name, &spec)) {
		int removed = fs_relation_unlink(fs, dir, sfs_buf_span(&spec.id));
		sfs_buf_fini(&spec.id);
		return removed;
	}
	spec.id.len = 0;
	int err = fs_field_find(fs, dir, name, &spec);
	if (err == SFS_ERR_NOT_FOUND) {
		err = fs_scratch_remove(fs, dir, name);
	} else if (!err) {
		const struct sfs_field_of of = { dir->class_id, dir->id, sfs_buf_span(&spec.id) };
		err = sfs_field_remove(fs->store, &of);
	}
	sfs_buf_fini(&spec.id);
	return err;
}

const struct fs_view_ops fs_object_view_ops = {
	.kind = "object",
	.type = S_IFDIR,
	.is_object = true,
	.attr = object_attr,
	.set = object_set,
	.xattr = object_xattr,
	.find = object_find,
	.list = object_list,
	.create = object_create,
	.symlink = object_symlink,
	.unlink = object_unlink,
	.rename = fs_field_rename,
};

const struct fs_view_ops fs_field_view_ops = {
	.kind = "field",
	.type = S_IFREG,
	.attr = field_attr,
	.set = field_set,
	.xattr = field_xattr,
	.text = field_text,
	.save = field_save,
	.newborn = field_newborn,
};
