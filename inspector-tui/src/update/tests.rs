//! Keys in, effects out.

mod actions;
mod around;
mod events;
mod finding;
mod replay;
mod sheets;
mod storage;
mod taken;

use super::Effect;
use crate::facts::{Command, Item, Request, Update};
use crate::testing::{Bench, event};

/// The one request that was sent.
fn sent(effects: &[Effect]) -> Request {
    match effects {
        [Effect::Send(Command::Request { request, .. })] => request.clone(),
        other => panic!("one request was expected: {other:?}"),
    }
}

fn said(bench: &Bench) -> &str {
    bench.ui.notice.as_ref().map_or("", |notice| &notice.text)
}

/// What was said, which is not there any more then.
fn take_said(bench: &mut Bench) -> String {
    bench.ui.notice.take().unwrap().text
}

/// More events than before.
fn more(bench: &mut Bench, seqs: std::ops::Range<u64>) {
    let items = seqs.map(|seq| Item::Event(event(seq, seq / 40))).collect();
    bench.update(Update::Items(items));
    bench.work();
}
