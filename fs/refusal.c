/*
 * Refused operations: see refusal.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <storefs/errors.h>
#include <storefs/refused.h>
#include "class_name.h"
#include "meta.h"
#include "name.h"
#include "refusal.h"
#include "view.h"

/** Entries of a directory that are looked at for a name, and directories above each other. */
#define SEARCH_MAX 100000
#define DEPTH_MAX 256

/** The request that this thread is at. */
static _Thread_local struct {
	enum fs_request kind;
	const char *operation;
	uint64_t dir; /* 0: not about a name */
	const char *name;
	uint64_t node;     /* 0: not about a node */
	uint32_t class_id; /* 0: not known to be about an object */
	enum sfs_format format;
	size_t oid_len;
	unsigned char oid[SFS_OID_MAX];
	bool explained, repeats;
	struct sfs_diag diag;
} about;

void fs_refusal_begin(enum fs_request kind)
{
	about.kind = kind;
	about.operation = NULL;
	about.dir = about.node = 0;
	about.class_id = 0;
	about.explained = about.repeats = false;
}

void fs_refusal_name(uint64_t dir, const char *name)
{
	about.dir = dir;
	about.name = name;
}

void fs_refusal_node(uint64_t node)
{
	about.node = node;
}

uint64_t fs_refusal_about(void)
{
	return about.node;
}

void fs_refusal_object(uint32_t class_id, struct sfs_span oid, enum sfs_format format)
{
	if (oid.len == 0 || oid.len > SFS_OID_MAX)
		return;
	about.class_id = class_id;
	about.format = format;
	about.oid_len = oid.len;
	memcpy(about.oid, oid.data, oid.len);
}

void fs_refusal_operation(const char *operation)
{
	about.operation = operation;
}

void fs_refusal_diag(const struct sfs_diag *diag)
{
	about.diag = *diag;
	about.explained = diag->text[0] != '\0';
}

void fs_refusal_repeats(void)
{
	about.repeats = true;
}

void fs_refusal_because(const char *sentence)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	sfs_diag_set(&diag, 0, "%s", sentence);
	fs_refusal_diag(&diag);
}

/* --- what counts --- */

static const char *const names[] = {
#define X(id, name) [FS_REQUEST_##id] = name,
	FS_REQUESTS(X)
#undef X
};

static bool changes(void)
{
	static const enum fs_request kinds[] = {
		FS_REQUEST_SETATTR,         FS_REQUEST_MKNOD,
		FS_REQUEST_MKDIR,           FS_REQUEST_UNLINK,
		FS_REQUEST_RMDIR,           FS_REQUEST_SYMLINK,
		FS_REQUEST_RENAME,          FS_REQUEST_LINK,
		FS_REQUEST_WRITE,           FS_REQUEST_FSYNC,
		FS_REQUEST_SETXATTR,        FS_REQUEST_REMOVEXATTR,
		FS_REQUEST_FLUSH,           FS_REQUEST_FSYNCDIR,
		FS_REQUEST_CREATE,          FS_REQUEST_FALLOCATE,
		FS_REQUEST_COPY_FILE_RANGE,
	};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (about.kind == kinds[i])
			return true;
	}
	return about.operation != NULL;
}

static bool is_ordinary(int error)
{
	static const int ordinary[] = { ENOENT,  EEXIST, ENOTEMPTY, EAGAIN, EINTR,
					ENODATA, ERANGE, ENOSYS,    ESTALE, EOPNOTSUPP };
	for (size_t i = 0; i < sizeof ordinary / sizeof ordinary[0]; i++) {
		if (error == ordinary[i])
			return true;
	}
	return false;
}

static bool counts(int error)
{
	if (about.repeats)
		return false;
	if (error == EIO || about.explained)
		return true;
	return changes() && !is_ordinary(error);
}

/* --- why --- */

static const struct {
	int error;
	const char *sentence;
} sentences[] = {
	{ EBADMSG, "the text is not a valid document" },
	{ EFBIG, "a document has at most 64 MiB" },
	{ ENAMETOOLONG, "a file name has at most 255 bytes, the name of a class at most 128" },
	{ EROFS, "nothing can be changed here: this is computed, or the store is open read-only" },
	{ EXDEV, "objects and raws do not move between classes: copy it and remove the original" },
	{ ENOSPC, "the disk is full or the quota is used up; it works again when there is room" },
	{ EIO, "stored bytes are damaged or can not be read or written: see the system's log" },
	{ EINVAL, "the request asks for something that can not be done here" },
	{ EPERM, "this can not be done here" },
	{ EISDIR, "it is a directory" },
	{ ENOTDIR, "it is no directory" },
	{ EACCES, "the system denies access to the store's files" },
	{ ENOMEM, "the daemon has no memory left" },
	{ EMFILE, "the daemon has no file descriptors left" },
	{ EBUSY, "others refer to it, or somebody else is changing it" },
};

