#!/usr/bin/env bats
# What a document is: what you write is what you read, through every door and in both formats;
# and what is refused changes nothing.

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

# --- what you write is what you read ----------------------------------------------------

@test "a document is byte for byte what was written" {
	local text
	for text in '{}' ' {} ' $'{}\n\n\n' '{"a":1}' $'\t{ "b" : 2 , "a":[1,2 , 3] }\r\n' \
		'{"z":1,"a":2,"m":3}' '{"a":"\u0041\u00e9\/\n"}' '{"a":"A\u00E9\ud83d\ude00😀"}' '{"a":1E2,"b":1.50,"c":-0}' \
		'{"":""}' '{"a":{"a":{"a":{}}}}' '{"a":null,"b":true,"c":false}'; do
		printf '%s' "$text" >"$DIR/1.json"
		holds "$DIR/1.json" "$text"
		is "$(stat -c %s "$DIR/1.json")" "$(printf '%s' "$text" | wc -c)"
	done
}

@test "a document is byte for byte what was written after a remount" {
	printf '{ "b":1,\n\n"a":1.50e1 }' >"$DIR/1.json"
	store_remount
	holds "$DIR/1.json" $'{ "b":1,\n\n"a":1.50e1 }'
}

@test "a document is byte for byte what was written, seen through the command" {
	printf '{ "b":1,\n\n"a":1.50e1 }' >"$DIR/1.json"
	object_get Note 1 >"$BATS_TEST_TMPDIR/out"
	holds "$BATS_TEST_TMPDIR/out" $'{ "b":1,\n\n"a":1.50e1 }'
}

@test "a document of several megabytes comes back whole" {
	jq -n '{list: [range(200000) | {id: ., text: "entry \(.)"}]}' >"$BATS_TEST_TMPDIR/big"
	cp "$BATS_TEST_TMPDIR/big" "$DIR/big.json"
	same "$BATS_TEST_TMPDIR/big" "$DIR/big.json"
	store_remount
	same "$BATS_TEST_TMPDIR/big" "$DIR/big.json"
}

@test "a save replaces the object: a key that is missing was removed" {
	echo '{"a": 1, "b": 2}' >"$DIR/1.json"
	echo '{"b": 3}' >"$DIR/1.json"
	is "$(jq -c . "$DIR/1.json")" '{"b":3}'
	echo '{}' >"$DIR/1.json"
	is "$(object_get Note 1)" '{}'
}

@test "a save of the same bytes changes nothing: no commit, no new time" {
	echo '{"a": 1}' >"$DIR/1.json"
	local stat commit
	stat=$(stat -c '%Y %y %z %i %s' "$DIR/1.json")
	commit=$(jq .commit "$MNT/.storefs/status")
	echo '{"a": 1}' >"$DIR/1.json"
	is "$(stat -c '%Y %y %z %i %s' "$DIR/1.json")" "$stat"
	is "$(jq .commit "$MNT/.storefs/status")" "$commit"
	store_remount
	is "$(stat -c '%Y %y %z %i %s' "$DIR/1.json")" "$stat"
}

@test "a save that changes only white space or order changes the text and its mtime" {
	printf '{"a": 1, "b": 2}' >"$DIR/1.json"
	touch -d '2020-01-01 UTC' "$DIR/1.json"
	printf '{"a":1,  "b": 2}' >"$DIR/1.json"
	holds "$DIR/1.json" '{"a":1,  "b": 2}'
	[ "$(stat -c %Y "$DIR/1.json")" -gt 1577836800 ]
	touch -d '2020-01-01 UTC' "$DIR/1.json"
	printf '{"b": 2, "a":1}' >"$DIR/1.json"
	holds "$DIR/1.json" '{"b": 2, "a":1}'
	[ "$(stat -c %Y "$DIR/1.json")" -gt 1577836800 ]
}

# --- canonical form ---------------------------------------------------------------------

