/*
 * Views: directories, files and symlinks that are computed from the store and have names that no
 * record has: an object's fields, its relations, query results, exports. Knows no FUSE.
 *
 * A view is known by its identity: the directory that it is in, what kind of thing it is, and the
 * bytes that tell it from its sisters (an oid, a property, a key). Its inode number is made from these
 * alone, so it is the same after a remount; so is its node id, unless two of them meet. A view is
 * in memory as long as the kernel knows its node, something in it is known, or a handler uses it.
 *
 * What a kind of views can do is a table of functions; what it can not do is refused as read-only.
 * Where views begin (a name in a class's directory, in .storefs) is said in view_root.c.
 *
 * The kernel keeps neither names nor attributes of views (but of doors): each look is a request, and
 * right.
 */
#ifndef FS_VIEW_H
#define FS_VIEW_H

#include "attr.h"

struct fs_view_ops;

/** One node. What it is never changes; the rest is protected by a lock of the table. */
struct fs_view {
	uint64_t node;          /* id that the kernel has */
	uint64_t number;        /* st_ino */
	uint64_t dir;           /* node id of the directory that it is in */
	struct fs_view *parent; /* the same as a view, with a reference; NULL: it is none */
	const struct fs_view_ops *ops;
	uint32_t class_id;  /* 0: of no class */
	struct sfs_span id; /* what it is, in the words of ops */
	const char *name;   /* file name, NUL-terminated */
	/* private */
	struct fs_view *chain;
	struct fs_handle *writers; /* linked by sibling */
	uint64_t lookups;          /* replies that the kernel has not forgotten */
	unsigned refs;
	uint64_t noted_revision; /* of the object; 0: nothing is noted */
	int64_t noted_ns;
};

/** What a name means: filled by a kind of views, made a view by the table. */
struct fs_view_spec {
	const struct fs_view_ops *ops;
	uint32_t class_id; /* 0: that of the directory */
	struct sfs_buf id;
	char name[SFS_NAME_MAX + 1]; /* empty: as it was asked for */
	uint64_t raw;                /* ops NULL: the name means this raw, which is no view */
};

/** How a file is saved. */
struct fs_view_save {
	struct sfs_span text;
	bool closing; /* the last chance; only now an empty text is a save too */
	bool created; /* it was made by this open, and nothing of it was saved yet */
};

/** What a directory makes. */
struct fs_view_make {
	struct sfs_span name;
	uint32_t mode, uid, gid;
	bool exclusive;         /* O_EXCL */
	struct sfs_span target; /* symlinks */
};

/** One entry of a listing; cookies are 3..2^62. Nonzero stops, it is then not delivered. */
typedef int fs_view_list_fn(void *arg, const char *name, mode_t type, uint64_t number,
			    uint64_t cookie);

/** One entry of a listing that is a stream. */
struct fs_view_entry {
	char name[SFS_NAME_MAX + 1];
	mode_t type;
	uint64_t number;
};

/**
 * A kind of views. All functions but attr may be NULL: then it can not be done (SFS_ERR_READ_ONLY).
 * They run in many threads at once, and hold no lock when they return; errors are those of the
 * engine, and fs_refusal_because() gives them a sentence.
 */
struct fs_view_ops {
	const char *kind; /* part of the identity */
	mode_t type;      /* S_IFDIR, S_IFREG, S_IFLNK */
	bool is_object;   /* id is an oid of the class: refused operations below name it */
	bool is_door;     /* leads to backups: the kernel may keep it for a moment */
	/* A directory is listed at once when it is read from its start, as its order has no cookies
	 * that hold while others change it; list() is asked with after = 0 only. */
	bool whole;

	/**
	 * Mode, owner, nlink, size and times of what is there now. SFS_ERR_NOT_FOUND: it is gone.
	 * The rest of ret is set by others.
	 */
	int (*attr)(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret);
	/** Change attributes; size and times of files that are open for writing are not asked for. */
	int (*set)(struct fs *fs, const struct fs_view *view, const struct sfs_setattr *set);
	/** Append one extended attribute. SFS_ERR_NOT_FOUND. NULL: there are none. */
	int (*xattr)(struct fs *fs, const struct fs_view *view, const char *name,
		     struct sfs_buf *ret);

