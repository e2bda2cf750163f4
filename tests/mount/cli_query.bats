#!/usr/bin/env bats
# storefs query, index and reindex: without a mount and with one.

load ../support/mount
load ../support/cli

setup() { store_new; }
teardown() { store_teardown; }

# The n-th block of the page that is marked with a name.
block() { sed -n "/<!-- example: $1 -->/,/^\`\`\`$/p" "$TREE/docs/queries.md" | sed '1,2d;$d'; }

articles() {
	block definition | sfs class define "$S" "$C"
	block objects >"$D/objects.jsonl"
	code 0 sfs import "$S" "$C" "$D/objects.jsonl"
}

# Rows of a section, "example TAB result": the last two cells of its table.
rows() {
	sed -n "/^## $1/,/^## /p" "$TREE/docs/queries.md" | awk -F'|' '
		function cell(text) { return match(text, /`.*`/) ? substr(text, RSTART + 1, RLENGTH - 2) : "" }
		/^[|]/ && cell($(NF - 2)) != "" {
			result = $(NF - 1); gsub(/^ +| +$/, "", result)
			print cell($(NF - 2)) "\t" result }'
}

page_is_true() {
	local arguments wanted n=0
	articles
	while IFS=$'\t' read -r arguments wanted; do
		code 0 sfs query "$S" "$C" "$arguments"
		is "$arguments: $(sort <<<"$out" | xargs)" "$arguments: $wanted"
		code 0 sfs query --count "$S" "$C" "$arguments"
		is "$out" "$(wc -w <<<"$wanted")"
		n=$((n + 1))
	done < <(rows Conditions)
	[ "$n" -ge 17 ] || fail "only $n conditions"
	n=0
	while IFS=$'\t' read -r arguments wanted; do
		# shellcheck disable=SC2086 # several words
		code 0 sfs query "$S" "$C" $arguments
		is "$arguments: $(tr -d '\r' <<<"$out" | xargs)" "$arguments: $wanted"
		n=$((n + 1))
	done < <(rows 'Order and window' && rows Results)
	[ "$n" -ge 11 ] || fail "only $n rows"
}
@test "every example of the page about queries is true" { each page_is_true; }

forms_of_output() {
	articles
	code 0 sfs query "$S" "$C" status=draft --sort date --json
	is "$(ask 'map([.oid,.title])')" '[["5","Old news"],["3","A draft"]]'
	code 0 sfs query "$S" "$C" status=nothing --json
	is "$(ask .)" '[]'
	code 0 sfs query "$S" "$C" --sort rank --jsonl
	is "$(jq -r .oid <<<"$out" | xargs)" "5 1 3 2 4"
	code 0 sfs query "$S" "$C" rank=1 --csv
	is "$(tr -d '\r' <<<"$out")" $'oid,title,status,date,rank,tags\n1,Hello World,published,2025-01-10,1,"[""a"",""b""]"'
	code 0 sfs query "$S" "$C" status=nothing --csv
	is "$(tr -d '\r' <<<"$out")" oid
	code 0 sfs query "$S" "$C" 'words=hello status=draft' --explain
	has "$out" "read: index"
	has "$out" "entries: about 2 are read"
	code 0 sfs index keys "$S" "$C" tags
	is "$out" $'2\ta\n2\tb\n1\tc'
	code 0 sfs index keys --json --reverse --limit 1 "$S" "$C" rank
	is "$(ask '.[]')" '{"key":"\"10\"","count":1}'
	code 0 sfs index keys --json-order "$S" "$C" rank
	is "$(cut -f2 <<<"$out" | xargs)" "10 -3 1 10 2.5"
	code 0 sfs index list --json "$S" "$C"
	is "$(ask 'map(select(.index == "tags"))[0] | [.state,.keys,.entries,.missing]')" '["ready",3,5,2]'
}
@test "results come as oids, JSON, records, CSV and numbers" { each forms_of_output; }

