/* The contract of indexes with functions of a program: without it nothing is lost, with it they answer. */
#include <storefs/index.h>
#include <storefs/index_function.h>
#include "case.h"
#include "check_case.h"
#include "contract.h"

static char one[] = "1", two[] = "2";

/* The oid behind a word that the program gives. */
static int slug(void *arg, const struct sfs_index_object *object, struct sfs_index_emitter *emitter)
{
	char text[100];
	int len = snprintf(text, sizeof text, "%s-%.*s", (const char *)arg, (int)object->oid.len,
			   (const char *)object->oid.data);
	return sfs_index_emit_text(emitter, (struct sfs_span){ text, (size_t)len });
}

static void define(struct case_store *c, const char *text)
{
	struct sfs_class_make make = { .name = SPAN("Article"), .mode = 0755 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (sfs_class_define(c->store, &make, sfs_span_str(text), &diag))
		fail_msg("%s", diag.text);
}

static uint64_t count(struct case_store *c, const char *index, const char *key)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	uint64_t n = 0;
	if (sfs_index_wait(c->store, c->articles, NULL, NULL, &diag) ||
	    sfs_index_count(c->store, c->articles, sfs_span_str(index), sfs_span_str(key), &n,
			    &diag))
		fail_msg("%s", diag.text);
	return n;
}

static void a_store_is_used_without_the_function_and_answers_with_it(void **state)
{
	struct case_store *c = *state;
	struct sfs_diag diag = SFS_DIAG_INIT;
	uint64_t n = 0;
	assert_int_equal(case_put(c, "a", "{}", 0), 0);
	define(c, "{\"indexes\": {\"late\": \"own:late\", \"x\": \"value\"}}");
	assert_int_equal(case_put(c, "b", "{\"x\": 1}", 0), 0);
	assert_int_equal(case_put(c, "a", "{\"x\": 1}", 0), 0);
	assert_int_equal(sfs_index_wait(c->store, c->articles, NULL, NULL, &diag),
			 SFS_ERR_UNSUPPORTED);
	assert_int_equal(
		sfs_index_count(c->store, c->articles, SPAN("late"), SPAN("1-a"), &n, &diag),
		SFS_ERR_UNSUPPORTED);
	assert_non_null(strstr(diag.text, "function"));
	/* The other index is none the worse. */
	assert_int_equal(sfs_index_count(c->store, c->articles, SPAN("x"), SPAN("1"), &n, &diag),
			 0);
	assert_int_equal(n, 2);
	assert_string_equal(check_run(c), "");

	assert_int_equal(sfs_index_register("late", 1, slug, one), 0);
	if (case_durable())
		case_reopen(c);
	else
		assert_int_equal(sfs_index_rebuild(c->store, c->articles, SPAN("late"), NULL, NULL,
						   NULL, &diag),
				 0);
	assert_int_equal(count(c, "late", "1-a"), 1);
	assert_int_equal(count(c, "late", "1-b"), 1);
	assert_int_equal(case_put(c, "c", "{}", 0), 0);
	assert_int_equal(count(c, "late", "1-c"), 1);
	assert_string_equal(check_run(c), "");
}

static void another_version_of_a_function_builds_its_index_anew(void **state)
{
	struct case_store *c = *state;
	if (!case_durable())
		return;
	assert_int_equal(sfs_index_register("changing", 1, slug, one), 0);
	define(c, "{\"indexes\": {\"i\": \"own:changing\"}}");
	assert_int_equal(case_put(c, "a", "{}", 0), 0);
	assert_int_equal(count(c, "i", "1-a"), 1);
	assert_int_equal(sfs_index_register("changing", 2, slug, two), 0);
	case_reopen(c);
	assert_int_equal(count(c, "i", "2-a"), 1);
	assert_int_equal(count(c, "i", "1-a"), 0);
	assert_string_equal(check_run(c), "");
}

int contract_index_own(const char *backend)
{
	case_backend = backend;
#define CASE(f) cmocka_unit_test_setup_teardown(f, case_setup, case_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_store_is_used_without_the_function_and_answers_with_it),
		CASE(another_version_of_a_function_builds_its_index_anew),
	};
	return cmocka_run_group_tests_name("index_own", tests, NULL, NULL);
}
