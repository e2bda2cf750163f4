/*
 * Relations against a model in memory: random saves, renames, removals and changes of relations, and
 * after each round what the store says is what the model says, and a check finds nothing.
 */
#include "relation_case.h"

#define OBJECTS 8
#define TARGETS_MAX 12

/** One object: who it refers to, by number. Names change, so a model object has one. */
struct model_object {
	bool exists;
	int targets[TARGETS_MAX];
	int count;
	int author; /* -1: none */
};

static struct model_object model[OBJECTS];
static uint64_t random_state;

static uint32_t pick(uint32_t below)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % below;
}

static const char *name_of(int number)
{
	static char names[4][16];
	static int next;
	next = (next + 1) % 4;
	snprintf(names[next], sizeof names[next], "o%d", number);
	return names[next];
}

static int find_target(const struct model_object *object, int target)
{
	for (int i = 0; i < object->count; i++)
		if (object->targets[i] == target)
			return i;
	return -1;
}

static void drop_target(struct model_object *object, int at)
{
	object->count--;
	memmove(object->targets + at, object->targets + at + 1,
		(size_t)(object->count - at) * sizeof object->targets[0]);
}

static void do_put(struct case_store *c, int number)
{
	struct model_object *object = &model[number];
	char text[512];
	size_t len = (size_t)snprintf(text, sizeof text, "{\"n\": %u", pick(3));
	*object = (struct model_object){ .exists = true, .author = (int)pick(OBJECTS + 1) - 1 };
	if (object->author >= 0)
		len += (size_t)snprintf(text + len, sizeof text - len, ", \"author\": \"%s\"",
					name_of(object->author));
	int wanted = (int)pick(TARGETS_MAX);
	len += (size_t)snprintf(text + len, sizeof text - len, ", \"replies\": [");
	for (int i = 0; i < wanted; i++) {
		int target = (int)pick(OBJECTS);
		if (find_target(object, target) >= 0)
			continue;
		len += (size_t)snprintf(text + len, sizeof text - len, "%s\"%s\"",
					object->count ? ", " : "", name_of(target));
		object->targets[object->count++] = target;
	}
	snprintf(text + len, sizeof text - len, "]}");
	assert_int_equal(relation_put(c, c->articles, name_of(number), text), 0);
}

static void do_add(struct case_store *c, int number)
{
	struct model_object *object = &model[number];
	int target = (int)pick(OBJECTS);
	int err = relation_add(c, name_of(number), "replies", name_of(target));
	assert_int_equal(err, object->exists ? 0 : SFS_ERR_NOT_FOUND);
	if (object->exists && find_target(object, target) < 0)
		object->targets[object->count++] = target;
}

static void do_take(struct case_store *c, int number)
{
	struct model_object *object = &model[number];
	int target = (int)pick(OBJECTS), at = object->exists ? find_target(object, target) : -1;
	int err = relation_remove(c, name_of(number), "replies", name_of(target));
	assert_int_equal(err, at >= 0 ? 0 : SFS_ERR_NOT_FOUND);
	if (at >= 0)
		drop_target(object, at);
}

static void do_set(struct case_store *c, int number)
{
	struct sfs_relation relation = relation_of(c, name_of(number), "author");
	int author = (int)pick(OBJECTS);
	struct sfs_target target = { 0, sfs_span_str(name_of(author)) };
	int err = sfs_relation_set(c->store, &relation, &target, 1, NULL);
	assert_int_equal(err, model[number].exists ? 0 : SFS_ERR_NOT_FOUND);
	model[number].author = author;
}

static void do_clear(struct case_store *c, int number)
{
	struct sfs_relation relation = relation_of(c, name_of(number), "replies");
	int err = sfs_relation_clear(c->store, &relation, NULL);
	assert_int_equal(err, model[number].exists ? 0 : SFS_ERR_NOT_FOUND);
	model[number].count = 0;
}

static void do_remove(struct case_store *c, int number)
{
	int err = sfs_object_remove(c->store, c->articles, sfs_span_str(name_of(number)), 0);
	assert_int_equal(err, model[number].exists ? 0 : SFS_ERR_NOT_FOUND);
	model[number].exists = false;
}

static void follow(int from, int to)
{
	for (int i = 0; i < OBJECTS; i++) {
		struct model_object *object = &model[i];
		int at = find_target(object, from);
		if (at >= 0 && find_target(object, to) >= 0)
			drop_target(object, at);
		else if (at >= 0)
			object->targets[at] = to;
		if (object->author == from)
			object->author = to;
	}
}

static void do_rename(struct case_store *c, int number)
{
	int to = (int)pick(OBJECTS);
	unsigned flags = pick(4) == 0 ? SFS_RENAME_EXCHANGE : 0;
	int err = sfs_object_rename(c->store, c->articles, sfs_span_str(name_of(number)),
				    sfs_span_str(name_of(to)), flags, NULL);
	if (!model[number].exists || (flags && !model[to].exists)) {
		assert_int_equal(err, SFS_ERR_NOT_FOUND);
		return;
	}
	assert_int_equal(err, 0);
	struct model_object was = model[to];
	if (to == number)
		return;
	model[to] = model[number];
	if (flags) {
		model[number] = was;
		return;
	}
	model[number].exists = false;
	follow(number, to);
}

static const char *expected_referrers(int number)
{
	static char text[1024];
	size_t len = 0;
	text[0] = '\0';
	for (int i = 0; i < OBJECTS; i++) {
		if (!model[i].exists)
			continue;
		if (model[i].author == number)
			len += (size_t)snprintf(text + len, sizeof text - len,
						"%sArticle/%s.author", len ? " " : "", name_of(i));
		if (find_target(&model[i], number) >= 0)
			len += (size_t)snprintf(text + len, sizeof text - len,
						"%sArticle/%s.replies", len ? " " : "", name_of(i));
	}
	return text;
}

static void compare(struct case_store *c)
{
	for (int i = 0; i < OBJECTS; i++) {
		char expected[256] = "";
		size_t len = 0;
		assert_string_equal(relation_referrers(c, c->articles, name_of(i)),
				    expected_referrers(i));
		if (!model[i].exists)
			continue;
		for (int k = 0; k < model[i].count; k++)
			len += (size_t)snprintf(expected + len, sizeof expected - len, "%s%s",
						k ? " " : "", name_of(model[i].targets[k]));
		assert_string_equal(relation_targets(c, name_of(i), "replies"), expected);
		assert_string_equal(relation_targets(c, name_of(i), "author"),
				    model[i].author < 0 ? "" : name_of(model[i].author));
	}
	relation_sound(c);
}

static void random_changes(void **state)
{
	static void (*const changes[])(struct case_store *c, int number) = {
		do_put, do_put, do_add,   do_add,    do_add,    do_take,
		do_set, do_set, do_clear, do_remove, do_rename, do_rename,
	};
	struct case_store *c = *state;
	relation_define(c, "Article",
			"{\"relations\": {\"author\": \"Article\", \"replies\": [\"Article\"]}}");
	memset(model, 0, sizeof model);
	random_state = 20261122;
	for (int i = 0; i < 1500; i++) {
		changes[pick(sizeof changes / sizeof *changes)](c, (int)pick(OBJECTS));
		if (i % 5 == 0)
			compare(c);
		if (i % 500 == 499)
			case_reopen(c);
		if (!case_durable() && i % 500 == 499)
			break;
	}
	compare(c);
}

int contract_relation_model(const char *backend)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_changes, case_setup, case_teardown),
	};
	case_backend = backend;
	return cmocka_run_group_tests_name("relation_model", tests, NULL, NULL);
}
