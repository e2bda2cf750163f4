#!/usr/bin/env bats
# Raws that the kernel reads and writes itself, and the same work through the daemon (STOREFS_RAW_IO
# says which): whoever looks sees the same. What only one way can show is skipped in the other.

load ../support/mount

setup() {
	store_new
	store_mount
	class_raw Image
	DIR=$MNT/Image
	WORK=$BATS_TEST_TMPDIR/work
	mkdir "$WORK"
}

teardown() {
	store_teardown
}

status() { jq -r "$1" "$MNT/.storefs/status"; }

# passes : go on only where the kernel serves raws.
passes() {
	[ "$(status .raw_io)" = pass-through ] || skip "$(status .raw_io_reason)"
}

# python SCRIPT ARGUMENT… : with every module that the scripts below use.
python() {
	/usr/bin/python3 -c "import fcntl, mmap, os, sys
def stat(path): s = os.stat(path); return s.st_size, s.st_mtime_ns
$1" "${@:2}"
}

# requests KIND : how many so far; status is made anew for each who looks it up.
requests() { status ".requests.$1"; }

@test "status says which way raws go, and why" {
	if [ "${STOREFS_RAW_IO:-}" = daemon ]; then
		is "$(status '.raw_io, .raw_io_reason' | xargs)" "daemon turned off with -o nopassthrough"
	elif [ "$(id -u)" = 0 ] && zgrep -qs CONFIG_FUSE_PASSTHROUGH=y /proc/config.gz &&
		[ "$(stat -f -c %T "$STORE")" != overlayfs ]; then
		is "$(status .raw_io)" pass-through
		has "$(status '.capabilities[]' | xargs)" passthrough
	fi
	has "$("$STOREFS" status "$STORE")" "raws go   "
	has "$("$STOREFS" status "$STORE")" "$(status .raw_io_reason)"
	is "$("$STOREFS" status --json "$STORE" | jq -r '.raw_io.way, .raw_io.reason')" \
		"$(status '.raw_io, .raw_io_reason')"
}

@test "reading, writing and mapping a raw that passes through sends no READ, WRITE or FLUSH" {
	passes
	local reads writes flushes opens
	reads=$(requests read) writes=$(status .requests.write) flushes=$(status .requests.flush)
	opens=$(status .passed_opens)
	head -c 3000000 /dev/urandom >"$WORK/a"
	cp "$WORK/a" "$DIR/a"
	same "$WORK/a" "$DIR/a"
	dd if="$DIR/a" of=/dev/null bs=4k status=none
	helper mapping write "$DIR/a" 5000 mapped
	is "$(helper mapping read "$DIR/a" 5000 6)" mapped
	# Reading status reads, too.
	is "$(requests write) $(status .requests.flush)" "$writes $flushes"
	[ "$(status .requests.read)" -le $((reads + 20)) ]
	[ "$(status .passed_opens)" -ge $((opens + 5)) ]
}

@test "size and mtime are right at the next stat, whoever asks, while a raw is written" {
	python '
path = sys.argv[1]
fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
for i in range(1, 200):
    before = stat(path)
    os.write(fd, b"x" * i)
    after = stat(path)
    assert after[0] == before[0] + i, (before, after)
    assert os.fstat(fd).st_size == after[0]
    assert after[1] >= before[1]
os.utime(path, ns=(0, 0))
assert stat(path)[1] == 0
os.pwrite(fd, b"y", 0)
assert stat(path)[1] > 0
' "$DIR/a"
	is "$(stat -c %s "$DIR/a")" 19900
	is "$(ls -l "$DIR" | awk '/ a$/ { print $5 }')" 19900
	is "$(find "$DIR" -size 19900c | wc -l)" 1
}

@test "what is written through a mapping moves the mtime, also when its descriptor is closed" {
	passes
	head -c 100000 /dev/zero >"$DIR/a"
	python '
path = sys.argv[1]
def write_at(memory, at):
    os.utime(path, ns=(0, 0))
    assert stat(path)[1] == 0 and stat(path)[1] == 0
    memory[at] = 1
    memory.flush()
    assert stat(path)[1] > 0, "mtime did not move"
fd = os.open(path, os.O_RDWR)
memory = mmap.mmap(fd, 100000)
write_at(memory, 10)
os.close(fd)
write_at(memory, 5000)
fd = os.open(path, os.O_RDONLY)
os.close(fd)
write_at(memory, 10000)
memory.close()
' "$DIR/a"
	# When all mappings are gone the kernel may keep the attributes again.
	stat "$DIR/a" >/dev/null
	local before
	quiet() {
		stat "$DIR/a" >/dev/null
		before=$(status .requests.getattr)
		helper repeat stat "$DIR/a" 100
		[ "$(requests getattr)" -lt $((before + 20)) ]
	}
	wait_until quiet
}

