/*
 * Files that are taken in: see folder.h. Some are read, then they become one commit.
 *
 * A file that can not be read may be in the middle of being written, for Python writes into
 * it: what was read last is served as long as that can be. Only then it is damaged: there is no object
 * any more, its bytes are kept as a refused text, and whoever asks for it is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <storefs/errors.h>
#include "base/array.h"
#include "base/errno.h"
#include "base/file.h"
#include "document/json_python.h"
#include "mirror/folder.h"
#include "mirror/folder_raw.h"
#include "object.h"

#define FILES_MAX 256               /* so many become one commit, … */
#define BYTES_MAX ((size_t)4 << 20) /* … or so much */
#define AGAIN_MS 200
#define PATIENCE_NS ((int64_t)3 * 1000000000)

/** A file that was read. */
struct incoming {
	char *path;
	struct sfsi_class *class;
	struct sfs_buf oid;
	struct sfs_buf text; /* as it is in the file */
	struct sfsi_folder_parsed parsed;
	struct sfsi_folder_stamp stamp;
	struct sfs_setattr attr;
	bool raw, damaged;
	struct sfs_diag diag; /* why */
	struct sfsi_prepared prepared;
	bool has_prepared;
};

struct sfsi_folder_intake {
	struct sfsi_folder *folder;
	enum sfsi_folder_why why;
	struct incoming items[FILES_MAX];
	size_t len, bytes;
};

int sfsi_folder_intake_new(struct sfsi_folder *folder, enum sfsi_folder_why why,
			   struct sfsi_folder_intake **ret)
{
	struct sfsi_folder_intake *intake = calloc(1, sizeof *intake);
	if (!intake)
		return SFS_ERR_NO_MEMORY;
	intake->folder = folder;
	intake->why = why;
	*ret = intake;
	return 0;
}

static void forget(struct incoming *in)
{
	free(in->path);
	sfs_buf_fini(&in->oid);
	sfs_buf_fini(&in->text);
	sfsi_folder_parsed_fini(&in->parsed);
	sfs_buf_fini(&in->prepared.body);
	*in = (struct incoming){ .path = NULL };
}

/* --- reading a file --- */

