#!/usr/bin/env bats
# When objects and their properties last changed, and what else user.storefs.* says of an object.

load ../support/mount
load ../support/cli

setup() {
	store_new
	store_mount
	D=$MNT/Note
	mkdir "$D"
	echo '{"title": "a", "rank": 1}' >"$D/42.json"
}

teardown() { store_teardown; }

attr() { getfattr --only-values --absolute-names -n "user.storefs.$1" "${2:-$D/42.json}"; }

# stamp PATH : its mtime as twenty digits.
stamp() { TZ=UTC date -d "@$(stat -c %.Y "$1")" +%Y%m%d%H%M%S%6N; }

# updates [FILTER] : what the command says.
updates() { "$STOREFS" get --updates "$STORE" Note/42 | jq -rc "${1:-.}"; }

@test "update times are the mtimes of the files, as twenty digits" {
	echo 2 >"$D/42/rank"
	[[ "$(attr updated)" =~ ^20[0-9]{18}$ ]]
	is "$(attr updated)" "$(stamp "$D/42.json")"
	is "$(attr updated.rank)" "$(stamp "$D/42/rank")"
	is "$(attr updated.title)" "$(stamp "$D/42/title")"
	is "$(attr updated)" "$(attr updated.rank)"
	[[ "$(attr updated.title)" < "$(attr updated.rank)" ]]
	is "$(attr updated "$D/42/title")" "$(attr updated.title)"
	is "$(attr updated "$D/42")" "$(attr updated)"
	is "$(attr updated.title "$D/42")" "$(attr updated.title "$D/42.msgpack")"
	refused "No such attribute" getfattr -n user.storefs.updated.none "$D/42.json"
	refused "No such attribute" getfattr -n user.storefs.nothing "$D/42.json"
}

@test "the command says the same, with the mount and without it" {
	is "$(updates 'keys')" '["oid","rank","title"]'
	is "$(updates .title)" "$(attr updated.title)"
	is "$(updates .oid)" "$(attr updated)"
	local before
	before=$(updates 'tostring')
	store_umount
	is "$(updates 'tostring')" "$before"
	run -10 "$STOREFS" get --updates "$STORE" Note/43
	store_mount
}

@test "only what changed gets a new time, through every door" {
	local title rank
	title=$(attr updated.title)
	rank=$(attr updated.rank)
	printf '{"rank": 1,\n"title": "a"}' >"$D/42.json"
	is "$(attr updated.title) $(attr updated.rank) $(attr updated)" "$title $rank $title"
	isnt "$(stamp "$D/42.json")" "$title"
	echo '{"title": "b", "rank": 1}' >"$D/42.json"
	is "$(attr updated.rank)" "$rank"
	isnt "$(attr updated.title)" "$title"
	title=$(attr updated.title)
	object_put Note 42 <<<'{"title": "b", "rank": 2}'
	is "$(attr updated.title)" "$title"
	isnt "$(attr updated.rank)" "$rank"
	rm "$D/42/rank"
	refused "No such attribute" getfattr -n user.storefs.updated.rank "$D/42.json"
	is "$(attr updated.title)" "$title"
	[[ "$(attr updated)" > "$title" ]]
	store_kill
	store_mount
	is "$(attr updated.title)" "$title"
}

@test "oid, type and revision can be asked for, and nothing of user.storefs can be set" {
	is "$(attr oid)" 42
	is "$(attr type)" Note
	echo '{"type": "blog.Note"}' >"$MNT/.storefs/schema/Note.json"
	is "$(attr type)" blog.Note
	local before
	before=$(attr revision)
	echo 2 >"$D/42/rank"
	[ "$(attr revision)" -gt "$before" ]
	before=$(attr revision)
	echo 2 >"$D/42/rank"
	is "$(attr revision)" "$before"
	refused "Operation not permitted" setfattr -n user.storefs.oid -v 43 "$D/42.json"
	refused "Operation not permitted" setfattr -x user.storefs.oid "$D/42.json"
}

@test "they are not listed, and programs that copy attributes copy objects" {
	is "$(getfattr -d -m - "$D/42.json")" ""
	local T=$BATS_TEST_TMPDIR/copy
	mkdir "$T"
	cp -a "$D/42.json" "$T/1.json"
	cp --preserve=all "$D/42.json" "$D/43.json"
	rsync -aX "$D/42.json" "$T/2.json"
	rsync -aX "$D/42.json" "$D/44.json"
	tar -C "$MNT" --xattrs -cf "$T/all.tar" Note
	tar -C "$T" --xattrs -xf "$T/all.tar"
	is "$(md5sum <"$T/Note/44.json")" "$(md5sum <"$D/42.json")"
}

@test "a class that warns leaves a line for what does not fit, through every way of saving" {
	echo '{"validate": "warn", "properties": {"rank": "int"}}' >"$MNT/.storefs/schema/Note.json"
	local E=$MNT/.storefs/errors.ndjson
	last() { tail -n 1 "$E" | jq -rc "$1"; }
	echo '{"rank": "x"}' >"$D/42.json"
	is "$(last '[.name, .operation, .errno]')" '["42.json","save",null]'
	has "$(last .message)" "rank: expected int, found string"
	has "$("$STOREFS" why "$D/42.json")" "rank: expected int"
	echo '{"rank": "y"}' >"$D/.tmp"
	mv "$D/.tmp" "$D/43.json"
	is "$(last '[.name, .errno]')" '["43.json",null]'
	echo z >"$D/43/rank"
	is "$(last '[.name, .oid, .errno]')" '["43/rank","43",null]'
	is "$(jq -c . "$D/43.json")" '{"rank":"z"}'
	local lines
	lines=$(wc -l <"$E")
	echo 5 >"$D/43/rank"
	is "$(wc -l <"$E")" "$lines"
}
