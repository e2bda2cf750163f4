/*
 * The kv backend and processes: killed in the middle of writes or of an open, opened
 * twice, opened read-only. Children are this program again, by exec: RocksDB's
 * threads do not survive a fork.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include "backend/kv.h"
#include "folder.h"

#define ROUNDS 10
/* Large values, so that each round crosses the guard's limit of 16 MiB several times. */
#define VALUE_LEN 20000

static void must_open(struct sfsi_backend **ret, const char *folder, bool create, bool read_only)
{
	const struct sfsi_backend_config cfg = { .path = folder,
						 .create = create,
						 .read_only = read_only };
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfsi_backend_open(&sfsi_backend_kv, &cfg, ret, &diag);
	if (err < 0)
		fail_msg("can not open %s: %d %s", folder, err, diag.text);
}

static int try_open(const char *folder, bool read_only, struct sfs_diag *diag)
{
	const struct sfsi_backend_config cfg = { .path = folder, .read_only = read_only };
	struct sfsi_backend *b = NULL;
	int err = sfsi_backend_open(&sfsi_backend_kv, &cfg, &b, diag);
	sfsi_backend_close(b);
	return err;
}

static size_t number_key(char key[24], uint64_t number)
{
	return (size_t)snprintf(key, 24, "n%020llu", (unsigned long long)number);
}

static void value_fill(unsigned char value[VALUE_LEN], uint64_t number)
{
	for (size_t i = 0; i < VALUE_LEN; i++) {
		number = number * 6364136223846793005u + 1442695040888963407u;
		value[i] = (unsigned char)(number >> 56);
	}
}

static int number_write(struct sfsi_backend *b, uint64_t number)
{
	static unsigned char value[VALUE_LEN];
	char key[24];
	value_fill(value, number);
	const struct sfs_span value_span = { value, VALUE_LEN };
	const struct sfsi_op ops[] = {
		{ 1, { key, number_key(key, number) }, value_span, false },
		{ 2, sfs_span_str("last"), { &number, sizeof number }, false },
		{ 3, { key, number_key(key, number) }, { &number, sizeof number }, false },
	};
	return sfsi_backend_write(b, ops, 3);
}

static uint64_t last_number(struct sfsi_backend *b)
{
	uint64_t number = 0;
	struct sfs_buf got = SFS_BUF_INIT;
	if (sfsi_backend_get(b, 2, sfs_span_str("last"), &got) == 0)
		memcpy(&number, got.data, sizeof number);
	sfs_buf_fini(&got);
	return number;
}

/* ---- what children do ---- */

/* Writes numbers from the last one on for ever; each is told once it is acknowledged. */
static int child_writer(const char *folder)
{
	const struct sfsi_backend_config cfg = { .path = folder };
	struct sfsi_backend *b;
	if (sfsi_backend_open(&sfsi_backend_kv, &cfg, &b, NULL) < 0)
		return 1;
	for (uint64_t number = last_number(b) + 1;; number++) {
		if (number_write(b, number) < 0)
			return 2;
		if (write(STDOUT_FILENO, &number, sizeof number) != sizeof number)
			return 3;
		if (number % 100 == 0 &&
		    (sfsi_backend_sync(b) < 0 ||
		     sfsi_backend_mark(b, (struct sfs_span){ &number, sizeof number }) < 0))
			return 4;
	}
}

/* Opens, writes one number, closes, for ever. */
static int child_opener(const char *folder)
{
	for (;;) {
		const struct sfsi_backend_config cfg = { .path = folder };
		struct sfsi_backend *b;
		if (sfsi_backend_open(&sfsi_backend_kv, &cfg, &b, NULL) < 0)
			return 1;
		uint64_t number = last_number(b) + 1;
		if (number_write(b, number) < 0)
			return 2;
		if (write(STDOUT_FILENO, &number, sizeof number) != sizeof number)
			return 3;
		sfsi_backend_close(b);
	}
}

/* Exits with the code of an open, made positive. */
static int child_open(const char *folder)
{
	return -try_open(folder, false, NULL);
}

