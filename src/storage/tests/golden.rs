//! Bytes of former releases: what they wrote opens for ever.

use crate::storage::anchor::{self, Anchor, Found};
use crate::storage::image::{Identity, Parsed, parse};
use crate::storage::{Contents, SoftwareSealer};

const STORE_ID: [u8; 16] = *b"golden store 0.1";

/// Written by version 0.1: an image, without the zeros behind it, and an anchor.
const IMAGE_0_1: &[u8] = include_bytes!("golden/image-0.1");
const ANCHOR_0_1: &[u8] = include_bytes!("golden/anchor-0.1");

#[test]
fn an_image_and_an_anchor_of_version_0_1_open() {
    let sealer = SoftwareSealer::new("Acme", "ortho").unwrap();
    let Parsed::Whole(image) = parse(IMAGE_0_1, &sealer) else {
        panic!("the image doesn't open");
    };
    let identity = |inode| Identity { device: 0x801, inode, born: 1_700_000_000_123_456_789 };
    let mut contents = Contents::default();
    contents.set(1, b"a record".to_vec());
    contents.set(0xFFFF_FFFF, (0..=255).collect());
    assert_eq!(image.frame.store_id, STORE_ID);
    assert_eq!((image.frame.format, image.frame.oldest_reader), (1, 1));
    assert_eq!((image.generation, image.first), (41, 1));
    assert_eq!(image.identities, [identity(11), identity(12)]);
    assert_eq!(image.contents, contents);

    let expected = Anchor { store_id: STORE_ID, generation: 41, birth: false };
    assert_eq!(anchor::parse(Some(ANCHOR_0_1)), Found::Standing(expected));
}
