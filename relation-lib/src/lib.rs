//! relation-lib
