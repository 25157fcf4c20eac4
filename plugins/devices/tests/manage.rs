//! Devices come, change and go; lists and mappings.

use devices::Devices;
use plugin_kit::kernel_core::Error;
use plugin_kit::test::TestRuntime;
use serde_json::{Value, json};

fn started(settings: Value) -> TestRuntime {
    let mut rt = TestRuntime::new();
    rt.add::<Devices>(settings);
    rt.start().unwrap();
    rt
}

fn ids(items: &Value) -> Vec<&str> {
    items
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}

#[test]
fn a_device_is_made_and_made_again() -> Result<(), Error> {
    let mut rt = started(json!({}));
    let by_place =
        json!({"args": ["lamp", "Lamp", "light"], "kwargs": {"owner_id": "anna", "shared_with": ["ben"]}});
    let made = rt.call("devices.create", &by_place)?;
    assert_eq!(
        (
            &made["name"],
            &made["type"],
            &made["owner_id"],
            &made["shared_with"]
        ),
        (&json!("Lamp"), &json!("light"), &json!("anna"), &json!(["ben"]))
    );
    rt.call("devices.report", &json!({"id": "lamp", "state": {"on": true}}))?;
    rt.advance(std::time::Duration::from_secs(5))?;
    let again = rt.call("devices.create", &json!({"id": "lamp", "name": "Other"}))?;
    assert_eq!(
        (&again["name"], &again["type"]),
        (&json!("Other"), &json!("light"))
    );
    assert_eq!(
        (&again["created_at"], &again["state"]["reported"]),
        (&made["created_at"], &json!({"on": true}))
    );
    assert_ne!(again["updated_at"], made["updated_at"]);
    assert_eq!(rt.rows("devices").len(), 1);
    Ok(())
}

#[test]
fn an_update_changes_what_it_says_and_null_takes_away() -> Result<(), Error> {
    let mut rt = started(json!({}));
    rt.call(
        "devices.create",
        &json!({"id": "lamp", "room_id": "r1", "owner_id": "anna"}),
    )?;
    let update = json!({"id": "lamp", "name": "Ceiling", "home_id": "h1", "room_id": null, "owner_id": null,
        "shared_with": ["ben", "eva"]});
    let device = rt.call("devices.update", &update)?;
    assert_eq!(rt.stored("devices", "lamp").unwrap(), device);
    assert_eq!(
        (
            &device["name"],
            &device["home_id"],
            &device["room_id"],
            device.get("owner_id")
        ),
        (&json!("Ceiling"), &json!("h1"), &json!(null), None)
    );
    assert_eq!(device["shared_with"], json!(["ben", "eva"]));
    let before = rt.rows("devices");
    let half = json!({"id": "lamp", "name": "New", "room_id": "bad\nroom"});
    assert!(
        rt.call("devices.update", &half)
            .unwrap_err()
            .message()
            .contains("room_id")
    );
    assert_eq!(rt.rows("devices"), before, "all of it or nothing");
    Ok(())
}

#[test]
fn a_deleted_device_leaves_nothing() -> Result<(), Error> {
    let mut rt = started(json!({}));
    rt.call("devices.create", "lamp")?;
    for external_id in ["x1", "x2"] {
        rt.call(
            "devices.create_mapping",
            &json!({"external_id": external_id, "internal_id": "lamp"}),
        )?;
    }
    assert_eq!(
        rt.call("devices.delete", "lamp")?,
        json!({"ok": true, "id": "lamp"})
    );
    assert!(rt.rows("devices").is_empty() && rt.rows("devices_mappings").is_empty());
    for service in ["devices.get", "devices.delete", "devices.turn_on"] {
        let error = rt.call(service, "lamp").unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            ("not_found", "there is no device \"lamp\"")
        );
    }
    rt.publish(
        "external.device_state_reported",
        &json!({"external_id": "x1", "state": {"on": true}}),
    )?;
    assert!(rt.published().is_empty());
    Ok(())
}

