#!/usr/bin/env bats
# The daemon: when it starts, when it refuses to, how it ends, and what a crash leaves.

load ../support/mount

setup() {
	store_new
}

teardown() {
	store_teardown
	if [ -n "${FUSE_MODE:-}" ]; then
		as_root chmod "$FUSE_MODE" /dev/fuse
	fi
}

# mount_refused WORD… : mounting fails, with all of these words in its message, and mounts nothing.
mount_refused() {
	run "$STOREFS" mount "$STORE" "$MNT" 3>&-
	isnt "$status" 0
	local word
	for word; do
		has "$output" "$word"
	done
	not_mounted "$MNT"
}

# elsewhere COMMAND… : with mounts of its own, and no hold on those of other tests (a mount
# lives as long as it is anywhere).
elsewhere() {
	as_root unshare -m bash -c 'umount -l -a -t fuse.storefs 2>/dev/null; exec "$@"' - "$@"
}

# --- starting ---------------------------------------------------------------------------

@test "mount returns when the mount is usable" {
	local i
	for i in {1..5}; do
		store_mount
		mkdir "$MNT/Class$i"
		echo '{}' >"$MNT/Class$i/1.json"
		store_umount
	done
	store_mount
	is "$(find "$MNT" -type f | wc -l)" 5
}

@test "mount gives its input and output back, and the folder that it was started in" {
	mkdir "$BATS_TEST_TMPDIR/here"
	run bash -c 'cd "$1" && "$2" mount "$3" "$4" 3>&- | cat' - "$BATS_TEST_TMPDIR/here" "$STOREFS" "$STORE" "$MNT"
	is "$status" 0
	STORE_PID=$(store_owner)
	rmdir "$BATS_TEST_TMPDIR/here"
	is "$(readlink "/proc/$STORE_PID/cwd")" /
	is "$(find "/proc/$STORE_PID/fd" -lname '/dev/pts/*' | wc -l)" 0
	ls "$MNT"
}

@test "relative paths mean what they mean where mount was started" {
	cd "$BATS_TEST_TMPDIR"
	"$STOREFS" mount store mnt 3>&-
	STORE_PID=$(store_owner)
	mkdir "$MNT/Note"
	cd /
	ls "$MNT/Note"
	is "$(jq -r .store "$MNT/.storefs/status")" "$(realpath "$STORE")"
}

@test "mount says who serves what in the table of mounts" {
	store_mount
	is "$(findmnt -rno FSTYPE -M "$MNT")" fuse.storefs
	has "$(findmnt -rno SOURCE -M "$MNT")" "$STORE"
	has "$(findmnt -rno OPTIONS -M "$MNT")" nosuid
	has "$(findmnt -rno OPTIONS -M "$MNT")" nodev
}

@test "mount -f stays in the foreground, logs to standard error and exits with 0 on SIGTERM" {
	"$STOREFS" mount -f "$STORE" "$MNT" 3>&- 2>"$BATS_TEST_TMPDIR/log" &
	local pid=$!
	wait_until mounted "$MNT"
	wait_until test -d "$MNT/.storefs"
	is "$(store_owner)" "$pid"
	mkdir "$MNT/Note"
	echo '{"a": 1}' >"$MNT/Note/1.json"
	[ -s "$BATS_TEST_TMPDIR/log" ]
	kill -TERM "$pid"
	wait "$pid"
	not_mounted "$MNT"
	store_mount
	holds "$MNT/Note/1.json" $'{"a": 1}\n'
}

@test "SIGINT unmounts cleanly too, also while files are open" {
	# A shell without job control lets its background jobs ignore SIGINT: let env reset that.
	env --default-signal=INT "$STOREFS" mount -f "$STORE" "$MNT" 3>&- 2>/dev/null &
	local pid=$!
	wait_until mounted "$MNT"
	wait_until test -d "$MNT/.storefs"
	mkdir "$MNT/Note"
	echo '{"a": 1}' >"$MNT/Note/1.json"
	exec 7<"$MNT/Note/1.json"
	kill -INT "$pid"
	wait "$pid"
	exec 7<&-
	wait_until not_mounted "$MNT"
	store_mount
	holds "$MNT/Note/1.json" $'{"a": 1}\n'
}

