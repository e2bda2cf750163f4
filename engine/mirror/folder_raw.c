/* Raws of a folder, from and to its files: see folder_raw.h. */
#include "mirror/folder_raw.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/errno.h"
#include "document/json_python.h"
#include "document/msgpack.h"
#include "memo.h"
#include "open.h"
#include "raw.h"
#include "raw_refs.h"
#include "stamp.h"
#include "trash.h"

struct sfs_span sfsi_folder_serial(struct sfsi_folder_serial *key, uint64_t ino)
{
	sfsi_put_be64(key->bytes, sfsi_ino_serial(ino));
	return (struct sfs_span){ key->bytes, sizeof key->bytes };
}

int sfsi_folder_raw_decode(struct sfs_span bytes, struct sfsi_folder_raw_row *ret)
{
	int err = sfsi_folder_row_decode(bytes, &ret->row);
	struct sfsi_reader r = sfsi_reader(ret->row.updates);
	size_t len = err < 0 ? 0 : sfsi_read_u16(&r);
	const uint8_t *oid = sfsi_read_bytes(&r, len);
	if (err < 0 || r.bad || !ret->row.path.len)
		return SFS_ERR_CORRUPT;
	ret->oid = (struct sfs_span){ oid, len };
	ret->updates = (struct sfs_span){ r.left ? (const void *)r.at : "", r.left };
	return 0;
}

int sfsi_folder_raw_put(struct sfsi_txn *txn, uint64_t ino, const struct sfsi_folder_raw_row *raw)
{
	SFSI_AUTO_BUF struct sfs_buf more = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_folder_row row = raw->row;
	struct sfsi_folder_serial serial;
	struct sfsi_key key;
	const uint8_t len[2] = { (uint8_t)raw->oid.len, (uint8_t)(raw->oid.len >> 8) };
	int err = raw->oid.len > UINT16_MAX ? SFS_ERR_LIMIT : sfs_buf_append(&more, len, 2);
	if (!err)
		err = sfs_buf_append(&more, raw->oid.data, raw->oid.len);
	if (!err)
		err = sfs_buf_append(&more, raw->updates.data, raw->updates.len);
	row.updates = sfs_buf_span(&more);
	if (!err)
		err = sfsi_folder_row_encode(&row, &value);
	sfsi_folder_key(&key, 'R', sfsi_folder_serial(&serial, ino));
	return err < 0 ? err
		       : sfsi_txn_put(txn, sfs_ino_class(ino), sfsi_key_span(&key),
				      sfs_buf_span(&value));
}

int sfsi_folder_raw_load(struct sfsi_txn *txn, uint64_t ino, struct sfs_buf *buf,
			 struct sfsi_folder_raw_row *ret)
{
	struct sfsi_folder_serial serial;
	struct sfsi_key key;
	sfsi_folder_key(&key, 'R', sfsi_folder_serial(&serial, ino));
	int err = sfsi_txn_get(txn, sfs_ino_class(ino), sfsi_key_span(&key), buf);
	return err < 0 ? err : sfsi_folder_raw_decode(sfs_buf_span(buf), ret);
}

int sfsi_folder_raw_read(struct sfs_store *store, uint64_t ino, struct sfs_buf *buf,
			 struct sfsi_folder_raw_row *ret)
{
	struct sfsi_folder_serial serial;
	struct sfsi_key key;
	sfsi_folder_key(&key, 'R', sfsi_folder_serial(&serial, ino));
	int err = sfsi_memo_get(store, sfs_ino_class(ino), sfsi_key_span(&key), buf);
	return err < 0 ? err : sfsi_folder_raw_decode(sfs_buf_span(buf), ret);
}

int sfsi_folder_raw_file(struct sfs_span folder, const char *name, struct sfs_buf *ret)
{
	int err = sfs_buf_append(ret, folder.data, folder.len);
	if (!err)
		err = sfs_buf_append(ret, "/", 1);
	return err < 0 ? err : sfs_buf_append(ret, name, strlen(name) + 1);
}

