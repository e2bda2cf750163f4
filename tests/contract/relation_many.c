/*
 * Relations to many targets, which are rows of their own: what they say is what they would say in one
 * piece, their sizes are exact, and one change writes no more because there are many.
 */
#include "backend/backend.h"
#include "relation_case.h"
#include "rows.h"

#define NAMES 400

static uint64_t random_state;

static uint32_t pick(uint32_t below)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % below;
}

/** Names of the targets, in order: what the relation must be. */
struct model {
	int names[NAMES];
	int count;
};

static const char *name_of(int number)
{
	static char names[4][32];
	static int next;
	next = (next + 1) % 4;
	/* Of different lengths, and some that JSON escapes. */
	snprintf(names[next], sizeof names[next], "%s%d", number % 7 ? "t" : "\xc3\xa4\"\n",
		 number * (number % 3 ? 1 : 1000));
	return names[next];
}

static int find(const struct model *model, int name)
{
	for (int i = 0; i < model->count; i++)
		if (model->names[i] == name)
			return i;
	return -1;
}

static void drop(struct model *model, int at)
{
	model->count--;
	memmove(model->names + at, model->names + at + 1,
		(size_t)(model->count - at) * sizeof model->names[0]);
}

static struct sfs_buf document(const struct model *model)
{
	struct sfs_buf text = SFS_BUF_INIT;
	assert_int_equal(sfs_buf_printf(&text, "{\n  \"title\": \"t\",\n  \"replies\": ["), 0);
	for (int i = 0; i < model->count; i++) {
		const char *name = name_of(model->names[i]);
		bool odd = model->names[i] % 7 == 0;
		assert_int_equal(
			sfs_buf_printf(
				&text,
				"%s\n    {\n      \"oid\": \"%s%s\",\n      \"type\": \"Account\"\n"
				"    }",
				i ? "," : "", odd ? "\xc3\xa4\\\"\\n" : "", odd ? name + 4 : name),
			0);
	}
	assert_int_equal(sfs_buf_printf(&text, "%s]\n}\n", model->count ? "\n  " : ""), 0);
	return text;
}

static int save(struct case_store *c, const struct model *model, unsigned flags)
{
	struct sfs_buf text = document(model);
	struct sfs_put put = {
		.class_id = c->articles,
		.oid = SPAN("1"),
		.text = sfs_buf_span(&text),
		.flags = flags,
	};
	int err = sfs_object_put(c->store, &put, NULL, NULL);
	sfs_buf_fini(&text);
	return err;
}

static void compare_document(struct case_store *c, const struct model *model)
{
	struct sfs_buf text = document(model);
	assert_int_equal(sfs_buf_append(&text, "", 1), 0);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), text.data);
	assert_int_equal(case_attr(c, "1").size, text.len - 1);
	sfs_buf_fini(&text);
}

static void compare(struct case_store *c, const struct model *model)
{
	struct sfs_relation relation = relation_of(c, "1", "replies");
	uint64_t count;
	compare_document(c, model);
	assert_int_equal(sfs_relation_count(c->store, &relation, &count), 0);
	assert_int_equal(count, model->count);
	for (int i = 0; i < 5 && model->count; i++) {
		int index = (int)pick((uint32_t)model->count), other = (int)pick(NAMES);
		struct sfs_target target = { 0, sfs_span_str(name_of(other)) };
		struct sfs_buf one = SFS_BUF_INIT;
		assert_int_equal(sfs_relation_one(c->store, &relation, index, &one), 0);
		assert_true(sfs_span_equal(sfs_buf_span(&one),
					   sfs_span_str(name_of(model->names[index]))));
		sfs_buf_fini(&one);
		assert_int_equal(sfs_relation_has(c->store, &relation, &target),
				 find(model, other) >= 0 ? 0 : SFS_ERR_NOT_FOUND);
	}
}

static uint32_t start(struct case_store *c)
{
	uint32_t accounts = relation_define(c, "Account", "{}");
	relation_define(c, "Article",
			"{\"properties\": {\"title\": \"string\"}, "
			"\"relations\": {\"author\": \"Account\", \"replies\": [\"Account\"]}}");
	return accounts;
}

