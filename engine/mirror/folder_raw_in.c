/* Raws that are taken in from their files: see folder_raw.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "document/msgpack.h"
#include "mirror/folder_raw.h"
#include "open.h"
#include "raw.h"
#include "raw_index.h"
#include "raw_meta.h"
#include "stamp.h"

/* --- which raw is it? --- */

/** The raw of a folder, if its path in the class is that of the folder. SFS_ERR_NOT_FOUND. */
static int find_raw(struct sfsi_folder *folder, const char *path, uint64_t *ret_ino,
		    struct sfs_buf *buf, struct sfsi_folder_raw_row *ret)
{
	SFSI_AUTO_BUF struct sfs_buf oid = SFS_BUF_INIT;
	struct sfs_attr attr;
	const char *rest, *slash = strrchr(path, '/');
	struct sfsi_class *class = sfsi_folder_class(folder, path, &rest);
	if (!class || class->kind != SFS_CLASS_RAW || !slash || slash < rest)
		return SFS_ERR_NOT_FOUND;
	size_t len = (size_t)(slash - rest);
	int err = sfs_buf_append(&oid, rest, len);
	char *at = oid.data;
	for (size_t i = 0; i < len && !err; i++)
		if (at[i] == '/')
			at[i] = '.';
	if (!err)
		err = sfs_raw_find_path(folder->store, class->id, sfs_buf_span(&oid), &attr);
	if (!err)
		err = sfsi_folder_raw_read(folder->store, attr.ino, buf, ret);
	if (err < 0)
		return err;
	*ret_ino = attr.ino;
	struct sfs_span place = { path, (size_t)(slash - path) };
	return sfs_span_equal(ret->row.path, place) ? 0 : SFS_ERR_NOT_FOUND;
}

bool sfsi_folder_raw_known(struct sfsi_folder *folder, const char *path)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_folder_raw_row raw;
	struct sfsi_folder_stamp now;
	uint64_t ino;
	const char *name = strrchr(path, '/');
	return name && strcmp(name + 1, SFSI_FOLDER_META) == 0 &&
	       find_raw(folder, path, &ino, &buf, &raw) == 0 &&
	       sfsi_folder_stamp(folder, path, &now) == 0 &&
	       sfsi_folder_stamp_same(&now, &raw.row.stamp);
}

/* --- taking one in --- */

static struct sfs_span next_name(struct sfs_span *rest)
{
	const char *text = rest->data;
	const char *slash = rest->len ? memchr(text, '/', rest->len) : NULL;
	size_t len = slash ? (size_t)(slash - text) : rest->len;
	struct sfs_span name = { text, len };
	size_t used = slash ? len + 1 : len;
	*rest = (struct sfs_span){ text + used, rest->len - used };
	return name;
}

/** The directory and the last name of a path; directories are made. SFS_ERR_NAME, SFS_ERR_NOT_DIR. */
static int walk_path(struct sfsi_txn *txn, const struct sfsi_folder_raw *raw, uint64_t *ret_dir,
		     struct sfs_span *ret_name)
{
	uint32_t class_id = raw->class->id;
	struct sfs_span rest = raw->oid;
	uint64_t dir = sfs_ino_make(class_id, SFSI_SERIAL_ROOT);
	int err = 0;
	for (;;) {
		struct sfs_span name = next_name(&rest);
		struct sfsi_name found;
		struct sfsi_inode inode;
		const struct sfs_raw_make make = {
			.type = SFS_NODE_DIR,
			.mode = 0755,
			.uid = raw->attr->uid,
			.gid = raw->attr->gid,
		};
		err = sfsi_name_check(name);
		if (err < 0 || !rest.len) {
			*ret_dir = dir;
			*ret_name = name;
			return err;
		}
		err = sfsi_name_load(txn, dir, name, &found);
		if (err == SFS_ERR_NOT_FOUND) {
			err = sfsi_raw_make_in(txn, dir, name, &make, &inode);
			found = (struct sfsi_name){ inode.serial, SFS_NODE_DIR };
		}
		if (!err && found.type != SFS_NODE_DIR)
			err = SFS_ERR_NOT_DIR;
		if (err < 0)
			return err;
		dir = sfs_ino_make(class_id, found.serial);
	}
}

