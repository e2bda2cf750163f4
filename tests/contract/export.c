/* The contract of exports: the three depths, what they do with cycles and with what is missing, limits. */
#include <storefs/export.h>
#include "case.h"
#include "check_case.h"
#include "contract.h"

static char text[1 << 16];

static uint32_t define(struct case_store *c, const char *name, const char *definition)
{
	struct sfs_class_make make = { .name = sfs_span_str(name), .mode = 0755 };
	struct sfs_class_info info;
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (sfs_class_define(c->store, &make, sfs_span_str(definition), &diag))
		fail_msg("%s: %s", name, diag.text);
	assert_int_equal(sfs_class_find(c->store, sfs_span_str(name), &info), 0);
	return info.id;
}

static void put(struct case_store *c, uint32_t class_id, const char *oid, const char *document)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_put what = {
		.class_id = class_id,
		.oid = sfs_span_str(oid),
		.text = sfs_span_str(document),
	};
	if (sfs_object_put(c->store, &what, NULL, &diag))
		fail_msg("%s: %s", oid, diag.text);
}

/** Take white space and the members "updates" out: their times are of the test's own moment. */
static void strip(char *json)
{
	char *to = json;
	bool quoted = false;
	for (char *at = json; *at; at++) {
		if (!quoted && strncmp(at, "\"updates\":", 10) == 0)
			at = strchr(at, '}') + (strchr(at, '}')[1] == ',') + 1;
		quoted = quoted != (*at == '"');
		if (quoted || (*at != ' ' && *at != '\n'))
			*to++ = *at;
	}
	*to = '\0';
	/* A comma before what was the last member. */
	while ((to = strstr(json, ",}")))
		memmove(to, to + 1, strlen(to));
}

static const char *export_flags(struct case_store *c, uint32_t class_id, const char *oid,
				unsigned depth, unsigned flags)
{
	struct sfs_export how = { .depth = depth, .flags = flags };
	struct sfs_buf buf = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfs_export(c->store, class_id, sfs_span_str(oid), &how, &buf, NULL, &diag);
	if (err)
		fail_msg("%s: %s", oid, diag.text);
	assert_true(buf.len < sizeof text);
	memcpy(text, buf.data, buf.len);
	text[buf.len] = '\0';
	sfs_buf_fini(&buf);
	return text;
}

static const char *export(struct case_store *c, uint32_t class_id, const char *oid, unsigned depth)
{
	export_flags(c, class_id, oid, depth, 0);
	strip(text);
	return text;
}

struct classes {
	uint32_t account, article, image;
};

static struct classes fill(struct case_store *c)
{
	struct classes classes = {
		.account = define(
			c, "Account",
			"{\"type\": \"blog.Account\", \"properties\": {\"name\": \"string\", "
			"\"key\": \"bin\"}, \"relations\": {\"friends\": [\"\xc2\xa4\"]}}"),
		.image = define(c, "Image", "{\"kind\": \"raw\", \"meta\": {\"width\": \"int\"}}"),
		.article = define(
			c, "Article",
			"{\"type\": \"blog.Article\", \"properties\": {\"title\": \"string\", "
			"\"best\": \"Account\"}, \"relations\": {\"author\": \"Account\", "
			"\"pictures\": [\"Image\"], \"up\": \"\xc2\xa4\", \"lost\": \"Nowhere\"}}"),
	};
	put(c, classes.account, "a",
	    "{\"name\": \"ann\", \"key\": \"AAE=\", \"friends\": [\"b\", \"a\"]}");
	put(c, classes.account, "b", "{\"friends\": \"a\"}");
	uint64_t ino = case_make(c, c->root, "p.jpg", SFS_NODE_FILE).ino;
	case_write(c, ino, "hi");
	assert_int_equal(sfs_raw_meta_set(c->store, ino, SPAN("width"), SPAN("1920"), 0, NULL), 0);
	assert_int_equal(sfs_raw_meta_set(c->store, ino, SPAN("oid"), SPAN("x"), 0, NULL),
			 SFS_ERR_INVALID);
	assert_int_equal(sfs_raw_meta_set(c->store, ino, SPAN("by"), SPAN("ann"), 0, NULL), 0);
	put(c, classes.article, "1",
	    "{\"title\": null, \"best\": {\"oid\": \"b\", \"type\": \"Account\"}, \"extra\": 1, "
	    "\"author\": \"a\", \"pictures\": [\"p.jpg\", \"gone\"], \"up\": \"1\", \"lost\": \"9\"}");
	return classes;
}

