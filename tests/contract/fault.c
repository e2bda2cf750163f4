/*
 * Every change of the engine, with its 1st, 2nd, … nth read and write of the backend failing: the
 * store must show the old state, whole, and the change must work when it is tried again.
 */
#include <unistd.h>
#include <storefs/index.h>
#include <storefs/refused.h>
#include "backend/fault.h"
#include "check_case.h"
#include "contract.h"
#include "relation_case.h"
#include "store_private.h"

static struct sfs_store *store_of(void **state)
{
	struct case_store *c = *state;
	return c->store;
}

/* --- the changes: each returns the engine's code --- */

static int put_new(struct case_store *c)
{
	return case_put(c, "new", "{\"n\":1}", 0);
}

static int put_old(struct case_store *c)
{
	return case_put(c, "old", "{\"n\":2}", SFS_PUT_KEEP_TEXT);
}

static int put_many(struct case_store *c)
{
	struct sfs_batch *batch;
	int err = sfs_batch_begin(c->store, &batch);
	struct sfs_put put = { .class_id = c->articles, .text = SPAN("{}"), .oid = SPAN("a") };
	if (!err)
		err = sfs_batch_put(batch, &put, NULL);
	put.oid = SPAN("b");
	if (!err)
		err = sfs_batch_put(batch, &put, NULL);
	return err ? err : sfs_batch_commit(batch, NULL);
}

static int object_remove(struct case_store *c)
{
	return sfs_object_remove(c->store, c->articles, SPAN("old"), 0);
}

static int object_rename(struct case_store *c)
{
	return sfs_object_rename(c->store, c->articles, SPAN("old"), SPAN("moved"), 0, NULL);
}

static int object_rename_onto(struct case_store *c)
{
	return sfs_object_rename(c->store, c->articles, SPAN("old"), SPAN("other"), 0, NULL);
}

static int object_mode(struct case_store *c)
{
	struct sfs_attr attr;
	struct sfs_setattr set = { .mask = SFS_SET_MODE, .mode = 0600 };
	int err = sfs_object_find(c->store, c->articles, SPAN("old"), &attr);
	return err ? err : sfs_object_setattr(c->store, attr.ino, &set, NULL);
}

static int scratch_to_object(struct case_store *c)
{
	struct sfs_put put = { .class_id = c->articles,
			       .oid = SPAN("old"),
			       .flags = SFS_PUT_KEEP_TEXT };
	return sfs_object_put_raw(c->store, &put, c->scratch, SPAN("tmp"), NULL, NULL);
}

static int object_to_scratch(struct case_store *c)
{
	return sfs_object_to_raw(c->store, c->articles, SPAN("old"), SFS_FORMAT_JSON, c->scratch,
				 SPAN("old~"), NULL);
}

static int raw_make(struct case_store *c)
{
	struct sfs_raw_make make = { .type = SFS_NODE_FILE, .mode = 0644 };
	return sfs_raw_make(c->store, c->root, SPAN("made"), &make, NULL);
}

static int raw_unlink(struct case_store *c)
{
	return sfs_raw_unlink(c->store, c->root, SPAN("file"));
}

static int raw_rename(struct case_store *c)
{
	return sfs_raw_rename(c->store, c->root, SPAN("file"), c->root, SPAN("second"), 0);
}

static int raw_rmdir(struct case_store *c)
{
	return sfs_raw_rmdir(c->store, c->root, SPAN("dir"));
}

static int raw_meta(struct case_store *c)
{
	struct sfs_attr attr;
	int err = sfs_raw_find(c->store, c->root, SPAN("file"), &attr);
	return err ? err : sfs_raw_meta_set(c->store, attr.ino, SPAN("k"), SPAN("v"), 0, NULL);
}

static int refuse(struct case_store *c, const char *oid)
{
	struct sfs_diag diag = { .err = SFS_ERR_BAD_DOCUMENT };
	return sfs_refused_put(c->store, c->articles, sfs_span_str(oid), SFS_FORMAT_JSON,
			       SPAN("{\"bad"), &diag);
}

static int refused_new(struct case_store *c)
{
	return refuse(c, "bad");
}

static int refused_again(struct case_store *c)
{
	return refuse(c, "was bad");
}

static int refused_remove(struct case_store *c)
{
	return sfs_refused_remove(c->store, c->articles, SPAN("was bad"));
}

static int put_after_refused(struct case_store *c)
{
	return case_put(c, "was bad", "{}", 0);
}

static int class_remove_refused(struct case_store *c)
{
	return sfs_class_remove(c->store, SPAN("Bad"));
}

static int class_create(struct case_store *c)
{
	struct sfs_class_make make = { .name = SPAN("Made"), .kind = SFS_CLASS_OBJECT };
	return sfs_class_create(c->store, &make, NULL, NULL);
}

