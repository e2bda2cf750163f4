/* The one mapping from errno to enum sfs_err. */
#ifndef SFSI_ERRNO_H
#define SFSI_ERRNO_H

#include <storefs/err.h>

/** The code for an errno value; anything unknown is SFS_ERR_IO. Never 0. */
SFS_MUST_CHECK int sfsi_err_from_errno(int error);

#endif
