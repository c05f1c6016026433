"""数据工程师：在自己的程序里清洗训练数据。Clean training data inside your own program.

成批的文件请用 `guard scan`。For files, use `guard scan`.
"""

from guard import Guard
from guard.detectors.duplicates import DuplicateIndex
from guard.stages.stage2_data_cleaner import Balance, Doc, clean

TEXTS = [
    "把茄条先用盐腌二十分钟，挤干水分再下锅，就不会像海绵一样吸油了，起锅前再撒蒜末。",
    "出一张儿童书桌，自提，有意的打 13800001234，晚上七点以后都在家，送一盏台灯。",
    "把茄条先用盐腌二十分钟，挤干水分再下锅，就不会像海绵一样吸油了，起锅前再撒蒜末。",
]

balance = Balance()
documents = (Doc(text, id=f"doc-{n}", source="example") for n, text in enumerate(TEXTS))
with Guard.load() as guard:
    for cleaned in clean(documents, guard.judge, duplicates=DuplicateIndex()):
        balance.add(cleaned.decision)
        why = cleaned.entry.category if cleaned.entry else ""
        print(f"{cleaned.doc.id}  {cleaned.decision:<10} {why:<12} {cleaned.text}")
print(balance.as_dict())  # 输入 = 保留 + 剔除 + 隔离
