/* Progress on stderr. See progress.h. */
#include <inttypes.h>
#include <time.h>
#include "progress.h"

#define TTY_NS 100000000LL
#define PLAIN_NS 5000000000LL
#define BAR 20

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void cli_progress_init(struct cli_progress *progress, struct cli_ctx *ctx, const char *doing,
		       const char *unit)
{
	*progress = (struct cli_progress){ .ctx = ctx, .doing = doing, .unit = unit };
	progress->start_ns = progress->last_ns = now_ns();
}

double cli_progress_seconds(const struct cli_progress *progress)
{
	int64_t ns = now_ns() - progress->start_ns;
	return (double)(ns > 1000 ? ns : 1000) / 1e9;
}

/* "  45 %", and on a terminal "  45 %  [#########...........]". */
static void part_text(const struct cli_progress *p, char *ret, size_t len)
{
	ret[0] = '\0';
	if (p->total == 0)
		return;
	double part = p->done < p->total ? (double)p->done / (double)p->total : 1.0;
	char bar[BAR + 1] = "";
	for (int i = 0; i < BAR; i++)
		bar[i] = i < (int)(part * BAR) ? '#' : '.';
	if (p->ctx->err_is_tty)
		snprintf(ret, len, "  %3d %%  [%s]", (int)(part * 100), bar);
	else
		snprintf(ret, len, "  %3d %%", (int)(part * 100));
}

static void show(struct cli_progress *p)
{
	char part[48], line[160];
	part_text(p, part, sizeof part);
	int len = snprintf(line, sizeof line, "%s: %" PRIu64 " %s%s  %.0f per second", p->doing,
			   p->count, p->unit, part, (double)p->count / cli_progress_seconds(p));
	FILE *err = p->ctx->err;
	if (p->ctx->err_is_tty) {
		fprintf(err, "\r%-*s", p->width, line);
		p->width = len;
	} else
		fprintf(err, "storefs: %s: %s\n", p->ctx->cmd->name, line);
	fflush(err);
}

void cli_progress_tick(struct cli_progress *progress)
{
	if (progress->quiet)
		return;
	int64_t now = now_ns();
	if (now - progress->last_ns < (progress->ctx->err_is_tty ? TTY_NS : PLAIN_NS))
		return;
	progress->last_ns = now;
	show(progress);
}

int cli_progress_at(struct cli_progress *progress, uint64_t count, uint64_t done, uint64_t total)
{
	progress->count = count;
	progress->done = done;
	progress->total = total;
	cli_progress_tick(progress);
	return cli_stopped(progress->ctx);
}

int cli_progress_built(void *arg, uint64_t built, uint64_t expected)
{
	return cli_progress_at(arg, built, built, expected);
}

void cli_progress_clear(struct cli_progress *progress)
{
	if (progress->width == 0)
		return;
	fprintf(progress->ctx->err, "\r%*s\r", progress->width, "");
	fflush(progress->ctx->err);
	progress->width = 0;
}