@test "a document that came through the command is canonical" {
	object_put Note 1 <<<'{ "b":[1, [], {}, {"x":null}],"a":"é\u0041/","n":1.50 }'
	is "$(cat "$DIR/1.json")" "$(cat <<-'END'
	{
	  "b": [
	    1,
	    [],
	    {},
	    {
	      "x": null
	    }
	  ],
	  "a": "éA/",
	  "n": 1.5
	}
	END
	)"
	is "$(tail -c 2 "$DIR/1.json" | xxd -p)" 7d0a
}

@test "an empty document that came through another door is two braces and a newline" {
	object_put Note 1 <<<' { } '
	holds "$DIR/1.json" $'{}\n'
}

@test "a document that came as msgpack is canonical JSON" {
	# {"b": 1, "a": [true, nil, "é"], "c": {"x": -1.5}}
	hex 83 a162 01 a161 93 c3 c0 a2c3a9 a163 81 a178 cbbff8000000000000 >"$DIR/1.msgpack"
	is "$(cat "$DIR/1.json")" "$(cat <<-'END'
	{
	  "b": 1,
	  "a": [
	    true,
	    null,
	    "é"
	  ],
	  "c": {
	    "x": -1.5
	  }
	}
	END
	)"
}

@test "control characters and quotes in canonical text are escaped so that any reader takes them" {
	# {"a": "\x00\x01\n\"\\\x7f\u2028"}
	hex 81 a161 a9 00 01 0a 22 5c 7f e280a8 >"$DIR/1.msgpack"
	is "$(jq -r '.a | explode | tostring' "$DIR/1.json")" "[0,1,10,34,92,127,8232]"
}

@test "the text is canonical again after another door changed the object" {
	printf '{ "a" : 1 }' >"$DIR/1.json"
	object_put Note 1 <<<'{"a":2}'
	holds "$DIR/1.json" $'{\n  "a": 2\n}\n'
}

# --- two views of one object ------------------------------------------------------------

@test "the msgpack view shows what the JSON view saved" {
	printf '{"a": 1, "b": "x"}' >"$DIR/1.json"
	is "$(xxd -p "$DIR/1.msgpack")" 82a16101a162a178
	is "$(stat -c %s "$DIR/1.msgpack")" 8
}

@test "the JSON view shows what the msgpack view saved, and the other way round, again and again" {
	local i
	for i in 1 2 3 4 5 6 7 8 9; do
		hex "81a16e0$i" >"$DIR/1.msgpack"
		holds "$DIR/1.json" $'{\n  "n": '"$i"$'\n}\n'
		is "$(stat -c %s "$DIR/1.json")" 13
		printf '{"n": 1%s}' "$i" >"$DIR/1.json"
		is "$(xxd -p "$DIR/1.msgpack")" "81a16e$(printf %02x "1$i")"
	done
}

@test "msgpack bytes are kept as they were written" {
	# a float 32, an int in 64 bits, a str 8: all longer than they need to be
	hex 83 a161 ca3fc00000 a162 d30000000000000001 a163 d90178 >"$DIR/1.msgpack"
	is "$(xxd -p "$DIR/1.msgpack")" 83a161ca3fc00000a162d30000000000000001a163d90178
	is "$(jq -c . "$DIR/1.json")" '{"a":1.5,"b":1,"c":"x"}'
}

@test "only the listed view is listed, the other is reachable by name" {
	echo '{}' >"$DIR/1.json"
	hex 80 >"$DIR/2.msgpack"
	is "$(ls -A "$DIR" | xargs)" "1.json 2.json"
	[ -f "$DIR/1.msgpack" ]
	[ -f "$DIR/2.json" ]
	absent "$DIR/3.json" "$DIR/3.msgpack"
}

