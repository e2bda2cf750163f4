#!/usr/bin/env bats
# Databases: the .mpack files of Storify as folders.

load ../support/mount
load ../support/cli

ORIGINALS=$TREE/tests/support/originals/originals
VIEW=$TREE/tests/support/originals/view.py
VECTORS=$TREE/tests/data/vectors
export PYTHONDONTWRITEBYTECODE=1

setup() {
	need_fuse
	store_place
	mkdir "$STORE"
}

teardown() {
	store_teardown
	! mountpoint -q "$BATS_TEST_TMPDIR/disk" || as_root umount -l "$BATS_TEST_TMPDIR/disk"
}

# hex DIGITS : bytes.
hex() { printf '%s' "$1" | xxd -r -p; }

# A folder with one database: {"a":1,"b":{"x":[true]},"c":"text"}.
todo_new() {
	hex 83a16101a16281a17891c3a163a474657874 >"$STORE/todo.mpack"
}

# mount_here [OPTION...] : as store_mount, of a folder that is no store of ours.
mount_here() {
	"$STOREFS" mount "$@" "$STORE" "$MNT" 3>&- >>"$STORE_LOG" 2>&1 || fail "$(cat "$STORE_LOG")"
	STORE_PID=$(pgrep -n -f "mount .*$STORE $MNT")
}

# content NAME : what the independent reader finds in a database.
content() { "$ORIGINALS" dump storify "$STORE" "$VECTORS/schema.json" | jq -c ".\"$1\".data"; }

# backups NAME : how many.
backups() { ls "$STORE/.backups/$1" 2>/dev/null | wc -l; }

# names_are WANTED : the files in the order of the directory.
names_are() { is "$(ls -U "$1" | xargs)" "$2"; }

@test "a folder of databases mounts as it is, in the order of the files, and nothing is written" {
	todo_new
	local before
	before=$(stat -c '%Y %s %i' "$STORE/todo.mpack")
	mount_here
	names_are "$MNT/todo" "a.json b.json c.json"
	is "$(cat "$MNT/todo/a.json")" 1
	is "$(jq -c . "$MNT/todo/b.json")" '{"x":[true]}'
	is "$(cat "$MNT/todo/c.json")" '"text"'
	store_umount
	is "$(ls -A "$STORE")" todo.mpack
	is "$(stat -c '%Y %s %i' "$STORE/todo.mpack")" "$before"
}

@test "what Storify wrote is shown as Storify read it" {
	local case
	for case in sf_backups sf_large sf_raw sf_roots sf_types; do
		rm -rf "$STORE"
		cp -r "$VECTORS/$case" "$STORE"
		chmod -R u+w "$STORE"
		"$ORIGINALS" expected "$VECTORS" "$case" |
			jq 'with_entries(select(.key != "destroyed"))' >"$BATS_TEST_TMPDIR/dump.json"
		mount_here
		code 0 "$VIEW" "$BATS_TEST_TMPDIR/dump.json" "$MNT"
		store_umount
	done
}

@test "models are shown as such, and named" {
	cp "$VECTORS/sf_models/models.mpack" "$VECTORS/sf_roots/modelroot.mpack" "$STORE/"
	"$ORIGINALS" expected "$VECTORS" sf_models >"$BATS_TEST_TMPDIR/dump.json"
	mount_here
	# Beside other keys, and under names of their own, they are maps: nothing is lost.
	code 0 "$VIEW" "$BATS_TEST_TMPDIR/dump.json" "$MNT" models/extra models/two models/v models/pair models/listpayload
	has "$(jq -c . "$MNT/models/extra.json")" __User__
	is "$(getfattr -n user.storefs.model --only-values "$MNT/models/u.json")" User
	refused "No such attribute" getfattr -n user.storefs.model "$MNT/models/plain.json"
	is "$(getfattr -n user.storefs.model --only-values "$MNT/modelroot")" User
}

@test "edited with jq, sed -i and an editor's way of saving, Storify reads it afterwards" {
	local day
	day=$(date -u +%Y%m%d)
	todo_new
	mount_here
	jq '.x += [false]' "$MNT/todo/b.json" >"$MNT/todo/b.tmp"
	mv "$MNT/todo/b.tmp" "$MNT/todo/b.json"
	sed -i 's/text/other/' "$MNT/todo/c.json"
	mv "$MNT/todo/a.json" "$MNT/todo/a.json~"
	echo '{"new": 2.5}' >"$MNT/todo/a.json"
	rm "$MNT/todo/a.json~"
	echo null >"$MNT/todo/new.json"
	store_umount
	is "$(content todo)" '{"a":{"new":2.5},"b":{"x":[true,false]},"c":"other","new":null}'
	code 0 "$ORIGINALS" strict storify "$STORE" "$VECTORS/schema.json"
	is "$(backups todo)" 1
	# It may be midnight meanwhile.
	[[ $(ls "$STORE/.backups/todo") =~ ^($day|$(date -u +%Y%m%d)) ]] || fail "$(ls "$STORE/.backups/todo")"
}

