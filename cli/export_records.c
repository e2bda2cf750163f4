/* Export of objects as records on standard output. */
#include "export.h"
#include "text.h"

void cli_export_failed(struct cli_export *export, const char *what, const char *why)
{
	export->failed++;
	cli_progress_clear(&export->progress);
	cli_error(export->ctx, what, "%s", why);
}

int cli_export_at_depth(struct cli_export *export, uint32_t class_id, struct sfs_span oid,
			struct sfs_buf *ret, struct sfs_diag *diag)
{
	struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_export how = {
		.depth = (unsigned)export->depth,
		.flags = export->data ? SFS_EXPORT_DATA : 0,
		.limit = SFS_BUF_MAX / 4,
	};
	int err = sfs_export(export->ctx->store, class_id, oid, &how, &text, NULL, diag);
	if (err == 0)
		err = cli_text_compact(ret, sfs_buf_span(&text));
	sfs_buf_fini(&text);
	return err;
}

int cli_export_record(struct sfs_buf *ret, struct sfs_span oid, struct sfs_span doc)
{
	struct cli_members members;
	struct cli_member member;
	int err = sfs_buf_append(ret, "{\"oid\":", 7);
	if (err == 0)
		err = cli_text_quote(ret, oid);
	int got = err < 0 ? err : cli_members_init(&members, doc);
	while (got >= 0 && (got = cli_members_next(&members, &member)) > 0) {
		/* A text that is kept as it was written may name its oid itself. */
		if (cli_member_is(member.key, "oid"))
			continue;
		got = sfs_buf_append(ret, ",", 1);
		if (got == 0)
			got = sfs_buf_append(ret, member.key.data, member.key.len);
		if (got == 0)
			got = sfs_buf_append(ret, ":", 1);
		if (got == 0)
			got = cli_text_compact(ret, member.value);
	}
	return got < 0 ? got : sfs_buf_append(ret, "}", 1);
}

static int put_record(struct cli_export *export, struct sfs_span oid, struct sfs_span doc,
		      struct sfs_buf *text)
{
	FILE *out = export->ctx->out;
	if (!cli_text_is_utf8(oid)) {
		char what[128];
		snprintf(what, sizeof what, "%.*s", oid.len < 120 ? (int)oid.len : 120,
			 (const char *)oid.data);
		cli_export_failed(export, what,
				  "left out: the oid is no UTF-8 and a record can not say it "
				  "(--to DIR exports it)");
		return 0;
	}
	struct sfs_diag diag = SFS_DIAG_INIT;
	text->len = 0;
	int err = export->depth < 0
			  ? cli_export_record(text, oid, doc)
			  : cli_export_at_depth(export, export->class_id, oid, text, &diag);
	if (err == SFS_ERR_NOT_FOUND)
		return 0; /* removed since it was listed */
	if (err == SFS_ERR_LIMIT) {
		char what[128];
		snprintf(what, sizeof what, "%.*s", oid.len < 120 ? (int)oid.len : 120,
			 (const char *)oid.data);
		cli_export_failed(export, what, diag.text);
		return 0;
	}
	if (err < 0)
		return err;
	if (export->array && export->objects > 0)
		fputs(",\n", out);
	fwrite(text->data, 1, text->len, out);
	if (!export->array)
		fputc('\n', out);
	export->objects++;
	export->bytes += text->len;
	export->progress.count++;
	export->progress.done++;
	return 0;
}

static int put_pages(struct cli_export *export, const struct sfs_class_info *class,
		     struct cli_page *page, struct sfs_buf *text, struct sfs_diag *diag)
{
	static const enum sfs_format json = SFS_FORMAT_JSON;
	const struct sfs_span all = { NULL, 0 };
	int err = 0;
	export->class_id = class->id;
	while (err == 0) {
		err = cli_page_scan(export->ctx, page, class->id, all,
				    export->depth < 0 ? &json : NULL, diag);
		size_t count = err == 0 ? cli_page_count(page) : 0;
		if (count == 0)
			break;
		for (size_t i = 0; err == 0 && i < count; i++) {
			err = put_record(export, cli_page_name(page, i), cli_page_doc(page, i),
					 text);
			if (cli_stopped(export->ctx))
				err = SFS_ERR_CANCELLED;
		}
		cli_progress_tick(&export->progress);
	}
	return err;
}

int cli_export_records(struct cli_export *export, const struct sfs_class_info *class,
		       struct sfs_diag *diag)
{
	struct cli_page page = { 0 };
	struct sfs_buf text = SFS_BUF_INIT;
	FILE *out = export->ctx->out;
	export->progress.total = class->objects;
	if (export->array)
		fputc('[', out);
	int err = put_pages(export, class, &page, &text, diag);
	if (export->array)
		fputs("]\n", out);
	sfs_buf_fini(&text);
	cli_page_fini(&page);
	return err;
}
