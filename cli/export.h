/*
 * An export: what its forms share (records on a stream, documents and raws in a folder).
 */
#ifndef CLI_EXPORT_H
#define CLI_EXPORT_H

#include <storefs/export.h>
#include "page.h"
#include "progress.h"
#include "target.h"

struct cli_export {
	struct cli_ctx *ctx;
	struct cli_progress progress;
	enum sfs_format format; /* of files */
	bool array;             /* on a stream: one JSON array instead of lines */
	bool force;             /* replace files that are there */
	int depth;              /* on a stream: -1 as documents, else how deep */
	bool data;              /* with a depth: the bytes of raws too */
	uint32_t class_id;      /* of the records */
	uint64_t objects, raws, bytes;
	uint64_t failed; /* reported, the others go on */
};

/** Report something that could not be exported. */
void cli_export_failed(struct cli_export *export, const char *what, const char *why);

/** Append a record: the document on one line, with the oid as its first member. */
SFS_MUST_CHECK int cli_export_record(struct sfs_buf *ret, struct sfs_span oid, struct sfs_span doc);

/*
 * They return 0 or the error that ended the export, which is not reported yet.
 */

/** Append one object or raw at the depth of the export, as a line without newline. */
SFS_MUST_CHECK int cli_export_at_depth(struct cli_export *export, uint32_t class_id,
				       struct sfs_span oid, struct sfs_buf *ret,
				       struct sfs_diag *diag);
/** All objects of a class as records on standard output. */
SFS_MUST_CHECK int cli_export_records(struct cli_export *export, const struct sfs_class_info *class,
				      struct sfs_diag *diag);
/** All objects of a class as files. */
SFS_MUST_CHECK int cli_export_documents(struct cli_export *export,
					const struct sfs_class_info *class, int dir_fd,
					struct sfs_diag *diag);
/** One document as a file. */
SFS_MUST_CHECK int cli_export_document(struct cli_export *export, int dir_fd, struct sfs_span oid,
				       struct sfs_span doc, const struct sfs_attr *attr);
/** What is below a directory of raws. */
SFS_MUST_CHECK int cli_export_tree(struct cli_export *export, uint64_t dir, int dir_fd);
/** One file, symlink or pipe of raws. */
SFS_MUST_CHECK int cli_export_raw(struct cli_export *export, int dir_fd, const char *name,
				  const struct sfs_attr *attr);

#endif
