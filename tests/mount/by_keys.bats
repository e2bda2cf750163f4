#!/usr/bin/env bats
# Keys of every awkward form as names of query directories, and paths of any depth.

load ../support/mount

setup() {
	store_new
	store_mount
	echo '{"indexes": {"k": "value", "words": {"extract": "keywords", "from": ["w"]}, ".hidden": {"extract": "value", "from": ["k"]}}}' \
		>"$MNT/.storefs/schema/Thing.json"
	T=$MNT/Thing
}

teardown() {
	store_teardown
}

# long COUNT : a text.
long() {
	printf 'x%.0s' $(seq "$1")
}

# key OID JSON : an object with this key.
key() {
	printf '{"oid":"%s","k":%s}\n' "$1" "$2" >"$T/.jsonl"
}

@test "any key is a directory that leads to its object" {
	local n=0 json name dir
	local keys=('""' '"/"' '"a/b/c"' '"."' '".."' '".count"' '"by"' '"a\nb"' '"\t"' '" "' '"%"' '"%2F"' '"100%"' '"#x"' '"~"'
		'"a,b"' '"caf\u00e9"' '"cafe\u0301"' '"\ud83d\ude00"' '"10"' '10' '10.0' '1e300' '-0.0' '0' '-5' '"null"' 'null' 'true'
		'"true"' '"\"q\""' '"["' '"[1]"' '"a\u0000b"' '"\u007f"' '"*"' '"-x"' '"$(ls)"' '99999999999999999999'
		'{"$bin":"/w=="}' '{"$bin":""}' '{"$float":"nan"}' '{"a":[1]}'
		"\"$(long 255)\"" "\"$(long 256)\"" "\"$(long 300)a\"" "\"$(long 300)b\"" "\"$(long 936)\"" "\"$(long 937)\""
		"\"$(long 65536)a\"" "\"$(long 65536)b\"" "\"/$(long 400)\"" "\"$(printf '\\u00e9%.0s' $(seq 200))\"")
	for json in "${keys[@]}"; do
		n=$((n + 1))
		key "o$n" "$json"
	done
	is "$(cat "$T/.count")" "$n"
	is "$(find "$T/by/k" -mindepth 1 -maxdepth 1 -printf x | wc -c)" "$n"
	is "$(find "$T/by/k" -mindepth 2 -type l -name '*.json' -printf x | wc -c)" "$n"
	is "$(find "$T/by/k" -mindepth 2 -printf '%f\n' | sort -u | wc -l)" "$n"
	# Names are what the inode numbers of the listing say, before and after a remount.
	find "$T/by/k" -mindepth 1 -maxdepth 1 -printf '%i %f\0' | sort -z >"$BATS_TEST_TMPDIR/one"
	ls -U "$T/by/k" >/dev/null
	store_remount
	find "$T/by/k" -mindepth 1 -maxdepth 1 -printf '%i %f\0' | sort -z >"$BATS_TEST_TMPDIR/two"
	same "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two"
	while IFS= read -r -d '' dir; do
		[ "${#dir}" -lt 4096 ]
		name=$(basename "$dir"; echo .)
		[ "$(printf '%s' "${name%??}" | LC_ALL=C wc -c)" -le 255 ] || fail "too long: $dir"
		is "$(cat "$dir/.count")" 1
	done < <(find "$T/by/k" -mindepth 1 -maxdepth 1 -print0)
}

@test "keys are named as the page says" {
	key a '"a/b"'; key b '10'; key c '"10"'; key d '""'; key e '".x"'; key f '"%2F"'; key g '"100%"'
	is "$(ls "$T/by/k/a%2Fb")" a.json
	is "$(ls "$T/by/k/10")" b.json
	is "$(ls "$T/by/k/\"10\"")" c.json
	is "$(ls "$T/by/k/\"\"")" d.json
	is "$(ls "$T/by/k/%2Ex")" e.json
	is "$(ls "$T/by/k/%252F")" f.json
	is "$(ls "$T/by/k/100%")" g.json
	is "$(ls "$T/by/k/10.0" | xargs)" ""
	is "$(ls "$T/by/k.le/10.0")" b.json
	is "$(ls "$T/by/k.in/a%2Fb,%2Ex" | xargs)" "a.json e.json"
	is "$(ls "$T/by/k.in/%252F,\"10\"" | xargs)" "c.json f.json"
	is "$(ls "$T/by/k.in/%31" | xargs)" ""
	is "$(ls "$T/by/%2Ehidden/10")" b.json
	has "$(ls "$T/by" | xargs)" "%2Ehidden k words"
	key h '"p,q"'
	is "$(ls "$T/by/k.in/p%2Cq,zz")" h.json
	is "$(ls "$T/by/k/p,q")" h.json
}

