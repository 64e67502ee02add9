//! The six exit codes, a contract with scripts.

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// 0: done, or clean, or nothing to do.
    Done = 0,
    /// 1: the answer of a reading verb is "not clean"; never from a writing verb.
    NotClean = 1,
    /// 2: the request is wrong: usage, profile, input.
    Wrong = 2,
    /// 3: refused, nothing touched.
    Refused = 3,
    /// 4: failed, everything put back; or what had to be read could not be; or the report could not be written.
    Failed = 4,
    /// 5: failed, and the machine is left mixed; the keys are listed.
    Mixed = 5,
}

impl Exit {
    /// All six, with what each means, for help and documentation.
    pub const TABLE: [(Exit, &'static str); 6] = [
        (Exit::Done, "done, or clean, or nothing to do"),
        (
            Exit::NotClean,
            "a reading verb's answer is \"not clean\" (`diff`, `check`, `verify`, `status`, `where`, `doctor`); never from a writing verb",
        ),
        (Exit::Wrong, "the request is wrong: usage, profile, input"),
        (
            Exit::Refused,
            "refused, nothing touched: rights, lock, hold, moved, absent key, untrusted file, another file would win, unconfirmed, not what was approved",
        ),
        (
            Exit::Failed,
            "failed, everything put back; or what had to be read could not be; or the report could not be written, and standard error says how the verb ended",
        ),
        (
            Exit::Mixed,
            "failed, machine left mixed: keys and files are listed",
        ),
    ];

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}
