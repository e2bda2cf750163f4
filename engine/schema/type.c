/* The words for types, and the notation of a type. */
#include "schema/type.h"
#include "document/document.h"
#include "document/msgpack.h"
#include "document/msgpack_head.h"

const char *const sfsi_type_words[SFSI_TYPE_WORDS] = {
	[SFSI_TYPE_ANY] = "any",
	[SFSI_TYPE_BOOL] = "bool",
	[SFSI_TYPE_INT] = "int",
	[SFSI_TYPE_POSITIVE] = "int>0",
	[SFSI_TYPE_FLOAT] = "float",
	[SFSI_TYPE_NUMBER] = "number",
	[SFSI_TYPE_STRING] = "string",
	[SFSI_TYPE_LINE] = "string:line",
	[SFSI_TYPE_RICHTEXT] = "string:richtext",
	[SFSI_TYPE_MARKDOWN] = "string:markdown",
	[SFSI_TYPE_HTML] = "string:html",
	[SFSI_TYPE_PASSWORD] = "string:password",
	[SFSI_TYPE_I18N] = "string:i18n",
	[SFSI_TYPE_EMAIL] = "string:email",
	[SFSI_TYPE_URL] = "string:url",
	[SFSI_TYPE_PATH] = "string:path",
	[SFSI_TYPE_ID] = "string:id",
	[SFSI_TYPE_DATE] = "date",
	[SFSI_TYPE_TIME] = "time",
	[SFSI_TYPE_DATETIME] = "datetime",
	[SFSI_TYPE_BIN] = "bin",
};

enum sfsi_type_kind sfsi_type_word(struct sfs_span word)
{
	unsigned kind = 0;
	while (kind < SFSI_TYPE_WORDS && !sfs_span_equal(word, sfs_span_str(sfsi_type_words[kind])))
		kind++;
	return (enum sfsi_type_kind)kind;
}

int sfsi_literal_string(struct sfs_buf *ret, struct sfs_span text)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	return writer.sink.ops->string(&writer.sink, text);
}

static int put(struct sfs_buf *ret, const char *text)
{
	return sfs_buf_append(ret, text, strlen(text));
}

/** Could this text stand between '|' and mean itself? */
static bool is_plain(struct sfs_span text)
{
	const char *at = text.data;
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)at[i] <= ' ' || strchr("|,()[]{}=\"", at[i]))
			return false;
	return text.len && sfsi_type_word(text) == SFSI_TYPE_WORDS;
}

static int put_literal(struct sfs_span value, struct sfs_buf *ret)
{
	struct sfsi_head head;
	if (sfsi_head_read(value, &head) == SFSI_HEAD_GOOD && head.kind == SFSI_HEAD_STRING &&
	    is_plain(head.body))
		return sfs_buf_append(ret, head.body.data, head.body.len);
	return sfsi_value_json(value, ret);
}

/** The items in brackets. */
static int put_items(const struct sfsi_type *type, const char *open, const char *between,
		     const char *close, struct sfs_buf *ret)
{
	int err = put(ret, open);
	for (uint32_t i = 0; i < type->count && !err; i++) {
		err = i ? put(ret, between) : 0;
		if (!err && type->names)
			err = sfs_buf_append(ret, type->names[i].data, type->names[i].len);
		if (!err && type->names)
			err = put(ret, "=");
		if (!err)
			err = sfsi_type_text(&type->items[i], ret);
	}
	return err < 0 ? err : put(ret, close);
}

int sfsi_type_text(const struct sfsi_type *type, struct sfs_buf *ret)
{
	switch ((int)type->kind) {
	case SFSI_TYPE_LIST: return put_items(type, "[", "", "]", ret);
	case SFSI_TYPE_TUPLE: return put_items(type, "(", ",", ")", ret);
	case SFSI_TYPE_ONE_OF: return put_items(type, "(", "|", ")", ret);
	case SFSI_TYPE_MAP: return put_items(type, "{", ",", "}", ret);
	case SFSI_TYPE_LITERAL: return put_literal(type->text, ret);
	case SFSI_TYPE_REFERENCE:
		return type->text.len ? sfs_buf_append(ret, type->text.data, type->text.len)
				      : put(ret, "¤");
	case SFSI_TYPE_RANGE:
		return sfs_buf_printf(ret, "%s:%.21Lg-%.21Lg", sfsi_type_words[type->base],
				      type->low, type->high);
	default: return put(ret, sfsi_type_words[type->kind]);
	}
}
