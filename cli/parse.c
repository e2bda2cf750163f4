/*
 * Options of a verb, by getopt_long from the verb's one table.
 *
 * getopt_long keeps its state in globals, and verbs run in several threads of a daemon: the whole
 * parse is under one lock.
 */
#include <getopt.h>
#include <pthread.h>
#include <stdlib.h>
#include "cli.h"

#define OPTIONS_MAX 24

/* Options that come without being in the verb's table. */
static const struct cli_option help_option = { "help", 'h', NULL, "" };
static const struct cli_option store_option = { "store", 'S', "PATH", "" };

/* The verb's table in the form of getopt. */
struct table {
	const struct cli_option *options[OPTIONS_MAX];
	struct option longs[OPTIONS_MAX + 1];
	char letters[2 * OPTIONS_MAX + 2];
	int count;
};

static void table_add(struct table *table, const struct cli_option *option)
{
	if (table->count == OPTIONS_MAX)
		return;
	size_t len = strlen(table->letters);
	if (option->letter) {
		table->letters[len++] = option->letter;
		if (option->value)
			table->letters[len++] = ':';
		table->letters[len] = '\0';
	}
	table->options[table->count] = option;
	table->longs[table->count] = (struct option){
		option->name, option->value ? required_argument : no_argument, NULL, 0x100
	};
	table->count++;
}

static void table_init(struct table *table, const struct cli_cmd *cmd)
{
	*table = (struct table){ .letters = ":" };
	table_add(table, &help_option);
	if (cmd->flags & CLI_OPENS)
		table_add(table, &store_option);
	for (const struct cli_option *option = cmd->options; option->name; option++)
		table_add(table, option);
}

static const struct cli_option *table_letter(const struct table *table, int letter)
{
	for (int i = 0; i < table->count; i++)
		if (table->options[i]->letter == letter)
			return table->options[i];
	return NULL;
}

static int take(struct cli_ctx *ctx, const struct cli_option *option, const char *value)
{
	if (option == &help_option) {
		cli_help(ctx, ctx->cmd);
		return CLI_OK;
	}
	if (option == &store_option) {
		ctx->store_arg = value;
		return -1;
	}
	if (ctx->given_count == CLI_GIVEN_MAX)
		return cli_usage(ctx, "more than %d options", CLI_GIVEN_MAX);
	ctx->given[ctx->given_count++] = (struct cli_given){ option, value ? value : "" };
	return -1;
}

/* "-2h" is a time and "-1" a number, no option has a digit for a letter. */
static bool is_number(const char *arg)
{
	return arg[0] == '-' && arg[1] >= '0' && arg[1] <= '9';
}

/*
 * getopt must not see these as options: each gets a blank before it, in memory of its own, that is passed over
 * again when it was parsed.
 */
static char *hide_numbers(int argc, char **argv, size_t *ret_len)
{
	size_t len = 0;
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		len += is_number(argv[i]) ? strlen(argv[i]) + 2 : 0;
	char *hidden = malloc(len + 1), *at = hidden;
	for (int i = 1; hidden && i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (!is_number(argv[i]))
			continue;
		size_t size = strlen(argv[i]) + 1;
		*at = ' ';
		memcpy(at + 1, argv[i], size);
		argv[i] = at;
		at += size + 1;
	}
	*ret_len = len;
	return hidden;
}

static int parse_locked(struct cli_ctx *ctx, int argc, char **argv)
{
	struct table table;
	table_init(&table, ctx->cmd);
	optind = 0;
	opterr = 0;
	for (;;) {
		int index = 0, code = -1;
		int got = getopt_long(argc, argv, table.letters, table.longs, &index);
		if (got < 0)
			break;
		if (got == ':')
			return cli_usage(ctx, "option '%s' needs a value", argv[optind - 1]);
		if (got == '?' && optopt > 0 && optopt < 0x100)
			return cli_usage(ctx, "unknown option '-%c'", optopt);
		if (got == '?')
			return cli_usage(ctx, "option '%s' is unknown, or takes no value",
					 argv[optind - 1]);
		if (got == 0x100)
			code = take(ctx, table.options[index], optarg);
		else
			code = take(ctx, table_letter(&table, got), optarg);
		if (code >= 0)
			return code;
	}
	ctx->argc = argc - optind;
	ctx->argv = argv + optind;
	return -1;
}

int cli_parse(struct cli_ctx *ctx, int argc, char **argv)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	size_t len = 0;
	char *hidden = hide_numbers(argc, argv, &len);
	if (!cli_own(ctx, hidden))
		return cli_fail(ctx, SFS_ERR_NO_MEMORY, NULL, NULL);
	pthread_mutex_lock(&lock);
	int code = parse_locked(ctx, argc, argv);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < ctx->given_count; i++) {
		const char **value = &ctx->given[i].value;
		*value = *value >= hidden && *value < hidden + len ? *value + 1 : *value;
	}
	for (int i = 0; code < 0 && i < ctx->argc; i++)
		if (ctx->argv[i] >= hidden && ctx->argv[i] < hidden + len)
			ctx->argv[i]++;
	return code;
}
