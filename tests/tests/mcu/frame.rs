//! The frame of a firmware that the documentation shows is a program that works.

use std::path::PathBuf;

use kernel_link::{Raw, Reply, Request};
use tests::mcu::{Board, Build, is_skipped};

use crate::line::{Node, block_on};

/// The image of the frame.
pub(crate) fn image() -> PathBuf {
    let build = Build {
        board: Board::Microbit,
        program: "frame",
        features: &["programs", "link"],
        profile: "release",
    };
    build.run().unwrap()
}

#[test]
fn the_documentation_shows_the_frame() {
    let page = include_str!("../../../docs/microcontroller.md");
    let program = include_str!("../../../kernel-core/examples/mcu/src/bin/frame.rs");
    let (_, shown) = program.split_once("// README: from here\n").unwrap();
    let block = page.split_once("```rust,ignore\n").unwrap().1;
    let block = block.split_once("```\n").unwrap().0;
    assert_eq!(block, shown);
}

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn the_frame_runs_on_a_cortex_m0_with_16_kib() {
    if is_skipped("frame") {
        return;
    }
    block_on(async {
        let mut node = Node::start_image(Board::Microbit, &image(), false);
        let mut session = node.session(1).await;
        session.until_started(&["storage", "example"]).await;
        let call = Request::Call {
            service: "example.hello",
            args: Raw("\"Мир\"".as_bytes()),
            timeout_ms: 0,
            parent: None,
        };
        let reply = session
            .ask(call, |reply| match reply {
                Reply::Json(json) => Some(json.0.to_vec()),
                _ => None,
            })
            .await;
        assert_eq!(reply, "\"Привет, Мир!\"".as_bytes());
        node.assert_alive();
    });
}
