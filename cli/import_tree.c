/*
 * Import of a folder into a raw class: files, folders, symlinks, with modes, times and user.*
 * attributes.
 *
 * Folders wait in one list, in the order in which they were found; their own modes and times are set
 * when everything in them is there. A file that is there already with the same size and time is
 * taken to be the same, as rsync does it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "import.h"
#include "links.h"
#include "raws.h"

/* A folder of the source and its place in the class. */
struct folder {
	char *path; /* below the source; "." for itself */
	uint64_t ino;
	struct sfs_setattr set; /* what its attributes become in the end */
};

struct tree {
	struct cli_import *import;
	int root_fd;
	struct folder *folders;
	size_t count, cap;
	struct cli_links links; /* files with several names */
};

/* One entry of a folder. */
struct entry {
	const struct folder *folder;
	int dir_fd;
	const char *name;
	const char *path; /* below the source */
	struct stat st;
};

static int tree_add(struct tree *tree, const char *path, uint64_t ino, const struct stat *st)
{
	if (tree->count == tree->cap) {
		size_t cap = tree->cap ? 2 * tree->cap : 64;
		struct folder *folders = reallocarray(tree->folders, cap, sizeof *folders);
		if (!folders)
			return SFS_ERR_NO_MEMORY;
		tree->folders = folders;
		tree->cap = cap;
	}
	char *copy = strdup(path);
	if (!copy)
		return SFS_ERR_NO_MEMORY;
	tree->folders[tree->count++] = (struct folder){ copy, ino, cli_raw_setattr_of(st) };
	return 0;
}

static void failed(struct cli_import *import, const char *path, int err)
{
	struct cli_place place = { .file = path };
	cli_import_failed(import, &place, err, NULL);
}

static void unreadable(struct cli_import *import, const char *path, int error)
{
	struct cli_place place = { .file = path };
	errno = error;
	cli_import_bad_text(import, &place, "reading: %m");
}

/* What of that name is in the class already? */
static int find(struct cli_import *import, const struct entry *entry, struct sfs_attr *ret)
{
	return sfs_raw_find(import->ctx->store, entry->folder->ino, sfs_span_str(entry->name), ret);
}

static int take_folder(struct tree *tree, const struct entry *entry)
{
	struct cli_import *import = tree->import;
	struct sfs_attr attr;
	int err = find(import, entry, &attr);
	if (err == SFS_ERR_NOT_FOUND) {
		struct sfs_raw_make make = {
			.type = SFS_NODE_DIR,
			.mode = 0700,
			.uid = geteuid(),
			.gid = getegid(),
		};
		err = sfs_raw_make(import->ctx->store, entry->folder->ino,
				   sfs_span_str(entry->name), &make, &attr);
	}
	if (err == 0 && attr.type != SFS_NODE_DIR)
		err = SFS_ERR_NOT_DIR;
	return err < 0 ? err : tree_add(tree, entry->path, attr.ino, &entry->st);
}

static int fill(struct cli_import *import, const struct entry *entry, struct cli_raw_new *raw,
		int fd)
{
	int error;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = cli_raw_fill(import->ctx, raw, fd, &error);
	if (err == 0)
		err = cli_raw_take_xattrs(import->ctx, raw->attr.ino, fd, &diag);
	if (err == 0)
		return 0;
	cli_raw_abort(import->ctx, raw);
	if (err == SFS_ERR_INVALID) {
		struct cli_place place = { .file = entry->path };
		cli_import_failed(import, &place, err, &diag);
		return 1;
	}
	if (error && err != SFS_ERR_CANCELLED) {
		unreadable(import, entry->path, error);
		return 1;
	}
	return err;
}

static int copy_file(struct cli_import *import, const struct entry *entry, int fd)
{
	struct cli_raw_new raw;
	struct sfs_setattr set = cli_raw_setattr_of(&entry->st);
	int err = cli_raw_begin(import->ctx, entry->folder->ino, sfs_span_str(entry->name),
				entry->st.st_mode & 07777, &raw);
	if (err == 0)
		err = fill(import, entry, &raw, fd);
	if (err != 0)
		return err < 0 ? err : 0;
	uint64_t bytes = raw.bytes;
	err = cli_raw_commit(import->ctx, &raw, &set);
	if (err == 0) {
		import->saved++;
		import->bytes += bytes;
	}
	return err;
}

