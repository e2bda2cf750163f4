#!/usr/bin/env bats
# Editors besides those of the family of vi: nano, emacs, ed, and the calls of VS Code.

load ../support/mount
load ../support/tools

setup() {
	tools_setup
}

teardown() {
	store_teardown
}

# --- nano -------------------------------------------------------------------------------

# nano_run OPTION… : a person at a terminal; the keys come as a script of expect from stdin.
nano_run() {
	{
		echo 'set timeout 20
			set env(TERM) xterm
			set stty_init "rows 24 columns 200"
			match_max 100000
			log_user 1
			proc see {text} {
				expect -ex $text {} timeout { puts "\nno: $text"; exit 1 } eof { puts "\nended, no: $text"; exit 1 }
			}
			proc ended {} {
				expect eof {} timeout { exit 1 }
				exit [lindex [wait] 3]
			}'
		printf 'spawn -noecho nano --ignorercfiles %s {%s}\nsee "GNU nano"\n' "$*" "$FILE"
		cat
		echo 'send "\x18"
			ended'
	} >"$BATS_TEST_TMPDIR/keys"
	expect -f "$BATS_TEST_TMPDIR/keys" >"$SAID" 2>&1 3>&-
}

nano_replaces='send "\x1c"
	see "Search"
	send "old\r"
	see "Replace with"
	send "new\r"
	see "instance?"
	send "a"'

nano_edits() {
	nano_run "${OPTIONS[@]}" <<<"$nano_replaces
		send \"\x13\"
		see \"Wrote 1 line\""
}

nano_refuses() {
	nano_run "${OPTIONS[@]}" <<<"send \"x\x13\"
		see \"Error writing\"
		exec cp $FILE $BETWEEN
		send \"\x7f\"
		$nano_replaces
		send \"\x13\"
		see \"Wrote 1 line\""
}

@test "nano as it is installed" {
	row edit 201 nano "as installed"
	OPTIONS=()
	edits nano_edits
	refuses "Error writing" nano_refuses
	has "$(tr -d '\0' <"$SAID")" "Bad message"
	ROW_SAYS="Error writing …: Bad message"
	row_done
}

@test "nano with a backup file and a lock file" {
	row edit 202 nano "--backup --locking"
	OPTIONS=(--backup --locking)
	edits nano_edits
	has "$ROW_SEEN" "+.1.json.swp"
	holds "$MNT/Note/1.json~" "$OLD"$'\n'
	note 'leaves `1.json~`'
	refuses "Error writing" nano_refuses
	ROW_SAYS="Error writing …: Bad message"
	row_done
}

# --- emacs ------------------------------------------------------------------------------

# emacs_run : $FILE with the settings of $SETTINGS and the expressions of stdin.
emacs_run() {
	# It makes no backup of what is below /tmp, where nobody but a test has a mount.
	printf '(progn (setq backup-enable-predicate (lambda (_) t)) %s (find-file "%s") %s)' \
		"$SETTINGS" "$FILE" "$(cat)" >"$BATS_TEST_TMPDIR/do.el"
	timeout 60 emacs -Q --batch -l "$BATS_TEST_TMPDIR/do.el" <<<"$ANSWERS" >"$SAID" 2>&1
}

emacs_edits() {
	emacs_run <<'END'
		(while (search-forward "old" nil t) (replace-match "new"))
		(unless (file-locked-p buffer-file-name) (error "not locked"))
		(auto-save-mode 1)
		(do-auto-save)
		(save-buffer)
		(if (file-locked-p buffer-file-name) (error "still locked"))
END
}

emacs_refuses() {
	emacs_run <<END
		(while (search-forward "old" nil t) (replace-match "broken"))
		(goto-char (1- (point-max)))
		(delete-char -1)
		(condition-case failure (save-buffer)
			(error (message "refused: %s" (error-message-string failure))))
		(message "the buffer is %s" (if (buffer-modified-p) "modified" "saved"))
		(copy-file "$FILE" "$BETWEEN")
		(goto-char (point-min))
		(while (search-forward "broken" nil t) (replace-match "new"))
		(goto-char (1- (point-max)))
		(insert "}")
		(save-buffer)
END
}

# emacs_row ORDER HOW EXPRESSION
emacs_row() {
	row edit "$1" emacs "$2"
	SETTINGS=$3 ANSWERS=
	edits emacs_edits || return 1
	# Its lock is a symbolic link, its automatic save a file of the class.
	has "$EVENTS" "create .#1.json" || return 1
	has "$EVENTS" "delete .#1.json" || return 1
	has "$EVENTS" "create #1.json#" || return 1
	ANSWERS=${4:-}
	refuses "Bad message" emacs_refuses
}

@test "emacs as it is installed" {
	# After a save that failed it has put the backup back, whose time is not that of its own try.
	emacs_row 211 "as installed" '' yes
	has "$(cat "$SAID")" "the buffer is modified"
	holds "$MNT/Note/1.json~" "$OLD"$'\n'
	note 'leaves `1.json~`; after a refused save it asks whether to save anyway'
	row_done
}

@test "emacs, backup by copying" {
	emacs_row 212 "backup-by-copying" '(setq backup-by-copying t)'
	has "$(cat "$SAID")" "the buffer is modified"
	holds "$MNT/Note/1.json~" "$OLD"$'\n'
	note 'leaves `1.json~`'
	row_done
}

