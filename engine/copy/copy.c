/*
 * Copying a store: classes one after the other. A class of objects is defined first without checks, so
 * that also objects come over that do not fit it, and with its very definition at the end.
 */
#include <stdio.h>
#include "copy/copy.h"
#include "document/document.h"
#include "document/json.h"
#include "document/msgpack.h"

uint64_t sfsi_copy_expected(struct sfs_store *store)
{
	struct sfs_class_info info = { .id = 0 };
	uint64_t count = 0;
	while (sfs_class_next(store, info.id, &info) == 0)
		count += info.objects + info.files;
	return count;
}

int sfsi_copy_step(struct sfsi_copying *copying, uint64_t *count)
{
	++*count;
	return copying->fn && copying->fn(copying->arg, &copying->done, copying->expected)
		       ? SFS_ERR_CANCELLED
		       : 0;
}

int sfsi_copy_fail(struct sfsi_copying *copying, int err, struct sfs_span what)
{
	char why[sizeof copying->diag->text];
	if (err == SFS_ERR_CANCELLED || !copying->diag)
		return err;
	snprintf(why, sizeof why, "%s",
		 copying->diag->text[0] ? copying->diag->text : sfs_err_text(err));
	return sfs_diag_set(copying->diag, err, "%s%s%.*s: %.300s", copying->source.name,
			    what.len ? "/" : "", (int)(what.len < 100 ? what.len : 100),
			    what.len ? (const char *)what.data : "", why);
}

struct sfs_setattr sfsi_copy_attributes(const struct sfs_attr *attr)
{
	return (struct sfs_setattr){
		.mask = SFS_SET_MODE | SFS_SET_UID | SFS_SET_GID | SFS_SET_ATIME | SFS_SET_MTIME,
		.mode = attr->mode,
		.uid = attr->uid,
		.gid = attr->gid,
		.atime_ns = attr->atime_ns,
		.mtime_ns = attr->mtime_ns,
	};
}

/* --- definitions --- */

static int put_string(struct sfs_buf *ret, const char *text)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	return writer.sink.ops->string(&writer.sink, sfs_span_str(text));
}

/** Is it a member that a copy says otherwise? The backend is that of the store. */
static bool is_changed(struct sfs_span name, bool lenient)
{
	return sfs_span_equal(name, sfs_span_str("backend")) ||
	       (lenient && (sfs_span_equal(name, sfs_span_str("validate")) ||
			    sfs_span_equal(name, sfs_span_str("extra"))));
}

/** Members of a definition in msgpack that stay as they are. @ret  NULL: only count them. */
static int copy_members(struct sfs_span body, bool lenient, struct sfs_buf *ret,
			uint32_t *ret_count)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_map_init(&map, body);
	*ret_count = 0;
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0) {
		if (is_changed(pair.name, lenient))
			continue;
		++*ret_count;
		if (ret)
			err = sfs_buf_append(ret, pair.key.data, pair.key.len + pair.value.len);
	}
	return err < 0 ? err : 0;
}

/** A definition without its backend, in msgpack. @lenient  with "validate": "off", "extra": "keep". */
static int change_definition(struct sfs_span text, bool lenient, struct sfs_buf *ret)
{
	static const char *const rules[] = { "validate", "off", "extra", "keep" };
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	struct sfsi_msgpack_writer writer;
	uint32_t count;
	sfsi_msgpack_writer_init(&writer, &body);
	int err = sfsi_json_read(text, &writer.sink, NULL);
	if (!err)
		err = copy_members(sfs_buf_span(&body), lenient, NULL, &count);
	if (!err)
		err = sfsi_msgpack_map_header(ret, count + (lenient ? 2 : 0));
	if (!err)
		err = copy_members(sfs_buf_span(&body), lenient, ret, &count);
	for (size_t i = 0; i < sizeof rules / sizeof *rules && lenient && !err; i++)
		err = put_string(ret, rules[i]);
	return err;
}

int sfsi_copy_same_definition(struct sfs_span a, struct sfs_span b)
{
	SFSI_AUTO_BUF struct sfs_buf left = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf right = SFS_BUF_INIT;
	if (sfs_span_equal(a, b))
		return 0;
	int err = change_definition(a, false, &left);
	if (!err)
		err = change_definition(b, false, &right);
	return err < 0 ? err : sfsi_copy_same(sfs_buf_span(&left), sfs_buf_span(&right));
}

