/* Folders of objects as files, as a kind of mirror: see folder.h. */
#include "mirror/folder.h"

int sfsi_folder_members(struct sfs_span text, sfsi_config_fn *fn, void *arg)
{
	return sfsi_config_read(text, fn, arg, NULL);
}

static int folder_open(struct sfsi_mirror *mirror, void **ret, struct sfs_diag *diag)
{
	(void)mirror, (void)diag;
	*ret = NULL;
	return 0;
}

const struct sfsi_mirror_kind sfsi_mirror_directory = {
	.name = "directory",
	.recognise = sfsi_folder_recognise,
	.open = folder_open,
};
