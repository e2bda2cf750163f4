/*
 * storefs umount: end a mount, and wait until its daemon has given the store back.
 *
 * Root asks the kernel itself, others ask fusermount3. The kernel is done before the daemon has
 * saved everything, so what is waited for is the store's lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "mounts.h"
#include "verbs.h"

#define WAIT_SECONDS 60

extern char **environ;

static int busy(struct cli_ctx *ctx, const char *place)
{
	cli_error(ctx, place,
		  "busy: something has a file or folder open there "
		  "('fuser -vm %s' shows what; --lazy does not wait for it)",
		  place);
	return CLI_FAILED;
}

/* @dead  end the connection as well. */
static int unmount_as_root(struct cli_ctx *ctx, const char *place, bool lazy, bool dead)
{
	int flags = UMOUNT_NOFOLLOW | (lazy || dead ? MNT_DETACH : 0) | (dead ? MNT_FORCE : 0);
	if (umount2(place, flags) == 0)
		return 0;
	return errno == EBUSY ? busy(ctx, place) : cli_fail_errno(ctx, errno, place);
}

/* Run fusermount3; what it says on stderr is the caller's. Returns its exit code, -1: no such. */
static int run_helper(const char *place, bool lazy, char *ret, size_t len)
{
	char *argv[] = { (char[]){ "fusermount3" }, lazy ? (char[]){ "-uz" } : (char[]){ "-u" },
			 (char[]){ "--" }, strdup(place), NULL };
	int pipe_fds[2], status = 0;
	ret[0] = '\0';
	if (!argv[3] || pipe2(pipe_fds, O_CLOEXEC) < 0) {
		free(argv[3]);
		return -1;
	}
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], 2);
	pid_t pid;
	int error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipe_fds[1]);
	size_t have = 0;
	ssize_t got;
	while (error == 0 && have < len - 1 &&
	       (got = read(pipe_fds[0], ret + have, len - 1 - have)) > 0)
		have += (size_t)got;
	ret[have] = '\0';
	close(pipe_fds[0]);
	free(argv[3]);
	if (error || waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int unmount_as_user(struct cli_ctx *ctx, const char *place, bool lazy)
{
	char said[512];
	int code = run_helper(place, lazy, said, sizeof said);
	if (code == 0)
		return 0;
	if (code < 0) {
		cli_error(ctx, place, "can not run fusermount3: %m");
		return CLI_FAILED;
	}
	if (strstr(said, "busy"))
		return busy(ctx, place);
	said[strcspn(said, "\n")] = '\0';
	cli_error(ctx, place, "%s", said[0] ? said : "fusermount3 failed");
	return CLI_FAILED;
}

static int64_t owner_of(const char *store)
{
	struct sfs_store_owner owner;
	return sfs_store_owner(store, &owner, NULL) == 0 ? owner.pid : 0;
}

/* Until the daemon that had the store has given it back. */
static int wait_released(struct cli_ctx *ctx, const char *store, int64_t pid)
{
	struct timespec start, now, step = { 0, 1000000 };
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (pid != 0 && owner_of(store) == pid) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - start.tv_sec >= WAIT_SECONDS) {
			cli_error(ctx, store,
				  "unmounted, but process %lld still has the store "
				  "after %d seconds",
				  (long long)pid, WAIT_SECONDS);
			return CLI_FAILED;
		}
		nanosleep(&step, NULL);
		step.tv_nsec = step.tv_nsec < 50000000 ? 2 * step.tv_nsec : 100000000;
	}
	return 0;
}

/* Has the process ended, or can it only not be cleared away? */
static bool process_is_dead(int64_t pid)
{
	char path[48], line[512] = "";
	snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return errno == ENOENT;
	const char *got = fgets(line, sizeof line, file);
	fclose(file);
	/* The name, in parentheses, may hold anything. */
	const char *state = got ? strrchr(line, ')') : NULL;
	return state && (strncmp(state, ") Z", 3) == 0 || strncmp(state, ") X", 3) == 0);
}

static bool mount_is_dead(const char *place)
{
	struct stat stat;
	return lstat(place, &stat) < 0 && errno == ENOTCONN;
}

/*
 * A daemon that was killed while it told the kernel something lives on as a zombie, as long as
 * the program lives that waits for it: each waits for the other, and the store stays locked. Ending
 * the connection wakes both. (Root does that by unmounting with force.)
 */
static void end_connection(const struct cli_mount *mount)
{
	char path[64];
	snprintf(path, sizeof path, "/sys/fs/fuse/connections/%u/abort", mount->minor);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t done = write(fd, "1", 1);
	(void)done; /* then it stays as it is, and who waits for the store says so */
	close(fd);
}

static int unmount(struct cli_ctx *ctx, const struct cli_mount *mount)
{
	bool lazy = cli_option(ctx, "lazy");
	int64_t pid = owner_of(mount->store);
	bool dead = pid > 0 ? process_is_dead(pid) : mount_is_dead(mount->place);
	if (dead)
		end_connection(mount);
	int code = geteuid() == 0 ? unmount_as_root(ctx, mount->place, lazy, dead)
				  : unmount_as_user(ctx, mount->place, lazy || dead);
	return code == 0 && !lazy ? wait_released(ctx, mount->store, pid) : code;
}

/* The argument is a mount point, or the folder of a store that is mounted somewhere. */
static int unmount_path(struct cli_ctx *ctx, const struct cli_mounts *mounts, const char *path)
{
	const struct cli_mount *there = cli_mounts_find(mounts, path);
	if (there && there->store && strcmp(there->place, path) == 0)
		return unmount(ctx, there);
	int code = -1;
	for (size_t i = mounts->count; i-- > 0;) {
		const struct cli_mount *mount = &mounts->items[i];
		if (!mount->store || strcmp(mount->store, path) != 0)
			continue;
		int one = unmount(ctx, mount);
		code = code > 0 ? code : one;
	}
	if (code >= 0)
		return code;
	cli_error(ctx, path, "no store is mounted there");
	return CLI_NOT_FOUND;
}

static int run(struct cli_ctx *ctx)
{
	struct cli_mounts mounts;
	char *path = NULL;
	int err = cli_absolute(ctx->argv[0], &path);
	if (err < 0)
		return cli_fail(ctx, err, ctx->argv[0], NULL);
	err = cli_mounts_get(&mounts);
	int code;
	if (err < 0) {
		code = cli_fail(ctx, err, "/proc/self/mountinfo", NULL);
	} else {
		code = unmount_path(ctx, &mounts, path);
		cli_mounts_fini(&mounts);
	}
	free(path);
	return code;
}

static const struct cli_option options[] = {
	{ "lazy", 'z', NULL, "take it away now, end it when nobody uses it any more" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_umount = {
	.name = "umount",
	.synopsis = "[OPTION]... MOUNTPOINT\n[OPTION]... STORE",
	.summary = "end a mount",
	.details =
		"Returns when everything is saved and the store is free for others. With the folder\n"
		"of a store: wherever it is mounted.",
	.options = options,
	.examples = "storefs umount /mnt/blog",
	.exits = 1u << CLI_NOT_FOUND,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
