//! Decides, for each unit, which hook comes next.
