//! Texts written piece by piece, and the strings and numbers in them.

use kernel_core::json::{Json, Writer};
use proptest::prelude::*;
use serde_json::Value;

use crate::texts::{all_escapes, expected, near_json, text, value};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_written_reads_back(value in value()) {
        let mut buf = vec![0; 1 << 16];
        let mut writer = Writer::new(&mut buf);
        write(&mut writer, &value);
        let json = writer.finish().unwrap();
        prop_assert_eq!(serde_json::from_slice::<Value>(json.as_bytes()).unwrap(), value);
    }

    #[test]
    fn what_is_written_fits_or_is_refused(value in value(), room in 0usize..64) {
        let mut buf = vec![0; 1 << 16];
        let mut writer = Writer::new(&mut buf);
        write(&mut writer, &value);
        let json = writer.finish().unwrap();
        let mut small = vec![0; room];
        let mut writer = Writer::new(&mut small);
        write(&mut writer, &value);
        prop_assert_eq!(writer.finish(), (json.len() <= room).then_some(json));
    }

    #[test]
    fn calls_in_any_order_give_json_or_nothing(
        calls in prop::collection::vec((0..8u8, near_json()), 0..12),
    ) {
        let mut buf = vec![0; 1 << 16];
        let mut writer = Writer::new(&mut buf);
        for (call, bytes) in &calls {
            match call {
                0 => writer.begin_object(),
                1 => writer.end_object(),
                2 => writer.begin_array(),
                3 => writer.end_array(),
                4 => writer.key("k"),
                5 => writer.u64(7),
                6 => writer.string("s"),
                _ => writer.raw(bytes),
            };
        }
        if let Some(json) = writer.finish() {
            prop_assert_ne!(expected(json.as_bytes()), Some(false), "{}", json);
        }
    }

    #[test]
    fn strings_come_back(text in text()) {
        let mut buf = vec![0; 1 << 12];
        let mut displayed = vec![0; 1 << 12];
        let mut writer = Writer::new(&mut buf);
        writer.string(&text);
        let json = writer.finish().unwrap();
        let mut writer = Writer::new(&mut displayed);
        writer.string_display(format_args!("{text}"));
        prop_assert_eq!(writer.finish(), Some(json));

        let mut out = vec![0; text.len()];
        for json in [json.as_str(), &serde_json::to_string(&text).unwrap(), &all_escapes(&text)] {
            let json = Json::parse(json).unwrap();
            prop_assert_eq!(json.str_value(&mut out), Some(&text[..]));
            if let Some(short) = text.len().checked_sub(1) {
                prop_assert_eq!(json.str_value(&mut out[..short]), None);
            }
        }
    }

    #[test]
    fn numbers_are_exact(unsigned in any::<u64>(), signed in any::<i64>(), shift in 0..64u32) {
        let (unsigned, signed) = (unsigned >> shift, signed >> shift);
        let mut buf = [0; 64];
        let mut writer = Writer::new(&mut buf);
        writer.begin_array().u64(unsigned).i64(signed).end_array();
        let json = writer.finish().unwrap();
        prop_assert_eq!(json.as_str(), format!("[{unsigned},{signed}]"));
        prop_assert_eq!(json.decode::<(u64, i64)>(&mut []), Ok((unsigned, signed)));
        prop_assert_eq!(
            json.decode::<(u8, i8)>(&mut []).ok(),
            u8::try_from(unsigned).ok().zip(i8::try_from(signed).ok())
        );
    }
}

fn write(writer: &mut Writer<'_>, value: &Value) {
    match value {
        Value::Null => writer.raw(b"null"),
        Value::Bool(value) => writer.bool(*value),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => writer.u64(number),
            (_, Some(number)) => writer.i64(number),
            _ => writer.raw(number.to_string().as_bytes()),
        },
        Value::String(text) => writer.string(text),
        Value::Array(values) => {
            writer.begin_array();
            for value in values {
                write(writer, value);
            }
            writer.end_array()
        }
        Value::Object(fields) => {
            writer.begin_object();
            for (name, value) in fields {
                writer.key(name);
                write(writer, value);
            }
            writer.end_object()
        }
    };
}

#[test]
fn a_display_that_fails_gives_no_text() {
    struct Failing;
    impl std::fmt::Display for Failing {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("half")?;
            Err(std::fmt::Error)
        }
    }

    let mut buf = [0; 64];
    let mut writer = Writer::new(&mut buf);
    writer.string_display(Failing);
    assert_eq!(writer.finish(), None);
}
