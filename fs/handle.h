/*
 * What is open: a handle for each open(2), and one fs_open for each object that has handles,
 * with what only exists while it is open (newborns, attributes that wait for the save).
 *
 * Protected by the lock of the table unless a member says otherwise.
 */
#ifndef FS_HANDLE_H
#define FS_HANDLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include "daemon.h"
#include "draft.h"

struct fs_stream;
struct fs_view;

/** An object with open handles. */
struct fs_open {
	struct fs_open *chain; /* of the hash table */
	struct fs_open *next_newborn, *prev_newborn;
	struct fs_handle *handles; /* its handles, linked by sibling */
	unsigned refs;             /* handles, and handlers at work on it */
	unsigned writers;          /* handles with a draft that can be saved */
	pthread_mutex_t save;      /* one save, rename or removal at a time; before the table */
	uint64_t ino;              /* as the kernel knows it; never changes */
	uint64_t object_ino;       /* as the engine knows it: another one after a newborn was
					     * renamed onto an object */
	uint64_t raw_ino;          /* not 0: renamed to this scratch file */
	uint32_t class_id;
	struct sfs_buf oid;         /* newborn: its oid; else what it last was, or empty */
	struct sfs_attr attr;       /* of when it was opened; newborn: its attributes */
	struct sfs_setattr pending; /* times to set with the next save */
	bool newborn;               /* created, not in the engine yet */
	bool removed;               /* saves go nowhere */
	bool refused;               /* the last save with content failed */
	bool name_known;            /* newborn: the kernel has its primary name */
};

enum fs_handle_kind {
	FS_HANDLE_READER, /* a document: doc, or text when there is no doc */
	FS_HANDLE_WRITER, /* a document: draft */
	FS_HANDLE_RAW,
	FS_HANDLE_TEXT,   /* a virtual file */
	FS_HANDLE_SCHEMA, /* a class's definition, open for writing: draft */
	FS_HANDLE_VIEW,   /* a file of a view, open for writing: draft */
	FS_HANDLE_STREAM, /* a directory or a file of a view that is a stream */
	FS_HANDLE_TAKER,  /* such a file, open for writing */
};

/** How a raw is read and written. */
enum fs_way {
	FS_WAY_NONE,   /* through the daemon, in a way that other opens need not share */
	FS_WAY_CACHED, /* through the daemon and the page cache */
	FS_WAY_PASSED, /* by the kernel itself */
	FS_WAY_MAPPED, /* the same, and it may be mapped to write */
};

/** One open(2). kind, node, pid and what they need never change. */
struct fs_handle {
	struct fs_handle *next, *prev; /* all handles */
	struct fs_handle *sibling;     /* next handle of the same fs_open, or view */
	enum fs_handle_kind kind;
	uint64_t node;
	pid_t pid;   /* who opened it */
	bool cached; /* READER: through the page cache */
	/* READER: its open(2) makes the kernel forget pages, and is not known to be over */
	atomic_bool drops;
	int64_t cached_ns; /* … since (monotonic) */
	_Atomic int64_t
		flushed_ns;   /* WRITER: a descriptor was closed (monotonic); 0: written to since */
	struct fs_open *open; /* READER, WRITER */
	struct sfs_doc *doc;  /* READER: the version that it reads */
	struct sfs_buf text;  /* TEXT: what it reads; READER of a newborn: empty */
	struct fs_draft draft;                   /* WRITER, SCHEMA, VIEW */
	struct sfs_raw_file *raw;                /* RAW */
	enum fs_way way;                         /* RAW: backing.c */
	_Atomic uint64_t plain_mode;             /* RAW: when it had no set-id bits; privilege.c */
	char class_name[SFS_CLASS_NAME_MAX + 1]; /* SCHEMA */
	struct fs_stream *stream;                /* STREAM, TAKER */
	struct fs_view *
		view; /* VIEW, STREAM, TAKER, TEXT of a view: a reference; VIEW: it lists the handle */
	bool created; /* VIEW: made by this open, and not saved yet */
};

int fs_table_start(struct fs *fs);
/** Closes what is still open. */
void fs_table_stop(struct fs *fs);

/** A handle, not yet in the table. */
struct fs_handle *fs_handle_new(enum fs_handle_kind kind, uint64_t node, pid_t pid);
/** Put it into the table. @open NULL, or takes over a reference that the handle gives back. */
void fs_handle_attach(struct fs *fs, struct fs_handle *handle, struct fs_open *open);
/**
 * Take it out of the table and free it. Accepts handles that were never attached.
 * Returns its fs_open, with the reference, for fs_open_unref(); or NULL.
 */
struct fs_open *fs_handle_free(struct fs *fs, struct fs_handle *handle);

static inline struct fs_handle *fs_handle_of(uint64_t fh)
{
	return (struct fs_handle *)(uintptr_t)fh;
}

/** The open object of an inode number, with a reference, or NULL. */
struct fs_open *fs_open_find(struct fs *fs, uint64_t ino);
/** The same; makes it when it is not there. @attr as it is now. SFS_ERR_NO_MEMORY. */
int fs_open_get(struct fs *fs, const struct sfs_attr *attr, struct fs_open **ret);
/** Is it a newborn still? */
bool fs_open_is_newborn(struct fs *fs, struct fs_open *open);
/** Give a reference back; the last one frees it. Accepts NULL. */
void fs_open_unref(struct fs *fs, struct fs_open *open);

/* --- how the kernel may cache (handle_cache.c) --- */

enum fs_cache_mode {
	FS_CACHE_DROP,  /* forget the pages, then cache */
	FS_CACHE_KEEP,  /* the pages are this very version */
	FS_CACHE_AVOID, /* another version is being read through the page cache */
};
/**
 * Decide for a reader that is attached, and remember the decision in it.
 * @sequence  was taken before its document was read.
 */
enum fs_cache_mode fs_handle_cache_mode(struct fs *fs, struct fs_handle *handle, uint64_t sequence);

/** The kernel reads for a reader: its open(2) is over, with what it was to forget. */
void fs_handle_was_opened(struct fs *fs, struct fs_handle *handle);

/**
 * A descriptor of a writer was closed, most likely the only one: fs_open_wait_for_release() waits a moment for the end
 * of the writer, which the kernel sends later than close(2) returns.
 */
void fs_handle_flushed(struct fs_handle *handle);
/** Called by who is about to read the document: who reads beside a writer can not map it. May block. */
void fs_open_wait_for_release(struct fs *fs, uint64_t node);

/**
 * Correct an object's attributes by what is open.
 * @handle  the handle that asks, or NULL. @pid  who asks, 0: nobody.
 * Returns whether the kernel may keep them.
 */
bool fs_open_overlay(struct fs *fs, uint64_t node, const struct fs_handle *handle, pid_t pid,
		     struct sfs_attr *attr);

/**
 * A writer was attached: wait for readers that began to use the page cache a moment ago. Blocks for
 * a tenth of a second at most.
 */
void fs_open_wait_for_readers(struct fs *fs, struct fs_open *open, pid_t writer);

/** Is another version than this being read through the page cache of the node? */
bool fs_open_is_outdated(struct fs *fs, uint64_t node, uint64_t revision);
/** Is any version? */
bool fs_open_is_cached(struct fs *fs, uint64_t node);

/** Attributes of an object that the engine no longer (or not yet) knows, from what is open. */
int fs_open_attr(struct fs *fs, uint64_t ino, struct sfs_attr *ret);

#endif
