#!/usr/bin/env bats
# CLASS/by: queries as directories.

load ../support/mount

setup() {
	store_new
	store_mount
	cat >"$MNT/.storefs/schema/Article.json" <<-'END'
		{"properties": {"title": "string", "status": "string", "rank": "any", "tags": "[string]", "date": "string"},
		 "indexes": {"status": "value", "rank": "value", "tags": "value", "date": "value", "any": "value",
		             "rank.lt": {"extract": "value", "from": ["date"]}}}
	END
	A=$MNT/Article
	local i
	for i in 1 2 3 4 5 6 7 8 9; do
		cat >"$A/$i.json" <<-END
			{"title": "T $i", "status": "$([ $((i % 2)) = 0 ] && echo draft || echo published)",
			 "rank": $i, "tags": ["all", "t$i"], "date": "2025-0$i-01"}
		END
	done
}

teardown() {
	store_teardown
}

# sorted DIR : its names, in order, on one line.
sorted() {
	(cd "$1" && find . -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | xargs)
}

# inorder DIR : its names as they are listed.
inorder() {
	ls -U "$1" | xargs
}

# says TEXT : the last line of errors.ndjson contains it.
says() {
	has "$(tail -n 1 "$MNT/.storefs/errors.ndjson" | jq -r .message)" "$1"
}

# put OID JSON : save through the command's door.
put() {
	"$STOREFS" put "$MNT" "Article/$1" <<<"$2"
}

@test "by lists the indexes, an index lists its keys, a key its objects" {
	is "$(sorted "$A/by")" "any date rank rank.lt status tags"
	is "$(sorted "$A/by/status")" "draft published"
	is "$(inorder "$A/by/rank")" "1 2 3 4 5 6 7 8 9"
	is "$(sorted "$A/by/status/draft")" "2.json 4.json 6.json 8.json"
	is "$(readlink "$A/by/status/draft/2.json")" "../../../2.json"
	is "$(jq -r .title "$A/by/status/draft/2.json")" "T 2"
	is "$(sorted "$A/by/tags/all" | wc -w)" 9
	absent "$A/by/status/draft/1.json" "$A/by/status/draft/2.txt" "$A/by/status/draft/nothing"
	lacks "$(ls -a "$A")" by
	lacks "$(ls -a "$A/by/status/draft")" by
}

@test "attributes are those of the objects, exact and the same after a remount" {
	local dir=$A/by/status/draft before
	is "$(stat -c '%F %s %h %a' "$dir/2.json")" "symbolic link 15 1 777"
	is "$(stat -c %y "$dir/2.json")" "$(stat -c %y "$A/2.json")"
	is "$(stat -c '%F %h' "$dir")" "directory 2"
	is "$(ls -i "$dir/2.json" | cut -d ' ' -f 1)" "$(ls -ai "$dir" | awk '$2 == "2.json" {print $1}')"
	is "$(stat -c %i "$A/by/status/draft")" "$(ls -ai "$A/by/status" | awk '$2 == "draft" {print $1}')"
	is "$(stat -c %i "$A/by/status")" "$(ls -ai "$A/by" | awk '$2 == "status" {print $1}')"
	is "$(find "$dir" -type l | wc -l)" 4
	before=$(cd "$A" && stat -c '%i %y %s' by by/status by/status/draft by/status/draft/2.json by/rank/3)
	store_remount
	is "$(cd "$A" && stat -c '%i %y %s' by by/status by/status/draft by/status/draft/2.json by/rank/3)" "$before"
}

@test "operators are the end of an index's name" {
	is "$(sorted "$A/by/rank.ge/8")" "8.json 9.json"
	is "$(sorted "$A/by/rank.gt/8")" "9.json"
	is "$(sorted "$A/by/rank.le/2")" "1.json 2.json"
	is "$(sorted "$A/by/status.ne/draft")" "1.json 3.json 5.json 7.json 9.json"
	is "$(sorted "$A/by/date.prefix/2025-03")" "3.json"
	is "$(sorted "$A/by/rank.in/2,4,77")" "2.json 4.json"
	is "$(sorted "$A/by/date.ge/2025-08")" "8.json 9.json"
	is "$(sorted "$A/by/any.missing" | wc -w)" 9
	put x '{"any": 1}'
	is "$(sorted "$A/by/any.missing" | wc -w)" 9
	is "$(sorted "$A/by/status.missing")" "x.json"
	is "$(readlink "$A/by/status.missing/x.json")" "../../x.json"
	jq -e .any "$A/by/status.missing/x.json"
}

