/*
 * A large database that is new: taken in at once, and the same as one that is taken in key by key; what a kill on
 * the way leaves is gone. And values that are their own bodies, as against the long way to make a body.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <storefs/check.h>
#include <storefs/database.h>
#include "base/cleanup.h"
#include "database/fresh.h"
#include "database/plain.h"
#include "database/value.h"
#include "document/document.h"
#include "document/msgpack.h"
#include "folder.h"

static char base[FOLDER_PATH_MAX], folder[FOLDER_PATH_MAX];

static int make_folder(void **state)
{
	(void)state;
	char path[FOLDER_PATH_MAX];
	folder_make(base);
	/* Where the sidecar is before the first change. */
	folder_join(path, base, "cache");
	assert_int_equal(mkdir(path, 0700), 0);
	setenv("XDG_CACHE_HOME", path, 1);
	folder_join(folder, base, "db");
	assert_int_equal(mkdir(folder, 0700), 0);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	folder_remove(base);
	return 0;
}

/* --- values --- */

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(random_state >> 33) % below;
}

static void add(struct sfs_buf *buf, const void *bytes, size_t len)
{
	assert_int_equal(sfs_buf_append(buf, bytes, len), 0);
}

static void add_number(struct sfs_buf *buf, uint8_t head, unsigned bytes)
{
	uint8_t text[9] = { head };
	for (unsigned i = 1; i <= bytes; i++)
		text[i] = draw(3) ? (uint8_t)draw(256) : 0;
	add(buf, text, 1 + bytes);
}

/** Text with what JSON escapes, and what is not UTF-8 now and then. */
static void add_text(struct sfs_buf *buf, bool long_head)
{
	static const char *const parts[] = { "a", "key", "\"",   "\\",   "\n", "\x01", "$bin",
					     "ä", "€",   "\xff", "\x7f", "",   "\t",   "__x__" };
	char text[80] = "";
	unsigned count = draw(4);
	for (unsigned i = 0; i < count; i++)
		strcat(text, parts[draw(50) ? draw(8) : draw(14)]);
	size_t len = strlen(text);
	uint8_t head[3] = { 0xda, 0, (uint8_t)len };
	uint8_t small = (uint8_t)(0xa0 | len);
	if (long_head)
		add(buf, head, 3);
	else
		add(buf, &small, 1);
	add(buf, text, len);
}

static void add_value(struct sfs_buf *buf, unsigned depth)
{
	static const uint8_t single[] = { 0xc0, 0xc2, 0xc3, 0, 5, 0x7f, 0xff, 0xe0, 0xf6 };
	uint8_t head;
	switch (draw(depth < 4 ? 12 : 8)) {
	case 0:
	case 1: add(buf, &single[draw(sizeof single)], 1); break;
	case 2: add_number(buf, draw(2) ? 0xcc : 0xd0, 1); break;
	case 3: add_number(buf, 0xcb, 8); break;
	case 4: add_number(buf, 0xcf, 8); break;
	case 5: add_number(buf, 0xd3, 8); break;
	case 6: add(buf, "\xc4\x01x", 3); break;
	case 7: add_text(buf, draw(20) == 0); break;
	default:
		head = (uint8_t)draw(4);
		uint8_t map = draw(2) ? 0x80 : 0x90;
		map = (uint8_t)(map | head);
		add(buf, &map, 1);
		for (unsigned i = 0; i < head; i++) {
			if ((map & 0xf0) == 0x80)
				add_text(buf, false);
			add_value(buf, depth + 1);
		}
	}
}

/** What plain.h says of a value must be what the long way makes of it. */
static bool compare_value(struct sfs_span value)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf json = SFS_BUF_INIT;
	struct sfsi_image image;
	size_t len, json_len;
	/* Some have keys that no file may have. */
	if (sfsi_image_check(value, &image, NULL) < 0 || image.mixed ||
	    !sfsi_value_is_plain(value, &len, &json_len))
		return false;
	assert_int_equal(len, value.len);
	assert_int_equal(sfsi_value_body(value, false, &body), 0);
	assert_true(sfs_span_equal(sfs_buf_span(&body), value));
	assert_int_equal(sfsi_document_render(SFS_FORMAT_JSON, value, &json), 0);
	assert_int_equal(json_len, json.len);
	return true;
}

static void plain_values_are_their_own_bodies(void **state)
{
	(void)state;
	unsigned plain = 0;
	for (uint64_t seed = 1; seed <= 30000; seed++) {
		SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
		random_state = seed;
		add_value(&value, 0);
		plain += compare_value(sfs_buf_span(&value));
	}
	assert_in_range(plain, 3000, 29000);
}

#define PLAIN(text) assert_true(compare_value((struct sfs_span){ text, sizeof text - 1 }))
#define NOT_PLAIN(text) assert_false(compare_value((struct sfs_span){ text, sizeof text - 1 }))

