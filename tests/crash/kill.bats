#!/usr/bin/env bats
# kill -9 of the daemon at random moments: everything acknowledged is there, whole.

load crash

setup() {
	crash_new
}

teardown() {
	crash_end
}

# kill_in_mount : the daemon is killed while it starts.
kill_in_mount() {
	"$STOREFS" mount "$STORE" "$MNT" 3>&- >>"$STORE_LOG" 2>&1 &
	local mounting=$!
	wait_until owned
	sleep "0.0$(random 60)"
	STORE_PID=$(store_owner) || return 0
	crash_kill || true
	wait "$mounting" || true
}

owned() {
	local pid
	pid=$(store_owner) && ! gone "$pid"
}

# kill_round NUMBER : write, kill, start, verify.
kill_round() {
	local log=$SCRATCH/log.$1 writer
	rm -f "$SCRATCH/ready"
	"$PROGRAMS/writer" -t 3 -s "$1" "$MNT" "$log" >"$SCRATCH/ready" 2>"$SCRATCH/writer.$1" 3>&- &
	writer=$!
	# What it finds when the daemon is dead already is not what was there.
	wait_until test -s "$SCRATCH/ready" || return 2
	sleep "0.$(printf %03d "$(random 700)")"
	crash_kill || return 2
	wait "$writer" || true
	[ "$(random 5)" != 0 ] || kill_in_mount || return 2
	store_mount || return 2
	"$PROGRAMS/verify" kill "$log" 1000000000000 "$MNT" >"$SCRATCH/verify" 2>&1 || {
		fail "after kill $1:" "$(head -n 20 "$SCRATCH/verify")"
		[ -z "${CRASH_KEEP-}" ] || cp -a "$SCRATCH" "$CRASH_KEEP/kill.$1"
		return 1
	}
	acknowledged=$((acknowledged + $(awk '{ print $3 }' "$SCRATCH/writer.$1")))
	rm -f "$log" "$SCRATCH/writer.$1"
}

@test "kill -9 at random moments loses nothing that was acknowledged" {
	local i acknowledged=0 bad=0
	RANDOM=$SEED
	store_mount
	for ((i = SEED; i < SEED + ${CRASH_COUNT:-50}; i++)); do
		kill_round "$i" || {
			is "$?" 1
			bad=$((bad + 1))
		}
		((i % 10)) || crash_check
	done
	store_umount
	crash_collect
	[ "$acknowledged" -gt $((${CRASH_COUNT:-50} * 20)) ] || fail "only $acknowledged changes"
	say "${CRASH_COUNT:-50} kills, $acknowledged changes acknowledged: $bad bad"
	[ "$bad" = 0 ]
}

indexed() { # how many indexes of Item there are, all of them ready
	[ "$("$STOREFS" index list --json "$STORE" Item | jq -c '[length, all(.state == "ready")]')" = "[$1,true]" ]
}

@test "an index that was being built is whole some time after a kill" {
	local i indexes='"n0": "value:n"'
	RANDOM=$SEED
	store_mount
	jq -nc 'range(12000) | {oid: tostring, n: (. % 7), text: "word\(. % 100) and \(.)"}' |
		"$STOREFS" import --quiet "$STORE" Item -
	for i in 1 2 3 4 5; do
		indexes+=", \"n$i\": \"value:n\", \"w$i\": {\"extract\": \"keywords\", \"from\": [\"text\"]}"
		echo "{\"indexes\": {$indexes}}" >"$MNT/.storefs/schema/Item.json"
		sleep "0.$(printf %03d "$(random 300)")"
		echo "{\"n\": 7$i}" >"$MNT/Item/$(random 12000).json"
		crash_kill
		store_mount
	done
	wait_until indexed 11
	for i in 1 2 3 4 5; do
		is "$("$STOREFS" query --count "$STORE" Item "n$i=3" "w$i=word3")" \
			"$("$STOREFS" query --count "$STORE" Item n0=3 "w1=word3")"
		[ "$("$STOREFS" query --count "$STORE" Item "n$i=7$i")" -le 1 ]
	done
	is "$("$STOREFS" query --count "$STORE" Item)" 12000
	crash_kill
	crash_check
}

# This one shows that the tests above can fail.

@test "an object that is lost, older, half or foreign is found out" {
	local log=$SCRATCH/log name
	store_mount
	"$PROGRAMS/writer" -t 1 -c 100 "$MNT" "$log" 2>/dev/null
	"$PROGRAMS/verify" kill "$log" 1000000000000 "$MNT"
	name=$(cd "$MNT/Note" && ls t0-*.json | head -n 1)
	cp "$MNT/Note/$name" "$SCRATCH/good"
	noticed() { ! "$PROGRAMS/verify" kill "$log" 1000000000000 "$MNT" >/dev/null; }
	rm "$MNT/Note/$name"
	noticed
	echo '{"v": 1, "text": ""}' >"$MNT/Note/$name"
	noticed
	cp "$SCRATCH/good" "$MNT/Note/$name"
	"$PROGRAMS/verify" kill "$log" 1000000000000 "$MNT"
	echo '{}' >"$MNT/Note/foreign.json"
	noticed
	rm "$MNT/Note/foreign.json"
	truncate -s -1 "$(ls -S "$MNT"/Image/t0-r* | head -n 1)"
	noticed
}