/** All bytes, and what the file was when they were read. SFS_ERR_BUSY: it changed meanwhile. */
static int read_file(int root_fd, const char *path, struct incoming *in)
{
	SFSI_AUTO_FD int fd = openat(root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat stat;
	struct sfsi_folder_stamp after;
	if (fd < 0 || fstat(fd, &stat) < 0)
		return sfsi_err_from_errno(errno);
	if (!S_ISREG(stat.st_mode))
		return SFS_ERR_NOT_FOUND;
	sfsi_folder_stamp_of(&stat, &in->stamp);
	in->attr = (struct sfs_setattr){
		.mask = SFS_SET_MODE | SFS_SET_UID | SFS_SET_GID | SFS_SET_MTIME,
		.mode = stat.st_mode & 07777,
		.uid = stat.st_uid,
		.gid = stat.st_gid,
		.mtime_ns = in->stamp.mtime_ns,
	};
	if (stat.st_size > (off_t)SFSI_JSON_PYTHON_MAX)
		return SFS_ERR_LIMIT;
	int err = sfs_buf_resize(&in->text, (size_t)stat.st_size);
	size_t len = 0;
	if (!err)
		err = sfsi_pread_all(fd, in->text.data, in->text.len, 0, &len);
	if (!err && len < in->text.len)
		return SFS_ERR_BUSY;
	if (!err && fstat(fd, &stat) < 0)
		return sfsi_err_from_errno(errno);
	sfsi_folder_stamp_of(&stat, &after);
	return !err && !sfsi_folder_stamp_same(&after, &in->stamp) ? SFS_ERR_BUSY : err;
}

/* --- which object is it? --- */

static size_t json_len(const char *path)
{
	return strlen(path) - strlen(SFSI_FOLDER_JSON);
}

/** The oid that a path says: below its class, with a dot for each slash. */
static int oid_of_path(const char *rest, size_t len, struct sfs_buf *ret)
{
	int err = sfs_buf_append(ret, rest, len);
	char *at = ret->data;
	for (size_t i = 0; i < ret->len && !err; i++)
		if (at[i] == '/')
			at[i] = '.';
	return err;
}

/** Do the last parts of a path say the oid? Then *ret_class_len is what is before them. */
static bool path_says(const char *path, size_t len, struct sfs_span oid, size_t *ret_class_len)
{
	const char *text = oid.data;
	if (oid.len + 1 >= len || path[len - oid.len - 1] != '/')
		return false;
	const char *tail = path + len - oid.len;
	for (size_t i = 0; i < oid.len; i++)
		if (tail[i] != text[i] && !(tail[i] == '/' && text[i] == '.'))
			return false;
	*ret_class_len = len - oid.len - 1;
	return true;
}

/** The class of a folder, made if it is not known. */
static int adopt_class(struct sfsi_folder *folder, const char *path, size_t len,
		       struct incoming *in)
{
	char name[4096], place[4096];
	struct sfs_class_make make = {
		.kind = in->raw ? SFS_CLASS_RAW : SFS_CLASS_OBJECT,
		.type = in->parsed.type,
		.mode = 0755,
		.uid = in->attr.uid,
		.gid = in->attr.gid,
	};
	if (len >= sizeof name)
		return SFS_ERR_LIMIT;
	memcpy(place, path, len);
	place[len] = '\0';
	memcpy(name, place, len + 1);
	for (char *at = name; (at = strchr(at, '/')); at++)
		*at = '.';
	make.name = (struct sfs_span){ name, len };
	/* What is too long stays with the object alone. */
	if (make.type.len > SFS_CLASS_NAME_MAX)
		make.type.len = 0;
	return sfsi_mirror_class_adopt(folder->mirror, &sfsi_mirror_directory, &make, place,
				       &in->class);
}

/**
 * Class and oid: what the file says of itself counts, where it is says the rest.
 * @len  of the path, without what follows from the kind.
 */
static int identify(struct sfsi_folder *folder, struct incoming *in, size_t len)
{
	const char *path = in->path, *rest;
	size_t class_len;
	struct sfs_span said = sfs_buf_span(&in->parsed.oid);
	if (said.len && path_says(path, len, said, &class_len)) {
		int err = adopt_class(folder, path, class_len, in);
		return err < 0 ? err : sfs_buf_append(&in->oid, said.data, said.len);
	}
	in->class = sfsi_folder_class(folder, path, &rest);
	if (!in->class) {
		const char *slash = strchr(path, '/');
		if (!slash || (size_t)(slash - path) >= len)
			return SFS_ERR_NOT_FOUND;
		rest = slash + 1;
		int err = adopt_class(folder, path, (size_t)(slash - path), in);
		if (err < 0)
			return err;
	}
	if (said.len)
		return sfs_buf_append(&in->oid, said.data, said.len);
	return oid_of_path(rest, len - (size_t)(rest - path), &in->oid);
}

/* --- what is known already --- */

static int read_row(struct sfsi_folder *folder, uint32_t class_id, struct sfs_span oid,
		    struct sfs_buf *buf, struct sfsi_folder_row *ret)
{
	struct sfsi_key key;
	if (oid.len > SFS_OID_MAX)
		return SFS_ERR_NOT_FOUND;
	sfsi_folder_key(&key, 'O', oid);
	int err = sfsi_backend_get(folder->store->backend, class_id, sfsi_key_span(&key), buf);
	return err < 0 ? err : sfsi_folder_row_decode(sfs_buf_span(buf), ret);
}

/** Is a file, as it is now, what its oid's record was made of? */
static bool is_known(struct sfsi_folder *folder, const char *path)
{
	SFSI_AUTO_BUF struct sfs_buf oid = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_folder_row row;
	struct sfsi_folder_stamp now;
	const char *rest;
	struct sfsi_class *class = sfsi_folder_class(folder, path, &rest);
	if (!class || class->kind != SFS_CLASS_OBJECT ||
	    oid_of_path(rest, json_len(rest), &oid) < 0 ||
	    read_row(folder, class->id, sfs_buf_span(&oid), &buf, &row) < 0 || row.path.len)
		return false;
	return sfsi_folder_stamp(folder, path, &now) == 0 &&
	       sfsi_folder_stamp_same(&now, &row.stamp);
}

/** May the same oid come from this file? Not when it has another one that is still there. */
static int check_place(struct sfsi_folder *folder, struct incoming *in, bool *ret_known)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	struct sfsi_folder_row row;
	struct sfsi_folder_stamp other;
	*ret_known = false;
	int err = read_row(folder, in->class->id, sfs_buf_span(&in->oid), &buf, &row);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	if (row.path.len)
		err = sfs_buf_append(&path, row.path.data, row.path.len);
	else
		err = sfsi_folder_path(in->class, sfs_buf_span(&in->oid), SFSI_FOLDER_JSON, &path);
	if (!err && row.path.len)
		err = sfs_buf_append(&path, "", 1);
	if (err < 0)
		return 0;
	if (strcmp(path.data, in->path) == 0) {
		*ret_known = sfsi_folder_stamp_same(&row.stamp, &in->stamp);
		return 0;
	}
	err = sfsi_folder_stamp(folder, path.data, &other);
	if (err < 0 || !other.ino)
		return err;
	/* The one whose name is that of the oid wins. */
	if (!row.path.len)
		return sfs_diag_set(&in->diag, SFS_ERR_BAD_DOCUMENT,
				    "its oid is that of another file, %s", (char *)path.data);
	return 0;
}

