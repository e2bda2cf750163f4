/* Names of slots: see mark.h. */
#include "mark.h"
#include <stdio.h>

enum slot_kind slot_kind(unsigned slot)
{
	if (slot < OBJECT_TEMP || slot >= SHARED_FIRST)
		return SLOT_OBJECT;
	if (slot == OBJECT_TEMP || slot == CLASS_SCRATCH)
		return SLOT_SCRATCH;
	if (slot <= RAW_TEMP)
		return SLOT_RAW;
	if (slot < DIR_FIRST)
		return SLOT_META;
	return slot < CLASS_FIRST ? SLOT_DIR : SLOT_CLASS;
}

void slot_path(char *path, size_t size, const char *mount, unsigned thread, unsigned slot)
{
	if (slot >= SHARED_FIRST)
		snprintf(path, size, "%s/Note/shared%u.json", mount, slot - SHARED_FIRST);
	else if (slot < OBJECT_TEMP)
		snprintf(path, size, "%s/Note/t%u-%u.json", mount, thread, slot - OBJECT_FIRST);
	else if (slot == OBJECT_TEMP)
		snprintf(path, size, "%s/Note/t%u.tmp", mount, thread);
	else if (slot == CLASS_SCRATCH)
		snprintf(path, size, "%s/T%u_%u/x.tmp", mount, thread, CLASSES - 1);
	else if (slot_kind(slot) == SLOT_META)
		slot_path(path, size, mount, thread, slot - META_FIRST + RAW_FIRST);
	else if (slot <= RAW_TEMP)
		snprintf(path, size, "%s/Image/t%u-r%u", mount, thread, slot - RAW_FIRST);
	else if (slot < CLASS_FIRST)
		snprintf(path, size, "%s/Image/t%u-dir%u", mount, thread, slot - DIR_FIRST);
	else
		snprintf(path, size, "%s/T%u_%u", mount, thread, slot - CLASS_FIRST);
}
