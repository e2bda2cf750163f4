#!/usr/bin/env bats
# storefs restore: parts of a backup into a store that is in use, and a whole store in its place.

load ../support/mount
load ../support/cli

setup() {
	store_new
	printf '{"relations": {"next": "Note"}, "indexes": {"n": "value"}}' |
		sfs class define "$STORE" Note - >/dev/null
	seq 1 100 | sed 's/.*/{"oid": "&", "n": &}/' | sfs import -q "$STORE" Note -
	store_mount
	printf '{"n": 7,  "next": "8"}' >"$MNT/Note/7.json"
	store_umount
	mkdir -p "$BATS_TEST_TMPDIR/pictures/in"
	head -c 100000 /dev/urandom >"$BATS_TEST_TMPDIR/pictures/in/a.bin"
	echo small >"$BATS_TEST_TMPDIR/pictures/b.txt"
	sfs import -q "$STORE" Image "$BATS_TEST_TMPDIR/pictures"
	sfs backup "$STORE" >/dev/null
	B=$(echo "$STORE"/backups/2*)
}
teardown() { store_teardown; }

newest() { sfs get "$STORE/backups/$(ls "$STORE/backups" | grep ^2 | tail -n 1)" "$1"; }
backups() { ls "$STORE/backups" | grep -c ^2; }
same_object() {
	is "$(sfs get "$S" "Note/$1")" "$(sfs get "$B" "Note/$1")"
	is "$(sfs get --depth 0 "$S" "Note/$1" | jq -c .updates)" \
		"$(sfs get --depth 0 "$B" "Note/$1" | jq -c .updates)"
}

objects_and_raws() {
	echo '{"n": 700}' | sfs put "$S" Note/7
	sfs rm "$S" Note/9 Image/b.txt
	echo other | sfs put "$S" Image/in/a.bin
	code 0 sfs restore "$B" "$S" Note/7 Note/9 Image/in/a.bin Image/b.txt
	has "$out" "2 objects and 2 raws restored"
	same_object 7
	same_object 9
	is "$(sfs refs "$S" Note/8)" "$(printf 'Note/7\tnext')"
	is "$(sfs query "$S" Note n=700)" ""
	is "$(sfs get "$S" Image/b.txt)" small
	sfs get "$S" Image/in/a.bin | cmp - "$BATS_TEST_TMPDIR/pictures/in/a.bin"
	code 10 sfs restore "$B" "$S" Note/nothing
	code 10 sfs restore "$B" "$S" Nothing
	sfs check -q "$S"
}

@test "objects and raws become what they were, with and without a mount" {
	each objects_and_raws
}