int sfsi_mirror_bytes(struct sfs_store *store, uint64_t ino, struct sfs_buf *ret, bool *ret_none)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_folder_raw_row raw;
	struct sfsi_class *class = store->mirror ? sfsi_class_ref(store, sfs_ino_class(ino)) : NULL;
	if (!class || !class->mirror || class->kind != SFS_CLASS_RAW)
		return SFS_ERR_NOT_FOUND;
	int err = sfsi_folder_raw_read(store, ino, &buf, &raw);
	if (err < 0)
		return err;
	*ret_none = raw.row.flags & SFSI_FOLDER_NO_DATA;
	return sfsi_folder_raw_file(raw.row.path, SFSI_FOLDER_BLOB, ret);
}

/* --- writing --- */

static int put_string(struct sfs_buf *ret, struct sfs_span text)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	return writer.sink.ops->string(&writer.sink, text);
}

/** The original's names of what a save of metadata sets. */
static const char *const set_by_meta[] = { "meta", "oid" };

static bool stays(void *arg, const struct sfsi_msgpack_pair *pair)
{
	const bool *meta = arg;
	return !*meta || (!sfs_span_equal(pair->name, sfs_span_str(set_by_meta[0])) &&
			  !sfs_span_equal(pair->name, sfs_span_str(set_by_meta[1])));
}

/** The update times of a file, with those of the metadata and of the whole set to now. */
static int render_updates(const struct sfsi_folder_raw_row *raw, bool meta, int64_t now_ns,
			  struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf pairs = SFS_BUF_INIT;
	uint32_t count = 0;
	int err = raw->updates.len
			  ? sfsi_msgpack_map_select(raw->updates, stays, &meta, &pairs, &count)
			  : 0;
	for (size_t i = 0; i < 2 && meta && !err; i++, count++) {
		err = put_string(&pairs, sfs_span_str(set_by_meta[i]));
		if (!err)
			err = sfsi_stamp_put(&pairs, now_ns);
	}
	/* Nothing was ever set: as the original says it. */
	if (!err && !meta && !raw->updates.len) {
		const char zero = 0;
		count = 1;
		err = put_string(&pairs, sfs_span_str("oid"));
		if (!err)
			err = sfs_buf_append(&pairs, &zero, 1);
	}
	if (!err)
		err = sfsi_msgpack_map_header(ret, count);
	return err < 0 ? err : sfs_buf_append(ret, pairs.data, pairs.len);
}

struct metadata {
	struct sfs_buf pairs;
	uint32_t count;
};

static int add_pair(void *arg, struct sfs_span key, struct sfs_span value)
{
	struct metadata *meta = arg;
	if (sfs_span_equal(key, sfs_span_str("oid")) || sfs_span_equal(key, sfs_span_str("type")) ||
	    sfs_span_equal(key, sfs_span_str("updates")))
		return 0;
	meta->count++;
	int err = put_string(&meta->pairs, key);
	return err < 0 ? err : sfs_buf_append(&meta->pairs, value.data, value.len);
}

/** The text of meta.json; raw->updates becomes what it says of them, in buf. */
static int render(struct sfsi_txn *txn, const struct sfsi_class *class, uint64_t ino, bool meta,
		  struct sfsi_folder_raw_row *raw, struct sfs_buf *buf, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf whole = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf head = SFS_BUF_INIT;
	struct metadata pairs = { .count = 0 };
	struct sfs_span type = raw->row.type.len ? raw->row.type : sfs_span_str(class->type);
	int err = render_updates(raw, meta, txn->now_ns, buf);
	if (!err)
		err = put_string(&head, sfs_span_str("oid"));
	if (!err)
		err = put_string(&head, raw->oid);
	if (!err)
		err = put_string(&head, sfs_span_str("type"));
	if (!err)
		err = put_string(&head, type);
	if (!err)
		err = put_string(&head, sfs_span_str("updates"));
	if (!err)
		err = sfs_buf_append(&head, buf->data, buf->len);
	if (!err)
		err = sfsi_meta_each_in(txn, ino, add_pair, &pairs);
	if (!err)
		err = sfsi_msgpack_map_header(&whole, 3 + pairs.count);
	if (!err)
		err = sfs_buf_append(&whole, head.data, head.len);
	if (!err)
		err = sfs_buf_append(&whole, pairs.pairs.data, pairs.pairs.len);
	sfs_buf_fini(&pairs.pairs);
	raw->updates = sfs_buf_span(buf);
	return err < 0 ? err : sfsi_json_python_write(sfs_buf_span(&whole), ret);
}