static void shuffle(struct model *model)
{
	/* A part moves, some go, some come, sometimes all of it changes its order. */
	uint32_t swaps = pick(4) == 0 ? NAMES : pick(8);
	for (uint32_t i = 0; i < swaps && model->count > 1; i++) {
		uint32_t a = pick((uint32_t)model->count), b = pick((uint32_t)model->count);
		int name = model->names[a];
		model->names[a] = model->names[b];
		model->names[b] = name;
	}
	for (uint32_t i = pick(12); i > 0 && model->count; i--)
		drop(model, (int)pick((uint32_t)model->count));
	for (uint32_t i = pick(40); i > 0; i--) {
		int name = (int)pick(NAMES), at = (int)pick((uint32_t)model->count + 1);
		if (find(model, name) >= 0)
			continue;
		memmove(model->names + at + 1, model->names + at,
			(size_t)(model->count - at) * sizeof model->names[0]);
		model->names[at] = name;
		model->count++;
	}
	if (pick(10) == 0)
		model->count = (int)pick(50) < model->count ? (int)pick(50) : model->count;
}

static void do_add(struct case_store *c, struct model *model)
{
	int name = (int)pick(NAMES);
	assert_int_equal(relation_add(c, "1", "replies", name_of(name)), 0);
	if (find(model, name) < 0)
		model->names[model->count++] = name;
}

static void do_take(struct case_store *c, struct model *model)
{
	int name = model->count && pick(4) ? model->names[pick((uint32_t)model->count)]
					   : (int)pick(NAMES);
	int at = find(model, name);
	assert_int_equal(relation_remove(c, "1", "replies", name_of(name)),
			 at >= 0 ? 0 : SFS_ERR_NOT_FOUND);
	if (at >= 0)
		drop(model, at);
}

static void do_rename(struct case_store *c, struct model *model, uint32_t accounts)
{
	int from = (int)pick(NAMES), to = (int)pick(NAMES), at = find(model, from);
	struct sfs_attr attr;
	if (from == to)
		return;
	if (sfs_object_find(c->store, accounts, sfs_span_str(name_of(from)), &attr) < 0)
		assert_int_equal(relation_put(c, accounts, name_of(from), "{}"), 0);
	assert_int_equal(sfs_object_rename(c->store, accounts, sfs_span_str(name_of(from)),
					   sfs_span_str(name_of(to)), 0, NULL),
			 0);
	if (at >= 0 && find(model, to) >= 0)
		drop(model, at);
	else if (at >= 0)
		model->names[at] = to;
}

static int no_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	(void)arg, (void)key, (void)val;
	return 1;
}

static void what_many_say_is_what_few_say(void **state)
{
	struct case_store *c = *state;
	static struct model model;
	uint32_t accounts = start(c);
	memset(&model, 0, sizeof model);
	random_state = 4711;
	for (int i = 0; i < 90; i++)
		model.names[model.count++] = i;
	assert_int_equal(save(c, &model, 0), 0);
	compare(c, &model);
	for (int i = 0; i < 600; i++) {
		uint32_t what = pick(10);
		if (what < 3)
			do_add(c, &model);
		else if (what < 6)
			do_take(c, &model);
		else if (what < 8)
			do_rename(c, &model, accounts);
		else {
			shuffle(&model);
			assert_int_equal(save(c, &model, what == 8 ? SFS_PUT_KEEP_TEXT : 0), 0);
		}
		compare(c, &model);
		if (i % 20 == 0)
			relation_sound(c);
		if (i % 200 == 199)
			case_reopen(c);
	}
	relation_sound(c);
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("1"), 0), 0);
	assert_string_equal(check_run(c), "");
	struct sfsi_scan scan = { .partition = c->articles, .prefix = SPAN("L") };
	assert_int_equal(sfsi_backend_scan(c->store->backend, &scan, no_row, NULL), 0);
}

/** Rows and bytes that a change writes. */
static uint64_t written(struct case_store *c)
{
	return c->store->backend->count.ops;
}

/** Rows of a commit about the file of its object, and those of earlier ones that go. */
static uint64_t of_files(void)
{
	return case_mirrored() ? 2 + 64 : 0;
}

