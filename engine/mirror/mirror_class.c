/*
 * Which kind keeps a class, and where: a row F of the catalogue, the kind's name and the path.
 */
#include <stdio.h>
#include "class_private.h"
#include "database/database.h"
#include "mirror/mirror.h"

static struct sfsi_mirror_class *new_class(const struct sfsi_mirror_kind *kind,
					   struct sfs_span path)
{
	struct sfsi_mirror_class *class = malloc(sizeof *class + path.len + 1);
	if (!class)
		return NULL;
	class->kind = kind;
	class->was = NULL;
	memcpy(class->path, path.data, path.len);
	class->path[path.len] = '\0';
	return class;
}

static const struct sfsi_mirror_kind *find_kind(struct sfs_span name)
{
	for (size_t i = 0; sfsi_mirror_kinds[i]; i++)
		if (sfs_span_equal(sfs_span_str(sfsi_mirror_kinds[i]->name), name))
			return sfsi_mirror_kinds[i];
	return NULL;
}

static int attach(struct sfs_store *store, struct sfsi_class *class)
{
	const struct sfsi_mirror_kind *kind = class->mirror->kind;
	return kind->attach ? kind->attach(store, class) : 0;
}

int sfsi_mirror_class_load(struct sfs_store *store, struct sfsi_class *class)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	if (!store->mirror)
		return 0;
	sfsi_key_serial(&key, 'F', class->id);
	int err = sfsi_backend_get(store->backend, 0, sfsi_key_span(&key), &value);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	const char *text = value.data;
	const char *end = value.len ? memchr(text, '\0', value.len) : NULL;
	const struct sfsi_mirror_kind *kind =
		end ? find_kind((struct sfs_span){ text, (size_t)(end - text) }) : NULL;
	if (!kind)
		return SFS_ERR_CORRUPT;
	size_t used = (size_t)(end - text) + 1;
	class->mirror = new_class(kind, (struct sfs_span){ text + used, value.len - used });
	return class->mirror ? attach(store, class) : SFS_ERR_NO_MEMORY;
}

/** Dots of the name are folders. */
static void path_of_name(const char *name, char ret[SFS_CLASS_NAME_MAX + 1])
{
	snprintf(ret, SFS_CLASS_NAME_MAX + 1, "%s", name);
	for (char *at = ret; (at = strchr(at, '.')); at++)
		*at = '/';
}

static struct sfsi_mirror_class *new_database(const char *name)
{
	char path[SFS_CLASS_NAME_MAX + 8];
	int len = snprintf(path, sizeof path, "%s" SFSI_DATABASE_EXTENSION, name);
	return new_class(&sfsi_mirror_mpack, (struct sfs_span){ path, (size_t)len });
}

static int put_row(struct sfsi_txn *txn, const struct sfsi_class *class,
		   const struct sfsi_mirror_class *mirror)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	sfsi_key_serial(&key, 'F', class->id);
	int err = sfs_buf_append(&value, mirror->kind->name, strlen(mirror->kind->name) + 1);
	if (!err)
		err = sfs_buf_append(&value, mirror->path, strlen(mirror->path));
	return err < 0 ? err : sfsi_txn_put(txn, 0, sfsi_key_span(&key), sfs_buf_span(&value));
}

int sfsi_mirror_class_make(struct sfsi_txn *txn, struct sfsi_class *class,
			   const struct sfsi_mirror_class *as)
{
	const struct sfsi_mirror *mirror = txn->store->mirror;
	char path[SFS_CLASS_NAME_MAX + 1];
	/* What somebody makes in a folder of objects is a folder of objects; one database stays alone. */
	bool databases = mirror && !as && !mirror->file && sfsi_databases_only(mirror);
	if (!mirror || (!as && !databases && (mirror->file || !mirror->own || !mirror->own[0])))
		return 0;
	/* A database has values, not files. */
	if (databases && class->kind == SFS_CLASS_RAW)
		return SFS_ERR_UNSUPPORTED;
	path_of_name(class->name, path);
	/* In a folder of databases it is one of them. */
	SFSI_AUTO_FREE struct sfsi_mirror_class *database = databases ? new_database(class->name)
								      : NULL;
	as = database ? database : as;
	class->mirror = as ? new_class(as->kind, sfs_span_str(as->path))
			   : new_class(sfsi_mirror_kinds[0], sfs_span_str(path));
	if (!class->mirror)
		return SFS_ERR_NO_MEMORY;
	int err = attach(txn->store, class);
	return err < 0 ? err : put_row(txn, class, class->mirror);
}

