//! Databags in words: decoded, both sides, with what is wrong on them.
