#!/usr/bin/env bats
# git: a work tree on the mount, and a repository elsewhere whose work tree is an object class.

load ../support/mount
load ../support/tools

setup() {
	tools_setup
	export GIT_CONFIG_GLOBAL=$HOME/gitconfig GIT_CONFIG_NOSYSTEM=1
	git config --global user.name Tester
	git config --global user.email tester@localhost
	git config --global init.defaultBranch main
	git config --global gc.auto 0
}

teardown() {
	store_teardown
}

# history DIR : a repository of three commits on two branches, made and looked at in DIR.
history() {
	git init -q "$1"
	(
		set -e
		cd "$1"
		mkdir sub
		for i in {1..20}; do printf '{"n": %s}\n' "$i" >"$i.json"; done
		head -c 200000 /dev/zero | tr '\0' x >sub/big
		printf '#!/bin/sh\necho run\n' >run.sh
		chmod +x run.sh
		ln -s run.sh link
		git add .
		git commit -qm one
		echo '{"n": "changed"}' >1.json
		git rm -q 2.json
		git mv 3.json sub/3.json
		git commit -qam two
		git checkout -q -b side HEAD~1
		echo '{"side": true}' >4.json
		git commit -qam side
		git checkout -q main
		git merge -q -m merged side
	)
}

@test "git: a work tree on the mount" {
	row data 501 git "init, add, commit, checkout, merge, gc, fsck"
	local dir
	for dir in "$MNT/Image/repo" "$MNT/Note"; do
		history "$dir"
		is "$(git -C "$dir" status --porcelain)" ""
		is "$(cat "$dir/4.json")" '{"side": true}'
		absent "$dir/2.json" "$dir/3.json"
		"$dir/run.sh" >/dev/null
		git -C "$dir" checkout -q HEAD~2
		is "$(cat "$dir/1.json")" '{"n": 1}'
		[ -e "$dir/3.json" ]
		git -C "$dir" checkout -q main
		git -C "$dir" gc -q --prune=now
		git -C "$dir" repack -adq
		is "$(git -C "$dir" fsck --full --strict 2>&1)" ""
		git clone -q "$dir" "$BATS_TEST_TMPDIR/clone"
		is "$(git -C "$BATS_TEST_TMPDIR/clone" rev-parse HEAD)" "$(git -C "$dir" rev-parse HEAD)"
		rm -rf "$BATS_TEST_TMPDIR/clone"
	done
	git clone -q "$MNT/Image/repo" "$MNT/Image/again"
	is "$(git -C "$MNT/Image/again" fsck --full 2>&1)" ""
	store_remount
	for dir in "$MNT/Image/repo" "$MNT/Note"; do
		is "$(git -C "$dir" diff-files)" ""
		is "$(git -C "$dir" status --porcelain)" ""
		is "$(git -C "$dir" fsck --full 2>&1)" ""
	done
	both "works, clean after a remount"
	note 'in an object class `.git` is a scratch folder'
	row_done
}

# outside COMMAND… : git of a repository outside the mount whose work tree is the object class.
outside() {
	git --git-dir="$BATS_TEST_TMPDIR/repo.git" --work-tree="$MNT/Note" "$@"
}

@test "git: --work-tree of an object class" {
	row data 502 git "--git-dir elsewhere, --work-tree on the class"
	local i before
	git init -q --bare "$BATS_TEST_TMPDIR/repo.git"
	git --git-dir="$BATS_TEST_TMPDIR/repo.git" config core.bare false
	for i in {1..20}; do printf '{"n": %s}\n' "$i" >"$MNT/Note/$i.json"; done
	outside add -A
	outside commit -qm one
	is "$(outside status --porcelain)" ""
	before=$(stat -c %i "$MNT/Note/2.json")
	echo '{"n": "changed"}' >"$MNT/Note/1.json"
	rm "$MNT/Note/3.json"
	echo '{}' >"$MNT/Note/new.json"
	is "$(outside status --porcelain | xargs)" "M 1.json D 3.json ?? new.json"
	outside add -A
	outside commit -qm two
	outside checkout -q HEAD~1
	is "$(jq -c . "$MNT/Note/1.json" "$MNT/Note/3.json" | xargs)" '{n:1} {n:3}'
	absent "$MNT/Note/new.json"
	outside checkout -q main
	is "$(outside status --porcelain)" ""
	outside checkout -q HEAD~1 -- 1.json
	outside reset -q --hard
	is "$(jq -c . "$MNT/Note/1.json")" '{"n":"changed"}'
	is "$(ls -A "$MNT/Note" | wc -l)" 20
	outside update-index -q --refresh
	is "$(outside diff-files)" ""
	store_remount
	# What the index knows is still true of every file: nothing is read again.
	is "$(outside diff-files)" ""
	is "$(outside status --porcelain)" ""
	is "$(stat -c %i "$MNT/Note/2.json")" "$before"
	in_objects "works, clean after a remount"
	in_raws "the same"
	note "checkout of another version removes the file first: what it changes is a new object"
	row_done
}

@test "git: a merge that conflicts is refused, and the object stays" {
	git init -q --bare "$BATS_TEST_TMPDIR/repo.git"
	git --git-dir="$BATS_TEST_TMPDIR/repo.git" config core.bare false
	echo '{"n": 1}' >"$MNT/Note/1.json"
	outside add -A
	outside commit -qm one
	outside checkout -q -b side
	echo '{"n": 2}' >"$MNT/Note/1.json"
	outside commit -qam two
	outside checkout -q main
	echo '{"n": 3}' >"$MNT/Note/1.json"
	outside commit -qam three
	run outside merge side
	isnt "$status" 0
	jq -e . "$MNT/Note/1.json" || absent "$MNT/Note/1.json"
	outside merge --abort || outside reset -q --hard
	holds "$MNT/Note/1.json" $'{"n": 3}\n'
	is "$(outside status --porcelain)" ""
}
