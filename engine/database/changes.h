/*
 * The keys of a database that changed since its base, with what they were there and what they are now.
 */
#ifndef SFSI_DATABASE_CHANGES_H
#define SFSI_DATABASE_CHANGES_H

#include "base/arena.h"
#include "database/database.h"

/** Names to numbers of items, for one look each. Zeroed: empty. Names are borrowed. */
struct sfsi_names {
	struct sfsi_name_slot {
		struct sfs_span name; /* data NULL: free */
		uint64_t hash;
		uint32_t item;
	} *slots;
	size_t mask, count;
};
#define SFSI_NAMES_NONE UINT32_MAX
void sfsi_names_fini(struct sfsi_names *names);
/** A name that is not there yet. SFS_ERR_NO_MEMORY. */
SFS_MUST_CHECK int sfsi_names_add(struct sfsi_names *names, struct sfs_span name, uint32_t item);
/** Its item, or SFSI_NAMES_NONE. */
uint32_t sfsi_names_find(const struct sfsi_names *names, struct sfs_span name);

struct sfsi_change {
	struct sfs_span oid;
	struct sfsi_database_change was;
	bool exists;
	struct sfs_span body; /* as it is now */
	uint64_t number;      /* … */
	bool seen;            /* take.c: the file has it… */
	uint64_t theirs;      /* … with a body of this hash */
	enum sfsi_change_end {
		SFSI_CHANGE_KEEP = 0, /* it is to be written out still */
		SFSI_CHANGE_DONE,     /* both made the same of it */
		SFSI_CHANGE_CONFLICT, /* both changed it: theirs counts */
	} end;
};

/** Zeroed: none. */
struct sfsi_changes {
	struct sfsi_change *items; /* [count], in order of the oids */
	size_t count, cap;
	struct sfsi_names names;
	struct sfsi_arena arena;
};

/** Read all of them as of one moment. */
SFS_MUST_CHECK int sfsi_changes_read(struct sfsi_database *database, struct sfsi_changes *ret);
void sfsi_changes_fini(struct sfsi_changes *changes);
struct sfsi_change *sfsi_changes_find(const struct sfsi_changes *changes, struct sfs_span oid);

/** Are there any? Sets database->changed. Nobody can commit. */
void sfsi_changes_look_locked(struct sfsi_database *database);

/**
 * The file has what was read: forget changes, but for those of keys that changed again meanwhile. Writes
 * the state too, in small commits of which the first has it.
 */
SFS_MUST_CHECK int sfsi_changes_written(struct sfsi_database *database,
					const struct sfsi_changes *changes);

#endif
