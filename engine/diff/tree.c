/*
 * Comparing the trees of a class, raws and scratch files: directories wait in one list, each is read a page at
 * a time, and each name is looked for on the other side. (The order of names in a directory is that of
 * their hashes, which is another one in another store.)
 */
#include <sys/stat.h>
#include "base/array.h"
#include "copy/copy.h"
#include "diff/diff.h"
#include "raw_content.h"

#define PAGE 1024

/** A directory that both sides have, or one: then the other's number is 0. */
struct dir {
	uint64_t a, b;
	char *path; /* in the class, with a '/' behind it; "" for the root */
};

struct walk {
	struct sfsi_diffing *diffing;
	struct dir *dirs;
	size_t count, cap;
	struct sfs_buf path; /* of the entry at hand */
};

static int push(struct walk *walk, uint64_t a, uint64_t b, struct sfs_span path)
{
	int err = sfsi_array_grow(&walk->dirs, walk->count, &walk->cap, sizeof *walk->dirs);
	char *copy = err < 0 ? NULL : calloc(1, path.len + 2);
	if (!copy)
		return SFS_ERR_NO_MEMORY;
	if (path.len) {
		memcpy(copy, path.data, path.len);
		copy[path.len] = '/';
	}
	walk->dirs[walk->count++] = (struct dir){ a, b, copy };
	return 0;
}

/* --- two files --- */

