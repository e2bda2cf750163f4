/*
 * MIME types from libmagic: see mime.h. One data base for the process, one caller at a time: it is not
 * safe for threads, and takes some megabytes. Content is hostile: few bytes, small limits for what libmagic
 * follows, and nothing is unpacked or run.
 */
#include "mime.h"
#include <magic.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/cleanup.h"

#define FLAGS (MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_ELF)

static pthread_mutex_t magic_lock = PTHREAD_MUTEX_INITIALIZER;
static magic_t magic; /* NULL: not loaded; protected by magic_lock */

static void bound(magic_t cookie, int parameter, size_t value)
{
	/* A library that does not know the limit goes on with its own. */
	(void)!magic_setparam(cookie, parameter, &value);
}

static int load_locked(void)
{
	if (magic)
		return 0;
	magic_t cookie = magic_open(FLAGS);
	if (!cookie)
		return SFS_ERR_NO_MEMORY;
	if (magic_load(cookie, NULL) < 0) {
		magic_close(cookie);
		return SFS_ERR_UNSUPPORTED;
	}
	bound(cookie, MAGIC_PARAM_INDIR_MAX, 16);
	bound(cookie, MAGIC_PARAM_NAME_MAX, 30);
	bound(cookie, MAGIC_PARAM_BYTES_MAX, SFSI_MIME_BYTES);
	magic = cookie;
	return 0;
}

/** What it says is trusted no further than its shape: letters/letters. */
static bool is_type(const char *text)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		"/+-._";
	size_t len = strlen(text);
	return len > 0 && len < SFSI_MIME_SIZE && strspn(text, allowed) == len && strchr(text, '/');
}

int sfsi_mime_of(struct sfs_span bytes, char ret[SFSI_MIME_SIZE])
{
	size_t len = bytes.len < SFSI_MIME_BYTES ? bytes.len : SFSI_MIME_BYTES;
	/* As file(1) says it of a file; the library alone has another word. */
	if (len == 0) {
		snprintf(ret, SFSI_MIME_SIZE, "inode/x-empty");
		return 0;
	}
	SFSI_LOCK_SCOPE(&magic_lock);
	int err = load_locked();
	if (err < 0)
		return err;
	const char *text = magic_buffer(magic, bytes.data, len);
	snprintf(ret, SFSI_MIME_SIZE, "%s",
		 text && is_type(text) ? text : "application/octet-stream");
	return 0;
}
