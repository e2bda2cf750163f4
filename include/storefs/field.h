/*
 * Fields: the properties of one object, one at a time, as the text of a file or as JSON.
 *
 * The text of a property is that of the file that a mount shows: a string is its text and a newline,
 * bytes (type bin) are these very bytes, everything else is compact JSON and a newline.
 *
 * What a text that is saved means, with a newline at its end taken off:
 *   - type bin, or a property without a type that holds bytes: bytes, exactly as they are.
 *   - a type of text (string, string:line, …), or a property that holds text now: text.
 *   - else JSON; and what is no JSON is text, where the type allows it, or where the property is new
 *     and has no type (what is no UTF-8, or has a zero byte, is then bytes). A property without a type that holds
 *     another value than text only takes JSON.
 * What does not fit the type is tried the other way before it is refused.
 *
 * Every change of a field is one commit and gives that property alone, and the object, a new update
 * time. A text that was kept for the object goes. It costs as much as a save of the object.
 */
#ifndef STOREFS_FIELD_H
#define STOREFS_FIELD_H

#include <storefs/object.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sfs_field_form {
	SFS_FIELD_TEXT = 0, /* the text of the file */
	SFS_FIELD_JSON = 1, /* compact JSON, no newline; as every document says it */
};

/** What a property holds. */
enum sfs_field_kind {
	SFS_FIELD_STRING,
	SFS_FIELD_BYTES,
	SFS_FIELD_VALUE, /* anything else */
};

struct sfs_field {
	enum sfs_field_kind kind;
	bool relation;        /* the class declares a relation of this name */
	bool many;            /* … to many */
	int64_t updated_ns;   /* when it last changed */
	uint64_t size;        /* bytes of its text; in a listing 0: it is not made there */
	struct sfs_attr attr; /* of the object */
};

/**
 * Which field of which object.
 * All functions return SFS_ERR_NOT_FOUND where there is no such class, object or property,
 * SFS_ERR_WRONG_KIND for a raw class, SFS_ERR_CORRUPT, SFS_ERR_IO and SFS_ERR_NO_MEMORY.
 */
struct sfs_field_of {
	uint32_t class_id;
	struct sfs_span oid, name;
};

/** What is known of a field, without its value. */
SFS_API SFS_MUST_CHECK int sfs_field_stat(struct sfs_store *store, const struct sfs_field_of *of,
					  struct sfs_field *ret);

/**
 * The value of a field.
 * @ret  appended to.
 */
SFS_API SFS_MUST_CHECK int sfs_field_get(struct sfs_store *store, const struct sfs_field_of *of,
					 enum sfs_field_form form, struct sfs_buf *ret);

/** One field. cookie resumes after it. Nonzero stops, it then does not count. fn may call the store. */
typedef int sfs_field_list_fn(void *arg, struct sfs_span name, const struct sfs_field *field,
			      uint64_t cookie);

/**
 * The properties and relations that an object has, with their update times. The order is fixed by
 * the names alone, so that a listing that is resumed sees each that is there throughout once.
 * @after  0 for the start, else a cookie; two fields may share one (see sfs_object_list()).
 * Returns 0 or SFS_ERR_CANCELLED (fn stopped it).
 */
SFS_API SFS_MUST_CHECK int sfs_field_list(struct sfs_store *store, uint32_t class_id,
					  struct sfs_span oid, uint64_t after,
					  sfs_field_list_fn *fn, void *arg);

/** One save of a field. */
struct sfs_field_put {
	struct sfs_field_of of; /* name: UTF-8, not empty */
	enum sfs_field_form form;
	struct sfs_span text;
	unsigned flags; /* SFS_PUT_CREATE, SFS_PUT_UPDATE: of the property */
};

/**
 * Save a field. The same value as before changes nothing.
 * @ret   NULL, or the field afterwards.
 * @diag  SFS_ERR_BAD_DOCUMENT: what was expected and found, for JSON with line and column. When it is
 *        saved, a remark with err 0, as sfs_object_put() leaves it.
 * Returns 0, SFS_ERR_BAD_DOCUMENT, SFS_ERR_NAME (empty, no UTF-8, or reserved: oid, type, updates),
 * SFS_ERR_LIMIT, SFS_ERR_EXISTS, SFS_ERR_NOT_FOUND, and the errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_field_put(struct sfs_store *store, const struct sfs_field_put *put,
					 struct sfs_field *ret, struct sfs_diag *diag);

/** Can a property that is saved as a field be called so? Returns 0 or SFS_ERR_NAME. */
SFS_API SFS_MUST_CHECK int sfs_field_name_check(struct sfs_span name, struct sfs_diag *diag);

/** Does the definition of a class name this property, or relation? */
SFS_API bool sfs_field_is_declared(struct sfs_store *store, uint32_t class_id,
				   struct sfs_span name);

/** Remove a property. Returns 0, SFS_ERR_NOT_FOUND, and the errors of a commit. */
SFS_API SFS_MUST_CHECK int sfs_field_remove(struct sfs_store *store, const struct sfs_field_of *of);

/**
 * Give a property another name; one that has that name is replaced. The value must fit there.
 * @flags  SFS_RENAME_NOREPLACE. Errors as sfs_field_put().
 */
SFS_API SFS_MUST_CHECK int sfs_field_rename(struct sfs_store *store, const struct sfs_field_of *of,
					    struct sfs_span name, unsigned flags,
					    struct sfs_diag *diag);

/**
 * When an object, or one of its properties or relations, last changed.
 * @of  name "oid": the object, which is never older than any of its properties.
 */
SFS_API SFS_MUST_CHECK int sfs_object_updated(struct sfs_store *store,
					      const struct sfs_field_of *of, int64_t *ret_ns);

/** Room for an update time as Python systems write it, with its NUL. */
#define SFS_STAMP_SIZE 24

/** An update time as twenty digits: YYYYMMDDhhmmssuuuuuu in UTC, cut to microseconds. Returns ret. */
SFS_API const char *sfs_stamp_text(int64_t ns, char ret[SFS_STAMP_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
