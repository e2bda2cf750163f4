/*
 * Does random things to trees of names and knows what must come of them.
 *
 *   treemodel DIR SEED PROCESSES COUNT
 *
 * Each process has a tree of its own in DIR, and a model of it: of COUNT operations each must say what the
 * model says, and in the end all names, types, modes, sizes and link counts must be those of the model. Every
 * fourth operation is one in DIR/shared, where all processes are: what it says nobody can know, but only
 * certain errors are possible.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NAMES 6  /* in each directory */
#define NODES 40 /* 0: none, 1: the root of the tree */
#define PATH_LEN 512

enum type { NONE, FILE_NODE, DIR_NODE };

struct node {
	enum type type;
	unsigned nlink, mode, size;
	unsigned parent, own;  /* DIR: where it is */
	unsigned entry[NAMES]; /* DIR */
};

static struct node nodes[NODES];
static uint64_t randomness;
static unsigned long operation;
static char root[64];

static unsigned below(unsigned limit)
{
	randomness ^= randomness << 13;
	randomness ^= randomness >> 7;
	randomness ^= randomness << 17;
	return (unsigned)(randomness % limit);
}

/* --- the model --- */

static void path_of(unsigned dir, unsigned name, char *ret)
{
	char rest[PATH_LEN];
	snprintf(ret, PATH_LEN, "%c", 'a' + (int)name);
	for (; dir != 1; dir = nodes[dir].parent) {
		snprintf(rest, sizeof rest, "%c/%.*s", 'a' + (int)nodes[dir].own, PATH_LEN - 3,
			 ret);
		memcpy(ret, rest, sizeof rest);
	}
	snprintf(rest, sizeof rest, "%s/%.*s", root, PATH_LEN - 70, ret);
	memcpy(ret, rest, sizeof rest);
}

static unsigned any_dir(void)
{
	unsigned dir;
	do
		dir = 1 + below(NODES - 1);
	while (nodes[dir].type != DIR_NODE);
	return dir;
}

static unsigned free_node(void)
{
	for (unsigned i = 2; i < NODES; i++) {
		if (nodes[i].type == NONE)
			return i;
	}
	return 0;
}

static bool is_empty(unsigned dir)
{
	for (unsigned i = 0; i < NAMES; i++) {
		if (nodes[dir].entry[i])
			return false;
	}
	return true;
}

/** Is it dir, or above it? */
static bool is_above(unsigned node, unsigned dir)
{
	while (dir != node && dir != 1)
		dir = nodes[dir].parent;
	return dir == node;
}

/** A name of a node less. */
static void unref(unsigned node)
{
	if (nodes[node].type == DIR_NODE || --nodes[node].nlink == 0)
		nodes[node] = (struct node){ .type = NONE };
}

static void put(unsigned dir, unsigned name, unsigned node)
{
	nodes[dir].entry[name] = node;
	if (node && nodes[node].type == DIR_NODE) {
		nodes[node].parent = dir;
		nodes[node].own = name;
	}
}

/* --- operations: each returns the errno that it must say --- */

struct pair {
	unsigned dir, name, to_dir, to_name;
	char path[PATH_LEN], to[PATH_LEN];
};

