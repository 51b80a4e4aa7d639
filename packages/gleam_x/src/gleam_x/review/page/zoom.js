// Both pictures, large: each pane has its own scale and place; keys act on the chosen pane.

const dialog = document.getElementById("zoom");
const panes = [...dialog.querySelectorAll(".pane")].map((box) => ({ box, img: box.querySelector("img"), scale: 1, x: 0, y: 0 }));
let chosen = panes[0];

export function openZoom(sources, picture) {
  panes.forEach((pane, number) => {
    pane.img.onload = () => fit(pane);
    pane.img.src = sources[number];
  });
  dialog.showModal();
  panes.forEach(fit);
  choose(panes[picture]);
}

export const zoomIsOpen = () => dialog.open;

function choose(pane) {
  chosen = pane;
  panes.forEach((other) => other.box.classList.toggle("here", other === pane));
}

function fit(pane) {
  const { clientWidth, clientHeight } = pane.box;
  if (!pane.img.naturalWidth || !clientWidth) return;
  pane.scale = pane.least = Math.min(clientWidth / pane.img.naturalWidth, clientHeight / pane.img.naturalHeight);
  pane.x = (-pane.img.naturalWidth * pane.scale) / 2;
  pane.y = (-pane.img.naturalHeight * pane.scale) / 2;
  draw(pane);
}

function draw(pane) {
  pane.img.style.transform = `translate(${pane.x}px, ${pane.y}px) scale(${pane.scale})`;
}

// (atX, atY) is a point of the pane, from its centre, that stays where it is.
function zoomBy(pane, factor, atX = 0, atY = 0) {
  const scale = Math.min(Math.max(pane.scale * factor, pane.least), pane.least * 24);
  pane.x = atX - ((atX - pane.x) * scale) / pane.scale;
  pane.y = atY - ((atY - pane.y) * scale) / pane.scale;
  pane.scale = scale;
  draw(pane);
}

function move(pane, x, y) {
  pane.x += x;
  pane.y += y;
  draw(pane);
}

const KEYS = {
  "+": () => zoomBy(chosen, 1.3),
  "=": () => zoomBy(chosen, 1.3),
  "-": () => zoomBy(chosen, 1 / 1.3),
  0: () => fit(chosen),
  1: () => choose(panes[0]),
  2: () => choose(panes[1]),
  Tab: () => choose(panes[chosen === panes[0] ? 1 : 0]),
  ArrowLeft: () => move(chosen, 80, 0),
  ArrowRight: () => move(chosen, -80, 0),
  ArrowUp: () => move(chosen, 0, 80),
  ArrowDown: () => move(chosen, 0, -80),
  z: () => dialog.close(),
};

dialog.addEventListener("keydown", (event) => {
  if (!dialog.open) return; // closed a moment ago, and the focus has not moved yet
  event.stopPropagation();
  const act = event.ctrlKey || event.metaKey || event.altKey ? null : KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
document.getElementById("zoom-close").addEventListener("click", () => dialog.close());
window.addEventListener("resize", () => dialog.open && panes.forEach(fit));

panes.forEach((pane) => {
  const fingers = new Map();
  const spread = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  pane.box.addEventListener("wheel", (event) => {
    event.preventDefault();
    choose(pane);
    const box = pane.box.getBoundingClientRect();
    zoomBy(pane, Math.exp(-event.deltaY / 400), event.clientX - box.x - box.width / 2, event.clientY - box.y - box.height / 2);
  }, { passive: false });
  pane.box.addEventListener("pointerdown", (event) => {
    choose(pane);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    pane.box.setPointerCapture(event.pointerId);
  });
  pane.box.addEventListener("pointermove", (event) => {
    const last = fingers.get(event.pointerId);
    if (!last) return;
    const before = fingers.size === 2 ? spread() : 0;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (before) zoomBy(pane, spread() / before);
    else move(pane, event.clientX - last.x, event.clientY - last.y);
  });
  for (const name of ["pointerup", "pointercancel"]) pane.box.addEventListener(name, (event) => fingers.delete(event.pointerId));
  pane.box.addEventListener("dblclick", () => (pane.scale > pane.least * 1.01 ? fit(pane) : zoomBy(pane, 3)));
});
