#!/usr/bin/env bats
# Nothing is lost: refused texts are kept, refused operations leave a line, and `storefs why` says it.

load ../support/mount
load ../support/cli

setup() {
	store_new
	store_mount
	mkdir "$MNT/Note"
	R=$MNT/.storefs/rejected
	E=$MNT/.storefs/errors.ndjson
	T=$BATS_TEST_TMPDIR
	BAD=$'{"title": "x",\n "tags": [1, 2,]}'
}

teardown() { store_teardown; }

# save_bad FILE [TEXT] : a save that is refused when it is closed.
save_bad() {
	run helper save -t "$1" < <(printf '%s' "${2:-$BAD}")
	is "$status" 1
	has "$output" "close=EBADMSG"
}

# last FILTER : of the newest line of errors.ndjson.
last() { tail -n 1 "$E" | jq -rc "$1"; }

@test "the text of a save that was refused is kept, with the reason beside it" {
	echo '{"v": 1}' >"$MNT/Note/1.json"
	save_bad "$MNT/Note/1.json"
	holds "$MNT/Note/1.json" $'{"v": 1}\n'
	holds "$R/Note/1.json" "$BAD"
	is "$(stat -c %s "$R/Note/1.json")" "${#BAD}"
	is "$(cat "$R/Note/1.json.error" | wc -c)" "$(stat -c %s "$R/Note/1.json.error")"
	has "$(cat "$R/Note/1.json.error")" "Note/1.json: refused 20"
	has "$(cat "$R/Note/1.json.error")" "line 2, column "
	has "$(cat "$R/Note/1.json.error")" "expected"
	is "$(ls "$R")" Note
	is "$(ls "$R/Note" | tr '\n' ' ')" "1.json 1.json.error "
	[ $(($(date +%s) - $(stat -c %Y "$R/Note/1.json"))) -lt 60 ]
	is "$(stat -c '%Y %i' "$R/Note/1.json")" "$(stat -c '%Y %i' "$R/Note/1.json")"
	is "$(jq .refused_texts "$MNT/.storefs/status")" 1
	lacks "$(ls "$MNT/.storefs" "$MNT" -a)" "1.json"
}

@test "a new object whose first save was refused is not there, and its text is kept" {
	save_bad "$MNT/Note/new.json"
	absent "$MNT/Note/new.json"
	holds "$R/Note/new.json" "$BAD"
	run getfattr -n user.storefs.error "$R/Note/new.json"
	isnt "$status" 0
}

@test "it can be copied out, corrected and copied back, and is gone then" {
	save_bad "$MNT/Note/42.json"
	cp "$R/Note/42.json" "$T/x"
	sed -i 's/,]/]/' "$T/x"
	cp "$T/x" "$MNT/Note/42.json"
	same "$T/x" "$MNT/Note/42.json"
	absent "$R/Note/42.json" "$R/Note/42.json.error" "$R/Note"
	is "$(ls "$R")" ""
	is "$(jq .refused_texts "$MNT/.storefs/status")" 0
}

@test "the next refused text replaces it" {
	save_bad "$MNT/Note/1.json" '{one'
	local ino
	ino=$(stat -c %i "$R/Note/1.json")
	cat "$R/Note/1.json" >/dev/null
	save_bad "$MNT/Note/1.json" '{"second": and longer'
	holds "$R/Note/1.json" '{"second": and longer'
	is "$(stat -c '%i %s' "$R/Note/1.json")" "$ino 21"
	is "$(ls "$R/Note" | wc -l)" 2
}

@test "every good save removes it: the command, msgpack, a rename, a file moved over it" {
	local oid
	for oid in put msgpack rename scratch; do
		save_bad "$MNT/Note/$oid.json"
	done
	is "$(ls "$R/Note" | wc -l)" 8
	echo '{}' | object_put Note put
	absent "$R/Note/put.json"
	hex 81 a1 61 01 >"$MNT/Note/msgpack.msgpack"
	absent "$R/Note/msgpack.json"
	echo '{"r": 1}' >"$MNT/Note/other.json"
	mv "$MNT/Note/other.json" "$MNT/Note/rename.json"
	absent "$R/Note/rename.json"
	echo '{"s": 1}' >"$MNT/Note/.tmp"
	mv "$MNT/Note/.tmp" "$MNT/Note/scratch.json"
	absent "$R/Note"
}

