#!/usr/bin/env bats
# Relations as symlinks: CLASS/42/author, CLASS/42/replies/9.json, CLASS/42/.referrers/CLASS.RELATION/9.json.

load ../support/mount
load ../support/cli

setup() {
	store_new
	store_mount
	local class
	printf '{"properties": {"name": "string"}}' >"$MNT/.storefs/schema/Account.json"
	printf '{"relations": {"author": "Account", "replies": ["Comment"], "images": ["Image"], "parent": "Comment"}}' \
		>"$MNT/.storefs/schema/Comment.json"
	class_raw Image
	mkdir "$MNT/Other" "$MNT/Image/holiday"
	echo pixels >"$MNT/Image/holiday/a.jpg"
	for class in 7 8; do
		echo "{\"name\": \"n$class\"}" >"$MNT/Account/$class.json"
	done
	for class in 1 2 3 4; do
		echo "{\"text\": \"t$class\"}" >"$MNT/Comment/$class.json"
	done
	C=$MNT/Comment
	E=$MNT/.storefs/errors.ndjson
}

teardown() { store_teardown; }

doc() { jq -c "${2:-.}" "$C/$1.json"; }
last() { tail -n 1 "$E" | jq -rc "$1"; }

@test "a relation to one is a symlink that leads to the document" {
	absent "$C/1/author"
	echo '{"author": "7", "text": "x"}' >"$C/1.json"
	is "$(readlink "$C/1/author")" ../../Account/7.json
	is "$(jq -r .name "$C/1/author")" n7
	is "$(stat -c '%F %s' "$C/1/author")" "symbolic link 20"
	is "$(stat -c %Y "$C/1/author")" "$(stat -c %Y "$C/1.json")"
	is "$(ls "$C/1" | tr '\n' ' ')" "author images replies text "
	is "$(find "$C/1/" -mindepth 1 -maxdepth 1 -printf '%f%y ' | tr ' ' '\n' | sort | tr '\n' ' ')" \
		"authorl imagesd repliesd textf "
	is "$(stat -c %h "$C/1")" 4
}

@test "ln -s sets it, ln -sfn replaces it, rm clears it, and nothing else changes" {
	local text
	text=$(getfattr --only-values --absolute-names -n user.storefs.updated.text "$C/1.json")
	ln -s ../../Account/7.json "$C/1/author"
	is "$(doc 1)" '{"text":"t1","author":{"oid":"7","type":"Account"}}'
	refused "File exists" ln -s ../../Account/8.json "$C/1/author"
	ln -sfn ../../Account/8.json "$C/1/author"
	is "$(readlink "$C/1/author")" ../../Account/8.json
	is "$(doc 1 .author.oid)" '"8"'
	ln -sfn "$MNT/Account/7.json" "$C/1/author"
	is "$(readlink "$C/1/author") $(jq -r .name "$C/1/author")" "../../Account/7.json n7"
	is "$(ls -A "$C/1" | tr '\n' ' ')" "author images replies text "
	rm "$C/1/author"
	absent "$C/1/author"
	is "$(doc 1)" '{"text":"t1"}'
	is "$(getfattr --only-values --absolute-names -n user.storefs.updated.text "$C/1.json")" "$text"
}

