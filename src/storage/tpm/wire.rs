//! TPM 2.0 commands as bytes, and answers out of bytes. Pure.
//!
//! After the TCG's "Trusted Platform Module Library", family 2.0: part 1 (18.5, sessions by
//! password), part 2 (structures and constants), part 3 (one section a command). All numbers are
//! big-endian. What comes from the device is bounded and believed in nothing but its meaning: a
//! length that doesn't fit is no answer.
#![forbid(unsafe_code)]

use zeroize::Zeroizing;

/// The longest answer that is read: `TPM2_MAX_RESPONSE_SIZE` of the usual chips.
pub(crate) const RESPONSE_MAX: usize = 4096;

/// Part 2, 7.4: handles that stand for ever.
pub(super) const OWNER: u32 = 0x4000_0001;
pub(super) const ENDORSEMENT: u32 = 0x4000_000B;
const PASSWORD: u32 = 0x4000_0009;

/// Part 2, 6.5.2: the commands.
const NV_UNDEFINE_SPACE: u32 = 0x122;
const NV_DEFINE_SPACE: u32 = 0x12A;
const CREATE_PRIMARY: u32 = 0x131;
const NV_INCREMENT: u32 = 0x134;
const NV_READ: u32 = 0x14E;
const CREATE: u32 = 0x153;
const LOAD: u32 = 0x157;
const UNSEAL: u32 = 0x15E;
const FLUSH_CONTEXT: u32 = 0x165;
const NV_READ_PUBLIC: u32 = 0x169;

/// Part 2, 6.9: tags of a command without and with sessions.
const NO_SESSIONS: u16 = 0x8001;
const SESSIONS: u16 = 0x8002;

/// Part 2, 6.3: algorithms; the curve is of 6.4.
const AES: u16 = 0x0006;
const KEYED_HASH: u16 = 0x0008;
const SHA256: u16 = 0x000B;
const NONE: u16 = 0x0010;
const ECC: u16 = 0x0023;
const CFB: u16 = 0x0043;
const P256: u16 = 0x0003;

/// Part 2, 8.3: of a key that only wraps others: `fixedTPM`, `fixedParent`, `sensitiveDataOrigin`,
/// `userWithAuth`, `noDA`, `restricted`, `decrypt`.
const STORAGE_KEY: u32 = 0x0003_0472;
/// Of sealed data: `fixedTPM`, `fixedParent`, `userWithAuth`, `noDA`.
const SEALED_DATA: u32 = 0x0000_0452;
/// Part 2, 13.4: a counter that its own password reads and raises and that no wrong password locks:
/// `AUTHWRITE`, `COUNTER`, `AUTHREAD`, `NO_DA`.
const COUNTER: u32 = 0x0204_0014;
/// Set by the TPM once a counter was raised.
const WRITTEN: u32 = 0x2000_0000;
const COUNTER_LEN: u16 = 8;

/// Why a command gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The TPM's response code, that of a handle, session or parameter without which one it was.
    Code(u32),
    /// Not what the specification says an answer is.
    Malformed,
}

/// Part 2, 6.6: `TPM_RC_HANDLE`: nothing stands under this handle.
pub(super) const NO_SUCH_HANDLE: Refusal = Refusal::Code(0x08B);
/// `TPM_RC_AUTH_FAIL`, `TPM_RC_BAD_AUTH`: the wrong password, with and without a lockout to come.
pub(super) const WRONG_PASSWORD: [Refusal; 2] = [Refusal::Code(0x08E), Refusal::Code(0x0A2)];
/// `TPM_RC_INTEGRITY`: another TPM made this object, or this one before it was cleared.
pub(super) const NOT_OF_THIS_TPM: Refusal = Refusal::Code(0x09F);
/// `TPM_RC_NV_UNINITIALIZED`: a counter that was never raised.
pub(super) const NEVER_RAISED: Refusal = Refusal::Code(0x14A);

