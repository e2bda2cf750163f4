/* Stored values: round trips, and every kind of damage is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "record.h"

#define SPAN(literal) ((struct sfs_span){ literal, sizeof(literal) - 1 })

static const struct sfsi_record sample = {
	.object = { .serial = 77,
		    .mode = 0640,
		    .uid = 1,
		    .gid = 2,
		    .size = 30,
		    .size_msgpack = 9,
		    .atime_ns = -5,
		    .mtime_ns = 1234567890123456789,
		    .ctime_ns = 3,
		    .revision = UINT64_MAX },
	.updated_ns = 99,
	.body = { "\x81\xa1"
		  "a\x01",
		  4 },
	.updates = { "\x05", 1 },
	.has_text = true,
	.text_format = SFS_FORMAT_JSON,
	.text = { "{ \"a\" : 1 }", 11 },
};

static void a_record_comes_back_as_it_was(void **state)
{
	(void)state;
	struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record got;
	assert_int_equal(sfsi_record_encode(&sample, SPAN("Okey"), &buf), 0);
	assert_int_equal(sfsi_record_decode(sfs_buf_span(&buf), SPAN("Okey"), &got), 0);
	assert_int_equal(got.object.serial, 77);
	assert_int_equal(got.object.mode, 0640);
	assert_true(got.object.atime_ns == -5 && got.object.revision == UINT64_MAX);
	assert_true(got.updated_ns == 99 && got.has_text);
	assert_true(sfs_span_equal(got.body, sample.body));
	assert_true(sfs_span_equal(got.updates, sample.updates));
	assert_true(sfs_span_equal(got.text, sample.text));
	sfs_buf_fini(&buf);
}

static void every_flipped_bit_and_every_cut_is_found(void **state)
{
	(void)state;
	struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record got;
	assert_int_equal(sfsi_record_encode(&sample, SPAN("Okey"), &buf), 0);
	unsigned char *bytes = buf.data;
	for (size_t bit = 0; bit < buf.len * 8; bit++) {
		bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		assert_int_equal(sfsi_record_decode(sfs_buf_span(&buf), SPAN("Okey"), &got),
				 SFS_ERR_CORRUPT);
		bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	for (size_t len = 0; len < buf.len; len++)
		assert_int_equal(
			sfsi_record_decode((struct sfs_span){ bytes, len }, SPAN("Okey"), &got),
			SFS_ERR_CORRUPT);
	sfs_buf_fini(&buf);
}

static void a_record_under_another_key_is_damage(void **state)
{
	(void)state;
	struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record got;
	assert_int_equal(sfsi_record_encode(&sample, SPAN("Oone"), &buf), 0);
	assert_int_equal(sfsi_record_decode(sfs_buf_span(&buf), SPAN("Otwo"), &got),
			 SFS_ERR_CORRUPT);
	sfs_buf_fini(&buf);
}

static void small_values_round_trip_and_refuse_other_lengths(void **state)
{
	(void)state;
	uint8_t entry[SFSI_ENTRY_SIZE], name[SFSI_NAME_SIZE], class_state[SFSI_STATE_SIZE];
	struct sfsi_object object;
	struct sfsi_name entry_name = { 1234567890123, SFS_NODE_SYMLINK }, got_name;
	struct sfsi_state filled = { .commit = 1,
				     .next_serial = 2,
				     .objects = 3,
				     .files = 4,
				     .mode = 5,
				     .uid = 6,
				     .gid = 7,
				     .nlink = 8,
				     .atime_ns = 9,
				     .mtime_ns = 10,
				     .ctime_ns = 11,
				     .revision = 12 },
			  got;
	size_t len = sfsi_entry_encode(&sample.object, entry);
	assert_int_equal(sfsi_entry_decode((struct sfs_span){ entry, len }, &object), 0);
	assert_true(object.serial == 77 && object.mode == 0640 && object.uid == 1 &&
		    object.gid == 2 && object.size == 30 && object.size_msgpack == 9);
	assert_true(object.atime_ns == -5 && object.ctime_ns == 3 &&
		    object.mtime_ns == 1234567890123456789 && object.revision == UINT64_MAX);
	assert_int_equal(sfsi_entry_decode((struct sfs_span){ entry, len - 1 }, &object),
			 SFS_ERR_CORRUPT);
	len = sfsi_name_encode(entry_name, name);
	assert_int_equal(sfsi_name_decode((struct sfs_span){ name, len }, &got_name), 0);
	assert_true(got_name.serial == entry_name.serial && got_name.type == entry_name.type);
	name[1] = 99;
	assert_int_equal(sfsi_name_decode((struct sfs_span){ name, len }, &got_name),
			 SFS_ERR_CORRUPT);
	len = sfsi_state_encode(&filled, class_state);
	assert_true(len <= sizeof class_state);
	assert_int_equal(sfsi_state_decode((struct sfs_span){ class_state, len }, &got), 0);
	assert_memory_equal(&got, &filled, sizeof got);
	class_state[0] = 2;
	assert_int_equal(sfsi_state_decode((struct sfs_span){ class_state, len }, &got),
			 SFS_ERR_VERSION);
}

static void inodes_and_classes_round_trip(void **state)
{
	(void)state;
	struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode = { .type = SFS_NODE_DIR,
				    .serial = 5,
				    .parent = 4,
				    .mode = 0755,
				    .nlink = 3,
				    .mtime_ns = 8,
				    .text = { "target", 6 } },
			  got;
	assert_int_equal(sfsi_inode_encode(&inode, &buf), 0);
	assert_int_equal(sfsi_inode_decode(sfs_buf_span(&buf), 5, &got), 0);
	assert_int_equal(got.parent, 4);
	assert_int_equal(got.nlink, 3);
	assert_true(sfs_span_equal(got.text, inode.text));
	assert_int_equal(sfsi_inode_decode((struct sfs_span){ buf.data, 20 }, 5, &got),
			 SFS_ERR_CORRUPT);
	buf.len = 0;
	struct sfsi_class_record class = { .kind = SFS_CLASS_RAW,
					   .name = SPAN("Image"),
					   .type = SPAN("blog.Image") };
	struct sfsi_class_record got_class;
	assert_int_equal(sfsi_class_encode(&class, &buf), 0);
	assert_int_equal(sfsi_class_decode(sfs_buf_span(&buf), &got_class), 0);
	assert_true(sfs_span_equal(got_class.type, class.type));
	assert_int_equal(sfsi_class_decode((struct sfs_span){ buf.data, buf.len - 1 }, &got_class),
			 SFS_ERR_CORRUPT);
	buf.len = 0;
	class.definition = SPAN("{ }\n");
	assert_int_equal(sfsi_class_encode(&class, &buf), 0);
	assert_int_equal(sfsi_class_decode(sfs_buf_span(&buf), &got_class), 0);
	assert_true(sfs_span_equal(got_class.type, class.type));
	assert_true(sfs_span_equal(got_class.definition, class.definition));
	sfs_buf_fini(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_comes_back_as_it_was),
		cmocka_unit_test(every_flipped_bit_and_every_cut_is_found),
		cmocka_unit_test(a_record_under_another_key_is_damage),
		cmocka_unit_test(small_values_round_trip_and_refuse_other_lengths),
		cmocka_unit_test(inodes_and_classes_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
