/* Notices of changes in the files of a mirror: see watch.h. */
#include "mirror/watch.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include "base/array.h"
#include "base/dir.h"
#include "hash.h"

#define SETTLE_MS 20 /* a change is looked at so long after it was heard of */
#define GATHER_MS 5  /* so long is waited for more of the same: each save wakes the thread else */
#define TICK_MS 1000
#define POLL_MS 5000 /* how often all is looked at where the kernel does not tell */
#define WAITING_MAX 4096
#define DEPTH_MAX 64

#define EVENTS                                                                               \
	(IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR | \
	 IN_DONT_FOLLOW | IN_EXCL_UNLINK)

/** A path that something happened to. */
struct waiting {
	char *path;
	uint64_t hash;
	int64_t due_ms;
};

struct sfsi_watch {
	struct sfsi_mirror *mirror;
	pthread_t thread;
	bool running;
	int fd, wake_fd;
	char **folders; /* [folders_cap], index = watch descriptor; path, "" is the root */
	size_t folders_cap;
	struct waiting *waiting; /* [len] */
	size_t len, cap;
	bool rescan;       /* something was lost */
	bool deaf;         /* not all folders are watched */
	int64_t last_tick; /* and, where deaf, the last look at all */
	int64_t last_poll;
};

static int64_t clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- what waits --- */

static void forget_waiting(struct sfsi_watch *watch)
{
	for (size_t i = 0; i < watch->len; i++)
		free(watch->waiting[i].path);
	watch->len = 0;
}

static void wait_for(struct sfsi_watch *watch, const char *path, unsigned ms)
{
	uint64_t hash = sfsi_hash(sfs_span_str(path), 0);
	for (size_t i = 0; i < watch->len; i++)
		if (watch->waiting[i].hash == hash && strcmp(watch->waiting[i].path, path) == 0)
			return;
	char *copy = watch->len < WAITING_MAX ? strdup(path) : NULL;
	/* So many are found faster by a look at all. */
	if (!copy ||
	    sfsi_array_grow(&watch->waiting, watch->len, &watch->cap, sizeof *watch->waiting) < 0) {
		free(copy);
		watch->rescan = true;
		return;
	}
	watch->waiting[watch->len++] = (struct waiting){ copy, hash, clock_ms() + ms };
}

/* --- folders --- */

static int keep_folder(struct sfsi_watch *watch, int wd, const char *path)
{
	if ((size_t)wd >= watch->folders_cap) {
		size_t cap = (size_t)wd * 2 + 16;
		char **folders = realloc(watch->folders, cap * sizeof *folders);
		if (!folders)
			return SFS_ERR_NO_MEMORY;
		memset(folders + watch->folders_cap, 0,
		       (cap - watch->folders_cap) * sizeof *folders);
		watch->folders = folders;
		watch->folders_cap = cap;
	}
	char *copy = strdup(path);
	if (!copy)
		return SFS_ERR_NO_MEMORY;
	free(watch->folders[wd]);
	watch->folders[wd] = copy;
	return 0;
}

static bool is_folder(int at, const struct dirent *entry)
{
	struct stat stat;
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(at, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(stat.st_mode);
}

/** A folder and those in it. @tell  what is in them is news. */
static void watch_folder(struct sfsi_watch *watch, const char *path, bool tell, unsigned depth)
{
	char full[4096], below[4096];
	const char *root = watch->mirror->root;
	if (depth > DEPTH_MAX ||
	    snprintf(full, sizeof full, "%s/%s", root, path) >= (int)sizeof full)
		return;
	int wd = inotify_add_watch(watch->fd, full, EVENTS);
	if (wd < 0 || keep_folder(watch, wd, path) < 0) {
		watch->deaf = watch->deaf || errno != ENOENT;
		return;
	}
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(watch->mirror->root_fd, *path ? path : ".", &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));) {
		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(below, sizeof below, "%s%s%s", path, *path ? "/" : "",
			     entry->d_name) >= (int)sizeof below)
			continue;
		if (is_folder(dirfd(dir), entry))
			watch_folder(watch, below, tell, depth + 1);
		else if (tell)
			wait_for(watch, below, SETTLE_MS);
	}
}

/** A folder was moved away: its descriptors mean nothing any more. */
static void forget_folder(struct sfsi_watch *watch, const char *path)
{
	size_t len = strlen(path);
	for (size_t wd = 0; wd < watch->folders_cap; wd++) {
		const char *at = watch->folders[wd];
		if (at && strncmp(at, path, len) == 0 && (at[len] == '/' || !at[len]))
			inotify_rm_watch(watch->fd, (int)wd);
	}
}

static void heard(struct sfsi_watch *watch, const struct inotify_event *event)
{
	char path[4096];
	if (event->mask & IN_Q_OVERFLOW) {
		watch->rescan = true;
		return;
	}
	if (event->wd < 0 || (size_t)event->wd >= watch->folders_cap)
		return;
	if (event->mask & IN_IGNORED) {
		free(watch->folders[event->wd]);
		watch->folders[event->wd] = NULL;
		return;
	}
	const char *folder = watch->folders[event->wd];
	if (!folder || !event->len || event->name[0] == '.')
		return;
	if (snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", event->name) >=
	    (int)sizeof path)
		return;
	if (!(event->mask & IN_ISDIR)) {
		/* One that is made will be closed, unless it is a link to another one. */
		wait_for(watch, path, event->mask & IN_CREATE ? 5 * SETTLE_MS : SETTLE_MS);
	} else if (event->mask & (IN_CREATE | IN_MOVED_TO)) {
		watch_folder(watch, path, true, 0);
	} else if (event->mask & IN_MOVED_FROM) {
		forget_folder(watch, path);
		watch->rescan = true;
	}
}

