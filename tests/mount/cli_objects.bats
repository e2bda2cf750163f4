#!/usr/bin/env bats
# storefs get, put, rm and ls, without a mount and with one.

load ../support/mount
load ../support/cli

setup() { store_new; }
teardown() { store_teardown; }

# --- documents ---

put_and_get() {
	printf '{"b":1,\n"a":[1.50,12345678901234567890123]}' >"$D/doc"
	code 0 sfs put --kind object "$S" "$C/42" "$D/doc"
	is "$out$err" ""
	code 0 sfs get "$S" "$C/42"
	is "$out" $'{\n  "b": 1,\n  "a": [\n    1.5,\n    12345678901234567890123\n  ]\n}'
	code 0 sfs put --json "$S" "$C/42" "$D/doc"
	is "$(ask '[.class,.oid,.created]')" "[\"$C\",\"42\",false]"
	code 0 sfs put --json "$S" "$C/43" <"$D/doc"
	is "$(ask .created)" true
	is "$(ask .size)" "$(sfs get "$S" "$C/43" | wc -c)"
	code 0 sfs put "$S" "$C/44" - <"$D/doc"
	same <(sfs get "$S" "$C/44") <(sfs get "$S" "$C/42")
}
@test "put saves a document in canonical form, get gives it back" { each put_and_get; }

msgpack_both_ways() {
	hex 82 a1 61 01 a1 62 c4 02 ff 00 >"$D/doc.msgpack"
	code 0 sfs put --kind object "$S" "$C/1" "$D/doc.msgpack"
	same <(sfs get --format msgpack "$S" "$C/1") "$D/doc.msgpack"
	is "$(sfs get "$S" "$C/1" | jq -c .)" '{"a":1,"b":{"$bin":"/wA="}}'
	code 0 sfs put --format msgpack "$S" "$C/2" <"$D/doc.msgpack"
	same <(sfs get "$S" "$C/1") <(sfs get "$S" "$C/2")
	code 12 sfs put --format msgpack "$S" "$C/2" <<<'{"a":1}'
}
@test "msgpack is the same object, by the name of the file or by --format" { each msgpack_both_ways; }

refused_document() {
	code 0 sfs put --kind object "$S" "$C/1" <<<'{"a":1}'
	printf '{\n  "a": 1,\n  "a": 2\n}\n' >"$D/doc"
	code 12 sfs put "$S" "$C/1" "$D/doc"
	is "$err" "storefs: put: $D/doc:3:3: duplicate key \"a\""
	code 12 sfs put "$S" "$C/1" </dev/null
	has "$err" "storefs: put: standard input:1:1: "
	is "$(sfs get "$S" "$C/1" | jq -c .)" '{"a":1}'
	# A class that was to be made for a bad document is not made.
	code 12 sfs put --kind object "$S" "New$C/1" "$D/doc"
	code 10 sfs ls "$S" "New$C"
}
@test "a document that is not valid is refused with its position, and changes nothing" { each refused_document; }

any_oid() {
	local oid=$'a b/../ü\n%\x01.json'
	code 0 sfs put --kind object "$S" "$C/$oid" <<<'{"n":1}'
	is "$(sfs get "$S" "$C/$oid" | jq -c .)" '{"n":1}'
	code 0 sfs ls --json "$S" "$C"
	is "$(jq -r '.[0].oid' <<<"$out")" "$oid"
	code 0 sfs put "$S" "$C/"$'\xff\xfe' <<<'{"n":2}'
	code 0 sfs ls --json "$S" "$C"
	is "$(ask '.[1]')" '{"oid":"��","oid_base64":"//4="}'
	code 0 sfs rm "$S" "$C/$oid" "$C/"$'\xff\xfe'
	is "$(sfs ls "$S" "$C")" ""
}
@test "an oid on the command line is bytes: no escaping, slashes and all" { each any_oid; }

oid_limits() {
	local oid
	oid=$(printf 'x%.0s' {1..1024})
	code 0 sfs put --kind object "$S" "$C/$oid" <<<'{}'
	code 0 sfs get "$S" "$C/$oid"
	code 1 sfs put "$S" "$C/${oid}x" <<<'{}'
	has "$err" "storefs: put: "
	code 2 sfs put "$S" "$C/" <<<'{}'
}
@test "oids have 1 to 1024 bytes" { each oid_limits; }

