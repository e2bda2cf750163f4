/*
 * The contract of raws as a whole: metadata as a document and in indexes, paths and names, hashes, puts,
 * imports, checks of the bytes, and what belongs to nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <storefs/check.h>
#include <storefs/content.h>
#include <storefs/export.h>
#include <storefs/gc.h>
#include <storefs/lines.h>
#include <storefs/query.h>
#include "case.h"
#include "contract.h"
#include "raw_content.h"

#define SPAN(literal) ((struct sfs_span){ literal, sizeof(literal) - 1 })

static char text[4096];

static const char *take(struct sfs_buf *buf)
{
	size_t len = buf->len < sizeof text ? buf->len : sizeof text - 1;
	memcpy(text, buf->data ? buf->data : "", len);
	text[len] = '\0';
	sfs_buf_fini(buf);
	return text;
}

static void define(struct case_store *c, const char *json)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_class_make make = { .name = SPAN("Image"), .mode = 0755 };
	int err = sfs_class_define(c->store, &make, sfs_span_str(json), &diag);
	if (err)
		fail_msg("define: %s", diag.text);
	assert_int_equal(sfs_index_wait(c->store, c->images, NULL, NULL, &diag), 0);
}

static int put_meta(struct case_store *c, uint64_t ino, const char *json, unsigned flags)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	const struct sfs_raw_meta_put put = { SFS_FORMAT_JSON, sfs_span_str(json), flags };
	return sfs_raw_meta_put(c->store, ino, &put, &diag);
}

static const char *meta(struct case_store *c, uint64_t ino)
{
	struct sfs_buf buf = SFS_BUF_INIT;
	assert_int_equal(sfs_raw_meta_document(c->store, ino, SFS_FORMAT_JSON, &buf), 0);
	return take(&buf);
}

static const char *path(struct case_store *c, uint64_t ino)
{
	struct sfs_buf buf = SFS_BUF_INIT;
	int err = sfs_raw_path(c->store, ino, &buf);
	const char *found = take(&buf);
	return err == SFS_ERR_NOT_FOUND ? "(none)" : err ? "(error)" : found;
}

/** Paths of the results of a query, joined by spaces. */
static const char *query(struct case_store *c, const char *condition)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_buf found = SFS_BUF_INIT;
	struct sfs_query *query;
	struct sfs_query_hit hit;
	uint64_t count, hits = 0;
	bool has;
	assert_int_equal(sfs_query_new(c->store, c->images, &query), 0);
	if (*condition)
		assert_int_equal(sfs_query_parse(query, sfs_span_str(condition), &diag), 0);
	while (sfs_query_next(query, &hit, &diag) == 0) {
		assert_int_equal(sfs_buf_printf(&found, "%s%.*s", hits++ ? " " : "",
						(int)hit.oid.len, (const char *)hit.oid.data),
				 0);
		char name[256];
		memcpy(name, hit.oid.data, hit.oid.len);
		assert_int_equal(
			sfs_query_has(query, (struct sfs_span){ name, hit.oid.len }, &has, &diag),
			0);
		assert_true(has);
	}
	assert_int_equal(sfs_query_count(query, &count, &diag), 0);
	assert_int_equal(count, hits);
	sfs_query_free(query);
	return take(&found);
}

/** Kinds of what a check finds, joined by spaces. */
struct kinds {
	char text[256];
	struct sfs_check_result result;
};

static int add_kind(void *arg, const struct sfs_check_problem *problem)
{
	struct kinds *kinds = arg;
	size_t len = strlen(kinds->text);
	snprintf(kinds->text + len, sizeof kinds->text - len, "%s%s%s%.*s", len ? " " : "",
		 problem->severity == SFS_CHECK_NOTE ? "note:" : "",
		 sfs_check_kind_text(problem->kind), (int)problem->oid.len,
		 (const char *)problem->oid.data);
	return 0;
}

static struct kinds check(struct case_store *c, unsigned flags)
{
	struct kinds kinds = { .text = "" };
	const struct sfs_check how = { .flags = flags, .problem = add_kind, .arg = &kinds };
	assert_int_equal(sfs_store_check(c->store, &how, &kinds.result, NULL), 0);
	return kinds;
}

