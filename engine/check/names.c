/*
 * Names against inodes, and counters against what there is. Where the sums of pass 1 say that
 * something does not agree, or was changed meanwhile, one scan of the whole partition counts
 * exactly: a scan sees one state of the store, so what it finds needs no confirmation.
 *
 * Only inodes of buckets that are not 0 are counted one by one. Should those be too many for
 * memory (a store in ruins), they are taken in rounds, a range of buckets each.
 */
#include "check/check.h"

#define NODES_MAX 4096
#define NODES_CAP ((size_t)4 * NODES_MAX)

/** What a scan saw of one inode. */
struct node {
	uint64_t serial; /* 0: a free place */
	uint64_t names, subdirs;
	uint64_t dir; /* of the first name */
	char *name;   /* the first name */
	size_t name_len;
	unsigned types;         /* that names say: bits 1u << type */
	bool present, readable; /* the inode */
	struct sfsi_inode inode;
};

struct count {
	struct sfsi_check *check;
	struct node nodes[NODES_CAP];
	size_t nodes_len;
	uint32_t from, to; /* buckets of this round */
	struct sfsi_state state;
	bool has_state;
	uint64_t entries, records;        /* of objects */
	uint64_t files;                   /* inodes that are counted as files */
	uint64_t bad_entries, bad_inodes; /* that can not be read */
	int err;
};

static bool wanted(const struct count *count, uint64_t serial)
{
	uint32_t bucket = sfsi_check_tree_bucket(count->check, serial);
	return bucket >= count->from && bucket < count->to && count->check->sums->tree[bucket];
}

static struct node *place(struct count *count, uint64_t serial)
{
	size_t at = (serial * 0x9e3779b97f4a7c15u) >> 32 & (NODES_CAP - 1);
	while (count->nodes[at].serial && count->nodes[at].serial != serial)
		at = (at + 1) & (NODES_CAP - 1);
	return &count->nodes[at];
}

static void nodes_clear(struct count *count)
{
	for (size_t i = 0; i < NODES_CAP; i++)
		free(count->nodes[i].name);
	memset(count->nodes, 0, sizeof count->nodes);
	count->nodes_len = 0;
}

/** Too many: this round ends with fewer buckets. */
static int nodes_halve(struct count *count)
{
	SFSI_AUTO_FREE struct node *old = malloc(sizeof count->nodes);
	if (!old)
		return SFS_ERR_NO_MEMORY;
	memcpy(old, count->nodes, sizeof count->nodes);
	memset(count->nodes, 0, sizeof count->nodes);
	count->nodes_len = 0;
	count->to = count->from + (count->to - count->from) / 2;
	for (size_t i = 0; i < NODES_CAP; i++) {
		if (old[i].serial && wanted(count, old[i].serial)) {
			*place(count, old[i].serial) = old[i];
			count->nodes_len++;
		} else {
			free(old[i].name);
		}
	}
	return 0;
}

/** The node of a serial, made if it is missing; NULL when this round leaves it out, or on failure. */
static struct node *node_for(struct count *count, uint64_t serial)
{
	if (serial == 0 || !wanted(count, serial))
		return NULL;
	struct node *node = place(count, serial);
	if (node->serial)
		return node;
	while (count->nodes_len >= NODES_MAX && count->to - count->from > 1 && !count->err)
		count->err = nodes_halve(count);
	/* More in one bucket than by any accident: what does not fit is not looked at. */
	if (count->err || count->nodes_len >= NODES_CAP / 2 || !wanted(count, serial))
		return NULL;
	node = place(count, serial);
	node->serial = serial;
	count->nodes_len++;
	return node;
}

/* --- the scan --- */

static void see_name(struct count *count, const struct sfsi_check_name *name)
{
	bool is_dir = name->value.type == SFS_NODE_DIR;
	struct node *node = node_for(count, name->value.serial);
	if (node) {
		node->types |= 1u << name->value.type;
		if (node->names++ == 0) {
			node->dir = name->dir;
			node->name = malloc(name->name.len);
			if (node->name)
				memcpy(node->name, name->name.data, name->name.len);
			node->name_len = node->name ? name->name.len : 0;
		}
	}
	struct node *dir = is_dir ? node_for(count, name->dir) : NULL;
	if (dir)
		dir->subdirs++;
}