	/* directories */
	/** What a name means. SFS_ERR_NOT_FOUND. ret->id is empty and the caller's. */
	int (*find)(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		    struct fs_view_spec *ret);
	/** Stream entries after a cookie. */
	int (*list)(struct fs *fs, const struct fs_view *dir, uint64_t after, fs_view_list_fn *fn,
		    void *arg);
	/** A new file, which is then opened for writing. SFS_ERR_EXISTS. */
	int (*create)(struct fs *fs, const struct fs_view *dir, const struct fs_view_make *make,
		      struct fs_view_spec *ret);
	int (*symlink)(struct fs *fs, const struct fs_view *dir, const struct fs_view_make *make);
	int (*unlink)(struct fs *fs, const struct fs_view *dir, struct sfs_span name);
	/** Within the directory. @flags  enum sfs_rename_flags. */
	int (*rename)(struct fs *fs, const struct fs_view *dir, struct sfs_span from,
		      struct sfs_span to, unsigned flags);

	/*
	 * Directories and files whose content is a stream (stream.h), instead of list and text. A
	 * cursor says how far an open(2) is; calls on it never overlap. The view outlives it.
	 */
	/** @write  it will take what is written. */
	int (*open)(struct fs *fs, const struct fs_view *view, bool write, void **ret);
	void (*close)(void *cursor, bool write);
	/** Directories: the next entry. 0, 1: the end. */
	int (*next)(void *cursor, struct fs_view_entry *ret);
	/** Files: append a piece. 0, 1: that was the last one. */
	int (*read)(void *cursor, struct sfs_buf *ret);
	/** Files that can be written so: what comes next; and what there is to say so far. */
	int (*take)(void *cursor, struct sfs_span data);
	int (*verdict)(void *cursor, bool closing);

	/* files and symlinks */
	/** Append what it holds now, or where it leads. */
	int (*text)(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret);
	/** Save what a handle wrote. SFS_ERR_BAD_DOCUMENT: refused, the same text is not tried again. */
	int (*save)(struct fs *fs, const struct fs_view *view, const struct fs_view_save *save);
	/** Of a file that is open for writing and that attr() does not find: what a new one has. */
	int (*newborn)(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret);
};

int fs_views_start(struct fs *fs);
void fs_views_stop(struct fs *fs);

/* --- the table (view_table.c) --- */

/** The view of a node, with a reference, or NULL. */
struct fs_view *fs_view_get(struct fs *fs, uint64_t node);
/** Give a reference back. Accepts NULL. */
void fs_view_unref(struct fs *fs, struct fs_view *view);
/**
 * The view of an identity, with a reference; made when it is not there.
 * @dir     node id of the directory. @parent  the same as a view, or NULL.
 * @spec    name is set. Returns NULL when there is no memory.
 */
struct fs_view *fs_view_enter(struct fs *fs, uint64_t dir, struct fs_view *parent,
			      const struct fs_view_spec *spec);
/** The kernel is about to be given the node: count it. */
void fs_view_looked_up(struct fs *fs, struct fs_view *view);
/** The kernel forgot it so many times, or did not get it. Ignores nodes that are no views. */
void fs_view_forget(struct fs *fs, uint64_t node, uint64_t count);
/** st_ino of what has an id in a directory. @dir  its st_ino. */
uint64_t fs_view_number(uint64_t dir, const struct fs_view_ops *ops, struct sfs_span id);
/** How many there are. */
uint64_t fs_view_count(const struct fs *fs);

/** A time that is dear to find out and holds for one revision of an object: note it, and ask for it. */
void fs_view_note(struct fs *fs, const struct fs_view *view, uint64_t revision, int64_t ns);
bool fs_view_noted(struct fs *fs, const struct fs_view *view, uint64_t revision, int64_t *ret);

/**
 * For set() of views whose mode and owner are those of something else: it may set what they are. Else
 * SFS_ERR_WRONG_KIND, with this sentence.
 */
int fs_view_owner(const struct sfs_setattr *set, const struct sfs_attr *now, const char *sentence);

