#!/usr/bin/env bats
# A full disk: a clear error, a mount that lives, and everything that was acknowledged.

load ../support/mount

setup() {
	need_command
	DISK=$BATS_TEST_TMPDIR/disk
	mkdir "$DISK"
	as_root mount -t tmpfs -o "size=48m,mode=0777" tmpfs "$DISK"
	store_new
	rm -r "$STORE"
	STORE=$DISK/store
	"$STOREFS" init "$STORE"
	head -c 20M /dev/zero >"$DISK/ballast"
	store_mount
	mkdir "$MNT/Note"
	class_raw Image
}

teardown() {
	local failed=0
	store_teardown || failed=1
	return "$failed"
}

# room_again : somebody else frees space on the disk.
room_again() {
	rm "$DISK/ballast"
}

# full_of KIND DIR BYTES LOG : write until the disk is full; it must say so.
full_of() {
	run --separate-stderr helper acknowledged "$1" "$2" "$3" 1 1000000
	printf '%s\n' "$output" >"$4"
	is "$status" 1
	has "$stderr" ENOSPC
	[ "$(wc -l <"$4")" -gt 10 ] || fail "only $(wc -l <"$4") files before the disk was full"
}

# large : a document that has no room.
large() {
	printf '{"x": "'
	head -c 30000000 /dev/zero | tr '\0' x
	printf '"}'
}

writes_again() {
	echo '{"again": true}' >"$MNT/Note/again.json" && is "$(jq .again "$MNT/Note/again.json")" true
}

@test "saves on a full disk say so; nothing is lost, and saving works again when there is room" {
	full_of document "$MNT/Note" 8000 "$BATS_TEST_TMPDIR/log"
	store_alive
	helper acknowledged check-document "$MNT/Note" 8000 <"$BATS_TEST_TMPDIR/log"
	is "$(ls "$MNT/Note" | wc -l)" "$(wc -l <"$BATS_TEST_TMPDIR/log")"
	run helper save -t "$MNT/Note/large.json" < <(large)
	is "$status" 1
	has "$output" ENOSPC
	room_again
	wait_until writes_again 2>/dev/null
	helper acknowledged check-document "$MNT/Note" 8000 <"$BATS_TEST_TMPDIR/log"
	store_remount
	helper acknowledged check-document "$MNT/Note" 8000 <"$BATS_TEST_TMPDIR/log"
	is "$(jq .again "$MNT/Note/again.json")" true
}

@test "an existing object stays as it was when its save finds the disk full" {
	echo '{"version": 1}' >"$MNT/Note/old.json"
	full_of document "$MNT/Note" 8000 "$BATS_TEST_TMPDIR/log"
	run helper save -t "$MNT/Note/old.json" < <(large)
	is "$status" 1
	holds "$MNT/Note/old.json" $'{"version": 1}\n'
	store_remount -o ro
	holds "$MNT/Note/old.json" $'{"version": 1}\n'
	helper acknowledged check-document "$MNT/Note" 8000 <"$BATS_TEST_TMPDIR/log"
	room_again
	store_remount
	holds "$MNT/Note/old.json" $'{"version": 1}\n'
}

@test "raws on a full disk say so; nothing is lost, and writing works again when there is room" {
	full_of raw "$MNT/Image" 200000 "$BATS_TEST_TMPDIR/log"
	store_alive
	helper acknowledged check-raw "$MNT/Image" 200000 <"$BATS_TEST_TMPDIR/log"
	run dd if=/dev/zero of="$MNT/Image/more" bs=1M count=64 status=none
	isnt "$status" 0
	has "$output" "No space left on device"
	room_again
	wait_until writes_again 2>/dev/null
	head -c 1000000 /dev/urandom >"$BATS_TEST_TMPDIR/r"
	cp "$BATS_TEST_TMPDIR/r" "$MNT/Image/after"
	store_remount
	helper acknowledged check-raw "$MNT/Image" 200000 <"$BATS_TEST_TMPDIR/log"
	same "$BATS_TEST_TMPDIR/r" "$MNT/Image/after"
}

@test "removing raws makes room on a full disk" {
	full_of raw "$MNT/Image" 200000 "$BATS_TEST_TMPDIR/log"
	rm "$MNT"/Image/r[1-9] "$MNT"/Image/r1?
	wait_until writes_again 2>/dev/null
	sed -i -e '1,9d' "$BATS_TEST_TMPDIR/log"
	helper acknowledged check-raw "$MNT/Image" 200000 < <(grep -v '^1.$' "$BATS_TEST_TMPDIR/log")
	echo x >"$MNT/Image/new"
	store_remount
	is "$(cat "$MNT/Image/new")" x
	absent "$MNT/Image/r1"
}

@test "an import on a full disk says so, and what it said it imported is there" {
	seq 1 100000 | awk '{ printf "{\"oid\": \"i%d\", \"text\": \"", $1
		for (i = 0; i < 60; i++) printf "%x%x", rand() * 1e9, rand() * 1e9
		print "\"}" }' >"$BATS_TEST_TMPDIR/records"
	run --separate-stderr "$STOREFS" import --json "$STORE" Note "$BATS_TEST_TMPDIR/records"
	isnt "$status" 0
	has "$stderr" "no space left"
	store_alive
	local said
	said=$(jq .saved <<<"$output")
	is "$(ls "$MNT/Note" | wc -l)" "$(jq .objects "$MNT/.storefs/status")"
	is "$(ls "$MNT/Note" | wc -l)" "$said"
	room_again
	wait_until writes_again 2>/dev/null
	store_remount
	is "$(jq -r .oid "$BATS_TEST_TMPDIR/records" | head -n "$said" | sed 's/$/.json/' | sort | md5sum)" \
		"$(ls "$MNT/Note" | grep '^i' | sort | md5sum)"
}

@test "a store on a full disk is refused or served, and whole when there is room" {
	full_of document "$MNT/Note" 8000 "$BATS_TEST_TMPDIR/log"
	store_umount || { wait_until gone "$STORE_PID"; STORE_PID=; }
	head -c 64M /dev/zero >"$DISK/filler" 2>/dev/null || true
	if "$STOREFS" mount "$STORE" "$MNT" 3>&- >"$BATS_TEST_TMPDIR/out" 2>&1; then
		STORE_PID=$(store_owner)
		helper acknowledged check-document "$MNT/Note" 8000 <"$BATS_TEST_TMPDIR/log"
		store_umount || { wait_until gone "$STORE_PID"; STORE_PID=; }
	else
		[[ $(cat "$BATS_TEST_TMPDIR/out") =~ full|"no space left" ]]
	fi
	store_mount -o ro
	helper acknowledged check-document "$MNT/Note" 8000 <"$BATS_TEST_TMPDIR/log"
	store_umount
	rm "$DISK/filler" "$DISK/ballast"
	store_mount
	helper acknowledged check-document "$MNT/Note" 8000 <"$BATS_TEST_TMPDIR/log"
}

@test "kill -9 on a full disk loses nothing that was acknowledged" {
	full_of document "$MNT/Note" 8000 "$BATS_TEST_TMPDIR/log"
	store_kill
	room_again
	store_mount
	helper acknowledged check-document "$MNT/Note" 8000 <"$BATS_TEST_TMPDIR/log"
	writes_again
}

@test "init on a full disk says so and leaves nothing behind" {
	head -c 64M /dev/zero >"$DISK/filler" 2>/dev/null || true
	run "$STOREFS" init "$DISK/second"
	isnt "$status" 0
	has "$output" "no space left"
	absent "$DISK/second"
}
