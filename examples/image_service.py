"""A FastAPI service whose pictures leave it labelled. Needs: pip install fastapi uvicorn

uvicorn examples.image_service:app --port 8000
curl -o picture.png 'http://127.0.0.1:8000/picture?prompt=一座桥' && guard inspect picture.png
"""

import io

from fastapi import FastAPI, HTTPException, Response
from PIL import Image

from guard import Action, Guard
from guard.label import label_bytes
from guard.model import Label

app = FastAPI()
guard = Guard.load()


def generate(prompt: str) -> Image.Image:
    """Your model; here a picture that takes nothing to make."""
    return Image.effect_mandelbrot((640, 480), (-2, -1.5, 1, 1.5), 60)


@app.get("/picture")
def picture(prompt: str) -> Response:
    decision = guard.check(prompt)
    if decision.action is Action.BLOCK:
        raise HTTPException(400, decision.reply)
    raw = io.BytesIO()
    generate(decision.text).save(raw, "PNG")
    data, written = label_bytes(raw.getvalue(), "picture.png", Label("example-provider"))
    headers = {"X-Content-Number": written.label["ProduceID"]}
    return Response(data, media_type="image/png", headers=headers)
