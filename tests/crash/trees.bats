#!/usr/bin/env bats
# Power cuts in the midst of changes of trees of raws: names, links, directories, files that begin without a
# name. Whatever is there afterwards is whole: counts of links, parents, bytes for each file.

load crash

setup() {
	crash_new
	DISK=$SCRATCH/disk
	LOG=$SCRATCH/log
}

teardown() {
	crash_end
}

# record SEED : random changes, from a mount to its clean end. The shim sees only what the daemon does itself.
record() {
	rm -f "$LOG"
	touch "$LOG"
	env LD_PRELOAD="$PROGRAMS/shim.so" CRASH_ROOT="$STORE" CRASH_LOG="$LOG" \
		"$STOREFS" mount -o nopassthrough "$STORE" "$MNT" 3>&- >>"$STORE_LOG" 2>&1
	STORE_PID=$(store_owner)
	helper treemodel "$MNT/Image" "$1" 3 700
	store_umount
	read -r FIRST LAST < <("$PROGRAMS/replay" -n "$LOG")
}

# whole : everything that has a name can be read, agrees, and can be removed.
whole() {
	names=$((names + $(find "$MNT/Image" -mindepth 1 | wc -l)))
	(cd "$MNT/Image" && find . -type f -exec cat {} +) >/dev/null || return 1
	STORE=$DISK crash_check || return 1
	rm -r "$MNT/Image" || return 1
	absent "$MNT/Image" || return 1
	STORE=$DISK crash_check
}

# power_cut POSITION SEED : the power goes, and comes again.
power_cut() {
	rm -rf "$DISK"
	"$PROGRAMS/replay" "$LOG" "$1" "$2" "$DISK" || return 2
	"$STOREFS" mount "$DISK" "$MNT" 3>&- >>"$STORE_LOG" 2>&1 || return 1
	STORE_PID=$(jq -er .pid "$DISK/lock")
	local failed=0
	whole || failed=1
	store_umount || return 1
	return "$failed"
}

@test "power cuts leave whole trees of raws" {
	local i position bad=0 names=0 count=${CRASH_COUNT:-20}
	RANDOM=$SEED
	for ((i = 0; i < count; i++)); do
		((i % 50)) || record "$((SEED + i))"
		position=$((FIRST + $(random $((LAST - FIRST)))))
		power_cut "$position" "$i" || {
			fail "a cut at $position with seed $i of recording $((SEED + i / 50 * 50))" || bad=$((bad + 1))
		}
	done
	say "$count cuts of changes of trees: $bad bad, $names names seen"
	[ "$bad" = 0 ]
	[ "$names" -gt "$((count * 5))" ]
}
