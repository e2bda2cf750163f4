#!/usr/bin/env bats
# Raws: bytes of any size behave as on any local file system, and carry metadata.

load ../support/mount

setup() {
	store_new
	store_mount
	class_raw Image
	DIR=$MNT/Image
	WORK=$BATS_TEST_TMPDIR/work
	mkdir "$WORK"
}

teardown() {
	store_teardown
}

# --- bytes ------------------------------------------------------------------------------

@test "raws of every awkward size come back, before and after a remount" {
	local size
	for size in 0 1 4095 4096 4097 65535 65536 131072 131073 5242880; do
		head -c "$size" /dev/urandom >"$WORK/$size"
		cp "$WORK/$size" "$DIR/$size"
		is "$(stat -c %s "$DIR/$size")" "$size"
		same "$WORK/$size" "$DIR/$size"
	done
	store_remount
	for size in 0 1 4095 4096 4097 65535 65536 131072 131073 5242880; do
		is "$(stat -c %s "$DIR/$size")" "$size"
		same "$WORK/$size" "$DIR/$size"
	done
}

@test "a raw is whatever bytes it is, also under the name of a document" {
	printf 'no document \xff' >"$DIR/1.json"
	printf '{"a": ' >"$DIR/2.msgpack"
	holds "$DIR/1.json" $'no document \xff'
	holds "$DIR/2.msgpack" '{"a": '
	absent "$DIR/1.msgpack" "$DIR/2.json"
	printf x >"$DIR/.hidden"
	is "$(ls -A "$DIR" | xargs)" ".hidden 1.json 2.msgpack"
}

@test "writes at any offset and in any order make the same file as on a local disk" {
	local offset size
	RANDOM=42
	for _ in {1..60}; do
		offset=$((RANDOM * 16 % 300000))
		size=$((RANDOM % 9000 + 1))
		head -c "$size" /dev/urandom >"$WORK/piece"
		dd if="$WORK/piece" of="$WORK/file" bs=65536 seek="$offset" oflag=seek_bytes conv=notrunc status=none
		dd if="$WORK/piece" of="$DIR/file" bs=65536 seek="$offset" oflag=seek_bytes conv=notrunc status=none
	done
	is "$(stat -c %s "$DIR/file")" "$(stat -c %s "$WORK/file")"
	same "$WORK/file" "$DIR/file"
	store_remount
	same "$WORK/file" "$DIR/file"
}

@test "truncate makes a raw shorter and longer, and what is longer is zero" {
	printf 'hello world' >"$DIR/file"
	truncate -s 5 "$DIR/file"
	holds "$DIR/file" hello
	truncate -s 8 "$DIR/file"
	is "$(xxd -p "$DIR/file")" 68656c6c6f000000
	truncate -s 0 "$DIR/file"
	is "$(stat -c %s "$DIR/file")" 0
	is "$(cat "$DIR/file")" ""
	printf again >"$DIR/file"
	holds "$DIR/file" again
}

@test "truncate of a descriptor works, and the size is right at once" {
	run helper save -t -s 3 "$DIR/file" <<<'hello'
	is "$output" "open=ok write=ok truncate=ok close=ok "
	is "$(stat -c %s "$DIR/file")" 3
	holds "$DIR/file" hel
	run helper save -n -s 6 "$DIR/file" </dev/null
	is "$(xxd -p "$DIR/file")" 68656c000000
}

@test "appends of several processes are all there, none mixed with another" {
	helper appenders "$DIR/log" 4 500
	is "$(wc -l <"$DIR/log")" 2000
	is "$(sort -n -k 1 -k 2 "$DIR/log" | md5sum)" \
		"$(for p in 0 1 2 3; do seq -f "$p %g" 0 499; done | md5sum)"
}

@test "a descriptor reads back what it wrote" {
	run helper save -rb "$DIR/file" <<<'hello'
	is "$output" "open=ok write=ok read=ok close=ok "
	run helper save -rb -o 5000 "$DIR/file" <<<'hello'
	is "$output" "open=ok write=ok read=ok close=ok "
}

