#!/usr/bin/env bats
# storefs init, mount, umount, status, version, and what a STORE argument may be.

load ../support/mount
load ../support/cli

setup() { store_new; }
teardown() { store_teardown; }

# --- init ---

@test "init makes a store once" {
	code 0 sfs init --json "$BATS_TEST_TMPDIR/new"
	is "$(ask '[.store,.backend,.format]')" "[\"$BATS_TEST_TMPDIR/new\",\"kv\",4]"
	is "$(ask .uuid)" "$(jq -r .uuid "$BATS_TEST_TMPDIR/new/storefs.json")"
	code 1 sfs init "$BATS_TEST_TMPDIR/new"
	has "$err" "is a store already"
	code 0 sfs ls "$BATS_TEST_TMPDIR/new"
}

@test "init refuses what can not become a store, and leaves nothing behind" {
	mkdir "$BATS_TEST_TMPDIR/full"
	touch "$BATS_TEST_TMPDIR/full/x" "$BATS_TEST_TMPDIR/file"
	code 1 sfs init "$BATS_TEST_TMPDIR/full"
	is "$(ls "$BATS_TEST_TMPDIR/full")" x
	code 1 sfs init "$BATS_TEST_TMPDIR/file"
	code 10 sfs init "$BATS_TEST_TMPDIR/none/new"
	code 1 sfs init --backend nonsense "$BATS_TEST_TMPDIR/new"
	has "$err" "nonsense"
	absent "$BATS_TEST_TMPDIR/new" "$BATS_TEST_TMPDIR/none"
}

# --- version ---

@test "version says what it is built on" {
	code 0 sfs version --json
	is "$(ask '.format, .backends')" $'4\n["kv","memory"]'
	has "$(sfs version)" "storefs $(ask .version)"
	is "$(sfs --version)" "$(sfs version)"
	has "$(sfs version)" "libfuse $(ask .libfuse.running)"
}

# --- what STORE may be ---

@test "STORE may be left out, a folder of the store, or any place in a mount" {
	sfs put --kind object "$STORE" Article/1 <<<'{"n":1}'
	code 2 env -u STOREFS_STORE "$STOREFS" ls
	is "$(STOREFS_STORE=$STORE sfs ls)" Article
	is "$(STOREFS_STORE=$STORE sfs get Article/1 | jq .n)" 1
	is "$(STOREFS_STORE=/nowhere sfs ls "$STORE")" Article
	is "$(sfs ls --store "$STORE" Article)" 1
	is "$(cd "$STORE" && sfs ls .)" Article
	store_mount
	is "$(sfs ls "$MNT")" Article
	is "$(sfs ls "$MNT/Article" Article)" 1
	is "$(STOREFS_STORE=$MNT sfs ls Article)" 1
	is "$(cd "$MNT/Article" && sfs ls . Article)" 1
	ln -s "$MNT" "$BATS_TEST_TMPDIR/link"
	is "$(sfs ls "$BATS_TEST_TMPDIR/link")" Article
}

@test "a store that does not exist, or is none, is said, with what makes one" {
	local verb
	for verb in "ls" "status" "export --to x" "mount"; do
		# shellcheck disable=SC2086
		code 10 sfs $verb "$BATS_TEST_TMPDIR/none" $([ "$verb" = mount ] && echo "$MNT")
		# shellcheck disable=SC2086
		code 13 sfs $verb /proc $([ "$verb" = mount ] && echo "$MNT")
	done
	code 10 sfs put "$BATS_TEST_TMPDIR/none" A/1 </dev/null
	is "$err" "storefs: put: $BATS_TEST_TMPDIR/none: no such folder ('storefs init $BATS_TEST_TMPDIR/none' makes a store)"
	code 13 sfs mount /proc "$MNT"
	has "$err" "'storefs init /proc' makes a store"
}

