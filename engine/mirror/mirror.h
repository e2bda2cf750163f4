/*
 * Mirrors: folders of other programs that are stores.
 *
 * The files of such a folder are the truth. A store of the usual kind beside them (the sidecar:
 * sidecar.h) has working copies of what they say and everything that derives from it, so that all the
 * engine works on it. What a commit changes is written out to the files; what others change in
 * the files is taken in as commits.
 *
 * A kind says what its files look like: "directory" has one JSON file for each object (folder.h). A
 * class belongs to one kind, or to none, and then is only in the sidecar. The order of a commit:
 *
 *   stage()    inside the commit, before its batch: write what is new beside the old file, and put
 *              rows into the batch that say what is to be written out. May refuse the commit.
 *   the batch
 *   publish()  the batch is written: put the new files into place. Can not fail: what can not be done
 *              now is done by scan(), from the rows.
 *   abort()    … or it is not.
 *
 * All three with the commit lock held, once for each commit with changes of this kind.
 */
#ifndef SFSI_MIRROR_H
#define SFSI_MIRROR_H

#include "txn.h"

struct sfsi_mirror;

/** What a path is: kinds that were found in it. */
struct sfsi_recognised {
	bool storage;      /* objects or raws of the storage module */
	bool storify;      /* databases of Storify */
	bool one_file;     /* the path is a database itself */
	char example[128]; /* something that told */
};

/** One change of a commit that is to be written out; spans are valid during stage(). */
struct sfsi_mirror_change {
	struct sfsi_class *class;
	bool raw;            /* ino and path are a raw's; else oid is an object's */
	struct sfs_span oid; /* of an object, or a raw's path in its class */
	uint64_t ino;
};

struct sfsi_mirror_kind {
	const char *name; /* "backend" of the definitions of its classes */
	/* May be NULL: a class of this kind was loaded or made, and has its mirror. */
	int (*attach)(struct sfs_store *store, struct sfsi_class *class);
	/* Look at a folder, or at a file; set what is found in ret. No error: what can not be read is not of
	 * this kind. @root_fd  the folder. @file  NULL, or the file's name in it. */
	void (*recognise)(int root_fd, const char *file, struct sfsi_recognised *ret);
	/* The catalogue is loaded. *ret is given to all that follows. */
	int (*open)(struct sfsi_mirror *mirror, void **ret, struct sfs_diag *diag);
	/* Write out what the rows of a killed process say, then take in all that differs from what is
	 * known. At open, and when notices were lost. No lock is held. */
	int (*scan)(void *own);
	/* May be NULL: rows and files are those of a backup, and come before a scan. No lock is held. */
	int (*again)(void *own);
	/* Somebody, perhaps we, did something to a path below the root (NULL, or without a slash
	 * at its end). *ret_again_ms: 0, or look again so much later. No lock is held. */
	int (*look)(void *own, const char *path, unsigned *ret_again_ms);
	/* See above. changes[count] are the changes of classes of this kind, each thing once. */
	int (*stage)(void *own, struct sfsi_txn *txn, const struct sfsi_mirror_change *changes,
		     size_t count);
	void (*publish)(void *own);
	void (*abort)(void *own);
	/* What was written so far survives a power cut. Before the backend is synced; no lock. */
	int (*sync)(void *own);
	/* May be NULL: a background round, about once a second. closing: the last one. */
	int (*tick)(void *own, bool closing);
	void (*close)(void *own);
};

/** All kinds, ended by NULL. */
extern const struct sfsi_mirror_kind *const sfsi_mirror_kinds[];
extern const struct sfsi_mirror_kind sfsi_mirror_directory;
extern const struct sfsi_mirror_kind sfsi_mirror_mpack;

/** What a class has of the mirror. Lives as long as the class. */
struct sfsi_mirror_class {
	const struct sfsi_mirror_kind *kind;
	struct sfsi_mirror_class
		*was; /* NULL, or before it was renamed: others may be reading it */
	char path[];  /* of its folder or file, below the root */
};

/** The mirror of an open store. */
struct sfsi_mirror {
	struct sfs_store *store;
	int root_fd;    /* the folder */
	char *root;     /* its absolute path */
	char *file;     /* NULL, or the one file of it that is the store */
	bool read_only; /* nobody may change the folder */
	bool settled;   /* the sidecar is in the folder, where it stays */
	bool frozen;    /* it is a backup: frozen.h */
	void **own;     /* of each kind, NULL: not open */
	struct sfsi_watch *watch;
	_Atomic unsigned damaged; /* how many rows say that a file can not be read */
};

/* --- classes (mirror_class.c) --- */

