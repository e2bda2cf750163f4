/* Inside of .storefs: for meta.c, meta_schema.c and meta_text.c. */
#ifndef FS_META_PRIVATE_H
#define FS_META_PRIVATE_H

#include "meta.h"

/** What a generated file held when it was last looked at. */
struct fs_page {
	struct sfs_buf text;
	int64_t made_ns; /* 0: never */
};

/** A definition of a class that is not there yet. */
struct fs_schema {
	struct fs_schema *next;
	uint64_t node;
	char class_name[SFS_CLASS_NAME_MAX + 1];
};

struct fs_meta {
	pthread_mutex_t lock;                                      /* protects all below */
	struct fs_page pages[FS_META_ERRORS - FS_META_README + 1]; /* by node */
	struct fs_schema *schemas;
	uint64_t last_serial;
};

/* Append the text of a file. Return 0 or SFS_ERR_NO_MEMORY, or the error of the store. */
int fs_text_readme(struct fs *fs, struct sfs_buf *ret);
int fs_text_status(struct fs *fs, struct sfs_buf *ret);
int fs_text_metrics(struct fs *fs, struct sfs_buf *ret);

#endif
