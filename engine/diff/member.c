/*
 * What of a thing differs: members with the values of both sides as JSON, and two maps read in one order.
 */
#include <stdio.h>
#include <time.h>
#include "backend/key.h"
#include "base/array.h"
#include "diff/diff.h"
#include "document/document.h"
#include "document/json.h"

const char *sfs_diff_aspect_text(enum sfs_diff_aspect aspect)
{
	switch (aspect) {
	case SFS_DIFF_PROPERTY: return "property";
	case SFS_DIFF_RELATION: return "relation";
	case SFS_DIFF_UPDATED: return "updated";
	case SFS_DIFF_TEXT: return "text";
	case SFS_DIFF_SIZE: return "size";
	case SFS_DIFF_BYTES: return "bytes";
	case SFS_DIFF_TARGET: return "target";
	case SFS_DIFF_LINKS: return "links";
	case SFS_DIFF_META: return "meta";
	case SFS_DIFF_KIND: return "kind";
	case SFS_DIFF_DEFINITION: return "definition";
	case SFS_DIFF_INDEX: return "index";
	case SFS_DIFF_TYPE: return "type";
	case SFS_DIFF_MODE: return "mode";
	case SFS_DIFF_OWNER: return "owner";
	case SFS_DIFF_MTIME: return "mtime";
	}
	return "";
}

/* --- members --- */

/** A place for a member whose texts follow. */
static int begin(struct sfsi_diff_members *members, enum sfs_diff_aspect aspect,
		 struct sfs_span name, struct sfsi_diff_member **ret)
{
	int err = sfsi_array_grow(&members->items, members->count, &members->cap,
				  sizeof *members->items);
	size_t at = members->text.len;
	if (!err)
		err = sfs_buf_append(&members->text, name.data, name.len);
	if (err < 0)
		return err;
	*ret = &members->items[members->count++];
	**ret = (struct sfsi_diff_member){ .aspect = aspect, .name = name.len, .at = at };
	return 0;
}

/** The value of one side as JSON, behind what is there. */
static int put_value(struct sfs_buf *text, const struct sfs_span *value, size_t *ret_len)
{
	size_t at = text->len;
	int err = value ? sfsi_value_json(*value, text) : 0;
	*ret_len = text->len - at;
	return err;
}

int sfsi_diff_add(struct sfsi_diff_members *members, enum sfs_diff_aspect aspect,
		  struct sfs_span name, struct sfsi_diff_values values)
{
	struct sfsi_diff_member *member;
	int err = begin(members, aspect, name, &member);
	if (!err)
		err = put_value(&members->text, values.before, &member->before);
	if (!err)
		err = put_value(&members->text, values.after, &member->after);
	if (err < 0)
		return err;
	member->has_before = values.before;
	member->has_after = values.after;
	return 0;
}

int sfsi_diff_add_numbers(struct sfsi_diff_members *members, enum sfs_diff_aspect aspect,
			  struct sfs_span name, uint64_t before, uint64_t after)
{
	uint8_t bytes[18] = { 0xcf, [9] = 0xcf };
	const struct sfs_span left = { bytes, 9 }, right = { bytes + 9, 9 };
	for (unsigned i = 0; i < 8; i++) {
		bytes[1 + i] = (uint8_t)(before >> (56 - 8 * i));
		bytes[10 + i] = (uint8_t)(after >> (56 - 8 * i));
	}
	return sfsi_diff_add(members, aspect, name, (struct sfsi_diff_values){ &left, &right });
}

int sfsi_diff_add_texts(struct sfsi_diff_members *members, enum sfs_diff_aspect aspect,
			struct sfs_span before, struct sfs_span after)
{
	struct sfsi_diff_member *member;
	int err = begin(members, aspect, (struct sfs_span){ "", 0 }, &member);
	size_t at = members->text.len;
	if (!err)
		err = sfsi_json_quote(&members->text, before);
	if (err < 0)
		return err;
	member->before = members->text.len - at;
	at = members->text.len;
	err = sfsi_json_quote(&members->text, after);
	if (err < 0)
		return err;
	member->after = members->text.len - at;
	member->has_before = member->has_after = true;
	return 0;
}

/** A moment as "2026-11-22T01:02:03.004005006Z". */
static struct sfs_span time_text(int64_t ns, char *ret, size_t size)
{
	time_t seconds = (time_t)(ns / 1000000000 - (ns % 1000000000 < 0));
	struct tm tm;
	char date[64];
	if (!gmtime_r(&seconds, &tm))
		memset(&tm, 0, sizeof tm);
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(ret, size, "%s.%09lldZ", date, (long long)(ns - (int64_t)seconds * 1000000000));
	return sfs_span_str(ret);
}

int sfsi_diff_add_times(struct sfsi_diff_members *members, enum sfs_diff_aspect aspect,
			struct sfs_span name, int64_t before, int64_t after)
{
	char left[96], right[96];
	struct sfsi_diff_member *member;
	struct sfs_span first = time_text(before, left, sizeof left);
	struct sfs_span second = time_text(after, right, sizeof right);
	int err = begin(members, aspect, name, &member);
	if (!err)
		err = sfs_buf_printf(&members->text, "\"%s\"\"%s\"", left, right);
	if (err < 0)
		return err;
	member->before = first.len + 2;
	member->after = second.len + 2;
	member->has_before = member->has_after = true;
	return 0;
}

