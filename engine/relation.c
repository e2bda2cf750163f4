/*
 * Relations: which there are, and what they lead to. Reading takes no lock; what is read, or a page of
 * many targets, is of one commit.
 */
#include "relation_rows.h"
#include "backref.h"
#include "document/utf8.h"
#include "targets.h"

/* --- which relations there are --- */

static void describe(struct sfs_store *store, const struct sfsi_class *class,
		     const struct sfsi_relation *relation, struct sfs_relation_info *ret)
{
	const struct sfsi_class *target = sfsi_relation_class(store, class, relation);
	*ret = (struct sfs_relation_info){
		.name = relation->name,
		.target = relation->target.len ? relation->target : sfs_span_str(class->name),
		.target_class_id = target ? target->id : 0,
		.kind = target ? target->kind : SFS_CLASS_OBJECT,
		.many = relation->many,
	};
}

int sfs_relation_list(struct sfs_store *store, uint32_t class_id, sfs_relation_list_fn *fn,
		      void *arg)
{
	uint64_t number;
	const struct sfsi_class *class = class_id ? sfsi_class_ref(store, class_id) : NULL;
	if (!class)
		return SFS_ERR_NOT_FOUND;
	struct sfsi_schema *schema = sfsi_class_schema(store, class, &number);
	int stopped = 0;
	for (uint32_t i = 0; schema && i < schema->relations_count && !stopped; i++) {
		struct sfs_relation_info info;
		describe(store, class, &schema->relations[i], &info);
		stopped = fn(arg, &info);
	}
	sfsi_schema_unref(schema);
	return stopped ? SFS_ERR_CANCELLED : 0;
}

/* --- one relation --- */

int sfsi_relation_begin(struct sfs_store *store, const struct sfs_relation *relation,
			struct sfsi_relation_of *ret, struct sfs_diag *diag)
{
	char name[SFSI_SHOW_SIZE];
	uint64_t number;
	struct sfsi_class *class;
	int err = sfsi_object_class(store, relation->class_id, &class);
	if (err < 0)
		return sfs_diag_set(diag, err, "class: %s", sfs_err_text(err));
	struct sfsi_schema *schema = sfsi_class_schema(store, class, &number);
	const struct sfsi_relation *found = sfsi_schema_relation(schema, relation->name);
	if (!found) {
		sfsi_schema_unref(schema);
		return sfs_diag_set(diag, SFS_ERR_NOT_FOUND, "class %s has no relation %s",
				    class->name, sfsi_utf8_show(name, relation->name));
	}
	*ret = (struct sfsi_relation_of){
		.class = class,
		.schema = schema,
		.relation = found,
		.type = found->target.len ? found->target : sfs_span_str(class->name),
	};
	return 0;
}

void sfsi_relation_end(struct sfsi_relation_of *of)
{
	sfsi_schema_unref(of->schema);
	of->schema = NULL;
}

int sfsi_relation_check(struct sfs_store *store, const struct sfsi_relation_of *of,
			const struct sfs_target *target, struct sfs_diag *diag)
{
	const struct sfsi_class *class = sfsi_relation_class(store, of->class, of->relation);
	const struct sfsi_class *given = target->class_id ? sfsi_class_ref(store, target->class_id)
							  : class;
	struct sfs_span oid = target->oid;
	if (target->class_id && (!class || class->id != target->class_id))
		return sfs_diag_set(
			diag, SFS_ERR_INVALID, "relation %.*s leads to class %.*s, not to %s",
			(int)of->relation->name.len, (const char *)of->relation->name.data,
			(int)of->type.len, (const char *)of->type.data,
			given ? given->name : "a class that does not exist");
	if (oid.len > SFS_OID_MAX)
		return sfs_diag_set(diag, SFS_ERR_LIMIT, "an oid has at most %d bytes",
				    SFS_OID_MAX);
	if (oid.len == 0 || !sfsi_utf8_valid(oid))
		return sfs_diag_set(diag, SFS_ERR_NAME,
				    "an oid that is %s can not stand in a relation",
				    oid.len ? "no UTF-8" : "empty");
	return 0;
}