@test "a relation to many is a directory of symlinks, in the order in which they were added" {
	is "$(ls -A "$C/1/replies")" ""
	ln -s ../../../Comment/3.json "$C/1/replies/"
	ln -s "$C/2.json" "$C/1/replies"
	ln -s ../../4.json "$C/1/replies/4.json"
	is "$(ls -U "$C/1/replies" | tr '\n' ' ')" "3.json 2.json 4.json "
	is "$(doc 1 '[.replies[].oid]')" '["3","2","4"]'
	is "$(readlink "$C/1/replies/2.json")" ../../../Comment/2.json
	is "$(cat "$C/1/replies/2.json")" '{"text": "t2"}'
	rm "$C/1/replies/3.json"
	is "$(ls -U "$C/1/replies" | tr '\n' ' ')" "2.json 4.json "
	ln -s ../../3.json "$C/1/replies/"
	is "$(doc 1 '[.replies[].oid]')" '["2","4","3"]'
	refused "File exists" ln -s ../../3.json "$C/1/replies/"
	ln -sf ../../3.json "$C/1/replies/3.json"
	is "$(ls -UA "$C/1/replies" | tr '\n' ' ')" "2.json 4.json 3.json "
	is "$(ls -i "$C/1/replies" | sort)" "$(stat -c '%i %n' "$C/1/replies"/* | sed 's/ .*\// /' | sort)"
	store_remount
	is "$(ls -U "$C/1/replies" | tr '\n' ' ')" "2.json 4.json 3.json "
}

