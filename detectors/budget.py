"""How much of a hostile text is judged: work grows with its length, not with what it is made of."""

from __future__ import annotations

#: Candidates judged in any text, for each so many characters one more, of one word at most.
MOST_JUDGED, ONE_IN, MOST_ALIKE = 100, 25, 30


class Budget:
    """How many candidates of a text are judged, so that hostile text costs no more per character.

    Plain text holds one in hundreds of characters. Words of two characters, which say least, have a
    budget of their own, and a single word cannot use it up.
    """

    __slots__ = ("_long", "_looks", "_short", "_words")

    def __init__(self, size: int) -> None:
        """``size``: of the text, in characters."""
        self._short = self._long = MOST_JUDGED + size // ONE_IN
        self._looks = 2 * self._long
        self._words: dict[int, int] = {}

    def look(self) -> bool:
        """Whether the surroundings of two more characters are looked at."""
        self._looks -= 1
        return self._looks >= 0

    def spend(self, number: int, size: int) -> bool:
        """Whether one more candidate, of word ``number`` of ``size`` characters, is judged."""
        times = self._words[number] = self._words.get(number, 0) + 1
        if times > MOST_ALIKE:
            return False
        if size == 2:
            self._short -= 1
            return self._short >= 0
        self._long -= 1
        return self._long >= 0
