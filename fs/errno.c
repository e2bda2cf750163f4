/*
 * From enum sfs_err to errno, for replies to the kernel. EBADMSG for bad documents, because
 * tools print nonsense for EINVAL (mv: "cannot move to a subdirectory of itself").
 */
#include <errno.h>
#include <storefs/err.h>
#include "fs_errno.h"

static int outcome(enum sfs_err err)
{
	switch (err) {
	case SFS_OK: return 0;
	case SFS_ERR_NOT_FOUND: return ENOENT;
	case SFS_ERR_EXISTS: return EEXIST;
	case SFS_ERR_NOT_EMPTY: return ENOTEMPTY;
	case SFS_ERR_CONFLICT: return ESTALE;
	case SFS_ERR_BUSY: return EBUSY;
	case SFS_ERR_READ_ONLY: return EROFS;
	case SFS_ERR_LIMIT: return EFBIG;
	case SFS_ERR_NAME:
	case SFS_ERR_INVALID:
	case SFS_ERR_LOOP: return EINVAL;
	case SFS_ERR_BAD_DOCUMENT: return EBADMSG;
	case SFS_ERR_UNSUPPORTED: return EOPNOTSUPP;
	case SFS_ERR_NOT_DIR: return ENOTDIR;
	case SFS_ERR_IS_DIR: return EISDIR;
	case SFS_ERR_WRONG_KIND: return EPERM;
	case SFS_ERR_CROSS: return EXDEV;
	case SFS_ERR_CANCELLED: return EINTR;
	case SFS_ERR_NOT_READY: return EAGAIN;
	case SFS_ERR_NO_MEMORY: return ENOMEM;
	case SFS_ERR_NO_SPACE: return ENOSPC;
	case SFS_ERR_PERMISSION: return EACCES;
	case SFS_ERR_NO_FILES: return EMFILE;
	case SFS_ERR_NOT_STORE:
	case SFS_ERR_IO:
	case SFS_ERR_CORRUPT:
	case SFS_ERR_VERSION: return EIO;
	}
	return EIO; /* a number that is no member: a newer library */
}

int fs_errno(int err)
{
	return outcome((enum sfs_err)err);
}

int fs_errno_name(int err)
{
	return err == SFS_ERR_LIMIT ? ENAMETOOLONG : fs_errno(err);
}