@test "removing one view removes the object" {
	echo '{}' >"$DIR/1.json"
	echo '{}' >"$DIR/2.json"
	stat "$DIR"/{1,2}.{json,msgpack} >/dev/null
	rm "$DIR/1.msgpack"
	rm "$DIR/2.json"
	# The kernel holds the directory during rm, and is told of the other name right after it.
	wait_until test ! -e "$DIR/1.json" -a ! -e "$DIR/2.msgpack"
	absent "$DIR"/{1,2}.{json,msgpack}
	is "$(ls -A "$DIR")" ""
}

@test "get --format msgpack gives the same bytes as the view, put --format msgpack takes them" {
	echo '{"a": [1, 2.5, "x", null], "b": {"$bin": "AAEC"}}' >"$DIR/1.json"
	object_get Note 1 --format msgpack >"$BATS_TEST_TMPDIR/out"
	same "$BATS_TEST_TMPDIR/out" "$DIR/1.msgpack"
	object_put Note 2 --format msgpack <"$BATS_TEST_TMPDIR/out"
	same "$BATS_TEST_TMPDIR/out" "$DIR/2.msgpack"
	is "$(jq -c . "$DIR/2.json")" '{"a":[1,2.5,"x",null],"b":{"$bin":"AAEC"}}'
}

# --- numbers ----------------------------------------------------------------------------

@test "integers of 64 bits are exact in both directions" {
	printf '{"a":9223372036854775807,"b":-9223372036854775808,"c":18446744073709551615}' >"$DIR/1.json"
	is "$(xxd -p "$DIR/1.msgpack" | tr -d '\n')" \
		83a161cf7fffffffffffffffa162d38000000000000000a163cfffffffffffffffff
	cp "$DIR/1.msgpack" "$BATS_TEST_TMPDIR/bytes"
	cp "$BATS_TEST_TMPDIR/bytes" "$DIR/2.msgpack"
	is "$(tr -d ' \n' <"$DIR/2.json")" \
		'{"a":9223372036854775807,"b":-9223372036854775808,"c":18446744073709551615}'
}

@test "each integer around a border of its encoding is exact" {
	local n list=
	for n in 0 1 127 128 255 256 65535 65536 2147483647 2147483648 4294967295 4294967296 \
		9007199254740991 9007199254740992 9007199254740993 9223372036854775807 9223372036854775808 \
		-1 -32 -33 -128 -129 -32768 -32769 -2147483648 -2147483649 -9007199254740993 -9223372036854775808; do
		list+=${list:+,}$n
	done
	printf '{"n":[%s]}' "$list" >"$DIR/1.json"
	cp "$DIR/1.msgpack" "$BATS_TEST_TMPDIR/bytes"
	cp "$BATS_TEST_TMPDIR/bytes" "$DIR/2.msgpack"
	is "$(tr -d ' \n' <"$DIR/2.json")" "{\"n\":[$list]}"
}

@test "integers beyond 64 bits keep every digit in both directions" {
	local big=18446744073709551616 small=-9223372036854775809
	local huge=123456789012345678901234567890123456789012345678901234567890
	printf '{"a":%s,"b":%s,"c":%s}' "$big" "$small" "$huge" >"$DIR/1.json"
	cp "$DIR/1.msgpack" "$BATS_TEST_TMPDIR/bytes"
	cp "$BATS_TEST_TMPDIR/bytes" "$DIR/2.msgpack"
	is "$(tr -d ' \n' <"$DIR/2.json")" "{\"a\":$big,\"b\":$small,\"c\":$huge}"
}

