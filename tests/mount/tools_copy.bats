#!/usr/bin/env bats
# Programs that copy, move and remove: single files onto what is there, and whole trees.

load ../support/mount
load ../support/tools
load ../support/samples

setup() {
	tools_setup
	SOURCE=$BATS_TEST_TMPDIR/source
	OUT=$BATS_TEST_TMPDIR/out
	mkdir "$SOURCE" "$OUT"
	printf '%s\n' "$NEW" >"$SOURCE/1.json"
	chmod 0644 "$SOURCE/1.json"
}

teardown() {
	store_teardown
}

# copy_row ORDER TOOL HOW CODE TEXT : copy_one takes a source to $FILE; CODE and TEXT of a bad one.
copy_row() {
	row copy "$1" "$2" "$3"
	copy_edits() { copy_one "$SOURCE/1.json"; }
	copy_refuses() { refused_by "$COPY_CODE" copy_text; }
	copy_text() {
		printf '%s\n' "$1" >"$SOURCE/next"
		copy_one "$SOURCE/next"
	}
	edits copy_edits || return 1
	COPY_CODE=$4
	[ -z "$4" ] || refuses "$5" copy_refuses
}

# lost_by COMMAND… : a program that removes the object first loses it when what it brings is refused.
lost_by() {
	printf '%s\n' "$OLD" >"$MNT/Note/2.json"
	printf '%s\n' "$BROKEN" >"$SOURCE/2.json"
	refused "Bad message" "$@"
	lost_text
}

# lost_text : but its text is not lost.
lost_text() {
	absent "$MNT/Note/2.json"
	holds "$MNT/.storefs/rejected/Note/2.json" "$BROKEN"$'\n'
	holds "$MNT/.storefs/rejected/Note/2.json.removed" "$OLD"$'\n'
	note 'removes the object first: it is a new one; when its text is refused, that of the old one is kept as `.storefs/rejected/Note/1.json.removed`'
}

# --- single files -----------------------------------------------------------------------

@test "cp onto a file" {
	copy_one() { cp "$1" "$FILE"; }
	copy_row 401 cp "onto a file" 1 "Bad message"
	row_done
}

@test "cp --preserve onto a file" {
	copy_one() { cp -p "$1" "$FILE"; }
	touch -d '2024-01-01 UTC' "$SOURCE/1.json"
	copy_row 402 "cp -p" "onto a file" 1 "Bad message"
	is "$(stat -c %Y "$FILE")" "$(stat -c %Y "$SOURCE/next")"
	row_done
}

@test "cp --backup onto a file" {
	copy_one() { cp --backup=numbered "$1" "$FILE"; }
	copy_row 403 "cp --backup" "onto a file" ""
	holds "$MNT/Note/1.json.~1~" "$OLD"$'\n'
	note 'leaves `1.json.~1~`'
	row_done
}

@test "cp --remove-destination onto a file" {
	IDENTITY=isnt
	copy_one() { cp --remove-destination "$1" "$FILE"; }
	copy_row 404 "cp" "--remove-destination" ""
	lost_by cp --remove-destination "$SOURCE/2.json" "$MNT/Note/2.json"
	row_done
}

@test "cp --reflink=auto and --sparse=always onto a file" {
	copy_one() { cp --sparse=always "$1" "$FILE"; }
	copy_row 405 cp "--sparse=always" 1 "Bad message"
	row_done
}

@test "mv onto a file, from the same directory" {
	copy_one() { cp "$1" "$FILE.new" && mv "$FILE.new" "$FILE"; }
	row copy 410 mv "in the class"
	copy_edits() { copy_one "$SOURCE/1.json"; }
	edits copy_edits
	mv_refuses() {
		printf '%s\n' "$BROKEN" >"$FILE.new"
		mv "$FILE.new" "$FILE" 2>"$SAID" && return 1
		cp "$FILE" "$BETWEEN"
		holds "$FILE.new" "$BROKEN"$'\n' || return 1
		printf '%s\n' "$NEW" >"$FILE.new"
		mv "$FILE.new" "$FILE"
	}
	refuses "Bad message" mv_refuses
	row_done
}

@test "mv onto a file, from another file system" {
	IDENTITY=isnt
	copy_one() { cp "$1" /dev/shm/"$$.json" && mv /dev/shm/"$$.json" "$FILE"; }
	copy_row 411 mv "from another file system" ""
	printf '%s\n' "$OLD" >"$MNT/Note/2.json"
	printf '%s\n' "$BROKEN" >/dev/shm/"$$.json"
	refused "Bad message" mv /dev/shm/"$$.json" "$MNT/Note/2.json"
	holds /dev/shm/"$$.json" "$BROKEN"$'\n'
	rm /dev/shm/"$$.json"
	lost_text
	row_done
}

