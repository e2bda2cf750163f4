/*
 * The contract of checking, damage by damage: each kind, written behind the engine's back, gives
 * exactly the findings that it should.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "check_case.h"

static void move_row(struct case_store *c, uint32_t partition, const struct sfsi_key *key,
		     const struct sfsi_key *to)
{
	struct sfs_buf val = check_get_row(c, partition, key);
	check_drop_row(c, partition, key);
	check_put_row(c, partition, to, sfs_buf_span(&val));
	sfs_buf_fini(&val);
}

static void record_key(const char *oid, struct sfsi_key *ret)
{
	sfsi_key_object(ret, sfs_span_str(oid));
}

/** Change an inode of class Image. */
static void edit_inode(struct case_store *c, uint64_t ino, void (*edit)(struct sfsi_inode *inode))
{
	struct sfsi_key key;
	struct sfsi_inode inode;
	struct sfs_buf out = SFS_BUF_INIT;
	sfsi_key_serial(&key, 'N', sfsi_ino_serial(ino));
	struct sfs_buf val = check_get_row(c, c->images, &key);
	assert_int_equal(sfsi_inode_decode(sfs_buf_span(&val), sfsi_ino_serial(ino), &inode), 0);
	edit(&inode);
	assert_int_equal(sfsi_inode_encode(&inode, &out), 0);
	check_put_row(c, c->images, &key, sfs_buf_span(&out));
	sfs_buf_fini(&out);
	sfs_buf_fini(&val);
}

static void edit_state(struct case_store *c, uint32_t class_id, void (*edit)(struct sfsi_state *s))
{
	struct sfsi_key key;
	struct sfsi_state state;
	uint8_t bytes[SFSI_STATE_SIZE];
	sfsi_key_state(&key);
	struct sfs_buf val = check_get_row(c, class_id, &key);
	assert_int_equal(sfsi_state_decode(sfs_buf_span(&val), &state), 0);
	sfs_buf_fini(&val);
	edit(&state);
	size_t len = sfsi_state_encode(&state, bytes);
	check_put_row(c, class_id, &key, (struct sfs_span){ bytes, len });
}

/** Change the record of object 7, with a right checksum. */
static void edit_record(struct case_store *c, const char *oid, void (*edit)(struct sfsi_record *r))
{
	struct sfsi_key key;
	struct sfsi_record record;
	struct sfs_buf out = SFS_BUF_INIT;
	record_key(oid, &key);
	struct sfs_buf val = check_get_row(c, c->articles, &key);
	assert_int_equal(sfsi_record_decode(sfs_buf_span(&val), sfsi_key_span(&key), &record), 0);
	edit(&record);
	assert_int_equal(sfsi_record_encode(&record, sfsi_key_span(&key), &out), 0);
	check_put_row(c, c->articles, &key, sfs_buf_span(&out));
	sfs_buf_fini(&out);
	sfs_buf_fini(&val);
}

static void flip_record(struct case_store *c)
{
	struct sfsi_key key;
	record_key("7", &key);
	struct sfs_buf val = check_get_row(c, c->articles, &key);
	((char *)val.data)[val.len - 3] ^= 4;
	check_put_row(c, c->articles, &key, sfs_buf_span(&val));
	sfs_buf_fini(&val);
}

static void drop_record(struct case_store *c)
{
	struct sfsi_key key;
	record_key("7", &key);
	check_drop_row(c, c->articles, &key);
}

static void bad_body(struct sfsi_record *r)
{
	r->body = SPAN("\x81\xa1n\xcc\x07"); /* 7 in two bytes */
}
static void text_of_other(struct sfsi_record *r)
{
	r->text = SPAN("{\"n\":8, \"s\": \"\xc3\xa4\"}");
}
static void text_no_json(struct sfsi_record *r)
{
	r->text = SPAN("{\"n\":7, \"s\": \"\xc3\xa4\" ");
}
static void wrong_size(struct sfsi_record *r)
{
	r->object.size++;
}
static void long_updates(struct sfsi_record *r)
{
	r->updates = SPAN("\x01\x01\x01");
}
static void cut_updates(struct sfsi_record *r)
{
	r->updates = SPAN("\x01\x81");
}
static void other_serial(struct sfsi_record *r)
{
	r->object.serial += 1;
}
static void newer_record(struct sfsi_record *r)
{
	r->object.revision += 1000;
}

