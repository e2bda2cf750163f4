/*
 * Trees of the new store: every name leads to an inode of its type, every inode has as many links as
 * names, every directory is in one other, and all of them are below the root.
 *
 * A name that is lost is taken from the inode, which notes one (raw classes); what has none goes to lost+found of
 * its class, under its number. An inode that is lost, and whose bytes are there, is made anew.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include "base/array.h"
#include "open.h"
#include "raw_name.h"
#include "recover/recover.h"
#include "trash.h"

#define LOST_FOUND "lost+found"

/** An inode and what is known of its names. */
struct node {
	uint64_t serial;
	uint64_t dir; /* that its first name is in; 0: it has no name */
	uint32_t links, subdirs;
	enum sfs_node_type type;
	bool reached; /* a directory that is known to be below the root */
};

struct tree {
	struct sfsi_recovery *rec;
	struct sfsi_recover_class *class;
	struct node *nodes; /* [len], by serial */
	size_t len, cap;
	uint64_t next; /* serial for what is made */
};

static struct node *find(const struct tree *tree, uint64_t serial)
{
	size_t low = 0, high = tree->len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (tree->nodes[mid].serial < serial)
			low = mid + 1;
		else
			high = mid;
	}
	return low < tree->len && tree->nodes[low].serial == serial ? &tree->nodes[low] : NULL;
}

static bool is_dir(const struct tree *tree, uint64_t serial)
{
	const struct node *node = find(tree, serial);
	return serial == SFSI_SERIAL_ROOT || (node && node->type == SFS_NODE_DIR);
}

static int add_node(struct tree *tree, uint64_t serial, enum sfs_node_type type)
{
	int err = sfsi_array_grow(&tree->nodes, tree->len, &tree->cap, sizeof *tree->nodes);
	size_t at = tree->len;
	if (err < 0)
		return err;
	/* They come in order, but for what is made here. */
	while (at && tree->nodes[at - 1].serial > serial)
		at--;
	memmove(&tree->nodes[at + 1], &tree->nodes[at], (tree->len++ - at) * sizeof *tree->nodes);
	tree->nodes[at] = (struct node){ .serial = serial, .type = type };
	return 0;
}

static int put_inode(struct tree *tree, const struct sfsi_inode *inode)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_key key;
	sfsi_key_serial(&key, 'N', inode->serial);
	int err = sfsi_inode_encode(inode, &val);
	return err < 0 ? err
		       : sfsi_recover_put(tree->rec, tree->class->id, sfsi_key_span(&key),
					  sfs_buf_span(&val));
}

static int put_name(struct tree *tree, uint64_t dir, struct sfs_span name, struct sfsi_name value)
{
	uint8_t bytes[SFSI_NAME_SIZE];
	struct sfsi_key key;
	size_t len = sfsi_name_encode(value, bytes);
	sfsi_key_entry(&key, dir, sfsi_recover_cookie(tree->rec, name), name);
	return sfsi_recover_put(tree->rec, tree->class->id, sfsi_key_span(&key),
				(struct sfs_span){ bytes, len });
}

/** What a name means in the new store. SFS_ERR_NOT_FOUND. */
static int get_name(struct tree *tree, uint64_t dir, struct sfs_span name, struct sfsi_name *ret)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_key key;
	sfsi_key_entry(&key, dir, sfsi_recover_cookie(tree->rec, name), name);
	int err = sfsi_recover_flush(tree->rec);
	if (!err)
		err = sfsi_backend_get(tree->rec->to, tree->class->id, sfsi_key_span(&key), &val);
	return err < 0 ? err : sfsi_name_decode(sfs_buf_span(&val), ret);
}

static int get_inode(struct tree *tree, uint64_t serial, struct sfs_buf *buf,
		     struct sfsi_inode *ret)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'N', serial);
	int err = sfsi_recover_flush(tree->rec);
	if (!err)
		err = sfsi_backend_get(tree->rec->to, tree->class->id, sfsi_key_span(&key), buf);
	return err < 0 ? err : sfsi_inode_decode(sfs_buf_span(buf), serial, ret);
}

