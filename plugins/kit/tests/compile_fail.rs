//! What the compiler says of a plugin that is not well written.

#[test]
fn misuse_is_said_where_it_is() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
