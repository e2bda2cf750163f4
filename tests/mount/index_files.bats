#!/usr/bin/env bats
# Index files of the Python module `storage`: written from the store, compared with it.

load ../support/mount
load ../support/cli

ORIGINALS=$TREE/tests/support/originals/originals
VECTORS=$TREE/tests/data/vectors
export PYTHONDONTWRITEBYTECODE=1

setup() { store_new; }
teardown() { store_teardown; }

python() { /usr/bin/python3 "$@"; }

# The classes of the Python case, and their objects.
articles() {
	local class
	for class in Account Article; do
		"$ORIGINALS" definition "$VECTORS/schema.json" "$class" | sfs class define "$S" "$class"
		"$ORIGINALS" records "$VECTORS/index_gdbm" "$VECTORS/schema.json" "$class" |
			sfs import --replace "$S" "$class" -
		sfs reindex "$S" "$class"
	done
}

# index_of FILE KEY : the value of a key, as JSON.
index_of() {
	python -c 'import dbm.gnu, sys; print(dbm.gnu.open(sys.argv[1])[sys.argv[2].encode()].decode())' "$@"
}

as_python_has_them() {
	articles
	code 0 sfs index export-dbm "$S" Account "$D"
	code 0 sfs index export-dbm --json "$S" Article "$D"
	is "$(ask '[.[] | .index] | sort | join(" ")')" "_ keywords noaccents path rank status tags title updated"
	is "$(ask '.[] | select(.index == "path") | [.objects, .keys, .entries, .left_out] | @csv')" 6,7,8,0
	# All that Python has in its own files, but what is there twice.
	"$ORIGINALS" expected "$VECTORS" index_gdbm indexes >"$D/wanted.json"
	code 0 "$ORIGINALS" indexes "$D" "$VECTORS/schema.json" "$D/wanted.json"
	is "$(python -c 'import dbm, sys; print(dbm.whichdb(sys.argv[1]))' "$D/vecmodels.Article.rank-fwd.dbm")" dbm.gnu
	# In the order of their last changes, a1 was saved again.
	is "$(index_of "$D/vecmodels.Article.status-fwd.dbm" '"published"')" '["Article.a2", "Article.a1"]'
	is "$(index_of "$D/vecmodels.Article.status-fwd.dbm" '"published"')" \
		"$(index_of "$VECTORS/index_gdbm/vecmodels.Article.status-fwd.dbm" '"published"')"
	# A folder that has the objects as well is one that Python opens without building anything.
	cp -r "$VECTORS/index_gdbm/Article" "$VECTORS/index_gdbm/Account" "$D"
	rm "$D/wanted.json" "$D"/vecmodels.Article.tags-*
	code 0 "$ORIGINALS" strict storage "$D" "$VECTORS/schema.json"
}

@test "index files are what Python writes for the same objects" { each as_python_has_them; }

python_files_agree() {
	local index
	articles
	code 0 sfs index import-dbm "$S" Article "$VECTORS/index_gdbm"
	is "$(grep -c '; the files agree$' <<<"$out")" 9
	code 0 sfs index import "$S" Account.email "$VECTORS/index_gdbm"
	is "$out" "Account.email: 4 objects, 3 keys, 4 entries; the files agree"
	code 0 sfs index import-dbm --json "$S" Account.name "$VECTORS/index_gdbm"
	is "$(ask '.[0].differences')" 0
}

@test "index files that Python wrote agree with the index" { each python_files_agree; }

