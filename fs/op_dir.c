/*
 * Handlers of directories. A listing is a stream of entries with cookies that say where to go on;
 * nothing is remembered between two requests (but of views that are listed at once), and nothing is
 * cached by the kernel, so a listing is right while others insert and remove, and survives a restart
 * of the daemon.
 *
 * Cookies of a class's directory: 1 ".", 2 "..", 3 "by", then objects (the engine's cookie / 2), files
 * (that + 2^61), newborns (serial + 2^62). Halving makes room for the three kinds; entries
 * that then share a cookie are kept together.
 */
#include <errno.h>
#include <linux/fuse.h>
#include <stddef.h>
#include <stdlib.h>
#include "by.h"
#include "class_name.h"
#include "meta.h"
#include "newborn.h"
#include "op.h"
#include "rejected.h"
#include "stream.h"
#include "view.h"

#define COOKIE_BY 3
#define COOKIE_FILES ((uint64_t)1 << 61)
#define COOKIE_NEWBORNS ((uint64_t)1 << 62)
#define SERIAL_MASK (((uint64_t)1 << 36) - 1)
#define REPLY_MAX ((size_t)1 << 20)

/** What a directory held when it was read from its start is kept as entries with their names behind. */
struct copy_entry {
	uint64_t number;
	mode_t type;
	uint32_t len; /* of the name, with its NUL */
};

/** A reply in the making. */
struct listing {
	fuse_req_t req;
	struct fs *fs;
	bool plus;
	struct fs_handle *handle; /* of the open directory; NULL: it needs none */
	char *buf;
	size_t len, size;
	bool full;
	/* Entries of one cookie: all of them, or none, are in a reply. */
	uint64_t group;    /* cookie of the entries that were added last */
	uint64_t before;   /* where to go on before them */
	size_t group_at;   /* where they start in buf */
	size_t last_at;    /* where the last entry starts */
	uint64_t sequence; /* of the directory, before the listing began */
};

/** One entry; attributes are only needed for readdirplus. */
struct entry {
	const char *name;
	uint64_t number; /* inode number */
	mode_t type;
	const struct fs_found *found;
};

static size_t put_entry(struct listing *listing, const struct entry *entry, uint64_t cookie)
{
	char *at = listing->buf + listing->len;
	size_t rest = listing->size - listing->len;
	struct fuse_entry_param param = {
		.attr = { .st_ino = fs_number(listing->fs, entry->number), .st_mode = entry->type },
	};
	if (!listing->plus)
		return fuse_add_direntry(listing->req, at, rest, entry->name, &param.attr,
					 (off_t)cookie);
	/* Without attributes the node id is 0: the kernel takes the name alone. */
	if (entry->found)
		fs_entry_fill(listing->fs, entry->found, &param);
	return fuse_add_direntry_plus(listing->req, at, rest, entry->name, &param, (off_t)cookie);
}

/**
 * The kernel may show only a part of a reply and go on after any entry: an entry that is not the
 * last of its group says to go on before the group, so that none of it is lost.
 */
static void resume_before_group(struct listing *listing)
{
	size_t at = listing->plus ? offsetof(struct fuse_direntplus, dirent) : 0;
	at += listing->last_at + offsetof(struct fuse_dirent, off);
	memcpy(listing->buf + at, &listing->before, sizeof listing->before);
}

static int add(struct listing *listing, const struct entry *entry, uint64_t cookie)
{
	bool same = cookie == listing->group;
	if (!same) {
		listing->before = listing->group;
		listing->group = cookie;
		listing->group_at = listing->len;
	}
	size_t need = put_entry(listing, entry, cookie);
	if (need > listing->size - listing->len) {
		listing->full = true;
		/* A group that fits into no reply at all is cut rather than never shown. */
		if (listing->group_at > 0)
			listing->len = listing->group_at;
		return 1;
	}
	if (same && listing->len > 0)
		resume_before_group(listing);
	listing->last_at = listing->len;
	listing->len += need;
	return 0;
}

