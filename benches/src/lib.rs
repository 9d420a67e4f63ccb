//! Measurements of lm.
