/*
 * files.ndjson: a line for each file of a backup, and a last one with its figures and a sum over all
 * lines. Without that line the backup is not whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include "backup/backup.h"
#include "base/errno.h"
#include "config.h"
#include "hash.h"
#include "store_private.h"

/** Longer lines are none of ours. */
#define LINE_MAX_BYTES 16384

void sfsi_backup_stamp(const struct stat *stat, char ret[SFSI_BACKUP_PATH])
{
	snprintf(ret, SFSI_BACKUP_PATH, "%" PRIu64 ".%" PRIu64 ".%lld.%09ld",
		 (uint64_t)stat->st_ino, (uint64_t)stat->st_size, (long long)stat->st_mtim.tv_sec,
		 stat->st_mtim.tv_nsec);
}

int sfsi_backup_writer_open(struct sfsi_backup_writer *writer, int dir_fd)
{
	*writer = (struct sfsi_backup_writer){ .sum = 0 };
	int fd = openat(dir_fd, SFSI_BACKUP_FILES,
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return sfsi_err_from_errno(errno);
	writer->out = fdopen(fd, "w");
	if (writer->out)
		return 0;
	close(fd);
	return SFS_ERR_NO_MEMORY;
}

static int put_line(struct sfsi_backup_writer *writer, const struct sfs_buf *line)
{
	writer->sum = sfsi_hash(sfs_buf_span(line), writer->sum);
	if (fwrite(line->data, 1, line->len, writer->out) != line->len)
		return sfsi_err_from_errno(errno);
	return 0;
}

/** Other programs call their files as they like: all but plain characters is %XX. */
static int put_path(struct sfs_buf *line, const char *path)
{
	int err = 0;
	for (const unsigned char *at = (const unsigned char *)path; *at && !err; at++) {
		bool plain = *at >= ' ' && *at < 0x7f && *at != '"' && *at != '\\' && *at != '%';
		err = plain ? sfs_buf_append(line, at, 1) : sfs_buf_printf(line, "%%%02X", *at);
	}
	return err;
}

static int note_fresh(struct sfsi_backup_writer *writer, bool fresh)
{
	unsigned bit = writer->files % 8;
	int err = bit ? 0 : sfs_buf_append(&writer->fresh, "", 1);
	if (!err && fresh)
		((uint8_t *)writer->fresh.data)[writer->files / 8] |= (uint8_t)(1u << bit);
	return err;
}

int sfsi_backup_writer_add(struct sfsi_backup_writer *writer, const struct sfsi_backup_file *file)
{
	SFSI_AUTO_BUF struct sfs_buf line = SFS_BUF_INIT;
	int err = sfs_buf_printf(&line, "{\"path\":\"");
	if (!err)
		err = put_path(&line, file->path);
	if (!err)
		err = sfs_buf_printf(&line, "\",\"size\":%" PRIu64 ",\"hash\":\"%s\"", file->size,
				     file->hash);
	if (!err && file->stamp[0])
		err = sfs_buf_printf(&line, ",\"stamp\":\"%s\"", file->stamp);
	if (!err && file->pool[0])
		err = sfs_buf_printf(&line, ",\"pool\":\"%s\"", file->pool);
	if (!err && file->seen[0])
		err = sfs_buf_printf(&line, ",\"seen\":\"%s\"", file->seen);
	if (!err)
		err = sfs_buf_append(&line, "}\n", 2);
	if (!err)
		err = note_fresh(writer, file->fresh);
	if (err < 0)
		return err;
	writer->files++;
	writer->bytes += file->size;
	return put_line(writer, &line);
}

static int put_figures(struct sfsi_backup_writer *writer, struct sfs_backup *backup)
{
	SFSI_AUTO_BUF struct sfs_buf line = SFS_BUF_INIT;
	backup->files = writer->files;
	backup->bytes = writer->bytes;
	int err = sfs_buf_printf(
		&line,
		"{\"number\":%" PRIu64 ",\"commit\":%" PRIu64 ",\"objects\":%" PRIu64
		",\"raws\":%" PRIu64 ",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64
		",\"new_files\":%" PRIu64 ",\"new_bytes\":%" PRIu64 ",\"read\":%" PRId64,
		backup->number, backup->commit, backup->objects, backup->raws, backup->files,
		backup->bytes, backup->new_files, backup->new_bytes, backup->read_ns);
	if (!err)
		err = put_line(writer, &line);
	if (!err && fprintf(writer->out, ",\"sum\":\"%016" PRIx64 "\"}\n", writer->sum) < 0)
		err = sfsi_err_from_errno(errno);
	return err;
}

void sfsi_backup_writer_fini(struct sfsi_backup_writer *writer)
{
	sfs_buf_fini(&writer->fresh);
}

int sfsi_backup_writer_end(struct sfsi_backup_writer *writer, struct sfs_backup *backup, int err)
{
	if (!writer->out)
		return err;
	if (!err)
		err = put_figures(writer, backup);
	if (fclose(writer->out) != 0 && !err)
		err = sfsi_err_from_errno(errno);
	writer->out = NULL;
	return err;
}

/* --- reading --- */

/** What one line says. */
struct line {
	char path[3 * SFSI_FROZEN_PATH], hash[SFS_HASH_SIZE], stamp[SFSI_BACKUP_PATH];
	char pool[SFSI_BACKUP_PATH], seen[SFSI_BACKUP_PATH];
	bool has_sum;
	uint64_t sum;
	struct sfs_backup figures;
	uint64_t size;
};

struct member {
	const char *name;
	size_t off, size; /* size 0: a number */
};

static const struct member members[] = {
	{ "path", offsetof(struct line, path), (size_t)3 * SFSI_FROZEN_PATH },
	{ "hash", offsetof(struct line, hash), SFS_HASH_SIZE },
	{ "stamp", offsetof(struct line, stamp), SFSI_BACKUP_PATH },
	{ "pool", offsetof(struct line, pool), SFSI_BACKUP_PATH },
	{ "seen", offsetof(struct line, seen), SFSI_BACKUP_PATH },
	{ "size", offsetof(struct line, size), 0 },
	{ "number", offsetof(struct line, figures.number), 0 },
	{ "commit", offsetof(struct line, figures.commit), 0 },
	{ "objects", offsetof(struct line, figures.objects), 0 },
	{ "raws", offsetof(struct line, figures.raws), 0 },
	{ "files", offsetof(struct line, figures.files), 0 },
	{ "bytes", offsetof(struct line, figures.bytes), 0 },
	{ "new_files", offsetof(struct line, figures.new_files), 0 },
	{ "new_bytes", offsetof(struct line, figures.new_bytes), 0 },
	{ "read", offsetof(struct line, figures.read_ns), 0 },
};

static int take_member(struct line *line, const struct member *member,
		       const struct sfsi_config_member *value)
{
	char *to = (char *)line + member->off;
	if (!member->size) {
		if (!value->is_integer || value->integer < 0)
			return SFS_ERR_CORRUPT;
		const uint64_t number = (uint64_t)value->integer;
		memcpy(to, &number, sizeof number);
		return 0;
	}
	if (!value->text.data || value->text.len >= member->size ||
	    memchr(value->text.data, 0, value->text.len))
		return SFS_ERR_CORRUPT;
	memcpy(to, value->text.data, value->text.len);
	to[value->text.len] = '\0';
	return 0;
}

static int on_member(void *arg, const struct sfsi_config_member *value)
{
	struct line *line = arg;
	if (strcmp(value->name, "sum") == 0 && value->text.data && value->text.len == 16) {
		char text[17] = { 0 };
		memcpy(text, value->text.data, 16);
		line->sum = strtoull(text, NULL, 16);
		line->has_sum = true;
		return 0;
	}
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (strcmp(members[i].name, value->name) == 0)
			return take_member(line, &members[i], value);
	return 0;
}

static int read_line(struct sfs_span text, struct line *ret)
{
	*ret = (struct line){ .size = 0 };
	return sfsi_config_read(text, on_member, ret, NULL) < 0 ? SFS_ERR_CORRUPT : 0;
}

/** A path leads into the backup, and nowhere else. */
static bool is_inside(const char *path)
{
	return path[0] && path[0] != '/' && strncmp(path, "../", 3) != 0 && !strstr(path, "/../") &&
	       !strstr(path, "//");
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/** As it was before put_path(). */
static bool read_path(char *path)
{
	char *to = path;
	for (const char *at = path; *at; at++) {
		if (*at != '%') {
			*to++ = *at;
			continue;
		}
		int high = hex(at[1]), low = high < 0 ? -1 : hex(at[2]);
		if (low < 0 || (high == 0 && low == 0))
			return false;
		*to++ = (char)(high << 4 | low);
		at += 2;
	}
	*to = '\0';
	return true;
}

static int give_file(struct line *line, sfsi_backup_file_fn *fn, void *arg)
{
	if (!read_path(line->path) || !is_inside(line->path) ||
	    strlen(line->hash) != SFS_HASH_SIZE - 1 || strchr(line->pool, '/'))
		return SFS_ERR_CORRUPT;
	struct sfsi_backup_file file = {
		.path = line->path,
		.size = line->size,
		.hash = line->hash,
		.stamp = line->stamp,
		.pool = line->pool,
		.seen = line->seen,
	};
	return fn ? fn(arg, &file) : 0;
}

/** The last line's sum covers what is before its own member. */
static uint64_t sum_of_last(struct sfs_span text, uint64_t sum)
{
	static const char mark[] = ",\"sum\":";
	const char *at = memmem(text.data, text.len, mark, sizeof mark - 1);
	size_t len = at ? (size_t)(at - (const char *)text.data) : text.len;
	return sfsi_hash((struct sfs_span){ text.data, len }, sum);
}

static int read_lines(FILE *in, sfsi_backup_file_fn *fn, void *arg, struct sfs_backup *ret)
{
	char text[LINE_MAX_BYTES];
	uint64_t sum = 0;
	struct line line;
	while (fgets(text, sizeof text, in)) {
		struct sfs_span span = sfs_span_str(text);
		int err = read_line(span, &line);
		if (err < 0)
			return err;
		if (line.has_sum) {
			*ret = line.figures;
			return line.sum == sum_of_last(span, sum) ? 0 : SFS_ERR_CORRUPT;
		}
		sum = sfsi_hash(span, sum);
		err = give_file(&line, fn, arg);
		if (err)
			return err;
	}
	return ferror(in) ? SFS_ERR_IO : SFS_ERR_CORRUPT;
}

static FILE *open_file(int dir_fd)
{
	int fd = openat(dir_fd, SFSI_BACKUP_FILES, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	if (!in && fd >= 0)
		close(fd);
	return in;
}

int sfsi_backup_read(int dir_fd, sfsi_backup_file_fn *fn, void *arg, struct sfs_backup *ret,
		     struct sfs_diag *diag)
{
	FILE *in = open_file(dir_fd);
	struct sfs_backup figures = { 0 };
	if (!in)
		return sfs_diag_set(diag, sfsi_err_from_errno(errno), SFSI_BACKUP_FILES ": %s",
				    sfs_err_text(sfsi_err_from_errno(errno)));
	/* All of it is read once before anything is done about it: lines that were changed do not count. */
	int err = read_lines(in, NULL, NULL, &figures);
	if (err < 0)
		err = sfs_diag_set(diag, err, SFSI_BACKUP_FILES " %s",
				   err == SFS_ERR_CORRUPT
					   ? "is damaged: its lines do not fit its sum"
					   : sfs_err_text(err));
	if (!err && fn)
		err = fseek(in, 0, SEEK_SET) < 0 ? SFS_ERR_IO : read_lines(in, fn, arg, &figures);
	fclose(in);
	if (!err)
		*ret = figures;
	return err;
}

bool sfs_backup_is(const char *path)
{
	struct stat stat;
	SFSI_AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fstatat(fd, SFSI_BACKUP_FILES, &stat, AT_SYMLINK_NOFOLLOW) == 0;
}

int sfsi_backup_figures(int dir_fd, struct sfs_backup *ret)
{
	char tail[LINE_MAX_BYTES];
	FILE *in = open_file(dir_fd);
	if (!in)
		return sfsi_err_from_errno(errno);
	if (fseek(in, 0, SEEK_END) == 0) {
		long size = ftell(in);
		long from = size > LINE_MAX_BYTES ? size - LINE_MAX_BYTES : 0;
		if (size < 0 || fseek(in, from, SEEK_SET) < 0)
			size = 0;
	}
	size_t len = fread(tail, 1, sizeof tail, in);
	fclose(in);
	if (len < 2 || tail[len - 1] != '\n')
		return SFS_ERR_CORRUPT;
	const char *before = memrchr(tail, '\n', len - 1);
	const char *at = before ? before + 1 : tail;
	struct line line;
	int err = read_line((struct sfs_span){ at, len - (size_t)(at - tail) }, &line);
	if (!err && !line.has_sum)
		err = SFS_ERR_CORRUPT;
	if (!err)
		*ret = line.figures;
	return err;
}
