/*
 * Messages: see log.h. libfuse reports why a mount failed only through its log, so the last
 * of its errors is kept for the diagnostic of fs_run().
 */
#include <fuse_log.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "log.h"

static struct {
	pthread_mutex_t lock;
	atomic_bool to_syslog, foreground, debug;
	char last[256]; /* protected by lock */
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void write_line(int level, const char *line)
{
	if (level == LOG_DEBUG && !atomic_load(&state.debug))
		return;
	if (atomic_load(&state.to_syslog))
		syslog(level, "%s", line);
	else
		fprintf(stderr, "<%d>storefs: %s\n", level, line);
}

__attribute__((format(printf, 2, 0))) static void fuse_line(enum fuse_log_level level,
							    const char *fmt, va_list args)
{
	char line[1024];
	vsnprintf(line, sizeof line, fmt, args);
	line[strcspn(line, "\n")] = '\0';
	if (level <= FUSE_LOG_ERR) {
		pthread_mutex_lock(&state.lock);
		snprintf(state.last, sizeof state.last, "%.255s", line);
		pthread_mutex_unlock(&state.lock);
	}
	write_line((int)level, line);
}

void fs_log_start(bool foreground, bool debug)
{
	atomic_store(&state.foreground, foreground);
	atomic_store(&state.debug, debug);
	fuse_set_log_func(fuse_line);
}

void fs_log_detach(void)
{
	if (atomic_load(&state.foreground))
		return;
	openlog("storefs", LOG_PID, LOG_DAEMON);
	atomic_store(&state.to_syslog, true);
}

void fs_log(int level, const char *fmt, ...)
{
	char line[1024];
	va_list args;
	va_start(args, fmt);
	vsnprintf(line, sizeof line, fmt, args);
	va_end(args);
	write_line(level, line);
}

void fs_log_last(char *ret, size_t len)
{
	pthread_mutex_lock(&state.lock);
	snprintf(ret, len, "%s", state.last);
	pthread_mutex_unlock(&state.lock);
}
