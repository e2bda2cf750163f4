#!/usr/bin/env bats
# What the mount looks like: classes in the root, and the machinery behind one reserved name.

load ../support/mount

setup() {
	store_new
	store_mount
}

teardown() {
	store_teardown
}

# --- classes ----------------------------------------------------------------------------

@test "a new store is an empty folder" {
	run ls -A "$MNT"
	is "$status:$output" 0:
	is "$(stat -c %F "$MNT")" directory
}

@test "the root lists the classes and nothing else" {
	mkdir "$MNT/Article" "$MNT/Account"
	class_raw Image
	is "$(ls -A "$MNT" | sort | xargs)" "Account Article Image"
}

@test "mkdir makes an object class that takes documents" {
	mkdir "$MNT/Article"
	echo '{"title": "one"}' >"$MNT/Article/1.json"
	is "$(jq -r .title "$MNT/Article/1.json")" one
	is "$(ls "$MNT/Article")" 1.json
}

@test "mkdir of a class that exists says so" {
	mkdir "$MNT/Article"
	refused "File exists" mkdir "$MNT/Article"
}

@test "mkdir respects the umask and the mode that was asked for" {
	(umask 027 && mkdir "$MNT/Shared")
	mkdir -m 0700 "$MNT/Private"
	is "$(stat -c %a "$MNT/Shared" "$MNT/Private" | xargs)" "750 700"
}

@test "rmdir removes an empty class" {
	mkdir "$MNT/Article"
	rmdir "$MNT/Article"
	absent "$MNT/Article"
	is "$(ls -A "$MNT")" ""
}

@test "rmdir keeps a class that has an object" {
	mkdir "$MNT/Article"
	echo '{}' >"$MNT/Article/1.json"
	refused "Directory not empty" rmdir "$MNT/Article"
	is "$(ls "$MNT/Article")" 1.json
}

@test "rmdir keeps a class that has only a scratch file" {
	mkdir "$MNT/Article"
	echo notes >"$MNT/Article/notes.txt"
	refused "Directory not empty" rmdir "$MNT/Article"
	is "$(cat "$MNT/Article/notes.txt")" notes
}

@test "rmdir removes an empty raw class and keeps one with a directory in it" {
	class_raw Image
	mkdir "$MNT/Image/holiday"
	refused "Directory not empty" rmdir "$MNT/Image"
	rmdir "$MNT/Image/holiday"
	rmdir "$MNT/Image"
	absent "$MNT/Image"
}

@test "a class of the same name as a removed one starts empty and with a new identity" {
	mkdir "$MNT/Article"
	local ino
	ino=$(stat -c %i "$MNT/Article")
	rmdir "$MNT/Article"
	mkdir "$MNT/Article"
	isnt "$(stat -c %i "$MNT/Article")" "$ino"
	is "$(ls -A "$MNT/Article")" ""
}

@test "mv renames a class with everything in it" {
	mkdir "$MNT/Article"
	echo '{"a": 1}' >"$MNT/Article/1.json"
	echo text >"$MNT/Article/notes.txt"
	local before after
	before=$(facts "$MNT/Article" | grep -v '^|')
	mv "$MNT/Article" "$MNT/Story"
	after=$(facts "$MNT/Story" | grep -v '^|')
	absent "$MNT/Article"
	is "$(ls -A "$MNT")" Story
	is "$after" "$before"
	holds "$MNT/Story/1.json" $'{"a": 1}\n'
}

@test "a renamed class is the same after a remount" {
	mkdir "$MNT/Article"
	echo '{"a": 1}' >"$MNT/Article/1.json"
	mv "$MNT/Article" "$MNT/Story"
	local before
	before=$(facts "$MNT")
	store_remount
	is "$(facts "$MNT")" "$before"
}

@test "mv of a class onto a class that is not empty is refused" {
	mkdir "$MNT/Article" "$MNT/Story"
	echo '{}' >"$MNT/Story/1.json"
	run helper moveat replace "$MNT/Article" "$MNT/Story"
	is "$status" 1
	[[ $output == ENOTEMPTY || $output == EEXIST ]]
	is "$(ls "$MNT" | xargs)" "Article Story"
	is "$(ls "$MNT/Story")" 1.json
}

@test "a class can not be moved into a class" {
	mkdir "$MNT/Article" "$MNT/Story"
	run helper moveat replace "$MNT/Article" "$MNT/Story/Article"
	is "$status" 1
	is "$(ls "$MNT" | xargs)" "Article Story"
	is "$(ls -A "$MNT/Story")" ""
}

