#!/usr/bin/env bats
# The tools that people use behave as on a local folder, for objects and for raws.

load ../support/mount

setup() {
	store_new
	store_mount
	mkdir "$MNT/Note"
	class_raw Image
	LOCAL=$BATS_TEST_TMPDIR/local
	mkdir "$LOCAL"
}

teardown() {
	store_teardown
}

# sample_objects DIR, sample_raws DIR : a few files of different mode, time and size.
sample_objects() {
	local i
	for i in 1 2 3 4 5; do
		printf '{"title": "note %s", "rank": %s}\n' "$i" "$i" >"$1/$i.json"
		touch -d "2020-01-0$i 12:00:00.$i UTC" "$1/$i.json"
	done
	chmod 0600 "$1/2.json"
	chmod 0640 "$1/3.json"
	printf 'plain text\n' >"$1/notes.txt"
	touch -d '2019-05-05 UTC' "$1/notes.txt"
}

sample_raws() {
	mkdir -p "$1/holiday/beach" "$1/empty"
	head -c 100000 /dev/urandom >"$1/a.jpg"
	head -c 4096 /dev/urandom >"$1/holiday/b.jpg"
	: >"$1/holiday/beach/none"
	printf '#!/bin/sh\necho hello\n' >"$1/run.sh"
	chmod 0755 "$1/run.sh"
	ln -s holiday/b.jpg "$1/link"
	ln "$1/a.jpg" "$1/hard.jpg"
	touch -d '2018-01-01 UTC' "$1/a.jpg" "$1/holiday/b.jpg"
	touch -h -d '2018-01-02 UTC' "$1/link"
	chmod 0700 "$1/holiday/beach"
	touch -d '2018-01-03 UTC' "$1/holiday/beach" "$1/holiday" "$1/empty"
}

# tree DIR : what a copy must keep, a line each.
tree() {
	(cd "$1" && find . -mindepth 1 \( -type d -printf '%p d %m %T@\n' -o -type l -printf '%p l %l\n' \
		-o -printf '%p %y %m %s %T@ %n\n' \) | LC_ALL=C sort)
}

# equal_trees A B : the same names, contents, modes, times and links.
equal_trees() {
	is "$(tree "$1")" "$(tree "$2")"
	diff -r "$1" "$2"
}

# --- looking ----------------------------------------------------------------------------

@test "ls -l shows each object with its true size and time" {
	sample_objects "$MNT/Note"
	sample_objects "$LOCAL"
	is "$(ls -l --full-time "$MNT/Note" | tail -n +2)" "$(ls -l --full-time "$LOCAL" | tail -n +2)"
}

@test "ls -lR shows raws as a local folder does" {
	sample_raws "$LOCAL"
	cp -a "$LOCAL/." "$MNT/Image/"
	is "$(cd "$MNT/Image" && ls -lR --full-time . | grep -v '^total' | grep -v '^d')" \
		"$(cd "$LOCAL" && ls -lR --full-time . | grep -v '^total' | grep -v '^d')"
}

@test "ls -l says nothing on standard error" {
	sample_objects "$MNT/Note"
	is "$(ls -la "$MNT" "$MNT/Note" 2>&1 >/dev/null)" ""
}

@test "find finds by name, type, size and time" {
	sample_objects "$MNT/Note"
	is "$(cd "$MNT/Note" && find . -name '*.json' | sort | xargs)" "./1.json ./2.json ./3.json ./4.json ./5.json"
	is "$(find "$MNT/Note" -type f | wc -l)" 6
	is "$(find "$MNT/Note" -type d | wc -l)" 1
	is "$(find "$MNT/Note" -type f -size 31c | wc -l)" 5
	is "$(cd "$MNT/Note" && find . -type f -newer 3.json | sort | xargs)" "./4.json ./5.json"
	is "$(cd "$MNT/Note" && find . -perm 0600)" ./2.json
}

