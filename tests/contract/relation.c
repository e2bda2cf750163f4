/* The contract of relations: order, references back, and what renames and removals do with them. */
#include "relation_case.h"

#define RULES                                                                                \
	"{\"properties\": {\"title\": \"string\"}, \"relations\": {\"author\": \"Account\"," \
	" \"replies\": [\"\xc2\xa4\"], \"images\": [\"Image\"]}}"

static struct sfs_span span(const char *text)
{
	return sfs_span_str(text);
}

static uint32_t start(struct case_store *c)
{
	uint32_t accounts = relation_define(c, "Account", "{}");
	assert_int_equal(relation_define(c, "Article", RULES), c->articles);
	for (int i = 1; i < 6; i++) {
		char oid[2] = { (char)('0' + i), 0 };
		assert_int_equal(relation_put(c, accounts, oid, "{}"), 0);
		assert_int_equal(relation_put(c, c->articles, oid, "{\"title\": \"t\"}"), 0);
	}
	return accounts;
}

static void many_keep_their_order(void **state)
{
	struct case_store *c = *state;
	start(c);
	struct sfs_relation replies = relation_of(c, "1", "replies");
	struct sfs_buf one = SFS_BUF_INIT;
	assert_string_equal(relation_targets(c, "1", "replies"), "");
	assert_int_equal(relation_add(c, "1", "replies", "3"), 0);
	assert_int_equal(relation_add(c, "1", "replies", "2"), 0);
	assert_int_equal(relation_add(c, "1", "replies", "5"), 0);
	struct sfs_attr before = case_attr(c, "1");
	assert_int_equal(relation_add(c, "1", "replies", "2"), 0);
	assert_int_equal(case_attr(c, "1").revision, before.revision);
	assert_string_equal(relation_targets(c, "1", "replies"), "3 2 5");
	assert_int_equal(sfs_relation_one(c->store, &replies, 1, &one), 0);
	assert_int_equal(sfs_relation_one(c->store, &replies, -1, &one), 0);
	assert_int_equal(one.len, 2);
	assert_memory_equal(one.data, "25", 2);
	assert_int_equal(sfs_relation_one(c->store, &replies, 3, &one), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_relation_one(c->store, &replies, -4, &one), SFS_ERR_NOT_FOUND);
	sfs_buf_fini(&one);
	struct sfs_target two = { 0, SPAN("2") }, nine = { 0, SPAN("9") };
	assert_int_equal(sfs_relation_has(c->store, &replies, &two), 0);
	assert_int_equal(sfs_relation_has(c->store, &replies, &nine), SFS_ERR_NOT_FOUND);
	assert_int_equal(relation_remove(c, "1", "replies", "3"), 0);
	assert_int_equal(relation_remove(c, "1", "replies", "3"), SFS_ERR_NOT_FOUND);
	assert_string_equal(relation_targets(c, "1", "replies"), "2 5");
	assert_string_equal(
		case_get(c, "1", SFS_FORMAT_JSON),
		"{\n  \"title\": \"t\",\n  \"replies\": [\n    {\n      \"oid\": \"2\",\n"
		"      \"type\": \"Article\"\n    },\n    {\n      \"oid\": \"5\",\n"
		"      \"type\": \"Article\"\n    }\n  ]\n}\n");
	case_reopen(c);
	assert_int_equal(sfs_relation_clear(c->store, &replies, NULL), 0);
	assert_string_equal(relation_targets(c, "1", "replies"), "");
	relation_sound(c);
}

