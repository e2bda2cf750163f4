/*
 * The command socket STORE/socket: a client asks the daemon to run a command on its open store.
 *
 * Client: struct fs_request_head with four descriptors (SCM_RIGHTS: stdin, stdout, stderr, working
 * directory), then argc strings, each with a NUL at its end, bytes in all. Server: struct
 * fs_reply when the command has ended and what it changed is visible in the mount. Both ends are
 * on one machine and of one build: integers are as the machine has them.
 */
#ifndef FS_PROTOCOL_H
#define FS_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define FS_SOCKET_NAME "socket"
#define FS_PROTOCOL_MAGIC 0x53544653u /* "STFS" */
#define FS_PROTOCOL_VERSION 1
#define FS_ARGV_MAX ((size_t)1 << 20)
#define FS_ARGC_MAX 65536
#define FS_DESCRIPTORS 4

struct fs_request_head {
	uint32_t magic, version;
	uint32_t argc, bytes;
};

enum fs_reply_status {
	FS_REPLY_EXIT = 0,    /* value: the command's exit code */
	FS_REPLY_VERSION = 1, /* the daemon speaks another version, value */
	FS_REPLY_BUSY = 2,    /* too many commands are running */
	FS_REPLY_BAD = 3,     /* a request that makes no sense */
};

struct fs_reply {
	uint32_t magic;
	uint32_t status; /* enum fs_reply_status */
	int32_t value;
};

/**
 * Address of the socket in a folder, also when its path is too long for one.
 * @dir_fd  descriptor of the folder; must stay open while the address is used.
 * Returns the length of the address.
 */
socklen_t fs_socket_address(const char *folder, int dir_fd, struct sockaddr_un *ret);

#endif
