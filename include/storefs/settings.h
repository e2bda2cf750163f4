/*
 * What users set of a store: how many earlier versions of objects it keeps, and the like. Kept in the file
 * "settings" of the store's folder; what is not there has its default.
 *
 * The settings are a table: a front end lists, reads and writes all of them without knowing one.
 */
#ifndef STOREFS_SETTINGS_H
#define STOREFS_SETTINGS_H

#include <storefs/store.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sfs_settings {
	uint64_t history;       /* versions kept of each object, besides the present one; 0: none */
	uint64_t history_for_s; /* seconds that one is kept after it was replaced */
	uint64_t
		history_every_s; /* one in force for less is kept only now and then; 0: each is kept */
	uint64_t backup_before; /* 1: take a backup before what may lose something; 0: do not */
	uint64_t
		backup_read_s; /* all records of a backup are read again when that was so long ago; 0: always */
	uint64_t trash_for_s; /* seconds that the trash keeps what was removed; 0: there is none */
};

/** What a value means, and how a person writes it. */
enum sfs_setting_kind {
	SFS_SETTING_COUNT = 1,    /* "10" */
	SFS_SETTING_INTERVAL = 2, /* seconds: "90", "90s", "15m", "6h", "7d", "2w" */
};

/** One setting. */
struct sfs_setting {
	const char *name;
	const char *about; /* one line */
	enum sfs_setting_kind kind;
	uint64_t min, max, fallback; /* fallback: the default */
	size_t off;                  /* private: of its uint64_t in struct sfs_settings */
};

/** The i-th setting, from 0; NULL behind the last one. */
SFS_API const struct sfs_setting *sfs_setting_at(size_t i);
/** NULL: there is none of that name. */
SFS_API const struct sfs_setting *sfs_setting_find(struct sfs_span name);

SFS_API uint64_t sfs_setting_get(const struct sfs_settings *settings,
				 const struct sfs_setting *setting);
/** Append the value as a person writes it; of an interval in the largest unit up to days that is exact. */
SFS_API SFS_MUST_CHECK int sfs_setting_text(const struct sfs_settings *settings,
					    const struct sfs_setting *setting, struct sfs_buf *ret);
/**
 * Set the value from what a person wrote; the store is not asked.
 * Returns 0 or SFS_ERR_INVALID: diag says what was expected, and settings are as they were.
 */
SFS_API SFS_MUST_CHECK int sfs_setting_parse(struct sfs_settings *settings,
					     const struct sfs_setting *setting,
					     struct sfs_span text, struct sfs_diag *diag);

/** Seconds of "90", "90s", "15m", "6h", "7d" or "2w". False: it is none of these, or too much. */
SFS_API bool sfs_interval_parse(struct sfs_span text, uint64_t *ret_s);

/**
 * The settings that are in force.
 * Returns 0, or SFS_ERR_CORRUPT or SFS_ERR_IO when the file could not be read as the store was opened: *ret
 * has the defaults, which are in force until sfs_settings_set() writes a new file.
 */
SFS_API SFS_MUST_CHECK int sfs_settings_get(struct sfs_store *store, struct sfs_settings *ret,
					    struct sfs_diag *diag);

/**
 * Set them all. They are in force, and survive a power cut, when this returns 0. Those of a memory store last as long
 * as it is open.
 * Returns 0, SFS_ERR_INVALID (diag says which one is out of its range), SFS_ERR_READ_ONLY, SFS_ERR_NO_SPACE,
 * SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_settings_set(struct sfs_store *store,
					    const struct sfs_settings *settings,
					    struct sfs_diag *diag);

#ifdef __cplusplus
}
#endif
#endif
