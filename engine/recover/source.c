/*
 * What a recovery has to go by: the damaged store, and the newest backup that is whole.
 *
 * The damaged store is read once before anything else. It decides alone wherever it can be read: a row that
 * only the backup has was removed since. It can not be believed in a hole, nor in a class whose
 * counters say that rows are missing when the list of tables was lost and nobody knows how many there were.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include "backup/backup.h"
#include "base/array.h"
#include "base/errno.h"
#include "hash.h"
#include "recover/recover.h"

bool sfsi_recover_key(struct sfs_span full, struct sfsi_recover_key *ret)
{
	if (full.len <= SFSI_PARTITION_LEN || full.len > SFSI_FULL_KEY_MAX)
		return false;
	ret->partition = sfsi_get_be32(full.data);
	ret->key = sfsi_span_skip(full, SFSI_PARTITION_LEN);
	ret->letter = *(const uint8_t *)ret->key.data;
	return ret->partition <= 0xffffff;
}

/* --- classes --- */

struct sfsi_recover_class *sfsi_recover_class(struct sfsi_recovery *rec, uint32_t id)
{
	size_t at = rec->classes_len;
	while (at && rec->classes[at - 1].id > id)
		at--;
	if (at && rec->classes[at - 1].id == id)
		return &rec->classes[at - 1];
	if (sfsi_array_grow(&rec->classes, rec->classes_len, &rec->classes_cap,
			    sizeof *rec->classes) < 0)
		return NULL;
	memmove(&rec->classes[at + 1], &rec->classes[at],
		(rec->classes_len++ - at) * sizeof *rec->classes);
	rec->classes[at] = (struct sfsi_recover_class){ .id = id };
	return &rec->classes[at];
}

static void take_state(struct sfsi_recovery *rec, struct sfsi_recover_class *class,
		       struct sfs_span val, bool damaged)
{
	struct sfsi_state state;
	if (sfsi_state_decode(val, &state) < 0)
		return;
	if (state.commit > rec->commit)
		rec->commit = state.commit;
	uint64_t *newest = damaged ? &rec->found_commit : &rec->backup_commit;
	if (state.commit > *newest)
		*newest = state.commit;
	uint64_t next = class->state.next_serial;
	/* The damaged store's is the newer one, unless its log was cut before the backup. */
	if (!class->has_state || state.commit > class->state.commit) {
		class->state = state;
		class->has_state = true;
		class->state_damaged = damaged;
	}
	if (next > class->state.next_serial)
		class->state.next_serial = next;
}

static void see_serial(struct sfsi_recover_class *class, uint64_t serial)
{
	if (serial > class->max_serial && serial < (uint64_t)1 << 36)
		class->max_serial = serial;
}

static void see_revision(struct sfsi_recover_class *class, uint64_t revision)
{
	if (revision > class->max_revision)
		class->max_revision = revision;
}

static void see_inode(struct sfsi_recover_class *class, const struct sfsi_recover_key *key,
		      struct sfs_span val, bool damaged)
{
	struct sfsi_inode inode;
	if (key->key.len != 9)
		return;
	uint64_t serial = sfsi_get_be64((const uint8_t *)key->key.data + 1);
	see_serial(class, serial);
	if (sfsi_inode_decode(val, serial, &inode) < 0 || inode.type == SFS_NODE_OBJECT)
		return;
	see_revision(class, inode.revision);
	class->found_files += damaged && inode.type != SFS_NODE_DIR;
}

static void see_entry(struct sfsi_recover_class *class, const struct sfsi_recover_key *key,
		      struct sfs_span val)
{
	struct sfsi_object object;
	if (key->key.len <= SFSI_ENTRY_NAME ||
	    sfsi_get_be64((const uint8_t *)key->key.data + 1) != SFSI_DIR_OBJECTS ||
	    sfsi_entry_decode(val, &object) < 0)
		return;
	see_serial(class, object.serial);
	see_revision(class, object.revision);
}

