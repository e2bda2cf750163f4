/*
 * The image of a database: one msgpack value, the whole content of a Storify file.
 *
 * Reading is strict about what the Python program reads back, and lenient where that loses data: an
 * image that was checked can be walked without further doubts. Values are byte ranges of the image,
 * so that what is not changed is written again as it was (value.h makes documents of them).
 */
#ifndef SFSI_DATABASE_IMAGE_H
#define SFSI_DATABASE_IMAGE_H

#include <stdbool.h>
#include <storefs/buf.h>

/** What the root of an image is. */
enum sfsi_root {
	SFSI_ROOT_MAP,    /* also a model: {"__Name__": …} */
	SFSI_ROOT_LIST,   /* the names of its items are their numbers */
	SFSI_ROOT_SCALAR, /* one item, SFSI_SCALAR_NAME */
};

/** Name of the one item of a root that is neither map nor list. */
#define SFSI_SCALAR_NAME "value"

/** An image that was checked. */
struct sfsi_image {
	struct sfs_span bytes;
	enum sfsi_root root;
	uint32_t count; /* items as they stand there; keys may repeat */
	size_t first;   /* offset of the first item */
	bool mixed;     /* some string is not UTF-8: Python reads all strings as bytes then */
};

/**
 * Check bytes from the outside.
 * Returns 0; SFS_ERR_CORRUPT: the Python program would call it corrupt too (diag: offset and a
 * sentence); SFS_ERR_LIMIT: a value that it reads, but that is nested more than SFS_DEPTH_MAX deep.
 */
SFS_MUST_CHECK int sfsi_image_check(struct sfs_span bytes, struct sfsi_image *ret,
				    struct sfs_diag *diag);

/** The same of bytes that were checked before; only the head of the root is read. */
SFS_MUST_CHECK int sfsi_image_known(struct sfs_span bytes, bool mixed, struct sfsi_image *ret);

/** Room for a number as a name. */
#define SFSI_NUMBER_SIZE 24

/** One item as it stands in the image. */
struct sfsi_item {
	struct sfs_span name;  /* key as text; number of an item of a list */
	struct sfs_span key;   /* encoded key; empty when the root is no map */
	struct sfs_span value; /* encoded value */
	bool binary;           /* the key is bytes */
	bool number;           /* the key is an integer, which the Python program does not read */
	char digits[SFSI_NUMBER_SIZE]; /* what name points to, where it is a number */
};

/** Where a walk is. */
struct sfsi_image_cursor {
	size_t at;
	uint32_t seen;
};
#define SFSI_IMAGE_CURSOR_INIT(image) { (image)->first, 0 }
/** Next item, name pointing into the image or into ret: 0, 1 at the end. */
int sfsi_image_next(const struct sfsi_image *image, struct sfsi_image_cursor *cursor,
		    struct sfsi_item *ret);

/** Nonzero stops; it is returned. The item is valid during the call. */
typedef int sfsi_item_fn(void *arg, const struct sfsi_item *item);
/**
 * Walk the items as the Python program understands them: of keys that repeat one is left, at the
 * place of the first (the rule is in keys.h).
 * Returns 0, what fn returned, or SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_image_each(const struct sfsi_image *image, sfsi_item_fn *fn, void *arg);

/**
 * The model that a value is: name of {"__Name__": …} without its underscores; empty when it is none.
 */
struct sfs_span sfsi_model_name(struct sfs_span value);

/** Write head of a root: a map or list of count items; nothing for a scalar. */
SFS_MUST_CHECK int sfsi_image_head(struct sfs_buf *ret, enum sfsi_root root, uint32_t count);

#endif
