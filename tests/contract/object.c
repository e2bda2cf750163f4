/* The contract of objects: what every backend must give. */
#include "case.h"
#include "contract.h"

#define SPAN(literal) ((struct sfs_span){ literal, sizeof(literal) - 1 })

static void a_saved_text_is_given_back_byte_for_byte(void **state)
{
	struct case_store *c = *state;
	const char *odd = "{\"b\" : 1,\n\t\"a\":[ 1,2 ]}";
	assert_int_equal(case_put(c, "42", odd, SFS_PUT_KEEP_TEXT), 0);
	assert_string_equal(case_get(c, "42", SFS_FORMAT_JSON), odd);
	assert_int_equal(case_attr(c, "42").size, strlen(odd));
	case_reopen(c);
	assert_string_equal(case_get(c, "42", SFS_FORMAT_JSON), odd);
}

static void another_door_gives_the_canonical_form(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "42", "{\"b\":1,\"a\":[ ]}", 0), 0);
	assert_string_equal(case_get(c, "42", SFS_FORMAT_JSON), "{\n  \"b\": 1,\n  \"a\": []\n}\n");
	assert_string_equal(case_get(c, "42", SFS_FORMAT_MSGPACK), "\x82\xa1"
								   "b\x01\xa1"
								   "a\x90");
	struct sfs_attr attr = case_attr(c, "42");
	assert_int_equal(attr.size, 24);
	assert_int_equal(attr.size_msgpack, 7);
}

static void the_two_formats_are_views_of_one_object(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "42", "{ \"a\": 1 }", SFS_PUT_KEEP_TEXT), 0);
	struct sfs_put put = {
		.class_id = c->articles,
		.oid = SPAN("42"),
		.format = SFS_FORMAT_MSGPACK,
		.text = SPAN("\x81\xa1"
			     "a\x02"),
		.flags = SFS_PUT_KEEP_TEXT,
	};
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), 0);
	assert_string_equal(case_get(c, "42", SFS_FORMAT_JSON), "{\n  \"a\": 2\n}\n");
	/* Saving the very same content as msgpack again keeps the JSON text that was typed. */
	assert_int_equal(case_put(c, "42", "{ \"a\": 2 }", SFS_PUT_KEEP_TEXT), 0);
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), 0);
	assert_string_equal(case_get(c, "42", SFS_FORMAT_JSON), "{ \"a\": 2 }");
}

static void an_unchanged_save_is_no_commit(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "42", "{ \"a\": 1 }", SFS_PUT_KEEP_TEXT), 0);
	struct sfs_attr before = case_attr(c, "42");
	assert_int_equal(case_put(c, "42", "{ \"a\": 1 }", SFS_PUT_KEEP_TEXT), 0);
	struct sfs_attr after = case_attr(c, "42");
	assert_memory_equal(&before, &after, sizeof before);
	assert_int_equal(case_put(c, "42", "{ \"a\":  1 }", SFS_PUT_KEEP_TEXT), 0);
	assert_true(case_attr(c, "42").revision > before.revision);
	assert_true(case_attr(c, "42").mtime_ns >= before.mtime_ns);
	assert_true(case_attr(c, "42").ino == before.ino);
}

static void a_refused_document_changes_nothing(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "42", "{\"a\":1}", 0), 0);
	struct sfs_attr before = case_attr(c, "42");
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_put put = { .class_id = c->articles,
			       .oid = SPAN("42"),
			       .text = SPAN("{\"a\":1,\n \"a\":2}") };
	assert_int_equal(sfs_object_put(c->store, &put, NULL, &diag), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(diag.line, 2);
	assert_int_equal(diag.column, 2);
	assert_non_null(strstr(diag.text, "duplicate"));
	struct sfs_attr after = case_attr(c, "42");
	assert_memory_equal(&before, &after, sizeof before);
	assert_int_equal(case_put(c, "43", "[]", 0), SFS_ERR_BAD_DOCUMENT);
	assert_string_equal(case_oids(c), "42");
}

