/*
 * A backup of the present before something that may lose what is there: a definition that drops properties, a
 * restore, a repair. It goes where the schedule says that backups go, and costs what changed.
 */
#include <storefs/class.h>
#include "backup/backup.h"
#include "settings.h"
#include "store_private.h"

/** Another backup is being taken: so long it is waited for, in steps. */
#define WAIT_MS 30000
#define STEP_MS 20

static bool has_records(struct sfs_store *store)
{
	struct sfs_class_info info = { .id = 0 };
	while (sfs_class_next(store, info.id, &info) == 0)
		if (info.objects || info.files || info.refused)
			return true;
	return false;
}

static int take(struct sfs_store *store, struct sfs_diag *diag)
{
	struct sfs_backup_schedule schedule;
	struct sfs_backup backup;
	int err = sfs_backup_schedule_get(store, &schedule, diag);
	const struct sfs_backup_config config = {
		.folder = schedule.folder[0] ? schedule.folder : NULL,
		.keep = schedule.keep,
	};
	if (err < 0)
		return err;
	err = sfs_backup_take(store, &config, &backup, diag);
	for (int ms = 0; err == SFS_ERR_BUSY && ms < WAIT_MS; ms += STEP_MS) {
		usleep(STEP_MS * 1000);
		err = sfs_backup_take(store, &config, &backup, diag);
	}
	return err;
}

int sfsi_backup_before(struct sfs_store *store, const char *why, bool mends, struct sfs_diag *diag)
{
	struct sfs_diag inner = SFS_DIAG_INIT;
	if (store->dir_fd < 0 || store->read_only || !sfsi_settings_now(store).backup_before ||
	    !has_records(store))
		return 0;
	int err = take(store, &inner);
	/* Where there can be none, there was none to rely on. */
	if (!err || err == SFS_ERR_UNSUPPORTED || (mends && err == SFS_ERR_CORRUPT))
		return 0;
	return sfs_diag_set(diag, err,
			    "no backup of the present could be taken before %s (%s); "
			    "\"storefs config %s backup_before=0\" does without",
			    why, inner.text[0] ? inner.text : sfs_err_text(err), store->path);
}