not_there() {
	code 10 sfs get "$S" "$C/1"
	is "$err" "storefs: get: $C: no such class"
	code 10 sfs put "$S" "$C/1" <<<'{}'
	is "$err" "storefs: put: $C: no such class"
	code 0 sfs put --kind object "$S" "$C/1" <<<'{}'
	code 10 sfs get "$S" "$C/2"
	is "$err" "storefs: get: $C/2: no such object"
	code 10 sfs rm "$S" "$C/2"
	code 10 sfs put "$S" "$C/1" "$D/missing"
	has "$err" "missing: No such file"
	code 1 sfs put --kind object "$S" "9bad/1" <<<'{}'
	has "$err" "not a name for a class"
}
@test "what does not exist is exit code 10, by name" { each not_there; }

huge_document() {
	{ printf '{"a":"'; head -c $((64 << 20)) /dev/zero | tr '\0' x; printf '"}'; } >"$D/huge"
	code 0 sfs put --kind object "$S" "$C/1" <<<'{"a":1}'
	code 12 sfs put "$S" "$C/1" "$D/huge"
	has "$err" "67108864 bytes"
	is "$(sfs get "$S" "$C/1" | jq -c .)" '{"a":1}'
	rm "$D/huge"
}
@test "a document over 64 MiB is refused" { each huge_document; }

# --- raws ---

raw_both_ways() {
	head -c 3000000 /dev/urandom >"$D/bytes"
	code 0 sfs put --kind raw "$S" "$C/some/dir/a.bin" "$D/bytes"
	sfs get "$S" "$C/some/dir/a.bin" | cmp - "$D/bytes"
	sfs get "$S" "$C/some/dir/a.bin" >"$D/again"
	cmp "$D/again" "$D/bytes"
	code 0 sfs put --json "$S" "$C/some/dir/a.bin" <<<short
	is "$(ask '[.created,.size,.oid]')" '[false,6,"some/dir/a.bin"]'
	is "$(sfs get "$S" "$C/some/dir/a.bin")" short
	code 1 sfs get "$S" "$C/some/dir"
	has "$err" "is a directory"
	code 10 sfs get "$S" "$C/some/other"
	code 10 sfs get "$S" "$C/some/dir/a.bin/x"
	code 1 sfs put "$S" "$C/some/dir" <<<x
	code 1 sfs put "$S" "$C/some/dir/a.bin/x" <<<x
	is "$(sfs ls "$S" "$C/some/dir")" a.bin
}
@test "put and get stream the bytes of a raw, and make its directories" { each raw_both_ways; }

@test "put keeps mode and metadata of a raw; get --meta shows them" {
	mkdir "$BATS_TEST_TMPDIR/src"
	echo one >"$BATS_TEST_TMPDIR/src/a"
	chmod 640 "$BATS_TEST_TMPDIR/src/a"
	setfattr -n user.width -v 1920 "$BATS_TEST_TMPDIR/src/a"
	setfattr -n user.bin -v 0xff00 "$BATS_TEST_TMPDIR/src/a"
	code 0 sfs import "$STORE" Pic "$BATS_TEST_TMPDIR/src"
	code 0 sfs get --meta "$STORE" Pic/a
	is "$(ask '.width, .bin')" $'1920\n{"$bin":"/wA="}'
	code 0 sfs put "$STORE" Pic/a <<<two
	code 0 sfs get --meta "$STORE" Pic/a
	is "$(ask .width)" 1920
	is "$(sfs ls --json -l "$STORE" Pic | jq -r '.[0].mode')" 0640
	store_mount
	code 0 sfs get --meta "$MNT" Pic/a
	is "$(ask .width)" 1920
	is "$(getfattr --only-values -n user.width "$MNT/Pic/a")" 1920
	code 2 sfs get --meta "$MNT" Pic/a extra
}

# --- rm ---

