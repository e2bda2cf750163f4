#!/usr/bin/env bats
# A raw class behaves as a local file system does: the rules of the manual pages, a chapter for each group of
# calls (tests/posix/). Each chapter is also played on the disk underneath, which shows that the rules are
# right. docs/posix.md says how many there are, and what is different.

load ../support/mount

setup() {
	[ "$(id -u)" = 0 ] || skip "only root can be several users"
	[ "$(stat -f -c %T "$BATS_TEST_TMPDIR")" = ext2/ext3 ] ||
		skip "the rules are those of ext4, and the disk underneath has another file system"
	store_new
}

teardown() {
	store_teardown
}

# chapter NAME [MOUNT OPTION…] : on the disk, then in a raw class; and the page counts them right.
chapter() {
	local name=$1 script=$TREE/tests/posix/$1 held
	shift
	mkdir "$BATS_TEST_TMPDIR/disk"
	helper posix disk "$BATS_TEST_TMPDIR/disk" "$script"
	store_mount "$@"
	class_raw Raw
	helper posix mount "$MNT/Raw" "$script" >"$BATS_TEST_TMPDIR/out" || fail "$(cat "$BATS_TEST_TMPDIR/out")"
	held=$(sed -n 's/ held, 0 failed//p' "$BATS_TEST_TMPDIR/out")
	grep -q "^| \`$name\` | $held |" "$TREE/docs/posix.md" ||
		fail "docs/posix.md does not say that $held expectations of $name hold"
	store_umount
	"$STOREFS" check "$STORE"
}

@test "open: names, flags, permissions, O_TMPFILE" { chapter open -o allow_other; }
@test "make: directories, FIFOs, nodes, sockets, symlinks, and the group of what is made" { chapter make -o allow_other; }
@test "remove: unlink and rmdir, of what is open too, and the sticky bit" { chapter remove -o allow_other; }
@test "link: one inode with several names" { chapter link -o allow_other; }
@test "rename: over, exchange, noreplace, directories, times" { chapter rename -o allow_other; }
@test "owner: chmod, chown, access, and which bits fall" { chapter owner -o allow_other; }
@test "times: exact, special, allowed, and what moves them" { chapter times -o allow_other; }
@test "data: truncate, seek, holes, fallocate, copy_file_range, mmap" { chapter data -o allow_other; }
@test "xattr: set, get, list, remove, limits, permissions" { chapter xattr -o allow_other; }
@test "locks: flock, fcntl, of open files" { chapter locks -o allow_other; }
@test "root: access without default_permissions" { chapter root; }
@test "data: the same where all bytes go through the daemon" { chapter data -o allow_other,nopassthrough; }
@test "times: the same where all bytes go through the daemon" { chapter times -o allow_other,nopassthrough; }

@test "a file without a name in an object class gets that of a scratch file, and no object's" {
	store_mount
	mkdir "$MNT/Note"
	cat >"$BATS_TEST_TMPDIR/script" <<-'END'
		t: open . O_TMPFILE|O_RDWR 0600 = ok
		write t {"a":1} = ok
		linkfd t x.tmp = ok
		close t
		rename x.tmp 1.json = ok
		t: open . O_TMPFILE|O_RDWR 0600 = ok
		linkfd t 2.json = EPERM
		linkfd t 1.json = EEXIST
		close t
		open .. O_TMPFILE|O_RDWR 0600 = EOPNOTSUPP
		open ../.storefs O_TMPFILE|O_RDWR 0600 = EOPNOTSUPP
	END
	helper posix mount "$MNT/Note" "$BATS_TEST_TMPDIR/script"
	is "$(cat "$MNT/Note/1.json")" '{"a":1}'
	is "$(ls -A "$MNT/Note")" 1.json
}

# later_than TIME : the clock of files is past it.
later_than() {
	touch "$BATS_TEST_TMPDIR/clock"
	[[ $(stat -c %.9Y "$BATS_TEST_TMPDIR/clock") > $1 ]]
}

# atime_moves DIR : which reads of a file move its atime: after a change, right after another one, after days.
atime_moves() {
	local before age
	echo x >"$1/f"
	for age in '1 hour ago' again '2 days ago'; do
		[ "$age" = again ] || touch -a -d "$age" "$1/f"
		before=$(stat -c %.9X "$1/f")
		# The clock of files ticks every few milliseconds: not within the same tick.
		wait_until later_than "$before"
		cat "$1/f" >/dev/null
		[ "$(stat -c %.9X "$1/f")" = "$before" ] && echo "$age: no" || echo "$age: yes"
	done
}

@test "a read moves atime when it does so on the disk underneath" {
	mkdir "$BATS_TEST_TMPDIR/disk"
	local options
	for options in allow_other nopassthrough; do
		store_mount -o "$options"
		[ -d "$MNT/Raw" ] || class_raw Raw
		is "$(atime_moves "$MNT/Raw")" "$(atime_moves "$BATS_TEST_TMPDIR/disk")"
		store_umount
	done
}

@test "programs can have more raws open than the daemon was started with" {
	local i fds=()
	[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 2000 ] || skip "no more than $(ulimit -Hn) files"
	ulimit -Sn 200
	store_mount
	ulimit -Sn 2000
	class_raw Raw
	for i in {1..600}; do
		exec {fd}<>"$MNT/Raw/$i"
		fds+=("$fd")
		echo "$i" >&"$fd"
	done
	is "$(cat "$MNT"/Raw/* | wc -l)" 600
	for fd in "${fds[@]}"; do exec {fd}>&-; done
}

@test "the page about POSIX names each exception that the chapters make" {
	local line count=0
	while read -r line; do
		line=${line#@mount }
		grep -Fq "\`${line//|/\\|}\`" "$TREE/docs/posix.md" || fail "not in docs/posix.md: $line"
		count=$((count + 1))
	done < <(grep -rh '^@mount ' "$TREE/tests/posix")
	[ "$count" -gt 5 ]
	is "$(find "$TREE/tests/posix" -type f | wc -l)" \
		"$(sed -n 's/^@test .*{ chapter \([a-z]*\).*/\1/p' "$BATS_TEST_FILENAME" | sort -u | wc -l)"
}
