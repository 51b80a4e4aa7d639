// One pair at a time: show it, keep what is typed, send the decision, go on.

import { Claims, make, spotOf } from "./claims.js";
import { difference } from "./difference.js";
import { STATES, TITLES, opinionCard, textCard, verdictParts } from "./parts.js";
import { ask, openSession, send } from "./talk.js";
import { openZoom, zoomIsOpen } from "./zoom.js";

const $ = (id) => document.getElementById(id);
let session = null; // what the server said at the start, and the states of all pairs
let pair = null; // the one shown
let seconds = 0;
let draftTimer = 0;
let turn = Promise.resolve();
let busy = 0; // steps that are under way

const claims = new Claims($("claims"), touched, pointAt);

function toast(text, wrong = false) {
  $("toast").textContent = text;
  $("toast").className = `toast on${wrong ? " wrong" : ""}`;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => ($("toast").className = "toast"), wrong ? 7000 : 2200);
}

const guarded = (act) => async (...args) => {
  try {
    await act(...args);
  } catch (error) {
    toast(error.message, true);
  }
};

// --- which pair ---

function shown(item) {
  const filter = $("filter").value;
  return filter === "all" || item.state === filter || (filter === "comment" && item.comment) || (filter === "draft" && item.draft);
}

function neighbour(from, by) {
  for (let at = from + by; at >= 0 && at < session.items.length; at += by) if (shown(session.items[at])) return at;
  return -1;
}

// Steps wait for each other: two quick presses are two steps, and nothing is decided about a pair not yet shown.
function inTurn(act) {
  return (...args) => {
    busy += 1;
    turn = turn.then(() => guarded(act)(...args)).finally(() => (busy -= 1));
    return turn;
  };
}

const go = inTurn(async (by) => {
  await keepDraft();
  const at = neighbour(pair ? pair.index : -1, by);
  if (at < 0) return toast(by > 0 ? "This was the last pair of this list." : "This is the first pair of this list.");
  await open(at);
});

async function open(index) {
  pair = await ask(`/api/pair/${index}`);
  location.hash = index + 1;
  document.body.dataset.index = index;
  draw();
}

const changeFilter = inTurn(async () => {
  await keepDraft();
  if (pair && shown(session.items[pair.index])) return drawProgress();
  const at = neighbour(-1, 1);
  $("empty").hidden = at >= 0;
  $("main").hidden = $("actions").hidden = at < 0;
  $("empty").textContent = `No pair is in the list "${$("filter").selectedOptions[0].textContent}".`;
  if (at >= 0) await open(at);
  drawProgress();
});

// --- drawing ---

function draw() {
  seconds = pair.seconds ?? 0;
  $("main").hidden = $("actions").hidden = false;
  $("empty").hidden = true;
  $("query").src = `/picture/${pair.index}/0`;
  $("satellite").src = `/picture/${pair.index}/1`;
  $("query").alt = TITLES[pair.view];
  $("query-caption").replaceChildren("Query ", make("span", { textContent: TITLES[pair.view] }));
  pointAt(null);
  $("ask").hidden = !pair.hidden;
  for (const id of ["claims", "comment-card"]) $(id).hidden = pair.hidden;
  for (const id of ["accept", "edit", "reject", "comment-open"]) $(id).disabled = pair.hidden;
  $("comment").value = pair.comment ?? "";
  $("verdict").replaceChildren(...verdictParts(pair));
  $("texts").replaceChildren(...(pair.records ?? []).map(textCard));
  $("opinions").replaceChildren(...(pair.opinions ?? []).map((opinion, number) => opinionCard(opinion, number, pair.records, take)));
  if (!pair.hidden) claims.show(pair.records, pair.view, session.vocabulary);
  drawChanges();
  drawProgress();
  document.querySelectorAll("textarea").forEach(grow);
  document.activeElement?.blur();
  window.scrollTo(0, 0);
}

