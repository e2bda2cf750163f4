/*
 * Imports of raws, as exports write them: {"oid": path, "type", "updates", "data": base64, and metadata}.
 * Without "data" a raw that is there keeps its bytes, and a new one has none.
 */
#include "import_raw.h"
#include <unistd.h>
#include <storefs/content.h>
#include "document/base64.h"
#include "document/document.h"
#include "document/msgpack.h"
#include "document/msgpack_head.h"
#include "raw_meta.h"
#include "stamp.h"
#include "store_private.h"

/** A record, taken apart. */
struct record {
	struct sfs_buf meta; /* a msgpack map */
	struct sfs_buf data;
	bool has_data;
	int64_t data_ns,
		meta_ns; /* update times of the bytes and of the metadata; 0: it says none */
};

static void record_fini(struct record *record)
{
	sfs_buf_fini(&record->meta);
	sfs_buf_fini(&record->data);
}

static int take_data(struct record *record, struct sfs_span value, struct sfs_diag *diag)
{
	struct sfsi_head head;
	int err = SFS_ERR_INVALID;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	if (head.kind == SFSI_HEAD_STRING)
		err = sfsi_base64_decode(&record->data, head.body);
	else if (head.kind == SFSI_HEAD_BINARY)
		err = sfs_buf_append(&record->data, head.body.data, head.body.len);
	record->has_data = !err;
	return err == SFS_ERR_INVALID ? sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT,
						     "data: expected the bytes as base64 text")
				      : err;
}

static int take_updates(struct record *record, struct sfs_span value, struct sfs_diag *diag)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_map_init(&map, value);
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0) {
		int64_t *time = sfs_span_equal(pair.name, sfs_span_str("data"))   ? &record->data_ns
				: sfs_span_equal(pair.name, sfs_span_str("meta")) ? &record->meta_ns
										  : NULL;
		if (time && !sfsi_stamp_read(pair.value, time))
			err = SFS_ERR_BAD_DOCUMENT;
	}
	return err == SFS_ERR_BAD_DOCUMENT
		       ? sfs_diag_set(
				 diag, err,
				 "updates: expected an object of integers YYYYMMDDhhmmssuuuuuu")
		       : (err == 1 ? 0 : err);
}

static int take_members(struct record *record, struct sfs_span body, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf pairs = SFS_BUF_INIT;
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	uint32_t count = 0;
	int err = sfsi_msgpack_map_init(&map, body);
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0) {
		if (sfs_span_equal(pair.name, sfs_span_str("data"))) {
			err = take_data(record, pair.value, diag);
		} else if (sfs_span_equal(pair.name, sfs_span_str("updates"))) {
			err = take_updates(record, pair.value, diag);
		} else {
			count++;
			err = sfs_buf_append(&pairs, pair.key.data, pair.key.len);
			if (!err)
				err = sfs_buf_append(&pairs, pair.value.data, pair.value.len);
		}
	}
	if (err == 1)
		err = sfsi_msgpack_map_header(&record->meta, count);
	return err < 0 ? err : sfs_buf_append(&record->meta, pairs.data, pairs.len);
}

static int read_record(const struct sfs_class_info *info, const struct sfs_put *put,
		       struct record *record, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	const struct sfsi_document_rules rules = {
		.oid = put->oid,
		.type = sfs_span_str(info->type),
		.class_name = sfs_span_str(info->name),
		.updates = true,
	};
	int err = sfsi_document_parse(put->format, put->text, &rules, &body, diag);
	return err < 0 ? err : take_members(record, sfs_buf_span(&body), diag);
}

/** The time of the bytes, as the record says it: it only goes up of a raw that keeps its bytes. */
static int set_time(struct sfs_store *store, const struct record *record, bool kept,
		    struct sfs_attr *attr)
{
	const struct sfs_setattr set = { .mask = SFS_SET_MTIME, .mtime_ns = record->data_ns };
	if (!record->data_ns || (kept && record->data_ns <= attr->mtime_ns))
		return 0;
	return sfs_raw_setattr(store, attr->ino, &set, attr);
}

/** That of the metadata, in the same way. @before_ns  what it was; 0: never. */
static int set_meta_time(struct sfs_store *store, const struct record *record, int64_t before_ns,
			 uint64_t ino)
{
	struct sfs_raw_updates now;
	int err = record->meta_ns ? sfs_raw_updated(store, ino, &now) : 1;
	if (err)
		return err < 0 ? err : 0;
	bool kept = now.meta_ns == before_ns;
	return !now.meta_ns || (kept && record->meta_ns <= before_ns)
		       ? 0
		       : sfsi_meta_set_time(store, ino, record->meta_ns);
}

static int save(struct sfs_store *store, const struct sfs_put *put, const struct record *record,
		bool there, bool replace, struct sfs_attr *attr, struct sfs_diag *diag)
{
	const struct sfs_raw_meta_put meta = {
		.format = SFS_FORMAT_MSGPACK,
		.text = sfs_buf_span(&record->meta),
		.flags = replace ? 0 : SFS_PUT_MERGE,
	};
	const struct sfs_raw_put raw = {
		.class_id = put->class_id,
		.path = put->oid,
		.fd = -1,
		.bytes = sfs_buf_span(&record->data),
		.meta = &meta,
		.uid = geteuid(),
		.gid = getegid(),
	};
	bool kept = there && !record->has_data;
	struct sfs_raw_updates before = { .meta_ns = 0 };
	if (there && sfs_raw_updated(store, attr->ino, &before) < 0)
		before.meta_ns = 0;
	int err = kept ? 0 : sfs_raw_put(store, &raw, attr, diag);
	/* Of one that is new the metadata is all that it has; else it was merged into what there was. */
	if (!err && (kept || (there && replace)))
		err = sfs_raw_meta_put(store, attr->ino, &meta, diag);
	if (!err)
		err = set_time(store, record, kept, attr);
	return err < 0 ? err : set_meta_time(store, record, before.meta_ns, attr->ino);
}

int sfsi_import_raw(struct sfs_store *store, const struct sfs_put *put, unsigned flags,
		    struct sfs_imported *ret, struct sfs_diag *diag)
{
	struct record record = { .has_data = false };
	struct sfs_class_info info;
	struct sfs_attr attr, before;
	int err = sfs_class_get(store, put->class_id, &info);
	if (!err && put->oid.len > SFS_OID_MAX)
		err = SFS_ERR_LIMIT;
	if (!err)
		err = read_record(&info, put, &record, diag);
	int found = sfs_raw_find_path(store, put->class_id, put->oid, &before);
	bool there = found == 0;
	if (!err && there && before.type != SFS_NODE_FILE)
		err = SFS_ERR_IS_DIR;
	attr = before;
	if (!err)
		err = save(store, put, &record, there, flags & SFS_IMPORT_REPLACE, &attr, diag);
	record_fini(&record);
	if (!err)
		err = sfs_raw_stat(store, attr.ino, &attr);
	if (err < 0 && diag && !diag->text[0])
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	if (err < 0 || !ret)
		return err;
	*ret = (struct sfs_imported){ .attr = attr, .created = !there };
	ret->changed = !there || attr.ino != before.ino || attr.revision != before.revision ||
		       attr.mtime_ns != before.mtime_ns;
	memcpy(ret->oid, put->oid.data, put->oid.len);
	ret->oid_len = put->oid.len;
	return 0;
}
