/*
 * Inside of comparisons: diff.c has classes, object.c objects, tree.c raws and scratch files, member.c
 * what of a thing differs.
 */
#ifndef SFSI_DIFF_H
#define SFSI_DIFF_H

#include <storefs/diff.h>
#include "base/cleanup.h"
#include "document/msgpack.h"
#include "object.h"

/** One of the two stores. */
struct sfsi_diff_side {
	struct sfs_store *store;
	struct sfs_class_info class; /* the one at hand; id 0: it has none of that name */
	bool frozen;                 /* a backup: its plain files are nobody's to write */
};

/** What differs in one thing: texts in one buffer, where they are noted until it is complete. */
struct sfsi_diff_member {
	enum sfs_diff_aspect aspect;
	size_t name, before, after; /* lengths, one behind the other from `at` on */
	size_t at;
	bool has_before, has_after;
};
struct sfsi_diff_members {
	struct sfsi_diff_member *items;
	struct sfs_diff_member *shown; /* of the same capacity, for the caller's callback */
	size_t count, cap, shown_cap;
	struct sfs_buf text;
};

/** A comparison under way. */
struct sfsi_diffing {
	const struct sfs_diff *how;
	struct sfsi_diff_side a, b;
	bool exact;
	bool related; /* two states of the same store: numbers mean the same things */
	struct sfs_diff_result done;
	uint64_t expected;
	struct sfsi_diff_members members;
	struct sfs_diag *diag;
};

/** Tell a difference with the members that were collected, which are forgotten. SFS_ERR_CANCELLED. */
SFS_MUST_CHECK int sfsi_diff_tell(struct sfsi_diffing *diffing, struct sfs_difference *difference);
/** The same for what is on one side alone. */
SFS_MUST_CHECK int sfsi_diff_tell_alone(struct sfsi_diffing *diffing, enum sfs_diff_thing thing,
					bool is_after, struct sfs_span name,
					const struct sfs_attr *attr);
/** One more object or raw was looked at. SFS_ERR_CANCELLED. */
SFS_MUST_CHECK int sfsi_diff_step(struct sfsi_diffing *diffing, uint64_t *count);
/** Fail, saying what with. Keeps a sentence that is there. */
int sfsi_diff_fail(struct sfsi_diffing *diffing, int err, struct sfs_span what);

/* --- object.c, tree.c: of the class at hand, which a side may lack --- */

SFS_MUST_CHECK int sfsi_diff_objects(struct sfsi_diffing *diffing);
SFS_MUST_CHECK int sfsi_diff_tree(struct sfsi_diffing *diffing);

/* --- member.c --- */

/** A value in msgpack of each side; NULL: it has none. */
struct sfsi_diff_values {
	const struct sfs_span *before, *after;
};
/** Add a member that differs. */
SFS_MUST_CHECK int sfsi_diff_add(struct sfsi_diff_members *members, enum sfs_diff_aspect aspect,
				 struct sfs_span name, struct sfsi_diff_values values);
/** The same of two numbers, and of two texts. */
SFS_MUST_CHECK int sfsi_diff_add_numbers(struct sfsi_diff_members *members,
					 enum sfs_diff_aspect aspect, struct sfs_span name,
					 uint64_t before, uint64_t after);
SFS_MUST_CHECK int sfsi_diff_add_texts(struct sfsi_diff_members *members,
				       enum sfs_diff_aspect aspect, struct sfs_span before,
				       struct sfs_span after);
/** The same of two times, which are shown as such. */
SFS_MUST_CHECK int sfsi_diff_add_times(struct sfsi_diff_members *members,
				       enum sfs_diff_aspect aspect, struct sfs_span name,
				       int64_t before, int64_t after);
/** Attributes that differ: type, mode, owner, mtime. */
SFS_MUST_CHECK int sfsi_diff_add_attributes(struct sfsi_diff_members *members,
					    const struct sfs_attr *before,
					    const struct sfs_attr *after);
/** Forget times where something else differs as well. */
void sfsi_diff_drop_times(struct sfsi_diff_members *members);

/** A member of a map. */
struct sfsi_diff_pair {
	struct sfs_span name, key, value;
	int64_t updated_ns;
};
/** Members of a map in order of their keys. */
struct sfsi_diff_map {
	struct sfsi_diff_pair *items;
	size_t count, cap;
};
/** Take a map, or the body of a record (with update times); another value is one pair without a key. */
SFS_MUST_CHECK int sfsi_diff_map_init(struct sfsi_diff_map *map, struct sfs_span bytes,
				      const struct sfsi_record *record);
void sfsi_diff_map_fini(struct sfsi_diff_map *map);

/** Called for each key that is in either; NULL: not on that side. */
typedef int sfsi_diff_pair_fn(void *arg, const struct sfsi_diff_pair *before,
			      const struct sfsi_diff_pair *after);
SFS_MUST_CHECK int sfsi_diff_map_merge(const struct sfsi_diff_map *a, const struct sfsi_diff_map *b,
				       sfsi_diff_pair_fn *fn, void *arg);

#endif
