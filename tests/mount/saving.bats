#!/usr/bin/env bats
# Every tool's way of saving works: what handles, renames and times mean for an object.

load ../support/mount

setup() {
	store_new
	store_mount
	mkdir "$MNT/Note"
	DIR=$MNT/Note
}

teardown() {
	store_teardown
}

# --- ways of writing --------------------------------------------------------------------

@test "truncate and write saves" {
	echo '{"a": "long enough to leave a tail"}' >"$DIR/1.json"
	echo '{"a": 1}' >"$DIR/1.json"
	holds "$DIR/1.json" $'{"a": 1}\n'
	is "$(stat -c %s "$DIR/1.json")" 9
}

@test "appending adds to the document" {
	printf '{"a": 1}' >"$DIR/1.json"
	printf '\n\n' >>"$DIR/1.json"
	holds "$DIR/1.json" $'{"a": 1}\n\n'
	run helper save -a "$DIR/1.json" <<<'{}'
	is "$status" 1
	holds "$DIR/1.json" $'{"a": 1}\n\n'
}

@test "writing at an offset changes those bytes" {
	echo '{"a": 1, "b": 2}' >"$DIR/1.json"
	printf 7 | dd of="$DIR/1.json" bs=1 seek=6 conv=notrunc status=none
	holds "$DIR/1.json" $'{"a": 7, "b": 2}\n'
	run helper save -r -o 14 "$DIR/1.json" < <(printf 8)
	is "$output" "open=ok write=ok close=ok "
	holds "$DIR/1.json" $'{"a": 7, "b": 8}\n'
}

@test "cutting the end off a document saves what is left, when it is a document" {
	printf '{"a": 1}    ' >"$DIR/1.json"
	truncate -s 8 "$DIR/1.json"
	wait_until holds "$DIR/1.json" '{"a": 1}'
	run helper save -s 8 "$DIR/1.json" </dev/null
	is "$output" "open=ok truncate=ok close=ok "
	run helper save -s 5 "$DIR/1.json" </dev/null
	is "$status" 1
	has "$output" EBADMSG
	holds "$DIR/1.json" '{"a": 1}'
}

@test "a document that is made longer by truncate has bytes that are none: refused" {
	printf '{"a": 1}' >"$DIR/1.json"
	run helper save -s 20 "$DIR/1.json" </dev/null
	is "$status" 1
	holds "$DIR/1.json" '{"a": 1}'
	is "$(stat -c %s "$DIR/1.json")" 8
}

@test "a document can be rewritten in place through one descriptor for reading and writing" {
	printf '{"a": 1}' >"$DIR/1.json"
	exec 7<>"$DIR/1.json"
	is "$(head -c 8 <&7)" '{"a": 1}'
	printf ' ' >&7
	exec 7>&-
	holds "$DIR/1.json" '{"a": 1} '
}

@test "a descriptor reads back what it wrote before it is saved" {
	echo '{"a": 1}' >"$DIR/1.json"
	run helper save -rb "$DIR/1.json" <<<'{"b": 2, "longer": true}'
	is "$output" "open=ok write=ok read=ok close=ok "
	run helper save -trb "$DIR/1.json" <<<'{"c": 3}'
	is "$output" "open=ok write=ok read=ok close=ok "
	holds "$DIR/1.json" $'{"c": 3}\n'
}

@test "a document can be saved many times through one descriptor, whenever it is whole" {
	run helper save -tl "$DIR/1.json" < <(printf '{"a":\n 1}\n\n}\n')
	has "$output" "open=ok write=ok fsync=EBADMSG write=ok fsync=ok write=ok fsync=ok write="
	is "$status" 1
	holds "$DIR/1.json" $'{"a":\n 1}\n\n'
}

@test "O_EXCL makes one winner" {
	run helper save -x "$DIR/1.json" <<<'{"a": 1}'
	is "$output" "open=ok write=ok close=ok "
	run helper save -x "$DIR/1.json" <<<'{"a": 2}'
	is "$output" "open=EEXIST "
	holds "$DIR/1.json" $'{"a": 1}\n'
	run helper save -x "$DIR/1.msgpack" </dev/null
	is "$output" "open=EEXIST "
}