static void damage_body(struct case_store *c)
{
	edit_record(c, "8", bad_body);
}
static void damage_text(struct case_store *c)
{
	edit_record(c, "7", text_of_other);
}
static void damage_json(struct case_store *c)
{
	edit_record(c, "7", text_no_json);
}
static void damage_size(struct case_store *c)
{
	edit_record(c, "7", wrong_size);
}
static void damage_updates(struct case_store *c)
{
	edit_record(c, "7", long_updates);
}
static void damage_cut_updates(struct case_store *c)
{
	edit_record(c, "7", cut_updates);
}
static void damage_serial(struct case_store *c)
{
	edit_record(c, "7", other_serial);
}
static void damage_revision(struct case_store *c)
{
	edit_record(c, "7", newer_record);
}

static void drop_entry(struct case_store *c)
{
	struct sfsi_key key;
	check_entry_key(c, SFSI_DIR_OBJECTS, "7", &key);
	check_drop_row(c, c->articles, &key);
}

static void extra_entry(struct case_store *c)
{
	struct sfsi_key key;
	check_entry_key(c, SFSI_DIR_OBJECTS, "7", &key);
	struct sfs_buf val = check_get_row(c, c->articles, &key);
	check_entry_key(c, SFSI_DIR_OBJECTS, "none", &key);
	check_put_row(c, c->articles, &key, sfs_buf_span(&val));
	sfs_buf_fini(&val);
}

static void size_in_entry(struct case_store *c)
{
	struct sfsi_key key;
	struct sfsi_object object;
	uint8_t bytes[SFSI_ENTRY_SIZE];
	check_entry_key(c, SFSI_DIR_OBJECTS, "7", &key);
	struct sfs_buf val = check_get_row(c, c->articles, &key);
	assert_int_equal(sfsi_entry_decode(sfs_buf_span(&val), &object), 0);
	sfs_buf_fini(&val);
	object.size++;
	size_t len = sfsi_entry_encode(&object, bytes);
	check_put_row(c, c->articles, &key, (struct sfs_span){ bytes, len });
}

static void short_entry(struct case_store *c)
{
	struct sfsi_key key;
	check_entry_key(c, SFSI_DIR_OBJECTS, "7", &key);
	check_put_row(c, c->articles, &key, SPAN("\x01"));
}

static void misplaced_entry(struct case_store *c)
{
	struct sfsi_key key, to;
	check_entry_key(c, SFSI_DIR_OBJECTS, "7", &key);
	sfsi_key_entry(&to, SFSI_DIR_OBJECTS, 99, SPAN("7"));
	move_row(c, c->articles, &key, &to);
}

static void object_inode_key(struct case_store *c, struct sfsi_key *ret)
{
	struct sfs_attr attr;
	assert_int_equal(sfs_object_find(c->store, c->articles, SPAN("7"), &attr), 0);
	sfsi_key_serial(ret, 'N', sfsi_ino_serial(attr.ino));
}

static void drop_object_inode(struct case_store *c)
{
	struct sfsi_key key;
	object_inode_key(c, &key);
	check_drop_row(c, c->articles, &key);
}

static void object_inode_elsewhere(struct case_store *c)
{
	struct sfsi_key key;
	object_inode_key(c, &key);
	check_put_row(c, c->articles, &key,
		      SPAN("\x01\x01"
			   "8"));
}

static void stray_object_inode(struct case_store *c)
{
	struct sfsi_key key;
	/* The number of object 3, which was removed. */
	sfsi_key_serial(&key, 'N', 5);
	check_put_row(c, c->articles, &key, SPAN("\x01\x01none"));
}

static void drop_file_inode(struct case_store *c)
{
	struct sfsi_key key;
	uint64_t ino = check_ino(c, c->root, "link");
	sfsi_key_serial(&key, 'N', sfsi_ino_serial(ino));
	check_drop_row(c, c->images, &key);
}

static void more_links(struct sfsi_inode *inode)
{
	inode->nlink++;
}
static void parent_root(struct sfsi_inode *inode)
{
	inode->parent = SFSI_SERIAL_ROOT;
}
static void parent_nowhere(struct sfsi_inode *inode)
{
	inode->parent = 999;
}

static void links_of_file(struct case_store *c)
{
	edit_inode(c, check_ino(c, c->root, "file"), more_links);
}
static void links_of_dir(struct case_store *c)
{
	edit_inode(c, check_ino(c, c->root, "dir"), more_links);
}
static void parent_of_dir(struct case_store *c)
{
	edit_inode(c, check_ino(c, check_ino(c, c->root, "dir"), "sub"), parent_root);
}
static void parent_missing(struct case_store *c)
{
	edit_inode(c, check_ino(c, check_ino(c, c->root, "dir"), "sub"), parent_nowhere);
}

