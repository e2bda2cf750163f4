/*
 * What a raw has besides name and inode: metadata (X), and the note that bytes are to go (Z).
 */
#include "check/check.h"
#include "document/msgpack.h"

/** Is there an inode of that serial, not an object's? 1 yes, 0 no, <0 can not be said. */
static int has_inode(struct sfsi_check *check, uint64_t serial)
{
	struct sfsi_key key;
	struct sfsi_inode inode;
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	sfsi_key_serial(&key, 'N', serial);
	int err = sfsi_check_get(check, sfsi_key_span(&key), &val);
	if (!err)
		err = sfsi_inode_decode(sfs_buf_span(&val), serial, &inode);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	return inode.type != SFS_NODE_OBJECT;
}

static bool always(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	(void)check, (void)row;
	return true;
}

static void meta_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	uint64_t serial = 0;
	if (!sfsi_check_serial(row->key, &serial))
		sfsi_check_found(check, SFS_CHECK_META, "metadata without a possible number");
	else if (sfsi_meta_check(row->val) < 0)
		sfsi_check_found(check, SFS_CHECK_META, "the metadata can not be read")->ino =
			sfs_ino_make(check->partition, serial);
}

static void meta_relate(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	uint64_t serial;
	if (sfsi_check_serial(row->key, &serial) && has_inode(check, serial) == 0)
		sfsi_check_found(check, SFS_CHECK_META_STRAY,
				 "metadata of a raw that does not exist")
			->ino = sfs_ino_make(check->partition, serial);
}

const struct sfsi_check_table sfsi_check_meta = {
	.letter = 'X',
	.row = meta_row,
	.needs = always,
	.relate = meta_relate,
};

static void removal_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	uint64_t serial;
	if (!sfsi_check_serial(row->key, &serial) || row->val.len)
		sfsi_check_found(check, SFS_CHECK_REMOVAL, "a removal that can not be read");
}

static void removal_relate(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	uint64_t serial;
	if (sfsi_check_serial(row->key, &serial) && has_inode(check, serial) > 0)
		sfsi_check_found(check, SFS_CHECK_REMOVAL,
				 "the bytes of a raw that has a name are marked for removal")
			->ino = sfs_ino_make(check->partition, serial);
}

const struct sfsi_check_table sfsi_check_removal = {
	.letter = 'Z',
	.row = removal_row,
	.needs = always,
	.relate = removal_relate,
};
