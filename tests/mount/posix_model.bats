#!/usr/bin/env bats
# Random operations on raws and on trees of them give what a model gives: on the disk underneath, which shows
# that the model is right, and in a raw class. STOREFS_SEED repeats a run; the seed of each is printed.

load ../support/mount

setup() {
	store_new
	store_mount
	class_raw Raw
	DIR=$MNT/Raw
	SEED=${STOREFS_SEED:-$((RANDOM * 32768 + RANDOM))}
	echo "seed: $SEED"
	DISK=$BATS_TEST_TMPDIR/disk
	mkdir "$DISK"
}

teardown() {
	store_teardown
}

# tree : everything about a tree but inode numbers and the sizes of directories.
tree() {
	(cd "$1" && find . -type d -printf '%P|d|%m|%n|%T@\n' -o -printf '%P|%y|%m|%n|%s|%T@|%l\n' | LC_ALL=C sort)
}

@test "twenty thousand reads, writes, mappings, truncations, holes and copies of one raw" {
	helper filemodel "$DISK/file" "$SEED" 2000
	is "$(helper filemodel "$DIR/file" "$SEED" 20000)" "20000 operations"
	local sum
	sum=$(md5sum <"$DIR/file")
	store_remount
	is "$(md5sum <"$DIR/file")" "$sum"
}

@test "the same where all bytes go through the daemon" {
	store_remount -o nopassthrough
	helper filemodel "$DIR/file" "$SEED" 5000
}

@test "the same of a scratch file, which begins small" {
	mkdir "$MNT/Note"
	helper filemodel "$MNT/Note/file" "$SEED" 3000
}

@test "twenty thousand changes of trees by four processes" {
	helper treemodel "$DISK" "$SEED" 4 5000
	helper treemodel "$DIR" "$SEED" 4 5000
	"$STOREFS" check "$MNT/.storefs"
	local before
	before=$(tree "$DIR")
	store_umount
	"$STOREFS" check "$STORE"
	store_mount
	is "$(tree "$DIR")" "$before"
	rm -r "$DIR"/*
	is "$(ls -A "$DIR")" ""
	bytes_gone() { [ "$(find "$STORE/raw" -type f | wc -l)" = 0 ]; }
	"$STOREFS" trash empty "$STORE"
	wait_until bytes_gone
}

@test "what trees are is the same after the daemon was killed" {
	helper treemodel "$DIR" "$SEED" 2 2000
	local before
	before=$(tree "$DIR")
	store_kill
	store_mount
	is "$(tree "$DIR")" "$before"
	store_umount
	"$STOREFS" check "$STORE"
}

# owned : each plain file of the store belongs to a file that has a name.
owned() {
	is "$(find "$STORE/raw" -type f | wc -l)" "$(find "$DIR" -type f -printf '%i\n' | sort -u | wc -l)"
}

@test "a kill in the midst of changes leaves whole trees, and no bytes that are nobody's" {
	"$STOREFS" config "$STORE" trash_for=0 # what is removed would have bytes, too
	local round
	helper_build treemodel
	for round in 1 2 3 4; do
		mkdir "$DIR/$round"
		helper treemodel "$DIR/$round" "$((SEED + round))" 2 1000000 2>/dev/null 3>&- &
		wait_until test -e "$DIR/$round/p1/a"
		sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
		store_kill
		wait
		"$STOREFS" check "$STORE"
		store_mount
		owned
	done
}
