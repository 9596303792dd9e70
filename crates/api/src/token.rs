//! Tokens: JWTs, signed with HMAC-SHA-256 and nothing else, whatever a token claims of itself. Those of collectors and
//! those of people differ in their audience, and never pass for one another.
//!
//! A token names the key that signed it; keys that signed before are still believed, new ones never come from them.
//! Whether a token was revoked is not written in it: its epoch is compared with the collector's, its session is looked up.

use anyhow::{Result, anyhow};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::digest::sha256;

const COLLECTOR: &str = "collector";
const PERSON: &str = "user";
pub const LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long after its end a token may still be exchanged for a new one: an outage never needs an admin.
pub const GRACE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Of people's: short, as each session renews its own.
pub const ACCESS: SignedDuration = SignedDuration::from_mins(15);
/// Clocks differ.
const LEEWAY_S: i64 = 30;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    pub sub: Uuid,
    pub aud: String,
    pub iat: i64,
    pub exp: i64,
    pub epoch: i32,
}

/// What a person's token says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Access {
    pub sub: Uuid,
    pub aud: String,
    pub iat: i64,
    pub exp: i64,
    pub session: Uuid,
}

/// Which of the keys it is, without saying anything about it.
struct Key {
    id: String,
    sign: EncodingKey,
    verify: DecodingKey,
}

pub struct Keys {
    current: Key,
    previous: Vec<Key>,
}

impl Keys {
    pub fn new(signing: &SecretString, previous: &[SecretString]) -> Keys {
        // Refused when somebody installed one before, which can only be this one.
        let _ = PROVIDER.install_default();
        Keys { current: Key::new(signing), previous: previous.iter().map(Key::new).collect() }
    }

    /// A collector's token, and when it ends.
    pub fn issue(&self, collector: Uuid, epoch: i32, now: Timestamp) -> Result<(String, Timestamp)> {
        let until = now.checked_add(LIFE)?;
        let claims = Claims {
            sub: collector,
            aud: COLLECTOR.to_owned(),
            iat: now.as_second(),
            exp: until.as_second(),
            epoch,
        };
        Ok((self.sign(&claims)?, Timestamp::from_second(until.as_second())?))
    }

    /// A person's token, and when it ends.
    pub fn issue_access(&self, user: Uuid, session: Uuid, now: Timestamp) -> Result<(String, Timestamp)> {
        let until = now.checked_add(ACCESS)?;
        let claims = Access {
            sub: user,
            aud: PERSON.to_owned(),
            iat: now.as_second(),
            exp: until.as_second(),
            session,
        };
        Ok((self.sign(&claims)?, Timestamp::from_second(until.as_second())?))
    }

    fn sign(&self, claims: &impl Serialize) -> Result<String> {
        let header = Header { kid: Some(self.current.id.clone()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, claims, &self.current.sign)
            .map_err(|_| anyhow!("signing a token failed"))
    }

    /// What a collector's token says, if it is one of ours and ended no longer ago than `grace`.
    pub fn read(&self, token: &str, now: Timestamp, grace: SignedDuration) -> Result<Claims, Refusal> {
        let claims: Claims = self.verified(token, COLLECTOR)?;
        in_time(claims.exp, now, grace).map(|()| claims)
    }

    pub fn read_access(&self, token: &str, now: Timestamp) -> Result<Access, Refusal> {
        let access: Access = self.verified(token, PERSON)?;
        in_time(access.exp, now, SignedDuration::ZERO).map(|()| access)
    }

    fn verified<T: DeserializeOwned>(&self, token: &str, audience: &str) -> Result<T, Refusal> {
        let named = jsonwebtoken::decode_header(token).map_err(|_| Refusal::Forged)?.kid;
        let key =
            [&self.current].into_iter().chain(&self.previous).find(|key| Some(&key.id) == named.as_ref());
        let mut expected = Validation::new(Algorithm::HS256);
        expected.set_audience(&[audience]);
        // Against the caller's own clock, and not for all alike.
        expected.validate_exp = false;
        // As a value first: whose it is has to be known before what else it should hold.
        let data = jsonwebtoken::decode::<Value>(token, &key.ok_or(Refusal::Forged)?.verify, &expected);
        let claims = data.map(|data| data.claims).map_err(|e| match e.kind() {
            ErrorKind::InvalidAudience => Refusal::Audience,
            _ => Refusal::Forged,
        })?;
        serde_json::from_value(claims).map_err(|_| Refusal::Forged)
    }
}

fn in_time(exp: i64, now: Timestamp, grace: SignedDuration) -> Result<(), Refusal> {
    let late = now.as_second() - exp - LEEWAY_S;
    if late > grace.as_secs() { Err(Refusal::Expired) } else { Ok(()) }
}

impl Key {
    fn new(secret: &SecretString) -> Key {
        let secret = secret.expose_secret();
        let id = sha256([secret])[..8].to_owned();
        let secret = secret.as_bytes();
        Key { id, sign: EncodingKey::from_secret(secret), verify: DecodingKey::from_secret(secret) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Forged,
    Audience,
    Expired,
}

/// The library's cryptography from ring, as everywhere else here: HMAC-SHA-256 only.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| match algorithm {
        Algorithm::HS256 => Ok(Box::new(Hmac(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes())))),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    verifier_factory: |algorithm, key| match algorithm {
        Algorithm::HS256 => Ok(Box::new(Hmac(hmac::Key::new(hmac::HMAC_SHA256, key.try_get_as_bytes()?)))),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    key_utils: KeyUtils::new_unimplemented(),
};

struct Hmac(hmac::Key);

impl Signer<Vec<u8>> for Hmac {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hmac {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        hmac::verify(&self.0, message, signature).map_err(|_| SignatureError::new())
    }
}

impl JwtSigner for Hmac {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hmac {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(letter: &str) -> SecretString {
        letter.repeat(40).into()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const NOW: i64 = 1_800_000_000;
    const DAY: i64 = 86_400;

