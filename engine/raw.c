/*
 * Reading trees: find by name and path, attributes, listings, symlinks.
 */
#include <sys/stat.h>
#include "raw.h"
#include "backend/key.h"
#include "memo.h"
#include "trash.h"

int sfsi_name_check(struct sfs_span name)
{
	const char *text = name.data;
	if (name.len > SFS_NAME_MAX)
		return SFS_ERR_LIMIT;
	if (name.len == 0 || memchr(text, '/', name.len) || memchr(text, '\0', name.len))
		return SFS_ERR_NAME;
	bool dots = text[0] == '.' && (name.len == 1 || (name.len == 2 && text[1] == '.'));
	return dots ? SFS_ERR_NAME : 0;
}

static int read_inode(struct sfs_store *store, uint64_t ino, struct sfs_buf *buf,
		      struct sfsi_inode *ret)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'N', sfsi_ino_serial(ino));
	int err = sfsi_memo_get(store, sfs_ino_class(ino), sfsi_key_span(&key), buf);
	if (!err)
		err = sfsi_inode_decode(sfs_buf_span(buf), sfsi_ino_serial(ino), ret);
	if (!err && ret->type == SFS_NODE_OBJECT)
		err = SFS_ERR_NOT_FOUND;
	return err;
}

int sfsi_inode_attr(struct sfs_store *store, uint32_t class_id, const struct sfsi_inode *inode,
		    struct sfs_attr *ret)
{
	*ret = (struct sfs_attr){
		.ino = sfs_ino_make(class_id, inode->serial),
		.number = sfs_ino_make(class_id, inode->serial),
		.parent = inode->type == SFS_NODE_DIR ? sfs_ino_make(class_id, inode->parent) : 0,
		.type = inode->type,
		.mode = inode->mode,
		.uid = inode->uid,
		.gid = inode->gid,
		.nlink = inode->nlink,
		.size = inode->type == SFS_NODE_SYMLINK ? inode->text.len : 0,
		.atime_ns = inode->atime_ns,
		.mtime_ns = inode->mtime_ns,
		.ctime_ns = inode->ctime_ns,
		.revision = inode->revision,
	};
	if (inode->type != SFS_NODE_FILE)
		return 0;
	if (inode->small)
		return sfsi_small_attr(store, inode, ret);
	struct stat stat;
	int err = sfsi_bytes_stat(store, ret->ino, &stat);
	if (!err)
		sfsi_bytes_attr(&stat, ret);
	return err;
}

int sfs_raw_stat(struct sfs_store *store, uint64_t ino, struct sfs_attr *ret)
{
	struct sfsi_class *class = sfsi_class_ref(store, sfs_ino_class(ino));
	if (!class)
		return SFS_ERR_NOT_FOUND;
	if (sfsi_ino_serial(ino) == SFSI_SERIAL_ROOT) {
		sfsi_class_attr(store, class, ret);
		return 0;
	}
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	struct sfs_attr attr;
	int err = read_inode(store, ino, &buf, &inode);
	if (err == SFS_ERR_NOT_FOUND)
		err = sfsi_open_orphan_get(store, ino, &inode);
	if (err == SFS_ERR_NOT_FOUND)
		err = sfsi_trash_inode(store, ino, &buf, &inode);
	if (!err)
		err = sfsi_inode_attr(store, class->id, &inode, &attr);
	/* Removed between the two reads: then it has no bytes any more. */
	if (err == SFS_ERR_CORRUPT && inode.type == SFS_NODE_FILE) {
		buf.len = 0;
		if (read_inode(store, ino, &buf, &inode) == SFS_ERR_NOT_FOUND)
			err = SFS_ERR_NOT_FOUND;
	}
	if (!err)
		*ret = attr;
	return err;
}

/** Is this a directory of a class? *ret_class gets the class. */
static int check_dir(struct sfs_store *store, uint64_t dir)
{
	uint32_t id = sfs_ino_class(dir);
	if (!id || !sfsi_class_ref(store, id))
		return SFS_ERR_NOT_FOUND;
	if (sfsi_ino_serial(dir) == SFSI_SERIAL_ROOT)
		return 0;
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	int err = read_inode(store, dir, &buf, &inode);
	if (err == SFS_ERR_NOT_FOUND)
		err = sfsi_open_orphan_get(store, dir, &inode);
	if (!err && inode.type != SFS_NODE_DIR)
		err = SFS_ERR_NOT_DIR;
	return err;
}

