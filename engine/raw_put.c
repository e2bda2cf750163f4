/*
 * A raw from bytes or from a descriptor, whole or not at all.
 *
 * The bytes are written to a plain file with a number of its own, and a row Z says that it is to go: a
 * crash before the end leaves nothing behind. Then one commit makes name, inode and metadata, takes what
 * had the name away, and takes the row back; in it the plain file gets its place.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/errno.h"
#include "base/file.h"
#include "raw_content.h"
#include "raw_meta.h"
#include "raw_name.h"
#include "schema/schema.h"

#define PIECE ((size_t)1 << 20)

struct put {
	struct sfs_store *store;
	const struct sfs_raw_put *how;
	uint64_t aside; /* inode number of the plain file while it is written */
	uint64_t dir;
	struct sfs_span name;
	struct sfs_buf map; /* metadata that is given */
	/* What had the name. */
	bool replaces, orphan;
	struct sfsi_inode gone;
	struct sfsi_inode made;
};

/* --- bytes --- */

/** Read and write until the end, from where a descriptor stands. */
static int pump(int from, int to, off_t *off)
{
	SFSI_AUTO_FREE char *piece = malloc(PIECE);
	int err = piece ? 0 : SFS_ERR_NO_MEMORY;
	while (!err) {
		ssize_t got = read(from, piece, PIECE);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return sfsi_err_from_errno(errno);
		if (got == 0)
			break;
		err = sfsi_pwrite_all(to, piece, (size_t)got, *off);
		*off += got;
	}
	return err;
}

/** Copy a range in the kernel. 1: it can not, from *at on. */
static int copy_range(int from, int to, off_t *at, off_t end, off_t start)
{
	while (*at < end) {
		off_t out = *at - start;
		ssize_t got = copy_file_range(from, at, to, &out, (size_t)(end - *at), 0);
		if (got < 0 && errno == ENOSPC)
			return SFS_ERR_NO_SPACE;
		if (got < 0 && errno != EINTR)
			return 1;
		/* It became shorter meanwhile. */
		if (got == 0)
			return 0;
	}
	return 0;
}

