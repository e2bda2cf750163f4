/* storefs put: save one object or raw. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>
#include "json.h"
#include "raws.h"
#include "target.h"
#include "verbs.h"

struct source {
	const char *name;
	int fd;
	bool owned;
};

static int open_source(struct cli_ctx *ctx, struct source *ret)
{
	const char *name = ctx->argc > 1 ? ctx->argv[1] : "-";
	*ret = (struct source){ .name = name, .fd = ctx->in_fd };
	if (strcmp(name, "-") == 0) {
		ret->name = "standard input";
		return 0;
	}
	ret->fd = openat(ctx->cwd_fd, name, O_RDONLY | O_CLOEXEC);
	if (ret->fd < 0)
		return cli_fail_errno(ctx, errno, name);
	ret->owned = true;
	return 0;
}

static bool take_format(struct cli_ctx *ctx, const char *source, enum sfs_format *ret)
{
	enum sfs_format fallback = SFS_FORMAT_JSON, of_name;
	if (cli_format_of(source, &of_name))
		fallback = of_name;
	return cli_option_format(ctx, fallback, ret);
}

static void put_json(struct cli_ctx *ctx, const struct cli_target *target,
		     const struct sfs_attr *attr, bool created)
{
	struct cli_json json;
	if (!cli_option(ctx, "json"))
		return;
	cli_json_init(&json, ctx->out);
	cli_json_open(&json, NULL, '{');
	cli_json_string(&json, "class", target->class.name);
	cli_json_bytes(&json, "oid", target->rest);
	cli_json_bool(&json, "created", created);
	cli_json_number(&json, "ino", attr->ino);
	cli_json_number(&json, "size", attr->size);
	cli_json_time(&json, "mtime", attr->mtime_ns);
	cli_json_number(&json, "revision", attr->revision);
	cli_json_close(&json, '}');
	cli_json_end(&json);
}

static int refused(struct cli_ctx *ctx, const struct cli_target *target, const char *source,
		   int err, const struct sfs_diag *diag)
{
	char what[512];
	if (err != SFS_ERR_BAD_DOCUMENT)
		return cli_fail(ctx, err, target->text, diag);
	if (diag->line)
		snprintf(what, sizeof what, "%s:%" PRIu32 ":%" PRIu32, source, diag->line,
			 diag->column);
	else
		snprintf(what, sizeof what, "%s: byte %" PRIu64, source, diag->offset);
	return cli_fail(ctx, err, what, diag);
}

/* A document. Returns 0, or an exit code after saying why. */
static int read_text(struct cli_ctx *ctx, const struct source *source, struct sfs_buf *ret)
{
	int err = cli_read_all(ctx, source->fd, SFS_DOCUMENT_MAX, ret);
	if (err == SFS_ERR_LIMIT) {
		cli_error(ctx, source->name, "longer than %zu bytes, the longest document",
			  SFS_DOCUMENT_MAX);
		return CLI_REFUSED;
	}
	return err < 0 ? cli_fail(ctx, err, source->name, NULL) : 0;
}

static int save_object(struct cli_ctx *ctx, const struct cli_target *target,
		       const struct source *source, enum sfs_format format, struct sfs_buf *text)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_attr attr, before;
	int err = read_text(ctx, source, text);
	if (err != 0)
		return err;
	struct sfs_put put = {
		.class_id = target->class.id,
		.oid = target->rest,
		.format = format,
		.text = sfs_buf_span(text),
		.flags = target->has_rest ? 0 : SFS_PUT_CREATE, /* a new oid is nobody else's */
	};
	bool created = sfs_object_find(ctx->store, put.class_id, put.oid, &before) < 0;
	err = sfs_object_put(ctx->store, &put, &attr, &diag);
	if (err < 0) {
		cli_refused(ctx, "put", &put, err, &diag);
		return refused(ctx, target, source->name, err, &diag);
	}
	if (diag.text[0])
		cli_error(ctx, target->text, "saved, but it does not fit: %s", diag.text);
	put_json(ctx, target, &attr, created);
	return 0;
}