static uint64_t put_raw(struct case_store *c, const char *name, const char *bytes)
{
	const struct sfs_raw_put put = {
		.class_id = c->images,
		.path = sfs_span_str(name),
		.fd = -1,
		.bytes = sfs_span_str(bytes),
	};
	struct sfs_attr attr;
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_int_equal(sfs_raw_put(c->store, &put, &attr, &diag), 0);
	return attr.ino;
}

/* Time itself is what is waited for: a hash is kept of bytes that are older than a tick of the clock of files. */
static void settle(void)
{
	const struct timespec moment = { .tv_nsec = 80000000 };
	nanosleep(&moment, NULL);
}

/* --- metadata --- */

static void metadata_is_one_document(void **state)
{
	struct case_store *c = *state;
	define(c, "{\"kind\": \"raw\", \"meta\": {\"width\": \"int\"}}");
	uint64_t ino = put_raw(c, "d/a.jpg", "x");
	assert_string_equal(meta(c, ino), "{}\n");
	assert_int_equal(put_meta(c, ino,
				  "{\"width\": 5, \"tags\": [\"a\", {\"b\": 1}], \"s\": \"t\"}",
				  SFS_PUT_KEEP_TEXT),
			 0);
	case_reopen(c);
	assert_string_equal(meta(c, ino),
			    "{\"width\": 5, \"tags\": [\"a\", {\"b\": 1}], \"s\": \"t\"}");
	struct sfs_buf value = SFS_BUF_INIT;
	assert_int_equal(sfs_raw_meta_get(c->store, ino, SPAN("tags"), &value), 0);
	assert_string_equal(take(&value), "[\"a\",{\"b\":1}]");
	assert_int_equal(put_meta(c, ino, "{\"s\": \"u\", \"new\": null}", SFS_PUT_MERGE), 0);
	assert_string_equal(meta(c, ino), "{\n  \"width\": 5,\n  \"tags\": [\n    \"a\",\n    {\n"
					  "      \"b\": 1\n    }\n  ],\n  \"s\": \"u\",\n"
					  "  \"new\": null\n}\n");
	assert_int_equal(put_meta(c, ino, "{\"width\": \"wide\"}", 0), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(put_meta(c, ino, "{\"updates\": 1}", 0), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(put_meta(c, ino, "{\"oid\": \"other\"}", 0), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(put_meta(c, ino, "{\"storefs.x\": 1}", 0), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(put_meta(c, ino, "[]", 0), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(
		put_meta(c, ino, "{\"oid\": \"d/a.jpg\", \"type\": \"Image\", \"w\": 1}", 0), 0);
	assert_string_equal(meta(c, ino), "{\n  \"w\": 1\n}\n");
	assert_int_equal(put_meta(c, ino, "{}", 0), 0);
	assert_string_equal(meta(c, ino), "{}\n");
	assert_int_equal(put_meta(c, ino + 99, "{}", 0), SFS_ERR_NOT_FOUND);
	assert_string_equal(check(c, 0).text, "");
}

static void update_times_tell_data_and_metadata_apart(void **state)
{
	struct case_store *c = *state;
	struct sfs_raw_updates first, then;
	struct sfs_setattr set = { .mask = SFS_SET_MTIME, .mtime_ns = 1000 };
	uint64_t ino = put_raw(c, "a", "x");
	assert_int_equal(sfs_raw_updated(c->store, ino, &first), 0);
	assert_true(first.data_ns > 0 && first.meta_ns == 0 && first.oid_ns == first.data_ns);
	assert_int_equal(sfs_raw_setattr(c->store, ino, &set, NULL), 0);
	assert_int_equal(put_meta(c, ino, "{\"a\": 1}", 0), 0);
	assert_int_equal(sfs_raw_updated(c->store, ino, &first), 0);
	assert_true(first.data_ns == 1000 && first.oid_ns == first.meta_ns);
	/* The same again is no change, other white space none of the metadata. */
	assert_int_equal(put_meta(c, ino, "{\"a\":  1}", SFS_PUT_KEEP_TEXT), 0);
	case_reopen(c);
	assert_int_equal(sfs_raw_updated(c->store, ino, &then), 0);
	assert_true(then.meta_ns == first.meta_ns && then.saved_ns > first.saved_ns);
	/* A write that nobody tells the store about. */
	struct sfs_buf plain = SFS_BUF_INIT;
	assert_int_equal(sfs_raw_plain_path(c->store, ino, &plain), 0);
	int fd = open(take(&plain), O_WRONLY);
	assert_true(fd >= 0 && write(fd, "yz", 2) == 2);
	close(fd);
	assert_int_equal(sfs_raw_updated(c->store, ino, &then), 0);
	assert_true(then.data_ns > first.meta_ns && then.oid_ns == then.data_ns);
	/* Metadata that went leaves the time at which it did. */
	assert_int_equal(sfs_raw_meta_remove(c->store, ino, SPAN("a")), 0);
	assert_int_equal(sfs_raw_updated(c->store, ino, &then), 0);
	assert_true(then.meta_ns > first.meta_ns);
	assert_string_equal(check(c, 0).text, "");
}

/* --- names and indexes --- */

static void a_number_leads_back_to_a_path(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* directories of raws are not moved */
	struct sfs_attr dir = case_make(c, c->root, "d", SFS_NODE_DIR);
	struct sfs_attr link = case_make(c, dir.ino, "link", SFS_NODE_SYMLINK);
	uint64_t ino = put_raw(c, "d/e/f", "x");
	assert_string_equal(path(c, ino), "d/e/f");
	assert_string_equal(path(c, link.ino), "d/link");
	assert_string_equal(path(c, c->root), "");
	assert_int_equal(sfs_raw_rename(c->store, c->root, SPAN("d"), c->root, SPAN("D"), 0), 0);
	assert_string_equal(path(c, ino), "D/e/f");
	struct sfs_attr other;
	assert_int_equal(sfs_raw_link(c->store, ino, c->root, SPAN("second"), &other), 0);
	assert_int_equal(sfs_raw_link(c->store, ino, dir.ino, SPAN("third"), &other), 0);
	assert_int_equal(sfs_raw_rename(c->store, dir.ino, SPAN("third"), c->root, SPAN("3"), 0),
			 0);
	assert_string_equal(path(c, ino), "D/e/f");
	assert_int_equal(sfs_raw_remove(c->store, c->images, SPAN("D/e/f")), 0);
	case_reopen(c);
	const char *left = path(c, ino);
	assert_true(strcmp(left, "second") == 0 || strcmp(left, "3") == 0);
	assert_int_equal(sfs_raw_remove(c->store, c->images, sfs_span_str(left)), 0);
	left = path(c, ino);
	assert_true(strcmp(left, "second") == 0 || strcmp(left, "3") == 0);
	assert_string_equal(check(c, 0).text, "");
	assert_int_equal(sfs_raw_remove(c->store, c->images, sfs_span_str(left)), 0);
	assert_string_equal(path(c, ino), "(none)");
	assert_string_equal(check(c, 0).text, "");
}

#define INDEXED                                                                                    \
	"{\"kind\": \"raw\", \"meta\": {\"width\": \"int\"}, \"indexes\": {\"width\": \"value\", " \
	"\"tags\": \"value\"}}"

static void raws_are_found_by_their_metadata(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* directories of raws are not moved */
	uint64_t old = put_raw(c, "old", "x");
	case_make(c, c->root, "empty", SFS_NODE_DIR);
	assert_int_equal(put_meta(c, old, "{\"width\": 5}", 0), 0);
	define(c, INDEXED);
	assert_string_equal(query(c, "width=5"), "old");
	uint64_t a = put_raw(c, "d/a", "x");
	assert_string_equal(query(c, "width.missing"), "d/a");
	assert_int_equal(put_meta(c, a, "{\"width\": 7, \"tags\": [\"x\", \"y\"]}", 0), 0);
	assert_string_equal(query(c, "width>=5"), "old d/a");
	assert_string_equal(query(c, "tags=x width=7"), "d/a");
	assert_string_equal(query(c, "width!=5"), "d/a");
	assert_string_equal(query(c, ""), "old d/a");
	/* A rename of the directory moves the path, and no entry. */
	assert_int_equal(sfs_raw_rename(c->store, c->root, SPAN("d"), c->root, SPAN("e"), 0), 0);
	assert_string_equal(query(c, "tags=y"), "e/a");
	assert_int_equal(sfs_raw_meta_set(c->store, a, SPAN("width"), SPAN("9"), 0, NULL), 0);
	assert_string_equal(query(c, "width=7"), "");
	case_reopen(c);
	assert_string_equal(query(c, "width=9"), "e/a");
	assert_string_equal(check(c, 0).text, "");
	/* With its last name it goes from the index; a replaced one keeps its metadata. */
	put_raw(c, "e/a", "other bytes");
	assert_string_equal(query(c, "width=9"), "e/a");
	assert_int_equal(sfs_raw_remove(c->store, c->images, SPAN("e/a")), 0);
	assert_string_equal(query(c, "width>0"), "old");
	uint64_t built;
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_int_equal(
		sfs_index_rebuild(c->store, c->images, SPAN("width"), NULL, NULL, &built, &diag),
		0);
	assert_string_equal(query(c, "width>0"), "old");
	assert_string_equal(check(c, 0).text, "");
}

static void a_raw_that_is_named_late_is_found(void **state)
{
	struct case_store *c = *state;
	const struct sfs_raw_make make = { .type = SFS_NODE_FILE, .mode = 0644 };
	struct sfs_raw_file *file;
	struct sfs_attr attr;
	define(c, INDEXED);
	assert_int_equal(sfs_raw_make_unnamed(c->store, c->root, &make, &file), 0);
	assert_int_equal(sfs_raw_file_stat(file, &attr), 0);
	assert_string_equal(query(c, "width.missing"), "");
	assert_string_equal(path(c, attr.ino), "(none)");
	assert_int_equal(sfs_raw_link(c->store, attr.ino, c->root, SPAN("late"), &attr), 0);
	assert_string_equal(path(c, attr.ino), "late");
	assert_string_equal(query(c, "width.missing"), "late");
	assert_int_equal(put_meta(c, attr.ino, "{\"width\": 3}", 0), 0);
	sfs_raw_close(file);
	assert_string_equal(query(c, "width=3"), "late");
	assert_string_equal(check(c, 0).text, "");
}

static void lines_of_raws_are_their_metadata(void **state)
{
	struct case_store *c = *state;
	struct sfs_lines *lines;
	struct sfs_buf out = SFS_BUF_INIT;
	uint64_t ino = put_raw(c, "d/a", "x");
	assert_int_equal(put_meta(c, ino, "{\"w\": 1, \"s\": \"a,b\"}", 0), 0);
	assert_int_equal(sfs_lines_new(c->store, c->images, SFS_LINES_JSONL, &lines), 0);
	assert_int_equal(sfs_lines_put(lines, SPAN("d/a"), &out), 0);
	assert_int_equal(sfs_lines_put(lines, SPAN("d/b"), &out), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_lines_put(lines, SPAN("d"), &out), SFS_ERR_NOT_FOUND);
	sfs_lines_free(lines);
	assert_string_equal(take(&out), "{\"oid\":\"d/a\",\"w\":1,\"s\":\"a,b\"}\n");
	assert_int_equal(sfs_lines_new(c->store, c->images, SFS_LINES_CSV, &lines), 0);
	assert_int_equal(sfs_lines_put(lines, SPAN("d/a"), &out), 0);
	sfs_lines_free(lines);
	assert_string_equal(take(&out), "oid,w,s\r\nd/a,1,\"a,b\"\r\n");
}

/* --- bytes --- */

static void bytes_come_from_a_descriptor(void **state)
{
	struct case_store *c = *state;
	char name[] = "/tmp/raw_whole.XXXXXX";
	int fd = mkstemp(name);
	struct sfs_attr attr;
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_true(fd >= 0);
	unlink(name);
	assert_int_equal(ftruncate(fd, 3 << 20), 0);
	assert_int_equal(pwrite(fd, "middle", 6, 1 << 20), 6);
	assert_int_equal(pwrite(fd, "end", 3, (3 << 20) - 3), 3);
	struct sfs_raw_put put = {
		.class_id = c->images,
		.path = SPAN("deep/er/copy"),
		.fd = fd,
		.mode = 0640,
	};
	assert_int_equal(sfs_raw_put(c->store, &put, &attr, &diag), 0);
	assert_int_equal(attr.size, 3 << 20);
	assert_int_equal(attr.mode, 0640);
	struct sfs_buf bytes = SFS_BUF_INIT;
	assert_int_equal(sfs_raw_load(c->store, attr.ino, 0, &bytes), 0);
	assert_memory_equal((char *)bytes.data + (1 << 20), "middle", 6);
	assert_memory_equal((char *)bytes.data + (3 << 20) - 3, "end", 3);
	assert_int_equal(*(char *)bytes.data, 0);
	sfs_buf_fini(&bytes);
	assert_int_equal(sfs_raw_load(c->store, attr.ino, 1000, &bytes), SFS_ERR_LIMIT);
	/* From where the descriptor stands, and from a pipe. */
	put.path = SPAN("part");
	assert_int_equal(lseek(fd, -3, SEEK_END), (3 << 20) - 3);
	assert_int_equal(sfs_raw_put(c->store, &put, &attr, &diag), 0);
	assert_string_equal(case_read(c, attr.ino), "end");
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "piped", 5), 5);
	close(ends[1]);
	put.fd = ends[0];
	put.flags = SFS_PUT_UPDATE;
	assert_int_equal(sfs_raw_put(c->store, &put, &attr, &diag), 0);
	assert_string_equal(case_read(c, attr.ino), "piped");
	close(ends[0]);
	close(fd);
	assert_string_equal(check(c, 0).text, "");
}

static void a_put_is_whole_or_nothing(void **state)
{
	struct case_store *c = *state;
	struct sfs_diag diag = SFS_DIAG_INIT;
	define(c, "{\"kind\": \"raw\", \"meta\": {\"width\": \"int\"}}");
	struct sfs_raw_meta_put bad = { SFS_FORMAT_JSON, SPAN("{\"width\": \"x\"}"), 0 };
	struct sfs_raw_put put = { .class_id = c->images,
				   .path = SPAN("a"),
				   .fd = -1,
				   .bytes = SPAN("one"),
				   .meta = &bad };
	struct sfs_attr attr;
	assert_int_equal(sfs_raw_put(c->store, &put, &attr, &diag), SFS_ERR_BAD_DOCUMENT);
	assert_string_equal(case_names(c, c->root), "");
	bad.text = SPAN("{\"width\": 1, \"by\": \"me\"}");
	assert_int_equal(sfs_raw_put(c->store, &put, &attr, &diag), 0);
	uint64_t first = attr.ino;
	put.flags = SFS_PUT_CREATE;
	assert_int_equal(sfs_raw_put(c->store, &put, &attr, &diag), SFS_ERR_EXISTS);
	put.flags = SFS_PUT_UPDATE;
	put.path = SPAN("b");
	assert_int_equal(sfs_raw_put(c->store, &put, &attr, &diag), SFS_ERR_NOT_FOUND);
	/* What replaces it keeps the metadata; who has the old one open goes on reading it. */
	struct sfs_raw_file *file;
	char old[4] = "";
	size_t len;
	assert_int_equal(sfs_raw_open(c->store, first, false, &file), 0);
	bad.text = SPAN("{\"width\": 2}");
	put.path = SPAN("a");
	put.bytes = SPAN("two");
	assert_int_equal(sfs_raw_put(c->store, &put, &attr, &diag), 0);
	assert_string_equal(meta(c, attr.ino), "{\n  \"width\": 2,\n  \"by\": \"me\"\n}\n");
	assert_string_equal(case_read(c, attr.ino), "two");
	assert_int_equal(sfs_raw_read(file, 0, old, 3, &len), 0);
	assert_string_equal(old, "one");
	sfs_raw_close(file);
	put.path = SPAN("");
	assert_int_equal(sfs_raw_put(c->store, &put, &attr, &diag), SFS_ERR_NAME);
	put.path = SPAN("x/../y");
	assert_int_equal(sfs_raw_put(c->store, &put, &attr, &diag), SFS_ERR_NAME);
	put.path = SPAN("a/b");
	assert_int_equal(sfs_raw_put(c->store, &put, &attr, &diag), SFS_ERR_NOT_DIR);
	put.class_id = c->articles;
	assert_int_equal(sfs_raw_put(c->store, &put, &attr, &diag), SFS_ERR_WRONG_KIND);
	case_reopen(c);
	assert_string_equal(check(c, 0).text, "");
}

struct pieces {
	size_t count, last;
	uint64_t end;
};

static int add_piece(void *arg, struct sfs_span bytes, uint64_t off)
{
	struct pieces *pieces = arg;
	assert_true(off == pieces->end);
	pieces->end = off + bytes.len;
	pieces->last = bytes.len;
	return ++pieces->count == 5;
}

static void bytes_are_streamed_in_pieces(void **state)
{
	struct case_store *c = *state;
	struct pieces pieces = { 0 };
	uint64_t ino = put_raw(c, "a", "0123456789"), size;
	assert_int_equal(sfs_raw_stream(c->store, ino, 4, add_piece, &pieces), 0);
	assert_true(pieces.count == 3 && pieces.last == 2 && pieces.end == 10);
	pieces = (struct pieces){ 0 };
	assert_int_equal(sfs_raw_stream(c->store, ino, 1, add_piece, &pieces), SFS_ERR_CANCELLED);
	pieces = (struct pieces){ 0 };
	assert_int_equal(sfs_raw_stream(c->store, put_raw(c, "b", ""), 0, add_piece, &pieces), 0);
	assert_true(pieces.count == 0);
	assert_int_equal(sfs_raw_stream(c->store, ino, SIZE_MAX, add_piece, &pieces),
			 SFS_ERR_LIMIT);
	assert_int_equal(sfs_raw_stream(c->store, c->root, 0, add_piece, &pieces), SFS_ERR_IS_DIR);
	assert_int_equal(sfs_raw_size(c->store, ino, &size), 0);
	assert_int_equal(size, 10);
}

static int add_path(void *arg, struct sfs_span name, const struct sfs_attr *attr)
{
	assert_true(attr->type == SFS_NODE_FILE);
	return sfs_buf_printf(arg, "%.*s ", (int)name.len, (const char *)name.data) < 0;
}

static void raws_are_listed_in_windows(void **state)
{
	struct case_store *c = *state;
	struct sfs_buf list = SFS_BUF_INIT;
	put_raw(c, "d/a", "");
	put_raw(c, "b", "");
	put_raw(c, "d/c", "");
	assert_int_equal(sfs_raw_each(c->store, c->images, 0, UINT64_MAX, add_path, &list), 0);
	assert_string_equal(take(&list), "d/a b d/c ");
	assert_int_equal(sfs_raw_each(c->store, c->images, 1, 1, add_path, &list), 0);
	assert_string_equal(take(&list), "b ");
	assert_int_equal(sfs_raw_each(c->store, c->images, 9, 1, add_path, &list), 0);
	assert_string_equal(take(&list), "");
	assert_int_equal(sfs_raw_each(c->store, c->articles, 0, 1, add_path, &list),
			 SFS_ERR_WRONG_KIND);
}

static void a_hash_is_that_of_the_bytes(void **state)
{
	struct case_store *c = *state;
	unsigned char hash[SFS_HASH_LEN];
	char hex[SFS_HASH_SIZE];
	struct sfs_buf mime = SFS_BUF_INIT;
	uint64_t ino = put_raw(c, "a", "");
	/* As xxh128sum prints it. */
	assert_int_equal(sfs_raw_hash(c->store, ino, hash), 0);
	assert_string_equal(sfs_hash_text(hash, hex), "99aa06d3014798d86001c324468d497f");
	case_write(c, ino, "abc");
	settle();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sfs_raw_hash(c->store, ino, hash), 0);
		assert_string_equal(sfs_hash_text(hash, hex), "06b05ab6733a618578af5f94892f3950");
	}
	assert_int_equal(sfs_raw_mime(c->store, ino, &mime), 0);
	assert_string_equal(take(&mime), "text/plain");
	case_write(c, ino, "GIF89a\1\1\1\1");
	assert_int_equal(sfs_raw_mime(c->store, ino, &mime), 0);
	assert_string_equal(take(&mime), "image/gif");
	assert_int_equal(sfs_raw_hash(c->store, c->root, hash), SFS_ERR_IS_DIR);
	assert_int_equal(sfs_raw_hash(c->store, ino + 99, hash), SFS_ERR_NOT_FOUND);
}

/** Other bytes in the plain file, with the times that it had. @ctime  whether the ctime may tell. */
static void corrupt(struct case_store *c, uint64_t ino, const char *bytes)
{
	struct sfs_buf plain = SFS_BUF_INIT;
	struct stat st;
	assert_int_equal(sfs_raw_plain_path(c->store, ino, &plain), 0);
	int fd = open(take(&plain), O_WRONLY);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	assert_int_equal(pwrite(fd, bytes, strlen(bytes), 0), strlen(bytes));
	const struct timespec times[2] = { st.st_atim, st.st_mtim };
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static void a_check_reads_the_bytes(void **state)
{
	struct case_store *c = *state;
	uint64_t ino = put_raw(c, "d/a", "abcdef"), other = put_raw(c, "b", "xyz");
	settle();
	struct kinds kinds = check(c, SFS_CHECK_DATA);
	assert_string_equal(kinds.text, "");
	assert_int_equal(kinds.result.data_files, 2);
	assert_int_equal(kinds.result.data_new, 2);
	assert_int_equal(kinds.result.data_bytes, 9);
	assert_int_equal(check(c, SFS_CHECK_DATA).result.data_new, 0);
	/* Times that were set back: worth a look, and then known. */
	corrupt(c, ino, "ABC");
	settle();
	assert_string_equal(check(c, SFS_CHECK_DATA).text, "note:datad/a");
	assert_string_equal(check(c, SFS_CHECK_DATA).text, "");
	/* An ordinary write is none of its business; one under way neither. */
	case_write(c, other, "new");
	struct sfs_raw_file *file;
	assert_int_equal(sfs_raw_open(c->store, other, true, &file), 0);
	settle();
	kinds = check(c, SFS_CHECK_DATA);
	assert_string_equal(kinds.text, "");
	assert_int_equal(kinds.result.data_busy, 1);
	sfs_raw_close(file);
	kinds = check(c, SFS_CHECK_DATA);
	assert_string_equal(kinds.text, "");
	assert_int_equal(kinds.result.data_new, 1);
	/* Bytes that changed by themselves are what differs from the hash under the same stamp: again and
	 * again, until somebody writes them. */
	struct sfsi_content content;
	assert_int_equal(sfsi_content_load(c->store, ino, &content), 0);
	content.hash[3] ^= 1;
	assert_int_equal(sfsi_content_save(c->store, ino, &content), 0);
	case_reopen(c);
	for (int i = 0; i < 2; i++)
		assert_string_equal(check(c, SFS_CHECK_DATA).text, "datad/a");
	assert_string_equal(check(c, 0).text, "");
	case_write(c, ino, "mended");
	settle();
	assert_string_equal(check(c, SFS_CHECK_DATA).text, "");
}

/* --- imports and exports --- */

static void a_raw_travels_as_one_record(void **state)
{
	struct case_store *c = *state;
	struct sfs_imported got;
	struct sfs_diag diag = SFS_DIAG_INIT;
	static const char record[] =
		"{\"oid\": \"d/a\", \"type\": \"Image\", \"updates\": {\"data\": "
		"20250102030405000001}, \"width\": 1920, \"data\": \"aGVsbG8=\"}";
	assert_int_equal(sfs_import(c->store, c->images, SFS_FORMAT_JSON, sfs_span_str(record), 0,
				    &got, &diag),
			 0);
	assert_true(got.created && got.oid_len == 3);
	assert_string_equal(case_read(c, got.attr.ino), "hello");
	const struct sfs_export how = { .depth = 1, .flags = SFS_EXPORT_DATA };
	struct sfs_buf out = SFS_BUF_INIT;
	assert_int_equal(sfs_export(c->store, c->images, SPAN("d/a"), &how, &out, NULL, &diag), 0);
	const char *again = take(&out);
	assert_non_null(strstr(again, "\"data\": \"aGVsbG8=\""));
	assert_non_null(strstr(again, "\"data\": 20250102030405000001"));
	assert_non_null(strstr(again, "\"width\": 1920"));
	/* One that is there: metadata is merged, and without "data" the bytes stay. */
	assert_int_equal(sfs_import(c->store, c->images, SFS_FORMAT_JSON,
				    SPAN("{\"oid\": \"d/a\", \"height\": 5}"), 0, &got, &diag),
			 0);
	assert_true(!got.created && got.changed);
	assert_string_equal(meta(c, got.attr.ino), "{\n  \"width\": 1920,\n  \"height\": 5\n}\n");
	assert_string_equal(case_read(c, got.attr.ino), "hello");
	assert_int_equal(sfs_import(c->store, c->images, SFS_FORMAT_JSON,
				    SPAN("{\"oid\": \"d/a\", \"b\": 1, \"data\": \"\"}"),
				    SFS_IMPORT_REPLACE, &got, &diag),
			 0);
	assert_string_equal(meta(c, got.attr.ino), "{\n  \"b\": 1\n}\n");
	assert_string_equal(case_read(c, got.attr.ino), "");
	/* Bad ones change nothing. */
	assert_int_equal(sfs_import(c->store, c->images, SFS_FORMAT_JSON,
				    SPAN("{\"oid\": \"x\", \"data\": \"?\"}"), 0, &got, &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(sfs_import(c->store, c->images, SFS_FORMAT_JSON,
				    SPAN("{\"oid\": \"x\", \"type\": \"Account\"}"), 0, &got,
				    &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(sfs_import(c->store, c->images, SFS_FORMAT_JSON,
				    SPAN("{\"oid\": \"d\", \"data\": \"\"}"), 0, &got, &diag),
			 SFS_ERR_IS_DIR);
	assert_string_equal(case_names(c, c->root), "d");
	/* Without an oid a new one is made. */
	assert_int_equal(sfs_import(c->store, c->images, SFS_FORMAT_JSON,
				    SPAN("{\"data\": \"aGk=\"}"), 0, &got, &diag),
			 0);
	assert_string_equal(case_read(c, got.attr.ino), "hi");
	assert_string_equal(check(c, 0).text, "");
}

/* --- what belongs to nothing --- */

static int count_file(void *arg, const struct sfs_gc_file *file)
{
	unsigned *counts = arg;
	counts[file->ino == 0]++;
	return 0;
}

static void leave(struct case_store *c, uint64_t ino, const char *name)
{
	struct sfs_buf plain = SFS_BUF_INIT;
	char other[256];
	assert_int_equal(sfs_raw_plain_path(c->store, ino, &plain), 0);
	const char *full = take(&plain);
	snprintf(other, sizeof other, "%.*s%s", (int)(strrchr(full, '/') + 1 - full), full, name);
	int fd = open(other, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0 && write(fd, "left", 4) == 4);
	close(fd);
}

static void what_belongs_to_nothing_is_collected(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* the bytes are where others have them */
	unsigned counts[2] = { 0 };
	struct sfs_gc gc = { .dry_run = true, .found = count_file, .arg = counts };
	struct sfs_gc_result result;
	struct sfs_diag diag = SFS_DIAG_INIT;
	/* One that is open and has no name any more, and one that is there. */
	uint64_t gone = put_raw(c, "gone", "x"), ino = put_raw(c, "a", "bytes");
	struct sfs_raw_file *file;
	assert_int_equal(sfs_raw_open(c->store, gone, true, &file), 0);
	assert_int_equal(sfs_raw_remove(c->store, c->images, SPAN("gone")), 0);
	leave(c, ino, "000000300");
	leave(c, ino, "readme");
	assert_int_equal(sfs_store_gc(c->store, &gc, &result, &diag), 0);
	assert_true(result.files == 1 && result.bytes == 4 && result.removed == 0);
	assert_true(result.foreign == 1 && counts[0] == 1 && counts[1] == 1);
	gc.dry_run = false;
	assert_int_equal(sfs_store_gc(c->store, &gc, &result, &diag), 0);
	assert_true(result.removed == 1 && result.removed_bytes == 4);
	assert_int_equal(sfs_store_gc(c->store, &gc, &result, &diag), 0);
	assert_true(result.files == 0 && result.foreign == 1);
	size_t len;
	char byte;
	assert_int_equal(sfs_raw_read(file, 0, &byte, 1, &len), 0);
	assert_int_equal(byte, 'x');
	sfs_raw_close(file);
	assert_string_equal(case_read(c, ino), "bytes");
	/* A crash leaves files whose numbers nobody has yet: they go when the store is opened. */
	leave(c, ino, "000000301");
	if (!case_durable())
		return;
	case_reopen(c);
	gc.dry_run = true;
	assert_int_equal(sfs_store_gc(c->store, &gc, &result, &diag), 0);
	assert_true(result.files == 0);
	assert_string_equal(case_read(c, ino), "bytes");
}

int contract_raw_whole(const char *backend)
{
	case_backend = backend;
#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)
	const struct CMUnitTest tests[] = {
		CASE(metadata_is_one_document),
		CASE(update_times_tell_data_and_metadata_apart),
		CASE(a_number_leads_back_to_a_path),
		CASE(raws_are_found_by_their_metadata),
		CASE(a_raw_that_is_named_late_is_found),
		CASE(lines_of_raws_are_their_metadata),
		CASE(bytes_come_from_a_descriptor),
		CASE(a_put_is_whole_or_nothing),
		CASE(bytes_are_streamed_in_pieces),
		CASE(raws_are_listed_in_windows),
		CASE(a_hash_is_that_of_the_bytes),
		CASE(a_check_reads_the_bytes),
		CASE(a_raw_travels_as_one_record),
		CASE(what_belongs_to_nothing_is_collected),
	};
	return cmocka_run_group_tests_name("raw_whole", tests, NULL, NULL);
}
