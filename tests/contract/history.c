/*
 * Earlier versions of objects: whatever door a change comes through, what was there before is kept in its
 * commit, as many and as long as the settings say, and quick saves do not push out what is worth keeping.
 *
 * The tests set the clock: clock_gettime() is their own.
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <storefs/field.h>
#include <storefs/history.h>
#include <storefs/settings.h>
#include <storefs/trash.h>
#include "history.h"
#include "memo.h"
#include "relation_case.h"

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

static int64_t ahead_ns; /* of the real clock */

int clock_gettime(clockid_t id, struct timespec *ret)
{
	int err = (int)syscall(SYS_clock_gettime, id, ret);
	if (id == CLOCK_REALTIME && ahead_ns) {
		int64_t ns = ret->tv_sec * SECOND + ret->tv_nsec + ahead_ns;
		ret->tv_sec = ns / SECOND;
		ret->tv_nsec = ns % SECOND;
	}
	return err;
}

static void pass(int64_t ns)
{
	ahead_ns += ns;
}

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

/* --- what is said of an object --- */

struct listing {
	struct case_store *c;
	const char *oid;
	char text[8192];
	struct sfs_version last;
	size_t count;
};

static int list_one(void *arg, const struct sfs_version *version)
{
	struct listing *listing = arg;
	struct sfs_version again;
	struct sfs_buf json = SFS_BUF_INIT;
	size_t len = strlen(listing->text);
	assert_int_equal(sfs_history_get(listing->c->store, listing->c->articles,
					 sfs_span_str(listing->oid), version->time_ns, &again,
					 &json),
			 0);
	assert_int_equal(again.until_ns, version->until_ns);
	assert_int_equal(json.len, version->size);
	assert_int_equal(version->time_ns % 1000, 0);
	snprintf(listing->text + len, sizeof listing->text - len, "%s%.*s%s", len ? "|" : "",
		 (int)json.len, (const char *)json.data, version->gone ? " gone" : "");
	sfs_buf_fini(&json);
	listing->last = *version;
	listing->count++;
	return 0;
}

static struct listing listing;

/** Documents of all versions, the oldest first, joined by bars; valid until the next call. */
static const char *versions(struct case_store *c, const char *oid)
{
	listing = (struct listing){ .c = c, .oid = oid };
	assert_int_equal(
		sfs_history_each(c->store, c->articles, sfs_span_str(oid), list_one, &listing), 0);
	return listing.text;
}

/** What it was at a time: its document, "present", "gone", "none"; a '~' before what is not exact. */
static const char *at(struct case_store *c, const char *oid, int64_t time_ns)
{
	static char text[256];
	enum sfs_history_state state;
	struct sfs_version version;
	struct sfs_buf json = SFS_BUF_INIT;
	int err = sfs_history_at(c->store, c->articles, sfs_span_str(oid), time_ns, &state,
				 &version);
	if (err == SFS_ERR_NOT_FOUND)
		return "none";
	assert_int_equal(err, 0);
	if (state == SFS_HISTORY_PRESENT)
		return "present";
	if (state == SFS_HISTORY_GONE)
		return "gone";
	assert_int_equal(sfs_history_get(c->store, c->articles, sfs_span_str(oid), version.time_ns,
					 NULL, &json),
			 0);
	snprintf(text, sizeof text, "%s%.*s", state == SFS_HISTORY_BEFORE ? "~" : "", (int)json.len,
		 (const char *)json.data);
	sfs_buf_fini(&json);
	return text;
}

static int save(struct case_store *c, const char *oid, const char *text)
{
	int err = case_put(c, oid, text, SFS_PUT_KEEP_TEXT);
	pass(HOUR);
	return err;
}

static void set(struct case_store *c, const char *name, const char *value)
{
	struct sfs_settings settings;
	assert_int_equal(sfs_settings_get(c->store, &settings, NULL), 0);
	assert_int_equal(sfs_setting_parse(&settings, sfs_setting_find(sfs_span_str(name)),
					   sfs_span_str(value), NULL),
			 0);
	assert_int_equal(sfs_settings_set(c->store, &settings, NULL), 0);
}

