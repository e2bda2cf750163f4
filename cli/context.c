/*
 * One run of one verb: its streams, its messages, its exit code.
 *
 * The streams write to descriptors that may belong to another process, may be slow, and are never
 * made non-blocking (that would change them for their owner). So each write waits for room first,
 * looks at the cancelled flag while it waits, and is small where a large one could block.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <storefs/time.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "cli.h"
#include "text.h"

#define POLL_MS 200

/* Wait until fd can be read or written; -1 with errno when cancelled. */
static int wait_for(const atomic_bool *cancelled, int fd, short events)
{
	for (;;) {
		struct pollfd poller = { .fd = fd, .events = events };
		int got = poll(&poller, 1, POLL_MS);
		if (got > 0)
			return 0;
		if (got < 0 && errno != EINTR)
			return -1;
		if (atomic_load(cancelled)) {
			errno = ECANCELED;
			return -1;
		}
	}
}

static int write_some(const atomic_bool *cancelled, int fd, bool small, const char *data,
		      size_t len)
{
	size_t done = 0;
	while (done < len) {
		size_t piece = len - done;
		if (small && piece > PIPE_BUF)
			piece = PIPE_BUF;
		if (small && wait_for(cancelled, fd, POLLOUT) < 0)
			return -1;
		ssize_t wrote = write(fd, data + done, piece);
		if (wrote < 0 && errno != EINTR && errno != EAGAIN)
			return -1;
		if (wrote > 0)
			done += (size_t)wrote;
	}
	return 0;
}

static bool is_small(int fd)
{
	struct stat st;
	return fstat(fd, &st) < 0 || !S_ISREG(st.st_mode);
}

int cli_write_all(struct cli_ctx *ctx, int fd, const void *data, size_t len)
{
	return write_some(ctx->cancelled, fd, is_small(fd), data, len);
}

ssize_t cli_read(struct cli_ctx *ctx, int fd, void *dst, size_t len)
{
	for (;;) {
		if (wait_for(ctx->cancelled, fd, POLLIN) < 0)
			return -1;
		ssize_t got = read(fd, dst, len);
		if (got >= 0 || (errno != EINTR && errno != EAGAIN))
			return got;
	}
}

int cli_read_all(struct cli_ctx *ctx, int fd, size_t max, struct sfs_buf *ret)
{
	for (;;) {
		int err = sfs_buf_reserve(ret, 65536);
		if (err < 0)
			return err;
		ssize_t got = cli_read(ctx, fd, (char *)ret->data + ret->len, 65536);
		if (got < 0)
			return cli_err_from_errno(errno);
		if (got == 0)
			return 0;
		ret->len += (size_t)got;
		if (ret->len > max)
			return SFS_ERR_LIMIT;
	}
}

static ssize_t stream_write(void *cookie, const char *data, size_t len)
{
	struct cli_stream *stream = cookie;
	if (stream->error)
		return 0;
	if (write_some(stream->cancelled, stream->fd, stream->small, data, len) < 0) {
		stream->error = errno;
		return 0;
	}
	return (ssize_t)len;
}

static FILE *stream_open(struct cli_stream *stream, int fd, const atomic_bool *cancelled)
{
	static const cookie_io_functions_t functions = { .write = stream_write };
	*stream = (struct cli_stream){ .fd = fd, .small = is_small(fd), .cancelled = cancelled };
	return fopencookie(stream, "w", functions);
}

int cli_ctx_init(struct cli_ctx *ctx, const int fds[4], const atomic_bool *cancelled)
{
	*ctx = (struct cli_ctx){ .in_fd = fds[0], .cwd_fd = fds[3], .cancelled = cancelled };
	ctx->out = stream_open(&ctx->out_stream, fds[1], cancelled);
	ctx->err = stream_open(&ctx->err_stream, fds[2], cancelled);
	if (!ctx->out || !ctx->err) {
		if (ctx->out)
			fclose(ctx->out);
		if (ctx->err)
			fclose(ctx->err);
		return SFS_ERR_NO_MEMORY;
	}
	setvbuf(ctx->out, NULL, _IOFBF, 1 << 16);
	setvbuf(ctx->err, NULL, _IOLBF, 1 << 12);
	ctx->out_is_tty = isatty(fds[1]);
	ctx->err_is_tty = isatty(fds[2]);
	return 0;
}

