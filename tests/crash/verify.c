/*
 * Is the mount what the writer's log allows?
 *
 *     verify kill|cut LOG POSITION MOUNT
 *
 * For each thread there must be one of its changes after which everything is as it is seen:
 * kill: the last that was acknowledged, or the one that was being made; cut: any from the last that an
 * fsync made safe, up to the last that was begun before POSITION. So nothing is lost, half, or
 * mixed. And of two threads: what ended before something that is there began is there as well.
 *
 * Plain files written in place keep what any file system keeps: after a kill what was written
 * so far; after a cut the bytes that were synced and not written to since, in full (what was only
 * appended to keeps its beginning), and a raw that was moved over another is whole.
 *
 * Prints "ok" and counts, or what is wrong, and exits 1.
 */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "content.h"
#include "log.h"

/** A change as it was noted. */
struct step {
	struct mark mark;
	uint64_t begun, ended; /* positions; ended 0: not acknowledged */
	uint64_t over;         /* in_place: the version that was written over */
	bool replaces;         /* moved over something, or an object that became a scratch file */
};

struct thread {
	struct step *steps;
	size_t count, cap;
	size_t safe;        /* steps before this are safe from a power cut */
	uint64_t *versions; /* of bytes that are safe */
	size_t version_count;
	uint64_t state[SLOTS];
	struct seen seen[SLOTS];
	size_t first, last; /* the first and the last step after which it looks as it does */
};

static struct thread threads[THREADS_MAX];
static unsigned thread_count;
static bool is_cut;
static const char *mount;
static int problems;

__attribute__((format(printf, 1, 2))) static void problem(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	problems++;
}

static void *grown(void *array, size_t count, size_t item)
{
	if (count & (count - 1))
		return array;
	void *more = realloc(array, (count ? count * 2 : 1) * item);
	if (!more)
		exit(2);
	return more;
}

/* --- the log --- */

static void step_add(struct thread *t, const struct mark *mark, uint64_t position)
{
	t->steps = grown(t->steps, t->count, sizeof *t->steps);
	t->steps[t->count++] = (struct step){ *mark, position,
					      mark->kind == MARK_SET ? position : 0, 0, false };
}

static bool has_bytes(unsigned slot)
{
	return slot < SLOTS && (slot_kind(slot) == SLOT_RAW || slot_kind(slot) == SLOT_SCRATCH);
}

static void durable(struct thread *t, const struct mark *mark)
{
	t->safe = t->count;
	if (mark->count == 0 || !has_bytes(mark->change[0].slot))
		return;
	t->versions = grown(t->versions, t->version_count, sizeof *t->versions);
	t->versions[t->version_count++] = mark->change[0].state;
}

static void take_mark(const struct mark *mark, uint64_t position)
{
	struct thread *t = &threads[mark->thread % THREADS_MAX];
	if (mark->thread >= thread_count)
		thread_count = mark->thread + 1u;
	switch ((enum mark_kind)mark->kind) {
	case MARK_SET: step_add(t, mark, position); break;
	case MARK_INTENT: step_add(t, mark, position); break;
	case MARK_ACK: t->steps[t->count - 1].ended = position; break;
	case MARK_FAIL: break;
	case MARK_DURABLE: durable(t, mark); break;
	}
}

static void read_log(const char *path, uint64_t position)
{
	struct log_map map = log_map(path);
	struct log_record r;
	for (uint64_t at = 0; log_next(&map, at, position, &r); at = r.end) {
		struct mark mark;
		if (r.head.type != LOG_MARK || r.head.data_len != sizeof mark)
			continue;
		memcpy(&mark, r.data, sizeof mark);
		take_mark(&mark, r.position);
	}
}

/* --- states --- */

static void step_apply(struct thread *t, struct step *step)
{
	for (unsigned i = 0; i < step->mark.count; i++) {
		unsigned slot = step->mark.change[i].slot;
		if (slot >= SLOTS)
			continue;
		if (i == 0 && step->mark.in_place)
			step->over = t->state[slot];
		else if (i == 0 && step->mark.count > 1)
			step->replaces = t->state[slot] != 0 || slot_kind(slot) == SLOT_SCRATCH;
		t->state[slot] = step->mark.change[i].state;
	}
}

/** The step that is being made may have written a part of its bytes. */
static bool is_part(const struct thread *t, unsigned slot, const struct step *next)
{
	const struct seen *seen = &t->seen[slot];
	if (!next || next->ended || !next->mark.in_place || next->mark.change[0].slot != slot)
		return false;
	uint64_t version = next->mark.change[0].state;
	struct content whole = content_of(slot_kind(slot), version);
	bool part = seen->state && seen->content.len <= whole.len &&
		    memcmp(seen->content.bytes, whole.bytes, seen->content.len) == 0;
	free(whole.bytes);
	if (part && (version & APPENDS_MAX)) {
		struct content before = content_of(slot_kind(slot), version - 1);
		part = seen->content.len >= before.len;
		free(before.bytes);
	}
	return part;
}

