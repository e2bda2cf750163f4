/*
 * Queries as directories: see by.h. Here are the directories; what is in by/INDEX/ is by_key.c's.
 */
#include "by.h"
#include <stdio.h>
#include <stdlib.h>
#include <storefs/query.h>
#include "name.h"
#include "place.h"
#include "refusal.h"

#define COOKIE_FIRST 3

static const struct fs_view_ops by_ops, sort_ops, number_ops, link_ops;

/* --- what they have in common --- */

int fs_by_wrong(struct sfs_diag *diag, int err)
{
	bool building = err == SFS_ERR_NOT_READY || err == SFS_ERR_UNSUPPORTED;
	if (diag->text[0])
		fs_refusal_diag(diag);
	/* What can not be asked is not there. */
	return err == SFS_ERR_INVALID ? SFS_ERR_NOT_FOUND : building ? SFS_ERR_NOT_READY : err;
}

int fs_by_attr(struct fs *fs, uint32_t class_id, struct sfs_attr *ret)
{
	struct sfs_attr attr;
	int err = sfs_raw_stat(fs->store, sfs_ino_make(class_id, 1), &attr);
	if (err < 0)
		return err;
	ret->mode = attr.mode & 0555;
	ret->uid = attr.uid;
	ret->gid = attr.gid;
	ret->nlink = 2;
	ret->atime_ns = attr.atime_ns;
	ret->mtime_ns = attr.mtime_ns;
	ret->ctime_ns = attr.ctime_ns;
	return 0;
}

static int dir_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	return fs_by_attr(fs, view->class_id, ret);
}

static unsigned depth_of(const struct fs_view *view)
{
	unsigned depth = 0;
	for (; view; view = view->parent)
		depth++;
	return depth;
}

/* --- the query of a directory --- */

static int where(struct sfs_query *query, struct sfs_span rest, struct sfs_diag *diag)
{
	enum sfs_query_op op = (enum sfs_query_op) * (const unsigned char *)rest.data;
	rest = (struct sfs_span){ (const char *)rest.data + 1, rest.len - 1 };
	struct sfs_span index = fs_by_take_span(&rest);
	struct sfs_span *values = calloc(rest.len / 2 + 1, sizeof *values);
	size_t count = 0;
	if (!values)
		return SFS_ERR_NO_MEMORY;
	while (rest.len)
		values[count++] = fs_by_take_span(&rest);
	int err = sfs_query_where(query, index, op, values, count, diag);
	free(values);
	return err;
}

static uint64_t number_in(struct sfs_span rest)
{
	uint64_t number;
	memcpy(&number, rest.data, sizeof number);
	return number;
}

/** What a directory of results adds. */
static int add_step(struct sfs_query *query, struct sfs_span step, struct sfs_diag *diag)
{
	const char *id = step.data;
	struct sfs_span rest = { id + 1, step.len - 1 };
	struct sfs_span index;
	switch ((enum fs_by_step) * id) {
	case FS_BY_WHERE: return where(query, rest, diag);
	case FS_BY_KEY:
		index = fs_by_take_span(&rest);
		return sfs_query_where_key(query, index, rest, diag);
	case FS_BY_SORT:
		index = (struct sfs_span){ id + 2, step.len - 2 };
		return sfs_query_sort(query, index, id[1] == '-', diag);
	case FS_BY_LIMIT: sfs_query_limit(query, number_in(rest)); return 0;
	case FS_BY_OFFSET: sfs_query_offset(query, number_in(rest)); return 0;
	}
	return SFS_ERR_INVALID;
}

/** @step  NULL, or one more. */
static int build(struct fs *fs, const struct fs_view *view, uint32_t class_id,
		 const struct sfs_span *step, struct sfs_query **ret)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_query *query;
	int err = sfs_query_new(fs->store, class_id, &query);
	if (err < 0)
		return err;
	if (step)
		err = add_step(query, *step, &diag);
	for (; view && !err; view = view->parent) {
		if (view->ops == &fs_by_result_ops)
			err = add_step(query, view->id, &diag);
	}
	if (err < 0) {
		sfs_query_free(query);
		return fs_by_wrong(&diag, err);
	}
	*ret = query;
	return 0;
}