/** A handle that is open for writing comes and goes. */
void fs_view_attach(struct fs *fs, struct fs_view *view, struct fs_handle *handle);
void fs_view_detach(struct fs *fs, struct fs_view *view, struct fs_handle *handle);
/**
 * Copy what is being written to a file and was not saved yet; of several handles what the newest has.
 * @dir, @ops, @id  the file. Returns 0, SFS_ERR_NOT_FOUND (nothing is) or SFS_ERR_NO_MEMORY.
 */
int fs_view_unsaved_of(struct fs *fs, const struct fs_view *dir, const struct fs_view_ops *ops,
		       struct sfs_span id, struct sfs_buf *ret);
/** Length of what a handle of this process is writing, or with pid 0 of any. False: there is none. */
bool fs_view_draft_size(struct fs *fs, const struct fs_view *view, pid_t pid, uint64_t *ret);

/* --- what handlers ask (view.c) --- */

/**
 * A name in a view.
 * @ret  its node is counted: give it to the kernel, or call fs_view_forget().
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_NOT_DIR or an error of the store.
 */
int fs_view_find(struct fs *fs, uint64_t dir, struct sfs_span name, pid_t pid,
		 struct fs_found *ret);
/** A name in a directory that is no view, where nothing else has that name (view_root.c). */
int fs_view_root(struct fs *fs, uint64_t dir, struct sfs_span name, pid_t pid,
		 struct fs_found *ret);

int fs_view_attr(struct fs *fs, uint64_t node, const struct fs_handle *handle, pid_t pid,
		 struct fs_found *ret);
int fs_view_set(struct fs *fs, uint64_t node, struct fs_handle *handle,
		const struct sfs_setattr *set);
int fs_view_xattr(struct fs *fs, uint64_t node, const char *name, struct sfs_buf *ret);
/** @ret_parent  node id of "..". */
int fs_view_parent(struct fs *fs, uint64_t node, uint64_t *ret_number, uint64_t *ret_parent);
/**
 * Open a directory. *ret NULL: it needs no handle. Else *ret is attached: its stream lists, or, without
 * one, its text is the caller's, to keep a listing.
 */
int fs_view_opendir(struct fs *fs, uint64_t node, pid_t pid, struct fs_handle **ret);
int fs_view_list(struct fs *fs, uint64_t dir, uint64_t after, fs_view_list_fn *fn, void *arg);
/** May nothing be made, removed or renamed in a directory? Also: one that is no view. */
bool fs_view_is_fixed(struct fs *fs, uint64_t dir);
int fs_view_readlink(struct fs *fs, uint64_t node, struct sfs_buf *ret);
int fs_view_symlink(struct fs *fs, uint64_t dir, const struct fs_view_make *make);
int fs_view_unlink(struct fs *fs, uint64_t dir, struct sfs_span name);
int fs_view_rename(struct fs *fs, uint64_t dir, struct sfs_span from, struct sfs_span to,
		   unsigned flags);

/** Is it the directory of a backup (view_backups.c)? Its id is the name. */
bool fs_view_is_backup(const struct fs_view *view);
/** Where times lead to backups of a class. */
#define FS_AT_NAME ".at"
/** Where they are, in .storefs. */
#define FS_BACKUPS_NAME "backups"

/** How a file is opened. */
enum fs_view_open {
	FS_VIEW_READ = 0,
	FS_VIEW_WRITE = 1u << 0,
	FS_VIEW_TRUNCATE = 1u << 1,
};
/** Open a file. *ret is attached. Always around the page cache. */
int fs_view_open(struct fs *fs, uint64_t node, pid_t pid, unsigned how, struct fs_handle **ret);
/** Make a file and open it for writing. SFS_ERR_EXISTS: open it instead. */
int fs_view_create(struct fs *fs, uint64_t dir, const struct fs_view_make *make, pid_t pid,
		   struct fs_handle **ret);
/** Save what was written to a handle and not judged yet. */
int fs_view_flush(struct fs *fs, struct fs_handle *handle);
/** The same when it is closed. */
int fs_view_close(struct fs *fs, struct fs_handle *handle);

/**
 * What refused operations are called after: the class, the path below it, and the oid.
 * @path, @oid  appended to. Returns 0 or SFS_ERR_NOT_FOUND, SFS_ERR_NO_MEMORY.
 */
int fs_view_describe(struct fs *fs, uint64_t node, uint32_t *ret_class, struct sfs_buf *path,
		     struct sfs_buf *oid);

#endif
