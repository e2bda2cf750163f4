/* Imports: see storefs/export.h and import.h. */
#include "import.h"
#include <storefs/export.h>
#include "backend/key.h"
#include "document/json.h"
#include "document/msgpack.h"
#include "schema/reference.h"
#include "import_raw.h"
#include "stamp.h"

/* --- names of a map, to be looked up --- */

struct pair {
	struct sfs_span name, value;
	uint32_t number; /* in the order of the map */
};

struct pairs {
	struct pair *items; /* [count], sorted by name */
	size_t count;
};

static int compare_pairs(const void *a, const void *b)
{
	const struct pair *one = a, *two = b;
	return sfsi_span_compare(one->name, two->name);
}

static int pairs_load(struct pairs *pairs, struct sfs_span map)
{
	struct sfsi_msgpack_map walk;
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_map_init(&walk, map);
	*pairs = (struct pairs){ .count = 0 };
	if (err < 0)
		return SFS_ERR_CORRUPT;
	pairs->items = calloc((size_t)walk.left + 1, sizeof *pairs->items);
	if (!pairs->items)
		return SFS_ERR_NO_MEMORY;
	while ((err = sfsi_msgpack_map_next(&walk, &pair)) == 0) {
		pairs->items[pairs->count] = (struct pair){ pair.name, pair.value,
							    (uint32_t)pairs->count };
		pairs->count++;
	}
	qsort(pairs->items, pairs->count, sizeof *pairs->items, compare_pairs);
	return err < 0 ? SFS_ERR_CORRUPT : 0;
}

static const struct pair *pairs_find(const struct pairs *pairs, struct sfs_span name)
{
	struct pair key = { .name = name };
	return pairs->count ? bsearch(&key, pairs->items, pairs->count, sizeof key, compare_pairs)
			    : NULL;
}

/* --- update times --- */

static int check_times(struct sfs_span map, struct sfs_diag *diag)
{
	struct sfsi_msgpack_map walk;
	struct sfsi_msgpack_pair pair;
	int64_t ns;
	int err = sfsi_msgpack_map_init(&walk, map);
	while (!err && (err = sfsi_msgpack_map_next(&walk, &pair)) == 0)
		if (!pair.name.data || !sfsi_stamp_read(pair.value, &ns))
			err = SFS_ERR_BAD_DOCUMENT;
	if (err == 1)
		return 0;
	return sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT,
			    "\"updates\": expected an object of names and update times, which "
			    "are integers of 20 digits (YYYYMMDDhhmmss and microseconds)");
}

int sfsi_import_split(struct sfs_buf *body, struct sfs_buf *updates, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf rest = SFS_BUF_INIT;
	struct sfsi_msgpack_map walk;
	struct sfsi_msgpack_pair pair;
	struct sfs_span found = { NULL, 0 };
	int err = sfsi_msgpack_map_init(&walk, sfs_buf_span(body));
	uint32_t count = walk.left;
	while (!err && (err = sfsi_msgpack_map_next(&walk, &pair)) == 0)
		if (sfs_span_equal(pair.name, sfs_span_str("updates")))
			found = (struct sfs_span){ pair.key.data, pair.key.len + pair.value.len };
	if (err < 0 || !found.data)
		return err < 0 ? err : 0;
	/* The pair lies in one piece: key, then value. */
	const char *start = body->data, *at = found.data;
	struct sfs_span value = { at + 1 + strlen("updates"), found.len - 1 - strlen("updates") };
	err = check_times(value, diag);
	if (!err)
		err = sfs_buf_append(updates, value.data, value.len);
	if (!err)
		err = sfsi_msgpack_map_header(&rest, count - 1);
	size_t head = count < 16 ? 1 : count < 65536 ? 3 : 5;
	if (!err)
		err = sfs_buf_append(&rest, start + head, (size_t)(at - start) - head);
	if (!err)
		err = sfs_buf_append(&rest, at + found.len,
				     body->len - (size_t)(at - start) - found.len);
	if (err < 0)
		return err;
	sfs_buf_fini(body);
	*body = sfs_buf_take(&rest);
	return 0;
}

int sfsi_prepared_keep_updates(struct sfsi_prepared *prepared, struct sfs_span updates)
{
	int err = sfs_buf_append(&prepared->body, updates.data, updates.len);
	if (err < 0)
		return err;
	prepared->body.len -= updates.len;
	prepared->updates_len = updates.len;
	return 0;
}

