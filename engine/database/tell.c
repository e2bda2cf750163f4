/* See tell.h. */
#include <stdarg.h>
#include <stdio.h>
#include "database/tell.h"

void sfsi_tell(const struct sfsi_teller *teller, enum sfs_log_level level, const char *fmt, ...)
{
	char text[512];
	va_list args;
	if (!teller->fn)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	teller->fn(teller->arg, level, text);
}
