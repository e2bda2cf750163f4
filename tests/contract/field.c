/* Fields: what a text that is saved means, what is shown of a value, and when what changed. */
#include "case.h"
#include "contract.h"
#include <storefs/field.h>

#define RULES                                                                                           \
	"{\"properties\": {\"title\": \"string\", \"line\": \"string:line\", \"rank\": \"int:0-100\","  \
	" \"tags\": \"[string]\", \"cover\": \"bin\", \"day\": \"date\", \"either\": \"(string|int)\"," \
	" \"names\": \"string:i18n\", \"free\": \"any\", \"word\": \"(draft|true)\"},"                  \
	" \"relations\": {\"author\": \"Article\", \"replies\": [\"Article\"]}}"

static void define(struct case_store *c, const char *text)
{
	struct sfs_class_make make = { .name = sfs_span_str("Article"), .mode = 0755 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfs_class_define(c->store, &make, sfs_span_str(text), &diag);
	if (err)
		print_error("%s\n", diag.text);
	assert_int_equal(err, 0);
}

static struct sfs_field_of field(struct case_store *c, const char *name)
{
	return (struct sfs_field_of){ c->articles, sfs_span_str("1"), sfs_span_str(name) };
}

static int put(struct case_store *c, const char *name, struct sfs_span text, struct sfs_diag *diag)
{
	const struct sfs_field_put what = { .of = field(c, name), .text = text };
	*diag = (struct sfs_diag)SFS_DIAG_INIT;
	return sfs_field_put(c->store, &what, NULL, diag);
}

static int get(struct case_store *c, const char *name, enum sfs_field_form form,
	       struct sfs_buf *ret)
{
	const struct sfs_field_of of = field(c, name);
	return sfs_field_get(c->store, &of, form, ret);
}

/** The value as JSON, valid until the next call; "-": there is none. */
static const char *json(struct case_store *c, const char *name)
{
	static char text[512];
	struct sfs_buf buf = SFS_BUF_INIT;
	int err = get(c, name, SFS_FIELD_JSON, &buf);
	assert_true(err == 0 || err == SFS_ERR_NOT_FOUND);
	assert_true(buf.len < sizeof text);
	memcpy(text, err ? "-" : buf.data, err ? 1 : buf.len);
	text[err ? 1 : buf.len] = '\0';
	sfs_buf_fini(&buf);
	return text;
}

/* --- what a text means --- */

/** A text saved over a value (NULL: there is none) and what is there afterwards. */
struct meaning {
	const char *name, *before, *text, *after;
	const char *refused; /* NULL, or a part of the sentence */
};

static const struct meaning typed[] = {
	{ "title", NULL, "x", "\"x\"", NULL },
	{ "title", NULL, "x\n", "\"x\"", NULL },
	{ "title", NULL, "x\n\n", "\"x\\n\"", NULL },
	{ "title", NULL, "", "\"\"", NULL },
	{ "title", NULL, "\n", "\"\"", NULL },
	{ "title", NULL, "5", "\"5\"", NULL },
	{ "title", NULL, "null", "\"null\"", NULL },
	{ "title", NULL, "\"quoted\"", "\"\\\"quoted\\\"\"", NULL },
	{ "title", "\"a\"", "{\"b\": 1}", "\"{\\\"b\\\": 1}\"", NULL },
	{ "title", "\"a\"", "\xff", "\"a\"", "UTF-8" },
	{ "line", "\"a\"", "b\nc\n", "\"a\"", "line: expected string:line, found string" },
	{ "rank", NULL, "7\n", "7", NULL },
	{ "rank", "7", " 8 ", "8", NULL },
	{ "rank", "7", "101", "7", "rank: expected int:0-100, found number 101" },
	{ "rank", "7", "seven", "7", "rank: expected int:0-100, found string" },
	{ "rank", "7", "null", "null", NULL },
	{ "tags", NULL, "[\"a\", \"b\"]\n", "[\"a\",\"b\"]", NULL },
	{ "tags", "[]", "[\"a\", 2]", "[]", "tags[1]: expected string, found number 2" },
	{ "tags", "[]", "[\"a\",", "[]", "expected" },
	{ "cover", NULL, "AAE=", "{\"$bin\":\"QUFFPQ==\"}", NULL },
	{ "cover", NULL, "x\n", "{\"$bin\":\"eAo=\"}", NULL },
	{ "cover", NULL, "", "{\"$bin\":\"\"}", NULL },
	{ "day", NULL, "2024-02-29\n", "\"2024-02-29\"", NULL },
	{ "day", "\"2024-02-29\"", "2025-02-29\n", "\"2024-02-29\"", "day: expected date" },
	{ "day", "\"2024-02-29\"", "[2025,1,2,3,4,5,3,2,-1]", "[2025,1,2,3,4,5,3,2,-1]", NULL },
	{ "either", NULL, "5", "5", NULL },
	{ "either", "\"a\"", "5", "\"5\"", NULL },
	{ "either", "1", "a", "\"a\"", NULL },
	{ "either", "1", "\"a\"", "\"a\"", NULL },
	{ "either", "1", "{}", "1", "either: expected (string|int), found an object" },
	{ "names", NULL, "{\"en\": \"hello\"}", "{\"en\":\"hello\"}", NULL },
	{ "names", NULL, "hello", "-", "names: expected string:i18n" },
	{ "free", NULL, "[1]", "[1]", NULL },
	{ "free", NULL, "a", "\"a\"", NULL },
	{ "free", "\"a\"", "5", "\"5\"", NULL },
	{ "word", NULL, "draft", "\"draft\"", NULL },
	{ "word", NULL, "true", "\"true\"", NULL },
	{ "word", NULL, "other", "-", "word: expected" },
	{ "author", NULL, "7", "{\"oid\":\"7\",\"type\":\"Article\"}", NULL },
	{ "author", NULL, "{\"oid\": \"7\", \"type\": \"Account\"}", "-", "author" },
};

static const struct meaning untyped[] = {
	{ "new", NULL, "hello\n", "\"hello\"", NULL },
	{ "new", NULL, "5\n", "5", NULL },
	{ "new", NULL, "\"5\"\n", "\"5\"", NULL },
	{ "new", NULL, "", "\"\"", NULL },
	{ "new", NULL, "{\"a\": [1, 2.5]}", "{\"a\":[1,2.5]}", NULL },
	{ "new", NULL, "[draft] text", "\"[draft] text\"", NULL },
	{ "new", NULL, "\xff\xfe", "{\"$bin\":\"//4=\"}", NULL },
	{ "new", NULL, "{\"$bin\": \"AAE=\"}", "{\"$bin\":\"AAE=\"}", NULL },
	{ "was", "null", "hello", "\"hello\"", NULL },
	{ "was", "\"a\"", "5", "\"5\"", NULL },
	{ "was", "\"a\"", "\xff", "\"a\"", "UTF-8" },
	{ "was", "5", "6", "6", NULL },
	{ "was", "5", "six", "5", "expected" },
	{ "was", "5", "\"six\"", "\"six\"", NULL },
	{ "was", "{\"a\": 1}", "{\"a\": ", "{\"a\":1}", "expected" },
	{ "was", "{\"a\": 1}", "{\"a\": 1} x", "{\"a\":1}", "expected" },
	{ "was", "{\"a\": 1}", "{\"a\": 1, \"a\": 2}", "{\"a\":1}", "" },
	{ "was", "{\"$bin\": \"AAE=\"}", "text\n", "{\"$bin\":\"dGV4dAo=\"}", NULL },
	{ "oid", NULL, "2", "-", "reserved" },
	{ "updates", NULL, "2", "-", "reserved" },
};

static void try(struct case_store *c, const struct meaning *meaning)
{
	char document[256];
	struct sfs_diag diag;
	snprintf(document, sizeof document, meaning->before ? "{\"%s\": %s}" : "{}", meaning->name,
		 meaning->before);
	assert_int_equal(case_put(c, "1", document, 0), 0);
	int err = put(c, meaning->name, sfs_span_str(meaning->text), &diag);
	bool good = !err == !meaning->refused &&
		    strcmp(json(c, meaning->name), meaning->after) == 0;
	if (meaning->refused)
		good = good && strstr(diag.text, meaning->refused) && diag.err == err;
	if (!good)
		print_error("%s over %s with '%s': %d '%s', is %s\n", meaning->name,
			    meaning->before ? meaning->before : "nothing", meaning->text, err,
			    diag.text, json(c, meaning->name));
	assert_true(good);
}

static void a_text_is_taken_for_what_the_type_says(void **state)
{
	struct case_store *c = *state;
	define(c, RULES);
	for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++)
		try(c, &typed[i]);
}

