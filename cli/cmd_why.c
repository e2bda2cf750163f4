/*
 * storefs why: what was refused last, and why. A path in a mount is taken apart here, before the
 * daemon is asked: it knows classes and names, not where it is mounted for others.
 */
#include <stdlib.h>
#include <storefs/errors.h>
#include <storefs/refused.h>
#include "class_name.h"
#include "json.h"
#include "mounts.h"
#include "name.h"
#include "target.h"
#include "verbs.h"

/** What is asked about. All empty: everything. */
struct question {
	struct sfs_span class_name, name, oid; /* name: as a mount shows it */
	bool rejected;                         /* asked by a path in .storefs/rejected */
	struct sfs_class_info class;           /* id 0: there is none of that name */
	unsigned char buf[SFS_OID_MAX];
};

/** What is known. */
struct answer {
	struct sfs_error error; /* operation empty: no line */
	struct sfs_buf text;    /* what its spans point to */
	struct sfs_refused refused;
	bool has_refused;
	char kept[SFS_NAME_MAX + 1];    /* file name of the refused text */
	char removed[SFS_NAME_MAX + 1]; /* … of the text of the object that was removed before */
};

/* --- PATH --- */

/** Absolute path of something that need not be there; only its folder is resolved then. */
static char *locate_path(const char *path)
{
	char *ret = NULL, *copy = NULL, *folder = NULL;
	if (cli_absolute(path, &ret) == 0)
		return ret;
	ret = NULL;
	copy = strdup(path);
	char *slash = copy ? strrchr(copy, '/') : NULL;
	const char *name = slash ? slash + 1 : copy;
	if (slash)
		*slash = '\0';
	const char *dir = !slash ? "." : slash == copy ? "/" : copy;
	if (copy && *name && cli_absolute(dir, &folder) == 0 &&
	    asprintf(&ret, "%s/%s", folder, name) < 0)
		ret = NULL;
	free(folder);
	free(copy);
	return ret;
}

/**
 * A path in a mount becomes its store and, with --mount-path, what stands behind the mount point.
 * The strings live as long as the process: a command runs once.
 */
static int locate(struct cli_ctx *ctx)
{
	static char *store, *inside;
	struct cli_mounts mounts;
	if (ctx->store_arg || ctx->argc != 1 || ctx->given_count == CLI_GIVEN_MAX)
		return -1;
	char *path = locate_path(ctx->argv[0]);
	if (!path || cli_mounts_get(&mounts) < 0) {
		free(path);
		return -1;
	}
	const struct cli_mount *mount = cli_mounts_find(&mounts, path);
	if (mount && mount->store) {
		const char *rest = path + strlen(mount->place);
		store = strdup(mount->store);
		inside = strdup(rest + strspn(rest, "/"));
		ctx->store_arg = store;
		ctx->argc = inside && *inside ? 1 : 0;
		ctx->argv[0] = inside;
		for (const struct cli_option *option = ctx->cmd->options; option->name; option++)
			if (strcmp(option->name, "mount-path") == 0)
				ctx->given[ctx->given_count++] = (struct cli_given){ option, "" };
	}
	cli_mounts_fini(&mounts);
	free(path);
	return -1;
}

static bool starts(struct sfs_span text, const char *with, struct sfs_span *ret_rest)
{
	size_t len = strlen(with);
	if (text.len < len || memcmp(text.data, with, len) != 0)
		return false;
	*ret_rest = (struct sfs_span){ (const char *)text.data + len, text.len - len };
	return true;
}

static void split(struct sfs_span text, struct sfs_span *ret_first, struct sfs_span *ret_rest)
{
	const char *bytes = text.data;
	const char *slash = text.len ? memchr(bytes, '/', text.len) : NULL;
	*ret_first = text;
	*ret_rest = (struct sfs_span){ "", 0 };
	if (!slash)
		return;
	ret_first->len = (size_t)(slash - bytes);
	*ret_rest = (struct sfs_span){ slash + 1, text.len - ret_first->len - 1 };
}

static void take_oid(struct question *question)
{
	struct fs_name name;
	if (question->name.len > SFS_NAME_MAX)
		return;
	fs_name_parse(question->name, &name);
	if (!name.object)
		return;
	memcpy(question->buf, name.oid, name.oid_len);
	question->oid = (struct sfs_span){ question->buf, name.oid_len };
}

/** Take an ending away. Returns whether it was there. */
static bool cut(struct sfs_span *name, struct sfs_span ending)
{
	if (name->len <= ending.len ||
	    memcmp((const char *)name->data + name->len - ending.len, ending.data, ending.len) != 0)
		return false;
	name->len -= ending.len;
	return true;
}

