/*
 * A schema as JSON Schema 2020-12, so that editors complete and check documents. It accepts what a
 * strict save accepts, as far as JSON Schema can say it; where it can not, it accepts more.
 */
#include "schema/json_schema.h"
#include "document/document.h"
#include "document/json.h"
#include "document/msgpack.h"

/** Text in the making; errors are kept until the end. */
struct out {
	struct sfs_buf *buf;
	const struct sfsi_schema *schema;
	struct sfs_span class_name;
	int err;
};

static void put(struct out *out, const char *text)
{
	if (!out->err)
		out->err = sfs_buf_append(out->buf, text, strlen(text));
}

static void put_string(struct out *out, struct sfs_span text)
{
	if (!out->err)
		out->err = sfsi_json_quote(out->buf, text);
}

/** A literal value, compact. */
static void put_value(struct out *out, struct sfs_span value)
{
	if (!out->err)
		out->err = sfsi_value_json(value, out->buf);
}

/* The list of nine numbers of a time. */
#define TIME_LIST                                                                     \
	"{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"minItems\": 9, " \
	"\"maxItems\": 9}"
#define BIN_OBJECT "{\"type\": \"object\", \"required\": [\"$bin\"], \"maxProperties\": 1}"

static const char *const words[SFSI_TYPE_WORDS] = {
	[SFSI_TYPE_ANY] = "{}",
	[SFSI_TYPE_BOOL] = "{\"type\": \"boolean\"}",
	[SFSI_TYPE_INT] = "{\"type\": \"integer\"}",
	[SFSI_TYPE_POSITIVE] = "{\"type\": \"integer\", \"exclusiveMinimum\": 0}",
	[SFSI_TYPE_FLOAT] = "{\"anyOf\": [{\"type\": \"number\"}, {\"type\": \"object\", "
			    "\"required\": [\"$float\"]}]}",
	[SFSI_TYPE_NUMBER] = "{\"anyOf\": [{\"type\": \"number\"}, {\"type\": \"object\", "
			     "\"required\": [\"$float\"]}]}",
	[SFSI_TYPE_STRING] = "{\"type\": \"string\"}",
	[SFSI_TYPE_LINE] = "{\"type\": \"string\", \"pattern\": \"^[^\\\\n\\\\r]*$\"}",
	[SFSI_TYPE_RICHTEXT] = "{\"type\": \"string\"}",
	[SFSI_TYPE_MARKDOWN] = "{\"type\": \"string\", \"contentMediaType\": \"text/markdown\"}",
	[SFSI_TYPE_HTML] = "{\"type\": \"string\", \"contentMediaType\": \"text/html\"}",
	[SFSI_TYPE_PASSWORD] = "{\"type\": \"string\", \"writeOnly\": true}",
	[SFSI_TYPE_I18N] = "{\"type\": \"object\", \"propertyNames\": {\"pattern\": "
			   "\"^[A-Za-z][A-Za-z0-9_-]*$\"}, \"additionalProperties\": "
			   "{\"type\": [\"string\", \"null\"]}}",
	[SFSI_TYPE_EMAIL] = "{\"type\": \"string\", \"pattern\": \"^[^ ]+@[^ @]+$\"}",
	[SFSI_TYPE_URL] = "{\"type\": \"string\", \"pattern\": \"^[A-Za-z][A-Za-z0-9+.-]*:.\"}",
	[SFSI_TYPE_PATH] = "{\"type\": \"string\", \"minLength\": 1}",
	[SFSI_TYPE_ID] = "{\"type\": \"string\", \"minLength\": 1, \"maxLength\": 1024}",
	[SFSI_TYPE_DATE] = "{\"anyOf\": [{\"type\": \"string\", \"format\": \"date\"}, " TIME_LIST
			   "]}",
	[SFSI_TYPE_TIME] = "{\"anyOf\": [{\"type\": \"string\", \"pattern\": "
			   "\"^[0-9]{2}:[0-9]{2}\"}, " TIME_LIST "]}",
	[SFSI_TYPE_DATETIME] = "{\"anyOf\": [{\"type\": \"string\", \"pattern\": "
			       "\"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}\"}, " TIME_LIST
			       "]}",
	[SFSI_TYPE_BIN] = "{\"anyOf\": [{\"type\": \"string\", \"contentEncoding\": "
			  "\"base64\"}, " BIN_OBJECT "]}",
};

/** {"oid", "type"} of a class, or the oid. */
static void put_reference(struct out *out, struct sfs_span target)
{
	put(out, "{\"anyOf\": [{\"type\": [\"string\", \"integer\"]}, {\"type\": \"object\", "
		 "\"title\": ");
	put_string(out, target.len ? target : out->class_name);
	put(out, ", \"properties\": {\"oid\": {\"type\": [\"string\", \"integer\"]}, \"type\": "
		 "{\"type\": \"string\"}}, \"required\": [\"oid\"]}]}");
}