@test "a value that did not change keeps its bytes, whatever they are" {
	# float 32, a long integer, an old raw string, an extension, bytes that are text
	hex 86a166ca3f800000a169d30000000000000007a172da00026869a165d60501020304a162c4026869a16b01 >"$STORE/odd.mpack"
	mount_here
	is "$(cat "$MNT/odd/b.json")" '"hi"'
	echo 2 >"$MNT/odd/k.json"
	jq . "$MNT/odd/i.json" >/dev/null
	store_umount
	is "$(xxd -p -c 200 "$STORE/odd.mpack")" \
		86a166ca3f800000a169d30000000000000007a172da00026869a165d60501020304a162c4026869a16b02
}

@test "fsync, storefs flush, the interval and unmounting write the file; an unchanged one stays" {
	todo_new
	mount_here -o save_interval=1
	echo 5 >"$MNT/todo/a.json"
	written() { [ "$(content todo | jq .a)" = "$1" ]; }
	wait_until written 5
	store_umount
	mount_here -o save_interval=1000
	echo 6 >"$MNT/todo/a.json"
	is "$(content todo | jq .a)" 5
	"$STOREFS" flush "$MNT"
	is "$(content todo | jq .a)" 6
	/usr/bin/python3 - "$MNT/todo/a.json" <<-'END'
		import os, sys
		fd = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)
		os.write(fd, b"7")
		os.fsync(fd)
		os._exit(0)
	END
	is "$(content todo | jq .a)" 7
	local before
	before=$(stat -c '%y %i' "$STORE/todo.mpack")
	"$STOREFS" flush "$MNT" todo
	"$STOREFS" db flush "$MNT"
	store_umount
	is "$(stat -c '%y %i' "$STORE/todo.mpack")" "$before"
	is "$(backups todo)" 3
}

@test "what was saved survives kill -9 before it is in the file" {
	todo_new
	mount_here -o save_interval=1000
	echo '"saved"' >"$MNT/todo/a.json"
	rm "$MNT/todo/b.json"
	echo 3 >"$MNT/todo/new.json"
	is "$(content todo | jq .a)" 1
	kill -9 "$STORE_PID"
	wait_until gone "$STORE_PID"
	STORE_PID=
	"$STOREFS" umount "$MNT" 2>/dev/null || fusermount3 -uz "$MNT"
	mount_here
	names_are "$MNT/todo" "a.json c.json new.json"
	is "$(cat "$MNT/todo/a.json")" '"saved"'
	store_umount
	is "$(content todo)" '{"a":"saved","c":"text","new":3}'
}

@test "what could not be read back is refused, with a sentence" {
	todo_new
	mount_here
	echo 18446744073709551616 >"$BATS_TEST_TMPDIR/large.json"
	refused "Bad message" cp "$BATS_TEST_TMPDIR/large.json" "$MNT/todo/a.json"
	has "$("$STOREFS" why "$MNT/todo/a.json")" "expected one from -2^63 to 2^64-1"
	echo '{"$map":[[1,2]]}' >"$BATS_TEST_TMPDIR/number.json"
	refused "Bad message" cp "$BATS_TEST_TMPDIR/number.json" "$MNT/todo/a.json"
	has "$("$STOREFS" why "$MNT/todo/a.json")" "expected strings as keys"
	echo 18446744073709551615 >"$MNT/todo/a.json"
	store_umount
	is "$(content todo | jq -c .a)" '{"$int":"18446744073709551615"}'
}