/** Copy what has data of a plain file; holes stay holes. 1: the kernel can not, from *at on. */
static int copy_data(int from, int to, off_t *at, off_t end, off_t start)
{
	int err = 0;
	while (!err && *at < end) {
		off_t data = lseek(from, *at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		off_t hole = data < 0 ? end : lseek(from, data, SEEK_HOLE);
		*at = data < 0 ? *at : data;
		err = copy_range(from, to, at, hole > *at && hole < end ? hole : end, start);
		if (!err && *at < hole && *at < end)
			break;
	}
	if (!err && ftruncate(to, end - start) < 0)
		err = sfsi_err_from_errno(errno);
	return err;
}

static int copy_plain(int from, int to, off_t size)
{
	off_t start = lseek(from, 0, SEEK_CUR), at = start;
	if (start < 0)
		return sfsi_err_from_errno(errno);
	if (start == 0 && ioctl(to, FICLONE, from) == 0) {
		(void)!lseek(from, 0, SEEK_END);
		return 0;
	}
	int err = size > start ? copy_data(from, to, &at, size, start) : 0;
	if (err < 0)
		return err;
	off_t out = at - start;
	if (lseek(from, err ? at : size > start ? size : start, SEEK_SET) < 0)
		return sfsi_err_from_errno(errno);
	/* The rest, also what was appended meanwhile. */
	if (!err)
		out = size > start ? size - start : 0;
	return pump(from, to, &out);
}

static int fill(const struct put *put, int to)
{
	const struct sfs_raw_put *how = put->how;
	struct stat stat;
	off_t off = 0;
	if (how->fd < 0)
		return sfsi_pwrite_all(to, how->bytes.data, how->bytes.len, 0);
	if (fstat(how->fd, &stat) < 0)
		return sfsi_err_from_errno(errno);
	if (S_ISDIR(stat.st_mode))
		return SFS_ERR_IS_DIR;
	return S_ISREG(stat.st_mode) ? copy_plain(how->fd, to, stat.st_size)
				     : pump(how->fd, to, &off);
}

/* --- aside --- */

/** Add or remove the row that says that the plain file is to go. */
static int mark(struct sfsi_txn *txn, const struct put *put, bool add)
{
	struct sfsi_txn_class *class;
	struct sfsi_key key;
	uint32_t class_id = sfs_ino_class(put->aside);
	sfsi_key_serial(&key, 'Z', sfsi_ino_serial(put->aside));
	int err = sfsi_txn_class(txn, class_id, &class);
	if (err < 0)
		return err;
	return add ? sfsi_txn_put(txn, class_id, sfsi_key_span(&key), (struct sfs_span){ "", 0 })
		   : sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
}

static int mark_alone(const struct put *put, bool add)
{
	struct sfsi_txn txn;
	int err = sfsi_txn_begin(put->store, &txn);
	return err < 0 ? err : sfsi_txn_end(&txn, mark(&txn, put, add));
}

static int write_aside(struct put *put, struct sfsi_class *class)
{
	SFSI_AUTO_FD int fd = -1;
	uint64_t serial = sfsi_class_serial(class);
	if (!serial)
		return SFS_ERR_LIMIT;
	put->aside = sfs_ino_make(class->id, serial);
	int err = mark_alone(put, true);
	if (!err)
		err = sfsi_bytes_create(put->store, put->aside);
	if (!err)
		err = sfsi_bytes_open(put->store, put->aside, true, &fd);
	return err < 0 ? err : fill(put, fd);
}

/** It did not become a raw. */
static void drop_aside(struct put *put)
{
	sfsi_bytes_remove(put->store, put->aside);
	/* What is not taken back now is at the next start. */
	(void)!mark_alone(put, false);
}

/* --- into its place --- */

/** What had the name goes; mode, owner and metadata stay with the name. */
static int take_away(struct sfsi_txn *txn, struct put *put, struct sfsi_name entry,
		     struct sfs_buf *buf, struct sfsi_inode *ret_old)
{
	uint32_t class_id = sfs_ino_class(put->dir);
	if (entry.type != SFS_NODE_FILE)
		return SFS_ERR_IS_DIR;
	int err = sfsi_inode_load(txn, sfs_ino_make(class_id, entry.serial), buf, ret_old);
	if (!err)
		err = sfsi_raw_name_drop(txn, put->dir, put->name, entry.serial);
	if (!err)
		err = sfsi_inode_unref(txn, class_id, entry.serial, &put->gone, &put->orphan);
	return err < 0 ? err : sfsi_name_erase(txn, put->dir, put->name);
}

/** The plain file of the new inode is the one that was written. */
static int move_bytes(const struct put *put, uint64_t ino)
{
	char from[SFSI_BYTES_PATH], to[SFSI_BYTES_PATH];
	sfsi_bytes_path(put->aside, from);
	sfsi_bytes_path(ino, to);
	int raw_fd = put->store->raw_fd;
	return renameat(raw_fd, from, raw_fd, to) < 0 ? sfsi_err_from_errno(errno) : 0;
}

static int put_in(struct sfsi_txn *txn, struct put *put, const struct sfsi_meta *old_meta,
		  const struct sfsi_inode *old)
{
	const struct sfs_raw_put *how = put->how;
	struct sfs_raw_make make = {
		.type = SFS_NODE_FILE,
		.mode = old         ? old->mode
			: how->mode ? how->mode
				    : 0644,
		.uid = old ? old->uid : how->uid,
		.gid = old ? old->gid : how->gid,
	};
	int err = sfsi_raw_make_in(txn, put->dir, put->name, &make, &put->made);
	uint64_t ino = sfs_ino_make(sfs_ino_class(put->dir), put->made.serial);
	if (!err)
		err = sfsi_meta_adopt(txn, ino, old ? old_meta : NULL,
				      put->map.len ? sfs_buf_span(&put->map)
						   : (struct sfs_span){ "\x80", 1 });
	if (!err)
		err = move_bytes(put, ino);
	return err < 0 ? err : mark(txn, put, false);
}

static int place_in(struct sfsi_txn *txn, struct put *put)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf meta_buf = SFS_BUF_INIT;
	struct sfsi_name entry;
	struct sfsi_inode old;
	struct sfsi_meta meta = { .updated_ns = 0 };
	int err = sfsi_name_load(txn, put->dir, put->name, &entry);
	put->replaces = !err;
	if (err && err != SFS_ERR_NOT_FOUND)
		return err;
	if (put->replaces && (put->how->flags & SFS_PUT_CREATE))
		return SFS_ERR_EXISTS;
	if (!put->replaces && (put->how->flags & SFS_PUT_UPDATE))
		return SFS_ERR_NOT_FOUND;
	err = 0;
	if (put->replaces)
		err = sfsi_meta_load(put->store,
				     sfs_ino_make(sfs_ino_class(put->dir), entry.serial), &meta_buf,
				     &meta);
	if (!err && put->replaces)
		err = take_away(txn, put, entry, &buf, &old);
	return err < 0 ? err : put_in(txn, put, &meta, put->replaces ? &old : NULL);
}

