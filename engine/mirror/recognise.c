/*
 * Is a folder one of the storage module? It is when one of the first JSON files below it says of itself
 * that it is an object: {"oid": …, "type": "module.Class", …}. Other folders have JSON files too.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "mirror/folder.h"

#define LOOKED_MAX 256  /* files */
#define LISTED_MAX 4096 /* entries, until one is found */
#define DEPTH_MAX 8
#define BYTES_MAX ((size_t)1 << 20)

struct search {
	unsigned looked, listed;
	bool found;
	char path[128]; /* of what was found */
};

static bool is_object(int dir_fd, const char *name)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	SFSI_AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat stat;
	if (fd < 0 || fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode) ||
	    stat.st_size > (off_t)BYTES_MAX || sfs_buf_resize(&text, (size_t)stat.st_size) < 0)
		return false;
	ssize_t got = read(fd, text.data, text.len);
	text.len = got > 0 ? (size_t)got : 0;
	struct sfsi_folder_parsed parsed;
	int err = sfsi_folder_parse(sfs_buf_span(&text), &parsed, NULL);
	bool is = !err && parsed.oid.len && parsed.type.len &&
		  memchr(parsed.type.data, '.', parsed.type.len);
	sfsi_folder_parsed_fini(&parsed);
	return is;
}

static bool is_json(const char *name)
{
	size_t len = strlen(name);
	return len > 5 && strcmp(name + len - 5, ".json") == 0;
}

static void search_folder(struct search *search, int at, const char *name, unsigned depth)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(at, name, &dir);
	for (const struct dirent *entry;
	     !err && !search->found && (entry = sfsi_dir_next(dir, &err));) {
		if (search->looked >= LOOKED_MAX || ++search->listed > LISTED_MAX)
			break;
		if (entry->d_name[0] == '.')
			continue;
		if (is_json(entry->d_name) && depth > 0) {
			search->looked++;
			search->found = is_object(dirfd(dir), entry->d_name);
			if (search->found)
				snprintf(search->path, sizeof search->path, "%.60s/%.60s", name,
					 entry->d_name);
		} else if (depth < DEPTH_MAX && !is_json(entry->d_name)) {
			search_folder(search, dirfd(dir), entry->d_name, depth + 1);
		}
	}
}

void sfsi_folder_recognise(int root_fd, const char *file, struct sfsi_recognised *ret)
{
	struct search search = { .looked = 0 };
	if (file)
		return;
	search_folder(&search, root_fd, ".", 0);
	ret->storage = search.found;
	if (search.found)
		memcpy(ret->example, search.path, sizeof ret->example);
}
