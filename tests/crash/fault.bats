#!/usr/bin/env bats
# Calls of the kernel that fail, one after the other: an operation succeeds or says clearly why
# not, a document is old or new, the daemon lives, and all is well when the fault is gone.

load crash

# What the writer may be told; a full quota is a full disk, and a store that can not be written to
# says EROFS until it is mounted again.
declare -gA MAY_SAY=(
	[ENOSPC]="ENOSPC" [EDQUOT]="ENOSPC EDQUOT" [EIO]="EIO" [EMFILE]="EMFILE ENFILE"
	[short]=""
)

setup() {
	crash_new
	CONTROL=$SCRATCH/control
	LOG=$SCRATCH/log
	"$PROGRAMS/arm" "$CONTROL" new
	declare -gA said=()
	faults=0 failures=0 remounts=0 slowest=0
	fault_mount
}

teardown() {
	crash_end
}

fault_mount() {
	# In the foreground: its last words are what an assertion said.
	env LD_PRELOAD="$PROGRAMS/shim.so" CRASH_ROOT="$STORE" CRASH_CONTROL="$CONTROL" \
		"$STOREFS" mount -f -o nopassthrough "$STORE" "$MNT" 3>&- >>"$STORE_LOG" 2>&1 &
	disown
	wait_until stat "$MNT/Note" >/dev/null 2>&1 || fail "mount: $(tail -n 3 "$STORE_LOG")" || return 1
	STORE_PID=$(store_owner)
}

# fault_remount : all that was acknowledged is there in a new daemon, and everything agrees.
fault_remount() {
	store_umount || return 1
	fault_mount || return 1
	verify_now || return 1
	crash_check
	remounts=$((remounts + 1))
}

verify_now() {
	"$PROGRAMS/verify" kill "$LOG" 1000000000000 "$MNT" >"$SCRATCH/verify" 2>&1 ||
		fail "$(head -n 20 "$SCRATCH/verify")"
}

saves_again() {
	echo '{"again": true}' >"$MNT/Note/shared0.json" && rm "$MNT/Note/shared0.json"
} 2>/dev/null

# recovers : saving works again, by itself, within 15 seconds; where only a new mount can help, the
# error says so (EROFS or EIO).
recovers() {
	local start=$EPOCHREALTIME took
	if ! WAIT_SECONDS=15 wait_until saves_again 2>/dev/null; then
		[ "$1" = EIO ] || fail "does not recover by itself from $1" || return 1
		stuck=$((stuck + 1))
		fault_remount || return 1
		saves_again || fail "does not save after a remount" || return 1
	fi
	took=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
	((took <= slowest)) || slowest=$took
}

