/*
 * Scratch folders for tests of what is on disk: make, remove, compare and damage.
 * Include it behind cmocka.h.
 */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_PATH_MAX 512

static inline void folder_make(char path[FOLDER_PATH_MAX])
{
	const char *tmp = getenv("TMPDIR");
	snprintf(path, FOLDER_PATH_MAX, "%s/storefs-test-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(path));
}

static inline int folder_remove_one(const char *path, const struct stat *st, int type,
				    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void folder_remove(const char *path)
{
	nftw(path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static inline void folder_join(char ret[FOLDER_PATH_MAX], const char *folder, const char *name)
{
	assert_true(snprintf(ret, FOLDER_PATH_MAX, "%s/%s", folder, name) < FOLDER_PATH_MAX);
}

/** Calls fn with the path of each file whose name ends so; returns how many there were. */
static inline size_t folder_each(const char *folder, const char *end,
				 void (*fn)(const char *path, void *arg), void *arg)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, alphasort);
	assert_true(count >= 0);
	size_t found = 0;
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		size_t len = strlen(name), end_len = strlen(end);
		char path[FOLDER_PATH_MAX];
		if (name[0] != '.' && len >= end_len && strcmp(name + len - end_len, end) == 0) {
			folder_join(path, folder, name);
			if (fn)
				fn(path, arg);
			found++;
		}
		free(entries[i]);
	}
	free(entries);
	return found;
}

static inline void folder_digest_one(const char *path, void *arg)
{
	struct stat st;
	assert_int_equal(lstat(path, &st), 0);
	uint64_t *digest = arg;
	const uint64_t parts[] = { st.st_ino,
				   (uint64_t)st.st_size,
				   (uint64_t)st.st_nlink,
				   (uint64_t)st.st_mtim.tv_sec,
				   (uint64_t)st.st_mtim.tv_nsec,
				   (uint64_t)st.st_ctim.tv_sec,
				   (uint64_t)st.st_ctim.tv_nsec };
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		*digest = (*digest ^ parts[i]) * 0x100000001b3u;
	for (const char *at = path; *at; at++)
		*digest = (*digest ^ (unsigned char)*at) * 0x100000001b3u;
	if (S_ISDIR(st.st_mode))
		folder_each(path, "", folder_digest_one, arg);
}

/** One number for all names, sizes, links and times below a folder: anything changed, it differs. */
static inline uint64_t folder_digest(const char *folder)
{
	uint64_t digest = 0xcbf29ce484222325u;
	folder_digest_one(folder, &digest);
	return digest;
}

static inline off_t file_size(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/** Change one bit of a byte; a second time takes it back. */
static inline void file_flip(const char *path, off_t off)
{
	int fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	unsigned char byte;
	assert_int_equal(pread(fd, &byte, 1, off), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, off), 1);
	close(fd);
}

static inline void file_copy(const char *from, const char *to)
{
	char block[65536];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(in >= 0 && out >= 0);
	ssize_t len;
	while ((len = read(in, block, sizeof block)) > 0)
		assert_int_equal(write(out, block, (size_t)len), len);
	assert_int_equal(len, 0);
	close(in);
	close(out);
}

#endif
