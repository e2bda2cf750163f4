/*
 * Loading a dump: what a class is and which files follow comes from its parts, which load.c reads; here are
 * parts as lines under a hash, and the order in which members are expected.
 */
#include <stdio.h>
#include <stdlib.h>
#include "document/msgpack.h"
#include "document/msgpack_head.h"
#include "dump/load.h"

/* --- saying what is wrong --- */

int sfsi_load_fail(struct sfsi_loading *l, int err, const char *fmt, ...)
{
	char why[256];
	va_list args;
	va_start(args, fmt);
	vsnprintf(why, sizeof why, fmt, args);
	va_end(args);
	if (err == SFS_ERR_CANCELLED || !l->diag)
		return err;
	return sfs_diag_set(l->diag, err, "%.150s:%llu: %s", (const char *)l->path.data,
			    (unsigned long long)l->line_number, why);
}

int sfsi_load_fail_with(struct sfsi_loading *l, int err, const struct sfs_diag *diag)
{
	return sfsi_load_fail(l, err, "%.240s", diag->text[0] ? diag->text : sfs_err_text(err));
}

int sfsi_load_step(struct sfsi_loading *l, uint64_t *count)
{
	++*count;
	return l->how->progress && *count % 64 == 0 && l->how->progress(l->how->arg, &l->done, 0)
		       ? SFS_ERR_CANCELLED
		       : 0;
}

/* --- members --- */

/** All of a member. */
static int read_member(struct sfsi_loading *l, const char *path, struct sfs_buf *ret)
{
	uint64_t size;
	size_t got = 0;
	int err = l->in->ops->open(l->in, path, &size, l->diag);
	if (!err && size > SFS_BUF_MAX)
		err = sfs_diag_set(l->diag, SFS_ERR_CORRUPT, "%.300s is too large to be one", path);
	ret->len = 0;
	if (!err)
		err = sfs_buf_resize(ret, (size_t)size);
	if (!err)
		err = l->in->ops->read(l->in, ret->data, ret->len, &got, l->diag);
	if (!err && got != ret->len)
		err = sfs_diag_set(l->diag, SFS_ERR_CORRUPT, "%.300s ends too early", path);
	return err;
}

static void hash_of(struct sfs_span bytes, unsigned char ret[SFS_HASH_LEN])
{
	struct sfsi_hash_stream stream;
	sfsi_hash_stream_init(&stream);
	sfsi_hash_stream_add(&stream, bytes);
	sfsi_hash_stream_end(&stream, ret);
}

/* --- lines --- */

int sfsi_load_next_text(struct sfsi_loading *l, struct sfs_span *ret)
{
	const char *start = (const char *)l->part.data + l->at;
	const char *end = l->at < l->lines_end ? memchr(start, '\n', l->lines_end - l->at) : NULL;
	if (!end)
		return sfsi_load_fail(l, SFS_ERR_BAD_DOCUMENT, "one line more was expected");
	*ret = (struct sfs_span){ start, (size_t)(end - start) };
	l->at += ret->len + 1;
	l->line_number++;
	return 0;
}

int sfsi_load_next(struct sfsi_loading *l, struct sfsi_line_read *ret)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_span text;
	int err = sfsi_load_next_text(l, &text);
	if (err < 0)
		return err;
	err = sfsi_line_parse(text, ret, &diag);
	return err < 0 ? sfsi_load_fail_with(l, err, &diag) : 0;
}

