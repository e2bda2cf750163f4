#!/usr/bin/env bats
# Set-id bits go when somebody writes, truncates or gives a file away, as on any local file system:
# the set-user bit always, the set-group bit where the group may execute.

load ../support/mount

setup() {
	store_new
	store_mount
	class_raw Image
	mkdir "$MNT/Note"
	echo '{"a": 1}' >"$MNT/Note/1.json"
	echo scratch >"$MNT/Note/scratch"
	echo raw >"$MNT/Image/raw"
	head -c 100000 /dev/zero >"$MNT/Image/large"
}

teardown() {
	store_teardown
}

# without COMMAND… : by somebody who may not keep the bits, whoever runs the test.
without() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --bounding-set=-fsetid --inh-caps=-fsetid "$@"
	else
		"$@"
	fi
}

# goes COMMAND… : run with the path of each kind of file, it takes the bits; the mode alone is asked
# for, which is what the kernel thinks it knows.
goes() {
	local file
	for file in Image/raw Image/large Note/scratch Note/1.json; do
		chmod 6775 "$MNT/$file"
		is "$(stat -c %a "$MNT/$file")" 6775
		"$@" "$MNT/$file"
		is "$file $(stat -c %a "$MNT/$file")" "$file 775"
		chmod 6765 "$MNT/$file"
		"$@" "$MNT/$file"
		is "$file $(stat -c %a "$MNT/$file")" "$file 2765"
	done
}

append() { without bash -c 'printf " " >>"$1"' append "$1"; }
both_ways() { without bash -c 'printf "{" 1<>"$1"' both "$1"; }
overwrite() { without bash -c 'printf "{\"a\": 2}" >"$1"' overwrite "$1"; }
shorten() { without truncate -s 3 "$1"; }
give() { chown "$(id -u):$(id -g)" "$1"; }

@test "an append takes the set-id bits" {
	goes append
}

@test "a write through a descriptor that also reads takes them" {
	goes both_ways
}

@test "truncate and write takes them" {
	goes overwrite
}

@test "truncate alone takes them" {
	echo '{ }                                 ' >"$MNT/Note/1.json"
	goes shorten
}

@test "chown takes them, whoever does it" {
	goes give
}

@test "what took them is saved" {
	chmod 6775 "$MNT/Image/raw"
	append "$MNT/Image/raw"
	store_kill
	store_mount
	is "$(stat -c %a "$MNT/Image/raw")" 775
}

@test "who may keep them keeps them" {
	[ "$(id -u)" = 0 ] || skip "only root may keep set-id bits"
	chmod 6775 "$MNT/Image/raw" "$MNT/Note/1.json"
	echo more >>"$MNT/Image/raw"
	echo '{"a": 3}' >"$MNT/Note/1.json"
	is "$(stat -c %a "$MNT/Image/raw" "$MNT/Note/1.json" | xargs)" "6775 6775"
}

@test "a bit that is set while a file is written goes with the next write" {
	exec 7<>"$MNT/Image/raw"
	without bash -c 'printf a >&7'
	chmod 4755 "$MNT/Image/raw"
	without bash -c 'printf b >&7'
	is "$(stat -c %a "$MNT/Image/raw")" 755
	exec 7>&-
}
