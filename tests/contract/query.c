/*
 * The contract of queries: random questions about random objects get the answers that looking at every
 * object gives, in the right order, in every window, while blocks are divided and after a restart.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <storefs/query.h>
#include "case.h"
#include "check_case.h"
#include "contract.h"
#include "store_private.h"

#define OBJECTS 1500
#define STATUSES 4
#define RANKS 40
#define TAGS 6
#define ROUNDS 400

#define DEFINITION \
	"{\"indexes\": {\"status\": \"value\", \"rank\": \"value\", \"tags\": \"value\"}}"

/** What an object holds: -1 or no bit is nothing. */
struct thing {
	bool there;
	int status, rank;
	unsigned tags;
	uint64_t cookie;
};

struct model {
	struct case_store *c;
	struct thing things[OBJECTS];
	uint64_t random;
};

static unsigned pick(struct model *model, unsigned below)
{
	model->random = model->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(model->random >> 33) % below;
}

static void oid_of(int i, char ret[16])
{
	snprintf(ret, 16, "o%d", i);
}

static void text_of(const struct thing *thing, char ret[256])
{
	size_t len = (size_t)snprintf(ret, 256, "{\"x\": 1");
	if (thing->status >= 0)
		len += (size_t)snprintf(ret + len, 256 - len, ", \"status\": \"s%d\"",
					thing->status);
	if (thing->rank >= 0)
		len += (size_t)snprintf(ret + len, 256 - len, ", \"rank\": %d", thing->rank - 10);
	if (thing->tags) {
		len += (size_t)snprintf(ret + len, 256 - len, ", \"tags\": [");
		for (int t = TAGS - 1, first = 1; t >= 0; t--) {
			if (!(thing->tags >> t & 1))
				continue;
			len += (size_t)snprintf(ret + len, 256 - len, "%s\"t%d\"",
						first ? "" : ", ", t);
			first = 0;
		}
		len += (size_t)snprintf(ret + len, 256 - len, "]");
	}
	snprintf(ret + len, 256 - len, "}");
}

static void make_thing(struct model *model, int i)
{
	struct thing *thing = &model->things[i];
	thing->there = pick(model, 10) > 0;
	/* The first status is much more frequent than the others. */
	thing->status = (int)pick(model, 5) - 1;
	if (thing->status > 0 && pick(model, 4))
		thing->status = 0;
	thing->rank = (int)pick(model, RANKS + 4) - 4;
	if (thing->rank < 0)
		thing->rank = -1;
	unsigned some = pick(model, 1u << TAGS);
	thing->tags = pick(model, 3) ? some & pick(model, 1u << TAGS) : 0;
}

static void save_thing(struct model *model, int i)
{
	char oid[16], text[256];
	const struct thing *thing = &model->things[i];
	oid_of(i, oid);
	text_of(thing, text);
	if (thing->there)
		assert_int_equal(case_put(model->c, oid, text, 0), 0);
	else
		(void)!sfs_object_remove(model->c->store, model->c->articles, sfs_span_str(oid), 0);
}

static int note_cookie(void *arg, struct sfs_span oid, const struct sfs_attr *attr, uint64_t cookie)
{
	struct model *model = arg;
	char text[16] = "";
	(void)attr;
	memcpy(text, oid.data, oid.len);
	/* A database is listed in the order of its file, but things of one key are in that of all classes. */
	model->things[atoi(text + 1)].cookie = case_database() ? sfsi_cookie(model->c->store, oid)
							       : cookie;
	return 0;
}

static void fill(struct model *model)
{
	for (int i = 0; i < OBJECTS; i++) {
		make_thing(model, i);
		save_thing(model, i);
	}
	assert_int_equal(
		sfs_object_list(model->c->store, model->c->articles, 0, 0, note_cookie, model), 0);
}

/* --- a question, and what looking at every object answers --- */

struct term {
	int index; /* 0 status, 1 rank, 2 tags */
	enum sfs_query_op op;
	unsigned values; /* bits; the only bit: the value */
};

struct question {
	struct term terms[3];
	int count, sort; /* sort -1: none */
	bool down;
};

static const char *const names[] = { "status", "rank", "tags" };

