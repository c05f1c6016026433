"""Words, patterns and their combinations: everything the matchers of a policy ask for in text.

One pass of an automaton over the folded text (and, where something was inserted or repeated, over
the squeezed text) finds all words of all rules and the anchors of all patterns. A pattern is tried
only where one of its anchors occurs, a combination only when its rarest part was found. So a text
without hits costs one fold and one scan, however many rules there are.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import regex

from guard.detectors.automaton import Automaton
from guard.detectors.belief import believed
from guard.detectors.combine import Hit, Plan, Sentences, Stretch, match
from guard.detectors.disguise import LIKELY, Candidate, Disguises
from guard.detectors.normalise import View, fold, folded, squeezed, tighten
from guard.errors import DetectorError
from guard.model import Content, Finding, Matcher, Modality, Where

#: Beyond this many findings of one matcher in one content, the rest become a single finding.
MOST_FINDINGS = 1_000
#: A time limit on patterns costs 3.6 us a call, so it guards long texts only (seconds).
LONG_TEXT, PATTERN_SECONDS = 2_000, 2.0
_LEFT, _RIGHT = 1, 2
Scanned = tuple[int, int, int]
_MOST_INSERTED = 8


def canonical(words: Sequence[str]) -> list[str]:
    """Words as they stand in folded text, without what is inserted between their characters.

    All are folded at once: a call for each of 60,000 words would take a second.
    """
    text = "\n".join(" ".join(word.split()) for word in words)
    return tighten(fold(text).text).split("\n")


def _edges(word: str) -> int:
    """Which ends of a word must stand at a word edge: the ends that are Latin letters or digits.

    Never ``\\b``: it takes Han characters for letters, so that nothing inside a Chinese sentence
    would match.
    """
    left = _LEFT if word[0].isascii() and word[0].isalnum() else 0
    right = _RIGHT if word[-1].isascii() and word[-1].isalnum() else 0
    return left | right


def _at_edge(text: str, start: int, end: int, edges: int) -> bool:
    if edges & _LEFT and start and text[start - 1].isascii() and text[start - 1].isalnum():
        return False
    after = text[end : end + 1]
    return not (edges & _RIGHT and after and after.isascii() and after.isalnum())


def _shared(leaves: Mapping[str, list[int]], words: Iterable[str]) -> list[tuple[int, ...]]:
    """The leaves of each word. Thousands of words have the same ones: they share a tuple."""
    known: dict[tuple[int, ...], tuple[int, ...]] = {}
    found = (tuple(leaves.get(word, ())) for word in words)
    return [known.setdefault(numbers, numbers) for numbers in found]


def masked(text: str, most: int = 24) -> str:
    """A stretch of text fit to be stored: its ends, the middle hidden."""
    if len(text) > most:
        text = text[: most // 2] + "…" + text[-most // 2 :]
    if len(text) <= 2:
        return text[:1] + "*" * (len(text) - 1)
    return text[0] + "*" * (len(text) - 2) + text[-1]


class _Leaves:
    """The distinct words-lists and patterns of all matchers, numbered."""

    def __init__(self) -> None:
        self.words: dict[str, list[int]] = defaultdict(list)
        self.anchors: dict[str, list[int]] = defaultdict(list)
        self.patterns: dict[int, regex.Pattern[str]] = {}
        self.disguisable: set[int] = set()
        self._numbers: dict[tuple[object, ...], int] = {}

    def number(self, matcher: Matcher) -> int:
        """The leaf number of a words or pattern matcher; equal ones share it."""
        key = (matcher.kind, matcher.words, matcher.pattern, matcher.anchors, matcher.plain)
        if key in self._numbers:
            return self._numbers[key]
        number = self._numbers[key] = len(self._numbers)
        if matcher.kind == "words" and not matcher.plain:
            self.disguisable.add(number)
        for word in dict.fromkeys(canonical(matcher.words)):
            if word:
                self.words[word].append(number)
        if matcher.kind == "pattern":
            self.patterns[number] = regex.compile(matcher.pattern)
            for anchor in map(fold, matcher.anchors):
                if not anchor.text:
                    raise DetectorError(f"{matcher.id}: an anchor is invisible", "name a literal")
                self.anchors[anchor.text].append(number)
        return number

    def chances(self) -> Mapping[int, float]:
        """How likely a leaf is to be hit, as far as the length of its words tells: a word of one
        character is as frequent as forty words of two."""
        chances: dict[int, float] = defaultdict(float)
        for words in (self.words, self.anchors):
            for word, leaves in words.items():
                for leaf in leaves:
                    chances[leaf] += 40.0 ** -len(word)
        return chances

    def plan(self, matcher: Matcher) -> Plan:
        unless = self.plan(matcher.unless) if matcher.unless else None
        if matcher.kind in ("words", "pattern"):
            return Plan(matcher.kind, leaf=self.number(matcher), unless=unless)
        parts = tuple(self.plan(part) for part in matcher.parts)
        return Plan(matcher.kind, -1, parts, matcher.within, matcher.ordered, unless)


class LexiconDetector:
    """Answers words, pattern, any, all and near matchers."""

    name = "lexicon"
    version = "1"
    modalities: tuple[Modality, ...] = ("text",)
    late = False

    def __init__(
        self, matchers: Sequence[Matcher], guests: Mapping[str, Sequence[Matcher]] | None = None
    ) -> None:
        """Build the automaton for top-level matchers (category matchers are skipped).

        Args:
            guests: matchers of detectors that are phrases only, by ``name@version``: they ride on
                the same scan, and their findings bear their name.
        """
        leaves = _Leaves()
        makers = {f"{self.name}@{self.version}": matchers, **(guests or {})}
        self._roots = [
            (maker, matcher, leaves.plan(matcher))
            for maker, group in makers.items()
            for whole in group
            for matcher in _alternatives(whole)
            if matcher.kind != "category"
        ]
        self._patterns = leaves.patterns
        words = list(dict.fromkeys([*leaves.words, *leaves.anchors]))
        self._automaton = Automaton(words)
        self._edges = bytes(_edges(word) for word in words)
        self._leaves = _shared(leaves.words, words)
        self._anchors = _shared(leaves.anchors, words)
        self._triggers = self._trigger_table(leaves)
        self._disguises, self._disguisable = self._spellings(words, leaves)
        self._needs = [_needs(plan) for _, _, plan in self._roots]
        self._every = [frozenset(_every_leaf(plan)) for _, _, plan in self._roots]
        # Whether a hit of the word can begin a match. A set of numbers takes 60 times the memory.
        self._waking = bytes(
            not self._triggers.keys().isdisjoint(found + anchored)
            for found, anchored in zip(self._leaves, self._anchors, strict=True)
        )
        self.window = self._window()
        self.entries = len(leaves.words)

    def _spellings(
        self, words: Sequence[str], leaves: _Leaves
    ) -> tuple[Disguises | None, Sequence[tuple[int, ...]]]:
        """(finder of other spellings, leaves per word that take them)."""
        alone = set().union(*(_lone_leaves(plan) for _, _, plan in self._roots))
        self._lone = {n for n, found in enumerate(self._leaves) if not alone.isdisjoint(found)}
        short, long = leaves.disguisable & alone, leaves.disguisable
        owners = [
            # Two characters say too little to be half of a combination under another spelling.
            tuple(leaf for leaf in found if leaf in (long if len(word) > 2 else short))
            for word, found in zip(words, self._leaves, strict=True)
        ]
        chosen = [number for number, found in enumerate(owners) if found]
        if not chosen:
            return None, owners
        finder = Disguises([words[n] for n in chosen], self._automaton, chosen, self._lone)
        return finder, owners

    def _trigger_table(self, leaves: _Leaves) -> dict[int, list[int]]:
        """Leaf -> the roots to try when it is hit.

        A combination is tried only on the part least likely to be hit, so that a common word (我,
        准备) does not wake every rule that uses it.
        """
        chances = leaves.chances()
        table: dict[int, list[int]] = defaultdict(list)
        for number, (_, _, plan) in enumerate(self._roots):
            for leaf in _rare_leaves(plan, chances):
                table[leaf].append(number)
        return dict(table)

    def _window(self) -> int:
        """The longest stretch one finding needs: words through insertions, patterns, gaps."""
        longest = 1 + self._automaton.longest * (1 + _MOST_INSERTED)
        gaps = max((_gap(plan) for _, _, plan in self._roots), default=0)
        return longest + gaps + (200 if self._patterns else 0)

    def find(self, batch: Sequence[Content]) -> list[list[Finding]]:
        """Findings per item."""
        return [self._find(content) for content in batch]

    def _find(self, content: Content) -> list[Finding]:
        view, tight = folded(content), squeezed(content)
        plain = list(self._automaton.scan(view.text))
        close = list(self._automaton.scan(tight.text)) if tight is not None else []
        words = [word for _, _, word in (*plain, *close)]
        other = []
        if self._disguises is not None:
            other = self._disguises.find(
                tight or view,
                not self._lone.isdisjoint(words),
                lambda found: self._make_a_match(words, found),
            )
        if not other and not any(map(self._waking.__getitem__, words)):
            return []
        # What no matcher can use that could match here is not looked at again.
        wanted = self._wanted(words, other)
        if not wanted:
            return []
        hits = self._hits(plain, view, wanted)
        disguised: dict[int, list[Hit]] = {}
        if tight is not None:
            self._add_squeezed(close, tight, disguised, wanted)
        if other:
            self._add_spellings(other, tight, hits, disguised, wanted)
        roots = self._awake(hits.keys() | disguised.keys() if disguised else hits.keys())
        if not roots:
            return []
        hits = {leaf: _united(stretches) for leaf, stretches in hits.items()}
        sentences = Sentences(view.text)
        matches = [
            (root, hit)
            for root in sorted(roots)
            for hit in match(self._roots[root][2], hits, sentences, disguised)
        ]
        if disguised:
            matches = believed(matches, sentences, view.text)
        return self._findings(matches, view)

    def _wanted(self, words: Iterable[int], other: Iterable[Candidate]) -> set[int]:
        """The leaves of the matchers whose parts are all here, wherever they stand."""
        return set().union(*(self._every[root] for root in self._possible(words, other)))

    def _possible(self, words: Iterable[int], other: Iterable[Candidate]) -> set[int]:
        """The roots whose parts are all here, wherever they stand."""
        present = {leaf for word in words for leaf in self._leaves[word]}
        present.update(leaf for word in words for leaf in self._anchors[word])
        present.update(leaf for found in other for leaf in self._disguisable[found.word])
        return self._awake(present)

    def _make_a_match(self, words: Iterable[int], other: Sequence[Candidate]) -> bool:
        """Whether other spellings that are likely can be a part of some match."""
        likely = [found for found in other if found.score >= LIKELY]
        leaves = {leaf for found in likely for leaf in self._disguisable[found.word]}
        roots = self._possible(words, likely)
        return any(not self._every[root].isdisjoint(leaves) for root in roots)

    def hits(self, content: Content) -> tuple[View, dict[int, list[Stretch]], dict[int, list[Hit]]]:
        """(folded view, hits per leaf, the same of words spelled otherwise), for explaining."""
        view, tight = folded(content), squeezed(content)
        every = set().union(*self._every)
        hits = self._hits(self._automaton.scan(view.text), view, every)
        disguised: dict[int, list[Hit]] = {}
        if tight is not None:
            self._add_squeezed(self._automaton.scan(tight.text), tight, disguised, every)
        if self._disguises is not None:
            other = self._disguises.find(tight or view, False)
            self._add_spellings(other, tight, hits, disguised, every)
        return view, {leaf: _united(found) for leaf, found in hits.items()}, disguised

    def touched(self, leaves: Iterable[int]) -> list[tuple[Matcher, Plan]]:
        """Matchers with their plans of which the rarest part is among the leaves."""
        roots = {root for leaf in leaves for root in self._triggers.get(leaf, ())}
        return [(self._roots[root][1], self._roots[root][2]) for root in sorted(roots)]

    def _awake(self, leaves: Collection[int]) -> set[int]:
        """The roots that a set of hit leaves can make match."""
        triggers, needs = self._triggers, self._needs
        return {
            root
            for leaf in leaves
            for root in triggers.get(leaf, ())
            if not any(need.isdisjoint(leaves) for need in needs[root])
        }

    def _hits(
        self, scanned: Iterable[Scanned], view: View, wanted: set[int]
    ) -> dict[int, list[Stretch]]:
        """Hits per wanted leaf in the folded text."""
        text, edges, leaves, anchors = view.text, self._edges, self._leaves, self._anchors
        hits: dict[int, list[Stretch]] = {}
        woken: set[int] = set()
        for start, end, word in scanned:
            if anchors[word]:
                woken.update(anchors[word])
            if edges[word] and not _at_edge(text, start, end, edges[word]):
                continue
            for leaf in leaves[word]:
                if leaf in wanted:
                    hits.setdefault(leaf, []).append((start, end))
        for leaf in woken.intersection(wanted):
            stretches = list(self._try(leaf, text))
            if stretches:
                hits[leaf] = stretches
        return hits

    def _try(self, leaf: int, text: str) -> Iterator[Stretch]:
        """Non-empty matches of a pattern. Raises TimeoutError where a long text takes too long."""
        timeout = PATTERN_SECONDS if len(text) > LONG_TEXT else None
        for found in self._patterns[leaf].finditer(text, timeout=timeout):
            if found.end() > found.start():
                yield found.span()

    def _add_squeezed(
        self,
        scanned: Iterable[Scanned],
        tight: View,
        disguised: dict[int, list[Hit]],
        wanted: set[int],
    ) -> None:
        """Add hits that only show without insertions."""
        text, edges, leaves = tight.text, self._edges, self._leaves
        for start, end, word in scanned:
            if not leaves[word] or (edges[word] and not _at_edge(text, start, end, edges[word])):
                continue
            stretch = (tight.origin(start), tight.origin(end - 1) + 1)
            if stretch[1] - stretch[0] == end - start:
                continue  # nothing was inserted here: the folded text shows it too
            hit = Hit(*stretch, (stretch,), 0.9, "inserted or repeated characters")
            for leaf in wanted.intersection(leaves[word]):
                disguised.setdefault(leaf, []).append(hit)

    def _add_spellings(
        self,
        candidates: Sequence[Candidate],
        tight: View | None,
        hits: dict[int, list[Stretch]],
        disguised: dict[int, list[Hit]],
        wanted: set[int],
    ) -> None:
        """Add other spellings of words, where the word itself was not found in the same place."""
        for found in candidates:
            start, end = found.start, found.end
            if tight is not None:
                start, end = tight.origin(start), tight.origin(end - 1) + 1
            hit = Hit(start, end, ((start, end),), found.score, found.why)
            for leaf in wanted.intersection(self._disguisable[found.word]):
                if not any(s < end and start < e for s, e in hits.get(leaf, ())):
                    disguised.setdefault(leaf, []).append(hit)

    def _findings(self, matches: Sequence[tuple[int, Hit]], view: View) -> list[Finding]:
        """Findings in rule order; what exceeds the limit is one finding that covers every piece."""
        found: list[Finding] = []
        for _, group in itertools.groupby(matches, key=lambda item: self._roots[item[0]][1].id):
            found_hits = list(group)
            maker, matcher, _ = self._roots[found_hits[0][0]]
            all_hits = list(dict.fromkeys(hit for _, hit in found_hits))
            found += [_finding(maker, matcher, hit, view) for hit in all_hits[:MOST_FINDINGS]]
            rest = all_hits[MOST_FINDINGS:]
            if rest:
                pieces = tuple(piece for hit in rest for piece in hit.pieces)
                score = max(hit.score for hit in rest)
                whole = Hit(rest[0].start, max(hit.end for hit in rest), pieces, score)
                found.append(_finding(maker, matcher, whole, view))
        return found


def _united(stretches: list[Stretch]) -> list[Stretch]:
    """Sorted, with overlapping hits of one leaf joined (枪支 within 枪支弹药)."""
    if len(stretches) == 1:
        return stretches
    stretches.sort()
    united = [stretches[0]]
    for start, end in stretches[1:]:
        last = united[-1]
        if start < last[1]:
            united[-1] = (last[0], max(end, last[1]))
        else:
            united.append((start, end))
    return united


def _gap(plan: Plan) -> int:
    own = plan.within * (len(plan.parts) - 1) if plan.kind == "near" else 0
    return own + max((_gap(part) for part in plan.parts), default=0)


def _alternatives(matcher: Matcher) -> list[Matcher]:
    """The parts of an ``any`` as matchers of their own, under its id: each then wakes alone."""
    if matcher.kind != "any" or matcher.unless is not None:
        return [matcher]
    parts = [replace(part, id=matcher.id, category=matcher.category) for part in matcher.parts]
    return [one for part in parts for one in _alternatives(part)]


def _needs(plan: Plan) -> list[frozenset[int]]:
    """Sets of leaves of each of which one must be hit for the plan to match."""
    if plan.kind in ("all", "near"):
        return [frozenset(part.leaves()) for part in plan.parts]
    return []


def _lone_leaves(plan: Plan) -> set[int]:
    """The leaves whose hit alone makes the plan match."""
    if plan.leaf >= 0:
        return {plan.leaf}
    if plan.kind != "any":
        return set()
    return set().union(*(_lone_leaves(part) for part in plan.parts))


def _every_leaf(plan: Plan) -> Iterator[int]:
    """All leaves of a plan, those of its excuses too."""
    if plan.leaf >= 0:
        yield plan.leaf
    for part in (*plan.parts, *([plan.unless] if plan.unless else ())):
        yield from _every_leaf(part)


def _rare_leaves(plan: Plan, chances: Mapping[int, float]) -> set[int]:
    """The leaves one of which must be hit for the plan to match; of the parts, the rarest."""
    if plan.leaf >= 0:
        return {plan.leaf}
    choices = [_rare_leaves(part, chances) for part in plan.parts]
    if plan.kind == "any":
        return set().union(*choices)
    return min(choices, key=lambda leaves: sum(chances[leaf] for leaf in leaves))


def _finding(maker: str, matcher: Matcher, hit: Hit, view: View) -> Finding:
    pieces = [view.span(*piece) for piece in hit.pieces]
    start, end = pieces[0][0], max(end for _, end in pieces)
    excerpt = " … ".join(masked(view.original[s:e]) for s, e in pieces[:4])
    return Finding(
        detector=maker,
        matcher=matcher.id,
        category=matcher.category,
        score=hit.score * matcher.score,
        where=Where(start, end, tuple(pieces) if len(pieces) > 1 else ()),
        evidence=excerpt,
        why=f"{matcher.kind}: {hit.why}" if hit.why else matcher.kind,
    )
