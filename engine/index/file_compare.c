/*
 * Comparing index files with the index: storefs/index_file.h.
 *
 * Each pair of a file is looked up, and what the file has is counted: so is found what only the index
 * has. Of the keys that were seen, 64 bits of a hash stay in memory, to name those that were not.
 */
#include <stdarg.h>
#include <stdio.h>
#include "base/array.h"
#include "document/json.h"
#include "document/msgpack.h"
#include "hash.h"
#include "index/file.h"
#include "object.h"
#include "schema/value.h"

#define SHOWN 120 /* bytes of a key or an oid in a sentence */

/** Hashes of 64 bits. */
struct hashes {
	uint64_t *items;
	size_t count, cap;
};

struct comparing {
	struct sfsi_index_filing filing;
	sfs_index_difference_fn *fn;
	void *arg;
	struct sfs_index_filed filed;
	bool forward;         /* which file is read */
	struct sfs_buf left;  /* key of a pair as msgpack */
	struct sfs_buf right; /* value of a pair as msgpack */
	struct sfs_buf key;   /* of an index */
	struct sfsi_index_keys keys;
	struct hashes seen;    /* of keys, or of oids, of the whole file */
	struct hashes holders; /* of oids that have the key at hand */
	int err;
};

static void fini(struct comparing *comparing)
{
	sfs_buf_fini(&comparing->left);
	sfs_buf_fini(&comparing->right);
	sfs_buf_fini(&comparing->key);
	sfsi_index_keys_fini(&comparing->keys);
	free(comparing->seen.items);
	free(comparing->holders.items);
}

/** Say what differs. */
__attribute__((format(printf, 2, 3))) static int say(struct comparing *comparing, const char *fmt,
						     ...)
{
	char text[640];
	int len = snprintf(text, sizeof text, "%s: ",
			   comparing->forward ? comparing->filing.forward
					      : comparing->filing.backward);
	va_list args;
	va_start(args, fmt);
	vsnprintf(text + len, sizeof text - (size_t)len, fmt, args);
	va_end(args);
	comparing->filed.missing++;
	return comparing->fn && comparing->fn(comparing->arg, text) ? SFS_ERR_CANCELLED : 0;
}

#define SHOW(span) (int)((span).len < SHOWN ? (span).len : SHOWN), (const char *)(span).data

static int remember(struct hashes *hashes, struct sfs_span bytes)
{
	int err = sfsi_array_grow(&hashes->items, hashes->count, &hashes->cap,
				  sizeof *hashes->items);
	if (!err)
		hashes->items[hashes->count++] = sfsi_hash(bytes, 0);
	return err;
}

