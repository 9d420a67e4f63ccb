//! Enumerations whose every value has a name in words and a place in a table of counts.

/// An enumeration with `ALL`, `COUNT`, `index` and, for each value, its words.
macro_rules! named {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $value:ident => $text:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$inner])* #[doc = $text] $value,)+ }

        impl $name {
            /// All values, in order.
            pub const ALL: &'static [Self] = &[$(Self::$value,)+];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();
            /// Its place in `ALL`.
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }
            /// What it is, in words.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$value => $text,)+ }
            }
        }
    };
}
pub(crate) use named;
