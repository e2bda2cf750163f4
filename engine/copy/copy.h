/*
 * Copying and comparing stores by way of records, documents and files: nothing here knows how a backend
 * keeps things. copy.c has classes, object.c objects, raw.c trees; compare.c says in sentences how a copy differs (diff/).
 * keeps things. copy.c has classes, object.c objects, raw.c trees, compare.c the comparison, parts.c
 * what comes from a backup into a store that is in use.
 */
#ifndef SFSI_COPY_H
#define SFSI_COPY_H

#include <storefs/class.h>
#include <storefs/copy.h>
#include <storefs/raw.h>
#include "base/cleanup.h"
#include "base/map.h"

/** A copy, or a comparison, under way. */
struct sfsi_copying {
	struct sfs_store *from, *to;
	sfs_copy_progress_fn *fn;
	void *arg;
	struct sfs_diag *diag;
	struct sfs_copied done;
	uint64_t expected;
	/* The class at hand, in both stores. */
	struct sfs_class_info source, target;
	const char *from_backend; /* of what is copied: definitions may name it */
	/* Of files with several names: source's number to the target's, of this class. */
	struct sfsi_map links;
};

/** One more object or raw. SFS_ERR_CANCELLED: fn stopped it. */
SFS_MUST_CHECK int sfsi_copy_step(struct sfsi_copying *copying, uint64_t *count);
/** Fail, saying what with. Keeps a sentence that is there. */
int sfsi_copy_fail(struct sfsi_copying *copying, int err, struct sfs_span what);
/** How many objects and raws a store has. */
uint64_t sfsi_copy_expected(struct sfs_store *store);
/** Mode, owner and times of something, for setting them on another. */
struct sfs_setattr sfsi_copy_attributes(const struct sfs_attr *attr);

/**
 * Make the class at hand in the target, with an own definition where it has one: for objects leniently, so that
 * also those come over that do not fit it. *ret_defined: it has one.
 */
SFS_MUST_CHECK int sfsi_copy_class_begin(struct sfsi_copying *copying, struct sfs_span definition,
					 bool *ret_defined);
/** With all that is in it: its very definition, and the attributes of its directory. */
SFS_MUST_CHECK int sfsi_copy_class_end(struct sfsi_copying *copying, struct sfs_span definition,
				       bool defined);

/** Do two definitions say the same, but for the backend? SFS_ERR_NOT_FOUND: no. */
SFS_MUST_CHECK int sfsi_copy_same_definition(struct sfs_span a, struct sfs_span b);

/* --- object.c --- */

/** All objects of the class at hand. */
SFS_MUST_CHECK int sfsi_copy_objects(struct sfsi_copying *copying);
/** An object with all that a copy of it has. */
struct sfsi_copy_object {
	struct sfs_span oid;
	struct sfs_attr attr; /* mode, owner, times */
	struct sfs_span body; /* msgpack; points into bytes */
	struct sfs_span text; /* as it was saved, where it is not canonical; else data NULL */
	enum sfs_format text_format;
	struct sfs_buf bytes;   /* the record */
	struct sfs_buf updates; /* update times, a map in msgpack */
};
/** Read one. @oid  borrowed as long as ret is used; buffers of ret are used again. */
SFS_MUST_CHECK int sfsi_copy_object_get(struct sfs_store *store, uint32_t class_id,
					struct sfs_span oid, struct sfsi_copy_object *ret);
void sfsi_copy_object_fini(struct sfsi_copy_object *object);
/** What it says, into a batch for another store. */
SFS_MUST_CHECK int sfsi_copy_object_add(struct sfs_batch *batch, uint32_t class_id,
					const struct sfsi_copy_object *object,
					struct sfs_diag *diag);
/** How it was written, and when, once the batch is committed. */
SFS_MUST_CHECK int sfsi_copy_object_complete(struct sfs_store *store, uint32_t class_id,
					     const struct sfsi_copy_object *object,
					     struct sfs_diag *diag);