int sfs_raw_find(struct sfs_store *store, uint64_t dir, struct sfs_span name, struct sfs_attr *ret)
{
	int err = sfsi_name_check(name);
	if (err < 0)
		return err == SFS_ERR_NAME ? SFS_ERR_NOT_FOUND : err;
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_name entry;
	sfsi_key_entry(&key, sfsi_ino_serial(dir), sfsi_cookie(store, name), name);
	err = sfsi_memo_get(store, sfs_ino_class(dir), sfsi_key_span(&key), &value);
	if (err == SFS_ERR_NOT_FOUND) {
		int missing = check_dir(store, dir);
		return missing < 0 ? missing : err;
	}
	if (!err)
		err = sfsi_name_decode(sfs_buf_span(&value), &entry);
	if (!err)
		err = sfs_raw_stat(store, sfs_ino_make(sfs_ino_class(dir), entry.serial), ret);
	return err;
}

int sfs_raw_find_path(struct sfs_store *store, uint32_t class_id, struct sfs_span path,
		      struct sfs_attr *ret)
{
	uint64_t at = sfs_ino_make(class_id, SFSI_SERIAL_ROOT);
	const char *text = path.data;
	size_t left = path.len;
	struct sfs_attr attr;
	int err = class_id ? sfs_raw_stat(store, at, &attr) : SFS_ERR_NOT_FOUND;
	while (!err && left) {
		const char *slash = memchr(text, '/', left);
		size_t len = slash ? (size_t)(slash - text) : left;
		err = sfs_raw_find(store, attr.ino, (struct sfs_span){ text, len }, &attr);
		size_t used = slash ? len + 1 : len;
		text += used;
		left -= used;
		if (!err && slash && (!left || attr.type != SFS_NODE_DIR))
			err = attr.type == SFS_NODE_DIR ? SFS_ERR_NOT_FOUND : SFS_ERR_NOT_DIR;
	}
	if (!err)
		*ret = attr;
	return err;
}

int sfs_raw_readlink(struct sfs_store *store, uint64_t ino, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	int err = read_inode(store, ino, &buf, &inode);
	if (err == SFS_ERR_NOT_FOUND)
		err = sfsi_trash_inode(store, ino, &buf, &inode);
	if (!err && inode.type != SFS_NODE_SYMLINK)
		err = SFS_ERR_INVALID;
	if (!err)
		err = sfs_buf_append(ret, inode.text.data, inode.text.len);
	return err;
}

/* --- listing --- */

struct list {
	size_t limit, count;
	uint64_t last; /* cookie of the last entry delivered */
	sfsi_entry_fn *fn;
	void *arg;
	int err; /* 0 at the end of a page */
};

static int list_entry(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct list *list = arg;
	if (key.len <= SFSI_ENTRY_NAME) {
		list->err = SFS_ERR_CORRUPT;
		return 1;
	}
	uint64_t cookie = sfsi_get_be64((const uint8_t *)key.data + 9);
	if (list->limit && list->count >= list->limit && cookie != list->last)
		return 1;
	list->err = list->fn(list->arg, sfsi_span_skip(key, SFSI_ENTRY_NAME), val, cookie);
	list->count++;
	list->last = cookie;
	return list->err != 0;
}

int sfsi_entries_list(struct sfs_store *store, uint64_t dir, uint64_t after, size_t limit,
		      sfsi_entry_fn *fn, void *arg)
{
	struct sfsi_key prefix, from;
	if (after >= INT64_MAX)
		return 0;
	sfsi_key_entries(&prefix, sfsi_ino_serial(dir));
	sfsi_key_entry(&from, sfsi_ino_serial(dir), after + 1, (struct sfs_span){ "", 0 });
	struct sfsi_scan scan = {
		.partition = sfs_ino_class(dir),
		.prefix = sfsi_key_span(&prefix),
		.after = sfsi_key_span(&from),
	};
	struct list list = { .limit = limit, .fn = fn, .arg = arg };
	int err = sfsi_backend_scan(store->backend, &scan, list_entry, &list);
	return err == SFS_ERR_CANCELLED ? list.err : err;
}

struct names {
	uint32_t class_id;
	sfs_raw_list_fn *fn;
	void *arg;
};

static int list_name(void *arg, struct sfs_span name, struct sfs_span val, uint64_t cookie)
{
	const struct names *names = arg;
	struct sfsi_name entry;
	int err = sfsi_name_decode(val, &entry);
	if (err < 0)
		return err;
	uint64_t ino = sfs_ino_make(names->class_id, entry.serial);
	return names->fn(names->arg, name, ino, entry.type, cookie) ? SFS_ERR_CANCELLED : 0;
}

int sfs_raw_list(struct sfs_store *store, uint64_t dir, uint64_t after, size_t limit,
		 sfs_raw_list_fn *fn, void *arg)
{
	struct names names = { sfs_ino_class(dir), fn, arg };
	int err = check_dir(store, dir);
	return err < 0 ? err : sfsi_entries_list(store, dir, after, limit, list_name, &names);
}
