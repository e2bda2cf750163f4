/* What databases say while they load and save: the messages of the Python program, to whom it concerns. */
#ifndef SFSI_DATABASE_TELL_H
#define SFSI_DATABASE_TELL_H

#include <storefs/database.h>

/** Who is told. Zeroed: nobody. */
struct sfsi_teller {
	sfs_log_fn *fn;
	void *arg;
};

void sfsi_tell(const struct sfsi_teller *teller, enum sfs_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
