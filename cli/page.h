/*
 * Pages of a listing: a bounded number of entries, copied out of the store, so that nothing of it
 * is held while they are written somewhere. The memory does not depend on the size of the class.
 */
#ifndef CLI_PAGE_H
#define CLI_PAGE_H

#include "cli.h"

/** One entry; the bytes are in the page. */
struct cli_entry {
	size_t name, name_len; /* oid, or file name */
	size_t doc, doc_len;   /* document, cli_page_scan() only */
	struct sfs_attr attr;  /* cli_page_list(); cli_page_dir(): ino and type */
};

/** A page. Zeroed: before the first. */
struct cli_page {
	struct sfs_buf bytes;
	struct sfs_buf entries; /* of struct cli_entry */
	struct sfs_buf after;   /* cli_page_scan(): last oid of the page before */
	uint64_t cookie;        /* the others: where the page before ended */
	size_t limit;           /* at most so many in a page; 0: as many as are good */
	bool with_docs;
	int err;
};

void cli_page_fini(struct cli_page *page);

/*
 * The next page in place of the last one. They return 0 (it has no entries: the end) or an error.
 */

/** Objects in order of oids, with their documents when doc is not NULL. */
SFS_MUST_CHECK int cli_page_scan(struct cli_ctx *ctx, struct cli_page *page, uint32_t class_id,
				 struct sfs_span prefix, const enum sfs_format *doc,
				 struct sfs_diag *diag);
/** The page that begins at a position among the oids with a prefix; cli_page_scan() goes on from there. */
SFS_MUST_CHECK int cli_page_window(struct cli_ctx *ctx, struct cli_page *page, uint32_t class_id,
				   struct sfs_span prefix, uint64_t start, struct sfs_diag *diag);
/** Objects whose update time is after a moment, in order of oids. */
SFS_MUST_CHECK int cli_page_since(struct cli_ctx *ctx, struct cli_page *page, uint32_t class_id,
				  int64_t since_ns, struct sfs_diag *diag);
/** Objects in the order of the entry table: faster, with attributes. */
SFS_MUST_CHECK int cli_page_list(struct cli_ctx *ctx, struct cli_page *page, uint32_t class_id);
/** Entries of a directory of raws, in no order. */
SFS_MUST_CHECK int cli_page_dir(struct cli_ctx *ctx, struct cli_page *page, uint64_t dir);

size_t cli_page_count(const struct cli_page *page);
const struct cli_entry *cli_page_entry(const struct cli_page *page, size_t index);
struct sfs_span cli_page_name(const struct cli_page *page, size_t index);
struct sfs_span cli_page_doc(const struct cli_page *page, size_t index);

#endif
