"""The sound mark's code: 32 bits and CRC-16/CCITT-FALSE (ITU-T V.41, started with ones) in 192
code bits. Sound has fewer places than a picture, and a cut of it should need no more than some
seconds.
"""

from __future__ import annotations

from typing import Final

from guard.watermark.mark_code import MarkCode

_CODE: Final = MarkCode(payload_bits=32, crc_bits=16, crc_poly=0x1021, crc_start=0xFFFF)
PAYLOAD_BITS: Final = _CODE.payload_bits
CODE_BITS: Final = _CODE.code_bits
FALSE_PASS: Final = _CODE.false_pass
encode = _CODE.encode
decode = _CODE.decode