int fs_by_query(struct fs *fs, const struct fs_view *view, uint32_t class_id,
		struct sfs_query **ret)
{
	return build(fs, view, class_id, NULL, ret);
}

int fs_by_check_step(struct fs *fs, const struct fs_view *dir, struct fs_view_spec *ret)
{
	struct sfs_span step = sfs_buf_span(&ret->id);
	struct sfs_query *query;
	if (depth_of(dir) >= FS_BY_DEPTH_MAX) {
		fs_refusal_because("a query has at most 256 directories above each other");
		return SFS_ERR_LIMIT;
	}
	ret->ops = &fs_by_result_ops;
	int err = build(fs, dir, dir->class_id, &step, &query);
	if (!err)
		sfs_query_free(query);
	return err;
}

/* --- names of indexes --- */

struct names {
	struct sfs_buf text; /* "a, b, c" */
	size_t count;
};

/** The index whose name is shortened to this. */
static int find_long(struct fs *fs, uint32_t class_id, struct sfs_span name, struct sfs_buf *ret)
{
	struct sfs_index_info info = { .id = 0 };
	char file[SFS_NAME_MAX + 1];
	while (sfs_index_next(fs->store, class_id, info.id, &info) == 0) {
		struct sfs_span index = { info.name, info.name_len };
		size_t len = fs_name_make_field(index, file);
		if (sfs_span_equal((struct sfs_span){ file, len }, name))
			return sfs_buf_append(ret, index.data, index.len);
	}
	return SFS_ERR_NOT_FOUND;
}

static int no_index(struct fs *fs, uint32_t class_id, struct sfs_span name)
{
	struct sfs_class_info class;
	struct sfs_index_info info = { .id = 0 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	char known[320] = "";
	size_t len = 0;
	if (sfs_class_get(fs->store, class_id, &class) < 0)
		return SFS_ERR_NOT_FOUND;
	while (len < sizeof known - 1 && sfs_index_next(fs->store, class_id, info.id, &info) == 0) {
		int more = snprintf(known + len, sizeof known - len, "%s%s",
				    len ? ", " : "; it has ", info.name);
		len += more > 0 ? (size_t)more : 0;
	}
	sfs_diag_set(&diag, SFS_ERR_NOT_FOUND, "class %s has no index '%.*s'%s", class.name,
		     (int)name.len, (const char *)name.data, known);
	fs_refusal_diag(&diag);
	return SFS_ERR_NOT_FOUND;
}

static bool is_index(struct fs *fs, uint32_t class_id, struct sfs_span name)
{
	struct sfs_index_info info;
	return sfs_index_find(fs->store, class_id, name, &info) == 0;
}

int fs_by_index_find(struct fs *fs, uint32_t class_id, struct sfs_span name, bool operators,
		     enum sfs_query_op *ret_op, struct sfs_buf *ret_index)
{
	unsigned char text[SFS_NAME_MAX];
	size_t len;
	/* Programs look for hidden files everywhere: no sentence for each. */
	if (!fs_name_parse_field(name, text, &len))
		return SFS_ERR_NOT_FOUND;
	struct sfs_span whole = { text, len }, index = whole;
	*ret_op = SFS_QUERY_EQ;
	bool found = is_index(fs, class_id, whole);
	if (!found && operators) {
		*ret_op = sfs_query_suffix(whole, &index);
		found = is_index(fs, class_id, index);
	}
	if (found)
		return sfs_buf_append(ret_index, index.data, index.len);
	*ret_op = SFS_QUERY_EQ;
	int err = fs_name_is_hashed(name) ? find_long(fs, class_id, name, ret_index)
					  : SFS_ERR_NOT_FOUND;
	return err == SFS_ERR_NOT_FOUND ? no_index(fs, class_id, name) : err;
}

/* --- by/ --- */

static int by_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		   struct fs_view_spec *ret)
{
	struct sfs_buf index = SFS_BUF_INIT;
	enum sfs_query_op op;
	int err = fs_by_index_find(fs, dir->class_id, name, true, &op, &index);
	if (err < 0)
		return err;
	const char head[] = { FS_BY_WHERE, (char)op };
	bool missing = op == SFS_QUERY_MISSING;
	ret->ops = &fs_by_index_ops;
	err = sfs_buf_append(&ret->id, head + !missing, missing ? 2 : 1);
	if (!err && missing)
		err = fs_by_put_span(&ret->id, sfs_buf_span(&index));
	else if (!err)
		err = sfs_buf_append(&ret->id, index.data, index.len);
	if (!err && missing)
		err = fs_by_check_step(fs, dir, ret);
	sfs_buf_fini(&index);
	return err;
}

