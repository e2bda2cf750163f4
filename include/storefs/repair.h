/*
 * Repairing a store while it is in use: what follows from records, and can be made anew beside what serves meanwhile.
 *
 * That is indexes and references back. Everything else that a check may find is repaired by sfs_store_recover(), which
 * makes all records anew and needs the store for itself; or by a person, as bytes that are gone are nowhere.
 */
#ifndef STOREFS_REPAIR_H
#define STOREFS_REPAIR_H

#include <storefs/check.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sfs_repair {
	bool dry_run;
	/* Called for each problem (no notes, and not what definitions say of documents). @advice  NULL: it is
	 * repaired here; else a sentence: what to do about it. Nonzero stops. */
	int (*problem)(void *arg, const struct sfs_check_problem *problem, const char *advice);
	/* NULL, or called once before the first change: for a backup. Nonzero stops. */
	int (*before)(void *arg);
	/* NULL, or called every now and then: what is done, how much of it, of how much (0: not known).
	 * Nonzero stops. */
	int (*progress)(void *arg, const char *what, uint64_t done, uint64_t total);
	void *arg;
};

struct sfs_repair_result {
	uint64_t problems; /* that were found… */
	uint64_t others;   /* …of these the ones that are not repaired here */
	uint64_t indexes;  /* that were built anew */
	bool backrefs;     /* references back were made anew */
	uint64_t left;     /* problems that a check finds afterwards; dry run: problems */
};

/**
 * Check a store, repair what can be repaired while it is in use, and check it again. Others may go on reading and
 * changing it.
 *
 * @ret  written also on failure.
 * Returns 0 (also when problems are left), SFS_ERR_CANCELLED (a callback stopped it), SFS_ERR_READ_ONLY (without dry_run),
 * errors of sfs_store_check() and sfs_index_rebuild(). What was repaired before a failure stays so. Threads: any.
 */
SFS_API SFS_MUST_CHECK int sfs_store_repair(struct sfs_store *store,
					    const struct sfs_repair *repair,
					    struct sfs_repair_result *ret, struct sfs_diag *diag);

/** What to do about a problem of a kind while the store is in use. NULL: sfs_store_repair() does it. Static. */
SFS_API const char *sfs_repair_advice(enum sfs_check_kind kind);

#ifdef __cplusplus
}
#endif
#endif
