/* Index rules: names of functions, and what tells a rule from another. */
#include "index/rule.h"
#include "hash.h"
#include "index/own.h"
#include "index/unicode.h"

/** Raised when a built-in function makes other keys than before, or keys become other bytes. */
#define FUNCTIONS_VERSION 1

const char *const sfsi_index_functions[SFSI_INDEX_FUNCTIONS] = {
	[SFSI_INDEX_VALUE] = "value",
	[SFSI_INDEX_NORMALIZE] = "normalize",
	[SFSI_INDEX_NOACCENTS] = "noaccents",
	[SFSI_INDEX_KEYWORD] = "keyword",
	[SFSI_INDEX_KEYWORDS] = "keywords",
	[SFSI_INDEX_UPDATE_TIME] = "update_time",
	[SFSI_INDEX_PATHS] = "paths",
	[SFSI_INDEX_PROPERTIES] = "properties",
	[SFSI_INDEX_OWN] = "own",
};

enum sfsi_index_function sfsi_index_function_find(struct sfs_span name)
{
	if (sfs_span_equal(name, sfs_span_str("updatetime")))
		return SFSI_INDEX_UPDATE_TIME;
	for (int i = 0; i < SFSI_INDEX_FUNCTIONS; i++)
		if (sfs_span_equal(name, sfs_span_str(sfsi_index_functions[i])))
			return (enum sfsi_index_function)i;
	return SFSI_INDEX_FUNCTIONS;
}

bool sfsi_index_is_text(const struct sfsi_index_rule *rule)
{
	switch ((int)rule->function) {
	case SFSI_INDEX_NORMALIZE:
	case SFSI_INDEX_NOACCENTS:
	case SFSI_INDEX_KEYWORD:
	case SFSI_INDEX_KEYWORDS:
	case SFSI_INDEX_PATHS: return true;
	case SFSI_INDEX_PROPERTIES:
		for (uint32_t i = 0; i < rule->parts_count; i++)
			if (!sfsi_index_is_text(&rule->parts[i]))
				return false;
		return true;
	default: return false;
	}
}

bool sfsi_index_is_known(const struct sfsi_index_rule *rule)
{
	bool known = rule->function != SFSI_INDEX_OWN || sfsi_own_exists(rule->own);
	for (uint32_t i = 0; i < rule->parts_count; i++)
		known = known && sfsi_index_is_known(&rule->parts[i]);
	return known;
}

/** Does it read a property? */
static bool is_of_property(const struct sfsi_index_rule *rule)
{
	return rule->function != SFSI_INDEX_PROPERTIES && rule->function != SFSI_INDEX_OWN &&
	       rule->function != SFSI_INDEX_UPDATE_TIME;
}

bool sfsi_index_reads(const struct sfsi_index_rule *rule, struct sfs_span name)
{
	/* A program's function gets all of the document. */
	bool reads = rule->function == SFSI_INDEX_OWN;
	if (is_of_property(rule) && rule->from_count == 0)
		reads = sfs_span_equal(rule->name, name);
	for (uint32_t i = 0; is_of_property(rule) && i < rule->from_count && !reads; i++)
		reads = sfs_span_equal(rule->from[i], name);
	for (uint32_t i = 0; i < rule->parts_count && !reads; i++)
		reads = sfsi_index_reads(&rule->parts[i], name);
	return reads;
}

static uint64_t mix(uint64_t seed, struct sfs_span bytes)
{
	uint64_t len = bytes.len;
	return sfsi_hash2((struct sfs_span){ &len, sizeof len }, bytes, seed);
}

static uint64_t mix_number(uint64_t seed, uint64_t number)
{
	return mix(seed, (struct sfs_span){ &number, sizeof number });
}

uint64_t sfsi_index_fingerprint(const struct sfsi_index_rule *rule)
{
	uint64_t print = mix_number(FUNCTIONS_VERSION, SFSI_UNICODE_VERSION);
	print = mix_number(print, rule->function);
	print = mix_number(print, rule->compatible);
	if (rule->from_count == 0 && is_of_property(rule))
		print = mix(print, rule->name);
	for (uint32_t i = 0; i < rule->from_count; i++)
		print = mix(print, rule->from[i]);
	if (rule->function == SFSI_INDEX_KEYWORDS)
		print = mix_number(print, rule->min);
	if (rule->function == SFSI_INDEX_PATHS)
		print = mix(print, rule->separator);
	if (rule->function == SFSI_INDEX_OWN)
		print = mix_number(mix(print, rule->own), sfsi_own_version(rule->own));
	for (uint32_t i = 0; i < rule->parts_count; i++)
		print = mix_number(print, sfsi_index_fingerprint(&rule->parts[i]));
	return print;
}
