#!/usr/bin/env bats
# storefs backup and restore: copies that are whole, cost what changed, and do not share the store's fate.

load ../support/mount
load ../support/cli

setup() {
	store_new
	B=$STORE/backups
	seq 1 500 | sed 's/.*/{"oid": "&", "n": &}/' | sfs import -q "$STORE" Note -
	mkdir "$BATS_TEST_TMPDIR/pictures"
	head -c 300000 /dev/urandom >"$BATS_TEST_TMPDIR/pictures/a.bin"
	echo small >"$BATS_TEST_TMPDIR/pictures/b.txt"
	sfs import -q "$STORE" Image "$BATS_TEST_TMPDIR/pictures"
}
teardown() { store_teardown; }

# taken [OPTION…] : take one; $NAME is its name.
taken() {
	code 0 sfs backup --json "$@" "${S:-$STORE}" || return 1
	NAME=$(ask .name)
}

# flip FILE : one byte in the middle is another one.
flip() {
	local at=$(($(stat -c %s "$1") / 2)) byte
	byte=$(od -An -tu1 -j "$at" -N 1 "$1")
	printf "\\x$(printf %02x $((byte ^ 64)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

names() { sfs backup --list --json "$STORE" | jq -r '.backups[].name'; }

whole_store() {
	is "$(sfs get "$1" Note/77 | jq .n)" 77
	is "$(sfs ls "$1" Note | wc -l)" "${2:-500}"
	sfs export -q --to "$1.out" "$1" Image
	cmp "$1.out/a.bin" "$BATS_TEST_TMPDIR/pictures/a.bin"
	rm -r "$1.out"
}

take_and_list() {
	taken
	is "$(ask '[.valid, .objects, .raws]')" '[true,500,2]'
	is "$(sfs backup --list "$S" | cut -d ' ' -f 1 | tail -n 1)" "$NAME"
	[[ $NAME =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{6}Z$ ]]
	whole_store "$B/$NAME"
}

@test "a backup is the whole store, with and without a mount" {
	each take_and_list
	is "$(names | wc -l)" 2
}

@test "a store without backups lists none" {
	is "$(names)" ""
	code 10 sfs backup --list --to "$BATS_TEST_TMPDIR/nowhere" "$STORE"
}

@test "the next backup costs what changed" {
	store_mount
	taken
	echo '{"one": "more"}' >"$MNT/Note/more.json"
	taken
	[ "$(ask .new_bytes)" -lt $(($(ask .bytes) / 2)) ] || fail "$out"
	is "$(stat -c %h "$B/$NAME"/raw/*/*/* | sort -u | tail -n 1)" 3
}

@test "what happens to the store's files does not happen to the backup" {
	taken
	for file in "$STORE"/db/db/*.sst "$STORE"/raw/*/*/*; do flip "$file"; done
	code 0 sfs backup --verify "$NAME" "$STORE"
	whole_store "$B/$NAME"
}

@test "a backup of a damaged store says so, and stays as what it is" {
	taken
	good=$NAME
	flip "$(ls -S "$STORE"/db/db/*.sst | head -n 1)"
	code 14 sfs backup "$STORE"
	has "$out" "NOT VALID"
	is "$(sfs backup --list --json "$STORE" | jq -c '[.backups[].valid]')" "[true,false]"
	code 0 sfs backup --prune --keep 1 "$STORE"
	has "$(names)" "$good"
}

@test "a flipped byte in a backup is found, named, and not handed on" {
	taken
	file=$(ls "$B/$NAME"/db/db/*.sst | head -n 1)
	flip "$file"
	code 14 sfs backup --verify "$NAME" "$STORE"
	has "$out" "${file##*/}"
	is "$(sfs backup --list --json "$STORE" | jq '.backups[0].valid')" false
	taken
	is "$(ask .valid)" true
	code 0 sfs backup --verify "$NAME" "$STORE"
}

@test "damage that nobody has looked for does not spoil the next backup" {
	taken
	flip "$(ls -S "$B/$NAME"/db/db/*.sst | head -n 1)"
	taken
	is "$(ask .valid)" true
	code 0 sfs backup --verify "$NAME" "$STORE"
}

