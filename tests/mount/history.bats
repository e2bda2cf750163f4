#!/usr/bin/env bats
# Earlier versions of objects, and the settings that say how many.

load ../support/mount
load ../support/cli

setup() { store_new; }
teardown() { store_teardown; }

settings_are_shown_and_changed() {
	is "$(sfs config "$S")" "history=10
history_for=7d"
	is "$(sfs config "$S" history=3 history_for=36h)" "history=3
history_for=36h"
	is "$(sfs config "$S" history)" "history=3"
	is "$(sfs config --json "$S" | jq -c .)" '{"history":3,"history_for":129600}'
	code 2 sfs config "$S" nosuch
	has "$err" "'nosuch' is no setting"
	code 2 sfs config "$S" history_for=2d history=101
	has "$err" "history: expected 0 to 100, got 101"
	is "$(sfs config "$S" history_for)" "history_for=36h"
	sfs config "$S" history=10 history_for=7d
}

@test "settings are shown and changed, with and without a mount" {
	each settings_are_shown_and_changed
}
