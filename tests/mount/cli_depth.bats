#!/usr/bin/env bats
# Exports at a depth, and typed metadata of raws: without a mount and with one.

load ../support/mount
load ../support/cli

setup() { store_new; }
teardown() { store_teardown; }

fill() {
	code 0 sfs class define "$S" "${C}User" <<<'{"type":"blog.User","properties":{"name":"string"}}'
	code 0 sfs class define "$S" "${C}Pic" <<<'{"kind":"raw","meta":{"width":"int","tags":"[string]"}}'
	code 0 sfs class define "$S" "$C" <<-END
		{"type": "blog.Post", "properties": {"title": "string", "bytes": "bin"},
		 "relations": {"by": "${C}User", "pics": ["${C}Pic"], "next": "$(printf '\xc2\xa4')"}}
	END
	code 0 sfs put "$S" "${C}User/7" <<<'{"name":"ann"}'
	printf 'hi' | sfs put "$S" "${C}Pic/a/b.png"
	code 0 sfs put "$S" "$C/1" <<<'{"title":"one","bytes":"AAE=","by":"7","pics":["a/b.png","gone"],"next":"2"}'
	code 0 sfs put "$S" "$C/2" <<<'{"title":"two","next":"1"}'
}

exports() {
	fill
	code 0 sfs get --depth 0 "$S" "$C/1"
	is "$(ask keys)" '["oid","type","updates"]'
	is "$(ask '[.oid,.type]')" '["1","blog.Post"]'
	is "$(ask '.updates|keys')" '["by","bytes","next","oid","pics","title"]'
	[[ "$out" =~ \"oid\":\ 20[0-9]{18}$'\n' ]]
	code 0 sfs get --depth 1 "$S" "$C/1"
	is "$(ask 'del(.updates)')" '{"oid":"1","type":"blog.Post","title":"one","bytes":"AAE=","by":[{"oid":"7","type":"blog.User"}],"pics":[{"oid":"a/b.png","type":"'"${C}Pic"'"},{"oid":"gone","type":"'"${C}Pic"'"}],"next":[{"oid":"2","type":"blog.Post"}]}'
	code 0 sfs get --depth 2 --data "$S" "$C/1"
	is "$(ask '.by[0].name')" ann
	is "$(ask '.pics|map(.data)')" '["aGk=",null]'
	is "$(ask '.next[0]|[.title,.next]')" '["two",[{"oid":"1","type":"blog.Post"}]]'
	code 0 sfs export --depth 1 "$S" "$C"
	is "$(jq -r .title <<<"$out" | xargs)" "one two"
	is "$(wc -l <<<"$out")" 2
	code 0 sfs export --depth 2 --format json "$S" "$C/2"
	is "$(ask '.[0].next[0].title')" one
	code 0 sfs export --depth 1 --data "$S" "${C}Pic/a/b.png"
	is "$(ask '[.oid,.data]')" '["a/b.png","aGk="]'
	sfs get --depth 1 --format msgpack "$S" "$C/1" >"$D/one"
	is "$(head -c 9 "$D/one" | xxd -p)" 88a36f6964a131a474
	code 10 sfs get --depth 1 "$S" "$C/9"
}
@test "get and export write an object at a depth; cycles end" { each exports; }

@test "depths that can not be are wrong use" {
	local depth
	for depth in 3 -1 x '' 01; do
		code 2 sfs get --depth "$depth" "$STORE" A/1
		has "$err" "is none of 0, 1 and 2"
	done
	code 2 sfs get --data "$STORE" A/1
	code 2 sfs get --depth 1 --meta "$STORE" A/1
	code 2 sfs export --depth 1 --to "$BATS_TEST_TMPDIR/to" "$STORE" A
	absent "$BATS_TEST_TMPDIR/to"
}

@test "metadata with a type is refused when it does not fit, and is that type in exports" {
	sfs class define "$STORE" Pic <<<'{"kind":"raw","meta":{"width":"int","tags":"[string]"}}'
	store_mount
	echo hi >"$MNT/Pic/a"
	setfattr -n user.width -v 1920 "$MNT/Pic/a"
	setfattr -n user.tags -v '["x","y"]' "$MNT/Pic/a"
	setfattr -n user.other -v 7 "$MNT/Pic/a"
	refused "Invalid argument" setfattr -n user.width -v wide "$MNT/Pic/a"
	is "$(tail -n 1 "$MNT/.storefs/errors.ndjson" | jq -c '[.class,.operation,.errno,.message]')" \
		'["Pic","setxattr","EINVAL","width: expected int, found string \"wide\""]'
	is "$(getfattr --only-values -n user.width "$MNT/Pic/a")" 1920
	is "$(getfattr --only-values -n user.tags "$MNT/Pic/a")" '["x","y"]'
	is "$(sfs get --meta "$MNT" Pic/a)" '{"width":1920,"tags":["x","y"],"other":"7"}'
	is "$(sfs get --depth 1 "$MNT" Pic/a | jq -c .width)" 1920
	# A copy from another file system is refused as a whole, with the reason.
	mkdir "$BATS_TEST_TMPDIR/raws"
	echo hi >"$BATS_TEST_TMPDIR/raws/b"
	setfattr -n user.width -v wide "$BATS_TEST_TMPDIR/raws/b" || skip "no user.* attributes here"
	code 3 sfs import "$MNT" Pic "$BATS_TEST_TMPDIR/raws"
	has "$err" 'b: width: expected int, found string "wide"'
	absent "$MNT/Pic/b"
}
