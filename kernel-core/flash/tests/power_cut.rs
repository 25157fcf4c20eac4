//! The power is cut at every byte that is written and every word that is erased: what was
//! acknowledged is there, what was under way is there whole or not at all.
mod support;

use kernel_core::Error;
use kernel_flash::FlashStorage;
use support::{Content, Nor, Order, Write, batch, content, delete, set, text};

/// Sets, overwrites, deletions, batches and clearings, round after round, so that the log goes
/// around the flash some times.
fn workload(rounds: usize) -> Vec<Write> {
    let mut all = Vec::new();
    for round in 0..rounds {
        let value = |len: usize| text((b'a' + (round % 26) as u8) as char, len);
        all.push(set("light", "level", &round.to_string()));
        all.push(set(
            "light",
            &format!("scene{}", round % 3),
            &value(20 + round % 7),
        ));
        all.push(batch(
            "pump",
            &[
                ("pressure", Some(&value(9))),
                ("flow", Some(&round.to_string())),
                ("alarm", (round % 2 == 0).then_some("true")),
                ("flow", Some(&value(3))),
            ],
        ));
        all.push(delete("light", &format!("scene{}", (round + 1) % 3)));
        all.push(set("pump", "note", &value(30)));
        match round % 3 {
            0 => all.push(Write::Clear("log".into())),
            1 => all.push(batch(
                "log",
                &[("a", Some("1")), ("b", Some("2")), ("c", Some("[]"))],
            )),
            _ => all.push(delete("log", "b")),
        }
        if round % 5 == 4 {
            all.push(Write::Clear("pump".into()));
        }
    }
    all
}

fn open<const W: usize, const P: usize, const N: usize>(
    flash: &mut Nor<W, P, N>,
) -> FlashStorage<&mut Nor<W, P, N>> {
    FlashStorage::open(flash, 0..Nor::<W, P, N>::END).unwrap()
}

/// Opens the flash, carries `writes` out, and tells how far it came: how many were acknowledged.
fn carry_out<const W: usize, const P: usize, const N: usize>(
    flash: &mut Nor<W, P, N>,
    before: &Content,
    writes: &[Write],
) -> (usize, Result<(), Error>) {
    let mut storage = open(flash);
    let mut model = before.clone();
    for (done, write) in writes.iter().enumerate() {
        if let Err(error) = write.carry_out(&mut storage, &model) {
            return (done, Err(error));
        }
        write.expect(&mut model);
    }
    (writes.len(), Ok(()))
}

/// All that is there, by its lists.
fn read<const W: usize, const P: usize, const N: usize>(flash: &mut Nor<W, P, N>) -> Content {
    let mut storage = open(flash);
    assert!(!storage.is_damaged());
    content(&mut storage).unwrap()
}

/// Opens the flash, and tells which of these contents it holds.
fn which<const W: usize, const P: usize, const N: usize>(
    flash: &mut Nor<W, P, N>,
    contents: [&Content; 2],
) -> Option<usize> {
    let found = read(flash);
    contents.into_iter().position(|content| *content == found)
}

/// What is done after a cut, to see that the storage still works.
fn after_a_cut() -> [Write; 4] {
    [
        set("probe", "key", &text('p', 25)),
        batch("probe", &[("one", Some("1")), ("key", None)]),
        Write::Clear("probe".into()),
        set("probe", "last", "[]"),
    ]
}

#[derive(Default)]
struct Tally {
    cuts: usize,
    second_cuts: usize,
    old: usize,
    new: usize,
    erasings: u32,
}

/// Cuts the power at every step of every write of the workload, and, every `stride` cuts, again at every step of the
/// recovery.
fn cut_everywhere<const W: usize, const P: usize, const N: usize>(
    name: &str,
    order: Order,
    rounds: usize,
    stride: usize,
) -> Tally {
    let mut flash = Nor::<W, P, N>::new();
    flash.order = order;
    let mut before = Content::new();
    let mut tally = Tally::default();
    for write in workload(rounds) {
        let mut after = before.clone();
        write.expect(&mut after);
        let mut whole = flash.restarted();
        carry_out(&mut whole, &before, std::slice::from_ref(&write))
            .1
            .unwrap();
        for cut_at in 0..whole.steps {
            let mut cut = flash.restarted();
            cut.cut_at = Some(cut_at);
            let (done, outcome) = carry_out(&mut cut, &before, std::slice::from_ref(&write));
            assert!(done == 0 && outcome.is_err(), "{name}: {write:?} at {cut_at}");
            let cut = cut.restarted();
            let mut healed = cut.clone();
            let found = read(&mut healed);
            assert!(
                found == before || found == after,
                "{name}: {write:?} at {cut_at}: {found:#?}"
            );
            tally.cuts += 1;
            tally.old += usize::from(found == before && before != after);
            tally.new += usize::from(found == after && before != after);
            works_on(&mut healed, &found);
            if tally.cuts.is_multiple_of(stride) {
                tally.second_cuts += cut_the_recovery(&cut, &found);
            }
        }
        flash = whole;
        assert_eq!(read(&mut flash), after);
        before = after;
    }
    tally.erasings = flash.erased.iter().sum();
    let Tally {
        cuts,
        second_cuts,
        old,
        new,
        erasings,
    } = &tally;
    println!(
        "{name}: {cuts} cuts ({old} left the old state, {new} the new one), {second_cuts} second cuts, \
         {erasings} pages erased"
    );
    tally
}