#define ANN                                                                           \
	"{\"oid\":\"a\",\"type\":\"blog.Account\",\"name\":\"ann\",\"key\":\"AAE=\"," \
	"\"friends\":[{\"oid\":\"b\",\"type\":\"blog.Account\"},"                     \
	"{\"oid\":\"a\",\"type\":\"blog.Account\"}]}"
#define BOB                                         \
	"{\"oid\":\"b\",\"type\":\"blog.Account\"," \
	"\"friends\":[{\"oid\":\"a\",\"type\":\"blog.Account\"}]}"
#define ARTICLE                                                                                   \
	"{\"oid\":\"1\",\"type\":\"blog.Article\",\"best\":{\"oid\":\"b\",\"type\":\"Account\"}," \
	"\"extra\":1,\"author\":[{\"oid\":\"a\",\"type\":\"blog.Account\"}],\"pictures\":["       \
	"{\"oid\":\"p.jpg\",\"type\":\"Image\"},{\"oid\":\"gone\",\"type\":\"Image\"}],"          \
	"\"up\":[{\"oid\":\"1\",\"type\":\"blog.Article\"}],"                                     \
	"\"lost\":[{\"oid\":\"9\",\"type\":\"Nowhere\"}]}"

static void the_three_depths_have_their_shapes(void **state)
{
	struct case_store *c = *state;
	struct classes classes = fill(c);
	assert_string_equal(export(c, classes.article, "1", 0),
			    "{\"oid\":\"1\",\"type\":\"blog.Article\"}");
	assert_string_equal(export(c, classes.article, "1", 1), ARTICLE);
	assert_string_equal(
		export(c, classes.article, "1", 2),
		"{\"oid\":\"1\",\"type\":\"blog.Article\",\"best\":" BOB
		",\"extra\":1,\"author\":[" ANN
		"],\"pictures\":[{\"oid\":\"p.jpg\",\"type\":\"Image\",\"width\":1920,"
		"\"by\":\"ann\"},{\"oid\":\"gone\",\"type\":\"Image\"}],\"up\":[" ARTICLE
		"],\"lost\":[{\"oid\":\"9\",\"type\":\"Nowhere\"}]}");
	char *two = strdup(text);
	assert_string_equal(export(c, classes.article, "1", 7), two);
	free(two);
	/* A relation is always there, and always an array. */
	put(c, classes.account, "c", "{}");
	assert_string_equal(export(c, classes.account, "c", 1),
			    "{\"oid\":\"c\",\"type\":\"blog.Account\",\"friends\":[]}");
}

static void update_times_are_integers_of_twenty_digits(void **state)
{
	struct case_store *c = *state;
	struct classes classes = fill(c);
	export_flags(c, classes.account, "b", 0, 0);
	unsigned long long friends, oid;
	char end[8];
	assert_int_equal(sscanf(text,
				"{ \"oid\": \"b\", \"type\": \"blog.Account\", \"updates\": { "
				"\"friends\": 20%18llu, \"oid\": 20%18llu } %7s",
				&friends, &oid, end),
			 3);
	assert_true(friends == oid);
	/* Only what changed has a new one. */
	put(c, classes.account, "b", "{\"name\": \"bob\", \"friends\": \"a\"}");
	export_flags(c, classes.account, "b", 0, 0);
	unsigned long long name, friends_after, oid_after;
	assert_int_equal(sscanf(text,
				"{ \"oid\": \"b\", \"type\": \"blog.Account\", \"updates\": { "
				"\"name\": 20%18llu, \"friends\": 20%18llu, \"oid\": 20%18llu }",
				&name, &friends_after, &oid_after),
			 3);
	assert_true(name == oid_after && name > friends_after && friends_after == friends);
}