static int add_dots(struct listing *listing, uint64_t node, uint64_t parent, uint64_t after)
{
	const struct entry self = { ".", node, S_IFDIR, NULL };
	const struct entry up = { "..", parent, S_IFDIR, NULL };
	if (after < 1 && add(listing, &self, 1))
		return 1;
	return after < 2 && add(listing, &up, 2);
}

/* --- the root and .storefs --- */

static void list_root(struct listing *listing, uint64_t after)
{
	struct fs *fs = listing->fs;
	char name[SFS_NAME_MAX + 1];
	struct sfs_class_info info = { .id = after < 16 ? 0 : (uint32_t)(after - 16) };
	if (add_dots(listing, SFS_INO_ROOT, SFS_INO_ROOT, after))
		return;
	while (sfs_class_next(fs->store, info.id, &info) == 0) {
		struct fs_found found = { .keep_entry = true };
		fs_attr_thing(fs, &info.attr, fs_sequence(fs, info.attr.ino), &found);
		fs_class_name(info.name, name);
		const struct entry entry = { name, info.attr.ino, S_IFDIR, &found };
		if (add(listing, &entry, (uint64_t)info.id + 16))
			return;
	}
}

static int add_meta(void *arg, const char *name, uint64_t node, bool directory, uint64_t cookie)
{
	const struct entry entry = { name, node, directory ? S_IFDIR : S_IFREG, NULL };
	return add(arg, &entry, cookie);
}

static int list_rejected(struct listing *listing, uint64_t node, uint64_t after)
{
	uint64_t parent = node == FS_META_REJECTED ? FS_META_DIR : FS_META_REJECTED;
	if (add_dots(listing, node, parent, after))
		return 0;
	return fs_rejected_list(listing->fs, node, after, add_meta, listing);
}

static void list_meta(struct listing *listing, uint64_t node, uint64_t after)
{
	uint64_t parent = node == FS_META_DIR ? SFS_INO_ROOT : FS_META_DIR;
	if (!add_dots(listing, node, parent, after))
		fs_meta_list(listing->fs, node, after, add_meta, listing);
}

/* --- classes --- */

static int add_object(void *arg, struct sfs_span oid, const struct sfs_attr *attr, uint64_t cookie)
{
	struct listing *listing = arg;
	struct fs *fs = listing->fs;
	char name[SFS_NAME_MAX + 1];
	fs_name_make(oid, fs->options->format, name);
	uint64_t node = fs_primary_node(fs, attr->ino);
	struct fs_found found = { .keep_entry = true };
	if (listing->plus) {
		struct sfs_attr copy = *attr;
		fs_attr_object(fs, node, &copy, fs_sequence(fs, attr->ino), 0, &found);
		/* The listing sees the class as it was when it began. */
		if (listing->sequence != fs_sequence(fs, sfs_ino_make(sfs_ino_class(attr->ino), 1)))
			found.keep_attr = false;
	}
	const struct entry entry = { name, fs_node_number(node, attr), S_IFREG, &found };
	return add(listing, &entry, cookie >> 1);
}

static int list_objects(struct listing *listing, uint32_t class_id, uint64_t after)
{
	if (after >= COOKIE_FILES)
		return 0;
	uint64_t engine = after <= COOKIE_BY ? 0 : after << 1 | 1;
	listing->sequence = fs_sequence(listing->fs, sfs_ino_make(class_id, 1));
	int err = sfs_object_list(listing->fs->store, class_id, engine, 0, add_object, listing);
	return err == SFS_ERR_CANCELLED ? 0 : err;
}

/** Names of files, collected first: while the engine lists it can not be asked for attributes. */
struct names {
	struct sfs_buf text; /* each: struct name_head, then the name and a NUL */
	size_t room;         /* bytes that the reply has left */
	uint64_t last;       /* cookie of the last one */
};
struct name_head {
	uint64_t ino, cookie;
	enum sfs_node_type type;
	uint32_t len;
};