differences_are_told() {
	articles
	code 0 sfs index export-dbm "$S" Article.rank "$D"
	python - "$D/vecmodels.Article.rank" <<-'END'
		import dbm.gnu, sys
		with dbm.gnu.open(sys.argv[1] + "-fwd.dbm", "w") as file:
		    file[b"99"] = b'["Article.a2"]'
		    file[b"2"] = b'[]'
		    del file[b"1.5"]
		with dbm.gnu.open(sys.argv[1] + "-bwd.dbm", "w") as file:
		    file[b'"Article.gone"'] = b"[1]"
		    file[b'"Article.a1"'] = b'["1"]'
		    del file[b'"Article.a6"']
	END
	code 14 sfs index import-dbm "$S" Article.rank "$D"
	has "$err" 'rank-fwd.dbm: 99 leads to a2, which does not have this key'
	has "$err" 'rank-fwd.dbm: 2 leads to 0 objects, but 1 have this key'
	has "$err" 'rank-fwd.dbm: the key 1.5 of 1 objects is missing'
	has "$err" 'rank-bwd.dbm: gone is an object that does not exist'
	has "$err" 'rank-bwd.dbm: a1 has a key there that it does not have'
	has "$err" 'rank-bwd.dbm: a1 has 0 of its 1 keys there'
	has "$err" 'rank-bwd.dbm: the object a6 is missing'
	is "$out" "Article.rank: 5 objects, 6 keys, 4 entries; 7 differences"
	# Nothing was taken from it.
	code 0 sfs query "$S" Article 'rank=2'
	is "$out" a2
	# A new export takes their place.
	code 0 sfs index export-dbm "$S" Article.rank "$D"
	code 0 sfs index import-dbm "$S" Article.rank "$D"
}

@test "what differs is said, and nothing is taken from a file" { each differences_are_told; }

@test "sixty thousand objects: Python opens, reads and changes the files" {
	local i base=$BATS_TEST_TMPDIR/Thing.n
	printf '{"indexes": {"n": {"extract": "value", "compatible": true}}}' | sfs class define "$STORE" Thing
	python -c 'for i in range(60000): print("{\"oid\": \"%d\", \"n\": \"key %d\"}" % (i, i))' |
		sfs import "$STORE" Thing -
	sfs reindex "$STORE" Thing
	code 0 sfs index export-dbm "$STORE" Thing.n "$BATS_TEST_TMPDIR"
	is "$out" "Thing.n: 60000 objects, 60000 keys, 60000 entries"
	python - "$base" <<-'END'
		import dbm.gnu, json, sys
		fwd, bwd = (dbm.gnu.open(sys.argv[1] + end, "w") for end in ("-fwd.dbm", "-bwd.dbm"))
		assert len(fwd.keys()) == 60000 and len(bwd.keys()) == 60001
		for i in range(60000):
		    assert fwd[b'"key %d"' % i] == b'["Thing.%d"]' % i
		    assert bwd[b'"Thing.%d"' % i] == b'["key %d"]' % i
		assert len(str(json.loads(bwd[b'"__index__.lastUpdate"']))) == 20
		# As Python changes them: every entry is written anew, in another order.
		for i in reversed(range(60000)):
		    del fwd[b'"key %d"' % i], bwd[b'"Thing.%d"' % i]
		for i in range(0, 60000, 7):
		    for j in range(i, min(i + 7, 60000)):
		        fwd[b'"key %d"' % j] = b'["Thing.%d"]' % j
		        bwd[b'"Thing.%d"' % j] = b'["key %d"]' % j
	END
	code 0 sfs index import-dbm "$STORE" Thing.n "$BATS_TEST_TMPDIR"
	is "$out" "Thing.n: 60000 objects, 60000 keys, 60000 entries; the files agree"
}

