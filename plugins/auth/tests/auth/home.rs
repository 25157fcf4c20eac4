//! A runtime with users and keys.

use auth::Auth;
use plugin_kit::kernel_core::Error;
use plugin_kit::test::TestRuntime;
use serde_json::{Value, json};
use users::Users;

/// Where honest clients come from.
pub(crate) const PEER: &str = "192.0.2.7:50123";

pub(crate) struct Home {
    pub(crate) rt: TestRuntime,
}

impl Home {
    pub(crate) fn new() -> Home {
        Home::with(json!({}))
    }

    /// With these settings of `auth`.
    pub(crate) fn with(settings: Value) -> Home {
        let mut rt = TestRuntime::new();
        rt.add::<Users>(());
        rt.add::<Auth>(settings);
        rt.start().unwrap();
        Home { rt }
    }

    pub(crate) fn call(&mut self, service: &str, args: Value) -> Result<Value, Error> {
        self.rt.call(service, &args)
    }

    pub(crate) fn ok(&mut self, service: &str, args: Value) -> Value {
        match self.call(service, args) {
            Ok(reply) => reply,
            Err(error) => panic!("{service}: {error}"),
        }
    }

    pub(crate) fn code(&mut self, service: &str, args: Value) -> String {
        match self.call(service, args) {
            Ok(reply) => panic!("{service} answered {reply}"),
            Err(error) => error.code().to_owned(),
        }
    }

    /// A user whose role has these scopes.
    pub(crate) fn user(&mut self, id: &str, scopes: &[&str]) {
        let role = format!("r-{id}");
        self.ok("users.set_role", json!({"role": role, "scopes": scopes}));
        self.ok(
            "users.create",
            json!({"id": id, "name": format!("The user {id}"), "roles": [role]}),
        );
    }

    /// A key of that user: what it is known by, and the key.
    pub(crate) fn key(&mut self, user: &str, scopes: &[&str]) -> (String, String) {
        let made = self.ok(
            "auth.create_key",
            json!({"user": user, "name": "test", "scopes": scopes}),
        );
        (text(&made["key_id"]), text(&made["key"]))
    }

    pub(crate) fn check(&mut self, key: &str, peer: &str) -> Result<Value, Error> {
        self.call("access.check", json!({"key": key, "peer": peer}))
    }

    /// Whether a key of the user may call the service, or why not.
    pub(crate) fn allow(
        &mut self,
        user: &str,
        key_id: &str,
        service: &str,
        args: Value,
    ) -> Result<(), String> {
        let asked = json!({"subject": user, "key_id": key_id, "service": service, "args": args});
        match self.call("access.allow", asked) {
            Ok(reply) => {
                assert_eq!(reply, true);
                Ok(())
            }
            Err(error) => {
                assert_eq!(error.code(), "denied", "{error}");
                Err(error.message().to_owned())
            }
        }
    }

    /// Publishes an event as the operator.
    pub(crate) fn publish(&mut self, topic: &str, payload: &Value) {
        self.rt.publish(topic, payload).unwrap();
    }

    pub(crate) fn restart(&mut self) {
        self.rt.stop().unwrap();
        self.rt.start().unwrap();
    }

    /// The audit log: `what subject count`.
    pub(crate) fn audit(&mut self) -> Vec<String> {
        let page = self.ok("auth.audit", json!({}));
        assert_eq!(page["next"], Value::Null);
        let line = |entry: &Value| {
            format!("{} {} {}", entry["what"], entry["subject"], entry["count"]).replace('"', "")
        };
        page["entries"].as_array().unwrap().iter().map(line).collect()
    }

    /// All that anybody could read somewhere: what is stored, published, logged, and in the state.
    pub(crate) fn traces(&self) -> String {
        let rows =
            ["auth", "auth_audit", "users", "users_roles"].map(|space| format!("{:?}", self.rt.rows(space)));
        format!("{rows:?} {:?} {:?}", self.rt.published(), self.rt.logs())
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
