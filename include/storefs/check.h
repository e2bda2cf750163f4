/*
 * Checking a store: is everything that it holds whole, and does it agree?
 *
 * A check only reads; with SFS_CHECK_DATA it keeps hashes that it computed. It walks in pages, needs the same memory for ten objects and for ten
 * million, and works while others change the store: what looks wrong in passing is looked at
 * again with changes held off for that moment, before it is reported.
 */
#ifndef STOREFS_CHECK_H
#define STOREFS_CHECK_H

#include <storefs/raw.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What is wrong. The name of each: sfs_check_kind_text(). */
enum sfs_check_kind {
	/* objects */
	SFS_CHECK_RECORD = 1,     /* a record's checksum or shape is wrong */
	SFS_CHECK_BODY,           /* a record's body is not canonical msgpack of a document */
	SFS_CHECK_TEXT,           /* a kept text does not say what the body says */
	SFS_CHECK_SIZE,           /* a stored size is not that of the document */
	SFS_CHECK_UPDATES,        /* update times do not fit the properties */
	SFS_CHECK_RECORD_MISSING, /* an entry or inode of an object without record */
	SFS_CHECK_ENTRY_MISSING,  /* an object that no listing shows */
	SFS_CHECK_ENTRY_DIFFERS,  /* entry and record disagree about attributes */
	SFS_CHECK_INODE_DIFFERS,  /* inode and record disagree about the oid */
	/* entries and inodes of all kinds */
	SFS_CHECK_ENTRY,         /* an entry that can not be read, or is in the wrong place */
	SFS_CHECK_ENTRY_STRAY,   /* an entry of a directory that does not exist */
	SFS_CHECK_INODE,         /* an inode that can not be read */
	SFS_CHECK_INODE_MISSING, /* a name or an object without inode */
	SFS_CHECK_TYPE,          /* name and inode disagree about the type */
	SFS_CHECK_LINKS,         /* the number of links is not that of the names */
	SFS_CHECK_PARENT,        /* a directory is not where it says it is */
	SFS_CHECK_CYCLE,         /* directories contain each other */
	SFS_CHECK_UNREACHABLE,   /* an inode that no name leads to */
	/* raws */
	SFS_CHECK_META,         /* metadata that can not be read */
	SFS_CHECK_META_STRAY,   /* metadata of nothing */
	SFS_CHECK_REMOVAL,      /* bytes are marked for removal though they have a name */
	SFS_CHECK_FILE_MISSING, /* a raw without its plain file */
	SFS_CHECK_FILE_STRAY,   /* note: a plain file that belongs to nothing */
	/* classes and the store */
	SFS_CHECK_STATE,      /* the state of a class is missing or can not be read */
	SFS_CHECK_COUNTER,    /* a counter is not what there is */
	SFS_CHECK_SERIAL,     /* numbers would be given out twice */
	SFS_CHECK_COMMIT,     /* something is newer than the last commit */
	SFS_CHECK_CLASS,      /* a class record that is wrong */
	SFS_CHECK_PARTITION,  /* records of a class that does not exist */
	SFS_CHECK_TABLE,      /* records that no known table has */
	SFS_CHECK_UNREADABLE, /* the backend's files are damaged here */
	/* definitions: a note where the class says "warn", and for a class that is missing */
	SFS_CHECK_SCHEMA, /* an object that does not fit; a relation to a class that is not there */
	SFS_CHECK_REFUSED, /* a refused text is not whole */
	/* relations */
	SFS_CHECK_BACKREF,  /* reference and reference back do not agree */
	SFS_CHECK_DANGLING, /* note: a relation leads to what does not exist */
	SFS_CHECK_ROWS,     /* targets of a relation to many that do not belong together */
	SFS_CHECK_HISTORY, /* an earlier version of an object is damaged or missing, or belongs to nothing */
	/* indexes: they can be built anew (sfs_index_rebuild) */
	SFS_CHECK_INDEX,       /* an index and an object disagree */
	SFS_CHECK_INDEX_COUNT, /* an index counts wrong */
	SFS_CHECK_INDEX_ROW,   /* a row of an index can not be read, or belongs to none */
	SFS_CHECK_MIRROR,      /* the mirror is not the same; opening the store makes it so */
	SFS_CHECK_OUTSIDE,     /* a file of another program can not be read */
	SFS_CHECK_TRASH,       /* something in the trash is not whole */
	/* with SFS_CHECK_DATA */
	SFS_CHECK_BYTES, /* bytes of a raw changed by themselves, or can not be read; as a note: they
			  * changed, and the mtime was set back */
};

