/*
 * Command the shim of a running daemon.
 *
 *     arm FILE new                            make the shared memory, before the daemon starts
 *     arm FILE KINDS ERROR FIRST COUNT        from now on calls FIRST … FIRST+COUNT-1 fail
 *     arm FILE off                            none fails; prints "SEEN FIRED CALL"
 *
 * KINDS: a word, or several with commas, of write sync rename create truncate mkdir unlink open.
 * ERROR: ENOSPC, EIO, …, or "short": the write does a half. COUNT -1: all from FIRST on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "control.h"

static const char *const kinds[] = { "write",    "sync",  "rename", "create",
				     "truncate", "mkdir", "unlink", "open" };

static int kinds_of(const char *words)
{
	int found = 0;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		const char *at = strstr(words, kinds[i]);
		size_t len = strlen(kinds[i]);
		if (at && (at == words || at[-1] == ',') && (at[len] == ',' || !at[len]))
			found |= 1 << i;
	}
	return found;
}

/** -1: no such name. */
static int error_of(const char *name)
{
	if (strcmp(name, "short") == 0)
		return 0;
	for (int error = 1; error < 200; error++)
		if (strerrorname_np(error) && strcmp(strerrorname_np(error), name) == 0)
			return error;
	return -1;
}

static struct control *control_map(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *map = MAP_FAILED;
	if (fd >= 0 && ftruncate(fd, sizeof(struct control)) == 0)
		map = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		perror(path);
		exit(2);
	}
	return map;
}

static int disarm(struct control *control)
{
	atomic_store(&control->kinds, 0);
	printf("%d %d %s\n", atomic_load(&control->seen), atomic_load(&control->fired),
	       control->call[0] ? control->call : "-");
	return 0;
}

static int arm(struct control *control, char **words)
{
	int error = error_of(words[1]);
	if (!kinds_of(words[0]) || error < 0) {
		fprintf(stderr, "arm: unknown kind or error: %s %s\n", words[0], words[1]);
		return 2;
	}
	atomic_store(&control->seen, 0);
	atomic_store(&control->fired, 0);
	memset(control->call, 0, sizeof control->call);
	atomic_store(&control->error, error);
	atomic_store(&control->first, atoi(words[2]));
	atomic_store(&control->count, atoi(words[3]));
	atomic_store(&control->kinds, kinds_of(words[0]));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[2], "new") == 0)
		return control_map(argv[1]) ? 0 : 2;
	if (argc == 3 && strcmp(argv[2], "off") == 0)
		return disarm(control_map(argv[1]));
	if (argc == 6)
		return arm(control_map(argv[1]), argv + 2);
	fputs("usage: arm FILE new | off | KINDS ERROR FIRST COUNT\n", stderr);
	return 2;
}
