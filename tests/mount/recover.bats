#!/usr/bin/env bats
# A store that is damaged is recovered when it is mounted, or by hand; nothing of it is deleted. Every kind of
# damage is in unit/test_recover; here is what a person sees.

load ../support/mount
load ../support/cli

setup() {
	store_new
	seq 1 600 | sed 's/.*/{"oid": "&", "n": &, "pad": "'"$(head -c 150 /dev/urandom | od -An -tx1 | tr -d ' \n')"'&"}/' |
		sfs import -q "$STORE" Note -
	mkdir "$BATS_TEST_TMPDIR/pictures"
	echo bytes >"$BATS_TEST_TMPDIR/pictures/a.bin"
	sfs import -q "$STORE" Image "$BATS_TEST_TMPDIR/pictures"
}
teardown() { store_teardown; }

# flip FILE [AT] : one byte, of the middle if no other, is another one.
flip() {
	local at=${2:-$(($(stat -c %s "$1") / 2))} byte
	byte=$(od -An -tu1 -j "$at" -N 1 "$1")
	printf "\\x$(printf %02x $((byte ^ 64)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

table() { find "$STORE/db/db" -name '*.sst' -size +20k | sort | head -n 1; }

aside() { echo "$STORE"/damaged/*/; }

@test "a store that does not open is recovered by a mount, loudly, and nothing is deleted" {
	sfs backup "$STORE"
	echo '{"oid": "new", "n": 601}' | sfs put "$STORE" Note/new -
	rm "$(table)"
	! sfs get "$STORE" Note/1 2>"$BATS_TEST_TMPDIR/err"
	has "$(cat "$BATS_TEST_TMPDIR/err")" "storefs recover $STORE"
	store_mount
	has "$(cat "$STORE_LOG")" "is damaged, and is recovered now"
	is "$(jq .n "$MNT/Note/77.json")" 77
	is "$(jq .n "$MNT/Note/new.json")" 601
	is "$(cat "$MNT/Image/a.bin")" bytes
	[ -f "$(aside)report.txt" ] && [ -d "$(aside)db" ]
	jq -es 'map(.kind) | length > 0' "$(aside)report.ndjson"
	echo '{"n": 1}' >"$MNT/Note/after.json"
	store_umount
	sfs check "$STORE"
}

@test "damage that is found while it is mounted: no more writes, a line that says so, recovered by the next mount" {
	sfs backup "$STORE"
	local at file
	store_mount
	file=$(table)
	# All of its data, so that whatever is read is damaged.
	for at in $(seq 100 3000 $(($(stat -c %s "$file") - 8000))); do flip "$file" "$at"; done
	cat "$MNT"/Note/*.json >/dev/null 2>&1 && fail "all can be read"
	refused "Read-only file system" mkdir "$MNT/New"
	# Whether the name is there is a look into a table: that may say EIO before the save says EROFS.
	echo '{"n": 2}' >"$BATS_TEST_TMPDIR/two"
	refused "new.json" cp "$BATS_TEST_TMPDIR/two" "$MNT/Note/new.json"
	has "$(cat "$MNT/.storefs/errors.ndjson")" "the store is damaged"
	is "$(sfs status --json "$STORE" | jq .damaged)" true
	[ -f "$STORE/damage" ]
	store_umount
	store_mount
	has "$(cat "$STORE_LOG")" "is recovered now"
	is "$(ls "$MNT/Note" | wc -l)" 600
	is "$(jq .n "$MNT/Note/1.json")" 1
	echo '{"n": 2}' >"$MNT/Note/1.json"
	[ ! -e "$STORE/damage" ] && [ -e "$(aside)damage" ]
}

@test "recover --dry-run says what would become of it, and changes nothing; without a backup losses are named" {
	flip "$(table)"
	local before
	before=$(find "$STORE" -type f ! -name lock -exec md5sum {} + | sort)
	sfs recover --dry-run "$STORE" >"$BATS_TEST_TMPDIR/said"
	is "$(find "$STORE" -type f ! -name lock -exec md5sum {} + | sort)" "$before"
	has "$(cat "$BATS_TEST_TMPDIR/said")" "nothing was changed"
	sfs recover "$STORE" >"$BATS_TEST_TMPDIR/done"
	# Each object that is gone has its line.
	local there named
	there=$(sfs ls "$STORE" Note | wc -l)
	named=$(grep -c '^lost: Note/' "$BATS_TEST_TMPDIR/done" || true)
	is $((there + named)) 600
	sfs check "$STORE"
}

@test "the report says what was wrong beside the records" {
	printf 'x' | dd of="$STORE/storefs.json" bs=1 seek=20 conv=notrunc status=none
	sfs recover "$STORE" >/dev/null
	has "$(cat "$(aside)report.txt")" "what was wrong: storefs.json can not be read"
	rm -r "$STORE/damaged" "$STORE/raw"
	sfs recover "$STORE" >/dev/null
	has "$(cat "$(aside)report.txt")" "what was wrong: raw/ is missing"
	rm -r "$STORE/damaged"
	sfs recover "$STORE" >/dev/null
	has "$(cat "$(aside)report.txt")" "what was wrong: nothing, it opens"
}

@test "what is no damage is not recovered: a newer format, another owner, a store that is only read" {
	cp "$STORE/storefs.json" "$BATS_TEST_TMPDIR/kept"
	sed -i 's/"format": [0-9]*/"format": 9/; /"sum"/d; s/",$/"/; s/"uuid": \(.*\)"$/"uuid": \1",/' "$STORE/storefs.json"
	! sfs mount "$STORE" "$MNT" 2>"$BATS_TEST_TMPDIR/err"
	has "$(cat "$BATS_TEST_TMPDIR/err")" "use a newer storefs"
	cp "$BATS_TEST_TMPDIR/kept" "$STORE/storefs.json"
	store_mount
	code 11 sfs recover "$STORE"
	store_umount
	rm "$STORE/db/db/CURRENT"
	! sfs mount -o ro "$STORE" "$MNT" 2>/dev/null
	[ ! -e "$STORE/damaged" ]
}

@test "compact gives back the room of what was removed, while the store is mounted" {
	store_mount
	rm "$MNT"/Note/[1-5]*.json
	sfs compact "$STORE"
	is "$(ls "$MNT/Note" | wc -l)" "$(seq 1 600 | grep -cv '^[1-5]')"
	sfs compact --rate 100M "$STORE"
	sfs check "$STORE"
}

@test "a backup with a flipped byte is named and passed over: the next older one is used" {
	sfs backup "$STORE"
	local older newer
	older=$(sfs backup --list --json "$STORE" | jq -r '.backups[-1].name')
	echo '{"n": 1000}' | sfs put "$STORE" Note/1000 -
	sfs backup "$STORE"
	newer=$(sfs backup --list --json "$STORE" | jq -r '.backups[-1].name')
	flip "$(find "$STORE/backups/$newer/db/db" -name '*.sst' -links 2 -size +1k | head -n 1)"
	rm -r "$STORE/db"
	sfs recover "$STORE" >"$BATS_TEST_TMPDIR/done"
	has "$(cat "$BATS_TEST_TMPDIR/done")" "backup $newer is not used"
	has "$(cat "$BATS_TEST_TMPDIR/done")" "backup $older was used"
	is "$(sfs get "$STORE" Note/77 | jq .n)" 77
}

@test "a raw whose plain file is gone: EIO for it alone, and the next mount brings it; backups out of reach are not ignored" {
	sfs backup "$STORE"
	find "$STORE/raw" -type f -delete
	store_mount
	refused "Input/output error" cat "$MNT/Image/a.bin"
	is "$(jq .n "$MNT/Note/1.json")" 1
	echo '{"n": 2}' >"$MNT/Note/1.json"
	store_umount
	[ -f "$STORE/missing" ]
	store_mount
	is "$(cat "$MNT/Image/a.bin")" bytes
	has "$(cat "$MNT/.storefs/errors.ndjson")" "its bytes are those of backup"
	store_umount
	[ ! -e "$STORE/missing" ]
	rm "$STORE/db/db/CURRENT"
	code 10 sfs recover --backups "$BATS_TEST_TMPDIR/nowhere" "$STORE"
	[ ! -e "$STORE/damaged" ]
	sfs recover --no-backup "$STORE" >"$BATS_TEST_TMPDIR/done"
	has "$(cat "$BATS_TEST_TMPDIR/done")" " 0 lost"
	is "$(sfs get "$STORE" Note/1 | jq .n)" 2
}