@test "a class keeps its mode, owner and times over a remount" {
	mkdir "$MNT/Article"
	chmod 0711 "$MNT/Article"
	touch -d '2001-02-03 04:05:06.789 UTC' "$MNT/Article"
	local before
	before=$(stat -c '%a %U %G %Y %y %i' "$MNT/Article")
	store_remount
	is "$(stat -c '%a %U %G %Y %y %i' "$MNT/Article")" "$before"
	has "$before" "711 "
	has "$before" " 981173106 "
}

# --- names of classes -------------------------------------------------------------------

@test "every class name that the rules allow can be made" {
	local name
	for name in a Z _ _x a-b a_b A9 a-- "$(printf 'x%.0s' {1..128})"; do
		mkdir "$MNT/$name"
		echo '{}' >"$MNT/$name/1.json"
		is "$(ls "$MNT/$name")" 1.json
	done
	is "$(ls -A "$MNT" | wc -l)" 9
	store_remount
	is "$(ls -A "$MNT" | wc -l)" 9
}

@test "a class name of 129 bytes is too long" {
	refused "File name too long" mkdir "$MNT/$(printf 'x%.0s' {1..129})"
	refused "File name too long" mkdir "$MNT/$(printf 'x%.0s' {1..256})"
	is "$(ls -A "$MNT")" ""
}

@test "no name outside the rules becomes a class" {
	local name
	for name in 9 9a -a .a .hidden a.b "a b" ' ' a% é $'a\nb' $'\x01' $'a\xff' "a'b" 'a"b' '*' '#' '~' a:b; do
		run mkdir -- "$MNT/$name"
		is "$status" 1
		has "$output" "Invalid argument"
	done
	is "$(ls -A "$MNT")" ""
}

@test "a class can not be renamed to a name outside the rules" {
	mkdir "$MNT/Article"
	is "$(helper moveat replace "$MNT/Article" "$MNT/two words" || true)" EINVAL
	is "$(helper moveat replace "$MNT/Article" "$MNT/$(printf 'x%.0s' {1..129})" || true)" ENAMETOOLONG
	is "$(ls -A "$MNT")" Article
}

@test "class names are bytes: case makes a difference" {
	mkdir "$MNT/Article" "$MNT/article"
	echo '{"a": 1}' >"$MNT/Article/1.json"
	is "$(ls -A "$MNT/article")" ""
	is "$(ls -A "$MNT" | wc -l)" 2
}

# --- only classes in the root -----------------------------------------------------------

@test "files, links and devices can not be made in the root" {
	mkdir "$MNT/Article"
	echo '{}' >"$MNT/Article/1.json"
	run helper save -x "$MNT/1.json" </dev/null
	lacks "$output" "open=ok"
	run ln -s Article "$MNT/link"
	is "$status" 1
	run ln "$MNT/Article/1.json" "$MNT/1.json"
	is "$status" 1
	run mkfifo "$MNT/pipe"
	is "$status" 1
	run helper moveat replace "$MNT/Article/1.json" "$MNT/1.json"
	is "$status" 1
	is "$(ls -A "$MNT")" Article
	is "$(ls -A "$MNT/Article")" 1.json
}

@test "a name that does not exist is not there" {
	refused "No such file or directory" stat "$MNT/Nothing"
	refused "No such file or directory" ls "$MNT/Nothing/"
	refused "No such file or directory" rmdir "$MNT/Nothing"
	refused "No such file or directory" cat "$MNT/Nothing/1.json"
}

# --- the machinery ----------------------------------------------------------------------

@test ".storefs is reachable by name and not listed" {
	is "$(stat -c %F "$MNT/.storefs")" directory
	run ls -A "$MNT"
	lacks "$output" .storefs
	run find "$MNT"
	is "$output" "$MNT"
	is "$(printf '%s\n' "$MNT"/.storefs/*)" "$(printf '%s\n' "$MNT"/.storefs/{README,errors.ndjson,metrics,rejected,schema,status})"
}

@test ".storefs/README is a text for a person, with its true size before it is opened" {
	local size
	size=$(stat -c %s "$MNT/.storefs/README")
	is "$(wc -c <"$MNT/.storefs/README")" "$size"
	[ "$size" -gt 200 ]
	has "$(cat "$MNT/.storefs/README")" storefs
	has "$(cat "$MNT/.storefs/README")" schema
	LC_ALL=C.UTF-8 grep -qax '.*' "$MNT/.storefs/README"
	is "$(tail -c 1 "$MNT/.storefs/README" | xxd -p)" 0a
}