@test "a missing or truncated file in a backup is found" {
	taken
	rm "$B/$NAME"/raw/*/*/*1 2>/dev/null || rm "$(ls "$B/$NAME"/raw/*/*/* | head -n 1)"
	code 14 sfs backup --verify "$NAME" "$STORE"
	has "$out" "is missing"
	taken
	truncate -s 100 "$B/$NAME/files.ndjson"
	code 14 sfs backup --verify all "$STORE"
	has "$out" "files.ndjson is damaged"
}

# One object after the other: a backup holds the first ones, without a gap.
writes_on() {
	local i=0
	while [ -e "$BATS_TEST_TMPDIR/go" ]; do
		i=$((i + 1))
		echo "{\"n\": $i}" >"$MNT/Run/$(printf %06d $i).json" || return 1
	done
}

@test "a backup that is taken while others write is of one moment" {
	store_mount
	mkdir "$MNT/Run"
	touch "$BATS_TEST_TMPDIR/go"
	writes_on 3>&- &
	local writer=$!
	for _ in 1 2 3; do
		wait_until eval '[ "$(ls "$MNT/Run" | wc -l)" -gt $((${n:-0} + 20)) ]'
		taken
		n=$(sfs ls "$B/$NAME" Run | wc -l)
		[ "$n" -gt 0 ]
		is "$(sfs ls "$B/$NAME" Run | sort | tail -n 1)" "$(printf %06d "$n")"
		is "$(sfs check --json "$B/$NAME" | jq .found)" 0
	done
	rm "$BATS_TEST_TMPDIR/go"
	wait "$writer"
}

@test "a raw that is removed while a backup is taken is in it" {
	store_mount
	for i in $(seq 20); do head -c 200000 /dev/urandom >"$MNT/Image/$i"; done
	sync -f "$MNT"
	sfs backup --json --rate 1M "$STORE" 3>&- >"$BATS_TEST_TMPDIR/out" 2>&1 &
	local backup=$!
	wait_until eval 'ls "$B"/*.tmp/raw >/dev/null 2>&1'
	rm "$MNT/Image/"*
	sync -f "$MNT"
	wait "$backup"
	NAME=$(jq -r .name "$BATS_TEST_TMPDIR/out")
	is "$(sfs check --json "$B/$NAME" | jq .found)" 0
	is "$(sfs ls "$B/$NAME" Image | wc -l)" 22
}

@test "a backup can be mounted and looked at, and can not be changed" {
	taken
	sfs rm "$STORE" Note/77
	STORE=$B/$NAME store_mount
	is "$(jq .n "$MNT/Note/77.json")" 77
	cmp "$MNT/Image/a.bin" "$BATS_TEST_TMPDIR/pictures/a.bin"
	refused "Read-only file system" touch "$MNT/Note/x"
	refused "Read-only file system" rm "$MNT/Image/b.txt"
	store_umount
	code 0 sfs backup --verify "$NAME" "$STORE"
}

@test "restore makes a store that is as it was, and can be changed" {
	sfs put "$STORE" Note/1 <<<'{"as": "it was"}'
	taken
	sfs put "$STORE" Note/1 <<<'{"as": "it is"}'
	code 0 sfs restore "$B/$NAME" "$BATS_TEST_TMPDIR/then"
	is "$(sfs get "$BATS_TEST_TMPDIR/then" Note/1 | jq -r .as)" "it was"
	whole_store "$BATS_TEST_TMPDIR/then"
	is "$(sfs check --json "$BATS_TEST_TMPDIR/then" | jq .found)" 0
	sfs put "$BATS_TEST_TMPDIR/then" Note/1 <<<'{"as": "never"}'
	echo more >>"$(ls "$BATS_TEST_TMPDIR"/then/raw/*/*/* | head -n 1)"
	code 0 sfs backup --verify "$NAME" "$STORE"
	is "$(sfs get "$STORE" Note/1 | jq -r .as)" "it is"
}

