#!/usr/bin/env bats
# Relations: storefs rel and storefs refs, without a mount and with one; and what saving, renaming and
# removing documents in a mount does with them.

load ../support/mount
load ../support/cli

setup() { store_new; }
teardown() { store_teardown; }

# Class $C with relations to itself, to $C-A (objects) and to $C-R (raws).
classes() {
	code 0 sfs class define "$S" "$C-A" <<<"${1:-{\}}"
	code 0 sfs class define "$S" "$C-R" <<<'{"kind": "raw"}'
	code 0 sfs class define "$S" "$C" <<<"{\"relations\": {\"author\": \"$C-A\", \"replies\": [\"¤\"], \"files\": [\"$C-R\"]}}"
	for i in 1 2 3; do
		code 0 sfs put "$S" "$C-A/$i" <<<'{}'
		code 0 sfs put "$S" "$C/$i" <<<"{\"n\": $i}"
	done
}

# refs CLASS/OID : who refers, sorted, joined by spaces.
refs() { sfs refs "$S" "$1" | tr '\t' '.' | sort | tr '\n' ' '; }
# list OID RELATION : the targets, joined by spaces.
list() { sfs rel get "$S" "$C/$1" "$2" | tr '\n' ' '; }

forms() {
	classes
	is "$(sfs rel list "$S" "$C")" "author	one	$C-A
replies	many	$C
files	many	$C-R"
	code 0 sfs rel set "$S" "$C/1" author 2
	code 0 sfs rel add "$S" "$C/1" replies 3 1 2 3
	is "$(list 1 replies)" "3 1 2 "
	is "$(sfs rel get --start 1 --limit 1 "$S" "$C/1" replies)" 1
	is "$(sfs rel one "$S" "$C/1" replies)" 3
	is "$(sfs rel one --index=-1 "$S" "$C/1" replies)" 2
	code 10 sfs rel one --index 3 "$S" "$C/1" replies
	is "$(sfs rel count "$S" "$C/1" replies)" 3
	code 0 sfs rel has "$S" "$C/1" author 2
	code 10 sfs rel has "$S" "$C/1" author 1
	is "$out$err" ""
	code 0 sfs rel has --json "$S" "$C/1" author 2
	is "$(ask .has)" true
	code 0 sfs rel get --json "$S" "$C/1" replies
	is "$(ask '[.[].oid]')" '["3","1","2"]'
	is "$(refs "$C/1")" "$C/1.replies "
	is "$(refs "$C-A/2")" "$C/1.author "
	code 0 sfs refs --json "$S" "$C-A/2"
	is "$(ask '.[0] | [.class, .oid, .relation]')" "[\"$C\",\"1\",\"author\"]"
	code 0 sfs rel remove "$S" "$C/1" replies 3 2
	is "$(list 1 replies)" "1 "
	code 0 sfs rel clear "$S" "$C/1" replies
	is "$(sfs rel count "$S" "$C/1" replies)" 0
	is "$(refs "$C/1")" ""
	code 0 sfs rel set "$S" "$C/1" author
	is "$(sfs get "$S" "$C/1" | jq -c .)" '{"n":1,"replies":[]}'
	code 0 sfs check "$S" "$C"
}
@test "rel sets, adds, removes and shows; refs says who refers" { each forms; }

refusals() {
	classes
	code 12 sfs rel set "$S" "$C/1" author 1 2
	has "$err" "relation author leads to one, and 2 targets were given"
	code 12 sfs rel add --class "$C" "$S" "$C/1" author 1
	has "$err" "relation author leads to class $C-A, not to $C"
	code 0 sfs rel add --class "$C-A" "$S" "$C/1" author 1
	code 12 sfs rel add "$S" "$C/1" author 2
	code 10 sfs rel remove "$S" "$C/1" replies 1
	has "$err" "there is no target 1 in it"
	code 10 sfs rel remove "$S" "$C/1" replies 1 2
	code 10 sfs rel add "$S" "$C/1" nothing 1
	has "$err" "has no relation nothing"
	code 10 sfs rel get "$S" "$C/1" nothing
	code 10 sfs rel add "$S" "$C/9" author 1
	code 12 sfs rel add "$S" "$C/1" replies $'\xff'
	code 2 sfs rel add --limit 3 "$S" "$C/1" replies 1
	code 2 sfs rel one --index x "$S" "$C/1" replies
	code 2 sfs refs "$S" "$C"
	code 10 sfs refs "$S" "Nobody/1"
	is "$(sfs rel count "$S" "$C/1" replies)" 0
}
@test "what a relation can not have is refused, and says why" { each refusals; }

