"""服务工程师：给生成的图片写入显式与隐式标识，再读回来。Label a generated picture, read it back.

用法 usage: python examples/label_image.py [图片 PICTURE]
"""

import sys
from pathlib import Path

from PIL import Image

from guard import Guard, Label

source = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("generated.png")
if len(sys.argv) == 1:
    Image.linear_gradient("L").resize((512, 512)).save(source)  # 代替模型的输出
target = source.with_name("labelled" + source.suffix)

# 服务提供者的名称或 27 位编码；内容编号不给就自动生成，每个文件一个。
label = Label(producer="MY-COMPANY", produce_id="", text="AI生成")
with Guard.load() as guard:
    guard.label(source, target, label)
    read = guard.inspect(target)

print(read.standard.status, read.verdict, read.carrier)
print(read.label)