/** Keys of a thing as bits. */
static uint64_t bits_of(const struct thing *thing, int index)
{
	if (index == 2)
		return thing->tags;
	int value = index ? thing->rank : thing->status;
	return value < 0 ? 0 : (uint64_t)1 << value;
}

static bool holds(const struct term *term, uint64_t bits, uint64_t wanted)
{
	switch (term->op) {
	case SFS_QUERY_EQ:
	case SFS_QUERY_IN: return bits & wanted;
	case SFS_QUERY_NE: return bits && !(bits & wanted);
	case SFS_QUERY_LT: return bits & (wanted - 1);
	case SFS_QUERY_LE: return bits & (wanted - 1 + wanted);
	case SFS_QUERY_GT: return bits & ~(wanted - 1 + wanted);
	case SFS_QUERY_GE: return bits & ~(wanted - 1);
	case SFS_QUERY_PREFIX: return bits && term->index != 1;
	case SFS_QUERY_MISSING: return !bits;
	}
	return false;
}

static uint64_t wanted_bits(const struct term *term)
{
	if (term->index != 1)
		return term->values;
	/* Ranks are more than a word has bits for several of: a value and those behind it. */
	return term->op == SFS_QUERY_IN ? (uint64_t)5 << term->values : (uint64_t)1 << term->values;
}

static bool answers(const struct question *question, const struct thing *thing)
{
	bool is = thing->there;
	for (int i = 0; i < question->count && is; i++) {
		const struct term *term = &question->terms[i];
		is = holds(term, bits_of(thing, term->index), wanted_bits(term));
	}
	return is;
}

/** Smallest or largest key; -1: none. */
static int sort_key(const struct question *question, const struct thing *thing)
{
	uint64_t bits = bits_of(thing, question->sort);
	if (!bits)
		return -1;
	return question->down ? 63 - __builtin_clzll(bits) : __builtin_ctzll(bits);
}

static const struct question *comparing;
static struct model *compared;

static int compare(const void *a, const void *b)
{
	const struct thing *x = &compared->things[*(const int *)a];
	const struct thing *y = &compared->things[*(const int *)b];
	int kx = sort_key(comparing, x), ky = sort_key(comparing, y);
	if ((kx < 0) != (ky < 0))
		return kx < 0 ? 1 : -1;
	int order = kx != ky ? kx - ky : (x->cookie > y->cookie) - (x->cookie < y->cookie);
	return comparing->down ? -order : order;
}

