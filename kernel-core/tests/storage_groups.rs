//! Writes that share a commit, and a storage that fails.
mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use kernel_core::storage::{Names, Ops, Storage, StorageError, serve};
use kernel_core::*;
use support::{ROOMY, Tasks, json, poll_once, runtime};

/// What the storage was asked, and what it holds for good.
#[derive(Default)]
struct Disk {
    rows: BTreeMap<String, String>,
    staged: Vec<(String, String)>,
    steps: Vec<String>,
    /// The next group begins only when this is woken.
    held: Option<Option<Waker>>,
}

/// A storage whose commits of more than one write fail, or with a key it can never store.
struct Fussy {
    disk: Rc<RefCell<Disk>>,
    groups_fail: bool,
}

impl Storage for Fussy {
    const GROUP: usize = 4;

    async fn begin(&mut self) -> Result<(), StorageError> {
        poll_fn(|cx| match &mut self.disk.borrow_mut().held {
            Some(held) => {
                *held = Some(cx.waker().clone());
                Poll::Pending
            }
            None => Poll::Ready(()),
        })
        .await;
        let mut disk = self.disk.borrow_mut();
        disk.steps.push("begin".into());
        disk.staged.clear();
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), StorageError> {
        let mut disk = self.disk.borrow_mut();
        let staged = std::mem::take(&mut disk.staged);
        let cannot = staged.iter().any(|(key, _)| key == "never");
        if cannot || (self.groups_fail && staged.len() > 1) {
            disk.steps.push(format!("fail {}", staged.len()));
            return Err(StorageError::full("no"));
        }
        disk.steps.push(format!("commit {}", staged.len()));
        disk.rows.extend(staged);
        Ok(())
    }

    async fn get(&mut self, _: &str, key: &str, to: &mut [u8]) -> Result<Option<usize>, StorageError> {
        match key {
            "damaged" => return Err(StorageError::corrupt("row 7")),
            "liar" => return Ok(Some(to.len() + 1)),
            _ => {}
        }
        let disk = self.disk.borrow();
        let Some(value) = disk.rows.get(key) else {
            return Ok(None);
        };
        to[..value.len()].copy_from_slice(value.as_bytes());
        Ok(Some(value.len()))
    }

    async fn set(&mut self, _: &str, key: &str, value: Json<'_>) -> Result<(), StorageError> {
        if key == "refused" {
            return Err(StorageError::failed("not this one"));
        }
        let mut disk = self.disk.borrow_mut();
        disk.staged.push((key.to_owned(), value.as_str().to_owned()));
        Ok(())
    }

    async fn delete(&mut self, _: &str, _: &str) -> Result<bool, StorageError> {
        Ok(false)
    }

    async fn list_keys(&mut self, _: &str, _: &str, _: &mut Names<'_>) -> Result<(), StorageError> {
        Ok(())
    }

    async fn namespaces(&mut self, _: &str, _: &mut Names<'_>) -> Result<(), StorageError> {
        Ok(())
    }

    async fn clear_namespace(&mut self, _: &str) -> Result<u32, StorageError> {
        Ok(0)
    }

    async fn batch(&mut self, _: &str, _: Ops<'_>) -> Result<(), StorageError> {
        Ok(())
    }
}

struct House {
    runtime: CoreRuntime,
    tasks: Tasks,
    disk: Rc<RefCell<Disk>>,
}

fn house(groups_fail: bool) -> House {
    let runtime = runtime(&ROOMY);
    let kernel = runtime.kernel();
    let disk = Rc::new(RefCell::new(Disk::default()));
    let mut storage = Fussy {
        disk: disk.clone(),
        groups_fail,
    };
    let mut tasks = Tasks::default();
    tasks.spawn(async move { serve(kernel, &mut storage, &mut [0; 1024]).await });
    tasks.settle();
    House { runtime, tasks, disk }
}

