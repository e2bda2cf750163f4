#!/usr/bin/env bats
# storefs export: records on a stream, files in a folder, without a mount and with one.

load ../support/mount
load ../support/cli

setup() { store_new; }
teardown() { store_teardown; }

export_records() {
	code 0 sfs put --kind object "$S" "$C/b" <<<'{"n": [1, {"x y": "a  b\" "}], "type": "'"$C"'"}'
	code 0 sfs put "$S" "$C/a\"b" <<<'{}'
	code 0 sfs export "$S" "$C"
	is "$out" $'{"oid":"a\\"b"}\n{"oid":"b","n":[1,{"x y":"a  b\\" "}]}'
	code 0 sfs export --format json "$S" "$C"
	is "$(ask '[.[].oid]')" '["a\"b","b"]'
	code 0 sfs export "$S" "$C/b"
	is "$(jq -c .n <<<"$out")" '[1,{"x y":"a  b\" "}]'
	code 0 sfs export --format json "$S" "$C/b"
	is "$(ask length)" 1
	code 0 sfs rm "$S" "$C/b" "$C/a\"b"
	is "$(sfs export "$S" "$C")" ""
	is "$(sfs export --format json "$S" "$C")" "[]"
	code 10 sfs export "$S" "$C/none"
	code 10 sfs export "$S" "No$C"
}
@test "export writes a class as records that begin with their oid" { each export_records; }

export_import() {
	seq 1 3000 | jq -c '{id: ., f: 1.5e300, s: "ü\u0000\n", big: 1}' |
		sed 's/"big":1/"big":123456789012345678901234567890/' >"$D/list.jsonl"
	code 0 sfs import "$S" "$C" "$D/list.jsonl"
	sfs export "$S" "$C" >"$D/out.jsonl"
	is "$(wc -l <"$D/out.jsonl")" 3000
	code 0 sfs import --json "$S" "Again$C" "$D/out.jsonl"
	is "$(ask '[.saved,.bad]')" '[3000,0]'
	same <(sfs export "$S" "Again$C") "$D/out.jsonl"
	# The same objects again: nothing changes.
	local before
	before=$(sfs ls -l "$S" "$C")
	code 0 sfs import "$S" "$C" "$D/out.jsonl"
	is "$(sfs ls -l "$S" "$C")" "$before"
}
@test "what export writes, import takes back" { each export_import; }

@test "an object that names its oid itself is exported with one oid" {
	store_mount
	mkdir "$MNT/Article"
	printf '{ "n": 1,\n "oid": "1",\n\t"\\u0074ype": "Article" }' >"$MNT/Article/1.json"
	code 0 sfs export "$STORE" Article
	is "$out" '{"oid":"1","n":1,"\u0074ype":"Article"}'
	code 0 sfs import "$STORE" Article - <<<"$out"
}

export_no_utf8() {
	code 0 sfs put --kind object "$S" "$C/"$'\xff' <<<'{"n":1}'
	code 0 sfs put "$S" "$C/ok" <<<'{"n":2}'
	code 3 sfs export "$S" "$C"
	is "$out" '{"oid":"ok","n":2}'
	has "$err" "left out"
	code 0 sfs export --to "$D/out" "$S" "$C"
	is "$(cat "$D/out/%FF.json" | jq .n)" 1
	code 0 sfs import "$S" "Again$C" "$D/out"
	is "$(sfs get "$S" "Again$C/"$'\xff' | jq .n)" 1
}
@test "an oid that is no UTF-8 is left out of records, loudly, and has a file" { each export_no_utf8; }

export_files() {
	local long
	long=$(printf 'l%.0s' {1..600})
	code 0 sfs put --kind object "$S" "$C/1" <<<'{"n":1}'
	code 0 sfs put "$S" "$C/a/b" <<<'{"n":2}'
	code 0 sfs put "$S" "$C/.hidden" <<<'{"n":3}'
	code 0 sfs put "$S" "$C/$long" <<<'{"n":4}'
	code 0 sfs export --json --to "$D/out" "$S" "$C"
	is "$(ask '[.objects,.raws,.failed,.complete]')" '[4,0,0,true]'
	is "$(ls -A "$D/out" | grep -v ^l | tr '\n' ' ')" "%2Ehidden.json 1.json a%2Fb.json "
	same "$D/out/1.json" <(sfs get "$S" "$C/1")
	# Nothing is replaced unasked.
	echo mine >"$D/out/1.json"
	code 3 sfs export --to "$D/out" "$S" "$C"
	has "$err" "1.json: exists already (--force replaces it)"
	holds "$D/out/1.json" $'mine\n'
	code 0 sfs export --force --to "$D/out" "$S" "$C"
	same "$D/out/1.json" <(sfs get "$S" "$C/1")
	is "$(find "$D/out" -name '.storefs-*')" ""
	code 0 sfs export --format msgpack --to "$D/mp" "$S" "$C/1"
	same "$D/mp/1.msgpack" <(sfs get --format msgpack "$S" "$C/1")
}
@test "--to writes one file for each object, and replaces none unasked" { each export_files; }