/** As a rename does: under a name that was there are the old bytes or the new ones, also after a power cut. */
static int sync_aside(const struct put *put)
{
	struct sfs_attr attr;
	if (!(put->store->backend->ops->caps & SFSI_CAP_DURABLE) ||
	    sfs_raw_find(put->store, put->dir, put->name, &attr) < 0)
		return 0;
	return sfsi_bytes_sync(put->store, put->aside);
}

static int place(struct put *put)
{
	struct sfs_store *store = put->store;
	uint32_t class_id = sfs_ino_class(put->dir);
	struct sfsi_txn txn;
	int err = sync_aside(put);
	if (!err)
		err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	err = sfsi_txn_end(&txn, place_in(&txn, put));
	if (!err && put->orphan)
		sfsi_open_orphan(store, sfs_ino_make(class_id, put->gone.serial), &put->gone);
	if (err < 0 && put->made.serial)
		sfsi_bytes_remove(store, sfs_ino_make(class_id, put->made.serial));
	return err;
}

/* --- where --- */

static int step_into(const struct put *put, struct sfs_span name, uint64_t *dir)
{
	struct sfs_attr attr;
	const struct sfs_raw_make make = {
		.type = SFS_NODE_DIR,
		.mode = 0755,
		.uid = put->how->uid,
		.gid = put->how->gid,
	};
	int err = sfs_raw_find(put->store, *dir, name, &attr);
	if (err == SFS_ERR_NOT_FOUND)
		err = sfs_raw_make(put->store, *dir, name, &make, &attr);
	if (err == SFS_ERR_EXISTS)
		err = sfs_raw_find(put->store, *dir, name, &attr);
	if (!err && attr.type != SFS_NODE_DIR)
		err = SFS_ERR_NOT_DIR;
	if (!err)
		*dir = attr.ino;
	return err;
}

/** The directories of a path, made where they are missing. */
static int find_parent(struct put *put)
{
	const char *at = put->how->path.data, *end = at + put->how->path.len, *slash;
	uint64_t dir = sfs_ino_make(put->how->class_id, SFSI_SERIAL_ROOT);
	while ((slash = memchr(at, '/', (size_t)(end - at)))) {
		int err = step_into(put, (struct sfs_span){ at, (size_t)(slash - at) }, &dir);
		if (err < 0)
			return err;
		at = slash + 1;
	}
	put->dir = dir;
	put->name = (struct sfs_span){ at, (size_t)(end - at) };
	return sfsi_name_check(put->name);
}

/** Before anything is written: may it be? */
static int judge(struct put *put, struct sfsi_class *class, struct sfs_diag *diag)
{
	const struct sfs_raw_put *how = put->how;
	struct sfs_put document = { .class_id = class->id, .oid = how->path };
	bool keep;
	if (put->store->read_only)
		return SFS_ERR_READ_ONLY;
	if (!how->path.len || (how->flags & SFS_PUT_CREATE && how->flags & SFS_PUT_UPDATE))
		return how->path.len ? SFS_ERR_INVALID : SFS_ERR_NAME;
	if (!how->meta)
		return 0;
	document.format = how->meta->format;
	document.text = how->meta->text;
	return sfsi_meta_parse(put->store, &document, &put->map, &keep, diag);
}

int sfs_raw_put(struct sfs_store *store, const struct sfs_raw_put *how, struct sfs_attr *ret,
		struct sfs_diag *diag)
{
	struct put put = { .store = store, .how = how };
	struct sfsi_class *class = how->class_id ? sfsi_class_ref(store, how->class_id) : NULL;
	int err = !class                         ? SFS_ERR_NOT_FOUND
		  : class->kind != SFS_CLASS_RAW ? SFS_ERR_WRONG_KIND
						 : judge(&put, class, diag);
	if (!err)
		err = find_parent(&put);
	if (!err) {
		err = write_aside(&put, class);
		if (!err)
			err = place(&put);
		if (err < 0)
			drop_aside(&put);
	}
	sfs_buf_fini(&put.map);
	if (!err && ret)
		err = sfs_raw_find(store, put.dir, put.name, ret);
	return err < 0 && diag && !diag->text[0] ? sfs_diag_set(diag, err, "%s", sfs_err_text(err))
						 : err;
}