@test "SIGTERM of a daemon in the background unmounts and gives the store back" {
	store_mount
	mkdir "$MNT/Note"
	echo '{"a": 1}' >"$MNT/Note/1.json"
	kill -TERM "$STORE_PID"
	wait_until gone "$STORE_PID"
	STORE_PID=
	not_mounted "$MNT"
	is "$(object_get Note 1)" '{"a": 1}'
}

@test "an unmount from outside ends the daemon" {
	store_mount
	mkdir "$MNT/Note"
	if [ "$(id -u)" = 0 ]; then umount "$MNT"; else fusermount3 -u "$MNT"; fi
	wait_until gone "$STORE_PID"
	STORE_PID=
	store_mount
	ls -d "$MNT/Note"
}

@test "umount of a mount in use says so and leaves it" {
	store_mount
	mkdir "$MNT/Note"
	echo '{}' >"$MNT/Note/1.json"
	exec 7<"$MNT/Note/1.json"
	run "$STOREFS" umount "$MNT"
	isnt "$status" 0
	has "$output" busy
	is "$(cat <&7)" '{}'
	exec 7<&-
	store_umount
}

@test "umount of a folder that is no mount says so" {
	run "$STOREFS" umount "$MNT"
	isnt "$status" 0
	has "$output" "$MNT"
	run "$STOREFS" umount "$BATS_TEST_TMPDIR/nothing"
	isnt "$status" 0
}

@test "what was saved is synced soon, without being asked" {
	store_mount
	mkdir "$MNT/Note"
	echo '{}' >"$MNT/Note/1.json"
	local commit
	commit=$(jq .commit "$MNT/.storefs/status")
	synced() { [ "$(jq .commit_synced "$MNT/.storefs/status")" = "$commit" ]; }
	wait_until synced
	is "$(jq .commit "$MNT/.storefs/status")" "$commit"
}

# --- refusing to start ------------------------------------------------------------------

@test "a mount point that does not exist is refused" {
	rmdir "$MNT"
	mount_refused "$MNT" "not found"
	absent "$MNT"
}

@test "a mount point that is a file is refused" {
	rmdir "$MNT"
	echo text >"$MNT"
	mount_refused "$MNT" "directory"
	is "$(cat "$MNT")" text
}

@test "a mount point inside the store is refused" {
	MNT=$STORE/raw
	mount_refused "$MNT" "inside the store"
	MNT=$STORE
	mount_refused "$STORE"
	ln -s "$STORE/db" "$BATS_TEST_TMPDIR/link"
	MNT=$BATS_TEST_TMPDIR/link
	mount_refused "inside the store"
}

@test "a mount point that would hide the store is refused" {
	mkdir "$BATS_TEST_TMPDIR/outer"
	mv "$STORE" "$BATS_TEST_TMPDIR/outer/store"
	STORE=$BATS_TEST_TMPDIR/outer/store
	MNT=$BATS_TEST_TMPDIR/outer
	mount_refused "store"
	ls "$STORE/storefs.json"
}

@test "a mount point that is in use by another mount is refused, and that mount goes on" {
	store_mount
	mkdir "$MNT/Note"
	"$STOREFS" init "$BATS_TEST_TMPDIR/other"
	run "$STOREFS" mount "$BATS_TEST_TMPDIR/other" "$MNT" 3>&-
	isnt "$status" 0
	has "$output" "$MNT"
	has "$output" "mounted"
	is "$(grep -c " $MNT " /proc/self/mountinfo)" 1
	is "$(ls "$MNT")" Note
}

