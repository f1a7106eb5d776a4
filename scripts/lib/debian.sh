# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-2.0
#
# The part of scripts/lib/common.sh that takes packages from other suites of Debian than the
# machine's own. apt verifies them. They are unpacked, not installed.

# sources SUITE: its source line on each mirror that apt uses. The suite is for one command
# only; no source is added to the machine.
sources() {
	# shellcheck disable=SC2016 # apt's variable, not ours
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sort -u |
		sed "s,.*,deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] & $1 main,"
}

# download SUITE FOLDER PACKAGE...: leaves the packages in FOLDER, which holds nothing else
# then. All of them are there or none.
download() {
	local suite=$1 folder=$2 work=$2.new line log
	local apt_here=(apt-get -q -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work" -o APT::Sandbox::User=root)
	shift 2
	log=$cache/log/download-$1
	mkdir -p "$cache/log"
	while read -r line; do
		rm -rf "$work"
		mkdir -p "$work/lists/partial" "$work/archives/partial"
		echo "$line" >"$work/sources.list"
		"${apt_here[@]}" update >"$log" 2>&1 || continue
		(cd "$work" && "${apt_here[@]}" download "$@") >>"$log" 2>&1 || continue
		find "$work" -mindepth 1 ! -name '*.deb' -delete
		rm -rf "$folder"
		mv "$work" "$folder"
		return
	done < <(sources "$suite")
	die "no mirror of apt's has $* in $suite; check the network. Log: $log"
}
