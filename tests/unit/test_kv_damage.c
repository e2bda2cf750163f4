/*
 * The kv backend and damaged files: what was damaged is noticed, named, and left as it
 * is. Damage is done to a closed store, or to one whose process was killed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include "backend/kv.h"
#include "folder.h"

#define COUNT 130000
#define VALUE_LEN 1000

struct place {
	char folder[FOLDER_PATH_MAX], db[FOLDER_PATH_MAX], state[FOLDER_PATH_MAX];
};

static int open_kv(const char *folder, bool create, bool read_only, struct sfsi_backend **ret,
		   struct sfs_diag *diag)
{
	const struct sfsi_backend_config cfg = { .path = folder,
						 .create = create,
						 .read_only = read_only };
	return sfsi_backend_open(&sfsi_backend_kv, &cfg, ret, diag);
}

/* Bytes that do not compress: a store of some size. */
static int fill(struct sfsi_backend *b, uint32_t from, uint32_t to)
{
	uint64_t random = from + 1;
	for (uint32_t i = from; i < to; i++) {
		uint64_t value[VALUE_LEN / 8];
		for (size_t j = 0; j < VALUE_LEN / 8; j++)
			value[j] = random = random * 6364136223846793005u + 1442695040888963407u;
		uint32_t key = htobe32(i);
		const struct sfsi_op op = { 1, { &key, 4 }, { value, sizeof value }, false };
		int err = sfsi_backend_write(b, &op, 1);
		if (err < 0)
			return err;
	}
	return 0;
}

static int count_one(void *arg, struct sfs_span key, struct sfs_span val)
{
	(void)key;
	(void)val;
	++*(size_t *)arg;
	return 0;
}

/* Opens read-only, scans; returns the first error of the two. */
static int read_everything(const char *folder, size_t *ret_count, struct sfs_diag *diag)
{
	struct sfsi_backend *b;
	*ret_count = 0;
	int err = open_kv(folder, false, true, &b, diag);
	if (err < 0)
		return err;
	const struct sfsi_scan scan = { .partition = 1 };
	err = sfsi_backend_scan(b, &scan, count_one, ret_count);
	sfsi_backend_close(b);
	return err;
}

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof *place);
	assert_non_null(place);
	folder_make(place->folder);
	folder_join(place->db, place->folder, "db");
	folder_join(place->state, place->folder, "STATE");
	struct sfsi_backend *b;
	assert_int_equal(open_kv(place->folder, true, false, &b, NULL), 0);
	assert_int_equal(fill(b, 0, 100), 0);
	assert_int_equal(sfsi_backend_sync(b), 0);
	assert_int_equal(sfsi_backend_mark(b, sfs_span_str("note")), 0);
	sfsi_backend_close(b);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	const struct place *place = *state;
	folder_remove(place->folder);
	free(*state);
	return 0;
}

static void path_keep(const char *path, void *arg)
{
	snprintf(arg, FOLDER_PATH_MAX, "%s", path);
}

static void name_keep_manifest(const char *path, void *arg)
{
	if (strstr(path, "/MANIFEST-"))
		path_keep(path, arg);
}

static void manifest_path(const struct place *place, char path[FOLDER_PATH_MAX])
{
	path[0] = '\0';
	folder_each(place->db, "", name_keep_manifest, path);
	assert_true(path[0]);
}

/* Both ways of opening refuse it, say so, and change nothing. */
static void assert_refused(const struct place *place, int expected, const char *word)
{
	uint64_t digest = folder_digest(place->folder);
	for (int read_only = 0; read_only < 2; read_only++) {
		struct sfsi_backend *b;
		struct sfs_diag diag = SFS_DIAG_INIT;
		int err = open_kv(place->folder, false, read_only, &b, &diag);
		if (err == 0)
			sfsi_backend_close(b);
		assert_int_equal(err, expected);
		if (!strstr(diag.text, word))
			fail_msg("'%s' does not name %s", diag.text, word);
	}
	assert_true(folder_digest(place->folder) == digest);
}

