/* See oids.h. */
#include "database/oids.h"

#define PAGE_KEYS 1000

static int see_key(void *arg, struct sfs_span oid, const struct sfs_attr *attr, uint64_t cookie)
{
	struct sfsi_oids *oids = arg;
	size_t len = oid.len;
	(void)attr;
	oids->err = sfs_buf_append(&oids->page, &len, sizeof len);
	if (!oids->err)
		oids->err = sfs_buf_append(&oids->page, oid.data, oid.len);
	oids->cookie = cookie;
	oids->count++;
	return oids->err != 0;
}

static int read_page(struct sfsi_oids *oids)
{
	if (oids->begun && oids->count < PAGE_KEYS)
		return 1;
	oids->begun = true;
	oids->page.len = oids->at = oids->count = 0;
	int err = sfs_object_list(oids->store, oids->class_id, oids->cookie, PAGE_KEYS, see_key,
				  oids);
	if (oids->err || err)
		return oids->err ? oids->err : err;
	return oids->count ? 0 : 1;
}

int sfsi_oids_next(struct sfsi_oids *oids, struct sfs_span *ret)
{
	size_t len;
	int err = oids->at == oids->page.len ? read_page(oids) : 0;
	if (err)
		return err;
	const char *at = (const char *)oids->page.data + oids->at;
	memcpy(&len, at, sizeof len);
	*ret = (struct sfs_span){ at + sizeof len, len };
	oids->at += sizeof len + len;
	return 0;
}

void sfsi_oids_fini(struct sfsi_oids *oids)
{
	sfs_buf_fini(&oids->page);
}
