"""Payload of 32 bits to 192 code bits and back: CRC-16 inside the image mark's convolutional code.

The same rate, generators and tail-biting decoder as :mod:`guard.watermark.image_mark_code`, for a
shorter message: sound has fewer places, and a cut of it should need no more than some seconds.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from guard.watermark.image_mark_code import _GENERATORS, _MEMORY, _SIGNS, _STATES, _WRAP

PAYLOAD_BITS: Final = 32
_CRC_BITS: Final = 16
#: CRC-16/CCITT-FALSE (ITU-T V.41's generator, started with ones).
_CRC_POLY: Final = 0x1021
_CRC_START: Final = 0xFFFF
_MESSAGE: Final = PAYLOAD_BITS + _CRC_BITS
_RATE: Final = len(_GENERATORS)
CODE_BITS: Final = _MESSAGE * _RATE
#: Chance that noise passes the CRC.
FALSE_PASS: Final = 2.0**-_CRC_BITS


def encode(payload: int) -> NDArray[np.float32]:
    """Code signs of a payload (0 <= payload < 2**32), shape (192,): +1 for a 0, -1 for a 1."""
    message = (payload << _CRC_BITS) | _crc(payload)
    bits = [(message >> i) & 1 for i in reversed(range(_MESSAGE))]
    state = 0
    for bit in bits[-_MEMORY:]:
        state = (state << 1 | bit) & (_STATES - 1)
    registers = []
    for bit in bits:
        registers.append(state << 1 | bit)
        state = registers[-1] & (_STATES - 1)
    return _SIGNS[registers].reshape(-1)


def decode(soft: NDArray[np.float32]) -> int | None:
    """The most likely payload of soft code signs, shape (192,); None if its CRC is wrong."""
    message = 0
    for bit in _viterbi(soft.reshape(_MESSAGE, _RATE)):
        message = message << 1 | int(bit)
    payload, check = message >> _CRC_BITS, message & ((1 << _CRC_BITS) - 1)
    return payload if check == _crc(payload) else None


def _viterbi(soft: NDArray[np.float32]) -> NDArray[np.intp]:
    """The most likely message bits; the decoder goes round a little further than once."""
    gains = soft[np.arange(-_WRAP, _MESSAGE + _WRAP) % _MESSAGE] @ _SIGNS.T
    metric = np.zeros(_STATES, np.float32)
    upper = np.empty((len(gains), _STATES), bool)
    for step, gain in enumerate(gains):
        ways = np.repeat(metric, 2) + gain
        low, high = ways[:_STATES], ways[_STATES:]
        np.greater(high, low, out=upper[step])
        metric = np.maximum(low, high)
    state = int(metric.argmax())
    bits = np.empty(len(gains), np.intp)
    for step in reversed(range(len(gains))):
        bits[step] = state & 1
        state = (state + _STATES * int(upper[step, state])) >> 1
    return bits[_WRAP:-_WRAP]


def _crc(payload: int) -> int:
    register = _CRC_START
    for byte in payload.to_bytes(PAYLOAD_BITS // 8, "big"):
        register ^= byte << (_CRC_BITS - 8)
        for _ in range(8):
            register <<= 1
            if register >> _CRC_BITS:
                register ^= 1 << _CRC_BITS | _CRC_POLY
    return register
