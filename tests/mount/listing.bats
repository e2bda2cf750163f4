#!/usr/bin/env bats
# Listings of large directories: every entry once, whatever others do meanwhile, in little memory.

load ../support/mount

COUNT=10000

setup() {
	store_new
	store_mount
	mkdir "$MNT/Note"
}

teardown() {
	store_teardown
}

# objects FIRST LAST : so many small objects, through the command.
objects() {
	seq "$1" "$2" | sed 's/.*/{"oid": "o&", "n": &}/' | "$STOREFS" import "$STORE" Note - >/dev/null
}

# raws DIR FIRST LAST : so many small raws, through the mount.
raws() {
	local dir=$1
	shift
	(cd "$dir" && seq -f 'r%g' "$@" | xargs touch)
}

@test "ten thousand objects are listed once each, and counted alike by every tool" {
	objects 1 $COUNT
	seq -f 'o%g.json' 1 $COUNT | sort >"$BATS_TEST_TMPDIR/wanted"
	ls -f "$MNT/Note" | grep -v '^\.' | sort | cmp - "$BATS_TEST_TMPDIR/wanted"
	helper listdir -b 512 "$MNT/Note" | sort | cmp - "$BATS_TEST_TMPDIR/wanted"
	is "$(find "$MNT/Note" -type f -size +0 | wc -l)" $COUNT
	is "$(ls -l "$MNT/Note" | wc -l)" $((COUNT + 1))
	store_remount
	helper listdir -b 65536 "$MNT/Note" | sort | cmp - "$BATS_TEST_TMPDIR/wanted"
}

@test "every cookie of a listing leads to the entry that followed" {
	objects 1 500
	printf x >"$MNT/Note/scratch1"
	printf x >"$MNT/Note/scratch2"
	is "$(helper listdir -k "$MNT/Note" | wc -l)" 502
	is "$(helper listdir -k -b 300 "$MNT/Note" | wc -l)" 502
	class_raw Image
	raws "$MNT/Image" 1 300
	is "$(helper listdir -k "$MNT/Image" | wc -l)" 300
	helper listdir -k "$MNT" >/dev/null
	helper listdir -k "$MNT/.storefs" >/dev/null
}

@test "a listing goes on where it stopped in another daemon, by its cookie alone" {
	objects 1 2000
	local cookie
	helper listdir -n 700 "$MNT/Note" >"$BATS_TEST_TMPDIR/first" 2>"$BATS_TEST_TMPDIR/cookie"
	cookie=$(sed 's/cookie //' "$BATS_TEST_TMPDIR/cookie")
	store_remount
	objects 3001 3500
	(cd "$MNT/Note" && head -n 100 "$BATS_TEST_TMPDIR/first" | xargs rm)
	helper listdir -c "$cookie" "$MNT/Note" >"$BATS_TEST_TMPDIR/rest"
	is "$(wc -l <"$BATS_TEST_TMPDIR/first")" 700
	is "$(cat "$BATS_TEST_TMPDIR"/{first,rest} | sort | uniq -d)" ""
	cat "$BATS_TEST_TMPDIR"/{first,rest} | grep -Evx 'o3[0-9]{3}\.json' | sort >"$BATS_TEST_TMPDIR/seen"
	seq -f 'o%g.json' 1 2000 | sort | cmp - "$BATS_TEST_TMPDIR/seen"
}

@test "a listing of raws goes on where it stopped in another daemon, by its cookie alone" {
	class_raw Image
	raws "$MNT/Image" 1 1000
	local cookie
	helper listdir -n 400 "$MNT/Image" >"$BATS_TEST_TMPDIR/first" 2>"$BATS_TEST_TMPDIR/cookie"
	cookie=$(sed 's/cookie //' "$BATS_TEST_TMPDIR/cookie")
	store_remount
	(cd "$MNT/Image" && head -n 50 "$BATS_TEST_TMPDIR/first" | xargs rm)
	helper listdir -c "$cookie" "$MNT/Image" >"$BATS_TEST_TMPDIR/rest"
	seq -f 'r%g' 1 1000 | sort | cmp - <(sort "$BATS_TEST_TMPDIR"/{first,rest})
}

# churned LISTING : what was there throughout is in it once, nothing else twice.
churned() {
	is "$(sort "$1" | uniq -d)" ""
	grep -E '^[or]k' "$1" | sort | cmp - "$BATS_TEST_TMPDIR/stay"
}

