#!/usr/bin/env bats
# storefs convert: a store copied into another one, compared, and named only when it is whole.

load ../support/mount
load ../support/cli

setup() { store_new; }
teardown() { store_teardown; }

# Objects of two classes with relations, texts as people write them, raws with all that they can have.
fill() {
	printf '{"properties": {"name": "string"}}' | sfs class define "$S" Author
	printf '{"properties": {"title": "string", "n": "int"}, "relations": {"by": "Author", "more": ["Author"]},
		"indexes": {"n": "value"}}' | sfs class define "$S" Book
	printf '{"name": "Ann"}' | sfs put "$S" Author/ann
	printf '{"name": "Bob"}' | sfs put "$S" Author/bob
	printf '{"title":"One",  "n": 1,\n"by": {"oid": "ann"}, "more": ["bob", "ann"]}' | sfs put "$S" Book/1
	seq 2 300 | sed 's/.*/{"oid": "&", "title": "t&", "n": &, "by": "bob"}/' | sfs import "$S" Book -
	mkdir -p "$D/tree/sub"
	printf bytes >"$D/tree/a"
	ln "$D/tree/a" "$D/tree/sub/b"
	ln -s ../a "$D/tree/sub/link"
	truncate -s 2M "$D/tree/holes"
	setfattr -n user.width -v 1920 "$D/tree/a"
	touch -d '2020-01-02 03:04:05.123456789' "$D/tree/a" "$D/tree/sub"
	sfs import --kind raw "$S" Image "$D/tree"
}

everything_comes_over() {
	local new=$D/new
	fill
	code 0 sfs convert --json "$S" "$new"
	is "$(ask '[.backend, .classes, .objects, .raws] | @csv')" '"kv",3,302,5'
	is "$(sfs get "$new" Book/1)" "$(sfs get "$S" Book/1)"
	is "$(sfs get --depth 0 "$new" Book/1)" "$(sfs get --depth 0 "$S" Book/1)"
	is "$(sfs rel get "$new" Book/1 more | xargs)" "bob ann"
	is "$(sfs refs "$new" Author/bob | sort)" "$(sfs refs "$S" Author/bob | sort)"
	is "$(sfs query "$new" Book n=77)" 77
	is "$(sfs get --meta "$new" Image/a)" "$(sfs get --meta "$S" Image/a)"
	code 0 sfs check "$new"
	is "$(ls -A "$D" | grep -c converting)" 0
}

@test "everything of a store is in its copy, and the copy is checked" { each everything_comes_over; }

only_into_nothing() {
	local new=$D/new
	[ -n "$(sfs class list "$S")" ] || sfs class define "$S" Thing <<<'{}'
	printf '{}' | sfs put "$S" Thing/1
	mkdir "$new"
	touch "$new/mine"
	code 1 sfs convert "$S" "$new"
	has "$err" 'is not empty'
	is "$(ls -A "$new")" mine
	rm "$new/mine"
	code 0 sfs convert "$S" "$new"
	is "$out" "$new: 1 classes, 1 objects, 0 raws, 0 bytes, all compared"
	code 10 sfs convert "$S" "$D/missing/new"
	code 1 sfs convert --backend nonsense "$S" "$D/other"
	code 1 sfs convert --backend memory "$S" "$D/other"
	absent "$D/other" "$D/.other.converting"
}

@test "a copy goes into a new or an empty folder alone" { each only_into_nothing; }

@test "texts as they were saved, scratch files and modes come over" {
	local new=$BATS_TEST_TMPDIR/new
	store_mount
	mkdir "$MNT/Note"
	printf '{"b":  1,\n\n"a": 2}' >"$MNT/Note/1.json"
	printf '\x82\xa1b\xcd\x00\x01\xa1a\xd9\x01x' >"$MNT/Note/2.msgpack"
	chmod 600 "$MNT/Note/1.json"
	touch -d '2001-02-03 04:05:06.789' "$MNT/Note/1.json"
	printf 'left by an editor' >"$MNT/Note/.1.json.swp"
	code 0 sfs convert "$STORE" "$new"
	facts "$MNT" | grep -v '^|' | cut -d'|' -f1-6,8- >"$BATS_TEST_TMPDIR/before"
	cp "$MNT/Note/1.json" "$MNT/Note/2.msgpack" "$BATS_TEST_TMPDIR"
	store_umount
	STORE=$new
	store_mount
	facts "$MNT" | grep -v '^|' | cut -d'|' -f1-6,8- | diff "$BATS_TEST_TMPDIR/before" -
	same "$MNT/Note/1.json" "$BATS_TEST_TMPDIR/1.json"
	same "$MNT/Note/2.msgpack" "$BATS_TEST_TMPDIR/2.msgpack"
	is "$(cat "$MNT/Note/.1.json.swp")" 'left by an editor'
}

@test "a relative name is in the caller's folder, with and without a mount" {
	sfs class define "$STORE" Thing <<<'{}'
	store_mount
	(cd "$BATS_TEST_TMPDIR" && sfs convert "$STORE" copy)
	store_umount
	(cd "$BATS_TEST_TMPDIR" && sfs convert "$STORE" copy2/)
	is "$(sfs class list "$BATS_TEST_TMPDIR/copy" | wc -l)" 1
	is "$(sfs class list "$BATS_TEST_TMPDIR/copy2" | wc -l)" 1
}

