/* The contract of refused texts and refused operations: what every backend must give. */
#include <storefs/check.h>
#include <storefs/errors.h>
#include <storefs/refused.h>
#include "case.h"
#include "contract.h"
#include "memo.h"
#include "keys.h"
#include "store_private.h"

#define SPAN(literal) ((struct sfs_span){ literal, sizeof(literal) - 1 })

static struct sfs_diag why(const char *sentence)
{
	struct sfs_diag diag = { .err = SFS_ERR_BAD_DOCUMENT, .line = 2, .column = 7, .offset = 9 };
	sfs_diag_set(&diag, SFS_ERR_BAD_DOCUMENT, "%s", sentence);
	return diag;
}

static void refuse(struct case_store *c, const char *oid, const char *text)
{
	struct sfs_diag diag = why("expected a value");
	assert_int_equal(sfs_refused_put(c->store, c->articles, sfs_span_str(oid), SFS_FORMAT_JSON,
					 sfs_span_str(text), &diag),
			 0);
}

static uint64_t count(struct case_store *c)
{
	struct sfs_class_info info;
	struct sfs_store_stat stat;
	assert_int_equal(sfs_class_get(c->store, c->articles, &info), 0);
	assert_int_equal(sfs_store_stat(c->store, &stat), 0);
	assert_int_equal(info.refused, stat.refused_texts);
	return info.refused;
}

static void holds(struct case_store *c, const char *oid, const char *text)
{
	struct sfs_refused refused, again;
	struct sfs_buf bytes = SFS_BUF_INIT, name = SFS_BUF_INIT;
	assert_int_equal(sfs_refused_find(c->store, c->articles, sfs_span_str(oid), &refused), 0);
	assert_int_equal(refused.size, strlen(text));
	assert_int_equal(refused.diag.line, 2);
	assert_int_equal(refused.diag.column, 7);
	assert_int_equal(refused.diag.offset, 9);
	assert_string_equal(refused.diag.text, "expected a value");
	assert_int_equal(sfs_refused_get(c->store, refused.ino, &bytes), 0);
	assert_true(sfs_span_equal(sfs_buf_span(&bytes), sfs_span_str(text)));
	assert_int_equal(sfs_refused_stat(c->store, refused.ino, &again, &name), 0);
	assert_int_equal(again.time_ns, refused.time_ns);
	assert_true(sfs_span_equal(sfs_buf_span(&name), sfs_span_str(oid)));
	sfs_buf_fini(&bytes);
	sfs_buf_fini(&name);
}

static void lacks(struct case_store *c, const char *oid)
{
	struct sfs_refused refused;
	assert_int_equal(sfs_refused_find(c->store, c->articles, sfs_span_str(oid), &refused),
			 SFS_ERR_NOT_FOUND);
}

static void a_refused_text_is_kept_and_survives(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(count(c), 0);
	lacks(c, "42");
	refuse(c, "42", "{\"a\": ]");
	assert_int_equal(count(c), 1);
	assert_null(case_get(c, "42", SFS_FORMAT_JSON));
	case_reopen(c);
	holds(c, "42", "{\"a\": ]");
	assert_int_equal(count(c), 1);
}

static void the_next_one_replaces_it_and_keeps_its_number(void **state)
{
	struct case_store *c = *state;
	struct sfs_refused first, second;
	refuse(c, "42", "{one");
	assert_int_equal(sfs_refused_find(c->store, c->articles, SPAN("42"), &first), 0);
	refuse(c, "42", "{two two");
	assert_int_equal(sfs_refused_find(c->store, c->articles, SPAN("42"), &second), 0);
	assert_int_equal(first.ino, second.ino);
	assert_true(second.time_ns >= first.time_ns);
	holds(c, "42", "{two two");
	assert_int_equal(count(c), 1);
}

static void a_good_save_removes_it(void **state)
{
	struct case_store *c = *state;
	refuse(c, "42", "{bad");
	refuse(c, "43", "{bad");
	assert_int_equal(case_put(c, "42", "[]", 0), SFS_ERR_BAD_DOCUMENT);
	holds(c, "42", "{bad");
	assert_int_equal(case_put(c, "42", "{}", 0), 0);
	lacks(c, "42");
	holds(c, "43", "{bad");
	assert_int_equal(count(c), 1);
	/* The same bytes again are a good save too, and without a refused text no commit. */
	refuse(c, "42", "{bad");
	assert_int_equal(case_put(c, "42", "{}", 0), 0);
	lacks(c, "42");
	struct sfs_attr before = case_attr(c, "42");
	struct sfs_store_stat stat, after;
	assert_int_equal(sfs_store_stat(c->store, &stat), 0);
	assert_int_equal(case_put(c, "42", "{}", 0), 0);
	assert_int_equal(sfs_store_stat(c->store, &after), 0);
	assert_int_equal(stat.commit, after.commit);
	assert_int_equal(case_attr(c, "42").revision, before.revision);
	case_reopen(c);
	lacks(c, "42");
	assert_int_equal(count(c), 1);
}

