#!/usr/bin/env bats
# .storefs/trash and storefs trash: what was removed is seen, comes back, and goes for ever.

load ../support/mount
load ../support/cli

setup() {
	store_new
	store_mount
	T=$MNT/.storefs/trash
	mkdir "$MNT/Article"
}
teardown() { store_teardown; }

# the only second in which something of CLASS was removed
second() { ls "$T/$1" | tail -n 1; }
entries() { sfs status --json "$STORE" | jq .trashed; }
# What may be found besides: directories that no backup has, relations to what is gone.
sound() { sfs check -q "$STORE" || fail "the check finds something"; }

@test "an object that was removed is read in the trash, and moved back as the same one" {
	printf '{"title":"one",   "n": 1}' >"$MNT/Article/1.json"
	touch -d '2020-01-02 03:04:05' "$MNT/Article/1.json"
	local before number
	before=$(cat "$MNT/Article/1.json")
	number=$(stat -c '%i %Y' "$MNT/Article/1.json")
	rm "$MNT/Article/1.json"
	absent "$MNT/Article/1.json"
	is "$(ls "$T")" Article
	is "$(find "$T" -type f -printf '%f %s\n')" "1.json ${#before}"
	is "$(cat "$T/Article"/*/1.json)" "$before"
	# Nothing else can be done there.
	refused "Read-only" rm "$T/Article/$(second Article)/1.json"
	refused "Read-only" sh -c "echo >$T/Article/$(second Article)/1.json"
	refused "Read-only" mkdir "$T/Article/x"
	mv "$T/Article/$(second Article)/1.json" "$MNT/Article/"
	is "$(cat "$MNT/Article/1.json")" "$before"
	is "$(stat -c '%i %Y' "$MNT/Article/1.json")" "$number"
	is "$(ls "$T")" ""
	is "$(ls "$MNT/Article")" 1.json
	sound
}

@test "what was removed several times is there several times" {
	local n
	for n in 1 2 3; do
		echo "{\"n\": $n}" >"$MNT/Article/1.json"
		rm "$MNT/Article/1.json"
	done
	is "$(entries)" 3
	is "$(find "$T" -type f | wc -l)" 3
	is "$(find "$T" -type f -exec cat {} + | jq .n | sort | tr '\n' ' ')" "1 2 3 "
	# The oid is taken: mv replaces, as it does, and what was there goes into the trash.
	echo '{"n": 4}' >"$MNT/Article/1.json"
	local file
	file=$(grep -l '"n": 2' -r "$T")
	# Releases of mv differ in the exit code of -n.
	mv -n "$file" "$MNT/Article/1.json" || true
	[ -e "$file" ] || fail "mv -n took it out of the trash"
	is "$(jq .n "$MNT/Article/1.json")" 4
	mv -f "$file" "$MNT/Article/1.json"
	is "$(jq .n "$MNT/Article/1.json")" 2
	is "$(find "$T" -type f -exec cat {} + | jq .n | sort | tr '\n' ' ')" "1 3 4 "
	# Under another name, and as a copy, which is a new object.
	mv "$(grep -l '"n": 3' -r "$T")" "$MNT/Article/three.json"
	is "$(jq .n "$MNT/Article/three.json")" 3
	cp "$(grep -l '"n": 1' -r "$T")" "$MNT/Article/copy.json"
	is "$(jq .n "$MNT/Article/copy.json")" 1
	is "$(entries)" 2
	sound
}

