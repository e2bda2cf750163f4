/*
 * See crc32c.h. With the processor's own instruction where there is one, else by tables, eight bytes at a time.
 */
#include "base/crc32c.h"
#include <endian.h>
#include <pthread.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* reversed */
#define STEP 8

static uint32_t tables[STEP][256]; /* made once */
static pthread_once_t tables_made = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t sum = byte;
		for (int bit = 0; bit < 8; bit++)
			sum = sum & 1 ? sum >> 1 ^ POLYNOMIAL : sum >> 1;
		tables[0][byte] = sum;
	}
	for (int i = 1; i < STEP; i++)
		for (int byte = 0; byte < 256; byte++) {
			uint32_t before = tables[i - 1][byte];
			tables[i][byte] = before >> 8 ^ tables[0][before & 0xff];
		}
}

static uint64_t load(const uint8_t *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof value);
	return le64toh(value);
}

static uint32_t by_tables(const uint8_t *at, size_t len, uint32_t sum)
{
	pthread_once(&tables_made, make_tables);
	for (; len >= STEP; len -= STEP, at += STEP) {
		uint64_t value = load(at) ^ sum;
		sum = 0;
		for (int i = 0; i < STEP; i++)
			sum ^= tables[STEP - 1 - i][value >> 8 * i & 0xff];
	}
	for (; len; len--, at++)
		sum = sum >> 8 ^ tables[0][(sum ^ *at) & 0xff];
	return sum;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_processor(const uint8_t *at, size_t len,
							       uint32_t sum)
{
	uint64_t wide = sum;
	for (; len >= STEP; len -= STEP, at += STEP)
		wide = __builtin_ia32_crc32di(wide, load(at));
	sum = (uint32_t)wide;
	for (; len; len--, at++)
		sum = __builtin_ia32_crc32qi(sum, *at);
	return sum;
}
#endif

uint32_t sfsi_crc32c_plain(struct sfs_span bytes, uint32_t sum)
{
	return ~by_tables(bytes.data, bytes.len, ~sum);
}

uint32_t sfsi_crc32c(struct sfs_span bytes, uint32_t sum)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return ~by_processor(bytes.data, bytes.len, ~sum);
#endif
	return sfsi_crc32c_plain(bytes, sum);
}
