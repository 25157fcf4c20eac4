//! What the runtime says: events, losses and answers.

use std::time::Instant;

use kernel_link::{Reply, ToClient};

use super::Session;
use super::opening::explain;
use crate::facts::Item;
use crate::io::convert;
use crate::io::loss::{Gap, Sequence};
use crate::io::requests::answer;
use crate::io::snapshot::DENIED;

impl Session<'_> {
    pub(super) fn message(&mut self, message: &ToClient<'_>) -> Result<(), String> {
        self.heard = Instant::now();
        match message {
            ToClient::Event(event) => {
                let Some(run) = self.run.as_mut() else {
                    return Ok(());
                };
                self.finding_past = false;
                self.owed = self.owed.saturating_add(1);
                let seen = run.sequence.event(event.seq);
                if let Some(gap) = seen.before {
                    // They were sent, and paid for, and did not arrive.
                    let paid = u32::try_from(gap.count).unwrap_or(u32::MAX);
                    self.owed = self.owed.saturating_add(paid);
                    self.batch.push(lost_item(gap));
                }
                if seen.new {
                    self.batch
                        .push(Item::Event(convert::event(event, &mut self.texts)));
                }
            }
            ToClient::Lost { from, count, at } => {
                let Some(run) = self.run.as_mut() else {
                    return Ok(());
                };
                if std::mem::take(&mut self.finding_past) {
                    // Those were gone before anybody asked for them.
                    run.sequence = Sequence::starting_at(from.saturating_add(*count));
                    return Ok(());
                }
                let gaps = run.sequence.told(*from, *count, *at);
                self.batch.extend(gaps.map(lost_item));
            }
            ToClient::Reply { id, what } => return self.reply(*id, what),
            ToClient::Refused(why) if why.code() == "no_session" => {
                return Err(format!("the runtime at {} began anew", self.live.at.target));
            }
            // A request was damaged on its way: it is missed when its answer is.
            ToClient::Refused(_) => {}
            // Those are for plugins, and for sessions before this one.
            _ => {}
        }
        Ok(())
    }

    pub(super) fn damaged_frame(&mut self) {
        self.heard = Instant::now();
        if let Some(collecting) = self.collecting.as_mut() {
            collecting.damaged = true;
        }
    }

    fn reply(&mut self, id: u32, what: &Reply<'_>) -> Result<(), String> {
        if self.watch == Some(id) {
            self.watch = None;
            return match what {
                // There is more to see than events.
                Reply::Failed(why) if why.code() == DENIED => {
                    self.may_watch = false;
                    self.notice = Some(format!("no events are shown: {}", explain(&self.live.at, *why)));
                    Ok(())
                }
                Reply::Failed(why) => Err(explain(&self.live.at, *why)),
                _ => Ok(()),
            };
        }
        if let Some(awaited) = self.pending.take(id) {
            self.answers
                .push((awaited.id, answer(what), awaited.sent.elapsed()));
            // What it changed should be seen at once.
            self.refresh |= awaited.acts;
            self.ask_waiting();
        } else if let Some(collecting) = self.collecting.as_mut() {
            if let Reply::Failed(why) = what
                && collecting.is_refused(id, what)
            {
                return Err(explain(&self.live.at, *why));
            }
            if collecting.take(id, what, &mut self.texts) {
                self.ask_part();
            }
        }
        Ok(())
    }
}

fn lost_item(gap: Gap) -> Item {
    Item::Lost {
        from: gap.from,
        count: gap.count,
        at: gap.at,
    }
}
