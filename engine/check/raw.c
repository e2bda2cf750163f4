/*
 * What a raw has besides name and inode: metadata (X), other names (A), what is known of its bytes (Y), and
 * the note that they are to go (Z).
 */
#include "check/check.h"
#include "raw_content.h"
#include "raw_name.h"
#include "document/msgpack.h"

/** Is there an inode of that serial, not an object's, or one in the trash? 1 yes, 0 no, <0 can not be said. */
static int has_inode(struct sfsi_check *check, uint64_t serial)
{
	struct sfsi_key key;
	struct sfsi_inode inode;
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	sfsi_key_serial(&key, 'N', serial);
	int err = sfsi_check_get(check, sfsi_key_span(&key), &val);
	if (!err)
		err = sfsi_inode_decode(sfs_buf_span(&val), serial, &inode);
	if (err == SFS_ERR_NOT_FOUND)
		return sfsi_check_trashed(check, serial);
	return err < 0 ? err : inode.type != SFS_NODE_OBJECT;
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

static void another_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	if (row->key.len <= SFSI_ANOTHER_NAME || row->val.len)
		sfsi_check_found(check, SFS_CHECK_ENTRY, "another name that can not be read");
}

/** Another name of a file must not lead elsewhere. That it is missing is said of the links. */
static void another_relate(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	const uint8_t *bytes = row->key.data;
	struct sfsi_key key;
	struct sfsi_name entry = { 0 };
	if (row->key.len <= SFSI_ANOTHER_NAME || row->key.len > SFSI_ANOTHER_NAME + SFS_NAME_MAX)
		return;
	const struct sfs_span name = { bytes + SFSI_ANOTHER_NAME,
				       row->key.len - SFSI_ANOTHER_NAME };
	uint64_t serial = sfsi_get_be64(bytes + 1);
	sfsi_key_entry(&key, sfsi_get_be64(bytes + 9), sfsi_cookie(check->store, name), name);
	int err = sfsi_check_get(check, sfsi_key_span(&key), &val);
	if (!err)
		err = sfsi_name_decode(sfs_buf_span(&val), &entry);
	if (!err && entry.serial != serial)
		sfsi_check_found(check, SFS_CHECK_PARENT, "another name does not lead to its file")
			->ino = sfs_ino_make(check->partition, serial);
}

const struct sfsi_check_table sfsi_check_another = {
	.letter = 'A',
	.row = another_row,
	.needs = always,
	.relate = another_relate,
};

static void content_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_content content;
	uint64_t serial = 0;
	if (!sfsi_check_serial(row->key, &serial))
		sfsi_check_found(check, SFS_CHECK_META, "a hash without a possible number");
	else if (sfsi_content_decode(row->val, row->key, &content) < 0)
		sfsi_check_found(check, SFS_CHECK_META, "the hash of the bytes can not be read")
			->ino = sfs_ino_make(check->partition, serial);
}

static void content_relate(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	uint64_t serial;
	if (sfsi_check_serial(row->key, &serial) && has_inode(check, serial) == 0)
		sfsi_check_found(check, SFS_CHECK_META_STRAY,
				 "the hash of a raw that does not exist")
			->ino = sfs_ino_make(check->partition, serial);
}

const struct sfsi_check_table sfsi_check_content = {
	.letter = 'Y',
	.row = content_row,
	.needs = always,
	.relate = content_relate,
};
