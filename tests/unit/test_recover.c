/*
 * Recovering a store: it is damaged in every way and in many places, with and without a backup, and recovered. What
 * is there then is compared with all that was ever saved: either nothing is lost, or the report names what is.
 *
 * Run with "campaign N SEED [KIND]" it does N damages of each kind in random places and prints a table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <storefs/check.h>
#include <storefs/object.h>
#include <storefs/raw.h>
#include <storefs/recover.h>
#include "folder.h"
#include "keys.h"
#include "marked.h"
#include "store_private.h"

#define OBJECTS 460
#define FIRST 400 /* that the backup has */
#define RAWS 12
#define VERSIONS 2
#define RAW_LEN 3000
#define REPORT_MAX 4096

/** What was saved, in which commits. */
struct model_object {
	char oid[16];
	char *texts[VERSIONS]; /* NULL: not yet */
	uint64_t revisions[VERSIONS];
	bool removed;
};

struct model_raw {
	char name[16];
	char *bytes;
	uint64_t ino;
};

struct line {
	enum sfs_recover_kind kind;
	char class_name[32], oid[64];
	uint64_t from, to, ino;
};

struct world {
	char folder[FOLDER_PATH_MAX];
	struct model_object objects[OBJECTS];
	struct model_raw raws[RAWS];
	uint64_t first_commit, last_commit; /* of what came after the backup */
	uint32_t things, images;
	uint64_t random;
	/* of one recovery */
	struct line lines[REPORT_MAX];
	size_t lines_len;
	unsigned wrong; /* what is not as it was, and not named */
	unsigned differs;
	bool talk;
	bool refused;      /* what is damaged is not taken for damage */
	const char *place; /* what is to be damaged, for the damages that ask */
};

static uint64_t next_random(struct world *w)
{
	w->random = w->random * 6364136223846793005u + 1442695040888963407u;
	return w->random >> 24;
}

static bool try_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static bool try_run(const char *fmt, ...)
{
	char command[3 * FOLDER_PATH_MAX];
	va_list args;
	va_start(args, fmt);
	assert_true(vsnprintf(command, sizeof command, fmt, args) < (int)sizeof command);
	va_end(args);
	return system(command) == 0;
}

#define run(...) assert_true(try_run(__VA_ARGS__))

/* --- the store, and what is in it --- */

static const char definition[] =
	"{\"kind\": \"object\", \"properties\": {\"title\": \"string\", \"status\": \"string\"},"
	" \"relations\": {\"friend\": \"Thing\"}, \"indexes\": {\"status\": \"normalize\"}}";

static void put(struct world *w, struct sfs_store *store, size_t i, int version)
{
	struct model_object *object = &w->objects[i];
	char pad[161], text[400];
	struct sfs_attr attr;
	for (size_t j = 0; j < sizeof pad - 1; j++)
		pad[j] = (char)('a' + next_random(w) % 26);
	pad[sizeof pad - 1] = '\0';
	snprintf(object->oid, sizeof object->oid, "o%03zu", i);
	snprintf(text, sizeof text,
		 "{\"title\":\"%zu of %d\",\"status\":\"s%zu\",\"pad\":\"%s\","
		 "\"friend\":{\"oid\":\"o%03zu\",\"type\":\"Thing\"}}",
		 i, version, i % 5, pad, (i + 1) % FIRST);
	const struct sfs_put one = {
		.class_id = w->things,
		.oid = sfs_span_str(object->oid),
		.text = sfs_span_str(text),
		.flags = SFS_PUT_KEEP_TEXT,
	};
	assert_int_equal(sfs_object_put(store, &one, &attr, NULL), 0);
	object->texts[version] = strdup(text);
	object->revisions[version] = attr.revision;
}

