/* What follows from the content of objects: see derive.h. */
#include "derive.h"
#include "backref.h"
#include "index/table.h"

int sfsi_derive(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_derive_side *before,
		const struct sfsi_derive_side *after)
{
	/* The commit lock is held: the definition stays. */
	struct sfsi_class *class = sfsi_class_ref(txn->store, class_id);
	const struct sfsi_schema *schema = class ? class->schema : NULL;
	int err = 0;
	if (schema && schema->relations_count)
		err = sfsi_backrefs_derive(txn, class, before, after);
	if (!err && class)
		err = sfsi_index_change(txn, class, before, after);
	return err;
}
