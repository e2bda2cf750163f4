/*
 * Fields: changing one property of an object. What a text means is found out here (field.h says how);
 * then the body is made anew with this one value in it, and the object changes as by a save that
 * changes nothing else. All of it under the commit lock: what a text means depends on what is there.
 */
#include <stdio.h>
#include "derive.h"
#include "document/document.h"
#include "document/json.h"
#include "document/msgpack_head.h"
#include "document/utf8.h"
#include "field.h"

/** What a text may be taken for. */
enum way { WAY_JSON, WAY_STRING, WAY_BYTES };

/** What is done. */
enum what { EDIT_PUT, EDIT_REMOVE, EDIT_RENAME };

/** A change under way. */
struct editing {
	enum what what;
	const struct sfs_field_of *of;
	const struct sfs_field_put *put; /* PUT */
	struct sfs_span to;              /* RENAME */
	unsigned flags;
	struct sfsi_object_fit rules;
	bool has_rules;
	struct sfs_buf value; /* new value of name, or of to */
	char sentence[440];   /* the first misfit of the value in hand */
	struct sfs_diag diag;
};

int sfs_field_name_check(struct sfs_span name, struct sfs_diag *diag)
{
	static const char *const reserved[] = { "oid", "type", "updates" };
	if (name.len == 0 || !sfsi_utf8_valid(name))
		return sfs_diag_set(diag, SFS_ERR_NAME,
				    "the name of a property is UTF-8 and not empty");
	for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
		if (sfs_span_equal(name, sfs_span_str(reserved[i])))
			return sfs_diag_set(diag, SFS_ERR_NAME,
					    "\"%s\" is reserved, expected another name",
					    reserved[i]);
	}
	return 0;
}

/* --- what a text is taken for --- */

static int read_string(struct sfs_span text, struct sfs_buf *ret, struct sfs_diag *diag)
{
	struct sfsi_msgpack_writer writer;
	if (!sfsi_utf8_valid(text))
		return sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT,
				    "text must be UTF-8 (a property of type bin takes any bytes)");
	sfsi_msgpack_writer_init(&writer, ret);
	return writer.sink.ops->string(&writer.sink, text);
}

static int read_value(enum way way, struct sfs_span text, struct sfs_buf *ret,
		      struct sfs_diag *diag)
{
	struct sfsi_msgpack_writer writer;
	const char *bytes = text.data;
	sfsi_msgpack_writer_init(&writer, ret);
	switch (way) {
	case WAY_BYTES: return writer.sink.ops->binary(&writer.sink, text);
	case WAY_JSON: return sfsi_json_read(text, &writer.sink, diag);
	case WAY_STRING: break;
	}
	if (text.len && bytes[text.len - 1] == '\n')
		text.len--;
	return read_string(text, ret, diag);
}

/** The declared type of a name; NULL: none, or any. */
static const struct sfsi_type *type_of(const struct editing *editing, struct sfs_span name,
				       bool *ret_relation)
{
	const struct sfsi_schema *schema = editing->rules.schema;
	uint32_t number = schema ? sfsi_schema_find(schema, name) : SFSI_SCHEMA_NONE;
	*ret_relation = number != SFSI_SCHEMA_NONE && number >= schema->properties_count;
	if (number == SFSI_SCHEMA_NONE || *ret_relation)
		return NULL;
	const struct sfsi_type *type = &schema->properties[number].type;
	return type->kind == SFSI_TYPE_ANY ? NULL : type;
}

static bool is_textual(const struct sfsi_type *type)
{
	static const enum sfsi_type_kind kinds[] = {
		SFSI_TYPE_STRING, SFSI_TYPE_LINE,     SFSI_TYPE_RICHTEXT, SFSI_TYPE_MARKDOWN,
		SFSI_TYPE_HTML,   SFSI_TYPE_PASSWORD, SFSI_TYPE_EMAIL,    SFSI_TYPE_URL,
		SFSI_TYPE_PATH,   SFSI_TYPE_ID,
	};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (type->kind == kinds[i])
			return true;
	}
	return false;
}