/* --- inodes --- */

static int see_inode(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct tree *tree = arg;
	struct sfsi_inode inode;
	uint64_t serial = key.len == 9 ? sfsi_get_be64((const uint8_t *)key.data + 1) : 0;
	if (serial <= SFSI_SERIAL_ROOT || serial >> 36 ||
	    sfsi_inode_decode(val, serial, &inode) < 0)
		return sfsi_recover_drop(tree->rec, tree->class->id, key);
	if (serial >= tree->next)
		tree->next = serial + 1;
	return inode.type == SFS_NODE_OBJECT ? 0 : add_node(tree, serial, inode.type);
}

/** A name that only the inode knows any more is put back. */
static int restore_name(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct tree *tree = arg;
	struct sfsi_name there;
	struct sfsi_inode inode;
	if (sfsi_inode_decode(val, sfsi_get_be64((const uint8_t *)key.data + 1), &inode) < 0 ||
	    !inode.name.len || !is_dir(tree, inode.parent))
		return 0;
	int err = get_name(tree, inode.parent, inode.name, &there);
	if (err != SFS_ERR_NOT_FOUND)
		return err == SFS_ERR_CORRUPT ? 0 : err;
	return put_name(tree, inode.parent, inode.name,
			(struct sfsi_name){ inode.serial, inode.type });
}

/* --- names --- */

/** The bytes of a file are there, and nothing else: it gets what a new file has. */
static int remake_inode(struct tree *tree, uint64_t dir, struct sfs_span name,
			struct sfsi_name value, bool *ret_made)
{
	char path[SFSI_BYTES_PATH + 4] = "raw/";
	struct stat st;
	sfsi_bytes_path(sfs_ino_make(tree->class->id, value.serial), path + 4);
	*ret_made = value.type == SFS_NODE_FILE && value.serial > SFSI_SERIAL_ROOT &&
		    !(value.serial >> 36) &&
		    fstatat(tree->rec->dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode);
	if (!*ret_made)
		return 0;
	const struct sfsi_inode inode = {
		.type = SFS_NODE_FILE,
		.serial = value.serial,
		.parent = dir,
		.mode = 0644,
		.uid = tree->class->state.uid,
		.gid = tree->class->state.gid,
		.nlink = 1,
		.ctime_ns = st.st_ctim.tv_sec * (int64_t)1000000000 + st.st_ctim.tv_nsec,
		.revision = tree->rec->commit,
		.name = tree->class->kind == SFS_CLASS_RAW ? name : (struct sfs_span){ "", 0 },
	};
	int err = add_node(tree, value.serial, SFS_NODE_FILE);
	if (!err)
		err = put_inode(tree, &inode);
	if (value.serial >= tree->next)
		tree->next = value.serial + 1;
	return err < 0 ? err
		       : sfsi_recover_say(tree->rec, SFS_RECOVER_FOUND, tree->class->id, name,
					  "its bytes are there; mode, owner and metadata are lost");
}

static int drop_name(struct tree *tree, struct sfs_span key, struct sfs_span name, const char *why)
{
	int err = sfsi_recover_say(tree->rec, SFS_RECOVER_LOST, tree->class->id, name, "%s", why);
	return err < 0 ? err : sfsi_recover_drop(tree->rec, tree->class->id, key);
}

static int see_name(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct tree *tree = arg;
	struct sfsi_name value;
	uint64_t dir = key.len > SFSI_ENTRY_NAME ? sfsi_get_be64((const uint8_t *)key.data + 1) : 0;
	if (key.len > SFSI_ENTRY_NAME && dir == SFSI_DIR_OBJECTS)
		return 0;
	if (key.len <= SFSI_ENTRY_NAME || key.len > SFSI_ENTRY_NAME + SFS_NAME_MAX)
		return sfsi_recover_drop(tree->rec, tree->class->id, key);
	struct sfs_span name = sfsi_span_skip(key, SFSI_ENTRY_NAME);
	if (sfsi_name_decode(val, &value) < 0)
		return drop_name(tree, key, name, "its entry can not be read");
	bool made = false;
	int err = find(tree, value.serial) ? 0 : remake_inode(tree, dir, name, value, &made);
	struct node *node = find(tree, value.serial);
	if (err < 0)
		return err;
	if (!node || node->type != value.type)
		return drop_name(tree, key, name, "nothing else of it is left");
	/* What is in a directory that is gone is found by its number; a directory has one name. */
	if (!is_dir(tree, dir) || (node->type == SFS_NODE_DIR && node->links))
		return sfsi_recover_drop(tree->rec, tree->class->id, key);
	if (!node->links++)
		node->dir = dir;
	return 0;
}

