//! Lists that need no memory of their own: each thing in one knows who comes next.

use std::cell::Cell;

/// What may be in a list, one at a time.
pub(crate) trait Linked: Copy {
    fn link(&self) -> &Cell<Option<Self>>;
}

/// First in, first out.
pub(crate) struct List<T> {
    head: Option<T>,
    tail: Option<T>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        List { head: None, tail: None }
    }
}

impl<T: Linked> List<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    pub(crate) fn first(&self) -> Option<T> {
        self.head
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, item: T) {
        item.link().set(None);
        match self.tail.replace(item) {
            Some(tail) => tail.link().set(Some(item)),
            None => self.head = Some(item),
        }
    }

    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<T> {
        let item = self.head?;
        self.head = item.link().take();
        if self.head.is_none() {
            self.tail = None;
        }
        Some(item)
    }
}

/// From the first on; they are in the list no more.
impl<T: Linked> Iterator for List<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.pop()
    }
}
