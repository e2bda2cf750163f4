/*
 * Saves of documents, many in one commit.
 *
 * A copy of what is in the batch is kept: when the commit as a whole is refused (two records of
 * one oid with --keep, an object that somebody made meanwhile), its records are saved one by one,
 * so that only the one at fault is reported.
 */
#include <stdlib.h>
#include <storefs/export.h>
#include "import.h"
#include "target.h"

#define COUNT_MAX 1000
#define BYTES_MAX ((size_t)4 << 20)

/* A save that waits; the bytes are in batch->bytes: file name and NUL, oid, text. */
struct waiting {
	struct cli_place place;
	enum sfs_format format;
	size_t file, oid, oid_len, text, text_len;
};

struct cli_batch {
	struct sfs_batch *batch;
	struct sfs_buf bytes;
	size_t count;
	struct waiting items[COUNT_MAX];
};

int cli_batch_new(struct cli_import *import)
{
	import->batch = calloc(1, sizeof *import->batch);
	return import->batch ? 0 : SFS_ERR_NO_MEMORY;
}

void cli_batch_free(struct cli_import *import)
{
	if (!import->batch)
		return;
	sfs_batch_abort(import->batch->batch);
	sfs_buf_fini(&import->batch->bytes);
	free(import->batch);
	import->batch = NULL;
}

static struct sfs_put make_put(const struct cli_import *import, struct sfs_span oid,
			       enum sfs_format format, struct sfs_span text)
{
	return (struct sfs_put){
		.class_id = import->class.id,
		.oid = oid,
		.format = format,
		.text = text,
		.flags = SFS_PUT_IMPORT | (import->keep ? SFS_PUT_CREATE : 0) |
			 (import->merge ? SFS_PUT_MERGE : 0),
	};
}

static int batch_put(struct cli_import *import, const struct sfs_put *put, struct sfs_diag *diag)
{
	struct cli_batch *b = import->batch;
	int err = b->batch ? 0 : sfs_batch_begin(import->ctx->store, &b->batch);
	return err < 0 ? err : sfs_batch_put(b->batch, put, diag);
}

/* Keep what is needed to save it alone later. */
static int remember(struct cli_batch *b, const struct cli_place *place, const struct sfs_put *put)
{
	struct waiting *item = &b->items[b->count];
	*item = (struct waiting){ .place = *place, .format = put->format };
	item->file = b->bytes.len;
	int err = sfs_buf_append(&b->bytes, place->file, strlen(place->file) + 1);
	item->oid = b->bytes.len;
	item->oid_len = put->oid.len;
	if (err == 0)
		err = sfs_buf_append(&b->bytes, put->oid.data, put->oid.len);
	item->text = b->bytes.len;
	item->text_len = put->text.len;
	if (err == 0)
		err = sfs_buf_append(&b->bytes, put->text.data, put->text.len);
	if (err == 0)
		b->count++;
	return err;
}

/* All waits for the one commit at the end. */
static void add_atomic(struct cli_import *import, const struct cli_place *place,
		       const struct sfs_put *put, int err, struct sfs_diag *diag)
{
	bool full = err == SFS_ERR_LIMIT && put->text.len <= SFS_DOCUMENT_MAX &&
		    import->batch->batch && sfs_batch_count(import->batch->batch) > 0;
	if (err < 0 && !full)
		cli_refused(import->ctx, "import", put, err, diag);
	if (full) {
		import->too_large = true;
		cli_import_bad_text(
			import, place,
			"the records up to here are too much for one commit (--atomic); "
			"without it they are saved in several");
	} else if (err < 0) {
		cli_import_failed(import, place, err, diag);
	}
}

/* Commit, unless something is wrong with anything. */
static void commit_atomic(struct cli_import *import)
{
	struct cli_batch *b = import->batch;
	struct cli_place place = { .file = import->source };
	size_t count = b->batch ? sfs_batch_count(b->batch) : 0, failed = SIZE_MAX;
	if (import->bad > 0 || import->broken || import->fatal || cli_stopped(import->ctx)) {
		sfs_batch_abort(b->batch);
		b->batch = NULL;
		return;
	}
	if (count == 0)
		return;
	int err = sfs_batch_commit(b->batch, &failed);
	b->batch = NULL;
	if (err == 0)
		import->saved += count;
	else if (failed != SIZE_MAX)
		cli_import_bad_text(
			import, &place,
			"the save of record %zu of those that were to be saved failed: %s",
			failed + 1, sfs_err_text(err));
	else
		cli_import_failed(import, &place, err, NULL);
}

