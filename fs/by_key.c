/*
 * by/INDEX/: keys as file names. A key is shown as storefs/index.h says, then escaped and shortened as an
 * oid; the empty string is "". Knows no FUSE.
 */
#include <stdio.h>
#include <stdlib.h>
#include "by.h"
#include "name.h"
#include "refusal.h"

/* Keys that are read at a time. */
#define PAGE 256

static enum sfs_query_op op_of(const struct fs_view *view)
{
	return (enum sfs_query_op) * (const unsigned char *)view->id.data;
}

static struct sfs_span index_of(const struct fs_view *view)
{
	return (struct sfs_span){ (const char *)view->id.data + 1, view->id.len - 1 };
}

static size_t make_name(const struct sfs_index_key *key, char ret[SFS_NAME_MAX + 1])
{
	struct sfs_span text = key->text.len ? key->text : sfs_span_str("\"\"");
	return fs_name_make_key(text, key->hash, key->cut, ret);
}

/* --- what a name means --- */

/** What is known of a key. */
struct seen {
	bool known, cut;
	enum sfs_index_kind kind;
	uint64_t count;
	struct sfs_buf bytes, text;
	int err;
};

static void seen_fini(struct seen *seen)
{
	sfs_buf_fini(&seen->bytes);
	sfs_buf_fini(&seen->text);
}

static int see(void *arg, const struct sfs_index_key *key)
{
	struct seen *seen = arg;
	seen->known = true;
	seen->cut = key->cut;
	seen->kind = key->kind;
	seen->count = key->count;
	seen->bytes.len = seen->text.len = 0;
	seen->err = sfs_buf_append(&seen->bytes, key->bytes.data, key->bytes.len);
	if (!seen->err)
		seen->err = sfs_buf_append(&seen->text, key->text.data, key->text.len);
	return 1;
}

static const char *kind_text(enum sfs_index_kind kind)
{
	switch (kind) {
	case SFS_INDEX_NULL: return "null";
	case SFS_INDEX_BOOLEAN: return "true or false";
	case SFS_INDEX_NUMBER: return "a number";
	case SFS_INDEX_STRING: return "a string";
	case SFS_INDEX_OTHER: break;
	}
	return "an array or an object";
}

/** The first key of an index, or the last. */
static int see_end(struct fs *fs, const struct fs_view *dir, bool last, struct seen *ret)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_span none = { "", 0 };
	int err = sfs_index_keys_from(fs->store, dir->class_id, index_of(dir), none, last, 1, see,
				      ret, &diag);
	return err == SFS_ERR_CANCELLED ? ret->err : err < 0 ? fs_by_wrong(&diag, err) : 0;
}

/** Keys are sorted by kind: when the first and the last are of one kind, all are. */
static int check_kind(struct fs *fs, const struct fs_view *dir, struct sfs_span text,
		      enum sfs_index_kind kind)
{
	struct seen first = { .known = false }, last = first;
	struct sfs_span index = index_of(dir);
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = see_end(fs, dir, false, &first);
	if (!err)
		err = see_end(fs, dir, true, &last);
	seen_fini(&first);
	seen_fini(&last);
	if (err < 0 || !first.known || !last.known || first.kind != last.kind || first.kind == kind)
		return err;
	sfs_diag_set(&diag, SFS_ERR_INVALID, "'%.*s' is %s, and each key of index '%.*s' is %s",
		     (int)(text.len < 100 ? text.len : 100), (const char *)text.data,
		     kind_text(kind), (int)(index.len < 100 ? index.len : 100),
		     (const char *)index.data, kind_text(first.kind));
	return fs_by_wrong(&diag, SFS_ERR_INVALID);
}

/** What a directory of results is told by: a key as it is known, or an operator and a text. */
static int make_id(const struct fs_view *dir, struct sfs_span bytes, struct sfs_span text,
		   struct sfs_buf *ret)
{
	bool equal = op_of(dir) == SFS_QUERY_EQ;
	const char head[] = { equal ? FS_BY_KEY : FS_BY_WHERE, *(const char *)dir->id.data };
	int err = sfs_buf_append(ret, head, equal ? 1 : 2);
	if (!err)
		err = fs_by_put_span(ret, index_of(dir));
	if (err < 0)
		return err;
	return equal ? sfs_buf_append(ret, bytes.data, bytes.len) : fs_by_put_span(ret, text);
}

/** Search for the key whose name was shortened. */
struct search {
	struct sfs_span name;
	struct seen seen;
	bool found;
};

static int compare(void *arg, const struct sfs_index_key *key)
{
	struct search *search = arg;
	char name[SFS_NAME_MAX + 1];
	size_t len = make_name(key, name);
	search->found = sfs_span_equal((struct sfs_span){ name, len }, search->name);
	return search->found ? see(&search->seen, key) : 0;
}

static int find_long(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		     struct seen *ret)
{
	struct search search = { .name = name };
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_span none = { "", 0 };
	int err = sfs_index_keys_from(fs->store, dir->class_id, index_of(dir), none, false, 0,
				      compare, &search, &diag);
	if (search.found) {
		seen_fini(ret);
		*ret = search.seen;
		return ret->err;
	}
	return err < 0 && err != SFS_ERR_CANCELLED ? fs_by_wrong(&diag, err) : 0;
}

/** The key that a name means. */
static int find_key(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		    struct sfs_span text, struct seen *ret)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfs_index_key_of(fs->store, dir->class_id, index_of(dir), text, see, ret, &diag);
	if (err < 0 && err != SFS_ERR_CANCELLED)
		return fs_by_wrong(&diag, err);
	err = ret->err;
	if (!err && !ret->count && fs_name_is_hashed(name))
		err = find_long(fs, dir, name, ret);
	if (!err && !ret->count)
		err = check_kind(fs, dir, text, ret->kind);
	if (!err && ret->cut && op_of(dir) != SFS_QUERY_EQ) {
		fs_refusal_because("only equality can be asked of a key as long as this");
		err = SFS_ERR_NOT_FOUND;
	}
	return err;
}