static void what_is_written_otherwise_is_not_plain(void **state)
{
	(void)state;
	PLAIN("\x80");
	PLAIN("\x90");
	PLAIN("\x82\xa1n\xcd\x01\x00\xa4text\xa5"
	      "a\n\x01\"b");
	PLAIN("\x81\xa3"
	      "bin\xc0");
	PLAIN("\xd1\xff\x7f");
	NOT_PLAIN("\xcd\x00\xff");
	NOT_PLAIN("\xd0\xe0");
	NOT_PLAIN("\xd9\x01"
		  "a");
	NOT_PLAIN("\xdc\x00\x01\xc0");
	NOT_PLAIN("\xca\x3f\x80\x00\x00");
	NOT_PLAIN("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00");
	NOT_PLAIN("\x81\xa4$bin\xc0");
	NOT_PLAIN("\x82\xa1"
		  "a\xc0\xa1"
		  "a\xc0");
	NOT_PLAIN("\xc4\x00");
}

/* --- whole databases --- */

#define KEYS 2500

static void add_head(struct sfs_buf *buf, uint8_t kind, uint32_t count)
{
	const uint8_t head[5] = { kind, (uint8_t)(count >> 24), (uint8_t)(count >> 16),
				  (uint8_t)(count >> 8), (uint8_t)count };
	add(buf, head, sizeof head);
}

static void add_key(struct sfs_buf *buf, uint32_t number)
{
	char text[32];
	uint8_t head = 0xa0;
	/* In no order, and some of them alike for long. */
	snprintf(text, sizeof text, number % 3 ? "key%08x" : "%x", number * 2654435761u);
	head = (uint8_t)(head | strlen(text));
	add(buf, &head, 1);
	add(buf, text, strlen(text));
}

/** @again  the first key comes once more, which makes it be taken in key by key. */
static void write_database(const char *name, bool again)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	char path[FOLDER_PATH_MAX];
	add_head(&buf, 0xdf, KEYS + again);
	for (uint32_t i = 0; i < KEYS; i++) {
		add_key(&buf, i);
		random_state = i + 1;
		size_t start = buf.len;
		struct sfsi_image image;
		add_value(&buf, 0);
		struct sfs_span value = { (const char *)buf.data + start, buf.len - start };
		if (sfsi_image_check(value, &image, NULL) < 0 || image.mixed) {
			buf.len = start;
			add(&buf, "\xc0", 1);
		}
	}
	if (again) {
		add_key(&buf, 0);
		random_state = 1;
		add_value(&buf, 0);
	}
	folder_join(path, folder, name);
	SFSI_AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, buf.data, buf.len), buf.len);
}

static struct sfs_store *open_store(void)
{
	struct sfs_store *store;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store_config config = { .path = folder, .save_interval_s = 1000000 };
	if (sfs_store_open(&config, &store, &diag) < 0)
		fail_msg("%s", diag.text);
	return store;
}

static uint32_t class_of(struct sfs_store *store, const char *name)
{
	struct sfs_class_info info;
	assert_int_equal(sfs_class_find(store, sfs_span_str(name), &info), 0);
	return info.id;
}

/** Names, sizes and inodes of a class in its order. */
struct listing {
	struct sfs_buf names;
	struct sfs_attr attrs[KEYS + 10];
	size_t count;
};

static int list_one(void *arg, struct sfs_span oid, const struct sfs_attr *attr, uint64_t cookie)
{
	struct listing *listing = arg;
	(void)cookie;
	add(&listing->names, oid.data, oid.len);
	add(&listing->names, "\n", 1);
	assert_true(listing->count < KEYS + 10);
	listing->attrs[listing->count++] = *attr;
	return 0;
}

static struct listing *list_class(struct sfs_store *store, const char *name)
{
	struct listing *listing = calloc(1, sizeof *listing);
	assert_non_null(listing);
	assert_int_equal(sfs_object_list(store, class_of(store, name), 0, 0, list_one, listing), 0);
	return listing;
}

static void listing_free(struct listing *listing)
{
	sfs_buf_fini(&listing->names);
	free(listing);
}

static void assert_documents_equal(struct sfs_store *store, uint64_t a, uint64_t b)
{
	struct sfs_doc *left, *right;
	assert_int_equal(sfs_object_get(store, a, SFS_FORMAT_JSON, &left), 0);
	assert_int_equal(sfs_object_get(store, b, SFS_FORMAT_JSON, &right), 0);
	assert_true(sfs_span_equal(left->bytes, right->bytes));
	assert_int_equal(left->bytes.len, left->attr.size);
	sfs_doc_unref(left);
	sfs_doc_unref(right);
}

