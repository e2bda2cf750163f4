#!/usr/bin/env bats
# Programs that rewrite a file without a person: sed, perl, python, jq, sponge, patch, the shell.

load ../support/mount
load ../support/tools

setup() {
	tools_setup
}

teardown() {
	store_teardown
}

# one_shot FUNCTION CODE TEXT : FUNCTION TEXT makes TEXT of $FILE; a broken one ends with CODE and says TEXT.
one_shot() {
	ONE_SHOT=$1
	one_shot_edits() { "$ONE_SHOT" "$NEW"; }
	edits one_shot_edits || return 1
	one_shot_refuses() { refused_by "$ONE_SHOT_CODE" "$ONE_SHOT"; }
	ONE_SHOT_CODE=$2
	refuses "$3" one_shot_refuses
}

# --- sed, perl --------------------------------------------------------------------------

sed_in_place() { sed -i "1c$1" "$FILE"; }

@test "sed -i" {
	row text 301 "sed -i" "as installed"
	one_shot sed_in_place 4 "cannot rename"
	row_done
}

sed_backup() { sed -i.bak 's/old/new/' "$FILE"; }

@test "sed -i.bak keeps the text before" {
	row text 302 "sed -i.bak" "as installed"
	edits sed_backup
	holds "$MNT/Note/1.json.bak" "$OLD"$'\n'
	note 'leaves `1.json.bak`'
	row_done
}

sed_by_symlink() {
	ln -s "$FILE" "$BATS_TEST_TMPDIR/link"
	sed -i --follow-symlinks 's/old/new/' "$BATS_TEST_TMPDIR/link"
	[ -L "$BATS_TEST_TMPDIR/link" ] && rm "$BATS_TEST_TMPDIR/link"
}

@test "sed -i --follow-symlinks edits what a symbolic link means" {
	row text 303 "sed -i" "--follow-symlinks"
	edits sed_by_symlink
	row_done
}

