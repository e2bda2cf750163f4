/*
 * Refused texts (R): each of the three rows of one can be read, they belong together, and the state
 * counts them. They are few, so rows are compared one by one.
 */
#include "check/check.h"

/** 'E', 'T' or 'N'; 0: no such key. */
static uint8_t part_of(struct sfs_span key)
{
	const uint8_t *bytes = key.data;
	if (key.len < SFSI_REFUSED_NAME)
		return 0;
	if (bytes[1] == 'E')
		return key.len > SFSI_REFUSED_NAME ? 'E' : 0;
	return key.len == SFSI_REFUSED_NAME && (bytes[1] == 'T' || bytes[1] == 'N') ? bytes[1] : 0;
}

static struct sfs_span oid_of(struct sfs_span key)
{
	return (struct sfs_span){ (const char *)key.data + SFSI_REFUSED_NAME,
				  key.len - SFSI_REFUSED_NAME };
}

static uint64_t serial_of(struct sfs_span key)
{
	return sfsi_get_be64((const uint8_t *)key.data + 2);
}

static void found(struct sfsi_check *check, struct sfs_span oid, const char *what)
{
	sfsi_check_found(check, SFS_CHECK_REFUSED, "%s", what)->oid = oid;
}

static void refused_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_refused refused;
	struct sfs_span content, oid = { "", 0 };
	uint8_t part = part_of(row->key);
	if (part == 'E')
		oid = oid_of(row->key);
	if (!part)
		found(check, oid, "a refused text under an impossible key");
	else if (part != 'E' && sfsi_sealed_decode(row->val, row->key, &content) < 0)
		found(check, oid, "a refused text or its name is damaged");
	else if (part == 'E' && sfsi_refused_decode(row->val, row->key, &refused) < 0)
		found(check, oid, "the entry of a refused text is damaged");
	else if (part == 'E' && serial_of(row->key) != sfsi_cookie(check->store, oid))
		found(check, oid, "the entry of a refused text is in the wrong place");
}

static void refused_take(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	if (part_of(row->key) != 'E' && serial_of(row->key) > check->class.max_serial)
		check->class.max_serial = serial_of(row->key);
}

static bool refused_needs(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	(void)check, (void)row;
	return true;
}

/** What another row of the same text holds, appended. 0, SFS_ERR_NOT_FOUND, or it was noted. */
static int get_part(struct sfsi_check *check, char part, uint64_t serial, struct sfs_buf *buf,
		    struct sfs_span *ret)
{
	struct sfsi_key key;
	sfsi_key_refused_part(&key, part, serial);
	int err = sfsi_check_get(check, sfsi_key_span(&key), buf);
	return err < 0 ? err : sfsi_sealed_decode(sfs_buf_span(buf), sfsi_key_span(&key), ret);
}

/** What an entry says of a text: that it is there, and belongs to the same oid. */
static void relate_text(struct sfsi_check *check, struct sfs_span oid, uint64_t serial,
			uint64_t size)
{
	struct sfs_span text = { "", 0 }, name = { "", 0 };
	SFSI_AUTO_BUF struct sfs_buf text_buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf name_buf = SFS_BUF_INIT;
	int err = get_part(check, 'T', serial, &text_buf, &text);
	if (err == SFS_ERR_NOT_FOUND || (!err && text.len != size))
		found(check, oid, "the text of a refused text is missing, or of another length");
	err = get_part(check, 'N', serial, &name_buf, &name);
	if (err == SFS_ERR_NOT_FOUND || (!err && !sfs_span_equal(name, oid)))
		found(check, oid, "the number of a refused text leads elsewhere");
}

static void relate_entry(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_refused refused;
	struct sfs_span oid = oid_of(row->key);
	if (sfsi_refused_decode(row->val, row->key, &refused) < 0)
		return;
	relate_text(check, oid, refused.serial, refused.size);
	if (refused.removed)
		relate_text(check, oid, refused.removed, refused.removed_size);
}

/** A text, or a name, must have an entry that says its number. */
static void relate_part(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_key key;
	struct sfsi_refused refused;
	struct sfs_span oid = { "", 0 };
	SFSI_AUTO_BUF struct sfs_buf name_buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf entry_buf = SFS_BUF_INIT;
	uint64_t serial = serial_of(row->key);
	int err = get_part(check, 'N', serial, &name_buf, &oid);
	if (!err && (oid.len == 0 || oid.len > SFS_OID_MAX))
		err = SFS_ERR_NOT_FOUND;
	if (!err) {
		sfsi_key_refused(&key, sfsi_cookie(check->store, oid), oid);
		err = sfsi_check_get(check, sfsi_key_span(&key), &entry_buf);
	}
	if (!err)
		err = sfsi_refused_decode(sfs_buf_span(&entry_buf), sfsi_key_span(&key), &refused);
	if (err == SFS_ERR_NOT_FOUND ||
	    (!err && refused.serial != serial && refused.removed != serial))
		sfsi_check_found(check, SFS_CHECK_REFUSED, "a part of a refused text that is gone")
			->ino = sfs_ino_make(check->partition, serial);
}

static void refused_relate(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	if (part_of(row->key) == 'E')
		relate_entry(check, row);
	else if (part_of(row->key))
		relate_part(check, row);
}

static int count_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	uint64_t *count = arg;
	(void)key, (void)val;
	++*count;
	return 0;
}

void sfsi_check_refused_count(struct sfsi_check *check, const struct sfsi_state *state)
{
	uint64_t count = 0;
	struct sfsi_scan scan = {
		.partition = check->partition,
		.prefix = sfs_span_str("RE"),
		.keys_only = true,
	};
	int err = sfsi_backend_scan(check->store->backend, &scan, count_row, &count);
	/* What is damaged there was reported with its rows. */
	if (err == SFS_ERR_CORRUPT)
		check->skipped = true;
	else if (err < 0)
		check->err = err;
	else if (count != state->refused)
		sfsi_check_found(check, SFS_CHECK_COUNTER,
				 "the class counts %llu refused texts, there are %llu",
				 (unsigned long long)state->refused, (unsigned long long)count);
}

const struct sfsi_check_table sfsi_check_refused = {
	.letter = 'R',
	.row = refused_row,
	.take = refused_take,
	.needs = refused_needs,
	.relate = refused_relate,
};
