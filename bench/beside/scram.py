"""A login by SCRAM-SHA-256 (RFC 7677) where the server has it: what it costs a server is four hashes, whatever the password's own costs."""

import base64
import functools
import hashlib
import hmac


def log_in(session):
    """By SCRAM with an initial response, or by LOGIN where the server does not know it."""
    if b"AUTH=SCRAM-SHA-256" not in session.must("CAPABILITY").data[0]:
        session.must(f'LOGIN "{session.place.user}" "{session.place.password}"')
        return
    bare = f"n={session.place.user},r=bench"
    session.begin(f"AUTHENTICATE SCRAM-SHA-256 {encoded('n,,' + bare)}")
    tag = b"a%d" % session.number
    first = base64.b64decode(session.wait(rb"^\+ (\S+)$")[1]).decode()
    fields = dict(field.split("=", 1) for field in first.split(","))
    salted = salted_password(session.place.password, fields["s"], int(fields["i"]))
    without_proof = f"c=biws,r={fields['r']}"
    client_key = keyed(salted, b"Client Key")
    signature = keyed(hashlib.sha256(client_key).digest(), f"{bare},{first},{without_proof}".encode())
    proof = base64.b64encode(bytes(left ^ right for left, right in zip(client_key, signature))).decode()
    session.send(encoded(f"{without_proof},p={proof}").encode() + b"\r\n")
    said = session.read()
    if said.startswith(b"+"):
        session.send(b"\r\n")
        said = session.read()
    while not said.startswith(tag + b" "):
        said = session.read()
    assert said.startswith(tag + b" OK"), said


@functools.lru_cache
def salted_password(password, salt, iterations):
    """The dear part, on the client's side, once for each account."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), iterations)


def keyed(key, octets):
    """HMAC with SHA-256."""
    return hmac.new(key, octets, hashlib.sha256).digest()


def encoded(text):
    """Base64 of UTF-8."""
    return base64.b64encode(text.encode()).decode()