void *cli_own(struct cli_ctx *ctx, void *memory)
{
	assert(ctx->owned_count < CLI_OWNED_MAX);
	ctx->owned[ctx->owned_count++] = memory;
	return memory;
}

int cli_ctx_fini(struct cli_ctx *ctx, int code)
{
	while (ctx->owned_count)
		free(ctx->owned[--ctx->owned_count]);
	fclose(ctx->out);
	int error = ctx->out_stream.error;
	if (error && error != EPIPE && error != ECANCELED) {
		errno = error;
		cli_error(ctx, "standard output", "%m");
	}
	fclose(ctx->err);
	return error && code == CLI_OK ? CLI_FAILED : code;
}

bool cli_stopped(const struct cli_ctx *ctx)
{
	return atomic_load(ctx->cancelled) || ctx->out_stream.error;
}

/* One line, whatever names are in it: control characters become \xHH. */
static void put_line(struct cli_ctx *ctx, const struct sfs_buf *line)
{
	const unsigned char *at = line->data;
	for (size_t i = 0; i < line->len; i++) {
		if (at[i] < 0x20 || at[i] == 0x7f)
			fprintf(ctx->err, "\\x%02x", at[i]);
		else
			fputc(at[i], ctx->err);
	}
	fputc('\n', ctx->err);
	fflush(ctx->err);
}

__attribute__((format(printf, 3, 0))) static void put_message(struct cli_ctx *ctx, const char *what,
							      const char *fmt, va_list args)
{
	char *why = NULL;
	if (vasprintf(&why, fmt, args) < 0)
		why = NULL;
	struct sfs_buf line = SFS_BUF_INIT;
	int err = sfs_buf_printf(&line, "storefs: %s%s%s: %s", ctx->cmd ? ctx->cmd->name : "",
				 ctx->cmd && what ? ": " : "", what ? what : "",
				 why ? why : "out of memory");
	if (err == 0)
		put_line(ctx, &line);
	sfs_buf_fini(&line);
	free(why);
}

void cli_error(struct cli_ctx *ctx, const char *what, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	put_message(ctx, what, fmt, args);
	va_end(args);
}

int cli_usage(struct cli_ctx *ctx, const char *fmt, ...)
{
	char why[256];
	va_list args;
	va_start(args, fmt);
	vsnprintf(why, sizeof why, fmt, args);
	va_end(args);
	if (ctx->cmd)
		cli_error(ctx, NULL, "%s (see storefs %s --help)", why, ctx->cmd->name);
	else
		cli_error(ctx, "usage", "%s (see storefs --help)", why);
	return CLI_USAGE;
}

void cli_put_name(struct cli_ctx *ctx, struct sfs_span name)
{
	const unsigned char *at = name.data;
	for (size_t i = 0; i < name.len; i++)
		fputc(ctx->out_is_tty && (at[i] < 0x20 || at[i] == 0x7f) ? '?' : at[i], ctx->out);
}

void cli_put_key(struct cli_ctx *ctx, struct sfs_span key, uint64_t count)
{
	const unsigned char *at = key.data;
	struct sfs_buf quoted = SFS_BUF_INIT;
	bool plain = true;
	for (size_t i = 0; i < key.len && plain; i++)
		plain = at[i] >= 0x20 && at[i] != 0x7f;
	fprintf(ctx->out, "%" PRIu64 "\t", count);
	if (plain || cli_text_quote(&quoted, key) < 0)
		cli_put_name(ctx, key);
	else
		fwrite(quoted.data, 1, quoted.len, ctx->out);
	fputc('\n', ctx->out);
	sfs_buf_fini(&quoted);
}

