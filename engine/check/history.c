/*
 * Earlier versions of objects (V): each row can be read, the head of an object names its versions and each
 * of them is there, each version is named by a head, and what it holds can be shown.
 */
#include "check/check.h"
#include "document/document.h"
#include "history.h"
#include "trash.h"

/* Behind "VS" and the slot. */
#define SLOT_OID 3

/** Of which object is it? False: it is no key of table V. */
static bool oid_of(struct sfs_span key, bool *ret_head, struct sfs_span *ret)
{
	const uint8_t *at = key.data;
	if (key.len < 3 || (at[1] != 'H' && at[1] != 'S'))
		return false;
	*ret_head = at[1] == 'H';
	size_t skip = *ret_head ? 2 : SLOT_OID;
	*ret = (struct sfs_span){ at + skip, key.len - skip };
	return key.len > skip && ret->len <= SFS_OID_MAX;
}

static void told(struct sfsi_check *check, const char *what, struct sfs_span oid)
{
	sfsi_check_found(check, SFS_CHECK_HISTORY, "%s", what)->oid = oid;
}

static void history_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfs_span oid = { "", 0 };
	struct sfsi_history history;
	struct sfsi_version_row version;
	bool head = false;
	if (!oid_of(row->key, &head, &oid))
		told(check, "a row of the history that belongs to nothing", oid);
	else if (head && sfsi_history_decode(row->val, row->key, &history) < 0)
		told(check, "what says which versions there are can not be read", oid);
	else if (!head && sfsi_version_decode(row->val, row->key, &version) < 0)
		told(check, "a version can not be read", oid);
}

static bool history_needs(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	(void)row;
	return !(check->wanted->flags & SFS_CHECK_QUICK);
}

/** Does the row of a slot have the version of this time? */
static bool has_version(struct sfsi_check *check, struct sfs_span oid,
			const struct sfsi_version *item)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_version_row version;
	struct sfsi_key key;
	sfsi_history_slot_key(&key, item->slot, oid);
	int err = sfsi_check_get(check, sfsi_key_span(&key), &val);
	if (err)
		return err != SFS_ERR_NOT_FOUND; /* noted */
	/* One that can not be read is told of with itself. */
	return sfsi_version_decode(sfs_buf_span(&val), sfsi_key_span(&key), &version) < 0 ||
	       version.time_ns == item->time_ns;
}

/** Does the head name the version in this row? */
static bool is_named(struct sfsi_check *check, const struct sfsi_check_row *row,
		     struct sfs_span oid, int64_t time_ns)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_history history;
	struct sfsi_key key;
	sfsi_history_key(&key, oid);
	int err = sfsi_check_get(check, sfsi_key_span(&key), &val);
	if (err)
		return err != SFS_ERR_NOT_FOUND;
	if (sfsi_history_decode(sfs_buf_span(&val), sfsi_key_span(&key), &history) < 0)
		return true;
	for (size_t i = 0; i < history.count; i++)
		if (history.items[i].slot == ((const uint8_t *)row->key.data)[2])
			return history.items[i].time_ns == time_ns;
	return false;
}

static bool can_be_shown(const struct sfsi_version_row *version)
{
	SFSI_AUTO_BUF struct sfs_buf out = SFS_BUF_INIT;
	const struct sfsi_document_rules rules = { .any_type = true, .value = true };
	if (version->text)
		return sfsi_document_parse(SFS_FORMAT_JSON, version->bytes, &rules, &out, NULL) ==
		       0;
	return sfsi_document_render(SFS_FORMAT_JSON, version->bytes, &out) == 0 &&
	       out.len == version->size;
}

/** The version has its bytes in the trash. What that lacks, or can not be read there, it tells of itself. */
static bool is_in_trash(struct sfsi_check *check, const struct sfsi_version_row *version)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_trash trash;
	struct sfsi_record record;
	struct sfsi_version_row there;
	struct sfsi_key key;
	sfsi_trash_what_key(&key, version->trash);
	int err = sfsi_check_get(check, sfsi_key_span(&key), &val);
	if (err)
		return err != SFS_ERR_NOT_FOUND;
	if (sfsi_trash_decode(sfs_buf_span(&val), sfsi_key_span(&key), &trash) < 0 ||
	    sfsi_trash_record_decode(&trash, &record) < 0)
		return true;
	sfsi_version_fill(&there, &record);
	return trash.type == SFS_NODE_OBJECT && there.size == version->size && can_be_shown(&there);
}

static void history_relate(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfs_span oid;
	struct sfsi_history history;
	struct sfsi_version_row version;
	bool head;
	if (!oid_of(row->key, &head, &oid))
		return;
	if (head && sfsi_history_decode(row->val, row->key, &history) == 0) {
		for (size_t i = 0; i < history.count; i++)
			if (!has_version(check, oid, &history.items[i])) {
				told(check, "a version is missing", oid);
				return;
			}
	} else if (!head && sfsi_version_decode(row->val, row->key, &version) == 0) {
		if (!is_named(check, row, oid, version.time_ns))
			told(check, "a version that belongs to nothing", oid);
		else if (version.trash ? !is_in_trash(check, &version) : !can_be_shown(&version))
			told(check, "a version can not be shown as JSON", oid);
	}
}

const struct sfsi_check_table sfsi_check_history = {
	.letter = 'V',
	.row = history_row,
	.needs = history_needs,
	.relate = history_relate,
};
