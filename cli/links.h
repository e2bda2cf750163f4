/*
 * Hard links: which inodes with several names were met already, and under which name.
 */
#ifndef CLI_LINKS_H
#define CLI_LINKS_H

#include <stddef.h>
#include <stdint.h>
#include <storefs/err.h>

struct cli_link {
	uint64_t device, number; /* who it is where it comes from */
	uint64_t ino;            /* who it is in the store */
	char *path;              /* its first name; NULL: nobody needs it */
};

/** All zero is empty. */
struct cli_links {
	struct cli_link *table; /* [cap]; number 0: free */
	size_t count, cap;
};

/** NULL: not met. Valid until the next one is added. */
const struct cli_link *cli_links_find(const struct cli_links *links, uint64_t device,
				      uint64_t number);
/** Remember one that was not met; path is copied. Returns 0 or SFS_ERR_NO_MEMORY. */
SFS_MUST_CHECK int cli_links_add(struct cli_links *links, const struct cli_link *link);
void cli_links_fini(struct cli_links *links);

#endif
