//! The attributes and the `select!` of [gort](https://docs.rs/gort), which re-exports them. Use
//! them from there: what they expand to names the `gort` crate.

mod attribute;
mod select;
mod tokens;

use attribute::Attribute;
use proc_macro::TokenStream;

#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand(Attribute::Main, options, item)
}

#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand(Attribute::Test, options, item)
}

#[proc_macro]
pub fn select(input: TokenStream) -> TokenStream {
    select::expand(input, false)
}

#[proc_macro]
pub fn select_biased(input: TokenStream) -> TokenStream {
    select::expand(input, true)
}