static void assert_fine(const struct place *place, size_t expected)
{
	struct sfsi_backend *b;
	struct sfs_diag diag = SFS_DIAG_INIT;
	size_t count;
	if (read_everything(place->folder, &count, &diag) < 0)
		fail_msg("%s", diag.text);
	assert_int_equal(count, expected);
	assert_int_equal(open_kv(place->folder, false, false, &b, &diag), 0);
	sfsi_backend_close(b);
}

/* ---- table files ---- */

/* Wait until several table files lie below level 0 and nothing is being compacted. */
static void wait_for_levels(struct sfsi_backend *b)
{
	rocksdb_t *db = ((struct kv *)b)->db;
	for (int i = 0; i < 6000; i++) {
		uint64_t running = 1, pending = 1;
		rocksdb_property_int(db, "rocksdb.num-running-compactions", &running);
		rocksdb_property_int(db, "rocksdb.compaction-pending", &pending);
		const rocksdb_livefiles_t *files = rocksdb_livefiles(db);
		int count = rocksdb_livefiles_count(files), deep = 0;
		for (int j = 0; j < count; j++)
			deep += rocksdb_livefiles_level(files, j) > 0;
		rocksdb_livefiles_destroy(files);
		if (deep >= 3 && !running && !pending)
			return;
		poll(NULL, 0, 10);
	}
	fail_msg("table files did not come below level 0");
}

struct flips {
	const char *folder;
	size_t silent;
};

/* A scan must fail, whichever block it was. */
static void flip_and_scan(const char *path, void *arg)
{
	struct flips *flips = arg;
	const off_t offs[] = { 60, file_size(path) / 2 };
	for (size_t i = 0; i < 2; i++) {
		size_t count;
		file_flip(path, offs[i]);
		int err = read_everything(flips->folder, &count, NULL);
		if (err != SFS_ERR_CORRUPT) {
			print_error("%s, byte %lld: %d, %zu keys\n", path, (long long)offs[i], err,
				    count);
			flips->silent++;
		}
		file_flip(path, offs[i]);
	}
}

static void a_flipped_bit_in_any_table_file_is_noticed(void **state)
{
	const struct place *place = *state;
	struct sfsi_backend *b;
	assert_int_equal(open_kv(place->folder, false, false, &b, NULL), 0);
	assert_int_equal(fill(b, 0, COUNT), 0);
	wait_for_levels(b);
	sfsi_backend_close(b);
	struct flips flips = { place->folder, 0 };
	assert_true(folder_each(place->db, ".sst", flip_and_scan, &flips) >= 4);
	assert_int_equal(flips.silent, 0);
	assert_fine(place, COUNT);
}

static void a_flipped_bit_is_noticed_by_get(void **state)
{
	const struct place *place = *state;
	char path[FOLDER_PATH_MAX];
	folder_each(place->db, ".sst", path_keep, path);
	file_flip(path, 60);
	struct sfsi_backend *b;
	assert_int_equal(open_kv(place->folder, false, false, &b, NULL), 0);
	uint32_t key = 0;
	struct sfs_buf got = SFS_BUF_INIT;
	assert_int_equal(sfsi_backend_get(b, 1, (struct sfs_span){ &key, 4 }, &got),
			 SFS_ERR_CORRUPT);
	assert_int_equal(got.len, 0);
	sfs_buf_fini(&got);
	sfsi_backend_close(b);
	file_flip(path, 60);
	assert_fine(place, 100);
}

static void a_missing_table_file_is_refused(void **state)
{
	const struct place *place = *state;
	char path[FOLDER_PATH_MAX], aside[FOLDER_PATH_MAX], number[16] = "";
	folder_each(place->db, ".sst", path_keep, path);
	folder_join(aside, place->folder, "aside");
	/* RocksDB names it with its number, and may try another extension. */
	assert_int_equal(sscanf(strrchr(path, '/'), "%15[/0-9]", number), 1);
	assert_int_equal(rename(path, aside), 0);
	assert_refused(place, SFS_ERR_CORRUPT, number);
	assert_int_equal(rename(aside, path), 0);
	assert_fine(place, 100);
}

