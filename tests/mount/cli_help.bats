#!/usr/bin/env bats
# The help of the command: every verb has one, it is complete, and the page about the command agrees.

load ../support/mount

setup() { need_command; }

verbs() { "$STOREFS" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p'; }

@test "the list of verbs is complete" {
	local sources
	sources=$(grep -ho '^const struct cli_cmd cli_cmd_[a-z]*' "$BATS_TEST_DIRNAME"/../../cli/*.c | sed 's/.*_//')
	is "$(verbs | sort)" "$(sort <<<"$sources")"
	is "$("$STOREFS" help)" "$("$STOREFS" --help)"
	is "$("$STOREFS" -h)" "$("$STOREFS" --help)"
}

@test "every verb explains itself: use, options, examples, exit codes" {
	local verb text
	for verb in $(verbs); do
		text=$("$STOREFS" "$verb" --help)
		is "$("$STOREFS" "$verb" -h)" "$text"
		is "$("$STOREFS" help "$verb")" "$text"
		has "$text" "storefs $verb: "
		has "$text" $'\nUsage:\n  storefs '"$verb "
		has "$text" $'\nOptions:\n'
		has "$text" $'\nExamples:\n  '
		has "$text" $'\nExit codes:\n   0  done\n'
		is "$(awk 'length > 95' <<<"$text")" ""
	done
}

@test "help is asked for on stdout, even where arguments are missing" {
	run --separate-stderr "$STOREFS" get --help
	is "$status" 0
	is "$stderr" ""
	has "$output" "storefs get"
}

@test "every option of a verb is in its help, with its short form" {
	local verb
	for verb in status import export put rm ls check class version init mount; do
		has "$("$STOREFS" "$verb" --help)" "-j, --json"
	done
	has "$("$STOREFS" ls --help)" "-S, --store PATH"
	lacks "$("$STOREFS" version --help)" "--store"
}

@test "the page about the command has every verb as its help shows it" {
	local page=$TREE/docs/commands.md verb line
	for verb in $(verbs); do
		grep -qx "## $verb" "$page" || fail "no section $verb"
		"$STOREFS" "$verb" --help | sed -n '/^Usage:/,/^$/s/^  \(storefs .*\)/    \1/p' >"$BATS_TEST_TMPDIR/use"
		[ -s "$BATS_TEST_TMPDIR/use" ] || fail "no use of $verb"
		while IFS= read -r line; do
			grep -Fqx -- "$line" "$page" || fail "not in the page: $line"
		done <"$BATS_TEST_TMPDIR/use"
	done
}

@test "the page about the command has every exit code of the help" {
	local code meaning
	"$STOREFS" --help | sed -n '/^Exit codes:/,/^$/p' | grep '^  ' >"$BATS_TEST_TMPDIR/codes"
	is "$(awk '{ printf "%s ", $1 }' "$BATS_TEST_TMPDIR/codes")" "0 1 2 3 10 11 12 13 14 "
	while read -r code meaning; do
		grep -Fq "| $code | ${meaning%%:*}" "$TREE/docs/commands.md" || fail "not in the page: $code $meaning"
	done <"$BATS_TEST_TMPDIR/codes"
}

@test "wrong use is exit code 2, one line on stderr, and where to look" {
	local use
	for use in "" "frob" "ls" "get" "get a" "get a b c" "put a" "rm a" "import a b" "import a b c d" \
		"init" "init a b" "umount" "umount a b" "mount a" "mount -o nonsense a b" \
		"version x" "help frob" "ls --frob a" "ls --limit" "ls --limit x a" "ls --json=1 a" "status -x" \
		"import --keep --update a b c" "import --kind x a b c" "import --format x a b c" "export a" "export --force a b" "export --format msgpack a b" \
		"get --format x a b/c" "get a b" "put a b/" "put --format x a b/c" "ls -f --after x a b" "check" "check --nonsense a" "class" "class frob a" "class list a b" "class show a" "class define a" "class show a b c" \
		"class list --sample 1 a" "class show --sample 1 a b" "class infer --sample x a b" "class define --json-schema a b"; do
		# shellcheck disable=SC2086  # the words of a use
		run --separate-stderr env -u STOREFS_STORE "$STOREFS" $use
		is "$status" 2
		is "$output" ""
		is "${#stderr_lines[@]}" 1
		has "$stderr" "storefs: "
	done
}
