//! Names of tools: letters, digits, `_` and `-`, which is what clients take. A dot is written `__`, and what else has no
//! place, or would be read as something else, `_xHH` with the byte's hexadecimal digits.

/// The tool of a service.
pub(crate) fn tool_of(service: &str) -> String {
    let mut tool = String::new();
    let bytes = service.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let next = bytes.get(at + 1);
        let is_alone = next.is_none_or(|next| *next == b'-' || next.is_ascii_alphanumeric() && *next != b'x');
        match byte {
            b'.' => tool.push_str("__"),
            b'_' if is_alone => tool.push('_'),
            b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => tool.push((*byte).into()),
            _ => tool.push_str(&format!("_x{byte:02x}")),
        }
    }
    tool
}

/// The service of a tool; `None` for a name that no tool has.
pub(crate) fn service_of(tool: &str) -> Option<String> {
    let mut service = Vec::new();
    let mut rest = tool.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = match (first, behind) {
            (b'_', [b'_', behind @ ..]) => {
                service.push(b'.');
                behind
            }
            (b'_', [b'x', one, two, behind @ ..]) => {
                let digits = [*one, *two];
                let digits = std::str::from_utf8(&digits).ok()?;
                service.push(u8::from_str_radix(digits, 16).ok()?);
                behind
            }
            (byte, behind) => {
                service.push(*byte);
                behind
            }
        };
    }
    let service = String::from_utf8(service).ok()?;
    (tool_of(&service) == tool).then_some(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_has_one_service_and_a_name_that_clients_take() {
        assert_eq!(tool_of("devices.set_state"), "devices__set_state");
        assert_eq!(service_of("devices__set_state").unwrap(), "devices.set_state");
        let letters = ["a", "_", ".", "x", "-", "4", "é", "1", "/"];
        let mut names = vec![String::new()];
        for _ in 0..5 {
            let longer = |name: &String| letters.map(|letter| format!("{name}{letter}"));
            names = names.iter().flat_map(longer).collect();
            for name in &names {
                let tool = tool_of(name);
                assert!(
                    tool.bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)),
                    "{tool}"
                );
                assert_eq!(service_of(&tool).as_ref(), Some(name), "{tool}");
            }
        }
        for none in ["a.b", "_x", "_x4", "_xzz", "_x61", "a b", "_xff", "_X41"] {
            assert!(
                service_of(none).is_none() || tool_of(&service_of(none).unwrap()) == none,
                "{none}"
            );
        }
        assert!(service_of("_x61").is_none() && service_of("a.b").is_none());
    }
}
