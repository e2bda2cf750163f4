#!/usr/bin/env bats
# storefs dump and load: a store as plain files and back, and dumps that are not whole.

load ../support/mount
load ../support/cli

setup() { store_new; }
teardown() { store_teardown; }

# Everything that a store can have: types, texts as people write them, relations, links, holes, odd names.
fill() {
	printf '{"properties": {"name": "string"}}' | sfs class define "$STORE" Author
	printf '{"properties": {"title": "string", "n": "int"}, "relations": {"by": "Author", "more": ["Author"]},
		"indexes": {"n": "value"}}' | sfs class define "$STORE" Book
	printf '{"kind": "raw", "meta": {"width": "int"}}' | sfs class define "$STORE" Image
	store_mount
	mkdir "$MNT/Free"
	printf '{"name": "Ann"}' >"$MNT/Author/ann.json"
	printf '{"name": "Bob"}\n' >"$MNT/Author/bob.json"
	printf '{"title":"One",  "n": 1,\n"by": {"oid": "ann"}, "more": ["bob", "ann"]}' >"$MNT/Book/1.json"
	seq 2 90 | sed 's/.*/{"oid": "&", "title": "t&", "n": &, "by": "bob"}/' | sfs import -q "$MNT" Book -
	printf '{"b": {"$bin": "AP8="}, "f": {"$float": "nan"}, "i": 123456789012345678901234567890,
		"m": {"$map": [[1, 2]]}, "d": 1.5, "n": null, "u": "\\u0000\\u2028"}' >"$MNT/Free/types.json"
	printf '\x82\xa1a\x01\xa1b\xd9\x01x' >"$MNT/Free/packed.msgpack"
	printf '{}' >"$MNT/Free/odd%2fname%0a.json"
	# One that can not stand in a line, being too deep, and one that is too long for it.
	{ printf '{"d":'; printf '[%.0s' {1..488}; printf ']%.0s' {1..488}; printf '}'; } >"$BATS_TEST_TMPDIR/deep.json"
	{ printf '{"long":  "'; head -c 3000000 /dev/zero | tr '\0' 'x'; printf 'ä"}'; } >"$BATS_TEST_TMPDIR/long.json"
	cp "$BATS_TEST_TMPDIR"/*.json "$MNT/Free"
	chmod 640 "$MNT/Free/types.json"
	touch -d '2020-01-02 03:04:05.123456789' "$MNT/Free/types.json"
	printf 'mine' >"$MNT/Free/.scratch.swp"
	mkdir -p "$MNT/Image/sub/däep"
	printf bytes >"$MNT/Image/a"
	printf more >"$MNT/Image/sub/däep/ü"
	printf odd >"$MNT/Image/"$'o\xffd\n'
	ln "$MNT/Image/a" "$MNT/Image/sub/b"
	ln -s ../a "$MNT/Image/sub/link"
	mkfifo "$MNT/Image/pipe"
	truncate -s 2M "$MNT/Image/holes"
	: >"$MNT/Image/empty"
	setfattr -n user.width -v 1920 "$MNT/Image/a"
	setfattr -n user.odd -v 0xff00 "$MNT/Image/a"
	printf '{"width":   7}' >"$MNT/.storefs/meta/Image/holes.json"
	touch -d '2021-01-02 03:04:05.5' "$MNT/Image/sub/däep/ü" "$MNT/Image/sub/däep"
	for i in $(seq 600); do echo "$i"; done | (cd "$MNT/Image/sub" && xargs touch)
}

# the_same STORE : it has all that the store under test has.
the_same() {
	code 0 sfs check --against "$1" "$STORE"
	is "$out" ""
	code 0 sfs check "$1"
}

@test "a dump loads as the same store, from a folder and from a tar stream, mounted or not" {
	local D=$BATS_TEST_TMPDIR
	fill
	code 0 sfs dump --output "$D/dump" "$MNT"
	has "$out" "$D/dump: 4 classes, 9"
	(cd "$D" && sfs dump --tar "$MNT" >dump.tar)
	store_umount
	code 0 sfs dump --json --tar --output "$D/second.tar" "$STORE"
	is "$(ask '[.dump, .classes]')" "[\"$D/second.tar\",4]"
	code 0 sfs load --json "$D/dump" "$D/folder"
	is "$(ask '[.store, .backend, .classes]')" "[\"$D/folder\",\"kv\",4]"
	the_same "$D/folder"
	(cd "$D" && sfs load - tar <dump.tar)
	the_same "$D/tar"
	gzip "$D/second.tar"
	code 0 sfs load "$D/second.tar.gz" "$D/packed"
	the_same "$D/packed"
	# What tar unpacks is a dump as well.
	mkdir "$D/unpacked"
	tar -C "$D/unpacked" -xf "$D/dump.tar" 2>/dev/null
	code 0 sfs load "$D/unpacked" "$D/again"
	the_same "$D/again"
	is "$(sfs get "$D/folder" Book/1)" "$(sfs get "$STORE" Book/1)"
	is "$(sfs query "$D/folder" Book n=77)" 77
	is "$(sfs refs "$D/folder" Author/bob | sort)" "$(sfs refs "$STORE" Author/bob | sort)"
	# Plain files: jq reads them.
	is "$(jq -r 'select(.oid == "7").document.title' "$D"/dump/Book/*.ndjson)" t7
	is "$(cat "$D/dump/Image/files/a")" bytes
	[ "$(stat -c %b "$D/dump/Image/files/holes")" -lt 100 ]
	absent "$D/.dump.dumping" "$D/second.tar.dumping" "$D/.folder.loading"
}

@test "a dump loads into a folder of another program, and what that can not keep is said" {
	local D=$BATS_TEST_TMPDIR
	printf '{"properties": {"title": "string"}}' | sfs class define "$STORE" Book
	printf '{"title":   "One"}' | sfs put "$STORE" Book/1
	mkdir "$D/tree"
	printf bytes >"$D/tree/a"
	sfs import -q --kind raw "$STORE" Image "$D/tree"
	sfs dump -o "$D/dump" "$STORE"
	code 0 sfs load --backend directory "$D/dump" "$D/files"
	the_same "$D/files"
	sfs dump -o "$D/back" "$D/files"
	code 0 sfs load "$D/back" "$D/kv"
	the_same "$D/kv"
	printf bytes >"$D/tree/"$'\xff'
	code 0 sfs import -q "$STORE" Image "$D/tree"
	sfs dump --tar "$STORE" >"$D/odd.tar"
	code 1 sfs load --backend directory "$D/odd.tar" "$D/odd"
	has "$err" 'Image/000001.ndjson:'
	absent "$D/odd" "$D/.odd.loading"
	code 1 sfs load --backend nonsense "$D/dump" "$D/odd"
	absent "$D/odd" "$D/.odd.loading"
}

# bad CODE WORDS : the dump in $D/bad is refused with these words, and leaves nothing.
bad() {
	code "$1" sfs load "$D/bad" "$D/new" || return 1
	has "$err" "$2" || return 1
	absent "$D/new" "$D/.new.loading"
}

# again : a good dump in $D/bad, to be spoilt.
again() {
	rm -rf "$D/bad"
	cp -a "$D/good" "$D/bad"
}

# reseal FILE : its last line fits what was changed above it. (A mounted store knows how to hash.)
reseal() {
	local body hash
	body=$(mktemp "$D/body.XXXX")
	head -n -1 "$1" >"$body"
	cp "$body" "$MNT/Image/body"
	hash=$(getfattr --only-values -n user.storefs.xxh3 "$MNT/Image/body")
	{ cat "$body"; tail -n 1 "$1" | jq -c --arg h "$hash" --argjson n "$(wc -l <"$body")" '.xxh3 = $h | .lines = $n'; } >"$body.new"
	mv "$body.new" "$1"
}

@test "a dump that is not whole is refused, says where, and leaves nothing" {
	local D=$BATS_TEST_TMPDIR part
	printf '{"a": 1}' >"$D/doc"
	sfs put --kind object "$STORE" Book/1 "$D/doc"
	sfs put "$STORE" Book/2 "$D/doc"
	mkdir "$D/tree"
	printf bytes >"$D/tree/a"
	sfs import -q --kind raw "$STORE" Image "$D/tree"
	sfs dump -o "$D/good" "$STORE"
	store_mount
	again && rm "$D/bad/manifest.json" && bad 14 'manifest.json is missing'
	again && rm "$D/bad/Book/000001.ndjson" && bad 14 'Book/000001.ndjson is missing'
	again && rm "$D/bad/Image/files/a" && bad 14 'Image/files/a is missing'
	again && printf bytez >"$D/bad/Image/files/a" && bad 14 'Image/000002.ndjson:1: files/a does not have the hash'
	again && printf byte >"$D/bad/Image/files/a" && bad 14 'Image/files/a has 4 bytes, 5 were expected'
	part=$D/bad/Book/000001.ndjson
	again && sed -i 's/"a":1/"a":2/' "$part" && bad 14 'Book/000001.ndjson:5: the lines above do not have the hash'
	again && sed -i '$d' "$part" && bad 14 'Book/000001.ndjson:4: no end of a part'
	again && truncate -s -3 "$part" && bad 14 'no end of a part'
	again && sed -i 's/"a":1/"a":/' "$part" && reseal "$part" && bad 12 'Book/000001.ndjson:2: '
	again && sed -i '2s/"updates"/"other"/' "$part" && reseal "$part" && bad 12 'Book/000001.ndjson:2: oid, updates'
	again && sed -i '3d' "$part" && reseal "$part" && bad 14 'does not have as much'
	part=$D/bad/Image/000001.ndjson
	again && sed -i 's|"path":"a"|"path":"../a"|' "$part" && reseal "$part" && bad 12 'Image/000001.ndjson:2: a path leads out'
	again && sed -i 's|"path":"a"|"path":"/etc/a"|' "$part" && reseal "$part" && bad 12 'a path leads out'
	again && sed -i 's|"path":"a"|"path":"x/a"|' "$part" && reseal "$part" && bad 12 'the directory of the path'
	again && rm "$D/bad/Image/files/a" && ln -s "$D/tree/a" "$D/bad/Image/files/a" && bad 14 'Image/files/a is missing'
	again && rm -r "$D/bad/Image/files" && ln -s "$D/tree" "$D/bad/Image/files" && bad 14 'Image/files/a is missing'
	again && rm "$D/bad/Image/files/a" && mkfifo "$D/bad/Image/files/a" && bad 14 'is no regular file'
	again && sed -i 's/"storefs_dump":1/"storefs_dump":2/' "$D/bad/storefs-dump.json" && bad 13 'a dump of format 2'
	again && echo '{}' >"$D/bad/storefs-dump.json" && bad 14 'this is no dump of a store'
	again && echo ' ' >>"$D/bad/Book/definition.json" && bad 14 'definition.json does not have the hash'
	again && sed -i 's/"bytes":5/"bytes":6/' "$D/bad/manifest.json" && bad 14 'manifest.json: counts and hash'
	again && rm -r "$D/bad" && mkdir "$D/bad" && bad 14 'storefs-dump.json is missing'
}

@test "a tar stream that is cut, in disorder or of something else is refused" {
	local D=$BATS_TEST_TMPDIR
	printf '{"a": 1}' >"$D/doc"
	sfs put --kind object "$STORE" Book/1 "$D/doc"
	head -c 200000 /dev/urandom >"$D/doc"
	sfs put --kind raw "$STORE" Image/a "$D/doc"
	sfs dump --tar "$STORE" >"$D/good.tar"
	head -c 100000 "$D/good.tar" >"$D/bad"
	bad 14 'runcated'
	tar -cf "$D/bad" -P /etc/hostname
	bad 14 "the tar stream has '/etc/hostname' where 'storefs-dump.json' was expected"
	mkdir "$D/x" && tar -C "$D/x" -xf "$D/good.tar"
	tar -C "$D/x" -cf "$D/bad" storefs-dump.json Image Book manifest.json
	bad 14 "where 'Book/definition.json' was expected"
	tar -C "$D/x" -cf "$D/bad" storefs-dump.json
	bad 14 'the tar stream ends before'
	echo no >"$D/bad"
	bad 14 'the tar stream'
	: >"$D/bad"
	bad 14 'the tar stream'
	code 10 sfs load "$D/missing" "$D/new"
	code 2 sfs dump "$STORE"
	code 1 sfs load "$D/good.tar" "$STORE"
	has "$err" 'is not empty'
	mkdir "$D/full" && touch "$D/full/mine"
	code 1 sfs dump -o "$D/full" "$STORE"
	is "$(ls -A "$D/full")" mine
	code 10 sfs dump -o "$D/missing/new" "$STORE"
}

@test "a disk that fills up leaves neither a dump nor a store" {
	local D=$BATS_TEST_TMPDIR small=$BATS_TEST_TMPDIR/small
	need_root
	head -c 3000000 /dev/urandom >"$D/large"
	sfs put --kind raw "$STORE" Image/a "$D/large"
	sfs dump -o "$D/dump" "$STORE"
	mkdir "$small"
	mount -t tmpfs -o size=2m tmpfs "$small"
	code 1 sfs dump -o "$small/dump" "$STORE" || { umount "$small"; return 1; }
	local first=$err left
	code 1 sfs dump --tar -o "$small/dump.tar" "$STORE" || { umount "$small"; return 1; }
	code 1 sfs load "$D/dump" "$small/new" || { umount "$small"; return 1; }
	left=$(ls -A "$small")
	disk_umount "$small"
	has "$first" 'Image/files/a'
	is "$left" ""
}
