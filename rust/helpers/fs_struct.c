// SPDX-License-Identifier: GPL-2.0

#include <linux/fs_struct.h>

/* Initializes a fs_struct without a root and a working directory, which no task uses. */
__rust_helper void rust_helper_fs_struct_init(struct fs_struct *fs)
{
	*fs = (struct fs_struct) { .users = 1 };
	seqlock_init(&fs->seq);
}