/** The members of the file that can be metadata, as the body of a document. */
static bool is_meta(void *arg, const struct sfsi_msgpack_pair *pair)
{
	(void)arg;
	return pair->name.data && sfsi_meta_key_check(pair->name, NULL) == 0 &&
	       pair->value.len <= SFSI_META_VALUE_MAX &&
	       !sfs_span_equal(pair->name, sfs_span_str("updates"));
}

static int meta_body(const struct sfsi_folder_parsed *parsed, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf pairs = SFS_BUF_INIT;
	uint32_t count = 0;
	int err = sfsi_msgpack_map_select(sfs_buf_span(&parsed->document), is_meta, NULL, &pairs,
					  &count);
	if (!err)
		err = sfsi_msgpack_map_header(ret, count);
	return err < 0 ? err : sfs_buf_append(ret, pairs.data, pairs.len);
}

static int put_meta(struct sfsi_txn *txn, uint64_t ino, const struct sfsi_folder_parsed *parsed)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf map = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf old = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_meta before, after = { .text = { "", 0 } };
	struct sfsi_key key;
	uint32_t class_id = sfs_ino_class(ino);
	int err = meta_body(parsed, &body);
	if (!err)
		err = sfsi_meta_map(txn->store, class_id, sfs_buf_span(&body), &map, NULL);
	if (!err)
		err = sfsi_meta_load_in(txn, ino, &old, &before);
	if (err < 0 || sfs_span_equal(before.map, sfs_buf_span(&map)))
		return err;
	after.updated_ns = after.saved_ns = txn->now_ns;
	after.map = sfs_buf_span(&map);
	err = sfsi_meta_encode(&after, &value);
	sfsi_key_serial(&key, 'X', sfsi_ino_serial(ino));
	if (!err)
		err = sfsi_txn_put(txn, class_id, sfsi_key_span(&key), sfs_buf_span(&value));
	return err < 0 ? err : sfsi_raw_index_change(txn, ino, &before, &after);
}

/** The raw of that path, made if it is new. */
static int find_or_make(struct sfsi_txn *txn, const struct sfsi_folder_raw *raw, uint64_t *ret)
{
	uint64_t dir;
	struct sfs_span name;
	struct sfsi_name found;
	struct sfsi_inode inode;
	const struct sfs_raw_make make = {
		.type = SFS_NODE_FILE,
		.mode = raw->attr->mode,
		.uid = raw->attr->uid,
		.gid = raw->attr->gid,
	};
	int err = walk_path(txn, raw, &dir, &name);
	if (err < 0)
		return err;
	err = sfsi_name_load(txn, dir, name, &found);
	if (err == SFS_ERR_NOT_FOUND) {
		err = sfsi_raw_make_in(txn, dir, name, &make, &inode);
		*ret = sfs_ino_make(raw->class->id, inode.serial);
		return err;
	}
	if (!err && found.type != SFS_NODE_FILE)
		err = SFS_ERR_IS_DIR;
	*ret = sfs_ino_make(raw->class->id, found.serial);
	/* It is there already: what is said of it changed. */
	return err < 0 ? err : sfsi_inode_touch(txn, *ret);
}

int sfsi_folder_take_raw(struct sfsi_folder *folder, struct sfsi_txn *txn,
			 const struct sfsi_folder_raw *raw)
{
	SFSI_AUTO_BUF struct sfs_buf blob = SFS_BUF_INIT;
	struct sfsi_folder_stamp bytes;
	struct sfs_span place = { raw->path, (size_t)(strrchr(raw->path, '/') - raw->path) };
	uint64_t ino;
	int err = find_or_make(txn, raw, &ino);
	/* Its name can not be one here: it is left alone. */
	if (err == SFS_ERR_NAME || err == SFS_ERR_LIMIT || err == SFS_ERR_NOT_DIR ||
	    err == SFS_ERR_IS_DIR)
		return 0;
	if (!err)
		err = put_meta(txn, ino, raw->parsed);
	if (!err)
		err = sfsi_folder_raw_file(place, SFSI_FOLDER_BLOB, &blob);
	if (!err)
		err = sfsi_folder_stamp(folder, blob.data, &bytes);
	if (err < 0)
		return err;
	struct sfs_span type = raw->parsed->type;
	bool own_type = type.len && !sfs_span_equal(type, sfs_span_str(raw->class->type));
	const struct sfsi_folder_raw_row row = {
		.row = { .flags = (bytes.ino ? 0u : SFSI_FOLDER_NO_DATA) |
				  (raw->parsed->number ? SFSI_FOLDER_NUMBER : 0u),
			 .stamp = raw->stamp,
			 .path = place,
			 .type = own_type ? type : (struct sfs_span){ "", 0 } },
		.oid = raw->oid,
		.updates = raw->parsed->updates,
	};
	return sfsi_folder_raw_put(txn, ino, &row);
}

