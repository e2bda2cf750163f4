/*
 * Node ids: what the kernel calls things by. They are computed from the engine's inode numbers,
 * never stored, so there is no inode table (but for views) and FORGET is free; they are also st_ino
 * (but for an object that was renamed away and came back: that has a new node, and the st_ino that
 * it had).
 *
 *   bits 0..59   inode number of the engine (class id, serial)
 *   bits 60..61  view: 0 the thing itself, 1 the msgpack document of an object,
 *                2 the definition of a class (serial 1), its JSON Schema (2), its .new (3),
 *                3 a refused text (serial 1: the directory of a class's refused texts)
 *   bit 62       again: the same document as a second node, for those who open it while an older
 *                version is being read through the page cache of the first; not part of st_ino.
 *                Of a refused text: the file that says why it was refused
 *   class id 0   the root (serial 1) and the files of .storefs (serials from 2)
 *   bit 63       a view: the rest is from the hash of its identity, and they alone are in a table
 *                (view.h)
 *   bits 52..59  of what is in a backup: the slot of that backup (backups.h), from FS_SLOT_FIRST on. No
 *                view of the store itself has any of them, nor has a class below 12 million
 */
#ifndef FS_NODE_H
#define FS_NODE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <storefs/store.h>
#include <storefs/object.h>

enum fs_node_view {
	FS_VIEW_MAIN = 0,
	FS_VIEW_MSGPACK = 1,
	FS_VIEW_SCHEMA = 2,
	FS_VIEW_REJECTED = 3,
};

/** Files of .storefs, as node ids. */
enum fs_meta_node {
	FS_META_DIR = 2,
	FS_META_README = 3,
	FS_META_STATUS = 4,
	FS_META_METRICS = 5,
	FS_META_SCHEMA = 6,   /* the directory schema/ */
	FS_META_ERRORS = 7,   /* errors.ndjson */
	FS_META_REJECTED = 8, /* the directory rejected/ */
};

/** What a node id stands for, by its bits alone. */
enum fs_node_kind {
	FS_NODE_ROOT,
	FS_NODE_META_DIR,
	FS_NODE_META_FILE,
	FS_NODE_SCHEMA_DIR,
	FS_NODE_SCHEMA,         /* schema/C.json */
	FS_NODE_JSON_SCHEMA,    /* schema/C.schema.json */
	FS_NODE_NEW,            /* C/.new */
	FS_NODE_REJECTED_DIR,   /* rejected/ */
	FS_NODE_REJECTED_CLASS, /* rejected/C/ */
	FS_NODE_REJECTED,       /* a refused text, or why it was refused */
	FS_NODE_CLASS,          /* root directory of a class */
	FS_NODE_THING,          /* an object, a raw, a directory of a tree */
	FS_NODE_VIEW,           /* view.h */
	FS_NODE_NONE,           /* no such id was ever given out */
};

#define FS_VIEW_SHIFT 60
#define FS_INO_MASK (((uint64_t)1 << FS_VIEW_SHIFT) - 1)
#define FS_NODE_AGAIN ((uint64_t)1 << 62)
#define FS_NODE_VIEW_BIT ((uint64_t)1 << 63)
#define FS_NODE_ERROR FS_NODE_AGAIN /* in FS_VIEW_REJECTED: why it was refused */

#define FS_SLOT_SHIFT 52
#define FS_SLOT_MASK ((uint64_t)0xff << FS_SLOT_SHIFT)
/** Views of the store itself that lead to backups: the kernel may keep them for a moment. */
#define FS_SLOT_DOORS 0xbfu
#define FS_SLOT_FIRST 0xc0u
#define FS_SLOTS 64u

static inline unsigned fs_node_slot(uint64_t node)
{
	return (unsigned)(node >> FS_SLOT_SHIFT) & 0xff;
}

/** Is it in a backup, or the directory of one? */
static inline bool fs_node_leads_away(uint64_t node)
{
	return fs_node_slot(node) >= FS_SLOT_DOORS;
}

static inline bool fs_node_is_door(uint64_t node)
{
	return fs_node_slot(node) == FS_SLOT_DOORS;
}

static inline uint64_t fs_node_ino(uint64_t node)
{
	return node & FS_INO_MASK;
}

static inline uint64_t fs_node_make(enum fs_node_view view, uint64_t ino)
{
	return (uint64_t)view << FS_VIEW_SHIFT | ino;
}

static inline enum fs_node_view fs_node_view(uint64_t node)
{
	return (enum fs_node_view)((node & ~FS_NODE_AGAIN) >> FS_VIEW_SHIFT);
}

/** The node of an object's document in a format. */
static inline uint64_t fs_node_document(uint64_t ino, enum sfs_format format)
{
	return fs_node_make(format == SFS_FORMAT_MSGPACK ? FS_VIEW_MSGPACK : FS_VIEW_MAIN, ino);
}

static inline enum sfs_format fs_node_format(uint64_t node)
{
	return fs_node_view(node) == FS_VIEW_MSGPACK ? SFS_FORMAT_MSGPACK : SFS_FORMAT_JSON;
}

enum fs_node_kind fs_node_kind(uint64_t node);

/** Serials of FS_VIEW_SCHEMA in a class. */
#define FS_SERIAL_JSON_SCHEMA 2
#define FS_SERIAL_NEW 3

/** S_IFREG, S_IFDIR, … */
mode_t fs_node_type_mode(enum sfs_node_type type);

/** The inode number that stat(2) and readdir(3) show for a node. */
uint64_t fs_node_number(uint64_t node, const struct sfs_attr *attr);

/** Attributes as stat(2) shows them for a node. */
void fs_node_stat(uint64_t node, const struct sfs_attr *attr, struct stat *ret);

#endif
