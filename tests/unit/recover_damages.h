/*
 * What can happen to the files of a store: the damages of test_recover.c, which has what they need (struct world,
 * files at random places), and the table of them.
 */
#ifndef RECOVER_DAMAGES_H
#define RECOVER_DAMAGES_H

struct files {
	char paths[32][FOLDER_PATH_MAX];
	size_t len;
};

static void add_file(const char *path, void *arg)
{
	struct files *files = arg;
	struct stat st;
	if (files->len < 32 && stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		snprintf(files->paths[files->len++], FOLDER_PATH_MAX, "%s", path);
}

static void add_manifest(const char *path, void *arg)
{
	if (strstr(path, "/MANIFEST-"))
		add_file(path, arg);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool choose(struct world *w, const char *path, const char *end, char ret[FOLDER_PATH_MAX])
{
	struct files files = { .len = 0 };
	char folder[FOLDER_PATH_MAX];
	struct stat st;
	folder_join(folder, path, "db/db");
	/* Another damage may have taken it away. */
	if (stat(folder, &st) < 0 || !S_ISDIR(st.st_mode))
		return false;
	bool manifest = strcmp(end, "MANIFEST") == 0;
	folder_each(folder, manifest ? "" : end, manifest ? add_manifest : add_file, &files);
	if (!files.len)
		return false;
	/* A folder has them in the order of its file system: the same numbers are to be the same damages. */
	qsort(files.paths, files.len, sizeof *files.paths, by_path);
	snprintf(ret, FOLDER_PATH_MAX, "%s", files.paths[next_random(w) % files.len]);
	return true;
}

static void overwrite(const char *path, off_t off, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, off), (ssize_t)len);
	close(fd);
}

/** A byte anywhere in a file. False: another damage has left none. */
static bool flip_file(struct world *w, const char *file)
{
	struct stat st;
	if (stat(file, &st) < 0 || !S_ISREG(st.st_mode) || !st.st_size)
		return false;
	file_flip(file, (off_t)(next_random(w) % (uint64_t)st.st_size));
	return true;
}

static bool flip(struct world *w, const char *path, const char *end)
{
	char file[FOLDER_PATH_MAX];
	if (!choose(w, path, end, file))
		return false;
	return flip_file(w, file);
}

static bool zero(struct world *w, const char *path, const char *end)
{
	static const char zeros[4096];
	char file[FOLDER_PATH_MAX];
	if (!choose(w, path, end, file))
		return false;
	uint64_t size = (uint64_t)file_size(file);
	uint64_t off = next_random(w) % size / 4096 * 4096;
	overwrite(file, (off_t)off, zeros, size - off < 4096 ? size - off : 4096);
	return true;
}

static bool cut(struct world *w, const char *path, const char *end)
{
	char file[FOLDER_PATH_MAX];
	if (!choose(w, path, end, file))
		return false;
	assert_int_equal(truncate(file, (off_t)(next_random(w) % (uint64_t)file_size(file))), 0);
	return true;
}

static bool damage_table_flip(struct world *w, const char *path)
{
	return flip(w, path, ".sst");
}
static bool damage_table_zero(struct world *w, const char *path)
{
	return zero(w, path, ".sst");
}
static bool damage_table_cut(struct world *w, const char *path)
{
	return cut(w, path, ".sst");
}
static bool damage_log_flip(struct world *w, const char *path)
{
	return flip(w, path, ".log");
}
static bool damage_log_zero(struct world *w, const char *path)
{
	return zero(w, path, ".log");
}
static bool damage_log_cut(struct world *w, const char *path)
{
	return cut(w, path, ".log");
}
static bool damage_list_flip(struct world *w, const char *path)
{
	return flip(w, path, "MANIFEST");
}
static bool damage_list_cut(struct world *w, const char *path)
{
	return cut(w, path, "MANIFEST");
}

static bool damage_table_misplaced(struct world *w, const char *path)
{
	char file[FOLDER_PATH_MAX], page[4096];
	if (!choose(w, path, ".sst", file) || file_size(file) < (off_t)3 * 4096)
		return false;
	uint64_t pages = (uint64_t)file_size(file) / 4096;
	uint64_t from = next_random(w) % pages, to = next_random(w) % pages;
	int fd = open(file, O_RDONLY);
	assert_int_equal(pread(fd, page, sizeof page, (off_t)(from * 4096)), sizeof page);
	close(fd);
	overwrite(file, (off_t)(to * 4096), page, sizeof page);
	return from != to;
}

