/*
 * Functions of programs. They are few and looked up for each object, registered rarely: an array under
 * a lock that readers share for the time of the lookup, not of the call.
 */
#include "index/own.h"
#include <pthread.h>
#include <storefs/index_function.h>
#include "document/document.h"
#include "document/json.h"
#include "document/msgpack.h"
#include "index/keylist.h"

struct own {
	char name[SFS_INDEX_NAME_MAX + 1];
	uint32_t version;
	sfs_index_fn *fn;
	void *arg;
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct own functions[SFS_INDEX_FUNCTIONS_MAX]; /* [functions_count]; protected by lock */
static size_t functions_count;

struct sfs_index_emitter {
	struct sfsi_index_keys *list;
};

bool sfs_index_name_valid(struct sfs_span name)
{
	const char *text = name.data;
	if (name.len == 0 || name.len > SFS_INDEX_NAME_MAX || text[0] < 'a' || text[0] > 'z')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = text[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
		      c == '-'))
			return false;
	}
	return true;
}

/* Under the lock. NULL: there is none. */
static struct own *find(struct sfs_span name)
{
	for (size_t i = 0; i < functions_count; i++)
		if (sfs_span_equal(name, sfs_span_str(functions[i].name)))
			return &functions[i];
	return NULL;
}

static bool copy(struct sfs_span name, struct own *ret)
{
	pthread_rwlock_rdlock(&lock);
	const struct own *found = find(name);
	if (found)
		*ret = *found;
	pthread_rwlock_unlock(&lock);
	return found != NULL;
}

static int put(const struct own *own)
{
	struct own *place = find(sfs_span_str(own->name));
	if (!place && functions_count == SFS_INDEX_FUNCTIONS_MAX)
		return SFS_ERR_LIMIT;
	if (!place)
		place = &functions[functions_count++];
	*place = *own;
	return 0;
}

int sfs_index_register(const char *name, uint32_t version, sfs_index_fn *fn, void *arg)
{
	struct own own = { .version = version, .fn = fn, .arg = arg };
	struct sfs_span text = sfs_span_str(name);
	if (!sfs_index_name_valid(text))
		return SFS_ERR_NAME;
	if (!fn)
		return SFS_ERR_INVALID;
	memcpy(own.name, name, text.len);
	pthread_rwlock_wrlock(&lock);
	int err = put(&own);
	pthread_rwlock_unlock(&lock);
	return err;
}

bool sfsi_own_exists(struct sfs_span name)
{
	struct own own;
	return copy(name, &own);
}

uint32_t sfsi_own_version(struct sfs_span name)
{
	struct own own;
	return copy(name, &own) ? own.version : 0;
}

int sfsi_own_call(struct sfs_span name, const struct sfsi_index_input *input,
		  struct sfsi_index_keys *keys)
{
	struct own own;
	if (!copy(name, &own))
		return SFS_ERR_UNSUPPORTED;
	struct sfs_index_emitter into = { keys };
	struct sfs_index_object object = {
		.class_name = input->class_name,
		.type = input->type,
		.oid = input->oid,
		.msgpack = input->body,
		.updated_ns = input->updated_ns,
	};
	int err = own.fn(own.arg, &object, &into);
	/* "There is no such function" is not for the function to say. */
	return err > 0 || err == SFS_ERR_UNSUPPORTED ? SFS_ERR_INVALID : err;
}

/* --- what a function emits --- */

/* Every value goes by way of msgpack: the way of keys of documents. */
static int emit_encoded(struct sfs_index_emitter *keys, const struct sfs_buf *value, int err)
{
	return err < 0 ? err : sfsi_keylist_value(keys->list, sfs_buf_span(value));
}

static struct sfs_buf *scratch_of(struct sfs_index_emitter *keys,
				  struct sfsi_msgpack_writer *writer)
{
	struct sfs_buf *scratch = &keys->list->scratch;
	scratch->len = 0;
	sfsi_msgpack_writer_init(writer, scratch);
	return scratch;
}

int sfs_index_emit_null(struct sfs_index_emitter *keys)
{
	struct sfsi_msgpack_writer writer;
	struct sfs_buf *value = scratch_of(keys, &writer);
	return emit_encoded(keys, value, writer.sink.ops->null(&writer.sink));
}

int sfs_index_emit_boolean(struct sfs_index_emitter *keys, bool value)
{
	struct sfsi_msgpack_writer writer;
	struct sfs_buf *bytes = scratch_of(keys, &writer);
	return emit_encoded(keys, bytes, writer.sink.ops->boolean(&writer.sink, value));
}

int sfs_index_emit_integer(struct sfs_index_emitter *keys, int64_t value)
{
	struct sfsi_msgpack_writer writer;
	struct sfs_buf *bytes = scratch_of(keys, &writer);
	return emit_encoded(keys, bytes, writer.sink.ops->integer(&writer.sink, value));
}

int sfs_index_emit_real(struct sfs_index_emitter *keys, double value)
{
	struct sfsi_msgpack_writer writer;
	struct sfs_buf *bytes = scratch_of(keys, &writer);
	return emit_encoded(keys, bytes, writer.sink.ops->real(&writer.sink, value));
}

int sfs_index_emit_text(struct sfs_index_emitter *keys, struct sfs_span text)
{
	return sfsi_keylist_string(keys->list, text);
}

int sfs_index_emit_json(struct sfs_index_emitter *keys, struct sfs_span json)
{
	struct sfsi_msgpack_writer writer;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_buf *bytes = scratch_of(keys, &writer);
	return emit_encoded(keys, bytes, sfsi_json_read(json, &writer.sink, &diag));
}

int sfs_index_object_json(const struct sfs_index_object *object, struct sfs_buf *ret)
{
	return sfsi_document_render(SFS_FORMAT_JSON, object->msgpack, ret);
}
