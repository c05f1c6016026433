"""Signs of AI origin that are no label: what generators write beside their pictures.

A trace makes a file *suspected* at most (labelling measures, art. 6 (3)). Only what a generator
writes by itself counts: the word "AI" in a caption does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

#: Fields in which a program names itself. (Adobe's ``CreatorTool`` is read from XMP.)
_PROGRAM_FIELDS = frozenset({"software", "make", "model", "creatortool", "generator", "source"})
_PROGRAMS = re.compile(
    r"Midjourney|DALL[·.\-]?E|Stable ?Diffusion|NovelAI|ComfyUI|InvokeAI|Fooocus|Adobe Firefly"
    r"|Draw Things|Leonardo\.?AI|Ideogram|Recraft|DreamStudio|Bing Image Creator|Black Forest Labs"
    r"|即梦|豆包|文心一格|通义万相|可灵|腾讯混元",
    re.IGNORECASE,
)
#: AUTOMATIC1111 and its kin, in ``parameters`` of PNG or the UserComment of JPEG and WebP.
_PARAMETERS = re.compile(r"\bSteps: \d+, (?:Sampler|Size|CFG scale|Seed): ")
_NODES = re.compile(r'"class_type"\s*:\s*"')
_NOVEL = re.compile(r'"(?:sampler|steps)"\s*:.{0,2000}"(?:steps|sampler)"\s*:', re.DOTALL)
_JOB = re.compile(r" Job ID: [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\s*\Z")
_KEYS = {
    "invokeai_metadata": "InvokeAI metadata",
    "sd-metadata": "InvokeAI metadata",
    "dream": "InvokeAI metadata",
    "hf-job-id": "Hugging Face job number",
    "generation_data": "Draw Things or Tensor.Art generation data",
}
#: Another vendor's schema of identity, not of annex E.
_OTHER_SCHEMA = ('"ServiceProvider"', '"ContentId"')
_SIGNATURE = re.compile(r"Signature: [A-Za-z0-9+/=]{40,}\s*\Z")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CREATOR = re.compile(
    rb"""xmp:CreatorTool\s*(?:=\s*["']|>)\s*([^"'<]{1,200})|[Ss]oftwareAgent\s*(?:=\s*["']|>)\s*([^"'<]{1,200})"""
)


def of_text(key: str, text: str) -> Iterator[str]:
    """Traces in one named text of a file (a PNG keyword, an EXIF field)."""
    name, text = key.casefold(), text[:200_000]
    if name in _KEYS:
        yield _KEYS[name]
    if _PARAMETERS.search(text):
        yield f"Stable Diffusion parameters ({key})"
    if _NODES.search(text):
        yield f"ComfyUI workflow ({key})"
    if name == "comment" and _NOVEL.search(text):
        yield f"sampling parameters ({key})"
    if _JOB.search(text):
        yield f"Midjourney job number ({key})"
    if all(word in text for word in _OTHER_SCHEMA):
        yield f"another vendor's content id ({key})"
    if name in _PROGRAM_FIELDS and (program := _PROGRAMS.search(text)):
        yield f"made with {program[0]} ({key})"


def of_fields(fields: Mapping[str, str]) -> list[str]:
    """Traces in the EXIF fields of a file, pairs of fields included."""
    found = [trace for key, text in fields.items() for trace in of_text(key, text)]
    if _SIGNATURE.match(fields.get("ImageDescription", "")) and _UUID.fullmatch(
        fields.get("Artist", "").strip()
    ):
        found.append("signature and UUID of xAI (ImageDescription, Artist)")
    return found


def of_xmp(packet: bytes) -> list[str]:
    """Programs named in an XMP packet."""
    names = ((m[1] or m[2]).decode("utf-8", "replace") for m in _CREATOR.finditer(packet))
    return [f"made with {found[0]} (XMP)" for name in names if (found := _PROGRAMS.search(name))]
