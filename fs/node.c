/*
 * Node ids and attributes: see node.h.
 */
#include "daemon.h"

enum fs_node_kind fs_node_kind(uint64_t node)
{
	uint64_t ino = fs_node_ino(node);
	enum fs_node_view view = fs_node_view(node);
	uint32_t class_id = sfs_ino_class(ino);
	if (node & FS_NODE_VIEW_BIT)
		return FS_NODE_VIEW;
	if (view == FS_VIEW_SCHEMA && class_id && ino == sfs_ino_make(class_id, FS_SERIAL_NEW))
		return FS_NODE_NEW;
	if (view == FS_VIEW_SCHEMA && class_id &&
	    ino == sfs_ino_make(class_id, FS_SERIAL_JSON_SCHEMA))
		return FS_NODE_JSON_SCHEMA;
	if (view == FS_VIEW_SCHEMA)
		return FS_NODE_SCHEMA;
	if (view == FS_VIEW_REJECTED && class_id != 0)
		return node == fs_node_make(view, sfs_ino_make(class_id, 1))
			       ? FS_NODE_REJECTED_CLASS
			       : FS_NODE_REJECTED;
	if ((node & FS_NODE_AGAIN) && class_id == 0)
		return FS_NODE_NONE;
	if (view != FS_VIEW_MAIN && (view != FS_VIEW_MSGPACK || class_id == 0))
		return FS_NODE_NONE;
	if (class_id != 0)
		return ino == sfs_ino_make(class_id, 1) ? FS_NODE_CLASS : FS_NODE_THING;
	switch (ino) {
	case SFS_INO_ROOT: return FS_NODE_ROOT;
	case FS_META_DIR: return FS_NODE_META_DIR;
	case FS_META_README:
	case FS_META_STATUS:
	case FS_META_METRICS:
	case FS_META_ERRORS: return FS_NODE_META_FILE;
	case FS_META_REJECTED: return FS_NODE_REJECTED_DIR;
	case FS_META_SCHEMA: return FS_NODE_SCHEMA_DIR;
	default: return FS_NODE_NONE;
	}
}

mode_t fs_node_type_mode(enum sfs_node_type type)
{
	switch (type) {
	case SFS_NODE_OBJECT:
	case SFS_NODE_FILE: return S_IFREG;
	case SFS_NODE_DIR: return S_IFDIR;
	case SFS_NODE_SYMLINK: return S_IFLNK;
	case SFS_NODE_FIFO: return S_IFIFO;
	case SFS_NODE_SOCKET: return S_IFSOCK;
	}
	return S_IFREG;
}

static struct timespec time_of(int64_t ns)
{
	int64_t seconds = ns / 1000000000, rest = ns % 1000000000;
	if (rest < 0) {
		seconds--;
		rest += 1000000000;
	}
	return (struct timespec){ .tv_sec = seconds, .tv_nsec = rest };
}

uint64_t fs_node_number(uint64_t node, const struct sfs_attr *attr)
{
	if (fs_node_view(node) == FS_VIEW_REJECTED)
		return node;
	if (attr->type != SFS_NODE_OBJECT || !attr->number)
		return node & ~FS_NODE_AGAIN;
	return fs_node_make(fs_node_view(node), attr->number);
}

/**
 * Inside of a backup numbers are those of its store. Outside they must be other ones, the same as long as
 * the backup is there, and never those of another backup: tools take equal numbers for one file. The 55
 * bits that count become 63 by a multiplication that loses nothing; bit 63 is set in no other number.
 */
uint64_t fs_number(const struct fs *fs, uint64_t number)
{
	const uint64_t top = (uint64_t)1 << 63;
	if (!fs->slot)
		return number;
	number &= ~FS_SLOT_MASK;
	if (number == SFS_INO_ROOT)
		return fs->root_number;
	number = (number & (((uint64_t)1 << FS_SLOT_SHIFT) - 1)) | (number >> FS_VIEW_SHIFT & 7)
									   << FS_SLOT_SHIFT;
	return (number ^ fs->number_keys[0]) * (fs->number_keys[1] | 1) | top;
}

void fs_node_stat(uint64_t node, const struct sfs_attr *attr, struct stat *ret)
{
	const struct fs_policy policy = FS_POLICY_DEFAULT;
	uint64_t size = fs_node_view(node) == FS_VIEW_MSGPACK ? attr->size_msgpack : attr->size;
	*ret = (struct stat){
		.st_ino = fs_node_number(node, attr),
		.st_mode = fs_node_type_mode(attr->type) | (attr->mode & 07777),
		.st_nlink = attr->nlink,
		.st_uid = attr->uid,
		.st_gid = attr->gid,
		.st_size = (off_t)size,
		.st_blocks = (blkcnt_t)attr->blocks,
		.st_blksize = (blksize_t)policy.block_size,
		.st_atim = time_of(attr->atime_ns),
		.st_mtim = time_of(attr->mtime_ns),
		.st_ctim = time_of(attr->ctime_ns),
	};
}