/** The last line says how many there are, and their hash: only then they are looked at. */
static int check_seal(struct sfsi_loading *l)
{
	unsigned char said[SFS_HASH_LEN], hash[SFS_HASH_LEN];
	const char *bytes = l->part.data;
	size_t end = l->part.len ? l->part.len - 1 : 0;
	int64_t lines = 0, number = 0;
	l->line_number = 0;
	while (end && bytes[end - 1] != '\n')
		end--;
	for (size_t i = 0; i < end; i++)
		l->line_number += bytes[i] == '\n';
	uint64_t count = l->line_number++;
	bool good = l->part.len && bytes[l->part.len - 1] == '\n' &&
		    sfsi_line_parse((struct sfs_span){ bytes + end, l->part.len - end }, &l->line,
				    NULL) == 0 &&
		    sfsi_line_get_number(&l->line, "part", &number) &&
		    sfsi_line_get_number(&l->line, "lines", &lines) &&
		    sfsi_line_get_hash(&l->line, said);
	if (!good)
		return sfsi_load_fail(l, SFS_ERR_CORRUPT,
				      "no end of a part: the dump is not whole");
	hash_of((struct sfs_span){ bytes, end }, hash);
	if (memcmp(hash, said, sizeof hash) != 0 || lines < 0 || (uint64_t)lines != count)
		return sfsi_load_fail(l, SFS_ERR_CORRUPT,
				      "the lines above do not have the hash that is said here");
	if (number < 0 || (uint64_t)number != l->part_number)
		return sfsi_load_fail(l, SFS_ERR_CORRUPT, "this is part %lld, not part %llu",
				      (long long)number, (unsigned long long)l->part_number);
	sfsi_hash_stream_add(&l->all, (struct sfs_span){ hash, sizeof hash });
	l->lines_end = end;
	l->at = 0;
	l->line_number = 0;
	l->parts++;
	return 0;
}

static int read_part(struct sfsi_loading *l)
{
	int err = sfsi_dump_part_path(&l->path, l->folder, l->part_number);
	if (!err)
		err = read_member(l, l->path.data, &l->part);
	if (!err)
		err = check_seal(l);
	while (!err && l->at < l->lines_end) {
		err = sfsi_load_next(l, &l->line);
		if (!err)
			err = sfsi_load_line(l);
	}
	if (!err)
		err = sfsi_load_commit(l);
	if (!err)
		err = sfsi_load_files(l);
	l->part_number++;
	return err;
}

/* --- classes --- */

static int read_definition(struct sfsi_loading *l)
{
	l->path.len = 0;
	int err = sfs_buf_printf(&l->path, "%s/definition.json", l->folder);
	if (!err)
		err = sfs_buf_append(&l->path, "", 1);
	return err < 0 ? err : read_member(l, l->path.data, &l->definition);
}

bool sfsi_load_definition_is(const struct sfsi_loading *l, const unsigned char said[SFS_HASH_LEN])
{
	unsigned char hash[SFS_HASH_LEN];
	hash_of(sfs_buf_span(&l->definition), hash);
	return memcmp(hash, said, sizeof hash) == 0;
}

static int read_class(struct sfsi_loading *l, struct sfs_span name)
{
	char text[SFS_CLASS_NAME_MAX + 1];
	if (name.len == 0 || name.len > SFS_CLASS_NAME_MAX)
		return sfs_diag_set(l->diag, SFS_ERR_BAD_DOCUMENT,
				    SFSI_DUMP_HEAD ": no name of a class has %zu bytes", name.len);
	memcpy(text, name.data, name.len);
	text[name.len] = 0;
	sfsi_dump_class_folder(text, l->done.classes + 1, l->folder);
	l->class_name = name;
	l->before = l->done;
	l->part_number = 1;
	l->begun = l->ended = false;
	int err = read_definition(l);
	while (!err && !l->ended)
		err = read_part(l);
	l->done.classes += !err;
	return err;
}

static int read_classes(struct sfsi_loading *l, struct sfs_span names)
{
	struct sfsi_head head;
	int err = sfsi_head_read(names, &head) == SFSI_HEAD_GOOD && head.kind == SFSI_HEAD_ARRAY
			  ? 0
			  : SFS_ERR_BAD_DOCUMENT;
	uint32_t count = err < 0 ? 0 : head.count;
	for (uint32_t i = 0; i < count && !err; i++) {
		struct sfs_span name;
		names = (struct sfs_span){ (const char *)names.data + head.len,
					   names.len - head.len };
		if (sfsi_head_read(names, &head) != SFSI_HEAD_GOOD ||
		    !sfsi_line_value_text(names, &name))
			err = SFS_ERR_BAD_DOCUMENT;
		else
			err = read_class(l, name);
	}
	if (err == SFS_ERR_BAD_DOCUMENT && l->diag && !l->diag->text[0])
		sfs_diag_set(l->diag, err, SFSI_DUMP_HEAD ": \"classes\" is no array of names");
	return err;
}

/* --- the whole --- */

