/*
 * Documents against the schema of their class: what a save does with a body before it is stored, and
 * what it says about values that do not fit.
 *
 * The one place where schemas meet objects, whatever door a document comes through: everything that
 * saves goes through sfsi_object_prepare(), and a save that overlaps with a new definition is
 * looked at once more when it is applied.
 */
#include <stdio.h>
#include "document/document.h"
#include "document/json_layout.h"
#include "document/msgpack.h"
#include "import.h"
#include "schema/schema.h"

/** module.Class, as Python says it. */
static bool is_in_module(struct sfs_span class_name, struct sfs_span type)
{
	const char *text = type.data, *dot = type.len ? memrchr(text, '.', type.len) : NULL;
	return dot &&
	       sfs_span_equal(class_name,
			      (struct sfs_span){ dot + 1, (size_t)(text + type.len - dot - 1) });
}

/** "type" of a reference: another name of the class that it must lead to? */
static enum sfsi_reference_type is_type(void *arg, struct sfs_span class_name, struct sfs_span type)
{
	struct sfs_class_info info;
	const struct sfsi_object_fit *fit = arg;
	bool known = sfs_class_find(fit->store, class_name, &info) == 0;
	if (known && sfs_span_equal(sfs_span_str(info.type), type))
		return SFSI_REFERENCE_ITS;
	const struct sfsi_class *class = known ? sfsi_class_ref(fit->store, info.id) : NULL;
	/* A class that is not there yet, and a database, have no type that says otherwise. */
	bool open = !known || (class && class->database);
	return open && is_in_module(class_name, type) ? SFSI_REFERENCE_STATED
						      : SFSI_REFERENCE_OTHER;
}

int sfsi_object_fit_begin(struct sfs_store *store, const struct sfsi_class *class,
			  struct sfsi_object_fit *ret)
{
	*ret = (struct sfsi_object_fit){ .store = store };
	pthread_rwlock_rdlock(&store->catalogue_lock);
	memcpy(ret->class_name, class->name, sizeof ret->class_name);
	ret->schema = sfsi_schema_ref(class->schema);
	ret->number = class->schema_number;
	pthread_rwlock_unlock(&store->catalogue_lock);
	return sfsi_schema_has_rules(ret->schema);
}

void sfsi_object_fit_end(struct sfsi_object_fit *fit)
{
	sfsi_schema_unref(fit->schema);
	fit->schema = NULL;
}

int sfsi_object_fit(struct sfsi_object_fit *fit, struct sfs_span body, sfsi_misfit_fn *fn,
		    struct sfsi_fitted *ret)
{
	struct sfsi_fit how = {
		.schema = fit->schema,
		.body = body,
		.class_name = sfs_span_str(fit->class_name),
		.is_type = is_type,
		.misfit = fn,
		.arg = fit,
	};
	return sfsi_schema_fit(&how, ret);
}

/* --- saving --- */

/** Keep the first misfit for the sentence; where it is is found later. */
static int first_misfit(void *arg, const struct sfsi_misfit *misfit)
{
	struct sfsi_object_fit *fit = arg;
	char path[SFSI_PATH_SIZE];
	const struct sfs_put *put = fit->put;
	snprintf(fit->sentence, sizeof fit->sentence, "%s: expected %.200s, found %s",
		 sfsi_path_text(path, misfit->path), misfit->expected, misfit->found);
	if (put && fit->diag && put->format == SFS_FORMAT_JSON)
		sfsi_path_locate(misfit->path, misfit->key, put->text, fit->diag);
	return 1;
}

/** Refuse, or leave a remark. */
static int judge(struct sfsi_object_fit *fit, uint32_t misfits)
{
	char more[40] = "";
	if (misfits == 0)
		return 0;
	bool inward = fit->put && (fit->put->flags & SFSI_PUT_INWARD);
	int err = fit->schema->validate == SFSI_VALIDATE_STRICT && !inward ? SFS_ERR_BAD_DOCUMENT
									   : 0;
	if (misfits > 1)
		snprintf(more, sizeof more, " (and %u more)", misfits - 1);
	return sfs_diag_set(fit->diag, err, "%s%s", fit->sentence, more);
}