@test "what another program writes appears, and what both changed is put aside" {
	todo_new
	mount_here -o save_interval=1000
	echo '"ours"' >"$MNT/todo/a.json"
	echo '"only ours"' >"$MNT/todo/mine.json"
	# {"a":"theirs","c":"changed","d":4}: b is gone
	hex 83a161a6746865697273a163a76368616e676564a16404 >"$STORE/todo.new"
	mv "$STORE/todo.new" "$STORE/todo.mpack"
	appeared() { [ -e "$MNT/todo/d.json" ]; }
	wait_until appeared
	is "$(cat "$MNT/todo/a.json")" '"theirs"'
	is "$(cat "$MNT/todo/c.json")" '"changed"'
	is "$(cat "$MNT/todo/mine.json")" '"only ours"'
	# Keys that the file does not have go in a commit of their own.
	wait_until absent "$MNT/todo/b.json"
	local aside
	aside=$(getfattr -n user.storefs.conflict --only-values "$MNT/todo")
	is "$(xxd -p "$STORE/$aside")" 81a161a46f757273
	has "$(cat "$MNT/.storefs/errors.ndjson")" "another program has changed"
	store_umount
	is "$(content todo)" '{"a":"theirs","c":"changed","d":4,"mine":"only ours"}'
}

@test "a damaged file is recovered from the newest backup that can be read, loudly" {
	mkdir -p "$STORE/.backups/todo"
	hex 81a16b08 >"$STORE/.backups/todo/8"
	hex c1 >"$STORE/.backups/todo/9"
	touch "$STORE/.backups/todo/junk"
	hex 8183 >"$STORE/todo.mpack"
	touch -d '1 hour ago' "$STORE/todo.mpack"
	hex c1 >"$STORE/lost.mpack"
	touch -d '1 hour ago' "$STORE/lost.mpack"
	hex 80 >"$STORE/good.mpack"
	mount_here --foreground &
	wait_until mounted
	wait_until test -e "$MNT/todo/k.json"
	is "$(cat "$MNT/todo/k.json")" 8
	is "$(getfattr -n user.storefs.recovered_from --only-values "$MNT/todo")" 8
	is "$(xxd -p "$STORE/todo.mpack.corrupt")" 8183
	is "$(jq -r '.databases[] | select(.name == "todo") | .recovered_from' "$MNT/.storefs/status")" 8
	is "$(jq -r '.databases[] | select(.name == "lost") | .error' "$MNT/.storefs/status")" "Could not load db:lost"
	has "$(cat "$STORE_LOG")" "Database 'todo' corrupted, reading from backup"
	has "$(cat "$STORE_LOG")" "Successfully loaded backup '8'"
	refused "Input/output error" ls "$MNT/lost/"
	is "$(getfattr -n user.storefs.error --only-values "$MNT/lost")" "Could not load db:lost"
	echo 1 >"$MNT/good/x.json"
	"$STOREFS" db reset "$MNT" lost
	names_are "$MNT/lost" ""
	is "$(xxd -p "$STORE/lost.mpack.corrupt")" c1
	"$STOREFS" umount "$MNT"
	STORE_PID=
	wait_until not_mounted
	rm "$STORE/.backups/todo/junk"
	is "$(content lost)" '{}'
	is "$(content good)" '{"x":1}'
	absent "$STORE/.backups/todo/10"
}

@test "mkdir, mv and rmdir make, rename and remove databases" {
	todo_new
	mount_here
	mkdir "$MNT/fresh"
	echo 1 >"$MNT/fresh/k.json"
	"$STOREFS" flush "$MNT"
	is "$(content fresh)" '{"k":1}'
	echo 2 >"$MNT/fresh/k.json"
	"$STOREFS" flush "$MNT"
	mv "$MNT/fresh" "$MNT/moved"
	absent "$STORE/fresh.mpack" "$STORE/.backups/fresh"
	is "$(backups moved)" 1
	is "$(cat "$MNT/moved/k.json")" 2
	refused "File exists" mv -T "$MNT/moved" "$MNT/todo"
	rm "$MNT/moved/k.json"
	rmdir "$MNT/moved"
	absent "$STORE/moved.mpack"
	[ "$(backups moved)" -ge 2 ]
	store_umount
	is "$(ls "$STORE")" todo.mpack
}

@test "a list is numbered, and its items get their numbers when it is written" {
	hex 93010203 >"$STORE/list.mpack"
	mount_here
	names_are "$MNT/list" "0.json 1.json 2.json"
	"$STOREFS" db append "$MNT" list '"end"'
	is "$(cat "$MNT/list/3.json")" '"end"'
	is "$("$STOREFS" db pop "$MNT" list 0)" 1
	echo 1 >"$BATS_TEST_TMPDIR/one.json"
	refused "Bad message" cp "$BATS_TEST_TMPDIR/one.json" "$MNT/list/name.json"
	has "$("$STOREFS" why "$MNT/list/name.json")" "the database is a list, expected a number"
	"$STOREFS" flush "$MNT"
	names_are "$MNT/list" "0.json 1.json 2.json"
	is "$(cat "$MNT/list/"*)" "$(printf '2\n3\n"end"')"
	store_umount
	is "$(content list)" '[2,3,"end"]'
}