static int by_list(struct fs *fs, const struct fs_view *dir, uint64_t after, fs_view_list_fn *fn,
		   void *arg)
{
	struct sfs_index_info info = { .id = after < COOKIE_FIRST ? 0 : (uint32_t)(after - 2) };
	char name[SFS_NAME_MAX + 1], id[SFS_INDEX_NAME_LEN + 1] = { SFS_QUERY_EQ };
	while (sfs_index_next(fs->store, dir->class_id, info.id, &info) == 0) {
		fs_name_make_field((struct sfs_span){ info.name, info.name_len }, name);
		memcpy(id + 1, info.name, info.name_len);
		uint64_t number = fs_view_number(dir->number, &fs_by_index_ops,
						 (struct sfs_span){ id, info.name_len + 1 });
		if (fn(arg, name, S_IFDIR, number, (uint64_t)info.id + 2))
			break;
	}
	return 0;
}

static const struct fs_view_ops by_ops = {
	.kind = "by",
	.type = S_IFDIR,
	.attr = dir_attr,
	.find = by_find,
	.list = by_list,
};

/* --- sort/, limit/, offset/ --- */

static bool is_sorted(const struct fs_view *view)
{
	for (; view; view = view->parent) {
		if (view->ops == &fs_by_result_ops && *(const char *)view->id.data == FS_BY_SORT)
			return true;
	}
	return false;
}

static int sort_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		     struct fs_view_spec *ret)
{
	struct sfs_buf index = SFS_BUF_INIT;
	enum sfs_query_op op;
	const char *bytes = name.data;
	/* An index may itself be called "-x". */
	bool down = name.len > 1 && bytes[0] == '-' && !is_index(fs, dir->class_id, name);
	const char head[] = { FS_BY_SORT, down ? '-' : '+' };
	int err = fs_by_index_find(fs, dir->class_id,
				   (struct sfs_span){ bytes + down, name.len - down }, false, &op,
				   &index);
	if (!err && is_sorted(dir)) {
		fs_refusal_because("these results are sorted already: a query has one order");
		err = SFS_ERR_NOT_FOUND;
	}
	if (!err)
		err = sfs_buf_append(&ret->id, head, sizeof head);
	if (!err)
		err = sfs_buf_append(&ret->id, index.data, index.len);
	if (!err)
		err = fs_by_check_step(fs, dir, ret);
	sfs_buf_fini(&index);
	return err;
}

static const struct fs_view_ops sort_ops = {
	.kind = "by sort",
	.type = S_IFDIR,
	.attr = dir_attr,
	.find = sort_find,
};

static bool parse_number(struct sfs_span name, uint64_t *ret)
{
	const char *digits = name.data;
	*ret = 0;
	for (size_t i = 0; i < name.len; i++) {
		if (digits[i] < '0' || digits[i] > '9' ||
		    *ret > (UINT64_MAX - (uint64_t)(digits[i] - '0')) / 10)
			return false;
		*ret = *ret * 10 + (uint64_t)(digits[i] - '0');
	}
	return name.len > 0;
}

