#!/usr/bin/env bats
# Metadata of raws through the mount: attributes, documents, indexes, and what the store knows of the bytes.

load ../support/mount

setup() {
	store_new
	store_mount
	DIR=$MNT/Image
	META=$MNT/.storefs/meta/Image
	DEFINITION='{"kind": "raw", "meta": {"width": "int"},
		"indexes": {"width": "value", "format": "normalize"}}'
	echo "$DEFINITION" >"$MNT/.storefs/schema/Image.json"
	mkdir -p "$DIR/holiday"
	echo pixels >"$DIR/holiday/a.jpg"
	echo other >"$DIR/b.txt"
}

teardown() {
	store_teardown
}

doc() { jq -c . "$META/${1:-holiday/a.jpg}.json"; }
attr_of() { getfattr --absolute-names --only-values -n "user.$2" "$DIR/$1"; }
last() { tail -n 1 "$MNT/.storefs/errors.ndjson" | jq -rc "$1"; }

# Shells do not notice what close(2) says.
save() {
	echo "$1" >"$BATS_TEST_TMPDIR/text"
	cp "$BATS_TEST_TMPDIR/text" "$2"
}

# --- documents --------------------------------------------------------------------------

@test "all metadata of a raw is one document, in the place of the raw" {
	holds "$META/b.txt.json" $'{}\n'
	is "$(ls "$META" | tr '\n' ' ')" "b.txt.json holiday "
	is "$(ls "$META/holiday")" a.jpg.json
	setfattr -n user.width -v 1920 "$DIR/holiday/a.jpg"
	setfattr -n user.format -v JPEG "$DIR/holiday/a.jpg"
	is "$(doc)" '{"width":1920,"format":"JPEG"}'
	is "$(stat -c %s "$META/holiday/a.jpg.json")" "$(wc -c <"$META/holiday/a.jpg.json")"
	absent "$META/holiday/none.json" "$META/none" "$MNT/.storefs/meta/None"
	lacks "$(ls -A "$MNT/.storefs")" meta
}

@test "a document that is saved is the metadata, byte for byte" {
	printf '{"width": 5,\n  "tags": ["a", {"b": null}], "s": "t"}' >"$META/holiday/a.jpg.json"
	holds "$META/holiday/a.jpg.json" $'{"width": 5,\n  "tags": ["a", {"b": null}], "s": "t"}'
	is "$(attr_of holiday/a.jpg width)" 5
	is "$(attr_of holiday/a.jpg tags)" '["a",{"b":null}]'
	store_remount
	holds "$META/holiday/a.jpg.json" $'{"width": 5,\n  "tags": ["a", {"b": null}], "s": "t"}'
	echo '{}' >"$META/holiday/a.jpg.json"
	is "$(getfattr -d "$DIR/holiday/a.jpg")" ""
	holds "$DIR/holiday/a.jpg" $'pixels\n'
}

@test "a document is saved by every way of saving" {
	local D=$META/b.txt.json
	echo '{"width": 1}' >"$D"
	is "$(attr_of b.txt width)" 1
	sed -i s/1/2/ "$D"
	is "$(attr_of b.txt width)" 2
	jq '.width = 3' "$D" >"$META/tmp.new" && mv "$META/tmp.new" "$D"
	is "$(attr_of b.txt width)" 3
	python3 - "$D" <<-'PY'
		import os, sys, tempfile
		path = sys.argv[1]
		fd, name = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".b.txt.json.")
		os.write(fd, b'{"width": 4}\n')
		os.fsync(fd)
		os.close(fd)
		os.replace(name, path)
	PY
	is "$(attr_of b.txt width)" 4
	# A backup by renaming, then a new file.
	mv "$D" "$D~"
	echo '{"width": 5}' >"$D"
	is "$(attr_of b.txt width)" 5
	is "$(jq .width "$D~")" 4
	rm "$D~"
	printf '{"width": ' >"$D.part"
	printf '6}' >>"$D.part"
	mv "$D.part" "$D"
	is "$(attr_of b.txt width)" 6
	truncate -s 0 "$D"
	is "$(attr_of b.txt width)" 6
	is "$(ls -A "$META" | tr '\n' ' ')" "b.txt.json holiday "
}

