/*
 * Keys of indexes as bytes that sort by memcmp, the shorter first:
 *
 *   null < false < true < numbers < strings < others
 *
 * Numbers are compared exactly, whatever their form: integers of any size and doubles; NaN is above
 * all. Strings are in the order of their bytes, others (an array, an object, binary data, an ext) in
 * the order of their compact JSON. As in the Python original, keys of different form are different:
 * 1, 1.0, true and "1" are four keys; an integer comes before the double of the same value when
 * positive, behind it when negative, and -0.0 < 0 < 0.0.
 *
 * A key says where it ends, so that others can stand behind it: no key is the beginning of another.
 * A key is at most SFSI_INDEX_KEY_MAX bytes: of a longer value it has the beginning and 128 bits of
 * hashes of the whole ("cut"). Equal bytes then still mean equal values, but for a chance of 2^-128
 * (or an attacker's work on his own values), and order among cut keys that begin with the same
 * SFSI_INDEX_WHOLE_MAX bytes is that of the hashes. What cannot be had from a cut key is its value.
 *
 * Bytes: a kind (0x10 null, 0x20 false, 0x21 true, 0x35..0x4b numbers, 0x60 string, 0x70 other), then
 *
 *   number    kind 0x40 + n: n = 0..8 bytes of the whole part, big-endian without leading zeros; then
 *             00 an integer, 01 a double, 02 and the 8 bytes of the fraction as a double; 0x49:
 *             from 2^64 on: u32 count of digits, two digits to a byte, 00 or 01; 0x4a infinity, 0x4b
 *             NaN; below 0 (and -0.0): kind 0x3f - n, and everything behind it complemented
 *   string    its bytes, 00 as 00 ff; then 00 00 (whole), or 00 01 and 16 bytes of hashes (cut; 00 02:
 *   other     and its text is shown as JSON)
 *
 * No I/O, no locks: any thread.
 */
#ifndef SFSI_INDEX_KEY_H
#define SFSI_INDEX_KEY_H

#include <stdbool.h>
#include <storefs/buf.h>

/** Longest key: it fits a backend's key with 64 bytes before it and an oid of SFS_OID_MAX behind. */
#define SFSI_INDEX_KEY_MAX 960
/** Bytes of a string's escaped form (of a number's digits, two to a byte) that a key holds. */
#define SFSI_INDEX_WHOLE_MAX 936

/**
 * Append the key of a value.
 * @value  one canonical msgpack value; whatever it is, there is a key for it.
 * Returns 0, SFS_ERR_CORRUPT (no msgpack), SFS_ERR_LIMIT (nested over SFS_DEPTH_MAX),
 * SFS_ERR_NO_MEMORY; ret is then as it was.
 */
SFS_MUST_CHECK int sfsi_index_key_encode(struct sfs_span value, struct sfs_buf *ret);
/** The same for a string, without msgpack around it. */
SFS_MUST_CHECK int sfsi_index_key_string(struct sfs_span text, struct sfs_buf *ret);

/**
 * Append the value of the key at the start of bytes as msgpack.
 * @ret_value  NULL: only find its end. @ret_len  NULL, or the length of the key.
 * Returns 0, SFS_ERR_CORRUPT (no key), SFS_ERR_LIMIT (it is cut: with ret_value only),
 * SFS_ERR_NO_MEMORY. *ret_len is set with SFS_ERR_LIMIT, too.
 */
SFS_MUST_CHECK int sfsi_index_key_decode(struct sfs_span bytes, struct sfs_buf *ret_value,
					 size_t *ret_len);

/** Is it the key of a value that was too long to be in it? False for bytes that are no key. */
bool sfsi_index_key_is_cut(struct sfs_span key);

/**
 * Append how a key is shown, before escaping as a file name: numbers, true, false and null as JSON;
 * a string as it is, but as JSON when it starts with '"' or is JSON itself ("10", "null", "[1]");
 * others as compact JSON. Of a cut key its beginning (never half a character).
 * Returns 0, SFS_ERR_CORRUPT, SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_index_key_show(struct sfs_span key, struct sfs_buf *ret);

/**
 * XXH3-64 of the whole text that sfsi_index_key_show() would give, also when the key is cut: what a
 * file name ends in that is too long. Returns 0, SFS_ERR_CORRUPT, SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_index_key_hash(struct sfs_span key, uint64_t *ret);

/**
 * The way back: append the key that a text means.
 * Returns 0, SFS_ERR_INVALID (it starts with '"' and is no JSON string), SFS_ERR_LIMIT (a number
 * beyond a double that is no integer, nesting), SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_index_key_parse(struct sfs_span text, struct sfs_buf *ret);

/**
 * As JSON text in the way of the Python original: what it keeps as a key in its index files, and what
 * it sorts by (order of these bytes). Returns as sfsi_index_key_decode().
 */
SFS_MUST_CHECK int sfsi_index_key_json(struct sfs_span key, struct sfs_buf *ret);

/**
 * The first and the last key that compare equal to a key: for a number all forms of the same value
 * (1 and 1.0; -0.0, 0 and 0.0), else the key itself. ".ge/1" begins at the first, ".gt/1" behind the
 * last. Both are appended to. Returns 0, SFS_ERR_CORRUPT, SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_index_key_same(struct sfs_span key, struct sfs_buf *ret_first,
				       struct sfs_buf *ret_last);

/**
 * Append what the keys of all strings begin with that begin with a text.
 * Returns 0, SFS_ERR_LIMIT (longer than keys can tell), SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_index_key_prefix(struct sfs_span text, struct sfs_buf *ret);

enum sfsi_index_key_kind {
	SFSI_INDEX_KEY_NULL,
	SFSI_INDEX_KEY_BOOLEAN,
	SFSI_INDEX_KEY_NUMBER,
	SFSI_INDEX_KEY_STRING,
	SFSI_INDEX_KEY_OTHER,
	SFSI_INDEX_KEY_NONE, /* no key */
};
/** What kind of value a key stands for, by its first byte. */
enum sfsi_index_key_kind sfsi_index_key_kind(struct sfs_span key);
/** Bytes that all keys of a kind (not NONE) are at or above, and below: [low, high). One byte each. */
void sfsi_index_key_range(enum sfsi_index_key_kind kind, uint8_t *ret_low, uint8_t *ret_high);

#endif
