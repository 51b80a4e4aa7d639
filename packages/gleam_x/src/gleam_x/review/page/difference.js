// What is gone and what is new between two texts, by words (Chinese: by characters), with a little of what stayed.

import { make } from "./claims.js";

const AROUND = 22; // characters that are shown of a long stretch that stayed, on each side of a change
const MOST_CELLS = 1_000_000; // above this the middle counts as changed whole; a text of 8000 characters must not hang

export function difference(before, after) {
  const [old, now] = [before, after].map((text) => text.match(/[a-z\d'-]+|\s+|./giu) ?? []);
  const pieces = merged(compare(old, now));
  return pieces.flatMap(([kind, text], at) => {
    if (kind !== "same") return [make(kind, { textContent: text })];
    return [shortened(text, at > 0, at < pieces.length - 1)];
  });
}

// Longest common subsequence between a common start and a common end.
function compare(old, now) {
  let start = 0;
  while (start < old.length && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < Math.min(old.length, now.length) - start && old.at(-1 - end) === now.at(-1 - end)) end += 1;
  const [gone, added] = [old.slice(start, old.length - end), now.slice(start, now.length - end)];
  const middle = gone.length * added.length > MOST_CELLS ? [...gone.map((word) => ["del", word]), ...added.map((word) => ["ins", word])] : walk(gone, added);
  return [...old.slice(0, start).map((word) => ["same", word]), ...middle, ...old.slice(old.length - end).map((word) => ["same", word])];
}

function walk(gone, added) {
  const width = added.length + 1;
  const length = new Uint16Array((gone.length + 1) * width); // longest common subsequence of the two rests
  for (let i = gone.length - 1; i >= 0; i -= 1) {
    for (let j = added.length - 1; j >= 0; j -= 1) {
      length[i * width + j] = gone[i] === added[j] ? length[(i + 1) * width + j + 1] + 1 : Math.max(length[(i + 1) * width + j], length[i * width + j + 1]);
    }
  }
  const pieces = [];
  for (let i = 0, j = 0; i < gone.length || j < added.length; ) {
    if (i < gone.length && j < added.length && gone[i] === added[j]) {
      pieces.push(["same", gone[i]]);
      i += 1;
      j += 1;
    } else if (j >= added.length || (i < gone.length && length[(i + 1) * width + j] >= length[i * width + j + 1])) {
      pieces.push(["del", gone[i]]);
      i += 1;
    } else {
      pieces.push(["ins", added[j]]);
      j += 1;
    }
  }
  return pieces;
}

function merged(pieces) {
  const all = [];
  for (const [kind, word] of pieces) {
    if (all.at(-1)?.[0] === kind) all.at(-1)[1] += word;
    else all.push([kind, word]);
  }
  return all;
}

function shortened(text, isAfterChange, isBeforeChange) {
  const kept = AROUND * (isAfterChange + isBeforeChange);
  if (text.length <= kept + 6) return text;
  const head = isAfterChange ? text.slice(0, AROUND).replace(/ \S*$/, "") : "";
  const tail = isBeforeChange ? text.slice(-AROUND).replace(/^\S* /, "") : "";
  return `${head} … ${tail}`;
}