/** The ways to try, in this order. @now  what is there, NULL kind: nothing. Returns how many. */
static size_t choose_ways(const struct editing *editing, struct sfs_span now, enum way ret[3])
{
	bool relation;
	struct sfsi_head head = { .kind = SFSI_HEAD_NULL };
	const struct sfsi_type *type = type_of(editing, editing->of->name, &relation);
	bool known = now.len && sfsi_head_read(now, &head) == SFSI_HEAD_GOOD;
	bool is_string = known && head.kind == SFSI_HEAD_STRING;
	ret[0] = WAY_JSON;
	ret[1] = WAY_STRING;
	ret[2] = WAY_BYTES;
	if (editing->put->form == SFS_FIELD_JSON)
		return 1;
	if (type && type->kind == SFSI_TYPE_BIN)
		ret[0] = WAY_BYTES;
	else if ((type && (is_textual(type) || is_string)) || (!type && !relation && is_string)) {
		ret[0] = WAY_STRING;
		ret[1] = WAY_JSON;
	} else if (!type && head.kind == SFSI_HEAD_BINARY) {
		ret[0] = WAY_BYTES;
	}
	if (ret[0] == WAY_BYTES)
		return 1;
	if (type || relation)
		return 2;
	if (is_string || head.kind != SFSI_HEAD_NULL)
		return 1;
	/* Nothing is known of it: bytes that nobody writes as text are none. */
	if (editing->put->text.len && memchr(editing->put->text.data, 0, editing->put->text.len))
		ret[0] = WAY_BYTES;
	return 3;
}

/* --- does it fit? --- */

static int first_misfit(void *arg, const struct sfsi_misfit *misfit)
{
	struct editing *editing = (struct editing *)((char *)arg - offsetof(struct editing, rules));
	char path[SFSI_PATH_SIZE];
	snprintf(editing->sentence, sizeof editing->sentence, "%s: expected %.200s, found %s",
		 sfsi_path_text(path, misfit->path), misfit->expected, misfit->found);
	return 1;
}

static int wrap(struct sfs_span name, struct sfs_span value, struct sfs_buf *ret)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	int err = sfsi_msgpack_map_header(ret, 1);
	if (!err)
		err = writer.sink.ops->string(&writer.sink, name);
	return err < 0 ? err : sfs_buf_append(ret, value.data, value.len);
}

/** Put the canonical form of a value, from a body that holds it alone, in its place. */
static int take_canonical(struct sfs_span body, struct sfs_buf *value)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_map_init(&map, body);
	if (!err)
		err = sfsi_msgpack_map_next(&map, &pair);
	value->len = 0;
	return err ? SFS_ERR_CORRUPT : sfs_buf_append(value, pair.value.data, pair.value.len);
}

/** Compare a value with its type, and put it into canonical form. *ret_fits: sentence says why not. */
static int judge(struct editing *editing, struct sfs_span name, struct sfs_buf *value,
		 bool *ret_fits)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	struct sfsi_fitted fitted;
	*ret_fits = true;
	if (!editing->has_rules)
		return 0;
	int err = wrap(name, sfs_buf_span(value), &body);
	if (!err)
		err = sfsi_object_fit(&editing->rules, sfs_buf_span(&body), first_misfit, &fitted);
	if (err < 0)
		return err;
	*ret_fits = fitted.misfits == 0;
	bool relation;
	bool dropped = fitted.dropped && !type_of(editing, name, &relation) && !relation;
	if (!dropped && fitted.body.len)
		err = take_canonical(sfs_buf_span(&fitted.body), value);
	sfs_buf_fini(&fitted.body);
	if (dropped)
		return sfs_diag_set(&editing->diag, SFS_ERR_BAD_DOCUMENT,
				    "the class has no such property, and drops those that its "
				    "definition does not name");
	return err;
}