static void one_and_its_refusals(void **state)
{
	struct case_store *c = *state;
	uint32_t accounts = start(c);
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_relation author = relation_of(c, "1", "author");
	struct sfs_target one = { accounts, SPAN("1") }, wrong = { c->articles, SPAN("2") };
	struct sfs_target two[] = { { 0, SPAN("2") }, { 0, SPAN("3") } };
	struct sfs_target bytes = { 0, SPAN("\xff") }, empty = { 0, SPAN("") };
	assert_int_equal(sfs_relation_add(c->store, &author, &one, &diag), 0);
	assert_int_equal(sfs_relation_add(c->store, &author, &two[0], &diag), SFS_ERR_EXISTS);
	assert_int_equal(sfs_relation_set(c->store, &author, &wrong, 1, &diag), SFS_ERR_INVALID);
	assert_string_equal(diag.text, "relation author leads to class Account, not to Article");
	assert_int_equal(sfs_relation_set(c->store, &author, two, 2, &diag), SFS_ERR_INVALID);
	assert_int_equal(sfs_relation_set(c->store, &author, &bytes, 1, &diag), SFS_ERR_NAME);
	assert_int_equal(sfs_relation_set(c->store, &author, &empty, 1, &diag), SFS_ERR_NAME);
	assert_string_equal(relation_targets(c, "1", "author"), "1");
	assert_int_equal(sfs_relation_set(c->store, &author, two, 1, &diag), 0);
	assert_string_equal(relation_targets(c, "1", "author"), "2");
	assert_string_equal(relation_referrers(c, accounts, "1"), "");
	assert_string_equal(relation_referrers(c, accounts, "2"), "Article/1.author");
	struct sfs_relation none = relation_of(c, "1", "title");
	assert_int_equal(sfs_relation_add(c->store, &none, &one, &diag), SFS_ERR_NOT_FOUND);
	assert_string_equal(diag.text, "class Article has no relation title");
	none = relation_of(c, "none", "author");
	assert_int_equal(sfs_relation_add(c->store, &none, &one, &diag), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_relation_clear(c->store, &author, &diag), 0);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), "{\n  \"title\": \"t\"\n}\n");
	relation_sound(c);
}

static void a_kept_text_goes(void **state)
{
	struct case_store *c = *state;
	start(c);
	assert_int_equal(relation_put(c, c->articles, "1", "{\"author\":\"1\", \"title\":\"x\"}"),
			 0);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON),
			    "{\"author\":\"1\", \"title\":\"x\"}");
	assert_int_equal(relation_add(c, "1", "author", "1"), 0);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON),
			    "{\"author\":\"1\", \"title\":\"x\"}");
	assert_int_equal(relation_add(c, "1", "replies", "1"), 0);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON),
			    "{\n  \"title\": \"x\",\n  \"author\": {\n    \"oid\": \"1\",\n"
			    "    \"type\": \"Account\"\n  },\n  \"replies\": [\n    {\n"
			    "      \"oid\": \"1\",\n      \"type\": \"Article\"\n    }\n  ]\n}\n");
	relation_sound(c);
}

static void saving_a_document_changes_who_refers(void **state)
{
	struct case_store *c = *state;
	uint32_t accounts = start(c);
	const char *both = "{\"author\": \"1\", \"replies\": [\"2\", \"3\", \"2\", \"1\"],"
			   " \"images\": [\"dir/a.jpg\"]}";
	assert_int_equal(relation_put(c, c->articles, "1", both), 0);
	assert_string_equal(relation_referrers(c, accounts, "1"), "Article/1.author");
	assert_string_equal(relation_referrers(c, c->articles, "1"), "Article/1.replies");
	assert_string_equal(relation_referrers(c, c->articles, "2"), "Article/1.replies");
	assert_string_equal(relation_referrers(c, c->images, "dir/a.jpg"), "Article/1.images");
	assert_int_equal(relation_put(c, c->articles, "2", "{\"replies\": [2]}"), 0);
	assert_string_equal(relation_referrers(c, c->articles, "2"),
			    "Article/1.replies Article/2.replies");
	relation_sound(c);
	assert_int_equal(relation_put(c, c->articles, "1", "{\"author\": \"2\"}"), 0);
	assert_string_equal(relation_referrers(c, accounts, "1"), "");
	assert_string_equal(relation_referrers(c, accounts, "2"), "Article/1.author");
	assert_string_equal(relation_referrers(c, c->articles, "2"), "Article/2.replies");
	assert_string_equal(relation_referrers(c, c->images, "dir/a.jpg"), "");
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("1"), 0), 0);
	assert_string_equal(relation_referrers(c, accounts, "2"), "");
	relation_sound(c);
}

