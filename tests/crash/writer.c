/*
 * Saves, renames and removes in every way, and notes in a log what it is about to do, what was
 * acknowledged and what failed.
 *
 *     writer [-t THREADS] [-c CHANGES] [-s SEED] [-f] [-k] MOUNT LOG
 *
 * Each thread makes CHANGES changes of its own names (mark.h) with numbers from SEED on (default:
 * until a call fails because the daemon is gone). First they look at what is there; then "ready" is
 * printed, and from then on the daemon may die. -f: fsync is never called.
 * -k: one change of each kind, keep going when a call fails, say which, and look at what is there then: old or new is
 * right, all else ends with exit code 3. At the end one line: how many changes, how many acknowledged.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include "content.h"
#include "log.h"

struct worker {
	pthread_t thread;
	unsigned number;
	uint64_t random, version;
	uint64_t state[SLOTS + SHARED];
	uint32_t op;
	unsigned long acknowledged, failed;
	bool gone, bad;   /* the daemon does not answer; something half was seen */
	struct mark mark; /* of the change that is being made */
};

static struct {
	const char *mount;
	int log;
	unsigned threads;
	unsigned long changes;
	uint64_t seed;
	bool no_fsync, keep_going;
	pthread_barrier_t looked;
} job = { .threads = 1, .changes = UINT32_MAX, .seed = 1 };

static unsigned roll(struct worker *w, unsigned sides)
{
	w->random = w->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(w->random >> 33) % sides;
}

static uint64_t new_version(struct worker *w)
{
	return w->version += (uint64_t)16 * THREADS_MAX;
}

/* --- marks --- */

static void note(struct worker *w, enum mark_kind kind)
{
	w->mark.kind = (uint8_t)kind;
	w->mark.thread = (uint8_t)w->number;
	w->mark.op = w->op;
	struct log_record record = { .head = { .type = LOG_MARK, .data_len = sizeof w->mark },
				     .data = &w->mark };
	if (!log_append(job.log, &record)) {
		perror("log");
		exit(2);
	}
}

static void intend(struct worker *w, unsigned slot, uint64_t state, bool in_place)
{
	w->mark = (struct mark){ .in_place = in_place, .count = 1 };
	w->mark.change[0].slot = slot;
	w->mark.change[0].state = state;
}

static void intend_also(struct worker *w, unsigned slot, uint64_t state)
{
	w->mark.change[w->mark.count].slot = slot;
	w->mark.change[w->mark.count++].state = state;
}

static void begin(struct worker *w)
{
	w->op++;
	note(w, MARK_INTENT);
}

static void look_again(struct worker *w, const struct mark *failed, unsigned slot);

static bool daemon_is_gone(int error)
{
	return error == ENOTCONN || error == ECONNABORTED || error == ECONNREFUSED;
}

/** The change is made, or it failed with errno. */
static void end(struct worker *w, bool good, const char *call)
{
	if (good) {
		note(w, MARK_ACK);
		w->acknowledged++;
		for (unsigned i = 0; i < w->mark.count; i++)
			w->state[w->mark.change[i].slot] = w->mark.change[i].state;
		return;
	}
	int error = errno;
	w->failed++;
	note(w, MARK_FAIL);
	w->gone = daemon_is_gone(error) || !job.keep_going;
	if (w->gone)
		return;
	printf("%s %s\n", call, strerrorname_np(error));
	struct mark failed = w->mark;
	for (unsigned i = 0; i < failed.count; i++)
		look_again(w, &failed, failed.change[i].slot);
}

static void set(struct worker *w, unsigned slot, uint64_t state)
{
	w->state[slot] = state;
	intend(w, slot, state, false);
	note(w, MARK_SET);
}

static void complain(struct worker *w, unsigned slot, const char *what, int error)
{
	char path[4096];
	slot_path(path, sizeof path, job.mount, w->number, slot);
	fprintf(stderr, "%s: %s%s%s\n", path, what, error ? ": " : "",
		error ? strerror(error) : "");
	w->bad = true;
}

/** After a failure: an object is whole, and one of those two. */
static bool is_old_or_new(const struct worker *w, const struct mark *failed, unsigned slot,
			  const struct seen *seen)
{
	if (seen->error || slot_kind(slot) != SLOT_OBJECT || seen->state == w->state[slot])
		return !seen->error;
	for (unsigned i = 0; i < failed->count; i++)
		if (failed->change[i].slot == slot && failed->change[i].state == seen->state)
			return true;
	return false;
}