@test "restore refuses what is damaged, and what would overwrite" {
	taken
	code 1 sfs restore "$B/$NAME" "$STORE"
	has "$err" "exists already"
	code 10 sfs restore "$B/2001-01-01T000000Z" "$BATS_TEST_TMPDIR/then"
	code 10 sfs restore "$STORE" "$BATS_TEST_TMPDIR/then"
	flip "$(ls "$B/$NAME"/raw/*/*/* | head -n 1)"
	code 14 sfs restore "$B/$NAME" "$BATS_TEST_TMPDIR/then"
	has "$err" "raw/"
	absent "$BATS_TEST_TMPDIR/then" "$BATS_TEST_TMPDIR/then.restore.tmp"
}

@test "old backups go, what others need stays" {
	for n in 1 2 3 4; do
		sfs put "$STORE" "Note/new$n" <<<'{}'
		taken --keep 2
	done
	is "$(names | wc -l)" 2
	code 0 sfs backup --verify all "$STORE"
	code 0 sfs backup --prune --keep 1 "$STORE"
	is "$(names)" "$NAME"
	is "$(find "$B/pool" -type f -links 1 | wc -l)" 0
	whole_store "$B/$NAME" 504
	code 0 sfs backup --prune --keep 0 --hourly 1 "$STORE"
	is "$(names)" "$NAME"
}

@test "hours and days keep the newest of each" {
	taken --keep 0
	for old in 2026-01-01T000000Z 2026-01-01T100000Z 2026-01-01T101500Z 2026-01-02T090000Z; do
		cp -al "$B/$NAME" "$B/$old"
	done
	code 0 sfs backup --prune --daily 3 "$STORE"
	is "$(names | grep ^2026-01)" $'2026-01-01T101500Z\n2026-01-02T090000Z'
}

@test "other names in the folder are passed over, unfinished ones go" {
	mkdir -p "$B/mine" "$B/2026-01-01T000000Z.tmp" "$B/2026-13-01T000000Z"
	echo hello >"$B/notes.txt"
	taken
	is "$(names)" "$NAME"
	is "$(ls "$B" | grep -vx "$NAME" | tr '\n' ' ')" "2026-13-01T000000Z lock mine notes.txt pool "
}