# caught PID COMMAND… : it is stopped when that succeeds; nobody sleeps meanwhile, it could be too fast.
caught() {
	local pid=$1 end=$((SECONDS + 60))
	shift
	until "$@"; do
		kill -0 "$pid" && [ "$SECONDS" -lt "$end" ] || fail "waited for $*" || return 1
	done
	kill -STOP "$pid"
}

# locked_by PID LOCK : that process has it.
locked_by() {
	local text
	read -r text <"$2" && [[ $text == *"\"pid\": $1,"* ]]
} 2>/dev/null

@test "what stops on the way leaves nothing, and what a kill leaves the next one removes" {
	local S=$STORE D=$BATS_TEST_TMPDIR pid part=$BATS_TEST_TMPDIR/.new.converting
	sfs class define "$S" Thing <<<'{}'
	seq 1 20000 | sed 's/.*/{"oid": "&", "n": &}/' | sfs import "$S" Thing -
	"$STOREFS" convert "$S" "$D/new" 3>&- &
	pid=$!
	caught "$pid" test -e "$part/storefs.json"
	# One at a time.
	if [ -s "$part/lock" ]; then
		code 11 sfs convert "$S" "$D/new"
		has "$err" 'another conversion is under way'
	fi
	kill -9 "$pid"
	wait "$pid" || true
	absent "$D/new"
	[ -d "$part" ] || fail "it was too fast to be killed"
	"$STOREFS" convert "$S" "$D/new" 3>&- &
	pid=$!
	caught "$pid" locked_by "$pid" "$part/lock"
	kill "$pid"
	kill -CONT "$pid"
	wait "$pid" && fail "it went on"
	wait_until gone "$pid"
	absent "$D/new" "$part"
	code 0 sfs convert "$S" "$D/new"
	is "$(sfs ls --count "$D/new" Thing)" 20000
}

@test "a folder of databases becomes a store of its own" {
	local folder=$BATS_TEST_TMPDIR/app new=$BATS_TEST_TMPDIR/new
	mkdir "$folder"
	cp "$TREE/tests/data/vectors/sf_large/large.mpack" "$folder"
	chmod u+w "$folder/large.mpack"
	code 0 sfs convert "$folder" "$new"
	has "$out" '1 classes, 20000 objects'
	is "$(sfs get "$new" large/key000007 | jq -c .)" '{"name":"user 7","n":7,"tags":["a","b"]}'
	same "$folder/large.mpack" "$TREE/tests/data/vectors/sf_large/large.mpack"
	# A document of a class of objects is an object.
	cp "$TREE/tests/data/vectors/sf_roots/str.mpack" "$folder"
	code 12 sfs convert "$folder" "$new.2"
	has "$err" 'str/value'
	absent "$new.2"
}

@test "a store becomes a folder of objects as files, and comes back the same" {
	local S=$STORE D=$BATS_TEST_TMPDIR folder=$BATS_TEST_TMPDIR/folder back=$BATS_TEST_TMPDIR/back
	printf '{"type": "m.Author", "properties": {"name": "string"}}' | sfs class define "$S" Author
	printf '{"type": "m.Book", "properties": {"title": "string", "n": "int"}, "relations": {"by": "Author"},
		"indexes": {"n": "value"}}' | sfs class define "$S" Book
	printf '{"name": "Ann"}' | sfs put "$S" Author/ann
	seq 1 60 | sed 's/.*/{"oid": "&", "title": "t&", "n": &, "by": "ann"}/' | sfs import -q "$S" Book -
	printf '{"name": "Zoë", "n": 1.5, "more": {"b": [1, null], "a": 12345678901234567890123}}' | sfs put "$S" Author/a.b
	mkdir -p "$D/tree/sub"
	printf bytes >"$D/tree/a"
	printf more >"$D/tree/sub/b"
	setfattr -n user.width -v 1920 "$D/tree/a"
	sfs import -q --kind raw "$S" Image "$D/tree"
	code 0 sfs convert --backend directory "$S" "$folder"
	is "$(jq -r '.type + .title' "$folder/Book/7.json")" m.Bookt7
	holds "$folder/Image/a/data.blob" bytes
	code 0 sfs check "$folder"
	code 0 sfs convert --backend kv "$folder" "$back"
	local class oid
	for class in Author Book; do
		is "$(sfs ls "$back" "$class" | sort)" "$(sfs ls "$S" "$class" | sort)"
		is "$(sfs class show "$back" "$class" | jq -cS 'del(.backend)')" "$(sfs class show "$S" "$class" | jq -cS 'del(.backend)')"
	done
	for oid in Author/ann Author/a.b Book/1 Book/60; do
		is "$(sfs get --depth 0 "$back" "$oid")" "$(sfs get --depth 0 "$S" "$oid")"
	done
	is "$(sfs query "$back" Book n=7)" 7
	is "$(sfs get --meta "$back" Image/a)" "$(sfs get --meta "$S" Image/a)"
	is "$(sfs get "$back" Image/sub/b)" more
	code 0 sfs check "$back"
	# What has no file there is refused by its name, and nothing is made.
	printf '{}' | sfs put "$S" Author/a..b
	code 1 sfs convert --backend directory "$S" "$D/other"
	has "$err" 'a..b'
	absent "$D/other" "$D/.other.converting"
}

@test "a store that is damaged is not half copied" {
	local S=$STORE D=$BATS_TEST_TMPDIR
	mkdir "$D/tree"
	printf bytes >"$D/tree/a"
	sfs import --kind raw "$S" Image "$D/tree"
	find "$S/raw" -type f -delete
	refused '' sfs convert "$S" "$D/new"
	absent "$D/new" "$D/.new.converting"
}
