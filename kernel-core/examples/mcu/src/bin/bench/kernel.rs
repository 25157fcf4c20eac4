//! The kernel's operations.

use core::hint::black_box;
use core::pin::pin;
use core::task::{Context as TaskContext, Poll, Waker};

use kernel_core::{
    Capacities, Context, CoreRuntime, Json, Kernel, Mailbox, Message, PluginMetadata, Service, json_literal,
    name,
};
use mcu::{check, expect, time};

use crate::count::{count, count_before, ready};
use crate::{FILTER, PAYLOAD, RECEIVERS, TOPIC};

kernel_core::kernel! {
    /// The kernel that is measured.
    static KERNEL = Capacities { call_bytes: 64, ..Capacities::DEFAULT };
}

const EVENT: Json<'static> = json_literal!(PAYLOAD);
/// 32 bytes of JSON.
const ARGS: Json<'static> = json_literal!(r#""32 bytes with the quotes......""#);
const VALUE: Json<'static> = json_literal!(r#"{"on":true}"#);
const SERVICE: &str = "bench.echo";
const KEY: &str = "bench.key";

static METADATA: [PluginMetadata; RECEIVERS + 1] = [
    PluginMetadata::new("source", "1.0.0"),
    PluginMetadata::new("first", "1.0.0"),
    PluginMetadata::new("second", "1.0.0"),
    PluginMetadata::new("third", "1.0.0"),
    PluginMetadata::new("fourth", "1.0.0"),
];

/// Instructions.
pub(crate) struct Costs {
    pub(crate) one: u32,
    pub(crate) one_try: u32,
    pub(crate) further: u32,
    pub(crate) fan_out: u32,
    pub(crate) call: u32,
    pub(crate) set: u32,
    pub(crate) get: u32,
}

pub(crate) fn measure() -> Costs {
    const { assert!(ARGS.len() == 32) };
    let Some(kernel) = KERNEL.init(time::now) else {
        check::fail(format_args!("the kernel was made already"));
    };
    let source = start(kernel, &METADATA[0]).context();
    let mut first = [subscriber(kernel, &METADATA[1])];
    // A plugin's task keeps one buffer for all its messages.
    let mut buf = [0; 128];
    let one = count(|| {
        publish(&source, 1);
        receive(&mut first[0], &mut buf);
    });
    let one_try = count(|| {
        expect!(
            "one gets it",
            source.try_publish(black_box(TOPIC), EVENT) == Ok(1)
        );
        receive(&mut first[0], &mut buf);
    });
    let alone = count_before(|| publish(&source, 1), || receive(&mut first[0], &mut buf));
    let call = call(&source, &mut first[0]);
    let (set, get) = state(&source);

    let [first] = first;
    let [_, _, second, third, fourth] = &METADATA;
    let others = [second, third, fourth].map(|metadata| subscriber(kernel, metadata));
    let [second, third, fourth] = others;
    let mut all = [first, second, third, fourth];
    let together = count(|| {
        publish(&source, RECEIVERS);
        all.iter_mut().for_each(|one| receive(one, &mut buf));
    });
    let fan_out = count_before(
        || publish(&source, RECEIVERS),
        || all.iter_mut().for_each(|one| receive(one, &mut buf)),
    );
    Costs {
        one,
        one_try,
        further: together.saturating_sub(one) / (RECEIVERS as u32 - 1),
        fan_out: fan_out.saturating_sub(alone) / (RECEIVERS as u32 - 1),
        call,
        set,
        get,
    }
}

fn publish(source: &Context, receivers: usize) {
    let got = ready(source.publish(black_box(TOPIC), EVENT));
    expect!("all get it", got == Ok(receivers as u32));
}

fn receive(mailbox: &mut Mailbox, buf: &mut [u8]) {
    match ready(mailbox.next(buf)) {
        Message::Event(event) => {
            black_box(event.payload().as_bytes());
        }
        _ => check::fail(format_args!("something else came")),
    }
}

fn call(caller: &Context, callee: &mut Mailbox) -> u32 {
    count(|| {
        let mut task = TaskContext::from_waker(Waker::noop());
        let mut reply = [0; 64];
        let mut calling = pin!(caller.call(black_box(SERVICE), ARGS, &mut reply));
        expect!("it is asked", calling.as_mut().poll(&mut task).is_pending());
        let mut buf = [0; 128];
        match ready(callee.next(&mut buf)) {
            Message::Call(request) => {
                let reply = callee.reply(request.id, Ok(request.args()));
                expect!("it is answered", ready(reply) == Ok(true));
            }
            _ => check::fail(format_args!("something else came")),
        }
        let Poll::Ready(Ok(json)) = calling.as_mut().poll(&mut task) else {
            check::fail(format_args!("no reply came"));
        };
        expect!("with what was asked", json.len() == ARGS.len());
    })
}

fn state(context: &Context) -> (u32, u32) {
    let state = context.state();
    let set = count(|| {
        expect!("it is set", ready(state.set(name!(KEY), VALUE)).is_ok());
    });
    let get = count(|| {
        let mut buf = [0; 32];
        let value = ready(state.get(black_box(KEY), &mut buf));
        expect!(
            "it is there",
            matches!(value, Ok(Some(json)) if json.len() == VALUE.len())
        );
    });
    (set, get)
}

/// A started plugin whose mailbox is read by hand.
fn start(kernel: Kernel, metadata: &'static PluginMetadata) -> Mailbox {
    let runtime = CoreRuntime::new(kernel);
    let Ok(installed) = runtime.plugins().install(metadata) else {
        check::fail(format_args!("no room for a plugin"));
    };
    let plugins = runtime.plugins();
    let mut starting = pin!(plugins.start(metadata.name));
    let mut task = TaskContext::from_waker(Waker::noop());
    expect!("it is to start", starting.as_mut().poll(&mut task).is_pending());
    let mailbox = installed.mailbox();
    let mut buf = [0; 16];
    expect!("it loads", matches!(ready(mailbox.next(&mut buf)), Message::Load));
    expect!(
        "it starts",
        matches!(ready(mailbox.next(&mut buf)), Message::Start)
    );
    let next = pin!(mailbox.next(&mut buf)).poll(&mut task).is_pending();
    expect!("nothing follows", next);
    let started = starting.as_mut().poll(&mut task);
    expect!("it is started", matches!(started, Poll::Ready(Ok(_))));
    mailbox
}

/// One that wants the events, and answers the calls when it is the first.
fn subscriber(kernel: Kernel, metadata: &'static PluginMetadata) -> Mailbox {
    let mailbox = start(kernel, metadata);
    let context = mailbox.context();
    expect!("it subscribes", ready(context.subscribe(name!(FILTER))).is_ok());
    if ready(context.services().has_service(SERVICE)) != Ok(true) {
        expect!(
            "it registers",
            ready(context.register(&Service::new(name!(SERVICE)))).is_ok()
        );
    }
    mailbox
}
