/*
 * Texts of .storefs: README for a person, status as JSON, metrics as OpenMetrics.
 */
#include <storefs/database.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <unistd.h>
#include "backing.h"
#include "loop.h"
#include "meta_private.h"
#include "notify.h"
#include "wire.h"

static const char readme[] =
	"This folder is a storefs store.\n"
	"\n"
	"Each directory next to this one is a class. A class of objects holds one\n"
	"document for each object:\n"
	"\n"
	"  CLASS/42.json       the object 42 as JSON; read it, edit it, copy it, remove it\n"
	"  CLASS/42.msgpack    the same object as msgpack (not listed, but there)\n"
	"\n"
	"Saving a document saves the object. A text that is no valid document is refused\n"
	"when the file is closed (\"Bad message\"), and the object stays as it was. Readers\n"
	"always see one whole saved version. Other files in a class's directory (editors'\n"
	"temporary files, say) are kept as they are and are not objects. A class of raw\n"
	"data holds files and directories of any kind; their extended attributes user.*\n"
	"are their metadata.\n"
	"\n"
	"  CLASS/42/           its properties, a file each, and relations, symlinks: to be read\n"
	"                      and changed (not listed, but there)\n"
	"  CLASS/by/INDEX/KEY/ the objects that have a key, as links to them (not listed, but\n"
	"                      there). INDEX.ge, .gt, .le, .lt, .ne, .prefix, .in and .missing\n"
	"                      compare; by/, sort/INDEX/, sort/-INDEX/, limit/N/ and offset/N/\n"
	"                      can follow\n"
	"  .count .oids .jsonl .csv    how many, and all of them as one file: in each such\n"
	"                      directory and in CLASS (not listed, but there). Lines that are\n"
	"                      written into CLASS/.jsonl are saved as objects\n"
	"  mkdir CLASS         makes a class of objects\n"
	"  rmdir CLASS         removes an empty class\n"
	"  CLASS/.new          writing it makes an object under a new oid; reading it\n"
	"                      gives the name of the last one that you made\n"
	"\n"
	"In this directory, which is not listed in the root:\n"
	"\n"
	"  status              what is mounted and how it is doing, as JSON\n"
	"  metrics             the same figures for a monitoring system (OpenMetrics)\n"
	"  schema/CLASS.json   the definition of a class: its properties, their types, its\n"
	"                      relations; writing it changes the class, a new file makes\n"
	"                      one: { \"kind\": \"object\" } or { \"kind\": \"raw\" }\n"
	"  schema/CLASS.schema.json  the same as JSON Schema, for editors\n"
	"  export/0|1|2/CLASS/42.json    the object for other programs (not listed, but there):\n"
	"                      oid, type and update times; 1: all of it; 2: with what its\n"
	"                      relations lead to\n"
	"  meta/CLASS/a.jpg.json         all metadata of a raw as one document; writing it\n"
	"                      replaces them (not listed, but there)\n"
	"  databases/NAME.mpack          a database as the one file that it is, and NAME/ with\n"
	"                      its backups (not listed, but there)\n"
	"  history/CLASS/42/TIME.json    earlier versions of object 42, also when it is gone\n"
	"                      (not listed above 42, but there); copy one back to restore it\n"
	"  rejected/CLASS/42.json        a text that a save of object 42 refused; it goes with\n"
	"                      the next good save. Copy it, correct it, and copy it back\n"
	"  rejected/CLASS/42.json.error  why it was refused\n"
	"  backups/TIME/       the whole store as it was when that backup was taken, read-only;\n"
	"                      backups/latest is the last one (not listed, but there).\n"
	"                      CLASS/.at/-2h/42.json is the object as it was two hours ago: any\n"
	"                      time will do, also 2026-11-22 or yesterday\n"
	"  trash/CLASS/TIME/42.json      what was removed; mv it back into CLASS, and it is there\n"
	"                      again with everything that it had (not listed, but there)\n"
	"  diff/A..B/          what was added, removed and changed between two of them, as links: A\n"
	"                      and B are names, times, latest or now (not listed, but there)\n"
	"  errors.ndjson       the last refused operations, a line each; for one file:\n"
	"                      storefs why PATH\n"
	"\n"
	"Reading never changes anything. After close a crash of the daemon loses nothing;\n"
	"after fsync a power cut loses nothing.\n";