function drawProgress() {
  const items = session.items;
  const done = items.filter((item) => item.state !== "todo").length;
  for (const state of ["accept", "edit", "reject"]) {
    $("progress").querySelector(`.${state}`).style.width = `${(100 * items.filter((item) => item.state === state).length) / items.length}%`;
  }
  $("progress").setAttribute("aria-valuemax", items.length);
  $("progress").setAttribute("aria-valuenow", done);
  const at = pair ? `Pair ${pair.index + 1} of ${items.length} · ` : "";
  $("count").replaceChildren(at, make("b", { textContent: `${done} done` }));
  $("previous").disabled = !pair || neighbour(pair.index, -1) < 0;
  $("next").disabled = !pair || neighbour(pair.index, 1) < 0;
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const cards = () => [...$("texts").children];

function drawChanges() {
  let any = false;
  for (const card of cards()) {
    const made = card.record.made.explanation;
    const isNew = card.area.value.trim() !== made.trim();
    const newClaims = !same(claims.of(card.record.record_id), card.record.made.claims);
    card.state.textContent = isNew ? "changed" : "";
    card.made.hidden = !isNew;
    card.made.replaceChildren(...difference(made, card.area.value.trim()));
    any ||= isNew || newClaims;
  }
  $("accept-word").textContent = any ? "Save edit" : "Accept";
  $("undo").hidden = !any;
}

function grow(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

function pointAt(claim) {
  const whole = pair && (pair.view === "panorama" || pair.view === "ground");
  const sides = [[claim?.query_where, whole], [claim?.satellite_where, false]];
  document.querySelectorAll(".spot").forEach((spot, number) => {
    const [side, wholeHeight] = sides[number];
    spot.hidden = !side;
    if (!side) return;
    const [left, top, width, height] = spotOf(side, wholeHeight).map((part) => `${100 * part}%`);
    Object.assign(spot.style, { left, top, width, height });
  });
}

// Both pictures get the same height: they share the width by their shapes.
function layOut() {
  const ratios = ["query", "satellite"].map((id) => ($(id).naturalWidth || 1) / ($(id).naturalHeight || 1));
  document.querySelectorAll("#pictures figure").forEach((figure, number) => (figure.style.flexGrow = ratios[number]));
  $("pictures").style.maxWidth = `calc(52vh * ${ratios[0] + ratios[1]})`;
  $("pictures").classList.toggle("wide", ratios[0] > 1.7);
}

// --- what the reviewer says ---

function said() {
  const records = Object.fromEntries(cards().map((card) => [card.record.record_id, { explanation: card.area.value, claims: claims.of(card.record.record_id) }]));
  return { records, comment: $("comment").value, seconds };
}

function touched() {
  drawChanges();
  $("saved").textContent = "";
  clearTimeout(draftTimer);
  draftTimer = setTimeout(guarded(keepDraft), 500);
}

async function keepDraft() {
  if (!draftTimer) return;
  clearTimeout(draftTimer);
  draftTimer = 0;
  session.items[pair.index].draft = true;
  await send(`/api/draft/${pair.index}`, said());
  $("saved").textContent = "draft kept";
}

const decideInTurn = inTurn(async (decision) => {
  clearTimeout(draftTimer);
  draftTimer = 0;
  const index = pair.index;
  session.items = (await send(`/api/decide/${index}`, { ...said(), decision })).items;
  toast(`Pair ${index + 1} ${STATES[session.items[index].state]}.`);
  await goOn(index);
});

function decide(decision) {
  if (pair && !pair.hidden && !busy) decideInTurn(decision);
}

async function goOn(index) {
  const after = neighbour(index, 1);
  if (after >= 0) return open(after);
  await open(index);
  const left = session.items.filter((item) => item.state === "todo").length;
  toast(left ? `This was the last pair of this list; ${left} are still to do.` : "That was all: every pair is reviewed. Thank you!");
}

const sayOwn = inTurn(async (verdict) => {
  if (!pair?.hidden) return;
  pair = await send(`/api/own/${pair.index}`, { verdict });
  draw();
});

function undo() {
  if ($("undo").hidden) return;
  for (const card of cards()) card.area.value = card.record.made.explanation;
  claims.show(pair.records.map((record) => ({ ...record, current: record.made })), pair.view, session.vocabulary);
  document.querySelectorAll("textarea").forEach(grow);
  touched();
}

function take(number) {
  const opinion = pair.opinions?.[number];
  if (!opinion) return;
  if (opinion.decision === "reject") return toast(`${opinion.annotator} rejects it: press r to do so.`);
  const taken = pair.records.map((record) => ({ ...record, current: { ...record.made, ...opinion.records[record.record_id] } }));
  cards().forEach((card, at) => (card.area.value = taken[at].current.explanation));
  claims.show(taken, pair.view, session.vocabulary);
  document.querySelectorAll("textarea").forEach(grow);
  touched();
}

function focusEnd(area) {
  if (!area || pair?.hidden) return;
  area.focus();
  area.setSelectionRange(area.value.length, area.value.length);
}

const zoom = (picture = 0) => pair && openZoom([$("query").src, $("satellite").src], picture);
const nextFilter = () => {
  $("filter").selectedIndex = ($("filter").selectedIndex + 1) % $("filter").length;
  toast(`Showing: ${$("filter").selectedOptions[0].textContent}`);
  changeFilter();
};

const KEYS = {
  a: () => decide("accept"),
  r: () => decide("reject"),
  e: () => focusEnd(cards()[0]?.area),
  c: () => focusEnd($("comment")),
  u: undo,
  n: () => go(1),
  p: () => go(-1),
  j: () => claims.step(1),
  k: () => claims.step(-1),
  x: () => !pair?.hidden && claims.remove(),
  "+": () => !pair?.hidden && claims.add(),
  Enter: () => claims.toggle(),
  z: () => zoom(),
  f: nextFilter,
  y: () => sayOwn("yes"),
  d: () => sayOwn("no"),
  "?": () => $("help").showModal(),
};
for (let number = 1; number <= 9; number += 1) KEYS[number] = () => take(number - 1);

document.addEventListener("keydown", (event) => {
  if (zoomIsOpen() || $("help").open || !session) return;
  const typing = event.target.matches("textarea, input, select");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    return decide("accept");
  }
  if (event.key === "Escape") {
    if (claims.open) claims.toggle(claims.open);
    return event.target.blur();
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Enter" && event.target.matches("button")) return;
  if (!KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

document.addEventListener("input", (event) => {
  if (!event.target.matches("textarea")) return;
  grow(event.target);
  touched();
});

const CLICKS = { accept: KEYS.a, reject: KEYS.r, edit: KEYS.e, "comment-open": KEYS.c, undo, next: KEYS.n, previous: KEYS.p, "zoom-open": KEYS.z, "own-yes": KEYS.y, "own-no": KEYS.d, "help-open": KEYS["?"], "help-close": () => $("help").close() };
for (const [id, act] of Object.entries(CLICKS)) $(id).addEventListener("click", () => act());
for (const frame of document.querySelectorAll(".frame")) frame.addEventListener("click", () => zoom(Number(frame.dataset.picture)));
for (const id of ["query", "satellite"]) $(id).addEventListener("load", layOut);
$("filter").addEventListener("change", changeFilter);
window.addEventListener("resize", () => document.querySelectorAll("textarea").forEach(grow));
document.addEventListener("visibilitychange", () => document.hidden && guarded(keepDraft)());
setInterval(() => document.hidden || (seconds += 1), 1000);

const start = guarded(async () => {
  session = await openSession();
  $("who").textContent = `${session.adjudicate ? "adjudication · " : ""}${session.annotator} · ${session.benchmark}`;
  const wanted = Number(location.hash.slice(1)) - 1;
  const todo = session.items.findIndex((item) => item.state === "todo");
  await open(session.items[wanted] ? wanted : Math.max(todo, 0));
  document.body.dataset.ready = "yes";
});
start();
