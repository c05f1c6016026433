"""The image mark's code: 64 bits and the CRC-24 of OpenPGP (RFC 4880, 6.1) in 352 code bits."""

from __future__ import annotations

from typing import Final

from guard.watermark.mark_code import MarkCode

_CODE: Final = MarkCode(payload_bits=64, crc_bits=24, crc_poly=0x864CFB, crc_start=0xB704CE)
PAYLOAD_BITS: Final = _CODE.payload_bits
CODE_BITS: Final = _CODE.code_bits
FALSE_PASS: Final = _CODE.false_pass
encode = _CODE.encode
decode = _CODE.decode