static void drop_name(struct case_store *c)
{
	struct sfsi_key key;
	check_entry_key(c, c->root, "hard2", &key);
	check_drop_row(c, c->images, &key);
}

static void drop_last_name(struct case_store *c)
{
	struct sfsi_key key;
	check_entry_key(c, c->root, "file", &key);
	check_drop_row(c, c->images, &key);
}

static void orphan_dir(struct case_store *c)
{
	struct sfsi_key key;
	uint64_t sub = check_ino(c, check_ino(c, c->root, "dir"), "sub");
	check_entry_key(c, sub, "deep", &key);
	check_drop_row(c, c->images, &key);
}

static void extra_name(struct case_store *c)
{
	struct sfsi_key key;
	uint8_t bytes[SFSI_NAME_SIZE];
	struct sfsi_name name = { sfsi_ino_serial(check_ino(c, c->root, "file")), SFS_NODE_FILE };
	check_entry_key(c, c->root, "extra", &key);
	check_put_row(c, c->images, &key,
		      (struct sfs_span){ bytes, sfsi_name_encode(name, bytes) });
}

static void name_of_nothing(struct case_store *c)
{
	struct sfsi_key key;
	uint8_t bytes[SFSI_NAME_SIZE];
	struct sfsi_name name = { 3000, SFS_NODE_FILE };
	check_entry_key(c, c->root, "extra", &key);
	check_put_row(c, c->images, &key,
		      (struct sfs_span){ bytes, sfsi_name_encode(name, bytes) });
}

static void name_of_other_type(struct case_store *c)
{
	struct sfsi_key key;
	uint8_t bytes[SFSI_NAME_SIZE];
	struct sfsi_name name = { sfsi_ino_serial(check_ino(c, c->root, "file")), SFS_NODE_FIFO };
	check_entry_key(c, c->root, "file", &key);
	check_put_row(c, c->images, &key,
		      (struct sfs_span){ bytes, sfsi_name_encode(name, bytes) });
}

static void name_unreadable(struct case_store *c)
{
	struct sfsi_key key;
	check_entry_key(c, c->root, "file", &key);
	check_put_row(c, c->images, &key, SPAN("\x01\x63"));
}

static void name_in_no_dir(struct case_store *c)
{
	struct sfsi_key key, to;
	check_entry_key(c, c->root, "hard2", &key);
	check_entry_key(c, sfs_ino_make(c->images, 999), "hard2", &to);
	move_row(c, c->images, &key, &to);
}

static void name_of_root(struct case_store *c)
{
	struct sfsi_key key;
	uint8_t bytes[SFSI_NAME_SIZE];
	struct sfsi_name name = { SFSI_SERIAL_ROOT, SFS_NODE_FIFO };
	check_entry_key(c, c->root, "extra", &key);
	check_put_row(c, c->images, &key,
		      (struct sfs_span){ bytes, sfsi_name_encode(name, bytes) });
}

static uint64_t other_parent;
static void set_parent(struct sfsi_inode *inode)
{
	inode->parent = other_parent;
}

/** dir/sub becomes the parent of dir: sub/dir. */
static void cycle(struct case_store *c)
{
	struct sfsi_key key, to;
	uint64_t dir = check_ino(c, c->root, "dir");
	uint64_t sub = check_ino(c, dir, "sub");
	other_parent = sfsi_ino_serial(sub);
	edit_inode(c, dir, set_parent);
	edit_inode(c, sub, more_links);
	check_entry_key(c, c->root, "dir", &key);
	check_entry_key(c, sub, "dir", &to);
	move_row(c, c->images, &key, &to);
}
static void fewer_links(struct sfsi_state *state)
{
	state->nlink--;
}
static void cycle_clean(struct case_store *c)
{
	cycle(c);
	edit_state(c, c->images, fewer_links);
}
static void links_of_root(struct case_store *c)
{
	edit_state(c, c->images, fewer_links);
}

static void inode_unreadable(struct case_store *c)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'N', sfsi_ino_serial(check_ino(c, c->root, "file")));
	check_put_row(c, c->images, &key, SPAN("\x01\x02zz"));
}

static void inode_of_root(struct case_store *c)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'N', sfsi_ino_serial(check_ino(c, c->root, "dir")));
	struct sfs_buf val = check_get_row(c, c->images, &key);
	sfsi_key_serial(&key, 'N', SFSI_SERIAL_ROOT);
	check_put_row(c, c->images, &key, sfs_buf_span(&val));
	sfs_buf_fini(&val);
}

