/*
 * A store: one data set, opened by one process at a time.
 *
 * Life of a store: sfs_store_init() makes the folder once; sfs_store_open()
 * takes ownership of it; sfs_store_close() gives it back. "memory:" as a path
 * is a store that lives as long as it is open and needs no init.
 *
 * Threads: every function here and in the other headers may be called from any
 * thread, unless it says otherwise. Do not open a store before fork().
 */
#ifndef STOREFS_STORE_H
#define STOREFS_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <storefs/buf.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sfs_store;

/** Newest on-disk format that this library reads and writes. */
#define SFS_STORE_FORMAT 4

/** Longest class name in bytes (design: [A-Za-z_][A-Za-z0-9_-]*). */
#define SFS_CLASS_NAME_MAX 128
/** Longest oid in bytes; any byte is allowed in an oid, it is never empty. */
#define SFS_OID_MAX 1024
/** Longest name of a raw, a scratch file or a directory in bytes. */
#define SFS_NAME_MAX 255
/** Largest document in bytes: 64 MiB. */
#define SFS_DOCUMENT_MAX ((size_t)64 << 20)
/** Deepest nesting of a document; the document itself is depth 1. */
#define SFS_DEPTH_MAX 490

/** Inode number of the root, the parent of all classes. */
#define SFS_INO_ROOT 1

/*
 * An inode number names a thing for ever: class id in bits 36..59, serial in
 * bits 0..35; bits 60..63 are always 0 in the library (a front end may use them
 * for views). Serial 1 is the root directory of a class. Never reused.
 */
static inline uint32_t sfs_ino_class(uint64_t ino)
{
	return (uint32_t)((ino >> 36) & 0xffffff);
}

static inline uint64_t sfs_ino_make(uint32_t class_id, uint64_t serial)
{
	return (uint64_t)class_id << 36 | serial;
}

/** Kind of thing that an inode number names. */
enum sfs_node_type {
	SFS_NODE_OBJECT = 1, /* an object of an object class */
	SFS_NODE_FILE = 2,   /* raw data (or a scratch file) */
	SFS_NODE_DIR = 3,
	SFS_NODE_SYMLINK = 4,
	SFS_NODE_FIFO = 5,
	SFS_NODE_SOCKET = 6,
};

/** Exact attributes of one object, raw, scratch file or directory. */
struct sfs_attr {
	uint64_t ino;
	/* What to show as inode number: ino; of an object that was renamed away and came back under
	 * its oid the one that it had before, by which it is known as the same one. */
	uint64_t number;
	uint64_t parent; /* directories: inode number of the parent; else 0 */
	enum sfs_node_type type;
	uint32_t mode; /* permission bits, 0..07777 */
	uint32_t uid, gid;
	uint32_t nlink;
	uint64_t size;         /* bytes; objects: of the JSON document */
	uint64_t size_msgpack; /* objects: bytes of the msgpack document; else 0 */
	uint64_t blocks;       /* 512-byte blocks in use */
	int64_t atime_ns;      /* all times: nanoseconds since 1970-01-01 UTC */
	int64_t mtime_ns;      /* last change of the content */
	int64_t ctime_ns;      /* last change of anything */
	uint64_t revision;     /* commit of the last change; raws: of the attributes only */
};

/** Which members of struct sfs_setattr are meant. */
enum sfs_set_flags {
	SFS_SET_MODE = 1u << 0,
	SFS_SET_UID = 1u << 1,
	SFS_SET_GID = 1u << 2,
	SFS_SET_SIZE = 1u << 3, /* raws only */
	SFS_SET_ATIME = 1u << 4,
	SFS_SET_MTIME = 1u << 5,
};

/** A change of attributes; members without their flag are ignored. */
struct sfs_setattr {
	unsigned mask; /* enum sfs_set_flags */
	uint32_t mode; /* 0..07777 */
	uint32_t uid, gid;
	uint64_t size;
	int64_t atime_ns, mtime_ns;
};

/** How much a message matters. */
enum sfs_log_level {
	SFS_LOG_DEBUG = 1,
	SFS_LOG_INFO = 2,
	SFS_LOG_WARNING = 3,
	SFS_LOG_ERROR = 4,
	SFS_LOG_TRACEBACK = 5, /* an error that was worked around */
};

/**
 * Told what happens to databases (database.h), a line at a time, without a newline. Must be quick and must
 * not call the store; from any thread.
 */
typedef void sfs_log_fn(void *arg, enum sfs_log_level level, const char *message);