static pid_t child_start(const char *what, const char *folder, int *ret_fd)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execl("/proc/self/exe", "test_kv", what, folder, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	*ret_fd = fds[0];
	return pid;
}

/* Reads numbers until so many have come or the pipe ends; returns the last one (0: none). */
static uint64_t numbers_read(int fd, uint64_t count, uint64_t last)
{
	uint64_t number;
	while (count-- && read(fd, &number, sizeof number) == sizeof number)
		last = number;
	return last;
}

/* Kill it; what it acknowledged until then is still in the pipe. */
static uint64_t child_kill(pid_t pid, int fd, uint64_t last)
{
	int status;
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	last = numbers_read(fd, UINT64_MAX, last);
	close(fd);
	return last;
}

/* Numbers 1 to last are all there and whole, and nothing else. */
static void assert_numbers(struct sfsi_backend *b, uint64_t last)
{
	static unsigned char value[VALUE_LEN];
	struct sfs_buf got = SFS_BUF_INIT;
	for (uint64_t number = 1; number <= last + 1; number++) {
		char key[24];
		const struct sfs_span span = { key, number_key(key, number) };
		value_fill(value, number);
		got.len = 0;
		int err = sfsi_backend_get(b, 1, span, &got);
		assert_int_equal(err, number <= last ? 0 : SFS_ERR_NOT_FOUND);
		if (number <= last)
			assert_true(got.len == VALUE_LEN && !memcmp(got.data, value, VALUE_LEN));
		got.len = 0;
		assert_int_equal(sfsi_backend_get(b, 3, span, &got), err);
	}
	sfs_buf_fini(&got);
}

/* ---- cases ---- */

static int setup(void **state)
{
	char *folder = malloc(FOLDER_PATH_MAX);
	assert_non_null(folder);
	folder_make(folder);
	struct sfsi_backend *b;
	must_open(&b, folder, true, false);
	sfsi_backend_close(b);
	*state = folder;
	return 0;
}

static int teardown(void **state)
{
	char disk[FOLDER_PATH_MAX];
	folder_join(disk, *state, "disk");
	umount2(disk, MNT_DETACH); /* where a case has mounted one and failed */
	folder_remove(*state);
	free(*state);
	return 0;
}

static void a_kill_in_the_middle_of_writes_loses_nothing_acknowledged(void **state)
{
	const char *folder = *state;
	uint64_t acknowledged = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		int fd;
		pid_t pid = child_start("writer", folder, &fd);
		uint64_t seen = numbers_read(fd, 50 + round * 171 % 1300, 0);
		assert_true(seen > acknowledged);
		acknowledged = child_kill(pid, fd, seen);

		struct sfsi_backend *b;
		must_open(&b, folder, false, false);
		uint64_t last = last_number(b);
		assert_true(last >= acknowledged);
		assert_numbers(b, last);
		sfsi_backend_close(b);
	}
}

static void a_kill_in_the_middle_of_an_open_does_no_harm(void **state)
{
	const char *folder = *state;
	for (unsigned round = 0; round < 3 * ROUNDS; round++) {
		int fd;
		pid_t pid = child_start("opener", folder, &fd);
		uint64_t seen = numbers_read(fd, 1 + round % 3, 0);
		assert_true(seen > 0);
		/* Somewhere in the next open or close: a moment that differs each time. */
		struct pollfd none = { .fd = -1 };
		poll(&none, 1, (int)(round * 7 % 40));
		uint64_t acknowledged = child_kill(pid, fd, seen);

		struct sfsi_backend *b;
		must_open(&b, folder, false, false);
		uint64_t last = last_number(b);
		assert_true(last >= acknowledged);
		assert_numbers(b, last);
		sfsi_backend_close(b);
	}
}

static void a_kill_can_be_read_without_a_repair(void **state)
{
	const char *folder = *state;
	int fd;
	pid_t pid = child_start("writer", folder, &fd);
	uint64_t acknowledged = child_kill(pid, fd, numbers_read(fd, 1000, 0));
	uint64_t digest = folder_digest(folder);
	struct sfsi_backend *b;
	must_open(&b, folder, false, true);
	assert_true(last_number(b) >= acknowledged);
	assert_numbers(b, last_number(b));
	sfsi_backend_close(b);
	assert_true(folder_digest(folder) == digest);
}

