//! The attribute macro of `plugin-kit`: see `plugin_kit::plugin` for what it takes and makes.
//!
//! ```text
//! args.rs      what stands in #[plugin(..)]
//! marks.rs     what stands in #[on(..)], #[service(..)], #[every(..)]
//! methods.rs   the methods that are marked, and what they take and return
//! expand.rs    the impl of Plugin that comes of them
//! ticks.rs     the ticks, of one interval for all periods
//! described.rs the schemas of the services
//! ```

mod args;
mod described;
mod expand;
mod marks;
mod methods;
mod ticks;

use proc_macro::TokenStream;
use quote::quote;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Item, Meta, Token};

/// Makes a plugin of an `impl` block: see `plugin_kit::plugin`.
#[proc_macro_attribute]
pub fn plugin(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut block = match syn::parse::<Item>(item.clone()) {
        Ok(Item::Impl(block)) => block,
        Ok(other) => {
            let error = "#[plugin(..)] goes on an `impl` block, not on the struct";
            return with_errors(&other, syn::Error::new_spanned(&other, error));
        }
        Err(error) => return with_errors(&proc_macro2::TokenStream::from(item), error),
    };
    let metas = Punctuated::<Meta, Token![,]>::parse_terminated.parse(args);
    // The methods lose their marks whatever is wrong, so that what is wrong is said once.
    let methods = methods::take(&mut block);
    let made = metas
        .and_then(args::Args::new)
        .and_then(|args| Ok((args, methods?)))
        .and_then(|(args, methods)| expand::plugin(&args, &methods, &block));
    match made {
        Ok(made) => quote!(#block #made).into(),
        Err(error) => with_errors(&block, error),
    }
}

fn with_errors(item: &impl quote::ToTokens, error: syn::Error) -> TokenStream {
    let errors = error.to_compile_error();
    quote!(#item #errors).into()
}