@test "raws are read in the trash with their attributes, and come back with them" {
	class_raw Image
	mkdir -p "$MNT/Image/one/two"
	head -c 200000 /dev/urandom >"$MNT/Image/one/two/a.bin"
	setfattr -n user.width -v 19 "$MNT/Image/one/two/a.bin"
	chmod 640 "$MNT/Image/one/two/a.bin"
	touch -d '2020-01-02 03:04:05' "$MNT/Image/one/two/a.bin"
	ln -s nowhere "$MNT/Image/link"
	echo more >"$MNT/Image/b.txt"
	ln "$MNT/Image/b.txt" "$MNT/Image/c.txt"
	local before plain file
	before=$(stat -c '%i %a %Y %s' "$MNT/Image/one/two/a.bin")
	cp "$MNT/Image/one/two/a.bin" "$BATS_TEST_TMPDIR/a.bin"
	plain=$(getfattr --only-values -n user.storefs.path "$MNT/Image/one/two/a.bin")
	rm -r "$MNT/Image/one" "$MNT/Image/link" "$MNT/Image/b.txt"
	[ -e "$plain" ] # the bytes stayed where they are
	is "$(entries)" 2
	file=$(find "$T/Image" -name '*a.bin')
	is "${file##*/}" one%2Ftwo%2Fa.bin
	cmp "$file" "$BATS_TEST_TMPDIR/a.bin"
	is "$(getfattr --only-values -n user.width "$file")" 19
	is "$(readlink "$(find "$T/Image" -type l)")" nowhere
	refused "Read-only" sh -c "echo >>$file"
	refused "Read-only" chmod 777 "$file"
	refused "Read-only" setfattr -n user.k -v v "$file"
	mv "$file" "$MNT/Image/"
	is "$(stat -c '%i %a %Y %s' "$MNT/Image/one/two/a.bin")" "$before"
	is "$(getfattr --only-values -n user.width "$MNT/Image/one/two/a.bin")" 19
	cmp "$MNT/Image/one/two/a.bin" "$BATS_TEST_TMPDIR/a.bin"
	is "$(ls "$MNT/Image" | tr '\n' ' ')" "c.txt one "
	mv "$(find "$T/Image" -type l)" "$MNT/Image/again"
	is "$(readlink "$MNT/Image/again")" nowhere
	is "$(entries)" 0
	sound
}

list_restore_empty() {
	is "$(sfs trash list "$S" | cut -f 3 | sort | tr '\n' ' ')" "Article/1 Article/2 "
	is "$(sfs trash list --json "$S" Article/1 | jq -r '.[].oid')" 1
	code 0 sfs trash restore "$S" Article/1
	is "$out" Article/1
	code 1 sfs trash restore --as 1 "$S" Article/2
	code 0 sfs trash restore --as 3 "$S" Article/2
	is "$(sfs get "$S" Article/3 | jq -c .)" '{"n":2}'
	code 10 sfs trash restore "$S" Article/2
	has "$err" "not in the trash"
	sfs rm "$S" Article/1 Article/3
	is "$(sfs trash empty --json --before 2020-01-01 "$S" | jq .removed)" 0
	is "$(sfs trash empty --json "$S" | jq .removed)" 2
	echo '{"n": 1}' | sfs put "$S" Article/1
	echo '{"n": 2}' | sfs put "$S" Article/2
	sfs rm "$S" Article/1 Article/2
}

@test "the command lists, restores and empties, with and without a mount" {
	echo '{"n": 1}' >"$MNT/Article/1.json"
	echo '{"n": 2}' >"$MNT/Article/2.json"
	rm "$MNT/Article/1.json" "$MNT/Article/2.json"
	store_umount
	each list_restore_empty
}

@test "relations, references back and indexes come back too" {
	echo '{"relations": {"next": "Article"}, "indexes": {"n": "value"}}' \
		>"$MNT/.storefs/schema/Article.json"
	echo '{"n": 1, "next": "2"}' >"$MNT/Article/1.json"
	echo '{"n": 2, "next": "1"}' >"$MNT/Article/2.json"
	rm "$MNT/Article/1.json"
	is "$(ls "$MNT/Article/by/n")" 2
	mv "$T/Article/$(second Article)/1.json" "$MNT/Article/"
	is "$(ls "$MNT/Article/by/n/1")" 1.json
	is "$(sfs refs "$STORE" Article/2)" "$(printf 'Article/1\tnext')"
	is "$(sfs refs "$STORE" Article/1)" "$(printf 'Article/2\tnext')"
	sound
}

@test "what is over goes by itself; without a trash nothing is kept" {
	echo '{}' >"$MNT/Article/1.json"
	rm "$MNT/Article/1.json"
	is "$(entries)" 1
	sfs config "$STORE" trash_for=1s
	nothing_left() { [ "$(entries)" = 0 ]; }
	wait_until nothing_left
	sfs config "$STORE" trash_for=0
	echo '{}' >"$MNT/Article/1.json"
	rm "$MNT/Article/1.json"
	is "$(entries)" 0
}