@test "the same text again is a good save too" {
	echo '{"v": 1}' >"$MNT/Note/1.json"
	save_bad "$MNT/Note/1.json"
	cp "$MNT/Note/1.json" "$T/x"
	cp "$T/x" "$MNT/Note/1.json"
	absent "$R/Note/1.json"
}

@test "a shell that writes what can not begin a document: its text is kept" {
	run bash -c 'echo oops >"$0"' "$MNT/Note/1.json"
	isnt "$status" 0
	absent "$MNT/Note/1.json"
	holds "$R/Note/1.json" $'oops\n'
	is "$(last '[.operation, .errno, .line, .column]')" '["write","EBADMSG",1,1]'
}

@test "python, cp, mv, tee and the way of vim: refused by each, kept from each" {
	printf '%s' "$BAD" >"$T/bad"
	run python3 -c 'import sys; f = open(sys.argv[1], "w"); f.write(open(sys.argv[2]).read()); f.close()' \
		"$MNT/Note/python.json" "$T/bad"
	isnt "$status" 0
	run cp "$T/bad" "$MNT/Note/cp.json"
	isnt "$status" 0
	has "$output" "Bad message"
	run mv "$T/bad" "$MNT/Note/mv.json"
	isnt "$status" 0
	printf '%s' "$BAD" >"$T/bad"
	refused "Bad message" tee "$MNT/Note/tee.json" <"$T/bad"
	# vim: the old one aside, the new one written, and what it had put back.
	echo '{"old": 1}' >"$MNT/Note/vim.json"
	mv "$MNT/Note/vim.json" "$MNT/Note/vim.json~"
	run cp "$T/bad" "$MNT/Note/vim.json"
	isnt "$status" 0
	for oid in python cp mv tee vim; do
		holds "$R/Note/$oid.json" "$BAD"
	done
	mv "$MNT/Note/vim.json~" "$MNT/Note/vim.json"
	holds "$MNT/Note/vim.json" $'{"old": 1}\n'
}

@test "a rename onto an object that is refused leaves the scratch file, and the text is kept" {
	echo '{"v": 1}' >"$MNT/Note/1.json"
	printf '%s' "$BAD" >"$MNT/Note/.1.tmp"
	refused "Bad message" mv "$MNT/Note/.1.tmp" "$MNT/Note/1.json"
	holds "$MNT/Note/.1.tmp" "$BAD"
	holds "$MNT/Note/1.json" $'{"v": 1}\n'
	holds "$R/Note/1.json" "$BAD"
	is "$(last '[.class, .name, .oid, .operation, .errno, .line]')" \
		'["Note","1.json","1","rename","EBADMSG",2]'
}

@test "several flushes of one text are one refusal" {
	run helper save -t -f "$MNT/Note/1.json" < <(printf '%s' "$BAD")
	has "$output" "fsync=EBADMSG close=EBADMSG"
	is "$(wc -l <"$E")" 1
	is "$(jq .refused "$MNT/.storefs/status")" 1
}

@test "an object that is emptied and closed stays as it was, and that leaves a line" {
	echo '{"v": 1}' >"$MNT/Note/1.json"
	: >"$MNT/Note/1.json"
	holds "$MNT/Note/1.json" $'{"v": 1}\n'
	absent "$R/Note"
	wait_until test -s "$E"
	is "$(last '[.class, .oid, .operation, .errno]')" '["Note","1","save",null]'
	has "$(last .message)" "stayed as it was"
	: >"$MNT/Note/empty.json"
	wait_until holds "$MNT/Note/empty.json" $'{}\n' 2>/dev/null
	is "$(wc -l <"$E")" 1
}

@test "a msgpack text is kept as msgpack" {
	hex 82 a1 61 01 >"$T/bad"
	refused "Bad message" cp "$T/bad" "$MNT/Note/1.msgpack"
	same "$T/bad" "$R/Note/1.msgpack"
	has "$(cat "$R/Note/1.msgpack.error")" "Note/1.msgpack: refused"
	absent "$R/Note/1.json"
	echo '{"a": 1}' >"$MNT/Note/1.json"
	absent "$R/Note"
}