#[test]
fn a_list_may_be_of_what_a_user_may_use() -> Result<(), Error> {
    let mut rt = started(json!({}));
    for (id, more) in [
        ("common", json!({})),
        ("hers", json!({"owner_id": "ann", "shared_with": ["cid"]})),
        ("his", json!({"owner_id": "bob"})),
        ("lent", json!({"owner_id": "bob", "shared_with": ["ann"]})),
    ] {
        let mut device = more;
        device["id"] = json!(id);
        rt.call("devices.create", &device)?;
    }
    for (user, wanted) in [
        ("ann", vec!["common", "hers", "lent"]),
        ("bob", vec!["common", "his", "lent"]),
        ("cid", vec!["common", "hers"]),
        ("dan", vec!["common"]),
    ] {
        assert_eq!(ids(&rt.call("devices.list", &json!({"user": user}))?), wanted);
    }
    // A page ends where its limit is, whoever's devices are between.
    let page = rt.call("devices.list", &json!({"user": "ann", "limit": 2}))?;
    assert_eq!(
        (ids(&page["items"]), &page["next"]),
        (vec!["common", "hers"], &json!("hers"))
    );
    let page = rt.call(
        "devices.list",
        &json!({"user": "ann", "limit": 2, "after": "hers"}),
    )?;
    assert_eq!((ids(&page["items"]), &page["next"]), (vec!["lent"], &json!(null)));
    Ok(())
}