@test "a text that fsync refused is refused by close too: some programs only log the first" {
	echo '{"a": 1}' >"$DIR/1.json"
	run helper save -tf "$DIR/1.json" <<<'{"a": '
	is "$output" "open=ok write=ok fsync=EBADMSG close=EBADMSG "
	run helper save -tf "$DIR/2.json" <<<'{"a": '
	is "$output" "open=ok write=ok fsync=EBADMSG close=EBADMSG "
	holds "$DIR/1.json" $'{"a": 1}\n'
	absent "$DIR/2.json"
	is "$(jq .refused "$MNT/.storefs/status")" 2
}

@test "fsync saves and says so" {
	run helper save -tf "$DIR/1.json" <<<'{"a": 1}'
	is "$output" "open=ok write=ok fsync=ok close=ok "
	holds "$DIR/1.json" $'{"a": 1}\n'
	sync "$DIR/1.json" "$DIR"
	sync -f "$DIR/1.json"
}

@test "a program that closes a duplicate first does not save half a document" {
	{
		printf '{"a": '
		(exec 8>&1; exec 8>&-)
		printf '1}\n'
	} >"$DIR/1.json"
	holds "$DIR/1.json" $'{"a": 1}\n'
}

# --- who sees what, and when ------------------------------------------------------------

@test "others read the last saved version, whole, until the save" {
	echo '{"version": 1}' >"$DIR/1.json"
	exec 7>"$DIR/1.json"
	holds "$DIR/1.json" $'{"version": 1}\n'
	is "$(stat -c %s "$DIR/1.json")" 15
	printf '{"version": 2, ' >&7
	holds "$DIR/1.json" $'{"version": 1}\n'
	is "$(stat -c %s "$DIR/1.json")" 15
	is "$(object_get Note 1)" '{"version": 1}'
	printf '"more": ' >&7
	holds "$DIR/1.json" $'{"version": 1}\n'
	# The shell closes a duplicate after each command: with this one the document is whole.
	printf 'true}\n' >&7
	holds "$DIR/1.json" $'{"version": 2, "more": true}\n'
	exec 7>&-
	holds "$DIR/1.json" $'{"version": 2, "more": true}\n'
	is "$(stat -c %s "$DIR/1.json")" 29
}

# version N LINES : a document of many lines that all say N.
version() {
	printf '{"v": ['
	yes "$1," | head -n "$2"
	printf '%s]}\n' "$1"
}

@test "a reader with an old descriptor sees the old version whole" {
	version 1 100000 >"$BATS_TEST_TMPDIR/old"
	version 2 100000 >"$BATS_TEST_TMPDIR/new"
	cp "$BATS_TEST_TMPDIR/old" "$DIR/1.json"
	exec 7<"$DIR/1.json"
	head -c 4096 <&7 >"$BATS_TEST_TMPDIR/seen"
	cp "$BATS_TEST_TMPDIR/new" "$DIR/tmp"
	mv "$DIR/tmp" "$DIR/1.json"
	cat <&7 >>"$BATS_TEST_TMPDIR/seen"
	exec 7<&-
	same "$BATS_TEST_TMPDIR/seen" "$BATS_TEST_TMPDIR/old"
	same "$BATS_TEST_TMPDIR/new" "$DIR/1.json"
}

@test "a reader with an old descriptor never sees a mixture, whatever the new size" {
	local lines
	version 1 100000 >"$BATS_TEST_TMPDIR/old"
	for lines in 50000 100000 150000; do
		version 2 $lines >"$BATS_TEST_TMPDIR/new"
		cp "$BATS_TEST_TMPDIR/old" "$DIR/1.json"
		exec 7<"$DIR/1.json"
		head -c 4096 <&7 >"$BATS_TEST_TMPDIR/seen"
		cp "$BATS_TEST_TMPDIR/new" "$DIR/1.json"
		cat <&7 >>"$BATS_TEST_TMPDIR/seen"
		exec 7<&-
		same "$BATS_TEST_TMPDIR/seen" "$BATS_TEST_TMPDIR/old"
		same "$BATS_TEST_TMPDIR/new" "$DIR/1.json"
	done
}

@test "what an old descriptor reads is not what a new one sees" {
	echo '{"v": 1}' >"$DIR/1.json"
	exec 7<"$DIR/1.json"
	echo '{"v": 2}' >"$DIR/1.json"
	cat <&7 >/dev/null
	exec 7<&-
	holds "$DIR/1.json" $'{"v": 2}\n'
	holds "$DIR/1.json" $'{"v": 2}\n'
}

