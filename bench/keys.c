/*
 * keys_bench: what the functions of indexes cost, in nanoseconds for one object.
 *
 * Usage: keys_bench [OBJECTS]
 *
 * The object has a title of five words, a text of 150 words, a path, a number and five tags. Prints
 * lines of "NAME KEYS NS_PER_OBJECT NS_PER_KEY", the median of slices.
 */
#include <stdio.h>
#include <stdlib.h>
#include "document/document.h"
#include "index/extract.h"
#include "schema/schema.h"
#include "measure.h"

#define SLICES 21

static const char definition[] =
	"{ \"indexes\": { \"rank\": \"value\", \"tags\": \"value\", \"title\": \"normalize\","
	" \"plain\": \"noaccents:title\", \"word\": \"keyword:title\", \"words\": \"keywords:title,text\","
	" \"folder\": \"paths\", \"changed\": \"update_time\", \"list\": \"normalize:tags\" } }";

static struct sfs_buf make_body(void)
{
	static const char *const words[] = { "the", "Crème", "brûlée", "of", "Łódź", "is", "fine" };
	struct sfs_buf json = SFS_BUF_INIT, body = SFS_BUF_INIT;
	struct sfsi_document_rules rules = { .any_type = true };
	check(sfs_buf_printf(&json,
			     "{\"title\": \"The Crème brûlée of Łódź\", \"rank\": 12345,"
			     " \"folder\": \"/news/2025/january/31\","
			     " \"tags\": [\"a\", \"be\", \"sea\", \"Dé\", \"E\"], \"text\": \""),
	      "text", NULL);
	for (int i = 0; i < 150; i++)
		check(sfs_buf_printf(&json, "%s%d ", words[i % 7], i), "text", NULL);
	check(sfs_buf_printf(&json, "\"}"), "text", NULL);
	check(sfsi_document_parse(SFS_FORMAT_JSON, sfs_buf_span(&json), &rules, &body, NULL),
	      "document", NULL);
	sfs_buf_fini(&json);
	return body;
}

static void run(const struct sfsi_index_rule *rule, const struct sfsi_index_input *input,
		unsigned long objects)
{
	struct sfsi_index_keys keys = { .count = 0 };
	unsigned long count = objects / SLICES + 1;
	double slices[SLICES];
	for (int slice = 0; slice < SLICES; slice++) {
		double start = now(CLOCK_MONOTONIC);
		for (unsigned long i = 0; i < count; i++)
			check(sfsi_index_keys_get(rule, input, &keys), "keys", NULL);
		slices[slice] = (now(CLOCK_MONOTONIC) - start) * 1e3 / (double)count;
	}
	double ns = median(slices, SLICES);
	printf("%-8.*s %4zu %9.0f %7.0f\n", (int)rule->name.len, (const char *)rule->name.data,
	       keys.count, ns, ns / (double)(keys.count ? keys.count : 1));
	sfsi_index_keys_fini(&keys);
}

int main(int argc, char **argv)
{
	unsigned long objects = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
	struct sfsi_schema *schema = NULL;
	struct sfs_diag diag = SFS_DIAG_INIT;
	check(sfsi_schema_parse(sfs_span_str(definition), "memory", &schema, &diag), "definition",
	      &diag);
	struct sfs_buf body = make_body();
	struct sfsi_index_input input = {
		.body = sfs_buf_span(&body),
		.oid = sfs_span_str("42"),
		.updated_ns = INT64_C(1735787045678901234),
	};
	for (uint32_t i = 0; i < schema->indexes_count; i++)
		run(&schema->indexes[i], &input, objects);
	sfs_buf_fini(&body);
	sfsi_schema_unref(schema);
	return 0;
}
