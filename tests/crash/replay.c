/*
 * What a power cut may leave on a disk.
 *
 *     replay [-i all|logs] LOG POSITION SEED FOLDER
 *
 * Makes FOLDER, the store as it may be after the power went at a position of the log. All that
 * was synced by then is there. Of the rest the seed chooses, for each file on its own: nothing,
 * all, the first so many changes (the last of them torn), or some of the pages, each in one of its
 * versions. The changes of a folder that was not synced are kept up to some point, or some of them;
 * or, as a journal does it, those of all folders up to one point in time. -i: ignore syncs, all or
 * those of RocksDB's logs: then things must be lost (the tests of this test).
 *
 *     replay -n LOG         the first moment when the writer had noted all that was there, and the end
 *     replay -s LOG         how much was recorded
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "disk.h"
#include "mark.h"

#define PAGE 4096

/** What this cut does. */
struct cut {
	uint64_t seed;
	uint64_t journal; /* changes of folders before this are kept; 0: each folder on its own */
	bool bare, full;  /* every file: nothing, or all, of what was not synced */
};

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t x = a * 0x9e3779b97f4a7c15u + b + 0x7f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* --- the bytes of a file --- */

struct content {
	unsigned char *bytes;
	uint64_t size, cap;
};

static void content_reserve(struct content *content, uint64_t size)
{
	if (size <= content->cap)
		return;
	uint64_t cap = size + size / 2 + PAGE;
	content->bytes = must_have(realloc(content->bytes, cap));
	memset(content->bytes + content->cap, 0, cap - content->cap);
	content->cap = cap;
}

static void content_resize(struct content *content, uint64_t size)
{
	content_reserve(content, size);
	if (size < content->size)
		memset(content->bytes + size, 0, content->size - size);
	content->size = size;
}

/** A change, or the first len bytes of one. */
static void content_apply(struct content *content, const struct data_op *op, uint64_t len)
{
	if (!op->data) {
		content_resize(content, op->off);
		return;
	}
	content_reserve(content, op->off + len);
	memcpy(content->bytes + op->off, op->data, len);
	if (op->off + len > content->size)
		content->size = op->off + len;
}

/** How many of count changes reached a page. */
static size_t page_version(const struct cut *cut, const struct inode *inode, uint64_t page,
			   size_t count)
{
	uint64_t roll = mix(mix(cut->seed, inode->number), page);
	if (roll % 5 < 2)
		return 0;
	return roll % 5 < 4 ? count : (roll >> 8) % (count + 1);
}

static void page_apply(struct content *content, const struct data_op *op, uint64_t page)
{
	uint64_t start = page * PAGE, end = start + PAGE;
	if (!op->data) {
		uint64_t from = op->off > start ? op->off : start;
		if (from < end)
			memset(content->bytes + from, 0, end - from);
		return;
	}
	uint64_t from = op->off > start ? op->off : start;
	uint64_t to = op->off + op->len < end ? op->off + op->len : end;
	if (from < to)
		memcpy(content->bytes + from, (const char *)op->data + (from - op->off), to - from);
}

/** The size after so many changes. */
static uint64_t size_after(uint64_t size, const struct data_op *ops, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t end = ops[i].off + ops[i].len;
		if (!ops[i].data || end > size)
			size = end;
	}
	return size;
}

/** Where a change ends in pages; a new size may clear all that was behind it. */
static uint64_t pages_end(const struct data_op *op, uint64_t pages)
{
	return op->data ? (op->off + op->len + PAGE - 1) / PAGE : pages;
}

static void some_pages(const struct cut *cut, const struct inode *inode, struct content *content,
		       const struct data_op *ops, size_t count)
{
	uint64_t largest = content->size;
	for (size_t i = 0; i < count; i++)
		if (ops[i].off + ops[i].len > largest)
			largest = ops[i].off + ops[i].len;
	uint64_t pages = (largest + PAGE - 1) / PAGE;
	uint64_t size = size_after(content->size, ops, page_version(cut, inode, UINT64_MAX, count));
	content_reserve(content, pages * PAGE);
	for (size_t i = 0; i < count; i++)
		for (uint64_t page = ops[i].off / PAGE; page < pages_end(&ops[i], pages); page++)
			if (i < page_version(cut, inode, page, count))
				page_apply(content, &ops[i], page);
	content->size = largest;
	content_resize(content, size);
}