@test "emacs, no backup" {
	emacs_row 213 "make-backup-files nil" '(setq make-backup-files nil)'
	has "$(cat "$SAID")" "the buffer is modified"
	row_done
}

@test "emacs, precious file" {
	LITTER='^tmp'
	emacs_row 214 "file-precious-flag" '(setq-default file-precious-flag t)
		(load "userlock") (defun ask-user-about-supersession-threat (name) t)' yes
	has "$(cat "$SAID")" "the buffer is saved"
	note 'leaves `1.json~`; after a refused save it leaves the temporary file and asks whether to edit and save anyway'
	row_done
}

@test "emacs, numbered backups" {
	emacs_row 215 "version-control" '(setq version-control t)' yes
	holds "$MNT/Note/1.json.~1~" "$OLD"$'\n'
	note 'leaves `1.json.~1~`; after a refused save it asks whether to save anyway'
	row_done
}

@test "emacs sees the lock of another session" {
	row edit 216 emacs "lock of another session"
	local dir
	for dir in "$LOCAL" "$MNT/Image" "$MNT/Note"; do
		printf '%s\n' "$OLD" >"$dir/1.json"
		ln -s "somebody@elsewhere.1234:1" "$dir/.#1.json"
		is "$(emacs -Q --batch --eval "(princ (file-locked-p \"$dir/1.json\"))" </dev/null)" somebody
		rm "$dir/.#1.json"
	done
	both "sees it"
	row_done
}

# --- ed ---------------------------------------------------------------------------------

ed_edits() {
	printf '%s\n' ',s/old/new/' w q | ed -s "$FILE" >"$SAID" 2>&1
}

# At a terminal it goes on after an error.
ed_refuses() {
	cat >"$BATS_TEST_TMPDIR/keys" <<END
		set timeout 20
		spawn -noecho ed -s $FILE
		proc line {text} { send "\$text\r"; expect -ex "\$text\r\n" {} timeout { exit 1 } }
		line "H"
		line ",s/}//"
		line "w"
		expect -re "Bad message|annot close" {} timeout { exit 1 }
		exec cp $FILE $BETWEEN
		line ",s/old/new/"
		line ",s/\$/}/"
		line "w"
		line "q"
		expect eof {} timeout { exit 1 }
END
	expect -f "$BATS_TEST_TMPDIR/keys" >"$SAID" 2>&1 3>&-
}

@test "ed" {
	row edit 220 ed "as installed"
	edits ed_edits
	refuses "Bad message" ed_refuses
	row_done
}

# --- VS Code ----------------------------------------------------------------------------

# What it does when it saves: open for writing, cut to nothing, write, fdatasync, close. An error of
# fdatasync is only logged, and turns fdatasync off for later: close must say it again.
code_in_place() {
	helper save -td "$FILE" <<<"${1:-$NEW}"
}

code_refuses() {
	code_in_place "$BROKEN" >"$SAID" && return 1
	is "$(cat "$SAID")" "open=ok write=ok fdatasync=EBADMSG close=EBADMSG " || return 1
	cp "$FILE" "$BETWEEN"
	helper save -t "$FILE" <<<"$BROKEN" >>"$SAID" && return 1
	has "$(tail -n 1 "$SAID")" "close=EBADMSG" || return 1
	same "$FILE" "$BETWEEN" || return 1
	helper save -t "$FILE" <<<"$NEW"
}

@test "VS Code writes in place" {
	row edit 230 "VS Code" "in place, its calls"
	edits code_in_place
	refuses "close=EBADMSG" code_refuses
	ROW_SAYS="what close(2) says"
	row_done
}

# The same into NAME.vsctmp, which is then renamed; removed when that fails.
code_atomic() {
	helper save -td "$FILE.vsctmp" <<<"${1:-$NEW}" >"$SAID" || return 1
	helper moveat replace "$FILE.vsctmp" "$FILE" >>"$SAID" || { rm "$FILE.vsctmp"; return 1; }
}

code_atomic_refuses() {
	code_atomic "$BROKEN" && return 1
	cp "$FILE" "$BETWEEN"
	is "$(ls -A "$MNT/Note")" 1.json || return 1
	cp "$SAID" "$SAID.first"
	code_atomic && mv "$SAID.first" "$SAID"
}

@test "VS Code writes a temporary file and renames it" {
	row edit 231 "VS Code" "atomic, its calls"
	edits code_atomic
	refuses "EBADMSG" code_atomic_refuses
	ROW_SAYS="what rename(2) says"
	row_done
}

# Other programs of Node take mode, owner and time along.
node_atomic() {
	local new=$FILE.2871409
	helper save -tf "$new" <<<"$NEW" >"$SAID" || return 1
	chown --reference="$FILE" "$new" && chmod --reference="$FILE" "$new" || return 1
	touch -d '2022-02-02 UTC' "$new"
	helper moveat replace "$new" "$FILE" >/dev/null || return 1
	is "$(stat -c '%a %Y' "$FILE")" "640 1643760000"
}

@test "a temporary file that is given owner, mode and time, and renamed" {
	row edit 232 "write-file-atomic" "its calls"
	edits node_atomic
	row_done
}