/** What an errno means for a certain request. */
static const char *special(int error)
{
	bool in_meta = about.dir == FS_META_DIR || fs_node_kind(about.dir) == FS_NODE_SCHEMA_DIR ||
		       fs_node_kind(about.node) == FS_NODE_META_FILE ||
		       fs_node_kind(about.node) == FS_NODE_META_DIR;
	bool in_root = about.dir == SFS_INO_ROOT;
	if (error == EPERM && in_meta)
		return "this file is computed from the store: it can be read, not changed";
	if (error == EPERM && in_root)
		return "the root holds classes only: mkdir makes one";
	if (error == EPERM && about.kind == FS_REQUEST_LINK)
		return "an object has one name; only raws and scratch files have hard links";
	if (error == EPERM && about.kind == FS_REQUEST_MKNOD)
		return "devices are not kept";
	if (error == EPERM)
		return "an object class holds documents and scratch files of its own only";
	if (error == EINVAL && in_root)
		return "a class name is a letter or '_', then letters, digits, '_' and '-'";
	if (error == EINVAL && about.kind == FS_REQUEST_RENAME)
		return "this exchange, or a directory moved into itself, can not be done";
	return NULL;
}

static const char *sentence_of(int error)
{
	const char *sentence = special(error);
	if (about.explained)
		return about.diag.text;
	for (size_t i = 0; i < sizeof sentences / sizeof sentences[0] && !sentence; i++) {
		if (sentences[i].error == error)
			sentence = sentences[i].sentence;
	}
	return sentence ? sentence : "the operation failed";
}

/* --- what it was about --- */

/** Names of a refused operation; what the spans of an error point to. */
struct target {
	struct sfs_class_info class;
	char name[SFS_NAME_MAX + SFS_CLASS_NAME_MAX + 32];
	struct sfs_buf path; /* instead of name, of what is in a directory of a class */
	struct sfs_error error;
};

static void set_name(struct target *target, const char *before, const char *name)
{
	snprintf(target->name, sizeof target->name, "%s%s", before, name);
	target->error.name = sfs_span_str(target->name);
}

static void set_class(struct fs *fs, uint32_t class_id, struct target *target)
{
	if (sfs_class_get(fs->store, class_id, &target->class) == 0)
		target->error.class_name = sfs_span_str(target->class.name);
}

static void about_object(struct fs *fs, struct target *target)
{
	char name[SFS_NAME_MAX + 1];
	struct sfs_span oid = { about.oid, about.oid_len };
	fs_name_make(oid, about.format, name);
	set_class(fs, about.class_id, target);
	set_name(target, "", name);
	target->error.oid = oid;
}

/** What stands before the names of a directory of .storefs; NULL: it is another one. */
static const char *meta_prefix(uint64_t dir)
{
	switch (fs_node_kind(dir)) {
	case FS_NODE_META_DIR: return "";
	case FS_NODE_SCHEMA_DIR: return "schema/";
	case FS_NODE_REJECTED_DIR:
	case FS_NODE_REJECTED_CLASS: return "rejected/";
	case FS_NODE_ROOT:
	case FS_NODE_META_FILE:
	case FS_NODE_SCHEMA:
	case FS_NODE_JSON_SCHEMA:
	case FS_NODE_NEW:
	case FS_NODE_REJECTED:
	case FS_NODE_CLASS:
	case FS_NODE_THING:
	case FS_NODE_VIEW:
	case FS_NODE_NONE: break;
	}
	return NULL;
}

/** A directory that is looked for in its parent. */
struct dir_search {
	uint64_t ino;
	struct sfs_buf *path; /* below it; its name comes before that */
	size_t left;          /* entries to look at before it is given up */
	bool found;
};

