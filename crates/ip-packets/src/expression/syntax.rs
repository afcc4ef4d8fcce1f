//! What an expression consists of, before it means anything.

use alloc::string::String;
use alloc::vec::Vec;

/// Where something starts, in bytes from the start of the text. All places are alike when compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(pub(super) usize);

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

/// What stands between slashes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Part {
    Text(Vec<u8>, Place),
    Call(Call),
}

/// A name with arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Call {
    /// In lower case.
    pub(super) name: String,
    pub(super) at: Place,
    pub(super) arguments: Vec<Argument>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Argument {
    /// In lower case; `None` if it is told by its position.
    pub(super) name: Option<String>,
    /// Where the name starts, or the value if it has none.
    pub(super) at: Place,
    pub(super) value: Value,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Value {
    pub(super) at: Place,
    pub(super) kind: ValueKind,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum ValueKind {
    Word(String),
    Text(Vec<u8>),
    List(Vec<Value>),
    Call(Call),
}
