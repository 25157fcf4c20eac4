//! The kernel on the heap, and running one future on one thread.

use std::future::poll_fn;
use std::task::Poll;
use std::thread;

use host_std::{block_on, memory};
use kernel_core::{Capacities, CoreRuntime, json_literal};

#[test]
fn a_kernel_of_the_host_profile_works() {
    let runtime = CoreRuntime::new(memory::kernel(&Capacities::HOST));
    let state = runtime.state();
    block_on(state.set("lamp", json_literal!("true"))).unwrap();
    assert_eq!(block_on(state.exists("lamp")), Ok(true));
    assert_eq!(
        runtime.metrics().log_bytes.capacity as usize,
        Capacities::HOST.log_bytes
    );
}

#[test]
fn another_thread_wakes_it() {
    let mut asked = 0;
    let answer = block_on(poll_fn(|cx| {
        asked += 1;
        if asked < 3 {
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake());
            return Poll::Pending;
        }
        Poll::Ready(asked)
    }));
    assert_eq!(answer, 3);
}
