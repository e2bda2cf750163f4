/*
 * Files that a backup was restored to: see folder.h. They have the content, size and mtime that they had, but are
 * other inodes, so no row would know its file. What was still to be done to files when the backup was
 * taken is done: the files are what the records say.
 */
#include "mirror/folder.h"
#include "mirror/folder_raw.h"

/** Rows of one commit. */
#define ROWS_MAX 256

struct again {
	struct sfsi_folder folder; /* only to read */
	struct sfsi_txn txn;
	size_t rows; /* in the transaction; 0: it is not begun */
};

static struct again *again_of(struct sfsi_folder *folder)
{
	return (struct again *)((char *)folder - offsetof(struct again, folder));
}

static int end(struct again *again, int err)
{
	if (again->rows)
		err = sfsi_txn_end(&again->txn, err);
	again->rows = 0;
	return err;
}

/** The transaction for one more row. */
static int begin(struct again *again, const struct sfsi_class *class, struct sfsi_txn **ret)
{
	struct sfsi_txn_class *copy;
	int err = again->rows >= ROWS_MAX ? end(again, 0) : 0;
	if (err < 0)
		return err;
	if (!again->rows++)
		sfsi_txn_begin_inward(again->folder.store, &again->txn);
	*ret = &again->txn;
	return sfsi_txn_class(*ret, class->id, &copy);
}

/** The file of a path, if it has the size and mtime of the stamp. */
static int find(const struct sfsi_folder *folder, const char *path,
		const struct sfsi_folder_stamp *was, struct sfsi_folder_stamp *ret, bool *ret_is)
{
	int err = sfsi_folder_stamp(folder, path, ret);
	*ret_is = !err && ret->ino && ret->size == was->size && ret->mtime_ns == was->mtime_ns;
	return err;
}

static int object_again(struct sfsi_folder *folder, struct sfsi_class *class, struct sfs_span oid,
			struct sfs_span val)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_folder_row row;
	struct sfsi_folder_stamp now;
	struct sfsi_txn *txn;
	struct sfsi_key key;
	bool is = false;
	int err = sfsi_folder_row_decode(val, &row);
	if (!err)
		err = sfsi_folder_row_path(class, oid, &row, &path);
	if (!err)
		err = find(folder, path.data, &row.stamp, &now, &is);
	if (err < 0 || !is)
		return err;
	row.stamp = now;
	sfsi_folder_key(&key, 'O', oid);
	err = sfsi_folder_row_encode(&row, &value);
	if (!err)
		err = begin(again_of(folder), class, &txn);
	return err < 0 ? err
		       : sfsi_txn_put(txn, class->id, sfsi_key_span(&key), sfs_buf_span(&value));
}

static int raw_again(struct sfsi_folder *folder, struct sfsi_class *class, struct sfs_span serial,
		     struct sfs_span val)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	struct sfsi_folder_raw_row raw;
	struct sfsi_folder_stamp now;
	struct sfsi_txn *txn;
	bool is = false;
	int err = serial.len == 8 ? sfsi_folder_raw_decode(val, &raw) : SFS_ERR_CORRUPT;
	if (!err)
		err = sfsi_folder_raw_file(raw.row.path, SFSI_FOLDER_META, &path);
	if (!err)
		err = find(folder, path.data, &raw.row.stamp, &now, &is);
	if (err < 0 || !is)
		return err;
	raw.row.stamp = now;
	err = begin(again_of(folder), class, &txn);
	return err < 0 ? err
		       : sfsi_folder_raw_put(
				 txn, sfs_ino_make(class->id, sfsi_get_be64(serial.data)), &raw);
}

static int drop(struct sfsi_folder *folder, struct sfsi_class *class, char part,
		struct sfs_span oid)
{
	struct sfsi_txn *txn;
	struct sfsi_key key;
	sfsi_folder_key(&key, part, oid);
	int err = begin(again_of(folder), class, &txn);
	return err < 0 ? err : sfsi_txn_remove(txn, class->id, sfsi_key_span(&key));
}

static int drop_task(struct sfsi_folder *folder, struct sfsi_class *class, struct sfs_span oid,
		     struct sfs_span val)
{
	(void)val;
	return drop(folder, class, 'W', oid);
}

static int drop_raw_task(struct sfsi_folder *folder, struct sfsi_class *class,
			 struct sfs_span serial, struct sfs_span val)
{
	(void)val;
	return drop(folder, class, 'V', serial);
}

int sfsi_folder_again(void *own)
{
	const struct sfsi_folder *folder = own;
	struct again again = { .folder = { .mirror = folder->mirror, .store = folder->store } };
	int err = sfsi_folder_each(&again.folder, SFS_CLASS_OBJECT, "FO", object_again);
	if (!err)
		err = sfsi_folder_each(&again.folder, SFS_CLASS_RAW, "FR", raw_again);
	if (!err)
		err = sfsi_folder_each(&again.folder, SFS_CLASS_OBJECT, "FW", drop_task);
	if (!err)
		err = sfsi_folder_each(&again.folder, SFS_CLASS_RAW, "FV", drop_raw_task);
	return end(&again, err);
}