@test "doubles survive in shortest round-trip form" {
	local n list=
	for n in 0.1 1.5 -0.0 3.141592653589793 1e+22 1e-07 5e-324 1.7976931348623157e+308 \
		2.2250738585072014e-308 0.30000000000000004 123456789.125; do
		list+=${list:+,}$n
	done
	printf '{"n":[%s]}' "$list" >"$DIR/1.json"
	cp "$DIR/1.msgpack" "$BATS_TEST_TMPDIR/bytes"
	cp "$BATS_TEST_TMPDIR/bytes" "$DIR/2.msgpack"
	is "$(stat -c %s "$BATS_TEST_TMPDIR/bytes")" $((1 + 2 + 1 + 11 * 9))
	object_get Note 2 --format msgpack | cmp - "$BATS_TEST_TMPDIR/bytes"
	object_put Note 3 <"$DIR/2.json"
	cmp "$DIR/3.msgpack" "$BATS_TEST_TMPDIR/bytes"
	has "$(cat "$DIR/2.json")" 0.30000000000000004
	has "$(cat "$DIR/2.json")" 5e-324
	has "$(cat "$DIR/2.json")" -0.0
}

@test "a double that is a whole number stays a double" {
	hex 82 a161 cb3ff0000000000000 a162 01 >"$DIR/1.msgpack"
	is "$(tr -d ' \n' <"$DIR/1.json")" '{"a":1.0,"b":1}'
	cp "$DIR/1.json" "$BATS_TEST_TMPDIR/text"
	object_put Note 2 <"$BATS_TEST_TMPDIR/text"
	is "$(xxd -p "$DIR/2.msgpack")" 82a161cb3ff0000000000000a16201
}

# --- what JSON can not say --------------------------------------------------------------

# lossless HEX JSON : these msgpack bytes read as that JSON, and that JSON gives these bytes.
lossless() {
	hex "$1" >"$DIR/m.msgpack"
	is "$(tr -d ' \n' <"$DIR/m.json")" "$2"
	printf '%s' "$2" >"$DIR/j.json"
	is "$(xxd -p "$DIR/j.msgpack" | tr -d '\n')" "$1"
	rm "$DIR/m.json" "$DIR/j.json"
}

@test "binary is lossless as \$bin" {
	lossless 81a161c400 '{"a":{"$bin":""}}'
	lossless 81a161c40100 '{"a":{"$bin":"AA=="}}'
	lossless 81a161c404fffefd00 '{"a":{"$bin":"//79AA=="}}'
}

@test "extensions are lossless as \$ext" {
	lossless 81a161d40500 '{"a":{"$ext":[5,"AA=="]}}'
	lossless 81a161d6ff00000001 '{"a":{"$ext":[-1,"AAAAAQ=="]}}'
	lossless 81a161c70005 '{"a":{"$ext":[5,""]}}'
	lossless 81a161c70380010203 '{"a":{"$ext":[-128,"AQID"]}}'
}

@test "maps with keys that are not strings are lossless as \$map" {
	lossless 81a1618101a178 '{"a":{"$map":[[1,"x"]]}}'
	lossless 81a16182c0c2a16bc3 '{"a":{"$map":[[null,false],["k",true]]}}'
	lossless 81a1618192010203 '{"a":{"$map":[[[1,2],3]]}}'
}

@test "numbers that are none are lossless as \$float" {
	lossless 81a161cb7ff0000000000000 '{"a":{"$float":"inf"}}'
	lossless 81a161cbfff0000000000000 '{"a":{"$float":"-inf"}}'
	hex 81a161cb7ff8000000000000 >"$DIR/1.msgpack"
	is "$(tr -d ' \n' <"$DIR/1.json")" '{"a":{"$float":"nan"}}'
}

@test "a map that only looks like one of the four words survives" {
	# {"a": {"$bin": 1}} and {"a": {"$float": "x"}} as msgpack maps
	lossless 81a16181a42462696e01 '{"a":{"$map":[["$bin",1]]}}'
	lossless 81a16181a624666c6f6174a178 '{"a":{"$map":[["$float","x"]]}}'
	lossless 81a16182a42462696e01a16202 '{"a":{"$bin":1,"b":2}}'
}

