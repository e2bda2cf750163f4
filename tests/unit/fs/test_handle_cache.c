/*
 * What the kernel may cache of a document that is opened: a version that is not the newest any more, or
 * not known to be, must not get into the page cache.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "table.h"

static struct fs_options options = { .format = SFS_FORMAT_JSON };
static struct fs fs;
static struct sfs_class_info class_info;
static uint64_t ino;

/** A save of object 1, and what the listener does then. */
static void save(const char *text)
{
	struct sfs_attr attr;
	struct sfs_put put = {
		.class_id = class_info.id,
		.oid = sfs_span_str("1"),
		.text = sfs_span_str(text),
	};
	assert_int_equal(sfs_object_put(fs.store, &put, &attr, NULL), 0);
	ino = attr.ino;
	fs_sequence_move(&fs, ino);
}

static int setup(void **state)
{
	(void)state;
	struct sfs_store_config config = { .path = "memory:" };
	struct sfs_class_make make = { .name = sfs_span_str("Note"), .kind = SFS_CLASS_OBJECT };
	fs = (struct fs){ .options = &options };
	if (sfs_store_open(&config, &fs.store, NULL) < 0 ||
	    sfs_class_create(fs.store, &make, &class_info, NULL) < 0)
		return -1;
	save("{\"v\": 1}");
	return fs_table_start(&fs);
}

static int teardown(void **state)
{
	(void)state;
	fs_table_stop(&fs);
	return sfs_store_close(fs.store);
}

/** A reader as OPEN makes it, before it is decided what may be cached. */
static struct fs_handle *reader(void)
{
	struct sfs_doc *doc;
	struct fs_open *open;
	struct fs_handle *handle = fs_handle_new(FS_HANDLE_READER, ino, 0);
	assert_non_null(handle);
	assert_int_equal(sfs_object_get(fs.store, ino, SFS_FORMAT_JSON, &doc), 0);
	assert_int_equal(fs_open_get(&fs, &doc->attr, &open), 0);
	handle->doc = doc;
	fs_handle_attach(&fs, handle, open);
	return handle;
}

static void done(struct fs_handle *handle)
{
	fs_open_unref(&fs, fs_handle_free(&fs, handle));
}

static void pages_of_the_newest_version_are_kept(void **state)
{
	(void)state;
	struct fs_handle *first = reader(), *second = reader();
	uint64_t sequence = fs_sequence(&fs, ino);
	assert_int_equal(fs_handle_cache_mode(&fs, first, sequence), FS_CACHE_DROP);
	fs_handle_was_opened(&fs, first);
	assert_int_equal(fs_handle_cache_mode(&fs, second, sequence), FS_CACHE_KEEP);
	done(first);
	done(second);
}

static void pages_are_not_kept_before_those_of_others_are_forgotten(void **state)
{
	(void)state;
	struct fs_handle *first = reader(), *second = reader(), *third = reader();
	uint64_t sequence = fs_sequence(&fs, ino);
	assert_int_equal(fs_handle_cache_mode(&fs, first, sequence), FS_CACHE_DROP);
	/* The kernel may be told of this one first: it has to forget them itself. */
	assert_int_equal(fs_handle_cache_mode(&fs, second, sequence), FS_CACHE_DROP);
	fs_handle_was_opened(&fs, second);
	assert_int_equal(fs_handle_cache_mode(&fs, third, sequence), FS_CACHE_KEEP);
	done(first);
	done(second);
	done(third);
}

static void who_reads_an_older_version_says_nothing_of_the_pages_of_another(void **state)
{
	(void)state;
	struct fs_handle *old = reader();
	assert_int_equal(fs_handle_cache_mode(&fs, old, fs_sequence(&fs, ino)), FS_CACHE_DROP);
	fs_handle_was_opened(&fs, old);
	done(old);
	save("{\"v\": 2}");
	struct fs_handle *first = reader(), *second = reader(), *third = reader();
	uint64_t sequence = fs_sequence(&fs, ino);
	assert_int_equal(fs_handle_cache_mode(&fs, first, sequence), FS_CACHE_DROP);
	/* Nor does who reads around the page cache. */
	fs_handle_was_opened(&fs, third);
	assert_int_equal(fs_handle_cache_mode(&fs, second, sequence), FS_CACHE_DROP);
	done(first);
	done(second);
	done(third);
}

static void another_version_is_read_around_the_page_cache(void **state)
{
	(void)state;
	struct fs_handle *old = reader();
	assert_int_equal(fs_handle_cache_mode(&fs, old, fs_sequence(&fs, ino)), FS_CACHE_DROP);
	save("{\"v\": 2}");
	struct fs_handle *new = reader();
	assert_int_equal(fs_handle_cache_mode(&fs, new, fs_sequence(&fs, ino)), FS_CACHE_AVOID);
	done(old);
	done(new);
}

static void a_version_that_was_replaced_while_it_was_opened_is_not_cached(void **state)
{
	(void)state;
	uint64_t sequence = fs_sequence(&fs, ino);
	struct fs_handle *late = reader();
	save("{\"v\": 2, \"longer\": true}");
	assert_int_equal(fs_handle_cache_mode(&fs, late, sequence), FS_CACHE_AVOID);
	/* It leaves no trace: the next one finds pages of nobody. */
	struct fs_handle *next = reader();
	assert_int_equal(fs_handle_cache_mode(&fs, next, fs_sequence(&fs, ino)), FS_CACHE_DROP);
	done(late);
	done(next);
}

static void nothing_is_cached_while_a_commit_is_under_way(void **state)
{
	(void)state;
	struct fs_handle *early = reader();
	atomic_store(&fs_changes_of(&fs, ino)->under_way, 1);
	assert_int_equal(fs_handle_cache_mode(&fs, early, fs_sequence(&fs, ino)), FS_CACHE_AVOID);
	assert_false(fs_open_is_cached(&fs, ino));
	atomic_store(&fs_changes_of(&fs, ino)->under_way, 0);
	assert_int_equal(fs_handle_cache_mode(&fs, early, fs_sequence(&fs, ino)), FS_CACHE_DROP);
	assert_true(fs_open_is_cached(&fs, ino));
	done(early);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(pages_of_the_newest_version_are_kept),
		CASE(pages_are_not_kept_before_those_of_others_are_forgotten),
		CASE(who_reads_an_older_version_says_nothing_of_the_pages_of_another),
		CASE(another_version_is_read_around_the_page_cache),
		CASE(a_version_that_was_replaced_while_it_was_opened_is_not_cached),
		CASE(nothing_is_cached_while_a_commit_is_under_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
