//! Whose services are where: those of the node are registered here, those that it may call are offered there.

use std::collections::{BTreeMap, BTreeSet};

use kernel_core::storage::STORAGE;
use kernel_core::{Fault, Name, Service as KernelService};
use kernel_link::Request;
use link_dial::Service;

use super::life::{Asks, Life};
use crate::lock::lock;
use crate::permissions::{Use, covers};
use crate::text::{DESCRIPTION, cut};

/// Services that a node may have: as many as a host.
const MOST: usize = 4096;

/// Room for the texts of a service.
const ROW: usize = 1024;

/// What is offered here and there.
#[derive(Default)]
pub(super) struct Offers {
    /// The node's services are to be listed.
    pub(super) wanted: bool,
    list: BTreeMap<String, Service>,
    here: BTreeSet<String>,
    /// Those whose names somebody else has, as it was said last.
    taken: BTreeSet<String>,
    /// The name of this runtime on the node, once it has one.
    pub(super) name_there: Option<String>,
    there: BTreeSet<String>,
    /// What is here has changed since it was offered there.
    pub(super) changed: bool,
}

impl Offers {
    /// The node has this service.
    pub(super) fn listed(&mut self, service: Service) {
        if self.list.len() == MOST {
            return;
        }
        self.list.insert(service.name.to_string(), service);
    }
}

impl Life<'_> {
    pub(super) fn want_lists(&mut self) {
        self.offers.wanted = true;
        self.offers.changed = true;
        self.mirror.wanted = true;
        self.list_next();
    }

    pub(super) fn lists_are_wanted(&self) -> bool {
        self.offers.wanted || self.mirror.wanted
    }

    /// Asks for the next list: a board has one at a time.
    pub(super) fn list_next(&mut self) {
        let lists = |asks: &Asks| matches!(asks, Asks::Services | Asks::States);
        if self.requests.values().any(lists) {
            return;
        }
        if std::mem::take(&mut self.offers.wanted) {
            self.offers.list.clear();
            self.ask(Request::Services, Asks::Services);
        } else if std::mem::take(&mut self.mirror.wanted) {
            self.mirror.list_again();
            self.ask(Request::States { prefix: "" }, Asks::States);
        }
    }

    /// All services of the node are known: those that are new are registered, those that are gone taken back.
    pub(super) fn services_listed(&mut self) {
        let identity = self.gate.identity.clone();
        let cx = self.gate.cx;
        let mut list = std::mem::take(&mut self.offers.list);
        let granted = lock(&identity.granted).clone();
        list.retain(|name, service| {
            name != STORAGE
                && Some(&*service.owner) != self.offers.name_there.as_deref()
                && granted.check(&identity.name, Use::Register(name)).is_ok()
        });
        let gone: Vec<String> = self
            .offers
            .here
            .iter()
            .filter(|name| !list.contains_key(*name))
            .cloned()
            .collect();
        for name in gone {
            let _ = cx.services().unregister(&name).now();
            self.offers.here.remove(&name);
        }
        let mut taken = BTreeSet::new();
        for (name, service) in &list {
            if self.offers.here.contains(name) {
                continue;
            }
            match cx.services().register(&registered(service)).now() {
                Ok(()) => drop(self.offers.here.insert(name.clone())),
                Err(Fault::Taken { .. }) => drop(taken.insert(name.clone())),
                Err(fault) => self.trouble(fault.code(), &format!("service {name}: {fault}")),
            }
        }
        if !taken.is_empty() && taken != self.offers.taken {
            let names: Vec<&str> = taken.iter().map(String::as_str).collect();
            let why = format!(
                "another plugin has these services of the node: {}",
                names.join(", ")
            );
            self.trouble("taken", &why);
        }
        self.offers.taken = taken;
    }

    /// Offers there what the node may call here, as far as it is there and was not offered yet.
    pub(super) fn offer_what_is_here(&mut self) {
        if self.offers.name_there.is_none() || !std::mem::take(&mut self.offers.changed) {
            return;
        }
        let identity = self.gate.identity.clone();
        let granted = lock(&identity.granted).call.clone();
        let (mut cursor, mut buf, mut wanted) = (0, [0; ROW], BTreeSet::new());
        while let Some(service) = identity.runtime.next_service(&mut cursor, &mut buf) {
            if service.owner != identity.name
                && service.name != STORAGE
                && granted.iter().any(|filter| covers(filter, service.name))
            {
                wanted.insert(service.name.to_owned());
            }
        }
        let before = std::mem::replace(&mut self.offers.there, wanted.clone());
        for service in before.difference(&wanted) {
            self.ask(Request::Withdraw { service }, Asks::Withdraw);
        }
        for service in wanted.difference(&before) {
            self.ask(Request::Offer { service }, Asks::Offer(service.clone()));
        }
    }
}

fn registered(service: &Service) -> KernelService<'_> {
    let made = KernelService::new(Name::Copied(&service.name))
        .describe(kept(cut(&service.description, DESCRIPTION)))
        .version(kept(&service.version));
    match service.deprecated {
        true => made.deprecated(),
        false => made,
    }
}

/// A text that the kernel keeps; an empty one takes no place.
fn kept(text: &str) -> Name<'_> {
    match text {
        "" => Name::Fixed(""),
        text => Name::Copied(text),
    }
}
