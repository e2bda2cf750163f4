#!/usr/bin/env bats
# Backups of folders of the two Python systems, and of stores with a mirror: what comes out of them is what the
# programs read.

load ../support/mount
load ../support/cli

ORIGINALS=$TREE/tests/support/originals/originals
VECTORS=$TREE/tests/data/vectors
export PYTHONDONTWRITEBYTECODE=1

setup() {
	store_place
	NEW=$BATS_TEST_TMPDIR/restored
	B=$STORE/.storefs/backups
}

teardown() {
	store_teardown
}

# a_case NAME : $STORE is a folder that Python wrote.
a_case() {
	cp -r "$VECTORS/$1" "$STORE"
	chmod -R u+w "$STORE"
}

# mount_here [OPTION…] : mount it.
mount_here() {
	store_mount "$@"
	STORE_PID=$(cat "$STORE/.storefs/lock" "$XDG_CACHE_HOME"/storefs/*/lock 2>/dev/null | jq -r .pid | grep . | tail -n 1)
}

# taken [OPTION…] : take one; $NAME is its name.
taken() {
	code 0 sfs backup --json "$@" "${S:-$STORE}" || return 1
	is "$(ask .valid)" true
	NAME=$(ask .name)
}

# dump KIND FOLDER : what the independent reader finds there.
dump() { "$ORIGINALS" dump "$1" "$2" "$VECTORS/schema.json"; }

# files FOLDER : the files of the other program, with their hashes, modes and times.
files() { (cd "$1" && find . -path ./.storefs -prune -o -path './.*.storefs' -prune -o -type f -printf '%p %m %T@ ' -exec md5sum {} \; | sort); }

@test "a folder of objects: what is restored is the folder of that moment, to Python and to us" {
	a_case obj_relations
	cp "$VECTORS"/index_gdbm/*.dbm "$STORE"
	mount_here
	echo '{"properties": {"name": "string"}, "indexes": {"name": "normalize"}}' >"$MNT/.storefs/schema/Account.json"
	echo '{"name": "Zoë"}' >"$MNT/Account/a.new.json"
	echo scratch >"$MNT/Account/notes.txt"
	printf 'bytes' >"$MNT/File/n.txt"
	setfattr -n user.k -v v "$MNT/File/n.txt"
	printf '%s' '{"oid": "ü \"%", "type": "vecmodels.Account", "name": "x"}' >"$STORE/Account/ü \"%.json"
	wait_until test -e "$MNT/Account/ü \"%.json"
	local then python
	then=$(files "$STORE")
	python=$(dump storage "$STORE")
	taken
	is "$(find "$STORE/.storefs" -name '*.json' | wc -l)" 0
	rm "$MNT/Account/a.new.json" "$MNT/File/n.txt"
	echo '{"name": "later"}' >"$MNT/Account/A1.json"
	printf later >"$MNT/File/f1"
	is "$(sfs backup --list "$MNT" | wc -l)" 1
	code 0 sfs backup --verify all "$STORE"
	# A backup is a store, and shows it as it was.
	is "$(sfs get "$B/$NAME" Account/A1 | jq -r .name)" "new name"
	is "$(sfs get "$B/$NAME" File/n.txt)" bytes
	is "$(sfs query "$B/$NAME" Account name=zoë)" a.new
	is "$(cat "$MNT/.storefs/backups/latest/File/n.txt")" bytes
	store_umount
	run "$STOREFS" diff "$STORE" latest
	has "$output" a.new
	code 0 sfs restore "$B/$NAME" "$NEW"
	is "$(files "$NEW")" "$then"
	is "$(dump storage "$NEW")" "$python"
	is "$(sfs query "$NEW" Account name=zoë)" a.new
	is "$(sfs status --json "$NEW" | jq -c '[.objects, .raws, .scratch]')" '[12,2,1]'
	code 0 sfs check "$NEW"
	echo '{"name": "again"}' | sfs put "$NEW" Account/B1
	is "$(jq -r .name "$NEW/Account/B1.json")" again
	absent "$NEW/.storefs/restored"
	# By hand: the files, without the marks.
	cp -a "$B/$NAME/files" "$BATS_TEST_TMPDIR/hand"
	find "$BATS_TEST_TMPDIR/hand" -name '*.json~' -exec sh -c 'mv "$1" "${1%?}"' sh {} \;
	is "$(dump storage "$BATS_TEST_TMPDIR/hand")" "$python"
}

@test "a backup that is taken while others save is of one moment, and costs what changed" {
	a_case obj_types
	mount_here
	local i pid
	for i in {1..60}; do echo "{\"n\": 0}" >"$MNT/Account/n$i.json"; done
	taken
	(
		trap 'exit 0' TERM
		for ((k = 1; ; k++)); do
			for i in {1..60}; do
				echo "{\"n\": $k}" >"$MNT/Account/n$i.json"
				echo "{\"n\": $k}" >"$MNT/Account/new$k.$i.json"
			done
		done
	) 3>&- &
	pid=$!
	wait_until test -e "$MNT/Account/new1.1.json"
	taken
	kill "$pid"
	wait "$pid"
	store_umount
	code 0 sfs restore "$B/$NAME" "$NEW"
	# Saves are one after the other: the new objects are the first so many of them.
	find "$NEW/Account" -path '*/new*.json' -printf '%P\n' | sed 's,/, ,; s/new//; s/.json//' | sort -n -k 1,1 -k 2,2 >"$BATS_TEST_TMPDIR/found"
	seq 0 $(($(wc -l <"$BATS_TEST_TMPDIR/found") - 1)) | while read -r i; do echo "$((i / 60 + 1)) $((i % 60 + 1))"; done |
		diff - "$BATS_TEST_TMPDIR/found"
	# What Python reads in the files is what we have.
	code 0 sfs export -q --to "$BATS_TEST_TMPDIR/out" "$B/$NAME" Account
	is "$(find "$BATS_TEST_TMPDIR/out" -name '*.json' -exec cat {} + | jq .n | sort | uniq -c)" \
		"$(find "$NEW/Account" -name '*.json' -exec cat {} + | jq .n | sort | uniq -c)"
	code 0 sfs check "$NEW"
	S=$STORE taken
	taken
	[ "$(ask .new_files)" -le 12 ] || fail "$out"
}

@test "databases: what was not in the files yet is, with Storify's backups" {
	mkdir "$STORE" "$STORE/sub"
	printf '\x81\xa1a\x01' >"$STORE/todo.mpack"
	# A key that can not be shown, and text with a longer head than it needs: they keep their bytes.
	printf '\x82\xa0\x07\xa1k\xda\x00\x02hi' >"$STORE/sub/in.mpack"
	mount_here -o save_interval=1000
	echo 2 >"$MNT/todo/a.json"
	"$STOREFS" flush "$MNT"
	echo '"unwritten"' >"$MNT/todo/b.json"
	echo '{"properties": {"x": "int"}, "indexes": {"x": "value"}}' >"$MNT/.storefs/schema/todo.json"
	echo '{"x": 5}' >"$MNT/todo/c.json"
	taken
	echo '"later"' >"$MNT/todo/b.json"
	is "$(sfs get "$B/$NAME" todo/b)" '"unwritten"'
	is "$(sfs db list "$B/$NAME" | sort | xargs)" "sub/in map 1 todo map 3"
	store_umount
	code 0 sfs backup --verify "$NAME" "$STORE"
	code 0 sfs restore "$B/$NAME" "$NEW"
	is "$(dump storify "$NEW" | jq -c .todo.data)" '{"a":2,"b":"unwritten","c":{"x":5}}'
	is "$(xxd -p "$NEW/sub/in.mpack")" "$(xxd -p "$STORE/sub/in.mpack")"
	is "$(ls "$NEW/.backups/todo" | wc -l)" 2
	local before
	before=$(stat -c '%i %y' "$NEW/todo.mpack")
	STORE=$NEW
	mount_here
	is "$(ls "$MNT/todo/by/x/5")" c.json
	store_umount
	is "$(stat -c '%i %y' "$NEW/todo.mpack")" "$before"
	absent "$NEW"/*.conflict*
	code 0 sfs check "$NEW"
}

@test "a single database has backups beside it, which are restored as a folder with it" {
	mkdir "$STORE"
	printf '\x81\xa1a\x01' >"$STORE/todo.mpack"
	printf '\x80' >"$STORE/other.mpack"
	S=$STORE/todo.mpack
	taken
	B=$STORE/.todo.mpack.storefs/backups
	echo 2 | sfs put "$S" todo/a
	is "$(sfs get "$B/$NAME" todo/a)" 1
	code 0 sfs restore "$B/$NAME" "$NEW"
	is "$(ls -A "$NEW" | xargs)" ".todo.mpack.storefs todo.mpack"
	is "$(sfs get "$NEW/todo.mpack" todo/a)" 1
	code 0 sfs check "$NEW/todo.mpack"
}

@test "backups go elsewhere, are pruned, and one with a flipped byte is found" {
	a_case raw_all
	taken --to "$STORE/saves"
	absent "$STORE/.storefs"
	S=$STORE taken --to "$STORE/saves"
	absent "$STORE/saves/$NAME/files/saves"
	is "$(sfs backup --list --to "$STORE/saves" "$STORE" | wc -l)" 2
	local blob=$STORE/saves/$NAME/files/File/text/data.blob
	chmod u+w "$blob"
	printf X | dd of="$blob" bs=1 conv=notrunc status=none
	code 14 sfs backup --verify "$NAME" --to "$STORE/saves" "$STORE"
	has "$out" "files/File/text/data.blob"
	code 14 sfs restore "$STORE/saves/$NAME" "$NEW"
	absent "$NEW"
	taken --to "$STORE/saves" --keep 1
	is "$(sfs backup --list --json --to "$STORE/saves" "$STORE" | jq -c '[.backups[].valid]')" "[true]"
	code 0 sfs restore "$STORE/saves/$NAME" "$NEW"
	same "$NEW/File/text/data.blob" "$VECTORS/raw_all/File/text/data.blob"
}

@test "who only reads leaves no trace in a folder that was saved to before" {
	a_case obj_types
	echo '{"name": "put"}' | sfs put "$STORE" Account/p
	sed -i 's/put/other/' "$STORE/Account/p.json"
	trace() { find "$STORE" -printf '%p %T@ %C@ %s %i\n' | sort; }
	local before
	before=$(trace)
	mount_here -o ro
	is "$(jq -r .name "$MNT/Account/p.json")" other
	refused "Read-only file system" touch "$MNT/Account/x.json"
	refused "takes no writes: name a folder" "$STOREFS" backup "$MNT"
	taken --to "$BATS_TEST_TMPDIR/saves"
	refused "is mounted on" "$STOREFS" mount "$STORE" "$BATS_TEST_TMPDIR/cache"
	store_umount
	is "$(trace)" "$before"
	is "$(sfs get "$BATS_TEST_TMPDIR/saves/$NAME" Account/p | jq -r .name)" other
}

@test "a store with a mirror has backups like any other, also when the mirror is gone" {
	sfs init --mirror "$BATS_TEST_TMPDIR/twin" "$STORE"
	B=$STORE/backups
	seq 1 50 | sed 's/.*/{"oid": "&", "n": &}/' | sfs import -q "$STORE" Thing -
	head -c 100000 /dev/urandom >"$BATS_TEST_TMPDIR/a"
	mkdir "$BATS_TEST_TMPDIR/tree"
	cp "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/tree/a"
	sfs import -q --kind raw "$STORE" Image "$BATS_TEST_TMPDIR/tree"
	taken
	mv "$BATS_TEST_TMPDIR/twin" "$BATS_TEST_TMPDIR/away"
	sfs rm "$STORE" Thing/7
	taken
	code 0 sfs backup --verify all "$STORE"
	code 0 sfs restore "$B/$NAME" "$NEW"
	is "$(sfs ls "$NEW" Thing | wc -l)" 49
	sfs get "$NEW" Image/a | cmp - "$BATS_TEST_TMPDIR/a"
	is "$(sfs status --json "$NEW" | jq .mirror)" null
	code 0 sfs check "$NEW"
}
