/* Comparing two stores: all that a copy copies, class by class. */
#include <stdio.h>
#include <storefs/content.h>
#include "copy/copy.h"
#include "object.h"

int sfsi_copy_differs(struct sfsi_copying *copying, struct sfs_span what, const char *sentence)
{
	char text[512];
	copying->done.differences++;
	snprintf(text, sizeof text, "%s%s%.*s: %s", copying->source.name, what.len ? "/" : "",
		 (int)(what.len < 200 ? what.len : 200), what.len ? (const char *)what.data : "",
		 sentence);
	return copying->differs && copying->differs(copying->arg, text) ? SFS_ERR_CANCELLED : 0;
}

/** Mode, owner and times; NULL: the same. */
static const char *attributes(const struct sfs_attr *a, const struct sfs_attr *b)
{
	if (a->type != b->type)
		return "is of another type";
	if (a->mode != b->mode)
		return "has another mode";
	if (a->uid != b->uid || a->gid != b->gid)
		return "has another owner";
	if (a->mtime_ns != b->mtime_ns)
		return "has another time of its last change";
	return NULL;
}

/* --- objects --- */

/** A text that was saved must be there, byte for byte, if the class can still have it. */
static int compare_text(struct sfsi_copying *copying, struct sfs_span oid,
			const struct sfsi_record *a, const struct sfsi_record *b)
{
	if (a->has_text == b->has_text && (!a->has_text || (a->text_format == b->text_format &&
							    sfs_span_equal(a->text, b->text))))
		return 0;
	if (a->has_text && !b->has_text &&
	    sfsi_copy_refuses_text(copying, oid, a->text_format, a->text))
		return 0;
	/* What is canonical in one definition's order may be no more in another one's. */
	if (!a->has_text && !sfs_span_equal(a->body, b->body))
		return 0;
	return sfsi_copy_differs(copying, oid, "has another text");
}

static int compare_documents(struct sfsi_copying *copying, struct sfs_span oid)
{
	SFSI_AUTO_BUF struct sfs_buf left = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf right = SFS_BUF_INIT;
	struct sfsi_record a, b;
	int err = sfsi_object_read(copying->from, copying->source.id, oid, &left, &a);
	if (!err)
		err = sfsi_object_read(copying->to, copying->target.id, oid, &right, &b);
	if (err < 0)
		return err;
	err = sfsi_copy_same(a.body, b.body);
	if (err == SFS_ERR_NOT_FOUND)
		return sfsi_copy_differs(copying, oid, "has another content");
	return err < 0 ? err : compare_text(copying, oid, &a, &b);
}

static int compare_updates(struct sfsi_copying *copying, struct sfs_span oid)
{
	SFSI_AUTO_BUF struct sfs_buf left = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf right = SFS_BUF_INIT;
	int err = sfsi_copy_updates(copying->from, copying->source.id, oid, &left);
	if (!err)
		err = sfsi_copy_updates(copying->to, copying->target.id, oid, &right);
	if (!err)
		err = sfsi_copy_same(sfs_buf_span(&left), sfs_buf_span(&right));
	return err == SFS_ERR_NOT_FOUND ? sfsi_copy_differs(copying, oid, "has other update times")
					: err;
}

static int compare_object(struct sfsi_copying *copying, struct sfs_span oid)
{
	struct sfs_attr a, b;
	int err = sfs_object_find(copying->from, copying->source.id, oid, &a);
	if (err < 0)
		return err;
	err = sfs_object_find(copying->to, copying->target.id, oid, &b);
	if (err == SFS_ERR_NOT_FOUND)
		return sfsi_copy_differs(copying, oid, "is missing");
	const char *other = err < 0 ? NULL : attributes(&a, &b);
	if (other)
		err = sfsi_copy_differs(copying, oid, other);
	if (!err)
		err = compare_documents(copying, oid);
	return err < 0 ? err : compare_updates(copying, oid);
}

