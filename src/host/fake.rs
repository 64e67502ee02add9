//! A kernel for the pure laws, and for what no kernel does on demand.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;

use crate::model::along::set_along;
use crate::model::key::Key;
use crate::model::value::Value;

use super::kernel::{Kernel, Open};

/// Keys in memory, which set others along as those of the kernel do, with tricks.
#[derive(Debug, Default)]
pub struct FakeKernel {
    /// What it holds.
    pub values: RefCell<BTreeMap<Key, Value>>,
    /// Keys that hold something else than what is written.
    pub twisted: BTreeSet<Key>,
    /// Keys that refuse every write.
    pub refusing: BTreeSet<Key>,
    /// Keys that refuse every write after they were written this often.
    pub worn: RefCell<BTreeMap<Key, usize>>,
    /// Writing the first key changes the second one to this value.
    pub coupled: Option<(Key, Key, Value)>,
    /// Every write that got through, in order.
    pub writes: RefCell<Vec<(Key, Value)>>,
}

impl FakeKernel {
    /// A kernel that holds these values.
    pub fn holding(values: BTreeMap<Key, Value>) -> Self {
        Self {
            values: RefCell::new(values),
            ..Self::default()
        }
    }
}

impl Kernel for FakeKernel {
    fn read(&self, key: &Key) -> io::Result<Value> {
        self.values
            .borrow()
            .get(key)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn open(&self, key: &Key) -> io::Result<Rc<dyn Open + '_>> {
        let kernel = self;
        let key = key.clone();
        self.read(&key)?;
        Ok(Rc::new(OpenFake { kernel, key }))
    }

    fn names(&self, directory: &str) -> io::Result<Vec<String>> {
        let values = self.values.borrow();
        let below = values.keys().filter_map(|key| {
            let rest = key.as_str().strip_prefix(directory)?.strip_prefix('.')?;
            rest.split('.').next().map(str::to_owned)
        });
        Ok(below.collect())
    }
}

struct OpenFake<'k> {
    kernel: &'k FakeKernel,
    key: Key,
}

impl Open for OpenFake<'_> {
    fn read(&self) -> io::Result<Value> {
        self.kernel.read(&self.key)
    }

    fn write(&self, value: &Value) -> io::Result<()> {
        let Self { kernel, key } = self;
        if let Some(left) = kernel.worn.borrow_mut().get_mut(key) {
            *left = left.checked_sub(1).ok_or(io::ErrorKind::InvalidInput)?;
        }
        if kernel.refusing.contains(key) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let stored = if kernel.twisted.contains(key) {
            Value::new("666")
        } else {
            value.clone()
        };
        let before = kernel.values.borrow_mut().insert(key.clone(), stored);
        if before.as_ref() != Some(value) {
            for (other, holds) in kernel.values.borrow_mut().iter_mut() {
                holds.clone_from(&set_along(key, value, other).unwrap_or(holds.clone()));
            }
        }
        kernel
            .writes
            .borrow_mut()
            .push((key.clone(), value.clone()));
        if let Some((cause, effect, value)) = &kernel.coupled
            && cause == key
        {
            kernel
                .values
                .borrow_mut()
                .insert(effect.clone(), value.clone());
        }
        Ok(())
    }
}
