#!/bin/sh
# Own words in five minutes: import -> test -> replay -> roll out -> undo.
# 五分钟：导入词表 → 测试 → 用昨天的流量试跑 → 上线 → 撤回。
#
#   examples/rules_in_five_minutes.sh [FOLDER]      # a new folder for everything it writes
#   GUARD="python -m guard" examples/rules_in_five_minutes.sh
set -eu
guard=${GUARD:-guard}
mkdir "${1:-five-minutes}" && cd "${1:-five-minutes}"

# Your words: one a line, or columns (also 词语,类别,处置,备注), as .txt, .csv, .tsv or .xlsx.
cat > words.csv <<'END'
词语,处置,备注
佐布石,拦截,本店不谈的商品
紫晶代购,复核,需要人工看一眼
END

# Yesterday's traffic: one {"text": ...} a line.
cat > yesterday.jsonl <<'END'
{"id": "q1", "text": "你们什么时候发货"}
{"id": "q2", "text": "哪里能买到佐 布 石"}
{"id": "q3", "text": "紫晶代购靠谱吗"}
END

echo "== 1. import 导入"
$guard policy import words.csv --out my-words

echo "== 2. test 测试：样例与无害文本"
$guard policy test --policy my-words

echo "== 3. replay 试跑：昨天的流量会有什么变化"
$guard policy replay yesterday.jsonl --policy cn,my-words

echo "== 4. roll out 上线（服务的策略写 cn,live/my-words，运行中的服务自动跟上）"
$guard policy rollout my-words live/my-words
$guard check "哪里能买到佐 布 石" --policy cn,live/my-words

echo "== 5. undo 撤回"
$guard policy rollback live/my-words
$guard check "哪里能买到佐 布 石" --policy cn,live/my-words
$guard policy versions live/my-words