wrong_questions() {
	articles
	code 10 sfs query "$S" "$C" nothing=1
	has "$err" "there is no index nothing"
	code 10 sfs query "$S" "$C" --sort nothing
	code 10 sfs query "$S" "$C" --facets nothing
	code 10 sfs query "$S" Nobody
	code 2 sfs query "$S" "$C" status
	has "$err" "at character 7: expected ="
	code 2 sfs query "$S" "$C" 'status="draft'
	code 2 sfs query "$S" "$C" status.missing=1
	code 2 sfs query "$S" "$C" --limit -1
	code 2 sfs query "$S" "$C" --limit many
	code 2 sfs query "$S" "$C" --json --csv
	code 0 sfs query "$S" "$C" --limit 18446744073709551615 --offset 18446744073709551615
	is "$out" ""
	code 10 sfs reindex "$S" "$C.nothing"
	code 10 sfs reindex "$S" Nobody
	code 10 sfs reindex "$S" "$C" Nobody
	is "$out" ""
	code 10 sfs reindex "$S" "$C" "$C.nothing"
	is "$out" ""
	has "$err" "there is no index nothing"
	code 10 sfs index keys "$S" "$C" nothing
}
@test "a wrong question is refused with a sentence" { each wrong_questions; }

awkward_keys() {
	articles
	code 0 sfs put "$S" "$C/6" <<<'{"status": "a\nb\u001b[31m", "date": "x"}'
	has "$(sfs index keys "$S" "$C" status)" $'1\t"a\\nb\\u001b[31m"'
	has "$(sfs query "$S" "$C" --facets status)" $'1\t"a\\nb\\u001b[31m"'
	has "$(sfs query "$S" "$C" date=x --facets status)" $'1\t"a\\nb\\u001b[31m"'
	is "$(sfs query "$S" "$C" 'status="a\nb\u001b[31m"')" 6
}
@test "keys with control characters are printed as JSON, and found by it" { each awkward_keys; }

changes_are_found() {
	articles
	code 0 sfs put "$S" "$C/6" <<<'{"status": "draft", "date": "2030"}'
	is "$(sfs query "$S" "$C" status=draft --sort -date | xargs)" "6 3 5"
	code 0 sfs rm "$S" "$C/3"
	is "$(sfs query "$S" "$C" status=draft --sort -date | xargs)" "6 5"
	code 0 sfs reindex --json "$S" "$C"
	is "$(ask 'length')" 5
	is "$(sfs query "$S" "$C" status=draft --sort -date | xargs)" "6 5"
	code 0 sfs check "$S" "$C"
	sfs class show "$S" "$C" | jq '.indexes |= {status: "value:rank", date}' >"$D/new.json"
	code 0 sfs class define "$S" "$C" "$D/new.json"
	is "$(sfs query "$S" "$C" status=10)" 2
	code 10 sfs query "$S" "$C" words=hello
	code 0 sfs check "$S" "$C"
}
@test "what changes is found at once, also under a new definition" { each changes_are_found; }

@test "an index that is added to many objects without a mount is there when the command ends" {
	seq 5000 | sed 's/.*/{"oid": "o&", "rank": &}/' >"$BATS_TEST_TMPDIR/many"
	"$STOREFS" import -q "$STORE" Note "$BATS_TEST_TMPDIR/many" >/dev/null
	echo '{"indexes": {"rank": "value"}}' | "$STOREFS" class define "$STORE" Note
	is "$("$STOREFS" query --count "$STORE" Note 'rank>4990')" 10
}

@test "what is written to the mount is found by the next query" {
	S=$STORE C=Note D=$BATS_TEST_TMPDIR/d
	mkdir -p "$D"
	store_mount
	echo '{"indexes": {"n": "value"}}' >"$MNT/.storefs/schema/Note.json"
	local i
	for i in {1..20}; do echo "{\"n\": $((i % 4))}" >"$MNT/Note/$i.json"; done
	is "$(sfs query "$MNT" Note n=3 | sort -n | xargs)" "3 7 11 15 19"
	mv "$MNT/Note/3.json" "$MNT/Note/33.json"
	echo '{"n": 1}' >"$MNT/Note/7.json"
	rm "$MNT/Note/11.json"
	is "$(sfs query "$MNT" Note n=3 | sort -n | xargs)" "15 19 33"
	store_umount
	is "$(sfs query "$STORE" Note n=3 | sort -n | xargs)" "15 19 33"
	code 0 sfs check "$STORE"
}
