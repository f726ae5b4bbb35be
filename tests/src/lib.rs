//! twoway-tests