@test "a reader sees what a writer has written, before it closes" {
	exec 7>"$DIR/file"
	printf one >&7
	is "$(cat "$DIR/file")" one
	is "$(stat -c %s "$DIR/file")" 3
	printf two >&7
	is "$(cat "$DIR/file")" onetwo
	is "$(stat -c %s "$DIR/file")" 6
	exec 7>&-
}

@test "fsync of a raw and of its directory succeed" {
	run helper save -tf "$DIR/file" <<<hello
	is "$output" "open=ok write=ok fsync=ok close=ok "
	sync "$DIR/file" "$DIR"
	sync -d "$DIR/file"
}

@test "a file with a hole of a gibibyte is small on disk and reads as zeros" {
	printf start >"$DIR/sparse"
	printf end | dd of="$DIR/sparse" bs=65536 seek=$((1 << 30)) oflag=seek_bytes conv=notrunc status=none
	is "$(stat -c %s "$DIR/sparse")" $(((1 << 30) + 3))
	[ "$(stat -c '%b' "$DIR/sparse")" -lt 2048 ]
	is "$(dd if="$DIR/sparse" bs=4096 skip=$((1 << 29)) iflag=skip_bytes count=1 status=none | tr -d '\0' | wc -c)" 0
	is "$(tail -c 3 "$DIR/sparse")" end
	is "$(head -c 5 "$DIR/sparse")" start
	[ "$(du -k "$STORE" | tail -n 1 | cut -f 1)" -lt 200000 ]
	store_remount
	is "$(tail -c 3 "$DIR/sparse")" end
	[ "$(stat -c '%b' "$DIR/sparse")" -lt 2048 ]
}

@test "cp keeps the holes of a sparse file" {
	truncate -s 100M "$WORK/sparse"
	printf x | dd of="$WORK/sparse" bs=1 seek=50000000 conv=notrunc status=none
	cp --sparse=always "$WORK/sparse" "$DIR/sparse"
	cmp "$WORK/sparse" "$DIR/sparse"
	[ "$(stat -c '%b' "$DIR/sparse")" -lt 2048 ]
}

@test "fallocate reserves and punches" {
	fallocate -l 1M "$DIR/file"
	is "$(stat -c %s "$DIR/file")" 1048576
	[ "$(stat -c %b "$DIR/file")" -ge 2048 ]
	printf data | dd of="$DIR/file" bs=1 conv=notrunc status=none
	fallocate -p -o 0 -l 4096 "$DIR/file"
	is "$(head -c 4 "$DIR/file" | xxd -p)" 00000000
}

@test "mmap reads what is there and writes what will be there" {
	head -c 100000 /dev/zero | tr '\0' a >"$DIR/file"
	is "$(helper mapping read "$DIR/file" 99990 10)" aaaaaaaaaa
	is "$(helper mapping private "$DIR/file" 0 4)" aaaa
	helper mapping write "$DIR/file" 50000 HELLO
	is "$(dd if="$DIR/file" bs=1 skip=49998 count=9 status=none)" aaHELLOaa
	helper mapping both "$DIR/file" 10 WORLD
	is "$(head -c 17 "$DIR/file")" aaaaaaaaaaDLROWaa
	is "$(stat -c %s "$DIR/file")" 100000
	store_remount
	is "$(dd if="$DIR/file" bs=1 skip=49998 count=9 status=none)" aaHELLOaa
	is "$(head -c 17 "$DIR/file")" aaaaaaaaaaDLROWaa
}

@test "an object can be read through mmap" {
	mkdir "$MNT/Note"
	echo '{"title": "mapped"}' >"$MNT/Note/1.json"
	is "$(helper mapping private "$MNT/Note/1.json" 11 6)" mapped
	is "$(helper mapping read "$MNT/Note/1.json" 0 9)" '{"title":'
}

@test "O_DIRECT reads and writes the same bytes" {
	head -c 1048576 /dev/urandom >"$WORK/file"
	dd if="$WORK/file" of="$DIR/file" bs=65536 oflag=direct status=none
	same "$WORK/file" "$DIR/file"
	dd if="$DIR/file" of="$WORK/back" bs=65536 iflag=direct status=none
	same "$WORK/file" "$WORK/back"
}

