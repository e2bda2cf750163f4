/*
 * Say what programs do in a folder, as inotify tells it.
 *
 *     watch FOLDER
 *
 * Prints its process id when it watches. After SIGTERM prints what has happened, in order, and ends:
 *
 *     create NAME    write NAME    attrib NAME    delete NAME    move NAME NAME
 *
 * The same said twice in a row is said once. What local programs did before the signal is never
 * missed: the kernel queues an event before the call that causes it returns.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static char last[2 * NAME_MAX + 32], from[NAME_MAX + 1];
static uint32_t from_cookie;

static void say(const char *what, const char *name, const char *other)
{
	char line[sizeof(last)];

	snprintf(line, sizeof(line), "%s %s%s%s", what, name, other[0] ? " " : "", other);
	if (strcmp(line, last) != 0)
		puts(line);
	memcpy(last, line, sizeof(last));
}

/* Half a move: the other half was outside the folder. */
static void flush_from(void)
{
	if (from[0])
		say("move", from, "..");
	from[0] = '\0';
}

static void tell(const struct inotify_event *event)
{
	const char *name = event->len ? event->name : ".";

	if (event->mask & IN_MOVED_TO && from[0] && event->cookie == from_cookie) {
		say("move", from, name);
		from[0] = '\0';
		return;
	}
	flush_from();
	if (event->mask & IN_MOVED_FROM) {
		snprintf(from, sizeof(from), "%s", name);
		from_cookie = event->cookie;
	} else if (event->mask & IN_MOVED_TO) {
		say("move", "..", name);
	} else if (event->mask & IN_CREATE) {
		say("create", name, "");
	} else if (event->mask & IN_MODIFY) {
		say("write", name, "");
	} else if (event->mask & IN_ATTRIB) {
		say("attrib", name, "");
	} else if (event->mask & IN_DELETE) {
		say("delete", name, "");
	}
}

static void tell_all(int fd)
{
	_Alignas(struct inotify_event) char data[16384];
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0) {
		for (char *p = data; p < data + n;) {
			const struct inotify_event *event = (const struct inotify_event *)p;
			tell(event);
			p += sizeof(*event) + event->len;
		}
	}
	flush_from();
}

int main(int argc, char **argv)
{
	sigset_t set;
	int signal, fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (argc != 2 || fd < 0 ||
	    inotify_add_watch(fd, argv[1],
			      IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_MOVE) < 0) {
		fprintf(stderr, "watch: %s\n", strerror(errno));
		return 2;
	}
	printf("%d\n", (int)getpid());
	fflush(stdout);
	sigwait(&set, &signal);
	tell_all(fd);
	return 0;
}