static void without_a_type_it_is_taken_for_what_is_there(void **state)
{
	struct case_store *c = *state;
	for (size_t i = 0; i < sizeof untyped / sizeof untyped[0]; i++)
		try(c, &untyped[i]);
}

static void a_new_text_with_a_zero_byte_is_bytes(void **state)
{
	struct case_store *c = *state;
	struct sfs_diag diag;
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	assert_int_equal(put(c, "a", (struct sfs_span){ "a\0b", 3 }, &diag), 0);
	assert_string_equal(json(c, "a"), "{\"$bin\":\"YQBi\"}");
}

static void a_class_that_warns_saves_and_remarks(void **state)
{
	struct case_store *c = *state;
	struct sfs_diag diag;
	define(c, "{\"validate\": \"warn\", \"properties\": {\"rank\": \"int\"}}");
	assert_int_equal(case_put(c, "1", "{\"rank\": 1}", 0), 0);
	assert_int_equal(put(c, "rank", sfs_span_str("x"), &diag), 0);
	assert_int_equal(diag.err, 0);
	assert_non_null(strstr(diag.text, "rank: expected int, found string"));
	assert_string_equal(json(c, "rank"), "\"x\"");
	define(c, "{\"validate\": \"off\", \"properties\": {\"rank\": \"int\"}}");
	assert_int_equal(put(c, "rank", sfs_span_str("y"), &diag), 0);
	assert_string_equal(diag.text, "");
	assert_string_equal(json(c, "rank"), "\"y\"");
}

