/* Update times as integers: see stamp.h. */
#include "stamp.h"
#include <inttypes.h>
#include <stdio.h>
#include <storefs/field.h>
#include <time.h>
#include "document/integer.h"
#include "document/msgpack.h"
#include "schema/value.h"

#define SECOND 1000000000

const char *sfs_stamp_text(int64_t ns, char ret[SFS_STAMP_SIZE])
{
	struct tm tm = { 0 };
	time_t seconds = ns / SECOND;
	int64_t rest = ns % SECOND;
	if (rest < 0) {
		seconds--;
		rest += SECOND;
	}
	gmtime_r(&seconds, &tm);
	/* 64 bits of nanoseconds are the years 1677 to 2262: the remainders only tell the compiler. */
	snprintf(ret, SFS_STAMP_SIZE, "%04u%02u%02u%02u%02u%02u%06u",
		 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
		 (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
		 (unsigned)tm.tm_sec % 100, (unsigned)(rest / 1000));
	return ret;
}

int sfsi_stamp_put(struct sfs_buf *ret, int64_t ns)
{
	char digits[SFS_STAMP_SIZE];
	struct sfs_span text = sfs_span_str(sfs_stamp_text(ns, digits));
	struct sfsi_integer integer = sfsi_integer_read(text);
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	/* Never: as it is read, and as the originals say it. */
	if (!ns)
		return writer.sink.ops->integer(&writer.sink, 0);
	if (integer.kind == SFSI_INTEGER_NATURAL)
		return writer.sink.ops->natural(&writer.sink, integer.natural);
	return writer.sink.ops->bigint(&writer.sink, text);
}

static int digits_of(const char *at, int count)
{
	int value = 0;
	for (int i = 0; i < count; i++)
		value = value * 10 + (at[i] - '0');
	return value;
}

static bool read_digits(const char *text, int64_t *ret)
{
	struct tm tm = {
		.tm_year = digits_of(text, 4) - 1900,
		.tm_mon = digits_of(text + 4, 2) - 1,
		.tm_mday = digits_of(text + 6, 2),
		.tm_hour = digits_of(text + 8, 2),
		.tm_min = digits_of(text + 10, 2),
		.tm_sec = digits_of(text + 12, 2),
	};
	struct tm given = tm;
	int64_t seconds = timegm(&tm);
	/* What is no day and no hour became another one. */
	if (tm.tm_year != given.tm_year || tm.tm_mon != given.tm_mon ||
	    tm.tm_mday != given.tm_mday || tm.tm_hour != given.tm_hour ||
	    tm.tm_min != given.tm_min || tm.tm_sec != given.tm_sec)
		return false;
	return !__builtin_mul_overflow(seconds, (int64_t)SECOND, ret) &&
	       !__builtin_add_overflow(*ret, (int64_t)digits_of(text + 14, 6) * 1000, ret);
}

bool sfsi_stamp_read(struct sfs_span value, int64_t *ret)
{
	struct sfsi_head head;
	char text[SFS_STAMP_SIZE];
	bool minus;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return false;
	if (sfsi_head_bigint(&head, &minus)) {
		if (minus || head.body.len != 20)
			return false;
		return read_digits(head.body.data, ret);
	}
	if (head.kind == SFSI_HEAD_INTEGER && head.integer == 0) {
		*ret = 0;
		return true;
	}
	if (head.kind != SFSI_HEAD_NATURAL)
		return false;
	*ret = 0;
	if (head.natural == 0)
		return true;
	return snprintf(text, sizeof text, "%" PRIu64, head.natural) == 20 &&
	       read_digits(text, ret);
}
