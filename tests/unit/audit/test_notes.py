"""Signed notes and checkpoints are those of C2SP: by notes that public logs have signed, and by its rules."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.notes import (
    ECDSA_TYPE,
    Checkpoint,
    InvalidNote,
    VerifierKey,
    open_note,
    read_spki,
    read_verifier_key,
    sign_note,
)
from tests.lakes import Region, pem_of, private_key, spki_of

# Checkpoints of two public logs, as the tests of transparency-dev/formats and sigstore hold them.
REKOR_KEY = (
    "rekor.sigstore.dev+c0d23d6a+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNhtmPtrWm3U1eQXBogSMdGvXwBcK5AW5i0hrZLOC96l"
    "+smGNM7nwZ4QvFK/4sueRoVj//QP22Ni4Qt9DPfkWLc="
)
REKOR_PEM = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2G2Y+2tabdTV5BcGiBIx0a9fAFwr
kBbmLSGtks4L3qX6yYY0zufBnhC8Ur/iy55GhWP/9A/bY2LhC30M9+RYtw==
-----END PUBLIC KEY-----
"""
PIXEL_KEY = (
    "pixel6_transparency_log+91c16e30+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABN+4x0Jk1yTwvLFI9A4NDdGZcX0aiWVdWM5XJVy0"
    "M4VWD3AvyW5Q6Hs9A0mcDkpUoYgn+KKPNzFC0H3nN3q6JQ8="
)
REKOR_NOTE = (
    "Rekor\n798034\nf+7CoKgXKE/tNys9TTXcr/ad6U/K3xvznmzew9y6SP0=\n\n"
    "— rekor.sigstore.dev wNI9ajBEAiARInWIWyCdyG27CO6LPnPekyw20qO0YJfoaPaowGp/XgIgc+qEHS3+GKVClgqq20uDLet7MCoTURUC"
    "RdxwWBHHufk=\n"
)
REKOR_TIMED_NOTE = (
    "rekor.sigstore.dev - 2605736670972794746\n21428036\nrxnoKyFZlJ7/R6bMh/d3lcqwKqAy5CL1LcNBJP17kgQ=\n"
    "Timestamp: 1688058656037355364\n\n"
    "— rekor.sigstore.dev wNI9ajBFAiEAuDk7uu5Ae8Own/MjhSZNuVzbLuYH2jBMxbSA0WaNDNACIDV4reKpYiOpkwtvazCClnpUuduF2o/t"
    "h2xR3gRZAUU4\n"
)
PIXEL_NOTE = (
    "DEFAULT\n10\nbsWRucJU5xJPHb5eBdOm6+DM+VelCZBuvtI3sHERJ9Y=\n\n"
    "— pixel6_transparency_log kcFuMDBFAiEAhqMAP8P6qf6QxtUJhzMhbN+MbZ9dwfUHzGQJmffJHtoCIGD0cNe47dHWBoPwYdgBCepB06/"
    "+g5O1FmYjXl06owL4\n"
)

REGION = Region()
KEY = REGION.verifier_key
CHECKPOINT = Checkpoint("vouch/westeurope", 24, bytes(range(32)), ("committed_at 2026-11-23T22:05:04.123Z",))


def signed(checkpoint: Checkpoint = CHECKPOINT) -> str:
    return sign_note(checkpoint, KEY, REGION.sign(checkpoint.text))


@pytest.mark.parametrize(
    ("key", "note", "size", "extensions"),
    [
        (REKOR_KEY, REKOR_NOTE, 798_034, ()),
        (REKOR_KEY, REKOR_TIMED_NOTE, 21_428_036, ("Timestamp: 1688058656037355364",)),
        (PIXEL_KEY, PIXEL_NOTE, 10, ()),
    ],
)
def test_public_log_s_checkpoint_is_believed(key: str, note: str, size: int, extensions: tuple[str, ...]) -> None:
    known = read_verifier_key(key)
    checkpoint = open_note(note, [known])
    assert (checkpoint.size, checkpoint.extensions) == (size, extensions)
    assert note.startswith(checkpoint.text)
    assert str(known) == key


def test_public_log_s_key_is_the_same_in_pem() -> None:
    assert read_verifier_key(REKOR_PEM, "rekor.sigstore.dev") == read_verifier_key(REKOR_KEY)
    assert read_spki(REKOR_PEM) == read_verifier_key(REKOR_KEY).spki


def test_signed_note_reads_as_what_was_signed() -> None:
    assert open_note(signed(), [KEY]) == CHECKPOINT
    assert read_verifier_key(str(KEY)) == KEY
    assert read_verifier_key(pem_of(REGION.key), KEY.name) == KEY


