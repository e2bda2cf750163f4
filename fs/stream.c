/*
 * Streams: see stream.h.
 */
#include <pthread.h>
#include <stdlib.h>
#include "refusal.h"
#include "stream.h"

/* What stays readable behind a reader: the kernel may ask for two pieces in any order. */
#define BEHIND ((size_t)1 << 20)
#define COOKIE_FIRST 3

struct fs_stream {
	struct fs *fs;
	const struct fs_view *view;
	bool write;
	pthread_mutex_t lock; /* protects all below, and is held while the kind of view works */
	void *cursor;
	bool used;  /* the cursor gave something */
	bool ended; /* there is nothing behind the window */
	/* Bytes of a file, or entries: struct head and a name with its NUL. */
	struct sfs_buf window;
	uint64_t base; /* offset, or number, of the first thing in the window */
	uint64_t next; /* number of the entry behind the window; offset of what is written next */
	bool begun;    /* something was written */
	int verdict;
};

/* Before the name of an entry. */
struct head {
	uint64_t number;
	mode_t type;
	uint32_t len; /* of all of it */
};

int fs_stream_new(struct fs *fs, const struct fs_view *view, bool write, struct fs_stream **ret)
{
	struct fs_stream *stream = calloc(1, sizeof *stream);
	if (!stream)
		return SFS_ERR_NO_MEMORY;
	stream->fs = fs;
	stream->view = view;
	stream->write = write;
	pthread_mutex_init(&stream->lock, NULL);
	int err = view->ops->open(fs, view, write, &stream->cursor);
	if (err < 0) {
		pthread_mutex_destroy(&stream->lock);
		free(stream);
		return err;
	}
	*ret = stream;
	return 0;
}

void fs_stream_free(struct fs_stream *stream)
{
	if (!stream)
		return;
	if (stream->cursor)
		stream->view->ops->close(stream->cursor, stream->write);
	sfs_buf_fini(&stream->window);
	pthread_mutex_destroy(&stream->lock);
	free(stream);
}

/** From the start again. */
static int restart(struct fs_stream *stream)
{
	if (stream->cursor && !stream->used)
		return 0;
	if (stream->cursor)
		stream->view->ops->close(stream->cursor, false);
	stream->cursor = NULL;
	stream->window.len = 0;
	stream->base = stream->next = 0;
	stream->used = stream->ended = false;
	return stream->view->ops->open(stream->fs, stream->view, false, &stream->cursor);
}

static void drop(struct sfs_buf *window, size_t len)
{
	if (len == 0)
		return;
	memmove(window->data, (char *)window->data + len, window->len - len);
	window->len -= len;
}

/* --- directories --- */

/** One more entry into the window. 0, 1: the end. */
static int add_entry(struct fs_stream *stream)
{
	struct fs_view_entry entry;
	if (stream->ended)
		return 1;
	stream->used = true;
	int err = stream->view->ops->next(stream->cursor, &entry);
	stream->ended = err == 1;
	if (err)
		return err;
	size_t name = strlen(entry.name) + 1;
	struct head head = { entry.number, entry.type, (uint32_t)(sizeof head + name) };
	err = sfs_buf_reserve(&stream->window, head.len);
	if (!err)
		err = sfs_buf_append(&stream->window, &head, sizeof head);
	if (!err)
		err = sfs_buf_append(&stream->window, entry.name, name);
	stream->next += !err;
	return err;
}

/** Entries from a number on, the first of which is at the start of the window or behind it. */
static int give(struct fs_stream *stream, uint64_t from, fs_view_list_fn *fn, void *arg)
{
	size_t at = 0, gone = 0;
	int err = 0;
	for (uint64_t number = stream->base; !err; number++) {
		struct head head;
		if (number == stream->next)
			err = add_entry(stream);
		if (err)
			break;
		const char *bytes = (const char *)stream->window.data + at;
		memcpy(&head, bytes, sizeof head);
		at += head.len;
		if (number < from) {
			gone = at;
			stream->base = number + 1;
		} else if (fn(arg, bytes + sizeof head, head.type, head.number,
			      COOKIE_FIRST + number)) {
			break;
		}
		/* On the way to a far place nothing is kept. */
		if (gone > BEHIND) {
			drop(&stream->window, gone);
			at = gone = 0;
		}
	}
	drop(&stream->window, gone);
	return err < 0 ? err : 0;
}

int fs_stream_list(struct fs_stream *stream, uint64_t after, fs_view_list_fn *fn, void *arg)
{
	uint64_t from = after < COOKIE_FIRST ? 0 : after - COOKIE_FIRST + 1;
	int err = 0;
	pthread_mutex_lock(&stream->lock);
	if (after == 0 || from < stream->base || !stream->cursor)
		err = restart(stream);
	if (!err)
		err = give(stream, from, fn, arg);
	pthread_mutex_unlock(&stream->lock);
	return err;
}

/* --- files --- */

/** Make the window reach up to an offset, or to the end. */
static int fill(struct fs_stream *stream, uint64_t off, uint64_t end)
{
	int err = 0;
	while (!err && !stream->ended && stream->base + stream->window.len < end) {
		stream->used = true;
		err = stream->view->ops->read(stream->cursor, &stream->window);
		stream->ended = err == 1;
		uint64_t keep = off > BEHIND ? off - BEHIND : 0;
		uint64_t have = stream->base + stream->window.len;
		uint64_t until = keep < have ? keep : have;
		/* Not for each piece: what is kept is moved. */
		if (until >= stream->base + 2 * BEHIND || until == have) {
			drop(&stream->window, (size_t)(until - stream->base));
			stream->base = until;
		}
	}
	return err < 0 ? err : 0;
}

int fs_stream_read(struct fs_stream *stream, uint64_t off, size_t size, struct sfs_buf *ret)
{
	int err = 0;
	uint64_t end = size > UINT64_MAX - off ? UINT64_MAX : off + size;
	pthread_mutex_lock(&stream->lock);
	if (off < stream->base || !stream->cursor)
		err = restart(stream);
	if (!err)
		err = fill(stream, off, end);
	uint64_t have = stream->base + stream->window.len;
	if (!err && off < have) {
		size_t at = (size_t)(off - stream->base), rest = stream->window.len - at;
		err = sfs_buf_append(ret, (const char *)stream->window.data + at,
				     rest < size ? rest : size);
	}
	pthread_mutex_unlock(&stream->lock);
	return err;
}

/* --- writing --- */

int fs_stream_take(struct fs_stream *stream, uint64_t off, struct sfs_span data)
{
	int err = 0;
	pthread_mutex_lock(&stream->lock);
	/* Where it begins depends on what the kernel believes of the size. */
	if (!stream->begun)
		stream->next = off;
	stream->begun = true;
	if (off != stream->next) {
		fs_refusal_because("lines are taken one behind the other: this file can not be "
				   "written at any place");
		err = SFS_ERR_INVALID;
	}
	if (!err)
		err = stream->view->ops->take(stream->cursor, data);
	if (!err)
		stream->next += data.len;
	pthread_mutex_unlock(&stream->lock);
	return err;
}

int fs_stream_verdict(struct fs_stream *stream, bool closing)
{
	pthread_mutex_lock(&stream->lock);
	int err = stream->view->ops->verdict(stream->cursor, closing);
	pthread_mutex_unlock(&stream->lock);
	return err;
}
