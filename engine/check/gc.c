/*
 * Plain files that belong to nothing, found as a check finds them, and removed: see storefs/gc.h. Each is
 * looked at once more with changes held off, so that what is just being made is not taken for a leftover.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <storefs/gc.h>
#include "check/check.h"

struct collecting {
	struct sfsi_check check; /* what walks over the folders */
	const struct sfs_gc *gc;
	struct sfs_gc_result result;
	uint64_t folders; /* that were looked at */
};

/** Remove one that is still needed by nothing. False: it is gone, or needed by now. */
static bool collect(struct collecting *collecting, uint64_t ino, struct sfs_gc_file *file)
{
	struct sfs_store *store = collecting->check.store;
	struct stat stat;
	SFSI_LOCK_SCOPE(&store->commit_lock);
	if (sfsi_check_file_needed(&collecting->check, sfsi_ino_serial(ino)) ||
	    sfsi_bytes_stat(store, ino, &stat) < 0)
		return false;
	file->bytes = (uint64_t)stat.st_size;
	if (collecting->gc->dry_run)
		return true;
	if (collecting->gc->keep && collecting->gc->keep(collecting->gc->arg, ino)) {
		collecting->result.kept++;
		return true;
	}
	sfsi_bytes_remove(store, ino);
	file->removed = sfsi_bytes_stat(store, ino, &stat) == SFS_ERR_CORRUPT;
	return true;
}

static int take(void *arg, const struct sfs_check_problem *problem)
{
	struct collecting *collecting = arg;
	struct sfs_gc_result *result = &collecting->result;
	char path[SFSI_BYTES_PATH > SFS_NAME_MAX + 1 ? SFSI_BYTES_PATH : SFS_NAME_MAX + 1];
	struct sfs_gc_file file = {
		.class_id = problem->class_id,
		.ino = problem->ino,
		.path = path,
	};
	if (problem->kind != SFS_CHECK_FILE_STRAY)
		return 0;
	if (!problem->ino) {
		size_t len = problem->name.len < SFS_NAME_MAX ? problem->name.len : SFS_NAME_MAX;
		memcpy(path, problem->name.data, len);
		path[len] = '\0';
		result->foreign++;
	} else {
		sfsi_bytes_path(problem->ino, path);
		if (!collect(collecting, problem->ino, &file))
			return 0;
		result->files++;
		result->bytes += file.bytes;
		result->removed += file.removed;
		result->removed_bytes += file.removed ? file.bytes : 0;
	}
	return collecting->gc->found ? collecting->gc->found(collecting->gc->arg, &file) : 0;
}

static int tick(void *arg, const struct sfs_check_result *so_far)
{
	struct collecting *collecting = arg;
	(void)so_far;
	collecting->folders++;
	return collecting->gc->progress
		       ? collecting->gc->progress(collecting->gc->arg, collecting->folders)
		       : 0;
}

static int walk(struct sfsi_check *check)
{
	struct sfs_class_info info = { 0 };
	int err = 0;
	for (uint32_t id = 0; !err && sfs_class_next(check->store, id, &info) == 0; id = info.id) {
		check->partition = info.id;
		check->class = (struct sfsi_check_class){ .info = info };
		err = sfsi_check_files(check);
	}
	check->partition = 0;
	check->class = (struct sfsi_check_class){ .info.id = 0 };
	return err < 0 ? err : sfsi_check_file_folders(check);
}

int sfs_store_gc(struct sfs_store *store, const struct sfs_gc *gc, struct sfs_gc_result *ret,
		 struct sfs_diag *diag)
{
	SFSI_AUTO_FREE struct collecting *collecting = calloc(1, sizeof *collecting);
	const struct sfs_check wanted = { .problem = take, .progress = tick, .arg = collecting };
	int err = collecting ? 0 : SFS_ERR_NO_MEMORY;
	*ret = (struct sfs_gc_result){ 0 };
	if (!err && store->read_only && !gc->dry_run)
		err = SFS_ERR_READ_ONLY;
	if (!err) {
		collecting->gc = gc;
		collecting->check.store = store;
		collecting->check.wanted = &wanted;
		err = walk(&collecting->check);
		*ret = collecting->result;
	}
	return err < 0 ? sfs_diag_set(diag, err, "%s", sfs_err_text(err)) : 0;
}