static void oid_and_type_must_be_right(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "42", "{\"oid\":\"42\",\"type\":\"Article\",\"a\":1}", 0), 0);
	assert_string_equal(case_get(c, "42", SFS_FORMAT_JSON), "{\n  \"a\": 1\n}\n");
	assert_int_equal(case_put(c, "42", "{\"oid\":\"43\"}", 0), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(case_put(c, "42", "{\"type\":\"Image\"}", 0), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(case_put(c, "42", "{\"updates\":{}}", 0), SFS_ERR_BAD_DOCUMENT);
}

static void oids_have_1_to_1024_bytes_of_any_value(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* an oid is the name of a file */
	char oid[1026];
	memset(oid, 'x', sizeof oid);
	struct sfs_put put = { .class_id = c->articles, .text = SPAN("{}"), .oid = { oid, 1024 } };
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), 0);
	put.oid.len = 1025;
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), SFS_ERR_LIMIT);
	put.oid.len = 0;
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), SFS_ERR_NAME);
	for (int byte = 0; byte < 256; byte++) {
		char one = (char)byte;
		put.oid = (struct sfs_span){ &one, 1 };
		struct sfs_attr attr, found;
		assert_int_equal(sfs_object_put(c->store, &put, &attr, NULL), 0);
		assert_int_equal(sfs_object_find(c->store, c->articles, put.oid, &found), 0);
		assert_int_equal(attr.ino, found.ino);
	}
	struct sfs_class_info info;
	assert_int_equal(sfs_class_get(c->store, c->articles, &info), 0);
	assert_int_equal(info.objects, 257);
}

static void create_and_update_say_what_they_found(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "1", "{}", SFS_PUT_UPDATE), SFS_ERR_NOT_FOUND);
	assert_int_equal(case_put(c, "1", "{}", SFS_PUT_CREATE), 0);
	assert_int_equal(case_put(c, "1", "{}", SFS_PUT_CREATE), SFS_ERR_EXISTS);
	struct sfs_put put = { .class_id = c->articles,
			       .oid = SPAN("1"),
			       .text = SPAN("{\"a\":1}"),
			       .ino = case_attr(c, "1").ino + 1 };
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), SFS_ERR_CONFLICT);
	put.class_id = c->images;
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), SFS_ERR_WRONG_KIND);
	put.class_id = 4711;
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), SFS_ERR_NOT_FOUND);
}

static void a_reserved_number_becomes_the_objects(void **state)
{
	struct case_store *c = *state;
	uint64_t ino;
	assert_int_equal(sfs_ino_reserve(c->store, c->articles, SPAN("1"), &ino, NULL), 0);
	struct sfs_setattr set = { .mask = SFS_SET_MODE | SFS_SET_UID | SFS_SET_MTIME,
				   .mode = 0600,
				   .uid = 12,
				   .mtime_ns = 1234567890123456789 };
	struct sfs_put put = { .class_id = c->articles,
			       .oid = SPAN("1"),
			       .text = SPAN("{}"),
			       .ino = ino,
			       .attr = &set };
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), 0);
	case_reopen(c);
	struct sfs_attr attr = case_attr(c, "1");
	assert_int_equal(attr.ino, ino);
	assert_int_equal(attr.mode, 0600);
	assert_int_equal(attr.uid, 12);
	assert_true(attr.mtime_ns == 1234567890123456789);
	assert_int_equal(sfs_ino_reserve(c->store, c->articles, SPAN("1"), &put.ino, NULL), 0);
	assert_true(put.ino > ino);
}

