/*
 * Inside of dumps: write.c makes one of a store and read.c a store of one, by way of lines (line.c); where their
 * members, the files of a dump, are is known to folder.c and tar.c alone.
 */
#ifndef SFSI_DUMP_H
#define SFSI_DUMP_H

#include <storefs/content.h>
#include <storefs/dump.h>
#include "base/cleanup.h"

/* Members besides those of classes: the first one and the last one. */
#define SFSI_DUMP_HEAD "storefs-dump.json"
#define SFSI_DUMP_MANIFEST "manifest.json"
/** Longest path of a member that is written. */
#define SFSI_DUMP_PATH_MAX ((size_t)1 << 20)

/** A member that is written. Its size is known before. */
struct sfsi_dump_member {
	const char *path; /* below the dump, components separated by '/' */
	uint64_t size;
	uint32_t mode;
	int64_t mtime_ns; /* 0: none */
};

/** A dump that is written: members one after the other. */
struct sfsi_dump_out {
	const struct sfsi_dump_out_ops *ops;
};
struct sfsi_dump_out_ops {
	int (*begin)(struct sfsi_dump_out *out, const struct sfsi_dump_member *member,
		     struct sfs_diag *diag);
	/* Exactly the size in all. */
	int (*write)(struct sfsi_dump_out *out, struct sfs_span bytes, struct sfs_diag *diag);
	int (*end)(struct sfsi_dump_out *out, struct sfs_diag *diag);
	/* All members are there. */
	int (*finish)(struct sfsi_dump_out *out, struct sfs_diag *diag);
	void (*free)(struct sfsi_dump_out *out);
};

/** A dump that is read: members in the order in which they were written. */
struct sfsi_dump_in {
	const struct sfsi_dump_in_ops *ops;
};
struct sfsi_dump_in_ops {
	/* SFS_ERR_CORRUPT: it is not there, or not the next one, or no regular file. */
	int (*open)(struct sfsi_dump_in *in, const char *path, uint64_t *ret_size,
		    struct sfs_diag *diag);
	/* *ret_len is less than len only at the end of the member. */
	int (*read)(struct sfsi_dump_in *in, void *dst, size_t len, size_t *ret_len,
		    struct sfs_diag *diag);
	void (*free)(struct sfsi_dump_in *in);
};

/* --- folder.c, tar.c --- */

SFS_MUST_CHECK int sfsi_dump_folder_out(const char *path, struct sfsi_dump_out **ret,
					struct sfs_diag *diag);
SFS_MUST_CHECK int sfsi_dump_folder_in(const char *path, struct sfsi_dump_in **ret,
				       struct sfs_diag *diag);
SFS_MUST_CHECK int sfsi_dump_tar_out(const struct sfs_dump *dump, struct sfsi_dump_out **ret,
				     struct sfs_diag *diag);
SFS_MUST_CHECK int sfsi_dump_tar_in(const struct sfs_load *load, struct sfsi_dump_in **ret,
				    struct sfs_diag *diag);

/**
 * The folder of a class in a dump: its name, or, where that is one of another program's ways, "class.N".
 * @number  of the class in the dump, from 1 on. @ret  with a NUL.
 */
#define SFSI_DUMP_FOLDER_SIZE 160
void sfsi_dump_class_folder(const char *name, uint64_t number, char ret[SFSI_DUMP_FOLDER_SIZE]);
/** Name of a part, below the folder of its class. @ret  replaced, with a NUL. */
SFS_MUST_CHECK int sfsi_dump_part_path(struct sfs_buf *ret, const char *folder, uint64_t number);
/** Path of the bytes of a file, likewise. */
SFS_MUST_CHECK int sfsi_dump_file_path(struct sfs_buf *ret, const char *folder,
				       struct sfs_span path);

/** A path as a string, with room for a '/' behind it. NULL: no memory. */
char *sfsi_dump_path_copy(struct sfs_span path);

/* --- line.c --- */

/** A line under construction: a JSON object. Zeroed: empty. */
struct sfsi_line {
	struct sfs_buf pairs; /* msgpack */
	uint32_t count;
};
void sfsi_line_fini(struct sfsi_line *line);
/** Add a member: a text (binary where it is no UTF-8), a number, a value in msgpack. */
SFS_MUST_CHECK int sfsi_line_text(struct sfsi_line *line, const char *key, struct sfs_span text);
SFS_MUST_CHECK int sfsi_line_number(struct sfsi_line *line, const char *key, int64_t number);
SFS_MUST_CHECK int sfsi_line_value(struct sfsi_line *line, const char *key, struct sfs_span value);
/** Mode, owner, times. */
SFS_MUST_CHECK int sfsi_line_attributes(struct sfsi_line *line, const struct sfs_attr *attr);
SFS_MUST_CHECK int sfsi_line_hash(struct sfsi_line *line, const unsigned char hash[SFS_HASH_LEN]);
/** Append the line with its newline to ret, and empty it. SFS_ERR_LIMIT: nested too deep, or too long. */
SFS_MUST_CHECK int sfsi_line_end(struct sfsi_line *line, struct sfs_buf *ret);
/** Append a text in msgpack. */
SFS_MUST_CHECK int sfsi_line_encode_text(struct sfs_buf *ret, struct sfs_span text);
/** Append a text alone as a line. */
SFS_MUST_CHECK int sfsi_line_put_text(struct sfs_buf *ret, struct sfs_span text);

/** A line that is read: any JSON value in msgpack. */
struct sfsi_line_read {
	struct sfs_buf value;
};
/** Parse a line; diag says where it is wrong. SFS_ERR_BAD_DOCUMENT. Uses ret's buffer again. */
SFS_MUST_CHECK int sfsi_line_parse(struct sfs_span text, struct sfsi_line_read *ret,
				   struct sfs_diag *diag);
/** Members of a line that is an object. False: there is none of that kind. Texts may be binary. */
bool sfsi_line_get(const struct sfsi_line_read *line, const char *key, struct sfs_span *ret_value);
bool sfsi_line_get_text(const struct sfsi_line_read *line, const char *key, struct sfs_span *ret);
bool sfsi_line_get_number(const struct sfsi_line_read *line, const char *key, int64_t *ret);
bool sfsi_line_get_attributes(const struct sfsi_line_read *line, struct sfs_attr *ret);
bool sfsi_line_get_hash(const struct sfsi_line_read *line, unsigned char ret[SFS_HASH_LEN]);
/** The text that a value is. */
bool sfsi_line_value_text(struct sfs_span value, struct sfs_span *ret);

#endif
