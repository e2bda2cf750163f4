/*
 * Before RocksDB may change anything: is what lies on disk all that was there?
 *
 * A read-write open of RocksDB deletes every file that its MANIFEST does not name,
 * and a MANIFEST that was cut opens as an older store. So the store is first
 * compared with STATE and opened read-only, which changes nothing:
 *
 *   CURRENT must name a MANIFEST that is not older than the one of STATE,
 *   a MANIFEST of the same number must not be shorter,
 *   every file that it names must be there in its size (RocksDB looks),
 *   and the log must not end before what was synced, nor lack anything in between.
 *
 * Table files that the MANIFEST does not name are no proof of damage: a kill leaves
 * the outputs of an unfinished flush or compaction, and inputs not deleted yet.
 * What a MANIFEST that was cut behind the size in STATE can forget is a flush (its
 * log is then missing: the sequence shows it) or a compaction (its inputs are missing).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend/kv.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "base/errno.h"

#define PREOPEN "preopen"
/* "MANIFEST-" and a number of at most 20 digits. */
#define MANIFEST_NAME_SIZE 32

static int damaged_current(struct sfs_diag *diag, const char *how)
{
	return sfs_diag_set(diag, SFS_ERR_CORRUPT,
			    "db/CURRENT %s, expected the name of a MANIFEST file", how);
}

