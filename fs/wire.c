/*
 * Between libfuse and the kernel: see wire.h. All requests and replies pass here, as bytes.
 * Requests are only looked at; of the replies the one to INIT is completed. A thread handles the
 * request that it has read before it reads the next one, so what was seen of it is the thread's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>
#include "daemon.h"
#include "wire.h"

/* Of the 64 bits of INIT; the header that the kernel came with may be older than these. */
#define WIRE_KILLPRIV_V2 (1ull << 28)
#define WIRE_INIT_EXT (1ull << 30)

#define WIRE_PASSTHROUGH (1ull << 37)
#define WIRE_OPEN_PASSTHROUGH (1u << 7)

/** The argument of the device's calls about plain files. */
struct wire_backing {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};
#define WIRE_BACKING_OPEN _IOW(229, 1, struct wire_backing)
#define WIRE_BACKING_CLOSE _IOW(229, 2, uint32_t)

/** How a reply to INIT begins in older headers, up to the member that they lack. */
#define WIRE_STACK_DEPTH (offsetof(struct fuse_init_out, flags2) + sizeof(uint32_t))

/** The request that this thread handles. */
static _Thread_local struct {
	uint64_t number;
	bool drops_privileges;
	int32_t backing; /* of the file that it opens; 0: none */
} request;

bool fs_wire_drops_privileges(void)
{
	return request.drops_privileges;
}

/* --- requests --- */

static bool looks_for_drop(const struct fuse_in_header *head, const void *body, size_t len)
{
	struct fuse_setattr_in setattr;
	struct fuse_write_in write;
	struct fuse_open_in open;
	struct fuse_create_in create;
	switch (head->opcode) {
	case FUSE_SETATTR:
		if (len < sizeof setattr)
			return false;
		memcpy(&setattr, body, sizeof setattr);
		/* The order itself, on the way to a write, comes as a change of nothing. */
		return setattr.valid & FATTR_KILL_SUIDGID || !(setattr.valid & ~(uint32_t)FATTR_FH);
	case FUSE_WRITE:
		if (len < sizeof write)
			return false;
		memcpy(&write, body, sizeof write);
		return write.write_flags & FUSE_WRITE_KILL_SUIDGID;
	case FUSE_OPEN:
		if (len < sizeof open)
			return false;
		memcpy(&open, body, sizeof open);
		return open.open_flags & FUSE_OPEN_KILL_SUIDGID;
	case FUSE_CREATE:
		if (len < sizeof create)
			return false;
		memcpy(&create, body, sizeof create);
		return create.open_flags & FUSE_OPEN_KILL_SUIDGID;
	default: return false;
	}
}

/** The first request says what the kernel can do. */
static void note_init(struct fs *fs, const struct fuse_in_header *head, const void *body,
		      size_t len)
{
	struct fuse_init_in init = { .flags = 0 };
	memcpy(&init, body, len < sizeof init ? len : sizeof init);
	fs->wire.init = head->unique;
	fs->wire.offered = init.flags;
	if (init.flags & WIRE_INIT_EXT)
		fs->wire.offered |= (uint64_t)init.flags2 << 32;
}

static ssize_t wire_read(int fd, void *buf, size_t size, void *userdata)
{
	struct fs *fs = userdata;
	struct fuse_in_header head;
	ssize_t got = read(fd, buf, size);
	request.drops_privileges = false;
	request.backing = 0;
	if (got < (ssize_t)sizeof head)
		return got;
	memcpy(&head, buf, sizeof head);
	request.number = head.unique;
	const char *body = (const char *)buf + sizeof head;
	size_t len = (size_t)got - sizeof head;
	if (head.opcode == FUSE_INIT)
		note_init(fs, &head, body, len);
	else if (atomic_load(&fs->features) & FS_FEATURE_KILLPRIV)
		request.drops_privileges = looks_for_drop(&head, body, len);
	return got;
}

/* --- replies --- */

/** The library's reply to INIT, with the flags that it does not know. */
static ssize_t write_init(struct fs *fs, int fd, struct iovec *iov)
{
	struct fuse_init_out out = { .major = 0 };
	struct iovec both[2] = { iov[0], { &out, iov[1].iov_len } };
	memcpy(&out, iov[1].iov_base, iov[1].iov_len);
	uint64_t flags = out.flags | (uint64_t)out.flags2 << 32 | fs->wire.added;
	if (flags >> 32)
		flags |= WIRE_INIT_EXT;
	out.flags = (uint32_t)flags;
	out.flags2 = (uint32_t)(flags >> 32);
	uint32_t depth = 1; /* a plain file on an ordinary file system */
	if (fs->wire.added & WIRE_PASSTHROUGH)
		memcpy((char *)&out + WIRE_STACK_DEPTH, &depth, sizeof depth);
	fs->wire.init = 0;
	return writev(fd, both, 2);
}

