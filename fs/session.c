/*
 * Life of the daemon: fork, open the store, mount, serve, unmount.
 *
 * Nothing is opened before the fork. The parent waits at a pipe for what became of the child:
 * usable once the kernel's first request was answered, or the reason why not. The thread that
 * mounts then waits for signals and for the end of the mount; requests are the loop's.
 */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <storefs/backup.h>
#include <storefs/trash.h>
#include "backups.h"
#include "loop.h"
#include "mountpoint.h"
#include "notify.h"
#include "op.h"
#include "ready.h"
#include "server.h"
#include "wire.h"

/** Levels of the Python program's logger; what is for its developers only with -o verbose. */
static void log_database(void *arg, enum sfs_log_level level, const char *message)
{
	const struct fs *fs = arg;
	static const int levels[] = {
		[SFS_LOG_DEBUG] = LOG_DEBUG,     [SFS_LOG_INFO] = LOG_INFO,
		[SFS_LOG_WARNING] = LOG_WARNING, [SFS_LOG_ERROR] = LOG_ERR,
		[SFS_LOG_TRACEBACK] = LOG_ERR,
	};
	if (level != SFS_LOG_DEBUG || fs->options->verbose)
		fs_log(level == SFS_LOG_DEBUG ? LOG_INFO : levels[level], "%s", message);
}

/** Message of the child to the parent. */
struct report {
	int err;
	struct sfs_diag diag;
};

/* --- options of libfuse --- */

static int add_own_options(const struct fs_options *options, char **ret)
{
	char *name = NULL;
	if (asprintf(&name, "fsname=storefs:%s", options->store_path) < 0)
		return -1;
	int err = fuse_opt_add_opt_escaped(ret, name);
	free(name);
	static const char *const always[] = { "subtype=storefs", "nodev", "nosuid" };
	for (size_t i = 0; i < sizeof always / sizeof always[0] && !err; i++)
		err = fuse_opt_add_opt_escaped(ret, always[i]);
	/* Root alone may do everything, and asking costs a request for each changed directory. */
	if (!err && (geteuid() != 0 || options->allow_other))
		err = fuse_opt_add_opt_escaped(ret, "default_permissions");
	if (!err && options->allow_other)
		err = fuse_opt_add_opt_escaped(ret, "allow_other");
	if (!err && options->read_only)
		err = fuse_opt_add_opt_escaped(ret, "ro");
	return err;
}

static int make_args(const struct fs_options *options, struct fuse_args *ret)
{
	char *text = NULL;
	int err = fuse_opt_add_arg(ret, "storefs");
	if (!err && options->debug)
		err = fuse_opt_add_arg(ret, "-d");
	if (!err && options->fuse_options)
		err = fuse_opt_add_opt(&text, options->fuse_options);
	if (!err)
		err = add_own_options(options, &text);
	if (!err)
		err = fuse_opt_add_arg(ret, "-o");
	if (!err)
		err = fuse_opt_add_arg(ret, text);
	free(text);
	return err;
}

/* --- start --- */

static int open_store(struct fs *fs, struct sfs_diag *diag)
{
	char note[256];
	snprintf(note, sizeof note, "mounted on %.240s", fs->options->mountpoint);
	struct sfs_store_config config = {
		.path = fs->options->store_path,
		.flags = fs->options->read_only ? SFS_STORE_READ_ONLY : 0,
		.owner_note = note,
		.save_interval_s = fs->options->save_interval_s,
		.database_backups = fs->options->database_backups,
		.log = log_database,
		.log_arg = fs,
	};
	int err = sfs_store_open(&config, &fs->store, diag);
	if (!err && sfs_raw_remember(fs->store) < 0)
		err = sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "no memory");
	return err;
}

/** An error of libfuse: it says why only in its log. */
static int fuse_failed(const char *what, struct sfs_diag *diag)
{
	char why[256];
	fs_log_last(why, sizeof why);
	return sfs_diag_set(diag, SFS_ERR_PERMISSION, "%s%s%s", what, why[0] ? ": " : "", why);
}

