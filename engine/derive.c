/* What follows from the content of objects: see derive.h. */
#include "derive.h"
#include "index/table.h"
#include "schema/schema.h"
#include "txn.h"

int sfsi_derive(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_derive_side *before,
		const struct sfsi_derive_side *after)
{
	/* The commit lock is held: the definition stays. */
	struct sfsi_class *class = sfsi_class_ref(txn->store, class_id);
	const struct sfsi_schema *schema = class ? class->schema : NULL;
	(void)schema;
	return class ? sfsi_index_change(txn, class, before, after) : 0;
}