static struct sfs_class_make make_of(const struct sfsi_copying *copying)
{
	const struct sfs_class_info *source = &copying->source;
	return (struct sfs_class_make){
		.name = sfs_span_str(source->name),
		.kind = source->kind,
		.type = sfs_span_str(source->type),
		.mode = source->attr.mode,
		.uid = source->attr.uid,
		.gid = source->attr.gid,
	};
}

static int define(struct sfsi_copying *copying, struct sfs_span text)
{
	const struct sfs_class_make make = make_of(copying);
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfs_class_define(copying->to, &make, text, &diag);
	if (err < 0)
		return sfs_diag_set(copying->diag, err, "%s", diag.text);
	return sfs_class_find(copying->to, make.name, &copying->target);
}

/** The definition that the copy gets: the same text, unless it names another backend. */
static int define_as(struct sfsi_copying *copying, struct sfs_span text, bool lenient)
{
	SFSI_AUTO_BUF struct sfs_buf changed = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf json = SFS_BUF_INIT;
	struct sfs_store_stat to;
	int err = sfs_store_stat(copying->to, &to);
	if (!err && !lenient && strcmp(copying->from_backend, to.backend) == 0)
		return define(copying, text);
	if (!err)
		err = change_definition(text, lenient, &changed);
	if (!err)
		err = sfsi_value_json(sfs_buf_span(&changed), &json);
	return err < 0 ? err : define(copying, sfs_buf_span(&json));
}

int sfsi_copy_class_begin(struct sfsi_copying *copying, struct sfs_span text, bool *ret_defined)
{
	SFSI_AUTO_BUF struct sfs_buf plain = SFS_BUF_INIT;
	const struct sfs_class_make make = make_of(copying);
	int err = sfs_class_create(copying->to, &make, &copying->target, copying->diag);
	if (!err)
		err = sfs_class_schema(copying->to, copying->target.id, &plain);
	if (!err)
		err = sfsi_copy_same_definition(text, sfs_buf_span(&plain));
	*ret_defined = err == SFS_ERR_NOT_FOUND;
	if (!*ret_defined)
		return err;
	return define_as(copying, text, copying->source.kind == SFS_CLASS_OBJECT);
}

int sfsi_copy_class_end(struct sfsi_copying *copying, struct sfs_span text, bool defined)
{
	const struct sfs_setattr set = sfsi_copy_attributes(&copying->source.attr);
	int err = defined && copying->source.kind == SFS_CLASS_OBJECT
			  ? define_as(copying, text, false)
			  : 0;
	return err < 0 ? err : sfs_class_setattr(copying->to, copying->target.id, &set, NULL);
}

/* --- classes --- */

static int copy_content(struct sfsi_copying *copying)
{
	int err = copying->source.kind == SFS_CLASS_OBJECT ? sfsi_copy_objects(copying) : 0;
	return err < 0 ? err : sfsi_copy_tree(copying);
}

static int copy_class(struct sfsi_copying *copying)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	bool defined = false;
	int err = sfs_class_schema(copying->from, copying->source.id, &text);
	if (!err)
		err = sfsi_copy_class_begin(copying, sfs_buf_span(&text), &defined);
	if (!err)
		err = copy_content(copying);
	if (!err)
		err = sfsi_copy_class_end(copying, sfs_buf_span(&text), defined);
	copying->done.classes += !err;
	return err;
}

int sfs_store_copy(struct sfs_store *from, struct sfs_store *to, sfs_copy_progress_fn *fn,
		   void *arg, struct sfs_copied *ret, struct sfs_diag *diag)
{
	struct sfsi_copying copying = {
		.from = from, .to = to, .fn = fn, .arg = arg, .diag = diag
	};
	int err = 0;
	if (sfs_class_next(to, 0, &copying.target) == 0)
		return sfs_diag_set(diag, SFS_ERR_NOT_EMPTY, "%s has classes already",
				    sfs_store_path(to));
	struct sfs_store_stat stat;
	err = sfs_store_stat(from, &stat);
	copying.from_backend = stat.backend;
	copying.expected = sfsi_copy_expected(from);
	while (!err && sfs_class_next(from, copying.source.id, &copying.source) == 0) {
		err = copy_class(&copying);
		if (err < 0)
			err = sfsi_copy_fail(&copying, err, (struct sfs_span){ "", 0 });
	}
	if (!err)
		err = sfs_store_sync(to);
	if (!err && ret)
		*ret = copying.done;
	return err;
}