@test "mv --backup onto a file" {
	copy_one() { cp "$1" "$FILE.new" && mv -b "$FILE.new" "$FILE"; }
	copy_row 412 "mv -b" "in the class" ""
	holds "$MNT/Note/1.json~" "$OLD"$'\n'
	note 'leaves `1.json~`'
	row_done
}

@test "install onto a file" {
	IDENTITY=isnt
	copy_one() { install -m 0600 "$1" "$FILE"; }
	copy_row 413 install "-m 0600" ""
	is "$(stat -c %a "$MNT/Note/1.json")" 600
	lost_by install "$SOURCE/2.json" "$MNT/Note/2.json"
	row_done
}

# --- rsync of a file --------------------------------------------------------------------

# nothing_twice OPTION… : a second run finds nothing to do, also after a remount.
nothing_twice() {
	is "$(rsync "$@" --out-format='%i %n' "$SOURCE/" "$MNT/Note/")" ""
	is "$(rsync "$@" --out-format='%i %n' "$SOURCE/" "$MNT/Image/")" ""
	store_remount
	is "$(rsync "$@" --out-format='%i %n' "$SOURCE/" "$MNT/Note/")" ""
}

# rsync_row ORDER HOW OPTION…
rsync_row() {
	row copy "$1" rsync "$2"
	OPTIONS=("${@:3}")
	printf '%s\n' "$NEW" >"$SOURCE/1.json"
	touch -d '2024-01-01 UTC' "$SOURCE" "$SOURCE/1.json"
	rsync_edits() { rsync "${OPTIONS[@]}" "$SOURCE/" "${FILE%/*}/"; }
	edits rsync_edits || return 1
	is "$(stat -c '%Y %a' "$FILE")" "1704067200 644" || return 1
	nothing_twice "${OPTIONS[@]}" || return 1
	rm -rf "$SOURCE"
	mkdir "$SOURCE"
	rsync_text() {
		printf '%s\n' "$1" >"$SOURCE/1.json"
		touch -d 2024-03-01 "$SOURCE/1.json"    # of the same size as the object: the time must tell
		rsync "${OPTIONS[@]}" "$SOURCE/" "$MNT/Note/"
	}
	rsync_refuses() { refused_by "$RSYNC_CODE" rsync_text && wait_until nobody_in "$MNT"; }
}

# nobody_in DIR : no process is there: of the three of rsync, one may outlive an error a little.
nobody_in() {
	! find /proc/[0-9]*/cwd -maxdepth 0 -lname "$1*" 2>/dev/null | grep -q .
}

@test "rsync -a onto a file" {
	rsync_row 420 "-a" -a
	RSYNC_CODE=23
	refuses "Bad message" rsync_refuses
	row_done
}

@test "rsync --inplace onto a file" {
	rsync_row 421 "--inplace" -a --inplace
	RSYNC_CODE=11
	refuses "Bad message" rsync_refuses
	row_done
}

@test "rsync --checksum onto a file" {
	rsync_row 422 "--checksum" -a --checksum
	RSYNC_CODE=23
	refuses "Bad message" rsync_refuses
	row_done
}

@test "rsync --backup onto a file" {
	OBJECT_WAY="old file renamed away, new file renamed to it"
	rsync_row 423 "--backup" -a --backup
	holds "$MNT/Note/1.json~" "$OLD"$'\n'
	note 'leaves `1.json~`; an object can have no hard link, so it renames'
	row_done
}

@test "rsync --append adds to a file" {
	row copy 424 rsync "--append"
	local dir
	for dir in "$MNT/Image" "$MNT/Note"; do
		printf '%s' "$OLD" >"$dir/1.json"
		printf '%s\n\n' "$OLD" >"$SOURCE/1.json"
		watched "$dir" rsync -a --append "$SOURCE/" "$dir/"
		holds "$dir/1.json" "$OLD"$'\n\n'
		# What rsync itself takes for another size or time would be tried again.
		is "$(rsync -a --append --out-format='%i %n' "$SOURCE/" "$dir/")" ""
	done
	both "appended in place"
	remarkable
	row_done
}

# --- trees ------------------------------------------------------------------------------

WHOLE="content, mode and times kept"

