/*
 * New oids: see oid.h. Four kinds:
 *
 *   oid        TTTTTTTTTTTTTT-NNNN-RRRR in base 62, whose digits sort as numbers do
 *   stamp      milliseconds since 2000 · 10^7 + node · 10^3 + three digits
 *   timestamp  YYYYMMDDhhmmssuuuuuu · 10^7 + node · 10^3 + three digits
 *   uuid       version 4
 *
 * Within one process no two are alike: a time that was used is not used again with the same digits.
 */
#include "oid.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include "store_private.h"

/* 2000-01-01 in milliseconds since 1970. */
#define EPOCH_2000_MS UINT64_C(946684800000)
/* Places of the node in stamps: it must not run into the time. */
#define NODE_PLACES 10000u
#define RANDOM_PLACES 1000u

static void put_base62(uint64_t value, char *dst, int width)
{
	static const char digits[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	for (int i = width; i-- > 0; value /= 62)
		dst[i] = digits[value % 62];
}

/** time is the leading part: seven digits of node and random numbers follow. */
static void put_stamp(__uint128_t leading, const struct sfsi_oid_parts *parts,
		      char ret[SFS_OID_MADE_SIZE])
{
	char digits[SFS_OID_MADE_SIZE];
	size_t at = sizeof digits;
	__uint128_t value = leading * 10000000 +
			    (__uint128_t)(parts->node % NODE_PLACES) * RANDOM_PLACES +
			    parts->random % RANDOM_PLACES;
	digits[--at] = '\0';
	do {
		digits[--at] = (char)('0' + (int)(value % 10));
		value /= 10;
	} while (value && at > 0);
	memcpy(ret, digits + at, sizeof digits - at);
}

/** YYYYMMDDhhmmssuuuuuu */
static __uint128_t timestamp(uint64_t utc_us)
{
	time_t seconds = (time_t)(utc_us / 1000000);
	struct tm tm = { 0 };
	gmtime_r(&seconds, &tm);
	const int parts[] = { tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec };
	__uint128_t value = (unsigned)tm.tm_year + 1900U;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		value = value * 100 + (unsigned)parts[i];
	return value * 1000000 + utc_us % 1000000;
}

void sfsi_oid_text(enum sfs_oid_kind kind, const struct sfsi_oid_parts *parts,
		   char ret[SFS_OID_MADE_SIZE])
{
	if (kind == SFS_OID_STAMP) {
		put_stamp(parts->utc_us / 1000 - EPOCH_2000_MS, parts, ret);
	} else if (kind == SFS_OID_TIMESTAMP) {
		put_stamp(timestamp(parts->utc_us), parts, ret);
	} else {
		put_base62(parts->tai_ns, ret, 14);
		ret[14] = ret[19] = '-';
		put_base62(parts->node, ret + 15, 4);
		put_base62(parts->random, ret + 20, 4);
		ret[24] = '\0';
	}
}

/* --- the node --- */

uint32_t sfsi_oid_node(const char *env, const char *hostname)
{
	char label[256] = "";
	const char *digits = env;
	if (!env) {
		snprintf(label, sizeof label, "%.*s", (int)strcspn(hostname, ". \t\n"), hostname);
		char *dash = strrchr(label, '-');
		digits = dash ? dash + 1 : "";
	}
	size_t len = strspn(digits, "0123456789");
	if (len == 0 || len > 9 || digits[len])
		return 0;
	unsigned long node = strtoul(digits, NULL, 10);
	return node <= SFSI_OID_NODE_MAX ? (uint32_t)node : 0;
}

static pthread_once_t node_once = PTHREAD_ONCE_INIT;
static uint32_t node;

static void find_node(void)
{
	char hostname[256] = "";
	FILE *file = fopen("/etc/hostname", "re");
	if (file && !fgets(hostname, sizeof hostname, file))
		hostname[0] = '\0';
	if (file)
		fclose(file);
	node = sfsi_oid_node(getenv("NODE_ID"), hostname);
}

/* --- figures that do not come twice --- */

static struct {
	pthread_mutex_t lock;
	uint64_t tai_ns;         /* the last that was used */
	uint64_t unit;           /* millisecond or microsecond of the last stamp, by kind … */
	uint32_t first, used;    /* … its first digits, and how many were used since */
	enum sfs_oid_kind units; /* kind that unit belongs to */
} made = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint64_t clock_ns(clockid_t id)
{
	struct timespec now = { 0, 0 };
	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/** Digits for a stamp of a moment: other ones each time, and the next moment when all were used. */
static void next_stamp_locked(enum sfs_oid_kind kind, uint32_t random, struct sfsi_oid_parts *parts)
{
	uint64_t scale = kind == SFS_OID_STAMP ? 1000 : 1;
	uint64_t unit = clock_ns(CLOCK_REALTIME) / 1000 / scale;
	bool same = made.units == kind && unit <= made.unit;
	if (same && made.used == RANDOM_PLACES) {
		unit = made.unit + 1;
		same = false;
	}
	if (!same) {
		made.units = kind;
		made.unit = unit;
		made.first = random % RANDOM_PLACES;
		made.used = 0;
	}
	parts->utc_us = made.unit * scale;
	parts->random = (made.first + made.used++) % RANDOM_PLACES;
}

static void next_oid_locked(uint32_t random, struct sfsi_oid_parts *parts)
{
	uint64_t now = clock_ns(CLOCK_TAI);
	made.tai_ns = now > made.tai_ns ? now : made.tai_ns + 1;
	parts->tai_ns = made.tai_ns;
	parts->random = random & 0xffffff;
}

int sfs_oid_make_kind(enum sfs_oid_kind kind, char ret[SFS_OID_MADE_SIZE])
{
	struct sfsi_oid_parts parts = { 0 };
	uint32_t random;
	if (kind == SFS_OID_UUID)
		return sfsi_uuid_make(ret);
	if (kind != SFS_OID_OID && kind != SFS_OID_STAMP && kind != SFS_OID_TIMESTAMP)
		return SFS_ERR_INVALID;
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return SFS_ERR_IO;
	pthread_once(&node_once, find_node);
	parts.node = node;
	pthread_mutex_lock(&made.lock);
	if (kind == SFS_OID_OID)
		next_oid_locked(random, &parts);
	else
		next_stamp_locked(kind, random, &parts);
	pthread_mutex_unlock(&made.lock);
	sfsi_oid_text(kind, &parts, ret);
	return 0;
}
