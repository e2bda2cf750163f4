/*
 * Memory of the last change for the next one: most are small, and as large as the one before. Protected by
 * the commit lock.
 */
#include "txn.h"

struct sfsi_txn_room {
	struct sfs_buf bytes;
	struct sfsi_txn_op *ops;
	uint32_t *index; /* all 0 */
	struct sfsi_txn_class *classes;
	struct sfsi_txn_note *notes;
	size_t ops_cap, index_cap, classes_cap, notes_cap;
};

/* What was more is given back. */
#define ROOM_BYTES ((size_t)64 << 10)
#define ROOM_OPS 64

void sfsi_txn_room_take(struct sfsi_txn *txn)
{
	struct sfsi_txn_room *room = txn->store->txn_room;
	if (!room)
		return;
	txn->bytes = sfs_buf_take(&room->bytes);
	txn->ops = room->ops;
	txn->index = room->index;
	txn->classes = room->classes;
	txn->notes = room->notes;
	txn->ops_cap = room->ops_cap;
	txn->index_cap = room->index_cap;
	txn->classes_cap = room->classes_cap;
	txn->notes_cap = room->notes_cap;
	*room = (struct sfsi_txn_room){ .bytes = SFS_BUF_INIT };
}

void sfsi_txn_room_give(struct sfsi_txn *txn)
{
	struct sfs_store *store = txn->store;
	if (!store->txn_room)
		store->txn_room = calloc(1, sizeof *store->txn_room);
	if (!store->txn_room || txn->bytes.cap > ROOM_BYTES || txn->ops_cap > ROOM_OPS ||
	    txn->classes_cap > ROOM_OPS || txn->notes_cap > ROOM_OPS) {
		sfs_buf_fini(&txn->bytes);
		free(txn->ops);
		free(txn->index);
		free(txn->classes);
		free(txn->notes);
		return;
	}
	if (txn->index)
		memset(txn->index, 0, txn->index_cap * sizeof *txn->index);
	txn->bytes.len = 0;
	*store->txn_room = (struct sfsi_txn_room){
		.bytes = txn->bytes,
		.ops = txn->ops,
		.index = txn->index,
		.classes = txn->classes,
		.notes = txn->notes,
		.ops_cap = txn->ops_cap,
		.index_cap = txn->index_cap,
		.classes_cap = txn->classes_cap,
		.notes_cap = txn->notes_cap,
	};
}

void sfsi_txn_room_free(struct sfs_store *store)
{
	struct sfsi_txn_room *room = store->txn_room;
	if (!room)
		return;
	sfs_buf_fini(&room->bytes);
	free(room->ops);
	free(room->index);
	free(room->classes);
	free(room->notes);
	free(room);
	store->txn_room = NULL;
}
