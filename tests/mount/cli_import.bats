#!/usr/bin/env bats
# storefs import: records and folders, good and bad, without a mount and with one.

load ../support/mount
load ../support/cli

setup() { store_new; }
teardown() { store_teardown; }

# --- records ---

import_forms() {
	printf '[ {"id":1,"n":"a"},\n {"oid":"x/y","n":"b"} ]' >"$D/array"
	printf '{"id":1,"n":"a"}\n\n  {"oid":"x/y","n":"b"}' >"$D/lines"
	printf '{"skip":[{"id":9}],"list":[{"id":1,"n":"a"},{"oid":"x/y","n":"b"}]}' >"$D/object"
	code 0 sfs import "$S" "${C}A" "$D/array"
	has "$out" "imported 2 objects into ${C}A in "
	has "$out" " per second), 0 bad"
	is "$err" ""
	code 0 sfs import "$S" "${C}B" "$D/lines"
	code 0 sfs import --at list "$S" "${C}C" - <"$D/object"
	code 0 sfs import --format json "$S" "${C}D" - <"$D/array"
	code 0 sfs import --format jsonl "$S" "${C}E" - <"$D/lines"
	local class
	for class in "${C}A" "${C}B" "${C}C" "${C}D" "${C}E"; do
		is "$(sfs export "$S" "$class")" $'{"oid":"1","id":1,"n":"a"}\n{"oid":"x/y","n":"b"}'
	done
}
@test "import takes an array, JSON lines, and an array inside an object" { each import_forms; }

import_oid() {
	printf '%s\n' '{"code":"DE","oid":"DE"}' '{"code":12345678901234567890123}' '{"code":-7}' \
		'{"c\u006fde":"\u00e9"}' >"$D/lines"
	code 0 sfs import --oid code "$S" "$C" "$D/lines"
	is "$(sfs ls "$S" "$C" | tr '\n' ' ')" "-7 12345678901234567890123 DE é "
	is "$(sfs get "$S" "$C/DE" | jq -c .)" '{"code":"DE"}'
	# A top-level oid must be right: here it is not what --oid says.
	printf '{"code":"FR","oid":"DE"}' >"$D/wrong"
	code 3 sfs import --oid code "$S" "$C" "$D/wrong"
	has "$err" "oid"
}
@test "--oid names the member that is the oid: a string, or an integer of any size" { each import_oid; }

import_bad_records() {
	printf '[{"id":1},\n {"id":2,"a":1,\n"a":2},\n {"x":1}, {"id":null}, 7, {"id":01}, {"id":3}]' >"$D/bad"
	code 3 sfs import "$S" "$C" "$D/bad"
	has "$out" "imported 2 objects into $C"
	has "$out" ", 5 bad"
	is "$(sfs ls "$S" "$C" | tr '\n' ' ')" "1 3 "
	is "$(grep -c . <<<"$err")" 5
	has "$err" "storefs: import: $D/bad:3:1: record 2, byte 27: duplicate key \"a\""
	has "$err" "storefs: import: $D/bad:4:2: record 3, byte 36: no member \"oid\" or \"id\""
	has "$err" "$D/bad:4:11: record 4, "
	has "$err" "$D/bad:4:24: record 5, "
	has "$err" "$D/bad:4:33: record 6, byte 67: "
}
@test "a bad record is reported with its position, and the others go on" { each import_bad_records; }

import_stop() {
	seq 1 2500 | jq -c '{id: .}' | sed '1501s/.*/{"id":}/' >"$D/lines.jsonl"
	code 3 sfs import --stop "$S" "$C" "$D/lines.jsonl"
	has "$err" "$D/lines.jsonl:1501:7: record 1501, "
	is "$(grep -c . <<<"$err")" 1
	is "$(sfs ls "$S" "$C" | wc -l)" 1500
}
@test "--stop ends at the first bad record; what came before is there" { each import_stop; }

import_broken() {
	printf '[{"id":1},{"id":2} {"id":3}]' >"$D/comma"
	code 3 sfs import "$S" "$C" "$D/comma"
	has "$err" "storefs: import: $D/comma:1:20: found '{', expected ',' or ']' after the record"
	is "$(sfs ls "$S" "$C" | tr '\n' ' ')" "1 2 "
	printf '[{"id":4},{"id":' >"$D/short"
	code 3 sfs import "$S" "$C" "$D/short"
	has "$err" "short:1:17: the text ends inside record 2, which begins at line 1, column 11"
	is "$(sfs ls "$S" "$C" | tr '\n' ' ')" "1 2 4 "
	printf '[{"id":5}' >"$D/open"
	code 3 sfs import "$S" "$C" "$D/open"
	printf '[{"id":6},]' >"$D/trailing"
	code 3 sfs import "$S" "$C" "$D/trailing"
	printf '[{"id":7}] 8' >"$D/after"
	code 3 sfs import "$S" "$C" "$D/after"
	has "$err" "nothing after the end"
}
@test "text that is broken between records ends the import at that place" { each import_broken; }