static bool slot_matches(const struct thread *t, unsigned slot, const struct step *next)
{
	uint64_t state = t->state[slot], seen = t->seen[slot].state;
	if (seen == state)
		return true;
	if (!has_bytes(slot))
		return false;
	if (is_cut || state == STATE_ANY)
		return (seen != 0) == (state != 0);
	return is_part(t, slot, next);
}

/** The first slot that is not what it should be; SLOTS: all are. */
static unsigned mismatch(const struct thread *t, const struct step *next)
{
	for (unsigned slot = 0; slot < SLOTS; slot++)
		if (!slot_matches(t, slot, next))
			return slot;
	return SLOTS;
}

static void look(unsigned number)
{
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		struct seen *seen = &threads[number].seen[slot];
		*seen = slot_look(mount, number, slot);
		if (seen->error) {
			char path[4096];
			slot_path(path, sizeof path, mount, number, slot);
			problem("%s: %s", path, strerror(seen->error));
		}
	}
}

/* --- bytes after a power cut --- */

static bool is_safe(const struct thread *t, uint64_t version)
{
	for (size_t i = 0; i < t->version_count; i++)
		if (t->versions[i] == version)
			return true;
	return false;
}

/** The step that wrote over a version; NULL: none. */
static const struct step *written_over(const struct thread *t, uint64_t version)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->steps[i].mark.in_place && t->steps[i].over == version)
			return &t->steps[i];
	return NULL;
}

static bool is_appended(const struct step *over, uint64_t version)
{
	return over && over->mark.change[0].state == version + 1;
}

/** Was something written in place of a version, or of what had been appended to it? */
static bool is_overwritten(const struct thread *t, uint64_t version)
{
	const struct step *over = written_over(t, version);
	while (is_appended(over, version))
		over = written_over(t, ++version);
	return over;
}

/** By one of the first count steps. */
static bool moved_over(const struct thread *t, size_t count, uint64_t version)
{
	for (size_t i = 0; i < count; i++)
		if (t->steps[i].replaces && t->steps[i].mark.change[0].state == version)
			return true;
	return false;
}

/** Is everything of a slot's version there that must be? */
static bool bytes_fit(const struct thread *t, size_t count, unsigned slot)
{
	uint64_t version = t->state[slot];
	const struct seen *seen = &t->seen[slot];
	if (!version || version == STATE_ANY || seen->state == version)
		return true;
	bool appended = is_appended(written_over(t, version), version);
	bool must = is_safe(t, version) || moved_over(t, count, version);
	if (!must || is_overwritten(t, version))
		return true;
	struct content whole = content_of(slot_kind(slot), version);
	bool fits = appended && seen->content.len >= whole.len &&
		    memcmp(seen->content.bytes, whole.bytes, whole.len) == 0;
	free(whole.bytes);
	return fits;
}

/** After count steps: the first slot whose bytes are not what they should be; SLOTS: all are. */
static unsigned misfit(const struct thread *t, size_t count)
{
	for (unsigned slot = 0; slot < SLOTS; slot++)
		if (is_cut && has_bytes(slot) && !bytes_fit(t, count, slot))
			return slot;
	return SLOTS;
}

static void no_match(const struct thread *t, unsigned number, size_t step, unsigned slot)
{
	char path[4096];
	slot_path(path, sizeof path, mount, number, slot);
	problem("thread %u, after change %u (step %zu of %zu..%zu) there should be version %llx in "
		"slot %u, %s, but it holds %llx (%zu bytes)",
		number, t->steps[step].mark.op, step, t->safe, t->count,
		(unsigned long long)t->state[slot], slot, path,
		(unsigned long long)t->seen[slot].state, t->seen[slot].content.len);
}

/** Where the thread's steps end that must be there. */
static size_t required(const struct thread *t)
{
	size_t last = t->safe;
	for (size_t i = 0; i < t->count; i++)
		if ((t->steps[i].ended && !is_cut) ||
		    (t->steps[i].mark.kind == MARK_SET && i < SLOTS + SHARED))
			last = last > i + 1 ? last : i + 1;
	return last;
}

/** What steps do to versions that are there, whether or not the cut has kept them. */
static void steps_link(struct thread *t)
{
	for (size_t i = 0; i < t->count; i++)
		step_apply(t, &t->steps[i]);
	memset(t->state, 0, sizeof t->state);
}

/** The first slot that says that it does not look as after i steps; SLOTS: it does. */
static unsigned difference(const struct thread *t, size_t i)
{
	unsigned slot = mismatch(t, i < t->count ? &t->steps[i] : NULL);
	return slot < SLOTS ? slot : misfit(t, i);
}