/** A value that does not fit: refused, or saved with a remark, or without. */
static int refuse(struct editing *editing)
{
	switch (editing->rules.schema->validate) {
	case SFSI_VALIDATE_OFF: return 0;
	case SFSI_VALIDATE_WARN: return sfs_diag_set(&editing->diag, 0, "%s", editing->sentence);
	case SFSI_VALIDATE_STRICT: break;
	}
	return sfs_diag_set(&editing->diag, SFS_ERR_BAD_DOCUMENT, "%s", editing->sentence);
}

/** Does a text look like JSON that was meant as such? Then where it is broken says more. */
static bool looks_like_json(struct sfs_span text)
{
	const char *bytes = text.data;
	size_t at = 0;
	while (at < text.len && strchr(" \t\r\n", bytes[at]) && bytes[at])
		at++;
	return at < text.len && strchr("[{\"", bytes[at]) && bytes[at];
}

/** What was tried so far, and did not fit. */
struct tried {
	struct sfs_buf value; /* the first that can be saved at all */
	bool any;
	char sentence[440];   /* why it does not fit */
	struct sfs_diag diag; /* why the text can not be read at all */
};

/** What is an object, an array or a quoted text in JSON was meant as that, and as no text. */
static bool is_meant(enum way way, struct sfs_span value)
{
	struct sfsi_head head;
	if (way != WAY_JSON || sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return false;
	return head.kind == SFSI_HEAD_STRING || head.kind == SFSI_HEAD_ARRAY ||
	       head.kind == SFSI_HEAD_MAP;
}

/** Keep what is known of a way that did not lead to a value that fits. */
static void remember(struct editing *editing, struct tried *tried, struct sfs_buf *value, int err,
		     const struct sfs_diag *diag)
{
	if (err < 0 && !tried->diag.err)
		tried->diag = *diag;
	if (err < 0 || tried->any)
		return;
	tried->any = true;
	tried->value = sfs_buf_take(value);
	memcpy(tried->sentence, editing->sentence, sizeof tried->sentence);
}

/** No way led to a value that fits. */
static int give_up(struct editing *editing, struct tried *tried)
{
	bool strict = editing->has_rules && editing->rules.schema->validate == SFSI_VALIDATE_STRICT;
	bool unreadable = tried->diag.err && (!tried->any || looks_like_json(editing->put->text));
	if (unreadable && (strict || !tried->any)) {
		editing->diag = tried->diag;
		return tried->diag.err;
	}
	memcpy(editing->sentence, tried->sentence, sizeof tried->sentence);
	int err = refuse(editing);
	if (!err)
		editing->value = sfs_buf_take(&tried->value);
	return err;
}

/** The value that the text of a save means. @now  what is there; empty: nothing. */
static int make_value(struct editing *editing, struct sfs_span now)
{
	enum way ways[3];
	struct tried tried = { .value = SFS_BUF_INIT };
	size_t count = choose_ways(editing, now, ways);
	bool fits = false;
	int err = 0;
	for (size_t i = 0; i < count && !fits; i++) {
		struct sfs_diag diag = SFS_DIAG_INIT;
		SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
		err = read_value(ways[i], editing->put->text, &value, &diag);
		if (err == SFS_ERR_NO_MEMORY)
			break;
		int read = err;
		err = read ? 0 : judge(editing, editing->of->name, &value, &fits);
		if (err < 0)
			break;
		if (!read && is_meant(ways[i], sfs_buf_span(&value)))
			count = i + 1;
		if (fits)
			editing->value = sfs_buf_take(&value);
		else
			remember(editing, &tried, &value, read, &diag);
	}
	if (!err && !fits)
		err = give_up(editing, &tried);
	sfs_buf_fini(&tried.value);
	return err;
}

/** The value that a rename moves. */
static int move_value(struct editing *editing, struct sfs_span now)
{
	bool fits;
	int err = sfs_buf_append(&editing->value, now.data, now.len);
	if (!err)
		err = judge(editing, editing->to, &editing->value, &fits);
	return !err && !fits ? refuse(editing) : err;
}

/* --- the new body --- */

static int put_member(struct sfs_span name, struct sfs_span value, struct sfs_buf *ret)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	int err = writer.sink.ops->string(&writer.sink, name);
	return err < 0 ? err : sfs_buf_append(ret, value.data, value.len);
}