static void first_changes(const struct cut *cut, const struct inode *inode, struct content *content,
			  const struct data_op *ops, size_t count)
{
	size_t kept = mix(cut->seed, inode->number + 1) % (count + 1);
	for (size_t i = 0; i < kept; i++)
		content_apply(content, &ops[i], ops[i].len);
	if (kept < count && ops[kept].data)
		content_apply(content, &ops[kept],
			      mix(cut->seed, inode->number + 2) % (ops[kept].len + 1));
}

static void content_make(const struct cut *cut, const struct inode *inode, struct content *content)
{
	size_t safe = 0;
	for (; safe < inode->data_count && inode->data[safe].position < inode->synced; safe++)
		content_apply(content, &inode->data[safe], inode->data[safe].len);
	const struct data_op *rest = inode->data + safe;
	size_t count = inode->data_count - safe;
	uint64_t way = mix(cut->seed, inode->number) % 4;
	if (count == 0 || cut->bare || (!cut->full && way == 0))
		return;
	if (!cut->full && way == 1)
		first_changes(cut, inode, content, rest, count);
	else if (!cut->full && way == 2)
		some_pages(cut, inode, content, rest, count);
	else
		for (size_t i = 0; i < count; i++)
			content_apply(content, &rest[i], rest[i].len);
}

/* --- the entries of a folder --- */

struct entry {
	char *name;
	struct inode *inode;
};

struct listing {
	struct entry *entries; /* [cap] */
	size_t count;
};

static struct entry *lookup(struct listing *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->entries[i].name, name) == 0)
			return &list->entries[i];
	return NULL;
}

static void put(struct listing *list, char *name, struct inode *inode)
{
	struct entry *entry = lookup(list, name);
	if (!entry)
		entry = &list->entries[list->count++];
	*entry = (struct entry){ name, inode };
}

/** When an earlier change was not kept, one that needs it is not kept either. */
static void change(struct listing *list, const struct entry_op *op)
{
	struct entry *entry = lookup(list, op->name);
	if (op->change == ENTRY_ADD) {
		put(list, op->name, op->inode);
		return;
	}
	if (!entry || entry->inode != op->inode)
		return;
	*entry = list->entries[--list->count];
	if (op->to)
		put(list, op->to, op->inode);
}

/** Is a change that was not synced on disk? The two halves of a rename give the same answer. */
static bool is_kept(const struct cut *cut, const struct inode *dir, uint64_t limit,
		    const struct entry_op *op)
{
	if (op->position < dir->synced)
		return true;
	if (cut->journal)
		return op->position < cut->journal;
	bool some = mix(cut->seed, dir->number) % 4 == 3;
	return some ? mix(cut->seed, op->position) % 2 : op->position < limit;
}

/** Where the changes of a folder that are kept end. */
static uint64_t kept_until(const struct cut *cut, const struct inode *dir)
{
	size_t safe = 0;
	while (safe < dir->entry_count && dir->entries[safe].position < dir->synced)
		safe++;
	size_t rest = dir->entry_count - safe;
	uint64_t way = mix(cut->seed, dir->number) % 4;
	if (rest == 0 || cut->bare || (!cut->full && way == 0))
		return dir->synced;
	if (cut->full || way == 1)
		return UINT64_MAX;
	return dir->entries[safe + mix(cut->seed, dir->number + 1) % rest].position;
}

static void listing_make(const struct cut *cut, const struct inode *dir, struct listing *list)
{
	uint64_t limit = kept_until(cut, dir);
	list->entries = must_have(calloc(dir->entry_count * 2 + 1, sizeof *list->entries));
	for (size_t i = 0; i < dir->entry_count; i++)
		if (is_kept(cut, dir, limit, &dir->entries[i]))
			change(list, &dir->entries[i]);
}

/* --- writing it --- */

static void die(const char *path)
{
	fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
	exit(2);
}

