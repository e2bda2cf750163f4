/*
 * .new: see new.h.
 *
 * A shell's `echo … >.new` is the shell itself, its `cp x .new` a child of it, and the `cat .new` that
 * follows another child. So an entry is near to a reader when its maker, or the maker's parent, is the
 * reader or an ancestor of it, and the nearer the fewer steps up. Scripts that run side by side do
 * not see each other's names.
 */
#include "new.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "name.h"
#include "newborn.h"

#define ENTRIES 256
#define ANCESTORS 32

struct entry {
	uint32_t class_id; /* 0: free */
	pid_t pid, parent; /* who made it, and its parent then */
	uid_t uid;
	char oid[SFS_OID_MADE_SIZE];
};

struct fs_new {
	pthread_mutex_t lock; /* protects all below; held for moments */
	struct entry entries[ENTRIES];
	unsigned next; /* the oldest, which is written over */
};

int fs_new_start(struct fs *fs)
{
	fs->new = calloc(1, sizeof *fs->new);
	if (!fs->new)
		return SFS_ERR_NO_MEMORY;
	pthread_mutex_init(&fs->new->lock, NULL);
	return 0;
}

void fs_new_stop(struct fs *fs)
{
	if (!fs->new)
		return;
	pthread_mutex_destroy(&fs->new->lock);
	free(fs->new);
	fs->new = NULL;
}

/* --- processes --- */

/** Parent of a process; 0 when that can not be known. */
static pid_t parent_of(pid_t pid)
{
	char path[40], text[512];
	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	FILE *file = pid > 0 ? fopen(path, "re") : NULL;
	if (!file)
		return 0;
	size_t len = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	text[len] = '\0';
	/* "PID (NAME) STATE PARENT …"; the name may have anything in it. */
	const char *end = strrchr(text, ')');
	if (!end || strlen(end) < 4)
		return 0;
	long parent = strtol(end + 4, NULL, 10);
	return parent > 0 ? (pid_t)parent : 0;
}

/** Real user of a process, as far as /proc says. */
static uid_t user_of(pid_t pid)
{
	char path[40];
	struct stat stat_of;
	snprintf(path, sizeof path, "/proc/%ld", (long)pid);
	return pid > 0 && stat(path, &stat_of) == 0 ? stat_of.st_uid : (uid_t)-1;
}

/** The process and those above it, but not init: everything is below that. */
struct family {
	pid_t pids[ANCESTORS];
	unsigned count;
};

static void family_of(pid_t pid, struct family *ret)
{
	ret->count = 0;
	while (pid > 1 && ret->count < ANCESTORS) {
		ret->pids[ret->count++] = pid;
		pid = parent_of(pid);
	}
}

/** How far up a process is; ANCESTORS: not in the family. */
static unsigned family_step(const struct family *family, pid_t pid)
{
	unsigned step = 0;
	while (step < family->count && family->pids[step] != pid)
		step++;
	return step < family->count ? step : ANCESTORS;
}

/* --- what was made --- */

void fs_new_made(struct fs *fs, uint32_t class_id, const char *oid, pid_t pid, uid_t uid)
{
	struct entry entry = {
		.class_id = class_id,
		.pid = pid,
		.parent = parent_of(pid),
		.uid = uid,
	};
	snprintf(entry.oid, sizeof entry.oid, "%s", oid);
	pthread_mutex_lock(&fs->new->lock);
	fs->new->entries[fs->new->next] = entry;
	fs->new->next = (fs->new->next + 1) % ENTRIES;
	pthread_mutex_unlock(&fs->new->lock);
}

/** A copy of the nth last entry; false when there is none. */
static bool entry_at(struct fs *fs, unsigned back, struct entry *ret)
{
	pthread_mutex_lock(&fs->new->lock);
	*ret = fs->new->entries[(fs->new->next + ENTRIES - 1 - back) % ENTRIES];
	pthread_mutex_unlock(&fs->new->lock);
	return ret->class_id != 0;
}

/** How near an entry is to a reader; 0 is nearest, FAR not at all. */
#define FAR (ANCESTORS + 1)
static unsigned distance(const struct entry *entry, const struct family *family, uid_t uid)
{
	unsigned maker = family_step(family, entry->pid);
	unsigned parent = family_step(family, entry->parent);
	unsigned step = maker < parent ? maker : parent;
	return step < ANCESTORS ? step : entry->uid == uid ? ANCESTORS : FAR;
}

