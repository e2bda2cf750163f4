/* Objects as CSV: see csv.h. */
#include <string.h>
#include "csv.h"

/* A column: where its name is in bytes. */
struct column {
	size_t off, len;
};

void cli_csv_fini(struct cli_csv *csv)
{
	sfs_buf_fini(&csv->bytes);
	sfs_buf_fini(&csv->columns);
	sfs_buf_fini(&csv->row);
}

static struct sfs_span column_name(const struct cli_csv *csv, size_t i)
{
	const struct column *columns = csv->columns.data;
	return (struct sfs_span){ (const char *)csv->bytes.data + columns[i].off, columns[i].len };
}

int cli_csv_add(struct cli_csv *csv, struct sfs_span name)
{
	struct column column = { csv->bytes.len, name.len };
	/* Room for an empty name, too: spans of it are not NULL. */
	int err = sfs_buf_append(&csv->bytes, name.data, name.len);
	if (err == 0)
		err = sfs_buf_append(&csv->bytes, "", 1);
	if (err == 0)
		err = sfs_buf_append(&csv->columns, &column, sizeof column);
	if (err == 0)
		csv->count++;
	return err;
}

int cli_csv_add_list(struct cli_csv *csv, const char *list)
{
	int err = 0;
	while (err == 0 && *list) {
		size_t len = strcspn(list, ",");
		err = cli_csv_add(csv, (struct sfs_span){ list, len });
		list += len + (list[len] == ',');
	}
	return err;
}

int cli_csv_add_members(struct cli_csv *csv, struct sfs_span json)
{
	struct cli_members members;
	struct cli_member member;
	struct sfs_buf name = SFS_BUF_INIT;
	int got = cli_members_init(&members, json);
	while (got >= 0 && (got = cli_members_next(&members, &member)) > 0) {
		name.len = 0;
		if (cli_member_is(member.key, "oid") || cli_member_is(member.key, "type"))
			continue;
		got = cli_text_unquote(&name, member.key);
		if (got == 0)
			got = cli_csv_add(csv, sfs_buf_span(&name));
	}
	sfs_buf_fini(&name);
	return got;
}

/* A field; in quotation marks when it must be. */
static int put_field(struct sfs_buf *row, struct sfs_span text)
{
	const char *at = text.data;
	bool quote = false;
	for (size_t i = 0; i < text.len && !quote; i++)
		quote = strchr(",\"\r\n", at[i]) && at[i];
	if (!quote)
		return sfs_buf_append(row, text.data, text.len);
	int err = sfs_buf_append(row, "\"", 1);
	for (size_t i = 0; i < text.len && err == 0; i++)
		err = at[i] == '"' ? sfs_buf_append(row, "\"\"", 2)
				   : sfs_buf_append(row, &at[i], 1);
	return err < 0 ? err : sfs_buf_append(row, "\"", 1);
}

int cli_csv_header(struct cli_csv *csv)
{
	csv->row.len = 0;
	int err = sfs_buf_append(&csv->row, "oid", 3);
	for (size_t i = 0; i < csv->count && err == 0; i++) {
		err = sfs_buf_append(&csv->row, ",", 1);
		if (err == 0)
			err = put_field(&csv->row, column_name(csv, i));
	}
	return err < 0 ? err : sfs_buf_append(&csv->row, "\r\n", 2);
}

static int put_value(struct sfs_buf *row, struct sfs_span json)
{
	struct sfs_buf text = SFS_BUF_INIT;
	bool string = json.len && *(const char *)json.data == '"';
	int err = string ? cli_text_unquote(&text, json) : cli_text_compact(&text, json);
	/* null is no value. */
	if (err == 0 && !(!string && text.len == 4 && memcmp(text.data, "null", 4) == 0))
		err = put_field(row, sfs_buf_span(&text));
	sfs_buf_fini(&text);
	return err;
}

int cli_csv_row(struct cli_csv *csv, struct sfs_span oid, struct sfs_span doc)
{
	csv->row.len = 0;
	int err = put_field(&csv->row, oid);
	for (size_t i = 0; i < csv->count && err == 0; i++) {
		struct sfs_span name = column_name(csv, i), value;
		err = sfs_buf_append(&csv->row, ",", 1);
		/* A name with a NUL in it is found by no search for a C string. */
		int found = err == 0 ? cli_member_find(doc, name.data, &value) : err;
		if (found == 0)
			err = put_value(&csv->row, value);
		else if (found != SFS_ERR_NOT_FOUND)
			err = found;
	}
	return err < 0 ? err : sfs_buf_append(&csv->row, "\r\n", 2);
}
