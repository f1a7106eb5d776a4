/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Glue between the C code of the kernel and the Rust core of setns(2).
 *
 * proc_ns_glue.c includes this file. bindgen reads it through bindings_helper.h,
 * so #[export] checks that the signatures on both sides agree.
 */
#ifndef _RUST_SETNS_PROC_NS_GLUE_H
#define _RUST_SETNS_PROC_NS_GLUE_H

struct ns_common;
struct nsset;
struct setns_outcome;

/* Rust calls these C functions. */
int proc_ns_install(struct nsset *nsset, struct ns_common *ns);
int rust_setns_start(void);

/* The system call, and nothing else, calls these Rust functions. */
long rust_setns(int fd, int nstype, struct setns_outcome *outcome);
long rust_setns_copy(int fd, int nstype, struct setns_outcome *outcome);

#endif /* _RUST_SETNS_PROC_NS_GLUE_H */
