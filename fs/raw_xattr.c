/* Attributes user.storefs.* of raws: see raw_xattr.h. */
#include "raw_xattr.h"
#include <storefs/content.h>
#include <storefs/field.h>
#include "loop.h"

static int put_oid(struct fs *fs, uint64_t ino, struct sfs_buf *ret)
{
	return sfs_raw_path(fs->store, ino, ret);
}

static int put_type(struct fs *fs, uint64_t ino, struct sfs_buf *ret)
{
	struct sfs_class_info info;
	int err = sfs_class_get(fs->store, sfs_ino_class(ino), &info);
	return err < 0 ? err : sfs_buf_printf(ret, "%s", info.type);
}

static int put_time(int64_t ns, struct sfs_buf *ret)
{
	char stamp[SFS_STAMP_SIZE];
	return sfs_buf_printf(ret, "%s", ns ? sfs_stamp_text(ns, stamp) : "0");
}

static int put_updated(struct fs *fs, uint64_t ino, struct sfs_buf *ret)
{
	struct sfs_raw_updates updates;
	int err = sfs_raw_updated(fs->store, ino, &updates);
	return err < 0 ? err : put_time(updates.oid_ns, ret);
}

static int put_updated_data(struct fs *fs, uint64_t ino, struct sfs_buf *ret)
{
	struct sfs_raw_updates updates;
	int err = sfs_raw_updated(fs->store, ino, &updates);
	return err < 0 ? err : put_time(updates.data_ns, ret);
}

static int put_updated_meta(struct fs *fs, uint64_t ino, struct sfs_buf *ret)
{
	struct sfs_raw_updates updates;
	int err = sfs_raw_updated(fs->store, ino, &updates);
	return err < 0 ? err : put_time(updates.meta_ns, ret);
}

static int put_size(struct fs *fs, uint64_t ino, struct sfs_buf *ret)
{
	uint64_t size;
	int err = sfs_raw_size(fs->store, ino, &size);
	return err < 0 ? err : sfs_buf_printf(ret, "%llu", (unsigned long long)size);
}

static int put_hash(struct fs *fs, uint64_t ino, struct sfs_buf *ret)
{
	unsigned char hash[SFS_HASH_LEN];
	char text[SFS_HASH_SIZE];
	int err = sfs_raw_hash(fs->store, ino, hash);
	return err < 0 ? err : sfs_buf_printf(ret, "%s", sfs_hash_text(hash, text));
}

static int put_mime(struct fs *fs, uint64_t ino, struct sfs_buf *ret)
{
	return sfs_raw_mime(fs->store, ino, ret);
}

static int put_path(struct fs *fs, uint64_t ino, struct sfs_buf *ret)
{
	return sfs_raw_plain_path(fs->store, ino, ret);
}

static const struct {
	const char *key;
	int (*put)(struct fs *fs, uint64_t ino, struct sfs_buf *ret);
} attributes[] = {
	{ "oid", put_oid },
	{ "type", put_type },
	{ "updated", put_updated },
	{ "updated.data", put_updated_data },
	{ "updated.meta", put_updated_meta },
	{ "size", put_size },
	{ "xxh3", put_hash },
	{ "mime", put_mime },
	{ "path", put_path },
};

int fs_raw_xattr(struct fs *fs, uint64_t ino, const char *name, struct sfs_buf *ret)
{
	const char *key = name + sizeof FS_XATTR_RESERVED - 1;
	int err = SFS_ERR_NOT_FOUND;
	for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
		if (strcmp(key, attributes[i].key) != 0)
			continue;
		fs_loop_block_begin(fs->loop);
		err = attributes[i].put(fs, ino, ret);
		fs_loop_block_end(fs->loop);
	}
	/* A directory has no bytes: nothing is known of them. */
	return err == SFS_ERR_IS_DIR ? SFS_ERR_NOT_FOUND : err;
}