static void assert_classes_equal(struct sfs_store *store, const char *a, const char *b)
{
	struct listing *left = list_class(store, a), *right = list_class(store, b);
	assert_int_equal(left->count, KEYS);
	assert_int_equal(right->count, KEYS);
	assert_true(sfs_span_equal(sfs_buf_span(&left->names), sfs_buf_span(&right->names)));
	for (size_t i = 0; i < KEYS; i++) {
		const struct sfs_attr *x = &left->attrs[i], *y = &right->attrs[i];
		assert_int_equal(x->size, y->size);
		assert_int_equal(x->size_msgpack, y->size_msgpack);
		assert_int_equal(x->mode, y->mode);
		assert_int_equal(x->mtime_ns != 0, y->mtime_ns != 0);
		assert_documents_equal(store, x->ino, y->ino);
	}
	listing_free(left);
	listing_free(right);
}

static int fail_problem(void *arg, const struct sfs_check_problem *problem)
{
	(void)arg;
	fail_msg("check: %s", problem->text);
	return 0;
}

static void assert_sound(struct sfs_store *store)
{
	struct sfs_check check = { .problem = fail_problem };
	struct sfs_check_result result;
	assert_int_equal(sfs_store_check(store, &check, &result, NULL), 0);
	assert_true(result.complete);
}

static void put_text(struct sfs_store *store, const char *class_name, const char *oid,
		     const char *text)
{
	struct sfs_put put = { .class_id = class_of(store, class_name),
			       .oid = sfs_span_str(oid),
			       .text = sfs_span_str(text) };
	assert_int_equal(sfs_object_put(store, &put, NULL, NULL), 0);
}

static void assert_images_equal(struct sfs_store *store, const char *a, const char *b)
{
	SFSI_AUTO_BUF struct sfs_buf left = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf right = SFS_BUF_INIT;
	assert_int_equal(sfs_database_image(store, class_of(store, a), &left), 0);
	assert_int_equal(sfs_database_image(store, class_of(store, b), &right), 0);
	assert_true(sfs_span_equal(sfs_buf_span(&left), sfs_buf_span(&right)));
}

static void it_is_as_if_taken_in_key_by_key(void **state)
{
	(void)state;
	write_database("once.mpack", false);
	write_database("twice.mpack", true);
	struct sfs_store *store = open_store();
	assert_classes_equal(store, "once", "twice");
	assert_sound(store);
	put_text(store, "once", "new", "{\"a\": 1}");
	put_text(store, "twice", "new", "{\"a\": 1}");
	assert_images_equal(store, "once", "twice");
	assert_int_equal(sfs_store_close(store), 0);
	store = open_store();
	assert_images_equal(store, "once", "twice");
	assert_sound(store);
	assert_int_equal(sfs_store_close(store), 0);
}

static void items_of_a_list_are_their_numbers(void **state)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf names = SFS_BUF_INIT;
	char path[FOLDER_PATH_MAX];
	(void)state;
	add(&buf, (const uint8_t[]){ 0xdc, KEYS >> 8, KEYS & 0xff }, 3);
	for (uint32_t i = 0; i < KEYS; i++) {
		add(&buf, i % 2 ? "\xc0" : "\xc4\0", i % 2 ? 1 : 2);
		assert_int_equal(sfs_buf_printf(&names, "%u\n", i), 0);
	}
	folder_join(path, folder, "list.mpack");
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, buf.data, buf.len), buf.len);
	close(fd);
	struct sfs_store *store = open_store();
	struct listing *listing = list_class(store, "list");
	assert_true(sfs_span_equal(sfs_buf_span(&listing->names), sfs_buf_span(&names)));
	listing_free(listing);
	assert_sound(store);
	SFSI_AUTO_BUF struct sfs_buf image = SFS_BUF_INIT;
	assert_int_equal(sfs_database_image(store, class_of(store, "list"), &image), 0);
	assert_true(sfs_span_equal(sfs_buf_span(&image), sfs_buf_span(&buf)));
	assert_int_equal(sfs_store_close(store), 0);
}

/** The store opens in a child that is killed a moment later: there is all of it afterwards, once. */
static void a_kill_on_the_way_leaves_nothing(void **state)
{
	(void)state;
	write_database("once.mpack", false);
	for (unsigned i = 0; i < 6; i++) {
		int status;
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			struct sfs_store_config config = { .path = folder };
			struct sfs_store *store;
			_exit(sfs_store_open(&config, &store, NULL) < 0);
		}
		usleep(i * 12000);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
	}
	struct sfs_store *store = open_store();
	struct listing *listing = list_class(store, "once");
	assert_int_equal(listing->count, KEYS);
	listing_free(listing);
	assert_sound(store);
	assert_int_equal(sfs_store_close(store), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_values_are_their_own_bodies),
		cmocka_unit_test(what_is_written_otherwise_is_not_plain),
		cmocka_unit_test_setup_teardown(it_is_as_if_taken_in_key_by_key, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(items_of_a_list_are_their_numbers, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(a_kill_on_the_way_leaves_nothing, make_folder,
						remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
