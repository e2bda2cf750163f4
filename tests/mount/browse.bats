#!/usr/bin/env bats
# Backups in the mount: .storefs/backups/NAME is the whole tree as it was, CLASS/.at/TIME the one that was in force.

load ../support/mount
load ../support/cli

# A store with objects, relations, an index, raws with metadata; $B is where its backups appear, $KEPT where they are.
setup() {
	store_new
	B=$MNT/.storefs/backups
	store_mount -o backup_idle=1
	KEPT=$STORE/backups
	[ ! -d "$STORE/.storefs" ] || KEPT=$STORE/.storefs/backups
	mkdir "$MNT/Account"
	echo '{"name": "seven"}' >"$MNT/Account/7.json"
	echo '{"indexes": {"status": "normalize"}, "properties": {"status": "string"},
	       "relations": {"author": "Account"}}' >"$MNT/.storefs/schema/Article.json"
	for i in 1 2 42; do
		echo "{\"status\": \"published\", \"n\": $i, \"author\": {\"oid\": \"7\", \"type\": \"Account\"}}" \
			>"$MNT/Article/$i.json"
	done
	echo '{"kind": "raw"}' >"$MNT/.storefs/schema/Image.json"
	mkdir "$MNT/Image/holiday"
	head -c 300000 /dev/urandom >"$MNT/Image/holiday/a.bin"
	setfattr -n user.width -v 1920 "$MNT/Image/holiday/a.bin"
	chmod 640 "$MNT/Image/holiday/a.bin"
	touch -d 2020-02-03T04:05:06Z "$MNT/Image/holiday/a.bin"
}
teardown() {
	exec 5<&- 6<&-
	cd /
	store_teardown
}

# taken [NAME] : take one, and give it another name.
taken() {
	code 0 sfs backup --json "$STORE" || return 1
	NAME=$(ask .name)
	[ -z "${1:-}" ] || { mv "$KEPT/$NAME" "$KEPT/$1" && NAME=$1; }
}

# change : every kind of thing is another one than it was, or gone.
change() {
	echo '{"status": "draft", "n": 43}' >"$MNT/Article/42.json"
	rm "$MNT/Article/1.json"
	echo '{"status": "published"}' >"$MNT/Article/new.json"
	echo '{"name": "eight"}' >"$MNT/Account/7.json"
	echo other >"$MNT/Image/holiday/a.bin"
	setfattr -n user.width -v 1 "$MNT/Image/holiday/a.bin"
}

# attributes FOLDER : of everything in it, without inode numbers; of raws without the times of access and change.
attributes() {
	(cd "$1" && find Account Article Image -printf '%p %y %m %u %g %n %s %T@\n' &&
		find Account Article -printf '%A@ %C@\n') | sort
}
# files_open NAME : that the daemon has of a backup.
files_open() { ls -l "/proc/$STORE_PID/fd" | grep -c "backups/$1/" || true; }
is_open() { [ "$(files_open "$1")" -gt 0 ]; }
is_closed() { [ "$(files_open "$1")" = 0 ]; }
names() { ls "$B" | grep -v latest | tr '\n' ' '; }
last_line() { tail -n 1 "$MNT/.storefs/errors.ndjson"; }
# flip FILE OFFSET…
flip() {
	local file=$1 at
	shift
	for at; do
		printf "\\x$(printf %02x $(($(od -An -tu1 -j "$at" -N 1 "$file") ^ 64)))" |
			dd of="$file" bs=1 seek="$at" conv=notrunc status=none
	done
}