@test "a file that a Python process has open is left alone" {
	local before
	S=$STORE
	articles
	sfs index export-dbm "$S" Article.rank "$BATS_TEST_TMPDIR"
	before=$(md5sum "$BATS_TEST_TMPDIR"/*.dbm)
	/usr/bin/python3 -c 'import dbm.gnu, signal, sys
file = dbm.gnu.open(sys.argv[1], "w")
print("open", flush=True)
signal.pause()' "$BATS_TEST_TMPDIR/vecmodels.Article.rank-bwd.dbm" >"$BATS_TEST_TMPDIR/said" 3>&- &
	wait_until grep -q open "$BATS_TEST_TMPDIR/said"
	code 11 sfs index export-dbm "$S" Article.rank "$BATS_TEST_TMPDIR"
	has "$err" 'vecmodels.Article.rank-bwd.dbm: another program has it open, as a Python process with indexes does'
	code 11 sfs index import-dbm "$S" Article.rank "$BATS_TEST_TMPDIR"
	kill $!
	wait $! || true
	is "$(md5sum "$BATS_TEST_TMPDIR"/*.dbm)" "$before"
	is "$(ls "$BATS_TEST_TMPDIR" | grep -c '\.new$')" 0
	code 0 sfs index export-dbm "$S" Article.rank "$BATS_TEST_TMPDIR"
}

@test "files of other libraries are recognised and not read" {
	S=$STORE
	articles
	code 0 sfs index import-dbm "$S" Article.status "$VECTORS/index_dumb"
	has "$err" 'vecmodels.Article.status-fwd.dbm is of dbm.dumb, which is not read: the index is built from the objects'
	code 0 sfs index import-dbm "$S" Article.status "$VECTORS/index_ndbm"
	has "$err" 'is of Berkeley DB (dbm.ndbm), which is not read'
	python -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("CREATE TABLE Dict (key BLOB UNIQUE NOT NULL, value BLOB NOT NULL)")
db.commit()' "$BATS_TEST_TMPDIR/vecmodels.Article.status-fwd.dbm"
	code 0 sfs index import-dbm "$S" Article.status "$BATS_TEST_TMPDIR"
	has "$err" 'is of SQLite (dbm.sqlite3), which is not read'
	code 10 sfs index import-dbm "$S" Article.rank "$BATS_TEST_TMPDIR"
	has "$err" 'there is no index file vecmodels.Article.rank-fwd.dbm'
}

@test "prefix, type and collection of a class that Python calls otherwise" {
	S=$STORE
	articles
	code 0 sfs index export-dbm -p Data. -t m.Piece -c my.coll "$S" Article.rank "$BATS_TEST_TMPDIR"
	is "$(index_of "$BATS_TEST_TMPDIR/Data.m.Piece.rank-fwd.dbm" 2)" '["my.coll.a2"]'
	code 0 sfs index import-dbm -p Data. -t m.Piece -c my.coll "$S" Article.rank "$BATS_TEST_TMPDIR"
	code 14 sfs index import-dbm -p Data. -t m.Piece "$S" Article.rank "$BATS_TEST_TMPDIR"
	has "$err" '1 leads to my.coll.a1, which is no object of Article'
	code 1 sfs index export-dbm -p a/b "$S" Article.rank "$BATS_TEST_TMPDIR"
	has "$err" "it has a '/'"
	code 2 sfs index list --prefix x "$S"
	code 10 sfs index export-dbm "$S" Nothing.rank "$BATS_TEST_TMPDIR"
	code 10 sfs index export-dbm "$S" Article.nothing "$BATS_TEST_TMPDIR"
}

@test "a key that the index does not know whole is left out, and Python builds the index anew" {
	local long
	long=$(printf 'x%.0s' {1..2000})
	printf '{"indexes": {"n": "value"}}' | sfs class define "$STORE" Thing
	printf '{"n": ["%s", "short"]}' "$long" | sfs put "$STORE" Thing/1
	sfs reindex "$STORE" Thing
	code 0 sfs index export-dbm "$STORE" Thing "$BATS_TEST_TMPDIR"
	is "$out" "Thing.n: 1 objects, 1 keys, 1 entries; 1 keys are too long and left out: Python builds it anew"
	is "$(index_of "$BATS_TEST_TMPDIR/Thing.n-bwd.dbm" '"Thing.1"')" '["short"]'
	refused KeyError index_of "$BATS_TEST_TMPDIR/Thing.n-bwd.dbm" '"__index__.lastUpdate"'
}

@test "a damaged index file is refused with its place" {
	S=$STORE
	articles
	sfs index export-dbm "$S" Article.rank "$BATS_TEST_TMPDIR"
	truncate -s 6000 "$BATS_TEST_TMPDIR/vecmodels.Article.rank-fwd.dbm"
	code 1 sfs index import-dbm "$S" Article.rank "$BATS_TEST_TMPDIR"
	has "$err" 'vecmodels.Article.rank-fwd.dbm: the header of the gdbm file has an impossible place of its directory'
}
