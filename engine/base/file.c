/* See file.h. */
#include "base/file.h"
#include <errno.h>
#include <unistd.h>
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
