/*
 * The log of a crash test: what happened to the files of a store, and what the writer was told,
 * in the order in which it happened.
 *
 * The shim (inside the daemon) and the writer (outside) append to one file. A record is one
 * write(2) with O_APPEND, so that the position in the log is the order of things.
 */
#ifndef CRASH_LOG_H
#define CRASH_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_type {
	LOG_MAKE = 1, /* ino: a new file or folder, dir and name: where */
	LOG_WRITE,    /* ino, off, data */
	LOG_SIZE,     /* ino, off: cut or extended */
	LOG_SYNC,     /* ino, off: position in the log where the sync began; ino 0: everything */
	LOG_LINK,     /* ino, dir, name */
	LOG_UNLINK,   /* ino, dir, name */
	LOG_RENAME,   /* ino, dir, name; off: the new folder, data: the new name */
	LOG_MARK,     /* data: a struct mark of the writer (mark.h) */
};

/** Header of a record; name and data follow, then padding to eight bytes. */
struct log_head {
	uint32_t size; /* of all of it */
	uint8_t type;  /* enum log_type */
	uint8_t is_dir;
	uint16_t name_len;
	uint64_t ino, dir;
	int64_t off;
	uint64_t data_len;
};

/** A record: in the log that was mapped, or to be appended. */
struct log_record {
	struct log_head head;
	const char *name; /* [head.name_len], no NUL */
	const void *data; /* [head.data_len] */
	uint64_t position, end;
};

/** Append to a log that is open with O_APPEND; false when it can not be written. */
bool log_append(int fd, const struct log_record *record);

/** A whole log in memory. */
struct log_map {
	const char *bytes;
	uint64_t len;
};

/** Map a file; ends the program with a message when that can not be done. */
struct log_map log_map(const char *path);

/** The record at a position before the limit; false: there is none that is complete. */
bool log_next(const struct log_map *map, uint64_t position, uint64_t limit, struct log_record *ret);

#endif