static void attributes_are_kept_and_content_is_not_touched(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "1", "{ }", SFS_PUT_KEEP_TEXT), 0);
	struct sfs_attr before = case_attr(c, "1"), after, again;
	struct sfs_setattr set = { .mask = SFS_SET_MODE | SFS_SET_MTIME,
				   .mode = 0640,
				   .mtime_ns = 5 };
	assert_int_equal(sfs_object_setattr(c->store, before.ino, &set, &after), 0);
	assert_int_equal(after.mode, 0640);
	assert_int_equal(after.mtime_ns, 5);
	assert_int_equal(after.atime_ns, before.atime_ns);
	assert_true(after.ctime_ns >= before.ctime_ns);
	case_reopen(c);
	again = case_attr(c, "1");
	assert_memory_equal(&after, &again, sizeof after);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), "{ }");
	set.mask = SFS_SET_SIZE;
	assert_int_equal(sfs_object_setattr(c->store, before.ino, &set, NULL), SFS_ERR_INVALID);
}

static void a_removed_object_is_gone_in_every_way(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	uint64_t ino = case_attr(c, "1").ino;
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("1"), ino + 1),
			 SFS_ERR_CONFLICT);
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("1"), ino), 0);
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("1"), 0), SFS_ERR_NOT_FOUND);
	struct sfs_attr attr;
	struct sfs_doc *doc;
	assert_int_equal(sfs_object_find(c->store, c->articles, SPAN("1"), &attr),
			 SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_object_stat(c->store, ino, &attr, NULL), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_object_get(c->store, ino, SFS_FORMAT_JSON, &doc), SFS_ERR_NOT_FOUND);
	assert_string_equal(case_oids(c), "");
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	assert_true(case_attr(c, "1").ino != ino);
}

static void a_document_in_hand_stays_as_it_was(void **state)
{
	struct case_store *c = *state;
	struct sfs_doc *old, *new;
	assert_int_equal(case_put(c, "1", "{\"a\":1}", SFS_PUT_KEEP_TEXT), 0);
	uint64_t ino = case_attr(c, "1").ino;
	assert_int_equal(sfs_object_get(c->store, ino, SFS_FORMAT_JSON, &old), 0);
	assert_int_equal(case_put(c, "1", "{\"a\":22}", SFS_PUT_KEEP_TEXT), 0);
	assert_int_equal(sfs_object_get(c->store, ino, SFS_FORMAT_JSON, &new), 0);
	assert_memory_equal(old->bytes.data, "{\"a\":1}", 7);
	assert_int_equal(new->bytes.len, 8);
	assert_true(new->attr.revision > old->attr.revision);
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("1"), 0), 0);
	assert_memory_equal(new->bytes.data, "{\"a\":22}", 8);
	sfs_doc_unref(old);
	sfs_doc_unref(new);
}

static void rename_to_a_free_name_keeps_the_identity(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "1", "{ \"a\":1}", SFS_PUT_KEEP_TEXT), 0);
	struct sfs_attr before = case_attr(c, "1");
	assert_int_equal(sfs_object_rename(c->store, c->articles, SPAN("1"), SPAN("2"), 0, NULL),
			 0);
	case_reopen(c);
	assert_string_equal(case_oids(c), "2");
	assert_string_equal(case_get(c, "2", SFS_FORMAT_JSON), "{ \"a\":1}");
	assert_int_equal(case_attr(c, "2").ino, before.ino);
	assert_true(case_attr(c, "2").mtime_ns == before.mtime_ns);
	struct sfs_attr attr;
	int err = sfs_object_stat(c->store, before.ino, &attr, NULL);
	assert_int_equal(err, 0);
}

static void rename_onto_an_object_keeps_the_targets_identity(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "1", "{\"a\":1}", 0), 0);
	assert_int_equal(case_put(c, "2", "{\"a\":2}", 0), 0);
	uint64_t one = case_attr(c, "1").ino, two = case_attr(c, "2").ino;
	struct sfs_span from = SPAN("1"), to = SPAN("2");
	assert_int_equal(
		sfs_object_rename(c->store, c->articles, from, to, SFS_RENAME_NOREPLACE, NULL),
		SFS_ERR_EXISTS);
	assert_int_equal(
		sfs_object_rename(c->store, c->articles, from, to, SFS_RENAME_EXCHANGE, NULL), 0);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), "{\n  \"a\": 2\n}\n");
	assert_int_equal(case_attr(c, "1").ino, one);
	assert_int_equal(sfs_object_rename(c->store, c->articles, from, to, 0, NULL), 0);
	assert_string_equal(case_oids(c), "2");
	assert_int_equal(case_attr(c, "2").ino, two);
	struct sfs_class_info info;
	assert_int_equal(sfs_class_get(c->store, c->articles, &info), 0);
	assert_int_equal(info.objects, 1);
}

