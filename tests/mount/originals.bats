#!/usr/bin/env bats
# The independent reader of the two Python systems' folders: does it read what they read, and does it
# notice what they would mind? Other tests rely on it.

load ../support/mount
load ../support/cli

ORIGINALS=$TREE/tests/support/originals/originals
VECTORS=$TREE/tests/data/vectors
export PYTHONDONTWRITEBYTECODE=1

# A case that may be changed: $CASE.
copy() {
	CASE=$BATS_TEST_TMPDIR/$1
	cp -r "$VECTORS/$1" "$CASE"
	chmod -R u+w "$CASE"
	"$ORIGINALS" expected "$VECTORS" "$1" >"$BATS_TEST_TMPDIR/wanted.json"
}

compare() { "$ORIGINALS" compare "$1" "$CASE" "$VECTORS/schema.json" "$BATS_TEST_TMPDIR/wanted.json"; }
strict() { "$ORIGINALS" strict "$1" "$CASE" "$VECTORS/schema.json"; }

# notices KIND PATTERN : the reader says it is not the same any more.
notices() {
	code 1 compare "$1"
	has "$out" "$2"
}

# minds KIND PATTERN : so it must not be written.
minds() {
	code 1 strict "$1"
	has "$out" "$2"
}

@test "the reader of the tests finds in every folder what the Python systems found" {
	code 0 "$ORIGINALS" vectors "$VECTORS"
	is "$out" "$(jq '.cases | length' "$VECTORS/expected.json") cases"
}

@test "it notices a value, an object, a raw, an index entry that is not as it was" {
	copy obj_relations
	code 0 compare storage
	sed -i 's/"new name"/"other"/' "$CASE/Account/A1.json"
	notices storage '/objects/Account/A1/properties/name: expected "new name", found "other"'
	rm "$CASE/Account/B1.json"
	notices storage '/objects/Account/B1: expected'
	printf x >>"$CASE/File/f1/data.blob"
	notices storage '/raw/File/f1/size: expected 8, found 9'
	copy index_gdbm
	code 0 compare storage
	/usr/bin/python3 -c 'import dbm.gnu, sys; dbm.gnu.open(sys.argv[1], "w")[b"2"] = b"[]"' \
		"$CASE/vecmodels.Article.rank-fwd.dbm"
	notices storage '/indexes/Article/rank/forward/2: expected ["Article.a2"], found []'
}

@test "it notices a database with another value, another type, another backup" {
	copy sf_roots
	code 0 compare storify
	hex 94c3a17881a16b90c0 >"$CASE/list.mpack"
	notices storify '/list/data/0: expected 1, found true'
	copy sf_backups
	rm "$CASE/.backups/nine/4"
	notices storify '/nine/backups'
	printf '\xc1' >"$CASE/once.mpack"
	notices storify '/once/data/$error: "DatabaseLoadError" is too much'
}

@test "it minds an object that is not byte for byte as Python writes it" {
	copy obj_updates
	rm "$CASE"/Comment/u3.json "$CASE"/Comment/u4.json
	code 0 strict storage
	local u1=$CASE/Account/u1.json good
	good=$(cat "$u1")
	printf '%s\n' "$good" >"$u1"
	minds storage 'u1.json: expected'
	printf '%s' "${good/\"a\"/\"é\"}" >"$u1"
	minds storage 'u1.json: expected'
	printf '%s' "${good/\"name\": \"a\"/\"name\": null}" >"$u1"
	minds storage 'name is null'
	printf '%s' "${good/\"email\": \"e2\", \"name\": \"a\"/\"name\": \"a\", \"email\": \"e2\"}" >"$u1"
	minds storage 'not in the order of the class'
	printf '%s' "$good" >"$u1"
	mkdir "$CASE/.storefs"
	printf '{}' >"$CASE/.storefs/note.json"
	minds storage 'a file that Python takes for an object'
}

@test "it minds embedded copies in a relation, and a relation that is missing" {
	copy obj_updates
	minds storage 'an element of author has the members'
	local text='{"oid": "u3", "type": "vecmodels.Comment", "updates": {"oid": 0}, "author": []}'
	printf '%s' "$text" >"$CASE/Comment/u3.json"
	minds storage 'relation replies is None'
}

@test "it minds a database that is not in the shortest form, or left half written" {
	copy sf_models
	code 0 strict storify
	hex 81d901612a >"$CASE/models.mpack"
	minds storify 'models.mpack: expected'
	copy sf_names
	code 0 strict storify
	: >"$CASE/UPPER.mpack.tmp"
	minds storify 'UPPER.mpack.tmp: left behind'
}

@test "it minds index files that contradict each other" {
	copy index_gdbm
	code 0 strict storage
	/usr/bin/python3 -c 'import dbm.gnu, sys; dbm.gnu.open(sys.argv[1], "w")[b"99"] = b"[\"Article.a2\"]"' \
		"$CASE/vecmodels.Article.rank-fwd.dbm"
	minds storage '99 leads to Article.a2, which does not say so'
}
