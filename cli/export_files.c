/*
 * Export into a folder: documents and raws as the files that a mount shows, with modes and times.
 *
 * Names come from the store and are single components; the folder may hold anything, so nothing is
 * opened through a symlink in it, and nothing in it is replaced unless that was asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "export.h"
#include "links.h"
#include "name.h"
#include "raws.h"

/* A file being written. */
struct output {
	int dir_fd, fd;
	const char *name;
	char temporary[48]; /* "": it has its final name already */
};

static void failed_errno(struct cli_export *export, const char *what, int error)
{
	char why[160];
	errno = error;
	snprintf(why, sizeof why, "%m");
	cli_export_failed(export, what,
			  error == EEXIST ? "exists already (--force replaces it)" : why);
}

/* False: it could not be made, and that was said. */
static bool output_open(struct cli_export *export, int dir_fd, const char *name, struct output *ret)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	*ret = (struct output){ .dir_fd = dir_fd, .name = name };
	if (export->force)
		cli_temporary_name(ret->temporary, sizeof ret->temporary);
	ret->fd = openat(dir_fd, export->force ? ret->temporary : name, flags, 0600);
	if (ret->fd < 0)
		failed_errno(export, name, errno);
	return ret->fd >= 0;
}

static struct timespec time_of(int64_t ns)
{
	struct timespec time = { ns / 1000000000, ns % 1000000000 };
	if (time.tv_nsec < 0) {
		time.tv_nsec += 1000000000;
		time.tv_sec--;
	}
	return time;
}

static void set_attributes(struct cli_export *export, int fd, const char *name,
			   const struct sfs_attr *attr)
{
	const struct timespec times[2] = { time_of(attr->atime_ns), time_of(attr->mtime_ns) };
	bool bad = geteuid() == 0 && fchown(fd, attr->uid, attr->gid) < 0;
	bad = fchmod(fd, attr->mode & 07777) < 0 || bad;
	bad = futimens(fd, times) < 0 || bad;
	if (bad)
		failed_errno(export, name, errno);
}

/* Close it and give it its name; error: it is incomplete and goes away. */
static void output_close(struct cli_export *export, struct output *output, int error)
{
	const char *there = output->temporary[0] ? output->temporary : output->name;
	if (close(output->fd) < 0 && !error)
		error = errno;
	if (!error && output->temporary[0] &&
	    renameat(output->dir_fd, there, output->dir_fd, output->name) < 0)
		error = errno;
	if (!error)
		return;
	unlinkat(output->dir_fd, there, 0);
	if (error != ECANCELED)
		failed_errno(export, output->name, error);
}

/* A disk that is full ends the export; what is wrong with one name does not. */
static int ends_export(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EROFS || error == EIO
		       ? cli_err_from_errno(error)
		       : 0;
}

int cli_export_document(struct cli_export *export, int dir_fd, struct sfs_span oid,
			struct sfs_span doc, const struct sfs_attr *attr)
{
	char name[SFS_NAME_MAX + 1];
	struct output output;
	fs_name_make(oid, export->format, name);
	if (!output_open(export, dir_fd, name, &output))
		return 0;
	int error = cli_write_all(export->ctx, output.fd, doc.data, doc.len) < 0 ? errno : 0;
	if (!error) {
		set_attributes(export, output.fd, name, attr);
		export->objects++;
		export->bytes += doc.len;
	}
	output_close(export, &output, error);
	return ends_export(error);
}

static int export_page(struct cli_export *export, uint32_t class_id, int dir_fd,
		       const struct cli_page *page)
{
	int err = 0;
	for (size_t i = 0; err == 0 && i < cli_page_count(page); i++) {
		struct sfs_attr attr;
		struct sfs_span oid = cli_page_name(page, i);
		if (cli_stopped(export->ctx))
			return SFS_ERR_CANCELLED;
		err = sfs_object_find(export->ctx->store, class_id, oid, &attr);
		if (err == 0)
			err = cli_export_document(export, dir_fd, oid, cli_page_doc(page, i),
						  &attr);
		else if (err == SFS_ERR_NOT_FOUND)
			err = 0; /* removed since it was listed */
		export->progress.count++;
		export->progress.done++;
		cli_progress_tick(&export->progress);
	}
	return err;
}

int cli_export_documents(struct cli_export *export, const struct sfs_class_info *class, int dir_fd,
			 struct sfs_diag *diag)
{
	struct cli_page page = { 0 };
	const struct sfs_span all = { NULL, 0 };
	int err = 0;
	while (err == 0) {
		err = cli_page_scan(export->ctx, &page, class->id, all, &export->format, diag);
		if (err < 0 || cli_page_count(&page) == 0)
			break;
		err = export_page(export, class->id, dir_fd, &page);
	}
	cli_page_fini(&page);
	return err;
}

