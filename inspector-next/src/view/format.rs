//! Numbers, times and sizes for people.

use std::time::Duration;

use crate::theme::Glyphs;

/// A number with its thousands apart: `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number in at most five columns: `9,999`, `12.3k`, `4.5M`.
pub fn short(n: u64) -> String {
    const UNITS: [(u64, &str); 6] = [
        (1_000_000_000_000_000_000, "E"),
        (1_000_000_000_000_000, "P"),
        (1_000_000_000_000, "T"),
        (1_000_000_000, "G"),
        (1_000_000, "M"),
        (1_000, "k"),
    ];
    if n < 10_000 {
        return count(n);
    }
    for (unit, name) in UNITS {
        if n >= unit {
            let tenths = n / (unit / 10);
            return if tenths < 1000 {
                format!("{}.{}{name}", tenths / 10, tenths % 10)
            } else {
                format!("{}{name}", n / unit)
            };
        }
    }
    count(n)
}

/// Bytes: `12.3 KiB`.
pub fn bytes(n: u64) -> String {
    match n {
        0..1024 => format!("{n} B"),
        1024..1_048_576 => format!("{:.1} KiB", n as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", n as f64 / 1_048_576.0),
        n => format!("{:.1} GiB", n as f64 / 1_073_741_824.0),
    }
}

/// Microseconds in at most six columns: `17µs`, `1.23ms`, `12.3s`, `3m05s`.
pub fn micros(n: u64, glyphs: &Glyphs) -> String {
    match n {
        0..1_000 => format!("{n}{}", glyphs.micro),
        1_000..10_000 => format!("{}.{:02}ms", n / 1_000, n % 1_000 / 10),
        10_000..100_000 => format!("{}.{}ms", n / 1_000, n % 1_000 / 100),
        100_000..1_000_000 => format!("{}ms", n / 1_000),
        1_000_000..10_000_000 => format!("{}.{:02}s", n / 1_000_000, n % 1_000_000 / 10_000),
        10_000_000..60_000_000 => format!("{}.{}s", n / 1_000_000, n % 1_000_000 / 100_000),
        n => span(n / 1_000_000),
    }
}

/// The same for a [`Duration`].
pub fn took(took: Duration, glyphs: &Glyphs) -> String {
    micros(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), glyphs)
}

/// Seconds as the two largest units: `42s`, `3m05s`, `2h07m`, `12d03h`.
pub fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// The time of an event in twelve columns: the time of day, in UTC, where the clock's zero is known, and
/// else since the clock's zero.
pub fn clock(time: u64, epoch: Option<u64>) -> String {
    let millis = |micros: u64| micros / 1_000 % 1_000;
    match epoch {
        Some(epoch) => {
            let at = epoch.saturating_add(time);
            let s = at / 1_000_000 % 86_400;
            format!(
                "{:02}:{:02}:{:02}.{:03}",
                s / 3_600,
                s % 3_600 / 60,
                s % 60,
                millis(at)
            )
        }
        None => {
            let s = time / 1_000_000;
            if s < 360_000 {
                format!(
                    "{:02}:{:02}:{:02}.{:03}",
                    s / 3_600,
                    s % 3_600 / 60,
                    s % 60,
                    millis(time)
                )
            } else {
                format!(
                    "{}d {:02}:{:02}:{:02}",
                    s / 86_400,
                    s % 86_400 / 3_600,
                    s % 3_600 / 60,
                    s % 60
                )
            }
        }
    }
}

/// The day and the time of an event to the microsecond.
pub fn moment(time: u64, epoch: Option<u64>) -> String {
    let at = epoch.map_or(time, |epoch| epoch.saturating_add(time));
    let s = at / 1_000_000;
    let day = format!(
        "{:02}:{:02}:{:02}.{:06}",
        s % 86_400 / 3_600,
        s % 3_600 / 60,
        s % 60,
        at % 1_000_000
    );
    match epoch {
        Some(_) => {
            let (year, month, date) = civil(s / 86_400);
            format!("{year:04}-{month:02}-{date:02} {day} UTC")
        }
        None if s < 86_400 => format!("{day} since boot"),
        None => format!("{}d {day} since boot", s / 86_400),
    }
}

/// The date of a day since 1970-01-01 (Howard Hinnant, `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (
        yoe + era * 400 + u64::from(month <= 2),
        month,
        doy - (153 * mp + 2) / 5 + 1,
    )
}

/// Events a second: `0`, `0.4/s`, `12.5/s`, `1,234/s`.
pub fn rate(rate: f64) -> String {
    if rate <= 0.0 {
        "0/s".into()
    } else if rate < 100.0 {
        format!("{rate:.1}/s")
    } else {
        format!("{}/s", short(rate.round() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Theme;

    #[test]
    fn numbers() {
        assert_eq!(
            [count(0), count(999), count(1_000), count(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [short(9_999), short(10_000), short(123_456), short(4_567_890)],
            ["9,999", "10.0k", "123k", "4.5M"]
        );
        assert_eq!([short(99_950), short(999_999)], ["99.9k", "999k"]);
        for shift in 0..64 {
            assert!(short(u64::MAX >> shift).len() <= 6);
        }
        assert_eq!(
            [bytes(1023), bytes(1024), bytes(64 << 20)],
            ["1023 B", "1.0 KiB", "64.0 MiB"]
        );
        assert_eq!(
            [rate(0.0), rate(0.25), rate(99.9), rate(12_345.0)],
            ["0/s", "0.2/s", "99.9/s", "12.3k/s"]
        );
    }

    #[test]
    fn times() {
        let g = Theme::default().glyphs;
        let all: Vec<String> = [
            17,
            999,
            1_234,
            12_345,
            123_456,
            1_234_567,
            12_345_678,
            185_000_000,
            u64::from(u32::MAX),
        ]
        .map(|n| micros(n, &g))
        .into();
        assert_eq!(
            all,
            [
                "17µs", "999µs", "1.23ms", "12.3ms", "123ms", "1.23s", "12.3s", "3m05s", "1h11m"
            ]
        );
        assert_eq!([span(59), span(3_725), span(90_000)], ["59s", "1h02m", "1d01h"]);
        assert_eq!(clock(3_723_004_567, None), "01:02:03.004");
        assert_eq!(clock(1_000, Some(1_795_390_725_999_000)), "23:38:46.000");
        assert_eq!(
            moment(0, Some(951_782_400_000_001)),
            "2000-02-29 00:00:00.000001 UTC"
        );
        assert_eq!(moment(90_061_000_000, None), "1d 01:01:01.000000 since boot");
    }
}
