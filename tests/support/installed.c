/* A user of the installed library: includes every header, links with what pkg-config says. */
#include <stdio.h>
#include <string.h>
#include <storefs/buf.h>
#include <storefs/class.h>
#include <storefs/err.h>
#include <storefs/object.h>
#include <storefs/raw.h>
#include <storefs/store.h>

int main(void)
{
	struct sfs_store_config config = { .path = "memory:" };
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store *store;
	if (sfs_store_open(&config, &store, &diag) < 0) {
		fprintf(stderr, "%s\n", diag.text);
		return 1;
	}
	printf("storefs %s\n", sfs_version());
	return strcmp(sfs_store_path(store), "memory:") || sfs_store_close(store) ? 1 : 0;
}