static void a_second_open_is_refused(void **state)
{
	struct sfsi_backend *b;
	must_open(&b, *state, false, false);
	assert_int_equal(number_write(b, 1), 0);
	for (int read_only = 0; read_only < 2; read_only++) {
		struct sfs_diag diag = SFS_DIAG_INIT;
		assert_int_equal(try_open(*state, read_only, &diag), SFS_ERR_BUSY);
		assert_non_null(strstr(diag.text, "open elsewhere"));
	}
	int fd, status;
	pid_t pid = child_start("open", *state, &fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fd);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), -SFS_ERR_BUSY);
	assert_int_equal(number_write(b, 2), 0);
	assert_numbers(b, 2);
	sfsi_backend_close(b);
	assert_int_equal(try_open(*state, false, NULL), 0);
}

static void readers_share_but_keep_writers_out(void **state)
{
	struct sfsi_backend *a, *b;
	must_open(&a, *state, false, true);
	must_open(&b, *state, false, true);
	assert_int_equal(try_open(*state, false, NULL), SFS_ERR_BUSY);
	sfsi_backend_close(a);
	sfsi_backend_close(b);
	assert_int_equal(try_open(*state, false, NULL), 0);
}

static void a_read_only_open_changes_nothing(void **state)
{
	struct sfsi_backend *b;
	must_open(&b, *state, false, false);
	for (uint64_t number = 1; number <= 100; number++)
		assert_int_equal(number_write(b, number), 0);
	sfsi_backend_close(b);
	uint64_t digest = folder_digest(*state);
	must_open(&b, *state, false, true);
	assert_numbers(b, 100);
	assert_int_equal(number_write(b, 101), SFS_ERR_READ_ONLY);
	sfsi_backend_close(b);
	assert_true(folder_digest(*state) == digest);
}