static void batches_and_renames_are_good_saves(void **state)
{
	struct case_store *c = *state;
	struct sfs_batch *batch;
	struct sfs_put put = { .class_id = c->articles, .text = SPAN("{}"), .oid = SPAN("a") };
	refuse(c, "a", "{bad");
	refuse(c, "b", "{bad");
	refuse(c, "tmp", "{bad");
	assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
	assert_int_equal(sfs_batch_put(batch, &put, NULL), 0);
	assert_int_equal(sfs_batch_put(batch, &put, NULL), 0);
	assert_int_equal(sfs_batch_commit(batch, NULL), 0);
	lacks(c, "a");
	assert_int_equal(sfs_object_rename(c->store, c->articles, SPAN("a"), SPAN("b"), 0, NULL),
			 0);
	lacks(c, "b");
	case_write(c, case_make(c, c->scratch, "scratch", SFS_NODE_FILE).ino, "{\"n\":3}");
	put.oid = SPAN("tmp");
	assert_int_equal(
		sfs_object_put_raw(c->store, &put, c->scratch, SPAN("scratch"), NULL, NULL), 0);
	lacks(c, "tmp");
	assert_int_equal(count(c), 0);
}

static void it_can_be_removed(void **state)
{
	struct case_store *c = *state;
	refuse(c, "42", "{bad");
	struct sfs_refused refused;
	struct sfs_buf text = SFS_BUF_INIT;
	assert_int_equal(sfs_refused_find(c->store, c->articles, SPAN("42"), &refused), 0);
	assert_int_equal(sfs_refused_remove(c->store, c->articles, SPAN("42")), 0);
	assert_int_equal(sfs_refused_remove(c->store, c->articles, SPAN("42")), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_refused_get(c->store, refused.ino, &text), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_refused_stat(c->store, refused.ino, &refused, NULL),
			 SFS_ERR_NOT_FOUND);
	assert_int_equal(count(c), 0);
}

static void bad_arguments_are_refused(void **state)
{
	struct case_store *c = *state;
	struct sfs_diag diag = why("x");
	char oid[1025];
	memset(oid, 'x', sizeof oid);
	struct sfs_span text = SPAN("{");
	assert_int_equal(sfs_refused_put(c->store, c->articles, SPAN("1"), 0, SPAN(""), &diag),
			 SFS_ERR_INVALID);
	assert_int_equal(sfs_refused_put(c->store, c->articles, SPAN(""), 0, text, &diag),
			 SFS_ERR_NAME);
	assert_int_equal(sfs_refused_put(c->store, c->articles, (struct sfs_span){ oid, 1025 }, 0,
					 text, &diag),
			 SFS_ERR_LIMIT);
	assert_int_equal(sfs_refused_put(c->store, c->images, SPAN("1"), 0, text, &diag),
			 SFS_ERR_WRONG_KIND);
	assert_int_equal(sfs_refused_put(c->store, 999, SPAN("1"), 0, text, &diag),
			 SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_refused_put(c->store, c->articles, (struct sfs_span){ oid, 1024 }, 0,
					 text, &diag),
			 0);
	text.len = SFS_DOCUMENT_MAX + 1;
	assert_int_equal(sfs_refused_put(c->store, c->articles, SPAN("1"), 0, text, &diag),
			 SFS_ERR_LIMIT);
	assert_int_equal(count(c), 1);
}

struct seen {
	size_t count, stop_at;
	uint64_t last;
	char oids[4096];
};

static int see(void *arg, struct sfs_span oid, const struct sfs_refused *refused, uint64_t cookie)
{
	struct seen *seen = arg;
	assert_true(cookie > seen->last);
	assert_int_equal(refused->size, 4);
	if (seen->count == seen->stop_at)
		return 1;
	seen->last = cookie;
	seen->count++;
	strncat(seen->oids, oid.data, oid.len);
	strcat(seen->oids, " ");
	return 0;
}

