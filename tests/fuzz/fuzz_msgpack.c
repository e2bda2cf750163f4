/*
 * Any bytes as msgpack: refused with a good sentence, or read into a value that survives every way.
 * The walk over pairs takes bytes that nobody checked, and stays inside them.
 */
#include "fuzz_document.h"

static void walk_pairs(struct sfs_span bytes)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	size_t seen = 0;
	int err = sfsi_msgpack_map_init(&map, bytes);
	while (err == 0) {
		err = sfsi_msgpack_map_next(&map, &pair);
		if (err == 0)
			seen += pair.key.len + pair.value.len;
		require(seen <= bytes.len, "pairs lie inside the map");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sfs_span bytes = { data, size };
	walk_pairs(bytes);
	check_bytes(SFS_FORMAT_MSGPACK, bytes);
	return 0;
}
