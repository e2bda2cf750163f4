#!/usr/bin/env bats
# Programs that look: at names, at contents, at sizes and times. Reading changes nothing.

load ../support/mount
load ../support/tools
load ../support/samples

setup() {
	tools_setup
}

teardown() {
	store_teardown
}

@test "ls -l shows each object with its true size and time" {
	row look 601 "ls -l" "--full-time, -R"
	sample_objects "$MNT/Note"
	sample_objects "$LOCAL"
	is "$(ls -l --full-time "$MNT/Note" | tail -n +2)" "$(ls -l --full-time "$LOCAL" | tail -n +2)"
	rm "$LOCAL"/*
	sample_raws "$LOCAL"
	cp -a "$LOCAL/." "$MNT/Image/"
	is "$(cd "$MNT/Image" && ls -lR --full-time . | grep -v '^total' | grep -v '^d')" \
		"$(cd "$LOCAL" && ls -lR --full-time . | grep -v '^total' | grep -v '^d')"
	both "as a local folder"
	row_done
}

@test "ls -l says nothing on standard error" {
	sample_objects "$MNT/Note"
	is "$(ls -la "$MNT" "$MNT/Note" 2>&1 >/dev/null)" ""
}

@test "find finds by name, type, size and time, and deletes" {
	row look 602 find "-newer, -size, -perm, -delete, -exec"
	local dir
	for dir in "$MNT/Note" "$MNT/Image"; do
		sample_objects "$dir"
		is "$(cd "$dir" && find . -name '*.json' | sort | xargs)" "./1.json ./2.json ./3.json ./4.json ./5.json"
		is "$(find "$dir" -type f | wc -l)" 6
		is "$(find "$dir" -type d | wc -l)" 1
		is "$(find "$dir" -type f -size 31c | wc -l)" 5
		is "$(cd "$dir" && find . -type f -newer 3.json | sort | xargs)" "./4.json ./5.json"
		is "$(cd "$dir" && find . -type f -newermt 2020-01-04 ! -newermt 2020-01-05 | xargs)" ./4.json
		is "$(cd "$dir" && find . -perm 0600)" ./2.json
		is "$(cd "$dir" && find . -name '[12].json' -exec cat {} + | wc -l)" 2
		find "$dir" -type f ! -newer "$dir/3.json" -delete
		is "$(ls -A "$dir" | xargs)" "4.json 5.json"
		find "$dir" -mindepth 1 -delete
		is "$(ls -A "$dir")" ""
	done
	both "as a local folder"
	row_done
}

@test "find -delete of a large class removes every object" {
	local i
	for i in {1..500}; do echo '{}' >"$MNT/Note/$i.json"; done
	find "$MNT/Note" -name '*7.json' -delete
	is "$(ls "$MNT/Note" | wc -l)" 450
	find "$MNT/Note" -mindepth 1 -delete
	is "$(ls -A "$MNT/Note")" ""
}

@test "stat -f and df show the file system underneath" {
	local under here
	under=$(stat -f -c '%b %s' "$STORE")
	here=$(stat -f -c '%b %s' "$MNT")
	is "$((${here% *} * ${here#* } / 1048576))" "$((${under% *} * ${under#* } / 1048576))"
	is "$(stat -f -c %l "$MNT")" 255
	run df -P "$MNT"
	is "$status" 0
	has "${lines[1]}" "$MNT"
	has "$(findmnt -rno FSTYPE -M "$MNT")" storefs
	df -i "$MNT"
}

@test "grep -r finds each once, and nothing in the machinery" {
	row look 603 "grep -r" "the whole mount"
	sample_objects "$MNT/Note"
	sample_objects "$MNT/Image"
	is "$(cd "$MNT" && grep -r 'note 3' . | sed 's/:.*//' | sort | xargs)" "./Image/3.json ./Note/3.json"
	is "$(cd "$MNT" && grep -rl title . | wc -l)" 10
	is "$(cd "$MNT" && grep -c . Note/notes.txt)" 1
	both "each file once"
	row_done
}