static int make_file(const struct pair *at)
{
	unsigned node = free_node(), size = below(200);
	char bytes[200] = { 0 };
	if (!node)
		return 0;
	int fd = open(at->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int error = fd < 0 ? errno : 0;
	if (fd >= 0 && write(fd, bytes, size) != (ssize_t)size)
		error = EIO;
	if (fd >= 0)
		close(fd);
	if (!nodes[at->dir].entry[at->name]) {
		nodes[node] = (struct node){ FILE_NODE, 1, 0644, size, 0, 0, { 0 } };
		put(at->dir, at->name, node);
		return error;
	}
	return error == EEXIST ? 0 : -1;
}

static int make_dir(const struct pair *at)
{
	unsigned node = free_node(), mode = 0700 + below(64);
	if (!node)
		return 0;
	int error = mkdir(at->path, mode) < 0 ? errno : 0;
	if (nodes[at->dir].entry[at->name])
		return error == EEXIST ? 0 : -1;
	nodes[node] = (struct node){ DIR_NODE, 2, mode, 0, 0, 0, { 0 } };
	put(at->dir, at->name, node);
	return error;
}

static int expect(int want, int error)
{
	return want == error ? 0 : error ? error : -1;
}

static int remove_name(const struct pair *at)
{
	unsigned node = nodes[at->dir].entry[at->name];
	int error = unlink(at->path) < 0 ? errno : 0;
	int want = !node ? ENOENT : nodes[node].type == DIR_NODE ? EISDIR : 0;
	if (!want) {
		unref(node);
		put(at->dir, at->name, 0);
	}
	return expect(want, error);
}

static int remove_dir(const struct pair *at)
{
	unsigned node = nodes[at->dir].entry[at->name];
	int error = rmdir(at->path) < 0 ? errno : 0;
	int want = !node                          ? ENOENT
		   : nodes[node].type != DIR_NODE ? ENOTDIR
		   : !is_empty(node)              ? ENOTEMPTY
						  : 0;
	if (!want) {
		unref(node);
		put(at->dir, at->name, 0);
	}
	return expect(want, error);
}

static int make_link(const struct pair *at)
{
	unsigned node = nodes[at->dir].entry[at->name],
		 there = nodes[at->to_dir].entry[at->to_name];
	int error = link(at->path, at->to) < 0 ? errno : 0;
	int want = !node ? ENOENT : there ? EEXIST : nodes[node].type == DIR_NODE ? EPERM : 0;
	if (!want) {
		nodes[node].nlink++;
		put(at->to_dir, at->to_name, node);
	}
	return expect(want, error);
}

static int rename_wants(const struct pair *at, unsigned from, unsigned to)
{
	if (!from)
		return ENOENT;
	if (nodes[from].type == DIR_NODE && is_above(from, at->to_dir))
		return EINVAL;
	if (to && nodes[to].type == DIR_NODE && is_above(to, at->dir))
		return ENOTEMPTY;
	if (!to || from == to)
		return 0;
	if (nodes[from].type == DIR_NODE && nodes[to].type != DIR_NODE)
		return ENOTDIR;
	if (nodes[from].type != DIR_NODE && nodes[to].type == DIR_NODE)
		return EISDIR;
	return nodes[to].type == DIR_NODE && !is_empty(to) ? ENOTEMPTY : 0;
}

static int rename_over(const struct pair *at)
{
	unsigned from = nodes[at->dir].entry[at->name], to = nodes[at->to_dir].entry[at->to_name];
	bool same_place = at->dir == at->to_dir && at->name == at->to_name;
	int want = same_place && from ? 0 : rename_wants(at, from, to);
	int error = rename(at->path, at->to) < 0 ? errno : 0;
	if (!want && from != to) {
		if (to)
			unref(to);
		put(at->dir, at->name, 0);
		put(at->to_dir, at->to_name, from);
	}
	return expect(want, error);
}

static int exchange(const struct pair *at)
{
	unsigned from = nodes[at->dir].entry[at->name], to = nodes[at->to_dir].entry[at->to_name];
	bool same_place = at->dir == at->to_dir && at->name == at->to_name;
	int want = !from || !to ? ENOENT : 0;
	if (!want && !same_place &&
	    ((nodes[from].type == DIR_NODE && is_above(from, at->to_dir)) ||
	     (nodes[to].type == DIR_NODE && is_above(to, at->dir))))
		want = EINVAL;
	int error = renameat2(AT_FDCWD, at->path, AT_FDCWD, at->to, RENAME_EXCHANGE) < 0 ? errno
											 : 0;
	if (!want) {
		put(at->dir, at->name, to);
		put(at->to_dir, at->to_name, from);
	}
	return expect(want, error);
}

static int resize(const struct pair *at)
{
	unsigned node = nodes[at->dir].entry[at->name], size = below(5000);
	int error = truncate(at->path, size) < 0 ? errno : 0;
	int want = !node ? ENOENT : nodes[node].type == DIR_NODE ? EISDIR : 0;
	if (!want)
		nodes[node].size = size;
	return expect(want, error);
}

static int change_mode(const struct pair *at)
{
	unsigned node = nodes[at->dir].entry[at->name], mode = 0700 + below(64);
	int error = chmod(at->path, mode) < 0 ? errno : 0;
	if (node)
		nodes[node].mode = mode;
	return expect(node ? 0 : ENOENT, error);
}

/** Is what is there what the model has? */
static int look(const struct pair *at)
{
	unsigned node = nodes[at->dir].entry[at->name];
	struct stat st;
	int error = lstat(at->path, &st) < 0 ? errno : 0;
	if (!node || error)
		return expect(node ? 0 : ENOENT, error);
	unsigned nlink = nodes[node].nlink;
	for (unsigned i = 0; i < NAMES && nodes[node].type == DIR_NODE; i++)
		nlink += nodes[nodes[node].entry[i]].type == DIR_NODE;
	bool is_dir = nodes[node].type == DIR_NODE;
	bool right = S_ISDIR(st.st_mode) == is_dir && st.st_nlink == nlink &&
		     (st.st_mode & 07777) == nodes[node].mode &&
		     (is_dir || st.st_size == nodes[node].size);
	if (!right)
		fprintf(stderr, "nlink %lu not %u, mode %o not %o, size %lld not %u\n",
			(unsigned long)st.st_nlink, nlink, st.st_mode & 07777u, nodes[node].mode,
			(long long)st.st_size, nodes[node].size);
	return right ? 0 : -1;
}

typedef int operation_fn(const struct pair *at);

static const struct {
	const char *name;
	operation_fn *run;
} operations[] = {
	{ "create", make_file },   { "create", make_file },   { "mkdir", make_dir },
	{ "unlink", remove_name }, { "rmdir", remove_dir },   { "link", make_link },
	{ "rename", rename_over }, { "rename", rename_over }, { "exchange", exchange },
	{ "truncate", resize },    { "chmod", change_mode },  { "stat", look },
};

static void run_one(unsigned which, const struct pair *at)
{
	int error = operations[which].run(at);
	if (!error)
		return;
	fprintf(stderr, "operation %lu: %s %s %s: it says %s\n", operation, operations[which].name,
		at->path, at->to, error > 0 ? strerrorname_np(error) : "something else");
	exit(1);
}

static struct pair any_pair(void)
{
	struct pair at = { .dir = any_dir(), .name = below(NAMES) };
	at.to_dir = any_dir();
	at.to_name = below(NAMES);
	path_of(at.dir, at.name, at.path);
	path_of(at.to_dir, at.to_name, at.to);
	return at;
}

/* --- where all are --- */

static void disturb(void)
{
	char a[64], b[64], bytes[64] = "shared";
	int error = 0, fd = -1;
	snprintf(a, sizeof a, "shared/%u%s", below(8), below(3) ? "" : "/x");
	snprintf(b, sizeof b, "shared/%u%s", below(8), below(3) ? "" : "/y");
	switch (below(10)) {
	case 0: error = mkdir(a, 0755); break;
	case 1: error = rmdir(a); break;
	case 2: error = unlink(a); break;
	case 3: error = link(a, b); break;
	case 4: error = rename(a, b); break;
	case 5: error = renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE); break;
	case 6: error = symlink(b, a); break;
	case 7: error = setxattr(a, "user.k", bytes, below(64), 0); break;
	case 8: error = fd = open("shared", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); break;
	default: error = fd = open(a, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	}
	static const int possible[] = { ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY,
					EINVAL, EPERM,  ELOOP,   EBUSY };
	bool fine = error >= 0;
	for (size_t i = 0; i < sizeof possible / sizeof possible[0]; i++)
		fine = fine || errno == possible[i];
	if (fd >= 0 && write(fd, bytes, sizeof bytes) != sizeof bytes)
		fine = false;
	if (fd >= 0)
		close(fd);
	if (fine)
		return;
	fprintf(stderr, "operation %lu: %s, %s: %s\n", operation, a, b, strerrorname_np(errno));
	exit(1);
}

/* --- processes --- */

static void work(unsigned number, uint64_t seed, unsigned long count)
{
	snprintf(root, sizeof root, "p%u", number);
	randomness = (seed + number + 1) * 0x9e3779b97f4a7c15u;
	nodes[1] = (struct node){ DIR_NODE, 2, 0755, 0, 1, 0, { 0 } };
	if (mkdir(root, 0755) < 0)
		exit(1);
	for (operation = 1; operation <= count; operation++) {
		struct pair at = any_pair();
		if (operation % 4 == 0)
			disturb();
		else
			run_one(below(sizeof operations / sizeof operations[0]), &at);
	}
	struct pair at = { .to = "" };
	for (at.dir = 1; at.dir < NODES; at.dir++) {
		for (at.name = 0; at.name < NAMES && nodes[at.dir].type == DIR_NODE; at.name++) {
			path_of(at.dir, at.name, at.path);
			run_one(sizeof operations / sizeof operations[0] - 1, &at);
		}
	}
	exit(0);
}

int main(int argc, char **argv)
{
	if (argc != 5 || chdir(argv[1]) < 0 || mkdir("shared", 0755) < 0) {
		fprintf(stderr, "usage: treemodel DIR SEED PROCESSES COUNT\n");
		return 2;
	}
	unsigned processes = (unsigned)strtoul(argv[3], NULL, 10);
	int failed = 0, status;
	umask(0);
	for (unsigned i = 0; i < processes; i++) {
		if (fork() == 0)
			work(i, strtoull(argv[2], NULL, 10), strtoul(argv[4], NULL, 10));
	}
	while (wait(&status) > 0)
		failed |= status != 0;
	return failed;
}
