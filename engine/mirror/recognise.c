/*
 * Is a folder one of the storage module? It is when one of the first JSON files below it says of itself
 * that it is an object: {"oid": …, "type": "module.Class", …}. Other folders have JSON files too.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "config.h"
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

struct seen {
	bool oid, type;
};

static int see_member(void *arg, const struct sfsi_config_member *member)
{
	struct seen *seen = arg;
	if (strcmp(member->name, "oid") == 0)
		seen->oid = member->text.data || member->is_integer;
	if (strcmp(member->name, "type") == 0)
		seen->type = member->text.len && memchr(member->text.data, '.', member->text.len);
	return 0;
}

static bool is_object(int dir_fd, const char *name)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	struct seen seen = { .oid = false };
	SFSI_AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat stat;
	if (fd < 0 || fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode) ||
	    stat.st_size > (off_t)BYTES_MAX || sfs_buf_resize(&text, (size_t)stat.st_size) < 0)
		return false;
	ssize_t got = read(fd, text.data, text.len);
	text.len = got > 0 ? (size_t)got : 0;
	return sfsi_folder_members(sfs_buf_span(&text), see_member, &seen) == 0 && seen.oid &&
	       seen.type;
}

static bool is_json(const char *name)
{
	size_t len = strlen(name);
	return len > 5 && strcmp(name + len - 5, ".json") == 0;
}

static void search_folder(struct search *search, int at, const char *name, unsigned depth)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *entry; !search->found && (entry = readdir(dir));) {
		if (search->looked >= LOOKED_MAX || ++search->listed > LISTED_MAX)
			break;
		if (entry->d_name[0] == '.')
			continue;
		if (is_json(entry->d_name) && depth > 0) {
			search->looked++;
			search->found = is_object(fd, entry->d_name);
			if (search->found)
				snprintf(search->path, sizeof search->path, "%.60s/%.60s", name,
					 entry->d_name);
		} else if (depth < DEPTH_MAX && !is_json(entry->d_name)) {
			search_folder(search, fd, entry->d_name, depth + 1);
		}
	}
	closedir(dir);
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
