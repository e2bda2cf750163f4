# What the crash tests share. See docs/crash-tests.md.
#
# CRASH_COUNT  how many kills, cuts or faults; default: the small number of ./check
# CRASH_SEED   the first of the numbers that all choices follow from; default 1
# CRASH_KEEP   a folder that gets what is needed to look at a failure
# CRASH_DIR    where the stores are made; default: a file system in memory, if it has room

load ../support/mount

PROGRAMS=$STOREFS_BUILD/tests/crash
SEED=${CRASH_SEED:-1}

# crash_dir : a small one (a container may have one of 64 MB) is full too soon.
crash_dir() {
	local room
	room=$(df --output=avail -B 1M /dev/shm 2>/dev/null | tail -n 1)
	if [ -n "${CRASH_DIR:-}" ]; then
		echo "$CRASH_DIR"
	elif [ "${room:-0}" -gt 500 ]; then
		echo /dev/shm
	else
		echo "$BATS_TEST_TMPDIR"
	fi
}

# crash_new : a store with an object class and a raw class, on a file system in memory if nobody asks
# for another: a real sync of a disk would only cost time, what is synced is the shim's business.
crash_new() {
	[ -x "$PROGRAMS/writer" ] || fail "no programs in $PROGRAMS: build them" || return 1
	SCRATCH=$(mktemp -d "$(crash_dir)/storefs-crash.XXXXXX")
	store_new
	rm -r "$STORE"
	STORE=$SCRATCH/store
	store_init "$STORE"
	store_mount
	mkdir "$MNT/Note"
	# Whatever is lost or half done, its entries agree with the objects.
	echo '{"indexes": {"v": "value", "words": {"extract": "keywords", "from": ["text"], "min": 1}}}' \
		>"$MNT/.storefs/schema/Note.json"
	echo '{"kind": "raw", "indexes": {"version": "value"}}' >"$MNT/.storefs/schema/Image.json"
	store_umount
}

crash_end() {
	local failed=0
	store_teardown || failed=1
	rm -rf "$SCRATCH"
	return "$failed"
}

# crash_check : records, entries, counters and plain files agree.
crash_check() {
	"$STOREFS" check "$STORE" >"$BATS_TEST_TMPDIR/check" 2>&1 ||
		fail "storefs check: $(cat "$BATS_TEST_TMPDIR/check")"
}

# crash_collect : what the crash left is collected, and nothing that a record needs.
crash_collect() {
	"$STOREFS" gc "$STORE" >"$BATS_TEST_TMPDIR/gc" 2>&1 ||
		fail "storefs gc: $(cat "$BATS_TEST_TMPDIR/gc")"
	crash_check
	[ "$("$STOREFS" gc --dry-run --json "$STORE" | jq .files)" = 0 ] ||
		fail "storefs gc left something: $("$STOREFS" gc --dry-run "$STORE")"
}

# crash_kill : kill -9 the daemon; what still runs against it ends. The kernel may not let go of a
# daemon that was just telling it to forget a name: its connection is aborted.
crash_kill() {
	kill -9 "$STORE_PID" || return 1
	as_root umount -f "$MNT" 2>/dev/null || true
	wait_until gone "$STORE_PID" || return 1
	STORE_PID=
	if mounted; then
		unmount_by_force "$MNT"
	fi
}

# random N : a number below N; the same for the same seed.
random() {
	echo $((RANDOM * 32768 + RANDOM)) | awk -v n="$1" '{ print $1 % n }'
}

# say TEXT… : to whoever runs the tests, also when they pass.
say() {
	echo "# $*" >&3
}