int sfsi_folder_raw_text(struct sfs_store *store, const struct sfsi_class *class, uint64_t ino,
			 struct sfsi_folder_raw_row *raw, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf updates = SFS_BUF_INIT;
	struct sfsi_txn txn;
	/* Only to read: it is given up. */
	sfsi_txn_begin_inward(store, &txn);
	int err = render(&txn, class, ino, false, raw, &updates, ret);
	raw->updates = (struct sfs_span){ "", 0 };
	(void)!sfsi_txn_end(&txn, SFS_ERR_CANCELLED);
	return err;
}

static int put_task(struct sfsi_txn *txn, uint64_t ino, const struct sfsi_folder_staged *staged,
		    struct sfs_span path)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_folder_serial serial;
	struct sfsi_key key;
	struct sfsi_folder_task task = {
		.commit = txn->commit,
		.before = staged->before,
		.path = path,
	};
	sfsi_folder_key(&key, 'V', sfsi_folder_serial(&serial, ino));
	int err = sfsi_folder_task_encode(&task, &value);
	return err < 0 ? err
		       : sfsi_txn_put(txn, sfs_ino_class(ino), sfsi_key_span(&key),
				      sfs_buf_span(&value));
}

static struct sfsi_folder_staged *staged_new(struct sfsi_folder *folder,
					     const struct sfsi_class *class, uint64_t ino,
					     const char *path, uint64_t commit)
{
	struct sfsi_folder_serial serial;
	struct sfsi_folder_staged *staged = sfsi_folder_staged_new(
		folder, class, sfsi_folder_serial(&serial, ino), path);
	if (!staged)
		return NULL;
	staged->raw = true;
	staged->ino = ino;
	staged->commit = commit;
	return staged;
}

static void trash_key(uint64_t ino, struct sfsi_key *ret)
{
	struct sfsi_folder_serial serial;
	sfsi_folder_key(ret, 'T', sfsi_folder_serial(&serial, ino));
}

/** One that goes into the trash in this change: what its file said of it stays, too. */
static int keep_row(struct sfsi_txn *txn, uint64_t ino, struct sfs_span row)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_trash trash;
	struct sfsi_key key;
	int err = sfsi_trash_load(txn, sfs_ino_class(ino), sfsi_ino_serial(ino), &buf, &trash);
	if (err)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	trash_key(ino, &key);
	return sfsi_txn_put(txn, sfs_ino_class(ino), sfsi_key_span(&key), row);
}

/** One that comes out of it says of itself what it said. SFS_ERR_NOT_FOUND: it was not there. */
static int take_kept(struct sfsi_txn *txn, uint64_t ino, struct sfs_buf *buf,
		     struct sfsi_folder_raw_row *ret)
{
	struct sfsi_folder_raw_row was;
	struct sfsi_key key;
	trash_key(ino, &key);
	int err = sfsi_txn_get(txn, sfs_ino_class(ino), sfsi_key_span(&key), buf);
	if (!err)
		err = sfsi_folder_raw_decode(sfs_buf_span(buf), &was);
	if (err < 0)
		return err;
	ret->row.flags = was.row.flags & SFSI_FOLDER_NUMBER;
	ret->row.type = was.row.type;
	ret->updates = was.updates;
	return sfsi_txn_remove(txn, sfs_ino_class(ino), sfsi_key_span(&key));
}

int sfsi_mirror_forget_raw(struct sfsi_txn *txn, uint64_t ino)
{
	const struct sfsi_class *class = sfsi_class_ref(txn->store, sfs_ino_class(ino));
	struct sfsi_key key;
	trash_key(ino, &key);
	return class && class->mirror
		       ? sfsi_txn_remove(txn, sfs_ino_class(ino), sfsi_key_span(&key))
		       : 0;
}

