/*
 * Renames in CLASS/42/: a field under another name, a scratch file that is saved as a field, a link that
 * sets a relation. See field.h.
 */
#include "field.h"
#include "refusal.h"
#include "relation.h"
#include "scratch.h"

/** A scratch file is saved as a field, and is gone then. */
static int scratch_to_field(struct fs *fs, const struct fs_view *dir, struct sfs_span from,
			    struct sfs_span property, unsigned flags)
{
	struct sfs_buf text = SFS_BUF_INIT;
	int err = fs_scratch_latest(fs, dir, from, &text);
	if (!err)
		err = fs_field_put(fs, dir, property, sfs_buf_span(&text),
				   flags & SFS_RENAME_NOREPLACE ? SFS_PUT_CREATE : 0);
	if (!err)
		err = fs_scratch_remove(fs, dir, from);
	atomic_fetch_add(err == SFS_ERR_BAD_DOCUMENT ? &fs->refused : &fs->saves, 1);
	sfs_buf_fini(&text);
	return err;
}

/** What was written to a field and waits for its close goes with it under the new name. */
static int save_unsaved(struct fs *fs, const struct fs_view *dir, struct sfs_span property)
{
	struct sfs_buf text = SFS_BUF_INIT;
	int err = fs_view_unsaved_of(fs, dir, &fs_field_view_ops, property, &text);
	if (!err)
		err = fs_field_put(fs, dir, property, sfs_buf_span(&text), 0);
	sfs_buf_fini(&text);
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

static int field_to_field(struct fs *fs, const struct fs_view *dir, struct sfs_span from,
			  struct sfs_span to, unsigned flags)
{
	const struct sfs_field_of of = { dir->class_id, dir->id, from };
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = save_unsaved(fs, dir, from);
	if (err < 0)
		return err;
	err = sfs_field_rename(fs->store, &of, to, flags, &diag);
	if (err < 0 && err != SFS_ERR_NOT_FOUND && err != SFS_ERR_EXISTS)
		fs_refusal_diag(&diag);
	return err;
}

/** Would a new file of this name be a scratch file, whoever makes it? */
static bool is_scratch_name(struct sfs_span name)
{
	const struct fs_view_make make = { .name = name, .mode = 0666 };
	return fs_scratch_is(&make, false);
}

/** A link that ln -f made is renamed onto a relation: that leads where the link leads. */
static int link_to_relation(struct fs *fs, const struct fs_view *dir, struct sfs_span from,
			    struct sfs_span property)
{
	struct sfs_buf text = SFS_BUF_INIT;
	int err = fs_scratch_get(fs, dir, from, &text);
	if (!err)
		err = fs_relation_set(fs, dir, property, sfs_buf_span(&text), true);
	if (!err)
		err = fs_scratch_remove(fs, dir, from);
	sfs_buf_fini(&text);
	return err;
}

/** What a rename is about. */
enum side { SIDE_FIELD, SIDE_SCRATCH, SIDE_LINK, SIDE_RELATION };

/** What the new name is, or would be. @ret  the property or relation that it means. */
static int side_of_target(struct fs *fs, const struct fs_view *dir, struct sfs_span to,
			  struct fs_view_spec *ret, enum side *ret_side)
{
	int err = 0;
	*ret_side = SIDE_FIELD;
	if (fs_field_name_relation(fs, dir, to, ret)) {
		*ret_side = SIDE_RELATION;
		return 0;
	}
	ret->id.len = 0;
	if (fs_field_find(fs, dir, to, ret) == 0)
		return 0;
	ret->id.len = 0;
	if (is_scratch_name(to))
		*ret_side = SIDE_SCRATCH;
	else
		err = fs_field_name(to, ret);
	return err;
}

static int side_of_source(struct fs *fs, const struct fs_view *dir, struct sfs_span from,
			  struct fs_view_spec *ret, enum side *ret_side)
{
	int err = fs_object_view_ops.find(fs, dir, from, ret);
	*ret_side = SIDE_RELATION;
	if (!err && ret->ops == &fs_field_view_ops)
		*ret_side = SIDE_FIELD;
	else if (!err && ret->ops == &fs_scratch_view_ops)
		*ret_side = SIDE_SCRATCH;
	else if (!err && ret->ops == &fs_scratch_link_ops)
		*ret_side = SIDE_LINK;
	return err;
}

static int rename_sides(struct fs *fs, const struct fs_view *dir, struct sfs_span from,
			struct sfs_span to, unsigned flags)
{
	struct fs_view_spec source = { .id = SFS_BUF_INIT }, target = { .id = SFS_BUF_INIT };
	enum side was = SIDE_FIELD, is = SIDE_FIELD;
	int err = side_of_source(fs, dir, from, &source, &was);
	if (!err)
		err = side_of_target(fs, dir, to, &target, &is);
	struct sfs_span property = sfs_buf_span(&target.id);
	if (err < 0)
		;
	else if (was == SIDE_LINK && is == SIDE_RELATION)
		err = link_to_relation(fs, dir, from, property);
	else if ((was == SIDE_SCRATCH || was == SIDE_LINK) && is == SIDE_SCRATCH)
		err = fs_scratch_rename(fs, dir, from, to, flags);
	else if (was == SIDE_SCRATCH && is == SIDE_FIELD)
		err = scratch_to_field(fs, dir, from, property, flags);
	else if (was == SIDE_FIELD && is == SIDE_FIELD)
		err = field_to_field(fs, dir, sfs_buf_span(&source.id), property, flags);
	else
		err = SFS_ERR_WRONG_KIND;
	sfs_buf_fini(&source.id);
	sfs_buf_fini(&target.id);
	return err;
}

int fs_field_rename(struct fs *fs, const struct fs_view *dir, struct sfs_span from,
		    struct sfs_span to, unsigned flags)
{
	if (flags & SFS_RENAME_EXCHANGE)
		return SFS_ERR_INVALID;
	int err = rename_sides(fs, dir, from, to, flags);
	if (err == SFS_ERR_WRONG_KIND)
		fs_refusal_because("properties, relations and scratch files do not become each "
				   "other: copy it");
	return err;
}
