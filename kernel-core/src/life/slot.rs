//! One plugin's slot, and the transitions of its life.

use core::task::Waker;

use super::{PluginCounters, PluginMetadata, PluginState, RestartPolicy};
use crate::bus::{Origin, Overflow};
use crate::error::Error;
#[cfg(feature = "large")]
use crate::error::INVALID_SETTINGS;
use crate::id::PluginId;
#[cfg(feature = "large")]
use crate::json::Json;
#[cfg(feature = "large")]
use crate::mem::Text;
use crate::mem::{Names, keep_waker};
use crate::time::{Deadline, Instant, Span};

/// What a plugin's task is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Hook {
    #[default]
    Idle,
    Load,
    Start,
    Event,
    Call,
    Tick,
    Stop,
    Unload,
}

impl Hook {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Hook::Idle => "idle",
            Hook::Load => "on_load",
            Hook::Start => "on_start",
            Hook::Event => "on_event",
            Hook::Call => "on_call",
            Hook::Tick => "on_tick",
            Hook::Stop => "on_stop",
            Hook::Unload => "on_unload",
        }
    }

    /// The state that this step leads to; `None` for the handling of a message.
    const fn leads_to(self) -> Option<PluginState> {
        match self {
            Hook::Load => Some(PluginState::Loaded),
            Hook::Start => Some(PluginState::Started),
            Hook::Stop => Some(PluginState::Stopped),
            Hook::Unload => Some(PluginState::Unloaded),
            Hook::Idle | Hook::Event | Hook::Call | Hook::Tick => None,
        }
    }
}

/// What describes a plugin.
#[derive(Clone, Copy, Debug)]
pub(crate) enum About {
    /// Nothing: the slot is vacant.
    Nobody,
    /// What the program says.
    Static(&'static PluginMetadata),
    /// What somebody said at run time.
    #[cfg(feature = "large")]
    Attached(Attached),
}

/// What is known of a plugin that came at run time.
#[cfg(feature = "large")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attached {
    /// Its name, its version, what it does, and the plugins that it depends on, with commas between.
    pub(crate) texts: [Text; 4],
    pub(crate) overflow: Overflow,
    pub(crate) restarts: bool,
}

/// What all plugins have in common that say nothing of it.
static DEFAULTS: PluginMetadata = PluginMetadata::new("", "");

/// What the task of a plugin is to do.
pub(crate) enum Wanted {
    Step(Hook),
    Messages,
    Nothing,
}

/// What more is to be done once a hook has ended.
pub(crate) enum Ended {
    /// Nothing.
    No,
    /// The plugin is in another state now.
    Entered(PluginState),
    /// A handler took longer than its budget, in microseconds.
    #[cfg(feature = "large")]
    Slow(Hook, u64),
}

/// How much of each capacity a plugin holds.
#[cfg(feature = "large")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) filters: u32,
    pub(crate) services: u32,
    pub(crate) entries: u32,
    pub(crate) bytes: u32,
}

/// A plugin's slot: opaque memory of a kernel. Its bytes come first: a small chip's instructions reach those only
/// near the beginning.
#[derive(Debug)]
#[repr(C)]
pub struct PluginSlot {
    state: PluginState,
    goal: PluginState,
    hook: Hook,
    /// It failed, and nobody has set a goal since.
    holds: bool,
    /// A tick was the last message.
    ticked: bool,
    /// Its task was woken for the tick that is due.
    tick_woken: bool,
    /// The life that the plugin which is installed now began with.
    first_life: u16,
    id: PluginId,
    /// When the present hook began, or the last one ended.
    since: Instant,
    /// When the present hook counts as hung.
    hook_due: Deadline,
    /// When the goal is to be reached.
    goal_due: Deadline,
    tick: Deadline,
    interval: Span,
    /// The most that a step, and a handler, may take.
    limits: [Span; 2],
    /// What it handles now.
    origin: Origin,
    about: About,
    waker: Option<Waker>,
    pub(crate) published: u32,
    pub(crate) calls: u32,
    pub(crate) errors: u32,
    failures: u32,
    handled: u32,
    /// The last error.
    pub(crate) error: Option<Error>,
    #[cfg(feature = "large")]
    pub(crate) more: More,
}

