/*
 * rename(2) and renameat2(2) with nothing around them.
 *
 *     moveat replace|noreplace|exchange FROM TO
 *
 * Prints "ok" or the name of the error.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static unsigned flags_of(const char *word)
{
	if (strcmp(word, "noreplace") == 0)
		return RENAME_NOREPLACE;
	return strcmp(word, "exchange") == 0 ? RENAME_EXCHANGE : 0;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: moveat replace|noreplace|exchange FROM TO\n");
		return 2;
	}
	if (renameat2(AT_FDCWD, argv[2], AT_FDCWD, argv[3], flags_of(argv[1])) == 0) {
		puts("ok");
		return 0;
	}
	puts(strerrorname_np(errno));
	return 1;
}
