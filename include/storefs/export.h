/*
 * Exports: an object or a raw as one document for other programs, with its oid, type and update times,
 * in the shapes of the Python storage module; and imports, which take such documents back.
 *
 *   depth 0  {"oid", "type", "updates"}
 *   depth 1  and all properties (but for those that are null); then all relations that the class has, each
 *            an array of {"oid", "type"}, empty when there is none
 *   depth 2  the same with each object or raw that a relation, or a property that holds a reference,
 *            leads to at depth 1 in place of the reference; one that is not there stays a reference
 *
 * A raw has its metadata in the place of properties. "type" is the type of the class. "updates" has an
 * integer YYYYMMDDhhmmssuuuuuu (UTC) for each property and relation, and for the whole under "oid".
 * In JSON a property of type bin is its base64 text.
 */
#ifndef STOREFS_EXPORT_H
#define STOREFS_EXPORT_H

#include <storefs/raw.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sfs_export_flags {
	SFS_EXPORT_DATA = 1u << 0, /* the bytes of raws as member "data": base64 text in JSON */
};

/** How to export. */
struct sfs_export {
	unsigned depth; /* 0, 1, 2; more is the same as 2 */
	enum sfs_format format;
	unsigned flags; /* enum sfs_export_flags */
	size_t limit;   /* most bytes of the result; 0: SFS_DOCUMENT_MAX */
};

/**
 * Export one object or raw.
 * @oid  of an object; of a raw its path in the class.
 * @ret  appended to: canonical JSON, or msgpack.
 * @ret_attr  NULL, or the attributes of what was exported; mtime_ns is the newest of all that is in it.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_IS_DIR (not a regular file), SFS_ERR_LIMIT (over the limit, or
 * nested too deep), SFS_ERR_CORRUPT, SFS_ERR_IO, SFS_ERR_NO_MEMORY. On failure ret is as it was.
 * Each object is of one moment; what it leads to may be of a later one.
 */
SFS_API SFS_MUST_CHECK int sfs_export(struct sfs_store *store, uint32_t class_id,
				      struct sfs_span oid, const struct sfs_export *how,
				      struct sfs_buf *ret, struct sfs_attr *ret_attr,
				      struct sfs_diag *diag);

enum sfs_import_flags {
	SFS_IMPORT_UPDATE = 1u << 0,  /* of an object that is there, set the members given */
	SFS_IMPORT_REPLACE = 1u << 1, /* … let the record take the place of all that it has */
};

/** What became of a record. */
struct sfs_imported {
	bool created, changed; /* neither: it was there and stayed as it was */
	struct sfs_attr attr;
	size_t oid_len;
	unsigned char oid[SFS_OID_MAX];
};

/**
 * Import one record: a document with its oid, as sfs_export() at depth 1 or 2 and Python systems write it.
 *
 * Without a member "oid" a new one is made. An object of that oid that is there already stays as it is,
 * unless flags say otherwise. "type", if it is there, must be that of the class. "updates" become the update
 * times of a new object; of one that is there, times only go up. What is embedded in a reference is
 * left out: what it refers to is not touched.
 *
 * Into a class of raws: the oid is a path, whose missing directories are made; "data" (base64 text, in
 * msgpack also bytes) are the bytes, and the rest is metadata. A raw that is there gets the metadata merged
 * in (SFS_IMPORT_REPLACE: instead of its own), and the bytes, if the record has any.
 *
 * @flags  enum sfs_import_flags. @ret  NULL, or what became of it.
 * Errors as sfs_object_put(), but for SFS_ERR_EXISTS and SFS_ERR_NOT_FOUND (of an object). Many at once:
 * sfs_batch_put() with SFS_PUT_IMPORT.
 */
SFS_API SFS_MUST_CHECK int sfs_import(struct sfs_store *store, uint32_t class_id,
				      enum sfs_format format, struct sfs_span text, unsigned flags,
				      struct sfs_imported *ret, struct sfs_diag *diag);

#ifdef __cplusplus
}
#endif
#endif
