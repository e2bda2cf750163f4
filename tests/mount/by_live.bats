#!/usr/bin/env bats
# Query directories while the store changes.

load ../support/mount

setup() {
	store_new
	store_mount
	echo '{"indexes": {"status": "value"}}' >"$MNT/.storefs/schema/Article.json"
	A=$MNT/Article
}

teardown() {
	store_teardown
}

# many COUNT STATUS-OF-THE-ODD : lines of objects.
many() {
	seq 0 $(($1 - 1)) | awk -v odd="$2" '{printf "{\"oid\":\"%d\",\"status\":\"%s\"}\n", $1, $1 % 2 ? odd : "stay"}'
}

@test "10,000 objects are changed while 4 readers list and follow results" {
	many 10000 off >"$A/.jsonl"
	is "$(cat "$A/.count")" 10000
	is "$(helper livequery "$A" 10000 4)" "5000 5000 0"
}

@test "an import by the command is in the next listing" {
	many 3000 off >"$A/.jsonl"
	is "$(ls "$A/by/status/off" | wc -l)" 1500
	many 3000 on | "$STOREFS" import --replace "$MNT" Article - >/dev/null
	is "$(ls "$A/by/status/off" | wc -l)" 0
	is "$(ls "$A/by/status/on" | wc -l)" 1500
	is "$(cat "$A/by/status/on/.count")" 1500
	absent "$A/by/status/off/1.json"
	is "$(ls -L "$A/by/status/on" | wc -l)" 1500
}

@test "a part of the results is right at every moment, by listing and by name" {
	many 3000 off >"$A/.jsonl"
	local dir=$A/by/status/stay/sort/status/limit/1000 first
	is "$(ls -lU "$dir" | grep -c -- '->')" 1000
	is "$(cat "$dir/.count")" 1000
	first=$(ls -U "$dir" | head -n 1)
	[ -L "$dir/$first" ]
	rm "$A/$first"
	absent "$dir/$first"
	is "$(ls -lU "$dir" | grep -c -- '->')" 1000
	echo '{"status": "other"}' >"$A/$(ls -U "$dir" | tail -n 1)"
	is "$(find "$dir" -mindepth 1 -xtype f | wc -l)" 1000
	first=$(ls -U "$A/by/status/stay/sort/status/limit/1000/offset/1000" | head -n 1)
	absent "$dir/$first"
	[ -L "$dir/../1001/$first" ]
}

@test "a listing that is read slowly shows what matches throughout exactly once" {
	many 4000 off >"$A/.jsonl"
	local i
	{
		exec 9< <(find "$A/by/status/stay" -mindepth 1 -printf '%f\n')
		for ((i = 1; i < 400; i += 2)); do
			rm "$A/$i.json"
		done
		many 5000 stay | tail -n 1000 >"$A/.jsonl"
		sort <&9 >"$BATS_TEST_TMPDIR/names"
	}
	is "$(uniq -d "$BATS_TEST_TMPDIR/names")" ""
	is "$(seq 0 2 3999 | sed 's/$/.json/' | sort | comm -23 - "$BATS_TEST_TMPDIR/names")" ""
}

@test "an index that is being built says so, and is there when it is built" {
	many 20000 off >"$A/.jsonl"
	ls "$A/by/status/off" >/dev/null
	echo '{"indexes": {"status": "value", "later": {"extract": "value", "from": ["status"]}}}' \
		>"$MNT/.storefs/schema/Article.json"
	# Either it is not ready, and says how far it is, or it is complete.
	if ! ls "$A/by/later/off" >"$BATS_TEST_TMPDIR/list" 2>"$BATS_TEST_TMPDIR/error"; then
		has "$(cat "$BATS_TEST_TMPDIR/error")" "Resource temporarily unavailable"
		has "$(cat "$MNT/.storefs/errors.ndjson")" "index later is being built"
		is "$(ls "$A/by" | xargs)" "later status"
	fi
	ready() { [ "$(cat "$A/by/later/off/.count" 2>/dev/null)" = 10000 ]; }
	wait_until ready
	is "$(ls "$A/by/later/off" | wc -l)" 10000
	# Other indexes serve all the time.
	is "$(cat "$A/by/status/off/.count")" 10000
}
