/* A dump as a tar stream (pax). The only user of libarchive. */
#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "dump/dump.h"

#define PIECE ((size_t)256 << 10)

struct tar {
	union {
		struct sfsi_dump_out out;
		struct sfsi_dump_in in;
	} base;
	struct archive *archive;
	struct archive_entry *entry; /* that is written */
	const struct sfs_dump *dump;
	const struct sfs_load *load;
	int err; /* what a callback said */
	char *piece;
};

static struct tar *of_out(struct sfsi_dump_out *out)
{
	return (struct tar *)out;
}

static struct tar *of_in(struct sfsi_dump_in *in)
{
	return (struct tar *)in;
}

/** The error of a callback, or that of the archive itself. */
static int failed(struct tar *tar, int otherwise, struct sfs_diag *diag)
{
	int err = tar->err ? tar->err : otherwise;
	const char *why = tar->err ? NULL : archive_error_string(tar->archive);
	if (err == SFS_ERR_CANCELLED)
		return err;
	return sfs_diag_set(diag, err, "the tar stream: %.300s", why ? why : sfs_err_text(err));
}

/* --- writing --- */

/**
 * After an error, or when it is freed in the middle, all is taken and nothing written: the archive would keep its
 * buffers if it were told, and a stream that is not whole must not get an end.
 */
static la_ssize_t give(struct archive *archive, void *arg, const void *data, size_t len)
{
	struct tar *tar = arg;
	(void)archive;
	if (!tar->err)
		tar->err = tar->dump->write(tar->dump->arg, data, len);
	return (la_ssize_t)len;
}

/** @result  of a call of the archive. */
static int check(struct tar *tar, int result, struct sfs_diag *diag)
{
	return result < ARCHIVE_WARN || tar->err ? failed(tar, SFS_ERR_IO, diag) : 0;
}

static int begin(struct sfsi_dump_out *out, const struct sfsi_dump_member *member,
		 struct sfs_diag *diag)
{
	struct tar *tar = of_out(out);
	int64_t ns = member->mtime_ns;
	int64_t seconds = ns / 1000000000 - (ns % 1000000000 < 0);
	archive_entry_clear(tar->entry);
	archive_entry_set_pathname(tar->entry, member->path);
	archive_entry_set_size(tar->entry, (la_int64_t)member->size);
	archive_entry_set_filetype(tar->entry, AE_IFREG);
	archive_entry_set_perm(tar->entry, member->mode);
	archive_entry_set_mtime(tar->entry, seconds, (long)(ns - seconds * 1000000000));
	return check(tar, archive_write_header(tar->archive, tar->entry), diag);
}

static int write_some(struct sfsi_dump_out *out, struct sfs_span bytes, struct sfs_diag *diag)
{
	struct tar *tar = of_out(out);
	while (bytes.len) {
		la_ssize_t wrote = archive_write_data(tar->archive, bytes.data, bytes.len);
		if (wrote <= 0 || tar->err)
			return failed(tar, SFS_ERR_IO, diag);
		bytes = (struct sfs_span){ (const char *)bytes.data + wrote,
					   bytes.len - (size_t)wrote };
	}
	return 0;
}

static int end(struct sfsi_dump_out *out, struct sfs_diag *diag)
{
	struct tar *tar = of_out(out);
	return check(tar, archive_write_finish_entry(tar->archive), diag);
}

static int finish(struct sfsi_dump_out *out, struct sfs_diag *diag)
{
	struct tar *tar = of_out(out);
	return check(tar, archive_write_close(tar->archive), diag);
}

static void free_out(struct sfsi_dump_out *out)
{
	struct tar *tar = of_out(out);
	if (!tar->err)
		tar->err = SFS_ERR_CANCELLED;
	if (tar->archive)
		archive_write_free(tar->archive);
	archive_entry_free(tar->entry);
	free(tar);
}

static const struct sfsi_dump_out_ops out_ops = {
	.begin = begin,
	.write = write_some,
	.end = end,
	.finish = finish,
	.free = free_out,
};

int sfsi_dump_tar_out(const struct sfs_dump *dump, struct sfsi_dump_out **ret,
		      struct sfs_diag *diag)
{
	struct tar *tar = calloc(1, sizeof *tar);
	if (!tar)
		return SFS_ERR_NO_MEMORY;
	tar->base.out.ops = &out_ops;
	tar->dump = dump;
	tar->archive = archive_write_new();
	tar->entry = archive_entry_new();
	int err = tar->archive && tar->entry ? 0 : SFS_ERR_NO_MEMORY;
	if (!err && (archive_write_set_format_pax_restricted(tar->archive) < ARCHIVE_WARN ||
		     archive_write_open(tar->archive, tar, NULL, give, NULL) < ARCHIVE_WARN))
		err = failed(tar, SFS_ERR_IO, diag);
	if (err < 0)
		free_out(&tar->base.out);
	else
		*ret = &tar->base.out;
	return err;
}