/** The daemon hears of a close(2) a moment later: until then a new file is there and empty. */
static void look_again(struct worker *w, const struct mark *failed, unsigned slot)
{
	struct seen seen = slot_look(job.mount, w->number, slot);
	for (int tries = 0; tries < 100 && !is_old_or_new(w, failed, slot, &seen); tries++) {
		usleep(20000);
		free(seen.content.bytes);
		seen = slot_look(job.mount, w->number, slot);
	}
	if (!is_old_or_new(w, failed, slot, &seen))
		complain(w, slot,
			 seen.error ? "can not be read after a failure"
				    : "is neither old nor new after a failure",
			 seen.error);
	free(seen.content.bytes);
	set(w, slot, seen.state);
}

/* --- the ways of saving --- */

static bool write_all(int fd, const char *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		/* In pieces: a kill may come between them. */
		size_t piece = len - done < 70000 ? len - done : 70000;
		ssize_t put = write(fd, bytes + done, piece);
		if (put < 0)
			return false;
		done += (size_t)put;
	}
	return true;
}

/** Sync what was saved, and note it: everything before is safe now. */
static bool sync_now(struct worker *w, int fd)
{
	if (fsync(fd) < 0)
		return false;
	note(w, MARK_DURABLE);
	return true;
}

/** Write bytes into a slot's file; the change was intended. */
static void save(struct worker *w, unsigned slot, int flags, size_t skip, bool with_sync)
{
	char path[4096];
	struct content content = content_of(slot_kind(slot), w->mark.change[0].state);
	slot_path(path, sizeof path, job.mount, w->number, slot);
	begin(w);
	const char *call = "open";
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
	bool good = fd >= 0;
	if (good)
		good = (call = "write", write_all(fd, content.bytes + skip, content.len - skip));
	if (good && with_sync && !job.no_fsync)
		good = (call = "fsync", sync_now(w, fd));
	int error = errno;
	if (fd >= 0 && close(fd) < 0 && good) {
		good = false;
		call = "close";
		error = errno;
	}
	free(content.bytes);
	errno = error;
	end(w, good, call);
}

static void save_new(struct worker *w, unsigned slot, bool with_sync)
{
	intend(w, slot, new_version(w), slot_kind(slot) != SLOT_OBJECT);
	save(w, slot, O_TRUNC, 0, with_sync);
}

static void save_large(struct worker *w, unsigned slot)
{
	intend(w, slot, new_version(w) | VERSION_LARGE, false);
	save(w, slot, O_TRUNC, 0, false);
}

static void append(struct worker *w, unsigned slot, bool with_sync)
{
	uint64_t old = w->state[slot];
	if (!old || old == STATE_ANY || (old & APPENDS_MAX) == APPENDS_MAX) {
		save_new(w, slot, with_sync);
		return;
	}
	struct content before = content_of(slot_kind(slot), old);
	free(before.bytes);
	intend(w, slot, old + 1, slot_kind(slot) != SLOT_OBJECT);
	save(w, slot, O_APPEND, before.len, with_sync);
}

static unsigned meta_of(unsigned raw)
{
	return raw - RAW_FIRST + META_FIRST;
}

static void move(struct worker *w, unsigned from, unsigned to)
{
	char source[4096], target[4096];
	if (!w->state[from] || from == to)
		return;
	slot_path(source, sizeof source, job.mount, w->number, from);
	slot_path(target, sizeof target, job.mount, w->number, to);
	intend(w, to, w->state[from], false);
	intend_also(w, from, 0);
	if (slot_kind(from) == SLOT_RAW) {
		intend_also(w, meta_of(to), w->state[meta_of(from)]);
		intend_also(w, meta_of(from), 0);
	}
	begin(w);
	end(w, rename(source, target) == 0, "rename");
}

static void discard(struct worker *w, unsigned slot)
{
	char path[4096];
	if (!w->state[slot])
		return;
	slot_path(path, sizeof path, job.mount, w->number, slot);
	intend(w, slot, 0, false);
	if (slot_kind(slot) == SLOT_RAW)
		intend_also(w, meta_of(slot), 0);
	begin(w);
	end(w, unlink(path) == 0, "unlink");
}