@test "a single file is a store of one database, without a mount and with one" {
	todo_new
	hex 81a16b01 >"$STORE/other.mpack"
	local folder=$STORE file=$STORE/todo.mpack
	"$STOREFS" db set "$file" todo a 9
	is "$(content todo | jq .a)" 9
	is "$(backups todo)" 1
	is "$(ls -A "$STORE" | xargs)" ".backups .todo.mpack.storefs other.mpack todo.mpack"
	STORE=$file
	mount_here
	is "$(ls "$MNT")" todo
	echo '"edited"' >"$MNT/todo/c.json"
	is "$("$STOREFS" db get "$file" todo c)" '"edited"'
	"$STOREFS" db set "$file" todo k '[1]'
	is "$(jq -c . "$MNT/todo/k.json")" '[1]'
	is "$("$STOREFS" get "$file" todo/a)" 9
	"$STOREFS" rm "$file" todo/b
	"$STOREFS" flush "$file"
	is "$("$STOREFS" db list "$MNT" todo | xargs)" "a c k"
	has "$("$STOREFS" status "$file")" "$MNT"
	refused "owned by" "$STOREFS" mount "$folder" "$BATS_TEST_TMPDIR/cache"
	store_umount
	STORE=$folder
	is "$(content todo)" '{"a":9,"c":"edited","k":[1]}'
	is "$(content other)" '{"k":1}'
	lacks "$("$STOREFS" check "$file")" todo
}

