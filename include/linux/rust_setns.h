/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_RUST_SETNS_H
#define _LINUX_RUST_SETNS_H

#include <linux/export.h>

/*
 * Exports a symbol to the module rust_setns, if it is a module, and to no other
 * module.
 */
#if IS_MODULE(CONFIG_RUST_SETNS)
#define EXPORT_SYMBOL_FOR_RUST_SETNS(sym) EXPORT_SYMBOL_FOR_MODULES(sym, "rust_setns")
#else
#define EXPORT_SYMBOL_FOR_RUST_SETNS(sym)
#endif

#endif /* _LINUX_RUST_SETNS_H */