#[cfg(feature = "large")]
#[derive(Debug)]
pub(crate) struct More {
    pub(crate) busy_micros: u64,
    pub(crate) worst_micros: u32,
    pub(crate) slow: u32,
    /// The service of the call that it handles.
    pub(crate) service: u16,
    pub(crate) held: Held,
    pub(crate) settings: Option<Json<'static>>,
    pub(crate) placement: &'static str,
    /// In place of the metadata's, in microseconds.
    pub(crate) budget: Option<u64>,
    /// When the next error of a handler is announced again, and how many were not meanwhile.
    pub(crate) quiet_until: Deadline,
    pub(crate) unsaid: u32,
    /// When it is announced again that it holds its share of a capacity.
    pub(crate) share_quiet_until: Deadline,
}

impl PluginSlot {
    pub(super) const VACANT: Self = PluginSlot {
        about: About::Nobody,
        id: PluginId::new(0, 0),
        first_life: 0,
        state: PluginState::Unloaded,
        goal: PluginState::Unloaded,
        holds: false,
        hook: Hook::Idle,
        ticked: false,
        since: Instant::from_millis(0),
        hook_due: Deadline::NONE,
        goal_due: Deadline::NONE,
        tick: Deadline::NONE,
        tick_woken: false,
        interval: Span::NONE,
        limits: [Span::NONE; 2],
        origin: Origin::NONE,
        waker: None,
        error: None,
        published: 0,
        calls: 0,
        errors: 0,
        failures: 0,
        handled: 0,
        #[cfg(feature = "large")]
        more: More {
            busy_micros: 0,
            worst_micros: 0,
            slow: 0,
            service: 0,
            held: Held {
                filters: 0,
                services: 0,
                entries: 0,
                bytes: 0,
            },
            settings: None,
            placement: "",
            budget: None,
            quiet_until: Deadline::NONE,
            unsaid: 0,
            share_quiet_until: Deadline::NONE,
        },
    };

    pub(super) fn is_installed(&self) -> bool {
        !matches!(self.about, About::Nobody)
    }

    pub(super) fn install(&mut self, index: usize, about: About) {
        let id = PluginId::new(index, self.id.life()).next_life();
        *self = PluginSlot {
            about,
            id,
            first_life: id.life(),
            ..PluginSlot::VACANT
        };
        let metadata = self.metadata();
        self.limits = [
            Span::of(metadata.hook_timeout),
            Span::of(metadata.handler_timeout),
        ];
    }

    #[cfg(feature = "large")]
    pub(super) fn uninstall(&mut self, names: &mut Names) {
        if let About::Attached(attached) = self.about {
            attached.texts.iter().for_each(|text| names.release(*text));
        }
        self.about = About::Nobody;
        self.id = self.id.next_life();
    }

    pub(crate) fn id(&self) -> PluginId {
        self.id
    }

    /// Who it was in its first life.
    pub(crate) fn first_id(&self) -> PluginId {
        PluginId::new(self.id.index(), self.first_life)
    }

    /// The life that the plugin which is installed now began with.
    pub(crate) fn first_life(&self) -> u16 {
        self.first_life
    }

    /// True when `life` is a life of the plugin that is installed now.
    pub(crate) fn was(&self, life: u16) -> bool {
        life.wrapping_sub(self.first_life) <= self.id.life().wrapping_sub(self.first_life)
    }

    #[cfg(feature = "large")]
    pub(crate) fn set_limits(&mut self, step: Span, handler: Span) {
        self.limits = [step, handler];
    }

    /// The most that one step may take.
    pub(crate) fn step_limit(&self) -> Span {
        self.limits[0]
    }