static bool damage_first_block(struct world *w, const char *path)
{
	char file[FOLDER_PATH_MAX];
	if (!choose(w, path, ".sst", file) || file_size(file) <= 60)
		return false;
	file_flip(file, 60);
	return true;
}

static bool damage_table_missing(struct world *w, const char *path)
{
	char file[FOLDER_PATH_MAX];
	return choose(w, path, ".sst", file) && unlink(file) == 0;
}

static bool damage_list_missing(struct world *w, const char *path)
{
	char file[FOLDER_PATH_MAX];
	return choose(w, path, "MANIFEST", file) && unlink(file) == 0;
}

static bool damage_current_flip(struct world *w, const char *path)
{
	char file[FOLDER_PATH_MAX];
	folder_join(file, path, "db/db/CURRENT");
	return flip_file(w, file);
}

static bool unlink_at(const char *path, const char *name)
{
	char file[FOLDER_PATH_MAX];
	folder_join(file, path, name);
	return unlink(file) == 0;
}

static bool damage_current_missing(struct world *w, const char *path)
{
	(void)w;
	return unlink_at(path, "db/db/CURRENT");
}

static bool damage_options(struct world *w, const char *path)
{
	(void)w;
	return try_run("for f in %s/db/db/OPTIONS-*; do echo x > $f; done", path);
}

static bool damage_state_missing(struct world *w, const char *path)
{
	(void)w;
	return unlink_at(path, "db/STATE");
}

static bool damage_state_flip(struct world *w, const char *path)
{
	char file[FOLDER_PATH_MAX];
	folder_join(file, path, "db/STATE");
	/* One of its two copies, in its header: the other one is as good. */
	if (access(file, F_OK) < 0 || file_size(file) < 64)
		return false;
	file_flip(file, (off_t)(next_random(w) % 40));
	return true;
}

static bool damage_file_missing(struct world *w, const char *path)
{
	(void)w;
	return unlink_at(path, "storefs.json");
}

static bool damage_file_flip(struct world *w, const char *path)
{
	char file[FOLDER_PATH_MAX];
	folder_join(file, path, "storefs.json");
	return flip_file(w, file);
}

static void raw_path(struct world *w, const char *path, char ret[FOLDER_PATH_MAX])
{
	uint64_t serial = w->raws[next_random(w) % RAWS].ino & (((uint64_t)1 << 36) - 1);
	assert_true(snprintf(ret, FOLDER_PATH_MAX, "%s/raw/%06x/%07" PRIx64 "/%09" PRIx64, path,
			     w->images, serial >> 10, serial) < FOLDER_PATH_MAX);
}

static bool damage_raw_missing(struct world *w, const char *path)
{
	char file[FOLDER_PATH_MAX];
	raw_path(w, path, file);
	return unlink(file) == 0;
}

static bool damage_two_tables(struct world *w, const char *path)
{
	return damage_table_flip(w, path) && damage_table_zero(w, path);
}

static bool damage_table_and_list(struct world *w, const char *path)
{
	return damage_table_missing(w, path) && damage_list_cut(w, path);
}

#include "recover_oddities.h"