static int stage_gone(struct sfsi_folder *folder, struct sfsi_txn *txn,
		      const struct sfsi_mirror_change *change,
		      const struct sfsi_folder_raw_row *raw, struct sfs_span row)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	struct sfsi_folder_serial serial;
	struct sfsi_key key;
	int err = sfsi_folder_raw_file(raw->row.path, SFSI_FOLDER_META, &path);
	struct sfsi_folder_staged *staged = err < 0 ? NULL
						    : staged_new(folder, change->class, change->ino,
								 path.data, txn->commit);
	if (!staged)
		return SFS_ERR_NO_MEMORY;
	staged->blob = strndup(raw->row.path.data, raw->row.path.len);
	err = staged->blob ? sfsi_folder_stamp(folder, path.data, &staged->before)
			   : SFS_ERR_NO_MEMORY;
	if (!err && staged->before.ino && !sfsi_folder_stamp_same(&staged->before, &raw->row.stamp))
		err = SFS_ERR_CONFLICT;
	if (!err)
		err = put_task(txn, change->ino, staged, raw->row.path);
	if (!err)
		err = keep_row(txn, change->ino, row);
	sfsi_folder_key(&key, 'R', sfsi_folder_serial(&serial, change->ino));
	return err < 0 ? err : sfsi_txn_remove(txn, change->class->id, sfsi_key_span(&key));
}

/** A folder that another raw has, and this change does not take from it, is not free. */
static int check_free(struct sfsi_folder *folder, const char *path)
{
	struct sfsi_folder_stamp now;
	for (size_t i = 0; i < folder->staged_len; i++)
		if (folder->staged[i].raw && !folder->staged[i].temp &&
		    strcmp(folder->staged[i].path, path) == 0)
			return 0;
	int err = sfsi_folder_stamp(folder, path, &now);
	return !err && now.ino ? SFS_ERR_EXISTS : err;
}

/** Where its folder is to be, with a NUL. */
static int new_folder(const struct sfsi_mirror_change *change,
		      const struct sfsi_folder_raw_row *old, struct sfsi_folder_raw_row *raw,
		      struct sfs_buf *ret)
{
	bool same = old && (!change->oid.len || sfs_span_equal(change->oid, old->oid));
	int err;
	if (same) {
		err = sfs_buf_append(ret, old->row.path.data, old->row.path.len);
		err = err < 0 ? err : sfs_buf_append(ret, "", 1);
	} else {
		raw->oid = change->oid;
		err = sfsi_folder_path(change->class, change->oid, "", ret);
	}
	raw->row.path = (struct sfs_span){ ret->data, err < 0 ? 0 : ret->len - 1 };
	return err;
}

