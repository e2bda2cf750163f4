/* Many rows at once, for any backend that can: see bulk.h. */
#include "backend/bulk.h"

int sfsi_bulk_begin(struct sfsi_backend *b, struct sfsi_bulk **ret)
{
	if (b->read_only || atomic_load(&b->damaged))
		return SFS_ERR_READ_ONLY;
	if (!b->ops->bulk_begin)
		return SFS_ERR_UNSUPPORTED;
	return b->ops->bulk_begin(b, ret);
}

int sfsi_bulk_put(struct sfsi_bulk *bulk, const struct sfsi_op *op)
{
	if (op->key.len == 0 || op->key.len > SFSI_KEY_MAX || op->val.len > SFSI_VALUE_MAX)
		return SFS_ERR_LIMIT;
	return bulk->put(bulk, op);
}

int sfsi_bulk_end(struct sfsi_backend *b, struct sfsi_bulk *bulk)
{
	int err = atomic_load(&b->damaged) ? SFS_ERR_READ_ONLY : sfsi_backend_settle(b);
	if (!err)
		return b->ops->bulk_end(b, bulk);
	sfsi_bulk_abort(bulk);
	return err;
}

void sfsi_bulk_abort(struct sfsi_bulk *bulk)
{
	if (bulk)
		bulk->drop(bulk);
}