static void a_rename_keeps_references_right(void **state)
{
	struct case_store *c = *state;
	uint32_t accounts = start(c);
	assert_int_equal(relation_put(c, c->articles, "1",
				      "{\"title\":\"x\",\"replies\":[\"1\",\"2\",\"3\"]}"),
			 0);
	assert_int_equal(relation_put(c, c->articles, "2", "{\"author\":\"4\",\"replies\":[1]}"),
			 0);
	/* To a free name; who refers to itself goes on doing so. */
	assert_int_equal(sfs_object_rename(c->store, c->articles, SPAN("1"), SPAN("a b"), 0, NULL),
			 0);
	assert_string_equal(relation_targets(c, "a b", "replies"), "a b 2 3");
	assert_string_equal(relation_targets(c, "2", "replies"), "a b");
	assert_string_equal(relation_referrers(c, c->articles, "a b"),
			    "Article/2.replies Article/a b.replies");
	assert_string_equal(relation_referrers(c, c->articles, "1"), "");
	relation_sound(c);
	/* Over one that is there, which somebody refers to as well. */
	assert_int_equal(sfs_object_rename(c->store, c->articles, SPAN("2"), SPAN("3"), 0, NULL),
			 0);
	assert_string_equal(relation_targets(c, "a b", "replies"), "a b 3");
	assert_string_equal(relation_targets(c, "3", "replies"), "a b");
	assert_string_equal(relation_referrers(c, c->articles, "3"), "Article/a b.replies");
	assert_string_equal(relation_referrers(c, c->articles, "2"), "");
	assert_string_equal(relation_referrers(c, accounts, "4"), "Article/3.author");
	/* Exchanged: both keep their identity. */
	assert_int_equal(sfs_object_rename(c->store, c->articles, SPAN("3"), SPAN("a b"),
					   SFS_RENAME_EXCHANGE, NULL),
			 0);
	assert_string_equal(relation_targets(c, "3", "replies"), "a b 3");
	assert_string_equal(relation_targets(c, "a b", "replies"), "a b");
	assert_string_equal(relation_referrers(c, accounts, "4"), "Article/a b.author");
	relation_sound(c);
	case_reopen(c);
	relation_sound(c);
}

static void an_object_that_comes_back_has_its_references(void **state)
{
	struct case_store *c = *state;
	uint32_t accounts = start(c);
	assert_int_equal(relation_put(c, c->articles, "1", "{\"author\": \"1\"}"), 0);
	assert_int_equal(relation_add(c, "2", "replies", "1"), 0);
	assert_int_equal(sfs_object_to_raw(c->store, c->articles, SPAN("1"), SFS_FORMAT_JSON,
					   c->scratch, SPAN("1.json~"), NULL),
			 0);
	assert_string_equal(relation_referrers(c, accounts, "1"), "");
	assert_string_equal(relation_targets(c, "2", "replies"), "1");
	assert_string_equal(check_run(c), "dangling");
	struct sfs_put put = { .class_id = c->articles, .oid = SPAN("1") };
	assert_int_equal(
		sfs_object_put_raw(c->store, &put, c->scratch, SPAN("1.json~"), NULL, NULL), 0);
	assert_string_equal(relation_referrers(c, accounts, "1"), "Article/1.author");
	assert_string_equal(relation_referrers(c, c->articles, "1"), "Article/2.replies");
	assert_string_equal(check_run(c), "");
}

