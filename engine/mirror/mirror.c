/* The mirror of a store, between commits and kinds: see mirror.h. */
#include "mirror/mirror.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/array.h"
#include "base/errno.h"
#include "mirror/sidecar.h"
#include "mirror/watch.h"

const struct sfsi_mirror_kind *const sfsi_mirror_kinds[] = {
	&sfsi_mirror_directory,
	&sfsi_mirror_mpack,
	NULL,
};

const char *sfsi_store_backend_name(const struct sfs_store *store)
{
	const struct sfsi_mirror *mirror = store->mirror;
	if (!mirror)
		return store->backend->ops->name;
	return mirror->file ? "mpack" : sfsi_mirror_directory.name;
}

/* --- a commit --- */

/** A change, with what it names in bytes. */
struct noted {
	struct sfsi_class *class;
	bool raw;
	uint64_t ino;
	size_t off, len;
};

/** All changes of a commit. */
struct sfsi_mirror_stage {
	struct noted *items; /* [len] */
	size_t len, cap;
	struct sfs_buf bytes;
	unsigned staged; /* bit i: of the kind i */
};

static int note(struct sfsi_txn *txn, const struct noted *what, struct sfs_span name)
{
	struct sfsi_mirror_stage *stage = txn->mirror;
	if (!stage)
		stage = txn->mirror = calloc(1, sizeof *stage);
	if (!stage)
		return SFS_ERR_NO_MEMORY;
	/* Most commits change one thing, and some the same one several times in a row. */
	const struct noted *last = stage->len ? &stage->items[stage->len - 1] : NULL;
	struct sfs_span before = {
		last ? (const char *)stage->bytes.data + last->off : "",
		last ? last->len : 0,
	};
	if (last && last->class == what->class && last->ino == what->ino &&
	    last->raw == what->raw && sfs_span_equal(before, name))
		return 0;
	int err = sfsi_array_grow(&stage->items, stage->len, &stage->cap, sizeof *stage->items);
	size_t off = stage->bytes.len;
	if (!err)
		err = sfs_buf_append(&stage->bytes, name.data, name.len);
	if (err < 0)
		return err;
	stage->items[stage->len] = *what;
	stage->items[stage->len].off = off;
	stage->items[stage->len++].len = name.len;
	return 0;
}

static struct sfsi_class *mirrored(const struct sfsi_txn *txn, uint32_t class_id)
{
	if (!txn->store->mirror || !txn->store->mirror->own || txn->inward)
		return NULL;
	struct sfsi_class *class = sfsi_class_ref(txn->store, class_id);
	return class && class->mirror ? class : NULL;
}

int sfsi_mirror_note_object(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid)
{
	struct sfsi_class *class = mirrored(txn, class_id);
	struct noted what = { .class = class };
	return class ? note(txn, &what, oid) : 0;
}

int sfsi_mirror_note_raw(struct sfsi_txn *txn, uint64_t ino, struct sfs_span path)
{
	struct sfsi_class *class = mirrored(txn, sfs_ino_class(ino));
	/* Scratch files are nobody else's. */
	if (class && class->kind != SFS_CLASS_RAW)
		return 0;
	struct noted what = { .class = class, .raw = true, .ino = ino };
	return class ? note(txn, &what, path) : 0;
}

int sfsi_mirror_staged(struct sfsi_txn *txn, const struct sfsi_mirror_kind *kind)
{
	if (!txn->mirror)
		txn->mirror = calloc(1, sizeof *txn->mirror);
	if (!txn->mirror)
		return SFS_ERR_NO_MEMORY;
	for (unsigned i = 0; sfsi_mirror_kinds[i]; i++)
		if (sfsi_mirror_kinds[i] == kind)
			txn->mirror->staged |= 1u << i;
	return 0;
}

static int compare_changes(const void *a, const void *b)
{
	const struct sfsi_mirror_change *one = a, *two = b;
	if (one->class != two->class)
		return one->class->id < two->class->id ? -1 : 1;
	if (one->ino != two->ino)
		return one->ino < two->ino ? -1 : 1;
	size_t len = one->oid.len < two->oid.len ? one->oid.len : two->oid.len;
	int order = len ? memcmp(one->oid.data, two->oid.data, len) : 0;
	if (order)
		return order;
	return (one->oid.len > two->oid.len) - (one->oid.len < two->oid.len);
}

/** The changes of classes of one kind, each thing once. ret[stage->len]. */
static size_t changes_of(const struct sfsi_mirror_stage *stage, const struct sfsi_mirror_kind *kind,
			 struct sfsi_mirror_change *ret)
{
	size_t count = 0, kept = 0;
	for (size_t i = 0; i < stage->len; i++) {
		const struct noted *item = &stage->items[i];
		if (item->class->mirror->kind != kind)
			continue;
		ret[count++] = (struct sfsi_mirror_change){
			.class = item->class,
			.raw = item->raw,
			.ino = item->ino,
			.oid = { item->len ? (const char *)stage->bytes.data + item->off : "",
				 item->len },
		};
	}
	if (count > 1)
		qsort(ret, count, sizeof *ret, compare_changes);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || compare_changes(&ret[kept - 1], &ret[i]) != 0)
			ret[kept++] = ret[i];
	return kept;
}

static int stage_changes(struct sfsi_txn *txn)
{
	struct sfsi_mirror *mirror = txn->store->mirror;
	struct sfsi_mirror_stage *stage = txn->mirror;
	SFSI_AUTO_FREE struct sfsi_mirror_change *changes = calloc(stage->len + 1, sizeof *changes);
	int err = changes ? 0 : SFS_ERR_NO_MEMORY;
	for (size_t i = 0; mirror->own && sfsi_mirror_kinds[i] && !err; i++) {
		size_t count = mirror->own[i] ? changes_of(stage, sfsi_mirror_kinds[i], changes)
					      : 0;
		if (!count)
			continue;
		stage->staged |= 1u << i;
		err = sfsi_mirror_kinds[i]->stage(mirror->own[i], txn, changes, count);
	}
	return err;
}