static void what_a_class_does_with_other_properties_holds(void **state)
{
	struct case_store *c = *state;
	struct sfs_diag diag;
	assert_int_equal(case_put(c, "1", "{\"old\": 1}", 0), 0);
	define(c, "{\"extra\": \"refuse\", \"properties\": {\"rank\": \"int\"}}");
	assert_int_equal(put(c, "other", sfs_span_str("x"), &diag), SFS_ERR_BAD_DOCUMENT);
	assert_non_null(strstr(diag.text, "other: expected a property or relation of the class"));
	/* Another property that does not fit is not this one's fault. */
	assert_int_equal(put(c, "rank", sfs_span_str("5"), &diag), 0);
	assert_string_equal(json(c, "old"), "1");
	define(c, "{\"extra\": \"drop\", \"properties\": {\"rank\": \"int\"}}");
	assert_int_equal(put(c, "other", sfs_span_str("x"), &diag), SFS_ERR_BAD_DOCUMENT);
	assert_non_null(strstr(diag.text, "drops"));
	assert_int_equal(put(c, "rank", sfs_span_str("6"), &diag), 0);
	assert_string_equal(json(c, "old"), "1");
	assert_string_equal(json(c, "rank"), "6");
}

/* --- what is shown --- */

static void text(struct case_store *c, const char *name, struct sfs_span want,
		 enum sfs_field_kind kind)
{
	const struct sfs_field_of of = field(c, name);
	struct sfs_buf buf = SFS_BUF_INIT;
	struct sfs_field stat;
	assert_int_equal(get(c, name, SFS_FIELD_TEXT, &buf), 0);
	assert_int_equal(buf.len, want.len);
	assert_memory_equal(buf.data, want.data, want.len);
	sfs_buf_fini(&buf);
	assert_int_equal(sfs_field_stat(c->store, &of, &stat), 0);
	assert_int_equal(stat.size, want.len);
	assert_int_equal(stat.kind, kind);
	assert_int_equal(stat.attr.ino, case_attr(c, "1").ino);
}

static void a_value_is_text_bytes_or_compact_json(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "1",
				  "{\"s\": \"a\\nb\", \"e\": \"\", \"b\": {\"$bin\": \"AAE=\"}, "
				  "\"n\": 12345678901234567890123, \"l\": [1, {\"a\": null}]}",
				  0),
			 0);
	text(c, "s", sfs_span_str("a\nb\n"), SFS_FIELD_STRING);
	text(c, "e", sfs_span_str("\n"), SFS_FIELD_STRING);
	text(c, "b", (struct sfs_span){ "\0\1", 2 }, SFS_FIELD_BYTES);
	text(c, "n", sfs_span_str("12345678901234567890123\n"), SFS_FIELD_VALUE);
	text(c, "l", sfs_span_str("[1,{\"a\":null}]\n"), SFS_FIELD_VALUE);
	struct sfs_buf buf = SFS_BUF_INIT;
	assert_int_equal(get(c, "none", SFS_FIELD_TEXT, &buf), SFS_ERR_NOT_FOUND);
	const struct sfs_field_of nobody = { c->articles, sfs_span_str("2"), sfs_span_str("s") };
	const struct sfs_field_of raw = { c->images, sfs_span_str("1"), sfs_span_str("s") };
	assert_int_equal(sfs_field_get(c->store, &nobody, SFS_FIELD_TEXT, &buf), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_field_get(c->store, &raw, SFS_FIELD_TEXT, &buf), SFS_ERR_WRONG_KIND);
}