@test "objects that are there throughout are listed exactly once while others come and go" {
	seq 1 $COUNT | sed 's/.*/{"oid": "ok&"}/' | "$STOREFS" import "$STORE" Note - >/dev/null
	seq -f 'ok%g.json' 1 $COUNT | sort >"$BATS_TEST_TMPDIR/stay"
	seq 1 2000 | sed 's/.*/{"oid": "go&"}/' | "$STOREFS" import "$STORE" Note - >/dev/null
	(
		for i in {1..2000}; do
			rm -f "$MNT/Note/go$i.json"
			echo '{}' >"$MNT/Note/new$i.json"
		done
	) &
	local i
	for i in {1..12}; do
		helper listdir -b 256 "$MNT/Note" >"$BATS_TEST_TMPDIR/seen"
		churned "$BATS_TEST_TMPDIR/seen"
	done
	wait
	is "$(helper listdir "$MNT/Note" | wc -l)" $((COUNT + 2000))
}

@test "raws that are there throughout are listed exactly once while others come and go" {
	class_raw Image
	(cd "$MNT/Image" && seq -f 'rk%g' 1 3000 | xargs touch && seq -f 'go%g' 1 1000 | xargs touch)
	seq -f 'rk%g' 1 3000 | sort >"$BATS_TEST_TMPDIR/stay"
	(
		for i in {1..1000}; do
			rm "$MNT/Image/go$i"
			: >"$MNT/Image/new$i"
		done
	) &
	local i
	for i in {1..12}; do
		helper listdir -b 256 "$MNT/Image" >"$BATS_TEST_TMPDIR/seen"
		churned "$BATS_TEST_TMPDIR/seen"
	done
	wait
	is "$(helper listdir "$MNT/Image" | wc -l)" 4000
}

@test "a listing that waits in the middle is right when everything else was removed meanwhile" {
	objects 1 3000
	helper listdir -b 2048 -w "$BATS_TEST_TMPDIR/go" "$MNT/Note" >"$BATS_TEST_TMPDIR/seen" &
	wait_until test -s "$BATS_TEST_TMPDIR/seen"
	ls -f "$MNT/Note" | grep -v '^\.' | grep -vFx -f "$BATS_TEST_TMPDIR/seen" | sort >"$BATS_TEST_TMPDIR/rest"
	(cd "$MNT/Note" && tail -n +11 "$BATS_TEST_TMPDIR/rest" | xargs rm)
	touch "$BATS_TEST_TMPDIR/go"
	wait $!
	is "$(sort "$BATS_TEST_TMPDIR/seen" | uniq -d)" ""
	is "$(head -n 10 "$BATS_TEST_TMPDIR/rest" | grep -Fxc -f "$BATS_TEST_TMPDIR/seen")" 10
}

@test "rm -r of ten thousand objects leaves nothing" {
	objects 1 $COUNT
	printf x >"$MNT/Note/scratch"
	rm -r "$MNT/Note"
	is "$(ls -A "$MNT")" ""
	is "$(jq .objects "$MNT/.storefs/status")" 0
	store_remount
	is "$(ls -A "$MNT")" ""
}

@test "find -delete of everything works while the listing is open" {
	objects 1 5000
	find "$MNT/Note" -type f -delete
	is "$(ls -A "$MNT/Note")" ""
}

@test "objects and scratch files of one class are listed together" {
	objects 1 300
	(cd "$MNT/Note" && seq -f 's%g' 1 300 | xargs touch)
	is "$(helper listdir -b 400 "$MNT/Note" | sort | uniq | wc -l)" 600
	is "$(helper listdir -b 400 "$MNT/Note" | wc -l)" 600
}

@test "a listing shows . and .. with their inode numbers" {
	is "$(ls -ai "$MNT/Note" | sed 's/^ *//' | xargs)" \
		"$(stat -c %i "$MNT/Note") . $(stat -c %i "$MNT") .."
}

# memory : the resident set of the daemon in KiB.
memory() {
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$STORE_PID/status"
}

@test "listing a large class again and again takes no more memory" {
	objects 1 30000
	# AddressSanitizer keeps what was freed, up to a bound: a low one here.
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:quarantine_size_mb=1:thread_local_quarantine_size_kb=64
	store_remount
	helper listdir "$MNT/Note" >/dev/null
	ls -l "$MNT/Note" >/dev/null
	local before after
	before=$(memory)
	for _ in {1..5}; do
		helper listdir -b 32768 "$MNT/Note" >/dev/null
		find "$MNT/Note" -size +1 >/dev/null
	done
	after=$(memory)
	[ $((after - before)) -lt 10240 ] || fail "from $before to $after KiB"
}