/* --- what is gone --- */

static bool is_in_class(struct sfs_store *store, uint64_t ino, const char *path)
{
	const struct sfsi_class *class = sfsi_class_ref(store, sfs_ino_class(ino));
	size_t len = class && class->mirror ? strlen(class->mirror->path) : 0;
	return len && strncmp(path, class->mirror->path, len) == 0 && path[len] == '/';
}

/** Is there no meta.json, and none on its way there? It may be back since that was asked without a lock. */
static int is_gone(struct sfsi_folder *folder, struct sfsi_txn *txn, uint64_t ino,
		   const struct sfsi_folder_raw_row *row)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf task = SFS_BUF_INIT;
	struct sfsi_folder_serial serial;
	struct sfsi_folder_stamp now;
	struct sfsi_key key;
	sfsi_folder_key(&key, 'V', sfsi_folder_serial(&serial, ino));
	int err = sfsi_txn_get(txn, sfs_ino_class(ino), sfsi_key_span(&key), &task);
	if (!err && atomic_load(&folder->behind))
		return SFS_ERR_NOT_FOUND;
	err = sfsi_folder_raw_file(row->row.path, SFSI_FOLDER_META, &path);
	if (!err)
		err = sfsi_folder_stamp(folder, path.data, &now);
	/* The class may have been renamed since this was asked. */
	if (!err && !is_in_class(txn->store, ino, path.data))
		return SFS_ERR_NOT_FOUND;
	return !err && now.ino ? SFS_ERR_NOT_FOUND : err;
}

/** Remove a raw whose meta.json is gone. */
static int remove_raw(struct sfsi_folder *folder, struct sfsi_class *class, uint64_t ino,
		      const struct sfsi_folder_raw_row *row)
{
	struct sfsi_folder_serial serial;
	struct sfsi_inode gone = { .serial = 0 };
	struct sfsi_key key;
	struct sfsi_txn txn;
	struct sfsi_name found;
	bool orphan = false;
	const struct sfs_setattr attr = { .mask = 0 };
	const struct sfsi_folder_raw raw = { .class = class, .oid = row->oid, .attr = &attr };
	uint64_t dir;
	struct sfs_span name;
	sfsi_txn_begin_inward(folder->store, &txn);
	int err = is_gone(folder, &txn, ino, row);
	if (!err)
		err = walk_path(&txn, &raw, &dir, &name);
	if (!err)
		err = sfsi_name_load(&txn, dir, name, &found);
	if (!err && found.serial != sfsi_ino_serial(ino))
		err = SFS_ERR_NOT_FOUND;
	if (!err)
		err = sfsi_inode_unref(&txn, class->id, found.serial, &gone, &orphan);
	if (!err)
		err = sfsi_name_erase(&txn, dir, name);
	if (!err)
		err = sfsi_dir_touch(&txn, dir, 0);
	sfsi_folder_key(&key, 'R', sfsi_folder_serial(&serial, ino));
	if (!err)
		err = sfsi_txn_remove(&txn, class->id, sfsi_key_span(&key));
	err = sfsi_txn_end(&txn, err);
	if (!err && orphan)
		sfsi_open_orphan(folder->store, ino, &gone);
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

int sfsi_folder_see_raw(struct sfsi_folder *folder, struct sfsi_class *class,
			struct sfs_span serial, struct sfs_span val)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	struct sfsi_folder_raw_row row;
	struct sfsi_folder_stamp now;
	int err = serial.len == 8 ? sfsi_folder_raw_decode(val, &row) : SFS_ERR_CORRUPT;
	if (!err)
		err = sfsi_folder_raw_file(row.row.path, SFSI_FOLDER_META, &path);
	if (!err)
		err = sfsi_folder_stamp(folder, path.data, &now);
	if (err < 0 || now.ino)
		return err;
	return remove_raw(folder, class, sfs_ino_make(class->id, sfsi_get_be64(serial.data)), &row);
}