@test "a malformed \$bin, \$ext, \$map or \$float is refused" {
	local text
	for text in '{"$bin": "?"}' '{"$bin": "AAA"}' '{"$bin": 1}' '{"$ext": [1]}' '{"$ext": [128, ""]}' \
		'{"$ext": ["1", ""]}' '{"$map": [[1]]}' '{"$map": {"a": 1}}' '{"$map": [[1, 2], [1, 3]]}' \
		'{"$float": "1"}' '{"$float": "NaN"}' '{"$float": 1}'; do
		run helper save -t "$DIR/1.json" <<<"{\"a\": $text}"
		has "$output" EBADMSG
	done
	wait_until absent "$DIR/1.json"
}

# --- what is refused --------------------------------------------------------------------

# refuses FILE <BYTES : saving says EBADMSG by the time of close, and FILE stays as it was.
refuses() {
	run helper save -t "$1"
	is "$status" 1
	has "$output" =EBADMSG
}

@test "malformed text is refused at close and the object stays as it was" {
	echo '{"good": true}' >"$DIR/1.json"
	local text stat
	stat=$(stat -c '%Y %y %z %i %s' "$DIR/1.json")
	for text in '{' '}' '{"a"}' '{"a":}' '{"a":1,}' '{,}' "{'a':1}" '{a:1}' '{"a":1}}' '{"a":1}{"b":2}' '{"a":1} x' \
		'{"a":01}' '{"a":+1}' '{"a":.5}' '{"a":1.}' '{"a":1e}' '{"a":0x1}' '{"a":NaN}' '{"a":Infinity}' \
		'{"a":"\x41"}' '{"a":"\u12"}' '{"a":"\ud800"}' '{"a":"\udc00\ud800"}' $'{"a":"\n"}' $'{"a":"\t"}' \
		'{"a":tru}' '{"a":nul}' '{"a":True}' '{"a":[1,]}' '{"a":[1 2]}' '{"a":[}' '{"a" 1}' '{"a"::1}' \
		'// comment' '/* c */ {}' '{"a":1} // c' $'\xef\xbb\xbf{}' $'{}\x01' '{"a":"' 'x' ' '; do
		refuses "$DIR/1.json" < <(printf '%s' "$text")
		holds "$DIR/1.json" $'{"good": true}\n'
	done
	refuses "$DIR/1.json" < <(printf '{}\0')
	is "$(stat -c '%Y %y %z %i %s' "$DIR/1.json")" "$stat"
	is "$(object_get Note 1)" '{"good": true}'
}

@test "a document that is not an object is refused" {
	local text
	for text in '[]' '[{}]' '1' '"a"' 'null' 'true'; do
		refuses "$DIR/1.json" <<<"$text"
	done
	wait_until absent "$DIR/1.json"
	is "$(ls -A "$DIR")" ""
}

@test "a refused new file vanishes" {
	refuses "$DIR/1.json" <<<'{"a": '
	wait_until absent "$DIR/1.json"
	absent "$DIR/1.msgpack"
	is "$(ls -A "$DIR")" ""
	echo '{"a": 1}' >"$DIR/1.json"
	is "$(cat "$DIR/1.json")" '{"a": 1}'
}

@test "fsync of text that is not a document says so, and nothing is saved" {
	echo '{"good": true}' >"$DIR/1.json"
	run helper save -tf "$DIR/1.json" < <(printf '{"a": 1')
	has "$output" "write=ok fsync=EBADMSG"
	holds "$DIR/1.json" $'{"good": true}\n'
}

@test "write says at once when the text can no longer become a document" {
	run helper save -t "$DIR/1.json" < <(printf 'hello\n')
	has "$output" "write=EBADMSG"
	run bash -c 'echo hello >"$1"' - "$DIR/1.json"
	is "$status" 1
	wait_until absent "$DIR/1.json"
}

@test "a text that becomes a document only with the last write is saved" {
	{ printf '{"a":'; printf ' [1'; printf ', 2]'; printf '}\n'; } >"$DIR/1.json"
	holds "$DIR/1.json" $'{"a": [1, 2]}\n'
}

