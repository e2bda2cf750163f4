/*
 * Classes of the new store: their records, and what they count. Numbers that were given are not given again, nor
 * any that lost rows may have had.
 */
#include <inttypes.h>
#include "recover/recover.h"

/** So many numbers are passed over behind the last one that is known. */
#define SERIAL_GAP 4096
#define CLASS_GAP 16

/* --- records --- */

static struct sfsi_recover_class *named(struct sfsi_recovery *rec, struct sfs_span name)
{
	for (size_t i = 0; i < rec->classes_len; i++)
		if (rec->classes[i].there &&
		    sfs_span_equal(sfs_span_str(rec->classes[i].name), name))
			return &rec->classes[i];
	return NULL;
}

static int put_class(struct sfsi_recovery *rec, uint32_t id, const struct sfsi_class_record *record)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_key key;
	struct sfsi_recover_class *class = sfsi_recover_class(rec, id);
	sfsi_key_class(&key, id);
	int err = class ? sfsi_class_encode(record, &val) : SFS_ERR_NO_MEMORY;
	if (err < 0)
		return err;
	class->there = true;
	class->kind = record->kind;
	memcpy(class->name, record->name.data, record->name.len);
	class->name[record->name.len] = '\0';
	return sfsi_recover_put(rec, 0, sfsi_key_span(&key), sfs_buf_span(&val));
}

static int put_renamed(struct sfsi_recovery *rec, uint32_t id,
		       const struct sfsi_class_record *record)
{
	char name[32];
	struct sfsi_class_record renamed = *record;
	struct sfsi_recover_class *class = sfsi_recover_class(rec, id);
	if (!class)
		return SFS_ERR_NO_MEMORY;
	snprintf(name, sizeof name, "recovered_%" PRIu32, id);
	memcpy(class->name, name, sizeof name);
	int err = sfsi_recover_say(rec, SFS_RECOVER_FOUND, id, (struct sfs_span){ "", 0 },
				   "the class is called %s now", name);
	renamed.name = sfs_span_str(name);
	return err < 0 ? err : put_class(rec, id, &renamed);
}

int sfsi_recover_class_row(struct sfsi_recovery *rec, const struct sfsi_recover_key *key,
			   struct sfs_span val)
{
	struct sfsi_class_record record;
	if (key->key.len != 9)
		return 0;
	uint64_t id = sfsi_get_be64((const uint8_t *)key->key.data + 1);
	/* One that can not be read is made up when a row of it is met. */
	if (!id || id > 0xffffff || sfsi_class_decode(val, &record) < 0 || !record.name.len ||
	    record.name.len > SFS_CLASS_NAME_MAX)
		return 0;
	return named(rec, record.name) ? put_renamed(rec, (uint32_t)id, &record)
				       : put_class(rec, (uint32_t)id, &record);
}

int sfsi_recover_class_guess(struct sfsi_recovery *rec, struct sfsi_recover_class *class)
{
	struct sfsi_class_record record = {
		.kind = class->found_objects || !class->found_files ? SFS_CLASS_OBJECT
								    : SFS_CLASS_RAW,
		.type = { "", 0 },
		.definition = { "", 0 },
	};
	uint32_t id = class->id;
	int err = sfsi_recover_say(rec, SFS_RECOVER_LOST, id, (struct sfs_span){ "", 0 },
				   "the name and the definition of the class");
	return err < 0 ? err : put_renamed(rec, id, &record);
}

/* --- counters --- */

/** The highest number of a plain file: what it belonged to may be lost, but it must not be given again. */
static uint64_t plain_max(const struct sfsi_recovery *rec, uint32_t id)
{
	char folder[24];
	uint64_t shard = 0, highest = 0;
	snprintf(folder, sizeof folder, "raw/%06" PRIx32, id);
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(rec->dir_fd, folder, &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));) {
		char *end;
		shard = strtoull(entry->d_name, &end, 16);
		if (*end == '\0' && end != entry->d_name && shard < (uint64_t)1 << 26 &&
		    (shard << 10 | 1023) > highest)
			highest = shard << 10 | 1023;
	}
	return highest;
}