#[test]
fn lists_come_whole_or_in_pages() -> Result<(), Error> {
    let mut rt = started(json!({}));
    for number in 0..250 {
        rt.call("devices.create", &format!("d{number:03}"))?;
    }
    let all = rt.call("devices.list", &())?;
    assert_eq!(ids(&all).len(), 250);
    let page = rt.call("devices.list", &json!({"limit": 2}))?;
    assert_eq!(
        (ids(&page["items"]), &page["next"]),
        (vec!["d000", "d001"], &json!("d001"))
    );
    let (mut after, mut seen) = (json!(null), 0);
    loop {
        let page = rt.call("devices.list", &json!({"limit": 40, "after": after}))?;
        seen += ids(&page["items"]).len();
        assert_eq!(
            ids(&page["items"])[0],
            format!("d{:03}", if seen == 250 { 240 } else { seen - 40 })
        );
        assert_eq!(page["skipped"], 0);
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(seen, 250);
    Ok(())
}

#[test]
fn a_list_is_no_longer_than_a_reply() -> Result<(), Error> {
    let mut rt = started(json!({"reply_bytes": 2_000}));
    for number in 0..30 {
        rt.call(
            "devices.create",
            &json!({"id": format!("d{number:02}"), "name": "я".repeat(100)}),
        )?;
    }
    let error = rt.call("devices.list", &()).unwrap_err();
    assert_eq!(error.code(), "too_large");
    assert!(error.message().contains("say limit"), "{error}");
    let (mut after, mut seen, mut pages) = (json!(null), 0, 0);
    loop {
        let page = rt.call("devices.list", &json!({"limit": 1000, "after": after}))?;
        assert!(page.to_string().len() <= 2_000);
        (seen, pages) = (seen + ids(&page["items"]).len(), pages + 1);
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(seen, 30);
    assert!(pages > 7, "{pages} pages");
    Ok(())
}

#[test]
fn what_is_found_is_kept_listed_and_mapped_by_itself() -> Result<(), Error> {
    let mut rt = started(json!({}));
    let found = [
        json!({"external_id": "zigbee/0x01", "provider": "zigbee", "type": "light", "name": "Lamp",
            "state": {"on": true}, "room_id": "r1", "room_name": "Room"}),
        json!({"external_id": "192.168.1.5", "provider": "lan", "title": "Speaker"}),
        json!({"external_id": "zigbee/0x02", "provider": "zigbee", "type": "light"}),
    ];
    for payload in &found {
        rt.publish("external.device_discovered", payload)?;
        assert_eq!(
            &rt.stored("devices_external", payload["external_id"].as_str().unwrap())
                .unwrap(),
            payload
        );
    }
    let all = rt.call("devices.list_external", &())?;
    assert_eq!(all.as_array().unwrap().len(), 3);
    assert_eq!(all[0], json!({"external_id": "192.168.1.5", "payload": found[1]}));
    let zigbee = rt.call(
        "devices.list_external",
        &json!({"args": ["zigbee"], "kwargs": {}}),
    )?;
    assert_eq!(zigbee.as_array().unwrap().len(), 2);
    let page = rt.call(
        "devices.list_external",
        &json!({"provider": "zigbee", "limit": 1}),
    )?;
    assert_eq!(
        (&page["items"][0]["external_id"], page["next"].is_null()),
        (&json!("zigbee/0x01"), false)
    );

    let mapped = rt.call("devices.auto_map_external", "zigbee")?;
    assert_eq!(
        mapped,
        json!({"ok": true, "created": 2, "skipped": 0, "errors": [], "more": false})
    );
    let lamp = rt.call("devices.get", "device-zigbee/0x01")?;
    assert_eq!(
        (
            &lamp["name"],
            &lamp["type"],
            &lamp["room_name"],
            &lamp["state"]["reported"]
        ),
        (
            &json!("Lamp"),
            &json!("light"),
            &json!("Room"),
            &json!({"on": true})
        )
    );
    assert_eq!(
        rt.call("devices.get", "device-zigbee/0x02")?["name"],
        "light (zigbee/0)"
    );
    let mapped = rt.call("devices.auto_map_external", &())?;
    assert_eq!((&mapped["created"], &mapped["skipped"]), (&json!(1), &json!(2)));
    assert_eq!(rt.call("devices.get", "device-192_168_1_5")?["name"], "Speaker");
    let before = (rt.rows("devices"), rt.rows("devices_mappings"));
    assert_eq!(rt.call("devices.auto_map_external", &())?["skipped"], 3);
    assert_eq!((rt.rows("devices"), rt.rows("devices_mappings")), before);

    // One whose id is taken by another is said, and the rest goes on.
    rt.publish(
        "external.device_discovered",
        &json!({"external_id": "192_168_1_5"}),
    )?;
    let mapped = rt.call("devices.auto_map_external", &())?;
    assert_eq!(
        (&mapped["created"], mapped["errors"].as_array().unwrap().len()),
        (&json!(0), 1)
    );
    Ok(())
}

#[test]
fn mappings_are_made_moved_and_taken_away() -> Result<(), Error> {
    let mut rt = started(json!({}));
    rt.call("devices.create", "lamp")?;
    rt.call("devices.create", "door")?;
    let made = rt.call(
        "devices.create_mapping",
        &json!({"args": ["x1", "lamp"], "kwargs": {}}),
    )?;
    assert_eq!(
        made,
        json!({"ok": true, "external_id": "x1", "internal_id": "lamp"})
    );
    assert_eq!(
        rt.stored("devices_mappings", "x1"),
        Some(json!({"internal_id": "lamp"}))
    );
    rt.call(
        "devices.create_mapping",
        &json!({"external_id": "x1", "internal_id": "door"}),
    )?;
    assert_eq!(rt.call("devices.turn_on", "lamp")?["external_id"], json!(null));
    assert_eq!(rt.call("devices.turn_on", "door")?["external_id"], "x1");
    assert_eq!(
        rt.call("devices.list_mappings", &())?,
        json!([{"external_id": "x1", "internal_id": "door"}])
    );
    assert_eq!(
        rt.call("devices.delete_mapping", "x1")?,
        json!({"ok": true, "external_id": "x1"})
    );
    assert_eq!(
        rt.call("devices.delete_mapping", "x1").unwrap_err().code(),
        "not_found"
    );
    assert_eq!(rt.call("devices.turn_on", "door")?["external_id"], json!(null));
    assert!(rt.rows("devices_mappings").is_empty());
    Ok(())
}
