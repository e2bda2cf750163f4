/*
 * Lines of dumps: JSON objects, built and read by way of msgpack, so that each value is as exact as in a
 * document. And names of members.
 */
#include "dump/dump.h"
#include <stdio.h>
#include <stdlib.h>
#include "document/document.h"
#include "document/json.h"
#include "document/msgpack.h"
#include "document/msgpack_head.h"
#include "document/utf8.h"

/* --- building --- */

void sfsi_line_fini(struct sfsi_line *line)
{
	sfs_buf_fini(&line->pairs);
}

int sfsi_line_encode_text(struct sfs_buf *ret, struct sfs_span text)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	return sfsi_utf8_valid(text) ? writer.sink.ops->string(&writer.sink, text)
				     : writer.sink.ops->binary(&writer.sink, text);
}

static int put_key(struct sfsi_line *line, const char *key)
{
	line->count++;
	return sfsi_line_encode_text(&line->pairs, sfs_span_str(key));
}

int sfsi_line_text(struct sfsi_line *line, const char *key, struct sfs_span text)
{
	int err = put_key(line, key);
	return err < 0 ? err : sfsi_line_encode_text(&line->pairs, text);
}

int sfsi_line_number(struct sfsi_line *line, const char *key, int64_t number)
{
	struct sfsi_msgpack_writer writer;
	int err = put_key(line, key);
	sfsi_msgpack_writer_init(&writer, &line->pairs);
	return err < 0 ? err : writer.sink.ops->integer(&writer.sink, number);
}

int sfsi_line_value(struct sfsi_line *line, const char *key, struct sfs_span value)
{
	int err = put_key(line, key);
	return err < 0 ? err : sfs_buf_append(&line->pairs, value.data, value.len);
}

int sfsi_line_attributes(struct sfsi_line *line, const struct sfs_attr *attr)
{
	char mode[16];
	snprintf(mode, sizeof mode, "%04o", attr->mode);
	int err = sfsi_line_text(line, "mode", sfs_span_str(mode));
	if (!err)
		err = sfsi_line_number(line, "uid", attr->uid);
	if (!err)
		err = sfsi_line_number(line, "gid", attr->gid);
	if (!err)
		err = sfsi_line_number(line, "mtime", attr->mtime_ns);
	return err < 0 ? err : sfsi_line_number(line, "atime", attr->atime_ns);
}

int sfsi_line_hash(struct sfsi_line *line, const unsigned char hash[SFS_HASH_LEN])
{
	char text[SFS_HASH_SIZE];
	return sfsi_line_text(line, "xxh3", sfs_span_str(sfs_hash_text(hash, text)));
}

int sfsi_line_end(struct sfsi_line *line, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf map = SFS_BUF_INIT;
	size_t at = ret->len;
	int err = sfsi_msgpack_map_header(&map, line->count);
	if (!err)
		err = sfs_buf_append(&map, line->pairs.data, line->pairs.len);
	if (!err)
		err = sfsi_value_json(sfs_buf_span(&map), ret);
	if (!err && ret->len - at > SFS_DOCUMENT_MAX)
		err = SFS_ERR_LIMIT;
	if (!err)
		err = sfs_buf_append(ret, "\n", 1);
	if (err < 0)
		ret->len = at;
	line->pairs.len = 0;
	line->count = 0;
	return err;
}

int sfsi_line_put_text(struct sfs_buf *ret, struct sfs_span text)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	int err = sfsi_line_encode_text(&value, text);
	if (!err)
		err = sfsi_value_json(sfs_buf_span(&value), ret);
	return err < 0 ? err : sfs_buf_append(ret, "\n", 1);
}

/* --- reading --- */

int sfsi_line_parse(struct sfs_span text, struct sfsi_line_read *ret, struct sfs_diag *diag)
{
	struct sfsi_msgpack_writer writer;
	ret->value.len = 0;
	sfsi_msgpack_writer_init(&writer, &ret->value);
	return sfsi_json_read(text, &writer.sink, diag);
}

bool sfsi_line_get(const struct sfsi_line_read *line, const char *key, struct sfs_span *ret_value)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	struct sfs_span bytes = sfs_buf_span(&line->value);
	if (!sfsi_msgpack_is_map(bytes) || sfsi_msgpack_map_init(&map, bytes) < 0)
		return false;
	while (sfsi_msgpack_map_next(&map, &pair) == 0)
		if (pair.name.data && sfs_span_equal(pair.name, sfs_span_str(key))) {
			*ret_value = pair.value;
			return true;
		}
	return false;
}