@test "stat -f and df show the file system underneath" {
	local under here
	under=$(stat -f -c '%b %s' "$STORE")
	here=$(stat -f -c '%b %s' "$MNT")
	is "$((${here% *} * ${here#* } / 1048576))" "$((${under% *} * ${under#* } / 1048576))"
	is "$(stat -f -c %l "$MNT")" 255
	run df -P "$MNT"
	is "$status" 0
	has "${lines[1]}" "$MNT"
	has "$(findmnt -rno FSTYPE -M "$MNT")" storefs
	df -i "$MNT"
}

@test "grep -r finds each object once, and nothing in the machinery" {
	sample_objects "$MNT/Note"
	is "$(cd "$MNT" && grep -r 'note 3' . | sed 's/:.*//')" ./Note/3.json
	is "$(cd "$MNT" && grep -rl title . | sort | wc -l)" 5
	is "$(cd "$MNT" && grep -c . Note/notes.txt)" 1
}

@test "jq reads one object and many" {
	sample_objects "$MNT/Note"
	is "$(jq -r .title "$MNT/Note/3.json")" "note 3"
	is "$(jq -s 'map(.rank) | add' "$MNT"/Note/*.json)" 15
}

@test "wc, head, tail, od, md5sum and file read to the end and not further" {
	sample_objects "$MNT/Note"
	sample_objects "$LOCAL"
	is "$(cd "$MNT/Note" && md5sum -- *)" "$(cd "$LOCAL" && md5sum -- *)"
	is "$(cd "$MNT/Note" && wc -c -- *)" "$(cd "$LOCAL" && wc -c -- *)"
	is "$(tail -c 5 "$MNT/Note/1.json")" "$(tail -c 5 "$LOCAL/1.json")"
	is "$(od -An -tx1 -j 10 -N 4 "$MNT/Note/1.json")" "$(od -An -tx1 -j 10 -N 4 "$LOCAL/1.json")"
}

@test "du counts what is there" {
	sample_objects "$MNT/Note"
	head -c 1048576 /dev/urandom >"$MNT/Image/a"
	is "$(du -b --apparent-size "$MNT/Image/a" | cut -f 1)" 1048576
	[ "$(du -k "$MNT/Image/a" | cut -f 1)" -ge 1024 ]
	[ "$(du -s "$MNT" | cut -f 1)" -ge 1024 ]
}

# --- copying ----------------------------------------------------------------------------

@test "cp -a into an object class, out of it and inside it keeps everything" {
	sample_objects "$LOCAL"
	cp -a "$LOCAL/." "$MNT/Note/"
	equal_trees "$LOCAL" "$MNT/Note"
	cp -a "$MNT/Note" "$BATS_TEST_TMPDIR/out"
	equal_trees "$LOCAL" "$BATS_TEST_TMPDIR/out"
	cp -a "$MNT/Note" "$MNT/Copy"
	equal_trees "$LOCAL" "$MNT/Copy"
	store_remount
	equal_trees "$LOCAL" "$MNT/Note"
	equal_trees "$LOCAL" "$MNT/Copy"
}

@test "cp -a into a raw class, out of it and inside it keeps everything" {
	sample_raws "$LOCAL"
	cp -a "$LOCAL/." "$MNT/Image/"
	equal_trees "$LOCAL" "$MNT/Image"
	cp -a "$MNT/Image" "$BATS_TEST_TMPDIR/out"
	equal_trees "$LOCAL" "$BATS_TEST_TMPDIR/out"
	cp -a "$MNT/Image/holiday" "$MNT/Image/again"
	equal_trees "$LOCAL/holiday" "$MNT/Image/again"
	store_remount
	equal_trees "$LOCAL/holiday" "$MNT/Image/holiday"
	equal_trees "$LOCAL/holiday" "$MNT/Image/again"
}

