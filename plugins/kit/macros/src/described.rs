//! The schemas of the services: `impl Described`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, ItemImpl, Result};

use crate::args::{Args, Schema};
use crate::expand::{full_name, services};
use crate::methods::{Method, Param};

/// The impl of `Described`, where it is asked for.
pub(crate) fn described(args: &Args, methods: &[Method], block: &ItemImpl) -> Result<TokenStream> {
    let condition = match &args.schema {
        None if args.instances => {
            return Err(Error::new_spanned(
                &args.name,
                "`instances` is for plugins with `schema`",
            ));
        }
        None => return Ok(TokenStream::new()),
        Some(Schema::Always) => None,
        Some(Schema::With(feature)) => Some(quote!(#[cfg(feature = #feature)])),
    };
    let services = services(methods).map(|(service, method)| {
        let name = full_name(args, &service.name);
        let (description, examples) = (&method.description, &service.examples);
        let takes = method
            .value
            .as_ref()
            .map(|ty| quote_spanned!(ty.span()=> .takes::<#ty>()));
        let returns = method
            .returns
            .as_ref()
            .filter(|_| !method.params.contains(&Param::Reply));
        let returns = returns.map(|ty| quote_spanned!(ty.span()=> .returns::<#ty>()));
        let reads = service.reads.then(|| quote!(.reads()));
        quote! {
            ::plugin_kit::schema::ServiceSchema::new(#name, #description) #takes #returns #reads
                #(.example(kernel_core::json_literal!(#examples)))*
        }
    });
    let (generics, _, bounds) = block.generics.split_for_impl();
    let ty = &block.self_ty;
    let instances = args.instances.then(|| {
        quote!(
            const INSTANCES: bool = true;
        )
    });
    Ok(quote! {
        #condition
        impl #generics ::plugin_kit::schema::Described for #ty #bounds {
            #instances

            fn services() -> ::plugin_kit::schema::Services {
                ::plugin_kit::schema::Services::from([#(#services),*])
            }
        }
    })
}