rm_many() {
	local i
	code 0 sfs put --kind object "$S" "$C/1" <<<'{}'
	for i in 2 3 4; do sfs put "$S" "$C/$i" <<<'{}'; done
	code 0 sfs rm "$S" "$C/1"
	code 3 sfs rm "$S" "$C/1" "$C/2" "$C/x"
	is "$err" "storefs: rm: $C/1: no such object"$'\n'"storefs: rm: $C/x: no such object"
	code 0 sfs rm --force --json "$S" "$C/1" "$C/3" "None/1"
	is "$(ask .)" '{"removed":1,"failed":0}'
	code 1 sfs rm "$S" "$C"
	has "$err" "--recursive"
	is "$(sfs ls "$S" "$C")" 4
	code 0 sfs rm -r "$S" "$C"
	code 10 sfs ls "$S" "$C"
	code 10 sfs rm -r "$S" "$C"
	code 0 sfs rm -rf "$S" "$C"
}
@test "rm removes what it can and says what it could not" { each rm_many; }

rm_tree() {
	mkdir -p "$D/src/a/b/c" "$D/src/d"
	touch "$D/src/a/1" "$D/src/a/b/c/2" "$D/src/3"
	ln -s 3 "$D/src/d/link"
	code 0 sfs import "$S" "$C" "$D/src"
	code 1 sfs rm "$S" "$C/a"
	code 0 sfs rm --json -r "$S" "$C/a"
	is "$(ask .removed)" 5
	code 0 sfs rm "$S" "$C/3"
	is "$(sfs ls "$S" "$C")" d/
	code 0 sfs rm -r "$S" "$C"
	is "$(sfs ls "$S" | grep -cx "$C")" 0
}
@test "rm --recursive removes directories of raws and whole classes" { each rm_tree; }

# --- ls ---

ls_objects() {
	seq 1 2500 | jq -c '{id: ., n: 1}' >"$D/list.jsonl"
	code 0 sfs import "$S" "$C" "$D/list.jsonl"
	same <(sfs ls "$S" "$C") <(seq 1 2500 | LC_ALL=C sort)
	same <(sfs ls --unsorted "$S" "$C" | LC_ALL=C sort) <(seq 1 2500 | LC_ALL=C sort)
	same <(sfs ls --json "$S" "$C" | jq -r '.[].oid') <(seq 1 2500 | LC_ALL=C sort)
	is "$(sfs ls --prefix 24 --limit 3 "$S" "$C" | tr '\n' ' ')" "24 240 2400 "
	is "$(sfs ls --after 997 --limit 2 "$S" "$C" | tr '\n' ' ')" "998 999 "
	is "$(sfs ls --prefix 99 -f "$S" "$C" | wc -l)" 11
	is "$(sfs ls --limit 0 "$S" "$C")" ""
	is "$(sfs ls --limit 0 --json "$S" "$C")" "[]"
	is "$(sfs ls "$S" "$C" | head -n 1)" 1
	code 0 sfs ls --json -l --limit 1 "$S" "$C"
	is "$(ask '.[0] | [.oid,.mode,.size]')" "[\"1\",\"0644\",$(sfs get "$S" "$C/1" | wc -c)]"
	has "$(sfs ls -l --limit 1 "$S" "$C")" "-rw-r--r--"
	code 0 sfs ls --json "$S" "$C/7"
	is "$(ask .)" '[{"oid":"7"}]'
}
@test "ls lists objects in order, page by page, and cuts the list where asked" { each ls_objects; }

ls_raws() {
	mkdir -p "$D/src/dir"
	touch "$D/src/c" "$D/src/a" "$D/src/dir/x" "$D/src/"$'new\nline'
	ln -s a "$D/src/b"
	code 0 sfs import "$S" "$C" "$D/src"
	is "$(sfs ls "$S" "$C" | tr '\n' ' ')" "a b c dir/ new line "
	code 0 sfs ls --json "$S" "$C"
	is "$(ask '[.[] | .type]')" '["file","symlink","file","dir","file"]'
	is "$(ask '.[4].name')" $'new\nline'
	is "$(sfs ls "$S" "$C/dir")" x
	is "$(sfs ls "$S" "$C/dir/x")" dir/x
	is "$(sfs ls -f "$S" "$C" | LC_ALL=C sort | head -n 2 | tr '\n' ' ')" "a b "
	is "$(sfs ls --after b --limit 1 "$S" "$C")" c
	code 10 sfs ls "$S" "$C/none"
}
@test "ls lists a directory of raws in order" { each ls_raws; }

