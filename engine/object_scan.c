/*
 * Objects in byte order of their oids: from a place on, from a position on, since a time; and the ways
 * to ask how many there are. Positions come from table P (position.h).
 */
#include "backend/key.h"
#include "object.h"

struct walk {
	enum sfs_format format;
	sfs_object_scan_fn *fn;
	void *arg;
	uint64_t skip;    /* so many are passed over first */
	uint64_t left;    /* so many may be delivered; UINT64_MAX: all */
	bool since;       /* only objects … */
	int64_t since_ns; /* … that changed after it */
	struct sfs_buf text;
	struct sfs_buf large; /* oid of an object whose rows can not be read inside of a scan */
	int err;
	struct sfs_diag *diag;
};

static int walk_failed(struct walk *walk, struct sfs_span oid)
{
	sfs_diag_set(walk->diag, walk->err, "object %.*s: %s", (int)(oid.len < 200 ? oid.len : 200),
		     (const char *)oid.data, sfs_err_text(walk->err));
	return 1;
}

/** Nonzero: no more are wanted, or it failed. */
static int give(struct walk *walk, struct sfs_span oid, const struct sfsi_record *record)
{
	walk->text.len = 0;
	walk->err = sfsi_object_render(record, walk->format, &walk->text);
	if (walk->err < 0)
		return walk_failed(walk, oid);
	if (walk->fn(walk->arg, oid, sfs_buf_span(&walk->text)))
		walk->err = SFS_ERR_CANCELLED;
	walk->left -= walk->left != UINT64_MAX;
	return walk->err != 0 || walk->left == 0;
}

static int walk_record(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct walk *walk = arg;
	struct sfs_span oid = { (const char *)key.data + 1, key.len - 1 };
	struct sfsi_record record;
	if (walk->skip) {
		walk->skip--;
		return 0;
	}
	walk->err = sfsi_record_decode(val, key, &record);
	if (!walk->err && walk->since && record.updated_ns <= walk->since_ns)
		return 0;
	if (!walk->err && sfsi_rows_valid(&record)) {
		walk->err = sfs_buf_append(&walk->large, oid.data, oid.len);
		return 1;
	}
	return walk->err < 0 ? walk_failed(walk, oid) : give(walk, oid, &record);
}

/** The object that the scan stopped at. What was removed meanwhile is passed over. */
static int walk_large(struct sfs_store *store, uint32_t class_id, struct walk *walk)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	struct sfs_span oid = sfs_buf_span(&walk->large);
	walk->err = sfsi_object_read(store, class_id, oid, &buf, &record);
	if (walk->err == SFS_ERR_NOT_FOUND)
		walk->err = 0;
	else if (walk->err < 0)
		walk_failed(walk, oid);
	else
		give(walk, oid, &record);
	return walk->err;
}

/** Up to the end, or to an object that is in large then. */
static int walk_some(struct sfs_store *store, uint32_t class_id, struct sfs_span prefix,
		     struct sfs_span after, struct walk *walk)
{
	struct sfsi_key first, from;
	sfsi_key_object(&first, prefix);
	sfsi_key_object(&from, after);
	struct sfsi_scan scan = {
		.partition = class_id,
		.prefix = sfsi_key_span(&first),
		.after = after.len ? sfsi_key_span(&from) : (struct sfs_span){ "", 0 },
		.once = walk->left == UINT64_MAX,
	};
	/* With a time it is not known how many must be looked at. */
	if (!walk->since && walk->left < SIZE_MAX - walk->skip)
		scan.limit = (size_t)(walk->skip + walk->left);
	walk->large.len = 0;
	int err = sfsi_backend_scan(store->backend, &scan, walk_record, walk);
	if (err == SFS_ERR_CANCELLED)
		return walk->err;
	return err < 0 ? sfs_diag_set(walk->diag, err, "%s", sfs_err_text(err)) : 0;
}

