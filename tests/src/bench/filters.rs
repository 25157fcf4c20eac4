//! Publishing to one plugin while other plugins have filters that do not match.

use super::executor::Count;
use super::harness::{Contender, Settings, growth};
use super::publish::{FILTER, PAYLOAD, TOPIC, publish, repeat};
use super::report::Row;
use super::world::{Receiver, World};

/// The plugins that have them.
const OTHERS: usize = 8;

/// 1,000 filters may cost half as much again as 1.
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
    let contenders: Result<_, String> = sizes.iter().map(|filters| among(*filters)).collect();
    growth(settings, contenders?, most)
}

fn among(filters: usize) -> Result<Contender<'static>, String> {
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
        filters: vec![FILTER.to_owned()],
        seen: seen.clone(),
    };
    world.add("receiver", receiver)?;
    world.start()?;
    let World { runtime, mut tasks } = world;
    let plural = if filters == 1 { "" } else { "s" };
    let name = format!("publish beside {filters} other filter{plural}");
    Ok(Contender::new(name, move |count| {
        let took = repeat(&mut tasks, count, &seen, 1, |tasks| {
            publish(tasks, runtime, TOPIC, PAYLOAD, 1)
        })?;
        match others.get() {
            0 => Ok(took),
            wrong => Err(format!("{wrong} events to plugins whose filters do not match")),
        }
    }))
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
        assert!(subject::matches(FILTER, TOPIC));
        assert!((0..2000).all(|index| !subject::matches(&other(index), TOPIC)));
        assert_eq!((TOPIC.len(), PAYLOAD.len()), (20, 64));
    }
}