/* --- reading --- */

static la_ssize_t take(struct archive *archive, void *arg, const void **ret)
{
	struct tar *tar = arg;
	size_t len = 0;
	(void)archive;
	tar->err = tar->load->read(tar->load->arg, tar->piece, PIECE, &len);
	*ret = tar->piece;
	return tar->err < 0 ? -1 : (la_ssize_t)len;
}

/** Does an entry have this name? One that tar(1) made of a folder may begin with "./". */
static bool is_named(struct archive_entry *entry, const char *path)
{
	const char *name = archive_entry_pathname(entry);
	if (name && strncmp(name, "./", 2) == 0)
		name += 2;
	return name && strcmp(name, path) == 0;
}

static int wrong_member(struct archive_entry *entry, const char *path, struct sfs_diag *diag)
{
	const char *name = archive_entry_pathname(entry);
	return sfs_diag_set(diag, SFS_ERR_CORRUPT,
			    "the tar stream has '%.150s' where '%.150s' was expected",
			    name ? name : "?", path);
}

static int open_member(struct sfsi_dump_in *in, const char *path, uint64_t *ret_size,
		       struct sfs_diag *diag)
{
	struct tar *tar = of_in(in);
	struct archive_entry *entry;
	int got;
	/* tar(1) names folders, which say nothing here. */
	do
		got = archive_read_next_header(tar->archive, &entry);
	while (got == ARCHIVE_OK && archive_entry_filetype(entry) == AE_IFDIR);
	if (got == ARCHIVE_EOF)
		return sfs_diag_set(diag, SFS_ERR_CORRUPT,
				    "the tar stream ends before %.300s: the dump is not whole",
				    path);
	if (got < ARCHIVE_WARN)
		return failed(tar, SFS_ERR_CORRUPT, diag);
	if (!is_named(entry, path))
		return wrong_member(entry, path, diag);
	if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) ||
	    archive_entry_size(entry) < 0)
		return sfs_diag_set(diag, SFS_ERR_CORRUPT, "%.300s is no regular file", path);
	*ret_size = (uint64_t)archive_entry_size(entry);
	return 0;
}

static int read_some(struct sfsi_dump_in *in, void *dst, size_t len, size_t *ret_len,
		     struct sfs_diag *diag)
{
	struct tar *tar = of_in(in);
	size_t done = 0;
	while (done < len) {
		la_ssize_t got = archive_read_data(tar->archive, (char *)dst + done, len - done);
		if (got < 0)
			return failed(tar, SFS_ERR_CORRUPT, diag);
		if (got == 0)
			break;
		done += (size_t)got;
	}
	*ret_len = done;
	return 0;
}

static void free_in(struct sfsi_dump_in *in)
{
	struct tar *tar = of_in(in);
	archive_read_free(tar->archive);
	free(tar->piece);
	free(tar);
}

static const struct sfsi_dump_in_ops in_ops = {
	.open = open_member,
	.read = read_some,
	.free = free_in,
};

/** Formats and filters that need no other program. */
static int support(struct archive *archive)
{
	bool good = archive_read_support_format_tar(archive) >= ARCHIVE_WARN &&
		    archive_read_support_filter_gzip(archive) >= ARCHIVE_WARN &&
		    archive_read_support_filter_bzip2(archive) >= ARCHIVE_WARN &&
		    archive_read_support_filter_xz(archive) >= ARCHIVE_WARN &&
		    archive_read_support_filter_zstd(archive) >= ARCHIVE_WARN;
	return good ? 0 : SFS_ERR_UNSUPPORTED;
}

int sfsi_dump_tar_in(const struct sfs_load *load, struct sfsi_dump_in **ret, struct sfs_diag *diag)
{
	struct tar *tar = calloc(1, sizeof *tar);
	if (!tar)
		return SFS_ERR_NO_MEMORY;
	tar->base.in.ops = &in_ops;
	tar->load = load;
	tar->piece = malloc(PIECE);
	tar->archive = archive_read_new();
	int err = tar->archive && tar->piece ? support(tar->archive) : SFS_ERR_NO_MEMORY;
	if (!err && archive_read_open(tar->archive, tar, NULL, take, NULL) < ARCHIVE_WARN)
		err = failed(tar, SFS_ERR_CORRUPT, diag);
	if (err < 0)
		free_in(&tar->base.in);
	else
		*ret = &tar->base.in;
	return err;
}