static void a_listing_is_paged_by_cookies(void **state)
{
	struct case_store *c = *state;
	for (int i = 0; i < 100; i++) {
		char oid[16];
		snprintf(oid, sizeof oid, "o%02d", i);
		refuse(c, oid, "{bad");
	}
	struct seen all = { .stop_at = SIZE_MAX }, paged = { .stop_at = SIZE_MAX }, cut;
	assert_int_equal(sfs_refused_list(c->store, c->articles, 0, 0, see, &all), 0);
	assert_int_equal(all.count, 100);
	for (int i = 0; i < 15; i++)
		assert_int_equal(
			sfs_refused_list(c->store, c->articles, paged.last, 7, see, &paged), 0);
	assert_string_equal(all.oids, paged.oids);
	cut = (struct seen){ .stop_at = 3 };
	assert_int_equal(sfs_refused_list(c->store, c->articles, 0, 0, see, &cut),
			 SFS_ERR_CANCELLED);
	assert_int_equal(cut.count, 3);
	assert_int_equal(sfs_refused_list(c->store, c->articles, INT64_MAX, 0, see, &cut), 0);
}

static void a_class_takes_its_refused_texts_along(void **state)
{
	struct case_store *c = *state;
	refuse(c, "42", "{bad");
	assert_int_equal(sfs_class_rename(c->store, SPAN("Article"), SPAN("Paper")), 0);
	holds(c, "42", "{bad");
	assert_int_equal(sfs_class_remove(c->store, SPAN("Paper")), 0);
	lacks(c, "42");
	struct sfs_store_stat stat;
	assert_int_equal(sfs_store_stat(c->store, &stat), 0);
	assert_int_equal(stat.refused_texts, 0);
}

static void a_class_that_becomes_raw_drops_them(void **state)
{
	struct case_store *c = *state;
	struct sfs_class_make make = { .name = SPAN("Article"), .mode = 0755 };
	refuse(c, "42", "{bad");
	assert_int_equal(sfs_class_define(c->store, &make, SPAN("{\"kind\":\"raw\"}"), NULL), 0);
	assert_int_equal(count(c), 0);
	case_reopen(c);
	assert_int_equal(count(c), 0);
}

/* --- checking --- */

static int first_kind(void *arg, const struct sfs_check_problem *problem)
{
	int *kind = arg;
	if (!*kind)
		*kind = (int)problem->kind;
	return 0;
}

static int check_finds(struct case_store *c)
{
	int kind = 0;
	struct sfs_check check = { .problem = first_kind, .arg = &kind };
	struct sfs_check_result result;
	assert_int_equal(sfs_store_check(c->store, &check, &result, NULL), 0);
	assert_int_equal(result.problems > 0, kind != 0);
	return kind;
}

/** Remove a row of the backend, as damage would; then what the check says of it. */
/** Change a row behind the store's back; it may not rely on what it remembers. */
static void change_row(struct case_store *c, const struct sfsi_op *op)
{
	assert_int_equal(sfsi_backend_write(c->store->backend, op, 1), 0);
	sfsi_memo_doubt(c->store->memo);
}

static int check_without(struct case_store *c, const struct sfsi_key *key)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_backend *backend = c->store->backend;
	struct sfsi_op op = { .partition = c->articles, .key = sfsi_key_span(key), .remove = true };
	assert_int_equal(sfsi_backend_get(backend, c->articles, op.key, &val), 0);
	change_row(c, &op);
	int kind = check_finds(c);
	op.remove = false;
	op.val = sfs_buf_span(&val);
	change_row(c, &op);
	assert_int_equal(check_finds(c), 0);
	return kind;
}

static void a_check_knows_refused_texts(void **state)
{
	struct case_store *c = *state;
	struct sfs_refused refused;
	struct sfsi_key key;
	refuse(c, "42", "{bad");
	refuse(c, "43", "{bad");
	assert_int_equal(check_finds(c), 0);
	assert_int_equal(sfs_refused_find(c->store, c->articles, SPAN("42"), &refused), 0);
	sfsi_key_refused_part(&key, 'T', sfsi_ino_serial(refused.ino));
	assert_int_equal(check_without(c, &key), SFS_CHECK_REFUSED);
	sfsi_key_refused_part(&key, 'N', sfsi_ino_serial(refused.ino));
	assert_int_equal(check_without(c, &key), SFS_CHECK_REFUSED);
	sfsi_key_refused(&key, sfsi_cookie(c->store, SPAN("42")), SPAN("42"));
	assert_int_equal(check_without(c, &key), SFS_CHECK_REFUSED);
	struct sfsi_op op = { .partition = c->articles,
			      .key = sfsi_key_span(&key),
			      .val = SPAN("damage") };
	change_row(c, &op);
	assert_int_equal(check_finds(c), SFS_CHECK_REFUSED);
	/* A damaged one is not in the way of a good save, nor of the next refused text. */
	assert_int_equal(sfs_refused_find(c->store, c->articles, SPAN("42"), &refused),
			 SFS_ERR_CORRUPT);
	refuse(c, "42", "{worse");
	holds(c, "42", "{worse");
	change_row(c, &op);
	assert_int_equal(case_put(c, "42", "{}", 0), 0);
	lacks(c, "42");
	assert_int_equal(count(c), 1);
}