@test "copying inside the class copies all bytes" {
	head -c 3000000 /dev/urandom >"$DIR/a"
	cp "$DIR/a" "$DIR/b"
	cp --reflink=auto "$DIR/a" "$DIR/c"
	same "$DIR/a" "$DIR/b"
	same "$DIR/a" "$DIR/c"
}

# --- names ------------------------------------------------------------------------------

@test "sub-directories nest, list and go away" {
	mkdir -p "$DIR/a/b/c/d"
	echo deep >"$DIR/a/b/c/d/file"
	is "$(cd "$DIR" && find . | sort | xargs)" ". ./a ./a/b ./a/b/c ./a/b/c/d ./a/b/c/d/file"
	refused "Directory not empty" rmdir "$DIR/a/b"
	refused "Is a directory" rm "$DIR/a"
	refused "Not a directory" ls "$DIR/a/b/c/d/file/x"
	store_remount
	is "$(cat "$DIR/a/b/c/d/file")" deep
	rm -r "$DIR/a"
	is "$(ls -A "$DIR")" ""
}

@test "a name may have 255 bytes and any byte but slash" {
	local name
	name=$(printf 'x%.0s' {1..255})
	echo 1 >"$DIR/$name"
	is "$(ls "$DIR")" "$name"
	run helper save "$DIR/x$name" </dev/null
	is "$output" "open=ENAMETOOLONG "
	rm "$DIR/$name"
	for name in 'a b' $'a\nb' $'\x01' $'\xff\xfe' '50%' '%2F' '*' '-rf' '.hidden' 'by' '日本'; do
		echo "$name" >"$DIR/$name"
		is "$(cat "$DIR/$name")" "$name"
	done
	is "$(find "$DIR" -type f -printf x | wc -c)" 11
	store_remount
	is "$(cat "$DIR/"$'a\nb')" $'a\nb'
	is "$(find "$DIR" -type f -printf x | wc -c)" 11
}

@test "symlinks point wherever they were told" {
	echo text >"$DIR/file"
	ln -s file "$DIR/link"
	ln -s nowhere "$DIR/dangling"
	ln -s "$(printf 'x%.0s' {1..4000})" "$DIR/long"
	ln -s ../Image "$DIR/up"
	is "$(cat "$DIR/link")" text
	is "$(stat -c '%F %s' "$DIR/link")" "symbolic link 4"
	is "$(readlink "$DIR/dangling")" nowhere
	is "$(readlink "$DIR/long" | wc -c)" 4001
	is "$(cat "$DIR/up/file")" text
	refused "No such file" cat "$DIR/dangling"
	refused "File exists" ln -s other "$DIR/link"
	store_remount
	is "$(readlink "$DIR/link" "$DIR/dangling" | xargs)" "file nowhere"
	rm "$DIR/link"
	is "$(cat "$DIR/file")" text
}

@test "hard links are one file with several names" {
	mkdir "$DIR/dir"
	echo one >"$DIR/a"
	ln "$DIR/a" "$DIR/dir/b"
	is "$(stat -c %h "$DIR/a")" 2
	is "$(stat -c %i "$DIR/a")" "$(stat -c %i "$DIR/dir/b")"
	echo two >>"$DIR/dir/b"
	is "$(cat "$DIR/a" | xargs)" "one two"
	chmod 0600 "$DIR/a"
	is "$(stat -c %a "$DIR/dir/b")" 600
	store_remount
	is "$(stat -c '%h %a' "$DIR/dir/b")" "2 600"
	rm "$DIR/a"
	is "$(stat -c %h "$DIR/dir/b")" 1
	is "$(cat "$DIR/dir/b" | xargs)" "one two"
	refused "hard link not allowed for directory" ln "$DIR/dir" "$DIR/dir2"
}

@test "a hard link to another class is refused" {
	class_raw Other
	echo one >"$DIR/a"
	refused "Invalid cross-device link" ln "$DIR/a" "$MNT/Other/a"
	is "$(stat -c %h "$DIR/a")" 1
}

