//! The configuration from made-up variables and real files.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use super::*;

type Vars<'a> = &'a [(&'a str, &'a str)];

fn lookup(vars: Vars<'_>) -> impl Fn(&str) -> Option<OsString> {
    move |name| {
        vars.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| OsString::from(value))
    }
}

fn config(vars: Vars<'_>) -> Config {
    Config::from_vars(lookup(vars)).unwrap()
}

fn refusal(vars: Vars<'_>) -> ConfigError {
    Config::from_vars(lookup(vars)).unwrap_err()
}

/// What a file with `text` in it makes of the configuration.
fn from_file(text: &str) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("runtime.toml");
    fs::write(&path, text).unwrap();
    Config::from_vars(lookup(&[("RUNTIME_CONFIG", path.to_str().unwrap())]))
}

#[test]
fn defaults() {
    let config = config(&[]);
    let expected = Config {
        db_path: "data/runtime.db".into(),
        shutdown_timeout: Duration::from_secs(10),
        call_timeout: Duration::from_secs(30),
        plugins_folder: Some("data/plugins".into()),
        safe: false,
        demo: false,
        only: None,
        socket: "data/runtime.sock".into(),
        log: "info".to_owned(),
        log_format: LogFormat::Text,
        slow_handler: Duration::from_millis(100),
        synchronous: Synchronous::Full,
        storage: None,
        tcp: None,
        plugins: BTreeMap::new(),
        file: None,
    };
    assert_eq!(config, expected);
}

#[test]
fn every_variable_is_heard() {
    let config = config(&[
        ("RUNTIME_DB_PATH", "/var/lib/house/house.db"),
        ("RUNTIME_SHUTDOWN_TIMEOUT", "86400"),
        ("RUNTIME_SERVICE_CALL_TIMEOUT", "0.25"),
        ("RUNTIME_SOCKET", "/run/house.sock"),
        ("RUNTIME_LOG", "warn,host_std=debug"),
        ("RUNTIME_LOG_FORMAT", "json"),
    ]);
    assert_eq!(config.db_path, Path::new("/var/lib/house/house.db"));
    assert_eq!(config.shutdown_timeout, Duration::from_secs(86_400));
    assert_eq!(config.call_timeout, Duration::from_millis(250));
    assert_eq!(config.socket, Path::new("/run/house.sock"));
    assert_eq!(config.log, "warn,host_std=debug");
    assert_eq!(config.log_format, LogFormat::Json);
}

#[test]
fn bad_values_are_refused_with_name_value_and_what_is_allowed() {
    let cases = [
        ("RUNTIME_SHUTDOWN_TIMEOUT", "0", "from 1 to 86400"),
        ("RUNTIME_SHUTDOWN_TIMEOUT", "-1", "from 1 to 86400"),
        ("RUNTIME_SHUTDOWN_TIMEOUT", "1.5", "whole number"),
        ("RUNTIME_SHUTDOWN_TIMEOUT", "86401", "from 1 to 86400"),
        ("RUNTIME_SHUTDOWN_TIMEOUT", "99999999999999999999", "86400"),
        ("RUNTIME_SHUTDOWN_TIMEOUT", "10s", "seconds"),
        ("RUNTIME_SERVICE_CALL_TIMEOUT", "0", "above 0"),
        ("RUNTIME_SERVICE_CALL_TIMEOUT", "-0.0", "above 0"),
        ("RUNTIME_SERVICE_CALL_TIMEOUT", "-5", "above 0"),
        ("RUNTIME_SERVICE_CALL_TIMEOUT", "1e-12", "above 0"),
        ("RUNTIME_SERVICE_CALL_TIMEOUT", "NaN", "above 0"),
        ("RUNTIME_SERVICE_CALL_TIMEOUT", "inf", "up to 86400"),
        ("RUNTIME_SERVICE_CALL_TIMEOUT", "1e300", "up to 86400"),
        ("RUNTIME_SERVICE_CALL_TIMEOUT", "86400.001", "up to 86400"),
        ("RUNTIME_SERVICE_CALL_TIMEOUT", "soon", "seconds"),
        ("RUNTIME_LOG_FORMAT", "JSON", "text or json"),
        ("RUNTIME_LOG_FORMAT", "xml", "text or json"),
    ];
    for (name, value, allowed) in cases {
        let text = refusal(&[(name, value)]).to_string();
        assert!(
            text.contains(name) && text.contains(&format!("{value:?}")) && text.contains(allowed),
            "{name}={value}: {text}"
        );
    }
}

#[test]
fn an_empty_variable_and_one_that_is_not_utf8_are_refused() {
    for name in [
        "RUNTIME_DB_PATH",
        "RUNTIME_SHUTDOWN_TIMEOUT",
        "RUNTIME_SERVICE_CALL_TIMEOUT",
        "RUNTIME_SOCKET",
        "RUNTIME_LOG",
        "RUNTIME_LOG_FORMAT",
        "RUNTIME_CONFIG",
    ] {
        for (raw, shown) in [(Vec::new(), "\"\""), (b"a\xff".to_vec(), "a\u{fffd}")] {
            let error = Config::from_vars(|asked| (asked == name).then(|| OsString::from_vec(raw.clone())))
                .unwrap_err();
            let text = error.to_string();
            assert!(text.contains(name) && text.contains(shown), "{text}");
        }
    }
}

