/*
 * What CLASS, CLASS/OID and CLASS/PATH on the command line mean.
 */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include "cli.h"

struct cli_target {
	const char *text;           /* the argument */
	struct sfs_span class_name; /* before the first '/' */
	struct sfs_span rest;       /* after it: an oid or a path, any bytes; may be empty */
	bool has_rest;
	struct sfs_class_info class;
	struct sfs_attr attr; /* of the object, raw or class, by cli_target_find() */
};

/** Split an argument. */
void cli_target_split(const char *text, struct cli_target *ret);

/** Split, and find the class. Returns 0, or an exit code after saying why. */
SFS_MUST_CHECK int cli_target_class(struct cli_ctx *ctx, const char *text, struct cli_target *ret);

/** Split, and find class and object or raw (or directory). Returns as cli_target_class(). */
SFS_MUST_CHECK int cli_target_find(struct cli_ctx *ctx, const char *text, struct cli_target *ret);

/**
 * The class of a name, made when it is missing.
 * @kind  of a new class; 0: do not make it.
 * Returns 0, or an exit code after saying why.
 */
SFS_MUST_CHECK int cli_class_need(struct cli_ctx *ctx, struct sfs_span name,
				  enum sfs_class_kind kind, struct sfs_class_info *ret,
				  bool *ret_made);

/** --kind: 0 when absent. False: it is no kind, and that was said. */
bool cli_option_kind(struct cli_ctx *ctx, enum sfs_class_kind *ret);
/** --format of one document, json or msgpack. False: it is none, and that was said. */
bool cli_option_format(struct cli_ctx *ctx, enum sfs_format fallback, enum sfs_format *ret);
/** --depth: -1 when absent. False: it is none of 0, 1 and 2, and that was said. */
bool cli_option_depth(struct cli_ctx *ctx, int *ret);
/** "object" or "raw". */
const char *cli_kind_text(enum sfs_class_kind kind);
/** A save of a document was refused: it leaves a line in errors.ndjson. */
void cli_refused(struct cli_ctx *ctx, const char *operation, const struct sfs_put *put, int err,
		 const struct sfs_diag *diag);
/** Does a name end in ".json" or ".msgpack"? */
bool cli_format_of(const char *name, enum sfs_format *ret);

#endif
