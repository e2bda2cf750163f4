/*
 * The kv backend on a full disk: writes fail with a clear code, reads go on, nothing
 * acknowledged is lost, and writes work again by themselves when there is space.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <sys/mount.h>
#include "backend/backend.h"
#include "folder.h"

#define VALUE_LEN 50000

static struct sfsi_backend *must_open(const char *folder, bool create)
{
	const struct sfsi_backend_config cfg = { .path = folder, .create = create };
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfsi_backend *b = NULL;
	if (sfsi_backend_open(&sfsi_backend_kv, &cfg, &b, &diag) < 0)
		fail_msg("can not open: %s", diag.text);
	return b;
}

static int number_write(struct sfsi_backend *b, uint32_t number)
{
	static unsigned char value[VALUE_LEN];
	uint64_t random = number;
	for (size_t i = 0; i < VALUE_LEN; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		value[i] = (unsigned char)(random >> 56);
	}
	const struct sfsi_op ops[] = {
		{ 1, { &number, 4 }, { value, VALUE_LEN }, false },
		{ 2, { &number, 4 }, { &number, 4 }, false },
	};
	return sfsi_backend_write(b, ops, 2);
}

/* Both halves of each number are there. */
static void assert_numbers(struct sfsi_backend *b, uint32_t count)
{
	struct sfs_buf got = SFS_BUF_INIT;
	for (uint32_t number = 0; number < count; number++) {
		got.len = 0;
		assert_int_equal(sfsi_backend_get(b, 1, (struct sfs_span){ &number, 4 }, &got), 0);
		assert_int_equal(got.len, VALUE_LEN);
		assert_int_equal(sfsi_backend_get(b, 2, (struct sfs_span){ &number, 4 }, &got), 0);
	}
	sfs_buf_fini(&got);
}

struct disk {
	char folder[FOLDER_PATH_MAX];
	char kv[FOLDER_PATH_MAX];
	char balloon[FOLDER_PATH_MAX];
	bool mounted;
};

static int disk_setup(void **state)
{
	struct disk *disk = calloc(1, sizeof *disk);
	assert_non_null(disk);
	folder_make(disk->folder);
	disk->mounted = mount("storefs-test", disk->folder, "tmpfs", 0, "size=96m") == 0;
	folder_join(disk->kv, disk->folder, "kv");
	folder_join(disk->balloon, disk->folder, "balloon");
	assert_int_equal(mkdir(disk->kv, 0700), 0);
	*state = disk;
	return 0;
}

static int disk_teardown(void **state)
{
	struct disk *disk = *state;
	folder_remove(disk->kv);
	if (disk->mounted)
		umount2(disk->folder, MNT_DETACH);
	rmdir(disk->folder);
	free(disk);
	return 0;
}

static void disk_required(const struct disk *disk)
{
	if (disk->mounted)
		return;
	print_message("skipped: mounting a tmpfs is not permitted here\n");
	skip();
}

