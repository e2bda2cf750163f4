/*
 * The command socket: see server.h. One thread accepts and watches for clients that go away, each
 * command runs in a thread of its own, at most COMMANDS_MAX at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include "notify.h"
#include "protocol.h"
#include "server.h"

#define COMMANDS_MAX 16
#define REQUEST_SECONDS 10 /* time to send a request */

enum slot_state { SLOT_FREE, SLOT_RUNNING };

/** One command. */
struct slot {
	struct fs_server *server;
	enum slot_state state; /* protected by server->lock */
	bool watched;          /* the request was read; only then a hang-up means anything */
	int fd;                /* the connection; stays open while RUNNING */
	atomic_bool cancelled;
};

struct fs_server {
	struct fs *fs;
	int listen_fd, wake_fd;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ended; /* a slot became free */
	bool stop;            /* protected by lock */
	unsigned running;     /* protected by lock */
	struct slot slots[COMMANDS_MAX];
};

/** A request as it was read. */
struct request {
	struct fs_request_head head;
	int fds[FS_DESCRIPTORS];
	char *bytes; /* [head.bytes] */
	char **argv; /* [head.argc + 1] into bytes */
};

static void wake(struct fs_server *server)
{
	uint64_t one = 1;
	if (write(server->wake_fd, &one, sizeof one) < 0)
		fs_log(LOG_ERR, "eventfd: errno %d", errno);
}

/* --- reading a request --- */

static void take_descriptors(struct msghdr *message, int fds[FS_DESCRIPTORS])
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
	     part = CMSG_NXTHDR(message, part)) {
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
			if (i < FS_DESCRIPTORS && fds[i] < 0)
				fds[i] = fd;
			else
				close(fd);
		}
	}
}

static int read_head(int fd, struct request *ret)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(FS_DESCRIPTORS * sizeof(int))];
	} control;
	struct iovec part = { &ret->head, sizeof ret->head };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control,
	};
	ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
	if (got < 0)
		return -1;
	take_descriptors(&message, ret->fds);
	bool complete = ret->fds[FS_DESCRIPTORS - 1] >= 0 && !(message.msg_flags & MSG_CTRUNC);
	return got == (ssize_t)sizeof ret->head && complete ? 0 : -1;
}

static int read_all(int fd, char *dst, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t got = recv(fd, dst + done, len - done, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		done += (size_t)got;
	}
	return 0;
}

/** Point argv at the strings. -1 when there are not argc of them. */
static int split(struct request *request)
{
	size_t at = 0;
	for (uint32_t i = 0; i < request->head.argc; i++) {
		const char *end = memchr(request->bytes + at, '\0', request->head.bytes - at);
		if (!end)
			return -1;
		request->argv[i] = request->bytes + at;
		at = (size_t)(end - request->bytes) + 1;
	}
	return at == request->head.bytes ? 0 : -1;
}

static enum fs_reply_status read_request(int fd, struct request *ret)
{
	const struct fs_request_head *head = &ret->head;
	if (read_head(fd, ret) < 0 || head->magic != FS_PROTOCOL_MAGIC)
		return FS_REPLY_BAD;
	if (head->version != FS_PROTOCOL_VERSION)
		return FS_REPLY_VERSION;
	if (head->bytes > FS_ARGV_MAX || head->argc > FS_ARGC_MAX || head->argc == 0)
		return FS_REPLY_BAD;
	ret->bytes = malloc((size_t)head->bytes + 1);
	ret->argv = calloc((size_t)head->argc + 1, sizeof *ret->argv);
	if (!ret->bytes || !ret->argv || read_all(fd, ret->bytes, head->bytes) < 0 ||
	    split(ret) < 0)
		return FS_REPLY_BAD;
	return FS_REPLY_EXIT;
}

static void request_fini(struct request *request)
{
	for (int i = 0; i < FS_DESCRIPTORS; i++) {
		if (request->fds[i] >= 0)
			close(request->fds[i]);
	}
	free(request->bytes);
	free(request->argv);
}

/* --- running --- */

static void reply(int fd, enum fs_reply_status status, int32_t value)
{
	struct fs_reply answer = { FS_PROTOCOL_MAGIC, status, value };
	if (send(fd, &answer, sizeof answer, MSG_NOSIGNAL) < 0)
		fs_log(LOG_DEBUG, "command socket: the client is gone");
}

