/* Attributes user.storefs.* of objects: see object_xattr.h. */
#include "object_xattr.h"
#include <storefs/database.h>
#include <storefs/field.h>

#define UPDATED "updated"
#define UPDATED_OF "updated."

static int put_updated(struct fs *fs, const struct sfs_field_of *of, struct sfs_buf *ret)
{
	char stamp[SFS_STAMP_SIZE];
	int64_t updated_ns;
	int err = sfs_object_updated(fs->store, of, &updated_ns);
	return err < 0 ? err : sfs_buf_printf(ret, "%s", sfs_stamp_text(updated_ns, stamp));
}

static int put_type(struct fs *fs, uint32_t class_id, struct sfs_buf *ret)
{
	struct sfs_class_info info;
	int err = sfs_class_get(fs->store, class_id, &info);
	return err < 0 ? err : sfs_buf_printf(ret, "%s", info.type);
}

static int put_revision(const struct sfs_attr *attr, struct sfs_buf *ret)
{
	return sfs_buf_printf(ret, "%llu", (unsigned long long)attr->revision);
}

int fs_object_xattr(struct fs *fs, uint32_t class_id, struct sfs_span oid, const char *name,
		    struct sfs_buf *ret)
{
	struct sfs_attr attr;
	size_t reserved = sizeof FS_XATTR_RESERVED - 1;
	if (strncmp(name, FS_XATTR_RESERVED, reserved) != 0)
		return SFS_ERR_NOT_FOUND;
	const char *key = name + reserved;
	struct sfs_field_of of = { class_id, oid, sfs_span_str("oid") };
	int err = sfs_object_find(fs->store, class_id, oid, &attr);
	if (err < 0)
		return err;
	if (strcmp(key, "oid") == 0)
		return sfs_buf_append(ret, oid.data, oid.len);
	if (strcmp(key, "type") == 0)
		return put_type(fs, class_id, ret);
	if (strcmp(key, "revision") == 0)
		return put_revision(&attr, ret);
	if (strcmp(key, "model") == 0)
		return sfs_database_model(fs->store, attr.ino, ret);
	if (strncmp(key, UPDATED_OF, sizeof UPDATED_OF - 1) == 0)
		of.name = sfs_span_str(key + sizeof UPDATED_OF - 1);
	else if (strcmp(key, UPDATED) != 0)
		return SFS_ERR_NOT_FOUND;
	return put_updated(fs, &of, ret);
}

/** The model that a whole database is: a map of one key, {"__Name__": …}. */
static int put_root_model(struct fs *fs, uint32_t class_id, struct sfs_buf *ret)
{
	struct sfs_buf image = SFS_BUF_INIT;
	struct sfs_class_info info;
	int err = sfs_class_get(fs->store, class_id, &info);
	if (!err && info.objects != 1)
		err = SFS_ERR_NOT_FOUND;
	if (!err)
		err = sfs_database_image(fs->store, class_id, &image);
	if (!err)
		err = sfs_model_name(sfs_buf_span(&image), ret);
	sfs_buf_fini(&image);
	return err;
}

int fs_database_xattr(struct fs *fs, uint32_t class_id, const char *name, struct sfs_buf *ret)
{
	struct sfs_database_info info;
	const char *key = name + sizeof FS_XATTR_RESERVED - 1;
	int err = sfs_database_get(fs->store, class_id, &info);
	if (err < 0)
		return err;
	if (strcmp(key, "recovered_from") == 0 && info.recovered_from[0])
		return sfs_buf_printf(ret, "%s", info.recovered_from);
	if (strcmp(key, "conflict") == 0 && info.conflict[0])
		return sfs_buf_printf(ret, "%s", info.conflict);
	if (strcmp(key, "error") == 0 && info.fault)
		return sfs_buf_printf(ret, "%s", info.why);
	if (strcmp(key, "path") == 0)
		return sfs_database_path(fs->store, class_id, ret);
	if (strcmp(key, "model") == 0)
		return put_root_model(fs, class_id, ret);
	return SFS_ERR_NOT_FOUND;
}
