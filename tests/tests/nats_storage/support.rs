//! Hosts with nothing but a storage.

use std::path::Path;

use host_std::{Config, Host, StorageEngine};
use nats_storage::NatsStorage;

/// A configuration whose files are in `folder`, with this storage; SQLite without one.
pub(crate) fn config(folder: &Path, storage: Option<&str>) -> Config {
    let database = folder.join("runtime.db");
    let vars = |name: &str| (name == "RUNTIME_DB_PATH").then(|| database.clone().into());
    let mut config = Config::from_vars(vars).unwrap();
    config.plugins_folder = None;
    config.storage = storage.map(str::to_owned);
    config
}

/// A host on it.
pub(crate) fn host(config: &Config) -> Result<Host, String> {
    Host::builder()
        .storage_engine(StorageEngine::of("nats", NatsStorage::open))
        .start(config.clone())
        .map_err(|cause| cause.to_string())
}

/// All names of a list.
pub(crate) fn keys(host: &Host, namespace: &str) -> Vec<String> {
    let (mut all, mut after, mut buf) = (Vec::new(), String::new(), vec![0; 8192]);
    loop {
        let storage = host.runtime().storage();
        let space = storage.namespace(namespace);
        let page = host_std::block_on(space.list_keys(&after, 50, &mut buf)).unwrap();
        let more = page.more();
        all.extend(page.map(str::to_owned));
        match all.last() {
            Some(last) if more => after = last.clone(),
            _ => return all,
        }
    }
}

/// The text of a value; `None` when there is none.
pub(crate) fn value(host: &Host, namespace: &str, key: &str) -> Option<String> {
    let mut buf = vec![0; 70_000];
    let storage = host.runtime().storage();
    let space = storage.namespace(namespace);
    let found = host_std::block_on(space.get(key, &mut buf)).unwrap();
    found.map(|value| value.as_str().to_owned())
}

/// Sets a value; the code of the error.
pub(crate) fn set(host: &Host, namespace: &str, key: &str, value: &str) -> Result<(), kernel_core::Error> {
    let storage = host.runtime().storage();
    host_std::block_on(
        storage
            .namespace(namespace)
            .set(key, kernel_core::Json::parse(value).unwrap()),
    )
}

/// Why a host does not start.
pub(crate) fn refusal(config: &Config) -> String {
    host(config).err().expect("it does not start")
}