int sfsi_mirror_class_place(struct sfsi_txn *txn, const struct sfsi_class *class,
			    struct sfs_span path, struct sfsi_mirror_class **ret)
{
	struct sfsi_mirror_class *moved = new_class(class->mirror->kind, path);
	int err = moved ? put_row(txn, class, moved) : SFS_ERR_NO_MEMORY;
	if (err < 0)
		free(moved);
	else
		*ret = moved;
	return err;
}

void sfsi_mirror_class_moved(struct sfsi_class *class, struct sfsi_mirror_class *moved)
{
	moved->was = class->mirror;
	class->mirror = moved;
}

void sfsi_mirror_class_free(struct sfsi_mirror_class *class)
{
	while (class) {
		struct sfsi_mirror_class *was = class->was;
		free(class);
		class = was;
	}
}

int sfsi_mirror_class_move(struct sfsi_txn *txn, struct sfsi_class *class, struct sfs_span new_name)
{
	char name[SFS_CLASS_NAME_MAX + 1];
	snprintf(name, sizeof name, "%.*s", (int)new_name.len, (const char *)new_name.data);
	struct sfsi_mirror_class *moved = new_database(name);
	if (!moved)
		return SFS_ERR_NO_MEMORY;
	/* Others may be reading what was there: it lives as long as the class. */
	sfsi_database_keep(class->database, class->mirror);
	class->mirror = moved;
	return put_row(txn, class, moved);
}

int sfsi_mirror_class_forget(struct sfsi_txn *txn, const struct sfsi_class *class)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'F', class->id);
	int err = class->mirror ? sfsi_txn_remove(txn, 0, sfsi_key_span(&key)) : 0;
	if (!err && class->mirror)
		err = sfsi_txn_remove_all(txn, class->id, sfs_span_str("F"), 0, NULL);
	return err < 0 ? err : sfsi_database_forget(txn, class);
}

/** @type  empty: the name. */
int sfsi_mirror_class_adopt(struct sfsi_mirror *mirror, const struct sfsi_mirror_kind *kind,
			    const struct sfs_class_make *make, const char *path,
			    struct sfsi_class **ret)
{
	struct sfs_class_info info;
	struct sfs_store *store = mirror->store;
	if (make->name.len == 0 || make->name.len > SFS_CLASS_NAME_MAX ||
	    make->type.len > SFS_CLASS_NAME_MAX)
		return SFS_ERR_LIMIT;
	if (sfs_class_find(store, make->name, &info) == 0) {
		*ret = sfsi_class_ref(store, info.id);
		bool ours = *ret && (*ret)->mirror && (*ret)->mirror->kind == kind &&
			    (*ret)->kind == make->kind && strcmp((*ret)->mirror->path, path) == 0;
		return ours ? 0 : SFS_ERR_EXISTS;
	}
	SFSI_AUTO_FREE struct sfsi_mirror_class *as = new_class(kind, sfs_span_str(path));
	struct sfsi_txn txn;
	if (!as)
		return SFS_ERR_NO_MEMORY;
	*ret = NULL;
	sfsi_txn_begin_inward(store, &txn);
	int err = sfsi_txn_end(&txn, sfsi_class_create_in(&txn, make, NULL, as, ret));
	if (err < 0) {
		sfsi_class_free(*ret);
		*ret = NULL;
	}
	return err;
}
