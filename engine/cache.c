/*
 * The object cache: a hash table by inode number and a list by age, one mutex.
 * Documents are counted references, so a reader keeps what it has when an item goes.
 */
#include "cache.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "base/age.h"
#include "base/cleanup.h"

#define STRIPES 256

struct item {
	struct sfsi_age age; /* must be first */
	struct item *chain;  /* next in the bucket */
	struct sfs_attr attr;
	struct sfs_doc *docs[2]; /* by enum sfs_format; NULL: not cached */
	size_t oid_len;
	char oid[];
};

struct sfsi_cache {
	pthread_mutex_t lock; /* protects all below */
	size_t max, bytes;
	struct item **buckets;
	size_t buckets_len; /* a power of two */
	size_t items;
	struct sfsi_ages ages;
	uint64_t drops;            /* counts drops; also the clock of marks */
	uint64_t dropped[STRIPES]; /* value of drops at the last drop of a stripe */
	uint64_t hits, misses;
};

struct sfs_doc *sfs_doc_ref(struct sfs_doc *doc)
{
	__atomic_add_fetch(&doc->refs, 1, __ATOMIC_RELAXED);
	return doc;
}

void sfs_doc_unref(struct sfs_doc *doc)
{
	if (doc && __atomic_sub_fetch(&doc->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(doc);
}

int sfsi_cache_new(size_t max_bytes, struct sfsi_cache **ret)
{
	struct sfsi_cache *cache = calloc(1, sizeof *cache);
	if (!cache)
		return SFS_ERR_NO_MEMORY;
	cache->max = max_bytes;
	cache->buckets_len = 1024;
	cache->buckets = calloc(cache->buckets_len, sizeof(struct item *));
	if (!cache->buckets) {
		free(cache);
		return SFS_ERR_NO_MEMORY;
	}
	pthread_mutex_init(&cache->lock, NULL);
	*ret = cache;
	return 0;
}

static size_t item_bytes(const struct item *item)
{
	size_t bytes = sizeof *item + item->oid_len;
	for (int i = 0; i < 2; i++)
		if (item->docs[i])
			bytes += sizeof *item->docs[i] + item->docs[i]->bytes.len;
	return bytes;
}

static size_t bucket_of(const struct sfsi_cache *cache, uint64_t ino)
{
	return (ino * 0x9e3779b97f4a7c15u >> 20) & (cache->buckets_len - 1);
}

static struct item *find(const struct sfsi_cache *cache, uint64_t ino)
{
	struct item *item = cache->buckets[bucket_of(cache, ino)];
	while (item && item->attr.ino != ino)
		item = item->chain;
	return item;
}

static struct item *item_of(struct sfsi_age *age)
{
	return (struct item *)age;
}

static void item_free(struct item *item)
{
	sfs_doc_unref(item->docs[0]);
	sfs_doc_unref(item->docs[1]);
	free(item);
}

static void item_remove(struct sfsi_cache *cache, struct item *item)
{
	struct item **at = &cache->buckets[bucket_of(cache, item->attr.ino)];
	while (*at != item)
		at = &(*at)->chain;
	*at = item->chain;
	sfsi_age_unlink(&cache->ages, &item->age);
	cache->bytes -= item_bytes(item);
	cache->items--;
	item_free(item);
}

void sfsi_cache_free(struct sfsi_cache *cache)
{
	if (!cache)
		return;
	while (cache->ages.oldest)
		item_remove(cache, item_of(cache->ages.oldest));
	pthread_mutex_destroy(&cache->lock);
	free(cache->buckets);
	free(cache);
}

uint64_t sfsi_cache_mark(struct sfsi_cache *cache)
{
	SFSI_LOCK_SCOPE(&cache->lock);
	return cache->drops;
}

int sfsi_cache_stat(struct sfsi_cache *cache, uint64_t ino, struct sfs_attr *ret,
		    struct sfs_buf *ret_oid)
{
	SFSI_LOCK_SCOPE(&cache->lock);
	struct item *item = find(cache, ino);
	if (!item) {
		cache->misses++;
		return SFS_ERR_NOT_FOUND;
	}
	if (ret_oid) {
		int err = sfs_buf_append(ret_oid, item->oid, item->oid_len);
		if (err < 0)
			return err;
	}
	cache->hits++;
	*ret = item->attr;
	return 0;
}

struct sfs_doc *sfsi_cache_doc(struct sfsi_cache *cache, uint64_t ino, enum sfs_format format)
{
	SFSI_LOCK_SCOPE(&cache->lock);
	struct item *item = find(cache, ino);
	if (!item || !item->docs[format]) {
		cache->misses++;
		return NULL;
	}
	cache->hits++;
	sfsi_age_unlink(&cache->ages, &item->age);
	sfsi_age_push(&cache->ages, &item->age);
	return sfs_doc_ref(item->docs[format]);
}

/** Double the buckets when there are more items than buckets; keeps the old ones without memory. */
static void rehash(struct sfsi_cache *cache)
{
	if (cache->items < cache->buckets_len)
		return;
	struct item **wider = calloc(cache->buckets_len * 2, sizeof(struct item *));
	if (!wider)
		return;
	free(cache->buckets);
	cache->buckets = wider;
	cache->buckets_len *= 2;
	for (struct sfsi_age *age = cache->ages.newest; age; age = age->older) {
		struct item *item = item_of(age);
		struct item **at = &cache->buckets[bucket_of(cache, item->attr.ino)];
		item->chain = *at;
		*at = item;
	}
}

static struct item *item_add(struct sfsi_cache *cache, const struct sfs_attr *attr,
			     struct sfs_span oid)
{
	struct item *item = calloc(1, sizeof *item + oid.len);
	if (!item)
		return NULL;
	item->attr = *attr;
	item->oid_len = oid.len;
	if (oid.len)
		memcpy(item->oid, oid.data, oid.len);
	rehash(cache);
	struct item **at = &cache->buckets[bucket_of(cache, attr->ino)];
	item->chain = *at;
	*at = item;
	sfsi_age_push(&cache->ages, &item->age);
	cache->items++;
	cache->bytes += item_bytes(item);
	return item;
}

void sfsi_cache_insert(struct sfsi_cache *cache, uint64_t mark, const struct sfs_attr *attr,
		       struct sfs_span oid, struct sfs_doc *doc)
{
	SFSI_LOCK_SCOPE(&cache->lock);
	if (cache->dropped[attr->ino % STRIPES] > mark)
		return;
	if (doc && doc->bytes.len > cache->max / 4)
		doc = NULL;
	struct item *item = find(cache, attr->ino);
	if (!item)
		item = item_add(cache, attr, oid);
	if (!item)
		return;
	if (doc && !item->docs[doc->format]) {
		item->docs[doc->format] = sfs_doc_ref(doc);
		cache->bytes += sizeof *doc + doc->bytes.len;
	}
	while (cache->bytes > cache->max && cache->ages.oldest != &item->age)
		item_remove(cache, item_of(cache->ages.oldest));
}

void sfsi_cache_drop(struct sfsi_cache *cache, uint64_t ino)
{
	SFSI_LOCK_SCOPE(&cache->lock);
	cache->dropped[ino % STRIPES] = ++cache->drops;
	struct item *item = find(cache, ino);
	if (item)
		item_remove(cache, item);
}

void sfsi_cache_stats(struct sfsi_cache *cache, struct sfsi_cache_stat *ret)
{
	SFSI_LOCK_SCOPE(&cache->lock);
	*ret = (struct sfsi_cache_stat){ cache->bytes, cache->hits, cache->misses };
}
