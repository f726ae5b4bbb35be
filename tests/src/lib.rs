//! Tests of the project as a whole. They are in `tests/it`, one binary; this library is empty.