struct xattrs {
	int fd, error;
};

static int put_xattr(void *arg, struct sfs_span key, struct sfs_span value)
{
	struct xattrs *xattrs = arg;
	char *name;
	if (asprintf(&name, "user.%.*s", (int)key.len, (const char *)key.data) < 0)
		return SFS_ERR_NO_MEMORY;
	if (fsetxattr(xattrs->fd, name, value.data, value.len, 0) < 0)
		xattrs->error = errno;
	free(name);
	return 0;
}

static int export_file(struct cli_export *export, int dir_fd, const char *name,
		       const struct sfs_attr *attr)
{
	struct output output;
	int error = 0;
	if (!output_open(export, dir_fd, name, &output))
		return 0;
	struct xattrs xattrs = { output.fd, 0 };
	int err = cli_raw_send(export->ctx, attr->ino, output.fd, &error);
	if (err == 0)
		err = cli_raw_meta_each(export->ctx, attr->ino, put_xattr, &xattrs);
	if (err == 0) {
		set_attributes(export, output.fd, name, attr);
		export->raws++;
		export->bytes += attr->size;
	}
	output_close(export, &output, err < 0 && !error ? ECANCELED : error);
	if (err == 0 && xattrs.error)
		cli_export_failed(export, name, "its metadata does not fit into attributes here");
	if (error)
		return ends_export(error);
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

static int make_symlink(struct cli_export *export, int dir_fd, const char *name, const char *target,
			const struct sfs_attr *attr)
{
	const struct timespec times[2] = { time_of(attr->atime_ns), time_of(attr->mtime_ns) };
	if (export->force)
		unlinkat(dir_fd, name, 0);
	if (symlinkat(target, dir_fd, name) < 0)
		return errno;
	export->raws++;
	if (geteuid() == 0 && fchownat(dir_fd, name, attr->uid, attr->gid, AT_SYMLINK_NOFOLLOW) < 0)
		failed_errno(export, name, errno);
	if (utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		failed_errno(export, name, errno);
	return 0;
}

static int export_symlink(struct cli_export *export, int dir_fd, const char *name,
			  const struct sfs_attr *attr)
{
	struct sfs_buf target = SFS_BUF_INIT;
	int err = sfs_raw_readlink(export->ctx->store, attr->ino, &target);
	if (err == 0)
		err = sfs_buf_append(&target, "", 1);
	if (err == 0) {
		int error = make_symlink(export, dir_fd, name, target.data, attr);
		if (error)
			failed_errno(export, name, error);
		err = ends_export(error);
	}
	sfs_buf_fini(&target);
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

int cli_export_raw(struct cli_export *export, int dir_fd, const char *name,
		   const struct sfs_attr *attr)
{
	export->progress.count++;
	export->progress.done++;
	cli_progress_tick(&export->progress);
	if (attr->type == SFS_NODE_FILE)
		return export_file(export, dir_fd, name, attr);
	if (attr->type == SFS_NODE_SYMLINK)
		return export_symlink(export, dir_fd, name, attr);
	cli_export_failed(export, name, "left out: a pipe or a socket");
	return 0;
}

/* A directory of raws and its place below the target. */
struct folder {
	uint64_t ino;
	char *path;           /* "." for the target itself */
	struct sfs_attr attr; /* set in the end */
};

struct tree {
	struct cli_export *export;
	int root_fd;
	struct folder *folders;
	size_t count, cap;
	struct cli_links links; /* raws with several names, by their inode numbers */
};

static char *path_below(const char *below, const char *name)
{
	char *path;
	bool top = strcmp(below, ".") == 0;
	return asprintf(&path, "%s%s%s", top ? "" : below, top ? "" : "/", name) < 0 ? NULL : path;
}

static int tree_add(struct tree *tree, const char *below, const char *name,
		    const struct sfs_attr *attr)
{
	if (tree->count == tree->cap) {
		size_t cap = tree->cap ? 2 * tree->cap : 64;
		struct folder *folders = reallocarray(tree->folders, cap, sizeof *folders);
		if (!folders)
			return SFS_ERR_NO_MEMORY;
		tree->folders = folders;
		tree->cap = cap;
	}
	char *path = path_below(below, name);
	if (!path)
		return SFS_ERR_NO_MEMORY;
	tree->folders[tree->count++] = (struct folder){ attr->ino, path, *attr };
	return 0;
}

/* A folder below the root, never through a symlink. */
static int open_below(int root_fd, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
}

/**
 * One more name for what was exported already. Returns false when there can be none here: then it
 * becomes a file of its own.
 */
static bool link_again(struct tree *tree, const struct cli_link *link, int dir_fd, const char *name)
{
	char *slash = strrchr(link->path, '/');
	char *folder = slash ? strndup(link->path, (size_t)(slash - link->path)) : strdup(".");
	int fd = folder ? open_below(tree->root_fd, folder) : -1;
	free(folder);
	if (fd < 0)
		return false;
	if (tree->export->force)
		unlinkat(dir_fd, name, 0);
	bool done = linkat(fd, slash ? slash + 1 : link->path, dir_fd, name, 0) == 0;
	close(fd);
	return done;
}

/** A raw that may have several names. */
static int take_raw(struct tree *tree, const char *below, int dir_fd, const char *name,
		    const struct sfs_attr *attr)
{
	struct cli_export *export = tree->export;
	uint64_t raws = export->raws;
	const struct cli_link *link = NULL;
	if (attr->nlink > 1)
		link = cli_links_find(&tree->links, 0, attr->ino);
	if (link && link_again(tree, link, dir_fd, name)) {
		export->raws++;
		return 0;
	}
	int err = cli_export_raw(export, dir_fd, name, attr);
	if (err < 0 || attr->nlink < 2 || link || export->raws == raws)
		return err;
	struct cli_link first = { .number = attr->ino, .ino = attr->ino };
	first.path = path_below(below, name);
	err = first.path ? cli_links_add(&tree->links, &first) : SFS_ERR_NO_MEMORY;
	free(first.path);
	return err;
}

static int take_entry(struct tree *tree, size_t index, int dir_fd, struct sfs_span name,
		      uint64_t ino)
{
	struct sfs_attr attr;
	char text[SFS_NAME_MAX + 1];
	int err = sfs_raw_stat(tree->export->ctx->store, ino, &attr);
	if (err < 0 || name.len > SFS_NAME_MAX)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	memcpy(text, name.data, name.len);
	text[name.len] = '\0';
	if (attr.type != SFS_NODE_DIR)
		return take_raw(tree, tree->folders[index].path, dir_fd, text, &attr);
	if (mkdirat(dir_fd, text, 0700) < 0 && errno != EEXIST) {
		int error = errno;
		failed_errno(tree->export, text, error);
		return ends_export(error);
	}
	return tree_add(tree, tree->folders[index].path, text, &attr);
}

static int take_entries(struct tree *tree, size_t index, int dir_fd)
{
	struct cli_ctx *ctx = tree->export->ctx;
	struct cli_page page = { 0 };
	int err = 0;
	while (err == 0) {
		err = cli_page_dir(ctx, &page, tree->folders[index].ino);
		size_t count = err == 0 ? cli_page_count(&page) : 0;
		if (count == 0)
			break;
		for (size_t i = 0; err == 0 && i < count; i++)
			err = cli_stopped(ctx)
				      ? SFS_ERR_CANCELLED
				      : take_entry(tree, index, dir_fd, cli_page_name(&page, i),
						   cli_page_entry(&page, i)->attr.ino);
	}
	cli_page_fini(&page);
	return err;
}

static int take_folder(struct tree *tree, size_t index)
{
	const char *path = tree->folders[index].path;
	int fd = open_below(tree->root_fd, path);
	if (fd < 0) {
		failed_errno(tree->export, path, errno);
		return 0;
	}
	int err = take_entries(tree, index, fd);
	close(fd);
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

/* From the deepest up: a folder's time is the last thing that changes in it. */
static void finish(struct tree *tree)
{
	for (size_t i = tree->count; i-- > 1;) {
		struct folder *folder = &tree->folders[i];
		int fd = open_below(tree->root_fd, folder->path);
		if (fd < 0)
			continue; /* that was said when it was filled */
		set_attributes(tree->export, fd, folder->path, &folder->attr);
		close(fd);
	}
}

int cli_export_tree(struct cli_export *export, uint64_t dir, int dir_fd)
{
	struct tree tree = { .export = export, .root_fd = dir_fd };
	struct sfs_attr attr = { .ino = dir };
	int err = tree_add(&tree, ".", ".", &attr);
	for (size_t i = 0; err == 0 && i < tree.count; i++)
		err = take_folder(&tree, i);
	finish(&tree);
	cli_links_fini(&tree.links);
	for (size_t i = 0; i < tree.count; i++)
		free(tree.folders[i].path);
	free(tree.folders);
	return err;
}
