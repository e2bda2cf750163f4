/*
 * Entries (D) and inodes (N), each by itself, and what can be said of one with a few reads:
 * an entry's directory is there, a directory's parents end at the root, a file has its bytes.
 * Whether names and inodes agree in number is the business of names.c.
 */
#include "check/check.h"
#include "hash.h"
#include "object.h"

bool sfsi_check_name_decode(const struct sfsi_check_row *row, struct sfsi_check_name *ret)
{
	if (row->key.len <= SFSI_ENTRY_NAME)
		return false;
	const char *key = row->key.data;
	ret->dir = sfsi_get_be64((const uint8_t *)key + 1);
	ret->name = (struct sfs_span){ key + SFSI_ENTRY_NAME, row->key.len - SFSI_ENTRY_NAME };
	return sfsi_name_decode(row->val, &ret->value) == 0 && ret->value.type != SFS_NODE_OBJECT;
}

bool sfsi_check_inode_decode(const struct sfsi_check_row *row, struct sfsi_inode *ret)
{
	uint64_t serial;
	if (!sfsi_check_serial(row->key, &serial) || serial == SFSI_SERIAL_ROOT ||
	    sfsi_inode_decode(row->val, serial, ret) < 0)
		return false;
	if (ret->type == SFS_NODE_OBJECT)
		return ret->text.len > 0 && ret->text.len <= SFS_OID_MAX;
	if (ret->type == SFS_NODE_SYMLINK)
		return ret->text.len > 0 && ret->text.len <= 4095;
	if (ret->small)
		return ret->text.len <= SFSI_SMALL_MAX;
	return ret->text.len == 0;
}

static uint64_t mix(const struct sfsi_check *check, uint64_t serial, uint64_t what, uint64_t more)
{
	uint64_t words[3] = { serial, what, more };
	return sfsi_hash((struct sfs_span){ words, sizeof words }, check->sums->seed);
}

uint32_t sfsi_check_tree_bucket(const struct sfsi_check *check, uint64_t serial)
{
	return (uint32_t)(mix(check, serial, 0, 0) % SFSI_CHECK_BUCKETS);
}

static void tree_add(struct sfsi_check *check, uint64_t serial, uint64_t value)
{
	check->sums->tree[sfsi_check_tree_bucket(check, serial)] += value;
}

/* What names give to an inode and its directory, and what inodes take away. */
enum share { SHARE_NAME = 1, SHARE_PARENT, SHARE_SUBDIR };

void sfsi_check_root_take(struct sfsi_check *check, uint32_t nlink)
{
	uint64_t subdirs = (uint64_t)nlink - 2;
	tree_add(check, SFSI_SERIAL_ROOT,
		 -(subdirs * mix(check, SFSI_SERIAL_ROOT, SHARE_SUBDIR, 0)));
}

/* --- entries --- */

static bool is_object_entry(struct sfs_span key)
{
	return key.len > SFSI_ENTRY_NAME &&
	       sfsi_get_be64((const uint8_t *)key.data + 1) == SFSI_DIR_OBJECTS;
}

static void entry_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_check_name name = { 0 };
	if (is_object_entry(row->key)) {
		sfsi_check_object_entry(check, row);
		return;
	}
	bool good = sfsi_check_name_decode(row, &name);
	struct sfs_check_problem *problem = NULL;
	if (row->key.len <= SFSI_ENTRY_NAME)
		sfsi_check_found(check, SFS_CHECK_ENTRY, "an entry has no name");
	else if (!good)
		problem = sfsi_check_found(check, SFS_CHECK_ENTRY, "the entry can not be read");
	else if (sfsi_name_check(name.name) < 0)
		problem = sfsi_check_found(check, SFS_CHECK_ENTRY,
					   "the entry has a name that nothing can have");
	else if (sfsi_get_be64((const uint8_t *)row->key.data + 9) !=
		 sfsi_cookie(check->store, name.name))
		problem = sfsi_check_found(check, SFS_CHECK_ENTRY,
					   "the entry is in the wrong place");
	if (problem) {
		problem->name = name.name;
		problem->dir = sfs_ino_make(check->partition, name.dir);
	}
}