/// A command or an answer; wiped, since some hold secrets.
pub(super) type Bytes = Zeroizing<Vec<u8>>;

struct Writer(Bytes);

impl Writer {
    fn new() -> Self {
        // Reserved whole, so that no copy is left behind by a vector that grows.
        Self(Zeroizing::new(Vec::with_capacity(RESPONSE_MAX)))
    }

    fn u16(mut self, n: u16) -> Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    fn u32(mut self, n: u32) -> Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A `TPM2B`: its length before it.
    fn sized(self, bytes: &[u8]) -> Self {
        self.u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX)).raw(bytes)
    }
}

/// A command whose first handle is used by a password.
fn authorized(code: u32, handles: &[u32], password: &[u8], parameters: &[u8]) -> Bytes {
    // Session, nonce, attributes, password.
    let session = 4 + 2 + 1 + 2 + password.len();
    let out = handles.iter().fold(Writer::new(), |out, handle| out.u32(*handle));
    let out = out.u32(len32(session)).u32(PASSWORD).u16(0).raw(&[0]).sized(password);
    whole(SESSIONS, code, &out.raw(parameters).0)
}

fn whole(tag: u16, code: u32, body: &[u8]) -> Bytes {
    Writer::new().u16(tag).u32(len32(10 + body.len())).u32(code).raw(body).0
}

fn len32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Part 3, 24.1: the storage key of a hierarchy; the same each time, since it is computed from the
/// hierarchy's seed and this template.
pub(super) fn create_primary(hierarchy: u32) -> Bytes {
    let key = Writer::new().u16(ECC).u16(SHA256).u32(STORAGE_KEY).sized(&[]);
    let key = key.u16(AES).u16(128).u16(CFB).u16(NONE).u16(P256).u16(NONE);
    let key = key.sized(&[]).sized(&[]);
    authorized(CREATE_PRIMARY, &[hierarchy], &[], &creation(&[], &key.0))
}

/// Part 3, 12.1: an object that holds `secret`.
pub(super) fn create(parent: u32, secret: &[u8]) -> Bytes {
    let public = Writer::new().u16(KEYED_HASH).u16(SHA256).u32(SEALED_DATA).sized(&[]);
    let public = public.u16(NONE).sized(&[]);
    authorized(CREATE, &[parent], &[], &creation(secret, &public.0))
}

/// Secret part (no password), public part, nothing outside, no platform registers.
fn creation(secret: &[u8], public: &[u8]) -> Bytes {
    let sensitive = Writer::new().sized(&[]).sized(secret);
    Writer::new().sized(&sensitive.0).sized(public).sized(&[]).u32(0).0
}

/// Part 3, 12.2: `object` is private and public part, as [`created`] gave them.
pub(super) fn load(parent: u32, object: &[u8]) -> Bytes {
    authorized(LOAD, &[parent], &[], object)
}

/// Part 3, 12.7.
pub(super) fn unseal(object: u32) -> Bytes {
    authorized(UNSEAL, &[object], &[], &[])
}

/// Part 3, 28.4.
pub(super) fn flush_context(handle: u32) -> Bytes {
    whole(NO_SESSIONS, FLUSH_CONTEXT, &handle.to_be_bytes())
}

/// Part 3, 31.3: room for a counter with this password.
pub(super) fn nv_define_counter(index: u32, password: &[u8]) -> Bytes {
    let public = Writer::new().u32(index).u16(SHA256).u32(COUNTER).sized(&[]).u16(COUNTER_LEN);
    authorized(NV_DEFINE_SPACE, &[OWNER], &[], &Writer::new().sized(password).sized(&public.0).0)
}

/// Part 3, 31.4.
pub(super) fn nv_undefine(index: u32) -> Bytes {
    authorized(NV_UNDEFINE_SPACE, &[OWNER, index], &[], &[])
}

/// Part 3, 31.6.
pub(super) fn nv_read_public(index: u32) -> Bytes {
    whole(NO_SESSIONS, NV_READ_PUBLIC, &index.to_be_bytes())
}