@test ".storefs/status is one JSON object that says what is served" {
	mkdir "$MNT/Article"
	class_raw Image
	echo '{}' >"$MNT/Article/1.json"
	echo '{}' >"$MNT/Article/2.json"
	echo text >"$MNT/Article/note.txt"
	echo x >"$MNT/Image/a.bin"
	local status
	status=$(cat "$MNT/.storefs/status")
	is "$(jq -s length <<<"$status")" 1
	is "$(jq -r .store <<<"$status")" "$(realpath "$STORE")"
	is "$(jq -r .mountpoint <<<"$status")" "$(realpath "$MNT")"
	is "$(jq -r .owner.pid <<<"$status")" "$STORE_PID"
	is "$(jq -r .owner.uid <<<"$status")" "$(id -u)"
	is "$(jq -r .backend <<<"$status")" kv
	is "$(jq -r .format <<<"$status")" 4
	is "$(jq -r .read_only <<<"$status")" false
	is "$(jq -r .uuid <<<"$status")" "$(jq -r .uuid "$STORE/storefs.json")"
	is "$(jq -r '"\(.classes) \(.objects) \(.raws) \(.scratch)"' <<<"$status")" "2 2 1 1"
	is "$(jq -r '.version' <<<"$status")" "$("$STOREFS" version --json | jq -r .version)"
	is "$(jq '.commit >= .commit_synced and .commit > 0' <<<"$status")" true
}

@test "status through the mount and through the command agree on what both say" {
	mkdir "$MNT/Article"
	echo '{}' >"$MNT/Article/1.json"
	local both='.store, .uuid, .format, .backend, .read_only, .owner.pid, .objects, .raws, .commit'
	is "$(jq "$both" "$MNT/.storefs/status")" "$("$STOREFS" status --json "$STORE" | jq "$both")"
}

@test ".storefs/status is never stale" {
	mkdir "$MNT/Article"
	local i
	for i in 1 2 3 4 5; do
		echo "{\"n\": $i}" >"$MNT/Article/$i.json"
		is "$(jq .objects "$MNT/.storefs/status")" "$i"
	done
}

@test ".storefs/metrics is OpenMetrics text" {
	mkdir "$MNT/Article"
	cp "$MNT/.storefs/metrics" "$BATS_TEST_TMPDIR/metrics"
	is "$(tail -n 1 "$BATS_TEST_TMPDIR/metrics")" "# EOF"
	is "$(grep -c '^# EOF$' "$BATS_TEST_TMPDIR/metrics")" 1
	local name='[a-z][a-z0-9_]*' type='counter|gauge|info|histogram|summary|unknown'
	run grep -Evx -e "# (EOF|TYPE $name ($type)|HELP $name .+|UNIT $name [a-z]+)" \
		-e "storefs_$name(\{$name=\"[^\"]*\"(,$name=\"[^\"]*\")*\})? [-+0-9.e]+" \
		"$BATS_TEST_TMPDIR/metrics"
	is "$output" ""
	grep -q '^# TYPE storefs_objects gauge$' "$BATS_TEST_TMPDIR/metrics"
}

@test "each counter in .storefs/metrics ends in _total and has a type" {
	cp "$MNT/.storefs/metrics" "$BATS_TEST_TMPDIR/metrics"
	local name type
	while read -r _ _ name type; do
		case $type in
		counter) grep -q "^${name}_total[ {]" "$BATS_TEST_TMPDIR/metrics" ;;
		info) grep -q "^${name}_info[ {]" "$BATS_TEST_TMPDIR/metrics" ;;
		gauge) grep -q "^${name}[ {]" "$BATS_TEST_TMPDIR/metrics" ;;
		esac || fail "no sample for $type $name"
	done < <(grep '^# TYPE' "$BATS_TEST_TMPDIR/metrics")
}

@test ".storefs/schema lists a definition and its JSON Schema for each class" {
	mkdir "$MNT/Article"
	class_raw Image
	is "$(ls "$MNT/.storefs/schema" | xargs)" \
		"Article.json Article.schema.json Image.json Image.schema.json"
	is "$(jq -r .kind "$MNT/.storefs/schema/Article.json")" object
	is "$(jq -r .kind "$MNT/.storefs/schema/Image.json")" raw
	is "$(jq -r .type "$MNT/.storefs/schema/Article.json")" Article
	is "$(wc -c <"$MNT/.storefs/schema/Image.json")" "$(stat -c %s "$MNT/.storefs/schema/Image.json")"
}