static void sound(struct case_store *c)
{
	assert_string_equal(check_run(c), "");
}

struct rows {
	size_t heads, versions;
};

static int count_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct rows *rows = arg;
	(void)val;
	++*(((const char *)key.data)[1] == 'H' ? &rows->heads : &rows->versions);
	return 0;
}

static struct rows rows_of(struct case_store *c)
{
	struct rows rows = { 0, 0 };
	const struct sfsi_scan scan = { .partition = c->articles, .prefix = SPAN("V") };
	assert_int_equal(sfsi_backend_scan(c->store->backend, &scan, count_row, &rows), 0);
	return rows;
}

/* --- what is kept --- */

static void a_save_keeps_what_was_there_byte_for_byte(void **state)
{
	struct case_store *c = *state;
	int64_t begin = now_ns();
	assert_int_equal(save(c, "1", "{ \"a\": 1 }"), 0);
	assert_string_equal(versions(c, "1"), "");
	assert_int_equal(case_put(c, "1", "{\"a\":2}", 0), 0);
	pass(HOUR);
	assert_int_equal(save(c, "1", "{ \"a\":  3 }"), 0);
	assert_string_equal(versions(c, "1"), "{ \"a\": 1 }|{\n  \"a\": 2\n}\n");
	assert_true(listing.last.time_ns >= begin + HOUR - 1000);
	assert_true(listing.last.time_ns < begin + HOUR + 60 * SECOND);
	assert_true(listing.last.until_ns >= begin + 2 * HOUR);
	case_reopen(c);
	assert_string_equal(versions(c, "1"), "{ \"a\": 1 }|{\n  \"a\": 2\n}\n");
	sound(c);
}

static void only_another_document_is_another_version(void **state)
{
	struct case_store *c = *state;
	struct sfs_setattr mode = { .mask = SFS_SET_MODE | SFS_SET_MTIME, .mode = 0600 };
	assert_int_equal(save(c, "1", "{\"a\":1}"), 0);
	assert_int_equal(save(c, "1", "{\"a\":1}"), 0);
	assert_int_equal(sfs_object_setattr(c->store, case_attr(c, "1").ino, &mode, NULL), 0);
	assert_int_equal(save(c, "1", "{bad"), SFS_ERR_BAD_DOCUMENT);
	assert_string_equal(versions(c, "1"), "");
	pass(HOUR);
	/* White space is a change, and a touch just before it does not make what was there brief. */
	mode.mtime_ns = now_ns();
	assert_int_equal(sfs_object_setattr(c->store, case_attr(c, "1").ino, &mode, NULL), 0);
	assert_int_equal(save(c, "1", "{\"a\": 1}"), 0);
	assert_string_equal(versions(c, "1"), "{\"a\":1}");
	assert_int_equal(listing.last.mode, 0600);
	assert_int_equal(save(c, "1", "{\"a\":  1}"), 0);
	assert_string_equal(versions(c, "1"), "{\"a\":1}|{\"a\": 1}");
	sound(c);
}