import_nothing() {
	printf 'hello' >"$D/text"
	code 12 sfs import --format json "$S" "$C" "$D/text"
	has "$err" "$D/text:1:1: found 'h', expected '['"
	printf '{\n "a": 1\n}\n' >"$D/one"
	code 12 sfs import "$S" "$C" "$D/one"
	has "$err" "one object over several lines"
	code 12 sfs import --at b "$S" "$C" "$D/one"
	has "$err" "no such member"
	code 12 sfs import --format json "$S" "$C" /dev/null
	# Nothing came of it: not even the class.
	code 10 sfs ls "$S" "$C"
	code 0 sfs import "$S" "$C" /dev/null
	is "$(sfs ls "$S" "$C")" ""
}
@test "a source of which nothing can be read is refused, and makes no class" { each import_nothing; }

import_again() {
	seq 1 1500 | jq -c '{id: ., n: 1}' >"$D/one.jsonl"
	seq 1000 2000 | jq -c '{id: ., n: 2}' >"$D/two.jsonl"
	code 0 sfs import --json "$S" "$C" "$D/one.jsonl"
	is "$(ask '[.saved,.created,.kept,.bad,.complete]')" '[1500,1500,0,0,true]'
	local before
	before=$(sfs ls --json -l "$S" "$C")
	code 0 sfs import --json "$S" "$C" "$D/one.jsonl"
	is "$(ask '[.saved,.created,.kept]')" '[0,0,1500]'
	is "$(sfs ls --json -l "$S" "$C")" "$before"
	code 0 sfs import --replace --json "$S" "$C" "$D/one.jsonl"
	is "$(ask '[.saved,.created]')" '[1500,0]'
	is "$(sfs ls --json -l "$S" "$C")" "$before"
	code 0 sfs import --keep --json "$S" "$C" "$D/two.jsonl"
	is "$(ask '[.saved,.created,.kept,.bad]')" '[500,500,501,0]'
	is "$(sfs get "$S" "$C/1000" | jq .n)" 1
	code 0 sfs import --replace --json "$S" "$C" "$D/two.jsonl"
	is "$(ask '[.saved,.created]')" '[1001,0]'
	is "$(sfs get "$S" "$C/1000" | jq .n)" 2
	# Twice in one source: the first one stays, or the last one with --replace.
	printf '{"id":"d","n":1}\n{"id":"d","n":2}\n' >"$D/twice.jsonl"
	code 0 sfs import --keep --json "$S" "$C" "$D/twice.jsonl"
	is "$(ask '[.saved,.kept,.bad]')" '[1,1,0]'
	is "$(sfs get "$S" "$C/d" | jq .n)" 1
	code 0 sfs import --replace "$S" "$C" "$D/twice.jsonl"
	is "$(sfs get "$S" "$C/d" | jq .n)" 2
}
@test "the same import again changes nothing: what is there is left alone unless --replace is given" { each import_again; }