# one_fault KINDS ERROR N COUNT : the workload with calls N … N+COUNT-1 of these kinds failing.
one_fault() {
	local call seen line status=0
	: >"$LOG"
	"$PROGRAMS/arm" "$CONTROL" "$@"
	serial=$((serial + 1))
	timeout 120 "$PROGRAMS/writer" -k -s "$serial" "$MNT" "$LOG" \
		>"$SCRATCH/failed" 2>"$SCRATCH/half" || status=$?
	read -r seen fired call < <("$PROGRAMS/arm" "$CONTROL" off)
	[ "$status" = 0 ] || fail "the writer ends with $status: $(cat "$SCRATCH/half")" || return 1
	store_alive || fail "the daemon died: $(tail -n 5 "$STORE_LOG")" || return 1
	while read -r line; do
		failures=$((failures + 1))
		said[$2:${line#* }]=$((${said[$2:${line#* }]:-0} + 1))
		# What could not be removed because of the fault is still in its directory.
		[ "$line" != "rmdir ENOTEMPTY" ] || [ "$(wc -l <"$SCRATCH/failed")" -lt 2 ] || continue
		[[ " ${MAY_SAY[$2]} " == *" ${line#* } "* ]] || fail "$2 in $call became: $line" || return 1
	done <"$SCRATCH/failed"
	verify_now || return 1
	[ "$fired" = 0 ] || recovers "$2"
}

# sweep KINDS ERROR COUNT : the first call fails, then the second, … until there are none left.
sweep() {
	local n=1 fired=1 before=$faults start=$SECONDS
	while ((fired > 0)); do
		one_fault "$1" "$2" "$n" "$3" || fail "fault: $1 $2, call $n, count $3" || return 1
		faults=$((faults + (fired > 0)))
		n=$((n + step))
		((n / step % 8)) || fault_remount || return 1
	done
	fault_remount || return 1
	say "$1 $2 x$3: $((faults - before)) faults in $((SECONDS - start)) s"
}

sweeps() {
	local step=$1 serial=0 stuck=0 word
	shift
	for word; do
		sweep ${word//:/ } || return 1
	done
	word=
	for error in "${!said[@]}"; do word+=" ${error/:/→}=${said[$error]}"; done
	say "$faults faults, $failures operations failed ($word ), $remounts remounts," \
		"$stuck needed one; recovered after at most $slowest ms"
}

@test "each call that fails alone" {
	sweeps "${CRASH_COUNT:-10}" write:ENOSPC:1 write:EIO:1 write:short:1 sync:EIO:1 sync:ENOSPC:1 \
		create:ENOSPC:1 create:EMFILE:1 create:EDQUOT:1 open:EMFILE:1 truncate:ENOSPC:1 \
		truncate:EIO:1 mkdir:ENOSPC:1 mkdir:EIO:1 unlink:EIO:1
}

# synced TEXT : save it and fsync it.
synced() {
	printf '%s\n' "$1" | "$BATS_SUITE_TMPDIR/helpers/save" -t -f "$MNT/Note/1.json" 2>&1
}

# After a sync that failed everything must be written out; after a write that failed RocksDB must not be
# asked to.
@test "a write fails after a sync has failed: nobody dies, and what fsync says is true" {
	helper_build save
	has "$(synced '{"v": 1}')" "fsync=ok close=ok"
	"$PROGRAMS/arm" "$CONTROL" sync EIO 1 -1
	has "$(synced '{"v": 2}')" fsync=EIO
	"$PROGRAMS/arm" "$CONTROL" write EIO 1 -1
	has "$(synced '{"v": 3}')" fsync=EIO
	# The write is not possible, and so is no sync of what came before: each time.
	has "$(synced '{"v": 2}')" fsync=EIO
	has "$(synced '{"v": 2}')" fsync=EIO
	store_alive
	"$PROGRAMS/arm" "$CONTROL" off >/dev/null
	holds "$MNT/Note/1.json" $'{"v": 2}\n'
	# The same text is no new write: a sync alone must find out that all is well again.
	good() { has "$(synced '{"v": 2}')" "fsync=ok close=ok"; }
	WAIT_SECONDS=15 wait_until good 2>/dev/null
	has "$(synced '{"v": 4}')" "fsync=ok close=ok"
	crash_kill
	fault_mount
	holds "$MNT/Note/1.json" $'{"v": 4}\n'
	crash_check
}

# The kernel tells a daemon late that a descriptor is gone (RELEASE); a mapping makes it wait for us.
@test "a save that close said has failed is not made later" {
	echo '{"v": 1}' >"$MNT/Note/1.json"
	cat >"$SCRATCH/late.py" <<-'END'
		import ctypes, os, subprocess, sys
		path, arm, control = sys.argv[1:]
		libc = ctypes.CDLL(None, use_errno=True)
		libc.mmap.restype = ctypes.c_void_p
		libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
		# Before it is opened: a child that ends closes it too.
		subprocess.run([arm, control, "write", "EIO", "1", "-1"], check=True)
		fd = os.open(path, os.O_RDWR | os.O_TRUNC)
		at = libc.mmap(None, ctypes.c_size_t(4096), 1, 2, fd, ctypes.c_long(0))  # PROT_READ, MAP_PRIVATE
		assert at != ctypes.c_void_p(-1).value, os.strerror(ctypes.get_errno())
		os.write(fd, b'{"v": 2}')
		try:
		    os.close(fd)
		    raise SystemExit("close did not fail")
		except OSError as error:
		    print(error)
		subprocess.run([arm, control, "off"], check=True, stdout=subprocess.DEVNULL)
		libc.munmap(at, 4096)
	END
	run python3 "$SCRATCH/late.py" "$MNT/Note/1.json" "$PROGRAMS/arm" "$CONTROL"
	is "$status: $output" "0: [Errno 5] Input/output error"
	WAIT_SECONDS=15 wait_until saves_again 2>/dev/null
	store_umount
	fault_mount
	holds "$MNT/Note/1.json" $'{"v": 1}\n'
}

@test "each call and all that follow, until the fault is lifted" {
	sweeps "${CRASH_COUNT:-20}" write:ENOSPC:-1 write,create,mkdir,truncate:ENOSPC:-1 sync:EIO:-1 \
		write,sync,create,rename,truncate,mkdir,unlink:EIO:-1
}
