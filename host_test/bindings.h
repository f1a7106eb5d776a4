/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bindgen makes kernel::bindings from this file, as it does from
 * rust/bindings/bindings_helper.h in the kernel.
 */

#include "kernel.h"
#include "rust_setns/dispatch.h"
#include "rust_setns/proc_ns_glue.h"

const u64 RUST_CONST_HELPER_CLONE_NS_ALL = CLONE_NS_ALL;

/* bindgen leaves out a member that is a structure without a name */
const u64 RUST_CONST_HELPER_NS_ID_OFFSET = __builtin_offsetof(struct ns_common, ns_id);
const u64 RUST_CONST_HELPER_LAST_INIT_ID = NS_LAST_INIT_ID;