static int class_rename(struct case_store *c)
{
	return sfs_class_rename(c->store, SPAN("Article"), SPAN("Renamed"));
}

static int class_remove(struct case_store *c)
{
	return sfs_class_remove(c->store, SPAN("Empty"));
}

static const struct {
	const char *name;
	int (*run)(struct case_store *c);
} changes[] = {
	{ "put a new object", put_new },
	{ "replace an object", put_old },
	{ "a batch", put_many },
	{ "remove an object", object_remove },
	{ "rename an object", object_rename },
	{ "rename onto an object", object_rename_onto },
	{ "chmod an object", object_mode },
	{ "scratch file to object", scratch_to_object },
	{ "object to scratch file", object_to_scratch },
	{ "make a raw", raw_make },
	{ "unlink a raw", raw_unlink },
	{ "rename onto a raw", raw_rename },
	{ "remove a directory", raw_rmdir },
	{ "set metadata", raw_meta },
	{ "keep a refused text", refused_new },
	{ "replace a refused text", refused_again },
	{ "remove a refused text", refused_remove },
	{ "put an object whose text was refused", put_after_refused },
	{ "remove a class with refused texts", class_remove_refused },
	{ "make a class", class_create },
	{ "rename a class", class_rename },
	{ "remove a class", class_remove },
};

/* --- what a store holds, as text --- */

struct dump {
	struct sfs_buf text;
	struct sfs_buf inos;
};

static int dump_object(void *arg, struct sfs_span oid, const struct sfs_attr *a, uint64_t cookie)
{
	(void)cookie;
	struct dump *dump = arg;
	return sfs_buf_printf(&dump->text, "%.*s %llx %o %llu %lld %llu\n", (int)oid.len,
			      (const char *)oid.data, (unsigned long long)a->ino, a->mode,
			      (unsigned long long)a->size, (long long)a->mtime_ns,
			      (unsigned long long)a->revision);
}

static int dump_raw(void *arg, struct sfs_span name, uint64_t ino, enum sfs_node_type type,
		    uint64_t cookie)
{
	(void)cookie;
	struct dump *dump = arg;
	int err = sfs_buf_append(&dump->inos, &ino, sizeof ino);
	return err ? err
		   : sfs_buf_printf(&dump->text, "%.*s %llx %d\n", (int)name.len,
				    (const char *)name.data, (unsigned long long)ino, type);
}

static int dump_refused(void *arg, struct sfs_span oid, const struct sfs_refused *r,
			uint64_t cookie)
{
	(void)cookie;
	struct dump *dump = arg;
	return sfs_buf_printf(&dump->text, "refused %.*s %llx %llu %lld %s\n", (int)oid.len,
			      (const char *)oid.data, (unsigned long long)r->ino,
			      (unsigned long long)r->size, (long long)r->time_ns, r->diag.text);
}

static int dump_doc(void *arg, struct sfs_span oid, struct sfs_span doc)
{
	(void)oid;
	return sfs_buf_append(arg, doc.data, doc.len);
}

static void dump_class(struct sfs_store *store, const struct sfs_class_info *info,
		       struct dump *dump)
{
	assert_int_equal(sfs_buf_printf(&dump->text, "class %u %s %llu %llu %u\n", info->id,
					info->name, (unsigned long long)info->objects,
					(unsigned long long)info->files, info->attr.nlink),
			 0);
	if (info->kind == SFS_CLASS_OBJECT) {
		struct sfs_span none = SPAN("");
		assert_int_equal(sfs_object_list(store, info->id, 0, 0, dump_object, dump), 0);
		assert_int_equal(sfs_object_scan(store, info->id, none, none, 0, SFS_FORMAT_JSON,
						 dump_doc, &dump->text, NULL),
				 0);
		assert_int_equal(sfs_buf_printf(&dump->text, "%llu refused\n",
						(unsigned long long)info->refused),
				 0);
		assert_int_equal(sfs_refused_list(store, info->id, 0, 0, dump_refused, dump), 0);
	}
	dump->inos.len = 0;
	assert_int_equal(sfs_raw_list(store, info->attr.ino, 0, 0, dump_raw, dump), 0);
	for (size_t at = 0; at < dump->inos.len; at += 8) {
		uint64_t ino;
		struct sfs_attr a;
		memcpy(&ino, (char *)dump->inos.data + at, 8);
		assert_int_equal(sfs_raw_stat(store, ino, &a), 0);
		assert_int_equal(sfs_buf_printf(&dump->text, "%o %u %llu\n", a.mode, a.nlink,
						(unsigned long long)a.size),
				 0);
		assert_int_equal(sfs_raw_meta_list(store, ino, &dump->text), 0);
	}
}

