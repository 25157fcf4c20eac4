//! Single operations on rows.

use super::*;

#[test]
fn values_come_back_byte_for_byte_after_reopening() {
    let (_directory, path) = place();
    let values = [
        r#"{"b" : 1.0,  "a":[1e400, -0.0, 12345678901234567890123]}"#,
        "\"Küche \u{1F321} \\u00fc \\ud83c\\udf21 \\u0000\"",
        " \n null ",
        "\"\"",
    ];
    let mut database = open(&path);
    for (i, text) in values.iter().enumerate() {
        database
            .set("näme space", &format!("k{i}"), text.as_bytes())
            .unwrap();
    }
    database.close().unwrap();

    let mut database = open(&path);
    for (i, text) in values.iter().enumerate() {
        assert_eq!(
            value(&mut database, "näme space", &format!("k{i}")).as_deref(),
            Some(*text)
        );
    }
}

#[test]
fn set_replaces_delete_removes_and_both_tell() {
    let (_directory, path) = place();
    let mut database = open(&path);
    let mut out = b"left from before".to_vec();
    assert_eq!(database.get("a", "k", &mut out), Ok(false));
    assert!(out.is_empty());

    database.set("a", "k", b"1").unwrap();
    database.set("a", "k", b"2").unwrap();
    database.set("b", "k", b"3").unwrap();
    assert_eq!(value(&mut database, "a", "k").as_deref(), Some("2"));
    assert_eq!(database.delete("a", "k"), Ok(true));
    assert_eq!(database.delete("a", "k"), Ok(false));
    assert_eq!(value(&mut database, "a", "k"), None);
    assert_eq!(value(&mut database, "b", "k").as_deref(), Some("3"));
}

#[test]
fn a_value_that_is_not_json_is_refused_and_the_old_one_stays() {
    let (_directory, path) = place();
    let mut database = open(&path);
    database.set("a", "k", b"1").unwrap();
    let bad: [&[u8]; 6] = [b"", b"{", b"1 2", b"NaN", b"\"\xff\"", b"\"\xed\xa0\x80\""];
    for bytes in bad {
        let error = database.set("a", "k", bytes).unwrap_err();
        assert!(
            matches!(&error, StorageError::InvalidValue { namespace, key, .. }
                if namespace == "a" && key == "k"),
            "{bytes:?}: {error}"
        );
    }
    assert_eq!(value(&mut database, "a", "k").as_deref(), Some("1"));
}

