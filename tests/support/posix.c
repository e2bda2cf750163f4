/*
 * Plays a script of system calls in a folder and compares what each of them says with what the script
 * expects. The scripts are tests/posix/NAME, one for each chapter of rules; they are played in a raw class and
 * on the local disk, which is the judge: a rule that does not hold there is no rule.
 *
 *   posix WHERE DIR SCRIPT      WHERE is "mount" or "disk"; DIR becomes the current folder
 *
 * A line of a script is
 *
 *   [@mount|@disk] [as UID[:GID[:GROUP,…]]] [child] [NAME:] CALL ARGUMENT… [= EXPECTED]
 *
 * EXPECTED is "ok", the name of an errno, or what the call gives; a call without it must succeed. "@mount"
 * and "@disk" mark lines where the two may differ: an exception, which docs/posix.md explains. "as" calls as
 * another user, "child" in another process; NAME keeps the descriptor that a call opens. In arguments
 * %N stands for N times the letter x, %N/ for a path of N bytes of components, %empty for nothing.
 * Prints how many expectations held, and each that did not; exit code 1 when there was one.
 */
#include "posix_calls.h"

struct script {
	const char *where, *path;
	unsigned line, held, failed;
};

/* --- users --- */

static void become(uid_t uid, gid_t gid, size_t count, const gid_t *groups)
{
	if (setresuid(0, 0, 0) < 0 || setgroups(count, groups) < 0 || setresgid(gid, gid, 0) < 0 ||
	    setresuid(uid, uid, 0) < 0)
		die("can not become user %u: %s", (unsigned)uid, strerror(errno));
}

/** "UID", "UID:GID" or "UID:GID:GROUP,GROUP". */
static void become_text(char *text)
{
	gid_t groups[16];
	size_t count = 0;
	char *end;
	uid_t uid = (uid_t)strtoul(text, &end, 10);
	gid_t gid = *end == ':' ? (gid_t)strtoul(end + 1, &end, 10) : uid;
	while ((*end == ':' || *end == ',') && count < 16)
		groups[count++] = (gid_t)strtoul(end + 1, &end, 10);
	become(uid, gid, count, groups);
}

/* --- one call --- */

static const struct call *find_call(const char *name)
{
	for (const struct call *call = calls; call->name; call++) {
		if (strcmp(call->name, name) == 0)
			return call;
	}
	return NULL;
}

/** What a call says: "ok", an errno, or its text. Returns whether it did what it should. */
static bool play(struct script *script, char **words, int count, char *out)
{
	const struct call *call = count ? find_call(words[0]) : NULL;
	if (!call || count - 1 < call->least)
		die("%s:%u: no such call, or too few arguments", script->path, script->line);
	out[0] = '\0';
	errno = 0;
	bool bad = call->play(words + 1, count - 1, out) < 0;
	if (bad)
		snprintf(out, OUT_SIZE, "%s", errno ? strerrorname_np(errno) : "failed");
	else if (!out[0])
		snprintf(out, OUT_SIZE, "ok");
	return !bad;
}

/** The same in another process. */
static bool play_child(struct script *script, char **words, int count, char *out)
{
	int pipes[2], status = 1;
	if (pipe(pipes) < 0)
		die("pipe: %s", strerror(errno));
	pid_t pid = fork();
	if (pid == 0) {
		bool good = play(script, words, count, out);
		_exit(write(pipes[1], out, strlen(out) + 1) < 0 || !good);
	}
	close(pipes[1]);
	ssize_t got = pid > 0 ? read(pipes[0], out, OUT_SIZE - 1) : -1;
	close(pipes[0]);
	out[got > 0 ? got : 0] = '\0';
	waitpid(pid, &status, 0);
	return status == 0;
}

/* --- one line --- */

/** %N, %N/ and %empty, also within a word. */
static char *expand(const char *word)
{
	const char *at = strchr(word, '%');
	char *end;
	if (!at || strcmp(at, "%empty") == 0)
		return strndup(word, at ? (size_t)(at - word) : strlen(word));
	size_t before = (size_t)(at - word), len = strtoul(at + 1, &end, 10);
	bool path = *end == '/';
	char *made = malloc(before + len + strlen(end) + 1);
	if (!made)
		die("no memory");
	memcpy(made, word, before);
	for (size_t i = 0; i < len; i++)
		made[before + i] = path && i % 64 == 63 && i + 1 < len ? '/' : 'x';
	strcpy(made + before + len, end + path);
	return made;
}

static int split(char *text, char **words)
{
	int count = 0;
	for (char *word = strtok(text, " \t"); word && count < WORDS_MAX;
	     word = strtok(NULL, " \t"))
		words[count++] = expand(word);
	return count;
}

/** Words before the call: who makes it, where, and what its descriptor is called. */
static int take_prefixes(struct script *script, char **words, int count, bool *child)
{
	int at = 0;
	if (at < count && words[at][0] == '@') {
		if (strcmp(words[at] + 1, script->where) != 0)
			return -1;
		at++;
	}
	if (at + 1 < count && strcmp(words[at], "as") == 0) {
		become_text(words[at + 1]);
		at += 2;
	}
	*child = at < count && strcmp(words[at], "child") == 0;
	at += *child;
	keep_as = NULL;
	size_t len = at < count ? strlen(words[at]) : 0;
	if (len > 1 && words[at][len - 1] == ':') {
		words[at][len - 1] = '\0';
		keep_as = words[at++];
	}
	return at;
}

static void play_line(struct script *script, char *line)
{
	char out[OUT_SIZE], *words[WORDS_MAX], copy[LINE_SIZE];
	char *expected = strstr(line, " = ");
	bool child;
	snprintf(copy, sizeof copy, "%s", line);
	if (expected) {
		*expected = '\0';
		expected += 3;
	}
	int count = split(line, words);
	int at = take_prefixes(script, words, count, &child);
	if (at >= 0 && at < count) {
		bool held = (child ? play_child : play)(script, words + at, count - at, out);
		become(0, 0, 0, NULL);
		if (expected)
			held = strcmp(out, expected) == 0;
		script->held += held && expected;
		script->failed += !held;
		if (!held)
			printf("%s:%u: %s\n    it says: %s\n", script->path, script->line, copy,
			       out);
	}
	for (int i = 0; i < count; i++)
		free(words[i]);
}

int main(int argc, char **argv)
{
	char line[LINE_SIZE];
	if (argc != 4)
		die("usage: posix mount|disk DIR SCRIPT");
	struct script script = { .where = argv[1], .path = argv[3] };
	FILE *file = fopen(argv[3], "re");
	if (!file || chdir(argv[2]) < 0)
		die("%s, %s: %s", argv[3], argv[2], strerror(errno));
	umask(0);
	signal(SIGXFSZ, SIG_IGN);
	while (fgets(line, sizeof line, file)) {
		script.line++;
		line[strcspn(line, "\n")] = '\0';
		if (line[0] && line[0] != '#')
			play_line(&script, line);
	}
	fclose(file);
	printf("%u held, %u failed\n", script.held, script.failed);
	return script.failed > 0;
}
