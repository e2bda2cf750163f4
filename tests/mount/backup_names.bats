#!/usr/bin/env bats
# A backup by its name, as latest, by a time, and by its path in a mount: the same for every verb.

load ../support/mount
load ../support/cli

setup() {
	store_new
	B=$BATS_TEST_TMPDIR/disk
	sfs class define "$STORE" Note <<<'{"properties": {"n": "int"}, "indexes": {"n": "value"}}'
	printf '{"n": 1}' | sfs put "$STORE" Note/a
	printf '{"n": 1}' | sfs put "$STORE" Note/b
	echo then | sfs put --kind raw "$STORE" Image/sub/x.txt
	echo '{"width": 7}' | sfs put --meta "$STORE" Image/sub/x.txt
}
teardown() { store_teardown; }

# taken NAME [OPTION…] : take a backup, and call it so.
taken() {
	local name=$1 dir=$STORE/backups
	shift
	[ "${1-}" != --to ] || dir=$2
	code 0 sfs backup --json "$@" "$STORE" || return 1
	mv "$dir/$(ask .name)" "$dir/$name"
}

# One of the store's own folder, one of the schedule's, one of a folder that is only said, and the present.
several() {
	taken 2026-01-01T000000Z
	printf '{"n": 2}' | sfs put "$STORE" Note/a
	mkdir "$B" "$B.other"
	code 0 sfs backup --every 40000h --to "$B" "$STORE"
	taken 2026-02-01T000000Z --to "$B"
	printf '{"n": 3}' | sfs put "$STORE" Note/a
	taken 2026-03-01T000000Z --to "$B.other"
	printf '{"n": 4}' | sfs put "$STORE" Note/a
	sfs rm "$STORE" Note/b
	echo now | sfs put "$STORE" Image/sub/x.txt
}

n() { jq .n <<<"$out"; }

names_and_times() {
	# Two changes: of the object itself, and of one that went.
	code 14 sfs diff --json --class Note "$S" 2026-01-01T000000Z now
	is "$(jq -c 'select(.oid == "a").members[0] | [.before, .after]' <<<"$out")" '[1,4]'
	local word
	for word in latest 2026-02-02 -1h; do
		code 14 sfs diff --json --class Note "$S" "$word" now
		is "$(jq -c 'select(.oid == "a").members[0] | [.before, .after]' <<<"$out")" '[2,4]'
	done
	code 14 sfs check --against -1h --json "$S" Note
	is "$(jq -c 'select(.oid == "a").members[0] | [.before, .after]' <<<"$out")" '[4,2]'
	code 0 sfs dump --at yesterday --output "$D/dump" "$S"
	is "$(grep -h '"a"' -r "$D/dump" | grep -c '"n": *2')" 1
	code 14 sfs diff --backups "$B.other" --json --class Note "$S" latest now
	is "$(jq -c 'select(.oid == "a").members[0] | [.before, .after]' <<<"$out")" '[3,4]'
	code 14 sfs check --backups "$B.other" --against latest --json "$S" Note
	is "$(jq -c 'select(.oid == "a").members[0] | [.before, .after]' <<<"$out")" '[4,3]'
	code 0 sfs show "$S" Note/a@latest; is "$(n)" 2
	code 0 sfs show "$S" Note/a@2026-01-15; is "$(n)" 1
	code 0 sfs show "$S" Note/a@2026-02-15; is "$(n)" 2
	code 0 sfs show --backups "$B.other" "$S" Note/a@2026-03-15; is "$(n)" 3
	(cd "$BATS_TEST_TMPDIR" && code 0 sfs show --backups disk.other --json "$S" Note/b@latest)
	code 10 sfs show "$S" Note/a@2025-01-01
	# Restored, and back again.
	code 0 sfs restore 2026-02-15 "$S" Note/a
	has "$out" 2026-02-01T000000Z
	code 0 sfs get "$S" Note/a; is "$(n)" 2
	code 0 sfs restore --backups "$B.other" latest "$S" Note/a
	code 0 sfs get "$S" Note/a; is "$(n)" 3
	printf '{"n": 4}' | sfs put "$S" Note/a
	[ "$C" = Mounted ] || code 0 sfs restore --backups "$B" latest "$D/new"
	is "$(sfs get "$BATS_TEST_TMPDIR/plain/new" Note/a | jq .n)" 2
	# What is none is said.
	code 10 sfs restore 2025-01-01 "$S" Note/a
	has "$err" "no valid backup"
	code 10 sfs restore nonsense "$S" Note/a
	has "$err" "neither the name of a backup, nor latest, nor a time"
	code 10 sfs restore latest "$D/other"
	code 10 sfs dump --at 2025-01-01 --output "$D/dump" "$S"
	code 10 sfs diff --backups "$D/missing" "$S" latest now
}