/** Backups share the plain files of what did not change. */
static bool same_plain_file(struct sfsi_diffing *diffing, const struct sfs_attr *a,
			    const struct sfs_attr *b)
{
	SFSI_AUTO_BUF struct sfs_buf left = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf right = SFS_BUF_INIT;
	struct stat one, two;
	return sfs_raw_plain_path(diffing->a.store, a->ino, &left) == 0 &&
	       sfs_raw_plain_path(diffing->b.store, b->ino, &right) == 0 &&
	       sfs_buf_append(&left, "", 1) == 0 && sfs_buf_append(&right, "", 1) == 0 &&
	       stat(left.data, &one) == 0 && stat(right.data, &two) == 0 &&
	       one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

/**
 * The hash of a file. In a backup the one that the store knew holds, though the plain file there has a ctime of
 * its own: nobody writes to it, and it has the size and the mtime that the hash belongs to.
 */
static int hash_of(const struct sfsi_diff_side *side, const struct sfs_attr *attr,
		   unsigned char ret[SFS_HASH_LEN])
{
	struct sfsi_content content;
	if (side->frozen && sfsi_content_load(side->store, attr->ino, &content) == 0 &&
	    content.hashed && content.stamp.size == attr->size &&
	    content.stamp.mtime_ns == attr->mtime_ns) {
		memcpy(ret, content.hash, SFS_HASH_LEN);
		return 0;
	}
	return sfs_raw_hash(side->store, attr->ino, ret);
}

static int compare_bytes(struct sfsi_diffing *diffing, const struct sfs_attr *a,
			 const struct sfs_attr *b)
{
	unsigned char left[SFS_HASH_LEN], right[SFS_HASH_LEN];
	char texts[2][SFS_HASH_SIZE];
	if (a->size != b->size)
		return sfsi_diff_add_numbers(&diffing->members, SFS_DIFF_SIZE,
					     (struct sfs_span){ "", 0 }, a->size, b->size);
	diffing->done.bytes += a->size;
	if (a->size == 0 || same_plain_file(diffing, a, b))
		return 0;
	int err = hash_of(&diffing->a, a, left);
	if (!err)
		err = hash_of(&diffing->b, b, right);
	if (err < 0 || memcmp(left, right, sizeof left) == 0)
		return err;
	return sfsi_diff_add_texts(&diffing->members, SFS_DIFF_BYTES,
				   sfs_span_str(sfs_hash_text(left, texts[0])),
				   sfs_span_str(sfs_hash_text(right, texts[1])));
}

/* --- links, metadata --- */

static int compare_targets(struct sfsi_diffing *diffing, const struct sfs_attr *a,
			   const struct sfs_attr *b)
{
	SFSI_AUTO_BUF struct sfs_buf left = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf right = SFS_BUF_INIT;
	int err = sfs_raw_readlink(diffing->a.store, a->ino, &left);
	if (!err)
		err = sfs_raw_readlink(diffing->b.store, b->ino, &right);
	if (err < 0 || sfs_span_equal(sfs_buf_span(&left), sfs_buf_span(&right)))
		return err;
	return sfsi_diff_add_texts(&diffing->members, SFS_DIFF_TARGET, sfs_buf_span(&left),
				   sfs_buf_span(&right));
}

static int compare_key(void *arg, const struct sfsi_diff_pair *a, const struct sfsi_diff_pair *b)
{
	struct sfsi_diffing *diffing = arg;
	if (a && b && sfs_span_equal(a->value, b->value))
		return 0;
	return sfsi_diff_add(
		&diffing->members, SFS_DIFF_META, a ? a->name : b->name,
		(struct sfsi_diff_values){ a ? &a->value : NULL, b ? &b->value : NULL });
}

/** A document of metadata as it was saved, or as it is rendered. */
static int compare_meta_texts(struct sfsi_diffing *diffing, uint64_t a, uint64_t b)
{
	SFSI_AUTO_BUF struct sfs_buf left = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf right = SFS_BUF_INIT;
	int err = sfs_raw_meta_document(diffing->a.store, a, SFS_FORMAT_JSON, &left);
	if (!err)
		err = sfs_raw_meta_document(diffing->b.store, b, SFS_FORMAT_JSON, &right);
	if (err < 0 || sfs_span_equal(sfs_buf_span(&left), sfs_buf_span(&right)))
		return err;
	return sfsi_diff_add_texts(&diffing->members, SFS_DIFF_TEXT, sfs_buf_span(&left),
				   sfs_buf_span(&right));
}

static int compare_meta(struct sfsi_diffing *diffing, uint64_t a, uint64_t b)
{
	SFSI_AUTO_BUF struct sfs_buf left = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf right = SFS_BUF_INIT;
	struct sfsi_diff_map one = { .items = NULL }, two = { .items = NULL };
	size_t before = diffing->members.count;
	int err = sfs_raw_meta_document(diffing->a.store, a, SFS_FORMAT_MSGPACK, &left);
	if (!err)
		err = sfs_raw_meta_document(diffing->b.store, b, SFS_FORMAT_MSGPACK, &right);
	if (!err)
		err = sfsi_diff_map_init(&one, sfs_buf_span(&left), NULL);
	if (!err)
		err = sfsi_diff_map_init(&two, sfs_buf_span(&right), NULL);
	if (!err)
		err = sfsi_diff_map_merge(&one, &two, compare_key, diffing);
	sfsi_diff_map_fini(&one);
	sfsi_diff_map_fini(&two);
	if (!err && diffing->members.count == before)
		err = compare_meta_texts(diffing, a, b);
	return err;
}

/* --- one name --- */

static int compare_node(struct sfsi_diffing *diffing, const struct sfs_attr *a,
			const struct sfs_attr *b)
{
	struct sfsi_diff_members *members = &diffing->members;
	struct sfs_attr alike = *b;
	bool is_dir = a->type == SFS_NODE_DIR && b->type == SFS_NODE_DIR;
	int err = 0;
	/* What happens in a directory changes its time: told of what is in it. */
	if (is_dir && !diffing->exact)
		alike.mtime_ns = a->mtime_ns;
	else if (a->nlink != b->nlink)
		err = sfsi_diff_add_numbers(members, SFS_DIFF_LINKS, (struct sfs_span){ "", 0 },
					    a->nlink, b->nlink);
	if (!err)
		err = sfsi_diff_add_attributes(members, a, &alike);
	if (err < 0 || a->type != b->type)
		return err;
	if (a->type == SFS_NODE_FILE)
		err = compare_bytes(diffing, a, b);
	else if (a->type == SFS_NODE_SYMLINK)
		err = compare_targets(diffing, a, b);
	if (!err && diffing->a.class.kind == SFS_CLASS_RAW && !is_dir)
		err = compare_meta(diffing, a->ino, b->ino);
	return err;
}

static int set_path(struct walk *walk, const char *dir, const struct sfsi_copy_entry *entry)
{
	walk->path.len = 0;
	int err = sfs_buf_append(&walk->path, dir, strlen(dir));
	return err < 0 ? err : sfs_buf_append(&walk->path, entry->name, entry->len);
}

/** What one side alone has, with all that is in it. */
static int tell_alone(struct walk *walk, bool is_after, const struct sfs_attr *attr)
{
	struct sfs_span path = sfs_buf_span(&walk->path);
	int err = sfsi_diff_tell_alone(walk->diffing, SFS_DIFF_RAW, is_after, path, attr);
	if (!err && attr->type == SFS_NODE_DIR)
		err = push(walk, is_after ? 0 : attr->ino, is_after ? attr->ino : 0, path);
	return err;
}

static int tell_both(struct walk *walk, const struct sfs_attr *a, const struct sfs_attr *b)
{
	struct sfsi_diffing *diffing = walk->diffing;
	struct sfs_difference difference = { .change = SFS_DIFF_CHANGED,
					     .thing = SFS_DIFF_RAW,
					     .name = sfs_buf_span(&walk->path),
					     .before = *a,
					     .after = *b };
	int err = compare_node(diffing, a, b);
	if (err == SFS_ERR_NOT_FOUND) {
		/* Removed meanwhile. */
		diffing->members.count = diffing->members.text.len = 0;
		return 0;
	}
	if (!err)
		err = sfsi_diff_tell(diffing, &difference);
	uint64_t left = a->type == SFS_NODE_DIR ? a->ino : 0;
	uint64_t right = b->type == SFS_NODE_DIR ? b->ino : 0;
	if (!err && (left || right))
		err = push(walk, left, right, sfs_buf_span(&walk->path));
	return err;
}

/** An entry that the first side has, or, the other way round, one that may be the second side's alone. */
static int visit(struct walk *walk, const struct dir *dir, const struct sfsi_copy_entry *entry,
		 bool is_after)
{
	struct sfsi_diffing *diffing = walk->diffing;
	struct sfs_store *own = is_after ? diffing->b.store : diffing->a.store;
	struct sfs_store *other = is_after ? diffing->a.store : diffing->b.store;
	uint64_t other_dir = is_after ? dir->a : dir->b;
	struct sfs_span name = { entry->name, entry->len };
	struct sfs_attr attr, found;
	int err = set_path(walk, dir->path, entry);
	int missing = other_dir ? sfs_raw_find(other, other_dir, name, &found) : SFS_ERR_NOT_FOUND;
	if (!err && missing && missing != SFS_ERR_NOT_FOUND)
		err = missing;
	if (err < 0 || (is_after && !missing))
		return err;
	err = sfs_raw_stat(own, entry->ino, &attr);
	if (!err)
		err = missing ? tell_alone(walk, is_after, &attr) : tell_both(walk, &attr, &found);
	if (err == SFS_ERR_NOT_FOUND)
		return 0; /* removed meanwhile */
	return err < 0 ? sfsi_diff_fail(diffing, err, sfs_buf_span(&walk->path))
		       : sfsi_diff_step(diffing, &diffing->done.raws);
}

/** All entries of one side's directory. */
static int visit_all(struct walk *walk, const struct dir *dir, bool is_after)
{
	struct sfs_store *store = is_after ? walk->diffing->b.store : walk->diffing->a.store;
	uint64_t ino = is_after ? dir->b : dir->a;
	struct sfsi_copy_entries page = { .last = 0 };
	bool more = ino != 0;
	int err = 0;
	while (more && !err) {
		err = sfsi_copy_list(store, ino, page.last, PAGE, &page);
		for (size_t i = 0; i < page.count && !err; i++)
			err = visit(walk, dir, &page.items[i], is_after);
		more = page.count >= PAGE;
		free(page.items);
	}
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

static int find_path(const struct sfsi_diff_side *side, struct sfs_span path, struct sfs_attr *ret)
{
	return side->class.id ? sfs_raw_find_path(side->store, side->class.id, path, ret)
			      : SFS_ERR_NOT_FOUND;
}

/** What has one path, without what is in it. */
static int compare_one(struct walk *walk, struct sfs_span path)
{
	struct sfsi_diffing *diffing = walk->diffing;
	struct sfs_attr before, after;
	int a = find_path(&diffing->a, path, &before), b = find_path(&diffing->b, path, &after);
	int err = sfs_buf_append(&walk->path, path.data, path.len);
	if (!err && !a && !b)
		err = tell_both(walk, &before, &after);
	else if (!err && (!a || !b))
		err = tell_alone(walk, a != 0, a ? &after : &before);
	while (walk->count)
		free(walk->dirs[--walk->count].path);
	return err;
}

int sfsi_diff_tree(struct sfsi_diffing *diffing)
{
	struct walk walk = { .diffing = diffing };
	uint32_t a = diffing->a.class.id, b = diffing->b.class.id;
	if (diffing->how->only.len) {
		int found = compare_one(&walk, diffing->how->only);
		free(walk.dirs);
		sfs_buf_fini(&walk.path);
		return found;
	}
	int err = push(&walk, a ? sfs_ino_make(a, 1) : 0, b ? sfs_ino_make(b, 1) : 0,
		       (struct sfs_span){ "", 0 });
	while (!err && walk.count) {
		/* The list may move while its directories are added. */
		struct dir dir = walk.dirs[--walk.count];
		err = visit_all(&walk, &dir, false);
		if (!err)
			err = visit_all(&walk, &dir, true);
		free(dir.path);
	}
	while (walk.count)
		free(walk.dirs[--walk.count].path);
	free(walk.dirs);
	sfs_buf_fini(&walk.path);
	return err;
}
