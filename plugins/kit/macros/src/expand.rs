//! The `impl Plugin` that comes of the marked methods: what one would have written by hand.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, ItemImpl, LitStr, Result, Type};

use crate::args::Args;
use crate::described;
use crate::marks::{Hook, Mark, Service};
use crate::methods::{Method, Param};
use crate::ticks;

/// The impl of `Plugin` for the type of `block`.
pub(crate) fn plugin(args: &Args, methods: &[Method], block: &ItemImpl) -> Result<TokenStream> {
    let made = Expansion { args, methods };
    let hooks = [
        made.on_load()?,
        made.on_start(),
        made.on_event(),
        made.on_call(),
        ticks::on_tick(methods)?,
        made.plain("on_stop", Hook::Stop),
        made.plain("on_unload", Hook::Unload),
    ];
    let (generics, _, bounds) = block.generics.split_for_impl();
    let (ty, metadata) = (&block.self_ty, made.metadata());
    let plugin = if args.local {
        quote!(LocalPlugin)
    } else {
        quote!(Plugin)
    };
    let described = described::described(args, methods, block)?;
    Ok(quote! {
        const _: () = {
            use ::plugin_kit::kernel_core;

            impl #generics kernel_core::#plugin for #ty #bounds {
                #metadata
                #(#hooks)*
            }

            #described
        };
    })
}

/// The name itself, or below the plugin's own where it begins with a dot.
pub(crate) fn full_name(args: &Args, name: &LitStr) -> LitStr {
    match name.value() {
        text if text.starts_with('.') => LitStr::new(&format!("{}{text}", args.name.value()), name.span()),
        _ => name.clone(),
    }
}

/// A name that has to begin with a dot.
fn below_own(name: &LitStr) -> Result<&LitStr> {
    match name.value().starts_with('.') {
        true => Ok(name),
        false => Err(Error::new_spanned(
            name,
            "with `instances` a name is below the plugin's own, and begins with a dot",
        )),
    }
}

/// The services, with the methods that answer them.
pub(crate) fn services(methods: &[Method]) -> impl Iterator<Item = (&Service, &Method)> {
    methods.iter().flat_map(|method| {
        method.marks.iter().filter_map(move |mark| match mark {
            Mark::Service(service) => Some((service, method)),
            _ => None,
        })
    })
}

/// The methods with this mark.
pub(crate) fn hooks(methods: &[Method], hook: Hook) -> impl Iterator<Item = &Method> {
    let is_hook = move |mark: &Mark| matches!(mark, Mark::Hook(found) if *found == hook);
    methods
        .iter()
        .filter(move |method| method.marks.iter().any(is_hook))
}

struct Expansion<'a> {
    args: &'a Args,
    methods: &'a [Method],
}

