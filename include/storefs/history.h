/*
 * Earlier versions of objects. A save that changes an object keeps what it was in the same commit, whatever
 * door it came through; so does removing it. How many are kept, and for how long, is said by the settings
 * history, history_for and history_every (settings.h); docs/history.md says which states become versions.
 *
 * Versions belong to the oid: they stay when the object is removed, until they are too old, and an object
 * made anew under that oid goes on with them. An object that is renamed leaves them behind.
 */
#ifndef STOREFS_HISTORY_H
#define STOREFS_HISTORY_H

#include <storefs/object.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One state that an object was in. */
struct sfs_version {
	int64_t time_ns;  /* since when; whole microseconds, no two of an object have the same */
	int64_t until_ns; /* when it was replaced, or went */
	bool gone;        /* the object was removed, or renamed, then */
	uint32_t mode;    /* permission bits */
	uint32_t uid, gid;
	uint64_t size; /* bytes of the JSON document */
};

#define SFS_VERSION_NAME_SIZE 26
/** A time as "2026-11-22T010203.123456Z", in UTC, which sfs_time_parse() reads. */
SFS_API void sfs_version_name(int64_t time_ns, char ret[SFS_VERSION_NAME_SIZE]);

/** Valid during the call; nonzero stops. fn may call the store. */
typedef int sfs_version_fn(void *arg, const struct sfs_version *version);

/**
 * Versions of an object that is there or was, the oldest first. What it is now is none of them. One whose
 * row is damaged is passed over (sfs_store_check() names it).
 * Returns 0 (also without any), SFS_ERR_CANCELLED (fn stopped it), SFS_ERR_NOT_FOUND (no such class),
 * SFS_ERR_WRONG_KIND, SFS_ERR_CORRUPT (what says which there are can not be read), SFS_ERR_IO,
 * SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_history_each(struct sfs_store *store, uint32_t class_id,
					    struct sfs_span oid, sfs_version_fn *fn, void *arg);

/**
 * The version of a time.
 * @time_ns   exactly its time_ns.
 * @ret       may be NULL.
 * @ret_json  NULL, or its JSON document is appended: byte for byte what was saved, or canonical.
 * Returns 0, SFS_ERR_NOT_FOUND (none, or not any more), SFS_ERR_WRONG_KIND, SFS_ERR_CORRUPT, SFS_ERR_IO,
 * SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_history_get(struct sfs_store *store, uint32_t class_id,
					   struct sfs_span oid, int64_t time_ns,
					   struct sfs_version *ret, struct sfs_buf *ret_json);

/** What an object was at a time. */
enum sfs_history_state {
	SFS_HISTORY_PRESENT = 1, /* what it is now; of the version only time_ns is set */
	SFS_HISTORY_VERSION,     /* an earlier version, in force then */
	SFS_HISTORY_BEFORE, /* the newest one before; what came after it was in force too shortly */
	SFS_HISTORY_GONE,   /* there was no object: it had been removed or renamed */
};

/**
 * Which version was in force at a time?
 * Returns 0, SFS_ERR_NOT_FOUND (nothing is known of so long ago), or errors of sfs_history_get().
 */
SFS_API SFS_MUST_CHECK int sfs_history_at(struct sfs_store *store, uint32_t class_id,
					  struct sfs_span oid, int64_t time_ns,
					  enum sfs_history_state *ret_state,
					  struct sfs_version *ret);

/** How much there is. */
struct sfs_history_stat {
	uint64_t objects;  /* that have versions */
	uint64_t versions; /* that count */
	uint64_t bytes;    /* of their rows */
};

/**
 * Count versions. Reads the whole history of the class.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_WRONG_KIND, SFS_ERR_CORRUPT, SFS_ERR_IO, SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_history_stat(struct sfs_store *store, uint32_t class_id,
					    struct sfs_history_stat *ret);

/**
 * Remove versions that are too old, or too many, in all classes. Saves do it for their object, and a daemon does it for
 * all once in a while (sfs_backup_schedule_run()).
 * @stopped  NULL, or asked now and then; true stops.
 * Returns 0, SFS_ERR_CANCELLED, SFS_ERR_READ_ONLY, or errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_history_expire(struct sfs_store *store, bool (*stopped)(void *arg),
					      void *arg, uint64_t *ret_removed);

#ifdef __cplusplus
}
#endif
#endif
