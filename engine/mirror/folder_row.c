/* What the sidecar knows of files, and where files are: see folder.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include "base/errno.h"
#include "document/utf8.h"
#include "mirror/folder.h"

#define VERSION 1
#define PATH_LIMIT 4000

void sfsi_folder_key(struct sfsi_key *key, char part, struct sfs_span oid)
{
	key->data[0] = 'F';
	key->data[1] = (uint8_t)part;
	key->len = 2;
	sfsi_key_append(key, oid);
}

/* --- rows --- */

static int put_stamp(struct sfs_buf *ret, const struct sfsi_folder_stamp *stamp)
{
	uint8_t bytes[24];
	sfsi_put_u64(sfsi_put_u64(sfsi_put_u64(bytes, (uint64_t)stamp->mtime_ns), stamp->size),
		     stamp->ino);
	return sfs_buf_append(ret, bytes, sizeof bytes);
}

static void read_stamp(struct sfsi_reader *r, struct sfsi_folder_stamp *ret)
{
	ret->mtime_ns = (int64_t)sfsi_read_u64(r);
	ret->size = sfsi_read_u64(r);
	ret->ino = sfsi_read_u64(r);
}

static int put_text(struct sfs_buf *ret, struct sfs_span text)
{
	uint8_t len[2] = { (uint8_t)text.len, (uint8_t)(text.len >> 8) };
	int err = text.len > UINT16_MAX ? SFS_ERR_LIMIT : sfs_buf_append(ret, len, 2);
	return err < 0 ? err : sfs_buf_append(ret, text.data, text.len);
}

static void read_text(struct sfsi_reader *r, struct sfs_span *ret)
{
	*ret = sfsi_read_span(r, sfsi_read_u16(r));
}

int sfsi_folder_row_encode(const struct sfsi_folder_row *row, struct sfs_buf *ret)
{
	const uint8_t head[2] = { VERSION, (uint8_t)row->flags };
	int err = sfs_buf_append(ret, head, sizeof head);
	if (!err)
		err = put_stamp(ret, &row->stamp);
	if (!err)
		err = put_text(ret, row->path);
	if (!err)
		err = put_text(ret, row->type);
	return err < 0 ? err : sfs_buf_append(ret, row->updates.data, row->updates.len);
}

int sfsi_folder_row_decode(struct sfs_span bytes, struct sfsi_folder_row *ret)
{
	struct sfsi_reader r = sfsi_reader(bytes);
	uint8_t version = sfsi_read_u8(&r);
	ret->flags = sfsi_read_u8(&r);
	read_stamp(&r, &ret->stamp);
	read_text(&r, &ret->path);
	read_text(&r, &ret->type);
	ret->updates = (struct sfs_span){ r.left ? (const void *)r.at : "", r.left };
	return r.bad || version != VERSION ? SFS_ERR_CORRUPT : 0;
}

int sfsi_folder_task_encode(const struct sfsi_folder_task *task, struct sfs_buf *ret)
{
	uint8_t head[9];
	sfsi_put_u64(sfsi_put_u8(head, VERSION), task->commit);
	int err = sfs_buf_append(ret, head, sizeof head);
	if (!err)
		err = put_stamp(ret, &task->before);
	return err < 0 ? err : put_text(ret, task->path);
}

int sfsi_folder_task_decode(struct sfs_span bytes, struct sfsi_folder_task *ret)
{
	struct sfsi_reader r = sfsi_reader(bytes);
	uint8_t version = sfsi_read_u8(&r);
	ret->commit = sfsi_read_u64(&r);
	read_stamp(&r, &ret->before);
	read_text(&r, &ret->path);
	return r.bad || r.left || version != VERSION || !ret->path.len ? SFS_ERR_CORRUPT : 0;
}

/* --- stamps --- */

void sfsi_folder_stamp_of(const struct stat *stat, struct sfsi_folder_stamp *ret)
{
	*ret = (struct sfsi_folder_stamp){
		.mtime_ns = (int64_t)stat->st_mtim.tv_sec * 1000000000 + stat->st_mtim.tv_nsec,
		.size = (uint64_t)stat->st_size,
		.ino = stat->st_ino,
	};
}

bool sfsi_folder_stamp_same(const struct sfsi_folder_stamp *one,
			    const struct sfsi_folder_stamp *two)
{
	return one->mtime_ns == two->mtime_ns && one->size == two->size && one->ino == two->ino;
}

