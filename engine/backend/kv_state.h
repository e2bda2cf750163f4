/*
 * STATE: a small file beside RocksDB's own that says what a complete store holds.
 *
 * RocksDB opens a store whose MANIFEST or log lost its end as if that had never
 * been written, and then deletes the files that it does not know. STATE is how
 * that is noticed before. Everything in it is a lower bound: a store that holds
 * more is fine, so it may be written late, but never early.
 *
 * Two copies, written in turn, each with a checksum: a torn write costs the newer
 * one only.
 */
#ifndef SFSI_KV_STATE_H
#define SFSI_KV_STATE_H

#include <stdbool.h>
#include <storefs/buf.h>

#define SFSI_KV_STATE_NAME "STATE"
/** Longest note of the core. */
#define SFSI_KV_NOTE_MAX ((size_t)64 << 10)

/** What a complete store holds, at least. */
struct sfsi_kv_facts {
	uint64_t manifest;      /* number of the MANIFEST, 0 = none yet */
	uint64_t manifest_size; /* bytes of that MANIFEST known to be on disk */
	uint64_t sequence;      /* RocksDB's sequence number known to be on disk */
};

struct sfsi_kv_state {
	int fd;        /* open and locked for as long as the backend is open */
	uint64_t turn; /* writes so far; the copy of turn n is copy n % 2 */
	struct sfsi_kv_facts facts;
	bool has_note;
	struct sfs_buf note;
};

#define SFSI_KV_STATE_INIT { -1, 0, { 0, 0, 0 }, false, SFS_BUF_INIT }

/** Make the file of a new backend, durably. SFS_ERR_EXISTS when there is one. */
SFS_MUST_CHECK int sfsi_kv_state_create(int dir_fd, struct sfs_diag *diag);

/**
 * Open, lock and read the file.
 * Returns 0, SFS_ERR_BUSY (another process has it), SFS_ERR_CORRUPT (missing, or both
 * copies are damaged), SFS_ERR_VERSION, or an error of the system.
 */
SFS_MUST_CHECK int sfsi_kv_state_open(struct sfsi_kv_state *state, int dir_fd, bool read_only,
				      struct sfs_diag *diag);
/** Accepts SFSI_KV_STATE_INIT. */
void sfsi_kv_state_close(struct sfsi_kv_state *state);

/**
 * Replace the older copy, durably. note NULL keeps the last one. Nothing is written
 * when nothing is new. On failure the state in memory and the newer copy are as before.
 */
SFS_MUST_CHECK int sfsi_kv_state_write(struct sfsi_kv_state *state,
				       const struct sfsi_kv_facts *facts,
				       const struct sfs_span *note);

/** Write the same again into the older copy: then one damaged copy costs nothing. */
SFS_MUST_CHECK int sfsi_kv_state_double(struct sfsi_kv_state *state);

#endif