@test "ripgrep finds each once, with mmap and without" {
	row look 604 ripgrep "--mmap, --no-mmap, --hidden"
	sample_objects "$MNT/Note"
	sample_objects "$MNT/Image"
	local how
	for how in --mmap --no-mmap; do
		is "$(cd "$MNT" && rg "$how" -l 'note 3' . | sort | xargs)" "./Image/3.json ./Note/3.json"
		is "$(cd "$MNT" && rg "$how" -uuu --hidden -l title . | wc -l)" 10
		is "$(cd "$MNT" && rg "$how" -c title Note/1.json)" 1
	done
	is "$(cd "$MNT" && rg --files | wc -l)" 12
	both "each file once"
	row_done
}

@test "jq reads one object and many" {
	sample_objects "$MNT/Note"
	is "$(jq -r .title "$MNT/Note/3.json")" "note 3"
	is "$(jq -s 'map(.rank) | add' "$MNT"/Note/*.json)" 15
}

@test "wc, head, tail, od, md5sum and file read to the end and not further" {
	sample_objects "$MNT/Note"
	sample_objects "$LOCAL"
	is "$(cd "$MNT/Note" && md5sum -- *)" "$(cd "$LOCAL" && md5sum -- *)"
	is "$(cd "$MNT/Note" && wc -c -- *)" "$(cd "$LOCAL" && wc -c -- *)"
	is "$(tail -c 5 "$MNT/Note/1.json")" "$(tail -c 5 "$LOCAL/1.json")"
	is "$(od -An -tx1 -j 10 -N 4 "$MNT/Note/1.json")" "$(od -An -tx1 -j 10 -N 4 "$LOCAL/1.json")"
}

@test "du counts what is there" {
	row look 605 du "-b, -k"
	sample_objects "$MNT/Note"
	is "$(du -b "$MNT/Note/1.json" | cut -f 1)" 31
	is "$(du -b --apparent-size "$MNT/Note" | cut -f 1)" \
		$((5 * 31 + 11 + $(stat -c %s "$MNT/Note")))
	head -c 1048576 /dev/urandom >"$MNT/Image/a"
	is "$(du -b --apparent-size "$MNT/Image/a" | cut -f 1)" 1048576
	[ "$(du -k "$MNT/Image/a" | cut -f 1)" -ge 1024 ]
	[ "$(du -s "$MNT" | cut -f 1)" -ge 1024 ]
	both "true sizes"
	row_done
}

@test "diff -r sees what differs and nothing else" {
	row look 606 "diff -r" "a class and a folder, two classes"
	local dir
	sample_objects "$LOCAL"
	mkdir "$MNT/Other"
	sample_objects "$MNT/Other"
	for dir in "$MNT/Note" "$MNT/Image"; do
		cp -a "$LOCAL/." "$dir/"
		diff -r "$LOCAL" "$dir"
		diff -r "$MNT/Other" "$dir"
		echo '{"title": "note X", "rank": 3}' >"$dir/3.json"
		rm "$dir/4.json"
		run diff -rq "$LOCAL" "$dir"
		is "$status" 1
		is "${#lines[@]}" 2
		has "$output" "3.json differ"
		has "$output" "4.json"
	done
	both "as a local folder"
	row_done
}

@test "a shell script in a raw class can be run" {
	printf '#!/bin/sh\necho "hello $1"\n' >"$MNT/Image/run.sh"
	chmod +x "$MNT/Image/run.sh"
	is "$("$MNT/Image/run.sh" world)" "hello world"
}

@test "whatever looks changes nothing" {
	sample_objects "$MNT/Note"
	sample_raws "$MNT/Image"
	local before
	before=$(facts "$MNT/Note" && facts "$MNT/Image" && jq '.commit, .saves' "$MNT/.storefs/status")
	cd "$MNT"
	find . -ls >/dev/null
	run -1 grep -r nothing .
	run -1 rg -uuu nothing .
	du -a . >/dev/null
	tar -cf - . | cat >/dev/null
	run -1 diff -r Note Image
	md5sum Note/* Image/*.jpg >/dev/null
	cd /
	is "$(facts "$MNT/Note" && facts "$MNT/Image" && jq '.commit, .saves' "$MNT/.storefs/status")" "$before"
}