@test "a backup is its folder, its directory in the mount, its name or a time" {
	local name=${B##*/} way
	echo '{"n": 700}' | sfs put "$STORE" Note/7
	code 0 sfs restore latest "$STORE" Note/7
	S=$STORE same_object 7
	store_mount
	for way in "$name" "$MNT/.storefs/backups/$name"; do
		echo '{"n": 701}' >"$MNT/Note/7.json"
		code 0 sfs restore "$way" "$MNT" Note/7
		is "$(cat "$MNT/Note/7.json")" '{"n": 7,  "next": "8"}'
	done
	(cd "$MNT/.storefs/backups" && sfs restore "$name" "$BATS_TEST_TMPDIR/new")
	is "$(sfs get "$BATS_TEST_TMPDIR/new" Note/7)" '{"n": 7,  "next": "8"}'
	code 10 sfs restore yesterday "$MNT" Note/7
	has "$err" "has no valid backup that is, or is as old as, yesterday"
	code 10 sfs restore nothing "$MNT" Note/7
	store_umount
	code 1 sfs restore "$name" "$STORE"
	has "$err" "exists already (--in-place"
}

@test "an object that is restored stays itself in the mount, and is seen at once" {
	store_mount
	local number
	echo '{"n": 70}' >"$MNT/Note/7.json"
	number=$(stat -c %i "$MNT/Note/7.json")
	exec 7<"$MNT/Note/7.json"
	sfs restore "$B" "$MNT" Note/7
	is "$(cat "$MNT/Note/7.json")" '{"n": 7,  "next": "8"}'
	is "$(stat -c %i "$MNT/Note/7.json")" "$number"
	is "$(cat <&7)" '{"n": 70}'
	exec 7<&-
}

a_class() {
	sfs rm "$S" Note/1 Note/2
	echo '{"n": 1000}' | sfs put "$S" Note/new
	echo '{"n": 3000}' | sfs put "$S" Note/3
	echo '{"indexes": {}}' | sfs class define "$S" Note - >/dev/null
	code 0 sfs restore "$B" "$S" Note
	has "$out" "3 objects"
	is "$(sfs ls "$S" Note | wc -l)" 101
	same_object 3
	is "$(sfs class show "$S" Note)" "$(sfs class show "$B" Note)"
	is "$(sfs query "$S" Note n=2)" 2
	echo more | sfs put "$S" Image/more/deep/c.txt
	sfs restore --exact "$B" "$S" Note Image >/dev/null
	is "$(sfs ls "$S" Note | wc -l)" 100
	is "$(sfs ls -r "$S" Image 2>/dev/null | grep -c more || true)" 0
	sfs get "$S" Image/in/a.bin | cmp - "$BATS_TEST_TMPDIR/pictures/in/a.bin"
	sfs rm -r "$S" Note
	sfs restore "$B" "$S" Note >/dev/null
	is "$(sfs ls "$S" Note | wc -l)" 100
	sfs check -q "$S"
}

@test "a class becomes what it was, with its definition, with and without a mount" {
	each a_class
}

@test "a backup of the present is taken before, unless the store does without" {
	echo '{"n": 70}' | sfs put "$STORE" Note/7
	sfs restore "$B" "$STORE" Note/7
	is "$(backups)" 2
	is "$(newest Note/7 | jq .n)" 70
	sfs config "$STORE" backup_before=0 >/dev/null
	sfs restore "$B" "$STORE" Note/7
	is "$(backups)" 2
	sfs config "$STORE" backup_before=1 >/dev/null
	# A definition with which saves drop what they kept, and one that does not.
	echo '{"properties": {"n": "int"}}' | sfs class define "$STORE" Note - >/dev/null
	is "$(backups)" 2
	echo '{"properties": {"n": "int"}, "extra": "drop"}' |
		sfs class define "$STORE" Note - >/dev/null
	is "$(backups)" 3
}

@test "a store is restored in its place, and keeps backups, schedule and settings" {
	echo '{"n": 70}' | sfs put "$STORE" Note/7
	sfs config "$STORE" history=3 >/dev/null
	sfs backup --every 6h "$STORE" >/dev/null
	sfs rm "$STORE" Note/1
	store_mount
	code 11 sfs restore --in-place "$B" "$STORE"
	is "$(jq .n "$MNT/Note/7.json")" 70
	store_umount
	code 0 sfs restore --in-place "$B" "$STORE"
	is "$(sfs get "$STORE" Note/7 | jq -c .n)" 7
	is "$(sfs ls "$STORE" Note | wc -l)" 100
	is "$(sfs config "$STORE" history)" history=3
	[ -e "$STORE/schedule" ]
	is "$(ls "$BATS_TEST_TMPDIR" | grep '^store')" store
	# What was there before is in the newest backup.
	is "$(newest Note/7 | jq .n)" 70
	sfs check -q "$STORE"
}

@test "a store that does not open is set aside" {
	rm "$STORE/db/db/CURRENT"
	code 0 sfs restore --in-place "$B" "$STORE"
	is "$(sfs ls "$STORE" Note | wc -l)" 100
	[ -d "$STORE.damaged/db" ]
	is "$(backups)" 1
	code 13 sfs restore --in-place "$B" "$BATS_TEST_TMPDIR/pictures"
	code 10 sfs restore --in-place "$B" "$BATS_TEST_TMPDIR/none"
}

# As a kill leaves it that comes right after the change of names.
changed_names() {
	sfs restore --backups "$STORE/backups" "${B##*/}" "$STORE.restoring" >/dev/null
	echo "$1 $(stat -c %i "$STORE")" >"$STORE.restoring/restored-here"
	mv "$STORE" "$STORE.old"
	mv "$STORE.restoring" "$STORE"
	mv "$STORE.old" "$STORE.restoring"
}

@test "what a kill left of a restore is done by who opens the store, and by the next restore" {
	local how way
	for how in remove keep; do
		for way in "rm $STORE Note/9" "restore --in-place $B $STORE" \
			"restore --in-place latest $STORE"; do
			echo '{"n": 70}' | sfs put "$STORE" Note/7
			sfs config "$STORE" backup_before=0 trash_for=3d >/dev/null
			changed_names "$how"
			[ ! -e "$STORE/backups" ]
			code 0 sfs $way
			[ -d "$B" ]
			[ ! -e "$STORE.restoring" ]
			[ ! -e "$STORE/restored-here" ]
			is "$(sfs config "$STORE" trash_for)" trash_for=3d
			is "$(sfs get "$STORE" Note/7 | jq .n)" 7
			[ "$how" = keep ] || continue
			is "$(sfs get "$STORE.damaged" Note/7 | jq .n)" 70
			rm -r "$STORE.damaged"
		done
	done
	sfs check -q "$STORE"
}

@test "a store that was moved away in the middle of that takes nothing that is not its own" {
	local away=$BATS_TEST_TMPDIR/away
	changed_names remove
	mkdir "$away"
	mv "$STORE" "$away/store"
	sfs init "$away/store.restoring"
	sfs rm "$away/store" Note/9
	[ -e "$away/store.restoring/storefs.json" ]
	mv "$away/store" "$STORE"
	sfs rm "$STORE" Note/10
	[ -d "$B" ]
	[ ! -e "$STORE.restoring" ]
	is "$(sfs ls "$STORE" Note | wc -l)" 98
}

@test "a store that happens to have the name of the new one is not touched" {
	cp -a "$STORE" "$STORE.restoring"
	code 1 sfs restore --in-place "$B" "$STORE"
	has "$err" "exists and has backups"
	is "$(sfs ls "$STORE.restoring" Note | wc -l)" 100
}

@test "a kill leaves the old store or the new one" {
	local n pid value
	sfs config "$STORE" backup_before=0 >/dev/null
	for n in 1 2 3 4 5 6 7 8 9 10; do
		echo '{"n": 70}' | sfs put "$STORE" Note/7
		"$STOREFS" restore --in-place "$B" "$STORE" >/dev/null 2>&1 3>&- &
		pid=$!
		sleep "0.0$n"
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		value=$(sfs get "$STORE" Note/7 | jq .n)
		[ "$value" = 70 ] || is "$value" 7
		is "$(sfs ls "$STORE" Note | wc -l)" 100
		# Should the backups not be there yet, the next one moves them first.
		sfs restore --in-place "$B" "$STORE" >/dev/null
		is "$(sfs get "$STORE" Note/7 | jq .n)" 7
	done
	sfs check -q "$STORE"
}
