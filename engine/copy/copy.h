/*
 * Copying and comparing stores by way of records, documents and files: nothing here knows how a backend
 * keeps things. copy.c has classes, object.c objects, raw.c trees; compare.c says in sentences how a copy differs (diff/).
 */
#ifndef SFSI_COPY_H
#define SFSI_COPY_H

#include <storefs/class.h>
#include <storefs/copy.h>
#include <storefs/raw.h>
#include "base/cleanup.h"
#include "base/map.h"
#include "record.h"

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

/** Do two definitions say the same, but for the backend? SFS_ERR_NOT_FOUND: no. */
SFS_MUST_CHECK int sfsi_copy_same_definition(struct sfs_span a, struct sfs_span b);

/* --- object.c --- */

/** All objects of the class at hand. */
SFS_MUST_CHECK int sfsi_copy_objects(struct sfsi_copying *copying);
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
/** Have two maps in msgpack the same members, in whatever order? SFS_ERR_NOT_FOUND: no. */
SFS_MUST_CHECK int sfsi_copy_same(struct sfs_span a, struct sfs_span b);
/** Can a class not keep the text of a record: does it say a type that the class had once? */
bool sfsi_copy_refuses_text(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
			    const struct sfsi_record *record);
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
/** The tree of the class at hand. */
SFS_MUST_CHECK int sfsi_copy_tree(struct sfsi_copying *copying);

#endif