static void entry_take(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_check_name name;
	check->result.entries++;
	if (is_object_entry(row->key)) {
		sfsi_check_object_entry_take(check, row);
		return;
	}
	if (!sfsi_check_name_decode(row, &name))
		return;
	uint64_t serial = name.value.serial;
	tree_add(check, serial, mix(check, serial, SHARE_NAME, name.value.type));
	if (name.value.type == SFS_NODE_DIR) {
		tree_add(check, serial, mix(check, serial, SHARE_PARENT, name.dir));
		tree_add(check, name.dir, mix(check, name.dir, SHARE_SUBDIR, 0));
	}
}

/** The first entry of each directory: is it there? */
static bool entry_needs(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_check_name name;
	if (is_object_entry(row->key) || !sfsi_check_name_decode(row, &name))
		return false;
	bool first = name.dir != check->class.last_dir && name.dir != SFSI_SERIAL_ROOT;
	check->class.last_dir = name.dir;
	return first;
}

/** An inode by serial: 0, or SFS_ERR_CORRUPT (can not be read), or as sfsi_check_get(). */
static int get_inode(struct sfsi_check *check, uint64_t serial, struct sfs_buf *buf,
		     struct sfsi_inode *ret)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'N', serial);
	buf->len = 0;
	int err = sfsi_check_get(check, sfsi_key_span(&key), buf);
	return err < 0 ? err : sfsi_inode_decode(sfs_buf_span(buf), serial, ret);
}

static void entry_relate(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_check_name name;
	struct sfsi_inode inode;
	if (!sfsi_check_name_decode(row, &name))
		return;
	int err = get_inode(check, name.dir, &buf, &inode);
	if (err != SFS_ERR_NOT_FOUND && (err || inode.type == SFS_NODE_DIR))
		return;
	struct sfs_check_problem *problem = sfsi_check_found(
		check, SFS_CHECK_ENTRY_STRAY, "entries of a directory that does not exist");
	problem->name = name.name;
	problem->dir = sfs_ino_make(check->partition, name.dir);
}

static bool entry_suspect(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	if (!is_object_entry(row->key))
		return false;
	struct sfs_span oid = { (const char *)row->key.data + SFSI_ENTRY_NAME,
				row->key.len - SFSI_ENTRY_NAME };
	return sfsi_check_object_suspect(check, oid);
}

const struct sfsi_check_table sfsi_check_entry = {
	.letter = 'D',
	.row = entry_row,
	.take = entry_take,
	.needs = entry_needs,
	.relate = entry_relate,
	.suspect = entry_suspect,
	.settle = sfsi_check_object_entry_settle,
};

/* --- inodes --- */

static void inode_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_inode inode;
	uint64_t serial = 0;
	bool good = sfsi_check_serial(row->key, &serial);
	if (!good)
		sfsi_check_found(check, SFS_CHECK_INODE, "an inode without a possible number");
	else if (!sfsi_check_inode_decode(row, &inode))
		sfsi_check_found(check, SFS_CHECK_INODE, "the inode can not be read")->ino =
			sfs_ino_make(check->partition, serial);
}

static void inode_take(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_inode inode;
	if (!sfsi_check_inode_decode(row, &inode))
		return;
	if (inode.serial > check->class.max_serial)
		check->class.max_serial = inode.serial;
	if (inode.type == SFS_NODE_OBJECT) {
		sfsi_check_object_inode_take(check, &inode);
		return;
	}
	sfsi_check_revision(check, inode.revision);
	uint64_t serial = inode.serial, name = mix(check, serial, SHARE_NAME, inode.type);
	if (inode.type != SFS_NODE_DIR) {
		check->class.files++;
		check->result.files++;
		tree_add(check, serial, -(name * inode.nlink));
		return;
	}
	uint64_t subdirs = (uint64_t)inode.nlink - 2;
	tree_add(check, serial, -name);
	tree_add(check, serial, -mix(check, serial, SHARE_PARENT, inode.parent));
	tree_add(check, serial, -(subdirs * mix(check, serial, SHARE_SUBDIR, 0)));
}

