//! Mutations as fuzzers make them, for a smoke run that needs no fuzzer.

use crate::deep::Rng;

/// The most bytes that are made of a text.
const MOST: usize = 64 * 1024;

const INTERESTING: [u8; 12] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'\\', b'{', b'[', b'.', b'>', b'\n'];

/// One of the corpus, changed a little or a lot.
pub fn mutated(corpus: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = rng.pick(corpus).clone();
    for _ in 0..1 + rng.below(6) {
        change(&mut bytes, corpus, rng);
    }
    bytes.truncate(MOST);
    bytes
}

fn change(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Rng) {
    let len = bytes.len() as u64;
    let at = rng.below(len + 1) as usize;
    let some = at..bytes.len().min(at + 1 + rng.below(16) as usize);
    match rng.below(9) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = *rng.pick(&INTERESTING);
            }
        }
        2 => bytes.insert(at, rng.number() as u8),
        3 => bytes.insert(at, *rng.pick(&INTERESTING)),
        4 => drop(bytes.drain(some)),
        5 => {
            let copy = bytes[some].to_vec();
            let to = rng.below(len + 1) as usize;
            bytes.splice(to..to, copy.repeat(1 + rng.below(40) as usize));
        }
        6 => bytes.truncate(at),
        7 => {
            let other = rng.pick(corpus);
            let from = rng.below(other.len() as u64 + 1) as usize;
            bytes.truncate(at);
            bytes.extend(&other[from..]);
        }
        _ => {
            for byte in &mut bytes[some] {
                *byte = rng.number() as u8;
            }
        }
    }
}
