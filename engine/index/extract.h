/*
 * The keys of an object in an index: the functions of the Python original, exactly, as far as it has
 * an answer (docs/classes.md describes them). No I/O, no locks: any thread.
 *
 * What a function gets is the value of each property that the index reads. A property that is missing
 * gives no key; so does an object that has none of them: that is what ".missing" finds. null is a value:
 * value makes the key null of it, normalize and keyword "", noaccents "None".
 *
 * Where the original raises an exception after it has saved the object, this has an answer: keyword
 * and paths take each item of an array, keywords and paths pass over what is no text. A reference
 * ({"oid", "type"}) counts as its oid, the nine numbers of a time under value as its text
 * ("2025-01-31", "2025-01-31T23:59:59"). An index that is "compatible" does neither, and a property
 * that is missing, or empty in the way of Python (0, false, "", [], {}), counts as null: the keys are
 * those that the original stores.
 */
#ifndef SFSI_INDEX_EXTRACT_H
#define SFSI_INDEX_EXTRACT_H

#include <stdint.h>
#include "index/rule.h"

/** An object, borrowed for the call. */
struct sfsi_index_input {
	struct sfs_span body; /* canonical msgpack map */
	struct sfs_span class_name, type, oid;
	int64_t updated_ns; /* update time of the object; 0: never */
};

/** One key (see key.h), valid during the call. Nonzero stops, and is what the call returns. */
typedef int sfsi_index_emit_fn(void *arg, struct sfs_span key);

/** Most keys of one object in one index, and most bytes of them. */
#define SFSI_INDEX_KEYS_MAX ((size_t)1 << 20)
#define SFSI_INDEX_KEYS_BYTES ((size_t)512 << 20)

/**
 * Emit the keys of an object: each once, in ascending order.
 *
 * Returns 0, what fn returned, SFS_ERR_CORRUPT (the body is no msgpack map), SFS_ERR_LIMIT (more keys
 * than SFSI_INDEX_KEYS_MAX; nesting), SFS_ERR_NO_MEMORY, SFS_ERR_UNSUPPORTED: the index has a
 * function of a program that did not register it here. A save must then go on without these keys, and
 * give the index up in the same commit, to be built anew when the function is there. Nothing is emitted
 * before all keys are known.
 */
SFS_MUST_CHECK int sfsi_index_extract(const struct sfsi_index_rule *rule,
				      const struct sfsi_index_input *input, sfsi_index_emit_fn *fn,
				      void *arg);

/** The keys of one object, for callers who compare two of them. {0} is empty; ends with _fini(). */
struct sfsi_index_keys {
	struct sfs_buf bytes;   /* all keys, one behind the other */
	struct sfs_buf items;   /* private: [count], where they are */
	struct sfs_buf scratch; /* private: texts in the making */
	size_t count;
};

/** As sfsi_index_extract(), into a list that is emptied first: its memory is used again. */
SFS_MUST_CHECK int sfsi_index_keys_get(const struct sfsi_index_rule *rule,
				       const struct sfsi_index_input *input,
				       struct sfsi_index_keys *ret);
/** Borrowed until the list changes. @number below count. */
struct sfs_span sfsi_index_keys_at(const struct sfsi_index_keys *keys, size_t number);
void sfsi_index_keys_fini(struct sfsi_index_keys *keys);

/**
 * sfsi_index_key_parse() for one index: where all keys are strings, a text that is a number, true,
 * false or null means the string, with or without quotation marks. (It is shown with them.)
 */
SFS_MUST_CHECK int sfsi_index_parse(const struct sfsi_index_rule *rule, struct sfs_span text,
				    struct sfs_buf *ret);

#endif
