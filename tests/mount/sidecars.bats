#!/usr/bin/env bats
# What storefs keeps beside files of other programs: when it is damaged the next mount makes it anew.

load ../support/mount
load ../support/cli

VECTORS=$TREE/tests/data/vectors

setup() {
	need_fuse
	store_place
}

teardown() {
	store_teardown
}

# mount_here [OPTION…] : mount it.
mount_here() {
	store_mount "$@"
	STORE_PID=$(cat "$STORE/.storefs/lock" "$XDG_CACHE_HOME"/storefs/*/lock 2>/dev/null | jq -r .pid | grep . | tail -n 1)
}

# a_case NAME : $STORE is a folder that Python wrote.
a_case() {
	cp -r "$VECTORS/$1" "$STORE"
	chmod -R u+w "$STORE"
}

# files : those of the other program.
files() { (cd "$STORE" && find . -path ./.storefs -prune -o -type f -printf '%p %m %T@ ' -exec md5sum {} \; | sort); }

# ruin : no record of the sidecar can be read.
ruin() {
	local table
	sfs compact "$STORE" >/dev/null || true
	for table in "$STORE"/.storefs/db/db/MANIFEST-* "$STORE"/.storefs/db/db/*.sst; do
		printf 'not this' | dd of="$table" bs=1 seek=20 conv=notrunc status=none
	done
}

@test "a sidecar that is damaged is set aside and made anew by the next mount: from the newest backup, and the files" {
	a_case obj_relations
	echo '{"type": "vecmodels.Account", "properties": {"name": "string"}, "indexes": {"name": "normalize"}}' |
		sfs class define "$STORE" Account
	echo '{"name": "first"}' | sfs put "$STORE" Account/A1
	sfs rm "$STORE" Account/B1
	sfs backup "$STORE"
	echo '{"name": "second"}' | sfs put "$STORE" Account/A1
	local before
	before=$(files)
	ruin
	# Others say it, and change nothing.
	run "$STOREFS" get "$STORE" Account/A1
	[ "$status" -ne 0 ]
	mount_here
	has "$(cat "$STORE_LOG")" "is recovered now"
	has "$(cat "$STORE_LOG")" "from-backup: store: as in backup"
	is "$(files)" "$before"
	# The file counts, and what only we knew is that of the backup.
	is "$(jq -r .name "$MNT/Account/A1.json")" second
	is "$(ls "$MNT/Account/by/name/second")" A1.json
	is "$(ls "$MNT/.storefs/trash/Account"/*)" B1.json
	local aside
	aside=$(echo "$STORE"/.storefs/damaged/*)
	has "$(cat "$aside/report.txt")" "what was wrong"
	[ -d "$aside/db" ] && [ -e "$aside/report.ndjson" ]
	is "$(find "$STORE/.storefs" -name '*.json' | wc -l)" 0
	echo '{"name": "third"}' >"$MNT/Account/A1.json"
	store_umount
	code 0 sfs check "$STORE"
	has "$(cat "$STORE/Account/A1.json")" third
}

@test "without a backup it is made from the files alone, and what is lost is named; a lost file is noticed too" {
	a_case obj_relations
	sfs config "$STORE" trash_for=3d
	echo '{"type": "vecmodels.Account", "indexes": {"name": "normalize"}}' | sfs class define "$STORE" Account
	local before
	before=$(files)
	rm "$STORE/.storefs/store"
	code 0 sfs recover --dry-run "$STORE"
	has "$out" "lost: store: there is no valid backup"
	has "$out" "nothing was changed"
	[ ! -e "$STORE/.storefs/damaged" ]
	code 0 sfs recover "$STORE"
	has "$out" "what was there, and a report, is in $STORE/.storefs/damaged/"
	is "$(files)" "$before"
	is "$(sfs get "$STORE" Account/A1 | jq -r .name)" "new name"
	has "$(sfs config "$STORE")" "3d"
	lacks "$(sfs class show "$STORE" Account)" indexes
	code 0 sfs check "$STORE"
	# Nothing is wrong: nothing is done.
	code 0 sfs recover "$STORE"
	has "$out" "nothing was changed"
	is "$(ls "$STORE/.storefs/damaged" | wc -l)" 1
	# One that only derives from the files is made anew in the same way.
	rm -r "$STORE/.storefs"
	sfs ls "$STORE" >/dev/null
	rm -r "$XDG_CACHE_HOME"/storefs/*/db/db
	mount_here
	is "$(jq -r .name "$MNT/Account/A1.json")" "new name"
}

@test "the sidecar of databases is made anew: the files are as they were flushed" {
	mkdir "$STORE"
	printf '\x82\xa1a\x01\xa1b\x02' >"$STORE/todo.mpack"
	echo 3 | sfs put "$STORE" todo/c
	sfs flush "$STORE"
	ruin
	mount_here
	has "$(cat "$STORE_LOG")" "is recovered now"
	is "$(ls -U "$MNT/todo" | xargs)" "a.json b.json c.json"
	echo 4 >"$MNT/todo/d.json"
	store_umount
	is "$(sfs db list "$STORE" todo 2>/dev/null | wc -l)" 4
	code 0 sfs check "$STORE"
}

@test "a raw that is removed in a mount comes back from the trash, with its files as they were" {
	a_case obj_relations
	local raw
	raw=$(cd "$STORE/File" && find . -name data.blob -printf '%h\n' | head -n 1)
	raw=${raw#./}
	cp -r "$STORE/File" "$BATS_TEST_TMPDIR/was"
	mount_here
	rm "$MNT/File/$raw"
	[ ! -e "$STORE/File/$raw" ]
	same "$MNT"/.storefs/trash/File/*/"$raw" "$BATS_TEST_TMPDIR/was/$raw/data.blob"
	mv "$MNT"/.storefs/trash/File/*/"$raw" "$MNT/File/"
	store_umount
	diff -r "$STORE/File" "$BATS_TEST_TMPDIR/was"
}

@test "a folder is restored in its place: its files, what only we know, and what no backup has" {
	a_case obj_relations
	echo '{"type": "vecmodels.Account", "indexes": {"name": "normalize"}}' | sfs class define "$STORE" Account
	echo '{"name": "first"}' | sfs put "$STORE" Account/A1
	sfs backup --every 6h "$STORE" >/dev/null
	sfs backup "$STORE" >/dev/null
	local then backup
	then=$(files)
	backup=$(echo "$STORE"/.storefs/backups/2*)
	echo '{"name": "second"}' | sfs put "$STORE" Account/A1
	sfs rm "$STORE" Comment/C1 2>/dev/null || true
	echo new >"$STORE/Account/new.txt"
	mkdir "$STORE/.git"
	echo head >"$STORE/.git/HEAD"
	echo dot >"$STORE/Account/.dot"
	mount_here
	code 11 sfs restore --in-place "$backup" "$STORE"
	is "$(jq -r .name "$MNT/Account/A1.json")" second
	store_umount
	code 0 sfs restore --in-place "$backup" "$STORE"
	is "$(cat "$STORE/.git/HEAD" "$STORE/Account/.dot" | xargs)" "head dot"
	rm -r "$STORE/.git" "$STORE/Account/.dot"
	is "$(files)" "$then"
	is "$(ls "$BATS_TEST_TMPDIR" | grep '^store')" store
	is "$(sfs query "$STORE" Account name=first)" A1
	[ -e "$STORE/.storefs/schedule" ]
	# What was there before is in the newest backup.
	is "$(ls "$STORE/.storefs/backups" | grep -c ^2)" 2
	is "$(sfs get "$STORE/.storefs/backups/$(ls "$STORE/.storefs/backups" | grep ^2 | tail -n 1)" Account/A1 | jq -r .name)" second
	code 0 sfs check "$STORE"
	# A backup of another kind of store is none for this folder.
	sfs init "$BATS_TEST_TMPDIR/kv"
	sfs backup "$BATS_TEST_TMPDIR/kv"
	! sfs restore --in-place "$BATS_TEST_TMPDIR"/kv/backups/2* "$STORE" 2>"$BATS_TEST_TMPDIR/err"
	has "$(cat "$BATS_TEST_TMPDIR/err")" "another kind of store"
	is "$(files)" "$then"
}

@test "mv renames a class with its folder; what the format has no words for is refused with an errno" {
	a_case obj_relations
	mount_here
	cp "$STORE/Account/A1.json" "$BATS_TEST_TMPDIR/was"
	local ino
	ino=$(stat -c %i "$MNT/Account/A1.json")
	mv "$MNT/Account" "$MNT/Person"
	same "$STORE/Person/A1.json" "$BATS_TEST_TMPDIR/was"
	[ ! -e "$STORE/Account" ] && [ ! -e "$MNT/Account" ]
	is "$(stat -c %i "$MNT/Person/A1.json")" "$ino"
	# Others go on in the folder, and are heard.
	sed -i 's/new name/newest/' "$STORE/Person/A1.json"
	wait_until grep -q newest "$MNT/Person/A1.json"
	echo x >"$MNT/File/a"
	refused "not supported" ln "$MNT/File/a" "$MNT/File/b"
	store_umount
	code 0 sfs check "$STORE"
}
