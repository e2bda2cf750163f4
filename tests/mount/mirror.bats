#!/usr/bin/env bats
# A store that is kept twice: in its folder and in its mirror.

load ../support/mount
load ../support/cli

setup() {
	MIRROR=$BATS_TEST_TMPDIR/mirror
	store_new --mirror "$MIRROR"
	printf '{"indexes": {"n": "value"}}' | sfs class define "$STORE" Thing
}
teardown() { store_teardown; }

# clean : the store is in order, and its mirror is the same.
clean() {
	code 0 sfs check "$STORE"
	is "$(sfs status --json "$STORE" | jq -c '.mirror | [.behind, .why]')" '[false,""]'
}


@test "what is saved is in the mirror too, which opens as a store by itself" {
	seq 1 500 | sed 's/.*/{"oid": "&", "n": &}/' | sfs import "$STORE" Thing -
	mkdir "$BATS_TEST_TMPDIR/tree"
	head -c 300000 /dev/urandom >"$BATS_TEST_TMPDIR/tree/a"
	sfs import --kind raw "$STORE" Image "$BATS_TEST_TMPDIR/tree"
	store_mount
	is "$(sfs status --json "$STORE" | jq -r .mirror.behind)" false
	printf '{"n": 7777}' >"$MNT/Thing/new.json"
	rm "$MNT/Thing/3.json"
	echo more >>"$MNT/Image/a"
	store_umount
	clean
	absent "$STORE/mirror.behind"
	rm -rf "$STORE"
	STORE=$MIRROR
	store_mount
	is "$(cat "$MNT/Thing/new.json")" '{"n": 7777}'
	absent "$MNT/Thing/3.json"
	is "$(ls "$MNT/Thing" | wc -l)" 500
	is "$(sfs query "$STORE" Thing n=7777)" new
	(cat "$BATS_TEST_TMPDIR/tree/a"; echo more) | cmp - "$MNT/Image/a"
	code 0 sfs check "$STORE"
}

@test "a store whose mirror is not there goes on, and catches up when it is back" {
	printf '{"n": 1}' | sfs put "$STORE" Thing/1
	mv "$MIRROR" "$MIRROR.away"
	store_mount
	printf '{"n": 2}' >"$MNT/Thing/2.json"
	sync -f "$MNT"
	is "$(sfs status --json "$STORE" | jq -r .mirror.behind)" true
	has "$(sfs status "$STORE")" "mirror    $MIRROR, behind: "
	store_umount
	code 14 sfs check "$STORE"
	has "$out" 'mirror'
	mv "$MIRROR.away" "$MIRROR"
	store_mount
	is "$(sfs status --json "$STORE" | jq -r .mirror.behind)" false
	store_umount
	clean
	rm -rf "$STORE"
	is "$(sfs ls "$MIRROR" Thing | xargs)" "1 2"
}

@test "after a kill the mirror is compared and made the same" {
	store_mount
	for i in {1..50}; do printf '{"n": %d}' "$i" >"$MNT/Thing/$i.json"; done
	class_raw Image
	head -c 100000 /dev/urandom >"$MNT/Image/a"
	store_kill
	[ -e "$STORE/mirror.behind" ]
	# Somebody damages what the mirror has.
	find "$MIRROR/raw" -type f -delete
	store_mount
	store_umount
	clean
	cmp "$(find "$STORE/raw" -type f)" "$(find "$MIRROR/raw" -type f)"
	is "$(sfs ls --count "$MIRROR" Thing)" 50
}

@test "a difference is found by check, and gone after the next open" {
	printf '{"n": 1}' | sfs put "$STORE" Thing/1
	clean
	mkdir -p "$MIRROR/raw/000001/0000000"
	echo stray >"$MIRROR/raw/000001/0000000/000000099"
	code 14 sfs check "$STORE"
	has "$out" 'in the mirror 0 rows and 1 files differ'
	: >"$STORE/mirror.behind"
	printf '{"n": 2}' | sfs put "$STORE" Thing/2
	clean
}

@test "a mirror that was used by itself is not overwritten" {
	printf '{"n": 1}' | sfs put "$STORE" Thing/1
	for i in {2..20}; do printf '{"n": %d}' "$i" | sfs put "$MIRROR" "Thing/$i"; done
	code 1 sfs put "$STORE" Thing/x <<<'{}'
	has "$err" 'is newer than the store'
	is "$(sfs ls --count "$MIRROR" Thing)" 20
	rm "$STORE/mirror"
	code 0 sfs put "$STORE" Thing/x <<<'{}'
}

@test "nobody else opens the mirror while the store is in use" {
	store_mount
	code 11 sfs put "$MIRROR" Thing/x <<<'{}'
	store_umount
}

@test "a mirror must be empty, and another store's mirror is refused" {
	local other=$BATS_TEST_TMPDIR/other
	code 1 sfs init --mirror "$MIRROR" "$other"
	has "$err" 'is not empty'
	absent "$other"
	sfs init "$other"
	printf '%s\n' "$MIRROR" >"$other/mirror"
	code 1 sfs class define "$other" Thing <<<'{}'
	has "$err" 'is the mirror of another store'
}