static void a_raw_has_its_metadata_and_on_demand_its_bytes(void **state)
{
	struct case_store *c = *state;
	struct classes classes = fill(c);
	assert_string_equal(export(c, classes.image, "p.jpg", 0),
			    "{\"oid\":\"p.jpg\",\"type\":\"Image\"}");
	assert_string_equal(export(c, classes.image, "p.jpg", 1),
			    "{\"oid\":\"p.jpg\",\"type\":\"Image\",\"width\":1920,\"by\":\"ann\"}");
	export_flags(c, classes.image, "p.jpg", 1, SFS_EXPORT_DATA);
	strip(text);
	assert_string_equal(text, "{\"oid\":\"p.jpg\",\"type\":\"Image\",\"width\":1920,"
				  "\"by\":\"ann\",\"data\":\"aGk=\"}");
	export_flags(c, classes.article, "1", 2, SFS_EXPORT_DATA);
	assert_non_null(strstr(text, "\"data\": \"aGk=\""));
}

static void an_export_has_a_limit(void **state)
{
	struct case_store *c = *state;
	struct classes classes = fill(c);
	struct sfs_export how = { .depth = 2, .limit = 300 };
	struct sfs_buf buf = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_attr attr;
	assert_int_equal(sfs_buf_append(&buf, "x", 1), 0);
	assert_int_equal(sfs_export(c->store, classes.article, SPAN("1"), &how, &buf, NULL, &diag),
			 SFS_ERR_LIMIT);
	assert_non_null(strstr(diag.text, "more than 300 bytes"));
	assert_int_equal(buf.len, 1);
	how = (struct sfs_export){ .depth = 1, .flags = SFS_EXPORT_DATA, .limit = 1 };
	assert_int_equal(
		sfs_export(c->store, classes.image, SPAN("p.jpg"), &how, &buf, NULL, &diag),
		SFS_ERR_LIMIT);
	how = (struct sfs_export){ .depth = 1 };
	static const char *const missing[] = { "9", "", "p.jpg/x" };
	for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
		struct sfs_span oid = sfs_span_str(missing[i]);
		assert_int_equal(sfs_export(c->store, classes.article, oid, &how, &buf, NULL, NULL),
				 SFS_ERR_NOT_FOUND);
	}
	assert_int_equal(
		sfs_export(c->store, classes.image, SPAN("p.jpg/x"), &how, &buf, NULL, NULL),
		SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_export(c->store, classes.image, SPAN(""), &how, &buf, NULL, NULL),
			 SFS_ERR_IS_DIR);
	assert_int_equal(sfs_export(c->store, 99, SPAN("1"), &how, &buf, NULL, NULL),
			 SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_export(c->store, classes.article, SPAN("1"), &how, &buf, &attr, NULL),
			 0);
	assert_int_equal(attr.ino, case_attr(c, "1").ino);
	sfs_buf_fini(&buf);
}

static void a_class_without_definition_exports_what_it_has(void **state)
{
	struct case_store *c = *state;
	put(c, c->articles, "1", "{\"a\": {\"oid\": \"2\", \"type\": \"Article\"}, \"b\": null}");
	assert_string_equal(export(c, c->articles, "1", 2),
			    "{\"oid\":\"1\",\"type\":\"Article\","
			    "\"a\":{\"oid\":\"2\",\"type\":\"Article\"}}");
	if (case_mirrored())
		return; /* an oid is the name of a file */
	/* An oid that JSON can not say. */
	put(c, c->articles, "\xff", "{}");
	assert_string_equal(export(c, c->articles, "\xff", 1),
			    "{\"oid\":{\"$bin\":\"/w==\"},\"type\":\"Article\"}");
}

/* --- typed metadata --- */

