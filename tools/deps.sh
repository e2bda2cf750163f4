#!/bin/sh
# Install the Debian packages that the project needs, and only what is missing.
#
#   tools/deps.sh [build] [test] [lint] [demo] [fuzz] [bench]   default: build
#   tools/deps.sh --list GROUP…                       print the packages, install nothing
#
# Calls apt only when something is missing. Works as root, and through sudo for other users.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)

group_build="gcc libc6-dev cmake ninja-build pkgconf fuse3 libfuse3-dev librocksdb-dev
	libarchive-dev libmagic-dev libmsgpack-dev libxxhash-dev libyyjson-dev"
# What the mount tests use is listed beside them.
group_test="libcmocka-dev bats-support bats-assert bats-file $(cat "$here/tests/support/packages")"
# One major version, the newest that every release has: versions disagree.
group_lint="clang-format-19 clang-tidy-19 python3"
group_demo="iso-codes iso-flags-png-320x240 sound-theme-freedesktop jq attr file"
group_fuzz="clang-19 libclang-rt-19-dev"
# bench/raw: the work of others, beside its own.
group_bench="python3 git fio nginx apache2-utils"

say()
{
	printf '%s\n' "$*" >&2
}

die()
{
	say "deps: $*"
	exit 1
}

is_installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | head -n 1)" = installed ]
}

# What of "$@" is not installed, a name a line.
missing_of()
{
	for name; do
		is_installed "$name" || printf '%s\n' "$name"
	done
}

# Run a command as root: $as_root is empty, or sudo.
choose_root()
{
	as_root=
	[ "$(id -u)" -ne 0 ] || return 0
	if ! command -v sudo >/dev/null 2>&1; then
		die "missing packages:$(printf ' %s' $missing)
deps: run 'tools/deps.sh $groups' as root, or install sudo and give yourself the right to use it."
	fi
	if ! sudo -n true 2>/dev/null && ! (: </dev/tty) 2>/dev/null; then
		die "missing packages:$(printf ' %s' $missing)
deps: sudo asks for a password and there is no terminal; run 'tools/deps.sh $groups' as root."
	fi
	as_root=sudo
}

# apt-get, quietly; what it says is shown when it fails.
apt_get()
{
	if ! $as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get -qq -y \
		-o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@" \
		>"$work/apt.log" 2>&1 </dev/null; then
		sed 's/^/    /' "$work/apt.log" >&2
		die "'apt-get $*' failed"
	fi
}

has_candidate()
{
	LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'
}

# yyjson came to Debian with release 13. Its packages need nothing but libc, and install on release
# 12. They are fetched from the mirror that this machine uses already, through a package source that
# lives for this one call: the machine's own sources stay as they are, signatures are verified.
install_yyjson()
{
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -r "$keys" ] || die "libyyjson-dev: $keys is missing (package debian-archive-keyring)"
	site=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(SITE)' 2>/dev/null |
		sed -n 's/^Debian Debian //p' | head -n 1)
	[ -n "$site" ] ||
		die "libyyjson-dev is in no package source, and there is no Debian mirror to fetch it from"
	say "deps: libyyjson-dev: not in this release, fetching the one of Debian 13"
	mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/deb"
	chmod -R 755 "$work"
	echo "deb [signed-by=$keys] $site trixie main" >"$work/sources.list"
	once="-o Dir::Etc::SourceList=$work/sources.list -o Dir::Etc::SourceParts=/dev/null
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
		-o Dir::State::Lists=$work/lists -o Dir::Cache=$work/cache
		-o APT::Update::Post-Invoke-Success= -o Acquire::Languages=none"
	apt_get $once update
	(cd "$work/deb" && apt_get $once -o APT::Sandbox::User=root download libyyjson0 libyyjson-dev)
	apt_get install --no-install-recommends "$work"/deb/*.deb
}

# Tests use the program of a server, not its service: none is started, now or at the next boot.
quiet_services()
{
	policy=/usr/sbin/policy-rc.d
	[ ! -e "$policy" ] || return 0
	printf '#!/bin/sh\nexit 101\n' >"$work/policy"
	$as_root install -m 755 "$work/policy" "$policy"
	trap '$as_root rm -rf "$work" "$policy"' EXIT
}

disable_services()
{
	! printf '%s\n' $packages_missing | grep -qx nginx ||
		$as_root systemctl --quiet disable nginx 2>/dev/null || true
}

install_missing()
{
	packages_missing=$missing
	apt_get update
	quiet_services
	if printf '%s\n' $missing | grep -qx libyyjson-dev && ! has_candidate libyyjson-dev; then
		install_yyjson
		missing=$(missing_of $missing)
	fi
	[ -z "$missing" ] || apt_get install --no-install-recommends $missing
	disable_services
}

# Every booted Debian has /etc/mtab, a bare chroot has not. Without it fusermount3 can not unmount
# for an ordinary user; all the rest works.
make_mtab()
{
	[ ! -e /etc/mtab ] && [ ! -L /etc/mtab ] || return 0
	sudo=
	[ "$(id -u)" -eq 0 ] || sudo='sudo -n'
	$sudo ln -s /proc/self/mounts /etc/mtab 2>/dev/null ||
		say "deps: there is no /etc/mtab: fusermount3 will not unmount for an ordinary user"
}

list_only=
groups=
for word; do
	case $word in
	build | test | lint | demo | fuzz | bench) groups="$groups${groups:+ }$word" ;;
	--list) list_only=1 ;;
	*) die "unknown group '$word' (build, test, lint, demo, fuzz, bench)" ;;
	esac
done
groups=${groups:-build}

packages=
for group in $groups; do
	eval "packages=\"\$packages \$group_$group\""
done
packages=$(printf '%s\n' $packages | sort -u)
if [ -n "$list_only" ]; then
	printf '%s\n' "$packages"
	exit 0
fi

command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 ||
	die "this is not Debian or Ubuntu; install by yourself what these packages hold:
$packages"
missing=$(missing_of $packages)
[ -z "$missing" ] || choose_root
make_mtab
[ -n "$missing" ] || exit 0

work=$(mktemp -d)
chmod 755 "$work"
trap '$as_root rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
say "deps: installing:$(printf ' %s' $missing)"
install_missing
missing=$(missing_of $packages)
[ -z "$missing" ] || die "still missing after installation:$(printf ' %s' $missing)"
