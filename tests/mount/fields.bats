#!/usr/bin/env bats
# Fields: CLASS/42/ shows the properties of the object 42 as files that can be read and saved.

load ../support/mount
load ../support/cli

setup() {
	store_new
	store_mount
	E=$MNT/.storefs/errors.ndjson
	D=$MNT/Note
	export HOME=$BATS_TEST_TMPDIR
}

teardown() { store_teardown; }

# rules : a class with types.
rules() {
	cat >"$MNT/.storefs/schema/Note.json" <<'END'
{"properties": {"title": "string", "line": "string:line", "rank": "int:0-100", "tags": "[string]",
 "cover": "bin", "day": "date"}}
END
	echo '{"title": "old", "rank": 5, "tags": ["a", "b"], "cover": {"$bin": "AAEKDQ=="}}' >"$D/42.json"
}

last() { tail -n 1 "$E" | jq -rc "$1"; }

# doc [FILTER] : the object's document, compact.
doc() { jq -c "${1:-.}" "$D/42.json"; }

mtime() { stat -c %.Y "$1"; }

@test "each property is a file: text and a newline, bytes as they are, or compact JSON" {
	rules
	is "$(ls "$D/42" | tr '\n' ' ')" "cover rank tags title "
	holds "$D/42/title" $'old\n'
	holds "$D/42/rank" $'5\n'
	holds "$D/42/tags" $'["a","b"]\n'
	is "$(xxd -p "$D/42/cover")" 00010a0d
	absent "$D/42/line" "$D/42/none" "$D/42/.none" "$D/43" "$D/43/title"
}

@test "sizes are exact before the first open, times are those of the property, owner and mode the object's" {
	rules
	local name
	for name in title rank tags cover; do
		is "$(stat -c %s "$D/42/$name")" "$(wc -c <"$D/42/$name")"
	done
	is "$(mtime "$D/42/title")" "$(mtime "$D/42.json")"
	chmod 640 "$D/42.json"
	is "$(stat -c '%A %a' "$D/42/title")" "-rw-r----- 640"
	is "$(stat -c %A "$D/42")" "drwxr-x---"
	is "$(stat -c '%U %G %h' "$D/42/title")" "$(stat -c '%U %G %h' "$D/42.json")"
	local before=$(mtime "$D/42/title") rank
	echo 6 >"$D/42/rank"
	is "$(mtime "$D/42/title")" "$before"
	rank=$(mtime "$D/42/rank")
	isnt "$rank" "$before"
	is "$rank" "$(mtime "$D/42.json")"
	# Nothing moves when nothing changes, not even for touch.
	echo 6 >"$D/42/rank"
	touch "$D/42/rank"
	touch -d 2001-02-03 "$D/42/title"
	is "$(mtime "$D/42/rank") $(mtime "$D/42/title")" "$rank $before"
	refused "Operation not permitted" chmod 600 "$D/42/title"
	has "$(last .message)" "mode and the owner of its object"
}

