//! Playing a recording: keys, and where to go.

use super::Effect;
use crate::facts::{Command, Place, Play};
use crate::keys::Action;
use crate::model::Model;
use crate::theme::Tone;
use crate::ui::Ui;

/// How far a key goes, in microseconds.
const JUMP: i64 = 10_000_000;

/// A key that plays in another way.
pub(super) fn act(model: &Model, action: Action, effects: &mut Vec<Effect>) {
    if model.playing().is_none() {
        return;
    }
    let play = match action {
        Action::PlayPause => Play::Pause,
        Action::SeekBack => Play::By(-JUMP),
        Action::SeekForward => Play::By(JUMP),
        Action::StepBack => Play::Step(-1),
        Action::StepForward => Play::Step(1),
        Action::Slower => Play::Faster(0.5),
        Action::Faster => Play::Faster(2.0),
        _ => return,
    };
    effects.push(Effect::Send(Command::Play(play)));
}

/// Goes where it is typed.
pub(super) fn seek(ui: &mut Ui, text: &str, effects: &mut Vec<Effect>) {
    match place(text.trim()) {
        Some(place) => effects.push(Effect::Send(Command::Play(Play::To(place)))),
        None => ui.say(
            format!("{text:?} is no place: write a time since the beginning, such as 90s or 1h20m, or an event, such as #1234"),
            Tone::Bad,
        ),
    }
}

fn place(text: &str) -> Option<Place> {
    if let Some(seq) = text.strip_prefix('#') {
        return seq.replace(',', "").parse().ok().map(Place::Event);
    }
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let unit = rest.chars().next().unwrap_or('s');
        seconds += number
            * match unit {
                'd' => 86_400.0,
                'h' => 3_600.0,
                'm' => 60.0,
                's' => 1.0,
                _ => return None,
            };
        rest = rest.get(unit.len_utf8()..).unwrap_or("");
    }
    (!text.is_empty()).then_some(Place::Time((seconds * 1e6) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_times_and_events() {
        let time = |seconds: u64| Some(Place::Time(seconds * 1_000_000));
        let all = ["90", "1h20m", "2d", "1m30s", "0"].map(place);
        assert_eq!(all, [time(90), time(4_800), time(172_800), time(90), time(0)]);
        assert_eq!(place("1.5s"), Some(Place::Time(1_500_000)));
        assert_eq!(place("#1,234"), Some(Place::Event(1_234)));
        for wrong in ["", "#", "h", "1x", "1h-", "-5"] {
            assert_eq!(place(wrong), None, "{wrong:?}");
        }
    }
}
