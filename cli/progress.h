/*
 * Progress on stderr: a line that is redrawn on a terminal (at most ten times a second), a plain
 * line every few seconds elsewhere, nothing for work that is over before that. No colours.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli.h"

struct cli_progress {
	struct cli_ctx *ctx;
	const char *doing;    /* "importing" */
	const char *unit;     /* "records" */
	uint64_t count;       /* done so far */
	uint64_t done, total; /* bytes, or anything that total counts; total 0: not known */
	int64_t start_ns, last_ns;
	bool quiet;
	int width; /* of the line on the terminal, 0: none */
};

void cli_progress_init(struct cli_progress *progress, struct cli_ctx *ctx, const char *doing,
		       const char *unit);
/** Show it when it is time to. Cheap. */
void cli_progress_tick(struct cli_progress *progress);
/** Say how far it is, and show that. Nonzero when the command was stopped. @total  0: not known. */
int cli_progress_at(struct cli_progress *progress, uint64_t count, uint64_t done, uint64_t total);
/** The same as a callback of storefs/index.h and storefs/compact.h; arg: the progress. Nonzero when the command was stopped. */
int cli_progress_built(void *arg, uint64_t built, uint64_t expected);
/** Take the line away, before something else is written to stderr. */
void cli_progress_clear(struct cli_progress *progress);
/** Seconds since init, never 0. */
double cli_progress_seconds(const struct cli_progress *progress);

#endif