static int number_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		       struct fs_view_spec *ret)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	uint64_t number;
	if (name.len && *(const char *)name.data == '.')
		return SFS_ERR_NOT_FOUND;
	if (!parse_number(name, &number)) {
		sfs_diag_set(&diag, SFS_ERR_INVALID,
			     "'%.*s' is no number: %s/ is followed by one from 0 to %llu",
			     (int)name.len, (const char *)name.data, dir->name,
			     (unsigned long long)UINT64_MAX);
		return fs_by_wrong(&diag, SFS_ERR_INVALID);
	}
	int err = sfs_buf_append(&ret->id, dir->id.data, 1);
	if (!err)
		err = sfs_buf_append(&ret->id, &number, sizeof number);
	return err < 0 ? err : fs_by_check_step(fs, dir, ret);
}

static const struct fs_view_ops number_ops = {
	.kind = "by number",
	.type = S_IFDIR,
	.attr = dir_attr,
	.find = number_find,
};

/** The directories that a directory of results has, and a class. */
static int machinery(struct sfs_span name, struct fs_view_spec *ret)
{
	static const struct {
		const char *name;
		const struct fs_view_ops *ops;
		char id;
	} all[] = {
		{ FS_BY_NAME, &by_ops, 'b' },
		{ "sort", &sort_ops, 's' },
		{ "limit", &number_ops, FS_BY_LIMIT },
		{ "offset", &number_ops, FS_BY_OFFSET },
	};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (!sfs_span_equal(name, sfs_span_str(all[i].name)))
			continue;
		ret->ops = all[i].ops;
		return sfs_buf_append(&ret->id, &all[i].id, 1);
	}
	return SFS_ERR_NOT_FOUND;
}

/* --- results --- */

/** What the links of results lead to: the format that they show, or that they are raws. */
#define LINK_RAW 'r'

/** A link to what has an oid, if that is among the results. */
static int give_link(struct fs *fs, const struct fs_view *dir, struct sfs_span oid, char form,
		     struct fs_view_spec *ret)
{
	struct sfs_query *query;
	struct sfs_diag diag = SFS_DIAG_INIT;
	bool has = false;
	int err = fs_by_query(fs, dir, dir->class_id, &query);
	if (err < 0)
		return err;
	err = fs_by_has(fs, dir, query, oid, &has, &diag);
	sfs_query_free(query);
	if (err < 0)
		return fs_by_wrong(&diag, err);
	ret->ops = &link_ops;
	err = has ? sfs_buf_append(&ret->id, &form, 1) : SFS_ERR_NOT_FOUND;
	return err < 0 ? err : sfs_buf_append(&ret->id, oid.data, oid.len);
}

/** The object that a file name means, if it is among the results. */
static int find_object(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		       struct fs_view_spec *ret)
{
	struct fs_place place;
	char file[SFS_NAME_MAX + 1];
	if (name.len > SFS_NAME_MAX)
		return SFS_ERR_LIMIT;
	memcpy(file, name.data, name.len);
	file[name.len] = '\0';
	int err = fs_place_resolve(fs, sfs_ino_make(dir->class_id, 1), file, &place);
	if (!err && place.kind != FS_PLACE_OBJECT)
		err = SFS_ERR_NOT_FOUND;
	return err < 0 ? err : give_link(fs, dir, fs_place_oid(&place), (char)place.format, ret);
}

/** The path of a shortened name: one of the results has it. */
static int find_long_raw(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
			 struct fs_view_spec *ret)
{
	struct sfs_query *query;
	struct sfs_query_hit hit;
	struct sfs_diag diag = SFS_DIAG_INIT;
	char file[SFS_NAME_MAX + 1];
	const char form = LINK_RAW;
	int err = fs_by_query(fs, dir, dir->class_id, &query);
	if (err < 0)
		return err;
	while ((err = sfs_query_next(query, &hit, &diag)) == 0) {
		size_t len = fs_name_make_field(hit.oid, file);
		if (sfs_span_equal((struct sfs_span){ file, len }, name))
			break;
	}
	ret->ops = &link_ops;
	if (err == 1)
		err = SFS_ERR_NOT_FOUND;
	else if (err < 0)
		err = fs_by_wrong(&diag, err);
	if (!err)
		err = sfs_buf_append(&ret->id, &form, 1);
	if (!err)
		err = sfs_buf_append(&ret->id, hit.oid.data, hit.oid.len);
	sfs_query_free(query);
	return err;
}

