/* Pages of inodes: see raw_page.h. What can not be read is for a check to report. */
#include "raw_page.h"

struct taking {
	struct sfsi_raw_page *page;
	bool any;
};

static int take_inode(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct taking *taking = arg;
	struct sfsi_raw_page *page = taking->page;
	struct sfsi_inode inode;
	uint64_t serial = key.len == 9 ? sfsi_get_be64((const uint8_t *)key.data + 1) : 0;
	taking->any = true;
	page->after = serial ? serial : page->after + 1;
	if (!serial || sfsi_inode_decode(val, serial, &inode) < 0 || inode.type == SFS_NODE_DIR ||
	    inode.type == SFS_NODE_OBJECT)
		return 0;
	page->plain[page->count] = inode.type == SFS_NODE_FILE && !inode.small;
	page->serials[page->count++] = serial;
	return 0;
}

int sfsi_raw_page_next(struct sfs_store *store, uint32_t class_id, struct sfsi_raw_page *page)
{
	struct taking taking = { .page = page };
	struct sfsi_key after;
	sfsi_key_serial(&after, 'N', page->after);
	page->count = 0;
	struct sfsi_scan scan = {
		.partition = class_id,
		.prefix = { "N", 1 },
		.after = sfsi_key_span(&after),
		.limit = SFSI_RAW_PAGE,
	};
	int err = sfsi_backend_scan(store->backend, &scan, take_inode, &taking);
	return err < 0 || taking.any ? err : 1;
}