static const struct kind kinds[] = {
	{ "table: bit", "clean", damage_table_flip, NULL, false },
	{ "table: zeroed page", "clean", damage_table_zero, NULL, false },
	{ "table: misplaced page", "clean", damage_table_misplaced, NULL, false },
	{ "table: cut", "clean", damage_table_cut, NULL, false },
	{ "table: first block", "clean", damage_first_block, NULL, false },
	{ "table: missing", "clean", damage_table_missing, NULL, false },
	{ "two tables", "clean", damage_two_tables, NULL, false },
	{ "table, killed store: bit", "killed", damage_table_flip, NULL, false },
	{ "table, killed store: missing", "killed", damage_table_missing, NULL, false },
	{ "log: bit", "killed", damage_log_flip, NULL, false },
	{ "log: zeroed page", "killed", damage_log_zero, NULL, false },
	{ "log: cut", "killed", damage_log_cut, NULL, false },
	{ "MANIFEST: bit", "clean", damage_list_flip, NULL, false },
	{ "MANIFEST: cut", "clean", damage_list_cut, NULL, false },
	{ "MANIFEST: missing", "clean", damage_list_missing, NULL, false },
	{ "MANIFEST, killed store: cut", "killed", damage_list_cut, NULL, false },
	{ "MANIFEST and a table", "clean", damage_table_and_list, NULL, false },
	{ "CURRENT: bit", "clean", damage_current_flip, NULL, false },
	{ "CURRENT: missing", "clean", damage_current_missing, NULL, false },
	{ "OPTIONS", "clean", damage_options, NULL, false },
	{ "STATE: bit", "clean", damage_state_flip, NULL, false },
	{ "STATE: missing", "clean", damage_state_missing, NULL, false },
	{ "storefs.json: bit", "clean", damage_file_flip, NULL, false },
	{ "storefs.json: missing", "clean", damage_file_missing, NULL, false },
	{ "plain file: missing", "clean", damage_raw_missing, NULL, false },
	{ "table: empty", "clean", damage_empty, ".sst", false },
	{ "table: a folder", "clean", damage_folder, ".sst", false },
	{ "table: leads nowhere", "clean", damage_dangling, ".sst", false },
	{ "tables: swapped", "clean", damage_tables_swapped, NULL, false },
	{ "table: is another one", "clean", damage_table_of_another, NULL, false },
	{ "table: page of another", "clean", damage_table_foreign_page, NULL, false },
	{ "table: older one", "clean", damage_table_older, NULL, false },
	{ "table, killed store: older one", "killed", damage_table_older, NULL, false },
	{ "log: empty", "killed", damage_empty, ".log", false },
	{ "log: a folder", "killed", damage_folder, ".log", false },
	{ "log: leads nowhere", "killed", damage_dangling, ".log", false },
	{ "MANIFEST: empty", "clean", damage_empty, "MANIFEST", false },
	{ "MANIFEST: a folder", "clean", damage_folder, "MANIFEST", false },
	{ "MANIFEST: leads nowhere", "clean", damage_dangling, "MANIFEST", false },
	{ "MANIFEST and CURRENT: older", "clean", damage_list_older, NULL, false },
	{ "MANIFEST and CURRENT: older", "killed", damage_list_older, NULL, false },
	{ "MANIFEST: older bytes", "clean", damage_list_of_then, NULL, false },
	{ "MANIFEST: older bytes", "killed", damage_list_of_then, NULL, false },
	{ "CURRENT: older", "clean", damage_current_older, NULL, false },
	{ "CURRENT: empty", "clean", damage_empty, "db/db/CURRENT", false },
	{ "CURRENT: a folder", "clean", damage_folder, "db/db/CURRENT", false },
	{ "CURRENT: leads nowhere", "clean", damage_dangling, "db/db/CURRENT", false },
	{ "STATE: empty", "clean", damage_empty, "db/STATE", false },
	{ "STATE: a folder", "clean", damage_folder, "db/STATE", false },
	{ "STATE: leads nowhere", "clean", damage_dangling, "db/STATE", false },
	{ "storefs.json: empty", "clean", damage_empty, "storefs.json", false },
	{ "storefs.json: a folder", "clean", damage_folder, "storefs.json", false },
	{ "storefs.json: leads nowhere", "clean", damage_dangling, "storefs.json", false },
	{ "storefs.json: no text", "clean", damage_text, "storefs.json", false },
	{ "storefs.json: another store's", "clean", damage_file_of_another, NULL, false },
	{ "settings: no text", "clean", damage_text, "settings", false },
	{ "schedule: no text", "clean", damage_text, "schedule", false },
	{ "note of damage: a folder", "clean", damage_note, NULL, false },
	{ "db: missing", "clean", damage_db_missing, NULL, true },
	{ "db: a file", "clean", damage_db_is_file, NULL, true },
	{ "raws: folder missing", "clean", damage_raws_missing, NULL, false },
	{ "raws: missing, backup too", "clean", damage_raws_and_backup, NULL, false },
	{ "plain file: a folder", "clean", damage_raw_folder, NULL, false },
	{ "plain file: leads nowhere", "clean", damage_raw_dangling, NULL, false },
	{ "table and plain file", "clean", damage_table_and_raw, NULL, false },
	{ "table and CURRENT", "clean", damage_table_and_current, NULL, false },
	{ "STATE and log", "killed", damage_state_and_log, NULL, false },
	{ "MANIFEST: older, and log", "killed", damage_list_older_and_log, NULL, false },
	{ "table and backup", "clean", damage_backup_too, NULL, false },
};
#define KINDS (sizeof kinds / sizeof *kinds)

#endif
