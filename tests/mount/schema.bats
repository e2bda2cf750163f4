#!/usr/bin/env bats
# Definitions of classes in the tree, documents that must fit them, and objects under new oids.

load ../support/mount

setup() {
	store_new
	store_mount
}

teardown() {
	store_teardown
}

define() { # CLASS, text on stdin
	cat >"$MNT/.storefs/schema/$1.json"
}

@test "a definition is read back as it was written, and takes effect at once" {
	local text=$'{"properties":\n  {"n": "int:0-100"} }'
	printf '%s' "$text" | define Note
	holds "$MNT/.storefs/schema/Note.json" "$text"
	run helper save -t "$MNT/Note/1.json" <<<'{"n": 101}'
	has "$output" EBADMSG
	absent "$MNT/Note/1.json"
	echo '{"n": 100}' >"$MNT/Note/1.json"
	store_remount
	holds "$MNT/.storefs/schema/Note.json" "$text"
	run helper save -t "$MNT/Note/1.json" <<<'{"n": "x"}'
	has "$output" EBADMSG
	holds "$MNT/Note/1.json" $'{"n": 100}\n'
	echo '{"n": "x"}' >"$MNT/Note/tmp"
	run mv "$MNT/Note/tmp" "$MNT/Note/1.json"
	is "$status" 1
	holds "$MNT/Note/1.json" $'{"n": 100}\n'
}

@test "what is written is read back, whatever the definition says about order" {
	define Note <<<'{"properties": {"a": "int"}, "relations": {"up": "Note"}}'
	echo '{ "up": "1", "b": 1, "a": 2 }' >"$MNT/Note/1.json"
	holds "$MNT/Note/1.json" $'{ "up": "1", "b": 1, "a": 2 }\n'
	printf '\x82\xa1b\x01\xa1a\x02' >"$MNT/Note/2.msgpack"
	is "$(jq -c . "$MNT/Note/2.json")" '{"a":2,"b":1}'
}

@test "a document that lost unknown properties is read back in canonical form" {
	define Note <<<'{"properties": {"a": "int"}, "extra": "drop"}'
	echo '{"x": 1, "a": 2}' >"$MNT/Note/1.json"
	holds "$MNT/Note/1.json" $'{\n  "a": 2\n}\n'
	is "$(stat -c %s "$MNT/Note/1.json")" 13
}

@test "objects that no longer fit are read as before, and listed by check" {
	mkdir "$MNT/Note"
	echo '{"n": "x"}' >"$MNT/Note/1.json"
	define Note <<<'{"properties": {"n": "int"}}'
	holds "$MNT/Note/1.json" $'{"n": "x"}\n'
	mv "$MNT/Note/1.json" "$MNT/Note/2.json"
	holds "$MNT/Note/2.json" $'{"n": "x"}\n'
	run "$STOREFS" check "$MNT" Note
	is "$status" 14
	has "$output" 'problem: Note/2: schema: n: expected int, found string "x"'
}

@test "the JSON Schema of a class is beside its definition, and only read" {
	define Note <<<'{"properties": {"n": "int:0-100"}}'
	is "$(ls "$MNT/.storefs/schema" | xargs)" "Note.json Note.schema.json"
	is "$(jq -c .properties.n.anyOf[0] "$MNT/.storefs/schema/Note.schema.json")" \
		'{"type":"integer","minimum":0,"maximum":100}'
	is "$(wc -c <"$MNT/.storefs/schema/Note.schema.json")" "$(stat -c %s "$MNT/.storefs/schema/Note.schema.json")"
	is "$(stat -c %a "$MNT/.storefs/schema/Note.schema.json")" 444
	run helper save -t "$MNT/.storefs/schema/Note.schema.json" <<<'{}'
	is "$status" 1
	run helper save -t "$MNT/.storefs/schema/Other.schema.json" <<<'{}'
	is "$status" 1
	absent "$MNT/.storefs/schema/Other.schema.json"
}

@test "writing .new makes an object, and reading it gives its name" {
	mkdir "$MNT/Note"
	local first second
	cd "$MNT/Note"
	is "$(cat .new)" ""
	echo '{"n": 1}' >.new
	first=$(cat .new)
	[[ "$first" =~ ^[0-9A-Za-z-]{24}\.json$ ]] || fail "$first"
	holds "$first" $'{"n": 1}\n'
	cp "$first" .new
	second=$(<.new)
	[ "$first" != "$second" ] || fail "one name for two"
	holds "$second" $'{"n": 1}\n'
	echo '{"n": 3}' >>.new
	is "$(jq -c .n "$(cat .new)")" 3
	is "$(ls -A | wc -l)" 3
	is "$(stat -c %s .new)" 30
	cd "$BATS_TEST_TMPDIR"
}

