# What the tests of the command need besides mount.bash.
#
# each BODY : run a function twice, without a mount and with one. It sees $S (a STORE argument:
# the store's folder, then a folder inside the mount), $C (a class name of its own) and $D (an empty folder).
# code N COMMAND… : the command ends with this exit code; then $out and $err have what it said.

each() {
	echo "# without a mount"
	S=$STORE C=Plain D=$BATS_TEST_TMPDIR/plain
	mkdir -p "$D"
	"$1"
	echo "# with a mount"
	store_mount
	S=$MNT/.storefs C=Mounted D=$BATS_TEST_TMPDIR/mounted
	mkdir -p "$D"
	"$1"
	store_umount
}

code() {
	local want=$1 got=0
	shift
	"$@" >"$BATS_TEST_TMPDIR/.code-out" 2>"$BATS_TEST_TMPDIR/.code-err" || got=$?
	out=$(cat "$BATS_TEST_TMPDIR/.code-out")
	err=$(cat "$BATS_TEST_TMPDIR/.code-err")
	[ "$got" = "$want" ] || fail "exit code $got, wanted $want: $*" "out: $out" "err: $err"
}

# sfs VERB… : the command under test.
sfs() { "$STOREFS" "$@"; }

# ask FILTER : of the JSON in $out; fails when it is not exactly one valid text.
ask() {
	is "$(jq -s length <<<"$out")" 1 || return 1
	jq -rc "$1" <<<"$out"
}

# need_root : some tests mount a small disk.
need_root() { [ "$(id -u)" = 0 ] || skip "only root can mount a small disk"; }