@test "an index whose own name ends like an operator is that index" {
	is "$(sorted "$A/by/rank.lt/2025-03-01")" "3.json"
	is "$(sorted "$A/by/rank.lt.le/2025-02-01")" "1.json 2.json"
}

@test "by, sort, limit and offset in results, in any order" {
	is "$(sorted "$A/by/status/draft/by/rank.ge/5")" "6.json 8.json"
	is "$(sorted "$A/by/rank.ge/5/by/status/draft")" "6.json 8.json"
	is "$(inorder "$A/by/status/draft/sort/-rank")" "8.json 6.json 4.json 2.json"
	is "$(inorder "$A/by/status/draft/sort/rank/limit/2")" "2.json 4.json"
	is "$(inorder "$A/by/status/draft/limit/2/sort/rank")" "2.json 4.json"
	is "$(inorder "$A/by/status/draft/limit/2/offset/1/sort/-rank")" "6.json 4.json"
	is "$(inorder "$A/sort/-date/limit/3")" "9.json 8.json 7.json"
	is "$(inorder "$A/limit/2/by/status/draft/offset/3/sort/date")" "8.json"
	is "$(inorder "$A/by/status/draft/limit/0")" ""
	is "$(sorted "$A/by/status/draft/limit/18446744073709551615" | wc -w)" 4
	is "$(readlink "$A/by/status/draft/limit/2/sort/rank/2.json")" "../../../../../../../2.json"
	is "$(jq -r .title "$A/by/status/draft/limit/2/sort/rank/2.json")" "T 2"
	absent "$A/by/status/draft/sort/rank/limit/2/6.json"
}

@test "a wrong path is not there, and says why" {
	absent "$A/by/nope"
	says "class Article has no index 'nope'; it has status"
	absent "$A/by/status/draft/by/nope.ge"
	says "no index 'nope.ge'"
	absent "$A/by/rank/abc"
	says "'abc' is a string, and each key of index 'rank' is a number"
	absent "$A/by/status.ge/7"
	says "'7' is a number"
	absent "$A/by/status/\"open"
	says "must be a JSON string"
	absent "$A/by/status/draft/limit/-1"
	says "'-1' is no number"
	absent "$A/by/status/draft/limit/18446744073709551616" "$A/by/status/draft/offset/x"
	says "'x' is no number: offset/"
	absent "$A/by/status/draft/sort/nope"
	says "no index 'nope'"
	absent "$A/by/status/draft/sort/rank/sort/date"
	says "sorted already"
	local lines
	lines=$(wc -l <"$MNT/.storefs/errors.ndjson")
	absent "$A/by/.git" "$A/by/status/.hidden" "$A/by/status/draft/.git" "$A/by/status/draft/44.json"
	is "$(wc -l <"$MNT/.storefs/errors.ndjson")" "$lines"
}

@test "a key that no object has is an empty directory" {
	is "$(sorted "$A/by/status/archived")" ""
	is "$(cat "$A/by/status/archived/.count")" 0
	echo '{"status": "archived"}' >"$A/a.json"
	is "$(sorted "$A/by/status/archived")" "a.json"
	rm "$A/a.json"
	is "$(sorted "$A/by/status/archived")" ""
}

