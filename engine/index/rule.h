/*
 * One index of a class as its definition says it: which function makes keys of which properties.
 * Parsed by schema/define_index.c, immutable, in the arena of its schema.
 */
#ifndef SFSI_INDEX_RULE_H
#define SFSI_INDEX_RULE_H

#include <stdbool.h>
#include <stdint.h>
#include <storefs/buf.h>

/** In the order of sfsi_index_functions. */
enum sfsi_index_function {
	SFSI_INDEX_VALUE,
	SFSI_INDEX_NORMALIZE,
	SFSI_INDEX_NOACCENTS,
	SFSI_INDEX_KEYWORD,
	SFSI_INDEX_KEYWORDS,
	SFSI_INDEX_UPDATE_TIME,
	SFSI_INDEX_PATHS,
	SFSI_INDEX_PROPERTIES, /* the keys of its parts */
	SFSI_INDEX_OWN,        /* a program's function: storefs/index_function.h */
	SFSI_INDEX_FUNCTIONS,  /* how many there are */
};

/** "value", "normalize", … by number. */
extern const char *const sfsi_index_functions[SFSI_INDEX_FUNCTIONS];
/** Number of a function by its name ("updatetime" is "update_time"), or SFSI_INDEX_FUNCTIONS. */
enum sfsi_index_function sfsi_index_function_find(struct sfs_span name);

struct sfsi_index_rule {
	struct sfs_span name;
	enum sfsi_index_function function;
	const struct sfs_span
		*from; /* [from_count] properties; none: the one of the index's name */
	uint32_t from_count;
	uint32_t min;              /* KEYWORDS: shortest */
	struct sfs_span separator; /* PATHS */
	struct sfs_span own;       /* OWN: name of the program's function */
	const struct sfsi_index_rule
		*parts; /* [parts_count] PROPERTIES; their name is the property's */
	uint32_t parts_count;
	bool compatible; /* keys exactly as the Python original stores them, see extract.h */
};

/**
 * Are all keys of this index strings? Then "2025" in a path can only mean the string. False when that
 * is not known (value, own).
 */
bool sfsi_index_is_text(const struct sfsi_index_rule *rule);

/** False: it has a function of a program that did not register it here, so keys can not be made. */
bool sfsi_index_is_known(const struct sfsi_index_rule *rule);

/** May the keys depend on this member of a document? */
bool sfsi_index_reads(const struct sfsi_index_rule *rule, struct sfs_span name);

/**
 * A number that changes when the keys of the same object may become others: another definition (its
 * name does not count), another version of the functions or of a program's function. Kept with what is
 * indexed, it tells a stale index. It says something only when the rule is known.
 */
uint64_t sfsi_index_fingerprint(const struct sfsi_index_rule *rule);

#endif
