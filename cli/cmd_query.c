/*
 * storefs query: objects of a class by conditions on its indexes.
 */
#include <inttypes.h>
#include <storefs/lines.h>
#include <storefs/query.h>
#include "export.h"
#include "json.h"
#include "target.h"
#include "verbs.h"

enum form { FORM_OIDS, FORM_JSON, FORM_JSONL, FORM_CSV, FORM_COUNT, FORM_FACETS, FORM_EXPLAIN };

static const struct {
	const char *option;
	enum form form;
} forms[] = {
	{ "oids", FORM_OIDS },       { "json", FORM_JSON },   { "jsonl", FORM_JSONL },
	{ "csv", FORM_CSV },         { "count", FORM_COUNT }, { "facets", FORM_FACETS },
	{ "explain", FORM_EXPLAIN },
};

/** What the options ask for. False: more than one of them. */
static bool form_of(const struct cli_ctx *ctx, enum form *ret)
{
	int given = 0;
	*ret = FORM_OIDS;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (!cli_option(ctx, forms[i].option) || (given && forms[i].form == *ret))
			continue;
		*ret = forms[i].form;
		given++;
	}
	return given <= 1;
}

struct querying {
	struct cli_ctx *ctx;
	struct cli_target target;
	struct sfs_query *query;
	struct sfs_diag diag;
	struct sfs_buf text;
	struct sfs_lines *lines;
	uint64_t shown;
};

/** What a wrong query is: wrong use. */
static int fail(struct querying *q, int err)
{
	int code = cli_fail(q->ctx, err, q->target.text, &q->diag);
	return err == SFS_ERR_INVALID ? CLI_USAGE : code;
}

/* --- the query --- */

static int add_sort(struct querying *q)
{
	const char *sort = cli_option(q->ctx, "sort");
	if (!sort)
		return 0;
	bool down = *sort == '-';
	return sfs_query_sort(q->query, sfs_span_str(sort + down), down, &q->diag);
}

static int make_query(struct querying *q)
{
	uint64_t limit, offset;
	if (!cli_option_number(q->ctx, "limit", UINT64_MAX, &limit) ||
	    !cli_option_number(q->ctx, "offset", 0, &offset))
		return CLI_USAGE;
	int err = sfs_query_new(q->ctx->store, q->target.class.id, &q->query);
	for (int i = 1; i < q->ctx->argc && err == 0; i++)
		err = sfs_query_parse(q->query, sfs_span_str(q->ctx->argv[i]), &q->diag);
	if (err == 0)
		err = add_sort(q);
	if (err < 0)
		return fail(q, err);
	sfs_query_limit(q->query, limit);
	sfs_query_offset(q->query, offset);
	return 0;
}

/* --- results --- */

/** An element of the array. */
static int put_element(struct querying *q, const struct sfs_query_hit *hit)
{
	struct sfs_doc *doc;
	int err = sfs_object_get(q->ctx->store, hit->ino, SFS_FORMAT_JSON, &doc);
	if (err < 0)
		return err;
	if (q->shown++)
		err = sfs_buf_append(&q->text, ",\n", 2);
	if (err == 0)
		err = cli_export_record(&q->text, hit->oid, doc->bytes);
	sfs_doc_unref(doc);
	return err;
}

static void put_text(const struct querying *q)
{
	if (q->text.len)
		fwrite(q->text.data, 1, q->text.len, q->ctx->out);
}

static int put_hit(struct querying *q, enum form form, const struct sfs_query_hit *hit)
{
	q->text.len = 0;
	int err = form == FORM_JSON ? put_element(q, hit)
				    : sfs_lines_put(q->lines, hit->oid, &q->text);
	/* Removed since it was found. */
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	if (err == 0)
		put_text(q);
	return err;
}

/** What comes behind the last result. */
static int put_end(struct querying *q, enum form form)
{
	q->text.len = 0;
	int err = form == FORM_JSON ? sfs_buf_append(&q->text, "]\n", 2)
				    : sfs_lines_end(q->lines, &q->text);
	if (err == 0)
		put_text(q);
	return err;
}

static int begin_lines(struct querying *q, enum form form)
{
	enum sfs_lines_form lines = form == FORM_CSV     ? SFS_LINES_CSV
				    : form == FORM_JSONL ? SFS_LINES_JSONL
							 : SFS_LINES_OIDS;
	return sfs_lines_new(q->ctx->store, q->target.class.id, lines, &q->lines);
}