/** A page of oids of a class, in byte order. */
struct sfsi_copy_page {
	struct sfs_buf oids; /* one behind the other */
	size_t ends[64];     /* where each one ends */
	size_t count;
	int err;
};
/** The page behind an oid (empty: the first one). */
SFS_MUST_CHECK int sfsi_copy_page(struct sfs_store *store, uint32_t class_id,
				  const struct sfs_buf *after, struct sfsi_copy_page *ret);
struct sfs_span sfsi_copy_page_oid(const struct sfsi_copy_page *page, size_t number);
/** Where the next page begins: behind the last oid of this one. */
SFS_MUST_CHECK int sfsi_copy_page_end(const struct sfsi_copy_page *page, struct sfs_buf *ret_after);
/** Have two maps in msgpack the same members, in whatever order? SFS_ERR_NOT_FOUND: no. */
SFS_MUST_CHECK int sfsi_copy_same(struct sfs_span a, struct sfs_span b);
/** Can a class not keep a text: does it say a type that the class had once? */
bool sfsi_copy_refuses_text(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
			    enum sfs_format format, struct sfs_span text);
/** The update times of an object as msgpack, as an export has them. */
SFS_MUST_CHECK int sfsi_copy_updates(struct sfs_store *store, uint32_t class_id,
				     struct sfs_span oid, struct sfs_buf *ret);

/* --- raw.c --- */

/** One entry of a directory. */
struct sfsi_copy_entry {
	char name[SFS_NAME_MAX];
	size_t len;
	uint64_t ino;
};
struct sfsi_copy_entries {
	struct sfsi_copy_entry *items;
	size_t count, cap;
	uint64_t last; /* cookie to go on from */
	int err;
};
/**
 * Entries of a directory in order of names: all (after 0, limit 0), or a page of at least limit of them, which are
 * those that follow a cookie. The caller frees items.
 */
SFS_MUST_CHECK int sfsi_copy_list(struct sfs_store *store, uint64_t dir, uint64_t after,
				  size_t limit, struct sfsi_copy_entries *ret);
/** A directory in both stores. */
struct sfsi_copy_pair {
	uint64_t from, to;
};
/** A walk over the trees of the class at hand: directories wait in one list, parents first. */
struct sfsi_copy_walk {
	struct sfsi_copying *copying;
	struct sfsi_copy_pair *dirs;
	size_t count, cap;
};
typedef int sfsi_copy_dir_fn(struct sfsi_copy_walk *walk, struct sfsi_copy_pair dir);
/** From the root on: fn adds what else there is. The caller frees dirs. */
SFS_MUST_CHECK int sfsi_copy_walk(struct sfsi_copy_walk *walk, sfsi_copy_dir_fn *fn);
SFS_MUST_CHECK int sfsi_copy_walk_add(struct sfsi_copy_walk *walk, uint64_t from, uint64_t to);
/** Nothing but zeros? */
static inline bool sfsi_copy_is_hole(struct sfs_span bytes)
{
	const char *at = bytes.data;
	return bytes.len && at[0] == 0 && memcmp(at, at + 1, bytes.len - 1) == 0;
}
/** Write a piece of the bytes of a file. Zeros are left out: a file with holes has them again. */
SFS_MUST_CHECK int sfsi_copy_fill(struct sfs_raw_file *file, struct sfs_span bytes, uint64_t off);
/**
 * One raw, symlink or directory of the class at hand under a name that is free. Another name of a file that came over is
 * a link. @ret  the target's number; 0: such a link.
 */
SFS_MUST_CHECK int sfsi_copy_node(struct sfsi_copying *copying, const struct sfs_attr *from,
				  uint64_t dir, struct sfs_span name, uint64_t *ret);
/** The tree of the class at hand. */
SFS_MUST_CHECK int sfsi_copy_tree(struct sfsi_copying *copying);

#endif
