#!/usr/bin/env bats
# Power cuts, simulated: what was not synced may be gone, in any way that a disk allows; what an
# fsync acknowledged is there, and nothing is mixed.

load crash

RECORDS_CUTS=50 # cuts of one recording

setup() {
	crash_new
	DISK=$SCRATCH/disk
	LOG=$SCRATCH/log
}

teardown() {
	crash_end
}

# recorded COMMAND… : with the shim in it, which records what it does to the store $1.
recorded() {
	local store=$1 log=$2
	shift 2
	touch "$log"
	env LD_PRELOAD="$PROGRAMS/shim.so" CRASH_ROOT="$store" CRASH_LOG="$log" "$@"
}

# record SEED [WRITER-OPTION…] : from a mount to its clean end. All bytes go through the daemon: what the
# kernel writes to plain files by itself the shim can not see.
record() {
	local seed=$1
	shift
	rm -f "$LOG"
	# What the kernel writes itself is not recorded.
	recorded "$STORE" "$LOG" "$STOREFS" mount -o nopassthrough "$STORE" "$MNT" 3>&- >>"$STORE_LOG" 2>&1
	STORE_PID=$(store_owner)
	"$PROGRAMS/writer" -t 3 -s "$seed" -c "${CHANGES:-1500}" "$@" "$MNT" "$LOG" 2>"$SCRATCH/writer"
	"$PROGRAMS/verify" kill "$LOG" 1000000000000 "$MNT"
	store_umount
	read -r FIRST LAST < <("$PROGRAMS/replay" -n "$LOG")
}

# cut_mount FOLDER : the store that a cut has left, mounted.
cut_mount() {
	"$STOREFS" mount "$1" "$MNT" 3>&- >"$SCRATCH/mount" 2>&1 || {
		fail "it does not open: $(cat "$SCRATCH/mount")"
		return 1
	}
	STORE_PID=$(jq -er .pid "$1/lock")
}

# cut_verify POSITION : what is mounted is what a cut there allows.
cut_verify() {
	"$PROGRAMS/verify" cut "$LOG" "$1" "$MNT" >"$SCRATCH/verify" 2>&1 || {
		fail "$(head -n 20 "$SCRATCH/verify")"
		return 1
	}
	STORE=$DISK crash_collect
}

# power_cut POSITION SEED [REPLAY-OPTION…] : the power goes, comes again, and all is well.
power_cut() {
	local position=$1 seed=$2 failed=0
	shift 2
	rm -rf "$DISK"
	"$PROGRAMS/replay" "$@" "$LOG" "$position" "$seed" "$DISK" || return 2
	cut_mount "$DISK" || return 1
	cut_verify "$position" || failed=1
	store_umount || return 1
	return "$failed"
}

# cut_twice POSITION SEED : the power goes again, while the store that the first cut left is opened.
cut_twice() {
	local log=$SCRATCH/log.second first last second
	rm -rf "$DISK" "$log"
	"$PROGRAMS/replay" "$LOG" "$1" "$2" "$DISK" || return 2
	recorded "$DISK" "$log" "$STOREFS" mount -o nopassthrough "$DISK" "$MNT" 3>&- >>"$STORE_LOG" 2>&1
	STORE_PID=$(jq -er .pid "$DISK/lock")
	crash_kill
	read -r first last < <("$PROGRAMS/replay" -n "$log")
	second=$((first + $(random $((last - first)))))
	rm -rf "$DISK"
	"$PROGRAMS/replay" "$log" "$second" "$2" "$DISK" || return 2
	cut_mount "$DISK" || return 1
	cut_verify "$1" || return 1
	store_umount
}

somewhere() {
	echo $((FIRST + $(random $((LAST - FIRST)))))
}

# failed WHAT POSITION SEED : how to see it again.
failed() {
	fail "$1 at $2 with seed $3 of recording $recording ($(wc -c <"$LOG") bytes)"
	[ -z "${CRASH_KEEP-}" ] || {
		cp "$LOG" "$CRASH_KEEP/log.$recording"
		cp -a "$DISK" "$CRASH_KEEP/disk.$recording.$2.$3"
	}
	return 1
}

@test "power cuts lose nothing that was synced, and mix nothing" {
	local i position recording bad=0 count=${CRASH_COUNT:-60} facts
	RANDOM=$SEED
	for ((i = 0; i < count; i++)); do
		if ((i % RECORDS_CUTS == 0)); then
			recording=$((SEED + i / RECORDS_CUTS))
			record "$recording"
			facts=$("$PROGRAMS/replay" -s "$LOG")
			say "recording $recording: $facts"
		fi
		position=$(somewhere)
		power_cut "$position" "$i" || { failed "a cut" "$position" "$i" || bad=$((bad + 1)); }
		if ((i % 10 == 9)); then
			cut_twice "$position" "$i" || { failed "a second cut" "$position" "$i" || bad=$((bad + 1)); }
		fi
	done
	say "$count cuts and $((count / 10)) second cuts: $bad bad"
	[ "$bad" = 0 ]
}

# bad_cuts ENOUGH COUNT REPLAY-OPTION… : $bad of $tried cuts are not what they may be; it ends when that are
# enough, or after COUNT cuts.
bad_cuts() {
	local i enough=$1 count=$2
	shift 2
	bad=0 tried=0
	for ((i = 0; i < count && bad < enough; i++)); do
		tried=$((tried + 1))
		power_cut "$(somewhere)" "$i" "$@" 2>/dev/null || bad=$((bad + 1))
		cut_clear
	done
}

# cut_clear : what a bad cut may have left mounted.
cut_clear() {
	if mounted "$MNT"; then
		STORE_PID=$(jq -er .pid "$DISK/lock")
		store_umount
	fi
}

# These two show that the test above can fail.

@test "a store whose syncs do nothing is found out" {
	local bad tried
	RANDOM=$SEED
	CHANGES=400 record "$SEED"
	bad_cuts 6 12 -i all
	say "syncs ignored: $bad of $tried cuts are bad"
	[ "$bad" -ge 6 ]
}

@test "a log that is switched without a sync is found out" {
	local bad tried
	RANDOM=$SEED
	record "$SEED" -f
	bad_cuts 2 120 -i logs
	say "syncs of logs ignored: $bad of $tried cuts are bad"
	[ "$bad" -ge 1 ]
}
