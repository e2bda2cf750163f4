/* Readiness for a service manager (the sd_notify protocol), without its library. */
#ifndef FS_READY_H
#define FS_READY_H

/** Send a state, as "READY=1". Does nothing without NOTIFY_SOCKET. */
void fs_ready_notify(const char *state);

#endif