@test "a text that .new refuses makes nothing" {
	mkdir "$MNT/Note"
	run helper save -t "$MNT/Note/.new" <<<'[1]'
	has "$output" EBADMSG
	is "$(cat "$MNT/Note/.new")" ""
	is "$(ls -A "$MNT/Note")" ""
}

@test "a file that is moved to .new becomes an object" {
	define Note <<<'{"oid": "uuid"}'
	echo '{"n": 1}' >"$MNT/Note/draft"
	mv "$MNT/Note/draft" "$MNT/Note/.new"
	absent "$MNT/Note/draft"
	echo '{"n": 2}' >"$BATS_TEST_TMPDIR/draft"
	cp -p "$BATS_TEST_TMPDIR/draft" "$MNT/Note/.new"
	is "$(jq -c .n "$MNT/Note/$(cat "$MNT/Note/.new")")" 2
	is "$(ls -A "$MNT/Note" | wc -l)" 2
	has "$(cat "$MNT/Note/.new")" "-4"
}

@test ".new can not be removed, renamed or made" {
	mkdir "$MNT/Note"
	for what in "rm -f $MNT/Note/.new" "mv $MNT/Note/.new $MNT/Note/x" "mkdir $MNT/Note/.new" \
		"ln -s x $MNT/Note/.new" "truncate -s 5 $MNT/Note/.new.x/.new" "chmod 600 $MNT/Note/.new"; do
		run $what
		[ "$status" -ne 0 ] || fail "$what"
	done
	is "$(ls -A "$MNT/Note")" ""
}

@test "scripts side by side read the names of their own objects" {
	mkdir "$MNT/Note"
	local i
	for i in 1 2 3 4; do
		bash -c 'cd "$1"; for n in {1..20}; do
			echo "{\"by\": $2, \"n\": $n}" >.new
			[ "$(jq -c "[.by,.n]" "$(cat .new)")" = "[$2,$n]" ] || exit 1
		done' - "$MNT/Note" "$i" 3>&- &
	done
	for i in 1 2 3 4; do wait -n || fail "a script read another's name"; done
	is "$(ls "$MNT/Note" | wc -l)" 80
}

@test "every row of the page about classes is true" {
	local page=$TREE/docs/classes.md notation good bad n=0
	sed -n '/<!-- example: definition -->/,/^```$/p' "$page" | sed '1,2d;$d' >"$BATS_TEST_TMPDIR/def.json"
	define Article <"$BATS_TEST_TMPDIR/def.json"
	same "$MNT/.storefs/schema/Article.json" "$BATS_TEST_TMPDIR/def.json"
	while IFS=$'\t' read -r notation good bad; do
		jq -n --arg t "$notation" '{properties: {p: $t}}' | define "T$n"
		echo "{\"p\": $good}" >"$MNT/T$n/1.json" || fail "$notation refuses $good"
		if [ -n "$bad" ]; then
			run helper save -t "$MNT/T$n/2.json" <<<"{\"p\": $bad}"
			has "$output" EBADMSG
		fi
		n=$((n + 1))
	done < <(sed -n '/^## Types/,/^A class in/p' "$page" | sed 's/\\|/\x01/g' | awk -F'|' '
		function cell(text) { return match(text, /`.*`/) ? substr(text, RSTART + 1, RLENGTH - 2) : "" }
		/^[|] `/ && cell($4) != "" { row = cell($2) "\t" cell($4) "\t" cell($5); gsub(/\001/, "|", row); print row }')
	[ "$n" -ge 30 ] || fail "only $n rows"
}

@test "every object form and the raw class of the page about classes can be defined" {
	local page=$TREE/docs/classes.md form n=0
	sed -n '/<!-- example: raw class -->/,/^```$/p' "$page" | sed '1,2d;$d' | define Picture
	echo hi >"$MNT/Picture/a"
	setfattr -n user.width -v 1920 "$MNT/Picture/a"
	refused "Invalid argument" setfattr -n user.width -v wide "$MNT/Picture/a"
	while IFS= read -r form; do
		jq -n --argjson t "$form" '{properties: {p: $t}}' | define "F$n"
		is "$(jq -c .properties.p "$MNT/.storefs/schema/F$n.json")" "$(jq -c . <<<"$form")"
		n=$((n + 1))
	done < <(sed -n '/^| object form/,/^## /p' "$page" | sed -n 's/^| `\({.*}\)` |.*/\1/p')
	[ "$n" = 7 ] || fail "$n forms"
}