/** Remember some names, to know which uuid the store had. */
static int see_place(struct sfsi_recovery *rec, const struct sfsi_recover_key *key)
{
	if (rec->names_len == SFSI_RECOVER_NAMES || key->key.len <= SFSI_ENTRY_NAME)
		return 0;
	struct sfsi_recover_name *name = &rec->names[rec->names_len++];
	struct sfs_span text = sfsi_span_skip(key->key, SFSI_ENTRY_NAME);
	name->cookie = sfsi_get_be64((const uint8_t *)key->key.data + SFSI_ENTRY_NAME - 8);
	return sfs_buf_append(&name->name, text.data, text.len);
}

/** May the store have had this uuid? Also where no name is left that says so. */
static bool has_uuid(const struct sfsi_recovery *rec, const char *uuid)
{
	const struct sfs_store seeded = { .hash_seed = sfsi_hash(sfs_span_str(uuid), 0) };
	for (size_t i = 0; i < rec->names_len; i++)
		if (sfsi_cookie(&seeded, sfs_buf_span(&rec->names[i].name)) == rec->names[i].cookie)
			return true;
	return !rec->names_len;
}

/** How a class is called, for the report; the record itself comes with the others. */
static int see_class(struct sfsi_recovery *rec, const struct sfsi_recover_key *key,
		     struct sfs_span val, bool damaged)
{
	struct sfsi_class_record record;
	uint64_t id = key->key.len == 9 ? sfsi_get_be64((const uint8_t *)key->key.data + 1) : 0;
	if (id && id <= 0xffffff && sfsi_class_decode(val, &record) == 0 &&
	    record.name.len <= SFS_CLASS_NAME_MAX) {
		struct sfsi_recover_class *class = sfsi_recover_class(rec, (uint32_t)id);
		if (!class)
			return SFS_ERR_NO_MEMORY;
		memcpy(class->name, record.name.data, record.name.len);
		class->name[record.name.len] = '\0';
	}
	struct sfsi_recover_class *root = sfsi_recover_class(rec, 0);
	root->found_objects += damaged;
	return sfsi_recover_tick(rec);
}

/** Numbers that were given, and what there is to count. */
static int see(struct sfsi_recovery *rec, struct sfs_span full, struct sfs_span val, bool damaged)
{
	struct sfsi_recover_key key;
	struct sfsi_record record;
	if (!sfsi_recover_key(full, &key))
		return 0;
	struct sfsi_recover_class *class = sfsi_recover_class(rec, key.partition);
	if (!class)
		return SFS_ERR_NO_MEMORY;
	if (key.letter == 'K' && key.key.len == 1)
		take_state(rec, class, val, damaged);
	else if (key.letter == 'N')
		see_inode(class, &key, val, damaged);
	else if (key.letter == 'W' && key.key.len >= 10)
		see_serial(class, sfsi_get_be64((const uint8_t *)key.key.data + key.key.len - 8));
	else if (key.letter == 'D')
		see_entry(class, &key, val);
	if (key.letter == 'D' && damaged && see_place(rec, &key) < 0)
		return SFS_ERR_NO_MEMORY;
	if (key.letter == 'C' && key.partition == 0)
		return see_class(rec, &key, val, damaged);
	if (key.letter == 'O')
		class->found_objects += damaged;
	if (key.letter == 'O' && sfsi_record_decode(val, key.key, &record) == 0) {
		see_serial(class, record.object.serial);
		see_revision(class, record.object.revision);
	}
	return sfsi_recover_tick(rec);
}

static int see_all(struct sfsi_recovery *rec, struct sfsi_salvage *source, bool damaged)
{
	struct sfs_span key, val;
	int got;
	sfsi_salvage_rewind(source);
	while ((got = sfsi_salvage_next(source, &key, &val)) == 0) {
		int err = see(rec, key, val, damaged);
		if (err < 0)
			return err;
	}
	return got < 0 ? got : 0;
}

