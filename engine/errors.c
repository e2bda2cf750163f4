/*
 * The last refused operations: see storefs/errors.h.
 *
 * They are kept in memory as the text of the file, and the file is only appended to, a line with
 * each write(2), until it is twice as long as it needs to be; then a new one with the lines that
 * are remembered takes its place. Whatever goes wrong with the file is ignored: the next line tries
 * again. The file of an earlier run is read when it is needed first.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <storefs/errors.h>
#include "config.h"
#include "document/json.h"
#include "store_private.h"

#define FILE_NAME "errors.ndjson"
#define TEMP_NAME FILE_NAME ".tmp"
#define FILE_MAX (2 * SFS_ERRORS_BYTES)
#define NAME_SHOWN 1024 /* longer ones are cut */

void sfsi_errors_init(struct sfs_store *store)
{
	pthread_mutex_init(&store->errors.lock, NULL);
	store->errors.fd = -1;
}

void sfsi_errors_fini(struct sfs_store *store)
{
	struct sfsi_errors *errors = &store->errors;
	if (errors->fd >= 0)
		close(errors->fd);
	sfs_buf_fini(&errors->text);
	pthread_mutex_destroy(&errors->lock);
}

void sfsi_errors_moved(struct sfs_store *store)
{
	struct sfsi_errors *errors = &store->errors;
	SFSI_LOCK_SCOPE(&errors->lock);
	if (errors->fd >= 0)
		close(errors->fd);
	errors->fd = -1;
}

/* --- lines in memory --- */

static size_t line_len(struct sfs_span text)
{
	const char *end = text.len ? memchr(text.data, '\n', text.len) : NULL;
	return end ? (size_t)(end - (const char *)text.data) + 1 : 0;
}

/** Forget the oldest lines until the rest is few and short enough. */
static void trim_locked(struct sfsi_errors *errors)
{
	size_t drop = 0;
	while (errors->lines > SFS_ERRORS_LINES || errors->text.len - drop > SFS_ERRORS_BYTES) {
		size_t len = line_len((struct sfs_span){ (char *)errors->text.data + drop,
							 errors->text.len - drop });
		if (!len)
			break;
		drop += len;
		errors->lines--;
	}
	if (!drop)
		return;
	errors->text.len -= drop;
	memmove(errors->text.data, (char *)errors->text.data + drop, errors->text.len);
}

static void remember_locked(struct sfsi_errors *errors, struct sfs_span line)
{
	if (sfs_buf_append(&errors->text, line.data, line.len) == 0)
		errors->lines++;
	trim_locked(errors);
}

/* --- reading a line --- */

struct parsing {
	struct sfs_error error;
	struct sfs_buf *text; /* holds the strings; may move while it grows */
	size_t at[6];         /* offset + 1 of each string; 0: absent */
	size_t len[6];
};

static const char *const members[6] = { "class", "name", "oid", "operation", "errno", "message" };

