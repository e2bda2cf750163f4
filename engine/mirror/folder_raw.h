/*
 * Raws of a folder: File/123/meta.json and File/123/data.blob. The second one is where the bytes of the raw
 * are. Its folder is in the row F R of its number: path, and before the update times of the file the path
 * that it has in its class, with its length (u16).
 */
#ifndef SFSI_FOLDER_RAW_H
#define SFSI_FOLDER_RAW_H

#include "mirror/folder.h"

/** The metadata of a raw as it was read. */
struct sfsi_folder_raw {
	struct sfsi_class *class;
	struct sfs_span oid; /* path in the class */
	const char *path;    /* of meta.json */
	struct sfsi_folder_stamp stamp;
	const struct sfs_setattr *attr;
	const struct sfsi_folder_parsed *parsed;
};

/** A row of a raw, taken apart. */
struct sfsi_folder_raw_row {
	struct sfsi_folder_row row; /* path: its folder */
	struct sfs_span oid;
	struct sfs_span updates; /* as in the file; empty: none */
};

/** A number in keys. */
struct sfsi_folder_serial {
	uint8_t bytes[8];
};
struct sfs_span sfsi_folder_serial(struct sfsi_folder_serial *key, uint64_t ino);

SFS_MUST_CHECK int sfsi_folder_raw_decode(struct sfs_span bytes, struct sfsi_folder_raw_row *ret);
SFS_MUST_CHECK int sfsi_folder_raw_put(struct sfsi_txn *txn, uint64_t ino,
				       const struct sfsi_folder_raw_row *raw);
/** The row of a raw inside a change. SFS_ERR_NOT_FOUND. */
SFS_MUST_CHECK int sfsi_folder_raw_load(struct sfsi_txn *txn, uint64_t ino, struct sfs_buf *buf,
					struct sfsi_folder_raw_row *ret);
SFS_MUST_CHECK int sfsi_folder_raw_read(struct sfs_store *store, uint64_t ino, struct sfs_buf *buf,
					struct sfsi_folder_raw_row *ret);
/** A file in a raw's folder, with a NUL. */
SFS_MUST_CHECK int sfsi_folder_raw_file(struct sfs_span folder, const char *name,
					struct sfs_buf *ret);

/** The text of meta.json, made of what the store has. */
SFS_MUST_CHECK int sfsi_folder_raw_text(struct sfs_store *store, const struct sfsi_class *class,
					uint64_t ino, struct sfsi_folder_raw_row *raw,
					struct sfs_buf *ret);
/** @gone  only if the raw is gone; else only if it is not. */
SFS_MUST_CHECK int sfsi_folder_stage_raw(struct sfsi_folder *folder, struct sfsi_txn *txn,
					 const struct sfsi_mirror_change *change, bool gone);
/** False: it could not be done. */
bool sfsi_folder_publish_raw(struct sfsi_folder *folder, const struct sfsi_folder_staged *staged);
SFS_MUST_CHECK int sfsi_folder_take_raw(struct sfsi_folder *folder, struct sfsi_txn *txn,
					const struct sfsi_folder_raw *raw);
/** Is this meta.json, as it is now, what the raw was made of? */
bool sfsi_folder_raw_known(struct sfsi_folder *folder, const char *path);

/** We did this to the bytes of a raw: nothing to be taken in when it is heard of. */
void sfsi_folder_wrote(struct sfsi_folder *folder, uint64_t ino, const struct stat *stat);

/* For scans: rows of the table F R and F V. */
SFS_MUST_CHECK int sfsi_folder_see_raw(struct sfsi_folder *folder, struct sfsi_class *class,
				       struct sfs_span serial, struct sfs_span val);
/** Only of raws that are gone: they make room for the others. */
SFS_MUST_CHECK int sfsi_folder_see_gone_task(struct sfsi_folder *folder, struct sfsi_class *class,
					     struct sfs_span serial, struct sfs_span val);
SFS_MUST_CHECK int sfsi_folder_see_raw_task(struct sfsi_folder *folder, struct sfsi_class *class,
					    struct sfs_span serial, struct sfs_span val);

/** A meta.json is gone: so is its raw. */
SFS_MUST_CHECK int sfsi_folder_raw_gone(struct sfsi_folder *folder, const char *path);
/** A data.blob was written, or is gone: by others, perhaps. */
SFS_MUST_CHECK int sfsi_folder_look_blob(struct sfsi_folder *folder, const char *path);

#endif