@test "rename replaces a file and an empty directory, and nothing else" {
	echo a >"$DIR/a"
	echo b >"$DIR/b"
	mkdir "$DIR/d1" "$DIR/d2" "$DIR/full"
	echo x >"$DIR/full/x"
	is "$(helper moveat replace "$DIR/a" "$DIR/b")" ok
	is "$(cat "$DIR/b")" a
	is "$(helper moveat replace "$DIR/b" "$DIR/d1" || true)" EISDIR
	is "$(helper moveat replace "$DIR/d1" "$DIR/b" || true)" ENOTDIR
	is "$(helper moveat replace "$DIR/d1" "$DIR/full" || true)" ENOTEMPTY
	is "$(helper moveat replace "$DIR/d1" "$DIR/d2")" ok
	is "$(helper moveat replace "$DIR/full" "$DIR/full/x/y" || true)" ENOTDIR
	is "$(helper moveat replace "$DIR/full" "$DIR/full/y" || true)" EINVAL
	is "$(helper moveat noreplace "$DIR/b" "$DIR/full/x" || true)" EEXIST
	is "$(helper moveat exchange "$DIR/b" "$DIR/full/x")" ok
	is "$(cat "$DIR/b" "$DIR/full/x" | xargs)" "x a"
	is "$(cd "$DIR" && find . | sort | xargs)" ". ./b ./d2 ./full ./full/x"
}

@test "a renamed directory keeps everything in it" {
	mkdir -p "$DIR/a/b" "$DIR/target"
	echo 1 >"$DIR/a/b/1"
	setfattr -n user.k -v v "$DIR/a/b/1"
	local before
	before=$(facts "$DIR/a" | grep -v '^|')
	mv "$DIR/a" "$DIR/target/c"
	is "$(facts "$DIR/target/c" | grep -v '^|')" "$before"
	is "$(getfattr --only-values -n user.k "$DIR/target/c/b/1")" v
	store_remount
	is "$(facts "$DIR/target/c" | grep -v '^|')" "$before"
	absent "$DIR/a"
}

@test "a removed raw can be used through an open descriptor, and its bytes go when that is closed" {
	"$STOREFS" config "$STORE" trash_for=0 # else they stay
	head -c 3000000 /dev/urandom >"$WORK/file"
	cp "$WORK/file" "$DIR/file"
	exec 7<>"$DIR/file"
	rm "$DIR/file"
	absent "$DIR/file"
	is "$(stat -Lc %h /proc/self/fd/7)" 0
	cmp "$WORK/file" - <&7
	printf more >&7
	exec 7>&-
	bytes_gone() { [ "$(find "$STORE/raw" -type f -size +1000k | wc -l)" = 0 ]; }
	wait_until bytes_gone
}

@test "bytes of a class that was removed while they were open go when the store is opened after a crash" {
	class_raw Brief
	head -c 3000000 /dev/urandom >"$MNT/Brief/file"
	exec 7<"$MNT/Brief/file"
	rm "$MNT/Brief/file"
	rmdir "$MNT/Brief"
	is "$(find "$STORE/raw" -type f -size 3000000c | wc -l)" 1
	kill -9 "$STORE_PID"
	exec 7<&-
	wait_until gone "$STORE_PID"
	STORE_PID=
	unmount_by_force "$MNT"
	store_mount
	is "$(find "$STORE/raw" -type f -size 3000000c | wc -l)" 0
}

@test "a raw that is renamed while it is open stays the same file" {
	echo one >"$DIR/a"
	exec 7>>"$DIR/a"
	mv "$DIR/a" "$DIR/b"
	echo two >&7
	exec 7>&-
	is "$(cat "$DIR/b" | xargs)" "one two"
	absent "$DIR/a"
}

@test "a raw that replaces another leaves the other's readers alone" {
	echo old >"$DIR/a"
	echo new >"$DIR/b"
	exec 7<"$DIR/a"
	mv "$DIR/b" "$DIR/a"
	is "$(cat <&7)" old
	is "$(cat "$DIR/a")" new
	exec 7<&-
}

