/*
 * Objects against the definition of their class: what does not fit any more, since the definition
 * changed or because it only warns. And the definitions: classes that relations lead to.
 */
#include <stdio.h>
#include "check/check.h"
#include "class_private.h"
#include "object.h"

/** Rules of the class that is checked. */
struct sfsi_check_rules {
	struct sfsi_object_fit fit; /* must be first */
	struct sfsi_check *check;
	struct sfs_span oid; /* of the object that is looked at */
	bool any;
};

static void take_rules(struct sfsi_check *check, const struct sfsi_class *class)
{
	struct sfsi_check_rules *rules = check->rules;
	rules->check = check;
	rules->any = sfsi_object_fit_begin(check->store, class, &rules->fit) &&
		     rules->fit.schema->validate != SFSI_VALIDATE_OFF;
}

int sfsi_check_schema_begin(struct sfsi_check *check)
{
	const struct sfsi_class *class = sfsi_class_ref(check->store, check->partition);
	check->rules = calloc(1, sizeof *check->rules);
	if (!check->rules)
		return SFS_ERR_NO_MEMORY;
	if (class)
		take_rules(check, class);
	return 0;
}

void sfsi_check_schema_end(struct sfsi_check *check)
{
	if (check->rules)
		sfsi_object_fit_end(&check->rules->fit);
	free(check->rules);
	check->rules = NULL;
}

static int found_misfit(void *arg, const struct sfsi_misfit *misfit)
{
	struct sfsi_check_rules *rules = arg;
	char path[SFSI_PATH_SIZE];
	struct sfs_check_problem *problem = sfsi_check_found(
		rules->check, SFS_CHECK_SCHEMA, "%s: expected %s, found %s",
		sfsi_path_text(path, misfit->path), misfit->expected, misfit->found);
	problem->oid = rules->oid;
	if (rules->fit.schema->validate == SFSI_VALIDATE_WARN)
		problem->severity = SFS_CHECK_NOTE;
	return rules->check->found_count == SFSI_CHECK_FOUND_MAX;
}

void sfsi_check_schema_object(struct sfsi_check *check, struct sfs_span oid, struct sfs_span body)
{
	struct sfsi_check_rules *rules = check->rules;
	struct sfsi_fitted fitted;
	/* The definition of this moment: with the lock it can not change. */
	const struct sfsi_class *class = sfsi_class_ref(check->store, check->partition);
	if (check->locked && class && class->schema_number != rules->fit.number) {
		sfsi_object_fit_end(&rules->fit);
		take_rules(check, class);
	}
	if (!rules->any)
		return;
	rules->oid = oid;
	int err = sfsi_object_fit(&rules->fit, body, found_misfit, &fitted);
	sfs_buf_fini(&fitted.body);
	if (err == SFS_ERR_NO_MEMORY)
		check->err = err;
}

int sfsi_check_schema_class(struct sfsi_check *check)
{
	const struct sfsi_class *class = sfsi_class_ref(check->store, check->partition);
	const struct sfsi_schema *schema = check->rules->fit.schema;
	int err = 0;
	check->found_count = 0;
	if (class && class->bad_definition.len) {
		sfsi_check_found(check, SFS_CHECK_CLASS,
				 "the definition can not be read; no rule of it is applied");
		err = sfsi_check_report(check);
	}
	for (uint32_t at = 0; schema && !err && !sfsi_class_missing(check->store, schema, &at);
	     at++) {
		const struct sfsi_relation *relation = &schema->relations[at];
		sfsi_check_found(check, SFS_CHECK_SCHEMA,
				 "relation %.*s leads to class %.*s, which does not exist",
				 (int)(relation->name.len < 60 ? relation->name.len : 60),
				 (const char *)relation->name.data, (int)relation->target.len,
				 (const char *)relation->target.data)
			->severity = SFS_CHECK_NOTE;
		err = sfsi_check_report(check);
	}
	return err;
}