static void on_remove_refuse(void **state)
{
	struct case_store *c = *state;
	uint32_t accounts = start(c);
	relation_define(c, "Account", "{\"on_remove\": \"refuse\"}");
	assert_int_equal(relation_add(c, "1", "author", "1"), 0);
	assert_int_equal(relation_add(c, "2", "author", "1"), 0);
	assert_int_equal(sfs_object_remove(c->store, accounts, SPAN("1"), 0), SFS_ERR_BUSY);
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_int_equal(sfs_referrers_explain(c->store, accounts, SPAN("1"), &diag), SFS_ERR_BUSY);
	assert_string_equal(diag.text,
			    "2 references to it: from Article/1 (author), Article/2 (author)");
	assert_int_equal(sfs_object_remove(c->store, accounts, SPAN("2"), 0), 0);
	/* An editor's way to save is no removal; a rename neither. */
	assert_int_equal(sfs_object_to_raw(c->store, accounts, SPAN("1"), SFS_FORMAT_JSON,
					   sfs_ino_make(accounts, 1), SPAN("1.json~"), NULL),
			 0);
	assert_int_equal(relation_put(c, accounts, "1", "{\"n\": 1}"), 0);
	assert_int_equal(sfs_object_rename(c->store, accounts, SPAN("1"), SPAN("9"), 0, NULL), 0);
	assert_int_equal(sfs_object_remove(c->store, accounts, SPAN("9"), 0), SFS_ERR_BUSY);
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("1"), 0), 0);
	assert_int_equal(relation_remove(c, "2", "author", "9"), 0);
	assert_int_equal(sfs_object_remove(c->store, accounts, SPAN("9"), 0), 0);
	relation_sound(c);
	/* Who refers only to itself can go. */
	relation_define(c, "Article",
			"{\"on_remove\": \"refuse\", \"relations\": {\"replies\": [\"Article\"]}}");
	assert_int_equal(relation_add(c, "3", "replies", "3"), 0);
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("3"), 0), 0);
	relation_sound(c);
}

static void on_remove_clear(void **state)
{
	struct case_store *c = *state;
	uint32_t accounts = start(c);
	relation_define(c, "Account", "{\"on_remove\": \"clear\"}");
	relation_define(c, "Article",
			"{\"on_remove\": \"clear\", \"relations\": {\"author\": \"Account\", "
			"\"replies\": [\"Article\"]}}");
	assert_int_equal(relation_add(c, "1", "author", "1"), 0);
	assert_int_equal(relation_add(c, "2", "author", "1"), 0);
	assert_int_equal(relation_add(c, "2", "replies", "1"), 0);
	assert_int_equal(relation_add(c, "2", "replies", "3"), 0);
	assert_int_equal(relation_add(c, "1", "replies", "1"), 0);
	assert_int_equal(sfs_object_remove(c->store, accounts, SPAN("1"), 0), 0);
	assert_string_equal(relation_targets(c, "1", "author"), "");
	assert_string_equal(relation_targets(c, "2", "author"), "");
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("1"), 0), 0);
	assert_string_equal(relation_targets(c, "2", "replies"), "3");
	assert_string_equal(check_run(c), "");
}

static void raws_are_referred_to_by_their_paths(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* directories of raws are not moved */
	start(c);
	uint64_t dir = case_make(c, c->root, "dir", SFS_NODE_DIR).ino;
	uint64_t sub = case_make(c, dir, "sub", SFS_NODE_DIR).ino;
	case_make(c, sub, "a.jpg", SFS_NODE_FILE);
	case_make(c, c->root, "b.jpg", SFS_NODE_FILE);
	assert_int_equal(relation_add(c, "1", "images", "dir/sub/a.jpg"), 0);
	assert_int_equal(relation_add(c, "1", "images", "b.jpg"), 0);
	assert_string_equal(check_run(c), "");
	assert_int_equal(sfs_raw_rename(c->store, c->root, SPAN("dir"), c->root, SPAN("d2"), 0), 0);
	assert_string_equal(relation_targets(c, "1", "images"), "d2/sub/a.jpg b.jpg");
	assert_int_equal(sfs_raw_rename(c->store, c->root, SPAN("b.jpg"), dir, SPAN("c.jpg"), 0),
			 0);
	assert_string_equal(relation_targets(c, "1", "images"), "d2/sub/a.jpg d2/c.jpg");
	assert_string_equal(relation_referrers(c, c->images, "d2/c.jpg"), "Article/1.images");
	assert_string_equal(check_run(c), "");
	/* A name that no document can say: the reference stays behind. */
	assert_int_equal(sfs_raw_rename(c->store, dir, SPAN("c.jpg"), dir, SPAN("\xff"), 0), 0);
	assert_string_equal(relation_targets(c, "1", "images"), "d2/sub/a.jpg d2/c.jpg");
	assert_string_equal(check_run(c), "dangling");
	relation_define(c, "Image", "{\"kind\": \"raw\", \"on_remove\": \"refuse\"}");
	assert_int_equal(sfs_raw_unlink(c->store, sub, SPAN("a.jpg")), SFS_ERR_BUSY);
	assert_int_equal(sfs_raw_unlink(c->store, dir, SPAN("\xff")), 0);
	relation_define(c, "Image", "{\"kind\": \"raw\", \"on_remove\": \"clear\"}");
	assert_int_equal(sfs_raw_unlink(c->store, sub, SPAN("a.jpg")), 0);
	assert_string_equal(relation_targets(c, "1", "images"), "d2/c.jpg");
	relation_sound(c);
}