enum sfs_check_severity {
	SFS_CHECK_NOTE = 0,   /* space is wasted, or something is worth a look; nothing is lost */
	SFS_CHECK_DAMAGE = 1, /* something is lost, or will be, or breaks a rule of its class */
};

/** One finding. Everything is borrowed for the call. */
struct sfs_check_problem {
	enum sfs_check_kind kind;
	enum sfs_check_severity severity;
	uint32_t class_id;      /* 0: the store */
	const char *class_name; /* "" for the store, and for a class that does not exist */
	struct sfs_span oid;    /* of an object; empty: none */
	struct sfs_span name;   /* in a directory of the class; empty: none */
	uint64_t dir;           /* inode number of that directory; 0: none */
	uint64_t ino;           /* inode number; 0: none */
	const char *text;       /* one sentence */
};

/** What was looked at, so far or in all. */
struct sfs_check_result {
	uint64_t classes;
	uint64_t objects;  /* records of objects */
	uint64_t entries;  /* of objects and of directories */
	uint64_t files;    /* raws, scratch files, symlinks, … */
	uint64_t bytes;    /* of keys and values */
	uint64_t expected; /* objects and files that the counters promise, for progress */
	uint64_t problems; /* that were reported with SFS_CHECK_DAMAGE */
	uint64_t notes;    /* that were reported with SFS_CHECK_NOTE */
	bool complete;     /* all of it was looked at */
	/* SFS_CHECK_DATA: raws whose bytes were read while nobody wrote them; of those the ones that had no
	 * hash of these bytes and got one; raws that were being written, and not judged. */
	uint64_t data_files, data_new, data_busy;
	uint64_t data_bytes; /* that were read */
};

enum sfs_check_flags {
	SFS_CHECK_QUICK = 1u << 0, /* do not parse and render documents */
	SFS_CHECK_DATA = 1u << 1,  /* read all bytes of raws, and compare them with their hashes */
};

/** What to check, and whom to tell. */
struct sfs_check {
	unsigned flags;          /* enum sfs_check_flags */
	const uint32_t *classes; /* ids [class_count]; count 0: all classes, and the store itself */
	size_t class_count;
	/* Called for each finding, with no lock held; it may take its time. Nonzero stops. */
	int (*problem)(void *arg, const struct sfs_check_problem *problem);
	/* NULL, or called every thousand rows or so. Nonzero stops. */
	int (*progress)(void *arg, const struct sfs_check_result *so_far);
	void *arg;
	uint64_t rate; /* SFS_CHECK_DATA: at most so many bytes a second; 0: no limit */
};

/**
 * Check a store, or some classes of it.
 *
 * @ret  what was looked at and found; written also on failure.
 * Returns 0 (also when problems were found), SFS_ERR_CANCELLED (a callback stopped it),
 * SFS_ERR_NOT_FOUND (no class of such an id), SFS_ERR_NO_MEMORY, SFS_ERR_IO.
 * A store that does not open can not be checked: sfs_store_open() says what is wrong.
 */
SFS_API SFS_MUST_CHECK int sfs_store_check(struct sfs_store *store, const struct sfs_check *check,
					   struct sfs_check_result *ret, struct sfs_diag *diag);

/** Short name of a kind of finding, as "record" or "entry-missing". Static. */
SFS_API const char *sfs_check_kind_text(enum sfs_check_kind kind);

#ifdef __cplusplus
}
#endif
#endif
