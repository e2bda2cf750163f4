/* The sink that takes everything: what a reader is given when only its checks are wanted. */
#include "document/sink.h"

static int take(struct sfsi_sink *sink)
{
	(void)sink;
	return 0;
}

static int take_bool(struct sfsi_sink *sink, bool value)
{
	(void)sink, (void)value;
	return 0;
}

static int take_integer(struct sfsi_sink *sink, int64_t value)
{
	(void)sink, (void)value;
	return 0;
}

static int take_natural(struct sfsi_sink *sink, uint64_t value)
{
	(void)sink, (void)value;
	return 0;
}

static int take_real(struct sfsi_sink *sink, double value)
{
	(void)sink, (void)value;
	return 0;
}

static int take_span(struct sfsi_sink *sink, struct sfs_span span)
{
	(void)sink, (void)span;
	return 0;
}

static int take_ext(struct sfsi_sink *sink, int8_t type, struct sfs_span bytes)
{
	(void)sink, (void)type, (void)bytes;
	return 0;
}

static int take_count(struct sfsi_sink *sink, uint32_t count)
{
	(void)sink, (void)count;
	return 0;
}

static const struct sfsi_sink_ops null_ops = {
	.null = take,
	.boolean = take_bool,
	.integer = take_integer,
	.natural = take_natural,
	.bigint = take_span,
	.real = take_real,
	.string = take_span,
	.binary = take_span,
	.ext = take_ext,
	.array_begin = take_count,
	.array_end = take,
	.map_begin = take_count,
	.map_end = take,
};

struct sfsi_sink sfsi_sink_null = { &null_ops };
