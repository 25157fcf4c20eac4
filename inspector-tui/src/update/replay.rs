//! Playing a recording: keys, and where to go.

use super::Effect;
use crate::facts::{Command, Play};
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
    match text.parse() {
        Ok(place) => effects.push(Effect::Send(Command::Play(Play::To(place)))),
        Err(why) => ui.say(why, Tone::Bad),
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::Place;

    #[test]
    fn places_are_times_and_events() {
        let time = |seconds: u64| Ok(Place::Time(seconds * 1_000_000));
        let all = ["90", "1h20m", "2d", "1m30s", "0"].map(str::parse);
        assert_eq!(all, [time(90), time(4_800), time(172_800), time(90), time(0)]);
        assert_eq!("1.5s".parse(), Ok(Place::Time(1_500_000)));
        assert_eq!("#1,234".parse(), Ok(Place::Event(1_234)));
        for wrong in ["", "#", "h", "1x", "1h-", "-5"] {
            let why = wrong.parse::<Place>().unwrap_err();
            assert!(why.contains("is no place"), "{why}");
        }
    }
}