/* Take space away; what is left is for the store. */
static void balloon_blow(const struct disk *disk, off_t size)
{
	int fd = open(disk->balloon, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(posix_fallocate(fd, 0, size), 0);
	close(fd);
}

/* As the store's syncer does: it goes on on a full disk. */
struct syncer {
	struct sfsi_backend *b;
	pthread_t thread;
	atomic_bool stop;
	atomic_uint syncs;
};

static void *syncer_main(void *arg)
{
	struct syncer *syncer = arg;
	while (!syncer->stop) {
		uint32_t number = ++syncer->syncs;
		int err = sfsi_backend_sync(syncer->b);
		if (err == 0)
			err = sfsi_backend_mark(syncer->b, (struct sfs_span){ &number, 4 });
		(void)err; /* may fail: the disk is full */
		poll(NULL, 0, 1);
	}
	return NULL;
}

static void syncer_start(struct syncer *syncer, struct sfsi_backend *b)
{
	*syncer = (struct syncer){ .b = b };
	assert_int_equal(pthread_create(&syncer->thread, NULL, syncer_main, syncer), 0);
}

static void syncer_stop(struct syncer *syncer)
{
	syncer->stop = true;
	pthread_join(syncer->thread, NULL);
	assert_true(syncer->syncs > 0);
}

static uint32_t write_until_full(struct sfsi_backend *b, uint32_t number)
{
	int err = 0;
	while (number < 100000 && (err = number_write(b, number)) == 0)
		number++;
	assert_int_equal(err, SFS_ERR_NO_SPACE);
	return number;
}

/* Writes work again by themselves: RocksDB looks every few seconds. */
static void wait_for_space(struct sfsi_backend *b, uint32_t number)
{
	int err = SFS_ERR_NO_SPACE;
	for (int i = 0; i < 600 && err < 0; i++) {
		err = number_write(b, number);
		if (err < 0) {
			assert_int_equal(err, SFS_ERR_NO_SPACE);
			poll(NULL, 0, 100);
		}
	}
	assert_int_equal(err, 0);
}

static void a_full_disk_refuses_writes_and_recovers_by_itself(void **state)
{
	const struct disk *disk = *state;
	disk_required(disk);
	balloon_blow(disk, 48 << 20);
	struct sfsi_backend *b = must_open(disk->kv, true);
	struct syncer syncer;
	syncer_start(&syncer, b);
	uint32_t count = write_until_full(b, 0);
	assert_true(count > 100);
	assert_numbers(b, count);
	/* For longer than RocksDB takes between two looks, and between two lines of its LOG. */
	for (int i = 0; i < 70; i++) {
		assert_int_equal(number_write(b, count), SFS_ERR_NO_SPACE);
		poll(NULL, 0, 100);
	}
	assert_numbers(b, count);
	assert_int_equal(unlink(disk->balloon), 0);
	wait_for_space(b, count);
	syncer_stop(&syncer);
	for (uint32_t number = count + 1; number < count + 100; number++)
		assert_int_equal(number_write(b, number), 0);
	assert_int_equal(sfsi_backend_sync(b), 0);
	assert_int_equal(sfsi_backend_mark(b, sfs_span_str("note")), 0);
	assert_numbers(b, count + 100);
	sfsi_backend_close(b);
	b = must_open(disk->kv, false);
	assert_numbers(b, count + 100);
	sfsi_backend_close(b);
}

static void a_close_on_a_full_disk_loses_nothing(void **state)
{
	const struct disk *disk = *state;
	disk_required(disk);
	balloon_blow(disk, 60 << 20);
	struct sfsi_backend *b = must_open(disk->kv, true);
	uint32_t count = write_until_full(b, 0);
	sfsi_backend_close(b);

	/* Still full: it can be read, and says why when it can not be written. */
	const struct sfsi_backend_config cfg = { .path = disk->kv, .read_only = true };
	assert_int_equal(sfsi_backend_open(&sfsi_backend_kv, &cfg, &b, NULL), 0);
	assert_numbers(b, count);
	sfsi_backend_close(b);

	assert_int_equal(unlink(disk->balloon), 0);
	b = must_open(disk->kv, false);
	assert_numbers(b, count);
	assert_int_equal(number_write(b, count), 0);
	sfsi_backend_close(b);
}

static void a_store_is_not_made_on_a_full_disk(void **state)
{
	const struct disk *disk = *state;
	disk_required(disk);
	int fd = open(disk->balloon, O_WRONLY | O_CREAT, 0600);
	static char block[1 << 20];
	while (write(fd, block, sizeof block) > 0)
		;
	close(fd);
	const struct sfsi_backend_config cfg = { .path = disk->kv, .create = true };
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfsi_backend *b;
	assert_int_equal(sfsi_backend_open(&sfsi_backend_kv, &cfg, &b, &diag), SFS_ERR_NO_SPACE);
	assert_true(diag.text[0]);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, disk_setup, disk_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_full_disk_refuses_writes_and_recovers_by_itself),
		CASE(a_close_on_a_full_disk_loses_nothing),
		CASE(a_store_is_not_made_on_a_full_disk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
