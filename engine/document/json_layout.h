/* Does a JSON text look like a canonical one? Much cheaper to say than what its canonical text is. */
#ifndef SFSI_JSON_LAYOUT_H
#define SFSI_JSON_LAYOUT_H

#include <stdbool.h>
#include <storefs/buf.h>

/**
 * Are there line breaks and spaces where canonical JSON has them? Indents, numbers and strings are not
 * looked at: a text of which this is true may be canonical, one of which it is false is not.
 * @text  a JSON text that was read without a fault.
 */
bool sfsi_json_layout_is_canonical(struct sfs_span text);

#endif