/* ---- MANIFEST and CURRENT ---- */

static void a_truncated_manifest_is_refused(void **state)
{
	const struct place *place = *state;
	char path[FOLDER_PATH_MAX], whole[FOLDER_PATH_MAX];
	manifest_path(place, path);
	folder_join(whole, place->folder, "whole");
	file_copy(path, whole);
	off_t size = file_size(path);
	const off_t sizes[] = { size - 1, size / 2, size / 4, 1, 0 };
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(truncate(path, sizes[i]), 0);
		assert_refused(place, SFS_ERR_CORRUPT, strrchr(path, '/'));
	}
	file_copy(whole, path);
	assert_fine(place, 100);
}

static void a_flipped_bit_in_the_manifest_is_refused(void **state)
{
	const struct place *place = *state;
	char path[FOLDER_PATH_MAX];
	manifest_path(place, path);
	file_flip(path, file_size(path) / 2);
	assert_refused(place, SFS_ERR_CORRUPT, "db/");
	file_flip(path, file_size(path) / 2);
	assert_fine(place, 100);
}

static void a_missing_manifest_is_refused(void **state)
{
	const struct place *place = *state;
	char path[FOLDER_PATH_MAX];
	manifest_path(place, path);
	assert_int_equal(unlink(path), 0);
	assert_refused(place, SFS_ERR_CORRUPT, strrchr(path, '/'));
}

static void file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void a_damaged_or_missing_current_is_refused(void **state)
{
	const struct place *place = *state;
	char path[FOLDER_PATH_MAX], manifest[FOLDER_PATH_MAX], older[FOLDER_PATH_MAX];
	folder_join(path, place->db, "CURRENT");
	folder_join(older, place->db, "MANIFEST-000001");
	static const char *const texts[] = { "",
					     "MANIFEST-",
					     "MANIFEST-000001",
					     "MANIFEST-1x\n",
					     "garbage\n",
					     "MANIFEST-000001\n\n",
					     "MANIFEST-99999999999999999999999999999999\n" };
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		file_write(path, texts[i]);
		assert_refused(place, SFS_ERR_CORRUPT, "CURRENT");
	}
	/* One that could be opened, but is older than the one that was in use. */
	manifest_path(place, manifest);
	file_copy(manifest, older);
	file_write(path, "MANIFEST-000001\n");
	assert_refused(place, SFS_ERR_CORRUPT, "MANIFEST-000001");
	assert_int_equal(unlink(path), 0);
	assert_refused(place, SFS_ERR_CORRUPT, "CURRENT");
}

static void a_missing_db_folder_is_refused(void **state)
{
	const struct place *place = *state;
	char aside[FOLDER_PATH_MAX];
	folder_join(aside, place->folder, "aside");
	assert_int_equal(rename(place->db, aside), 0);
	assert_refused(place, SFS_ERR_CORRUPT, "/db");
	assert_int_equal(rename(aside, place->db), 0);
	assert_fine(place, 100);
}

/* ---- STATE ---- */

static void assert_note(const struct place *place, const char *expected)
{
	struct sfsi_backend *b;
	struct sfs_buf note = SFS_BUF_INIT;
	assert_int_equal(open_kv(place->folder, false, true, &b, NULL), 0);
	assert_int_equal(sfsi_backend_marked(b, &note), 0);
	assert_true(sfs_span_equal(sfs_buf_span(&note), sfs_span_str(expected)));
	sfs_buf_fini(&note);
	sfsi_backend_close(b);
}

