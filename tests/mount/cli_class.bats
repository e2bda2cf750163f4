#!/usr/bin/env bats
# storefs class, and put without an oid: without a mount and with one.

load ../support/mount
load ../support/cli

setup() { store_new; }
teardown() { store_teardown; }

defined_and_shown() {
	printf '{"properties": {"n": "int"},\n\n "relations": {"up": "\xc2\xa4"}}' >"$D/def.json"
	code 0 sfs class define "$S" "$C" "$D/def.json"
	is "$out$err" ""
	sfs class show "$S" "$C" >"$D/shown"
	same "$D/shown" "$D/def.json"
	code 12 sfs put "$S" "$C/1" <<<'{"n": "x"}'
	has "$err" "standard input:1:7: n: expected int, found string \"x\""
	code 0 sfs put "$S" "$C/1" <<<'{"n": 1, "up": "1"}'
	is "$(sfs get "$S" "$C/1" | jq -c .up)" "{\"oid\":\"1\",\"type\":\"$C\"}"
	code 0 sfs class define --json "$S" "$C" <<<'{"type": "blog.x"}'
	is "$(ask '[.class,.type,.created]')" "[\"$C\",\"blog.x\",false]"
	is "$(sfs class show "$S" "$C")" '{"type": "blog.x"}'
}
@test "define takes effect at once, and show gives it back byte for byte" { each defined_and_shown; }

refused_definition() {
	code 0 sfs class define "$S" "$C" <<<'{}'
	printf '{\n  "properties": {"n": "integer"}\n}\n' >"$D/bad.json"
	code 12 sfs class define "$S" "$C" "$D/bad.json"
	has "$err" "$D/bad.json:2:23: member \"properties.n\": expected a type"
	is "$(sfs class show "$S" "$C")" '{}'
	code 12 sfs class define "$S" "${C}New" <<<'[]'
	code 10 sfs class show "$S" "${C}New"
	code 0 sfs class define "$S" "$C" <<<'{"relations": {"a": "Nobody"}}'
	has "$err" "there is no class Nobody yet"
	code 0 sfs check "$S" "$C"
	has "$out" "note: $C: schema: relation a leads to class Nobody"
}
@test "a definition that is not right says where, and changes nothing" { each refused_definition; }

listed_and_removed() {
	code 0 sfs class define "$S" "$C" <<<'{}'
	code 0 sfs class define "$S" "${C}Raw" <<<'{"kind": "raw"}'
	code 0 sfs put "$S" "$C/1" <<<'{}'
	code 0 sfs class list "$S"
	has "$out" "object          1  $C"
	has "$out" "raw             0  ${C}Raw"
	sfs class list --json "$S" >"$D/out"
	is "$(jq -c "map(select(.class == \"$C\"))[0] | [.kind,.objects]" "$D/out")" '["object",1]'
	code 1 sfs class remove "$S" "$C"
	has "$err" "not empty"
	code 0 sfs class remove "$S" "${C}Raw"
	code 10 sfs class show "$S" "${C}Raw"
}
@test "list and remove" { each listed_and_removed; }

inferred() {
	code 0 sfs put --kind object "$S" "$C/1" <<<'{"n": 1, "t": "a", "at": "2025-01-02", "who": {"oid": "1", "type": "Account"}}'
	code 0 sfs put "$S" "$C/2" <<<'{"n": 2.5, "l": ["a"]}'
	sfs class infer "$S" "$C" >"$D/def.json"
	is "$(jq -c '[.properties, .relations]' "$D/def.json")" \
		'[{"n":"number","t":"string","at":"date","l":"[string]"},{"who":"Account"}]'
	sfs class infer --sample 1 "$S" "$C" >"$D/one.json"
	is "$(jq -c .properties.n "$D/one.json")" '"int"'
	code 0 sfs class define "$S" "$C" "$D/def.json"
	code 0 sfs check "$S" "$C"
	has "$out" "no problem, 1 note"
}
@test "infer proposes what the objects fit" { each inferred; }

json_schema() {
	code 0 sfs class define "$S" "$C" <<<'{"properties": {"n": "int:0-100", "s": "(a|b)"}, "extra": "refuse"}'
	sfs class show --json-schema "$S" "$C" >"$D/schema"
	is "$(jq -r '."$schema"' "$D/schema")" https://json-schema.org/draft/2020-12/schema
	is "$(jq -c '[.title, .additionalProperties, .properties.n.anyOf[0], .properties.s.anyOf[0]]' "$D/schema")" \
		"[\"$C\",false,{\"type\":\"integer\",\"minimum\":0,\"maximum\":100},{\"enum\":[\"a\",\"b\"]}]"
}
@test "show --json-schema is JSON Schema" { each json_schema; }

objects_that_do_not_fit() {
	code 0 sfs put --kind object "$S" "$C/1" <<<'{"n": "x"}'
	code 0 sfs put "$S" "$C/2" <<<'{"n": 2}'
	code 0 sfs class define "$S" "$C" <<<'{"properties": {"n": "int"}}'
	is "$(sfs get "$S" "$C/1" | jq -c .)" '{"n":"x"}'
	code 14 sfs check "$S" "$C"
	has "$out" "problem: $C/1: schema: n: expected int, found string \"x\""
	code 0 sfs class define "$S" "$C" <<<'{"properties": {"n": "int"}, "validate": "warn"}'
	code 0 sfs check "$S" "$C"
	has "$out" "note: $C/1: schema: n: expected int"
	code 0 sfs put "$S" "$C/3" <<<'{"n": "y"}'
	has "$err" "saved, but it does not fit: n: expected int, found string \"y\""
}
@test "objects that no longer fit are kept, and listed by check" { each objects_that_do_not_fit; }

new_oids() {
	local first second
	first=$(sfs put --kind object "$S" "$C" <<<'{"n": 1}')
	second=$(sfs put "$S" "$C" <<<'{"n": 2}')
	is "${#first}" 24
	[[ "$first" < "$second" ]] || fail "$first, $second"
	is "$(sfs get "$S" "$C/$second" | jq -c .n)" 2
	code 0 sfs class define "$S" "$C" <<<'{"oid": "uuid"}'
	code 0 sfs put --json "$S" "$C" <<<'{"n": 3}'
	is "$(ask '[.created, (.oid | length)]')" '[true,36]'
	code 12 sfs put "$S" "$C" <<<'[]'
	is "$out" ""
	is "$(sfs ls "$S" "$C" | wc -l)" 3
	first=$(printf bytes | sfs put --kind raw "$S" "${C}Raw")
	is "$(sfs get "$S" "${C}Raw/$first")" bytes
}
@test "put without an oid makes one and prints it" { each new_oids; }
