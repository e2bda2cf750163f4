#!/usr/bin/env bats
# Folders of the Python storage module: mounted as they are, edited, and still what they were to Python.

load ../support/mount

setup() {
	store_place
}

teardown() {
	store_teardown
}

# a_case NAME : $STORE is a folder that Python wrote.
a_case() {
	cp -r "$TREE/tests/data/vectors/$1" "$STORE"
	chmod -R u+w "$STORE"
}

# mount_case NAME [OPTION…] : … and is mounted.
mount_case() {
	local name=$1
	shift
	a_case "$name"
	store_mount "$@"
	STORE_PID=$(cat "$XDG_CACHE_HOME"/storefs/*/lock "$STORE"/.storefs/lock 2>/dev/null | jq -er .pid)
}

# python_writes FILE TEXT : in place, as the original does it.
python_writes() {
	python3 -c 'import sys; f = open(sys.argv[1], "wt"); f.write(sys.argv[2]); f.close()' "$@"
}

says() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }
says_name() { [ "$(jq -r .name "$1" 2>/dev/null)" = "$2" ]; }

@test "a folder is mounted as it is, and nothing is written into it" {
	mount_case obj_relations
	has "$(cat "$STORE_LOG")" "a folder of the storage module"
	is "$(ls "$MNT" | tr '\n' ' ')" "Acc Account Article Comment File my.coll "
	is "$(jq -r .name "$MNT/Account/A1.json")" "new name"
	is "$(cat "$MNT/File/f1")" "$(cat "$STORE/File/f1/data.blob")"
	is "$(getfattr --only-values -n user.name "$MNT/File/f1")" x.txt
	is "$(jq -c .v "$MNT/my.coll/k.json")" "[1]"
	find "$MNT" -type f -exec cat {} + >/dev/null
	diff -r "$STORE" "$TREE/tests/data/vectors/obj_relations"
}

@test "what is saved is a file of Python, with its update times" {
	mount_case obj_relations
	jq '.name = "edited"' "$MNT/Account/A1.json" >"$BATS_TEST_TMPDIR/new"
	cp "$BATS_TEST_TMPDIR/new" "$MNT/Account/A1.json"
	echo '{"name": "Zoë"}' >"$MNT/Account/a.new.json"
	python3 - "$STORE/Account" <<-'END'
		import json, sys
		d = json.load(open(sys.argv[1] + "/A1.json"))
		assert list(d) == ["oid", "type", "updates", "email", "name"], list(d)
		assert d["oid"] == "A1" and d["type"] == "vecmodels.Account" and d["name"] == "edited"
		assert d["updates"]["email"] == 20250102030405000067
		assert d["updates"]["name"] == d["updates"]["oid"] > 20260000000000000000
		n = open(sys.argv[1] + "/a/new.json").read()
		assert json.dumps(json.loads(n)) == n and "\\u00eb" in n
	END
	rm "$MNT/Account/a.new.json"
	absent "$STORE/Account/a"
	is "$(find "$STORE/.storefs" -name '*.json' | wc -l)" 0
}

@test "what others write is seen at once: new, changed, removed" {
	mount_case obj_relations
	is "$(jq -r .name "$MNT/Account/B1.json")" B
	ls "$MNT/Account" >/dev/null
	python_writes "$STORE/Account/B1.json" '{"oid": "B1", "type": "vecmodels.Account", "name": "theirs"}'
	wait_until says_name "$MNT/Account/B1.json" theirs
	mkdir "$STORE/New"
	python_writes "$STORE/New/n.json" '{"oid": "n", "type": "vecmodels.New", "name": "made"}'
	wait_until says_name "$MNT/New/n.json" made
	rm "$STORE/Account/B1.json"
	wait_until absent "$MNT/Account/B1.json"
	mv "$STORE/Comment" "$STORE/Remark"
	wait_until test -e "$MNT/Remark/c1.json"
	wait_until absent "$MNT/Comment/c1.json"
	printf 'other bytes' >"$STORE/File/f1/data.blob"
	wait_until says "$MNT/File/f1" "other bytes"
	python_writes "$STORE/File/f1/meta.json" \
		'{"oid": "f1", "type": "vecmodels.File", "updates": {"oid": 0}, "width": 7}'
	wait_until getfattr -n user.width "$MNT/File/f1"
}

@test "a class of any name is a directory" {
	mount_case obj_relations
	mkdir "$STORE/my things" "$STORE/Größe"
	python_writes "$STORE/my things/n.json" '{"oid": "n", "type": "vecmodels.Thing", "name": "blank"}'
	python_writes "$STORE/Größe/n.json" '{"oid": "n", "type": "vecmodels.Size", "name": "umlaut"}'
	wait_until says_name "$MNT/my things/n.json" blank
	wait_until says_name "$MNT/Größe/n.json" umlaut
	is "$(ls "$MNT" | LC_ALL=C sort | xargs)" "Acc Account Article Comment File Größe my things my.coll"
	echo '{"name": "saved"}' >"$MNT/my things/s.json"
	is "$(jq -r .name "$STORE/my things/s.json")" saved
	is "$(jq -r .type "$STORE/my things/s.json")" vecmodels.Thing
	is "$(jq -r .type "$MNT/.storefs/schema/my things.json")" vecmodels.Thing
	ls -lR "$MNT" >/dev/null
}

@test "a class of any name has a past, and its objects refer to others" {
	mkdir -p "$STORE/"$'a\nb' "$STORE/my.coll"
	python_writes "$STORE/"$'a\nb/1.json' '{"oid": "1", "type": "m.T", "n": 1}'
	python_writes "$STORE/my.coll/k.json" '{"oid": "k", "type": "m.T", "n": 1}'
	store_mount
	echo '{"n": 2}' >"$MNT/a%0Ab/1.json"
	is "$(jq .n "$MNT/.storefs/history/a%0Ab/1/"*.json)" 1
	rm "$MNT/a%0Ab/1.json"
	is "$(ls "$MNT/.storefs/trash")" a%0Ab
	mv "$MNT/.storefs/trash/a%0Ab/"*/1.json "$MNT/a%0Ab/"
	is "$(jq .n "$MNT/a%0Ab/1.json")" 2
	echo '{"type": "m.T", "relations": {"next": "¤"}}' >"$MNT/.storefs/schema/my.coll.json"
	echo '{"next": "k"}' >"$MNT/my.coll/j.json"
	is "$(ls "$MNT/my.coll/k/.referrers")" my.coll.next
	is "$(ls "$MNT/my.coll/k/.referrers/my.coll.next")" j.json
}

@test "indexes and queries follow what others write" {
	mount_case obj_relations
	echo '{"properties": {"name": "string"}, "indexes": {"name": "normalize"}}' >"$MNT/.storefs/schema/Account.json"
	is "$(ls "$MNT/Account/by/name")" "$(printf 'b\nnew name')"
	python_writes "$STORE/Account/C1.json" '{"oid": "C1", "type": "vecmodels.Account", "name": "Third"}'
	wait_until test -e "$MNT/Account/by/name/third/C1.json"
	rm "$STORE/Account/C1.json"
	wait_until absent "$MNT/Account/by/name/third/C1.json"
	store_umount
	"$STOREFS" check "$STORE"
}

@test "a file that is being written is never served as damaged" {
	mount_case obj_relations
	# The time is what is tested: the daemon looks again every 200 ms, and must not give up as long as
	# somebody goes on writing.
	python3 - "$STORE/Account/B1.json" 3>&- <<-'END' &
		import sys, time
		with open(sys.argv[1], "wt") as f:
		    f.write('{"oid": "B1", "type": "vecmodels.Acc')
		    for piece in 'ount", "name": "slow"}':
		        f.flush()
		        time.sleep(0.05)
		        f.write(piece)
	END
	wait_until grep -q Acc "$STORE/Account/B1.json"
	local seen=B
	while [ "$seen" = B ]; do
		# Somebody else closes it: then it is looked at.
		: >>"$STORE/Account/B1.json"
		seen=$(jq -r .name "$MNT/Account/B1.json")
	done
	is "$seen" slow
	wait $!
}

@test "one that stays damaged is said, and its bytes are kept" {
	mount_case obj_damaged
	refused "Input/output error" cat "$MNT/Account/trunc.json"
	same "$MNT/.storefs/rejected/Account/trunc.json" "$TREE/tests/data/vectors/obj_damaged/Account/trunc.json"
	has "$(cat "$MNT/.storefs/errors.ndjson")" '"oid":"trunc","operation":"read","errno":"EIO"'
	is "$(jq -r .name "$MNT/Account/good.json")" good
	ls "$MNT/Account" | grep -qx trunc.json && fail "a damaged file is listed"
	python_writes "$STORE/Account/trunc.json" '{"oid": "trunc", "type": "vecmodels.Account", "name": "whole"}'
	wait_until says_name "$MNT/Account/trunc.json" whole
	store_umount
	run -14 "$STOREFS" check "$STORE"
	has "$output" "outside"
}

@test "a folder that takes no writes is mounted read-only" {
	a_case obj_types
	as_root mount --bind "$STORE" "$STORE"
	as_root mount -o remount,ro,bind "$STORE"
	store_mount
	STORE_PID=$(cat "$XDG_CACHE_HOME"/storefs/*/lock | jq -er .pid)
	has "$(cat "$STORE_LOG")" "read-only"
	is "$(jq -r .name "$MNT/Account/acc1.json")" Ref
	refused "Read-only file system" touch "$MNT/Account/x.json"
	store_umount
	disk_umount "$STORE"
	absent "$STORE/.storefs"
}

@test "commands work on a folder, with a mount and without" {
	a_case obj_types
	is "$("$STOREFS" get "$STORE" Account/acc1 | jq -r .name)" Ref
	absent "$STORE/.storefs"
	echo '{"name": "put"}' | "$STOREFS" put "$STORE" Account/p
	is "$(jq -r .name "$STORE/Account/p.json")" put
	store_mount
	STORE_PID=$(store_owner)
	is "$("$STOREFS" get "$STORE" Account/p | jq -r .name)" put
	echo '{"name": "twice"}' | "$STOREFS" put "$STORE" Account/p
	is "$(jq -r .name "$MNT/Account/p.json")" twice
	run -11 "$STOREFS" mount "$STORE" "$BATS_TEST_TMPDIR"
	"$STOREFS" rm "$STORE" Account/p
	absent "$STORE/Account/p.json" "$MNT/Account/p.json"
	run -13 "$STOREFS" ls "$BATS_TEST_TMPDIR/cache"
}

@test "raws are made, changed, moved and removed as two files" {
	mount_case raw_all
	is "$(ls "$MNT/File" | tr '\n' ' ')" "8486226871040000867 a.b changed empty nodata reservedlike same text "
	printf 'hello' >"$MNT/File/n.txt"
	setfattr -n user.k -v v "$MNT/File/n.txt"
	holds "$STORE/File/n/txt/data.blob" hello
	is "$(jq -r .k "$STORE/File/n/txt/meta.json")" v
	mv "$MNT/File/n.txt" "$MNT/File/text"
	holds "$STORE/File/text/data.blob" hello
	is "$(jq -r '.oid + .k' "$STORE/File/text/meta.json")" textv
	absent "$STORE/File/n/txt"
	rm "$MNT/File/a.b"
	absent "$STORE/File/a/b"
	is "$(stat -c %s "$MNT/File/nodata")" 0
	printf 'now' >"$MNT/File/nodata"
	holds "$STORE/File/nodata/data.blob" now
	rsync "$TREE/README.md" "$MNT/Image/readme"
	same "$STORE/Image/readme/data.blob" "$TREE/README.md"
	store_remount
	STORE_PID=$(store_owner)
	holds "$MNT/File/text" hello
}