@test "a key that is too long for a name is found by its beginning and its hash" {
	local name
	key a "\"$(long 300)a\""
	key b "\"$(long 70000)b\""
	is "$(ls "$T/by/k" | wc -l)" 2
	for name in $(ls "$T/by/k"); do
		is "${#name}" 255
		[[ "$name" =~ ^x{238}~[0-9a-f]{16}$ ]]
		is "$(ls "$T/by/k/$name" | wc -l)" 1
		is "$(getfattr --only-values -n user.storefs.count "$T/by/k/$name")" 1
		# In a query of two conditions, too.
		is "$(cat "$T/by/k.ge/w/by/k/$name/.oids")" "$(basename "$(ls "$T/by/k/$name")" .json)"
	done
	is "$(ls "$T/by/k/$(long 238)~0123456789abcdef" | wc -l)" 0
	refused "File name too long" ls "$T/by/k/$(long 256)"
}

@test "many keys are listed once each, in order, while others come" {
	local i
	for i in $(seq 1000 3999); do echo "{\"oid\":\"o$i\",\"k\":\"key $i\"}"; done >"$T/.jsonl"
	is "$(ls -U "$T/by/k" | md5sum)" "$(seq -f 'key %.0f' 1000 3999 | md5sum)"
	(for i in $(seq 1 200); do echo "{\"oid\":\"n$i\",\"k\":\"key 0$i\"}"; done >"$T/.jsonl") &
	ls -U "$T/by/k" >"$BATS_TEST_TMPDIR/list"
	wait
	is "$(grep -c 'key [1-9]' "$BATS_TEST_TMPDIR/list")" 3000
	is "$(uniq -d "$BATS_TEST_TMPDIR/list")" ""
}

@test "one object with many keys" {
	jq -nc '{oid: "many", k: [range(2000)]}' >"$T/.jsonl"
	is "$(ls -U "$T/by/k" | wc -l)" 2000
	is "$(ls "$T/by/k/1999")" many.json
	is "$(cat "$T/by/k.ge/0/.count")" 1
	is "$(ls "$T/by/k.ge/0")" many.json
	rm "$T/many.json"
	is "$(ls -U "$T/by/k" | wc -l)" 0
}

@test "paths end where queries do, and where PATH_MAX does" {
	local path=$T i
	key a 1
	for i in $(seq 64); do path=$path/by/k/1; done
	is "$(ls "$path")" a.json
	is "$(jq .k "$path/a.json")" 1
	refused "File name too long" ls "$path/by/k/1"
	has "$(tail -n 1 "$MNT/.storefs/errors.ndjson")" "at most 64 conditions"
	# Deeper than a path can be, by steps.
	cd "$T"
	local eight=limit/1/limit/1/limit/1/limit/1/limit/1/limit/1/limit/1/limit/1
	for i in $(seq 15); do cd "$eight" || fail "at $i: $PWD"; done
	cd limit/1/limit/1/limit/1/limit/1/limit/1/limit/1/limit/1
	is "$(cat .count)" 1
	refused "File name too long" ls limit/1/limit/1
	has "$(tail -n 1 "$MNT/.storefs/errors.ndjson")" "at most 256 directories"
	cd /
	refused "File name too long" ls "$T/$(printf 'limit/1/%.0s' $(seq 600))"
	store_alive
}

@test "keys of a class that is removed and made again" {
	key a 1
	exec 7<"$T/by/k/1"
	rm -r "$T"
	refused "" ls -L /proc/self/fd/7/
	exec 7<&-
	mkdir "$T"
	absent "$T/by/k"
	is "$(ls "$T/by")" ""
}

@test "an index that goes away takes its directories with it" {
	key a 1
	exec 7<"$T/by/k/1"
	echo '{"indexes": {"other": {"extract": "value", "from": ["k"]}}}' >"$MNT/.storefs/schema/Thing.json"
	absent "$T/by/k" "$T/by/k/1"
	refused "" ls /proc/self/fd/7/
	exec 7<&-
	is "$(ls "$T/by")" other
	ready() { is "$(ls "$T/by/other/1" 2>/dev/null)" a.json 2>/dev/null; }
	wait_until ready
}