static int stage_file(struct sfsi_folder *folder, struct sfsi_txn *txn,
		      const struct sfsi_mirror_change *change, const struct sfsi_inode *inode,
		      const struct sfsi_folder_raw_row *old)
{
	SFSI_AUTO_BUF struct sfs_buf place = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf was = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf updates = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf kept = SFS_BUF_INIT;
	struct sfsi_folder_raw_row raw = { .oid = { "", 0 }, .updates = { "", 0 } };
	raw.row = (struct sfsi_folder_row){ .type = { "", 0 }, .updates = { "", 0 } };
	if (old)
		raw = *old;
	int err = old ? 0 : take_kept(txn, change->ino, &kept, &raw);
	if (!err || err == SFS_ERR_NOT_FOUND)
		err = new_folder(change, old, &raw, &place);
	bool moved = !old || !sfs_span_equal(old->row.path, raw.row.path);
	if (!err)
		err = sfsi_folder_raw_file(raw.row.path, SFSI_FOLDER_META, &path);
	if (!err && moved)
		err = check_free(folder, path.data);
	if (!err && old)
		err = sfsi_folder_raw_file(old->row.path, SFSI_FOLDER_META, &was);
	if (err < 0)
		return err;
	struct sfsi_folder_staged *staged = staged_new(folder, change->class, change->ino,
						       path.data, txn->commit);
	if (!staged)
		return SFS_ERR_NO_MEMORY;
	staged->mode = inode->mode;
	staged->uid = inode->uid;
	staged->gid = inode->gid;
	staged->blob = moved && old ? strndup(old->row.path.data, old->row.path.len) : NULL;
	staged->moved = moved;
	if (moved && old && !staged->blob)
		return SFS_ERR_NO_MEMORY;
	if (old)
		err = sfsi_folder_stamp(folder, was.data, &staged->before);
	if (!err && old && !sfsi_folder_stamp_same(&staged->before, &old->row.stamp))
		err = SFS_ERR_CONFLICT;
	if (!err)
		err = render(txn, change->class, change->ino, old && !moved, &raw, &updates, &text);
	if (!err)
		err = sfsi_folder_write_temp(folder, path.data, sfs_buf_span(&text), NULL,
					     &staged->temp, &raw.row.stamp);
	staged->after = raw.row.stamp;
	if (!err)
		err = sfsi_folder_raw_put(txn, change->ino, &raw);
	return err < 0 ? err
		       : put_task(txn, change->ino, staged, old ? old->row.path : raw.row.path);
}

/**
 * Names that begin with a dot are those of files in the making, and of programs' own: nothing that others
 * would find. Such a raw is in the sidecar alone, until it gets another name.
 */
static bool is_private(struct sfs_span path)
{
	const char *text = path.data;
	for (size_t i = 0; i < path.len; i++)
		if (text[i] == '.' && (i == 0 || text[i - 1] == '/'))
			return true;
	return false;
}

int sfsi_folder_stage_raw(struct sfsi_folder *folder, struct sfsi_txn *txn,
			  const struct sfsi_mirror_change *change, bool gone)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf row_buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	struct sfsi_folder_raw_row raw;
	int err = sfsi_inode_read(txn, change->ino, &buf, &inode);
	if (err && err != SFS_ERR_NOT_FOUND)
		return err;
	if (gone != (err == SFS_ERR_NOT_FOUND))
		return 0;
	/* Folders and links are in the sidecar alone. */
	if (!gone && inode.type != SFS_NODE_FILE)
		return 0;
	err = sfsi_folder_raw_load(txn, change->ino, &row_buf, &raw);
	bool known = !err;
	if (err && err != SFS_ERR_NOT_FOUND)
		return err;
	if (gone || is_private(change->oid))
		return known ? stage_gone(folder, txn, change, &raw, sfs_buf_span(&row_buf)) : 0;
	if (!known && !change->oid.len)
		return 0;
	return stage_file(folder, txn, change, &inode, known ? &raw : NULL);
}

/* --- after the batch --- */

static bool join(char *ret, size_t size, const char *folder, const char *name)
{
	return snprintf(ret, size, "%s/%s", folder, name) < (int)size;
}

