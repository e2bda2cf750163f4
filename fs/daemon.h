/*
 * The state of the daemon, shared by the files of this folder. One for each process, and one for each
 * backup that is looked into; every handler gets the right one with fs_of(). What it points to lives from session.c's start to its end.
 *
 * Locks, in the order in which they are taken (the engine's own come last):
 *   stream->lock   how far a listing or a file of results is; held while the engine is asked
 *   draft->lock    the private buffer of a handle open for writing
 *   open->save     one save of an object at a time
 *   table->lock    open objects and handles: for moments only, never across the engine
 *   views, windows, notifier, loop, server, backings: locks of their own, innermost
 */
#ifndef FS_DAEMON_H
#define FS_DAEMON_H

#include <stdatomic.h>
#include <time.h>
#include "fs.h"
#include "log.h"
#include "node.h"
#include "policy.h"

/* The kinds of requests that are counted: name in metrics. */
/* clang-format off */
#define FS_REQUESTS(X) \
	X(LOOKUP, "lookup") \
	X(GETATTR, "getattr") \
	X(SETATTR, "setattr") \
	X(READLINK, "readlink") \
	X(MKNOD, "mknod") \
	X(MKDIR, "mkdir") \
	X(UNLINK, "unlink") \
	X(RMDIR, "rmdir") \
	X(SYMLINK, "symlink") \
	X(RENAME, "rename") \
	X(LINK, "link") \
	X(OPEN, "open") \
	X(READ, "read") \
	X(WRITE, "write") \
	X(STATFS, "statfs") \
	X(RELEASE, "release") \
	X(FSYNC, "fsync") \
	X(SETXATTR, "setxattr") \
	X(GETXATTR, "getxattr") \
	X(LISTXATTR, "listxattr") \
	X(REMOVEXATTR, "removexattr") \
	X(FLUSH, "flush") \
	X(OPENDIR, "opendir") \
	X(READDIR, "readdir") \
	X(READDIRPLUS, "readdirplus") \
	X(RELEASEDIR, "releasedir") \
	X(FSYNCDIR, "fsyncdir") \
	X(CREATE, "create") \
	X(FALLOCATE, "fallocate") \
	X(LSEEK, "lseek") \
	X(COPY_FILE_RANGE, "copy_file_range") \
	X(FORGET, "forget")
/* clang-format on */

enum fs_request {
#define X(id, name) FS_REQUEST_##id,
	FS_REQUESTS(X)
#undef X
		FS_REQUEST_COUNT,
};

struct fs_loop;
struct fs_notifier;
struct fs_table;
struct fs_server;
struct fs_meta;
struct fs_new;
struct fs_views;
struct fs_windows;
struct fs_missing;
struct fs_scratch;
struct fs_backings;
struct fs_backups;
struct fuse_session;

/** So many counters of changes: see fs_changes_of(). */
#define FS_CHANGES 1024

/** What commits do to the inodes that share it. */
struct fs_changes {
	_Atomic uint64_t sequence; /* fs_sequence() */
	atomic_uint under_way;     /* fs_commit_is_under_way() */
};

/** So many raws of the trash are known to have been reached there. */
#define FS_TRASHED 256

struct fs {
	const struct fs_options *options;
	struct fs_policy policy;
	struct sfs_store *store;
	struct fuse_session *session;
	struct fs_loop *loop;
	struct fs_notifier *notifier;
	struct fs_table *table;
	struct fs_server *server;
	struct fs_meta *meta;
	struct fs_new *new; /* objects that were made through .new */
	struct fs_views *views;
	_Atomic uint64_t trashed[FS_TRASHED]; /* raws that were shown in the trash (view_trash.c) */
	struct fs_windows *windows;           /* by_window.c */
	struct fs_missing *missing;
	struct fs_scratch *scratch;
	struct fs_backings *backings;
	struct fs_backups *backups; /* NULL in a backup */
	int64_t started_ns;
	uint32_t uid, gid;        /* of the daemon: owner of the virtual files */
	atomic_uint capabilities; /* of the kernel, those that are in use */
	atomic_uint features;     /* enum fs_feature */
	struct {
		uint64_t init, offered, added; /* INIT: its number, the kernel's flags, ours */
	} wire;                                /* wire.c alone, before the loop starts */
	atomic_bool ready;                     /* INIT was answered */
	_Atomic uint64_t requests[FS_REQUEST_COUNT];
	_Atomic uint64_t saves, refused; /* documents saved and refused */
	struct fs_changes changes[FS_CHANGES];
	_Atomic uint64_t heard; /* the last commit that moved them */
	/* What serves a backup (backups.h) is one, too, with a store, views and handles of its own. */
	struct fs *live;         /* the daemon's; NULL: this is it */
	uint64_t slot;           /* bits that its node ids have outside */
	uint64_t root_number;    /* st_ino of its root */
	uint64_t number_keys[2]; /* which make its other inode numbers */
	const char *backup;      /* its name */
	int64_t backup_ns;       /* the time that it says */
	_Atomic int64_t known;   /* replies with nodes of it that the kernel has not forgotten */
};

static inline int64_t fs_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline struct fs_changes *fs_changes_of(struct fs *fs, uint64_t ino)
{
	return &fs->changes[(ino ^ ino >> 36) % FS_CHANGES];
}

/*
 * A counter that moves with every commit that touches an inode. A handler that reads attributes
 * takes it before and compares afterwards: when it moved, what was read may be old already,
 * and the kernel must not keep it.
 */
static inline uint64_t fs_sequence(struct fs *fs, uint64_t ino)
{
	return atomic_load(&fs_changes_of(fs, ino)->sequence);
}

static inline void fs_sequence_move(struct fs *fs, uint64_t ino)
{
	atomic_fetch_add(&fs_changes_of(fs, ino)->sequence, 1);
}

/*
 * Is there a commit that touches an inode, of which some handlers may have seen what it makes, and
 * others not? The counter above moves before it is over.
 */
static inline bool fs_commit_is_under_way(struct fs *fs, uint64_t ino)
{
	return atomic_load(&fs_changes_of(fs, ino)->under_way) > 0;
}

/** The inode number that is shown for one of a store (node.c). */
uint64_t fs_number(const struct fs *fs, uint64_t number);

/**
 * Start what each struct fs has: open files, views, and so on (parts.c). Stopping accepts a start that failed
 * anywhere, and comes before the store is closed.
 */
int fs_parts_start(struct fs *fs);
void fs_parts_stop(struct fs *fs);

/** The node of an object that readdir lists. */
static inline uint64_t fs_primary_node(const struct fs *fs, uint64_t ino)
{
	return fs_node_document(ino, fs->options->format);
}

#endif
