/*
 * The tree of barefs: nodes found by inode number, entries found by directory and name in one hash
 * table, small files in plain memory and larger ones in a memfd each.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "barefs_tree.h"

#define BUCKETS (1u << 20) /* of the table of names; never grows */

static struct {
	pthread_mutex_t lock; /* protects everything below, and all nodes and entries */
	struct node **nodes;  /* by inode number; NULL where freed */
	size_t count, cap;
	struct entry *buckets[BUCKETS];
} tree = { .lock = PTHREAD_MUTEX_INITIALIZER, .count = TREE_ROOT };

void tree_lock(void)
{
	pthread_mutex_lock(&tree.lock);
}

void tree_unlock(void)
{
	pthread_mutex_unlock(&tree.lock);
}

struct node *tree_node(uint64_t ino)
{
	return tree.nodes[ino];
}

static struct entry **bucket_of(const struct node *dir, const char *name)
{
	uint64_t hash = dir->st.st_ino * 0x9e3779b97f4a7c15u;
	for (const char *c = name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
	return &tree.buckets[(hash ^ hash >> 32) & (BUCKETS - 1)];
}

struct entry *tree_find(const struct node *dir, const char *name)
{
	struct entry *e = *bucket_of(dir, name);
	while (e && (e->dir != dir || strcmp(e->name, name) != 0))
		e = e->chain;
	return e;
}

/* The capacity that an array needs for one more member. */
static size_t grown(size_t count, size_t cap)
{
	if (count < cap)
		return cap;
	return cap ? cap * 2 : 64;
}

static int reserve_node(void)
{
	size_t cap = grown(tree.count, tree.cap);
	struct node **nodes = cap == tree.cap ? tree.nodes
					      : realloc(tree.nodes, cap * sizeof(*nodes));
	if (!nodes)
		return ENOMEM;
	tree.nodes = nodes;
	tree.cap = cap;
	return 0;
}

static int reserve_slot(struct node *dir)
{
	size_t cap = grown(dir->slot_count, dir->slot_cap);
	struct entry **slots = cap == dir->slot_cap ? dir->slots
						    : realloc(dir->slots, cap * sizeof(*slots));
	if (!slots)
		return ENOMEM;
	dir->slots = slots;
	dir->slot_cap = cap;
	return 0;
}

static void touch(struct node *node)
{
	clock_gettime(CLOCK_REALTIME, &node->st.st_mtim);
	node->st.st_ctim = node->st.st_mtim;
}

/* A node without a name; like gives mode and owner. */
static struct node *node_new(const struct stat *like)
{
	struct node *node = calloc(1, sizeof(*node));
	if (!node || reserve_node() != 0) {
		free(node);
		return NULL;
	}
	tree.nodes[tree.count] = node;
	node->fd = -1;
	node->st.st_ino = tree.count++;
	node->st.st_mode = like->st_mode;
	node->st.st_uid = like->st_uid;
	node->st.st_gid = like->st_gid;
	node->st.st_nlink = S_ISDIR(like->st_mode) ? 2 : 1;
	touch(node);
	node->st.st_atim = node->st.st_mtim;
	return node;
}

/* Free a node that has no name and that the kernel has forgotten. */
static void node_put(struct node *node)
{
	if (node->st.st_nlink != 0 || node->lookups != 0)
		return;
	tree.nodes[node->st.st_ino] = NULL;
	if (node->fd >= 0)
		close(node->fd);
	free(node->mem);
	free(node->slots);
	free(node);
}

void tree_forget(uint64_t ino, uint64_t count)
{
	struct node *node = tree_node(ino);
	node->lookups -= count < node->lookups ? count : node->lookups;
	node_put(node);
}

int tree_init(uid_t uid, gid_t gid)
{
	struct stat like = { .st_mode = S_IFDIR | 0755, .st_uid = uid, .st_gid = gid };
	struct node *root = node_new(&like);
	if (!root)
		return ENOMEM;
	root->parent = root;
	return 0;
}

static bool is_document(const char *name)
{
	size_t len = strlen(name);
	return len > 5 && memcmp(name + len - 5, ".json", 5) == 0;
}

static int link_name(struct node *dir, const char *name, struct node *node)
{
	size_t size = strlen(name) + 1;
	struct entry *e = malloc(sizeof(*e) + size);
	if (!e || reserve_slot(dir) != 0) {
		free(e);
		return ENOMEM;
	}
	struct entry **bucket = bucket_of(dir, name);
	*e = (struct entry){ dir, node, *bucket, dir->slot_count };
	memcpy(e->name, name, size);
	*bucket = e;
	dir->slots[dir->slot_count++] = e;
	dir->live++;
	touch(dir);
	node->document = is_document(name);
	if (S_ISDIR(node->st.st_mode)) {
		node->parent = dir;
		dir->st.st_nlink++;
	}
	return 0;
}

static void unlink_name(struct entry *e)
{
	struct node *dir = e->dir;
	struct entry **link = bucket_of(dir, e->name);
	while (*link != e)
		link = &(*link)->chain;
	*link = e->chain;
	dir->slots[e->slot] = NULL;
	if (--dir->live == 0)
		dir->slot_count = 0;
	if (S_ISDIR(e->node->st.st_mode))
		dir->st.st_nlink--;
	touch(dir);
	free(e);
}

int tree_make(struct node *dir, const char *name, const struct stat *like, struct node **ret)
{
	if (tree_find(dir, name))
		return EEXIST;
	struct node *node = node_new(like);
	if (!node)
		return ENOMEM;
	int err = link_name(dir, name, node);
	if (err) {
		node->st.st_nlink = 0;
		node_put(node);
		return err;
	}
	*ret = node;
	return 0;
}

int tree_remove(struct node *dir, const char *name, bool directory)
{
	struct entry *e = tree_find(dir, name);
	if (!e)
		return ENOENT;
	struct node *node = e->node;
	if (directory != S_ISDIR(node->st.st_mode))
		return directory ? ENOTDIR : EISDIR;
	if (node->live > 0)
		return ENOTEMPTY;
	unlink_name(e);
	node->st.st_nlink = 0;
	node_put(node);
	return 0;
}

int tree_rename(struct node *dir, const char *name, struct node *to, const char *new_name)
{
	struct entry *e = tree_find(dir, name);
	struct entry *old = tree_find(to, new_name);
	if (!e)
		return ENOENT;
	struct node *node = e->node;
	if (old && old->node == node)
		return 0;
	int err = old ? tree_remove(to, new_name, S_ISDIR(node->st.st_mode)) : 0;
	if (!err)
		err = link_name(to, new_name, node);
	if (!err)
		unlink_name(e);
	return err;
}

/* Content. */

static int to_memfd(struct node *node)
{
	int fd = memfd_create("barefs", MFD_CLOEXEC);
	size_t size = (size_t)node->st.st_size;
	if (fd < 0)
		return errno;
	if (size > 0 && pwrite(fd, node->mem, size, 0) != (ssize_t)size) {
		close(fd);
		return ENOSPC;
	}
	free(node->mem);
	node->mem = NULL;
	node->cap = 0;
	node->fd = fd;
	return 0;
}

/* Make room up to end; plain memory is zero after what is there. */
static int reserve(struct node *node, size_t end)
{
	if (node->fd < 0 && end > TREE_SMALL)
		return to_memfd(node);
	if (node->fd >= 0 || end <= node->cap)
		return 0;
	size_t cap = end <= 2048 ? 2048 : TREE_SMALL;
	char *mem = realloc(node->mem, cap);
	if (!mem)
		return ENOMEM;
	memset(mem + node->cap, 0, cap - node->cap);
	node->mem = mem;
	node->cap = cap;
	return 0;
}

int tree_resize(struct node *node, off_t size)
{
	int err = reserve(node, (size_t)size);
	if (err)
		return err;
	if (node->fd >= 0 && ftruncate(node->fd, size) < 0)
		return errno;
	if (node->fd < 0 && size < node->st.st_size)
		memset(node->mem + size, 0, (size_t)(node->st.st_size - size));
	node->st.st_size = size;
	touch(node);
	return 0;
}

int tree_write(struct node *node, const char *data, size_t size, off_t off)
{
	int err = reserve(node, (size_t)off + size);
	if (err)
		return err;
	if (node->fd < 0) {
		memcpy(node->mem + off, data, size);
	} else {
		tree_unlock();
		ssize_t n = pwrite(node->fd, data, size, off);
		tree_lock();
		if (n != (ssize_t)size)
			return ENOSPC;
	}
	if (off + (off_t)size > node->st.st_size)
		node->st.st_size = off + (off_t)size;
	touch(node);
	return 0;
}
