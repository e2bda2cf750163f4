/*
 * References to raws, which are known by their paths in their class: what becomes of them when a name is
 * removed or moved. Paths are put together only in classes that somebody refers to.
 */
#include "backend/key.h"
#include "backref.h"
#include "follow.h"
#include "raw_name.h"
#include "raw_refs.h"

static int any_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	(void)arg, (void)key, (void)val;
	return 1;
}

/** Is it a raw class, and does anybody refer to anything in it? *ret only when it returned 0. */
static int is_referred_to(struct sfsi_txn *txn, uint32_t class_id, bool *ret)
{
	struct sfsi_class *class = sfsi_class_ref(txn->store, class_id);
	struct sfsi_scan scan = { .partition = class_id, .prefix = { "B", 1 }, .keys_only = true };
	*ret = false;
	if (!class || class->kind != SFS_CLASS_RAW || class->unreferred)
		return 0;
	int err = sfsi_backend_scan(txn->store->backend, &scan, any_row, NULL);
	*ret = err == SFS_ERR_CANCELLED;
	/* Until a commit stores one: see write_ops() in txn.c. */
	class->unreferred = err == 0;
	return *ret ? 0 : err;
}

/* --- paths --- */

/**
 * The path of a name in a directory, before the change does anything to names. SFS_ERR_NOT_FOUND: it is
 * nowhere below the root.
 */
int sfsi_raw_path(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name, struct sfs_buf *ret)
{
	int err = sfsi_raw_path_of(txn->store, sfs_ino_class(dir), sfsi_ino_serial(dir), ret);
	if (!err && ret->len)
		err = sfs_buf_append(ret, "/", 1);
	return err < 0 ? err : sfs_buf_append(ret, name.data, name.len);
}

/* --- what becomes of the references --- */

int sfsi_raw_removed(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	uint32_t class_id = sfs_ino_class(dir);
	bool referred;
	int err = is_referred_to(txn, class_id, &referred);
	if (err < 0 || !referred)
		return err;
	err = sfsi_raw_path(txn, dir, name, &path);
	if (err == SFS_ERR_NOT_FOUND || (!err && path.len > SFS_OID_MAX))
		return 0;
	return err < 0 ? err : sfsi_references_removed(txn, class_id, sfs_buf_span(&path), 0);
}

int sfsi_raw_move_begin(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name, uint64_t new_dir,
			struct sfs_span new_name, struct sfsi_raw_move *ret)
{
	int err = is_referred_to(txn, sfs_ino_class(dir), &ret->referred);
	if (!err && ret->referred)
		err = sfsi_raw_path(txn, dir, name, &ret->from);
	if (!err && ret->referred)
		err = sfsi_raw_path(txn, new_dir, new_name, &ret->to);
	if (err == SFS_ERR_NOT_FOUND)
		ret->referred = false;
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

void sfsi_raw_move_end(struct sfsi_raw_move *move)
{
	sfs_buf_fini(&move->from);
	sfs_buf_fini(&move->to);
}

/** Targets below a directory: [a length, so many bytes]…, each as often as somebody refers to it. */
struct below {
	struct sfs_span prefix; /* the directory's path with a '/' */
	struct sfs_buf oids;
};

static int below_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct below *below = arg;
	struct sfsi_backref backref;
	(void)val;
	if (!sfsi_backref_decode(key, &backref) || !sfsi_span_starts(backref.oid, below->prefix))
		return 0;
	return sfs_buf_append(&below->oids, &backref.oid.len, sizeof backref.oid.len) < 0 ||
	       sfs_buf_append(&below->oids, backref.oid.data, backref.oid.len) < 0;
}

static int follow_one(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
		      const struct sfsi_raw_move *move)
{
	SFSI_AUTO_BUF struct sfs_buf to = SFS_BUF_INIT;
	int err = sfs_buf_append(&to, move->to.data, move->to.len);
	if (!err)
		err = sfs_buf_append(&to, (const char *)oid.data + move->from.len,
				     oid.len - move->from.len);
	/* A path that is too long for a reference has none. */
	if (err < 0 || to.len > SFS_OID_MAX)
		return err;
	return sfsi_references_follow(txn, class_id, oid, sfs_buf_span(&to));
}

static int follow_below(struct sfsi_txn *txn, uint32_t class_id, struct sfsi_raw_move *move)
{
	SFSI_AUTO_BUF struct sfs_buf prefix = SFS_BUF_INIT;
	struct below below = { .oids = SFS_BUF_INIT };
	struct sfsi_scan scan = { .partition = class_id, .prefix = { "B", 1 }, .keys_only = true };
	int err = sfs_buf_append(&prefix, move->from.data, move->from.len);
	if (!err)
		err = sfs_buf_append(&prefix, "/", 1);
	below.prefix = sfs_buf_span(&prefix);
	if (!err)
		err = sfsi_backend_scan(txn->store->backend, &scan, below_row, &below);
	if (err == SFS_ERR_CANCELLED)
		err = SFS_ERR_NO_MEMORY;
	const char *bytes = below.oids.data;
	for (size_t at = 0; at < below.oids.len && !err;) {
		size_t len;
		memcpy(&len, bytes + at, sizeof len);
		at += sizeof len;
		err = follow_one(txn, class_id, (struct sfs_span){ bytes + at, len }, move);
		at += len;
	}
	sfs_buf_fini(&below.oids);
	return err;
}

int sfsi_raw_moved(struct sfsi_txn *txn, uint32_t class_id, bool is_dir, struct sfsi_raw_move *move)
{
	if (!move->referred)
		return 0;
	return is_dir ? follow_below(txn, class_id, move)
		      : follow_one(txn, class_id, sfs_buf_span(&move->from), move);
}