/** The raw that a file name means: its path, escaped as one name. */
static int find_raw(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		    struct fs_view_spec *ret)
{
	unsigned char path[SFS_NAME_MAX];
	size_t len;
	if (fs_name_is_hashed(name)) {
		int err = find_long_raw(fs, dir, name, ret);
		if (err != SFS_ERR_NOT_FOUND)
			return err;
		ret->id.len = 0;
	}
	if (!fs_name_parse_field(name, path, &len))
		return SFS_ERR_NOT_FOUND;
	return give_link(fs, dir, (struct sfs_span){ path, len }, LINK_RAW, ret);
}

static bool has_raws(struct fs *fs, uint32_t class_id)
{
	struct sfs_class_info info;
	return sfs_class_get(fs->store, class_id, &info) == 0 && info.kind == SFS_CLASS_RAW;
}

static int find_link(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		     struct fs_view_spec *ret)
{
	return has_raws(fs, dir->class_id) ? find_raw(fs, dir, name, ret)
					   : find_object(fs, dir, name, ret);
}

static int result_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		       struct fs_view_spec *ret)
{
	int err = machinery(name, ret);
	if (err == SFS_ERR_NOT_FOUND)
		err = fs_by_file_find(name, false, ret);
	return err == SFS_ERR_NOT_FOUND ? find_link(fs, dir, name, ret) : err;
}

static int result_xattr(struct fs *fs, const struct fs_view *view, const char *name,
			struct sfs_buf *ret)
{
	struct sfs_query *query;
	struct sfs_diag diag = SFS_DIAG_INIT;
	uint64_t count;
	if (strcmp(name, "user.storefs.count") != 0)
		return SFS_ERR_NOT_FOUND;
	int err = fs_by_query(fs, view, view->class_id, &query);
	if (err < 0)
		return err;
	err = sfs_query_count(query, &count, &diag);
	sfs_query_free(query);
	if (err < 0)
		return fs_by_wrong(&diag, err);
	return sfs_buf_printf(ret, "%llu", (unsigned long long)count);
}

/** A listing of results. */
struct results {
	struct fs *fs;
	struct sfs_query *query;
	uint64_t number; /* st_ino of the directory */
	bool raws;
	struct sfs_buf id;
};

static int results_open(struct fs *fs, const struct fs_view *view, bool write, void **ret)
{
	(void)write;
	struct results *results = calloc(1, sizeof *results);
	if (!results)
		return SFS_ERR_NO_MEMORY;
	results->fs = fs;
	results->number = view->number;
	results->raws = has_raws(fs, view->class_id);
	int err = fs_by_query(fs, view, view->class_id, &results->query);
	if (err < 0)
		free(results);
	else
		*ret = results;
	return err;
}

static void results_close(void *cursor, bool write)
{
	struct results *results = cursor;
	(void)write;
	sfs_query_free(results->query);
	sfs_buf_fini(&results->id);
	free(results);
}

static int results_next(void *cursor, struct fs_view_entry *ret)
{
	struct results *results = cursor;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_query_hit hit;
	int err;
	do {
		err = sfs_query_next(results->query, &hit, &diag);
		/* A raw that went meanwhile has no name. */
	} while (!err && !hit.oid.len);
	if (err)
		return err < 0 ? fs_by_wrong(&diag, err) : err;
	enum sfs_format shown = results->fs->options->format;
	const char format = results->raws ? LINK_RAW : (char)shown;
	if (results->raws)
		fs_name_make_field(hit.oid, ret->name);
	else
		fs_name_make(hit.oid, shown, ret->name);
	ret->type = S_IFLNK;
	results->id.len = 0;
	err = sfs_buf_append(&results->id, &format, 1);
	if (!err)
		err = sfs_buf_append(&results->id, hit.oid.data, hit.oid.len);
	ret->number = fs_view_number(results->number, &link_ops, sfs_buf_span(&results->id));
	return err;
}