@test "a link never leads out of its class, whatever a document says" {
	echo secret >"$BATS_TEST_TMPDIR/secret"
	local up=../../../../../../../../../../../../..$BATS_TEST_TMPDIR/secret
	echo "{\"images\": [\"$up\", \"holiday/../../secret\", \"holiday/a.jpg\", \"a\\u0000/../x\"]}" >"$C/1.json"
	local link
	for link in "$C/1/images"/*; do
		lacks "$(readlink "$link" | cut -c 1-9 --complement)" ../
	done
	is "$(ls "$C/1/images" | wc -l)" 4
	is "$(cat "$C/1/images"/* 2>/dev/null)" pixels
}

@test "raws are targets too, by their path" {
	ln -s ../../../Image/holiday/a.jpg "$C/1/images/holiday%2Fa.jpg"
	is "$(doc 1 '[.images[].oid]')" '["holiday/a.jpg"]'
	is "$(readlink "$C/1/images/holiday%2Fa.jpg")" ../../../Image/holiday/a.jpg
	is "$(cat "$C/1/images"/*)" pixels
	rm "$C/1/images"/*
	is "$(doc 1 '.images // []')" '[]'
}

@test "what refers to an object is shown, and can not be changed there" {
	ln -s ../../Account/7.json "$C/1/author"
	ln -s ../../Account/7.json "$C/2/author"
	ln -s ../../../Comment/1.json "$C/3/replies/"
	local R=$MNT/Account/7/.referrers
	is "$(ls "$R")" Comment.author
	is "$(ls "$R/Comment.author" | tr '\n' ' ')" "1.json 2.json "
	is "$(readlink "$R/Comment.author/2.json")" ../../../../Comment/2.json
	is "$(cat "$R/Comment.author/2.json" | jq -r .text)" t2
	is "$(ls "$C/1/.referrers")" Comment.replies
	is "$(ls -A "$C/4/.referrers")" ""
	is "$(ls -A "$C/4/.referrers/Comment.replies")" ""
	absent "$R/Comment.text" "$R/None.author" "$R/Comment.author/3.json"
	refused "Read-only file system" rm "$R/Comment.author/1.json"
	refused "Read-only file system" ln -s ../../../../Comment/3.json "$R/Comment.author/"
	refused "Read-only file system" mkdir "$R/Comment.other"
	rm "$C/1/author"
	is "$(ls "$R/Comment.author")" 2.json
	lacks "$(ls -A "$MNT/Account/7")" .referrers
}

@test "a target of another class, outside of the mount or in a view is refused with a sentence" {
	echo '{}' >"$MNT/Other/1.json"
	refused "Invalid argument" ln -s ../../Other/1.json "$C/1/author"
	has "$(last .message)" "leads to class Account"
	is "$(last '[.class, .name, .oid, .operation, .errno]')" '["Comment","1/author","1","symlink","EINVAL"]'
	refused "Invalid argument" ln -s /etc/passwd "$C/1/author"
	has "$(last .message)" "out of the mount"
	refused "Invalid argument" ln -s ../../../../../etc/passwd "$C/1/author"
	has "$(last .message)" "out of the mount"
	refused "Invalid argument" ln -s ../../Account/7/name "$C/1/author"
	has "$(last .message)" "neither"
	refused "Invalid argument" ln -s ../../Account "$C/1/author"
	has "$(last .message)" "directory"
	refused "Invalid argument" ln -s ../../None/1.json "$C/1/author"
	refused "Invalid argument" ln -s ../../.storefs/status "$C/1/author"
	refused "Invalid argument" ln -s ../../../Account/7.json "$C/1/replies/7.json"
	has "$(last .message)" "leads to class Comment"
	refused "Invalid argument" ln -s ../../2.json "$C/1/replies/other.json"
	has "$(last .message)" "2.json"
	refused "Read-only file system" ln -s ../../Account/7.json "$C/1/nothing"
	has "$(last .message)" "no relation"
	is "$(doc 1)" '{"text":"t1"}'
}

@test "any path that leads to the object will do" {
	ln -s ../Account/7.json "$MNT/Other/link"
	ln -s ../../Other/link "$C/1/author"
	is "$(doc 1 .author.oid)" '"7"'
	ln -s ../../Comment/1/author "$C/2/author"
	is "$(doc 2 .author.oid)" '"7"'
	ln -sfn ../../././Comment/../Account//8.msgpack "$C/2/author"
	is "$(readlink "$C/2/author")" ../../Account/8.json
	ln -s ../../Account/7/.referrers/Comment.author/1.json "$C/3/parent"
	is "$(doc 3 .parent.oid)" '"1"'
}

@test "a target that is not there is a broken link, and right when it comes" {
	ln -s ../../Account/9.json "$C/1/author"
	[ -L "$C/1/author" ]
	[ ! -e "$C/1/author" ]
	echo '{"name": "late"}' >"$MNT/Account/9.json"
	is "$(jq -r .name "$C/1/author")" late
	is "$(ls "$MNT/Account/9/.referrers")" Comment.author
	mv "$MNT/Account/9.json" "$MNT/Account/10.json"
	is "$(readlink "$C/1/author")" ../../Account/10.json
	mv "$MNT/Account" "$MNT/Person"
	printf '{"relations": {"author": "Person"}}' >"$MNT/.storefs/schema/Comment.json"
	is "$(readlink "$C/1/author")" ../../Person/10.json
}

@test "a relation is no file, and a file is no relation" {
	ln -s ../../Account/7.json "$C/1/author"
	refused "Operation not permitted" touch "$C/2/author"
	has "$(last .message)" "this is a relation"
	refused "Is a directory" rm "$C/1/replies"
	refused "Read-only file system" rmdir "$C/1/replies"
	refused "Operation not permitted" mv "$C/1/author" "$C/1/text"
	refused "Operation not permitted" mv "$C/1/text" "$C/1/parent"
	refused "Read-only file system" mkdir "$C/1/replies/sub"
	refused "Read-only file system" touch "$C/1/replies/file"
	refused "File exists" ln -sT ../../Account/7.json "$C/1/replies"
	is "$(doc 1)" '{"text":"t1","author":{"oid":"7","type":"Account"}}'
}

@test "a directory of many targets is listed whole while it is emptied" {
	jq -nc '{text: "many", replies: [range(3000) | "r\(.)"]}' >"$C/5.json"
	is "$(ls -U "$C/5/replies" | head -n 3 | tr '\n' ' ')" "r0.json r1.json r2.json "
	is "$(ls -U "$C/5/replies" | wc -l)" 3000
	is "$(ls "$C/5/replies" | sort -u | wc -l)" 3000
	is "$(find "$C/5/replies/" -type l | wc -l)" 3000
	find "$C/5/replies/" -name 'r1*' -delete
	is "$(ls "$C/5/replies" | wc -l)" 1889
	is "$(doc 5 '.replies | length')" 1889
}
