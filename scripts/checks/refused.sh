# shellcheck shell=bash disable=SC2154,SC2317
# SPDX-License-Identifier: GPL-2.0
#
# This check of scripts/check makes sure that the compiler refuses forbidden changes.

# compile_core FOLDER: compiles FOLDER/rust_setns with the flags that the kernel's build used for
# the core. It stops after rustc has checked borrows and constants. rustc prints to FOLDER/log.
compile_core() {
	local flags
	flags=$(core_flags)
	(cd "$out" && RUSTC_BOOTSTRAP=1 OBJTREE=$out RUST_MODFILE=kernel/rust_setns/rust_setns \
		bash -c "rustc $flags -L ./rust/ --sysroot=/dev/null --crate-type rlib --emit=metadata \
			--out-dir '$1' '$1/rust_setns/rust_setns_main.rs'") >"$1/log" 2>&1
}

# copy_core FOLDER: copies the core to FOLDER/rust_setns
copy_core() {
	mkdir -p "$1"
	cp -r "$src/kernel/rust_setns" "$1/rust_setns"
}

# Each patch in scripts/lists/must-not-compile makes a change that one of the core's types must
# forbid. The compiler must refuse it with the patch's error code and no other ("Refused with:"),
# and print what the patch expects ("Which says:"). The core without a patch must compile:
# otherwise a refusal proves nothing.
check_refused() {
	local case name pattern codes folder=$work/refused count=0
	rm -rf "$folder"
	copy_core "$folder/unchanged"
	if ! compile_core "$folder/unchanged"; then
		cat "$folder/unchanged/log"
		return 1
	fi
	for case in "$scripts"/lists/must-not-compile/*.patch; do
		name=${case##*/} name=${name%.patch}
		copy_core "$folder/$name"
		patch -s -f -p1 --fuzz=0 --no-backup-if-mismatch -d "$folder/$name" <"$case" || {
			echo "${case##*/} does not apply to the core; update the patch."
			return 1
		}
		if compile_core "$folder/$name"; then
			echo "$name compiles, and the compiler must refuse it."
			return 1
		fi
		# An error without a code adds a lone ":", so that the comparison below fails
		codes=$(sed -n '/^error: aborting due to/d; s/^error\(\[\(E[0-9]*\)\]\)\{0,1\}:.*/\2:/p' \
			"$folder/$name/log" | sort -u | xargs)
		if [ "$codes" != "$(sed -n 's/^Refused with: //p' "$case"):" ]; then
			echo "$name is refused with '$codes'. Log: $folder/$name/log"
			return 1
		fi
		while read -r pattern; do
			if ! grep -qE -e "$pattern" "$folder/$name/log"; then
				echo "$name is refused, but not with '$pattern': $folder/$name/log"
				return 1
			fi
		done < <(sed -n 's/^Which says: //p' "$case")
		grep -q '^Which says: ' "$case"
		count=$((count + 1))
	done
	echo "==> $count changes are refused"
}
