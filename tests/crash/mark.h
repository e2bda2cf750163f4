/*
 * The names that the writer works on, and what it notes about each change before and after.
 *
 * A thread of the writer has names of its own, its slots; the state of a slot is one number, the
 * version that it holds (content.h), 0: it is not there. A change is one system call sequence that
 * gives some slots new states together. SHARED names are saved by all threads.
 */
#ifndef CRASH_MARK_H
#define CRASH_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum slot_kind {
	SLOT_OBJECT,  /* a document */
	SLOT_SCRATCH, /* a plain file that holds a document's text */
	SLOT_RAW,
	SLOT_META, /* metadata of a raw */
	SLOT_DIR,
	SLOT_CLASS,
};

enum slot {
	OBJECT_FIRST = 0,
	OBJECTS = 6,
	OBJECT_TEMP = OBJECT_FIRST + OBJECTS, /* scratch */
	RAW_FIRST,
	RAWS = 4,
	RAW_TEMP = RAW_FIRST + RAWS,
	META_FIRST, /* of the raws, then of RAW_TEMP */
	DIR_FIRST = META_FIRST + RAWS + 1,
	DIRS = 2,
	CLASS_FIRST = DIR_FIRST + DIRS,
	CLASSES = 2,
	CLASS_SCRATCH = CLASS_FIRST + CLASSES, /* a scratch file in the last class */
	SLOTS,
	SHARED_FIRST = SLOTS,
	SHARED = 2,
};

#define THREADS_MAX 8
/** A state: there, but its content is not known. */
#define STATE_ANY UINT64_MAX

enum slot_kind slot_kind(unsigned slot);
/** Path of a slot's file (of the raw, for metadata). */
void slot_path(char *path, size_t size, const char *mount, unsigned thread, unsigned slot);

enum mark_kind {
	MARK_SET = 1, /* change[0] is how it is: found by looking */
	MARK_INTENT,  /* the changes of op begin */
	MARK_ACK,     /* all calls of op have returned good */
	MARK_FAIL,    /* a call of op has failed */
	MARK_DURABLE, /* an fsync has returned good; change[0] is what it was for */
};

struct mark {
	uint8_t kind, thread;
	uint8_t in_place; /* the bytes of change[0] are written where the old ones are */
	uint8_t count;
	uint32_t op; /* of the thread, from 1 */
	struct {
		uint32_t slot, unused;
		uint64_t state;
	} change[4];
};

#endif