struct seen {
	size_t count, stop;
	uint64_t last;
	unsigned char names[10000];
};

static int see(void *arg, struct sfs_span name, const struct sfs_field *of, uint64_t cookie)
{
	struct seen *seen = arg;
	char number[16] = "";
	(void)of;
	/* A page ends between two cookies only. */
	if (seen->count >= seen->stop && cookie != seen->last)
		return 1;
	assert_true(cookie >= seen->last && name.len < sizeof number);
	memcpy(number, name.data, name.len);
	seen->names[atoi(number + 1)]++;
	seen->count++;
	seen->last = cookie;
	return 0;
}

static void a_listing_of_ten_thousand_goes_on_where_it_ended(void **state)
{
	struct case_store *c = *state;
	struct sfs_buf document = SFS_BUF_INIT;
	static struct seen seen;
	seen = (struct seen){ .stop = 0 };
	for (int i = 0; i < 10000; i++)
		assert_int_equal(sfs_buf_printf(&document, "%c\"p%d\": %d", i ? ',' : '{', i, i),
				 0);
	assert_int_equal(sfs_buf_append(&document, "}", 2), 0);
	assert_int_equal(case_put(c, "1", document.data, 0), 0);
	sfs_buf_fini(&document);
	int err;
	do {
		seen.stop = seen.count + 700;
		err = sfs_field_list(c->store, c->articles, sfs_span_str("1"), seen.last, see,
				     &seen);
		/* Others come and go meanwhile. */
		struct sfs_diag diag;
		assert_int_equal(put(c, "p0", sfs_span_str(seen.count % 2 ? "1" : "2"), &diag), 0);
	} while (err == SFS_ERR_CANCELLED);
	assert_int_equal(err, 0);
	assert_int_equal(seen.count, 10000);
	for (size_t i = 0; i < 10000; i++)
		assert_int_equal(seen.names[i], 1);
}

/* --- one commit each, and when what changed --- */

/** Update times at one moment. */
struct times {
	int64_t object, a, b, author, replies;
};

static int64_t updated(struct case_store *c, const char *name)
{
	const struct sfs_field_of of = field(c, name);
	int64_t ns = 0;
	int err = sfs_object_updated(c->store, &of, &ns);
	assert_true(err == 0 || err == SFS_ERR_NOT_FOUND);
	return err ? 0 : ns;
}

static struct times times(struct case_store *c)
{
	return (struct times){ updated(c, "oid"), updated(c, "a"), updated(c, "b"),
			       updated(c, "author"), updated(c, "replies") };
}

enum step_kind { STEP_DOCUMENT, STEP_TEXT, STEP_FIELD, STEP_REMOVE, STEP_RENAME };

/**
 * A change, and whose update times it moves, as letters: o the object, a, b, u the relation author, r
 * the relation replies; '-' and a letter: that one is gone.
 */
