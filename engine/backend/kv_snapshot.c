/*
 * A copy of the whole backend as it is now, in another folder.
 *
 * RocksDB's checkpoint links its tables into the copy and writes a MANIFEST of its own; everything is in
 * tables before, so there is no log. STATE is made anew for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend/kv.h"
#include "base/cleanup.h"
#include "base/errno.h"

/* A disk that needs longer for a memtable keeps writers waiting for the rest. */
#define PREPARE_STEPS 2000
#define PREPARE_STEP_US 2000

static int checkpoint(struct kv *kv, const char *db_path, struct sfs_diag *diag)
{
	char *text = NULL;
	rocksdb_checkpoint_t *checkpoint = rocksdb_checkpoint_object_create(kv->db, &text);
	if (!text) {
		rocksdb_checkpoint_create(checkpoint, db_path, 0, &text);
		rocksdb_checkpoint_object_destroy(checkpoint);
	}
	return sfsi_kv_error_diag(text, diag, "can not copy db/");
}

/** Nothing is written between the two: the copy has what *ret_sequence says. */
static int checkpoint_whole(struct kv *kv, const char *db_path, uint64_t *ret_sequence,
			    struct sfs_diag *diag)
{
	SFSI_LOCK_SCOPE(&kv->write_lock);
	int err = sfsi_kv_settle_locked(kv);
	if (!err)
		err = kv->failed;
	if (err < 0)
		return sfs_diag_set(diag, err, "can not write out db/: %s", sfs_err_text(err));
	pthread_rwlock_rdlock(&kv->use);
	err = kv->db ? checkpoint(kv, db_path, diag) : SFS_ERR_IO;
	pthread_rwlock_unlock(&kv->use);
	*ret_sequence = kv->written;
	return err;
}

static bool is_writing_out(struct kv *kv)
{
	uint64_t tables = 0;
	pthread_rwlock_rdlock(&kv->use);
	bool is = kv->db &&
		  rocksdb_property_int(kv->db, "rocksdb.num-immutable-mem-table", &tables) == 0 &&
		  tables;
	pthread_rwlock_unlock(&kv->use);
	return is;
}

static int roll(struct kv *kv)
{
	SFSI_LOCK_SCOPE(&kv->write_lock);
	return sfsi_kv_roll_locked(kv);
}

/* Up to some MiB become a table while nobody waits; the snapshot writes out what came after. */
int sfsi_kv_prepare(struct sfsi_backend *b)
{
	struct kv *kv = (struct kv *)b;
	int err = sfsi_kv_sync(kv);
	if (!err)
		err = roll(kv);
	for (int i = 0; i < PREPARE_STEPS && !err && is_writing_out(kv); i++)
		usleep(PREPARE_STEP_US);
	return err;
}

static int copy_note(struct kv *kv, struct sfs_buf *ret, bool *ret_has)
{
	SFSI_LOCK_SCOPE(&kv->state_lock);
	*ret_has = kv->state.has_note;
	return sfs_buf_append(ret, kv->state.note.data, kv->state.note.len);
}

/** @note  NULL: it has none. */
static int write_state(struct kv *copy, uint64_t sequence, const struct sfs_span *note,
		       struct sfs_diag *diag)
{
	struct sfsi_kv_facts facts = { .sequence = sequence };
	int err = sfsi_kv_manifest(copy, &facts.manifest, &facts.manifest_size, diag);
	if (!err)
		err = sfsi_kv_state_create(copy->dir_fd, diag);
	if (!err)
		err = sfsi_kv_state_open(&copy->state, copy->dir_fd, false, diag);
	if (err < 0)
		return err;
	err = sfsi_kv_state_write(&copy->state, &facts, note);
	if (!err)
		err = sfsi_kv_state_double(&copy->state);
	sfsi_kv_state_close(&copy->state);
	return err;
}

static int finish(const char *path, const char *db_path, uint64_t sequence,
		  const struct sfs_span *note, struct sfs_diag *diag)
{
	struct kv copy = { .dir_fd = -1, .db_fd = -1, .state = SFSI_KV_STATE_INIT };
	int err = 0;
	copy.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	copy.db_fd = open(db_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy.dir_fd < 0 || copy.db_fd < 0)
		err = sfs_diag_set(diag, sfsi_err_from_errno(errno), "can not open '%s': %s", path,
				   strerror(errno));
	if (!err)
		err = write_state(&copy, sequence, note, diag);
	sfsi_close_fd(&copy.dir_fd);
	sfsi_close_fd(&copy.db_fd);
	return err;
}

int sfsi_kv_snapshot(struct sfsi_backend *b, const struct sfsi_snapshot_wanted *snapshot)
{
	struct kv *kv = (struct kv *)b;
	SFSI_AUTO_BUF struct sfs_buf db_path = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf note = SFS_BUF_INIT;
	uint64_t sequence = 0;
	bool has_note = false;
	int err = sfs_buf_printf(&db_path, "%s/db", snapshot->path);
	if (!err)
		err = sfs_buf_append(&db_path, "", 1);
	if (!err)
		err = checkpoint_whole(kv, db_path.data, &sequence, snapshot->diag);
	/* Not later: it says what is synced, and that must be in the copy. */
	if (!err)
		err = copy_note(kv, &note, &has_note);
	if (err < 0)
		return err;
	if (snapshot->fixed)
		snapshot->fixed(snapshot->arg);
	const struct sfs_span span = sfs_buf_span(&note);
	return finish(snapshot->path, db_path.data, sequence, has_note ? &span : NULL,
		      snapshot->diag);
}