@test "what was written is there after a kill of the daemon, before the file was closed" {
	passes
	python '
path, pid = sys.argv[1], int(sys.argv[2])
fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o640)
os.write(fd, b"a" * 5000)
os.setxattr(path, "user.k", b"v")
os.kill(pid, 9)
while True:
    try:
        os.stat(path)
    except OSError as error:
        if error.errno == 107: break
# The daemon is gone; who has the file open goes on, and nothing of it may be lost.
os.write(fd, b"b" * 5000)
os.close(fd)
' "$DIR/a" "$STORE_PID"
	wait_until gone "$STORE_PID"
	STORE_PID=
	unmount_by_force "$MNT"
	store_mount
	is "$(stat -c '%s %a' "$DIR/a")" "10000 640"
	is "$(tr -d a <"$DIR/a" | wc -c)" 5000
	is "$(getfattr --only-values -n user.k "$DIR/a")" v
	"$STOREFS" check "$STORE"
}

@test "a write after the daemon was killed is seen by the next daemon, sizes and all" {
	passes
	echo one >"$DIR/a"
	exec 7>>"$DIR/a"
	kill -9 "$STORE_PID"
	wait_until gone "$STORE_PID"
	STORE_PID=
	umount -l "$MNT" 2>/dev/null || fusermount3 -uz "$MNT"
	wait_until not_mounted
	store_mount
	is "$(cat "$DIR/a")" one
	echo two >&7
	exec 7>&-
	is "$(cat "$DIR/a" | xargs)" "one two"
	is "$(stat -c %s "$DIR/a")" 8
	echo three >>"$DIR/a"
	is "$(cat "$DIR/a" | xargs)" "one two three"
}

@test "hash, size and update time are those of the bytes, also of a mapping whose descriptor is closed" {
	passes
	python '
import time
path, copies = sys.argv[1], 0
def known():
    global copies
    copies += 1
    copy = path + str(copies)
    with open(path, "rb") as old, open(copy, "wb") as new: new.write(old.read())
    want = os.getxattr(copy, "user.storefs.xxh3")
    got = os.getxattr(path, "user.storefs.xxh3")
    assert got == want, (got, want)
    assert int(os.getxattr(path, "user.storefs.size")) == os.path.getsize(path)
    return os.getxattr(path, "user.storefs.updated.data")
fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
os.write(fd, b"x" * 10000)
first = known()
# Time itself is what is waited for: a tick of the clock of files.
time.sleep(0.05)
os.write(fd, b"y")
assert known() > first
memory = mmap.mmap(fd, 10000)
os.close(fd)
memory[5] = 1
time.sleep(0.1)
known()
memory[6] = 2
known()
memory.close()
known()
' "$DIR/a"
}

@test "opens of one raw in all ways at once see one another" {
	python '
path = sys.argv[1]
def opened(flags): return os.open(path, flags, 0o644)
make = opened(os.O_CREAT | os.O_EXCL | os.O_WRONLY)
read = opened(os.O_RDONLY)
both = opened(os.O_RDWR)
tail = opened(os.O_WRONLY | os.O_APPEND)
os.write(make, b"1" * 4096)
assert os.pread(read, 9000, 0) == b"1" * 4096
os.write(tail, b"2" * 4096)
os.pwrite(both, b"3", 0)
direct = opened(os.O_RDWR | os.O_DIRECT)
page = mmap.mmap(-1, 4096)
page.write(b"4" * 4096)
assert os.pwrite(direct, page, 4096 * 2) == 4096
memory = mmap.mmap(both, 4096 * 3)
memory[1] = ord("5")
want = b"35" + b"1" * 4094 + b"2" * 4096 + b"4" * 4096
for fd in read, both:
    assert os.pread(fd, 20000, 0) == want, os.pread(fd, 20000, 0)[:10]
os.close(make); os.close(tail); os.close(direct)
again = opened(os.O_RDONLY)
assert os.pread(again, 20000, 0) == want
assert os.path.getsize(path) == len(want)
' "$DIR/a"
}

@test "two programs that append at once lose nothing" {
	local i
	for i in a b c d; do
		python '
fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
for i in range(500): os.write(fd, (sys.argv[2] * 63 + "\n").encode())
' "$DIR/log" "$i" &
	done
	wait
	is "$(stat -c %s "$DIR/log")" 128000
	is "$(sort "$DIR/log" | uniq -c | awk '{ print $1, length($2) }' | uniq)" "500 63"
}

@test "truncate by path is seen by who has the raw open, and goes on from there" {
	python '
path = sys.argv[1]
fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
os.write(fd, b"x" * 10000)
os.truncate(path, 100)
assert os.fstat(fd).st_size == 100
assert os.pread(fd, 10000, 0) == b"x" * 100
os.truncate(path, 5000)
assert os.pread(fd, 10000, 0) == b"x" * 100 + b"\0" * 4900
os.write(fd, b"y")
assert stat(path)[0] == 10001
with open(path, "w") as other:
    assert os.fstat(fd).st_size == 0
    other.write("new")
assert os.pread(fd, 10, 0) == b"new"
' "$DIR/a"
	holds "$DIR/a" new
}

