/*
 * The state of a class (K): it can be read, its next serial is above all serials in use, its commit is
 * not below any revision. The counters are compared in names.c, where names are counted anyway.
 */
#include "check/check.h"

void sfsi_check_revision(struct sfsi_check *check, uint64_t revision)
{
	if (revision > check->class.max_revision)
		check->class.max_revision = revision;
}

static void state_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_state state;
	if (row->key.len != 1)
		sfsi_check_found(check, SFS_CHECK_TABLE, "a record beside the state of the class");
	else if (sfsi_state_decode(row->val, &state) < 0)
		sfsi_check_found(check, SFS_CHECK_STATE, "the state of the class can not be read");
}

static void state_take(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_state state;
	if (sfsi_state_decode(row->val, &state) == 0)
		sfsi_check_root_take(check, state.nlink);
}

/** State of the partition. SFS_ERR_NOT_FOUND, SFS_ERR_CORRUPT (was reported). */
static int get_state(struct sfsi_check *check, struct sfsi_state *ret)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	sfsi_key_state(&key);
	int err = sfsi_check_get(check, sfsi_key_span(&key), &val);
	return err < 0 ? err : sfsi_state_decode(sfs_buf_span(&val), ret);
}

static void compare_state(struct sfsi_check *check, const struct sfsi_state *state)
{
	const struct sfsi_check_class *class = &check->class;
	uint64_t last = atomic_load(&check->store->commit);
	uint64_t newest = class->max_revision > state->revision ? class->max_revision
								: state->revision;
	if (state->next_serial <= class->max_serial)
		sfsi_check_found(check, SFS_CHECK_SERIAL,
				 "the next number is %llu, but %llu is in use: "
				 "it would be given out twice",
				 (unsigned long long)state->next_serial,
				 (unsigned long long)class->max_serial);
	if (newest > state->commit)
		sfsi_check_found(check, SFS_CHECK_COMMIT,
				 "something is of commit %llu, but the last commit of the class "
				 "is %llu",
				 (unsigned long long)newest, (unsigned long long)state->commit);
	if (state->commit > last)
		sfsi_check_found(check, SFS_CHECK_COMMIT,
				 "the last commit of the class is %llu, that of the store %llu",
				 (unsigned long long)state->commit, (unsigned long long)last);
}

/* Serials and commits only grow: what is read now is never below what was seen before. */
int sfsi_check_class_state(struct sfsi_check *check)
{
	struct sfsi_state state;
	check->found_count = 0;
	pthread_mutex_lock(&check->store->commit_lock);
	int err = get_state(check, &state);
	bool there = sfsi_check_has_class(check);
	if (err == SFS_ERR_NOT_FOUND && there)
		sfsi_check_found(check, SFS_CHECK_STATE, "the class has no state");
	if (!err && there) {
		compare_state(check, &state);
		sfsi_check_refused_count(check, &state);
		sfsi_check_trash_count(check);
	}
	pthread_mutex_unlock(&check->store->commit_lock);
	return check->err < 0 ? check->err : sfsi_check_report(check);
}

const struct sfsi_check_table sfsi_check_state = {
	.letter = 'K',
	.row = state_row,
	.take = state_take,
};

/* The same of the catalogue; its root directory's links are counted from the classes. */
const struct sfsi_check_table sfsi_check_catalogue_state = {
	.letter = 'K',
	.row = state_row,
};