/* --- judging --- */

/** It can not be read. 0: it is to be taken in as damaged; 1: not now. */
static int judge(const struct sfsi_folder_intake *intake, struct incoming *in,
		 unsigned *ret_again_ms)
{
	if (intake->why == SFSI_FOLDER_NOTICE && sfsi_now_ns() - in->stamp.mtime_ns < PATIENCE_NS) {
		*ret_again_ms = AGAIN_MS;
		return 1;
	}
	in->damaged = true;
	return 0;
}

/** Is what was parsed the metadata of a raw? */
static bool is_raw(struct sfsi_folder *folder, const struct incoming *in)
{
	const char *name = strrchr(in->path, '/'), *rest;
	char blob[4096];
	size_t len = strlen(in->path), class_len;
	struct stat stat;
	if (!name || strcmp(name + 1, SFSI_FOLDER_META) != 0 || len >= sizeof blob)
		return false;
	const struct sfsi_class *class = sfsi_folder_class(folder, in->path, &rest);
	if (class && class->kind == SFS_CLASS_RAW)
		return true;
	size_t folder_len = (size_t)(name - in->path);
	memcpy(blob, in->path, folder_len + 1);
	memcpy(blob + folder_len + 1, SFSI_FOLDER_BLOB, sizeof SFSI_FOLDER_BLOB);
	if (fstatat(folder->mirror->root_fd, blob, &stat, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	return path_says(in->path, folder_len, sfs_buf_span(&in->parsed.oid), &class_len);
}

/** Read and understand a file. 0: take it in, 1: there is nothing to be done (now). */
static int read_in(struct sfsi_folder_intake *intake, struct incoming *in, unsigned *ret_again_ms)
{
	struct sfsi_folder *folder = intake->folder;
	bool known;
	int err = read_file(folder->mirror->root_fd, in->path, in);
	if (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_LOOP)
		return 1;
	if (err == SFS_ERR_BUSY) {
		*ret_again_ms = AGAIN_MS;
		return intake->why == SFSI_FOLDER_NOTICE ? 1 : SFS_ERR_BUSY;
	}
	if (!err)
		err = sfsi_folder_parse(sfs_buf_span(&in->text), &in->parsed, &in->diag);
	else if (err == SFS_ERR_LIMIT)
		sfs_diag_set(&in->diag, err, "more than %zu bytes", SFSI_JSON_PYTHON_MAX);
	bool bad = err == SFS_ERR_BAD_DOCUMENT || err == SFS_ERR_LIMIT || err == SFS_ERR_PERMISSION;
	if (err < 0 && !bad)
		return err;
	if (bad && !in->diag.text[0])
		sfs_diag_set(&in->diag, err, "%s", sfs_err_text(err));
	if (bad && judge(intake, in, ret_again_ms))
		return 1;
	in->raw = !in->damaged && !in->parsed.null && is_raw(folder, in);
	if (in->damaged)
		in->parsed.oid.len = 0;
	err = identify(folder, in,
		       in->raw ? (size_t)(strrchr(in->path, '/') - in->path) : json_len(in->path));
	/* A file beside the classes, or one that is in the way of another kind: not ours. */
	if (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_EXISTS || err == SFS_ERR_LIMIT)
		return 1;
	if (!err && in->class->kind != (in->raw ? SFS_CLASS_RAW : SFS_CLASS_OBJECT))
		return 1;
	if (err < 0 || in->raw)
		return err;
	err = check_place(folder, in, &known);
	if (err == SFS_ERR_BAD_DOCUMENT) {
		in->damaged = true;
		in->oid.len = 0;
		const char *rest;
		(void)!sfsi_folder_class(folder, in->path, &rest);
		err = oid_of_path(rest, json_len(rest), &in->oid);
	}
	return err < 0 ? err : known;
}

/** Look at the values; what can not be an object after all is damaged. */
static int prepare(struct sfsi_folder *folder, struct incoming *in)
{
	struct sfs_put put = {
		.class_id = in->class->id,
		.oid = sfs_buf_span(&in->oid),
		.format = SFS_FORMAT_MSGPACK,
		.text = sfs_buf_span(&in->parsed.document),
		.flags = SFS_PUT_IMPORT | SFSI_PUT_INWARD,
	};
	if (in->damaged || in->parsed.null || in->raw)
		return 0;
	int err = sfsi_object_prepare(folder->store, &put, &in->prepared, &in->diag);
	in->has_prepared = !err;
	if (err != SFS_ERR_BAD_DOCUMENT && err != SFS_ERR_LIMIT && err != SFS_ERR_NAME)
		return err;
	in->damaged = true;
	return 0;
}

/* --- one commit --- */

static int put_row(struct sfsi_folder *folder, struct sfsi_txn *txn, const struct incoming *in,
		   const struct sfsi_record *record)
{
	SFSI_AUTO_BUF struct sfs_buf updates = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfs_span oid = sfs_buf_span(&in->oid);
	bool plain = sfsi_folder_is_path(in->class, oid, SFSI_FOLDER_JSON, in->path);
	bool own_type = in->parsed.type.len &&
			!sfs_span_equal(in->parsed.type, sfs_span_str(in->class->type));
	struct sfsi_key key;
	int err = record ? sfsi_folder_updates(record, in->parsed.updates, &updates) : 0;
	struct sfsi_folder_row row = {
		.flags = (in->damaged ? SFSI_FOLDER_DAMAGED : 0u) |
			 (in->parsed.null ? SFSI_FOLDER_NULL : 0u) |
			 (in->parsed.number ? SFSI_FOLDER_NUMBER : 0u),
		.stamp = in->stamp,
		.path = plain ? (struct sfs_span){ "", 0 } : sfs_span_str(in->path),
		.type = own_type && !in->damaged ? in->parsed.type : (struct sfs_span){ "", 0 },
		.updates = sfs_buf_span(&updates),
	};
	if (!plain)
		atomic_store(&folder->odd, true);
	if (!err)
		err = sfsi_folder_row_encode(&row, &value);
	sfsi_folder_key(&key, 'O', oid);
	return err < 0 ? err
		       : sfsi_txn_put(txn, in->class->id, sfsi_key_span(&key),
				      sfs_buf_span(&value));
}

/** There is no object in the file: if there was one, it is gone. */
static int remove_object(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	struct sfsi_derive_side was = { oid, &record }, gone = { oid, NULL };
	int err = sfsi_object_load(txn, class_id, oid, &buf, &record);
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	return err < 0 ? err : sfsi_object_change(txn, class_id, &was, &gone);
}

static int take_damaged(struct sfsi_folder *folder, struct sfsi_txn *txn, struct incoming *in)
{
	struct sfs_span oid = sfs_buf_span(&in->oid), text = sfs_buf_span(&in->text);
	struct sfsi_txn_class *class;
	int err = sfsi_oid_check(oid);
	if (err < 0)
		return 0;
	err = sfsi_txn_class(txn, in->class->id, &class);
	if (!err)
		err = remove_object(txn, in->class->id, oid);
	if (!err && text.len && text.len <= SFS_DOCUMENT_MAX)
		err = sfsi_refused_keep(txn, in->class->id, oid, SFS_FORMAT_JSON, text, &in->diag);
	return err < 0 ? err : put_row(folder, txn, in, NULL);
}

static int take_object(struct sfsi_folder *folder, struct sfsi_txn *txn, struct incoming *in)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	struct sfs_put put = {
		.class_id = in->class->id,
		.oid = sfs_buf_span(&in->oid),
		.format = SFS_FORMAT_MSGPACK,
		.text = sfs_buf_span(&in->parsed.document),
		.flags = SFS_PUT_IMPORT | SFSI_PUT_INWARD,
		.attr = &in->attr,
	};
	int err = sfsi_object_apply(txn, &put, &in->prepared, NULL);
	if (!err)
		err = sfsi_object_load(txn, in->class->id, put.oid, &buf, &record);
	return err < 0 ? err : put_row(folder, txn, in, &record);
}

static int take_null(struct sfsi_folder *folder, struct sfsi_txn *txn, struct incoming *in)
{
	struct sfsi_txn_class *class;
	int err = sfsi_txn_class(txn, in->class->id, &class);
	if (!err)
		err = remove_object(txn, in->class->id, sfs_buf_span(&in->oid));
	return err < 0 ? err : put_row(folder, txn, in, NULL);
}

/**
 * Is the file still what was read, and not what we wrote meanwhile? With the commit lock held: a save of ours
 * may have been on its way to the file when it was read.
 */
static int is_news(struct sfsi_folder *folder, struct sfsi_txn *txn, const struct incoming *in,
		   bool *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_folder_row row;
	struct sfsi_folder_stamp now;
	struct sfsi_key key;
	int err = sfsi_folder_stamp(folder, in->path, &now);
	*ret = !err && sfsi_folder_stamp_same(&now, &in->stamp);
	if (err < 0 || !*ret || in->raw || in->oid.len > SFS_OID_MAX)
		return err;
	sfsi_folder_key(&key, 'O', sfs_buf_span(&in->oid));
	err = sfsi_txn_get(txn, in->class->id, sfsi_key_span(&key), &buf);
	if (!err)
		err = sfsi_folder_row_decode(sfs_buf_span(&buf), &row);
	if (!err && sfsi_folder_stamp_same(&row.stamp, &now))
		*ret = false;
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

static int take(struct sfsi_folder *folder, struct sfsi_txn *txn, struct incoming *in)
{
	bool news;
	int err = is_news(folder, txn, in, &news);
	if (err < 0 || !news) {
		in->damaged = false;
		return err;
	}
	if (in->raw) {
		const struct sfsi_folder_raw raw = {
			.class = in->class,
			.oid = sfs_buf_span(&in->oid),
			.path = in->path,
			.stamp = in->stamp,
			.attr = &in->attr,
			.parsed = &in->parsed,
		};
		return sfsi_folder_take_raw(folder, txn, &raw);
	}
	if (in->damaged)
		return take_damaged(folder, txn, in);
	return in->parsed.null ? take_null(folder, txn, in) : take_object(folder, txn, in);
}

static void report(struct sfsi_folder *folder, const struct incoming *in)
{
	struct sfs_error error = {
		.class_name = sfs_span_str(in->class->name),
		.name = sfs_span_str(in->path),
		.oid = sfs_buf_span(&in->oid),
		.operation = sfs_span_str("read"),
		.errno_name = sfs_span_str("EIO"),
		.line = in->diag.line,
		.column = in->diag.column,
		.message = sfs_span_str(in->diag.text),
	};
	sfs_errors_add(folder->store, &error);
}

static int commit(struct sfsi_folder_intake *intake)
{
	struct sfsi_folder *folder = intake->folder;
	struct sfsi_txn txn;
	int err = 0;
	if (!intake->len)
		return 0;
	sfsi_txn_begin_inward(folder->store, &txn);
	for (size_t i = 0; i < intake->len && !err; i++)
		err = take(folder, &txn, &intake->items[i]);
	err = sfsi_txn_end(&txn, err);
	for (size_t i = 0; i < intake->len; i++) {
		if (!err && intake->items[i].damaged) {
			folder->mirror->damaged++;
			report(folder, &intake->items[i]);
		}
		forget(&intake->items[i]);
	}
	intake->len = intake->bytes = 0;
	return err;
}

int sfsi_folder_intake_add(struct sfsi_folder_intake *intake, const char *path,
			   unsigned *ret_again_ms)
{
	if (is_known(intake->folder, path) || sfsi_folder_raw_known(intake->folder, path))
		return 0;
	struct incoming *in = &intake->items[intake->len];
	*in = (struct incoming){ .path = strdup(path) };
	int err = in->path ? read_in(intake, in, ret_again_ms) : SFS_ERR_NO_MEMORY;
	if (!err)
		err = prepare(intake->folder, in);
	if (err) {
		forget(in);
		return err < 0 ? err : 0;
	}
	intake->len++;
	intake->bytes += in->text.len;
	return intake->len == FILES_MAX || intake->bytes >= BYTES_MAX ? commit(intake) : 0;
}

int sfsi_folder_intake_end(struct sfsi_folder_intake *intake, int err)
{
	if (!err)
		err = commit(intake);
	for (size_t i = 0; i < intake->len; i++)
		forget(&intake->items[i]);
	free(intake);
	return err;
}
