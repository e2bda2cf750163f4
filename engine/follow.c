/* References to what gets another oid or goes: see follow.h. All in the commit of that. */
#include "follow.h"
#include "backref.h"
#include "relation.h"

struct following {
	struct sfsi_txn *txn;
	uint32_t class_id;
	struct sfs_span oid;
	struct sfsi_relation_edit edit; /* but for the relation */
	uint64_t own_serial;            /* of an object whose references do not count; 0: none */
	bool refuse;
	struct sfsi_key last; /* row that was looked at */
	size_t seen;          /* rows of a page */
	int err;
};

/** Who refuses stops at the first one: then there is no need to read them all. */
#define PAGE_ROWS 64

/** The oid of an object inside the change. SFS_ERR_NOT_FOUND. */
static int load_oid(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial, struct sfs_buf *ret)
{
	struct sfsi_key key;
	struct sfsi_inode inode;
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	sfsi_key_serial(&key, 'N', serial);
	int err = sfsi_txn_get(txn, class_id, sfsi_key_span(&key), &buf);
	if (!err)
		err = sfsi_inode_decode(sfs_buf_span(&buf), serial, &inode);
	if (!err && inode.type != SFS_NODE_OBJECT)
		err = SFS_ERR_NOT_FOUND;
	return err < 0 ? err : sfs_buf_append(ret, inode.text.data, inode.text.len);
}

static int follow_one(struct following *following, const struct sfsi_backref *backref)
{
	SFSI_AUTO_BUF struct sfs_buf oid = SFS_BUF_INIT;
	struct sfsi_relation_edit *edit = &following->edit;
	int err = load_oid(following->txn, backref->class_id, backref->serial, &oid);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	if (following->refuse)
		return SFS_ERR_BUSY;
	edit->relation = (struct sfs_relation){
		.class_id = backref->class_id,
		.oid = sfs_buf_span(&oid),
		.name = backref->relation,
	};
	err = sfsi_relation_edit(following->txn, edit, NULL);
	/* An oid that no document can say is not followed: the reference stays, dangling. */
	return err == SFS_ERR_NOT_FOUND || err == SFS_ERR_NAME ? 0 : err;
}

static int follow_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct following *following = arg;
	struct sfsi_backref backref;
	(void)val;
	if (!sfsi_backref_decode(key, &backref) || !sfs_span_equal(backref.oid, following->oid) ||
	    !sfsi_backref_leads(following->txn->store, following->class_id, &backref))
		return 0;
	if (backref.class_id == following->class_id && backref.serial == following->own_serial)
		return 0;
	following->err = follow_one(following, &backref);
	return following->err < 0;
}

static int follow_rows(struct following *following)
{
	struct sfsi_key prefix;
	int err;
	sfsi_backref_prefix(following->txn->store, following->oid, &prefix);
	do {
		struct sfsi_key after = following->last;
		struct sfsi_scan scan = {
			.partition = following->class_id,
			.prefix = sfsi_key_span(&prefix),
			.after = sfsi_key_span(&after),
			.limit = following->refuse ? PAGE_ROWS : 0,
		};
		following->seen = 0;
		err = sfsi_txn_scan(following->txn, &scan, follow_row, following);
	} while (!err && following->refuse && following->seen == PAGE_ROWS);
	return err == SFS_ERR_CANCELLED ? following->err : err;
}

int sfsi_references_follow(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
			   struct sfs_span new_oid)
{
	const struct sfs_target targets[] = { { 0, oid }, { 0, new_oid } };
	struct following following = {
		.txn = txn,
		.class_id = class_id,
		.oid = oid,
		.edit = { .kind = SFSI_RELATION_FOLLOW, .targets = targets, .count = 2 },
	};
	return follow_rows(&following);
}

int sfsi_references_removed(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
			    uint64_t serial)
{
	const struct sfs_target target = { 0, oid };
	const struct sfsi_class *class = sfsi_class_ref(txn->store, class_id);
	/* The commit lock is held: the definition stays. */
	const struct sfsi_schema *schema = class ? class->schema : NULL;
	struct following following = {
		.txn = txn,
		.class_id = class_id,
		.oid = oid,
		.edit = { .kind = SFSI_RELATION_REMOVE,
			  .targets = &target,
			  .count = 1,
			  .quiet = true },
		.own_serial = serial,
	};
	if (!schema || schema->on_remove == SFSI_REMOVE_KEEP)
		return 0;
	following.refuse = schema->on_remove == SFSI_REMOVE_REFUSE;
	return follow_rows(&following);
}
