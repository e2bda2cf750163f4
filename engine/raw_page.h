/* The inodes of a class, page by page, in the order of their numbers (raw_page.c). */
#ifndef SFSI_RAW_PAGE_H
#define SFSI_RAW_PAGE_H

#include "raw.h"

#define SFSI_RAW_PAGE 256

/** Zeroed before the first page. */
struct sfsi_raw_page {
	uint64_t serials[SFSI_RAW_PAGE]; /* [count] of what is no directory */
	bool plain[SFSI_RAW_PAGE];       /* it has a plain file */
	size_t count;
	uint64_t after; /* the last inode that was seen */
};
/** The next page: it may have nothing but directories. 0, 1: there is none. */
int sfsi_raw_page_next(struct sfs_store *store, uint32_t class_id, struct sfsi_raw_page *page);

#endif