import_rules() {
	code 0 sfs class define "$S" "$C" <<<'{"type": "blog.Post", "properties": {"a": "int", "b": "int"}, "relations": {"up": "'"$C"'"}}'
	printf '%s\n' '{"oid": "1", "type": "blog.Post", "updates": {"a": 20250102030405678901, "oid": 20250102030405678902}, "a": 1, "b": 2, "up": [{"oid": "2", "type": "blog.Post", "a": 9}]}' >"$D/r"
	code 0 sfs import "$S" "$C" "$D/r"
	is "$(sfs get "$S" "$C/1" | jq -c .)" "{\"a\":1,\"b\":2,\"up\":{\"oid\":\"2\",\"type\":\"$C\"}}"
	has "$(sfs get --depth 0 "$S" "$C/1" | tr -d ' \n')" '"a":20250102030405678901'
	# What is there stays; --update sets what the record has; --replace takes all of it.
	echo '{"oid": "1", "a": 5}' >"$D/s"
	code 0 sfs import "$S" "$C" "$D/s"
	has "$out" "1 kept (--update and --replace change them)"
	is "$(sfs get "$S" "$C/1" | jq -c '[.a,.b]')" '[1,2]'
	code 0 sfs import --update "$S" "$C" "$D/s"
	is "$(sfs get "$S" "$C/1" | jq -c '[.a,.b,.up.oid]')" '[5,2,"2"]'
	code 0 sfs import --replace "$S" "$C" "$D/s"
	is "$(sfs get "$S" "$C/1" | jq -c .)" '{"a":5}'
	# A wrong type is refused, also where nothing would be changed.
	echo '{"oid": "1", "type": "blog.User", "a": 6}' >"$D/t"
	code 3 sfs import --replace "$S" "$C" "$D/t"
	has "$err" '"type" is "blog.User", expected "blog.Post"'
	echo '{"oid": "3", "updates": {"a": "soon"}}' >"$D/u"
	code 3 sfs import "$S" "$C" "$D/u"
	has "$err" 'update times, which are integers of 20 digits'
	is "$(sfs ls "$S" "$C" | xargs)" 1
	# What was exported comes back as it was.
	sfs export --depth 1 "$S" "$C" >"$D/all"
	code 0 sfs rm "$S" "$C/1"
	code 0 sfs import "$S" "$C" "$D/all"
	# (That the relation is empty is said now, so it has a time too.)
	same <(sfs export --depth 1 "$S" "$C" | sed 's/"up":[0-9]*,//') "$D/all"
	code 2 sfs import --update --replace "$S" "$C" "$D/all"
}
@test "a record of an export: what is there stays, types must be right, update times are taken over" { each import_rules; }

import_atomic() {
	code 0 sfs class define "$S" "$C" <<<'{"properties": {"n": "int"}}'
	seq 1 3000 | jq -c '{id: ., n: .}' >"$D/good"
	{ cat "$D/good"; echo '{"id": "x", "n": "y"}'; echo '{"id": "z"'; } >"$D/bad"
	code 12 sfs import --atomic "$S" "$C" "$D/bad"
	has "$err" 'n: expected int, found string "y"'
	has "$err" "bad:3002:"
	is "$(sfs ls --count "$S" "$C")" 0
	code 0 sfs import --atomic --json "$S" "$C" "$D/good"
	is "$(ask '[.saved,.created]')" '[3000,3000]'
	is "$(sfs ls --count "$S" "$C")" 3000
	mkdir "$D/docs"
	echo '{"n": 1}' >"$D/docs/a.json"
	echo '{"n": "x"}' >"$D/docs/b.json"
	code 12 sfs import --atomic "$S" "$C" "$D/docs"
	is "$(sfs ls --count --prefix a "$S" "$C")" 0
	code 2 sfs import --atomic --kind raw "$S" "${C}Raw" "$D/docs"
}
@test "an atomic import saves all records or none" { each import_atomic; }

@test "an atomic import that is too large for one commit says so, and saves nothing" {
	S=$STORE
	head -c 3000000 /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/x"
	jq -Rc '. as $x | range(40) | {id: ., x: $x}' "$BATS_TEST_TMPDIR/x" >"$BATS_TEST_TMPDIR/large"
	code 12 sfs import --atomic "$S" C "$BATS_TEST_TMPDIR/large"
	has "$err" "too much for one commit (--atomic)"
	code 10 sfs ls "$S" C
	code 0 sfs import "$S" C "$BATS_TEST_TMPDIR/large"
	is "$(sfs ls --count "$S" C)" 40
}

import_summary() {
	printf '{"id":1}\n{"id":2,"a":\n{"id":3}\n' >"$D/lines.jsonl"
	code 3 sfs import --json "$S" "$C" "$D/lines.jsonl"
	is "$(ask '[.class,.kind,.saved,.created,.bad,.skipped,.complete]')" "[\"$C\",\"object\",2,2,1,0,true]"
	is "$(ask '.errors | length')" 1
	is "$(ask '.errors[0] | [.file,.record,.line]')" "[\"$D/lines.jsonl\",2,2]"
	is "$(ask '.errors[0].error | length > 10')" true
	is "$(ask '.per_second > 0 and .seconds > 0')" true
	code 3 sfs import --json --stop "$S" "$C" "$D/lines.jsonl"
	is "$(ask .complete)" false
}
@test "--json sums up the import, bad records included" { each import_summary; }