@test "cp -a into a class, out of it and inside it keeps everything" {
	row copy 430 "cp -a" "a tree: in, out, inside"
	sample_objects "$LOCAL"
	cp -a "$LOCAL/." "$MNT/Note/"
	equal_trees "$LOCAL" "$MNT/Note"
	cp -a "$MNT/Note/." "$OUT"
	equal_trees "$LOCAL" "$OUT"
	cp -a "$MNT/Note" "$MNT/Copy"
	equal_trees "$LOCAL" "$MNT/Copy"
	sample_raws "$BATS_TEST_TMPDIR/raws"
	cp -a "$BATS_TEST_TMPDIR/raws/." "$MNT/Image/"
	equal_trees "$BATS_TEST_TMPDIR/raws" "$MNT/Image"
	cp -a "$MNT/Image" "$OUT/Image"
	equal_trees "$BATS_TEST_TMPDIR/raws" "$OUT/Image"
	cp -a "$MNT/Image/holiday" "$MNT/Image/again"
	equal_trees "$BATS_TEST_TMPDIR/raws/holiday" "$MNT/Image/again"
	store_remount
	equal_trees "$LOCAL" "$MNT/Note"
	equal_trees "$LOCAL" "$MNT/Copy"
	equal_trees "$BATS_TEST_TMPDIR/raws/holiday" "$MNT/Image/holiday"
	equal_trees "$BATS_TEST_TMPDIR/raws/holiday" "$MNT/Image/again"
	in_objects "$WHOLE"
	in_raws "$WHOLE, links too"
	row_done
}

@test "cp -a of the whole mount is a copy of the whole store" {
	sample_objects "$MNT/Note"
	sample_raws "$MNT/Image"
	cp -a "$MNT/." "$OUT"
	equal_trees "$MNT/Note" "$OUT/Note"
	equal_trees "$MNT/Image" "$OUT/Image"
	is "$(ls -A "$OUT" | xargs)" "Image Note"
}

@test "rm removes one, rm -r a whole class" {
	row copy 431 "rm, rm -r" "a file, a class"
	sample_objects "$MNT/Note"
	sample_raws "$MNT/Image"
	rm "$MNT/Note/1.json"
	absent "$MNT/Note/1.json"
	is "$(ls "$MNT/Note" | xargs)" "2.json 3.json 4.json 5.json notes.txt"
	rm -r "$MNT/Note" "$MNT/Image"
	is "$(ls -A "$MNT")" ""
	store_remount
	is "$(ls -A "$MNT")" ""
	both removed
	row_done
}

@test "rm of a name that does not exist says so" {
	refused "No such file or directory" rm "$MNT/Note/1.json"
	refused "No such file or directory" rm "$MNT/Image/a"
}

@test "mv moves in, out and inside, for objects and raws" {
	row copy 432 mv "a tree: in, out, inside"
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
	mv "$MNT/Note" "$OUT/Note"
	equal_trees "$LOCAL" "$OUT/Note"
	is "$(ls -A "$MNT")" Image
	both "$WHOLE"
	row_done
}

@test "split makes many files" {
	row copy 433 split "many files"
	seq 1000 | split -l 100 - "$MNT/Image/part"
	is "$(cat "$MNT"/Image/part* | md5sum)" "$(seq 1000 | md5sum)"
	yes '{"a": 1}' | head -n 20 | split -l 1 --additional-suffix=.json - "$MNT/Note/"
	is "$(ls "$MNT/Note" | wc -l)" 20
	is "$(cat "$MNT"/Note/*.json | sort -u)" '{"a": 1}'
	both "new files written"
	row_done
}

# --- archives ---------------------------------------------------------------------------

@test "tar out and in keeps everything, metadata too" {
	row copy 440 tar "--xattrs, out and in"
	sample_objects "$MNT/Note"
	tar -C "$MNT" --format=posix -cf "$BATS_TEST_TMPDIR/note.tar" Note 2>"$BATS_TEST_TMPDIR/err"
	is "$(cat "$BATS_TEST_TMPDIR/err")" ""
	tar -C "$MNT" --compare -f "$BATS_TEST_TMPDIR/note.tar"
	tar -C "$OUT" -xpf "$BATS_TEST_TMPDIR/note.tar"
	equal_trees "$OUT/Note" "$MNT/Note"
	mkdir "$MNT/Back"
	tar -C "$MNT/Back" --strip-components=1 -xpf "$BATS_TEST_TMPDIR/note.tar"
	equal_trees "$OUT/Note" "$MNT/Back"

	sample_raws "$LOCAL/raws"
	setfattr -n user.width -v 1920 "$LOCAL/raws/a.jpg"
	tar -C "$LOCAL/raws" --xattrs --format=posix -cf "$BATS_TEST_TMPDIR/in.tar" .
	tar -C "$MNT/Image" --xattrs -xpf "$BATS_TEST_TMPDIR/in.tar"
	equal_trees "$LOCAL/raws" "$MNT/Image"
	is "$(stat -c %i "$MNT/Image/a.jpg")" "$(stat -c %i "$MNT/Image/hard.jpg")"
	is "$(getfattr --only-values -n user.width "$MNT/Image/a.jpg")" 1920
	tar -C "$MNT/Image" --xattrs --format=posix -cf "$BATS_TEST_TMPDIR/out.tar" .
	mkdir "$OUT/Image"
	tar -C "$OUT/Image" --xattrs -xpf "$BATS_TEST_TMPDIR/out.tar"
	equal_trees "$LOCAL/raws" "$OUT/Image"
	is "$(getfattr --only-values -n user.width "$OUT/Image/a.jpg")" 1920
	# What storefs itself says of a file is not carried away.
	is "$(getfattr --absolute-names -m - "$OUT/Image/a.jpg" | grep -c storefs || true)" 0
	in_objects "$WHOLE"
	in_raws "$WHOLE, links and metadata too"
	row_done
}

