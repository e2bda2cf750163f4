/* --rate: how many bytes a second. */
#ifndef CLI_RATE_H
#define CLI_RATE_H

#include "cli.h"

/** Read the option: "20M". 0 when it is not given. Returns 0, or an exit code after saying why. */
int cli_rate(struct cli_ctx *ctx, uint64_t *ret);

#endif
