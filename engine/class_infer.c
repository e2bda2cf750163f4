/* Definitions from existing objects: schema/infer.c guesses, here objects are brought to it. */
#include "class_private.h"
#include <storefs/object.h>
#include "schema/infer.h"

struct inferring {
	struct sfs_store *store;
	struct sfsi_infer *infer;
	int err;
};

static int see(void *arg, struct sfs_span oid, struct sfs_span doc)
{
	struct inferring *inferring = arg;
	(void)oid;
	inferring->err = sfsi_infer_see(inferring->infer, doc);
	return inferring->err < 0;
}

/** A reference says a class's type, or its name; a class that is not there yet by its last part. */
static bool class_name(void *arg, struct sfs_span type, char ret[SFS_CLASS_NAME_MAX + 1])
{
	const struct inferring *inferring = arg;
	struct sfs_class_info info = { 0 };
	for (uint32_t id = 0; sfs_class_next(inferring->store, id, &info) == 0; id = info.id) {
		if (sfs_span_equal(sfs_span_str(info.type), type) ||
		    sfs_span_equal(sfs_span_str(info.name), type)) {
			memcpy(ret, info.name, sizeof info.name);
			return true;
		}
	}
	const char *start = type.data, *dot = memrchr(start, '.', type.len);
	struct sfs_span name = type;
	if (dot)
		name = (struct sfs_span){ dot + 1, type.len - (size_t)(dot + 1 - start) };
	if (!sfs_class_name_valid(name))
		return false;
	sfsi_class_text(ret, name);
	return true;
}

int sfs_class_infer(struct sfs_store *store, uint32_t id, size_t limit, struct sfs_buf *ret,
		    struct sfs_diag *diag)
{
	struct inferring inferring = { .store = store };
	struct sfs_class_info info;
	int err = sfs_class_get(store, id, &info);
	if (!err && info.kind != SFS_CLASS_OBJECT)
		err = SFS_ERR_WRONG_KIND;
	if (!err)
		err = sfsi_infer_new(&inferring.infer);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	struct sfs_span none = { NULL, 0 };
	err = sfs_object_scan(store, id, none, none, limit, SFS_FORMAT_MSGPACK, see, &inferring,
			      diag);
	if (err == SFS_ERR_CANCELLED)
		err = sfs_diag_set(diag, inferring.err, "%s", sfs_err_text(inferring.err));
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	if (!err)
		err = sfsi_infer_end(inferring.infer, sfs_span_str(info.type), class_name,
				     &inferring, &text);
	sfsi_infer_free(inferring.infer);
	return err < 0 ? err : sfs_buf_append(ret, text.data, text.len);
}
