/* What the contract cases of relations share: classes with relations, and short ways to say things. */
#ifndef CONTRACT_RELATION_CASE_H
#define CONTRACT_RELATION_CASE_H

#include <storefs/relation.h>
#include "check_case.h"

/** Define a class; fails the test when it is refused. Returns its id. */
uint32_t relation_define(struct case_store *c, const char *name, const char *text);
/** Save a document in a class. */
int relation_put(struct case_store *c, uint32_t class_id, const char *oid, const char *text);
/** Targets of a relation of an Article, joined by spaces; valid until the next call. */
const char *relation_targets(struct case_store *c, const char *oid, const char *name);
/** Who refers to an oid, as "CLASS/OID.RELATION", sorted, joined by spaces. */
const char *relation_referrers(struct case_store *c, uint32_t class_id, const char *oid);
/** One relation of an Article. */
struct sfs_relation relation_of(struct case_store *c, const char *oid, const char *name);
int relation_add(struct case_store *c, const char *oid, const char *name, const char *target);
int relation_remove(struct case_store *c, const char *oid, const char *name, const char *target);
/** A check that finds nothing but dangling references. */
void relation_sound(struct case_store *c);

#endif