@test "sed -i edits many files" {
	row text 304 "sed -i" "many files"
	local dir i
	for dir in "$MNT/Note" "$MNT/Image"; do
		for i in {1..20}; do printf '%s\n' "$OLD" >"$dir/$i.json"; done
		sed -i 's/old/new/' "$dir"/*.json
		is "$(cat "$dir"/*.json | sort -u)" "$NEW"
		is "$(ls -A "$dir" | wc -l)" 20
	done
	both "temporary file renamed onto it"
	row_done
}

perl_in_place() { TEXT=$1 perl -i -pe '$_ = "$ENV{TEXT}\n"' "$FILE"; }

@test "perl -i" {
	row text 310 "perl -i" "as installed"
	one_shot perl_in_place 74 "Bad message"
	row_done
}

perl_backup() { perl -i.bak -pe 's/old/new/' "$FILE"; }

@test "perl -i.bak keeps the text before" {
	row text 311 "perl -i.bak" "as installed"
	OBJECT_WAY="old file renamed away, new file renamed to it"
	edits perl_backup
	holds "$MNT/Note/1.json.bak" "$OLD"$'\n'
	note 'leaves `1.json.bak`; an object can have no hard link, so it renames'
	row_done
}

# --- python -----------------------------------------------------------------------------

# python_row ORDER HOW PROGRAM : the program sees path and text, which ends with a newline.
python_row() {
	row text "$1" python3 "$2"
	PROGRAM="import json, os, pathlib, sys, tempfile
path, text = sys.argv[1], sys.argv[2] + '\\n'
$3"
	python_run() { python3 -c "$PROGRAM" "$FILE" "$1"; }
	one_shot python_run 1 "[Errno 74] Bad message"
}

@test "python: open for writing" {
	python_row 320 "open(…, 'w')" 'with open(path, "w") as f:
	f.write(text)'
	row_done
}

@test "python: read, go back, write, truncate" {
	python_row 321 "open(…, 'r+')" 'with open(path, "r+") as f:
	f.read()
	f.seek(0)
	f.write(text)
	f.truncate()'
	row_done
}

@test "python: pathlib.write_text" {
	python_row 322 "pathlib.write_text" 'pathlib.Path(path).write_text(text)'
	row_done
}

@test "python: json.dump in many small writes" {
	python_row 323 "json.dump in place" 'with open(path, "w", buffering=1) as f:
	try:
		json.dump(json.loads(text), f)
		f.write("\n")
	except ValueError:
		f.write(text)'
	row_done
}

@test "python: a temporary file and os.replace" {
	python_row 324 "tempfile and os.replace" '
with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(path), delete=False) as f:
	f.write(text)
	f.flush()
	os.fsync(f.fileno())
try:
	os.replace(f.name, path)
	directory = os.open(os.path.dirname(path), os.O_DIRECTORY)
	os.fsync(directory)
except OSError:
	os.unlink(f.name)
	raise'
	row_done
}

@test "python: append" {
	row text 325 python3 "open(…, 'a')"
	local program='import sys
with open(sys.argv[1], "a") as f:
	f.write(sys.argv[2])'
	for FILE in "$MNT/Image/1.json" "$MNT/Note/1.json"; do
		printf '%s\n' "$OLD" >"$FILE"
		watched "${FILE%/*}" python3 -c "$program" "$FILE" $'\n \n'
		holds "$FILE" "$OLD"$'\n\n \n'
	done
	run python3 -c "$program" "$FILE" "x"
	is "$status" 1
	has "$output" "[Errno 74] Bad message"
	holds "$FILE" "$OLD"$'\n\n \n'
	both "appended in place"
	remarkable
	ROW_SAYS="[Errno 74] Bad message"
	row_done
}

# --- jq, sponge, tee, the shell ---------------------------------------------------------

jq_and_mv() { jq -c '.title = "new"' "$FILE" >"$FILE.tmp" && mv "$FILE.tmp" "$FILE"; }

@test "jq into a temporary file, and mv" {
	row text 330 jq "> tmp && mv"
	OLD='{"title":"old","rank":1}' NEW='{"title":"new","rank":1}'
	edits jq_and_mv
	row_done
}

sponge_rename() { printf '%s\n' "$1" | TMPDIR=${FILE%/*} sponge "$FILE"; }
sponge_copy() { printf '%s\n' "$1" | TMPDIR=/dev/shm sponge "$FILE"; }
sponge_append() { printf '%s\n' "$1" | TMPDIR=/dev/shm sponge -a "$FILE"; }

@test "sponge whose TMPDIR is the class" {
	row text 331 sponge "TMPDIR in the class"
	sponge_edits() { sponge_rename "$NEW"; }
	edits sponge_edits
	row_done
}

@test "sponge whose TMPDIR is elsewhere" {
	row text 332 sponge "TMPDIR elsewhere"
	sponge_edits() { sponge_copy "$NEW"; }
	edits sponge_edits
	row_done
}

tee_writes() { printf '%s\n' "$1" | tee "$FILE" >/dev/null; }

@test "tee" {
	row text 333 tee "as installed"
	one_shot tee_writes 1 "Bad message"
	row_done
}

cat_writes() { printf '%s\n' "$1" | cat >"$FILE"; }

@test "cat in a shell" {
	row text 334 "cat >" "as installed"
	one_shot cat_writes 1 "Bad message"
	row_done
}

# The shell closes the file and does not look; the object stays all the same.
echo_writes() { sh -c 'echo "$2" >"$1"' sh "$FILE" "$1"; }

@test "echo in a shell" {
	row text 335 "echo >" "dash"
	one_shot echo_writes 0 ""
	ROW_SAYS="nothing: the shell does not look"
	# What can not even begin a document is refused by write(2), at which it looks.
	run sh -c 'echo nonsense >"$1"' sh "$FILE"
	isnt "$status" 0
	holds "$FILE" "$NEW"$'\n'
	row_done
}

dd_writes() { printf 'new' | dd of="$FILE" bs=1 seek=11 conv=notrunc status=none; }

@test "dd into the middle" {
	row text 336 dd "seek=, conv=notrunc"
	edits dd_writes
	row_done
}

sort_writes() { printf '%s\n' "$1" | sort -o "$FILE"; }

@test "sort -o" {
	row text 337 "sort -o" "as installed"
	one_shot sort_writes 2 "Bad message"
	row_done
}

# --- patch, diff ------------------------------------------------------------------------

# make_patch : $PATCH from old to new, $BAD from old to broken.
make_patch() {
	PATCH=$BATS_TEST_TMPDIR/patch BAD=$BATS_TEST_TMPDIR/bad
	(
		cd "$BATS_TEST_TMPDIR"
		printf '%s\n' "$OLD" >a
		printf '%s\n' "$NEW" >b
		printf '%s\n' "$BROKEN" >c
		diff -u --label 1.json --label 1.json a b >"$PATCH" || true
		diff -u --label 1.json --label 1.json a c >"$BAD" || true
	)
}

patch_edits() { (cd "${FILE%/*}" && patch -s -p0 <"$PATCH"); }
patch_backup() { (cd "${FILE%/*}" && patch -s -b -p0 <"$PATCH"); }
patch_refuses() {
	(cd "${FILE%/*}" && patch -s -p0 <"$BAD") >"$SAID" 2>&1 && return 1
	cp "$FILE" "$BETWEEN"
	patch_edits
}

@test "patch" {
	row text 340 patch "as installed"
	make_patch
	edits patch_edits
	refuses "Bad message" patch_refuses
	row_done
}

@test "patch -b keeps the text before" {
	row text 341 "patch -b" "as installed"
	make_patch
	edits patch_backup
	holds "$MNT/Note/1.json.orig" "$OLD"$'\n'
	note 'leaves `1.json.orig`'
	row_done
}