@test "editors save the document" {
	need_command ed vi
	local D=$META/b.txt.json
	echo '{"width": 1}' >"$D"
	printf 's/1/2/\nw\nq\n' | ed -s "$D"
	is "$(attr_of b.txt width)" 2
	vi -es -u NONE -c 's/2/3/' -c wq "$D" </dev/null
	is "$(attr_of b.txt width)" 3
}

@test "a document that does not fit is refused, recorded and kept" {
	local D=$META/holiday/a.jpg.json
	echo '{"width": 1}' >"$D"
	refused "Bad message" save '{"width": "wide"}' "$D"
	is "$(last '[.class, .name, .errno, .line, .column]')" \
		'["Image","meta/Image/holiday/a.jpg.json","EBADMSG",1,11]'
	has "$(last .message)" "width: expected int, found string"
	is "$(doc)" '{"width":1}'
	holds "$META/holiday/.a.jpg.json.rejected" $'{"width": "wide"}\n'
	refused "Bad message" save '{"width": 1' "$D"
	refused "Bad message" save '{"oid": "b.txt"}' "$D"
	refused "Bad message" save '{"updates": 1}' "$D"
	echo '{"oid": "holiday/a.jpg", "type": "Image", "width": 2}' >"$D"
	is "$(attr_of holiday/a.jpg width)" 2
	absent "$META/holiday/.a.jpg.json.rejected"
}

@test "documents are views: what can not be is refused with a sentence" {
	refused "No such file or directory" save '{}' "$META/none.jpg.json"
	has "$(last .message)" "there is no raw"
	refused "Read-only file system" rm "$META/b.txt.json"
	has "$(last .message)" "always has metadata"
	refused "Read-only file system" mv "$META/b.txt.json" "$META/holiday/a.jpg.json"
	holds "$META/holiday/a.jpg.json" $'{}\n'
	refused "Operation not permitted" chmod 600 "$META/b.txt.json"
	refused "Read-only file system" mkdir "$META/new"
	rm "$DIR/b.txt"
	absent "$META/b.txt.json"
}

@test "the document of a name that is too long is shortened" {
	local long
	long=$(printf 'n%.0s' $(seq 252))
	echo x >"$DIR/$long"
	setfattr -n user.width -v 7 "$DIR/$long"
	local name
	name=$(ls "$META" | grep ^nnn)
	is "${#name}" 255
	is "$(jq -c . "$META/$name")" '{"width":7}'
	echo '{"width": 8}' >"$META/$name"
	is "$(attr_of "$long" width)" 8
}

# --- what the store knows ----------------------------------------------------------------

@test "reserved attributes say what is known of a raw, and can not be set" {
	is "$(attr_of holiday/a.jpg storefs.oid)" holiday/a.jpg
	is "$(attr_of holiday/a.jpg storefs.type)" Image
	is "$(attr_of holiday/a.jpg storefs.size)" 7
	is "$(attr_of holiday/a.jpg storefs.mime)" text/plain
	same "$(attr_of holiday/a.jpg storefs.path)" "$DIR/holiday/a.jpg"
	lacks "$(getfattr -d "$DIR/holiday/a.jpg")" storefs
	refused "Operation not permitted" setfattr -n user.storefs.mime -v x "$DIR/holiday/a.jpg"
	refused "Invalid argument" setfattr -n user.oid -v x "$DIR/holiday/a.jpg"
	refused "No such attribute" getfattr -n user.storefs.none "$DIR/holiday/a.jpg"
	is "$(attr_of holiday storefs.oid)" holiday
	refused "No such attribute" getfattr -n user.storefs.xxh3 "$DIR/holiday"
	mv "$DIR/holiday" "$DIR/trip"
	is "$(attr_of trip/a.jpg storefs.oid)" trip/a.jpg
}