/* A raw is a commit of its own: its bytes are, too. */
static void import_raw(struct cli_import *import, const struct cli_place *place,
		       enum sfs_format format, struct sfs_span text)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfs_import(import->ctx->store, import->class.id, format, text, 0, NULL, &diag);
	if (err == 0)
		import->saved++;
	else
		cli_import_failed(import, place, err, &diag);
}

void cli_batch_add(struct cli_import *import, const struct cli_place *place, struct sfs_span oid,
		   enum sfs_format format, struct sfs_span text)
{
	struct cli_ctx *ctx = import->ctx;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_attr attr;
	if (import->class.kind == SFS_CLASS_RAW) {
		import_raw(import, place, format, text);
		return;
	}
	if (import->keep && sfs_object_find(ctx->store, import->class.id, oid, &attr) == 0) {
		import->kept++;
		return;
	}
	struct sfs_put put = make_put(import, oid, format, text);
	int err = batch_put(import, &put, &diag);
	if (import->atomic) {
		add_atomic(import, place, &put, err, &diag);
		return;
	}
	if (err == SFS_ERR_LIMIT && import->batch->count > 0) {
		/* The document is too long, or the batch is full: an empty one will tell. */
		cli_batch_flush(import);
		if (!cli_import_goes_on(import))
			return;
		diag = (struct sfs_diag)SFS_DIAG_INIT;
		err = batch_put(import, &put, &diag);
	}
	if (err == 0)
		err = remember(import->batch, place, &put);
	if (err < 0) {
		cli_refused(ctx, "import", &put, err, &diag);
		cli_import_failed(import, place, err, &diag);
		return;
	}
	if (import->batch->count == COUNT_MAX || import->batch->bytes.len >= BYTES_MAX)
		cli_batch_flush(import);
}

static void save_alone(struct cli_import *import, const struct waiting *item)
{
	const char *bytes = import->batch->bytes.data;
	struct cli_place place = item->place;
	struct sfs_diag diag = SFS_DIAG_INIT;
	place.file = bytes + item->file;
	struct sfs_put put = make_put(import, (struct sfs_span){ bytes + item->oid, item->oid_len },
				      item->format,
				      (struct sfs_span){ bytes + item->text, item->text_len });
	int err = sfs_object_put(import->ctx->store, &put, NULL, &diag);
	if (err == 0)
		import->saved++;
	else if (err == SFS_ERR_EXISTS && import->keep)
		import->kept++;
	else {
		cli_refused(import->ctx, "import", &put, err, &diag);
		cli_import_failed(import, &place, err, &diag);
	}
}

static void save_each(struct cli_import *import)
{
	struct cli_batch *b = import->batch;
	uint64_t bad = import->bad;
	for (size_t i = 0; i < b->count && !import->fatal && !cli_stopped(import->ctx); i++) {
		if (import->stop && import->bad > bad)
			break;
		save_alone(import, &b->items[i]);
	}
}

static bool is_of_commit(int err)
{
	return err == SFS_ERR_EXISTS || err == SFS_ERR_CONFLICT || err == SFS_ERR_LIMIT ||
	       err == SFS_ERR_BAD_DOCUMENT || err == SFS_ERR_NAME || err == SFS_ERR_CORRUPT;
}

void cli_batch_flush(struct cli_import *import)
{
	struct cli_batch *b = import->batch;
	if (import->atomic) {
		commit_atomic(import);
		return;
	}
	if (b->count == 0)
		return;
	size_t failed;
	int err = sfs_batch_commit(b->batch, &failed);
	b->batch = NULL;
	if (err == 0) {
		import->saved += b->count;
	} else if (is_of_commit(err)) {
		save_each(import);
	} else {
		struct cli_place place = b->items[0].place;
		place.file = (const char *)b->bytes.data + b->items[0].file;
		cli_import_failed(import, &place, err, NULL);
	}
	b->count = 0;
	b->bytes.len = 0;
}
