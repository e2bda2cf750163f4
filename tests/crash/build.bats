#!/usr/bin/env bats
# kill -9 of the daemon while indexes are built from the objects of a class, and while it is found out who
# refers to whom: both go on with the next mount, and end with what looking at every object says.

load crash

ROUNDS=$((${CRASH_COUNT:-50} / 12 + 1))
PLAIN='{"relations": {"who": ["Person"]}}'
INDEXED='{"relations": {"who": ["Person"]}, "indexes": {"rank": "value", "who": "value"}}'

setup() {
	crash_new
	"$STOREFS" class define "$STORE" Person <<<'{}'
	# Every hundredth has so many targets that they are rows of their own.
	jq -nc 'range(6000) | {oid: "t\(.)", rank: (. % 50), who: [{
			oid: "p\(range(.; . + (if . % 100 == 0 then 90 else 1 end)) % 200)", type: "Person"}]}' \
		>"$SCRATCH/things"
	jq -r '"\(.rank)"' "$SCRATCH/things" | counted >"$SCRATCH/rank"
	jq -r '.who[].oid' "$SCRATCH/things" | counted >"$SCRATCH/who"
	jq -r 'select(any(.who[]; .oid == "p7")) | "Thing/\(.oid)\twho"' "$SCRATCH/things" |
		sort >"$SCRATCH/refs"
}

teardown() {
	crash_end
}

# counted : each line once, behind how often it came.
counted() {
	sort | uniq -c | awk '{ print $1 "\t" $2 }' | sort
}

built() {
	"$STOREFS" index list --json "$STORE" Thing |
		jq -e 'length == 2 and all(.[]; .state == "ready")' >/dev/null
}

# same WHAT COMMAND… : a command prints, in whatever order, what looking at every object did.
same() {
	local expected=$SCRATCH/$1
	shift
	"$@" | sort | diff "$expected" - >"$SCRATCH/diff" || fail "$*: $(head -n 5 "$SCRATCH/diff")"
}

# killed_soon : the daemon is killed within so many ms at most, and started again.
killed_soon() {
	sleep "0.$(printf %03d "$(random "$1")")"
	crash_kill || return 1
	store_mount
}

build_round() {
	local defining
	store_mount
	"$STOREFS" class define "$STORE" Thing <<<"$INDEXED" >"$SCRATCH/define" 2>&1 3>&- &
	defining=$!
	killed_soon 150 || return 1
	wait "$defining" || true
	killed_soon 60 || return 1
	# It may have died before the definition was there.
	"$STOREFS" class define "$STORE" Thing <<<"$INDEXED"
	killed_soon 100 || return 1
	wait_until built || return 1
	same rank "$STOREFS" index keys "$STORE" Thing rank || return 1
	same who "$STOREFS" index keys "$STORE" Thing who || return 1
	same refs "$STOREFS" refs "$STORE" Person/p7 || return 1
	crash_check || return 1
	store_umount
}

# rounds DEFINITION : of objects that were saved under it.
rounds() {
	local i first=$STORE
	RANDOM=$SEED
	"$STOREFS" class define "$STORE" Thing <<<"$1"
	"$STOREFS" import "$STORE" Thing "$SCRATCH/things" >/dev/null
	for ((i = 0; i < ROUNDS; i++)); do
		STORE=$SCRATCH/round.$i
		cp -a "$first" "$STORE"
		build_round || fail "round $i with seed $SEED" || return 1
		rm -rf "$STORE"
	done
	STORE=$first
	say "$ROUNDS rounds of three kills"
}

@test "kill -9 while indexes are built of relations that are kept in rows" {
	rounds "$PLAIN"
}

@test "kill -9 while it is found out who refers to whom, and indexes are built" {
	rounds '{}'
}