/// Part 3, 31.8.
pub(super) fn nv_increment(index: u32, password: &[u8]) -> Bytes {
    authorized(NV_INCREMENT, &[index, index], password, &[])
}

/// Part 3, 31.13.
pub(super) fn nv_read_counter(index: u32, password: &[u8]) -> Bytes {
    let whole = Writer::new().u16(COUNTER_LEN).u16(0);
    authorized(NV_READ, &[index, index], password, &whole.0)
}

/// What follows the head of an answer. Part 1, 16.
fn body(response: &[u8]) -> Result<Reader<'_>, Refusal> {
    let mut reader = Reader(response);
    let (tag, len, code) = (reader.u16()?, reader.u32()?, reader.u32()?);
    if usize::try_from(len) != Ok(response.len()) || response.len() > RESPONSE_MAX {
        return Err(Refusal::Malformed);
    }
    match (tag, code) {
        (NO_SESSIONS | SESSIONS, 0) => Ok(reader),
        // A TPM 1.2 and a busy driver answer with tags of their own.
        (_, 0) => Err(Refusal::Malformed),
        // Format 1 (part 2, 6.6.2) says in bits 6 and 8 to 11 which handle, session or parameter it
        // was: left out, so that one cause has one number.
        (_, code) if code & 0x80 != 0 => Err(Refusal::Code(code & 0xBF)),
        (_, code) => Err(Refusal::Code(code)),
    }
}

/// The parameters of an answer with sessions; what follows them is the password session's and
/// empty.
fn parameters<'a>(mut reader: Reader<'a>) -> Result<Reader<'a>, Refusal> {
    let len = reader.u32()?;
    reader.take(usize::try_from(len).map_err(|_| Refusal::Malformed)?).map(Reader)
}

/// That a command was obeyed.
pub(super) fn done(response: &[u8]) -> Result<(), Refusal> {
    body(response).map(|_| ())
}

/// Handle and public part of [`create_primary`]. The latter tells chips apart.
pub(super) fn primary(response: &[u8]) -> Result<(u32, &[u8]), Refusal> {
    let mut reader = body(response)?;
    let handle = reader.u32()?;
    Ok((handle, parameters(reader)?.sized()?))
}

/// The handle of [`load`].
pub(super) fn handle(response: &[u8]) -> Result<u32, Refusal> {
    body(response)?.u32()
}

/// Private and public part of what [`create`] made, each after its length.
pub(super) fn created(response: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut reader = parameters(body(response)?)?;
    let (private, public) = (reader.sized()?, reader.sized()?);
    Ok(Writer::new().sized(private).sized(public).0.to_vec())
}

/// The secret of [`unseal`].
pub(super) fn unsealed(response: &[u8]) -> Result<Bytes, Refusal> {
    let mut reader = parameters(body(response)?)?;
    Ok(Zeroizing::new(reader.sized()?.to_vec()))
}

/// The number of [`nv_read_counter`].
pub(super) fn counter(response: &[u8]) -> Result<u64, Refusal> {
    let mut reader = parameters(body(response)?)?;
    let bytes = reader.sized()?.try_into().map_err(|_| Refusal::Malformed)?;
    Ok(u64::from_be_bytes(bytes))
}

/// Whether [`nv_read_public`] shows a counter as [`nv_define_counter`] makes one.
pub(super) fn is_our_kind(response: &[u8]) -> Result<bool, Refusal> {
    let mut reader = body(response)?;
    let mut public = Reader(reader.sized()?);
    let (_, algorithm, attributes) = (public.u32()?, public.u16()?, public.u32()?);
    let (policy, len) = (public.sized()?, public.u16()?);
    let kind = (algorithm, attributes & !WRITTEN, len) == (SHA256, COUNTER, COUNTER_LEN);
    Ok(kind && policy.is_empty())
}

