/*
 * Runs a fuzz target over files instead of under libFuzzer: `fuzz_NAME FILE|FOLDER…`.
 *
 * Every input is copied into a heap block of exactly its size, so that AddressSanitizer sees a read
 * of one byte too many. No input at all is a failure: a test that tests nothing must not pass.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_stream(FILE *file, size_t size)
{
	uint8_t *data = malloc(size);
	if (!data && size)
		return -1;
	int err = fread(data, 1, size, file) == size ? 0 : -1;
	if (!err)
		LLVMFuzzerTestOneInput(data, size);
	free(data);
	return err;
}

static int replay_file(const char *path)
{
	struct stat st;
	FILE *file = fopen(path, "rb");
	if (!file || fstat(fileno(file), &st) < 0) {
		perror(path);
		if (file)
			fclose(file);
		return -1;
	}
	int err = replay_stream(file, (size_t)st.st_size);
	if (err)
		fprintf(stderr, "%s: can not be read\n", path);
	fclose(file);
	return err;
}

/* Returns how many files were replayed, or -1. */
static int replay_folder(const char *path)
{
	struct dirent **list;
	int count = scandir(path, &list, NULL, alphasort);
	int done = 0;
	if (count < 0)
		perror(path);
	for (int i = 0; i < count; i++) {
		char name[4096];
		int len = snprintf(name, sizeof name, "%s/%s", path, list[i]->d_name);
		if (done >= 0 && list[i]->d_name[0] != '.' && len < (int)sizeof name)
			done = replay_file(name) ? -1 : done + 1;
		free(list[i]);
	}
	if (count >= 0)
		free(list);
	return count < 0 ? -1 : done;
}

static int replay(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0) {
		perror(path);
		return -1;
	}
	if (S_ISDIR(st.st_mode))
		return replay_folder(path);
	return replay_file(path) ? -1 : 1;
}

int main(int argc, char **argv)
{
	int total = 0;
	for (int i = 1; i < argc; i++) {
		int done = replay(argv[i]);
		if (done < 0)
			return 1;
		total += done;
	}
	printf("%d inputs\n", total);
	return total ? 0 : 1;
}