static void see_entry(struct count *count, const struct sfsi_check_row *row)
{
	struct sfsi_check_name name;
	bool of_object = row->key.len > SFSI_ENTRY_NAME &&
			 sfsi_get_be64((const uint8_t *)row->key.data + 1) == SFSI_DIR_OBJECTS;
	if (of_object)
		count->entries++;
	else if (sfsi_check_name_decode(row, &name))
		see_name(count, &name);
	else
		count->bad_entries++;
}

static void see_inode(struct count *count, const struct sfsi_check_row *row)
{
	struct sfsi_inode inode = { 0 };
	uint64_t serial = 0;
	bool readable = sfsi_check_inode_decode(row, &inode);
	(void)sfsi_check_serial(row->key, &serial);
	count->bad_inodes += !readable;
	count->files += readable && inode.type != SFS_NODE_DIR && inode.type != SFS_NODE_OBJECT;
	/* Objects have no names here: only if one leads to them they are looked at. */
	bool known = serial && wanted(count, serial) && place(count, serial)->serial;
	struct node *node = known || (readable && inode.type != SFS_NODE_OBJECT)
				    ? node_for(count, serial)
				    : NULL;
	if (!node)
		return;
	node->present = true;
	node->readable = readable;
	node->inode = inode;
	node->inode.text = (struct sfs_span){ "", 0 };
}

static int see_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct count *count = arg;
	struct sfsi_check_row row = { key, val };
	switch (*(const char *)key.data) {
	case 'D': see_entry(count, &row); break;
	case 'N': see_inode(count, &row); break;
	case 'K':
		if (key.len == 1)
			count->has_state = sfsi_state_decode(val, &count->state) == 0;
		break;
	case 'O':
		count->records++;
		/* Records are only counted where the entries are not as many as they should be. */
		if (count->state.objects == count->entries)
			return 1;
		break;
	default: return *(const char *)key.data > 'O';
	}
	return count->err < 0;
}

static int scan(struct count *count)
{
	struct sfsi_scan scan = { .partition = count->check->partition,
				  .after = sfs_span_str("C\xff"),
				  .once = true };
	count->has_state = false;
	count->entries = count->records = count->files = 0;
	count->bad_entries = count->bad_inodes = 0;
	nodes_clear(count);
	int err = sfsi_backend_scan(count->check->store->backend, &scan, see_row, count);
	return err == SFS_ERR_CANCELLED ? count->err : err;
}

/* --- what it says --- */

static void found(struct count *count, const struct node *node, enum sfs_check_kind kind,
		  const char *text)
{
	uint32_t class_id = count->check->partition;
	struct sfs_check_problem *problem = sfsi_check_found(
		count->check, kind, "%s (%llu links, %llu names, %llu directories in it)", text,
		(unsigned long long)(node->present ? node->inode.nlink : 0),
		(unsigned long long)node->names, (unsigned long long)node->subdirs);
	problem->ino = sfs_ino_make(class_id, node->serial);
	problem->name = (struct sfs_span){ node->name ? node->name : "", node->name_len };
	problem->dir = node->names ? sfs_ino_make(class_id, node->dir) : 0;
}

/** Fewer than there should be, and as many entries can not be read: those may be it. */
static bool is_excused(const struct count *count, uint64_t have, uint64_t should)
{
	return have < should && should - have <= count->bad_entries;
}

static void judge_links(struct count *count, const struct node *node)
{
	const struct sfsi_inode *inode = &node->inode;
	bool is_dir = inode->type == SFS_NODE_DIR;
	uint64_t names = is_dir ? 1 : inode->nlink;
	if (is_dir && inode->nlink != 2 + node->subdirs &&
	    !is_excused(count, 2 + node->subdirs, inode->nlink))
		found(count, node, SFS_CHECK_LINKS, "the directory's links are wrong");
	if (is_excused(count, node->names, names))
		return;
	if (node->names == 0)
		found(count, node, SFS_CHECK_UNREACHABLE, "no name leads to the inode");
	else if (node->names != names)
		found(count, node, SFS_CHECK_LINKS,
		      is_dir ? "the directory has more than one name"
			     : "the links are not as many as the names");
	else if (is_dir && inode->parent != node->dir)
		found(count, node, SFS_CHECK_PARENT, "the directory is not where it says it is");
}

