/*
 * barefs: a bare in-memory FUSE file system, the floor that storefs is measured against.
 *
 * It answers the requests of a storefs mount (same cache policy, same kind of loop, a FLUSH for
 * every written file) and does no other work: no documents, no commits, no disk. What it costs is
 * what FUSE costs. It does what the benches need and no more: one lock, no hard links, no symlinks,
 * no xattrs.
 *
 * Usage: barefs [-c COUNTERS] [-t THREADS] MOUNTPOINT      (serves until unmounted or SIGTERM)
 */
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "barefs_tree.h"

#define FOREVER 1e9   /* seconds: the kernel's caches never expire */
#define COUNTERS 4096 /* request counters, one for each opcode */
#define DOTS 2        /* listing offsets before the first slot: "." and ".." */

static _Atomic uint64_t *counters; /* [COUNTERS], shared with the bench; NULL: not counted */

/* Requests: names. */

/* One more reference for the kernel, and the answer that gives it. Needs the lock. */
static struct fuse_entry_param answer(struct node *node)
{
	node->lookups++;
	return (struct fuse_entry_param){ .ino = node->st.st_ino,
					  .attr = node->st,
					  .attr_timeout = FOREVER,
					  .entry_timeout = FOREVER };
}

static void op_init(void *user, struct fuse_conn_info *conn)
{
	(void)user;
	conn->want |= conn->capable & FUSE_CAP_SPLICE_WRITE;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param found = { .entry_timeout = FOREVER }; /* ino 0: no such name */
	tree_lock();
	struct entry *e = tree_find(tree_node(parent), name);
	if (e)
		found = answer(e->node);
	tree_unlock();
	fuse_reply_entry(req, &found);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	tree_lock();
	tree_forget(ino, count);
	tree_unlock();
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	tree_lock();
	for (size_t i = 0; i < count; i++)
		tree_forget(forgets[i].ino, forgets[i].nlookup);
	tree_unlock();
	fuse_reply_none(req);
}

/* Make a file or directory; fills the answer for the kernel. */
static int make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		struct fuse_entry_param *ret)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct stat like = { .st_mode = mode, .st_uid = ctx->uid, .st_gid = ctx->gid };
	struct node *node;
	int err = tree_make(tree_node(parent), name, &like, &node);
	if (!err)
		*ret = answer(node);
	return err;
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fuse_entry_param made;
	tree_lock();
	int err = make(req, parent, name, S_IFDIR | mode, &made);
	tree_unlock();
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_entry(req, &made);
}

/* The policy of a storefs mount: cached content stays, a reader's close needs no answer, and a
 * document that is only written goes around the page cache. */
static void open_policy(const struct node *node, struct fuse_file_info *fi)
{
	int access = fi->flags & O_ACCMODE;
	fi->keep_cache = 1;
	fi->noflush = access == O_RDONLY;
	fi->direct_io = access == O_WRONLY && node->document;
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct fuse_entry_param made;
	tree_lock();
	int err = make(req, parent, name, S_IFREG | mode, &made);
	if (!err)
		open_policy(tree_node(made.ino), fi);
	tree_unlock();
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_create(req, &made, fi);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	tree_lock();
	int err = tree_remove(tree_node(parent), name, false);
	tree_unlock();
	fuse_reply_err(req, err);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	tree_lock();
	int err = tree_remove(tree_node(parent), name, true);
	tree_unlock();
	fuse_reply_err(req, err);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		      const char *new_name, unsigned flags)
{
	int err = EINVAL;
	tree_lock();
	if (flags == 0)
		err = tree_rename(tree_node(parent), name, tree_node(newparent), new_name);
	tree_unlock();
	fuse_reply_err(req, err);
}

/* Requests: attributes. */

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	tree_lock();
	struct stat st = tree_node(ino)->st;
	tree_unlock();
	fuse_reply_attr(req, &st, FOREVER);
}

static void set_times(struct node *node, const struct stat *attr, int set)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW))
		node->st.st_atim = set & FUSE_SET_ATTR_ATIME_NOW ? now : attr->st_atim;
	if (set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW))
		node->st.st_mtim = set & FUSE_SET_ATTR_MTIME_NOW ? now : attr->st_mtim;
	node->st.st_ctim = now;
}

static int set_attr(struct node *node, const struct stat *attr, int set)
{
	int err = 0;
	if (set & FUSE_SET_ATTR_MODE)
		node->st.st_mode = (node->st.st_mode & S_IFMT) | (attr->st_mode & 07777);
	if (set & FUSE_SET_ATTR_UID)
		node->st.st_uid = attr->st_uid;
	if (set & FUSE_SET_ATTR_GID)
		node->st.st_gid = attr->st_gid;
	if (set & FUSE_SET_ATTR_SIZE)
		err = tree_resize(node, attr->st_size);
	set_times(node, attr, set);
	return err;
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int set,
		       struct fuse_file_info *fi)
{
	(void)fi;
	tree_lock();
	struct node *node = tree_node(ino);
	int err = set_attr(node, attr, set);
	struct stat st = node->st;
	tree_unlock();
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_attr(req, &st, FOREVER);
}

/* Requests: content. */

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	int err = 0;
	tree_lock();
	struct node *node = tree_node(ino);
	if (fi->flags & O_TRUNC)
		err = tree_resize(node, 0);
	open_policy(node, fi);
	tree_unlock();
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_open(req, fi);
}

