/*
 * What can still be read of a damaged kv backend: see kv_salvage.h.
 *
 * A scan that meets a block that can not be read stops. It goes on behind it: first at some key that is
 * far enough, then backwards from there until the block stops it from the other side, so that no row
 * that can be read is passed over.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend/key.h"
#include "backend/kv.h"
#include "backend/kv_salvage.h"
#include "backend/kv_tables.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "base/errno.h"
#include "base/file.h"

#define CHUNK ((size_t)256 << 10)

struct sfsi_salvage {
	struct kv kv;      /* its options and its db; nothing is written through it */
	rocksdb_t *before; /* the same up to the first damage in its log; NULL: not known */
	rocksdb_iterator_t *seeker; /* for single rows where the list is one of ours; NULL: none */
	char *work;                 /* folder of ours; NULL: it is read in place */
	rocksdb_readoptions_t *options;
	rocksdb_iterator_t *it;
	struct sfs_buf last; /* key of the last row that was given */
	bool given;
	bool listed; /* the tables that there were are known */
	int stopped; /* why the system does not let it be read; 0: it does */
	struct sfsi_salvage_hole *holes;
	size_t holes_len, holes_cap;
	struct sfsi_salvage_facts facts;
};

/* --- the work folder --- */

static bool ends(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);
	return len > end_len && strcmp(name + len - end_len, end) == 0;
}

/** What can be read of a file. A part that the disk does not give is left out. */
static int copy_bytes(int from, int to)
{
	SFSI_AUTO_FREE char *chunk = malloc(CHUNK);
	uint64_t off = 0;
	size_t got = 0;
	int err = chunk ? 0 : SFS_ERR_NO_MEMORY;
	while (!err) {
		err = sfsi_pread_all(from, chunk, CHUNK, off, &got);
		if (!err)
			err = sfsi_pwrite_all(to, chunk, got, off);
		if (got < CHUNK)
			break;
		off += got;
	}
	return err == SFS_ERR_IO ? 0 : err;
}

/**
 * Tables are never written to; RocksDB may rename or remove what it finds in its folder: a link. What this process
 * may not read is no damage.
 */