/// Writes to the storage, and reads it once more.
fn works_on<const W: usize, const P: usize, const N: usize>(flash: &mut Nor<W, P, N>, found: &Content) {
    let mut model = found.clone();
    carry_out(flash, found, &after_a_cut()).1.unwrap();
    after_a_cut().iter().for_each(|write| write.expect(&mut model));
    assert_eq!(which(flash, [&model, &model]), Some(0));
}

/// Cuts the power again at every step of opening the storage and of the first write after that.
fn cut_the_recovery<const W: usize, const P: usize, const N: usize>(
    cut: &Nor<W, P, N>,
    found: &Content,
) -> usize {
    let [probe, ..] = after_a_cut();
    let mut with_probe = found.clone();
    probe.expect(&mut with_probe);
    for cut_at in 0.. {
        let mut again = cut.restarted();
        again.cut_at = Some(cut_at);
        let (done, _) = carry_out(&mut again, found, std::slice::from_ref(&probe));
        if done == 1 {
            return cut_at as usize;
        }
        let mut again = again.restarted();
        let Some(left) = which(&mut again, [found, &with_probe]) else {
            panic!("cut again at {cut_at}: {:#?}", read(&mut again));
        };
        works_on(&mut again, [found, &with_probe][left]);
    }
    unreachable!()
}

#[test]
fn words_of_four_bytes_and_four_pages() {
    let tally = cut_everywhere::<4, 512, 4>("4-byte words, 4 pages of 512", Order::Upwards, 12, 200);
    assert!(tally.cuts > 3_000 && tally.second_cuts > 1_000 && tally.erasings > 6);
    assert!(tally.old > 1_000 && tally.new > 1_000);
}

#[test]
fn words_of_one_byte_and_three_pages() {
    let tally = cut_everywhere::<1, 512, 3>("1-byte words, 3 pages of 512", Order::Upwards, 5, 500);
    assert!(tally.cuts > 3_000 && tally.second_cuts > 1_000 && tally.erasings >= 4);
}

#[test]
fn words_of_eight_bytes_and_two_pages() {
    let tally = cut_everywhere::<8, 1536, 2>("8-byte words, 2 pages of 1,536", Order::Upwards, 9, 500);
    assert!(tally.cuts > 3_000 && tally.second_cuts > 1_000 && tally.erasings >= 2);
}

#[test]
fn words_of_thirty_two_bytes_and_three_pages() {
    let tally = cut_everywhere::<32, 1280, 3>("32-byte words, 3 pages of 1,280", Order::Upwards, 5, 300);
    assert!(tally.cuts > 3_000 && tally.second_cuts > 1_000 && tally.erasings >= 2);
}

/// One storage that is open all the time, as on a chip, instead of one for each write.
#[test]
fn a_long_session_is_cut() {
    type Flash = Nor<4, 512, 4>;
    let writes = workload(9);
    let mut states = vec![Content::new()];
    for write in &writes {
        let mut next = states[states.len() - 1].clone();
        write.expect(&mut next);
        states.push(next);
    }
    let mut whole = Flash::new();
    carry_out(&mut whole, &states[0], &writes).1.unwrap();
    let mut cuts = 0;
    for cut_at in (0..whole.steps).step_by(13) {
        let mut flash = Flash::new();
        flash.cut_at = Some(cut_at);
        let (done, outcome) = carry_out(&mut flash, &states[0], &writes);
        assert!(outcome.is_err());
        let found = which(&mut flash.restarted(), [&states[done], &states[done + 1]]);
        assert!(found.is_some(), "cut at {cut_at}, after {done} writes");
        cuts += 1;
    }
    println!(
        "a long session: {cuts} cuts in {} steps, {:?} erasings",
        whole.steps, whole.erased
    );
    assert!(cuts > 200);
}

/// A chip erases all words of a page at once, and may write the words of one request in any order: what is left when it
/// is cut is any mixture.
#[test]
fn a_write_or_erase_that_is_cut_may_leave_anything() {
    for (order, name) in [
        (Order::Downwards, "downwards"),
        (Order::Scattered, "all over the place"),
    ] {
        let tally = cut_everywhere::<4, 512, 4>(name, order, 12, 400);
        assert!(tally.cuts > 1_500 && tally.second_cuts > 1_000 && tally.erasings > 6);
        let tally = cut_everywhere::<8, 1024, 2>(&format!("{name}, 2 pages"), order, 9, 300);
        assert!(tally.cuts > 500 && tally.second_cuts > 1_000 && tally.erasings > 1);
    }
}
