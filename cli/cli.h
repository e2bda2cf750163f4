/*
 * The storefs command: what its files share.
 *
 * A verb is one const struct cli_cmd in its cmd_*.c. The same code runs in two places: in the
 * process of the command, on a store that it opened itself, and in a thread of the daemon that
 * owns the store, for a command that found it owned (cli_serve). So a verb keeps no state of
 * its own, changes nothing of the process, and reaches the world through struct cli_ctx alone.
 * It never holds anything of the store while it reads or writes a descriptor: whoever is at the
 * other end may be slow, or may be waiting for this very daemon.
 */
#ifndef CLI_H
#define CLI_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <storefs/raw.h>

/** Exit codes, documented in --help and in docs/commands.md. */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_PARTLY = 3,     /* an import, an export or an rm did some of it */
	CLI_NOT_FOUND = 10, /* no such store, class, object or raw */
	CLI_OWNED = 11,     /* another process owns the store */
	CLI_REFUSED = 12,   /* the document is not valid; a target, or a removal, is refused */
	CLI_NOT_STORE = 13, /* the folder is no store, or of a newer format */
	CLI_DAMAGED = 14,   /* a check found problems */
};

/** One option of a verb. A table of them ends with a NULL name. */
struct cli_option {
	const char *name;  /* long name */
	char letter;       /* 0: none */
	const char *value; /* what its value is called in the help; NULL: it has none */
	const char *help;
};

enum cli_cmd_flags {
	CLI_OPENS = 1u << 0, /* works on an open store; the first argument is STORE */
	CLI_READS = 1u << 1, /* …and changes nothing in it */
	CLI_LISTS = 1u << 2, /* …and says something useful without STORE too */
};

struct cli_ctx;

/** What a verb with several forms does: the word before STORE. A table ends with a NULL name. */
struct cli_action {
	const char *name;
	bool reads;             /* changes nothing in the store */
	int min_args, max_args; /* without STORE and the word */
	int (*run)(struct cli_ctx *ctx);
};

/** A verb. */
struct cli_cmd {
	const char *name;
	const char *synopsis; /* its arguments; several lines: several forms */
	const char *summary;  /* one line */
	const char *details;  /* paragraphs, lines of at most 80 columns */
	const struct cli_option *options;
	const char *examples; /* lines */
	unsigned flags;       /* enum cli_cmd_flags */
	unsigned exits;       /* exit codes besides 0, 1 and 2: bits 1u << code */
	const char *writes;   /* NULL, or an option with which it does change something */
	/* NULL, or: do these arguments, without STORE, change nothing in the store? */
	bool (*reads)(const struct cli_ctx *ctx);
	int min_args, max_args;           /* without STORE; max -1: any number */
	const struct cli_action *actions; /* NULL, or what run and the numbers above are for */
	/* NULL, or: what do the arguments mean to this process, before STORE is looked for and
	 * before the daemon runs the verb? -1 to go on, or an exit code. */
	int (*locate)(struct cli_ctx *ctx);
	/* NULL, or: are options and arguments right? Without the store. 0, or an exit code. */
	int (*check)(struct cli_ctx *ctx);
	int (*run)(struct cli_ctx *ctx);
};

/** All verbs in the order of the help; ends with NULL. */
extern const struct cli_cmd *const cli_cmds[];
/** NULL when there is none of that name. */
const struct cli_cmd *cli_cmd_find(const char *name);

/** A stream over a borrowed descriptor that gives up when the command is cancelled. */
struct cli_stream {
	int fd;
	int error;  /* errno of the first failed write, 0 = none */
	bool small; /* a pipe, a socket, a terminal: write small pieces */
	const atomic_bool *cancelled;
};

#define CLI_GIVEN_MAX 64
#define CLI_OWNED_MAX 8

/** An option that was given. */
struct cli_given {
	const struct cli_option *option;
	const char *value; /* "" when it takes none */
};

/** One run of one verb. */
struct cli_ctx {
	const struct cli_cmd *cmd;
	const struct cli_action *action; /* of a verb that has some */
	struct sfs_store *store;         /* open, for a verb with CLI_OPENS */
	bool served;                     /* runs in the daemon that has the store mounted */
	FILE *out, *err;
	int in_fd, cwd_fd;            /* borrowed; relative paths are opened from cwd_fd */
	const atomic_bool *cancelled; /* poll it between records */
	bool out_is_tty, err_is_tty;
	struct cli_given given[CLI_GIVEN_MAX];
	int given_count;
	const char *store_arg; /* --store, or STORE; NULL: none */
	int argc;              /* arguments after the options, and after STORE */
	char **argv;
	void *owned[CLI_OWNED_MAX]; /* what parsing and a locate() made, freed with ctx */
	int owned_count;
	struct cli_stream out_stream, err_stream;
};

