"""The code of the invisible marks: a number with its CRC inside a tail-biting convolutional code.

Rate 1/4, 256 states: the best known generators of that length (free distance 24). Tail-biting
costs no bits for the start; the decoder goes round a little further than once instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_GENERATORS: Final = (0o463, 0o535, 0o733, 0o745)
_RATE: Final = len(_GENERATORS)
_MEMORY: Final = 8
_STATES: Final = 1 << _MEMORY
#: Steps that the decoder goes before and after one round: five times the memory.
_WRAP: Final = 5 * _MEMORY


def _output_signs() -> NDArray[np.float32]:
    """+1 for a 0 and -1 for a 1, by register (state and new bit: 9 bits) and generator."""
    ones = [[(r & g).bit_count() & 1 for g in _GENERATORS] for r in range(2 * _STATES)]
    return (1 - 2 * np.array(ones)).astype(np.float32)


_SIGNS: Final = _output_signs()


@dataclass(frozen=True, slots=True)
class MarkCode:
    """A code for payloads of ``payload_bits``, a multiple of 8, with a CRC of ``crc_bits``.

    ``crc_poly`` is the generator of the CRC without its highest bit, ``crc_start`` its register.
    """

    payload_bits: int
    crc_bits: int
    crc_poly: int
    crc_start: int

    @property
    def message_bits(self) -> int:
        """Bits before coding: payload and CRC."""
        return self.payload_bits + self.crc_bits

    @property
    def code_bits(self) -> int:
        """Bits after coding."""
        return self.message_bits * _RATE

    @property
    def false_pass(self) -> float:
        """Chance that noise passes the CRC."""
        return 2.0**-self.crc_bits

    def encode(self, payload: int) -> NDArray[np.float32]:
        """Code signs, shape (code_bits,), of a payload from 0: +1 for a 0, -1 for a 1."""
        message = (payload << self.crc_bits) | self._crc(payload)
        bits = [(message >> i) & 1 for i in reversed(range(self.message_bits))]
        state = 0
        for bit in bits[-_MEMORY:]:
            state = (state << 1 | bit) & (_STATES - 1)
        registers = []
        for bit in bits:
            registers.append(state << 1 | bit)
            state = registers[-1] & (_STATES - 1)
        return _SIGNS[registers].reshape(-1)

    def decode(self, soft: NDArray[np.float32]) -> int | None:
        """The most likely payload of soft signs, shape (code_bits,); None if its CRC is wrong."""
        message = 0
        for bit in _viterbi(soft.reshape(self.message_bits, _RATE)):
            message = message << 1 | int(bit)
        payload, check = message >> self.crc_bits, message & ((1 << self.crc_bits) - 1)
        return payload if check == self._crc(payload) else None

    def _crc(self, payload: int) -> int:
        register = self.crc_start
        for byte in payload.to_bytes(self.payload_bits // 8, "big"):
            register ^= byte << (self.crc_bits - 8)
            for _ in range(8):
                register <<= 1
                if register >> self.crc_bits:
                    register ^= 1 << self.crc_bits | self.crc_poly
        return register


def _viterbi(soft: NDArray[np.float32]) -> NDArray[np.intp]:
    """The most likely message bits; each step has two ways into a state, by the bit shifted out."""
    turns = np.arange(-_WRAP, len(soft) + _WRAP) % len(soft)
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