@test "tar --xattrs of objects brings them back" {
	sample_objects "$MNT/Note"
	tar -C "$MNT/Note" --xattrs --format=posix -cf "$BATS_TEST_TMPDIR/note.tar" .
	mkdir "$MNT/Back"
	tar -C "$MNT/Back" --xattrs -xpf "$BATS_TEST_TMPDIR/note.tar"
	equal_trees "$MNT/Note" "$MNT/Back"
}

@test "tar -x onto files" {
	IDENTITY=isnt
	tar -C "$SOURCE" -cf "$BATS_TEST_TMPDIR/one.tar" 1.json
	copy_one() { tar -C "${FILE%/*}" -xf "$BATS_TEST_TMPDIR/one.tar"; }
	copy_row 441 "tar -x" "onto files" ""
	printf '%s\n' "$BROKEN" >"$SOURCE/2.json"
	tar -C "$SOURCE" -cf "$BATS_TEST_TMPDIR/two.tar" 2.json
	lost_by tar -C "$MNT/Note" -xf "$BATS_TEST_TMPDIR/two.tar"
	row_done
}

@test "tar -x --overwrite onto files" {
	tar -C "$SOURCE" -cf "$BATS_TEST_TMPDIR/one.tar" 1.json
	copy_one() { tar -C "${FILE%/*}" --overwrite -xf "$BATS_TEST_TMPDIR/one.tar"; }
	copy_row 442 "tar -x" "--overwrite" ""
	row_done
}

@test "cpio out and in keeps everything" {
	row copy 443 cpio "-o, -i, -p"
	sample_objects "$MNT/Note"
	(cd "$MNT/Note" && find . -depth -print0 | cpio -0 -o --quiet -H newc) >"$BATS_TEST_TMPDIR/a.cpio"
	mkdir "$MNT/Back"
	(cd "$MNT/Back" && cpio -i -m -d --quiet <"$BATS_TEST_TMPDIR/a.cpio")
	# The format has no parts of seconds.
	diff -r "$MNT/Note" "$MNT/Back"
	is "$(cd "$MNT/Back" && stat -c '%n %a %Y' -- *)" "$(cd "$MNT/Note" && stat -c '%n %a %Y' -- *)"
	sample_raws "$LOCAL/raws"
	(cd "$LOCAL/raws" && find . -depth -print0 | cpio -0 -p -m -d --quiet "$MNT/Image")
	diff -r "$LOCAL/raws" "$MNT/Image"
	is "$(cd "$MNT/Image" && find . -mindepth 1 -printf '%p %y %m %n %l\n' | sort)" \
		"$(cd "$LOCAL/raws" && find . -mindepth 1 -printf '%p %y %m %n %l\n' | sort)"
	in_objects "$WHOLE"
	in_raws "$WHOLE, links too"
	note "whole seconds: so are its archives"
	row_done
}

@test "zip and unzip, with the archive in a raw class" {
	row copy 444 "zip, unzip" "out, in, update"
	sample_objects "$MNT/Note"
	(cd "$MNT" && zip -qr Image/note.zip Note)
	unzip -tq "$MNT/Image/note.zip"
	mkdir "$MNT/Back"
	unzip -qj "$MNT/Image/note.zip" -d "$MNT/Back"
	diff -r "$MNT/Note" "$MNT/Back"
	echo '{"title": "changed"}' >"$MNT/Note/1.json"
	(cd "$MNT" && zip -qu Image/note.zip Note/1.json)
	is "$(unzip -p "$MNT/Image/note.zip" Note/1.json)" '{"title": "changed"}'
	unzip -qoj "$MNT/Image/note.zip" -d "$MNT/Back"
	diff -r "$MNT/Note" "$MNT/Back"
	both "content and whole seconds kept"
	row_done
}