static int bring_file(int from_fd, int to_fd, const char *name)
{
	struct stat st;
	if (fstatat(from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    strcmp(name, "LOCK") == 0 || strncmp(name, "LOG", 3) == 0)
		return 0;
	SFSI_AUTO_FD int from = openat(from_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0)
		return sfsi_err_from_errno(errno);
	if (ends(name, ".sst") && linkat(from_fd, name, to_fd, name, 0) == 0)
		return 0;
	SFSI_AUTO_FD int to = openat(to_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0)
		return sfsi_err_from_errno(errno);
	return copy_bytes(from, to);
}

static int bring_files(int from_fd, int to_fd)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(from_fd, ".", &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
		err = bring_file(from_fd, to_fd, entry->d_name);
	return err;
}

/** Links to all tables once more, and copies of the rest: RocksDB's repair takes away what it rejects. */
static int work_fill(struct sfsi_salvage *salvage)
{
	sfsi_remove_tree(AT_FDCWD, salvage->work);
	if (mkdir(salvage->work, 0700) < 0)
		return sfsi_err_from_errno(errno);
	SFSI_AUTO_FD int to = open(salvage->work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0)
		return sfsi_err_from_errno(errno);
	/* No folder at all: nothing can be read. */
	return salvage->kv.db_fd < 0 ? 0 : bring_files(salvage->kv.db_fd, to);
}

/* --- CURRENT --- */

/** The newest MANIFEST of a folder; 0: there is none. */
static uint64_t newest_manifest(const char *path)
{
	uint64_t newest = 0, number;
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(AT_FDCWD, path, &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
		if (sscanf(entry->d_name, "MANIFEST-%" SCNu64, &number) == 1 && number > newest)
			newest = number;
	return newest;
}

/** It says nothing that the names of the files do not say. */
static int write_current(const struct sfsi_salvage *salvage, uint64_t number)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT, text = SFS_BUF_INIT;
	int err = sfs_buf_printf(&path, "%s/CURRENT", salvage->work);
	if (!err)
		err = sfs_buf_append(&path, "", 1);
	if (!err)
		err = sfs_buf_printf(&text, "MANIFEST-%06" PRIu64 "\n", number);
	if (err < 0)
		return err;
	SFSI_AUTO_FD int fd = open(path.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return fd < 0 ? sfsi_err_from_errno(errno) : sfsi_write_all(fd, sfs_buf_span(&text));
}

static void note_why(struct sfsi_salvage *salvage, const char *text)
{
	if (!salvage->facts.why[0])
		snprintf(salvage->facts.why, sizeof salvage->facts.why, "%s", text);
}

/** An error of RocksDB, which is given back. 0: what is read is damaged; else it is not, but can not be read now. */
static int refusal(char *text)
{
	int err = sfsi_kv_error(text);
	switch (err) {
	case SFS_ERR_NO_SPACE:
	case SFS_ERR_NO_MEMORY:
	case SFS_ERR_PERMISSION:
	case SFS_ERR_READ_ONLY:
	case SFS_ERR_NO_FILES: return err;
	default: return 0;
	}
}

/** Is the MANIFEST that is in use all that STATE says? */
static bool manifest_good(struct sfsi_salvage *salvage)
{
	const struct sfsi_kv_facts *facts = &salvage->kv.state.facts;
	struct sfs_diag diag = SFS_DIAG_INIT;
	uint64_t number = 0, size = 0;
	if (sfsi_kv_manifest(&salvage->kv, &number, &size, &diag) < 0) {
		note_why(salvage, diag.text);
		return false;
	}
	if (!salvage->facts.state || number > facts->manifest ||
	    (number == facts->manifest && size >= facts->manifest_size))
		return true;
	note_why(salvage, "the list of tables (MANIFEST) in db/ was cut, or is an older one");
	return false;
}

static int current_fix(struct sfsi_salvage *salvage)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	uint64_t number = 0, size;
	if (salvage->kv.db_fd < 0 || sfsi_kv_manifest(&salvage->kv, &number, &size, &diag) == 0)
		return 0;
	note_why(salvage, diag.text);
	number = newest_manifest(salvage->work);
	return number ? write_current(salvage, number) : 0;
}

/* --- opening --- */

static void db_close(struct sfsi_salvage *salvage)
{
	if (salvage->it)
		rocksdb_iter_destroy(salvage->it);
	salvage->it = NULL;
	if (salvage->seeker)
		rocksdb_iter_destroy(salvage->seeker);
	salvage->seeker = NULL;
	if (salvage->kv.db)
		rocksdb_close(salvage->kv.db);
	salvage->kv.db = NULL;
}

/** Is the first row, or any behind a damaged place, to be had? A table of level 0 that is gone stops all scans. */
static int db_reads(struct sfsi_salvage *salvage, bool *ret)
{
	struct sfs_span key, val;
	sfsi_salvage_rewind(salvage);
	int got = sfsi_salvage_next(salvage, &key, &val);
	*ret = got == 0 || (got == 1 && !salvage->holes_len);
	sfsi_salvage_rewind(salvage);
	return got < 0 ? got : 0;
}

/* --- tables that are gone --- */

static int table_add(struct sfsi_salvage *salvage, const rocksdb_livefiles_t *files, int number)
{
	struct sfsi_salvage_facts *facts = &salvage->facts;
	struct sfsi_salvage_table *tables = realloc(facts->tables,
						    (facts->tables_len + 1) * sizeof *tables);
	if (!tables)
		return SFS_ERR_NO_MEMORY;
	facts->tables = tables;
	struct sfsi_salvage_table *table = &tables[facts->tables_len++];
	*table = (struct sfsi_salvage_table){ .bytes = rocksdb_livefiles_size(files, number) };
	/* As "/000012.sst". */
	snprintf(table->name, sizeof table->name, "%s", rocksdb_livefiles_name(files, number) + 1);
	size_t len;
	const char *key = rocksdb_livefiles_smallestkey(files, number, &len);
	int err = sfs_buf_append(&table->first, key, len);
	key = rocksdb_livefiles_largestkey(files, number, &len);
	return err < 0 ? err : sfs_buf_append(&table->last, key, len);
}

/** All that the list names, before it is made anew. */
static int tables_note(struct sfsi_salvage *salvage)
{
	if (!salvage->kv.db || salvage->listed)
		return 0;
	const rocksdb_livefiles_t *files = rocksdb_livefiles(salvage->kv.db);
	int err = 0;
	for (int i = 0; i < rocksdb_livefiles_count(files) && !err; i++)
		err = table_add(salvage, files, i);
	rocksdb_livefiles_destroy(files);
	salvage->listed = !err;
	return err;
}

static void table_fini(struct sfsi_salvage_table *table)
{
	sfs_buf_fini(&table->first);
	sfs_buf_fini(&table->last);
}

static bool is_live(const rocksdb_livefiles_t *files, const char *name)
{
	for (int i = 0; i < rocksdb_livefiles_count(files); i++)
		if (strcmp(rocksdb_livefiles_name(files, i) + 1, name) == 0)
			return true;
	return false;
}

/** A table with its name may be another one; and it may have the name of another one. */
static bool is_same(const rocksdb_livefiles_t *files, const struct sfsi_salvage_table *table)
{
	size_t len;
	for (int i = 0; i < rocksdb_livefiles_count(files); i++) {
		const char *first = rocksdb_livefiles_smallestkey(files, i, &len);
		if (rocksdb_livefiles_size(files, i) == table->bytes &&
		    sfs_span_equal((struct sfs_span){ first, len }, sfs_buf_span(&table->first)))
			return true;
	}
	return false;
}

/** Those that the new list has are not gone. */
static void tables_settle(struct sfsi_salvage *salvage)
{
	struct sfsi_salvage_facts *facts = &salvage->facts;
	const rocksdb_livefiles_t *files = salvage->kv.db ? rocksdb_livefiles(salvage->kv.db)
							  : NULL;
	size_t len = 0;
	for (size_t i = 0; i < facts->tables_len; i++) {
		if (files && is_same(files, &facts->tables[i]))
			table_fini(&facts->tables[i]);
		else
			facts->tables[len++] = facts->tables[i];
	}
	facts->tables_len = len;
	if (files)
		rocksdb_livefiles_destroy(files);
}

static int db_open(struct sfsi_salvage *salvage, const char *path)
{
	char *text = NULL;
	salvage->kv.db = rocksdb_open_for_read_only(salvage->kv.options, path, 0, &text);
	bool reads = false;
	if (text)
		note_why(salvage, text);
	int err = refusal(text);
	if (err < 0 || !salvage->kv.db)
		return err;
	salvage->facts.found = rocksdb_get_latest_sequence_number(salvage->kv.db);
	err = db_reads(salvage, &reads);
	if (err < 0 || reads)
		return err;
	note_why(salvage, "a table of db/ is missing, or can not be opened");
	err = salvage->facts.remade ? 0 : tables_note(salvage);
	db_close(salvage);
	return err;
}

/** Are there tables that the list does not name? A kill may leave some; a list that was cut forgets them. */
static bool has_unknown_tables(const struct sfsi_salvage *salvage)
{
	const rocksdb_livefiles_t *files = rocksdb_livefiles(salvage->kv.db);
	SFSI_AUTO_DIR DIR *dir = NULL;
	bool unknown = false;
	int err = sfsi_dir_open(AT_FDCWD, salvage->work, &dir);
	for (const struct dirent *entry; !err && !unknown && (entry = sfsi_dir_next(dir, &err));)
		unknown = ends(entry->d_name, ".sst") && !is_live(files, entry->d_name);
	rocksdb_livefiles_destroy(files);
	return unknown;
}

/** Can the list of tables be taken for what it says? */
static bool is_trusted(struct sfsi_salvage *salvage, bool manifest)
{
	if (!salvage->kv.db)
		return false;
	if (manifest && salvage->facts.state && salvage->facts.found >= salvage->facts.synced)
		return true;
	return !has_unknown_tables(salvage);
}

static int remake(struct sfsi_salvage *salvage, bool manifest)
{
	int err = tables_note(salvage);
	bool listed = manifest && salvage->listed;
	db_close(salvage);
	if (!err)
		err = work_fill(salvage);
	const struct sfsi_kv_search search = {
		.options = salvage->kv.options,
		.work = salvage->work,
		.known = salvage->facts.tables,
		.known_len = salvage->facts.tables_len,
	};
	if (!err)
		err = sfsi_kv_tables_list(&search);
	if (err < 0)
		return err;
	salvage->facts.remade = true;
	salvage->facts.unknown = !listed;
	err = db_open(salvage, salvage->work);
	/* The list says nothing of changes. */
	salvage->facts.found = 0;
	tables_settle(salvage);
	return err;
}

/** With a log that ends where it is damaged: is there more behind that? */
static void open_before(struct sfsi_salvage *salvage)
{
	rocksdb_options_t *options = rocksdb_options_create_copy(salvage->kv.options);
	char *text = NULL;
	rocksdb_options_set_wal_recovery_mode(options, rocksdb_point_in_time_recovery);
	/* Without these it would pass over the damage, too. */
	rocksdb_options_set_paranoid_checks(options, 1);
	salvage->before = rocksdb_open_for_read_only(options, salvage->work, 0, &text);
	rocksdb_free(text);
	rocksdb_options_destroy(options);
}

static int open_damaged(struct sfsi_salvage *salvage)
{
	bool manifest = manifest_good(salvage);
	int err = work_fill(salvage);
	if (!err)
		err = current_fix(salvage);
	if (err < 0)
		return err;
	open_before(salvage);
	err = db_open(salvage, salvage->work);
	if (!err && !is_trusted(salvage, manifest))
		err = remake(salvage, manifest);
	salvage->facts.opened = salvage->kv.db;
	salvage->facts.gap = salvage->kv.db && salvage->before &&
			     rocksdb_get_latest_sequence_number(salvage->before) <
				     salvage->facts.found;
	if (salvage->kv.db && salvage->facts.state && salvage->kv.db_fd >= 0 &&
	    sfsi_kv_log_check(&salvage->kv, salvage->facts.synced, NULL) == SFS_ERR_CORRUPT)
		salvage->facts.gap = salvage->facts.hidden = true;
	/* With a list of ours nobody knows where the log is read to. */
	if (salvage->facts.remade && salvage->kv.db_fd >= 0 &&
	    sfsi_kv_log_is_bad(salvage->kv.db_fd))
		salvage->facts.gap = salvage->facts.hidden = true;
	if (salvage->facts.gap)
		note_why(salvage, "the log in db/ is damaged");
	return err;
}

/** Only what it says is wanted; who has it open has the store. */
static int read_state(struct sfsi_salvage *salvage)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfsi_kv_state *state = &salvage->kv.state;
	int err = sfsi_kv_state_open(state, salvage->kv.dir_fd, true, &diag);
	if (err == SFS_ERR_BUSY || err == SFS_ERR_VERSION)
		return err;
	salvage->facts.state = err == 0;
	if (err < 0) {
		note_why(salvage, diag.text);
		return 0;
	}
	salvage->facts.synced = state->facts.sequence;
	return state->has_note
		       ? sfs_buf_append(&salvage->facts.note, state->note.data, state->note.len)
		       : 0;
}