static void every_door_keeps_a_version(void **state)
{
	struct case_store *c = *state;
	struct sfs_put put = { .class_id = c->articles,
			       .oid = SPAN("1"),
			       .text = SPAN("{\"n\":2}"),
			       .flags = SFS_PUT_KEEP_TEXT };
	const struct sfs_field_put field = {
		.of = { .class_id = c->articles, .oid = SPAN("1"), .name = SPAN("n") },
		.text = SPAN("4\n"),
	};
	struct sfs_batch *batch;
	assert_int_equal(save(c, "1", "{\"n\":0}"), 0);
	case_write(c, case_make(c, c->scratch, "tmp", SFS_NODE_FILE).ino, "{\"n\":1}");
	assert_int_equal(sfs_object_put_raw(c->store, &put, c->scratch, SPAN("tmp"), NULL, NULL),
			 0);
	pass(HOUR);
	assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
	assert_int_equal(sfs_batch_put(batch, &put, NULL), 0);
	assert_int_equal(sfs_batch_commit(batch, NULL), 0);
	pass(HOUR);
	put.text = SPAN("{\"n\":3}");
	put.flags |= SFS_PUT_MERGE;
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), 0);
	pass(HOUR);
	assert_int_equal(sfs_field_put(c->store, &field, NULL, NULL), 0);
	pass(HOUR);
	assert_int_equal(save(c, "2", "{\"n\":5}"), 0);
	assert_int_equal(sfs_object_rename(c->store, c->articles, SPAN("2"), SPAN("1"), 0, NULL),
			 0);
	pass(HOUR);
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("1"), 0), 0);
	const char *got = versions(c, "1");
	for (int n = 0; n <= 5; n++) {
		char want[32];
		snprintf(want, sizeof want, "\"n\":%d", n);
		const char *found = strstr(got, want);
		if (!found) {
			snprintf(want, sizeof want, "\"n\": %d", n);
			found = strstr(got, want);
		}
		assert_non_null(found);
	}
	assert_int_equal(listing.count, 6);
	assert_true(listing.last.gone);
	assert_string_equal(versions(c, "2"), "{\"n\":5} gone");
	sound(c);
}

static void states_of_one_commit_are_no_versions(void **state)
{
	struct case_store *c = *state;
	struct sfs_put put = { .class_id = c->articles,
			       .oid = SPAN("1"),
			       .flags = SFS_PUT_KEEP_TEXT };
	struct sfs_batch *batch;
	set(c, "history_every", "0");
	assert_int_equal(save(c, "1", "{\"n\":0}"), 0);
	assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
	put.text = SPAN("{\"n\":1}");
	assert_int_equal(sfs_batch_put(batch, &put, NULL), 0);
	put.text = SPAN("{\"n\":2}");
	assert_int_equal(sfs_batch_put(batch, &put, NULL), 0);
	assert_int_equal(sfs_batch_commit(batch, NULL), 0);
	assert_string_equal(versions(c, "1"), "{\"n\":0}");
	sound(c);
}

/* --- how many, how long --- */

static void the_newest_are_kept_in_the_same_rows(void **state)
{
	struct case_store *c = *state;
	char text[32];
	set(c, "history", "3");
	for (int n = 0; n <= 20; n++) {
		snprintf(text, sizeof text, "{\"n\":%d}", n);
		assert_int_equal(save(c, "1", text), 0);
	}
	assert_string_equal(versions(c, "1"), "{\"n\":17}|{\"n\":18}|{\"n\":19}");
	assert_int_equal(rows_of(c).versions, 3);
	set(c, "history", "2");
	assert_string_equal(versions(c, "1"), "{\"n\":18}|{\"n\":19}");
	assert_int_equal(rows_of(c).versions, 3);
	set(c, "history", "5");
	assert_int_equal(save(c, "1", "{\"n\":21}"), 0);
	assert_string_equal(versions(c, "1"), "{\"n\":17}|{\"n\":18}|{\"n\":19}|{\"n\":20}");
	set(c, "history", "1");
	assert_int_equal(save(c, "1", "{\"n\":22}"), 0);
	assert_string_equal(versions(c, "1"), "{\"n\":21}");
	assert_int_equal(rows_of(c).versions, 1);
	sound(c);
	set(c, "history", "0");
	assert_string_equal(versions(c, "1"), "");
	assert_int_equal(save(c, "1", "{\"n\":23}"), 0);
	set(c, "history", "10");
	assert_string_equal(versions(c, "1"), "{\"n\":21}");
	sound(c);
}

static void a_hundred_versions_fit(void **state)
{
	struct case_store *c = *state;
	char text[32];
	set(c, "history", "100");
	for (int n = 0; n <= 130; n++) {
		snprintf(text, sizeof text, "{\"n\":%d}", n);
		assert_int_equal(case_put(c, "1", text, SFS_PUT_KEEP_TEXT), 0);
		pass(SECOND);
	}
	versions(c, "1");
	assert_int_equal(listing.count, 100);
	assert_int_equal(rows_of(c).versions, 100);
	sound(c);
}