@test "a second daemon is told who has the store" {
	store_mount
	mkdir "$MNT/Note" "$BATS_TEST_TMPDIR/mnt2"
	run "$STOREFS" mount "$STORE" "$BATS_TEST_TMPDIR/mnt2" 3>&-
	is "$status" 11
	has "$output" "$MNT"
	not_mounted "$BATS_TEST_TMPDIR/mnt2"
	is "$(ls "$MNT")" Note
	store_alive
}

@test "a second daemon is told which process has the store when the mount is out of its sight" {
	elsewhere "$STOREFS" mount -f "$STORE" "$MNT" 3>&- 2>/dev/null &
	owned() { store_owner && "$STOREFS" status --json "$STORE" | jq -e .owner.pid; }
	wait_until owned >/dev/null
	mount_refused "$STORE" "$(store_owner)"
	is "$status" 11
	as_root kill -TERM "$(store_owner)"
	wait $!
}

@test "mounting the same store at the same place again does not mount it twice" {
	store_mount
	mkdir "$MNT/Note"
	run "$STOREFS" mount "$STORE" "$MNT" 3>&-
	is "$(grep -c " $MNT " /proc/self/mountinfo)" 1
	is "$(ls "$MNT")" Note
	is "$(store_owner)" "$STORE_PID"
}

@test "a store that does not exist is refused" {
	STORE=$BATS_TEST_TMPDIR/nothing
	mount_refused "$STORE"
	is "$status" 10
	absent "$STORE"
}

@test "a folder that is no store is refused, and nothing is put into it" {
	STORE=$BATS_TEST_TMPDIR/folder
	mkdir "$STORE"
	echo text >"$STORE/file"
	mount_refused "$STORE" "not a"
	is "$status" 13
	is "$(ls -A "$STORE")" file
	rm "$STORE/file"
	mount_refused "$STORE"
	is "$(ls -A "$STORE")" ""
	STORE=/dev/null
	mount_refused /dev/null
}

@test "a store of a newer format is refused and not touched" {
	jq '.format = 99' "$STORE/storefs.json" >"$BATS_TEST_TMPDIR/new"
	cp "$BATS_TEST_TMPDIR/new" "$STORE/storefs.json"
	mount_refused "$STORE" 99 newer
	is "$status" 13
	same "$BATS_TEST_TMPDIR/new" "$STORE/storefs.json"
}

@test "a damaged storefs.json is refused with a word about it by who only reads, and recovered by a mount" {
	local text
	for text in '' '{' 'garbage' '{}' '[]' '{"format": "one"}' '{"format": -1}'; do
		printf '%s' "$text" >"$STORE/storefs.json"
		! "$STOREFS" mount -o ro "$STORE" "$MNT" 3>&- 2>"$BATS_TEST_TMPDIR/word"
		[ -s "$BATS_TEST_TMPDIR/word" ] || fail "refused without a word"
		holds "$STORE/storefs.json" "$text"
	done
	store_mount
	has "$(cat "$STORE_LOG")" "is recovered now"
	store_umount
}

@test "no /dev/fuse is said clearly" {
	elsewhere bash -c '
		mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/zero c 1 5 &&
		mknod -m 666 /dev/urandom c 1 9 && "$1" mount "$2" "$3" 3>&-' - "$STOREFS" "$STORE" "$MNT" \
		>"$BATS_TEST_TMPDIR/out" 2>&1 && fail "mounted without /dev/fuse"
	has "$(cat "$BATS_TEST_TMPDIR/out")" /dev/fuse
	not_mounted "$MNT"
	store_mount
}