/** Of which classes is it not known what is missing? */
static void judge(struct sfsi_recovery *rec)
{
	const struct sfsi_salvage_facts *facts = sfsi_salvage_facts(rec->damaged);
	for (size_t i = 0; i < rec->classes_len; i++) {
		struct sfsi_recover_class *class = &rec->classes[i];
		bool agrees = class->state_damaged;
		/* Classes have numbers, one after the other; those that were removed are missing, too. */
		if (class->id == 0)
			agrees = agrees && class->state.next_serial == class->found_objects + 1;
		else
			agrees = agrees && class->state.objects == class->found_objects &&
				 class->state.files == class->found_files;
		class->suspect = facts->unknown && !agrees;
	}
}

bool sfsi_recover_trusts(struct sfsi_recovery *rec, struct sfs_span full)
{
	struct sfsi_recover_key key;
	if (!sfsi_salvage_facts(rec->damaged)->opened || sfsi_salvage_in_hole(rec->damaged, full) ||
	    !sfsi_recover_key(full, &key))
		return false;
	const struct sfsi_recover_class *class = sfsi_recover_class(rec, key.partition);
	return class && !class->suspect;
}

/* --- the backup --- */

/** The records of a backup are as they were written. Raws are compared when they are needed. */
static int compare_records(void *arg, const struct sfsi_backup_file *file)
{
	const char *path = arg;
	char hash[SFS_HASH_SIZE];
	uint64_t size;
	if (strncmp(file->path, "raw/", 4) == 0)
		return 0;
	const struct sfs_backup_config none = { .folder = NULL };
	struct sfsi_copying copying;
	sfsi_copying_init(&copying, &none, -1);
	SFSI_AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SFSI_AUTO_FD int fd = openat(dir, file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || sfsi_copy_hash(&copying, fd, &size, hash, NULL) < 0 || size != file->size ||
	    strcmp(hash, file->hash) != 0)
		return SFS_ERR_CORRUPT;
	return 0;
}

static int join(struct sfs_buf *ret, const char *folder, const char *name)
{
	int err = sfs_buf_printf(ret, "%s/%s", folder, name);
	return err < 0 ? err : sfs_buf_append(ret, "", 1);
}

/** Same store, whole records: it is the source. SFS_ERR_CORRUPT, SFS_ERR_CONFLICT: another store's. */
static int open_backup(struct sfsi_recovery *rec, const char *folder, const char *name)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT, db = SFS_BUF_INIT;
	struct sfs_backup figures;
	struct sfsi_store_file file;
	int err = join(&path, folder, name);
	if (!err)
		err = join(&db, path.data, "db/db");
	if (err < 0)
		return err;
	SFSI_AUTO_FD int fd = open(path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return sfsi_err_from_errno(errno);
	err = sfsi_backup_read(fd, compare_records, path.data, &figures, NULL);
	if (!err)
		err = sfsi_store_file_read(fd, SFSI_STORE_FILE, path.data, &file, NULL);
	bool same = !err && (rec->file_lost ? has_uuid(rec, file.uuid)
					    : strcmp(file.uuid, rec->file.uuid) == 0);
	if (!err && !same)
		err = SFS_ERR_CONFLICT;
	if (!err)
		err = sfsi_salvage_open_whole(db.data, &rec->backup, NULL);
	if (err < 0)
		return err;
	rec->backup_path = strdup(path.data);
	snprintf(rec->result.backup, sizeof rec->result.backup, "%s", name);
	/* A store that has lost its own file is the one of its backups. */
	if (rec->file_lost)
		rec->file = file;
	return rec->backup_path ? 0 : SFS_ERR_NO_MEMORY;
}

static int choose_from(struct sfsi_recovery *rec, const char *folder,
		       const struct sfs_backup *items, size_t count)
{
	for (size_t i = count; i-- > 0;) {
		if (!items[i].valid)
			continue;
		int err = open_backup(rec, folder, items[i].name);
		if (err == 0 || err == SFS_ERR_NO_MEMORY)
			return err;
		err = sfsi_recover_say(rec, SFS_RECOVER_NOTE, 0, (struct sfs_span){ "", 0 },
				       "backup %s is not used: %s", items[i].name,
				       err == SFS_ERR_CONFLICT ? "it is one of another store"
							       : sfs_err_text(err));
		if (err < 0)
			return err;
	}
	return 0;
}

