#!/usr/bin/env bats
# Programs that need more than files: databases, locks, notices of changes.

load ../support/mount
load ../support/tools

setup() {
	tools_setup
}

teardown() {
	store_teardown
}

# --- sqlite3 ----------------------------------------------------------------------------

# sqlite_tour DATABASE MODE : one after the other, two at once, and a look at the whole.
sqlite_tour() {
	is "$(sqlite3 "$1" "PRAGMA journal_mode=$2; CREATE TABLE t (who, n); INSERT INTO t VALUES ('cli', 1);")" "$2"
	python3 - "$1" <<'END'
import os, sqlite3, sys

def connect(timeout):
    return sqlite3.connect(sys.argv[1], timeout=timeout, isolation_level=None)

def refused(connection):
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    return False

def other(work):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if work() else 1
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0

def insert(who):
    connection = connect(30)
    for n in range(25):
        connection.execute("INSERT INTO t VALUES (?, ?)", (who, n))
    return True

writer = connect(0)
writer.execute("BEGIN IMMEDIATE")
writer.execute("INSERT INTO t VALUES ('writer', 1)")
assert other(lambda: refused(connect(0))), "two writers at once"
assert other(lambda: connect(5).execute("SELECT count(*) FROM t").fetchone() == (1,)), "seen too early"
writer.execute("COMMIT")
assert other(lambda: connect(5).execute("SELECT count(*) FROM t").fetchone() == (2,)), "not seen"
writer.close()
children = []
for who in ("a", "b"):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if insert(who) else 1
        finally:
            os._exit(status)
    children.append(pid)
assert all(os.waitpid(pid, 0)[1] == 0 for pid in children), "an insert failed"
END
	is "$(sqlite3 "$1" 'SELECT count(*) FROM t; PRAGMA integrity_check;' | xargs)" "52 ok"
}

@test "sqlite3, whatever its journal" {
	row data 510 sqlite3 "journal delete, truncate, persist, wal; two processes"
	local mode dir
	for mode in delete truncate persist wal; do
		sqlite_tour "$MNT/Image/$mode.db" "$mode"
	done
	sqlite_tour "$MNT/Note/data.db" wal
	store_remount
	for mode in delete truncate persist wal; do
		is "$(sqlite3 "$MNT/Image/$mode.db" 'SELECT count(*) FROM t; PRAGMA integrity_check;' | xargs)" "52 ok"
	done
	both "works"
	note "in an object class the database is a scratch file"
	row_done
}

# --- locks ------------------------------------------------------------------------------

@test "flock(1) between processes" {
	row data 520 "flock(1)" "exclusive, shared, on a file and on the class"
	local path
	for path in "$MNT/Note/1.json" "$MNT/Image/1.json" "$MNT/Note" "$MNT/Image"; do
		[ -d "$path" ] || printf '%s\n' "$OLD" >"$path"
		exec 7<"$path"
		flock -n 7
		refused "" flock -n "$path" true
		refused "" flock -n -s "$path" true
		flock -u 7
		flock -n -s 7
		flock -n -s "$path" true
		refused "" flock -n "$path" true
		exec 7<&-
		flock -n "$path" true
	done
	both "works"
	row_done
}

@test "fcntl locks between processes" {
	row data 521 "fcntl(2)" "ranges, shared and exclusive; waiting"
	local path
	for path in "$MNT/Note/1.json" "$MNT/Image/1.json" "$MNT/Note/scratch"; do
		printf '%s\n' "$OLD" >"$path"
		python3 - "$path" <<'END'
import fcntl, os, sys

def child(work):
    pid = os.fork()
    if pid == 0:
        with open(sys.argv[1], "r+b") as f:
            os._exit(0 if work(f) else 1)
    return pid

def ended_well(pid):
    return os.waitpid(pid, 0)[1] == 0

def can(kind, length, start):
    def work(f):
        try:
            fcntl.lockf(f, kind | fcntl.LOCK_NB, length, start)
        except BlockingIOError:
            return False
        return True
    return lambda: ended_well(child(work))

with open(sys.argv[1], "r+b") as f:
    fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 5)
    assert not can(fcntl.LOCK_EX, 5, 10)(), "two of one range"
    assert not can(fcntl.LOCK_SH, 1, 14)(), "shared in an exclusive range"
    assert can(fcntl.LOCK_EX, 5, 0)() and can(fcntl.LOCK_EX, 5, 15)(), "other ranges"
    waiting = child(lambda g: fcntl.lockf(g, fcntl.LOCK_EX, 10, 5) is None)
    fcntl.lockf(f, fcntl.LOCK_UN, 10, 5)
    assert ended_well(waiting), "who waited did not get it"
    fcntl.lockf(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
    assert can(fcntl.LOCK_SH, 0, 0)() and not can(fcntl.LOCK_EX, 0, 0)(), "shared"
END
		holds "$path" "$OLD"$'\n'
	done
	both "works"
	row_done
}

# --- inotify ----------------------------------------------------------------------------

@test "inotifywait sees what local programs change" {
	row data 530 inotifywait "create, close_write, moved_to, attrib, delete"
	local dir log=$BATS_TEST_TMPDIR/log pid
	for dir in "$LOCAL" "$MNT/Note" "$MNT/Image"; do
		: >"$log.err"
		inotifywait -m -e create,close_write,moved_to,attrib,delete --format '%e %f' "$dir" \
			>"$log" 2>"$log.err" 3>&- &
		pid=$!
		wait_until grep -q established "$log.err"
		printf '%s\n' "$OLD" >"$dir/1.json"
		printf '%s\n' "$NEW" >"$dir/tmp"
		mv "$dir/tmp" "$dir/1.json"
		chmod 0600 "$dir/1.json"
		rm "$dir/1.json"
		wait_until grep -q '^DELETE 1.json' "$log"
		kill "$pid"
		wait "$pid" || true
		[ -e "$log.local" ] || cp "$log" "$log.local"
		is "$(grep -v ATTRIB "$log")" "$(grep -v ATTRIB "$log.local")"
		grep -q '^ATTRIB 1.json' "$log"
	done
	both "sees local changes"
	note "not what another door changes: the kernel has no way to be told"
	row_done
}
