/*
 * Small files: a scratch file begins with its bytes in its inode, and gets a plain file only when it
 * outgrows that. So a temporary file that is renamed onto an object never was a file on the disk.
 *
 * While it is open its bytes are in memory, shared by all who have it open; they are stored when one
 * of them is flushed or closed, and with every other change of the inode. What outgrew its inode never
 * goes back.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/errno.h"
#include "base/file.h"
#include "raw.h"

struct sfsi_small {
	unsigned refs;        /* atomic */
	pthread_mutex_t lock; /* protects all below; taken after the commit lock */
	struct sfs_buf bytes;
	int64_t atime_ns, mtime_ns, ctime_ns;
	uint64_t written, stored; /* counts changes; how many of them are in the inode */
	_Atomic int fd;           /* of the plain file that it outgrew into; -1: it is small */
};

int sfsi_small_new(const struct sfsi_inode *inode, struct sfsi_small **ret)
{
	struct sfsi_small *small = calloc(1, sizeof *small);
	if (!small)
		return SFS_ERR_NO_MEMORY;
	int err = sfs_buf_append(&small->bytes, inode->text.data, inode->text.len);
	if (err < 0) {
		free(small);
		return err;
	}
	pthread_mutex_init(&small->lock, NULL);
	small->refs = 1;
	small->atime_ns = inode->atime_ns;
	small->mtime_ns = inode->mtime_ns;
	small->ctime_ns = inode->ctime_ns;
	atomic_init(&small->fd, -1);
	*ret = small;
	return 0;
}

struct sfsi_small *sfsi_small_ref(struct sfsi_small *small)
{
	if (small)
		__atomic_add_fetch(&small->refs, 1, __ATOMIC_RELAXED);
	return small;
}

