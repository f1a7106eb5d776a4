// SPDX-License-Identifier: GPL-2.0

//! The attribute of the `macros` crate that the core uses, for the host.

use proc_macro::TokenStream;

/// Exports a function under its own name. The kernel's also checks it against its C header.
#[proc_macro_attribute]
pub fn export(_args: TokenStream, item: TokenStream) -> TokenStream {
    let mut exported: TokenStream = "#[no_mangle]".parse().expect("an attribute");
    exported.extend(item);
    exported
}