static int compare_objects(struct sfsi_copying *copying)
{
	SFSI_AUTO_BUF struct sfs_buf after = SFS_BUF_INIT;
	struct sfsi_copy_page page = { .count = 0 };
	int err = 0;
	do {
		err = sfsi_copy_page(copying->from, copying->source.id, &after, &page);
		for (size_t i = 0; i < page.count && !err; i++) {
			struct sfs_span oid = sfsi_copy_page_oid(&page, i);
			err = compare_object(copying, oid);
			if (!err)
				err = sfsi_copy_step(copying, &copying->done.objects);
			after.len = 0;
			if (!err)
				err = sfs_buf_append(&after, oid.data, oid.len);
		}
	} while (!err && page.count);
	sfs_buf_fini(&page.oids);
	return err;
}

/* --- raws --- */

static int compare_bytes(struct sfsi_copying *copying, const struct sfs_attr *a,
			 const struct sfs_attr *b, struct sfs_span name)
{
	unsigned char left[SFS_HASH_LEN], right[SFS_HASH_LEN];
	if (a->size != b->size)
		return sfsi_copy_differs(copying, name, "has another size");
	copying->done.bytes += a->size;
	int err = sfs_raw_hash(copying->from, a->ino, left);
	if (!err)
		err = sfs_raw_hash(copying->to, b->ino, right);
	if (!err && memcmp(left, right, sizeof left) != 0)
		err = sfsi_copy_differs(copying, name, "has other bytes");
	return err;
}

static int compare_target(struct sfsi_copying *copying, const struct sfs_attr *a,
			  const struct sfs_attr *b, struct sfs_span name)
{
	SFSI_AUTO_BUF struct sfs_buf left = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf right = SFS_BUF_INIT;
	int err = sfs_raw_readlink(copying->from, a->ino, &left);
	if (!err)
		err = sfs_raw_readlink(copying->to, b->ino, &right);
	if (!err && !sfs_span_equal(sfs_buf_span(&left), sfs_buf_span(&right)))
		err = sfsi_copy_differs(copying, name, "leads elsewhere");
	return err;
}

static int compare_meta(struct sfsi_copying *copying, const struct sfs_attr *a,
			const struct sfs_attr *b, struct sfs_span name)
{
	SFSI_AUTO_BUF struct sfs_buf left = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf right = SFS_BUF_INIT;
	if (copying->source.kind != SFS_CLASS_RAW || a->type == SFS_NODE_DIR)
		return 0;
	int err = sfs_raw_meta_document(copying->from, a->ino, SFS_FORMAT_JSON, &left);
	if (!err)
		err = sfs_raw_meta_document(copying->to, b->ino, SFS_FORMAT_JSON, &right);
	if (!err && !sfs_span_equal(sfs_buf_span(&left), sfs_buf_span(&right)))
		err = sfsi_copy_differs(copying, name, "has other metadata");
	return err;
}

static int compare_node(struct sfsi_copying *copying, const struct sfs_attr *a,
			const struct sfs_attr *b, struct sfs_span name)
{
	const char *other = attributes(a, b);
	int err = 0;
	if (a->nlink != b->nlink)
		err = sfsi_copy_differs(copying, name, "has another number of names");
	if (!err && other)
		err = sfsi_copy_differs(copying, name, other);
	if (err < 0 || a->type != b->type)
		return err;
	if (a->type == SFS_NODE_FILE)
		err = compare_bytes(copying, a, b, name);
	else if (a->type == SFS_NODE_SYMLINK)
		err = compare_target(copying, a, b, name);
	return err < 0 ? err : compare_meta(copying, a, b, name);
}

static int compare_entry(struct sfsi_copy_walk *walk, uint64_t dir,
			 const struct sfsi_copy_entry *entry)
{
	struct sfsi_copying *copying = walk->copying;
	struct sfs_span name = { entry->name, entry->len };
	struct sfs_attr a, b;
	int err = sfs_raw_stat(copying->from, entry->ino, &a);
	if (err < 0)
		return err;
	err = sfs_raw_find(copying->to, dir, name, &b);
	if (err == SFS_ERR_NOT_FOUND)
		return sfsi_copy_differs(copying, name, "is missing");
	if (!err)
		err = compare_node(copying, &a, &b, name);
	if (!err && a.type == SFS_NODE_DIR && b.type == SFS_NODE_DIR)
		err = sfsi_copy_walk_add(walk, a.ino, b.ino);
	return err < 0 ? err : sfsi_copy_step(copying, &copying->done.raws);
}

