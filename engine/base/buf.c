/* Growing byte buffer: the one place that allocates for sfs_buf. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <storefs/buf.h>

void sfs_buf_fini(struct sfs_buf *buf)
{
	free(buf->data);
	*buf = (struct sfs_buf)SFS_BUF_INIT;
}

int sfs_buf_reserve(struct sfs_buf *buf, size_t more)
{
	if (more <= buf->cap - buf->len)
		return 0;
	if (more > SFS_BUF_MAX - buf->len)
		return SFS_ERR_LIMIT;
	size_t want = buf->len + more;
	size_t cap = buf->cap < 64 ? 64 : buf->cap;
	while (cap < want)
		cap += cap / 2;
	if (cap > SFS_BUF_MAX)
		cap = SFS_BUF_MAX;
	void *data = realloc(buf->data, cap);
	if (!data)
		return SFS_ERR_NO_MEMORY;
	buf->data = data;
	buf->cap = cap;
	return 0;
}

int sfs_buf_append(struct sfs_buf *buf, const void *data, size_t len)
{
	int err = sfs_buf_reserve(buf, len);
	if (err < 0)
		return err;
	if (len)
		memcpy((char *)buf->data + buf->len, data, len);
	buf->len += len;
	return 0;
}

int sfs_buf_resize(struct sfs_buf *buf, size_t len)
{
	if (len > buf->len) {
		int err = sfs_buf_reserve(buf, len - buf->len);
		if (err < 0)
			return err;
		memset((char *)buf->data + buf->len, 0, len - buf->len);
	}
	buf->len = len;
	return 0;
}

int sfs_buf_printf(struct sfs_buf *buf, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int need = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (need < 0)
		return SFS_ERR_INVALID;
	/* One byte more than counted: vsnprintf ends with a NUL. */
	int err = sfs_buf_reserve(buf, (size_t)need + 1);
	if (err < 0)
		return err;
	va_start(args, fmt);
	vsnprintf((char *)buf->data + buf->len, (size_t)need + 1, fmt, args);
	va_end(args);
	buf->len += (size_t)need;
	return 0;
}
