# What the tests of other people's programs share: the same work on an object class, on a raw class
# and on a local folder, compared; and the row of docs/tools.md that a passing test leaves.
#
#   row SECTION ORDER TOOL HOW   this test is about a row
#   edits FUNCTION               FUNCTION turns old into new in $FILE: right everywhere, as locally
#   refuses TEXT FUNCTION        FUNCTION breaks $FILE, copies it to $BETWEEN, and saves it right
#   both TEXT, in_objects TEXT, in_raws TEXT, note TEXT    what the row says
#   row_done                     the row is true; always the last line of a test
#
# STOREFS_BUILD  rows are left in its folder tool-rows, for tools/matrix

# Is the object the same one afterwards? A program that removes a file and makes another makes
# another object: then IDENTITY=isnt.
IDENTITY=is
# Programs that make a hard link, and rename where they can not: then this is the way in objects.
OBJECT_WAY=
# What a program leaves after a save that failed, on any disk: a pattern of names.
LITTER='^$'
OLD='{"title": "old", "rank": 1}'
NEW='{"title": "new", "rank": 1}'
BROKEN='{"title": "broken", "rank": 1'

# tools_setup : a mounted store with an object class, a raw class, and a local folder.
tools_setup() {
	store_new
	store_mount
	mkdir "$MNT/Note"
	class_raw Image
	LOCAL=$BATS_TEST_TMPDIR/local
	BETWEEN=$BATS_TEST_TMPDIR/between
	SAID=$BATS_TEST_TMPDIR/said
	mkdir "$LOCAL"
	# No settings of whoever runs the tests.
	export HOME=$BATS_TEST_TMPDIR/home TERM=dumb
	export XDG_CONFIG_HOME=$HOME XDG_DATA_HOME=$HOME XDG_STATE_HOME=$HOME XDG_CACHE_HOME=$HOME
	mkdir "$HOME"
	# The interpreter of the system, not one that a user put before it.
	PATH=/usr/bin:/bin:/usr/sbin:/sbin:$PATH
}

# --- the row ----------------------------------------------------------------------------

row() {
	ROW_SECTION=$1 ROW_ORDER=$2 ROW_TOOL=$3 ROW_HOW=$4
	ROW_OBJECT= ROW_RAW= ROW_NOTE= ROW_SEEN= ROW_SAYS= ROW_BAD=
}

both() { ROW_OBJECT=$1 ROW_RAW=$1; }
in_objects() { ROW_OBJECT=$1; }
in_raws() { ROW_RAW=$1; }
note() { ROW_NOTE=$1; }

row_done() {
	local dir=${STOREFS_BUILD:-$BATS_SUITE_TMPDIR}/tool-rows
	[ -n "$ROW_OBJECT" ] && [ -n "$ROW_RAW" ] || fail "the row does not say how it went"
	mkdir -p "$dir"
	jq -n --arg section "$ROW_SECTION" --arg order "$ROW_ORDER" --arg tool "$ROW_TOOL" \
		--arg how "$ROW_HOW" --arg object "$ROW_OBJECT" --arg raw "$ROW_RAW" \
		--arg note "$ROW_NOTE" --arg seen "$ROW_SEEN" --arg says "$ROW_SAYS" --arg bad "$ROW_BAD" \
		'$ARGS.named' >"$dir/$ROW_SECTION-$ROW_ORDER.json"
}

# --- looking on -------------------------------------------------------------------------

# watched DIR COMMAND… : what happened in the folder meanwhile is in $EVENTS, the requests that
# changed something in $REQUESTS.
watched() {
	local dir=$1 watcher before after asking rc=0
	shift
	helper_build watch || return 1
	requests_count >/dev/null
	before=$(requests_count)
	after=$(requests_count)
	asking=$(requests_less "$before" "$after")
	exec 8< <(exec "$BATS_SUITE_TMPDIR/helpers/watch" "$dir" 3>&-)
	read -r watcher <&8
	"$@" 8<&- || rc=$?
	kill "$watcher"
	EVENTS=$(cat <&8)
	exec 8<&-
	REQUESTS=$(requests_less "$asking" "$(requests_less "$after" "$(requests_count)")" |
		awk '$2 > 0 { printf "%s%s %s", n++ ? ", " : "", $1, $2 }')
	return "$rc"
}

# Requests that change something, by name.
requests_count() {
	jq -r '.requests | {create, mknod, symlink, link, mkdir, write, fallocate, copy_file_range, flush,
		fsync, fsyncdir, rename, unlink, rmdir, setattr, setxattr, removexattr}
		| to_entries[] | "\(.key) \(.value)"' "$MNT/.storefs/status"
}

# requests_less A B : B - A, name by name, in the same order.
requests_less() {
	awk 'NR == FNR { a[$1] = $2; next } { print $1, $2 - a[$1] }' \
		<(printf '%s\n' "$1") <(printf '%s\n' "$2")
}

