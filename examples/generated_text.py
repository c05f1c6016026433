"""服务工程师：生成文本时加水印，再检测；提示行在前。Mark generated text, then read the mark.

用法 usage: python examples/generated_text.py [本地模型目录 MODEL_FOLDER]
需要 needs: pip install 'aigc-guard[models]'
"""

import secrets
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

from guard.watermark import notice, text_mark

SECRET = secrets.token_bytes(32)  # 实际使用：text_mark.load_secret("text.key")，每个部署一份
EPOCH = "2026-11"  # 密钥编号，每月或每季换一个

if len(sys.argv) > 1:
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
    prompt = tokenizer("请介绍一下西湖。", return_tensors="pt")
else:  # 没有模型：用随机权重的小模型代替，输出是词元编号
    tokenizer = None
    size = {"vocab_size": 2000, "n_embd": 32, "n_layer": 2, "n_head": 2}
    model = GPT2LMHeadModel(GPT2Config(**size, bos_token_id=0, eos_token_id=None))
    prompt = {"input_ids": torch.tensor([[1, 2, 3]]), "attention_mask": torch.ones(1, 3)}

processor = text_mark.watermark_processor(SECRET, EPOCH)
output = model.generate(
    **prompt, do_sample=True, max_new_tokens=150, pad_token_id=0, watermarking_config=processor
)
answer = output[0, prompt["input_ids"].shape[1] :]  # 只要回答，不要提示词
print(text_mark.detect(answer, SECRET, [EPOCH, "2026-10"]))
print(text_mark.detect(answer, SECRET[::-1], [EPOCH, "2026-10"]))  # 别人的密钥

if tokenizer is not None:
    text = tokenizer.decode(answer, skip_special_tokens=True)
    print(text_mark.detect(text, SECRET, EPOCH, tokenizer=tokenizer))
    print(notice.add(text, "AI生成"))  # 水印不能代替提示：GB 45438-2025 第 5.1 条