static int see_number(void *arg, uint64_t index, struct sfs_span oid)
{
	uint64_t *next = arg;
	char expected[16];
	int len = snprintf(expected, sizeof expected, "%llu", (unsigned long long)index);
	assert_int_equal(index, *next);
	assert_true(sfs_span_equal(oid, (struct sfs_span){ expected, (size_t)len }));
	++*next;
	return 0;
}

/** Whether a save keeps one depends on how long ago the last one was. */
static void keep_no_versions(struct case_store *c)
{
	struct sfs_settings settings;
	assert_int_equal(sfs_settings_get(c->store, &settings, NULL), 0);
	settings.history = 0;
	assert_int_equal(sfs_settings_set(c->store, &settings, NULL), 0);
}

static void a_relation_of_100000(void **state)
{
	struct case_store *c = *state;
	struct sfs_relation replies = relation_of(c, "1", "replies");
	struct sfs_batch *batch;
	uint64_t count, next = 0;
	uint32_t accounts = start(c);
	keep_no_versions(c);
	assert_int_equal(relation_put(c, c->articles, "1", "{\"title\": \"t\"}"), 0);
	assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
	for (int i = 0; i < 100000; i++) {
		char oid[16];
		snprintf(oid, sizeof oid, "%d", i);
		struct sfs_target target = { 0, sfs_span_str(oid) };
		assert_int_equal(sfs_batch_relation_add(batch, &replies, &target), 0);
	}
	assert_int_equal(sfs_batch_commit(batch, NULL), 0);
	case_reopen(c);
	if (!case_durable())
		assert_int_equal(sfs_relation_count(c->store, &replies, &count), 0);
	assert_int_equal(sfs_relation_count(c->store, &replies, &count), 0);
	assert_int_equal(count, 100000);
	assert_int_equal(sfs_relation_get(c->store, &replies, 0, 0, see_number, &next), 0);
	assert_int_equal(next, 100000);
	next = 99990;
	assert_int_equal(sfs_relation_get(c->store, &replies, 99990, 5, see_number, &next), 0);
	assert_int_equal(next, 99995);
	/* One more and one less: record, entry, state, two rows, who refers. */
	uint64_t before = written(c);
	assert_int_equal(relation_add(c, "1", "replies", "100000"), 0);
	assert_true(written(c) - before <= 6 + of_files());
	before = written(c);
	assert_int_equal(relation_remove(c, "1", "replies", "50000"), 0);
	assert_true(written(c) - before <= 6 + of_files());
	assert_string_equal(relation_referrers(c, accounts, "50000"), "");
	assert_string_equal(relation_referrers(c, accounts, "100000"), "Article/1.replies");
	/* Saving its document writes what differs. */
	uint64_t ino = case_attr(c, "1").ino;
	struct sfs_doc *doc;
	assert_int_equal(sfs_object_get(c->store, ino, SFS_FORMAT_JSON, &doc), 0);
	assert_int_equal(doc->bytes.len, case_attr(c, "1").size);
	static const char added[] =
		",\n    {\n      \"oid\": \"new\",\n      \"type\": \"Account\"\n"
		"    }\n  ]\n}\n";
	struct sfs_buf text = SFS_BUF_INIT;
	assert_int_equal(sfs_buf_append(&text, doc->bytes.data, doc->bytes.len - 7), 0);
	assert_int_equal(sfs_buf_append(&text, added, sizeof added - 1), 0);
	sfs_doc_unref(doc);
	struct sfs_put put = {
		.class_id = c->articles,
		.oid = SPAN("1"),
		.text = sfs_buf_span(&text),
		.flags = SFS_PUT_KEEP_TEXT,
	};
	before = written(c);
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), 0);
	assert_true(written(c) - before <= 6 + of_files());
	assert_int_equal(case_attr(c, "1").size, text.len);
	sfs_buf_fini(&text);
	assert_string_equal(relation_referrers(c, accounts, "new"), "Article/1.replies");
	assert_int_equal(sfs_relation_clear(c->store, &replies, NULL), 0);
	assert_string_equal(relation_referrers(c, accounts, "7"), "");
	assert_string_equal(check_run(c), "");
}

