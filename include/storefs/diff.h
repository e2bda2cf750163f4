/*
 * Comparing two stores, or a store and a backup of it: what came, what went, and what changed in what is in
 * both, property by property.
 *
 * Both sides are read in the same order, a page at a time, so memory does not grow with the stores: objects in
 * byte order of their oids, the trees of raws and scratch files a directory at a time. Of two
 * states of the same store an object whose record is the same one is not looked into, and the bytes of
 * a raw are not read where its hash is known or both have the same plain file.
 */
#ifndef STOREFS_DIFF_H
#define STOREFS_DIFF_H

#include <storefs/class.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sfs_diff_change {
	SFS_DIFF_ADDED = 1,   /* only the second store has it */
	SFS_DIFF_REMOVED = 2, /* only the first one has it */
	SFS_DIFF_CHANGED = 3,
};

enum sfs_diff_thing {
	SFS_DIFF_CLASS = 1,
	SFS_DIFF_OBJECT = 2,
	SFS_DIFF_RAW = 3, /* anything in a tree: also a directory, a link, a scratch file */
};

/** What of a thing changed. Its word: sfs_diff_aspect_text(). */
enum sfs_diff_aspect {
	/* of objects */
	SFS_DIFF_PROPERTY =
		1,         /* name: of the property; "": the value, of an object that is no map */
	SFS_DIFF_RELATION, /* name: of the relation */
	SFS_DIFF_UPDATED,  /* update time; name: of the property, "": of the object */
	SFS_DIFF_TEXT,     /* how the same content is written */
	/* of raws */
	SFS_DIFF_SIZE,
	SFS_DIFF_BYTES,  /* XXH3-128 of each */
	SFS_DIFF_TARGET, /* of a symlink */
	SFS_DIFF_LINKS,  /* how many names it has */
	SFS_DIFF_META,   /* name: key of the metadata */
	/* of classes */
	SFS_DIFF_KIND,
	SFS_DIFF_DEFINITION, /* name: the member, as "properties.title" */
	SFS_DIFF_INDEX,      /* name: of the index */
	/* of all */
	SFS_DIFF_TYPE, /* file, directory, symlink, …; of a class what documents say */
	SFS_DIFF_MODE,
	SFS_DIFF_OWNER,
	SFS_DIFF_MTIME,
};

/** One of them. Values are compact JSON; data NULL: there is none on that side. */
struct sfs_diff_member {
	enum sfs_diff_aspect aspect;
	struct sfs_span name;
	struct sfs_span before, after;
};

/** One thing that differs. Everything is borrowed for the call. */
struct sfs_difference {
	enum sfs_diff_change change;
	enum sfs_diff_thing thing;
	const char *class_name;
	struct sfs_span name; /* oid, or path in the class; empty for a class */
	/* What it is; ino 0: not on that side. Classes: attributes of their directories. */
	struct sfs_attr before, after;
	const struct sfs_diff_member *members; /* [count]; none unless it changed */
	size_t count;
};
/** Nonzero stops. fn may call both stores. */
typedef int sfs_difference_fn(void *arg, const struct sfs_difference *difference);

/** How much was looked at, and what was found. */
struct sfs_diff_result {
	uint64_t classes, objects, raws; /* of both stores, what is in both once */
	uint64_t bytes;                  /* of raws that were compared, also by hash */
	uint64_t same; /* objects that were known to be the same by their record */
	uint64_t added, removed, changed;
};

enum sfs_diff_flags {
	/*
	 * Everything that a copy of a store has: all times, also where a content differs, and every
	 * object looked into. What a copy in another backend can not have alike does not count: the member "backend"
	 * of definitions, a text that the class refuses.
	 */
	SFS_DIFF_EXACT = 1u << 0,
	SFS_DIFF_NO_OBJECTS = 1u << 1, /* leave them out */
	SFS_DIFF_NO_TREES = 1u << 2,   /* … and raws and scratch files */
};

struct sfs_diff {
	unsigned flags;             /* enum sfs_diff_flags */
	const char *const *classes; /* names [class_count]; count 0: all */
	size_t class_count;
	struct sfs_span after; /* objects: only those whose oids come after it; empty: all */
	struct sfs_span
		only; /* only the object, and what is in the tree, of this name; empty: all */
	sfs_difference_fn *differs; /* NULL: only count */
	/* NULL, or called now and then. expected: objects and raws, about. Nonzero stops. */
	int (*progress)(void *arg, const struct sfs_diff_result *so_far, uint64_t expected);
	void *arg;
};

/**
 * Compare two open stores.
 *
 * @before, @after  may be the same one. What others change meanwhile is seen or not; a backup does not change.
 * @ret             NULL, or what was found; written on success only.
 *
 * Returns 0, whether or not they differ; SFS_ERR_NOT_FOUND (a class that was named is in neither),
 * SFS_ERR_CANCELLED, SFS_ERR_CORRUPT, SFS_ERR_IO, SFS_ERR_NO_MEMORY; diag says what of which class.
 */
SFS_API SFS_MUST_CHECK int sfs_store_diff(struct sfs_store *before, struct sfs_store *after,
					  const struct sfs_diff *diff, struct sfs_diff_result *ret,
					  struct sfs_diag *diag);

/** "property", "relation", "updated", … Static. */
SFS_API const char *sfs_diff_aspect_text(enum sfs_diff_aspect aspect);

#ifdef __cplusplus
}
#endif
#endif