/** One in the trash that had no data has none. */
static void keep_none(struct sfsi_folder *folder, uint64_t ino)
{
	char own[SFSI_BYTES_PATH];
	sfsi_bytes_path(ino, own);
	if (faccessat(folder->store->raw_fd, own, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		(void)!sfsi_bytes_create(folder->store, ino);
}

/** Bytes that are still open, or are kept in the trash, go on where those of removed raws do. */
static void take_away(struct sfsi_folder *folder, const struct sfsi_folder_staged *staged)
{
	char blob[4200];
	int root_fd = folder->mirror->root_fd;
	if (!join(blob, sizeof blob, staged->blob, SFSI_FOLDER_BLOB))
		return;
	if (sfsi_bytes_adopt(folder->store, staged->ino, root_fd, blob) == 0)
		return;
	if (faccessat(root_fd, blob, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		unlinkat(root_fd, blob, 0);
	else if (sfsi_trash_has(folder->store, sfs_ino_class(staged->ino),
				sfsi_ino_serial(staged->ino)))
		keep_none(folder, staged->ino);
}

static bool publish_gone(struct sfsi_folder *folder, const struct sfsi_folder_staged *staged)
{
	struct sfsi_folder_stamp now;
	int root_fd = folder->mirror->root_fd;
	if (sfsi_folder_stamp(folder, staged->path, &now) < 0 ||
	    (now.ino && !sfsi_folder_stamp_same(&now, &staged->before)))
		return false;
	if (now.ino && unlinkat(root_fd, staged->path, 0) < 0 && errno != ENOENT)
		return false;
	take_away(folder, staged);
	sfsi_folder_tidy(folder, staged->path);
	return true;
}

/** The meta.json that a moved raw had. Another raw may have that folder by now: its own stays. */
static void leave(struct sfsi_folder *folder, const struct sfsi_folder_staged *staged)
{
	char was[4200];
	struct sfsi_folder_stamp now;
	if (!join(was, sizeof was, staged->blob, SFSI_FOLDER_META) ||
	    sfsi_folder_stamp(folder, was, &now) < 0 ||
	    (now.ino && !sfsi_folder_stamp_same(&now, &staged->before)))
		return;
	unlinkat(folder->mirror->root_fd, was, 0);
	sfsi_folder_tidy(folder, was);
}

/**
 * The bytes of a raw that is new, or was moved, into its folder.
 * @again  after a kill; a task stays until it is on the disk, so all of it may be long done, and what
 *         is now where the bytes were may be another raw's.
 */
static bool place_bytes(struct sfsi_folder *folder, const struct sfsi_folder_staged *staged,
			bool again)
{
	char place[4200], blob[4200], was[4200];
	struct stat stat;
	int root_fd = folder->mirror->root_fd;
	const char *slash = strrchr(staged->path, '/');
	if (snprintf(place, sizeof place, "%.*s", (int)(slash - staged->path), staged->path) >=
		    (int)sizeof place ||
	    !join(blob, sizeof blob, place, SFSI_FOLDER_BLOB))
		return false;
	if (staged->blob && join(was, sizeof was, staged->blob, SFSI_FOLDER_BLOB)) {
		bool placed = again && fstatat(root_fd, blob, &stat, AT_SYMLINK_NOFOLLOW) == 0;
		/* A raw without data has none to be moved. */
		if (!placed && !(again && staged->no_data) &&
		    renameat(root_fd, was, root_fd, blob) < 0 && errno != ENOENT)
			return false;
		leave(folder, staged);
	} else if (sfsi_bytes_place(folder->store, staged->ino, root_fd, blob) < 0) {
		return fstatat(root_fd, blob, &stat, AT_SYMLINK_NOFOLLOW) == 0;
	}
	if (fstatat(root_fd, blob, &stat, AT_SYMLINK_NOFOLLOW) < 0)
		return true;
	sfsi_folder_wrote(folder, staged->ino, &stat);
	if ((stat.st_mode & 07777) != staged->mode)
		(void)!fchmodat(root_fd, blob, staged->mode, 0);
	if (geteuid() == 0 && (stat.st_uid != staged->uid || stat.st_gid != staged->gid))
		(void)!fchownat(root_fd, blob, staged->uid, staged->gid, AT_SYMLINK_NOFOLLOW);
	return true;
}

bool sfsi_folder_publish_raw(struct sfsi_folder *folder, const struct sfsi_folder_staged *staged)
{
	int root_fd = folder->mirror->root_fd;
	if (!staged->temp)
		return publish_gone(folder, staged);
	if (renameat(root_fd, staged->temp, root_fd, staged->path) < 0)
		return false;
	return staged->moved ? place_bytes(folder, staged, false) : true;
}

/** A killed process had begun: go on from what there is. */
static int do_task(struct sfsi_folder *folder, struct sfsi_txn *txn, struct sfsi_class *class,
		   uint64_t ino, const struct sfsi_folder_task *task)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf updates = SFS_BUF_INIT;
	struct sfsi_folder_staged staged = { .raw = true, .ino = ino, .moved = true };
	struct sfsi_folder_stamp now;
	struct sfsi_inode inode;
	struct sfsi_folder_raw_row raw;
	int err = sfsi_folder_raw_load(txn, ino, &buf, &raw);
	bool gone = err == SFS_ERR_NOT_FOUND;
	SFSI_AUTO_FREE char *was = strndup(task->path.data, task->path.len);
	if (!was || (err && !gone))
		return was ? err : SFS_ERR_NO_MEMORY;
	err = sfsi_folder_raw_file(gone ? task->path : raw.row.path, SFSI_FOLDER_META, &path);
	if (err < 0)
		return err;
	staged.path = path.data;
	staged.before = task->before;
	staged.blob = was;
	if (gone) {
		(void)!sfsi_folder_publish_raw(folder, &staged);
		return 0;
	}
	SFSI_AUTO_BUF struct sfs_buf inode_buf = SFS_BUF_INIT;
	err = sfsi_inode_read(txn, ino, &inode_buf, &inode);
	if (!err)
		err = sfsi_folder_stamp(folder, path.data, &now);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	staged.mode = inode.mode;
	staged.uid = inode.uid;
	staged.gid = inode.gid;
	staged.no_data = raw.row.flags & SFSI_FOLDER_NO_DATA;
	bool same_place = sfs_span_equal(raw.row.path, task->path);
	if (same_place)
		staged.blob = NULL;
	if (!sfsi_folder_stamp_same(&now, &raw.row.stamp)) {
		/* Theirs counts; it is taken in next. */
		if (now.ino && !sfsi_folder_stamp_same(&now, &task->before))
			return 0;
		err = render(txn, class, ino, false, &raw, &updates, &text);
		if (!err)
			err = sfsi_folder_write_temp(folder, path.data, sfs_buf_span(&text), NULL,
						     &staged.temp, &raw.row.stamp);
		if (!err)
			err = sfsi_folder_raw_put(txn, ino, &raw);
		int root_fd = folder->mirror->root_fd;
		if (!err && renameat(root_fd, staged.temp, root_fd, staged.path) < 0)
			err = sfsi_err_from_errno(errno);
		free(staged.temp);
	}
	/* Bytes that are nowhere were lost before: the raw is empty. */
	if (!err)
		(void)!place_bytes(folder, &staged, true);
	return err;
}

static int see_task(struct sfsi_folder *folder, struct sfsi_class *class, struct sfs_span serial,
		    struct sfs_span val, bool gone)
{
	SFSI_AUTO_BUF struct sfs_buf row = SFS_BUF_INIT;
	struct sfsi_folder_task task;
	struct sfsi_txn txn;
	struct sfsi_txn_class *copy;
	struct sfsi_key key;
	int err = sfsi_folder_task_decode(val, &task);
	if (err < 0 || serial.len != 8 || folder->mirror->read_only)
		return err;
	uint64_t ino = sfs_ino_make(class->id, sfsi_get_be64(serial.data));
	sfsi_folder_key(&key, 'R', serial);
	err = sfsi_backend_get(folder->store->backend, class->id, sfsi_key_span(&key), &row);
	if (err && err != SFS_ERR_NOT_FOUND)
		return err;
	if (gone != (err == SFS_ERR_NOT_FOUND))
		return 0;
	sfsi_txn_begin_inward(folder->store, &txn);
	err = sfsi_txn_class(&txn, class->id, &copy);
	if (!err)
		err = do_task(folder, &txn, class, ino, &task);
	sfsi_folder_key(&key, 'V', serial);
	if (!err)
		err = sfsi_txn_remove(&txn, class->id, sfsi_key_span(&key));
	return sfsi_txn_end(&txn, err);
}

int sfsi_folder_see_gone_task(struct sfsi_folder *folder, struct sfsi_class *class,
			      struct sfs_span serial, struct sfs_span val)
{
	return see_task(folder, class, serial, val, true);
}

int sfsi_folder_see_raw_task(struct sfsi_folder *folder, struct sfsi_class *class,
			     struct sfs_span serial, struct sfs_span val)
{
	return see_task(folder, class, serial, val, false);
}
