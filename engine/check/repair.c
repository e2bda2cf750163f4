/*
 * Repairing while the store is in use: a check says in which classes something is wrong, what follows from
 * records is made anew there, and a second check says what is left. See storefs/repair.h.
 */
#include <stdlib.h>
#include <storefs/index.h>
#include <storefs/repair.h>
#include "backref.h"
#include "base/array.h"
#include "check/check.h"

struct repairing {
	struct sfs_store *store;
	const struct sfs_repair *repair;
	struct sfs_repair_result result;
	uint32_t *classes; /* [count] whose indexes are wrong */
	size_t count, cap;
	bool backrefs;
	bool again; /* the second check */
	const char *what;
	int err;
};

const char *sfs_repair_advice(enum sfs_check_kind kind)
{
	switch ((int)kind) {
	case SFS_CHECK_INDEX:
	case SFS_CHECK_INDEX_COUNT:
	case SFS_CHECK_INDEX_ROW:
	case SFS_CHECK_BACKREF: return NULL;
	case SFS_CHECK_FILE_MISSING:
	case SFS_CHECK_BYTES:
		return "no repair knows its bytes: restore it from a backup, or remove it";
	case SFS_CHECK_UNREADABLE:
		return "unmount it and mount it again: a damaged store is recovered then";
	case SFS_CHECK_MIRROR:
		return "unmount it and mount it again: the mirror is made the same then";
	case SFS_CHECK_OUTSIDE:
		return "it is a file of another program: put a good one in its place";
	case SFS_CHECK_TRASH:
		return "\"storefs trash empty\" removes it for ever; or unmount it, and repair it then";
	default: return "unmount it, and repair it then: its records are made anew";
	}
}

/* --- what is wrong --- */

static int remember(struct repairing *repairing, const struct sfs_check_problem *problem)
{
	if (problem->kind == SFS_CHECK_BACKREF) {
		repairing->backrefs = true;
		return 0;
	}
	for (size_t i = 0; i < repairing->count; i++)
		if (repairing->classes[i] == problem->class_id)
			return 0;
	int err = sfsi_array_grow(&repairing->classes, repairing->count, &repairing->cap,
				  sizeof *repairing->classes);
	if (!err)
		repairing->classes[repairing->count++] = problem->class_id;
	return err;
}

static int found(void *arg, const struct sfs_check_problem *problem)
{
	struct repairing *repairing = arg;
	const char *advice = sfs_repair_advice(problem->kind);
	if (problem->severity == SFS_CHECK_NOTE || problem->kind == SFS_CHECK_SCHEMA)
		return 0;
	repairing->result.left++;
	if (repairing->again)
		return 0;
	repairing->result.problems++;
	repairing->result.others += advice != NULL;
	repairing->err = advice ? 0 : remember(repairing, problem);
	return repairing->err < 0 ||
	       repairing->repair->problem(repairing->repair->arg, problem, advice);
}

static int tell(struct repairing *repairing, uint64_t done, uint64_t total)
{
	const struct sfs_repair *repair = repairing->repair;
	return repair->progress ? repair->progress(repair->arg, repairing->what, done, total) : 0;
}

static int tell_check(void *arg, const struct sfs_check_result *so_far)
{
	return tell(arg, so_far->objects + so_far->files, so_far->expected);
}

static int look(struct repairing *repairing, struct sfs_diag *diag)
{
	const struct sfs_check check = { .problem = found,
					 .progress = tell_check,
					 .arg = repairing };
	struct sfs_check_result result;
	repairing->what = "checking";
	repairing->result.left = 0;
	int err = sfs_store_check(repairing->store, &check, &result, diag);
	return repairing->err < 0 ? repairing->err : err;
}

/* --- making it anew --- */

static int tell_index(void *arg, uint64_t built, uint64_t expected)
{
	return tell(arg, built, expected);
}

/** All indexes of a class: a finding does not say which one is wrong. */
static int rebuild(struct repairing *repairing, uint32_t class_id, struct sfs_diag *diag)
{
	struct sfs_index_info *infos = NULL, info = { .id = 0 };
	size_t count = 0, cap = 0;
	int err = 0;
	while (!err && sfs_index_next(repairing->store, class_id, info.id, &info) == 0) {
		err = sfsi_array_grow(&infos, count, &cap, sizeof *infos);
		if (!err)
			infos[count++] = info;
	}
	/* One that is rebuilt has a new id, and comes after all others: so they are listed first. */
	for (size_t i = 0; i < count && !err; i++) {
		struct sfs_span name = { infos[i].name, infos[i].name_len };
		err = sfs_index_rebuild(repairing->store, class_id, name, tell_index, repairing,
					NULL, diag);
		repairing->result.indexes += err == 0;
	}
	free(infos);
	/* A class that was removed meanwhile needs nothing. */
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

static int make_anew(struct repairing *repairing, struct sfs_diag *diag)
{
	int err = 0;
	repairing->what = "building indexes";
	for (size_t i = 0; i < repairing->count && !err; i++)
		err = rebuild(repairing, repairing->classes[i], diag);
	if (err < 0 || !repairing->backrefs)
		return err;
	err = sfsi_backrefs_mark_all(repairing->store);
	if (!err)
		err = sfsi_backrefs_settle(repairing->store);
	repairing->result.backrefs = err == 0;
	return err;
}

static int repair_all(struct repairing *repairing, struct sfs_diag *diag)
{
	const struct sfs_repair *repair = repairing->repair;
	int err = look(repairing, diag);
	if (err < 0 || repair->dry_run || (!repairing->count && !repairing->backrefs))
		return err;
	if (repairing->store->read_only)
		return sfs_diag_set(diag, SFS_ERR_READ_ONLY, "%s is open read-only",
				    repairing->store->path);
	if (repair->before && repair->before(repair->arg))
		return SFS_ERR_CANCELLED;
	err = make_anew(repairing, diag);
	repairing->again = true;
	return err < 0 ? err : look(repairing, diag);
}

int sfs_store_repair(struct sfs_store *store, const struct sfs_repair *repair,
		     struct sfs_repair_result *ret, struct sfs_diag *diag)
{
	struct repairing repairing = { .store = store, .repair = repair };
	int err = repair_all(&repairing, diag);
	*ret = repairing.result;
	free(repairing.classes);
	if (err < 0 && diag && !diag->text[0])
		sfs_diag_set(diag, err, "%s: %s", store->path, sfs_err_text(err));
	return err;
}