static int mount_session(struct fs *fs, struct sfs_diag *diag)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	if (make_args(fs->options, &args) == 0)
		fs->session = fuse_session_new(&args, &fs_ops, sizeof fs_ops, fs);
	fuse_opt_free_args(&args);
	if (!fs->session)
		return fuse_failed("mount options were not accepted", diag);
	if (fuse_session_mount(fs->session, fs->options->mountpoint) != 0 ||
	    fs_wire_start(fs) != 0) {
		fuse_session_destroy(fs->session);
		fs->session = NULL;
		return fuse_failed("mount failed", diag);
	}
	return 0;
}

static unsigned slots_of(const struct fs_options *options)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	if (options->threads)
		return options->threads;
	return processors > 0 ? (unsigned)processors : 1;
}

/** Answer the kernel's first request: then the mount is usable. */
static int handshake(struct fs *fs, struct sfs_diag *diag)
{
	fs->loop = fs_loop_new(fs->session, slots_of(fs->options));
	if (!fs->loop)
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "no memory for the loop");
	while (!atomic_load(&fs->ready)) {
		if (fs_loop_once(fs->loop) < 0 || fuse_session_exited(fs->session))
			return fuse_failed("the kernel ended the mount at once", diag);
	}
	return 0;
}

static int start_parts(struct fs *fs, struct sfs_diag *diag)
{
	int err = fs_parts_start(fs);
	if (!err)
		err = fs_notify_start(fs);
	if (!err)
		err = fs_backups_start(fs);
	if (!err)
		err = sfs_backup_schedule_run(fs->store);
	if (!err)
		err = sfs_trash_run(fs->store);
	if (err < 0)
		return sfs_diag_set(diag, err, "start: %s", sfs_err_text(err));
	err = fs_server_start(fs, diag);
	if (err < 0 && fs->options->read_only) {
		fs_log(LOG_NOTICE, "no command socket: %s", diag ? diag->text : "");
		err = 0;
	}
	if (err < 0)
		return err;
	if (fs_loop_start(fs->loop) < 0)
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "no thread could be started");
	return 0;
}

static int start(struct fs *fs, struct sfs_diag *diag)
{
	int err = open_store(fs, diag);
	if (!err)
		err = mount_session(fs, diag);
	if (!err)
		err = handshake(fs, diag);
	if (!err)
		err = start_parts(fs, diag);
	return err;
}

/* --- end --- */

/**
 * In this order: no more commands; no more notifications, while requests are still served (a
 * notification can wait for one); no more requests; unmount, which closes the device; what is
 * still open; the store. Accepts a start that failed anywhere.
 */
static int finish(struct fs *fs, bool told_to)
{
	fs_server_stop(fs, told_to);
	fs_backups_stop(fs);
	fs_notify_stop(fs);
	if (fs->loop)
		fs_loop_stop(fs->loop);
	if (fs->session) {
		fuse_session_unmount(fs->session);
		fuse_session_destroy(fs->session);
		fs->session = NULL;
	}
	fs_loop_free(fs->loop);
	fs->loop = NULL;
	fs_backups_free(fs);
	fs_notify_free(fs);
	fs_parts_stop(fs);
	int err = sfs_store_close(fs->store);
	fs->store = NULL;
	if (err < 0)
		fs_log(LOG_ERR, "closing the store: %s", sfs_err_text(err));
	return err;
}

/* --- waiting --- */

static void signals_to_wait_for(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGINT);
}