/** Only the daemon's own user and root may run commands in it. */
static bool is_allowed(const struct fs *fs, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	return peer.uid == fs->uid || peer.uid == 0;
}

static void serve(struct slot *slot)
{
	struct fs *fs = slot->server->fs;
	struct request request = { .fds = { -1, -1, -1, -1 } };
	enum fs_reply_status status = read_request(slot->fd, &request);
	int32_t value = status == FS_REPLY_VERSION ? FS_PROTOCOL_VERSION : 0;
	if (status == FS_REPLY_EXIT) {
		pthread_mutex_lock(&slot->server->lock);
		slot->watched = true;
		pthread_mutex_unlock(&slot->server->lock);
		wake(slot->server);
		value = fs->options->command(fs->store, (int)request.head.argc, request.argv,
					     request.fds, &slot->cancelled);
		fs_notify_drain(fs);
	}
	/* The client may wait for the end of its streams: close them before it hears of the end. */
	request_fini(&request);
	reply(slot->fd, status, value);
}

static void *run_slot(void *arg)
{
	struct slot *slot = arg;
	struct fs_server *server = slot->server;
	serve(slot);
	pthread_mutex_lock(&server->lock);
	close(slot->fd);
	slot->state = SLOT_FREE;
	server->running--;
	pthread_cond_broadcast(&server->ended);
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

static struct slot *free_slot_locked(struct fs_server *server)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++) {
		if (server->slots[i].state == SLOT_FREE)
			return &server->slots[i];
	}
	return NULL;
}

static int start_slot_locked(struct fs_server *server, int fd)
{
	struct slot *slot = free_slot_locked(server);
	pthread_attr_t attr;
	pthread_t thread;
	if (!slot)
		return -1;
	*slot = (struct slot){ .server = server, .state = SLOT_RUNNING, .fd = fd };
	server->running++;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	int error = pthread_create(&thread, &attr, run_slot, slot);
	pthread_attr_destroy(&attr);
	if (error) {
		slot->state = SLOT_FREE;
		server->running--;
	}
	return error ? -1 : 0;
}

static void accept_one(struct fs_server *server)
{
	int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	struct timeval limit = { .tv_sec = REQUEST_SECONDS };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (!is_allowed(server->fs, fd)) {
		close(fd);
		return;
	}
	pthread_mutex_lock(&server->lock);
	int err = server->stop ? -1 : start_slot_locked(server, fd);
	pthread_mutex_unlock(&server->lock);
	if (err < 0) {
		reply(fd, FS_REPLY_BUSY, 0);
		close(fd);
	}
}

/* --- the accepting thread --- */

/** What to wait for: the listener, the wake-up, and connections whose command runs. */
static nfds_t wait_for_locked(struct fs_server *server, struct pollfd *polls, struct slot **slots)
{
	nfds_t count = 2;
	polls[0] = (struct pollfd){ .fd = server->listen_fd, .events = POLLIN };
	polls[1] = (struct pollfd){ .fd = server->wake_fd, .events = POLLIN };
	for (size_t i = 0; i < COMMANDS_MAX; i++) {
		struct slot *slot = &server->slots[i];
		if (slot->state != SLOT_RUNNING || !slot->watched || atomic_load(&slot->cancelled))
			continue;
		slots[count] = slot;
		polls[count++] = (struct pollfd){ .fd = slot->fd, .events = POLLRDHUP };
	}
	return count;
}

static void cancel_gone_locked(const struct pollfd *polls, struct slot *const *slots, nfds_t count)
{
	for (nfds_t i = 2; i < count; i++) {
		bool gone = polls[i].revents & (POLLRDHUP | POLLHUP | POLLERR);
		if (gone && slots[i]->state == SLOT_RUNNING && slots[i]->fd == polls[i].fd)
			atomic_store(&slots[i]->cancelled, true);
	}
}

