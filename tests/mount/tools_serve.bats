#!/usr/bin/env bats
# Programs that serve files to others: lengths, ranges and dates are right.

load ../support/mount
load ../support/tools

setup() {
	tools_setup
	GOT=$BATS_TEST_TMPDIR/got
	head -c 3000000 /dev/urandom >"$MNT/Image/movie.mp4"
	printf '%s\n' "$OLD" >"$MNT/Note/1.json"
}

teardown() {
	store_teardown
}

# get OPTION… PATH : of the server at $URL; headers in $GOT.head, the body in $GOT.
get() {
	curl -sS --max-time 60 "${CURL[@]}" -D "$GOT.head" -o "$GOT" "${@:1:$#-1}" "$URL/${*: -1}"
	tr -d '\r' <"$GOT.head" >"$GOT.lines"
}

# answer : its code; header NAME : its value.
answer() { awk 'NR == 1 { print $2 }' "$GOT.lines"; }
header() { awk -v name="$1" 'tolower($1) == tolower(name) ":" { sub("^[^ ]* ", ""); print; exit }' "$GOT.lines"; }

# whole PATH : served whole, with the right length and date.
whole() {
	get "$1"
	is "$(answer)" 200
	same "$GOT" "$MNT/$1"
	is "$(header content-length)" "$(stat -c %s "$MNT/$1")"
	is "$(date -d "$(header last-modified)" +%s)" "$(stat -c %Y "$MNT/$1")"
	get -I "$1"
	is "$(header content-length)" "$(stat -c %s "$MNT/$1")"
	get -H "If-Modified-Since: $(header last-modified)" "$1"
	is "$(answer)" 304
}

# serves : what every server does.
serves() {
	whole Image/movie.mp4
	whole Note/1.json
	whole Note/1.msgpack
	# Another document of another length: at once, and whole.
	echo '{"title": "changed, and longer than it was before"}' >"$MNT/Note/1.json"
	whole Note/1.json
	head -c 5000 /dev/urandom >"$MNT/Image/movie.mp4"
	whole Image/movie.mp4
	get Note/2.json
	is "$(answer)" 404
}

# range PATH FIRST LAST : a part of it.
range() {
	local size
	size=$(stat -c %s "$MNT/$1")
	get -r "$2-$3" "$1"
	is "$(answer)" 206
	is "$(header content-range)" "bytes $2-$3/$size"
	is "$(header content-length)" $(($3 - $2 + 1))
	same "$GOT" <(tail -c "+$(($2 + 1))" "$MNT/$1" | head -c $(($3 - $2 + 1)))
}

# nginx_start SENDFILE : a server of this test alone, without a port that others could have.
nginx_start() {
	local dir=$BATS_TEST_TMPDIR/nginx
	mkdir -p "$dir/logs"
	cat >"$dir/conf" <<END
daemon off;
master_process off;
pid $dir/pid;
error_log $dir/error.log;
events { }
http {
	access_log off;
	sendfile $1;
	client_body_temp_path $dir/body;
	proxy_temp_path $dir/proxy;
	fastcgi_temp_path $dir/fastcgi;
	uwsgi_temp_path $dir/uwsgi;
	scgi_temp_path $dir/scgi;
	server {
		listen unix:$dir/socket;
		root $MNT;
		max_ranges 4;
	}
}
END
	nginx -p "$dir" -c "$dir/conf" -e "$dir/error.log" 3>&- &
	SERVER=$!
	CURL=(--unix-socket "$dir/socket")
	URL=http://localhost
	wait_until test -S "$dir/socket"
}

server_end() {
	kill "$SERVER"
	wait "$SERVER" || true
}

@test "nginx serves raws and documents" {
	row data 540 nginx "whole files, ranges, dates; sendfile on and off"
	local way
	for way in on off; do
		head -c 3000000 /dev/urandom >"$MNT/Image/movie.mp4"
		printf '%s\n' "$OLD" >"$MNT/Note/1.json"
		nginx_start "$way"
		range Image/movie.mp4 0 99
		range Image/movie.mp4 1000000 1999999
		range Image/movie.mp4 2999990 2999999
		range Note/1.json 2 8
		range Note/1.msgpack 1 3
		get -r 5000000- Image/movie.mp4
		is "$(answer)" 416
		serves
		server_end
		rm -rf "$BATS_TEST_TMPDIR/nginx"
	done
	both "right lengths, ranges and dates"
	row_done
}

@test "python3 -m http.server serves raws and documents" {
	row data 541 "python3 -m http.server" "whole files, dates"
	python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$MNT" >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
	SERVER=$!
	CURL=(--noproxy '*')
	wait_until grep -q 'http://' "$BATS_TEST_TMPDIR/log"
	URL=$(grep -o 'http://[^/]*' "$BATS_TEST_TMPDIR/log" | head -n 1)
	serves
	get Note/
	has "$(cat "$GOT")" 1.json
	server_end
	both "right lengths and dates"
	note "knows no ranges"
	row_done
}
