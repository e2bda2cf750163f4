# What every mount test needs: a store of its own, mounted by the command under test, looked
# at from the outside, and cleaned up whatever happened.
#
# STOREFS          the command under test; default: build/dev/bin/storefs of this tree
# STOREFS_REPORTS  a folder that keeps the sanitizer reports of daemons that misbehaved
# STOREFS_BACKEND  the backend of the stores that are made; default: kv
# STOREFS_RAW_IO   daemon: mount with -o nopassthrough, so that bytes of raws go through the daemon
# STOREFS_ALLOW_NO_FUSE=1  skip, instead of fail, where there is no /dev/fuse
#
# A test sees: $STORE, $MNT, $STORE_LOG (what the daemon wrote to stderr).
# Use `setup() { store_new; store_mount; }` and `teardown() { store_teardown; }`.

bats_require_minimum_version 1.5.0

SUPPORT=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
TREE=$(cd "$SUPPORT/../.." && pwd)
: "${STOREFS:=$TREE/build/dev/bin/storefs}"
export STOREFS LC_ALL=C.UTF-8
# Modes of what is made do not follow from who runs the tests.
umask 022

# --- saying what is wrong ---------------------------------------------------------------

# fail SENTENCE… : end the test with an explanation.
fail() {
	printf '%s\n' "$@" >&2
	return 1
}

# is GOT WANTED : equal texts, or show both.
is() {
	[ "$1" = "$2" ] || fail "got:    ${1@Q}" "wanted: ${2@Q}"
}

# isnt GOT OTHER : different texts.
isnt() {
	[ "$1" != "$2" ] || fail "both are ${1@Q}"
}

# has TEXT PART : a text that contains another.
has() {
	[[ "$1" == *"$2"* ]] || fail "missing: ${2@Q}" "in: ${1@Q}"
}

# lacks TEXT PART : a text that does not contain another.
lacks() {
	[[ "$1" != *"$2"* ]] || fail "unexpected: ${2@Q}" "in: ${1@Q}"
}

# same FILE FILE : equal bytes, or show the difference.
same() {
	cmp "$1" "$2" || { diff <(xxd "$1") <(xxd "$2") | head -n 20 >&2; return 1; }
}

# holds FILE TEXT : the file's bytes are exactly this text.
holds() {
	cmp "$1" <(printf '%s' "$2") || fail "$1 holds: $(head -c 2000 "$1" | cat -A)"
}

# refused ERRNO-TEXT COMMAND… : the command fails and says this.
refused() {
	local want=$1 text
	shift
	if text=$("$@" 2>&1); then
		fail "succeeded, should fail with $want: $*" "$text"
		return 1
	fi
	has "$text" "$want"
}

# absent PATH… : none of them exists, not even as a dangling symlink.
absent() {
	local path
	for path; do
		if [ -e "$path" ] || [ -L "$path" ]; then
			fail "exists: $path"
			return 1
		fi
	done
}

# --- waiting ----------------------------------------------------------------------------

# wait_until COMMAND… : until it succeeds, for at most WAIT_SECONDS (60).
wait_until() {
	local end=$((SECONDS + ${WAIT_SECONDS:-60}))
	until "$@"; do
		if [ "$SECONDS" -ge "$end" ]; then
			fail "waited ${WAIT_SECONDS:-60} seconds for: $*"
			return 1
		fi
		sleep 0.05
	done
}

gone() { ! kill -0 "$1" 2>/dev/null || zombie "$1"; }
zombie() { grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; }
mounted() { cut -d ' ' -f 5 /proc/self/mountinfo | grep -Fqx "${1:-$MNT}"; }
not_mounted() { ! mounted "$@"; }

# --- programs in C ----------------------------------------------------------------------

# helper NAME ARGUMENT… : run tests/support/NAME.c, built once for a run of the suite.
helper() {
	local name=$1
	shift
	helper_build "$name" || return 1
	"$BATS_SUITE_TMPDIR/helpers/$name" "$@"
}

# helper_build NAME… : build them now, so that a test can run them as another user.
helper_build() {
	local dir=$BATS_SUITE_TMPDIR/helpers name
	mkdir -p "$dir"
	for name; do
		[ -x "$dir/$name" ] && continue
		(
			flock 9
			[ -x "$dir/$name" ] && exit 0
			"${CC:-cc}" -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O1 -Wall -Wextra \
				-o "$dir/$name.new" "$SUPPORT/$name.c" -pthread &&
				mv "$dir/$name.new" "$dir/$name"
		) 9>"$dir/lock" || fail "can not build $name.c" || return 1
	done
}

# as_root COMMAND… : things that only root may do around a test (mount a tmpfs, drop caches).
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

# --- the life of a store ----------------------------------------------------------------

# Sanitizers of the command and of the daemon write their reports where teardown looks.
reports_here() {
	local options=log_path=$BATS_TEST_TMPDIR/report
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}$options
	export UBSAN_OPTIONS=${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}print_stacktrace=1:$options
	export TSAN_OPTIONS=${TSAN_OPTIONS:+$TSAN_OPTIONS:}$options
}

need_fuse() {
	[ -c /dev/fuse ] && return 0
	[ "${STOREFS_ALLOW_NO_FUSE:-}" = 1 ] && skip "there is no /dev/fuse on this machine"
	fail "there is no /dev/fuse (STOREFS_ALLOW_NO_FUSE=1 skips the mount tests)"
}

need_command() {
	[ -x "$STOREFS" ] || fail "no storefs command at $STOREFS: build it, or set STOREFS"
}

# store_place : where a store will be, and an empty folder $MNT.
store_place() {
	need_command || return 1
	reports_here
	STORE=$BATS_TEST_TMPDIR/store
	MNT=$BATS_TEST_TMPDIR/mnt
	STORE_LOG=$BATS_TEST_TMPDIR/daemon.log
	# Where what is not in the folder of another program is.
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
	mkdir -p "$MNT"
}