#[test]
fn json_nested_too_deep_is_not_stored_and_corrupt_where_another_program_did() {
    let (_directory, path) = place();
    let deep = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    python_file(
        &path,
        &[("n", "deep", &deep(10_000)), ("n", "lone", r#""\ud800""#)],
    );
    let mut database = open(&path);
    database.set("a", "k", deep(32).as_bytes()).unwrap();
    assert_eq!(value(&mut database, "a", "k"), Some(deep(32)));
    for levels in [33, 20_000] {
        let refused = database.set("a", "k", deep(levels).as_bytes()).unwrap_err();
        assert!(matches!(&refused, StorageError::InvalidValue { .. }), "{refused}");
    }
    for key in ["deep", "lone"] {
        let error = database.get("n", key, &mut Vec::new()).unwrap_err();
        assert!(
            matches!(&error, StorageError::Corrupt { key: of, .. } if of == key),
            "{error}"
        );
    }
}

#[test]
fn keys_are_listed_in_byte_order_page_by_page() {
    let (_directory, path) = place();
    let mut database = open(&path);
    for key in ["b", "a", "ä", "c", "B"] {
        database.set("n", key, b"0").unwrap();
    }
    database.set("m", "x", b"0").unwrap();
    database.set("o", "y", b"0").unwrap();

    let mut all = Vec::new();
    let mut page = vec!["left from before".to_owned()];
    let mut after = None;
    loop {
        database.list_keys("n", after.as_deref(), 4, &mut page).unwrap();
        assert!(page.len() <= 4);
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        all.append(&mut page);
    }
    assert_eq!(all, ["B", "a", "b", "c", "ä"]);

    database.list_keys("n", None, 0, &mut page).unwrap();
    assert!(page.is_empty());
    database.list_keys("n", Some("bb"), 1, &mut page).unwrap();
    assert_eq!(page, ["c"]);
}

#[test]
fn namespaces_are_listed_once_each_page_by_page() {
    let (_directory, path) = place();
    let mut database = open(&path);
    for namespace in ["zigbee", "auth", "hue"] {
        for key in 0..5 {
            database.set(namespace, &key.to_string(), b"0").unwrap();
        }
    }
    let mut out = Vec::new();
    database.namespaces(None, 2, &mut out).unwrap();
    assert_eq!(out, ["auth", "hue"]);
    database.namespaces(Some("hue"), 2, &mut out).unwrap();
    assert_eq!(out, ["zigbee"]);
    database.namespaces(Some("zigbee"), 2, &mut out).unwrap();
    assert!(out.is_empty());
}

#[test]
fn clearing_a_namespace_counts_and_spares_the_others() {
    let (_directory, path) = place();
    let mut database = open(&path);
    for key in ["a", "b", "c"] {
        database.set("n", key, b"0").unwrap();
        database.set("nn", key, b"0").unwrap();
    }
    assert_eq!(database.clear_namespace("n"), Ok(3));
    assert_eq!(database.clear_namespace("n"), Ok(0));
    assert_eq!(keys(&mut database, "n"), Vec::<String>::new());
    assert_eq!(keys(&mut database, "nn"), ["a", "b", "c"]);
}

#[test]
fn a_row_that_is_not_json_text_is_corrupt_and_not_missing() {
    let (_directory, path) = place();
    python_file(
        &path,
        &[("n", "cut", "{\"a\":"), ("n", "nan", "NaN"), ("n", "ok", "1")],
    );
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch(
        "INSERT INTO storage VALUES ('n', 'blob', x'7b7d'), ('n', 'latin', CAST(x'22fc22' AS TEXT))",
    )
    .unwrap();
    drop(raw);

    let mut database = open(&path);
    for (row, expected) in [
        ("cut", "not JSON"),
        ("nan", "not JSON"),
        ("blob", "a blob"),
        ("latin", "invalid UTF-8"),
    ] {
        let mut out = Vec::new();
        let error = database.get("n", row, &mut out).unwrap_err();
        assert!(
            matches!(&error, StorageError::Corrupt { namespace, key, reason }
                if namespace == "n" && key == row && reason.contains(expected)),
            "{row}: {error}"
        );
        assert!(out.is_empty());
    }
    assert_eq!(value(&mut database, "n", "ok").as_deref(), Some("1"));
    database.set("n", "cut", b"[]").unwrap();
    assert_eq!(value(&mut database, "n", "cut").as_deref(), Some("[]"));
}

#[test]
fn names_that_no_runtime_takes_hide_no_others() {
    let (_directory, path) = place();
    python_file(&path, &[("n", "a", "1"), ("n", "z", "2"), ("o", "b", "3")]);
    let raw = Connection::open(&path).unwrap();
    for key in [
        &b""[..],
        b"control\n",
        b"nul\0",
        b"k\xff",
        &[b'k'; 256],
        &[b'm'; 70_000],
    ] {
        raw.execute("INSERT INTO storage VALUES ('n', CAST(?1 AS TEXT), '4')", [key])
            .unwrap();
    }
    raw.execute_batch("INSERT INTO storage VALUES ('n', x'6b31', '5'), (x'6b', 'k', '6')")
        .unwrap();
    for namespace in [&b""[..], b"n\xff", b"n\x7f", &[b'n'; 65]] {
        raw.execute(
            "INSERT INTO storage VALUES (CAST(?1 AS TEXT), 'k', '7')",
            [namespace],
        )
        .unwrap();
    }
    drop(raw);

    let mut database = open(&path);
    for page in [1, 2, 100] {
        let (mut all, mut out, mut after) = (Vec::new(), Vec::new(), None);
        loop {
            database.list_keys("n", after.as_deref(), page, &mut out).unwrap();
            after = out.last().cloned();
            all.append(&mut out);
            if after.is_none() {
                break;
            }
        }
        assert_eq!(all, ["a", "z"]);
        loop {
            database.namespaces(after.as_deref(), page, &mut out).unwrap();
            after = out.last().cloned();
            all.append(&mut out);
            if after.is_none() {
                break;
            }
        }
        assert_eq!(all, ["a", "z", "n", "o"]);
    }
    assert_eq!(database.clear_namespace("n").unwrap(), 9);
}