/** @after  only oids after it; empty: from the start. Takes the buffers of walk. */
static int walk_objects(struct sfs_store *store, uint32_t class_id, struct sfs_span prefix,
			struct sfs_span after, struct walk *walk)
{
	struct sfsi_key large = { .len = 0 };
	int err;
	do {
		err = walk_some(store, class_id, prefix, after, walk);
		if (!err && walk->large.len)
			err = walk_large(store, class_id, walk);
		large.len = 0;
		sfsi_key_append(&large, sfs_buf_span(&walk->large));
		after = sfsi_key_span(&large);
	} while (!err && large.len && walk->left);
	sfs_buf_fini(&walk->text);
	sfs_buf_fini(&walk->large);
	return err;
}

/** The class, and are the oids not too long? */
static int check_scan(struct sfs_store *store, uint32_t class_id, struct sfs_span prefix,
		      struct sfs_span after, struct sfsi_class **ret, struct sfs_diag *diag)
{
	int err = sfsi_object_class(store, class_id, ret);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	if (prefix.len > SFS_OID_MAX || after.len > SFS_OID_MAX)
		return sfs_diag_set(diag, SFS_ERR_LIMIT, "an oid has at most %d bytes",
				    SFS_OID_MAX);
	return 0;
}

int sfs_object_scan(struct sfs_store *store, uint32_t class_id, struct sfs_span prefix,
		    struct sfs_span after, size_t limit, enum sfs_format format,
		    sfs_object_scan_fn *fn, void *arg, struct sfs_diag *diag)
{
	struct sfsi_class *class;
	int err = check_scan(store, class_id, prefix, after, &class, diag);
	struct walk walk = { .format = format, .fn = fn, .arg = arg, .diag = diag };
	walk.left = limit ? limit : UINT64_MAX;
	return err < 0 ? err : walk_objects(store, class_id, prefix, after, &walk);
}

int sfs_object_since(struct sfs_store *store, uint32_t class_id, int64_t since_ns,
		     struct sfs_span after, size_t limit, enum sfs_format format,
		     sfs_object_scan_fn *fn, void *arg, struct sfs_diag *diag)
{
	const struct sfs_span all = { NULL, 0 };
	struct sfsi_class *class;
	int err = check_scan(store, class_id, all, after, &class, diag);
	struct walk walk = {
		.format = format,
		.fn = fn,
		.arg = arg,
		.diag = diag,
		.since = true,
		.since_ns = since_ns,
		.left = limit ? limit : UINT64_MAX,
	};
	return err < 0 ? err : walk_objects(store, class_id, all, after, &walk);
}

/* --- positions --- */

struct counting {
	struct sfs_span below; /* only keys below it */
	uint64_t count;
};

static int count_key(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct counting *counting = arg;
	(void)val;
	if (sfsi_span_compare(key, counting->below) >= 0)
		return 1;
	counting->count++;
	return 0;
}

int sfs_object_rank(struct sfs_store *store, uint32_t class_id, struct sfs_span oid, uint64_t *ret)
{
	SFSI_AUTO_BUF struct sfs_buf after = SFS_BUF_INIT;
	struct sfsi_class *class;
	struct sfsi_key from, below;
	uint64_t before;
	int err = check_scan(store, class_id, oid, oid, &class, NULL);
	if (!err)
		err = sfsi_positions_rank(store, class, oid, &after, &before);
	if (err < 0)
		return err;
	sfsi_key_object(&from, sfs_buf_span(&after));
	sfsi_key_object(&below, oid);
	struct counting counting = { .below = sfsi_key_span(&below) };
	struct sfsi_scan scan = {
		.partition = class_id,
		.prefix = sfs_span_str("O"),
		.after = sfsi_key_span(&from),
		.keys_only = true,
	};
	err = sfsi_backend_scan(store->backend, &scan, count_key, &counting);
	if (err && err != SFS_ERR_CANCELLED)
		return err;
	*ret = before + counting.count;
	return 0;
}

/** The first oid that is above all oids with a prefix. False: there is none. */
static bool above_prefix(struct sfs_span prefix, struct sfs_buf *ret, int *err)
{
	const uint8_t *bytes = prefix.data;
	size_t len = prefix.len;
	while (len && bytes[len - 1] == 0xff)
		len--;
	*err = len ? sfs_buf_append(ret, bytes, len) : 0;
	if (!len || *err < 0)
		return false;
	((uint8_t *)ret->data)[len - 1]++;
	return true;
}

