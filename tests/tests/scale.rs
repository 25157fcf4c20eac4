//! Twenty runtimes at one NATS server: the short form of the program `scale`.

use std::time::Duration;

use tests::scale::Scale;

#[test]
fn twenty_runtimes_share_a_server_and_lose_nothing() {
    let scale = Scale {
        binary: tests::binary("host-std", "dev").unwrap(),
        runtimes: 20,
        together: 4,
        plugins: vec!["example".to_owned()],
        storage: true,
        time: Duration::from_secs(2),
    };
    let found = scale.run().unwrap();
    println!("{found:?}");
    assert!(found.published > 100, "so few are no load: {}", found.published);
    assert_eq!(found.arrived, found.published);
    // A leak of threads or memory would be far above.
    assert!(found.private < 64.0 * 1024.0, "{} KiB each", found.private);
}
