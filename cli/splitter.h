/*
 * The splitter: cuts a stream of JSON into records without ever holding the whole of it.
 *
 * It takes the bytes in pieces of any size, finds where one record ends and the next begins (a
 * state machine over depth and strings), and knows the position of each. It does not judge what
 * is inside a record: the engine does, and a bad record leaves the next one intact.
 */
#ifndef CLI_SPLITTER_H
#define CLI_SPLITTER_H

#include <stdbool.h>
#include <stdint.h>
#include <storefs/buf.h>

/** How records are told apart. */
enum cli_split {
	CLI_SPLIT_AUTO,  /* an array when the first byte is '[', else lines */
	CLI_SPLIT_ARRAY, /* the elements of one array */
	CLI_SPLIT_LINES, /* one record a line, empty lines are skipped */
};

/** One record and where it begins. */
struct cli_record {
	uint64_t number;       /* 1 for the first */
	uint64_t line, column; /* 1-based; column counts bytes */
	uint64_t offset;       /* byte offset */
	struct sfs_span text;  /* until the next call; empty when too_long */
	bool too_long;         /* over the limit: skipped, not kept */
};

/** State of a splitter. All members are private. */
struct cli_splitter {
	enum cli_split mode;
	int state;
	struct sfs_span member; /* name of the member that holds the array; .data NULL: none */
	size_t max;
	int error; /* what broke it, for good */
	uint64_t offset, line, line_start;
	struct cli_record record;
	struct sfs_buf text; /* of the record, or of a key */
	uint64_t depth;      /* open brackets of the value being read */
	bool in_string, escape, scalar;
	bool keep;        /* the value being read is wanted */
	bool found;       /* the member was seen */
	bool check_first; /* is the first line a whole object? */
	unsigned mark;    /* bytes seen of a byte order mark */
};

/**
 * Begin.
 * @member  NULL, or: the text is one object, and the array is its member of this name (compared with
 *          the bytes between the quotes). Borrowed until fini.
 * @max     longest record in bytes.
 */
void cli_splitter_init(struct cli_splitter *splitter, enum cli_split mode, const char *member,
		       size_t max);
/** Free what it holds. */
void cli_splitter_fini(struct cli_splitter *splitter);

/**
 * Take bytes until a record is whole.
 * @ret_used  how many were taken.
 * Returns 1 (*ret is a record; call again with the rest), 0 (all taken), SFS_ERR_BAD_DOCUMENT (the
 * text around the records is broken: nothing more can be read; diag has the position),
 * SFS_ERR_NO_MEMORY or SFS_ERR_LIMIT.
 */
SFS_MUST_CHECK int cli_splitter_feed(struct cli_splitter *splitter, struct sfs_span bytes,
				     size_t *ret_used, struct cli_record *ret,
				     struct sfs_diag *diag);

/**
 * The text has ended. Call until it returns 0.
 * Returns 1 (a last record), 0 (all is well) or SFS_ERR_BAD_DOCUMENT (it ended too early).
 */
SFS_MUST_CHECK int cli_splitter_end(struct cli_splitter *splitter, struct cli_record *ret,
				    struct sfs_diag *diag);

#endif