/** All metadata of a raw as its document. */
static bool save_document(unsigned worker, unsigned raw, const char *value)
{
	char raw_path[4096], path[4200], text[64];
	slot_path(raw_path, sizeof raw_path, job.mount, worker, raw);
	snprintf(path, sizeof path, "%s/.storefs/meta%s.json", job.mount,
		 raw_path + strlen(job.mount));
	int len = snprintf(text, sizeof text, "{\"version\": \"%s\"}\n", value);
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool good = write_all(fd, text, (size_t)len);
	return close(fd) == 0 && good;
}

static void set_meta(struct worker *w, unsigned raw)
{
	char path[4096], value[32];
	bool document = roll(w, 3) == 0;
	if (!w->state[raw])
		return;
	intend(w, meta_of(raw), new_version(w), false);
	slot_path(path, sizeof path, job.mount, w->number, raw);
	int len = snprintf(value, sizeof value, "%llu",
			   (unsigned long long)w->mark.change[0].state);
	begin(w);
	if (document)
		end(w, save_document(w->number, raw, value), "save");
	else
		end(w, setxattr(path, "user.version", value, (size_t)len, 0) == 0, "setxattr");
}

/** Make a folder, or remove it when it is there. */
static void folder(struct worker *w, unsigned slot)
{
	char path[4096];
	if (slot == CLASS_SCRATCH - 1 && w->state[CLASS_SCRATCH])
		return;
	slot_path(path, sizeof path, job.mount, w->number, slot);
	bool make = !w->state[slot];
	intend(w, slot, make ? 1u : 0u, false);
	begin(w);
	end(w, (make ? mkdir(path, 0755) : rmdir(path)) == 0, make ? "mkdir" : "rmdir");
}

/** fsync of a folder: names are safe then. */
static void sync_folder(struct worker *w)
{
	char path[4096];
	if (job.no_fsync)
		return;
	snprintf(path, sizeof path, "%s/%s", job.mount, roll(w, 2) ? "Note" : "Image");
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->mark = (struct mark){ 0 };
	if (fd >= 0) {
		bool good = sync_now(w, fd);
		if (!good && job.keep_going)
			printf("fsync %s\n", strerrorname_np(errno));
		w->gone |= !good && (!job.keep_going || daemon_is_gone(errno));
		close(fd);
	}
}

/** As careful editors do. */
static void save_by_rename(struct worker *w, unsigned temp, unsigned slot)
{
	save_new(w, temp, roll(w, 4) == 0);
	if (!w->gone && w->state[temp] && w->state[temp] != STATE_ANY)
		move(w, temp, slot);
}

static void change_object(struct worker *w)
{
	unsigned slot = OBJECT_FIRST + roll(w, OBJECTS);
	switch (roll(w, 10)) {
	case 0:
	case 1:
	case 2: save_new(w, slot, roll(w, 6) == 0); break;
	case 3:
	case 4: save_by_rename(w, OBJECT_TEMP, slot); break;
	case 5: append(w, slot, roll(w, 6) == 0); break;
	case 6:
		/* Now and then out of the objects, into a scratch file. */
		move(w, slot, OBJECT_FIRST + roll(w, OBJECTS + 1));
		break;
	case 7: discard(w, slot); break;
	case 8: save_new(w, SHARED_FIRST + roll(w, SHARED), false); break;
	default: sync_folder(w); break;
	}
}

static void change_raw(struct worker *w)
{
	unsigned slot = RAW_FIRST + roll(w, RAWS);
	switch (roll(w, 10)) {
	case 0:
	case 1: save_new(w, slot, roll(w, 3) == 0); break;
	case 2:
	case 3: save_by_rename(w, RAW_TEMP, slot); break;
	case 4: append(w, slot, roll(w, 3) == 0); break;
	case 5: move(w, slot, RAW_FIRST + roll(w, RAWS)); break;
	case 6: discard(w, slot); break;
	default: set_meta(w, slot); break;
	}
}

static void change_folder(struct worker *w)
{
	unsigned which = roll(w, DIRS + CLASSES + 2);
	if (which < DIRS + CLASSES)
		folder(w, DIR_FIRST + which);
	else if (w->state[CLASS_SCRATCH])
		discard(w, CLASS_SCRATCH);
	else if (w->state[CLASS_SCRATCH - 1])
		save_new(w, CLASS_SCRATCH, false);
	else
		folder(w, CLASS_SCRATCH - 1);
}