    pub(crate) fn metadata(&self) -> &'static PluginMetadata {
        match self.about {
            About::Static(metadata) => metadata,
            _ => &DEFAULTS,
        }
    }

    #[cfg_attr(not(feature = "large"), allow(unused_variables))]
    pub(crate) fn name<'n>(&self, names: &'n Names) -> &'n str {
        match self.about {
            About::Nobody => "",
            About::Static(metadata) => metadata.name,
            #[cfg(feature = "large")]
            About::Attached(attached) => names.get(attached.texts[0]),
        }
    }

    /// Its version, and what it does.
    #[cfg_attr(not(feature = "large"), allow(unused_variables))]
    pub(crate) fn words<'n>(&self, names: &'n Names) -> (&'n str, &'n str) {
        #[cfg(feature = "large")]
        if let About::Attached(attached) = self.about {
            return (names.get(attached.texts[1]), names.get(attached.texts[2]));
        }
        (self.metadata().version, self.metadata().description)
    }

    /// Shows each plugin that must be started before this one.
    #[cfg_attr(not(feature = "large"), allow(unused_variables))]
    pub(crate) fn each_dependency<'n>(&self, names: &'n Names, mut show: impl FnMut(&'n str)) {
        #[cfg(feature = "large")]
        if let About::Attached(attached) = self.about {
            let names = names.get(attached.texts[3]).split(',');
            return names.filter(|name| !name.is_empty()).for_each(show);
        }
        self.metadata().dependencies.iter().for_each(|name| show(name));
    }

    /// When a supervisor restarts it.
    pub(crate) fn restart(&self) -> &'static RestartPolicy {
        #[cfg(feature = "large")]
        {
            let code = self.error.as_ref().map_or("", Error::code);
            let restarts = match self.about {
                About::Attached(attached) => attached.restarts,
                _ => true,
            };
            if !restarts || code == INVALID_SETTINGS {
                return &RestartPolicy::NEVER;
            }
        }
        &self.metadata().restart
    }

    /// Where it runs.
    pub(crate) fn placement(&self) -> &'static str {
        #[cfg(feature = "large")]
        return self.more.placement;
        #[cfg(not(feature = "large"))]
        ""
    }

    /// What is counted of it, but for its events.
    pub(crate) fn counters(&self) -> PluginCounters {
        PluginCounters {
            calls: self.calls,
            published: self.published,
            errors: self.errors,
            failures: self.failures,
            handled: self.handled,
            #[cfg(feature = "large")]
            busy_micros: self.more.busy_micros,
            #[cfg(feature = "large")]
            worst_micros: self.more.worst_micros,
            #[cfg(feature = "large")]
            slow: self.more.slow,
            ..PluginCounters::default()
        }
    }

    pub(super) fn overflow(&self) -> Overflow {
        match self.about {
            #[cfg(feature = "large")]
            About::Attached(attached) => attached.overflow,
            _ => self.metadata().overflow,
        }
    }

    pub(crate) fn state(&self) -> PluginState {
        self.state
    }

    pub(crate) fn goal(&self) -> PluginState {
        self.goal
    }

    pub(crate) fn hook(&self) -> Hook {
        self.hook
    }

    /// True when it failed, and nobody has set a goal since.
    pub(crate) fn holds(&self) -> bool {
        self.holds
    }

    /// True while a hook leads it to another state.
    pub(crate) fn is_stepping(&self) -> bool {
        self.hook.leads_to().is_some()
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    pub(super) fn waker(&self) -> Option<&Waker> {
        self.waker.as_ref()
    }

    pub(crate) fn keep_waker(&mut self, waker: &Waker) {
        keep_waker(&mut self.waker, waker);
    }

    /// Sets where the plugin should be, and when at the latest; false when it is there now, for it failed and
    /// nothing of it is left that could stop or be unloaded.
    pub(crate) fn set_goal(&mut self, goal: PluginState, due: Deadline) -> bool {
        self.goal = goal;
        self.holds = false;
        let up = matches!(goal, PluginState::Loaded | PluginState::Started);
        if self.state == PluginState::Failed && !up {
            self.goal = PluginState::Unloaded;
            return false;
        }
        let there = self.state == goal && !self.is_stepping();
        self.goal_due = if there { Deadline::NONE } else { due };
        true
    }

    /// What its task is to do, when no hook is running.
    pub(crate) fn wanted(&self) -> Wanted {
        use PluginState::{Failed, Loaded, Started, Stopped, Unloaded};
        match (self.state, self.goal) {
            (Failed, _) if self.holds => Wanted::Nothing,
            (Started, Started | Loaded | Failed) => Wanted::Messages,
            (Unloaded | Failed, Loaded | Started) => Wanted::Step(Hook::Load),
            (Loaded | Stopped, Started) => Wanted::Step(Hook::Start),
            (Started, Stopped | Unloaded) => Wanted::Step(Hook::Stop),
            (Loaded | Stopped, Unloaded) => Wanted::Step(Hook::Unload),
            _ => Wanted::Nothing,
        }
    }

    /// Begins a hook; when it counts as hung.
    pub(crate) fn begin(&mut self, hook: Hook, origin: Origin, now: Instant) -> Deadline {
        self.hook = hook;
        self.origin = origin;
        self.since = now;
        if hook != Hook::Tick {
            self.ticked = false;
        }
        let [step, handler] = self.limits;
        self.hook_due = now.due(if hook.leads_to().is_some() { step } else { handler });
        self.hook_due
    }

    /// Ends the present hook well.
    pub(crate) fn end(&mut self, now: Instant) -> Ended {
        let hook = core::mem::take(&mut self.hook);
        self.hook_due = Deadline::NONE;
        self.origin = Origin::NONE;
        if let Some(state) = hook.leads_to() {
            self.enter(state);
            if hook == Hook::Start && !self.interval.is_none() {
                self.tick = now.due(self.interval);
            }
            return Ended::Entered(state);
        }
        if hook == Hook::Idle {
            return Ended::No;
        }
        self.handled = self.handled.wrapping_add(1);
        #[cfg(feature = "large")]
        {
            let took = now.as_micros().saturating_sub(self.since.as_micros());
            let more = &mut self.more;
            more.busy_micros = more.busy_micros.wrapping_add(took);
            more.worst_micros = more.worst_micros.max(u32::try_from(took).unwrap_or(u32::MAX));
            let budget = more
                .budget
                .unwrap_or(self.metadata().handler_budget.as_micros() as u64);
            if took > budget {
                self.more.slow = self.more.slow.wrapping_add(1);
                return Ended::Slow(hook, took);
            }
        }
        Ended::No
    }

    /// How long the present hook runs.
    #[cfg(feature = "large")]
    pub(crate) fn took(&self, now: Instant) -> u64 {
        now.as_micros().saturating_sub(self.since.as_micros())
    }

    fn enter(&mut self, state: PluginState) {
        self.state = state;
        if self.goal == state {
            self.goal_due = Deadline::NONE;
        }
    }

    /// This life is over, well or with a failure.
    pub(crate) fn end_life(&mut self, failed: bool) {
        self.id = self.id.next_life();
        self.hook = Hook::Idle;
        self.hook_due = Deadline::NONE;
        self.origin = Origin::NONE;
        self.tick = Deadline::NONE;
        self.interval = Span::NONE;
        if failed {
            self.failures = self.failures.wrapping_add(1);
            self.holds = true;
            self.goal_due = Deadline::NONE;
            self.enter(PluginState::Failed);
        }
        #[cfg(feature = "large")]
        {
            self.more.held = Held {
                filters: 0,
                services: 0,
                entries: 0,
                bytes: 0,
            };
        }
    }

    /// Skips from FAILED to UNLOADED: nothing of it runs any more.
    pub(crate) fn forget_failure(&mut self) {
        self.enter(PluginState::Unloaded);
    }

    /// From now on a tick every `interval`; zero ends that.
    pub(crate) fn set_interval(&mut self, interval: Span, now: Instant) -> Deadline {
        self.interval = interval;
        self.tick_woken = false;
        self.tick = if interval.is_none() {
            Deadline::NONE
        } else {
            now.due(interval)
        };
        self.tick
    }

    /// When the next tick is due.
    pub(crate) fn tick_due(&self) -> Deadline {
        self.tick
    }

    /// Takes a tick that is due and plans the next one; `None` when it is not due, or has to let another message
    /// go first.
    pub(crate) fn take_tick(&mut self, now: Instant, others: bool) -> Option<Deadline> {
        if !self.tick.is_due(now) || (core::mem::take(&mut self.ticked) && others) {
            return None;
        }
        self.ticked = true;
        self.tick_woken = false;
        // The next one counts from when this one was due, or from now when that is past.
        let due = self.tick.instant().unwrap_or(now);
        let next = due.due(self.interval);
        self.tick = if next.is_due(now) {
            now.due(self.interval)
        } else {
            next
        };
        Some(self.tick)
    }

    /// Why the plugin counts as hung, when it does.
    pub(super) fn overdue(&mut self, now: Instant) -> Option<&'static str> {
        if self.hook_due.is_due(now) {
            return Some("hook_timeout");
        }
        self.goal_due.is_due(now).then_some("stop_timeout")
    }

    /// True, once for each tick, when its task is to be woken for one that is due.
    pub(super) fn take_tick_wake(&mut self, now: Instant) -> bool {
        let due = self.state == PluginState::Started && self.tick.is_due(now);
        due && !core::mem::replace(&mut self.tick_woken, true)
    }

    /// The deadline that is next for this plugin.
    pub(super) fn next_due(&self) -> Deadline {
        let tick = if self.tick_woken || self.state != PluginState::Started {
            Deadline::NONE
        } else {
            self.tick
        };
        self.hook_due.first(self.goal_due).first(tick)
    }
}