static int put_and_relate(struct case_store *c, struct sfs_batch *batch, const char *oid)
{
	struct sfs_put put = {
		.class_id = c->articles,
		.oid = span(oid),
		.text = SPAN("{\"title\": \"t\"}"),
	};
	struct sfs_relation replies = relation_of(c, oid, "replies");
	struct sfs_target target = { c->articles, SPAN("1") };
	int err = sfs_batch_put(batch, &put, NULL);
	return err < 0 ? err : sfs_batch_relation_add(batch, &replies, &target);
}

static void a_batch_is_all_or_nothing(void **state)
{
	struct case_store *c = *state;
	struct sfs_batch *batch;
	size_t failed;
	uint32_t accounts = start(c);
	struct sfs_relation author = relation_of(c, "new", "author");
	struct sfs_target two = { accounts, SPAN("2") }, wrong = { c->articles, SPAN("2") };
	assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
	assert_int_equal(put_and_relate(c, batch, "new"), 0);
	assert_int_equal(sfs_batch_remove(batch, accounts, SPAN("1"), 0), 0);
	assert_int_equal(sfs_batch_relation_set(batch, &author, &wrong, 1), 0);
	assert_int_equal(sfs_batch_count(batch), 4);
	assert_int_equal(sfs_batch_commit(batch, &failed), SFS_ERR_INVALID);
	assert_int_equal(failed, 3);
	assert_string_equal(case_oids(c), "1 2 3 4 5");
	assert_string_equal(relation_referrers(c, c->articles, "1"), "");
	assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
	assert_int_equal(put_and_relate(c, batch, "new"), 0);
	assert_int_equal(sfs_batch_remove(batch, accounts, SPAN("1"), 0), 0);
	assert_int_equal(sfs_batch_relation_set(batch, &author, &two, 1), 0);
	assert_int_equal(sfs_batch_commit(batch, &failed), 0);
	assert_string_equal(relation_referrers(c, c->articles, "1"), "Article/new.replies");
	assert_string_equal(relation_referrers(c, accounts, "2"), "Article/new.author");
	assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
	assert_int_equal(sfs_batch_relation_clear(batch, &author), 0);
	assert_int_equal(sfs_batch_remove(batch, accounts, SPAN("1"), 0), 0);
	assert_int_equal(sfs_batch_commit(batch, &failed), SFS_ERR_NOT_FOUND);
	assert_int_equal(failed, 1);
	assert_string_equal(relation_targets(c, "new", "author"), "2");
	assert_string_equal(check_run(c), "");
}

