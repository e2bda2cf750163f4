/*
 * A fresh backend for each case, and short words to speak to it.
 */
#ifndef BACKEND_FIXTURE_H
#define BACKEND_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "backend/backend.h"

/** Run a group over a backend; each case gets a fresh, empty one in *state. */
int backend_group(const char *name, const char *backend, const struct CMUnitTest *tests,
		  size_t count);
int backend_setup(void **state);
int backend_teardown(void **state);
#define BACKEND_CASE(fn) cmocka_unit_test_setup_teardown(fn, backend_setup, backend_teardown)

/** Close and open it again; false: it does not keep anything, and is left as it is. */
bool backend_reopen(void **state, bool read_only);

/** Bytes of a string literal, NULs included. */
#define SPAN(literal) ((struct sfs_span){ literal, sizeof literal - 1 })
#define EMPTY ((struct sfs_span){ NULL, 0 })
#define PUT(partition, key, val) ((struct sfsi_op){ partition, key, val, false })
#define REMOVE(partition, key) ((struct sfsi_op){ partition, key, EMPTY, true })

void put(struct sfsi_backend *b, uint32_t partition, struct sfs_span key, struct sfs_span val);
void write_ops(struct sfsi_backend *b, const struct sfsi_op *ops, size_t count);
#define WRITE(b, ...)                                         \
	write_ops(b, (const struct sfsi_op[]){ __VA_ARGS__ }, \
		  sizeof((const struct sfsi_op[]){ __VA_ARGS__ }) / sizeof(struct sfsi_op))
void assert_value(struct sfsi_backend *b, uint32_t partition, struct sfs_span key,
		  struct sfs_span val);
void assert_missing(struct sfsi_backend *b, uint32_t partition, struct sfs_span key);

/** What a scan gave: keys and values one after the other. */
struct found {
	size_t count;
	size_t stop_at; /* stop the scan at this pair, 0 = never */
	struct sfs_buf keys, vals;
	size_t key_end[64]; /* where each of the first keys ends */
};

int found_add(void *arg, struct sfs_span key, struct sfs_span val);
/** Scan and expect these keys, in this order; count at most 64. */
void assert_scan(struct sfsi_backend *b, const struct sfsi_scan *scan, const struct sfs_span *keys,
		 size_t count);
size_t count_keys(struct sfsi_backend *b, uint32_t partition);

#endif