/** The library's reply to OPEN or CREATE; its last part says how the file was opened. */
static ssize_t write_open(int fd, const struct iovec *iov)
{
	char bytes[sizeof(struct fuse_entry_out) + sizeof(struct fuse_open_out)];
	struct iovec both[2] = { iov[0], { bytes, iov[1].iov_len } };
	struct fuse_open_out out;
	char *at = bytes + iov[1].iov_len - sizeof out;
	memcpy(bytes, iov[1].iov_base, iov[1].iov_len);
	memcpy(&out, at, sizeof out);
	out.open_flags |= WIRE_OPEN_PASSTHROUGH;
	memcpy(at, &out, sizeof out);
	memcpy(at + sizeof out - sizeof request.backing, &request.backing, sizeof request.backing);
	return writev(fd, both, 2);
}

static bool opens(const struct fuse_out_header *head, const struct iovec *iov, int count)
{
	size_t open = sizeof(struct fuse_open_out);
	return request.backing && head->unique == request.number && !head->error && count == 2 &&
	       (iov[1].iov_len == open || iov[1].iov_len == sizeof(struct fuse_entry_out) + open);
}

static ssize_t wire_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct fs *fs = userdata;
	const struct fuse_out_header *head = iov[0].iov_base;
	if (fs->wire.init && head->unique == fs->wire.init && !head->error && count == 2 &&
	    iov[1].iov_len <= sizeof(struct fuse_init_out))
		return write_init(fs, fd, iov);
	if (opens(head, iov, count))
		return write_open(fd, iov);
	return writev(fd, iov, count);
}

static ssize_t wire_splice(int from, off_t *from_off, int to, off_t *to_off, size_t len,
			   unsigned flags, void *userdata)
{
	(void)userdata;
	return splice(from, from_off, to, to_off, len, flags);
}

int fs_wire_start(struct fs *fs)
{
	static const struct fuse_custom_io io = {
		.writev = wire_writev,
		.read = wire_read,
		.splice_receive = wire_splice,
		.splice_send = wire_splice,
	};
	return fuse_session_custom_io(fs->session, &io, fuse_session_fd(fs->session)) ? -1 : 0;
}

/* --- the handshake --- */

/* What the library calls the flags; 0: nothing, it is too old. */
#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2
#define NAME_KILLPRIV FUSE_CAP_HANDLE_KILLPRIV_V2
#else
#define NAME_KILLPRIV 0
#endif
#ifdef FUSE_CAP_PASSTHROUGH
#define NAME_PASSTHROUGH FUSE_CAP_PASSTHROUGH
#else
#define NAME_PASSTHROUGH 0
#endif

/** Ask for what the kernel offers: through the library, or in its reply. */
static bool ask(struct fs *fs, struct fuse_conn_info *conn, uint64_t name, uint64_t flag)
{
#ifdef HAVE_FUSE_SET_FEATURE_FLAG
	if (name)
		return fuse_set_feature_flag(conn, name);
#else
	(void)conn, (void)name;
#endif
	if (!(fs->wire.offered & flag))
		return false;
	fs->wire.added |= flag;
	return true;
}

void fs_wire_negotiate(struct fs *fs, struct fuse_conn_info *conn)
{
	unsigned features = 0;
	if (ask(fs, conn, NAME_KILLPRIV, WIRE_KILLPRIV_V2))
		features |= FS_FEATURE_KILLPRIV;
	if (!fs->options->no_pass && ask(fs, conn, NAME_PASSTHROUGH, WIRE_PASSTHROUGH))
		features |= FS_FEATURE_PASS;
	atomic_store(&fs->features, features);
}

/* --- pass-through --- */

int fs_wire_register(struct fs *fs, int fd)
{
	struct wire_backing backing = { .fd = fd };
	int id = ioctl(fuse_session_fd(fs->session), WIRE_BACKING_OPEN, &backing);
	if (id > 0)
		return id;
	return id < 0 ? -errno : -EINVAL;
}

void fs_wire_unregister(struct fs *fs, int id)
{
	uint32_t number = (uint32_t)id;
	if (ioctl(fuse_session_fd(fs->session), WIRE_BACKING_CLOSE, &number) < 0)
		fs_log(LOG_ERR, "a plain file stays registered with the kernel: errno %d", errno);
}

void fs_wire_pass(struct fuse_file_info *fi, int id)
{
#ifdef HAVE_FUSE_BACKING_ID
	fi->backing_id = id;
#else
	(void)fi;
	request.backing = id;
#endif
}
