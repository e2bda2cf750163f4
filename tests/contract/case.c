/* Stores and shorthands for the contract cases: see case.h. */
#include "case.h"
#include <storefs/settings.h>

const char *case_backend = "memory";
static char text[1 << 16];

bool case_durable(void)
{
	return strcmp(case_backend, "memory") != 0;
}

bool case_database(void)
{
	return strcmp(case_backend, "mpack") == 0;
}

bool case_mirrored(void)
{
	return case_database() || strcmp(case_backend, "directory") == 0;
}

const char *case_home(const struct case_store *c)
{
	static char home[100];
	snprintf(home, sizeof home, "%s%s", c->path, case_mirrored() ? "/.storefs" : "");
	return home;
}

static void open_store(struct case_store *c)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store_config config = { .path = c->path };
	int err = sfs_store_open(&config, &c->store, &diag);
	if (err)
		fail_msg("open %s: %s", c->path, diag.text);
}

static uint32_t make_class(struct case_store *c, const char *name, enum sfs_class_kind kind)
{
	struct sfs_class_make make = { .name = sfs_span_str(name), .kind = kind, .mode = 0755 };
	struct sfs_class_info info;
	assert_int_equal(sfs_class_create(c->store, &make, &info, NULL), 0);
	return info.id;
}

/** A folder of databases is one when there is one in it. */
static void init_databases(const char *path)
{
	char command[256];
	snprintf(command, sizeof command, "mkdir '%s' && printf '\\200' >'%s/Seed.mpack'", path,
		 path);
	assert_int_equal(system(command), 0);
}

int case_setup(void **state)
{
	struct case_store *c = calloc(1, sizeof *c);
	assert_non_null(c);
	if (case_durable()) {
		strcpy(c->folder, "/tmp/storefs-contract-XXXXXX");
		assert_non_null(mkdtemp(c->folder));
		snprintf(c->path, sizeof c->path, "%s/store", c->folder);
		struct sfs_diag diag = SFS_DIAG_INIT;
		struct sfs_store_config config = { .path = c->path, .backend = case_backend };
		if (case_database())
			init_databases(c->path);
		else if (sfs_store_init(&config, &diag))
			fail_msg("init: %s", diag.text);
	} else {
		strcpy(c->path, "memory:");
	}
	open_store(c);
	c->articles = make_class(c, "Article", SFS_CLASS_OBJECT);
	/* Databases have no raws beside them: databases.c says so. */
	if (!case_database()) {
		c->images = make_class(c, "Image", SFS_CLASS_RAW);
		c->root = sfs_ino_make(c->images, 1);
	}
	c->scratch = sfs_ino_make(c->articles, 1);
	*state = c;
	return 0;
}

int case_teardown(void **state)
{
	struct case_store *c = *state;
	int err = sfs_store_close(c->store);
	if (c->folder[0]) {
		char command[128];
		snprintf(command, sizeof command, "rm -rf '%s'", c->folder);
		err |= system(command);
	}
	free(c);
	return err;
}

void case_reopen(struct case_store *c)
{
	if (!case_durable())
		return;
	assert_int_equal(sfs_store_close(c->store), 0);
	open_store(c);
}

void case_no_trash(struct case_store *c)
{
	struct sfs_settings settings;
	assert_int_equal(sfs_settings_get(c->store, &settings, NULL), 0);
	settings.trash_for_s = 0;
	assert_int_equal(sfs_settings_set(c->store, &settings, NULL), 0);
}

void case_no_history(struct case_store *c)
{
	struct sfs_settings settings;
	assert_int_equal(sfs_settings_get(c->store, &settings, NULL), 0);
	settings.history = 0;
	assert_int_equal(sfs_settings_set(c->store, &settings, NULL), 0);
}

int case_put(struct case_store *c, const char *oid, const char *document, unsigned flags)
{
	struct sfs_put put = {
		.class_id = c->articles,
		.oid = sfs_span_str(oid),
		.text = sfs_span_str(document),
		.flags = flags,
	};
	return sfs_object_put(c->store, &put, NULL, NULL);
}

const char *case_get(struct case_store *c, const char *oid, enum sfs_format format)
{
	struct sfs_attr attr;
	struct sfs_doc *doc;
	if (sfs_object_find(c->store, c->articles, sfs_span_str(oid), &attr))
		return NULL;
	assert_int_equal(sfs_object_get(c->store, attr.ino, format, &doc), 0);
	assert_true(doc->bytes.len < sizeof text);
	memcpy(text, doc->bytes.data, doc->bytes.len);
	text[doc->bytes.len] = '\0';
	sfs_doc_unref(doc);
	return text;
}

struct sfs_attr case_attr(struct case_store *c, const char *oid)
{
	struct sfs_attr attr;
	assert_int_equal(sfs_object_find(c->store, c->articles, sfs_span_str(oid), &attr), 0);
	return attr;
}

struct sfs_attr case_make(struct case_store *c, uint64_t dir, const char *name,
			  enum sfs_node_type type)
{
	struct sfs_raw_make make = { .type = type, .mode = 0644, .target = sfs_span_str("target") };
	struct sfs_attr attr;
	assert_int_equal(sfs_raw_make(c->store, dir, sfs_span_str(name), &make, &attr), 0);
	return attr;
}

void case_write(struct case_store *c, uint64_t ino, const char *bytes)
{
	struct sfs_raw_file *file;
	size_t len;
	assert_int_equal(sfs_raw_open(c->store, ino, true, &file), 0);
	assert_int_equal(sfs_raw_write(file, 0, bytes, strlen(bytes), &len), 0);
	assert_int_equal(len, strlen(bytes));
	sfs_raw_close(file);
}

const char *case_read(struct case_store *c, uint64_t ino)
{
	struct sfs_raw_file *file;
	size_t len;
	assert_int_equal(sfs_raw_open(c->store, ino, false, &file), 0);
	assert_int_equal(sfs_raw_read(file, 0, text, sizeof text - 1, &len), 0);
	text[len] = '\0';
	sfs_raw_close(file);
	return text;
}

struct names {
	char *items[4096];
	size_t count;
};

static int add(struct names *names, struct sfs_span name)
{
	assert_true(names->count < 4096);
	names->items[names->count] = strndup(name.data, name.len);
	assert_non_null(names->items[names->count++]);
	return 0;
}

static int add_name(void *arg, struct sfs_span name, uint64_t ino, enum sfs_node_type type,
		    uint64_t cookie)
{
	(void)ino, (void)type, (void)cookie;
	return add(arg, name);
}

static int add_oid(void *arg, struct sfs_span oid, const struct sfs_attr *attr, uint64_t cookie)
{
	(void)attr, (void)cookie;
	return add(arg, oid);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *join(struct names *names)
{
	qsort(names->items, names->count, sizeof *names->items, compare);
	size_t len = 0;
	text[0] = '\0';
	for (size_t i = 0; i < names->count; i++) {
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i ? " " : "",
					names->items[i]);
		free(names->items[i]);
	}
	return text;
}

const char *case_names(struct case_store *c, uint64_t dir)
{
	struct names names = { .count = 0 };
	assert_int_equal(sfs_raw_list(c->store, dir, 0, 0, add_name, &names), 0);
	return join(&names);
}

const char *case_oids(struct case_store *c)
{
	struct names names = { .count = 0 };
	assert_int_equal(sfs_object_list(c->store, c->articles, 0, 0, add_oid, &names), 0);
	return join(&names);
}
