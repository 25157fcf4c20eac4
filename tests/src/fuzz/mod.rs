//! What takes bytes from outside, each as a function of bytes that panics when something is wrong: for libFuzzer
//! (`tests/fuzz`), and for the mutations of [`mutate`] on any Rust.

pub mod files;
pub mod http;
pub mod mutate;
pub mod sessions;
pub mod stream;
pub mod texts;

/// Something that takes bytes from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its libFuzzer binary as well.
    pub name: &'static str,
    /// Takes the bytes.
    pub run: fn(&[u8]),
    /// Bytes to begin with.
    pub corpus: fn() -> Vec<Vec<u8>>,
    /// How many executions are a short run.
    pub short: u64,
}

/// All of them.
pub const TARGETS: [Target; 8] = [
    Target {
        name: "frames",
        run: sessions::frames,
        corpus: sessions::frame_corpus,
        short: 20_000,
    },
    Target {
        name: "handshake",
        run: sessions::handshake,
        corpus: sessions::handshake_corpus,
        short: 10_000,
    },
    Target {
        name: "requests",
        run: sessions::requests,
        corpus: sessions::request_corpus,
        short: 8_000,
    },
    Target {
        name: "json",
        run: texts::json,
        corpus: texts::json_corpus,
        short: 100_000,
    },
    Target {
        name: "filters",
        run: texts::filters,
        corpus: texts::filter_corpus,
        short: 50_000,
    },
    Target {
        name: "toml",
        run: files::toml,
        corpus: files::toml_corpus,
        short: 20_000,
    },
    Target {
        name: "database",
        run: files::database,
        corpus: files::database_corpus,
        short: 5_000,
    },
    Target {
        name: "http",
        run: http::http,
        corpus: http::http_corpus,
        short: 1_500,
    },
];