static void metadata_is_typed_by_the_definition(void **state)
{
	static const struct {
		const char *key, *text, *json; /* json NULL: refused */
	} table[] = {
		{ "width", "1920", "1920" },
		{ "width", "123456789012345678901234567890", "123456789012345678901234567890" },
		{ "width", "wide", NULL },
		{ "width", "1.5", NULL },
		{ "width", "", NULL },
		{ "width", "\"1920\"", NULL },
		{ "width", "[1920]", NULL },
		{ "width", "\xff", NULL },
		{ "rate", "2.50", "2.5" },
		{ "rate", "x", NULL },
		{ "seen", "true", "true" },
		{ "seen", "yes", NULL },
		{ "taken", "2025-01-02T03:04:05Z", "\"2025-01-02T03:04:05Z\"" },
		{ "taken", "2025-01-02", NULL },
		{ "taken", "[2025,1,2,3,4,5,3,2,-1]", "[2025,1,2,3,4,5,3,2,-1]" },
		{ "tags", "[\"a\", \"b\"]", "[\"a\",\"b\"]" },
		{ "tags", "a", NULL },
		{ "tags", "[1]", NULL },
		{ "state", "draft", "\"draft\"" },
		{ "state", "other", NULL },
		{ "title", "5", "\"5\"" },
		{ "title", "a\nb", "\"a\\nb\"" },
		{ "title", "\"q\"", "\"\\\"q\\\"\"" },
		{ "line", "a\nb", NULL },
		{ "any", "5", "5" },
		{ "any", "{\"a\": [1]}", "{\"a\":[1]}" },
		{ "any", "text", "\"text\"" },
		{ "thumb", "\xff\x01", "{\"$bin\":\"/wE=\"}" },
		{ "rank", "7", "7" },
		{ "rank", "101", NULL },
		{ "free", "5", "\"5\"" },
		{ "free", "\xff", "{\"$bin\":\"/w==\"}" },
	};
	struct case_store *c = *state;
	define(c, "Image",
	       "{\"kind\": \"raw\", \"meta\": {\"width\": \"int\", \"rate\": \"float\", \"seen\": "
	       "\"bool\", \"taken\": \"datetime\", \"tags\": \"[string]\", \"state\": "
	       "\"(draft|published)\", \"title\": \"string\", \"line\": \"string:line\", \"any\": "
	       "\"any\", \"thumb\": \"bin\", \"rank\": \"int:0-100\"}}");
	uint64_t ino = case_make(c, c->root, "p", SFS_NODE_FILE).ino;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct sfs_span key = sfs_span_str(table[i].key);
		struct sfs_span value = sfs_span_str(table[i].text);
		struct sfs_buf json = SFS_BUF_INIT, back = SFS_BUF_INIT;
		struct sfs_diag diag = SFS_DIAG_INIT;
		char wanted[200];
		int err = sfs_raw_meta_set(c->store, ino, key, value, 0, &diag);
		if (!table[i].json) {
			if (err != SFS_ERR_INVALID || !strstr(diag.text, table[i].key))
				fail_msg("row %zu: %d %s", i, err, diag.text);
			continue;
		}
		if (err)
			fail_msg("row %zu: %s", i, diag.text);
		assert_int_equal(sfs_raw_meta_document(c->store, ino, SFS_FORMAT_JSON, &json), 0);
		snprintf(text, sizeof text, "%.*s", (int)json.len, (const char *)json.data);
		strip(text);
		snprintf(wanted, sizeof wanted, "\"%s\":%s}", table[i].key, table[i].json);
		if (!strstr(text, wanted))
			fail_msg("row %zu: %s is not in %s", i, wanted, text);
		/* The text of it means the same again. */
		assert_int_equal(sfs_raw_meta_get(c->store, ino, key, &back), 0);
		assert_int_equal(sfs_raw_meta_set(c->store, ino, key, sfs_buf_span(&back), 0, NULL),
				 0);
		sfs_buf_fini(&back);
		sfs_buf_fini(&json);
	}
	struct sfs_buf back = SFS_BUF_INIT;
	assert_int_equal(sfs_raw_meta_get(c->store, ino, SPAN("width"), &back), 0);
	assert_true(sfs_span_equal(sfs_buf_span(&back), SPAN("123456789012345678901234567890")));
	sfs_buf_fini(&back);
	case_reopen(c);
	assert_string_equal(check_run(c), "");
	/* Another definition leaves what is there. */
	define(c, "Image", "{\"kind\": \"raw\", \"meta\": {\"title\": \"int\"}}");
	assert_int_equal(sfs_raw_meta_get(c->store, ino, SPAN("title"), &back), 0);
	assert_true(sfs_span_equal(sfs_buf_span(&back), SPAN("\"q\"")));
	sfs_buf_fini(&back);
}

