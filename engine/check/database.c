/* Checks of table Q: what a database remembers of its file, and of the keys that changed since. */
#include "check.h"
#include "database/database.h"

static void database_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_database_state state;
	struct sfsi_database_change change;
	const uint8_t *key = row->key.data;
	bool good = false;
	if (row->key.len == 2 && key[1] == 'S')
		good = sfsi_database_state_decode(row->val, &state) == 0;
	else if (row->key.len > 2 && key[1] == 'C')
		good = sfsi_database_change_decode(row->val, &change) == 0;
	if (!good)
		sfsi_check_found(check, SFS_CHECK_STATE,
				 "what is remembered of the database's file can not be read");
}

const struct sfsi_check_table sfsi_check_database = { .letter = 'Q', .row = database_row };
