//! The methods that are marked: what each takes, in which order, and what it returns.

use proc_macro2::Ident;
use syn::{
    Error, FnArg, GenericArgument, ImplItem, ImplItemFn, ItemImpl, PathArguments, ReceiverKind, Result,
    ReturnType, Type,
};

use crate::marks::{Hook, Mark, description};

/// A method that is marked.
pub(crate) struct Method {
    pub(crate) name: Ident,
    pub(crate) marks: Vec<Mark>,
    pub(crate) params: Vec<Param>,
    /// The type that the payload, the arguments or the settings are decoded as.
    pub(crate) value: Option<Type>,
    pub(crate) is_async: bool,
    /// `T` of `Result<T, Error>`.
    pub(crate) returns: Option<Type>,
    pub(crate) description: String,
}

/// What a method takes, known by the name of its type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Param {
    Context,
    Event,
    Request,
    Reply,
    Value,
}

/// The marked methods of the block, which lose their marks.
pub(crate) fn take(block: &mut ItemImpl) -> Result<Vec<Method>> {
    let mut methods = Vec::new();
    let mut errors = Errors(None);
    if let Some((path, _)) = &block.trait_ {
        errors.add(Error::new_spanned(
            path,
            "#[plugin(..)] goes on an `impl` block without a trait: it makes the impl of Plugin",
        ));
    }
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else {
            continue;
        };
        let mut marks = Vec::new();
        function.attrs.retain(|attribute| match Mark::new(attribute) {
            Some(Ok(mark)) => {
                marks.push(mark);
                false
            }
            Some(Err(error)) => {
                errors.add(error);
                false
            }
            None => true,
        });
        if marks.is_empty() {
            continue;
        }
        match method(function, marks) {
            Ok(method) => methods.push(method),
            Err(error) => errors.add(error),
        }
    }
    match errors.0 {
        Some(error) => Err(error),
        None => Ok(methods),
    }
}

/// All that is wrong.
struct Errors(Option<Error>);

impl Errors {
    fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            none => *none = Some(error),
        }
    }
}

fn method(function: &ImplItemFn, marks: Vec<Mark>) -> Result<Method> {
    let signature = &function.sig;
    if let Some(cfg) = function
        .attrs
        .iter()
        .find(|attribute| attribute.path().is_ident("cfg"))
    {
        return Err(Error::new_spanned(
            cfg,
            "a marked method is always there: `cfg` goes into its body",
        ));
    }
    let mut inputs = signature.inputs.iter();
    if !matches!(inputs.next(), Some(FnArg::Receiver(this)) if matches!(this.kind, ReceiverKind::Reference(..)))
    {
        return Err(Error::new_spanned(
            &signature.ident,
            "a marked method begins with `&mut self` or `&self`",
        ));
    }
    let ReturnType::Type(_, output) = &signature.output else {
        return Err(Error::new_spanned(
            &signature.ident,
            "a marked method returns a Result, such as `Result<(), Error>`",
        ));
    };
    let (mut params, mut value) = (Vec::new(), None);
    for input in inputs {
        let FnArg::Typed(input) = input else {
            continue;
        };
        let param = param(&input.ty);
        for mark in &marks {
            if !mark.allows(param) || params.contains(&param) {
                return Err(Error::new_spanned(&input.ty, mark.takes()));
            }
        }
        params.push(param);
        if param == Param::Value {
            value = Some((*input.ty).clone());
        }
    }
    Ok(Method {
        name: signature.ident.clone(),
        marks,
        params,
        value,
        is_async: signature.asyncness.is_some(),
        returns: success(output),
        description: description(&function.attrs),
    })
}

fn param(ty: &Type) -> Param {
    let is_reference = matches!(ty, Type::Reference(_));
    let named = match ty {
        Type::Reference(reference) => &*reference.elem,
        other => other,
    };
    let Type::Path(path) = named else {
        return Param::Value;
    };
    let name = path.path.segments.last().map(|last| last.ident.to_string());
    match (name.as_deref(), is_reference) {
        (Some("Context"), true) => Param::Context,
        (Some("Event"), false) => Param::Event,
        (Some("Request"), false) => Param::Request,
        (Some("Reply"), false) => Param::Reply,
        _ => Param::Value,
    }
}

/// `T` of `Result<T, ..>`.
fn success(output: &Type) -> Option<Type> {
    let Type::Path(path) = output else {
        return None;
    };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(ty) if last.ident == "Result" => Some(ty.clone()),
        _ => None,
    }
}

impl Mark {
    fn allows(&self, param: Param) -> bool {
        match param {
            Param::Context => true,
            Param::Value => matches!(self, Mark::On(_) | Mark::Service(_) | Mark::Hook(Hook::Load)),
            Param::Event => matches!(self, Mark::On(_)),
            Param::Request | Param::Reply => matches!(self, Mark::Service(_)),
        }
    }

    /// What a method with this mark takes, as an error says it.
    fn takes(&self) -> &'static str {
        match self {
            Mark::On(_) => {
                "a method with #[on(..)] takes `&Context`, `Event<'_>` and one value, the payload: each at most once"
            }
            Mark::Service(_) => {
                "a method with #[service(..)] takes `&Context`, `Request<'_>`, `Reply<'_>` and one value, the \
                 arguments: each at most once; several arguments are the fields of a struct"
            }
            Mark::Hook(Hook::Load) => {
                "a method with #[load] takes `&Context` and one value, the settings: each at most once"
            }
            _ => "a method with this mark takes `&Context` and nothing else",
        }
    }
}
