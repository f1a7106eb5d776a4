# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-2.0
#
# These functions download packages from other suites or architectures of Debian than the
# machine's own. apt verifies the packages. They are unpacked, not installed.

# targets FORMAT: prints a line for each package list of the machine's apt sources, in a format
# of "apt-get indextargets". Before its first update, apt has no lists. Then this makes some in
# the cache.
targets() {
	local apt=(apt-get -q)
	if [ -z "$(apt-get indextargets 'Created-By: Packages')" ]; then
		apt+=(-o "Dir::State::lists=$cache/apt-lists" -o APT::Sandbox::User=root)
		mkdir -p "$cache/apt-lists/partial" "$cache/log"
		"${apt[@]}" update >"$cache/log/apt-lists" 2>&1 || true
	fi
	"${apt[@]}" indextargets --format "$1" 'Created-By: Packages' 'Component: main' | sort -u
}

# sources SUITE: prints the source line of the suite for each mirror that apt uses. The line is
# for one command only; the machine gets no new source.
sources() {
	# shellcheck disable=SC2016 # apt's variable, not ours
	targets '$(REPO_URI)' | sed "s,.*,deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] & $1 main,"
}

# own_sources ARCH [SUITE]: prints the source lines of the machine's own release, or of another
# one, for an architecture: the release, its updates and its security fixes
own_sources() {
	local own
	own=$(. /etc/os-release && echo "$VERSION_CODENAME")
	# shellcheck disable=SC2016 # apt's variables, not ours
	targets '$(REPO_URI) $(RELEASE)' | sed -nE \
		"s,^([^ ]*) $own(-updates|-security)?\$,deb [arch=$1 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \\1 ${2:-$own}\\2 main,p"
}

# download FOLDER PACKAGE...: downloads packages into FOLDER, which holds nothing else then. It
# reads the source lines from standard input. FOLDER has all of the packages, or it is as before.
download() {
	local folder=$1 work=$1.new log=$cache/log/download-${1##*/}
	local apt_here=(apt-get -q -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work" -o APT::Sandbox::User=root)
	shift
	rm -rf "$work"
	mkdir -p "$work/lists/partial" "$work/archives/partial" "$cache/log"
	cat >"$work/sources.list"
	# Not every mirror has every suite
	"${apt_here[@]}" update >"$log" 2>&1 || true
	(cd "$work" && "${apt_here[@]}" download "$@") >>"$log" 2>&1 ||
		die "apt's mirrors do not have $*; check the network, or upgrade this machine's packages. Log: $log"
	find "$work" -mindepth 1 ! -name '*.deb' -delete
	rm -rf "$folder"
	mv "$work" "$folder"
}
