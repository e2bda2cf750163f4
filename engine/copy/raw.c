/*
 * Copying the tree of a class: raws of a raw class, scratch files of an object class. Directories wait in
 * one list; their own times are set when all that is in them is there.
 */
#include <storefs/content.h>
#include "base/array.h"
#include "bytes.h"
#include "copy/copy.h"

/* --- listing --- */

static int take_entry(void *arg, struct sfs_span name, uint64_t ino, enum sfs_node_type type,
		      uint64_t cookie)
{
	struct sfsi_copy_entries *entries = arg;
	(void)type;
	entries->err = name.len > SFS_NAME_MAX
			       ? SFS_ERR_LIMIT
			       : sfsi_array_grow(&entries->items, entries->count, &entries->cap,
						 sizeof *entries->items);
	if (entries->err < 0)
		return 1;
	struct sfsi_copy_entry *entry = &entries->items[entries->count++];
	memcpy(entry->name, name.data, name.len);
	entry->len = name.len;
	entry->ino = ino;
	entries->last = cookie;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct sfsi_copy_entry *left = a, *right = b;
	size_t least = left->len < right->len ? left->len : right->len;
	int order = memcmp(left->name, right->name, least);
	return order ? order : (left->len > right->len) - (left->len < right->len);
}

int sfsi_copy_list(struct sfs_store *store, uint64_t dir, uint64_t after, size_t limit,
		   struct sfsi_copy_entries *ret)
{
	*ret = (struct sfsi_copy_entries){ .items = NULL };
	int err = sfs_raw_list(store, dir, after, limit, take_entry, ret);
	if (err == SFS_ERR_CANCELLED)
		err = ret->err;
	if (err < 0) {
		free(ret->items);
		ret->items = NULL;
	} else if (ret->count) {
		qsort(ret->items, ret->count, sizeof *ret->items, by_name);
	}
	return err;
}

/* --- one file --- */

struct filling {
	struct sfsi_copying *copying;
	struct sfs_raw_file *file;
	int err;
};

int sfsi_copy_fill(struct sfs_raw_file *file, struct sfs_span bytes, uint64_t off)
{
	size_t wrote;
	return sfsi_copy_is_hole(bytes) ? 0
					: sfs_raw_write(file, off, bytes.data, bytes.len, &wrote);
}

static int fill_piece(void *arg, struct sfs_span bytes, uint64_t off)
{
	struct filling *filling = arg;
	filling->copying->done.bytes += bytes.len;
	filling->err = sfsi_copy_fill(filling->file, bytes, off);
	return filling->err < 0;
}

static int copy_bytes(struct sfsi_copying *copying, const struct sfs_attr *from, uint64_t to)
{
	struct filling filling = { .copying = copying };
	const struct sfs_setattr size = { .mask = SFS_SET_SIZE, .size = from->size };
	int err = sfs_raw_open(copying->to, to, true, &filling.file);
	if (err < 0)
		return err;
	err = sfs_raw_stream(copying->from, from->ino, (size_t)1 << 18, fill_piece, &filling);
	if (err == SFS_ERR_CANCELLED)
		err = filling.err;
	if (!err)
		err = sfs_raw_flush(filling.file);
	sfs_raw_close(filling.file);
	return err < 0 ? err : sfs_raw_setattr(copying->to, to, &size, NULL);
}

static int copy_meta(struct sfsi_copying *copying, const struct sfs_attr *from, uint64_t to)
{
	SFSI_AUTO_BUF struct sfs_buf keys = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	if (copying->source.kind != SFS_CLASS_RAW)
		return 0;
	int err = sfs_raw_meta_list(copying->from, from->ino, &keys);
	if (err < 0 || keys.len == 0)
		return err;
	err = sfs_raw_meta_document(copying->from, from->ino, SFS_FORMAT_JSON, &text);
	const struct sfs_raw_meta_put put = {
		.format = SFS_FORMAT_JSON,
		.text = sfs_buf_span(&text),
		.flags = SFS_PUT_KEEP_TEXT,
	};
	return err < 0 ? err : sfs_raw_meta_put(copying->to, to, &put, copying->diag);
}

/* --- names --- */

static void link_key(uint64_t ino, uint8_t ret[8])
{
	sfsi_put_be64(ret, ino);
}

/** The target's number of a file that came over under another name; 0: it did not. */
static uint64_t linked(const struct sfsi_copying *copying, uint64_t ino)
{
	uint8_t key[8];
	link_key(ino, key);
	const struct sfsi_map_entry *entry = sfsi_map_seek(&copying->links,
							   (struct sfs_span){ key, sizeof key });
	if (!entry || !sfs_span_equal(sfsi_map_key(entry), (struct sfs_span){ key, sizeof key }))
		return 0;
	return sfsi_get_be64(sfsi_map_value(entry).data);
}

