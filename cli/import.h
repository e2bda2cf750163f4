/*
 * An import: what its kinds of source share (records, a folder of documents, a folder of raws).
 */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include <sys/stat.h>
#include "progress.h"
#include "splitter.h"

/** Bad records that --json repeats; all are on stderr. */
#define CLI_IMPORT_ERRORS_MAX 1000

/** Where a record comes from. */
struct cli_place {
	const char *file;                      /* borrowed */
	uint64_t record, line, column, offset; /* record 0: the file is the record */
};

struct cli_import {
	struct cli_ctx *ctx;
	struct sfs_class_info class;
	const char *source;     /* as it was given */
	const char *oid_member; /* --oid, or NULL */
	bool keep, stop;
	bool merge;         /* --update: set what a record has, of an object that is there */
	bool atomic;        /* one commit for all of it, or nothing */
	uint64_t before;    /* objects or raws of the class at the start */
	uint64_t saved;     /* accepted by the store */
	uint64_t linked;    /* of them: new names of raws that have another */
	uint64_t unchanged; /* raws that were there with the same size and time */
	uint64_t kept;      /* left alone because of --keep */
	uint64_t bad;       /* refused, and reported */
	uint64_t skipped;   /* not taken, and reported: neither document nor raw */
	uint64_t bytes;
	int fatal;      /* the error that ended it early, 0 = none */
	bool broken;    /* the source can not be read to its end */
	bool too_large; /* --atomic: it does not fit into one commit */
	struct cli_progress progress;
	FILE *errors; /* members of the JSON array of bad records */
	char *errors_text;
	size_t errors_len;
	uint64_t errors_count;
	struct cli_batch *batch;
};

/* import.c: what all share. */

/** Should the import go on? */
bool cli_import_goes_on(const struct cli_import *import);
/** Report a bad record; diag's position is inside the record. */
void cli_import_bad(struct cli_import *import, const struct cli_place *place,
		    const struct sfs_diag *diag);
/** The same with a sentence. */
void cli_import_bad_text(struct cli_import *import, const struct cli_place *place, const char *fmt,
			 ...) __attribute__((format(printf, 3, 4)));
/** Report something that is left out. */
void cli_import_skip(struct cli_import *import, const char *file, const char *why);
/** An error of the store: it ends the import, or it is this record's alone (then it is reported). */
void cli_import_failed(struct cli_import *import, const struct cli_place *place, int err,
		       const struct sfs_diag *diag);

/* import_batch.c: saves of documents, many in one commit. */

SFS_MUST_CHECK int cli_batch_new(struct cli_import *import);
void cli_batch_free(struct cli_import *import);
/** Add one; what is wrong with it is reported. */
void cli_batch_add(struct cli_import *import, const struct cli_place *place, struct sfs_span oid,
		   enum sfs_format format, struct sfs_span text);
/** Save what waits. */
void cli_batch_flush(struct cli_import *import);

/* The three kinds of source. All is counted and reported in import. */
void cli_import_records(struct cli_import *import, int fd, enum cli_split mode, const char *at);
void cli_import_documents(struct cli_import *import, int dir_fd);
void cli_import_tree(struct cli_import *import, int dir_fd);
/** Are all regular files of a folder documents, and is there one? */
SFS_MUST_CHECK int cli_import_is_documents(int dir_fd, bool *ret);

#endif