static void times_and_other_members_stay(void **state)
{
	struct case_store *c = *state;
	start(c);
	static struct model model;
	model.count = 0;
	for (int i = 0; i < 100; i++)
		model.names[model.count++] = i;
	assert_int_equal(save(c, &model, 0), 0);
	/* Attributes alone. */
	struct sfs_setattr set = { .mask = SFS_SET_MODE, .mode = 0600 };
	uint64_t before = written(c);
	assert_int_equal(sfs_object_setattr(c->store, case_attr(c, "1").ino, &set, NULL), 0);
	assert_true(written(c) - before <= 3 + of_files());
	compare(c, &model);
	/* Another name, another place, and back again. */
	assert_int_equal(sfs_object_rename(c->store, c->articles, SPAN("1"), SPAN("2"), 0, NULL),
			 0);
	relation_sound(c);
	assert_int_equal(relation_put(c, c->articles, "1", "{\"title\": \"x\"}"), 0);
	assert_int_equal(sfs_object_rename(c->store, c->articles, SPAN("2"), SPAN("1"),
					   SFS_RENAME_EXCHANGE, NULL),
			 0);
	compare(c, &model);
	relation_sound(c);
	assert_int_equal(sfs_object_to_raw(c->store, c->articles, SPAN("1"), SFS_FORMAT_JSON,
					   c->scratch, SPAN("away"), NULL),
			 0);
	relation_sound(c);
	struct sfs_put put = { .class_id = c->articles, .oid = SPAN("1") };
	assert_int_equal(sfs_object_put_raw(c->store, &put, c->scratch, SPAN("away"), NULL, NULL),
			 0);
	compare(c, &model);
	/* The definition loses the relation: the targets are a property like any other. */
	relation_define(c, "Article", "{}");
	relation_sound(c);
	compare_document(c, &model);
	assert_int_equal(save(c, &model, 0), 0);
	relation_define(c, "Article", "{\"validate\": \"off\", \"properties\": {\"n\": \"int\"}}");
	model.count = 99;
	assert_int_equal(save(c, &model, 0), 0);
	compare_document(c, &model);
	relation_sound(c);
}

static void rows_that_do_not_agree_are_found(void **state)
{
	struct case_store *c = *state;
	start(c);
	static struct model model;
	model.count = 0;
	for (int i = 0; i < 70; i++)
		model.names[model.count++] = i * 3 + 1;
	assert_int_equal(save(c, &model, 0), 0);
	struct sfsi_key key;
	uint64_t serial = sfsi_ino_serial(case_attr(c, "1").ino);
	sfsi_rows_place(serial, SPAN("replies"), 3 * SFSI_ROWS_STRIDE, &key);
	struct sfs_buf row = check_get_row(c, c->articles, &key);
	check_drop_row(c, c->articles, &key);
	static struct report report;
	check_run_flags(c, 0, &report);
	assert_true(report.result.problems >= 2);
	assert_non_null(strstr(report.text, "rows"));
	struct sfs_doc *doc;
	assert_int_equal(sfs_object_get(c->store, case_attr(c, "1").ino, SFS_FORMAT_JSON, &doc),
			 SFS_ERR_CORRUPT);
	check_put_row(c, c->articles, &key, sfs_buf_span(&row));
	sfs_buf_fini(&row);
	relation_sound(c);
	sfsi_rows_target(serial + 100, SPAN("replies"), SPAN("x"), &key);
	check_put_row(c, c->articles, &key, SPAN("nonsense"));
	check_run_flags(c, 0, &report);
	assert_string_equal(report.kinds[report.count - 1], "rows");
	assert_int_equal(report.result.problems, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int contract_relation_many(const char *backend)
{
	static const struct CMUnitTest tests[] = {
		CASE(what_many_say_is_what_few_say),
		CASE(a_relation_of_100000),
		CASE(times_and_other_members_stay),
		CASE(rows_that_do_not_agree_are_found),
	};
	case_backend = backend;
	return cmocka_run_group_tests_name("relation_many", tests, NULL, NULL);
}