@test "--to writes exactly what the mount shows" {
	store_mount
	mkdir "$MNT/Article"
	printf '{"n":  1}' >"$MNT/Article/1.json"
	printf '{"n":2}' >"$MNT/Article/a%2Fb.json"
	chmod 600 "$MNT/Article/1.json"
	touch -d '2020-01-02 03:04:05.5' "$MNT/Article/1.json"
	mkdir -p "$MNT/Article/scratch"
	class_raw Image
	mkdir "$MNT/Image/d"
	echo x >"$MNT/Image/d/a"
	ln -s a "$MNT/Image/d/l"
	setfattr -n user.width -v 7 "$MNT/Image/d/a"
	code 0 sfs export --to "$BATS_TEST_TMPDIR/out" "$STORE"
	rmdir "$MNT/Article/scratch"
	diff -r --no-dereference "$MNT" "$BATS_TEST_TMPDIR/out"
	is "$(cd "$MNT" && find . -type f -printf '%P %m %T@ %s\n' | sort)" \
		"$(cd "$BATS_TEST_TMPDIR/out" && find . -type f -printf '%P %m %T@ %s\n' | sort)"
	is "$(getfattr --only-values -n user.width "$BATS_TEST_TMPDIR/out/Image/d/a")" 7
}

export_raws() {
	mkdir -p "$D/src/d/e"
	echo 1 >"$D/src/d/e/1"
	echo 2 >"$D/src/2"
	code 0 sfs import "$S" "$C" "$D/src"
	code 0 sfs export --to "$D/all" "$S" "$C"
	diff -r "$D/src" "$D/all"
	code 0 sfs export --to "$D/part" "$S" "$C/d"
	diff -r "$D/src/d" "$D/part"
	code 0 sfs export --to "$D/one" "$S" "$C/d/e/1"
	is "$(cat "$D/one/1")" 1
	code 2 sfs export "$S" "$C"
	has "$err" "--to DIR"
	code 10 sfs export --to "$D/none" "$S" "$C/none"
	absent "$D/none"
}
@test "raws are exported as a tree, a part of it, or one file" { each export_raws; }

@test "an export never writes through a symlink that is in the folder" {
	mkdir -p "$BATS_TEST_TMPDIR/src/d" "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/elsewhere"
	echo new >"$BATS_TEST_TMPDIR/src/a"
	echo new >"$BATS_TEST_TMPDIR/src/d/b"
	echo old >"$BATS_TEST_TMPDIR/elsewhere/a"
	sfs import "$STORE" Image "$BATS_TEST_TMPDIR/src"
	ln -s "$BATS_TEST_TMPDIR/elsewhere/a" "$BATS_TEST_TMPDIR/out/a"
	ln -s "$BATS_TEST_TMPDIR/elsewhere" "$BATS_TEST_TMPDIR/out/d"
	code 3 sfs export --to "$BATS_TEST_TMPDIR/out" "$STORE" Image
	code 3 sfs export --force --to "$BATS_TEST_TMPDIR/out" "$STORE" Image
	holds "$BATS_TEST_TMPDIR/elsewhere/a" $'old\n'
	is "$(ls "$BATS_TEST_TMPDIR/elsewhere")" a
	holds "$BATS_TEST_TMPDIR/out/a" $'new\n'
}

@test "a full disk ends an export, and says so" {
	need_root
	mkdir "$BATS_TEST_TMPDIR/src" "$BATS_TEST_TMPDIR/disk"
	head -c 3M /dev/urandom >"$BATS_TEST_TMPDIR/src/a"
	sfs import "$STORE" Image "$BATS_TEST_TMPDIR/src"
	mount -t tmpfs -o size=1m tmpfs "$BATS_TEST_TMPDIR/disk"
	code 1 sfs export --to "$BATS_TEST_TMPDIR/disk/out" "$STORE" Image
	has "$err" "No space left"
	is "$(ls -A "$BATS_TEST_TMPDIR/disk/out")" ""
}

@test "an export into the very mount that it comes from" {
	sfs put --kind object "$STORE" Article/1 <<<'{"n":1}'
	store_mount
	class_raw Copy
	code 0 sfs export --to "$MNT/Copy/deep" "$STORE" Article
	is "$(jq .n "$MNT/Copy/deep/1.json")" 1
	store_alive
}