/* Nobody said which oid: a new one, that is printed. */
static int new_oid(struct cli_ctx *ctx, struct cli_target *target, char oid[SFS_OID_MADE_SIZE])
{
	int err = sfs_oid_make(ctx->store, target->class.id, oid);
	if (err < 0)
		return cli_fail(ctx, err, target->text, NULL);
	target->rest = sfs_span_str(oid);
	return 0;
}

/* A raw that is there keeps its mode and its metadata: only the bytes are new. */
static int fill_raw(struct cli_ctx *ctx, struct cli_raw_new *raw, int fd, int *ret_errno,
		    bool *ret_created)
{
	struct sfs_attr before, after;
	int err = sfs_raw_find(ctx->store, raw->dir, raw->name, &before);
	*ret_created = err < 0;
	if (err == 0 && before.type == SFS_NODE_DIR)
		return SFS_ERR_IS_DIR;
	err = cli_raw_fill(ctx, raw, fd, ret_errno);
	if (err < 0 || *ret_created || before.type != SFS_NODE_FILE)
		return err;
	struct sfs_setattr set = {
		.mask = SFS_SET_MODE | SFS_SET_UID | SFS_SET_GID,
		.mode = before.mode,
		.uid = before.uid,
		.gid = before.gid,
	};
	err = sfs_raw_setattr(ctx->store, raw->attr.ino, &set, &after);
	return err < 0 ? err : cli_raw_copy_meta(ctx, before.ino, raw->attr.ino);
}

static int save_raw(struct cli_ctx *ctx, const struct cli_target *target,
		    const struct source *source)
{
	struct cli_raw_new raw;
	struct sfs_span name;
	struct sfs_attr attr;
	uint64_t dir;
	int error = 0;
	bool created = false;
	int err = cli_raw_parent(ctx, target->class.id, target->rest, true, &dir, &name);
	if (err == 0)
		err = cli_raw_begin(ctx, dir, name, 0644, &raw);
	if (err < 0)
		return cli_fail(ctx, err, target->text, NULL);
	err = fill_raw(ctx, &raw, source->fd, &error, &created);
	if (err < 0)
		cli_raw_abort(ctx, &raw);
	else
		err = cli_raw_commit(ctx, &raw, NULL);
	if (error && err < 0)
		return cli_fail_errno(ctx, error, source->name);
	if (err == 0)
		err = sfs_raw_find(ctx->store, dir, name, &attr);
	if (err < 0)
		return cli_fail(ctx, err, target->text, NULL);
	put_json(ctx, target, &attr, created);
	return 0;
}

/* --meta: what is given is the metadata of a raw, as one document. */
static int save_meta(struct cli_ctx *ctx, const struct cli_target *target,
		     const struct source *source, enum sfs_format format)
{
	struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_attr attr;
	if (target->class.kind != SFS_CLASS_RAW)
		return cli_usage(ctx, "--meta is for raws, and %s is a class of objects",
				 target->class.name);
	int err = sfs_raw_find_path(ctx->store, target->class.id, target->rest, &attr);
	if (err < 0)
		return cli_fail(ctx, err, target->text, NULL);
	int code = read_text(ctx, source, &text);
	const struct sfs_raw_meta_put put = {
		.format = format,
		.text = sfs_buf_span(&text),
		.flags = cli_option(ctx, "merge") ? SFS_PUT_MERGE : 0,
	};
	if (code == 0)
		err = sfs_raw_meta_put(ctx->store, attr.ino, &put, &diag);
	sfs_buf_fini(&text);
	return code != 0 ? code : err < 0 ? refused(ctx, target, source->name, err, &diag) : 0;
}