static void listen(struct sfsi_watch *watch)
{
	_Alignas(struct inotify_event) char bytes[65536];
	for (;;) {
		ssize_t got = read(watch->fd, bytes, sizeof bytes);
		if (got <= 0)
			return;
		for (ssize_t at = 0; at < got;) {
			const struct inotify_event *event = (const struct inotify_event *)(bytes +
											   at);
			heard(watch, event);
			at += (ssize_t)(sizeof *event + event->len);
		}
	}
}

/* --- passing it on --- */

static void look_at(struct sfsi_watch *watch, const char *path)
{
	const struct sfsi_mirror *mirror = watch->mirror;
	unsigned again_ms = 0;
	for (size_t i = 0; sfsi_mirror_kinds[i]; i++) {
		/* What can not be taken in now is tried with the next notice, and at the next open. */
		if (mirror->own[i])
			(void)!sfsi_mirror_kinds[i]->look(mirror->own[i], path, &again_ms);
	}
	if (again_ms)
		wait_for(watch, path, again_ms);
}

static void look_at_due(struct sfsi_watch *watch, int64_t now)
{
	for (size_t i = 0; i < watch->len;) {
		if (watch->waiting[i].due_ms > now) {
			i++;
			continue;
		}
		char *path = watch->waiting[i].path;
		watch->waiting[i] = watch->waiting[--watch->len];
		look_at(watch, path);
		free(path);
	}
}

static void look_at_all(struct sfsi_watch *watch, int64_t now)
{
	const struct sfsi_mirror *mirror = watch->mirror;
	watch->rescan = false;
	watch->last_poll = now;
	forget_waiting(watch);
	watch_folder(watch, "", false, 0);
	for (size_t i = 0; sfsi_mirror_kinds[i]; i++)
		if (mirror->own[i] && sfsi_mirror_kinds[i]->scan(mirror->own[i]) < 0)
			watch->deaf = true;
}

static void tick(struct sfsi_watch *watch, int64_t now)
{
	const struct sfsi_mirror *mirror = watch->mirror;
	watch->last_tick = now;
	for (size_t i = 0; sfsi_mirror_kinds[i]; i++)
		if (mirror->own[i] && sfsi_mirror_kinds[i]->tick)
			(void)!sfsi_mirror_kinds[i]->tick(mirror->own[i], false);
}

static bool has_ticks(const struct sfsi_watch *watch)
{
	for (size_t i = 0; sfsi_mirror_kinds[i]; i++)
		if (watch->mirror->own[i] && sfsi_mirror_kinds[i]->tick)
			return true;
	return false;
}

/** How long there is nothing to do; -1: until something is heard. */
static int patience(const struct sfsi_watch *watch, int64_t now)
{
	int64_t next = INT64_MAX;
	if (has_ticks(watch))
		next = watch->last_tick + TICK_MS;
	if (watch->deaf && watch->last_poll + POLL_MS < next)
		next = watch->last_poll + POLL_MS;
	for (size_t i = 0; i < watch->len; i++)
		if (watch->waiting[i].due_ms < next)
			next = watch->waiting[i].due_ms;
	if (next == INT64_MAX)
		return -1;
	return next > now ? (int)(next - now) : 0;
}

static void *watch_main(void *arg)
{
	struct sfsi_watch *watch = arg;
	struct pollfd fds[2] = { { watch->wake_fd, POLLIN, 0 }, { watch->fd, POLLIN, 0 } };
	for (;;) {
		int timeout = watch->rescan ? 0 : patience(watch, clock_ms());
		if (poll(fds, 2, timeout) < 0 && errno != EINTR)
			break;
		if (fds[0].revents || (fds[1].revents && poll(fds, 1, GATHER_MS) > 0))
			break;
		listen(watch);
		int64_t now = clock_ms();
		if (watch->rescan || (watch->deaf && now >= watch->last_poll + POLL_MS))
			look_at_all(watch, now);
		look_at_due(watch, now);
		if (now >= watch->last_tick + TICK_MS)
			tick(watch, now);
	}
	return NULL;
}

/* --- begin and end --- */

int sfsi_watch_start(struct sfsi_mirror *mirror, struct sfsi_watch **ret)
{
	struct sfsi_watch *watch = calloc(1, sizeof *watch);
	if (!watch)
		return SFS_ERR_NO_MEMORY;
	watch->mirror = mirror;
	watch->last_tick = watch->last_poll = clock_ms();
	watch->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch->wake_fd < 0) {
		if (watch->fd >= 0)
			close(watch->fd);
		free(watch);
		return SFS_ERR_NO_FILES;
	}
	if (watch->fd < 0)
		watch->deaf = true;
	else
		watch_folder(watch, "", false, 0);
	*ret = watch;
	return 0;
}

int sfsi_watch_run(struct sfsi_watch *watch)
{
	if (!watch)
		return 0;
	if (pthread_create(&watch->thread, NULL, watch_main, watch) != 0)
		return SFS_ERR_NO_MEMORY;
	watch->running = true;
	return 0;
}

void sfsi_watch_stop(struct sfsi_watch *watch)
{
	const uint64_t one = 1;
	if (!watch)
		return;
	if (watch->running) {
		(void)!write(watch->wake_fd, &one, sizeof one);
		pthread_join(watch->thread, NULL);
	}
	forget_waiting(watch);
	for (size_t wd = 0; wd < watch->folders_cap; wd++)
		free(watch->folders[wd]);
	free(watch->folders);
	free(watch->waiting);
	if (watch->fd >= 0)
		close(watch->fd);
	close(watch->wake_fd);
	free(watch);
}