/* --- lost+found --- */

static int lost_found(struct tree *tree, uint64_t *ret)
{
	const struct sfs_span name = sfs_span_str(LOST_FOUND);
	struct sfsi_name there;
	*ret = tree->class->lost_found;
	if (*ret)
		return 0;
	int err = get_name(tree, SFSI_SERIAL_ROOT, name, &there);
	if (!err && there.type == SFS_NODE_DIR) {
		*ret = tree->class->lost_found = there.serial;
		return 0;
	}
	if (err != SFS_ERR_NOT_FOUND)
		return err ? err : SFS_ERR_EXISTS;
	int64_t now_ns = sfsi_now_ns();
	const struct sfsi_inode inode = {
		.type = SFS_NODE_DIR,
		.serial = tree->next++,
		.parent = SFSI_SERIAL_ROOT,
		.mode = 0700,
		.uid = tree->class->state.uid,
		.gid = tree->class->state.gid,
		.nlink = 2,
		.atime_ns = now_ns,
		.mtime_ns = now_ns,
		.ctime_ns = now_ns,
		.revision = tree->rec->commit,
		.name = tree->class->kind == SFS_CLASS_RAW ? name : (struct sfs_span){ "", 0 },
	};
	err = add_node(tree, inode.serial, SFS_NODE_DIR);
	if (!err)
		err = put_inode(tree, &inode);
	if (!err)
		err = put_name(tree, SFSI_SERIAL_ROOT, name,
			       (struct sfsi_name){ inode.serial, SFS_NODE_DIR });
	if (err < 0)
		return err;
	struct node *node = find(tree, inode.serial);
	node->dir = SFSI_SERIAL_ROOT;
	node->links = 1;
	node->reached = true;
	*ret = tree->class->lost_found = inode.serial;
	return 0;
}

static int put_found(struct tree *tree, uint64_t serial)
{
	char name[SFS_NAME_MAX];
	uint64_t dir;
	int err = lost_found(tree, &dir);
	if (err < 0)
		return err;
	struct node *node = find(tree, serial);
	int len = snprintf(name, sizeof name, "%09" PRIx64, serial);
	const struct sfs_span span = { name, (size_t)len };
	node->dir = dir;
	node->links = 1;
	err = put_name(tree, dir, span, (struct sfsi_name){ serial, node->type });
	return err < 0 ? err
		       : sfsi_recover_say(tree->rec, SFS_RECOVER_FOUND, tree->class->id, span,
					  "its name is lost: it is in " LOST_FOUND " now");
}

static bool waits_for_removal(struct tree *tree, uint64_t serial)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_key key;
	sfsi_key_serial(&key, 'Z', serial);
	return sfsi_backend_get(tree->rec->to, tree->class->id, sfsi_key_span(&key), &val) == 0;
}

/** Everything without a name. */
static int find_nameless(struct tree *tree)
{
	int err = sfsi_recover_flush(tree->rec);
	for (size_t i = 0; i < tree->len && !err; i++) {
		struct node *node = &tree->nodes[i];
		uint64_t serial = node->serial;
		if (node->links)
			continue;
		if (!waits_for_removal(tree, serial)) {
			err = put_found(tree, serial);
			continue;
		}
		struct sfsi_key key;
		sfsi_key_serial(&key, 'N', serial);
		err = sfsi_recover_drop(tree->rec, tree->class->id, sfsi_key_span(&key));
	}
	return err;
}