@test "duplicate keys are refused at every depth" {
	refuses "$DIR/1.json" <<<'{"a": 1, "b": 2, "a": 1}'
	refuses "$DIR/1.json" <<<'{"x": [{"y": {"a": 1, "a": 2}}]}'
	refuses "$DIR/1.json" <<<'{"a": 1, "\u0061": 1}'
	refuses "$DIR/1.msgpack" < <(hex 82 a161 01 a161 02)
	wait_until absent "$DIR/1.json"
	echo '{"a": {"a": {"a": 1}}, "b": {"a": 1}}' >"$DIR/1.json"
}

@test "invalid UTF-8 is refused" {
	local bytes
	for bytes in ff c3 c328 e28228 f0288c28 eda080 c080 f8a1a1a1a1 f4908080 e2; do
		refuses "$DIR/1.json" < <(printf '{"a": "'; hex "$bytes"; printf '"}')
		refuses "$DIR/2.json" < <(printf '{"'; hex "$bytes"; printf '": 1}')
		refuses "$DIR/3.msgpack" < <(hex "81a161$(printf 'a%x' $((${#bytes} / 2)))$bytes")
	done
	wait_until absent "$DIR/1.json" "$DIR/2.json" "$DIR/3.json"
}

@test "malformed msgpack is refused" {
	echo '{"good": true}' >"$DIR/1.json"
	local bytes
	for bytes in 81 81a1 81a161 82a16101 c1 81a161c1 8101 90 c0 01 a161 8000 80c0 81a16101ff \
		dfffffffff 81a161ddffffffff 81a161dbffffffff61 81a161c6ffffffff 81a161c9ffffffff05 81c40161 01 \
		81a161d4 81a161cb3ff0; do
		refuses "$DIR/1.msgpack" < <(hex "$bytes")
		holds "$DIR/1.json" $'{"good": true}\n'
	done
	store_alive
}

# nested DEPTH : a document of that depth, itself included.
nested() {
	printf '{"a":'
	printf '[%.0s' $(seq 2 "$1")
	printf ']%.0s' $(seq 2 "$1")
	printf '}'
}

@test "a document may nest 490 deep and no deeper" {
	nested 490 >"$BATS_TEST_TMPDIR/490"
	nested 491 >"$BATS_TEST_TMPDIR/491"
	nested 100000 >"$BATS_TEST_TMPDIR/deep"
	cp "$BATS_TEST_TMPDIR/490" "$DIR/1.json"
	same "$BATS_TEST_TMPDIR/490" "$DIR/1.json"
	cat "$DIR/1.msgpack" >"$BATS_TEST_TMPDIR/490.msgpack"
	cp "$BATS_TEST_TMPDIR/490.msgpack" "$DIR/2.msgpack"
	is "$(tr -d ' \n' <"$DIR/2.json")" "$(cat "$BATS_TEST_TMPDIR/490")"
	refuses "$DIR/1.json" <"$BATS_TEST_TMPDIR/491"
	refuses "$DIR/1.json" <"$BATS_TEST_TMPDIR/deep"
	same "$BATS_TEST_TMPDIR/490" "$DIR/1.json"
	refuses "$DIR/3.msgpack" < <(hex 81a161; printf '\x91%.0s' {1..489}; hex 90)
	refuses "$DIR/3.msgpack" < <(hex 81a161; head -c 1000000 /dev/zero | tr '\0' '\221'; hex 90)
	wait_until absent "$DIR/3.json"
	store_alive
}

# sized BYTES : a valid document of exactly so many bytes.
sized() {
	printf '{"a":"'
	head -c $(($1 - 8)) /dev/zero | tr '\0' x
	printf '"}'
}