/* --- reading --- */

/** A relation as it is stored, and what that points into. */
struct reading {
	struct sfs_buf buf;
	struct sfsi_record record; /* stored */
	bool has_rows;
	struct sfsi_rows rows;
	struct sfs_span value; /* without rows */
};

/** Read it, or read it again. */
static int read_stored(struct sfs_store *store, const struct sfs_relation *relation,
		       struct reading *ret)
{
	ret->buf.len = 0;
	int err = sfsi_object_read_stored(store, relation->class_id, relation->oid, &ret->buf,
					  &ret->record);
	if (!err)
		err = sfsi_body_member(ret->record.body, relation->name, &ret->value);
	ret->has_rows = !err && sfsi_rows_find(&ret->record, relation->name, &ret->rows);
	return err;
}

static int begin_reading(struct sfs_store *store, const struct sfs_relation *relation,
			 struct reading *ret)
{
	struct sfsi_relation_of of;
	if (relation->oid.len == 0 || relation->oid.len > SFS_OID_MAX)
		return SFS_ERR_NOT_FOUND;
	int err = sfsi_relation_begin(store, relation, &of, NULL);
	if (err < 0)
		return err;
	sfsi_relation_end(&of);
	return read_stored(store, relation, ret);
}

static int give_value(struct sfs_span value, uint64_t start, size_t limit, sfs_target_fn *fn,
		      void *arg)
{
	struct sfsi_targets targets;
	struct sfs_span oid;
	sfsi_targets_init(&targets, value);
	for (uint64_t i = 0; sfsi_targets_next(&targets, &oid); i++) {
		if (i < start)
			continue;
		if (limit && i - start >= limit)
			break;
		if (fn(arg, i, oid))
			return SFS_ERR_CANCELLED;
	}
	return 0;
}

#define PAGE_TARGETS 1024

/** A page of rows, while no commit changes the object. *ret_same: none did. */
static int read_page(struct sfs_store *store, const struct sfs_relation *relation,
		     struct reading *reading, uint64_t start, size_t wanted,
		     struct sfsi_target_page *page, bool *ret_same)
{
	uint64_t revision = reading->record.object.revision;
	int err = sfsi_relation_rows_page(store, relation, &reading->record, &reading->rows, start,
					  wanted, page);
	int again = read_stored(store, relation, reading);
	*ret_same = !again && reading->record.object.revision == revision;
	return again < 0 ? again : err;
}

static int give_page(const struct sfsi_target_page *page, uint64_t index, sfs_target_fn *fn,
		     void *arg)
{
	const char *at = page->bytes.data;
	for (size_t i = 0; i < page->count; i++) {
		size_t len;
		memcpy(&len, at, sizeof len);
		at += sizeof len;
		if (fn(arg, index + i, (struct sfs_span){ at, len }))
			return SFS_ERR_CANCELLED;
		at += len;
	}
	return 0;
}

int sfs_relation_get(struct sfs_store *store, const struct sfs_relation *relation, uint64_t start,
		     size_t limit, sfs_target_fn *fn, void *arg)
{
	struct reading reading = { .buf = SFS_BUF_INIT };
	struct sfsi_target_page page = { .bytes = SFS_BUF_INIT };
	uint64_t given = 0, wanted = PAGE_TARGETS;
	int err = begin_reading(store, relation, &reading);
	while (!err && reading.has_rows && (!limit || given < limit)) {
		uint64_t before = page.last;
		bool same = false;
		wanted = limit && limit - given < PAGE_TARGETS ? limit - given : PAGE_TARGETS;
		err = read_page(store, relation, &reading, start + given, (size_t)wanted, &page,
				&same);
		if (!err && !same) {
			page.last = before; /* changed meanwhile: once more */
			continue;
		}
		if (!err)
			err = give_page(&page, start + given, fn, arg);
		given += page.count;
		if (page.count < wanted)
			break;
	}
	if (!err && !reading.has_rows && (!limit || given < limit))
		err = give_value(reading.value, start + given, limit ? limit - (size_t)given : 0,
				 fn, arg);
	sfs_buf_fini(&page.bytes);
	sfs_buf_fini(&reading.buf);
	return err;
}

