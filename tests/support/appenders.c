/*
 * Several processes append lines to one file at once.
 *
 *     appenders FILE PROCESSES LINES
 *
 * Each line is "process number\n" in one write(2) of an O_APPEND descriptor; none may be
 * lost, none may be mixed with another.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int append(const char *path, int process, int lines)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0644);
	char line[64];

	if (fd < 0)
		return 1;
	for (int i = 0; i < lines; i++) {
		int len = snprintf(line, sizeof(line), "%d %d\n", process, i);
		if (write(fd, line, (size_t)len) != len)
			return 1;
	}
	return close(fd) != 0;
}

int main(int argc, char **argv)
{
	int failed = 0, status;

	if (argc != 4) {
		fprintf(stderr, "usage: appenders FILE PROCESSES LINES\n");
		return 2;
	}
	for (int i = 0; i < atoi(argv[2]); i++)
		if (fork() == 0)
			_exit(append(argv[1], i, atoi(argv[3])));
	while (wait(&status) > 0)
		failed |= status != 0;
	return failed;
}