static int compare_dir(void *arg, struct sfs_span name, uint64_t ino, enum sfs_node_type type,
		       uint64_t cookie)
{
	struct dir_search *search = arg;
	struct sfs_buf longer = SFS_BUF_INIT;
	(void)type, (void)cookie;
	if (ino != search->ino)
		return search->left-- == 0;
	int err = sfs_buf_printf(&longer, "%.*s/%.*s", (int)name.len, (const char *)name.data,
				 (int)search->path->len, (const char *)search->path->data);
	sfs_buf_fini(search->path);
	*search->path = longer;
	search->found = !err;
	return 1;
}

/**
 * The path of a name in its class. Directories know their parents, not their names: those are looked
 * for, and not found in very large ones.
 */
static int path_of(struct fs *fs, uint64_t dir, const char *name, struct sfs_buf *ret)
{
	struct sfs_attr attr;
	int err = sfs_buf_append(ret, name, strlen(name));
	for (unsigned depth = 0; !err && fs_node_kind(dir) != FS_NODE_CLASS; depth++) {
		struct dir_search search = { .ino = dir, .path = ret, .left = SEARCH_MAX };
		err = depth < DEPTH_MAX ? sfs_raw_stat(fs->store, dir, &attr) : SFS_ERR_LIMIT;
		if (!err)
			err = sfs_raw_list(fs->store, attr.parent, 0, 0, compare_dir, &search);
		if (err == SFS_ERR_CANCELLED)
			err = 0;
		if (!err && !search.found)
			err = SFS_ERR_NOT_FOUND;
		dir = attr.parent;
	}
	return err;
}

static void about_raw(struct fs *fs, struct target *target)
{
	if (path_of(fs, about.dir, about.name, &target->path) == 0)
		target->error.name = sfs_buf_span(&target->path);
}

/** A view, or with a name something in it. */
static void about_view(struct fs *fs, uint64_t node, const char *name, struct target *target)
{
	struct sfs_buf path = SFS_BUF_INIT, oid = SFS_BUF_INIT;
	uint32_t class_id = 0;
	int err = fs_view_describe(fs, node, &class_id, &path, &oid);
	if (!err && name)
		err = sfs_buf_printf(&path, "/%s", name);
	if (!err)
		err = sfs_buf_append(&path, "", 1);
	if (!err) {
		set_class(fs, class_id, target);
		set_name(target, "", path.data);
		if (!class_id)
			target->error.class_name = sfs_span_str(".storefs");
	}
	if (!err && oid.len && oid.len <= SFS_OID_MAX) {
		memcpy(about.oid, oid.data, oid.len);
		target->error.oid = (struct sfs_span){ about.oid, oid.len };
	}
	sfs_buf_fini(&path);
	sfs_buf_fini(&oid);
}

static void about_name(struct fs *fs, struct target *target)
{
	const char *prefix = meta_prefix(about.dir);
	struct fs_name name;
	if (fs_node_kind(about.dir) == FS_NODE_VIEW) {
		about_view(fs, about.dir, about.name, target);
		return;
	}
	if (about.dir == SFS_INO_ROOT) {
		target->error.class_name = sfs_span_str(about.name);
		return;
	}
	if (prefix) {
		char before[SFS_CLASS_NAME_MAX + 32];
		if (fs_node_kind(about.dir) == FS_NODE_REJECTED_CLASS)
			set_class(fs, sfs_ino_class(fs_node_ino(about.dir)), target);
		snprintf(before, sizeof before, "%s%s%s", prefix, target->class.name,
			 target->class.name[0] ? "/" : "");
		target->error.class_name = sfs_span_str(".storefs");
		set_name(target, before, about.name);
		return;
	}
	set_class(fs, sfs_ino_class(fs_node_ino(about.dir)), target);
	set_name(target, "", about.name);
	if (fs_node_kind(about.dir) == FS_NODE_THING)
		about_raw(fs, target);
	if (fs_node_kind(about.dir) != FS_NODE_CLASS || target->class.kind != SFS_CLASS_OBJECT)
		return;
	fs_name_parse(target->error.name, &name);
	if (!name.object || name.hashed)
		return;
	fs_refusal_object(target->class.id, (struct sfs_span){ name.oid, name.oid_len },
			  name.format);
	about_object(fs, target);
}

