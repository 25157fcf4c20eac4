//! Forms, questions and answers. What a dialog acts on was fixed when it opened.

use super::{Effect, send};
use crate::facts::Request;
use crate::keys::Action;
use crate::model::Model;
use crate::ui::form::Form;
use crate::ui::{Mode, Outcome, Ui, request};

/// Why nothing can be sent now.
fn obstacle(model: &Model, ui: &Ui) -> Option<String> {
    ui.forbidden()
        .map(str::to_owned)
        .or_else(|| (!model.is_open()).then(|| "not connected: it cannot be sent now".to_owned()))
}

/// A key in a dialog.
pub(super) fn act(model: &mut Model, ui: &mut Ui, action: Action, effects: &mut Vec<Effect>) {
    let obstacle = obstacle(model, ui);
    match (std::mem::take(&mut ui.mode), action) {
        (Mode::Form(mut form), action) => match action {
            Action::Cancel => {}
            Action::Send => match (obstacle, form.request()) {
                (Some(why), _) => {
                    form.refused = Some(why);
                    ui.mode = Mode::Form(form);
                }
                (None, Err((field, fault))) => {
                    let label = form.fields.get(field).map_or("", |field| field.label);
                    form.refused = Some(format!("not sent: {label}: {}", fault.reason));
                    form.focus = field;
                    ui.mode = Mode::Form(form);
                }
                (None, Ok(request)) => sent(model, ui, request, Some(Box::new(form)), effects),
            },
            action => {
                if let Action::NextField | Action::PreviousField = action {
                    form.turn(action == Action::NextField);
                }
                ui.mode = Mode::Form(form);
            }
        },
        (Mode::Question(..), Action::Cancel) => {}
        (Mode::Question(request, _), Action::Send) => match obstacle {
            Some(why) => ui.mode = Mode::Question(request, Some(why)),
            None => sent(model, ui, request, None, effects),
        },
        (Mode::Outcome(outcome), Action::Cancel) => {
            if outcome.answer.is_none() {
                let title = request::title(&outcome.request);
                ui.say(
                    format!("{title} goes on: what comes of it is shown here"),
                    crate::theme::Tone::Warn,
                );
            }
        }
        (Mode::Outcome(mut outcome), action) => {
            match action {
                Action::Up => outcome.scroll = outcome.scroll.saturating_sub(1),
                Action::Down => outcome.scroll = (outcome.scroll + 1).min(most(&outcome)),
                Action::Copy => {
                    if let Some((answer, _)) = &outcome.answer {
                        effects.push(Effect::Copy(request::answer(&outcome.request, answer).1));
                        ui.say("copied the reply", crate::theme::Tone::Good);
                    }
                }
                Action::Again => {
                    ui.mode = match outcome.form {
                        Some(form) => Mode::Form(*form),
                        None => Mode::Question(outcome.request, None),
                    };
                    return;
                }
                _ => {}
            }
            ui.mode = Mode::Outcome(outcome);
        }
        (mode, _) => ui.mode = mode,
    }
}

/// How far an answer can be scrolled at most: the view stops where its end is seen.
fn most(outcome: &Outcome) -> usize {
    outcome
        .answer
        .as_ref()
        .map_or(0, |(answer, _)| request::answer(&outcome.request, answer).1.len())
}

/// Sends a request and waits for its answer.
fn sent(
    model: &mut Model,
    ui: &mut Ui,
    request: Request,
    form: Option<Box<Form>>,
    effects: &mut Vec<Effect>,
) {
    let id = send(model, ui, request.clone(), effects);
    ui.mode = Mode::Outcome(Outcome {
        request,
        id,
        sent: ui.now,
        answer: None,
        form,
        scroll: 0,
    });
}
