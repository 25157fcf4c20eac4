//! The values of a manifest, one by one.

use kernel_core::subject::{check_filter, check_plugin_name};

/// Names that a plugin may not have: those of the kernel's own, and of what the runtime offers as services.
const RESERVED: [&str; 7] = [
    "kernel", "operator", "runtime", "state", "link", "storage", "plugins",
];

/// The longest version.
const MAX_VERSION: usize = 32;

pub(super) const NAME: &str = "1 to 32 bytes of letters, digits, _ and -, and none of the runtime's own: kernel, \
                               operator, runtime, state, link, storage, plugins";
pub(super) const VERSION: &str = "1 to 32 of letters, digits, . - + and _, beginning with a letter or digit";
pub(super) const FILTER: &str = "tokens with dots between, in which * stands for one and a final > for one or more, \
                                 such as sensor.*.temperature";
pub(super) const NAMESPACE: &str = "a storage namespace of 1 to 64 bytes, or * for all";
pub(super) const ABSOLUTE: &str = "an absolute path without ..";
pub(super) const INSIDE: &str = "a file within the plugin's folder, by a relative path without ..";

pub(super) const URL: &str = "http://HOST:PORT, with nothing behind it; https is not spoken";
pub(super) const SECONDS: &str = "a number of seconds from 0.1 to 3600";

pub(crate) fn is_name(name: &str) -> bool {
    check_plugin_name(name).is_ok() && !RESERVED.contains(&name)
}

pub(super) fn is_version(version: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-+_".contains(&byte);
    version.len() <= MAX_VERSION
        && version.bytes().all(allowed)
        && version
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
}

/// Whether `item` may be granted as `permission`.
pub(crate) fn is_grant(permission: &str, item: &str) -> bool {
    match permission {
        "storage" => !item.is_empty() && item.len() <= 64 && !item.chars().any(char::is_control),
        _ => check_filter(item).is_ok(),
    }
}

pub(super) fn is_absolute(path: &str) -> bool {
    path.starts_with('/') && !path.split('/').any(|part| part == "..") && !path.contains('\0')
}

pub(super) fn is_inside(path: &str) -> bool {
    let sound = |part: &str| !part.is_empty() && part != ".." && part != ".";
    !path.is_empty() && !path.contains('\0') && path.split('/').all(sound)
}