# way NAME : how $EVENTS replaced the contents of NAME.
way() {
	awk -v name="$1" '
		$1 == "move" && $2 == name { before = "old file renamed away, " }
		$1 == "delete" && $2 == name { before = "old file removed, " }
		$1 == "create" && $2 == name { made = 1 }
		$1 == "write" && $2 == name { wrote = 1 }
		$1 == "move" && $3 == name { came = 1 }
		END {
			how = wrote ? "written in place" : "untouched"
			if (made)
				how = "new file written"
			if (came)
				how = "temporary file renamed onto it"
			if (before)
				sub("temporary file renamed onto it", "new file renamed to it", how)
			print before how
		}' <<<"$EVENTS"
}

# story : $EVENTS in a line; what is drawn by lot in a name is shown as XXXXXX.
story() {
	sed -E -e 's/(^| )(sed|XX|tmp|sponge\.|\.1\.json\.|1\.json\.o)[A-Za-z0-9_]{5,8}( |$)/\1\2XXXXXX\3/g' \
		-e '/^attrib /d' -e 's/^create (.*)/+\1/' -e 's/^write (.*)/~\1/' -e 's/^delete (.*)/-\1/' \
		-e 's/^move ([^ ]*) (.*)/\1→\2/' <<<"$EVENTS" | uniq | paste -s -d ' '
}

# remarkable : what the row tells of the run besides its result.
remarkable() {
	ROW_SEEN="\`$(story)\`; $REQUESTS"
}

# names DIR : all that is there, without what is drawn by lot.
names() {
	(cd "$1" && find . -mindepth 1 -printf '%P %y\n' | LC_ALL=C sort)
}

# --- editing ----------------------------------------------------------------------------

# edit_in DIR FUNCTION : $FILE is edited; the way is in $WAY, what is left in $LEFT.
edit_in() {
	FILE=$1/1.json
	printf '%s\n' "$OLD" >"$FILE"
	chmod 0640 "$FILE"
	touch -d '2020-01-01 UTC' "$FILE"
	watched "$1" "$2" || fail "failed in $1: $2" "$(tail -c 1500 "$SAID" 2>/dev/null | tr -d '\0')" "$EVENTS" || return 1
	holds "$FILE" "$NEW"$'\n' || return 1
	is "$(stat -c %F "$FILE")" "regular file" || return 1
	WAY=$(way 1.json)
	LEFT=$(names "$1")
}

# edits FUNCTION : in the same way, and leaving the same behind, as on a local folder.
edits() {
	local local_mode local_left local_way ino
	edit_in "$LOCAL" "$1" || return 1
	local_mode=$(stat -c %a "$FILE") local_left=$LEFT local_way=$WAY
	edit_in "$MNT/Image" "$1" || return 1
	is "$(stat -c %a "$FILE")" "$local_mode" || return 1
	is "$LEFT" "$local_left" || return 1
	is "$WAY" "$local_way" || return 1
	ROW_RAW=$WAY
	printf '%s\n' "$OLD" >"$MNT/Note/1.json"
	ino=$(stat -c %i "$MNT/Note/1.json")
	edit_in "$MNT/Note" "$1" || return 1
	is "$(stat -c %a "$FILE")" "$local_mode" || return 1
	is "$LEFT" "$local_left" || return 1
	is "$WAY" "${OBJECT_WAY:-$local_way}" || return 1
	"$IDENTITY" "$(stat -c %i "$FILE")" "$ino" || return 1
	[ "$(stat -c %Y "$FILE")" -gt 1577836800 ] || fail "the mtime did not change" || return 1
	is "$(object_get Note 1)" "$NEW" || return 1
	ROW_OBJECT=$WAY
	remarkable
}

# refuses TEXT FUNCTION : the program says TEXT of a save that is refused, the object stays, and the
# same session can save it right; nothing else is left than by edits, which comes before.
refuses() {
	local ino
	rm -rf "$MNT/Note" "$BETWEEN" "$SAID"
	mkdir "$MNT/Note"
	FILE=$MNT/Note/1.json
	printf '%s\n' "$OLD" >"$FILE"
	ino=$(stat -c %i "$FILE")
	"$2" || fail "failed: $2" "$(tail -c 1500 "$SAID" 2>/dev/null | tr -d '\0')" || return 1
	[ -z "$1" ] || grep -aqF -- "$1" "$SAID" ||
		fail "does not say ${1@Q}" "$(head -c 2000 "$SAID" | tr -d '\0')" || return 1
	holds "$BETWEEN" "$OLD"$'\n' || return 1
	holds "$FILE" "$NEW"$'\n' || return 1
	is "$(stat -c %i "$FILE")" "$ino" || return 1
	is "$(names "$MNT/Note" | grep -v "$LITTER")" "$LEFT" || return 1
	ROW_SAYS=$1
}

# refused_by CODE COMMAND… : for refuses: a program that is run with the new text, once to break and
# again to save right. The first run ends with CODE and leaves nothing but the object.
refused_by() {
	local want=$1 rc=0
	shift
	"$@" "$BROKEN" >"$SAID" 2>&1 || rc=$?
	is "$rc" "$want" || return 1
	is "$(ls -A "$MNT/Note")" 1.json || return 1
	cp "$FILE" "$BETWEEN"
	"$@" "$NEW"
}
