/*
 * What the contract cases of the engine share: a store of the backend under test, and
 * short ways to say things.
 */
#ifndef CONTRACT_CASE_H
#define CONTRACT_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <storefs/raw.h>

/** A store for one test, made by case_setup(). */
struct case_store {
	char folder[64]; /* temporary folder; "" for memory */
	char path[80];   /* of the store */
	struct sfs_store *store;
	uint32_t articles; /* id of the object class Article */
	uint32_t images;   /* id of the raw class Image */
	uint64_t root;     /* root directory of Image */
	uint64_t scratch;  /* root directory of Article */
};

/** Backend that the next setups use. */
extern const char *case_backend;

int case_setup(void **state);
int case_teardown(void **state);
/** Close and open again; does nothing for a store that is gone when it is closed. */
void case_reopen(struct case_store *c);
/** Does the store survive being closed? */
bool case_durable(void);

/**
 * Are objects and raws files of others (backend directory)? Then an oid is a name of a file, a raw has one name
 * and is moved alone, a class keeps its name, and a commit has two rows more for each of them.
 */
bool case_mirrored(void);
/** Is each class a database? */
bool case_database(void);
/** Where the store's own files are. */
const char *case_home(const struct case_store *c);

/** From now on nothing that is removed is kept. */
void case_no_trash(struct case_store *c);
/** From now on no version is kept of what changes: where it counts rows, which a slow machine has one more of. */
void case_no_history(struct case_store *c);

/** Save text under an oid with flags; returns the engine's code. */
int case_put(struct case_store *c, const char *oid, const char *text, unsigned flags);
/** The document of an oid as a C string, valid until the next call. NULL: not found. */
const char *case_get(struct case_store *c, const char *oid, enum sfs_format format);
/** Attributes of an oid; fails the test when it is not there. */
struct sfs_attr case_attr(struct case_store *c, const char *oid);
/** Make a raw or directory; returns its attributes. */
struct sfs_attr case_make(struct case_store *c, uint64_t dir, const char *name,
			  enum sfs_node_type type);
/** Write text at the start of a raw. */
void case_write(struct case_store *c, uint64_t ino, const char *text);
/** Content of a raw as a C string, valid until the next call. */
const char *case_read(struct case_store *c, uint64_t ino);
/** Names of a directory or oids of Article, sorted, joined by spaces; valid until the next call. */
const char *case_names(struct case_store *c, uint64_t dir);
const char *case_oids(struct case_store *c);

#endif