@test "of two writers the last to save wins, whole" {
	exec 7>"$DIR/1.json" 8>"$DIR/1.json"
	printf '{"writer": "first", "x": 1' >&7
	printf '{"writer": "second"}' >&8
	exec 8>&-
	holds "$DIR/1.json" '{"writer": "second"}'
	printf '}' >&7
	exec 7>&-
	holds "$DIR/1.json" '{"writer": "first", "x": 1}'
}

@test "many writers of one object leave one whole document" {
	local i
	for i in {1..8}; do
		version "$i" $((i * 200)) >"$BATS_TEST_TMPDIR/$i"
		(for _ in {1..20}; do cat "$BATS_TEST_TMPDIR/$i" >"$DIR/1.json"; done) &
	done
	wait
	i=$(jq '.v[0]' "$DIR/1.json")
	same "$BATS_TEST_TMPDIR/$i" "$DIR/1.json"
}

@test "an unlinked object stays readable through an open descriptor" {
	echo '{"a": 1}' >"$DIR/1.json"
	exec 7<"$DIR/1.json"
	rm "$DIR/1.json"
	absent "$DIR/1.json" "$DIR/1.msgpack"
	is "$(cat <&7)" '{"a": 1}'
	is "$(stat -Lc %h /proc/self/fd/7)" 0
	exec 7<&-
}

@test "closing a descriptor of an unlinked object does not bring the object back" {
	echo '{"a": 1}' >"$DIR/1.json"
	exec 7>"$DIR/1.json"
	rm "$DIR/1.json"
	printf '{"a": 2}' >&7
	exec 7>&-
	absent "$DIR/1.json"
	store_remount
	absent "$DIR/1.json"
}

@test "a new object of a removed one's name is another file" {
	echo '{"a": 1}' >"$DIR/1.json"
	exec 7<"$DIR/1.json"
	rm "$DIR/1.json"
	echo '{"a": 2}' >"$DIR/1.json"
	is "$(cat <&7)" '{"a": 1}'
	is "$(cat "$DIR/1.json")" '{"a": 2}'
	isnt "$(stat -Lc %i /proc/self/fd/7)" "$(stat -c %i "$DIR/1.json")"
	exec 7<&-
}

# --- renames ----------------------------------------------------------------------------

@test "a temporary file that is renamed onto an object is saved into that object" {
	echo '{"a": 1}' >"$DIR/1.json"
	chmod 0640 "$DIR/1.json"
	local ino
	ino=$(stat -c %i "$DIR/1.json")
	echo '{"a": 2}' >"$DIR/tmp"
	mv "$DIR/tmp" "$DIR/1.json"
	holds "$DIR/1.json" $'{"a": 2}\n'
	is "$(stat -c %i "$DIR/1.json")" "$ino"
	is "$(ls -A "$DIR")" 1.json
	store_remount
	holds "$DIR/1.json" $'{"a": 2}\n'
	is "$(stat -c %i "$DIR/1.json")" "$ino"
}

@test "a temporary file that is renamed to a new name becomes an object" {
	echo '{"a": 2}' >"$DIR/1.json.tmp"
	mv "$DIR/1.json.tmp" "$DIR/1.json"
	holds "$DIR/1.json" $'{"a": 2}\n'
	is "$(xxd -p "$DIR/1.msgpack")" 81a16102
	is "$(ls -A "$DIR")" 1.json
	is "$(object_get Note 1)" '{"a": 2}'
}

@test "renaming a text that is no document onto an object is refused and changes nothing" {
	echo '{"a": 1}' >"$DIR/1.json"
	echo 'not a document' >"$DIR/tmp"
	is "$(helper moveat replace "$DIR/tmp" "$DIR/1.json" || true)" EBADMSG
	is "$(helper moveat replace "$DIR/tmp" "$DIR/2.json" || true)" EBADMSG
	holds "$DIR/1.json" $'{"a": 1}\n'
	holds "$DIR/tmp" $'not a document\n'
	absent "$DIR/2.json"
	run mv "$DIR/tmp" "$DIR/1.json"
	is "$status" 1
	has "$output" "Bad message"
}

