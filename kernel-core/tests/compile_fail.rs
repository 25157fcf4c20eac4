//! What a plugin cannot even write down.

#[test]
fn a_plugin_cannot_reach_around_the_contracts() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
