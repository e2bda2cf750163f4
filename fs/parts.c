/*
 * The parts that every struct fs has, that of the store and those of backups: started and stopped together.
 */
#include "backing.h"
#include "by.h"
#include "handle.h"
#include "meta.h"
#include "missing.h"
#include "new.h"
#include "scratch.h"
#include "view.h"

int fs_parts_start(struct fs *fs)
{
	int err = fs_table_start(fs);
	if (!err)
		err = fs_backing_start(fs);
	if (!err)
		err = fs_meta_start(fs);
	if (!err)
		err = fs_new_start(fs);
	if (!err)
		err = fs_views_start(fs);
	if (!err)
		err = fs_windows_start(fs);
	if (!err)
		err = fs_missing_start(fs);
	if (!err)
		err = fs_scratch_start(fs);
	return err;
}

void fs_parts_stop(struct fs *fs)
{
	fs_table_stop(fs);
	fs_meta_stop(fs);
	fs_new_stop(fs);
	fs_views_stop(fs);
	fs_windows_stop(fs);
	fs_missing_stop(fs);
	fs_scratch_stop(fs);
	fs_backing_stop(fs);
}
