#!/usr/bin/env bats
# Backups on a disk of their own: it dies in the middle, comes back, gets full.

load ../support/mount
load ../support/cli

setup() {
	need_root
	store_new
	DISK=$BATS_TEST_TMPDIR/disk
	mkdir "$DISK"
	sfs put --kind object "$STORE" Note/1 <<<'{"n": 1}' >/dev/null
	echo small | sfs put --kind raw "$STORE" Image/a.txt >/dev/null
}
teardown() { store_teardown; }

# disk_mount : an ext4 on a loop device, as the kernel shows a disk that can be pulled out.
disk_mount() {
	local image=$BATS_TEST_TMPDIR/image
	if [ ! -e "$image" ]; then
		truncate -s 200M "$image"
		mkfs.ext4 -q -F "$image" || return 1
	fi
	as_root mount -o loop "$image" "$DISK" 2>"$BATS_TEST_TMPDIR/loop" ||
		skip "no loop device can be mounted here: $(cat "$BATS_TEST_TMPDIR/loop")"
}

# disk_dies : from now on everything on it is EIO, as without the device.
disk_dies() {
	as_root python3 -c '
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2))' "$DISK"
}

# disk_returns : it is plugged in again, as somebody would do it.
disk_returns() {
	as_root umount -l "$DISK"
	wait_until eval '! losetup -j "$BATS_TEST_TMPDIR/image" | grep -q .'
	e2fsck -fp "$BATS_TEST_TMPDIR/image" >/dev/null || [ $? -le 2 ]
	disk_mount
}

names() { sfs backup --list --json --to "$DISK/b" "$STORE" | jq -r '.backups[].name'; }
tells() { grep -q "\"operation\": *\"backup\"" "$MNT/.storefs/errors.ndjson"; }

@test "a disk that dies in the middle of a backup: it is said, the store goes on, and the disk is good again afterwards" {
	disk_mount
	store_mount
	sfs backup --to "$DISK/b" "$STORE" >/dev/null
	sync -f "$DISK"
	head -c 30000000 /dev/urandom >"$MNT/Image/large.bin"
	"$STOREFS" backup --to "$DISK/b" --rate 5M "$STORE" 3>&- >"$BATS_TEST_TMPDIR/said" 2>&1 &
	local pid=$! got=0
	wait_until compgen -G "$DISK/b/*.tmp" >/dev/null
	disk_dies
	wait "$pid" || got=$?
	[ "$got" != 0 ] || fail "it said that it was taken: $(cat "$BATS_TEST_TMPDIR/said")"
	has "$(cat "$BATS_TEST_TMPDIR/said")" "$DISK/b"
	# Here all goes on, also backups that are elsewhere.
	echo '{"n": 2}' >"$MNT/Note/1.json"
	code 0 sfs backup "$STORE"
	code 0 sfs check "$MNT"
	disk_returns
	is "$(names | wc -l)" 1
	code 0 sfs backup --to "$DISK/b" "$STORE"
	is "$(names | wc -l)" 2
	is "$(ls "$DISK/b" | grep -c tmp || true)" 0
	code 0 sfs backup --verify all --to "$DISK/b" "$STORE"
}

@test "a disk that dies while somebody looks into a backup on it: errors there, nothing else" {
	disk_mount
	mkdir "$DISK/b"
	sfs backup --every 1000d --to "$DISK/b" "$STORE" >/dev/null
	store_mount
	wait_until eval '[ "$(names | wc -l)" = 1 ]'
	local there=$MNT/.storefs/backups/latest name
	name=$(names)
	is "$(jq .n "$there/Note/1.json")" 1
	disk_dies
	# What is in memory may be read yet; what is not is an error, not a wait and not the present.
	! timeout 20 cat "$there/Image/a.txt" >"$BATS_TEST_TMPDIR/got" 2>&1 || is "$(cat "$BATS_TEST_TMPDIR/got")" small
	[ "$(timeout 20 ls "$MNT/.storefs/backups" 2>/dev/null | wc -l)" -le 2 ]
	! timeout 60 "$STOREFS" restore "$DISK/b/$name" "$STORE.then" >/dev/null 2>&1 || fail "it was restored"
	echo '{"n": 2}' >"$MNT/Note/1.json"
	is "$(jq .n "$MNT/Note/1.json") $(cat "$MNT/Image/a.txt")" "2 small"
	! timeout 60 "$STOREFS" backup --to "$DISK/b" "$MNT" >/dev/null 2>&1 || fail "a backup was taken"
	code 0 sfs check "$MNT"
}

@test "a disk of backups that is full: the schedule says so, and goes on when there is room" {
	as_root mount -t tmpfs -o size=66m tmpfs "$DISK"
	mkdir "$DISK/b"
	store_mount
	head -c 4000000 /dev/urandom >"$MNT/Image/b.bin"
	sfs backup --every 1s --keep 2 --to "$DISK/b" "$MNT" >/dev/null
	wait_until tells
	has "$(grep '"backup"' "$MNT/.storefs/errors.ndjson" | tail -n 1)" "no space"
	is "$(names)" ""
	echo '{"n": 2}' >"$MNT/Note/1.json"
	as_root mount -o remount,size=100m "$DISK"
	wait_until eval '[ "$(names | wc -l)" -ge 1 ]'
	sfs backup --every 1000d --to "$DISK/b" "$MNT" >/dev/null
	is "$(jq .n "$MNT/.storefs/backups/latest/Note/1.json")" 2
	store_umount
	code 0 sfs backup --verify all --to "$DISK/b" "$STORE"
}