@test "a disk that takes no writes is refused, and served with -o ro" {
	local disk=$BATS_TEST_TMPDIR/disk
	mkdir "$disk"
	as_root mount -t tmpfs -o "size=64m,mode=0777" tmpfs "$disk"
	STORE=$disk/store
	"$STOREFS" init "$STORE"
	store_mount
	mkdir "$MNT/Note"
	echo '{"a": 1}' >"$MNT/Note/1.json"
	echo text >"$MNT/Note/scratch"
	store_umount
	as_root mount -o remount,ro "$disk"
	mount_refused "$STORE" "ead-only"
	"$STOREFS" mount -o ro "$STORE" "$MNT" 3>&- 2>&1
	STORE_PID=$(jq .owner.pid "$MNT/.storefs/status")
	holds "$MNT/Note/1.json" $'{"a": 1}\n'
	is "$(cat "$MNT/Note/scratch")" text
	refused "Read-only file system" mkdir "$MNT/Other"
	store_umount
	disk_umount "$disk"
}

@test "unknown options and missing arguments are wrong use" {
	run "$STOREFS" mount -o no_such_option "$STORE" "$MNT" 3>&-
	isnt "$status" 0
	has "$output" no_such_option
	not_mounted "$MNT"
	run "$STOREFS" mount -o format=xml "$STORE" "$MNT" 3>&-
	isnt "$status" 0
	has "$output" xml
	not_mounted "$MNT"
	run "$STOREFS" mount "$STORE" 3>&-
	is "$status" 2
}

# --- options ----------------------------------------------------------------------------

@test "-o ro reads everything and changes nothing" {
	store_mount
	mkdir "$MNT/Note"
	echo '{"a": 1}' >"$MNT/Note/1.json"
	echo text >"$MNT/Note/scratch"
	store_remount -o ro
	holds "$MNT/Note/1.json" $'{"a": 1}\n'
	is "$(jq .read_only "$MNT/.storefs/status")" true
	local command
	for command in "touch $MNT/Note/1.json" "rm $MNT/Note/1.json" "mkdir $MNT/Other" "rmdir $MNT/Note" \
		"mv $MNT/Note/1.json $MNT/Note/2.json" "chmod 600 $MNT/Note/1.json" "truncate -s 0 $MNT/Note/scratch" \
		"ln -s x $MNT/Note/link" "touch $MNT/Note/new.json"; do
		refused "Read-only file system" $command
	done
	store_remount
	is "$(ls "$MNT/Note" | xargs)" "1.json scratch"
}

# user_path PATH : let everyone walk to it.
user_path() {
	local dir=$1
	while [ "$dir" != / ] && [ "$dir" != /tmp ]; do
		[ ! -O "$dir" ] || chmod o+x "$dir"
		dir=$(dirname "$dir")
	done
}

# as_user COMMAND… : as somebody who is not root, and is nobody special.
as_user() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$USER_DIR" \
			LD_LIBRARY_PATH="$USER_DIR/lib" "$@"
	else
		"$@"
	fi
}

