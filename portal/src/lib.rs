//! The Licensing Portal.
