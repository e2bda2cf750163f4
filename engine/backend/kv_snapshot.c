/*
 * A copy of the whole backend as it is now, in another folder.
 *
 * Writers are kept waiting only until what was written gets no more: its memtable is sealed, and from then
 * on no other one becomes a table. When the sealed one is a table, RocksDB's checkpoint links all tables into the copy
 * and writes a MANIFEST of its own. The logs that it also has hold what came after, and are removed. STATE is made
 * anew for the copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend/kv.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "base/errno.h"

/* A disk that needs longer for a memtable keeps writers waiting for the rest. */
#define PREPARE_STEPS 10000
#define PREPARE_STEP_US 400

static bool is_log(const char *name)
{
	size_t len = strlen(name);
	return len > 4 && strcmp(name + len - 4, ".log") == 0;
}

/** What was written after the seal. */
static int remove_logs(const char *db_path)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(AT_FDCWD, db_path, &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
		if (is_log(entry->d_name) && unlinkat(dirfd(dir), entry->d_name, 0) < 0)
			err = sfsi_err_from_errno(errno);
	return err;
}

static int checkpoint(struct kv *kv, const char *db_path, struct sfs_diag *diag)
{
	char *text = NULL;
	rocksdb_checkpoint_t *checkpoint = rocksdb_checkpoint_object_create(kv->db, &text);
	if (!text) {
		/* Nothing is written out for it: the logs are never that large. */
		rocksdb_checkpoint_create(checkpoint, db_path, UINT64_MAX, &text);
		rocksdb_checkpoint_object_destroy(checkpoint);
	}
	int err = sfsi_kv_error_diag(text, diag, "can not copy db/");
	if (!err && (err = remove_logs(db_path)) < 0)
		sfs_diag_set(diag, err, "can not copy db/: %s", sfs_err_text(err));
	return err;
}

/** All that is sealed, and nothing else. Caller holds table_lock. */
static int copy_sealed(struct kv *kv, const char *db_path, struct sfs_diag *diag)
{
	int err = sfsi_kv_sealed_wait(kv);
	if (err < 0)
		return sfs_diag_set(diag, err, "can not write out db/: %s", sfs_err_text(err));
	pthread_rwlock_rdlock(&kv->use);
	err = kv->db ? checkpoint(kv, db_path, diag) : SFS_ERR_IO;
	pthread_rwlock_unlock(&kv->use);
	return err;
}

/* Up to some MiB become a table while nobody waits; the snapshot writes out what came after. */
int sfsi_kv_prepare(struct sfsi_backend *b)
{
	struct kv *kv = (struct kv *)b;
	int err = sfsi_kv_sync(kv);
	if (err < 0)
		return err;
	pthread_mutex_lock(&kv->write_lock);
	err = sfsi_kv_roll_locked(kv);
	pthread_mutex_unlock(&kv->write_lock);
	/* Otherwise RocksDB would wait for it when it is asked for the next one. Who goes on writing may be faster. */
	for (int i = 0; i < PREPARE_STEPS && !err && sfsi_kv_is_writing_out(kv); i++)
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
	/* After an error RocksDB may write out by itself what came later. */
	if (!err && sfsi_kv_newest_in_tables(copy) > sequence)
		err = sfs_diag_set(diag, SFS_ERR_BUSY,
				   "more was written out while db/ was copied; try again");
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

/** Called with table_lock. *ret_sequence is what a copy of the sealed tables has. */
static int seal(struct kv *kv, uint64_t *ret_sequence, struct sfs_buf *ret_note, bool *ret_has_note,
		struct sfs_diag *diag)
{
	int err = sfsi_kv_seal_locked(kv);
	*ret_sequence = kv->written;
	/* Not later: it says what is synced, and that must be in the copy. */
	if (!err)
		err = copy_note(kv, ret_note, ret_has_note);
	return err < 0 ? sfs_diag_set(diag, err, "can not write out db/: %s", sfs_err_text(err))
		       : 0;
}

int sfsi_kv_snapshot(struct sfsi_backend *b, const struct sfsi_snapshot_wanted *snapshot)
{
	struct kv *kv = (struct kv *)b;
	SFSI_AUTO_BUF struct sfs_buf db_path = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf note = SFS_BUF_INIT;
	uint64_t sequence = 0;
	bool has_note = false;
	int err = sfs_buf_printf(&db_path, "%s/db%c", snapshot->path, 0);
	if (err < 0)
		return err;
	pthread_mutex_lock(&kv->write_lock);
	pthread_mutex_lock(&kv->table_lock);
	err = seal(kv, &sequence, &note, &has_note, snapshot->diag);
	pthread_mutex_unlock(&kv->write_lock);
	if (!err && snapshot->fixed)
		snapshot->fixed(snapshot->arg);
	if (!err)
		err = copy_sealed(kv, db_path.data, snapshot->diag);
	pthread_mutex_unlock(&kv->table_lock);
	if (err < 0)
		return err;
	const struct sfs_span span = sfs_buf_span(&note);
	return finish(snapshot->path, db_path.data, sequence, has_note ? &span : NULL,
		      snapshot->diag);
}