/** Follow a directory up to the root. False: it is in itself. */
static bool reaches_root(const struct tree *tree, const struct node *node)
{
	for (size_t steps = 0; steps <= tree->len; steps++) {
		if (node->reached || node->dir == SFSI_SERIAL_ROOT)
			return true;
		node = find(tree, node->dir);
		if (!node)
			return false;
	}
	return false;
}

static int cut_name(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct tree *tree = arg;
	struct sfsi_name value;
	if (key.len <= SFSI_ENTRY_NAME || sfsi_name_decode(val, &value) < 0 ||
	    value.type != SFS_NODE_DIR)
		return 0;
	const struct node *node = find(tree, value.serial);
	return node && !node->links ? sfsi_recover_drop(tree->rec, tree->class->id, key) : 0;
}

static int find_cycles(struct tree *tree)
{
	for (size_t i = 0; i < tree->len; i++) {
		struct node *node = &tree->nodes[i];
		if (node->type != SFS_NODE_DIR || !node->links)
			continue;
		node->reached = reaches_root(tree, node);
		if (node->reached)
			continue;
		/* One of the ring loses its name, and the others hang on it. */
		node->links = 0;
		int err = sfsi_recover_each(tree->rec, tree->class->id, sfs_span_str("D"), cut_name,
					    tree);
		if (err < 0)
			return err;
		node = find(tree, tree->nodes[i].serial);
		err = put_found(tree, node->serial);
		if (err < 0)
			return err;
	}
	return 0;
}

/* --- what inodes say of that --- */

static void count_subdirs(struct tree *tree)
{
	for (size_t i = 0; i < tree->len; i++) {
		const struct node *node = &tree->nodes[i];
		if (node->type != SFS_NODE_DIR)
			continue;
		struct node *parent = find(tree, node->dir);
		if (node->dir == SFSI_SERIAL_ROOT)
			tree->class->subdirs++;
		else if (parent)
			parent->subdirs++;
	}
}

/** Metadata where the damaged store can not be read: nothing else says whether there was any. */
static int tell_meta(struct tree *tree, const struct sfsi_inode *inode)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_recovery *rec = tree->rec;
	struct sfsi_key key;
	struct sfsi_full_key full;
	sfsi_key_serial(&key, 'X', inode->serial);
	sfsi_full_key_set(&full, tree->class->id, sfsi_key_span(&key));
	if (!sfsi_salvage_in_hole(rec->damaged, sfsi_full_key_span(&full)) ||
	    sfsi_salvage_get(rec->damaged, sfsi_full_key_span(&full), &val) == 0)
		return 0;
	int err = sfsi_backend_get(rec->to, tree->class->id, sfsi_key_span(&key), &val);
	if (err && err != SFS_ERR_NOT_FOUND)
		return err;
	char text[160];
	snprintf(text, sizeof text, "%s%s%s",
		 err ? "its metadata can not be read, if it had any"
		     : "its metadata is that of backup ",
		 err ? "" : rec->result.backup, err ? "" : ": it may have been changed since");
	const struct sfs_recover_item item = {
		.kind = err ? SFS_RECOVER_LOST : SFS_RECOVER_BACKUP,
		.class_name = tree->class->name,
		.oid = inode->name,
		.ino = sfs_ino_make(tree->class->id, inode->serial),
		.text = text,
	};
	return sfsi_recover_tell(rec, &item);
}

static int fix_inode(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct tree *tree = arg;
	struct sfsi_inode inode;
	uint64_t serial = sfsi_get_be64((const uint8_t *)key.data + 1);
	const struct node *node = find(tree, serial);
	if (!node || sfsi_inode_decode(val, serial, &inode) < 0)
		return 0;
	int err = tree->class->kind == SFS_CLASS_RAW ? tell_meta(tree, &inode) : 0;
	if (err < 0)
		return err;
	bool dir = inode.type == SFS_NODE_DIR;
	uint32_t links = dir ? 2 + node->subdirs : node->links;
	tree->class->files += !dir;
	if (inode.nlink == links && (!dir || inode.parent == node->dir))
		return 0;
	inode.nlink = links;
	if (dir)
		inode.parent = node->dir;
	return put_inode(tree, &inode);
}