@test "a backup that is killed leaves nothing that counts" {
	head -c 5000000 /dev/urandom | sfs put "$STORE" Image/large
	"$STOREFS" backup --rate 1M "$STORE" 3>&- >/dev/null 2>&1 &
	local pid=$!
	wait_until eval 'ls -d "$B"/*.tmp/raw >/dev/null 2>&1'
	kill -9 "$pid"
	wait "$pid" || true
	is "$(names)" ""
	taken
	is "$(names)" "$NAME"
	absent "$STORE/snapshot.tmp" "$B"/*.tmp
	is "$(sfs check --json "$B/$NAME" | jq .found)" 0
}

@test "two at once: the second one is told" {
	store_mount
	head -c 5000000 /dev/urandom >"$MNT/Image/large"
	sfs backup --rate 1M "$STORE" 3>&- >/dev/null 2>&1 &
	local pid=$!
	wait_until eval 'ls -d "$B"/*.tmp >/dev/null 2>&1'
	code 11 sfs backup "$STORE"
	has "$err" "somebody else takes"
	wait "$pid"
	taken
}

@test "a disk without room is not filled, and the store goes on" {
	need_root
	mkdir "$BATS_TEST_TMPDIR/disk"
	as_root mount -t tmpfs -o size=66m tmpfs "$BATS_TEST_TMPDIR/disk"
	head -c 3000000 /dev/urandom | sfs put "$STORE" Image/c.bin
	code 1 sfs backup --to "$BATS_TEST_TMPDIR/disk/b" "$STORE"
	has "$err" "no space"
	is "$(ls "$BATS_TEST_TMPDIR/disk/b" | tr '\n' ' ')" "lock pool "
	code 0 sfs put "$STORE" Note/after <<<'{}'
	code 0 sfs backup "$STORE"
}

@test "a clock that jumps back does not overwrite a backup" {
	taken
	mv "$B/$NAME" "$B/2030-01-01T000000Z"
	taken
	taken
	is "$(names | wc -l)" 3
	is "$(names | tail -n 1)" "$NAME"
	code 0 sfs backup --prune --keep 1 "$STORE"
	is "$(names)" "$NAME"
	code 0 sfs backup --verify all "$STORE"
}

@test "a relative folder is that of the caller" {
	store_mount
	mkdir "$BATS_TEST_TMPDIR/here"
	(cd "$BATS_TEST_TMPDIR/here" && sfs backup --to copies "$STORE" >/dev/null)
	is "$(ls "$BATS_TEST_TMPDIR/here/copies" | wc -l)" 3
}

@test "the daemon takes backups by itself" {
	store_mount
	code 0 sfs backup --every 1s --keep 2 "$STORE"
	wait_until eval '[ "$(names | wc -l)" -ge 2 ]'
	first=$(names | head -n 1)
	wait_until eval '[ "$(names | head -n 1)" != "$first" ]'
	code 0 sfs backup --every 0 "$STORE"
	[ "$(names | wc -l)" -le 3 ]
	store_umount
	code 0 sfs backup --verify all "$STORE"
}

@test "a schedule survives a restart, and what fails is told" {
	mkdir "$BATS_TEST_TMPDIR/elsewhere"
	code 0 sfs backup --every 1d --to "$BATS_TEST_TMPDIR/elsewhere" "$STORE"
	absent "$B"
	store_mount
	wait_until eval 'sfs backup --list --to "$BATS_TEST_TMPDIR/elsewhere" "$STORE" | grep -q valid'
	is "$(sfs backup --list --to "$BATS_TEST_TMPDIR/elsewhere" "$STORE" | wc -l)" 1
	store_umount
	code 0 sfs backup --every 0 "$STORE" # its backups are still found
	code 0 sfs restore latest "$STORE" Note
	code 0 sfs backup --every 1d --to "$BATS_TEST_TMPDIR/elsewhere" "$STORE"
	rm -r "$BATS_TEST_TMPDIR/elsewhere"
	echo no folder >"$BATS_TEST_TMPDIR/elsewhere"
	store_mount
	wait_until eval 'grep -q "\"operation\": *\"backup\"" "$MNT/.storefs/errors.ndjson"'
	code 2 sfs backup --every nonsense "$STORE"
}

@test "a folder that takes no writes is said, and the store goes on" {
	need_root
	store_mount
	mkdir "$BATS_TEST_TMPDIR/disk"
	as_root mount -t tmpfs -o ro tmpfs "$BATS_TEST_TMPDIR/disk"
	! sfs backup --to "$BATS_TEST_TMPDIR/disk/backups" "$STORE" 2>"$BATS_TEST_TMPDIR/err"
	err=$(cat "$BATS_TEST_TMPDIR/err")
	has "$err" "$BATS_TEST_TMPDIR/disk/backups"
	echo '{"n": 1}' >"$MNT/Note/more.json"
	taken
	is "$(ask .valid)" true
}

@test "a disk that is taken away in the middle: no backup there, the store goes on, the next one is whole" {
	need_root
	store_mount
	head -c 30000000 /dev/urandom >"$MNT/Image/large.bin"
	mkdir "$BATS_TEST_TMPDIR/disk"
	as_root mount -t tmpfs -o size=300m,mode=0777 tmpfs "$BATS_TEST_TMPDIR/disk"
	"$STOREFS" backup --to "$BATS_TEST_TMPDIR/disk/b" --rate 10M "$STORE" 3>&- >"$BATS_TEST_TMPDIR/said" 2>&1 &
	local pid=$! got=0
	wait_until compgen -G "$BATS_TEST_TMPDIR/disk/b/*.tmp" >/dev/null
	as_root umount -l "$BATS_TEST_TMPDIR/disk"
	wait "$pid" || got=$?
	[ "$got" != 0 ] || fail "it said that it was taken: $(cat "$BATS_TEST_TMPDIR/said")"
	is "$(ls -A "$BATS_TEST_TMPDIR/disk")" ""
	echo '{"n": 1}' >"$MNT/Note/more.json"
	taken
	is "$(ask .valid)" true
}
