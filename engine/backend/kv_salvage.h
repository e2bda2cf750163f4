/*
 * What can still be read of a damaged kv backend.
 *
 * Nothing of it is changed: tables are linked into a work folder, everything else is copied there, and RocksDB
 * opens that. Its log is read past damaged parts. Where the list of tables (MANIFEST) is damaged, or
 * lacks what was there once, one is made anew of the tables that there are (kv_list.h).
 *
 * Rows come in the order of their keys, over and over if wanted. What can not be read is a hole: nothing is known
 * of the keys in it.
 */
#ifndef SFSI_KV_SALVAGE_H
#define SFSI_KV_SALVAGE_H

#include <stdbool.h>
#include <storefs/buf.h>

struct sfsi_salvage;

/** Nothing between these two can be read. Whole keys: partition and key. */
struct sfsi_salvage_hole {
	struct sfs_buf after;  /* excluded; empty: from the beginning */
	struct sfs_buf before; /* excluded; empty: up to the end */
};

/** A table that is gone, or can not be opened at all. */
struct sfsi_salvage_table {
	char name[32];
	uint64_t bytes;
	struct sfs_buf first, last; /* whole keys, included */
};

/** What is known about it as a whole. */
struct sfsi_salvage_facts {
	bool opened; /* something can be read */
	bool state;  /* STATE can be read: the two below count */
	uint64_t synced,
		found;       /* sequence numbers: known to be on disk once, and found there now */
	struct sfs_buf note; /* of the core, with the last sync */
	bool gap;            /* the log has a hole: what came after it was read */
	bool hidden;         /* … and it is not known where that begins */
	bool remade;         /* the list of tables was made anew */
	bool unknown;        /* … and it is not known which ones there were */
	struct sfsi_salvage_table *tables; /* [tables_len]: those that are known to be gone */
	size_t tables_len;
	char why[200]; /* what was wrong at first; empty: nothing */
};

/**
 * @home  folder of the store; @name  folder of the backend in it; @work  folder of ours in it, made anew.
 * Returns 0 also when nothing can be read, SFS_ERR_BUSY, SFS_ERR_NO_SPACE, SFS_ERR_IO, SFS_ERR_NO_MEMORY,
 * SFS_ERR_PERMISSION, SFS_ERR_NO_FILES.
 */
SFS_MUST_CHECK int sfsi_salvage_open(const char *home, const char *name, const char *work,
				     struct sfsi_salvage **ret, struct sfs_diag *diag);
/** The same over a whole one, as it lies in a backup: read in place. SFS_ERR_CORRUPT: it is not whole. */
SFS_MUST_CHECK int sfsi_salvage_open_whole(const char *path, struct sfsi_salvage **ret,
					   struct sfs_diag *diag);
/** Accepts NULL. Removes the work folder. */
void sfsi_salvage_close(struct sfsi_salvage *salvage);

const struct sfsi_salvage_facts *sfsi_salvage_facts(const struct sfsi_salvage *salvage);

/** Begin again, before the first row; the holes are found again. */
void sfsi_salvage_rewind(struct sfsi_salvage *salvage);
/** The next row, valid until the next call. 0, 1 at the end, SFS_ERR_NO_MEMORY, or what the system refuses. */
SFS_MUST_CHECK int sfsi_salvage_next(struct sfsi_salvage *salvage, struct sfs_span *ret_key,
				     struct sfs_span *ret_val);
/** One row, appended; in a hole it may be there. SFS_ERR_NOT_FOUND, SFS_ERR_CORRUPT. */
SFS_MUST_CHECK int sfsi_salvage_get(struct sfsi_salvage *salvage, struct sfs_span key,
				    struct sfs_buf *ret);
/** The same as it was before the hole in the log. */
SFS_MUST_CHECK int sfsi_salvage_get_before_gap(struct sfsi_salvage *salvage, struct sfs_span key,
					       struct sfs_buf *ret);
/** Is the key in a hole that was found so far? */
bool sfsi_salvage_in_hole(const struct sfsi_salvage *salvage, struct sfs_span key);
/** Is there a hole among the keys that begin so? */
bool sfsi_salvage_hole_among(const struct sfsi_salvage *salvage, struct sfs_span prefix);
/** Was there any hole? */
bool sfsi_salvage_has_holes(const struct sfsi_salvage *salvage);

#endif