@test "editors, saves and renames put nothing into it" {
	echo '{"n": 1}' >"$MNT/Article/1.json"
	echo '{"n": 2}' >"$MNT/Article/1.json"
	sed -i s/2/3/ "$MNT/Article/1.json"
	echo '{"n": 4}' >"$MNT/Article/1.json.tmp"
	mv "$MNT/Article/1.json.tmp" "$MNT/Article/1.json"
	echo x >"$MNT/Article/scratch"
	rm "$MNT/Article/scratch"
	class_raw Image
	echo x >"$MNT/Image/.a.swp"
	echo x >"$MNT/Image/a~"
	echo old >"$MNT/Image/a"
	echo new >"$MNT/Image/b"
	mv "$MNT/Image/b" "$MNT/Image/a"
	rm "$MNT/Image/.a.swp" "$MNT/Image/a~"
	is "$(entries)" 0
}

@test "a kill in the middle of removals leaves each object either there or in the trash" {
	class_raw Image
	local n
	for n in $(seq 60); do
		echo "{\"n\": $n}" >"$MNT/Article/$n.json"
		echo "$n" >"$MNT/Image/$n"
	done
	(for n in $(seq 60); do rm -f "$MNT/Article/$n.json" "$MNT/Image/$n" 2>/dev/null; done) &
	some_are_gone() { [ "$(ls "$MNT/Image" | wc -l)" -lt 45 ]; }
	wait_until some_are_gone
	store_kill
	wait || true
	sound
	{
		sfs ls "$STORE" Article | sed 's,^,Article/,'
		sfs ls "$STORE" Image | sed 's,^,Image/,'
		sfs trash list "$STORE" | cut -f 3
	} | sort >"$BATS_TEST_TMPDIR/there"
	{ seq 60 | sed 's,^,Article/,'; seq 60 | sed 's,^,Image/,'; } | sort |
		diff - "$BATS_TEST_TMPDIR/there"
	sfs trash list "$STORE" Image | cut -f 3 | xargs "$STOREFS" trash restore "$STORE" >/dev/null
	for n in 1 2 3; do is "$(sfs get "$STORE" "Image/$n")" "$n"; done
	sound
}

@test "backups have the trash, gc leaves its files alone" {
	class_raw Image
	echo bytes >"$MNT/Image/a"
	rm "$MNT/Image/a"
	is "$(sfs gc --json "$STORE" | jq .files)" 0
	sfs backup -q "$STORE" 2>/dev/null || sfs backup "$STORE"
	store_umount
	sfs restore "$STORE/backups"/2* "$BATS_TEST_TMPDIR/then"
	is "$(sfs trash list "$BATS_TEST_TMPDIR/then" | cut -f 3)" Image/a
	sfs trash restore "$BATS_TEST_TMPDIR/then" Image/a
	is "$(sfs get "$BATS_TEST_TMPDIR/then" Image/a)" bytes
	sfs check -q "$BATS_TEST_TMPDIR/then"
}

@test "on a disk that is nearly full the oldest of the trash makes room" {
	need_root
	local disk=$BATS_TEST_TMPDIR/disk
	store_umount
	mkdir "$disk"
	mount -t tmpfs -o size=124m storefs-test "$disk"
	STORE=$disk/store
	store_init "$STORE"
	store_mount
	class_raw Image
	head -c 60000000 /dev/zero | tr '\0' x >"$MNT/Image/a"
	rm "$MNT/Image/a"
	is "$(entries)" 1
	head -c 40000000 /dev/zero | tr '\0' y >"$MNT/Image/b"
	nothing_left() { [ "$(entries)" = 0 ]; }
	wait_until nothing_left
	head -c 40000000 /dev/zero | tr '\0' y | cmp - "$MNT/Image/b"
	# The bytes go when the commit that says so is on disk.
	room_again() { [ "$(df --output=avail -B 1 "$disk" | tail -n 1)" -gt 70000000 ]; }
	wait_until room_again
	# With so little room left nothing is kept in the first place.
	head -c 60000000 /dev/zero | tr '\0' z >"$MNT/Image/c"
	rm "$MNT/Image/c"
	is "$(entries)" 0
	store_umount
	disk_umount "$disk"
}
