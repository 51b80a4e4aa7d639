// The list of claims: said in words, lit up in the pictures, changed in place. Texts enter as text, never as HTML.

export function make(tag, attributes = {}, ...children) {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
}

const spaced = (word) => word.replaceAll("_", " ");
const SHOWN = { both: ["in both", "good"], query: ["only in query", "edit"], satellite: ["only in tile", "edit"] };
const VIEW_SIDES = { uav: "image", map: "compass" };

function words(claim) {
  const colour = claim.colour ? `${claim.colour}${claim.part === "surface" ? "" : ` ${claim.part}`}, ` : "";
  return `${claim.count ? `${claim.count} × ` : ""}${spaced(claim.what)}${colour ? ` · ${colour.slice(0, -2)}` : ""}`;
}

export class Claims {
  // onChange() after every edit, onPoint(claim or null) when a claim is looked at.
  constructor(box, onChange, onPoint) {
    Object.assign(this, { box, onChange, onPoint, sets: [], here: null, open: null });
  }

  // One set for all languages where their claims are the same, else one a language.
  show(records, view, vocabulary) {
    const keys = new Set(records.map((record) => JSON.stringify(record.current.claims)));
    this.sets = (keys.size === 1 ? [records] : records.map((record) => [record])).map((members) => ({
      ids: members.map((record) => record.record_id),
      title: keys.size === 1 ? "Claims" : `Claims, ${members[0].language === "zh" ? "Chinese" : "English"}`,
      claims: structuredClone(members[0].current.claims),
    }));
    const streetSides = ["centre", "left", "right"];
    this.sides = VIEW_SIDES[view] ? vocabulary[VIEW_SIDES[view]] : streetSides;
    this.vocabulary = vocabulary;
    this.here = this.open = null;
    this.draw();
  }

  of(recordId) {
    return this.sets.find((set) => set.ids.includes(recordId)).claims;
  }

  step(by) {
    const all = this.sets.flatMap((set) => set.claims);
    if (!all.length) return;
    const at = all.indexOf(this.here);
    this.point(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length]);
    this.box.querySelector(".claim.here")?.scrollIntoView({ block: "nearest" });
  }

  point(claim) {
    this.here = claim;
    for (const row of this.box.querySelectorAll(".claim")) row.classList.toggle("here", row.claim === claim);
    this.onPoint(claim);
  }

  toggle(claim = this.here) {
    if (!claim) return;
    this.open = this.open === claim ? null : claim;
    this.here = claim;
    this.draw();
    this.box.querySelector(".claim-form select")?.focus();
  }

  remove(claim = this.here) {
    const set = this.sets.find((one) => one.claims.includes(claim));
    if (!set) return;
    set.claims.splice(set.claims.indexOf(claim), 1);
    this.here = this.open = null;
    this.changed();
  }

  add(set = this.sets[0]) {
    if (!set) return;
    const claim = { what: this.vocabulary.what[0], colour: "", part: "", count: null, query_where: "centre", satellite_where: "centre", shown_in: "both", relation: "present" };
    set.claims.push(claim);
    this.here = claim;
    this.open = null;
    this.changed();
    this.toggle(claim);
  }

  changed() {
    this.draw();
    this.onPoint(this.here);
    this.onChange();
  }

  draw() {
    this.box.replaceChildren(...this.sets.flatMap((set) => this.drawSet(set)));
  }

  drawSet(set) {
    const add = make("button", { className: "quiet", type: "button", textContent: "Add", onclick: () => this.add(set) });
    const rows = set.claims.map((claim) => make("li", {}, this.drawClaim(claim), ...(this.open === claim ? [this.form(claim)] : [])));
    const none = set.claims.length ? [] : [make("p", { className: "note", textContent: "No claims." })];
    return [make("div", { className: "head" }, make("span", { textContent: set.title }), add), make("ul", {}, ...rows), ...none];
  }

  drawClaim(claim) {
    const [shown, tone] = SHOWN[claim.shown_in];
    const where = (name, side) => make("span", { className: "where" }, ...(side ? [`${name} `, make("em", { textContent: side })] : []));
    const row = make(
      "div",
      { className: `claim${this.here === claim ? " here" : ""}`, onclick: () => this.toggle(claim), onmouseenter: () => this.point(claim), onmouseleave: () => this.open !== claim && this.point(null) },
      make("b", { textContent: words(claim) }),
      where("query", claim.query_where),
      where("tile", claim.satellite_where),
      make("span", { className: `tag ${tone}`, textContent: shown }),
    );
    row.claim = claim;
    return row;
  }

  form(claim) {
    const choice = (label, key, options) => {
      const select = make("select", { onchange: () => this.set(claim, key, select.value) });
      select.append(...options.map((value) => make("option", { value, textContent: spaced(value) || "–", selected: claim[key] === value })));
      return make("label", {}, label, select);
    };
    const count = make("input", { type: "number", min: 1, value: claim.count ?? "", onchange: () => this.set(claim, "count", count.value ? Math.max(1, Math.trunc(count.value)) : null) });
    return make(
      "div",
      { className: "claim-form" },
      choice("what", "what", this.vocabulary.what),
      make("label", {}, "count", count),
      choice("colour", "colour", this.vocabulary.colour),
      ...(claim.colour ? [choice("of its", "part", this.vocabulary.part.filter(Boolean))] : []),
      choice("shown in", "shown_in", Object.keys(SHOWN)),
      ...(claim.shown_in === "satellite" ? [] : [choice("in the query", "query_where", this.sides)]),
      ...(claim.shown_in === "query" ? [] : [choice("in the tile", "satellite_where", this.vocabulary.compass)]),
      make("button", { type: "button", className: "bad", textContent: "Remove", onclick: () => this.remove(claim) }),
      make("button", { type: "button", textContent: "Done", onclick: () => this.toggle(claim) }),
    );
  }

  // What belongs together changes together: a colour needs a part, a picture that shows it a place.
  set(claim, key, value) {
    claim[key] = value;
    if (key === "colour") claim.part = value ? claim.part || "roof" : "";
    claim.relation = claim.shown_in === "both" ? "present" : "contradicting";
    claim.query_where = claim.shown_in === "satellite" ? "" : claim.query_where || "centre";
    claim.satellite_where = claim.shown_in === "query" ? "" : claim.satellite_where || "centre";
    this.changed();
    const label = { what: 0, count: 1, colour: 2 }[key] ?? -1;
    this.box.querySelectorAll(".claim-form label")[label]?.querySelector("select, input").focus();
  }
}

// The part of a picture that a side names, as fractions (left, top, width, height).
export function spotOf(side, wholeHeight) {
  const has = (...names) => names.some((name) => side.split(/[ -]/).includes(name));
  const column = has("left", "west") ? 0 : has("right", "east") ? 2 : 1;
  const row = has("top", "north") ? 0 : has("bottom", "south") ? 2 : 1;
  return wholeHeight ? [column / 3, 0, 1 / 3, 1] : [column / 3, row / 3, 1 / 3, 1 / 3];
}
