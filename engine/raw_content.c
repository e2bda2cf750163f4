/* Hash and MIME type of raws, and where their bytes are: see raw_content.h. */
#include "mirror/mirror.h"
#include "raw_content.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/errno.h"
#include "base/file.h"
#include "hash.h"
#include "memo.h"

#define PIECE ((size_t)1 << 20)
/* Times of files are those of a clock that ticks up to every 10 ms. */
#define SETTLE_NS ((int64_t)50 * 1000 * 1000)
#define FLAG_HASHED 1

/* --- stamps --- */

int sfsi_stamp_of(int fd, struct sfsi_stamp *ret)
{
	struct stat stat;
	if (fstat(fd, &stat) < 0)
		return sfsi_err_from_errno(errno);
	*ret = (struct sfsi_stamp){
		.size = (uint64_t)stat.st_size,
		.mtime_ns = (int64_t)stat.st_mtim.tv_sec * 1000000000 + stat.st_mtim.tv_nsec,
		.ctime_ns = (int64_t)stat.st_ctim.tv_sec * 1000000000 + stat.st_ctim.tv_nsec,
	};
	return 0;
}

bool sfsi_stamp_equal(const struct sfsi_stamp *a, const struct sfsi_stamp *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

bool sfsi_stamp_settled(struct sfs_store *store, uint64_t ino, const struct sfsi_stamp *stamp)
{
	int64_t now = sfsi_now_ns();
	/* A ctime of the future is of a clock that was set back: nothing can be said. */
	return stamp->ctime_ns < now - SETTLE_NS && !sfsi_open_written(store, ino);
}

/* --- what is stored --- */

int sfsi_content_decode(struct sfs_span bytes, struct sfs_span key, struct sfsi_content *ret)
{
	struct sfs_span inside;
	int err = sfsi_sealed_decode(bytes, key, &inside);
	if (err < 0)
		return err;
	struct sfsi_reader r = sfsi_reader(inside);
	struct sfsi_content content = { .stamp.size = sfsi_read_u64(&r) };
	content.stamp.mtime_ns = (int64_t)sfsi_read_u64(&r);
	content.stamp.ctime_ns = (int64_t)sfsi_read_u64(&r);
	content.hashed = sfsi_read_u8(&r) & FLAG_HASHED;
	if (r.bad || r.left < SFS_HASH_LEN || r.left - SFS_HASH_LEN >= sizeof content.mime)
		return SFS_ERR_CORRUPT;
	memcpy(content.hash, r.at, SFS_HASH_LEN);
	memcpy(content.mime, r.at + SFS_HASH_LEN, r.left - SFS_HASH_LEN);
	*ret = content;
	return 0;
}

static int encode(const struct sfsi_content *content, struct sfs_span key, struct sfs_buf *ret)
{
	uint8_t bytes[25 + SFS_HASH_LEN + SFSI_MIME_SIZE];
	uint8_t *at = sfsi_put_u64(bytes, content->stamp.size);
	size_t mime = strlen(content->mime);
	at = sfsi_put_u64(at, (uint64_t)content->stamp.mtime_ns);
	at = sfsi_put_u64(at, (uint64_t)content->stamp.ctime_ns);
	at = sfsi_put_u8(at, content->hashed ? FLAG_HASHED : 0);
	memcpy(at, content->hash, SFS_HASH_LEN);
	memcpy(at + SFS_HASH_LEN, content->mime, mime);
	size_t len = (size_t)(at - bytes) + SFS_HASH_LEN + mime;
	return sfsi_sealed_encode((struct sfs_span){ bytes, len }, key, ret);
}

int sfsi_content_load(struct sfs_store *store, uint64_t ino, struct sfsi_content *ret)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_key key;
	sfsi_key_serial(&key, 'Y', sfsi_ino_serial(ino));
	int err = sfsi_memo_peek(store, sfs_ino_class(ino), sfsi_key_span(&key), &value);
	return err < 0 ? err : sfsi_content_decode(sfs_buf_span(&value), sfsi_key_span(&key), ret);
}

