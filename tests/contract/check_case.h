/*
 * What the contract cases of checking share: a store with everything in it, a run of a check, and
 * rows written behind the engine's back.
 */
#ifndef CONTRACT_CHECK_CASE_H
#define CONTRACT_CHECK_CASE_H

#include <storefs/check.h>
#include "case.h"
#include "contract.h"
#include "keys.h"
#include "object.h"
#include "raw.h"

#define SPAN(literal) ((struct sfs_span){ literal, sizeof(literal) - 1 })

/** What a check reported. */
struct report {
	char text[4096]; /* names of kinds, sorted, joined by spaces */
	const char *kinds[256];
	size_t count;
	char last[512]; /* the last sentence, with oid and name */
	struct sfs_check_result result;
};

/** struct sfs_check.problem; arg is a struct report. */
int check_collect(void *arg, const struct sfs_check_problem *problem);
/** Check all of it; returns report->text. */
const char *check_run_flags(struct case_store *c, unsigned flags, struct report *report);
/** The same; the text is valid until the next call. */
const char *check_run(struct case_store *c);

/** Objects, kept texts, raws, directories, links, metadata, a class that is gone, one that was renamed. */
void check_fill(struct case_store *c);
/** Inode number of a name. */
uint64_t check_ino(struct case_store *c, uint64_t dir, const char *name);

void check_put_row(struct case_store *c, uint32_t partition, const struct sfsi_key *key,
		   struct sfs_span val);
void check_drop_row(struct case_store *c, uint32_t partition, const struct sfsi_key *key);
/** The value of a key that is there; the caller's. */
struct sfs_buf check_get_row(struct case_store *c, uint32_t partition, const struct sfsi_key *key);
/** Key of an entry; dir is an inode number, or SFSI_DIR_OBJECTS. */
void check_entry_key(struct case_store *c, uint64_t dir, const char *name, struct sfsi_key *ret);

/** Do one of the damages that check_damage.c lists. */
void check_damage(struct case_store *c, const char *what);

#endif
