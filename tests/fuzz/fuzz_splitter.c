/*
 * Any text in any pieces: the splitter gives the same records as for the whole text at once, they are
 * where it says they are, and the walk over their members stays inside them.
 * First byte: the mode; second: the size of the pieces.
 */
#include <stdint.h>
#include <stdlib.h>
#include "../../cli/splitter.c" /* NOLINT(bugprone-suspicious-include) */
#define is_space text_is_space  /* both files have one of their own */
#include "../../cli/text.c"     /* NOLINT(bugprone-suspicious-include) */
#undef is_space

#define RECORD_MAX 64
#define COUNT_MAX 4096

/* What came out of one way of cutting. */
struct result {
	size_t count;
	uint64_t offset[COUNT_MAX];
	size_t len[COUNT_MAX];
	int end;
};

static void require(int fact)
{
	if (!fact)
		abort();
}

static void walk(struct sfs_span record)
{
	struct cli_members members;
	struct cli_member member;
	const char *start = record.data;
	if (cli_members_init(&members, record) < 0)
		return;
	while (cli_members_next(&members, &member) > 0) {
		const char *value = member.value.data;
		require(value >= start && value + member.value.len <= start + record.len);
	}
}

static void note(struct result *result, struct sfs_span text, const struct cli_record *record)
{
	require(record->number == result->count + 1);
	require(record->offset + record->text.len <= text.len);
	if (!record->too_long) {
		require(record->text.len <= RECORD_MAX);
		require(memcmp((const char *)text.data + record->offset, record->text.data,
			       record->text.len) == 0);
		walk(record->text);
	}
	require(result->count < COUNT_MAX);
	result->offset[result->count] = record->offset;
	result->len[result->count++] = record->text.len;
}

static void run(struct sfs_span text, size_t size, enum cli_split mode, const char *member,
		struct result *result)
{
	struct cli_splitter splitter;
	struct cli_record record;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int got = 0;
	result->count = 0;
	cli_splitter_init(&splitter, mode, member, RECORD_MAX);
	for (size_t at = 0; got >= 0 && at < text.len;) {
		size_t used = 0, len = text.len - at < size ? text.len - at : size;
		struct sfs_span piece = { (const char *)text.data + at, len };
		got = cli_splitter_feed(&splitter, piece, &used, &record, &diag);
		require(used <= len && (got != 0 || used == len));
		if (got > 0)
			note(result, text, &record);
		at += used;
	}
	while (got >= 0 && (got = cli_splitter_end(&splitter, &record, &diag)) > 0)
		note(result, text, &record);
	result->end = got;
	if (got < 0)
		require(diag.line >= 1 && diag.column >= 1 && diag.offset <= text.len);
	cli_splitter_fini(&splitter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result whole, pieces;
	if (size < 3 || size > COUNT_MAX)
		return 0;
	struct sfs_span text = { data + 2, size - 2 };
	enum cli_split mode = data[0] % 3;
	const char *member = data[0] / 3 % 2 ? "a" : NULL;
	run(text, text.len, mode, member, &whole);
	run(text, (size_t)data[1] + 1, mode, member, &pieces);
	require(whole.end == pieces.end && whole.count == pieces.count);
	require(memcmp(whole.offset, pieces.offset, whole.count * sizeof *whole.offset) == 0);
	require(memcmp(whole.len, pieces.len, whole.count * sizeof *whole.len) == 0);
	return 0;
}