@test "inode numbers are stable over remounts, differ, and are those of the listing" {
	rules
	local before
	before=$(ls -i "$D/42"; stat -c '%n %i' "$D/42" "$D/42"/*; ls -id "$D/42")
	is "$(stat -c %i "$D/42" "$D/42"/* "$D/42.json" | sort | uniq -d)" ""
	is "$(find "$D/42/" -mindepth 1 -printf '%f %i %y\n' | sort)" \
		"$(stat -c '%n %i f' "$D/42"/* | sed 's/.*\///' | sort)"
	store_remount
	is "$(ls -i "$D/42"; stat -c '%n %i' "$D/42" "$D/42"/*; ls -id "$D/42")" "$before"
}

@test "nothing of it is listed: find, du, grep and cp see the documents only" {
	rules
	is "$(cd "$MNT" && find . | sort | tr '\n' ' ')" ". ./Note ./Note/42.json "
	is "$(ls -a "$D" | tr '\n' ' ')" ". .. 42.json "
	is "$(grep -rl old "$D")" "$D/42.json"
	is "$(du -a "$D" | wc -l)" 2
	cp -a "$D" "$BATS_TEST_TMPDIR/copy"
	is "$(ls -A "$BATS_TEST_TMPDIR/copy")" 42.json
}

@test "a name that was missing appears with its object, whoever makes it" {
	mkdir "$D"
	absent "$D/1" "$D/2" "$D/3"
	echo '{"a": 1}' >"$D/1.json"
	holds "$D/1/a" $'1\n'
	object_put Note 2 <<<'{"a": 2}'
	holds "$D/2/a" $'2\n'
	mv "$D/1.json" "$D/3.json"
	absent "$D/1" "$D/1/a"
	holds "$D/3/a" $'1\n'
	rm "$D/3.json"
	absent "$D/3"
}

@test "saving a field changes that property alone" {
	rules
	echo new >"$D/42/title"
	is "$(doc)" '{"title":"new","rank":5,"tags":["a","b"],"cover":{"$bin":"AAEKDQ=="}}'
	printf new2 >"$D/42/title"
	holds "$D/42/title" $'new2\n'
	echo more >>"$D/42/title"
	is "$(doc .title)" '"new2\nmore"'
	echo '["c"]' >"$D/42/tags"
	echo ' 7' >"$D/42/rank"
	head -c 1000 /dev/urandom >"$BATS_TEST_TMPDIR/bytes"
	cp "$BATS_TEST_TMPDIR/bytes" "$D/42/cover"
	same "$BATS_TEST_TMPDIR/bytes" "$D/42/cover"
	is "$(doc 'del(.cover)')" '{"title":"new2\nmore","rank":7,"tags":["c"]}'
	store_remount
	is "$(doc 'del(.cover)')" '{"title":"new2\nmore","rank":7,"tags":["c"]}'
}

@test "making a file makes the property, rm removes it, mv gives it another name" {
	rules
	echo hello >"$D/42/greeting"
	echo 2024-02-29 >"$D/42/day"
	is "$(doc 'keys_unsorted')" '["title","rank","tags","cover","day","greeting"]'
	mv "$D/42/greeting" "$D/42/line"
	is "$(doc .line)" '"hello"'
	rm "$D/42/day" "$D/42/cover"
	absent "$D/42/day" "$D/42/greeting"
	is "$(doc 'keys_unsorted')" '["title","line","rank","tags"]'
	refused "No such file" rm "$D/42/day"
	cp /bin/true "$D/42/program"
	same /bin/true "$D/42/program"
	is "$(doc '.program | keys')" '["$bin"]'
	: >"$D/42/empty"
	wait_until test -e "$D/42/empty"
	wait_until is "$(doc .empty)" '""'
}

@test "a value that does not fit is refused when it is closed, with a sentence, and is kept" {
	rules
	run helper save -t "$D/42/rank" < <(printf 101)
	is "$status" 1
	has "$output" "close=EBADMSG"
	is "$(doc .rank)" 5
	is "$(last '[.class, .name, .oid, .operation, .errno]')" '["Note","42/rank","42","save","EBADMSG"]'
	is "$(last .message)" "rank: expected int:0-100, found number 101"
	has "$("$STOREFS" why "$D/42/rank")" "rank: expected int:0-100, found number 101"
	has "$("$STOREFS" why "$D/42.json")" "rank: expected int:0-100, found number 101"
	holds "$D/42/.rank.rejected" 101
	sed -i s/101/99/ "$D/42/.rank.rejected"
	mv "$D/42/.rank.rejected" "$D/42/rank"
	is "$(doc .rank)" 99
	absent "$D/42/.rank.rejected"
	run helper save -t "$D/42/tags" < <(printf '["a",\n 1,]')
	has "$output" "close=EBADMSG"
	is "$(last '[.line, .column]')" "[2,4]"
	echo '["good"]' >"$D/42/tags"
	absent "$D/42/.tags.rejected"
	run helper save -t "$D/42/tags" < <(printf '["a", 1]')
	is "$(last .message)" "tags[1]: expected string, found number 1"
}

@test "a new field that is refused is not there" {
	rules
	run helper save -t "$D/42/line" < <(printf 'a\nb')
	has "$output" "close=EBADMSG"
	absent "$D/42/line"
	holds "$D/42/.line.rejected" $'a\nb'
	refused "Invalid argument" touch "$D/42/oid"
	has "$(last .message)" "reserved"
	printf '{"extra": "refuse", "properties": {"title": "string"}}' >"$MNT/.storefs/schema/Note.json"
	run helper save -t "$D/42/other" < <(printf x)
	has "$output" "close=EBADMSG"
	has "$(last .message)" "other: expected a property or relation of the class"
}

@test "an emptied field is an empty text, or stays as it was" {
	rules
	: >"$D/42/title"
	wait_until test "$(stat -c %s "$D/42/title")" = 1
	is "$(doc .title)" '""'
	truncate -s 0 "$D/42/cover"
	is "$(stat -c %s "$D/42/cover") $(doc .cover)" '0 {"$bin":""}'
	: >"$D/42/rank"
	wait_until has "$(last .message)" "closed while it was empty"
	is "$(doc .rank) $(last .errno)" "5 null"
}

@test "programs save fields in their own way" {
	rules
	local f=$D/42/title
	sed -i s/old/sed/ "$f"
	is "$(doc .title)" '"sed"'
	perl -pi -e s/sed/perl/ "$f"
	is "$(doc .title)" '"perl"'
	echo tee | tee "$f" >/dev/null
	is "$(doc .title)" '"tee"'
	echo teemore | tee -a "$f" >/dev/null
	is "$(doc .title)" '"tee\nteemore"'
	printf dd | dd of="$f" status=none
	is "$(doc .title)" '"dd"'
	printf XY | dd of="$f" bs=1 seek=1 conv=notrunc status=none
	is "$(doc .title)" '"dXY"'
	truncate -s 1 "$f"
	is "$(doc .title)" '"d"'
	python3 - "$f" <<'END'
import os, sys, tempfile
path = sys.argv[1]
with open(path, 'w') as out: out.write('python')
assert open(path).read() == 'python\n'
with open(path, 'r+') as both:
    assert both.read() == 'python\n'
    both.seek(0)
    both.write('P')
assert open(path).read() == 'Python\n'
fd, name = tempfile.mkstemp(dir=os.path.dirname(path))
os.write(fd, b'atomic\n')
os.fsync(fd)
os.close(fd)
os.replace(name, path)
assert open(path).read() == 'atomic\n'
with open(path, 'w') as out:
    out.write('synced')
    out.flush()
    os.fsync(out.fileno())
    assert open(path).read() == 'synced\n'
END
	is "$(doc .title)" '"synced"'
	echo rsync >"$BATS_TEST_TMPDIR/title"
	rsync -a --no-times "$BATS_TEST_TMPDIR/title" "$D/42/"
	is "$(doc .title)" '"rsync"'
	install -m 644 <(echo install) "$f"
	is "$(doc .title)" '"install"'
	echo moved >"$BATS_TEST_TMPDIR/title"
	mv "$BATS_TEST_TMPDIR/title" "$f"
	is "$(doc .title)" '"moved"'
	is "$(ls -A "$D/42" | tr '\n' ' ')" "cover rank tags title "
	is "$(doc 'keys_unsorted')" '["title","rank","tags","cover"]'
}

@test "vim saves a field, whatever its way of saving is" {
	rules
	local how f=$D/42/title
	for how in 'set nobackup' 'set backup' 'set backupcopy=yes' 'set backupcopy=no' 'set writebackup' \
		'set fsync swapfile'; do
		echo old >"$f"
		timeout 60 vim.basic -N -u NONE -i NONE --not-a-term -c 'set backupskip=' -c "$how" \
			-c '%s/old/vim/' -c wq "$f" </dev/null >"$BATS_TEST_TMPDIR/said" 2>&1 ||
			fail "$how: $(cat "$BATS_TEST_TMPDIR/said")"
		is "$how $(doc .title)" "$how \"vim\""
		rm -f "$f~"
		is "$(ls -A "$D/42" | tr '\n' ' ')" "cover rank tags title "
	done
	is "$(doc 'keys_unsorted')" '["title","rank","tags","cover"]'
}

@test "emacs and nano save a field" {
	rules
	local f=$D/42/title
	if command -v emacs >/dev/null; then
		timeout 60 emacs -Q --batch "$f" --eval '(progn (goto-char 1) (insert "emacs ") (save-buffer))' \
			>"$BATS_TEST_TMPDIR/said" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/said")"
		is "$(doc .title)" '"emacs old"'
	fi
	is "$(doc 'keys_unsorted')" '["title","rank","tags","cover"]'
}

@test "scratch files beside a field are no properties, and not seen in the object" {
	rules
	local n=$(doc '.|length') name
	for name in .title.swp '#title#' title~; do
		echo text >"$D/42/$name"
		holds "$D/42/$name" $'text\n'
		mv "$D/42/$name" "$D/42/.moved"
		chmod 600 "$D/42/.moved"
		is "$(stat -c '%a %s' "$D/42/.moved")" "600 5"
		rm "$D/42/.moved"
		absent "$D/42/$name" "$D/42/.moved"
	done
	is "$(doc '.|length')" "$n"
	echo x >"$D/42/.a"
	refused "Operation not permitted" mv "$D/42/title" "$D/42/.a"
	store_remount
	absent "$D/42/.a"
}

# renames_open FROM TO : write, flush to the kernel, rename before the file is closed, write more.
renames_open() {
	python3 - "$D/42/$1" "$D/42/$2" <<-'END'
		import os, sys
		with open(sys.argv[1], "w") as file:
		    file.write("whole\n")
		    file.flush()
		    os.rename(sys.argv[1], sys.argv[2])
		    if sys.argv[2].endswith(".b"):
		        file.write("more\n")
	END
}

@test "a scratch file that is renamed while it is open has what was written so far" {
	rules
	renames_open .a title
	is "$(doc .title)" '"whole"'
	absent "$D/42/.a"
	renames_open .a .b
	holds "$D/42/.b" $'whole\nmore\n'
	absent "$D/42/.a"
}

@test "a field that is renamed while it is written takes what was written so far" {
	rules
	renames_open title t2
	is "$(doc .t2)" '"whole"'
	is "$(doc .title)" null
}

@test "what a directory of fields can not do is refused with a sentence" {
	rules
	refused "File exists" mkdir "$D/42"
	refused "Read-only file system" rmdir "$D/42"
	is "$(last '[.name, .errno, .operation]')" '["42","EROFS","rmdir"]'
	refused "Read-only file system" mkdir "$D/42/sub"
	is "$(last '[.name, .oid, .errno]')" '["42/sub","42","EROFS"]'
	refused "Read-only file system" mkfifo "$D/42/pipe"
	refused "Read-only file system" ln "$D/42/title" "$D/42/link"
	refused "Operation not permitted" ln "$D/42/title" "$D/link.txt"
	refused "Is a directory" cat "$D/42"
	refused "Not a directory" ls "$D/42/title/x"
	run -1 mv "$D/42" "$D/43"
	is "$(doc .rank)" 5
}

@test "a scratch file or directory of the same name is there first" {
	mkdir "$D" "$D/42"
	echo scratch >"$D/42/title"
	echo plain >"$D/43"
	echo '{"title": "object"}' >"$D/42.json"
	echo '{"title": "object"}' >"$D/43.json"
	holds "$D/42/title" $'scratch\n'
	holds "$D/43" $'plain\n'
	rm -r "$D/42" "$D/43"
	holds "$D/42/title" $'object\n'
	holds "$D/43/title" $'object\n'
}

@test "names of properties and oids that are no file names are escaped" {
	mkdir "$D"
	printf '%s' '{"a/b": 1, "%": 2, "100%": 3, ".x": 4, "#y": 5, "\u0001": 6, "é": 7, "": 8, "..": 9}' \
		>"$D/x y.json"
	is "$(ls -A "$D/x y" | tr '\n' ' ')" "% %01 %23y %2E. %2Ex 100% a%2Fb é "
	holds "$D/x y/a%2Fb" $'1\n'
	holds "$D/x y/%2Ex" $'4\n'
	holds "$D/x y/%2E." $'9\n'
	echo 10 >"$D/x y/a%2Fb"
	echo 11 >"$D/x y/n%2Fw"
	is "$(jq -c '[.["a/b"], .["n/w"], length]' "$D/x y.json")" "[10,11,10]"
	local long
	long=$(printf 'p%.0s' {1..300})
	jq -nc --arg k "$long" '{($k): "long"}' >"$D/$(printf 'o%.0s' {1..250}).json"
	holds "$D/$(printf 'o%.0s' {1..250})"/p*~* $'long\n'
	echo changed >"$(echo "$D/$(printf 'o%.0s' {1..250})"/p*~*)"
	is "$(jq -r .[] "$D/$(printf 'o%.0s' {1..250}).json")" changed
}

@test "a reader sees one whole version while another is saved" {
	rules
	exec 7<"$D/42/title"
	echo 'a longer title' >"$D/42/title"
	is "$(cat <&7)" old
	exec 7<&-
	python3 - "$D/42/title" <<'END'
import sys
path = sys.argv[1]
with open(path, 'a') as out:
    out.write(' more')
    out.flush()
    assert open(path).read() == 'a longer title\n'
END
	is "$(doc .title)" '"a longer title\n more"'
}

@test "a field that is removed while it is open goes nowhere, as a file that was unlinked" {
	rules
	exec 7>"$D/42/title"
	echo lost >&7
	rm "$D/42/title"
	exec 7>&-
	absent "$D/42/title"
	is "$(doc 'has("title")')" false
	exec 7>"$D/42/rank"
	echo 9 >&7
	rm "$D/42.json"
	exec 7>&-
	absent "$D/42.json" "$D/42"
}

@test "an object of 10,000 properties lists, and each of them can be read and saved" {
	mkdir "$D"
	jq -nc '[range(10000) | {key: "p\(.)", value: .}] | from_entries' >"$D/42.json"
	is "$(ls "$D/42" | wc -l)" 10000
	is "$(ls "$D/42" | sort -u | wc -l)" 10000
	is "$(cat "$D/42/p0" "$D/42/p9999" | tr '\n' ' ')" "0 9999 "
	echo 7 >"$D/42/p5000"
	is "$(doc .p5000)" 7
	rm "$D/42/p1"
	is "$(ls "$D/42" | wc -l)" 9999
}

@test "many readers and writers of fields, and a kernel that forgets" {
	rules
	local i
	for i in 1 2 3 4; do
		echo "{\"title\": \"t\", \"n\": 0, \"rank\": 1}" >"$D/$i.json"
	done
	writer() {
		local k
		for k in $(seq 60); do
			echo "$1 $k" >"$D/$((k % 4 + 1))/title"
			echo "$k" >"$D/$((k % 4 + 1))/n$1"
			rm -f "$D/$((k % 4 + 1))/n$1"
		done
	}
	reader() {
		local k
		for k in $(seq 40); do
			cat "$D"/{1,2,3,4}/title >/dev/null || return 1
			ls -lA "$D"/{1,2,3,4}/ >/dev/null 2>&1 || true
			stat "$D/$((k % 4 + 1))/n1" >/dev/null 2>&1 || true
		done
	}
	forgetter() {
		local k
		for k in $(seq 10); do
			echo 2 | as_root tee /proc/sys/vm/drop_caches >/dev/null
			sleep 0.05
		done
	}
	writer 1 & writer 2 & reader & reader & forgetter &
	local pid failed=0
	for pid in $(jobs -p); do
		wait "$pid" || failed=1
	done
	is "$failed" 0
	is "$(jq -c 'keys_unsorted' "$D"/[1-4].json | sort -u)" '["title","rank","n"]'
	is "$(jq -r .title "$D/1.json" | grep -cE '^[12] 60$')" 1
	store_alive
}
