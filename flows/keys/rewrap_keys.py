"""Follow a rotation of the key-encryption key, and record that.

1. Where some key is wrapped by an older version, begin a generation: what is new is wrapped by a fresh intermediate
   key, so that none wraps more than AES-GCM with random nonces allows (2^32, NIST SP 800-38D).
2. Wrap every older key of the keyring by the newest version.
"""

from __future__ import annotations

from audit.records import RecordType
from flows.calls import Call
from flows.keys.keyring import Keyring
from flows.unavailable import told_as_unavailable
from flows.write_record import Note, Noted, WriteRecord


class RewrapKeys:
    def __init__(self, keyring: Keyring, write: WriteRecord) -> None:
        self._keyring = keyring
        self._write = write

    async def __call__(self, call: Call) -> tuple[int, Noted]:
        """How many keys were wrapped anew; 0 where all were already. Raises StorageUnavailable, or what recording it
        raises: calling again does the rest."""
        with told_as_unavailable("the keys could not be wrapped anew"):
            if await self._keyring.is_behind():
                await self._keyring.begin_generation()
            count = await self._keyring.rewrap()
        data = {"rewrapped": count, "caller": call.caller.id, "request_id": call.request_id}
        return count, await self._write(Note(RecordType.KEYS_REWRAPPED, data, {}))