/** A body with a value in the place of what a name has now, or at the end. @without  left out. */
static int splice(struct sfs_span body, struct sfs_span name, struct sfs_span value,
		  struct sfs_span without, struct sfs_buf *ret)
{
	/* A value of a database that is no object has no fields. */
	if (!sfsi_msgpack_is_map(body))
		return SFS_ERR_BAD_DOCUMENT;
	SFSI_AUTO_BUF struct sfs_buf members = SFS_BUF_INIT;
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	uint32_t count = 0;
	bool done = value.len == 0;
	int err = sfsi_msgpack_map_init(&map, body);
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0) {
		bool own = pair.name.data && sfs_span_equal(pair.name, name);
		if (without.len && pair.name.data && sfs_span_equal(pair.name, without))
			continue;
		if (own && value.len == 0)
			continue;
		count++;
		done = done || own;
		err = sfs_buf_append(&members, pair.key.data, pair.key.len);
		if (!err)
			err = sfs_buf_append(&members, own ? value.data : pair.value.data,
					     own ? value.len : pair.value.len);
	}
	if (err >= 0)
		err = done ? 0 : put_member(name, value, &members);
	if (!err)
		err = sfsi_msgpack_map_header(ret, count + !done);
	return err < 0 ? err : sfs_buf_append(ret, members.data, members.len);
}

/** Into the order of the definition; but nothing else of the object is dropped for that. */
static int order(struct editing *editing, struct sfs_buf *body)
{
	struct sfsi_fitted fitted;
	if (!editing->has_rules)
		return 0;
	int err = sfsi_object_fit(&editing->rules, sfs_buf_span(body), NULL, &fitted);
	if (!err && fitted.body.len && !fitted.dropped) {
		sfs_buf_fini(body);
		*body = sfs_buf_take(&fitted.body);
	}
	sfs_buf_fini(&fitted.body);
	return err;
}

static int store(struct sfsi_txn *txn, const struct editing *editing, const struct sfsi_record *old,
		 struct sfs_span body)
{
	SFSI_AUTO_BUF struct sfs_buf updates = SFS_BUF_INIT;
	struct sfsi_record record = *old;
	struct sfsi_derive_side was = { editing->of->oid, old }, is = { editing->of->oid, &record };
	record.body = body;
	int err = sfsi_object_canonical(&record);
	if (!err)
		err = sfsi_updates_make(old, body, txn->now_ns, &record.updated_ns, &updates);
	record.updates = sfs_buf_span(&updates);
	struct sfsi_object *object = &record.object;
	object->mtime_ns = object->atime_ns = object->ctime_ns = txn->now_ns;
	object->revision = txn->commit;
	return err < 0 ? err : sfsi_object_change(txn, editing->of->class_id, &was, &is);
}

/** The value afterwards, in editing->value. @now  of name, @there  of the other name of a rename. */
static int make(struct editing *editing, struct sfs_span now, struct sfs_span there)
{
	switch (editing->what) {
	case EDIT_REMOVE: return now.len ? 0 : SFS_ERR_NOT_FOUND;
	case EDIT_RENAME:
		if (now.len == 0)
			return SFS_ERR_NOT_FOUND;
		if (there.len && (editing->flags & SFS_RENAME_NOREPLACE))
			return SFS_ERR_EXISTS;
		return move_value(editing, now);
	case EDIT_PUT: break;
	}
	if (now.len && (editing->put->flags & SFS_PUT_CREATE))
		return SFS_ERR_EXISTS;
	if (!now.len && (editing->put->flags & SFS_PUT_UPDATE))
		return SFS_ERR_NOT_FOUND;
	return make_value(editing, now);
}

