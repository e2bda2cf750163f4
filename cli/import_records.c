/*
 * Import of records: JSON lines, or the elements of an array, from a file or a pipe.
 *
 * The text goes through the splitter piece by piece; each record goes to the engine as it stands.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include "import.h"
#include "text.h"

#define PIECE ((size_t)256 << 10)

/* The oid that a member's value spells. False: it spells none. */
static bool oid_of_value(struct sfs_span value, struct sfs_buf *ret)
{
	const char *text = value.data;
	ret->len = 0;
	if (text[0] == '"')
		return cli_text_unquote(ret, value) == 0 && ret->len > 0;
	size_t digits = text[0] == '-';
	if (digits == value.len || (text[digits] == '0' && value.len > 1))
		return false;
	for (size_t i = digits; i < value.len; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return sfs_buf_append(ret, text, value.len) == 0;
}

static int find_oid(const struct cli_import *import, struct sfs_span text, struct sfs_span *ret)
{
	if (import->oid_member)
		return cli_member_find(text, import->oid_member, ret);
	int err = cli_member_find(text, "oid", ret);
	return err == SFS_ERR_NOT_FOUND ? cli_member_find(text, "id", ret) : err;
}

/*
 * The record has no oid (value NULL), or this one. Is that all that is wrong with it? What is no
 * JSON is the engine's to explain.
 */
static void bad_oid(struct cli_import *import, const struct cli_place *place, struct sfs_span text,
		    const struct sfs_span *value)
{
	bool checked = value && cli_text_is_json(*value);
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_put put = {
		.class_id = import->class.id,
		.oid = { "?", 1 },
		.text = text,
	};
	int err = checked ? 0 : sfs_object_check(import->ctx->store, &put, &diag);
	const char *name = import->oid_member ? import->oid_member : "oid\" or \"id";
	if (err == SFS_ERR_BAD_DOCUMENT || err == SFS_ERR_LIMIT)
		cli_import_failed(import, place, err, &diag);
	else if (value)
		cli_import_bad_text(import, place,
				    "member \"%s\" is no oid, expected a string that is not empty "
				    "or an integer",
				    name);
	else
		cli_import_bad_text(import, place, "no member \"%s\" to take the oid from", name);
}

static void take_record(struct cli_import *import, const struct cli_record *record,
			struct sfs_buf *oid)
{
	struct cli_place place = {
		import->source, record->number, record->line, record->column, record->offset,
	};
	struct sfs_span value;
	import->progress.count = record->number;
	if (record->too_long) {
		cli_import_bad_text(import, &place, "record over %zu bytes, the longest document",
				    SFS_DOCUMENT_MAX);
		return;
	}
	bool found = find_oid(import, record->text, &value) == 0;
	if (!found || !oid_of_value(value, oid))
		bad_oid(import, &place, record->text, found ? &value : NULL);
	else
		cli_batch_add(import, &place, sfs_buf_span(oid), SFS_FORMAT_JSON, record->text);
}

static void broken(struct cli_import *import, const struct sfs_diag *diag, int err)
{
	struct cli_place place = {
		.file = import->source,
		.line = diag->line,
		.column = diag->column,
		.offset = diag->offset,
	};
	if (err != SFS_ERR_BAD_DOCUMENT) {
		cli_import_failed(import, &place, err, NULL);
		return;
	}
	/* The position is the source's already. */
	import->broken = true;
	cli_import_bad_text(import, &place, "%s", diag->text);
}

/* All records in one piece of the source. */
static void take_piece(struct cli_import *import, struct cli_splitter *splitter,
		       struct sfs_span piece, struct sfs_buf *oid)
{
	while (piece.len > 0 && cli_import_goes_on(import) && !import->broken) {
		struct sfs_diag diag = SFS_DIAG_INIT;
		struct cli_record record;
		size_t used = 0;
		int got = cli_splitter_feed(splitter, piece, &used, &record, &diag);
		if (got < 0)
			broken(import, &diag, got);
		else if (got > 0)
			take_record(import, &record, oid);
		piece.data = (const char *)piece.data + used;
		piece.len -= used;
		import->progress.done += used;
		import->bytes += used;
		cli_progress_tick(&import->progress);
	}
}

static void take_end(struct cli_import *import, struct cli_splitter *splitter, struct sfs_buf *oid)
{
	int got = 1;
	while (got > 0 && cli_import_goes_on(import)) {
		struct sfs_diag diag = SFS_DIAG_INIT;
		struct cli_record record;
		got = cli_splitter_end(splitter, &record, &diag);
		if (got < 0)
			broken(import, &diag, got);
		else if (got > 0)
			take_record(import, &record, oid);
	}
}

static void read_all(struct cli_import *import, int fd, struct cli_splitter *splitter, char *piece)
{
	struct sfs_buf oid = SFS_BUF_INIT;
	bool ended = false;
	while (!ended && cli_import_goes_on(import) && !import->broken) {
		ssize_t got = cli_read(import->ctx, fd, piece, PIECE);
		if (got < 0) {
			struct cli_place place = { .file = import->source };
			struct sfs_diag diag = SFS_DIAG_INIT;
			int err = errno == ECANCELED ? SFS_ERR_CANCELLED : SFS_ERR_IO;
			sfs_diag_set(&diag, err, "reading: %m");
			cli_import_failed(import, &place, err, &diag);
			break;
		}
		if (got == 0)
			ended = true;
		else
			take_piece(import, splitter, (struct sfs_span){ piece, (size_t)got }, &oid);
	}
	if (ended)
		take_end(import, splitter, &oid);
	/* With --stop what came before the bad record is saved too. */
	if (!import->fatal)
		cli_batch_flush(import);
	sfs_buf_fini(&oid);
}

void cli_import_records(struct cli_import *import, int fd, enum cli_split mode, const char *at)
{
	struct stat st;
	struct cli_splitter splitter;
	char *piece = malloc(PIECE);
	int err = piece ? cli_batch_new(import) : SFS_ERR_NO_MEMORY;
	if (err < 0) {
		import->fatal = err;
		free(piece);
		return;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		import->progress.total = (uint64_t)st.st_size;
	cli_splitter_init(&splitter, mode, at, SFS_DOCUMENT_MAX);
	read_all(import, fd, &splitter, piece);
	cli_splitter_fini(&splitter);
	cli_batch_free(import);
	free(piece);
}
