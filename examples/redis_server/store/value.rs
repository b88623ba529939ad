//! What a key may hold.

use super::SortedSet;
use indexmap::{IndexMap, IndexSet};
use std::collections::VecDeque;

pub(crate) type Bytes = Box<[u8]>;

pub(crate) type List = VecDeque<Bytes>;
// These keep their elements in a row, where one can be picked at random.
pub(crate) type Hash = IndexMap<Bytes, Vec<u8>>;
pub(crate) type Set = IndexSet<Bytes>;

/// Strings are what there is most of; the others are boxed, so that an entry is small.
pub(crate) enum Value {
    String(Vec<u8>),
    List(Box<List>),
    Hash(Box<Hash>),
    Set(Box<Set>),
    SortedSet(Box<SortedSet>),
}

impl Value {
    /// As `TYPE` has it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Value::String(_) => "string",
            Value::List(_) => "list",
            Value::Hash(_) => "hash",
            Value::Set(_) => "set",
            Value::SortedSet(_) => "zset",
        }
    }
}

/// A type of value.
pub(crate) trait Kind: Sized {
    /// An empty one.
    fn create() -> Value;
    fn of(value: &mut Value) -> Option<&mut Self>;
    fn look(value: &Value) -> Option<&Self>;
    fn has_no_elements(&self) -> bool;
}

impl Kind for Vec<u8> {
    fn create() -> Value {
        Value::String(Vec::new())
    }

    fn of(value: &mut Value) -> Option<&mut Vec<u8>> {
        if let Value::String(string) = value { Some(string) } else { None }
    }

    fn look(value: &Value) -> Option<&Vec<u8>> {
        if let Value::String(string) = value { Some(string) } else { None }
    }

    /// A string without a byte is still one.
    fn has_no_elements(&self) -> bool {
        false
    }
}

macro_rules! collections {
    ($($name:ident)*) => {$(
        impl Kind for $name {
            fn create() -> Value {
                Value::$name(Box::default())
            }

            fn of(value: &mut Value) -> Option<&mut $name> {
                if let Value::$name(collection) = value { Some(collection) } else { None }
            }

            fn look(value: &Value) -> Option<&$name> {
                if let Value::$name(collection) = value { Some(collection) } else { None }
            }

            fn has_no_elements(&self) -> bool {
                self.is_empty()
            }
        }
    )*};
}

collections! { List Hash Set SortedSet }

/// Of a list; of a sorted set, the lowest and the highest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Front,
    Back,
}

impl End {
    pub(crate) fn push(self, list: &mut List, element: Bytes) {
        match self {
            End::Front => list.push_front(element),
            End::Back => list.push_back(element),
        }
    }

    pub(crate) fn pop(self, list: &mut List) -> Option<Bytes> {
        match self {
            End::Front => list.pop_front(),
            End::Back => list.pop_back(),
        }
    }
}
