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
	if (files->len < 32 && file_size(path) > 0)
		snprintf(files->paths[files->len++], FOLDER_PATH_MAX, "%s", path);
}

static void add_manifest(const char *path, void *arg)
{
	if (strstr(path, "/MANIFEST-"))
		add_file(path, arg);
}

static bool choose(struct world *w, const char *path, const char *end, char ret[FOLDER_PATH_MAX])
{
	struct files files = { .len = 0 };
	char folder[FOLDER_PATH_MAX];
	folder_join(folder, path, "db/db");
	bool manifest = strcmp(end, "MANIFEST") == 0;
	folder_each(folder, manifest ? "" : end, manifest ? add_manifest : add_file, &files);
	if (!files.len)
		return false;
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

static bool flip(struct world *w, const char *path, const char *end)
{
	char file[FOLDER_PATH_MAX];
	if (!choose(w, path, end, file))
		return false;
	file_flip(file, (off_t)(next_random(w) % (uint64_t)file_size(file)));
	return true;
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
	if (!choose(w, path, ".sst", file))
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
	file_flip(file, (off_t)(next_random(w) % (uint64_t)file_size(file)));
	return true;
}

static bool unlink_at(const char *path, const char *name)
{
	char file[FOLDER_PATH_MAX];
	folder_join(file, path, name);
	assert_int_equal(unlink(file), 0);
	return true;
}

static bool damage_current_missing(struct world *w, const char *path)
{
	(void)w;
	return unlink_at(path, "db/db/CURRENT");
}

static bool damage_options(struct world *w, const char *path)
{
	(void)w;
	run("for f in %s/db/db/OPTIONS-*; do echo x > $f; done", path);
	return true;
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
	file_flip(file, (off_t)(next_random(w) % (uint64_t)file_size(file)));
	return true;
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
	assert_int_equal(unlink(file), 0);
	return true;
}

static bool damage_two_tables(struct world *w, const char *path)
{
	return damage_table_flip(w, path) && damage_table_zero(w, path);
}

static bool damage_table_and_list(struct world *w, const char *path)
{
	return damage_table_missing(w, path) && damage_list_cut(w, path);
}

static const struct kind {
	const char *name;
	const char *image;
	damage_fn *damage;
} kinds[] = {
	{ "table: bit", "clean", damage_table_flip },
	{ "table: zeroed page", "clean", damage_table_zero },
	{ "table: misplaced page", "clean", damage_table_misplaced },
	{ "table: cut", "clean", damage_table_cut },
	{ "table: first block", "clean", damage_first_block },
	{ "table: missing", "clean", damage_table_missing },
	{ "two tables", "clean", damage_two_tables },
	{ "table, killed store: bit", "killed", damage_table_flip },
	{ "table, killed store: missing", "killed", damage_table_missing },
	{ "log: bit", "killed", damage_log_flip },
	{ "log: zeroed page", "killed", damage_log_zero },
	{ "log: cut", "killed", damage_log_cut },
	{ "MANIFEST: bit", "clean", damage_list_flip },
	{ "MANIFEST: cut", "clean", damage_list_cut },
	{ "MANIFEST: missing", "clean", damage_list_missing },
	{ "MANIFEST, killed store: cut", "killed", damage_list_cut },
	{ "MANIFEST and a table", "clean", damage_table_and_list },
	{ "CURRENT: bit", "clean", damage_current_flip },
	{ "CURRENT: missing", "clean", damage_current_missing },
	{ "OPTIONS", "clean", damage_options },
	{ "STATE: bit", "clean", damage_state_flip },
	{ "STATE: missing", "clean", damage_state_missing },
	{ "storefs.json: bit", "clean", damage_file_flip },
	{ "storefs.json: missing", "clean", damage_file_missing },
	{ "plain file: missing", "clean", damage_raw_missing },
};
#define KINDS (sizeof kinds / sizeof *kinds)

#endif