static void *run(void *arg)
{
	struct fs_server *server = arg;
	struct pollfd polls[2 + COMMANDS_MAX];
	struct slot *slots[2 + COMMANDS_MAX];
	pthread_mutex_lock(&server->lock);
	while (!server->stop) {
		nfds_t count = wait_for_locked(server, polls, slots);
		pthread_mutex_unlock(&server->lock);
		int ready = poll(polls, count, -1);
		uint64_t wakes;
		if (ready > 0 && polls[1].revents &&
		    read(server->wake_fd, &wakes, sizeof wakes) < 0)
			fs_log(LOG_DEBUG, "command socket: spurious wake-up");
		if (ready > 0 && polls[0].revents)
			accept_one(server);
		pthread_mutex_lock(&server->lock);
		if (ready > 0)
			cancel_gone_locked(polls, slots, count);
	}
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

/* --- start and stop --- */

socklen_t fs_socket_address(const char *folder, int dir_fd, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	int len = snprintf(ret->sun_path, sizeof ret->sun_path, "%s/%s", folder, FS_SOCKET_NAME);
	if (len < 0 || (size_t)len >= sizeof ret->sun_path)
		snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/%s", dir_fd,
			 FS_SOCKET_NAME);
	return sizeof *ret;
}

static int listen_at(const char *folder)
{
	int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;
	if (dir_fd < 0 || fd < 0)
		goto fail;
	/* What is there was left by a daemon that crashed: the store is ours. */
	if (unlinkat(dir_fd, FS_SOCKET_NAME, 0) < 0 && errno != ENOENT)
		goto fail;
	socklen_t len = fs_socket_address(folder, dir_fd, &address);
	/* The mode of a socket before bind(2) is the mode of the file that bind(2) makes. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 ||
	    listen(fd, COMMANDS_MAX) < 0)
		goto fail;
	close(dir_fd);
	return fd;
fail:
	if (dir_fd >= 0)
		close(dir_fd);
	if (fd >= 0)
		close(fd);
	return -1;
}

static void server_free(struct fs_server *server)
{
	if (server->listen_fd >= 0)
		close(server->listen_fd);
	if (server->wake_fd >= 0)
		close(server->wake_fd);
	pthread_mutex_destroy(&server->lock);
	pthread_cond_destroy(&server->ended);
	free(server);
}

static int start_at(struct fs *fs, const char *folder, struct sfs_diag *diag)
{
	struct fs_server *server = calloc(1, sizeof *server);
	if (!server)
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "command socket: no memory");
	server->fs = fs;
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->ended, NULL);
	server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	server->listen_fd = listen_at(folder);
	if (server->wake_fd < 0 || server->listen_fd < 0) {
		sfs_diag_set(diag, SFS_ERR_IO, "%s/%s: %s", folder, FS_SOCKET_NAME,
			     strerror(errno));
		server_free(server);
		return SFS_ERR_IO;
	}
	if (pthread_create(&server->thread, NULL, run, server) != 0) {
		server_free(server);
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "command socket: no thread");
	}
	fs->server = server;
	return 0;
}

int fs_server_start(struct fs *fs, struct sfs_diag *diag)
{
	if (!fs->options->command || strcmp(sfs_store_path(fs->store), "memory:") == 0)
		return 0;
	struct sfs_buf place = SFS_BUF_INIT;
	int err = sfs_store_socket_folder(sfs_store_path(fs->store), &place);
	if (!err)
		err = start_at(fs, place.data, diag);
	else
		sfs_diag_set(diag, err, "command socket: %s", sfs_err_text(err));
	sfs_buf_fini(&place);
	return err;
}

void fs_server_stop(struct fs *fs, bool cancel)
{
	struct fs_server *server = fs->server;
	if (!server)
		return;
	struct sfs_buf folder = SFS_BUF_INIT;
	char path[4096];
	if (sfs_store_socket_folder(sfs_store_path(fs->store), &folder) == 0 &&
	    snprintf(path, sizeof path, "%s/%s", (char *)folder.data, FS_SOCKET_NAME) <
		    (int)sizeof path)
		unlink(path);
	sfs_buf_fini(&folder);
	pthread_mutex_lock(&server->lock);
	server->stop = true;
	for (size_t i = 0; i < COMMANDS_MAX && cancel; i++)
		atomic_store(&server->slots[i].cancelled, true);
	pthread_mutex_unlock(&server->lock);
	wake(server);
	pthread_join(server->thread, NULL);
	pthread_mutex_lock(&server->lock);
	while (server->running)
		pthread_cond_wait(&server->ended, &server->lock);
	pthread_mutex_unlock(&server->lock);
	server_free(server);
	fs->server = NULL;
}
