/*
 * Writing index files: storefs/index_file.h.
 *
 * The forward file is the index itself, entry by entry: those of one key stand together and become one
 * pair. The backward file is made of the objects, whose keys are taken from them once more.
 */
#include <storefs/field.h>
#include "base/array.h"
#include "index/file.h"
#include "index/walk.h"
#include "object.h"

#define MODE 0666
#define PROGRESS 512 /* entries and objects between two calls */

/** An object that has the key at hand. */
struct holder {
	int64_t changed_ns;
	size_t off, len; /* its oid, in oids */
};

struct exporting {
	struct sfsi_index_filing filing;
	struct sfsi_gdbm_writer *forward, *backward;
	struct sfs_buf key;     /* at hand */
	struct sfs_buf oids;    /* of its holders */
	struct sfs_buf pair[2]; /* key and value of a file in the making */
	struct sfs_buf name;    /* a signature in the making */
	struct holder *holders;
	size_t count, cap;
	struct sfsi_index_keys keys;
	struct sfs_index_filed filed;
	sfs_index_progress_fn *fn;
	void *arg;
	uint64_t steps, expected;
};

static void fini(struct exporting *exporting)
{
	sfsi_gdbm_writer_free(exporting->forward);
	sfsi_gdbm_writer_free(exporting->backward);
	sfs_buf_fini(&exporting->key);
	sfs_buf_fini(&exporting->oids);
	sfs_buf_fini(&exporting->pair[0]);
	sfs_buf_fini(&exporting->pair[1]);
	sfs_buf_fini(&exporting->name);
	free(exporting->holders);
	sfsi_index_keys_fini(&exporting->keys);
}

static int progress(struct exporting *exporting)
{
	if (++exporting->steps % PROGRESS || !exporting->fn)
		return 0;
	uint64_t done = exporting->steps < exporting->expected ? exporting->steps
							       : exporting->expected;
	return exporting->fn(exporting->arg, done, exporting->expected) ? SFS_ERR_CANCELLED : 0;
}

/** Append the signature of an object as JSON. */
static int put_signature(struct exporting *exporting, struct sfs_span oid, struct sfs_buf *ret)
{
	exporting->name.len = 0;
	int err = sfsi_index_file_signature(&exporting->filing, oid, &exporting->name);
	return err < 0 ? err : sfsi_index_file_quote(sfs_buf_span(&exporting->name), ret);
}

static int add_pair(struct exporting *exporting, struct sfsi_gdbm_writer *writer)
{
	return sfsi_gdbm_writer_add(writer, sfs_buf_span(&exporting->pair[0]),
				    sfs_buf_span(&exporting->pair[1]));
}

/* --- forward --- */

static int by_change(const void *a, const void *b)
{
	const struct holder *left = a, *right = b;
	if (left->changed_ns != right->changed_ns)
		return left->changed_ns < right->changed_ns ? -1 : 1;
	return left->off < right->off ? -1 : left->off > right->off;
}

static struct sfs_span oid_of(const struct exporting *exporting, const struct holder *holder)
{
	return (struct sfs_span){ (char *)exporting->oids.data + holder->off, holder->len };
}

/** In the order in which they changed last; one that is gone by now comes first. */
static int sort_holders(struct exporting *exporting)
{
	if (exporting->count < 2)
		return 0;
	for (size_t i = 0; i < exporting->count; i++) {
		struct holder *holder = &exporting->holders[i];
		const struct sfs_field_of of = { .class_id = exporting->filing.class->id,
						 .oid = oid_of(exporting, holder),
						 .name = sfs_span_str("oid") };
		int err = sfs_object_updated(exporting->filing.store, &of, &holder->changed_ns);
		if (err < 0 && err != SFS_ERR_NOT_FOUND && err != SFS_ERR_CORRUPT)
			return err;
	}
	qsort(exporting->holders, exporting->count, sizeof *exporting->holders, by_change);
	return 0;
}

static int put_holders(struct exporting *exporting, struct sfs_buf *ret)
{
	int err = sfs_buf_append(ret, "[", 1);
	for (size_t i = 0; i < exporting->count && !err; i++) {
		if (i)
			err = sfs_buf_append(ret, ", ", 2);
		if (!err)
			err = put_signature(exporting, oid_of(exporting, &exporting->holders[i]),
					    ret);
	}
	return err < 0 ? err : sfs_buf_append(ret, "]", 1);
}

/** The key at hand has all its holders. */
static int end_key(struct exporting *exporting)
{
	if (!exporting->count)
		return 0;
	struct sfs_buf *pair = exporting->pair;
	pair[0].len = pair[1].len = 0;
	int err = sfsi_index_key_json(sfs_buf_span(&exporting->key), &pair[0]);
	if (!err)
		err = sort_holders(exporting);
	if (!err)
		err = put_holders(exporting, &pair[1]);
	if (!err)
		err = add_pair(exporting, exporting->forward);
	if (err == SFS_ERR_LIMIT && sfsi_index_key_is_cut(sfs_buf_span(&exporting->key))) {
		exporting->filed.missing++;
		err = 0;
	} else if (!err) {
		exporting->filed.keys++;
		exporting->filed.entries += exporting->count;
	}
	exporting->count = exporting->oids.len = 0;
	return err;
}