static void what_is_too_old_is_not_shown_and_goes(void **state)
{
	struct case_store *c = *state;
	uint64_t removed;
	assert_int_equal(save(c, "1", "{\"n\":1}"), 0);
	assert_int_equal(save(c, "2", "{\"n\":1}"), 0);
	/* It is as old as what replaced it, not as old as itself. */
	pass(400 * DAY);
	assert_int_equal(save(c, "1", "{\"n\":2}"), 0);
	assert_int_equal(save(c, "2", "{\"n\":2}"), 0);
	pass(6 * DAY);
	assert_int_equal(save(c, "1", "{\"n\":3}"), 0);
	assert_string_equal(versions(c, "1"), "{\"n\":1}|{\"n\":2}");
	pass(DAY);
	assert_string_equal(versions(c, "1"), "{\"n\":2}");
	assert_string_equal(versions(c, "2"), "");
	/* Reading removes nothing. */
	assert_int_equal(rows_of(c).versions, 3);
	assert_int_equal(save(c, "1", "{\"n\":4}"), 0);
	assert_int_equal(rows_of(c).versions, 3);
	assert_string_equal(versions(c, "1"), "{\"n\":2}|{\"n\":3}");
	assert_int_equal(sfs_history_expire(c->store, NULL, NULL, &removed), 0);
	assert_int_equal(removed, 1);
	assert_int_equal(rows_of(c).versions, 2);
	assert_int_equal(rows_of(c).heads, 1);
	sound(c);
	struct sfs_history_stat stat;
	assert_int_equal(sfs_history_stat(c->store, c->articles, &stat), 0);
	assert_int_equal(stat.objects, 1);
	assert_int_equal(stat.versions, 2);
	assert_true(stat.bytes > 50 && stat.bytes < 500);
}

static void expiry_goes_through_all_objects(void **state)
{
	struct case_store *c = *state;
	uint64_t removed;
	char oid[16];
	for (int n = 0; n < 700; n++) {
		snprintf(oid, sizeof oid, "%d", n);
		assert_int_equal(case_put(c, oid, "{\"a\":1}", 0), 0);
	}
	pass(HOUR);
	for (int n = 0; n < 700; n++) {
		snprintf(oid, sizeof oid, "%d", n);
		assert_int_equal(case_put(c, oid, "{\"a\":2}", 0), 0);
	}
	assert_int_equal(rows_of(c).versions, 700);
	pass(8 * DAY);
	assert_int_equal(sfs_history_expire(c->store, NULL, NULL, &removed), 0);
	assert_int_equal(removed, 700);
	assert_int_equal(rows_of(c).versions + rows_of(c).heads, 0);
	assert_int_equal(sfs_history_expire(c->store, NULL, NULL, &removed), 0);
	assert_int_equal(removed, 0);
}

/* --- quick saves --- */

static void quick_saves_do_not_push_out_what_was_there(void **state)
{
	struct case_store *c = *state;
	char text[32];
	assert_int_equal(save(c, "1", "{\"n\":\"old\"}"), 0);
	assert_int_equal(save(c, "1", "{\"n\":\"good\"}"), 0);
	for (int n = 0; n < 100; n++) {
		snprintf(text, sizeof text, "{\"n\":%d}", n);
		assert_int_equal(case_put(c, "1", text, SFS_PUT_KEEP_TEXT), 0);
		pass(SECOND / 100);
	}
	assert_string_equal(versions(c, "1"), "{\"n\":\"old\"}|{\"n\":\"good\"}");
	pass(HOUR);
	assert_int_equal(save(c, "1", "{\"n\":\"new\"}"), 0);
	assert_string_equal(versions(c, "1"), "{\"n\":\"old\"}|{\"n\":\"good\"}|{\"n\":99}");
	sound(c);
}