static void ask_path(struct question *question, const char *path)
{
	struct sfs_span all = sfs_span_str(path), rest;
	if (starts(all, ".storefs/rejected/", &rest)) {
		question->rejected = true;
		all = rest;
	} else if (starts(all, ".storefs", &rest)) {
		question->class_name = sfs_span_str(".storefs");
		if (rest.len > 1)
			question->name = (struct sfs_span){ (const char *)rest.data + 1,
							    rest.len - 1 };
		return;
	}
	split(all, &question->class_name, &rest);
	question->name = rest;
	if (question->rejected && !cut(&question->name, sfs_span_str(FS_NAME_ERROR)))
		cut(&question->name, sfs_span_str(FS_NAME_REMOVED));
	if (rest.len && !memchr(rest.data, '/', rest.len))
		take_oid(question);
}

/** A class that another program named is asked for as a mount spells it. */
static void find_class(struct cli_ctx *ctx, struct question *question)
{
	struct sfs_span name = question->class_name;
	if (name.len && (sfs_class_find(ctx->store, name, &question->class) == 0 ||
			 fs_class_find(ctx->store, name, &question->class) == 0))
		question->class_name = sfs_span_str(question->class.name);
}

/** CLASS/OID or CLASS/PATH, as the other verbs take it. */
static void ask_target(struct cli_ctx *ctx, struct question *question, const char *text)
{
	struct cli_target target;
	cli_target_split(text, &target);
	question->class_name = target.class_name;
	find_class(ctx, question);
	if (question->class.id && question->class.kind == SFS_CLASS_OBJECT)
		question->oid = target.rest;
	question->name = target.rest;
}

/* --- looking --- */

struct search {
	struct sfs_span name;
	struct sfs_refused refused;
	struct sfs_buf oid;
};

static int compare(void *arg, struct sfs_span oid, const struct sfs_refused *refused,
		   uint64_t cookie)
{
	struct search *search = arg;
	char name[SFS_NAME_MAX + 1];
	(void)cookie;
	size_t len = fs_name_make(oid, refused->format, name);
	bool same = sfs_span_equal((struct sfs_span){ name, len }, search->name);
	if (!same) {
		len = fs_name_make_error(oid, refused->format, name) - (sizeof FS_NAME_ERROR - 1);
		same = sfs_span_equal((struct sfs_span){ name, len }, search->name);
	}
	if (!same || sfs_buf_append(&search->oid, oid.data, oid.len) < 0)
		return 0;
	search->refused = *refused;
	return 1;
}