static int save_in(struct sfsi_txn *txn, uint64_t ino, const struct sfsi_content *content)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	struct sfsi_txn_class *class;
	struct sfsi_key key;
	sfsi_key_serial(&key, 'Y', sfsi_ino_serial(ino));
	int err = sfsi_inode_read(txn, ino, &buf, &inode);
	if (!err)
		err = sfsi_txn_class(txn, sfs_ino_class(ino), &class);
	if (!err)
		err = encode(content, sfsi_key_span(&key), &value);
	return err < 0 ? err
		       : sfsi_txn_put(txn, sfs_ino_class(ino), sfsi_key_span(&key),
				      sfs_buf_span(&value));
}

int sfsi_content_save(struct sfs_store *store, uint64_t ino, const struct sfsi_content *content)
{
	struct sfsi_txn txn;
	int err = sfsi_txn_begin(store, &txn);
	return err < 0 ? err : sfsi_txn_end(&txn, save_in(&txn, ino, content));
}

/* --- computing --- */

int sfsi_content_hash(int fd, sfsi_piece_fn *fn, void *arg, unsigned char ret[SFS_HASH_LEN])
{
	struct sfsi_hash_stream stream;
	SFSI_AUTO_FREE char *piece = malloc(PIECE);
	uint64_t off = 0;
	size_t len = PIECE;
	int err = piece ? 0 : SFS_ERR_NO_MEMORY;
	sfsi_hash_stream_init(&stream);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	while (!err && len == PIECE) {
		err = sfsi_pread_all(fd, piece, PIECE, off, &len);
		if (!err)
			sfsi_hash_stream_add(&stream, (struct sfs_span){ piece, len });
		off += len;
		if (!err && fn && len && fn(arg, len))
			err = SFS_ERR_CANCELLED;
	}
	if (!err)
		sfsi_hash_stream_end(&stream, ret);
	return err;
}

static int compute_mime(int fd, char ret[SFSI_MIME_SIZE])
{
	SFSI_AUTO_FREE char *start = malloc(SFSI_MIME_BYTES);
	size_t len;
	int err = start ? sfsi_pread_all(fd, start, SFSI_MIME_BYTES, 0, &len) : SFS_ERR_NO_MEMORY;
	return err < 0 ? err : sfsi_mime_of((struct sfs_span){ start, len }, ret);
}

/** What somebody asks for. */
enum wanted { WANT_HASH, WANT_MIME };

static int compute(int fd, enum wanted wanted, struct sfsi_content *content)
{
	int err;
	switch (wanted) {
	case WANT_HASH:
		err = sfsi_content_hash(fd, NULL, NULL, content->hash);
		content->hashed = !err;
		return err;
	case WANT_MIME: return compute_mime(fd, content->mime);
	}
	return SFS_ERR_INVALID;
}

/** Compute, and keep it if the file stood still meanwhile. */
static int renew(struct sfs_store *store, uint64_t ino, int fd, enum wanted wanted,
		 struct sfsi_content *content)
{
	struct sfsi_stamp after;
	bool settled = sfsi_stamp_settled(store, ino, &content->stamp);
	int err = compute(fd, wanted, content);
	if (!err)
		err = sfsi_stamp_of(fd, &after);
	if (err < 0 || store->read_only || !settled || !sfsi_stamp_equal(&content->stamp, &after) ||
	    sfsi_open_written(store, ino))
		return err;
	err = sfsi_content_save(store, ino, content);
	/* Whoever asks gets an answer also when it can not be kept. */
	return err == SFS_ERR_NO_MEMORY ? err : 0;
}

static int look(struct sfs_store *store, uint64_t ino, int fd, enum wanted wanted,
		struct sfsi_content *ret)
{
	struct sfsi_stamp now;
	int err = sfsi_stamp_of(fd, &now);
	if (err < 0)
		return err;
	err = sfsi_content_load(store, ino, ret);
	bool current = !err && sfsi_stamp_equal(&ret->stamp, &now) &&
		       !sfsi_open_written(store, ino);
	if (err && err != SFS_ERR_NOT_FOUND && err != SFS_ERR_CORRUPT)
		return err;
	if (current && (wanted == WANT_HASH ? ret->hashed : ret->mime[0] != '\0'))
		return 0;
	if (!current)
		*ret = (struct sfsi_content){ .stamp = now };
	return renew(store, ino, fd, wanted, ret);
}