ls_classes() {
	code 0 sfs put --kind object "$S" "$C/1" <<<'{}'
	code 0 sfs put --kind raw "$S" "Raw$C/1" <<<x
	is "$(sfs ls --prefix "$C" "$S")" "$C"
	code 0 sfs ls --json "$S"
	is "$(ask ".[] | select(.class == \"$C\") | [.kind,.objects]")" '["object",1]'
	is "$(ask ".[] | select(.class == \"Raw$C\") | [.kind,.files]")" '["raw",1]'
	has "$(sfs ls -l "$S")" "raw               1 Raw$C"
}
@test "ls lists classes with kind and count" { each ls_classes; }

# --- the two doors ---

@test "what the command saves is in the mount at once, and the other way round" {
	store_mount
	mkdir "$MNT/Article"
	cat "$MNT/Article/1.json" 2>/dev/null && fail "there already"
	sfs put "$STORE" Article/1 <<<'{"n":1}'
	is "$(jq -c . "$MNT/Article/1.json")" '{"n":1}'
	sfs put "$STORE" Article/1 <<<'{"n":2}'
	is "$(jq -c . "$MNT/Article/1.json")" '{"n":2}'
	printf '{"n":3}' >"$MNT/Article/1.json"
	is "$(sfs get "$STORE" Article/1)" '{"n":3}'
	is "$(ls "$MNT/Article")" 1.json
	sfs rm "$STORE" Article/1
	is "$(ls "$MNT/Article")" ""
	absent "$MNT/Article/1.json"
}

@test "relative paths are the caller's, also when the daemon does the work" {
	store_mount
	mkdir "$BATS_TEST_TMPDIR/here"
	cd "$BATS_TEST_TMPDIR/here"
	echo '{"n":1}' >doc
	sfs put --kind object ../store Article/1 doc
	is "$(sfs get ../mnt/Article Article/1 | jq -c .)" '{"n":1}'
	sfs export --to out ../store Article
	is "$(jq -c . out/1.json)" '{"n":1}'
}

@test "a reader that goes away ends the verb quietly" {
	seq 1 20000 | jq -c '{id: ., text: "some text that is long enough to fill a pipe"}' |
		sfs import -q "$STORE" Article - >/dev/null
	reader_leaves() {
		run --separate-stderr bash -c '"$STOREFS" export "$1" Article | head -n 1; exit "${PIPESTATUS[0]}"' _ "$STORE"
		is "$status" 1
		is "$stderr" ""
		is "$(jq -r .oid <<<"$output")" 1
	}
	reader_leaves
	store_mount
	reader_leaves
	store_alive
}

@test "output that can not be written is a failure that is said" {
	[ -c /dev/full ] || skip "there is no /dev/full"
	sfs put --kind object "$STORE" Article/1 <<<'{"n":1}'
	run --separate-stderr env STORE="$STORE" bash -c '"$STOREFS" get "$STORE" Article/1 >/dev/full'
	is "$status" 1
	has "$stderr" "standard output: No space left"
}

@test "a command that is interrupted stops in the daemon too" {
	store_mount
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	"$STOREFS" import -q "$STORE" Article - <"$BATS_TEST_TMPDIR/pipe" >/dev/null 2>&1 3>&- &
	local pid=$!
	exec 7>"$BATS_TEST_TMPDIR/pipe"
	echo '{"id":1}' >&7
	wait_until test -d "$MNT/Article"
	kill -KILL "$pid"
	# The daemon has a descriptor of the pipe as long as the verb runs.
	pipe_is_left() { ! find "/proc/$STORE_PID/fd" -lname '*/pipe' | grep -q .; }
	wait_until pipe_is_left
	exec 7>&-
	store_alive
}

@test "many commands at once, with a mount" {
	store_mount
	local i
	seq 1 40 | xargs -P 8 -I{} bash -c 'echo "{\"n\":{}}" | "$STOREFS" put --kind object "$0" Article/{}' "$STORE"
	is "$(sfs ls "$STORE" Article | wc -l)" 40
	for i in 1 20 40; do is "$(jq .n "$MNT/Article/$i.json")" "$i"; done
}

@test "many commands at once, without a mount, wait for each other" {
	sfs put --kind object "$STORE" Article/0 <<<'{}'
	seq 1 12 | xargs -P 4 -I{} bash -c 'echo "{\"n\":{}}" | "$STOREFS" put "$0" Article/{}' "$STORE"
	is "$(sfs ls "$STORE" Article | wc -l)" 13
}
