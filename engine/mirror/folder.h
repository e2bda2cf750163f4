/*
 * The kind "directory": one JSON file for each object, as the Python storage module keeps them, and for a raw
 * a folder with meta.json and data.blob.
 *
 *   Account.o1 (class, oid)   Account/o1.json        each dot of a name is a folder
 *   File.123                  File/123/meta.json, File/123/data.blob
 *
 * Rows of the sidecar, in the partition of the class:
 *
 *   F O oid     which file the record was last read from or written to (struct sfsi_folder_row)
 *   F W oid     that file is to be written, or to go: commit, what it was before
 *
 * and of a raw the same with its number (u64) in place of the oid: F R, F V; and F T, what F R was, while it is in
 * the trash. F P: the class is being renamed.
 *
 *   folder.c        begin and end, what is synced
 *   folder_row.c    rows and paths
 *   folder_text.c   objects and metadata as the text of a file, and back
 *   folder_out.c    commits that are written out
 *   folder_in.c     a file that is taken in
 *   folder_scan.c   all files; what a killed process left to do
 *   folder_raw.c    raws
 *   folder_again.c  files that a backup was restored to
 *   folder_move.c   a class that is renamed
 */
#ifndef SFSI_FOLDER_H
#define SFSI_FOLDER_H

#include "mirror/mirror.h"

struct stat;

/** Ends of names. */
#define SFSI_FOLDER_JSON ".json"
#define SFSI_FOLDER_TEMP ".storefs~" /* of files in the making; they begin with a dot */
#define SFSI_FOLDER_META "meta.json"
#define SFSI_FOLDER_BLOB "data.blob"
/** So many files that we wrote are known again when we hear of them. */
#define SFSI_FOLDER_OWN 1024

/** A file at one moment: all 0 is one that is not there. */
struct sfsi_folder_stamp {
	int64_t mtime_ns;
	uint64_t size, ino;
};

enum sfsi_folder_flags {
	SFSI_FOLDER_DAMAGED = 1u << 0, /* it can not be read: there is no object */
	SFSI_FOLDER_NULL = 1u << 1,    /* it says null: there is no object */
	SFSI_FOLDER_NUMBER = 1u << 2,  /* its oid is a number */
	SFSI_FOLDER_NO_DATA = 1u << 3, /* a raw without data.blob */
};

/** What is known of a file. Spans point into the row. */
struct sfsi_folder_row {
	unsigned flags;
	struct sfsi_folder_stamp stamp;
	struct sfs_span path;    /* empty: that of the oid */
	struct sfs_span type;    /* as the file says; empty: that of the class */
	struct sfs_span updates; /* update times that are not those of the record: folder_text.c */
};

/** What is to be done to a file. */
struct sfsi_folder_task {
	uint64_t commit;
	struct sfsi_folder_stamp before;
	struct sfs_span path; /* below the root */
};

/** A file that a commit replaces or removes. */
struct sfsi_folder_staged {
	uint32_t class_id;
	bool raw;
	uint64_t ino; /* of a raw */
	char *oid;    /* [oid_len] */
	size_t oid_len;
	char *path;              /* below the root */
	char *temp;              /* NULL: it goes */
	char *blob;              /* of a raw: NULL, or the folder that it leaves */
	bool moved;              /* a raw that is new, or in another folder */
	bool no_data;            /* after a kill: a raw that never had bytes */
	uint32_t mode, uid, gid; /* of its bytes */
	struct sfsi_folder_stamp before, after;
	uint64_t commit;
};

/** A task that is done: its row goes when the file is on the disk. */
struct sfsi_folder_done {
	uint32_t class_id;
	bool raw;
	uint64_t ino;
	uint64_t commit;
	char *oid;
	size_t oid_len;
};

struct sfsi_folder {
	struct sfsi_mirror *mirror;
	struct sfs_store *store;
	/* Protected by the commit lock. */
	struct sfsi_folder_staged *staged; /* [staged_len] */
	size_t staged_len, staged_cap;
	char *dir_path;                  /* the last folder that was written to, … */
	int dir_fd;                      /* … and its descriptor; -1: none */
	uint64_t temps;                  /* counts files in the making */
	_Atomic bool behind;             /* something could not be written out: scan */
	_Atomic bool odd;                /* some file is not where its oid says */
	bool scanned;                    /* once */
	struct sfsi_class *moving;       /* a class that is renamed with this change… */
	struct sfsi_mirror_class *moved; /* … to this */