#[test]
fn the_socket_is_beside_the_database_unless_set() {
    for (vars, expected) in [
        (&[][..], "data/runtime.sock"),
        (&[("RUNTIME_DB_PATH", "house.db")][..], "runtime.sock"),
        (&[("RUNTIME_DB_PATH", "/a/b/c.db")][..], "/a/b/runtime.sock"),
        (
            &[("RUNTIME_DB_PATH", "/a/b/c.db"), ("RUNTIME_SOCKET", "x")][..],
            "x",
        ),
    ] {
        assert_eq!(config(vars).socket, Path::new(expected));
        assert_eq!(default_socket(lookup(vars)).unwrap(), Path::new(expected));
    }
    // A client needs nothing of the rest, not even that it is right.
    let broken = [("RUNTIME_SHUTDOWN_TIMEOUT", "never"), ("RUNTIME_SOCKET", "x")];
    assert_eq!(default_socket(lookup(&broken)).unwrap(), Path::new("x"));
    let error = default_socket(lookup(&[("RUNTIME_DB_PATH", "")])).unwrap_err();
    assert!(error.to_string().contains("RUNTIME_DB_PATH"), "{error}");
}

#[test]
fn a_socket_path_is_refused_from_108_bytes_on() {
    // Two bytes for each letter: the limit counts bytes.
    let fits = format!("/{}", "ü".repeat(53));
    assert_eq!(fits.len(), 107);
    assert_eq!(config(&[("RUNTIME_SOCKET", &fits)]).socket, Path::new(&fits));

    let long = format!("{fits}x");
    let deep = format!("/{}/house.db", "d".repeat(94));
    for vars in [[("RUNTIME_SOCKET", &*long)], [("RUNTIME_DB_PATH", &*deep)]] {
        for error in [refusal(&vars), default_socket(lookup(&vars)).unwrap_err()] {
            let text = error.to_string();
            assert!(
                text.contains("108 bytes") && text.contains("107") && text.contains("RUNTIME_SOCKET"),
                "{text}"
            );
        }
    }
}

#[test]
fn a_whole_file() {
    let config = from_file(
        r#"
        [runtime]
        storage_synchronous = "normal"
        slow_handler_ms = 250
        tcp = "[::1]:7700"
        tcp_token = "0123456789abcdef"

        [plugins.example]
        enabled = false
        placement = "thread"
        [plugins.example.settings]
        greeting = "grüß dich"
        rooms = [1, 2.5, true, { name = "attic" }]
        since = 2024-05-06T07:08:09Z

        [plugins.silent]
        "#,
    )
    .unwrap();
    assert_eq!(config.synchronous, Synchronous::Normal);
    assert_eq!(config.slow_handler, Duration::from_millis(250));
    let tcp = config.tcp.clone().unwrap();
    assert_eq!(tcp.address, "[::1]:7700".parse().unwrap());
    assert_eq!(tcp.token.as_deref(), Some("0123456789abcdef"));
    let files = tcp.tls.unwrap();
    assert!(files.certificate.ends_with("tls/certificate.pem") && files.key.ends_with("tls/key.pem"));
    assert!(!format!("{config:?}").contains("0123456789abcdef"));

    let example = &config.plugins["example"];
    assert!(!example.enabled);
    assert_eq!(example.placement, Placement::Thread);
    let settings: serde_json::Value = serde_json::from_str(&example.settings).unwrap();
    assert_eq!(
        settings,
        serde_json::json!({
            "greeting": "grüß dich",
            "rooms": [1, 2.5, true, {"name": "attic"}],
            "since": "2024-05-06T07:08:09Z",
        })
    );
    assert_eq!(config.plugins["silent"], PluginConfig::default());
    assert_eq!(config.plugins["silent"].settings, "{}");
}

#[test]
fn an_empty_file_changes_nothing() {
    let mut with_file = from_file("").unwrap();
    assert!(with_file.file.take().is_some());
    assert_eq!(with_file, config(&[]));
}

#[test]
fn a_file_that_is_not_as_expected_is_refused_with_line_and_column() {
    let cases = [
        ("[runtime\n", ":1:9: ", "runtime"),
        ("\n[runtime]\nslow = 5\n", ":3:1: ", "slow_handler_ms"),
        ("[plugin.example]\n", ":1:2: ", "plugins"),
        ("[plugins.a]\nenable = true\n", ":2:1: ", "enabled"),
        ("[plugins.a]\nenabled = \"ü\"\n", ":2:11: ", "boolean"),
        ("[plugins.a]\nplacement = \"core\"\n", ":2:13: ", "`thread`"),
        (
            "[runtime]\nstorage_synchronous = \"off\"\n",
            ":2:23: ",
            "`normal`",
        ),
        ("[runtime]\nslow_handler_ms = 1.5\n", ":2:19: ", "1.5"),
        ("a = 1\na = 2\n", ":2:1: ", "duplicate"),
        // The column counts characters, not bytes.
        ("plugins = { \"ü\" = 5 }\n", ":1:19: ", "5"),
    ];
    for (text, position, expected) in cases {
        let error = from_file(text).unwrap_err();
        let shown = error.to_string();
        assert!(matches!(error, ConfigError::Syntax { .. }), "{text:?}: {shown}");
        assert!(
            shown.contains(&format!("runtime.toml{position}")) && shown.contains(expected),
            "{text:?}: {shown}"
        );
        assert!(!shown.contains('\n'), "{shown}");
    }
}

