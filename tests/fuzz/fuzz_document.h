/* Shared by the fuzz targets of documents: conversions, and what must hold of every result. */
#ifndef FUZZ_DOCUMENT_H
#define FUZZ_DOCUMENT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "document/document.h"
#include "document/json.h"
#include "document/msgpack.h"
#include "document/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stop the fuzzer with this input. */
static inline void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static inline void require_equal(const struct sfs_buf *a, const struct sfs_buf *b, const char *what)
{
	require(sfs_span_equal(sfs_buf_span(a), sfs_buf_span(b)), what);
}

static inline int to_msgpack(enum sfs_format format, struct sfs_span bytes, struct sfs_buf *ret,
			     struct sfs_diag *diag)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	if (format == SFS_FORMAT_JSON)
		return sfsi_json_read(bytes, &writer.sink, diag);
	return sfsi_msgpack_read(bytes, &writer.sink, NULL, diag);
}

static inline void to_json(const struct sfs_buf *packed, enum sfsi_json_style style,
			   struct sfs_buf *ret)
{
	struct sfsi_json_writer *writer;
	require(sfsi_json_writer_new(&writer) == 0, "a writer is made");
	require(sfsi_msgpack_read(sfs_buf_span(packed), sfsi_json_writer_sink(writer), NULL,
				  NULL) == 0,
		"canonical msgpack is read");
	require(sfsi_json_writer_finish(writer, style, ret) == 0, "what was read is printed");
	sfsi_json_writer_free(writer);
}

/* The text of a value is the same value, and its text is the same text. */
static inline void require_stable(const struct sfs_buf *packed, enum sfsi_json_style style)
{
	struct sfs_buf text = SFS_BUF_INIT, again = SFS_BUF_INIT, text_again = SFS_BUF_INIT;
	to_json(packed, style, &text);
	require(to_msgpack(SFS_FORMAT_JSON, sfs_buf_span(&text), &again, NULL) == 0,
		"printed JSON is read");
	require_equal(packed, &again, "printed JSON is the same value");
	to_json(&again, style, &text_again);
	require_equal(&text, &text_again, "printed JSON is canonical");
	sfs_buf_fini(&text);
	sfs_buf_fini(&again);
	sfs_buf_fini(&text_again);
}

static inline void require_good_diag(const struct sfs_diag *diag, int err, size_t size)
{
	require(err == SFS_ERR_BAD_DOCUMENT || err == SFS_ERR_LIMIT, "a documented error");
	require(diag->err == err, "the diagnostic has the error");
	require(diag->offset <= size, "the offset is inside");
	require(diag->text[0] && sfsi_utf8_valid(sfs_span_str(diag->text)),
		"the sentence is UTF-8");
	for (const char *p = diag->text; *p; p++)
		require((uint8_t)*p >= 0x20 && *p != 0x7f, "the sentence is one line");
}

/* As a document of an object: the body is canonical, and shows as what gives the body again. */
static inline void check_document(enum sfs_format format, struct sfs_span bytes)
{
	static const struct sfsi_document_rules rules = { .oid = { "1", 1 },
							  .type = { "T", 1 },
							  .class_name = { "C", 1 } };
	struct sfs_buf body = SFS_BUF_INIT, text = SFS_BUF_INIT, again = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfsi_document_parse(format, bytes, &rules, &body, &diag);
	if (err == 0) {
		require(sfsi_document_render(SFS_FORMAT_JSON, sfs_buf_span(&body), &text) == 0,
			"a body is shown");
		require(sfsi_document_parse(SFS_FORMAT_JSON, sfs_buf_span(&text), &rules, &again,
					    NULL) == 0,
			"what is shown is a document");
		require_equal(&body, &again, "what is shown is the same body");
	} else {
		require(body.len == 0, "nothing is left of a refused document");
		require_good_diag(&diag, err, bytes.len);
	}
	sfs_buf_fini(&body);
	sfs_buf_fini(&text);
	sfs_buf_fini(&again);
}

/* Any bytes, in either format. */
static inline void check_bytes(enum sfs_format format, struct sfs_span bytes)
{
	struct sfs_buf packed = SFS_BUF_INIT, again = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = to_msgpack(format, bytes, &packed, &diag);
	if (err == 0) {
		require(to_msgpack(SFS_FORMAT_MSGPACK, sfs_buf_span(&packed), &again, NULL) == 0,
			"canonical msgpack is read");
		require_equal(&packed, &again, "canonical msgpack is canonical");
		require_stable(&packed, SFSI_JSON_PRETTY);
		require_stable(&packed, SFSI_JSON_COMPACT);
	} else {
		require_good_diag(&diag, err, bytes.len);
	}
	sfs_buf_fini(&packed);
	sfs_buf_fini(&again);
	check_document(format, bytes);
}

#endif