@test "type and hash of the content follow the content" {
	is "$(attr_of b.txt storefs.mime)" text/plain
	local before
	before=$(attr_of b.txt storefs.xxh3)
	is "${#before}" 32
	is "$(attr_of b.txt storefs.xxh3)" "$before"
	printf 'GIF89a\1\1\1\1' >"$DIR/b.txt"
	is "$(attr_of b.txt storefs.mime)" image/gif
	isnt "$(attr_of b.txt storefs.xxh3)" "$before"
	echo other >"$DIR/b.txt"
	is "$(attr_of b.txt storefs.xxh3)" "$before"
	# A write around the daemon.
	printf X | dd of="$(attr_of b.txt storefs.path)" conv=notrunc status=none
	isnt "$(attr_of b.txt storefs.xxh3)" "$before"
	: >"$DIR/empty"
	is "$(attr_of empty storefs.xxh3)" 99aa06d3014798d86001c324468d497f
	is "$(attr_of empty storefs.mime)" inode/x-empty
}

@test "data and metadata have update times of their own" {
	local data meta
	data=$(attr_of b.txt storefs.updated.data)
	is "$(attr_of b.txt storefs.updated.meta)" 0
	is "$(attr_of b.txt storefs.updated)" "$data"
	setfattr -n user.width -v 1 "$DIR/b.txt"
	meta=$(attr_of b.txt storefs.updated.meta)
	is "$(attr_of b.txt storefs.updated.data)" "$data"
	is "$(attr_of b.txt storefs.updated)" "$meta"
	echo more >>"$DIR/b.txt"
	is "$(attr_of b.txt storefs.updated.meta)" "$meta"
	[[ "$(attr_of b.txt storefs.updated.data)" > "$meta" ]] || fail "the data is older"
	store_umount
	is "$("$STOREFS" get --updates "$STORE" Image/b.txt | jq -r .meta)" "$meta"
}

# --- indexes ------------------------------------------------------------------------------

@test "by/ finds raws by their metadata, with their paths as names" {
	setfattr -n user.width -v 1920 "$DIR/holiday/a.jpg"
	setfattr -n user.format -v ' JPEG ' "$DIR/holiday/a.jpg"
	is "$(ls "$DIR/by" | tr '\n' ' ')" "format width "
	is "$(ls "$DIR/by/width")" 1920
	is "$(ls "$DIR/by/width/1920")" holiday%2Fa.jpg
	is "$(readlink "$DIR/by/width/1920/holiday%2Fa.jpg")" ../../../holiday/a.jpg
	holds "$DIR/by/width/1920/holiday%2Fa.jpg" $'pixels\n'
	is "$(ls "$DIR/by/format/jpeg/by/width.ge/100")" holiday%2Fa.jpg
	is "$(ls "$DIR/by/width.missing")" b.txt
	is "$(cat "$DIR/by/width.missing/.count")" 1
	is "$(cat "$DIR/.count")" 2
	is "$(sort "$DIR/.oids" | tr '\n' ' ')" "b.txt holiday/a.jpg "
	is "$(jq -c . "$DIR/by/width/1920/.jsonl")" \
		'{"oid":"holiday/a.jpg","width":1920,"format":" JPEG "}'
	is "$(tail -n 1 "$DIR/by/width/1920/.csv" | tr -d '\r')" "holiday/a.jpg,1920"
	refused "Read-only file system" rm "$DIR/by/width/1920/holiday%2Fa.jpg"
	lacks "$(ls -A "$DIR")" by
	mv "$DIR/holiday" "$DIR/trip"
	is "$(ls "$DIR/by/width/1920")" trip%2Fa.jpg
	rm "$DIR/trip/a.jpg"
	is "$(ls "$DIR/by/width")" ""
	is "$("$STOREFS" check --json "$MNT" | jq .found)" 0
}

