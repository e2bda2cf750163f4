/*
 * Places: what a name in a directory means, and what is there. Knows no FUSE.
 */
#ifndef FS_PLACE_H
#define FS_PLACE_H

#include "attr.h"
#include "name.h"

enum fs_place_kind {
	FS_PLACE_CLASS,    /* a name in the root */
	FS_PLACE_META,     /* a name in .storefs, or .storefs itself */
	FS_PLACE_SCHEMA,   /* a name in .storefs/schema */
	FS_PLACE_NEW,      /* CLASS/.new */
	FS_PLACE_REJECTED, /* a name in .storefs/rejected or below */
	FS_PLACE_OBJECT,   /* a document of an object */
	FS_PLACE_RAW,      /* a raw, a scratch file, a directory of a tree */
	FS_PLACE_VIEW,     /* a name in a view, or one of a class that only a view has */
};

struct fs_place {
	enum fs_place_kind kind;
	uint64_t dir;           /* node of the directory */
	struct sfs_span name;   /* as given; borrowed */
	uint32_t class_id;      /* OBJECT, RAW */
	enum sfs_format format; /* OBJECT */
	bool keep;              /* the kernel may remember what the name means */
	bool keep_missing;      /* … and that it is not there */
	size_t oid_len;         /* OBJECT */
	unsigned char oid[SFS_OID_MAX];
};

static inline struct sfs_span fs_place_oid(const struct fs_place *place)
{
	return (struct sfs_span){ place->oid, place->oid_len };
}

/**
 * Say what a name means; nothing needs to be there.
 * Returns 0, SFS_ERR_LIMIT (over 255 bytes), SFS_ERR_NOT_DIR, SFS_ERR_NOT_FOUND (the directory
 * is gone) or an error of the store.
 */
int fs_place_resolve(struct fs *fs, uint64_t dir, const char *name, struct fs_place *ret);

/**
 * Find what is there.
 * @pid  who asks.
 * @ret  the node of a view is counted: give it to the kernel, or call fs_view_forget().
 * Returns 0, SFS_ERR_NOT_FOUND or an error of the store.
 */
int fs_place_find(struct fs *fs, const struct fs_place *place, pid_t pid, struct fs_found *ret);

#endif