static int put_results(struct querying *q, enum form form)
{
	struct sfs_query_hit hit;
	int err = 0;
	if (form == FORM_JSON)
		fputc('[', q->ctx->out);
	else
		err = begin_lines(q, form);
	while (err == 0 && !cli_stopped(q->ctx)) {
		err = sfs_query_next(q->query, &hit, &q->diag);
		if (err == 0)
			err = put_hit(q, form, &hit);
	}
	if (err > 0)
		err = put_end(q, form);
	return err < 0 ? fail(q, err) : cli_stopped(q->ctx) ? CLI_FAILED : CLI_OK;
}

/* --- about them --- */

static int put_count(struct querying *q)
{
	uint64_t count;
	int err = sfs_query_count(q->query, &count, &q->diag);
	if (err < 0)
		return fail(q, err);
	fprintf(q->ctx->out, "%" PRIu64 "\n", count);
	return CLI_OK;
}

static int put_facet(void *arg, struct sfs_span key, uint64_t count)
{
	struct cli_ctx *ctx = arg;
	cli_put_key(ctx, key, count);
	return cli_stopped(ctx);
}

static int put_facets(struct querying *q)
{
	const char *index = cli_option(q->ctx, "facets");
	int err = sfs_query_facets(q->query, sfs_span_str(index), put_facet, q->ctx, &q->diag);
	return err < 0 ? fail(q, err) : CLI_OK;
}

static int put_explained(struct querying *q)
{
	q->text.len = 0;
	int err = sfs_query_explain(q->query, &q->text, &q->diag);
	if (err < 0)
		return fail(q, err);
	put_text(q);
	return CLI_OK;
}

static int check(struct cli_ctx *ctx)
{
	uint64_t number;
	enum form form;
	if (!form_of(ctx, &form))
		return cli_usage(ctx, "one form of output is enough");
	return cli_option_number(ctx, "limit", 0, &number) &&
			       cli_option_number(ctx, "offset", 0, &number)
		       ? 0
		       : CLI_USAGE;
}

static int run(struct cli_ctx *ctx)
{
	struct querying q = { .ctx = ctx, .diag = SFS_DIAG_INIT };
	enum form form;
	int code = cli_target_class(ctx, ctx->argv[0], &q.target);
	if (code == 0 && q.target.has_rest)
		code = cli_usage(ctx, "'%s': expected the name of a class", ctx->argv[0]);
	(void)form_of(ctx, &form);
	if (code == 0)
		code = make_query(&q);
	if (code == 0)
		code = form == FORM_COUNT     ? put_count(&q)
		       : form == FORM_FACETS  ? put_facets(&q)
		       : form == FORM_EXPLAIN ? put_explained(&q)
					      : put_results(&q, form);
	sfs_query_free(q.query);
	sfs_buf_fini(&q.text);
	sfs_lines_free(q.lines);
	return code;
}

static const struct cli_option options[] = {
	{ "sort", 's', "[-]INDEX", "in the order of an index; '-': downwards" },
	{ "limit", 'n', "N", "at most so many" },
	{ "offset", 'o', "N", "leave out so many from the start" },
	{ "oids", 'O', NULL, "the oids, a line each (default)" },
	{ "json", 'j', NULL, "the objects as an array" },
	{ "jsonl", 'l', NULL, "the objects as records, a line each" },
	{ "csv", 'c', NULL, "the objects as CSV; the columns are the properties of the class" },
	{ "count", 'k', NULL, "how many they are" },
	{ "facets", 'f', "INDEX", "how many of them have each key of an index" },
	{ "explain", 'x', NULL, "what would be read" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_query = {
	.name = "query",
	.synopsis = "[OPTION]... STORE CLASS [CONDITION]...",
	.summary = "find objects by their indexes",
	.details =
		"A CONDITION is the name of an index, an operator (= != < <= > >= ^=) and a value, as\n"
		"status=published or 'date>=2025-01-01'; ^= is the beginning of a string.\n"
		"status.in=draft,published is one of several, status.missing finds objects without\n"
		"a key. All conditions must hold; several of them may be in one argument. A value\n"
		"with spaces is a JSON string: 'title=\"two words\"'.\n"
		"Without --sort the order is that of the index that is read.",
	.options = options,
	.examples =
		"storefs query /srv/blog Article status=published --sort -date --limit 20\n"
		"storefs query /srv/blog Article 'words=hello date>=2025' --json | jq .[].title\n"
		"storefs query /srv/blog Article rank.in=1,2 --count\n"
		"storefs query /srv/blog Article status=published --facets tags",
	.flags = CLI_OPENS | CLI_READS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 1,
	.max_args = -1,
	.check = check,
	.run = run,
};