/** The last of the nearest. What was refused or removed is gone. */
static bool find_last(struct fs *fs, uint32_t class_id, pid_t pid, struct entry *ret)
{
	struct family family;
	struct entry entry;
	struct sfs_attr attr;
	unsigned best = FAR;
	uid_t uid = user_of(pid);
	family_of(pid, &family);
	for (unsigned i = 0; i < ENTRIES && entry_at(fs, i, &entry); i++) {
		if (entry.class_id != class_id)
			continue;
		unsigned step = distance(&entry, &family, uid);
		if (step >= best ||
		    sfs_object_find(fs->store, class_id, sfs_span_str(entry.oid), &attr) < 0)
			continue;
		*ret = entry;
		best = step;
	}
	return best < FAR;
}

int fs_new_text(struct fs *fs, uint64_t node, pid_t pid, struct sfs_buf *ret)
{
	struct entry entry;
	char name[SFS_NAME_MAX + 1];
	if (!find_last(fs, sfs_ino_class(fs_node_ino(node)), pid, &entry))
		return 0;
	size_t len = fs_name_make(sfs_span_str(entry.oid), fs->options->format, name);
	int err = sfs_buf_append(ret, name, len);
	return err < 0 ? err : sfs_buf_append(ret, "\n", 1);
}

int fs_new_attr(struct fs *fs, uint64_t node, const struct fs_handle *handle, pid_t pid,
		struct fs_found *ret)
{
	struct sfs_class_info info;
	struct sfs_buf text = SFS_BUF_INIT;
	int err = sfs_class_get(fs->store, sfs_ino_class(fs_node_ino(node)), &info);
	if (!err)
		err = fs_new_text(fs, node, pid, &text);
	if (err < 0)
		return err;
	struct sfs_attr attr = {
		.ino = node,
		.type = SFS_NODE_FILE,
		.mode = FS_NEW_MODE,
		.nlink = 1,
		.uid = info.attr.uid,
		.gid = info.attr.gid,
		.size = text.len,
		.atime_ns = info.attr.mtime_ns,
		.mtime_ns = info.attr.mtime_ns,
		.ctime_ns = info.attr.mtime_ns,
	};
	sfs_buf_fini(&text);
	/* Who may make files in the directory may write here. */
	if (info.attr.mode & 0020)
		attr.mode |= 0020;
	if (info.attr.mode & 0002)
		attr.mode |= 0002;
	if (handle && handle->kind == FS_HANDLE_WRITER)
		attr.size = fs_draft_size(&((struct fs_handle *)(uintptr_t)handle)->draft);
	else if (handle && handle->kind == FS_HANDLE_TEXT)
		attr.size = handle->text.len;
	attr.blocks = (attr.size + 511) / 512;
	ret->node = node;
	ret->keep_attr = ret->keep_entry = false;
	fs_node_stat(node, &attr, &ret->stat);
	return 0;
}

/** The object that a process is making, with a reference, or NULL. */
static struct fs_open *making(struct fs *fs, uint32_t class_id, pid_t pid)
{
	struct entry entry;
	for (unsigned i = 0; pid && i < ENTRIES && entry_at(fs, i, &entry); i++)
		if (entry.class_id == class_id && entry.pid == pid)
			return fs_newborn_get(fs, class_id, sfs_span_str(entry.oid));
	return NULL;
}

int fs_new_set(struct fs *fs, uint64_t node, pid_t pid, const struct sfs_setattr *set)
{
	struct fs_open *open = making(fs, sfs_ino_class(fs_node_ino(node)), pid);
	if (open && !(set->mask & SFS_SET_SIZE)) {
		pthread_mutex_lock(&open->save);
		if (open->newborn)
			fs_newborn_set(fs, open, set);
		pthread_mutex_unlock(&open->save);
		fs_open_unref(fs, open);
		return 0;
	}
	fs_open_unref(fs, open);
	unsigned times = SFS_SET_ATIME | SFS_SET_MTIME;
	return set->mask & ~times ? SFS_ERR_WRONG_KIND : 0;
}
