// Pieces of the page: the verdict's line, a language's card, what an annotator said.

import { make } from "./claims.js";
import { difference } from "./difference.js";

export const TITLES = { uav: "UAV picture", map: "Street map", panorama: "Panorama", ground: "Ground photo" };
const LANGUAGES = { en: ["English", "en"], zh: ["中文", "zh-CN"] };
export const STATES = { todo: "to do", accept: "accepted", edit: "edited", reject: "rejected" };
const SAME = { yes: "Same place", no: "Different places" };

export function verdictParts(pair) {
  const tag = (text, tone = "") => make("span", { className: `tag ${tone}`, textContent: text });
  const parts = [];
  if (!pair.hidden) {
    parts.push(make("small", { textContent: "Verdict" }), make("strong", { className: pair.verdict, textContent: SAME[pair.verdict] }));
    if (pair.verdict !== pair.truth) parts.push(tag(`in truth: ${SAME[pair.truth].toLowerCase()}`, "bad"));
    if (pair.negative_kind) parts.push(tag(`${pair.negative_kind} negative`));
    if (pair.own_verdict) parts.push(tag(`you said: ${SAME[pair.own_verdict].toLowerCase()}`, pair.own_verdict === pair.truth ? "good" : "bad"));
  }
  return [...parts, tag(STATES[pair.state], pair.state)];
}

export function textCard(record) {
  const [name, lang] = LANGUAGES[record.language];
  const area = make("textarea", { value: record.current.explanation, lang, rows: 2, maxLength: 8000, spellcheck: true });
  area.setAttribute("aria-label", `explanation, ${name}`);
  area.dataset.record = record.record_id;
  const state = make("small", {});
  const made = make("p", { className: "made", lang, hidden: true });
  const card = make("label", { className: "card text" }, make("span", { className: "head" }, make("span", { textContent: name, lang }), state), area, made);
  Object.assign(card, { record, area, state, made });
  return card;
}

export function opinionCard(opinion, number, records, take) {
  const head = make("div", { className: "head" }, make("b", { textContent: opinion.annotator }), make("span", { className: `tag ${opinion.decision}`, textContent: STATES[opinion.decision] }));
  if (opinion.own_verdict) head.append(make("span", { className: "tag", textContent: `said: ${SAME[opinion.own_verdict].toLowerCase()}` }));
  if (opinion.decision !== "reject") head.append(make("button", { type: "button", onclick: () => take(number) }, "Take ", make("kbd", { textContent: number + 1 })));
  const texts = records.filter((record) => opinion.records[record.record_id]?.explanation).map((record) =>
    make("p", { className: "change", lang: LANGUAGES[record.language][1] }, ...difference(record.made.explanation, opinion.records[record.record_id].explanation)));
  const comment = opinion.comment ? [make("p", { className: "note", textContent: `“${opinion.comment}”` })] : [];
  const changed = records.some((record) => opinion.records[record.record_id]?.claims) ? [make("p", { className: "note", textContent: "Changed the claims." })] : [];
  return make("article", { className: "card opinion" }, head, ...texts, ...changed, ...comment);
}