static void about_schema(struct fs *fs, struct target *target)
{
	char class_name[SFS_CLASS_NAME_MAX + 1], stem[SFS_NAME_MAX + 1], file[SFS_NAME_MAX + 6];
	if (target->class.id)
		memcpy(class_name, target->class.name, sizeof class_name);
	else if (fs_schema_peek(fs, about.node, class_name) < 0)
		return;
	fs_class_name(class_name, stem);
	snprintf(file, sizeof file, "%s.json", stem);
	target->error.class_name = sfs_span_str(".storefs");
	set_name(target, "schema/", file);
}

static void about_rejected(struct fs *fs, struct target *target)
{
	char name[SFS_NAME_MAX + 1] = "", before[SFS_CLASS_NAME_MAX + 32];
	struct sfs_refused refused;
	struct sfs_buf oid = SFS_BUF_INIT;
	if (sfs_refused_stat(fs->store, fs_node_ino(about.node), &refused, &oid) == 0)
		fs_name_make(sfs_buf_span(&oid), refused.format, name);
	sfs_buf_fini(&oid);
	snprintf(before, sizeof before, "rejected/%s/", target->class.name);
	target->error.class_name = sfs_span_str(".storefs");
	set_name(target, before, name);
}

static void about_node(struct fs *fs, struct target *target)
{
	static const char *const files[] = {
		[FS_META_DIR] = "",
		[FS_META_README] = "README",
		[FS_META_STATUS] = "status",
		[FS_META_METRICS] = "metrics",
		[FS_META_SCHEMA] = "schema",
		[FS_META_ERRORS] = "errors.ndjson",
		[FS_META_REJECTED] = "rejected",
	};
	uint64_t ino = fs_node_ino(about.node);
	struct sfs_buf oid = SFS_BUF_INIT;
	struct sfs_attr attr;
	if (about.node >= FS_META_DIR && about.node <= FS_META_REJECTED) {
		target->error.class_name = sfs_span_str(".storefs");
		set_name(target, "", files[about.node]);
		return;
	}
	if (fs_node_kind(about.node) == FS_NODE_VIEW) {
		about_view(fs, about.node, NULL, target);
		return;
	}
	set_class(fs, sfs_ino_class(ino), target);
	if (fs_node_kind(about.node) == FS_NODE_SCHEMA)
		about_schema(fs, target);
	if (fs_node_kind(about.node) == FS_NODE_REJECTED)
		about_rejected(fs, target);
	if (fs_node_kind(about.node) == FS_NODE_THING && target->class.kind == SFS_CLASS_OBJECT &&
	    sfs_object_stat(fs->store, ino, &attr, &oid) == 0) {
		fs_refusal_object(target->class.id, sfs_buf_span(&oid), fs_node_format(about.node));
		about_object(fs, target);
	}
	sfs_buf_fini(&oid);
}

/** What is in a backup is told of in the store: backups/NAME/CLASS/… of .storefs. */
static void in_backup(const struct fs *fs, struct target *target)
{
	struct sfs_buf path = SFS_BUF_INIT;
	const struct sfs_span class = target->error.class_name, name = target->error.name;
	int err = sfs_buf_printf(&path, "backups/%s", fs->backup);
	if (!err && class.len)
		err = sfs_buf_printf(&path, "/%.*s", (int)class.len, (const char *)class.data);
	if (!err && name.len)
		err = sfs_buf_printf(&path, "/%.*s", (int)name.len, (const char *)name.data);
	sfs_buf_fini(&target->path);
	target->path = path;
	target->error.class_name = sfs_span_str(".storefs");
	target->error.name = err ? sfs_span_str("backups") : sfs_buf_span(&path);
}

void fs_refusal_add(struct fs *fs, int error)
{
	struct target target = { .path = SFS_BUF_INIT };
	if (!counts(error))
		return;
	if (about.class_id)
		about_object(fs, &target);
	else if (about.dir)
		about_name(fs, &target);
	else if (about.node)
		about_node(fs, &target);
	const char *errno_name = error ? strerrorname_np(error) : NULL;
	target.error.operation = sfs_span_str(about.operation ? about.operation
							      : names[about.kind]);
	target.error.errno_name = sfs_span_str(errno_name ? errno_name : "");
	target.error.message = sfs_span_str(sentence_of(error));
	if (about.explained) {
		target.error.line = about.diag.line;
		target.error.column = about.diag.column;
	}
	if (fs->live)
		in_backup(fs, &target);
	sfs_errors_add(fs->live ? fs->live->store : fs->store, &target.error);
	sfs_buf_fini(&target.path);
}