static void who_never_stops_saving_gets_a_version_a_minute(void **state)
{
	struct case_store *c = *state;
	char text[32];
	for (int n = 0; n < 600; n++) {
		snprintf(text, sizeof text, "{\"n\":%d}", n);
		assert_int_equal(case_put(c, "1", text, SFS_PUT_KEEP_TEXT), 0);
		pass(SECOND / 2);
	}
	versions(c, "1");
	assert_true(listing.count >= 5 && listing.count <= 6);
	set(c, "history_every", "0");
	for (int n = 0; n < 4; n++) {
		snprintf(text, sizeof text, "{\"m\":%d}", n);
		assert_int_equal(case_put(c, "1", text, SFS_PUT_KEEP_TEXT), 0);
	}
	assert_non_null(strstr(versions(c, "1"), "{\"n\":599}|{\"m\":0}|{\"m\":1}|{\"m\":2}"));
	sound(c);
}

static void who_removes_and_makes_anew_quickly_pushes_out_nothing(void **state)
{
	struct case_store *c = *state;
	char text[32];
	assert_int_equal(save(c, "1", "{\"n\":\"good\"}"), 0);
	for (int n = 0; n < 50; n++) {
		assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("1"), 0), 0);
		snprintf(text, sizeof text, "{\"n\":%d}", n);
		assert_int_equal(case_put(c, "1", text, SFS_PUT_KEEP_TEXT), 0);
		pass(SECOND / 100);
	}
	assert_string_equal(versions(c, "1"), "{\"n\":\"good\"} gone|{\"n\":48} gone");
	sound(c);
}

static void a_clock_that_is_set_does_no_harm(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(save(c, "1", "{\"n\":1}"), 0);
	pass(1000 * DAY);
	assert_int_equal(save(c, "1", "{\"n\":2}"), 0);
	pass(-2000 * DAY);
	assert_int_equal(save(c, "1", "{\"n\":3}"), 0);
	assert_int_equal(save(c, "1", "{\"n\":4}"), 0);
	assert_string_equal(versions(c, "1"), "{\"n\":1}|{\"n\":2}|{\"n\":3}");
	for (int n = 5; n < 20; n++) {
		char text[32];
		snprintf(text, sizeof text, "{\"n\":%d}", n);
		assert_int_equal(save(c, "1", text), 0);
	}
	versions(c, "1");
	assert_int_equal(listing.count, 10);
	sound(c);
}

/* --- names that go and come --- */

static void what_is_removed_keeps_its_versions_and_goes_on_with_them(void **state)
{
	struct case_store *c = *state;
	int64_t start = now_ns();
	assert_int_equal(save(c, "1", "{\"n\":1}"), 0);
	assert_int_equal(save(c, "1", "{\"n\":2}"), 0);
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("1"), 0), 0);
	assert_string_equal(versions(c, "1"), "{\"n\":1}|{\"n\":2} gone");
	assert_string_equal(at(c, "1", start + 3 * HOUR), "gone");
	pass(HOUR);
	assert_int_equal(save(c, "1", "{\"n\":3}"), 0);
	assert_int_equal(save(c, "1", "{\"n\":4}"), 0);
	assert_string_equal(versions(c, "1"), "{\"n\":1}|{\"n\":2} gone|{\"n\":3}");
	assert_string_equal(at(c, "1", start - HOUR), "none");
	assert_string_equal(at(c, "1", start + HOUR / 2), "{\"n\":1}");
	assert_string_equal(at(c, "1", start + 3 * HOUR / 2), "{\"n\":2}");
	assert_string_equal(at(c, "1", start + 5 * HOUR / 2), "gone");
	assert_string_equal(at(c, "1", start + 7 * HOUR / 2), "{\"n\":3}");
	assert_string_equal(at(c, "1", start + 9 * HOUR / 2), "present");
	assert_string_equal(at(c, "2", start), "none");
	sound(c);
}

/** Has the newest version its bytes in a row of its own? */
static bool has_bytes(struct case_store *c, const char *oid)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_version_row row;
	struct sfsi_key key;
	assert_true(*versions(c, oid));
	for (uint8_t slot = 0; slot < SFSI_HISTORY_MAX; slot++) {
		val.len = 0;
		sfsi_history_slot_key(&key, slot, sfs_span_str(oid));
		if (sfsi_backend_get(c->store->backend, c->articles, sfsi_key_span(&key), &val))
			continue;
		assert_int_equal(sfsi_version_decode(sfs_buf_span(&val), sfsi_key_span(&key), &row),
				 0);
		if (row.time_ns == listing.last.time_ns)
			return !row.trash;
	}
	return false;
}