static void a_read_only_disk_can_be_read(void **state)
{
	char disk[FOLDER_PATH_MAX], folder[FOLDER_PATH_MAX];
	folder_join(disk, *state, "disk");
	assert_int_equal(mkdir(disk, 0700), 0);
	if (mount("storefs-test", disk, "tmpfs", 0, "size=64m") < 0) {
		print_message("skipped: mounting a tmpfs is not permitted here\n");
		skip();
	}
	folder_join(folder, disk, "kv");
	assert_int_equal(mkdir(folder, 0700), 0);
	struct sfsi_backend *b;
	must_open(&b, folder, true, false);
	for (uint64_t number = 1; number <= 100; number++)
		assert_int_equal(number_write(b, number), 0);
	sfsi_backend_close(b);
	assert_int_equal(mount(NULL, disk, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);

	struct sfs_diag diag = SFS_DIAG_INIT;
	int refused = try_open(folder, false, &diag);
	must_open(&b, folder, false, true);
	uint64_t last = last_number(b);
	sfsi_backend_close(b);
	assert_int_equal(umount2(disk, MNT_DETACH), 0);
	assert_int_equal(refused, SFS_ERR_READ_ONLY);
	assert_non_null(strstr(diag.text, "STATE"));
	assert_int_equal(last, 100);
}

static void the_folder_must_be_what_the_caller_says(void **state)
{
	struct sfsi_backend *b;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfsi_backend_config cfg = { .path = *state, .create = true };
	assert_int_equal(sfsi_backend_open(&sfsi_backend_kv, &cfg, &b, &diag), SFS_ERR_EXISTS);
	assert_int_equal(try_open(*state, false, &diag), 0);
	cfg.read_only = true;
	assert_int_equal(sfsi_backend_open(&sfsi_backend_kv, &cfg, &b, &diag), SFS_ERR_INVALID);
	cfg = (struct sfsi_backend_config){ .path = NULL };
	assert_int_equal(sfsi_backend_open(&sfsi_backend_kv, &cfg, &b, &diag), SFS_ERR_INVALID);
	char none[FOLDER_PATH_MAX];
	folder_join(none, *state, "none");
	assert_int_equal(try_open(none, false, &diag), SFS_ERR_NOT_FOUND);
}

/* ---- snapshots ---- */

struct going_on {
	struct sfsi_backend *b;
	pthread_mutex_t commit; /* one writer, or a snapshot that is not fixed yet */
	uint64_t number;        /* the last one that was written */
	uint64_t fixed;         /* … when a snapshot was fixed */
	atomic_bool full;       /* the next write shall want to switch the log */
	atomic_bool over;
	int err;
};

static void fill_log(struct kv *kv)
{
	pthread_mutex_lock(&kv->write_lock);
	kv->unflushed = SFSI_KV_WRITE_BUFFER / 2;
	pthread_mutex_unlock(&kv->write_lock);
}

static void *go_on(void *arg)
{
	struct going_on *on = arg;
	while (!atomic_load(&on->over) && !on->err) {
		pthread_mutex_lock(&on->commit);
		if (atomic_exchange(&on->full, false))
			fill_log((struct kv *)on->b);
		on->err = number_write(on->b, on->number + 1);
		on->number += !on->err;
		pthread_mutex_unlock(&on->commit);
	}
	return NULL;
}

static void on_fixed(void *arg)
{
	struct going_on *on = arg;
	on->fixed = on->number;
	atomic_store(&on->full, true);
	pthread_mutex_unlock(&on->commit);
}

static void must_have_up_to(const char *folder, uint64_t last)
{
	struct sfsi_backend *b;
	struct sfs_buf got = SFS_BUF_INIT;
	char key[24];
	must_open(&b, folder, false, true);
	assert_int_equal(last_number(b), last);
	for (uint64_t number = last > 3 ? last - 3 : 1; number < last + 1000; number++) {
		const struct sfs_span span = { key, number_key(key, number) };
		int err = sfsi_backend_get(b, 1, span, &got);
		assert_int_equal(err, number <= last ? 0 : SFS_ERR_NOT_FOUND);
	}
	sfs_buf_fini(&got);
	sfsi_backend_close(b);
}

static void a_snapshot_has_what_was_written_when_it_was_fixed(void **state)
{
	struct going_on on = { .commit = PTHREAD_MUTEX_INITIALIZER };
	char path[FOLDER_PATH_MAX], name[16];
	pthread_t thread;
	must_open(&on.b, *state, false, false);
	on.number = last_number(on.b);
	assert_int_equal(pthread_create(&thread, NULL, go_on, &on), 0);
	for (int i = 0; i < 4 * ROUNDS; i++) {
		snprintf(name, sizeof name, "copy%d", i);
		folder_join(path, *state, name);
		assert_int_equal(mkdir(path, 0700), 0);
		const struct sfsi_snapshot_wanted wanted = { .path = path,
							     .fixed = on_fixed,
							     .arg = &on };
		if (i % 2)
			assert_int_equal(sfsi_backend_prepare(on.b), 0);
		pthread_mutex_lock(&on.commit);
		assert_int_equal(sfsi_backend_snapshot(on.b, &wanted), 0);
		must_have_up_to(path, on.fixed);
	}
	atomic_store(&on.over, true);
	pthread_join(thread, NULL);
	assert_int_equal(on.err, 0);
	sfsi_backend_close(on.b);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "writer") == 0)
		return child_writer(argv[2]);
	if (argc == 3 && strcmp(argv[1], "opener") == 0)
		return child_opener(argv[2]);
	if (argc == 3 && strcmp(argv[1], "open") == 0)
		return child_open(argv[2]);
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_kill_in_the_middle_of_writes_loses_nothing_acknowledged),
		CASE(a_kill_in_the_middle_of_an_open_does_no_harm),
		CASE(a_kill_can_be_read_without_a_repair),
		CASE(a_second_open_is_refused),
		CASE(readers_share_but_keep_writers_out),
		CASE(a_read_only_open_changes_nothing),
		CASE(a_read_only_disk_can_be_read),
		CASE(the_folder_must_be_what_the_caller_says),
		CASE(a_snapshot_has_what_was_written_when_it_was_fixed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
