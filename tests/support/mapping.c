/*
 * Read and write a file through mmap(2).
 *
 *     mapping read FILE OFFSET LENGTH      print these bytes, read from a shared mapping
 *     mapping private FILE OFFSET LENGTH   the same from a private mapping
 *     mapping write FILE OFFSET TEXT       put TEXT there through a shared mapping and msync
 *     mapping both FILE OFFSET TEXT        put TEXT there through the mapping and read it with
 *                                          pread; then write TEXT reversed with pwrite and see it
 *                                          in the mapping
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct map {
	int fd;
	char *data;
	size_t len;
};

static bool map_file(struct map *map, const char *path, bool writable, int how)
{
	struct stat st;

	map->fd = open(path, writable ? O_RDWR : O_RDONLY);
	if (map->fd < 0 || fstat(map->fd, &st) < 0)
		return false;
	map->len = (size_t)st.st_size;
	map->data = mmap(NULL, map->len, writable ? PROT_READ | PROT_WRITE : PROT_READ, how,
			 map->fd, 0);
	return map->data != MAP_FAILED;
}

static bool inside(const struct map *map, size_t offset, size_t len)
{
	errno = ERANGE;
	return offset <= map->len && len <= map->len - offset;
}

static bool print(const struct map *map, size_t offset, size_t len)
{
	return inside(map, offset, len) && fwrite(map->data + offset, 1, len, stdout) == len;
}

static bool store(const struct map *map, size_t offset, const char *text)
{
	if (!inside(map, offset, strlen(text)))
		return false;
	memcpy(map->data + offset, text, strlen(text));
	return msync(map->data, map->len, MS_SYNC) == 0;
}

static bool both(const struct map *map, size_t offset, char *text)
{
	size_t len = strlen(text);
	char back[256] = "";

	if (len >= sizeof(back) || !inside(map, offset, len))
		return false;
	memcpy(map->data + offset, text, len);
	if (pread(map->fd, back, len, (off_t)offset) != (ssize_t)len ||
	    memcmp(back, text, len) != 0) {
		fprintf(stderr, "pread sees %s\n", back);
		return false;
	}
	for (size_t i = 0; i < len; i++)
		back[i] = text[len - 1 - i];
	if (pwrite(map->fd, back, len, (off_t)offset) != (ssize_t)len)
		return false;
	if (memcmp(map->data + offset, back, len) != 0) {
		fprintf(stderr, "the mapping sees %.*s\n", (int)len, map->data + offset);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct map map;
	size_t offset;
	bool ok;

	if (argc != 5) {
		fprintf(stderr, "usage: mapping read|private|write|both FILE OFFSET LENGTH|TEXT\n");
		return 2;
	}
	offset = strtoul(argv[3], NULL, 10);
	if (strcmp(argv[1], "read") == 0)
		ok = map_file(&map, argv[2], false, MAP_SHARED) &&
		     print(&map, offset, strtoul(argv[4], NULL, 10));
	else if (strcmp(argv[1], "private") == 0)
		ok = map_file(&map, argv[2], false, MAP_PRIVATE) &&
		     print(&map, offset, strtoul(argv[4], NULL, 10));
	else if (strcmp(argv[1], "write") == 0)
		ok = map_file(&map, argv[2], true, MAP_SHARED) && store(&map, offset, argv[4]);
	else
		ok = map_file(&map, argv[2], true, MAP_SHARED) && both(&map, offset, argv[4]);
	if (!ok)
		perror(argv[2]);
	return !ok;
}
