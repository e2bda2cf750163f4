/* The object cache: bounded, coherent, safe for readers that keep a document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "cache.h"

static struct sfs_doc *doc_of(uint64_t ino, size_t len)
{
	struct sfs_doc *doc = calloc(1, sizeof *doc + len);
	assert_non_null(doc);
	doc->bytes = (struct sfs_span){ doc + 1, len };
	doc->attr.ino = ino;
	doc->refs = 1;
	return doc;
}

static void insert(struct sfsi_cache *cache, uint64_t mark, uint64_t ino, size_t len)
{
	struct sfs_doc *doc = doc_of(ino, len);
	sfsi_cache_insert(cache, mark, &doc->attr, sfs_span_str("oid"), doc);
	sfs_doc_unref(doc);
}

static void what_was_inserted_is_found_until_it_is_dropped(void **state)
{
	(void)state;
	struct sfsi_cache *cache;
	struct sfs_attr attr;
	struct sfs_buf oid = SFS_BUF_INIT;
	assert_int_equal(sfsi_cache_new(1 << 20, &cache), 0);
	insert(cache, sfsi_cache_mark(cache), 7, 100);
	struct sfs_doc *doc = sfsi_cache_doc(cache, 7, SFS_FORMAT_JSON);
	assert_non_null(doc);
	assert_null(sfsi_cache_doc(cache, 7, SFS_FORMAT_MSGPACK));
	assert_int_equal(sfsi_cache_stat(cache, 7, &attr, &oid), 0);
	assert_int_equal(oid.len, 3);
	sfsi_cache_drop(cache, 7);
	assert_null(sfsi_cache_doc(cache, 7, SFS_FORMAT_JSON));
	assert_int_equal(sfsi_cache_stat(cache, 7, &attr, NULL), SFS_ERR_NOT_FOUND);
	assert_int_equal(doc->attr.ino, 7);
	sfs_doc_unref(doc);
	sfs_buf_fini(&oid);
	sfsi_cache_free(cache);
}

static void a_read_from_before_a_drop_is_not_inserted(void **state)
{
	(void)state;
	struct sfsi_cache *cache;
	assert_int_equal(sfsi_cache_new(1 << 20, &cache), 0);
	uint64_t mark = sfsi_cache_mark(cache);
	sfsi_cache_drop(cache, 7);
	insert(cache, mark, 7, 10);
	insert(cache, mark, 8, 10);
	assert_null(sfsi_cache_doc(cache, 7, SFS_FORMAT_JSON));
	struct sfs_doc *other = sfsi_cache_doc(cache, 8, SFS_FORMAT_JSON);
	assert_non_null(other);
	sfs_doc_unref(other);
	sfsi_cache_free(cache);
}

static void the_oldest_go_first_and_the_bound_holds(void **state)
{
	(void)state;
	struct sfsi_cache *cache;
	struct sfsi_cache_stat stat;
	assert_int_equal(sfsi_cache_new(100000, &cache), 0);
	for (uint64_t ino = 1; ino <= 5000; ino++) {
		insert(cache, sfsi_cache_mark(cache), ino, 1000);
		struct sfs_doc *first = sfsi_cache_doc(cache, 1, SFS_FORMAT_JSON);
		assert_non_null(first);
		sfs_doc_unref(first);
	}
	sfsi_cache_stats(cache, &stat);
	assert_true(stat.bytes <= 100000 && stat.bytes > 50000);
	assert_null(sfsi_cache_doc(cache, 2, SFS_FORMAT_JSON));
	/* One that would throw out everything else is not kept. */
	insert(cache, sfsi_cache_mark(cache), 9999, 90000);
	assert_null(sfsi_cache_doc(cache, 9999, SFS_FORMAT_JSON));
	sfsi_cache_free(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_inserted_is_found_until_it_is_dropped),
		cmocka_unit_test(a_read_from_before_a_drop_is_not_inserted),
		cmocka_unit_test(the_oldest_go_first_and_the_bound_holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