#[test]
fn a_field_out_of_range_is_refused_with_its_place_and_value() {
    let cases = [
        ("slow_handler_ms = 0", ":2:19: ", "is 0;"),
        ("slow_handler_ms = -5", ":2:19: ", "is -5;"),
        ("slow_handler_ms = 3600001", ":2:19: ", "to 3600000"),
        ("storage = \"home\"", ":2:11: ", "\"home\""),
        ("storage = \"nats://\"", ":2:11: ", "a URL such as"),
        (
            "storage = \"nats://u:p@h/b\"",
            ":2:11: ",
            "credentials are read from a file",
        ),
        ("tcp = \"7700\"", ":2:7: ", "\"7700\""),
        (
            "tcp = \"localhost:7700\"\ntcp_token = \"0123456789abcdef\"",
            ":2:7: ",
            "IP address",
        ),
        ("tcp = \"0.0.0.0:7700\"\ntcp_tls = false", ":3:11: ", "loopback"),
        (
            "tcp = \"127.0.0.1:7700\"\ntcp_key = \"key.pem\"",
            ":3:11: ",
            "both",
        ),
        ("tcp_token = \"üüüüüüüüüüüüüüü\"", ":2:13: ", "15 characters"),
    ];
    for (line, position, expected) in cases {
        let error = from_file(&format!("[runtime]\n{line}\n")).unwrap_err();
        let shown = error.to_string();
        assert!(matches!(error, ConfigError::Field { .. }), "{line}: {shown}");
        assert!(
            shown.contains(position) && shown.contains(expected),
            "{line}: {shown}"
        );
    }
}

#[test]
fn a_token_that_is_too_short_is_not_shown() {
    let error = from_file("[runtime]\ntcp_token = \"hunter2\"\n").unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn the_storage_is_a_url_whose_password_is_not_shown() {
    let url = "nats://127.0.0.1:4222/home?credentials=/etc/x@y";
    let config = from_file(&format!("[runtime]\nstorage = \"{url}\"\n")).unwrap();
    assert_eq!(config.storage.as_deref(), Some(url));
    let error = from_file("[runtime]\nstorage = \"nats://house:hunter2@h/b\"\n").unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn a_number_that_json_does_not_have_is_refused_by_name() {
    let error = from_file("[plugins.a.settings]\nlimits = [1.0, inf]\n").unwrap_err();
    let shown = error.to_string();
    assert!(shown.contains("plugins.a.settings.limits[1] is inf"), "{shown}");
}

#[test]
fn settings_that_are_nested_too_deep_are_refused() {
    let nested = |depth: usize| format!("[plugins.a.settings]\n{} = 1\n", vec!["x"; depth].join("."));
    let config = from_file(&nested(32)).unwrap();
    assert!(kernel_core::Json::parse(&config.plugins["a"].settings).is_ok());
    let shown = from_file(&nested(33)).unwrap_err().to_string();
    assert!(
        shown.contains("plugins.a.settings is not handed over") && shown.contains("32 deep"),
        "{shown}"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_refused_with_path_and_cause() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.toml");
    let binary = directory.path().join("binary.toml");
    fs::write(&binary, b"a = \"\xff\"").unwrap();
    for (path, cause) in [
        (missing.as_path(), "No such file"),
        (directory.path(), "directory"),
        (binary.as_path(), "UTF-8"),
    ] {
        let error = refusal(&[("RUNTIME_CONFIG", path.to_str().unwrap())]);
        assert!(
            matches!(&error, ConfigError::Unreadable { path: named, .. } if named == path),
            "{error}"
        );
        assert!(error.to_string().contains(cause), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn a_plugin_nobody_knows_is_refused_with_those_that_are_known() {
    let config = from_file("[plugins.exmaple]\n[plugins.clock]\n").unwrap();
    config.check_plugins(&["clock", "exmaple"]).unwrap();
    let error = config.check_plugins(&["clock", "example"]).unwrap_err();
    let shown = error.to_string();
    assert!(
        matches!(&error, ConfigError::UnknownPlugin { name, .. } if name == "exmaple"),
        "{shown}"
    );
    assert!(
        shown.contains("clock, example") && shown.contains("runtime.toml"),
        "{shown}"
    );
    assert!(
        config
            .check_plugins(&[])
            .unwrap_err()
            .to_string()
            .contains("no plugins")
    );
    Config::from_vars(|_| None).unwrap().check_plugins(&[]).unwrap();
}