    #[test]
    fn a_token_is_read_until_its_end_and_its_grace() {
        let keys = Keys::new(&secret("a"), &[]);
        let id = Uuid::now_v7();
        let (token, until) = keys.issue(id, 3, at(NOW)).unwrap();
        assert_eq!(until, at(NOW + 30 * DAY));
        let claims = keys.read(&token, at(NOW), SignedDuration::ZERO).unwrap();
        assert_eq!((claims.sub, claims.epoch, claims.iat), (id, 3, NOW));
        let later = |days: i64, grace| keys.read(&token, at(NOW + days * DAY + 60), grace).map(|_| ());
        assert_eq!(later(29, SignedDuration::ZERO), Ok(()));
        assert_eq!(later(30, SignedDuration::ZERO), Err(Refusal::Expired));
        assert_eq!(later(59, GRACE), Ok(()));
        assert_eq!(later(60, GRACE), Err(Refusal::Expired));
    }

    #[test]
    fn only_our_keys_algorithm_and_audience_count() {
        let (ours, other) = (Keys::new(&secret("a"), &[]), Keys::new(&secret("b"), &[]));
        let (token, _) = ours.issue(Uuid::now_v7(), 1, at(NOW)).unwrap();
        let read = |token: &str| ours.read(token, at(NOW), SignedDuration::ZERO).map(|_| ());
        assert_eq!(read(&other.issue(Uuid::now_v7(), 1, at(NOW)).unwrap().0), Err(Refusal::Forged));
        assert_eq!(read(&token[..token.len() - 2]), Err(Refusal::Forged));
        assert_eq!(read(""), Err(Refusal::Forged));
        let claims =
            |aud: &str| Claims { sub: Uuid::now_v7(), aud: aud.into(), iat: NOW, exp: NOW + 60, epoch: 1 };
        let header = Header { kid: Some(ours.current.id.clone()), ..Header::new(Algorithm::HS256) };
        let user = jsonwebtoken::encode(&header, &claims("user"), &ours.current.sign).unwrap();
        assert_eq!(read(&user), Err(Refusal::Audience));
        // `alg: none`, and the header of another key.
        let parts: Vec<_> = token.split('.').collect();
        let none = r#"{"typ":"JWT","alg":"none","kid":"KID"}"#.replace("KID", &ours.current.id);
        use base64::Engine;
        let none = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(none);
        assert_eq!(read(&format!("{none}.{}.", parts[1])), Err(Refusal::Forged));
        assert_eq!(read(&format!("{none}.{}.{}", parts[1], parts[2])), Err(Refusal::Forged));
    }

    #[test]
    fn a_persons_token_is_no_collectors_and_short() {
        let keys = Keys::new(&secret("a"), &[]);
        let (user, session) = (Uuid::now_v7(), Uuid::now_v7());
        let (access, until) = keys.issue_access(user, session, at(NOW)).unwrap();
        assert_eq!(until, at(NOW + 900));
        let read = keys.read_access(&access, at(NOW + 900)).unwrap();
        assert_eq!((read.sub, read.session), (user, session));
        assert_eq!(keys.read_access(&access, at(NOW + 931)), Err(Refusal::Expired));
        assert_eq!(keys.read(&access, at(NOW), SignedDuration::ZERO), Err(Refusal::Audience));
        let (token, _) = keys.issue(user, 1, at(NOW)).unwrap();
        assert_eq!(keys.read_access(&token, at(NOW)), Err(Refusal::Audience));
    }

    #[test]
    fn a_key_that_signed_before_is_believed_until_it_is_gone() {
        let (token, _) = Keys::new(&secret("a"), &[]).issue(Uuid::now_v7(), 1, at(NOW)).unwrap();
        let read = |keys: &Keys| keys.read(&token, at(NOW), SignedDuration::ZERO).map(|_| ());
        assert_eq!(read(&Keys::new(&secret("b"), &[secret("a")])), Ok(()));
        assert_eq!(read(&Keys::new(&secret("b"), &[])), Err(Refusal::Forged));
    }
}