static int take_trashed(void *arg, const struct sfs_trashed *trashed)
{
	*(uint64_t *)arg = trashed->ino;
	return 0;
}

static void what_the_trash_has_is_kept_once_and_stays_without_it(void **state)
{
	struct case_store *c = *state;
	const char *const oids[] = { "1", "2" };
	uint64_t ino = 0;
	struct sfs_trash_restore restore = { .replace = false };
	for (int i = 0; i < 2; i++) {
		assert_int_equal(save(c, oids[i], "{ \"n\":1 }"), 0);
		pass(HOUR);
		assert_int_equal(save(c, oids[i], "{ \"n\" : 2 }"), 0);
		pass(HOUR);
		assert_int_equal(sfs_object_remove(c->store, c->articles, sfs_span_str(oids[i]), 0),
				 0);
		assert_string_equal(versions(c, oids[i]), "{ \"n\":1 }|{ \"n\" : 2 } gone");
		assert_false(has_bytes(c, oids[i]));
		pass(HOUR);
	}
	sound(c);
	/* One comes back, the other one is removed for ever: both leave the trash. */
	assert_int_equal(sfs_trash_list(c->store, c->articles, NULL, 0, take_trashed, &ino), 0);
	restore.ino = ino;
	assert_int_equal(sfs_trash_restore(c->store, &restore, NULL, NULL), 0);
	assert_int_equal(sfs_trash_empty(c->store, c->articles, now_ns(), NULL), 0);
	case_reopen(c);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(versions(c, oids[i]), "{ \"n\":1 }|{ \"n\" : 2 } gone");
		assert_true(has_bytes(c, oids[i]));
	}
	sound(c);
}

static void what_was_too_brief_is_what_was_before(void **state)
{
	struct case_store *c = *state;
	int64_t start = now_ns();
	assert_int_equal(save(c, "1", "{\"n\":1}"), 0);
	assert_int_equal(case_put(c, "1", "{\"n\":2}", SFS_PUT_KEEP_TEXT), 0);
	pass(SECOND / 2);
	assert_int_equal(save(c, "1", "{\"n\":3}"), 0);
	assert_string_equal(versions(c, "1"), "{\"n\":1}");
	assert_string_equal(at(c, "1", start + HOUR + SECOND / 4), "~{\"n\":1}");
	assert_string_equal(at(c, "1", start + HOUR + 20 * SECOND), "present");
}

static void a_temporary_object_leaves_nothing_behind(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(save(c, "1", "{\"n\":1}"), 0);
	assert_int_equal(case_put(c, "1.tmp", "{\"n\":2}", SFS_PUT_KEEP_TEXT), 0);
	assert_int_equal(
		sfs_object_rename(c->store, c->articles, SPAN("1.tmp"), SPAN("1"), 0, NULL), 0);
	assert_string_equal(versions(c, "1"), "{\"n\":1}");
	assert_string_equal(versions(c, "1.tmp"), "");
	pass(HOUR);
	/* As editors do: the object becomes a scratch file, and a new one is written. */
	assert_int_equal(sfs_object_to_raw(c->store, c->articles, SPAN("1"), SFS_FORMAT_JSON,
					   c->scratch, SPAN("1~"), NULL),
			 0);
	assert_int_equal(save(c, "1", "{\"n\":3}"), 0);
	assert_string_equal(versions(c, "1"), "{\"n\":1}|{\"n\":2} gone");
	sound(c);
}

static void a_renamed_object_leaves_its_versions(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(save(c, "1", "{\"n\":1}"), 0);
	assert_int_equal(save(c, "1", "{\"n\":2}"), 0);
	assert_int_equal(sfs_object_rename(c->store, c->articles, SPAN("1"), SPAN("2"), 0, NULL),
			 0);
	assert_string_equal(versions(c, "1"), "{\"n\":1}|{\"n\":2} gone");
	assert_string_equal(versions(c, "2"), "");
	sound(c);
}

