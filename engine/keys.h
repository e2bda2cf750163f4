/*
 * Keys of the tables, inside one partition (= class id; partition 0 = catalogue).
 *
 *   K                                 state: counters and root directory of the class
 *   C  class u32                      (partition 0) class record
 *   O  oid                            object record
 *   D  directory u64  cookie u64  name   entry; directory 0 holds the objects (name = oid),
 *                                     other directories are serials of the class's tree
 *   N  serial u64                     inode
 *   X  serial u64                     metadata of a raw
 *   Z  serial u64                     bytes to remove: the last name is gone
 *   Z  class u64                      (partition 0) a class that was removed with such bytes
 *   P  oid                            how many objects are above this oid, up to that of the next row
 *   R  E  cookie u64  oid             refused text: when, where, why, how long
 *   R  T  serial u64                  … its text
 *   R  N  serial u64                  … its oid
 *   W  …                             the trash (trash.h)
 *   L  P  serial u64  n u8  relation[n]  position u64
 *   L  T  serial u64  n u8  relation[n]  oid
 *                                     target of a relation to many (rows.h)
 *   B  hash u64  class u32  n u8  relation[n]  serial u64  oid
 *                                     reference back: who refers to the oid (here, of this class)
 *   M  class u64                      (partition 0) references back that are to be made right
 *   V  H  oid                         which earlier versions an object has (history.h)
 *   V  S  slot u8  oid                … one of them
 *
 * Integers are big-endian. docs/format.md describes the values.
 */
#ifndef SFSI_KEYS_H
#define SFSI_KEYS_H

#include <storefs/store.h>
#include "bytes.h"

/** Directory number of the objects of a class in table D. */
#define SFSI_DIR_OBJECTS 0
/** Serial of the root directory of a class. */
#define SFSI_SERIAL_ROOT 1

/** What is before the oid in the entry of a refused text. */
#define SFSI_REFUSED_NAME 10

/** What is before the relation and behind it, up to the oid, in a reference back. */
#define SFSI_BACKREF_NAME 14
#define SFSI_BACKREF_OID 8

/** A key in the making; large enough for all tables. */
struct sfsi_key {
	size_t len;
	uint8_t data[SFSI_BACKREF_NAME + 255 + SFSI_BACKREF_OID + SFS_OID_MAX];
};

static inline struct sfs_span sfsi_key_span(const struct sfsi_key *key)
{
	return (struct sfs_span){ key->data, key->len };
}

static inline void sfsi_key_state(struct sfsi_key *key)
{
	key->data[0] = 'K';
	key->len = 1;
}

static inline void sfsi_key_serial(struct sfsi_key *key, char table, uint64_t serial)
{
	key->data[0] = (uint8_t)table;
	sfsi_put_be64(key->data + 1, serial);
	key->len = 9;
}

static inline void sfsi_key_class(struct sfsi_key *key, uint32_t class_id)
{
	sfsi_key_serial(key, 'C', class_id);
}

/** @oid  at most SFS_OID_MAX bytes. */
static inline void sfsi_key_object(struct sfsi_key *key, struct sfs_span oid)
{
	key->data[0] = 'O';
	if (oid.len)
		memcpy(key->data + 1, oid.data, oid.len);
	key->len = 1 + oid.len;
}

/** @after  at most SFS_OID_MAX bytes; empty: the first range. */
static inline void sfsi_key_range(struct sfsi_key *key, struct sfs_span after)
{
	sfsi_key_object(key, after);
	key->data[0] = 'P';
}

/** @name  at most SFS_OID_MAX bytes; empty makes the point before all names of that cookie. */
static inline void sfsi_key_entry(struct sfsi_key *key, uint64_t dir, uint64_t cookie,
				  struct sfs_span name)
{
	key->data[0] = 'D';
	sfsi_put_be64(key->data + 1, dir);
	sfsi_put_be64(key->data + 9, cookie);
	if (name.len)
		memcpy(key->data + 17, name.data, name.len);
	key->len = 17 + name.len;
}

/** Prefix of all entries of a directory. */
static inline void sfsi_key_entries(struct sfsi_key *key, uint64_t dir)
{
	sfsi_key_serial(key, 'D', dir);
}

/** Longest prefix of a key that is before its name in table D. */
#define SFSI_ENTRY_NAME 17

/** @oid  at most SFS_OID_MAX bytes; empty makes the point before all oids of that cookie. */
static inline void sfsi_key_refused(struct sfsi_key *key, uint64_t cookie, struct sfs_span oid)
{
	memcpy(key->data, "RE", 2);
	sfsi_put_be64(key->data + 2, cookie);
	if (oid.len)
		memcpy(key->data + SFSI_REFUSED_NAME, oid.data, oid.len);
	key->len = SFSI_REFUSED_NAME + oid.len;
}

/** Append bytes; the caller knows that there is room. */
static inline void sfsi_key_append(struct sfsi_key *key, struct sfs_span bytes)
{
	if (bytes.len)
		memcpy(key->data + key->len, bytes.data, bytes.len);
	key->len += bytes.len;
}

/** Prefix of all references back to an oid. @hash  sfsi_oid_hash() of it. */
static inline void sfsi_key_backrefs(struct sfsi_key *key, uint64_t hash)
{
	sfsi_key_serial(key, 'B', hash);
}

/** Go on with a class and a relation of it (at most 255 bytes): prefix of those through it. */
static inline void sfsi_key_backref_relation(struct sfsi_key *key, uint32_t class_id,
					     struct sfs_span relation)
{
	uint8_t *at = sfsi_put_be32(key->data + key->len, class_id);
	sfsi_put_u8(at, (uint8_t)relation.len);
	key->len += 5;
	sfsi_key_append(key, relation);
}

/** Go on with who refers, and to what (at most SFS_OID_MAX bytes): a whole key. */
static inline void sfsi_key_backref_serial(struct sfsi_key *key, uint64_t serial,
					   struct sfs_span oid)
{
	sfsi_put_be64(key->data + key->len, serial);
	key->len += 8;
	sfsi_key_append(key, oid);
}

/** @part  'T' or 'N'. */
static inline void sfsi_key_refused_part(struct sfsi_key *key, char part, uint64_t serial)
{
	key->data[0] = 'R';
	key->data[1] = (uint8_t)part;
	sfsi_put_be64(key->data + 2, serial);
	key->len = 10;
}

#endif
