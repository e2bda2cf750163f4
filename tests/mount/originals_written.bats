#!/usr/bin/env bats
# Folders of the two Python systems made anew by our program, from what the cases have and from the schema
# alone, and read by the independent reader.

load ../support/mount
load ../support/cli

ORIGINALS=$TREE/tests/support/originals/originals
VECTORS=$TREE/tests/data/vectors
export PYTHONDONTWRITEBYTECODE=1

setup() {
	need_command
	NEW=$BATS_TEST_TMPDIR/new
}

new_directory() {
	if ! sfs init --backend directory "$NEW" || ! sfs class define "$NEW" Probe <<<'{}' ||
		! sfs put "$NEW" Probe/1 <<<'{}' || [ ! -e "$NEW/Probe/1.json" ]; then
		skip "this build has no backend directory"
	fi
	sfs rm --recursive "$NEW" Probe
}

# All classes come first: what a relation leads to must be known when it is saved.
define_all() {
	local class
	for class in $(jq -r '(.raw, .objects) | keys[]' "$VECTORS/schema.json"); do
		[ "$class" != Coll ] || continue
		"$ORIGINALS" definition "$VECTORS/schema.json" "$class" | sfs class define "$NEW" "$class"
	done
}

write_objects() {
	local class
	for class in $(jq -r ".cases[\"$1\"].dump.objects | keys[]" "$VECTORS/expected.json"); do
		[ "$class" != Coll ] || continue
		"$ORIGINALS" rewrite "$VECTORS" "$1" "$class" >"$BATS_TEST_TMPDIR/records"
		[ ! -s "$BATS_TEST_TMPDIR/records" ] || sfs import "$NEW" "$class" "$BATS_TEST_TMPDIR/records"
	done
}

written() {
	new_directory
	define_all
	write_objects "$1"
	code 0 "$ORIGINALS" rewritten "$VECTORS" "$1" "$NEW"
}

@test "objects of every type are written as Python reads them" { written obj_types; }
@test "empty and falsy values are written as Python reads them" { written obj_empty; }
@test "integers and floats at the edges are written as Python reads them" { written obj_numbers; }
@test "texts of every kind are written as Python reads them" { written obj_unicode; }
@test "update times are written as Python reads them" { written obj_updates; }
@test "relations are written in the short form that Python reads" { written obj_relations_shallow; }
@test "objects with indexes are written as Python reads them" { written index_gdbm; }
@test "and so are those whose indexes were in other kinds of files" { written index_dumb && rm -r "$NEW" && written index_ndbm; }
@test "relations that lead in a circle are written as Python reads them" { written obj_cycle; }
@test "what could be read of a damaged folder is written as Python reads it" { written obj_damaged; }

# raws CASE : their bytes, from the files of the case; what is said of them is not compared here.
raws() {
	local folder path
	(cd "$VECTORS/$1" && find . -name meta.json -printf '%h\n') | while read -r folder; do
		path=${folder#./}
		path=${path%%/*}/$(tr / . <<<"${path#*/}")
		if [ -e "$VECTORS/$1/$folder/data.blob" ]; then
			sfs put "$NEW" "$path" "$VECTORS/$1/$folder/data.blob"
		else
			sfs put "$NEW" "$path" /dev/null
		fi
	done
}

@test "raws are written as Python reads them" {
	new_directory
	define_all
	write_objects raw_all
	raws raw_all
	code 0 "$ORIGINALS" rewritten "$VECTORS" raw_all "$NEW"
}

# The class my.coll of the case can not be made here: a name that is made has no dot.
@test "relations of every form, with raws, are written as Python reads them" {
	new_directory
	define_all
	write_objects obj_relations
	raws obj_relations
	code 1 "$ORIGINALS" rewritten "$VECTORS" obj_relations "$NEW"
	is "$(grep -c . <<<"$out")" 1
	has "$out" "/objects/Coll: expected"
	code 1 sfs class define "$NEW" my.coll <<<'{}'
	has "$err" "a class name is a letter"
}

# stored CASE NAME… : databases made key by key, each read back.
stored() {
	local name key value
	mkdir -p "$NEW"
	printf '\x80' >"$NEW/seed.mpack"
	for name in "${@:2}"; do
		"$ORIGINALS" entries "$VECTORS" "$1" "$name" >"$BATS_TEST_TMPDIR/entries"
		if [ "$(cut -c1 "$BATS_TEST_TMPDIR/entries" | head -n 1)" = $'\t' ]; then
			sfs db create "$NEW" "$name" "$(cut -f2- "$BATS_TEST_TMPDIR/entries")"
		else
			sfs db create "$NEW" "$name" '{}'
		fi
		while IFS=$'\t' read -r key value; do
			sfs db set "$NEW" "$name" "$key" <<<"$value"
		done < <(grep -v $'^\t' "$BATS_TEST_TMPDIR/entries")
		code 0 "$ORIGINALS" stored "$VECTORS" "$1" "$NEW" "$name"
	done
}

@test "databases of every kind of root are written as Storify reads them" {
	stored sf_roots empty list modelroot nested nil scalar str
}
@test "models are written as Storify reads them" { stored sf_models models; }
@test "values of every kind are written as Storify reads them" { stored sf_types types; }
@test "bytes in a database are written as Storify reads them" { stored sf_raw bytes conflict rawconflict; }

@test "a database with backups of its own is written as Storify reads it" {
	stored sf_backups $(jq -r '.cases.sf_backups.dump | keys[]' "$VECTORS/expected.json")
}

# Names that Storify gave stay; ours are names of classes. sf_large has no value that sf_types lacks, 20,000 times.
@test "databases whose names may be made are written as Storify reads them, others refused" {
	local -a names plain=()
	local name
	mapfile -t names < <(jq -r '.cases.sf_names.dump | keys[]' "$VECTORS/expected.json")
	for name in "${names[@]}"; do
		[[ ! "$name" =~ ^[A-Za-z_][A-Za-z0-9_-]*$ ]] || [ "${#name}" -gt 128 ] || plain+=("$name")
	done
	[ "${#plain[@]}" -ge 2 ] && [ "${#plain[@]}" -lt "${#names[@]}" ]
	stored sf_names "${plain[@]}"
	for name in "${names[@]}"; do
		[[ " ${plain[*]} " = *" $name "* ]] && continue
		code 1 sfs db create "$NEW" "$name" '{}'
		has "$err" "a class name"
	done
}