@test "an object that is renamed to a scratch name leaves its text and is gone" {
	printf '{ "a":1 }' >"$DIR/1.json"
	mv "$DIR/1.json" "$DIR/1.json~"
	absent "$DIR/1.json" "$DIR/1.msgpack"
	holds "$DIR/1.json~" '{ "a":1 }'
	is "$(ls -A "$DIR")" "1.json~"
	is "$(jq .objects "$MNT/.storefs/status")" 0
	store_remount
	holds "$DIR/1.json~" '{ "a":1 }'
	absent "$DIR/1.json"
}

@test "a backup file and a new file is a way of saving" {
	echo '{"a": 1}' >"$DIR/1.json"
	mv "$DIR/1.json" "$DIR/1.json~"
	echo '{"a": 2}' >"$DIR/1.json"
	holds "$DIR/1.json" $'{"a": 2}\n'
	holds "$DIR/1.json~" $'{"a": 1}\n'
	rm "$DIR/1.json~"
	is "$(ls -A "$DIR")" 1.json
}

@test "an object that comes back under its name within a minute is the same one" {
	echo '{"a": 1, "b": 2}' >"$DIR/1.json"
	local ino
	ino=$(stat -c %i "$DIR/1.json")
	# By a new file, the old text kept beside it for ever, then only while saving.
	mv "$DIR/1.json" "$DIR/1.json~"
	isnt "$(stat -c %i "$DIR/1.json~")" "$ino"
	echo '{"a": 2}' >"$DIR/1.json"
	is "$(stat -c %i "$DIR/1.json")" "$ino"
	mv "$DIR/1.json" "$DIR/.1.json.bak"
	echo '{"a": 3}' >"$DIR/1.json"
	rm "$DIR/.1.json.bak"
	is "$(stat -c %i "$DIR/1.json")" "$ino"
	holds "$DIR/1.json" $'{"a": 3}\n'
	holds "$DIR/1.json~" $'{"a": 1, "b": 2}\n'
	# By a temporary file.
	echo '{"a": 4}' >"$DIR/1.json.tmp"
	mv "$DIR/1.json" "$DIR/1.json~"
	mv "$DIR/1.json.tmp" "$DIR/1.json"
	is "$(stat -c %i "$DIR/1.json")" "$ino"
	holds "$DIR/1.json" $'{"a": 4}\n'
	is "$(ls -A "$DIR" | tr '\n' ' ')" "1.json 1.json~ "
	store_remount
	is "$(stat -c %i "$DIR/1.json")" "$ino"
	is "$(ls -i "$DIR/1.json" | cut -d ' ' -f 1)" "$ino"
	"$STOREFS" check "$MNT"
}

@test "a reader of an object that left and came back sees one version whole" {
	echo '{"version": "the first one, which is longer"}' >"$DIR/1.json"
	exec 8<"$DIR/1.json"
	mv "$DIR/1.json" "$DIR/1.json~"
	echo '{"version": 2}' >"$DIR/1.json"
	is "$(cat <&8)" '{"version": "the first one, which is longer"}'
	exec 8<&-
	holds "$DIR/1.json" $'{"version": 2}\n'
	holds "$DIR/1.json~" $'{"version": "the first one, which is longer"}\n'
}

@test "an object that comes back is not mistaken for the scratch file that it was renamed to" {
	local pids=() i
	for i in 1 2 3; do
		mkdir "$MNT/C$i"
		helper comeback "$MNT/C$i" 400 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || fail "see above"
	done
	"$STOREFS" check "$MNT"
}

@test "an object that was removed does not come back as the same one" {
	echo '{"a": 1}' >"$DIR/1.json"
	local ino
	ino=$(stat -c %i "$DIR/1.json")
	mv "$DIR/1.json" "$DIR/1.json~"
	echo '{"a": 1}' >"$DIR/1.json"
	rm "$DIR/1.json"
	echo '{"a": 1}' >"$DIR/1.json"
	isnt "$(stat -c %i "$DIR/1.json")" "$ino"
}

@test "an object that is renamed keeps its identity under the new name" {
	printf '{ "a":1 }' >"$DIR/1.json"
	touch -d '2020-01-01 UTC' "$DIR/1.json"
	local before
	before=$(stat -c '%i %a %Y %s' "$DIR/1.json")
	mv "$DIR/1.json" "$DIR/2.json"
	absent "$DIR/1.json" "$DIR/1.msgpack"
	holds "$DIR/2.json" '{ "a":1 }'
	is "$(stat -c '%i %a %Y %s' "$DIR/2.json")" "$before"
	is "$(ls -A "$DIR")" 2.json
}

