//! Frames of a serial line: the message and its CRC-16 (IBM-SDLC), stuffed by COBS, and a zero.

/// The frame of a message.
pub(crate) fn stuff(message: &[u8]) -> Vec<u8> {
    let bytes = [message, &crc(message).to_le_bytes()].concat();
    let mut frame = vec![0];
    let mut code = 0;
    for byte in bytes {
        if byte != 0 {
            frame.push(byte);
        }
        if byte == 0 || frame.len() - code == 0xff {
            frame[code] = (frame.len() - code) as u8;
            code = frame.len();
            frame.push(0);
        }
    }
    frame[code] = (frame.len() - code) as u8;
    frame.push(0);
    frame
}

/// The message of a frame, given without its zero; `None` for what is no frame.
pub(crate) fn unstuff(frame: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = frame;
    while let [code, after @ ..] = rest {
        let run = usize::from(*code).checked_sub(1)?;
        bytes.extend_from_slice(after.get(..run)?);
        rest = &after[run..];
        if *code != 0xff && !rest.is_empty() {
            bytes.push(0);
        }
    }
    let (message, sum) = bytes.split_at_checked(bytes.len().checked_sub(2)?)?;
    (sum == crc(message).to_le_bytes()).then(|| message.to_vec())
}

fn crc(bytes: &[u8]) -> u16 {
    let step = |sum: u16, _| match sum & 1 {
        0 => sum >> 1,
        _ => sum >> 1 ^ 0x8408,
    };
    !bytes
        .iter()
        .fold(0xffff, |sum, byte| (0..8).fold(sum ^ u16::from(*byte), step))
}

#[test]
fn frames_are_those_of_the_standards() {
    // The check value of CRC-16/IBM-SDLC.
    assert_eq!(crc(b"123456789"), 0x906e);
    for length in [0, 1, 251, 252, 253, 254, 255, 600] {
        for fill in [0, 7] {
            let message = vec![fill; length];
            let frame = stuff(&message);
            let (end, stuffed) = frame.split_last().unwrap();
            assert!(*end == 0 && !stuffed.contains(&0), "{length} {fill}");
            assert_eq!(unstuff(stuffed).as_ref(), Some(&message), "{length} {fill}");
        }
    }
    assert_eq!(unstuff(b"\x07half a mess"), None);
}
