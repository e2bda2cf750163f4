/*
 * Where a path is in a JSON text: the text is read once more, by a sink that counts items and keys
 * on the way to the value and stops there; the reader then knows where it is. Only for messages.
 */
#include "document/json.h"
#include "schema/value.h"

#define STEPS_MAX 128

struct locator {
	struct sfsi_sink sink; /* must be first */
	const struct sfsi_path *steps[STEPS_MAX];
	unsigned count;
	bool key;         /* the key is looked for, not the value */
	unsigned depth;   /* open containers */
	unsigned matched; /* … of which so many are on the way */
	bool map, in_value, hit;
	uint32_t index;
};

static struct locator *locator_of(struct sfsi_sink *sink)
{
	return (struct locator *)sink;
}

/**
 * A value begins inside the innermost container on the way. key: its text, when it is one.
 * Sets hit when it is the one that the next step names.
 */
static int see_child(struct locator *at, const struct sfs_span *text)
{
	const struct sfsi_path *step = at->steps[at->matched - 1];
	if (at->map && !at->in_value) {
		at->in_value = true;
		at->hit = text && step->name.data && sfs_span_equal(*text, step->name);
		return at->hit && at->key && at->matched == at->count ? SFS_ERR_CANCELLED : 0;
	}
	if (!at->map)
		at->hit = !step->name.data && step->index == at->index++;
	at->in_value = false;
	return at->hit && !at->key && at->matched == at->count ? SFS_ERR_CANCELLED : 0;
}

static int see(struct locator *at, const struct sfs_span *text)
{
	if (at->count == 0)
		return SFS_ERR_CANCELLED;
	return at->depth && at->depth == at->matched ? see_child(at, text) : 0;
}

static int begin(struct sfsi_sink *sink, bool map)
{
	struct locator *at = locator_of(sink);
	bool was_key = at->map && !at->in_value;
	bool on_way = at->depth == at->matched;
	int err = see(at, NULL);
	if (err < 0)
		return err;
	if (at->depth == 0 || (on_way && at->hit && !was_key && at->matched < at->count)) {
		at->matched++;
		at->map = map;
		at->in_value = at->hit = false;
		at->index = 0;
	}
	at->depth++;
	return 0;
}

static int on_nothing(struct sfsi_sink *sink)
{
	return see(locator_of(sink), NULL);
}

static int on_string(struct sfsi_sink *sink, struct sfs_span text)
{
	return see(locator_of(sink), &text);
}

static int on_array(struct sfsi_sink *sink, uint32_t count)
{
	(void)count;
	return begin(sink, false);
}

static int on_map(struct sfsi_sink *sink, uint32_t count)
{
	(void)count;
	return begin(sink, true);
}

static int on_end(struct sfsi_sink *sink)
{
	struct locator *at = locator_of(sink);
	at->depth--;
	/* The way ends here without the value: it is not in the text. */
	return at->depth < at->matched ? SFS_ERR_NOT_FOUND : 0;
}

static const struct sfsi_sink_ops locator_ops = {
	.null = on_nothing,
	.boolean = sfsi_sink_boolean,
	.integer = sfsi_sink_integer,
	.natural = sfsi_sink_natural,
	.bigint = sfsi_sink_bytes,
	.real = sfsi_sink_real,
	.string = on_string,
	.binary = sfsi_sink_bytes,
	.ext = sfsi_sink_ext,
	.array_begin = on_array,
	.array_end = on_end,
	.map_begin = on_map,
	.map_end = on_end,
};

void sfsi_path_locate(const struct sfsi_path *path, bool key, struct sfs_span json,
		      struct sfs_diag *diag)
{
	struct locator locator = { .sink = { &locator_ops }, .key = key };
	struct sfs_diag found = SFS_DIAG_INIT;
	for (const struct sfsi_path *step = path; step; step = step->up)
		locator.count++;
	if (locator.count > STEPS_MAX)
		return;
	unsigned at = locator.count;
	for (const struct sfsi_path *step = path; step; step = step->up)
		locator.steps[--at] = step;
	if (sfsi_json_read(json, &locator.sink, &found) != SFS_ERR_CANCELLED)
		return;
	diag->line = found.line;
	diag->column = found.column;
	diag->offset = found.offset;
}