static int64_t digits(const char *text, size_t from, size_t count)
{
	int64_t value = 0;
	for (size_t i = from; i < from + count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

/** "2026-11-22T01:02:03.004005006Z", the one form that is written; 0: it is something else. */
static int64_t parse_time(struct sfs_span text)
{
	const char *at = text.data;
	if (text.len != 30)
		return 0;
	struct tm tm = {
		.tm_year = (int)digits(at, 0, 4) - 1900,
		.tm_mon = (int)digits(at, 5, 2) - 1,
		.tm_mday = (int)digits(at, 8, 2),
		.tm_hour = (int)digits(at, 11, 2),
		.tm_min = (int)digits(at, 14, 2),
		.tm_sec = (int)digits(at, 17, 2),
	};
	int64_t ns = digits(at, 20, 9);
	return ns < 0 ? 0 : (int64_t)timegm(&tm) * 1000000000 + ns;
}

static int take_member(void *arg, const struct sfsi_config_member *member)
{
	struct parsing *parsing = arg;
	if (member->is_integer && member->integer > 0 && member->integer <= UINT32_MAX) {
		if (strcmp(member->name, "line") == 0)
			parsing->error.line = (uint32_t)member->integer;
		else if (strcmp(member->name, "column") == 0)
			parsing->error.column = (uint32_t)member->integer;
	}
	if (!member->text.data)
		return 0;
	if (strcmp(member->name, "time") == 0)
		parsing->error.time_ns = parse_time(member->text);
	for (size_t i = 0; i < 6; i++) {
		if (strcmp(member->name, members[i]) != 0)
			continue;
		parsing->at[i] = parsing->text->len + 1;
		parsing->len[i] = member->text.len;
		return sfs_buf_append(parsing->text, member->text.data, member->text.len);
	}
	return 0;
}

static int parse(struct sfs_span line, struct sfs_buf *text, struct sfs_error *ret)
{
	struct parsing parsing = { .text = text };
	int err = sfsi_config_read(line, take_member, &parsing, NULL);
	if (err < 0)
		return err;
	struct sfs_span *const spans[6] = {
		&parsing.error.class_name, &parsing.error.name,       &parsing.error.oid,
		&parsing.error.operation,  &parsing.error.errno_name, &parsing.error.message,
	};
	for (size_t i = 0; i < 6; i++) {
		if (parsing.at[i] && parsing.len[i])
			*spans[i] = (struct sfs_span){ (char *)text->data + parsing.at[i] - 1,
						       parsing.len[i] };
	}
	*ret = parsing.error;
	return 0;
}

/* --- the file --- */

static bool has_file(const struct sfs_store *store)
{
	return store->dir_fd >= 0 && !store->read_only;
}

/** The last part of the file, from its first whole line on. */
static void read_file_locked(struct sfs_store *store, struct sfs_buf *ret)
{
	SFSI_AUTO_FD int fd = openat(store->dir_fd, FILE_NAME,
				     O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat stat;
	if (fd < 0 || fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode) ||
	    sfs_buf_reserve(ret, FILE_MAX) < 0)
		return;
	off_t from = stat.st_size > (off_t)FILE_MAX ? stat.st_size - (off_t)FILE_MAX : 0;
	ssize_t got = pread(fd, ret->data, FILE_MAX, from);
	ret->len = got > 0 ? (size_t)got : 0;
	/* Begun in the middle of a line: that one is lost. */
	size_t skip = from ? line_len(sfs_buf_span(ret)) : 0;
	ret->len -= skip;
	memmove(ret->data, (char *)ret->data + skip, ret->len);
	store->errors.file_bytes = (uint64_t)stat.st_size;
}

/** Take over the lines of an earlier run; what is no whole line of ours is left out. */
static void load_locked(struct sfs_store *store)
{
	struct sfsi_errors *errors = &store->errors;
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	if (errors->loaded)
		return;
	errors->loaded = true;
	if (store->dir_fd >= 0)
		read_file_locked(store, &text);
	for (size_t at = 0, len; at < text.len; at += len) {
		struct sfs_span line = { (char *)text.data + at, text.len - at };
		line.len = len = line_len(line);
		if (!len) {
			/* A torn end: the next line shall not be joined to it. */
			errors->file_bytes = FILE_MAX;
			break;
		}
		SFSI_AUTO_BUF struct sfs_buf strings = SFS_BUF_INIT;
		struct sfs_error error;
		if (parse(line, &strings, &error) < 0)
			continue;
		remember_locked(errors, line);
		errors->last_ns = error.time_ns;
	}
}

static bool write_whole(int fd, struct sfs_span bytes)
{
	return write(fd, bytes.data, bytes.len) == (ssize_t)bytes.len;
}

/** A new file with what is remembered takes the place of the old one. */
static void rewrite_locked(struct sfs_store *store)
{
	struct sfsi_errors *errors = &store->errors;
	int fd = openat(store->dir_fd, TEMP_NAME,
			O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	if (!write_whole(fd, sfs_buf_span(&errors->text)) ||
	    renameat(store->dir_fd, TEMP_NAME, store->dir_fd, FILE_NAME) < 0) {
		close(fd);
		unlinkat(store->dir_fd, TEMP_NAME, 0);
		return;
	}
	if (errors->fd >= 0)
		close(errors->fd);
	errors->fd = fd;
	errors->file_bytes = errors->text.len;
}

static void append_locked(struct sfs_store *store, struct sfs_span line)
{
	struct sfsi_errors *errors = &store->errors;
	if (errors->file_bytes + line.len > FILE_MAX) {
		rewrite_locked(store);
		return;
	}
	if (errors->fd < 0)
		errors->fd = openat(
			store->dir_fd, FILE_NAME,
			O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (errors->fd < 0)
		return;
	if (write_whole(errors->fd, line))
		errors->file_bytes += line.len;
	else /* A part of it may be there: begin a new file next time. */
		errors->file_bytes = FILE_MAX;
}

/* --- adding --- */

static int put_member(struct sfs_buf *ret, const char *name, struct sfs_span value)
{
	if (value.len > NAME_SHOWN)
		value.len = NAME_SHOWN;
	int err = sfs_buf_printf(ret, ",\"%s\":", name);
	return err < 0 ? err : sfsi_json_quote(ret, value);
}

static int put_time(struct sfs_buf *ret, int64_t time_ns)
{
	time_t seconds = (time_t)(time_ns / 1000000000);
	struct tm tm;
	char text[32];
	if (!gmtime_r(&seconds, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm))
		return SFS_ERR_INVALID;
	return sfs_buf_printf(ret, "{\"time\":\"%s.%09dZ\"", text, (int)(time_ns % 1000000000));
}

static int make_line(const struct sfs_error *error, struct sfs_buf *ret)
{
	int err = put_time(ret, error->time_ns);
	if (!err)
		err = put_member(ret, "class", error->class_name);
	if (!err && error->name.len)
		err = put_member(ret, "name", error->name);
	if (!err && error->oid.len)
		err = put_member(ret, "oid", error->oid);
	if (!err)
		err = put_member(ret, "operation", error->operation);
	if (!err)
		err = error->errno_name.len ? put_member(ret, "errno", error->errno_name)
					    : sfs_buf_printf(ret, ",\"errno\":null");
	if (!err && error->line)
		err = sfs_buf_printf(ret, ",\"line\":%u,\"column\":%u", error->line, error->column);
	if (!err)
		err = put_member(ret, "message", error->message);
	return err < 0 ? err : sfs_buf_append(ret, "}\n", 2);
}

void sfs_errors_add(struct sfs_store *store, const struct sfs_error *error)
{
	struct sfsi_errors *errors = &store->errors;
	struct sfs_error now = *error;
	SFSI_AUTO_BUF struct sfs_buf line = SFS_BUF_INIT;
	if (now.time_ns <= 0)
		now.time_ns = sfsi_now_ns();
	if (make_line(&now, &line) < 0)
		return;
	SFSI_LOCK_SCOPE(&errors->lock);
	load_locked(store);
	remember_locked(errors, sfs_buf_span(&line));
	errors->last_ns = now.time_ns;
	if (has_file(store))
		append_locked(store, sfs_buf_span(&line));
}

/* --- asking --- */

int sfs_errors_text(struct sfs_store *store, struct sfs_buf *ret, int64_t *ret_time)
{
	struct sfsi_errors *errors = &store->errors;
	SFSI_LOCK_SCOPE(&errors->lock);
	load_locked(store);
	int err = sfs_buf_append(ret, errors->text.data, errors->text.len);
	if (!err && ret_time)
		*ret_time = errors->last_ns;
	return err;
}

/** As it is read back: cut, and with U+FFFD. */
static int as_shown(struct sfs_span value, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf line = SFS_BUF_INIT;
	struct sfs_error error = { .time_ns = 1, .name = value }, shown;
	int err = make_line(&error, &line);
	return err < 0 ? err : parse(sfs_buf_span(&line), ret, &shown);
}

static bool matches(const struct sfs_error *error, const struct sfs_error *wanted)
{
	if (!wanted->class_name.len)
		return true;
	if (!sfs_span_equal(error->class_name, wanted->class_name))
		return false;
	if (!wanted->name.len && !wanted->oid.len)
		return true;
	return (wanted->name.len && sfs_span_equal(error->name, wanted->name)) ||
	       (wanted->oid.len && sfs_span_equal(error->oid, wanted->oid));
}

/** Where the last line before an end begins. */
static size_t line_before(const char *text, size_t end)
{
	size_t at = end - 1;
	while (at > 0 && text[at - 1] != '\n')
		at--;
	return at;
}

static int find_last(const struct sfs_buf *all, const struct sfs_error *wanted,
		     struct sfs_error *ret, struct sfs_buf *ret_text)
{
	const char *text = all->data;
	size_t keep = ret_text->len;
	for (size_t end = all->len, at; end > 0; end = at) {
		at = line_before(text, end);
		ret_text->len = keep;
		struct sfs_error error;
		int err = parse((struct sfs_span){ text + at, end - at }, ret_text, &error);
		if (err == SFS_ERR_NO_MEMORY)
			return err;
		if (!err && matches(&error, wanted)) {
			*ret = error;
			return 0;
		}
	}
	ret_text->len = keep;
	return SFS_ERR_NOT_FOUND;
}

int sfs_errors_last(struct sfs_store *store, struct sfs_span class_name, struct sfs_span name,
		    struct sfs_span oid, struct sfs_error *ret, struct sfs_buf *ret_text)
{
	SFSI_AUTO_BUF struct sfs_buf all = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf name_shown = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf oid_shown = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf class_shown = SFS_BUF_INIT;
	int err = as_shown(class_name, &class_shown);
	if (!err)
		err = as_shown(name, &name_shown);
	if (!err)
		err = as_shown(oid, &oid_shown);
	if (!err)
		err = sfs_errors_text(store, &all, NULL);
	struct sfs_error wanted = {
		.class_name = sfs_buf_span(&class_shown),
		.name = sfs_buf_span(&name_shown),
		.oid = sfs_buf_span(&oid_shown),
	};
	return err < 0 ? err : find_last(&all, &wanted, ret, ret_text);
}
