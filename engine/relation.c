/*
 * Relations: which there are, and what they lead to. Reading takes no lock; what is read is of one
 * commit.
 */
#include "relation.h"
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

/** The value of a relation, and what it points into. */
struct reading {
	struct sfs_buf buf;
	struct sfs_span value;
};

static int read_value(struct sfs_store *store, const struct sfs_relation *relation,
		      struct reading *ret)
{
	struct sfsi_relation_of of;
	struct sfsi_record record;
	if (relation->oid.len == 0 || relation->oid.len > SFS_OID_MAX)
		return SFS_ERR_NOT_FOUND;
	int err = sfsi_relation_begin(store, relation, &of, NULL);
	if (err < 0)
		return err;
	sfsi_relation_end(&of);
	err = sfsi_object_read(store, relation->class_id, relation->oid, &ret->buf, &record);
	return err < 0 ? err : sfsi_body_member(record.body, relation->name, &ret->value);
}

int sfs_relation_get(struct sfs_store *store, const struct sfs_relation *relation, uint64_t start,
		     size_t limit, sfs_target_fn *fn, void *arg)
{
	struct reading reading = { .buf = SFS_BUF_INIT };
	struct sfsi_targets targets;
	struct sfs_span oid;
	int err = read_value(store, relation, &reading);
	sfsi_targets_init(&targets, reading.value);
	for (uint64_t i = 0; !err && sfsi_targets_next(&targets, &oid); i++) {
		if (i < start)
			continue;
		if (limit && i - start >= limit)
			break;
		if (fn(arg, i, oid))
			err = SFS_ERR_CANCELLED;
	}
	sfs_buf_fini(&reading.buf);
	return err;
}

int sfs_relation_count(struct sfs_store *store, const struct sfs_relation *relation, uint64_t *ret)
{
	struct reading reading = { .buf = SFS_BUF_INIT };
	struct sfsi_targets targets;
	struct sfs_span oid;
	uint64_t count = 0;
	int err = read_value(store, relation, &reading);
	sfsi_targets_init(&targets, reading.value);
	while (sfsi_targets_next(&targets, &oid))
		count++;
	sfs_buf_fini(&reading.buf);
	if (!err)
		*ret = count;
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

int sfs_relation_has(struct sfs_store *store, const struct sfs_relation *relation,
		     const struct sfs_target *target)
{
	struct sfsi_relation_of of;
	struct looking looking = { .oid = target->oid };
	int err = sfsi_relation_begin(store, relation, &of, NULL);
	if (err < 0)
		return err;
	err = sfsi_relation_check(store, &of, target, NULL);
	sfsi_relation_end(&of);
	if (err < 0)
		return err == SFS_ERR_INVALID ? err : SFS_ERR_NOT_FOUND;
	err = sfs_relation_get(store, relation, 0, 0, look, &looking);
	if (err < 0 && err != SFS_ERR_CANCELLED)
		return err;
	return looking.found ? 0 : SFS_ERR_NOT_FOUND;
}
