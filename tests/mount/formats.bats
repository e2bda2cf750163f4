#!/usr/bin/env bats
# Stores and backups that older programs made (tests/data/formats): read as they are, converted when they are opened to
# write, and refused by those programs from then on.

load ../support/mount
load ../support/cli

setup() { store_new; }
teardown() { store_teardown; }

# old N : $STORE is the store of format N.
old() {
	rm -rf "$STORE"
	tar -xzf "$TREE/tests/data/formats/format$1.tar.gz" -C "$BATS_TEST_TMPDIR"
	is "$(format "$STORE")" "$1"
}

format() { jq .format "$1/storefs.json"; }
newest() { sfs version --json | jq .format; }

# A store of which nobody may change a byte.
frozen() { find "$1" -type f -printf '%P %s %T@ ' -exec sha256sum {} \; | grep -v ' lock$' | sort; }

# notes STORE : what stores of formats 1 and 2 have.
notes() {
	is "$(sfs ls "$1" Note | tr '\n' ' ')" "1 2 3 "
	is "$(sfs get "$1" Note/2 | jq -c '[.title, .n, .next.oid]')" '["note 2",2,"3"]'
	is "$(sfs get "$1" Image/sub/a.txt)" hello
}

opens_and_converts() {
	old "$1"
	local before
	before=$(frozen "$STORE")
	notes "$STORE"
	is "$(frozen "$STORE")" "$before"
	# The first change makes it one of today's: with references back, and all in order.
	printf '{"title": "new", "n": 9, "next": "2"}' | sfs put "$STORE" Note/9
	is "$(format "$STORE")" "$(newest)"
	code 0 sfs check --data "$STORE"
	sfs rm "$STORE" Note/9
	notes "$STORE"
	is "$(sfs refs "$STORE" Note/3)" "$(printf 'Note/2\tnext')"
	store_mount
	is "$(jq .n "$MNT/Note/2.json")" 2
	rm "$MNT/Note/2.json"
	is "$(sfs trash list "$MNT" Note | cut -f 3 | sort | tr '\n' ' ')" "Note/2 Note/9 "
	sfs trash restore "$MNT" Note/2
	store_umount
	notes "$STORE"
	code 0 sfs check "$STORE"
}

# as_backup N : the store of format N in the shape of a backup, as a copy of a folder would be kept.
as_backup() {
	old "$1"
	local before
	# A plain copy of an old store: a dump of it, a diff with it and parts of it, without a change of it.
	mv "$STORE" "$STORE.old"
	sfs init "$STORE" >/dev/null
	chmod -R a-w "$STORE.old"
	before=$(frozen "$STORE.old")
	code 0 sfs restore "$STORE.old" "$STORE" Note Image
	is "$(frozen "$STORE.old")" "$before"
	notes "$STORE"
	code 0 sfs diff "$STORE.old" "$STORE" --class Note
	code 0 sfs dump --output "$BATS_TEST_TMPDIR/dump$1" "$STORE.old"
	code 0 sfs load "$BATS_TEST_TMPDIR/dump$1" "$STORE.loaded$1"
	notes "$STORE.loaded$1"
	chmod -R u+w "$STORE.old"
	# Its records are damaged: what can be read becomes a store of today.
	rm -rf "$STORE"
	mv "$STORE.old" "$STORE"
	rm "$STORE/db/db/CURRENT"
	code 0 sfs recover "$STORE"
	is "$(format "$STORE")" "$(newest)"
	notes "$STORE"
	code 0 sfs check "$STORE"
	rm -rf "$STORE"
}

@test "a store of format 1 is read as it is, and converted by the first change" { opens_and_converts 1; }
@test "a store of format 2 is read as it is, and converted by the first change" { opens_and_converts 2; }

@test "copies of stores of formats 1 and 2 are compared, dumped, restored from, and recovered" {
	as_backup 1
	as_backup 2
}

@test "a backup of format 3 is browsed, compared and restored; its store is converted by the first change" {
	old 3
	local name before
	name=$(sfs backup --list --json "$STORE" | jq -r '.backups[0].name')
	before=$(frozen "$STORE/backups")
	code 0 sfs backup --verify all "$STORE"
	store_mount
	is "$(format "$STORE")" "$(newest)"
	local there=$MNT/.storefs/backups/$name
	is "$(jq -c '[.title, .n]' "$there/Note/1.json")" '["again",7]'
	is "$(ls "$there/Note/by/n")" "$(printf '3\n7')"
	is "$(cat "$there/Image/sub/b.txt")" bye
	refused 'Read-only file system' rm "$there/Note/1.json"
	code 14 sfs diff "$MNT" "$name" now
	is "$(head -n 1 <<<"$out")" "added    Note/4"
	# The trash and the versions that it had are there as before.
	is "$(sfs trash list "$MNT" | cut -f 3 | tr '\n' ' ')" "Note/2 Image/sub/a.txt "
	is "$(sfs log "$MNT" Note/1 | wc -l)" 2
	code 0 sfs gc "$MNT"
	sfs trash restore "$MNT" Note/2 Image/sub/a.txt
	is "$(cat "$MNT/Image/sub/a.txt")" hello
	sfs config "$MNT" backup_before=0 >/dev/null
	code 0 sfs restore "$there" "$MNT" Note/1
	is "$(frozen "$STORE/backups")" "$before"
	store_umount
	code 0 sfs check --data "$STORE"
	# A whole store of it is one of format 3 again, until somebody changes it.
	code 0 sfs restore "$STORE/backups/$name" "$STORE.then"
	is "$(sfs ls "$STORE.then" Note | tr '\n' ' ')" "1 3 "
	sfs put "$STORE.then" Note/5 <<<'{"n": 5}'
	is "$(format "$STORE.then")" "$(newest)"
	code 0 sfs check "$STORE.then"
	# The next backup shares with the old one, and both are valid.
	code 0 sfs backup "$STORE"
	code 0 sfs backup --verify all "$STORE"
	lacks "$out" "NOT VALID"
}

@test "a mirror is of the same format as its store" {
	old 2
	rm -rf "$STORE"
	mkdir "$BATS_TEST_TMPDIR/other"
	sfs init --mirror "$BATS_TEST_TMPDIR/other/copy" "$STORE" >/dev/null
	sfs put --kind object "$STORE" Note/1 <<<'{}'
	sed -i 's/"format": [0-9]*/"format": 3/' "$STORE/storefs.json" "$BATS_TEST_TMPDIR/other/copy/storefs.json"
	sfs put "$STORE" Note/2 <<<'{}'
	is "$(format "$STORE") $(format "$BATS_TEST_TMPDIR/other/copy")" "$(newest) $(newest)"
	# One that was away meanwhile follows when it is there again.
	sed -i 's/"format": [0-9]*/"format": 3/' "$BATS_TEST_TMPDIR/other/copy/storefs.json"
	sfs put "$STORE" Note/3 <<<'{}'
	is "$(format "$BATS_TEST_TMPDIR/other/copy")" "$(newest)"
}
