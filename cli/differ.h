/*
 * Comparing the store of a command with another one: what 'diff' and 'check --against' share.
 */
#ifndef CLI_DIFFER_H
#define CLI_DIFFER_H

#include <storefs/diff.h>
#include "cli.h"

/** What to compare. */
struct cli_differ {
	const char *before,
		*after; /* paths of stores; the command's own store is one of them, or both */
	unsigned flags; /* enum sfs_diff_flags */
	const char *const *classes; /* [class_count] */
	size_t class_count;
};

/**
 * Compare two stores and print what differs, with --json a line of JSON for each. The one that is not the command's
 * is opened to read. Returns 0, CLI_DAMAGED (they differ), or another exit code after saying why.
 */
SFS_MUST_CHECK int cli_differ(struct cli_ctx *ctx, const struct cli_differ *differ);

/** Values of an option that may be given several times; the caller frees the array alone. NULL: no memory. */
const char **cli_option_all(const struct cli_ctx *ctx, const char *name, size_t *ret_count);

#endif
