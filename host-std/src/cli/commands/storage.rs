//! `storage`.

use clap::{Args, Subcommand};
use kernel_link::{Raw, Reply, Request};
use link_dial::Names;

use super::backup;
use crate::cli::check;
use crate::cli::connect::{Link, Patience, SOON, Session, count, done, was_there};
use crate::cli::exit::Failure;
use crate::cli::json;
use crate::cli::output::Out;

const GET_HELP: &str = "\
The value is printed as JSON: laid out on a terminal, on one line when piped or with --json. Where there \
is no such key, the exit status is 1.";

const SET_HELP: &str = "\
It is on the disk once this returns.

JSON: {changed: 1}";

const DELETE_HELP: &str = "\
Where there is no such key, the exit status is 1.

JSON: {changed: 1}";

const LIST_HELP: &str = "\
In the order of their bytes, one a line.

JSON: {names: [name], more}
`more` is true when --limit left some out.";

const CLEAR_HELP: &str = "\
Prints how many values there were.

JSON: {changed}";

/// How many names are asked for at a time.
const PAGE: u16 = 1000;

#[derive(Debug, Subcommand)]
pub(crate) enum StorageCommand {
    /// Print a value
    #[command(after_long_help = GET_HELP)]
    Get(KeyArgs),
    /// Store a value
    #[command(after_long_help = SET_HELP)]
    Set(SetArgs),
    /// Delete a value
    #[command(after_long_help = DELETE_HELP)]
    Delete(KeyArgs),
    /// List a namespace's keys
    #[command(after_long_help = LIST_HELP)]
    List(ListArgs),
    /// List the namespaces
    #[command(after_long_help = LIST_HELP)]
    Namespaces(PageArgs),
    /// Delete all values of a namespace
    #[command(after_long_help = CLEAR_HELP)]
    Clear(ClearArgs),
    /// Copy the database into a new file, while the runtime runs
    #[command(after_long_help = backup::BACKUP_HELP)]
    Backup(backup::BackupArgs),
    /// Read a whole database and say what is wrong with it
    #[command(after_long_help = backup::CHECK_HELP)]
    Check(backup::CheckArgs),
    /// Put a backup in the place of the database
    #[command(after_long_help = backup::RESTORE_HELP)]
    Restore(backup::RestoreArgs),
    /// Print all values, or those of a namespace, one JSON object a line
    #[command(after_long_help = backup::EXPORT_HELP)]
    Export(backup::ExportArgs),
    /// Store what `export` printed
    #[command(after_long_help = backup::IMPORT_HELP)]
    Import(backup::ImportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// The namespace: a plugin's has its name
    #[arg(value_parser = check::namespace)]
    namespace: String,
    /// The key
    #[arg(value_parser = check::storage_key)]
    key: String,
}

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    #[command(flatten)]
    place: KeyArgs,
    /// The value, JSON; `-` reads it from stdin
    #[arg(value_name = "JSON", allow_hyphen_values = true)]
    value: String,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The namespace
    #[arg(value_parser = check::namespace)]
    namespace: String,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// Begin behind this name
    #[arg(long, value_name = "NAME", value_parser = check::storage_key)]
    after: Option<String>,
    /// List at most so many [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct ClearArgs {
    /// The namespace
    #[arg(value_parser = check::namespace)]
    namespace: String,
    /// Yes, delete them all
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn storage(command: StorageCommand, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    match command {
        StorageCommand::Get(place) => get(&place, link, out).await,
        StorageCommand::Set(args) => set(args, link, out).await,
        StorageCommand::Delete(place) => delete(&place, link, out).await,
        StorageCommand::List(args) => list(Some(&args.namespace), args.page, link, out).await,
        StorageCommand::Namespaces(page) => list(None, page, link, out).await,
        StorageCommand::Clear(args) => clear(&args, link, out).await,
        StorageCommand::Export(args) => backup::export(&args, link, out).await,
        StorageCommand::Import(args) => backup::import(&args, link, out).await,
        // These are done on the file.
        StorageCommand::Backup(_) | StorageCommand::Check(_) | StorageCommand::Restore(_) => Ok(()),
    }
}

fn absent(place: &KeyArgs) -> Failure {
    Failure::No(format!(
        "no such key in the namespace {}: {}",
        place.namespace, place.key
    ))
}

async fn get(place: &KeyArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let mut session = link.open().await?;
    let request = Request::StorageGet {
        namespace: &place.namespace,
        key: &place.key,
    };
    let found = session.ask(request, Patience::For(SOON), |reply| match reply {
        Reply::Json(raw) => Some(Some(raw.0.to_vec())),
        Reply::Absent => Some(None),
        _ => None,
    });
    match found.await? {
        Some(value) => out.value(&value),
        None => Err(absent(place)),
    }
}

async fn set(args: SetArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let value = check::json(Some(args.value))?;
    let mut session = link.open().await?;
    let request = Request::StorageSet {
        namespace: &args.place.namespace,
        key: &args.place.key,
        value: Raw(value.as_bytes()),
    };
    session.ask(request, Patience::For(SOON), done).await?;
    if out.is_json() {
        return out.document(&json::Changed { changed: 1 });
    }
    out.line("stored")
}

async fn delete(place: &KeyArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let mut session = link.open().await?;
    let request = Request::StorageDelete {
        namespace: &place.namespace,
        key: &place.key,
    };
    match session.ask(request, Patience::For(SOON), was_there).await? {
        true if out.is_json() => out.document(&json::Changed { changed: 1 }),
        true => out.line("deleted"),
        false => Err(absent(place)),
    }
}

/// Lists keys, or the namespaces when there is none named. For people page by page as they come.
async fn list(
    namespace: Option<&str>,
    args: PageArgs,
    link: &mut Link,
    out: &mut Out,
) -> Result<(), Failure> {
    let mut session = link.open().await?;
    let mut all = Names {
        names: Vec::new(),
        more: true,
    };
    let mut after = args.after.unwrap_or_default();
    let mut left = args.limit.unwrap_or(u64::MAX);
    while all.more && left > 0 {
        let limit = u16::try_from(left).unwrap_or(PAGE).min(PAGE);
        let page = page(&mut session, namespace, &after, limit).await?;
        all.more = page.more;
        left = left.saturating_sub(page.names.len() as u64);
        match page.names.last() {
            Some(last) => after.clone_from(last),
            // Asking again would bring the same page.
            None if page.more => return Err(Failure::unexpected()),
            None => {}
        }
        if out.is_json() {
            all.names.extend(page.names);
        } else {
            page.names.iter().try_for_each(|name| out.line(name))?;
        }
    }
    if out.is_json() {
        return out.document(&all);
    }
    Ok(())
}

/// All keys of a namespace, or all namespaces.
pub(super) async fn names(
    session: &mut Session<'_>,
    namespace: Option<&str>,
) -> Result<Vec<String>, Failure> {
    let (mut all, mut more) = (Vec::<String>::new(), true);
    while more {
        let after = all.last().cloned().unwrap_or_default();
        let page = page(session, namespace, &after, PAGE).await?;
        more = page.more && !page.names.is_empty();
        all.extend(page.names);
    }
    Ok(all)
}

async fn page(
    session: &mut Session<'_>,
    namespace: Option<&str>,
    after: &str,
    limit: u16,
) -> Result<Names, Failure> {
    let request = match namespace {
        Some(namespace) => Request::StorageKeys {
            namespace,
            after,
            limit,
        },
        None => Request::StorageNamespaces { after, limit },
    };
    let page = session.ask(request, Patience::For(SOON), |reply| match reply {
        Reply::Names(page) => Some(Names::of(&page)),
        _ => None,
    });
    page.await
}

async fn clear(args: &ClearArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let namespace = &args.namespace;
    if !args.yes {
        return Err(Failure::Usage(format!(
            "this deletes every value of the namespace {namespace}: add --yes to do it"
        )));
    }
    let mut session = link.open().await?;
    let request = Request::StorageClear { namespace };
    let changed = session.ask(request, Patience::For(SOON), count).await?;
    if out.is_json() {
        return out.document(&json::Changed { changed });
    }
    out.line(&format!("deleted {changed}"))
}