/** How to open or make a store. Zeroed members mean the default. */
struct sfs_store_config {
	const char *path;    /* folder, or "memory:" */
	const char *backend; /* init: "kv" (default) or "directory"; open: ignored */
	unsigned flags;      /* enum sfs_store_flags */
	size_t cache_bytes;  /* documents and rows kept in memory; 0 = 16 MiB */
	/* Longest time that an acknowledged change stays unsynced; 0 = 2000. */
	unsigned sync_ms;
	/* Text for others who find the store owned, as "mounted on /mnt/x"; NULL = none. */
	const char *owner_note;
	/* Databases: how often changed ones are written to their files, and backups of each that are kept. */
	unsigned save_interval_s;  /* 0 = 60 */
	unsigned database_backups; /* 0 = 5 */
	sfs_log_fn *log;           /* NULL: nobody is told */
	void *log_arg;
	/* init of a kv store: NULL, or a second folder, not existing or empty, that gets a copy of every
	 * change (docs/backends.md). open: ignored, the store knows. */
	const char *mirror;
};

enum sfs_store_flags {
	/* Change nothing on disk. Of a folder of another program a copy is read of what storefs keeps there … */
	SFS_STORE_READ_ONLY = 1u << 0,
	/* … but with this too that is brought up to date, which is cheaper than a copy. */
	SFS_STORE_TAKE_IN = 1u << 1,
	/* Use one cache of blocks with all others that this process opens so: where many are open at
	 * once, as backups that people look into. */
	SFS_STORE_SHARE_CACHE = 1u << 2,
};

/**
 * Make a new, empty store in a folder.
 *
 * @config  path: a folder that does not exist (its parent does) or is empty.
 *
 * Returns 0, SFS_ERR_EXISTS (it is a store already, or the folder is not
 * empty), SFS_ERR_NOT_FOUND (no parent folder), SFS_ERR_NOT_DIR,
 * SFS_ERR_INVALID (unknown backend, or path is "memory:"), SFS_ERR_NO_SPACE,
 * SFS_ERR_READ_ONLY, SFS_ERR_PERMISSION or SFS_ERR_IO. On failure nothing is
 * left behind. The store is durable when this returns 0.
 */
SFS_API SFS_MUST_CHECK int sfs_store_init(const struct sfs_store_config *config,
					  struct sfs_diag *diag);

/**
 * Open a store and own it until sfs_store_close().
 *
 * The path may also be a folder of a Python system (sfs_store_recognise(); docs/backends.md): its files
 * are read as they are, and written as that system writes them. Nothing is written into it before the first
 * change; one that takes no writes is opened read-only.
 *
 * @config  borrowed for the call.
 * @ret     the open store; close it with sfs_store_close().
 *
 * Returns 0, SFS_ERR_NOT_FOUND (no such folder), SFS_ERR_NOT_STORE,
 * SFS_ERR_VERSION (of a newer format), SFS_ERR_BUSY (diag says who owns it),
 * SFS_ERR_CORRUPT (the engine's files are damaged: nothing was changed, see recover.h),
 * SFS_ERR_READ_ONLY (the disk takes no writes and SFS_STORE_READ_ONLY was not
 * given), SFS_ERR_PERMISSION, SFS_ERR_NO_SPACE, SFS_ERR_NO_MEMORY, SFS_ERR_IO.
 * Starts threads: call it after fork().
 */
SFS_API SFS_MUST_CHECK int sfs_store_open(const struct sfs_store_config *config,
					  struct sfs_store **ret, struct sfs_diag *diag);

/**
 * Sync everything and give the store back. Accepts NULL.
 * No other call on the store may be running or follow; raw files and documents
 * taken from it must have been given back before.
 *
 * Returns 0, or the error of the last sync: the store is closed all the same.
 */
SFS_API int sfs_store_close(struct sfs_store *store);

/**
 * Make everything acknowledged so far survive a power cut.
 * Many callers at once share one sync of the disk.
 *
 * Returns 0, SFS_ERR_NO_SPACE or SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_store_sync(struct sfs_store *store);

/** Who owns a store. */
struct sfs_store_owner {
	int64_t pid;      /* 0: nobody owns it; -1: read-only owners, who leave no note */
	int64_t since_ns; /* when it was opened */
	char note[256];   /* config.owner_note, cut */
};