/* Bytes of a memfd: an open file is not freed, so the descriptor outlives the lock. */
static void reply_from_fd(fuse_req_t req, int fd, size_t size, off_t off)
{
	struct fuse_bufvec vec = FUSE_BUFVEC_INIT(size);
	vec.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	vec.buf[0].fd = fd;
	vec.buf[0].pos = off;
	fuse_reply_data(req, &vec, 0);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	(void)fi;
	static _Thread_local char copy[TREE_SMALL];
	tree_lock();
	struct node *node = tree_node(ino);
	size_t left = off < node->st.st_size ? (size_t)(node->st.st_size - off) : 0;
	size_t len = left < size ? left : size;
	int fd = node->fd;
	if (fd < 0 && len > 0)
		memcpy(copy, node->mem + off, len);
	tree_unlock();
	if (fd < 0)
		fuse_reply_buf(req, copy, len);
	else
		reply_from_fd(req, fd, len, off);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	(void)fi;
	tree_lock();
	int err = tree_write(tree_node(ino), data, size, off);
	tree_unlock();
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_write(req, size);
}

/* storefs commits here; answered, so that the kernel goes on asking. */
static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, 0);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	fuse_reply_err(req, 0);
}

/* Requests: listings. An offset is the slot after the entry, plus the dots. */

struct listing {
	fuse_req_t req;
	char *buf;
	size_t size, used;
	bool plus;
};

/* Add one entry; false when it does not fit. */
static bool list_add(struct listing *l, const char *name, struct node *node, bool dot, off_t next)
{
	struct fuse_entry_param e = { .attr = node->st,
				      .attr_timeout = FOREVER,
				      .entry_timeout = FOREVER,
				      .ino = dot ? 0 : node->st.st_ino };
	char *at = l->buf + l->used;
	size_t left = l->size - l->used;
	size_t need = l->plus ? fuse_add_direntry_plus(l->req, at, left, name, &e, next)
			      : fuse_add_direntry(l->req, at, left, name, &node->st, next);
	if (need > left)
		return false;
	l->used += need;
	if (l->plus && !dot)
		node->lookups++;
	return true;
}

static void list_fill(struct listing *l, struct node *dir, size_t from)
{
	if (from < 1 && !list_add(l, ".", dir, true, 1))
		return;
	if (from < 2 && !list_add(l, "..", dir->parent, true, 2))
		return;
	for (size_t i = from < DOTS ? 0 : from - DOTS; i < dir->slot_count; i++) {
		struct entry *e = dir->slots[i];
		if (e && !list_add(l, e->name, e->node, false, (off_t)(i + 1 + DOTS)))
			return;
	}
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	struct listing l = { req, malloc(size), size, 0, plus };
	if (!l.buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	tree_lock();
	list_fill(&l, tree_node(ino), (size_t)off);
	tree_unlock();
	fuse_reply_buf(req, l.buf, l.used);
	free(l.buf);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, true);
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.mkdir = op_mkdir,
	.create = op_create,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.rename = op_rename,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.fsync = op_fsync,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
};

/* The loop and the program. */

/* The kernel's request header starts with two 32-bit words: length and opcode. */
static void count_request(const struct fuse_buf *buf)
{
	uint32_t head[2];
	if (!counters || (buf->flags & FUSE_BUF_IS_FD) || buf->size < sizeof(head))
		return;
	memcpy(head, buf->mem, sizeof(head));
	if (head[1] < COUNTERS)
		atomic_fetch_add_explicit(&counters[head[1]], 1, memory_order_relaxed);
}

/* May be cancelled while it waits for a request, and only there. */
static int receive(struct fuse_session *se, struct fuse_buf *buf)
{
	int state;
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	int n = fuse_session_receive_buf(se, buf);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	return n;
}

static void *serve(void *arg)
{
	struct fuse_session *se = arg;
	struct fuse_buf buf = { .mem = NULL };
	while (!fuse_session_exited(se)) {
		int n = receive(se, &buf);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		count_request(&buf);
		fuse_session_process_buf(se, &buf);
	}
	free(buf.mem);
	return NULL;
}

/* Serve with this thread and extra others; signals come to this one. */
static void serve_all(struct fuse_session *se, long extra)
{
	pthread_t threads[64];
	long started = 0;
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	while (started < extra && started < 64 &&
	       pthread_create(&threads[started], NULL, serve, se) == 0)
		started++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	serve(se);
	for (long i = 0; i < started; i++)
		pthread_cancel(threads[i]);
	for (long i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

static bool map_counters(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	size_t size = COUNTERS * sizeof(*counters);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return false;
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mem == MAP_FAILED)
		return false;
	counters = mem;
	return true;
}

static int mount_and_serve(const char *mountpoint, long threads)
{
	char name[] = "barefs", flag[] = "-o", options[] = "fsname=barefs,subtype=barefs";
	char *argv[] = { name, flag, options, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct fuse_session *se = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	int err = 1;
	if (se && fuse_set_signal_handlers(se) == 0) {
		if (fuse_session_mount(se, mountpoint) == 0) {
			serve_all(se, threads - 1);
			fuse_session_unmount(se);
			err = 0;
		}
		fuse_remove_signal_handlers(se);
	}
	if (se)
		fuse_session_destroy(se);
	fuse_opt_free_args(&args);
	return err;
}

static int usage(void)
{
	fprintf(stderr, "usage: barefs [-c COUNTERS] [-t THREADS] MOUNTPOINT\n");
	return 2;
}

int main(int argc, char **argv)
{
	long threads = sysconf(_SC_NPROCESSORS_ONLN);
	int c;
	while ((c = getopt(argc, argv, "c:t:")) != -1) {
		if (c == 't')
			threads = strtol(optarg, NULL, 10);
		else if (c != 'c')
			return usage();
		else if (!map_counters(optarg)) {
			perror(optarg);
			return 1;
		}
	}
	if (optind != argc - 1 || threads < 1)
		return usage();
	if (tree_init(getuid(), getgid()) != 0)
		return 1;
	return mount_and_serve(argv[optind], threads);
}