@test "a backup is the whole tree as it was: documents, fields, queries, raws and their metadata" {
	cp -a "$MNT/." "$BATS_TEST_TMPDIR/then"
	attributes "$MNT" >"$BATS_TEST_TMPDIR/attributes"
	find "$MNT/Article/by/status/published" "$MNT/Article/42" | sort | sed "s,$MNT/,," >"$BATS_TEST_TMPDIR/views"
	taken
	change
	T=$B/$NAME
	diff -r "$BATS_TEST_TMPDIR/then" "$T"
	is "$(attributes "$T")" "$(cat "$BATS_TEST_TMPDIR/attributes")"
	is "$(rsync -acnX --itemize-changes "$BATS_TEST_TMPDIR/then/" "$T/" | grep -v '^\.d' || true)" ""
	is "$(find "$T/Article/by/status/published" "$T/Article/42" | sort | sed "s,$T/,,")" "$(cat "$BATS_TEST_TMPDIR/views")"
	is "$(jq .n "$T/Article/42.json") $(cat "$T/Article/42/status") $(jq -r .name "$T/Article/42/author")" "42 published seven"
	is "$(cat "$T/Article/.count" "$T/Article/by/status/published/.count" | tr '\n' ' ')" "3 3 "
	is "$(jq -s 'map(.n) | sort' -c "$T/Article/.jsonl")" '[1,2,42]'
	is "$(jq .n "$T/Article/by/status/published/42.json")" 42
	is "$(getfattr --only-values -n user.width "$T/Image/holiday/a.bin")" 1920
	is "$(stat -c '%a %Y' "$T/Image/holiday/a.bin")" "640 1580702706"
	# Reading moves no time, nor does the next backup, which shares its files.
	is "$(attributes "$T")" "$(cat "$BATS_TEST_TMPDIR/attributes")"
	stat "$T/Image/holiday/a.bin" >"$BATS_TEST_TMPDIR/stat"
	taken
	wait_until is_closed "${T##*/}"
	is "$(stat "$T/Image/holiday/a.bin")" "$(cat "$BATS_TEST_TMPDIR/stat")"
	cp -a "$T/." "$BATS_TEST_TMPDIR/copy"
	diff -r "$BATS_TEST_TMPDIR/then" "$BATS_TEST_TMPDIR/copy"
	is "$(getfattr --only-values -n user.width "$BATS_TEST_TMPDIR/copy/Image/holiday/a.bin")" 1920
	is "$(jq -c .relations "$T/.storefs/schema/Article.json") $(jq .objects "$T/.storefs/status")" '{"author":"Account"} 4'
	has "$(cat "$T/.storefs/README")" "This folder is a storefs store"
	absent "$T/.storefs/backups" "$T/Article/.at"
	# Reading copied nothing into the present, and a copy brings the past back.
	is "$(jq .n "$MNT/Article/42.json")" 43
	cp "$T/Article/42.json" "$T/Article/1.json" "$MNT/Article/"
	cp "$T/Image/holiday/a.bin" "$MNT/Image/holiday/a.bin"
	is "$(jq .n "$MNT/Article/42.json" "$MNT/Article/1.json" | tr '\n' ' ')" "42 1 "
	same "$MNT/Image/holiday/a.bin" "$BATS_TEST_TMPDIR/then/Image/holiday/a.bin"
}

# refused_here NAME OPERATION COMMAND… : read-only, and a line says which operation on what.
refused_here() {
	local name=$1 operation=$2
	shift 2
	refused "Read-only file system" "$@"
	is "$(last_line | jq -r '"\(.class) \(.name) \(.operation) \(.errno)"')" ".storefs backups/$NAME/$name $operation EROFS"
	has "$(last_line)" "a backup does not change"
}

@test "nothing in a backup can be changed, and each attempt leaves its line" {
	taken
	T=$B/$NAME
	refused_here Article/42.json open bash -c "echo >'$T/Article/42.json'"
	refused_here Article/42.json open truncate -s 0 "$T/Article/42.json"
	refused_here Article/x.json create touch "$T/Article/x.json"
	refused_here Article/42/status open bash -c "echo >'$T/Article/42/status'"
	refused_here Article/1.json unlink rm "$T/Article/1.json"
	refused_here Article/1.json rename mv "$T/Article/1.json" "$MNT/Article/3.json"
	refused_here Article/3.json rename mv "$MNT/Article/1.json" "$T/Article/3.json"
	refused_here Article/1.json setattr chmod 600 "$T/Article/1.json"
	refused_here Image/holiday/x mkdir mkdir "$T/Image/holiday/x"
	refused_here Image/holiday/x symlink ln -s a "$T/Image/holiday/x"
	refused_here Image/holiday rmdir rmdir "$T/Image/holiday"
	refused_here Image setxattr setfattr -n user.width -v 2 "$T/Image/holiday/a.bin"
	refused_here Image removexattr setfattr -x user.width "$T/Image/holiday/a.bin"
	refused_here .storefs/schema/Article.json open bash -c "echo {} >'$T/.storefs/schema/Article.json'"
	refused "Read-only file system" mkdir "$T/Class"
	refused "Read-only file system" rmdir "$T"
	refused "Read-only file system" mkdir "$B/x"
	is "$(jq .n "$T/Article/42.json") $(ls "$T/Article" | wc -l)" "42 3"
}

