/*
 * More that can happen to the files of a store (recover_damages.h): what is there is a file, but not the one that it was:
 * an empty one, an older one, that of another place or of another store; or it is no file.
 */
#ifndef RECOVER_ODDITIES_H
#define RECOVER_ODDITIES_H

/** The file that a kind of damage is about: a name, or the ending of some in db/db. False: there is none. */
static bool place(struct world *w, const char *path, char ret[FOLDER_PATH_MAX])
{
	if (strchr(w->place, '/') || strcmp(w->place, "storefs.json") == 0) {
		folder_join(ret, path, w->place);
		return true;
	}
	return choose(w, path, w->place, ret);
}

static bool damage_empty(struct world *w, const char *path)
{
	char file[FOLDER_PATH_MAX];
	return place(w, path, file) && truncate(file, 0) == 0;
}

static bool damage_folder(struct world *w, const char *path)
{
	char file[FOLDER_PATH_MAX];
	return place(w, path, file) && unlink(file) == 0 && mkdir(file, 0700) == 0;
}

static bool damage_dangling(struct world *w, const char *path)
{
	char file[FOLDER_PATH_MAX];
	return place(w, path, file) && unlink(file) == 0 && symlink("nowhere", file) == 0;
}

static bool damage_text(struct world *w, const char *path)
{
	static const char text[] = "{\"\xff\xfe: \n";
	char file[FOLDER_PATH_MAX];
	folder_join(file, path, w->place);
	FILE *out = fopen(file, "w");
	return out && fputs(text, out) >= 0 && fclose(out) == 0;
}

/** Two files, not the same one. */
static bool choose_two(struct world *w, const char *path, char one[FOLDER_PATH_MAX],
		       char other[FOLDER_PATH_MAX])
{
	for (int i = 0; i < 50; i++)
		if (!choose(w, path, ".sst", one) || !choose(w, path, ".sst", other))
			return false;
		else if (strcmp(one, other) != 0)
			return true;
	return false;
}

static bool damage_tables_swapped(struct world *w, const char *path)
{
	char one[FOLDER_PATH_MAX], other[FOLDER_PATH_MAX];
	return choose_two(w, path, one, other) &&
	       renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) == 0;
}

static bool damage_table_of_another(struct world *w, const char *path)
{
	char one[FOLDER_PATH_MAX], other[FOLDER_PATH_MAX];
	if (!choose_two(w, path, one, other))
		return false;
	return try_run("rm %s && cp %s %s", one, other, one);
}

/** A page of one table in another one. */
static bool damage_table_foreign_page(struct world *w, const char *path)
{
	char one[FOLDER_PATH_MAX], other[FOLDER_PATH_MAX], page[4096];
	if (!choose_two(w, path, one, other) || file_size(one) < 4096 || file_size(other) < 4096)
		return false;
	int fd = open(one, O_RDONLY);
	uint64_t from = next_random(w) % ((uint64_t)file_size(one) / 4096);
	uint64_t to = next_random(w) % ((uint64_t)file_size(other) / 4096);
	assert_int_equal(pread(fd, page, sizeof page, (off_t)(from * 4096)), sizeof page);
	close(fd);
	overwrite(other, (off_t)(to * 4096), page, sizeof page);
	return true;
}

/** A table is one that the store had when the backup was taken. */
static bool damage_table_older(struct world *w, const char *path)
{
	char file[FOLDER_PATH_MAX], old[FOLDER_PATH_MAX], from[FOLDER_PATH_MAX];
	folder_join(old, w->folder, "old");
	if (!choose(w, path, ".sst", file) || !choose(w, old, ".sst", from))
		return false;
	return try_run("rm %s && cp %s %s", file, from, file);
}

/** The list of tables as it was then, under its name of then; CURRENT names it, as a copy of that time does. */
static bool damage_list_older(struct world *w, const char *path)
{
	return try_run("cp %s/old/db/db/MANIFEST-* %s/old/db/db/CURRENT %s/db/db", w->folder,
		       w->folder, path);
}

/** The bytes of then in the list of now. */
static bool damage_list_of_then(struct world *w, const char *path)
{
	return try_run("cat %s/old/db/db/MANIFEST-* > $(ls %s/db/db/MANIFEST-* | tail -n 1)",
		       w->folder, path);
}

static bool damage_current_older(struct world *w, const char *path)
{
	return try_run("cp %s/old/db/db/CURRENT %s/db/db", w->folder, path);
}

static bool damage_file_of_another(struct world *w, const char *path)
{
	(void)w;
	return try_run("cp %s/other/storefs.json %s", w->folder, path);
}

static bool damage_db_missing(struct world *w, const char *path)
{
	(void)w;
	return try_run("rm -r %s/db/db", path);
}

static bool damage_db_is_file(struct world *w, const char *path)
{
	(void)w;
	return try_run("rm -r %s/db/db && echo > %s/db/db", path, path);
}

static bool damage_raws_missing(struct world *w, const char *path)
{
	(void)w;
	return try_run("rm -r %s/raw", path);
}

static bool damage_raw_folder(struct world *w, const char *path)
{
	char file[FOLDER_PATH_MAX];
	raw_path(w, path, file);
	return unlink(file) == 0 && mkdir(file, 0700) == 0;
}

static bool damage_raw_dangling(struct world *w, const char *path)
{
	char file[FOLDER_PATH_MAX];
	raw_path(w, path, file);
	return unlink(file) == 0 && symlink("nowhere", file) == 0;
}

/** The note that a store is damaged, which it is not, is no note. */
static bool damage_note(struct world *w, const char *path)
{
	(void)w;
	return try_run("mkdir %s/damage && echo x > %s/damage/x", path, path);
}

/** The backup is damaged, and a table too. */
static bool damage_backup_too(struct world *w, const char *path)
{
	bool there = damage_table_missing(w, path);
	return try_run("f=$(ls %s/backups/pool/* 2>/dev/null | head -n 1); [ -z \"$f\" ] || "
		       "truncate -s 100 $f",
		       path) &&
	       there;
}

/** The raws are gone, and those in the backup have another byte. */
static bool damage_raws_and_backup(struct world *w, const char *path)
{
	return try_run("cd %s && find backups -path '*/raw/*' -type f -exec sed -i 's/a/b/g' {} +",
		       path) &&
	       damage_raws_missing(w, path);
}

static bool damage_table_and_raw(struct world *w, const char *path)
{
	return damage_table_zero(w, path) && damage_raw_missing(w, path);
}

static bool damage_table_and_current(struct world *w, const char *path)
{
	return damage_table_zero(w, path) && damage_current_flip(w, path);
}

static bool damage_list_older_and_log(struct world *w, const char *path)
{
	return damage_list_older(w, path) && damage_log_flip(w, path);
}

static bool damage_state_and_log(struct world *w, const char *path)
{
	return damage_state_missing(w, path) && damage_log_cut(w, path);
}

#endif