static void match(unsigned number)
{
	struct thread *t = &threads[number];
	size_t from = required(t);
	bool found = false;
	steps_link(t);
	for (size_t i = 0; i <= t->count; i++) {
		if (i >= from && difference(t, i) == SLOTS) {
			t->first = found ? t->first : i;
			t->last = i;
			found = true;
		}
		if (i < t->count)
			step_apply(t, &t->steps[i]);
	}
	if (!found)
		problem("thread %u: after none of the changes %zu..%zu it looks like this", number,
			from, t->count);
}

/** How many of a thread's last steps are looked at when nothing matched: most is there mostly. */
#define EXPLAINED 8

/** Why nothing matched: the first difference after each of the last steps. */
static void explain(unsigned number)
{
	struct thread *t = &threads[number];
	memset(t->state, 0, sizeof t->state);
	size_t from = required(t);
	if (t->count > from + EXPLAINED)
		from = t->count - EXPLAINED;
	for (size_t i = 0; i <= t->count; i++) {
		unsigned slot = i >= from ? difference(t, i) : SLOTS;
		if (slot < SLOTS)
			no_match(t, number, i ? i - 1 : 0, slot);
		if (i < t->count)
			step_apply(t, &t->steps[i]);
	}
}

/* --- threads together --- */

/** Is something of one thread there, but not what another had ended before it began? */
static void order_check(unsigned number, unsigned other)
{
	const struct thread *t = &threads[number], *o = &threads[other];
	if (t->first == 0)
		return;
	const struct step *there = &t->steps[t->first - 1];
	for (size_t i = o->last; i < o->count; i++)
		if (o->steps[i].ended && o->steps[i].ended < there->begun)
			problem("thread %u: change %u is there; thread %u: change %u, which had "
				"ended before, is not",
				number, there->mark.op, other, o->steps[i].mark.op);
}

/* --- names that all threads save --- */

static bool is_superseded(const struct step *step, unsigned slot)
{
	for (unsigned n = 0; n < thread_count && !is_cut && step->ended; n++)
		for (size_t i = 0; i < threads[n].count; i++) {
			const struct step *other = &threads[n].steps[i];
			if (other->mark.kind == MARK_INTENT && other->mark.change[0].slot == slot &&
			    other->ended && other->begun > step->ended)
				return true;
		}
	return false;
}

static void shared_check(unsigned slot)
{
	struct seen seen = slot_look(mount, 0, slot);
	bool good = false;
	for (unsigned n = 0; n < thread_count && !good; n++)
		for (size_t i = 0; i < threads[n].count && !good; i++) {
			const struct step *step = &threads[n].steps[i];
			good = step->mark.change[0].slot == slot &&
			       step->mark.change[0].state == seen.state &&
			       !is_superseded(step, slot);
		}
	if (seen.error || !good)
		problem("slot %u of all threads: version %llx%s%s", slot,
			(unsigned long long)seen.state, seen.error ? ": " : "",
			seen.error ? strerror(seen.error)
				   : " was never saved, or later saves are lost");
	free(seen.content.bytes);
}

/* --- names that nobody made --- */

static bool is_known(const char *folder, const char *name)
{
	char path[4096], known[4096];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	for (unsigned n = 0; n < thread_count; n++)
		for (unsigned slot = 0; slot < SLOTS + SHARED; slot++) {
			slot_path(known, sizeof known, mount, n, slot);
			if (strcmp(path, known) == 0)
				return true;
		}
	return strcmp(folder, mount) == 0 &&
	       (strcmp(name, "Note") == 0 || strcmp(name, "Image") == 0);
}

static void names_check(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	if (!dir) {
		problem("%s: %s", folder, strerror(errno));
		return;
	}
	errno = 0;
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (!is_known(folder, entry->d_name))
			problem("%s/%s: nobody made this", folder, entry->d_name);
	}
	closedir(dir);
}

static void names_check_all(void)
{
	char path[4096];
	names_check(mount);
	snprintf(path, sizeof path, "%s/Note", mount);
	names_check(path);
	snprintf(path, sizeof path, "%s/Image", mount);
	names_check(path);
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fputs("usage: verify kill|cut LOG POSITION MOUNT\n", stderr);
		return 2;
	}
	is_cut = strcmp(argv[1], "cut") == 0;
	mount = argv[4];
	read_log(argv[2], strtoull(argv[3], NULL, 10));
	size_t steps = 0;
	for (unsigned n = 0; n < thread_count; n++) {
		int before = problems;
		look(n);
		match(n);
		if (problems > before)
			explain(n);
		steps += threads[n].count;
	}
	for (unsigned n = 0; n < thread_count && is_cut && !problems; n++)
		for (unsigned other = 0; other < thread_count; other++)
			order_check(n, other);
	for (unsigned slot = SHARED_FIRST; slot < SHARED_FIRST + SHARED && thread_count; slot++)
		shared_check(slot);
	names_check_all();
	if (!problems)
		printf("ok: %u threads, %zu steps\n", thread_count, steps);
	return problems ? 1 : 0;
}