@test "a raw that lost its name, or was replaced, is whole for who has it open" {
	python '
path = sys.argv[1]
def make(name, text):
    with open(name, "wb") as file: file.write(text)
make(path, b"first" * 1000)
fd = os.open(path, os.O_RDWR)
memory = mmap.mmap(fd, 5000)
make(path + ".new", b"second")
os.rename(path + ".new", path)
os.pwrite(fd, b"F", 0)
assert memory[:5] == b"First" and os.pread(fd, 5, 0) == b"First"
assert os.fstat(fd).st_nlink == 0 and os.fstat(fd).st_size == 5000
assert open(path, "rb").read() == b"second"
os.unlink(path)
make(path, b"third")
memory[0] = ord("f")
os.close(fd)
assert memory[:5] == b"first"
assert open(path, "rb").read() == b"third"
' "$DIR/a"
	"$STOREFS" check "$STORE"
}

@test "copy_file_range, fallocate and holes work on raws that are open in other ways" {
	python '
path = sys.argv[1]
a = os.open(path + "a", os.O_CREAT | os.O_RDWR, 0o644)
b = os.open(path + "b", os.O_CREAT | os.O_RDWR, 0o644)
os.write(a, b"0123456789" * 100000)
assert os.copy_file_range(a, b, 500000, 5, 7) == 500000
assert stat(path + "b")[0] == 500007
assert os.pread(b, 10, 7) == b"5678901234"
os.posix_fallocate(b, 0, 600000)
assert os.fstat(b).st_size == 600000 and stat(path + "b")[0] == 600000
os.truncate(path + "b", 2 << 20)
assert os.lseek(b, 0, os.SEEK_HOLE) >= 500007
os.pwrite(b, b"end", 4 << 20)
assert os.lseek(b, 3 << 20, os.SEEK_DATA) == 4 << 20
assert stat(path + "b")[0] == (4 << 20) + 3
' "$DIR/"
}

@test "fsync and fdatasync of a raw reach its plain file" {
	head -c 100000 /dev/urandom >"$WORK/a"
	is "$(helper save -f "$DIR/a" <"$WORK/a")" "open=ok write=ok fsync=ok close=ok "
	is "$(helper save -d "$DIR/a" <"$WORK/a")" "open=ok write=ok fdatasync=ok close=ok "
	type strace >/dev/null || skip "no strace"
	strace -f -qq -e trace=fsync,fdatasync -y -o "$WORK/trace" -p "$STORE_PID" 3>&- 7>&- &
	local tracer=$!
	traced() { grep -q "TracerPid:.*[1-9]" "/proc/$STORE_PID/status"; }
	wait_until traced
	helper save -f "$DIR/a" <"$WORK/a"
	kill "$tracer"
	wait "$tracer" || true
	grep -E "^[0-9]+ +f(data)?sync\([0-9]+<$STORE/raw/[0-9a-f]+/[0-9a-f]+/[0-9a-f]+>" "$WORK/trace"
}

@test "a thousand raws opened and closed leave nothing registered" {
	local i
	for i in {1..20}; do echo "$i" >"$DIR/$i"; done
	python '
for i in range(200):
    fds = [os.open(sys.argv[1] + str(1 + n % 20), os.O_RDWR) for n in range(50)]
    for fd in fds: os.write(fd, b"x"); os.close(fd)
' "$DIR/"
	is "$(cat "$DIR"/* | wc -c)" 51
	open_files() { [ "$(find "/proc/$STORE_PID/fd" -lname "$STORE/raw/*/*" 2>/dev/null | wc -l)" = 0 ]; }
	wait_until open_files
}

@test "a store on a stacked file system goes through the daemon and says so" {
	[ "$(id -u)" = 0 ] || skip "only root can mount an overlay"
	[ "${STOREFS_RAW_IO:-}" != daemon ] || skip "it does anyway"
	passes
	store_umount
	local over=$BATS_TEST_TMPDIR/over
	mkdir "$over" "$over/"{lower,upper,work,all}
	mount -t overlay -o "lowerdir=$over/lower,upperdir=$over/upper,workdir=$over/work" none "$over/all" ||
		skip "no overlayfs here"
	cp -a "$STORE" "$over/all/store"
	STORE=$over/all/store
	store_mount
	is "$(status .raw_io)" daemon
	has "$(status .raw_io_reason)" overlayfs
	head -c 300000 /dev/urandom >"$WORK/a"
	cp "$WORK/a" "$DIR/a"
	same "$WORK/a" "$DIR/a"
	python '
one = os.open(sys.argv[1], os.O_RDWR); two = os.open(sys.argv[1], os.O_WRONLY)
os.pwrite(one, b"1", 0); os.pwrite(two, b"2", 1)
assert os.pread(one, 2, 0) == b"12"
' "$DIR/a"
	store_umount
	disk_umount "$over/all"
}