impl<'a> Expansion<'a> {
    fn metadata(&self) -> TokenStream {
        let name = &self.args.name;
        let version = match &self.args.version {
            Some(version) => quote!(#version),
            None => quote!(core::env!("CARGO_PKG_VERSION")),
        };
        let (fields, values): (Vec<_>, Vec<_>) = self.args.metadata.iter().cloned().unzip();
        quote! {
            const METADATA: kernel_core::PluginMetadata = kernel_core::PluginMetadata {
                #(#fields: #values,)*
                ..kernel_core::PluginMetadata::new(#name, #version)
            };
        }
    }

    fn on_load(&self) -> Result<TokenStream> {
        let filters: Vec<_> = self
            .handlers()
            .into_iter()
            .flat_map(|handler| handler.filters)
            .collect();
        let own = format!("{}.", self.args.name.value());
        if let Some(own) = filters
            .iter()
            .find(|filter| self.args.instances && filter.value().starts_with(&own))
        {
            return Err(Error::new_spanned(
                own,
                "with `instances` the plugin's own events have a name that is not known here: subscribe to them in #[load]",
            ));
        }
        let subscribe = filters
            .iter()
            .map(|filter| quote_spanned!(filter.span()=> cx.subscribe(kernel_core::name!(#filter)).await?;));
        let subscribe: TokenStream = subscribe.collect();
        let mut names = Vec::new();
        let mut register = TokenStream::new();
        for (service, method) in services(self.methods) {
            let name = full_name(self.args, &service.name);
            if names.contains(&name.value()) {
                return Err(Error::new_spanned(
                    &service.name,
                    "another method has this service",
                ));
            }
            names.push(name.value());
            let registered = match self.args.instances {
                true => {
                    let below = below_own(&service.name)?;
                    quote_spanned!(name.span()=> ::plugin_kit::below(own, #below, &mut [0; kernel_core::subject::MAX_SUBJECT])?)
                }
                false => quote_spanned!(name.span()=> kernel_core::name!(#name)),
            };
            let mut more = TokenStream::new();
            if !method.description.is_empty() {
                let text = &method.description;
                more.extend(quote!(.describe(kernel_core::Name::Fixed(#text))));
            }
            if let Some(version) = &service.version {
                more.extend(quote!(.version(kernel_core::Name::Fixed(#version))));
            }
            if service.deprecated {
                more.extend(quote!(.deprecated()));
            }
            register.extend(quote_spanned! {name.span()=>
                cx.register(&(kernel_core::Service::new(#registered) #more)).await?;
            });
        }
        if self.args.instances && !register.is_empty() {
            let own = quote! {
                let mut own = [0; kernel_core::subject::MAX_NAME];
                let own = cx.name_of(cx.id(), &mut own).await?;
            };
            register = quote!(#own #register);
        }
        let interval = ticks::interval(self.methods)
            .map(|millis| quote!(cx.set_interval(core::time::Duration::from_millis(#millis)).await?;));
        let hooks = self.hooks(Hook::Load).map(|method| {
            let buffer = self.args.buffer;
            let settings = method.value.as_ref().map(|ty| {
                quote_spanned!(ty.span()=> let value: #ty = ::plugin_kit::settings::<_, #buffer>(cx).await?;)
            });
            let call = call(method);
            quote!(#settings #call?;)
        });
        let hooks: TokenStream = hooks.collect();
        let body = quote!(#subscribe #register #interval #hooks);
        Ok(hook("on_load", body, false))
    }

    fn on_start(&self) -> TokenStream {
        let hooks = self.hooks(Hook::Start).map(|method| {
            let call = call(method);
            quote!(#call?;)
        });
        let mut body: TokenStream = hooks.collect();
        body.extend(ticks::begin(self.methods));
        hook("on_start", body, false)
    }

    fn on_event(&self) -> TokenStream {
        let buffer = self.args.buffer;
        let all = self.handlers();
        let alone = all.len() < 2;
        let handlers = all.iter().map(|Handler { filters, own, method }| {
            let decode = method
                .value
                .as_ref()
                .map(|ty| decode(ty, buffer, quote!(event.payload())));
            let call = call(method);
            let handle = match alone {
                true => quote!(#decode #call?;),
                // What one does not understand another may.
                false => quote! {
                    let handled = async { #decode #call?; Ok::<(), kernel_core::Error>(()) };
                    outcome = outcome.and(handled.await);
                },
            };
            match own {
                true => quote!({ #handle }),
                false => quote! {
                    if #(kernel_core::subject::matches(#filters, event.topic()))||* {
                        #handle
                    }
                },
            }
        });
        let handlers: TokenStream = handlers.collect();
        if handlers.is_empty() {
            return handlers;
        }
        let body = with_outcome(handlers, alone);
        let unused = unless_used(&body, "cx");
        quote! {
            async fn on_event(
                &mut self,
                cx: &kernel_core::Context,
                event: kernel_core::Event<'_>,
            ) -> core::result::Result<(), kernel_core::Error> {
                #unused
                #body
            }
        }
    }

    fn on_call(&self) -> TokenStream {
        let buffer = self.args.buffer;
        let arms = services(self.methods).map(|(service, method)| {
            let name = match self.args.instances {
                true => LitStr::new(service.name.value().trim_start_matches('.'), service.name.span()),
                false => full_name(self.args, &service.name),
            };
            let decode = method
                .value
                .as_ref()
                .map(|ty| decode(ty, buffer, quote!(call.args())));
            let invoke = call(method);
            let returned = method
                .returns
                .as_ref()
                .map_or_else(|| method.name.span(), Spanned::span);
            let answer = match method.params.contains(&Param::Reply) {
                true => quote!(#invoke.map_err(kernel_core::Error::from)),
                false => quote_spanned!(returned=> reply.json(&#invoke?)),
            };
            quote!(#name => { #decode #answer })
        });
        let arms: TokenStream = arms.collect();
        if arms.is_empty() {
            return arms;
        }
        let unused = [unless_used(&arms, "cx"), unless_used(&arms, "reply")];
        let name = match self.args.instances {
            true => quote!(call.service().split_once('.').map_or("", |(_own, below)| below)),
            false => quote!(call.service()),
        };
        quote! {
            async fn on_call(
                &mut self,
                cx: &kernel_core::Context,
                call: kernel_core::Request<'_>,
                reply: kernel_core::Reply<'_>,
            ) -> core::result::Result<kernel_core::Replied, kernel_core::Error> {
                #(#unused)*
                match #name {
                    #arms
                    _ => Err(kernel_core::Error::new(
                        "not_implemented",
                        "the plugin registered this service and does not answer it",
                    )),
                }
            }
        }
    }

    /// A hook that calls the methods with this mark.
    fn plain(&self, name: &str, mark: Hook) -> TokenStream {
        let calls = self.hooks(mark).map(|method| {
            let call = call(method);
            quote!(#call?;)
        });
        hook(name, calls.collect(), false)
    }

    fn hooks(&self, hook: Hook) -> impl Iterator<Item = &'a Method> {
        hooks(self.methods, hook)
    }

    /// The methods that take events.
    fn handlers(&self) -> Vec<Handler<'a>> {
        let methods = self.methods.iter().filter_map(|method| {
            let marks = method.marks.iter().filter_map(|mark| match mark {
                Mark::On(filters) => Some(filters),
                _ => None,
            });
            let marks: Vec<_> = marks.collect();
            let filters = marks.iter().copied().flatten();
            (!marks.is_empty()).then(|| Handler {
                filters: filters.map(|filter| full_name(self.args, filter)).collect(),
                own: marks.iter().any(|filters| filters.is_empty()),
                method,
            })
        });
        methods.collect()
    }
}

/// A method that takes events.
struct Handler<'a> {
    filters: Vec<LitStr>,
    /// It takes all, whatever the filters are.
    own: bool,
    method: &'a Method,
}

/// Decodes `json` as the value that a method takes; `Args` decodes itself.
fn decode(ty: &Type, buffer: usize, json: TokenStream) -> TokenStream {
    let is_args = matches!(ty, Type::Path(path)
        if path.path.segments.last().is_some_and(|last| last.ident == "Args"));
    match is_args {
        true => quote_spanned!(ty.span()=> let value = <#ty>::decode(#json)?;),
        false => quote_spanned! {ty.span()=>
            let mut room = ::plugin_kit::scratch::<#buffer>(#json);
            let value: #ty = #json.decode(room.as_mut())?;
        },
    }
}

/// A call of the method, with what it takes, in its order.
pub(crate) fn call(method: &Method) -> TokenStream {
    let name = &method.name;
    let params = method.params.iter().map(|param| {
        let name = match param {
            Param::Context => "cx",
            Param::Event => "event",
            Param::Request => "call",
            Param::Reply => "reply",
            Param::Value => "value",
        };
        Ident::new(name, Span::call_site())
    });
    let wait = method.is_async.then(|| quote!(.await));
    quote_spanned!(name.span()=> self.#name(#(#params),*) #wait)
}

/// A hook that takes the context alone; nothing where it would do nothing.
pub(crate) fn hook(name: &str, body: TokenStream, is_outcome: bool) -> TokenStream {
    if body.is_empty() {
        return body;
    }
    let (name, unused) = (format_ident!("{name}"), unless_used(&body, "cx"));
    let end = (!is_outcome).then(|| quote!(Ok(())));
    quote! {
        async fn #name(
            &mut self,
            cx: &kernel_core::Context,
        ) -> core::result::Result<(), kernel_core::Error> {
            #unused
            #body
            #end
        }
    }
}

/// The body of a hook whose handlers all run, and whose first error counts.
pub(crate) fn with_outcome(handlers: TokenStream, alone: bool) -> TokenStream {
    match alone {
        true => quote!(#handlers Ok(())),
        false => quote!(let mut outcome = Ok(()); #handlers outcome),
    }
}

/// `let _ = name;` where the code does not use it.
fn unless_used(code: &TokenStream, name: &str) -> Option<TokenStream> {
    let name = Ident::new(name, Span::call_site());
    (!uses(code.clone(), &name)).then(|| quote!(let _ = #name;))
}

fn uses(code: TokenStream, name: &Ident) -> bool {
    code.into_iter().any(|token| match token {
        TokenTree::Ident(found) => found == *name,
        TokenTree::Group(group) => uses(group.stream(), name),
        _ => false,
    })
}
