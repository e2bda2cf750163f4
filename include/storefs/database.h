/*
 * Databases: classes that are kept as one Storify file each, NAME.mpack, in the folder that is the store.
 *
 * A database is an object class whose objects are the items of the file's root: of a map its keys, of a list its
 * numbers from 0 on, of any other root the one item "value". Values are any JSON value. So object.h
 * reads and saves them; here is what concerns the file as a whole.
 *
 * A save that returned survives a kill -9, and the file is written later: by sfs_database_flush(), when the store is
 * closed, and every save_interval_s seconds (struct sfs_store_config). Each time the old file becomes a backup.
 * What other programs do to the file is taken in while the store is open, and when it is opened.
 */
#ifndef STOREFS_DATABASE_H
#define STOREFS_DATABASE_H

#include <storefs/object.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sfs_database_root {
	SFS_DATABASE_MAP = 0,
	SFS_DATABASE_LIST = 1,
	SFS_DATABASE_SCALAR = 2, /* nil, a number, text, … */
};

/** Longest name of a backup, a number. */
#define SFS_BACKUP_NAME_MAX 63

/** What is known of a database. */
struct sfs_database_info {
	uint32_t class_id;
	enum sfs_database_root root;
	bool changed;  /* there are saves that the file does not have yet */
	bool exists;   /* there is a file */
	int fault;     /* SFS_ERR_CORRUPT: it can not be loaded; else 0 */
	char why[256]; /* fault: one sentence */
	char conflict
		[512]; /* name of the last file with what was saved here but changed elsewhere; or empty */
	char recovered_from[SFS_BACKUP_NAME_MAX +
			    1]; /* since it was opened; a backup, "working copy", or empty */
	uint64_t file_bytes;
	int64_t written_ns; /* when the file was read or written; 0: never */
};

/** Returns 0 or SFS_ERR_NOT_FOUND (no such class, or it is no database). Waits for a flush. */
SFS_API SFS_MUST_CHECK int sfs_database_get(struct sfs_store *store, uint32_t class_id,
					    struct sfs_database_info *ret);

/** Absolute path of the file, without a NUL; appended to ret. Errors as above, SFS_ERR_NO_MEMORY. */
SFS_API SFS_MUST_CHECK int sfs_database_path(struct sfs_store *store, uint32_t class_id,
					     struct sfs_buf *ret);

/**
 * Write the file, durably, if that changes it; what was there becomes a backup.
 * @class_id  0: all databases. A class that is no database: nothing is done.
 * Returns 0, SFS_ERR_CORRUPT (it can not be loaded), SFS_ERR_BUSY (somebody writes the file just now),
 * SFS_ERR_NO_SPACE, SFS_ERR_IO and the like: then the old file is as it was, and nothing is lost.
 */
SFS_API SFS_MUST_CHECK int sfs_database_flush(struct sfs_store *store, uint32_t class_id,
					      struct sfs_diag *diag);

/** The file as a flush would write it now; appended to ret. SFS_ERR_LIMIT: over SFS_BUF_MAX. */
SFS_API SFS_MUST_CHECK int sfs_database_image(struct sfs_store *store, uint32_t class_id,
					      struct sfs_buf *ret);

/**
 * Let an image replace all that a database holds, whatever root it has, and flush it.
 * Returns 0, SFS_ERR_BAD_DOCUMENT (the image can not be read: diag), errors of a flush.
 */
SFS_API SFS_MUST_CHECK int sfs_database_load(struct sfs_store *store, uint32_t class_id,
					     struct sfs_span image, struct sfs_diag *diag);

/** One backup, newest first. Nonzero stops. */
typedef int sfs_backup_fn(void *arg, const char *name, uint64_t size, int64_t mtime_ns);
/** Returns 0, SFS_ERR_CANCELLED (fn stopped it), SFS_ERR_NOT_FOUND (no such database), SFS_ERR_IO. */
SFS_API SFS_MUST_CHECK int sfs_database_backups(struct sfs_store *store, uint32_t class_id,
						sfs_backup_fn *fn, void *arg);
/** Content of a backup; appended to ret. @name  NULL: the newest. SFS_ERR_NOT_FOUND. */
SFS_API SFS_MUST_CHECK int sfs_database_backup(struct sfs_store *store, uint32_t class_id,
					       const char *name, struct sfs_buf *ret);
/** sfs_database_load() of a backup. What is there now becomes the newest backup. */
SFS_API SFS_MUST_CHECK int sfs_database_restore(struct sfs_store *store, uint32_t class_id,
						const char *name, struct sfs_diag *diag);

/** Begin anew with an empty map. The file, damaged or not, is kept as NAME.mpack.corrupt. */
SFS_API SFS_MUST_CHECK int sfs_database_reset(struct sfs_store *store, uint32_t class_id,
					      struct sfs_diag *diag);

/** Make a database. @root  its first content as JSON; empty: {}. Errors as sfs_class_create() and of a load. */
SFS_API SFS_MUST_CHECK int sfs_database_create(struct sfs_store *store,
					       const struct sfs_class_make *make,
					       struct sfs_span root, uint32_t *ret_id,
					       struct sfs_diag *diag);

enum sfs_database_end {
	SFS_DATABASE_DESTROY = 0, /* its last state becomes a backup */
	SFS_DATABASE_REMOVE = 1,  /* what was not flushed is lost */
};
/**
 * Remove a database and its file; backups stay.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_NOT_EMPTY (scratch files), errors of a flush.
 */
SFS_API SFS_MUST_CHECK int sfs_database_end(struct sfs_store *store, uint32_t class_id,
					    enum sfs_database_end how, struct sfs_diag *diag);

/* --- databases that are lists --- */

/** Add an item at the end. Errors as sfs_object_put(); SFS_ERR_WRONG_KIND: it is no list. */
SFS_API SFS_MUST_CHECK int sfs_database_append(struct sfs_store *store, uint32_t class_id,
					       enum sfs_format format, struct sfs_span text,
					       struct sfs_diag *diag);
/**
 * Remove an item and give its document. @index  below 0: from the end. ret: NULL, or appended to.
 * SFS_ERR_NOT_FOUND, SFS_ERR_WRONG_KIND.
 */
SFS_API SFS_MUST_CHECK int sfs_database_pop(struct sfs_store *store, uint32_t class_id,
					    int64_t index, enum sfs_format format,
					    struct sfs_buf *ret, struct sfs_diag *diag);
/** Remove the first item that has this value. SFS_ERR_NOT_FOUND, SFS_ERR_WRONG_KIND. */
SFS_API SFS_MUST_CHECK int sfs_database_remove(struct sfs_store *store, uint32_t class_id,
					       enum sfs_format format, struct sfs_span text,
					       struct sfs_diag *diag);

/** Name of the model that a value is ({"__Name__": …}), appended to ret. SFS_ERR_NOT_FOUND: it is none. */
SFS_API SFS_MUST_CHECK int sfs_database_model(struct sfs_store *store, uint64_t ino,
					      struct sfs_buf *ret);
/** The same of a value in msgpack. */
SFS_API SFS_MUST_CHECK int sfs_model_name(struct sfs_span value, struct sfs_buf *ret);

#ifdef __cplusplus
}
#endif
#endif
