/*
 * The daemon: serves an open store as a mount. The one door of this folder.
 */
#ifndef FS_H
#define FS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <storefs/raw.h>

/** How to mount. Borrowed for the call. */
struct fs_options {
	const char *store_path; /* absolute */
	const char *mountpoint; /* absolute, an existing directory outside the store */
	bool foreground;        /* stay in the foreground, log to stderr */
	bool debug;             /* log every request */
	bool no_xattr;          /* -o noxattr: answer ENOSYS */
	bool no_pass; /* -o nopassthrough: the kernel reads and writes no plain file itself */
	bool allow_other;
	bool read_only;
	bool list_views;           /* -o views=listed: directories of classes list by */
	enum sfs_format format;    /* which documents readdir lists */
	unsigned threads;          /* 0: one per processor */
	unsigned save_interval_s;  /* databases: write changed ones so often; 0: 60 */
	unsigned database_backups; /* keep so many of each; 0: 5 */
	unsigned backup_idle_s; /* backups that nobody looks into are closed after so long; 0: 60 */
	bool verbose;           /* -o verbose: log what is only for developers of databases */
	const char *fuse_options; /* further -o text for libfuse, or NULL */
	/*
	 * Serves one connection of the command socket; NULL: no socket. Called in a thread of its
	 * own; closes nothing. argv and descriptors (stdin, stdout, stderr, working directory) are
	 * the client's. cancelled becomes true when the client is gone or the daemon is told to
	 * stop: long commands look at it and end early. Returns the exit code.
	 */
	int (*command)(struct sfs_store *store, int argc, char **argv, const int fds[4],
		       const atomic_bool *cancelled);
};

/**
 * Mount and serve until unmounted or told to stop by SIGTERM or SIGINT.
 *
 * Without foreground: forks; the parent returns when the mount is usable (0), or the daemon's error
 * (negative, diag filled) when it is not; the child serves and exits.
 * With foreground: returns after unmounting: 0, or the error.
 *
 * The store is opened by the process that serves.
 */
int fs_run(const struct fs_options *options, struct sfs_diag *diag);

/**
 * How the mount of this process reads and writes raws: true when the kernel does it itself, and why, or
 * why not. *ret_why is NULL when this process serves no mount.
 */
bool fs_raw_io(const char **ret_why);

/**
 * Have the daemon that owns a store run a command with this process's stdin, stdout, stderr and
 * working directory, and wait for its end.
 *
 * @store_path  the store's folder.
 * @argv        [argc] strings, at most 1 MiB together.
 * @ret_exit    the command's exit code.
 * Returns 0; SFS_ERR_NOT_FOUND (no daemon listens), SFS_ERR_PERMISSION (it serves another user),
 * SFS_ERR_VERSION (another version of storefs), SFS_ERR_LIMIT, SFS_ERR_IO (the daemon ended first);
 * diag says more.
 */
int fs_client_run(const char *store_path, int argc, char **argv, int *ret_exit,
		  struct sfs_diag *diag);

#endif