static void a_text_that_names_its_oid_is_not_renamed(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "1", "{\"oid\":\"1\"}", SFS_PUT_KEEP_TEXT), 0);
	assert_int_equal(sfs_object_rename(c->store, c->articles, SPAN("1"), SPAN("2"), 0, NULL),
			 SFS_ERR_BAD_DOCUMENT);
	assert_string_equal(case_oids(c), "1");
}

static void a_scratch_file_becomes_the_content_of_an_object(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "1", "{\"a\":1}", 0), 0);
	struct sfs_attr before = case_attr(c, "1");
	uint64_t scratch = case_make(c, c->scratch, "tmp", SFS_NODE_FILE).ino;
	case_write(c, scratch, "{ \"a\": 2 }");
	struct sfs_setattr set = {
		.mask = SFS_SET_MODE | SFS_SET_UID | SFS_SET_GID,
		.mode = 0640,
		.uid = 12,
		.gid = 34,
	};
	assert_int_equal(sfs_raw_setattr(c->store, scratch, &set, NULL), 0);
	struct sfs_put put = { .class_id = c->articles,
			       .oid = SPAN("1"),
			       .flags = SFS_PUT_KEEP_TEXT };
	struct sfs_attr attr;
	assert_int_equal(sfs_object_put_raw(c->store, &put, c->scratch, SPAN("tmp"), &attr, NULL),
			 0);
	assert_int_equal(attr.ino, before.ino);
	assert_int_equal(attr.mode & 07777, 0640);
	assert_int_equal(attr.uid, 12);
	assert_int_equal(attr.gid, 34);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), "{ \"a\": 2 }");
	assert_string_equal(case_names(c, c->scratch), "");
	case_write(c, case_make(c, c->scratch, "tmp", SFS_NODE_FILE).ino, "{ bad");
	assert_int_equal(sfs_object_put_raw(c->store, &put, c->scratch, SPAN("tmp"), NULL, NULL),
			 SFS_ERR_BAD_DOCUMENT);
	assert_string_equal(case_names(c, c->scratch), "tmp");
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), "{ \"a\": 2 }");
}

static void an_object_becomes_a_scratch_file(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "1", "{ \"a\":1}", SFS_PUT_KEEP_TEXT), 0);
	case_make(c, c->scratch, "1~", SFS_NODE_FILE);
	struct sfs_attr attr;
	assert_int_equal(sfs_object_to_raw(c->store, c->articles, SPAN("1"), SFS_FORMAT_JSON,
					   c->scratch, SPAN("1~"), &attr),
			 0);
	case_reopen(c);
	assert_string_equal(case_read(c, attr.ino), "{ \"a\":1}");
	assert_string_equal(case_oids(c), "");
	struct sfs_store_stat stat;
	assert_int_equal(sfs_store_stat(c->store, &stat), 0);
	assert_int_equal(stat.scratch, 1);
}

/** Rename an object to a scratch file, as an editor does that keeps a backup. */
static void depart(struct case_store *c, const char *oid)
{
	assert_int_equal(sfs_object_to_raw(c->store, c->articles, sfs_span_str(oid),
					   SFS_FORMAT_JSON, c->scratch, SPAN("backup"), NULL),
			 0);
}

