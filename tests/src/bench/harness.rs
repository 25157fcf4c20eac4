//! Rounds: everybody does the same work in turns, in one process, and each round gives one ratio.
//!
//! A machine that does something else beside makes a round slow, not one side of it: so the median of
//! the rounds' ratios means something where two measurements after each other would not.

use std::time::Duration;

use super::report::{Goal, Peer, Row};
use super::stats::Summary;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Rounds of each comparison.
    pub rounds: usize,
    /// Roughly how long each contender's turn takes.
    pub turn: Duration,
    /// A smoke run: small amounts of everything.
    pub quick: bool,
}

impl Settings {
    /// For figures.
    pub const FULL: Settings = Settings {
        rounds: 15,
        turn: Duration::from_millis(20),
        quick: false,
    };

    /// For a look at whether it runs.
    pub const QUICK: Settings = Settings {
        rounds: 3,
        turn: Duration::from_millis(1),
        quick: true,
    };

    /// The same with turns `times` as long, for work that waits for a disk.
    pub(super) fn longer(self, times: u32) -> Settings {
        Settings {
            turn: if self.quick { self.turn } else { self.turn * times },
            ..self
        }
    }

    /// The same in four times as many rounds of half the length, for work that waits for other threads:
    /// whether the processors they need are asleep or busy changes from one moment to the next, and
    /// must meet everybody.
    pub(super) fn finer(self) -> Settings {
        let (rounds, turn) = match self.quick {
            true => (self.rounds, self.turn),
            false => (self.rounds * 4, self.turn / 2),
        };
        Settings { rounds, turn, ..self }
    }
}

type Work<'a> = Box<dyn FnMut(u64) -> Result<Duration, String> + 'a>;

/// Somebody who does the work.
pub(super) struct Contender<'a> {
    name: String,
    counted: bool,
    grain: u64,
    work: Work<'a>,
}

impl<'a> Contender<'a> {
    /// `work` does so many operations and tells how long they took.
    pub(super) fn new(
        name: impl Into<String>,
        work: impl FnMut(u64) -> Result<Duration, String> + 'a,
    ) -> Contender<'a> {
        Contender {
            name: name.into(),
            counted: true,
            grain: 1,
            work: Box::new(work),
        }
    }

    /// Shown beside the others; the goal does not count it.
    pub(super) fn for_reference(self) -> Self {
        Contender {
            counted: false,
            ..self
        }
    }

    /// Does so many operations at once: `work` is asked for whole multiples.
    pub(super) fn in_groups_of(self, grain: u64) -> Self {
        Contender { grain, ..self }
    }

    /// How many operations take about `turn`; this warms everything up as well.
    fn calibrate(&mut self, turn: Duration) -> Result<u64, String> {
        let mut groups: u64 = 1;
        loop {
            let took = self.run(groups * self.grain)?;
            if took * 2 >= turn || groups >= 1 << 40 {
                let fit = turn.as_secs_f64() / took.as_secs_f64().max(1e-9) * groups as f64;
                return Ok((fit as u64).max(1) * self.grain);
            }
            groups *= 2;
        }
    }

    fn run(&mut self, count: u64) -> Result<Duration, String> {
        (self.work)(count).map_err(|why| format!("{}: {why}", self.name))
    }
}

/// Nanoseconds an operation of each contender, by round.
fn rounds(settings: &Settings, contenders: &mut [Contender<'_>]) -> Result<Vec<Vec<f64>>, String> {
    let mut counts = Vec::new();
    for contender in contenders.iter_mut() {
        counts.push(contender.calibrate(settings.turn)?);
    }
    let mut times = vec![Vec::new(); contenders.len()];
    for round in 0..settings.rounds {
        // Somebody else begins each round, so that nobody always comes after the same one.
        for turn in 0..contenders.len() {
            let who = (round + turn) % contenders.len();
            let (Some(contender), Some(count), Some(times)) =
                (contenders.get_mut(who), counts.get(who), times.get_mut(who))
            else {
                continue;
            };
            let took = contender.run(*count)?;
            times.push(took.as_nanos() as f64 / *count as f64);
        }
    }
    Ok(times)
}

/// Ours against the peers: `goal` is what each peer's time over ours must be at least.
///
/// # Errors
/// When somebody did not do the work.
pub(super) fn compare<'a>(
    settings: &Settings,
    name: &str,
    mut contenders: Vec<Contender<'a>>,
    goal: Option<f64>,
) -> Result<Row, String> {
    let times = rounds(settings, &mut contenders)?;
    let (ours, others) = times.split_first().ok_or("nobody to measure")?;
    let peers = contenders.iter().skip(1).zip(others);
    Ok(Row {
        name: name.to_owned(),
        unit: "ns",
        ours: Summary::of(ours),
        peers: peers
            .map(|(peer, times)| Peer::new(&peer.name, times, peer.counted, ratios(times, ours)))
            .collect(),
        goal: goal.map_or(Goal::None, Goal::Ratio),
    })
}