static int by_value(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

/** Sort, and leave out what is there twice: Python has an object twice that has a key twice. */
static void settle(struct hashes *hashes)
{
	size_t kept = 0;
	if (hashes->count)
		qsort(hashes->items, hashes->count, sizeof *hashes->items, by_value);
	for (size_t i = 0; i < hashes->count; i++)
		if (!kept || hashes->items[kept - 1] != hashes->items[i])
			hashes->items[kept++] = hashes->items[i];
	hashes->count = kept;
}

static bool was_seen(const struct comparing *comparing, struct sfs_span bytes)
{
	const struct hashes *seen = &comparing->seen;
	uint64_t hash = sfsi_hash(bytes, 0);
	return seen->count && bsearch(&hash, seen->items, seen->count, sizeof hash, by_value);
}

/* --- JSON of Python --- */

/** Doubles that JSON has no words for. */
static bool read_word(struct sfs_span text, struct sfsi_sink *sink, int *ret)
{
	static const struct {
		const char *text;
		double value;
	} words[] = { { "NaN", __builtin_nan("") },
		      { "Infinity", __builtin_inf() },
		      { "-Infinity", -__builtin_inf() } };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (sfs_span_equal(text, sfs_span_str(words[i].text))) {
			*ret = sink->ops->real(sink, words[i].value);
			return true;
		}
	return false;
}

static int read_text(struct sfs_span text, struct sfs_buf *ret)
{
	struct sfsi_msgpack_writer writer;
	int err;
	ret->len = 0;
	sfsi_msgpack_writer_init(&writer, ret);
	if (read_word(text, &writer.sink, &err))
		return err;
	return sfsi_json_read(text, &writer.sink, NULL);
}

/** The items of an array. SFS_ERR_CORRUPT: it is none. */
static int open_array(const struct sfs_buf *value, struct sfsi_cursor *ret, uint32_t *ret_count)
{
	struct sfsi_head head;
	*ret = sfsi_cursor(sfs_buf_span(value));
	int err = sfsi_cursor_next(ret, &head);
	if (!err && head.kind != SFSI_HEAD_ARRAY)
		err = SFS_ERR_CORRUPT;
	*ret_count = err < 0 ? 0 : head.count;
	return err;
}

/** The text of a string in msgpack. */
static bool string_of(struct sfs_span value, struct sfs_span *ret)
{
	struct sfsi_cursor cursor = sfsi_cursor(value);
	struct sfsi_head head;
	if (sfsi_cursor_next(&cursor, &head) < 0 || head.kind != SFSI_HEAD_STRING)
		return false;
	*ret = head.body;
	return true;
}

/** The oid of a signature; false: it is not one of this class. */
static bool oid_of(const struct comparing *comparing, struct sfs_span signature,
		   struct sfs_span *ret)
{
	struct sfs_span collection = comparing->filing.collection;
	const char *at = signature.data;
	if (signature.len < collection.len + 2 ||
	    memcmp(at, collection.data, collection.len) != 0 || at[collection.len] != '.')
		return false;
	*ret = (struct sfs_span){ at + collection.len + 1, signature.len - collection.len - 1 };
	return ret->len <= SFS_OID_MAX;
}

/* --- forward --- */

/** One signature of the key at hand. @shown  the key as it is in the file. */
static int compare_signature(struct comparing *comparing, struct sfs_span item,
			     struct sfs_span shown)
{
	struct sfs_span signature = { "", 0 }, oid;
	bool has = false;
	if (!string_of(item, &signature) || !oid_of(comparing, signature, &oid))
		return say(comparing, "%.*s leads to %.*s, which is no object of %s", SHOW(shown),
			   SHOW(signature), comparing->filing.names.name);
	int err = sfsi_index_lookup(comparing->filing.store, comparing->filing.table,
				    sfs_buf_span(&comparing->key), oid, &has);
	if (err < 0)
		return err;
	return has ? remember(&comparing->holders, oid)
		   : say(comparing, "%.*s leads to %.*s, which does not have this key", SHOW(shown),
			 SHOW(oid));
}

/** As many objects as have the key? */
static int compare_count(struct comparing *comparing, struct sfs_span shown)
{
	uint64_t ours;
	int err = sfsi_index_counted(comparing->filing.store, comparing->filing.table,
				     sfs_buf_span(&comparing->key), &ours);
	settle(&comparing->holders);
	comparing->filed.entries += comparing->holders.count;
	if (err < 0 || ours <= comparing->holders.count)
		return err;
	return say(comparing, "%.*s leads to %zu objects, but %llu have this key", SHOW(shown),
		   comparing->holders.count, (unsigned long long)ours);
}

static int compare_key(struct comparing *comparing, struct sfs_span shown)
{
	struct sfsi_cursor items;
	uint32_t count;
	comparing->key.len = 0;
	comparing->holders.count = 0;
	int err = sfsi_index_key_encode(sfs_buf_span(&comparing->left), &comparing->key);
	if (!err)
		err = remember(&comparing->seen, sfs_buf_span(&comparing->key));
	if (err < 0)
		return err;
	if (open_array(&comparing->right, &items, &count) < 0)
		return say(comparing, "%.*s has no list of signatures", SHOW(shown));
	for (uint32_t i = 0; i < count && !err; i++) {
		struct sfs_span item;
		err = sfsi_cursor_skip(&items, &item);
		if (!err)
			err = compare_signature(comparing, item, shown);
	}
	return err < 0 ? err : compare_count(comparing, shown);
}

static int miss_key(void *arg, struct sfs_span key, uint64_t count)
{
	struct comparing *comparing = arg;
	SFSI_AUTO_BUF struct sfs_buf shown = SFS_BUF_INIT;
	if (was_seen(comparing, key))
		return 0;
	comparing->err = sfsi_index_key_show(key, &shown);
	if (!comparing->err)
		comparing->err = say(comparing, "the key %.*s of %llu objects is missing",
				     SHOW(sfs_buf_span(&shown)), (unsigned long long)count);
	return comparing->err < 0;
}

static int missing_keys(struct comparing *comparing)
{
	const struct sfs_index_window all = { 0, UINT64_MAX, SFS_ORDER_UP };
	settle(&comparing->seen);
	int err = sfsi_index_keys_walk(comparing->filing.store, comparing->filing.table, &all,
				       miss_key, comparing);
	return err == SFS_ERR_CANCELLED ? comparing->err : err;
}

/* --- backward --- */

/** Number of a key among those of the object, which are in order; count: it is not there. */
static size_t number_of(const struct sfsi_index_keys *keys, struct sfs_span key)
{
	size_t low = 0, high = keys->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = sfsi_span_compare(sfsi_index_keys_at(keys, middle), key);
		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return keys->count;
}

/** @ret_found  [keys.count], which of the object's keys the file has. */
static int match_keys(struct comparing *comparing, struct sfs_span oid, bool *ret_found)
{
	struct sfsi_cursor items;
	uint32_t count;
	if (open_array(&comparing->right, &items, &count) < 0)
		return say(comparing, "%.*s has no list of keys", SHOW(oid));
	int err = 0;
	for (uint32_t i = 0; i < count && !err; i++) {
		struct sfs_span item;
		comparing->key.len = 0;
		err = sfsi_cursor_skip(&items, &item);
		if (!err)
			err = sfsi_index_key_encode(item, &comparing->key);
		size_t number = err < 0 ? 0
					: number_of(&comparing->keys,
						    sfs_buf_span(&comparing->key));
		if (!err && number == comparing->keys.count)
			err = say(comparing, "%.*s has a key there that it does not have",
				  SHOW(oid));
		else if (!err)
			ret_found[number] = true;
	}
	return err;
}

/** The keys that the file says against those of the object. */
static int compare_keys(struct comparing *comparing, struct sfs_span oid)
{
	SFSI_AUTO_FREE bool *found = calloc(comparing->keys.count + 1, sizeof *found);
	size_t matched = 0;
	int err = found ? match_keys(comparing, oid, found) : SFS_ERR_NO_MEMORY;
	if (err < 0)
		return err;
	for (size_t i = 0; i < comparing->keys.count; i++)
		matched += found[i];
	return matched == comparing->keys.count
		       ? 0
		       : say(comparing, "%.*s has %zu of its %zu keys there", SHOW(oid), matched,
			     comparing->keys.count);
}

static int compare_object(struct comparing *comparing, struct sfs_span shown)
{
	struct sfs_span signature, oid;
	if (!string_of(sfs_buf_span(&comparing->left), &signature))
		return say(comparing, "%.*s is no signature", SHOW(shown));
	if (sfs_span_equal(signature, sfs_span_str(SFSI_INDEX_FILE_LAST_UPDATE)))
		return 0;
	if (!oid_of(comparing, signature, &oid))
		return say(comparing, "%.*s is no object of %s", SHOW(shown),
			   comparing->filing.names.name);
	int err = remember(&comparing->seen, oid);
	if (!err)
		err = sfsi_index_file_keys(&comparing->filing, oid, &comparing->keys);
	if (err == SFS_ERR_NOT_FOUND)
		return say(comparing, "%.*s is an object that does not exist", SHOW(oid));
	comparing->filed.objects += !err;
	return err < 0 ? err : compare_keys(comparing, oid);
}

static int miss_object(void *arg, struct sfs_span oid)
{
	struct comparing *comparing = arg;
	return was_seen(comparing, oid) ? 0
					: say(comparing, "the object %.*s is missing", SHOW(oid));
}

/* --- files --- */

static int take_pair(void *arg, struct sfs_span key, struct sfs_span value)
{
	struct comparing *comparing = arg;
	int err = read_text(key, &comparing->left);
	if (!err)
		err = read_text(value, &comparing->right);
	if (err == SFS_ERR_BAD_DOCUMENT || err == SFS_ERR_LIMIT)
		err = say(comparing, "%.*s: this or its value is no JSON that can be read",
			  SHOW(key));
	else if (!err)
		err = comparing->forward ? compare_key(comparing, key)
					 : compare_object(comparing, key);
	comparing->filed.keys += comparing->forward;
	comparing->err = err;
	return err < 0;
}

static int open_file(struct comparing *comparing, const char *name, int *ret_fd)
{
	const struct sfsi_index_filing *filing = &comparing->filing;
	enum sfsi_dbm_kind kind;
	int err = sfsi_dbm_recognise(filing->files->dir_fd, name, &kind);
	if (err < 0)
		return sfs_diag_set(filing->diag, err, "%s: %s", name, sfs_err_text(err));
	if (kind == SFSI_DBM_NONE)
		return sfs_diag_set(filing->diag, SFS_ERR_NOT_FOUND, "there is no index file %s",
				    name);
	if (kind != SFSI_DBM_GNU)
		return sfs_diag_set(filing->diag, SFS_ERR_UNSUPPORTED,
				    "%s is of %s, which is not read: the index is built from the "
				    "objects, and has nothing from this file",
				    name, sfsi_dbm_kind_text(kind));
	return sfsi_gdbm_open(filing->files->dir_fd, name, ret_fd, filing->diag);
}

static int compare_file(struct comparing *comparing, const char *name)
{
	SFSI_AUTO_FD int fd = -1;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = open_file(comparing, name, &fd);
	if (err < 0)
		return err;
	comparing->seen.count = 0;
	err = sfsi_gdbm_read(fd, take_pair, comparing, &diag);
	if (err == SFS_ERR_CANCELLED)
		return comparing->err;
	if (err < 0)
		return sfs_diag_set(comparing->filing.diag, err, "%s: %s", name,
				    diag.text[0] ? diag.text : sfs_err_text(err));
	if (comparing->forward)
		return missing_keys(comparing);
	settle(&comparing->seen);
	return sfsi_index_file_objects(&comparing->filing, miss_object, comparing);
}

int sfs_index_file_compare(struct sfs_store *store, uint32_t class_id, struct sfs_span index,
			   const struct sfs_index_files *files, sfs_index_difference_fn *fn,
			   void *arg, struct sfs_index_filed *ret, struct sfs_diag *diag)
{
	struct comparing comparing = { .fn = fn, .arg = arg, .forward = true };
	int err = sfsi_index_filing_init(&comparing.filing, store, class_id, index, files, diag);
	if (!err)
		err = compare_file(&comparing, comparing.filing.forward);
	comparing.forward = false;
	if (!err)
		err = compare_file(&comparing, comparing.filing.backward);
	if (!err && ret)
		*ret = comparing.filed;
	fini(&comparing);
	if (err < 0 && diag && !diag->text[0])
		sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	return err;
}
