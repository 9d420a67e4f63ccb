//! The promise holds in every state of small worlds, which are explored whole.

use std::sync::Arc;

use lm_model::model::{Effort, Protocol};
use lm_model::runs::WHOLE;
use lm_model::setting::Cover;

#[test]
fn small_worlds_keep_the_promise() {
    for bounds in WHOLE.iter().take(7) {
        let cover = Arc::new(Cover::default());
        let found = Protocol::explore(bounds, None, &cover, Effort::WHOLE);
        assert!(found.whole && found.broken.is_none(), "{}: {found:?}", bounds.name);
    }
}
