#!/usr/bin/env bats
# Earlier versions of objects, and the settings that say how many.

load ../support/mount
load ../support/cli

setup() { store_new; }
teardown() { store_teardown; }

settings_are_shown_and_changed() {
	is "$(sfs config "$S" history history_for)" "history=10
history_for=7d"
	is "$(sfs config "$S" history=3 history_for=36h)" "history=3
history_for=36h"
	is "$(sfs config "$S" history)" "history=3"
	is "$(sfs config --json "$S" | jq -c '[.history, .history_for]')" '[3,129600]'
	code 2 sfs config "$S" nosuch
	has "$err" "'nosuch' is no setting"
	code 2 sfs config "$S" history_for=2d history=101
	has "$err" "history: expected 0 to 100, got 101"
	is "$(sfs config "$S" history_for)" "history_for=36h"
	sfs config "$S" history=10 history_for=7d
}

@test "settings are shown and changed, with and without a mount" {
	each settings_are_shown_and_changed
}

# each_state : every state becomes a version, however brief.
each_state() { sfs config "$STORE" history_every=0 >/dev/null; }

# H OID [N] : the versions of an object; the path of the N-th, the oldest is 1.
H() {
	local all=("$MNT/.storefs/history/Note/$1"/*.json)
	echo "${all[$(($2 - 1))]}"
}
count() { find "$MNT/.storefs/history/Note/$1" -type f | wc -l; }

@test "every way of saving leaves the version before, byte for byte" {
	each_state
	store_mount
	mkdir "$MNT/Note"
	local f=$MNT/Note/1.json
	echo '{"a": 1}' >"$f"
	echo '{"a": 2}' >"$f" # cut and written
	printf ' \n' >>"$f"
	sed -i 's/2/3/' "$f" # a temporary file, renamed
	jq -c '.a = 4' "$f" >"$MNT/Note/t.tmp"
	mv "$MNT/Note/t.tmp" "$f"
	echo 5 >"$MNT/Note/1/a" # a field
	mv "$f" "$f~"           # as vi does with a backup file
	echo '{"a": 6}' >"$f"
	is "$(count 1)" 6
	holds "$(H 1 1)" $'{"a": 1}\n'
	holds "$(H 1 2)" $'{"a": 2}\n'
	holds "$(H 1 3)" $'{"a": 2}\n \n'
	holds "$(H 1 4)" $'{"a": 3}\n \n'
	holds "$(H 1 5)" $'{"a":4}\n'
	is "$(jq .a "$(H 1 6)")" 5
	rm "$f"
	is "$(count 1)" 7
	store_umount
	code 0 sfs check "$STORE"
}

@test "a version is a file: size, time, mode, owner, number; and cannot be changed" {
	each_state
	store_mount
	mkdir "$MNT/Note"
	echo '{"a": "one"}' >"$MNT/Note/1.json"
	chmod 640 "$MNT/Note/1.json"
	local saved number v
	saved=$(stat -c %.6Y "$MNT/Note/1.json")
	echo '{}' >"$MNT/Note/1.json"
	v=$(H 1 1)
	is "$(stat -c '%s %a %F' "$v")" "13 440 regular file"
	is "$(stat -c %.6Y "$v")" "$saved"
	is "$(date -u -d "@$saved" +%Y-%m-%dT%H%M%S.%6NZ).json" "${v##*/}"
	number=$(stat -c %i "$v")
	is "$(ls -i "$MNT/.storefs/history/Note/1" | tr -s ' ' | sed 's/^ //')" "$number ${v##*/}"
	refused "Read-only file system" rm "$v"
	refused "Read-only file system" cp /dev/null "$v"
	refused "Read-only file system" touch "$MNT/.storefs/history/Note/1/x"
	# What leads there is not listed, and what never was is not there.
	is "$(ls "$MNT/.storefs/history" "$MNT/.storefs/history/Note" | grep -c json)" 0
	absent "$MNT/.storefs/history/Note/2" "$MNT/.storefs/history/Image" "${v/%Z.json/0Z.json}" \
		"$MNT/.storefs/history/Note/1/2026-11-22.json"
	store_umount
	store_mount
	is "$(stat -c %i "$v")" "$number"
	# A copy of it restores it.
	cp "$v" "$MNT/Note/1.json"
	holds "$MNT/Note/1.json" $'{"a": "one"}\n'
	is "$(count 1)" 2
}

@test "names that go and come: removed, made anew, renamed, odd" {
	each_state
	store_mount
	mkdir "$MNT/Note"
	echo '{"a":1}' >"$MNT/Note/1.json"
	rm "$MNT/Note/1.json"
	holds "$(H 1 1)" $'{"a":1}\n'
	echo '{"a":2}' >"$MNT/Note/1.json"
	echo '{"a":3}' >"$MNT/Note/1.json"
	is "$(count 1)" 2
	mv "$MNT/Note/1.json" "$MNT/Note/2.json"
	is "$(count 1)" 3
	is "$(count 2)" 0
	# An oid that is escaped, and one that is longer than a name.
	local long
	long=$(printf 'x%.0s' {1..300})
	sfs put "$MNT" "Note/a/b" <<<'{"a":1}'
	sfs put "$MNT" "Note/a/b" <<<'{"a":2}'
	sfs put "$MNT" "Note/$long" <<<'{"a":1}'
	sfs put "$MNT" "Note/$long" <<<'{"a":2}'
	is "$(count a%2Fb)" 1
	is "$(count "$(cd "$MNT/Note" && echo x*.json | sed 's/\.json$//')")" 1
	store_umount
	code 0 sfs check "$STORE"
}

