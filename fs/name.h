/*
 * File names of objects: oid + ".json" or ".msgpack", escaped where an oid can not be a file name.
 *
 * encode: an oid that is a good file name is its own name; else each byte that must be escaped
 * ('/', NUL, control, invalid UTF-8, a leading '.' or '#') and each '%' becomes %XX. decode undoes
 * exactly that, so every oid has one name, and a name such as "100%" means the oid "100%". A name
 * over 255 bytes becomes a prefix, '~', 16 hex digits of the oid's XXH3-64, and the extension.
 */
#ifndef FS_NAME_H
#define FS_NAME_H

#include <stdbool.h>
#include <storefs/object.h>

/** A name of an object class's directory, taken apart. */
struct fs_name {
	bool object; /* else a scratch file; the rest is then not set */
	enum sfs_format format;
	bool canonical; /* it is the name that fs_name_make() gives */
	bool hashed;    /* it may stand for an oid that is longer than a name */
	size_t oid_len;
	unsigned char oid[SFS_NAME_MAX]; /* what it means as it stands */
};

/** Take a name apart. @name at most SFS_NAME_MAX bytes. */
void fs_name_parse(struct sfs_span name, struct fs_name *ret);

/** Name of an object, NUL-terminated. Returns its length. @oid 1..SFS_OID_MAX bytes. */
size_t fs_name_make(struct sfs_span oid, enum sfs_format format, char ret[SFS_NAME_MAX + 1]);

/** The name of an object's directory of fields: that of its JSON document without the extension. */
size_t fs_name_make_stem(struct sfs_span oid, char ret[SFS_NAME_MAX + 1]);

/** The name of a property's file: escaped and shortened as an oid, without an extension. */
size_t fs_name_make_field(struct sfs_span name, char ret[SFS_NAME_MAX + 1]);
/** The same of a key of an index, whose XXH3-64 is given. @cut  the text is only its beginning. */
size_t fs_name_make_key(struct sfs_span text, uint64_t hash, bool cut, char ret[SFS_NAME_MAX + 1]);
/** Is it a path that stays below the directory that it begins in? Without "..", without NUL. */
bool fs_name_stays_below(struct sfs_span path);
/** Undo every %XX, whatever the name is. ret has room for name.len bytes. Returns the length. */
size_t fs_name_decode(struct sfs_span name, unsigned char *ret);
/** The same of a class: its name leaves room for the longest extension of its definition. */
size_t fs_name_make_class(struct sfs_span name, char ret[SFS_NAME_MAX + 1]);
/** What a file name in a directory of fields means as it stands. False: no property is called so. */
bool fs_name_parse_field(struct sfs_span name, unsigned char ret[SFS_NAME_MAX], size_t *ret_len);
/** May it stand for something that is longer than a name? */
bool fs_name_is_hashed(struct sfs_span name);

/** XXH3-64 of bytes: the same for ever. */
uint64_t fs_name_hash(struct sfs_span bytes, uint64_t seed);

/** What the name of the file ends in that says why a text was refused. */
#define FS_NAME_ERROR ".error"
/** Its name: as that of the text, and FS_NAME_ERROR; shortened likewise. */
size_t fs_name_make_error(struct sfs_span oid, enum sfs_format format, char ret[SFS_NAME_MAX + 1]);

#define FS_NAME_REMOVED ".removed"
/** The same of the text of an object that was removed, which is always shown as JSON. */
size_t fs_name_make_removed(struct sfs_span oid, char ret[SFS_NAME_MAX + 1]);

/**
 * What oids start with that a hashed name may stand for.
 * @number  0 or 1: the prefix as it stands, and unescaped.
 * Returns the length; 0: there is no such prefix.
 */
size_t fs_name_prefix(struct sfs_span name, unsigned number, unsigned char ret[SFS_NAME_MAX]);

#endif