static bool inode_needs(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_inode inode;
	return sfsi_check_inode_decode(row, &inode) &&
	       (inode.type == SFS_NODE_FILE || inode.type == SFS_NODE_DIR || inode.name.len ||
		sfsi_check_index_has_raws(check));
}

/* --- parents --- */

static uint64_t *seen_place(struct sfsi_check *check, uint64_t serial)
{
	return &check->sums->seen[serial % SFSI_CHECK_SEEN];
}

/** One step up. 0: the way ends here, at the root or at something that is reported elsewhere. */
static uint64_t step_up(struct sfsi_check *check, uint64_t serial, struct sfs_buf *buf)
{
	struct sfsi_inode inode;
	if (serial == SFSI_SERIAL_ROOT || get_inode(check, serial, buf, &inode) < 0 ||
	    inode.type != SFS_NODE_DIR)
		return 0;
	return inode.parent;
}

/**
 * Do the parents of a directory lead in a circle? Directories that were passed are remembered, so that
 * the next one that comes by stops there; not where a finding is confirmed. Brent's way to see a
 * circle: a mark that is moved on after 1, 2, 4, … steps.
 */
static bool in_cycle(struct sfsi_check *check, uint64_t start)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	uint64_t mark = start, steps = 0, power = 1;
	for (uint64_t at = start; at;) {
		if (!check->locked && at != start && *seen_place(check, at) == at)
			return false;
		*seen_place(check, at) = at;
		at = step_up(check, at, &buf);
		if (at && at == mark)
			return true;
		if (++steps == power) {
			mark = at;
			power *= 2;
			steps = 0;
		}
	}
	return false;
}

/** The name that an inode notes must not lead elsewhere. That a name is missing is said of its links. */
static void check_name(struct sfsi_check *check, const struct sfsi_inode *inode)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_key key;
	struct sfsi_name entry = { 0 };
	sfsi_key_entry(&key, inode->parent, sfsi_cookie(check->store, inode->name), inode->name);
	int err = sfsi_check_get(check, sfsi_key_span(&key), &val);
	if (!err)
		err = sfsi_name_decode(sfs_buf_span(&val), &entry);
	if (!err && entry.serial != inode->serial)
		sfsi_check_found(check, SFS_CHECK_PARENT, "the inode is not where it says it is")
			->ino = sfs_ino_make(check->partition, inode->serial);
}

static void inode_relate(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_inode inode;
	if (!sfsi_check_inode_decode(row, &inode))
		return;
	if (inode.type == SFS_NODE_FILE && !inode.small)
		sfsi_check_file(check, inode.serial);
	/* Once: what is looked at again is not added again. */
	if (inode.type != SFS_NODE_DIR && sfsi_check_index_has_raws(check) && !check->locked)
		sfsi_check_index_raw(check, inode.serial);
	if (inode.name.len)
		check_name(check, &inode);
	if (inode.type == SFS_NODE_DIR && in_cycle(check, inode.serial))
		sfsi_check_found(check, SFS_CHECK_CYCLE,
				 "the parents of the directory lead in a circle")
			->ino = sfs_ino_make(check->partition, inode.serial);
}

static bool inode_suspect(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_inode inode;
	if (!sfsi_check_inode_decode(row, &inode))
		return false;
	return inode.type == SFS_NODE_OBJECT ? sfsi_check_object_suspect(check, inode.text)
					     : sfsi_check_index_raw_suspect(check, inode.serial);
}

static void inode_settle(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_inode inode;
	if (!sfsi_check_inode_decode(row, &inode))
		return;
	if (inode.type == SFS_NODE_OBJECT)
		sfsi_check_object_inode_settle(check, &inode);
	else if (inode.type != SFS_NODE_DIR && sfsi_check_index_has_raws(check))
		sfsi_check_index_raw_settle(check, inode.serial);
}

const struct sfsi_check_table sfsi_check_inode = {
	.letter = 'N',
	.row = inode_row,
	.take = inode_take,
	.needs = inode_needs,
	.relate = inode_relate,
	.suspect = inode_suspect,
	.settle = inode_settle,
};