@test "pipes can be kept, and carry bytes" {
	mkfifo "$DIR/pipe"
	is "$(stat -c %F "$DIR/pipe")" fifo
	(echo through >"$DIR/pipe") &
	is "$(cat "$DIR/pipe")" through
	wait
	store_remount
	is "$(stat -c %F "$DIR/pipe")" fifo
}

# --- attributes -------------------------------------------------------------------------

@test "mode, owner and times are kept over a remount" {
	echo x >"$DIR/file"
	mkdir "$DIR/dir"
	ln -s file "$DIR/link"
	chmod 4751 "$DIR/file"
	chmod 2770 "$DIR/dir"
	if [ "$(id -u)" = 0 ]; then
		chown 12:34 "$DIR/file" "$DIR/dir"
		chown -h 56:78 "$DIR/link"
		chmod 4751 "$DIR/file"
		chmod 2770 "$DIR/dir"
	fi
	touch -d '2001-02-03 04:05:06.123456789 UTC' "$DIR/file" "$DIR/dir"
	touch -h -d '1969-07-20 20:17:40 UTC' "$DIR/link"
	local before
	before=$(facts "$DIR")
	has "$(stat -c '%a %.9Y' "$DIR/file")" "4751 981173106.123456789"
	has "$(stat -c '%a %Y' "$DIR/dir")" "2770 981173106"
	is "$(stat -c %Y "$DIR/link")" -14182940
	store_remount
	is "$(facts "$DIR")" "$before"
}

@test "mtime moves when the bytes change and only then" {
	echo one >"$DIR/file"
	touch -d '2020-01-01 UTC' "$DIR/file"
	cat "$DIR/file" >/dev/null
	chmod 0600 "$DIR/file"
	mv "$DIR/file" "$DIR/file2"
	is "$(stat -c %Y "$DIR/file2")" 1577836800
	echo two >>"$DIR/file2"
	[ "$(stat -c %Y "$DIR/file2")" -gt 1577836800 ]
	touch -d '2020-01-01 UTC' "$DIR/file2"
	truncate -s 1 "$DIR/file2"
	[ "$(stat -c %Y "$DIR/file2")" -gt 1577836800 ]
}

@test "the mtime of a directory moves when a name comes or goes" {
	mkdir "$DIR/dir"
	touch -d '2020-01-01 UTC' "$DIR/dir"
	echo x >"$DIR/dir/a"
	[ "$(stat -c %Y "$DIR/dir")" -gt 1577836800 ]
	touch -d '2020-01-01 UTC' "$DIR/dir"
	echo y >>"$DIR/dir/a"
	is "$(stat -c %Y "$DIR/dir")" 1577836800
	rm "$DIR/dir/a"
	[ "$(stat -c %Y "$DIR/dir")" -gt 1577836800 ]
}

@test "the bytes of a raw are a plain file of the store" {
	head -c 100000 /dev/urandom >"$DIR/file"
	sync "$DIR/file"
	local found
	found=$(find "$STORE/raw" -type f -size 100000c)
	isnt "$found" ""
	same "$found" "$DIR/file"
}

# --- metadata ---------------------------------------------------------------------------

@test "user attributes are set, read, listed, changed and removed" {
	echo x >"$DIR/file"
	setfattr -n user.width -v 1920 "$DIR/file"
	setfattr -n user.title -v 'a picture' "$DIR/file"
	setfattr -n user.empty -v '' "$DIR/file"
	is "$(getfattr --only-values -n user.width "$DIR/file")" 1920
	is "$(getfattr "$DIR/file" 2>/dev/null | grep '^user' | sort | xargs)" "user.empty user.title user.width"
	setfattr -n user.width -v 640 "$DIR/file"
	is "$(getfattr --only-values -n user.width "$DIR/file")" 640
	setfattr -x user.title "$DIR/file"
	refused "No such attribute" getfattr -n user.title "$DIR/file"
	refused "No such attribute" setfattr -x user.title "$DIR/file"
	is "$(getfattr "$DIR/file" 2>/dev/null | grep '^user' | sort | xargs)" "user.empty user.width"
}