@test "cp -a of the whole mount is a copy of the whole store" {
	sample_objects "$MNT/Note"
	sample_raws "$MNT/Image"
	cp -a "$MNT" "$BATS_TEST_TMPDIR/out"
	equal_trees "$MNT/Note" "$BATS_TEST_TMPDIR/out/Note"
	equal_trees "$MNT/Image" "$BATS_TEST_TMPDIR/out/Image"
	is "$(ls -A "$BATS_TEST_TMPDIR/out" | xargs)" "Image Note"
}

@test "install, tee and split write what they are told" {
	sample_objects "$LOCAL"
	install -m 0600 "$LOCAL/1.json" "$MNT/Note/1.json"
	same "$LOCAL/1.json" "$MNT/Note/1.json"
	is "$(stat -c %a "$MNT/Note/1.json")" 600
	tee "$MNT/Note/2.json" <"$LOCAL/2.json" >/dev/null
	same "$LOCAL/2.json" "$MNT/Note/2.json"
	seq 1000 | split -l 100 - "$MNT/Image/part"
	is "$(cat "$MNT"/Image/part* | md5sum)" "$(seq 1000 | md5sum)"
}

# --- removing and moving ----------------------------------------------------------------

@test "rm removes one, rm -r a whole class" {
	sample_objects "$MNT/Note"
	sample_raws "$MNT/Image"
	rm "$MNT/Note/1.json"
	absent "$MNT/Note/1.json"
	is "$(ls "$MNT/Note" | xargs)" "2.json 3.json 4.json 5.json notes.txt"
	rm -r "$MNT/Note" "$MNT/Image"
	is "$(ls -A "$MNT")" ""
	store_remount
	is "$(ls -A "$MNT")" ""
}

@test "rm of a name that does not exist says so" {
	refused "No such file or directory" rm "$MNT/Note/1.json"
	refused "No such file or directory" rm "$MNT/Image/a"
}

