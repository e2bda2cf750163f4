# Long steps for people: sourced by ./check and ./demo.
#
# step_run LOG HEADING COMMAND…: runs the command with its output in a log and shows that it is alive:
# its last line on a terminal, a sign of life each minute elsewhere. Leaves its exit code in $step_rc
# and the seconds it took in $step_seconds. Never call it in a condition: bash then ignores -e in
# everything below. Ctrl-C ends the step with all that it started.

step_child=
trap '[[ -z $step_child ]] || kill -- "-$step_child" 2>/dev/null; exit 130' INT TERM

clock()
{
	printf '%d:%02d' $(($1 / 60)) $(($1 % 60))
}

step_watch()
{
	local log=$1 heading=$2 begin=$SECONDS said=0
	while kill -0 "$step_child" 2>/dev/null; do
		sleep 0.2
		if [[ -t 1 ]]; then
			printf '\r\e[K%s %s  %.50s' "$heading" "$(clock $((SECONDS - begin)))" \
				"$(tail -n 1 "$log" | tr -cd '[:print:]')"
		elif ((SECONDS - begin >= (said + 1) * 60)); then
			said=$((said + 1))
			printf '… %d min ' "$said"
		fi
	done
	[[ ! -t 1 ]] || printf '\r\e[K%s ' "$heading"
}

step_run()
{
	local log=$1 heading=$2 begin=$SECONDS
	shift 2
	step_rc=0
	printf '%s ' "$heading"
	set -m
	(set -euo pipefail; "$@") >"$log" 2>&1 </dev/null &
	step_child=$!
	set +m
	step_watch "$log" "$heading"
	wait "$step_child" || step_rc=$?
	step_child=
	step_seconds=$((SECONDS - begin))
}

# step_foreground HEADING COMMAND…: for one program that may ask for a password.
step_foreground()
{
	local begin=$SECONDS
	printf '%s ' "$1"
	shift
	step_rc=0
	"$@" || step_rc=$?
	step_seconds=$((SECONDS - begin))
}

# step_tail LOG: why it failed. What went well is left out: objects built, tests passed.
step_tail()
{
	grep -avE '^\[[0-9]+/[0-9]+\] (Building|Linking|Generating) |^ok [0-9]+ |^ +Start +[0-9]+: | Passed +[0-9.]+ sec$' "$1" |
		tail -n 120 | cut -c 1-400 | sed 's/^/    | /'
	echo "    all of it: $1"
}