/** What the times of a record were, and what is said about them. */
struct times {
	struct pairs given;
	bool is_new, has_own;
	struct sfsi_updates before;
	int64_t own_ns; /* said of the object, if has_own; 0: never */
	int64_t *list;  /* [count] of the properties, absolute */
	size_t count;
};

/**
 * The time of a property: of a new object what is said of it, or else of the object, which is not older.
 */
static int64_t time_of(struct times *times, struct sfs_span name)
{
	int64_t time = sfsi_updates_next(&times->before), said = 0;
	const struct pair *found = pairs_find(&times->given, name);
	bool is_said = found && sfsi_stamp_read(found->value, &said);
	if (times->is_new && !is_said) {
		is_said = times->has_own;
		said = times->own_ns;
	}
	return is_said && (times->is_new || said > time) ? said : time;
}

static int mix_times(struct times *times, struct sfs_span body)
{
	struct sfsi_msgpack_map walk;
	struct sfsi_msgpack_pair pair;
	const struct pair *own = pairs_find(&times->given, sfs_span_str("oid"));
	times->has_own = own && sfsi_stamp_read(own->value, &times->own_ns);
	int err = sfsi_msgpack_map_init(&walk, body);
	if (err < 0)
		return err;
	times->list = calloc((size_t)walk.left + 1, sizeof *times->list);
	if (!times->list)
		return SFS_ERR_NO_MEMORY;
	while ((err = sfsi_msgpack_map_next(&walk, &pair)) == 0)
		times->list[times->count++] = time_of(times, pair.name);
	return err == 1 ? 0 : err;
}

/** The time of the object: the newest of all. */
static int64_t newest_of(const struct times *times)
{
	bool said = times->is_new && (times->count || times->has_own);
	int64_t newest = said ? INT64_MIN : times->before.updated_ns;
	if (times->has_own && times->own_ns > newest)
		newest = times->own_ns;
	for (size_t i = 0; i < times->count; i++)
		newest = times->list[i] > newest ? times->list[i] : newest;
	return newest;
}

static int put_ages(const struct times *times, int64_t newest, struct sfs_buf *ret)
{
	bool equal = true;
	int err = 0;
	ret->len = 0;
	for (size_t i = 0; i < times->count; i++)
		equal = equal && times->list[i] == newest;
	for (size_t i = 0; i < times->count && !err && !equal; i++)
		err = sfsi_updates_put_age(ret, (uint64_t)(newest - times->list[i]));
	return err;
}

int sfsi_import_times(struct sfs_span given, struct sfs_span body, bool is_new, int64_t *updated_ns,
		      struct sfs_buf *updates)
{
	struct times times = {
		.is_new = is_new,
		.before = { .rest = sfs_buf_span(updates), .updated_ns = *updated_ns },
	};
	int err = pairs_load(&times.given, given);
	if (!err)
		err = mix_times(&times, body);
	if (!err) {
		*updated_ns = newest_of(&times);
		err = put_ages(&times, *updated_ns, updates);
	}
	free(times.list);
	free(times.given.items);
	return err;
}

/* --- merging --- */

/** The members of old with the values that new gives them, then what only new has. */
static int merge_bodies(struct sfs_span old, struct sfs_span new, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf members = SFS_BUF_INIT;
	struct pairs before, given;
	struct sfsi_msgpack_map walk;
	struct sfsi_msgpack_pair pair;
	uint32_t count = 0;
	int err = pairs_load(&before, old);
	int other = pairs_load(&given, new);
	err = err ? err : other;
	for (int round = 0; round < 2 && !err; round++) {
		err = sfsi_msgpack_map_init(&walk, round ? new : old);
		while (!err && (err = sfsi_msgpack_map_next(&walk, &pair)) == 0) {
			const struct pair *found = pairs_find(round ? &before : &given, pair.name);
			/* In the second round only what the first one did not have. */
			if (round && found)
				continue;
			struct sfs_span value = found ? found->value : pair.value;
			count++;
			err = sfs_buf_append(&members, pair.key.data, pair.key.len);
			if (!err)
				err = sfs_buf_append(&members, value.data, value.len);
		}
		err = err == 1 ? 0 : err;
	}
	free(before.items);
	free(given.items);
	if (!err)
		err = sfsi_msgpack_map_header(ret, count);
	return err < 0 ? err : sfs_buf_append(ret, members.data, members.len);
}