/* --- refused operations --- */

static void add(struct case_store *c, const char *class_name, const char *name, const char *message)
{
	struct sfs_error error = {
		.class_name = sfs_span_str(class_name),
		.name = sfs_span_str(name),
		.operation = SPAN("save"),
		.errno_name = SPAN("EBADMSG"),
		.line = 3,
		.column = 4,
		.message = sfs_span_str(message),
	};
	sfs_errors_add(c->store, &error);
}

static void last_is(struct case_store *c, const char *class_name, const char *name,
		    const char *message)
{
	struct sfs_error error;
	struct sfs_buf text = SFS_BUF_INIT;
	int err = sfs_errors_last(c->store, sfs_span_str(class_name), sfs_span_str(name), SPAN(""),
				  &error, &text);
	assert_int_equal(err, message ? 0 : SFS_ERR_NOT_FOUND);
	if (message) {
		assert_true(sfs_span_equal(error.message, sfs_span_str(message)));
		assert_true(sfs_span_equal(error.operation, SPAN("save")));
		assert_int_equal(error.line, 3);
		assert_true(error.time_ns > 1600000000000000000);
	}
	sfs_buf_fini(&text);
}

static void refused_operations_are_found_by_class_and_name(void **state)
{
	struct case_store *c = *state;
	last_is(c, "", "", NULL);
	add(c, "Article", "1.json", "first");
	add(c, "Article", "2.json", "second");
	add(c, "Image", "a\nb\"\\.jpg", "third");
	for (int round = 0; round < 2; round++) {
		last_is(c, "", "", "third");
		last_is(c, "Article", "", "second");
		last_is(c, "Article", "1.json", "first");
		last_is(c, "Image", "a\nb\"\\.jpg", "third");
		last_is(c, "Image", "1.json", NULL);
		if (!case_durable())
			break;
		case_reopen(c);
	}
}

static void refused_operations_are_bounded(void **state)
{
	struct case_store *c = *state;
	struct sfs_buf text = SFS_BUF_INIT;
	char message[400], name[16];
	for (int i = 0; i < 5000; i++) {
		snprintf(message, sizeof message, "message %d %0300d", i, i);
		snprintf(name, sizeof name, "%d.json", i);
		add(c, "Article", name, message);
	}
	last_is(c, "Article", "4999.json", message);
	last_is(c, "Article", "10.json", NULL);
	assert_int_equal(sfs_errors_text(c->store, &text, NULL), 0);
	assert_true(text.len <= SFS_ERRORS_BYTES && text.len > SFS_ERRORS_BYTES / 2);
	assert_int_equal(((char *)text.data)[text.len - 1], '\n');
	text.len = 0;
	case_reopen(c);
	if (case_durable()) {
		assert_int_equal(sfs_errors_text(c->store, &text, NULL), 0);
		assert_true(text.len <= SFS_ERRORS_BYTES && text.len > SFS_ERRORS_BYTES / 2);
		last_is(c, "Article", "4999.json", message);
	}
	sfs_buf_fini(&text);
}

static void a_damaged_file_of_refused_operations_does_no_harm(void **state)
{
	struct case_store *c = *state;
	if (!case_durable())
		return;
	add(c, "Article", "1.json", "first");
	char path[128];
	snprintf(path, sizeof path, "%s/errors.ndjson", c->path);
	FILE *file = fopen(path, "a");
	assert_non_null(file);
	fputs("no JSON\n{\"time\":7}\n\xff\xfe\n{\"class\":\"torn", file);
	fclose(file);
	case_reopen(c);
	last_is(c, "Article", "1.json", "first");
	add(c, "Article", "2.json", "second");
	case_reopen(c);
	last_is(c, "Article", "2.json", "second");
	last_is(c, "Article", "1.json", "first");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int contract_refused(const char *backend)
{
	case_backend = backend;
	const struct CMUnitTest tests[] = {
		CASE(a_refused_text_is_kept_and_survives),
		CASE(the_next_one_replaces_it_and_keeps_its_number),
		CASE(a_good_save_removes_it),
		CASE(batches_and_renames_are_good_saves),
		CASE(it_can_be_removed),
		CASE(bad_arguments_are_refused),
		CASE(a_listing_is_paged_by_cookies),
		CASE(a_class_takes_its_refused_texts_along),
		CASE(a_class_that_becomes_raw_drops_them),
		CASE(a_check_knows_refused_texts),
		CASE(refused_operations_are_found_by_class_and_name),
		CASE(refused_operations_are_bounded),
		CASE(a_damaged_file_of_refused_operations_does_no_harm),
	};
	return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
