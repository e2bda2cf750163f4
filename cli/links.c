/* A hash table with open addressing, never more than half full. See links.h. */
#include <stdlib.h>
#include <string.h>
#include "links.h"

static struct cli_link *place(const struct cli_links *links, uint64_t device, uint64_t number)
{
	uint64_t hash = (number ^ device << 32) * 0x9e3779b97f4a7c15u;
	size_t at = (size_t)(hash >> 20) & (links->cap - 1);
	while (links->table[at].number &&
	       (links->table[at].number != number || links->table[at].device != device))
		at = (at + 1) & (links->cap - 1);
	return &links->table[at];
}

const struct cli_link *cli_links_find(const struct cli_links *links, uint64_t device,
				      uint64_t number)
{
	const struct cli_link *found = links->cap ? place(links, device, number) : NULL;
	return found && found->number ? found : NULL;
}

static int grow(struct cli_links *links)
{
	struct cli_links larger = { .count = links->count,
				    .cap = links->cap ? 2 * links->cap : 64 };
	larger.table = calloc(larger.cap, sizeof *larger.table);
	if (!larger.table)
		return SFS_ERR_NO_MEMORY;
	for (size_t i = 0; i < links->cap; i++) {
		const struct cli_link *link = &links->table[i];
		if (link->number)
			*place(&larger, link->device, link->number) = *link;
	}
	free(links->table);
	*links = larger;
	return 0;
}

int cli_links_add(struct cli_links *links, const struct cli_link *link)
{
	if (2 * (links->count + 1) > links->cap && grow(links) < 0)
		return SFS_ERR_NO_MEMORY;
	struct cli_link added = *link;
	if (link->path && !(added.path = strdup(link->path)))
		return SFS_ERR_NO_MEMORY;
	struct cli_link *at = place(links, link->device, link->number);
	links->count += !at->number;
	free(at->path);
	*at = added;
	return 0;
}

void cli_links_fini(struct cli_links *links)
{
	for (size_t i = 0; i < links->cap; i++)
		free(links->table[i].path);
	free(links->table);
	*links = (struct cli_links){ .count = 0 };
}