static void only_raw_classes_define_metadata(void **state)
{
	static const char *const bad[][2] = {
		{ "{\"meta\": {\"a\": \"int\"}}", "only a raw class has metadata" },
		{ "{\"kind\": \"raw\", \"properties\": {\"a\": \"int\"}}", "a raw class has none" },
		{ "{\"kind\": \"raw\", \"meta\": {\"oid\": \"int\"}}", "reserved" },
		{ "{\"kind\": \"raw\", \"meta\": {\"a\": \"integer\"}}", "meta.a" },
		{ "{\"kind\": \"raw\", \"meta\": []}", "an object of names and types" },
	};
	struct case_store *c = *state;
	struct sfs_class_make make = { .name = SPAN("New"), .mode = 0755 };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct sfs_diag diag = SFS_DIAG_INIT;
		assert_int_equal(sfs_class_define(c->store, &make, sfs_span_str(bad[i][0]), &diag),
				 SFS_ERR_BAD_DOCUMENT);
		if (!strstr(diag.text, bad[i][1]))
			fail_msg("%s: %s", bad[i][0], diag.text);
	}
}

/* --- imports --- */

static int import(struct case_store *c, uint32_t class_id, const char *json, unsigned flags,
		  struct sfs_imported *ret, struct sfs_diag *diag)
{
	*diag = (struct sfs_diag)SFS_DIAG_INIT;
	return sfs_import(c->store, class_id, SFS_FORMAT_JSON, sfs_span_str(json), flags, ret,
			  diag);
}

static void an_import_keeps_updates_or_replaces_what_is_there(void **state)
{
	struct case_store *c = *state;
	struct classes classes = fill(c);
	struct sfs_imported got;
	struct sfs_diag diag;
	assert_int_equal(
		import(c, classes.account, "{\"oid\": \"a\", \"name\": \"x\"}", 0, &got, &diag), 0);
	assert_false(got.created || got.changed);
	assert_int_equal(diag.err, 0);
	assert_string_equal(export(c, classes.account, "a", 1), ANN);
	assert_int_equal(import(c, classes.account, "{\"oid\": \"a\", \"name\": \"ann\"}",
				SFS_IMPORT_UPDATE, &got, &diag),
			 0);
	assert_false(got.changed);
	assert_int_equal(
		import(c, classes.account,
		       "{\"oid\": \"a\", \"type\": \"Account\", \"more\": 1, \"name\": \"x\"}",
		       SFS_IMPORT_UPDATE, &got, &diag),
		0);
	assert_true(got.changed && !got.created);
	assert_string_equal(export(c, classes.account, "a", 1),
			    "{\"oid\":\"a\",\"type\":\"blog.Account\",\"name\":\"x\","
			    "\"key\":\"AAE=\",\"more\":1,"
			    "\"friends\":[{\"oid\":\"b\",\"type\":\"blog.Account\"},"
			    "{\"oid\":\"a\",\"type\":\"blog.Account\"}]}");
	assert_int_equal(import(c, classes.account, "{\"oid\": \"a\", \"name\": \"y\"}",
				SFS_IMPORT_REPLACE, &got, &diag),
			 0);
	assert_string_equal(
		export(c, classes.account, "a", 1),
		"{\"oid\":\"a\",\"type\":\"blog.Account\",\"name\":\"y\",\"friends\":[]}");
	/* Without an oid, or with a new one: a new object. */
	assert_int_equal(import(c, classes.account, "{\"name\": \"z\"}", 0, &got, &diag), 0);
	assert_true(got.created);
	assert_int_equal(got.oid_len, 24);
	assert_int_equal(
		import(c, classes.account, "{\"oid\": 77}", SFS_IMPORT_UPDATE, &got, &diag), 0);
	assert_true(got.created && got.oid_len == 2 && memcmp(got.oid, "77", 2) == 0);
}

