/*
 * Bytes and metadata between descriptors and raws.
 *
 * A new raw is written under a temporary name and renamed into place when it is whole: nobody sees
 * half of it, and one that was there stays until then.
 */
#ifndef CLI_RAWS_H
#define CLI_RAWS_H

#include <sys/stat.h>
#include "cli.h"

/** A raw being written. */
struct cli_raw_new {
	uint64_t dir;
	struct sfs_span name; /* final name, borrowed */
	char temporary[48];
	struct sfs_attr attr;
	struct sfs_raw_file *file;
	uint64_t bytes;
};

/** A file name that this process has not used yet. */
void cli_temporary_name(char *ret, size_t len);

/** Begin. On failure there is nothing to abort. Errors of sfs_raw_make() and sfs_raw_open(). */
SFS_MUST_CHECK int cli_raw_begin(struct cli_ctx *ctx, uint64_t dir, struct sfs_span name,
				 uint32_t mode, struct cli_raw_new *ret);
/**
 * Fill it with what fd gives until its end, holes left out. Errors of the store, SFS_ERR_CANCELLED,
 * and for reading: SFS_ERR_IO with *ret_errno not 0.
 */
SFS_MUST_CHECK int cli_raw_fill(struct cli_ctx *ctx, struct cli_raw_new *raw, int fd,
				int *ret_errno);
/** Copy the user.* attributes of a file: they become metadata. Errors and diag of sfs_raw_meta_set(). */
SFS_MUST_CHECK int cli_raw_take_xattrs(struct cli_ctx *ctx, uint64_t ino, int fd,
				       struct sfs_diag *diag);
/** Give it its times (NULL: leave them) and its name. It is freed in any case. */
SFS_MUST_CHECK int cli_raw_commit(struct cli_ctx *ctx, struct cli_raw_new *raw,
				  const struct sfs_setattr *set);
/** Forget it. */
void cli_raw_abort(struct cli_ctx *ctx, struct cli_raw_new *raw);

/**
 * The directory that a path's last component is in, and that component.
 * @make  make directories that are missing.
 */
SFS_MUST_CHECK int cli_raw_parent(struct cli_ctx *ctx, uint32_t class_id, struct sfs_span path,
				  bool make, uint64_t *ret_dir, struct sfs_span *ret_name);

/** Write the bytes of a raw to a descriptor; a regular file keeps holes. *ret_errno: of fd. */
SFS_MUST_CHECK int cli_raw_send(struct cli_ctx *ctx, uint64_t ino, int fd, int *ret_errno);

/** Called for each key. Nonzero stops and is returned. */
typedef int cli_meta_fn(void *arg, struct sfs_span key, struct sfs_span value);
SFS_MUST_CHECK int cli_raw_meta_each(struct cli_ctx *ctx, uint64_t ino, cli_meta_fn *fn, void *arg);

/** Set all metadata of one raw on another. */
SFS_MUST_CHECK int cli_raw_copy_meta(struct cli_ctx *ctx, uint64_t from, uint64_t to);

/** Mode, owner and times of a file, for sfs_raw_setattr(). The owner only where root copies. */
struct sfs_setattr cli_raw_setattr_of(const struct stat *st);

#endif
