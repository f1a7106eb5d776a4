// SPDX-License-Identifier: GPL-2.0

//! The `bindings` crate, for the host. bindgen makes it from the headers and from the helpers.
//!
//! A declaration in C comes before a helper of the same name, as in `rust/bindings/lib.rs`.

#![allow(
    clippy::all,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    unreachable_pub
)]

mod raw {
    pub use super::helpers::*;
    include!("bindings_generated.rs");
}

mod helpers {
    use super::raw::*;
    include!("bindings_helpers_generated.rs");
}

pub use raw::*;