static int read_head(struct sfsi_loading *l, struct sfsi_line_read *head, struct sfs_span *ret)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_span backend;
	int64_t format = 0;
	int err = read_member(l, SFSI_DUMP_HEAD, &l->part);
	if (err < 0)
		return err;
	sfsi_hash_stream_add(&l->all, sfs_buf_span(&l->part));
	err = sfsi_line_parse(sfs_buf_span(&l->part), head, &diag);
	if (err < 0 || !sfsi_line_get_number(head, "storefs_dump", &format) || format < 1)
		return sfs_diag_set(l->diag, SFS_ERR_CORRUPT,
				    SFSI_DUMP_HEAD ": this is no dump of a store");
	if (format > SFS_DUMP_FORMAT)
		return sfs_diag_set(l->diag, SFS_ERR_VERSION,
				    SFSI_DUMP_HEAD
				    ": a dump of format %lld; this program reads up to %d",
				    (long long)format, SFS_DUMP_FORMAT);
	if (!sfsi_line_get_text(head, "backend", &backend) || backend.len >= sizeof l->backend ||
	    !sfsi_line_get(head, "classes", ret))
		return sfs_diag_set(l->diag, SFS_ERR_BAD_DOCUMENT,
				    SFSI_DUMP_HEAD ": \"backend\" and \"classes\" were expected");
	memcpy(l->backend, backend.data, backend.len);
	l->copying.from_backend = l->backend;
	return 0;
}

static bool is_number(const struct sfsi_line_read *line, const char *key, uint64_t number)
{
	int64_t said;
	return sfsi_line_get_number(line, key, &said) && said >= 0 && (uint64_t)said == number;
}

static int read_manifest(struct sfsi_loading *l)
{
	unsigned char said[SFS_HASH_LEN], hash[SFS_HASH_LEN];
	int err = read_member(l, SFSI_DUMP_MANIFEST, &l->part);
	if (err < 0)
		return err;
	sfsi_hash_stream_end(&l->all, hash);
	bool good = sfsi_line_parse(sfs_buf_span(&l->part), &l->line, NULL) == 0 &&
		    is_number(&l->line, "classes", l->done.classes) &&
		    is_number(&l->line, "objects", l->done.objects) &&
		    is_number(&l->line, "raws", l->done.raws) &&
		    is_number(&l->line, "bytes", l->done.bytes) &&
		    is_number(&l->line, "parts", l->parts) && sfsi_line_get_hash(&l->line, said) &&
		    memcmp(said, hash, sizeof hash) == 0;
	return good ? 0
		    : sfs_diag_set(l->diag, SFS_ERR_CORRUPT,
				   SFSI_DUMP_MANIFEST
				   ": counts and hash are not those of what was read");
}

static int load_all(struct sfsi_loading *l)
{
	struct sfsi_line_read head = { .value = SFS_BUF_INIT };
	struct sfs_span classes;
	int err = read_head(l, &head, &classes);
	if (!err)
		err = read_classes(l, classes);
	if (!err)
		err = read_manifest(l);
	sfs_buf_fini(&head.value);
	return err < 0 ? err : sfs_store_sync(l->store);
}

int sfs_store_load(struct sfs_store *store, const struct sfs_load *load, struct sfs_dumped *ret,
		   struct sfs_diag *diag)
{
	struct sfs_class_info class;
	if (sfs_class_next(store, 0, &class) == 0)
		return sfs_diag_set(diag, SFS_ERR_NOT_EMPTY, "%s has classes already",
				    sfs_store_path(store));
	struct sfsi_loading *l = calloc(1, sizeof *l);
	if (!l)
		return SFS_ERR_NO_MEMORY;
	*l = (struct sfsi_loading){ .store = store, .how = load, .diag = diag };
	l->copying = (struct sfsi_copying){ .to = store, .diag = diag };
	sfsi_hash_stream_init(&l->all);
	int err = load->folder ? sfsi_dump_folder_in(load->folder, &l->in, diag)
			       : sfsi_dump_tar_in(load, &l->in, diag);
	if (!err)
		err = load_all(l);
	if (err < 0 && err != SFS_ERR_CANCELLED && diag && !diag->text[0])
		sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	if (!err && ret)
		*ret = l->done;
	if (l->in)
		l->in->ops->free(l->in);
	sfsi_load_forget(l);
	sfs_buf_fini(&l->part);
	sfs_buf_fini(&l->path);
	sfs_buf_fini(&l->definition);
	sfs_buf_fini(&l->line.value);
	free(l);
	return err;
}
