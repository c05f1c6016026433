"""Payload of 64 bits to 352 code bits and back: CRC-24 inside a tail-biting convolutional code.

Rate 1/4, 256 states: the best known generators of that length (free distance 24). Tail-biting
costs no bits for the start; the decoder goes round a little further than once instead.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

PAYLOAD_BITS: Final = 64
_CRC_BITS: Final = 24
#: Generator and start of the CRC-24 of OpenPGP (RFC 4880, 6.1).
_CRC_POLY: Final = 0x864CFB
_CRC_START: Final = 0xB704CE
_MESSAGE: Final = PAYLOAD_BITS + _CRC_BITS
_GENERATORS: Final = (0o463, 0o535, 0o733, 0o745)
_RATE: Final = len(_GENERATORS)
_MEMORY: Final = 8
_STATES: Final = 1 << _MEMORY
#: Steps that the decoder goes before and after one round: five times the memory.
_WRAP: Final = 5 * _MEMORY
CODE_BITS: Final = _MESSAGE * _RATE
#: Chance that noise passes the CRC.
FALSE_PASS: Final = 2.0**-_CRC_BITS


def _output_signs() -> NDArray[np.float32]:
    """+1 for a 0 and -1 for a 1, by register (state and new bit: 9 bits) and generator."""
    ones = [[(r & g).bit_count() & 1 for g in _GENERATORS] for r in range(2 * _STATES)]
    return (1 - 2 * np.array(ones)).astype(np.float32)


_SIGNS: Final = _output_signs()


def encode(payload: int) -> NDArray[np.float32]:
    """Code signs of a payload (0 <= payload < 2**64), shape (352,): +1 for a 0, -1 for a 1."""
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
    """The most likely payload of soft code signs, shape (352,); None if its CRC is wrong."""
    message = 0
    for bit in _viterbi(soft.reshape(_MESSAGE, _RATE)):
        message = message << 1 | int(bit)
    payload, check = message >> _CRC_BITS, message & ((1 << _CRC_BITS) - 1)
    return payload if check == _crc(payload) else None


def _viterbi(soft: NDArray[np.float32]) -> NDArray[np.intp]:
    """The most likely message bits; each step has two ways into a state, by the bit shifted out."""
    turns = np.arange(-_WRAP, _MESSAGE + _WRAP) % _MESSAGE
    gains = soft[turns] @ _SIGNS.T
    metric = np.zeros(_STATES, np.float32)
    upper = np.empty((len(turns), _STATES), bool)
    for step, gain in enumerate(gains):
        ways = np.repeat(metric, 2) + gain
        low, high = ways[:_STATES], ways[_STATES:]
        np.greater(high, low, out=upper[step])
        metric = np.maximum(low, high)
    state = int(metric.argmax())
    bits = np.empty(len(turns), np.intp)
    for step in reversed(range(len(turns))):
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
