//! Passwords and TLS, and what is wrong with them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use tests::mqtt::{Broker, free_port};

use crate::support::{House, until};

/// A broker that wants a password, which is `secret` for `ann`.
fn guarded(more: &str) -> Broker {
    let lines = format!("allow_anonymous false\npassword_file FOLDER/passwords\n{more}");
    let mut broker = Broker::new(&lines).unwrap();
    let file = broker.folder().join("passwords");
    let made = Command::new("mosquitto_passwd")
        .args(["-b", "-c"])
        .arg(&file)
        .args(["ann", "secret"])
        .status();
    assert!(made.unwrap().success());
    broker.start_again().unwrap();
    broker
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn error_of(house: &House) -> String {
    until("the connection fails", || {
        house.status("mqtt")["connection"]["last_error"]
            .as_str()
            .map(str::to_owned)
    })
}

#[test]
fn a_password_that_is_wrong_or_readable_by_others_is_said_and_not_shown() {
    let broker = guarded("");
    for version in ["5", "3.1.1"] {
        let settings = format!(
            "broker = \"{}\"\nversion = \"{version}\"\nusername = \"ann\"\npassword_file = \"password\"\nreconnect_max_s = 1\n",
            broker.address()
        );
        let mut house = House::prepare(&[("mqtt", &settings)]);
        let file = house.0.folder().join("password");
        write(&file, "seecret\n", 0o600);
        house.0.start_again().unwrap();
        let error = error_of(&house);
        assert!(
            error.contains("refused the connection") && !error.contains("seecret"),
            "{error}"
        );
        write(&file, "secret\n", 0o644);
        until("the file's mode is refused", || {
            error_of(&house).contains("chmod 600").then_some(())
        });
        // It is read with each attempt.
        write(&file, "secret\n", 0o600);
        house.until_connected("mqtt");
    }
}

#[test]
fn a_password_of_the_environment() {
    let broker = guarded("");
    let settings = format!(
        "broker = \"{}\"\nusername = \"ann\"\npassword_env = \"BROKER_PASSWORD\"\n",
        broker.address()
    );
    let mut house = House::prepare(&[("mqtt", &settings)]);
    house.0.set_variable("BROKER_PASSWORD", "secret");
    house.0.start_again().unwrap();
    house.until_connected("mqtt");
}

/// An authority, and a certificate of it for this machine, as files.
fn certificates(folder: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    fs::write(folder.join("certificate.pem"), certificate.pem()).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
}

#[test]
fn tls_with_an_authority_of_ones_own() {
    let mut broker =
        Broker::new("allow_anonymous true\ncertfile FOLDER/certificate.pem\nkeyfile FOLDER/key.pem\n")
            .unwrap();
    certificates(broker.folder());
    broker.start_again().unwrap();
    let ca = broker.folder().join("ca.pem");
    for (version, host) in [("5", "localhost"), ("3.1.1", "127.0.0.1")] {
        let settings = format!(
            "broker = \"mqtts://{host}:{}\"\nversion = \"{version}\"\nca_file = \"{}\"\n",
            broker.port(),
            ca.display()
        );
        let house = House::start(&[("mqtt", &settings)]);
        house.until_connected("mqtt");
        let message = json!({"topic": "a", "payload": "x".repeat(40_000), "qos": 2});
        house.call("mqtt.publish", &message).unwrap();
    }
    // The system does not know this authority.
    let settings = format!("broker = \"mqtts://localhost:{}\"\n", broker.port());
    let house = House::start(&[("mqtt", &settings)]);
    let error = error_of(&house);
    assert!(error.contains("TLS") || error.contains("ca_file"), "{error}");
    // And another name is not in its certificate.
    let settings = format!(
        "broker = \"mqtts://127.0.0.2:{}\"\nca_file = \"{}\"\n",
        free_port().unwrap(),
        ca.display()
    );
    let house = House::start(&[("mqtt", &settings)]);
    assert!(error_of(&house).contains("cannot be reached"));
}

#[test]
fn a_mistake_in_the_configuration_names_the_key_and_the_known() {
    let house = House::prepare(&[("mqtt", "")]);
    let file = house.0.folder().join("runtime.toml");
    fs::write(&file, "[plugins.garage]\nis = \"mqqt\"\n").unwrap();
    let output = house.0.shell(&format!(
        "RUNTIME_CONFIG={} timeout 60 \"$CORE_RUNTIME\"",
        file.display()
    ));
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        said.contains("plugins.garage.is is \"mqqt\"") && said.contains("mqtt"),
        "{said}"
    );
}
