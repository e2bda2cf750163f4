/* --rate: see rate.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "rate.h"

int cli_rate(struct cli_ctx *ctx, uint64_t *ret)
{
	static const char units[] = "KMGT";
	const char *text = cli_option(ctx, "rate");
	char *end;
	*ret = 0;
	if (!text)
		return 0;
	errno = 0;
	uint64_t rate = strtoull(text, &end, 10);
	const char *unit = *end ? strchr(units, *end) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	if (text[0] < '0' || text[0] > '9' || errno || end[unit != NULL] != '\0' || !rate ||
	    rate > UINT64_MAX >> shift)
		return cli_usage(ctx, "--rate '%s': expected bytes a second, as 500K or 20M", text);
	*ret = rate << shift;
	return 0;
}