static void an_object_that_comes_back_is_the_same_one(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "1", "{\"a\":1,\"b\":2}", 0), 0);
	struct sfs_attr before = case_attr(c, "1");
	depart(c, "1");
	assert_int_equal(case_put(c, "1", "{\"a\":1,\"b\":3}", SFS_PUT_CREATE), 0);
	assert_int_equal(case_attr(c, "1").number, before.number);
	assert_true(case_attr(c, "1").revision > before.revision);
	depart(c, "1");
	case_write(c, case_make(c, c->scratch, "tmp", SFS_NODE_FILE).ino, "{}");
	struct sfs_put put = { .class_id = c->articles, .oid = SPAN("1") };
	assert_int_equal(sfs_object_put_raw(c->store, &put, c->scratch, SPAN("tmp"), NULL, NULL),
			 0);
	assert_int_equal(case_attr(c, "1").number, before.number);
	depart(c, "1");
	assert_int_equal(case_put(c, "new", "{\"c\":1}", 0), 0);
	uint64_t number = case_attr(c, "new").number;
	assert_int_equal(sfs_object_rename(c->store, c->articles, SPAN("new"), SPAN("1"), 0, NULL),
			 0);
	assert_int_equal(case_attr(c, "1").number, number);
	assert_string_equal(case_oids(c), "1");
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), "{\n  \"c\": 1\n}\n");
	depart(c, "1");
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	assert_int_equal(case_attr(c, "1").number, number);
	case_reopen(c);
	if (case_durable())
		assert_int_equal(case_attr(c, "1").number, number);
}

static void an_object_that_was_removed_does_not_come_back(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "1", "{\"a\":1}", 0), 0);
	struct sfs_attr before = case_attr(c, "1");
	depart(c, "1");
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("1"), 0), 0);
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	assert_int_not_equal(case_attr(c, "1").number, before.number);
}

static void what_was_reserved_for_an_object_that_left_is_its_number(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	struct sfs_attr before = case_attr(c, "1");
	depart(c, "1");
	struct sfs_put put = { .class_id = c->articles, .oid = SPAN("1"), .text = SPAN("{}") };
	uint64_t number;
	assert_int_equal(sfs_ino_reserve(c->store, c->articles, put.oid, &put.ino, &number), 0);
	assert_int_equal(number, before.number);
	assert_int_not_equal(put.ino, before.ino);
	/* Made under another oid: it is another object. */
	put.oid = SPAN("2");
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), 0);
	assert_int_equal(case_attr(c, "2").number, put.ino);
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	assert_int_equal(case_attr(c, "1").number, before.number);
	assert_int_not_equal(case_attr(c, "1").ino, before.ino);
}

static void a_batch_is_all_or_nothing(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "3", "{}", 0), 0);
	struct sfs_batch *batch;
	for (int round = 0; round < 2; round++) {
		assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
		for (int i = 0; i < 5; i++) {
			char oid[2] = { (char)('1' + i), '\0' };
			struct sfs_put put = {
				.class_id = c->articles,
				.oid = sfs_span_str(oid),
				.text = SPAN("{\"n\":1}"),
				.flags = round == 0 ? SFS_PUT_CREATE : 0,
			};
			assert_int_equal(sfs_batch_put(batch, &put, NULL), 0);
		}
		struct sfs_put bad = { .class_id = c->articles,
				       .oid = SPAN("x"),
				       .text = SPAN("{") };
		assert_int_equal(sfs_batch_put(batch, &bad, NULL), SFS_ERR_BAD_DOCUMENT);
		assert_int_equal(sfs_batch_count(batch), 5);
		size_t failed = 99;
		int err = sfs_batch_commit(batch, &failed);
		assert_int_equal(err, round == 0 ? SFS_ERR_EXISTS : 0);
		if (round == 0)
			assert_int_equal(failed, 2);
		assert_string_equal(case_oids(c), round == 0 ? "3" : "1 2 3 4 5");
	}
	/* The later of two saves of one oid in a batch wins. */
	assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
	struct sfs_put twice = { .class_id = c->articles,
				 .oid = SPAN("7"),
				 .text = SPAN("{\"n\":1}") };
	assert_int_equal(sfs_batch_put(batch, &twice, NULL), 0);
	twice.text = SPAN("{\"n\":2}");
	assert_int_equal(sfs_batch_put(batch, &twice, NULL), 0);
	assert_int_equal(sfs_batch_commit(batch, NULL), 0);
	assert_string_equal(case_get(c, "7", SFS_FORMAT_JSON), "{\n  \"n\": 2\n}\n");
	struct sfs_class_info info;
	assert_int_equal(sfs_class_get(c->store, c->articles, &info), 0);
	assert_int_equal(info.objects, 6);
}