static struct sfs_buf dump_store(struct sfs_store *store)
{
	struct dump dump = { SFS_BUF_INIT, SFS_BUF_INIT };
	struct sfs_class_info info = { 0 };
	for (uint32_t id = 0; sfs_class_next(store, id, &info) == 0; id = info.id)
		dump_class(store, &info, &dump);
	sfs_buf_fini(&dump.inos);
	return dump.text;
}

/* --- the test --- */

/** Rows that derive from objects come with all of their changes. */
static void define(struct case_store *c)
{
	struct sfs_class_make make = { .name = SPAN("Article"), .mode = 0755 };
	assert_int_equal(
		sfs_class_define(c->store, &make,
				 SPAN("{\"relations\": {\"to\": [\"Empty\"]}, "
				      "\"indexes\": {\"n\": \"value\", \"oid\": \"value\"}}"),
				 NULL),
		0);
}

/** What is in memory of an index, and all rows, agree with the objects. */
static void derived_is_right(struct case_store *c)
{
	struct sfs_class_info class;
	struct sfs_index_info index;
	assert_int_equal(sfs_class_get(c->store, c->articles, &class), 0);
	assert_int_equal(sfs_index_find(c->store, c->articles, SPAN("n"), &index), 0);
	assert_int_equal(index.entries + index.missing, class.objects);
	assert_int_equal(sfs_index_find(c->store, c->articles, SPAN("oid"), &index), 0);
	assert_int_equal(index.entries, class.objects);
	assert_int_equal(index.generation, 1);
	/* Notes there are: a reference leads to what is not there. */
	static struct report report;
	check_run_flags(c, 0, &report);
	if (report.result.problems)
		fail_msg("a check found %s: %s", report.text, report.last);
}

static void fill(struct case_store *c)
{
	struct sfs_class_make make = { .name = SPAN("Empty"), .kind = SFS_CLASS_OBJECT };
	assert_int_equal(sfs_class_create(c->store, &make, NULL, NULL), 0);
	define(c);
	make.name = SPAN("Bad");
	struct sfs_class_info bad;
	assert_int_equal(sfs_class_create(c->store, &make, &bad, NULL), 0);
	struct sfs_diag diag = { .err = SFS_ERR_BAD_DOCUMENT };
	assert_int_equal(
		sfs_refused_put(c->store, bad.id, SPAN("1"), SFS_FORMAT_JSON, SPAN("{"), &diag), 0);
	assert_int_equal(refuse(c, "was bad"), 0);
	assert_int_equal(case_put(c, "old", "{ \"n\": 0 }", SFS_PUT_KEEP_TEXT), 0);
	assert_int_equal(
		case_put(c, "other", "{\"to\": [{\"oid\": \"old\", \"type\": \"Empty\"}]}", 0), 0);
	case_write(c, case_make(c, c->scratch, "tmp", SFS_NODE_FILE).ino, "{\"n\":3}");
	case_write(c, case_make(c, c->root, "file", SFS_NODE_FILE).ino, "bytes");
	case_make(c, c->root, "second", SFS_NODE_FILE);
	case_make(c, c->root, "dir", SFS_NODE_DIR);
}

/** Fail the nth call; true when that call came, so that there may be a next one. */
static bool fails_cleanly(struct case_store *c, size_t change, enum sfsi_fault_call call,
			  uint64_t nth, const struct sfs_buf *before)
{
	struct sfsi_backend *backend = c->store->backend;
	sfsi_backend_fault_set(backend,
			       &(struct sfsi_fault){ call, nth, 1, SFS_ERR_NO_SPACE, false });
	int err = changes[change].run(c);
	bool came = sfsi_backend_fault_failed(backend) > 0;
	sfsi_backend_fault_set(backend, &(struct sfsi_fault){ .nth = 0 });
	if (!came)
		return false;
	if (err != SFS_ERR_NO_SPACE)
		fail_msg("%s, call %d, number %llu: %d (%s)", changes[change].name, call,
			 (unsigned long long)nth, err, sfs_err_text(err));
	struct sfs_buf after = dump_store(c->store);
	if (!sfs_span_equal(sfs_buf_span(before), sfs_buf_span(&after)))
		fail_msg("%s, call %d, number %llu left a trace:\n%.*s\nwas\n%.*s",
			 changes[change].name, call, (unsigned long long)nth, (int)after.len,
			 (char *)after.data, (int)before->len, (char *)before->data);
	sfs_buf_fini(&after);
	return true;
}

