// SPDX-License-Identifier: GPL-2.0

#include <linux/sem.h>

#ifndef CONFIG_SYSVIPC
__rust_helper void rust_helper_exit_sem(struct task_struct *task)
{
	exit_sem(task);
}
#endif /* CONFIG_SYSVIPC */