@test "a database of any name is a directory, escaped where it must be" {
	local name
	mkdir "$STORE/sub"
	for name in sub/in "my todo" ünï 100% a%2Fb $'a\tb' $'bad\xff' "$(printf 'x%.0s' $(seq 200))"; do
		hex 81a16101 >"$STORE/$name.mpack"
	done
	mount_here
	is "$(ls "$MNT" | LC_ALL=C sort | cut -c 1-8 | xargs)" "100% a%09b a%252Fb bad%FF my todo sub%2Fin xxxxxxxx ünï"
	for name in "$MNT"/*; do
		is "$(cat "$name/a.json")" 1
		echo 2 >"$name/a.json"
		echo '{"x": 5}' >"$name/b.json"
		is "$(stat -c %F "$name")" directory
		refused "Bad message" cp "$TREE/README.md" "$name/c.json"
	done
	absent "$MNT/a%2Fb" "$MNT/sub"
	echo '{"properties": {"x": "int"}, "indexes": {"x": "value"}}' >"$MNT/.storefs/schema/sub%2Fin.json"
	is "$(jq -c . "$MNT/sub%2Fin/by/x/5/b.json")" '{"x":5}'
	is "$(ls "$MNT/.storefs/databases" | grep -c sub)" 2
	is "$(ls "$MNT/.storefs/rejected" | wc -l)" 8
	has "$("$STOREFS" why "$MNT/sub%2Fin/c.json")" "expected"
	is "$("$STOREFS" get "$MNT" "sub%2Fin/a")" 2
	rm "$MNT/my todo/"*
	rmdir "$MNT/my todo"
	mv "$MNT/ünï" "$MNT/plain"
	store_umount
	is "$(xxd -p "$STORE/sub/in.mpack")" 82a16102a16281a17805
	is "$(xxd -p "$STORE/plain.mpack")" 82a16102a16281a17805
	absent "$STORE/my todo.mpack" "$STORE/ünï.mpack"
	lacks "$("$STOREFS" check "$STORE")" damage
}

@test ".storefs/databases has each database as one file, and its backups" {
	todo_new
	mount_here -o save_interval=1000
	local file=$MNT/.storefs/databases/todo.mpack
	same "$file" "$STORE/todo.mpack"
	is "$(stat -c %s "$file")" "$(stat -c %s "$STORE/todo.mpack")"
	echo 5 >"$MNT/todo/a.json"
	is "$(stat -c %s "$file")" "$(cat "$file" | wc -c)"
	isnt "$(xxd -p "$file")" "$(xxd -p "$STORE/todo.mpack")"
	"$STOREFS" flush "$MNT"
	same "$file" "$STORE/todo.mpack"
	is "$(ls "$MNT/.storefs/databases" | xargs)" "todo todo.mpack"
	local backup
	backup=$(ls "$MNT/.storefs/databases/todo")
	same "$MNT/.storefs/databases/todo/$backup" "$STORE/.backups/todo/$backup"
	cp "$MNT/.storefs/databases/todo/$backup" "$file"
	is "$(cat "$MNT/todo/a.json")" 1
	is "$(content todo | jq .a)" 1
	hex c1 >"$BATS_TEST_TMPDIR/bad"
	refused "Bad message" cp "$BATS_TEST_TMPDIR/bad" "$file"
	is "$(content todo | jq .a)" 1
	store_umount
}

@test "storefs db does what Storify does" {
	todo_new
	code 0 "$STOREFS" db list "$STORE"
	is "$out" "$(printf 'todo\tmap\t3')"
	code 0 "$STOREFS" db get "$STORE" todo b
	is "$(jq -c . <<<"$out")" '{"x":[true]}'
	code 10 "$STOREFS" db get "$STORE" todo none
	code 0 "$STOREFS" db get --default 5 "$STORE" todo none
	is "$out" 5
	"$STOREFS" db set "$STORE" todo k '[1]'
	"$STOREFS" db del "$STORE" todo a
	code 10 "$STOREFS" db del "$STORE" todo a
	is "$(content todo)" '{"b":{"x":[true]},"c":"text","k":[1]}'
	code 0 "$STOREFS" db list "$STORE" todo
	is "$(xargs <<<"$out")" "b c k"
	is "$(backups todo)" 2
	local oldest
	oldest=$(ls "$STORE/.backups/todo" | head -n 1)
	"$STOREFS" db restore "$STORE" todo "$oldest"
	is "$(content todo)" '{"a":1,"b":{"x":[true]},"c":"text"}'
	is "$(backups todo)" 3
	code 0 "$STOREFS" db path "$STORE" todo
	is "$out" "$STORE/todo.mpack"
	"$STOREFS" db create "$STORE" made '{"x":1}'
	code 0 "$STOREFS" db exists "$STORE" made
	code 1 "$STOREFS" db rename "$STORE" made todo
	"$STOREFS" db rename --replace "$STORE" made todo
	is "$(content todo)" '{"x":1}'
	code 10 "$STOREFS" db exists "$STORE" made
	"$STOREFS" db remove "$STORE" todo
	absent "$STORE/todo.mpack"
	[ "$(backups todo)" -ge 4 ]
	for i in 1 2 3 4 5 6 7 8; do
		[ "$i" = 1 ] && "$STOREFS" db create "$STORE" many '{}'
		"$STOREFS" db set "$STORE" many k "$i"
	done
	is "$(backups many)" 5
	lacks "$("$STOREFS" check "$STORE")" many
}

@test "a flush that meets a full disk is said, leaves the file as it was, and is done when there is room" {
	STORE=$BATS_TEST_TMPDIR/disk
	mkdir "$STORE"
	as_root mount -t tmpfs -o "size=80m,mode=0777" tmpfs "$STORE"
	/usr/bin/python3 -c 'import msgpack, sys
sys.stdout.buffer.write(msgpack.packb({"a": 1, "big": "x" * 6000000}))' >"$STORE/todo.mpack"
	mount_here -o save_interval=1
	echo 2 >"$MNT/todo/a.json"
	"$STOREFS" flush "$MNT"
	local before
	before=$(stat -c '%i %y' "$STORE/todo.mpack")
	head -c 3M /dev/zero >"$STORE/room"
	refused "No space left" dd if=/dev/zero of="$STORE/filler" bs=64k
	rm "$STORE/room"
	echo 3 >"$MNT/todo/a.json"
	refused "no space" "$STOREFS" flush "$MNT"
	is "$(cat "$MNT/todo/a.json")" 3
	is "$(stat -c '%i %y' "$STORE/todo.mpack")" "$before"
	is "$(content todo | jq .a)" 2
	# The daemon tries again each second: what it has begun then is there for a moment.
	nothing_half_done() { [ "$(ls -A "$STORE" | xargs)" = ".backups .storefs filler todo.mpack" ]; }
	wait_until nothing_half_done
	rm "$STORE/filler"
	"$STOREFS" flush "$MNT"
	is "$(content todo | jq .a)" 3
	echo 4 >"$MNT/todo/a.json"
	store_umount
	is "$(content todo | jq .a)" 4
	disk_umount "$STORE"
}