static void judge(struct count *count, const struct node *node)
{
	if (node->serial == SFSI_SERIAL_ROOT) {
		if (node->names)
			found(count, node, SFS_CHECK_CYCLE,
			      "a name leads back to the directory of the class");
		return;
	}
	if (!node->present) {
		if (node->names)
			found(count, node, SFS_CHECK_INODE_MISSING, "a name leads to no inode");
		return;
	}
	if (!node->readable)
		return;
	if (node->types & ~(1u << node->inode.type))
		found(count, node, SFS_CHECK_TYPE, "a name says another type than the inode");
	else
		judge_links(count, node);
}

static void judge_root(struct count *count)
{
	const struct node *root = place(count, SFSI_SERIAL_ROOT);
	uint64_t subdirs = root->serial ? root->subdirs : 0;
	uint64_t nlink = count->state.nlink;
	if (wanted(count, SFSI_SERIAL_ROOT) && nlink != 2 + subdirs &&
	    !is_excused(count, 2 + subdirs, nlink))
		sfsi_check_found(count->check, SFS_CHECK_LINKS,
				 "the class's directory has %llu links, but %llu directories",
				 (unsigned long long)nlink, (unsigned long long)subdirs)
			->ino = sfs_ino_make(count->check->partition, SFSI_SERIAL_ROOT);
}

static void judge_counters(struct count *count)
{
	const struct sfsi_state *state = &count->state;
	if (state->objects != count->entries && state->objects != count->records)
		sfsi_check_found(count->check, SFS_CHECK_COUNTER,
				 "the class counts %llu objects, there are %llu",
				 (unsigned long long)state->objects,
				 (unsigned long long)count->entries);
	if (state->files < count->files || state->files - count->files > count->bad_inodes)
		sfsi_check_found(count->check, SFS_CHECK_COUNTER,
				 "the class counts %llu files, there are %llu",
				 (unsigned long long)state->files,
				 (unsigned long long)count->files);
}

static int judge_all(struct count *count)
{
	struct sfsi_check *check = count->check;
	check->found_count = 0;
	judge_root(count);
	if (count->from == 0)
		judge_counters(count);
	int err = sfsi_check_report(check);
	for (size_t i = 0; i < NODES_CAP && !err; i++) {
		if (!count->nodes[i].serial)
			continue;
		judge(count, &count->nodes[i]);
		err = sfsi_check_report(check);
	}
	return err;
}

static int count_in_rounds(struct count *count)
{
	int err = 0;
	for (count->from = 0; count->from < SFSI_CHECK_BUCKETS && !err; count->from = count->to) {
		count->to = SFSI_CHECK_BUCKETS;
		err = scan(count);
		/* Damage of the backend's files was reported where rows are looked at. */
		if (err == SFS_ERR_CORRUPT) {
			count->check->skipped = true;
			return 0;
		}
		/* The class is gone. */
		if (!err && !count->has_state)
			return 0;
		if (!err)
			err = judge_all(count);
		if (!err)
			err = sfsi_check_tick(count->check);
	}
	return err;
}

/** Does everything agree as far as pass 1 saw? */
static bool agrees(struct sfsi_check *check)
{
	struct sfsi_key key;
	struct sfsi_state state;
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	sfsi_key_state(&key);
	int err = sfsi_backend_get(check->store->backend, check->partition, sfsi_key_span(&key),
				   &val);
	if (!err)
		err = sfsi_state_decode(sfs_buf_span(&val), &state);
	bool same = !err && state.objects == check->class.objects &&
		    state.files == check->class.files;
	for (size_t i = 0; i < SFSI_CHECK_BUCKETS && same; i++)
		same = check->sums->tree[i] == 0;
	return same;
}

int sfsi_check_names(struct sfsi_check *check)
{
	if (agrees(check))
		return 0;
	struct count *count = calloc(1, sizeof *count);
	if (!count)
		return SFS_ERR_NO_MEMORY;
	count->check = check;
	int err = count_in_rounds(count);
	nodes_clear(count);
	free(count);
	return err;
}
