/* Scoped clean-up of locals. Do not mix with goto in one function. */
#ifndef SFSI_CLEANUP_H
#define SFSI_CLEANUP_H

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include <storefs/buf.h>

/** struct sfs_buf that is freed on every return. */
#define SFSI_AUTO_BUF __attribute__((cleanup(sfs_buf_fini)))

static inline void sfsi_close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
/** Descriptor that is closed on every return; -1 = none. */
#define SFSI_AUTO_FD __attribute__((cleanup(sfsi_close_fd)))

static inline void sfsi_free_pointer(void *pointer)
{
	free(*(void **)pointer);
}
/** malloc'ed pointer that is freed on every return. */
#define SFSI_AUTO_FREE __attribute__((cleanup(sfsi_free_pointer)))

static inline void sfsi_unlock_mutex(pthread_mutex_t **mutex)
{
	if (*mutex)
		pthread_mutex_unlock(*mutex);
}
/** Hold a mutex until the end of the scope. */
#define SFSI_LOCK_SCOPE(mutex)                                                                    \
	pthread_mutex_t *sfsi_scope_lock                                                          \
		__attribute__((cleanup(sfsi_unlock_mutex), unused)) = (pthread_mutex_lock(mutex), \
								       (mutex))

#endif