static const struct {
	const char *what;
	enum step_kind kind;
	const char *name, *text;
	const char *moves;
} steps[] = {
	{ "a new object", STEP_DOCUMENT, NULL, "{\"a\": 1, \"b\": 2}", "oab" },
	{ "the same bytes", STEP_DOCUMENT, NULL, "{\"a\": 1, \"b\": 2}", "" },
	{ "white space and order", STEP_DOCUMENT, NULL, "{\"b\": 2,\n \"a\": 1}", "" },
	{ "one property", STEP_DOCUMENT, NULL, "{\"a\": 3, \"b\": 2}", "oa" },
	{ "a property less", STEP_DOCUMENT, NULL, "{\"a\": 3}", "o-b" },
	{ "it comes back as it was", STEP_DOCUMENT, NULL, "{\"a\": 3, \"b\": 2}", "ob" },
	{ "a relation", STEP_DOCUMENT, NULL, "{\"a\": 3, \"b\": 2, \"author\": \"7\"}", "ou" },
	{ "the same in another form", STEP_DOCUMENT, NULL,
	  "{\"a\": 3, \"b\": 2, \"author\": {\"oid\": \"7\"}}", "" },
	{ "many", STEP_DOCUMENT, NULL,
	  "{\"a\": 3, \"b\": 2, \"author\": \"7\", \"replies\": [\"8\", \"9\"]}", "or" },
	{ "their order", STEP_DOCUMENT, NULL,
	  "{\"a\": 3, \"b\": 2, \"author\": \"7\", \"replies\": [\"9\", \"8\"]}", "or" },
	{ "one of many less", STEP_DOCUMENT, NULL,
	  "{\"a\": 3, \"b\": 2, \"author\": \"7\", \"replies\": [\"9\"]}", "or" },
	{ "no author", STEP_DOCUMENT, NULL, "{\"a\": 3, \"b\": 2, \"replies\": [\"9\"]}", "o-u" },
	{ "a field", STEP_FIELD, "a", "4", "oa" },
	{ "the same field", STEP_FIELD, "a", "4", "" },
	{ "the same in other white space", STEP_FIELD, "a", " 4\n", "" },
	{ "a relation as a field", STEP_FIELD, "author", "7", "ou" },
	{ "the same relation", STEP_FIELD, "author", "{\"oid\":\"7\",\"type\":\"Article\"}", "" },
	{ "a field less", STEP_REMOVE, "b", NULL, "o-b" },
	{ "a new field", STEP_FIELD, "b", "2", "ob" },
	{ "another name", STEP_RENAME, "a", "b", "o-ab" },
	{ "an empty object", STEP_DOCUMENT, NULL, "{}", "o-b-u-r" },
	{ "the same empty object", STEP_DOCUMENT, NULL, "{}", "" },
};

static int step(struct case_store *c, size_t i)
{
	const struct sfs_field_of of = field(c, steps[i].name ? steps[i].name : "");
	struct sfs_diag diag;
	switch (steps[i].kind) {
	case STEP_TEXT:
	case STEP_DOCUMENT: return case_put(c, "1", steps[i].text, SFS_PUT_KEEP_TEXT);
	case STEP_FIELD: return put(c, steps[i].name, sfs_span_str(steps[i].text), &diag);
	case STEP_REMOVE: return sfs_field_remove(c->store, &of);
	case STEP_RENAME:
		return sfs_field_rename(c->store, &of, sfs_span_str(steps[i].text), 0, &diag);
	}
	return -1;
}

static void check_time(const char *what, const char *moves, char letter, int64_t before,
		       int64_t after)
{
	const char *at = strchr(moves, letter);
	bool gone = at && at > moves && at[-1] == '-';
	bool good = gone ? after == 0 : at ? after > before : after == before;
	if (!good)
		print_error("%s: the time of %c: %lld, then %lld\n", what, letter,
			    (long long)before, (long long)after);
	assert_true(good);
}

static void only_what_changed_gets_a_new_update_time(void **state)
{
	struct case_store *c = *state;
	define(c, "{\"relations\": {\"author\": \"Article\", \"replies\": [\"Article\"]}}");
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		struct times was = times(c);
		uint64_t revision = i ? case_attr(c, "1").revision : 0;
		assert_int_equal(step(c, i), 0);
		struct times is = times(c);
		check_time(steps[i].what, steps[i].moves, 'o', was.object, is.object);
		check_time(steps[i].what, steps[i].moves, 'a', was.a, is.a);
		check_time(steps[i].what, steps[i].moves, 'b', was.b, is.b);
		check_time(steps[i].what, steps[i].moves, 'u', was.author, is.author);
		check_time(steps[i].what, steps[i].moves, 'r', was.replies, is.replies);
		/* The object is as new as the newest of it. */
		assert_true(is.object >= is.a && is.object >= is.b && is.object >= is.author &&
			    is.object >= is.replies);
		/* One commit, or none. */
		uint64_t now = case_attr(c, "1").revision;
		if (i && steps[i].kind != STEP_DOCUMENT)
			assert_int_equal(now != revision, steps[i].moves[0] != '\0');
		case_reopen(c);
		if (case_durable()) {
			struct times again = times(c);
			assert_memory_equal(&is, &again, sizeof is);
		}
	}
}