@test "a store of a newer format is refused, by every door" {
	jq '.format = 999' "$STORE/storefs.json" >"$BATS_TEST_TMPDIR/json"
	cp "$BATS_TEST_TMPDIR/json" "$STORE/storefs.json"
	local verb
	for verb in ls status "put A/1"; do
		# shellcheck disable=SC2086
		set -- $verb
		code 13 sfs "$1" "$STORE" ${2:+"$2"} </dev/null
		has "$err" "newer"
	done
	code 13 sfs mount "$STORE" "$MNT"
	has "$err" "newer"
	not_mounted
}

@test "a storefs.json that is damaged is no store" {
	echo '{' >"$STORE/storefs.json"
	run --separate-stderr "$STOREFS" ls "$STORE"
	[ "$status" = 1 ] || [ "$status" = 13 ] || fail "exit code $status"
	has "$stderr" "storefs.json"
}

@test "a store that another process keeps is exit code 11, and says who" {
	touch "$STORE/lock"
	exec 7<>"$STORE/lock"
	flock -x 7
	code 11 sfs ls "$STORE"
	has "$err" "storefs: ls: $STORE is owned by"
	code 11 sfs mount "$STORE" "$MNT"
	not_mounted
	exec 7>&-
	code 0 sfs ls "$STORE"
}

@test "a command waits a moment for a store that another one has" {
	exec 7<>"$STORE/lock"
	flock -x 7
	"$STOREFS" ls "$STORE" 7>&- 3>&- &
	local pid=$!
	# Until it is there and has found the store owned.
	waits() { [ "$(find "/proc/$pid/fd" 2>/dev/null | wc -l)" -gt 0 ]; }
	wait_until waits
	flock -u 7
	wait "$pid"
	exec 7>&-
}

@test "a store on a read-only disk can be read, and says that it can not be changed" {
	need_root
	sfs put --kind object "$STORE" Article/1 <<<'{"n":1}'
	mount --bind "$STORE" "$STORE"
	mount -o remount,bind,ro "$STORE"
	code 0 sfs get "$STORE" Article/1
	is "$(jq .n <<<"$out")" 1
	code 0 sfs status --json "$STORE"
	is "$(ask .objects)" 1
	code 1 sfs put "$STORE" Article/1 <<<'{"n":2}'
	has "$err" "read-only"
	code 1 sfs rm "$STORE" Article/1
	disk_umount "$STORE"
	is "$(sfs get "$STORE" Article/1 | jq .n)" 1
}

# --- status ---

@test "status tells figures, classes and owner" {
	sfs put --kind object "$STORE" Article/1 <<<'{}'
	sfs put --kind raw "$STORE" Image/a <<<x
	code 0 sfs status --json "$STORE"
	is "$(ask '[.owner,.mounts,.objects,.raws]')" '[null,[],1,1]'
	is "$(ask '.classes')" '[{"name":"Article","kind":"object","objects":1,"files":0,"refused_texts":0},{"name":"Image","kind":"raw","objects":0,"files":1,"refused_texts":0}]'
	has "$(sfs status "$STORE")" "owner     nobody"
	store_mount
	code 0 sfs status --json "$STORE"
	is "$(ask .owner.pid)" "$STORE_PID"
	is "$(ask .mounts)" "[\"$MNT\"]"
	is "$(ask .uuid)" "$(jq -r .uuid "$STORE/storefs.json")"
	same <(sfs status --json "$MNT" | jq .classes) <(sfs status --json "$STORE" | jq .classes)
	has "$(sfs status "$MNT")" "mounted   $MNT"
	has "$(sfs status "$MNT")" "owner     process $STORE_PID since "
	has "$(env -u STOREFS_STORE "$STOREFS" status)" "$STORE on $MNT"
}

# --- mount and umount ---

@test "mount returns when the mount can be used, and umount when the store is free" {
	store_mount
	stat "$MNT/.storefs/README" >/dev/null
	has "$(sfs mount)" "$STORE on $MNT"
	code 0 sfs mount --json
	is "$(ask ".[] | select(.store == \"$STORE\") | .mountpoint")" "$MNT"
	code 0 sfs umount "$MNT"
	is "$out$err" ""
	not_mounted
	# Free: it can be opened at once, without any waiting.
	is "$(flock -n -x "$STORE/lock" echo free)" free
	wait_until gone "$STORE_PID"
	STORE_PID=
}