int sfsi_recover_backups_folder(struct sfsi_recovery *rec, struct sfs_buf *ret, bool *ret_told)
{
	struct sfs_store store = { .dir_fd = rec->dir_fd, .path = rec->path };
	struct sfs_backup_schedule schedule = { 0 };
	const char *folder = rec->config->backups;
	int got = folder ? 0 : sfs_backup_schedule_get(&store, &schedule, NULL);
	if (!folder && got == 0 && schedule.folder[0])
		folder = schedule.folder;
	*ret_told = folder;
	int err;
	if (folder)
		err = sfs_buf_append(ret, folder, strlen(folder) + 1);
	else
		err = rec->sidecar ? sfs_backup_folder(rec->path, ret)
				   : join(ret, rec->path, SFS_BACKUP_FOLDER);
	if (err < 0 || got == 0)
		return err;
	return sfsi_recover_say(rec, SFS_RECOVER_NOTE, 0, (struct sfs_span){ "", 0 },
				"the file schedule can not be read: if it says where backups are, "
				"these are not known, and only those in the store were looked for");
}

/** None at all. But a disk that is not there has the backups that are said to be on it. */
static int no_backups(struct sfsi_recovery *rec, const char *folder, bool told, int err)
{
	if (!told && err == SFS_ERR_NOT_FOUND)
		return sfsi_recover_say(rec, SFS_RECOVER_NOTE, 0, (struct sfs_span){ "", 0 },
					"there are no backups to use: no such folder");
	return sfs_diag_set(
		rec->diag, err,
		"the backups of %s are to be in %s: %s. Make them available, or say where "
		"they are (storefs recover --backups DIR), or go on without them "
		"(--no-backup)",
		rec->path, folder, err == SFS_ERR_NOT_FOUND ? "no such folder" : sfs_err_text(err));
}

static int choose_backup(struct sfsi_recovery *rec)
{
	SFSI_AUTO_BUF struct sfs_buf folder = SFS_BUF_INIT;
	struct sfsi_backup_place place;
	struct sfs_backup *items = NULL;
	size_t count = 0;
	bool told = false;
	int err = sfsi_recover_backups_folder(rec, &folder, &told);
	if (err < 0)
		return err;
	err = sfsi_backup_place_open(&place, folder.data, false, NULL);
	if (err < 0)
		return err == SFS_ERR_NO_MEMORY ? err : no_backups(rec, folder.data, told, err);
	err = sfsi_backup_list(&place, &items, &count);
	if (!err)
		err = choose_from(rec, folder.data, items, count);
	free(items);
	sfsi_backup_place_close(&place);
	return err;
}

/** storefs.json of another store: then it is as good as lost. */
static int settle_file(struct sfsi_recovery *rec)
{
	if (rec->file_lost || has_uuid(rec, rec->file.uuid))
		return 0;
	int err = sfsi_recover_say(rec, SFS_RECOVER_NOTE, 0, (struct sfs_span){ "", 0 },
				   "storefs.json was that of another store");
	rec->file_lost = true;
	return err < 0 ? err : sfsi_uuid_make(rec->file.uuid);
}

/* --- both --- */

/** Commits that were synced once and are not there: known by number alone. */
static int tell_tail(struct sfsi_recovery *rec)
{
	const struct sfsi_salvage_facts *facts = sfsi_salvage_facts(rec->damaged);
	char text[200];
	if (!facts->opened || rec->found_commit >= rec->marked)
		return 0;
	snprintf(text, sizeof text,
		 "commits %" PRIu64 " to %" PRIu64
		 " are gone: what they saved is as it was before, what they made is missing",
		 rec->found_commit + 1, rec->marked);
	const struct sfs_recover_item item = {
		.kind = SFS_RECOVER_LOST,
		.class_name = "",
		.oid = { "", 0 },
		.commit_from = rec->found_commit + 1,
		.commit_to = rec->marked,
		.text = text,
	};
	return sfsi_recover_tell(rec, &item);
}