static void plain_path(struct case_store *c, uint64_t ino, char ret[256])
{
	char link[64], folder[200];
	snprintf(link, sizeof link, "/proc/self/fd/%d", c->store->raw_fd);
	ssize_t len = readlink(link, folder, sizeof folder - 1);
	assert_true(len > 0);
	folder[len] = '\0';
	uint64_t serial = sfsi_ino_serial(ino);
	snprintf(ret, 256, "%.199s/%06x/%07llx/%09llx", folder, sfs_ino_class(ino),
		 (unsigned long long)(serial >> 10), (unsigned long long)serial);
}

static void drop_plain(struct case_store *c)
{
	char path[256];
	plain_path(c, check_ino(c, c->root, "file"), path);
	assert_int_equal(unlink(path), 0);
}

static void plain_is_folder(struct case_store *c)
{
	char path[256];
	plain_path(c, check_ino(c, c->root, "file"), path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void extra_plain(struct case_store *c)
{
	char path[256];
	plain_path(c, sfs_ino_make(c->images, 900), path);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void foreign_plain(struct case_store *c)
{
	char path[256];
	plain_path(c, sfs_ino_make(c->images, 900), path);
	strcpy(strrchr(path, '/'), "/README");
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void meta_of_nothing(struct case_store *c)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'X', 900);
	check_put_row(c, c->images, &key, SPAN("\x81\xc4\x01k\xc4\x01v"));
}

static void meta_unreadable(struct case_store *c)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'X', sfsi_ino_serial(check_ino(c, c->root, "file")));
	check_put_row(c, c->images, &key, SPAN("\x82\xc4\x01k\xc4\x01v"));
}

static void removal_of_named(struct case_store *c)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'Z', sfsi_ino_serial(check_ino(c, c->root, "file")));
	check_put_row(c, c->images, &key, SPAN(""));
}

static void more_objects(struct sfsi_state *state)
{
	state->objects++;
}
static void less_files(struct sfsi_state *state)
{
	state->files--;
}
static void low_serial(struct sfsi_state *state)
{
	state->next_serial = 5;
}
static void old_commit(struct sfsi_state *state)
{
	state->commit = 1;
}
static void future_commit(struct sfsi_state *state)
{
	state->commit = 1u << 30;
}
static void damage_objects(struct case_store *c)
{
	edit_state(c, c->articles, more_objects);
}
static void damage_files(struct case_store *c)
{
	edit_state(c, c->images, less_files);
}
static void damage_next(struct case_store *c)
{
	edit_state(c, c->articles, low_serial);
}
static void damage_old(struct case_store *c)
{
	edit_state(c, c->articles, old_commit);
}
static void damage_future(struct case_store *c)
{
	edit_state(c, c->articles, future_commit);
}
static void low_class(struct sfsi_state *state)
{
	state->next_serial = 1;
}
static void damage_class_id(struct case_store *c)
{
	edit_state(c, 0, low_class);
}

static void drop_state(struct case_store *c)
{
	struct sfsi_key key;
	sfsi_key_state(&key);
	check_drop_row(c, c->images, &key);
}

static void cut_state(struct case_store *c)
{
	struct sfsi_key key;
	sfsi_key_state(&key);
	check_put_row(c, c->images, &key, SPAN("\x01"));
}

static void drop_class(struct case_store *c)
{
	struct sfsi_key key;
	sfsi_key_class(&key, c->images);
	check_drop_row(c, 0, &key);
}

static void same_name(struct case_store *c)
{
	struct sfsi_key key;
	sfsi_key_class(&key, c->images);
	check_put_row(c, 0, &key, SPAN("\x01\x02\x07\x01RenamedT"));
}

static void bad_name(struct case_store *c)
{
	struct sfsi_key key;
	sfsi_key_class(&key, c->images);
	check_put_row(c, 0, &key,
		      SPAN("\x01\x02\x03\x01"
			   "a/bT"));
}

static void dead_partition(struct case_store *c)
{
	struct sfsi_key key;
	sfsi_key_state(&key);
	check_put_row(c, 3, &key, SPAN("x")); /* of class Old, which is gone */
}

static void unknown_table(struct case_store *c)
{
	struct sfsi_key key = { 2, "?a" };
	check_put_row(c, c->images, &key, SPAN("x"));
	key.data[1] = 'b';
	check_put_row(c, c->images, &key, SPAN("x"));
}

