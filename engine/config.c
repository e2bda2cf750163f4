/* A sink that catches the members of a top-level object: see config.h. */
#include "config.h"
#include <stdio.h>
#include "document/json.h"

struct catcher {
	struct sfsi_sink sink; /* must be first */
	sfsi_config_fn *fn;
	void *arg;
	struct sfs_diag *diag;
	unsigned depth; /* 0 before the top-level object, 1 inside */
	bool in_value;  /* the name of a member was seen */
	char name[128];
};

static struct catcher *catcher_of(struct sfsi_sink *sink)
{
	return (struct catcher *)sink;
}

/** A value begins or is complete: report it when it is a member's. */
static int member(struct catcher *c, struct sfsi_config_member value)
{
	if (c->depth == 0)
		return sfs_diag_set(c->diag, SFS_ERR_BAD_DOCUMENT, "expected a JSON object");
	if (c->depth > 1)
		return 0;
	c->in_value = false;
	value.name = c->name;
	return c->fn(c->arg, &value);
}

static int other(struct sfsi_sink *sink)
{
	return member(catcher_of(sink), (struct sfsi_config_member){ 0 });
}

static int on_integer(struct sfsi_sink *sink, int64_t value)
{
	return member(catcher_of(sink),
		      (struct sfsi_config_member){ .is_integer = true, .integer = value });
}

static int on_string(struct sfsi_sink *sink, struct sfs_span text)
{
	struct catcher *c = catcher_of(sink);
	if (c->depth == 1 && !c->in_value) {
		snprintf(c->name, sizeof c->name, "%.*s", (int)(text.len < 127 ? text.len : 127),
			 (const char *)text.data);
		c->in_value = true;
		return 0;
	}
	return member(
		c, (struct sfsi_config_member){ .text = { text.len ? text.data : "", text.len } });
}

static int on_array_begin(struct sfsi_sink *sink, uint32_t count)
{
	(void)count;
	int err = other(sink);
	catcher_of(sink)->depth++;
	return err;
}

static int on_map_begin(struct sfsi_sink *sink, uint32_t count)
{
	(void)count;
	struct catcher *c = catcher_of(sink);
	int err = c->depth ? other(sink) : 0;
	c->depth++;
	return err;
}

static int on_end(struct sfsi_sink *sink)
{
	catcher_of(sink)->depth--;
	return 0;
}

static const struct sfsi_sink_ops catcher_ops = {
	.null = other,
	.boolean = sfsi_sink_boolean,
	.integer = on_integer,
	.natural = sfsi_sink_natural,
	.bigint = sfsi_sink_bytes,
	.real = sfsi_sink_real,
	.string = on_string,
	.binary = sfsi_sink_bytes,
	.ext = sfsi_sink_ext,
	.array_begin = on_array_begin,
	.array_end = on_end,
	.map_begin = on_map_begin,
	.map_end = on_end,
};

int sfsi_config_read(struct sfs_span json, sfsi_config_fn *fn, void *arg, struct sfs_diag *diag)
{
	struct catcher catcher = { .sink = { &catcher_ops }, .fn = fn, .arg = arg, .diag = diag };
	return sfsi_json_read(json, &catcher.sink, diag);
}
