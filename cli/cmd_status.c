/* storefs status: figures of a store, its classes, who has it. */
#include <inttypes.h>
#include <unistd.h>
#include "fs.h"
#include "json.h"
#include "mounts.h"
#include "target.h"
#include "verbs.h"

/* Everything that is shown. */
struct status {
	const char *path;
	struct sfs_store_stat stat;
	struct sfs_store_owner owner; /* pid 0: nobody but this command */
	struct cli_mounts mounts;
	bool passes;     /* raws are read and written by the kernel itself */
	const char *why; /* … or not; NULL: there is no mount */
};

static int gather(struct cli_ctx *ctx, struct status *ret)
{
	*ret = (struct status){ .path = sfs_store_path(ctx->store) };
	int err = sfs_store_stat(ctx->store, &ret->stat);
	if (err < 0)
		return err;
	/* Without a mount this command itself is the owner, which tells nobody anything. A read-only
	 * daemon leaves no note; but this code runs in it. */
	if (ctx->served &&
	    (sfs_store_owner(ret->path, &ret->owner, NULL) < 0 || ret->owner.pid < 0))
		ret->owner = (struct sfs_store_owner){ .pid = getpid() };
	ret->passes = fs_raw_io(&ret->why);
	return cli_mounts_get(&ret->mounts);
}

static bool is_mounted(const struct status *status, size_t index)
{
	const struct cli_mount *mount = &status->mounts.items[index];
	return mount->store && strcmp(mount->store, status->path) == 0;
}

static void put_owner_json(struct cli_json *json, const struct status *status)
{
	if (status->owner.pid == 0) {
		cli_json_null(json, "owner");
	} else {
		cli_json_open(json, "owner", '{');
		cli_json_number(json, "pid", (uint64_t)status->owner.pid);
		cli_json_time(json, "since", status->owner.since_ns);
		cli_json_string(json, "note", status->owner.note);
		cli_json_close(json, '}');
	}
	cli_json_open(json, "mounts", '[');
	for (size_t i = 0; i < status->mounts.count; i++)
		if (is_mounted(status, i))
			cli_json_bytes(json, NULL, sfs_span_str(status->mounts.items[i].place));
	cli_json_close(json, ']');
	if (!status->why)
		return;
	cli_json_open(json, "raw_io", '{');
	cli_json_string(json, "way", status->passes ? "pass-through" : "daemon");
	cli_json_string(json, "reason", status->why);
	cli_json_close(json, '}');
}

static void put_figures_json(struct cli_json *json, const struct sfs_store_stat *stat)
{
	cli_json_number(json, "objects", stat->objects);
	cli_json_number(json, "raws", stat->raws);
	cli_json_number(json, "scratch", stat->scratch);
	cli_json_number(json, "refused_texts", stat->refused_texts);
	cli_json_number(json, "trashed", stat->trashed);
	cli_json_number(json, "trash_bytes", stat->trash_bytes);
	cli_json_number(json, "commit", stat->commit);
	cli_json_number(json, "commit_synced", stat->commit_synced);
	cli_json_number(json, "commits", stat->commits);
	cli_json_number(json, "syncs", stat->syncs);
	cli_json_number(json, "backend_bytes", stat->backend_bytes);
	if (stat->mirror) {
		cli_json_open(json, "mirror", '{');
		cli_json_bytes(json, "path", sfs_span_str(stat->mirror));
		cli_json_bool(json, "behind", stat->mirror_behind);
		cli_json_string(json, "why", stat->mirror_why);
		cli_json_close(json, '}');
	}
	cli_json_open(json, "cache", '{');
	cli_json_number(json, "bytes", stat->cache_bytes);
	cli_json_number(json, "hits", stat->cache_hits);
	cli_json_number(json, "misses", stat->cache_misses);
	cli_json_close(json, '}');
	cli_json_open(json, "disk", '{');
	cli_json_number(json, "total", stat->fs_total);
	cli_json_number(json, "free", stat->fs_free);
	cli_json_number(json, "available", stat->fs_avail);
	cli_json_close(json, '}');
}

static void put_json(struct cli_ctx *ctx, const struct status *status)
{
	struct cli_json json;
	struct sfs_class_info class = { 0 };
	cli_json_init(&json, ctx->out);
	cli_json_open(&json, NULL, '{');
	cli_json_bytes(&json, "store", sfs_span_str(status->path));
	cli_json_string(&json, "uuid", status->stat.uuid);
	cli_json_number(&json, "format", status->stat.format);
	cli_json_string(&json, "backend", status->stat.backend);
	/* A command that only reads opens a store that way: it says nothing about the store. */
	if (ctx->served)
		cli_json_bool(&json, "read_only", status->stat.read_only);
	if (status->stat.damaged)
		cli_json_bool(&json, "damaged", true);
	put_owner_json(&json, status);
	cli_json_open(&json, "classes", '[');
	while (sfs_class_next(ctx->store, class.id, &class) == 0) {
		cli_json_open(&json, NULL, '{');
		cli_json_string(&json, "name", class.name);
		cli_json_string(&json, "kind", cli_kind_text(class.kind));
		cli_json_number(&json, "objects", class.objects);
		cli_json_number(&json, "files", class.files);
		cli_json_number(&json, "refused_texts", class.refused);
		cli_json_close(&json, '}');
	}
	cli_json_close(&json, ']');
	put_figures_json(&json, &status->stat);
	cli_json_close(&json, '}');
	cli_json_end(&json);
}

