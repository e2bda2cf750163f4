/* The writer of JSON for --json. See json.h. */
#include <inttypes.h>
#include <time.h>
#include "json.h"
#include "text.h"

void cli_json_init(struct cli_json *json, FILE *out)
{
	*json = (struct cli_json){ .out = out };
}

static void put_string(struct cli_json *json, struct sfs_span text)
{
	struct sfs_buf quoted = SFS_BUF_INIT;
	if (cli_text_quote(&quoted, text) == 0)
		fwrite(quoted.data, 1, quoted.len, json->out);
	else
		fputs("null", json->out);
	sfs_buf_fini(&quoted);
}

static void put_base64(struct cli_json *json, struct sfs_span bytes)
{
	struct sfs_buf text = SFS_BUF_INIT;
	if (cli_text_base64(&text, bytes) == 0)
		fprintf(json->out, "\"%.*s\"", (int)text.len, (const char *)text.data);
	else
		fputs("null", json->out);
	sfs_buf_fini(&text);
}

/* The comma and the name before a value. */
static void lead(struct cli_json *json, const char *name)
{
	if (json->comma)
		fputc(',', json->out);
	json->comma = true;
	if (name) {
		put_string(json, sfs_span_str(name));
		fputc(':', json->out);
	}
}

void cli_json_open(struct cli_json *json, const char *name, char bracket)
{
	lead(json, name);
	fputc(bracket, json->out);
	json->comma = false;
}

void cli_json_close(struct cli_json *json, char bracket)
{
	fputc(bracket, json->out);
	json->comma = true;
}

void cli_json_number(struct cli_json *json, const char *name, uint64_t value)
{
	lead(json, name);
	fprintf(json->out, "%" PRIu64, value);
}

void cli_json_real(struct cli_json *json, const char *name, double value)
{
	lead(json, name);
	fprintf(json->out, "%.6f", value);
}

void cli_json_bool(struct cli_json *json, const char *name, bool value)
{
	lead(json, name);
	fputs(value ? "true" : "false", json->out);
}

void cli_json_null(struct cli_json *json, const char *name)
{
	lead(json, name);
	fputs("null", json->out);
}

void cli_json_string(struct cli_json *json, const char *name, const char *value)
{
	lead(json, name);
	put_string(json, sfs_span_str(value));
}

void cli_time_text(int64_t ns, char *ret)
{
	int64_t seconds = ns / 1000000000, rest = ns % 1000000000;
	if (rest < 0) {
		rest += 1000000000;
		seconds--;
	}
	time_t when = (time_t)seconds;
	struct tm parts;
	char date[32];
	if (!gmtime_r(&when, &parts) || !strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts))
		snprintf(date, sizeof date, "@%" PRId64, seconds);
	snprintf(ret, 48, "%s.%09" PRId64 "Z", date, rest);
}

void cli_json_time(struct cli_json *json, const char *name, int64_t ns)
{
	char text[48];
	cli_time_text(ns, text);
	cli_json_string(json, name, text);
}

void cli_json_bytes(struct cli_json *json, const char *name, struct sfs_span value)
{
	lead(json, name);
	put_string(json, value);
	if (cli_text_is_utf8(value))
		return;
	fprintf(json->out, ",\"%s_base64\":", name);
	put_base64(json, value);
}

void cli_json_value(struct cli_json *json, const char *name, struct sfs_span value)
{
	lead(json, name);
	fwrite(value.data, 1, value.len, json->out);
}

void cli_json_pair(struct cli_json *json, struct sfs_span name, struct sfs_span value)
{
	lead(json, NULL);
	put_string(json, name);
	fputc(':', json->out);
	put_string(json, value);
}

void cli_json_end(struct cli_json *json)
{
	fputc('\n', json->out);
	json->comma = false;
}
