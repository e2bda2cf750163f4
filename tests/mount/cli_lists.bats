#!/usr/bin/env bats
# Parts of a listing: windows over positions, how many, and what changed since; without a mount and with
# one.

load ../support/mount
load ../support/cli

setup() { store_new; }
teardown() { store_teardown; }

fill() { # COUNT
	seq -f '{"oid": "%04g", "n": 1}' 0 "$(($1 - 1))" >"$D/records"
	code 0 sfs import --kind object "$S" "$C" "$D/records"
}

list() {
	sfs ls "$@" | xargs
}

windows() {
	fill 2500
	is "$(list --start 1700 --limit 3 "$S" "$C")" "1700 1701 1702"
	is "$(list --start 2 --end 4 "$S" "$C")" "0002 0003"
	is "$(list --start 2 --end 4 --limit 1 "$S" "$C")" "0002"
	is "$(list --end 2 "$S" "$C")" "0000 0001"
	is "$(list --start 2499 "$S" "$C")" "2499"
	is "$(list --start 2500 "$S" "$C")" ""
	is "$(list --start 4 --end 2 "$S" "$C")" ""
	is "$(list --limit 0 "$S" "$C")" ""
	is "$(list --prefix 01 --start 99 --limit 5 "$S" "$C")" "0199"
	is "$(sfs ls --start 1000 "$S" "$C" | wc -l)" 1500
	is "$(sfs ls --json --start 1000 --limit 1 "$S" "$C" | jq -r .[].oid)" 1000
	has "$(sfs ls -l --start 7 --limit 1 "$S" "$C")" " 0007"
	code 0 sfs rm "$S" "$C/0000" "$C/0001"
	is "$(list --start 1700 --limit 2 "$S" "$C")" "1702 1703"
}
@test "a window of a class begins at a position and ends at one" { each windows; }

counts() {
	fill 1200
	is "$(sfs ls --count "$S" "$C")" 1200
	is "$(sfs ls --count --json "$S" "$C")" 1200
	is "$(sfs ls --count --prefix 11 "$S" "$C")" 100
	is "$(sfs ls --count --start 1000 "$S" "$C")" 200
	is "$(sfs ls --count --limit 7 "$S" "$C")" 7
	is "$(sfs ls --count --after 1189 "$S" "$C")" 10
	code 2 sfs ls --count "$S"
	code 10 sfs ls --count "$S" "No$C"
}
@test "count says how many, without listing them" { each counts; }

since() {
	local then
	code 0 sfs put --kind object "$S" "$C/1" <<<'{"a": 1}'
	code 0 sfs put "$S" "$C/2" <<<'{"a": 1}'
	then=$(sfs ls -l --json "$S" "$C" | jq -r '.[1].mtime')
	code 0 sfs put "$S" "$C/3" <<<'{"a": 1}'
	is "$(list --since "$then" "$S" "$C")" 3
	code 0 sfs put "$S" "$C/1" <<<'{"a": 2}'
	code 0 sfs put "$S" "$C/2" <<<'{"a": 1}'
	is "$(list --since "$then" "$S" "$C")" "1 3"
	is "$(sfs ls --count --since "$then" "$S" "$C")" 2
	is "$(list --since "$then" --limit 1 "$S" "$C")" 1
	is "$(list --since "$then" --after 1 "$S" "$C")" 3
	is "$(list --since 2001-02-03 "$S" "$C")" "1 2 3"
	is "$(list --since @981158400 "$S" "$C")" "1 2 3"
	is "$(list --since '2200-01-01 12:30' "$S" "$C")" ""
	is "$(list --since tomorrow "$S" "$C")" ""
	is "$(list --since 22000101123000000000 "$S" "$C")" ""
	local bad
	for bad in noon 2025-02-30 2025-1-1 @ @x 2025-01-01T25:00 2025-01-01Tx 9999-01-01 ''; do
		code 2 sfs ls --since "$bad" "$S" "$C"
		has "$err" "is no moment, expected 2026-11-22"
	done
}
@test "since lists the objects whose update time is later" { each since; }

raw_windows() {
	local i
	mkdir "$D/raws"
	for i in 1 2 3 4 5; do echo "$i" >"$D/raws/$i"; done
	code 0 sfs import --kind raw "$S" "$C" "$D/raws"
	is "$(list --start 1 --limit 2 "$S" "$C")" "2 3"
	is "$(list --start 3 "$S" "$C")" "4 5"
	is "$(list --end 2 "$S" "$C")" "1 2"
	is "$(sfs ls --count "$S" "$C")" 5
	is "$(sfs ls --count --prefix 5 "$S" "$C")" 1
	code 2 sfs ls --since 2025-01-01 "$S" "$C"
	has "$err" "--since is for objects"
}
@test "raws have windows and counts too" { each raw_windows; }

@test "parts of a listing that contradict each other are wrong use" {
	S=$STORE
	code 0 sfs put --kind object "$S" C/1 <<<'{}'
	code 2 sfs ls --start 1 --after 1 "$S" C
	code 2 sfs ls --start 1 --unsorted "$S" C
	code 2 sfs ls --end 1 --since 2025-01-01 "$S" C
	code 2 sfs ls --since 2025-01-01 --prefix a "$S" C
	code 2 sfs ls --start -1 "$S" C
	code 2 sfs ls --start x "$S" C
	code 2 sfs ls --start 1 "$S"
}