/** Of a small file: nothing is kept. */
static int look_small(struct sfs_raw_file *file, enum wanted wanted, struct sfsi_content *ret)
{
	SFSI_AUTO_FREE char *bytes = malloc(SFSI_SMALL_MAX);
	struct sfsi_hash_stream stream;
	size_t len;
	int err = bytes ? sfs_raw_read(file, 0, bytes, SFSI_SMALL_MAX, &len) : SFS_ERR_NO_MEMORY;
	if (!err && wanted == WANT_MIME)
		return sfsi_mime_of((struct sfs_span){ bytes, len }, ret->mime);
	if (!err) {
		sfsi_hash_stream_init(&stream);
		sfsi_hash_stream_add(&stream, (struct sfs_span){ bytes, len });
		sfsi_hash_stream_end(&stream, ret->hash);
	}
	return err;
}

static int find(struct sfs_store *store, uint64_t ino, enum wanted wanted, struct sfsi_content *ret)
{
	struct sfs_raw_file *file;
	int err = sfs_raw_open(store, ino, false, &file);
	if (err < 0)
		return err == SFS_ERR_INVALID ? SFS_ERR_IS_DIR : err;
	int fd = sfs_raw_fd(file);
	err = fd < 0 ? look_small(file, wanted, ret) : look(store, ino, fd, wanted, ret);
	sfs_raw_close(file);
	return err;
}

/* --- the public face --- */

int sfs_raw_hash(struct sfs_store *store, uint64_t ino, unsigned char ret[SFS_HASH_LEN])
{
	struct sfsi_content content = { .hashed = false };
	int err = find(store, ino, WANT_HASH, &content);
	if (!err)
		memcpy(ret, content.hash, SFS_HASH_LEN);
	return err;
}

const char *sfs_hash_text(const unsigned char hash[SFS_HASH_LEN], char ret[SFS_HASH_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < SFS_HASH_LEN; i++) {
		ret[2 * i] = digits[hash[i] >> 4];
		ret[2 * i + 1] = digits[hash[i] & 15];
	}
	ret[2 * (size_t)SFS_HASH_LEN] = '\0';
	return ret;
}

int sfs_raw_mime(struct sfs_store *store, uint64_t ino, struct sfs_buf *ret)
{
	struct sfsi_content content = { .hashed = false };
	int err = find(store, ino, WANT_MIME, &content);
	return err < 0 ? err : sfs_buf_append(ret, content.mime, strlen(content.mime));
}

int sfs_raw_plain_path(struct sfs_store *store, uint64_t ino, struct sfs_buf *ret)
{
	char below[SFSI_BYTES_PATH];
	struct sfs_attr attr;
	struct stat stat;
	int err = sfs_raw_stat(store, ino, &attr);
	if (!err && attr.type != SFS_NODE_FILE)
		err = SFS_ERR_IS_DIR;
	if (err < 0)
		return err;
	SFSI_AUTO_BUF struct sfs_buf mirrored = SFS_BUF_INIT;
	bool none;
	if (sfsi_mirror_bytes(store, ino, &mirrored, &none) == 0)
		return none ? SFS_ERR_NOT_FOUND
			    : sfs_buf_printf(ret, "%s/%s", store->mirror->root,
					     (const char *)mirrored.data);
	sfsi_bytes_path(ino, below);
	if (fstatat(store->raw_fd, below, &stat, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? SFS_ERR_NOT_FOUND : sfsi_err_from_errno(errno);
	return store->raw_temp ? sfs_buf_printf(ret, "%s/%s", store->raw_temp, below)
			       : sfs_buf_printf(ret, "%s/raw/%s", store->home, below);
}