# store_new [INIT OPTION…] : $STORE is a new store, $MNT an empty folder.
store_new() {
	store_place || return 1
	store_init "$@" "$STORE"
}

# store_init [INIT OPTION…] STORE : make one with the backend of this run.
store_init() {
	"$STOREFS" init ${STOREFS_BACKEND:+--backend="$STOREFS_BACKEND"} "$@"
}

# store_mount [MOUNT OPTION…] : $STORE is served at $MNT when this returns.
store_mount() {
	need_fuse || return 1
	[ "${STOREFS_RAW_IO:-}" != daemon ] || set -- -o nopassthrough "$@"
	"$STOREFS" mount "$@" "$STORE" "$MNT" 3>&- >>"$STORE_LOG" 2>&1 || {
		fail "mount failed: $(cat "$STORE_LOG")"
		return 1
	}
	# Who serves it read-only leaves no name in the store.
	STORE_PID=$(store_owner) || STORE_PID=
}

# store_owner : the process that owns $STORE.
store_owner() {
	local home=$STORE
	[ ! -d "$STORE/.storefs" ] || home=$STORE/.storefs
	jq -er .pid "$home/lock" 2>/dev/null
}

# store_umount : the mount is gone and its daemon has ended.
store_umount() {
	# Whoever walks through all mounts (find, df, an indexer) may be in this one for a moment.
	local said end=$((SECONDS + 20))
	until said=$("$STOREFS" umount "$MNT" 2>&1); do
		[[ $said == *busy* && $SECONDS -lt $end ]] || fail "$said" || return 1
		sleep 0.05
	done
	[ -z "${STORE_PID:-}" ] || wait_until gone "$STORE_PID" || return 1
	STORE_PID=
	! mounted || fail "$MNT is still mounted"
}

# disk_umount DIR : of a disk that a test has mounted. It may be busy for a moment, too, also because the first
# thread of a daemon is gone before its last.
disk_umount() {
	wait_until as_root umount "$1"
}

# store_remount [MOUNT OPTION…] : the same store in a new daemon.
store_remount() {
	store_umount && store_mount "$@"
}

# store_kill : kill -9 the daemon and clear the dead mount away.
store_kill() {
	kill -9 "$STORE_PID" || return 1
	wait_until gone "$STORE_PID"
	STORE_PID=
	unmount_by_force "$MNT"
}

# store_alive : the daemon of this test still serves.
store_alive() {
	! gone "$STORE_PID" && stat "$MNT/.storefs/status" >/dev/null
}

# With -f the connection ends too: a daemon that was killed while it told the kernel something and a
# program that waits for it could else wait for each other.
unmount_by_force() {
	umount -l -f "$1" 2>/dev/null || fusermount3 -uz "$1" 2>/dev/null
	wait_until not_mounted "$1"
}

# store_teardown : unmount, and fail when the daemon died, hung or left a report.
store_teardown() {
	local failed=0
	exec 7>&- 8>&-    # what a test may have left open would keep the mount busy
	jobs_end
	if [ -n "${STORE_PID:-}" ]; then
		if gone "$STORE_PID"; then
			fail "the daemon died: $(tail -n 50 "$STORE_LOG")" || failed=1
		elif ! store_umount; then
			fail "the mount did not end cleanly: $(tail -n 20 "$STORE_LOG")" || failed=1
			kill -9 "$STORE_PID" 2>/dev/null
		fi
	fi
	mounts_end || failed=1
	reports_collect || failed=1
	return "$failed"
}

# Background jobs of the test itself.
jobs_end() {
	local pid
	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
}

# Whatever is still mounted below the test's folder goes away, deepest first.
mounts_end() {
	local dir
	cut -d ' ' -f 5 /proc/self/mountinfo | grep -F "$BATS_TEST_TMPDIR/" | sort -r | while read -r dir; do
		fusermount3 -uz "$dir" 2>/dev/null || as_root umount -l "$dir"
	done
	return 0
}

# Sanitizer reports fail the test and are kept.
reports_collect() {
	local report found=0
	for report in "$BATS_TEST_TMPDIR"/report.*; do
		[ -s "$report" ] || continue
		found=1
		echo "sanitizer report $report:" >&2
		head -n 60 "$report" >&2
		if [ -n "${STOREFS_REPORTS:-}" ]; then
			mkdir -p "$STOREFS_REPORTS"
			cp "$report" "$STOREFS_REPORTS/$BATS_TEST_NUMBER-${report##*/}"
		fi
	done
	return "$found"
}

# --- classes, objects, figures ----------------------------------------------------------

# class_raw NAME : make a raw class through the mount.
class_raw() {
	printf '{"kind":"raw"}\n' >"$MNT/.storefs/schema/$1.json"
}

# object_put CLASS OID [OPTION…] <DOCUMENT, object_get CLASS OID [OPTION…], object_rm CLASS OID:
# the command's door, with or without a mount.
object_put() {
	"$STOREFS" put "${@:3}" -- "$STORE" "$1/$2"
}

object_get() {
	"$STOREFS" get "${@:3}" -- "$STORE" "$1/$2"
}

object_rm() {
	"$STOREFS" rm -- "$STORE" "$1/$2"
}

# facts DIR : everything stat knows about every file below it, a line each, in order of names.
facts() {
	(cd "$1" && find . -printf '%P|%y|%m|%U|%G|%n|%i|%s|%T@|%l\n' | LC_ALL=C sort)
}

# hex BYTES… : bytes from hexadecimal digits.
hex() {
	printf '%s' "$*" | xxd -r -p
}
