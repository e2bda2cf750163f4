/* Inside of fields, shared by reading (field.c) and changing (field_edit.c). */
#ifndef SFSI_FIELD_H
#define SFSI_FIELD_H

#include <storefs/field.h>
#include "document/msgpack.h"
#include "object.h"

/** A walk over the members of a body, with their update times. */
struct sfsi_members {
	struct sfsi_msgpack_map map;
	struct sfsi_updates updates;
};
SFS_MUST_CHECK int sfsi_members_init(struct sfsi_members *members,
				     const struct sfsi_record *record);
/** 0 member, 1 end, SFS_ERR_CORRUPT. */
SFS_MUST_CHECK int sfsi_members_next(struct sfsi_members *members, struct sfsi_msgpack_pair *ret,
				     int64_t *ret_updated_ns);

/** A member by name. SFS_ERR_NOT_FOUND, SFS_ERR_CORRUPT. */
SFS_MUST_CHECK int sfsi_member_find(const struct sfsi_record *record, struct sfs_span name,
				    struct sfs_span *ret_value, int64_t *ret_updated_ns);

/** Append a value in a form. */
SFS_MUST_CHECK int sfsi_field_render(struct sfs_span value, enum sfs_field_form form,
				     struct sfs_buf *ret);

#endif
