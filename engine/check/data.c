/*
 * Bytes of raws against the hashes that are kept of them (SFS_CHECK_DATA): one that differs though the plain
 * file's size and times are those of the hash was changed by nobody who writes files. What has no hash of
 * these bytes yet gets one. A raw that is being written is left for another time.
 */
#include <stdio.h>
#include <time.h>
#include "check/check.h"
#include "raw_content.h"
#include "raw_page.h"

#define SLICE_NS ((int64_t)100 * 1000 * 1000)

struct reading {
	struct sfsi_check *check;
	struct sfs_buf path; /* of the raw */
	int err;             /* why a piece stopped the reading */
};

static int64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/** Wait until so many bytes may have been read; progress goes on meanwhile. */
static int keep_rate(struct sfsi_check *check)
{
	uint64_t rate = check->wanted->rate;
	int err = 0;
	while (rate && !err) {
		double due = (double)check->result.data_bytes / (double)rate * 1e9;
		int64_t wait = check->data_start_ns + (int64_t)due - clock_ns();
		if (wait <= 0)
			break;
		wait = wait < SLICE_NS ? wait : SLICE_NS;
		const struct timespec slice = { .tv_nsec = wait };
		nanosleep(&slice, NULL);
		err = sfsi_check_tick(check);
	}
	return err;
}

static int take_piece(void *arg, size_t len)
{
	struct reading *reading = arg;
	reading->check->result.data_bytes += len;
	reading->err = sfsi_check_tick(reading->check);
	if (!reading->err)
		reading->err = keep_rate(reading->check);
	return reading->err < 0;
}

/* --- one raw --- */

static struct sfs_check_problem *found(struct reading *reading, uint64_t ino, const char *text)
{
	struct sfsi_check *check = reading->check;
	struct sfs_check_problem *problem = sfsi_check_found(check, SFS_CHECK_BYTES, "%s", text);
	problem->ino = ino;
	reading->path.len = 0;
	if (sfs_raw_path(check->store, ino, &reading->path) == 0)
		problem->oid = sfs_buf_span(&reading->path);
	return problem;
}

static void differs(struct reading *reading, uint64_t ino, const struct sfsi_content *was,
		    const unsigned char hash[SFS_HASH_LEN])
{
	char now[SFS_HASH_SIZE], before[SFS_HASH_SIZE], text[200];
	snprintf(text, sizeof text,
		 "the bytes are not those that were written: XXH3-128 %s, expected %s",
		 sfs_hash_text(hash, now), sfs_hash_text(was->hash, before));
	found(reading, ino, text);
}

/** What to do about a hash that was just computed of a file that stood still. */
static int compare(struct reading *reading, uint64_t ino, struct sfsi_content *was,
		   const struct sfsi_stamp *stamp, const unsigned char hash[SFS_HASH_LEN])
{
	struct sfsi_check *check = reading->check;
	bool same = was->hashed && memcmp(was->hash, hash, SFS_HASH_LEN) == 0;
	if (was->hashed && sfsi_stamp_equal(&was->stamp, stamp)) {
		if (!same)
			differs(reading, ino, was, hash);
		return 0;
	}
	/* Some programs set times back after they wrote: no damage, but worth a look. */
	if (was->hashed && !same && was->stamp.size == stamp->size &&
	    was->stamp.mtime_ns == stamp->mtime_ns)
		found(reading, ino, "other bytes, with the size and the mtime of those before")
			->severity = SFS_CHECK_NOTE;
	check->result.data_new++;
	if (!same)
		was->mime[0] = '\0';
	was->stamp = *stamp;
	was->hashed = true;
	memcpy(was->hash, hash, SFS_HASH_LEN);
	return check->store->read_only ? 0 : sfsi_content_save(check->store, ino, was);
}

static int read_file(struct reading *reading, uint64_t ino, int fd)
{
	struct sfsi_check *check = reading->check;
	struct sfsi_content was = { .hashed = false };
	struct sfsi_stamp before, after;
	unsigned char hash[SFS_HASH_LEN];
	int err = sfsi_stamp_of(fd, &before);
	bool settled = !err && sfsi_stamp_settled(check->store, ino, &before);
	reading->err = 0;
	if (settled)
		err = sfsi_content_hash(fd, take_piece, reading, hash);
	if (reading->err)
		return reading->err;
	if (!err)
		err = sfsi_stamp_of(fd, &after);
	if (err == SFS_ERR_IO) {
		found(reading, ino, "the bytes can not be read");
		return 0;
	}
	if (err < 0)
		return err;
	if (!settled || !sfsi_stamp_equal(&before, &after) ||
	    sfsi_open_written(check->store, ino)) {
		check->result.data_busy++;
		return 0;
	}
	check->result.data_files++;
	err = sfsi_content_load(check->store, ino, &was);
	if (err && err != SFS_ERR_NOT_FOUND && err != SFS_ERR_CORRUPT)
		return err;
	return compare(reading, ino, &was, &after, hash);
}

static int check_raw(struct reading *reading, uint64_t ino)
{
	struct sfsi_check *check = reading->check;
	struct sfs_raw_file *file;
	int err = sfs_raw_open(check->store, ino, false, &file);
	/* It went meanwhile, or its plain file is missing, which was reported. */
	if (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_CORRUPT)
		return 0;
	if (err < 0)
		return err;
	check->found_count = 0;
	err = sfs_raw_fd(file) < 0 ? 0 : read_file(reading, ino, sfs_raw_fd(file));
	sfs_raw_close(file);
	if (err == SFS_ERR_NOT_FOUND)
		err = 0;
	return err < 0 ? err : sfsi_check_report(check);
}

int sfsi_check_data(struct sfsi_check *check)
{
	struct reading reading = { .check = check };
	SFSI_AUTO_FREE struct sfsi_raw_page *page = calloc(1, sizeof *page);
	int err = page ? 0 : SFS_ERR_NO_MEMORY;
	if (!check->data_start_ns)
		check->data_start_ns = clock_ns();
	while (!err) {
		err = sfsi_raw_page_next(check->store, check->partition, page);
		for (size_t i = 0; !err && i < page->count; i++)
			if (page->plain[i])
				err = check_raw(&reading,
						sfs_ino_make(check->partition, page->serials[i]));
		if (!err)
			err = sfsi_check_tick(check);
	}
	sfs_buf_fini(&reading.path);
	return err < 0 ? err : 0;
}
