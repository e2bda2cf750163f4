#!/usr/bin/env bats
# storefs repair: a store that does not agree with itself (tests/data/damaged), mounted and not.

load ../support/mount
load ../support/cli

setup() { store_new; }
teardown() { store_teardown; }

# damaged NAME : $STORE is that store.
damaged() {
	rm -rf "$STORE"
	tar -xzf "$TREE/tests/data/damaged/$1.tar.gz" -C "$BATS_TEST_TMPDIR"
	code 14 sfs check "$STORE"
}

backups() { sfs backup --list --json "${2:-$STORE}" ${1:+--to "$1"} | jq '.backups | length'; }
referrers() { sfs refs "$1" Note/1; sfs refs "$1" Note/2; sfs refs "$1" Note/3; }

@test "indexes and references back are made anew while the store is mounted, after a backup" {
	damaged indexes
	store_mount
	exec 7<"$MNT/Note/2.json"
	# Only said, at first.
	code 0 sfs repair "$MNT"
	has "$out" "problem: Note/"
	has "$out" "it is made anew while the store is in use"
	has "$out" "storefs repair --yes $STORE repairs"
	is "$(backups)" 0
	code 14 sfs check "$MNT"
	code 0 sfs repair --yes "$MNT"
	has "$out" "1 indexes were built anew, and references back; 0 problems are left"
	is "$(backups)" 1
	code 0 sfs check "$MNT"
	is "$(ls "$MNT/Note/by/n" | tr '\n' ' ')" "1 2 3 "
	is "$(referrers "$MNT")" "$(printf 'Note/3\tnext\nNote/1\tnext\nNote/2\tnext')"
	is "$(jq .n <&7)" 2
	exec 7<&-
	code 0 sfs repair --yes "$MNT"
	has "$out" "no problem, nothing to do"
	is "$(backups)" 1
	# By the folder of the store, and with a schedule: the backup goes where that says.
	store_umount
	damaged indexes
	sfs backup --every 1000d --to "$BATS_TEST_TMPDIR" "$STORE" >/dev/null
	store_mount
	wait_until eval '[ "$(backups "$BATS_TEST_TMPDIR")" = 1 ]'
	code 0 sfs repair --yes "$STORE"
	is "$(backups "$BATS_TEST_TMPDIR")" 2
	code 0 sfs check "$STORE"
}

@test "what can not be repaired while the store is mounted is named with what to do" {
	damaged records
	store_mount
	code 14 sfs repair --yes --backups "$BATS_TEST_TMPDIR/before" "$MNT"
	has "$out" "entry-missing"
	has "$out" "unmount it, and repair it then: its records are made anew"
	has "$out" "the backup that was taken is not valid: Note/"
	has "$out" "1 indexes were built anew, and references back; 2 problems are left"
	is "$(backups "$BATS_TEST_TMPDIR/before")" 1
	# The other one follows from it.
	code 14 sfs check "$MNT"
	is "$(grep -c 'entry-missing\|backref' <<<"$out") $(grep -c '^problem' <<<"$out")" "2 2"
	# Bytes that are gone no repair has.
	rm "$STORE"/raw/*/*/*
	code 14 sfs repair --yes "$MNT"
	has "$out" "no repair knows its bytes: restore it from a backup, or remove it"
	store_umount
	# Now all records are made anew; what is left is what no repair can know.
	code 0 sfs repair --yes "$STORE"
	has "$out" "lost: Image/sub/a.txt"
	is "$(sfs ls "$STORE" Note | tr '\n' ' ')" "1 2 3 "
	# The backup before it can not be valid, as bytes are missing: it is taken all the same.
	sfs restore "$BATS_TEST_TMPDIR/before/$(ls "$BATS_TEST_TMPDIR/before" | grep Z)" "$STORE" Image/sub/a.txt
	code 0 sfs check "$STORE"
	is "$(sfs get "$STORE" Image/sub/a.txt)" hello
}

@test "a raw whose bytes are gone is put anew, or removed" {
	damaged indexes
	code 0 sfs repair --yes "$STORE"
	rm "$STORE"/raw/*/*/*
	code 1 sfs get "$STORE" Image/sub/a.txt
	echo new | sfs put "$STORE" Image/sub/a.txt
	is "$(sfs get "$STORE" Image/sub/a.txt)" new
	rm "$STORE"/raw/*/*/*
	store_mount
	refused 'Input/output error' cat "$MNT/Image/sub/a.txt"
	code 0 sfs rm "$MNT" Image/sub/a.txt
	absent "$MNT/Image/sub/a.txt"
	code 0 sfs check "$MNT"
}

@test "a store that is mounted read-only is only looked at" {
	damaged indexes
	store_mount -o ro
	code 0 sfs repair "$MNT"
	! sfs repair --yes "$MNT" 2>"$BATS_TEST_TMPDIR/err"
	has "$(cat "$BATS_TEST_TMPDIR/err")" "read-only"
	store_umount
	code 2 sfs repair
	code 2 sfs repair "$STORE" more
	code 10 sfs repair "$BATS_TEST_TMPDIR/nowhere"
	code 13 sfs repair "$BATS_TEST_TMPDIR"
}
