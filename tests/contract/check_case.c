/* What the contract cases of checking share: see check_case.h. */
#include "check_case.h"

/* --- running a check --- */

int check_collect(void *arg, const struct sfs_check_problem *problem)
{
	struct report *report = arg;
	assert_true(problem->text[0]);
	if (report->count < 256)
		report->kinds[report->count++] = sfs_check_kind_text(problem->kind);
	snprintf(report->last, sizeof report->last, "%s %.*s %.*s %s", problem->class_name,
		 (int)problem->oid.len, (const char *)problem->oid.data, (int)problem->name.len,
		 (const char *)problem->name.data, problem->text);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *check_run_flags(struct case_store *c, unsigned flags, struct report *report)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	memset(report, 0, sizeof *report);
	struct sfs_check check = { .flags = flags, .problem = check_collect, .arg = report };
	int err = sfs_store_check(c->store, &check, &report->result, &diag);
	if (err)
		fail_msg("check: %s", diag.text);
	assert_true(report->result.complete);
	qsort(report->kinds, report->count, sizeof *report->kinds, compare);
	size_t len = 0;
	for (size_t i = 0; i < report->count; i++)
		len += (size_t)snprintf(report->text + len, sizeof report->text - len, "%s%s",
					i ? " " : "", report->kinds[i]);
	return report->text;
}

const char *check_run(struct case_store *c)
{
	static struct report report;
	return check_run_flags(c, 0, &report);
}

/* --- a store with everything in it --- */

uint64_t check_ino(struct case_store *c, uint64_t dir, const char *name)
{
	struct sfs_attr attr;
	assert_int_equal(sfs_raw_find(c->store, dir, sfs_span_str(name), &attr), 0);
	return attr.ino;
}

static void fill_objects(struct case_store *c)
{
	char oid[32], text[64];
	for (int i = 0; i < 50; i++) {
		snprintf(oid, sizeof oid, "%d", i);
		snprintf(text, sizeof text, "{\"n\":%d, \"s\": \"\xc3\xa4\"}", i);
		assert_int_equal(case_put(c, oid, text, i % 2 ? SFS_PUT_KEEP_TEXT : 0), 0);
	}
	struct sfs_put put = { .class_id = c->articles,
			       .oid = SPAN("mp"),
			       .format = SFS_FORMAT_MSGPACK,
			       .flags = SFS_PUT_KEEP_TEXT,
			       .text = SPAN("\x81\xd9\x01n\x01") };
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), 0);
	assert_int_equal(case_put(c, "typed", "{\"type\": \"Article\", \"oid\": \"typed\"}",
				  SFS_PUT_KEEP_TEXT),
			 0);
	assert_int_equal(case_put(c, "1", "{\"n\":1, \"new\": 2}", SFS_PUT_KEEP_TEXT), 0);
	assert_int_equal(sfs_object_rename(c->store, c->articles, SPAN("2"), SPAN("two"), 0, NULL),
			 0);
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("3"), 0), 0);
	assert_int_equal(sfs_object_to_raw(c->store, c->articles, SPAN("5"), SFS_FORMAT_JSON,
					   c->scratch, SPAN("5~"), NULL),
			 0);
	case_make(c, c->scratch, ".swp", SFS_NODE_FILE);
}

static void fill_raws(struct case_store *c)
{
	uint64_t dir = case_make(c, c->root, "dir", SFS_NODE_DIR).ino;
	uint64_t sub = case_make(c, dir, "sub", SFS_NODE_DIR).ino;
	case_make(c, sub, "deep", SFS_NODE_DIR);
	uint64_t file = case_make(c, c->root, "file", SFS_NODE_FILE).ino;
	case_write(c, file, "hello");
	case_make(c, c->root, "link", SFS_NODE_SYMLINK);
	case_make(c, c->root, "fifo", SFS_NODE_FIFO);
	uint64_t hard = case_make(c, sub, "hard", SFS_NODE_FILE).ino;
	/* Two names of one raw are nothing that others know. */
	if (!case_mirrored())
		assert_int_equal(sfs_raw_link(c->store, hard, c->root, SPAN("hard2"), NULL), 0);
	assert_int_equal(sfs_raw_meta_set(c->store, file, SPAN("k"), SPAN("v"), 0, NULL), 0);
	assert_int_equal(sfs_raw_meta_set(c->store, dir, SPAN("k"), SPAN("v"), 0, NULL), 0);
	case_make(c, c->root, "gone", SFS_NODE_FILE);
	assert_int_equal(sfs_raw_unlink(c->store, c->root, SPAN("gone")), 0);
}

void check_fill(struct case_store *c)
{
	fill_objects(c);
	fill_raws(c);
	struct sfs_class_make make = { .name = SPAN("Old"), .kind = SFS_CLASS_RAW };
	struct sfs_class_info info;
	assert_int_equal(sfs_class_create(c->store, &make, &info, NULL), 0);
	case_make(c, sfs_ino_make(info.id, 1), "x", SFS_NODE_FILE);
	assert_int_equal(sfs_raw_unlink(c->store, sfs_ino_make(info.id, 1), SPAN("x")), 0);
	assert_int_equal(sfs_class_remove(c->store, SPAN("Old")), 0);
	/* The kept text of "typed" goes on saying Article. */
	assert_int_equal(sfs_class_rename(c->store, SPAN("Article"), SPAN("Renamed")), 0);
}

/* --- rows, behind the engine's back --- */

void check_put_row(struct case_store *c, uint32_t partition, const struct sfsi_key *key,
		   struct sfs_span val)
{
	struct sfsi_op op = { .partition = partition, .key = sfsi_key_span(key), .val = val };
	assert_int_equal(sfsi_backend_write(c->store->backend, &op, 1), 0);
}

void check_drop_row(struct case_store *c, uint32_t partition, const struct sfsi_key *key)
{
	struct sfsi_op op = { .partition = partition, .key = sfsi_key_span(key), .remove = true };
	assert_int_equal(sfsi_backend_write(c->store->backend, &op, 1), 0);
}

struct sfs_buf check_get_row(struct case_store *c, uint32_t partition, const struct sfsi_key *key)
{
	struct sfs_buf val = SFS_BUF_INIT;
	assert_int_equal(sfsi_backend_get(c->store->backend, partition, sfsi_key_span(key), &val),
			 0);
	return val;
}

void check_entry_key(struct case_store *c, uint64_t dir, const char *name, struct sfsi_key *ret)
{
	struct sfs_span span = sfs_span_str(name);
	sfsi_key_entry(ret, sfsi_ino_serial(dir), sfsi_cookie(c->store, span), span);
}
