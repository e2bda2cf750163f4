/*
 * Conditions as text: words that are separated by white space, each
 *
 *   INDEX=VALUE  INDEX!=VALUE  INDEX<VALUE  INDEX<=VALUE  INDEX>VALUE  INDEX>=VALUE  INDEX^=TEXT
 *   INDEX.eq=VALUE … .lt .le .gt .ge .ne .prefix   INDEX.in=VALUE,VALUE   INDEX.missing
 *
 * INDEX and VALUE are bare, or a JSON string, which means that string. A bare value ends at white space,
 * in .in= at a comma, too.
 */
#include "query/query.h"

static const struct {
	const char *text;
	enum sfs_query_op op;
} suffixes[] = {
	{ ".eq", SFS_QUERY_EQ }, { ".lt", SFS_QUERY_LT },         { ".le", SFS_QUERY_LE },
	{ ".gt", SFS_QUERY_GT }, { ".ge", SFS_QUERY_GE },         { ".ne", SFS_QUERY_NE },
	{ ".in", SFS_QUERY_IN }, { ".prefix", SFS_QUERY_PREFIX }, { ".missing", SFS_QUERY_MISSING },
};

enum sfs_query_op sfs_query_suffix(struct sfs_span name, struct sfs_span *ret_index)
{
	const char *text = name.data;
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		size_t len = strlen(suffixes[i].text);
		if (name.len > len && memcmp(text + name.len - len, suffixes[i].text, len) == 0) {
			*ret_index = (struct sfs_span){ text, name.len - len };
			return suffixes[i].op;
		}
	}
	*ret_index = name;
	return SFS_QUERY_EQ;
}

/** What is left of a text. */
struct reader {
	const char *start, *at, *end;
	struct sfs_diag *diag;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int refuse(const struct reader *reader, const char *what)
{
	if (reader->diag) {
		reader->diag->line = 1;
		reader->diag->offset = (uint64_t)(reader->at - reader->start);
		reader->diag->column = (uint32_t)reader->diag->offset + 1;
	}
	return sfs_diag_set(reader->diag, SFS_ERR_INVALID, "at character %zu: %s",
			    (size_t)(reader->at - reader->start) + 1, what);
}

/** Behind the closing quotation mark of a JSON string. */
static int quoted(struct reader *reader, struct sfs_span *ret)
{
	const char *start = reader->at, *at = start + 1;
	while (at < reader->end && *at != '"')
		at += *at == '\\' && at + 1 < reader->end ? 2 : 1;
	if (at >= reader->end)
		return refuse(reader, "a string without its closing quotation mark");
	reader->at = at + 1;
	*ret = (struct sfs_span){ start, (size_t)(reader->at - start) };
	return 0;
}

static int value(struct reader *reader, bool list, struct sfs_span *ret)
{
	const char *start = reader->at;
	if (start < reader->end && *start == '"')
		return quoted(reader, ret);
	while (reader->at < reader->end && !is_space(*reader->at) && !(list && *reader->at == ','))
		reader->at++;
	*ret = (struct sfs_span){ start, (size_t)(reader->at - start) };
	return 0;
}

/** The name of an index: a JSON string gives its text, appended to buf. */
static int name(struct reader *reader, struct sfs_buf *buf, struct sfs_span *ret)
{
	const char *start = reader->at;
	if (start < reader->end && *start == '"') {
		SFSI_AUTO_BUF struct sfs_buf key = SFS_BUF_INIT;
		struct sfs_span text;
		int err = quoted(reader, &text);
		if (!err && sfsi_index_key_parse(text, &key) < 0)
			err = refuse(reader, "expected a JSON string");
		/* The key of a string that has no zeros is its kind, its bytes and its end. */
		if (!err && (key.len < 4 || memchr((char *)key.data + 1, 0, key.len - 3)))
			err = refuse(reader, "expected the name of an index");
		if (!err)
			err = sfs_buf_append(buf, (char *)key.data + 1, key.len - 3);
		*ret = sfs_buf_span(buf);
		return err;
	}
	while (reader->at < reader->end && !is_space(*reader->at) && !strchr("=!<>^", *reader->at))
		reader->at++;
	*ret = (struct sfs_span){ start, (size_t)(reader->at - start) };
	return ret->len ? 0 : refuse(reader, "expected the name of an index");
}

/** The sign behind the name. False: there is none. */
static bool sign(struct reader *reader, enum sfs_query_op *ret)
{
	static const struct {
		const char *text;
		enum sfs_query_op op;
	} signs[] = {
		{ "!=", SFS_QUERY_NE }, { "<=", SFS_QUERY_LE }, { ">=", SFS_QUERY_GE },
		{ "<", SFS_QUERY_LT },  { ">", SFS_QUERY_GT },  { "^=", SFS_QUERY_PREFIX },
		{ "=", SFS_QUERY_EQ },
	};
	size_t left = (size_t)(reader->end - reader->at);
	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		size_t len = strlen(signs[i].text);
		if (left >= len && memcmp(reader->at, signs[i].text, len) == 0) {
			reader->at += len;
			*ret = signs[i].op;
			return true;
		}
	}
	return false;
}

static int values(struct reader *reader, bool list, struct sfs_span *ret, size_t *ret_count)
{
	size_t count = 0;
	bool more = true;
	int err = 0;
	while (more && !err) {
		if (count == SFS_QUERY_VALUES_MAX)
			return refuse(reader, "too many values");
		err = value(reader, list, &ret[count++]);
		more = list && reader->at < reader->end && *reader->at == ',';
		reader->at += more;
	}
	*ret_count = count;
	if (!err && reader->at < reader->end && !is_space(*reader->at))
		err = refuse(reader, "expected white space behind a value");
	return err;
}

static int condition(struct sfs_query *query, struct reader *reader, struct sfs_span *list)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfs_span index, base;
	size_t count = 0;
	int err = name(reader, &buf, &index);
	if (err < 0)
		return err;
	/* An index may have a name that ends like an operator. */
	enum sfs_query_op op = SFS_QUERY_EQ, suffix = sfs_query_suffix(index, &base);
	if (base.len < index.len && !sfsi_index_named(query->store, query->class, index)) {
		op = suffix;
		index = base;
	}
	enum sfs_query_op given = SFS_QUERY_EQ;
	bool has_sign = sign(reader, &given);
	if (!has_sign && op != SFS_QUERY_MISSING)
		return refuse(reader,
			      "expected =, !=, <, <=, >, >= or ^= behind the name of an index");
	if (has_sign && op == SFS_QUERY_MISSING)
		return refuse(reader, ".missing has no value");
	if (op != SFS_QUERY_EQ && given != SFS_QUERY_EQ)
		return refuse(reader, "one operator is enough");
	if (op == SFS_QUERY_EQ)
		op = given;
	if (has_sign)
		err = values(reader, op == SFS_QUERY_IN, list, &count);
	return err < 0 ? err : sfs_query_where(query, index, op, list, count, reader->diag);
}

int sfs_query_parse(struct sfs_query *query, struct sfs_span text, struct sfs_diag *diag)
{
	struct reader reader = { text.data, text.data, (const char *)text.data + text.len, diag };
	SFSI_AUTO_FREE struct sfs_span *list = calloc(SFS_QUERY_VALUES_MAX, sizeof *list);
	int err = 0;
	if (!list)
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "%s", sfs_err_text(SFS_ERR_NO_MEMORY));
	while (!err) {
		while (reader.at < reader.end && is_space(*reader.at))
			reader.at++;
		if (reader.at == reader.end)
			break;
		err = condition(query, &reader, list);
	}
	return err;
}