@test "inode numbers in a backup are its own, and stay" {
	taken 2026-01-01T000000Z
	change
	taken 2026-01-02T000000Z
	numbers() { (cd "$1" && find . Article/42 Article/by/status -printf '%i\n' | sort -u); }
	for at in "$MNT" "$B/2026-01-01T000000Z" "$B/2026-01-02T000000Z"; do numbers "$at"; done >"$BATS_TEST_TMPDIR/all"
	is "$(sort "$BATS_TEST_TMPDIR/all" | uniq -d)" ""
	first=$(numbers "$B/2026-01-01T000000Z")
	is "$(cd "$B/2026-01-01T000000Z" && ls -i Article | sed 's/^ *//' | sort)" \
		"$(cd "$B/2026-01-01T000000Z" && find Article -name '*.json' -printf '%i %f\n' | sort)"
	wait_until is_closed 2026-01-01T000000Z
	is "$(numbers "$B/2026-01-01T000000Z")" "$first"
	store_remount -o backup_idle=1
	ls "$B/2026-01-02T000000Z" >/dev/null
	is "$(numbers "$B/2026-01-01T000000Z")" "$first"
}

@test "the list of backups and latest are always right" {
	is "$(ls -a "$B" | tr '\n' ' ')" ". .. "
	absent "$B/latest" "$B/2026-01-01T000000Z"
	taken 2026-01-01T000000Z
	is "$(ls "$B" | tr '\n' ' ') $(readlink "$B/latest")" "2026-01-01T000000Z latest  2026-01-01T000000Z"
	is "$(jq .n "$B/latest/Article/42.json")" 42
	echo '{"n": 43}' >"$MNT/Article/42.json"
	taken 2026-01-02T000000Z
	is "$(readlink "$B/latest") $(jq .n "$B/latest/Article/42.json")" "2026-01-02T000000Z 43"
	# The last one is the one that was taken last, whatever the clock said then.
	echo '{"n": 44}' >"$MNT/Article/42.json"
	taken 2025-12-31T000000Z
	is "$(readlink "$B/latest") $(jq .n "$B/latest/Article/42.json")" "2025-12-31T000000Z 44"
	is "$(stat -c %Y "$B/2026-01-01T000000Z")" 1767225600
	is "$(names)" "2025-12-31T000000Z 2026-01-01T000000Z 2026-01-02T000000Z "
	# Names that are not ours, one that is not whole, one that is not valid.
	mkdir "$KEPT/mine" "$KEPT/2026-01-03T000000Z" "$KEPT/2026-1-3"
	touch "$KEPT/mine/VALID" "$KEPT/2026-01-04T000000Z"
	rm "$KEPT/2025-12-31T000000Z/VALID"
	is "$(names)" "2026-01-01T000000Z 2026-01-02T000000Z "
	absent "$B/mine" "$B/pool" "$B/lock" "$B/2026-01-03T000000Z" "$B/2026-1-3"
	refused "No such file" ls "$B/2026-01-04T000000Z"
	wait_until absent "$B/2025-12-31T000000Z"
	has "$(last_line)" "is not valid"
	is "$(readlink "$B/latest")" 2026-01-02T000000Z
	# One that is removed goes, in the listing at once.
	rm -r "$KEPT/2026-01-02T000000Z"
	is "$(names) $(readlink "$B/latest")" "2026-01-01T000000Z  2026-01-01T000000Z"
	is "$(jq .n "$B/latest/Article/42.json")" 42
	wait_until absent "$B/2026-01-02T000000Z"
}