/* --- definitions and relations --- */

static void a_version_that_no_longer_fits_is_shown(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(save(c, "1", "{\"n\":\"text\"}"), 0);
	assert_int_equal(save(c, "1", "{\"n\":2}"), 0);
	relation_define(c, "Article",
			"{\"properties\": {\"n\": \"int\"}, \"validate\": \"strict\"}");
	assert_string_equal(versions(c, "1"), "{\"n\":\"text\"}");
	sound(c);
}

static struct sfs_buf many(int count)
{
	struct sfs_buf text = SFS_BUF_INIT;
	assert_int_equal(sfs_buf_printf(&text, "{\"replies\": ["), 0);
	for (int i = 0; i < count; i++)
		assert_int_equal(sfs_buf_printf(&text, "%s\"t%d\"", i ? "," : "", i), 0);
	assert_int_equal(sfs_buf_printf(&text, "]}"), 0);
	return text;
}

static size_t count_oids(struct case_store *c, size_t index)
{
	struct sfs_buf json = SFS_BUF_INIT;
	struct sfsi_history history;
	struct sfsi_key key;
	size_t count = 0;
	sfsi_history_key(&key, SPAN("1"));
	struct sfs_buf val = check_get_row(c, c->articles, &key);
	assert_int_equal(sfsi_history_decode(sfs_buf_span(&val), sfsi_key_span(&key), &history), 0);
	assert_true(index < history.count);
	assert_int_equal(sfs_history_get(c->store, c->articles, SPAN("1"),
					 history.items[index].time_ns, NULL, &json),
			 0);
	assert_int_equal(sfs_buf_append(&json, "", 1), 0);
	for (const char *found = json.data; (found = strstr(found, "\"oid\"")); found++)
		count++;
	sfs_buf_fini(&json);
	sfs_buf_fini(&val);
	return count;
}

static void start_relations(struct case_store *c, int targets)
{
	struct sfs_buf text = many(targets);
	struct sfs_put put = { .class_id = c->articles,
			       .oid = SPAN("1"),
			       .text = sfs_buf_span(&text) };
	relation_define(c, "Account", "{}");
	relation_define(c, "Article", "{\"relations\": {\"replies\": [\"Account\"]}}");
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), 0);
	sfs_buf_fini(&text);
	pass(HOUR);
}

static void targets_in_rows_are_as_they_were(void **state)
{
	struct case_store *c = *state;
	start_relations(c, 200);
	assert_int_equal(relation_add(c, "1", "replies", "more"), 0);
	pass(HOUR);
	assert_int_equal(relation_remove(c, "1", "replies", "t7"), 0);
	pass(2 * SECOND);
	assert_int_equal(relation_add(c, "1", "replies", "t7"), 0);
	pass(HOUR);
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	assert_int_equal(rows_of(c).versions, 4);
	assert_int_equal(count_oids(c, 0), 200);
	assert_int_equal(count_oids(c, 1), 201);
	assert_int_equal(count_oids(c, 2), 200);
	assert_int_equal(count_oids(c, 3), 201);
	relation_sound(c);
}

static void of_very_many_targets_a_version_is_kept_once_a_minute(void **state)
{
	struct case_store *c = *state;
	char name[16];
	start_relations(c, 2000);
	for (int n = 0; n < 100; n++) {
		snprintf(name, sizeof name, "n%d", n);
		assert_int_equal(relation_add(c, "1", "replies", name), 0);
		pass(2 * SECOND);
	}
	assert_int_equal(rows_of(c).versions, 4);
	assert_int_equal(count_oids(c, 0), 2000);
	assert_int_equal(count_oids(c, 3), 2090);
	relation_sound(c);
}

