/*
 * Refused operations: every request that would change something and failed leaves a line in
 * .storefs/errors.ndjson (storefs/errors.h). Knows no FUSE.
 *
 * Handlers say what their request is about; the functions that reply with an error (op.c) say that
 * it was refused. What is known of a request is the thread's own, from fs_refusal_begin() to the
 * reply.
 *
 * No line: what programs provoke on purpose (ENOENT, EEXIST, ENOTEMPTY, EAGAIN, EINTR, ENODATA,
 * ERANGE, ENOSYS, ESTALE, and EOPNOTSUPP where the kernel or the program then does without), and
 * requests that only read, unless stored bytes are damaged or can not be read (EIO).
 */
#ifndef FS_REFUSAL_H
#define FS_REFUSAL_H

#include "daemon.h"

/** A request begins: forget the last one. */
void fs_refusal_begin(enum fs_request kind);

/** It is about a name in a directory; name is borrowed until the reply. */
void fs_refusal_name(uint64_t dir, const char *name);
/** It is about a node. */
void fs_refusal_node(uint64_t node);
/** The node that this thread's request is about; 0: about none. */
uint64_t fs_refusal_about(void);
/** It is about an object; oid is copied. */
void fs_refusal_object(uint32_t class_id, struct sfs_span oid, enum sfs_format format);
/** It is called so, and would change something: "save", "truncate". Static text. */
void fs_refusal_operation(const char *operation);
/** Why, more exactly than the errno says: then there is a line whatever the errno is. */
void fs_refusal_diag(const struct sfs_diag *diag);
/** The same as a sentence. */
void fs_refusal_because(const char *sentence);

/** It was refused before, with a line: this request only says so again. */
void fs_refusal_repeats(void);

/** It was refused. @error a positive errno; 0: it was not, but did not do what it seems to. */
void fs_refusal_add(struct fs *fs, int error);

#endif
