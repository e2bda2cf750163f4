/* Making and recognising versions, and looking at the mount: see content.h. */
#include "content.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CONTENT_MAX (16u << 20)

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

static size_t body_size(enum slot_kind kind, uint64_t version, uint64_t *random)
{
	uint64_t roll = next_random(random) % 64, size = next_random(random);
	if (version & VERSION_LARGE)
		return 9u << 20;
	if (kind == SLOT_RAW)
		return roll < 4 ? 50000 + size % 250000 : size % 20000;
	return roll == 0 ? 100000 + size % 100000 : roll < 8 ? 5000 + size % 60000 : size % 4000;
}

static size_t append_block(enum slot_kind kind, uint64_t version, char *at)
{
	unsigned count = version & APPENDS_MAX;
	size_t len = 0;
	for (unsigned i = 0; i < count; i++)
		len += kind == SLOT_RAW ? (size_t)sprintf(at + len, "appended %u %0500d\n", i, 0)
					: (size_t)sprintf(at + len, "\n");
	return len;
}

struct content content_of(enum slot_kind kind, uint64_t version)
{
	uint64_t base = version & ~(uint64_t)APPENDS_MAX, random = base * 0x9e3779b97f4a7c15u + 1;
	size_t size = body_size(kind, version, &random);
	struct content made = { malloc(size + 20000), 0 };
	if (!made.bytes) {
		fputs("no memory\n", stderr);
		exit(2);
	}
	made.len = (size_t)sprintf(made.bytes,
				   kind == SLOT_RAW ? "raw %llu\n" : "{\"v\": %llu, \"text\": \"",
				   (unsigned long long)base);
	for (size_t i = 0; i < size; i++)
		made.bytes[made.len++] = "0123456789abcdef"[next_random(&random) & 15];
	if (kind != SLOT_RAW)
		made.len += (size_t)sprintf(made.bytes + made.len, "\", \"end\": %llu}\n",
					    (unsigned long long)base);
	made.len += append_block(kind, version, made.bytes + made.len);
	return made;
}

static bool is_version(enum slot_kind kind, uint64_t version, const char *bytes, size_t len)
{
	struct content whole = content_of(kind, version);
	bool same = whole.len == len && memcmp(whole.bytes, bytes, len) == 0;
	free(whole.bytes);
	return same;
}

uint64_t content_version(enum slot_kind kind, const char *bytes, size_t len)
{
	const char *start = kind == SLOT_RAW ? "raw " : "{\"v\": ";
	size_t skip = strlen(start);
	char number[24] = "";
	if (len <= skip || memcmp(bytes, start, skip) != 0)
		return STATE_ANY;
	memcpy(number, bytes + skip, len - skip < 23 ? len - skip : 23);
	uint64_t base = strtoull(number, NULL, 10);
	if (!base || (base & APPENDS_MAX))
		return STATE_ANY;
	struct content plain = content_of(kind, base);
	free(plain.bytes);
	for (unsigned i = 0; i <= APPENDS_MAX; i++) {
		char block[20000];
		if (plain.len + append_block(kind, base + i, block) == len)
			return is_version(kind, base + i, bytes, len) ? base + i : STATE_ANY;
	}
	return STATE_ANY;
}

static void look_bytes(int fd, enum slot_kind kind, struct seen *seen)
{
	size_t cap = 65536;
	seen->content.bytes = malloc(cap);
	ssize_t got = 0;
	while (seen->content.bytes && seen->content.len < CONTENT_MAX) {
		if (seen->content.len == cap) {
			char *more = realloc(seen->content.bytes, cap *= 2);
			if (!more)
				exit(2);
			seen->content.bytes = more;
		}
		got = read(fd, seen->content.bytes + seen->content.len, cap - seen->content.len);
		if (got <= 0)
			break;
		seen->content.len += (size_t)got;
	}
	seen->error = got < 0 ? errno : 0;
	seen->state = content_version(kind, seen->content.bytes, seen->content.len);
}

static void look_meta(const char *path, struct seen *seen)
{
	char value[32];
	ssize_t len = getxattr(path, "user.version", value, sizeof value - 1);
	if (len >= 0) {
		value[len] = '\0';
		seen->state = strtoull(value, NULL, 10);
	} else if (errno != ENODATA && errno != ENOENT) {
		seen->error = errno;
	}
}

static void look_folder(const char *path, struct seen *seen)
{
	struct stat st;
	if (stat(path, &st) == 0)
		seen->state = S_ISDIR(st.st_mode) ? 1 : STATE_ANY;
	else if (errno != ENOENT)
		seen->error = errno;
}

struct seen slot_look(const char *mount, unsigned thread, unsigned slot)
{
	struct seen seen = { 0, { NULL, 0 }, 0 };
	enum slot_kind kind = slot_kind(slot);
	char path[4096];
	slot_path(path, sizeof path, mount, thread, slot);
	if (kind == SLOT_META) {
		look_meta(path, &seen);
	} else if (kind == SLOT_DIR || kind == SLOT_CLASS) {
		look_folder(path, &seen);
	} else {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			look_bytes(fd, kind, &seen);
			close(fd);
		} else if (errno != ENOENT) {
			seen.error = errno;
		}
	}
	return seen;
}
