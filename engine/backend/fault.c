/*
 * The fault backend: counts the calls of each kind and fails those it was told to
 * fail, before or after they are done. All others go to the inner backend,
 * through the wrapper, with the inner backend's own locks.
 */
#include <assert.h>
#include "backend/fault.h"
#include "backend/wrap.h"
#include "base/cleanup.h"

struct fault {
	struct sfsi_backend base;
	struct sfsi_backend *inner;
	pthread_mutex_t lock; /* protects all below */
	struct sfsi_fault what;
	uint64_t calls[SFSI_FAULT_CALLS];
	uint64_t failed;
};

static const struct sfsi_backend_ops fault_ops;

static struct fault *fault_of(struct sfsi_backend *b)
{
	assert(b->ops == &fault_ops);
	return (struct fault *)b;
}

/* Is this call to fail? Then *ret is what it fails with. */
static bool fails(struct fault *fault, enum sfsi_fault_call call, bool *ret_after, int *ret_err)
{
	SFSI_LOCK_SCOPE(&fault->lock);
	uint64_t number = ++fault->calls[call];
	const struct sfsi_fault *what = &fault->what;
	if (what->call != call || what->nth == 0 || number < what->nth)
		return false;
	if (what->times && number - what->nth >= what->times)
		return false;
	fault->failed++;
	*ret_after = what->after;
	*ret_err = what->err;
	return true;
}

static void fault_close(struct sfsi_backend *b)
{
	struct fault *fault = fault_of(b);
	sfsi_backend_close(fault->inner);
	pthread_mutex_destroy(&fault->lock);
}

static int fault_get(struct sfsi_backend *b, uint32_t partition, struct sfs_span key,
		     struct sfs_buf *ret)
{
	struct fault *fault = fault_of(b);
	bool after;
	int err;
	/* A read has no effect that could stay: before and after are the same. */
	if (fails(fault, SFSI_FAULT_GET, &after, &err))
		return err;
	return sfsi_backend_get(fault->inner, partition, key, ret);
}

/* After: all pairs were given. */
static int fault_scan(struct sfsi_backend *b, const struct sfsi_scan *scan, sfsi_scan_fn *fn,
		      void *arg)
{
	struct fault *fault = fault_of(b);
	bool after = true;
	int err = 0;
	if (fails(fault, SFSI_FAULT_SCAN, &after, &err) && !after)
		return err;
	int done = sfsi_backend_scan(fault->inner, scan, fn, arg);
	return err < 0 ? err : done;
}

static int fault_write(struct sfsi_backend *b, const struct sfsi_op *ops, size_t count)
{
	struct fault *fault = fault_of(b);
	bool after = true;
	int err = 0;
	if (fails(fault, SFSI_FAULT_WRITE, &after, &err) && !after)
		return err;
	int done = sfsi_backend_write(fault->inner, ops, count);
	return err < 0 ? err : done;
}

static int fault_sync(struct sfsi_backend *b)
{
	struct fault *fault = fault_of(b);
	bool after = true;
	int err = 0;
	if (fails(fault, SFSI_FAULT_SYNC, &after, &err) && !after)
		return err;
	int done = sfsi_backend_sync(fault->inner);
	return err < 0 ? err : done;
}

static int fault_stat(struct sfsi_backend *b, struct sfsi_backend_stat *ret)
{
	return sfsi_backend_stat(fault_of(b)->inner, ret);
}

static int fault_mark(struct sfsi_backend *b, struct sfs_span note)
{
	struct fault *fault = fault_of(b);
	bool after = true;
	int err = 0;
	if (fails(fault, SFSI_FAULT_MARK, &after, &err) && !after)
		return err;
	int done = sfsi_backend_mark(fault->inner, note);
	return err < 0 ? err : done;
}

static int fault_marked(struct sfsi_backend *b, struct sfs_buf *ret)
{
	return sfsi_backend_marked(fault_of(b)->inner, ret);
}

/* The inner backend has its own limits, locks and rules: nothing is claimed away here. */
static const struct sfsi_backend_ops fault_ops = {
	.name = "fault",
	.caps = SFSI_CAP_DURABLE | SFSI_CAP_OWN_LOCKS | SFSI_CAP_CROSS_PARTITION,
	.size = sizeof(struct fault),
	.close = fault_close,
	.get = fault_get,
	.scan = fault_scan,
	.write = fault_write,
	.sync = fault_sync,
	.stat = fault_stat,
	.mark = fault_mark,
	.marked = fault_marked,
};

int sfsi_backend_fault_wrap(struct sfsi_backend *inner, struct sfsi_backend **ret)
{
	struct sfsi_backend *b = sfsi_backend_new(&fault_ops, inner->read_only);
	if (!b)
		return SFS_ERR_NO_MEMORY;
	struct fault *fault = fault_of(b);
	fault->inner = inner;
	pthread_mutex_init(&fault->lock, NULL);
	*ret = b;
	return 0;
}

void sfsi_backend_fault_set(struct sfsi_backend *b, const struct sfsi_fault *what)
{
	struct fault *fault = fault_of(b);
	SFSI_LOCK_SCOPE(&fault->lock);
	fault->what = *what;
	memset(fault->calls, 0, sizeof fault->calls);
	fault->failed = 0;
}

uint64_t sfsi_backend_fault_calls(struct sfsi_backend *b, enum sfsi_fault_call call)
{
	struct fault *fault = fault_of(b);
	SFSI_LOCK_SCOPE(&fault->lock);
	return fault->calls[call];
}

uint64_t sfsi_backend_fault_failed(struct sfsi_backend *b)
{
	struct fault *fault = fault_of(b);
	SFSI_LOCK_SCOPE(&fault->lock);
	return fault->failed;
}
