/*
 * Indexes that read relations. Targets in rows of their own (rows.h) are not in the body of a record as
 * it is stored: of a relation that an index reads there are no rows, but for objects that were saved
 * before the index was declared. Who makes keys of those reads the whole record.
 */
#include "index/table.h"
#include "rows.h"

bool sfsi_index_class_reads(const struct sfsi_class *class, struct sfs_span name)
{
	const struct sfsi_schema *schema = class->schema;
	bool reads = false;
	for (uint32_t i = 0; schema && i < schema->indexes_count && !reads; i++)
		reads = sfsi_index_reads(&schema->indexes[i], name);
	/* A table of an earlier definition serves until the one in its place is ready. */
	for (size_t i = 0; i < class->tables.len && !reads; i++) {
		const struct sfsi_index_table *table = class->tables.items[i];
		reads = table->state != SFSI_INDEX_DROPPING && table->rule &&
			sfsi_index_reads(table->rule, name);
	}
	return reads;
}

bool sfsi_index_needs_rows(const struct sfsi_index_table *table, const struct sfsi_record *record)
{
	struct sfsi_reader reader = sfsi_reader(record->rows.list);
	struct sfsi_rows rows;
	if (!sfsi_rows_valid(record))
		return false;
	while (sfsi_rows_next(&reader, &rows))
		if (sfsi_index_reads(table->rule, rows.name))
			return true;
	return false;
}