import_long() {
	{
		printf '{"id":"big","a":"'
		head -c $((65 << 20)) /dev/zero | tr '\0' x
		printf '"}\n{"id":"small"}\n'
	} >"$D/long.jsonl"
	code 3 sfs import "$S" "$C" "$D/long.jsonl"
	has "$err" "long.jsonl:1:1: record 1, byte 0: record over 67108864 bytes"
	is "$(sfs ls "$S" "$C")" small
	{ printf '['; sed '1s/$/,/;$a]' "$D/long.jsonl"; } >"$D/long.json"
	code 3 sfs import "$S" "${C}2" "$D/long.json"
	is "$(sfs ls "$S" "${C}2")" small
	rm "$D/long.jsonl" "$D/long.json"
}
@test "a record over 64 MiB is a bad record, and the next one is not" { each import_long; }

@test "a source that trickles in is imported as it comes, byte by byte" {
	store_mount
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	"$STOREFS" import "$STORE" Article - <"$BATS_TEST_TMPDIR/pipe" >"$BATS_TEST_TMPDIR/said" 3>&- &
	local pid=$! byte text='[{"id":1},{"id":"ü"}]'
	exec 7>"$BATS_TEST_TMPDIR/pipe"
	while IFS= read -r -n 1 byte; do printf %s "$byte" >&7; done < <(printf %s "$text")
	exec 7>&-
	wait "$pid"
	has "$(cat "$BATS_TEST_TMPDIR/said")" "imported 2 objects"
	is "$(ls "$MNT/Article" | tr '\n' ' ')" "1.json ü.json "
}

# --- folders ---

import_documents() {
	mkdir -p "$D/docs/sub"
	printf '{"n":1}' >"$D/docs/1.json"
	hex 81 a1 6e 02 >"$D/docs/two.msgpack"
	printf '{"n":3}' >"$D/docs/a%2Fb.json"
	code 0 sfs import --json "$S" "$C" "$D/docs"
	is "$(ask '[.kind,.saved,.bad,.skipped]')" '["object",3,0,1]'
	is "$err" "storefs: import: sub: skipped: a folder, and a class of objects has none"
	is "$(sfs export "$S" "$C")" $'{"oid":"1","n":1}\n{"oid":"a/b","n":3}\n{"oid":"two","n":2}'
	printf '{"n":\n}' >"$D/docs/bad.json"
	echo >"$D/docs/notes.txt"
	code 3 sfs import "$S" "$C" "$D/docs"
	has "$err" "storefs: import: bad.json:2:1: "
	has "$err" "storefs: import: notes.txt: skipped: "
	is "$(sfs ls "$S" "$C" | wc -l)" 3
}
@test "a folder of documents becomes a class of objects" { each import_documents; }

import_tree() {
	mkdir -p "$D/src/deep/er" "$D/src/empty"
	echo hi >"$D/src/a.txt"
	head -c 2500000 /dev/urandom >"$D/src/deep/er/b.bin"
	truncate -s 5M "$D/src/deep/hole"
	ln -s ../a.txt "$D/src/deep/link"
	ln -s nowhere "$D/src/dangling"
	mkfifo "$D/src/pipe"
	chmod 640 "$D/src/a.txt"
	chmod 4711 "$D/src/deep/er/b.bin"
	chmod 750 "$D/src/deep"
	touch -d '2020-01-02 03:04:05.123456789' "$D/src/a.txt" "$D/src/deep"
	touch -h -d '2019-01-02 03:04:05.5' "$D/src/deep/link"
	setfattr -n user.width -v 1920 "$D/src/a.txt"
	code 0 sfs import --json "$S" "$C" "$D/src"
	is "$(ask '[.kind,.saved,.created,.bad,.skipped]')" '["raw",5,5,0,1]'
	has "$err" "pipe: skipped"
	rm "$D/src/pipe"
	code 0 sfs import --json "$S" "$C" "$D/src"
	is "$(ask '[.saved,.unchanged]')" '[0,5]'
	echo more >>"$D/src/a.txt"
	code 0 sfs import --json --keep "$S" "$C" "$D/src"
	is "$(ask '[.saved,.kept]')" '[0,5]'
	code 0 sfs import --json "$S" "$C" "$D/src"
	is "$(ask '[.saved,.created,.unchanged]')" '[1,0,4]'
	is "$(sfs get "$S" "$C/a.txt")" $'hi\nmore'
	sfs get "$S" "$C/deep/er/b.bin" | cmp - "$D/src/deep/er/b.bin"
	is "$(sfs get --meta "$S" "$C/a.txt" | jq -r .width)" 1920
	code 0 sfs export --to "$D/out" "$S" "$C"
	same <(tree_facts "$D/src") <(tree_facts "$D/out")
	diff -r --no-dereference "$D/src" "$D/out"
}
# The size of a directory is the disk's own affair.
tree_facts() {
	(cd "$1" && find . -mindepth 1 \( -type d -printf '%P %y %m %T@\n' -o -printf '%P %y %m %s %T@ %l\n' \) | sort)
}
@test "a folder becomes a raw class: tree, modes, times, symlinks, attributes, holes" { each import_tree; }