static int compare_dir(struct sfsi_copy_walk *walk, struct sfsi_copy_pair dir)
{
	struct sfsi_copy_entries left, right = { .items = NULL };
	int err = sfsi_copy_list(walk->copying->from, dir.from, &left);
	if (err < 0)
		return err;
	for (size_t i = 0; i < left.count && !err; i++)
		err = compare_entry(walk, dir.to, &left.items[i]);
	if (!err)
		err = sfsi_copy_list(walk->copying->to, dir.to, &right);
	for (size_t i = 0, at = 0; i < right.count && !err; i++) {
		struct sfs_span name = { right.items[i].name, right.items[i].len };
		struct sfs_attr attr;
		if (at < left.count && left.items[at].len == name.len &&
		    memcmp(left.items[at].name, name.data, name.len) == 0) {
			at++;
			continue;
		}
		/* One that only the first store has was told already. */
		err = sfs_raw_find(walk->copying->from, dir.from, name, &attr);
		if (err == SFS_ERR_NOT_FOUND)
			err = sfsi_copy_differs(walk->copying, name, "is too much");
	}
	free(left.items);
	free(right.items);
	return err;
}

static int compare_trees(struct sfsi_copying *copying)
{
	struct sfsi_copy_walk walk = { .copying = copying };
	int err = sfsi_copy_walk(&walk, compare_dir);
	free(walk.dirs);
	return err;
}

/* --- classes --- */

static int compare_definition(struct sfsi_copying *copying)
{
	SFSI_AUTO_BUF struct sfs_buf left = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf right = SFS_BUF_INIT;
	const struct sfs_span class = { "", 0 };
	int err = sfs_class_schema(copying->from, copying->source.id, &left);
	if (!err)
		err = sfs_class_schema(copying->to, copying->target.id, &right);
	if (!err)
		err = sfsi_copy_same_definition(sfs_buf_span(&left), sfs_buf_span(&right));
	if (err == SFS_ERR_NOT_FOUND)
		err = sfsi_copy_differs(copying, class, "has another definition");
	const char *other = attributes(&copying->source.attr, &copying->target.attr);
	if (!err && other)
		err = sfsi_copy_differs(copying, class, other);
	if (!err && copying->source.objects != copying->target.objects)
		err = sfsi_copy_differs(copying, class, "has another number of objects");
	return err;
}

static int compare_class(struct sfsi_copying *copying)
{
	int err = sfs_class_find(copying->to, sfs_span_str(copying->source.name), &copying->target);
	if (err == SFS_ERR_NOT_FOUND || (!err && copying->source.kind != copying->target.kind))
		return sfsi_copy_differs(copying, (struct sfs_span){ "", 0 },
					 err < 0 ? "is missing" : "is of another kind");
	if (!err)
		err = compare_definition(copying);
	if (!err && copying->source.kind == SFS_CLASS_OBJECT)
		err = compare_objects(copying);
	if (!err)
		err = compare_trees(copying);
	copying->done.classes += !err;
	return err;
}

/** Classes that only the second store has. */
static int more_classes(struct sfsi_copying *copying)
{
	struct sfs_class_info info = { .id = 0 };
	int err = 0;
	while (!err && sfs_class_next(copying->to, info.id, &info) == 0) {
		if (sfs_class_find(copying->from, sfs_span_str(info.name), &copying->source) == 0)
			continue;
		copying->source = info;
		err = sfsi_copy_differs(copying, (struct sfs_span){ "", 0 }, "is too much");
	}
	return err;
}

int sfs_store_compare(struct sfs_store *a, struct sfs_store *b, const struct sfs_compare *how,
		      struct sfs_copied *ret, struct sfs_diag *diag)
{
	struct sfsi_copying copying = {
		.from = a,
		.to = b,
		.fn = how->progress,
		.differs = how->differs,
		.arg = how->arg,
		.diag = diag,
		.expected = sfsi_copy_expected(a),
	};
	int err = 0;
	while (!err && sfs_class_next(a, copying.source.id, &copying.source) == 0) {
		err = compare_class(&copying);
		if (err < 0)
			err = sfsi_copy_fail(&copying, err, (struct sfs_span){ "", 0 });
	}
	if (!err)
		err = more_classes(&copying);
	if (!err && ret)
		*ret = copying.done;
	return err;
}
