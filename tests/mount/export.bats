#!/usr/bin/env bats
# .storefs/export: objects at a depth, as files that are only read.

load ../support/mount

setup() {
	store_new
	store_mount
	printf '{"type":"blog.User","properties":{"name":"string"},"relations":{"friend":"\xc2\xa4"}}' >"$MNT/.storefs/schema/User.json"
	echo '{"name":"ann","friend":"b"}' >"$MNT/User/a.json"
	echo '{"name":"bob","friend":"a"}' >"$MNT/User/b.json"
	EXPORT=$MNT/.storefs/export
}

teardown() {
	store_teardown
}

@test "an object is there at depth 0, 1 and 2" {
	is "$(jq -c keys "$EXPORT/0/User/a.json")" '["oid","type","updates"]'
	is "$(jq -c 'del(.updates)' "$EXPORT/1/User/a.json")" \
		'{"oid":"a","type":"blog.User","name":"ann","friend":[{"oid":"b","type":"blog.User"}]}'
	is "$(jq -c '.friend[0]|[.name,.friend]' "$EXPORT/2/User/a.json")" \
		'["bob",[{"oid":"a","type":"blog.User"}]]'
	same "$EXPORT/2/User/a.json" <("$STOREFS" get --depth 2 "$MNT" User/a)
}

@test "size and time are right at each look" {
	local depth
	for depth in 0 1 2; do
		is "$(stat -c %s "$EXPORT/$depth/User/a.json")" "$(cat "$EXPORT/$depth/User/a.json" | wc -c)"
	done
	is "$(stat -c %y "$EXPORT/1/User/a.json")" "$(stat -c %y "$MNT/User/a.json")"
	echo '{"name":"robert","friend":"a"}' >"$MNT/User/b.json"
	is "$(jq -r '.friend[0].name' "$EXPORT/2/User/a.json")" robert
	is "$(stat -c %s "$EXPORT/2/User/a.json")" "$(cat "$EXPORT/2/User/a.json" | wc -c)"
	is "$(stat -c %y "$EXPORT/2/User/a.json")" "$(stat -c %y "$MNT/User/b.json")"
	is "$(stat -c %y "$EXPORT/1/User/a.json")" "$(stat -c %y "$MNT/User/a.json")"
	local before
	before=$(stat -c %i "$EXPORT/2/User/a.json")
	store_remount
	is "$(stat -c %i "$EXPORT/2/User/a.json")" "$before"
}

@test "depths, classes and objects are listed, but not the machinery itself" {
	class_raw Image
	lacks "$(ls "$MNT/.storefs")" export
	is "$(ls "$EXPORT" | xargs)" "0 1 2"
	is "$(ls "$EXPORT/1" | xargs)" "User"
	is "$(ls "$EXPORT/1/User" | xargs)" "a.json b.json"
	is "$(find "$EXPORT" -type f | wc -l)" 6
	is "$(ls -i "$EXPORT/1/User/a.json" | cut -d ' ' -f 1)" "$(stat -c %i "$EXPORT/1/User/a.json")"
	is "$(ls -ai "$EXPORT/1/User" | awk '$2 == "a.json" {print $1}')" "$(stat -c %i "$EXPORT/1/User/a.json")"
	absent "$EXPORT/3" "$EXPORT/1/None" "$EXPORT/1/User/c.json" "$EXPORT/1/User/a" "$EXPORT/1/Image"
	local oid
	oid=$(printf 'x%.0s' {1..300})
	"$STOREFS" put "$MNT" "User/$oid" <<<'{}'
	is "$(cat "$EXPORT"/1/User/x*.json | jq -r .oid)" "$oid"
}

@test "exports are only read" {
	refused "Read-only file system" rm "$EXPORT/1/User/a.json"
	refused "Read-only file system" touch "$EXPORT/1/User/c.json"
	refused "Read-only file system" mkdir "$EXPORT/3"
	refused "Read-only file system" bash -c 'echo x >"$1"' - "$EXPORT/1/User/a.json"
	refused "Read-only file system" mv "$EXPORT/1/User/a.json" "$EXPORT/1/User/b.json"
	is "$(ls "$MNT/User" | xargs)" "a.json b.json"
	rm "$MNT/User/a.json"
	absent "$EXPORT/1/User/a.json"
}
