#!/usr/bin/env bats
# What another door changes is seen at once through the mount, however much the kernel has cached.

load ../support/mount

# With sanitizers, which are slow, fewer.
ROUNDS=${COHERENCE_ROUNDS:-150}

setup() {
	store_new
	store_mount
	mkdir "$MNT/Note"
	DIR=$MNT/Note
}

teardown() {
	store_teardown
}

# shown FILE TEXT : the document, white space aside, is this one.
shown() {
	is "$(tr -d ' \n' <"$1")" "$2"
}

@test "a changed object is seen at once: content and size" {
	local i text
	for ((i = 1; i <= ROUNDS; i++)); do
		text="{\"n\":$i,\"pad\":\"$(printf 'x%.0s' $(seq $((i * 7 % 50 + 1))))\"}"
		object_put Note 1 <<<"$text"
		shown "$DIR/1.json" "$text"
		is "$(stat -c %s "$DIR/1.json")" "$(cat "$DIR/1.json" | wc -c)"
	done
}

@test "a changed object is seen at once after it was mapped and read" {
	local i
	for ((i = 1; i <= 50; i++)); do
		object_put Note 1 <<<"{\"number\":$((100000 + i))}"
		is "$(helper mapping read "$DIR/1.json" 14 6)" $((100000 + i))
		helper repeat read "$DIR/1.json" 3
		shown "$DIR/1.json" "{\"number\":$((100000 + i))}"
	done
}

@test "a changed object is seen at once through the msgpack view" {
	local i
	for ((i = 1; i <= ROUNDS; i++)); do
		object_put Note 1 <<<"{\"n\":$((i % 100)),\"s\":\"$(printf 'x%.0s' $(seq $((i % 20 + 1))))\"}"
		is "$(head -c 4 "$DIR/1.msgpack" | xxd -p)" "82a16e$(printf %02x $((i % 100)))"
		is "$(stat -c %s "$DIR/1.msgpack")" "$(cat "$DIR/1.msgpack" | wc -c)"
	done
}

@test "a save through one view is seen at once through the other" {
	local i
	for ((i = 1; i <= ROUNDS; i++)); do
		printf '{"n": %s, "s": "%s"}' "$((i % 100))" "$(printf 'x%.0s' $(seq $((i % 20 + 1))))" >"$DIR/1.json"
		is "$(head -c 4 "$DIR/1.msgpack" | xxd -p)" "82a16e$(printf %02x $((i % 100)))"
		hex "81a16e$(printf %02x $((i % 100)))" >"$DIR/1.msgpack"
		shown "$DIR/1.json" "{\"n\":$((i % 100))}"
		is "$(stat -c %s "$DIR/1.json")" "$(cat "$DIR/1.json" | wc -c)"
	done
}

@test "a new object is seen at once after its name was looked for in vain" {
	local i
	for ((i = 1; i <= ROUNDS; i++)); do
		absent "$DIR/$i.json" "$DIR/$i.msgpack"
		object_put Note "$i" <<<"{\"n\":$i}"
		shown "$DIR/$i.json" "{\"n\":$i}"
		[ -s "$DIR/$i.msgpack" ]
	done
	is "$(ls "$DIR" | wc -l)" "$ROUNDS"
}

@test "a removed object is gone at once, from both views and from the listing" {
	local i
	for ((i = 1; i <= ROUNDS; i++)); do
		echo '{}' >"$DIR/$i.json"
		cat "$DIR/$i.json" "$DIR/$i.msgpack" >/dev/null
		object_rm Note "$i"
		absent "$DIR/$i.json" "$DIR/$i.msgpack"
	done
	is "$(ls "$DIR")" ""
}

@test "an object that comes and goes under one name is always what it is now" {
	local i
	for ((i = 1; i <= ROUNDS; i++)); do
		object_put Note 1 <<<"{\"n\":$i}"
		shown "$DIR/1.json" "{\"n\":$i}"
		object_rm Note 1
		absent "$DIR/1.json"
	done
}

@test "what one door removes the other can make again" {
	local i
	for ((i = 1; i <= ROUNDS; i++)); do
		object_put Note 1 <<<"{\"n\":$i}"
		shown "$DIR/1.json" "{\"n\":$i}"
		rm "$DIR/1.json"
		run object_get Note 1
		isnt "$status" 0
		echo "{\"n\": -$i}" >"$DIR/1.json"
		is "$(object_get Note 1)" "{\"n\": -$i}"
		object_rm Note 1
		absent "$DIR/1.json"
	done
}