static int collect_name(void *arg, struct sfs_span name, uint64_t ino, enum sfs_node_type type,
			uint64_t cookie)
{
	struct names *names = arg;
	struct name_head head = { ino, cookie, type, (uint32_t)name.len };
	/* Enough to fill the reply, and never a part of a group. */
	if (names->text.len > names->room && cookie >> 1 != names->last >> 1)
		return 1;
	names->last = cookie;
	if (sfs_buf_append(&names->text, &head, sizeof head) < 0 ||
	    sfs_buf_append(&names->text, name.data, name.len) < 0 ||
	    sfs_buf_append(&names->text, "", 1) < 0)
		return 1;
	return 0;
}

static int add_file(struct listing *listing, const struct name_head *head, const char *name,
		    bool keep, uint64_t cookie)
{
	struct fs *fs = listing->fs;
	struct fs_found found = { .keep_entry = keep };
	bool known = listing->plus && fs_attr_load(fs, head->ino, NULL, 0, &found) == 0;
	const struct entry entry = {
		name,
		head->ino,
		fs_node_type_mode(head->type),
		known ? &found : NULL,
	};
	return add(listing, &entry, cookie);
}

static int add_files(struct listing *listing, const struct names *names, bool keep,
		     uint64_t cookie_base)
{
	const char *bytes = names->text.data;
	for (size_t at = 0; at < names->text.len;) {
		struct name_head head;
		memcpy(&head, bytes + at, sizeof head);
		if (add_file(listing, &head, bytes + at + sizeof head, keep,
			     cookie_base + (head.cookie >> 1)))
			return 1;
		at += sizeof head + head.len + 1;
	}
	return 0;
}

/** @base  what is added to cookies. @keep  whether the kernel may keep the names. */
static int list_files(struct listing *listing, uint64_t dir, uint64_t after, uint64_t base,
		      bool keep)
{
	if (listing->full || after >= COOKIE_NEWBORNS)
		return 0;
	uint64_t engine = after <= base + 2 ? 0 : (after - base) << 1 | 1;
	struct names names = { .text = SFS_BUF_INIT, .room = listing->size - listing->len };
	int err;
	do {
		names.text.len = 0;
		err = sfs_raw_list(listing->fs->store, dir, engine, 0, collect_name, &names);
		if (err == SFS_ERR_CANCELLED && names.text.len)
			err = 1;
		if (err < 0)
			break;
		if (add_files(listing, &names, keep, base))
			break;
		engine = names.last | 1;
	} while (err == 1);
	sfs_buf_fini(&names.text);
	return err < 0 ? err : 0;
}

static void list_newborns(struct listing *listing, uint32_t class_id, uint64_t after)
{
	struct fs *fs = listing->fs;
	uint64_t serial = after >= COOKIE_NEWBORNS ? after & SERIAL_MASK : 0;
	struct sfs_buf oid = SFS_BUF_INIT;
	struct sfs_attr attr, saved;
	char name[SFS_NAME_MAX + 1];
	while (!listing->full && fs_newborn_next(fs, class_id, serial, &attr, &oid) == 0) {
		serial = attr.ino & SERIAL_MASK;
		fs_name_make(sfs_buf_span(&oid), fs->options->format, name);
		/* Saved by another door meanwhile: it was listed already. */
		bool listed = sfs_object_find(fs->store, class_id, sfs_buf_span(&oid), &saved) == 0;
		oid.len = 0;
		uint64_t number = fs_node_number(fs_primary_node(fs, attr.ino), &attr);
		const struct entry entry = { name, number, S_IFREG, NULL };
		if (!listed)
			add(listing, &entry, COOKIE_NEWBORNS | serial);
	}
	sfs_buf_fini(&oid);
}

/** "by", where it was asked for (-o views=listed). */
static int list_by(struct listing *listing, uint64_t node, uint32_t class_id, uint64_t after)
{
	struct entry entry = { FS_BY_NAME, 0, S_IFDIR, NULL };
	if (after >= COOKIE_BY || !listing->fs->options->list_views ||
	    !fs_by_entry(listing->fs, class_id, node, &entry.number))
		return 0;
	return add(listing, &entry, COOKIE_BY);
}