static void put_type(struct out *out, const struct sfsi_type *type);

static void put_items(struct out *out, const struct sfsi_type *type)
{
	for (uint32_t i = 0; i < type->count; i++) {
		put(out, i ? ", " : "");
		put_type(out, &type->items[i]);
	}
}

static bool is_enum(const struct sfsi_type *type)
{
	for (uint32_t i = 0; i < type->count; i++)
		if (type->items[i].kind != SFSI_TYPE_LITERAL)
			return false;
	return true;
}

static void put_one_of(struct out *out, const struct sfsi_type *type)
{
	if (!is_enum(type)) {
		put(out, "{\"anyOf\": [");
		put_items(out, type);
		put(out, "]}");
		return;
	}
	put(out, "{\"enum\": [");
	for (uint32_t i = 0; i < type->count; i++) {
		put(out, i ? ", " : "");
		put_value(out, type->items[i].text);
	}
	put(out, "]}");
}

static void put_map(struct out *out, const struct sfsi_type *type)
{
	put(out, "{\"type\": \"object\"");
	if (type->count)
		put(out, ", \"additionalProperties\": false, \"properties\": {");
	for (uint32_t i = 0; i < type->count; i++) {
		put(out, i ? ", " : "");
		put_string(out, type->names[i]);
		put(out, ": ");
		put_type(out, &type->items[i]);
	}
	put(out, type->count ? "}}" : "}");
}

static void put_tuple(struct out *out, const struct sfsi_type *type)
{
	put(out, "{\"type\": \"array\", \"prefixItems\": [");
	put_items(out, type);
	if (!out->err)
		out->err = sfs_buf_printf(
			out->buf, "], \"items\": false, \"minItems\": %u, \"maxItems\": %u}",
			type->count, type->count);
}

static void put_range(struct out *out, const struct sfsi_type *type)
{
	const char *name = type->base == SFSI_TYPE_INT ? "integer" : "number";
	if (!out->err)
		out->err = sfs_buf_printf(
			out->buf, "{\"type\": \"%s\", \"minimum\": %.21Lg, \"maximum\": %.21Lg}",
			name, type->low, type->high);
}

/** Recursion is bounded by the type's depth. */
static void put_type(struct out *out, const struct sfsi_type *type)
{
	switch ((int)type->kind) {
	case SFSI_TYPE_LIST:
		put(out, "{\"type\": \"array\", \"items\": ");
		put_items(out, type);
		put(out, "}");
		break;
	case SFSI_TYPE_TUPLE: put_tuple(out, type); break;
	case SFSI_TYPE_ONE_OF: put_one_of(out, type); break;
	case SFSI_TYPE_MAP: put_map(out, type); break;
	case SFSI_TYPE_REFERENCE: put_reference(out, type->text); break;
	case SFSI_TYPE_RANGE: put_range(out, type); break;
	case SFSI_TYPE_LITERAL:
		put(out, "{\"const\": ");
		put_value(out, type->text);
		put(out, "}");
		break;
	default: put(out, words[type->kind]); break;
	}
}

/** A member of the document: its type, or null for none. */
static void put_member(struct out *out, struct sfs_span name, const struct sfsi_type *type,
		       const struct sfsi_relation *relation)
{
	put(out, ",\n    ");
	put_string(out, name);
	put(out, ": {\"anyOf\": [");
	if (type) {
		put_type(out, type);
	} else {
		put_reference(out, relation->target);
		put(out, ", {\"type\": \"array\", \"items\": ");
		put_reference(out, relation->target);
		put(out, relation->many ? "}" : ", \"maxItems\": 1}");
	}
	put(out, ", {\"type\": \"null\"}]}");
}

int sfsi_schema_json(const struct sfsi_schema *schema, struct sfs_span class_name,
		     struct sfs_span type, struct sfs_buf *ret)
{
	struct out out = { .buf = ret, .schema = schema, .class_name = class_name };
	put(&out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
		  "  \"title\": ");
	put_string(&out, class_name);
	put(&out,
	    ",\n  \"type\": \"object\",\n  \"properties\": {\n"
	    "    \"oid\": {\"type\": [\"string\", \"integer\"]},\n    \"type\": {\"enum\": [");
	put_string(&out, type);
	if (!sfs_span_equal(type, class_name)) {
		put(&out, ", ");
		put_string(&out, class_name);
	}
	put(&out, "]}");
	for (uint32_t i = 0; schema && i < schema->properties_count; i++)
		put_member(&out, schema->properties[i].name, &schema->properties[i].type, NULL);
	for (uint32_t i = 0; schema && i < schema->relations_count; i++)
		put_member(&out, schema->relations[i].name, NULL, &schema->relations[i]);
	put(&out, "\n  },\n  \"additionalProperties\": ");
	put(&out, schema && schema->extra == SFSI_EXTRA_REFUSE ? "false\n}\n" : "true\n}\n");
	return out.err;
}