int sfs_object_count(struct sfs_store *store, uint32_t class_id, struct sfs_span prefix,
		     uint64_t *ret)
{
	SFSI_AUTO_BUF struct sfs_buf above = SFS_BUF_INIT;
	struct sfs_class_info info;
	struct sfsi_class *class;
	uint64_t first = 0, last;
	int err = sfsi_object_class(store, class_id, &class);
	if (!err)
		err = sfs_class_get(store, class_id, &info);
	if (err < 0)
		return err;
	last = info.objects;
	if (prefix.len)
		err = sfs_object_rank(store, class_id, prefix, &first);
	if (!err && above_prefix(prefix, &above, &err))
		err = sfs_object_rank(store, class_id, sfs_buf_span(&above), &last);
	if (!err)
		*ret = last > first ? last - first : 0;
	return err;
}

void sfs_window_range(const struct sfs_window *window, uint64_t *ret_first, uint64_t *ret_count)
{
	int64_t start = window->start > 0 ? window->start : 0;
	*ret_first = (uint64_t)start;
	if (window->end >= 0) {
		int64_t len = window->end > start ? window->end - start : 0;
		*ret_count = (uint64_t)(window->count > 0 && window->count < len ? window->count
										 : len);
	} else {
		*ret_count = window->count < 0 ? UINT64_MAX : (uint64_t)window->count;
	}
}

/** Start behind so many objects with a prefix: behind an oid, and so many more to pass over. */
static int find_start(struct sfs_store *store, const struct sfsi_class *class,
		      struct sfs_span prefix, uint64_t first, struct sfs_buf *after, uint64_t *skip)
{
	uint64_t before = 0;
	int err = prefix.len ? sfs_object_rank(store, class->id, prefix, &before) : 0;
	if (!err && first > UINT64_MAX - before)
		first = UINT64_MAX - before;
	if (!err)
		err = sfsi_positions_find(store, class, before + first, after, skip);
	if (err < 0 || !prefix.len)
		return err;
	/* The range may begin with oids that are below the prefix: the scan does not see them. */
	if (sfsi_span_compare(sfs_buf_span(after), prefix) < 0) {
		after->len = 0;
		*skip = first;
	}
	return 0;
}

int sfs_object_window(struct sfs_store *store, uint32_t class_id, struct sfs_span prefix,
		      const struct sfs_window *window, enum sfs_format format,
		      sfs_object_scan_fn *fn, void *arg, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf after = SFS_BUF_INIT;
	struct sfsi_class *class;
	uint64_t first;
	struct walk walk = { .format = format, .fn = fn, .arg = arg, .diag = diag };
	int err = check_scan(store, class_id, prefix, prefix, &class, diag);
	if (err < 0)
		return err;
	sfs_window_range(window, &first, &walk.left);
	if (!walk.left)
		return 0;
	err = find_start(store, class, prefix, first, &after, &walk.skip);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	return walk_objects(store, class_id, prefix, sfs_buf_span(&after), &walk);
}

/* --- is it there? --- */

bool sfs_object_has(struct sfs_store *store, uint32_t class_id, struct sfs_span oid)
{
	struct sfs_attr attr;
	return sfs_object_find(store, class_id, oid, &attr) == 0;
}

int sfs_object_ensure(struct sfs_store *store, const struct sfs_put *put, struct sfs_attr *ret,
		      bool *ret_made, struct sfs_diag *diag)
{
	struct sfs_attr attr;
	struct sfs_put make = *put;
	make.flags = (put->flags | SFS_PUT_CREATE) & ~(unsigned)SFS_PUT_UPDATE;
	if (!make.text.len) {
		make.text = sfs_span_str("{}");
		make.format = SFS_FORMAT_JSON;
	}
	/* Somebody may make it, or remove it, between the two steps. */
	int err = SFS_ERR_EXISTS;
	bool made = false;
	for (int tries = 0; tries < 100 && err == SFS_ERR_EXISTS; tries++) {
		err = sfs_object_find(store, put->class_id, put->oid, &attr);
		if (err != SFS_ERR_NOT_FOUND)
			break;
		err = sfs_object_put(store, &make, &attr, diag);
		made = !err;
	}
	if (err < 0)
		return diag && diag->err == err ? err
						: sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	if (ret)
		*ret = attr;
	if (ret_made)
		*ret_made = made;
	return 0;
}