static int salvage_new(struct sfsi_salvage **ret, struct sfs_diag *diag)
{
	const struct sfsi_backend_config config = { .read_only = true };
	struct sfsi_salvage *salvage = calloc(1, sizeof *salvage);
	if (!salvage)
		return SFS_ERR_NO_MEMORY;
	sfsi_kv_init(&salvage->kv);
	salvage->kv.base.read_only = true;
	int err = sfsi_kv_options_make(&salvage->kv, &config, diag);
	if (err < 0) {
		sfsi_salvage_close(salvage);
		return err;
	}
	salvage->options = sfsi_kv_iterator_options();
	rocksdb_readoptions_set_fill_cache(salvage->options, 0);
	*ret = salvage;
	return 0;
}

int sfsi_salvage_open(const char *home, const char *name, const char *work,
		      struct sfsi_salvage **ret, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	struct sfsi_salvage *salvage;
	int err = salvage_new(&salvage, diag);
	if (err < 0)
		return err;
	rocksdb_options_set_paranoid_checks(salvage->kv.options, 0);
	rocksdb_options_set_wal_recovery_mode(salvage->kv.options,
					      rocksdb_skip_any_corrupted_records_recovery);
	if (sfs_buf_printf(&path, "%s/%s", home, name) < 0 || sfs_buf_append(&path, "", 1) < 0 ||
	    asprintf(&salvage->work, "%s/%s", home, work) < 0) {
		salvage->work = NULL;
		err = SFS_ERR_NO_MEMORY;
	}
	if (!err) {
		salvage->kv.dir_fd = open(path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		salvage->kv.db_fd = openat(salvage->kv.dir_fd, "db",
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (salvage->kv.db_fd < 0)
			note_why(salvage, "db/ is missing");
		err = read_state(salvage);
	}
	if (!err)
		err = open_damaged(salvage);
	if (err < 0) {
		sfsi_salvage_close(salvage);
		return sfs_diag_set(diag, err, "%s/%s can not be looked at: %s", home, name,
				    sfs_err_text(err));
	}
	*ret = salvage;
	return 0;
}

int sfsi_salvage_open_whole(const char *path, struct sfsi_salvage **ret, struct sfs_diag *diag)
{
	struct sfsi_salvage *salvage;
	int err = salvage_new(&salvage, diag);
	if (err < 0)
		return err;
	char *text = NULL;
	salvage->kv.db = rocksdb_open_for_read_only(salvage->kv.options, path, 0, &text);
	err = sfsi_kv_error_diag(text, diag, "can not open the backup");
	if (err < 0) {
		sfsi_salvage_close(salvage);
		return err;
	}
	salvage->facts.opened = true;
	*ret = salvage;
	return 0;
}

void sfsi_salvage_close(struct sfsi_salvage *salvage)
{
	if (!salvage)
		return;
	sfsi_salvage_rewind(salvage);
	db_close(salvage);
	if (salvage->options)
		rocksdb_readoptions_destroy(salvage->options);
	if (salvage->before)
		rocksdb_close(salvage->before);
	sfsi_kv_release(&salvage->kv);
	if (salvage->work)
		sfsi_remove_tree(AT_FDCWD, salvage->work);
	free(salvage->work);
	free(salvage->holes);
	for (size_t i = 0; i < salvage->facts.tables_len; i++)
		table_fini(&salvage->facts.tables[i]);
	free(salvage->facts.tables);
	sfs_buf_fini(&salvage->last);
	sfs_buf_fini(&salvage->facts.note);
	free(salvage);
}

const struct sfsi_salvage_facts *sfsi_salvage_facts(const struct sfsi_salvage *salvage)
{
	return &salvage->facts;
}

/* --- rows --- */

void sfsi_salvage_rewind(struct sfsi_salvage *salvage)
{
	for (size_t i = 0; i < salvage->holes_len; i++) {
		sfs_buf_fini(&salvage->holes[i].after);
		sfs_buf_fini(&salvage->holes[i].before);
	}
	salvage->holes_len = 0;
	salvage->last.len = 0;
	salvage->given = false;
	if (salvage->it)
		rocksdb_iter_destroy(salvage->it);
	salvage->it = salvage->kv.db ? rocksdb_create_iterator(salvage->kv.db, salvage->options)
				     : NULL;
}

static struct sfs_span it_key(const struct sfsi_salvage *salvage)
{
	struct sfs_span key;
	key.data = rocksdb_iter_key(salvage->it, &key.len);
	return key;
}

static bool it_failed(struct sfsi_salvage *salvage)
{
	char *text = NULL;
	rocksdb_iter_get_error(salvage->it, &text);
	bool failed = text;
	int err = refusal(text);
	if (err < 0)
		salvage->stopped = err;
	return failed;
}

static bool is_after(struct sfs_span key, struct sfs_span other)
{
	return sfsi_span_compare(key, other) > 0;
}

/**
 * A key behind all that have one byte less in common with the last one, each time it is asked again. False: there
 * is none.
 */
static bool farther(struct sfs_buf *key)
{
	uint8_t *bytes = key->data;
	while (key->len > 0) {
		uint8_t *at = &bytes[--key->len];
		if (*at != 0xff) {
			*at = 0xff;
			key->len++;
			return true;
		}
	}
	return false;
}

/** Stand on a row behind the damage. 0, 1 there is none, SFS_ERR_NO_MEMORY. */
static int leap(struct sfsi_salvage *salvage)
{
	SFSI_AUTO_BUF struct sfs_buf probe = SFS_BUF_INIT;
	static const uint8_t first[SFSI_PARTITION_LEN + 1];
	int err = salvage->given ? sfs_buf_append(&probe, salvage->last.data, salvage->last.len)
				 : sfs_buf_append(&probe, first, sizeof first);
	while (!err && farther(&probe)) {
		rocksdb_iter_seek(salvage->it, probe.data, probe.len);
		if (rocksdb_iter_valid(salvage->it))
			return 0;
		if (!it_failed(salvage))
			break;
	}
	if (err < 0)
		return err;
	rocksdb_iter_seek_to_last(salvage->it);
	bool behind = rocksdb_iter_valid(salvage->it) &&
		      (!salvage->given || is_after(it_key(salvage), sfs_buf_span(&salvage->last)));
	return behind ? 0 : 1;
}

static int hole_add(struct sfsi_salvage *salvage, struct sfs_span before)
{
	int err = sfsi_array_grow(&salvage->holes, salvage->holes_len, &salvage->holes_cap,
				  sizeof *salvage->holes);
	if (err < 0)
		return err;
	struct sfsi_salvage_hole *hole = &salvage->holes[salvage->holes_len++];
	*hole = (struct sfsi_salvage_hole){ SFS_BUF_INIT, SFS_BUF_INIT };
	err = sfs_buf_append(&hole->after, salvage->last.data, salvage->last.len);
	return err < 0 ? err : sfs_buf_append(&hole->before, before.data, before.len);
}

/** Back from where it stands, to the first row behind the damage, which is appended. */
static int walk_back(struct sfsi_salvage *salvage, struct sfs_buf *ret)
{
	int err = 0;
	while (!err && rocksdb_iter_valid(salvage->it)) {
		struct sfs_span key = it_key(salvage);
		if (salvage->given && !is_after(key, sfs_buf_span(&salvage->last)))
			break;
		ret->len = 0;
		err = sfs_buf_append(ret, key.data, key.len);
		rocksdb_iter_prev(salvage->it);
	}
	return err;
}

/** The scan met what can not be read. 0: it stands behind it, 1: nothing is behind it. */
static int pass_damage(struct sfsi_salvage *salvage)
{
	SFSI_AUTO_BUF struct sfs_buf next = SFS_BUF_INIT;
	int got = leap(salvage);
	if (got < 0 || salvage->stopped)
		return got < 0 ? got : salvage->stopped;
	if (got == 1) {
		int err = hole_add(salvage, (struct sfs_span){ "", 0 });
		return err < 0 ? err : 1;
	}
	int err = walk_back(salvage, &next);
	if (!err)
		err = hole_add(salvage, sfs_buf_span(&next));
	if (err < 0)
		return err;
	rocksdb_iter_seek(salvage->it, next.data, next.len);
	return rocksdb_iter_valid(salvage->it) ? 0 : 1;
}

int sfsi_salvage_next(struct sfsi_salvage *salvage, struct sfs_span *ret_key,
		      struct sfs_span *ret_val)
{
	if (!salvage->it)
		return 1;
	if (salvage->given)
		rocksdb_iter_next(salvage->it);
	else
		rocksdb_iter_seek_to_first(salvage->it);
	if (!rocksdb_iter_valid(salvage->it)) {
		int got = it_failed(salvage) ? pass_damage(salvage) : 1;
		if (salvage->stopped)
			return salvage->stopped;
		if (got)
			return got;
	}
	*ret_key = it_key(salvage);
	ret_val->data = rocksdb_iter_value(salvage->it, &ret_val->len);
	salvage->given = true;
	salvage->last.len = 0;
	return sfs_buf_append(&salvage->last, ret_key->data, ret_key->len);
}

static int get_from(const struct sfsi_salvage *salvage, rocksdb_t *db, struct sfs_span key,
		    struct sfs_buf *ret)
{
	if (!db)
		return SFS_ERR_NOT_FOUND;
	char *text = NULL;
	size_t len = 0;
	char *val = rocksdb_get(db, salvage->kv.get_options, key.data, key.len, &len, &text);
	int err = sfsi_kv_error(text);
	if (!err)
		err = val ? sfs_buf_append(ret, val, len) : SFS_ERR_NOT_FOUND;
	rocksdb_free(val);
	return err;
}

/** By a scan: see kv_list.h. */
static int get_scanning(struct sfsi_salvage *salvage, struct sfs_span key, struct sfs_buf *ret)
{
	if (!salvage->kv.db)
		return SFS_ERR_NOT_FOUND;
	if (!salvage->seeker)
		salvage->seeker = rocksdb_create_iterator(salvage->kv.db, salvage->options);
	char *text = NULL;
	struct sfs_span found = { NULL, 0 };
	rocksdb_iter_seek(salvage->seeker, key.data, key.len);
	if (rocksdb_iter_valid(salvage->seeker))
		found.data = rocksdb_iter_key(salvage->seeker, &found.len);
	else
		rocksdb_iter_get_error(salvage->seeker, &text);
	if (!found.data || !sfs_span_equal(found, key)) {
		int err = sfsi_kv_error(text);
		return err < 0 ? err : SFS_ERR_NOT_FOUND;
	}
	size_t len;
	const char *val = rocksdb_iter_value(salvage->seeker, &len);
	return sfs_buf_append(ret, val, len);
}

int sfsi_salvage_get(struct sfsi_salvage *salvage, struct sfs_span key, struct sfs_buf *ret)
{
	if (salvage->facts.remade)
		return get_scanning(salvage, key, ret);
	return get_from(salvage, salvage->kv.db, key, ret);
}

int sfsi_salvage_get_before_gap(struct sfsi_salvage *salvage, struct sfs_span key,
				struct sfs_buf *ret)
{
	return get_from(salvage, salvage->before, key, ret);
}

bool sfsi_salvage_in_hole(const struct sfsi_salvage *salvage, struct sfs_span key)
{
	for (size_t i = 0; i < salvage->holes_len; i++) {
		const struct sfsi_salvage_hole *hole = &salvage->holes[i];
		bool after = !hole->after.len || is_after(key, sfs_buf_span(&hole->after));
		bool before = !hole->before.len || is_after(sfs_buf_span(&hole->before), key);
		if (after && before)
			return true;
	}
	for (size_t i = 0; i < salvage->facts.tables_len; i++) {
		const struct sfsi_salvage_table *table = &salvage->facts.tables[i];
		if (!is_after(sfs_buf_span(&table->first), key) &&
		    !is_after(key, sfs_buf_span(&table->last)))
			return true;
	}
	return false;
}

/** Behind all keys that begin with the prefix, or one of them. */
static bool is_behind(struct sfs_span key, struct sfs_span prefix)
{
	size_t len = key.len < prefix.len ? key.len : prefix.len;
	return memcmp(key.data, prefix.data, len) >= 0 &&
	       !(len < prefix.len && is_after(prefix, key));
}

bool sfsi_salvage_hole_among(const struct sfsi_salvage *salvage, struct sfs_span prefix)
{
	for (size_t i = 0; i < salvage->holes_len; i++) {
		const struct sfsi_salvage_hole *hole = &salvage->holes[i];
		struct sfs_span after = sfs_buf_span(&hole->after);
		struct sfs_span before = sfs_buf_span(&hole->before);
		size_t len = after.len < prefix.len ? after.len : prefix.len;
		bool begins = !len || memcmp(after.data, prefix.data, len) <= 0;
		if (begins && (!before.len || is_behind(before, prefix)))
			return true;
	}
	for (size_t i = 0; i < salvage->facts.tables_len; i++) {
		struct sfs_span first = sfs_buf_span(&salvage->facts.tables[i].first);
		struct sfs_span last = sfs_buf_span(&salvage->facts.tables[i].last);
		size_t len = first.len < prefix.len ? first.len : prefix.len;
		if ((!len || memcmp(first.data, prefix.data, len) <= 0) &&
		    (!last.len || is_behind(last, prefix)))
			return true;
	}
	return false;
}

bool sfsi_salvage_has_holes(const struct sfsi_salvage *salvage)
{
	return salvage->holes_len > 0 || salvage->facts.tables_len > 0;
}