@test "an import while mounted shows at once in listings, in stat and in what was missing" {
	local i
	for i in 1 2 3 4 5; do
		absent "$DIR/n${i}00.json"
		is "$(ls "$DIR" | wc -l)" $((i * 100 - 100))
		seq $((i * 100 - 99)) $((i * 100)) | sed 's/.*/{"oid": "n&", "round": '"$i"'}/' |
			"$STOREFS" import "$STORE" Note - >/dev/null
		is "$(ls "$DIR" | wc -l)" $((i * 100))
		is "$(jq .round "$DIR/n${i}00.json")" "$i"
	done
	seq 1 500 | sed 's/.*/{"oid": "n&", "round": "all of them are longer now"}/' |
		"$STOREFS" import --replace "$STORE" Note - >/dev/null
	is "$(cat "$DIR"/*.json | jq -r .round | sort | uniq -c | xargs)" "500 all of them are longer now"
}

@test "a class that the command makes or removes is seen at once" {
	local i
	for i in {1..20}; do
		absent "$MNT/Class$i"
		echo '{"oid": "1"}' | "$STOREFS" import "$STORE" "Class$i" - >/dev/null
		is "$(ls "$MNT/Class$i")" 1.json
		[ -f "$MNT/.storefs/schema/Class$i.json" ]
	done
	is "$(ls "$MNT" | wc -l)" 21
}

@test "the mtime of a class moves with every change by the command" {
	local before after
	touch -d '2020-01-01 UTC' "$DIR"
	object_put Note 1 <<<'{}'
	[ "$(stat -c %Y "$DIR")" -gt 1577836800 ]
	touch -d '2020-01-01 UTC' "$DIR"
	object_rm Note 1
	[ "$(stat -c %Y "$DIR")" -gt 1577836800 ]
}

@test "a descriptor that was open before a change reads one version, never a mixture" {
	local i
	for ((i = 1; i <= 30; i++)); do
		object_put Note 1 <<<"{\"a\": [$(yes 1, | head -n 3000)1]}"
		exec 7<"$DIR/1.json"
		head -c 100 <&7 >"$BATS_TEST_TMPDIR/seen"
		object_put Note 1 <<<"{\"a\": [$(yes 2, | head -n 3000)2]}"
		cat <&7 >>"$BATS_TEST_TMPDIR/seen"
		exec 7<&-
		is "$(jq -c '.a | unique | length' "$BATS_TEST_TMPDIR/seen")" 1
		is "$(jq -c '.a | unique' "$DIR/1.json")" "[2]"
	done
}

# torn WRITER : while that function makes versions, four readers at once see whole ones only.
torn() {
	local pids=() pid piece failed=0
	helper_build readers
	object_put Note 1 <<<'{"a": [0, 0]}'
	for piece in 1024 4096 65536 65536; do
		helper readers "$DIR/1.json" "$BATS_TEST_TMPDIR/stop" "$piece" 2>>"$BATS_TEST_TMPDIR/said" &
		pids+=($!)
	done
	"$1" || failed=1
	touch "$BATS_TEST_TMPDIR/stop"
	for pid in "${pids[@]}"; do
		wait "$pid" || failed=1
	done
	[ "$failed" = 0 ] || fail "$(cat "$BATS_TEST_TMPDIR/said")"
	is "$(jq -c '.a | unique' "$DIR/1.json")" "[$ROUNDS]"
}

# numbered N : a document that says N, of a length that goes up and down.
numbered() {
	printf '{"a": ['
	yes "$1," | head -n $(($1 * 13 % 400 + 1))
	printf '%s]}\n' "$1"
}

@test "many readers see no torn version while the command writes" {
	writer() {
		for ((i = 1; i <= ROUNDS; i++)); do
			numbered "$i" | object_put Note 1
		done
	}
	torn writer
}

@test "many readers see no torn version while a program writes through the mount" {
	writer() {
		for ((i = 1; i <= ROUNDS; i++)); do
			numbered "$i" | dd of="$DIR/1.json" bs=65536 iflag=fullblock status=none
		done
	}
	torn writer
}

@test "many readers see no torn version while temporary files are renamed onto the object" {
	writer() {
		for ((i = 1; i <= ROUNDS; i++)); do
			numbered "$i" >"$DIR/tmp"
			mv "$DIR/tmp" "$DIR/1.json"
		done
	}
	torn writer
}

@test "many readers see no torn version while the other view is written" {
	writer() {
		for ((i = 1; i <= ROUNDS; i++)); do
			numbered "$i" | object_put Note 2
			cat "$DIR/2.msgpack" >"$DIR/1.msgpack"
		done
	}
	torn writer
}

@test "a raw that the command removes or replaces is seen at once" {
	class_raw Image
	local i
	for i in {1..40}; do
		absent "$MNT/Image/a"
		printf 'version %s' "$i" | object_put Image a
		is "$(cat "$MNT/Image/a")" "version $i"
		printf 'v%s' "$i" | object_put Image a
		is "$(cat "$MNT/Image/a")" "v$i"
		is "$(stat -c %s "$MNT/Image/a")" "$(printf 'v%s' "$i" | wc -c)"
		object_rm Image a
		absent "$MNT/Image/a"
	done
}
