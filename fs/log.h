/* Messages of the daemon: stderr with <N> prefixes in the foreground, syslog in the background. */
#ifndef FS_LOG_H
#define FS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <syslog.h>

/** Where messages go from now on. Joins libfuse's messages. */
void fs_log_start(bool foreground, bool debug);

/** The parent waits no more: from now on to syslog, unless in the foreground. */
void fs_log_detach(void);

/** One line, without a newline at its end. @level of syslog.h. Never the content of a document. */
void fs_log(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Copy libfuse's last error message ("" when there was none). */
void fs_log_last(char *ret, size_t len);

#endif