int sfsi_object_fit_body(struct sfs_store *store, const struct sfsi_class *class,
			 const struct sfs_put *put, struct sfs_buf *body, struct sfsi_prepared *ret,
			 struct sfs_diag *diag)
{
	struct sfsi_object_fit fit;
	struct sfsi_fitted fitted;
	int rules = sfsi_object_fit_begin(store, class, &fit);
	int err = 0;
	ret->schema_number = fit.number;
	ret->dropped = false;
	fit.put = put;
	fit.diag = diag;
	if (rules && sfsi_msgpack_is_map(sfs_buf_span(body))) {
		bool off = fit.schema->validate == SFSI_VALIDATE_OFF;
		err = sfsi_object_fit(&fit, sfs_buf_span(body), off ? NULL : first_misfit, &fitted);
		if (!err && !off)
			err = judge(&fit, fitted.misfits);
		ret->dropped = fitted.dropped;
		if (!err && fitted.body.len) {
			sfs_buf_fini(body);
			*body = sfs_buf_take(&fitted.body);
		}
		sfs_buf_fini(&fitted.body);
	}
	sfsi_object_fit_end(&fit);
	return err;
}

/** Small enough that its canonical text has no size that would have to be refused. */
#define SMALL_BODY ((size_t)256 << 10)

/** Is a text to be kept of which the layout alone says that it is not the canonical one? */
static bool is_kept_at_sight(const struct sfs_put *put, const struct sfs_buf *body,
			     const struct sfsi_prepared *prepared)
{
	return put->format == SFS_FORMAT_JSON && (put->flags & SFS_PUT_KEEP_TEXT) &&
	       !prepared->dropped && body->len <= SMALL_BODY &&
	       !sfsi_json_layout_is_canonical(put->text);
}

int sfsi_object_measure(const struct sfs_put *put, struct sfs_buf *body, struct sfsi_prepared *ret)
{
	if (is_kept_at_sight(put, body, ret)) {
		ret->size = put->text.len;
		ret->size_msgpack = body->len;
		ret->keep_text = true;
		ret->body = sfs_buf_take(body);
		return 0;
	}
	SFSI_AUTO_BUF struct sfs_buf json = SFS_BUF_INIT;
	int err = sfsi_document_render(SFS_FORMAT_JSON, sfs_buf_span(body), &json);
	if (err < 0)
		return err;
	bool is_json = put->format == SFS_FORMAT_JSON;
	struct sfs_span canonical = is_json ? sfs_buf_span(&json) : sfs_buf_span(body);
	ret->size = json.len;
	ret->size_msgpack = body->len;
	/* A text that says more than the object holds is not kept. */
	ret->keep_text = (put->flags & SFS_PUT_KEEP_TEXT) && !ret->dropped &&
			 !sfs_span_equal(put->text, canonical);
	if (ret->keep_text)
		*(is_json ? &ret->size : &ret->size_msgpack) = put->text.len;
	ret->body = sfs_buf_take(body);
	return 0;
}

int sfsi_object_canonical(struct sfsi_record *record)
{
	SFSI_AUTO_BUF struct sfs_buf json = SFS_BUF_INIT;
	int err = sfsi_document_render(SFS_FORMAT_JSON, record->body, &json);
	if (!err && (json.len > SFS_DOCUMENT_MAX || record->body.len > SFS_DOCUMENT_MAX))
		err = SFS_ERR_LIMIT;
	/* A value that is just not too deep is so in the document. */
	if (!err)
		err = sfsi_msgpack_read(record->body, &sfsi_sink_null, NULL, NULL);
	record->has_text = false;
	record->text = (struct sfs_span){ "", 0 };
	record->object.size = json.len;
	record->object.size_msgpack = record->body.len;
	return err;
}