const struct fs_view_ops fs_by_result_ops = {
	.kind = "by result",
	.type = S_IFDIR,
	.attr = dir_attr,
	.xattr = result_xattr,
	.find = result_find,
	.open = results_open,
	.close = results_close,
	.next = results_next,
};

/* --- symlinks --- */

static struct sfs_span oid_of(const struct fs_view *link)
{
	return (struct sfs_span){ (const char *)link->id.data + 1, link->id.len - 1 };
}

static int link_text(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret)
{
	char name[SFS_NAME_MAX + 1];
	int err = 0;
	(void)fs;
	for (unsigned depth = depth_of(view->parent); depth > 0 && !err; depth--)
		err = sfs_buf_append(ret, "../", 3);
	const unsigned char form = *(const unsigned char *)view->id.data;
	struct sfs_span oid = oid_of(view);
	if (form == LINK_RAW)
		return err < 0 ? err : sfs_buf_append(ret, oid.data, oid.len);
	size_t len = fs_name_make(oid, (enum sfs_format)form, name);
	return err < 0 ? err : sfs_buf_append(ret, name, len);
}

static int link_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_buf target = SFS_BUF_INIT;
	bool raw = *(const char *)view->id.data == LINK_RAW;
	int err = raw ? sfs_raw_find_path(fs->store, view->class_id, oid_of(view), ret)
		      : sfs_object_find(fs->store, view->class_id, oid_of(view), ret);
	if (err == SFS_ERR_NOT_DIR)
		err = SFS_ERR_NOT_FOUND;
	if (!err)
		err = link_text(fs, view, &target);
	ret->mode = 0777;
	ret->nlink = 1;
	ret->size = ret->size_msgpack = target.len;
	sfs_buf_fini(&target);
	return err;
}

static const struct fs_view_ops link_ops = {
	.kind = "by link",
	.type = S_IFLNK,
	.attr = link_attr,
	.text = link_text,
};

/* --- where they begin --- */

bool fs_by_is_reserved(struct sfs_span name)
{
	struct fs_view_spec spec = { .id = SFS_BUF_INIT };
	bool is = sfs_span_equal(name, sfs_span_str(FS_BY_NAME)) ||
		  sfs_span_equal(name, sfs_span_str(FS_AT_NAME)) ||
		  fs_by_file_find(name, true, &spec) == 0;
	sfs_buf_fini(&spec.id);
	return is;
}

/** Raws may be called anything: only a class of them with indexes has views, and few names for them. */
static bool raws_have(struct fs *fs, uint32_t class_id, struct sfs_span name)
{
	struct sfs_index_info index;
	return fs_by_is_reserved(name) && sfs_index_next(fs->store, class_id, 0, &index) == 0;
}

int fs_by_begin(struct fs *fs, uint64_t dir, struct sfs_span name, struct fs_view_spec *ret)
{
	struct sfs_class_info info;
	int err = machinery(name, ret);
	if (err == SFS_ERR_NOT_FOUND)
		err = fs_by_file_find(name, true, ret);
	if (!err)
		err = sfs_class_get(fs->store, sfs_ino_class(fs_node_ino(dir)), &info);
	if (!err && info.kind == SFS_CLASS_RAW && !raws_have(fs, info.id, name))
		err = SFS_ERR_NOT_FOUND;
	return err;
}

bool fs_by_entry(struct fs *fs, uint32_t class_id, uint64_t dir, uint64_t *ret_number)
{
	struct sfs_index_info info;
	*ret_number = fs_view_number(dir, &by_ops, sfs_span_str("b"));
	return sfs_index_next(fs->store, class_id, 0, &info) == 0;
}