int sfsi_import_merge(struct sfs_store *store, const struct sfs_put *put,
		      const struct sfsi_prepared *given, const struct sfsi_record *old,
		      struct sfsi_prepared *ret)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	struct sfsi_class *class;
	struct sfs_put plain = *put;
	*ret = (struct sfsi_prepared){ .size = 0 };
	/* The text says less than the object will: it is not kept. */
	plain.flags &= ~(unsigned)SFS_PUT_KEEP_TEXT;
	int err = sfsi_object_class(store, put->class_id, &class);
	if (!err)
		err = merge_bodies(old->body, sfs_buf_span(&given->body), &body);
	if (!err)
		err = sfsi_object_fit_body(store, class, &plain, &body, ret, NULL);
	if (!err)
		err = sfsi_object_measure(&plain, &body, ret);
	return err < 0 ? err : sfsi_prepared_keep_updates(ret, sfsi_prepared_updates(given));
}

/* --- one record --- */

/** The oid that a record says. SFS_ERR_NOT_FOUND: none. */
static int read_oid(enum sfs_format format, struct sfs_span text, struct sfs_buf *ret,
		    struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	struct sfsi_msgpack_writer writer;
	struct sfsi_msgpack_map walk;
	struct sfsi_msgpack_pair pair;
	struct sfsi_reference_rule any = { .target = { "", 0 } };
	struct sfsi_reference reference;
	sfsi_msgpack_writer_init(&writer, &body);
	int err = format == SFS_FORMAT_JSON ? sfsi_json_read(text, &writer.sink, diag)
					    : sfsi_msgpack_read(text, &writer.sink, NULL, diag);
	if (!err && sfsi_msgpack_map_init(&walk, sfs_buf_span(&body)) < 0)
		return sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT, "a record is an object");
	while (!err && (err = sfsi_msgpack_map_next(&walk, &pair)) == 0) {
		if (!sfs_span_equal(pair.name, sfs_span_str("oid")))
			continue;
		struct sfsi_head head;
		bool map = sfsi_head_read(pair.value, &head) != SFSI_HEAD_GOOD ||
			   head.kind == SFSI_HEAD_MAP;
		if (map || !sfsi_reference_read(&any, pair.value, &reference))
			return sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT,
					    "member \"oid\" is no oid, expected a string that is "
					    "not empty, or an integer");
		return sfs_buf_append(ret, reference.oid.data, reference.oid.len);
	}
	return err == 1 ? SFS_ERR_NOT_FOUND : err;
}

int sfs_import(struct sfs_store *store, uint32_t class_id, enum sfs_format format,
	       struct sfs_span text, unsigned flags, struct sfs_imported *ret,
	       struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf oid = SFS_BUF_INIT;
	char made[SFS_OID_MADE_SIZE];
	struct sfs_put put = {
		.class_id = class_id,
		.format = format,
		.text = text,
		.flags = SFS_PUT_IMPORT,
	};
	struct sfs_attr attr, before;
	int err = read_oid(format, text, &oid, diag);
	if (err == SFS_ERR_NOT_FOUND) {
		err = sfs_oid_make(store, class_id, made);
		if (!err)
			err = sfs_buf_append(&oid, made, strlen(made));
	}
	if (err < 0)
		return diag && diag->err == err ? err
						: sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	put.oid = sfs_buf_span(&oid);
	const struct sfsi_class *class = sfsi_class_ref(store, class_id);
	if (class && class->kind == SFS_CLASS_RAW)
		return sfsi_import_raw(store, &put, flags, ret, diag);
	if (flags & SFS_IMPORT_UPDATE)
		put.flags |= SFS_PUT_MERGE;
	else if (!(flags & SFS_IMPORT_REPLACE))
		put.flags |= SFS_PUT_CREATE;
	bool there = sfs_object_find(store, class_id, put.oid, &before) == 0;
	err = sfs_object_put(store, &put, &attr, diag);
	/* A record of a wrong type, or that is no document, is refused although nothing would change. */
	if (err == SFS_ERR_EXISTS) {
		if (diag)
			*diag = (struct sfs_diag)SFS_DIAG_INIT;
		err = sfs_object_find(store, class_id, put.oid, &attr);
	}
	if (err < 0)
		return err;
	if (!ret)
		return 0;
	*ret = (struct sfs_imported){ .attr = attr, .created = !there };
	ret->changed = !there || attr.revision != before.revision;
	memcpy(ret->oid, oid.data, oid.len);
	ret->oid_len = oid.len;
	return 0;
}