int sfsi_object_prepare_again(struct sfs_store *store, const struct sfsi_class *class,
			      const struct sfs_put *put, const struct sfsi_prepared *old,
			      struct sfsi_prepared *ret)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	int err = sfs_buf_append(&body, old->body.data, old->body.len);
	*ret = (struct sfsi_prepared){ .size = 0 };
	if (!err)
		err = sfsi_object_fit_body(store, class, put, &body, ret, NULL);
	ret->dropped = ret->dropped || old->dropped;
	if (!err)
		err = sfsi_object_measure(put, &body, ret);
	return err < 0 ? err : sfsi_prepared_keep_updates(ret, sfsi_prepared_updates(old));
}

/* --- asking --- */

struct asking {
	struct sfsi_object_fit fit; /* must be first */
	sfs_refusal_fn *fn;
	void *arg;
	bool stopped;
};

static int tell(void *arg, const struct sfsi_misfit *misfit)
{
	struct asking *asking = arg;
	const struct sfs_put *put = asking->fit.put;
	struct sfs_diag where = SFS_DIAG_INIT;
	char path[SFSI_PATH_SIZE];
	if (put->format == SFS_FORMAT_JSON)
		sfsi_path_locate(misfit->path, misfit->key, put->text, &where);
	struct sfs_refusal refusal = {
		.path = sfsi_path_text(path, misfit->path),
		.expected = misfit->expected,
		.found = misfit->found,
		.line = where.line,
		.column = where.column,
		.offset = where.offset,
	};
	asking->stopped = asking->fn(asking->arg, &refusal);
	return asking->stopped;
}

static int parse_put(struct sfs_store *store, const struct sfs_put *put, struct sfsi_class **ret,
		     struct sfs_buf *body, struct sfs_diag *diag)
{
	struct sfs_class_info info;
	int err = sfsi_object_class(store, put->class_id, ret);
	if (!err)
		err = sfs_class_get(store, put->class_id, &info);
	if (err < 0)
		return sfs_diag_set(diag, err, "class: %s", sfs_err_text(err));
	struct sfsi_document_rules rules = {
		.oid = put->oid,
		.type = sfs_span_str(info.type),
		.class_name = sfs_span_str(info.name),
		.value = (*ret)->database,
	};
	return sfsi_document_parse(put->format, put->text, &rules, body, diag);
}

int sfs_object_fit(struct sfs_store *store, const struct sfs_put *put, sfs_refusal_fn *fn,
		   void *arg, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	struct asking asking = { .fn = fn, .arg = arg };
	struct sfsi_fitted fitted = { .misfits = 0 };
	struct sfsi_class *class;
	int err = parse_put(store, put, &class, &body, diag);
	if (err < 0)
		return err;
	if (sfsi_object_fit_begin(store, class, &asking.fit)) {
		asking.fit.put = put;
		err = sfsi_object_fit(&asking.fit, sfs_buf_span(&body), tell, &fitted);
		sfs_buf_fini(&fitted.body);
	}
	sfsi_object_fit_end(&asking.fit);
	if (!err && asking.stopped)
		err = SFS_ERR_CANCELLED;
	if (!err && fitted.misfits)
		return sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT, "%u value%s not fit",
				    fitted.misfits, fitted.misfits == 1 ? " does" : "s do");
	return err < 0 ? sfs_diag_set(diag, err, "%s", sfs_err_text(err)) : 0;
}

/* --- new oids --- */

int sfs_oid_make(struct sfs_store *store, uint32_t class_id, char ret[SFS_OID_MADE_SIZE])
{
	uint64_t number;
	struct sfs_class_info info;
	int err = sfs_class_get(store, class_id, &info);
	const struct sfsi_class *class = err < 0 ? NULL : sfsi_class_ref(store, class_id);
	if (!class)
		return SFS_ERR_NOT_FOUND;
	struct sfsi_schema *schema = sfsi_class_schema(store, class, &number);
	enum sfs_oid_kind kind = info.kind == SFS_CLASS_RAW ? SFS_OID_STAMP : SFS_OID_OID;
	if (schema)
		kind = schema->oid;
	sfsi_schema_unref(schema);
	return sfs_oid_make_kind(kind, ret);
}
