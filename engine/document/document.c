/*
 * Documents of objects: a reader feeds the gate below, the gate checks the top level, leaves "oid"
 * and "type" out, and passes the rest to the msgpack writer. Rendering goes the other way.
 */
#include <stdio.h>
#include "document/document.h"
#include "document/integer.h"
#include "document/json.h"
#include "document/msgpack.h"
#include "document/utf8.h"

/* What the next event at the top level is. */
enum gate_state {
	GATE_DOCUMENT,
	GATE_KEY,
	GATE_VALUE,
	GATE_OID,  /* value of "oid" */
	GATE_TYPE, /* value of "type" */
};

struct gate {
	struct sfsi_sink sink;
	struct sfsi_msgpack_writer writer;
	const struct sfsi_document_rules *rules;
	struct sfs_diag *diag;
	enum gate_state state;
	unsigned level;     /* open containers */
	size_t start;       /* of the body's head in the output */
	uint32_t announced; /* pairs in that head */
	uint32_t dropped;   /* pairs left out */
	uint64_t bound;     /* bytes that the canonical JSON has at most */
};

static struct gate *gate_of(struct sfsi_sink *sink)
{
	return (struct gate *)sink;
}

/* One line of canonical JSON: a {"$map": …} makes three levels of one. */
static void count_line(struct gate *gate, uint64_t len)
{
	gate->bound += len + 8 + 6 * (uint64_t)gate->level;
}

/*
 * Let an event pass that is not a string. Returns 0, or an error: what can not stand here.
 * len is about what the value takes in JSON.
 */
static int pass(struct gate *gate, const char *what, uint64_t len)
{
	count_line(gate, len);
	if (gate->level > 1)
		return 0;
	switch (gate->state) {
	case GATE_DOCUMENT:
		return sfs_diag_set(gate->diag, SFS_ERR_BAD_DOCUMENT,
				    "a document is a JSON object, found %s", what);
	case GATE_KEY:
		return sfs_diag_set(gate->diag, SFS_ERR_BAD_DOCUMENT,
				    "the keys of a document are strings, found %s", what);
	case GATE_OID:
		return sfs_diag_set(gate->diag, SFS_ERR_BAD_DOCUMENT,
				    "\"oid\" is %s, expected a string", what);
	case GATE_TYPE:
		return sfs_diag_set(gate->diag, SFS_ERR_BAD_DOCUMENT,
				    "\"type\" is %s, expected a string", what);
	case GATE_VALUE: gate->state = GATE_KEY; break;
	}
	return 0;
}

static int check_oid(struct gate *gate, struct sfs_span found)
{
	char shown[SFSI_SHOW_SIZE], wanted[SFSI_SHOW_SIZE];
	gate->state = GATE_KEY;
	gate->dropped++;
	if (sfs_span_equal(found, gate->rules->oid))
		return 0;
	return sfs_diag_set(gate->diag, SFS_ERR_BAD_DOCUMENT, "\"oid\" is \"%s\", expected \"%s\"",
			    sfsi_utf8_show(shown, found), sfsi_utf8_show(wanted, gate->rules->oid));
}

static int check_type(struct gate *gate, struct sfs_span found)
{
	char shown[SFSI_SHOW_SIZE], wanted[SFSI_SHOW_SIZE];
	gate->state = GATE_KEY;
	gate->dropped++;
	if (gate->rules->any_type || sfs_span_equal(found, gate->rules->type) ||
	    sfs_span_equal(found, gate->rules->class_name))
		return 0;
	return sfs_diag_set(gate->diag, SFS_ERR_BAD_DOCUMENT, "\"type\" is \"%s\", expected \"%s\"",
			    sfsi_utf8_show(shown, found),
			    sfsi_utf8_show(wanted, gate->rules->type));
}

/* A key of the document: forwarded unless it is one that is left out. */
static int take_key(struct gate *gate, struct sfs_span name)
{
	if (!gate->rules->updates && sfs_span_equal(name, sfs_span_str("updates")))
		return sfs_diag_set(gate->diag, SFS_ERR_BAD_DOCUMENT,
				    "\"updates\" is reserved, expected another name");
	if (sfs_span_equal(name, sfs_span_str("oid"))) {
		gate->state = GATE_OID;
		return 0;
	}
	if (sfs_span_equal(name, sfs_span_str("type"))) {
		gate->state = GATE_TYPE;
		return 0;
	}
	gate->state = GATE_VALUE;
	return gate->writer.sink.ops->string(&gate->writer.sink, name);
}

