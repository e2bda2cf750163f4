/* What all imports share: counting, and saying what was refused and where. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include "import.h"
#include "json.h"

bool cli_import_goes_on(const struct cli_import *import)
{
	return !import->fatal && !cli_stopped(import->ctx) && !import->too_large &&
	       !(import->stop && (import->bad > 0 || import->broken));
}

/* Keep it for --json. The members of one array, so each but the first begins with a comma. */
static void keep_error(struct cli_import *import, const struct cli_place *place, const char *why)
{
	if (!import->errors || import->errors_count == CLI_IMPORT_ERRORS_MAX)
		return;
	struct cli_json json;
	cli_json_init(&json, import->errors);
	json.comma = import->errors_count > 0;
	cli_json_open(&json, NULL, '{');
	cli_json_bytes(&json, "file", sfs_span_str(place->file));
	if (place->record)
		cli_json_number(&json, "record", place->record);
	if (place->line) {
		cli_json_number(&json, "line", place->line);
		cli_json_number(&json, "column", place->column);
		cli_json_number(&json, "offset", place->offset);
	}
	cli_json_string(&json, "error", why);
	cli_json_close(&json, '}');
	import->errors_count++;
}

static void report(struct cli_import *import, const struct cli_place *place, const char *why)
{
	char *what = NULL;
	int len;
	if (place->record)
		len = asprintf(
			&what, "%s:%" PRIu64 ":%" PRIu64 ": record %" PRIu64 ", byte %" PRIu64,
			place->file, place->line, place->column, place->record, place->offset);
	else if (place->line)
		len = asprintf(&what, "%s:%" PRIu64 ":%" PRIu64, place->file, place->line,
			       place->column);
	else
		len = asprintf(&what, "%s", place->file);
	cli_progress_clear(&import->progress);
	cli_error(import->ctx, len < 0 ? place->file : what, "%s", why);
	if (len >= 0)
		free(what);
	keep_error(import, place, why);
}

void cli_import_bad(struct cli_import *import, const struct cli_place *place,
		    const struct sfs_diag *diag)
{
	struct cli_place exact = *place;
	bool whole_file = place->line == 0;
	if (diag->line && whole_file) {
		exact.line = diag->line;
		exact.column = diag->column;
		exact.offset = diag->offset;
	} else if (diag->line) {
		exact.line += diag->line - 1;
		exact.column = diag->line == 1 ? exact.column + diag->column - 1 : diag->column;
		exact.offset += diag->offset;
	}
	import->bad++;
	report(import, &exact, diag->text[0] ? diag->text : sfs_err_text(diag->err));
}

void cli_import_bad_text(struct cli_import *import, const struct cli_place *place, const char *fmt,
			 ...)
{
	char why[480];
	va_list args;
	va_start(args, fmt);
	vsnprintf(why, sizeof why, fmt, args);
	va_end(args);
	import->bad++;
	report(import, place, why);
}

void cli_import_skip(struct cli_import *import, const char *file, const char *why)
{
	import->skipped++;
	cli_progress_clear(&import->progress);
	cli_error(import->ctx, file, "skipped: %s", why);
}

/* Is it the record's fault, so that the next one may well succeed? */
static bool is_of_record(int err)
{
	switch ((enum sfs_err)err) {
	case SFS_ERR_EXISTS:
	case SFS_ERR_NOT_EMPTY:
	case SFS_ERR_CONFLICT:
	case SFS_ERR_LIMIT:
	case SFS_ERR_NAME:
	case SFS_ERR_INVALID:
	case SFS_ERR_BAD_DOCUMENT:
	case SFS_ERR_NOT_DIR:
	case SFS_ERR_IS_DIR:
	case SFS_ERR_LOOP:
	case SFS_ERR_UNSUPPORTED: return true;
	case SFS_OK:
	case SFS_ERR_NOT_FOUND:
	case SFS_ERR_BUSY:
	case SFS_ERR_READ_ONLY:
	case SFS_ERR_WRONG_KIND:
	case SFS_ERR_CROSS:
	case SFS_ERR_NOT_STORE:
	case SFS_ERR_CANCELLED:
	case SFS_ERR_NOT_READY:
	case SFS_ERR_IO:
	case SFS_ERR_CORRUPT:
	case SFS_ERR_VERSION:
	case SFS_ERR_NO_MEMORY:
	case SFS_ERR_NO_SPACE:
	case SFS_ERR_PERMISSION:
	case SFS_ERR_NO_FILES: break;
	}
	return false;
}

void cli_import_failed(struct cli_import *import, const struct cli_place *place, int err,
		       const struct sfs_diag *diag)
{
	struct sfs_diag plain = SFS_DIAG_INIT;
	if (diag)
		plain = *diag;
	plain.err = err;
	if (is_of_record(err)) {
		cli_import_bad(import, place, &plain);
		return;
	}
	if (import->fatal)
		return;
	import->fatal = err;
	if (err == SFS_ERR_CANCELLED)
		return;
	report(import, place, plain.text[0] ? plain.text : sfs_err_text(err));
}