@given(st.integers(0, 10**17), st.binary(min_size=32, max_size=32))
def test_any_checkpoint_survives_signing(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(KEY.name, size, root)
    assert open_note(signed(checkpoint), [KEY]) == checkpoint


def test_signature_of_an_unknown_key_is_ignored_beside_a_known_one() -> None:
    other = base64.b64encode(b"\0" * 74).decode()
    note = f"{signed()}— someone.else {other}\n"
    assert open_note(note, [KEY]) == CHECKPOINT


def test_forged_signature_beside_a_sound_one_of_another_known_key_refuses_the_note() -> None:
    second = VerifierKey("second", spki_of(private_key(2)))
    note = signed() + sign_note(CHECKPOINT, second, REGION.sign("something else")).rpartition("\n\n")[2]
    assert open_note(note, [KEY]) == CHECKPOINT
    with pytest.raises(InvalidNote, match="second is forged"):
        open_note(note, [KEY, second])


def test_note_that_nobody_known_has_signed_says_who_did() -> None:
    with pytest.raises(InvalidNote, match=r"none of the known keys has signed it, but vouch/westeurope\+"):
        open_note(signed(), [VerifierKey(KEY.name, spki_of(private_key(2))), replace(KEY, name="vouch/eastus2")])


@pytest.mark.parametrize("at", range(len(signed().encode())))
def test_note_with_any_byte_changed_is_refused(at: int) -> None:
    note = bytearray(signed().encode())
    note[at] ^= 1
    with pytest.raises(InvalidNote):
        open_note(note.decode(errors="replace"), [KEY])


def _rewritten(old: str, new: str) -> str:
    """A note whose text was changed before it was signed, so that only its form is wrong."""
    text = CHECKPOINT.text.replace(old, new)
    line = base64.b64encode(KEY.key_id + REGION.sign(text)).decode()
    return f"{text}\n— {KEY.name} {line}\n"


ROOT = base64.b64encode(CHECKPOINT.root).decode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n24\n", "\n024\n"),
        ("\n24\n", "\n-1\n"),
        ("\n24\n", "\n\uff12\uff14\n"),
        ("\n24\n", f"\n{10**18}\n"),
        ("\n24\n", "\n\n24\n"),
        (ROOT, ROOT[:-4]),
        (ROOT, ROOT.rstrip("=")),
        (ROOT, f"{ROOT[:-2]}9="),
        (f"{ROOT}\ncommitted_at 2026-11-23T22:05:04.123Z\n", ""),
        ("committed_at", "committed\u0007at"),
        ("committed_at", "committed\rat"),
    ],
)
def test_signed_note_that_is_no_checkpoint_is_refused(old: str, new: str) -> None:
    assert old in CHECKPOINT.text
    with pytest.raises(InvalidNote):
        open_note(_rewritten(old, new), [KEY])


def test_line_separator_of_unicode_is_no_end_of_a_line() -> None:
    note = _rewritten("committed_at ", "committed_at\u2028")
    assert open_note(note, [KEY]).extensions == ("committed_at\u20282026-11-23T22:05:04.123Z",)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n",
        CHECKPOINT.text,
        signed().rstrip("\n"),
        signed() + "\n",
        signed().replace("— ", "- "),
        signed().replace("— vouch/westeurope", "— vouch+westeurope"),
        signed() + "— short AAAAAA==\n",
        signed() + signed().rpartition("\n\n")[2] * 16,
        f"{'x' * 70_000}\n\n{signed().rpartition(chr(10) * 2)[2]}",
        signed().replace("vouch", "vouch\ud800", 1),
    ],
)
def test_text_that_is_no_signed_note_is_refused(note: str) -> None:
    with pytest.raises(InvalidNote):
        open_note(note, [KEY])


@given(st.text())
def test_any_text_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidNote):
        open_note(text, [KEY])
    with pytest.raises(InvalidNote):
        read_verifier_key(text, KEY.name)


@pytest.mark.parametrize(
    "text",
    [
        "vouch/westeurope",
        str(KEY)[:-4],
        str(KEY).replace("+", " "),
        str(KEY).replace(KEY.key_id.hex(), "00000000"),
        f"vouch/westeurope+{KEY.key_id.hex()}+{base64.b64encode(bytes([1]) + KEY.spki).decode()}",
        f"vouch/westeurope+{KEY.key_id.hex()}+{base64.b64encode(ECDSA_TYPE + b'no key').decode()}",
        pem_of(REGION.key).replace("MFkw", "AAAA"),
    ],
)
def test_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidNote):
        read_verifier_key(text, KEY.name)


def test_key_in_pem_needs_a_name() -> None:
    with pytest.raises(InvalidNote, match="name"):
        read_verifier_key(pem_of(REGION.key))


def test_key_of_another_curve_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    with pytest.raises(InvalidNote, match="P-256"):
        read_verifier_key(pem_of(ec.derive_private_key(5, ec.SECP384R1())), KEY.name)