int sfs_relation_count(struct sfs_store *store, const struct sfs_relation *relation, uint64_t *ret)
{
	struct reading reading = { .buf = SFS_BUF_INIT };
	struct sfsi_targets targets;
	struct sfs_span oid;
	uint64_t count = 0;
	int err = begin_reading(store, relation, &reading);
	sfsi_targets_init(&targets, reading.value);
	while (!reading.has_rows && sfsi_targets_next(&targets, &oid))
		count++;
	if (!err)
		*ret = reading.has_rows ? reading.rows.count : count;
	sfs_buf_fini(&reading.buf);
	return err;
}

static int take_oid(void *arg, uint64_t index, struct sfs_span oid)
{
	struct sfs_buf *ret = arg;
	(void)index;
	return sfs_buf_append(ret, oid.data, oid.len) < 0 ? 2 : 0;
}

int sfs_relation_one(struct sfs_store *store, const struct sfs_relation *relation, int64_t index,
		     struct sfs_buf *ret)
{
	uint64_t count, start = (uint64_t)index;
	size_t before = ret->len;
	int err = 0;
	if (index < 0) {
		err = sfs_relation_count(store, relation, &count);
		start = 0 - (uint64_t)index;
		if (!err && start > count)
			return SFS_ERR_NOT_FOUND;
		start = err ? 0 : count - start;
	}
	if (!err)
		err = sfs_relation_get(store, relation, start, 1, take_oid, ret);
	if (err == SFS_ERR_CANCELLED)
		return SFS_ERR_NO_MEMORY;
	return !err && ret->len == before ? SFS_ERR_NOT_FOUND : err;
}

struct looking {
	struct sfs_span oid;
	bool found;
};

static int look(void *arg, uint64_t index, struct sfs_span oid)
{
	struct looking *looking = arg;
	(void)index;
	looking->found = sfs_span_equal(looking->oid, oid);
	return looking->found;
}

static int has_target(struct sfs_store *store, const struct sfs_relation *relation,
		      struct sfs_span oid)
{
	struct reading reading = { .buf = SFS_BUF_INIT };
	struct looking looking = { .oid = oid };
	int err = begin_reading(store, relation, &reading);
	for (bool same = false; !err && reading.has_rows && !same;) {
		uint64_t revision = reading.record.object.revision;
		int has = sfsi_relation_rows_has(store, relation, &reading.record, oid);
		err = read_stored(store, relation, &reading);
		same = !err && reading.record.object.revision == revision;
		if (same) {
			sfs_buf_fini(&reading.buf);
			return has;
		}
	}
	if (!err)
		err = give_value(reading.value, 0, 0, look, &looking);
	sfs_buf_fini(&reading.buf);
	if (err < 0 && err != SFS_ERR_CANCELLED)
		return err;
	return looking.found ? 0 : SFS_ERR_NOT_FOUND;
}

int sfs_relation_has(struct sfs_store *store, const struct sfs_relation *relation,
		     const struct sfs_target *target)
{
	struct sfsi_relation_of of;
	int err = sfsi_relation_begin(store, relation, &of, NULL);
	if (err < 0)
		return err;
	err = sfsi_relation_check(store, &of, target, NULL);
	sfsi_relation_end(&of);
	if (err < 0)
		return err == SFS_ERR_INVALID ? err : SFS_ERR_NOT_FOUND;
	return has_target(store, relation, target->oid);
}