import_links() {
	mkdir -p "$D/linked/d"
	echo one >"$D/linked/a"
	ln "$D/linked/a" "$D/linked/b"
	ln "$D/linked/a" "$D/linked/d/c"
	echo other >"$D/linked/other"
	code 0 sfs import --json --kind raw "$S" "$C" "$D/linked"
	is "$(ask '[.saved,.created,.bad,.skipped]')" '[4,4,0,0]'
	code 0 sfs import --json "$S" "$C" "$D/linked"
	is "$(ask '[.saved,.unchanged]')" '[0,4]'
	# A name that is another file now, and one that joins.
	ln -f "$D/linked/other" "$D/linked/d/c"
	ln "$D/linked/a" "$D/linked/z"
	code 0 sfs import --json "$S" "$C" "$D/linked"
	is "$(ask '[.saved,.created]')" '[2,1]'
	code 0 sfs export --to "$D/relinked" "$S" "$C"
	is "$(links "$D/relinked")" "$(links "$D/linked")"
	diff -r "$D/linked" "$D/relinked"
	code 0 sfs export --force --to "$D/relinked" "$S" "$C"
	is "$(links "$D/relinked")" "$(links "$D/linked")"
	code 0 sfs check "$S"
}
# links DIR : each file, how many names it has, and the first of them.
links() {
	(cd "$1" && find . -type f -printf '%i %n %P\n' | sort -k 1,1n -k 3 |
		awk '{ if (!($1 in first)) first[$1] = $3; print $3, $2, first[$1] }' | sort)
}
@test "hard links stay hard links, through import and export" { each import_links; }

@test "an imported tree is the same through the mount" {
	mkdir -p "$BATS_TEST_TMPDIR/src/d"
	echo hi >"$BATS_TEST_TMPDIR/src/d/a"
	ln -s d/a "$BATS_TEST_TMPDIR/src/l"
	touch -d '2020-01-02 03:04:05.123456789' "$BATS_TEST_TMPDIR/src/d/a"
	sfs import "$STORE" Tree "$BATS_TEST_TMPDIR/src"
	store_mount
	diff -r --no-dereference "$BATS_TEST_TMPDIR/src" "$MNT/Tree"
	is "$(stat -c %y "$MNT/Tree/d/a")" "$(stat -c %y "$BATS_TEST_TMPDIR/src/d/a")"
	# And the mount can be a source itself.
	sfs import --json "$STORE" Copy "$MNT/Tree" | jq -e '.saved == 2'
	diff -r --no-dereference "$MNT/Tree" "$MNT/Copy"
}

import_kinds() {
	mkdir -p "$D/docs"
	echo '{}' >"$D/docs/1.json"
	code 0 sfs import --kind raw --json "$S" "$C" "$D/docs"
	is "$(ask .kind)" raw
	code 1 sfs import "$S" "$C" - <<<'{"id":1}'
	has "$err" "$C: is a class of kind raw, expected object"
	code 1 sfs import --kind object "$S" "$C" "$D/docs"
	code 2 sfs import --kind raw "$S" "New$C" "$D/docs/1.json"
	code 0 sfs import --kind object "$S" "New$C" "$D/docs"
	# What is there decides: into a class of objects go documents only.
	echo x >"$D/docs/x.txt"
	code 0 sfs import --json "$S" "New$C" "$D/docs"
	is "$(ask '[.kind,.skipped]')" '["object",1]'
}
@test "the kind of a class is what was asked for, or what the source looks like" { each import_kinds; }

import_missing() {
	code 10 sfs import "$S" "$C" "$D/missing"
	has "$err" "missing: No such file"
	code 1 sfs import "$S" "bad name" /dev/null
	has "$err" "not a name for a class"
	code 10 sfs ls "$S" "$C"
	mkdir -p "$D/src"
	echo secret >"$D/src/a"
	echo fine >"$D/src/b"
	[ "$(id -u)" != 0 ] || return 0
	chmod 0 "$D/src/a"
	code 3 sfs import "$S" "$C" "$D/src"
	has "$err" "a: reading: Permission denied"
	is "$(sfs get "$S" "$C/b")" fine
}
@test "a source that is not there or can not be read is said" { each import_missing; }

