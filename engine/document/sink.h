/*
 * Events of a document: what readers emit and writers take.
 *
 * Readers (json.c, msgpack.c) turn text into events, writers turn events into text;
 * any reader works with any writer, and with sinks that only look (checks).
 * Every function of a sink returns 0 or a negative enum sfs_err, which the reader
 * passes up at once.
 */
#ifndef SFSI_SINK_H
#define SFSI_SINK_H

#include <stdbool.h>
#include <stdint.h>
#include <storefs/buf.h>

/** Ext type that stands for an integer beyond 64 bits: its decimal digits, "-"? [1-9][0-9]*. */
#define SFSI_EXT_BIGINT 78

/**
 * A consumer of events. Spans are valid during the call only.
 * Containers: begin(count) … items … end(). In a map the items are key, value, key, value;
 * a reader has checked that keys are unique (strings by their bytes, other keys by
 * their canonical msgpack encoding).
 */
struct sfsi_sink {
	const struct sfsi_sink_ops *ops;
};

struct sfsi_sink_ops {
	int (*null)(struct sfsi_sink *sink);
	int (*boolean)(struct sfsi_sink *sink, bool value);
	int (*integer)(struct sfsi_sink *sink, int64_t value);         /* below 2^63 */
	int (*natural)(struct sfsi_sink *sink, uint64_t value);        /* 2^63 and above */
	int (*bigint)(struct sfsi_sink *sink, struct sfs_span digits); /* beyond 64 bits */
	int (*real)(struct sfsi_sink *sink, double value);             /* may be NaN or infinite */
	int (*string)(struct sfsi_sink *sink, struct sfs_span text);   /* valid UTF-8 */
	int (*binary)(struct sfsi_sink *sink, struct sfs_span bytes);
	int (*ext)(struct sfsi_sink *sink, int8_t type, struct sfs_span bytes);
	int (*array_begin)(struct sfsi_sink *sink, uint32_t count);
	int (*array_end)(struct sfsi_sink *sink);
	int (*map_begin)(struct sfsi_sink *sink, uint32_t count);
	int (*map_end)(struct sfsi_sink *sink);
};

/** A sink that takes everything and does nothing: for checks. */
extern struct sfsi_sink sfsi_sink_null;

/* For sinks to which values are all the same: each of these calls null() of the sink. */
int sfsi_sink_boolean(struct sfsi_sink *sink, bool value);
int sfsi_sink_integer(struct sfsi_sink *sink, int64_t value);
int sfsi_sink_natural(struct sfsi_sink *sink, uint64_t value);
int sfsi_sink_real(struct sfsi_sink *sink, double value);
int sfsi_sink_bytes(struct sfsi_sink *sink, struct sfs_span bytes);
int sfsi_sink_ext(struct sfsi_sink *sink, int8_t type, struct sfs_span bytes);

#endif
