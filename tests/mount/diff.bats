#!/usr/bin/env bats
# storefs diff and check --against: two stores, a store and its backups, property by property.

load ../support/mount
load ../support/cli

setup() {
	store_new
	sfs class define "$STORE" Article \
		<<<'{"properties": {"title": "string", "n": "int"}, "relations": {"to": ["Article"]}}'
	seq 1 200 | sed 's/.*/{"oid": "&", "title": "t&", "n": &}/' | sfs import -q "$STORE" Article -
	mkdir -p "$BATS_TEST_TMPDIR/pictures/sub"
	head -c 300000 /dev/urandom >"$BATS_TEST_TMPDIR/pictures/sub/a.bin"
	echo small >"$BATS_TEST_TMPDIR/pictures/b.txt"
	sfs import -q "$STORE" Image "$BATS_TEST_TMPDIR/pictures"
}
teardown() { store_teardown; }

# taken : take a backup; $NAME is its name.
taken() {
	code 0 sfs backup --json "$STORE" || return 1
	NAME=$(ask .name)
}

what_changed_since_a_backup() {
	taken
	code 0 sfs diff "$S" latest now
	is "$out" ""
	echo '{"title": "other", "n": 7}' | sfs put "$S" Article/7
	sfs rm "$S" Article/9
	echo '{"n": 1}' | sfs put "$S" "Article/new$C"
	sfs rel add "$S" Article/5 to 6
	echo "more of it" | sfs put "$S" Image/b.txt
	echo '{"width": 12}' | sfs put --meta "$S" Image/sub/a.bin
	code 14 sfs diff "$S" latest now
	is "$(sed -n '1,3p;7,$p' <<<"$out")" "changed  Article/5
  relation to: (none) -> [{\"oid\":\"6\",\"type\":\"Article\"}]
changed  Article/7
changed  Image/b.txt
  size: 6 -> 11
changed  Image/sub/a.bin
  meta width: (none) -> 12
1 added, 1 removed, 4 changed"
	has "$out" "  title: \"t7\" -> \"other\""
	code 14 sfs diff --json --class Article "$S" "$NAME" now
	is "$(jq -c 'select(.change == "removed") | [.thing, .class, .oid]' <<<"$out")" '["object","Article","9"]'
	is "$(jq -c 'select(.oid == "7") | .members' <<<"$out")" \
		'[{"what":"property","name":"title","before":"t7","after":"other"}]'
	is "$(jq -r 'select(.change == "added").oid' <<<"$out")" "new$C"
	is "$(grep -c Image <<<"$out" || true)" 0
	# The other way round, by paths, and with the store said otherwise.
	code 14 sfs diff --json "$S" "$STORE/backups/$NAME"
	is "$(jq -r 'select(.change == "removed").oid' <<<"$out")" "new$C"
	code 14 sfs diff "$NAME" now --store "$S"
	STOREFS_STORE=$S code 14 sfs diff latest now
	code 14 sfs diff tomorrow "$S"
	[ "$C" = Plain ] || code 14 sfs diff "$MNT/.storefs/backups/latest" "$S"
	has "$out" "added    Article/new$C"
	# All as it was.
	echo '{"title": "t7", "n": 7}' | sfs put "$S" Article/7
	echo '{"title": "t9", "n": 9}' | sfs put "$S" Article/9
	sfs rm "$S" "Article/new$C"
	echo '{"title": "t5", "n": 5}' | sfs put "$S" Article/5
	printf 'small\n' | sfs put "$S" Image/b.txt
	echo '{}' | sfs put --meta "$S" Image/sub/a.bin
}

@test "what changed since a backup is told property by property, with and without a mount" {
	each what_changed_since_a_backup
}

# A hash is kept once the last write is a moment ago.
all_hashed() { [ "$(sfs check --data --json "$STORE" | jq '.data_new + .data_busy')" = 0 ]; }

@test "what is unchanged is not read" {
	# Hashes are known, then of the same file other bytes would be found only by reading.
	wait_until all_hashed
	taken
	local file
	file=$(find "$STORE/backups/$NAME/raw" -type f -size +200k)
	cp --preserve=timestamps "$file" "$BATS_TEST_TMPDIR/aside"
	printf 'XXXX' | dd of="$file" bs=1 seek=1000 conv=notrunc status=none
	touch -r "$BATS_TEST_TMPDIR/aside" "$file"
	code 0 sfs diff "$STORE" latest now
	# Backups share plain files, also of what has no hash.
	echo again | sfs put "$STORE" Image/c.txt
	taken
	first=$NAME
	printf '{}' | sfs put "$STORE" Article/more
	taken
	code 14 sfs diff "$STORE" "$first" "$NAME"
	is "$out" "added    Article/more
1 added, 0 removed, 0 changed"
}

@test "wrong arguments of diff say what is wrong" {
	code 2 sfs diff "$STORE"
	code 2 sfs diff a b c d
	code 10 sfs diff "$STORE" 2020-01-01T000000Z now
	has "$err" "2020-01-01T000000Z: is no store, and no backup of $STORE"
	code 10 sfs diff "$STORE" latest now
	code 13 sfs diff "$STORE" "$BATS_TEST_TMPDIR/pictures"
	code 10 sfs diff --class Nothing "$STORE" "$STORE"
	has "$err" "neither has a class 'Nothing'"
}

copies_are_the_same() {
	local copy=$D/copy
	code 0 sfs convert "$S" "$copy"
	code 0 sfs check --against "$copy" "$S"
	is "$out" ""
	[ "$C" = Mounted ] || code 0 sfs check --against "$S" "$copy"
	echo '{"title": "t3", "n":  33}' | sfs put "$copy" Article/3
	code 14 sfs check --against "$copy" "$S" Article
	has "$out" "changed  Article/3"
	code 0 sfs check --against "$copy" "$S" Image
	code 2 sfs check --against "$copy" --data "$S"
	code 10 sfs check --against "$D/missing" "$S"
	is "$err" "storefs: check: $D/missing: $(sed 's/.*: //' <<<"$err")"
}

@test "check --against proves that a copy is one" { each copies_are_the_same; }

@test "what differs between two states is a folder of links in the mount" {
	local i d=.storefs/diff
	mkdir "$BATS_TEST_TMPDIR/pictures/old"
	echo gone >"$BATS_TEST_TMPDIR/pictures/old/x"
	sfs import -q "$STORE" Image "$BATS_TEST_TMPDIR/pictures"
	taken
	store_mount
	cd "$MNT"
	is "$(find $d/latest..now | wc -l)" 10
	echo '{"title": "other", "n": 7}' >Article/7.json
	rm Article/9.json Image/old/x
	for i in $(seq 400); do echo "{\"oid\": \"new$i\"}"; done | sfs import -q "$MNT" Article -
	echo '{}' >'Article/a%2Fb.json'
	mkdir Fresh
	echo '{"a": 1}' >Fresh/1.json
	echo more >>Image/b.txt
	is "$(ls $d)" ""
	is "$(ls $d/latest..now)" "added
changed
removed"
	is "$(ls $d/latest..now/added)" "Article
Fresh
Image"
	is "$(ls $d/latest..now/added/Article | wc -l)" 401
	is "$(ls $d/latest..now/changed/Article $d/latest..now/removed/Article $d/latest..now/changed/Image)" \
		"$d/latest..now/changed/Article:
7.json

$d/latest..now/changed/Image:
b.txt

$d/latest..now/removed/Article:
9.json"
	# Links lead to the later state, or to what was removed.
	holds $d/latest..now/changed/Article/7.json '{"title": "other", "n": 7}
'
	is "$(readlink "$d/$NAME..now/removed/Article/9.json")" "../../../../backups/$NAME/Article/9.json"
	is "$(jq .n $d/latest..now/removed/Article/9.json)" 9
	is "$(jq .n $d/now..latest/added/Article/9.json)" 9
	is "$(cat $d/latest..now/removed/Image/old%2Fx)" gone
	holds $d/latest..now/added/Article/a%2Fb.json '{}
'
	is "$(jq .a $d/latest..now/added/Fresh/1.json)" 1
	is "$(ls $d/latest..latest/changed/Article)" ""
	# A time is that of the backup that was in force then.
	is "$(ls $d/tomorrow..now/removed/Article)" 9.json
	is "$(ls -i $d/latest..now/changed/Article | awk '{print $1}')" "$(stat -c %i $d/latest..now/changed/Article/7.json)"
	absent $d/latest..now/changed/Article/8.json $d/latest..now/added/Article/7.json $d/latest..now/added/None $d/latest
	absent $d/2001-01-01..now $d/nonsense..now
	has "$(sfs why "$MNT/$d/nonsense..now" || tail -n 1 .storefs/errors.ndjson)" "is no valid backup"
	refused 'Read-only file system' rm $d/latest..now/changed/Article/7.json
	refused 'Read-only file system' touch $d/latest..now/added/Article/x.json
	is "$(ls .storefs/backups/latest/.storefs/diff 2>&1 | grep -c 'No such file')" 1
	cd /
}