on_remove() {
	classes '{"on_remove": "refuse"}'
	code 0 sfs rel set "$S" "$C/1" author 2
	code 0 sfs rel set "$S" "$C/2" author 2
	code 12 sfs rm "$S" "$C-A/2"
	has "$err" "2 references to it: from $C/"
	has "$err" "$C/2 (author)"
	code 0 sfs rm "$S" "$C-A/1"
	code 0 sfs class define "$S" "$C-A" <<<'{"on_remove": "clear"}'
	code 0 sfs rm "$S" "$C-A/2"
	is "$(sfs get "$S" "$C/1" | jq -c .)" '{"n":1}'
	code 0 sfs class define "$S" "$C-A" <<<'{}'
	code 0 sfs rel set "$S" "$C/1" author 3
	code 0 sfs rm "$S" "$C-A/3"
	code 0 sfs check "$S" "$C"
	has "$out" "note: $C/1: dangling: relation author leads to $C-A/3, which does not exist"
	is "$(refs "$C-A/3")" "$C/1.author "
}
@test "on_remove refuses, clears or leaves references dangling" { each on_remove; }

awkward() {
	classes
	local oid
	for oid in 'a/b' '..' 'ä 😀' $'tab\there' '%2f' '.'; do
		code 0 sfs put "$S" "$C/$oid" <<<'{}'
		code 0 sfs rel add "$S" "$C/1" replies "$oid"
		code 0 sfs refs --json "$S" "$C/$oid"
		is "$(ask '.[].oid')" 1
		code 0 sfs rel has "$S" "$C/1" replies "$oid"
	done
	code 0 sfs rel get --json "$S" "$C/1" replies
	is "$(ask '[.[].oid]')" '["a/b","..","ä 😀","tab\there","%2f","."]'
	code 0 sfs check "$S" "$C"
}
@test "targets with awkward oids" { each awkward; }

@test "documents saved in a mount keep who refers right" {
	store_mount
	S=$MNT/.storefs C=Post D=$BATS_TEST_TMPDIR
	classes
	echo '{"author": "1", "replies": ["2", "1"]}' >"$MNT/Post/1.json"
	is "$(refs Post-A/1)" "Post/1.author "
	is "$(refs Post/1)" "Post/1.replies "
	echo '{"author": {"oid": "2", "type": "Post-A"}}' >"$MNT/Post/tmp~"
	mv "$MNT/Post/tmp~" "$MNT/Post/1.json"
	is "$(refs Post-A/1)$(refs Post-A/2)$(refs Post/2)" "Post/1.author "
	# By another door: the mount shows it at once.
	code 0 sfs rel add "$S" Post/1 replies 3
	is "$(jq -c .replies[0].oid "$MNT/Post/1.json")" '"3"'
	is "$(stat -c %s "$MNT/Post/1.json")" "$(wc -c <"$MNT/Post/1.json")"
	cp -a "$MNT/Post/1.json" "$MNT/Post/4.json"
	is "$(refs Post-A/2)" "Post/1.author Post/4.author "
	rm "$MNT/Post/4.json"
	is "$(refs Post-A/2)" "Post/1.author "
	code 0 sfs check "$S"
	[[ "$out" == *"no problem"* ]] || fail "$out"
}

@test "a rename in a mount is followed by those who refer" {
	store_mount
	S=$MNT/.storefs C=Post D=$BATS_TEST_TMPDIR
	classes
	echo '{ "replies": [ "1", "2" ] }' >"$MNT/Post/2.json"
	local before
	before=$(stat -c %Y%y "$MNT/Post/2.json")
	mv "$MNT/Post/1.json" "$MNT/Post/one.json"
	is "$(jq -c '[.replies[].oid]' "$MNT/Post/2.json")" '["one","2"]'
	isnt "$(stat -c %Y%y "$MNT/Post/2.json")" "$before"
	mv "$MNT/Post/2.json" "$MNT/Post/two.json"
	is "$(jq -c '[.replies[].oid]' "$MNT/Post/two.json")" '["one","two"]'
	is "$(refs Post/two)" "Post/two.replies "
	code 0 sfs check "$S"
}

@test "rm in a mount is refused with EBUSY, and says who refers" {
	store_mount
	S=$MNT/.storefs C=Post D=$BATS_TEST_TMPDIR
	classes '{"on_remove": "refuse"}'
	code 0 sfs rel set "$S" Post/1 author 2
	refused "Device or resource busy" rm "$MNT/Post-A/2.json"
	has "$(tail -n 1 "$MNT/.storefs/errors.ndjson" | jq -r '[.class, .oid, .errno, .message] | @tsv')" \
		"Post-A	2	EBUSY	1 reference to it: from Post/1 (author)"
	# The way of an editor with backups: away, and a new one.
	mv "$MNT/Post-A/2.json" "$MNT/Post-A/2.json~"
	echo '{"n": 1}' >"$MNT/Post-A/2.json"
	is "$(refs Post-A/2)" "Post/1.author "
	rm "$MNT/Post/1.json"
	rm "$MNT/Post-A/2.json"
}