/// The same work at several sizes: each against the first, by how many times it costs more. `most` is
/// the largest factor allowed for the last one.
///
/// # Errors
/// When the work was not done.
pub(super) fn growth<'a>(
    settings: &Settings,
    mut sizes: Vec<Contender<'a>>,
    most: Option<f64>,
) -> Result<Vec<Row>, String> {
    let times = rounds(settings, &mut sizes)?;
    let first = times.first().ok_or("nothing to measure")?;
    let base = sizes.first().map_or("", |size| size.name.as_str());
    let last = times.len() - 1;
    let row = |(index, (size, times)): (usize, (&Contender<'_>, &Vec<f64>))| Row {
        name: size.name.clone(),
        unit: "ns",
        ours: Summary::of(times),
        peers: match index {
            0 => Vec::new(),
            _ => vec![Peer::new(base, first, true, ratios(times, first))],
        },
        goal: match most {
            Some(most) if index == last => Goal::Growth(most),
            _ => Goal::None,
        },
    };
    Ok(sizes.iter().zip(&times).enumerate().map(row).collect())
}

fn ratios(over: &[f64], under: &[f64]) -> Vec<f64> {
    over.iter().zip(under).map(|(over, under)| over / under).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does not look at a clock: says that each operation takes so long.
    fn says(name: &str, nanos: u64) -> Contender<'static> {
        Contender::new(name, move |count| Ok(Duration::from_nanos(nanos * count)))
    }

    #[test]
    fn a_ratio_is_the_peers_time_over_ours() {
        let contenders = vec![says("ours", 100), says("slow", 300), says("fast", 50)];
        let row = compare(&Settings::QUICK, "work", contenders, Some(1.5)).unwrap();
        assert_eq!(row.ours.median, 100.0);
        let ratios: Vec<f64> = row.peers.iter().map(|peer| peer.ratio.median).collect();
        assert_eq!(ratios, [3.0, 0.5]);
        assert_eq!(row.ratio().unwrap().median, 0.5, "the best peer counts");
        assert_eq!(row.is_met(), Some(false));
    }

    #[test]
    fn a_peer_for_reference_does_not_count() {
        let contenders = vec![
            says("ours", 100),
            says("slow", 300),
            says("x", 50).for_reference(),
        ];
        let row = compare(&Settings::QUICK, "work", contenders, Some(1.5)).unwrap();
        assert_eq!((row.peers.len(), row.is_met()), (2, Some(true)));
    }

    #[test]
    fn growth_is_told_against_the_first() {
        let sizes = vec![says("1", 100), says("10", 120), says("100", 200)];
        let rows = growth(&Settings::QUICK, sizes, Some(1.5)).unwrap();
        let met: Vec<_> = rows.iter().map(Row::is_met).collect();
        assert_eq!(met, [None, None, Some(false)]);
        assert_eq!(rows[2].ratio().unwrap().median, 2.0);
    }

    #[test]
    fn groups_are_kept_whole() {
        let mut asked = Vec::new();
        let work = |count| {
            asked.push(count);
            Ok(Duration::from_micros(count))
        };
        let contender = Contender::new("ours", work).in_groups_of(64);
        compare(&Settings::QUICK, "work", vec![contender], None).unwrap();
        assert!(asked.iter().all(|count| count % 64 == 0), "{asked:?}");
    }

    #[test]
    fn an_error_names_who_had_it() {
        let fails = Contender::new("peer", |_| Err("no".to_owned()));
        let error = compare(&Settings::QUICK, "work", vec![says("ours", 1), fails], None).unwrap_err();
        assert_eq!(error, "peer: no");
    }
}
