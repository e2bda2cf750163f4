/*
 * What a person is told: report.txt, a line for each thing; report.ndjson, the same for programs. Both are
 * made in the folder of the new rows, and go with the damaged ones in the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include "base/errno.h"
#include "document/json.h"
#include "recover/recover.h"

const char *sfs_recover_kind_text(enum sfs_recover_kind kind)
{
	switch (kind) {
	case SFS_RECOVER_LOST: return "lost";
	case SFS_RECOVER_OLDER: return "older";
	case SFS_RECOVER_BACKUP: return "from-backup";
	case SFS_RECOVER_FOUND: return "found";
	case SFS_RECOVER_ASIDE: return "set-aside";
	case SFS_RECOVER_NOTE: return "note";
	}
	return "unknown";
}

static FILE *open_one(const struct sfsi_recovery *rec, const char *name)
{
	int fd = openat(rec->new_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file && fd >= 0)
		close(fd);
	return file;
}

int sfsi_recover_report_open(struct sfsi_recovery *rec)
{
	rec->text = open_one(rec, "report.txt");
	rec->json = open_one(rec, "report.ndjson");
	rec->strays = open_one(rec, "strays");
	return rec->text && rec->json && rec->strays ? 0 : sfsi_err_from_errno(errno);
}

static int close_one(FILE **file)
{
	int err = 0;
	if (!*file)
		return 0;
	if (fflush(*file) != 0 || fsync(fileno(*file)) < 0)
		err = sfsi_err_from_errno(errno);
	if (fclose(*file) != 0 && !err)
		err = sfsi_err_from_errno(errno);
	*file = NULL;
	return err;
}

int sfsi_recover_report_close(struct sfsi_recovery *rec)
{
	int err = close_one(&rec->text);
	int json = close_one(&rec->json), strays = close_one(&rec->strays);
	return err ? err : json ? json : strays;
}

static void count(struct sfs_recover_result *result, enum sfs_recover_kind kind)
{
	switch (kind) {
	case SFS_RECOVER_LOST: result->lost++; break;
	case SFS_RECOVER_OLDER: result->older++; break;
	case SFS_RECOVER_BACKUP: result->unsure++; break;
	case SFS_RECOVER_FOUND: result->found++; break;
	case SFS_RECOVER_ASIDE: result->aside++; break;
	case SFS_RECOVER_NOTE: break;
	}
}

static void put_bytes(FILE *out, struct sfs_span bytes)
{
	const unsigned char *at = bytes.data;
	for (size_t i = 0; i < bytes.len; i++) {
		if (at[i] < 0x20 || at[i] == 0x7f)
			fprintf(out, "\\x%02x", at[i]);
		else
			fputc(at[i], out);
	}
}

static void put_text(FILE *out, const struct sfs_recover_item *item)
{
	fprintf(out, "%s: %s", sfs_recover_kind_text(item->kind),
		item->class_name[0] ? item->class_name : "store");
	if (item->oid.len) {
		fputc('/', out);
		put_bytes(out, item->oid);
	} else if (item->ino) {
		fprintf(out, " inode %" PRIu64, item->ino);
	}
	fprintf(out, ": %s\n", item->text);
}

static int put_member(struct sfs_buf *line, const char *name, struct sfs_span text)
{
	if (!text.len)
		return 0;
	int err = sfs_buf_printf(line, ",\"%s\":", name);
	return err < 0 ? err : sfsi_json_quote(line, text);
}

static int put_number(struct sfs_buf *line, const char *name, uint64_t number)
{
	return number ? sfs_buf_printf(line, ",\"%s\":%" PRIu64, name, number) : 0;
}

static int put_json(FILE *out, const struct sfs_recover_item *item)
{
	SFSI_AUTO_BUF struct sfs_buf line = SFS_BUF_INIT;
	int err = sfs_buf_printf(&line, "{\"kind\":\"%s\"", sfs_recover_kind_text(item->kind));
	if (!err)
		err = put_member(&line, "class", sfs_span_str(item->class_name));
	if (!err)
		err = put_member(&line, "oid", item->oid);
	if (!err)
		err = put_number(&line, "ino", item->ino);
	if (!err)
		err = put_number(&line, "commit_from", item->commit_from);
	if (!err)
		err = put_number(&line, "commit_to", item->commit_to);
	if (!err)
		err = put_member(&line, "text", sfs_span_str(item->text));
	if (!err)
		err = sfs_buf_append(&line, "}\n", 2);
	if (!err && fwrite(line.data, 1, line.len, out) != line.len)
		err = sfsi_err_from_errno(errno);
	return err;
}

int sfsi_recover_tell(struct sfsi_recovery *rec, const struct sfs_recover_item *item)
{
	const struct sfs_recover_config *config = rec->config;
	count(&rec->result, item->kind);
	put_text(rec->text, item);
	int err = put_json(rec->json, item);
	if (!err && ferror(rec->text))
		err = SFS_ERR_IO;
	if (!err && config->item && config->item(config->arg, item))
		err = SFS_ERR_CANCELLED;
	return err;
}

int sfsi_recover_say(struct sfsi_recovery *rec, enum sfs_recover_kind kind, uint32_t class_id,
		     struct sfs_span oid, const char *fmt, ...)
{
	char text[400], name[SFS_CLASS_NAME_MAX + 1] = "";
	struct sfsi_recover_class *class = class_id ? sfsi_recover_class(rec, class_id) : NULL;
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (class && class->name[0])
		memcpy(name, class->name, sizeof name);
	else if (class)
		snprintf(name, sizeof name, "class %" PRIu32, class_id);
	const struct sfs_recover_item item = {
		.kind = kind,
		.class_name = name,
		.oid = oid,
		.text = text,
	};
	return sfsi_recover_tell(rec, &item);
}

int sfsi_recover_say_object(struct sfsi_recovery *rec, enum sfs_recover_kind kind,
			    uint32_t class_id, struct sfs_span oid, const char *text)
{
	uint8_t key[4 + SFS_OID_MAX];
	size_t len = oid.len < SFS_OID_MAX ? oid.len : SFS_OID_MAX;
	sfsi_put_be32(key, class_id);
	memcpy(key + 4, oid.data, len);
	const struct sfs_span span = { key, 4 + len };
	const struct sfsi_map_entry *there = sfsi_map_seek(&rec->named, span);
	if (there && sfs_span_equal(sfsi_map_key(there), span))
		return 0;
	struct sfsi_map_entry *entry = sfsi_map_entry_new(&rec->named, span,
							  (struct sfs_span){ "", 0 });
	if (!entry)
		return SFS_ERR_NO_MEMORY;
	sfsi_map_entry_free(sfsi_map_put(&rec->named, entry));
	struct sfsi_recover_class *class = sfsi_recover_class(rec, class_id);
	if (class && kind == SFS_RECOVER_LOST)
		class->lost_objects++;
	else if (class && kind == SFS_RECOVER_BACKUP)
		class->unsure_objects++;
	return sfsi_recover_say(rec, kind, class_id, oid, "%s", text);
}