@test "a document may have 64 MiB and not a byte more" {
	local most=$((64 << 20))
	echo '{"good": true}' >"$DIR/1.json"
	sized $((most + 1)) >"$BATS_TEST_TMPDIR/over"
	run helper save -t "$DIR/1.json" <"$BATS_TEST_TMPDIR/over"
	is "$status" 1
	[[ $output == *EFBIG* || $output == *EBADMSG* ]]
	holds "$DIR/1.json" $'{"good": true}\n'
	sized "$most" >"$BATS_TEST_TMPDIR/most"
	cp "$BATS_TEST_TMPDIR/most" "$DIR/1.json"
	same "$BATS_TEST_TMPDIR/most" "$DIR/1.json"
	store_remount
	same "$BATS_TEST_TMPDIR/most" "$DIR/1.json"
}

@test "a write far beyond the largest document is refused" {
	echo '{"good": true}' >"$DIR/1.json"
	run helper save -o $((1 << 40)) "$DIR/1.json" <<<'}'
	is "$status" 1
	run truncate -s 1T "$DIR/1.json"
	is "$status" 1
	holds "$DIR/1.json" $'{"good": true}\n'
	store_alive
}

# --- oid and type at the top ------------------------------------------------------------

@test "oid and type may stand at the top when they are right" {
	echo '{"oid": "7", "type": "Note", "a": 1}' >"$DIR/7.json"
	holds "$DIR/7.json" $'{"oid": "7", "type": "Note", "a": 1}\n'
	is "$(xxd -p "$DIR/7.msgpack")" 81a16101
}

@test "an oid or a type that is wrong is refused" {
	refuses "$DIR/7.json" <<<'{"oid": "8"}'
	refuses "$DIR/7.json" <<<'{"oid": null}'
	refuses "$DIR/7.json" <<<'{"oid": ["7"]}'
	refuses "$DIR/7.json" <<<'{"type": "Account"}'
	refuses "$DIR/7.json" <<<'{"type": 1}'
	refuses "$DIR/7.json" <<<'{"updates": {}}'
	wait_until absent "$DIR/7.json"
	echo '{"x": {"oid": "8", "type": "Account", "updates": 1}}' >"$DIR/7.json"
}

@test "a copy under another name of a document that names its oid is refused" {
	echo '{"oid": "7"}' >"$DIR/7.json"
	run cp "$DIR/7.json" "$DIR/8.json"
	is "$status" 1
	wait_until absent "$DIR/8.json"
	is "$(ls "$DIR")" 7.json
}

# --- empty files ------------------------------------------------------------------------

@test "touch makes an empty object" {
	touch "$DIR/1.json" "$DIR/2.msgpack"
	wait_until test -s "$DIR/1.json"
	wait_until test -s "$DIR/2.msgpack"
	is "$(cat "$DIR/1.json")" '{}'
	is "$(cat "$DIR/2.json")" '{}'
	is "$(xxd -p "$DIR/1.msgpack")" 80
	is "$(ls "$DIR" | xargs)" "1.json 2.json"
	store_remount
	is "$(cat "$DIR/1.json")" '{}'
}

@test "an existing object that is truncated to nothing and closed stays as it was" {
	echo '{"a": 1}' >"$DIR/1.json"
	: >"$DIR/1.json"
	wait_until holds "$DIR/1.json" $'{"a": 1}\n'
	is "$(stat -c %s "$DIR/1.json")" 9
	truncate -s 0 "$DIR/1.json"
	wait_until holds "$DIR/1.json" $'{"a": 1}\n'
	store_remount
	holds "$DIR/1.json" $'{"a": 1}\n'
}

@test "touch of an existing object changes its mtime and nothing else" {
	echo '{"a": 1}' >"$DIR/1.json"
	touch -d '2020-01-01 UTC' "$DIR/1.json"
	touch "$DIR/1.json"
	[ "$(stat -c %Y "$DIR/1.json")" -gt 1577836800 ]
	holds "$DIR/1.json" $'{"a": 1}\n'
}
