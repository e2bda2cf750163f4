/*
 * The command socket, the client's side: see fs_client_run() in fs.h and protocol.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fs.h"
#include "protocol.h"

static int connect_to(const char *folder, int dir_fd, struct sfs_diag *diag)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return sfs_diag_set(diag, SFS_ERR_IO, "socket: %s", strerror(errno));
	socklen_t len = fs_socket_address(folder, dir_fd, &address);
	while (connect(fd, (struct sockaddr *)&address, len) < 0) {
		int error = errno;
		if (error == EINTR)
			continue;
		close(fd);
		if (error == EACCES || error == EPERM)
			return sfs_diag_set(diag, SFS_ERR_PERMISSION,
					    "the daemon of %s serves another user", folder);
		return sfs_diag_set(diag, SFS_ERR_NOT_FOUND, "no daemon listens at %s/%s: %s",
				    folder, FS_SOCKET_NAME, strerror(error));
	}
	return fd;
}

/** All arguments, each with its NUL. */
static int pack(int argc, char **argv, struct sfs_buf *ret)
{
	int err = argc < 1 || argc > FS_ARGC_MAX ? SFS_ERR_LIMIT : 0;
	for (int i = 0; i < argc && !err; i++) {
		err = sfs_buf_append(ret, argv[i], strlen(argv[i]) + 1);
		if (!err && ret->len > FS_ARGV_MAX)
			err = SFS_ERR_LIMIT;
	}
	return err;
}

static int send_head(int fd, const struct fs_request_head *head, const int fds[FS_DESCRIPTORS])
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(FS_DESCRIPTORS * sizeof(int))];
	} control;
	memset(&control, 0, sizeof control);
	struct iovec part = { (void *)(uintptr_t)head, sizeof *head };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control,
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(FS_DESCRIPTORS * sizeof(int));
	memcpy(CMSG_DATA(rights), fds, FS_DESCRIPTORS * sizeof(int));
	return sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)sizeof *head ? 0 : -1;
}

static int send_all(int fd, const char *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t put = send(fd, bytes + done, len - done, MSG_NOSIGNAL);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		done += (size_t)put;
	}
	return 0;
}

static int receive(int fd, struct fs_reply *ret)
{
	for (size_t done = 0; done < sizeof *ret;) {
		ssize_t got = recv(fd, (char *)ret + done, sizeof *ret - done, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		done += (size_t)got;
	}
	return ret->magic == FS_PROTOCOL_MAGIC ? 0 : -1;
}

/** A descriptor that can be sent; one that is closed here becomes /dev/null. */
static int sendable(int fd, int null_fd)
{
	return fcntl(fd, F_GETFD) < 0 ? null_fd : fd;
}

static int talk(int fd, const struct sfs_buf *arguments, int argc, struct fs_reply *ret)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int dir_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fds[FS_DESCRIPTORS] = { sendable(0, null_fd), sendable(1, null_fd),
				    sendable(2, null_fd), dir_fd < 0 ? null_fd : dir_fd };
	struct fs_request_head head = { FS_PROTOCOL_MAGIC, FS_PROTOCOL_VERSION, (uint32_t)argc,
					(uint32_t)arguments->len };
	int err = send_head(fd, &head, fds);
	if (dir_fd >= 0)
		close(dir_fd);
	if (null_fd >= 0)
		close(null_fd);
	if (!err)
		err = send_all(fd, arguments->data, arguments->len);
	/* A daemon that can not run it may have answered before it read everything. */
	return receive(fd, ret) < 0 ? -1 : err && ret->status == FS_REPLY_EXIT ? -1 : 0;
}

static int judge(const char *folder, const struct fs_reply *reply, int *ret_exit,
		 struct sfs_diag *diag)
{
	switch ((enum fs_reply_status)reply->status) {
	case FS_REPLY_EXIT: *ret_exit = reply->value; return 0;
	case FS_REPLY_VERSION:
		return sfs_diag_set(
			diag, SFS_ERR_VERSION,
			"the daemon of %s is another version of storefs: unmount it first", folder);
	case FS_REPLY_BUSY:
		return sfs_diag_set(diag, SFS_ERR_LIMIT,
				    "the daemon of %s runs too many commands already", folder);
	case FS_REPLY_BAD: break;
	}
	return sfs_diag_set(diag, SFS_ERR_IO, "the daemon of %s did not understand", folder);
}

int fs_client_run(const char *store_path, int argc, char **argv, int *ret_exit,
		  struct sfs_diag *diag)
{
	struct sfs_buf arguments = SFS_BUF_INIT, folder = SFS_BUF_INIT;
	struct fs_reply answer;
	int err = pack(argc, argv, &arguments);
	/* A store that is not there has no daemon. */
	const char *place = sfs_store_socket_folder(store_path, &folder) == 0 ? folder.data
									      : store_path;
	int dir_fd = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = -1;
	if (err < 0)
		sfs_diag_set(diag, err, "too many or too long arguments: at most %zu bytes",
			     FS_ARGV_MAX);
	else
		err = fd = connect_to(place, dir_fd, diag);
	if (fd >= 0) {
		err = talk(fd, &arguments, argc, &answer) < 0
			      ? sfs_diag_set(diag, SFS_ERR_IO,
					     "the daemon of %s ended before the command did",
					     store_path)
			      : judge(store_path, &answer, ret_exit, diag);
		close(fd);
	}
	if (dir_fd >= 0)
		close(dir_fd);
	sfs_buf_fini(&arguments);
	sfs_buf_fini(&folder);
	return err < 0 ? err : 0;
}