static void put_bytes(FILE *out, const char *what, uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double value = (double)bytes;
	size_t unit = 0;
	for (; value >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
		value /= 1024;
	fprintf(out, "%s%.*f %s", what, unit == 0 ? 0 : 1, value, units[unit]);
}

static void put_owner_text(FILE *out, const struct status *status)
{
	if (status->owner.pid == 0) {
		fputs("owner     nobody\n", out);
		return;
	}
	char since[48];
	cli_time_text(status->owner.since_ns, since);
	fprintf(out, "owner     process %" PRId64 " since %.19sZ%s%s\n", status->owner.pid, since,
		status->owner.note[0] ? ", " : "", status->owner.note);
	for (size_t i = 0; i < status->mounts.count; i++)
		if (is_mounted(status, i))
			fprintf(out, "mounted   %s\n", status->mounts.items[i].place);
	if (status->why)
		fprintf(out, "raws go   %s: %s\n",
			status->passes ? "straight to the disk" : "through the daemon",
			status->why);
}

static void put_text(struct cli_ctx *ctx, const struct status *status)
{
	const struct sfs_store_stat *stat = &status->stat;
	FILE *out = ctx->out;
	struct sfs_class_info class = { 0 };
	fprintf(out, "store     %s\nuuid      %s\nformat    %" PRIu32 ", backend %s%s\n",
		status->path, stat->uuid, stat->format, stat->backend,
		ctx->served && stat->read_only ? ", read-only" : "");
	put_owner_text(out, status);
	if (stat->damaged)
		fprintf(out,
			"DAMAGED   records can not be read; nothing is written any more: unmount and\n"
			"          mount it, which recovers it\n");
	fprintf(out, "objects   %" PRIu64 "\nraws      %" PRIu64 "\nscratch   %" PRIu64 "\n",
		stat->objects, stat->raws, stat->scratch);
	if (stat->refused_texts)
		fprintf(out, "refused   %" PRIu64 " (texts in .storefs/rejected)\n",
			stat->refused_texts);
	if (stat->trashed) {
		fprintf(out, "trash     %" PRIu64, stat->trashed);
		put_bytes(out, " (", stat->trash_bytes);
		fputs(")\n", out);
	}
	fprintf(out, "commit    %" PRIu64 " (on disk: %" PRIu64 ")\n", stat->commit,
		stat->commit_synced);
	if (stat->mirror)
		fprintf(out, "mirror    %s%s%s%s\n", stat->mirror,
			stat->mirror_behind ? ", behind" : "", stat->mirror_why[0] ? ": " : "",
			stat->mirror_why);
	put_bytes(out, "records   ", stat->backend_bytes);
	put_bytes(out, "\ndisk      ", stat->fs_avail);
	put_bytes(out, " available of ", stat->fs_total);
	fprintf(out, "\nclasses   %" PRIu64 "\n", stat->classes);
	while (sfs_class_next(ctx->store, class.id, &class) == 0)
		fprintf(out, "  %-6s %12" PRIu64 " %s\n", cli_kind_text(class.kind),
			class.kind == SFS_CLASS_OBJECT ? class.objects : class.files, class.name);
}

static int run(struct cli_ctx *ctx)
{
	struct status status;
	if (!ctx->store)
		return cli_cmd_mount.run(ctx);
	int err = gather(ctx, &status);
	if (err < 0)
		return cli_fail(ctx, err, sfs_store_path(ctx->store), NULL);
	if (cli_option(ctx, "json"))
		put_json(ctx, &status);
	else
		put_text(ctx, &status);
	cli_mounts_fini(&status.mounts);
	return 0;
}

static const struct cli_option options[] = {
	{ "json", 'j', NULL, "as JSON" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_status = {
	.name = "status",
	.synopsis = "[--json] [STORE]",
	.summary = "show figures of a store, its classes, and who has it",
	.details =
		"Shows format and backend, the process that owns the store and where it is mounted,\n"
		"how many objects and raws each class has, the last commit, and the disk.\n"
		"Without a store: what is mounted.",
	.options = options,
	.examples = "storefs status /srv/blog\n"
		    "storefs status --json /mnt/blog | jq '.classes[] | .name, .objects'",
	.flags = CLI_OPENS | CLI_READS | CLI_LISTS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 0,
	.max_args = 0,
	.run = run,
};
