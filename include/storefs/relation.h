/*
 * Relations: what objects refer to, and who refers to an object.
 *
 * A relation is declared by the definition of a class (docs/classes.md) and leads to the objects, or
 * raws, of one class: to one, or to many in an order. A target is known by its oid; that of a raw is
 * its path. It need not exist: then the reference is dangling, and right again as soon as it does.
 *
 * Every change of a relation is one commit, changes the update time of that relation and of its object
 * alone, and costs the same however many targets the relation has. References back are
 * written in the same commit, whatever door a change comes through: also saving a document is one.
 */
#ifndef STOREFS_RELATION_H
#define STOREFS_RELATION_H

#include <storefs/object.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Longest name of a relation or property in bytes. */
#define SFS_RELATION_NAME_MAX 255

/** One relation of one object. */
struct sfs_relation {
	uint32_t class_id;
	struct sfs_span oid, name;
};

/** What a relation leads to. */
struct sfs_target {
	uint32_t class_id; /* 0: the class that the relation leads to, whichever it is */
	struct sfs_span oid;
};

/** A relation as its class declares it. Spans are valid during the call. */
struct sfs_relation_info {
	struct sfs_span name;
	struct sfs_span target;   /* name of the class that it leads to */
	uint32_t target_class_id; /* 0: there is no such class yet */
	enum sfs_class_kind kind; /* of that class */
	bool many;
};
/** Nonzero stops. fn must not call the store. */
typedef int sfs_relation_list_fn(void *arg, const struct sfs_relation_info *relation);

/**
 * The relations that a class declares, in the order of its definition.
 * Returns 0, SFS_ERR_CANCELLED (fn stopped it), SFS_ERR_NOT_FOUND (class). No I/O.
 */
SFS_API SFS_MUST_CHECK int sfs_relation_list(struct sfs_store *store, uint32_t class_id,
					     sfs_relation_list_fn *fn, void *arg);

/** One target. index: its place, from 0. Nonzero stops. fn must not call the store. */
typedef int sfs_target_fn(void *arg, uint64_t index, struct sfs_span oid);

/*
 * Reading. These and the changes below return also: SFS_ERR_NOT_FOUND (no such class, object or
 * relation: diag, where there is one, says which), SFS_ERR_WRONG_KIND (a raw class), SFS_ERR_CORRUPT,
 * SFS_ERR_NO_MEMORY, SFS_ERR_IO.
 */

/**
 * The targets from one place on, in order.
 * @start  0: the first. @limit  at most so many; 0: all.
 * Returns 0, SFS_ERR_CANCELLED (fn stopped it). A page costs what it holds, unless targets were
 * removed from, or put into, the middle of many: then it also costs a step over what is before it.
 */
SFS_API SFS_MUST_CHECK int sfs_relation_get(struct sfs_store *store,
					    const struct sfs_relation *relation, uint64_t start,
					    size_t limit, sfs_target_fn *fn, void *arg);

/**
 * One target.
 * @index  from 0; negative: from the end, -1 is the last.
 * @ret    its oid, appended to. Returns 0 or SFS_ERR_NOT_FOUND: there are not so many.
 */
SFS_API SFS_MUST_CHECK int sfs_relation_one(struct sfs_store *store,
					    const struct sfs_relation *relation, int64_t index,
					    struct sfs_buf *ret);

/** Does it lead to this target? Returns 0, SFS_ERR_NOT_FOUND (no), SFS_ERR_INVALID (another class). */
SFS_API SFS_MUST_CHECK int sfs_relation_has(struct sfs_store *store,
					    const struct sfs_relation *relation,
					    const struct sfs_target *target);

/** How many targets there are. */
SFS_API SFS_MUST_CHECK int sfs_relation_count(struct sfs_store *store,
					      const struct sfs_relation *relation, uint64_t *ret);

/*
 * Changing. SFS_ERR_INVALID: a target of another class than the relation leads to. SFS_ERR_NAME: a
 * target's oid can not be said in a document (it is empty, or no UTF-8). diag says what was expected.
 * A text that was kept for the object goes, as with every change that is not a save of its document.
 */

/**
 * Replace all targets. None is allowed; more than one only in a relation to many; a target that is
 * given twice counts once. What leaves all as it is changes nothing.
 */
