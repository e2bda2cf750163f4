/*
 * The STATE file: two copies of fixed places, each a header and the core's note.
 *
 * A copy (all integers little-endian):
 *    0  "sfsSTATE"
 *    8  u64 XXH3-64 of all that follows, to the end of the note
 *   16  u32 version, u32 length of the note
 *   24  u64 turn
 *   32  u64 MANIFEST number, u64 MANIFEST size, u64 sequence
 *   56  u32 flags (1: the note was set), u32 zero
 *   64  note
 *
 * The file is made at its full size, so a copy is written in place: no new block
 * is needed on a full disk, and fdatasync() has no metadata to write.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>
#include "backend/kv_state.h"
#include "base/cleanup.h"
#include "base/errno.h"
#include "base/file.h"
#include "bytes.h"
#include "hash.h"

#define VERSION 1
#define HEADER_LEN ((size_t)64)
#define HASH_OFF ((size_t)8)
#define HASHED_OFF ((size_t)16)
#define FLAG_NOTE 1u
/* Header and longest note, up to a page, so that no two copies share one. */
#define COPY_SIZE ((size_t)68 << 10)
#define NEW_NAME SFSI_KV_STATE_NAME ".new"

static const char magic[8] = { 's', 'f', 's', 'S', 'T', 'A', 'T', 'E' };

static uint64_t copy_hash(const uint8_t *copy, size_t note_len)
{
	size_t len = HEADER_LEN - HASHED_OFF + note_len;
	return sfsi_hash((struct sfs_span){ copy + HASHED_OFF, len }, 0);
}

static size_t copy_encode(uint8_t *copy, uint64_t turn, const struct sfsi_kv_facts *facts,
			  bool has_note, struct sfs_span note)
{
	memcpy(copy, magic, sizeof magic);
	uint8_t *at = sfsi_put_u32(copy + HASHED_OFF, VERSION);
	at = sfsi_put_u32(at, (uint32_t)note.len);
	at = sfsi_put_u64(at, turn);
	at = sfsi_put_u64(at, facts->manifest);
	at = sfsi_put_u64(at, facts->manifest_size);
	at = sfsi_put_u64(at, facts->sequence);
	at = sfsi_put_u32(at, has_note ? FLAG_NOTE : 0);
	at = sfsi_put_u32(at, 0);
	if (note.len)
		memcpy(at, note.data, note.len);
	sfsi_put_u64(copy + HASH_OFF, copy_hash(copy, note.len));
	return HEADER_LEN + note.len;
}

/* SFS_ERR_CORRUPT: torn, damaged or never written. Fills all of *state but fd. */
static int copy_decode(const uint8_t *copy, size_t len, struct sfsi_kv_state *state)
{
	struct sfsi_reader r = sfsi_reader((struct sfs_span){ copy, len });
	const uint8_t *found = sfsi_read_bytes(&r, sizeof magic);
	if (!found || memcmp(found, magic, sizeof magic) != 0)
		return SFS_ERR_CORRUPT;
	uint64_t hash = sfsi_read_u64(&r);
	uint32_t version = sfsi_read_u32(&r);
	uint32_t note_len = sfsi_read_u32(&r);
	state->turn = sfsi_read_u64(&r);
	state->facts.manifest = sfsi_read_u64(&r);
	state->facts.manifest_size = sfsi_read_u64(&r);
	state->facts.sequence = sfsi_read_u64(&r);
	state->has_note = sfsi_read_u32(&r) & FLAG_NOTE;
	sfsi_read_u32(&r);
	const uint8_t *note = sfsi_read_bytes(&r, note_len);
	if (r.bad || note_len > SFSI_KV_NOTE_MAX || hash != copy_hash(copy, note_len))
		return SFS_ERR_CORRUPT;
	if (version != VERSION)
		return SFS_ERR_VERSION;
	return sfs_buf_append(&state->note, note, note_len);
}

/* Read one copy into *ret, when it is good and newer than what is there. */
static int copy_read(int fd, unsigned which, struct sfsi_kv_state *ret)
{
	SFSI_AUTO_FREE uint8_t *copy = malloc(COPY_SIZE);
	if (!copy)
		return SFS_ERR_NO_MEMORY;
	size_t len = 0;
	int err = sfsi_pread_all(fd, copy, COPY_SIZE, which * COPY_SIZE, &len);
	if (err < 0)
		return err;
	struct sfsi_kv_state found = SFSI_KV_STATE_INIT;
	err = copy_decode(copy, len, &found);
	if (err == 0 && found.turn > ret->turn && found.turn % 2 == which) {
		sfs_buf_fini(&ret->note);
		found.fd = ret->fd;
		*ret = found;
		return 0;
	}
	sfs_buf_fini(&found.note);
	return err == SFS_ERR_CORRUPT ? 0 : err;
}

static int state_read(struct sfsi_kv_state *state, struct sfs_diag *diag)
{
	for (unsigned which = 0; which < 2; which++) {
		int err = copy_read(state->fd, which, state);
		if (err == SFS_ERR_VERSION)
			return sfs_diag_set(
				diag, err, SFSI_KV_STATE_NAME " is of a newer version, expected %d",
				VERSION);
		if (err < 0)
			return sfs_diag_set(diag, err, "can not read " SFSI_KV_STATE_NAME);
	}
	if (state->turn == 0)
		return sfs_diag_set(diag, SFS_ERR_CORRUPT,
				    SFSI_KV_STATE_NAME
				    ": both copies fail their checksum, expected at least one that "
				    "says what the store holds");
	return 0;
}