static int list_class(struct listing *listing, uint64_t node, uint64_t after)
{
	struct fs *fs = listing->fs;
	struct sfs_class_info info;
	int err = sfs_class_get(fs->store, sfs_ino_class(node), &info);
	if (err < 0 || add_dots(listing, node, SFS_INO_ROOT, after))
		return err;
	if (list_by(listing, node, info.id, after))
		return 0;
	if (info.kind == SFS_CLASS_RAW)
		return list_files(listing, node, after, 0, true);
	err = list_objects(listing, info.id, after);
	if (!err)
		err = list_files(listing, node, after, COOKIE_FILES, false);
	if (!err)
		list_newborns(listing, info.id, after);
	return err;
}

static int list_tree(struct listing *listing, uint64_t node, uint64_t after)
{
	struct sfs_attr attr;
	int err = sfs_raw_stat(listing->fs->store, node, &attr);
	if (!err && attr.type != SFS_NODE_DIR)
		err = SFS_ERR_NOT_DIR;
	if (err < 0 || add_dots(listing, node, attr.parent, after))
		return err;
	return list_files(listing, node, after, 0, true);
}

static int add_view(void *arg, const char *name, mode_t type, uint64_t number, uint64_t cookie)
{
	const struct entry entry = { name, number, type, NULL };
	return add(arg, &entry, cookie);
}

struct copying {
	struct sfs_buf *entries;
	int err;
};

static int copy_one(void *arg, const char *name, mode_t type, uint64_t number, uint64_t cookie)
{
	struct copying *copying = arg;
	struct copy_entry entry = { number, type, (uint32_t)strlen(name) + 1 };
	(void)cookie;
	copying->err = sfs_buf_append(copying->entries, &entry, sizeof entry);
	if (!copying->err)
		copying->err = sfs_buf_append(copying->entries, name, entry.len);
	return copying->err < 0;
}

/** Entries of the copy have the cookies 3, 4, … */
static int list_copy(struct listing *listing, uint64_t node, uint64_t after)
{
	struct sfs_buf *entries = &listing->handle->text;
	uint64_t cookie = 3;
	int err = 0;
	if (after == 0 || !entries->data) {
		struct copying copying = { .entries = entries };
		entries->len = 0;
		err = fs_view_list(listing->fs, node, 0, copy_one, &copying);
		if (!err)
			err = copying.err;
		if (err < 0)
			entries->len = 0;
	}
	for (size_t at = 0; at < entries->len && !err; cookie++) {
		struct copy_entry one;
		const char *bytes = (const char *)entries->data + at;
		memcpy(&one, bytes, sizeof one);
		const struct entry entry = { bytes + sizeof one, one.number, one.type, NULL };
		if (cookie > after && add(listing, &entry, cookie))
			break;
		at += sizeof one + one.len;
	}
	return err;
}

static int list_view(struct listing *listing, uint64_t node, uint64_t after)
{
	uint64_t number, parent;
	int err = fs_view_parent(listing->fs, node, &number, &parent);
	if (err < 0 || add_dots(listing, number, parent, after))
		return err;
	if (!listing->handle)
		return fs_view_list(listing->fs, node, after, add_view, listing);
	if (listing->handle->stream)
		return fs_stream_list(listing->handle->stream, after, add_view, listing);
	return list_copy(listing, node, after);
}

static int list(struct listing *listing, uint64_t node, uint64_t after)
{
	switch (fs_node_kind(node)) {
	case FS_NODE_ROOT: list_root(listing, after); return 0;
	case FS_NODE_META_DIR:
	case FS_NODE_SCHEMA_DIR: list_meta(listing, node, after); return 0;
	case FS_NODE_REJECTED_DIR:
	case FS_NODE_REJECTED_CLASS: return list_rejected(listing, node, after);
	case FS_NODE_CLASS: return list_class(listing, node, after);
	case FS_NODE_THING: return list_tree(listing, node, after);
	case FS_NODE_VIEW: return list_view(listing, node, after);
	case FS_NODE_META_FILE:
	case FS_NODE_JSON_SCHEMA:
	case FS_NODE_NEW:
	case FS_NODE_REJECTED:
	case FS_NODE_SCHEMA:
	case FS_NODE_NONE: break;
	}
	return SFS_ERR_NOT_DIR;
}