static void file_make(const struct cut *cut, struct inode *inode, const char *path)
{
	struct content content = { NULL, 0, 0 };
	content_make(cut, inode, &content);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		die(path);
	for (uint64_t done = 0; done < content.size;) {
		ssize_t put = write(fd, content.bytes + done, content.size - done);
		if (put < 0)
			die(path);
		done += (uint64_t)put;
	}
	close(fd);
	free(content.bytes);
	inode->path = must_have(strdup(path));
}

static void folder_make(const struct cut *cut, struct inode *dir, const char *path)
{
	struct listing list = { NULL, 0 };
	if (mkdir(path, 0700) < 0)
		die(path);
	dir->path = must_have(strdup(path));
	listing_make(cut, dir, &list);
	for (size_t i = 0; i < list.count; i++) {
		struct inode *inode = list.entries[i].inode;
		char below[4096];
		snprintf(below, sizeof below, "%s/%s", path, list.entries[i].name);
		if (inode->is_dir && !inode->path)
			folder_make(cut, inode, below);
		else if (!inode->is_dir && !inode->path)
			file_make(cut, inode, below);
		else if (!inode->is_dir && link(inode->path, below) < 0)
			die(below);
	}
	free(list.entries);
}

static int replay(const char *log, uint64_t position, uint64_t seed, const char *folder,
		  enum ignore ignore)
{
	static struct disk disk;
	struct log_map map = log_map(log);
	disk_read(&disk, &map, position, ignore);
	if (!disk.root) {
		fprintf(stderr, "replay: nothing was recorded before %llu\n",
			(unsigned long long)position);
		return 2;
	}
	uint64_t roll = mix(seed, 0);
	struct cut cut = { .seed = mix(seed, 1), .bare = roll % 8 == 0, .full = roll % 8 == 1 };
	if (roll / 8 % 3 == 0)
		cut.journal = disk.synced + mix(seed, 2) % (position - disk.synced + 1);
	folder_make(&cut, disk.root, folder);
	return 0;
}

/* --- facts about a log --- */

static int range(const char *log)
{
	static struct disk disk;
	struct log_map map = log_map(log);
	disk_read(&disk, &map, map.len, IGNORE_NONE);
	uint64_t start = disk.start;
	struct log_record r;
	for (uint64_t at = 0; log_next(&map, at, map.len, &r); at = r.end)
		if (r.head.type == LOG_MARK && *(const uint8_t *)r.data == MARK_SET)
			start = r.end;
	printf("%llu %llu\n", (unsigned long long)start, (unsigned long long)map.len);
	return disk.start ? 0 : 1;
}

static int summary(const char *log)
{
	static const char *const names[] = { "",      "made",    "writes",  "sizes", "syncs",
					     "links", "unlinks", "renames", "marks" };
	struct log_map map = log_map(log);
	unsigned long long counts[9] = { 0 }, bytes = 0;
	struct log_record r;
	for (uint64_t at = 0; log_next(&map, at, map.len, &r); at = r.end) {
		counts[r.head.type <= LOG_MARK ? r.head.type : 0]++;
		bytes += r.head.type == LOG_WRITE ? r.head.data_len : 0;
	}
	for (int i = LOG_MAKE; i <= LOG_MARK; i++)
		printf("%s=%llu ", names[i], counts[i]);
	printf("bytes=%llu\n", bytes);
	return 0;
}

int main(int argc, char **argv)
{
	enum ignore ignore = IGNORE_NONE;
	int option;
	while ((option = getopt(argc, argv, "i:n:s:")) != -1) {
		if (option == 'n')
			return range(optarg);
		if (option == 's')
			return summary(optarg);
		if (option != 'i')
			return 2;
		ignore = strcmp(optarg, "logs") == 0 ? IGNORE_LOGS : IGNORE_ALL;
	}
	if (argc - optind != 4) {
		fputs("usage: replay [-i all|logs] LOG POSITION SEED FOLDER | -n LOG | -s LOG\n",
		      stderr);
		return 2;
	}
	return replay(argv[optind], strtoull(argv[optind + 1], NULL, 10),
		      strtoull(argv[optind + 2], NULL, 10), argv[optind + 3], ignore);
}