static void one_damaged_copy_of_state_costs_nothing(void **state)
{
	const struct place *place = *state;
	off_t half = file_size(place->state) / 2;
	for (off_t off = 0; off < 68; off++)
		for (off_t copy = 0; copy < 2; copy++) {
			file_flip(place->state, copy * half + off);
			assert_note(place, "note");
			file_flip(place->state, copy * half + off);
		}
	/* Cut in the middle: the second copy is gone. */
	assert_int_equal(truncate(place->state, half + 10), 0);
	assert_note(place, "note");
	assert_fine(place, 100);
	/* The open for writing has mended it. */
	file_flip(place->state, 20);
	assert_note(place, "note");
}

static void state_without_a_good_copy_is_refused(void **state)
{
	const struct place *place = *state;
	off_t half = file_size(place->state) / 2;
	file_flip(place->state, 20);
	file_flip(place->state, half + 30);
	assert_refused(place, SFS_ERR_CORRUPT, "STATE");
	assert_int_equal(truncate(place->state, 0), 0);
	assert_refused(place, SFS_ERR_CORRUPT, "STATE");
	assert_int_equal(unlink(place->state), 0);
	assert_refused(place, SFS_ERR_CORRUPT, "STATE");
}

/* ---- after a kill ---- */

/* Writes in batches of 1000, syncs and marks each, tells, for ever. */
static int child_writer(const char *folder)
{
	struct sfsi_backend *b;
	if (open_kv(folder, false, false, &b, NULL) < 0)
		return 1;
	for (uint32_t from = 0;; from += 1000) {
		uint32_t to = from + 1000;
		if (fill(b, from, to) < 0 || sfsi_backend_sync(b) < 0 ||
		    sfsi_backend_mark(b, (struct sfs_span){ &to, sizeof to }) < 0)
			return 2;
		if (write(STDOUT_FILENO, &to, sizeof to) != sizeof to)
			return 3;
	}
}

static void link_aside(const char *path, void *arg)
{
	char aside[FOLDER_PATH_MAX];
	folder_join(aside, arg, strrchr(path, '/') + 1);
	(void)!link(path, aside);
}

/* Three logs, of which the first two are in tables; all of them also in the folder above. */
static int child_roller(const char *folder)
{
	struct sfsi_backend *b;
	char db[FOLDER_PATH_MAX], above[FOLDER_PATH_MAX];
	folder_join(db, folder, "db");
	snprintf(above, sizeof above, "%s", folder);
	int err = open_kv(folder, false, false, &b, NULL);
	for (uint32_t i = 1; i <= 3 && !err; i++) {
		err = fill(b, i * 100, (i + 1) * 100);
		folder_each(db, ".log", link_aside, above);
		if (!err)
			err = sfsi_backend_sync(b);
		if (!err)
			err = sfsi_backend_mark(b, sfs_span_str("note"));
		if (!err && i < 3)
			err = sfsi_backend_prepare(b);
		uint32_t done = i * 100;
		if (!err && write(STDOUT_FILENO, &done, sizeof done) != sizeof done)
			return 2;
	}
	return err ? 1 : pause();
}

static void write_and_kill(const struct place *place, const char *how, uint32_t count)
{
	int fds[2], status;
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		execl("/proc/self/exe", "test_kv_damage", how, place->folder, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	uint32_t done = 0;
	while (done < count)
		assert_int_equal(read(fds[0], &done, sizeof done), sizeof done);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fds[0]);
}

struct log {
	char path[FOLDER_PATH_MAX];
	off_t size;
};

static void keep_largest(const char *path, void *arg)
{
	struct log *largest = arg;
	if (file_size(path) <= largest->size)
		return;
	largest->size = file_size(path);
	path_keep(path, largest->path);
}

static void a_log_that_lost_synced_changes_is_refused(void **state)
{
	const struct place *place = *state;
	write_and_kill(place, "writer", 5000);
	struct log log = { "", 0 };
	folder_each(place->db, ".log", keep_largest, &log);
	assert_true(log.size > 100000);
	char whole[FOLDER_PATH_MAX];
	folder_join(whole, place->folder, "whole");
	file_copy(log.path, whole);

	assert_int_equal(truncate(log.path, log.size / 2), 0);
	assert_refused(place, SFS_ERR_CORRUPT, "synced");
	file_copy(whole, log.path);
	file_flip(log.path, log.size / 3);
	assert_refused(place, SFS_ERR_CORRUPT, "synced");
	file_copy(whole, log.path);
	size_t count;
	assert_int_equal(read_everything(place->folder, &count, NULL), 0);
	assert_true(count >= 5000);
	assert_fine(place, count);
}