@test "the command asks raws as it asks objects" {
	setfattr -n user.width -v 10 "$DIR/holiday/a.jpg"
	setfattr -n user.width -v 20 "$DIR/b.txt"
	is "$("$STOREFS" query "$MNT" Image 'width>5' --sort width | tr '\n' ' ')" "holiday/a.jpg b.txt "
	is "$("$STOREFS" query --count "$MNT" Image 'width=20')" 1
	has "$("$STOREFS" reindex "$MNT" Image.width)" "2 objects"
	store_umount
	is "$("$STOREFS" query "$STORE" Image 'width=20')" b.txt
}

@test "an index of raws is built over what is there, and hard links are one raw" {
	echo '{"kind": "raw", "meta": {"width": "int"}}' >"$MNT/.storefs/schema/Image.json"
	absent "$DIR/by"
	setfattr -n user.width -v 10 "$DIR/b.txt"
	ln "$DIR/b.txt" "$DIR/holiday/second"
	echo "$DEFINITION" >"$MNT/.storefs/schema/Image.json"
	wait_until sh -c "ls '$DIR/by/width' 2>/dev/null | grep -q 10"
	is "$(cat "$DIR/by/width/10/.count")" 1
	is "$(ls "$DIR/by/width/10")" b.txt
	rm "$DIR/b.txt"
	is "$(ls "$DIR/by/width/10")" holiday%2Fsecond
	setfattr -n user.width -v 11 "$DIR/holiday/second"
	is "$(ls "$DIR/by/width")" 11
}

# --- the bytes ----------------------------------------------------------------------------

@test "check --data tells bytes that changed by themselves" {
	need_command jq
	local path
	path=$(attr_of b.txt storefs.path)
	sleep_settled
	is "$("$STOREFS" check --data --json "$MNT" | jq -c '[.found, .data_files, .data_new]')" '[0,2,2]'
	is "$("$STOREFS" check --data --rate 100M --json "$MNT" | jq -c '[.found, .data_new]')" '[0,0]'
	# Other bytes with the old times: only a ctime tells, so it is worth a look.
	touch -r "$path" "$BATS_TEST_TMPDIR/times"
	printf X | dd of="$path" conv=notrunc status=none
	touch -r "$BATS_TEST_TMPDIR/times" "$path"
	sleep_settled
	run -0 "$STOREFS" check --data "$MNT"
	has "$output" "note: Image/b.txt: data: other bytes"
	run -2 "$STOREFS" check --data --rate fast "$MNT"
	has "$output" "expected bytes a second"
}

# Hashes are kept of bytes that were not written within the last 50 ms.
sleep_settled() {
	local start
	start=$(date +%s%N)
	wait_until sh -c "[ \$((\$(date +%s%N) - $start)) -gt 80000000 ]"
}

@test "gc removes what belongs to nothing, and nothing else" {
	local folder
	folder=$(dirname "$(attr_of b.txt storefs.path)")
	exec 7<"$DIR/b.txt"
	rm "$DIR/b.txt"
	echo left >"$folder/000000100"
	echo mine >"$folder/notes"
	run -0 "$STOREFS" gc --dry-run "$MNT"
	has "$output" "000000100: 5 bytes, would be removed"
	[ -e "$folder/000000100" ] || fail "it was removed"
	is "$("$STOREFS" gc --json "$MNT" | jq -c '[.files, .removed, .foreign]')" '[1,1,1]'
	absent "$folder/000000100"
	[ -e "$folder/notes" ] || fail "it was removed"
	is "$(cat <&7)" other
	exec 7<&-
	holds "$DIR/holiday/a.jpg" $'pixels\n'
	# What a crash left is gone when the store is opened.
	store_umount
	echo left >"$folder/000000200"
	store_mount
	absent "$folder/000000200"
}

# --- relations ------------------------------------------------------------------------------

