/* The contract of lists: windows over positions, counts, objects since a time, get or create. */
#include "check_case.h"

#define MODEL 6000

/** The oids that should be there, in order. */
struct model {
	char *oids[MODEL];
	size_t count;
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void model_sort(struct model *model)
{
	qsort(model->oids, model->count, sizeof *model->oids, compare);
}

static void model_free(struct model *model)
{
	for (size_t i = 0; i < model->count; i++)
		free(model->oids[i]);
	free(model);
}

/** Put count new objects in batches of so many, named by a generator that jumps about. */
static void fill(struct case_store *c, struct model *model, size_t count, size_t batch_size)
{
	struct sfs_batch *batch = NULL;
	for (size_t i = 0; i < count; i++) {
		char oid[32];
		snprintf(oid, sizeof oid, "%05zu-%zu", (model->count * 7919) % 10007, model->count);
		struct sfs_put put = {
			.class_id = c->articles,
			.oid = sfs_span_str(oid),
			.text = SPAN("{}"),
		};
		if (!batch)
			assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
		assert_int_equal(sfs_batch_put(batch, &put, NULL), 0);
		model->oids[model->count++] = strdup(oid);
		if (sfs_batch_count(batch) == batch_size) {
			assert_int_equal(sfs_batch_commit(batch, NULL), 0);
			batch = NULL;
		}
	}
	if (batch)
		assert_int_equal(sfs_batch_commit(batch, NULL), 0);
	model_sort(model);
}

static void drop(struct case_store *c, struct model *model, size_t at)
{
	assert_int_equal(sfs_object_remove(c->store, c->articles, sfs_span_str(model->oids[at]), 0),
			 0);
	free(model->oids[at]);
	memmove(model->oids + at, model->oids + at + 1,
		(--model->count - at) * sizeof *model->oids);
}

struct seen {
	const struct model *model;
	size_t at; /* in the model */
	size_t count, stop;
};

static int see(void *arg, struct sfs_span oid, struct sfs_span doc)
{
	struct seen *seen = arg;
	assert_true(doc.len > 0);
	assert_true(seen->at < seen->model->count);
	const char *wanted = seen->model->oids[seen->at++];
	if (!sfs_span_equal(oid, sfs_span_str(wanted)))
		fail_msg("%.*s, wanted %s", (int)oid.len, (const char *)oid.data, wanted);
	return ++seen->count == seen->stop;
}

static size_t window(struct case_store *c, const struct model *model, int64_t count, int64_t start,
		     int64_t end)
{
	struct sfs_window what = { count, start, end };
	struct seen seen = { .model = model, .at = start > 0 ? (size_t)start : 0 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfs_object_window(c->store, c->articles, SPAN(""), &what, SFS_FORMAT_JSON, see,
				    &seen, &diag);
	if (err)
		fail_msg("%s", diag.text);
	return seen.count;
}

static void verify(struct case_store *c, const struct model *model)
{
	uint64_t number;
	for (size_t i = 0; i <= model->count; i += model->count / 23 + 1) {
		size_t left = model->count - i;
		assert_int_equal(window(c, model, 5, (int64_t)i, -1), left < 5 ? left : 5);
		if (i == model->count)
			break;
		assert_int_equal(sfs_object_rank(c->store, c->articles,
						 sfs_span_str(model->oids[i]), &number),
				 0);
		assert_int_equal(number, i);
	}
	assert_int_equal(sfs_object_count(c->store, c->articles, SPAN(""), &number), 0);
	assert_int_equal(number, model->count);
	assert_int_equal(window(c, model, -1, (int64_t)model->count, -1), 0);
	assert_string_equal(check_run(c), "");
}

static void windows_follow_their_rules(void **state)
{
	struct case_store *c = *state;
	struct model *model = calloc(1, sizeof *model);
	static const int64_t table[][4] = {
		/* count, start, end, how many */
		{ -1, 0, -1, 10 },
		{ 3, 0, -1, 3 },
		{ 3, 8, -1, 2 },
		{ -1, 7, -1, 3 },
		{ 0, 0, -1, 0 },
		{ 0, 5, -1, 0 },
		{ -1, 0, 4, 4 },
		{ -1, 2, 4, 2 },
		{ 1, 2, 4, 1 },
		{ 9, 2, 4, 2 },
		{ 0, 2, 4, 2 },
		{ -1, 4, 2, 0 },
		{ -1, 0, 99, 10 },
		{ -1, 99, -1, 0 },
		{ -1, -5, -1, 10 },
		{ 2, -5, 3, 2 },
		{ -1, 3, 3, 0 },
		{ -7, 0, -7, 10 },
		{ INT64_MAX, INT64_MAX, -1, 0 },
		{ INT64_MAX, 1, INT64_MAX, 9 },
	};
	fill(c, model, 10, 3);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const int64_t *row = table[i];
		size_t got = window(c, model, row[0], row[1], row[2]);
		if (got != (size_t)row[3])
			fail_msg("row %zu: %zu", i, got);
	}
	/* A callback that stops. */
	struct sfs_window all = SFS_WINDOW_ALL;
	struct seen seen = { .model = model, .stop = 4 };
	assert_int_equal(sfs_object_window(c->store, c->articles, SPAN(""), &all, SFS_FORMAT_JSON,
					   see, &seen, NULL),
			 SFS_ERR_CANCELLED);
	assert_int_equal(seen.count, 4);
	assert_int_equal(sfs_object_window(c->store, c->images, SPAN(""), &all, SFS_FORMAT_JSON,
					   see, &seen, NULL),
			 SFS_ERR_WRONG_KIND);
	assert_int_equal(
		sfs_object_window(c->store, 77, SPAN(""), &all, SFS_FORMAT_JSON, see, &seen, NULL),
		SFS_ERR_NOT_FOUND);
	model_free(model);
}

static void positions_stay_right_while_a_class_grows_and_shrinks(void **state)
{
	struct case_store *c = *state;
	struct model *model = calloc(1, sizeof *model);
	verify(c, model);
	fill(c, model, 700, 1);
	verify(c, model);
	fill(c, model, 2300, 100);
	verify(c, model);
	case_reopen(c);
	verify(c, model);
	fill(c, model, 3000, 3000);
	verify(c, model);
	while (model->count > 2500)
		drop(c, model, (model->count * 31) % model->count);
	verify(c, model);
	while (model->count > 900)
		drop(c, model, 100);
	verify(c, model);
	case_reopen(c);
	verify(c, model);
	while (model->count)
		drop(c, model, model->count - 1);
	verify(c, model);
	assert_int_equal(sfs_class_remove(c->store, SPAN("Article")), 0);
	assert_string_equal(check_run(c), "");
	model_free(model);
}

static void positions_follow_renames_and_aborted_changes(void **state)
{
	struct case_store *c = *state;
	struct model *model = calloc(1, sizeof *model);
	struct sfs_batch *batch;
	struct sfs_put put = { .class_id = c->articles, .text = SPAN("{}") };
	size_t failed;
	fill(c, model, 1500, 500);
	assert_int_equal(sfs_object_rename(c->store, c->articles, sfs_span_str(model->oids[3]),
					   SPAN("zzz"), 0, NULL),
			 0);
	free(model->oids[3]);
	model->oids[3] = strdup("zzz");
	model_sort(model);
	verify(c, model);
	/* Onto another one: there is one less. */
	assert_int_equal(sfs_object_rename(c->store, c->articles, sfs_span_str(model->oids[9]),
					   SPAN("zzz"), 0, NULL),
			 0);
	free(model->oids[9]);
	memmove(model->oids + 9, model->oids + 10, (--model->count - 9) * sizeof *model->oids);
	verify(c, model);
	assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
	put.oid = SPAN("a");
	assert_int_equal(sfs_batch_put(batch, &put, NULL), 0);
	put.oid = SPAN("zzz");
	put.flags = SFS_PUT_CREATE;
	assert_int_equal(sfs_batch_put(batch, &put, NULL), 0);
	assert_int_equal(sfs_batch_commit(batch, &failed), SFS_ERR_EXISTS);
	assert_int_equal(failed, 1);
	verify(c, model);
	model_free(model);
}

static void positions_that_do_not_add_up_are_made_anew(void **state)
{
	struct case_store *c = *state;
	struct sfsi_key key;
	if (!case_durable())
		skip();
	struct model *model = calloc(1, sizeof *model);
	fill(c, model, 3000, 1000);
	sfsi_key_range(&key, SPAN(""));
	check_drop_row(c, c->articles, &key);
	case_reopen(c);
	assert_int_equal(window(c, model, 5, 2000, -1), 5);
	fill(c, model, 1, 1);
	verify(c, model);
	case_reopen(c);
	verify(c, model);
	/* A wrong row that adds up to something else is noticed when the store is opened. */
	check_put_row(c, c->articles, &key, SPAN("\x01\x05\0\0\0\0\0\0\0"));
	assert_string_equal(check_run(c), "counter");
	case_reopen(c);
	assert_int_equal(window(c, model, 5, 2000, -1), 5);
	fill(c, model, 1, 1);
	verify(c, model);
	check_put_row(c, c->articles, &key, SPAN("\x02x"));
	case_reopen(c);
	fill(c, model, 1, 1);
	verify(c, model);
	model_free(model);
}

static int count_one(void *arg, struct sfs_span oid, struct sfs_span doc)
{
	(void)oid, (void)doc;
	++*(size_t *)arg;
	return 0;
}

static void a_prefix_has_positions_of_its_own(void **state)
{
	struct case_store *c = *state;
	struct model *model = calloc(1, sizeof *model);
	static const char *const prefixes[] = { "0", "01", "09999", "5", "9", "x" };
	uint64_t number;
	fill(c, model, 3000, 1000);
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		size_t first = 0, count = 0;
		struct sfs_span prefix = sfs_span_str(prefixes[i]);
		while (first < model->count && strcmp(model->oids[first], prefixes[i]) < 0)
			first++;
		while (first + count < model->count &&
		       memcmp(model->oids[first + count], prefixes[i], prefix.len) == 0)
			count++;
		assert_int_equal(sfs_object_count(c->store, c->articles, prefix, &number), 0);
		assert_int_equal(number, count);
		for (size_t start = 0; start <= count; start += count / 5 + 1) {
			struct sfs_window what = { 3, (int64_t)start, -1 };
			struct seen seen = { .model = model, .at = first + start };
			assert_int_equal(sfs_object_window(c->store, c->articles, prefix, &what,
							   SFS_FORMAT_JSON, see, &seen, NULL),
					 0);
			assert_int_equal(seen.count, count - start < 3 ? count - start : 3);
		}
	}
	if (!case_mirrored()) {
		assert_int_equal(case_put(c, "\xff\xff", "{}", 0), 0);
		assert_int_equal(sfs_object_count(c->store, c->articles, SPAN("\xff"), &number), 0);
		assert_int_equal(number, 1);
	}
	model_free(model);
}

