/*
 * The catalogue: class records are those of the classes that are open, names are valid, ids are below
 * the next one; and no partition holds anything of a class that does not exist.
 */
#include "check/check.h"

/** Ids beyond the next one that are looked at, in case that one is wrong. */
#define BEYOND 64

static void class_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_class_record record;
	uint64_t id = 0;
	struct sfs_check_problem *problem = NULL;
	if (!sfsi_check_serial(row->key, &id) || id > 0xffffff)
		problem = sfsi_check_found(check, SFS_CHECK_CLASS,
					   "a class record without a possible id");
	else if (sfsi_class_decode(row->val, &record) < 0)
		problem = sfsi_check_found(check, SFS_CHECK_CLASS,
					   "the record of a class can not be read");
	/* Other programs have names of their own. */
	else if (!check->store->mirror && !sfs_class_name_valid(record.name))
		problem = sfsi_check_found(check, SFS_CHECK_CLASS,
					   "the class has a name that none can have");
	if (problem)
		problem->class_id = (uint32_t)id;
	if (id > check->class.max_serial && !problem)
		check->class.max_serial = id;
}

static bool class_needs(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	(void)check, (void)row;
	return true;
}

/** The record against the class that is open under its name. */
static void class_relate(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_class_record record;
	struct sfs_class_info info;
	uint64_t id;
	if (!sfsi_check_serial(row->key, &id) || sfsi_class_decode(row->val, &record) < 0)
		return;
	int err = sfs_class_find(check->store, record.name, &info);
	if (err < 0 || info.id != id)
		sfsi_check_found(check, SFS_CHECK_CLASS,
				 err < 0 ? "a class record of a class that is not open"
					 : "another class has the name of this one")
			->class_id = (uint32_t)id;
	else if (info.kind != record.kind)
		sfsi_check_found(check, SFS_CHECK_CLASS, "the class is open as of another kind")
			->class_id = (uint32_t)id;
}

const struct sfsi_check_table sfsi_check_catalogue_class = {
	.letter = 'C',
	.row = class_row,
	.needs = class_needs,
	.relate = class_relate,
};

/** Every class that is open has its record. */
static int check_records(struct sfsi_check *check)
{
	struct sfs_class_info info = { 0 };
	int err = 0;
	for (uint32_t id = 0; !err && sfs_class_next(check->store, id, &info) == 0; id = info.id) {
		struct sfsi_key key;
		SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
		sfsi_key_class(&key, info.id);
		check->found_count = 0;
		pthread_mutex_lock(&check->store->commit_lock);
		if (sfsi_class_ref(check->store, info.id) &&
		    sfsi_check_get(check, sfsi_key_span(&key), &val) == SFS_ERR_NOT_FOUND)
			sfsi_check_found(check, SFS_CHECK_CLASS, "class %s has no record",
					 info.name)
				->class_id = info.id;
		pthread_mutex_unlock(&check->store->commit_lock);
		err = check->err < 0 ? check->err : sfsi_check_report(check);
	}
	return err;
}

int sfsi_check_catalogue(struct sfsi_check *check)
{
	int err = check_records(check);
	return err < 0 ? err : sfsi_check_class_state(check);
}

/* --- partitions --- */

struct probe {
	bool found;
	uint8_t letter;
};

/* A removal of bytes may outlive its class: it is harmless. */
static int probe_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct probe *probe = arg;
	(void)val;
	probe->letter = *(const uint8_t *)key.data;
	probe->found = probe->letter != 'Z';
	return probe->found;
}

static int probe_partition(struct sfsi_check *check, uint32_t id)
{
	struct probe probe = { .found = false };
	struct sfsi_scan scan = { .partition = id, .keys_only = true, .once = true };
	int err = sfsi_backend_scan(check->store->backend, &scan, probe_row, &probe);
	if (probe.found && !sfsi_class_ref(check->store, id))
		sfsi_check_found(check, SFS_CHECK_PARTITION,
				 "class %lu does not exist, but there are records of it "
				 "(table 0x%02x)",
				 (unsigned long)id, probe.letter)
			->class_id = id;
	check->skipped |= err == SFS_ERR_CORRUPT;
	return err == SFS_ERR_CANCELLED || err == SFS_ERR_CORRUPT ? 0 : err;
}

int sfsi_check_partitions(struct sfsi_check *check)
{
	const struct sfsi_class *root = sfsi_class_ref(check->store, 0);
	uint64_t end = atomic_load(&root->next_serial);
	end = end > 0xffffff ? 0xffffff : end + BEYOND;
	int err = 0;
	for (uint64_t id = 1; !err && id < end && id <= 0xffffff; id++) {
		if (sfsi_class_ref(check->store, (uint32_t)id))
			continue;
		check->found_count = 0;
		err = probe_partition(check, (uint32_t)id);
		/* It may have been made, or removed, meanwhile: then the second look sees it whole. */
		if (!err && check->found_count) {
			check->found_count = 0;
			pthread_mutex_lock(&check->store->commit_lock);
			err = probe_partition(check, (uint32_t)id);
			pthread_mutex_unlock(&check->store->commit_lock);
		}
		if (!err)
			err = sfsi_check_report(check);
		if (!err && id % 1024 == 0)
			err = sfsi_check_tick(check);
	}
	return err;
}