int fs_text_readme(struct fs *fs, struct sfs_buf *ret)
{
	(void)fs;
	return sfs_buf_append(ret, readme, sizeof readme - 1);
}

/* --- JSON --- */

/** Append a JSON string; bytes that are no ASCII text are shown as they are when they can be. */
static int put_string(struct sfs_buf *ret, const char *text)
{
	int err = sfs_buf_append(ret, "\"", 1);
	for (; *text && !err; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			err = sfs_buf_printf(ret, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			err = sfs_buf_printf(ret, "\\u%04x", c);
		else
			err = sfs_buf_append(ret, text, 1);
	}
	return err ? err : sfs_buf_append(ret, "\"", 1);
}

static int put_text(struct sfs_buf *ret, const char *key, const char *value)
{
	int err = sfs_buf_printf(ret, "  \"%s\": ", key);
	if (!err)
		err = put_string(ret, value);
	return err ? err : sfs_buf_append(ret, ",\n", 2);
}

static int put_number(struct sfs_buf *ret, const char *key, uint64_t value)
{
	return sfs_buf_printf(ret, "  \"%s\": %llu,\n", key, (unsigned long long)value);
}

static const struct {
	unsigned bit;
	const char *name;
} capabilities[] = {
	{ FUSE_CAP_AUTO_INVAL_DATA, "auto_inval_data" },
	{ FUSE_CAP_ATOMIC_O_TRUNC, "atomic_o_trunc" },
	{ FUSE_CAP_PARALLEL_DIROPS, "parallel_dirops" },
	{ FUSE_CAP_CACHE_SYMLINKS, "cache_symlinks" },
	{ FUSE_CAP_READDIRPLUS, "readdirplus" },
	{ FUSE_CAP_READDIRPLUS_AUTO, "readdirplus_auto" },
	{ FUSE_CAP_SPLICE_WRITE, "splice_write" },
};

/** The same of what wire.c negotiates. */
static const struct {
	unsigned bit;
	const char *name;
} features[] = {
	{ FS_FEATURE_KILLPRIV, "handle_killpriv_v2" },
	{ FS_FEATURE_PASS, "passthrough" },
};

static int put_capabilities(struct fs *fs, struct sfs_buf *ret)
{
	unsigned have = atomic_load(&fs->capabilities);
	const char *comma = "";
	int err = sfs_buf_printf(ret, "  \"capabilities\": [");
	for (size_t i = 0; i < sizeof capabilities / sizeof capabilities[0] && !err; i++) {
		if (!(have & capabilities[i].bit))
			continue;
		err = sfs_buf_printf(ret, "%s\"%s\"", comma, capabilities[i].name);
		comma = ", ";
	}
	for (size_t i = 0; i < sizeof features / sizeof features[0] && !err; i++) {
		if (!(atomic_load(&fs->features) & features[i].bit))
			continue;
		err = sfs_buf_printf(ret, "%s\"%s\"", comma, features[i].name);
		comma = ", ";
	}
	return err ? err : sfs_buf_printf(ret, "],\n");
}

static int put_raw_io(struct fs *fs, struct sfs_buf *ret)
{
	const char *why;
	bool used = fs_backing_is_used(fs, &why);
	int err = put_text(ret, "raw_io", used ? "pass-through" : "daemon");
	return err ? err : put_text(ret, "raw_io_reason", why);
}

static const char *const request_names[] = {
#define X(id, name) [FS_REQUEST_##id] = name,
	FS_REQUESTS(X)
#undef X
};

static int put_requests(struct fs *fs, struct sfs_buf *ret)
{
	int err = sfs_buf_printf(ret, "  \"requests\": {\n");
	for (int i = 0; i < FS_REQUEST_COUNT && !err; i++)
		err = sfs_buf_printf(ret, "    \"%s\": %llu%s\n", request_names[i],
				     (unsigned long long)atomic_load(&fs->requests[i]),
				     i + 1 < FS_REQUEST_COUNT ? "," : "");
	return err ? err : sfs_buf_printf(ret, "  },\n");
}

static int put_mount(struct fs *fs, struct sfs_buf *ret)
{
	struct fs_loop_stat loop = { 0, 0 };
	if (fs->loop)
		fs_loop_stats(fs->loop, &loop);
	int err = put_text(ret, "version", sfs_version());
	if (!err)
		err = put_text(ret, "store", sfs_store_path(fs->store));
	if (!err)
		err = put_text(ret, "mountpoint", fs->options->mountpoint);
	if (!err)
		err = sfs_buf_printf(ret,
				     "  \"owner\": { \"pid\": %ld, \"uid\": %u, \"gid\": %u },\n"
				     "  \"documents\": \"%s\",\n"
				     "  \"transport\": { \"kind\": \"loop\", \"slots\": %u, "
				     "\"threads\": %u },\n",
				     (long)getpid(), fs->uid, fs->gid,
				     fs->options->format == SFS_FORMAT_MSGPACK ? "msgpack" : "json",
				     loop.slots, loop.threads);
	return err;
}

struct figure {
	const char *key; /* in status; in metrics as storefs_KEY */
	const char *help;
	const char *type; /* of OpenMetrics */
	uint64_t value;
};

#define FIGURES 20

/** All figures, once for both forms. Returns how many. */
static size_t figures(struct fs *fs, const struct sfs_store_stat *stat, struct figure ret[FIGURES])
{
	const struct figure all[] = {
		{ "classes", "Classes of the store", "gauge", stat->classes },
		{ "objects", "Objects of all classes", "gauge", stat->objects },
		{ "raws", "Raw files of all classes", "gauge", stat->raws },
		{ "scratch", "Scratch files of all classes", "gauge", stat->scratch },
		{ "refused_texts", "Refused texts that are kept", "gauge", stat->refused_texts },
		{ "trashed", "Removed objects and raws that are kept", "gauge", stat->trashed },
		{ "trash_bytes", "Their bytes", "gauge", stat->trash_bytes },
		{ "commit", "Number of the last commit", "gauge", stat->commit },
		{ "commit_synced", "Last commit known to be on disk", "gauge",
		  stat->commit_synced },
		{ "commits", "Commits since the store was opened", "counter", stat->commits },
		{ "syncs", "Syncs since the store was opened", "counter", stat->syncs },
		{ "saves", "Documents saved through the mount", "counter",
		  atomic_load(&fs->saves) },
		{ "refused", "Documents refused through the mount", "counter",
		  atomic_load(&fs->refused) },
		{ "cache_bytes", "Bytes in the cache of documents", "gauge", stat->cache_bytes },
		{ "cache_hits", "Reads served from the cache", "counter", stat->cache_hits },
		{ "cache_misses", "Reads not served from the cache", "counter",
		  stat->cache_misses },
		{ "backend_bytes", "Bytes that the backend keeps", "gauge", stat->backend_bytes },
		{ "notifications", "Cache invalidations sent to the kernel", "counter",
		  fs_notify_count(fs) },
		{ "passed_opens", "Opens of raws that the kernel serves itself", "counter",
		  fs_backing_count(fs) },
		{ "uptime_seconds", "Time since the mount", "gauge",
		  (uint64_t)((fs_now_ns() - fs->started_ns) / 1000000000) },
	};
	size_t count = sizeof all / sizeof all[0];
	memcpy(ret, all, sizeof all);
	return count;
}

static int put_member(struct sfs_buf *ret, const char *key, const char *value)
{
	if (!*value)
		return 0;
	int err = sfs_buf_printf(ret, ", \"%s\": ", key);
	return err ? err : put_string(ret, value);
}

/** Databases that have something to say; nothing in a store without any. */
static int put_databases(struct fs *fs, struct sfs_buf *ret)
{
	struct sfs_class_info class = { .id = 0 };
	struct sfs_database_info info;
	const char *before = "  \"databases\": [";
	int err = 0;
	while (!err && sfs_class_next(fs->store, class.id, &class) == 0) {
		if (!class.database || sfs_database_get(fs->store, class.id, &info) < 0)
			continue;
		err = sfs_buf_printf(ret, "%s\n    { \"name\": ", before);
		if (!err)
			err = put_string(ret, class.name);
		if (!err)
			err = sfs_buf_printf(ret, ", \"changed\": %s",
					     info.changed ? "true" : "false");
		if (!err)
			err = put_member(ret, "error", info.why);
		if (!err)
			err = put_member(ret, "recovered_from", info.recovered_from);
		if (!err)
			err = put_member(ret, "conflict", info.conflict);
		if (!err)
			err = sfs_buf_printf(ret, " }");
		before = ",";
	}
	return !err && *before == ',' ? sfs_buf_printf(ret, "\n  ],\n") : err;
}

int fs_text_status(struct fs *fs, struct sfs_buf *ret)
{
	struct sfs_store_stat stat;
	struct figure list[FIGURES];
	int err = sfs_store_stat(fs->store, &stat);
	if (err < 0)
		return err;
	size_t count = figures(fs, &stat, list);
	err = sfs_buf_printf(ret, "{\n");
	if (!err)
		err = put_mount(fs, ret);
	if (!err)
		err = put_text(ret, "backend", stat.backend);
	if (!err)
		err = put_text(ret, "uuid", stat.uuid);
	if (!err)
		err = put_number(ret, "format", stat.format);
	if (!err)
		err = sfs_buf_printf(ret, "  \"read_only\": %s,\n",
				     stat.read_only ? "true" : "false");
	if (!err)
		err = put_capabilities(fs, ret);
	if (!err)
		err = put_raw_io(fs, ret);
	if (!err)
		err = put_requests(fs, ret);
	if (!err)
		err = put_databases(fs, ret);
	for (size_t i = 0; i + 1 < count && !err; i++)
		err = put_number(ret, list[i].key, list[i].value);
	if (!err)
		err = sfs_buf_printf(ret, "  \"%s\": %llu\n}\n", list[count - 1].key,
				     (unsigned long long)list[count - 1].value);
	return err;
}

/* --- OpenMetrics --- */

static int put_metric(struct sfs_buf *ret, const struct figure *figure)
{
	const char *suffix = strcmp(figure->type, "counter") == 0 ? "_total" : "";
	return sfs_buf_printf(ret,
			      "# TYPE storefs_%s %s\n# HELP storefs_%s %s.\nstorefs_%s%s %llu\n",
			      figure->key, figure->type, figure->key, figure->help, figure->key,
			      suffix, (unsigned long long)figure->value);
}

int fs_text_metrics(struct fs *fs, struct sfs_buf *ret)
{
	struct sfs_store_stat stat;
	struct figure list[FIGURES];
	int err = sfs_store_stat(fs->store, &stat);
	if (err < 0)
		return err;
	size_t count = figures(fs, &stat, list);
	for (size_t i = 0; i < count && !err; i++)
		err = put_metric(ret, &list[i]);
	if (!err)
		err = sfs_buf_printf(ret,
				     "# TYPE storefs_requests counter\n"
				     "# HELP storefs_requests Requests of the kernel by kind.\n");
	for (int i = 0; i < FS_REQUEST_COUNT && !err; i++)
		err = sfs_buf_printf(ret, "storefs_requests_total{kind=\"%s\"} %llu\n",
				     request_names[i],
				     (unsigned long long)atomic_load(&fs->requests[i]));
	return err ? err : sfs_buf_printf(ret, "# EOF\n");
}