static void since_gives_what_changed_after_it(void **state)
{
	struct case_store *c = *state;
	struct sfs_attr attr;
	size_t count = 0;
	assert_int_equal(case_put(c, "1", "{\"a\":1}", 0), 0);
	assert_int_equal(case_put(c, "2", "{\"a\":1}", 0), 0);
	attr = case_attr(c, "2");
	assert_int_equal(case_put(c, "3", "{\"a\":1}", 0), 0);
	struct sfs_span none = { NULL, 0 };
	assert_int_equal(sfs_object_since(c->store, c->articles, 0, none, 0, SFS_FORMAT_JSON,
					  count_one, &count, NULL),
			 0);
	assert_int_equal(count, 3);
	count = 0;
	assert_int_equal(sfs_object_since(c->store, c->articles, attr.mtime_ns, none, 0,
					  SFS_FORMAT_JSON, count_one, &count, NULL),
			 0);
	assert_int_equal(count, 1);
	/* Another text of the same content is no update. */
	assert_int_equal(case_put(c, "1", "{\"a\":  1}", SFS_PUT_KEEP_TEXT), 0);
	assert_int_equal(case_put(c, "2", "{\"a\":2}", 0), 0);
	count = 0;
	assert_int_equal(sfs_object_since(c->store, c->articles, attr.mtime_ns, none, 0,
					  SFS_FORMAT_JSON, count_one, &count, NULL),
			 0);
	assert_int_equal(count, 2);
	count = 0;
	assert_int_equal(sfs_object_since(c->store, c->articles, attr.mtime_ns, none, 1,
					  SFS_FORMAT_JSON, count_one, &count, NULL),
			 0);
	assert_int_equal(count, 1);
	count = 0;
	assert_int_equal(sfs_object_since(c->store, c->articles, attr.mtime_ns, SPAN("2"), 0,
					  SFS_FORMAT_JSON, count_one, &count, NULL),
			 0);
	assert_int_equal(count, 1);
}

