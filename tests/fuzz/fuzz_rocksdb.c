/*
 * Any bytes as RocksDB's list of tables and as two of its logs: what is read of them is refused with a sentence, or
 * says something that can be. Input: length of the list (16 bits, little-endian), the list, the same of the older
 * log, and the newer log.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backend/kv.h"

static char folder[] = "/tmp/storefs-fuzz-XXXXXX";
static const char *const names[] = { "CURRENT", "MANIFEST-000001", "000004.log", "000006.log" };

static void remove_folder(void)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlinkat(fd, names[i], 0);
	close(fd);
	rmdir(folder);
}

/** The same for all inputs. */
static int open_folder(void)
{
	static bool made;
	if (!made && (!mkdtemp(folder) || atexit(remove_folder)))
		abort();
	made = true;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		abort();
	return fd;
}

static void put(int dir_fd, const char *name, const void *data, size_t size)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

/** The next part of the input. */
static size_t part(const uint8_t **data, size_t *size)
{
	size_t len = *size < 2 ? 0 : (size_t)((*data)[0] | (*data)[1] << 8);
	size_t head = *size < 2 ? *size : 2;
	*data += head;
	*size -= head;
	return len < *size ? len : *size;
}

static int see_file(void *arg, const struct sfsi_backend_file *file)
{
	(void)arg;
	if (strncmp(file->name, "db/", 3) != 0 || !strstr(file->name, ".sst"))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kv kv = { .base.read_only = true };
	struct sfs_diag diag = SFS_DIAG_INIT;
	sfsi_kv_init(&kv);
	kv.db_fd = open_folder();
	size_t len = part(&data, &size);
	put(kv.db_fd, names[0], "MANIFEST-000001\n", 16);
	put(kv.db_fd, names[1], data, len);
	data += len;
	size -= len;
	len = part(&data, &size);
	put(kv.db_fd, names[2], data, len);
	put(kv.db_fd, names[3], data + len, size - len);
	int err = sfsi_kv_log_check(&kv, UINT64_MAX, &diag);
	if (err && (err != SFS_ERR_CORRUPT || !diag.text[0]))
		abort();
	(void)sfsi_kv_log_is_bad(kv.db_fd);
	(void)!sfsi_kv_files(&kv.base, see_file, NULL);
	sfsi_kv_release(&kv);
	return 0;
}