/** Before any thread is started: all threads inherit it. */
static void set_signals(sigset_t *ret_old)
{
	sigset_t wanted;
	signals_to_wait_for(&wanted);
	pthread_sigmask(SIG_BLOCK, &wanted, ret_old);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

/** Returns true when told to end by a signal, false when the mount ended. */
static bool wait_for_end(const struct fs *fs)
{
	sigset_t wanted;
	signals_to_wait_for(&wanted);
	int fd = signalfd(-1, &wanted, SFD_CLOEXEC);
	struct pollfd polls[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = fs_loop_ended_fd(fs->loop), .events = POLLIN },
	};
	while (poll(polls, 2, -1) <= 0)
		;
	bool told_to = polls[0].revents;
	/* Take the signal, or it would come when the mask is restored. */
	struct signalfd_siginfo info;
	if (told_to && read(fd, &info, sizeof info) < 0)
		fs_log(LOG_ERR, "signalfd: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return told_to;
}

static void say_ready(const struct fs *fs)
{
	fs_ready_notify("READY=1\nSTATUS=serving");
	fs_log(LOG_NOTICE, "%s is mounted on %s", sfs_store_path(fs->store),
	       fs->options->mountpoint);
}

/** Who waits for the mount hears what became of it. */
typedef void tell_fn(void *arg, int err, const struct sfs_diag *diag);

/** Each raw that a program has open needs a descriptor here too: as many as the system gives. */
static void raise_limit_of_files(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		fs_log(LOG_NOTICE, "the limit of open files stays low: %s", strerror(errno));
}

/** Serve until the end. @tell  called once, when the mount is usable or is not. */
static int serve(const struct fs_options *options, tell_fn *tell, void *arg, struct sfs_diag *diag)
{
	struct fs *fs = calloc(1, sizeof *fs);
	sigset_t old;
	if (!fs)
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "no memory");
	mallopt(M_ARENA_MAX, 2);
	*fs = (struct fs){
		.options = options,
		.policy = FS_POLICY_DEFAULT,
		.started_ns = fs_now_ns(),
		.uid = geteuid(),
		.gid = getegid(),
	};
	fs->policy.xattr = !options->no_xattr;
	set_signals(&old);
	raise_limit_of_files();
	int err = start(fs, diag);
	tell(arg, err, diag);
	if (!err) {
		say_ready(fs);
		bool told_to = wait_for_end(fs);
		fs_ready_notify("STOPPING=1");
		fs_log(LOG_NOTICE, "unmounting %s", options->mountpoint);
		err = finish(fs, told_to);
	} else {
		finish(fs, true);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	free(fs);
	return err;
}

/* --- foreground and background --- */

static void tell_nobody(void *arg, int err, const struct sfs_diag *diag)
{
	(void)arg;
	(void)err;
	(void)diag;
}

/** The child: report, and let go of the terminal. */
static void tell_parent(void *arg, int err, const struct sfs_diag *diag)
{
	int *fd = arg;
	struct report report = { .err = err, .diag = *diag };
	if (write(*fd, &report, sizeof report) != (ssize_t)sizeof report)
		fs_log(LOG_ERR, "the process that asked for the mount is gone");
	close(*fd);
	fs_log_detach();
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd >= 0)
		dup2(null_fd, STDERR_FILENO);
	if (null_fd > STDERR_FILENO)
		close(null_fd);
}

static void leave_session(void)
{
	setsid();
	if (chdir("/") < 0)
		fs_log(LOG_ERR, "chdir /: %s", strerror(errno));
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		return;
	dup2(null_fd, STDIN_FILENO);
	dup2(null_fd, STDOUT_FILENO);
	if (null_fd > STDERR_FILENO)
		close(null_fd);
}

static int read_report(int fd, pid_t child, struct sfs_diag *diag)
{
	struct report report;
	ssize_t got;
	do {
		got = read(fd, &report, sizeof report);
	} while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof report) {
		int status = 0;
		waitpid(child, &status, 0);
		return sfs_diag_set(diag, SFS_ERR_IO,
				    "the daemon ended before it was ready (%s %d)",
				    WIFSIGNALED(status) ? "signal" : "status",
				    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	}
	if (report.err < 0) {
		waitpid(child, NULL, 0);
		if (diag)
			*diag = report.diag;
	}
	return report.err;
}

static int run_background(const struct fs_options *options, struct sfs_diag *diag)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return sfs_diag_set(diag, SFS_ERR_NO_FILES, "pipe: %s", strerror(errno));
	fflush(NULL);
	pid_t child = fork();
	if (child < 0) {
		close(fds[0]);
		close(fds[1]);
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "fork: %s", strerror(errno));
	}
	if (child > 0) {
		close(fds[1]);
		int err = read_report(fds[0], child, diag);
		close(fds[0]);
		return err;
	}
	close(fds[0]);
	leave_session();
	struct sfs_diag own = SFS_DIAG_INIT;
	exit(serve(options, tell_parent, &fds[1], &own) < 0 ? 1 : 0);
}

int fs_run(const struct fs_options *options, struct sfs_diag *diag)
{
	struct sfs_diag own = SFS_DIAG_INIT;
	if (!diag)
		diag = &own;
	int err = fs_mountpoint_check(options, diag);
	if (err < 0)
		return err;
	fs_log_start(options->foreground, options->debug);
	if (options->foreground)
		return serve(options, tell_nobody, NULL, diag);
	return run_background(options, diag);
}