#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Refusal> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Refusal::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16, Refusal> {
        let bytes = self.take(2)?.try_into().map_err(|_| Refusal::Malformed)?;
        Ok(u16::from_be_bytes(bytes))
    }

    fn u32(&mut self) -> Result<u32, Refusal> {
        let bytes = self.take(4)?.try_into().map_err(|_| Refusal::Malformed)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn sized(&mut self) -> Result<&'a [u8], Refusal> {
        let len = self.u16()?;
        self.take(len.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer with this tag, code and rest.
    fn response(tag: u16, code: u32, rest: &[u8]) -> Bytes {
        whole(tag, code, rest)
    }

    #[test]
    fn a_command_is_laid_out_as_the_specification_has_it() {
        // TPM2_NV_Increment of index 0x01800001 by the password "pw".
        let expected = [
            &[0x80, 0x02, 0, 0, 0, 33, 0, 0, 0x01, 0x34][..],
            &[0x01, 0x80, 0, 1, 0x01, 0x80, 0, 1],
            &[0, 0, 0, 11, 0x40, 0, 0, 9, 0, 0, 0, 0, 2, b'p', b'w'],
        ];
        assert_eq!(nv_increment(0x0180_0001, b"pw").as_slice(), expected.concat());
        let expected = [0x80, 0x01, 0, 0, 0, 14, 0, 0, 0x01, 0x65, 0x80, 0, 0, 7];
        assert_eq!(flush_context(0x8000_0007).as_slice(), expected);
    }

    #[test]
    fn one_cause_has_one_number_whichever_handle_or_parameter_it_was() {
        for (code, expected) in [
            (0x18B, NO_SUCH_HANDLE),
            (0x28B, NO_SUCH_HANDLE),
            (0x98E, WRONG_PASSWORD[0]),
            (0x9A2, WRONG_PASSWORD[1]),
            (0x1DF, NOT_OF_THIS_TPM),
            (0x14A, NEVER_RAISED),
        ] {
            assert_eq!(done(&response(NO_SESSIONS, code, &[])), Err(expected), "{code:x}");
        }
        assert_eq!(done(&response(0x00C4, 0, &[])), Err(Refusal::Malformed), "a TPM 1.2");
    }

    #[test]
    fn a_counters_answer_is_read_and_a_length_that_does_not_fit_is_none() {
        let rest = Writer::new().u32(10).sized(&7_u64.to_be_bytes()).raw(&[0; 5]);
        let whole = response(SESSIONS, 0, &rest.0);
        assert_eq!(counter(&whole), Ok(7));
        for len in 0..whole.len() {
            assert_eq!(counter(&whole[..len]), Err(Refusal::Malformed), "{len} bytes");
        }
        for at in [2, 5, 10, 13, 14, 15] {
            let mut wrong = whole.clone();
            wrong[at] ^= 0x40;
            assert_eq!(counter(&wrong), Err(Refusal::Malformed), "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_device_answers_is_an_answer_or_none(
            rest in proptest::collection::vec(any::<u8>(), 0..200),
            code in prop_oneof![3 => Just(0_u32), 1 => any::<u32>()],
            cut in 0..300_usize,
        ) {
            let mut bytes = response(SESSIONS, code, &rest);
            bytes.truncate(cut);
            let object = created(&bytes);
            if let Ok(object) = &object {
                prop_assert!(object.len() <= rest.len());
            }
            let read = [
                done(&bytes).is_ok(),
                handle(&bytes).is_ok(),
                primary(&bytes).is_ok_and(|(_, public)| public.len() <= rest.len()),
                object.is_ok(),
                unsealed(&bytes).is_ok_and(|secret| secret.len() <= rest.len()),
                counter(&bytes).is_ok(),
                is_our_kind(&bytes).is_ok(),
            ];
            // Nothing is made of a refusal or of an answer that is cut off.
            if code != 0 || bytes.len() < 10 + rest.len() {
                prop_assert_eq!(read, [false; 7]);
            }
        }
    }
}