/** Without STATE nobody knows where the log is to end: one that was cut looks like a shorter one. */
static int tell_unmarked(struct sfsi_recovery *rec)
{
	const struct sfsi_salvage_facts *facts = sfsi_salvage_facts(rec->damaged);
	char text[200];
	if (facts->state || !facts->opened || facts->gap || !rec->found_commit)
		return 0;
	snprintf(text, sizeof text,
		 "db/STATE can not be read, which says what the last commit was: %" PRIu64
		 " is the last that is there, and what any after it saved is gone",
		 rec->found_commit);
	const struct sfs_recover_item item = {
		.kind = SFS_RECOVER_NOTE,
		.class_name = "",
		.oid = { "", 0 },
		.commit_from = rec->found_commit + 1,
		.text = text,
	};
	return sfsi_recover_tell(rec, &item);
}

/** The last commit before the hole in the log. */
static uint64_t commit_before_gap(struct sfsi_recovery *rec)
{
	uint64_t last = 0;
	for (size_t i = 0; i < rec->classes_len; i++) {
		SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
		struct sfsi_state state;
		struct sfsi_key key;
		struct sfsi_full_key full;
		sfsi_key_state(&key);
		sfsi_full_key_set(&full, rec->classes[i].id, sfsi_key_span(&key));
		if (sfsi_salvage_get_before_gap(rec->damaged, sfsi_full_key_span(&full), &val) ==
			    0 &&
		    sfsi_state_decode(sfs_buf_span(&val), &state) == 0 && state.commit > last)
			last = state.commit;
	}
	return last;
}

/** What was after a hole in the log was read, but not what was in it. */
static int tell_gap(struct sfsi_recovery *rec)
{
	char text[240];
	uint64_t from = sfsi_salvage_facts(rec->damaged)->hidden ? rec->backup_commit + 1
								 : commit_before_gap(rec) + 1;
	uint64_t to = rec->found_commit > rec->marked ? rec->found_commit : rec->marked;
	snprintf(text, sizeof text,
		 "the log is damaged: some of the commits %" PRIu64 " to %" PRIu64
		 " are gone, what those saved is as it was before, what they made is missing",
		 from, to);
	const struct sfs_recover_item item = {
		.kind = SFS_RECOVER_LOST,
		.class_name = "",
		.oid = { "", 0 },
		.commit_from = from,
		.commit_to = to,
		.text = text,
	};
	return sfsi_recover_tell(rec, &item);
}

/* --- tables --- */

/** What a key is about, as a person calls it: "Article/42", "Article", "the list of classes". */
static void describe(struct sfsi_recovery *rec, const struct sfs_buf *full, char *ret, size_t size)
{
	struct sfsi_recover_key key;
	if (!sfsi_recover_key(sfs_buf_span(full), &key)) {
		snprintf(ret, size, "?");
		return;
	}
	const struct sfsi_recover_class *class = sfsi_recover_class(rec, key.partition);
	const char *at = key.key.data;
	size_t len = 0;
	while (key.letter == 'O' && len + 1 < key.key.len && at[len + 1] > 0x20 &&
	       at[len + 1] < 0x7f && len < 40)
		len++;
	if (!key.partition)
		snprintf(ret, size, "the list of classes");
	else if (class && class->name[0])
		snprintf(ret, size, "%s%s%.*s", class->name, len ? "/" : "", (int)len, at + 1);
	else
		snprintf(ret, size, "class %" PRIu32 "%s%.*s", key.partition, len ? "/" : "",
			 (int)len, at + 1);
}

static int tell_table(struct sfsi_recovery *rec, const struct sfsi_salvage_table *table)
{
	char first[256], last[256];
	describe(rec, &table->first, first, sizeof first);
	describe(rec, &table->last, last, sizeof last);
	return sfsi_recover_say(rec, SFS_RECOVER_LOST, 0, (struct sfs_span){ "", 0 },
				"%s of db/ is gone, a file with records between %.120s and %.120s: "
				"lost is what no other file and no backup has of them",
				table->name, first, last);
}