/* "MANIFEST-000005\n" */
static int current_read(const struct kv *kv, uint64_t *ret_number, struct sfs_diag *diag)
{
	SFSI_AUTO_FD int fd = openat(kv->db_fd, "CURRENT", O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return damaged_current(diag, "is missing");
	if (fd < 0)
		return sfs_diag_set(diag, sfsi_err_from_errno(errno), "can not open db/CURRENT: %s",
				    strerror(errno));
	char text[MANIFEST_NAME_SIZE + 1];
	ssize_t len = read(fd, text, sizeof text - 1);
	if (len < 0 && errno == EISDIR)
		return damaged_current(diag, "is a folder");
	if (len < 0)
		return sfs_diag_set(diag, sfsi_err_from_errno(errno), "can not read db/CURRENT: %s",
				    strerror(errno));
	text[len] = '\0';
	uint64_t number;
	int end = 0;
	if (sscanf(text, "MANIFEST-%" SCNu64 "%n", &number, &end) != 1 || end != len - 1 ||
	    text[end] != '\n')
		return damaged_current(diag, "is damaged");
	*ret_number = number;
	return 0;
}

static void manifest_name(char name[MANIFEST_NAME_SIZE], uint64_t number)
{
	snprintf(name, MANIFEST_NAME_SIZE, "MANIFEST-%06" PRIu64, number);
}

/* A size may go into STATE once it is on disk. What STATE says already, is. */
static int manifest_sync(const struct kv *kv, int fd, uint64_t number, uint64_t size)
{
	const struct sfsi_kv_facts *facts = &kv->state.facts;
	bool known = number == facts->manifest && size == facts->manifest_size;
	return known || kv->base.read_only ? 0 : fsync(fd);
}

static int manifest_measure(const struct kv *kv, uint64_t number, uint64_t *ret_size,
			    struct sfs_diag *diag)
{
	char name[MANIFEST_NAME_SIZE];
	manifest_name(name, number);
	SFSI_AUTO_FD int fd = openat(kv->db_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return sfs_diag_set(diag, SFS_ERR_CORRUPT,
				    "db/%s is missing, expected the list of all files", name);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || manifest_sync(kv, fd, number, (uint64_t)st.st_size) < 0)
		return sfs_diag_set(diag, sfsi_err_from_errno(errno), "can not read db/%s: %s",
				    name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return sfs_diag_set(diag, SFS_ERR_CORRUPT,
				    "db/%s is no file, expected the list of all files", name);
	*ret_size = (uint64_t)st.st_size;
	return 0;
}

int sfsi_kv_manifest(const struct kv *kv, uint64_t *ret_number, uint64_t *ret_size,
		     struct sfs_diag *diag)
{
	/* RocksDB may begin a new MANIFEST meanwhile: the one that was named is then gone. */
	for (uint64_t last = 0;;) {
		uint64_t number = 0;
		int err = current_read(kv, &number, diag);
		if (err < 0)
			return err;
		err = manifest_measure(kv, number, ret_size, diag);
		if (err == 0)
			*ret_number = number;
		if (err != SFS_ERR_CORRUPT || number == last)
			return err;
		last = number;
	}
}

static int manifest_check(const struct kv *kv, struct sfs_diag *diag)
{
	const struct sfsi_kv_facts *facts = &kv->state.facts;
	uint64_t number, size;
	int err = sfsi_kv_manifest(kv, &number, &size, diag);
	if (err < 0)
		return err;
	char found[MANIFEST_NAME_SIZE], expected[MANIFEST_NAME_SIZE];
	manifest_name(found, number);
	manifest_name(expected, facts->manifest);
	if (number < facts->manifest)
		return sfs_diag_set(diag, SFS_ERR_CORRUPT,
				    "db/CURRENT names %s, expected %s or a later one", found,
				    expected);
	if (number == facts->manifest && size < facts->manifest_size)
		return sfs_diag_set(diag, SFS_ERR_CORRUPT,
				    "db/%s has %" PRIu64 " bytes, expected at least %" PRIu64,
				    found, size, facts->manifest_size);
	return 0;
}

static int sequence_check(const struct kv *kv, uint64_t sequence, struct sfs_diag *diag)
{
	if (sequence >= kv->state.facts.sequence)
		return 0;
	return sfs_diag_set(diag, SFS_ERR_CORRUPT,
			    "the log in db/ ends at change %" PRIu64 ", expected at least %" PRIu64
			    " that were synced",
			    sequence, kv->state.facts.sequence);
}

int sfsi_kv_check(struct kv *kv, uint64_t *ret_sequence, struct sfs_diag *diag)
{
	int err = manifest_check(kv, diag);
	if (!err)
		err = sfsi_kv_log_check(kv, kv->state.facts.sequence, diag);
	if (err < 0)
		return err;
	char *text = NULL;
	rocksdb_t *db = rocksdb_open_for_read_only(kv->options, kv->db_path, 0, &text);
	if (!db)
		return sfsi_kv_error_diag(text, diag, "can not open db/");
	*ret_sequence = rocksdb_get_latest_sequence_number(db);
	if (kv->base.read_only)
		kv->db = db;
	else
		rocksdb_close(db);
	return sequence_check(kv, *ret_sequence, diag);
}

/* Calls fn with the name of each file in a folder; nonzero stops. */
static int each_file(int dir_fd, const char *name, int (*fn)(int from, int arg, const char *name),
		     int arg)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(dir_fd, name, &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
		err = fn(dirfd(dir), arg, entry->d_name);
	return err;
}

static int drop_one(int from, int unused, const char *name)
{
	(void)unused;
	return unlinkat(from, name, 0) < 0 ? sfsi_err_from_errno(errno) : 0;
}

void sfsi_kv_preopen_drop(const struct kv *kv)
{
	/* What is left behind costs space until the next open and does no harm. */
	int err = each_file(kv->dir_fd, PREOPEN, drop_one, 0);
	(void)err;
	unlinkat(kv->dir_fd, PREOPEN, AT_REMOVEDIR);
}

void sfsi_kv_preopen_keep(const struct kv *kv)
{
	/* Never onto one that was kept before: then this one goes with the next open. */
	renameat2(kv->dir_fd, PREOPEN, kv->dir_fd, SFSI_KV_KEPT, RENAME_NOREPLACE);
}

static int link_one(int from, int to, const char *name)
{
	struct stat st;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return linkat(from, name, to, name, 0) < 0 ? sfsi_err_from_errno(errno) : 0;
}

static int preopen_link(const struct kv *kv)
{
	if (mkdirat(kv->dir_fd, PREOPEN, 0700) < 0)
		return sfsi_err_from_errno(errno);
	SFSI_AUTO_FD int fd = openat(kv->dir_fd, PREOPEN, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return sfsi_err_from_errno(errno);
	return each_file(kv->dir_fd, "db", link_one, fd);
}

int sfsi_kv_preopen_make(const struct kv *kv, struct sfs_diag *diag)
{
	sfsi_kv_preopen_drop(kv);
	int err = preopen_link(kv);
	/* File systems without hard links: the check has to do. */
	if (err == 0 || err == SFS_ERR_PERMISSION || err == SFS_ERR_UNSUPPORTED)
		return 0;
	sfsi_kv_preopen_drop(kv);
	return sfs_diag_set(diag, err, "can not make links in " PREOPEN "/: %s", sfs_err_text(err));
}