@test "writing a definition makes the class" {
	echo '{"kind": "raw"}' >"$MNT/.storefs/schema/Image.json"
	echo '{"kind": "object", "type": "blog.Article"}' >"$MNT/.storefs/schema/Article.json"
	is "$(ls "$MNT" | xargs)" "Article Image"
	is "$(jq -r .type "$MNT/.storefs/schema/Article.json")" blog.Article
	echo '{"type": "blog.Article"}' >"$MNT/Article/1.json"
	echo 'anything' >"$MNT/Image/1.json"
	store_remount
	is "$(ls "$MNT" | xargs)" "Article Image"
	is "$(jq -r .type "$MNT/.storefs/schema/Article.json")" blog.Article
	is "$(cat "$MNT/Image/1.json")" anything
}

@test "a definition that is wrong is refused and changes nothing" {
	mkdir "$MNT/Article"
	local before text
	before=$(cat "$MNT/.storefs/schema/Article.json")
	for text in '{"kind": "nonsense"}' '{"kind": 1}' '[]' '{"kind": "object"' 'x' '{"colour": "red"}' '{"type": 1}'; do
		run helper save -t "$MNT/.storefs/schema/Article.json" <<<"$text"
		has "$output" EBADMSG
		is "$(cat "$MNT/.storefs/schema/Article.json")" "$before"
		run helper save -t "$MNT/.storefs/schema/New.json" <<<"$text"
		has "$output" EBADMSG
		wait_until absent "$MNT/.storefs/schema/New.json"
		absent "$MNT/New"
	done
}

@test "the kind of a class that is in use can not be changed" {
	mkdir "$MNT/Article"
	echo '{}' >"$MNT/Article/1.json"
	run helper save -t "$MNT/.storefs/schema/Article.json" <<<'{"kind": "raw"}'
	is "$status" 1
	is "$(jq -r .kind "$MNT/.storefs/schema/Article.json")" object
	holds "$MNT/Article/1.json" $'{}\n'
}

@test "a class that has no valid name can not be defined" {
	run helper save -t "$MNT/.storefs/schema/two words.json" <<<'{"kind": "raw"}'
	is "$status" 1
	is "$(ls -A "$MNT")" ""
	is "$(ls -A "$MNT/.storefs/schema")" ""
}

@test "nothing in .storefs can be made, removed, renamed or overwritten" {
	mkdir "$MNT/Article"
	local before
	before=$(cd "$MNT/.storefs" && find . | sort)
	run touch "$MNT/.storefs/new"
	is "$status" 1
	run mkdir "$MNT/.storefs/dir"
	is "$status" 1
	run rm -f "$MNT/.storefs/README"
	is "$status" 1
	run rm -f "$MNT/.storefs/status"
	is "$status" 1
	run rm -f "$MNT/.storefs/schema/Article.json"
	is "$status" 1
	run rmdir "$MNT/.storefs/schema"
	is "$status" 1
	run rmdir "$MNT/.storefs"
	is "$status" 1
	run rm -rf "$MNT/.storefs"
	is "$status" 1
	run helper moveat replace "$MNT/.storefs/README" "$MNT/.storefs/README2"
	is "$status" 1
	run helper moveat replace "$MNT/.storefs" "$MNT/machinery"
	is "$status" 1
	run helper save -tn "$MNT/.storefs/README" <<<text
	is "$status" 1
	run helper save -tn "$MNT/.storefs/status" <<<text
	is "$status" 1
	is "$(cd "$MNT/.storefs" && find . | sort)" "$before"
	is "$(ls "$MNT")" Article
}

@test "no class can take the reserved name" {
	mkdir "$MNT/Article"
	refused "File exists" mkdir "$MNT/.storefs"
	run helper moveat replace "$MNT/Article" "$MNT/.storefs"
	is "$status" 1
	is "$(ls "$MNT")" Article
}

@test "reading everything by name changes nothing" {
	mkdir "$MNT/Article"
	echo '{"a": 1}' >"$MNT/Article/1.json"
	local commit
	commit=$(jq .commit "$MNT/.storefs/status")
	find "$MNT" "$MNT/.storefs" -type f -exec cat {} + >/dev/null
	du -a "$MNT" "$MNT/.storefs" >/dev/null
	stat "$MNT/Article/by" "$MNT/Article/1" "$MNT/Article/.count" >/dev/null 2>&1 || true
	is "$(jq .commit "$MNT/.storefs/status")" "$commit"
}