@test "an object that is renamed onto another replaces its document" {
	echo '{"a": 1}' >"$DIR/1.json"
	echo '{"a": 2}' >"$DIR/2.json"
	mv "$DIR/1.json" "$DIR/2.json"
	absent "$DIR/1.json"
	holds "$DIR/2.json" $'{"a": 1}\n'
	is "$(ls -A "$DIR")" 2.json
	is "$(jq .objects "$MNT/.storefs/status")" 1
}

@test "a rename that must not replace does not" {
	echo '{"a": 1}' >"$DIR/1.json"
	echo '{"a": 2}' >"$DIR/2.json"
	echo '{"a": 3}' >"$DIR/tmp"
	is "$(helper moveat noreplace "$DIR/1.json" "$DIR/2.json" || true)" EEXIST
	is "$(helper moveat noreplace "$DIR/tmp" "$DIR/2.json" || true)" EEXIST
	is "$(helper moveat noreplace "$DIR/1.json" "$DIR/tmp" || true)" EEXIST
	holds "$DIR/1.json" $'{"a": 1}\n'
	holds "$DIR/2.json" $'{"a": 2}\n'
	holds "$DIR/tmp" $'{"a": 3}\n'
	is "$(helper moveat noreplace "$DIR/tmp" "$DIR/3.json")" ok
	is "$(helper moveat noreplace "$DIR/1.json" "$DIR/old")" ok
	is "$(ls "$DIR" | xargs)" "2.json 3.json old"
}

@test "a rename of a document that names its oid to another oid is refused" {
	echo '{"oid": "1"}' >"$DIR/1.json"
	run helper moveat replace "$DIR/1.json" "$DIR/2.json"
	is "$status" 1
	holds "$DIR/1.json" $'{"oid": "1"}\n'
	absent "$DIR/2.json"
}

@test "a rename between the two formats of one directory is a conversion" {
	echo '{"a": 1}' >"$DIR/tmp"
	mv "$DIR/tmp" "$DIR/1.json"
	cat "$DIR/1.msgpack" >"$DIR/tmp"
	mv "$DIR/tmp" "$DIR/2.msgpack"
	is "$(jq -c . "$DIR/2.json")" '{"a":1}'
}

@test "mv moves objects from class to class" {
	mkdir "$MNT/Other"
	printf '{ "a":1 }' >"$DIR/1.json"
	touch -d '2020-01-01 UTC' "$DIR/1.json"
	mv "$DIR/1.json" "$MNT/Other/1.json"
	absent "$DIR/1.json"
	holds "$MNT/Other/1.json" '{ "a":1 }'
	is "$(stat -c %Y "$MNT/Other/1.json")" 1577836800
}

@test "a hard link of an object is refused" {
	echo '{}' >"$DIR/1.json"
	run ln "$DIR/1.json" "$DIR/2.json"
	is "$status" 1
	run ln "$DIR/1.json" "$DIR/scratch"
	is "$status" 1
	is "$(ls -A "$DIR")" 1.json
}

# --- mode, owner, times -----------------------------------------------------------------

@test "a new object has the mode that was asked for, under the umask" {
	(umask 077; echo '{}' >"$DIR/1.json")
	(umask 022; echo '{}' >"$DIR/2.json")
	(umask 002; echo '{}' >"$DIR/3.json")
	is "$(stat -c %a "$DIR"/{1,2,3}.json | xargs)" "600 644 664"
	store_remount
	is "$(stat -c %a "$DIR"/{1,2,3}.json | xargs)" "600 644 664"
}

@test "a save keeps mode and owner" {
	echo '{"a": 1}' >"$DIR/1.json"
	chmod 0600 "$DIR/1.json"
	[ "$(id -u)" != 0 ] || chown 12:34 "$DIR/1.json"
	local before
	before=$(stat -c '%a %u %g %i' "$DIR/1.json")
	echo '{"a": 2}' >"$DIR/1.json"
	is "$(stat -c '%a %u %g %i' "$DIR/1.json")" "$before"
	object_put Note 1 <<<'{"a": 3}'
	is "$(stat -c '%a %u %g %i' "$DIR/1.json")" "$before"
	store_remount
	is "$(stat -c '%a %u %g %i' "$DIR/1.json")" "$before"
}

