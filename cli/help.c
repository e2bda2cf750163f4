/* The help, made from the table of verbs. */
#include "cli.h"

static const struct {
	int code;
	const char *meaning;
} exits[] = {
	{ CLI_OK, "done" },
	{ CLI_FAILED, "failed" },
	{ CLI_USAGE, "wrong use" },
	{ CLI_PARTLY, "partly done: some records, files or names were refused" },
	{ CLI_NOT_FOUND, "no such store, class, object or raw" },
	{ CLI_OWNED, "another process owns the store" },
	{ CLI_REFUSED, "refused: the document is not valid, or its class forbids it" },
	{ CLI_NOT_STORE, "not a store, or a store of a newer format" },
	{ CLI_DAMAGED, "problems were found" },
};

static void put_option(FILE *out, const struct cli_option *option)
{
	char text[64];
	snprintf(text, sizeof text, "--%s%s%s", option->name, option->value ? " " : "",
		 option->value ? option->value : "");
	char letter[8] = "    ";
	if (option->letter)
		snprintf(letter, sizeof letter, "-%c, ", option->letter);
	fprintf(out, "  %s%-20s  ", letter, text);
	for (const char *at = option->help; *at; at++) {
		fputc(*at, out);
		if (*at == '\n')
			fprintf(out, "%28s", "");
	}
	fputc('\n', out);
}

static void put_lines(FILE *out, const char *before, const char *lines)
{
	fputs(before, out);
	for (const char *at = lines; *at; at++) {
		fputc(*at, out);
		if (*at == '\n' && at[1])
			fputs(before, out);
	}
	fputc('\n', out);
}

void cli_help(struct cli_ctx *ctx, const struct cli_cmd *cmd)
{
	char before[64];
	snprintf(before, sizeof before, "  storefs %s ", cmd->name);
	fprintf(ctx->out, "storefs %s: %s\n\nUsage:\n", cmd->name, cmd->summary);
	put_lines(ctx->out, before, cmd->synopsis);
	fprintf(ctx->out, "\n%s\n\nOptions:\n", cmd->details);
	for (const struct cli_option *option = cmd->options; option->name; option++)
		put_option(ctx->out, option);
	if (cmd->flags & CLI_OPENS)
		put_option(ctx->out,
			   &(struct cli_option){ "store", 'S', "PATH",
						 "the store, instead of the argument STORE" });
	put_option(ctx->out, &(struct cli_option){ "help", 'h', NULL, "show this text" });
	fprintf(ctx->out, "\nExamples:\n");
	put_lines(ctx->out, "  ", cmd->examples);
	fprintf(ctx->out, "\nExit codes:\n");
	for (size_t i = 0; i < sizeof exits / sizeof *exits; i++)
		if (exits[i].code <= CLI_USAGE || cmd->exits >> exits[i].code & 1)
			fprintf(ctx->out, "  %2d  %s\n", exits[i].code, exits[i].meaning);
	if (cmd->flags & CLI_OPENS)
		fputs("\nSTORE is the folder of a store, or a place where it is mounted. "
		      "Where it is left out,\n$STOREFS_STORE is used.\n",
		      ctx->out);
}

void cli_help_all(struct cli_ctx *ctx)
{
	fputs("storefs: an object store as a folder\n\nUsage:\n  storefs VERB [OPTION]... "
	      "[ARGUMENT]...\n\nVerbs:\n",
	      ctx->out);
	for (const struct cli_cmd *const *cmd = cli_cmds; *cmd; cmd++)
		fprintf(ctx->out, "  %-8s  %s\n", (*cmd)->name, (*cmd)->summary);
	fputs("\nEvery verb works with and without a mount, and has its own --help.\n\n"
	      "Exit codes:\n",
	      ctx->out);
	for (size_t i = 0; i < sizeof exits / sizeof *exits; i++)
		fprintf(ctx->out, "  %2d  %s\n", exits[i].code, exits[i].meaning);
	fputs("\nEnvironment:\n  STOREFS_STORE  the store, where the argument STORE is left out\n",
	      ctx->out);
}
