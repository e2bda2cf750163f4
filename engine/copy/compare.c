/* What a comparison of a copy and its source (diff/) finds, in sentences. */
#include <stdio.h>
#include <storefs/copy.h>
#include <storefs/diff.h>

struct comparing {
	const struct sfs_compare *how;
	uint64_t differences;
};

static const char *sentence_of(enum sfs_diff_aspect aspect)
{
	switch (aspect) {
	case SFS_DIFF_PROPERTY:
	case SFS_DIFF_RELATION: return "has another content";
	case SFS_DIFF_UPDATED: return "has other update times";
	case SFS_DIFF_TEXT: return "has another text";
	case SFS_DIFF_SIZE: return "has another size";
	case SFS_DIFF_BYTES: return "has other bytes";
	case SFS_DIFF_TARGET: return "leads elsewhere";
	case SFS_DIFF_LINKS: return "has another number of names";
	case SFS_DIFF_META: return "has other metadata";
	case SFS_DIFF_KIND: return "is of another kind";
	case SFS_DIFF_DEFINITION:
	case SFS_DIFF_INDEX: return "has another definition";
	case SFS_DIFF_TYPE: return "is of another type";
	case SFS_DIFF_MODE: return "has another mode";
	case SFS_DIFF_OWNER: return "has another owner";
	case SFS_DIFF_MTIME: return "has another time of its last change";
	}
	return "differs";
}

static int say(struct comparing *comparing, const struct sfs_difference *difference,
	       const char *sentence)
{
	char text[512];
	struct sfs_span name = difference->name;
	comparing->differences++;
	snprintf(text, sizeof text, "%s%s%.*s: %s", difference->class_name, name.len ? "/" : "",
		 (int)(name.len < 200 ? name.len : 200), name.len ? (const char *)name.data : "",
		 sentence);
	return comparing->how->differs && comparing->how->differs(comparing->how->arg, text);
}

static int tell(void *arg, const struct sfs_difference *difference)
{
	struct comparing *comparing = arg;
	const char *said = NULL;
	int stop = 0;
	if (difference->change != SFS_DIFF_CHANGED)
		return say(comparing, difference,
			   difference->change == SFS_DIFF_ADDED ? "is too much" : "is missing");
	for (size_t i = 0; i < difference->count && !stop; i++) {
		const char *sentence = sentence_of(difference->members[i].aspect);
		if (sentence != said)
			stop = say(comparing, difference, sentence);
		said = sentence;
	}
	return stop;
}

static struct sfs_copied copied_of(const struct sfs_diff_result *result, uint64_t differences)
{
	return (struct sfs_copied){
		.classes = result->classes,
		.objects = result->objects,
		.raws = result->raws,
		.bytes = result->bytes,
		.differences = differences,
	};
}

static int progress(void *arg, const struct sfs_diff_result *so_far, uint64_t expected)
{
	struct comparing *comparing = arg;
	const struct sfs_copied copied = copied_of(so_far, comparing->differences);
	return comparing->how->progress(comparing->how->arg, &copied, expected);
}

int sfs_store_compare(struct sfs_store *a, struct sfs_store *b, const struct sfs_compare *how,
		      struct sfs_copied *ret, struct sfs_diag *diag)
{
	struct comparing comparing = { .how = how };
	struct sfs_diff_result result;
	const struct sfs_diff diff = {
		.flags = SFS_DIFF_EXACT,
		.differs = tell,
		.progress = how->progress ? progress : NULL,
		.arg = &comparing,
	};
	int err = sfs_store_diff(a, b, &diff, &result, diag);
	if (!err && ret)
		*ret = copied_of(&result, comparing.differences);
	return err;
}
