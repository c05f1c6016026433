"""Label what an image model made, and keep labels through later processing.

    python examples/generated_images.py OUT_FOLDER

With diffusers, ``picture = pipeline("一座桥").images[0]`` is a Pillow image like the one below.
"""

import sys
from pathlib import Path

from PIL import Image

from guard.label import inspect_file, save_image
from guard.model import Label


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    picture = Image.effect_mandelbrot((640, 480), (-2, -1.5, 1, 1.5), 60)  # the model's picture

    made = folder / "picture.png"
    written = save_image(picture, made, Label("example-provider"))  # drawn and written
    print(made, written.label["ProduceID"], inspect_file(made).verdict)

    with Image.open(made) as image:  # an ordinary save would lose the label here
        small = save_image(image.convert("RGB").resize((320, 240)), folder / "small.webp")
    print(small.file, inspect_file(small.file).label == inspect_file(made).label)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "labelled"))
