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

# A class whose name has a dot can not be made here: the Python program made it. All that it holds is ours.
@test "relations of every form, with raws, are written as Python reads them" {
	new_directory
	mkdir -p "$NEW/my/coll"
	printf '{"oid": "seed", "type": "vecmodels.Coll", "updates": {"oid": 0}}' >"$NEW/my/coll/seed.json"
	define_all
	"$ORIGINALS" definition "$VECTORS/schema.json" Coll | sfs class define "$NEW" my.coll
	write_objects obj_relations
	"$ORIGINALS" rewrite "$VECTORS" obj_relations Coll >"$BATS_TEST_TMPDIR/records"
	sfs import "$NEW" my.coll "$BATS_TEST_TMPDIR/records"
	sfs rm "$NEW" my.coll/seed
	raws obj_relations
	code 0 "$ORIGINALS" rewritten "$VECTORS" obj_relations "$NEW"
	code 1 sfs class define "$NEW" other.coll <<<'{}'
	has "$err" "a class name is a letter"
}

# stored CASE NAME… : databases made key by key, each read back.
stored() {
	local name key value
	mkdir -p "$NEW"
	printf '\x80' >"$NEW/seed.mpack"
	for name in "${@:2}"; do
		"$ORIGINALS" entries "$VECTORS" "$1" "$name" >"$BATS_TEST_TMPDIR/entries"
		# One that only Storify can name is there, and empty.
		if [ -e "$NEW/$name.mpack" ]; then
			is "$(sfs db list "$NEW" "$name" | wc -l)" 0
		elif [ "$(cut -c1 "$BATS_TEST_TMPDIR/entries" | head -n 1)" = $'\t' ]; then
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

# Databases that we make have names of classes; what is in one that Storify named is written all the same. But for
# one: a class has at most 128 bytes of name, so a database with more is no class, and is left alone.
@test "databases of every name are written as Storify reads them; those that can not be made are refused" {
	local -a names filled=()
	local name refused=0
	mapfile -t names < <(jq -r '.cases.sf_names.dump | keys[]' "$VECTORS/expected.json")
	mkdir "$NEW"
	printf '\x80' >"$NEW/seed.mpack"
	for name in "${names[@]}"; do
		[[ "$name" =~ ^[A-Za-z_][A-Za-z0-9_-]*$ ]] && [ "${#name}" -le 128 ] && continue
		code 1 sfs db create "$NEW" "$name" '{}'
		has "$err" "a class name"
		refused=$((refused + 1))
		[ "${#name}" -le 128 ] || continue
		mkdir -p "$(dirname "$NEW/$name")"
		printf '\x80' >"$NEW/$name.mpack"
	done
	[ "$refused" -ge 1 ] && [ "$refused" -lt "${#names[@]}" ]
	for name in "${names[@]}"; do [ "${#name}" -gt 128 ] || filled+=("$name"); done
	is $((${#names[@]} - ${#filled[@]})) 1
	stored sf_names "${filled[@]}"
}

@test "a database of 20,000 keys is written as Storify reads it" {
	mkdir "$NEW" "$BATS_TEST_TMPDIR/values"
	printf '\x80' >"$NEW/large.mpack"
	"$ORIGINALS" entries "$VECTORS" sf_large large >"$BATS_TEST_TMPDIR/entries"
	is "$(wc -l <"$BATS_TEST_TMPDIR/entries")" 20000
	(cd "$BATS_TEST_TMPDIR/values" && awk -F '\t' '{ print $2 >($1 ".json"); close($1 ".json") }' ../entries)
	sfs import "$NEW" large "$BATS_TEST_TMPDIR/values"
	sfs flush "$NEW"
	code 0 "$ORIGINALS" stored "$VECTORS" sf_large "$NEW" large
}