/** Read what a class has of the mirror; for a class that was loaded. */
SFS_MUST_CHECK int sfsi_mirror_class_load(struct sfs_store *store, struct sfsi_class *class);
/**
 * A class is made in this change: which kind keeps it, and where.
 * @as  NULL: the first kind, in the folder of its name.
 */
SFS_MUST_CHECK int sfsi_mirror_class_make(struct sfsi_txn *txn, struct sfsi_class *class,
					  const struct sfsi_mirror_class *as);
/** … or renamed; of one that is a database, whose file has the new name already. */
SFS_MUST_CHECK int sfsi_mirror_class_move(struct sfsi_txn *txn, struct sfsi_class *class,
					  struct sfs_span new_name);
/** … or gets another folder; *ret is what it will have, if the change is made: sfsi_mirror_class_moved(). */
SFS_MUST_CHECK int sfsi_mirror_class_place(struct sfsi_txn *txn, const struct sfsi_class *class,
					   struct sfs_span path, struct sfsi_mirror_class **ret);
void sfsi_mirror_class_moved(struct sfsi_class *class, struct sfsi_mirror_class *moved);
void sfsi_mirror_class_free(struct sfsi_mirror_class *class);
/** … or removed. */
SFS_MUST_CHECK int sfsi_mirror_class_forget(struct sfsi_txn *txn, const struct sfsi_class *class);

/**
 * A class for what a kind found, made if it is missing, with any name.
 * @path  of its folder or file, below the root.
 */
SFS_MUST_CHECK int sfsi_mirror_class_adopt(struct sfsi_mirror *mirror,
					   const struct sfsi_mirror_kind *kind,
					   const struct sfs_class_make *make, const char *path,
					   struct sfsi_class **ret);

/* --- commits (mirror.c) --- */

/** An object changes in this change: it is to be written out. */
SFS_MUST_CHECK int sfsi_mirror_note_object(struct sfsi_txn *txn, uint32_t class_id,
					   struct sfs_span oid);
/** A raw changes: made, moved (note both paths), removed, or its metadata. */
SFS_MUST_CHECK int sfsi_mirror_note_raw(struct sfsi_txn *txn, uint64_t ino, struct sfs_span path);

/** A kind has staged something by itself in a change that takes in: it is published with it. */
SFS_MUST_CHECK int sfsi_mirror_staged(struct sfsi_txn *txn, const struct sfsi_mirror_kind *kind);

/** Why is there no object? SFS_ERR_CORRUPT: there is a file, but it can not be read; SFS_ERR_NOT_FOUND. */
int sfsi_mirror_missing(struct sfs_store *store, uint32_t class_id, struct sfs_span oid);

/**
 * Where the bytes of a raw are: a path below the root, with a NUL.
 * @ret_none  it has none, and there may be no such file.
 * SFS_ERR_NOT_FOUND: not in the files of a mirror.
 */
SFS_MUST_CHECK int sfsi_mirror_bytes(struct sfs_store *store, uint64_t ino, struct sfs_buf *ret,
				     bool *ret_none);
/** A raw that was in the trash goes for good. */
SFS_MUST_CHECK int sfsi_mirror_forget_raw(struct sfsi_txn *txn, uint64_t ino);
/** We have written them. */
void sfsi_mirror_wrote_bytes(struct sfs_store *store, uint64_t ino, int fd);

/* For txn.c. */
SFS_MUST_CHECK int sfsi_mirror_stage(struct sfsi_txn *txn);
void sfsi_mirror_publish(struct sfsi_txn *txn);
void sfsi_mirror_abort(struct sfsi_txn *txn);
void sfsi_mirror_txn_fini(struct sfsi_txn *txn);

/** For sync.c. */
SFS_MUST_CHECK int sfsi_mirror_sync(struct sfs_store *store);

/* --- opening (mirror.c, sidecar.c) --- */

/** Is it anything? */
static inline bool sfsi_recognised_any(const struct sfsi_recognised *found)
{
	return found->storage || found->storify || found->one_file;
}

/**
 * The sidecar is open: open the kinds, take in what is there. What happens from then on is kept for
 * sfsi_mirror_follow().
 */
SFS_MUST_CHECK int sfsi_mirror_start(struct sfs_store *store, struct sfs_diag *diag);
/** The store is what it will be: a thread takes in what changes. */
SFS_MUST_CHECK int sfsi_mirror_follow(struct sfs_store *store, struct sfs_diag *diag);
/** Write out what is left; no more watching. Before the syncer stops. */
int sfsi_mirror_stop(struct sfs_store *store);
void sfsi_mirror_free(struct sfsi_mirror *mirror);

/** Name of the backend for people: that of the kind, or of the backend. */
const char *sfsi_store_backend_name(const struct sfs_store *store);

#endif
