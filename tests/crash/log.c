/*
 * Appending to and reading the log: see log.h. Part of the shim, so it calls nothing that the
 * shim replaces.
 */
#include "log.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

bool log_append(int fd, const struct log_record *record)
{
	static const char zeros[8];
	struct log_head head = record->head;
	size_t len = sizeof head + head.name_len + head.data_len;
	size_t pad = -len & 7;
	head.size = (uint32_t)(len + pad);
	struct iovec parts[] = {
		{ &head, sizeof head },
		{ (void *)(uintptr_t)record->name, head.name_len },
		{ (void *)(uintptr_t)record->data, head.data_len },
		{ (void *)(uintptr_t)zeros, pad },
	};
	return syscall(SYS_writev, fd, parts, 4) == (long)head.size;
}

struct log_map log_map(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		perror(path);
		exit(2);
	}
	struct log_map map = { "", (uint64_t)st.st_size };
	if (map.len) {
		void *bytes = mmap(NULL, map.len, PROT_READ, MAP_PRIVATE, fd, 0);
		if (bytes == MAP_FAILED) {
			perror(path);
			exit(2);
		}
		map.bytes = bytes;
	}
	close(fd);
	return map;
}

bool log_next(const struct log_map *map, uint64_t position, uint64_t limit, struct log_record *ret)
{
	if (limit > map->len)
		limit = map->len;
	if (position > limit || limit - position < sizeof ret->head)
		return false;
	memcpy(&ret->head, map->bytes + position, sizeof ret->head);
	if (ret->head.size > limit - position)
		return false;
	ret->name = map->bytes + position + sizeof ret->head;
	ret->data = ret->name + ret->head.name_len;
	ret->position = position;
	ret->end = position + ret->head.size;
	return true;
}