/** Each name of a raw is the one that its inode notes, or one of table A. */
static int fix_note(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct tree *tree = arg;
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_name value, there;
	struct sfsi_inode inode;
	uint64_t dir = sfsi_get_be64((const uint8_t *)key.data + 1);
	struct sfs_span name = sfsi_span_skip(key, SFSI_ENTRY_NAME);
	if (dir == SFSI_DIR_OBJECTS || sfsi_name_decode(val, &value) < 0)
		return 0;
	int err = get_inode(tree, value.serial, &buf, &inode);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	if (inode.parent == dir && sfs_span_equal(inode.name, name))
		return 0;
	int noted = inode.name.len ? get_name(tree, inode.parent, inode.name, &there)
				   : SFS_ERR_NOT_FOUND;
	if (noted == 0 && there.serial == inode.serial) {
		struct sfsi_key another;
		sfsi_key_serial(&another, 'A', inode.serial);
		sfsi_put_be64(another.data + another.len, dir);
		another.len = SFSI_ANOTHER_NAME;
		sfsi_key_append(&another, name);
		return sfsi_recover_put(tree->rec, tree->class->id, sfsi_key_span(&another),
					(struct sfs_span){ "", 0 });
	}
	inode.parent = dir;
	inode.name = name;
	return inode.small ? 0 : put_inode(tree, &inode);
}

/** What stays of a raw in the trash. */
static bool is_trashed(struct tree *tree, uint64_t serial)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_key key;
	sfsi_trash_what_key(&key, serial);
	return sfsi_backend_get(tree->rec->to, tree->class->id, sfsi_key_span(&key), &val) == 0;
}

/** Metadata, and what is known of bytes, of nothing. */
static int sweep(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct tree *tree = arg;
	uint64_t serial = key.len == 9 ? sfsi_get_be64((const uint8_t *)key.data + 1) : 0;
	(void)val;
	return find(tree, serial) || serial == SFSI_SERIAL_ROOT || is_trashed(tree, serial)
		       ? 0
		       : sfsi_recover_drop(tree->rec, tree->class->id, key);
}

/** Bytes that are to go, but belong to what has a name: a backup brought it back. */
static int keep_bytes(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct tree *tree = arg;
	const struct node *node = key.len == 9
					  ? find(tree, sfsi_get_be64((const uint8_t *)key.data + 1))
					  : NULL;
	(void)val;
	return node && node->links ? sfsi_recover_drop(tree->rec, tree->class->id, key) : 0;
}

/* --- all --- */

static int each(struct tree *tree, const char *table, sfsi_recover_fn *fn)
{
	return sfsi_recover_each(tree->rec, tree->class->id, sfs_span_str(table), fn, tree);
}

static int make_tree(struct tree *tree)
{
	bool raw = tree->class->kind == SFS_CLASS_RAW;
	int err = each(tree, "N", see_inode);
	if (!err && raw)
		err = each(tree, "N", restore_name);
	if (!err)
		err = each(tree, "D", see_name);
	if (!err)
		err = find_nameless(tree);
	if (!err)
		err = find_cycles(tree);
	count_subdirs(tree);
	if (!err)
		err = each(tree, "N", fix_inode);
	if (!err && raw)
		err = each(tree, "D", fix_note);
	if (!err)
		err = each(tree, "Z", keep_bytes);
	if (!err)
		err = each(tree, "X", sweep);
	return err < 0 ? err : each(tree, "Y", sweep);
}

int sfsi_recover_tree(struct sfsi_recovery *rec, struct sfsi_recover_class *class)
{
	struct tree tree = { .rec = rec, .class = class };
	/* Behind all numbers that lost rows may have had. */
	tree.next = class->max_serial + 1;
	if (class->state.next_serial > tree.next)
		tree.next = class->state.next_serial;
	int err = make_tree(&tree);
	if (tree.next > class->max_serial)
		class->max_serial = tree.next - 1;
	free(tree.nodes);
	return err;
}