/* --- listing --- */

struct seen {
	unsigned char count[2000];
	uint64_t cookie;
	size_t total, stop_at;
};

static int see(void *arg, struct sfs_span oid, const struct sfs_attr *attr, uint64_t cookie)
{
	struct seen *seen = arg;
	if (seen->stop_at && seen->total == seen->stop_at)
		return 1;
	char number[16] = "";
	memcpy(number, oid.data, oid.len < 15 ? oid.len : 15);
	int i = atoi(number);
	assert_in_range(i, 0, 1999);
	assert_true(cookie > seen->cookie && cookie < (uint64_t)1 << 62 && cookie >= 16);
	assert_int_equal(attr->type, SFS_NODE_OBJECT);
	seen->count[i]++;
	seen->cookie = cookie;
	seen->total++;
	return 0;
}

static void a_listing_in_pages_survives_inserts_and_removals(void **state)
{
	struct case_store *c = *state;
	char oid[16];
	for (int i = 0; i < 1000; i++) {
		snprintf(oid, sizeof oid, "%d", i);
		assert_int_equal(case_put(c, oid, "{}", 0), 0);
	}
	struct seen seen = { .total = 0 };
	for (int page = 0;; page++) {
		size_t before = seen.total;
		assert_int_equal(
			sfs_object_list(c->store, c->articles, seen.cookie, 64, see, &seen), 0);
		if (seen.total == before)
			break;
		/* Meanwhile: odd numbers go, new ones come. */
		snprintf(oid, sizeof oid, "%d", page * 2 + 1);
		assert_int_equal(sfs_object_remove(c->store, c->articles, sfs_span_str(oid), 0), 0);
		snprintf(oid, sizeof oid, "%d", 1000 + page);
		assert_int_equal(case_put(c, oid, "{}", 0), 0);
		case_reopen(c);
	}
	for (int i = 0; i < 1000; i += 2)
		assert_int_equal(seen.count[i], 1);
	for (int i = 1; i < 2000; i++)
		assert_true(seen.count[i] <= 1);
}

static void a_callback_can_stop_a_listing(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	assert_int_equal(case_put(c, "2", "{}", 0), 0);
	struct seen seen = { .stop_at = 1 };
	assert_int_equal(sfs_object_list(c->store, c->articles, 0, 0, see, &seen),
			 SFS_ERR_CANCELLED);
	assert_int_equal(seen.total, 1);
	assert_int_equal(sfs_object_list(c->store, c->images, 0, 0, see, &seen),
			 SFS_ERR_WRONG_KIND);
	assert_int_equal(sfs_object_list(c->store, 99, 0, 0, see, &seen), SFS_ERR_NOT_FOUND);
}

static int collect(void *arg, struct sfs_span oid, struct sfs_span doc)
{
	char *to = arg;
	strncat(to, oid.data, oid.len);
	strncat(to, "=", 2);
	strncat(to, doc.data, doc.len);
	strcat(to, ";");
	return 0;
}

static void a_scan_walks_documents_in_order_of_oids(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "b1", "{ }", SFS_PUT_KEEP_TEXT), 0);
	assert_int_equal(case_put(c, "a", "{}", SFS_PUT_KEEP_TEXT), 0);
	assert_int_equal(case_put(c, "b2", "{}", SFS_PUT_KEEP_TEXT), 0);
	assert_int_equal(case_put(c, "b3", "{}", SFS_PUT_KEEP_TEXT), 0);
	char got[256] = "";
	struct sfs_span none = SPAN("");
	assert_int_equal(sfs_object_scan(c->store, c->articles, none, none, 2, SFS_FORMAT_JSON,
					 collect, got, NULL),
			 0);
	assert_string_equal(got, "a={};b1={ };");
	got[0] = '\0';
	assert_int_equal(sfs_object_scan(c->store, c->articles, SPAN("b"), SPAN("b1"), 0,
					 SFS_FORMAT_JSON, collect, got, NULL),
			 0);
	assert_string_equal(got, "b2={};b3={};");
}

