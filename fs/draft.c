/*
 * Drafts: see draft.h. The text is copied from the document only when it is first changed.
 */
#include "draft.h"

void fs_draft_init(struct fs_draft *draft, struct sfs_doc *base)
{
	*draft = (struct fs_draft){ .base = base, .text = SFS_BUF_INIT };
	atomic_store(&draft->len, base ? base->bytes.len : 0);
	pthread_mutex_init(&draft->lock, NULL);
}

void fs_draft_fini(struct fs_draft *draft)
{
	sfs_doc_unref(draft->base);
	sfs_buf_fini(&draft->text);
	pthread_mutex_destroy(&draft->lock);
}

struct sfs_span fs_draft_span_locked(const struct fs_draft *draft)
{
	return draft->base ? draft->base->bytes : sfs_buf_span(&draft->text);
}

size_t fs_draft_size(const struct fs_draft *draft)
{
	return atomic_load(&draft->len);
}

int fs_draft_read(struct fs_draft *draft, uint64_t off, size_t len, struct sfs_buf *ret)
{
	int err = 0;
	pthread_mutex_lock(&draft->lock);
	struct sfs_span text = fs_draft_span_locked(draft);
	if (off < text.len) {
		size_t rest = text.len - (size_t)off;
		err = sfs_buf_append(ret, (const char *)text.data + off, len < rest ? len : rest);
	}
	pthread_mutex_unlock(&draft->lock);
	return err;
}

/** Make the text the draft's own; keep is how much of it is wanted. */
static int own_locked(struct fs_draft *draft, size_t keep)
{
	if (!draft->base)
		return 0;
	struct sfs_span base = draft->base->bytes;
	int err = sfs_buf_append(&draft->text, base.data, keep < base.len ? keep : base.len);
	if (err < 0)
		return err;
	sfs_doc_unref(draft->base);
	draft->base = NULL;
	return 0;
}

static void changed_locked(struct fs_draft *draft)
{
	atomic_store(&draft->len, draft->text.len);
	atomic_store(&draft->verdict, 0);
	atomic_store(&draft->dirty, true);
}

static int write_locked(struct fs_draft *draft, uint64_t off, struct sfs_span data)
{
	if (off > SFS_DOCUMENT_MAX || data.len > SFS_DOCUMENT_MAX - off)
		return SFS_ERR_LIMIT;
	if (data.len == 0)
		return 0;
	int err = own_locked(draft, SFS_DOCUMENT_MAX);
	size_t end = (size_t)off + data.len;
	if (!err && end > draft->text.len)
		err = sfs_buf_reserve(&draft->text, end - draft->text.len);
	if (!err && off > draft->text.len)
		err = sfs_buf_resize(&draft->text, (size_t)off);
	if (err < 0)
		return err;
	memcpy((char *)draft->text.data + off, data.data, data.len);
	if (end > draft->text.len)
		draft->text.len = end;
	changed_locked(draft);
	return 0;
}

int fs_draft_write(struct fs_draft *draft, uint64_t off, struct sfs_span data, bool at_end)
{
	pthread_mutex_lock(&draft->lock);
	if (at_end)
		off = fs_draft_span_locked(draft).len;
	int err = write_locked(draft, off, data);
	pthread_mutex_unlock(&draft->lock);
	return err;
}

static int resize_locked(struct fs_draft *draft, uint64_t size)
{
	if (size == fs_draft_span_locked(draft).len)
		return 0;
	if (size > SFS_DOCUMENT_MAX)
		return SFS_ERR_LIMIT;
	int err = own_locked(draft, (size_t)size);
	if (!err)
		err = sfs_buf_resize(&draft->text, (size_t)size);
	if (!err)
		changed_locked(draft);
	return err;
}

int fs_draft_resize(struct fs_draft *draft, uint64_t size)
{
	pthread_mutex_lock(&draft->lock);
	int err = resize_locked(draft, size);
	pthread_mutex_unlock(&draft->lock);
	return err;
}

int fs_draft_try_resize(struct fs_draft *draft, uint64_t size)
{
	if (pthread_mutex_trylock(&draft->lock) != 0)
		return SFS_ERR_BUSY;
	int err = resize_locked(draft, size);
	pthread_mutex_unlock(&draft->lock);
	return err;
}
