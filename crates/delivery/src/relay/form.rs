//! In what form a server takes a message: by DATA or BDAT, as it is or converted; or why it can't have it.

use mail::octets::Octets;
use mail::status::Status;

/// What a message asks of the next server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Its octets.
    pub content: Octets,
    /// An address or a header section is beyond ASCII, its own or that of a part.
    pub smtputf8: bool,
    /// Its author said REQUIRETLS (RFC 8689).
    pub require_tls: bool,
}

/// What a server offers, in the session as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a keyword that is there or is not")]
pub struct Offers {
    /// SIZE, if it names a limit.
    pub size_octets_max: Option<u64>,
    /// 8BITMIME.
    pub eight_bit_mime: bool,
    /// CHUNKING.
    pub chunking: bool,
    /// BINARYMIME.
    pub binary_mime: bool,
    /// SMTPUTF8.
    pub smtputf8: bool,
    /// REQUIRETLS, over TLS with a certificate that verifies.
    pub verified_require_tls: bool,
}

/// How the octets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carriage {
    /// By DATA.
    Data,
    /// By BDAT.
    Chunks,
}

/// The form of a message for one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// How the octets travel.
    pub carriage: Carriage,
    /// `BODY`, where the server knows the parameter.
    pub body: Option<mail::envelope::Body>,
    /// Whether the content has to be converted first.
    pub conversion: Conversion,
}

/// Whether content has to be converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// It is sent octet for octet.
    None,
    /// To lines of ASCII; if that can't be, the message can't be sent.
    Required,
    /// The same, for its long lines; if that can't be, it is sent as it is: most servers take it.
    Wished,
}

/// Why a server can't have a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Larger than it takes.
    #[error("the message is larger than this server takes")]
    TooLarge,
    /// Addresses or header fields it can't read.
    #[error("this server does not take internationalised mail (SMTPUTF8)")]
    Utf8,
    /// Content it can't carry.
    #[error("the message is not made of lines of text, and this server takes no other (BINARYMIME)")]
    Binary,
    /// Content beyond ASCII that must not be changed.
    #[error("this server takes only ASCII (no 8BITMIME), and the message is signed, encrypted or damaged and can't be converted")]
    EightBit,
    /// The author asked for protection that it doesn't promise.
    #[error("the author requires TLS all the way (REQUIRETLS), and this server does not promise it over verified TLS")]
    RequireTls,
}

impl Unfit {
    /// For the report.
    pub const fn status(self) -> Status {
        match self {
            // RFC 3463 section 3.4: X.3.4, message too big for system.
            Self::TooLarge => Status::permanent(3, 4),
            // RFC 6531 section 3.4.2 and RFC 5504: X.6.7, addresses beyond ASCII not permitted.
            Self::Utf8 => Status::permanent(6, 7),
            // RFC 3463 section 3.7: X.6.3, conversion required but not supported.
            Self::Binary | Self::EightBit => Status::permanent(6, 3),
            // RFC 8689 section 5: X.7.30, REQUIRETLS support required.
            Self::RequireTls => Status::permanent(7, 30),
        }
    }
}

impl Form {
    /// How this message is given to this server.
    ///
    /// # Errors
    /// It can't be.
    pub fn choose(needs: &Needs, offers: &Offers) -> Result<Self, Unfit> {
        use mail::envelope::Body;
        let Needs { content, smtputf8, require_tls } = needs;
        if *require_tls && !offers.verified_require_tls {
            return Err(Unfit::RequireTls);
        }
        if offers.size_octets_max.is_some_and(|size_max| content.size_octets > size_max) {
            return Err(Unfit::TooLarge);
        }
        if *smtputf8 && !offers.smtputf8 {
            return Err(Unfit::Utf8);
        }
        let carriage = if offers.chunking { Carriage::Chunks } else { Carriage::Data };
        if content.is_binary {
            // RFC 3030 section 3: BINARYMIME goes by BDAT only.
            let takes = offers.binary_mime && offers.chunking;
            return if takes {
                Ok(Self { carriage, body: Some(Body::BinaryMime), conversion: Conversion::None })
            } else {
                Err(Unfit::Binary)
            };
        }
        let conversion = match (content.has_eight_bit && !offers.eight_bit_mime, content.has_long_lines) {
            (true, _) => Conversion::Required,
            (false, true) => Conversion::Wished,
            (false, false) => Conversion::None,
        };
        // RFC 6152 section 3: said only where there is something to say.
        let body = (content.has_eight_bit && offers.eight_bit_mime).then_some(Body::EightBitMime);
        Ok(Self { carriage, body, conversion })
    }
}

#[cfg(test)]
mod tests {
    use mail::envelope::Body;

    use super::*;

    const TEXT: Octets = Octets { size_octets: 100, has_eight_bit: false, is_binary: false, has_long_lines: false };
    const EIGHT: Octets = Octets { has_eight_bit: true, ..TEXT };
    const BINARY: Octets = Octets { is_binary: true, ..EIGHT };
    const LONG: Octets = Octets { has_long_lines: true, ..TEXT };

    #[test]
    fn every_message_has_a_form_for_a_server_or_a_reason() {
        let none = Offers::default();
        let eight = Offers { eight_bit_mime: true, ..none };
        let chunks = Offers { chunking: true, ..eight };
        let all = Offers { binary_mime: true, smtputf8: true, verified_require_tls: true, size_octets_max: Some(100), ..chunks };
        let plain = |content| Needs { content, smtputf8: false, require_tls: false };
        let form = |carriage, body, conversion| Ok(Form { carriage, body, conversion });
        let (data, bdat) = (Carriage::Data, Carriage::Chunks);
        let table = [
            (plain(TEXT), none, form(data, None, Conversion::None)),
            (plain(TEXT), all, form(bdat, None, Conversion::None)),
            (plain(EIGHT), none, form(data, None, Conversion::Required)),
            (plain(EIGHT), eight, form(data, Some(Body::EightBitMime), Conversion::None)),
            (plain(EIGHT), chunks, form(bdat, Some(Body::EightBitMime), Conversion::None)),
            (plain(LONG), eight, form(data, None, Conversion::Wished)),
            (plain(Octets { has_eight_bit: true, ..LONG }), none, form(data, None, Conversion::Required)),
            (plain(BINARY), chunks, Err(Unfit::Binary)),
            (plain(BINARY), Offers { chunking: false, ..all }, Err(Unfit::Binary)),
            (plain(BINARY), all, form(bdat, Some(Body::BinaryMime), Conversion::None)),
            (plain(Octets { size_octets: 101, ..TEXT }), all, Err(Unfit::TooLarge)),
            (Needs { smtputf8: true, ..plain(TEXT) }, chunks, Err(Unfit::Utf8)),
            (Needs { smtputf8: true, ..plain(TEXT) }, all, form(bdat, None, Conversion::None)),
            (Needs { require_tls: true, ..plain(TEXT) }, chunks, Err(Unfit::RequireTls)),
            (Needs { require_tls: true, ..plain(TEXT) }, all, form(bdat, None, Conversion::None)),
        ];
        for (needs, offers, expected) in table {
            assert_eq!(Form::choose(&needs, &offers), expected, "{needs:?} {offers:?}");
        }
    }
}