SFS_API SFS_MUST_CHECK int sfs_relation_set(struct sfs_store *store,
					    const struct sfs_relation *relation,
					    const struct sfs_target *targets, size_t count,
					    struct sfs_diag *diag);

/**
 * Put a target at the end. One that is there already stays where it is, and nothing changes.
 * SFS_ERR_EXISTS: a relation to one has another target.
 */
SFS_API SFS_MUST_CHECK int sfs_relation_add(struct sfs_store *store,
					    const struct sfs_relation *relation,
					    const struct sfs_target *target, struct sfs_diag *diag);

/** Take a target out; the order of the others stays. SFS_ERR_NOT_FOUND: it is not there. */
SFS_API SFS_MUST_CHECK int sfs_relation_remove(struct sfs_store *store,
					       const struct sfs_relation *relation,
					       const struct sfs_target *target,
					       struct sfs_diag *diag);

/** Take all targets out. */
SFS_API SFS_MUST_CHECK int sfs_relation_clear(struct sfs_store *store,
					      const struct sfs_relation *relation,
					      struct sfs_diag *diag);

/*
 * The same in a batch (storefs/object.h): added now, with a copy of all that is given, made at its
 * commit. Relation and targets are looked at there, so only SFS_ERR_NO_MEMORY and SFS_ERR_LIMIT (the
 * batch is full, or an oid or name too long) come at once.
 */
SFS_API SFS_MUST_CHECK int sfs_batch_relation_set(struct sfs_batch *batch,
						  const struct sfs_relation *relation,
						  const struct sfs_target *targets, size_t count);
SFS_API SFS_MUST_CHECK int sfs_batch_relation_add(struct sfs_batch *batch,
						  const struct sfs_relation *relation,
						  const struct sfs_target *target);
SFS_API SFS_MUST_CHECK int sfs_batch_relation_remove(struct sfs_batch *batch,
						     const struct sfs_relation *relation,
						     const struct sfs_target *target);
SFS_API SFS_MUST_CHECK int sfs_batch_relation_clear(struct sfs_batch *batch,
						    const struct sfs_relation *relation);

/* --- who refers --- */

/** An object that refers to another through one of its relations. Spans are valid during the call. */
struct sfs_referrer {
	uint32_t class_id;
	struct sfs_span relation;
	uint64_t ino;
	struct sfs_span oid;
};
/** Nonzero stops; that referrer then does not count as delivered. fn may call the store. */
typedef int sfs_referrer_fn(void *arg, const struct sfs_referrer *referrer);

/**
 * Who refers to an object or raw, which need not exist: by class, relation and inode number. An object
 * that refers to it through two relations is there twice.
 *
 * The order is fixed, so that a listing resumed after one of them sees every referrer that is there
 * throughout exactly once. Memory does not depend on how many there are.
 *
 * @oid    of the target; the path of a raw.
 * @after  NULL for the start, else the last one that was delivered (its oid is not looked at).
 * @limit  at most so many; 0: all.
 * Returns 0, SFS_ERR_CANCELLED (fn stopped it), SFS_ERR_NOT_FOUND (class), SFS_ERR_CORRUPT, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_referrers_list(struct sfs_store *store, uint32_t class_id,
					      struct sfs_span oid, const struct sfs_referrer *after,
					      size_t limit, sfs_referrer_fn *fn, void *arg);

/**
 * The same for one relation of one class.
 * @after  0, or the ino of the last one that was delivered.
 */
SFS_API SFS_MUST_CHECK int sfs_referrers_of(struct sfs_store *store, uint32_t class_id,
					    struct sfs_span oid, uint32_t source_class_id,
					    struct sfs_span relation, uint64_t after, size_t limit,
					    sfs_referrer_fn *fn, void *arg);

/**
 * Why an object or raw can not be removed: how many refer to it, and the first few of them, in a
 * sentence. After SFS_ERR_BUSY of a removal, for those who show it.
 * Returns SFS_ERR_BUSY, and so has diag; 0 when nobody refers to it any more; or as sfs_referrers_list().
 */
SFS_API int sfs_referrers_explain(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
				  struct sfs_diag *diag);

#ifdef __cplusplus
}
#endif
#endif
