#!/usr/bin/env bats
# storefs check: a store that is whole, one that is not, with and without a mount, while it is written.

load ../support/mount
load ../support/cli

setup() { store_new; }
teardown() { store_teardown; }

# Ordinary use of everything that a store can hold.
use_everything() {
	mkdir "$MNT/Article"
	class_raw Image
	seq 1 500 | jq -c '{id: ., n: "x"}' | sfs import "$STORE" Article - >/dev/null
	printf '{ "n":1, "type": "Article"}' >"$MNT/Article/kept.json"
	hex 81a16e01 >"$MNT/Article/packed.msgpack"
	sed -i 's/1/22/' "$MNT/Article/kept.json"
	mv "$MNT/Article/7.json" "$MNT/Article/seven.json"
	mv "$MNT/Article/8.json" "$MNT/Article/8.json~"
	echo scratch >"$MNT/Article/.swp"
	rm "$MNT/Article/9.json"
	mkdir -p "$MNT/Image/a/b/c"
	echo bytes >"$MNT/Image/a/file"
	ln "$MNT/Image/a/file" "$MNT/Image/a/b/hard"
	ln -s nowhere "$MNT/Image/link"
	mkfifo "$MNT/Image/fifo"
	setfattr -n user.k -v v "$MNT/Image/a/file"
	mv "$MNT/Image/a/b" "$MNT/Image/moved"
	rm "$MNT/Image/link"
	mkdir "$MNT/Old"
	rmdir "$MNT/Old"
	mv "$MNT/Article" "$MNT/Renamed"
}

@test "a store is clean after ordinary use, mounted or not, deep or quick" {
	store_mount
	use_everything
	code 0 sfs check "$MNT"
	has "$out" "checked 2 classes, 500 objects, 4 files"
	has "$out" ": no problem"
	is "$err" ""
	code 0 sfs check --quick "$STORE"
	store_umount
	code 0 sfs check "$STORE"
	has "$out" "500 objects"
	code 0 sfs check --json "$STORE" Renamed
	is "$(ask '[.classes,.objects,.files,.found,.notes,.complete,.problems]')" '[1,500,2,0,0,true,[]]'
	is "$(ask .store)" "$STORE"
}

@test "a store that was killed is clean when it is opened again" {
	store_mount
	use_everything
	store_kill
	code 0 sfs check "$STORE"
	store_mount
	code 0 sfs check "$MNT"
}

plain_of() {
	printf '%s/raw/%06x/%07x/%09x' "$STORE" $(($1 >> 36)) $(((($1 & 0xfffffffff)) >> 10)) $(($1 & 0xfffffffff))
}

@test "a plain file that is gone is a problem, one too many is a note" {
	store_mount
	use_everything
	local ino stray
	ino=$(stat -c %i "$MNT/Image/a/file")
	stray=$(plain_of $((ino + 500)))
	mkdir -p "${stray%/*}"
	echo stray >"$stray"
	code 0 sfs check "$MNT"
	has "$out" "note: Image inode $((ino + 500)): file-stray: a plain file of 6 bytes"
	has "$out" "no problem, 1 note"
	rm "$(plain_of "$ino")"
	code 14 sfs check "$MNT"
	has "$out" "problem: Image inode $ino: file-missing: the bytes of the raw are missing"
	has "$out" ": 1 problem, 1 note"
	code 14 sfs check --jsonl "$MNT"
	is "$(jq -c 'select(.kind) | [.severity, .kind]' <<<"$out" | sort)" "$(sfs check --json "$MNT" | jq -c '.problems[] | [.severity, .kind]' | sort)"
	is "$(tail -n 1 <<<"$out" | jq -c '[.store != null, .found, .complete, .kind]')" "[true,1,true,null]"
	code 14 sfs check --json "$MNT"
	is "$(ask '[.found,.notes,.complete]')" '[1,1,true]'
	is "$(ask '.problems | map([.severity,.kind,.class,.ino]) | sort')" \
		"[[\"note\",\"file-stray\",\"Image\",$((ino + 500))],[\"problem\",\"file-missing\",\"Image\",$ino]]"
	code 0 sfs check "$MNT" Renamed
	store_umount
	code 14 sfs check "$STORE" Image
}

@test "a store is clean while it is written" {
	store_mount
	use_everything
	(
		n=0
		while [ ! -e "$BATS_TEST_TMPDIR/stop" ]; do
			n=$(((n + 1) % 30))
			echo "{\"n\": $n$n}" >"$MNT/Renamed/w$n.json"
			mv "$MNT/Renamed/w$n.json" "$MNT/Renamed/m$n.json"
			rm "$MNT/Renamed/m$n.json"
			mkdir "$MNT/Image/d$n"
			echo x >"$MNT/Image/d$n/f"
			mv "$MNT/Image/d$n" "$MNT/Image/e$n"
			rm -r "$MNT/Image/e$n"
			touch "$BATS_TEST_TMPDIR/wrote"
		done
	) &
	wait_until test -e "$BATS_TEST_TMPDIR/wrote"
	local round
	for round in $(seq 20); do
		code 0 sfs check --json "$MNT"
		is "$(ask '[.found,.notes,.complete]')" '[0,0,true]'
	done
	touch "$BATS_TEST_TMPDIR/stop"
	wait
	code 0 sfs check "$MNT"
}

@test "a store on a read-only mount, or that takes no writes, is checked" {
	store_mount
	use_everything
	store_umount
	store_mount -o ro
	code 0 sfs check "$MNT"
	has "$out" "500 objects"
	code 0 sfs check "$STORE"
	store_umount
	need_root
	local ro=$BATS_TEST_TMPDIR/ro
	mkdir "$ro"
	as_root mount --bind "$STORE" "$ro"
	as_root mount -o remount,bind,ro "$ro"
	code 0 sfs check "$ro"
	has "$out" "500 objects"
	disk_umount "$ro"
}

@test "a check changes nothing" {
	store_mount
	use_everything
	sync -f "$MNT"
	local before
	before=$(sfs status --json "$MNT" | jq .commit)
	facts "$MNT" >"$BATS_TEST_TMPDIR/before"
	code 0 sfs check "$MNT"
	facts "$MNT" >"$BATS_TEST_TMPDIR/after"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	is "$(sfs status --json "$MNT" | jq .commit)" "$before"
}

@test "what is no store, and no class, is said" {
	mkdir "$BATS_TEST_TMPDIR/none"
	code 13 sfs check "$BATS_TEST_TMPDIR/none"
	code 10 sfs check "$BATS_TEST_TMPDIR/nowhere"
	code 10 sfs check "$STORE" NoClass
	is "$out" ""
	object_put Article 1 --kind object <<<'{}'
	code 2 sfs check "$STORE" Article/1
	has "$err" "as a whole"
}

@test "output that can not be written is a failure" {
	store_mount
	use_everything
	# shellcheck disable=SC2016  # the words are of the inner shell
	code 1 bash -c '"$STOREFS" check "$1" >/dev/full' - "$MNT"
	store_alive
}
