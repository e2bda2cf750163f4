/* The contract of dumps: a store with everything in it is the same when its dump is loaded, and no other dump is. */
#include <storefs/copy.h>
#include <storefs/dump.h>
#include "case.h"
#include "check_case.h"
#include "contract.h"

/** A tar stream in memory, and how far it was read. */
struct stream {
	struct sfs_buf bytes;
	size_t at, end;
	uint64_t calls;
};

static int put(void *arg, const void *data, size_t len)
{
	struct stream *stream = arg;
	return sfs_buf_append(&stream->bytes, data, len);
}

static int get(void *arg, void *dst, size_t len, size_t *ret_len)
{
	struct stream *stream = arg;
	size_t left = stream->end - stream->at;
	*ret_len = len < left ? len : left;
	if (*ret_len)
		memcpy(dst, (const char *)stream->bytes.data + stream->at, *ret_len);
	stream->at += *ret_len;
	return 0;
}

static void dump(struct case_store *c, struct stream *stream, struct sfs_dumped *ret)
{
	const struct sfs_dump how = { .write = put, .arg = stream };
	struct sfs_diag diag = SFS_DIAG_INIT;
	*stream = (struct stream){ .bytes = SFS_BUF_INIT };
	if (sfs_store_dump(c->store, &how, ret, &diag))
		fail_msg("%s", diag.text);
	stream->end = stream->bytes.len;
}

static struct sfs_store *open_empty(void)
{
	const struct sfs_store_config config = { .path = "memory:" };
	struct sfs_store *store = NULL;
	assert_int_equal(sfs_store_open(&config, &store, NULL), 0);
	return store;
}

/** Load what the stream has, from its start. Returns the engine's code. */
static int load(struct sfs_store *store, struct stream *stream, struct sfs_dumped *ret,
		struct sfs_diag *diag)
{
	const struct sfs_load how = { .read = get, .arg = stream };
	*diag = (struct sfs_diag)SFS_DIAG_INIT;
	stream->at = 0;
	return sfs_store_load(store, &how, ret, diag);
}

static int note(void *arg, const char *sentence)
{
	(void)arg;
	fail_msg("%s", sentence);
	return 1;
}

static void same(struct case_store *c, struct sfs_store *other)
{
	const struct sfs_compare how = { .differs = note };
	struct sfs_copied compared;
	assert_int_equal(sfs_store_compare(c->store, other, &how, &compared, NULL), 0);
	assert_int_equal(compared.differences, 0);
}

static void a_store_with_everything_is_the_same_when_it_is_loaded(void **state)
{
	struct case_store *c = *state;
	struct sfs_store *other = open_empty();
	struct sfs_dumped dumped, loaded;
	struct stream stream;
	struct sfs_diag diag;
	check_fill(c);
	dump(c, &stream, &dumped);
	if (load(other, &stream, &loaded, &diag))
		fail_msg("%s", diag.text);
	assert_memory_equal(&dumped, &loaded, sizeof dumped);
	assert_true(loaded.objects > 0 && loaded.raws > 0 && loaded.bytes > 0);
	same(c, other);
	/* Only an empty store takes one. */
	assert_int_equal(load(other, &stream, NULL, &diag), SFS_ERR_NOT_EMPTY);
	assert_int_equal(sfs_store_close(other), 0);
	sfs_buf_fini(&stream.bytes);
}

/** More than one part, and more than one batch of each. */
static void parts_follow_each_other(void **state)
{
	struct case_store *c = *state;
	struct sfs_store *other = open_empty();
	struct stream stream;
	struct sfs_diag diag;
	char *text = malloc(100000), oid[16], name[16];
	assert_non_null(text);
	for (int i = 0; i < 100; i++) {
		snprintf(oid, sizeof oid, "%d", i);
		memset(text, 'x', 90000);
		memcpy(text, "{\"t\":  \"", 8);
		strcpy(text + 90000, "\"}");
		assert_int_equal(case_put(c, oid, text, i % 2 ? SFS_PUT_KEEP_TEXT : 0), 0);
	}
	for (int i = 0; i < (case_mirrored() ? 10 : 600); i++) {
		snprintf(name, sizeof name, "f%d", i);
		case_write(c, case_make(c, c->root, name, SFS_NODE_FILE).ino, name);
	}
	dump(c, &stream, NULL);
	if (load(other, &stream, NULL, &diag))
		fail_msg("%s", diag.text);
	same(c, other);
	assert_int_equal(sfs_store_close(other), 0);
	sfs_buf_fini(&stream.bytes);
	free(text);
}

/** Wherever a stream is cut, and whichever of its bytes is another one. */
static void a_dump_that_was_changed_does_not_load(void **state)
{
	struct case_store *c = *state;
	struct stream stream;
	struct sfs_diag diag;
	assert_int_equal(case_put(c, "1", "{\"a\": 1}", SFS_PUT_KEEP_TEXT), 0);
	case_write(c, case_make(c, c->root, "f", SFS_NODE_FILE).ino, "bytes");
	dump(c, &stream, NULL);
	uint8_t *bytes = stream.bytes.data;
	size_t whole = stream.end;
	while (whole && bytes[whole - 1] == 0)
		whole--;
	for (size_t at = 0; at < whole; at += 101) {
		struct sfs_store *cut = open_empty(), *flipped = open_empty();
		stream.end = at;
		assert_true(load(cut, &stream, NULL, &diag) < 0);
		assert_true(diag.text[0]);
		stream.end = stream.bytes.len;
		bytes[at] ^= 4;
		int err = load(flipped, &stream, NULL, &diag);
		/* Times and owners in headers of tar say nothing. */
		if (err < 0)
			assert_true(diag.text[0]);
		else
			same(c, flipped);
		bytes[at] ^= 4;
		assert_int_equal(sfs_store_close(cut), 0);
		assert_int_equal(sfs_store_close(flipped), 0);
	}
	sfs_buf_fini(&stream.bytes);
}

static int stop(void *arg, const struct sfs_dumped *done, uint64_t expected)
{
	(void)expected;
	((struct stream *)arg)->calls++;
	return done->objects >= 64;
}

static void a_dump_stops_when_asked(void **state)
{
	struct case_store *c = *state;
	struct stream stream = { .bytes = SFS_BUF_INIT };
	const struct sfs_dump how = { .write = put, .progress = stop, .arg = &stream };
	char oid[16];
	for (int i = 0; i < 100; i++) {
		snprintf(oid, sizeof oid, "%d", i);
		assert_int_equal(case_put(c, oid, "{}", 0), 0);
	}
	assert_int_equal(sfs_store_dump(c->store, &how, NULL, NULL), SFS_ERR_CANCELLED);
	assert_int_equal(stream.calls, 1);
	/* What was written has no end. */
	struct sfs_store *other = open_empty();
	struct sfs_diag diag;
	stream.end = stream.bytes.len;
	assert_true(load(other, &stream, NULL, &diag) < 0);
	assert_int_equal(sfs_store_close(other), 0);
	sfs_buf_fini(&stream.bytes);
}

int contract_dump(const char *backend)
{
	case_backend = backend;
#define CASE(f) cmocka_unit_test_setup_teardown(f, case_setup, case_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_store_with_everything_is_the_same_when_it_is_loaded),
		CASE(parts_follow_each_other),
		CASE(a_dump_that_was_changed_does_not_load),
		CASE(a_dump_stops_when_asked),
	};
	return cmocka_run_group_tests_name("dump", tests, NULL, NULL);
}