static int remember_link(struct sfsi_copying *copying, uint64_t ino, uint64_t to)
{
	uint8_t key[8], value[8];
	link_key(ino, key);
	link_key(to, value);
	struct sfsi_map_entry *entry = sfsi_map_entry_new(&copying->links,
							  (struct sfs_span){ key, sizeof key },
							  (struct sfs_span){ value, sizeof value });
	if (!entry)
		return SFS_ERR_NO_MEMORY;
	sfsi_map_entry_free(sfsi_map_put(&copying->links, entry));
	return 0;
}

static int make_node(struct sfsi_copying *copying, const struct sfs_attr *from, uint64_t dir,
		     struct sfs_span name, struct sfs_attr *ret)
{
	SFSI_AUTO_BUF struct sfs_buf target = SFS_BUF_INIT;
	struct sfs_raw_make make = {
		.type = from->type,
		.mode = from->mode,
		.uid = from->uid,
		.gid = from->gid,
	};
	int err = from->type == SFS_NODE_SYMLINK
			  ? sfs_raw_readlink(copying->from, from->ino, &target)
			  : 0;
	make.target = sfs_buf_span(&target);
	return err < 0 ? err : sfs_raw_make(copying->to, dir, name, &make, ret);
}

int sfsi_copy_node(struct sfsi_copying *copying, const struct sfs_attr *from, uint64_t dir,
		   struct sfs_span name, uint64_t *ret)
{
	struct sfs_attr to;
	uint64_t other = from->nlink > 1 && from->type != SFS_NODE_DIR ? linked(copying, from->ino)
								       : 0;
	if (other)
		return sfs_raw_link(copying->to, other, dir, name, NULL);
	int err = make_node(copying, from, dir, name, &to);
	if (!err && from->type == SFS_NODE_FILE)
		err = copy_bytes(copying, from, to.ino);
	if (!err)
		err = copy_meta(copying, from, to.ino);
	if (!err && from->nlink > 1 && from->type != SFS_NODE_DIR)
		err = remember_link(copying, from->ino, to.ino);
	const struct sfs_setattr set = sfsi_copy_attributes(from);
	if (!err && from->type != SFS_NODE_DIR)
		err = sfs_raw_setattr(copying->to, to.ino, &set, NULL);
	*ret = err < 0 ? 0 : to.ino;
	return err;
}

/* --- trees --- */

int sfsi_copy_walk_add(struct sfsi_copy_walk *walk, uint64_t from, uint64_t to)
{
	int err = sfsi_array_grow(&walk->dirs, walk->count, &walk->cap, sizeof *walk->dirs);
	if (!err)
		walk->dirs[walk->count++] = (struct sfsi_copy_pair){ from, to };
	return err;
}

int sfsi_copy_walk(struct sfsi_copy_walk *walk, sfsi_copy_dir_fn *fn)
{
	int err = sfsi_copy_walk_add(walk, sfs_ino_make(walk->copying->source.id, 1),
				     sfs_ino_make(walk->copying->target.id, 1));
	for (size_t i = 0; i < walk->count && !err; i++)
		err = fn(walk, walk->dirs[i]);
	return err;
}

static int copy_entry(struct sfsi_copy_walk *walk, uint64_t dir,
		      const struct sfsi_copy_entry *entry)
{
	struct sfsi_copying *copying = walk->copying;
	struct sfs_span name = { entry->name, entry->len };
	struct sfs_attr from;
	uint64_t to = 0;
	int err = sfs_raw_stat(copying->from, entry->ino, &from);
	if (!err)
		err = sfsi_copy_node(copying, &from, dir, name, &to);
	if (!err && from.type == SFS_NODE_DIR)
		err = sfsi_copy_walk_add(walk, from.ino, to);
	return err < 0 ? sfsi_copy_fail(copying, err, name)
		       : sfsi_copy_step(copying, &copying->done.raws);
}

static int copy_dir(struct sfsi_copy_walk *walk, struct sfsi_copy_pair dir)
{
	struct sfsi_copy_entries entries;
	int err = sfsi_copy_list(walk->copying->from, dir.from, 0, 0, &entries);
	if (err < 0)
		return err;
	for (size_t i = 0; i < entries.count && !err; i++)
		err = copy_entry(walk, dir.to, &entries.items[i]);
	free(entries.items);
	return err;
}

/** The innermost first: what is made in a directory gives it a new time. */
static int set_times(struct sfsi_copy_walk *walk)
{
	int err = 0;
	for (size_t i = walk->count; i > 1 && !err; i--) {
		struct sfs_attr attr;
		err = sfs_raw_stat(walk->copying->from, walk->dirs[i - 1].from, &attr);
		const struct sfs_setattr set = sfsi_copy_attributes(&attr);
		if (!err)
			err = sfs_raw_setattr(walk->copying->to, walk->dirs[i - 1].to, &set, NULL);
	}
	return err;
}

int sfsi_copy_tree(struct sfsi_copying *copying)
{
	struct sfsi_copy_walk walk = { .copying = copying };
	sfsi_map_init(&copying->links);
	int err = sfsi_copy_walk(&walk, copy_dir);
	if (!err)
		err = set_times(&walk);
	free(walk.dirs);
	sfsi_map_fini(&copying->links);
	return err;
}