@test "umount takes the store's folder as well" {
	store_mount
	code 0 sfs umount "$STORE"
	not_mounted
	STORE_PID=
	code 10 sfs umount "$STORE"
	has "$err" "no store is mounted there"
	code 10 sfs umount "$MNT"
	code 10 sfs umount "$BATS_TEST_TMPDIR/none"
	code 10 sfs umount /proc
}

@test "umount of a mount in use says so; --lazy does not wait" {
	store_mount
	mkdir "$MNT/Article"
	echo '{}' >"$MNT/Article/1.json"
	exec 7<"$MNT/Article/1.json"
	code 1 sfs umount "$MNT"
	has "$err" "busy"
	store_alive
	code 0 sfs umount --lazy "$MNT"
	not_mounted
	exec 7<&-
	wait_until gone "$STORE_PID"
	STORE_PID=
}

@test "umount clears away a mount whose daemon died" {
	store_mount
	kill -9 "$STORE_PID"
	wait_until gone "$STORE_PID"
	STORE_PID=
	code 0 sfs umount "$MNT"
	not_mounted
	code 0 sfs ls "$STORE"
}

@test "mounting again just there is fine, elsewhere it is not" {
	store_mount
	code 0 sfs mount "$STORE" "$MNT"
	has "$err" "mounted there already"
	is "$(store_owner)" "$STORE_PID"
	mkdir "$BATS_TEST_TMPDIR/mnt2"
	code 11 sfs mount "$STORE" "$BATS_TEST_TMPDIR/mnt2"
	has "$err" "is mounted on $MNT already"
}

@test "a mount point that can not be one is said" {
	code 1 sfs mount "$STORE" "$BATS_TEST_TMPDIR/none"
	has "$err" "none"
	touch "$BATS_TEST_TMPDIR/file"
	code 1 sfs mount "$STORE" "$BATS_TEST_TMPDIR/file"
	mkdir -p "$STORE/raw/here"
	code 1 sfs mount "$STORE" "$STORE/raw/here"
	code 1 sfs mount "$STORE" "$STORE"
	is "$(sfs mount | grep -cF "$STORE on")" 0
}

@test "words of fstab are ignored, what nobody knows is wrong use" {
	code 2 sfs mount -o nonsense "$STORE" "$MNT"
	has "$err" "unknown option 'nonsense'"
	code 2 sfs mount -o format=xml "$STORE" "$MNT"
	code 2 sfs mount -o threads=0 "$STORE" "$MNT"
	code 2 sfs mount -o threads=many "$STORE" "$MNT"
	not_mounted
	store_mount -o _netdev,nofail,noauto,x-systemd.automount,rw -o defaults,nodev,user,threads=2
	mkdir "$MNT/Article"
	store_alive
}

@test "mount options do what they say" {
	sfs put --kind object "$STORE" Article/1 <<<'{}'
	store_mount -o ro,format=msgpack
	is "$(ls "$MNT/Article")" 1.msgpack
	refused "Read-only file system" touch "$MNT/Article/2.json"
	store_remount -o noxattr
	is "$(ls "$MNT/Article")" 1.json
	refused "Operation not supported" setfattr -n user.x -v 1 "$MNT/Article/1.json"
}

@test "a command on a read-only mount reads, and is told that it can not change" {
	sfs put --kind object "$STORE" Article/1 <<<'{"n":1}'
	store_mount -o ro
	is "$(sfs get "$STORE" Article/1 | jq .n)" 1
	code 1 sfs put "$STORE" Article/1 <<<'{"n":2}'
	has "$err" "read-only"
	code 0 sfs status --json "$STORE"
	is "$(ask .read_only)" true
}

@test "mount --foreground stays until it is told to stop, and ends with 0" {
	need_fuse
	"$STOREFS" mount --foreground "$STORE" "$MNT" 3>&- >>"$STORE_LOG" 2>&1 &
	local pid=$!
	wait_until mounted
	is "$(store_owner)" "$pid"
	kill -TERM "$pid"
	wait "$pid"
	not_mounted
}