static int add_holder(struct exporting *exporting, const struct sfsi_index_entry *entry)
{
	int err = sfsi_array_grow(&exporting->holders, exporting->count, &exporting->cap,
				  sizeof *exporting->holders);
	if (err < 0)
		return err;
	exporting->holders[exporting->count] = (struct holder){ .off = exporting->oids.len,
								.len = entry->oid.len };
	err = sfs_buf_append(&exporting->oids, entry->oid.data, entry->oid.len);
	exporting->count += !err;
	return err;
}

static int take_entry(struct exporting *exporting, const struct sfsi_index_entry *entry)
{
	int err = 0;
	if (!sfs_span_equal(entry->key, sfs_buf_span(&exporting->key))) {
		err = end_key(exporting);
		exporting->key.len = 0;
		if (!err)
			err = sfs_buf_append(&exporting->key, entry->key.data, entry->key.len);
	}
	if (!err)
		err = add_holder(exporting, entry);
	return err < 0 ? err : progress(exporting);
}

static int export_forward(struct exporting *exporting)
{
	struct sfsi_index_walk walk;
	struct sfsi_index_entry entry;
	const struct sfsi_index_range range = { .low = SFSI_INDEX_FIRST_KEY };
	int err = sfsi_index_walk_init(&walk, exporting->filing.store, exporting->filing.table,
				       &range, false);
	while (!err) {
		err = sfsi_index_walk_next(&walk, &entry);
		if (!err)
			err = take_entry(exporting, &entry);
	}
	sfsi_index_walk_fini(&walk);
	return err < 0 ? err : end_key(exporting);
}

/* --- backward --- */

static int put_keys(struct exporting *exporting, struct sfs_buf *ret)
{
	int err = sfs_buf_append(ret, "[", 1);
	bool some = false;
	for (size_t i = 0; i < exporting->keys.count && !err; i++) {
		struct sfs_span key = sfsi_index_keys_at(&exporting->keys, i);
		if (sfsi_index_key_is_cut(key))
			continue;
		if (some)
			err = sfs_buf_append(ret, ", ", 2);
		if (!err)
			err = sfsi_index_key_json(key, ret);
		some = true;
	}
	return err < 0 ? err : sfs_buf_append(ret, "]", 1);
}

static int take_object(void *arg, struct sfs_span oid)
{
	struct exporting *exporting = arg;
	struct sfs_buf *pair = exporting->pair;
	int err = sfsi_index_file_keys(&exporting->filing, oid, &exporting->keys);
	/* It was removed a moment ago; or it is damaged, and has no entry either. */
	if (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_CORRUPT)
		return 0;
	pair[0].len = pair[1].len = 0;
	if (!err)
		err = put_signature(exporting, oid, &pair[0]);
	if (!err)
		err = put_keys(exporting, &pair[1]);
	if (!err)
		err = add_pair(exporting, exporting->backward);
	exporting->filed.objects += !err;
	return err < 0 ? err : progress(exporting);
}

static int put_last_update(struct exporting *exporting)
{
	struct sfs_buf *pair = exporting->pair;
	char stamp[SFS_STAMP_SIZE];
	pair[0].len = pair[1].len = 0;
	int err = sfsi_index_file_quote(sfs_span_str(SFSI_INDEX_FILE_LAST_UPDATE), &pair[0]);
	if (!err)
		err = sfs_buf_printf(&pair[1], "%s", sfs_stamp_text(sfsi_now_ns(), stamp));
	return err < 0 ? err : add_pair(exporting, exporting->backward);
}

/* --- both --- */

static int begin(struct exporting *exporting)
{
	const struct sfsi_index_filing *filing = &exporting->filing;
	uint64_t keys;
	int err = sfsi_index_totals(filing->store, filing->table, &exporting->expected, &keys);
	if (err < 0)
		return err;
	exporting->expected *= 2;
	/* Who has one of them open has both. */
	err = sfsi_gdbm_writer_new(filing->files->dir_fd, filing->forward, MODE,
				   &exporting->forward, filing->diag);
	return err < 0 ? err
		       : sfsi_gdbm_writer_new(filing->files->dir_fd, filing->backward, MODE,
					      &exporting->backward, filing->diag);
}

/** Forward first: a backward file with its time says that both are whole. */
static int commit(struct exporting *exporting)
{
	struct sfs_diag *diag = exporting->filing.diag;
	int err = exporting->filed.missing ? 0 : put_last_update(exporting);
	if (!err)
		err = sfsi_gdbm_writer_commit(exporting->forward, diag);
	return err < 0 ? err : sfsi_gdbm_writer_commit(exporting->backward, diag);
}

int sfs_index_file_export(struct sfs_store *store, uint32_t class_id, struct sfs_span index,
			  const struct sfs_index_files *files, sfs_index_progress_fn *fn, void *arg,
			  struct sfs_index_filed *ret, struct sfs_diag *diag)
{
	struct exporting exporting = { .fn = fn, .arg = arg };
	int err = sfsi_index_filing_init(&exporting.filing, store, class_id, index, files, diag);
	if (!err)
		err = begin(&exporting);
	if (!err)
		err = export_forward(&exporting);
	if (!err)
		err = sfsi_index_file_objects(&exporting.filing, take_object, &exporting);
	if (!err)
		err = commit(&exporting);
	if (!err && ret)
		*ret = exporting.filed;
	fini(&exporting);
	if (err < 0 && diag && !diag->text[0])
		sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	return err;
}