@test "a relation leads to a raw in a sub-directory, and the raw knows who refers" {
	echo '{"relations": {"pictures": ["Image"], "cover": "Image"}}' >"$MNT/.storefs/schema/Post.json"
	echo '{"pictures": ["holiday/a.jpg"], "cover": "b.txt"}' >"$MNT/Post/1.json"
	is "$(readlink "$MNT/Post/1/cover")" ../../Image/b.txt
	has "$(ls -l "$MNT/Post/1/pictures")" "holiday%2Fa.jpg -> ../../../Image/holiday/a.jpg"
	holds "$MNT/Post/1/pictures/holiday%2Fa.jpg" $'pixels\n'
	holds "$MNT/Post/1/cover" $'other\n'
	local R=$META/holiday/a.jpg/.referrers
	is "$(ls "$R")" Post.pictures
	is "$(ls "$R/Post.pictures")" 1.json
	is "$(readlink "$R/Post.pictures/1.json")" ../../../../../../../Post/1.json
	has "$(cat "$R/Post.pictures/1.json")" b.txt
	is "$(ls -A "$META/holiday/a.jpg/.referrers/Post.cover")" ""
	mv "$DIR/holiday" "$DIR/trip"
	holds "$MNT/Post/1/pictures/trip%2Fa.jpg" $'pixels\n'
	is "$("$STOREFS" refs "$MNT" Image/trip/a.jpg | head -n 1 | cut -f 1)" Post/1
}

@test "on_remove says what becomes of references to a raw" {
	echo '{"kind": "raw", "on_remove": "refuse"}' >"$MNT/.storefs/schema/Image.json"
	echo '{"relations": {"cover": "Image"}}' >"$MNT/.storefs/schema/Post.json"
	echo '{"cover": "holiday/a.jpg"}' >"$MNT/Post/1.json"
	refused "Device or resource busy" rm "$DIR/holiday/a.jpg"
	rm "$DIR/b.txt"
	echo '{"kind": "raw", "on_remove": "clear"}' >"$MNT/.storefs/schema/Image.json"
	rm "$DIR/holiday/a.jpg"
	absent "$MNT/Post/1/cover"
}

# --- records ----------------------------------------------------------------------------------

@test "raws go out and come in as records, with their bytes" {
	setfattr -n user.width -v 5 "$DIR/holiday/a.jpg"
	"$STOREFS" get --depth 1 --data "$MNT" Image/holiday/a.jpg | jq -c . >"$BATS_TEST_TMPDIR/a.jsonl"
	rm -r "$DIR/holiday"
	"$STOREFS" import --format jsonl "$MNT" Image "$BATS_TEST_TMPDIR/a.jsonl"
	holds "$DIR/holiday/a.jpg" $'pixels\n'
	is "$(attr_of holiday/a.jpg width)" 5
	echo '{"oid": "new/c", "width": 6, "data": "aGk="}' >>"$DIR/.jsonl"
	holds "$DIR/new/c" hi
	is "$(ls "$DIR/by/width/6")" new%2Fc
	echo '{"width": 7}' | "$STOREFS" put --meta --merge "$MNT" Image/new/c
	is "$("$STOREFS" get --meta "$MNT" Image/new/c)" '{"width":7}'
	run -12 "$STOREFS" put --meta "$MNT" Image/new/c <<<'{"width": "x"}'
	has "$output" "expected int"
}

# --- crashes ----------------------------------------------------------------------------------

@test "metadata and index survive a kill together" {
	local i
	for i in $(seq 30); do
		echo "$i" >"$DIR/k$i"
		setfattr -n user.width -v "$((i % 3))" "$DIR/k$i"
	done
	store_kill
	store_mount
	for i in 0 1 2; do
		is "$(cat "$DIR/by/width/$i/.count")" 10
	done
	is "$(attr_of k30 width)" 0
	store_umount
	sleep_settled
	is "$("$STOREFS" check --data --json "$STORE" | jq -c '[.found, .data_new]')" '[0,32]'
	is "$("$STOREFS" check --data --json "$STORE" | jq -c '[.found, .data_new]')" '[0,0]'
}
