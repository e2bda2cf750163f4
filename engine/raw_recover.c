/*
 * After a crash: raws without bytes, and bytes without a raw.
 *
 * A raw is made without a sync, so its record may reach the disk before the plain file that holds
 * its bytes. It is then what a new file is after a power cut anywhere: empty. Only raws of the
 * tail, the commits after the last mark, can be so; a plain file that is missing of an older one is
 * damage, and stays an error.
 *
 * A plain file is made before the commit that names it. One that a lost commit would have named has a
 * number that was given to nobody yet, and is removed. Others that belong to nothing are found by
 * sfs_store_gc(), which looks at all of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/array.h"
#include "open.h"
#include "raw.h"
#include "trash.h"

#define CHUNK_MIN 1024
#define CHUNK_MAX 65536

struct tail {
	struct sfs_store *store;
	uint32_t class_id;
	uint64_t end;  /* look at serials before this */
	bool past_all; /* a file older than the tail was seen: so are all before it */
	uint64_t *
		inos; /* files of the tail; they are looked at after the scan, which may not ask the backend */
	size_t len, cap;
	int err;
};

static int make_missing(struct sfs_store *store, uint64_t ino)
{
	struct stat stat;
	int err = sfsi_bytes_stat(store, ino, &stat);
	if (err != SFS_ERR_CORRUPT)
		return err;
	err = sfsi_bytes_create(store, ino);
	if (!err)
		sfsi_syncer_file(store, ino);
	return err;
}

static int keep(struct tail *tail, uint64_t ino)
{
	tail->err = sfsi_array_grow(&tail->inos, tail->len, &tail->cap, sizeof *tail->inos);
	if (!tail->err)
		tail->inos[tail->len++] = ino;
	return tail->err < 0;
}

/** @err  of the scan that kept them. */
static int make_kept(struct tail *tail, int err)
{
	if (err == SFS_ERR_CANCELLED)
		err = tail->err;
	for (size_t i = 0; i < tail->len && !err; i++)
		err = make_missing(tail->store, tail->inos[i]);
	tail->len = 0;
	return err;
}

static int look_at(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct tail *tail = arg;
	struct sfsi_inode inode;
	if (key.len != 9)
		return 0;
	uint64_t serial = sfsi_get_be64((const uint8_t *)key.data + 1);
	if (serial >= tail->end)
		return 1;
	/* What can not be read is not this one's business. */
	if (sfsi_inode_decode(val, serial, &inode) < 0 || inode.type != SFS_NODE_FILE ||
	    inode.small)
		return 0;
	if (inode.revision > tail->store->marked)
		return keep(tail, sfs_ino_make(tail->class_id, serial));
	tail->past_all = true;
	return 0;
}

static int look_from(struct tail *tail, uint64_t serial)
{
	struct sfsi_key after;
	sfsi_key_serial(&after, 'N', serial ? serial - 1 : 0);
	struct sfsi_scan scan = { .partition = tail->class_id,
				  .prefix = sfs_span_str("N"),
				  .after = sfsi_key_span(&after),
				  .once = true };
	return make_kept(tail, sfsi_backend_scan(tail->store->backend, &scan, look_at, tail));
}

/** Serials are given in the order of commits: from the newest back to one that is not of the tail. */
static int recover_class(struct sfs_store *store, uint32_t class_id)
{
	const struct sfsi_class *class = sfsi_class_ref(store, class_id);
	if (!class || !class->state.files || class->state.commit <= store->marked)
		return 0;
	struct tail tail = { .store = store,
			     .class_id = class_id,
			     .end = atomic_load(&class->next_serial) };
	int err = 0;
	for (uint64_t chunk = CHUNK_MIN; !err && !tail.past_all && tail.end; chunk *= 2) {
		if (chunk > CHUNK_MAX)
			chunk = CHUNK_MAX;
		uint64_t from = tail.end > chunk ? tail.end - chunk : 0;
		err = look_from(&tail, from);
		tail.end = from;
	}
	free(tail.inos);
	return err;
}

static int look_at_trashed(void *arg, const struct sfs_trashed *trashed)
{
	struct tail *tail = arg;
	if (trashed->attr.type == SFS_NODE_FILE && trashed->attr.revision > tail->store->marked)
		return keep(tail, trashed->ino);
	return 0;
}

/** One that was made and removed in the tail is in the trash; that is in no order of numbers. */
static int recover_trash(struct sfs_store *store, uint32_t class_id)
{
	const struct sfsi_class *class = sfsi_class_ref(store, class_id);
	struct tail tail = { .store = store };
	if (!class || class->kind != SFS_CLASS_RAW || class->state.commit <= store->marked)
		return 0;
	int err = sfs_trash_list(store, class_id, NULL, 0, look_at_trashed, &tail);
	/* What can not be read is not this one's business. */
	err = make_kept(&tail, err == SFS_ERR_CORRUPT ? 0 : err);
	free(tail.inos);
	return err;
}

int sfsi_bytes_recover(struct sfs_store *store)
{
	struct sfs_class_info info = { 0 };
	int err = 0;
	if (atomic_load(&store->commit) <= store->marked)
		return 0;
	for (uint32_t id = 0; !err && sfs_class_next(store, id, &info) == 0; id = info.id) {
		err = recover_class(store, info.id);
		if (!err)
			err = recover_trash(store, info.id);
	}
	return err;
}

/* --- bytes without a raw --- */

/** Is there a record that a plain file may belong to? What can not be read counts as one. */
static bool is_needed(struct sfs_store *store, uint32_t class_id, uint64_t serial)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_key key;
	sfsi_key_serial(&key, 'N', serial);
	int err = sfsi_backend_get(store->backend, class_id, sfsi_key_span(&key), &value);
	if (err != SFS_ERR_NOT_FOUND || sfsi_trash_has(store, class_id, serial))
		return true;
	sfsi_key_serial(&key, 'Z', serial);
	return sfsi_backend_get(store->backend, class_id, sfsi_key_span(&key), &value) !=
	       SFS_ERR_NOT_FOUND;
}

/** Look at the plain files of a shard with numbers from next on. False: there is no such shard. */
static bool collect_shard(struct sfs_store *store, uint32_t class_id, uint64_t shard, uint64_t next)
{
	char folder[SFSI_BYTES_PATH], own[SFSI_BYTES_PATH];
	snprintf(folder, sizeof folder, "%06x/%07llx", class_id, (unsigned long long)shard);
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(store->raw_fd, folder, &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));) {
		uint64_t serial = strtoull(entry->d_name, NULL, 16);
		uint64_t ino = sfs_ino_make(class_id, serial);
		if (serial < next || serial >> 36)
			continue;
		/* Only a name that is just what this program would have given. */
		sfsi_bytes_path(ino, own);
		if (strcmp(strrchr(own, '/') + 1, entry->d_name) == 0 &&
		    !is_needed(store, class_id, serial))
			sfsi_bytes_remove(store, ino);
	}
	return dir;
}

void sfsi_bytes_collect(struct sfs_store *store)
{
	struct sfs_class_info info = { 0 };
	for (uint32_t id = 0; sfs_class_next(store, id, &info) == 0; id = info.id) {
		const struct sfsi_class *class = sfsi_class_ref(store, info.id);
		uint64_t next = class ? atomic_load(&class->next_serial) : 0;
		uint64_t shard = next >> 10;
		/* Numbers are given in order: behind a shard that is not there is none. */
		while (next && collect_shard(store, info.id, shard, next))
			shard++;
	}
}