/* context.c: streams, messages, exit codes. */

/**
 * Begin and end a run over four borrowed descriptors: stdin, stdout, stderr, working directory.
 * cli_ctx_fini() flushes and returns the exit code, which is CLI_FAILED when the output could not
 * be written.
 */
SFS_MUST_CHECK int cli_ctx_init(struct cli_ctx *ctx, const int fds[4],
				const atomic_bool *cancelled);
int cli_ctx_fini(struct cli_ctx *ctx, int code);

/** Have memory freed with ctx, at most CLI_OWNED_MAX times. Returns it. Accepts NULL. */
void *cli_own(struct cli_ctx *ctx, void *memory);

/** Should the verb stop now: cancelled, or nobody reads its output any more? */
bool cli_stopped(const struct cli_ctx *ctx);

/** A name on the output, as it is; a terminal gets '?' for control characters. */
void cli_put_name(struct cli_ctx *ctx, struct sfs_span name);
/** Print a count and the key of an index that has it: with control characters as JSON, which means the same. */
void cli_put_key(struct cli_ctx *ctx, struct sfs_span key, uint64_t count);
/** One line on stderr: "storefs: VERB: what: why". what may be NULL. */
void cli_error(struct cli_ctx *ctx, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** The same for an error of the library; returns its exit code. diag may be NULL. */
int cli_fail(struct cli_ctx *ctx, int err, const char *what, const struct sfs_diag *diag);
/** The same for an error of the system; returns its exit code. */
int cli_fail_errno(struct cli_ctx *ctx, int error, const char *what);
/** Wrong use; returns CLI_USAGE. */
int cli_usage(struct cli_ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** The exit code for an enum sfs_err. */
int cli_exit_code(int err);
/** The enum sfs_err for an errno value. */
int cli_err_from_errno(int error);

/** The last value given for an option ("" when it has none), or NULL. */
const char *cli_option(const struct cli_ctx *ctx, const char *name);
/** A number given for an option; absent: fallback. False: it was no number, and that was said. */
bool cli_option_number(struct cli_ctx *ctx, const char *name, uint64_t fallback, uint64_t *ret);
/** The time of day. */
int64_t cli_now_ns(void);
/** A time given for an option (storefs/time.h); absent: untouched. False: it was none, and that was said. */
bool cli_option_time(struct cli_ctx *ctx, const char *name, int64_t *ret);

/** read(2) that waits for the bytes and can be cancelled. -1 with errno; ECANCELED. */
ssize_t cli_read(struct cli_ctx *ctx, int fd, void *dst, size_t len);
/** Read all of a file, at most max bytes. Returns 0, SFS_ERR_LIMIT (it is longer) or the error. */
SFS_MUST_CHECK int cli_read_all(struct cli_ctx *ctx, int fd, size_t max, struct sfs_buf *ret);
/** Write all of it; -1 with errno. */
int cli_write_all(struct cli_ctx *ctx, int fd, const void *data, size_t len);

/* parse.c, help.c */

/**
 * Parse the options of a verb into ctx; argv[0] is the verb. The arguments are permuted, as
 * getopt_long does it. Returns -1 to go on, or an exit code (help was shown, wrong use).
 */
int cli_parse(struct cli_ctx *ctx, int argc, char **argv);
void cli_help(struct cli_ctx *ctx, const struct cli_cmd *cmd);
void cli_help_all(struct cli_ctx *ctx);

/* run.c */

/** Set by SIGINT and SIGTERM while a verb works on a store in this process. */
extern atomic_bool cli_interrupted;

/** Say that a folder is no store, and what makes one; returns the exit code. */
int cli_fail_no_store(struct cli_ctx *ctx, int err, const char *path, const struct sfs_diag *diag);

/** Run a verb in this process, or in the daemon that owns the store. */
int cli_run(struct cli_ctx *ctx, int argc, char **argv);
/** Run a verb on the daemon's open store: fs_options.command. */
int cli_serve(struct sfs_store *store, int argc, char **argv, const int fds[4],
	      const atomic_bool *cancelled);

#endif