/** The refused text of the object, if there is one. */
static int find_refused(struct cli_ctx *ctx, const struct question *question, struct answer *ret)
{
	const struct sfs_class_info *class = &question->class;
	struct search search = { .name = question->name };
	struct sfs_span oid = question->oid;
	if (oid.len == 0 || !class->id)
		return 0;
	int err = sfs_refused_find(ctx->store, class->id, oid, &ret->refused);
	if (err == SFS_ERR_NOT_FOUND && question->name.len > SFS_NAME_MAX - 32) {
		err = sfs_refused_list(ctx->store, class->id, 0, 0, compare, &search);
		if (err == SFS_ERR_CANCELLED)
			ret->refused = search.refused;
		err = err == SFS_ERR_CANCELLED ? 0 : err ? err : SFS_ERR_NOT_FOUND;
		oid = sfs_buf_span(&search.oid);
	}
	ret->has_refused = !err;
	if (!err)
		fs_name_make(oid, ret->refused.format, ret->kept);
	if (!err && ret->refused.removed_ino)
		fs_name_make_removed(oid, ret->removed);
	sfs_buf_fini(&search.oid);
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

static int find(struct cli_ctx *ctx, const struct question *question, struct answer *ret)
{
	int err = find_refused(ctx, question, ret);
	if (err < 0)
		return err;
	err = sfs_errors_last(ctx->store, question->class_name, question->name, question->oid,
			      &ret->error, &ret->text);
	/* The line was pushed out by others, or is about the operation after: the text says it. */
	if (ret->has_refused && (err || question->rejected)) {
		ret->error = (struct sfs_error){
			.time_ns = ret->refused.time_ns,
			.class_name = question->class_name,
			.name = sfs_span_str(ret->kept),
			.oid = question->oid,
			.operation = sfs_span_str("save"),
			.line = ret->refused.diag.line,
			.column = ret->refused.diag.column,
			.message = sfs_span_str(ret->refused.diag.text),
			.errno_name = sfs_span_str("EBADMSG"),
		};
		err = 0;
	}
	return err;
}

/* --- saying --- */

static void put_span(struct cli_ctx *ctx, struct sfs_span text)
{
	const unsigned char *bytes = text.data;
	for (size_t i = 0; i < text.len; i++) {
		if (bytes[i] < 0x20 || bytes[i] == 0x7f)
			fprintf(ctx->out, "\\x%02x", bytes[i]);
		else
			fputc(bytes[i], ctx->out);
	}
}

static void put_text(struct cli_ctx *ctx, const struct question *question,
		     const struct answer *answer)
{
	const struct sfs_error *error = &answer->error;
	char when[48];
	cli_time_text(error->time_ns, when);
	put_span(ctx, error->class_name.len ? error->class_name : sfs_span_str("?"));
	if (error->name.len)
		fputc('/', ctx->out);
	put_span(ctx, error->name);
	fputs(": ", ctx->out);
	put_span(ctx, error->operation);
	if (error->errno_name.len) {
		fprintf(ctx->out, " refused %.19sZ (", when);
		put_span(ctx, error->errno_name);
		fputs("): ", ctx->out);
	} else {
		fprintf(ctx->out, " %.19sZ: ", when);
	}
	if (error->line)
		fprintf(ctx->out, "line %u, column %u: ", error->line, error->column);
	put_span(ctx, error->message);
	fputc('\n', ctx->out);
	if (answer->has_refused) {
		fputs("The refused text is kept until the next good save: .storefs/rejected/",
		      ctx->out);
		put_span(ctx, question->class_name);
		fprintf(ctx->out, "/%s in a mount.\n", answer->kept);
	}
	if (answer->removed[0])
		fprintf(ctx->out,
			"The object was removed just before; its text is kept beside it: %s.\n",
			answer->removed);
}

static void put_json(struct cli_ctx *ctx, const struct question *question,
		     const struct answer *answer)
{
	const struct sfs_error *error = &answer->error;
	struct cli_json json;
	cli_json_init(&json, ctx->out);
	cli_json_open(&json, NULL, '{');
	cli_json_time(&json, "time", error->time_ns);
	cli_json_bytes(&json, "class", error->class_name);
	cli_json_bytes(&json, "name", error->name);
	if (error->oid.len)
		cli_json_bytes(&json, "oid", error->oid);
	cli_json_bytes(&json, "operation", error->operation);
	if (error->errno_name.len)
		cli_json_bytes(&json, "errno", error->errno_name);
	else
		cli_json_null(&json, "errno");
	if (error->line) {
		cli_json_number(&json, "line", error->line);
		cli_json_number(&json, "column", error->column);
	}
	cli_json_bytes(&json, "message", error->message);
	if (answer->has_refused) {
		struct sfs_buf path = SFS_BUF_INIT;
		if (sfs_buf_printf(&path, ".storefs/rejected/%.*s/%s",
				   (int)question->class_name.len,
				   (const char *)question->class_name.data, answer->kept) == 0)
			cli_json_bytes(&json, "rejected", sfs_buf_span(&path));
		cli_json_number(&json, "size", answer->refused.size);
		sfs_buf_fini(&path);
	} else {
		cli_json_null(&json, "rejected");
	}
	cli_json_close(&json, '}');
	cli_json_end(&json);
}

static int nothing(struct cli_ctx *ctx)
{
	if (cli_option(ctx, "json"))
		fputs("null\n", ctx->out);
	else if (ctx->argc > 0)
		fprintf(ctx->out, "nothing was refused there\n");
	else
		fprintf(ctx->out, "nothing was refused\n");
	return CLI_NOT_FOUND;
}

static int run(struct cli_ctx *ctx)
{
	struct question question = { .rejected = false };
	struct answer answer = { .has_refused = false };
	if (ctx->argc > 0 && cli_option(ctx, "mount-path")) {
		ask_path(&question, ctx->argv[0]);
		find_class(ctx, &question);
	} else if (ctx->argc > 0) {
		ask_target(ctx, &question, ctx->argv[0]);
	}
	int err = find(ctx, &question, &answer);
	int code = 0;
	if (err == SFS_ERR_NOT_FOUND)
		code = nothing(ctx);
	else if (err < 0)
		code = cli_fail(ctx, err, ctx->argc > 0 ? ctx->argv[0] : NULL, NULL);
	else if (cli_option(ctx, "json"))
		put_json(ctx, &question, &answer);
	else
		put_text(ctx, &question, &answer);
	sfs_buf_fini(&answer.text);
	return code;
}

static const struct cli_option options[] = {
	{ "json", 'j', NULL, "as JSON; null: nothing was refused" },
	{ "mount-path", 'm', NULL,
	  "the argument after STORE is a path below the mount point:\n"
	  "CLASS/42.json, .storefs/rejected/CLASS/42.json" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_why = {
	.name = "why",
	.synopsis = "[OPTION]... PATH\n"
		    "[OPTION]... STORE [CLASS[/OID|/PATH]]",
	.summary = "say what was refused last, and why",
	.details =
		"Says in a sentence what the last refused operation on PATH was, when, why (for a\n"
		"document with line and column), and where the refused text is kept. PATH is a path in\n"
		"a mount, of something that need not be there: a file that could not be made, a class,\n"
		"the mount point (then it is the last refused operation of all), or a file in\n"
		".storefs/rejected. Without a mount: STORE, and a class, an object or a raw, as the\n"
		"other verbs take them.\n"
		"The last 1000 refused operations are known; refused texts always. Exit code 10 also\n"
		"means that nothing was refused.",
	.options = options,
	.examples = "storefs why /mnt/blog/Article/42.json\n"
		    "storefs why /mnt/blog\n"
		    "storefs why --json /srv/blog Article/42",
	.flags = CLI_OPENS | CLI_READS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 0,
	.max_args = 1,
	.locate = locate,
	.run = run,
};
