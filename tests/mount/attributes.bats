#!/usr/bin/env bats
# What stat says is exact, before anything was opened, and the same after a remount.

load ../support/mount

setup() {
	store_new
	store_mount
	mkdir "$MNT/Note"
	class_raw Image
}

teardown() {
	store_teardown
}

# everything : one of each kind of thing that a store can hold.
everything() {
	local i
	for i in {1..20}; do
		printf '{"n": %s, "text": "%s"}' "$i" "$(printf 'x%.0s' $(seq "$i"))" >"$MNT/Note/$i.json"
	done
	chmod 0600 "$MNT/Note/3.json"
	touch -d '2001-02-03 04:05:06.123456789 UTC' "$MNT/Note/4.json"
	hex 81a16101 >"$MNT/Note/packed.msgpack"
	object_put Note put <<<'{"a":[1,2,3]}'
	object_put Note a/b <<<'{}'
	object_put Note "$(printf 'y%.0s' {1..600})" <<<'{}'
	printf 'scratch' >"$MNT/Note/notes.txt"
	mkdir "$MNT/Note/.dir"
	printf 'x' >"$MNT/Note/.dir/x"
	ln -s 1.json "$MNT/Note/link"
	mkdir -p "$MNT/Image/a/b"
	head -c 10000 /dev/urandom >"$MNT/Image/a/b/raw"
	ln "$MNT/Image/a/b/raw" "$MNT/Image/hard"
	ln -s a/b "$MNT/Image/link"
	mkfifo "$MNT/Image/pipe"
	truncate -s 1M "$MNT/Image/sparse"
	: >"$MNT/Image/empty"
	chmod 0750 "$MNT/Image/a" "$MNT/Note"
}

@test "everything that stat says is the same after a remount, for every kind of file" {
	everything
	local before after
	before=$(facts "$MNT")
	is "$(facts "$MNT")" "$before"
	store_remount
	after=$(facts "$MNT")
	is "$after" "$before"
	store_remount
	is "$(facts "$MNT")" "$before"
}

@test "times of change and birth are the same after a remount" {
	everything
	local before
	before=$(cd "$MNT" && find . -mindepth 1 -printf '%P %C@ %b\n' | sort)
	store_remount
	is "$(cd "$MNT" && find . -mindepth 1 -printf '%P %C@ %b\n' | sort)" "$before"
}

@test "stat right after a remount is right, before a listing and before an open" {
	everything
	some() {
		(cd "$MNT" && stat -c '%n %s %i %a %h %.9Y' Note/{1,20,put,packed}.json \
			Note/1.msgpack Image/a/b/raw Image/sparse Image/link)
	}
	local before
	before=$(some)
	store_remount
	is "$(some)" "$before"
}

@test "the size of every file is the number of bytes that it has" {
	everything
	store_remount
	local file
	while IFS= read -r -d '' file; do
		is "$(stat -c %s "$file")" "$(cat "$file" | wc -c)"
	done < <(find "$MNT" "$MNT/.storefs/README" "$MNT/.storefs/schema" -type f -print0)
	for file in "$MNT"/Note/{1,2,packed,put}.msgpack; do
		is "$(stat -c %s "$file")" "$(cat "$file" | wc -c)"
	done
}

@test "a file of the machinery that changes has the size that a reader of it gets" {
	mkdir "$MNT/Other"
	local file
	for file in status metrics; do
		isnt "$(stat -c %s "$MNT/.storefs/$file")" 0
		[ "$(cat "$MNT/.storefs/$file" | wc -c)" -gt 0 ]
		cp "$MNT/.storefs/$file" "$BATS_TEST_TMPDIR/$file"
		[ -s "$BATS_TEST_TMPDIR/$file" ]
	done
	jq . "$BATS_TEST_TMPDIR/status" >/dev/null
	is "$(tail -n 1 "$BATS_TEST_TMPDIR/metrics")" "# EOF"
}

machinery() {
	stat -c '%n %.9Y %i' "$MNT"/.storefs{,/README,/schema,/schema/Note.json}
}

@test "the machinery has times that stand still" {
	local before
	before=$(machinery)
	is "$(machinery)" "$before"
	store_remount
	is "$(machinery)" "$before"
	lacks "$before" " 0.000000000 "
}

@test "no file says that it changed in the future or at the beginning of time" {
	everything
	local now
	now=$(date +%s)
	is "$(find "$MNT" "$MNT/.storefs" -newermt "@$((now + 5))" -print)" ""
	is "$(find "$MNT" "$MNT/.storefs" ! -newermt '@1' -print)" ""
}

@test "the type and the inode number of a listing are those of stat" {
	everything
	listings_agree() {
		local dir
		for dir in "$MNT"{,/Note,/Note/.dir,/Image,/Image/a/b,/.storefs,/.storefs/schema}; do
			helper listdir -t -b 4096 "$dir" >/dev/null
		done
	}
	listings_agree
	store_remount
	listings_agree
}

@test "inode numbers are unique, but for hard links" {
	everything
	is "$(find "$MNT" ! -name raw ! -name hard -printf '%i\n' | sort | uniq -d)" ""
	is "$(find "$MNT" "$MNT/.storefs" ! -name raw ! -name hard -printf '%i\n' | sort | uniq -d)" ""
	is "$(find "$MNT" -printf '%i\n' | sort | uniq -d | wc -l)" 1
}