void sfsi_small_unref(struct sfsi_small *small)
{
	if (!small || __atomic_sub_fetch(&small->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (small->fd >= 0)
		close(small->fd);
	sfs_buf_fini(&small->bytes);
	pthread_mutex_destroy(&small->lock);
	free(small);
}

int sfsi_small_fd(const struct sfsi_small *small)
{
	return atomic_load(&small->fd);
}

/* --- what is open --- */

int sfsi_small_overlay(struct sfs_store *store, uint64_t ino, struct sfs_buf *buf,
		       struct sfsi_inode *inode)
{
	struct sfsi_small *small = sfsi_open_small(store, ino);
	int err = 0;
	if (!small)
		return 0;
	pthread_mutex_lock(&small->lock);
	if (small->written != small->stored) {
		buf->len = 0;
		err = sfs_buf_append(buf, small->bytes.data, small->bytes.len);
		inode->text = sfs_buf_span(buf);
		inode->atime_ns = small->atime_ns;
		inode->mtime_ns = small->mtime_ns;
		if (inode->ctime_ns < small->ctime_ns)
			inode->ctime_ns = small->ctime_ns;
	}
	pthread_mutex_unlock(&small->lock);
	sfsi_small_unref(small);
	return err;
}

static int open_attr(struct sfsi_small *small, struct sfs_attr *attr)
{
	SFSI_LOCK_SCOPE(&small->lock);
	struct stat stat;
	if (small->fd >= 0 && fstat(small->fd, &stat) < 0)
		return sfsi_err_from_errno(errno);
	if (small->fd >= 0) {
		sfsi_bytes_attr(&stat, attr);
		return 0;
	}
	attr->size = small->bytes.len;
	attr->atime_ns = small->atime_ns;
	attr->mtime_ns = small->mtime_ns;
	if (attr->ctime_ns < small->ctime_ns)
		attr->ctime_ns = small->ctime_ns;
	return 0;
}

int sfsi_small_attr(struct sfs_store *store, const struct sfsi_inode *inode, struct sfs_attr *attr)
{
	struct sfsi_small *small = sfsi_open_small(store, attr->ino);
	attr->size = inode->text.len;
	int err = small ? open_attr(small, attr) : 0;
	attr->blocks = (attr->size + 511) / 512;
	sfsi_small_unref(small);
	return err;
}

/* --- reading and writing --- */

bool sfsi_small_read(struct sfsi_small *small, uint64_t off, void *dst, size_t len, size_t *ret_len)
{
	SFSI_LOCK_SCOPE(&small->lock);
	if (small->fd >= 0)
		return false;
	size_t left = off < small->bytes.len ? small->bytes.len - (size_t)off : 0;
	*ret_len = len < left ? len : left;
	if (*ret_len)
		memcpy(dst, (const char *)small->bytes.data + off, *ret_len);
	return true;
}

static void changed_locked(struct sfsi_small *small)
{
	small->mtime_ns = small->ctime_ns = sfsi_now_ns();
	small->written++;
}

static int write_locked(struct sfsi_small *small, uint64_t off, struct sfs_span bytes)
{
	size_t end = (size_t)off + bytes.len;
	int err = end > small->bytes.len ? sfs_buf_resize(&small->bytes, end) : 0;
	if (err < 0)
		return err;
	memcpy((char *)small->bytes.data + off, bytes.data, bytes.len);
	changed_locked(small);
	return 0;
}

int sfsi_small_write(struct sfs_store *store, uint64_t ino, struct sfsi_small *small, uint64_t off,
		     struct sfs_span bytes, bool *ret_done)
{
	int err = 0;
	*ret_done = true;
	if (bytes.len == 0)
		return 0;
	if (off <= SFSI_SMALL_MAX && bytes.len <= SFSI_SMALL_MAX - off) {
		SFSI_LOCK_SCOPE(&small->lock);
		if (small->fd < 0)
			return write_locked(small, off, bytes);
	} else {
		err = sfsi_small_outgrow(store, ino, small);
	}
	*ret_done = false;
	return err;
}

/* --- storing --- */

static bool is_stored(struct sfsi_small *small, uint64_t *ret_written)
{
	SFSI_LOCK_SCOPE(&small->lock);
	*ret_written = small->written;
	return small->fd >= 0 || small->written == small->stored;
}

static int store_in(struct sfsi_txn *txn, uint64_t ino)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	struct sfsi_txn_class *class;
	int err = sfsi_inode_load(txn, ino, &buf, &inode);
	/* Without a name nobody finds it after a crash. */
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	if (err < 0 || !inode.small)
		return err;
	inode.revision = txn->commit;
	err = sfsi_inode_store(txn, sfs_ino_class(ino), &inode);
	return err < 0 ? err : sfsi_txn_class(txn, sfs_ino_class(ino), &class);
}

int sfsi_small_store(struct sfs_store *store, uint64_t ino, struct sfsi_small *small)
{
	uint64_t written;
	if (is_stored(small, &written))
		return 0;
	struct sfsi_txn txn;
	int err = sfsi_txn_begin(store, &txn);
	/* Nobody who may change the file sees anything new: no note. */
	if (!err)
		err = sfsi_txn_end(&txn, store_in(&txn, ino));
	if (err < 0)
		return err;
	SFSI_LOCK_SCOPE(&small->lock);
	if (small->stored < written)
		small->stored = written;
	return 0;
}

/* --- outgrowing --- */

/** A plain file with the bytes and times of a small one; the caller holds its lock. */
static int make_plain_locked(struct sfs_store *store, uint64_t ino, const struct sfsi_small *small,
			     int *ret_fd)
{
	struct sfs_setattr times = {
		.mask = SFS_SET_MTIME | SFS_SET_ATIME,
		.mtime_ns = small->mtime_ns,
		.atime_ns = small->atime_ns,
	};
	SFSI_AUTO_FD int fd = -1;
	int err = sfsi_bytes_create(store, ino);
	if (!err)
		err = sfsi_bytes_open(store, ino, true, &fd);
	if (!err)
		err = sfsi_pwrite_all(fd, small->bytes.data, small->bytes.len, 0);
	if (!err)
		err = sfsi_bytes_set(store, ino, &times);
	if (err < 0)
		return err;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/**
 * The inode loses its bytes. What a power cut could not have taken before must not be taken by this: then
 * the plain file is synced first.
 */
static int move_out(struct sfsi_txn *txn, uint64_t ino, struct sfsi_inode *inode)
{
	struct sfs_store *store = txn->store;
	struct sfsi_txn_class *class;
	bool is_safe = inode->text.len || inode->revision <= sfsi_syncer_synced(store);
	int err = 0;
	/* Before the commit: see round_locked(). */
	sfsi_syncer_file(store, ino);
	if (is_safe && (store->backend->ops->caps & SFSI_CAP_DURABLE))
		err = sfsi_bytes_sync(store, ino);
	inode->small = false;
	inode->text = (struct sfs_span){ "", 0 };
	inode->revision = txn->commit;
	if (!err)
		err = sfsi_inode_store(txn, sfs_ino_class(ino), inode);
	return err < 0 ? err : sfsi_txn_class(txn, sfs_ino_class(ino), &class);
}

/** The commit lock and the file's are held. Without a name it gets a plain file without one too. */
static int outgrow_locked(struct sfsi_txn *txn, uint64_t ino, struct sfsi_small *small, int *ret_fd)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	int err = sfsi_inode_read(txn, ino, &buf, &inode);
	bool nameless = err == SFS_ERR_NOT_FOUND;
	if (!err || nameless)
		err = make_plain_locked(txn->store, ino, small, ret_fd);
	if (!err && !nameless)
		err = move_out(txn, ino, &inode);
	else if (nameless)
		sfsi_bytes_remove(txn->store, ino);
	return err;
}

int sfsi_small_outgrow(struct sfs_store *store, uint64_t ino, struct sfsi_small *small)
{
	struct sfsi_txn txn;
	SFSI_AUTO_FD int fd = -1;
	int err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	pthread_mutex_lock(&small->lock);
	bool is_small = small->fd < 0;
	err = sfsi_txn_end(&txn, is_small ? outgrow_locked(&txn, ino, small, &fd) : 0);
	if (!err && is_small) {
		atomic_store(&small->fd, fd);
		fd = -1;
		sfs_buf_fini(&small->bytes);
	} else if (is_small) {
		sfsi_bytes_remove(store, ino);
	}
	pthread_mutex_unlock(&small->lock);
	return err;
}

/* --- attributes --- */

static int set_plain(int fd, const struct sfs_setattr *set)
{
	struct timespec times[2];
	if ((set->mask & SFS_SET_SIZE) && set->size > INT64_MAX)
		return SFS_ERR_LIMIT;
	if ((set->mask & SFS_SET_SIZE) && ftruncate(fd, (off_t)set->size) < 0)
		return sfsi_err_from_errno(errno);
	if (sfsi_bytes_times(set, times) && futimens(fd, times) < 0)
		return sfsi_err_from_errno(errno);
	return 0;
}

static int set_open(struct sfsi_small *small, const struct sfs_setattr *set)
{
	SFSI_LOCK_SCOPE(&small->lock);
	if (small->fd >= 0)
		return set_plain(small->fd, set);
	int err = set->mask & SFS_SET_SIZE ? sfs_buf_resize(&small->bytes, (size_t)set->size) : 0;
	if (err < 0)
		return err;
	int64_t mtime_ns = small->mtime_ns;
	changed_locked(small);
	if (set->mask & SFS_SET_MTIME)
		small->mtime_ns = set->mtime_ns;
	else if (!(set->mask & SFS_SET_SIZE))
		small->mtime_ns = mtime_ns;
	if (set->mask & SFS_SET_ATIME)
		small->atime_ns = set->atime_ns;
	return 0;
}

/** The bytes to the front of buf, in their new size. */
static int set_closed(const struct sfs_setattr *set, struct sfs_buf *buf, struct sfsi_inode *inode)
{
	if (!(set->mask & SFS_SET_SIZE))
		return 0;
	memmove(buf->data, inode->text.data, inode->text.len);
	buf->len = inode->text.len;
	inode->mtime_ns = sfsi_now_ns();
	int err = sfs_buf_resize(buf, (size_t)set->size);
	inode->text = sfs_buf_span(buf);
	return err;
}

int sfsi_small_set(struct sfs_store *store, uint64_t ino, const struct sfs_setattr *set,
		   struct sfs_buf *buf, struct sfsi_inode *inode)
{
	struct sfsi_small *small = sfsi_open_small(store, ino);
	if ((set->mask & SFS_SET_SIZE) && set->size > SFSI_SMALL_MAX &&
	    !(small && sfsi_small_fd(small) >= 0)) {
		sfsi_small_unref(small);
		return SFS_ERR_LIMIT; /* it was to be outgrown before */
	}
	if (!small)
		return set_closed(set, buf, inode);
	int err = set_open(small, set);
	sfsi_small_unref(small);
	return err < 0 ? err : sfsi_small_overlay(store, ino, buf, inode);
}
