/*
 * The log of RocksDB as it lies on disk: blocks of 32 KiB with records, each with its length and type; a record,
 * or several of which one goes on where the last one ended, is a batch. A batch begins with the number of its
 * first change and how many there are, so each begins where the last one ended.
 *
 * RocksDB takes a part of the log that has become zeros for room that was never written to, and goes on
 * behind it. That is looked for here: a batch that does not begin where the last one ended, although all
 * before it was synced. Behind what was synced a power cut may leave anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/kv.h"
#include "backend/kv_list.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "base/errno.h"
#include "base/file.h"
#include "bytes.h"

#define BLOCK ((size_t)32768)
#define HEAD 7        /* checksum u32, length u16, type u8 */
#define BATCH_HEAD 12 /* number of the first change u64, how many u32 */
enum { WHOLE = 1, FIRST = 2, MIDDLE = 3, LAST = 4 };

struct logs {
	uint64_t numbers[64];
	size_t len;
};

struct reading {
	uint64_t synced;
	uint64_t next; /* number that the next batch begins with; 0: not known */
	bool gap;
	bool sums;                /* checksums are compared… */
	bool bad;                 /* … and one was wrong */
	uint8_t head[BATCH_HEAD]; /* of the batch that is being read… */
	size_t head_len;          /* …as far as it came */
	uint64_t after;           /* … before this change */
};

static int compare_numbers(const void *a, const void *b)
{
	const uint64_t *one = a, *other = b;
	return *one < *other ? -1 : *one > *other;
}

static int list_logs(int db_fd, struct logs *ret)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(db_fd, ".", &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));) {
		char *end;
		uint64_t number = strtoull(entry->d_name, &end, 10);
		if (end != entry->d_name && strcmp(end, ".log") == 0 &&
		    ret->len < sizeof ret->numbers / sizeof *ret->numbers)
			ret->numbers[ret->len++] = number;
	}
	qsort(ret->numbers, ret->len, sizeof *ret->numbers, compare_numbers);
	return err;
}

static void see_batch(struct reading *reading)
{
	struct sfsi_reader r = sfsi_reader((struct sfs_span){ reading->head, BATCH_HEAD });
	uint64_t first = sfsi_read_u64(&r);
	uint32_t count = sfsi_read_u32(&r);
	if (!first)
		return;
	if (reading->next && first > reading->next && first - 1 <= reading->synced &&
	    !reading->gap) {
		reading->gap = true;
		reading->after = first;
	}
	/* An empty one, which an open writes, stands for the last change before it. */
	reading->next = first + (count ? count : 1);
}

/** A record: a batch, or a part of one; its head may be in two blocks. */
static void see_record(struct reading *reading, uint8_t type, const uint8_t *bytes, size_t len)
{
	if (type == WHOLE || type == FIRST)
		reading->head_len = 0;
	if (reading->head_len == BATCH_HEAD)
		return;
	size_t more = BATCH_HEAD - reading->head_len;
	more = len < more ? len : more;
	memcpy(reading->head + reading->head_len, bytes, more);
	reading->head_len += more;
	if (reading->head_len == BATCH_HEAD)
		see_batch(reading);
}

/** Records of a block, up to one that can not be. False: nothing is at its beginning. */
static bool see_block(struct reading *reading, const uint8_t *block, size_t len)
{
	size_t at = 0;
	while (at + HEAD <= len) {
		size_t size = block[at + 4] | (size_t)block[at + 5] << 8;
		uint8_t type = block[at + 6];
		if (type < WHOLE || type > LAST || size > len - at - HEAD)
			break;
		if (reading->sums) {
			struct sfsi_reader r = sfsi_reader((struct sfs_span){ block + at, 4 });
			struct sfs_span part = { block + at + 6, size + 1 };
			reading->bad |= sfsi_read_u32(&r) != sfsi_kv_sum(part);
		}
		see_record(reading, type, block + at + HEAD, size);
		at += HEAD + size;
	}
	return at > 0;
}

static int see_log(struct reading *reading, int db_fd, uint64_t number)
{
	char name[32];
	SFSI_AUTO_FREE uint8_t *block = malloc(BLOCK);
	snprintf(name, sizeof name, "%06" PRIu64 ".log", number);
	SFSI_AUTO_FD int fd = openat(db_fd, name, O_RDONLY | O_CLOEXEC);
	if (!block)
		return SFS_ERR_NO_MEMORY;
	if (fd < 0)
		return errno == ENOENT ? 0 : sfsi_err_from_errno(errno);
	size_t got = BLOCK;
	for (uint64_t off = 0; got == BLOCK; off += BLOCK) {
		int err = sfsi_pread_all(fd, block, BLOCK, off, &got);
		if (err < 0)
			return err == SFS_ERR_IS_DIR ? SFS_ERR_CORRUPT : err;
		/* A log begins with a batch: the one that it lacks is the one after the tables. */
		if (!see_block(reading, block, got) && off == 0 && got && !reading->next)
			reading->next = 1;
	}
	return 0;
}

bool sfsi_kv_log_is_bad(int db_fd)
{
	struct logs logs = { .len = 0 };
	struct reading reading = { .sums = true, .head_len = BATCH_HEAD };
	int err = list_logs(db_fd, &logs);
	for (size_t i = 0; i < logs.len && !err; i++)
		err = see_log(&reading, db_fd, logs.numbers[i]);
	return err < 0 || reading.bad;
}

/** Without logs that RocksDB has not removed yet. It begins with the newest, and a kill may leave others. */
static void leave_out_older(struct logs *logs, uint64_t oldest)
{
	size_t from = 0;
	while (from < logs->len && logs->numbers[from] < oldest)
		from++;
	logs->len -= from;
	memmove(logs->numbers, logs->numbers + from, logs->len * sizeof *logs->numbers);
}

int sfsi_kv_log_check(const struct kv *kv, uint64_t synced, struct sfs_diag *diag)
{
	struct logs logs = { .len = 0 };
	/* Nothing of a batch is known: parts without a beginning are passed over. */
	struct reading reading = { .synced = synced, .head_len = BATCH_HEAD };
	int err = list_logs(kv->db_fd, &logs);
	if (logs.len > 1)
		leave_out_older(&logs, sfsi_kv_oldest_log(kv));
	for (size_t i = 0; i < logs.len && !err; i++)
		err = see_log(&reading, kv->db_fd, logs.numbers[i]);
	if (err < 0)
		return sfs_diag_set(diag, err, "can not read the log in db/: %s",
				    sfs_err_text(err));
	if (!reading.gap)
		return 0;
	return sfs_diag_set(diag, SFS_ERR_CORRUPT,
			    "the log in db/ lacks changes before %" PRIu64 " of %" PRIu64
			    " that were synced",
			    reading.after, synced);
}