@test "the inode number of an object stays through saves, renames and both doors" {
	echo '{"a": 1}' >"$MNT/Note/1.json"
	local ino
	ino=$(stat -c %i "$MNT/Note/1.json")
	echo '{"a": 2}' >"$MNT/Note/1.json"
	is "$(stat -c %i "$MNT/Note/1.json")" "$ino"
	object_put Note 1 <<<'{"a": 3}'
	is "$(stat -c %i "$MNT/Note/1.json")" "$ino"
	hex 81a16104 >"$MNT/Note/1.msgpack"
	is "$(stat -c %i "$MNT/Note/1.json")" "$ino"
	sed -i 's/4/5/' "$MNT/Note/1.json"
	is "$(stat -c %i "$MNT/Note/1.json")" "$ino"
	mv "$MNT/Note/1.json" "$MNT/Note/2.json"
	is "$(stat -c %i "$MNT/Note/2.json")" "$ino"
}

@test "an inode number is not used again" {
	local i seen
	for i in 1 2 3 4 5; do
		echo '{}' >"$MNT/Note/1.json"
		seen+=$(stat -c %i "$MNT/Note/1.json")$'\n'
		rm "$MNT/Note/1.json"
		echo x >"$MNT/Image/a"
		seen+=$(stat -c %i "$MNT/Image/a")$'\n'
		rm "$MNT/Image/a"
		store_remount
	done
	is "$(sort <<<"$seen" | uniq -d)" ""
}

@test "the two views of one object are two files of one object" {
	echo '{"a": 1}' >"$MNT/Note/1.json"
	isnt "$(stat -c %i "$MNT/Note/1.json")" "$(stat -c %i "$MNT/Note/1.msgpack")"
	is "$(stat -c '%a %u %g %.9Y %h' "$MNT/Note/1.json")" "$(stat -c '%a %u %g %.9Y %h' "$MNT/Note/1.msgpack")"
}

@test "a file has one link, a removed one none" {
	everything
	is "$(find "$MNT" -type f ! -links 1 -printf '%f\n' | sort | xargs)" "hard raw"
	is "$(stat -c %h "$MNT/Image/hard")" 2
}

@test "the links of a directory are honest" {
	# Either 1, which tells find nothing, or 2 and one for each sub-directory.
	honest() {
		local dirs
		dirs=$(find "$1" -mindepth 1 -maxdepth 1 -type d | wc -l)
		[[ $(stat -c %h "$1") == 1 || $(stat -c %h "$1") == $((dirs + 2)) ]] ||
			fail "$1 has $(stat -c %h "$1") links and $dirs directories"
	}
	everything
	mkdir "$MNT/Image/a/c" "$MNT/Image/a/d"
	honest "$MNT"
	honest "$MNT/Note"
	honest "$MNT/Image"
	honest "$MNT/Image/a"
	honest "$MNT/Image/a/b"
	honest "$MNT/.storefs"
	rmdir "$MNT/Image/a/c"
	mv "$MNT/Image/a/d" "$MNT/Image/d"
	honest "$MNT/Image/a"
	honest "$MNT/Image"
	store_remount
	honest "$MNT/Image/a"
	honest "$MNT/Image"
	honest "$MNT"
	is "$(find "$MNT" -type d | wc -l)" 7
}

@test "blocks say how much room a file takes" {
	everything
	is "$(stat -c %b "$MNT/Image/empty")" 0
	is "$(stat -c %b "$MNT/Image/sparse")" 0
	[ "$(stat -c %b "$MNT/Image/a/b/raw")" -ge 20 ]
	[ "$(stat -c %b "$MNT/Note/1.json")" -ge 1 ]
	[ "$(du -ks "$MNT" | cut -f 1)" -gt 10 ]
}

@test "find counts each file once" {
	everything
	is "$(find "$MNT/Note" -maxdepth 1 -type f | wc -l)" 25
	is "$(find "$MNT/Note" -maxdepth 1 -name '*.json' -type f | wc -l)" 24
	is "$(find "$MNT" -type l | wc -l)" 2
	is "$(find "$MNT" -type p | wc -l)" 1
}

@test "-o format=msgpack lists the other view, with its own sizes" {
	everything
	store_remount -o format=msgpack
	is "$(ls "$MNT/Note" | grep -c '\.msgpack$')" 24
	is "$(ls "$MNT/Note" | grep -c '\.json$' || true)" 0
	is "$(stat -c %s "$MNT/Note/packed.msgpack")" 4
	is "$(cat "$MNT/Note/packed.json" | jq -c .)" '{"a":1}'
	helper listdir -t "$MNT/Note" >/dev/null
	local file
	for file in "$MNT"/Note/*.msgpack; do
		is "$(stat -c %s "$file")" "$(cat "$file" | wc -c)"
	done
	echo '{"b": 2}' >"$MNT/Note/new.json"
	is "$(ls "$MNT/Note" | grep new)" new.msgpack
}

@test "attributes of a class say when it last changed" {
	touch -d '2020-01-01 UTC' "$MNT"/{Note,Image}
	is "$(stat -c %Y "$MNT"/{Note,Image} | xargs)" "1577836800 1577836800"
	echo '{}' >"$MNT/Note/1.json"
	is "$(stat -c %Y "$MNT/Image")" 1577836800
	local note
	note=$(stat -c %.9Y "$MNT/Note")
	store_remount
	is "$(stat -c %.9Y "$MNT/Note")" "$note"
}
