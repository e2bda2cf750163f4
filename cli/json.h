/*
 * A writer of JSON for --json: straight to a stream, compact, with the commas in the right places.
 * Errors of the stream are the stream's: whoever ends the verb looks at them.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <storefs/buf.h>

struct cli_json {
	FILE *out;
	bool comma; /* something stands before what comes next */
};

void cli_json_init(struct cli_json *json, FILE *out);

/* name: the member's name, or NULL in an array and at the top. */
void cli_json_open(struct cli_json *json, const char *name, char bracket);
void cli_json_close(struct cli_json *json, char bracket);
void cli_json_number(struct cli_json *json, const char *name, uint64_t value);
void cli_json_real(struct cli_json *json, const char *name, double value);
void cli_json_bool(struct cli_json *json, const char *name, bool value);
void cli_json_null(struct cli_json *json, const char *name);
void cli_json_string(struct cli_json *json, const char *name, const char *value);
/** A time in nanoseconds since 1970 as "2026-11-22T01:02:03.004005006Z". */
void cli_json_time(struct cli_json *json, const char *name, int64_t ns);
/** A string of any bytes; when it is no UTF-8 a second member, "<name>_base64", has it exactly. */
void cli_json_bytes(struct cli_json *json, const char *name, struct sfs_span value);
/** A value that is JSON already. */
void cli_json_value(struct cli_json *json, const char *name, struct sfs_span value);
/** A string of UTF-8 with a name of any bytes. */
void cli_json_pair(struct cli_json *json, struct sfs_span name, struct sfs_span value);
/** End of the document: a newline. */
void cli_json_end(struct cli_json *json);

/** The text of a time, as cli_json_time() writes it; ret has 48 bytes. */
void cli_time_text(int64_t ns, char *ret);

#endif