impl House {
    /// Sets these keys at the same time; how each of them ended.
    fn set_all(&mut self, keys: &[&'static str]) -> Vec<Result<(), StorageError>> {
        let space = self.runtime.storage().namespace("n");
        let mut sets: Vec<_> = keys
            .iter()
            .map(|key| Box::pin(space.set(key, json("1"))))
            .collect();
        for set in &mut sets {
            assert!(poll_once(set.as_mut()).is_none());
        }
        self.tasks.settle();
        sets.into_iter()
            .map(|set| poll_once(set).expect("each of them is answered"))
            .collect()
    }

    fn steps(&self) -> Vec<String> {
        std::mem::take(&mut self.disk.borrow_mut().steps)
    }

    fn rows(&self) -> Vec<String> {
        self.disk.borrow().rows.keys().cloned().collect()
    }
}

#[test]
fn writes_that_come_together_share_commits_of_at_most_a_group() {
    let mut house = house(false);
    assert_eq!(house.set_all(&["a", "b", "c", "d", "e", "f"]), vec![Ok(()); 6]);
    assert_eq!(house.steps(), ["begin", "commit 4", "begin", "commit 2"]);
    assert_eq!(house.rows(), ["a", "b", "c", "d", "e", "f"]);
}

#[test]
fn a_write_is_acknowledged_only_after_its_commit() {
    let mut house = house(false);
    let space = house.runtime.storage().namespace("n");
    let disk = house.disk.clone();
    house.tasks.run(house.runtime.kernel(), async {
        space.set("a", json("1")).await.unwrap();
        assert!(disk.borrow().rows.contains_key("a"));
    });
}

#[test]
fn when_a_commit_fails_each_write_is_tried_alone() {
    let mut house = house(true);
    assert_eq!(house.set_all(&["a", "b", "c"]), vec![Ok(()); 3]);
    assert_eq!(
        house.steps(),
        [
            "begin", "fail 3", "begin", "commit 1", "begin", "commit 1", "begin", "commit 1"
        ]
    );
    assert_eq!(house.rows(), ["a", "b", "c"]);
}

#[test]
fn one_that_can_never_be_stored_takes_no_other_with_it() {
    let mut house = house(false);
    let ended = house.set_all(&["a", "never", "b"]);
    assert_eq!((&ended[0], &ended[2]), (&Ok(()), &Ok(())));
    assert_eq!(ended[1], Err(StorageError::full("no")));
    assert_eq!(house.rows(), ["a", "b"]);
    assert_eq!(house.runtime.metrics().storage_errors, 1);
}

#[test]
fn a_single_write_that_fails_is_not_tried_twice() {
    let mut house = house(false);
    assert_eq!(house.set_all(&["never"]), [Err(StorageError::full("no"))]);
    assert_eq!(house.steps(), ["begin", "fail 1"]);
}

#[test]
fn a_commit_that_fails_answers_the_writes_that_are_left_when_the_first_is_dropped() {
    let mut house = house(false);
    house.disk.borrow_mut().held = Some(None);
    let space = house.runtime.storage().namespace("n");
    let mut dropped = Box::pin(space.set("a", json("1")));
    let mut never = Box::pin(space.set("never", json("1")));
    assert!(poll_once(dropped.as_mut()).is_none());
    assert!(poll_once(never.as_mut()).is_none());
    house.tasks.settle();
    drop(dropped);
    let held = house.disk.borrow_mut().held.take().flatten();
    held.expect("the group has begun").wake();
    house.tasks.settle();
    assert_eq!(poll_once(never), Some(Err(StorageError::full("no"))));
    assert!(house.rows().is_empty());
}

#[test]
fn a_write_that_is_refused_ends_its_group_and_the_others_are_kept() {
    for groups_fail in [false, true] {
        let mut house = house(groups_fail);
        let ended = house.set_all(&["a", "b", "refused", "c", "d"]);
        let refused = Err(StorageError::failed("not this one"));
        assert_eq!(ended, [Ok(()), Ok(()), refused, Ok(()), Ok(())]);
        assert_eq!(house.rows(), ["a", "b", "c", "d"]);
    }
}

#[test]
fn a_read_between_writes_sees_those_before_it() {
    let mut house = house(false);
    let space = house.runtime.storage().namespace("n");
    let mut buf = [0; 16];
    let mut first = Box::pin(space.set("a", json("1")));
    let mut read = Box::pin(space.get("a", &mut buf));
    let mut second = Box::pin(space.set("a", json("2")));
    assert!(poll_once(first.as_mut()).is_none());
    assert!(poll_once(read.as_mut()).is_none());
    assert!(poll_once(second.as_mut()).is_none());
    house.tasks.settle();
    assert_eq!(poll_once(read).unwrap().unwrap().unwrap().as_str(), "1");
    assert_eq!(house.steps(), ["begin", "commit 1", "begin", "commit 1"]);
}

#[test]
fn what_is_damaged_is_seen_as_damaged() {
    let mut house = house(false);
    let space = house.runtime.storage().namespace("n");
    let mut buf = [0; 16];
    let got = house
        .tasks
        .run(house.runtime.kernel(), space.get("damaged", &mut buf));
    assert_eq!(got.map(|_| ()), Err(StorageError::corrupt("row 7")));
}

#[test]
fn an_impossible_answer_of_the_storage_is_never_not_found() {
    let mut house = house(false);
    let space = house.runtime.storage().namespace("n");
    let mut buf = [0; 16];
    let got = house
        .tasks
        .run(house.runtime.kernel(), space.get("liar", &mut buf));
    assert!(matches!(got, Err(StorageError::Failed(_))));
}
