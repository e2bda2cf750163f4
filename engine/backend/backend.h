/*
 * The backend interface: ordered maps of bytes to bytes, one per partition.
 *
 * A backend knows keys and values, nothing of classes, objects or indexes. All
 * callers go through the sfsi_backend_*() wrapper (backend.c), which checks limits
 * and the read-only state, counts calls, and takes locks for backends that
 * have none of their own.
 *
 * The shape is the one that a distributed engine can offer: a batch is atomic
 * inside one partition (local backends: over partitions too, SFSI_CAP_CROSS_PARTITION),
 * and a scan is (partition, prefix, start-after, limit). There are no range deletes and
 * no store-wide snapshots.
 */
#ifndef SFSI_BACKEND_H
#define SFSI_BACKEND_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <storefs/buf.h>

/** Longest key in bytes, without the partition; keys are never empty. */
#define SFSI_KEY_MAX 2048
/** Longest value: a 64 MiB document as text and as msgpack, and its envelope. */
#define SFSI_VALUE_MAX ((size_t)192 << 20)
/** Most bytes of keys and values in one batch. */
#define SFSI_BATCH_MAX ((size_t)768 << 20)

enum sfsi_caps {
	SFSI_CAP_DURABLE = 1u << 0,         /* what is synced survives the process */
	SFSI_CAP_OWN_LOCKS = 1u << 1,       /* calls may come from any thread at once */
	SFSI_CAP_CROSS_PARTITION = 1u << 2, /* one batch may name several partitions */
};

struct sfsi_backend;

/** How to open a backend; borrowed for the call. */
struct sfsi_backend_config {
	const char *path; /* folder of the backend's own (exists), NULL for memory */
	bool read_only;
	bool create;        /* make a new, empty one: the folder is empty */
	size_t cache_bytes; /* block cache; 0 = the backend's default */
	bool share_cache;   /* instead: one for all that are opened so */
};

/** One change of a batch. */
struct sfsi_op {
	uint32_t partition;
	struct sfs_span key;
	struct sfs_span val; /* val.data NULL and len 0 with remove set: delete the key */
	bool remove;
};

/**
 * One pair of a scan, in ascending order of keys (memcmp, shorter first).
 * Spans are valid during the call. Nonzero stops the scan. Must not call the backend.
 */
typedef int sfsi_scan_fn(void *arg, struct sfs_span key, struct sfs_span val);

/** A scan. */
struct sfsi_scan {
	uint32_t partition;
	struct sfs_span prefix; /* only keys that start with it; empty: all */
	/* Only keys greater than it (whole keys, prefix included); empty: from the start. */
	struct sfs_span after;
	size_t limit;   /* at most so many pairs; 0 = all */
	bool keys_only; /* val may be empty */
	bool once;      /* a long walk: do not fill caches */
};

/** Figures of a backend. */
struct sfsi_backend_stat {
	uint64_t bytes;        /* about how much it keeps */
	uint64_t memory_bytes; /* about how much memory it uses, 0 = unknown */
};

/** A file of a backend that never changes once it is written; borrowed for a call. */
struct sfsi_backend_file {
	const char *name; /* below the backend's folder */
	uint64_t size;
	bool has_sum;
	uint32_t sum; /* CRC-32C of all its bytes, from when they were written */
};
/** Nonzero stops. */
typedef int sfsi_backend_file_fn(void *arg, const struct sfsi_backend_file *file);