static int tell_unknown(struct sfsi_recovery *rec, const struct sfsi_recover_class *class)
{
	const struct sfs_span none = { "", 0 };
	const struct sfsi_state *state = &class->state;
	bool more = class->found_objects > state->objects || class->found_files > state->files;
	if (!class->id)
		return sfsi_recover_say(rec, SFS_RECOVER_NOTE, 0, none,
					"it is not known whether there were more classes");
	if (!class->state_damaged)
		return sfsi_recover_say(
			rec, SFS_RECOVER_LOST, class->id, none,
			"how many there were is not known: more may be missing than is "
			"named here");
	if (more)
		return sfsi_recover_say(rec, SFS_RECOVER_LOST, class->id, none,
					"more can be read than were counted last: the count is an "
					"older one, and more may be missing than is named here");
	return sfsi_recover_say(rec, SFS_RECOVER_LOST, class->id, none,
				"there were %" PRIu64 " objects, of which %" PRIu64
				" can be read, and %" PRIu64 " files, of which %" PRIu64 " can",
				state->objects, class->found_objects, state->files,
				class->found_files);
}

static int tell_tables(struct sfsi_recovery *rec)
{
	const struct sfsi_salvage_facts *facts = sfsi_salvage_facts(rec->damaged);
	int err = 0;
	for (size_t i = 0; i < facts->tables_len && !err; i++)
		err = tell_table(rec, &facts->tables[i]);
	if (!err && facts->unknown && !rec->found_commit)
		return sfsi_recover_say(
			rec, SFS_RECOVER_LOST, 0, (struct sfs_span){ "", 0 },
			"no record can be read but those of the backup: what was saved "
			"after it is lost");
	for (size_t i = 0; i < rec->classes_len && !err; i++)
		if (rec->classes[i].suspect)
			err = tell_unknown(rec, &rec->classes[i]);
	return err;
}

/** @why  what is wrong with the records; "": nothing. */
static void set_why(struct sfsi_recovery *rec, const char *why)
{
	struct stat st;
	if (!why[0] && rec->file_lost)
		why = "storefs.json can not be read, or is that of another store";
	else if (!why[0] && fstatat(rec->dir_fd, "raw", &st, AT_SYMLINK_NOFOLLOW) < 0)
		why = "raw/ is missing";
	snprintf(rec->result.why, sizeof rec->result.why, "%s", why);
}

int sfsi_recover_sources(struct sfsi_recovery *rec)
{
	int err = sfsi_salvage_open(rec->path, "db", SFSI_RECOVER_WORK, &rec->damaged, rec->diag);
	if (err < 0)
		return err;
	const struct sfsi_salvage_facts *facts = sfsi_salvage_facts(rec->damaged);
	if (facts->note.len && sfsi_mark_decode(sfs_buf_span(&facts->note), &rec->marked) == 0 &&
	    rec->marked > rec->commit)
		rec->commit = rec->marked;
	err = see_all(rec, rec->damaged, true);
	for (size_t i = 0; i < rec->classes_len; i++)
		if (rec->classes[i].max_revision > rec->found_commit)
			rec->found_commit = rec->classes[i].max_revision;
	if (!err)
		err = settle_file(rec);
	set_why(rec, facts->why);
	if (!err && !(rec->config->flags & SFS_RECOVER_NO_BACKUP))
		err = choose_backup(rec);
	if (!err && !rec->classes_len && !rec->backup)
		err = sfs_diag_set(rec->diag, SFS_ERR_CORRUPT,
				   "%s/db has no record that can be read (%s), and there is no "
				   "valid backup",
				   rec->path, facts->why);
	if (!err && rec->backup)
		err = see_all(rec, rec->backup, false);
	if (!err)
		judge(rec);
	if (!err)
		err = facts->gap ? tell_gap(rec) : tell_tail(rec);
	if (!err)
		err = tell_unmarked(rec);
	if (!err)
		err = tell_tables(rec);
	return err;
}