static const char *type_text(enum sfs_node_type type)
{
	static const char *const words[] = {
		[SFS_NODE_OBJECT] = "object", [SFS_NODE_FILE] = "file",
		[SFS_NODE_DIR] = "directory", [SFS_NODE_SYMLINK] = "symlink",
		[SFS_NODE_FIFO] = "pipe",     [SFS_NODE_SOCKET] = "socket",
	};
	return type <= SFS_NODE_SOCKET && words[type] ? words[type] : "?";
}

int sfsi_diff_add_attributes(struct sfsi_diff_members *members, const struct sfs_attr *before,
			     const struct sfs_attr *after)
{
	char left[32], right[32];
	const struct sfs_span none = { "", 0 };
	int err = 0;
	if (before->type != after->type)
		err = sfsi_diff_add_texts(members, SFS_DIFF_TYPE,
					  sfs_span_str(type_text(before->type)),
					  sfs_span_str(type_text(after->type)));
	if (!err && before->mode != after->mode) {
		snprintf(left, sizeof left, "%04o", before->mode);
		snprintf(right, sizeof right, "%04o", after->mode);
		err = sfsi_diff_add_texts(members, SFS_DIFF_MODE, sfs_span_str(left),
					  sfs_span_str(right));
	}
	if (!err && (before->uid != after->uid || before->gid != after->gid)) {
		snprintf(left, sizeof left, "%u:%u", before->uid, before->gid);
		snprintf(right, sizeof right, "%u:%u", after->uid, after->gid);
		err = sfsi_diff_add_texts(members, SFS_DIFF_OWNER, sfs_span_str(left),
					  sfs_span_str(right));
	}
	if (!err && before->mtime_ns != after->mtime_ns)
		err = sfsi_diff_add_times(members, SFS_DIFF_MTIME, none, before->mtime_ns,
					  after->mtime_ns);
	return err;
}

static bool is_time(const struct sfsi_diff_member *member)
{
	return member->aspect == SFS_DIFF_MTIME || member->aspect == SFS_DIFF_UPDATED;
}

void sfsi_diff_drop_times(struct sfsi_diff_members *members)
{
	size_t kept = 0;
	for (size_t i = 0; i < members->count; i++)
		if (!is_time(&members->items[i]))
			members->items[kept++] = members->items[i];
	if (kept)
		members->count = kept;
}

/* --- maps --- */

/** Names first, in order of their bytes; then keys that are no text. */
static int compare_pairs(const struct sfsi_diff_pair *a, const struct sfsi_diff_pair *b)
{
	if (!a->name.data != !b->name.data)
		return a->name.data ? -1 : 1;
	return a->name.data ? sfsi_span_compare(a->name, b->name)
			    : sfsi_span_compare(a->key, b->key);
}

static int by_key(const void *a, const void *b)
{
	return compare_pairs(a, b);
}

static int add_pair(struct sfsi_diff_map *map, const struct sfsi_diff_pair *pair)
{
	int err = sfsi_array_grow(&map->items, map->count, &map->cap, sizeof *map->items);
	if (!err)
		map->items[map->count++] = *pair;
	return err;
}

int sfsi_diff_map_init(struct sfsi_diff_map *map, struct sfs_span bytes,
		       const struct sfsi_record *record)
{
	struct sfsi_msgpack_map walk;
	struct sfsi_msgpack_pair pair;
	struct sfsi_updates updates;
	*map = (struct sfsi_diff_map){ .items = NULL };
	if (!sfsi_msgpack_is_map(bytes))
		return add_pair(map, &(struct sfsi_diff_pair){ .name = { "", 0 }, .value = bytes });
	if (record)
		sfsi_updates_init(&updates, record);
	int err = sfsi_msgpack_map_init(&walk, bytes);
	while (!err && (err = sfsi_msgpack_map_next(&walk, &pair)) == 0)
		err = add_pair(map, &(struct sfsi_diff_pair){
					    .name = pair.name,
					    .key = pair.key,
					    .value = pair.value,
					    .updated_ns = record ? sfsi_updates_next(&updates) : 0,
				    });
	if (err >= 0 && map->count)
		qsort(map->items, map->count, sizeof *map->items, by_key);
	return err < 0 ? err : 0;
}

void sfsi_diff_map_fini(struct sfsi_diff_map *map)
{
	free(map->items);
	map->items = NULL;
}

int sfsi_diff_map_merge(const struct sfsi_diff_map *a, const struct sfsi_diff_map *b,
			sfsi_diff_pair_fn *fn, void *arg)
{
	size_t i = 0, j = 0;
	int err = 0;
	while (!err && (i < a->count || j < b->count)) {
		int order = i == a->count   ? 1
			    : j == b->count ? -1
					    : compare_pairs(&a->items[i], &b->items[j]);
		err = fn(arg, order <= 0 ? &a->items[i] : NULL, order >= 0 ? &b->items[j] : NULL);
		i += order <= 0;
		j += order >= 0;
	}
	return err;
}
