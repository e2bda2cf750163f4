/*
 * The sink that takes everything, what a reader is given when only its checks are wanted; and what sinks share
 * to which values are all the same.
 */
#include "document/sink.h"

static int take(struct sfsi_sink *sink)
{
	(void)sink;
	return 0;
}

int sfsi_sink_boolean(struct sfsi_sink *sink, bool value)
{
	(void)value;
	return sink->ops->null(sink);
}

int sfsi_sink_integer(struct sfsi_sink *sink, int64_t value)
{
	(void)value;
	return sink->ops->null(sink);
}

int sfsi_sink_natural(struct sfsi_sink *sink, uint64_t value)
{
	(void)value;
	return sink->ops->null(sink);
}

int sfsi_sink_real(struct sfsi_sink *sink, double value)
{
	(void)value;
	return sink->ops->null(sink);
}

int sfsi_sink_bytes(struct sfsi_sink *sink, struct sfs_span bytes)
{
	(void)bytes;
	return sink->ops->null(sink);
}

int sfsi_sink_ext(struct sfsi_sink *sink, int8_t type, struct sfs_span bytes)
{
	(void)type, (void)bytes;
	return sink->ops->null(sink);
}

static int take_count(struct sfsi_sink *sink, uint32_t count)
{
	(void)sink, (void)count;
	return 0;
}

static const struct sfsi_sink_ops null_ops = {
	.null = take,
	.boolean = sfsi_sink_boolean,
	.integer = sfsi_sink_integer,
	.natural = sfsi_sink_natural,
	.bigint = sfsi_sink_bytes,
	.real = sfsi_sink_real,
	.string = sfsi_sink_bytes,
	.binary = sfsi_sink_bytes,
	.ext = sfsi_sink_ext,
	.array_begin = take_count,
	.array_end = take,
	.map_begin = take_count,
	.map_end = take,
};

struct sfsi_sink sfsi_sink_null = { &null_ops };