static void a_bad_import_changes_nothing(void **state)
{
	static const char *const bad[][2] = {
		{ "{\"oid\": \"n\", \"type\": \"blog.Article\"}", "expected \"blog.Account\"" },
		{ "{\"oid\": \"a\", \"type\": \"blog.Article\"}", "expected \"blog.Account\"" },
		{ "{\"oid\": \"\"}", "no oid" },
		{ "{\"oid\": {\"oid\": \"a\"}}", "no oid" },
		{ "{\"oid\": \"n\", \"name\": 1}", "name: expected string" },
		{ "{\"oid\": \"n\", \"updates\": 1}", "update times" },
		{ "{\"oid\": \"n\", \"updates\": {\"name\": 1}}", "update times" },
		{ "{\"oid\": \"n\", \"updates\": {\"oid\": 20251302030405678901}}",
		  "update times" },
		{ "{\"oid\": \"n\", \"updates\": {\"oid\": 99990102030405678901}}",
		  "update times" },
		{ "{\"oid\": \"n\", \"updates\": {\"oid\": \"20250102030405678901\"}}",
		  "update times" },
		{ "{\"oid\": \"n\"", "" },
		{ "[]", "a record is an object" },
		{ "{\"oid\": \"n\", \"oid\": \"m\"}", "duplicate key" },
	};
	struct case_store *c = *state;
	struct classes classes = fill(c);
	struct sfs_diag diag;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int err = import(c, classes.account, bad[i][0], 0, NULL, &diag);
		if (err != SFS_ERR_BAD_DOCUMENT || !strstr(diag.text, bad[i][1]))
			fail_msg("%s: %d %s", bad[i][0], err, diag.text);
	}
	assert_false(sfs_object_has(c->store, classes.account, SPAN("n")));
	/* Into a class of raws a record is a raw. */
	assert_int_equal(import(c, classes.image, "{\"oid\": \"a\", \"data\": 1}", 0, NULL, &diag),
			 SFS_ERR_BAD_DOCUMENT);
	struct sfs_attr attr;
	assert_int_equal(sfs_raw_find_path(c->store, classes.image, SPAN("a"), &attr),
			 SFS_ERR_NOT_FOUND);
}

static void update_times_come_back_with_an_import(void **state)
{
	struct case_store *c = *state;
	struct classes classes = fill(c);
	struct sfs_diag diag;
	const char *record =
		"{\"oid\": \"n\", \"updates\": {\"name\": 20250102030405678901, "
		"\"friends\": 20240229235959000001, \"oid\": 20250102030405678901, "
		"\"gone\": 20250102030405678901}, \"name\": \"x\", \"friends\": [\"a\"]}";
	assert_int_equal(import(c, classes.account, record, 0, NULL, &diag), 0);
	export_flags(c, classes.account, "n", 0, 0);
	assert_non_null(strstr(text, "\"name\": 20250102030405678901"));
	assert_non_null(strstr(text, "\"friends\": 20240229235959000001"));
	assert_non_null(strstr(text, "\"oid\": 20250102030405678901"));
	/* That of the object is never older than the others (oid lies here). */
	record = "{\"oid\": \"m\", \"updates\": {\"name\": 20250102030405678901, "
		 "\"oid\": 20200102030405678901}, \"name\": \"x\"}";
	assert_int_equal(import(c, classes.account, record, 0, NULL, &diag), 0);
	export_flags(c, classes.account, "m", 0, 0);
	assert_non_null(strstr(text, "\"oid\": 20250102030405678901"));
	/* Of what is there, times only go up. */
	record =
		"{\"oid\": \"m\", \"updates\": {\"name\": 20200102030405678901}, \"key\": \"AA==\"}";
	assert_int_equal(import(c, classes.account, record, SFS_IMPORT_UPDATE, NULL, &diag), 0);
	export_flags(c, classes.account, "m", 0, 0);
	assert_non_null(strstr(text, "\"name\": 20250102030405678901"));
	/* Zero is "never". */
	assert_int_equal(import(c, classes.account, "{\"oid\": \"k\", \"updates\": {\"oid\": 0}}",
				0, NULL, &diag),
			 0);
	case_reopen(c);
	/* Notes: a relation leads to a class that is not there, another one to a raw that is not. */
	assert_string_equal(check_run(c), "dangling schema");
}

