/* What the contract cases of relations share: see relation_case.h. */
#include "relation_case.h"

uint32_t relation_define(struct case_store *c, const char *name, const char *text)
{
	struct sfs_class_make make = { .name = sfs_span_str(name), .mode = 0755 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_class_info info;
	if (sfs_class_define(c->store, &make, sfs_span_str(text), &diag) < 0)
		fail_msg("%s: %s", name, diag.text);
	assert_int_equal(sfs_class_find(c->store, make.name, &info), 0);
	return info.id;
}

int relation_put(struct case_store *c, uint32_t class_id, const char *oid, const char *text)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_put put = {
		.class_id = class_id,
		.oid = sfs_span_str(oid),
		.text = sfs_span_str(text),
		.flags = SFS_PUT_KEEP_TEXT,
	};
	int err = sfs_object_put(c->store, &put, NULL, &diag);
	if (err)
		print_message("%s\n", diag.text);
	return err;
}

struct sfs_relation relation_of(struct case_store *c, const char *oid, const char *name)
{
	return (struct sfs_relation){ c->articles, sfs_span_str(oid), sfs_span_str(name) };
}

static char text[65536];
static size_t text_len;

static void append(const char *prefix, struct sfs_span more)
{
	text_len += (size_t)snprintf(text + text_len, sizeof text - text_len, "%s%s%.*s",
				     text_len ? " " : "", prefix, (int)more.len,
				     (const char *)more.data);
	assert_true(text_len < sizeof text);
}

static int see_target(void *arg, uint64_t index, struct sfs_span oid)
{
	uint64_t *next = arg;
	assert_int_equal(index, *next);
	++*next;
	append("", oid);
	return 0;
}

const char *relation_targets(struct case_store *c, const char *oid, const char *name)
{
	struct sfs_relation relation = relation_of(c, oid, name);
	uint64_t next = 0, count = 0;
	text_len = 0;
	text[0] = '\0';
	assert_int_equal(sfs_relation_get(c->store, &relation, 0, 0, see_target, &next), 0);
	assert_int_equal(sfs_relation_count(c->store, &relation, &count), 0);
	assert_int_equal(count, next);
	return text;
}

struct referrers {
	struct case_store *c;
	char *names[1024];
	size_t count;
};

static int see_referrer(void *arg, const struct sfs_referrer *referrer)
{
	struct referrers *seen = arg;
	struct sfs_class_info info;
	assert_true(seen->count < 1024);
	assert_int_equal(sfs_class_get(seen->c->store, referrer->class_id, &info), 0);
	assert_true(asprintf(&seen->names[seen->count++], "%s/%.*s.%.*s", info.name,
			     (int)referrer->oid.len, (const char *)referrer->oid.data,
			     (int)referrer->relation.len,
			     (const char *)referrer->relation.data) > 0);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *relation_referrers(struct case_store *c, uint32_t class_id, const char *oid)
{
	struct referrers seen = { .c = c };
	assert_int_equal(sfs_referrers_list(c->store, class_id, sfs_span_str(oid), NULL, 0,
					    see_referrer, &seen),
			 0);
	qsort(seen.names, seen.count, sizeof *seen.names, compare);
	text_len = 0;
	text[0] = '\0';
	for (size_t i = 0; i < seen.count; i++) {
		append("", sfs_span_str(seen.names[i]));
		free(seen.names[i]);
	}
	return text;
}

int relation_add(struct case_store *c, const char *oid, const char *name, const char *target)
{
	struct sfs_relation relation = relation_of(c, oid, name);
	struct sfs_target to = { 0, sfs_span_str(target) };
	return sfs_relation_add(c->store, &relation, &to, NULL);
}

int relation_remove(struct case_store *c, const char *oid, const char *name, const char *target)
{
	struct sfs_relation relation = relation_of(c, oid, name);
	struct sfs_target to = { 0, sfs_span_str(target) };
	return sfs_relation_remove(c->store, &relation, &to, NULL);
}

void relation_sound(struct case_store *c)
{
	static struct report report;
	check_run_flags(c, 0, &report);
	if (report.result.problems)
		fail_msg("%s: %s", report.text, report.last);
}