static const struct damage {
	const char *what;
	void (*make)(struct case_store *c);
	const char *kinds;
} damages[] = {
	{ "a byte of a record", flip_record, "record" },
	{ "a record", drop_record, "record-missing" },
	{ "a body that is not canonical", damage_body, "body" },
	{ "a kept text of something else", damage_text, "text" },
	{ "a kept text that is no JSON", damage_json, "text" },
	{ "a size in a record", damage_size, "entry-differs size" },
	{ "too many update times", damage_updates, "updates" },
	{ "an update time that is cut off", damage_cut_updates, "updates" },
	{ "a number in a record", damage_serial, "entry-differs inode-differs inode-differs" },
	{ "a revision of the future", damage_revision, "commit entry-differs" },
	{ "an entry of an object", drop_entry, "entry-missing" },
	{ "an entry too many", extra_entry, "record-missing" },
	{ "a size in an entry", size_in_entry, "entry-differs" },
	{ "an entry that is cut off", short_entry, "entry" },
	{ "an entry elsewhere", misplaced_entry, "entry entry-missing" },
	{ "an inode of an object", drop_object_inode, "inode-missing" },
	{ "an inode that leads to another object", object_inode_elsewhere,
	  "inode-differs inode-differs" },
	{ "an inode of no object", stray_object_inode, "record-missing" },
	{ "an inode of a symlink", drop_file_inode, "counter inode-missing" },
	{ "links of a file", links_of_file, "links" },
	{ "links of a directory", links_of_dir, "links" },
	{ "links of the class", links_of_root, "links" },
	{ "a parent", parent_of_dir, "parent" },
	{ "a parent that does not exist", parent_missing, "parent" },
	{ "one name of two", drop_name, "links" },
	{ "the only name", drop_last_name, "unreachable" },
	{ "the name of a directory", orphan_dir, "links unreachable" },
	{ "a name too many", extra_name, "links" },
	{ "a name of nothing", name_of_nothing, "inode-missing" },
	{ "a name of another type", name_of_other_type, "type" },
	{ "a name that can not be read", name_unreadable, "entry" },
	{ "a name in no directory", name_in_no_dir, "entry-stray" },
	{ "a name of the class's directory", name_of_root, "cycle" },
	{ "a circle of directories", cycle_clean, "cycle" },
	{ "an inode that can not be read", inode_unreadable, "inode" },
	{ "an inode of the class's directory", inode_of_root, "inode" },
	{ "a plain file", drop_plain, "file-missing" },
	{ "a plain file that is none", plain_is_folder, "file-missing" },
	{ "a plain file too many", extra_plain, "file-stray" },
	{ "a foreign file", foreign_plain, "file-stray" },
	{ "metadata of nothing", meta_of_nothing, "meta-stray" },
	{ "metadata that can not be read", meta_unreadable, "meta" },
	{ "a removal of what has a name", removal_of_named, "removal" },
	{ "an object too many counted", damage_objects, "counter" },
	{ "a file too few counted", damage_files, "counter" },
	{ "a next number that is in use", damage_next, "serial" },
	{ "a last commit that is old", damage_old, "commit" },
	{ "a last commit of the future", damage_future, "commit" },
	{ "a next class that exists", damage_class_id, "serial" },
	{ "a state", drop_state, "state" },
	{ "a state that is cut off", cut_state, "state" },
	{ "a class record", drop_class, "class" },
	{ "a class name that is taken", same_name, "class" },
	{ "a class name that can not be", bad_name, "class" },
	{ "a partition of no class", dead_partition, "partition" },
	{ "a table that is unknown", unknown_table, "table" },
};

void check_damage(struct case_store *c, const char *what)
{
	for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
		if (strcmp(damages[i].what, what) == 0) {
			damages[i].make(c);
			return;
		}
	}
	fail_msg("no damage '%s'", what);
}

static void each_damage_is_reported_as_what_it_is(void **state)
{
	(void)state;
	if (case_mirrored())
		skip(); /* a class keeps its name; the rows are those of kv */
	bool failed = false;
	for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
		void *own;
		assert_int_equal(case_setup(&own), 0);
		struct case_store *c = own;
		check_fill(c);
		assert_string_equal(check_run(c), "");
		damages[i].make(c);
		const char *kinds = check_run(c);
		if (strcmp(kinds, damages[i].kinds) != 0) {
			print_error("%s: found \"%s\", expected \"%s\"\n", damages[i].what, kinds,
				    damages[i].kinds);
			failed = true;
		}
		/* Damage that the engine itself meets later is not this test's business. */
		(void)!case_teardown(&own);
	}
	assert_false(failed);
}

int contract_check_damage(const char *backend)
{
	case_backend = backend;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_damage_is_reported_as_what_it_is),
	};
	return cmocka_run_group_tests_name("check_damage", tests, NULL, NULL);
}