static int put_state(struct sfsi_recovery *rec, uint32_t id, const struct sfsi_state *state)
{
	uint8_t bytes[SFSI_STATE_SIZE];
	struct sfsi_key key;
	sfsi_key_state(&key);
	size_t len = sfsi_state_encode(state, bytes);
	return sfsi_recover_put(rec, id, sfsi_key_span(&key), (struct sfs_span){ bytes, len });
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/** Mode, owner and times of a root directory whose state is lost. */
static void state_default(struct sfsi_state *state)
{
	int64_t now_ns = sfsi_now_ns();
	*state = (struct sfsi_state){
		.mode = 0755,
		.uid = geteuid(),
		.gid = getegid(),
		.atime_ns = now_ns,
		.mtime_ns = now_ns,
		.ctime_ns = now_ns,
	};
}

/** Are the counters those of the last commit? In what can not be read there may be newer ones. */
static bool counts_are_last(const struct sfsi_recovery *rec, const struct sfsi_recover_class *class)
{
	struct sfsi_full_key full;
	struct sfsi_key key;
	sfsi_key_state(&key);
	sfsi_full_key_set(&full, class->id, sfsi_key_span(&key));
	return class->state_damaged &&
	       !sfsi_salvage_in_hole(rec->damaged, sfsi_full_key_span(&full));
}

static bool has_hole(const struct sfsi_recovery *rec, uint32_t class_id, uint8_t letter)
{
	const struct sfsi_key key = { .data = { letter }, .len = 1 };
	struct sfsi_full_key full;
	sfsi_full_key_set(&full, class_id, sfsi_key_span(&key));
	return sfsi_salvage_hole_among(rec->damaged, sfsi_full_key_span(&full));
}

/** An object has a record, an entry and an inode, a file the latter two: is there one that may have lost all of them? */
static bool may_miss_more(const struct sfsi_recovery *rec, uint32_t class_id)
{
	return has_hole(rec, class_id, 'D') && has_hole(rec, class_id, 'N');
}

/** More than have a name in what is left: of the others only the number is known, or not even that. */
static int tell_count(struct sfsi_recovery *rec, const struct sfsi_recover_class *class,
		      uint64_t objects, uint64_t files)
{
	const struct sfs_span none = { "", 0 };
	/* Some that only the backup has may have been removed, and others have come. */
	uint64_t sure = class->objects - class->unsure_objects + class->lost_objects;
	if (!counts_are_last(rec, class))
		return may_miss_more(rec, class->id)
			       ? sfsi_recover_say(rec, SFS_RECOVER_LOST, class->id, none,
						  "how many there were is not known: more may be "
						  "missing than is named here")
			       : 0;
	int err = 0;
	if (objects > sure)
		err = sfsi_recover_say(rec, SFS_RECOVER_LOST, class->id, none,
				       "up to %" PRIu64 " more objects, whose names are lost, too",
				       objects - sure);
	if (!err && files > class->files)
		err = sfsi_recover_say(rec, SFS_RECOVER_LOST, class->id, none,
				       "%" PRIu64 " files, some of whose names are lost, too",
				       files - class->files);
	return err;
}

static int class_state(struct sfsi_recovery *rec, struct sfsi_recover_class *class)
{
	struct sfsi_state state = class->state;
	if (!class->has_state)
		state_default(&state);
	uint64_t said = state.objects, said_files = state.files;
	bool counts = class->has_state && counts_are_last(rec, class);
	bool gap = sfsi_salvage_has_holes(rec->damaged) || !counts;
	uint64_t next = larger(class->max_serial, plain_max(rec, class->id)) + 1;
	state.objects = class->objects;
	state.files = class->files;
	state.nlink = 2 + (uint32_t)class->subdirs;
	state.next_serial = larger(state.next_serial, next) + (gap ? SERIAL_GAP : 0);
	state.commit = rec->commit;
	if (class->refused != state.refused)
		state.refused_ns = sfsi_now_ns();
	state.refused = class->refused;
	rec->result.objects += class->objects;
	rec->result.files += class->files;
	int err = tell_count(rec, class, said, said_files);
	return err < 0 ? err : put_state(rec, class->id, &state);
}

int sfsi_recover_states(struct sfsi_recovery *rec)
{
	struct sfsi_recover_class *root = sfsi_recover_class(rec, 0);
	uint64_t classes = 0, highest = 0;
	int err = root ? 0 : SFS_ERR_NO_MEMORY;
	for (size_t i = 0; i < rec->classes_len && !err; i++) {
		rec->commit = larger(rec->commit, rec->classes[i].max_revision);
		if (rec->classes[i].id)
			highest = larger(highest, rec->classes[i].id);
	}
	for (size_t i = 0; i < rec->classes_len && !err; i++) {
		if (!rec->classes[i].id || !rec->classes[i].there)
			continue;
		classes++;
		err = class_state(rec, &rec->classes[i]);
	}
	if (err < 0)
		return err;
	struct sfsi_state state = root->state;
	if (!root->has_state)
		state_default(&state);
	bool gap = !root->has_state || sfsi_salvage_has_holes(rec->damaged);
	state.next_serial = larger(state.next_serial, highest + 1) + (gap ? CLASS_GAP : 0);
	state.objects = classes;
	state.nlink = state.nlink ? state.nlink : 2;
	state.commit = rec->commit;
	err = put_state(rec, 0, &state);
	return err < 0 ? err : sfsi_recover_flush(rec);
}
