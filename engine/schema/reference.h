/*
 * References to objects, as documents say them: {"oid": "7", "type": "Account"}, with more members in
 * the files of Python systems, or the oid alone.
 */
#ifndef SFSI_SCHEMA_REFERENCE_H
#define SFSI_SCHEMA_REFERENCE_H

#include "schema/value.h"

/** What a stated type is to a class. */
enum sfsi_reference_type {
	SFSI_REFERENCE_OTHER,  /* that of another class */
	SFSI_REFERENCE_ITS,    /* another name of it */
	SFSI_REFERENCE_STATED, /* nothing says otherwise: it stays as it is stated */
};

struct sfsi_reference_rule {
	struct sfs_span target; /* name of the class that it must lead to */
	enum sfsi_reference_type (*is_type)(void *arg, struct sfs_span class_name,
					    struct sfs_span type);
	void *arg;     /* of is_type */
	bool any_type; /* whatever type it states: target and is_type are not looked at */
	/* Called for each value that is none. */
	void (*report)(void *arg, const struct sfsi_path *path, const char *expected,
		       struct sfs_span value);
	void *report_arg;
};

struct sfsi_reference {
	char digits[24];      /* of an oid that is written as a number */
	struct sfs_span oid;  /* in the value, or digits */
	struct sfs_span type; /* as it is stated; empty: not */
	bool more;            /* it has members besides oid and type */
	bool stated;          /* SFSI_REFERENCE_STATED */
};

/** Read a value. False: it is no reference to the class. */
bool sfsi_reference_read(const struct sfsi_reference_rule *rule, struct sfs_span value,
			 struct sfsi_reference *ret);

/** Append a reference in canonical form. */
SFS_MUST_CHECK int sfsi_reference_put(struct sfs_buf *ret, struct sfs_span oid,
				      struct sfs_span type);

/**
 * Append the canonical form of a relation: {"oid", "type"} with the name of the class (or the type that is
 * stated: above), or an array of those. What is no reference is reported, and ret is then of no use.
 * @ret_dropped  members of references were left out.
 */
SFS_MUST_CHECK int sfsi_relation_canonical(const struct sfsi_reference_rule *rule, bool many,
					   const struct sfsi_path *path, struct sfs_span value,
					   struct sfs_buf *ret, bool *ret_dropped);

#endif
