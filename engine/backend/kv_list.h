/*
 * A list of tables (a MANIFEST of RocksDB) made anew, for tables of which nothing but the files is left.
 *
 * RocksDB's own repair refuses tables that hold changes of the same time, as any two of one level do, and drops
 * each that has a damaged block. This list has them all, as the newest level, whose tables may overlap. It does not say
 * which of them is newer: a scan goes by the numbers of the changes in them, a look at one key must not be done but
 * by a scan.
 */
#ifndef SFSI_KV_LIST_H
#define SFSI_KV_LIST_H

#include <stdbool.h>
#include <storefs/buf.h>

/** A table, by what its file is. */
struct sfsi_kv_table {
	uint64_t number, bytes;
	struct sfs_buf first, last; /* keys that it has none before, and none behind */
};

/**
 * The checksum of a part of a record, from its type on, as it is stored: not the plain CRC-32C, since what is summed
 * up may have such sums in it.
 */
uint32_t sfsi_kv_sum(struct sfs_span part);
/** The number of a table: "000012.sst". False: it is no name of one. */
bool sfsi_kv_table_number(const char *name, uint64_t *ret);

/**
 * Write a MANIFEST with these tables and a CURRENT into a folder that has them, for opening it read-only. The logs
 * that are there count all.
 */
SFS_MUST_CHECK int sfsi_kv_list_write(int dir_fd, const struct sfsi_kv_table *tables, size_t count);

#endif
