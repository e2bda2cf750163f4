/*
 * What users set of a store: a table of settings, and the file that they are kept in, a JSON object of
 * integers. Members of that file that this program does not know are passed over.
 */
#include "settings.h"
#include <inttypes.h>
#include "base/file.h"
#include "config.h"
#include "store_private.h"
#include "trash.h"

#define FILE_MAX ((size_t)8192)

/* --- the table --- */

#define DAY ((uint64_t)86400)

static const struct sfs_setting table[] = {
	{ "history", "earlier versions that are kept of each object", SFS_SETTING_COUNT, 0, 100, 10,
	  offsetof(struct sfs_settings, history) },
	{ "history_for", "how long a version is kept after it was replaced", SFS_SETTING_INTERVAL,
	  60, 36500 * DAY, 7 * DAY, offsetof(struct sfs_settings, history_for_s) },
	{ "history_every", "a state in force for less is kept only now and then",
	  SFS_SETTING_INTERVAL, 0, DAY, 1, offsetof(struct sfs_settings, history_every_s) },
	{ "backup_before", "take a backup before what may lose something", SFS_SETTING_COUNT, 0, 1,
	  1, offsetof(struct sfs_settings, backup_before) },
	{ "backup_read", "all records of a backup are read again when that was so long ago",
	  SFS_SETTING_INTERVAL, 0, 36500 * DAY, DAY, offsetof(struct sfs_settings, backup_read_s) },
	{ "trash_for", "how long the trash keeps what was removed", SFS_SETTING_INTERVAL, 0,
	  36500 * DAY, 7 * DAY, offsetof(struct sfs_settings, trash_for_s) },
};

const struct sfs_setting *sfs_setting_at(size_t i)
{
	return i < sizeof table / sizeof *table ? &table[i] : NULL;
}

const struct sfs_setting *sfs_setting_find(struct sfs_span name)
{
	const struct sfs_setting *setting;
	for (size_t i = 0; (setting = sfs_setting_at(i)); i++)
		if (sfs_span_equal(sfs_span_str(setting->name), name))
			return setting;
	return NULL;
}

uint64_t sfs_setting_get(const struct sfs_settings *settings, const struct sfs_setting *setting)
{
	uint64_t value;
	memcpy(&value, (const char *)settings + setting->off, sizeof value);
	return value;
}

static void set(struct sfs_settings *settings, const struct sfs_setting *setting, uint64_t value)
{
	memcpy((char *)settings + setting->off, &value, sizeof value);
}

static struct sfs_settings defaults(void)
{
	struct sfs_settings settings;
	const struct sfs_setting *setting;
	for (size_t i = 0; (setting = sfs_setting_at(i)); i++)
		set(&settings, setting, setting->fallback);
	return settings;
}

/* --- values as a person writes them --- */

static const struct unit {
	char letter;
	uint64_t seconds;
} units[] = { { 'w', 7 * DAY }, { 'd', DAY }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };

/** The digits at the beginning. Returns how many there are; 0 also when it is too much. */
static size_t read_number(struct sfs_span text, uint64_t *ret)
{
	const char *at = text.data;
	size_t len = 0;
	uint64_t value = 0;
	for (; len < text.len && at[len] >= '0' && at[len] <= '9'; len++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(at[len] - '0'), &value))
			return 0;
	*ret = value;
	return len;
}

bool sfs_interval_parse(struct sfs_span text, uint64_t *ret_s)
{
	uint64_t number = 0, seconds = 0;
	size_t len = read_number(text, &number);
	if (len == 0 || text.len > len + 1)
		return false;
	char letter = len < text.len ? ((const char *)text.data)[len] : 's';
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (units[i].letter == letter)
			seconds = units[i].seconds;
	return seconds && !__builtin_mul_overflow(number, seconds, ret_s);
}

static int put_value(struct sfs_buf *ret, const struct sfs_setting *setting, uint64_t value)
{
	if (setting->kind == SFS_SETTING_COUNT || value == 0)
		return sfs_buf_printf(ret, "%" PRIu64, value);
	const struct unit *unit = &units[1]; /* days, not weeks */
	while (value % unit->seconds != 0)
		unit++;
	return sfs_buf_printf(ret, "%" PRIu64 "%c", value / unit->seconds, unit->letter);
}

int sfs_setting_text(const struct sfs_settings *settings, const struct sfs_setting *setting,
		     struct sfs_buf *ret)
{
	return put_value(ret, setting, sfs_setting_get(settings, setting));
}

/** Is the value in the setting's range? diag says what the range is. */
static int check_range(const struct sfs_setting *setting, uint64_t value, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	if (value >= setting->min && value <= setting->max)
		return 0;
	int err = put_value(&text, setting, setting->min);
	if (!err)
		err = sfs_buf_printf(&text, " to ");
	if (!err)
		err = put_value(&text, setting, setting->max);
	return err < 0 ? err
		       : sfs_diag_set(diag, SFS_ERR_INVALID, "%s: expected %.*s, got %" PRIu64 "%s",
				      setting->name, (int)text.len, (const char *)text.data, value,
				      setting->kind == SFS_SETTING_INTERVAL ? " seconds" : "");
}