int sfsi_folder_raw_gone(struct sfsi_folder *folder, const char *path)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_folder_raw_row row;
	uint64_t ino;
	int err = find_raw(folder, path, &ino, &buf, &row);
	struct sfsi_class *class = err < 0 ? NULL
					   : sfsi_class_ref(folder->store, sfs_ino_class(ino));
	return class ? remove_raw(folder, class, ino, &row) : err;
}

/* --- bytes --- */

static bool is_our_doing(struct sfsi_folder *folder, uint64_t ino,
			 const struct sfsi_folder_stamp *now)
{
	SFSI_LOCK_SCOPE(&folder->lock);
	for (size_t i = 0; i < sizeof folder->wrote / sizeof *folder->wrote; i++)
		if (folder->wrote[i].ino == ino)
			return sfsi_folder_stamp_same(&folder->wrote[i].stamp, now);
	return false;
}

void sfsi_folder_wrote(struct sfsi_folder *folder, uint64_t ino, const struct stat *stat)
{
	SFSI_LOCK_SCOPE(&folder->lock);
	size_t count = sizeof folder->wrote / sizeof *folder->wrote, at = folder->wrote_next;
	for (size_t i = 0; i < count; i++)
		if (folder->wrote[i].ino == ino)
			at = i;
	if (at == folder->wrote_next)
		folder->wrote_next = (at + 1) % count;
	folder->wrote[at].ino = ino;
	sfsi_folder_stamp_of(stat, &folder->wrote[at].stamp);
}

void sfsi_mirror_wrote_bytes(struct sfs_store *store, uint64_t ino, int fd)
{
	struct stat stat;
	struct sfsi_folder *folder = store->mirror && store->mirror->own ? store->mirror->own[0]
									 : NULL;
	if (folder && fstat(fd, &stat) == 0)
		sfsi_folder_wrote(folder, ino, &stat);
}

/** Whether it has bytes, as it is now: since the notice came the raw may have moved, and its bytes with it. */
static int look_in(struct sfsi_folder *folder, struct sfsi_txn *txn, uint64_t ino, const char *path)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf task = SFS_BUF_INIT;
	struct sfsi_folder_raw_row row;
	struct sfsi_folder_serial serial;
	struct sfsi_folder_stamp now;
	struct sfsi_key key;
	struct sfs_span place = { path, (size_t)(strrchr(path, '/') - path) };
	int err = sfsi_folder_raw_load(txn, ino, &buf, &row);
	if (!err && !sfs_span_equal(row.row.path, place))
		err = SFS_ERR_NOT_FOUND;
	if (err < 0)
		return err;
	sfsi_folder_key(&key, 'V', sfsi_folder_serial(&serial, ino));
	err = sfsi_txn_get(txn, sfs_ino_class(ino), sfsi_key_span(&key), &task);
	if (!err && atomic_load(&folder->behind))
		return SFS_ERR_NOT_FOUND;
	err = sfsi_folder_stamp(folder, path, &now);
	if (err < 0 || is_our_doing(folder, ino, &now))
		return err < 0 ? err : SFS_ERR_NOT_FOUND;
	row.row.flags &= ~(unsigned)SFSI_FOLDER_NO_DATA;
	row.row.flags |= now.ino ? 0u : SFSI_FOLDER_NO_DATA;
	err = sfsi_folder_raw_put(txn, ino, &row);
	return err < 0 ? err : sfsi_inode_touch(txn, ino);
}

int sfsi_folder_look_blob(struct sfsi_folder *folder, const char *path)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_folder_raw_row row;
	struct sfsi_folder_stamp now;
	struct sfsi_txn txn;
	uint64_t ino;
	int err = find_raw(folder, path, &ino, &buf, &row);
	if (!err)
		err = sfsi_folder_stamp(folder, path, &now);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	if (is_our_doing(folder, ino, &now))
		return 0;
	sfsi_txn_begin_inward(folder->store, &txn);
	err = sfsi_txn_end(&txn, look_in(folder, &txn, ino, path));
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}
