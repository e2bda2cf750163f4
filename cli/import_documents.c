/*
 * Import of a folder of documents: every ID.json and ID.msgpack in it is one object.
 *
 * Names mean what they mean in a mount (name.h of fs/ has the escaping). Only the files of the
 * folder itself are taken: sub-directories and other files are reported.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "import.h"
#include "name.h"
#include "target.h"
#include "text.h"

/* The DIR of a borrowed descriptor. */
static DIR *open_folder(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int cli_import_is_documents(int dir_fd, bool *ret)
{
	DIR *dir = open_folder(dir_fd);
	if (!dir)
		return cli_err_from_errno(errno);
	size_t documents = 0, others = 0;
	enum sfs_format format;
	struct dirent *entry;
	while ((entry = readdir(dir))) {
		struct stat st;
		if (is_dots(entry->d_name) ||
		    fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		if (cli_format_of(entry->d_name, &format))
			documents++;
		else
			others++;
	}
	closedir(dir);
	*ret = documents > 0 && others == 0;
	return 0;
}

/* The oid behind a name that is too short to hold it: the document may say it. */
static bool long_oid(struct sfs_span name, const struct fs_name *parsed, struct sfs_span text,
		     struct sfs_buf *ret)
{
	struct sfs_span literal;
	char again[SFS_NAME_MAX + 1];
	if (parsed->format != SFS_FORMAT_JSON || cli_member_find(text, "oid", &literal) < 0 ||
	    cli_text_unquote(ret, literal) < 0 || ret->len == 0 || ret->len > SFS_OID_MAX)
		return false;
	size_t len = fs_name_make(sfs_buf_span(ret), parsed->format, again);
	return sfs_span_equal(name, (struct sfs_span){ again, len });
}

static void take_text(struct cli_import *import, const struct cli_place *place,
		      struct sfs_span text)
{
	struct fs_name name;
	struct sfs_buf oid = SFS_BUF_INIT;
	fs_name_parse(sfs_span_str(place->file), &name);
	if (!name.object)
		cli_import_bad_text(import, place, "not a name of an object");
	else if (name.hashed && long_oid(sfs_span_str(place->file), &name, text, &oid))
		cli_batch_add(import, place, sfs_buf_span(&oid), name.format, text);
	else
		cli_batch_add(import, place, (struct sfs_span){ name.oid, name.oid_len },
			      name.format, text);
	sfs_buf_fini(&oid);
}

static void take_file(struct cli_import *import, int dir_fd, const char *name)
{
	struct cli_place place = { .file = name };
	struct sfs_buf text = SFS_BUF_INIT;
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int err = fd < 0 ? cli_err_from_errno(errno)
			 : cli_read_all(import->ctx, fd, SFS_DOCUMENT_MAX, &text);
	if (fd >= 0)
		close(fd);
	if (err == SFS_ERR_CANCELLED)
		import->fatal = err;
	else if (err == SFS_ERR_LIMIT)
		cli_import_bad_text(import, &place, "longer than %zu bytes, the longest document",
				    SFS_DOCUMENT_MAX);
	else if (err < 0)
		cli_import_bad_text(import, &place, "reading: %s", sfs_err_text(err));
	else
		take_text(import, &place, sfs_buf_span(&text));
	import->bytes += text.len;
	sfs_buf_fini(&text);
}

static void take_entry(struct cli_import *import, int dir_fd, const char *name)
{
	struct stat st;
	enum sfs_format format;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return; /* it is gone */
	import->progress.count++;
	if (S_ISDIR(st.st_mode))
		cli_import_skip(import, name, "a folder, and a class of objects has none");
	else if (!S_ISREG(st.st_mode))
		cli_import_skip(import, name, "not a regular file");
	else if (!cli_format_of(name, &format))
		cli_import_skip(import, name, "neither .json nor .msgpack");
	else
		take_file(import, dir_fd, name);
	cli_progress_tick(&import->progress);
}

void cli_import_documents(struct cli_import *import, int dir_fd)
{
	DIR *dir = open_folder(dir_fd);
	int err = dir ? cli_batch_new(import) : cli_err_from_errno(errno);
	if (err < 0) {
		struct cli_place place = { .file = import->source };
		cli_import_failed(import, &place, err, NULL);
	}
	while (err == 0 && cli_import_goes_on(import)) {
		struct dirent *entry = readdir(dir);
		if (!entry)
			break;
		if (!is_dots(entry->d_name))
			take_entry(import, dir_fd, entry->d_name);
	}
	if (err == 0 && !import->fatal)
		cli_batch_flush(import);
	cli_batch_free(import);
	if (dir)
		closedir(dir);
}