# --- faults ---

@test "a full disk ends an import with how many are safe, and they are" {
	need_root
	mkdir "$BATS_TEST_TMPDIR/disk"
	mount -t tmpfs -o size=24m tmpfs "$BATS_TEST_TMPDIR/disk"
	STORE=$BATS_TEST_TMPDIR/disk/store
	sfs init "$STORE"
	seq 1 400000 | awk '{ printf "{\"id\":\"%07d\",\"a\":\"%s%d\"}\n", $1, "text text text text text text text text text text ", $1 }' >"$BATS_TEST_TMPDIR/big.jsonl"
	code 1 sfs import -q --json "$STORE" Article "$BATS_TEST_TMPDIR/big.jsonl"
	has "$err" "no space left"
	has "$err" "$(ask .saved) that were imported are safe"
	is "$(ask .complete)" false
	[ "$(ask .saved)" -gt 1000 ] || fail "only $(ask .saved)"
	is "$(sfs ls "$STORE" Article | wc -l)" "$(ask .saved)"
	is "$(sfs get "$STORE" Article/0000001 | jq -r .id)" 0000001
}

@test "a full disk under a mount: the import ends, the mount lives" {
	need_root
	mkdir "$BATS_TEST_TMPDIR/disk"
	mount -t tmpfs -o size=24m tmpfs "$BATS_TEST_TMPDIR/disk"
	STORE=$BATS_TEST_TMPDIR/disk/store
	sfs init "$STORE"
	store_mount
	mkdir "$BATS_TEST_TMPDIR/src"
	head -c 3M /dev/urandom >"$BATS_TEST_TMPDIR/src/small"
	head -c 40M /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/src/zlarge"
	code 0 sfs put --kind raw "$STORE" Image/first "$BATS_TEST_TMPDIR/src/small"
	code 1 sfs import "$STORE" Image "$BATS_TEST_TMPDIR/src"
	has "$err" "no space left"
	store_alive
	cmp "$MNT/Image/first" "$BATS_TEST_TMPDIR/src/small"
	# Nothing half-done stays, not even under another name.
	absent "$MNT/Image/zlarge"
	is "$(find "$MNT/Image" -name '.storefs-*')" ""
	code 0 sfs rm "$STORE" Image/first
	code 0 sfs put "$STORE" Image/second "$BATS_TEST_TMPDIR/src/small"
}

@test "an import that is killed keeps what it had saved, whole" {
	seq 1 300000 | jq -c '{id: ., a: "text text text"}' >"$BATS_TEST_TMPDIR/big.jsonl"
	"$STOREFS" import -q "$STORE" Article "$BATS_TEST_TMPDIR/big.jsonl" >/dev/null 3>&- &
	local pid=$!
	# Until it is well under way: its commits are in the engine's log.
	grown() { [ "$(du -s --apparent-size -k "$STORE/db" | cut -f 1)" -gt 2000 ]; }
	wait_until grown
	kill -9 "$pid"
	wait "$pid" || true
	local count
	count=$(sfs ls "$STORE" Article | wc -l)
	[ "$count" -ge 1000 ] || fail "only $count"
	is "$((count % 1000))" 0
	is "$(sfs status --json "$STORE" | jq .objects)" "$count"
	code 0 sfs import -q --json "$STORE" Article "$BATS_TEST_TMPDIR/big.jsonl"
	is "$(ask '[.saved+.kept,.created]')" "[300000,$((300000 - count))]"
}

@test "an import that is interrupted says how far it came" {
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	"$STOREFS" import --format jsonl "$STORE" Article - <"$BATS_TEST_TMPDIR/pipe" >/dev/null 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	local pid=$!
	exec 7>"$BATS_TEST_TMPDIR/pipe"
	seq 1 5000 | jq -c '{id: .}' >&7
	caught() { [ "$((0x$(awk '/^SigCgt/ { print $2 }' "/proc/$pid/status") & 2))" != 0 ]; }
	wait_until caught
	kill -INT "$pid"
	local got=0
	wait "$pid" || got=$?
	exec 7>&-
	is "$got" 1
	has "$(cat "$BATS_TEST_TMPDIR/err")" "stopped early: cancelled"
	sfs ls "$STORE" Article >/dev/null || [ $? = 10 ]
}