@test "results as files" {
	local dir=$A/by/status/draft/sort/rank
	is "$(cat "$dir/.count")" 4
	is "$(cat "$A/.count")" 9
	is "$(cat "$dir/.oids" | xargs)" "2 4 6 8"
	is "$(jq -r .title "$dir/.jsonl" | xargs)" "T 2 T 4 T 6 T 8"
	is "$(head -n 1 "$dir/.jsonl")" \
		'{"oid":"2","title":"T 2","status":"draft","rank":2,"tags":["all","t2"],"date":"2025-02-01"}'
	is "$(head -n 2 "$dir/.csv" | tr -d '\r' | tail -n 1)" '2,T 2,draft,2,"[""all"",""t2""]",2025-02-01'
	is "$(wc -l <"$A/.jsonl")" 9
	has "$(cat "$dir/.explain")" "read: index"
	is "$(cat "$dir/limit/1/.count")" 1
	absent "$A/.explain"
	lacks "$(ls -a "$dir")" .count
}

@test "a result has its size, as long as it is short" {
	local file
	for file in .count .oids .jsonl .csv .explain; do
		is "$(stat -c %s "$A/by/status/draft/$file")" "$(cat "$A/by/status/draft/$file" | wc -c)"
		cp "$A/by/status/draft/$file" "$BATS_TEST_TMPDIR/copy"
		same "$BATS_TEST_TMPDIR/copy" <(cat "$A/by/status/draft/$file")
	done
	rsync "$A/by/status/draft/.jsonl" "$BATS_TEST_TMPDIR/synced"
	same "$BATS_TEST_TMPDIR/synced" "$A/by/status/draft/.jsonl"
}

@test "the count of a key is an attribute" {
	is "$(getfattr --only-values -n user.storefs.count "$A/by/status/draft")" 4
	is "$(getfattr --only-values -n user.storefs.count "$A/by/status/draft/by/rank.gt/5")" 2
	is "$(getfattr --only-values -n user.storefs.count "$A/by/status/none")" 0
	refused "No such attribute" getfattr -n user.storefs.other "$A/by/status/draft"
}

@test "lines that are written into .jsonl of a class are objects" {
	cat >"$A/.jsonl" <<-'END'
		{"oid": "n1", "title": "one", "status": "new"}

		{"oid": 12, "status": "new"}
	END
	printf '{"title": "without an oid or a newline", "status": "new"}' >>"$A/.jsonl"
	is "$(cat "$A/by/status/new/.count")" 3
	is "$(jq -r .title "$A/n1.json")" one
	has "$(sorted "$A/by/status/new")" "12.json"
	# All of it again, from another store's export.
	cat "$A/.jsonl" >"$BATS_TEST_TMPDIR/all"
	mkdir "$MNT/Copy"
	cp "$BATS_TEST_TMPDIR/all" "$MNT/Copy/.jsonl"
	same <(sort "$MNT/Copy/.jsonl") <(sort "$BATS_TEST_TMPDIR/all")
}

@test "a line that is refused does not stop the others" {
	printf '{"oid":"a","status":"new"}\n{"oid":"b","title":7}\nnonsense\n{"oid":"c","status":"new"}\n' \
		>"$BATS_TEST_TMPDIR/lines"
	refused "Bad message" cp "$BATS_TEST_TMPDIR/lines" "$A/.jsonl"
	is "$(sorted "$A/by/status/new")" "a.json c.json"
	absent "$A/b.json"
	local errors
	errors=$(tail -n 2 "$MNT/.storefs/errors.ndjson" | jq -r '[.line, .message] | @text')
	has "$errors" '[2,"line 2: title: expected string, found number 7"]'
	has "$errors" '[3,"line 3: '
	refused "Bad message" bash -c 'cat >"$1" <<<"{\"oid\": \"d\", "' - "$A/.jsonl"
	says "line 1: "
}

@test "queries are only read" {
	local dir=$A/by/status/draft
	refused "Read-only file system" rm "$dir/2.json"
	says "nothing can be changed here"
	refused "Read-only file system" mv "$dir/2.json" "$A/other"
	refused "Read-only file system" mv "$A/1.json" "$dir/1.json"
	refused "Read-only file system" touch "$dir/new.json"
	refused "Read-only file system" mkdir "$A/by/new"
	refused "Read-only file system" ln -s ../../../1.json "$dir/1.json"
	refused "Read-only file system" rmdir "$dir"
	refused "Read-only file system" bash -c 'echo x >"$1"' - "$dir/.jsonl"
	refused "Read-only file system" bash -c 'echo x >"$1"' - "$A/.count"
	refused "Read-only file system" rm "$A/.jsonl"
	echo x >"$A/draft.txt"
	refused "Read-only file system" mv "$A/draft.txt" "$A/.csv"
	refused "File exists" mkdir "$A/by"
	is "$(sorted "$A" | wc -w)" 10
	# What a link leads to is the object itself.
	echo '{"status": "draft", "rank": 22}' >"$dir/2.json"
	is "$(jq .rank "$A/2.json")" 22
}

