/* Raws as a whole: size, all bytes at once or in pieces, listings, removal (storefs/content.h). */
#include <stdlib.h>
#include "raw_content.h"
#include "raw_name.h"
#include "raw_page.h"

#define PIECE_MAX ((size_t)64 << 20)

int sfs_raw_size(struct sfs_store *store, uint64_t ino, uint64_t *ret)
{
	struct sfs_attr attr;
	int err = sfs_raw_stat(store, ino, &attr);
	if (!err && attr.type != SFS_NODE_FILE)
		err = SFS_ERR_IS_DIR;
	if (!err)
		*ret = attr.size;
	return err;
}

/* --- bytes --- */

static int open_file(struct sfs_store *store, uint64_t ino, struct sfs_raw_file **ret)
{
	int err = sfs_raw_open(store, ino, false, ret);
	return err == SFS_ERR_INVALID ? SFS_ERR_IS_DIR : err;
}

static int stream(struct sfs_raw_file *file, char *piece, size_t size, sfs_raw_piece_fn *fn,
		  void *arg)
{
	uint64_t off = 0;
	size_t len = size;
	int err = 0;
	while (!err && len == size) {
		err = sfs_raw_read(file, off, piece, size, &len);
		if (!err && len && fn(arg, (struct sfs_span){ piece, len }, off))
			err = SFS_ERR_CANCELLED;
		off += len;
	}
	return err;
}

int sfs_raw_stream(struct sfs_store *store, uint64_t ino, size_t size, sfs_raw_piece_fn *fn,
		   void *arg)
{
	struct sfs_raw_file *file;
	if (size == 0)
		size = SFS_RAW_PIECE;
	if (size > PIECE_MAX)
		return SFS_ERR_LIMIT;
	int err = open_file(store, ino, &file);
	if (err < 0)
		return err;
	SFSI_AUTO_FREE char *piece = malloc(size);
	err = piece ? stream(file, piece, size, fn, arg) : SFS_ERR_NO_MEMORY;
	sfs_raw_close(file);
	return err;
}

struct loading {
	struct sfs_buf *ret;
	uint64_t left;
	int err;
};

static int load_piece(void *arg, struct sfs_span bytes, uint64_t off)
{
	struct loading *loading = arg;
	(void)off;
	if (bytes.len > loading->left)
		loading->err = SFS_ERR_LIMIT;
	else
		loading->err = sfs_buf_append(loading->ret, bytes.data, bytes.len);
	loading->left -= bytes.len;
	return loading->err < 0;
}

int sfs_raw_load(struct sfs_store *store, uint64_t ino, uint64_t limit, struct sfs_buf *ret)
{
	struct loading loading = { .ret = ret, .left = limit ? limit : UINT64_MAX };
	size_t before = ret->len;
	int err = sfs_raw_stream(store, ino, (size_t)1 << 20, load_piece, &loading);
	if (err == SFS_ERR_CANCELLED)
		err = loading.err;
	if (err < 0)
		ret->len = before;
	return err;
}

/* --- listing --- */

static int give(struct sfs_store *store, uint64_t ino, sfs_raw_each_fn *fn, void *arg)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	struct sfs_attr attr;
	int err = sfs_raw_stat(store, ino, &attr);
	if (!err)
		err = sfs_raw_path(store, ino, &path);
	/* It went meanwhile. */
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	return err < 0 ? err : fn(arg, sfs_buf_span(&path), &attr) ? SFS_ERR_CANCELLED : 0;
}

int sfs_raw_each(struct sfs_store *store, uint32_t class_id, uint64_t start, uint64_t limit,
		 sfs_raw_each_fn *fn, void *arg)
{
	struct sfs_class_info info;
	struct sfsi_raw_page page = { .after = 0 };
	int err = sfs_class_get(store, class_id, &info);
	if (!err && info.kind != SFS_CLASS_RAW)
		err = SFS_ERR_WRONG_KIND;
	while (!err && limit) {
		err = sfsi_raw_page_next(store, class_id, &page);
		for (size_t i = 0; i < page.count && limit && !err; i++) {
			if (start) {
				start--;
				continue;
			}
			err = give(store, sfs_ino_make(class_id, page.serials[i]), fn, arg);
			limit--;
		}
	}
	return err < 0 ? err : 0;
}

/* --- removing --- */

int sfs_raw_remove(struct sfs_store *store, uint32_t class_id, struct sfs_span path)
{
	const char *slash = memrchr(path.data, '/', path.len);
	size_t len = slash ? (size_t)(slash - (const char *)path.data) : 0;
	struct sfs_attr dir;
	if (!path.len)
		return SFS_ERR_NOT_FOUND;
	int err = sfs_raw_find_path(store, class_id, (struct sfs_span){ path.data, len }, &dir);
	size_t skip = slash ? len + 1 : 0;
	return err < 0 ? err
		       : sfs_raw_unlink(store, dir.ino,
					(struct sfs_span){ (const char *)path.data + skip,
							   path.len - skip });
}