static int gate_string(struct sfsi_sink *sink, struct sfs_span text)
{
	struct gate *gate = gate_of(sink);
	if (gate->level == 1) {
		if (gate->state == GATE_KEY) {
			count_line(gate, 6 * (uint64_t)text.len);
			return take_key(gate, text);
		}
		if (gate->state == GATE_OID)
			return check_oid(gate, text);
		if (gate->state == GATE_TYPE)
			return check_type(gate, text);
	}
	int err = pass(gate, "a string", 6 * (uint64_t)text.len);
	return err < 0 ? err : gate->writer.sink.ops->string(&gate->writer.sink, text);
}

static int gate_null(struct sfsi_sink *sink)
{
	struct gate *gate = gate_of(sink);
	int err = pass(gate, "null", 4);
	return err < 0 ? err : gate->writer.sink.ops->null(&gate->writer.sink);
}

static int gate_boolean(struct sfsi_sink *sink, bool value)
{
	struct gate *gate = gate_of(sink);
	int err = pass(gate, value ? "true" : "false", 5);
	return err < 0 ? err : gate->writer.sink.ops->boolean(&gate->writer.sink, value);
}

static bool is_oid(const struct gate *gate)
{
	return gate->level == 1 && gate->state == GATE_OID;
}

static int gate_integer(struct sfsi_sink *sink, int64_t value)
{
	struct gate *gate = gate_of(sink);
	if (is_oid(gate)) {
		char digits[24];
		int len = snprintf(digits, sizeof digits, "%lld", (long long)value);
		return check_oid(gate, (struct sfs_span){ digits, (size_t)len });
	}
	int err = pass(gate, "a number", value > -10 && value < 100 ? 2 : 20);
	return err < 0 ? err : gate->writer.sink.ops->integer(&gate->writer.sink, value);
}

static int gate_natural(struct sfsi_sink *sink, uint64_t value)
{
	struct gate *gate = gate_of(sink);
	if (is_oid(gate)) {
		char digits[24];
		int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
		return check_oid(gate, (struct sfs_span){ digits, (size_t)len });
	}
	int err = pass(gate, "a number", 20);
	return err < 0 ? err : gate->writer.sink.ops->natural(&gate->writer.sink, value);
}

static int gate_bigint(struct sfsi_sink *sink, struct sfs_span digits)
{
	struct gate *gate = gate_of(sink);
	if (is_oid(gate))
		return check_oid(gate, digits);
	int err = pass(gate, "a number", digits.len);
	return err < 0 ? err : gate->writer.sink.ops->bigint(&gate->writer.sink, digits);
}

static int gate_real(struct sfsi_sink *sink, double value)
{
	struct gate *gate = gate_of(sink);
	int err = pass(gate, "a number with a fraction", 40);
	return err < 0 ? err : gate->writer.sink.ops->real(&gate->writer.sink, value);
}

static int gate_binary(struct sfsi_sink *sink, struct sfs_span bytes)
{
	struct gate *gate = gate_of(sink);
	int err = pass(gate, "binary data",
		       2 * (uint64_t)bytes.len + 8 * (uint64_t)gate->level + 40);
	return err < 0 ? err : gate->writer.sink.ops->binary(&gate->writer.sink, bytes);
}

static int gate_ext(struct sfsi_sink *sink, int8_t type, struct sfs_span bytes)
{
	struct gate *gate = gate_of(sink);
	int err = pass(gate, "an extension",
		       2 * (uint64_t)bytes.len + 24 * (uint64_t)gate->level + 80);
	return err < 0 ? err : gate->writer.sink.ops->ext(&gate->writer.sink, type, bytes);
}

static int gate_array_begin(struct sfsi_sink *sink, uint32_t count)
{
	struct gate *gate = gate_of(sink);
	int err = pass(gate, "an array", 8 * (uint64_t)gate->level);
	if (err < 0)
		return err;
	gate->level++;
	return gate->writer.sink.ops->array_begin(&gate->writer.sink, count);
}

static int gate_array_end(struct sfsi_sink *sink)
{
	gate_of(sink)->level--;
	return 0;
}

static int gate_map_begin(struct sfsi_sink *sink, uint32_t count)
{
	struct gate *gate = gate_of(sink);
	if (gate->state == GATE_DOCUMENT) {
		gate->state = GATE_KEY;
		gate->announced = count;
		gate->start = gate->writer.out->len;
	} else {
		int err = pass(gate, "an object", 24 * (uint64_t)gate->level);
		if (err < 0)
			return err;
	}
	gate->level++;
	return gate->writer.sink.ops->map_begin(&gate->writer.sink, count);
}