static void a_field_changes_alone_and_in_its_place(void **state)
{
	struct case_store *c = *state;
	struct sfs_diag diag;
	define(c, RULES);
	assert_int_equal(case_put(c, "1", "{ \"tags\": [ ], \"title\": \"a\", \"x\": 1 }",
				  SFS_PUT_KEEP_TEXT),
			 0);
	assert_int_equal(put(c, "rank", sfs_span_str("5\n"), &diag), 0);
	/* Canonical from now on, in the order of the definition. */
	const char *want =
		"{\n  \"title\": \"a\",\n  \"rank\": 5,\n  \"tags\": [],\n  \"x\": 1\n}\n";
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), want);
	assert_int_equal(case_attr(c, "1").size, strlen(want));
	assert_int_equal(put(c, "title", sfs_span_str("b"), &diag), 0);
	const struct sfs_field_of of = field(c, "tags");
	assert_int_equal(sfs_field_remove(c->store, &of), 0);
	assert_int_equal(sfs_field_remove(c->store, &of), SFS_ERR_NOT_FOUND);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON),
			    "{\n  \"title\": \"b\",\n  \"rank\": 5,\n  \"x\": 1\n}\n");
	/* A name must fit its new type; nothing happens otherwise. */
	const struct sfs_field_of title = field(c, "title"), x = field(c, "x");
	assert_int_equal(sfs_field_rename(c->store, &title, sfs_span_str("rank"), 0, &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(
		sfs_field_rename(c->store, &x, sfs_span_str("rank"), SFS_RENAME_NOREPLACE, &diag),
		SFS_ERR_EXISTS);
	assert_int_equal(sfs_field_rename(c->store, &x, sfs_span_str("rank"), 0, &diag), 0);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON),
			    "{\n  \"title\": \"b\",\n  \"rank\": 1\n}\n");
}

static void flags_say_whether_it_must_be_there(void **state)
{
	struct case_store *c = *state;
	struct sfs_field_put what = { .of = field(c, "a"), .text = sfs_span_str("1") };
	struct sfs_field now;
	assert_int_equal(sfs_field_put(c->store, &what, NULL, NULL), SFS_ERR_NOT_FOUND);
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	what.flags = SFS_PUT_UPDATE;
	assert_int_equal(sfs_field_put(c->store, &what, NULL, NULL), SFS_ERR_NOT_FOUND);
	what.flags = SFS_PUT_CREATE;
	assert_int_equal(sfs_field_put(c->store, &what, &now, NULL), 0);
	assert_int_equal(now.size, 2);
	assert_int_equal(sfs_field_put(c->store, &what, NULL, NULL), SFS_ERR_EXISTS);
	what.of.name = sfs_span_str("");
	assert_int_equal(sfs_field_put(c->store, &what, NULL, NULL), SFS_ERR_NAME);
	static char deep[2000];
	memset(deep, '[', 990);
	memset(deep + 990, ']', 990);
	what = (struct sfs_field_put){ .of = field(c, "b"),
				       .form = SFS_FIELD_JSON,
				       .text = { deep, 1980 } };
	assert_int_not_equal(sfs_field_put(c->store, &what, NULL, NULL), 0);
	/* Just too deep inside of a document. */
	memset(deep, '[', SFS_DEPTH_MAX);
	memset(deep + SFS_DEPTH_MAX, ']', SFS_DEPTH_MAX);
	what.text.len = 2 * (size_t)SFS_DEPTH_MAX;
	assert_int_equal(sfs_field_put(c->store, &what, NULL, NULL), SFS_ERR_LIMIT);
	const char *document = case_get(c, "1", SFS_FORMAT_JSON);
	assert_int_equal(case_put(c, "1", document, 0), 0);
}

static void a_time_has_twenty_digits(void **state)
{
	char stamp[SFS_STAMP_SIZE];
	(void)state;
	assert_string_equal(sfs_stamp_text(1735787045678901234, stamp), "20250102030405678901");
	assert_string_equal(sfs_stamp_text(0, stamp), "19700101000000000000");
	assert_string_equal(sfs_stamp_text(-1, stamp), "19691231235959999999");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int contract_field(const char *backend)
{
	const struct CMUnitTest tests[] = {
		CASE(a_text_is_taken_for_what_the_type_says),
		CASE(without_a_type_it_is_taken_for_what_is_there),
		CASE(a_new_text_with_a_zero_byte_is_bytes),
		CASE(a_class_that_warns_saves_and_remarks),
		CASE(what_a_class_does_with_other_properties_holds),
		CASE(a_value_is_text_bytes_or_compact_json),
		CASE(a_listing_of_ten_thousand_goes_on_where_it_ended),
		CASE(only_what_changed_gets_a_new_update_time),
		CASE(a_field_changes_alone_and_in_its_place),
		CASE(flags_say_whether_it_must_be_there),
		CASE(a_time_has_twenty_digits),
	};
	case_backend = backend;
	return cmocka_run_group_tests_name("field", tests, NULL, NULL);
}