/** @oid  room for a new one; target leads to it afterwards. */
static int save(struct cli_ctx *ctx, struct cli_target *target, char oid[SFS_OID_MADE_SIZE],
		const struct source *source, enum sfs_class_kind kind, enum sfs_format format)
{
	bool made, new = !target->has_rest;
	int code = cli_class_need(ctx, target->class_name, kind, &target->class, &made);
	if (code == 0 && new)
		code = new_oid(ctx, target, oid);
	if (code != 0)
		return code;
	if (target->class.kind == SFS_CLASS_RAW) {
		code = save_raw(ctx, target, source);
	} else {
		struct sfs_buf text = SFS_BUF_INIT;
		code = save_object(ctx, target, source, format, &text);
		sfs_buf_fini(&text);
	}
	if (code == 0 && new && !cli_option(ctx, "json"))
		fprintf(ctx->out, "%s\n", oid);
	if (code != 0 && made) {
		int err = sfs_class_remove(ctx->store, target->class_name);
		(void)err; /* somebody uses it by now */
	}
	return code;
}

static int check(struct cli_ctx *ctx)
{
	struct cli_target target;
	enum sfs_class_kind kind;
	enum sfs_format format;
	cli_target_split(ctx->argv[0], &target);
	if (!target.has_rest && strchr(ctx->argv[0], '/'))
		return cli_usage(ctx, "'%s' has no oid, expected CLASS/OID, or CLASS for a new one",
				 ctx->argv[0]);
	if (cli_option(ctx, "merge") && !cli_option(ctx, "meta"))
		return cli_usage(ctx, "--merge goes with --meta");
	if (cli_option(ctx, "meta") && !target.has_rest)
		return cli_usage(ctx, "'%s' is a class, expected CLASS/OID", ctx->argv[0]);
	return cli_option_kind(ctx, &kind) && take_format(ctx, "", &format) ? 0 : CLI_USAGE;
}

static int run(struct cli_ctx *ctx)
{
	struct cli_target target;
	struct source source;
	enum sfs_class_kind kind;
	enum sfs_format format;
	char oid[SFS_OID_MADE_SIZE] = "";
	cli_target_split(ctx->argv[0], &target);
	if (!cli_option_kind(ctx, &kind) ||
	    !take_format(ctx, ctx->argc > 1 ? ctx->argv[1] : "-", &format))
		return CLI_USAGE;
	int code = open_source(ctx, &source);
	bool meta = cli_option(ctx, "meta");
	if (code == 0 && meta)
		code = cli_target_find(ctx, ctx->argv[0], &target);
	if (code == 0 && meta)
		code = save_meta(ctx, &target, &source, format);
	else if (code == 0)
		code = save(ctx, &target, oid, &source, kind, format);
	if (source.owned)
		close(source.fd);
	return code;
}

static const struct cli_option options[] = {
	{ "kind", 'k', "KIND", "make the class when it is missing: object or raw" },
	{ "format", 'F', "FORMAT",
	  "of the document: json or msgpack\n"
	  "(default: by the name of FILE, else json)" },
	{ "meta", 'm', NULL, "FILE is the metadata of the raw, in place of all it has" },
	{ "merge", 'M', NULL, "with --meta: keys that FILE does not have stay as they are" },
	{ "json", 'j', NULL, "what was saved, as JSON" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_put = {
	.name = "put",
	.synopsis = "[OPTION]... STORE CLASS/OID [FILE]\n[OPTION]... STORE CLASS [FILE]",
	.summary = "save one object or raw",
	.details =
		"Saves FILE, or standard input when it is - or left out. A document replaces the\n"
		"object and is kept in canonical form; one that is refused changes nothing. Bytes\n"
		"of a raw are written aside and put in place when they are whole; missing\n"
		"directories are made. What stands after the first '/' is the oid as it is, without\n"
		"any escaping; when nothing does, a new one is made and printed. A document must fit\n"
		"the definition of its class.",
	.options = options,
	.examples =
		"echo '{\"title\": \"Hello\"}' | storefs put --kind object /srv/blog Article/42\n"
		"storefs put /srv/blog Article/42 42.msgpack\n"
		"oid=$(storefs put /srv/blog Article draft.json)\n"
		"storefs put /srv/blog Image/holiday/a.jpg a.jpg\n"
		"echo '{\"width\": 1920}' | storefs put --meta --merge /srv/blog Image/holiday/a.jpg",
	.flags = CLI_OPENS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_REFUSED | 1u << CLI_NOT_STORE,
	.min_args = 1,
	.max_args = 2,
	.check = check,
	.run = run,
};