int sfsi_folder_stamp(const struct sfsi_folder *folder, const char *path,
		      struct sfsi_folder_stamp *ret)
{
	struct stat stat;
	*ret = (struct sfsi_folder_stamp){ 0 };
	if (fstatat(folder->mirror->root_fd, path, &stat, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : sfsi_err_from_errno(errno);
	sfsi_folder_stamp_of(&stat, ret);
	return 0;
}

/* --- paths --- */

/** Can each part between dots be a name? */
static int check_parts(struct sfs_span oid, size_t max)
{
	const char *text = oid.data;
	size_t len = 0;
	/* The file says its oid in JSON. */
	if (!sfsi_utf8_valid(oid))
		return SFS_ERR_NAME;
	for (size_t i = 0; i <= oid.len; i++) {
		bool end = i == oid.len || text[i] == '.' || text[i] == '/';
		if (!end && text[i] == '\0')
			return SFS_ERR_NAME;
		if (!end)
			len++;
		if (end && (len == 0 || len > max))
			return len ? SFS_ERR_LIMIT : SFS_ERR_NAME;
		if (end)
			len = 0;
	}
	return 0;
}

int sfsi_folder_path(const struct sfsi_class *class, struct sfs_span oid, const char *end,
		     struct sfs_buf *ret)
{
	const char *folder = class->mirror->path;
	int err = check_parts(oid, NAME_MAX - strlen(end));
	if (!err && strlen(folder) + oid.len > PATH_LIMIT)
		err = SFS_ERR_LIMIT;
	if (!err)
		err = sfs_buf_printf(ret, "%s/", folder);
	size_t from = ret->len;
	if (!err)
		err = sfs_buf_append(ret, oid.data, oid.len);
	if (err < 0)
		return err;
	char *at = (char *)ret->data;
	for (size_t i = from; i < ret->len; i++)
		if (at[i] == '.')
			at[i] = '/';
	return sfs_buf_append(ret, end, strlen(end) + 1);
}

int sfsi_folder_row_path(const struct sfsi_class *class, struct sfs_span oid,
			 const struct sfsi_folder_row *row, struct sfs_buf *ret)
{
	if (!row->path.len)
		return sfsi_folder_path(class, oid, SFSI_FOLDER_JSON, ret);
	int err = sfs_buf_append(ret, row->path.data, row->path.len);
	return err < 0 ? err : sfs_buf_append(ret, "", 1);
}

bool sfsi_folder_is_path(const struct sfsi_class *class, struct sfs_span oid, const char *end,
			 const char *path)
{
	SFSI_AUTO_BUF struct sfs_buf own = SFS_BUF_INIT;
	return sfsi_folder_path(class, oid, end, &own) == 0 && strcmp(own.data, path) == 0;
}

struct sfsi_class *sfsi_folder_class(const struct sfsi_folder *folder, const char *path,
				     const char **ret_rest)
{
	struct sfs_store *store = folder->store;
	struct sfsi_class *best = NULL;
	size_t longest = 0;
	pthread_rwlock_rdlock(&store->catalogue_lock);
	for (size_t i = 0; i < store->by_name_len; i++) {
		struct sfsi_class *class = store->by_name[i];
		const struct sfsi_mirror_class *mirror = class->mirror;
		size_t len = mirror && mirror->kind == &sfsi_mirror_directory ? strlen(mirror->path)
									      : 0;
		if (len > longest && strncmp(path, mirror->path, len) == 0 && path[len] == '/') {
			best = class;
			longest = len;
		}
	}
	pthread_rwlock_unlock(&store->catalogue_lock);
	if (best)
		*ret_rest = path + longest + 1;
	return best;
}

int sfsi_mirror_missing(struct sfs_store *store, uint32_t class_id, struct sfs_span oid)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_folder_row row;
	struct sfsi_key key;
	if (!atomic_load(&store->mirror->damaged))
		return SFS_ERR_NOT_FOUND;
	sfsi_folder_key(&key, 'O', oid);
	int err = sfsi_backend_get(store->backend, class_id, sfsi_key_span(&key), &value);
	if (!err)
		err = sfsi_folder_row_decode(sfs_buf_span(&value), &row);
	return err || !(row.flags & SFSI_FOLDER_DAMAGED) ? SFS_ERR_NOT_FOUND : SFS_ERR_CORRUPT;
}
