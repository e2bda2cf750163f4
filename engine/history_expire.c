/*
 * Versions that are too old go: in the background, for all objects, in small commits. Heads are small and lie
 * side by side, so looking at all of them costs little; versions are not read.
 */
#include "history.h"
#include "object.h"

/** Heads of one scan, and objects of one commit at most. */
#define PAGE 256
/** Rows that a class leaves behind: so many in one commit. */
#define FORGET ((size_t)4096)

struct sweeping {
	struct sfs_store *store;
	uint32_t class_id;
	struct sfs_settings settings;
	int64_t now_ns;
	struct sfs_buf last; /* key of the last head that was looked at */
	struct sfs_buf
		spent; /* keys of those that have something to remove: of each its length u16, and it */
	size_t seen;
	uint64_t removed;
	int err;
};

static int see_head(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct sweeping *sweeping = arg;
	struct sfsi_history history;
	sweeping->seen++;
	sweeping->last.len = 0;
	sweeping->err = sfs_buf_append(&sweeping->last, key.data, key.len);
	/* One that can not be read is for sfs_store_check() to tell. */
	if (sweeping->err || sfsi_history_decode(val, key, &history) < 0 ||
	    !sfsi_history_spent(&history, &sweeping->settings, sweeping->now_ns, 0))
		return sweeping->err < 0;
	uint16_t len = (uint16_t)key.len;
	sweeping->err = sfs_buf_append(&sweeping->spent, &len, sizeof len);
	if (!sweeping->err)
		sweeping->err = sfs_buf_append(&sweeping->spent, key.data, key.len);
	return sweeping->err < 0;
}

/** Inside a change: look again, and remove. */
static int expire_one(struct sweeping *sweeping, struct sfsi_txn *txn, struct sfs_span oid)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_history history;
	struct sfsi_key key;
	sfsi_history_key(&key, oid);
	int err = sfsi_txn_get(txn, sweeping->class_id, sfsi_key_span(&key), &val);
	if (!err)
		err = sfsi_history_decode(sfs_buf_span(&val), sfsi_key_span(&key), &history);
	if (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_CORRUPT)
		return 0;
	size_t spent = err ? 0
			   : sfsi_history_spent(&history, &sweeping->settings, sweeping->now_ns, 0);
	if (!err)
		err = sfsi_history_drop(txn, sweeping->class_id, oid, &history, spent, -1);
	if (err < 0 || !spent)
		return err;
	sweeping->removed += spent;
	if (!history.count)
		return sfsi_txn_remove(txn, sweeping->class_id, sfsi_key_span(&key));
	val.len = 0;
	err = sfsi_history_encode(&history, sfsi_key_span(&key), &val);
	return err < 0 ? err
		       : sfsi_txn_put(txn, sweeping->class_id, sfsi_key_span(&key),
				      sfs_buf_span(&val));
}

static int expire_page(struct sweeping *sweeping)
{
	struct sfsi_txn txn;
	struct sfsi_txn_class *class;
	const char *at = sweeping->spent.data, *end = at + sweeping->spent.len;
	int err = sfsi_txn_begin(sweeping->store, &txn);
	if (err < 0)
		return err;
	err = sfsi_txn_class(&txn, sweeping->class_id, &class);
	while (!err && at < end) {
		uint16_t len;
		memcpy(&len, at, sizeof len);
		at += sizeof len;
		/* Behind the letters of the table. */
		err = expire_one(sweeping, &txn, (struct sfs_span){ at + 2, (size_t)len - 2 });
		at += len;
	}
	err = sfsi_txn_end(&txn, err);
	return err == SFS_ERR_NOT_FOUND ? 0 : err; /* the class went */
}

static int scan_page(struct sweeping *sweeping)
{
	SFSI_AUTO_BUF struct sfs_buf after = sfs_buf_take(&sweeping->last);
	const struct sfsi_scan scan = {
		.partition = sweeping->class_id,
		.prefix = sfs_span_str("VH"),
		.after = sfs_buf_span(&after),
		.limit = PAGE,
		.once = true,
	};
	sweeping->seen = sweeping->spent.len = 0;
	int err = sfsi_backend_scan(sweeping->store->backend, &scan, see_head, sweeping);
	return sweeping->err < 0 ? sweeping->err : err;
}

static int expire_class(struct sweeping *sweeping, bool (*stopped)(void *arg), void *arg)
{
	int err = 0;
	sweeping->last.len = 0;
	do {
		err = scan_page(sweeping);
		if (!err && sweeping->spent.len)
			err = expire_page(sweeping);
		if (!err && stopped && stopped(arg))
			err = SFS_ERR_CANCELLED;
	} while (!err && sweeping->seen >= PAGE);
	return err;
}

int sfsi_history_forget(struct sfs_store *store, uint32_t class_id)
{
	size_t count;
	int err;
	do {
		struct sfsi_txn txn;
		count = 0;
		err = sfsi_txn_begin(store, &txn);
		if (!err)
			err = sfsi_txn_end(&txn,
					   sfsi_txn_remove_all(&txn, class_id, sfs_span_str("V"),
							       FORGET, &count));
	} while (!err && count == FORGET);
	return err;
}

int sfs_history_expire(struct sfs_store *store, bool (*stopped)(void *arg), void *arg,
		       uint64_t *ret_removed)
{
	struct sweeping sweeping = {
		.store = store,
		.settings = sfsi_settings_now(store),
		.now_ns = sfsi_now_ns(),
	};
	struct sfs_class_info info = { .id = 0 };
	int err = 0;
	while (!err && sfs_class_next(store, info.id, &info) == 0) {
		sweeping.class_id = info.id;
		if (info.kind == SFS_CLASS_OBJECT)
			err = expire_class(&sweeping, stopped, arg);
	}
	sfs_buf_fini(&sweeping.last);
	sfs_buf_fini(&sweeping.spent);
	if (!err && ret_removed)
		*ret_removed = sweeping.removed;
	return err;
}