static void a_class_takes_its_history_along(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(save(c, "1", "{\"n\":1}"), 0);
	assert_int_equal(save(c, "1", "{\"n\":2}"), 0);
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("1"), 0), 0);
	case_make(c, c->scratch, "tmp", SFS_NODE_FILE);
	/* One that is not empty loses nothing. */
	assert_int_equal(sfs_class_remove(c->store, SPAN("Article")), SFS_ERR_NOT_EMPTY);
	assert_int_equal(rows_of(c).versions, 2);
	assert_int_equal(sfs_raw_unlink(c->store, c->scratch, SPAN("tmp")), 0);
	assert_int_equal(sfs_class_remove(c->store, SPAN("Article")), 0);
	assert_int_equal(rows_of(c).versions + rows_of(c).heads, 0);
	sound(c);
}

/* --- damage --- */

static void damage_is_found_and_does_not_stop_a_save(void **state)
{
	struct case_store *c = *state;
	struct report report;
	struct sfsi_key key;
	assert_int_equal(save(c, "1", "{\"n\":1}"), 0);
	assert_int_equal(save(c, "1", "{\"n\":2}"), 0);
	assert_int_equal(save(c, "1", "{\"n\":3}"), 0);
	sfsi_history_slot_key(&key, 0, SPAN("1"));
	struct sfs_buf val = check_get_row(c, c->articles, &key);
	((char *)val.data)[val.len - 1] ^= 1;
	check_put_row(c, c->articles, &key, sfs_buf_span(&val));
	assert_string_equal(check_run_flags(c, 0, &report), "history");
	assert_non_null(strstr(report.last, "a version can not be read"));
	assert_string_equal(versions(c, "1"), "{\"n\":2}");
	check_drop_row(c, c->articles, &key);
	assert_string_equal(check_run_flags(c, 0, &report), "history");
	assert_non_null(strstr(report.last, "a version is missing"));
	sfs_buf_fini(&val);
	sfsi_history_key(&key, SPAN("1"));
	val = check_get_row(c, c->articles, &key);
	((char *)val.data)[val.len - 1] ^= 1;
	check_put_row(c, c->articles, &key, sfs_buf_span(&val));
	sfs_buf_fini(&val);
	assert_string_equal(check_run_flags(c, 0, &report), "history");
	sfsi_memo_doubt(c->store->memo);
	assert_int_equal(save(c, "1", "{\"n\":4}"), 0);
	assert_string_equal(versions(c, "1"), "{\"n\":3}");
	check_drop_row(c, c->articles, &key);
	assert_string_equal(check_run_flags(c, 0, &report), "history history");
	assert_non_null(strstr(report.last, "belongs to nothing"));
}

int contract_history(const char *backend)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)
		TEST(a_save_keeps_what_was_there_byte_for_byte),
		TEST(only_another_document_is_another_version),
		TEST(every_door_keeps_a_version),
		TEST(states_of_one_commit_are_no_versions),
		TEST(the_newest_are_kept_in_the_same_rows),
		TEST(a_hundred_versions_fit),
		TEST(what_is_too_old_is_not_shown_and_goes),
		TEST(expiry_goes_through_all_objects),
		TEST(quick_saves_do_not_push_out_what_was_there),
		TEST(who_never_stops_saving_gets_a_version_a_minute),
		TEST(who_removes_and_makes_anew_quickly_pushes_out_nothing),
		TEST(a_clock_that_is_set_does_no_harm),
		TEST(what_is_removed_keeps_its_versions_and_goes_on_with_them),
		TEST(what_the_trash_has_is_kept_once_and_stays_without_it),
		TEST(what_was_too_brief_is_what_was_before),
		TEST(a_temporary_object_leaves_nothing_behind),
		TEST(a_renamed_object_leaves_its_versions),
		TEST(a_version_that_no_longer_fits_is_shown),
		TEST(targets_in_rows_are_as_they_were),
		TEST(of_very_many_targets_a_version_is_kept_once_a_minute),
		TEST(a_class_takes_its_history_along),
		TEST(damage_is_found_and_does_not_stop_a_save),
	};
	case_backend = backend;
	int failed = cmocka_run_group_tests_name("history", tests, NULL, NULL);
	ahead_ns = 0;
	return failed;
}