/* Returns true when what is there may stay. */
static bool is_there(struct cli_import *import, const struct entry *entry)
{
	struct sfs_attr attr;
	struct sfs_setattr set = cli_raw_setattr_of(&entry->st);
	if (find(import, entry, &attr) < 0)
		return false;
	if (import->keep) {
		import->kept++;
		return true;
	}
	if (!S_ISREG(entry->st.st_mode) || attr.type != SFS_NODE_FILE ||
	    attr.size != (uint64_t)entry->st.st_size || attr.mtime_ns != set.mtime_ns)
		return false;
	import->unchanged++;
	return true;
}

static int read_file(struct cli_import *import, const struct entry *entry)
{
	if (is_there(import, entry))
		return 0;
	int fd = openat(entry->dir_fd, entry->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		unreadable(import, entry->path, errno);
		return 0;
	}
	int err = copy_file(import, entry, fd);
	close(fd);
	return err;
}

/** One more name, instead of what has it. */
static int replace_by_link(struct cli_import *import, const struct entry *entry, uint64_t ino)
{
	struct sfs_store *store = import->ctx->store;
	uint64_t dir = entry->folder->ino;
	char temporary[48];
	cli_temporary_name(temporary, sizeof temporary);
	int err = sfs_raw_link(store, ino, dir, sfs_span_str(temporary), NULL);
	if (err < 0)
		return err;
	err = sfs_raw_rename(store, dir, sfs_span_str(temporary), dir, sfs_span_str(entry->name),
			     0);
	if (err < 0 && sfs_raw_unlink(store, dir, sfs_span_str(temporary)) < 0)
		failed(import, entry->path, err);
	return err;
}

static int make_link(struct cli_import *import, const struct entry *entry, uint64_t ino)
{
	struct sfs_attr there;
	int err = find(import, entry, &there);
	if (err == 0 && (import->keep || there.ino == ino)) {
		*(import->keep ? &import->kept : &import->unchanged) += 1;
		return 0;
	}
	if (err == 0) {
		err = replace_by_link(import, entry, ino);
	} else if (err == SFS_ERR_NOT_FOUND) {
		err = sfs_raw_link(import->ctx->store, ino, entry->folder->ino,
				   sfs_span_str(entry->name), NULL);
		import->linked += err == 0;
	}
	import->saved += err == 0;
	return err;
}

/** A file, perhaps one with several names: the first is read, the others are links. */
static int take_file(struct tree *tree, const struct entry *entry)
{
	struct cli_import *import = tree->import;
	struct sfs_attr attr;
	const struct cli_link *link = NULL;
	if (entry->st.st_nlink > 1)
		link = cli_links_find(&tree->links, entry->st.st_dev, entry->st.st_ino);
	/* As many names as one raw can have: the next one is a raw of its own. */
	int err = link ? make_link(import, entry, link->ino) : SFS_ERR_LIMIT;
	if (err != SFS_ERR_LIMIT)
		return err;
	uint64_t bad = import->bad;
	err = read_file(import, entry);
	if (err < 0 || entry->st.st_nlink < 2 || import->bad != bad ||
	    find(import, entry, &attr) < 0)
		return err;
	struct cli_link first = { entry->st.st_dev, entry->st.st_ino, attr.ino, NULL };
	return cli_links_add(&tree->links, &first);
}

static int make_symlink(struct cli_import *import, const struct entry *entry, const char *target)
{
	struct sfs_store *store = import->ctx->store;
	struct sfs_span name = sfs_span_str(entry->name);
	struct sfs_raw_make make = {
		.type = SFS_NODE_SYMLINK,
		.mode = 0777,
		.uid = geteuid(),
		.gid = getegid(),
		.target = sfs_span_str(target),
	};
	struct sfs_attr attr;
	struct sfs_setattr set = cli_raw_setattr_of(&entry->st);
	set.mask &= ~(unsigned)SFS_SET_MODE;
	int err = sfs_raw_make(store, entry->folder->ino, name, &make, &attr);
	if (err == SFS_ERR_EXISTS) {
		err = sfs_raw_unlink(store, entry->folder->ino, name);
		if (err == 0)
			err = sfs_raw_make(store, entry->folder->ino, name, &make, &attr);
	}
	if (err == 0)
		err = sfs_raw_setattr(store, attr.ino, &set, &attr);
	if (err == 0)
		import->saved++;
	return err;
}

