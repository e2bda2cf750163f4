/*
 * Classes: named collections of objects (kind object) or of raws (kind raw).
 *
 * Every class has a directory tree: raws and sub-directories of a raw class,
 * scratch files of an object class. An object class has objects besides.
 */
#ifndef STOREFS_CLASS_H
#define STOREFS_CLASS_H

#include <storefs/store.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sfs_class_kind {
	SFS_CLASS_OBJECT = 1,
	SFS_CLASS_RAW = 2,
};

/** How a class makes new oids. */
enum sfs_oid_kind {
	SFS_OID_OID = 1,       /* time, node and random bits, 24 characters that sort by time */
	SFS_OID_STAMP = 2,     /* a number of milliseconds, node and random digits */
	SFS_OID_TIMESTAMP = 3, /* date and time as digits, node and random digits; 27 digits */
	SFS_OID_UUID = 4,      /* random uuid, version 4 */
};

/** Room for an oid that was made, with its NUL. */
#define SFS_OID_MADE_SIZE 40

struct sfs_class_info {
	uint32_t id; /* never 0, never reused */
	enum sfs_class_kind kind;
	char name[SFS_CLASS_NAME_MAX + 1];
	char type[SFS_CLASS_NAME_MAX + 1]; /* what "type" says in documents; default: the name */
	uint64_t objects;                  /* how many objects; 0 in a raw class */
	uint64_t files;                    /* how many raws or scratch files, links counted once */
	uint64_t refused;                  /* how many refused texts are kept (refused.h) */
	int64_t refused_ns;                /* when one of them last came or went; 0: never */
	bool database;                     /* its objects are any JSON values: database.h */
	struct sfs_attr attr; /* of the class's directory; attr.ino = sfs_ino_make(id, 1) */
};

/** How to make a class. */
struct sfs_class_make {
	struct sfs_span name;
	enum sfs_class_kind kind;
	struct sfs_span type;    /* empty: the name */
	uint32_t mode, uid, gid; /* of its directory */
};

/**
 * Is this a name that a class can have: [A-Za-z_][A-Za-z0-9_-]*, 1..128 bytes?
 */
SFS_API bool sfs_class_name_valid(struct sfs_span name);

/**
 * Make an empty class.
 * Returns 0, SFS_ERR_EXISTS, SFS_ERR_NAME, SFS_ERR_LIMIT (name over
 * SFS_CLASS_NAME_MAX, or 16 million classes were made), SFS_ERR_READ_ONLY, SFS_ERR_NO_SPACE, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_class_create(struct sfs_store *store,
					    const struct sfs_class_make *make,
					    struct sfs_class_info *ret, struct sfs_diag *diag);

/** Find a class by name. Returns 0 or SFS_ERR_NOT_FOUND. No I/O. */
SFS_API SFS_MUST_CHECK int sfs_class_find(struct sfs_store *store, struct sfs_span name,
					  struct sfs_class_info *ret);

/** Find a class by id. Returns 0 or SFS_ERR_NOT_FOUND. No I/O. */
SFS_API SFS_MUST_CHECK int sfs_class_get(struct sfs_store *store, uint32_t id,
					 struct sfs_class_info *ret);

/**
 * Next class after an id, in order of ids (the order in which they were made).
 * @after  0 for the first.
 * Returns 0, or SFS_ERR_NOT_FOUND at the end. No I/O.
 */
SFS_API SFS_MUST_CHECK int sfs_class_next(struct sfs_store *store, uint32_t after,
					  struct sfs_class_info *ret);

/**
 * Rename a class; objects and inode numbers stay.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_EXISTS (new name is taken, and is not the same
 * class), SFS_ERR_NAME, SFS_ERR_LIMIT (name too long) and the errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_class_rename(struct sfs_store *store, struct sfs_span name,
					    struct sfs_span new_name);

/**
 * Remove an empty class, with the refused texts that it keeps.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_NOT_EMPTY and the errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_class_remove(struct sfs_store *store, struct sfs_span name);

/**
 * The class's definition: the text that defined it, byte for byte; for a class that was made without
 * one a JSON document that says so.
 * @ret  appended to. Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_class_schema(struct sfs_store *store, uint32_t id,
					    struct sfs_buf *ret);

/**
 * The documents of the class as JSON Schema 2020-12, for editors and validators. It accepts what a
 * strict save accepts, and more where JSON Schema has no words for a rule.
 * @ret  appended to. Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_class_json_schema(struct sfs_store *store, uint32_t id,
						 struct sfs_buf *ret);

/**
 * Define, change or make a class from a definition in JSON: docs/classes.md.
 *
 * It takes effect with the commit: saves that begin later, and saves under way, are validated with
 * it. Objects that are there already stay as they are, also when they do not fit; sfs_store_check()
 * lists them. The very text that the class has already changes nothing.
 *
 * @make  name, mode, uid, gid of a class that does not exist yet; kind and type are ignored.
 * @diag  besides errors a remark, with err 0: a relation leads to a class that does not exist yet; or
 *        references back are not all made yet, which goes on in the background.
 * Returns 0, SFS_ERR_BAD_DOCUMENT (diag: line, column, member, what was
 * expected; nothing changed), SFS_ERR_NAME, SFS_ERR_NOT_EMPTY (kind of a class
 * in use), SFS_ERR_LIMIT (over 1 MiB) and the errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_class_define(struct sfs_store *store,
					    const struct sfs_class_make *make, struct sfs_span json,
					    struct sfs_diag *diag);

/**
 * Propose a definition that the existing objects of a class fit: for each property the narrowest type of
 * all its values, references to one class as relations. To be looked at by a person: an enum is
 * only proposed for a few words that many objects share, and objects that were not looked at may not fit.
 * @limit  look at so many objects, in order of oids; 0: all.
 * @ret    appended to.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_WRONG_KIND (a raw class), SFS_ERR_CORRUPT, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_class_infer(struct sfs_store *store, uint32_t id, size_t limit,
					   struct sfs_buf *ret, struct sfs_diag *diag);

/**
 * Make a new oid, as the class's definition says (without one: kind OID for objects, STAMP for raws).
 * No two are alike in one process; of two processes, nodes (environment NODE_ID, or the number at the
 * end of the host's name) and random digits keep them apart. Put with SFS_PUT_CREATE to be sure.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_IO (no random numbers). Threads: any.
 */
SFS_API SFS_MUST_CHECK int sfs_oid_make(struct sfs_store *store, uint32_t class_id,
					char ret[SFS_OID_MADE_SIZE]);
/** The same for a kind. SFS_ERR_INVALID: there is no such kind. */
SFS_API SFS_MUST_CHECK int sfs_oid_make_kind(enum sfs_oid_kind kind, char ret[SFS_OID_MADE_SIZE]);

/**
 * Change mode, owner or times of the class's directory.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_INVALID (SFS_SET_SIZE), errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_class_setattr(struct sfs_store *store, uint32_t id,
					     const struct sfs_setattr *set, struct sfs_attr *ret);

#ifdef __cplusplus
}
#endif
#endif