@test "mv moves in, out and inside, for objects and raws" {
	sample_objects "$LOCAL"
	cp -a "$LOCAL" "$BATS_TEST_TMPDIR/work"
	mv "$BATS_TEST_TMPDIR"/work/* "$MNT/Note/"
	equal_trees "$LOCAL" "$MNT/Note"
	mkdir "$MNT/Image/dir"
	head -c 5000 /dev/urandom >"$BATS_TEST_TMPDIR/r"
	cp "$BATS_TEST_TMPDIR/r" "$MNT/Image/r"
	mv "$MNT/Image/r" "$MNT/Image/dir/s"
	mv "$MNT/Image/dir" "$MNT/Image/folder"
	same "$BATS_TEST_TMPDIR/r" "$MNT/Image/folder/s"
	mv "$MNT/Image/folder" "$BATS_TEST_TMPDIR/folder"
	same "$BATS_TEST_TMPDIR/r" "$BATS_TEST_TMPDIR/folder/s"
	is "$(ls -A "$MNT/Image")" ""
	mv "$MNT/Note" "$BATS_TEST_TMPDIR/out"
	equal_trees "$LOCAL" "$BATS_TEST_TMPDIR/out"
	is "$(ls -A "$MNT")" Image
}

# --- archives ---------------------------------------------------------------------------

@test "tar out and in keeps content, mode and time of objects" {
	sample_objects "$MNT/Note"
	tar -C "$MNT" --format=posix -cf "$BATS_TEST_TMPDIR/note.tar" Note 2>"$BATS_TEST_TMPDIR/err"
	is "$(cat "$BATS_TEST_TMPDIR/err")" ""
	tar -C "$MNT" --compare -f "$BATS_TEST_TMPDIR/note.tar"
	tar -C "$LOCAL" -xpf "$BATS_TEST_TMPDIR/note.tar"
	equal_trees "$LOCAL/Note" "$MNT/Note"
	mkdir "$MNT/Back"
	tar -C "$MNT/Back" --strip-components=1 -xpf "$BATS_TEST_TMPDIR/note.tar"
	equal_trees "$LOCAL/Note" "$MNT/Back"
}

@test "tar out and in keeps a tree of raws with links" {
	sample_raws "$LOCAL"
	tar -C "$LOCAL" --format=posix -cf "$BATS_TEST_TMPDIR/in.tar" .
	tar -C "$MNT/Image" -xpf "$BATS_TEST_TMPDIR/in.tar"
	equal_trees "$LOCAL" "$MNT/Image"
	is "$(stat -c %i "$MNT/Image/a.jpg")" "$(stat -c %i "$MNT/Image/hard.jpg")"
	tar -C "$MNT/Image" --format=posix -cf "$BATS_TEST_TMPDIR/out.tar" .
	mkdir "$BATS_TEST_TMPDIR/out"
	tar -C "$BATS_TEST_TMPDIR/out" -xpf "$BATS_TEST_TMPDIR/out.tar"
	equal_trees "$LOCAL" "$BATS_TEST_TMPDIR/out"
}

# --- rsync ------------------------------------------------------------------------------

# transferred COMMAND… : the names that rsync says it changed.
transferred() {
	"$@" --out-format='%i %n'
}

@test "rsync -a into an object class transfers everything once and then nothing" {
	sample_objects "$LOCAL"
	rsync -a "$LOCAL/" "$MNT/Note/"
	equal_trees "$LOCAL" "$MNT/Note"
	is "$(transferred rsync -a "$LOCAL/" "$MNT/Note/")" ""
	is "$(transferred rsync -a --checksum "$LOCAL/" "$MNT/Note/")" ""
	store_remount
	is "$(transferred rsync -a "$LOCAL/" "$MNT/Note/")" ""
}

@test "rsync -a out of an object class transfers everything once and then nothing" {
	sample_objects "$MNT/Note"
	rsync -a "$MNT/Note/" "$LOCAL/"
	equal_trees "$LOCAL" "$MNT/Note"
	is "$(transferred rsync -a "$MNT/Note/" "$LOCAL/")" ""
	store_remount
	is "$(transferred rsync -a --checksum "$MNT/Note/" "$LOCAL/")" ""
}

@test "rsync -a of a tree of raws transfers everything once and then nothing" {
	sample_raws "$LOCAL"
	rsync -aH "$LOCAL/" "$MNT/Image/"
	equal_trees "$LOCAL" "$MNT/Image"
	is "$(transferred rsync -aH "$LOCAL/" "$MNT/Image/")" ""
	is "$(transferred rsync -aH --checksum "$LOCAL/" "$MNT/Image/")" ""
}

@test "rsync -a transfers just what changed, and --delete removes what is gone" {
	sample_objects "$LOCAL"
	rsync -a "$LOCAL/" "$MNT/Note/"
	echo '{"title": "changed"}' >"$LOCAL/1.json"
	rm "$LOCAL/2.json"
	is "$(rsync -a --delete --out-format=%n "$LOCAL/" "$MNT/Note/" | grep -v '/$' | sort | xargs)" "1.json deleting 2.json"
	is "$(ls "$MNT/Note" | xargs)" "1.json 3.json 4.json 5.json notes.txt"
	equal_trees "$LOCAL" "$MNT/Note"
}

@test "rsync --inplace and rsync -X work" {
	sample_objects "$LOCAL"
	sample_raws "$BATS_TEST_TMPDIR/raws"
	setfattr -n user.width -v 1920 "$BATS_TEST_TMPDIR/raws/a.jpg"
	rsync -a --inplace "$LOCAL/" "$MNT/Note/"
	equal_trees "$LOCAL" "$MNT/Note"
	rsync -aHX "$BATS_TEST_TMPDIR/raws/" "$MNT/Image/"
	is "$(getfattr --only-values -n user.width "$MNT/Image/a.jpg")" 1920
}

@test "rsync reports an object that is refused, and leaves the others" {
	sample_objects "$LOCAL"
	echo 'no document' >"$LOCAL/3.json"
	run rsync -a "$LOCAL/" "$MNT/Note/"
	isnt "$status" 0
	absent "$MNT/Note/3.json"
	is "$(ls -A "$MNT/Note" | grep -c '^\.')" 0
}

# --- editing ----------------------------------------------------------------------------

@test "sed -i edits an object in place" {
	sample_objects "$MNT/Note"
	local ino
	ino=$(stat -c %i "$MNT/Note/1.json")
	sed -i 's/note 1/better note/' "$MNT/Note/1.json"
	is "$(jq -r .title "$MNT/Note/1.json")" "better note"
	is "$(stat -c %i "$MNT/Note/1.json")" "$ino"
	is "$(ls -A "$MNT/Note" | wc -l)" 6
	sed -i 's/title/name/' "$MNT"/Note/*.json
	is "$(jq -rs 'map(.name) | join(",")' "$MNT"/Note/*.json)" "better note,note 2,note 3,note 4,note 5"
}

@test "sed -i that would break a document fails and keeps the original" {
	sample_objects "$MNT/Note"
	sample_objects "$LOCAL"
	run sed -i 's/}//' "$MNT/Note/1.json"
	isnt "$status" 0
	same "$LOCAL/1.json" "$MNT/Note/1.json"
	is "$(ls -A "$MNT/Note" | wc -l)" 6
}

@test "sed -i.bak keeps the text before" {
	sample_objects "$MNT/Note"
	sample_objects "$LOCAL"
	sed -i.bak 's/note 1/better/' "$MNT/Note/1.json"
	same "$LOCAL/1.json" "$MNT/Note/1.json.bak"
	is "$(jq -r .title "$MNT/Note/1.json")" better
}

# vi_edit FILE COMMAND… : edit with vi as a person does, with swap and backup files as set.
vi_edit() {
	local file=$1
	shift
	printf '%s\n' "$@" | vi -e -s -u NONE -N "$file"
}

@test "vi edits an object, whatever its way of saving" {
	local ino way
	for way in 'set nobackup nowritebackup' 'set writebackup backupcopy=yes' 'set writebackup backupcopy=no' \
		'set backup backupcopy=no'; do
		printf '{"title": "old"}\n' >"$MNT/Note/1.json"
		ino=$(stat -c %i "$MNT/Note/1.json")
		vi_edit "$MNT/Note/1.json" "$way" '%s/old/new/' 'wq'
		holds "$MNT/Note/1.json" $'{"title": "new"}\n'
		is "$(xxd -p "$MNT/Note/1.msgpack" | xxd -r -p | tail -c 3)" new
		rm -f "$MNT/Note/1.json~"
		is "$(ls -A "$MNT/Note")" 1.json
	done
}

@test "jq writes an object by way of a temporary file" {
	sample_objects "$MNT/Note"
	jq '.rank += 10' "$MNT/Note/1.json" >"$MNT/Note/1.json.tmp" && mv "$MNT/Note/1.json.tmp" "$MNT/Note/1.json"
	is "$(jq .rank "$MNT/Note/1.json")" 11
	is "$(ls -A "$MNT/Note" | wc -l)" 6
}

@test "sed -i and sort -o rewrite a raw" {
	seq 100 >"$MNT/Image/list"
	sed -i '50d' "$MNT/Image/list"
	is "$(wc -l <"$MNT/Image/list")" 99
	sort -r -o "$MNT/Image/list" "$MNT/Image/list"
	is "$(head -n 1 "$MNT/Image/list")" 99
}

@test "a shell script in a raw class can be run" {
	printf '#!/bin/sh\necho "hello $1"\n' >"$MNT/Image/run.sh"
	chmod +x "$MNT/Image/run.sh"
	is "$("$MNT/Image/run.sh" world)" "hello world"
}
