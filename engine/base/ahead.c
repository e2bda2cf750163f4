/*
 * See ahead.h. Pieces are in a ring: the thread fills what the caller has given back, in order.
 */
#include "base/ahead.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/errno.h"
#include "base/quiet.h"

#define PIECES 3
/* From the page cache it is copied, which can take long where the memory of the machine is not all there. */
#define CACHED_AT_ONCE ((size_t)32 << 10)

struct piece {
	char *bytes; /* [ahead->room] */
	size_t len;
	int err;
};

struct sfsi_ahead {
	int fd;
	size_t room; /* of a piece */
	uint64_t off;
	struct piece pieces[PIECES];
	bool ended; /* the caller had the last one */
	bool threaded;
	pthread_t thread;
	pthread_mutex_t lock; /* protects all below */
	pthread_cond_t changed;
	uint64_t filled,
		given; /* so many pieces; filled - given are ready, one of them with the caller */
	bool held;     /* the caller has one */
	bool stop;
};

bool sfsi_file_direct(int fd, bool direct)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return false;
	int wanted = direct ? flags | O_DIRECT : flags & ~O_DIRECT;
	return wanted == flags || fcntl(fd, F_SETFL, wanted) == 0;
}

/** Is an error of a read, or a part of one, what going around the page cache gives at the end of a file? */
static bool can_not_direct(int fd, ssize_t got, size_t wanted)
{
	bool odd = got < 0 ? errno == EINVAL : (size_t)got < wanted;
	return odd && (fcntl(fd, F_GETFL) & O_DIRECT) && sfsi_file_direct(fd, false);
}

/** From the page cache nobody has to wait for, and a second thread would only keep others from a processor. */
static bool needs_thread(const struct sfsi_ahead *ahead)
{
	return fcntl(ahead->fd, F_GETFL) & O_DIRECT;
}

/** Less than a whole piece only at the end of the file. */
static void fill(struct sfsi_ahead *ahead, struct piece *piece)
{
	piece->len = 0;
	piece->err = 0;
	while (piece->len < ahead->room) {
		size_t wanted = ahead->room - piece->len;
		size_t most = needs_thread(ahead) ? SFSI_FILE_AT_ONCE : CACHED_AT_ONCE;
		if (wanted > most)
			wanted = most;
		ssize_t got = pread(ahead->fd, piece->bytes + piece->len, wanted,
				    (off_t)ahead->off);
		if (got < 0 && errno == EINTR)
			continue;
		bool again = can_not_direct(ahead->fd, got, wanted);
		if (got > 0) {
			piece->len += (size_t)got;
			ahead->off += (uint64_t)got;
			sfsi_quiet_pause();
		} else if (!again) {
			piece->err = got < 0 ? sfsi_err_from_errno(errno) : 0;
			break;
		}
	}
	size_t odd = piece->len % SFSI_DIRECT_ALIGN;
	if (odd)
		memset(piece->bytes + piece->len, 0, SFSI_DIRECT_ALIGN - odd);
}

static bool is_last(const struct sfsi_ahead *ahead, const struct piece *piece)
{
	return piece->err < 0 || piece->len < ahead->room;
}

static void *run(void *arg)
{
	struct sfsi_ahead *ahead = arg;
	bool more = true;
	pthread_mutex_lock(&ahead->lock);
	while (more && !ahead->stop) {
		if (ahead->filled - ahead->given == PIECES) {
			pthread_cond_wait(&ahead->changed, &ahead->lock);
			continue;
		}
		struct piece *piece = &ahead->pieces[ahead->filled % PIECES];
		pthread_mutex_unlock(&ahead->lock);
		fill(ahead, piece);
		pthread_mutex_lock(&ahead->lock);
		more = !is_last(ahead, piece);
		ahead->filled++;
		pthread_cond_signal(&ahead->changed);
	}
	pthread_mutex_unlock(&ahead->lock);
	return NULL;
}

/** What has to be read: one piece, or a ring of them. */
static int make_room(struct sfsi_ahead *ahead, uint64_t size)
{
	/* One byte more than expected: its end is seen at once. */
	bool small = size < SFSI_AHEAD_PIECE;
	size_t align = SFSI_DIRECT_ALIGN;
	ahead->room = small ? ((size_t)size / align + 1) * align : SFSI_AHEAD_PIECE;
	for (size_t i = 0; i < (small ? 1 : PIECES); i++) {
		ahead->pieces[i].bytes = aligned_alloc(align, ahead->room);
		if (!ahead->pieces[i].bytes)
			return SFS_ERR_NO_MEMORY;
	}
	ahead->threaded = !small && needs_thread(ahead) &&
			  pthread_create(&ahead->thread, NULL, run, ahead) == 0;
	return 0;
}

int sfsi_ahead_begin(int fd, uint64_t size, struct sfsi_ahead **ret)
{
	struct sfsi_ahead *ahead = calloc(1, sizeof *ahead);
	if (!ahead)
		return SFS_ERR_NO_MEMORY;
	ahead->fd = fd;
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->changed, NULL);
	int err = make_room(ahead, size);
	if (err < 0) {
		sfsi_ahead_end(ahead);
		return err;
	}
	*ret = ahead;
	return 0;
}

/** The piece that the caller had is free, and it waits for the next one. */
static struct piece *wait_for_piece(struct sfsi_ahead *ahead)
{
	SFSI_LOCK_SCOPE(&ahead->lock);
	if (ahead->held) {
		ahead->given++;
		pthread_cond_signal(&ahead->changed);
	}
	while (ahead->filled == ahead->given)
		pthread_cond_wait(&ahead->changed, &ahead->lock);
	ahead->held = true;
	return &ahead->pieces[ahead->given % PIECES];
}

int sfsi_ahead_next(struct sfsi_ahead *ahead, struct sfs_span *ret)
{
	struct piece *piece = &ahead->pieces[0];
	if (ahead->ended)
		return 1;
	if (ahead->threaded)
		piece = wait_for_piece(ahead);
	else
		fill(ahead, piece);
	ahead->ended = is_last(ahead, piece);
	if (piece->err < 0)
		return piece->err;
	if (piece->len == 0)
		return 1;
	*ret = (struct sfs_span){ piece->bytes, piece->len };
	return 0;
}

void sfsi_ahead_end(struct sfsi_ahead *ahead)
{
	if (!ahead)
		return;
	if (ahead->threaded) {
		pthread_mutex_lock(&ahead->lock);
		ahead->stop = true;
		pthread_cond_signal(&ahead->changed);
		pthread_mutex_unlock(&ahead->lock);
		pthread_join(ahead->thread, NULL);
	}
	for (size_t i = 0; i < PIECES; i++)
		free(ahead->pieces[i].bytes);
	pthread_cond_destroy(&ahead->changed);
	pthread_mutex_destroy(&ahead->lock);
	free(ahead);
}