/* --- classes --- */

static void classes_are_made_renamed_and_removed(void **state)
{
	struct case_store *c = *state;
	struct sfs_class_info info;
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	assert_int_equal(sfs_class_remove(c->store, SPAN("Article")), SFS_ERR_NOT_EMPTY);
	assert_int_equal(sfs_class_rename(c->store, SPAN("Article"), SPAN("Image")),
			 SFS_ERR_EXISTS);
	assert_int_equal(sfs_class_rename(c->store, SPAN("Article"), SPAN("1x")), SFS_ERR_NAME);
	assert_int_equal(sfs_class_rename(c->store, SPAN("Article"), SPAN("Post")), 0);
	assert_int_equal(sfs_class_find(c->store, SPAN("Article"), &info), SFS_ERR_NOT_FOUND);
	case_reopen(c);
	assert_int_equal(sfs_class_find(c->store, SPAN("Post"), &info), 0);
	assert_int_equal(info.id, c->articles);
	/* Files state their type. */
	assert_string_equal(info.type, case_mirrored() ? "Article" : "Post");
	assert_string_equal(case_oids(c), "1");
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("1"), 0), 0);
	assert_int_equal(sfs_class_remove(c->store, SPAN("Post")), 0);
	case_reopen(c);
	assert_int_equal(sfs_class_find(c->store, SPAN("Post"), &info), SFS_ERR_NOT_FOUND);
	struct sfs_class_make make = { .name = SPAN("Post"), .kind = SFS_CLASS_OBJECT };
	assert_int_equal(sfs_class_create(c->store, &make, &info, NULL), 0);
	assert_true(info.id > c->images);
	assert_int_equal(case_put(c, "1", "{}", 0), SFS_ERR_NOT_FOUND);
}

static void class_names_have_rules(void **state)
{
	struct case_store *c = *state;
	char name[130];
	memset(name, 'x', sizeof name);
	struct sfs_class_make make = { .kind = SFS_CLASS_OBJECT };
	static const char *const bad[] = { "",    "1a",  "-a",       "a b",
					   "a.b", "a/b", "\xc3\xa4", ".storefs" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		make.name = sfs_span_str(bad[i]);
		assert_int_equal(sfs_class_create(c->store, &make, NULL, NULL), SFS_ERR_NAME);
	}
	make.name = (struct sfs_span){ name, 129 };
	assert_int_equal(sfs_class_create(c->store, &make, NULL, NULL), SFS_ERR_LIMIT);
	make.name.len = 128;
	assert_int_equal(sfs_class_create(c->store, &make, NULL, NULL), 0);
	assert_int_equal(sfs_class_create(c->store, &make, NULL, NULL), SFS_ERR_EXISTS);
	make.name = SPAN("_a-9");
	assert_int_equal(sfs_class_create(c->store, &make, NULL, NULL), 0);
}