static void run_change(size_t change)
{
	void *state;
	/* Of a folder it is several commits, and a kill between them has a test of its own. */
	if (case_mirrored() && changes[change].run == class_rename)
		return;
	assert_int_equal(case_setup(&state), 0);
	struct case_store *c = state;
	fill(c);
	assert_int_equal(sfsi_backend_fault_wrap(c->store->backend, &c->store->backend), 0);
	struct sfs_buf before = dump_store(c->store);
	uint64_t writes = 0, reads = 0;
	/* Of a mirror another thread reads too, of what it hears: the failure may be its own. */
	while (!case_mirrored() && reads < 100 &&
	       fails_cleanly(c, change, SFSI_FAULT_GET, reads + 1, &before))
		reads++;
	/* The last round did not fail: the change was made; make a fresh store for the writes. */
	sfs_buf_fini(&before);
	assert_int_equal(case_teardown(&state), 0);

	assert_int_equal(case_setup(&state), 0);
	c = state;
	fill(c);
	assert_int_equal(sfsi_backend_fault_wrap(c->store->backend, &c->store->backend), 0);
	before = dump_store(c->store);
	while (writes < 100 && fails_cleanly(c, change, SFSI_FAULT_WRITE, writes + 1, &before))
		writes++;
	/* What can not be done to files of others is refused before it is written. */
	if (!case_mirrored() || writes)
		assert_int_equal(writes, 1);
	struct sfs_buf after = dump_store(c->store);
	assert_int_equal(sfs_span_equal(sfs_buf_span(&before), sfs_buf_span(&after)), !writes);
	derived_is_right(c);
	case_reopen(c);
	derived_is_right(c);
	struct sfs_buf again = dump_store(c->store);
	/* What was to be written out has been, and is forgotten. */
	if (!case_mirrored())
		assert_true(sfs_span_equal(sfs_buf_span(&after), sfs_buf_span(&again)));
	sfs_buf_fini(&before);
	sfs_buf_fini(&after);
	sfs_buf_fini(&again);
	assert_int_equal(case_teardown(&state), 0);
}

static void a_change_that_fails_leaves_the_old_state(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
		run_change(i);
}

static void a_failed_sync_is_told_and_the_next_one_works(void **state)
{
	struct sfs_store *store = store_of(state);
	struct sfs_store_stat stat;
	assert_int_equal(case_put(*state, "1", "{}", 0), 0);
	assert_int_equal(sfsi_backend_fault_wrap(store->backend, &store->backend), 0);
	sfsi_backend_fault_set(store->backend,
			       &(struct sfsi_fault){ SFSI_FAULT_SYNC, 1, 1, SFS_ERR_IO, false });
	int err = sfs_store_sync(store);
	/* The background round may have met the fault instead: then this one is good already. */
	assert_true(err == SFS_ERR_IO || err == 0);
	assert_int_equal(sfsi_backend_fault_failed(store->backend), 1);
	assert_int_equal(sfs_store_sync(store), 0);
	assert_int_equal(sfs_store_stat(store, &stat), 0);
	assert_int_equal(stat.commit, stat.commit_synced);
}

static void a_class_is_changed_though_references_back_are_late(void **state)
{
	struct case_store *c = *state;
	struct sfs_class_make make = { .name = SPAN("Account"), .kind = SFS_CLASS_OBJECT };
	struct sfs_class_info accounts;
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_int_equal(sfs_class_create(c->store, &make, &accounts, NULL), 0);
	assert_int_equal(case_put(c, "1", "{\"author\": {\"oid\": \"7\"}}", 0), 0);
	assert_int_equal(sfsi_backend_fault_wrap(c->store->backend, &c->store->backend), 0);
	/* The first write is the definition. */
	sfsi_backend_fault_set(c->store->backend, &(struct sfsi_fault){ SFSI_FAULT_WRITE, 2, 1,
									SFS_ERR_NO_SPACE, false });
	make.name = SPAN("Article");
	int err = sfs_class_define(c->store, &make,
				   SPAN("{\"relations\": {\"author\": \"Account\"}}"), &diag);
	assert_int_equal(err, 0);
	assert_int_equal(diag.err, 0);
	assert_non_null(strstr(diag.text, "not yet all references back"));
	const char *who = "";
	for (int i = 0; i < 6000 && !*who; i++) {
		usleep(10000);
		who = relation_referrers(c, accounts.id, "7");
	}
	assert_string_equal(who, "Article/1.author");
	relation_sound(c);
}

int contract_fault(const char *backend)
{
	case_backend = backend;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_that_fails_leaves_the_old_state),
		cmocka_unit_test_setup_teardown(a_failed_sync_is_told_and_the_next_one_works,
						case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(a_class_is_changed_though_references_back_are_late,
						case_setup, case_teardown),
	};
	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
