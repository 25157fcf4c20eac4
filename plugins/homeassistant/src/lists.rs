//! What there is in the house, asked of it page by page.

use std::collections::BTreeMap;

use kernel_core::{Context, Error};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::call;
use crate::own::{Listed, Said};

/// Items of a page.
const LIMIT: u16 = 200;

#[derive(Serialize)]
struct Wanted<'a> {
    limit: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a str>,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct External {
    payload: Value,
}

#[derive(Deserialize)]
struct Mapping {
    external_id: String,
    internal_id: String,
}

/// All devices.
pub(crate) async fn devices(cx: &Context) -> Result<Vec<Listed>, Error> {
    all(cx, "devices.list").await
}

/// The ids that devices have at their integrations, by their own.
pub(crate) async fn mappings(cx: &Context) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let mut externals: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mapping in all::<Mapping>(cx, "devices.list_mappings").await? {
        externals
            .entry(mapping.internal_id)
            .or_default()
            .push(mapping.external_id);
    }
    Ok(externals)
}

/// What integrations say of all that they found.
pub(crate) async fn said(cx: &Context) -> Result<Vec<Said>, Error> {
    let externals = all::<External>(cx, "devices.list_external").await?;
    // Others may say other things than this plugin reads.
    let said = externals
        .into_iter()
        .map(|external| serde_json::from_value(external.payload));
    Ok(said.filter_map(Result::ok).collect())
}

async fn all<T: DeserializeOwned>(cx: &Context, service: &str) -> Result<Vec<T>, Error> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let wanted = Wanted {
            limit: LIMIT,
            after: after.as_deref(),
        };
        let page: Page<T> = call(cx, service, &wanted).await?;
        items.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(items),
        }
    }
}