static void make_raw(struct world *w, struct sfs_store *store, size_t i)
{
	struct model_raw *raw = &w->raws[i];
	const struct sfs_raw_make make = { .type = SFS_NODE_FILE, .mode = 0644 };
	struct sfs_attr attr;
	struct sfs_raw_file *file;
	size_t len;
	snprintf(raw->name, sizeof raw->name, "r%02zu", i);
	raw->bytes = malloc(RAW_LEN);
	assert_non_null(raw->bytes);
	for (size_t j = 0; j < RAW_LEN; j++)
		raw->bytes[j] = (char)next_random(w);
	assert_int_equal(sfs_raw_make(store, sfs_ino_make(w->images, 1), sfs_span_str(raw->name),
				      &make, &attr),
			 0);
	raw->ino = attr.ino;
	assert_int_equal(sfs_raw_open(store, attr.ino, true, &file), 0);
	assert_int_equal(sfs_raw_write(file, 0, raw->bytes, RAW_LEN, &len), 0);
	sfs_raw_close(file);
	assert_int_equal(sfs_raw_meta_set(store, attr.ino, sfs_span_str("width"),
					  sfs_span_str(raw->name), 0, NULL),
			 0);
}

static struct sfs_store *open_store(const char *path)
{
	const struct sfs_store_config config = { .path = path, .sync_ms = 10 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store *store;
	int err = sfs_store_open(&config, &store, &diag);
	if (err)
		print_message("%s\n", diag.text);
	assert_int_equal(err, 0);
	return store;
}

static void fill_first(struct world *w, struct sfs_store *store)
{
	const struct sfs_class_make things = { .name = sfs_span_str("Thing"),
					       .kind = SFS_CLASS_OBJECT,
					       .mode = 0755 };
	const struct sfs_class_make images = { .name = sfs_span_str("Image"),
					       .kind = SFS_CLASS_RAW,
					       .mode = 0755 };
	struct sfs_class_info info;
	assert_int_equal(sfs_class_define(store, &things, sfs_span_str(definition), NULL), 0);
	assert_int_equal(sfs_class_create(store, &images, &info, NULL), 0);
	w->images = info.id;
	assert_int_equal(sfs_class_find(store, sfs_span_str("Thing"), &info), 0);
	w->things = info.id;
	for (size_t i = 0; i < FIRST; i++)
		put(w, store, i, 0);
	for (size_t i = 0; i < RAWS - 3; i++)
		make_raw(w, store, i);
}

/** After the backup: 50 objects change, 10 go, 60 come; 3 raws come. */
static void fill_second(struct world *w, struct sfs_store *store)
{
	struct sfs_store_stat stat;
	assert_int_equal(sfs_store_stat(store, &stat), 0);
	w->first_commit = stat.commit + 1;
	for (size_t i = 0; i < 50; i++)
		put(w, store, i * 7 % FIRST, 1);
	for (size_t i = 0; i < 10; i++) {
		struct model_object *object = &w->objects[i * 31 + 1];
		assert_int_equal(sfs_object_remove(store, w->things, sfs_span_str(object->oid), 0),
				 0);
		object->removed = true;
	}
	for (size_t i = FIRST; i < OBJECTS; i++)
		put(w, store, i, 0);
	for (size_t i = RAWS - 3; i < RAWS; i++)
		make_raw(w, store, i);
	assert_int_equal(sfs_store_stat(store, &stat), 0);
	w->last_commit = stat.commit;
}

/** Two stores in it: one that was closed, and one as a kill left it, right after a sync. */
static void make_world(struct world *w)
{
	char path[FOLDER_PATH_MAX];
	struct sfs_backup backup;
	const struct sfs_backup_config config = { .folder = NULL };
	folder_make(w->folder);
	folder_join(path, w->folder, "clean");
	const struct sfs_store_config init = { .path = path };
	assert_int_equal(sfs_store_init(&init, NULL), 0);
	struct sfs_store *store = open_store(path);
	fill_first(w, store);
	run("mkdir %s/old && cp -a %s/db %s/old", w->folder, path, w->folder);
	assert_int_equal(sfs_backup_take(store, &config, &backup, NULL), 0);
	assert_true(backup.valid);
	fill_second(w, store);
	wait_for_mark(store);
	run("cp -a %s %s/killed", path, w->folder);
	assert_int_equal(sfs_store_close(store), 0);
	folder_join(path, w->folder, "other");
	assert_int_equal(sfs_store_init(&init, NULL), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	w->random = 1;
	make_world(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	folder_remove(w->folder);
	for (size_t i = 0; i < OBJECTS; i++)
		for (size_t j = 0; j < VERSIONS; j++)
			free(w->objects[i].texts[j]);
	for (size_t i = 0; i < RAWS; i++)
		free(w->raws[i].bytes);
	free(w);
	return 0;
}

/* --- the report --- */

static int on_item(void *arg, const struct sfs_recover_item *item)
{
	struct world *w = arg;
	assert_true(w->lines_len < REPORT_MAX);
	struct line *line = &w->lines[w->lines_len++];
	*line = (struct line){ .kind = item->kind,
			       .from = item->commit_from,
			       .to = item->commit_to,
			       .ino = item->ino };
	snprintf(line->class_name, sizeof line->class_name, "%s", item->class_name);
	snprintf(line->oid, sizeof line->oid, "%.*s", (int)item->oid.len,
		 (const char *)item->oid.data);
	if (w->talk)
		print_message("  %s: %s/%s: %s\n", sfs_recover_kind_text(item->kind),
			      item->class_name, line->oid, item->text);
	return 0;
}

/** Is a line about that class? One that has lost its name is called by its number. */
static bool is_of(const struct world *w, const struct line *line, const char *class_name)
{
	char number[32];
	uint32_t id = strcmp(class_name, "Thing") == 0 ? w->things : w->images;
	snprintf(number, sizeof number, "recovered_%" PRIu32, id);
	return strcmp(line->class_name, class_name) == 0 || strcmp(line->class_name, number) == 0;
}

/** Does the report say that this may be lost: by its name, as one of its class, or of the whole? */
static bool is_named(const struct world *w, const char *class_name, const char *oid,
		     uint64_t revision)
{
	for (size_t i = 0; i < w->lines_len; i++) {
		const struct line *line = &w->lines[i];
		bool loss = line->kind == SFS_RECOVER_LOST || line->kind == SFS_RECOVER_OLDER ||
			    line->kind == SFS_RECOVER_BACKUP || line->kind == SFS_RECOVER_FOUND;
		bool class = !line->class_name[0] || is_of(w, line, class_name);
		if (loss && strcmp(line->oid, oid) == 0 && is_of(w, line, class_name))
			return true;
		/* A line of the whole: what came after a commit may be gone. */
		if (line->kind == SFS_RECOVER_NOTE && line->from && revision >= line->from)
			return true;
		if (line->kind != SFS_RECOVER_LOST || line->oid[0] || !class)
			continue;
		if (!line->to || (revision >= line->from && revision <= line->to))
			return true;
	}
	return false;
}

static void judge(struct world *w, const char *class_name, const char *name, uint64_t revision,
		  const char *what)
{
	w->differs++;
	if (is_named(w, class_name, name, revision))
		return;
	w->wrong++;
	print_message("NOT NAMED: %s/%s %s\n", class_name, name, what);
}

/* --- what is there --- */

/** The number of the version that the store has; -1: no object, -2: something that was never saved. */
static int version_in(struct world *w, struct sfs_store *store, const struct model_object *object)
{
	struct sfs_attr attr;
	struct sfs_doc *doc;
	int found = -2;
	int err = sfs_object_find(store, w->things, sfs_span_str(object->oid), &attr);
	if (err == SFS_ERR_NOT_FOUND)
		return -1;
	if (err < 0 || sfs_object_get(store, attr.ino, SFS_FORMAT_JSON, &doc) < 0)
		return -2;
	for (int i = 0; i < VERSIONS; i++)
		if (object->texts[i] && sfs_span_equal(doc->bytes, sfs_span_str(object->texts[i])))
			found = i;
	sfs_doc_unref(doc);
	return found;
}

static void compare_object(struct world *w, struct sfs_store *store,
			   const struct model_object *object)
{
	int there = version_in(w, store, object);
	int last = object->texts[1] ? 1 : 0;
	/* Removed in one of the commits after the backup. */
	if (object->removed && there >= 0)
		judge(w, "Thing", object->oid, w->last_commit, "was removed");
	else if (there == -2)
		fail_msg("%s was never saved so", object->oid);
	else if (!object->removed && there != last)
		judge(w, "Thing", object->oid, object->revisions[last],
		      there < 0 ? "is missing" : "is an older one");
}

static bool same_bytes(struct sfs_store *store, uint64_t ino, const char *bytes)
{
	char got[RAW_LEN + 1];
	struct sfs_raw_file *file;
	size_t len = 0;
	if (sfs_raw_open(store, ino, false, &file) < 0)
		return false;
	int err = sfs_raw_read(file, 0, got, sizeof got, &len);
	sfs_raw_close(file);
	return err == 0 && len == RAW_LEN && memcmp(got, bytes, RAW_LEN) == 0;
}

static void compare_raw(struct world *w, struct sfs_store *store, const struct model_raw *raw)
{
	struct sfs_attr attr;
	struct sfs_buf width = SFS_BUF_INIT;
	if (sfs_raw_find_path(store, w->images, sfs_span_str(raw->name), &attr) < 0)
		judge(w, "Image", raw->name, w->last_commit, "is missing");
	else if (!same_bytes(store, attr.ino, raw->bytes))
		judge(w, "Image", raw->name, w->last_commit, "has other bytes");
	else if (sfs_raw_meta_get(store, attr.ino, sfs_span_str("width"), &width) < 0)
		judge(w, "Image", raw->name, w->last_commit, "has no metadata");
	sfs_buf_fini(&width);
}

static int on_problem(void *arg, const struct sfs_check_problem *problem)
{
	struct world *w = arg;
	if (problem->severity == SFS_CHECK_NOTE || problem->kind == SFS_CHECK_FILE_MISSING)
		return 0;
	w->wrong++;
	print_message("a check finds: %s/%.*s: %s\n", problem->class_name, (int)problem->oid.len,
		      (const char *)problem->oid.data, problem->text);
	return 0;
}

/** The recovered store is whole in itself, and has what the report does not say to be lost. */
static void compare_all(struct world *w, const char *path)
{
	struct sfs_check_result result;
	const struct sfs_check check = { .problem = on_problem, .arg = w };
	struct sfs_store *store = open_store(path);
	struct sfs_class_info info;
	assert_int_equal(sfs_store_check(store, &check, &result, NULL), 0);
	assert_true(result.complete);
	/* A class that has lost its name has its objects all the same. */
	bool named = sfs_class_find(store, sfs_span_str("Thing"), &info) == 0 &&
		     info.id == w->things;
	char number[32];
	snprintf(number, sizeof number, "class %" PRIu32, w->things);
	if (!named && !is_named(w, "Thing", "", 0) && !is_named(w, number, "", 0)) {
		w->wrong++;
		print_message("NOT NAMED: the class\n");
	}
	for (size_t i = 0; i < OBJECTS; i++)
		compare_object(w, store, &w->objects[i]);
	for (size_t i = 0; i < RAWS; i++)
		compare_raw(w, store, &w->raws[i]);
	/* It works. */
	const struct sfs_put one = { .class_id = w->things,
				     .oid = sfs_span_str("new"),
				     .text = sfs_span_str("{\"title\":\"new\"}") };
	int err = sfs_object_put(store, &one, NULL, NULL);
	assert_true(err == 0 || (!named && err == SFS_ERR_NOT_FOUND));
	assert_int_equal(sfs_store_close(store), 0);
}

/* --- one damage --- */

enum outcome { WHOLE, NAMED, REFUSED, NOT_NOTICED, WRONG, NOT_DONE, OUTCOMES };

static int pass_problem(void *arg, const struct sfs_check_problem *problem)
{
	(void)arg;
	(void)problem;
	return 0;
}

/** Is a store that is refused so recovered by a mount? */
static bool recovers(const char *path, int err, const struct sfs_diag *diag)
{
	bool can = (err == SFS_ERR_CORRUPT || err == SFS_ERR_NOT_STORE) &&
		   sfs_store_can_recover(path, err);
	if (!can)
		print_message("NOT RECOVERED BY ITSELF: %s\n", diag->text);
	return can;
}

/** Is the damage noticed by who opens the store, or checks it? Then it is recovered. */
static bool is_noticed(struct world *w, const char *path)
{
	const struct sfs_store_config config = { .path = path, .flags = SFS_STORE_READ_ONLY };
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store *store;
	struct sfs_check_result result = { .problems = 0 };
	const struct sfs_check check = { .problem = pass_problem };
	/* A note says so: who opens it for writing looks for that. */
	w->refused = false;
	if (sfs_store_can_recover(path, 0))
		return true;
	int opened = sfs_store_open(&config, &store, &diag);
	w->refused = opened < 0 && !recovers(path, opened, &diag);
	if (opened < 0)
		return true;
	int err = sfs_store_check(store, &check, &result, NULL);
	(void)sfs_store_close(store);
	return err < 0 || result.problems;
}

/** Where nothing is noticed nothing is lost. */
static enum outcome compare_unnoticed(struct world *w, const char *path)
{
	w->lines_len = 0;
	w->wrong = w->differs = 0;
	compare_all(w, path);
	return w->wrong ? WRONG : NOT_NOTICED;
}

static enum outcome recover_and_compare(struct world *w, const char *path)
{
	struct sfs_recover_result result;
	struct sfs_diag diag = SFS_DIAG_INIT;
	const struct sfs_recover_config config = { .path = path, .item = on_item, .arg = w };
	w->lines_len = 0;
	w->wrong = w->differs = 0;
	int err = sfs_store_recover(&config, &result, &diag);
	if (err < 0) {
		print_message("%s\n", diag.text);
		return REFUSED;
	}
	w->wrong += result.left ? 1 : 0;
	compare_all(w, path);
	return w->wrong ? WRONG : w->differs ? NAMED : WHOLE;
}

/** What is done to a store; which place: by the random numbers of the world. False: nothing to do it to. */
typedef bool damage_fn(struct world *w, const char *path);

struct kind {
	const char *name;
	const char *image;
	damage_fn *damage;
	const char *place; /* for a damage that can be done to several files; NULL: it knows */
	bool all;          /* nothing is left but what a backup has */
};

static bool do_damage(struct world *w, const char *path, const struct kind *kind)
{
	w->place = kind->place;
	return kind->damage(w, path);
}

/** @other  NULL: one damage alone. */
static enum outcome try_damage(struct world *w, const struct kind *kind, const struct kind *other,
			       bool backups)
{
	char path[FOLDER_PATH_MAX];
	folder_join(path, w->folder, "tried");
	run("rm -rf %s && cp -a %s/%s %s", path, w->folder, kind->image, path);
	if (!backups)
		run("rm -rf %s/backups", path);
	bool done = do_damage(w, path, kind);
	if (other)
		done = do_damage(w, path, other) || done;
	if (!done)
		return NOT_DONE;
	bool noticed = is_noticed(w, path);
	if (w->refused)
		return REFUSED;
	return noticed ? recover_and_compare(w, path) : compare_unnoticed(w, path);
}

#include "recover_damages.h"

/** Two kinds at once, in one store; one that lies as a kill left it has all that a closed one has. */
static enum outcome try_pair(struct world *w)
{
	const struct kind *one = &kinds[next_random(w) % KINDS];
	const struct kind *other = &kinds[next_random(w) % KINDS];
	bool backups = next_random(w) % 2;
	if (strcmp(other->image, "killed") == 0) {
		const struct kind *swap = one;
		one = other;
		other = swap;
	}
	/* The last mark and the log behind it: the older mark, which is left, says nothing of that. */
	if (strncmp(one->name, "log", 3) == 0 && other->damage == damage_state_flip)
		other = &kinds[0];
	enum outcome outcome = try_damage(w, one, other, backups);
	if (w->talk || outcome == WRONG)
		print_message("%s + %s, backups %d: %d\n", one->name, other->name, backups,
			      outcome);
	return outcome;
}

/* --- tests --- */

static void every_damage_is_recovered_or_its_loss_named(void **state)
{
	struct world *w = *state;
	unsigned failed = 0;
	w->random = 42;
	w->talk = getenv("TALK") != NULL;
	for (size_t i = 0; i < KINDS; i++)
		for (int backups = 0; backups < 2; backups++) {
			enum outcome outcome = try_damage(w, &kinds[i], NULL, backups);
			/* Nothing is left, and there is nothing else. */
			bool hopeless = outcome == REFUSED && !backups && kinds[i].all;
			if ((outcome != WRONG && outcome != REFUSED) || hopeless)
				continue;
			failed++;
			print_message("%s, backups %d: %s\n", kinds[i].name, backups,
				      outcome == WRONG ? "not named" : "refused");
		}
	assert_int_equal(failed, 0);
}

/** Two damages at a time, of which some were once more than a recovery could take. */
static void two_damages_are_no_worse(void **state)
{
	struct world *w = *state;
	w->random = 4242;
	for (size_t i = 0; i < 24; i++)
		assert_true(try_pair(w) != WRONG);
}

/** What a recovery has made is a store like any other: to recover it once more changes nothing. */
static void a_recovered_store_is_recovered_again(void **state)
{
	struct world *w = *state;
	char path[FOLDER_PATH_MAX];
	folder_join(path, w->folder, "tried");
	const struct kind current = { "", "clean", damage_current_missing, NULL, false };
	assert_int_equal(try_damage(w, &current, NULL, true), WHOLE);
	for (int i = 0; i < 2; i++)
		assert_int_equal(recover_and_compare(w, path), WHOLE);
	assert_int_equal(w->lines_len, 0);
}

static void drop_row(struct sfs_store *store, uint32_t partition, const struct sfsi_key *key)
{
	const struct sfsi_op op = { .partition = partition,
				    .key = { key->data, key->len },
				    .val = { "", 0 },
				    .remove = true };
	assert_int_equal(sfsi_backend_write(store->backend, &op, 1), 0);
}

/** Rows that follow from others, one of each kind, are taken away; a raw loses its name. */
static void disagree(struct world *w, struct sfs_store *store)
{
	struct sfs_attr attr;
	struct sfsi_key key;
	const struct sfs_span oid = sfs_span_str("o002"), name = sfs_span_str("r03");
	assert_int_equal(sfs_object_find(store, w->things, oid, &attr), 0);
	sfsi_key_serial(&key, 'N', attr.ino & (((uint64_t)1 << 36) - 1));
	drop_row(store, w->things, &key);
	sfsi_key_entry(&key, SFSI_DIR_OBJECTS, sfsi_cookie(store, sfs_span_str("o003")),
		       sfs_span_str("o003"));
	drop_row(store, w->things, &key);
	sfsi_key_entry(&key, 1, sfsi_cookie(store, name), name);
	drop_row(store, w->images, &key);
	sfsi_key_range(&key, (struct sfs_span){ "", 0 });
	drop_row(store, w->things, &key);
}

static void a_repair_makes_a_store_agree_with_itself(void **state)
{
	struct world *w = *state;
	struct sfs_recover_result result;
	char path[FOLDER_PATH_MAX];
	folder_join(path, w->folder, "tried");
	run("rm -rf %s && cp -a %s/clean %s", path, w->folder, path);
	struct sfs_store *store = open_store(path);
	disagree(w, store);
	assert_int_equal(sfs_store_close(store), 0);
	w->lines_len = w->wrong = w->differs = 0;
	const struct sfs_recover_config config = {
		.path = path,
		.flags = SFS_RECOVER_NO_BACKUP,
		.item = on_item,
		.arg = w,
	};
	assert_int_equal(sfs_store_recover(&config, &result, NULL), 0);
	assert_int_equal(result.left, 0);
	assert_int_equal(result.lost, 0);
	compare_all(w, path);
	assert_int_equal(w->wrong, 0);
	assert_int_equal(w->differs, 0);
}

static int recover_here(const char *path)
{
	struct sfs_recover_result result;
	const struct sfs_recover_config config = { .path = path };
	return sfs_store_recover(&config, &result, NULL) < 0;
}

/** The child is killed at some moment of a recovery: what is there is the old store, or the new one. */
static void a_recovery_that_is_killed_leaves_a_store(void **state)
{
	struct world *w = *state;
	char path[FOLDER_PATH_MAX], current[FOLDER_PATH_MAX];
	folder_join(path, w->folder, "tried");
	folder_join(current, path, "db/db/CURRENT");
	run("rm -rf %s && cp -a %s/clean %s && rm %s", path, w->folder, path, current);
	for (unsigned i = 0; i < 12; i++) {
		int status;
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			/* A program of its own: threads of the engine do not survive a fork. */
			execl("/proc/self/exe", "test_recover", "recover", path, (char *)NULL);
			_exit(1);
		}
		usleep(8000 * i);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(access(path, F_OK), 0);
	}
	enum outcome outcome = is_noticed(w, path) ? recover_and_compare(w, path)
						   : compare_unnoticed(w, path);
	assert_true(outcome == WHOLE || outcome == NOT_NOTICED);
}

static void a_dry_run_changes_nothing(void **state)
{
	struct world *w = *state;
	struct sfs_recover_result result;
	char path[FOLDER_PATH_MAX], db[FOLDER_PATH_MAX], raw[FOLDER_PATH_MAX];
	folder_join(path, w->folder, "tried");
	folder_join(db, path, "db");
	folder_join(raw, path, "raw");
	run("rm -rf %s && cp -a %s/clean %s", path, w->folder, path);
	run("rm %s/db/CURRENT", db);
	uint64_t before = folder_digest(raw);
	const struct sfs_recover_config config = { .path = path, .flags = SFS_RECOVER_DRY_RUN };
	assert_int_equal(sfs_store_recover(&config, &result, NULL), 0);
	assert_string_equal(result.folder, "");
	assert_true(before == folder_digest(raw));
	assert_true(is_noticed(w, path));
}

/* --- the campaign --- */

static const char *const words[] = {
	"whole", "named", "refused", "not noticed", "WRONG", "not done"
};

static void put_row(const char *name, const char *backup, const unsigned counts[OUTCOMES])
{
	printf("%-30s %-8s", name, backup);
	for (size_t i = 0; i < OUTCOMES; i++)
		printf(" %11u", counts[i]);
	printf("\n");
	fflush(stdout);
}

static unsigned campaign_of_pairs(struct world *w, unsigned rounds)
{
	unsigned counts[OUTCOMES] = { 0 };
	for (unsigned i = 0; i < rounds * KINDS; i++)
		counts[try_pair(w)]++;
	put_row("two at once", "either", counts);
	return counts[WRONG];
}

static int campaign(unsigned rounds, uint64_t seed, const char *only)
{
	struct world *w = NULL;
	unsigned bad = 0;
	if (setup((void **)&w) != 0)
		return 1;
	w->random = seed;
	w->talk = getenv("TALK") != NULL;
	printf("%-30s %-8s", "damage", "backup");
	for (size_t i = 0; i < OUTCOMES; i++)
		printf(" %11s", words[i]);
	printf("\n");
	for (size_t i = 0; i < KINDS; i++)
		for (int backups = 0; backups < 2; backups++) {
			if (only && !strstr(kinds[i].name, only))
				continue;
			unsigned counts[OUTCOMES] = { 0 };
			for (unsigned round = 0; round < rounds; round++)
				counts[try_damage(w, &kinds[i], NULL, backups)]++;
			put_row(kinds[i].name, backups ? "yes" : "no", counts);
			bad += counts[WRONG];
		}
	if (!only || strcmp(only, "pairs") == 0)
		bad += campaign_of_pairs(w, rounds);
	teardown((void **)&w);
	return bad != 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_damage_is_recovered_or_its_loss_named),
		cmocka_unit_test(two_damages_are_no_worse),
		cmocka_unit_test(a_recovered_store_is_recovered_again),
		cmocka_unit_test(a_repair_makes_a_store_agree_with_itself),
		cmocka_unit_test(a_recovery_that_is_killed_leaves_a_store),
		cmocka_unit_test(a_dry_run_changes_nothing),
	};
	/* Hundreds of stores, each of which is synced: in memory, where there is some. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	if (argc == 3 && strcmp(argv[1], "recover") == 0)
		return recover_here(argv[2]);
	if (argc >= 4 && strcmp(argv[1], "campaign") == 0)
		return campaign((unsigned)strtoul(argv[2], NULL, 10), strtoull(argv[3], NULL, 10),
				argc > 4 ? argv[4] : NULL);
	return cmocka_run_group_tests(tests, setup, teardown);
}