static void change_any(struct worker *w)
{
	unsigned what = roll(w, 12);
	if (what == 0)
		change_folder(w);
	else if (what < 4)
		change_raw(w);
	else
		change_object(w);
}

/* --- one of each, for faults --- */

static void change_each(struct worker *w)
{
	save_new(w, OBJECT_FIRST, false);
	save_new(w, OBJECT_FIRST + 1, true);
	save_new(w, OBJECT_TEMP, true);
	/* A part of a text is no document, and a rename of it is refused, rightly. */
	if (w->state[OBJECT_TEMP] != STATE_ANY)
		move(w, OBJECT_TEMP, OBJECT_FIRST);
	append(w, OBJECT_FIRST, false);
	move(w, OBJECT_FIRST, OBJECT_FIRST + 2);
	save_new(w, OBJECT_FIRST + 1, false);
	discard(w, OBJECT_FIRST + 1);
	save_new(w, RAW_FIRST, false);
	set_meta(w, RAW_FIRST);
	save_new(w, RAW_FIRST + 1, true);
	append(w, RAW_FIRST + 1, true);
	save_new(w, RAW_TEMP, false);
	move(w, RAW_TEMP, RAW_FIRST);
	discard(w, RAW_FIRST + 1);
	folder(w, DIR_FIRST);
	if (!w->state[CLASS_SCRATCH - 1])
		folder(w, CLASS_SCRATCH - 1);
	if (w->state[CLASS_SCRATCH - 1])
		save_new(w, CLASS_SCRATCH, false);
	discard(w, CLASS_SCRATCH);
	folder(w, CLASS_SCRATCH - 1);
	sync_folder(w);
	save_large(w, OBJECT_FIRST + 3);
	save_new(w, OBJECT_FIRST + 3, true);
}

/* --- threads --- */

/** Start from what is there. What a crash left half written goes first. */
static void look_at_all(struct worker *w)
{
	for (unsigned slot = 0; slot < SLOTS + SHARED; slot++) {
		struct seen seen = slot_look(job.mount, w->number, slot);
		/* A read may be what the fault meets. */
		if (seen.error && job.keep_going)
			seen = slot_look(job.mount, w->number, slot);
		free(seen.content.bytes);
		if (seen.error)
			complain(w, slot, "can not be read", seen.error);
		set(w, slot, seen.state);
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	look_at_all(w);
	pthread_barrier_wait(&job.looked);
	if (job.keep_going)
		change_each(w);
	for (unsigned long i = 0; i < job.changes && !w->gone && !job.keep_going; i++)
		change_any(w);
	return NULL;
}

static int run(void)
{
	static struct worker workers[THREADS_MAX];
	unsigned long changes = 0, acknowledged = 0;
	bool bad = false;
	pthread_barrier_init(&job.looked, NULL, job.threads + 1);
	for (unsigned i = 0; i < job.threads; i++) {
		workers[i].number = i;
		workers[i].random = job.seed * 31 + i;
		workers[i].version = (job.seed << 32) + (uint64_t)16 * i;
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	pthread_barrier_wait(&job.looked);
	if (!job.keep_going) {
		puts("ready");
		fflush(stdout);
	}
	for (unsigned i = 0; i < job.threads; i++) {
		pthread_join(workers[i].thread, NULL);
		changes += workers[i].op;
		acknowledged += workers[i].acknowledged;
		bad |= workers[i].bad;
	}
	fprintf(stderr, "%lu changes, %lu acknowledged\n", changes, acknowledged);
	return bad ? 3 : 0;
}

int main(int argc, char **argv)
{
	int option;
	while ((option = getopt(argc, argv, "t:c:s:fk")) != -1) {
		switch (option) {
		case 't': job.threads = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'c': job.changes = strtoul(optarg, NULL, 10); break;
		case 's': job.seed = strtoull(optarg, NULL, 10); break;
		case 'f': job.no_fsync = true; break;
		case 'k': job.keep_going = true; break;
		default: return 2;
		}
	}
	if (argc - optind != 2 || job.threads > THREADS_MAX) {
		fputs("usage: writer [-t THREADS] [-c CHANGES] [-s SEED] [-f] [-k] MOUNT LOG\n",
		      stderr);
		return 2;
	}
	job.mount = argv[optind];
	job.log = open(argv[optind + 1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (job.log < 0) {
		perror(argv[optind + 1]);
		return 2;
	}
	return run();
}