log_and_show() {
	sfs config "$S" history_every=0 >/dev/null
	sfs class define "$S" "$C" - <<<'{"kind":"object"}'
	sfs put "$S" "$C/1" <<<'{"a":1,"b":2}'
	sfs put "$S" "$C/1" <<<'{"a":1,"b":3,"c":4}'
	sfs put "$S" "$C/1" <<<'{"b":3,"c":[]}'
	code 0 sfs log "$S" "$C/1"
	is "$(cut -c 36- <<<"$out")" "now  c -a
     b +c
    "
	code 0 sfs log --json "$S" "$C/1"
	is "$(ask '[.versions[] | [.size, .present, (.changes | map(.change[0:1] + .name))]]')" \
		'[[24,true,["cc","ra"]],[33,false,["cb","ac"]],[23,false,[]]]'
	local t
	t=$(ask '.versions[1].time')
	is "$(sfs show "$S" "$C/1@$t" | jq -c .)" '{"a":1,"b":3,"c":4}'
	code 0 sfs show --json "$S" "$C/1@$t"
	is "$(ask '[.oid, .document.b]')" '["1",3]'
	is "$(sfs show "$S" "$C/1@now" | jq -c .)" '{"b":3,"c":[]}'
	# As it prints times, they can be typed.
	t=$(sfs log "$S" "$C/1" | head -n 1 | cut -d ' ' -f 1)
	is "$(sfs show "$S" "$C/1@$t" | jq -c .)" '{"b":3,"c":[]}'
	sfs rm "$S" "$C/1"
	has "$(sfs log "$S" "$C/1" | head -n 1)" gone
	code 10 sfs show "$S" "$C/1@now"
	code 10 sfs show "$S" "$C/1@2001-01-01"
	code 10 sfs log "$S" "$C/2"
	code 2 sfs show "$S" "$C/1"
	code 2 sfs show "$S" "$C/1@someday"
	has "$err" someday
}

@test "log lists versions and what they changed, show prints one, with and without a mount" {
	each log_and_show
}

# Times are given in seconds: until this one is over.
next_second() {
	local second
	second=$(date +%s)
	second_is_over() { (($(date +%s) > second)); }
	wait_until second_is_over
}

@test "what no version says any more a backup does" {
	sfs config "$STORE" history=0 >/dev/null
	sfs class define "$STORE" Note - <<<'{"kind":"object"}'
	sfs put "$STORE" Note/1 <<<'{"a":1}'
	code 0 sfs backup --json "$STORE"
	local name t
	name=$(ask .name)
	next_second
	t=$(date -u +%Y-%m-%dT%H:%M:%S)
	next_second
	sfs put "$STORE" Note/1 <<<'{"a":2}'
	sfs put "$STORE" Note/2 <<<'{"a":2}'
	is "$(sfs show "$STORE" "Note/1@$t" | jq -c .)" '{"a":1}'
	code 0 sfs show --json "$STORE" "Note/1@$t"
	is "$(ask '[.backup, .document.a]')" "[\"$name\",1]"
	code 10 sfs show "$STORE" "Note/2@$t"
	code 10 sfs show "$STORE" "Note/1@2001-01-01"
	store_mount
	is "$(sfs show "$MNT" "Note/1@$t" | jq -c .)" '{"a":1}'
	# One that is damaged is passed over.
	rm "$STORE/backups/$name/VALID"
	code 10 sfs show "$STORE" "Note/1@$t"
}

@test "how many are kept is said by the settings, at once" {
	each_state
	store_mount
	mkdir "$MNT/Note"
	local n
	for n in {1..14}; do echo "{\"n\":$n}" >"$MNT/Note/1.json"; done
	is "$(cat "$MNT/.storefs/history/Note/1"/*.json | jq -c .n | tr '\n' ' ')" "4 5 6 7 8 9 10 11 12 13 "
	sfs config "$MNT" history=2
	is "$(cat "$MNT/.storefs/history/Note/1"/*.json | jq -c .n | tr '\n' ' ')" "12 13 "
	sfs config "$MNT" history=0
	is "$(count 1)" 0
	# Now they are hidden; gc removes them.
	code 0 sfs gc --json "$MNT"
	is "$(ask .versions)" 10
	sfs config "$MNT" history=10
	is "$(count 1)" 0
}

some_were_saved() { local n; n=$(jq .n "$MNT/Note/1.json") && [ "$n" -gt "$1" ]; }

@test "after a kill object and history are of one commit" {
	each_state
	sfs config "$STORE" history=100 >/dev/null
	store_mount
	mkdir "$MNT/Note"
	local round pid n last
	for round in 1 2 3; do
		(
			n=$((round * 1000))
			while echo "{\"n\":$((n += 1))}" >"$MNT/Note/1.json"; do :; done
		) 2>/dev/null &
		pid=$!
		wait_until test -e "$MNT/.storefs/history/Note/1"
		wait_until some_were_saved $((round * 1000 + 20))
		store_kill
		wait "$pid" || :
		code 0 sfs check "$STORE"
		store_mount
		n=$(jq .n "$MNT/Note/1.json")
		last=$(cat "$MNT/.storefs/history/Note/1"/*.json | tail -n 1 | jq .n)
		[ "$n" -gt $((round * 1000)) ] || fail "nothing was saved in round $round"
		[ "$last" = $((n - 1)) ] || [ "$n" = $((round * 1000 + 1)) ] || fail "object $n, history $last"
	done
}