/** One value, whatever the operator is. */
static int find_value(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		      struct sfs_buf *ret)
{
	unsigned char text[SFS_NAME_MAX];
	size_t len;
	struct seen seen = { .known = false };
	if (!fs_name_parse_field(name, text, &len))
		return SFS_ERR_NOT_FOUND;
	struct sfs_span value = { text, len };
	if (op_of(dir) == SFS_QUERY_PREFIX)
		return make_id(dir, value, value, ret);
	int err = find_key(fs, dir, name, value, &seen);
	if (!err)
		err = make_id(dir, sfs_buf_span(&seen.bytes), sfs_buf_span(&seen.text), ret);
	seen_fini(&seen);
	return err;
}

/** Values with commas between them: there each %XX is what it says. */
static int find_values(const struct fs_view *dir, struct sfs_span name, struct sfs_buf *ret)
{
	unsigned char text[SFS_NAME_MAX];
	const char *at = name.data, *end = at + name.len;
	if (*at == '.')
		return SFS_ERR_NOT_FOUND;
	const char head[] = { FS_BY_WHERE, *(const char *)dir->id.data };
	int err = sfs_buf_append(ret, head, sizeof head);
	if (!err)
		err = fs_by_put_span(ret, index_of(dir));
	while (!err) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma ? comma : end;
		size_t len = fs_name_decode((struct sfs_span){ at, (size_t)(stop - at) }, text);
		err = fs_by_put_span(ret, (struct sfs_span){ text, len });
		if (!comma)
			break;
		at = comma + 1;
	}
	return err;
}

static int key_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		    struct fs_view_spec *ret)
{
	int err = op_of(dir) == SFS_QUERY_IN ? find_values(dir, name, &ret->id)
					     : find_value(fs, dir, name, &ret->id);
	return err < 0 ? err : fs_by_check_step(fs, dir, ret);
}

/* --- listing --- */

struct keys {
	struct fs *fs;
	const struct fs_view *dir;
	struct sfs_buf last; /* bytes of the last key of the page */
	struct sfs_buf page; /* of each its number in the listing, and its name with the NUL */
	struct sfs_buf id;
	size_t at;
	bool end;
	int err;
};

static int keys_open(struct fs *fs, const struct fs_view *view, bool write, void **ret)
{
	struct keys *keys = calloc(1, sizeof *keys);
	struct seen seen = { .known = false };
	(void)write;
	if (!keys)
		return SFS_ERR_NO_MEMORY;
	keys->fs = fs;
	keys->dir = view;
	/* Lists of values are no names of keys. */
	keys->end = op_of(view) == SFS_QUERY_IN;
	/* An index that can not be read says so now. */
	int err = see_end(fs, view, false, &seen);
	seen_fini(&seen);
	if (err < 0)
		free(keys);
	else
		*ret = keys;
	return err;
}

static void keys_close(void *cursor, bool write)
{
	struct keys *keys = cursor;
	(void)write;
	sfs_buf_fini(&keys->last);
	sfs_buf_fini(&keys->page);
	sfs_buf_fini(&keys->id);
	free(keys);
}

static int take_key(void *arg, const struct sfs_index_key *key)
{
	struct keys *keys = arg;
	char name[SFS_NAME_MAX + 1];
	size_t len = make_name(key, name) + 1;
	keys->id.len = keys->last.len = 0;
	int err = make_id(keys->dir, key->bytes, key->text, &keys->id);
	uint64_t number = fs_view_number(keys->dir->number, &fs_by_result_ops,
					 sfs_buf_span(&keys->id));
	if (!err)
		err = sfs_buf_append(&keys->page, &number, sizeof number);
	if (!err)
		err = sfs_buf_append(&keys->page, name, len);
	if (!err)
		err = sfs_buf_append(&keys->last, key->bytes.data, key->bytes.len);
	keys->err = err;
	return err < 0;
}

static int read_page(struct keys *keys)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	keys->page.len = keys->at = 0;
	int err = sfs_index_keys_from(keys->fs->store, keys->dir->class_id, index_of(keys->dir),
				      sfs_buf_span(&keys->last), false, PAGE, take_key, keys,
				      &diag);
	if (err == SFS_ERR_CANCELLED)
		err = keys->err;
	keys->end = !err && keys->page.len == 0;
	return err < 0 ? fs_by_wrong(&diag, err) : 0;
}

static int keys_next(void *cursor, struct fs_view_entry *ret)
{
	struct keys *keys = cursor;
	int err = keys->at == keys->page.len && !keys->end ? read_page(keys) : 0;
	if (err < 0 || keys->end)
		return err < 0 ? err : 1;
	const char *bytes = (const char *)keys->page.data + keys->at;
	memcpy(&ret->number, bytes, sizeof ret->number);
	bytes += sizeof ret->number;
	size_t len = strlen(bytes) + 1;
	memcpy(ret->name, bytes, len);
	keys->at += sizeof ret->number + len;
	ret->type = S_IFDIR;
	return 0;
}

static int key_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	return fs_by_attr(fs, view->class_id, ret);
}

const struct fs_view_ops fs_by_index_ops = {
	.kind = "by index",
	.type = S_IFDIR,
	.attr = key_attr,
	.find = key_find,
	.open = keys_open,
	.close = keys_close,
	.next = keys_next,
};