/** Nodes of a backup that the kernel was given with a listing are counted. */
static void count_known(const struct listing *listing)
{
	struct fuse_direntplus entry;
	for (size_t at = 0; at + sizeof entry <= listing->len;) {
		memcpy(&entry, listing->buf + at, sizeof entry);
		if (entry.entry_out.nodeid)
			atomic_fetch_add(&listing->fs->known, 1);
		at += FUSE_DIRENTPLUS_SIZE(&entry);
	}
}

static void reply_listing(fuse_req_t req, uint64_t node, size_t size, off_t off,
			  const struct fuse_file_info *fi, bool plus)
{
	struct fs *fs = fs_of(req);
	struct listing listing = {
		.req = req,
		.fs = fs,
		.plus = plus,
		.handle = fs_handle_of(fi->fh),
		.group = (uint64_t)off,
		.size = size < REPLY_MAX ? size : REPLY_MAX,
	};
	listing.buf = malloc(listing.size ? listing.size : 1);
	fs_loop_block_begin(fs->loop);
	int err = listing.buf ? list(&listing, node, (uint64_t)off) : SFS_ERR_NO_MEMORY;
	fs_loop_block_end(fs->loop);
	/* Entries before a fault are shown; the fault comes with the next request. */
	if (err < 0 && listing.len == 0)
		fs_reply_node(req, err);
	else if (fuse_reply_buf(req, listing.buf, listing.len) == 0 && plus && fs->slot)
		count_known(&listing);
	free(listing.buf);
}

void fs_op_opendir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_begin_node(req, FS_REQUEST_OPENDIR, node);
	struct fs_found found;
	int err = fs_attr_load(fs, node, NULL, 0, &found);
	if (!err && !S_ISDIR(found.stat.st_mode))
		err = SFS_ERR_NOT_DIR;
	struct fs_handle *handle = NULL;
	fs_loop_block_begin(fs->loop);
	if (!err && fs_node_kind(node) == FS_NODE_VIEW)
		err = fs_view_opendir(fs, node, fs_pid(req), &handle);
	fs_loop_block_end(fs->loop);
	if (err < 0) {
		fs_reply_node(req, err);
		return;
	}
	fi->fh = (uint64_t)(uintptr_t)handle;
	/* Interrupted: the kernel will not release what it did not get. */
	if (fuse_reply_open(req, fi) == -ENOENT)
		fs_handle_free(fs, handle);
}

void fs_op_readdir(fuse_req_t req, fuse_ino_t node, size_t size, off_t off,
		   struct fuse_file_info *fi)
{
	fs_begin_node(req, FS_REQUEST_READDIR, node);
	reply_listing(req, node, size, off, fi, false);
}

void fs_op_readdirplus(fuse_req_t req, fuse_ino_t node, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	fs_begin_node(req, FS_REQUEST_READDIRPLUS, node);
	reply_listing(req, node, size, off, fi, true);
}

void fs_op_releasedir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_begin(req, FS_REQUEST_RELEASEDIR);
	(void)node;
	fs_handle_free(fs, fs_handle_of(fi->fh));
	fuse_reply_err(req, 0);
}

void fs_op_fsyncdir(fuse_req_t req, fuse_ino_t node, int only_data, struct fuse_file_info *fi)
{
	struct fs *fs = fs_begin_node(req, FS_REQUEST_FSYNCDIR, node);
	(void)only_data;
	(void)fi;
	fs_loop_wait_begin(fs->loop);
	int err = sfs_store_sync(fs->store);
	fs_loop_block_end(fs->loop);
	fs_reply(req, err);
}