	pthread_mutex_t lock; /* protects all below; innermost */
	struct sfsi_folder_done
		*done; /* [done_len], of which the first [done_synced] are on disk */
	size_t done_len, done_cap, done_synced;
	char **unsynced; /* [unsynced_len] paths of files that were written */
	size_t unsynced_len, unsynced_cap;
	bool unsynced_all;
	/* What we did last to bytes of raws, so that we know it when we hear of it. */
	struct {
		uint64_t ino;
		struct sfsi_folder_stamp stamp;
	} wrote[64];
	size_t wrote_next;
	/* Files of objects that we put into place, by the hash of their path: what we hear of them is no news. */
	struct sfsi_folder_own {
		uint64_t hash;
		struct sfsi_folder_stamp stamp;
	} own[SFSI_FOLDER_OWN];
};

/* --- recognise.c --- */

/** Is there one of the kind in the folder? */
void sfsi_folder_recognise(int root_fd, const char *file, struct sfsi_recognised *ret);

/* --- folder_row.c --- */

/** @part  'O', 'W'. @oid  at most SFS_OID_MAX bytes. */
void sfsi_folder_key(struct sfsi_key *key, char part, struct sfs_span oid);
SFS_MUST_CHECK int sfsi_folder_row_encode(const struct sfsi_folder_row *row, struct sfs_buf *ret);
SFS_MUST_CHECK int sfsi_folder_row_decode(struct sfs_span bytes, struct sfsi_folder_row *ret);
SFS_MUST_CHECK int sfsi_folder_task_encode(const struct sfsi_folder_task *task,
					   struct sfs_buf *ret);
SFS_MUST_CHECK int sfsi_folder_task_decode(struct sfs_span bytes, struct sfsi_folder_task *ret);

void sfsi_folder_stamp_of(const struct stat *stat, struct sfsi_folder_stamp *ret);
bool sfsi_folder_stamp_same(const struct sfsi_folder_stamp *one,
			    const struct sfsi_folder_stamp *two);
/** The stamp of a path below the root as it is now; all 0: there is no such file. */
SFS_MUST_CHECK int sfsi_folder_stamp(const struct sfsi_folder *folder, const char *path,
				     struct sfsi_folder_stamp *ret);

/**
 * The path of an oid below the root, with a NUL. SFS_ERR_NAME: it can not be the name of a file there.
 * @end  ".json", or what is behind the folder of a raw.
 */
SFS_MUST_CHECK int sfsi_folder_path(const struct sfsi_class *class, struct sfs_span oid,
				    const char *end, struct sfs_buf *ret);
/** The path of the file that a row is of, with a NUL. */
SFS_MUST_CHECK int sfsi_folder_row_path(const struct sfsi_class *class, struct sfs_span oid,
					const struct sfsi_folder_row *row, struct sfs_buf *ret);
/** Is it that path? */
bool sfsi_folder_is_path(const struct sfsi_class *class, struct sfs_span oid, const char *end,
			 const char *path);

/** The class whose folder a path is in, the innermost one; NULL: none. *ret_rest: below it. */
struct sfsi_class *sfsi_folder_class(const struct sfsi_folder *folder, const char *path,
				     const char **ret_rest);

/* --- folder_move.c --- */

/**
 * A class is going to be renamed: all that is to be written out is, and a row says where its folder goes. No lock is
 * held. SFS_ERR_EXISTS (something has that name), SFS_ERR_CROSS (other classes are in its folder).
 */
SFS_MUST_CHECK int sfsi_folder_move_begin(struct sfs_store *store, struct sfsi_class *class,
					  struct sfs_span new_name);
/** … in this change. SFS_ERR_CONFLICT: something was saved since it was begun. */
SFS_MUST_CHECK int sfsi_folder_move_in(struct sfsi_txn *txn, struct sfsi_class *class,
				       struct sfs_span new_name);
/** … and it was, or was not. What can not be done now is done when the store is opened. */
void sfsi_folder_move_end(struct sfs_store *store, struct sfsi_class *class);
/** For folder_out.c. */
void sfsi_folder_move_publish(struct sfsi_folder *folder);
void sfsi_folder_move_abort(struct sfsi_folder *folder);
/** What a killed process left: the folder goes to where its class has it. */
SFS_MUST_CHECK int sfsi_folder_move_again(struct sfsi_folder *folder);

/* --- folder_text.c --- */

/**
 * The text of an object's file.
 * @row     what was known of its file before (zeroed: nothing).
 * @ret_updates  appended to: what to keep of row->updates.
 */
SFS_MUST_CHECK int sfsi_folder_render(struct sfs_store *store, const struct sfsi_class *class,
				      struct sfs_span oid, const struct sfsi_record *record,
				      const struct sfsi_folder_row *row, struct sfs_buf *ret,
				      struct sfs_buf *ret_updates);

