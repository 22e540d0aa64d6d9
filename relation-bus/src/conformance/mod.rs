//! Recorded cases: one event in the life of one unit, and what the reference did.