int sfsi_mirror_stage(struct sfsi_txn *txn)
{
	struct sfsi_mirror *mirror = txn->store->mirror;
	if (!mirror || txn->inward)
		return 0;
	/* What the engine does for itself (indexes, positions) is told to nobody. */
	bool by_user = txn->mirror || txn->notes_len || txn->edit.type != SFSI_EDIT_NONE;
	int err = by_user && !mirror->settled && mirror->own ? sfsi_sidecar_settle(txn->store) : 0;
	if (!err && txn->mirror)
		err = stage_changes(txn);
	return err;
}

static void each_staged(struct sfsi_txn *txn, bool written)
{
	struct sfsi_mirror *mirror = txn->store->mirror;
	struct sfsi_mirror_stage *stage = txn->mirror;
	for (size_t i = 0; stage && sfsi_mirror_kinds[i]; i++) {
		if (!(stage->staged & 1u << i))
			continue;
		if (written)
			sfsi_mirror_kinds[i]->publish(mirror->own[i]);
		else
			sfsi_mirror_kinds[i]->abort(mirror->own[i]);
	}
	if (stage)
		stage->staged = 0;
}

void sfsi_mirror_publish(struct sfsi_txn *txn)
{
	each_staged(txn, true);
}

void sfsi_mirror_abort(struct sfsi_txn *txn)
{
	each_staged(txn, false);
}

void sfsi_mirror_txn_fini(struct sfsi_txn *txn)
{
	struct sfsi_mirror_stage *stage = txn->mirror;
	if (!stage)
		return;
	each_staged(txn, false);
	sfs_buf_fini(&stage->bytes);
	free(stage->items);
	free(stage);
	txn->mirror = NULL;
}

int sfsi_mirror_sync(struct sfs_store *store)
{
	struct sfsi_mirror *mirror = store->mirror;
	int err = 0;
	for (size_t i = 0; mirror && mirror->own && sfsi_mirror_kinds[i] && !err; i++)
		if (mirror->own[i])
			err = sfsi_mirror_kinds[i]->sync(mirror->own[i]);
	return err;
}

/* --- opening --- */

static size_t kinds_count(void)
{
	size_t count = 0;
	while (sfsi_mirror_kinds[count])
		count++;
	return count;
}

/** After a backup was restored rows mean files that are other ones now, with the same content. */
static int take_restored(struct sfsi_mirror *mirror)
{
	int dir_fd = mirror->store->dir_fd, err = 0;
	if (faccessat(dir_fd, SFSI_SIDECAR_RESTORED, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	for (size_t i = 0; sfsi_mirror_kinds[i] && !err; i++)
		if (mirror->own[i] && sfsi_mirror_kinds[i]->again)
			err = sfsi_mirror_kinds[i]->again(mirror->own[i]);
	if (!err)
		err = sfs_store_sync(mirror->store);
	if (!err && unlinkat(dir_fd, SFSI_SIDECAR_RESTORED, 0) < 0)
		err = sfsi_err_from_errno(errno);
	return err;
}

int sfsi_mirror_start(struct sfs_store *store, struct sfs_diag *diag)
{
	struct sfsi_mirror *mirror = store->mirror;
	void **own = calloc(kinds_count() + 1, sizeof *own);
	int err = own ? 0 : SFS_ERR_NO_MEMORY;
	for (size_t i = 0; sfsi_mirror_kinds[i] && !err; i++)
		err = sfsi_mirror_kinds[i]->open(mirror, &own[i], diag);
	mirror->own = own;
	/* Before the files are looked at, so that nothing falls between. */
	if (!err)
		err = sfsi_watch_start(mirror, &mirror->watch);
	if (!err)
		err = take_restored(mirror);
	for (size_t i = 0; sfsi_mirror_kinds[i] && !err; i++)
		err = own[i] ? sfsi_mirror_kinds[i]->scan(own[i]) : 0;
	if (err < 0 && !(diag && diag->text[0]))
		sfs_diag_set(diag, err, "%s: %s", store->path, sfs_err_text(err));
	return err;
}

int sfsi_mirror_follow(struct sfs_store *store, struct sfs_diag *diag)
{
	int err = sfsi_watch_run(store->mirror->watch);
	return err < 0 ? sfs_diag_set(diag, err, "%s: %s", store->path, sfs_err_text(err)) : 0;
}

int sfsi_mirror_stop(struct sfs_store *store)
{
	struct sfsi_mirror *mirror = store->mirror;
	int err = 0;
	if (!mirror)
		return 0;
	sfsi_watch_stop(mirror->watch);
	mirror->watch = NULL;
	for (size_t i = 0; mirror->own && sfsi_mirror_kinds[i]; i++) {
		const struct sfsi_mirror_kind *kind = sfsi_mirror_kinds[i];
		int ended = mirror->own[i] && kind->tick ? kind->tick(mirror->own[i], true) : 0;
		err = err ? err : ended;
	}
	return err;
}

void sfsi_mirror_free(struct sfsi_mirror *mirror)
{
	if (!mirror)
		return;
	for (size_t i = 0; mirror->own && sfsi_mirror_kinds[i]; i++)
		if (mirror->own[i])
			sfsi_mirror_kinds[i]->close(mirror->own[i]);
	free(mirror->own);
	if (mirror->root_fd >= 0)
		close(mirror->root_fd);
	free(mirror->root);
	free(mirror->file);
	free(mirror);
}