static void definitions_that_change(void **state)
{
	struct case_store *c = *state;
	uint32_t accounts = start(c);
	struct sfs_class_info info;
	/* Objects that are older than the definition. */
	assert_int_equal(
		relation_put(c, c->articles, "1", "{\"editor\": \"2\", \"author\": \"1\"}"), 0);
	relation_define(c, "Article",
			"{\"relations\": {\"author\": \"Account\", \"editor\": \"Person\"}}");
	assert_string_equal(relation_referrers(c, accounts, "1"), "Article/1.author");
	relation_sound(c);
	/* The class of a relation is made, gets another name, and another one gets its name. */
	uint32_t persons = relation_define(c, "Person", "{}");
	assert_string_equal(relation_referrers(c, persons, "2"), "Article/1.editor");
	relation_sound(c);
	assert_int_equal(sfs_class_rename(c->store, SPAN("Person"), SPAN("Human")), 0);
	assert_string_equal(relation_referrers(c, persons, "2"), "");
	relation_sound(c);
	assert_int_equal(sfs_class_rename(c->store, SPAN("Account"), SPAN("Person")), 0);
	assert_string_equal(relation_referrers(c, accounts, "1"), "");
	assert_string_equal(relation_referrers(c, accounts, "2"), "Article/1.editor");
	relation_sound(c);
	/* It leads elsewhere, and is gone. */
	relation_define(c, "Article", "{\"relations\": {\"editor\": \"Human\"}}");
	assert_string_equal(relation_referrers(c, accounts, "2"), "");
	assert_string_equal(relation_referrers(c, persons, "2"), "Article/1.editor");
	relation_sound(c);
	relation_define(c, "Article", "{}");
	assert_string_equal(relation_referrers(c, persons, "2"), "");
	relation_define(c, "Article", "{\"relations\": {\"editor\": \"Human\"}}");
	assert_string_equal(relation_referrers(c, persons, "2"), "Article/1.editor");
	/* The class goes, with what is known of who refers, and comes back. */
	assert_int_equal(sfs_class_remove(c->store, SPAN("Human")), 0);
	assert_int_equal(sfs_class_find(c->store, SPAN("Human"), &info), SFS_ERR_NOT_FOUND);
	relation_sound(c);
	persons = relation_define(c, "Human", "{}");
	assert_string_equal(relation_referrers(c, persons, "2"), "Article/1.editor");
	case_reopen(c);
	relation_sound(c);
}

static void many_objects_are_settled(void **state)
{
	struct case_store *c = *state;
	struct sfs_batch *batch;
	assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
	for (int i = 0; i < 3000; i++) {
		char oid[16];
		snprintf(oid, sizeof oid, "%d", i);
		struct sfs_put put = {
			.class_id = c->articles,
			.oid = span(oid),
			.text = SPAN("{\"author\": \"x\"}"),
		};
		assert_int_equal(sfs_batch_put(batch, &put, NULL), 0);
	}
	assert_int_equal(sfs_batch_commit(batch, NULL), 0);
	relation_define(c, "Article", "{\"relations\": {\"author\": \"Account\"}}");
	relation_define(c, "Account", "{}");
	relation_sound(c);
	relation_define(c, "Article", "{\"relations\": {\"author\": \"Article\"}}");
	relation_sound(c);
}

struct paging {
	char seen[600][24];
	size_t count, stop;
	struct sfs_referrer last;
	char relation[16];
};

static int page_referrer(void *arg, const struct sfs_referrer *referrer)
{
	struct paging *paging = arg;
	if (paging->stop && paging->count == paging->stop)
		return 1;
	snprintf(paging->seen[paging->count++], 24, "%.*s", (int)referrer->oid.len,
		 (const char *)referrer->oid.data);
	memcpy(paging->relation, referrer->relation.data, referrer->relation.len);
	paging->last = *referrer;
	paging->last.relation.data = paging->relation;
	return 0;
}

