#!/usr/bin/env bats
# vim, its small and its new sibling: every way of saving that they know.

load ../support/mount
load ../support/tools

setup() {
	tools_setup
}

teardown() {
	store_teardown
}

# vi_run COMMAND… : the program of $VI on $FILE, doing each of $SETTINGS, then each command. What
# it says on the screen is in $SAID.
vi_run() {
	local script=$BATS_TEST_TMPDIR/script.vim
	printf '%s\n' "${SETTINGS[@]}" "$@" >"$script"
	timeout 60 "${VI[@]}" -S "$script" "$FILE" </dev/null >"$SAID" 2>&1
}

vi_edits() {
	vi_run 'call cursor(1, 1)' '%s/old/new/' 'wq'
}

vi_refuses() {
	rm -f "$SAID.save"
	vi_run '%s/old/broken/' '%s/}$//' 'try' 'write' 'catch' \
		"call writefile([v:exception], '$SAID.save')" 'endtry' \
		"call writefile([execute('messages')], '$SAID.save', 'a')" \
		"call system('cp $FILE $BETWEEN')" '%s/broken/new/' '%s/$/}/' 'wq' || return 1
	mv "$SAID.save" "$SAID"
}

# vi_row ORDER TOOL HOW SETTING… : a row of vim with these settings.
vi_row() {
	row edit "$1" "$2" "$3"
	# They make no backup of what is below /tmp, where nobody but a test has a mount.
	SETTINGS=('set backupskip=' "${@:4}")
	edits vi_edits
	refuses "E512: Close failed" vi_refuses
}

vim_row() {
	VI=(vim.basic -N -u NONE -i NONE --not-a-term)
	vi_row "$1" vim "${@:2}"
}

nvim_row() {
	VI=(nvim -u NONE -i NONE --headless --cmd 'set directory=.')
	vi_row "$1" nvim "${@:2}"
}

@test "vim as it is installed" {
	VI=(vim.basic --not-a-term)
	vi_row 101 vim "as installed"
	row_done
}

@test "vim, backupcopy=yes" {
	LITTER='^1.json~ '
	vim_row 102 "backupcopy=yes" 'set writebackup backupcopy=yes'
	note 'a save that is refused leaves `1.json~`'
	row_done
}

@test "vim, backupcopy=no" {
	vim_row 103 "backupcopy=no" 'set writebackup backupcopy=no'
	row_done
}

@test "vim, backupcopy=auto" {
	vim_row 104 "backupcopy=auto" 'set writebackup backupcopy=auto'
	row_done
}

@test "vim, backupcopy=breaksymlink,breakhardlink" {
	vim_row 105 "backupcopy=breaksymlink,breakhardlink" 'set writebackup backupcopy=auto,breaksymlink,breakhardlink'
	row_done
}

@test "vim, nowritebackup" {
	vim_row 106 "nowritebackup" 'set nobackup nowritebackup'
	row_done
}

@test "vim, backup and backupcopy=yes" {
	vim_row 107 "backup, backupcopy=yes" 'set backup backupcopy=yes backupdir=.'
	note 'leaves `1.json~`'
	holds "$MNT/Note/1.json~" "$OLD"$'\n'
	row_done
}

@test "vim, backup and backupcopy=no" {
	vim_row 108 "backup, backupcopy=no" 'set backup backupcopy=no backupdir=.'
	note 'leaves `1.json~`'
	holds "$MNT/Note/1.json~" "$OLD"$'\n'
	row_done
}

@test "vim, swap file and undo file in the class" {
	vim_row 109 "swapfile, undofile" 'set swapfile directory=. undofile undodir=. updatecount=1'
	note 'leaves `.1.json.un~`'
	has "$ROW_SEEN" "+.1.json.swp"
	has "$ROW_SEEN" "-.1.json.swp"
	[ -s "$MNT/Note/.1.json.un~" ]
	absent "$MNT/Note/.1.json.swp"
	# The text before can be had back from the undo file.
	FILE=$MNT/Note/1.json
	vi_run 'undo' 'wq'
	lacks "$(cat "$FILE")" new
	row_done
}

@test "vim, nofsync and patchmode" {
	vim_row 110 "nofsync, patchmode" 'set nofsync patchmode=.orig'
	note 'leaves `1.json.orig`'
	has "$ROW_SEEN" "→1.json.orig"
	lacks "$REQUESTS" fsync
	holds "$MNT/Note/1.json.orig" "$OLD"$'\n'
	row_done
}

@test "vim finds the swap file of a session that was killed" {
	row edit 111 vim "recovery after a crash"
	local dir pid
	for dir in "$LOCAL" "$MNT/Image" "$MNT/Note"; do
		FILE=$dir/1.json
		printf '%s\n' "$OLD" >"$FILE"
		vim.basic -N -u NONE -i NONE --not-a-term -c 'set swapfile directory=. updatecount=1' \
			-c '%s/old/new/' -c preserve -c "call writefile([getpid()], '$SAID')" -c 'sleep 60' "$FILE" \
			<>"$BATS_TEST_TMPDIR/none" >/dev/null 2>&1 3>&- &
		wait_until test -s "$SAID"
		pid=$(cat "$SAID")
		[ -e "$dir/.1.json.swp" ]
		kill -9 "$pid"
		wait_until gone "$pid"
		rm "$SAID"
		holds "$FILE" "$OLD"$'\n'
		timeout 60 vim.basic -N -u NONE -i NONE --not-a-term -r -c 'set directory=.' -c 'wq!' "$FILE" \
			</dev/null >/dev/null 2>&1
		holds "$FILE" "$NEW"$'\n'
	done
	both "recovers the text"
	row_done
}

@test "vim.tiny as it is installed" {
	VI=(vim.tiny)
	row edit 120 vim.tiny "as installed"
	tiny_edits() { printf '%s\n' 'set backupskip=' '%s/old/new/' 'wq' | vim.tiny -e -s -u NONE -N "$FILE"; }
	edits tiny_edits
	row_done
}

@test "neovim as it is installed" {
	VI=(nvim --headless)
	vi_row 130 nvim "as installed"
	row_done
}

@test "neovim, backupcopy=yes" {
	LITTER='^1.json~ '
	nvim_row 131 "backupcopy=yes" 'set writebackup backupcopy=yes'
	note 'a save that is refused leaves `1.json~`'
	row_done
}

@test "neovim, backupcopy=no" {
	nvim_row 132 "backupcopy=no" 'set writebackup backupcopy=no'
	row_done
}

@test "neovim, swap file, undo file and backup in the class" {
	nvim_row 133 "swapfile, undofile, backup" \
		'set swapfile undofile undodir=. backup backupdir=. updatecount=1'
	note 'leaves `1.json~` and `.1.json.un~`'
	has "$ROW_SEEN" "+.1.json.swp"
	row_done
}
