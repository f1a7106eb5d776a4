/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Glue between the C code of the kernel and the Rust core of setns(2).
 *
 * Read by proc_ns_glue.c, and by bindgen through bindings_helper.h, which lets
 * #[export] check that the signatures on both sides agree.
 */
#ifndef _RUST_SETNS_PROC_NS_GLUE_H
#define _RUST_SETNS_PROC_NS_GLUE_H

struct ns_common;
struct nsset;

/* C, called by Rust */
int proc_ns_install(struct nsset *nsset, struct ns_common *ns);
void proc_ns_put(struct ns_common *ns);
void rust_setns_start(void);
void rust_setns_stop(void);

/* Rust, called by C, from the system call alone */
long rust_setns(int fd, int nstype);

#endif /* _RUST_SETNS_PROC_NS_GLUE_H */
