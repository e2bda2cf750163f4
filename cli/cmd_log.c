/*
 * storefs log: the versions of one object, the newest first, and what each changed. All of it is read before
 * something is written: there are a hundred versions at most.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <yyjson.h>
#include "history.h"
#include "json.h"
#include "verbs.h"

/** One line: a version, or the present state. */
struct line {
	struct sfs_version version;
	bool present;
	yyjson_doc *doc; /* NULL: it can not be read any more */
};

struct logging {
	struct cli_ctx *ctx;
	struct cli_target target;
	struct line *lines; /* [count], the oldest first */
	size_t count;
	struct cli_json json;
	int err;
};

/* --- reading --- */

static int add_line(struct logging *logging, const struct sfs_version *version, bool present,
		    const struct sfs_buf *json)
{
	struct line *more = realloc(logging->lines, (logging->count + 1) * sizeof *more);
	if (!more)
		return SFS_ERR_NO_MEMORY;
	logging->lines = more;
	more[logging->count++] = (struct line){
		.version = *version,
		.present = present,
		.doc = yyjson_read(json->data, json->len, YYJSON_READ_BIGNUM_AS_RAW),
	};
	return 0;
}

static int add_version(void *arg, const struct sfs_version *version)
{
	struct logging *logging = arg;
	struct sfs_buf json = SFS_BUF_INIT;
	int err = sfs_history_get(logging->ctx->store, logging->target.class.id,
				  logging->target.rest, version->time_ns, NULL, &json);
	/* It went meanwhile, or is damaged: without it, then. */
	if (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_CORRUPT)
		err = 0;
	else if (!err)
		err = add_line(logging, version, false, &json);
	sfs_buf_fini(&json);
	logging->err = err;
	return err < 0;
}

