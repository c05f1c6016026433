"""Make ``AigcGuardLabel.otf``: the glyphs of label wordings, cut from Noto Sans SC; and beside it
``AigcGuardLabel.json``, by which a PDF shows them: number in the font and width of each letter.

Usage: ``python watermark/fonts/make_subset.py NotoSansSC-Regular.otf`` (needs fonttools; the source
font is in the wheel ``pylopdf-fonts-zh-cn`` 0.1.1, OFL-1.1, copyright Adobe). The source names no
Reserved Font Name, but "Noto" is a trademark and a subset is a modified version, so the result has
a name of its own. ``OFL.txt`` beside it is its licence.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

NAME = "AIGC Guard Label"
#: Words that label wordings are made of; add to this line and run the script again.
WORDS = (
    "人工智能生成合成内容由本图片视频音频文字文本作品模型大创制作辅助深度数字虚拟场景可能疑似为是的及或"
    "仅供参考请谨慎甄别服务提供来源自机器算法自动产出该此非真实人物声像画面技术标识注意部分全部经编辑处理"
    "信息不代表观点核实使用者用户声明平台传播编号"
)
PUNCTUATION = "，。、：；！？（）【】《》「」“”·—…"


def main(source: str) -> None:
    from fontTools import subset  # type: ignore[import-untyped]
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    font = TTFont(source)
    options = subset.Options(hinting=False, layout_features=[], name_IDs=[0, 1, 2, 4, 6, 13, 14])
    options.drop_tables += ["BASE", "GDEF", "GPOS", "GSUB", "VORG", "vhea", "vmtx", "DSIG"]
    cutter = subset.Subsetter(options)
    cutter.populate(text="".join(map(chr, range(0x20, 0x7F))) + WORDS + PUNCTUATION)
    cutter.subset(font)
    _rename(font)
    font["head"].modified = font["head"].created  # the same input makes the same bytes
    font.recalcTimestamp = False
    font.save(_place(".otf"))
    _table()


def _place(suffix: str) -> Path:
    return Path(__file__).with_name("AigcGuardLabel" + suffix)


def _table() -> None:
    """``{letter: [CID, width in thousandths of its size]}`` of the finished font."""
    from fontTools.ttLib import TTFont

    font = TTFont(_place(".otf"))
    glyphs = font.getBestCmap().items()
    table = {chr(code): [int(name[3:]), font["hmtx"][name][0]] for code, name in glyphs}
    text = json.dumps(table, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    _place(".json").write_text(text + "\n", encoding="utf-8")


def _rename(font: object) -> None:
    names = font["name"]  # type: ignore[index]
    names.names = [n for n in names.names if n.langID == 0x409]
    for number, text in ((1, NAME), (2, "Regular"), (4, NAME), (6, NAME.replace(" ", ""))):
        names.setName(text, number, 3, 1, 0x409)
    top = font["CFF "].cff  # type: ignore[index]
    top.fontNames = [NAME.replace(" ", "")]
    top[0].FullName = top[0].FamilyName = NAME


if __name__ == "__main__":
    main(sys.argv[1])