@test "what changes through any door is seen by the next look" {
	local dir=$A/by/status/draft
	is "$(sorted "$dir")" "2.json 4.json 6.json 8.json"
	sed -i 's/draft/published/' "$A/2.json"
	is "$(sorted "$dir")" "4.json 6.json 8.json"
	absent "$dir/2.json"
	put 3 '{"status": "draft"}'
	is "$(sorted "$dir")" "3.json 4.json 6.json 8.json"
	is "$(cat "$dir/3.json" | jq -r .status)" draft
	"$STOREFS" rm "$MNT" Article/4
	absent "$dir/4.json"
	is "$(cat "$dir/.count")" 3
	mv "$A/6.json" "$A/66.json"
	is "$(sorted "$dir")" "3.json 66.json 8.json"
	echo published >"$A/8/status"
	is "$(sorted "$dir")" "3.json 66.json"
	exec 7<"$dir"
	is "$(sorted "/proc/self/fd/7")" "3.json 66.json"
	rm "$A/3.json"
	is "$(sorted "/proc/self/fd/7")" "66.json"
	exec 7<&-
}

@test "listed views are a finite tree" {
	store_remount -o views=listed
	has "$(ls "$A")" by
	is "$(ls -ai "$A" | awk '$2 == "by" {print $1}')" "$(stat -c %i "$A/by")"
	lacks "$(ls "$MNT/.storefs")" by
	mkdir "$MNT/Plain"
	is "$(ls -A "$MNT/Plain")" ""
	is "$(timeout 60 find -L "$MNT" -name 2.json | wc -l)" 7
	timeout 60 grep -rq "T 2" "$MNT"
	timeout 60 du -aL "$MNT" >"$BATS_TEST_TMPDIR/du"
	is "$(find "$A" -name .count)" ""
	timeout 60 tar cf "$BATS_TEST_TMPDIR/tar" -C "$MNT" .
	refused "views" "$STOREFS" mount -o views=all "$STORE" "$MNT"
}

@test "with msgpack listed, results lead to those documents" {
	store_remount -o format=msgpack
	is "$(sorted "$A/by/status/draft")" "2.msgpack 4.msgpack 6.msgpack 8.msgpack"
	is "$(readlink "$A/by/status/draft/2.msgpack")" ../../../2.msgpack
	is "$(jq -r .title "$A/by/status/draft/2.json")" "T 2"
}

@test "raw classes have no queries, and may have files of these names" {
	class_raw Image
	absent "$MNT/Image/by" "$MNT/Image/.count"
	mkdir "$MNT/Image/by"
	echo 5 >"$MNT/Image/.count"
	is "$(ls -A "$MNT/Image" | xargs)" ".count by"
}

# block NAME : an example of the page about queries.
block() { sed -n "/<!-- example: $1 -->/,/^\`\`\`$/p" "$TREE/docs/queries.md" | sed '1,2d;$d'; }

@test "the paths of the page about queries list what it says" {
	local path want count=0
	rm -r "$MNT/Article"
	block definition >"$MNT/.storefs/schema/Article.json"
	block objects >"$MNT/Article/.jsonl"
	while IFS='|' read -r _ path want _; do
		path=$(tr -d ' `' <<<"$path")
		is "$(ls -U "$A/$path" | sed 's/\.json$//' | { [[ "$path" = *sort* ]] && cat || sort; } | xargs)" \
			"$(xargs <<<"$want")"
		count=$((count + 1))
	done < <(sed -n '/^## In a mount/,/^## /p' "$TREE/docs/queries.md" |
		sed -n '/^| path in/,/^$/p' | sed '1,2d;/^$/d')
	[ "$count" -ge 10 ]
}
