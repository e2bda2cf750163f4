/* Opening a fresh backend for each case, in a scratch folder where it needs one. */
#include "backend/pair.h"
#include "backend_fixture.h"
#include "folder.h"

struct fixture {
	struct sfsi_backend *b; /* first: *state is read as struct sfsi_backend ** */
	char folder[FOLDER_PATH_MAX];
};

/* The one backend of this run. cmocka has no other way into a setup function. */
static const struct sfsi_backend_ops *ops;
static bool paired; /* two of them as one */

int backend_group(const char *name, const char *backend, const struct CMUnitTest *tests,
		  size_t count)
{
	paired = strcmp(backend, "pair") == 0;
	ops = sfsi_backend_find(paired ? "kv" : backend);
	if (!ops) {
		fprintf(stderr, "there is no backend '%s'\n", backend);
		return 1;
	}
	return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}

/* The second one of a pair has a folder in that of the first. */
static void fixture_pair(struct fixture *fixture, bool create, bool read_only)
{
	char path[FOLDER_PATH_MAX];
	struct sfsi_backend *second, *pair;
	folder_join(path, fixture->folder, "second");
	if (create)
		assert_int_equal(mkdir(path, 0700), 0);
	const struct sfsi_backend_config cfg = { .path = path,
						 .create = create,
						 .read_only = read_only };
	assert_int_equal(sfsi_backend_open(ops, &cfg, &second, NULL), 0);
	assert_int_equal(sfsi_backend_pair_wrap(fixture->b, second, &pair), 0);
	fixture->b = pair;
}

static void fixture_open(struct fixture *fixture, bool create, bool read_only)
{
	const struct sfsi_backend_config cfg = { .path = fixture->folder,
						 .create = create,
						 .read_only = read_only };
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfsi_backend_open(ops, &cfg, &fixture->b, &diag);
	if (err < 0)
		fail_msg("can not open: %d %s", err, diag.text);
	if (paired)
		fixture_pair(fixture, create, read_only);
}

int backend_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	assert_non_null(fixture);
	folder_make(fixture->folder);
	fixture_open(fixture, true, false);
	*state = fixture;
	return 0;
}

int backend_teardown(void **state)
{
	struct fixture *fixture = *state;
	sfsi_backend_close(fixture->b);
	folder_remove(fixture->folder);
	free(fixture);
	return 0;
}

bool backend_reopen(void **state, bool read_only)
{
	struct fixture *fixture = *state;
	if (!(ops->caps & SFSI_CAP_DURABLE))
		return false;
	sfsi_backend_close(fixture->b);
	fixture->b = NULL;
	fixture_open(fixture, false, read_only);
	return true;
}

void put(struct sfsi_backend *b, uint32_t partition, struct sfs_span key, struct sfs_span val)
{
	WRITE(b, PUT(partition, key, val));
}

void write_ops(struct sfsi_backend *b, const struct sfsi_op *list, size_t count)
{
	assert_int_equal(sfsi_backend_write(b, list, count), 0);
}

void assert_value(struct sfsi_backend *b, uint32_t partition, struct sfs_span key,
		  struct sfs_span val)
{
	struct sfs_buf got = SFS_BUF_INIT;
	assert_int_equal(sfsi_backend_get(b, partition, key, &got), 0);
	assert_true(sfs_span_equal(sfs_buf_span(&got), val));
	sfs_buf_fini(&got);
}

void assert_missing(struct sfsi_backend *b, uint32_t partition, struct sfs_span key)
{
	struct sfs_buf got = SFS_BUF_INIT;
	assert_int_equal(sfsi_backend_get(b, partition, key, &got), SFS_ERR_NOT_FOUND);
	assert_int_equal(got.len, 0);
	sfs_buf_fini(&got);
}

int found_add(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct found *found = arg;
	assert_int_equal(sfs_buf_append(&found->keys, key.data, key.len), 0);
	assert_int_equal(sfs_buf_append(&found->vals, val.data, val.len), 0);
	if (found->count < 64)
		found->key_end[found->count] = found->keys.len;
	found->count++;
	return found->stop_at && found->count == found->stop_at;
}

void assert_scan(struct sfsi_backend *b, const struct sfsi_scan *scan, const struct sfs_span *keys,
		 size_t count)
{
	struct found found = { 0 };
	assert_int_equal(sfsi_backend_scan(b, scan, found_add, &found), 0);
	assert_int_equal(found.count, count);
	size_t start = 0;
	for (size_t i = 0; i < count; i++) {
		struct sfs_span got = { (const char *)found.keys.data + start,
					found.key_end[i] - start };
		assert_true(sfs_span_equal(got, keys[i]));
		start = found.key_end[i];
	}
	sfs_buf_fini(&found.keys);
	sfs_buf_fini(&found.vals);
}

static int count_one(void *arg, struct sfs_span key, struct sfs_span val)
{
	(void)key;
	(void)val;
	++*(size_t *)arg;
	return 0;
}

size_t count_keys(struct sfsi_backend *b, uint32_t partition)
{
	size_t count = 0;
	const struct sfsi_scan scan = { .partition = partition };
	assert_int_equal(sfsi_backend_scan(b, &scan, count_one, &count), 0);
	return count;
}
