/*
 * Values of the tables: what is stored for an object, an entry, an inode and a class.
 * Encoding and decoding only; no I/O. docs/format.md describes the bytes.
 */
#ifndef SFSI_RECORD_H
#define SFSI_RECORD_H

#include <storefs/raw.h>

/** Attributes that an object has in its record and in its entry. */
struct sfsi_object {
	uint64_t serial;
	uint64_t number; /* serial that it shows: its own, or its first one if it came back */
	uint32_t mode, uid, gid;
	uint64_t size, size_msgpack; /* of the two documents */
	int64_t atime_ns, mtime_ns, ctime_ns;
	uint64_t revision;
};

/** Relations of a record whose targets are rows of their own (rows.h). Zeroed: there are none. */
struct sfsi_record_rows {
	struct sfs_span list;   /* which ones, encoded */
	struct sfs_span stored; /* the body without those targets, as it is encoded… */
	struct sfs_span whole;  /* …when the record's body is this very one, … */
	uint64_t serial;        /* …and the object has this serial */
};

/** An object record; spans point into the encoded bytes. */
struct sfsi_record {
	struct sfsi_object object;
	int64_t updated_ns;      /* update time of the object */
	struct sfs_span body;    /* canonical msgpack map */
	struct sfs_span updates; /* see sfsi_updates_*; empty: all equal updated_ns */
	bool has_text;           /* text is the document in text_format, byte for byte */
	enum sfs_format text_format;
	struct sfs_span text;
	struct sfsi_record_rows rows;
};

/** Does the list say how the record's body is stored? Else it is to be stored as it is. */
static inline bool sfsi_rows_valid(const struct sfsi_record *record)
{
	return record->rows.list.len && record->rows.serial == record->object.serial &&
	       record->body.data == record->rows.whole.data &&
	       record->body.len == record->rows.whole.len;
}

/** Append an encoded record. @key the key that it is stored under, part of its checksum. */
SFS_MUST_CHECK int sfsi_record_encode(const struct sfsi_record *record, struct sfs_span key,
				      struct sfs_buf *ret);
/** Decode and verify. SFS_ERR_CORRUPT, SFS_ERR_VERSION. ret points into bytes. */
SFS_MUST_CHECK int sfsi_record_decode(struct sfs_span bytes, struct sfs_span key,
				      struct sfsi_record *ret);

#define SFSI_ENTRY_SIZE 78
/** Encode an object's entry; returns its length, at most SFSI_ENTRY_SIZE. */
size_t sfsi_entry_encode(const struct sfsi_object *object, uint8_t ret[SFSI_ENTRY_SIZE]);
SFS_MUST_CHECK int sfsi_entry_decode(struct sfs_span bytes, struct sfsi_object *ret);

/** Public attributes of an object of a class. */
void sfsi_object_attr(uint32_t class_id, const struct sfsi_object *object, struct sfs_attr *ret);

/** Entry of a tree: a name's inode. */
struct sfsi_name {
	uint64_t serial;
	enum sfs_node_type type;
};
#define SFSI_NAME_SIZE 10
size_t sfsi_name_encode(struct sfsi_name name, uint8_t ret[SFSI_NAME_SIZE]);
SFS_MUST_CHECK int sfsi_name_decode(struct sfs_span bytes, struct sfsi_name *ret);

/** Inode of a tree, or of an object (then type, serial and text only). */
struct sfsi_inode {
	enum sfs_node_type type;
	uint64_t serial;
	uint64_t
		parent; /* DIR, and whatever has a name here: serial of the directory that it is in */
	uint32_t mode, uid, gid, nlink;
	int64_t atime_ns, mtime_ns,
		ctime_ns; /* FILE: only ctime counts, unless small: the bytes' file has the rest */
	uint64_t revision;
	bool small; /* FILE: the bytes are here, there is no plain file */
	/* What it is called in parent, in a raw class; of several names one (raw_name.h). Empty: not
	 * noted. Points into the bytes. */
	struct sfs_span name;
	struct sfs_span
		text; /* SYMLINK: target; OBJECT: oid; small: bytes. Points into the bytes. */
};
SFS_MUST_CHECK int sfsi_inode_encode(const struct sfsi_inode *inode, struct sfs_buf *ret);
SFS_MUST_CHECK int sfsi_inode_decode(struct sfs_span bytes, uint64_t serial,
				     struct sfsi_inode *ret);

/** State of a class (or of the catalogue, where objects counts classes). */
struct sfsi_state {
	uint64_t commit;      /* last commit that touched it */
	uint64_t next_serial; /* catalogue: next class id */
	uint64_t objects, files;
	uint32_t mode, uid, gid, nlink; /* of its root directory */
	int64_t atime_ns, mtime_ns, ctime_ns;
	uint64_t revision;
	uint64_t refused;   /* refused texts that are kept */
	int64_t refused_ns; /* when one came, was replaced or went */
};
#define SFSI_STATE_SIZE 97
size_t sfsi_state_encode(const struct sfsi_state *state, uint8_t ret[SFSI_STATE_SIZE]);
SFS_MUST_CHECK int sfsi_state_decode(struct sfs_span bytes, struct sfsi_state *ret);

/** What is kept of a refused text besides the text; sentence points into the bytes. */
struct sfsi_refused {
	uint64_t serial;
	int64_t time_ns;
	enum sfs_format format;
	uint64_t size; /* of the text */
	/* The text of the object that was removed before: its number (0: there is none) and size. */
	uint64_t removed, removed_size;
	uint32_t line, column;
	uint64_t offset;
	struct sfs_span sentence;
};
SFS_MUST_CHECK int sfsi_refused_encode(const struct sfsi_refused *refused, struct sfs_span key,
				       struct sfs_buf *ret);
SFS_MUST_CHECK int sfsi_refused_decode(struct sfs_span bytes, struct sfs_span key,
				       struct sfsi_refused *ret);

/** Any bytes under a checksum of theirs and of their key: the text of a refused text, its oid. */
SFS_MUST_CHECK int sfsi_sealed_encode(struct sfs_span content, struct sfs_span key,
				      struct sfs_buf *ret);
/** The same of parts, one behind the other. */
SFS_MUST_CHECK int sfsi_sealed_encode_parts(const struct sfs_span *parts, size_t count,
					    struct sfs_span key, struct sfs_buf *ret);
SFS_MUST_CHECK int sfsi_sealed_decode(struct sfs_span bytes, struct sfs_span key,
				      struct sfs_span *ret);

/** Class record. */
struct sfsi_class_record {
	enum sfs_class_kind kind;
	struct sfs_span name, type; /* point into the bytes */
	struct sfs_span definition; /* empty: none; points into the bytes */
};
SFS_MUST_CHECK int sfsi_class_encode(const struct sfsi_class_record *record, struct sfs_buf *ret);
SFS_MUST_CHECK int sfsi_class_decode(struct sfs_span bytes, struct sfsi_class_record *ret);

#endif
