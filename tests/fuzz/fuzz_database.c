/*
 * Any bytes as the image of a database: called corrupt, or walked to its end. Each value is a document
 * that can be shown, and an image that was read and written again is read again, with the same items.
 */
#include "database/image.h"
#include "database/value.h"
#include "document/document.h"
#include "fuzz_document.h"

struct walk {
	struct sfs_buf copy; /* the image written again */
	uint32_t items;
	bool mixed;
};

static int take_item(void *arg, const struct sfsi_item *item)
{
	struct walk *walk = arg;
	struct sfs_buf body = SFS_BUF_INIT, json = SFS_BUF_INIT;
	require(sfsi_value_body(item->value, walk->mixed, &body) == 0, "a value has a body");
	require(sfsi_value_json(sfs_buf_span(&body), &json) == 0, "a body can be shown");
	struct sfs_span key = item->key;
	struct sfs_buf text = SFS_BUF_INIT;
	if (item->number) {
		struct sfsi_msgpack_writer writer;
		sfsi_msgpack_writer_init(&writer, &text);
		require(writer.sink.ops->string(&writer.sink, item->name) == 0, "a number is text");
		key = sfs_buf_span(&text);
	}
	require(sfs_buf_append(&walk->copy, key.data, key.len) == 0, "memory");
	require(sfsi_value_graft(item->value, walk->mixed, sfs_buf_span(&body), &walk->copy) == 0,
		"a value can be written");
	walk->items++;
	sfs_buf_fini(&text);
	sfs_buf_fini(&body);
	sfs_buf_fini(&json);
	return 0;
}

static int count_item(void *arg, const struct sfsi_item *item)
{
	(void)item;
	++*(uint32_t *)arg;
	return 0;
}

static void write_again(const struct sfsi_image *image)
{
	struct walk walk = { .mixed = image->mixed };
	struct sfs_buf whole = SFS_BUF_INIT;
	struct sfsi_image again;
	uint32_t items = 0;
	require(sfsi_image_each(image, take_item, &walk) == 0, "an image can be walked");
	require(sfsi_image_head(&whole, image->root, walk.items) == 0 &&
			sfs_buf_append(&whole, walk.copy.data, walk.copy.len) == 0,
		"memory");
	require(sfsi_image_check(sfs_buf_span(&whole), &again, NULL) == 0,
		"what is written can be read");
	require(sfsi_image_each(&again, count_item, &items) == 0 && items == walk.items,
		"and has the same items");
	sfs_buf_fini(&walk.copy);
	sfs_buf_fini(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sfs_span bytes = { data, size };
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfsi_image image;
	int err = sfsi_image_check(bytes, &image, &diag);
	if (!err)
		write_again(&image);
	else
		require(diag.text[0], "an error has a sentence");
	return 0;
}
