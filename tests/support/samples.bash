# Trees to copy around, and how copies are compared.

# sample_objects DIR, sample_raws DIR : a few files of different mode, time and size.
sample_objects() {
	local i
	for i in 1 2 3 4 5; do
		printf '{"title": "note %s", "rank": %s}\n' "$i" "$i" >"$1/$i.json"
		touch -d "2020-01-0$i 12:00:00.$i UTC" "$1/$i.json"
	done
	chmod 0600 "$1/2.json"
	chmod 0640 "$1/3.json"
	printf 'plain text\n' >"$1/notes.txt"
	touch -d '2019-05-05 UTC' "$1/notes.txt"
}

sample_raws() {
	mkdir -p "$1/holiday/beach" "$1/empty"
	head -c 100000 /dev/urandom >"$1/a.jpg"
	head -c 4096 /dev/urandom >"$1/holiday/b.jpg"
	: >"$1/holiday/beach/none"
	printf '#!/bin/sh\necho hello\n' >"$1/run.sh"
	chmod 0755 "$1/run.sh"
	ln -s holiday/b.jpg "$1/link"
	ln "$1/a.jpg" "$1/hard.jpg"
	touch -d '2018-01-01 UTC' "$1/a.jpg" "$1/holiday/b.jpg"
	touch -h -d '2018-01-02 UTC' "$1/link"
	chmod 0700 "$1/holiday/beach"
	touch -d '2018-01-03 UTC' "$1/holiday/beach" "$1/holiday" "$1/empty"
}

# tree DIR : what a copy must keep, a line each.
tree() {
	(cd "$1" && find . -mindepth 1 \( -type d -printf '%p d %m %T@\n' -o -type l -printf '%p l %l\n' \
		-o -printf '%p %y %m %s %T@ %n\n' \) | LC_ALL=C sort)
}

# equal_trees A B : the same names, contents, modes, times and links.
equal_trees() {
	is "$(tree "$1")" "$(tree "$2")"
	diff -r "$1" "$2"
}
