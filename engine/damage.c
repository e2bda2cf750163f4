/*
 * A store that turns out to be damaged while it is open: the backend takes no writes from then on, so that
 * nothing is built upon what is damaged, or compacted away. A note in the store's folder says so to whoever
 * opens it next.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <storefs/errors.h>
#include <storefs/recover.h>
#include "backend/key.h"
#include "base/errno.h"
#include "base/file.h"
#include "keys.h"
#include "store_private.h"

/** So many names of a class are looked at: one that is elsewhere than it should be is another damage. */
#define NAMES_MAX 8

static void write_note(const struct sfs_store *store)
{
	static const char text[] =
		"Bytes of this store could not be read while it was open. It is recovered when it is\n"
		"mounted the next time, or by storefs recover.\n";
	SFSI_AUTO_FD int fd = openat(store->dir_fd, SFS_RECOVER_NOTE_FILE,
				     O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	/* Without it the next one finds the damage by itself, later. */
	if (fd >= 0 && sfsi_write_all(fd, sfs_span_str(text)) == 0)
		(void)!fsync(fd);
}

static void on_damage(void *arg)
{
	struct sfs_store *store = arg;
	static const char text[] =
		"stored records can not be read: the store is damaged, and takes no writes until it is "
		"recovered: unmount it and mount it again";
	const struct sfs_error error = {
		.operation = sfs_span_str("read"),
		.errno_name = sfs_span_str("EIO"),
		.message = sfs_span_str(text),
	};
	write_note(store);
	sfs_errors_add(store, &error);
	if (store->log)
		store->log(store->log_arg, SFS_LOG_ERROR, text);
}

void sfsi_damage_watch(struct sfs_store *store, const struct sfs_store_config *config)
{
	store->log = config->log;
	store->log_arg = config->log_arg;
	if (!store->read_only && store->dir_fd >= 0)
		sfsi_backend_watch(store->backend, on_damage, store);
}

int sfsi_damage_check(const struct sfs_store *store, struct sfs_diag *diag)
{
	struct stat st;
	if (store->read_only ||
	    fstatat(store->dir_fd, SFS_RECOVER_NOTE_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return sfs_diag_set(
		diag, SFS_ERR_CORRUPT,
		"%s: records could not be read when it was open last; nothing was changed "
		"since",
		store->path);
}

/* --- storefs.json and the records --- */

struct names {
	struct sfs_store *store;
	size_t right, wrong;
};

static int look_at(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct names *names = arg;
	(void)val;
	if (key.len <= SFSI_ENTRY_NAME)
		return 0;
	struct sfs_span name = sfsi_span_skip(key, SFSI_ENTRY_NAME);
	uint64_t cookie = sfsi_get_be64((const uint8_t *)key.data + SFSI_ENTRY_NAME - 8);
	if (sfsi_cookie(names->store, name) == cookie)
		names->right++;
	else
		names->wrong++;
	return names->right > 0;
}

int sfsi_damage_names(struct sfs_store *store, struct sfs_diag *diag)
{
	struct names names = { .store = store };
	struct sfs_class_info info = { 0 };
	int err = 0;
	if (store->dir_fd < 0 || store->mirror)
		return 0;
	while (!err && !names.right && !names.wrong && sfs_class_next(store, info.id, &info) == 0) {
		const struct sfsi_scan scan = { .partition = info.id,
						.prefix = sfs_span_str("D"),
						.limit = NAMES_MAX,
						.keys_only = true };
		err = sfsi_backend_scan(store->backend, &scan, look_at, &names);
	}
	/* What can not be read is found by who wants it. */
	if (names.right || !names.wrong)
		return 0;
	return sfs_diag_set(
		diag, SFS_ERR_CORRUPT,
		"%s/storefs.json is not that of the records in db/: with the uuid that it "
		"has none of their names would be found",
		store->path);
}