static void referrers_are_a_stream(void **state)
{
	struct case_store *c = *state;
	uint32_t accounts = start(c);
	static struct paging all, pages;
	memset(&all, 0, sizeof all);
	memset(&pages, 0, sizeof pages);
	for (int i = 0; i < 550; i++) {
		char oid[16];
		snprintf(oid, sizeof oid, "r%d", i);
		assert_int_equal(relation_put(c, c->articles, oid, "{\"author\": \"5\"}"), 0);
	}
	assert_int_equal(
		sfs_referrers_list(c->store, accounts, SPAN("5"), NULL, 0, page_referrer, &all), 0);
	assert_int_equal(all.count, 550);
	for (bool more = true; more;) {
		size_t before = pages.count;
		assert_int_equal(sfs_referrers_list(c->store, accounts, SPAN("5"),
						    before ? &pages.last : NULL, 7, page_referrer,
						    &pages),
				 0);
		assert_true(pages.count <= before + 7);
		more = pages.count > before;
	}
	assert_int_equal(pages.count, 550);
	assert_memory_equal(pages.seen, all.seen, sizeof all.seen);
	/* The same through one relation, stopped in between. */
	memset(&pages, 0, sizeof pages);
	pages.stop = 300;
	assert_int_equal(sfs_referrers_of(c->store, accounts, SPAN("5"), c->articles,
					  SPAN("author"), 0, 0, page_referrer, &pages),
			 SFS_ERR_CANCELLED);
	pages.stop = 0;
	assert_int_equal(sfs_referrers_of(c->store, accounts, SPAN("5"), c->articles,
					  SPAN("author"), pages.last.ino, 0, page_referrer, &pages),
			 0);
	assert_int_equal(pages.count, 550);
	assert_memory_equal(pages.seen, all.seen, sizeof all.seen);
	assert_int_equal(sfs_referrers_of(c->store, accounts, SPAN("5"), c->articles,
					  SPAN("editor"), 0, 0, page_referrer, &pages),
			 0);
	assert_int_equal(pages.count, 550);
	assert_int_equal(sfs_referrers_list(c->store, 99, SPAN("5"), NULL, 0, page_referrer, &all),
			 SFS_ERR_NOT_FOUND);
}

static void awkward_oids(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* an oid is the name of a file */
	static char longest[1025];
	memset(longest, 'x', 1024);
	const char *oids[] = { "a/b",      ".",    "..",    "%2f", "\xc3\xa4 \xf0\x9f\x98\x80",
			       "\n\t\"\\", "\x01", longest, "7" };
	start(c);
	for (size_t i = 0; i < sizeof oids / sizeof *oids; i++) {
		assert_int_equal(relation_put(c, c->articles, oids[i], "{}"), 0);
		assert_int_equal(relation_add(c, "1", "replies", oids[i]), 0);
		assert_int_equal(relation_add(c, oids[i], "replies", oids[i]), 0);
	}
	for (size_t i = 0; i < sizeof oids / sizeof *oids; i++) {
		struct paging paging = { .count = 0 };
		assert_int_equal(sfs_referrers_list(c->store, c->articles, span(oids[i]), NULL, 0,
						    page_referrer, &paging),
				 0);
		assert_int_equal(paging.count, 2);
	}
	relation_sound(c);
	for (size_t i = 0; i < sizeof oids / sizeof *oids; i++)
		assert_int_equal(relation_remove(c, "1", "replies", oids[i]), 0);
	assert_string_equal(relation_targets(c, "1", "replies"), "");
	relation_sound(c);
}

static int see_relation(void *arg, const struct sfs_relation_info *info)
{
	struct sfs_buf *text = arg;
	return sfs_buf_printf(text, "%.*s:%s%.*s%s ", (int)info->name.len,
			      (const char *)info->name.data, info->many ? "*" : "",
			      (int)info->target.len, (const char *)info->target.data,
			      info->target_class_id ? "" : "?");
}

static void relations_are_listed(void **state)
{
	struct case_store *c = *state;
	struct sfs_buf text = SFS_BUF_INIT;
	assert_int_equal(sfs_relation_list(c->store, c->articles, see_relation, &text), 0);
	assert_int_equal(text.len, 0);
	relation_define(c, "Article", RULES);
	assert_int_equal(sfs_relation_list(c->store, c->articles, see_relation, &text), 0);
	assert_int_equal(sfs_buf_append(&text, "", 1), 0);
	assert_string_equal(text.data, "author:Account? replies:*Article images:*Image ");
	sfs_buf_fini(&text);
	assert_int_equal(sfs_relation_list(c->store, 99, see_relation, &text), SFS_ERR_NOT_FOUND);
}