/** What a file says. */
struct sfsi_folder_parsed {
	bool null;               /* … null */
	bool number;             /* the oid is a number */
	struct sfs_buf whole;    /* all of it as msgpack; the spans below point into it */
	struct sfs_buf oid;      /* empty: it has none */
	struct sfs_span type;    /* empty: none */
	struct sfs_span updates; /* msgpack; empty: none */
	struct sfs_buf
		document; /* to be put: msgpack without oid and type, and with such updates as are times */
};
/** Errors as sfsi_json_python_read(); ret is the caller's to free in any case. */
SFS_MUST_CHECK int sfsi_folder_parse(struct sfs_span text, struct sfsi_folder_parsed *ret,
				     struct sfs_diag *diag);
void sfsi_folder_parsed_fini(struct sfsi_folder_parsed *parsed);

/** What a record does not say of the update times of its file, appended. */
SFS_MUST_CHECK int sfsi_folder_updates(const struct sfsi_record *record, struct sfs_span updates,
				       struct sfs_buf *ret);

/* --- folder_out.c --- */

SFS_MUST_CHECK int sfsi_folder_stage(void *own, struct sfsi_txn *txn,
				     const struct sfsi_mirror_change *changes, size_t count);
void sfsi_folder_publish(void *own);
void sfsi_folder_abort(void *own);
/** One object: for stage, and for a task that is done again. */
SFS_MUST_CHECK int sfsi_folder_stage_object(struct sfsi_folder *folder, struct sfsi_txn *txn,
					    struct sfsi_class *class, struct sfs_span oid);
/** A new place in staged, with copies. */
struct sfsi_folder_staged *sfsi_folder_staged_new(struct sfsi_folder *folder,
						  const struct sfsi_class *class,
						  struct sfs_span oid, const char *path);
/** Write a file beside the place of path; *ret_temp is its name below the root. */
SFS_MUST_CHECK int sfsi_folder_write_temp(struct sfsi_folder *folder, const char *path,
					  struct sfs_span bytes, const struct sfsi_object *as,
					  char **ret_temp, struct sfsi_folder_stamp *ret_stamp);
/** Remove a folder below the root if it is empty. */
void sfsi_folder_tidy(struct sfsi_folder *folder, const char *path);
/** Is it the file that we put there, one of the last SFSI_FOLDER_OWN? */
bool sfsi_folder_is_own(struct sfsi_folder *folder, const char *path);
/** A path was written: it is synced with the next round. */
void sfsi_folder_unsynced(struct sfsi_folder *folder, const char *path);

/* --- folder_in.c --- */

/** Why a file is looked at. */
enum sfsi_folder_why {
	SFSI_FOLDER_AT_OPEN, /* nobody is writing it now: what can not be read is damaged */
	SFSI_FOLDER_NOTICE,  /* somebody may be in the middle of it */
};
/** Files that are taken in with one commit. */
struct sfsi_folder_intake;
SFS_MUST_CHECK int sfsi_folder_intake_new(struct sfsi_folder *folder, enum sfsi_folder_why why,
					  struct sfsi_folder_intake **ret);
/** Look at a file below the root: what is known already costs nothing. *ret_again_ms as of look(). */
SFS_MUST_CHECK int sfsi_folder_intake_add(struct sfsi_folder_intake *intake, const char *path,
					  unsigned *ret_again_ms);
/** Take in what is left, and free. err: an error so far, which is returned. */
SFS_MUST_CHECK int sfsi_folder_intake_end(struct sfsi_folder_intake *intake, int err);

/* --- folder_scan.c --- */

typedef int sfsi_folder_row_fn(struct sfsi_folder *folder, struct sfsi_class *class,
			       struct sfs_span oid, struct sfs_span val);
/** All rows of a table ("FO", "FR", …) of all classes of the kind; fn may change them, and gets keys without the table. */
SFS_MUST_CHECK int sfsi_folder_each(struct sfsi_folder *folder, enum sfs_class_kind kind,
				    const char *table, sfsi_folder_row_fn *fn);
/** A file of an object is gone, and so is the object. Inside a change. */
SFS_MUST_CHECK int sfsi_folder_gone(struct sfsi_folder *folder, struct sfsi_txn *txn,
				    struct sfsi_class *class, struct sfs_span oid,
				    const char *path);
SFS_MUST_CHECK int sfsi_folder_scan(void *own);
SFS_MUST_CHECK int sfsi_folder_look(void *own, const char *path, unsigned *ret_again_ms);
/** The files were put there from a backup: rows are made to mean them, where they are what was backed up. */
SFS_MUST_CHECK int sfsi_folder_again(void *own);
/** Do the tasks that are left. */
SFS_MUST_CHECK int sfsi_folder_catch_up(struct sfsi_folder *folder);
/** All tasks are done and on the disk: their rows go. */
SFS_MUST_CHECK int sfsi_folder_clear(struct sfsi_folder *folder);

#endif
