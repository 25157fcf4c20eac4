//! What may be set.

use plugin_kit::kernel_core::{Context, Error};
use plugin_kit::plugin;
use plugin_kit::test::TestRuntime;
use serde_json::{Value, json};

use crate::settings::ClusterSettings;

#[derive(Default)]
struct Reader;

#[plugin(name = "reader")]
impl Reader {
    #[load]
    async fn load(&mut self, cx: &Context) -> Result<(), Error> {
        let read = ClusterSettings::read(cx).await?;
        assert!(!format!("{read:?}").contains("hunter2"));
        Ok(())
    }
}

fn refused(settings: Value) -> Option<String> {
    let mut rt = TestRuntime::new();
    rt.add::<Reader>(settings);
    let error = rt.start().err()?;
    assert_eq!(error.code(), "invalid_settings");
    Some(error.message().to_owned())
}

#[test]
fn a_mistake_names_the_key_the_value_and_what_is_allowed() {
    assert_eq!(refused(json!({})), None);
    let good = json!({"servers": ["nats://127.0.0.1:4222"], "name": "kitchen", "share": ["sensor.>"], "services": true});
    assert_eq!(refused(good.clone()), None);
    let wrong = [
        ("servers", json!(["not an address:x"]), "not an address:x"),
        ("name", json!("Kitchen"), "Kitchen"),
        ("name", json!("a-name-that-is-too-long"), "1 to 16"),
        ("cluster", json!("a.b"), "a.b"),
        ("share", json!(["runtime.>"]), "runtime.>"),
        ("share", json!(["state.changed.a"]), "state.changed.a"),
        ("receive", json!(["a..b"]), "a..b"),
        ("services", json!("all"), "all"),
        ("services", json!(["a.>.b"]), "a.>.b"),
        ("heartbeat_ms", json!(1), "50 to 60000"),
        ("lease_ms", json!(1), "1000 to 600000"),
        ("replicas", json!(9), "1 to 5"),
        ("queue", json!(0), "100 to 1000000"),
        ("ca", json!("/nowhere/ca.pem"), "/nowhere/ca.pem"),
        ("user_file", json!("/nowhere/user"), "/nowhere/user"),
        ("shares", json!([]), "shares is no setting"),
    ];
    for (key, value, part) in wrong {
        let mut settings = good.clone();
        settings[key] = value;
        let message = refused(settings).unwrap_or_else(|| panic!("{key} is taken"));
        assert!(message.contains(key) && message.contains(part), "{message}");
    }
    let message = refused(json!({"name": "kitchen"})).unwrap();
    assert!(message.contains("servers is not set"), "{message}");
}

#[test]
fn a_secret_is_read_from_a_file_that_nobody_else_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("user");
    std::fs::write(&file, "anna:hunter2\n").unwrap();
    let settings = json!({"servers": ["127.0.0.1:1"], "name": "kitchen", "user_file": file});
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    let message = refused(settings.clone()).unwrap();
    assert!(
        message.contains("644") && !message.contains("hunter2"),
        "{message}"
    );
    mode(0o600);
    assert_eq!(refused(settings.clone()), None);
    std::fs::write(&file, "hunter2\n").unwrap();
    let message = refused(settings.clone()).unwrap();
    assert!(
        message.contains("user:password") && !message.contains("hunter2"),
        "{message}"
    );
    let mut both = settings;
    both["nkey_file"] = json!(file);
    assert!(refused(both).unwrap().contains("one alone"));
}