@test "refused texts survive a remount and a kill -9, and so does the list of errors" {
	echo '{"v": 1}' >"$MNT/Note/1.json"
	save_bad "$MNT/Note/1.json"
	save_bad "$MNT/Note/2.json"
	local before lines
	before=$(facts "$R") lines=$(cat "$E")
	store_kill
	store_mount
	is "$(facts "$R")" "$before"
	holds "$R/Note/2.json" "$BAD"
	is "$(cat "$E")" "$lines"
	store_remount
	is "$(facts "$R")" "$before"
	has "$(getfattr --only-values -n user.storefs.error "$MNT/Note/1.json")" "line 2, column"
	rm "$R/Note/2.json"
	store_kill
	store_mount
	is "$(ls "$R/Note" | tr '\n' ' ')" "1.json 1.json.error "
}

@test "a class that is renamed keeps them, one that is removed drops them" {
	save_bad "$MNT/Note/1.json"
	mv "$MNT/Note" "$MNT/Paper"
	holds "$R/Paper/1.json" "$BAD"
	absent "$R/Note"
	rmdir "$MNT/Paper"
	is "$(ls "$R")" ""
	is "$(jq .refused_texts "$MNT/.storefs/status")" 0
}

@test "only rm changes anything in rejected/" {
	save_bad "$MNT/Note/1.json"
	code 0 sfs check "$MNT"
	local f=$R/Note/1.json
	refused "Read-only" touch "$R/Note/x.json"
	refused "Read-only" mkdir "$R/Other"
	refused "Read-only" mkdir "$R/Note/dir"
	refused "Read-only" ln -s x "$R/Note/link"
	refused "Read-only" mv "$f" "$R/Note/2.json"
	refused "Read-only" mv "$MNT/Note" "$R/Note/2"
	refused "Read-only" rmdir "$R/Note"
	refused "Read-only" rm "$f.error"
	has "$(last .message)" "goes with the text"
	refused "Read-only" chmod 0600 "$f"
	refused "Read-only" truncate -s 0 "$f"
	refused "Read-only" bash -c 'echo x >"$0"' "$f"
	refused "Read-only" bash -c 'echo x >>"$0"' "$f"
	holds "$f" "$BAD"
	is "$(last '[.class, .name, .errno]')" '[".storefs","rejected/Note/1.json","EROFS"]'
	exec 7<"$f"
	rm "$f"
	absent "$f" "$f.error"
	is "$(cat <&7)" "$BAD"
	exec 7<&-
	refused "No such file" rm "$f"
}

@test "reading rejected/ with find, grep, tar and cp -a changes nothing" {
	save_bad "$MNT/Note/1.json"
	save_bad "$MNT/Note/2.json"
	local before
	before=$(facts "$R")
	is "$(find "$R" -type f | wc -l)" 4
	is "$(grep -rl tags "$R" | wc -l)" 2
	tar -C "$R" -cf "$T/r.tar" .
	cp -a "$R" "$T/copy"
	holds "$T/copy/Note/1.json" "$BAD"
	is "$(facts "$R")" "$before"
	is "$(find "$MNT" -name '*.error' | wc -l)" 0
}