struct kept_logs {
	char first[FOLDER_PATH_MAX], last[FOLDER_PATH_MAX];
	const struct place *place;
};

static void keep_ends(const char *path, void *arg)
{
	struct kept_logs *logs = arg;
	/* That of an open in which nothing was written. */
	if (file_size(path) == 0)
		return;
	if (!*logs->first || strcmp(path, logs->first) < 0)
		path_keep(path, logs->first);
	if (strcmp(path, logs->last) > 0)
		path_keep(path, logs->last);
}

static void remove_between(const char *path, void *arg)
{
	const struct kept_logs *logs = arg;
	char there[FOLDER_PATH_MAX];
	folder_join(there, logs->place->db, strrchr(path, '/') + 1);
	unlink(there);
	if (strcmp(path, logs->first) == 0 || strcmp(path, logs->last) == 0)
		assert_int_equal(rename(path, there), 0);
}

/* RocksDB removes logs whose changes are in tables, the newest of them first. */
static void an_older_log_that_a_kill_left_is_no_gap(void **state)
{
	const struct place *place = *state;
	struct kept_logs logs = { .place = place };
	write_and_kill(place, "roller", 300);
	folder_each(place->folder, ".log", keep_ends, &logs);
	assert_string_not_equal(logs.first, logs.last);
	folder_each(place->folder, ".log", remove_between, &logs);
	assert_fine(place, 400);
}

static void a_manifest_truncated_after_a_kill_is_refused(void **state)
{
	const struct place *place = *state;
	/* Enough for several rolls of the log, flushes and a compaction. */
	write_and_kill(place, "writer", COUNT);
	size_t count;
	assert_int_equal(read_everything(place->folder, &count, NULL), 0);
	assert_true(count >= COUNT);
	struct sfsi_kv_state recorded = SFSI_KV_STATE_INIT;
	int fd = open(place->folder, O_RDONLY | O_DIRECTORY);
	assert_int_equal(sfsi_kv_state_open(&recorded, fd, true, NULL), 0);
	close(fd);
	sfsi_kv_state_close(&recorded);
	char path[FOLDER_PATH_MAX], whole[FOLDER_PATH_MAX];
	manifest_path(place, path);
	folder_join(whole, place->folder, "whole");
	file_copy(path, whole);
	for (off_t size = (off_t)recorded.facts.manifest_size - 1; size > 0; size -= size / 3 + 1) {
		assert_int_equal(truncate(path, size), 0);
		assert_refused(place, SFS_ERR_CORRUPT, strrchr(path, '/'));
	}
	file_copy(whole, path);
	assert_fine(place, count);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "writer") == 0)
		return child_writer(argv[2]);
	if (argc == 3 && strcmp(argv[1], "roller") == 0)
		return child_roller(argv[2]);
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_flipped_bit_in_any_table_file_is_noticed),
		CASE(a_flipped_bit_is_noticed_by_get),
		CASE(a_missing_table_file_is_refused),
		CASE(a_truncated_manifest_is_refused),
		CASE(a_flipped_bit_in_the_manifest_is_refused),
		CASE(a_missing_manifest_is_refused),
		CASE(a_damaged_or_missing_current_is_refused),
		CASE(a_missing_db_folder_is_refused),
		CASE(one_damaged_copy_of_state_costs_nothing),
		CASE(state_without_a_good_copy_is_refused),
		CASE(a_log_that_lost_synced_changes_is_refused),
		CASE(an_older_log_that_a_kill_left_is_no_gap),
		CASE(a_manifest_truncated_after_a_kill_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
