/* Update times of properties: only what changed gets a new one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "document/document.h"
#include "object.h"

/** An object as it would be stored. */
struct stored {
	struct sfs_buf body, updates;
	struct sfsi_record record;
};

static void parse(const char *json, struct sfs_buf *ret)
{
	struct sfsi_document_rules rules = { .oid = sfs_span_str("x"),
					     .type = sfs_span_str("C"),
					     .class_name = sfs_span_str("C") };
	assert_int_equal(
		sfsi_document_parse(SFS_FORMAT_JSON, sfs_span_str(json), &rules, ret, NULL), 0);
}

static void save(struct stored *object, const char *json, int64_t now)
{
	struct sfs_buf body = SFS_BUF_INIT, updates = SFS_BUF_INIT;
	int64_t updated;
	parse(json, &body);
	const struct sfsi_record *old = object->body.data ? &object->record : NULL;
	assert_int_equal(sfsi_updates_make(old, sfs_buf_span(&body), now, &updated, &updates), 0);
	sfs_buf_fini(&object->body);
	sfs_buf_fini(&object->updates);
	object->body = body;
	object->updates = updates;
	object->record = (struct sfsi_record){ .updated_ns = updated,
					       .body = sfs_buf_span(&body),
					       .updates = sfs_buf_span(&updates) };
}

/** The stored ages as text, "3 0 7": before updated_ns, in the order of the body. */
static const char *ages(const struct stored *object)
{
	static char text[256];
	size_t len = 0;
	uint64_t age = 0;
	unsigned shift = 0;
	text[0] = '\0';
	for (size_t i = 0; i < object->updates.len; i++) {
		unsigned char byte = ((unsigned char *)object->updates.data)[i];
		age |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (byte & 0x80)
			continue;
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%llu", len ? " " : "",
					(unsigned long long)age);
		age = shift = 0;
	}
	return text;
}

static void fini(struct stored *object)
{
	sfs_buf_fini(&object->body);
	sfs_buf_fini(&object->updates);
}

static void only_what_changed_gets_a_new_time(void **state)
{
	(void)state;
	struct stored o = { 0 };
	save(&o, "{\"a\":1,\"b\":2,\"c\":3}", 1000);
	assert_int_equal(o.record.updated_ns, 1000);
	assert_string_equal(ages(&o), "");
	save(&o, "{\"a\":1,\"b\":22,\"c\":3}", 1500);
	assert_int_equal(o.record.updated_ns, 1500);
	assert_string_equal(ages(&o), "500 0 500");
	save(&o, "{\"a\":1,\"b\":22,\"c\":3,\"d\":4}", 1501);
	assert_string_equal(ages(&o), "501 1 501 0");
	fini(&o);
}

static void another_order_changes_no_time(void **state)
{
	(void)state;
	struct stored o = { 0 };
	save(&o, "{\"a\":1,\"b\":2,\"c\":3}", 1000);
	save(&o, "{\"a\":1,\"b\":22,\"c\":3}", 1300);
	save(&o, "{\"c\":3,\"b\":22,\"a\":1}", 2000);
	assert_int_equal(o.record.updated_ns, 1300);
	assert_string_equal(ages(&o), "300 0 300");
	fini(&o);
}

static void a_removed_property_changes_the_object(void **state)
{
	(void)state;
	struct stored o = { 0 };
	save(&o, "{\"a\":1,\"b\":2}", 1000);
	save(&o, "{\"b\":2}", 1200);
	assert_int_equal(o.record.updated_ns, 1200);
	assert_string_equal(ages(&o), "200");
	save(&o, "{}", 1300);
	assert_int_equal(o.record.updated_ns, 1300);
	fini(&o);
}

static void times_never_go_back(void **state)
{
	(void)state;
	struct stored o = { 0 };
	save(&o, "{\"a\":1}", 1000);
	save(&o, "{\"a\":2}", 10);
	assert_int_equal(o.record.updated_ns, 1000);
	fini(&o);
}

static void ten_thousand_properties_in_reverse_order(void **state)
{
	(void)state;
	struct stored o = { 0 };
	struct sfs_buf up = SFS_BUF_INIT, down = SFS_BUF_INIT;
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(sfs_buf_printf(&up, "%c\"p%d\":%d", i ? ',' : '{', i, i), 0);
		assert_int_equal(
			sfs_buf_printf(&down, "%c\"p%d\":%d", i ? ',' : '{', 9999 - i, 9999 - i),
			0);
	}
	assert_int_equal(sfs_buf_append(&up, "}", 2), 0);
	assert_int_equal(sfs_buf_append(&down, "}", 2), 0);
	save(&o, up.data, 1000);
	save(&o, down.data, 2000);
	assert_int_equal(o.record.updated_ns, 1000);
	sfs_buf_fini(&up);
	sfs_buf_fini(&down);
	fini(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_changed_gets_a_new_time),
		cmocka_unit_test(another_order_changes_no_time),
		cmocka_unit_test(a_removed_property_changes_the_object),
		cmocka_unit_test(times_never_go_back),
		cmocka_unit_test(ten_thousand_properties_in_reverse_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
