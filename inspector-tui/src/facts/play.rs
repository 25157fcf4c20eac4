//! How a recording is played, and where in it.

/// How a recording is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Play {
    /// Pause, or go on.
    Pause,
    /// So many times faster than now; all at once becomes the pace at which it happened.
    Faster(f64),
    /// Go so many microseconds forward, or back.
    By(i64),
    /// Go to a place.
    To(Place),
    /// Go so many events forward or back, and pause.
    Step(i64),
}

/// A place of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Microseconds since it began.
    Time(u64),
    /// The event with this sequence number.
    Event(u64),
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        place(text.trim()).ok_or_else(|| {
            format!(
                "{text:?} is no place: write a time since the beginning, such as 90s or 1h20m, or an event, such as #1234"
            )
        })
    }
}

fn place(text: &str) -> Option<Place> {
    if let Some(seq) = text.strip_prefix('#') {
        return seq.replace(',', "").parse().ok().map(Place::Event);
    }
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, after) = rest.split_at(digits.unwrap_or(rest.len()));
        let number: f64 = number.parse().ok()?;
        let unit = after.chars().next().unwrap_or('s');
        rest = after.get(unit.len_utf8()..).unwrap_or("");
        seconds += number
            * match unit {
                'd' => 86_400.0,
                'h' => 3_600.0,
                'm' => 60.0,
                's' => 1.0,
                _ => return None,
            };
    }
    (!text.is_empty()).then_some(Place::Time((seconds * 1e6) as u64))
}

/// Where a recording is that is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playing {
    /// Microseconds since it began.
    pub at: u64,
    /// Of so many.
    pub length: u64,
    /// The events until there.
    pub events: u64,
    /// How many times faster than it happened; 0 is all at once.
    pub speed: f64,
    /// True while it is paused.
    pub paused: bool,
}
