/* See file.h. */
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/cleanup.h"
#include "base/errno.h"

int sfsi_pread_all(int fd, void *dst, size_t len, uint64_t off, size_t *ret_len)
{
	size_t done = 0;
	while (done < len) {
		ssize_t got = pread(fd, (char *)dst + done, len - done, (off_t)(off + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return sfsi_err_from_errno(errno);
		if (got == 0)
			break;
		done += (size_t)got;
	}
	*ret_len = done;
	return 0;
}

int sfsi_pwrite_all(int fd, const void *src, size_t len, uint64_t off)
{
	for (size_t done = 0; done < len;) {
		ssize_t put = pwrite(fd, (const char *)src + done, len - done, (off_t)(off + done));
		if (put < 0 && errno != EINTR)
			return sfsi_err_from_errno(errno);
		done += put > 0 ? (size_t)put : 0;
	}
	return 0;
}

int sfsi_write_all(int fd, struct sfs_span bytes)
{
	for (size_t done = 0; done < bytes.len;) {
		ssize_t put = write(fd, (const char *)bytes.data + done, bytes.len - done);
		if (put < 0 && errno != EINTR)
			return sfsi_err_from_errno(errno);
		done += put > 0 ? (size_t)put : 0;
	}
	return 0;
}

int sfsi_file_load(int dir_fd, const char *name, size_t max, struct sfs_buf *ret)
{
	SFSI_AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t got = 0;
	if (fd < 0)
		return sfsi_err_from_errno(errno);
	int err = sfs_buf_reserve(ret, max + 1);
	if (!err)
		err = sfsi_pread_all(fd, (char *)ret->data + ret->len, max + 1, 0, &got);
	if (!err && got > max)
		err = SFS_ERR_LIMIT;
	if (!err)
		ret->len += got;
	return err;
}

int sfsi_file_replace(int dir_fd, const char *name, struct sfs_span bytes)
{
	char temp[64];
	if (snprintf(temp, sizeof temp, "%s.tmp", name) >= (int)sizeof temp)
		return SFS_ERR_LIMIT;
	SFSI_AUTO_FD int fd = openat(dir_fd, temp,
				     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return sfsi_err_from_errno(errno);
	int err = sfsi_write_all(fd, bytes);
	if (!err &&
	    (fsync(fd) < 0 || renameat(dir_fd, temp, dir_fd, name) < 0 || fsync(dir_fd) < 0))
		err = sfsi_err_from_errno(errno);
	return err;
}

bool sfsi_file_is_other(int dir_fd, const char *name)
{
	struct stat st;
	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode);
}
