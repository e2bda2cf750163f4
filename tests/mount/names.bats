#!/usr/bin/env bats
# Names: bytes are identity, every oid can be shown and opened, and what is no object is scratch.

load ../support/mount

setup() {
	store_new
	store_mount
	mkdir "$MNT/Note"
	DIR=$MNT/Note
}

teardown() {
	store_teardown
}

# count DIR : how many entries it lists.
count() {
	find "$1" -mindepth 1 -maxdepth 1 -printf x | wc -c
}

# opens OID NAME : the object of this oid is listed as NAME, and NAME leads to it.
opens() {
	is "$(ls -A "$DIR")" "$2"
	is "$(cat "$DIR/$2")" "$(object_get Note "$1")"
	is "$(stat -c %F "$DIR/$2")" "regular file"
	rm "$DIR/$2"
	is "$(count "$DIR")" 0
	is "$(jq .objects "$MNT/.storefs/status")" 0
}

# --- names of files that are objects ----------------------------------------------------

@test "a name that a shell finds awkward is a name like any other" {
	local name i=0
	for name in 'a b' ' ' ' a' 'a ' "it's" 'say "hi"' 'back\slash' '$HOME' '`id`' '*' '?' '[a]' '{a,b}' 'a;b' 'a&b' 'a|b' \
		'-rf' '--help' '~' 'a~b' '!' '#' 'a#' 'ü' 'Ünïcödé' '日本' '😀' $'e\u0301' 'a.b.c' '1.json' 'a=b' 'a:b' 'a,b' '+' '@'; do
		[ "$name" = '#' ] && continue
		i=$((i + 1))
		echo "{\"n\": $i}" >"$DIR/$name.json"
		holds "$DIR/$name.json" "{\"n\": $i}"$'\n'
		[ -n "$(find "$DIR" -maxdepth 1 -name '*.json' -printf '%f\n' | grep -Fx -- "$name.json")" ] ||
			fail "not listed: $name.json"
		is "$(object_get Note "$name")" "{\"n\": $i}"
	done
	is "$(count "$DIR")" "$i"
	store_remount
	is "$(count "$DIR")" "$i"
	rm -- "$DIR"/*.json
	is "$(count "$DIR")" 0
}

@test "every byte that a name can have makes a name of its own, at its start and inside it" {
	local i byte
	for i in {1..255}; do
		[ "$i" != 47 ] || continue
		printf -v byte "\\x$(printf %02x "$i")"
		printf '{"n": %s}' "$i" >"$DIR/x${byte}x.json"
		[[ $byte == [.#] ]] || printf '{"n": -%s}' "$i" >"$DIR/${byte}x.json"
	done
	is "$(count "$DIR")" $((254 + 252))
	store_remount
	for i in {1..255}; do
		[ "$i" != 47 ] || continue
		printf -v byte "\\x$(printf %02x "$i")"
		holds "$DIR/x${byte}x.json" "{\"n\": $i}"
		[[ $byte == [.#] ]] || holds "$DIR/${byte}x.json" "{\"n\": -$i}"
	done
	is "$(cat "$DIR"/* | jq -s 'map(.n) | add')" 81
	is "$(jq .objects "$MNT/.storefs/status")" $((254 + 252))
	is "$(count "$DIR")" $((254 + 252))
}

@test "composed and decomposed letters are different names" {
	echo '{"n": 1}' >"$DIR/"$'\u00e9.json'
	echo '{"n": 2}' >"$DIR/"$'e\u0301.json'
	is "$(count "$DIR")" 2
	is "$(jq .n "$DIR/"$'\u00e9.json')" 1
}

@test "a name of 255 bytes is an object, of 256 bytes it is too long" {
	local name
	name=$(printf 'x%.0s' {1..250})
	echo '{"n": 1}' >"$DIR/$name.json"
	holds "$DIR/$name.json" $'{"n": 1}\n'
	is "$(ls "$DIR")" "$name.json"
	run helper save "$DIR/x$name.json" <<<'{}'
	is "$output" "open=ENAMETOOLONG "
	run stat "$DIR/x$name.json"
	has "$output" "File name too long"
	store_remount
	holds "$DIR/$name.json" $'{"n": 1}\n'
	opens "$name" "$name.json"
}

@test "a name of 255 bytes made of long characters is an object" {
	local name
	name=$(printf '日%.0s' {1..83})
	echo '{"n": 1}' >"$DIR/$name.json"
	is "$(ls "$DIR")" "$name.json"
	holds "$DIR/$name.json" $'{"n": 1}\n'
}

@test "a file that is made under an awkward name is found under that name, and listed once" {
	local name
	for name in '50%' '%' '%%' '%2F' '%zz' '100%25' $'line\nbreak' $'tab\there' $'\x01' $'\x7f' $'a\xff'; do
		echo '{"n": 1}' >"$DIR/$name.json"
		holds "$DIR/$name.json" $'{"n": 1}\n'
		is "$(count "$DIR")" 1
		cat "$DIR"/* >/dev/null
		mv "$DIR/$name.json" "$DIR/plain.json"
		is "$(ls -A "$DIR")" plain.json
		mv "$DIR/plain.json" "$DIR/$name.json"
		holds "$DIR/$name.json" $'{"n": 1}\n'
		rm "$DIR/$name.json"
		is "$(count "$DIR")" 0
	done
}

@test "a copy of a class by its listed names is the same class" {
	local name
	for name in a/b .hidden 50% $'a\nb' $'a\xff' a~b '%41'; do
		object_put Note "$name" <<<'{"n": 1}'
	done
	mkdir "$MNT/Copy"
	cp "$DIR"/* "$MNT/Copy/"
	is "$(ls "$MNT/Copy")" "$(ls "$DIR")"
	is "$("$STOREFS" ls "$STORE" Copy)" "$("$STOREFS" ls "$STORE" Note)"
}

# --- oids that can not be file names ----------------------------------------------------

@test "an oid with a slash is shown escaped and can be opened" {
	object_put Note a/b/c <<<'{"a": 1}'
	opens a/b/c a%2Fb%2Fc.json
}

@test "an oid with a leading dot is shown escaped and can be opened" {
	object_put Note .hidden <<<'{"a": 1}'
	opens .hidden %2Ehidden.json
	object_put Note . <<<'{"a": 1}'
	opens . %2E.json
	object_put Note .. <<<'{"a": 1}'
	opens .. %2E..json
}

@test "an oid with a leading hash is shown so that it is an object" {
	object_put Note '#1' <<<'{"a": 1}'
	opens '#1' %231.json
}

@test "a percent sign in an oid is shown escaped where it could be mistaken for an escape" {
	object_put Note '50%' <<<'{"a": 1}'
	opens '50%' 50%.json
	object_put Note '50%/x' <<<'{"a": 1}'
	opens '50%/x' 50%25%2Fx.json
	object_put Note 'a%2Fb' <<<'{"a": 1}'
	opens 'a%2Fb' a%252Fb.json
}

@test "control characters and invalid UTF-8 in an oid are shown escaped" {
	object_put Note $'a\nb' <<<'{"a": 1}'
	opens $'a\nb' a%0Ab.json
	object_put Note $'\x01\x7f' <<<'{"a": 1}'
	opens $'\x01\x7f' %01%7F.json
	object_put Note $'a\xff\xc3z' <<<'{"a": 1}'
	opens $'a\xff\xc3z' a%FF%C3z.json
}

@test "an escaped oid can be written, and stays the same object" {
	object_put Note a/b <<<'{"a": 1}'
	local ino
	ino=$(stat -c %i "$DIR/a%2Fb.json")
	echo '{"a": 2}' >"$DIR/a%2Fb.json"
	is "$(object_get Note a/b)" '{"a": 2}'
	is "$(stat -c %i "$DIR/a%2Fb.json")" "$ino"
	echo '{"a": 3}' >"$DIR/x%2Fy.json"
	is "$(object_get Note x/y)" '{"a": 3}'
}

@test "an oid of 1024 bytes is shown as a prefix and a hash, and can be opened" {
	local oid name
	oid=$(printf 'y%.0s' {1..1024})
	object_put Note "$oid" <<<'{"a": 1}'
	name=$(ls "$DIR")
	is "${#name}" 255
	[[ $name =~ ^y+~[0-9a-f]{16}\.json$ ]]
	is "$(jq .a "$DIR/$name")" 1
	echo '{"a": 2}' >"$DIR/$name"
	is "$(object_get Note "$oid")" '{"a": 2}'
	is "$(count "$DIR")" 1
	local ino
	ino=$(stat -c %i "$DIR/$name")
	store_remount
	is "$(stat -c %i "$DIR/$name")" "$ino"
	opens "$oid" "$name"
}

@test "long oids that differ only at the end are different files" {
	local long i
	long=$(printf 'y%.0s' {1..1000})
	for i in 1 2 3; do
		object_put Note "$long$i" <<<"{\"a\": $i}"
	done
	is "$(count "$DIR")" 3
	is "$(cat "$DIR"/*.json | jq -s 'map(.a) | add')" 6
}

@test "a long oid is cut between characters, not inside one" {
	local oid name
	oid=$(printf 'é%.0s' {1..512})
	object_put Note "$oid" <<<'{"a": 1}'
	name=$(ls "$DIR")
	[ "$(printf %s "$name" | wc -c)" -le 255 ]
	printf %s "$name" | iconv -f UTF-8 -t UTF-8 >/dev/null
	opens "$oid" "$name"
}

@test "an oid over 1024 bytes and an empty oid are refused" {
	run object_put Note "$(printf 'y%.0s' {1..1025})" <<<'{}'
	isnt "$status" 0
	run object_put Note '' <<<'{}'
	isnt "$status" 0
	is "$(count "$DIR")" 0
}

@test "an oid that looks like a file name keeps its own" {
	object_put Note 1.json <<<'{"a": 1}'
	opens 1.json 1.json.json
	object_put Note 1.msgpack <<<'{"a": 1}'
	opens 1.msgpack 1.msgpack.json
}

# --- what is no object ------------------------------------------------------------------

@test "every name that is no object's is a scratch file that holds anything" {
	local name
	for name in .hidden.json .json '#x#' '#1.json' 4913 42.json~ 42 notes.txt .42.json.swp sedAbC123 42.json.tmp .x.AbCdEf \
		.goutputstream-ABC .DS_Store ._42.json 42.JSON 42.json.bak $'a\nb' '50%' .msgpack Makefile; do
		printf 'any bytes \xff\n' >"$DIR/$name"
		holds "$DIR/$name" $'any bytes \xff\n'
		is "$(count "$DIR")" 1
		is "$(jq '.objects' "$MNT/.storefs/status")" 0
		rm "$DIR/$name"
	done
}

@test "scratch files are listed, persistent and no objects" {
	printf 'text' >"$DIR/notes.txt"
	printf 'text' >"$DIR/.hidden.json"
	echo '{}' >"$DIR/1.json"
	store_remount
	is "$(ls -A "$DIR" | xargs)" ".hidden.json 1.json notes.txt"
	holds "$DIR/notes.txt" text
	is "$("$STOREFS" ls "$STORE" Note)" 1
}

@test "directories, symlinks and pipes can be scratch too" {
	mkdir "$DIR/.git" "$DIR/.git/refs"
	echo ref >"$DIR/.git/refs/42.json"
	ln -s nowhere "$DIR/.#42.json"
	ln -s 1.json "$DIR/latest"
	mkfifo "$DIR/.pipe"
	echo '{"a": 1}' >"$DIR/1.json"
	is "$(readlink "$DIR/.#42.json")" nowhere
	is "$(jq .a "$DIR/latest")" 1
	is "$(cat "$DIR/.git/refs/42.json")" ref
	is "$(jq '.objects' "$MNT/.storefs/status")" 1
	store_remount
	is "$(readlink "$DIR/.#42.json")" nowhere
	is "$(cat "$DIR/.git/refs/42.json")" ref
	is "$(stat -c %F "$DIR/.pipe")" fifo
	rm -r "$DIR"/.git "$DIR/.#42.json" "$DIR/latest" "$DIR/.pipe"
	is "$(ls -A "$DIR")" 1.json
}

@test "an object's name can not be a directory, a symlink or a pipe" {
	run mkdir "$DIR/1.json"
	is "$status" 1
	run ln -s target "$DIR/1.json"
	is "$status" 1
	run mkfifo "$DIR/1.json"
	is "$status" 1
	mkdir "$DIR/dir"
	run helper moveat replace "$DIR/dir" "$DIR/1.json"
	is "$status" 1
	is "$(ls -A "$DIR")" dir
}

@test "O_EXCL on a scratch file is a lock" {
	run helper save -x "$DIR/42.json.lock" </dev/null
	is "$output" "open=ok close=ok "
	run helper save -x "$DIR/42.json.lock" </dev/null
	is "$output" "open=EEXIST "
	rm "$DIR/42.json.lock"
	run helper save -x "$DIR/42.json.lock" </dev/null
	is "$output" "open=ok close=ok "
}

@test "a scratch file is a whole file: offsets, holes, append, truncate, rename, mode and times" {
	printf abc >"$DIR/s"
	printf def >>"$DIR/s"
	printf X | dd of="$DIR/s" bs=1 seek=1 conv=notrunc status=none
	holds "$DIR/s" aXcdef
	truncate -s 2 "$DIR/s"
	truncate -s 4 "$DIR/s"
	is "$(xxd -p "$DIR/s")" 61580000
	chmod 0600 "$DIR/s"
	touch -d '2020-01-01 UTC' "$DIR/s"
	mv "$DIR/s" "$DIR/t"
	is "$(stat -c '%a %Y %s' "$DIR/t")" "600 1577836800 4"
	store_remount
	is "$(stat -c '%a %Y %s' "$DIR/t")" "600 1577836800 4"
}