static int add_present(struct logging *logging)
{
	struct sfs_store *store = logging->ctx->store;
	struct sfs_buf json = SFS_BUF_INIT;
	enum sfs_history_state state = SFS_HISTORY_GONE;
	struct sfs_version version = { .size = 0 };
	int err = sfs_history_at(store, logging->target.class.id, logging->target.rest, INT64_MAX,
				 &state, &version);
	if (!err && state == SFS_HISTORY_PRESENT)
		err = cli_history_present(store, &logging->target, &json);
	version.size = json.len;
	if (!err && state == SFS_HISTORY_PRESENT)
		err = add_line(logging, &version, true, &json);
	sfs_buf_fini(&json);
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

/* --- what changed --- */

typedef void put_change_fn(struct logging *logging, char how, struct sfs_span name);

static struct sfs_span name_of(yyjson_val *key)
{
	return (struct sfs_span){ yyjson_get_str(key), yyjson_get_len(key) };
}

/** Properties of one that the other has not, or has differently. @how  '+' or '-' for the former. */
static size_t compare(struct logging *logging, yyjson_val *one, yyjson_val *other, char how,
		      put_change_fn *put)
{
	size_t count = 0, i, max;
	yyjson_val *key, *value;
	yyjson_obj_foreach(one, i, max, key, value)
	{
		yyjson_val *there = yyjson_obj_getn(other, yyjson_get_str(key),
						    yyjson_get_len(key));
		/* Of two sides, the second one tells of what both have. */
		if (there && (how == '-' || yyjson_equals(value, there)))
			continue;
		put(logging, there ? '~' : how, name_of(key));
		count++;
	}
	return count;
}

/** Of a value that is no map, in a database, there is one thing to say. */
static void put_changes(struct logging *logging, size_t at, put_change_fn *put)
{
	yyjson_val *is = yyjson_doc_get_root(logging->lines[at].doc);
	yyjson_val *was = at ? yyjson_doc_get_root(logging->lines[at - 1].doc) : NULL;
	if (!is || !was)
		return;
	if (yyjson_is_obj(is) && yyjson_is_obj(was)) {
		size_t count = compare(logging, is, was, '+', put);
		count += compare(logging, was, is, '-', put);
		if (!count)
			put(logging, '=', sfs_span_str("only how it is written"));
	} else if (!yyjson_equals(is, was)) {
		put(logging, '~', sfs_span_str("the value"));
	}
}

/* --- writing --- */

static void put_word(struct logging *logging, char how, struct sfs_span name)
{
	FILE *out = logging->ctx->out;
	fputc(' ', out);
	if (how == '+' || how == '-')
		fputc(how, out);
	cli_put_name(logging->ctx, name);
}

static void put_line(struct logging *logging, size_t at)
{
	const struct line *line = &logging->lines[at];
	char name[SFS_VERSION_NAME_SIZE];
	sfs_version_name(line->version.time_ns, name);
	fprintf(logging->ctx->out, "%s %8" PRIu64 " %s", name, line->version.size,
		line->present        ? "now "
		: line->version.gone ? "gone"
				     : "    ");
	put_changes(logging, at, put_word);
	fputc('\n', logging->ctx->out);
}

static void put_pair(struct logging *logging, char how, struct sfs_span name)
{
	if (how == '=')
		return;
	cli_json_open(&logging->json, NULL, '{');
	cli_json_bytes(&logging->json, "name", name);
	cli_json_string(&logging->json, "change",
			how == '+'   ? "added"
			: how == '-' ? "removed"
				     : "changed");
	cli_json_close(&logging->json, '}');
}

static void put_element(struct logging *logging, size_t at)
{
	struct cli_json *json = &logging->json;
	const struct line *line = &logging->lines[at];
	cli_json_open(json, NULL, '{');
	cli_json_time(json, "time", line->version.time_ns);
	if (!line->present)
		cli_json_time(json, "until", line->version.until_ns);
	cli_json_number(json, "size", line->version.size);
	cli_json_bool(json, "present", line->present);
	cli_json_bool(json, "gone", line->version.gone);
	cli_json_open(json, "changes", '[');
	put_changes(logging, at, put_pair);
	cli_json_close(json, ']');
	cli_json_close(json, '}');
}

static void put_all(struct logging *logging)
{
	bool as_json = cli_option(logging->ctx, "json");
	struct cli_json *json = &logging->json;
	if (as_json) {
		cli_json_init(json, logging->ctx->out);
		cli_json_open(json, NULL, '{');
		cli_json_string(json, "class", logging->target.class.name);
		cli_json_bytes(json, "oid", logging->target.rest);
		cli_json_open(json, "versions", '[');
	}
	for (size_t i = logging->count; i > 0; i--)
		(as_json ? put_element : put_line)(logging, i - 1);
	if (as_json) {
		cli_json_close(json, ']');
		cli_json_close(json, '}');
		cli_json_end(json);
	}
}

static int run(struct cli_ctx *ctx)
{
	struct logging logging = { .ctx = ctx };
	int code = cli_history_target(ctx, ctx->argv[0], &logging.target);
	if (code != 0)
		return code;
	int err = sfs_history_each(ctx->store, logging.target.class.id, logging.target.rest,
				   add_version, &logging);
	if (logging.err < 0)
		err = logging.err;
	if (!err)
		err = add_present(&logging);
	if (!err && !logging.count) {
		cli_error(ctx, ctx->argv[0], "no such object, and no version of one");
		code = CLI_NOT_FOUND;
	} else if (!err) {
		put_all(&logging);
	}
	for (size_t i = 0; i < logging.count; i++)
		yyjson_doc_free(logging.lines[i].doc);
	free(logging.lines);
	return err < 0 ? cli_fail(ctx, err, ctx->argv[0], NULL) : code;
}

static const struct cli_option options[] = {
	{ "json", 'j', NULL, "as JSON" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_log = {
	.name = "log",
	.synopsis = "[--json] STORE CLASS/OID",
	.summary = "list the versions of an object, and what each changed",
	.details =
		"Lists what an object is and was, the newest first, also of one that was removed:\n"
		"since when, bytes of the document, and the properties in which it differs from the\n"
		"one before (+ added, - removed). 'storefs show CLASS/OID@TIME' prints one;\n"
		"'storefs config' says how many are kept (docs/history.md).",
	.options = options,
	.examples = "storefs log /srv/blog Article/42",
	.flags = CLI_OPENS | CLI_READS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
