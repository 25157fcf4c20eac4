//! The database, and who has it open.

use std::fs;
use std::path::Path;

use super::Finding;
use crate::sqlite::{self, Holder};

/// Looks at the database; returns who has it open.
pub(super) fn look(database: &Path, findings: &mut Vec<Finding>) -> Option<Holder> {
    let shown = database.display();
    let holder = sqlite::holder(database);
    let (file, log) = (size(database, ""), size(database, "-wal"));
    if file.is_none() && log.is_none() {
        let text = format!("{shown} is not there: the first start makes it");
        findings.push(Finding::ok("database", text));
        return holder;
    }
    if holder.is_none() && size(database, "-journal").is_some_and(|size| size > 0) {
        findings.push(Finding::warning(
            "database",
            format!("{shown} was not looked into: another program's write to it was cut short"),
            "start the runtime, which undoes that write, and look again",
        ));
        return None;
    }
    if file == Some(0) && log.unwrap_or(0) == 0 {
        findings.push(Finding::ok(
            "database",
            format!("{shown} is empty: the first start fills it"),
        ));
        return holder;
    }
    match sqlite::check_untouched(database, holder.is_some()) {
        Err(refused) => findings.push(Finding::error("database", refused)),
        Ok(found) if found.faults > 0 => findings.push(Finding::problem(
            "database",
            format!(
                "{} of {} values in {shown} cannot be read: {}",
                found.faults,
                found.values,
                found.named.join("; ")
            ),
            "delete them by `core-runtime storage delete`, or restore a backup",
        )),
        Ok(found) => findings.push(Finding::ok(
            "database",
            format!(
                "{shown} is sound: {} values, {} bytes and {} in its log",
                found.values,
                file.unwrap_or(0),
                log.unwrap_or(0)
            ),
        )),
    }
    if let Some(holder) = &holder {
        findings.push(Finding::ok("database", format!("in use by {holder}")));
    }
    holder
}

fn size(database: &Path, suffix: &str) -> Option<u64> {
    fs::metadata(sqlite::beside(database, suffix))
        .ok()
        .map(|found| found.len())
}
