//! The ticks: one interval for all periods.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Error, Result};

use crate::expand::{call, hook, hooks, with_outcome};
use crate::marks::{Hook, Mark};
use crate::methods::Method;

/// A method and how often it is called.
struct Period<'a> {
    millis: u64,
    span: Span,
    method: &'a Method,
}

/// All periods.
fn periods(methods: &[Method]) -> Vec<Period<'_>> {
    let marks = methods
        .iter()
        .flat_map(|method| method.marks.iter().map(move |mark| (mark, method)));
    let periods = marks.filter_map(|(mark, method)| match *mark {
        Mark::Every(millis, span) => Some(Period { millis, span, method }),
        _ => None,
    });
    periods.collect()
}

/// Where the second period is, when not every tick is one of each.
fn second(periods: &[Period<'_>]) -> Option<Span> {
    let mut pairs = periods.windows(2);
    let differ = pairs.find(|pair| pair[0].millis != pair[1].millis);
    differ.map(|pair| pair[1].span)
}

/// What is to be done when the plugin starts.
pub(crate) fn begin(methods: &[Method]) -> Option<TokenStream> {
    let span = second(&periods(methods))?;
    Some(quote_spanned!(span=> self.ticks.begin(cx.now());))
}

/// The milliseconds of which every period is a multiple.
pub(crate) fn interval(methods: &[Method]) -> Option<u64> {
    let millis = periods(methods).into_iter().map(|period| period.millis);
    millis.reduce(|mut a, mut b| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    })
}

/// The hook `on_tick`. Each method has its turn, whatever the one before came to.
pub(crate) fn on_tick(methods: &[Method]) -> Result<TokenStream> {
    let periods = periods(methods);
    let ticks: Vec<_> = hooks(methods, Hook::Tick).collect();
    if let (Some(period), false) = (periods.first(), ticks.is_empty()) {
        let message = "#[every(..)] sets the interval of #[tick]: use one of them";
        return Err(Error::new(period.span, message));
    }
    let second = second(&periods);
    let alone = ticks.len() + periods.len() < 2;
    let ticks = ticks.into_iter().map(|method| turn(method, alone));
    let periods = periods.iter().map(|period| {
        let turn = turn(period.method, alone);
        let millis = period.millis;
        match second.is_some() {
            true => quote_spanned! {period.span=>
                if passed.is_due(core::time::Duration::from_millis(#millis)) {
                    #turn
                }
            },
            false => turn,
        }
    });
    let turns: TokenStream = ticks.chain(periods).collect();
    if turns.is_empty() {
        return Ok(turns);
    }
    let passed = second.map(|span| quote_spanned!(span=> let passed = self.ticks.pass(cx.now());));
    Ok(hook("on_tick", with_outcome(quote!(#passed #turns), alone), true))
}

fn turn(method: &Method, alone: bool) -> TokenStream {
    let call = call(method);
    match alone {
        true => quote!(#call?;),
        false => quote!(outcome = outcome.and(#call.map_err(kernel_core::Error::from));),
    }
}