static void ensure_makes_what_is_missing_and_leaves_the_rest(void **state)
{
	struct case_store *c = *state;
	struct sfs_put put = { .class_id = c->articles, .oid = SPAN("1") };
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_attr first, second;
	bool made = false;
	assert_false(sfs_object_has(c->store, c->articles, SPAN("1")));
	assert_false(sfs_object_has(c->store, c->articles, SPAN("")));
	assert_int_equal(sfs_object_ensure(c->store, &put, &first, &made, &diag), 0);
	assert_true(made);
	assert_true(sfs_object_has(c->store, c->articles, SPAN("1")));
	put.text = SPAN("{\"a\": 1}");
	assert_int_equal(sfs_object_ensure(c->store, &put, &second, &made, &diag), 0);
	assert_false(made);
	assert_int_equal(first.ino, second.ino);
	assert_int_equal(first.revision, second.revision);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), "{}\n");
	put.oid = SPAN("2");
	assert_int_equal(sfs_object_ensure(c->store, &put, NULL, NULL, NULL), 0);
	assert_string_equal(case_get(c, "2", SFS_FORMAT_JSON), "{\n  \"a\": 1\n}\n");
	put.oid = SPAN("3");
	put.text = SPAN("{\"a\": ");
	assert_int_equal(sfs_object_ensure(c->store, &put, NULL, &made, &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(diag.err, SFS_ERR_BAD_DOCUMENT);
	put.oid = SPAN("");
	assert_int_equal(sfs_object_ensure(c->store, &put, NULL, NULL, &diag), SFS_ERR_NAME);
	put.class_id = c->images;
	put.oid = SPAN("x");
	assert_int_equal(sfs_object_ensure(c->store, &put, NULL, NULL, &diag), SFS_ERR_WRONG_KIND);
	char oid[SFS_OID_MADE_SIZE];
	assert_int_equal(sfs_oid_make(c->store, c->articles, oid), 0);
	put = (struct sfs_put){ .class_id = c->articles, .oid = sfs_span_str(oid) };
	assert_int_equal(sfs_object_ensure(c->store, &put, NULL, &made, &diag), 0);
	assert_true(made);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int contract_lists(const char *backend)
{
	case_backend = backend;
	const struct CMUnitTest tests[] = {
		CASE(windows_follow_their_rules),
		CASE(positions_stay_right_while_a_class_grows_and_shrinks),
		CASE(positions_follow_renames_and_aborted_changes),
		CASE(positions_that_do_not_add_up_are_made_anew),
		CASE(a_prefix_has_positions_of_its_own),
		CASE(since_gives_what_changed_after_it),
		CASE(ensure_makes_what_is_missing_and_leaves_the_rest),
	};
	return cmocka_run_group_tests_name("lists", tests, NULL, NULL);
}