bool sfsi_line_value_text(struct sfs_span value, struct sfs_span *ret)
{
	struct sfsi_head head;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD ||
	    (head.kind != SFSI_HEAD_STRING && head.kind != SFSI_HEAD_BINARY))
		return false;
	*ret = head.body;
	return true;
}

bool sfsi_line_get_text(const struct sfsi_line_read *line, const char *key, struct sfs_span *ret)
{
	struct sfs_span value;
	return sfsi_line_get(line, key, &value) && sfsi_line_value_text(value, ret);
}

bool sfsi_line_get_number(const struct sfsi_line_read *line, const char *key, int64_t *ret)
{
	struct sfs_span value;
	struct sfsi_head head;
	if (!sfsi_line_get(line, key, &value) || sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return false;
	if (head.kind == SFSI_HEAD_NATURAL && head.natural <= INT64_MAX)
		head.integer = (int64_t)head.natural;
	else if (head.kind != SFSI_HEAD_INTEGER)
		return false;
	*ret = head.integer;
	return true;
}

static bool get_mode(const struct sfsi_line_read *line, uint32_t *ret)
{
	struct sfs_span text;
	*ret = 0;
	if (!sfsi_line_get_text(line, "mode", &text) || text.len == 0 || text.len > 5)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char digit = ((const char *)text.data)[i];
		if (digit < '0' || digit > '7')
			return false;
		*ret = *ret * 8 + (uint32_t)(digit - '0');
	}
	return *ret <= 07777;
}

bool sfsi_line_get_attributes(const struct sfsi_line_read *line, struct sfs_attr *ret)
{
	int64_t uid, gid;
	if (!get_mode(line, &ret->mode) || !sfsi_line_get_number(line, "uid", &uid) ||
	    !sfsi_line_get_number(line, "gid", &gid) ||
	    !sfsi_line_get_number(line, "mtime", &ret->mtime_ns) ||
	    !sfsi_line_get_number(line, "atime", &ret->atime_ns))
		return false;
	ret->uid = (uint32_t)uid;
	ret->gid = (uint32_t)gid;
	return uid >= 0 && uid <= UINT32_MAX && gid >= 0 && gid <= UINT32_MAX;
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool sfsi_line_get_hash(const struct sfsi_line_read *line, unsigned char ret[SFS_HASH_LEN])
{
	struct sfs_span text;
	if (!sfsi_line_get_text(line, "xxh3", &text) || text.len != 2 * (size_t)SFS_HASH_LEN)
		return false;
	const char *digits = text.data;
	for (size_t i = 0; i < SFS_HASH_LEN; i++) {
		int high = hex_digit(digits[2 * i]), low = hex_digit(digits[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		ret[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

/* --- names of members --- */

void sfsi_dump_class_folder(const char *name, uint64_t number, char ret[SFSI_DUMP_FOLDER_SIZE])
{
	if (sfs_class_name_valid(sfs_span_str(name)))
		snprintf(ret, SFSI_DUMP_FOLDER_SIZE, "%s", name);
	else
		snprintf(ret, SFSI_DUMP_FOLDER_SIZE, "class.%llu", (unsigned long long)number);
}

int sfsi_dump_part_path(struct sfs_buf *ret, const char *folder, uint64_t number)
{
	ret->len = 0;
	int err = sfs_buf_printf(ret, "%s/%06llu.ndjson", folder, (unsigned long long)number);
	return err < 0 ? err : sfs_buf_append(ret, "", 1);
}

int sfsi_dump_file_path(struct sfs_buf *ret, const char *folder, struct sfs_span path)
{
	ret->len = 0;
	int err = sfs_buf_printf(ret, "%s/files/", folder);
	if (!err)
		err = sfs_buf_append(ret, path.data, path.len);
	return err < 0 ? err : sfs_buf_append(ret, "", 1);
}

char *sfsi_dump_path_copy(struct sfs_span path)
{
	char *copy = calloc(1, path.len + 2);
	if (copy && path.len)
		memcpy(copy, path.data, path.len);
	return copy;
}
