/*
 * What is known of the files of a mirror (F): rows that can be read, and files that could not be.
 */
#include "check/check.h"
#include "mirror/folder.h"
#include "mirror/folder_raw.h"

static void file_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	const char *key = row->key.data;
	struct sfsi_folder_row file;
	struct sfsi_folder_raw_row raw;
	struct sfsi_folder_task task;
	/* Only of a class that is being renamed nothing follows. */
	bool named = row->key.len > 2 || (row->key.len == 2 && key[1] == 'P');
	char part = named ? key[1] : '\0';
	struct sfs_span name = { key + 2, row->key.len > 2 ? row->key.len - 2 : 0 };
	int err = SFS_ERR_CORRUPT;
	if (part == 'O')
		err = sfsi_folder_row_decode(row->val, &file);
	else if ((part == 'R' || part == 'T') && name.len == 8)
		err = sfsi_folder_raw_decode(row->val, &raw);
	else if (part == 'P')
		err = 0;
	else if (part == 'W' || (part == 'V' && name.len == 8))
		err = sfsi_folder_task_decode(row->val, &task);
	if (err < 0)
		sfsi_check_found(check, SFS_CHECK_OUTSIDE,
				 "what is known of a file can not be read");
	else if (part == 'O' && (file.flags & SFSI_FOLDER_DAMAGED))
		sfsi_check_found(check, SFS_CHECK_OUTSIDE,
				 "the file of the object can not be read; its bytes are kept as a "
				 "refused text")
			->oid = name;
}

const struct sfsi_check_table sfsi_check_outside = {
	.letter = 'F',
	.row = file_row,
};

/** In the catalogue: whose files a class is made of. */
static void class_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	uint64_t id;
	if (!sfsi_check_serial(row->key, &id) || !row->val.len ||
	    !memchr(row->val.data, '\0', row->val.len))
		sfsi_check_found(check, SFS_CHECK_OUTSIDE,
				 "which files a class is made of can not be read");
}

const struct sfsi_check_table sfsi_check_catalogue_outside = {
	.letter = 'F',
	.row = class_row,
};