static int compare_numbers(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static int expect(struct model *model, const struct question *question, int ret[OBJECTS])
{
	int count = 0;
	for (int i = 0; i < OBJECTS; i++)
		if (answers(question, &model->things[i]))
			ret[count++] = i;
	comparing = question;
	compared = model;
	if (question->sort >= 0)
		qsort(ret, (size_t)count, sizeof *ret, compare);
	return count;
}

/* --- the same question to the store --- */

static void add_term(struct sfs_query *query, const struct term *term)
{
	char texts[RANKS][16];
	struct sfs_span values[RANKS];
	struct sfs_diag diag = SFS_DIAG_INIT;
	uint64_t bits = wanted_bits(term);
	size_t count = 0;
	for (int i = 0; i < 64 && term->op != SFS_QUERY_MISSING; i++) {
		if (!(bits >> i & 1))
			continue;
		if (term->index == 1)
			snprintf(texts[count], 16, "%d", i - 10);
		else
			snprintf(texts[count], 16, "%c%d", term->index ? 't' : 's', i);
		if (term->op == SFS_QUERY_PREFIX)
			texts[count][1] = '\0';
		values[count] = sfs_span_str(texts[count]);
		count++;
	}
	if (sfs_query_where(query, sfs_span_str(names[term->index]), term->op, values, count,
			    &diag))
		fail_msg("%s", diag.text);
}

static struct sfs_query *ask(struct model *model, const struct question *question)
{
	struct sfs_query *query;
	assert_int_equal(sfs_query_new(model->c->store, model->c->articles, &query), 0);
	for (int i = 0; i < question->count; i++)
		add_term(query, &question->terms[i]);
	if (question->sort >= 0)
		assert_int_equal(sfs_query_sort(query, sfs_span_str(names[question->sort]),
						question->down, NULL),
				 0);
	return query;
}

static int read_hits(struct sfs_query *query, int ret[OBJECTS])
{
	struct sfs_query_hit hit;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int count = 0, err;
	while ((err = sfs_query_next(query, &hit, &diag)) == 0) {
		char oid[16] = "";
		assert_true(count < OBJECTS && hit.oid.len < 16);
		memcpy(oid, hit.oid.data, hit.oid.len);
		ret[count++] = atoi(oid + 1);
	}
	if (err < 0)
		fail_msg("%s", diag.text);
	return count;
}

static void same(const struct question *question, int *found, int found_count, const int *wanted,
		 int wanted_count)
{
	assert_int_equal(found_count, wanted_count);
	if (question->sort < 0)
		qsort(found, (size_t)found_count, sizeof *found, compare_numbers);
	for (int i = 0; i < wanted_count; i++)
		assert_int_equal(found[i], wanted[i]);
}

struct tallies {
	int counts[64], total;
};

static int add_facet(void *arg, struct sfs_span key, uint64_t count)
{
	struct tallies *tallies = arg;
	char text[32] = "";
	memcpy(text, key.data, key.len);
	int number = text[0] == 's' || text[0] == 't' ? atoi(text + 1) : atoi(text) + 10;
	tallies->counts[number] = (int)count;
	tallies->total++;
	return 0;
}

static void check_facets(struct model *model, const struct question *question, int index)
{
	struct tallies found = { .total = 0 };
	int wanted[64] = { 0 }, keys = 0;
	struct sfs_query *query = ask(model, question);
	assert_int_equal(
		sfs_query_facets(query, sfs_span_str(names[index]), add_facet, &found, NULL), 0);
	for (int i = 0; i < OBJECTS; i++) {
		uint64_t bits = answers(question, &model->things[i])
					? bits_of(&model->things[i], index)
					: 0;
		for (int k = 0; k < 64; k++)
			wanted[k] += bits >> k & 1;
	}
	for (int k = 0; k < 64; k++) {
		assert_int_equal(found.counts[k], wanted[k]);
		keys += wanted[k] > 0;
	}
	assert_int_equal(found.total, keys);
	sfs_query_free(query);
}

/** A window of it is a part of all of it. */
static void check_window(struct model *model, const struct question *question)
{
	static int all[OBJECTS], part[OBJECTS];
	struct sfs_query *query = ask(model, question);
	int total = read_hits(query, all);
	sfs_query_free(query);
	int offset = (int)pick(model, (unsigned)total + 3), limit = (int)pick(model, 30);
	int left = total > offset ? total - offset : 0;
	int wanted = left < limit ? left : limit;
	query = ask(model, question);
	sfs_query_offset(query, (uint64_t)offset);
	sfs_query_limit(query, (uint64_t)limit);
	uint64_t count = 0;
	assert_int_equal(sfs_query_count(query, &count, NULL), 0);
	assert_int_equal(count, wanted);
	assert_int_equal(read_hits(query, part), wanted);
	assert_memory_equal(part, all + (offset < total ? offset : 0),
			    (size_t)wanted * sizeof *part);
	/* From a position in it on. */
	int place = (int)pick(model, (unsigned)wanted + 1);
	sfs_query_seek(query, (uint64_t)place);
	assert_int_equal(read_hits(query, part), wanted - place);
	if (wanted > place)
		assert_memory_equal(part, all + offset + place,
				    (size_t)(wanted - place) * sizeof *part);
	if (wanted) {
		char oid[16];
		bool has = false;
		oid_of(all[offset + wanted - 1], oid);
		assert_int_equal(sfs_query_has(query, sfs_span_str(oid), &has, NULL), 0);
		assert_true(has);
		if (offset) {
			oid_of(all[offset - 1], oid);
			assert_int_equal(sfs_query_has(query, sfs_span_str(oid), &has, NULL), 0);
			assert_false(has);
		}
	}
	sfs_query_free(query);
}

static void check_question(struct model *model, const struct question *question)
{
	static int found[OBJECTS], wanted[OBJECTS];
	struct sfs_query *query = ask(model, question);
	int wanted_count = expect(model, question, wanted);
	uint64_t count = 0;
	assert_int_equal(sfs_query_count(query, &count, NULL), 0);
	assert_int_equal(count, wanted_count);
	int found_count = read_hits(query, found);
	same(question, found, found_count, wanted, wanted_count);
	sfs_query_seek(query, 0);
	found_count = read_hits(query, found);
	same(question, found, found_count, wanted, wanted_count);
	for (int i = 0; i < 5; i++) {
		char oid[16];
		bool has = false;
		int number = (int)pick(model, OBJECTS);
		oid_of(number, oid);
		assert_int_equal(sfs_query_has(query, sfs_span_str(oid), &has, NULL), 0);
		assert_int_equal(has, answers(question, &model->things[number]));
	}
	struct sfs_buf text = SFS_BUF_INIT;
	assert_int_equal(sfs_query_explain(query, &text, NULL), 0);
	assert_true(text.len > 0);
	sfs_buf_fini(&text);
	sfs_query_free(query);
	check_window(model, question);
	check_facets(model, question, (int)pick(model, 3));
}

static struct question make_question(struct model *model)
{
	struct question question = { .count = (int)pick(model, 4) };
	question.sort = (int)pick(model, 4) - 1;
	question.down = question.sort >= 0 && pick(model, 2);
	for (int i = 0; i < question.count; i++) {
		struct term *term = &question.terms[i];
		term->index = (int)pick(model, 3);
		term->op = (enum sfs_query_op)pick(model, SFS_QUERY_MISSING + 1);
		unsigned below = term->index == 0 ? STATUSES : term->index == 1 ? RANKS - 3 : TAGS;
		term->values = pick(model, below);
		if (term->index != 1 && term->op == SFS_QUERY_IN)
			term->values = pick(model, (1u << below) - 1) + 1;
		else if (term->index != 1)
			term->values = 1u << term->values;
		/* A prefix is of strings. */
		if (term->op == SFS_QUERY_PREFIX && term->index == 1)
			term->op = SFS_QUERY_GE;
	}
	return question;
}

static void define(struct case_store *c, const char *text)
{
	struct sfs_class_make make = { .name = SPAN("Article"), .mode = 0755 };
	assert_int_equal(sfs_class_define(c->store, &make, sfs_span_str(text), NULL), 0);
}

static void random_questions_get_the_answers_that_the_objects_give(void **state)
{
	struct model *model = calloc(1, sizeof *model);
	assert_non_null(model);
	model->c = *state;
	model->random = 4711;
	define(model->c, DEFINITION);
	fill(model);
	for (int round = 0; round < ROUNDS; round++) {
		struct question question = make_question(model);
		check_question(model, &question);
		for (int i = 0; i < 5; i++) {
			int number = (int)pick(model, OBJECTS);
			uint64_t cookie = model->things[number].cookie;
			make_thing(model, number);
			save_thing(model, number);
			struct sfs_attr attr;
			char oid[16];
			oid_of(number, oid);
			model->things[number].cookie = cookie;
			if (!cookie && sfs_object_find(model->c->store, model->c->articles,
						       sfs_span_str(oid), &attr) == 0)
				assert_int_equal(sfs_object_list(model->c->store,
								 model->c->articles, 0, 0,
								 note_cookie, model),
						 0);
		}
		if (round == ROUNDS / 2)
			case_reopen(model->c);
		if (round % 100 == 50)
			assert_int_equal(sfs_index_rebuild(model->c->store, model->c->articles,
							   SPAN("rank"), NULL, NULL, NULL, NULL),
					 0);
	}
	assert_string_equal(check_run(model->c), "");
	free(model);
}

static const char *parse(struct case_store *c, const char *text)
{
	static char shown[1024];
	struct sfs_query *query;
	struct sfs_query_hit hit;
	struct sfs_diag diag = SFS_DIAG_INIT;
	size_t len = 0;
	assert_int_equal(sfs_query_new(c->store, c->articles, &query), 0);
	int err = sfs_query_parse(query, sfs_span_str(text), &diag);
	if (!err)
		err = sfs_query_sort(query, SPAN("rank"), false, &diag);
	shown[0] = '\0';
	while (!err && (err = sfs_query_next(query, &hit, &diag)) == 0)
		len += (size_t)snprintf(shown + len, sizeof shown - len, "%s%.*s", len ? " " : "",
					(int)hit.oid.len, (const char *)hit.oid.data);
	if (err < 0)
		snprintf(shown, sizeof shown, "%s", diag.text);
	sfs_query_free(query);
	return shown;
}

static void a_query_can_be_written_as_text(void **state)
{
	struct case_store *c = *state;
	define(c,
	       "{\"indexes\": {\"status\": \"value\", \"rank\": \"value\", \"a.ge\": \"value:x\","
	       " \"two words\": \"value:title\"}}");
	assert_int_equal(case_put(c, "1", "{\"rank\": 1, \"status\": \"a b\", \"x\": 7}", 0), 0);
	assert_int_equal(case_put(c, "2", "{\"rank\": 2, \"status\": \"draft\"}", 0), 0);
	assert_int_equal(
		case_put(c, "3", "{\"rank\": 3.5, \"status\": \"dead\", \"title\": \"10\"}", 0), 0);
	assert_int_equal(case_put(c, "4", "{\"rank\": \"3\", \"status\": \"x,y\"}", 0), 0);
	assert_int_equal(case_put(c, "5", "{\"rank\": 10}", 0), 0);
	assert_string_equal(parse(c, ""), "1 2 3 5 4");
	assert_string_equal(parse(c, "status=draft"), "2");
	assert_string_equal(parse(c, " status=\"a b\"\t"), "1");
	assert_string_equal(parse(c, "status^=d rank>2"), "3");
	assert_string_equal(parse(c, "status.prefix=\"d\""), "2 3");
	assert_string_equal(parse(c, "rank>=2"), "2 3 5");
	assert_string_equal(parse(c, "rank.ge=2 rank.lt=10"), "2 3");
	assert_string_equal(parse(c, "rank>=2.0"), "2 3 5");
	assert_string_equal(parse(c, "rank<=\"3\""), "4");
	assert_string_equal(parse(c, "rank=3"), "");
	assert_string_equal(parse(c, "rank=\"3\""), "4");
	assert_string_equal(parse(c, "status.in=draft,\"x,y\",\"a b\""), "1 2 4");
	assert_string_equal(parse(c, "status!=draft"), "1 3 4");
	assert_string_equal(parse(c, "status.missing"), "5");
	assert_string_equal(parse(c, "a.ge=7"), "1");
	assert_string_equal(parse(c, "a.ge.le=7"), "1");
	assert_string_equal(parse(c, "\"two words\"=\"10\""), "3");
	assert_string_equal(parse(c, "nothing=1"), "there is no index nothing");
	assert_string_equal(parse(c, "status"),
			    "at character 7: expected =, !=, <, <=, >, >= or ^= behind the name of "
			    "an index");
	assert_string_equal(parse(c, "=1"), "at character 1: expected the name of an index");
	assert_string_equal(parse(c, "status=\"a"),
			    "at character 8: a string without its closing quotation mark");
	assert_string_equal(parse(c, "status=\"a\"b"),
			    "at character 11: expected white space behind a value");
	assert_string_equal(parse(c, "status.ge>1"), "at character 11: one operator is enough");
	assert_string_equal(parse(c, "status.missing=1"), "at character 16: .missing has no value");
}

static uint64_t entries_read(struct case_store *c, const char *text, const char *sort)
{
	struct sfs_query *query;
	struct sfs_buf explained = SFS_BUF_INIT;
	unsigned long long entries = 0;
	assert_int_equal(sfs_query_new(c->store, c->articles, &query), 0);
	assert_int_equal(sfs_query_parse(query, sfs_span_str(text), NULL), 0);
	if (sort)
		assert_int_equal(sfs_query_sort(query, sfs_span_str(sort), true, NULL), 0);
	sfs_query_limit(query, 20);
	assert_int_equal(sfs_query_explain(query, &explained, NULL), 0);
	assert_int_equal(sfs_buf_append(&explained, "", 1), 0);
	const char *line = strstr(explained.data, "entries: about ");
	assert_non_null(line);
	assert_int_equal(sscanf(line, "entries: about %llu", &entries), 1);
	sfs_buf_fini(&explained);
	sfs_query_free(query);
	return entries;
}

static void the_rarest_condition_is_read(void **state)
{
	struct case_store *c = *state;
	define(c, DEFINITION);
	struct sfs_batch *batch;
	assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
	for (int i = 0; i < 5000; i++) {
		char oid[16], text[64];
		oid_of(i, oid);
		snprintf(text, sizeof text, "{\"status\": \"hot\", \"rank\": %d, \"tags\": \"%s\"}",
			 i, i % 1000 == 7 ? "rare" : "usual");
		struct sfs_put put = { .class_id = c->articles,
				       .oid = sfs_span_str(oid),
				       .text = sfs_span_str(text) };
		assert_int_equal(sfs_batch_put(batch, &put, NULL), 0);
	}
	assert_int_equal(sfs_batch_commit(batch, NULL), 0);
	assert_int_equal(sfs_index_wait(c->store, c->articles, NULL, NULL, NULL), 0);
	assert_int_equal(entries_read(c, "status=hot tags=rare", NULL), 5);
	assert_int_equal(entries_read(c, "tags=rare status=hot", "rank"), 5);
	assert_int_equal(entries_read(c, "status=hot", "rank"), 20);
	assert_true(entries_read(c, "rank>=4990", "rank") <= 20);
	assert_int_equal(entries_read(c, "", "rank"), 20);
}

/* --- while others change the store --- */

struct changer {
	struct case_store *c;
	atomic_bool stop;
};

/** Objects o0 to o999 keep status s0; the others come, change and go. */
static void *change_on(void *arg)
{
	struct changer *changer = arg;
	struct case_store *c = changer->c;
	for (unsigned i = 0; !atomic_load(&changer->stop); i++) {
		char oid[16], text[64];
		bool steady = i % 2;
		oid_of(steady ? (int)(i * 31 % 1000) : 1000 + (int)(i * 17 % 500), oid);
		snprintf(text, sizeof text, "{\"status\": \"%s\", \"rank\": %u}",
			 steady ? "s0" : (i % 3 ? "s0" : "s1"), i % RANKS);
		if (!steady && i % 7 == 0)
			(void)!sfs_object_remove(c->store, c->articles, sfs_span_str(oid), 0);
		else
			assert_int_equal(case_put(c, oid, text, 0), 0);
	}
	return NULL;
}

static void what_matches_throughout_is_delivered_once(void **state)
{
	static int hits[OBJECTS];
	struct case_store *c = *state;
	struct changer changer = { .c = c };
	struct sfs_query_hit hit;
	pthread_t thread;
	define(c, DEFINITION);
	for (int i = 0; i < 1000; i++) {
		char oid[16];
		oid_of(i, oid);
		assert_int_equal(case_put(c, oid, "{\"status\": \"s0\"}", 0), 0);
	}
	assert_int_equal(pthread_create(&thread, NULL, change_on, &changer), 0);
	for (int round = 0; round < 30; round++) {
		struct sfs_query *query;
		int err;
		memset(hits, 0, sizeof hits);
		if (round % 10 == 5)
			assert_int_equal(sfs_index_rebuild(c->store, c->articles, SPAN("status"),
							   NULL, NULL, NULL, NULL),
					 0);
		assert_int_equal(sfs_query_new(c->store, c->articles, &query), 0);
		assert_int_equal(
			sfs_query_parse(query, sfs_span_str(round % 2 ? "status=s0" : "status^=s"),
					NULL),
			0);
		if (round % 3 == 0)
			assert_int_equal(sfs_query_sort(query, SPAN("status"), round % 2, NULL), 0);
		while ((err = sfs_query_next(query, &hit, NULL)) == 0) {
			char oid[16] = "";
			memcpy(oid, hit.oid.data, hit.oid.len);
			hits[atoi(oid + 1)]++;
		}
		assert_int_equal(err, 1);
		for (int i = 0; i < 1000; i++)
			assert_int_equal(hits[i], 1);
		sfs_query_free(query);
	}
	atomic_store(&changer.stop, true);
	pthread_join(thread, NULL);
	assert_string_equal(check_run(c), "");
}

int contract_query(const char *backend)
{
	case_backend = backend;
#define CASE(f) cmocka_unit_test_setup_teardown(f, case_setup, case_teardown)
	const struct CMUnitTest tests[] = {
		CASE(random_questions_get_the_answers_that_the_objects_give),
		CASE(a_query_can_be_written_as_text),
		CASE(the_rarest_condition_is_read),
		CASE(what_matches_throughout_is_delivered_once),
	};
	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
