/* Inside of loading a dump: read.c has its members and parts, load.c what their lines mean. */
#ifndef SFSI_LOAD_H
#define SFSI_LOAD_H

#include <stdarg.h>
#include "copy/copy.h"
#include "dump/dump.h"
#include "hash.h"

#define SFSI_LOAD_OBJECTS 64 /* in one commit */

/** An object of the batch at hand, with the memory that it is in. */
struct sfsi_load_object {
	struct sfsi_line_read line;
	struct sfsi_line_read below; /* its document, when that is a line of its own */
	struct sfs_buf text;         /* its text, when that is several lines */
	struct sfsi_copy_object object;
	uint64_t line_number;
};

/** A file that a part names, and the hash of the bytes that followed. */
struct sfsi_load_file {
	char *path;
	uint64_t ino;
	struct sfs_attr attr;
	unsigned char hash[SFS_HASH_LEN];
};

struct sfsi_load_files {
	struct sfsi_load_file *items;
	size_t count, cap;
};

/** A dump that is being loaded. */
struct sfsi_loading {
	struct sfs_store *store;
	const struct sfs_load *how;
	struct sfsi_dump_in *in;
	struct sfs_diag *diag;
	struct sfs_dumped done, before; /* before: when the class at hand began */
	struct sfsi_hash_stream all;
	uint64_t parts;
	char backend[32];
	/* The class at hand. */
	struct sfsi_copying copying; /* for making it */
	char folder[SFSI_DUMP_FOLDER_SIZE];
	struct sfs_span class_name;
	struct sfs_buf definition;
	bool begun, defined, ended;
	/* The part at hand; path: of its member, with a NUL. */
	struct sfs_buf path, part;
	uint64_t part_number, line_number;
	size_t at, lines_end;
	struct sfsi_line_read line;
	struct sfsi_load_object objects[SFSI_LOAD_OBJECTS];
	size_t object_count, object_bytes;
	struct sfsi_load_files now, last; /* files that this part names, and the part before… */
	size_t told;                      /* …of which so many had their hash told */
};

/* --- read.c --- */

/** Fail, naming the line at hand. */
int sfsi_load_fail(struct sfsi_loading *l, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int sfsi_load_fail_with(struct sfsi_loading *l, int err, const struct sfs_diag *diag);
/** One more object or raw is there. SFS_ERR_CANCELLED. */
SFS_MUST_CHECK int sfsi_load_step(struct sfsi_loading *l, uint64_t *count);
/** The next line of the part; there must be one. */
SFS_MUST_CHECK int sfsi_load_next(struct sfsi_loading *l, struct sfsi_line_read *ret);
SFS_MUST_CHECK int sfsi_load_next_text(struct sfsi_loading *l, struct sfs_span *ret);
/** Is this the hash of the definition at hand? */
bool sfsi_load_definition_is(const struct sfsi_loading *l, const unsigned char said[SFS_HASH_LEN]);

/* --- load.c --- */

/** Do what the line at hand says. */
SFS_MUST_CHECK int sfsi_load_line(struct sfsi_loading *l);
/** Objects that wait. */
SFS_MUST_CHECK int sfsi_load_commit(struct sfsi_loading *l);
/** The bytes of the files that the part names. */
SFS_MUST_CHECK int sfsi_load_files(struct sfsi_loading *l);
/** Free what waits. */
void sfsi_load_forget(struct sfsi_loading *l);

#endif