/**
 * Ask who owns a store, without opening it.
 * Returns 0, or SFS_ERR_NOT_FOUND, SFS_ERR_NOT_STORE, SFS_ERR_PERMISSION, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_store_owner(const char *path, struct sfs_store_owner *ret,
					   struct sfs_diag *diag);

/** What a path is. */
struct sfs_recognised {
	bool store;     /* a store of our own */
	bool mirror;    /* something was saved through us before; else of another program alone: */
	bool storage;   /* a folder of objects or raws of the Python module storage */
	bool storify;   /* a folder of databases of Storify */
	bool database;  /* one such database */
	bool read_only; /* nothing can be written there */
	char example[128]; /* a file that told; empty: none */
};

/**
 * Say what a path is that sfs_store_open() may be given: a store, or what another program made and
 * is opened as it is. Changes nothing. Nothing is set when it is none of these.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_PERMISSION, SFS_ERR_IO, SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_store_recognise(const char *path, struct sfs_recognised *ret,
					       struct sfs_diag *diag);

/**
 * The folder in which the daemon of a store has its command socket: the store's own, or of a folder of
 * another program one that is this user's.
 * @path  absolute. @ret  appended to, with a NUL.
 * Returns 0 or the error of looking.
 */
SFS_API SFS_MUST_CHECK int sfs_store_socket_folder(const char *path, struct sfs_buf *ret);

/** Figures of an open store. */
struct sfs_store_stat {
	const char *backend; /* static name */
	char uuid[37];
	uint32_t format;
	bool read_only;
	bool damaged; /* stored bytes could not be read: it takes no writes until it is recovered (recover.h) */
	uint64_t classes;
	uint64_t objects;       /* over all classes */
	uint64_t raws;          /* files in raw classes, over all classes */
	uint64_t scratch;       /* scratch files, over all classes */
	uint64_t refused_texts; /* texts that a save refused and that are kept, over all classes */
	uint64_t trashed, trash_bytes; /* in the trash (trash.h) */
	uint64_t commit;               /* number of the last commit */
	uint64_t commit_synced;        /* number of the last commit known to be on disk */
	uint64_t commits;              /* commits since it was opened */
	uint64_t syncs;                /* syncs since it was opened */
	uint64_t cache_bytes;          /* held by the document cache */
	uint64_t cache_hits, cache_misses;
	uint64_t backend_bytes; /* about how much the backend keeps on disk (or in memory) */
	uint64_t fs_total, fs_free, fs_avail; /* bytes of the file system underneath */
	uint64_t fs_files, fs_files_free;
	const char *mirror;     /* folder of its mirror, valid until close; NULL: it has none */
	bool mirror_behind;     /* it lacks something, or is not there: the next open catches up */
	const char *mirror_why; /* why it could not be opened or caught up; "" when it could */
};

/**
 * Figures of an open store, for status, df and metrics. Cheap: no scan.
 * Returns 0 or SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_store_stat(struct sfs_store *store, struct sfs_store_stat *ret);

/** Absolute path of the store's folder ("memory:" for a memory store); valid until close. */
SFS_API const char *sfs_store_path(const struct sfs_store *store);

/** What changed, told to a listener. */
enum sfs_change_type {
	SFS_CHANGE_NODE = 1,    /* content or attributes of ino */
	SFS_CHANGE_ADDED = 2,   /* name in directory dir now means ino */
	SFS_CHANGE_REMOVED = 3, /* name in directory dir is gone; ino had it */
	SFS_CHANGE_CLASS = 4,   /* the class (ino of its root) was made, renamed or removed */
};

struct sfs_change {
	enum sfs_change_type type;
	uint64_t ino;
	uint64_t dir;         /* ino of the class's root for objects */
	bool object;          /* name is an oid, else a file name */
	struct sfs_span name; /* valid during the call only */
	uint64_t revision;
};

/**
 * Who is told about every commit, by whatever door it came. The functions are called in commit order, while the
 * store's commit lock is held: they must be quick and must not call the store.
 */
struct sfs_listener {
	/* A change, when it is readable. */
	void (*changed)(void *arg, const struct sfs_change *change);
	/*
	 * The commit begins and ends for an inode that is in it, once for each of its changes: in
	 * between some readers may see what was, and others what will be. It also ends when it
	 * failed. May be NULL, both. Not called for what an import makes new.
	 */
	void (*begins)(void *arg, uint64_t ino);
	void (*ends)(void *arg, uint64_t ino);
	void *arg;
};

/**
 * Be told. One listener per store; @listener is copied, NULL removes it. Not while other calls are
 * running.
 */
SFS_API void sfs_store_listen(struct sfs_store *store, const struct sfs_listener *listener);

/** Version of the library, as "0.1.0". */
SFS_API const char *sfs_version(void);

#ifdef __cplusplus
}
#endif
#endif
