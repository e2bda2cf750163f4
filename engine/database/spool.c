/* Values in order: see spool.h. */
#include "database/spool.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "backend/key.h"
#include "base/array.h"
#include "base/errno.h"
#include "object.h"

/* What is more goes to the file, a piece of this size at a time. */
#define MEMORY ((size_t)16 << 20)

struct reading {
	struct sfs_store *store;
	struct sfsi_spool *spool;
	int err;
};

static int write_out(const struct sfs_store *store, struct sfsi_spool *spool)
{
	struct sfs_span rest = sfs_buf_span(&spool->buf);
	if (spool->fd < 0)
		spool->fd = openat(store->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	/* Where there are no such files it stays in memory. */
	if (spool->fd < 0)
		return 0;
	while (rest.len) {
		ssize_t put = write(spool->fd, rest.data, rest.len);
		if (put < 0 && errno != EINTR)
			return sfsi_err_from_errno(errno);
		if (put > 0)
			rest = sfsi_span_skip(rest, (size_t)put);
	}
	spool->written += spool->buf.len;
	spool->buf.len = 0;
	return 0;
}

static int add(const struct sfs_store *store, struct sfsi_spool *spool, struct sfs_span oid,
	       const struct sfsi_record *record)
{
	struct sfsi_spool_item item = {
		.number = record->object.number,
		.off = spool->written + spool->buf.len,
		.oid_len = (uint32_t)oid.len,
		.body_len = (uint32_t)record->body.len,
	};
	int err = sfsi_array_grow(&spool->items, spool->count, &spool->cap, sizeof item);
	if (!err)
		err = sfs_buf_append(&spool->buf, oid.data, oid.len);
	if (!err)
		err = sfs_buf_append(&spool->buf, record->body.data, record->body.len);
	if (err < 0)
		return err;
	spool->sorted = spool->sorted &&
			(!spool->count || spool->items[spool->count - 1].number < item.number);
	spool->items[spool->count++] = item;
	return spool->buf.len >= MEMORY ? write_out(store, spool) : 0;
}

static int see_record(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct reading *reading = arg;
	struct sfsi_record record;
	int err = sfsi_record_decode(val, key, &record);
	if (!err)
		err = add(reading->store, reading->spool, sfsi_span_skip(key, 1), &record);
	reading->err = err;
	return err < 0;
}

static int by_number(const void *left, const void *right)
{
	const struct sfsi_spool_item *a = left, *b = right;
	return (a->number > b->number) - (a->number < b->number);
}

/** All of it in one piece. */
static int map_file(const struct sfs_store *store, struct sfsi_spool *spool)
{
	int err = spool->fd < 0 ? 0 : write_out(store, spool);
	if (err < 0 || !spool->written)
		return err;
	void *map = mmap(NULL, spool->written, PROT_READ, MAP_PRIVATE, spool->fd, 0);
	if (map == MAP_FAILED)
		return sfsi_err_from_errno(errno);
	spool->map = map;
	return 0;
}

int sfsi_spool_read(struct sfs_store *store, uint32_t class_id, struct sfsi_spool *ret)
{
	struct reading reading = { .store = store, .spool = ret };
	struct sfsi_scan scan = { .partition = class_id, .prefix = { "O", 1 }, .once = true };
	*ret = (struct sfsi_spool){ .fd = -1, .sorted = true };
	int err = sfsi_backend_scan(store->backend, &scan, see_record, &reading);
	err = reading.err ? reading.err : err;
	if (!err)
		err = map_file(store, ret);
	if (!err && !ret->sorted)
		qsort(ret->items, ret->count, sizeof *ret->items, by_number);
	return err;
}

void sfsi_spool_at(const struct sfsi_spool *spool, size_t n, struct sfsi_spooled *ret)
{
	const struct sfsi_spool_item *item = &spool->items[n];
	const char *at = (spool->map ? spool->map : (const char *)spool->buf.data) + item->off;
	*ret = (struct sfsi_spooled){
		.oid = { at, item->oid_len },
		.body = { at + item->oid_len, item->body_len },
		.number = item->number,
	};
}

void sfsi_spool_fini(struct sfsi_spool *spool)
{
	if (spool->map)
		munmap(spool->map, spool->written);
	if (spool->fd >= 0)
		close(spool->fd);
	sfs_buf_fini(&spool->buf);
	free(spool->items);
}
