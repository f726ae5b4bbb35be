//! The texts of the server: every reply a session gives of its own accord, in one place.

use mail::status::{Class, Status};

use super::reply::Reply;

macro_rules! replies {
    ($($(#[$doc:meta])+ $name:ident = $code:literal $($class:ident($subject:literal, $detail:literal))?, $text:literal;)+) => {
        $($(#[$doc])+ pub fn $name() -> Reply {
            // The status comes from an optional part of the macro; without it the list is empty.
            let status: &[Status] = &[$(Status::new(Class::$class, $subject, $detail))?];
            Reply::new($code, status.first().copied(), $text)
        })+
    };
}

replies! {
    /// Done, and nothing to add.
    ok = 250 Success(0, 0), "done";
    /// To MAIL.
    reverse_path_ok = 250 Success(1, 0), "reverse-path taken";
    /// To RCPT.
    recipient_ok = 250 Success(1, 5), "recipient taken";
    /// To VRFY: we say nothing about addresses (RFC 5321 section 7.3).
    not_verified = 252 Success(5, 0), "not looked up; send the message and learn";
    /// To HELP.
    help = 214 Success(0, 0), "see RFC 5321";
    /// To QUIT.
    bye = 221 Success(0, 0), "closing, goodbye";
    /// To STARTTLS.
    start_tls = 220 Success(0, 0), "ready to start TLS";
    /// To AUTH that succeeded.
    authenticated = 235 Success(7, 0), "authentication succeeded";
    /// To DATA.
    start_content = 354, "send the message, end it with <CRLF>.<CRLF>";

    /// To MAIL that a driver can't decide on now.
    storage_trouble = 451 Temporary(3, 0), "local trouble, try again later";
    /// The same, for want of room (RFC 5321 section 4.2.2, RFC 3463 section 3.4).
    storage_full = 452 Temporary(3, 1), "no room for mail now, try again later";
    /// More recipients than RCPTMAX.
    too_many_recipients = 452 Temporary(5, 3), "too many recipients, send the rest in another transaction";
    /// More notices than NOTICEMAX, or more assertions than we look up.
    too_many_of_this = 452 Temporary(5, 3), "enough of this command in one session, continue in another";
    /// More commands than a session may have.
    too_many_commands = 421 Temporary(7, 0), "enough commands in one session, connect again";
    /// More refused commands than a session may have.
    too_many_errors = 421 Temporary(7, 0), "too many errors, closing";
    /// More messages than a session may begin.
    too_many_messages = 421 Temporary(7, 0), "enough messages in one session, connect again";
    /// More recipients that are not here than a session may name.
    too_many_unknown_recipients = 421 Temporary(7, 0), "too many unknown recipients, closing";
    /// More failed AUTH commands than a client may send in an hour.
    too_many_guesses = 421 Temporary(7, 0), "too many failed authentications from your address, come back later";
    /// A session that has lasted as long as any may.
    session_over = 421 Temporary(3, 2), "this session has lasted long enough, connect again";
    /// More failed AUTH commands than a session may have.
    too_many_auth_failures = 421 Temporary(7, 0), "too many failed authentications, closing";
    /// More input than the session has room for.
    too_much_input = 421 Temporary(3, 2), "too much input at once, closing";
    /// More content of a refused message than we read.
    too_much_refused = 421 Temporary(3, 4), "the refused message does not end, closing";
    /// We go down, or the peer was silent for too long.
    closing = 421 Temporary(3, 2), "closing, try again later";
    /// The password can't be checked now (RFC 4954 section 6).
    auth_unavailable = 454 Temporary(7, 0), "authentication is not possible now, try again later";

    /// A line that is no command at all.
    unknown_command = 500 Permanent(5, 2), "unknown command";
    /// A line with octets that no command has.
    not_text = 500 Permanent(5, 2), "control characters or broken UTF-8 in a command";
    /// A line ended by LF alone.
    bare_lf_in_command = 500 Permanent(5, 2), "bare LF: lines end with CRLF (RFC 5321 section 2.3.8), closing";
    /// A line with CR alone in it.
    bare_cr_in_command = 500 Permanent(5, 2), "bare CR: lines end with CRLF (RFC 5321 section 2.3.8), closing";
    /// A line over the limit of its command.
    line_too_long = 500 Permanent(5, 6), "line too long";
    /// A command we know and do not have.
    not_implemented = 502 Permanent(5, 1), "not implemented here";
    /// Anything before EHLO.
    hello_first = 503 Permanent(5, 1), "send EHLO first";
    /// The extension's commands after HELO.
    ehlo_first = 503 Permanent(5, 1), "this command is an extension, send EHLO first";
    /// RCPT, DATA or BDAT without MAIL.
    mail_first = 503 Permanent(5, 1), "send MAIL first";
    /// DATA or BDAT without a recipient that was taken.
    recipient_first = 503 Permanent(5, 1), "no recipient was taken, send RCPT first";
    /// MAIL in a transaction.
    nested_mail = 503 Permanent(5, 1), "a transaction is open, end it or send RSET";
    /// RCPT or DATA after BDAT.
    bdat_begun = 503 Permanent(5, 1), "BDAT has begun, only BDAT or RSET can follow";
    /// DATA for BODY=BINARYMIME (RFC 3030 section 3).
    binary_needs_bdat = 503 Permanent(5, 1), "BODY=BINARYMIME needs BDAT";
    /// The extension's verbs or AUTH in a transaction.
    not_in_transaction = 503 Permanent(5, 1), "not inside a mail transaction";
    /// AUTH after AUTH (RFC 4954 section 4).
    already_authenticated = 503 Permanent(5, 1), "already authenticated";
    /// STARTTLS after STARTTLS.
    already_encrypted = 503 Permanent(5, 1), "TLS is already in use";
    /// What needs TLS, without it.
    tls_first = 530 Permanent(7, 0), "send STARTTLS first";
    /// MAIL on submission by nobody in particular.
    auth_first = 530 Permanent(7, 0), "authentication required";

    /// `AUTH X`.
    unknown_mechanism = 504 Permanent(5, 4), "unknown authentication mechanism, expected PLAIN, LOGIN or SCRAM-SHA-256";
    /// The client sent `*` (RFC 4954 section 4).
    auth_cancelled = 501 Permanent(0, 0), "authentication cancelled";
    /// A SASL message that is not base64 or not the mechanism's.
    auth_malformed = 501 Permanent(5, 2), "malformed authentication message";
    /// Wrong user or password; never says which.
    auth_failed = 535 Permanent(7, 8), "authentication credentials invalid";

    /// EHLO or HELO without a name that could be one.
    bad_hello = 501 Permanent(5, 4), "expected a domain or address literal";
    /// MAIL FROM with something that is no path.
    bad_reverse_path = 501 Permanent(1, 7), "malformed reverse-path";
    /// RCPT TO with something that is no path.
    bad_forward_path = 501 Permanent(1, 3), "malformed forward-path";
    /// A parameter we do not have (RFC 5321 section 4.1.1.11).
    unknown_parameter = 555 Permanent(5, 4), "unknown parameter";
    /// One parameter twice.
    duplicate_parameter = 501 Permanent(5, 4), "parameter given twice";
    /// A parameter with a value it can't have.
    bad_parameter = 501 Permanent(5, 4), "malformed parameter";
    /// BDAT whose size can't be read: nobody knows where the next command begins.
    bad_chunk = 501 Permanent(5, 4), "expected BDAT size [LAST], closing";
    /// More than ASCII in an address, without SMTPUTF8 on MAIL (RFC 6531 section 3.5).
    smtputf8_needed = 553 Permanent(6, 7), "address needs SMTPUTF8 on MAIL";
    /// MAIL at the retrieval service.
    no_mail_here = 550 Permanent(7, 1), "no mail is taken on this port";
    /// Over SIZE.
    message_too_large = 552 Permanent(3, 4), "message too large";
    /// Half a line end in content.
    bare_line_end_in_content = 550 Permanent(6, 11), "bare CR or LF in the message (RFC 5321 section 2.3.8); all of it is refused";
}

/// To a non-final BDAT (RFC 3030 section 2).
pub fn chunk_ok(octets: u64) -> Reply {
    Reply::new(250, Some(Status::success(0, 0)), format!("{octets} octets received"))
}

/// To a command with the wrong arguments.
pub fn bad_arguments(expected: &'static str) -> Reply {
    Reply::new(501, Some(Status::permanent(5, 4)), format!("expected {expected}"))
}