@test "names, latest and times mean the same for diff, check, dump, show and restore, wherever the backup is" {
	several
	# What a restore takes of the present would be the latest one, and versions would know better than backups.
	sfs config "$STORE" backup_before=0 history=0 >/dev/null
	each names_and_times
	code 0 sfs restore --in-place 2026-01-15 "$STORE"
	code 0 sfs get "$STORE" Note/a; is "$(n)" 1
}

@test "a path below .storefs/backups is that backup for every verb, and can not be changed" {
	several
	store_mount
	local there=$MNT/.storefs/backups/2026-01-01T000000Z at
	for at in "$there" "$there/Note" "$MNT/Note/.at/2026-01-15"; do
		code 0 sfs get "$at" Note/a; is "$(n)" 1
	done
	code 0 sfs get "$MNT/.storefs/backups/latest" Note/a; is "$(n)" 2
	code 0 sfs get "$MNT/Note/.at/latest/" Note/a; is "$(n)" 2
	code 0 sfs get "$there" Image/sub/x.txt; is "$out" then
	code 0 sfs get --meta "$there" Image/sub/x.txt; is "$(jq -c . <<<"$out")" '{"width":7}'
	code 0 sfs get --depth 1 "$there" Note/b; is "$(jq .n <<<"$out")" 1
	code 0 sfs ls --count "$there" Note; is "$out" 2
	is "$(sfs ls --count "$MNT" Note)" 1
	code 0 sfs query --count "$there" Note n=1; is "$out" 2
	code 0 sfs index keys "$there" Note n; is "$out" "$(printf '2\t1')"
	code 0 sfs export "$there" Note; is "$(wc -l <<<"$out")" 2
	code 0 sfs export -q --to "$BATS_TEST_TMPDIR/out" "$there" Image
	is "$(cat "$BATS_TEST_TMPDIR/out/sub/x.txt")" then
	code 0 sfs class show --json "$there" Note; is "$(ask .objects)" 2
	code 0 sfs rel list "$there" Note
	code 0 sfs refs "$there" Note/a
	code 0 sfs status --json "$there"; is "$(ask .objects)" 2
	code 0 sfs log "$there" Note/a
	code 0 sfs check "$there"
	code 0 sfs dump --output "$BATS_TEST_TMPDIR/dump" "$there"
	code 14 sfs diff --class Note "$there" "$MNT"
	code 14 sfs check --against "$there" "$MNT" Note
	code 0 sfs restore "$there" "$MNT" Note/b
	is "$(jq .n "$MNT/Note/b.json")" 1
	# Nothing there is changed, nor is the store in its place.
	local verb
	for verb in "put $there Note/c" "put $there Note/a" "rm $there Note/a" "config $there history=3" "gc $there" \
		"class remove $there Note" "compact $there" "trash empty $there"; do
		! sfs $verb <<<'{}' >/dev/null 2>"$BATS_TEST_TMPDIR/err" || fail "$verb succeeded"
		has "$(cat "$BATS_TEST_TMPDIR/err")" "read-only"
	done
	absent "$MNT/Note/c.json"
	is "$(jq .n "$MNT/Note/a.json")" 4
	code 10 sfs get "$MNT/.storefs/backups/2020-01-01T000000Z" Note/a
	code 10 sfs ls "$MNT/Note/.at/2020-01-01" Note
}