static void what_does_not_agree_is_found(void **state)
{
	struct case_store *c = *state;
	uint32_t accounts = start(c);
	struct sfsi_key key;
	uint8_t one = 1;
	assert_int_equal(relation_add(c, "1", "author", "1"), 0);
	uint64_t serial = case_attr(c, "1").ino & 0xfffffffff;
	sfsi_key_backrefs(&key, sfsi_oid_hash(c->store, SPAN("1")));
	sfsi_key_backref_relation(&key, c->articles, SPAN("author"));
	sfsi_key_backref_serial(&key, serial, SPAN("1"));
	check_drop_row(c, accounts, &key);
	assert_string_equal(check_run(c), "backref");
	check_put_row(c, accounts, &key, (struct sfs_span){ &one, 1 });
	assert_string_equal(check_run(c), "");
	sfsi_key_backrefs(&key, sfsi_oid_hash(c->store, SPAN("2")));
	sfsi_key_backref_relation(&key, c->articles, SPAN("author"));
	sfsi_key_backref_serial(&key, serial, SPAN("2"));
	check_put_row(c, accounts, &key, (struct sfs_span){ &one, 1 });
	assert_string_equal(check_run(c), "backref");
	key.len -= 2;
	check_put_row(c, accounts, &key, (struct sfs_span){ &one, 1 });
	assert_string_equal(check_run(c), "backref backref");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

/** Does a shell command that is about storefs.json succeed? */
static bool with_store_file(struct case_store *c, const char *command)
{
	char line[160];
	snprintf(line, sizeof line, "%s %s/%s", command, case_home(c),
		 case_mirrored() ? "store" : "storefs.json");
	return system(line) == 0;
}

static void a_store_of_format_1_gets_references_back(void **state)
{
	struct case_store *c = *state;
	struct sfsi_key key;
	uint32_t accounts = start(c);
	if (!case_durable())
		return;
	relation_define(c, "Account", "{\"on_remove\": \"refuse\"}");
	assert_int_equal(relation_add(c, "1", "author", "1"), 0);
	sfsi_key_backrefs(&key, sfsi_oid_hash(c->store, SPAN("1")));
	sfsi_key_backref_relation(&key, c->articles, SPAN("author"));
	sfsi_key_backref_serial(&key, case_attr(c, "1").ino & 0xfffffffff, SPAN("1"));
	check_drop_row(c, accounts, &key);
	assert_true(with_store_file(
		c,
		"sed -i 's/\"format\": 4/\"format\": 1/; /\"sum\"/d; s/\\(\"backend\": .*\\),/\\1/'"));
	case_reopen(c);
	assert_true(with_store_file(c, "grep -q '\"format\": 4'"));
	assert_string_equal(relation_referrers(c, accounts, "1"), "Article/1.author");
	assert_int_equal(sfs_object_remove(c->store, accounts, SPAN("1"), 0), SFS_ERR_BUSY);
	assert_string_equal(check_run(c), "");
}

int contract_relation(const char *backend)
{
	static const struct CMUnitTest tests[] = {
		CASE(many_keep_their_order),
		CASE(one_and_its_refusals),
		CASE(a_kept_text_goes),
		CASE(saving_a_document_changes_who_refers),
		CASE(a_rename_keeps_references_right),
		CASE(an_object_that_comes_back_has_its_references),
		CASE(on_remove_refuse),
		CASE(on_remove_clear),
		CASE(raws_are_referred_to_by_their_paths),
		CASE(a_batch_is_all_or_nothing),
		CASE(definitions_that_change),
		CASE(many_objects_are_settled),
		CASE(a_store_of_format_1_gets_references_back),
		CASE(referrers_are_a_stream),
		CASE(awkward_oids),
		CASE(relations_are_listed),
		CASE(what_does_not_agree_is_found),
	};
	case_backend = backend;
	return cmocka_run_group_tests_name("relation", tests, NULL, NULL);
}
