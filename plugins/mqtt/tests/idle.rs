//! Without a broker. It looks at the threads of its process, in which it is alone.

use mqtt::Mqtt;
use plugin_kit::test::TestRuntime;
use serde_json::{Value, json};

#[test]
fn without_a_broker_it_is_idle_and_says_what_to_do() {
    let mut rt = TestRuntime::new();
    rt.add::<Mqtt>(());
    rt.start().unwrap();
    let status = rt.call("mqtt.status", &()).unwrap();
    assert_eq!(
        (&status["broker"], &status["connected"]),
        (&Value::Null, &json!(false))
    );
    let error = rt.call("mqtt.publish", &json!({"topic": "a"})).unwrap_err();
    assert_eq!(error.code(), "no_broker");
    assert!(error.message().contains("broker = "), "{error}");
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let names = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    assert_eq!(names.filter(|name| name.trim() == "mqtt").count(), 0);
}
