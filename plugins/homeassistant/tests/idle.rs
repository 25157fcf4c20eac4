//! Without a broker, and with settings that are wrong. It looks at the threads of its process, in which it is alone.

use homeassistant::HomeAssistant;
use plugin_kit::test::TestRuntime;
use serde_json::json;

#[test]
fn without_a_broker_it_is_idle_and_mistakes_are_named() {
    let mut rt = TestRuntime::new();
    rt.add::<HomeAssistant>(());
    rt.start().unwrap();
    let status = rt.call("homeassistant.status", &()).unwrap();
    assert_eq!(
        (&status["configured"], &status["connected"]),
        (&json!(false), &json!(false))
    );
    let command = json!({"external_id": "homeassistant-1", "command": "turn_on", "params": {"on": true}});
    rt.publish("internal.device_command_requested", &command).unwrap();
    assert_eq!(rt.published(), []);
    for (settings, why) in [
        (
            json!({"broker": "mqtt://a", "base_topic": "a/b"}),
            "base_topic is \"a/b\"; allowed is 1 to 100 letters",
        ),
        (
            json!({"broker": "mqtt://a", "exclude": "lamp"}),
            "exclude is \"lamp\"; allowed is a list",
        ),
        (
            json!({"broker": "mqtt://a", "report_seconds": 0}),
            "report_seconds is 0; allowed is a whole number from 1",
        ),
        (json!({"broker": "mqtt://a:b"}), "broker is"),
        (
            json!({"broker": "mqtt://a", "topic": "x"}),
            "topic is no setting; there are: broker",
        ),
    ] {
        let mut rt = TestRuntime::new();
        rt.add::<HomeAssistant>(settings.clone());
        let error = rt.start().unwrap_err();
        assert!(error.message().contains(why), "{settings}: {error}");
    }
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let names = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    assert_eq!(names.filter(|name| name.trim() == "mqtt").count(), 0);
}