@test "touch -d sets the mtime of an object to the nanosecond, and it stays" {
	echo '{"a": 1}' >"$DIR/1.json"
	touch -d '2001-02-03 04:05:06.123456789 UTC' "$DIR/1.json"
	is "$(stat -c %.9Y "$DIR/1.json")" 981173106.123456789
	is "$(stat -c %.9Y "$DIR/1.msgpack")" 981173106.123456789
	store_remount
	is "$(stat -c %.9Y "$DIR/1.json")" 981173106.123456789
}

@test "the mtime of an object is when it was saved, the same on every stat" {
	local before after first
	before=$(date +%s.%N)
	echo '{"a": 1}' >"$DIR/1.json"
	after=$(date +%s.%N)
	first=$(stat -c %.9Y "$DIR/1.json")
	# The clock of a file system may tick less often than that of date.
	is "$(jq -n "$before - 0.05 <= $first and $first <= $after + 0.05")" true
	is "$(stat -c %.9Y "$DIR/1.json")" "$first"
	cat "$DIR/1.json" "$DIR/1.msgpack" >/dev/null
	object_get Note 1 >/dev/null
	is "$(stat -c %.9Y "$DIR/1.json")" "$first"
}

@test "an mtime set through the descriptor before close is kept" {
	echo '{"a": 1}' >"$BATS_TEST_TMPDIR/1.json"
	touch -d '2020-01-01 UTC' "$BATS_TEST_TMPDIR/1.json"
	cp -p "$BATS_TEST_TMPDIR/1.json" "$DIR/1.json"
	is "$(stat -c %Y "$DIR/1.json")" 1577836800
	store_remount
	is "$(stat -c %Y "$DIR/1.json")" 1577836800
}

@test "an mtime and a mode set on a temporary file come with it" {
	echo '{"a": 1}' >"$DIR/tmp"
	touch -d '2020-01-01 UTC' "$DIR/tmp"
	chmod 0600 "$DIR/tmp"
	mv "$DIR/tmp" "$DIR/1.json"
	is "$(stat -c '%Y %a' "$DIR/1.json")" "1577836800 600"
	echo '{"a": 2}' >"$DIR/tmp"
	touch -d '2021-01-01 UTC' "$DIR/tmp"
	chmod 0640 "$DIR/tmp"
	[ "$(id -u)" != 0 ] || chown 12:34 "$DIR/tmp"
	local want
	want=$(stat -c '%Y %a %u %g' "$DIR/tmp")
	cat "$DIR/1.msgpack" >/dev/null
	mv "$DIR/tmp" "$DIR/1.json"
	is "$(stat -c '%Y %a %u %g' "$DIR/1.json")" "$want"
	is "$(stat -c '%Y %a %u %g' "$DIR/1.msgpack")" "$want"
	store_remount
	is "$(stat -c '%Y %a %u %g' "$DIR/1.json")" "$want"
}

@test "the mtime of the class changes when an object comes or goes, not when it is saved" {
	touch -d '2020-01-01 UTC' "$DIR"
	echo '{"a": 1}' >"$DIR/1.json"
	[ "$(stat -c %Y "$DIR")" -gt 1577836800 ]
	touch -d '2020-01-01 UTC' "$DIR"
	echo '{"a": 2}' >"$DIR/1.json"
	is "$(stat -c %Y "$DIR")" 1577836800
	rm "$DIR/1.json"
	[ "$(stat -c %Y "$DIR")" -gt 1577836800 ]
}

@test "chmod of an object through one view shows in the other" {
	echo '{}' >"$DIR/1.json"
	stat "$DIR/1.json" "$DIR/1.msgpack" >/dev/null
	chmod 0600 "$DIR/1.msgpack"
	is "$(stat -c %a "$DIR/1.json")" 600
}

# --- locks ------------------------------------------------------------------------------

@test "flock keeps a second one out" {
	echo '{}' >"$DIR/1.json"
	exec 7<"$DIR/1.json"
	flock -n 7
	run flock -n "$DIR/1.json" true
	is "$status" 1
	exec 7<&-
	flock -n "$DIR/1.json" true
}
