/* Inside of dumping a store: write.c has members, parts and classes, put.c the lines of objects and of trees. */
#ifndef SFSI_WRITE_H
#define SFSI_WRITE_H

#include "base/map.h"
#include "dump/dump.h"
#include "hash.h"

#define SFSI_DUMP_PART_FILES 512 /* a part names so many files at most */

/** A file of the part at hand, whose bytes follow it. */
struct sfsi_dump_file {
	char *path; /* in the class */
	struct sfs_attr attr;
	unsigned char hash[SFS_HASH_LEN];
};

/** A directory that was named: its times are told when all that is in it was. */
struct sfsi_dump_dir {
	uint64_t ino;
	char *path; /* with a '/' behind it; "" for the root */
};

struct sfsi_dumping {
	struct sfs_store *store;
	const struct sfs_dump *how;
	struct sfsi_dump_out *out;
	struct sfs_diag *diag;
	struct sfs_dumped done;
	uint64_t expected, parts;
	struct sfsi_hash_stream all; /* over the hashes of all parts */
	struct sfsi_line line;
	/* The class at hand. */
	struct sfs_class_info class;
	struct sfs_dumped before; /* done when it began */
	char folder[SFSI_DUMP_FOLDER_SIZE];
	struct sfsi_map links; /* number of a file with several names to the first path */
	struct sfsi_dump_dir *dirs;
	size_t dir_count, dir_cap;
	/* The part at hand. */
	struct sfs_buf part, path;
	uint64_t part_number, lines;
	struct sfsi_dump_file files[SFSI_DUMP_PART_FILES];
	size_t file_count;
};

/* --- write.c --- */

/** One more object or raw is in the dump. SFS_ERR_CANCELLED. */
SFS_MUST_CHECK int sfsi_dump_step(struct sfsi_dumping *d, uint64_t *count);
/** Fail, saying what with. Keeps a sentence that is there. */
int sfsi_dump_fail(struct sfsi_dumping *d, int err, struct sfs_span what);
/** Put the line that was built into the part. */
SFS_MUST_CHECK int sfsi_dump_end_line(struct sfsi_dumping *d);
/** Write the part, and the files that it names, when it is large enough. */
SFS_MUST_CHECK int sfsi_dump_flush(struct sfsi_dumping *d);

/* --- put.c: of the class at hand --- */

SFS_MUST_CHECK int sfsi_dump_objects(struct sfsi_dumping *d);
SFS_MUST_CHECK int sfsi_dump_tree(struct sfsi_dumping *d);

#endif