@test "a backup is opened when it is looked into, closed when it is idle, and opened again" {
	taken 2026-01-01T000000Z
	taken 2026-01-02T000000Z
	ls -l "$B" >/dev/null
	is_closed 2026-01-01T000000Z
	cd "$B/2026-01-01T000000Z/Article"
	cat by/status/published/42.json >/dev/null
	# Idle is after a second: what is open keeps them until they are looked at.
	exec 5<"$B/2026-01-02T000000Z/Article/42.json" 6<1.json
	is_open 2026-01-01T000000Z
	is_open 2026-01-02T000000Z
	exec 6<&-
	wait_until is_closed 2026-01-01T000000Z
	# Whoever is still in it does not notice. A file that is open keeps it open.
	is "$(ls by/status/published | tr '\n' ' ')" "1.json 2.json 42.json "
	is "$(jq .n 42.json) $(cat .count)" "42 3"
	is_open 2026-01-02T000000Z
	is "$(jq .n <&5)" 42
	exec 5<&-
	cd "$MNT/.storefs"
	wait_until is_closed 2026-01-02T000000Z
	wait_until is_closed 2026-01-01T000000Z
	is "$(jq .n "$B/2026-01-02T000000Z/Article/42.json")" 42
}

@test "a backup that is removed while somebody is in it does no harm" {
	taken 2026-01-01T000000Z
	change
	taken 2026-01-02T000000Z
	cd "$B/2026-01-01T000000Z/Article"
	exec 5<42.json 6<"$B/2026-01-01T000000Z/Image/holiday/a.bin"
	cat 1.json >/dev/null
	rm -r "$KEPT/2026-01-01T000000Z"
	is "$(jq .n <&5)" 42
	is "$(wc -c <&6)" 300000
	exec 5<&- 6<&-
	wait_until is_closed 2026-01-01T000000Z
	refused "Stale file handle" cat 2.json
	cd /
	wait_until absent "$B/2026-01-01T000000Z"
	is "$(jq .n "$B/2026-01-02T000000Z/Article/42.json")" 43
	# Another one under the same name is another one.
	mv "$KEPT/2026-01-02T000000Z" "$KEPT/2026-01-01T000000Z"
	is "$(jq .n "$B/2026-01-01T000000Z/Article/42.json")" 43
}