/** How to compact. */
struct sfsi_compact {
	uint64_t rate; /* at most so many bytes a second; 0: no limit */
	/* NULL, or called now and then with how much of how much is done. Nonzero stops. */
	int (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

struct sfsi_bulk;

/** A snapshot that is wanted. */
struct sfsi_snapshot_wanted {
	const char *path; /* an existing, empty folder on the same disk */
	/* NULL, or called once when all that is in it is there: what is written from then on is not. */
	void (*fixed)(void *arg);
	void *arg;
	struct sfs_diag *diag; /* may be NULL */
};

struct sfsi_backend_ops {
	const char *name; /* "memory", "kv", … */
	unsigned caps;    /* enum sfsi_caps */
	size_t size;      /* bytes the core allocates, zeroed; struct sfsi_backend first */

	/* Required. If open fails, close is not called. diag: one sentence. */
	int (*open)(struct sfsi_backend *b, const struct sfsi_backend_config *cfg,
		    struct sfs_diag *diag);
	void (*close)(struct sfsi_backend *b);
	/* Appends the value to ret. SFS_ERR_NOT_FOUND, SFS_ERR_CORRUPT, SFS_ERR_IO, SFS_ERR_NO_MEMORY. */
	int (*get)(struct sfsi_backend *b, uint32_t partition, struct sfs_span key,
		   struct sfs_buf *ret);
	/* 0 at the end or the limit; SFS_ERR_CANCELLED when fn stopped it. Sees either all or
	 * nothing of a batch that is written meanwhile. */
	int (*scan)(struct sfsi_backend *b, const struct sfsi_scan *scan, sfsi_scan_fn *fn,
		    void *arg);
	/* All ops or none; a kill of the process after it returned 0 loses nothing when
	 * SFSI_CAP_DURABLE. Later ops win over earlier ones with the same key. NULL makes
	 * the backend read-only. */
	int (*write)(struct sfsi_backend *b, const struct sfsi_op *ops, size_t count);
	/* Optional: everything written so far survives a power cut. */
	int (*sync)(struct sfsi_backend *b);
	/* Optional. */
	int (*stat)(struct sfsi_backend *b, struct sfsi_backend_stat *ret);
	/*
	 * Optional: a note for the backend's own side file, of at most 64 KiB, that says what a
	 * complete store holds (the core writes commit numbers and counts here). mark is called
	 * after a successful sync; marked gives the last one back (SFS_ERR_NOT_FOUND: none).
	 */
	int (*mark)(struct sfsi_backend *b, struct sfs_span note);
	int (*marked)(struct sfsi_backend *b, struct sfs_buf *ret);
	/*
	 * Optional: a copy of all that was written so far, that open takes as path. It may share files
	 * with the backend: who wants to keep it copies them.
	 */
	int (*snapshot)(struct sfsi_backend *b, const struct sfsi_snapshot_wanted *snapshot);
	/* Optional: do now what would keep writers waiting during a snapshot. */
	int (*prepare)(struct sfsi_backend *b);
	/* Optional: all of these files that what was written so far needs. SFS_ERR_UNSUPPORTED: not known. */
	int (*files)(struct sfsi_backend *b, sfsi_backend_file_fn *fn, void *arg);
	/* Optional: give back the room of rows that are gone, while the backend is in use. */
	int (*compact)(struct sfsi_backend *b, const struct sfsi_compact *compact);
	/* Optional, both: many rows at once (bulk.h). end drops it in any case. */
	int (*bulk_begin)(struct sfsi_backend *b, struct sfsi_bulk **ret);
	int (*bulk_end)(struct sfsi_backend *b, struct sfsi_bulk *bulk);
};

/** So many rows can wait. */
#define SFSI_DEFER_MAX 16

/** Rows that wait for the next write (defer.c). */
struct sfsi_deferred {
	pthread_mutex_t lock; /* protects all below; comes before the backend's own */
	_Atomic size_t len;   /* read without it: 0 is nothing */
	struct sfsi_op ops[SFSI_DEFER_MAX];
	char *blocks[SFSI_DEFER_MAX]; /* what their spans point into */
};

/** Base member of every backend. Set up by the wrapper. */
struct sfsi_backend {
	const struct sfsi_backend_ops *ops;
	bool read_only;
	pthread_rwlock_t lock; /* taken by the wrapper unless SFSI_CAP_OWN_LOCKS */
	struct sfsi_deferred deferred;
	/* Stored bytes could not be read any more: nothing is written from then on. Set by who was asked to
	 * tell (sfsi_backend_watch()) alone. */
	_Atomic bool damaged;
	void (*on_damage)(void *arg);
	void *on_damage_arg;
	struct {
		_Atomic uint64_t gets, scans, writes, ops, syncs;
	} count; /* calls since open */
};

/** All backends, ended by NULL. */
extern const struct sfsi_backend_ops *const sfsi_backends[];
extern const struct sfsi_backend_ops sfsi_backend_memory, sfsi_backend_kv;

/** Find a backend's table by name; NULL when there is none. */
const struct sfsi_backend_ops *sfsi_backend_find(const char *name);

/** Open a backend; *ret is closed with sfsi_backend_close(). */
SFS_MUST_CHECK int sfsi_backend_open(const struct sfsi_backend_ops *ops,
				     const struct sfsi_backend_config *cfg,
				     struct sfsi_backend **ret, struct sfs_diag *diag);
/** Accepts NULL. */
void sfsi_backend_close(struct sfsi_backend *b);

/**
 * Stop writing as soon as what is stored turns out to be damaged, and say so: once, from whatever thread, with
 * whatever locks held.
 */
void sfsi_backend_watch(struct sfsi_backend *b, void (*on_damage)(void *arg), void *arg);

/* The wrapper: as the table's members, with checks. A key or value over the limits is
 * SFS_ERR_LIMIT, a write to a read-only backend SFS_ERR_READ_ONLY. */
SFS_MUST_CHECK int sfsi_backend_get(struct sfsi_backend *b, uint32_t partition, struct sfs_span key,
				    struct sfs_buf *ret);
SFS_MUST_CHECK int sfsi_backend_scan(struct sfsi_backend *b, const struct sfsi_scan *scan,
				     sfsi_scan_fn *fn, void *arg);
SFS_MUST_CHECK int sfsi_backend_write(struct sfsi_backend *b, const struct sfsi_op *ops,
				      size_t count);
/**
 * The same, but a kill may take it until the next call of sfsi_backend_write(), _settle(), _scan(),
 * _sync() or _snapshot(). Reads see it at once. May write it at once.
 */
SFS_MUST_CHECK int sfsi_backend_defer(struct sfsi_backend *b, const struct sfsi_op *ops,
				      size_t count);
/** Write what was deferred. */
SFS_MUST_CHECK int sfsi_backend_settle(struct sfsi_backend *b);
SFS_MUST_CHECK int sfsi_backend_sync(struct sfsi_backend *b);
SFS_MUST_CHECK int sfsi_backend_stat(struct sfsi_backend *b, struct sfsi_backend_stat *ret);
SFS_MUST_CHECK int sfsi_backend_mark(struct sfsi_backend *b, struct sfs_span note);
SFS_MUST_CHECK int sfsi_backend_marked(struct sfsi_backend *b, struct sfs_buf *ret);
/** SFS_ERR_UNSUPPORTED: the backend can not. */
SFS_MUST_CHECK int sfsi_backend_snapshot(struct sfsi_backend *b,
					 const struct sfsi_snapshot_wanted *snapshot);
/** Before a snapshot, so that it takes but a moment. */
SFS_MUST_CHECK int sfsi_backend_prepare(struct sfsi_backend *b);
/** SFS_ERR_UNSUPPORTED: it has none, or does not know. Returns what fn returns. Not while others write. */
SFS_MUST_CHECK int sfsi_backend_files(struct sfsi_backend *b, sfsi_backend_file_fn *fn, void *arg);
/** SFS_ERR_UNSUPPORTED: the backend has nothing to compact. SFS_ERR_CANCELLED. */
SFS_MUST_CHECK int sfsi_backend_compact(struct sfsi_backend *b, const struct sfsi_compact *compact);

#endif