/* Pairs were left out: put the head that is true in the place of the first one. */
static int correct_head(struct gate *gate)
{
	struct sfs_buf *out = gate->writer.out;
	size_t end = out->len;
	int err = sfsi_msgpack_map_header(out, gate->announced);
	size_t old_len = out->len - end;
	out->len = end;
	if (err == 0)
		err = sfsi_msgpack_map_header(out, gate->announced - gate->dropped);
	if (err < 0)
		return err;
	size_t new_len = out->len - end;
	char *body = (char *)out->data + gate->start;
	memcpy(body, (char *)out->data + end, new_len);
	memmove(body + new_len, body + old_len, end - gate->start - old_len);
	out->len = end - old_len + new_len;
	return 0;
}

static int gate_map_end(struct sfsi_sink *sink)
{
	struct gate *gate = gate_of(sink);
	gate->level--;
	return gate->level == 0 && gate->dropped ? correct_head(gate) : 0;
}

static const struct sfsi_sink_ops gate_ops = {
	.null = gate_null,
	.boolean = gate_boolean,
	.integer = gate_integer,
	.natural = gate_natural,
	.bigint = gate_bigint,
	.real = gate_real,
	.string = gate_string,
	.binary = gate_binary,
	.ext = gate_ext,
	.array_begin = gate_array_begin,
	.array_end = gate_array_end,
	.map_begin = gate_map_begin,
	.map_end = gate_map_end,
};

/* ret NULL: only find out whether it is possible. */
static int render_json(struct sfs_span body, enum sfsi_json_style style, struct sfs_buf *ret)
{
	struct sfsi_json_writer *writer;
	int err = sfsi_json_writer_new(&writer);
	if (err < 0)
		return err;
	err = sfsi_msgpack_read(body, sfsi_json_writer_sink(writer), NULL, NULL);
	if (err == 0)
		err = sfsi_json_writer_finish(writer, style, ret);
	sfsi_json_writer_free(writer);
	return err;
}

/*
 * A body that can not be rendered must never be stored. Few documents come near the limit; for
 * those that might, find out.
 */
static int check_renderable(const struct gate *gate)
{
	const struct sfs_buf *out = gate->writer.out;
	if (gate->bound <= SFS_BUF_MAX)
		return 0;
	struct sfs_span body = { (const char *)out->data + gate->start, out->len - gate->start };
	int err = render_json(body, SFSI_JSON_PRETTY, NULL);
	if (err == SFS_ERR_LIMIT)
		return sfs_diag_set(gate->diag, err,
				    "the indented JSON of this document would have "
				    "more than %zu bytes",
				    SFS_BUF_MAX);
	return err;
}

static int read_text(enum sfs_format format, struct sfs_span text, struct gate *gate)
{
	if (text.len > SFS_DOCUMENT_MAX)
		return sfs_diag_set(gate->diag, SFS_ERR_LIMIT,
				    "the document has %zu bytes, the "
				    "limit is %zu",
				    text.len, SFS_DOCUMENT_MAX);
	if (format == SFS_FORMAT_MSGPACK)
		return sfsi_msgpack_read(text, &gate->sink, NULL, gate->diag);
	return sfsi_json_read(text, &gate->sink, gate->diag);
}

int sfsi_document_parse(enum sfs_format format, struct sfs_span text,
			const struct sfsi_document_rules *rules, struct sfs_buf *body,
			struct sfs_diag *diag)
{
	struct sfs_diag local = SFS_DIAG_INIT;
	size_t old = body->len;
	struct gate gate = { .sink.ops = &gate_ops, .rules = rules, .diag = &local };
	sfsi_msgpack_writer_init(&gate.writer, body);
	gate.start = old;
	if (rules->value) {
		/* As if it were a value inside a document. */
		gate.level = 2;
		gate.state = GATE_VALUE;
	}
	int err = read_text(format, text, &gate);
	if (err == 0)
		err = check_renderable(&gate);
	if (err < 0) {
		body->len = old;
		if (diag)
			*diag = local;
	}
	return err;
}

int sfsi_document_render(enum sfs_format format, struct sfs_span body, struct sfs_buf *ret)
{
	if (format == SFS_FORMAT_MSGPACK)
		return sfs_buf_append(ret, body.data, body.len);
	return render_json(body, SFSI_JSON_PRETTY, ret);
}

int sfsi_value_json(struct sfs_span value, struct sfs_buf *ret)
{
	return render_json(value, SFSI_JSON_COMPACT, ret);
}