/* Does the symlink that is there lead to the same place? */
static bool same_symlink(struct cli_import *import, const struct entry *entry, const char *target)
{
	struct sfs_attr attr;
	struct sfs_buf there = SFS_BUF_INIT;
	bool same = find(import, entry, &attr) == 0 && attr.type == SFS_NODE_SYMLINK &&
		    sfs_raw_readlink(import->ctx->store, attr.ino, &there) == 0 &&
		    sfs_span_equal(sfs_buf_span(&there), sfs_span_str(target));
	sfs_buf_fini(&there);
	return same;
}

static int take_symlink(struct cli_import *import, const struct entry *entry)
{
	char target[4097];
	if (is_there(import, entry))
		return 0;
	ssize_t len = readlinkat(entry->dir_fd, entry->name, target, sizeof target - 1);
	if (len < 0) {
		unreadable(import, entry->path, errno);
		return 0;
	}
	target[len] = '\0';
	if (!same_symlink(import, entry, target))
		return make_symlink(import, entry, target);
	import->unchanged++;
	return 0;
}

static void take_entry(struct tree *tree, const struct entry *entry)
{
	struct cli_import *import = tree->import;
	int err = 0;
	if (S_ISDIR(entry->st.st_mode))
		err = take_folder(tree, entry);
	else if (S_ISREG(entry->st.st_mode))
		err = take_file(tree, entry);
	else if (S_ISLNK(entry->st.st_mode))
		err = take_symlink(import, entry);
	else
		cli_import_skip(import, entry->path, "a device, a pipe or a socket");
	if (err < 0)
		failed(import, entry->path, err);
	if (!S_ISDIR(entry->st.st_mode))
		import->progress.count++;
	cli_progress_tick(&import->progress);
}

static void take_name(struct tree *tree, size_t folder, int dir_fd, const char *name)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return;
	const char *below = tree->folders[folder].path;
	struct entry entry = { .dir_fd = dir_fd, .name = name };
	char *path = NULL;
	if (strcmp(below, ".") == 0)
		path = strdup(name);
	else if (asprintf(&path, "%s/%s", below, name) < 0)
		path = NULL;
	if (!path) {
		failed(tree->import, name, SFS_ERR_NO_MEMORY);
		return;
	}
	/* The list of folders may move while an entry is taken. */
	struct folder copy = tree->folders[folder];
	entry.folder = &copy;
	entry.path = path;
	if (fstatat(dir_fd, name, &entry.st, AT_SYMLINK_NOFOLLOW) == 0)
		take_entry(tree, &entry);
	else if (errno != ENOENT)
		unreadable(tree->import, path, errno);
	free(path);
}

static void walk_folder(struct tree *tree, size_t index)
{
	const char *path = tree->folders[index].path;
	int fd = openat(tree->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		unreadable(tree->import, path, errno);
		if (fd >= 0)
			close(fd);
		return;
	}
	struct dirent *entry;
	while (cli_import_goes_on(tree->import) && (entry = readdir(dir)))
		take_name(tree, index, fd, entry->d_name);
	closedir(dir);
}

/* From the deepest up: a folder's time is the last thing that changes in it. */
static void finish(struct tree *tree)
{
	struct sfs_attr attr;
	for (size_t i = tree->count; i-- > 1;) {
		struct folder *folder = &tree->folders[i];
		int err = sfs_raw_setattr(tree->import->ctx->store, folder->ino, &folder->set,
					  &attr);
		if (err < 0)
			failed(tree->import, folder->path, err);
	}
}

void cli_import_tree(struct cli_import *import, int dir_fd)
{
	struct tree tree = { .import = import, .root_fd = dir_fd };
	struct stat st;
	int err = fstat(dir_fd, &st) < 0 ? cli_err_from_errno(errno) : 0;
	if (err == 0)
		err = tree_add(&tree, ".", sfs_ino_make(import->class.id, 1), &st);
	if (err < 0)
		failed(import, import->source, err);
	for (size_t i = 0; i < tree.count && cli_import_goes_on(import); i++)
		walk_folder(&tree, i);
	if (tree.count > 0)
		finish(&tree);
	cli_links_fini(&tree.links);
	for (size_t i = 0; i < tree.count; i++)
		free(tree.folders[i].path);
	free(tree.folders);
}