static void a_definition_makes_and_changes_a_class(void **state)
{
	struct case_store *c = *state;
	struct sfs_class_make make = { .name = SPAN("Sound"), .mode = 0750 };
	struct sfs_class_info info;
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_int_equal(sfs_class_define(c->store, &make, SPAN("{\"kind\":\"raw\"}"), &diag), 0);
	assert_int_equal(sfs_class_find(c->store, SPAN("Sound"), &info), 0);
	assert_int_equal(info.kind, SFS_CLASS_RAW);
	assert_int_equal(info.attr.mode, 0750);
	assert_int_equal(sfs_class_define(c->store, &make, SPAN("{\"type\":\"a.Sound\"}"), &diag),
			 0);
	case_reopen(c);
	assert_int_equal(sfs_class_find(c->store, SPAN("Sound"), &info), 0);
	assert_int_equal(info.kind, SFS_CLASS_OBJECT);
	assert_string_equal(info.type, "a.Sound");
	assert_int_equal(sfs_class_define(c->store, &make, SPAN("{\n \"colour\": 1}"), &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(diag.line, 2);
	assert_non_null(strstr(diag.text, "colour"));
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	make.name = SPAN("Article");
	assert_int_equal(sfs_class_define(c->store, &make, SPAN("{\"kind\":\"raw\"}"), &diag),
			 SFS_ERR_NOT_EMPTY);
	assert_string_equal(case_oids(c), "1");
}

struct heard {
	int changes, begun, ended;
	uint64_t ino; /* that the commit under way is about; 0: there is none */
};

static void hear_begin(void *arg, uint64_t ino)
{
	struct heard *heard = arg;
	assert_int_equal(heard->ino, 0);
	heard->ino = ino;
	heard->begun++;
}

static void hear_change(void *arg, const struct sfs_change *change)
{
	struct heard *heard = arg;
	assert_true(change->revision > 0);
	assert_int_equal(heard->ino, change->ino);
	heard->changes++;
}

static void hear_end(void *arg, uint64_t ino)
{
	struct heard *heard = arg;
	assert_int_equal(heard->ino, ino);
	heard->ino = 0;
	heard->ended++;
}

static void every_commit_is_told_to_the_listener(void **state)
{
	struct case_store *c = *state;
	struct heard heard = { .ino = 0 };
	const struct sfs_listener listener = { hear_change, hear_begin, hear_end, &heard };
	sfs_store_listen(c->store, &listener);
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	assert_int_equal(heard.changes, 1);
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	assert_int_equal(heard.changes, 1);
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("1"), 0), 0);
	assert_int_equal(heard.changes, 2);
	assert_int_equal(heard.begun, 2);
	assert_int_equal(heard.ended, 2);
	sfs_store_listen(c->store, NULL);
	assert_int_equal(sfs_store_sync(c->store), 0);
	struct sfs_store_stat stat;
	assert_int_equal(sfs_store_stat(c->store, &stat), 0);
	assert_int_equal(stat.commit, stat.commit_synced);
}

int contract_object(const char *backend)
{
	case_backend = backend;
#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_saved_text_is_given_back_byte_for_byte),
		CASE(another_door_gives_the_canonical_form),
		CASE(the_two_formats_are_views_of_one_object),
		CASE(an_unchanged_save_is_no_commit),
		CASE(a_refused_document_changes_nothing),
		CASE(oid_and_type_must_be_right),
		CASE(oids_have_1_to_1024_bytes_of_any_value),
		CASE(create_and_update_say_what_they_found),
		CASE(a_reserved_number_becomes_the_objects),
		CASE(attributes_are_kept_and_content_is_not_touched),
		CASE(a_removed_object_is_gone_in_every_way),
		CASE(a_document_in_hand_stays_as_it_was),
		CASE(rename_to_a_free_name_keeps_the_identity),
		CASE(rename_onto_an_object_keeps_the_targets_identity),
		CASE(a_text_that_names_its_oid_is_not_renamed),
		CASE(a_scratch_file_becomes_the_content_of_an_object),
		CASE(an_object_becomes_a_scratch_file),
		CASE(an_object_that_comes_back_is_the_same_one),
		CASE(an_object_that_was_removed_does_not_come_back),
		CASE(what_was_reserved_for_an_object_that_left_is_its_number),
		CASE(a_batch_is_all_or_nothing),
		CASE(a_listing_in_pages_survives_inserts_and_removals),
		CASE(a_callback_can_stop_a_listing),
		CASE(a_scan_walks_documents_in_order_of_oids),
		CASE(classes_are_made_renamed_and_removed),
		CASE(class_names_have_rules),
		CASE(a_definition_makes_and_changes_a_class),
		CASE(every_commit_is_told_to_the_listener),
	};
	return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
