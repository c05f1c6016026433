"use strict";
// What each answer means, in words. Everything from the file is set as text, never as markup.
const VERDICTS = {
  confirmed: "确认：由人工智能生成或合成 · AI-made",
  possible: "可能：由人工智能生成或合成 · possibly AI-made",
  suspected: "疑似：由人工智能生成或合成 · suspected",
  none: "未见标识 · no mark found",
};
const STANDARD = {
  compliant: "符合 GB 45438-2025 · compliant",
  noncompliant: "不符合 GB 45438-2025 · not compliant",
  not_found: "没有元数据标识 · no metadata label",
  inconclusive: "无法判断 · inconclusive",
};
const C2PA = {
  Trusted: "签名可信 · signed by a trusted party",
  Valid: "签名有效，签名者未证实 · valid, signer unknown",
  Invalid: "签名无效，内容被改动 · invalid, changed since",
};
const FIELDS = {
  Label: "生成属性", ContentProducer: "制作者", ProduceID: "内容编号", ContentPropagator: "传播者", PropagateID: "传播编号",
  ReservedCode1: "预留 1", ReservedCode2: "预留 2",
};
const results = document.getElementById("results");
const drop = document.getElementById("drop");
const input = document.getElementById("file");

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function row(list, name, value) {
  if (value === null || value === undefined || value === "") return;
  list.append(element("dt", name));
  const held = element("dd");
  if (Array.isArray(value)) {
    const items = element("ul");
    value.forEach((item) => items.append(element("li", item)));
    held.append(items);
  } else held.textContent = value;
  list.append(held);
}

function show(card, seen) {
  card.append(element("p", VERDICTS[seen.verdict], "verdict " + seen.verdict));
  const list = element("dl");
  row(list, "文件类型 format", seen.format);
  row(list, "标识 standard", STANDARD[seen.standard.status]);
  row(list, "原因 reason", seen.standard.reason);
  for (const key in FIELDS) row(list, FIELDS[key] + " " + key, (seen.label || {})[key]);
  if (seen.signature) row(list, "标识签名 signature", seen.signature.state + " · " + seen.signature.key);
  row(list, "位置 carrier", seen.carriers.join("、"));
  if (seen.explicit.checked) row(list, "显式标识 visible", seen.explicit.text || "未见 · none");
  if (seen.c2pa) {
    row(list, "C2PA", C2PA[seen.c2pa.state] || seen.c2pa.state);
    row(list, "签名者 signer", seen.c2pa.signer);
  }
  if (seen.watermark) row(list, "水印 watermark", seen.watermark.payload);
  if (seen.traces.length) row(list, "其他迹象 traces", seen.traces);
  const problems = seen.standard.problems.map((p) => p.clause + "（" + p.certainty + "）" + p.message);
  if (problems.length) row(list, "问题 problems", problems);
  card.append(list);
}

async function inspect(file) {
  const card = element("article");
  card.append(element("h2", file.name));
  const waiting = element("p", "正在读取…", "note");
  card.append(waiting);
  results.prepend(card);
  try {
    const declared = document.getElementById("declared").checked ? "1" : "0";
    const address = "/inspect?name=" + encodeURIComponent(file.name) + "&declared=" + declared;
    const answer = await fetch(address, { method: "POST", body: file });
    const seen = await answer.json();
    if (!answer.ok) throw new Error(seen.error);
    show(card, seen);
  } catch (error) {
    card.append(element("p", String(error.message || error), "verdict error"));
  } finally {
    waiting.remove();
  }
}

async function all(files) {
  for (const file of files) await inspect(file);
}

input.addEventListener("change", () => { all([...input.files]); input.value = ""; });
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => { event.preventDefault(); all([...event.dataTransfer.files]); });
