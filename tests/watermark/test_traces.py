"""Traces of generators are found where they leave them; pictures that speak of AI pass."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from guard.label import inspect_bytes
from guard.watermark.traces import of_text

PARAMETERS = (
    "a lighthouse at dusk\nNegative prompt: people\n"
    "Steps: 28, Sampler: DPM++ 2M, CFG scale: 6.5, Seed: 123456, Size: 512x768, Model: some-model"
)
GRAPH = '{"3": {"inputs": {"seed": 1, "steps": 20}, "class_type": "KSampler"}}'
JOB = "a lighthouse --v 6 Job ID: 0a1b2c3d-0000-4000-8000-0123456789ab"

IN_PNG = [
    ("parameters", PARAMETERS, "Stable Diffusion parameters"),
    ("prompt", GRAPH, "ComfyUI workflow"),
    ("workflow", '{"nodes": [], "x": ' + GRAPH + "}", "ComfyUI workflow"),
    ("Description", JOB, "Midjourney job number"),
    ("Software", "NovelAI", "made with NovelAI"),
    ("Comment", '{"prompt": "x", "steps": 28, "sampler": "k_euler"}', "sampling parameters"),
    ("invokeai_metadata", "{}", "InvokeAI metadata"),
    ("hf-job-id", "abc", "Hugging Face job number"),
]
PLAIN = [
    ("Software", "Adobe Photoshop 26.1"),
    ("Software", "GIMP 2.10"),
    ("Description", "A talk on generative AI and Stable Diffusion, Hall 3"),
    ("Comment", "Steps: turn left, then right"),
    ("Title", "ComfyUI workshop"),
    ("parameters", "exposure 1/60, f/8"),
]


def png(key: str, text: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text(key, text)
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def jpeg(fields: dict[int, str], **options: object) -> bytes:
    exif = Image.Exif()
    for tag, value in fields.items():
        exif[tag] = value
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, "JPEG", exif=exif.tobytes(), **options)
    return out.getvalue()


@pytest.mark.parametrize(("key", "text", "trace"), IN_PNG)
def test_a_generators_text_in_a_png_is_a_trace(key: str, text: str, trace: str) -> None:
    seen = inspect_bytes(png(key, text), "x.png")
    assert [item.partition(" (")[0] for item in seen.traces] == [trace]
    assert seen.verdict == "suspected"
    assert seen.label is None


@pytest.mark.parametrize(("key", "text"), PLAIN)
def test_a_picture_about_ai_is_none_of_its(key: str, text: str) -> None:
    seen = inspect_bytes(png(key, text), "x.png")
    assert (seen.traces, seen.verdict) == ((), "none")


def test_exif_of_generators() -> None:
    signed = {0x010E: "Signature: " + "A" * 88, 0x013B: "01234567-89ab-4cde-8f01-23456789abcd"}
    assert inspect_bytes(jpeg(signed), "x.jpg").verdict == "suspected"
    assert inspect_bytes(jpeg({0x013B: signed[0x013B]}), "x.jpg").verdict == "none"
    assert inspect_bytes(jpeg({0x010F: "workflow:" + GRAPH}), "x.jpg").verdict == "suspected"
    assert inspect_bytes(jpeg({0x0131: "Midjourney"}), "x.jpg").verdict == "suspected"
    assert inspect_bytes(jpeg({0x010E: "Midjourney exhibition"}), "x.jpg").verdict == "none"
    other = '{"ServiceProvider": "x", "ContentId": "y"}'
    assert inspect_bytes(jpeg({0x010E: other}), "x.jpg").verdict == "suspected"
    assert inspect_bytes(jpeg({}, comment=PARAMETERS), "x.jpg").verdict == "suspected"


def test_a_generator_named_in_xmp(tmp_path: Path) -> None:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
        ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="{}"/></rdf:RDF></x:xmpmeta>'
    )
    for tool, verdict in (("Adobe Firefly 3", "suspected"), ("Adobe Lightroom 8", "none")):
        out = io.BytesIO()
        Image.new("RGB", (16, 16)).save(out, "WEBP", xmp=packet.format(tool).encode())
        assert inspect_bytes(out.getvalue(), "x.webp").verdict == verdict


@given(st.text(max_size=30), st.text(max_size=300))
def test_any_text_is_read_without_error(key: str, text: str) -> None:
    assert all(isinstance(trace, str) for trace in of_text(key, text))
