/* Names of classes as names of directories: see class_name.h. */
#include "class_name.h"
#include <string.h>

size_t fs_class_name(const char *name, char ret[SFS_NAME_MAX + 1])
{
	return fs_name_make_class(sfs_span_str(name), ret);
}

static bool is_called(const struct sfs_class_info *info, struct sfs_span name)
{
	char own[SFS_NAME_MAX + 1];
	size_t len = fs_class_name(info->name, own);
	return sfs_span_equal((struct sfs_span){ own, len }, name);
}

/** Of a name that is too long to be taken apart. */
static int find_shortened(struct sfs_store *store, struct sfs_span name, struct sfs_class_info *ret)
{
	struct sfs_class_info info = { .id = 0 };
	while (sfs_class_next(store, info.id, &info) == 0) {
		if (is_called(&info, name)) {
			*ret = info;
			return 0;
		}
	}
	return SFS_ERR_NOT_FOUND;
}

int fs_class_find(struct sfs_store *store, struct sfs_span name, struct sfs_class_info *ret)
{
	unsigned char text[SFS_NAME_MAX];
	struct sfs_class_info info;
	size_t len;
	if (name.len > SFS_NAME_MAX || !fs_name_parse_field(name, text, &len))
		return SFS_ERR_NOT_FOUND;
	if (name.len > SFS_CLASS_NAME_MAX && memchr(name.data, '~', name.len))
		return find_shortened(store, name, ret);
	int err = sfs_class_find(store, (struct sfs_span){ text, len }, &info);
	if (!err && !is_called(&info, name))
		err = SFS_ERR_NOT_FOUND;
	if (!err)
		*ret = info;
	return err;
}