@test "user attributes survive a remount, byte for byte" {
	echo x >"$DIR/file"
	mkdir "$DIR/dir"
	setfattr -n user.bytes -v 0x00ff0a0d22 "$DIR/file"
	setfattr -n 'user.ünïcödé key' -v '日本' "$DIR/file"
	setfattr -n user.on.directory -v yes "$DIR/dir"
	store_remount
	is "$(getfattr --only-values -n user.bytes "$DIR/file" | xxd -p)" 00ff0a0d22
	is "$(getfattr --only-values -n 'user.ünïcödé key' "$DIR/file")" 日本
	is "$(getfattr --only-values -n user.on.directory "$DIR/dir")" yes
}

@test "user attributes follow a rename and every hard link, and not a copy" {
	echo x >"$DIR/file"
	setfattr -n user.k -v v "$DIR/file"
	mv "$DIR/file" "$DIR/moved"
	ln "$DIR/moved" "$DIR/link"
	is "$(getfattr --only-values -n user.k "$DIR/moved")" v
	is "$(getfattr --only-values -n user.k "$DIR/link")" v
	cp "$DIR/moved" "$DIR/copy"
	refused "No such attribute" getfattr -n user.k "$DIR/copy"
	cp -a "$DIR/moved" "$DIR/full"
	is "$(getfattr --only-values -n user.k "$DIR/full")" v
	rm "$DIR/link"
	echo y >"$DIR/link"
	refused "No such attribute" getfattr -n user.k "$DIR/link"
}

@test "an attribute may have 64 KiB, as far as the kernel goes" {
	echo x >"$DIR/file"
	local value
	value=$(printf 'v%.0s' {1..60000})
	setfattr -n user.large -v "$value" "$DIR/file"
	store_remount
	is "$(getfattr --only-values -n user.large "$DIR/file" | wc -c)" 60000
	setfattr -n "user.$(printf 'n%.0s' {1..250})" -v x "$DIR/file"
	run setfattr -n "user.$(printf 'n%.0s' {1..251})" -v x "$DIR/file"
	isnt "$status" 0
	store_alive
}

@test "many attributes are kept until there is no room for more" {
	echo x >"$DIR/file"
	local i
	for i in {1..100}; do
		setfattr -n "user.key$i" -v "value $i" "$DIR/file"
	done
	is "$(getfattr "$DIR/file" 2>/dev/null | grep -c '^user')" 100
	is "$(getfattr --only-values -n user.key77 "$DIR/file")" "value 77"
	store_alive
}

@test "a probe for an attribute that nobody set is answered, and nobody is bothered" {
	echo x >"$DIR/file"
	run getfattr -n security.capability "$DIR/file"
	is "$status" 1
	run getfattr -n system.posix_acl_access "$DIR/file"
	is "$status" 1
	run getfattr -n trusted.something "$DIR/file"
	is "$status" 1
	is "$(getfattr -d -m - "$DIR/file" 2>/dev/null)" ""
}

@test "attributes of the store itself can not be set by hand" {
	echo x >"$DIR/file"
	run setfattr -n user.storefs.oid -v other "$DIR/file"
	is "$status" 1
	run setfattr -n user.storefs.anything -v other "$DIR/file"
	is "$status" 1
}

@test "scratch files and objects answer attribute calls sensibly" {
	mkdir "$MNT/Note"
	echo text >"$MNT/Note/scratch"
	echo '{}' >"$MNT/Note/1.json"
	setfattr -n user.k -v v "$MNT/Note/scratch"
	is "$(getfattr --only-values -n user.k "$MNT/Note/scratch")" v
	run getfattr -d "$MNT/Note/1.json"
	is "$status" 0
	run setfattr -n user.k -v v "$MNT/Note/1.json"
	is "$status" 1
	has "$output" "Operation not supported"
}

@test "-o noxattr has no attributes at all" {
	echo x >"$DIR/file"
	setfattr -n user.k -v v "$DIR/file"
	store_remount -o noxattr
	refused "Operation not supported" getfattr -n user.k "$DIR/file"
	refused "Operation not supported" setfattr -n user.k -v w "$DIR/file"
	is "$(ls -l "$DIR" 2>&1 >/dev/null)" ""
	store_remount
	is "$(getfattr --only-values -n user.k "$DIR/file")" v
}