/* Locks are advisory and per open file, so a second open in this process is noticed too. */
static int state_lock(int fd, bool read_only, struct sfs_diag *diag)
{
	if (flock(fd, (read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return sfs_diag_set(diag, SFS_ERR_BUSY,
				    SFSI_KV_STATE_NAME " is locked: the backend is open elsewhere");
	/* A file system without locks: RocksDB's own lock is left. */
	return 0;
}

int sfsi_kv_state_open(struct sfsi_kv_state *state, int dir_fd, bool read_only,
		       struct sfs_diag *diag)
{
	struct sfsi_kv_state opened = SFSI_KV_STATE_INIT;
	opened.fd = openat(dir_fd, SFSI_KV_STATE_NAME,
			   (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW);
	if (opened.fd < 0 && errno == ENOENT)
		return sfs_diag_set(
			diag, SFS_ERR_CORRUPT,
			SFSI_KV_STATE_NAME
			" is missing, expected the file that says what the store holds");
	if (sfsi_file_is_other(dir_fd, SFSI_KV_STATE_NAME)) {
		sfsi_close_fd(&opened.fd);
		return sfs_diag_set(diag, SFS_ERR_CORRUPT,
				    SFSI_KV_STATE_NAME
				    " is no file, expected the one that says what the store holds");
	}
	if (opened.fd < 0)
		return sfs_diag_set(diag, sfsi_err_from_errno(errno),
				    "can not open " SFSI_KV_STATE_NAME ": %s", strerror(errno));
	int err = state_lock(opened.fd, read_only, diag);
	if (err == 0)
		err = state_read(&opened, diag);
	if (err < 0) {
		sfsi_kv_state_close(&opened);
		return err;
	}
	*state = opened;
	return 0;
}

void sfsi_kv_state_close(struct sfsi_kv_state *state)
{
	if (state->fd >= 0)
		close(state->fd);
	sfs_buf_fini(&state->note);
	*state = (struct sfsi_kv_state)SFSI_KV_STATE_INIT;
}

static int create_content(int fd)
{
	SFSI_AUTO_FREE uint8_t *copies = calloc(2, COPY_SIZE);
	if (!copies)
		return SFS_ERR_NO_MEMORY;
	copy_encode(copies + COPY_SIZE, 1, &(struct sfsi_kv_facts){ 0 }, false,
		    (struct sfs_span){ NULL, 0 });
	int err = sfsi_pwrite_all(fd, copies, 2 * COPY_SIZE, 0);
	if (err == 0 && fsync(fd) < 0)
		err = sfsi_err_from_errno(errno);
	return err;
}

int sfsi_kv_state_create(int dir_fd, struct sfs_diag *diag)
{
	if (faccessat(dir_fd, SFSI_KV_STATE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return sfs_diag_set(diag, SFS_ERR_EXISTS,
				    SFSI_KV_STATE_NAME " exists already, expected an empty folder");
	SFSI_AUTO_FD int fd = openat(dir_fd, NEW_NAME,
				     O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return sfs_diag_set(diag, sfsi_err_from_errno(errno),
				    "can not make " NEW_NAME ": %s", strerror(errno));
	int err = create_content(fd);
	if (err == 0 &&
	    (renameat(dir_fd, NEW_NAME, dir_fd, SFSI_KV_STATE_NAME) < 0 || fsync(dir_fd) < 0))
		err = sfsi_err_from_errno(errno);
	if (err == 0)
		return 0;
	unlinkat(dir_fd, NEW_NAME, 0);
	return sfs_diag_set(diag, err, "can not write " SFSI_KV_STATE_NAME ": %s",
			    sfs_err_text(err));
}

static bool is_new(const struct sfsi_kv_state *state, const struct sfsi_kv_facts *facts,
		   const struct sfs_span *note)
{
	if (note && (!state->has_note || !sfs_span_equal(*note, sfs_buf_span(&state->note))))
		return true;
	return facts->manifest != state->facts.manifest ||
	       facts->manifest_size != state->facts.manifest_size ||
	       facts->sequence != state->facts.sequence;
}

static int copy_write(int fd, uint64_t turn, const struct sfsi_kv_facts *facts, bool has_note,
		      struct sfs_span note)
{
	SFSI_AUTO_FREE uint8_t *copy = malloc(HEADER_LEN + note.len);
	if (!copy)
		return SFS_ERR_NO_MEMORY;
	size_t len = copy_encode(copy, turn, facts, has_note, note);
	int err = sfsi_pwrite_all(fd, copy, len, turn % 2 * COPY_SIZE);
	if (err < 0)
		return err;
	return fdatasync(fd) < 0 ? sfsi_err_from_errno(errno) : 0;
}

int sfsi_kv_state_write(struct sfsi_kv_state *state, const struct sfsi_kv_facts *facts,
			const struct sfs_span *note)
{
	if (note && note->len > SFSI_KV_NOTE_MAX)
		return SFS_ERR_LIMIT;
	if (!is_new(state, facts, note))
		return 0;
	struct sfs_span text = note ? *note : sfs_buf_span(&state->note);
	SFSI_AUTO_BUF struct sfs_buf kept = SFS_BUF_INIT;
	int err = sfs_buf_append(&kept, text.data, text.len);
	if (err < 0)
		return err;
	bool has_note = note || state->has_note;
	err = copy_write(state->fd, state->turn + 1, facts, has_note, sfs_buf_span(&kept));
	if (err < 0)
		return err;
	sfs_buf_fini(&state->note);
	state->note = sfs_buf_take(&kept);
	state->has_note = has_note;
	state->facts = *facts;
	state->turn++;
	return 0;
}

int sfsi_kv_state_double(struct sfsi_kv_state *state)
{
	int err = copy_write(state->fd, state->turn + 1, &state->facts, state->has_note,
			     sfs_buf_span(&state->note));
	if (err == 0)
		state->turn++;
	return err;
}