int sfs_setting_parse(struct sfs_settings *settings, const struct sfs_setting *setting,
		      struct sfs_span text, struct sfs_diag *diag)
{
	uint64_t value = 0;
	bool interval = setting->kind == SFS_SETTING_INTERVAL;
	bool good = interval ? sfs_interval_parse(text, &value)
			     : text.len && read_number(text, &value) == text.len;
	if (!good)
		return sfs_diag_set(diag, SFS_ERR_INVALID, "%s: '%.*s' is no %s", setting->name,
				    text.len < 64 ? (int)text.len : 64, (const char *)text.data,
				    interval ? "number with s, m, h, d or w" : "number");
	int err = check_range(setting, value, diag);
	if (!err)
		set(settings, setting, value);
	return err;
}

/* --- the file --- */

struct reading {
	struct sfs_settings settings;
	struct sfs_diag *diag;
};

static int on_member(void *arg, const struct sfsi_config_member *member)
{
	struct reading *reading = arg;
	const struct sfs_setting *setting = sfs_setting_find(sfs_span_str(member->name));
	if (!setting)
		return 0;
	if (!member->is_integer || member->integer < 0)
		return sfs_diag_set(reading->diag, SFS_ERR_CORRUPT, "%s: expected a number",
				    setting->name);
	if (check_range(setting, (uint64_t)member->integer, reading->diag) < 0)
		return SFS_ERR_CORRUPT;
	set(&reading->settings, setting, (uint64_t)member->integer);
	return 0;
}

static int read_file(struct sfs_store *store, struct sfs_settings *ret, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_diag inner = SFS_DIAG_INIT;
	struct reading reading = { defaults(), &inner };
	int err = sfsi_file_load(store->dir_fd, SFSI_SETTINGS_FILE, FILE_MAX, &text);
	if (!err)
		err = sfsi_config_read(sfs_buf_span(&text), on_member, &reading, &inner);
	if (err == SFS_ERR_BAD_DOCUMENT || err == SFS_ERR_LIMIT)
		err = SFS_ERR_CORRUPT;
	if (err < 0 && err != SFS_ERR_NOT_FOUND)
		return sfs_diag_set(diag, err,
				    "%s/" SFSI_SETTINGS_FILE
				    ": %s; the defaults are in force until 'storefs config' sets "
				    "something",
				    store->home, inner.text[0] ? inner.text : sfs_err_text(err));
	*ret = reading.settings;
	return 0;
}

static int write_file(struct sfs_store *store, const struct sfs_settings *settings)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	const struct sfs_setting *setting;
	int err = 0;
	for (size_t i = 0; !err && (setting = sfs_setting_at(i)); i++)
		err = sfs_buf_printf(&text, "%s \"%s\": %" PRIu64, i ? "," : "{", setting->name,
				     sfs_setting_get(settings, setting));
	if (!err)
		err = sfs_buf_append(&text, " }\n", 3);
	return err < 0 ? err
		       : sfsi_file_replace(store->dir_fd, SFSI_SETTINGS_FILE, sfs_buf_span(&text));
}

/* --- those of a store --- */

void sfsi_settings_init(struct sfsi_settings *settings)
{
	pthread_mutex_init(&settings->lock, NULL);
	settings->now = defaults();
}

void sfsi_settings_fini(struct sfsi_settings *settings)
{
	pthread_mutex_destroy(&settings->lock);
}

void sfsi_settings_load(struct sfs_store *store)
{
	struct sfsi_settings *settings = &store->settings;
	settings->err = read_file(store, &settings->now, &settings->why);
}

struct sfs_settings sfsi_settings_now(struct sfs_store *store)
{
	SFSI_LOCK_SCOPE(&store->settings.lock);
	return store->settings.now;
}

int sfs_settings_get(struct sfs_store *store, struct sfs_settings *ret, struct sfs_diag *diag)
{
	SFSI_LOCK_SCOPE(&store->settings.lock);
	*ret = store->settings.now;
	int err = store->settings.err;
	return err < 0 ? sfs_diag_set(diag, err, "%s", store->settings.why.text) : 0;
}

static void put_in_force(struct sfsi_settings *to, const struct sfs_settings *settings)
{
	SFSI_LOCK_SCOPE(&to->lock);
	to->now = *settings;
	to->err = 0;
}

int sfs_settings_set(struct sfs_store *store, const struct sfs_settings *settings,
		     struct sfs_diag *diag)
{
	const struct sfs_setting *setting;
	int err = 0;
	for (size_t i = 0; !err && (setting = sfs_setting_at(i)); i++)
		err = check_range(setting, sfs_setting_get(settings, setting), diag);
	if (err < 0)
		return err;
	if (store->read_only)
		return sfs_diag_set(diag, SFS_ERR_READ_ONLY, "%s is open read-only", store->path);
	/* Held by all who write into the folder: the file is that of the last caller, as is what is in force. */
	SFSI_LOCK_SCOPE(&store->commit_lock);
	err = store->dir_fd < 0 ? 0 : write_file(store, settings);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s/" SFSI_SETTINGS_FILE ": %s", store->home,
				    sfs_err_text(err));
	put_in_force(&store->settings, settings);
	sfsi_trash_wake(store);
	return 0;
}
