#!/usr/bin/env bats
# Backups under a clock that jumps back and forth (libfaketime).

load ../support/mount
load ../support/cli

setup() {
	store_new
	unfaked=${LD_PRELOAD-}
	faker=$(ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null | head -n 1) || true
	[ -n "$faker" ] || fail "there is no libfaketime: tools/deps.sh test"
	# Two libraries can not both be the first one.
	! ldd "$STOREFS" | grep -Eq 'lib[at]san' || skip "a sanitizer must be loaded first"
	# What is measured by a clock that nobody can set stays as it is; the fix is one for an older C library, and has
	# waits end at once.
	export FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_FORCE_MONOTONIC_FIX=0 FAKETIME_NO_CACHE=1
	export FAKETIME_TIMESTAMP_FILE=$BATS_TEST_TMPDIR/clock
	sfs put --kind object "$STORE" Note/1 <<<'{"n": 1}' >/dev/null
}
teardown() {
	LD_PRELOAD=$unfaked
	store_teardown
}

# clock TIME : what it is from now on, for all programs that are faked.
clock() {
	echo "@$1" >"$FAKETIME_TIMESTAMP_FILE.new"
	mv "$FAKETIME_TIMESTAMP_FILE.new" "$FAKETIME_TIMESTAMP_FILE"
}

faked() { LD_PRELOAD=$faker "$@"; }

# taken [OPTION…] : take one now; $NAME is its name. The daemon may be about to remove old ones yet (11).
taken() {
	took() {
		local got=0
		out=$(faked "$STOREFS" backup --json "$@" "$STORE" 2>"$BATS_TEST_TMPDIR/err") || got=$?
		[ "$got" != 11 ]
	}
	wait_until took "$@" || return 1
	NAME=$(ask .name) || fail "$(cat "$BATS_TEST_TMPDIR/err")"
}

names() { sfs backup --list --json "$STORE" | jq -r '.backups[].name'; }
count() { names | wc -l; }
valid() { is "$(sfs backup --list --json "$STORE" | jq '[.backups[].valid] | all')" true; }

@test "a clock that jumps back and forth: names are unique, the order is that of taking, the last one stays" {
	local time order=
	for time in '2026-05-10 00:00:00' '2026-05-01 00:00:00' '2026-06-01 12:00:00' '2026-05-10 00:00:00' \
		'2026-05-10 00:00:00' '2020-02-29 00:00:00'; do
		clock "$time"
		sfs put "$STORE" Note/1 <<<"{\"at\": \"$time\"}"
		taken --keep 10
		order+="$NAME "
	done
	is "$(names | tr '\n' ' ')" "$order"
	is "$(names | sort | uniq -d)" ""
	is "$(names | cut -c 1-13 | sort | uniq -c | sort -n | tail -n 1 | xargs)" "3 2026-05-10T00"
	valid
	# The one that was taken last, though its name is the oldest one.
	is "$NAME" 2020-02-29T000000Z
	code 14 sfs diff --json "$STORE" 2026-06-01T120000Z latest
	is "$(jq -r '.members[0].after' <<<"$out")" '2020-02-29 00:00:00'
	code 0 sfs show "$STORE" Note/1@latest
	is "$(jq -r .at <<<"$out")" '2020-02-29 00:00:00'
	# Whatever the clock says when old ones are removed, it stays.
	for time in '2001-01-01' '2040-01-01'; do
		clock "$time 00:00:00"
		code 0 faked "$STOREFS" backup --prune --keep 0 --hourly 1 "$STORE"
		has "$(names)" "$NAME"
		code 0 faked "$STOREFS" backup --prune --keep 0 --daily 1 --monthly 1 "$STORE"
		has "$(names)" "$NAME"
	done
	code 0 faked "$STOREFS" backup --prune --keep 1 "$STORE"
	is "$(names)" "$NAME"
	code 0 sfs backup --verify all "$STORE"
}

@test "the schedule of a daemon does not run wild when its clock jumps, and saves go on" {
	clock '2026-07-01 00:00:00'
	sfs backup --every 1h --keep 20 "$STORE" >/dev/null
	LD_PRELOAD=$faker store_mount
	wait_until eval '[ "$(count)" = 1 ]'
	is "$(names | cut -c 1-10)" 2026-07-01
	local time n=1
	for time in 2020-01-01 2033-01-01 2026-07-02 1999-12-31; do
		clock "$time 00:00:00"
		n=$((n + 1))
		echo "{\"n\": $n}" >"$MNT/Note/1.json"
		echo "{\"n\": $n}" >"$MNT/Note/$n.json"
		is "$(jq .n "$MNT/Note/1.json")" "$n"
		# By that clock; and one when it is asked for is one.
		taken --keep 20
		is "${NAME:0:4}" "${time:0:4}"
		is "$(count)" "$n"
	done
	# An hour did not pass by the clock that counts: all that there are were asked for.
	is "$(count)" 5
	valid
	# A new schedule is looked at at once. In 1999 the last backup is of now; in 1980 all are of the future, so
	# one is due, and only one.
	sfs backup --every 2h --keep 20 "$STORE" >/dev/null
	is "$(count)" 5
	clock '1980-01-01 00:00:00'
	sfs backup --every 3h --keep 20 "$STORE" >/dev/null
	wait_until eval '[ "$(count)" = 6 ]'
	is "$(names | tail -n 1 | cut -c 1-4)" 1980
	is "$(readlink "$MNT/.storefs/backups/latest")" "$(names | tail -n 1)"
	# Versions of the object are told apart, too.
	code 0 sfs log "$MNT" Note/1
	[ "$(wc -l <<<"$out")" -ge 2 ] || fail "$out"
	is "$(cut -d ' ' -f 1 <<<"$out" | sort | uniq -d)" ""
	store_umount
	code 0 sfs check "$STORE"
	code 0 sfs backup --verify all "$STORE"
}