@test "unzip -o onto files" {
	IDENTITY=isnt
	(cd "$SOURCE" && zip -q "$BATS_TEST_TMPDIR/one.zip" 1.json)
	copy_one() { unzip -qo "$BATS_TEST_TMPDIR/one.zip" -d "${FILE%/*}"; }
	copy_row 445 "unzip -o" "onto files" ""
	printf '%s\n' "$OLD" >"$MNT/Note/2.json"
	printf '%s\n' "$BROKEN" >"$SOURCE/2.json"
	(cd "$SOURCE" && zip -q "$BATS_TEST_TMPDIR/two.zip" 2.json)
	run unzip -qo "$BATS_TEST_TMPDIR/two.zip" -d "$MNT/Note"
	# It does not ask what close(2) says, but notices that the file is not there.
	has "$output" "cannot set"
	lost_text
	row_done
}

# --- rsync of trees ---------------------------------------------------------------------

# transferred COMMAND… : the names that rsync says it changed.
transferred() {
	"$@" --out-format='%i %n'
}

@test "rsync -a of a tree transfers everything once and then nothing" {
	row copy 450 rsync "-aHX, a tree: in and out"
	sample_objects "$LOCAL"
	rsync -a "$LOCAL/" "$MNT/Note/"
	equal_trees "$LOCAL" "$MNT/Note"
	is "$(transferred rsync -a "$LOCAL/" "$MNT/Note/")" ""
	is "$(transferred rsync -a --checksum "$LOCAL/" "$MNT/Note/")" ""
	rsync -a "$MNT/Note/" "$OUT/Note/"
	equal_trees "$LOCAL" "$OUT/Note"
	is "$(transferred rsync -a "$MNT/Note/" "$OUT/Note/")" ""
	sample_raws "$BATS_TEST_TMPDIR/raws"
	setfattr -n user.width -v 1920 "$BATS_TEST_TMPDIR/raws/a.jpg"
	rsync -aHX "$BATS_TEST_TMPDIR/raws/" "$MNT/Image/"
	equal_trees "$BATS_TEST_TMPDIR/raws" "$MNT/Image"
	is "$(getfattr --only-values -n user.width "$MNT/Image/a.jpg")" 1920
	is "$(transferred rsync -aHX "$BATS_TEST_TMPDIR/raws/" "$MNT/Image/")" ""
	is "$(transferred rsync -aHX --checksum "$BATS_TEST_TMPDIR/raws/" "$MNT/Image/")" ""
	store_remount
	is "$(transferred rsync -a "$LOCAL/" "$MNT/Note/")" ""
	is "$(transferred rsync -a --checksum "$MNT/Note/" "$OUT/Note/")" ""
	is "$(transferred rsync -aHX "$BATS_TEST_TMPDIR/raws/" "$MNT/Image/")" ""
	both "a second run transfers nothing"
	row_done
}

@test "rsync -a transfers just what changed, and --delete removes what is gone" {
	row copy 451 rsync "-a --delete, a tree"
	local dir
	sample_objects "$LOCAL"
	for dir in "$MNT/Note" "$MNT/Image"; do
		rm -rf "${LOCAL:?}"/*
		sample_objects "$LOCAL"
		rsync -a "$LOCAL/" "$dir/"
		echo '{"title": "changed"}' >"$LOCAL/1.json"
		chmod 0600 "$LOCAL/1.json"
		rm "$LOCAL/2.json"
		is "$(rsync -a --delete --out-format=%n "$LOCAL/" "$dir/" | grep -v '/$' | sort | xargs)" \
			"1.json deleting 2.json"
		is "$(ls "$dir" | xargs)" "1.json 3.json 4.json 5.json notes.txt"
		equal_trees "$LOCAL" "$dir"
		is "$(transferred rsync -a --delete "$LOCAL/" "$dir/")" ""
	done
	both "just what changed"
	row_done
}

@test "rsync reports an object that is refused, and leaves the others" {
	sample_objects "$LOCAL"
	echo 'no document' >"$LOCAL/3.json"
	run rsync -a "$LOCAL/" "$MNT/Note/"
	is "$status" 23
	absent "$MNT/Note/3.json"
	is "$(ls -A "$MNT/Note" | grep -c '^\.')" 0
	is "$(ls "$MNT/Note" | xargs)" "1.json 2.json 4.json 5.json notes.txt"
}
