//! Publishing to one plugin while other plugins have filters that do not match.

use super::executor::Count;
use super::harness::{Contender, Settings, growth};
use super::publish::{PAYLOAD, publish, repeat};
use super::report::Row;
use super::shuffle::Keys;
use super::world::{Receiver, World};

/// The plugins that have them.
const OTHERS: usize = 8;

/// What the receiver subscribes to, and so many topics that no memory of the last ones holds them all.
const ALL: &str = "home.kitchen.>";
const TOPICS: usize = 20_000;

/// 1,000 filters may cost half as much again as 1, on the same topic and on ever others.
///
/// # Errors
/// When an event was lost.
pub(super) fn run(settings: &Settings) -> Result<Vec<Row>, String> {
    sizes(settings, &[1, 100, 1000], Some(1.5))
}

/// A table of more sizes.
///
/// # Errors
/// When an event was lost.
pub(super) fn table(settings: &Settings) -> Result<Vec<Row>, String> {
    sizes(settings, &[1, 10, 100, 300, 1000, 2000], None)
}

fn sizes(settings: &Settings, sizes: &[usize], most: Option<f64>) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (topics, which) in [(1, "1 topic"), (TOPICS, "ever other topics")] {
        let contenders: Result<_, String> = sizes
            .iter()
            .map(|filters| {
                let plural = if *filters == 1 { "" } else { "s" };
                among(
                    format!("publish {which}, {filters} other filter{plural}"),
                    *filters,
                    topics,
                )
            })
            .collect();
        rows.extend(growth(settings, contenders?, most)?);
    }
    Ok(rows)
}

/// By the number of topics that are published to in turn, beside 100 filters of others.
///
/// # Errors
/// When an event was lost.
pub(super) fn by_topics(settings: &Settings) -> Result<Vec<Row>, String> {
    let sizes = [1, 10, 100, 1000, TOPICS].into_iter();
    let contenders: Result<_, String> = sizes
        .map(|topics| among(format!("publish, {topics} topics in turn"), 100, topics))
        .collect();
    growth(settings, contenders?, None)
}

fn among(name: String, filters: usize, topics: usize) -> Result<Contender<'static>, String> {
    let mut world = World::new()?;
    let (seen, others) = (Count::default(), Count::default());
    let mut owners: Vec<Receiver> = Vec::new();
    owners.resize_with(OTHERS, || Receiver {
        filters: Vec::new(),
        seen: others.clone(),
    });
    for (index, owner) in (0..filters).zip((0..OTHERS).cycle()) {
        owners[owner].filters.push(other(index));
    }
    for (index, owner) in owners.into_iter().enumerate() {
        world.add(&format!("other{index}"), owner)?;
    }
    let receiver = Receiver {
        filters: vec![ALL.to_owned()],
        seen: seen.clone(),
    };
    world.add("receiver", receiver)?;
    world.start()?;
    let World {
        runtime, mut tasks, ..
    } = world;
    let topics = Keys::new((0..topics).map(topic).collect());
    Ok(Contender::new(name, move |count| {
        let mut topics = topics.take(count);
        let took = repeat(&mut tasks, count, &seen, 1, |tasks| {
            publish(tasks, runtime, topics.next().unwrap_or_default(), PAYLOAD, 1)
        })?;
        match others.get() {
            0 => Ok(took),
            wrong => Err(format!("{wrong} events to plugins whose filters do not match")),
        }
    }))
}

/// 23 bytes.
fn topic(index: usize) -> String {
    format!("home.kitchen.light{index:05}")
}

/// Filters of the four kinds that a home has, near the topic and far from it.
fn other(index: usize) -> String {
    match index % 4 {
        0 => format!("home.kitchen.lamp{index}"),
        1 => format!("home.*.sensor{index}"),
        2 => format!("room{index}.>"),
        _ => format!("*.kitchen.door{index}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel_core::subject;

    #[test]
    fn the_others_do_not_match() {
        let topics: Vec<String> = [0, 7, TOPICS - 1].into_iter().map(topic).collect();
        for topic in &topics {
            assert!(subject::matches(ALL, topic), "{topic}");
            assert!(
                (0..2000).all(|index| !subject::matches(&other(index), topic)),
                "{topic}"
            );
        }
    }
}