@test "damage in a backup is EIO with a line that names it, and the rest goes on" {
	seq 1000 | sed 's/.*/{"oid": "&", "text": "&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&"}/' |
		sfs import -q "$STORE" Note -
	taken 2026-01-01T000000Z
	taken 2026-01-02T000000Z
	sst=$(ls -S "$KEPT"/2026-01-01T000000Z/db/db/*.sst | head -n 1)
	cp "$sst" "$sst.own"
	mv "$sst.own" "$sst"
	flip "$sst" $(seq 2000 4000 "$(($(stat -c %s "$sst") * 2 / 3))")
	code 1 cat "$B"/2026-01-01T000000Z/Note/{1..1000}.json
	has "$err" "Input/output error"
	has "$(last_line)" '"class":".storefs","name":"backups/2026-01-01T000000Z'
	is "$(last_line | jq -r .errno)" EIO
	is "$(jq -s length "$B"/2026-01-02T000000Z/Note/*.json)" 1000
	is "$(jq .n "$MNT/Article/42.json")" 42
	# One that can not be opened at all.
	rm "$KEPT"/2026-01-01T000000Z/db/db/CURRENT
	wait_until is_closed 2026-01-01T000000Z
	refused "Input/output error" ls "$B/2026-01-01T000000Z/Note"
	is "$(last_line | jq -r '"\(.name) \(.operation)"')" "backups/2026-01-01T000000Z open"
	is "$(jq .n "$B/2026-01-02T000000Z/Article/42.json")" 42
}

@test "CLASS/.at/TIME is the class as it was, for any program" {
	is "$(ls -a "$MNT/Article/.at" | tr '\n' ' ')" ". .. "
	refused "No such file" cat "$MNT/Article/.at/now/42.json"
	has "$(last_line)" "the store has no valid backup"
	taken 2026-01-01T100000Z
	change
	taken 2026-01-02T100000Z
	echo '{"n": 44}' >"$MNT/Article/42.json"
	n() { jq .n "$MNT/Article/.at/$1/42.json"; }
	for time in 2026-01-01T100000Z 2026-01-02 '2026-01-01 10:00' 20260102T095959Z 2026-01-02T10:59:59+01:00 @1767347999; do
		is "$time $(n "$time")" "$time 42"
	done
	for time in 2026-01-02T100000Z 2026-01-03 now -1s yesterday; do
		is "$time $(n "$time")" "$time 43"
	done
	is "$(readlink "$MNT/Article/.at/2026-01-02")" ../../.storefs/backups/2026-01-01T100000Z/Article
	cd "$MNT/Article/.at/2026-01-02"
	is "$(ls | tr '\n' ' ')" "1.json 2.json 42.json "
	cp 1.json "$MNT/Article/"
	cd /
	cp -a "$MNT/Article/.at/2026-01-02/." "$BATS_TEST_TMPDIR/copy"
	diff -r "$BATS_TEST_TMPDIR/copy" "$MNT/Article/.at/2026-01-02/"
	code 1 diff -q "$MNT/Article/.at/2026-01-02/42.json" "$MNT/Article/42.json"
	is "$(wc -c <"$MNT/Image/.at/2026-01-02/holiday/a.bin")" 300000
	is "$(cat "$MNT/Article/.at/2026-01-02/by/status/published/.count")" 3
	# A time before all of them, and what is no time.
	refused "No such file" ls "$MNT/Article/.at/2025-12-31"
	has "$(last_line)" "the oldest one is 2026-01-01T100000Z"
	refused "Invalid argument" ls "$MNT/Article/.at/last week"
	has "$(last_line)" "'last week' is no moment, expected 2026-11-22"
	refused "Read-only file system" touch "$MNT/Article/.at/now"
	# A later backup counts at once.
	taken 2026-01-03T100000Z
	is "$(n now)" 44
}

@test "more backups than can be known at a time are never taken for each other" {
	taken 2026-01-01T000000Z
	echo '{"n": 43}' >"$MNT/Article/42.json"
	taken 2026-01-02T000000Z
	for i in {10..49}; do
		cp -al "$KEPT/2026-01-01T000000Z" "$KEPT/2026-02-01T0000${i}Z"
		cp -al "$KEPT/2026-01-02T000000Z" "$KEPT/2026-03-01T0000${i}Z"
	done
	is "$(ls "$B" | wc -l)" 83
	cd "$B/2026-02-01T000010Z/Article"
	for pass in 1 2; do
		for i in {10..49}; do
			is "$(cat "$B"/2026-0[23]-01T0000"$i"Z/Article/42.json | jq .n | tr '\n' ' ')" "42 43 "
		done
	done
	is "$(jq .n 42.json)" 42
	is "$(stat -c %i "$B"/2026-0[23]-*/Article/42.json | sort | uniq -d)" ""
	# Few of them are open at a time.
	wait_until eval '[ "$(ls -l /proc/$STORE_PID/fd | grep -o "backups/2026[^/]*" | sort -u | wc -l)" -le 8 ]'
}

@test "backups in the folder of the schedule are there, too, also when that folder goes" {
	other=$BATS_TEST_TMPDIR/elsewhere
	mkdir "$other"
	taken 2026-01-01T000000Z
	echo '{"n": 43}' >"$MNT/Article/42.json"
	code 0 sfs backup --every 1000h --to "$other" "$STORE"
	wait_until eval '[ "$(ls "$B" | wc -l)" = 3 ]'
	is "$(jq .n "$B/latest/Article/42.json") $(jq .n "$B/2026-01-01T000000Z/Article/42.json")" "43 42"
	exec 5<"$B/latest/Article/42.json"
	mv "$other" "$other.away"
	is "$(jq .n <&5)" 43
	is "$(names) $(readlink "$B/latest")" "2026-01-01T000000Z  2026-01-01T000000Z"
	is "$(jq .n "$MNT/Article/.at/now/42.json")" 42
	mv "$other.away" "$other"
	is "$(jq .n "$B/latest/Article/42.json")" 43
}
