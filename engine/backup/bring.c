/* One plain file out of a backup: only if its bytes are those that were copied. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include "backup/bring.h"
#include "base/errno.h"
#include "base/file.h"

void sfsi_bringing_init(struct sfsi_bringing *bringing, const char *backup, int store_fd)
{
	static const struct sfs_backup_config none = { .folder = NULL };
	*bringing = (struct sfsi_bringing){ .backup = backup };
	sfsi_map_init(&bringing->hashes);
	sfsi_copying_init(&bringing->copying, &none, store_fd);
}

void sfsi_bringing_fini(struct sfsi_bringing *bringing)
{
	sfsi_map_fini(&bringing->hashes);
}

static int note(void *arg, const struct sfsi_backup_file *file)
{
	struct sfsi_bringing *bringing = arg;
	if (strncmp(file->path, "raw/", 4) != 0)
		return 0;
	struct sfsi_map_entry *entry = sfsi_map_entry_new(
		&bringing->hashes, sfs_span_str(file->path + 4), sfs_span_str(file->hash));
	if (!entry)
		return SFS_ERR_NO_MEMORY;
	sfsi_map_entry_free(sfsi_map_put(&bringing->hashes, entry));
	return 0;
}

/** The list of files is read once, when the first one is wanted. */
static int load(struct sfsi_bringing *bringing, int backup_fd)
{
	struct sfs_backup figures;
	if (bringing->loaded)
		return 0;
	int err = sfsi_backup_read(backup_fd, note, bringing, &figures, NULL);
	bringing->loaded = err == 0;
	return err;
}

static const struct sfsi_map_entry *hash_of(const struct sfsi_bringing *bringing, const char *path)
{
	const struct sfsi_map_entry *entry = sfsi_map_seek(&bringing->hashes, sfs_span_str(path));
	return entry && sfs_span_equal(sfsi_map_key(entry), sfs_span_str(path)) ? entry : NULL;
}

int sfsi_bring(struct sfsi_bringing *bringing, const char *path, int to)
{
	char hash[SFS_HASH_SIZE];
	uint64_t size;
	SFSI_AUTO_FD int backup = open(bringing->backup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (backup < 0)
		return sfsi_err_from_errno(errno);
	int err = load(bringing, backup);
	if (err < 0)
		return err;
	const struct sfsi_map_entry *known = hash_of(bringing, path);
	if (!known)
		return SFS_ERR_NOT_FOUND;
	SFSI_AUTO_FD int raw = openat(backup, "raw", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SFSI_AUTO_FD int from = openat(raw, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0)
		return errno == ENOENT || errno == ELOOP ? SFS_ERR_CORRUPT
							 : sfsi_err_from_errno(errno);
	err = sfsi_copy_bytes(&bringing->copying, from, to, 0, &size, hash);
	if (!err && !sfs_span_equal(sfsi_map_value(known), sfs_span_str(hash)))
		err = SFS_ERR_CORRUPT;
	return !err && fsync(to) < 0 ? sfsi_err_from_errno(errno) : err;
}
