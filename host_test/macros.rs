// SPDX-License-Identifier: GPL-2.0

//! The `macros` crate, for the host. It has the one attribute that the core and the mocks use.

use proc_macro::{
    TokenStream,
    TokenTree, //
};

/// Exports a function under its own name, and compares it with its declaration in C.
///
/// It does this as the kernel does: the two branches of an `if` must have the same type.
#[proc_macro_attribute]
pub fn export(_args: TokenStream, item: TokenStream) -> TokenStream {
    let mut tokens = item.clone().into_iter();
    let is_fn = |token: &TokenTree| token.to_string() == "fn";
    let name = tokens.find(is_fn).and_then(|_| tokens.next());
    let name = name.expect("the name of a function");

    let exported = format!(
        "const _: () = {{ if true {{ ::kernel::bindings::{name} }} else {{ {name} }}; }}; #[no_mangle]"
    );
    let mut exported: TokenStream = exported.parse().expect("an item and an attribute");
    exported.extend(item);
    exported
}