# user_ready : a folder of that user's own, with a copy of the command that it can run.
user_ready() {
	USER_DIR=$BATS_TEST_TMPDIR/user
	mkdir -p "$USER_DIR/lib" "$USER_DIR/mnt"
	cp "$STOREFS" "$USER_DIR/storefs"
	ldd "$STOREFS" | sed -n 's/.*=> \([^ ]*libstorefs[^ ]*\) .*/\1/p' | xargs -r cp -t "$USER_DIR/lib"
	[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$USER_DIR"
	user_path "$USER_DIR"
	export ASAN_OPTIONS=${ASAN_OPTIONS//$BATS_TEST_TMPDIR/$USER_DIR}
	export UBSAN_OPTIONS=${UBSAN_OPTIONS//$BATS_TEST_TMPDIR/$USER_DIR}
	if [ ! -w /dev/fuse ] || [ "$(id -u)" = 0 ]; then
		FUSE_MODE=$(stat -c %a /dev/fuse)
		as_root chmod 0666 /dev/fuse
	fi
}

@test "an ordinary user mounts, uses and unmounts a store of his own" {
	user_ready
	STORE=$USER_DIR/store
	MNT=$USER_DIR/mnt
	as_user "$USER_DIR/storefs" init "$STORE"
	as_user "$USER_DIR/storefs" mount "$STORE" "$MNT" 3>&-
	STORE_PID=$(as_user jq .pid "$STORE/lock")
	is "$(stat -c %U "/proc/$STORE_PID")" "$(as_user id -un)"
	as_user bash -c '
		set -e
		cd "$1"
		mkdir Note
		echo "{\"kind\": \"raw\"}" >.storefs/schema/Image.json
		echo "{\"a\": 1}" >Note/1.json
		head -c 100000 /dev/zero >Image/raw
		ln -s raw Image/link
		chmod 0600 Image/raw
		mv Note/1.json Note/2.json
		test "$(cat Note/2.json)" = "{\"a\": 1}"
		test "$(stat -c %u Note/2.json)" = "$(id -u)"
		setfattr -n user.k -v v Image/raw
		cp -a Image Copy
		rm -r Image
		ls -l . Note Copy .storefs
	' - "$MNT"
	has "$(as_user jq -r .raw_io_reason "$MNT/.storefs/status")" "$(
		[ "${STOREFS_RAW_IO:-}" = daemon ] && echo turned off || echo no CAP_SYS_ADMIN)"
	as_user "$USER_DIR/storefs" umount "$MNT"
	wait_until gone "$STORE_PID"
	STORE_PID=
	not_mounted "$MNT"
	is "$(as_user "$USER_DIR/storefs" get "$STORE" Note/2)" '{"a": 1}'
	is "$(find "$USER_DIR" -name 'report.*' -size +0)" ""
}

@test "an ordinary user's mount can be ended with SIGTERM" {
	user_ready
	STORE=$USER_DIR/store
	MNT=$USER_DIR/mnt
	as_user "$USER_DIR/storefs" init "$STORE"
	as_user "$USER_DIR/storefs" mount -f "$STORE" "$MNT" 3>&- 2>/dev/null &
	wait_until mounted "$MNT"
	wait_until as_user test -d "$MNT/.storefs"
	local pid
	pid=$(as_user jq .pid "$STORE/lock")
	kill -TERM "$pid"
	wait $!
	not_mounted "$MNT"
}

@test "without allow_other nobody else gets in" {
	user_ready
	user_path "$MNT"
	store_mount
	mkdir "$MNT/Note"
	if [ "$(id -u)" = 0 ]; then
		run as_user ls "$MNT"
	else
		run as_root ls "$MNT"
	fi
	isnt "$status" 0
	has "$output" "Permission denied"
}

@test "with allow_other others get in, as far as the modes allow" {
	if [ "$(id -u)" != 0 ]; then
		# An ordinary user needs the leave of fuse.conf, which is not for a test to give.
		run "$STOREFS" mount -o allow_other "$STORE" "$MNT" 3>&-
		[ "$status" = 0 ] || { has "$output" allow_other; return 0; }
		STORE_PID=$(store_owner)
		return 0
	fi
	user_ready
	user_path "$MNT"
	store_mount -o allow_other
	has "$(findmnt -rno OPTIONS -M "$MNT")" default_permissions
	(umask 022; mkdir "$MNT/Note"; echo '{"a": 1}' >"$MNT/Note/1.json")
	(umask 077; echo '{"a": 2}' >"$MNT/Note/2.json"; mkdir "$MNT/Private")
	is "$(as_user cat "$MNT/Note/1.json")" '{"a": 1}'
	refused "Permission denied" as_user cat "$MNT/Note/2.json"
	refused "Permission denied" as_user ls "$MNT/Private"
	refused "Permission denied" as_user touch "$MNT/Note/3.json"
	refused "Permission denied" as_user rm -f "$MNT/Note/1.json"
	refused "Permission denied" as_user mkdir "$MNT/Class"
	refused "Operation not permitted" as_user chmod 0666 "$MNT/Note/1.json"
	chmod 1777 "$MNT/Note"
	as_user bash -c 'echo "{\"a\": 3}" >"$1"' - "$MNT/Note/3.json"
	is "$(stat -c %u "$MNT/Note/3.json")" 65534
	refused "Operation not permitted" as_user rm -f "$MNT/Note/1.json"
	as_user rm "$MNT/Note/3.json"
}

@test "views show others no more than the documents do" {
	[ "$(id -u)" = 0 ] || skip "only root can be somebody else"
	user_ready
	user_path "$MNT"
	store_mount -o allow_other
	(umask 022; mkdir "$MNT/Note"; echo '{"a": 1, "friend": {"oid": "2", "type": "Note"}}' >"$MNT/Note/1.json")
	(umask 077; echo '{"a": "secret"}' >"$MNT/Note/2.json"; mkdir "$MNT/Private")
	echo '{"relations": {"friend": "Note"}}' >"$MNT/.storefs/schema/Note.json"
	(umask 022; echo '{"a": "secret"}' >"$MNT/Private/1.json")
	local export=$MNT/.storefs/export path
	has "$(cat "$MNT/Note/.jsonl" "$MNT/Note/.csv" "$export/2/Note/1.json")" secret
	for path in "$MNT/Note/2/a" "$MNT/Note/.jsonl" "$MNT/Note/.csv" "$MNT/Note/limit/9/.jsonl" \
		"$export/1/Note/2.json" "$export/2/Note/1.json" "$export/1/Private/1.json"; do
		refused "Permission denied" as_user cat "$path"
	done
	refused "Permission denied" as_user ls "$MNT/Note/2" "$export/1/Private"
	is "$(as_user cat "$MNT/Note/1/a" "$MNT/Note/.count")" $'1\n2'
	is "$(as_user jq .a "$export/1/Note/1.json")" 1
	refused "Permission denied" as_user bash -c 'echo 5 >"$1"' - "$MNT/Note/1/a"
	refused "Permission denied" as_user ln -sfn ../2.json "$MNT/Note/1/friend"
	refused "Permission denied" as_user rm "$MNT/Note/1/friend"
	(umask 077; run ! bash -c 'echo "[secret" >"$1"' - "$MNT/Note/2.json")
	has "$(cat "$MNT/.storefs/rejected/Note/2.json")" secret
	refused "Permission denied" as_user cat "$MNT/.storefs/rejected/Note/2.json"
	refused "Permission denied" as_user cat "$MNT/.storefs/rejected/Note/2.json.error"
	# Others may load a class that they may write, but not what is somebody else's there.
	chmod 1777 "$MNT/Note"
	refused "Permission denied" as_user bash -c 'echo "{}" >>"$1"' - "$MNT/Note/.jsonl"
	chmod 0777 "$MNT/Note"
	as_user bash -c 'echo "{\"oid\": \"3\"}" >>"$1"' - "$MNT/Note/.jsonl"
	is "$(stat -c %n "$MNT/Note/3.json")" "$MNT/Note/3.json"
}

# --- crashes; kills at random moments are in tests/crash ---------------------------------

@test "renames, removals, modes and classes that were acknowledged are there after kill -9" {
	store_mount
	mkdir "$MNT/Note" "$MNT/Gone"
	class_raw Image
	echo '{"a": 1}' >"$MNT/Note/1.json"
	echo '{"a": 2}' >"$MNT/Note/2.json"
	mv "$MNT/Note/1.json" "$MNT/Note/3.json"
	rm "$MNT/Note/2.json"
	chmod 0600 "$MNT/Note/3.json"
	touch -d '2020-01-01 UTC' "$MNT/Note/3.json"
	rmdir "$MNT/Gone"
	mkdir "$MNT/Image/dir"
	echo x >"$MNT/Image/a"
	setfattr -n user.k -v v "$MNT/Image/a"
	mv "$MNT/Image/a" "$MNT/Image/dir/b"
	ln "$MNT/Image/dir/b" "$MNT/Image/c"
	local before
	before=$(facts "$MNT")
	store_kill
	store_mount
	is "$(facts "$MNT")" "$before"
	holds "$MNT/Note/3.json" $'{"a": 1}\n'
	is "$(getfattr --only-values -n user.k "$MNT/Image/c")" v
}

@test "a crash in the middle of a save leaves the version before" {
	store_mount
	mkdir "$MNT/Note"
	echo '{"a": 1}' >"$MNT/Note/1.json"
	exec 7>"$MNT/Note/1.json"
	printf '{"a": 2' >&7
	exec 8>"$MNT/Note/2.json"
	printf '{"a": ' >&8
	kill -9 "$STORE_PID"
	exec 7>&- 8>&-
	wait_until gone "$STORE_PID"
	STORE_PID=
	unmount_by_force "$MNT"
	store_mount
	holds "$MNT/Note/1.json" $'{"a": 1}\n'
	absent "$MNT/Note/2.json"
	is "$(ls -A "$MNT/Note")" 1.json
}

@test "storefs umount clears the mount of a daemon that died" {
	store_mount
	kill -9 "$STORE_PID"
	wait_until gone "$STORE_PID"
	STORE_PID=
	"$STOREFS" umount "$MNT"
	not_mounted "$MNT"
	store_mount
}

@test "storefs umount clears a dead mount that programs still use" {
	store_mount
	mkdir "$MNT/Note"
	echo '{"a": 1}' >"$MNT/Note/1.json"
	exec 7<"$MNT/Note/1.json"
	kill -9 "$STORE_PID"
	wait_until gone "$STORE_PID"
	STORE_PID=
	"$STOREFS" umount "$MNT"
	not_mounted "$MNT"
	exec 7<&-
	store_mount
	holds "$MNT/Note/1.json" $'{"a": 1}\n'
}

@test "mount after a crash works, or says what to do" {
	store_mount
	mkdir "$MNT/Note"
	kill -9 "$STORE_PID"
	wait_until gone "$STORE_PID"
	STORE_PID=
	run "$STOREFS" mount "$STORE" "$MNT" 3>&-
	if [ "$status" = 0 ]; then
		STORE_PID=$(store_owner)
		is "$(ls "$MNT")" Note
	else
		has "$output" umount
		unmount_by_force "$MNT"
	fi
}

# --- damage -----------------------------------------------------------------------------

# marked COUNT : objects with random text each; the middle of that of number 7 is MARK (a compressed
# file holds it as it is, but its ends may share bytes with what stands around other texts).
marked() {
	local i text
	for ((i = 1; i <= $1; i++)); do
		text=$(head -c 48 /dev/urandom | base64)
		[ "$i" != 7 ] || MARK=${text:8:48}
		printf '{"n": %s, "text": "%s"}\n' "$i" "$text" >"$MNT/Note/$i.json"
		cp "$MNT/Note/$i.json" "$BATS_TEST_TMPDIR/$i.json"
	done
}

# flip FILE OFFSET : one bit.
flip() {
	local byte
	byte=$(dd if="$1" bs=1 skip="$2" count=1 status=none | xxd -p)
	printf "\\x$(printf %02x $((0x$byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# undamaged COUNT : either the store is refused with a reason, or each object is what it was, or
# EIO, or the report of a recovery names it; none is wrong.
undamaged() {
	local i
	if ! "$STOREFS" mount "$STORE" "$MNT" 3>&- >"$BATS_TEST_TMPDIR/mount.out" 2>&1; then
		[ -s "$BATS_TEST_TMPDIR/mount.out" ] || fail "refused without a word"
		not_mounted "$MNT"
		return
	fi
	STORE_PID=$(store_owner)
	for ((i = 1; i <= $1; i++)); do
		if cat "$MNT/Note/$i.json" >"$BATS_TEST_TMPDIR/got" 2>"$BATS_TEST_TMPDIR/got.err"; then
			same "$BATS_TEST_TMPDIR/$i.json" "$BATS_TEST_TMPDIR/got"
		elif ! grep -qs -e "Note/$i: " -e '^lost: Note: ' -e '^lost: class' -e '^lost: store' "$STORE"/damaged/*/report.txt; then
			has "$(cat "$BATS_TEST_TMPDIR/got.err")" "Input/output error"
		fi
	done
	store_alive
	store_umount || { wait_until gone "$STORE_PID"; STORE_PID=; }
}

@test "a flipped bit in a record is noticed, wherever it is, and the daemon lives" {
	store_mount
	mkdir "$MNT/Note"
	marked 20
	store_umount
	local place file offset found=0
	cp -a "$STORE" "$BATS_TEST_TMPDIR/good"
	while IFS=: read -r file offset _; do
		found=$((found + 1))
		rm -rf "$STORE"
		cp -a "$BATS_TEST_TMPDIR/good" "$STORE"
		flip "$file" $((offset + 10))
		undamaged 20
	done < <(cd / && grep -robUaF -- "$MARK" "$STORE/db")
	[ "$found" -ge 1 ]
}

@test "a flipped bit anywhere in the database is noticed or harmless" {
	store_mount
	mkdir "$MNT/Note"
	marked 20
	store_umount
	cp -a "$STORE" "$BATS_TEST_TMPDIR/good"
	local file size part
	for file in $(cd "$STORE" && find db -type f -size +0 ! -name 'LOG*' ! -name 'OPTIONS*'); do
		for part in 3 2; do
			rm -rf "$STORE"
			cp -a "$BATS_TEST_TMPDIR/good" "$STORE"
			size=$(stat -c %s "$STORE/$file")
			flip "$STORE/$file" $((size / part))
			undamaged 20
		done
	done
}

@test "a database file that was cut short is noticed or harmless" {
	store_mount
	mkdir "$MNT/Note"
	marked 20
	store_umount
	cp -a "$STORE" "$BATS_TEST_TMPDIR/good"
	local file size
	for file in $(cd "$STORE" && find db -type f -size +0 ! -name 'LOG*' ! -name 'OPTIONS*'); do
		rm -rf "$STORE"
		cp -a "$BATS_TEST_TMPDIR/good" "$STORE"
		size=$(stat -c %s "$STORE/$file")
		truncate -s $((size / 2)) "$STORE/$file"
		undamaged 20
		rm -rf "$STORE"
		cp -a "$BATS_TEST_TMPDIR/good" "$STORE"
		rm "$STORE/$file"
		undamaged 20
	done
}

@test "the bytes of a raw that vanished from the disk are an error for that raw alone" {
	store_mount
	class_raw Image
	head -c 50000 /dev/urandom >"$MNT/Image/a"
	echo good >"$MNT/Image/b"
	store_umount
	rm "$(find "$STORE/raw" -type f -size 50000c)"
	store_mount
	run cat "$MNT/Image/a"
	isnt "$status" 0
	is "$(cat "$MNT/Image/b")" good
	refused "Input/output error" ls -l "$MNT/Image"
	store_alive
}

# --- exhaustion -------------------------------------------------------------------------

@test "a daemon that is out of descriptors says so, and goes on when there are some again" {
	store_mount
	class_raw Image
	mkdir "$MNT/Note"
	echo '{}' >"$MNT/Note/1.json"
	local i
	for i in {1..60}; do echo "$i" >"$MNT/Image/$i"; done
	prlimit --pid "$STORE_PID" --nofile=$(($(ls "/proc/$STORE_PID/fd" | wc -l) + 10)):4096
	(
		failed=0
		for i in {1..60}; do
			eval "exec $((100 + i))<\"\$MNT/Image/$i\"" 2>>"$BATS_TEST_TMPDIR/err" || failed=$((failed + 1))
		done
		[ "$failed" -gt 0 ]
		is "$(cat "$MNT/Note/1.json")" '{}'
	)
	has "$(cat "$BATS_TEST_TMPDIR/err")" "Too many open files"
	store_alive
	readable() { [ "$(cat "$MNT/Image/60" 2>/dev/null)" = 60 ]; }
	wait_until readable
}