@test "awkward and long oids have their files, and their errors" {
	local oid long
	long=$(printf 'x%.0s' {1..240})
	for oid in 'a b' '100%' $'new\nline' 'ä' "$long" "${long}12345"; do
		printf '{"v": 1}' | object_put Note "$oid"
	done
	local name n=0
	for name in "$MNT"/Note/*.json; do
		save_bad "$name"
		n=$((n + 1))
		name=${name##*/}
		holds "$R/Note/$name" "$BAD"
	done
	is "$n" 6
	is "$(find "$R/Note" -type f -name '*.error' | wc -l)" 6
	is "$(find "$R/Note" -type f | wc -l)" 12
	find "$R/Note" -name '*.error' -print0 | xargs -0 -n 1 grep -q "refused"
	for name in "$MNT"/Note/*.json; do
		code 0 sfs why "$name"
		has "$out" "line 2"
		has "$out" ".storefs/rejected/Note/"
	done
	# An oid that is longer than any name.
	long=$long$long$long
	printf '{"v": 1}' | object_put Note "$long"
	name=$(find "$MNT/Note" -name '*~*' -size -2 -newer "$R/Note/a b.json" -printf '%f\n' | head -n 1)
	save_bad "$MNT/Note/$name"
	holds "$R/Note/$name" "$BAD"
	code 0 sfs why "$MNT/Note/$name"
	has "$out" ".storefs/rejected/Note/$name"
	rm "$R"/Note/*.json
	is "$(ls "$R")" ""
}

@test "a text of 64 MiB is kept, and read back whole" {
	{ printf '{"x": "'; head -c $((64 * 1024 * 1024 - 10)) /dev/zero | tr '\0' y; printf '",]'; } >"$T/big"
	is "$(stat -c %s "$T/big")" $((64 * 1024 * 1024))
	refused "Bad message" cp "$T/big" "$MNT/Note/big.json"
	is "$(stat -c %s "$R/Note/big.json")" $((64 * 1024 * 1024))
	cmp "$T/big" "$R/Note/big.json"
	store_kill
	store_mount
	cmp "$T/big" "$R/Note/big.json"
	rm "$R/Note/big.json"
}

@test "an object that is removed to be made anew: when the new one is refused, the old text is kept" {
	printf '{"v":  1}' >"$MNT/Note/1.json"
	rm "$MNT/Note/1.json"
	save_bad "$MNT/Note/1.json"
	absent "$MNT/Note/1.json"
	holds "$R/Note/1.json" "$BAD"
	holds "$R/Note/1.json.removed" '{"v":  1}'
	is "$(stat -c %s "$R/Note/1.json.removed")" 9
	is "$(ls "$R/Note" | tr '\n' ' ')" "1.json 1.json.error 1.json.removed "
	has "$(cat "$R/Note/1.json.error")" "1.json.removed"
	is "$(cat "$R/Note/1.json.error" | wc -c)" "$(stat -c %s "$R/Note/1.json.error")"
	code 0 sfs why "$MNT/Note/1.json"
	has "$out" "1.json.removed"
	code 0 sfs why "$R/Note/1.json.removed"
	has "$out" "line 2, column"
	refused "Read-only" rm "$R/Note/1.json.removed"
	refused "Read-only" bash -c 'echo x >"$0"' "$R/Note/1.json.removed"
	store_kill
	store_mount
	holds "$R/Note/1.json.removed" '{"v":  1}'
	save_bad "$MNT/Note/1.json" '{"again'
	holds "$R/Note/1.json" '{"again'
	holds "$R/Note/1.json.removed" '{"v":  1}'
	code 0 sfs check "$MNT"
	cp "$R/Note/1.json.removed" "$MNT/Note/1.json"
	holds "$MNT/Note/1.json" '{"v":  1}'
	absent "$R/Note"
	code 0 sfs check "$MNT"
}

@test "what was removed is kept only beside the refused text of an object that is still gone" {
	local oid
	for oid in again gone mine; do
		echo "{\"oid\": \"$oid\"}" >"$MNT/Note/$oid.json"
	done
	save_bad "$MNT/Note/mine.json"
	absent "$R/Note/mine.json.removed"
	rm "$MNT/Note/again.json"
	echo '{"made": "again"}' >"$MNT/Note/again.json"
	save_bad "$MNT/Note/again.json"
	absent "$R/Note/again.json.removed"
	holds "$MNT/Note/again.json" $'{"made": "again"}\n'
	rm "$MNT/Note/gone.json"
	hex 82 a1 61 01 >"$T/bad"
	refused "Bad message" cp "$T/bad" "$MNT/Note/gone.msgpack"
	is "$(ls "$R/Note" | grep gone | tr '\n' ' ')" "gone.json.removed gone.msgpack gone.msgpack.error "
	holds "$R/Note/gone.json.removed" $'{"oid": "gone"}\n'
	rm "$R/Note/gone.msgpack"
	is "$(ls "$R/Note" | grep gone)" ""
	rm "$R"/Note/*.json
	code 0 sfs check "$MNT"
	is "$(ls "$R")" ""
}

@test "a refused operation on a raw says its path" {
	class_raw Image
	mkdir -p "$MNT/Image/a/b c" "$MNT/Note/sub"
	! ln "$MNT/Image/a" "$MNT/Image/a/hard" 2>/dev/null
	! mknod "$MNT/Image/a/b c/device" b 1 1 2>/dev/null
	is "$(last '[.class, .name, .operation, .errno]')" '["Image","a/b c/device","mknod","EPERM"]'
	code 0 sfs why "$MNT/Image/a/b c/device"
	has "$out" "Image/a/b c/device: mknod refused"
	code 10 sfs why "$MNT/Image/device"
	! mknod "$MNT/Note/sub/device" b 1 1 2>/dev/null
	is "$(last '[.class, .name]')" '["Note","sub/device"]'
	! mknod "$MNT/Image/top" b 1 1 2>/dev/null
	is "$(last '[.class, .name]')" '["Image","top"]'
}

@test "user.storefs.error says it on the object, as long as there is a refused text" {
	echo '{"v": 1}' >"$MNT/Note/1.json"
	refused "No such attribute" getfattr -n user.storefs.error "$MNT/Note/1.json"
	is "$(getfattr -d "$MNT/Note/1.json")" ""
	save_bad "$MNT/Note/1.json"
	has "$(getfattr --only-values -n user.storefs.error "$MNT/Note/1.json")" "line 2, column"
	has "$(getfattr --only-values -n user.storefs.error "$MNT/Note/1.msgpack")" "line 2, column"
	# It is not listed, like all that is computed: who copies attributes does not copy this one.
	is "$(getfattr -d "$MNT/Note/1.json" "$MNT/Note/1.msgpack")" ""
	cp -a "$MNT/Note/1.json" "$T/copy.json"
	is "$(getfattr -d "$T/copy.json")" ""
	cp --preserve=all "$MNT/Note/1.json" "$MNT/Note/2.json"
	refused "Operation not permitted" setfattr -n user.storefs.error -v x "$MNT/Note/1.json"
	refused "Operation not permitted" setfattr -x user.storefs.error "$MNT/Note/1.json"
	echo '{"v": 2}' >"$MNT/Note/1.json"
	is "$(getfattr -d "$MNT/Note/1.json")" ""
}

@test "every refused operation leaves a line, ordinary outcomes and reading leave none" {
	mkdir "$MNT/Other"
	class_raw Image
	echo '{}' >"$MNT/Note/1.json"
	refused "No such file" ls "$MNT/nothing"
	refused "File exists" mkdir "$MNT/Note"
	refused "Directory not empty" rmdir "$MNT/Note"
	refused "No such file" rm "$MNT/Note/2.json"
	cp -a "$MNT/Note/1.json" "$T/copy"
	cp -a "$T/copy" "$MNT/Note/3.json"
	getfattr -d -m - "$MNT/Note/1.json" "$MNT/Image"
	is "$(cat "$E")" ""
	! mkdir "$MNT/bad name"
	is "$(last '[.class, .operation, .errno]')" '["bad name","mkdir","EINVAL"]'
	! touch "$MNT/file"
	is "$(last '[.class, .operation, .errno]')" '["file","create","EPERM"]'
	run helper moveat "$MNT/Note/1.json" "$MNT/Other/1.json"
	! ln "$MNT/Note/1.json" "$MNT/Note/hard"
	is "$(last '[.class, .name, .operation, .errno]')" '["Note","hard","link","EPERM"]'
	! rm "$MNT/.storefs/README"
	is "$(last '[.class, .name, .operation, .errno]')" '[".storefs","README","unlink","EPERM"]'
	! truncate -s 5 "$MNT/Note/1.json"
	is "$(last '[.class, .oid, .operation, .errno]')" '["Note","1","save","EBADMSG"]'
	! setfattr -n user.x -v y "$MNT/Note/1.json"
	is "$(last '[.oid, .operation]')" '["1","setxattr"]'
	run bash -c 'echo "{\"kind\": 7}" >"$0"' "$MNT/.storefs/schema/New.json"
	is "$(last '[.class, .name, .operation, .errno]')" \
		'[".storefs","schema/New.json","flush","EBADMSG"]'
	jq -es 'all(.[]; (.time | test("^2[0-9-]+T[0-9:.]+Z$")) and .message != "" and .operation != "")' "$E"
	is "$(stat -c %s "$E")" "$(wc -c <"$E")"
	refused "Operation not permitted" bash -c 'echo x >"$0"' "$E"
}

@test "objects do not move between classes, and why says what to do" {
	mkdir "$MNT/Other"
	echo '{}' >"$MNT/Note/1.json"
	run python3 -c 'import os, sys; os.rename(*sys.argv[1:])' "$MNT/Note/1.json" "$MNT/Other/1.json"
	isnt "$status" 0
	code 0 sfs why "$MNT/Other/1.json"
	has "$out" EXDEV
	has "$out" "copy it"
}

@test "errors.ndjson is bounded: 5,000 refusals" {
	save_bad "$MNT/Note/1.json"
	python3 - "$MNT" <<-'END'
		import os, sys
		for i in range(5000):
		    try: os.mkdir(sys.argv[1] + "/bad name %d" % i)
		    except OSError: pass
		    else: raise SystemExit("made")
	END
	is "$(wc -l <"$E")" 1000
	[ "$(stat -c %s "$E")" -le 524288 ]
	is "$(last .class)" "bad name 4999"
	[ "$(stat -c %s "$STORE/errors.ndjson")" -le 1048576 ]
	code 0 sfs why "$MNT/Note/1.json"    # its line is gone, its text is not
	has "$out" "line 2, column"
	store_kill
	store_mount
	is "$(wc -l <"$E")" 1000
	is "$(last .class)" "bad name 4999"
}

@test "hostile names do no harm to the lines" {
	local name=$'a"b\\c\n\x1b[31m\xff'
	! mkdir "$MNT/$name"
	! mkdir "$MNT/Note/$(printf 'n%.0s' {1..300})" 2>/dev/null
	jq -es . "$E" >/dev/null
	is "$(head -n 1 "$E" | jq -r '.class | startswith("a\"b\\c\n")')" true
	code 0 sfs why "$MNT"
	lacks "$out" $'\x1b'
}

@test "why, with a mount: objects, files that are not there, classes, the root, rejected/" {
	code 10 sfs why "$MNT"
	is "$out" "nothing was refused"
	echo '{}' >"$MNT/Note/ok.json"
	code 10 sfs why "$MNT/Note/ok.json"
	is "$out" "nothing was refused there"
	code 10 sfs why --json "$MNT/Note"
	is "$out" null
	save_bad "$MNT/Note/new.json"
	! touch "$MNT/Note2" 2>/dev/null
	code 0 sfs why "$MNT/Note/new.json"
	has "$out" "Note/new.json: save refused 20"
	has "$out" "(EBADMSG): line 2, column "
	has "$out" "expected"
	has "$out" ".storefs/rejected/Note/new.json"
	local said=$out
	code 0 sfs why "$MNT/.storefs/rejected/Note/new.json"
	is "$out" "$said"
	code 0 sfs why "$MNT/.storefs/rejected/Note/new.json.error"
	is "$out" "$said"
	code 0 sfs why "$STORE" Note/new
	is "$out" "$said"
	code 0 sfs why --store "$MNT" Note/new
	is "$out" "$said"
	cd "$MNT/Note"
	code 0 sfs why new.json
	cd "$T"
	is "$out" "$said"
	code 0 sfs why "$MNT/Note"
	has "$out" "Note/new.json: save"
	code 0 sfs why "$MNT"
	has "$out" "Note2: create refused"
	code 0 sfs why "$MNT/Note2"
	has "$out" "the root holds classes only"
	code 0 sfs why --json "$MNT/Note/new.json"
	is "$(ask '[.class, .name, .oid, .operation, .errno, .line, .rejected]')" \
		'["Note","new.json","new","save","EBADMSG",2,".storefs/rejected/Note/new.json"]'
	has "$(ask .message)" expected
	code 2 sfs why a b c
	code 0 sfs why --help
}

@test "why, without a mount" {
	save_bad "$MNT/Note/1.json"
	store_umount
	code 0 sfs why "$STORE" Note/1
	has "$out" "line 2, column "
	code 0 sfs why "$STORE" Note
	code 0 sfs why "$STORE"
	code 10 sfs why "$STORE" Note/2
	code 10 sfs why "$STORE" Nothing
	rm "$STORE/errors.ndjson"
	code 0 sfs why "$STORE" Note/1
	has "$out" "Note/1.json: save refused"
	code 10 sfs why "$STORE"
	code 13 sfs why "$T"
	STOREFS_STORE=$STORE code 0 sfs why Note/1
}

@test "a document that the command refuses leaves a line, with and without a mount" {
	code 12 sfs put "$MNT" Note/1 < <(printf '%s' "$BAD")
	is "$(last '[.class, .oid, .operation, .errno, .line]')" '["Note","1","put","EBADMSG",2]'
	store_umount
	code 12 sfs put "$STORE" Note/2 < <(printf '%s' "$BAD")
	code 3 sfs import "$STORE" Note - < <(printf '{"oid":"3"}\n{"oid":"4","oid":"4"}\n')
	store_mount
	is "$(jq -r .operation "$E" | tr '\n' ' ')" "put put import "
	code 0 sfs why "$MNT/Note/2.json"
	has "$out" "put refused"
	is "$(ls "$R")" ""
}

@test "many objects refused at once, each with its own text" {
	local i pids=()
	for i in $(seq 1 40); do
		echo '{}' >"$MNT/Note/$i.json"
	done
	for i in 1 2 3 4; do
		(for j in $(seq "$i" 4 40); do
			helper save -t "$MNT/Note/$j.json" < <(printf '{"n": %s, bad' "$j") >/dev/null || true
			helper save -t "$MNT/Note/1.json" < <(printf '{"shared') >/dev/null || true
		done) 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in $(seq 2 40); do
		holds "$R/Note/$i.json" "{\"n\": $i, bad"
	done
	is "$(ls "$R/Note" | wc -l)" 80
	is "$(jq .refused_texts "$MNT/.storefs/status")" 40
	is "$(jq -es length "$E")" 80
	rm "$R"/Note/?.json "$R"/Note/??.json
	is "$(ls "$R")" ""
}

@test "a long listing of rejected/ is right while others come and go" {
	local i
	for i in $(seq 1 600); do
		printf '{bad' | helper save -t "$MNT/Note/$i.json" >/dev/null || true
	done
	is "$(ls "$R/Note" | sort -u | wc -l)" 1200
	find "$R/Note" -name '*.json' -delete
	is "$(ls "$R")" ""
}

@test "a mount that is read-only shows what was refused" {
	save_bad "$MNT/Note/1.json"
	store_remount -o ro
	holds "$R/Note/1.json" "$BAD"
	refused "Read-only" rm "$R/Note/1.json"
	is "$(wc -l <"$E")" 1
	code 0 sfs why "$MNT/Note/1.json"
	has "$out" "line 2, column "
}

@test "a full disk: the save says so, a line says why, and the daemon lives" {
	need_root
	store_umount
	local disk=$T/disk
	mkdir "$disk"
	as_root mount -t tmpfs -o size=48m,mode=0777 tmpfs "$disk"
	rm -r "$STORE"
	STORE=$disk/store
	"$STOREFS" init "$STORE"
	head -c 20M /dev/zero >"$disk/ballast"
	store_mount
	mkdir "$MNT/Note"
	echo '{"v": 1}' >"$MNT/Note/1.json"
	run helper save -t "$MNT/Note/1.json" < <(printf '{"x": "'; head -c 40000000 /dev/zero | tr '\0' x; printf '"}')
	is "$status" 1
	has "$output" ENOSPC
	store_alive
	is "$(last '[.class, .oid, .errno]')" '["Note","1","ENOSPC"]'
	code 0 sfs why "$MNT/Note/1.json"
	has "$out" ENOSPC
	holds "$MNT/Note/1.json" $'{"v": 1}\n'
	rm "$disk/ballast"
	wait_until bash -c 'echo "{\"v\": 2}" >"$0"' "$MNT/Note/1.json" 2>/dev/null
	absent "$R/Note/1.json"
	# The lines survive a disk without any room as long as the daemon does.
	head -c 60M /dev/zero >"$disk/filler" 2>/dev/null || true
	for i in $(seq 1 50); do ! mkdir "$MNT/bad name $i" 2>/dev/null; done
	is "$(last .class)" "bad name 50"
	rm "$disk/filler"
	! mkdir "$MNT/bad again"
	store_remount
	is "$(last .class)" "bad again"
	holds "$MNT/Note/1.json" $'{"v": 2}\n'
}