int cli_fail(struct cli_ctx *ctx, int err, const char *what, const struct sfs_diag *diag)
{
	bool told = diag && diag->text[0];
	/* The library names the path itself where it can. */
	if (told && what && strncmp(diag->text, what, strlen(what)) == 0)
		what = NULL;
	cli_error(ctx, what, "%s", told ? diag->text : sfs_err_text(err));
	return cli_exit_code(err);
}

int cli_fail_errno(struct cli_ctx *ctx, int error, const char *what)
{
	errno = error;
	cli_error(ctx, what, "%m");
	return cli_exit_code(cli_err_from_errno(error));
}

int cli_exit_code(int err)
{
	switch ((enum sfs_err)err) {
	case SFS_OK: return CLI_OK;
	case SFS_ERR_NOT_FOUND: return CLI_NOT_FOUND;
	case SFS_ERR_BUSY: return CLI_OWNED;
	case SFS_ERR_BAD_DOCUMENT: return CLI_REFUSED;
	case SFS_ERR_NOT_STORE:
	case SFS_ERR_VERSION: return CLI_NOT_STORE;
	case SFS_ERR_EXISTS:
	case SFS_ERR_NOT_EMPTY:
	case SFS_ERR_CONFLICT:
	case SFS_ERR_READ_ONLY:
	case SFS_ERR_LIMIT:
	case SFS_ERR_NAME:
	case SFS_ERR_INVALID:
	case SFS_ERR_UNSUPPORTED:
	case SFS_ERR_NOT_DIR:
	case SFS_ERR_IS_DIR:
	case SFS_ERR_WRONG_KIND:
	case SFS_ERR_CROSS:
	case SFS_ERR_LOOP:
	case SFS_ERR_CANCELLED:
	case SFS_ERR_NOT_READY:
	case SFS_ERR_IO:
	case SFS_ERR_CORRUPT:
	case SFS_ERR_NO_MEMORY:
	case SFS_ERR_NO_SPACE:
	case SFS_ERR_PERMISSION:
	case SFS_ERR_NO_FILES: break;
	}
	return CLI_FAILED;
}

int cli_err_from_errno(int error)
{
	switch (error) {
	case ENOENT: return SFS_ERR_NOT_FOUND;
	case EEXIST: return SFS_ERR_EXISTS;
	case ENOTDIR: return SFS_ERR_NOT_DIR;
	case EISDIR: return SFS_ERR_IS_DIR;
	case EROFS: return SFS_ERR_READ_ONLY;
	case ENOSPC:
	case EDQUOT: return SFS_ERR_NO_SPACE;
	case EACCES:
	case EPERM: return SFS_ERR_PERMISSION;
	case ENOMEM: return SFS_ERR_NO_MEMORY;
	case EMFILE:
	case ENFILE: return SFS_ERR_NO_FILES;
	case ENAMETOOLONG: return SFS_ERR_LIMIT;
	case ECANCELED: return SFS_ERR_CANCELLED;
	default: return SFS_ERR_IO;
	}
}

const char *cli_option(const struct cli_ctx *ctx, const char *name)
{
	const char *value = NULL;
	for (int i = 0; i < ctx->given_count; i++)
		if (strcmp(ctx->given[i].option->name, name) == 0)
			value = ctx->given[i].value;
	return value;
}

int64_t cli_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

bool cli_option_time(struct cli_ctx *ctx, const char *name, int64_t *ret)
{
	const char *value = cli_option(ctx, name);
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (!value)
		return true;
	if (sfs_time_parse(sfs_span_str(value), cli_now_ns(), ret, &diag) == 0)
		return true;
	cli_usage(ctx, "--%s: %s", name, diag.text);
	return false;
}

bool cli_option_number(struct cli_ctx *ctx, const char *name, uint64_t fallback, uint64_t *ret)
{
	const char *value = cli_option(ctx, name);
	*ret = fallback;
	if (!value)
		return true;
	char *end;
	errno = 0;
	unsigned long long number = strtoull(value, &end, 10);
	if (errno || *end || value[0] < '0' || value[0] > '9') {
		cli_usage(ctx, "--%s: '%s' is not a number", name, value);
		return false;
	}
	*ret = number;
	return true;
}