static void a_relation_to_many_is_exported_and_survives_a_merge(void **state)
{
	struct case_store *c = *state;
	struct classes classes = fill(c);
	struct sfs_buf json = SFS_BUF_INIT, out = SFS_BUF_INIT;
	struct sfs_diag diag;
	struct sfs_export how = { .depth = 1 };
	assert_int_equal(sfs_buf_printf(&json, "{\"oid\": \"m\", \"name\": \"x\", \"friends\": ["),
			 0);
	for (int i = 0; i < 500; i++)
		assert_int_equal(sfs_buf_printf(&json, "%s\"f%d\"", i ? ", " : "", i), 0);
	assert_int_equal(sfs_buf_append(&json, "]}", 3), 0);
	assert_int_equal(import(c, classes.account, json.data, 0, NULL, &diag), 0);
	assert_int_equal(import(c, classes.account, "{\"oid\": \"m\", \"name\": \"y\"}",
				SFS_IMPORT_UPDATE, NULL, &diag),
			 0);
	assert_int_equal(sfs_export(c->store, classes.account, SPAN("m"), &how, &out, NULL, &diag),
			 0);
	size_t count = 0;
	const char *at = out.data, *end = at + out.len;
	while ((at = memmem(at, (size_t)(end - at), "\"blog.Account\"", 14))) {
		at++;
		count++;
	}
	assert_int_equal(count, 501);
	assert_non_null(memmem(out.data, out.len, "\"oid\": \"f499\"", 13));
	assert_non_null(memmem(out.data, out.len, "\"name\": \"y\"", 11));
	sfs_buf_fini(&json);
	sfs_buf_fini(&out);
}

static void a_document_of_10000_properties_is_merged(void **state)
{
	struct case_store *c = *state;
	struct sfs_buf json = SFS_BUF_INIT;
	struct sfs_diag diag;
	assert_int_equal(sfs_buf_append(&json, "{\"oid\": \"big\"", 13), 0);
	for (int i = 9999; i >= 0; i--)
		assert_int_equal(sfs_buf_printf(&json, ", \"p%d\": %d", i, i), 0);
	assert_int_equal(sfs_buf_append(&json, "}", 2), 0);
	assert_int_equal(import(c, c->articles, json.data, 0, NULL, &diag), 0);
	sfs_buf_fini(&json);
	assert_int_equal(import(c, c->articles, "{\"oid\": \"big\", \"p5000\": -1, \"new\": 1}",
				SFS_IMPORT_UPDATE, NULL, &diag),
			 0);
	struct sfs_attr attr = case_attr(c, "big");
	struct sfs_doc *doc;
	assert_int_equal(sfs_object_get(c->store, attr.ino, SFS_FORMAT_JSON, &doc), 0);
	assert_non_null(memmem(doc->bytes.data, doc->bytes.len, "\"p5000\": -1", 11));
	assert_non_null(memmem(doc->bytes.data, doc->bytes.len, "\"p4999\": 4999", 13));
	sfs_doc_unref(doc);
	assert_string_equal(check_run(c), "");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int contract_export(const char *backend)
{
	case_backend = backend;
	const struct CMUnitTest tests[] = {
		CASE(the_three_depths_have_their_shapes),
		CASE(update_times_are_integers_of_twenty_digits),
		CASE(a_raw_has_its_metadata_and_on_demand_its_bytes),
		CASE(an_export_has_a_limit),
		CASE(a_class_without_definition_exports_what_it_has),
		CASE(metadata_is_typed_by_the_definition),
		CASE(only_raw_classes_define_metadata),
		CASE(an_import_keeps_updates_or_replaces_what_is_there),
		CASE(a_bad_import_changes_nothing),
		CASE(update_times_come_back_with_an_import),
		CASE(a_relation_to_many_is_exported_and_survives_a_merge),
		CASE(a_document_of_10000_properties_is_merged),
	};
	return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
