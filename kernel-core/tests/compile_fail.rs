//! What a plugin cannot even write down, and what the compiler says to it.

// With all features, because the compiler says more of a name that stands for two types.
#[cfg(all(feature = "large", feature = "messages"))]
#[test]
fn a_plugin_cannot_reach_around_the_contracts() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