static int find_value(const struct sfsi_record *record, struct sfs_span name, struct sfs_span *ret)
{
	int64_t updated_ns;
	*ret = (struct sfs_span){ NULL, 0 };
	int err = sfsi_member_find(record, name, ret, &updated_ns);
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

static int edit_record(struct sfsi_txn *txn, struct editing *editing,
		       const struct sfsi_record *record)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	const struct sfs_span nothing = { NULL, 0 };
	struct sfs_span name = editing->of->name, now, there = nothing;
	bool rename = editing->what == EDIT_RENAME;
	int err = find_value(record, name, &now);
	if (!err && rename)
		err = find_value(record, editing->to, &there);
	if (!err)
		err = make(editing, now, there);
	struct sfs_span value = sfs_buf_span(&editing->value);
	if (err < 0 || (editing->what == EDIT_PUT && now.len && sfs_span_equal(now, value)))
		return err;
	err = splice(record->body, rename ? editing->to : name, value,
		     rename ? name : (struct sfs_span){ "", 0 }, &body);
	if (!err && editing->what != EDIT_REMOVE)
		err = order(editing, &body);
	return err < 0 ? err : store(txn, editing, record, sfs_buf_span(&body));
}

static int edit_object(struct sfsi_txn *txn, struct editing *editing)
{
	const struct sfs_field_of *of = editing->of;
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	struct sfsi_class *class;
	int err = sfsi_object_class(txn->store, of->class_id, &class);
	if (!err && (of->oid.len == 0 || of->oid.len > SFS_OID_MAX))
		err = SFS_ERR_NOT_FOUND;
	if (!err)
		err = sfsi_object_load(txn, of->class_id, of->oid, &buf, &record);
	if (err < 0)
		return err;
	editing->has_rules = sfsi_object_fit_begin(txn->store, class, &editing->rules);
	err = edit_record(txn, editing, &record);
	sfsi_object_fit_end(&editing->rules);
	return err;
}

static int edit(struct sfs_store *in, struct editing *editing, struct sfs_diag *diag)
{
	struct sfsi_txn txn;
	int err = sfsi_txn_begin(in, &txn);
	if (!err)
		err = sfsi_txn_end(&txn, edit_object(&txn, editing));
	sfs_buf_fini(&editing->value);
	if (err < 0 && !editing->diag.text[0])
		(void)sfs_diag_set(&editing->diag, err, "%s", sfs_err_text(err));
	editing->diag.err = err;
	if (diag && editing->diag.text[0])
		*diag = editing->diag;
	return err;
}

int sfs_field_put(struct sfs_store *store, const struct sfs_field_put *put, struct sfs_field *ret,
		  struct sfs_diag *diag)
{
	struct editing editing = { .what = EDIT_PUT, .of = &put->of, .put = put };
	int err = sfs_field_name_check(put->of.name, diag);
	if (!err && put->text.len > SFS_DOCUMENT_MAX)
		err = sfs_diag_set(diag, SFS_ERR_LIMIT, "a field has at most %zu bytes",
				   SFS_DOCUMENT_MAX);
	if (!err)
		err = edit(store, &editing, diag);
	return err || !ret ? err : sfs_field_stat(store, &put->of, ret);
}

int sfs_field_remove(struct sfs_store *store, const struct sfs_field_of *of)
{
	struct editing editing = { .what = EDIT_REMOVE, .of = of };
	return edit(store, &editing, NULL);
}

int sfs_field_rename(struct sfs_store *store, const struct sfs_field_of *of, struct sfs_span name,
		     unsigned flags, struct sfs_diag *diag)
{
	struct editing editing = { .what = EDIT_RENAME, .of = of, .to = name, .flags = flags };
	if (flags & ~(unsigned)SFS_RENAME_NOREPLACE)
		return sfs_diag_set(diag, SFS_ERR_INVALID, "a field can not be exchanged");
	int err = sfs_field_name_check(name, diag);
	if (!err)
		err = sfs_field_name_check(of->name, diag);
	if (err < 0 || sfs_span_equal(of->name, name))
		return err;
	return edit(store, &editing, diag);
}
