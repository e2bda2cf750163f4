/* What kind of file an index has, and opening one of ours: locked as gdbm does it. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/errno.h"
#include "bytes.h"
#include "gdbm/gdbm.h"
#include "gdbm/layout.h"

#define PATH_LEN 4096

const char *sfsi_dbm_kind_text(enum sfsi_dbm_kind kind)
{
	switch (kind) {
	case SFSI_DBM_NONE: return "no file";
	case SFSI_DBM_GNU: return "gdbm";
	case SFSI_DBM_BERKELEY: return "Berkeley DB (dbm.ndbm)";
	case SFSI_DBM_NDBM: return "gdbm's imitation of ndbm (dbm.ndbm)";
	case SFSI_DBM_DUMB: return "dbm.dumb";
	case SFSI_DBM_SQLITE: return "SQLite (dbm.sqlite3)";
	case SFSI_DBM_OTHER: return "no dbm file";
	}
	return "?";
}

/** Is there a regular file of the name with something added? */
static int has_file(int dir_fd, const char *name, const char *suffix, bool *ret)
{
	char path[PATH_LEN];
	struct stat st;
	int len = snprintf(path, sizeof path, "%s%s", name, suffix);
	if (len < 0 || (size_t)len >= sizeof path)
		return SFS_ERR_LIMIT;
	*ret = fstatat(dir_fd, path, &st, 0) == 0;
	if (!*ret && errno != ENOENT && errno != ENOTDIR)
		return sfsi_err_from_errno(errno);
	*ret = *ret && S_ISREG(st.st_mode);
	return 0;
}

static enum sfsi_dbm_kind kind_of_bytes(const uint8_t *bytes, size_t len)
{
	struct sfsi_reader r = sfsi_reader((struct sfs_span){ bytes, len });
	uint32_t magic = sfsi_read_u32(&r);
	if (!r.bad && (magic == SFSI_GDBM_MAGIC || magic == SFSI_GDBM_MAGIC_OLD))
		return SFSI_DBM_GNU;
	if (len == 16 && memcmp(bytes, "SQLite format 3", 16) == 0)
		return SFSI_DBM_SQLITE;
	return SFSI_DBM_OTHER;
}

static int kind_of_file(int dir_fd, const char *name, enum sfsi_dbm_kind *ret)
{
	uint8_t bytes[16];
	SFSI_AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got = fd < 0 ? -1 : pread(fd, bytes, sizeof bytes, 0);
	if (got < 0)
		return sfsi_err_from_errno(errno);
	*ret = kind_of_bytes(bytes, (size_t)got);
	return 0;
}

int sfsi_dbm_recognise(int dir_fd, const char *name, enum sfsi_dbm_kind *ret)
{
	bool plain, db, pag, dir, dat;
	int err = has_file(dir_fd, name, "", &plain);
	if (!err && plain)
		return kind_of_file(dir_fd, name, ret);
	if (!err)
		err = has_file(dir_fd, name, ".db", &db);
	if (!err)
		err = has_file(dir_fd, name, ".pag", &pag);
	if (!err)
		err = has_file(dir_fd, name, ".dir", &dir);
	if (!err)
		err = has_file(dir_fd, name, ".dat", &dat);
	if (err < 0)
		return err;
	*ret = pag && dir   ? SFSI_DBM_NDBM
	       : db         ? SFSI_DBM_BERKELEY
	       : dat && dir ? SFSI_DBM_DUMB
			    : SFSI_DBM_NONE;
	return 0;
}

int sfsi_gdbm_open(int dir_fd, const char *name, int *ret_fd, struct sfs_diag *diag)
{
	SFSI_AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		int err = sfsi_err_from_errno(errno);
		return sfs_diag_set(diag, err, "%s: %s", name, sfs_err_text(err));
	}
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return sfs_diag_set(diag, errno == EWOULDBLOCK ? SFS_ERR_BUSY : SFS_ERR_IO,
				    "%s: another program has it open, as a Python process with "
				    "indexes does",
				    name);
	*ret_fd = fd;
	fd = -1;
	return 0;
}
